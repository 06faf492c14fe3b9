/* queue.list, queue.show */
#include "admin/admin_queue.h"

#include <errno.h>

#include "admin/admin_commands.h"
#include "admin/admin_trace.h"
#include "client/client_choose.h"
#include "fiber/fiber.h"
#include "message/envelope.h"
#include "message/header.h"
#include "queue/queue.h"
#include "queue/queue_schedule.h"
#include "store/store.h"

/* Of a message's header that `show` hands out. */
#define HEADER_SHOWN_MAX (16 * 1024)

/* A look over some rows at a time, so that a long queue is neither in memory nor keeps the log of
 * the store from starting over. */
struct listing {
	struct queue_filter filter;
	const struct config *config;
	struct queue_place place;
	int64_t limit;       /* 0: none */
	int64_t count;       /* of all pages */
	json_t *items;       /* of this page */
	int64_t blob_id;     /* of the first one */
	uint64_t skip_bytes; /* likewise */
};

enum { ENOUGH = 2 }; /* a visit's word for "no more" */

static void set_text(json_t *item, const char *key, struct slice text)
{
	json_object_set_new(item, key, admin_json_text(text));
}

/* By the way that it goes now, as when it is tried. */
static int64_t expiry(const struct config *config, const struct queue_entry *e)
{
	const struct client_errand errand = { .domain = e->reroute.len > 0 ? e->reroute : e->domain,
		                              .sender = e->reverse_path,
		                              .account = e->account };
	struct queue_schedule schedule = queue_schedule_of(config, client_choose(config, &errand));
	struct envelope_options options;
	envelope_options_parse(e->options, e->arrived_ms, &options);
	if (options.hold_until_ms != 0)
		schedule.expire_ms = 0;
	int64_t expires_ms = queue_schedule_expiry(&schedule, e->arrived_ms, e->expires_ms);
	bool returns = options.by_mode == 'R' && options.by_ms < expires_ms;
	return returns ? options.by_ms : expires_ms;
}

/* "last" stands for "last_text", as it was called before there was more. */
static json_t *describe(const struct config *config, const struct queue_entry *e)
{
	bool dated = e->state == QUEUE_WAITING || e->state == QUEUE_SCHEDULED;
	json_t *item = json_pack(
		"{s:s, s:I, s:I, s:I, s:I, s:i, s:I}", "state", queue_state_name(e->state), "size",
		(json_int_t)(e->size_bytes - e->skip_bytes), "arrived_ms",
		(json_int_t)e->arrived_ms, "due_ms", (json_int_t)(dated ? e->due_ms : 0),
		"expires_ms", (json_int_t)expiry(config, e), "attempts", (int)e->attempts,
		"last_ms", (json_int_t)e->last_ms);
	set_text(item, "id", e->queue_id);
	set_text(item, "from", e->reverse_path);
	set_text(item, "to", e->forward_path);
	set_text(item, "message_id", e->message_id);
	set_text(item, "account", e->account);
	set_text(item, "options", e->options);
	set_text(item, "last", e->last_text);
	set_text(item, "last_status", e->last_status);
	set_text(item, "last_peer", e->last_peer);
	set_text(item, "reroute", e->reroute);
	return item;
}

static int visit(const struct queue_entry *e, void *arg)
{
	struct listing *l = arg;
	if (l->count == 0) {
		l->blob_id = e->blob_id;
		l->skip_bytes = e->skip_bytes;
	}
	json_array_append_new(l->items, describe(l->config, e));
	l->count++;
	return l->count == l->limit ? ENOUGH : 0;
}

static int look_in_read(struct db *db, void *arg)
{
	struct listing *l = arg;
	return queue_look(db, &l->filter, QUEUE_LOOK_ROWS, &l->place, visit, l);
}

/* first: done to the first item, before it goes. */
static int send_listing(struct admin *admin, struct admin_reply *reply, struct listing *l,
                        void (*first)(struct admin *, const struct listing *))
{
	int rc = 1;
	while (rc == 1) {
		bool begun = l->count > 0;
		l->items = json_array();
		rc = store_read(admin->store, look_in_read, l);
		if (rc >= 0 && first && !begun && l->count > 0)
			first(admin, l);
		int sent = admin_items(reply, l->items);
		rc = sent < 0 ? sent : rc;
		/* Rows that are not meant take their time, too. */
		if (fiber_self())
			fiber_yield();
	}
	return rc < 0 ? rc : 0;
}

static int queue_list(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct listing l = { .config = admin->config, .limit = admin_number(request, "limit", 0) };
	bool all;
	int rc = admin_queue_filter(request, &l.filter, &all, reply);
	if (rc == 0)
		rc = send_listing(admin, reply, &l, NULL);
	admin_queue_filter_end(&l.filter);
	return rc;
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

/* Its recipients, the first with the header, and then the events of its journey. */
static int queue_show(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	const char *id = admin_need(request, "id", reply);
	struct listing l = { .config = admin->config, .limit = 0 };
	bool all;
	if (!id)
		return -EINVAL;
	int rc = admin_queue_filter(request, &l.filter, &all, reply);
	if (rc == 0)
		rc = send_listing(admin, reply, &l, add_header);
	admin_queue_filter_end(&l.filter);
	if (rc == 0 && l.count == 0)
		return admin_fail(reply, -ENOENT, "%s is not in the queue", id);
	size_t events = 0;
	return rc < 0 ? rc : admin_send_journey(admin, reply, id, &events);
}

const struct admin_command admin_queue_commands[] = {
	{ "queue.list", queue_list },
	{ "queue.show", queue_show },
	{ 0 },
};
