/* Reports in words. They look alike: some lines for people, then each recipient's address alone on
 * a line with the reason behind it, then a copy of the message or of its header. */
#include "message/bounce_internal.h"
#include "message/header.h"

/* Of the text; behind that nothing begins any more. */
enum { LINES_MAX = 2000 };

static struct slice next_line(struct slice *rest)
{
	struct slice line = slice_split(rest, '\n');
	if (line.len > 0 && line.data[line.len - 1] == '\r')
		line.len--;
	return line;
}

/* "<a@b>:", "a@b", "  a@b": alone on its line. */
static struct slice address_of(struct slice line)
{
	struct slice text = slice_trim(line);
	if (text.len > 0 && text.data[text.len - 1] == ':')
		text.len--;
	bool alone = slice_find_byte(text, '@') > 0 && slice_find_byte(text, ' ') < 0;
	return alone ? text : SLICE_EMPTY;
}

/* A header begins: of the copy. */
static bool is_copy(struct slice line)
{
	static const char *const names[] = { "Return-Path:", "Received:", "Message-ID:",
		                             "DKIM-Signature:", "Delivered-To:" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (slice_starts_with_nocase(line, slice_from_str(names[i])))
			return true;
	}
	return false;
}

static struct slice join(struct arena *arena, struct slice a, struct slice b)
{
	if (a.len == 0)
		return b;
	return arena_concat(arena, (struct slice[]){ a, SLICE(" "), b }, 3);
}

static void end_recipient(struct arena *arena, struct bounce_recipient *r, struct slice reason)
{
	if (!r)
		return;
	r->diagnostic = bounce_clean(arena, reason);
	r->status = bounce_find_status(r->diagnostic);
}

static bool is_known(const struct bounce *b, struct slice address)
{
	for (size_t i = 0; i < b->count; i++) {
		if (slice_equal_nocase(b->recipients[i].address, address))
			return true;
	}
	return false;
}

/* The addresses up to the copy, the reason of each up to an empty line. */
static void parse_lines(struct arena *arena, struct slice text, struct bounce *b)
{
	struct bounce_recipient *now = NULL;
	struct slice reason = SLICE_EMPTY;
	for (int i = 0; i < LINES_MAX && text.len > 0; i++) {
		struct slice at = text, line = next_line(&text);
		struct slice address = address_of(line);
		if (is_copy(line)) {
			bounce_note_header(arena, b, at);
			break;
		}
		struct bounce_recipient *found = address.len > 0 ? bounce_add(arena, b, address)
		                                                 : NULL;
		if (found || slice_trim(line).len == 0) {
			end_recipient(arena, now, reason);
			now = found;
			reason = SLICE_EMPTY;
		} else if (now && reason.len < BOUNCE_TEXT_MAX) {
			reason = join(arena, reason, slice_trim(line));
		}
	}
	end_recipient(arena, now, reason);
}

/* X-Failed-Recipients: a@b, c@d                                         Exim */
static bool parse_failed(struct arena *arena, struct slice header, struct bounce *b)
{
	struct slice value;
	if (!header_find(header, SLICE("X-Failed-Recipients"), &value))
		return false;
	struct slice rest = header_unfold(arena, slice_sub(value, 0, BOUNCE_PART_MAX));
	while (rest.len > 0) {
		struct slice address = slice_trim(slice_split(&rest, ','));
		if (!is_known(b, address))
			bounce_add(arena, b, address);
	}
	return true;
}

static bool has_any(struct slice text, const char *const *words)
{
	while (*words && slice_find_nocase(text, slice_from_str(*words)) < 0)
		words++;
	return *words;
}

/* So that an answer that quotes a message is not taken for a report. */
static bool looks_like_one(struct slice header)
{
	static const char *const senders[] = { "mailer-daemon", "postmaster", "mail delivery",
		                               NULL };
	static const char *const subjects[] = {
		"undeliver",     "delivery fail",   "failure notice",
		"returned mail", "delivery status", "delivery has failed",
		"mail delivery", "not delivered",   NULL
	};
	struct slice from, subject;
	return (header_find(header, SLICE("From"), &from) && has_any(from, senders)) ||
	       (header_find(header, SLICE("Subject"), &subject) && has_any(subject, subjects));
}

void bounce_parse_text(struct arena *arena, struct slice header, struct slice text,
                       struct bounce *out)
{
	bool is_qmail = slice_starts_with(text, SLICE("Hi. This is the"));
	struct slice value;
	if (!is_qmail && !looks_like_one(header) &&
	    !header_find(header, SLICE("X-Failed-Recipients"), &value))
		return;
	parse_lines(arena, text, out);
	bool is_exim = parse_failed(arena, header, out);
	if (out->count == 0)
		return;
	out->form = is_qmail ? BOUNCE_QMAIL : is_exim ? BOUNCE_EXIM : BOUNCE_PLAIN;
}
