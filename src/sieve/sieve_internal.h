/* What compiler and machine share: programs, and the table of commands and tests.
 *
 * A program is a list of instructions. A test sets a flag, jumps look at it; commands and tests
 * that are more than flow are calls, with their arguments bound to slots by sieve_bind.c. */
#ifndef VEREDUS_SIEVE_SIEVE_INTERNAL_H
#define VEREDUS_SIEVE_SIEVE_INTERNAL_H

#include "sieve/sieve.h"
#include "sieve/sieve_parse.h"

/* In the order of their names; sieve_extension.c. */
enum sieve_extension {
	EXT_NONE,
	EXT_BODY,
	EXT_COMPARATOR_NUMERIC,
	EXT_COMPARATOR_UNICODE,
	EXT_COPY,
	EXT_DATE,
	EXT_DUPLICATE,
	EXT_EDITHEADER,
	EXT_ENCLOSE,
	EXT_ENCODED_CHARACTER,
	EXT_ENOTIFY,
	EXT_ENVELOPE,
	EXT_ENVIRONMENT,
	EXT_EREJECT,
	EXT_EXTLISTS,
	EXT_EXTRACTTEXT,
	EXT_FCC,
	EXT_FILEINTO,
	EXT_FOREVERYPART,
	EXT_IHAVE,
	EXT_IMAP4FLAGS,
	EXT_IMAPSIEVE,
	EXT_INCLUDE,
	EXT_INDEX,
	EXT_MAILBOX,
	EXT_MAILBOXID,
	EXT_MIME,
	EXT_REDIRECT_DSN,
	EXT_REJECT,
	EXT_RELATIONAL,
	EXT_REPLACE,
	EXT_SPAMTEST,
	EXT_SPAMTESTPLUS,
	EXT_SPECIAL_USE,
	EXT_SUBADDRESS,
	EXT_VACATION,
	EXT_VACATION_SECONDS,
	EXT_VARIABLES,
	EXT_VIRUSTEST,
	EXT_COUNT,
};
/* EXT_NONE: there is no such. comparator-i;octet and -ascii-casemap are EXT_COUNT: always on. */
enum sieve_extension sieve_extension_find(struct slice name);
const char *sieve_extension_text(enum sieve_extension extension);

/* Where the arguments of a call are found. Tags that exclude each other share one. */
enum sieve_slot {
	SLOT_POSITION, /* the first without a tag; the next follow */
	SLOT_POSITION_LAST = SLOT_POSITION + 3,
	SLOT_COMPARATOR,
	SLOT_MATCH, /* choice: enum sieve_match_kind; number: enum sieve_relation */
	SLOT_ADDRESS_PART,
	SLOT_INDEX,
	SLOT_LAST,
	SLOT_MIME,
	SLOT_ANYCHILD,
	SLOT_MIME_OPTION,
	SLOT_BODY,
	SLOT_ZONE,
	SLOT_SIZE,
	SLOT_COPY,
	SLOT_LIST,
	SLOT_CREATE,
	SLOT_FLAGS,
	SLOT_MAILBOX_ID,
	SLOT_SPECIAL_USE,
	SLOT_DSN_NOTIFY,
	SLOT_DSN_RET,
	SLOT_DAYS, /* choice 1: seconds */
	SLOT_SUBJECT,
	SLOT_FROM,
	SLOT_ADDRESSES,
	SLOT_HANDLE,
	SLOT_FCC,
	SLOT_IMPORTANCE,
	SLOT_OPTIONS,
	SLOT_MESSAGE,
	SLOT_LOCATION,
	SLOT_ONCE,
	SLOT_OPTIONAL,
	SLOT_ID, /* duplicate: choice 0 header, 1 unique id */
	SLOT_NAME,
	SLOT_FIRST,
	SLOT_PERCENT,
	SLOT_HEADERS,
	SLOT_CASE,       /* modifier, precedence 40 */
	SLOT_CASE_FIRST, /* 30 */
	SLOT_QUOTE,      /* 20 */
	SLOT_ENCODE,     /* 15 */
	SLOT_LENGTH,     /* 10 */
};

enum sieve_match_kind {
	MATCH_IS,
	MATCH_CONTAINS,
	MATCH_MATCHES,
	MATCH_VALUE,
	MATCH_COUNT,
	MATCH_LIST,
};
enum sieve_comparator {
	COMPARE_ASCII_CASEMAP,
	COMPARE_OCTET,
	COMPARE_NUMERIC,
	COMPARE_UNICODE,
};
enum sieve_relation { REL_GT, REL_GE, REL_LT, REL_LE, REL_EQ, REL_NE, REL_NONE };
enum sieve_address_part { PART_ALL, PART_LOCAL, PART_DOMAIN, PART_USER, PART_DETAIL };
enum sieve_mime_option { MIME_OPTION_NONE, MIME_TYPE, MIME_SUBTYPE, MIME_CONTENTTYPE, MIME_PARAM };
enum sieve_body_kind { BODY_TEXT, BODY_RAW, BODY_CONTENT };

struct sieve_string {
	struct slice text;
	bool variable; /* has "${...}" that is looked at when it is used */
};

struct sieve_arg {
	enum sieve_slot slot;
	int choice;
	uint64_t number;
	struct sieve_string *items; /* of a string, one */
	size_t count;
};

struct sieve_spec;
struct sieve_call {
	const struct sieve_spec *spec;
	unsigned line, column;
	struct sieve_arg *args;
	size_t arg_count;
};

/* NULL if it is not there. */
const struct sieve_arg *sieve_arg(const struct sieve_call *call, enum sieve_slot slot);
/* The choice of a slot, or that if it is not there. */
int sieve_choice(const struct sieve_call *call, enum sieve_slot slot, int otherwise);

enum sieve_op {
	OP_END,
	OP_TEST, /* operand: the call */
	OP_DO,   /* likewise */
	OP_SET,  /* the flag */
	OP_NOT,
	OP_JUMP, /* operand: the instruction */
	OP_JUMP_IF,
	OP_JUMP_UNLESS,
	OP_NEXT_PART, /* the next part of the innermost loop, or jump behind the loop */
	OP_LEAVE,     /* so many loops */
	OP_STOP,
	OP_RETURN,
	OP_FAIL, /* the text of that call ends the run: what could not be compiled (RFC 5463) */
};
struct sieve_instruction {
	uint8_t op;
	uint32_t operand;
};

struct sieve_program {
	struct sieve_instruction *code;
	size_t code_count, code_capacity;
	struct sieve_call **calls;
	size_t call_count, call_capacity;
	const char **failures;
	size_t failure_count, failure_capacity;
	bool has[EXT_COUNT]; /* what it requires */
};

/* --- the table of commands and tests, sieve_spec.c ------------------------------------ */

enum sieve_arg_type { ARG_ALONE, ARG_NUMBER, ARG_STRING, ARG_LIST };

struct sieve_tag {
	const char *name;
	enum sieve_slot slot;
	int choice;
	enum sieve_arg_type type;
	enum sieve_extension extension; /* that it belongs to */
	bool constant;                  /* no variables in it */
};

enum sieve_spec_kind { SPEC_COMMAND, SPEC_TEST };
/* What the compiler does itself. */
enum sieve_flow {
	FLOW_CALL,
	FLOW_REQUIRE,
	FLOW_IF,
	FLOW_ELSIF,
	FLOW_ELSE,
	FLOW_STOP,
	FLOW_RETURN,
	FLOW_EACH_PART,
	FLOW_BREAK,
	FLOW_NOT,
	FLOW_ANY,
	FLOW_ALL,
	FLOW_TRUE,
	FLOW_FALSE,
	FLOW_HAVE,
};

enum { SIEVE_TAG_GROUPS = 6 };
struct machine;
struct sieve_binding;
struct sieve_spec {
	const char *name;
	enum sieve_spec_kind kind;
	enum sieve_flow flow;
	enum sieve_extension extension, or_extension;
	/* One letter for each argument without a tag: S string, L list of them, N number; in lower
	 * case no variables may be in it. The one behind a "?" in front may be missing, and so may
	 * that behind a "+". */
	const char *positions;
	const struct sieve_tag *tags[SIEVE_TAG_GROUPS]; /* each ends with a name that is NULL */
	/* More that must hold of the arguments. False: the error was told. NULL: nothing. */
	bool (*check)(struct sieve_binding *b, struct sieve_call *call);
	int (*act)(struct machine *m, const struct sieve_call *call);
	int (*test)(struct machine *m, const struct sieve_call *call, bool *out);
};

const struct sieve_spec *sieve_spec_find(enum sieve_spec_kind kind, struct slice name);

/* --- binding, sieve_bind.c ------------------------------------------------------------- */

struct sieve_binding {
	struct arena *arena;
	struct sieve_program *program; /* .has is what is required so far */
	const struct sieve_node *node;
	struct sieve_error *error; /* the first one that was found */
};
/* The call of a node; NULL: *b->error is set. */
struct sieve_call *sieve_bind(struct sieve_binding *b, const struct sieve_spec *spec);
/* Tells an error at the node, and returns false. */
bool sieve_wrong(struct sieve_binding *b, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
