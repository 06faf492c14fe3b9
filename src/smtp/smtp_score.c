#include "smtp/smtp_score.h"

#include "base/log.h"
#include "guard/attachment.h"
#include "guard/guard_classify.h"
#include "smtp/smtp_bounce.h"
#include "trust/trust.h"

void smtp_score_iprev(struct smtp_session *s, struct trust_results *results)
{
	const char *name;
	enum guard_rdns found = guard_visit_rdns(s->visit, &name);
	guard_add_iprev(results, s->transaction->arena, &s->client.address, found, name);
	guard_add_dnswl(results, s->transaction->arena, s->visit, &s->client.address);
}

/* The address of the only recipient; empty if there are several. */
static struct slice only_recipient(const struct smtp_transaction *t)
{
	struct address canonical;
	if (t->recipient_count != 1)
		return SLICE_EMPTY;
	const struct address given = { .local = t->recipients[0].local,
		                       .domain = t->recipients[0].domain };
	return address_canonical(t->arena, &given, &canonical) ? address_text(t->arena, &canonical)
	                                                       : SLICE_EMPTY;
}

/* The classifier is asked once. */
static const struct guard_opinion *opinion_of(struct smtp_session *s)
{
	struct smtp_transaction *t = s->transaction;
	if (!t->opinion) {
		t->opinion = ARENA_NEW(t->arena, struct guard_opinion);
		*t->opinion = guard_opinion_of(s->context->guard, t->arena, t->content,
		                               only_recipient(t));
	}
	return t->opinion;
}

size_t smtp_score_found(const struct smtp_session *s, struct slice **out)
{
	const struct smtp_transaction *t = s->transaction;
	struct slice *found = NULL;
	size_t count = t->trust ? trust_found(t->trust, t->arena, &found) : 0;
	return attachment_join(t->arena, found, count, t->files, out);
}

void smtp_score_tell(void *session, struct guard_score *score)
{
	struct smtp_session *s = session;
	smtp_bounce_score(s, score);
	guard_score_opinion(score, opinion_of(s));
}

bool smtp_score(struct smtp_session *s)
{
	struct smtp_transaction *t = s->transaction;
	struct slice *found;
	size_t count = smtp_score_found(s, &found);
	if (!s->context->guard)
		return true;
	t->score = ARENA_NEW(t->arena, struct guard_score);
	smtp_score_tell(s, t->score);
	guard_weigh_message(s->context->guard, s->visit, t->arena, found, count, t->score);
	return smtp_score_decide(s);
}

void smtp_score_add(struct smtp_session *s, const struct filter_line *lines, size_t count)
{
	struct smtp_transaction *t = s->transaction;
	if (!t->score && count > 0)
		t->score = ARENA_NEW(t->arena, struct guard_score);
	for (size_t i = 0; i < count; i++)
		guard_score_add(t->score, lines[i].name, lines[i].evidence, lines[i].weight);
}

bool smtp_score_decide(struct smtp_session *s)
{
	struct smtp_transaction *t = s->transaction;
	t->fate = t->score ? guard_score_fate(t->score, &s->config->score) : GUARD_DELIVER;
	if (t->fate != GUARD_REJECT)
		return true;
	log_info("smtp.score.refused", kv_int("session", (int64_t)s->base.id),
	         kv_str("score", guard_score_text(t->score, t->arena)));
	smtp_refuse(s, "score", 550, "5.7.1", "This message looks too much like what nobody wants");
	return false;
}

bool smtp_score_is_junk(const struct smtp_session *s) { return s->transaction->fate == GUARD_JUNK; }

struct slice smtp_score_text(const struct smtp_session *s, struct arena *arena)
{
	const struct guard_score *score = s->transaction->score;
	return score && score->count > 0 ? slice_from_str(guard_score_text(score, arena))
	                                 : SLICE_EMPTY;
}

/* Folded behind each comma, as it may be long. */
struct slice smtp_score_field(const struct smtp_session *s, struct arena *arena)
{
	struct slice rest = smtp_score_text(s, arena);
	if (s->transaction->fate < GUARD_TAG)
		return SLICE_EMPTY;
	struct buf out = buf_make(2 * rest.len + 500);
	buf_printf(&out, "X-Veredus-Score: %s; ", s->config->hostname);
	while (rest.len > 0) {
		buf_append(&out, slice_trim(slice_split(&rest, ',')));
		buf_append(&out, rest.len > 0 ? SLICE(",\r\n\t") : SLICE("\r\n"));
	}
	struct slice field = arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return field;
}
