/* Notices (RFC 5435) by mail (RFC 5436, with the URIs of RFC 6068). */
#include <errno.h>

#include "message/address_list.h"
#include "sieve/sieve_machine.h"

enum { MAILTO_RECIPIENTS_MAX = 8, MAILTO_FIELDS_MAX = 32 };

struct mailto {
	struct slice to[MAILTO_RECIPIENTS_MAX];
	size_t to_count;
	struct slice cc[MAILTO_RECIPIENTS_MAX];
	size_t cc_count;
	struct slice subject, body;
	struct slice extra[MAILTO_FIELDS_MAX];
	size_t extra_count;
};

static bool unescape(struct arena *arena, struct slice text, struct slice *out)
{
	char *to = arena_alloc(arena, text.len + 1);
	size_t n = 0;
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] != '%') {
			to[n++] = text.data[i];
			continue;
		}
		int high = i + 2 < text.len ? byte_hex_value(text.data[i + 1]) : -1;
		int low = i + 2 < text.len ? byte_hex_value(text.data[i + 2]) : -1;
		if (high < 0 || low < 0)
			return false;
		to[n++] = (char)(high << 4 | low);
		i += 2;
	}
	*out = slice_of(to, n);
	return slice_is_utf8(*out) && slice_find_byte(*out, '\0') < 0;
}

static bool add_recipients(struct arena *arena, struct slice list, struct slice *to, size_t *count)
{
	while (list.len > 0) {
		struct slice one, address;
		if (!unescape(arena, slice_split(&list, ','), &one))
			return false;
		if (slice_trim(one).len == 0)
			continue;
		if (*count == MAILTO_RECIPIENTS_MAX || !machine_address(arena, one, &address))
			return false;
		to[(*count)++] = address;
	}
	return true;
}

/* RFC 5436 section 2.5: some are for the server to say. */
static bool is_reserved(struct slice name)
{
	static const char *const names[] = { "from",           "sender",     "return-path",
		                             "date",           "message-id", "mime-version",
		                             "auto-submitted", "received",   "bcc" };
	if (slice_starts_with_nocase(name, SLICE("resent-")) ||
	    slice_starts_with_nocase(name, SLICE("content-")))
		return true;
	bool found = false;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names) && !found; i++)
		found = slice_equal_nocase(name, slice_from_str(names[i]));
	return found;
}

static bool is_field_name(struct slice name)
{
	bool valid = name.len > 0 && name.len < 77;
	for (size_t i = 0; i < name.len && valid; i++)
		valid = name.data[i] > ' ' && name.data[i] < 0x7F && name.data[i] != ':';
	return valid;
}

static bool add_field(struct arena *arena, struct mailto *out, struct slice field)
{
	struct slice value = field, text;
	struct slice name = slice_split(&value, '=');
	if (name.len == field.len || !unescape(arena, name, &name) || !is_field_name(name))
		return false;
	if (slice_equal_nocase(name, SLICE("to")))
		return add_recipients(arena, value, out->to, &out->to_count);
	if (slice_equal_nocase(name, SLICE("cc")))
		return add_recipients(arena, value, out->cc, &out->cc_count);
	if (!unescape(arena, value, &text))
		return false;
	const struct slice parts[] = { name, SLICE(": "), text };
	if (slice_equal_nocase(name, SLICE("subject")))
		out->subject = text;
	else if (slice_equal_nocase(name, SLICE("body")))
		out->body = text;
	else if (!is_reserved(name) && out->extra_count < MAILTO_FIELDS_MAX)
		out->extra[out->extra_count++] = arena_concat(arena, parts, 3);
	return true;
}

/* mailtoURI = "mailto:" [ to ] [ "?" hfield *( "&" hfield ) ] */
static bool parse_mailto(struct arena *arena, struct slice uri, struct mailto *out)
{
	*out = (struct mailto){ .subject = SLICE_EMPTY, .body = SLICE_EMPTY };
	if (!slice_starts_with_nocase(uri, SLICE("mailto:")))
		return false;
	struct slice fields = slice_from(uri, 7);
	struct slice to = slice_split(&fields, '?');
	if (!add_recipients(arena, to, out->to, &out->to_count))
		return false;
	while (fields.len > 0) {
		if (!add_field(arena, out, slice_split(&fields, '&')))
			return false;
	}
	return out->to_count > 0;
}

static bool is_notice(struct machine *m, struct slice value, void *arg)
{
	(void)m;
	(void)arg;
	return slice_starts_with_nocase(slice_trim(value), SLICE("auto-notified"));
}

static struct sieve_text_list keep_slices(struct arena *arena, const struct slice *from,
                                          size_t count)
{
	struct sieve_text_list list = { .items = ARENA_ARRAY(arena, count + 1, struct slice) };
	for (; list.count < count; list.count++)
		list.items[list.count] = arena_copy(arena, from[list.count]);
	return list;
}

static int add_notice(struct machine *m, const struct sieve_call *call, const struct mailto *uri)
{
	struct slice importance = machine_text(m, call, SLOT_IMPORTANCE);
	struct slice message = machine_text(m, call, SLOT_MESSAGE);
	struct sieve_action *a = machine_add(m, SIEVE_NOTIFY);
	if (!a)
		return -EINVAL;
	a->address = arena_copy(m->arena, uri->to[0]);
	struct slice others[2 * MAILTO_RECIPIENTS_MAX];
	size_t count = 0;
	for (size_t i = 1; i < uri->to_count; i++)
		others[count++] = uri->to[i];
	for (size_t i = 0; i < uri->cc_count; i++)
		others[count++] = uri->cc[i];
	a->cc = keep_slices(m->arena, others, count);
	a->extra = keep_slices(m->arena, uri->extra, uri->extra_count);
	a->subject = arena_copy(m->arena, message.len > 0 ? message : uri->subject);
	a->message = arena_copy(m->arena, uri->body);
	a->from = machine_keep_text(m, call, SLOT_FROM);
	a->importance = 2;
	if (importance.len == 1 && importance.data[0] >= '1' && importance.data[0] <= '3')
		a->importance = importance.data[0] - '0';
	m->redirects += 1 + (unsigned)count;
	machine_trace(m, "action %.*s", SLICE_ARG(sieve_action_text(m->scratch, a)));
	return machine_fcc(m, call, &a->fcc);
}

int sieve_do_notify(struct machine *m, const struct sieve_call *call)
{
	struct slice method = machine_text(m, call, SLOT_POSITION);
	struct slice from = machine_text(m, call, SLOT_FROM), address;
	struct mailto uri;
	if (!parse_mailto(m->scratch, method, &uri))
		return machine_fail(m, "\"%.*s\" is no mailto URI", SLICE_ARG(method));
	if (from.len > 0 && !machine_address(m->scratch, from, &address))
		return machine_fail(m, "\"%.*s\" is no address", SLICE_ARG(from));
	if (m->redirects + uri.to_count + uri.cc_count > m->job->limits->redirects)
		return machine_fail(m, "the script sends on to too many addresses (%u)",
		                    m->job->limits->redirects);
	/* RFC 5436 section 2.3: else two notices would tell of each other for ever. */
	if (machine_each_field(m, m->header, SLICE("Auto-Submitted"), 0, false, is_notice, NULL)) {
		machine_trace(m, "notify: not of a notice");
		return 0;
	}
	return add_notice(m, call, &uri);
}

int sieve_test_valid_method(struct machine *m, const struct sieve_call *call, bool *out)
{
	const struct sieve_arg *uris = sieve_arg(call, SLOT_POSITION);
	struct mailto uri;
	*out = true;
	for (size_t i = 0; i < uris->count && *out; i++)
		*out = parse_mailto(m->scratch, machine_string(m, &uris->items[i]), &uri);
	return machine_spend(m, 0);
}

/* RFC 5436 section 2.6: whether somebody is online nobody knows of a mail address. */
int sieve_test_method_capability(struct machine *m, const struct sieve_call *call, bool *out)
{
	struct matcher match;
	struct mailto uri;
	int rc = matcher_begin(&match, m, call, SLOT_POSITION + 2);
	if (rc < 0)
		return rc;
	if (parse_mailto(m->scratch, machine_text(m, call, SLOT_POSITION), &uri) &&
	    slice_equal_nocase(machine_text(m, call, SLOT_POSITION + 1), SLICE("online")))
		matcher_try(&match, SLICE("maybe"));
	return matcher_end(&match, out);
}
