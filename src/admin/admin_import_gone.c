/* import.gone: messages that came from a source are not there any more.
 *
 *     {"command":"import.gone", "address":..., "source":..., "below":120, "body_bytes":7}
 *     1:3,7:9
 *
 * The body is the set of UIDs below 120 that are there. What this source brought and has no more
 * goes here, too (`veredus undelete` brings it back), unless
 *   - it was here before the source brought it, or
 *   - another message that was imported, from here or elsewhere, has the same bytes and is there.
 *
 *     {"command":"import.gone", ..., "renewed":true}
 *
 * The source has given new UIDs to all: nothing that came under the old ones goes with them. */
#include <errno.h>

#include "admin/admin_import.h"
#include "fiber/fiber.h"
#include "mailbox/import_rows.h"
#include "mailbox/mailbox.h"

enum {
	SET_BYTES_MAX = 32 << 20, /* a million UIDs with gaps need a quarter of it */
	GONE_AT_ONCE = 1000,      /* messages a commit */
};

struct gone_item {
	int64_t number;
	int64_t mailbox_id;
	uint32_t uid;
	bool brought;
	bool stays; /* something else is the same message here */
};

struct gone {
	struct admin *admin;
	struct import_place place;
	struct uid_set there;
	uint32_t below;
	struct gone_item *items; /* by mailbox and UID */
	size_t count, capacity;
	/* One read, or one commit. */
	int64_t source_id, after;
	size_t from, until;
	uint64_t removed, removed_now;
};

static bool is_gone(const struct gone *g, const struct import_item *item)
{
	return item->source_uid > 0 && item->source_uid < g->below &&
	       !uid_set_has(&g->there, item->source_uid);
}

static int compare_places(const struct gone_item *a, const struct gone_item *b)
{
	if (a->mailbox_id != b->mailbox_id)
		return a->mailbox_id < b->mailbox_id ? -1 : 1;
	return a->uid < b->uid ? -1 : a->uid > b->uid;
}

static int compare_items(const void *a, const void *b) { return compare_places(a, b); }

/* --- what went ------------------------------------------------------------------------------- */

static void note_if_gone(int64_t number, const struct import_item *item, void *arg)
{
	struct gone *g = arg;
	if (!is_gone(g, item))
		return;
	if (g->count == g->capacity) {
		g->capacity = g->capacity ? g->capacity * 2 : 256;
		g->items = mem_grow(g->items, g->capacity * sizeof(*g->items));
	}
	g->items[g->count++] = (struct gone_item){ .number = number,
		                                   .mailbox_id = item->mailbox_id,
		                                   .uid = item->uid,
		                                   .brought = item->brought };
}

static int read_gone(struct db *db, void *arg)
{
	struct gone *g = arg;
	return import_each_item(db, g->source_id, &g->after, note_if_gone, g);
}

/* The first of those with this place, or where it would stand. */
static size_t find_place(const struct gone *g, const struct gone_item *wanted)
{
	size_t low = 0, high = g->count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (compare_places(&g->items[middle], wanted) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static void keep_if_same(int64_t number, const struct import_item *item, void *arg)
{
	struct gone *g = arg;
	const struct gone_item wanted = { .mailbox_id = item->mailbox_id, .uid = item->uid };
	(void)number;
	if (g->source_id == g->place.source_id && is_gone(g, item))
		return;
	for (size_t i = find_place(g, &wanted);
	     i < g->count && compare_places(&g->items[i], &wanted) == 0; i++)
		g->items[i].stays = true;
}

static int read_same(struct db *db, void *arg)
{
	struct gone *g = arg;
	return import_each_item(db, g->source_id, &g->after, keep_if_same, g);
}

/* A page at a time: nobody waits for a million rows. */
static int read_source(struct gone *g, int64_t source_id, int (*read)(struct db *db, void *arg))
{
	int rc = 0;
	g->source_id = source_id;
	g->after = INT64_MIN;
	while (rc == 0) {
		rc = store_read(g->admin->store, read, g);
		if (fiber_self() != 0)
			fiber_yield();
	}
	return rc == -ENODATA ? 0 : rc;
}

static int read_next_source(struct db *db, void *arg)
{
	struct gone *g = arg;
	return import_next_source(db, g->place.account_id, &g->source_id);
}

static int find_gone(struct gone *g)
{
	int rc = read_source(g, g->place.source_id, read_gone);
	if (rc < 0 || g->count == 0)
		return rc;
	qsort(g->items, g->count, sizeof(*g->items), compare_items);
	g->source_id = 0;
	while ((rc = store_read(g->admin->store, read_next_source, g)) == 0) {
		rc = read_source(g, g->source_id, read_same);
		if (rc < 0)
			break;
	}
	return rc == -ENODATA ? 0 : rc;
}

/* --- and goes -------------------------------------------------------------------------------- */

/* The items from..until are of one mailbox. One row that was brought makes the message ours to
 * remove, be the others duplicates of it. */
static int remove_some(struct db *db, void *arg)
{
	struct gone *g = arg;
	struct arena *arena = arena_new();
	struct mailbox_info info;
	struct uid_set uids = { 0 };
	int64_t mailbox_id = g->items[g->from].mailbox_id;
	g->removed_now = 0;
	for (size_t i = g->from; i < g->until; i++) {
		if (g->items[i].brought && !g->items[i].stays && g->items[i].uid > 0)
			uid_set_add(arena, &uids, g->items[i].uid, g->items[i].uid);
	}
	int rc = uids.count > 0 ? mailbox_get(db, arena, mailbox_id, &info) : -ENOENT;
	if (rc == 0 && info.account_id == g->place.account_id)
		rc = mailbox_expunge(db, mailbox_id, &uids, false, &g->removed_now);
	rc = rc == -ENOENT ? 0 : rc;
	for (size_t i = g->from; i < g->until && rc == 0; i++) {
		if (!g->items[i].stays)
			rc = import_forget_number(db, g->place.source_id, g->items[i].number);
	}
	arena_free(arena);
	return rc;
}

static int remove_gone(struct gone *g)
{
	int rc = 0;
	for (g->from = 0; g->from < g->count && rc == 0; g->from = g->until) {
		int64_t mailbox_id = g->items[g->from].mailbox_id;
		g->until = g->from + 1;
		while (g->until < g->count && g->items[g->until].mailbox_id == mailbox_id &&
		       (g->until - g->from < GONE_AT_ONCE ||
		        g->items[g->until].uid == g->items[g->until - 1].uid))
			g->until++;
		rc = store_commit(g->admin->store, NULL, 0, remove_some, g);
		if (rc == 0 && g->removed_now > 0 && g->admin->mailboxes)
			mailboxes_changed(g->admin->mailboxes, mailbox_id);
		g->removed += rc == 0 ? g->removed_now : 0;
	}
	return rc;
}

/* --- the request ----------------------------------------------------------------------------- */

static int take_body(void *arg, struct slice piece) { return buf_append(arg, piece); }

static int read_there(struct gone *g, const json_t *request, struct admin_reply *reply)
{
	struct buf text = buf_make(SET_BYTES_MAX);
	int64_t below = admin_number(request, "below", 0);
	int rc = below < 0 || below > UINT32_MAX ? -EINVAL : 0;
	if (rc == 0)
		rc = admin_body(reply, reply->body_left, take_body, &text);
	if (rc == 0)
		rc = uid_set_read(g->place.arena, &g->there, buf_slice(&text));
	uid_set_sort(&g->there);
	g->below = (uint32_t)below;
	buf_free(&text);
	return rc;
}

static int renew(struct db *db, void *arg)
{
	return import_forget_uids(db, ((struct gone *)arg)->place.source_id);
}

static int run(struct gone *g, const json_t *request, struct admin_reply *reply)
{
	if (g->place.source_id == 0)
		return 0;
	if (json_is_true(json_object_get(request, "renewed")))
		return store_commit(g->admin->store, NULL, 0, renew, g);
	int rc = read_there(g, request, reply);
	if (rc == 0)
		rc = find_gone(g);
	return rc == 0 ? remove_gone(g) : rc;
}

int import_gone(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct arena *arena = arena_new();
	struct gone g = { .admin = admin };
	int rc = import_read_place(admin, arena, request, reply, &g.place);
	if (rc == 0)
		rc = run(&g, request, reply);
	if (rc == 0)
		rc = admin_item(reply, json_pack("{s:I}", "removed", (json_int_t)g.removed));
	free(g.items);
	arena_free(arena);
	return rc;
}
