#include "guard/guard_filter.h"

#include <errno.h>

#include "base/log.h"
#include "fiber/sync.h"
#include "guard/clamd.h"
#include "guard/guard_internal.h"
#include "guard/milter.h"
#include "guard/rspamd.h"
#include "guard/spamd.h"
#include "message/header.h"

/* --- asking ------------------------------------------------------------------------------- */

bool filter_is_for(const struct config_filter *filter, bool outgoing)
{
	return filter->mail == FILTER_ALL ||
	       filter->mail == (outgoing ? FILTER_OUTGOING : FILTER_INCOMING);
}

static void begin(struct filter_answer *out, struct arena *arena)
{
	*out = (struct filter_answer){ .arena = arena };
}

static int (*const asks[])(const struct config_filter *filter,
                           const struct filter_question *question, int64_t deadline,
                           struct filter_answer *out) = {
	[FILTER_KIND_MILTER] = milter_ask,
	[FILTER_KIND_CLAMD] = clamd_ask,
	[FILTER_KIND_RSPAMD] = rspamd_ask,
	[FILTER_KIND_SPAMD] = spamd_ask,
};

static int ask(struct guard *g, const struct config_filter *filter,
               const struct filter_question *question, struct filter_answer *out)
{
	struct semaphore *places = guard_places_of(g, filter);
	int64_t deadline = deadline_in(filter->total_timeout_ms);
	int64_t free_at_last = deadline_in(filter->connect_timeout_ms);
	int rc = semaphore_take(places, free_at_last < deadline ? free_at_last : deadline);
	if (rc < 0)
		return rc;
	rc = asks[filter->kind](filter, question, deadline, out);
	semaphore_post(places);
	return rc;
}

static void fail(const struct config_filter *filter, int error, struct filter_answer *out)
{
	struct arena *arena = out->arena;
	/* A server that stops takes nothing that was not looked at. */
	bool closed = filter->on_failure == FILTER_CLOSED || error == -ECANCELED;
	filter_answer_end(out);
	begin(out, arena);
	log_warn("filter.failed", kv_str("filter", filter->name), kv_error(error),
	         kv_str("then", closed ? "deferred" : "passed"));
	out->text = arena_printf(arena, "%s: failed (%s), passed as it is", filter->name,
	                         strerrordesc_np(-error));
	if (closed) {
		out->fate = FILTER_REFUSE;
		out->reply = (struct config_reply){ 451, "4.7.1",
			                            "It can't be looked at now, try again later" };
	}
}

static const char *describe(const struct config_filter *filter, const struct filter_answer *a)
{
	size_t changes = a->change_count + a->recipient_count + a->has_sender + a->has_body;
	const char *fate = a->fate == FILTER_REFUSE    ? "refused"
	                   : a->fate == FILTER_DISCARD ? "discarded"
	                   : a->quarantine             ? "quarantined"
	                                               : "accepted";
	const char *why = a->fate == FILTER_REFUSE ? a->reply.text
	                  : a->opinion             ? a->opinion
	                                           : a->quarantine;
	if (why)
		return arena_printf(a->arena, "%s: %s: %.200s", filter->name, fate, why);
	if (changes == 0)
		return arena_printf(a->arena, "%s: %s", filter->name, fate);
	return arena_printf(a->arena, "%s: %s; fields changed: %zu, recipients: %zu%s%s",
	                    filter->name, fate, a->change_count, a->recipient_count,
	                    a->has_sender ? ", sender" : "", a->has_body ? ", body" : "");
}

void guard_filter_ask(struct guard *g, const struct config_filter *filter,
                      const struct filter_question *question, struct filter_answer *out)
{
	begin(out, out->arena);
	if (question->message.len > filter->max_bytes) {
		out->text = arena_printf(out->arena, "%s: not asked, it is too large",
		                         filter->name);
		return;
	}
	int rc = ask(g, filter, question, out);
	if (rc < 0)
		fail(filter, rc, out);
	else
		out->text = describe(filter, out);
}

/* --- changing ----------------------------------------------------------------------------- */

struct line {
	struct slice name, whole;
	bool added; /* by a filter: it is none of those that the filter has counted */
	bool ours;  /* shown only: it will be put on top */
};
struct lines {
	struct line *items;
	size_t count;
};

bool filter_has_changes(const struct filter_answer *a)
{
	return a->change_count > 0 || a->has_body;
}

static void put_at(struct lines *l, size_t at, const struct filter_change *c)
{
	at = at < l->count ? at : l->count;
	memmove(&l->items[at + 1], &l->items[at], (l->count - at) * sizeof(*l->items));
	l->items[at] = (struct line){ c->name, c->field, true, false };
	l->count++;
}

/* Also a deleted one keeps its place, and its number. */
static void change_one(struct lines *l, const struct filter_change *c)
{
	uint32_t seen = 0;
	for (size_t i = 0; i < l->count; i++) {
		if (l->items[i].added || !slice_equal_nocase(l->items[i].name, c->name) ||
		    ++seen < (c->index > 0 ? c->index : 1))
			continue;
		l->items[i].whole = c->field;
		return;
	}
	if (c->field.len > 0)
		put_at(l, l->count, c);
}

static void change_all(struct lines *l, const struct filter_answer *a)
{
	for (size_t i = 0; i < a->change_count; i++) {
		const struct filter_change *c = &a->changes[i];
		if (c->kind == FILTER_ADD_FIELD)
			put_at(l, l->count, c);
		else if (c->kind == FILTER_INSERT_FIELD)
			put_at(l, c->index, c);
		else
			change_one(l, c);
	}
}

static size_t count_fields(struct slice message)
{
	struct header_walk walk = { .rest = message };
	struct header_field f;
	size_t count = 0;
	while (header_next(&walk, &f))
		count++;
	return count;
}

static struct slice add_lines(struct lines *l, struct header_walk *walk, bool ours)
{
	struct header_field f;
	while (header_next(walk, &f))
		l->items[l->count++] = (struct line){ f.name, f.whole, false, ours };
	return walk->rest;
}

int filter_apply(const struct filter_answer *a, struct slice message, struct spool *out)
{
	struct header_walk walk = { .rest = message }, shown = { .rest = a->shown };
	struct lines lines = { .count = 0 };
	lines.items = mem_zero(count_fields(a->shown) + count_fields(message) + a->change_count + 1,
	                       sizeof(*lines.items));
	add_lines(&lines, &shown, true);
	struct slice body = add_lines(&lines, &walk, false);
	change_all(&lines, a);
	for (size_t i = 0; i < lines.count; i++) {
		struct slice whole = lines.items[i].whole;
		if (lines.items[i].ours)
			continue;
		(void)spool_add(out, whole);
		if (whole.len > 0 && whole.data[whole.len - 1] != '\n')
			(void)spool_add(out, SLICE("\r\n"));
	}
	free(lines.items);
	int rc = a->has_body ? spool_view((struct spool *)&a->body, &body) : 0;
	if (walk.ended || body.len > 0)
		(void)spool_add(out, SLICE("\r\n"));
	(void)spool_add(out, body);
	return rc;
}
