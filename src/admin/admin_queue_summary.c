/* queue.summary: what waits, by destination, domain or sender. */
#include <errno.h>

#include "admin/admin_commands.h"
#include "admin/admin_queue.h"
#include "client/client_choose.h"
#include "fiber/fiber.h"
#include "store/store.h"

/* Groups that are told apart; what there is beyond them is one group without a name, so that a
 * queue of a million domains is no gigabyte here. */
#define GROUPS_MAX 65536

enum { LAST_MAX = 200 };

struct group {
	char *name;
	int64_t recipients, messages, last_message;
	int64_t states[QUEUE_STATES];
	int64_t oldest_ms, due_ms; /* due: of those that wait; 0: none */
	int64_t last_ms;
	char last_status[16], last_text[LAST_MAX];
};

enum grouping { BY_DESTINATION, BY_DOMAIN, BY_SENDER };

struct summary {
	const struct config *config;
	struct queue_filter filter;
	struct queue_place place;
	enum grouping by;
	struct arena *scratch; /* of one look */
	struct hash *groups;
	struct group others;
};

/* --- counting ------------------------------------------------------------------------- */

static struct slice name_of(const struct summary *s, const struct queue_entry *e)
{
	switch (s->by) {
	case BY_SENDER:
		return e->reverse_path.len > 0 ? e->reverse_path : SLICE("<>");
	case BY_DOMAIN:
		return e->domain;
	case BY_DESTINATION:
		break;
	}
	const struct client_errand errand = {
		.domain = e->reroute.len > 0 ? e->reroute : e->domain,
		.sender = e->reverse_path,
		.account = e->account,
	};
	return client_choose_key(s->config, s->scratch, client_choose(s->config, &errand),
	                         errand.domain);
}

static struct group *get_group(struct summary *s, struct slice name)
{
	struct group *g = hash_find(s->groups, name);
	if (g)
		return g;
	if (hash_count(s->groups) == GROUPS_MAX)
		return &s->others;
	g = mem_zero(1, sizeof(*g));
	g->name = mem_str(name);
	hash_put(s->groups, name, g);
	return g;
}

static int64_t earlier(int64_t a, int64_t b) { return a == 0 || b < a ? b : a; }

static int visit(const struct queue_entry *e, void *arg)
{
	struct group *g = get_group(arg, name_of(arg, e));
	g->recipients++;
	g->messages += e->place.message != g->last_message;
	g->last_message = e->place.message;
	g->states[e->state]++;
	g->oldest_ms = earlier(g->oldest_ms, e->arrived_ms);
	if (e->state == QUEUE_WAITING || e->state == QUEUE_SCHEDULED)
		g->due_ms = earlier(g->due_ms, e->due_ms);
	/* A destination's trouble is written to those that were not tried, too: without a date. */
	if (e->last_text.len > 0 && (!g->last_text[0] || e->last_ms > g->last_ms)) {
		g->last_ms = e->last_ms;
		snprintf(g->last_status, sizeof(g->last_status), "%.*s", SLICE_ARG(e->last_status));
		snprintf(g->last_text, sizeof(g->last_text), "%.*s", SLICE_ARG(e->last_text));
	}
	return 0;
}

static int look_in_read(struct db *db, void *arg)
{
	struct summary *s = arg;
	return queue_look(db, &s->filter, QUEUE_LOOK_ROWS, &s->place, visit, s);
}

static int count_all(struct admin *admin, struct summary *s)
{
	int rc;
	while ((rc = store_read(admin->store, look_in_read, s)) > 0) {
		arena_reset(s->scratch);
		if (fiber_self())
			fiber_yield();
	}
	return rc;
}

/* --- telling -------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
	const struct group *const *x = a, *const *y = b;
	if ((*x)->recipients != (*y)->recipients)
		return (*x)->recipients < (*y)->recipients ? 1 : -1;
	return slice_compare(slice_from_str((*x)->name), slice_from_str((*y)->name));
}

static json_t *describe(const struct group *g)
{
	json_t *item = json_pack(
		"{s:o, s:I, s:I, s:I, s:I, s:I, s:s, s:o}", "name",
		admin_json_text(slice_from_str(g->name)), "messages", (json_int_t)g->messages,
		"recipients", (json_int_t)g->recipients, "oldest_ms", (json_int_t)g->oldest_ms,
		"due_ms", (json_int_t)g->due_ms, "last_ms", (json_int_t)g->last_ms, "last_status",
		g->last_status, "last", admin_json_text(slice_from_str(g->last_text)));
	for (int state = 0; state < QUEUE_STATES; state++)
		json_object_set_new(item, queue_state_name((enum queue_state)state),
		                    json_integer(g->states[state]));
	return item;
}

static int tell(struct summary *s, int64_t limit, struct admin_reply *reply)
{
	size_t position = 0, count = 0, total = hash_count(s->groups);
	struct group **groups = mem_zero(total + 1, sizeof(struct group *));
	struct slice name;
	void *group;
	int rc = 0;
	while (hash_next(s->groups, &position, &name, &group))
		groups[count++] = group;
	qsort(groups, count, sizeof(struct group *), by_size);
	if (s->others.recipients > 0)
		groups[count++] = &s->others;
	for (size_t i = 0; i < count && rc >= 0 && (limit == 0 || (int64_t)i < limit); i++)
		rc = admin_item(reply, describe(groups[i]));
	free(groups);
	return rc < 0 ? rc : 0;
}

static void end(struct summary *s)
{
	size_t position = 0;
	struct slice name;
	void *group;
	while (hash_next(s->groups, &position, &name, &group)) {
		free(((struct group *)group)->name);
		free(group);
	}
	hash_free(s->groups);
	free(s->others.name);
	arena_free(s->scratch);
	admin_queue_filter_end(&s->filter);
}

static int take_grouping(const json_t *request, enum grouping *out, struct admin_reply *reply)
{
	static const char *const names[] = {
		[BY_DESTINATION] = "destination", [BY_DOMAIN] = "domain", [BY_SENDER] = "sender"
	};
	const char *by = admin_text(request, "by");
	*out = BY_DESTINATION;
	if (!by)
		return 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!slice_equal(slice_from_str(by), slice_from_str(names[i])))
			continue;
		*out = (enum grouping)i;
		return 0;
	}
	return admin_fail(reply, -EINVAL, "a summary is by destination, domain or sender; not '%s'",
	                  by);
}

static int queue_summary(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct summary s = { .config = admin->config,
		             .scratch = arena_new(),
		             .groups = hash_new(),
		             .others = { .name = mem_str(SLICE_EMPTY) } };
	bool all;
	int rc = admin_queue_filter(request, &s.filter, &all, reply);
	if (rc == 0)
		rc = take_grouping(request, &s.by, reply);
	if (rc == 0)
		rc = count_all(admin, &s);
	if (rc == 0)
		rc = tell(&s, admin_number(request, "limit", 0), reply);
	end(&s);
	return rc;
}

const struct admin_command admin_queue_summary_commands[] = {
	{ "queue.summary", queue_summary },
	{ 0 },
};
