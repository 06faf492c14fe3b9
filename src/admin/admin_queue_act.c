/* queue.count, queue.retry, queue.hold, queue.release, queue.drop, queue.bounce, queue.reroute */
#include <errno.h>

#include "admin/admin_commands.h"
#include "admin/admin_queue.h"
#include "base/clock.h"
#include "fiber/fiber.h"
#include "queue/queue.h"
#include "store/store.h"

static const char *const action_names[] = {
	[QUEUE_RETRY] = "retry", [QUEUE_HOLD] = "hold",     [QUEUE_RELEASE] = "release",
	[QUEUE_DROP] = "drop",   [QUEUE_BOUNCE] = "bounce", [QUEUE_REROUTE] = "reroute",
};

/* A walk over the queue: what one look finds is acted on in one commit. */
struct walk {
	struct queue_filter filter;
	struct queue_place place;
	struct queue_order order;
	struct queue_place found[QUEUE_LOOK_ROWS];
	int64_t last_message;
	int64_t messages, recipients; /* that are meant */
	int64_t changed;
};

static int visit(const struct queue_entry *e, void *arg)
{
	struct walk *w = arg;
	if (!queue_action_means(w->order.action, e))
		return 0;
	w->found[w->order.count++] = e->place;
	return 0;
}

static int look_in_read(struct db *db, void *arg)
{
	struct walk *w = arg;
	w->order.count = 0;
	return queue_look(db, &w->filter, QUEUE_LOOK_ROWS, &w->place, visit, w);
}

static int act_in_commit(struct db *db, void *arg) { return queue_act(db, arg); }

static void count_found(struct walk *w)
{
	for (size_t i = 0; i < w->order.count; i++) {
		w->messages += w->found[i].message != w->last_message;
		w->last_message = w->found[i].message;
	}
	w->recipients += (int64_t)w->order.count;
}

static int act_on_found(struct admin *admin, struct walk *w)
{
	w->order.now_ms = clock_wall_ms();
	w->order.places = w->found;
	int rc = store_commit(admin->store, NULL, 0, act_in_commit, &w->order);
	if (rc < 0)
		return rc;
	w->changed += w->order.changed;
	if (admin->queue && w->order.withdraw)
		queue_withdraw(admin->queue, w->found, w->order.count);
	return 0;
}

/* Rows come in their order, and places are never given out twice: what arrives meanwhile is looked
 * at once, or not at all. */
static int walk(struct admin *admin, struct walk *w, bool act)
{
	int more;
	do {
		more = store_read(admin->store, look_in_read, w);
		if (more < 0)
			return more;
		count_found(w);
		int rc = act && w->order.count > 0 ? act_on_found(admin, w) : 0;
		if (rc < 0)
			return rc;
		if (fiber_self())
			fiber_yield();
	} while (more > 0);
	return 0;
}

/* --- the commands --------------------------------------------------------------------- */

static int begin(struct walk *w, const json_t *request, struct admin_reply *reply)
{
	bool all;
	int rc = admin_queue_filter(request, &w->filter, &all, reply);
	if (rc == 0 && all && !json_is_true(json_object_get(request, "all")))
		rc = admin_fail(reply, -EINVAL,
		                "say which: ids, addresses, @DOMAIN, options or all");
	return rc;
}

static int take_way(struct walk *w, struct arena *arena, const json_t *request,
                    struct admin_reply *reply)
{
	const char *way = admin_need(request, "way", reply);
	if (!way)
		return -EINVAL;
	if (queue_reroute_parse(arena, slice_from_str(way), &w->order.reroute))
		return 0;
	return admin_fail(reply, -EINVAL, "'%s' is no domain, and no host:port", way);
}

static int act(struct admin *admin, const json_t *request, struct admin_reply *reply,
               enum queue_action action)
{
	struct arena *arena = arena_new();
	struct walk *w = mem_zero(1, sizeof(*w));
	w->order.action = action;
	int rc = begin(w, request, reply);
	if (rc == 0 && action == QUEUE_REROUTE)
		rc = take_way(w, arena, request, reply);
	if (rc == 0)
		rc = walk(admin, w, true);
	if (w->changed > 0 && admin->queue)
		queue_kick(admin->queue);
	if (rc == 0 && w->changed == 0 && !json_is_true(json_object_get(request, "all")))
		rc = admin_fail(reply, -ENOENT, "nothing in the queue is meant by that");
	if (rc == 0)
		rc = admin_item(reply, json_pack("{s:I}", "recipients", (json_int_t)w->changed));
	admin_queue_filter_end(&w->filter);
	free(w);
	arena_free(arena);
	return rc;
}

static int parse_action(const char *name, enum queue_action *out, struct admin_reply *reply)
{
	for (size_t i = 0; i < sizeof(action_names) / sizeof(action_names[0]); i++) {
		if (!slice_equal(slice_from_str(name), slice_from_str(action_names[i])))
			continue;
		*out = (enum queue_action)i;
		return 0;
	}
	return admin_fail(reply, -EINVAL, "there is no action '%s'", name);
}

/* What an action would touch. */
static int queue_count(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct walk *w = mem_zero(1, sizeof(*w));
	const char *name = admin_need(request, "action", reply);
	int rc = name ? parse_action(name, &w->order.action, reply) : -EINVAL;
	if (rc == 0)
		rc = begin(w, request, reply);
	if (rc == 0)
		rc = walk(admin, w, false);
	if (rc == 0)
		rc = admin_item(reply, json_pack("{s:I, s:I}", "messages", (json_int_t)w->messages,
		                                 "recipients", (json_int_t)w->recipients));
	admin_queue_filter_end(&w->filter);
	free(w);
	return rc;
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

static int queue_bounce(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	return act(admin, request, reply, QUEUE_BOUNCE);
}

static int queue_reroute(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	return act(admin, request, reply, QUEUE_REROUTE);
}

const struct admin_command admin_queue_act_commands[] = {
	{ "queue.count", queue_count },     { "queue.retry", queue_retry },
	{ "queue.hold", queue_hold },       { "queue.release", queue_release },
	{ "queue.drop", queue_drop },       { "queue.bounce", queue_bounce },
	{ "queue.reroute", queue_reroute }, { 0 },
};
