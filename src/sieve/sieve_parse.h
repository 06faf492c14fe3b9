/* The shape of a script: commands, tests and arguments, whatever they are called (the generic
 * grammar of RFC 5228 section 8.2). What each may have is for sieve_compile.c. */
#ifndef VEREDUS_SIEVE_SIEVE_PARSE_H
#define VEREDUS_SIEVE_SIEVE_PARSE_H

#include "sieve/sieve.h"

enum sieve_value_kind { VALUE_NUMBER, VALUE_STRING, VALUE_LIST, VALUE_TAG };

struct sieve_value {
	struct sieve_value *next;
	enum sieve_value_kind kind;
	unsigned line, column;
	uint64_t number;
	struct slice text;   /* of a string or tag */
	struct slice *items; /* of a list */
	size_t count;
};

/* A command or a test. */
struct sieve_node {
	struct sieve_node *next; /* in its block or list of tests */
	unsigned line, column;
	struct slice name;
	struct sieve_value *values;
	struct sieve_node *tests;
	bool has_tests_list; /* in parentheses */
	bool has_block;
	struct sieve_node *block;
};

/* The commands, in the arena; false: *error_out is set, and nothing else. No commands is NULL. */
bool sieve_parse(struct slice script, const struct sieve_limits *limits, struct arena *arena,
                 struct sieve_node **out, struct sieve_error *error_out);

#endif
