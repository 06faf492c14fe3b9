/* bounces: what failed for good, by what next hosts said and by reports that came back */
#include <errno.h>

#include "admin/admin_commands.h"
#include "base/clock.h"
#include "route/bounce_rows.h"
#include "store/store.h"

/* A page at a time, the newest first. */
struct listing {
	struct bounce_filter filter;
	int64_t left; /* that may be listed */
	json_t *items;
};

static int visit(const struct bounce_row *row, void *arg)
{
	struct listing *l = arg;
	if (json_array_size(l->items) == ADMIN_PAGE_ITEMS || l->left == 0)
		return 1;
	l->left--;
	l->filter.before_id = row->id;
	json_array_append_new(
		l->items,
		json_pack("{s:I, s:o, s:o, s:o, s:o, s:s, s:s, s:o, s:o, s:o, s:o}", "at_ms",
	                  (json_int_t)row->at_ms, "queue_id", admin_json_text(row->queue_id),
	                  "from", admin_json_text(row->sender), "account",
	                  admin_json_text(row->account), "to", admin_json_text(row->recipient),
	                  "class", bounce_class_name(row->class), "source",
	                  bounce_source_name(row->source), "status", admin_json_text(row->status),
	                  "reporter", admin_json_text(row->reporter), "text",
	                  admin_json_text(row->text), "report_id",
	                  admin_json_text(row->report_id)));
	return 0;
}

static int read_page(struct db *db, void *arg)
{
	struct listing *l = arg;
	return bounce_row_each(db, &l->filter, visit, l);
}

static int hand_on(struct admin *admin, struct admin_reply *reply, struct listing *l)
{
	int more = 1;
	while (more > 0) {
		l->items = json_array();
		more = store_read(admin->store, read_page, l);
		int rc = admin_items(reply, l->items);
		if (more < 0 || rc < 0)
			return more < 0 ? more : rc;
		if (l->left == 0)
			break;
	}
	return 0;
}

static int take_class(const json_t *request, struct admin_reply *reply, struct bounce_filter *f)
{
	enum bounce_class class;
	const char *name = admin_text(request, "class");
	f->class = -1;
	if (!name)
		return 0;
	if (!bounce_class_find(slice_from_str(name), &class))
		return admin_fail(reply, -EINVAL,
		                  "'%s' is no class: hard, soft, block, policy or complaint", name);
	f->class = (int)class;
	return 0;
}

static int bounces(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	int64_t age_ms = admin_number(request, "age_ms", 0),
		limit = admin_number(request, "limit", 0);
	struct listing l = { .left = limit > 0 ? limit : INT64_MAX };
	int rc = take_class(request, reply, &l.filter);
	if (rc < 0)
		return rc;
	l.filter.sender = admin_bare(admin_text(request, "from"));
	l.filter.to = admin_bare(admin_text(request, "to"));
	l.filter.queue_id = slice_from_str(admin_text(request, "id"));
	if (age_ms > 0)
		l.filter.since_ms = clock_wall_ms() - age_ms;
	return hand_on(admin, reply, &l);
}

const struct admin_command admin_bounce_commands[] = {
	{ "bounces", bounces },
	{ 0 },
};
