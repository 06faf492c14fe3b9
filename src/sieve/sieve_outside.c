/* Tests of what is not in the message. */
#include <errno.h>

#include "message/address.h"
#include "sieve/sieve_machine.h"

static int machine_has_mailbox(struct machine *m, enum sieve_mailbox_test by, struct slice key,
                               struct slice name, bool *out)
{
	const struct sieve_outside *outside = &m->job->outside;
	int rc = outside->mailbox ? outside->mailbox(outside->arg, by, key, name) : 0;
	*out = rc > 0;
	return rc < 0 ? machine_fail(m, "the mailboxes can't be read") : 0;
}

static int test_mailboxes(struct machine *m, const struct sieve_call *call,
                          enum sieve_mailbox_test by, enum sieve_slot slot, struct slice name,
                          bool *out)
{
	const struct sieve_arg *keys = sieve_arg(call, slot);
	int rc = 0;
	*out = true;
	for (size_t i = 0; i < keys->count && rc == 0 && *out; i++) {
		struct slice key = machine_string(m, &keys->items[i]);
		rc = machine_has_mailbox(m, by, key, name, out);
		machine_trace(m, "test %s \"%.*s\": %s", call->spec->name, SLICE_ARG(key),
		              *out ? "yes" : "no");
	}
	return rc;
}

int sieve_test_mailboxexists(struct machine *m, const struct sieve_call *call, bool *out)
{
	return test_mailboxes(m, call, SIEVE_BY_NAME, SLOT_POSITION, SLICE_EMPTY, out);
}

int sieve_test_mailboxidexists(struct machine *m, const struct sieve_call *call, bool *out)
{
	return test_mailboxes(m, call, SIEVE_BY_ID, SLOT_POSITION, SLICE_EMPTY, out);
}

int sieve_test_specialuse(struct machine *m, const struct sieve_call *call, bool *out)
{
	struct slice name = machine_text(m, call, SLOT_POSITION);
	return test_mailboxes(m, call, SIEVE_BY_USE, SLOT_POSITION + 1, name, out);
}

/* --- environment (RFC 5183) --------------------------------------- */

static const struct slice *environment_item(const struct sieve_job *job, struct slice name)
{
	const struct {
		const char *name;
		const struct slice *value;
	} items[] = {
		{ "domain", &job->environment.domain },
		{ "host", &job->environment.host },
		{ "imap.cause", &job->environment.imap_cause },
		{ "imap.changedflags", &job->environment.imap_changed_flags },
		{ "imap.email", &job->environment.imap_email },
		{ "imap.mailbox", &job->environment.imap_mailbox },
		{ "imap.user", &job->environment.imap_user },
		{ "location", &job->environment.location },
		{ "name", &job->environment.name },
		{ "phase", &job->environment.phase },
		{ "remote-host", &job->environment.remote_host },
		{ "remote-ip", &job->environment.remote_ip },
		{ "version", &job->environment.version },
	};
	for (size_t i = 0; i < sizeof(items) / sizeof(*items); i++) {
		if (slice_equal_nocase(name, slice_from_str(items[i].name)))
			return items[i].value->data ? items[i].value : NULL;
	}
	return NULL;
}

int sieve_test_environment(struct machine *m, const struct sieve_call *call, bool *out)
{
	struct matcher match;
	struct slice name = machine_text(m, call, SLOT_POSITION);
	const struct slice *value = environment_item(m->job, name);
	int rc = matcher_begin(&match, m, call, SLOT_POSITION + 1);
	if (rc < 0)
		return rc;
	/* What is not known matches nothing, :count 0 not even. */
	*out = false;
	if (value) {
		matcher_try(&match, *value);
		rc = matcher_end(&match, out);
	}
	machine_trace(m, "test environment \"%.*s\": %s", SLICE_ARG(name), *out ? "yes" : "no");
	return rc;
}

/* --- string ---------------------------------------------------------------------------- */

/* RFC 5229 section 5: for :count an empty string is none. */
int sieve_test_string(struct machine *m, const struct sieve_call *call, bool *out)
{
	const struct sieve_arg *values = sieve_arg(call, SLOT_POSITION);
	struct matcher match;
	int rc = matcher_begin(&match, m, call, SLOT_POSITION + 1);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < values->count; i++) {
		struct slice value = machine_string(m, &values->items[i]);
		if ((match.kind != MATCH_COUNT || value.len > 0) && matcher_try(&match, value))
			break;
	}
	rc = matcher_end(&match, out);
	if (rc == 0)
		machine_trace(m, "test string: %s", *out ? "yes" : "no");
	return rc;
}

/* --- spamtest, virustest (RFC 5235) ------------------------------------------------------ */

static int test_value(struct machine *m, const struct sieve_call *call, bool known, unsigned value,
                      bool *out)
{
	struct matcher match;
	int rc = matcher_begin(&match, m, call, SLOT_POSITION);
	if (rc < 0)
		return rc;
	if (match.kind != MATCH_COUNT || known)
		matcher_try(&match,
		            slice_from_str(arena_printf(m->scratch, "%u", known ? value : 0)));
	rc = matcher_end(&match, out);
	if (rc == 0)
		machine_trace(m, "test %s: %s (%u)", call->spec->name, *out ? "yes" : "no",
		              known ? value : 0);
	return rc;
}

/* 1 is surely none, 10 surely spam; in percent 0 and 100. */
int sieve_test_spamtest(struct machine *m, const struct sieve_call *call, bool *out)
{
	const struct sieve_spam *spam = &m->job->spam;
	int score = spam->score < 0 ? 0 : spam->score > spam->full ? spam->full : spam->score;
	unsigned percent = spam->full > 0 ? (unsigned)(100LL * score / spam->full) : 0;
	unsigned value = sieve_arg(call, SLOT_PERCENT) ? percent : 1 + percent * 9 / 100;
	return test_value(m, call, spam->known, value, out);
}

int sieve_test_virustest(struct machine *m, const struct sieve_call *call, bool *out)
{
	return test_value(m, call, m->job->virus.known, m->job->virus.value, out);
}

/* --- extlists (RFC 6134) ----------------------------------------------------------------- */

int machine_list(struct machine *m, struct slice name, struct slice *out)
{
	const struct sieve_outside *outside = &m->job->outside;
	*out = SLICE_EMPTY;
	int rc = outside->list ? outside->list(outside->arg, name, m->scratch, out) : 0;
	if (rc < 0)
		return machine_fail(m, "the list \"%.*s\" can't be read", SLICE_ARG(name));
	int spent = machine_spend(m, out->len);
	return spent < 0 ? spent : rc;
}

bool machine_list_next(struct slice *rest, struct slice *out)
{
	do {
		if (rest->len == 0)
			return false;
		*out = slice_trim(slice_split(rest, '\n'));
	} while (out->len == 0 || out->data[0] == '#');
	return true;
}

int sieve_test_valid_list(struct machine *m, const struct sieve_call *call, bool *out)
{
	const struct sieve_arg *lists = sieve_arg(call, SLOT_POSITION);
	struct slice text;
	int rc = 1;
	for (size_t i = 0; i < lists->count && rc > 0; i++)
		rc = machine_list(m, machine_string(m, &lists->items[i]), &text);
	*out = rc > 0;
	return rc < 0 ? rc : 0;
}

/* --- duplicate (RFC 7352) ---------------------------------------------------------------- */

static bool take_value(struct machine *m, struct slice value, void *arg)
{
	*(struct slice *)arg = slice_trim(header_unfold(m->scratch, value));
	return true;
}

/* The id of the message that is to be remembered; empty: it has none. */
static struct slice duplicate_id(struct machine *m, const struct sieve_call *call)
{
	const struct sieve_arg *arg = sieve_arg(call, SLOT_ID);
	struct slice value = SLICE_EMPTY, name = SLICE("Message-ID");
	if (arg && arg->choice == 1)
		return machine_text(m, call, SLOT_ID);
	if (arg)
		name = slice_trim(machine_text(m, call, SLOT_ID));
	machine_each_field(m, m->header, name, 1, false, take_value, &value);
	return value;
}

enum { DUPLICATE_DAYS = 7, DUPLICATE_DAYS_MAX = 90 };

static int64_t duplicate_seconds(const struct sieve_call *call)
{
	const struct sieve_arg *seconds = sieve_arg(call, SLOT_DAYS);
	const int64_t max = DUPLICATE_DAYS_MAX * 86400LL;
	if (!seconds)
		return DUPLICATE_DAYS * 86400LL;
	return seconds->number < (uint64_t)max ? (int64_t)seconds->number : max;
}

static int remember(struct machine *m, const struct sieve_call *call, struct slice id)
{
	for (size_t i = 0; i < m->result->action_count; i++) {
		const struct sieve_action *a = &m->result->actions[i];
		if (a->kind == SIEVE_REMEMBER && slice_equal(a->id, id))
			return 0;
	}
	struct sieve_action *a = machine_add(m, SIEVE_REMEMBER);
	if (!a)
		return -EINVAL;
	a->id = arena_copy(m->arena, id);
	a->seconds = duplicate_seconds(call);
	return 0;
}

/* What is seen for the first time is remembered when the message was delivered. With :last also
 * what was seen before, so that its time begins anew. */
int sieve_test_duplicate(struct machine *m, const struct sieve_call *call, bool *out)
{
	const struct sieve_outside *outside = &m->job->outside;
	struct slice id = duplicate_id(m, call);
	*out = false;
	if (id.len == 0) {
		machine_trace(m, "test duplicate: no (the message has no such id)");
		return 0;
	}
	const struct slice parts[] = { machine_text(m, call, SLOT_HANDLE), SLICE("\n"), id };
	struct slice key = arena_concat(m->scratch, parts, 3);
	int rc = outside->seen ? outside->seen(outside->arg, key) : 0;
	if (rc < 0)
		return machine_fail(m, "what was seen before can't be read");
	*out = rc > 0;
	machine_trace(m, "test duplicate: %s", *out ? "yes" : "no");
	return *out && !sieve_arg(call, SLOT_LAST) ? 0 : remember(m, call, key);
}
