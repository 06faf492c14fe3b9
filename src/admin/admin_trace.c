/* trace: what happened to a message. */
#include "admin/admin_trace.h"

#include <errno.h>

#include "admin/admin_commands.h"
#include "fiber/fiber.h"
#include "guard/guard_refusal.h"
#include "route/journey.h"
#include "route/queue_id.h"
#include "store/store.h"

enum { TRACE_LIMIT = 20, TRACE_LIMIT_MAX = 1000, PAGE = 200 };
enum { ENOUGH = 2 }; /* a visit's word for "no more" */

/* The messages that are meant: their queue ids, newest first. */
struct found {
	struct journey_filter filter;
	struct journey_search search;
	int64_t limit;
	char (*ids)[QUEUE_ID_LEN + 1];
	int64_t count;
};

static int visit_found(const struct journey_event *e, void *arg)
{
	struct found *f = arg;
	snprintf(f->ids[f->count++], QUEUE_ID_LEN + 1, "%.*s", SLICE_ARG(e->queue_id));
	return f->count == f->limit ? ENOUGH : 0;
}

static int search_in_read(struct db *db, void *arg)
{
	struct found *f = arg;
	return journey_search(db, &f->filter, &f->search, visit_found, f);
}

/* Some events of one journey. */
struct events {
	const char *queue_id;
	int64_t after;
	json_t *items;
};

static int visit_event(const struct journey_event *e, void *arg)
{
	struct events *page = arg;
	json_t *item = json_pack(
		"{s:I, s:o, s:o, s:s, s:o, s:o, s:o}", "at_ms", (json_int_t)e->at_ms, "queue_id",
		admin_json_text(e->queue_id), "message_id", admin_json_text(e->message_id), "event",
		journey_kind_name(e->kind), "address", admin_json_text(e->address), "peer",
		admin_json_text(e->peer), "detail", admin_json_text(e->detail));
	json_array_append_new(page->items, item);
	page->after = e->position;
	return 0;
}

static int events_in_read(struct db *db, void *arg)
{
	struct events *page = arg;
	return journey_find(db, slice_from_str(page->queue_id), page->after, PAGE, visit_event,
	                    page);
}

int admin_send_journey(struct admin *admin, struct admin_reply *reply, const char *queue_id,
                       size_t *count)
{
	struct events page = { .queue_id = queue_id, .after = -1 };
	size_t read;
	int rc;
	do {
		page.items = json_array();
		rc = store_read(admin->store, events_in_read, &page);
		read = json_array_size(page.items);
		*count += read;
		int sent = admin_items(reply, page.items);
		rc = rc < 0 ? rc : sent;
	} while (rc == 0 && read == PAGE);
	return rc;
}

static bool is_queue_id(const char *id) { return strlen(id) == QUEUE_ID_LEN && !strchr(id, '@'); }

static int send_found(struct admin *admin, struct admin_reply *reply, struct found *f,
                      size_t *count)
{
	f->ids = mem_zero((size_t)f->limit, sizeof(*f->ids));
	int rc;
	while ((rc = store_read(admin->store, search_in_read, f)) == 1) {
		if (fiber_self())
			fiber_yield();
	}
	rc = rc == ENOUGH ? 0 : rc;
	for (int64_t i = 0; i < f->count && rc == 0; i++)
		rc = admin_send_journey(admin, reply, f->ids[i], count);
	free(f->ids);
	return rc;
}

static int trace(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	const char *id = admin_text(request, "id");
	struct found f = {
		.filter = { .message_id = slice_from_str(id),
		            .from = admin_bare(admin_text(request, "from")),
		            .to = admin_bare(admin_text(request, "to")),
		            .since_ms = admin_number(request, "since_ms", 0),
		            .until_ms = admin_number(request, "until_ms", 0) },
		.limit = id ? TRACE_LIMIT_MAX : admin_number(request, "limit", TRACE_LIMIT),
	};
	size_t count = 0;
	if (f.limit < 1 || f.limit > TRACE_LIMIT_MAX)
		return admin_fail(reply, -EINVAL, "the limit must be 1 to %d", TRACE_LIMIT_MAX);
	if (id && guard_code_is(slice_from_str(id))) {
		int sent = admin_send_refusal(admin, reply, slice_from_str(id));
		if (sent != -ENOENT)
			return sent;
	}
	int rc = id && is_queue_id(id) ? admin_send_journey(admin, reply, id, &count)
	                               : send_found(admin, reply, &f, &count);
	if (rc == 0 && id && count == 0)
		rc = admin_fail(reply, -ENOENT, "nothing is known of a message %s%s", id,
		                strchr(id, '@') ? "; for an address give --from or --to" : "");
	return rc;
}

const struct admin_command admin_trace_commands[] = {
	{ "trace", trace },
	{ 0 },
};
