/* Actions of RFC 5228 and those close to them: what a script wants done with the message. */
#include <errno.h>

#include "sieve/sieve_machine.h"

static bool is_final(enum sieve_action_kind kind)
{
	return kind == SIEVE_KEEP || kind == SIEVE_FILEINTO || kind == SIEVE_REDIRECT;
}

/* RFC 5429 section 2.2: who says that it was not taken must not take it as well. */
static bool may_stand_with(const struct machine *m, enum sieve_action_kind kind)
{
	for (size_t i = 0; i < m->result->action_count; i++) {
		enum sieve_action_kind other = m->result->actions[i].kind;
		bool rejects = kind == SIEVE_REJECT || other == SIEVE_REJECT;
		enum sieve_action_kind beside = kind == SIEVE_REJECT ? other : kind;
		if (rejects && (is_final(beside) || beside == SIEVE_VACATION))
			return false;
	}
	return true;
}

struct sieve_action *machine_add(struct machine *m, enum sieve_action_kind kind)
{
	struct sieve_result *r = m->result;
	/* The keep of a run that has failed is always there. */
	if (r->action_count >= m->job->limits->actions && !r->failed) {
		machine_fail(m, "the script wants too many actions (%u)", m->job->limits->actions);
		return NULL;
	}
	if (!may_stand_with(m, kind)) {
		machine_fail(m, "\"reject\" can't stand beside other actions");
		return NULL;
	}
	if (r->action_count == m->action_capacity) {
		m->action_capacity = m->action_capacity > 0 ? m->action_capacity * 2 : 8;
		struct sieve_action *grown = ARENA_ARRAY(m->arena, m->action_capacity,
		                                         struct sieve_action);
		if (r->action_count > 0)
			memcpy(grown, r->actions, r->action_count * sizeof(*grown));
		r->actions = grown;
	}
	struct sieve_action *a = &r->actions[r->action_count++];
	*a = (struct sieve_action){
		.kind = kind,
		.line = m->call ? m->call->line : 0,
		.script = m->frame ? m->frame->name : "",
		.header = m->header,
		.body = m->body,
		.edited = m->edited,
	};
	return a;
}

static void trace_action(struct machine *m, const struct sieve_action *a)
{
	if (m->job->outside.trace)
		machine_trace(m, "action %.*s", SLICE_ARG(sieve_action_text(m->scratch, a)));
}

/* --- flags ----------------------------------------------------------------------------- */

static const char *const system_flags[] = { "\\Answered", "\\Deleted", "\\Draft", "\\Flagged",
	                                    "\\Seen" };

/* The flag as it is written; empty for none that may be set (RFC 5232 section 2). */
static struct slice flag_name(struct slice flag)
{
	for (size_t i = 0; i < sizeof(system_flags) / sizeof(*system_flags); i++) {
		if (slice_equal_nocase(flag, slice_from_str(system_flags[i])))
			return slice_from_str(system_flags[i]);
	}
	for (size_t i = 0; i < flag.len; i++) {
		unsigned char c = (unsigned char)flag.data[i];
		if (c <= ' ' || c >= 0x7F || strchr("(){%*\"\\]", c))
			return SLICE_EMPTY;
	}
	return flag.len <= 64 ? flag : SLICE_EMPTY;
}

static bool has_flag(const struct sieve_text_list *list, struct slice flag)
{
	bool found = false;
	for (size_t i = 0; i < list->count && !found; i++)
		found = slice_equal_nocase(list->items[i], flag);
	return found;
}

enum { FLAGS_MAX = 128 };

static struct slice take_word(struct slice *rest)
{
	*rest = slice_trim(*rest);
	size_t len = 0;
	while (len < rest->len && !strchr(" \t\r\n", rest->data[len]))
		len++;
	struct slice word = slice_sub(*rest, 0, len);
	*rest = slice_from(*rest, len);
	return word;
}

/* Flags of a list of strings, each of which may hold several: known ones spelt right, none twice.
 * In what stays. */
static struct sieve_text_list machine_split_flags(struct machine *m, struct slice text,
                                                  const struct sieve_text_list *more)
{
	struct sieve_text_list list = { .items = ARENA_ARRAY(m->arena, FLAGS_MAX, struct slice) };
	if (more && more->count > 0)
		memcpy(list.items, more->items, more->count * sizeof(*list.items));
	list.count = more ? more->count : 0;
	for (struct slice word = take_word(&text); word.len > 0; word = take_word(&text)) {
		struct slice flag = flag_name(word);
		if (flag.len > 0 && list.count < FLAGS_MAX && !has_flag(&list, flag))
			list.items[list.count++] = arena_copy(m->arena, flag);
	}
	return list;
}

static struct sieve_text_list machine_flags(struct machine *m, const struct sieve_arg *arg)
{
	struct sieve_text_list list = { .items = NULL };
	for (size_t i = 0; arg && i < arg->count; i++)
		list = machine_split_flags(m, machine_string(m, &arg->items[i]), &list);
	return list;
}

static struct sieve_text_list action_flags(struct machine *m, const struct sieve_call *call)
{
	const struct sieve_arg *flags = sieve_arg(call, SLOT_FLAGS);
	return flags ? machine_flags(m, flags) : m->flags;
}

static bool is_same_message(const struct machine *m, const struct sieve_action *a)
{
	return a->header.data == m->header.data && a->header.len == m->header.len &&
	       a->body.data == m->body.data && a->body.len == m->body.len;
}

/* One like it with the same message, which a second would only double (RFC 5228 section 2.10.3). */
static struct sieve_action *find_same(struct machine *m, enum sieve_action_kind kind,
                                      struct slice mailbox, struct slice address)
{
	for (size_t i = 0; i < m->result->action_count; i++) {
		struct sieve_action *a = &m->result->actions[i];
		if (a->kind == kind && is_same_message(m, a) &&
		    (kind != SIEVE_FILEINTO || slice_equal(a->mailbox, mailbox)) &&
		    (kind != SIEVE_REDIRECT || slice_equal_nocase(a->address, address)))
			return a;
	}
	return NULL;
}

static void merge_flags(struct machine *m, struct sieve_action *a,
                        const struct sieve_text_list *flags)
{
	for (size_t i = 0; i < flags->count; i++)
		a->flags = machine_split_flags(m, flags->items[i], &a->flags);
}

/* --- the actions ----------------------------------------------------------------------- */

int sieve_do_keep(struct machine *m, const struct sieve_call *call)
{
	struct sieve_text_list flags = action_flags(m, call);
	struct sieve_action *a = find_same(m, SIEVE_KEEP, SLICE_EMPTY, SLICE_EMPTY);
	if (a) {
		merge_flags(m, a, &flags);
	} else {
		a = machine_add(m, SIEVE_KEEP);
		if (!a)
			return -EINVAL;
		a->flags = flags;
	}
	m->keep = false;
	trace_action(m, a);
	return 0;
}

int sieve_do_discard(struct machine *m, const struct sieve_call *call)
{
	(void)call;
	struct sieve_action *a = find_same(m, SIEVE_DISCARD, SLICE_EMPTY, SLICE_EMPTY);
	if (!a)
		a = machine_add(m, SIEVE_DISCARD);
	if (!a)
		return -EINVAL;
	m->keep = false;
	trace_action(m, a);
	return 0;
}

int sieve_do_fileinto(struct machine *m, const struct sieve_call *call)
{
	struct slice mailbox = machine_keep_text(m, call, SLOT_POSITION);
	struct sieve_text_list flags = action_flags(m, call);
	if (mailbox.len == 0 || !slice_is_utf8(mailbox) || slice_find_byte(mailbox, '\0') >= 0)
		return machine_fail(m, "\"%.*s\" is no name of a mailbox", SLICE_ARG(mailbox));
	struct sieve_action *a = find_same(m, SIEVE_FILEINTO, mailbox, SLICE_EMPTY);
	if (a) {
		merge_flags(m, a, &flags);
	} else {
		a = machine_add(m, SIEVE_FILEINTO);
		if (!a)
			return -EINVAL;
		a->mailbox = mailbox;
		a->flags = flags;
		a->special_use = machine_keep_text(m, call, SLOT_SPECIAL_USE);
		a->mailbox_id = machine_keep_text(m, call, SLOT_MAILBOX_ID);
	}
	a->create |= sieve_arg(call, SLOT_CREATE) != NULL;
	m->keep &= sieve_arg(call, SLOT_COPY) != NULL;
	trace_action(m, a);
	return 0;
}

/* RFC 6009 section 3.1: as RFC 3461 has it. Bits in the order NEVER, SUCCESS, FAILURE, DELAY. */
static unsigned dsn_notify(struct slice text)
{
	static const char *const words[] = { "NEVER", "SUCCESS", "FAILURE", "DELAY" };
	unsigned bits = 0;
	while (text.len > 0) {
		struct slice word = slice_trim(slice_split(&text, ','));
		for (unsigned i = 0; i < 4; i++)
			bits |= slice_equal_nocase(word, slice_from_str(words[i])) ? 1U << i : 0;
	}
	return bits;
}

static int redirect_to(struct machine *m, const struct sieve_call *call, struct slice text)
{
	struct slice address;
	if (!machine_address(m->arena, text, &address))
		return machine_fail(m, "\"%.*s\" is no address", SLICE_ARG(text));
	struct sieve_action *a = find_same(m, SIEVE_REDIRECT, SLICE_EMPTY, address);
	if (!a && m->redirects >= m->job->limits->redirects)
		return machine_fail(m, "the script sends on to too many addresses (%u)",
		                    m->job->limits->redirects);
	if (!a) {
		a = machine_add(m, SIEVE_REDIRECT);
		if (!a)
			return -EINVAL;
		m->redirects++;
		a->address = address;
	}
	struct slice ret = machine_text(m, call, SLOT_DSN_RET);
	a->dsn.ret = (char)(ret.len > 0 ? byte_upper(ret.data[0]) : 0);
	a->dsn.notify = dsn_notify(machine_text(m, call, SLOT_DSN_NOTIFY));
	m->keep &= sieve_arg(call, SLOT_COPY) != NULL;
	trace_action(m, a);
	return 0;
}

/* To all that are in it (RFC 6134 section 2.4); if nobody is, the message stays where it was. */
static int redirect_to_list(struct machine *m, const struct sieve_call *call, struct slice name)
{
	struct slice rest, one;
	int rc = machine_list(m, name, &rest);
	if (rc == 0)
		return machine_fail(m, "there is no list \"%.*s\"", SLICE_ARG(name));
	while (rc >= 0 && machine_list_next(&rest, &one))
		rc = redirect_to(m, call, one);
	return rc < 0 ? rc : 0;
}

int sieve_do_redirect(struct machine *m, const struct sieve_call *call)
{
	struct slice to = machine_text(m, call, SLOT_POSITION);
	return sieve_arg(call, SLOT_LIST) ? redirect_to_list(m, call, to)
	                                  : redirect_to(m, call, to);
}

static int reject(struct machine *m, const struct sieve_call *call, bool early)
{
	struct slice reason = machine_keep_text(m, call, SLOT_POSITION);
	struct sieve_action *a = machine_add(m, SIEVE_REJECT);
	if (!a)
		return -EINVAL;
	if (m->rejected)
		return machine_fail(m, "a message is rejected once");
	a->reason = reason;
	a->ereject = early;
	m->rejected = true;
	m->keep = false;
	trace_action(m, a);
	return 0;
}

int sieve_do_reject(struct machine *m, const struct sieve_call *call)
{
	return reject(m, call, false);
}

int sieve_do_ereject(struct machine *m, const struct sieve_call *call)
{
	return reject(m, call, true);
}

int sieve_do_error(struct machine *m, const struct sieve_call *call)
{
	struct slice text = machine_text(m, call, SLOT_POSITION);
	return machine_fail(m, "%.*s", SLICE_ARG(text));
}

int machine_fcc(struct machine *m, const struct sieve_call *call, struct sieve_fcc *out)
{
	out->mailbox = machine_keep_text(m, call, SLOT_FCC);
	out->flags = machine_flags(m, sieve_arg(call, SLOT_FLAGS));
	out->special_use = machine_keep_text(m, call, SLOT_SPECIAL_USE);
	out->mailbox_id = machine_keep_text(m, call, SLOT_MAILBOX_ID);
	out->create = sieve_arg(call, SLOT_CREATE) != NULL;
	return 0;
}

/* --- flags in variables (RFC 5232) ------------------------------------------------------- */

static struct slice join_flags(struct machine *m, const struct sieve_text_list *flags)
{
	struct buf text = buf_make(m->job->limits->value_bytes);
	for (size_t i = 0; i < flags->count; i++) {
		if (i > 0)
			buf_append_byte(&text, ' ');
		buf_append(&text, flags->items[i]);
	}
	struct slice joined = arena_copy(m->scratch, buf_slice(&text));
	buf_free(&text);
	return joined;
}

/* Those of the variable that the call names, or the internal ones. */
static struct sieve_text_list flags_of(struct machine *m, const struct sieve_call *call)
{
	const struct sieve_arg *variable = sieve_arg(call, SLOT_POSITION);
	if (!variable)
		return m->flags;
	return machine_split_flags(m, machine_get_variable(m, variable->items[0].text), NULL);
}

static int put_flags(struct machine *m, const struct sieve_call *call,
                     const struct sieve_text_list *flags)
{
	const struct sieve_arg *variable = sieve_arg(call, SLOT_POSITION);
	struct slice joined = join_flags(m, flags);
	machine_trace(m, "%s: now \"%.*s\"", call->spec->name, SLICE_ARG(joined));
	if (variable)
		return machine_set_variable(m, variable->items[0].text, joined);
	m->flags = *flags;
	return 0;
}

int sieve_do_setflag(struct machine *m, const struct sieve_call *call)
{
	struct sieve_text_list flags = machine_flags(m, sieve_arg(call, SLOT_POSITION + 1));
	return put_flags(m, call, &flags);
}

int sieve_do_addflag(struct machine *m, const struct sieve_call *call)
{
	struct sieve_text_list flags = flags_of(m, call);
	struct sieve_text_list more = machine_flags(m, sieve_arg(call, SLOT_POSITION + 1));
	struct slice joined = join_flags(m, &more);
	flags = machine_split_flags(m, joined, &flags);
	return put_flags(m, call, &flags);
}

int sieve_do_removeflag(struct machine *m, const struct sieve_call *call)
{
	struct sieve_text_list flags = flags_of(m, call);
	struct sieve_text_list gone = machine_flags(m, sieve_arg(call, SLOT_POSITION + 1));
	struct sieve_text_list left = { .items = ARENA_ARRAY(m->arena, FLAGS_MAX, struct slice) };
	for (size_t i = 0; i < flags.count; i++) {
		if (!has_flag(&gone, flags.items[i]))
			left.items[left.count++] = flags.items[i];
	}
	return put_flags(m, call, &left);
}

/* Each key may be several flags, of which each counts as one (section 4). */
int sieve_test_hasflag(struct machine *m, const struct sieve_call *call, bool *out)
{
	const struct sieve_arg *names = sieve_arg(call, SLOT_POSITION);
	struct matcher match;
	int rc = matcher_begin(&match, m, call, SLOT_POSITION + 1);
	if (rc < 0)
		return rc;
	struct sieve_text_list keys = machine_flags(m, sieve_arg(call, SLOT_POSITION + 1));
	if (match.kind == MATCH_IS || match.kind == MATCH_CONTAINS) {
		match.keys = ARENA_ARRAY(m->scratch, keys.count + 1, struct slice);
		match.key_count = keys.count;
		for (size_t i = 0; i < keys.count; i++)
			match.keys[i] = match.comparator == COMPARE_ASCII_CASEMAP
			                        ? arena_lower(m->scratch, keys.items[i])
			                        : keys.items[i];
	}
	for (size_t n = 0; n < (names ? names->count : 1); n++) {
		struct sieve_text_list flags = m->flags;
		if (names)
			flags = machine_split_flags(
				m, machine_get_variable(m, names->items[n].text), NULL);
		for (size_t i = 0; i < flags.count; i++) {
			if (matcher_try(&match, flags.items[i]))
				return matcher_end(&match, out);
		}
	}
	return matcher_end(&match, out);
}
