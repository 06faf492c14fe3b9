#include "queue/queue_table.h"

#include <errno.h>

#include "queue/queue_row.h"

static int read_domain(struct db *db, struct queue_reading *r, struct queue_page_domain *d)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT " QUEUE_ROW_COLUMNS QUEUE_ROW_TABLES
	                  " WHERE r.lease_owner IS NULL AND r.domain = $1 AND r.due_ms <= $2"
	                  " ORDER BY r.due_ms, r.queue_message_id, r.position LIMIT $3",
	                  "tii", d->name, r->page->now_ms, (int64_t)d->max_rows);
	size_t put_off = r->put_off_count;
	d->rows = 0;
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		d->rows++;
		queue_row_judge(r, &rows);
	}
	db_end(&rows);
	d->leased = d->rows - (r->put_off_count - put_off);
	return rc == -ENODATA ? 0 : rc;
}

/* By the key, whose end they are at: coalesce() keeps the index of leases, all of which are ours,
 * out of it. */
static int read_new(struct db *db, void *arg)
{
	struct queue_reading *r = arg;
	struct queue_page *p = r->page;
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT " QUEUE_ROW_COLUMNS QUEUE_ROW_TABLES
	                  " WHERE (r.queue_message_id, r.position) > ($1, $2)"
	                  " AND coalesce(r.lease_owner, '') = $3"
	                  " ORDER BY r.queue_message_id, r.position LIMIT $4",
	                  "iisi", p->seen_message, p->seen_position, p->owner,
	                  (int64_t)p->max_rows);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		r->rows++;
		queue_row_judge(r, &rows);
		p->seen_message = db_int(&rows, COL_MESSAGE);
		p->seen_position = db_int(&rows, COL_POSITION);
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

static int write_lease(struct db *db, const struct queue_job *job)
{
	for (size_t i = 0; i < job->count; i++) {
		int rc = db_run(db,
		                "UPDATE queue_recipient SET lease_owner = $3"
		                " WHERE queue_message_id = $1 AND position = $2",
		                "iis", job->message, job->targets[i].position, job->lease);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Unless somebody has taken it over meanwhile. */
static int write_put_off(struct db *db, const struct queue_put_off *p, const char *lease)
{
	char status[SMTP_ENHANCED_TEXT_MAX];
	return db_run(db,
	              "UPDATE queue_recipient SET due_ms = $3, lease_owner = NULL,"
	              " last_status = CASE WHEN $4 = '' THEN last_status ELSE $6 END,"
	              " last_text = CASE WHEN $4 = '' THEN last_text ELSE $4 END"
	              " WHERE queue_message_id = $1 AND position = $2"
	              " AND coalesce(lease_owner, '') = $5",
	              "iiitss", p->message, p->position, p->due_ms, p->why.text, lease,
	              queue_row_status(p->why.status, status));
}

static int write_put_offs(struct db *db, void *arg)
{
	const struct queue_reading *r = arg;
	int rc = 0;
	for (size_t i = 0; i < r->put_off_count && rc == 0; i++)
		rc = write_put_off(db, &r->put_off[i], r->lease);
	return rc;
}

static int write_page(struct db *db, struct queue_reading *r)
{
	int rc = 0;
	for (size_t i = 0; i < r->job_count && rc == 0; i++)
		rc = write_lease(db, r->jobs[i]);
	return rc < 0 ? rc : write_put_offs(db, r);
}

int queue_table_correct(struct db *db, struct slice domain, int64_t latest_ms, int64_t now_ms,
                        int64_t *due_ms)
{
	int64_t changed;
	int rc = db_change(db, &changed,
	                   "UPDATE queue_recipient SET due_ms = $1 WHERE lease_owner IS NULL"
	                   " AND domain = $2 AND due_ms > $3 AND due_ms < $4 AND held = 0",
	                   "itii", now_ms, domain, latest_ms, QUEUE_NEVER_MS);
	if (rc == 0 && changed > 0 && now_ms < *due_ms)
		*due_ms = now_ms;
	return rc;
}

/* More of it may be due at once. */
static int read_next_due(struct db *db, const struct queue_page *p, struct queue_page_domain *d)
{
	d->next_due_ms = p->now_ms;
	if (d->rows == d->max_rows)
		return 0;
	int rc = db_get_int(db, &d->next_due_ms,
	                    "SELECT due_ms FROM queue_recipient WHERE lease_owner IS NULL"
	                    " AND domain = $1 AND due_ms > $2 ORDER BY due_ms LIMIT 1",
	                    "ti", d->name, p->now_ms);
	if (rc == -ENODATA)
		d->next_due_ms = QUEUE_NEVER_MS;
	/* What nobody can have now and was put off for days is not what a clock did. */
	else if (rc == 0 && d->leased > 0 && p->latest_due_ms < d->next_due_ms)
		rc = queue_table_correct(db, d->name, p->latest_due_ms, p->now_ms, &d->next_due_ms);
	return rc == -ENODATA ? 0 : rc;
}

static void drop_jobs(struct queue_reading *r)
{
	for (size_t i = 0; i < r->job_count; i++)
		queue_job_free(r->jobs[i]);
	r->job_count = r->put_off_count = r->rows = 0;
	list_init(&r->page->jobs);
	list_init(&r->page->expired);
	list_init(&r->page->released);
}

/* May be run again if the group of commits that it was in failed: begins anew each time. */
static int page_commit(struct db *db, void *arg)
{
	struct queue_reading *r = arg;
	queue_ready_end_page(r->page->ready);
	drop_jobs(r);
	struct queue_page *p = r->page;
	int rc = 0;
	for (size_t i = 0; i < p->domain_count && rc == 0; i++)
		rc = read_domain(db, r, &p->domains[i]);
	if (rc == 0)
		rc = write_page(db, r);
	for (size_t i = 0; i < p->domain_count && rc == 0; i++)
		rc = read_next_due(db, p, &p->domains[i]);
	return rc;
}

static void begin(struct queue_reading *r, struct queue_page *page, const char *lease)
{
	*r = (struct queue_reading){ .page = page, .lease = lease, .arena = arena_new() };
	list_init(&page->jobs);
	list_init(&page->expired);
	list_init(&page->released);
	r->put_off = ARENA_ARRAY(r->arena, page->max_rows, struct queue_put_off);
	r->jobs = ARENA_ARRAY(r->arena, page->max_rows, struct queue_job *);
}

static int end(struct queue_reading *r, int rc)
{
	if (rc < 0)
		drop_jobs(r);
	r->page->full = r->rows == r->page->max_rows;
	arena_free(r->arena);
	return rc;
}

int queue_table_page(struct store *store, struct queue_page *page)
{
	struct queue_reading r;
	begin(&r, page, "");
	int rc = store_commit(store, NULL, 0, page_commit, &r);
	for (size_t i = 0; i < page->domain_count; i++) {
		const struct queue_page_domain *d = &page->domains[i];
		queue_agenda_note(page->agenda, d->name, rc < 0 ? page->now_ms : d->next_due_ms);
	}
	return end(&r, rc);
}

int queue_table_new(struct store *store, struct queue_page *page)
{
	struct queue_reading r;
	begin(&r, page, page->owner);
	int rc = store_read(store, read_new, &r);
	if (rc == 0 && r.put_off_count > 0)
		rc = store_commit(store, NULL, 0, write_put_offs, &r);
	for (size_t i = 0; i < r.put_off_count && rc == 0; i++)
		queue_agenda_note(page->agenda, r.put_off[i].domain, r.put_off[i].due_ms);
	return end(&r, rc);
}

/* --- for a connection that was turned round ------------------------------------------- */

/* What is to wait still, or to go by verified TLS only (RFC 8689), stays. */
static bool may_be_turned(const struct queue_page *p, const struct db_rows *rows)
{
	const struct envelope_options options = queue_row_options(rows);
	return options.hold_until_ms <= p->now_ms &&
	       queue_tls_need(&options, db_text(rows, COL_REVERSE_PATH)) != QUEUE_TLS_NEEDED;
}

static int read_turn(struct db *db, struct queue_reading *r)
{
	struct queue_page *p = r->page;
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT " QUEUE_ROW_COLUMNS QUEUE_ROW_TABLES
	                  " WHERE (r.queue_message_id, r.position) > ($1, $2)"
	                  " AND r.domain = $3 AND r.lease_owner IS NULL AND r.held = 0"
	                  " ORDER BY r.queue_message_id, r.position LIMIT $4",
	                  "iiti", r->from_message, r->from_position, r->domain,
	                  (int64_t)p->max_rows);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		r->rows++;
		if (may_be_turned(p, &rows))
			queue_row_lease(r, &rows, r->domain, NULL);
		p->seen_message = db_int(&rows, COL_MESSAGE);
		p->seen_position = db_int(&rows, COL_POSITION);
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

static int turn_commit(struct db *db, void *arg)
{
	struct queue_reading *r = arg;
	drop_jobs(r);
	int rc = read_turn(db, r);
	return rc < 0 ? rc : write_page(db, r);
}

int queue_table_turn(struct store *store, struct slice domain, struct queue_page *page)
{
	struct queue_reading r;
	begin(&r, page, "");
	r.domain = domain;
	r.from_message = page->seen_message;
	r.from_position = page->seen_position;
	return end(&r, store_commit(store, NULL, 0, turn_commit, &r));
}
