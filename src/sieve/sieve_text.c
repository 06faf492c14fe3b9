/* Actions in words. */
#include "base/buf.h"
#include "sieve/sieve.h"

static void put_quoted(struct buf *out, struct slice s)
{
	enum { SHOWN = 120 };
	buf_append_byte(out, '"');
	for (size_t i = 0; i < s.len && i < SHOWN; i++) {
		char c = s.data[i];
		if (c == '"' || c == '\\')
			buf_append_byte(out, '\\');
		buf_append_byte(out, (unsigned char)c < ' ' ? ' ' : c);
	}
	buf_append(out, s.len > SHOWN ? SLICE("...\"") : SLICE("\""));
}

static void put_flags(struct buf *out, const struct sieve_text_list *flags)
{
	if (flags->count == 0)
		return;
	buf_append(out, SLICE(" :flags ["));
	for (size_t i = 0; i < flags->count; i++) {
		if (i > 0)
			buf_append(out, SLICE(", "));
		put_quoted(out, flags->items[i]);
	}
	buf_append_byte(out, ']');
}

static void put_more(struct buf *out, const char *tag, struct slice value)
{
	if (value.len == 0)
		return;
	buf_printf(out, " :%s ", tag);
	put_quoted(out, value);
}

static void put_fileinto(struct buf *out, const struct sieve_action *a)
{
	put_more(out, "mailboxid", a->mailbox_id);
	put_more(out, "specialuse", a->special_use);
	if (a->create)
		buf_append(out, SLICE(" :create"));
	put_flags(out, &a->flags);
	buf_append_byte(out, ' ');
	put_quoted(out, a->mailbox);
}

static void put_action(struct buf *out, const struct sieve_action *a)
{
	static const char *const names[] = {
		[SIEVE_KEEP] = "keep",         [SIEVE_FILEINTO] = "fileinto",
		[SIEVE_REDIRECT] = "redirect", [SIEVE_DISCARD] = "discard",
		[SIEVE_REJECT] = "reject",     [SIEVE_VACATION] = "vacation",
		[SIEVE_NOTIFY] = "notify",     [SIEVE_REMEMBER] = "remember",
	};
	buf_printf(out, "%s", a->kind == SIEVE_REJECT && a->ereject ? "ereject" : names[a->kind]);
	switch (a->kind) {
	case SIEVE_KEEP:
		put_flags(out, &a->flags);
		break;
	case SIEVE_FILEINTO:
		put_fileinto(out, a);
		break;
	case SIEVE_REDIRECT:
		buf_append_byte(out, ' ');
		put_quoted(out, a->address);
		break;
	case SIEVE_REJECT:
		buf_append_byte(out, ' ');
		put_quoted(out, a->reason);
		break;
	case SIEVE_VACATION:
		buf_printf(out, " :seconds %lld", (long long)a->seconds);
		put_more(out, "subject", a->subject);
		put_more(out, "from", a->from);
		put_more(out, "fcc", a->fcc.mailbox);
		buf_append_byte(out, ' ');
		put_quoted(out, a->reason);
		break;
	case SIEVE_NOTIFY:
		put_more(out, "message", a->subject);
		put_more(out, "fcc", a->fcc.mailbox);
		buf_append(out, SLICE(" \"mailto:"));
		buf_append(out, a->address);
		buf_append_byte(out, '"');
		break;
	case SIEVE_DISCARD:
	case SIEVE_REMEMBER:
		break;
	}
	if (a->edited)
		buf_append(out, SLICE(" (of the changed message)"));
}

struct slice sieve_action_text(struct arena *arena, const struct sieve_action *action)
{
	struct buf out = buf_make(64 * 1024);
	put_action(&out, action);
	struct slice text = arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return text;
}
