/* queue.list, queue.show, queue.retry, queue.hold, queue.release, queue.drop */
#include <errno.h>

#include "admin/admin_commands.h"
#include "base/clock.h"
#include "message/header.h"
#include "queue/queue.h"

/* Of a message's header that `show` hands out. */
#define HEADER_SHOWN_MAX (16 * 1024)
/* Read at a time, so that a long queue is neither in memory nor keeps the log of the store from
 * starting over. */
#define PAGE 200

struct listing {
	struct queue_filter filter;
	int64_t limit;   /* of this page */
	json_t *items;   /* likewise */
	int64_t count;   /* of all pages */
	int64_t blob_id; /* of the last one */
	uint64_t skip_bytes;
};

struct action {
	struct queue_filter filter;
	enum queue_action action;
	int64_t count;
};

static struct queue_filter filter_of(const json_t *request)
{
	return (struct queue_filter){
		.queue_id = slice_from_str(admin_text(request, "id")),
		.to = slice_from_str(admin_text(request, "to")),
		.from = slice_from_str(admin_text(request, "from")),
	};
}

static const char *state_name(enum queue_state state)
{
	static const char *const names[] = { [QUEUE_WAITING] = "waiting",
		                             [QUEUE_ACTIVE] = "active",
		                             [QUEUE_HELD] = "held",
		                             [QUEUE_SCHEDULED] = "scheduled" };
	return names[state];
}

static int visit(const struct queue_entry *e, void *arg)
{
	struct listing *l = arg;
	json_t *item = json_pack(
		"{s:s, s:s, s:I, s:I, s:I, s:I, s:i}", "id", e->queue_id, "state",
		state_name(e->state), "size", (json_int_t)(e->size_bytes - e->skip_bytes),
		"arrived_ms", (json_int_t)e->arrived_ms, "due_ms",
		(json_int_t)(e->state == QUEUE_WAITING || e->state == QUEUE_SCHEDULED ? e->due_ms
	                                                                              : 0),
		"expires_ms", (json_int_t)e->expires_ms, "attempts", (int)e->attempts);
	json_object_set_new(item, "from", admin_json_text(e->reverse_path));
	json_object_set_new(item, "to", admin_json_text(e->forward_path));
	json_object_set_new(item, "message_id", admin_json_text(e->message_id));
	json_object_set_new(item, "account", admin_json_text(e->account));
	json_object_set_new(item, "options", admin_json_text(e->options));
	json_object_set_new(item, "last", admin_json_text(e->last));
	json_array_append_new(l->items, item);
	l->count++;
	l->filter.after = e->place;
	l->blob_id = e->blob_id;
	l->skip_bytes = e->skip_bytes;
	return 0;
}

static int list_in_read(struct db *db, void *arg)
{
	struct listing *l = arg;
	return queue_each(db, &l->filter, l->limit, visit, l);
}

/* limit 0: all. first: done to the first item, before it goes. */
static int send_pages(struct admin *admin, struct admin_reply *reply, struct listing *l,
                      int64_t limit, void (*first)(struct admin *, const struct listing *))
{
	size_t read;
	int rc;
	do {
		int64_t left = limit > 0 ? limit - l->count : PAGE;
		l->limit = left < PAGE ? left : PAGE;
		l->items = json_array();
		rc = store_read(admin->store, list_in_read, l);
		read = json_array_size(l->items);
		if (rc == 0 && first && l->count > 0 && l->count == (int64_t)read)
			first(admin, l);
		int sent = admin_items(reply, l->items);
		rc = rc < 0 ? rc : sent;
	} while (rc == 0 && read == PAGE && l->count != limit);
	return rc;
}

static int queue_list(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct listing l = { .filter = filter_of(request) };
	return send_pages(admin, reply, &l, admin_number(request, "limit", 0), NULL);
}

static json_t *header_of(struct admin *admin, const struct listing *l)
{
	struct blob_view view;
	if (blob_open(admin->store, l->blob_id, &view) < 0)
		return json_null();
	struct slice message = slice_from(view.bytes, l->skip_bytes);
	size_t len = header_length(message);
	json_t *text = admin_json_text(
		slice_sub(message, 0, len < HEADER_SHOWN_MAX ? len : HEADER_SHOWN_MAX));
	blob_close(&view);
	return text;
}

static void add_header(struct admin *admin, const struct listing *l)
{
	json_object_set_new(json_array_get(l->items, 0), "header", header_of(admin, l));
}

static int queue_show(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	const char *id = admin_need(request, "id", reply);
	if (!id)
		return -EINVAL;
	struct listing l = { .filter = { .queue_id = slice_from_str(id) } };
	int rc = send_pages(admin, reply, &l, 0, add_header);
	if (rc == 0 && l.count == 0)
		rc = admin_fail(reply, -ENOENT, "%s is not in the queue", id);
	return rc;
}

static int act_in_commit(struct db *db, void *arg)
{
	struct action *a = arg;
	return queue_act(db, a->action, &a->filter, clock_wall_ms(), &a->count);
}

static int act(struct admin *admin, const json_t *request, struct admin_reply *reply,
               enum queue_action action)
{
	struct action a = { .filter = filter_of(request), .action = action };
	bool all = json_is_true(json_object_get(request, "all"));
	if (!all && a.filter.queue_id.len + a.filter.to.len + a.filter.from.len == 0)
		return admin_fail(reply, -EINVAL, "say which: an id, an address, @DOMAIN or all");
	int rc = store_commit(admin->store, NULL, 0, act_in_commit, &a);
	if (rc < 0)
		return rc;
	if (a.count == 0 && !all)
		return admin_fail(reply, -ENOENT, "nothing in the queue is meant by that");
	if (admin->queue)
		queue_kick(admin->queue);
	return admin_item(reply, json_pack("{s:I}", "recipients", (json_int_t)a.count));
}

static int queue_retry(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	return act(admin, request, reply, QUEUE_RETRY);
}

static int queue_hold(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	return act(admin, request, reply, QUEUE_HOLD);
}

static int queue_release(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	return act(admin, request, reply, QUEUE_RELEASE);
}

static int queue_drop(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	return act(admin, request, reply, QUEUE_DROP);
}

const struct admin_command admin_queue_commands[] = {
	{ "queue.list", queue_list },
	{ "queue.show", queue_show },
	{ "queue.retry", queue_retry },
	{ "queue.hold", queue_hold },
	{ "queue.release", queue_release },
	{ "queue.drop", queue_drop },
	{ 0 },
};
