#include "smtp/smtp_account.h"

#include <errno.h>

#include "base/log.h"
#include "message/build.h"
#include "smtp/smtp_guard.h"

enum { NOTICE_BYTES_MAX = 16384 };

/* --- postmaster is told ------------------------------------------------------------------- */

static int put_piece(void *arg, struct slice piece) { return buf_append(arg, piece); }

static struct slice words(struct arena *arena, const struct config *config, const char *account,
                          const struct account_use *use)
{
	const char *what = use->standing == ACCOUNT_HELD
	                           ? "What it sends to other hosts is taken, and held in the queue."
	                           : arena_printf(arena,
	                                          "It is slowed: it may send to %u recipients in "
	                                          "an hour.",
	                                          config->account.slow_recipients);
	return slice_from_str(arena_printf(
		arena,
		"%s sends as programs do that have stolen a password:\r\n\r\n"
		"    %s\r\n\r\n%s\r\n\r\n"
		"What it has sent, and what waits:\r\n\r\n"
		"    veredus account limits %s\r\n"
		"    veredus queue list --from %s\r\n\r\n"
		"If its password is known to others, give it another one first:\r\n\r\n"
		"    veredus user passwd %s\r\n\r\n"
		"If all is well, let it go on:\r\n\r\n"
		"    veredus account release %s\r\n\r\n"
		"If it may always send so much, name it in exempt-accounts of section\r\n"
		"account-limits. You have one such message a day about an account.\r\n",
		account, use->why, what, account, account, account, account));
}

static int compose(struct arena *arena, const struct config *config, struct slice to,
                   const char *account, const struct account_use *use, struct buf *out)
{
	const struct draft_header automatic = { "Auto-Submitted", SLICE("auto-generated") };
	const struct draft draft = {
		.from = slice_from_str(
			arena_printf(arena, "Mail System <MAILER-DAEMON@%s>", config->hostname)),
		.to = to,
		.subject = slice_from_str(arena_printf(arena, "%s is %s", account,
		                                       account_standing_name(use->standing))),
		.text = words(arena, config, account, use),
		.date = date_local(clock_wall_ms() / 1000),
		.message_id = draft_message_id(arena, slice_from_str(config->hostname)),
		.headers = &automatic,
		.header_count = 1,
	};
	return draft_write(&draft, arena, put_piece, out);
}

static void tell_postmaster(struct smtp_session *s, const struct account_use *use)
{
	struct arena *arena = arena_new();
	const char *account = s->client.account;
	struct slice domain = slice_from_str(account);
	struct buf message = buf_make(NOTICE_BYTES_MAX);
	char queue_id[17];
	slice_split(&domain, '@');
	struct post_recipient recipient = { .local = SLICE("postmaster"),
		                            .domain = domain,
		                            .notify = NOTIFY_NEVER };
	const struct post_client client = { .helo = "", .may_relay = true };
	const struct post_envelope envelope = { .reverse_path = SLICE_EMPTY,
		                                .recipients = &recipient,
		                                .recipient_count = 1 };
	struct slice to = arena_concat(arena, (struct slice[]){ SLICE("postmaster@"), domain }, 2);
	if (compose(arena, s->config, to, account, use, &message) < 0 ||
	    post_deliver(s->context->post, &client, &envelope, SLICE_EMPTY, buf_slice(&message),
	                 queue_id) != POST_ACCEPTED)
		log_warn("guard.account.untold", kv_str("account", account));
	buf_free(&message);
	arena_free(arena);
}

/* --- answers ------------------------------------------------------------------------------ */

static void say_no(struct smtp_session *s, const struct account_use *use)
{
	const struct config_reply reply = {
		.code = 450,
		.enhanced = "4.7.1",
		.text = use->why[0] ? use->why : "Too many recipients",
	};
	struct config_reply whole = reply;
	struct arena *arena = arena_new();
	whole.text = arena_printf(arena,
	                          "Your account is slowed because of %s: try again later, or ask "
	                          "your postmaster",
	                          reply.text);
	smtp_say_refused(s, &whole);
	arena_free(arena);
}

static void refuse(struct smtp_session *s, struct account_answer *account)
{
	guard_account_refused(s->context->guard, s->client.account_id, s->client.account, account);
	if (account->tell)
		tell_postmaster(s, &account->use);
	say_no(s, &account->use);
}

bool smtp_account_may_send(struct smtp_session *s, struct account_answer *account)
{
	*account = (struct account_answer){ .room = INT64_MAX };
	if (!s->client.account)
		return true;
	guard_account_ask(s->context->guard, s->client.account_id, s->client.account,
	                  &s->client.address, account);
	memcpy(s->client.country, account->country, sizeof(s->client.country));
	if (account->tell)
		tell_postmaster(s, &account->use);
	if (!smtp_guard_wait(s, account->delay_ms))
		return false;
	if (account->room > 0)
		return true;
	refuse(s, account);
	return false;
}

bool smtp_account_has_room(struct smtp_session *s)
{
	struct smtp_transaction *t = s->transaction;
	if (!t->account->watched || (int64_t)t->recipient_count < t->account->room)
		return true;
	refuse(s, t->account);
	return false;
}
