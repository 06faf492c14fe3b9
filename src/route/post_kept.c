#include "route/post_kept.h"

#include "message/header.h"
#include "route/queue_id.h"

/* Of a journey: where it ended comes soon. */
enum { EVENTS_MAX = 1000 };

static bool is_id(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (!byte_is_alnum(text.data[i]))
			return false;
	}
	return text.len == QUEUE_ID_LEN;
}

struct slice post_kept_id(struct arena *arena, const char *hostname, struct slice header)
{
	struct slice value, rest;
	if (!header_find(header, SLICE("Received"), &value))
		return SLICE_EMPTY;
	rest = header_unfold(arena, value);
	struct slice by = slice_from_str(arena_printf(arena, "by %s ", hostname));
	ptrdiff_t at = slice_find(rest, by);
	if (at < 0)
		return SLICE_EMPTY;
	rest = slice_from(rest, (size_t)at + by.len);
	at = slice_find(rest, SLICE("id "));
	if (at < 0)
		return SLICE_EMPTY;
	rest = slice_sub(rest, (size_t)at + 3, QUEUE_ID_LEN);
	return is_id(rest) ? rest : SLICE_EMPTY;
}

struct search {
	const struct journey_event *event;
	bool found;
};

static int visit(const struct journey_event *event, void *arg)
{
	struct search *s = arg;
	s->found = event->kind == JOURNEY_DELIVERED &&
	           slice_equal_nocase(event->address, s->event->address);
	return s->found;
}

int post_kept_note(struct db *db, const struct journey_event *event)
{
	struct search s = { .event = event };
	if (event->queue_id.len == 0)
		return 0;
	int rc = journey_find(db, event->queue_id, -1, EVENTS_MAX, visit, &s);
	return rc >= 0 && s.found ? journey_note(db, event) : rc < 0 ? rc : 0;
}
