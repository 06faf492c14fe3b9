/* The machine while it runs. Commands and tests of sieve_spec.c work on it; each returns 0 or a
 * negative errno after it has said why by machine_fail(). */
#ifndef VEREDUS_SIEVE_SIEVE_MACHINE_H
#define VEREDUS_SIEVE_SIEVE_MACHINE_H

#include "base/buf.h"
#include "message/mime.h"
#include "sieve/sieve_internal.h"

enum { SIEVE_CAPTURES = 10 };

struct machine_variable {
	struct machine_variable *next;
	struct slice name; /* lower case */
	struct slice value;
	bool is_global; /* of a script's list: it stands for the global one of that name */
};
struct machine_scope {
	struct machine_variable *first;
	unsigned count;
};

/* A script that runs, or waits for one that it included. */
struct machine_frame {
	struct machine_frame *outer;
	const struct sieve_program *program;
	const char *name;
	enum sieve_location location;
	size_t at; /* the next instruction */
	unsigned depth;
	struct machine_scope variables;
	struct slice captures[SIEVE_CAPTURES]; /* of the last :matches */
	struct machine_loop *loop;
};

/* A foreverypart: the parts of the one outside, in the order of the message. */
struct machine_loop {
	struct machine_loop *outer;
	const struct mime_part *within, *now;
	struct slice bytes; /* that they lie in */
	bool started;
};

struct machine {
	const struct sieve_job *job;
	struct arena *arena;   /* what stays: results, variables, the message as it is now */
	struct arena *scratch; /* of one instruction */
	struct sieve_result *result;
	size_t arena_base; /* what the arena held before */

	struct machine_frame *frame;
	struct machine_scope globals;
	const struct sieve_call *call; /* that runs; NULL between calls */
	bool flag;
	bool stopped;
	unsigned spent, rested;
	unsigned includes;
	struct included *included; /* for :once */

	struct slice header, body; /* of the message as it is now; with the trace fields */
	bool edited;
	struct slice tree_bytes; /* what the tree was made of */
	struct mime_part *tree;  /* NULL: not parsed, or not since it was changed */
	struct slice plain_body; /* before parts of it were replaced */
	struct replaced *replaced;

	bool keep; /* implicit */
	struct sieve_text_list flags;
	unsigned redirects;
	size_t action_capacity;
	bool rejected, answered; /* there is such an action already */
};

/* --- what everything needs ------------------------------------------------------------- */

/* Says what went wrong (once), and returns -EINVAL. */
int machine_fail(struct machine *m, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Counts work on so many bytes. -EINVAL when that was too much, or took too much memory. */
int machine_spend(struct machine *m, size_t bytes);
/* A line of the trace; costs nothing without one. */
void machine_trace(struct machine *m, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A string with its variables put in; in the scratch. */
struct slice machine_string(struct machine *m, const struct sieve_string *s);
/* The first string of a slot; empty if it is not there. */
struct slice machine_text(struct machine *m, const struct sieve_call *call, enum sieve_slot slot);
/* The same, copied into what stays. */
struct slice machine_keep_text(struct machine *m, const struct sieve_call *call,
                               enum sieve_slot slot);
struct sieve_text_list machine_keep_list(struct machine *m, const struct sieve_call *call,
                                         enum sieve_slot slot);

/* --- variables, sieve_variables.c ------------------------------------------------------ */

struct slice machine_get_variable(struct machine *m, struct slice name);
int machine_set_variable(struct machine *m, struct slice name, struct slice value);
/* False for what is no name (identifier, or "namespace.name"). */
bool sieve_variable_name(struct slice name);
/* Sets the variable that a call names first to a value, as its modifiers have it. */
int sieve_set_modified(struct machine *m, const struct sieve_call *call, struct slice value);
/* Length of the reference that s begins with ("${name}"), 0 if it is none; *name_out. */
size_t sieve_variable_reference(struct slice s, struct slice *name_out);

/* --- matching, sieve_match.c ----------------------------------------------------------- */

struct matcher {
	struct machine *m;
	enum sieve_match_kind kind;
	enum sieve_relation relation;
	enum sieve_comparator comparator;
	struct slice *keys; /* as the comparator has them */
	size_t key_count;
	uint64_t count; /* values so far, for :count */
	bool matched;
	int error;
	struct slice value; /* that matched */
};
/* Of the match type, comparator and keys of a call; keys: the slot they are in. */
int matcher_begin(struct matcher *t, struct machine *m, const struct sieve_call *call,
                  enum sieve_slot keys);
/* Looks at a value. True when no others need be looked at: it matched, or there was an error. */
bool matcher_try(struct matcher *t, struct slice value);
/* A value that may be missing counts for nothing, but for :count. The result of the test; 0 or an
 * error. */
int matcher_end(struct matcher *t, bool *out);

/* --- the message, sieve_message.c ------------------------------------------------------ */

/* The part that the innermost loop stands at, or the message as it is; and the bytes it lies in. */
const struct mime_part *machine_part(struct machine *m, struct slice *bytes_out);
/* The message as it is. */
const struct mime_part *machine_tree(struct machine *m);
/* The header that a test without :mime looks at, or one with it. */
struct slice machine_header_of(struct machine *m, bool mime);
/* Visits the values of fields of a name in their order: all with index 0, or the one of that number
 * (counted from the last with `last`); as they stand. A visit that returns true ends it. True if
 * one did. */
typedef bool (*machine_field_visit)(struct machine *m, struct slice value, void *arg);
bool machine_each_field(struct machine *m, struct slice header, struct slice name, uint64_t index,
                        bool last, machine_field_visit visit, void *arg);
/* Visits the headers that a call is about: one, or with :anychild those of all parts. */
typedef bool (*machine_header_visit)(struct machine *m, struct slice header, void *arg);
bool machine_each_header(struct machine *m, const struct sieve_call *call,
                         machine_header_visit visit, void *arg);
/* For people: UTF-8 on one line. */
struct slice machine_decode(struct machine *m, struct slice value);
/* What is in an external list (RFC 6134), in the scratch; 1, or 0 if there is none. */
int machine_list(struct machine *m, struct slice name, struct slice *out);
/* The next value of it; false: no more. */
bool machine_list_next(struct slice *rest, struct slice *out);
/* local@domain of "Name <local@domain>" or of the bare address; false if it is not just one. */
bool machine_address(struct arena *arena, struct slice text, struct slice *out);
/* False if the address has no such part (:detail). */
bool machine_address_part(const struct machine *m, enum sieve_address_part part, struct slice local,
                          struct slice domain, struct slice *out);
/* The text of a part for people: decoded, as UTF-8, HTML without its tags; at most max bytes. */
struct slice machine_part_text(struct machine *m, const struct mime_part *part, struct slice bytes,
                               size_t max);
/* The message gets this header, or this body. */
void machine_replace_header(struct machine *m, struct slice header);
void machine_replace_body(struct machine *m, struct slice body);

/* --- actions, sieve_action.c ----------------------------------------------------------- */

/* Room for one more, with line, script and message set; NULL: too many, which was told. */
struct sieve_action *machine_add(struct machine *m, enum sieve_action_kind kind);
int machine_fcc(struct machine *m, const struct sieve_call *call, struct sieve_fcc *out);

/* --- including ------------------------------------------------------------------------- */

int machine_enter(struct machine *m, const struct sieve_program *program, const char *name,
                  enum sieve_location location);

/* --- all of them: what sieve_spec.c names ----------------------------------------------- */

int sieve_do_keep(struct machine *m, const struct sieve_call *call);
int sieve_do_discard(struct machine *m, const struct sieve_call *call);
int sieve_do_fileinto(struct machine *m, const struct sieve_call *call);
int sieve_do_redirect(struct machine *m, const struct sieve_call *call);
int sieve_do_reject(struct machine *m, const struct sieve_call *call);
int sieve_do_ereject(struct machine *m, const struct sieve_call *call);
int sieve_do_vacation(struct machine *m, const struct sieve_call *call);
int sieve_do_notify(struct machine *m, const struct sieve_call *call);
int sieve_do_set(struct machine *m, const struct sieve_call *call);
int sieve_do_setflag(struct machine *m, const struct sieve_call *call);
int sieve_do_addflag(struct machine *m, const struct sieve_call *call);
int sieve_do_removeflag(struct machine *m, const struct sieve_call *call);
int sieve_do_addheader(struct machine *m, const struct sieve_call *call);
int sieve_do_deleteheader(struct machine *m, const struct sieve_call *call);
int sieve_do_include(struct machine *m, const struct sieve_call *call);
int sieve_do_global(struct machine *m, const struct sieve_call *call);
int sieve_do_each_part(struct machine *m, const struct sieve_call *call);
int sieve_do_extracttext(struct machine *m, const struct sieve_call *call);
int sieve_do_replace(struct machine *m, const struct sieve_call *call);
int sieve_do_enclose(struct machine *m, const struct sieve_call *call);
int sieve_do_error(struct machine *m, const struct sieve_call *call);

int sieve_test_header(struct machine *m, const struct sieve_call *call, bool *out);
int sieve_test_address(struct machine *m, const struct sieve_call *call, bool *out);
int sieve_test_envelope(struct machine *m, const struct sieve_call *call, bool *out);
int sieve_test_exists(struct machine *m, const struct sieve_call *call, bool *out);
int sieve_test_size(struct machine *m, const struct sieve_call *call, bool *out);
int sieve_test_body(struct machine *m, const struct sieve_call *call, bool *out);
int sieve_test_string(struct machine *m, const struct sieve_call *call, bool *out);
int sieve_test_hasflag(struct machine *m, const struct sieve_call *call, bool *out);
int sieve_test_date(struct machine *m, const struct sieve_call *call, bool *out);
int sieve_test_currentdate(struct machine *m, const struct sieve_call *call, bool *out);
int sieve_test_environment(struct machine *m, const struct sieve_call *call, bool *out);
int sieve_test_mailboxexists(struct machine *m, const struct sieve_call *call, bool *out);
int sieve_test_mailboxidexists(struct machine *m, const struct sieve_call *call, bool *out);
int sieve_test_specialuse(struct machine *m, const struct sieve_call *call, bool *out);
int sieve_test_duplicate(struct machine *m, const struct sieve_call *call, bool *out);
int sieve_test_spamtest(struct machine *m, const struct sieve_call *call, bool *out);
int sieve_test_virustest(struct machine *m, const struct sieve_call *call, bool *out);
int sieve_test_valid_method(struct machine *m, const struct sieve_call *call, bool *out);
int sieve_test_method_capability(struct machine *m, const struct sieve_call *call, bool *out);
int sieve_test_valid_list(struct machine *m, const struct sieve_call *call, bool *out);

/* --- checks of arguments when a script is compiled, sieve_check.c ----------------------- */

bool sieve_check_match(struct sieve_binding *b, struct sieve_call *call);
bool sieve_check_envelope(struct sieve_binding *b, struct sieve_call *call);
bool sieve_check_date(struct sieve_binding *b, struct sieve_call *call);
bool sieve_check_currentdate(struct sieve_binding *b, struct sieve_call *call);
bool sieve_check_fileinto(struct sieve_binding *b, struct sieve_call *call);
bool sieve_check_redirect(struct sieve_binding *b, struct sieve_call *call);
bool sieve_check_vacation(struct sieve_binding *b, struct sieve_call *call);
bool sieve_check_notify(struct sieve_binding *b, struct sieve_call *call);
bool sieve_check_set(struct sieve_binding *b, struct sieve_call *call);
bool sieve_check_flags(struct sieve_binding *b, struct sieve_call *call);
bool sieve_check_edit(struct sieve_binding *b, struct sieve_call *call);
bool sieve_check_include(struct sieve_binding *b, struct sieve_call *call);
bool sieve_check_global(struct sieve_binding *b, struct sieve_call *call);
bool sieve_check_size(struct sieve_binding *b, struct sieve_call *call);
bool sieve_check_replace(struct sieve_binding *b, struct sieve_call *call);

#endif
