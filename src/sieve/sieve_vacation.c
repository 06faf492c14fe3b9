/* Answers while somebody is away (RFC 5230, 6131): is this a message that wants one? */
#include <errno.h>

#include "message/address_list.h"
#include "sieve/sieve_machine.h"

enum { RECIPIENTS_MAX = 2000 };

struct own {
	struct slice *addresses;
	size_t count;
};

static bool is_own(const struct own *own, struct slice address)
{
	bool found = false;
	for (size_t i = 0; i < own->count && !found; i++)
		found = slice_equal_nocase(own->addresses[i], address);
	return found;
}

/* alice+shop@ is alice@. */
static struct slice without_detail(struct machine *m, struct slice address)
{
	ptrdiff_t at = slice_find_last_byte(address, '@');
	ptrdiff_t mark = m->job->detail_mark ? slice_find_byte(address, m->job->detail_mark) : -1;
	if (at < 0 || mark <= 0 || mark > at)
		return address;
	const struct slice parts[] = { slice_sub(address, 0, (size_t)mark),
		                       slice_from(address, (size_t)at) };
	return arena_concat(m->scratch, parts, 2);
}

static struct own own_addresses(struct machine *m, const struct sieve_call *call)
{
	const struct sieve_arg *more = sieve_arg(call, SLOT_ADDRESSES);
	const struct sieve_job *job = m->job;
	const struct slice known[] = { job->owner, job->envelope.to, job->envelope.orig_to };
	struct own own = { .count = 0 };
	own.addresses = ARENA_ARRAY(m->scratch, 3 + (more ? more->count : 0), struct slice);
	for (size_t i = 0; i < 3; i++) {
		if (known[i].len > 0)
			own.addresses[own.count++] = without_detail(m, known[i]);
	}
	for (size_t i = 0; more && i < more->count; i++) {
		struct slice address;
		if (machine_address(m->scratch, machine_string(m, &more->items[i]), &address))
			own.addresses[own.count++] = address;
	}
	return own;
}

static bool names_own(struct machine *m, struct slice value, void *arg)
{
	const struct own *own = arg;
	struct slice address;
	struct address_list list = address_list_parse(m->scratch, header_unfold(m->scratch, value),
	                                              RECIPIENTS_MAX);
	for (size_t i = 0; i < list.count; i++) {
		const struct address_entry *e = &list.entries[i];
		if (e->kind == ADDRESS_ENTRY_MAILBOX &&
		    machine_address_part(m, PART_ALL, e->local, e->domain, &address) &&
		    is_own(own, without_detail(m, address)))
			return true;
	}
	return false;
}

static bool is_for_own(struct machine *m, struct own *own)
{
	static const char *const fields[] = { "To",        "Cc",        "Bcc",
		                              "Resent-To", "Resent-Cc", "Resent-Bcc" };
	bool found = false;
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields) && !found; i++)
		found = machine_each_field(m, m->header, slice_from_str(fields[i]), 0, false,
		                           names_own, own);
	return found;
}

/* RFC 3834 section 2, RFC 5230 section 4.6: who sends of himself gets no answer. */
static const char *automatic_field(struct machine *m)
{
	static const struct slice lists = { "List-", 5 };
	struct header_walk walk = { .rest = m->header };
	struct header_field f;
	while (header_next(&walk, &f)) {
		struct slice value = slice_trim(f.value);
		if (slice_starts_with_nocase(f.name, lists))
			return "it comes from a mailing list";
		if (slice_equal_nocase(f.name, SLICE("Auto-Submitted")) &&
		    !slice_starts_with_nocase(value, SLICE("no")))
			return "it was sent by a program (Auto-Submitted)";
		if (slice_equal_nocase(f.name, SLICE("Precedence")) &&
		    (slice_equal_nocase(value, SLICE("bulk")) ||
		     slice_equal_nocase(value, SLICE("list")) ||
		     slice_equal_nocase(value, SLICE("junk"))))
			return "it was sent to many (Precedence)";
		if (slice_equal_nocase(f.name, SLICE("X-Auto-Response-Suppress")) &&
		    (slice_find_nocase(value, SLICE("All")) >= 0 ||
		     slice_find_nocase(value, SLICE("OOF")) >= 0))
			return "it wants no answers (X-Auto-Response-Suppress)";
	}
	return NULL;
}

static bool is_program(struct slice sender)
{
	static const char *const names[] = { "mailer-daemon", "listserv", "majordomo", "noreply",
		                             "no-reply" };
	ptrdiff_t at = slice_find_last_byte(sender, '@');
	struct slice local = at < 0 ? sender : slice_sub(sender, 0, (size_t)at);
	if (slice_starts_with_nocase(local, SLICE("owner-")) ||
	    slice_ends_with_nocase(local, SLICE("-request")) ||
	    slice_ends_with_nocase(local, SLICE("-owner")))
		return true;
	bool found = false;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names) && !found; i++)
		found = slice_equal_nocase(local, slice_from_str(names[i]));
	return found;
}

/* Why there is to be no answer; NULL: there is. */
static const char *refusal(struct machine *m, struct own *own)
{
	struct slice sender = m->job->envelope.from;
	if (sender.len == 0)
		return "it has no sender";
	if (is_program(sender))
		return "its sender is a program";
	if (is_own(own, without_detail(m, sender)))
		return "it comes from the same address";
	const char *why = automatic_field(m);
	if (why)
		return why;
	return is_for_own(m, own) ? NULL : "none of its recipients is known as an own address";
}

static int64_t answer_seconds(const struct machine *m, const struct sieve_call *call)
{
	const struct sieve_limits *limits = m->job->limits;
	const struct sieve_arg *days = sieve_arg(call, SLOT_DAYS);
	if (!days)
		return limits->vacation_default_s;
	bool seconds = days->choice == 1;
	int64_t max = limits->vacation_max_s, wanted = max;
	if (days->number < (uint64_t)(seconds ? max : max / 86400))
		wanted = (int64_t)days->number * (seconds ? 1 : 86400);
	/* RFC 6131 section 2: 0 seconds answers each message. */
	if (wanted == 0 && seconds)
		return 0;
	return wanted < limits->vacation_min_s ? limits->vacation_min_s : wanted;
}

/* RFC 5230 section 4.2: without a handle, what the arguments say. */
static struct slice handle_of(struct machine *m, const struct sieve_action *a,
                              const struct sieve_call *call)
{
	if (sieve_arg(call, SLOT_HANDLE))
		return machine_keep_text(m, call, SLOT_HANDLE);
	const struct slice parts[] = { a->subject, SLICE("\n"), a->from,
		                       a->mime ? SLICE("\nmime\n") : SLICE("\n"), a->reason };
	return arena_concat(m->arena, parts, 5);
}

int sieve_do_vacation(struct machine *m, const struct sieve_call *call)
{
	struct own own = own_addresses(m, call);
	struct slice from = machine_text(m, call, SLOT_FROM), address;
	if (m->answered)
		return machine_fail(m, "a message is answered once");
	if (from.len > 0 && !machine_address(m->scratch, from, &address))
		return machine_fail(m, "\"%.*s\" is no address", SLICE_ARG(from));
	m->answered = true;
	const char *why = refusal(m, &own);
	if (why) {
		machine_trace(m, "vacation: no answer: %s", why);
		return machine_spend(m, 0);
	}
	struct sieve_action *a = machine_add(m, SIEVE_VACATION);
	if (!a)
		return -EINVAL;
	a->address = m->job->envelope.from;
	a->reason = machine_keep_text(m, call, SLOT_POSITION);
	a->subject = machine_keep_text(m, call, SLOT_SUBJECT);
	a->from = arena_copy(m->arena, from);
	a->mime = sieve_arg(call, SLOT_MIME) != NULL;
	a->seconds = answer_seconds(m, call);
	a->handle = handle_of(m, a, call);
	machine_trace(m, "action %.*s", SLICE_ARG(sieve_action_text(m->scratch, a)));
	return machine_fcc(m, call, &a->fcc);
}
