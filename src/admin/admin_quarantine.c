/* quarantine.list, quarantine.count, quarantine.show, quarantine.release, quarantine.drop
 *
 *     {"command":"quarantine.release", "ids":[12, 13], "learn":true}
 *     {"command":"quarantine.list", "user":"alice@example.test", "from":"@example.org",
 *      "reason":"score", "older_ms":86400000, "newer_ms":604800000}
 *
 *     {"command":"quarantine.digest", "user":"alice@example.test"}
 *
 * What is given must all agree. To act on everything "all" must be true. */
#include <errno.h>

#include "admin/admin_commands.h"
#include "admin/admin_quarantine.h"
#include "admin/quarantine_digest.h"
#include "base/clock.h"
#include "base/log.h"
#include "directory/directory.h"
#include "fiber/fiber.h"
#include "guard/bayes_rows.h"
#include "guard/guard_score.h"
#include "route/post_quarantine.h"
#include "store/store.h"

enum { LOOK_ROWS = 200, IDS_MAX = 1000 };

/* --- which -------------------------------------------------------------------------------- */

struct filter {
	struct slice user, from;
	int reason;                  /* -1: any */
	int64_t before_ms, after_ms; /* 0: any */
	int64_t ids[IDS_MAX];
	size_t id_count;
	bool is_all; /* it asks for nothing */
};

static bool has_id(const struct filter *f, int64_t id)
{
	bool found = f->id_count == 0;
	for (size_t i = 0; i < f->id_count && !found; i++)
		found = f->ids[i] == id;
	return found;
}

static bool contains_nocase(struct slice text, struct slice part)
{
	for (size_t i = 0; i + part.len <= text.len; i++) {
		if (slice_equal_nocase(slice_sub(text, i, part.len), part))
			return true;
	}
	return false;
}

static bool is_meant(const struct filter *f, const struct quarantine_row *row)
{
	return has_id(f, row->id) &&
	       (f->user.len == 0 || slice_equal_nocase(f->user, row->address) ||
	        slice_equal_nocase(f->user, row->asked)) &&
	       (f->from.len == 0 || contains_nocase(row->reverse_path, f->from) ||
	        contains_nocase(row->header_from, f->from)) &&
	       (f->reason < 0 || (int)row->reason == f->reason) &&
	       (f->before_ms == 0 || row->at_ms <= f->before_ms) &&
	       (f->after_ms == 0 || row->at_ms >= f->after_ms);
}

static int read_reason(const json_t *request, struct filter *out, struct admin_reply *reply)
{
	const char *text = admin_text(request, "reason");
	out->reason = -1;
	for (int i = 0; text && i < QUARANTINE_REASONS; i++) {
		const char *name = quarantine_reason_name((enum quarantine_reason)i);
		if (slice_equal(slice_from_str(text), slice_from_str(name)))
			out->reason = i;
	}
	if (text && out->reason < 0)
		return admin_fail(reply, -EINVAL,
		                  "a reason is rule, score, dmarc or filter; not '%s'", text);
	return 0;
}

static int read_ids(const json_t *request, struct filter *out, struct admin_reply *reply)
{
	const json_t *ids = json_object_get(request, "ids");
	if (json_array_size(ids) > IDS_MAX)
		return admin_fail(reply, -EINVAL, "at most %d ids at once", IDS_MAX);
	for (size_t i = 0; i < json_array_size(ids); i++)
		out->ids[out->id_count++] = json_integer_value(json_array_get(ids, i));
	return 0;
}

static int read_filter(const json_t *request, struct filter *out, struct admin_reply *reply)
{
	int64_t now_ms = clock_wall_ms();
	int64_t older_ms = admin_number(request, "older_ms", 0);
	int64_t newer_ms = admin_number(request, "newer_ms", 0);
	*out = (struct filter){
		.user = slice_from_str(admin_text(request, "user")),
		.from = slice_from_str(admin_text(request, "from")),
		.before_ms = older_ms > 0 ? now_ms - older_ms : 0,
		.after_ms = newer_ms > 0 ? now_ms - newer_ms : 0,
	};
	int rc = read_reason(request, out, reply);
	if (rc == 0)
		rc = read_ids(request, out, reply);
	out->is_all = out->user.len + out->from.len == 0 && out->reason < 0 && older_ms <= 0 &&
	              newer_ms <= 0 && out->id_count == 0;
	return rc;
}

/* --- walking ------------------------------------------------------------------------------ */

struct walk {
	struct filter filter;
	int64_t after;
	bool list;
	json_t *items;          /* with list */
	int64_t ids[LOOK_ROWS]; /* that one look has found */
	size_t count;
	int64_t messages, bytes; /* of all looks */
};

static int visit(const struct quarantine_row *row, void *arg)
{
	struct walk *w = arg;
	w->after = row->id;
	if (!is_meant(&w->filter, row))
		return 0;
	w->ids[w->count++] = row->id;
	w->messages++;
	w->bytes += (int64_t)row->size_bytes;
	if (w->list)
		json_array_append_new(w->items, admin_quarantine_item(row));
	return 0;
}

static int look(struct db *db, void *arg)
{
	struct walk *w = arg;
	w->count = 0;
	return quarantine_each(db, 0, w->after, LOOK_ROWS, visit, w);
}

/* each gets what one look has found; what it returns below 0 ends the walk. */
static int walk(struct admin *admin, struct walk *w, int (*each)(struct walk *w, void *arg),
                void *arg)
{
	int more = 1;
	while (more > 0) {
		w->items = json_array();
		more = store_read(admin->store, look, w);
		int rc = more >= 0 && each ? each(w, arg) : 0;
		json_decref(w->items);
		if (rc < 0)
			return rc;
		if (fiber_self())
			fiber_yield();
	}
	return more;
}

json_t *admin_quarantine_item(const struct quarantine_row *row)
{
	char score[GUARD_WEIGHT_TEXT_MAX] = "";
	if (row->scored)
		guard_weight_text(row->score, score);
	return json_pack("{s:I, s:o, s:o, s:b, s:o, s:o, s:o, s:I, s:I, s:s, s:o, s:s, s:o, s:I, "
	                 "s:o, s:o}",
	                 "id", (json_int_t)row->id, "to", admin_json_text(row->address), "for",
	                 admin_json_text(row->asked), "local", row->account_id != 0, "from",
	                 admin_json_text(row->reverse_path), "header_from",
	                 admin_json_text(row->header_from), "subject",
	                 admin_json_text(row->subject), "at_ms", (json_int_t)row->at_ms, "until_ms",
	                 (json_int_t)row->until_ms, "reason", quarantine_reason_name(row->reason),
	                 "why", admin_json_text(row->why), "score", score, "score_text",
	                 admin_json_text(row->score_text), "size", (json_int_t)row->size_bytes,
	                 "queue_id", admin_json_text(row->queue_id), "client",
	                 admin_json_text(row->client));
}

static int send_found(struct walk *w, void *arg) { return admin_items(arg, json_incref(w->items)); }

static int quarantine_list(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct walk *w = mem_zero(1, sizeof(*w));
	int rc = read_filter(request, &w->filter, reply);
	w->list = true;
	if (rc == 0)
		rc = walk(admin, w, send_found, reply);
	free(w);
	return rc;
}

static int quarantine_count(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct walk *w = mem_zero(1, sizeof(*w));
	int rc = read_filter(request, &w->filter, reply);
	if (rc == 0)
		rc = walk(admin, w, NULL, NULL);
	if (rc == 0)
		rc = admin_item(reply, json_pack("{s:I, s:I}", "messages", (json_int_t)w->messages,
		                                 "bytes", (json_int_t)w->bytes));
	free(w);
	return rc;
}

/* --- the classifier ----------------------------------------------------------------------- */

/* What is released is wanted, what is dropped is spam: for whom it came, or for all if it goes to
 * another host. */
struct lesson {
	struct admin *admin;
	int64_t id;
	bool is_spam;
	struct arena *arena;
	struct quarantine_row row;
	struct blob_view view;
	struct bayes_tokens tokens;
};

static int read_lesson(struct db *db, void *arg)
{
	struct lesson *l = arg;
	return quarantine_get(db, l->arena, l->id, &l->row);
}

static void tokenise(void *arg)
{
	struct lesson *l = arg;
	bayes_tokens_of(l->arena, slice_from(l->view.bytes, (size_t)l->row.skip_bytes),
	                &l->admin->config->message, &l->tokens);
}

/* Its tokens are taken while it is still there. */
static int lesson_begin(struct lesson *l)
{
	l->arena = arena_new();
	int rc = store_read(l->admin->store, read_lesson, l);
	if (rc == 0)
		rc = blob_open(l->admin->store, l->row.blob_id, &l->view);
	if (rc < 0)
		return rc;
	fiber_offload(tokenise, l);
	blob_close(&l->view);
	return 0;
}

static int learn(struct db *db, void *arg)
{
	const struct lesson *l = arg;
	const struct config_classifier *c = &l->admin->config->classifier;
	const struct bayes_bounds bounds = { c->max_tokens, c->max_messages };
	enum bayes_learned learned;
	int64_t corpus = l->row.account_id != 0 ? l->row.account_id : BAYES_SHARED;
	return bayes_learn(db, corpus, &l->tokens, l->is_spam, &bounds, &learned);
}

/* That it is not learned undoes nothing. */
static void lesson_end(struct lesson *l, bool done)
{
	int rc = done ? store_commit(l->admin->store, NULL, 0, learn, l) : 0;
	if (rc < 0)
		log_warn("quarantine.learn_failed", kv_int("id", l->id), kv_error(rc));
	arena_free(l->arena);
}

/* --- acting ------------------------------------------------------------------------------- */

struct action {
	struct admin *admin;
	struct admin_reply *reply;
	bool release, learn;
	int64_t done, failed;
	int64_t id; /* of the row at work */
	int64_t now_ms;
};

static int drop_row(struct db *db, void *arg)
{
	const struct action *a = arg;
	struct arena *arena = arena_new();
	struct quarantine_row row;
	int rc = quarantine_get(db, arena, a->id, &row);
	if (rc == 0)
		rc = quarantine_remove(db, &row, JOURNEY_DROPPED, SLICE("by the operator"),
		                       a->now_ms);
	arena_free(arena);
	return rc;
}

static const char *why_not(int rc)
{
	switch (rc) {
	case -EDQUOT:
		return "the mailbox is full";
	case -EADDRNOTAVAIL:
		return "there is no such recipient any more, or it takes no mail";
	case -ELOOP:
		return "it would go round in a loop";
	case -EAGAIN:
		return "it can't be delivered now: try again later";
	default:
		return strerrordesc_np(-rc);
	}
}

static int act_on(struct action *a)
{
	struct lesson lesson = { .admin = a->admin, .id = a->id, .is_spam = !a->release };
	int rc = a->learn ? lesson_begin(&lesson) : 0;
	if (rc == 0 && a->release)
		rc = post_release(a->admin->post, a->id, "by the operator");
	else if (rc == 0)
		rc = store_commit(a->admin->store, NULL, 0, drop_row, a);
	if (a->learn)
		lesson_end(&lesson, rc == 0);
	/* Somebody else was faster. */
	if (rc == -ENOENT)
		return 0;
	a->done += rc == 0;
	a->failed += rc < 0;
	if (rc == 0)
		return 0;
	return admin_item(a->reply,
	                  json_pack("{s:I, s:s}", "id", (json_int_t)a->id, "error", why_not(rc)));
}

static int act_on_found(struct walk *w, void *arg)
{
	struct action *a = arg;
	int rc = 0;
	for (size_t i = 0; i < w->count && rc == 0; i++) {
		a->id = w->ids[i];
		rc = act_on(a);
	}
	return rc;
}

static int act(struct admin *admin, const json_t *request, struct admin_reply *reply, bool release)
{
	struct walk *w = mem_zero(1, sizeof(*w));
	struct action a = { .admin = admin,
		            .reply = reply,
		            .release = release,
		            .learn = json_is_true(json_object_get(request, "learn")),
		            .now_ms = clock_wall_ms() };
	bool all = json_is_true(json_object_get(request, "all"));
	int rc = read_filter(request, &w->filter, reply);
	if (rc == 0 && w->filter.is_all && !all)
		rc = admin_fail(reply, -EINVAL, "say which: ids, options or all");
	if (rc == 0 && release && !admin->post)
		rc = admin_fail(reply, -ENOTSUP,
		                "the server delivers what is released: start it first");
	if (rc == 0)
		rc = walk(admin, w, act_on_found, &a);
	if (rc == 0 && a.done + a.failed == 0 && !all)
		rc = admin_fail(reply, -ENOENT, "nothing in quarantine is meant by that");
	if (rc == 0)
		rc = admin_item(reply, json_pack("{s:I, s:I}", "messages", (json_int_t)a.done,
		                                 "failed", (json_int_t)a.failed));
	free(w);
	return rc;
}

static int quarantine_release(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	return act(admin, request, reply, true);
}

static int quarantine_drop(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	return act(admin, request, reply, false);
}

/* --- users -------------------------------------------------------------------------------- */

struct who {
	struct arena *arena;
	struct slice address;
	int64_t id;
};

static int find_who(struct db *db, void *arg)
{
	struct who *w = arg;
	struct slice address;
	struct account account;
	int rc = directory_canonical_address(w->arena, w->address, &address);
	if (rc == 0)
		rc = directory_find_account(db, w->arena, address, &account);
	if (rc == 0)
		w->id = account.id;
	return rc;
}

/* Tells users, or one ("user"), at once. */
static int quarantine_digest(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	const char *user = admin_text(request, "user");
	struct arena *arena = arena_new();
	struct who who = { .arena = arena, .address = slice_from_str(user) };
	int64_t count = 0;
	int rc = admin->post ? 0 : -ENOTSUP;
	if (rc == 0 && user)
		rc = store_read(admin->store, find_who, &who);
	if (rc == -ENOENT)
		admin_fail(reply, rc, "there is no user %s", user);
	if (rc == 0) {
		rc = quarantine_digest_now(admin, who.id, &count);
		rc = rc == -ENOENT && !user ? 0 : rc;
		if (rc == -ENOENT)
			admin_fail(reply, rc, "there is nothing new for %s", user);
	}
	arena_free(arena);
	return rc == 0 ? admin_item(reply, json_pack("{s:I}", "mails", (json_int_t)count)) : rc;
}

const struct admin_command admin_quarantine_commands[] = {
	{ "quarantine.list", quarantine_list },
	{ "quarantine.count", quarantine_count },
	{ "quarantine.show", admin_quarantine_show },
	{ "quarantine.release", quarantine_release },
	{ "quarantine.drop", quarantine_drop },
	{ "quarantine.digest", quarantine_digest },
	{ 0 },
};
