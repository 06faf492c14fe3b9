/* Tests of header, envelope and size (RFC 5228 section 5, RFC 5260 section 6, RFC 5703 section 4).
 */
#include <errno.h>

#include "message/address.h"
#include "message/address_list.h"
#include "sieve/sieve_machine.h"

enum { ADDRESSES_MAX = 10000, PARAMETERS_MAX = 100 };

/* A test that looks at fields of given names. */
struct look {
	const struct sieve_call *call;
	struct matcher match;
	const struct sieve_arg *names;
	uint64_t index;
	bool last;
	enum sieve_mime_option option;
	enum sieve_address_part part;
	struct slice missing; /* the name that was not there */
	machine_field_visit visit;
};

static int look_begin(struct look *look, struct machine *m, const struct sieve_call *call,
                      machine_field_visit visit)
{
	const struct sieve_arg *index = sieve_arg(call, SLOT_INDEX);
	*look = (struct look){
		.call = call,
		.names = sieve_arg(call, SLOT_POSITION),
		.index = index ? index->number : 0,
		.last = sieve_arg(call, SLOT_LAST) != NULL,
		.option = (enum sieve_mime_option)sieve_choice(call, SLOT_MIME_OPTION, 0),
		.part = (enum sieve_address_part)sieve_choice(call, SLOT_ADDRESS_PART, PART_ALL),
		.visit = visit,
	};
	return matcher_begin(&look->match, m, call, SLOT_POSITION + 1);
}

static bool look_at_header(struct machine *m, struct slice header, void *arg)
{
	struct look *look = arg;
	for (size_t i = 0; i < look->names->count; i++) {
		struct slice name = slice_trim(machine_string(m, &look->names->items[i]));
		if (machine_each_field(m, header, name, look->index, look->last, look->visit, look))
			return true;
	}
	return false;
}

static int look_run(struct look *look, struct machine *m, bool *out)
{
	machine_each_header(m, look->call, look_at_header, look);
	int rc = matcher_end(&look->match, out);
	if (rc == 0)
		machine_trace(m, "test %s: %s%s%.*s%s", look->call->spec->name, *out ? "yes" : "no",
		              look->match.value.len > 0 ? " (\"" : "", SLICE_ARG(look->match.value),
		              look->match.value.len > 0 ? "\")" : "");
	return rc;
}

/* --- header ---------------------------------------------------------------------------- */

static bool look_at_parameters(struct machine *m, struct look *look, struct slice value)
{
	struct header_param *params;
	struct slice main, text;
	size_t count = header_params(m->scratch, value, PARAMETERS_MAX, &main, &params);
	const struct sieve_arg *names = sieve_arg(look->call, SLOT_MIME_OPTION);
	for (size_t i = 0; i < names->count; i++) {
		struct slice name = machine_string(m, &names->items[i]);
		if (header_param_find(m->scratch, params, count, name, &text) &&
		    matcher_try(&look->match, text))
			return true;
	}
	return false;
}

/* Parts of a MIME field: "text/plain; charset=x" has type, subtype, both, and parameters. */
static bool look_at_mime_field(struct machine *m, struct look *look, struct slice value)
{
	struct header_param *params;
	struct slice main;
	if (look->option == MIME_PARAM)
		return look_at_parameters(m, look, value);
	header_params(m->scratch, value, 0, &main, &params);
	main = slice_trim(main);
	struct slice subtype = main;
	struct slice type = slice_trim(slice_split(&subtype, '/'));
	if (look->option == MIME_TYPE)
		main = type;
	else if (look->option == MIME_SUBTYPE)
		main = slice_trim(subtype);
	return matcher_try(&look->match, main);
}

static bool look_at_field(struct machine *m, struct slice value, void *arg)
{
	struct look *look = arg;
	if (look->option != MIME_OPTION_NONE)
		return look_at_mime_field(m, look, value);
	return matcher_try(&look->match, machine_decode(m, value));
}

int sieve_test_header(struct machine *m, const struct sieve_call *call, bool *out)
{
	struct look look;
	int rc = look_begin(&look, m, call, look_at_field);
	return rc < 0 ? rc : look_run(&look, m, out);
}

/* --- address --------------------------------------------------------------------------- */

static bool look_at_addresses(struct machine *m, struct slice value, void *arg)
{
	struct look *look = arg;
	struct slice text;
	struct address_list list = address_list_parse(m->scratch, header_unfold(m->scratch, value),
	                                              ADDRESSES_MAX);
	for (size_t i = 0; i < list.count; i++) {
		const struct address_entry *e = &list.entries[i];
		if (e->kind != ADDRESS_ENTRY_MAILBOX || (e->local.len == 0 && e->domain.len == 0))
			continue;
		if (machine_address_part(m, look->part, e->local, e->domain, &text) &&
		    matcher_try(&look->match, text))
			return true;
	}
	return false;
}

int sieve_test_address(struct machine *m, const struct sieve_call *call, bool *out)
{
	struct look look;
	int rc = look_begin(&look, m, call, look_at_addresses);
	return rc < 0 ? rc : look_run(&look, m, out);
}

/* --- envelope -------------------------------------------------------------------------- */

/* Where it is not known, nothing matches: "auth" of who did not log in. */
static bool look_at_envelope(struct machine *m, struct look *look, struct slice name)
{
	struct slice path = m->job->envelope.to, text;
	struct address address = { .local = SLICE_EMPTY };
	bool from = slice_equal_nocase(name, SLICE("from"));
	if (slice_equal_nocase(name, SLICE("auth"))) {
		path = m->job->envelope.auth;
		return path.len > 0 && matcher_try(&look->match, path);
	}
	if (from)
		path = m->job->envelope.from;
	else if (m->job->envelope.orig_to.len > 0)
		path = m->job->envelope.orig_to;
	if (path.len == 0)
		return from && (look->part != PART_DETAIL) && matcher_try(&look->match, path);
	if (!address_parse(m->scratch, path, ADDRESS_ALLOW_UTF8 | ADDRESS_ALLOW_LOCAL, &address))
		address.local = path;
	return machine_address_part(m, look->part, address.local, address.domain, &text) &&
	       matcher_try(&look->match, text);
}

int sieve_test_envelope(struct machine *m, const struct sieve_call *call, bool *out)
{
	struct look look;
	/* RFC 6785 section 4.6. */
	if (m->job->is_event)
		return machine_fail(m, "there is an envelope only when mail is delivered");
	int rc = look_begin(&look, m, call, NULL);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < look.names->count; i++) {
		if (look_at_envelope(m, &look, machine_string(m, &look.names->items[i])))
			break;
	}
	rc = matcher_end(&look.match, out);
	if (rc == 0)
		machine_trace(m, "test envelope: %s", *out ? "yes" : "no");
	return rc;
}

/* --- exists, size ---------------------------------------------------------------------- */

static bool is_there(struct machine *m, struct slice value, void *arg)
{
	(void)m;
	(void)value;
	(void)arg;
	return true;
}

/* All names must be there; each in any header that is looked at. */
struct wanted {
	struct slice name;
};

static bool has_field(struct machine *m, struct slice header, void *arg)
{
	const struct wanted *wanted = arg;
	return machine_each_field(m, header, wanted->name, 0, false, is_there, NULL);
}

int sieve_test_exists(struct machine *m, const struct sieve_call *call, bool *out)
{
	const struct sieve_arg *names = sieve_arg(call, SLOT_POSITION);
	bool all = true;
	for (size_t i = 0; i < names->count && all; i++) {
		struct wanted wanted = { slice_trim(machine_string(m, &names->items[i])) };
		all = machine_each_header(m, call, has_field, &wanted);
		if (!all)
			machine_trace(m, "test exists: no (no field \"%.*s\")",
			              SLICE_ARG(wanted.name));
	}
	if (all)
		machine_trace(m, "test exists: yes");
	*out = all;
	return 0;
}

int sieve_test_size(struct machine *m, const struct sieve_call *call, bool *out)
{
	uint64_t limit = sieve_arg(call, SLOT_POSITION)->number;
	uint64_t size = m->job->message.len;
	bool under = sieve_choice(call, SLOT_SIZE, 0) == 1;
	*out = under ? size < limit : size > limit;
	machine_trace(m, "test size: %s (%llu bytes)", *out ? "yes" : "no",
	              (unsigned long long)size);
	return 0;
}
