#include "smtp/smtp_fixup.h"

#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "fiber/fiber.h"
#include "message/fixup.h"

enum {
	OFFLOAD_BYTES = 256 * 1024, /* others wait for this worker */
	BCC_MAX = 256 * 1024,       /* of what is remembered of the fields taken out */
	GROWTH = 2,                 /* what encoding may make of a message that is not too big */
};

bool smtp_is_submission(const struct smtp_session *s)
{
	return s->context->kind == LISTENER_SUBMISSION ||
	       s->context->kind == LISTENER_SUBMISSIONS || smtp_is_local(s) || s->submission;
}

/* --- where the bytes go -------------------------------------------------------------- */

/* Most messages need nothing: what is written is compared with what came for as long as it is the
 * same, and only then spooled. */
struct rewriting {
	struct smtp_session *session;
	struct smtp_fixed *fixed;
	struct slice original;
	size_t same; /* bytes */
	struct arena *arena;
	const struct fixup *fixup;
	int result;
};

static void rewriting_differs(struct rewriting *r)
{
	const struct config *config = r->session->config;
	r->fixed->made = true;
	spool_create(&r->fixed->spool, config->dir, (size_t)config->smtp.memory_bytes,
	             GROWTH * config->smtp.max_message_bytes, r->original.len);
	spool_add(&r->fixed->spool, slice_sub(r->original, 0, r->same));
}

static int rewriting_add(void *arg, struct slice run)
{
	struct rewriting *r = arg;
	if (!r->fixed->made && slice_equal(run, slice_sub(r->original, r->same, run.len))) {
		r->same += run.len;
		return 0;
	}
	if (!r->fixed->made)
		rewriting_differs(r);
	return spool_add(&r->fixed->spool, run);
}

static void rewrite(void *arg)
{
	struct rewriting *r = arg;
	r->result = fixup_write(r->arena, r->original, r->fixup, &r->fixed->bcc, rewriting_add, r);
	if (r->result == 0 && !r->fixed->made && r->same < r->original.len)
		rewriting_differs(r);
}

/* --- who says that he is who --------------------------------------------------------- */

static bool owns(struct smtp_session *s, const struct address_entry *e, struct slice domain)
{
	return e->kind == ADDRESS_ENTRY_MAILBOX && e->local.len > 0 &&
	       post_owns_sender(s->context->post, &s->client, e->local,
	                        e->domain.len > 0 ? e->domain : domain);
}

static bool owns_all(struct smtp_session *s, const struct address_list *list, struct slice domain)
{
	bool all = list->count > 0;
	for (size_t i = 0; i < list->count && all; i++)
		all = owns(s, &list->entries[i], domain);
	return all;
}

/* RFC 6409 section 8.1, RFC 5322 section 3.6.2: From of one author who is not who sent it, or of
 * several, wants a Sender; and one that is there must be right. */
static bool needs_sender(struct smtp_session *s, const struct fixup_claim *claim,
                         struct slice domain)
{
	if (claim->has_sender)
		return !owns_all(s, &claim->sender, domain);
	return claim->has_from && (claim->from.count != 1 || !owns_all(s, &claim->from, domain));
}

/* The domain of who logged in, for addresses without one. */
static struct slice domain_of(struct smtp_session *s, struct arena *arena, struct slice account)
{
	if (smtp_is_local(s))
		return smtp_local_domain(s, arena);
	ptrdiff_t at = slice_find_last_byte(account, '@');
	return at < 0 ? slice_from_str(s->config->hostname) : slice_from(account, (size_t)at + 1);
}

static struct fixup fixup_of(struct smtp_session *s, struct slice message, struct arena *arena)
{
	struct smtp_transaction *t = s->transaction;
	struct slice account = slice_from_str(s->client.account), author = account;
	struct fixup_claim claim;
	if (author.len == 0)
		author = address_text(arena, &t->sender);
	if (!t->smtputf8 && !slice_is_ascii(author))
		author = SLICE_EMPTY;
	struct fixup f = {
		.hostname = slice_from_str(s->config->hostname),
		.domain = domain_of(s, arena, account),
		.author = author,
		.now = date_local(clock_wall_ms() / 1000),
		.smtputf8 = t->smtputf8,
		.any_line = t->body_binary,
		.limits = &s->config->message,
	};
	fixup_claim(arena, message, &claim);
	if (account.len > 0 && author.len > 0 && needs_sender(s, &claim, f.domain))
		f.sender = account;
	return f;
}

/* --- the whole of it ----------------------------------------------------------------- */

static bool refuse(struct smtp_session *s, enum smtp_answer answer, int error)
{
	if (answer == SMTP_ANSWER_TEMPORARY)
		log_error("smtp.fixup.failed", kv_error(error));
	smtp_say_outcome(s, error == -ENOSPC ? SMTP_ANSWER_DISK_FULL : answer);
	return false;
}

static bool conclude(struct smtp_session *s, struct rewriting *r)
{
	struct smtp_fixed *fixed = r->fixed;
	int rc = r->result;
	if (rc == -EILSEQ)
		return refuse(s, SMTP_ANSWER_HEADER_NEEDS_UTF8, rc);
	if (rc == -EMSGSIZE || rc == -EOPNOTSUPP)
		return refuse(s, SMTP_ANSWER_LONG_LINES, rc);
	if (rc == 0 && !fixed->made)
		return true;
	if (rc == 0 && spool_is_over(&fixed->spool))
		return refuse(s, SMTP_ANSWER_TOO_BIG, rc);
	if (rc == 0)
		rc = spool_view(&fixed->spool, &fixed->message);
	return rc == 0 || refuse(s, SMTP_ANSWER_TEMPORARY, rc);
}

bool smtp_fixup(struct smtp_session *s, struct slice message, struct smtp_fixed *out)
{
	out->message = message;
	out->bcc = buf_make(BCC_MAX);
	out->made = false;
	if (!smtp_is_submission(s) || !s->config->smtp.fix_submissions)
		return true;
	struct arena *arena = arena_new();
	const struct fixup fixup = fixup_of(s, message, arena);
	struct rewriting r = {
		.session = s, .fixed = out, .original = message, .arena = arena, .fixup = &fixup
	};
	if (message.len > OFFLOAD_BYTES)
		fiber_offload(rewrite, &r);
	else
		rewrite(&r);
	bool sound = conclude(s, &r);
	arena_free(arena);
	return sound;
}

void smtp_fixed_end(struct smtp_fixed *fixed)
{
	if (fixed->made)
		spool_destroy(&fixed->spool);
	buf_free(&fixed->bcc);
}
