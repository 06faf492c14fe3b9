/* report.list, report.show, report.send: reports on TLS and DMARC (about: "tls", "dmarc",
 * "failure"), ours and those that we got. */
#include <errno.h>
#include <stdio.h>

#include "admin/admin_commands.h"
#include "queue/queue_feedback.h"
#include "store/store.h"
#include "trust/dmarc_failure.h"
#include "trust/dmarc_report.h"

static json_t *row_json(const struct report_row *row)
{
	const struct report_summary *s = &row->summary;
	return json_pack("{s:I, s:s, s:o, s:o, s:o, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:o, s:o}",
	                 "id", (json_int_t)row->id, "kind", row->sent ? "sent" : "received",
	                 "domain", admin_json_text(s->domain), "organization",
	                 admin_json_text(s->organization), "contact", admin_json_text(s->contact),
	                 "report_id", admin_json_text(s->report_id), "begins_ms",
	                 (json_int_t)s->begins_ms, "ends_ms", (json_int_t)s->ends_ms, "successes",
	                 (json_int_t)s->successes, "failures", (json_int_t)s->failures, "at_ms",
	                 (json_int_t)row->at_ms, "due_ms", (json_int_t)row->due_ms,
	                 row->sent ? "to" : "from", admin_json_text(row->peer), "state",
	                 admin_json_text(row->state));
}

/* --- list ----------------------------------------------------------------------------- */

struct page_visit {
	struct admin_page *page;
	int64_t last, count;
};

static int add_row(const struct report_row *row, void *arg)
{
	struct page_visit *v = arg;
	json_array_append_new(v->page->items, row_json(row));
	v->last = row->id;
	v->count++;
	return 0;
}

static int read_page(struct db *db, enum report_kind kind, void *page)
{
	struct page_visit v = { .page = page };
	int64_t after = 0;
	if (v.page->after.len > 0 && !slice_to_i64(v.page->after, &after))
		return -EINVAL;
	int rc = report_row_each(db, kind, after, ADMIN_PAGE_ITEMS, add_row, &v);
	if (rc < 0)
		return rc;
	v.page->after = slice_from_str(arena_printf(v.page->arena, "%lld", (long long)v.last));
	return v.count == ADMIN_PAGE_ITEMS;
}

static int read_tls(struct db *db, void *page) { return read_page(db, REPORT_TLS, page); }

static int read_dmarc(struct db *db, void *page) { return read_page(db, REPORT_DMARC, page); }

static int read_failure(struct db *db, void *page)
{
	return read_page(db, REPORT_DMARC_FAILURE, page);
}

static enum report_kind kind_of(const json_t *request)
{
	struct slice about = slice_from_str(admin_text(request, "about"));
	if (slice_equal(about, SLICE("failure")))
		return REPORT_DMARC_FAILURE;
	return slice_equal(about, SLICE("dmarc")) ? REPORT_DMARC : REPORT_TLS;
}

static int list(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	static int (*const readers[REPORT_KINDS])(struct db *, void *) = {
		[REPORT_TLS] = read_tls,
		[REPORT_DMARC] = read_dmarc,
		[REPORT_DMARC_FAILURE] = read_failure,
	};
	return admin_pages(admin, reply, readers[kind_of(request)]);
}

/* --- show ----------------------------------------------------------------------------- */

struct search {
	enum report_kind kind;
	int64_t id;
	json_t *item; /* out */
};

static json_t *body_json(const struct report_row *row)
{
	json_t *report = NULL;
	if (row->kind == REPORT_TLS)
		return json_loadb(row->body.data, row->body.len, 0, NULL);
	if (row->kind == REPORT_DMARC_FAILURE)
		return dmarc_failure_json(row->body);
	return dmarc_report_parse(row->body, &report) == 0 ? report : json_null();
}

static int take_row(const struct report_row *row, void *arg)
{
	struct search *s = arg;
	if (row->id != s->id)
		return 0;
	s->item = row_json(row);
	json_object_set_new(s->item, "report", body_json(row));
	return 0;
}

static int find(struct db *db, void *arg)
{
	struct search *s = arg;
	json_decref(s->item);
	s->item = NULL;
	return report_row_each(db, s->kind, s->id - 1, 1, take_row, s);
}

static int show(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct search s = { .kind = kind_of(request), .id = admin_number(request, "id", 0) };
	int rc = s.id > 0 ? store_read(admin->store, find, &s) : 0;
	if (rc < 0)
		return rc;
	if (!s.item)
		return admin_fail(reply, -ENOENT, "there is no report %lld", (long long)s.id);
	return admin_item(reply, s.item);
}

/* --- send ----------------------------------------------------------------------------- */

static int send_now(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	if (!admin->queue)
		return admin_fail(reply, -ENOTCONN, "the server does not run: start it first");
	if (kind_of(request) == REPORT_DMARC_FAILURE)
		return admin_fail(reply, -EINVAL, "these go out by themselves");
	return queue_feedback_send(admin->queue, kind_of(request));
}

const struct admin_command admin_report_commands[] = {
	{ "report.list", list },
	{ "report.show", show },
	{ "report.send", send_now },
	{ 0 },
};
