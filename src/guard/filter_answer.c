/* What a filter wants to be done, gathered. */
#include <errno.h>
#include <math.h>

#include "fiber/fiber.h"
#include "guard/guard_filter.h"
#include "guard/milter_parse.h"

enum {
	LINE_TEXT_MAX = 120,
	CHANGE_OVERHEAD = 64, /* so that those of no bytes come to an end, too */
};

int64_t filter_sooner(int64_t ms, int64_t deadline)
{
	int64_t own = deadline_in(ms);
	return own < deadline ? own : deadline;
}

static int count_change(struct filter_answer *a, size_t bytes)
{
	a->change_bytes += bytes + CHANGE_OVERHEAD;
	return a->change_count + a->recipient_count >= FILTER_CHANGES_MAX ||
	                       a->change_bytes > FILTER_CHANGE_BYTES_MAX
	               ? -E2BIG
	               : 0;
}

int filter_want_field(struct filter_answer *a, int kind, uint32_t index, struct slice name,
                      struct slice value, bool leading_space)
{
	int rc = milter_is_field_name(name) ? count_change(a, name.len + 2 * value.len + 4)
	                                    : -EPROTO;
	if (rc < 0)
		return rc;
	struct buf field = buf_make(2 * (size_t)FILTER_CHANGE_BYTES_MAX);
	if (kind != FILTER_CHANGE_FIELD || value.len > 0)
		milter_field_text(&field, name, value, leading_space);
	if (!a->changes)
		a->changes = ARENA_ARRAY(a->arena, FILTER_CHANGES_MAX, struct filter_change);
	struct filter_change *c = &a->changes[a->change_count++];
	c->kind = kind;
	c->index = index;
	c->name = arena_copy(a->arena, name);
	c->field = arena_copy(a->arena, buf_slice(&field));
	buf_free(&field);
	return 0;
}

int filter_want_recipient(struct filter_answer *a, bool removed, struct slice address)
{
	int rc = count_change(a, address.len);
	if (rc < 0)
		return rc;
	if (!a->recipients)
		a->recipients = ARENA_ARRAY(a->arena, FILTER_CHANGES_MAX, struct filter_recipient);
	a->recipients[a->recipient_count++] = (struct filter_recipient){
		.removed = removed,
		.address = arena_copy(a->arena, address),
	};
	return 0;
}

int filter_want_sender(struct filter_answer *a, struct slice address)
{
	int rc = count_change(a, address.len);
	if (rc < 0)
		return rc;
	a->has_sender = true;
	a->sender = arena_copy(a->arena, address);
	return 0;
}

int filter_want_quarantine(struct filter_answer *a, struct slice why)
{
	int rc = count_change(a, why.len);
	if (rc < 0)
		return rc;
	a->quarantine = arena_str(a->arena, why);
	return 0;
}

/* --- scores ------------------------------------------------------------------------------- */

/* They go into a field, a log and a terminal. */
static const char *printable(struct arena *arena, struct slice text)
{
	char *out = arena_str(arena, slice_sub(text, 0, LINE_TEXT_MAX));
	for (char *c = out; *c; c++)
		if (*c < ' ' || *c > '~' || *c == ',' || *c == ';')
			*c = ' ';
	return out;
}

static int clamp(double weight)
{
	if (isnan(weight))
		return 0;
	if (fabs(weight) > FILTER_WEIGHT_MAX)
		return weight > 0 ? FILTER_WEIGHT_MAX : -FILTER_WEIGHT_MAX;
	return (int)lround(weight);
}

void filter_want_line(struct filter_answer *a, const struct config_filter *filter,
                      struct slice name, struct slice evidence, int weight)
{
	if (weight == 0)
		return;
	if (!a->lines)
		a->lines = ARENA_ARRAY(a->arena, FILTER_LINES_MAX, struct filter_line);
	if (a->line_count == FILTER_LINES_MAX) {
		struct filter_line *last = &a->lines[FILTER_LINES_MAX - 1];
		last->name = arena_printf(a->arena, "%s.others", filter->name);
		last->evidence = "";
		last->weight = clamp((double)last->weight + weight);
		return;
	}
	a->lines[a->line_count++] = (struct filter_line){
		.name = arena_printf(a->arena, "%s.%s", filter->name, printable(a->arena, name)),
		.evidence = printable(a->arena, evidence),
		.weight = weight,
	};
}

int filter_weight(const struct config_filter *filter, double score)
{
	return clamp(score * filter->weight);
}

void filter_found_spam(const struct config_filter *filter, struct filter_answer *a, const char *why)
{
	(void)filter_want_field(a, FILTER_ADD_FIELD, 0, SLICE("X-Spam-Flag"), SLICE("YES"), false);
	if (filter->on_spam == FILTER_SPAM_JUNK)
		a->quarantine = why;
	if (filter->on_spam != FILTER_SPAM_REJECT)
		return;
	a->fate = FILTER_REFUSE;
	a->reply = (struct config_reply){ 550, "5.7.1",
		                          "This message looks too much like what nobody wants" };
}

void filter_answer_end(struct filter_answer *answer)
{
	if (answer->has_body)
		spool_destroy(&answer->body);
	answer->has_body = false;
}
