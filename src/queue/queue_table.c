#include "queue/queue_table.h"
#include "route/queue_rows.h"

#include <errno.h>

#include "base/cursor.h"
#include "config/config_way.h"
#include "route/bounce_rows.h"
#include "route/journey.h"
#include "route/suppression.h"

/* What would expire if the date were right is looked at again after this. */
#define DOUBT_MS (60 * 1000)

/* --- taking leases -------------------------------------------------------------------- */

/* A due row that is not leased, as its destination does not take it now. */
struct put_off {
	int64_t message, position, due_ms;
	struct slice domain, why;
};

struct reading {
	struct queue_page *page;
	struct slice domain; /* for queue_table_turn() */
	int64_t from_message, from_position;
	struct arena *arena;
	struct put_off *put_off;
	size_t put_off_count;
	struct queue_job **jobs; /* made so far, newest last */
	size_t job_count;
	unsigned rows;
};

/* Columns of the page's query. */
enum column {
	COL_MESSAGE,
	COL_POSITION,
	COL_PATH,
	COL_DOMAIN,
	COL_NOTIFY,
	COL_ORCPT,
	COL_PREFIX,
	COL_ATTEMPTS,
	COL_ASKED,
	COL_DELAY_TOLD,
	COL_QUEUE_ID,
	COL_MESSAGE_ID,
	COL_REVERSE_PATH,
	COL_BLOB,
	COL_SKIP,
	COL_SIZE,
	COL_ARRIVED,
	COL_EXPIRES,
	COL_UTF8,
	COL_8BIT,
	COL_RET,
	COL_ENVID,
	COL_OPTIONS,
	COL_SEGMENT,
	COL_BLOB_POSITION,
	COL_LENGTH,
	COL_FETCHED,
	COL_ACCOUNT,
	COL_HELD,
	COL_REROUTE,
};

static struct envelope_options options_of(const struct db_rows *rows)
{
	struct envelope_options options = { .solicit = SLICE_EMPTY };
	struct slice text = db_text(rows, COL_OPTIONS);
	if (text.len > 0)
		envelope_options_parse(text, db_int(rows, COL_ARRIVED), &options);
	return options;
}

/* The domain whose way it goes. */
static struct slice way_of(const struct db_rows *rows)
{
	struct slice reroute = db_text(rows, COL_REROUTE);
	return reroute.len > 0 ? reroute : db_text(rows, COL_DOMAIN);
}

/* Slices lie in the row. */
static struct client_errand errand_of(const struct db_rows *rows)
{
	return (struct client_errand){ .domain = way_of(rows),
		                       .sender = db_text(rows, COL_REVERSE_PATH),
		                       .account = db_text(rows, COL_ACCOUNT) };
}

/* Mail that its sender wants to go later has as long as was said when it came: its time begins
 * then.
 */
static struct queue_schedule schedule_of(const struct db_rows *rows, const struct config *config,
                                         const struct config_smarthost *way)
{
	struct queue_schedule s = queue_schedule_of(config, way);
	if (s.expire_ms > 0 && options_of(rows).hold_until_ms != 0)
		s.expire_ms = 0;
	return s;
}

/* When something happens to it, whatever its destination does. */
static int64_t limit_of(const struct db_rows *rows, const struct queue_page *p,
                        const struct config_smarthost *way, const struct envelope_options *options)
{
	struct queue_schedule schedule = schedule_of(rows, p->config, way);
	const int64_t arrived_ms = db_int(rows, COL_ARRIVED);
	struct queue_job_dates dates = { .options = options,
		                         .schedule = &schedule,
		                         .notify = (unsigned)db_int(rows, COL_NOTIFY),
		                         .delay_told = db_int(rows, COL_DELAY_TOLD) != 0,
		                         .arrived_ms = arrived_ms,
		                         .expires_ms = QUEUE_NEVER_MS };
	/* No delay is told of then either. */
	if (p->dates_are_doubtful)
		schedule.delay_notice_ms = 0;
	else
		dates.expires_ms = queue_schedule_expiry(&schedule, arrived_ms,
		                                         db_int(rows, COL_EXPIRES));
	return queue_job_limit(&dates);
}

static struct queue_job *make_job(const struct db_rows *rows, const struct config *config,
                                  struct slice key)
{
	const struct client_errand errand = errand_of(rows);
	struct queue_job *job = queue_job_new();
	struct arena *a = job->arena;
	struct slice queue_id = slice_sub(db_text(rows, COL_QUEUE_ID), 0,
	                                  sizeof(job->queue_id) - 1);
	struct slice ret = db_text(rows, COL_RET);
	job->message = db_int(rows, COL_MESSAGE);
	memcpy(job->queue_id, queue_id.data, queue_id.len);
	job->message_id = arena_copy(a, db_text(rows, COL_MESSAGE_ID));
	job->reverse_path = arena_copy(a, db_text(rows, COL_REVERSE_PATH));
	job->blob_id = db_int(rows, COL_BLOB);
	job->place = (struct blob_place){ .segment = (uint32_t)db_int(rows, COL_SEGMENT),
		                          .position = (uint64_t)db_int(rows, COL_BLOB_POSITION),
		                          .length = (uint64_t)db_int(rows, COL_LENGTH) };
	job->skip_bytes = (uint64_t)db_int(rows, COL_SKIP);
	job->size_bytes = (uint64_t)db_int(rows, COL_SIZE);
	job->arrived_ms = db_int(rows, COL_ARRIVED);
	envelope_options_parse(arena_copy(a, db_text(rows, COL_OPTIONS)), job->arrived_ms,
	                       &job->options);
	job->smtputf8 = db_int(rows, COL_UTF8) != 0;
	job->body_8bit = db_int(rows, COL_8BIT) != QUEUE_BODY_7BIT;
	job->body_binary = db_int(rows, COL_8BIT) == QUEUE_BODY_BINARY;
	job->ret = ret.len > 0 ? ret.data[0] : 0;
	job->envid = arena_copy(a, db_text(rows, COL_ENVID));
	job->prefix = arena_copy(a, db_text(rows, COL_PREFIX));
	job->domain = arena_copy(a, errand.domain);
	job->account = arena_copy(a, errand.account);
	job->way = client_choose(config, &errand);
	job->schedule = schedule_of(rows, config, job->way);
	job->expires_ms = queue_schedule_expiry(&job->schedule, job->arrived_ms,
	                                        db_int(rows, COL_EXPIRES));
	job->key = arena_copy(a, key);
	job->tls_need = queue_tls_need(&job->options, job->reverse_path);
	return job;
}

static void add_target(struct queue_job *job, const struct db_rows *rows)
{
	size_t i = queue_job_add(job);
	struct slice domain = db_text(rows, COL_DOMAIN);
	job->wire[i].path = arena_copy(job->arena, db_text(rows, COL_PATH));
	job->wire[i].notify = (unsigned)db_int(rows, COL_NOTIFY);
	job->wire[i].orcpt = arena_copy(job->arena, db_text(rows, COL_ORCPT));
	job->targets[i] = (struct queue_target){
		.position = db_int(rows, COL_POSITION),
		.domain = slice_equal(domain, job->domain) ? job->domain
		                                           : arena_copy(job->arena, domain),
		.attempts = (unsigned)db_int(rows, COL_ATTEMPTS),
		.asked = db_int(rows, COL_ASKED) == QUEUE_ASKED_NOW,
		.delay_told = db_int(rows, COL_DELAY_TOLD) != 0,
	};
}

/* One of the jobs of this page that the row's recipient can go with. */
static struct queue_job *find_job(const struct reading *r, const struct db_rows *rows,
                                  struct slice key, bool expired)
{
	int64_t message = db_int(rows, COL_MESSAGE);
	size_t most = r->page->config->queue.max_recipients_per_transaction;
	for (size_t i = r->job_count; i > 0; i--) {
		struct queue_job *job = r->jobs[i - 1];
		if (job->message == message && slice_equal(job->key, key) &&
		    job->is_expired == expired && !job->is_release &&
		    job->is_sent_back == (db_int(rows, COL_ASKED) == QUEUE_ASKED_BACK) &&
		    (most == 0 || job->count < most) &&
		    slice_equal(job->prefix, db_text(rows, COL_PREFIX)))
			return job;
	}
	return NULL;
}

/* Of "421 4.3.2 closed"; 0 if it was not the remote that said it. */
static int code_of(struct slice text)
{
	uint64_t code;
	struct cursor c = cursor_of(text);
	return take_number(&c, 599, &code) && take_byte(&c, ' ') ? (int)code : 0;
}

static struct queue_job *lease(struct reading *r, const struct db_rows *rows, struct slice key,
                               const struct slice *expired_why)
{
	struct queue_job *job = find_job(r, rows, key, expired_why != NULL);
	if (!job) {
		job = make_job(rows, r->page->config, key);
		job->is_expired = expired_why != NULL;
		job->dates_are_doubtful = r->page->dates_are_doubtful;
		r->jobs[r->job_count++] = job;
		list_append(expired_why ? &r->page->expired : &r->page->jobs, &job->link);
	}
	add_target(job, rows);
	if (!expired_why)
		return job;
	job->wire[job->count - 1].outcome = (struct smtp_outcome){
		.verdict = SMTP_TEMPORARY,
		.stage = SMTP_STAGE_CONNECT,
		.code = code_of(*expired_why),
		.enhanced = { 4, 4, 7 },
		.text = arena_copy(job->arena, *expired_why),
	};
	return job;
}

/* A message goes through the post office as a whole: nobody gets it twice who is asked for twice.
 */
static void lease_release(struct reading *r, const struct db_rows *rows)
{
	struct queue_job *job = r->job_count > 0 ? r->jobs[r->job_count - 1] : NULL;
	if (!job || !job->is_release || job->message != db_int(rows, COL_MESSAGE)) {
		job = make_job(rows, r->page->config, SLICE_EMPTY);
		job->is_release = true;
		job->dates_are_doubtful = r->page->dates_are_doubtful;
		r->jobs[r->job_count++] = job;
		list_append(&r->page->released, &job->link);
	}
	add_target(job, rows);
}

static void put_off(struct reading *r, const struct db_rows *rows, struct put_off p)
{
	p.message = db_int(rows, COL_MESSAGE);
	p.position = db_int(rows, COL_POSITION);
	p.domain = arena_copy(r->arena, db_text(rows, COL_DOMAIN));
	r->put_off[r->put_off_count++] = p;
}

bool queue_table_has_way(const struct config *config, const struct client_errand *errand)
{
	const struct config_smarthost *way = client_choose(config, errand);
	return way && !way->direct && config_way_names(way, errand->domain);
}

/* Mail for a domain that somebody may fetch (ATRN) waits for that, until it expires; unless there
 * is a way to the domain. */
static bool is_fetched(const struct queue_page *p, const struct db_rows *rows)
{
	const struct client_errand errand = errand_of(rows);
	return db_int(rows, COL_FETCHED) != 0 && db_text(rows, COL_REROUTE).len == 0 &&
	       !queue_table_has_way(p->config, &errand);
}

static void wait_to_be_fetched(struct reading *r, const struct db_rows *rows, int64_t expires_ms)
{
	const struct queue_page *p = r->page;
	const struct slice why = SLICE("waits to be fetched (ATRN)");
	/* While dates are doubtful nothing expires; it is looked at again. */
	int64_t due_ms = expires_ms;
	if (p->dates_are_doubtful)
		due_ms = db_int(rows, COL_EXPIRES);
	if (p->dates_are_doubtful && due_ms <= p->now_ms)
		due_ms = p->now_ms + DOUBT_MS;
	if (p->now_ms < due_ms)
		put_off(r, rows, (struct put_off){ .due_ms = due_ms, .why = why });
	else
		lease(r, rows, SLICE("fetched"), &why);
}

/* The operator wants it returned to its sender. */
static void send_back(struct reading *r, const struct db_rows *rows)
{
	const struct slice why = SLICE("the operator of this mail system returned it");
	struct queue_job *job = lease(r, rows, SLICE("returned"), &why);
	job->is_sent_back = true;
	job->wire[job->count - 1].outcome.verdict = SMTP_PERMANENT;
	job->wire[job->count - 1].outcome.enhanced = (struct smtp_enhanced){ 5, 3, 0 };
}

/* What the operator wishes for a row, which may have been new or leased when it was said. */
static bool obey_operator(struct reading *r, const struct db_rows *rows)
{
	if (db_int(rows, COL_HELD) == 1)
		put_off(r, rows, (struct put_off){ .due_ms = QUEUE_NEVER_MS });
	else if (db_int(rows, COL_ASKED) == QUEUE_ASKED_BACK)
		send_back(r, rows);
	else
		return false;
	return true;
}

static void judge_row(struct reading *r, const struct db_rows *rows)
{
	struct queue_page *p = r->page;
	if (obey_operator(r, rows))
		return;
	const struct client_errand errand = errand_of(rows);
	const struct config_smarthost *way = client_choose(p->config, &errand);
	struct slice base = client_choose_key(p->config, r->arena, way, errand.domain);
	const struct envelope_options options = options_of(rows);
	if (options.hold_until_ms != 0) {
		lease_release(r, rows);
		return;
	}
	enum queue_tls_need need = queue_tls_need(&options, db_text(rows, COL_REVERSE_PATH));
	struct slice key = need == QUEUE_TLS_USUAL ? queue_groups_find(p->groups, r->arena, base)
	                                           : queue_tls_key(r->arena, base, need);
	struct slice why;
	int64_t due_ms = 0;
	int64_t expires_ms = limit_of(rows, p, way, &options);
	if (is_fetched(p, rows)) {
		wait_to_be_fetched(r, rows, expires_ms);
		return;
	}
	switch (queue_ready_admit(p->ready, r->arena, key, db_int(rows, COL_ASKED) != 0, p->now_ms,
	                          expires_ms, &due_ms, &why)) {
	case QUEUE_ADMIT:
		lease(r, rows, key, NULL);
		break;
	case QUEUE_REFUSE:
		lease(r, rows, key, &why);
		break;
	case QUEUE_LATER:
		put_off(r, rows, (struct put_off){ .due_ms = due_ms, .why = why });
		break;
	}
}

#define ROW_COLUMNS                                                                                \
	"r.queue_message_id, r.position, r.forward_path, r.domain, r.notify, r.orcpt, r.prefix,"   \
	" r.attempts, r.asked, r.delay_told, m.queue_id, m.message_id, m.reverse_path, m.blob_id," \
	" m.skip_bytes, m.size_bytes, m.arrived_ms, m.expires_ms, m.smtputf8, m.body_8bit, m.ret," \
	" m.envid, m.options, b.segment, b.position, b.length,"                                    \
	" EXISTS (SELECT 1 FROM fetch_domain f WHERE f.domain = r.domain),"                        \
	" m.account, r.held, r.reroute"
#define ROW_TABLES                                                                                 \
	" FROM queue_recipient r JOIN queue_message m ON m.id = r.queue_message_id"                \
	" LEFT JOIN blob b ON b.id = m.blob_id"

static int read_domain(struct db *db, struct reading *r, struct queue_page_domain *d)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT " ROW_COLUMNS ROW_TABLES
	                  " WHERE r.lease_owner IS NULL AND r.domain = $1 AND r.due_ms <= $2"
	                  " ORDER BY r.due_ms, r.queue_message_id, r.position LIMIT $3",
	                  "tii", d->name, r->page->now_ms, (int64_t)d->max_rows);
	size_t put_off = r->put_off_count;
	d->rows = 0;
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		d->rows++;
		judge_row(r, &rows);
	}
	db_end(&rows);
	d->leased = d->rows - (r->put_off_count - put_off);
	return rc == -ENODATA ? 0 : rc;
}

/* By the key, whose end they are at: coalesce() keeps the index of leases, all of which are ours,
 * out of it. */
static int read_new(struct db *db, void *arg)
{
	struct reading *r = arg;
	struct queue_page *p = r->page;
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT " ROW_COLUMNS ROW_TABLES
	                  " WHERE (r.queue_message_id, r.position) > ($1, $2)"
	                  " AND coalesce(r.lease_owner, '') = $3"
	                  " ORDER BY r.queue_message_id, r.position LIMIT $4",
	                  "iisi", p->seen_message, p->seen_position, p->owner,
	                  (int64_t)p->max_rows);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		r->rows++;
		judge_row(r, &rows);
		p->seen_message = db_int(&rows, COL_MESSAGE);
		p->seen_position = db_int(&rows, COL_POSITION);
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

/* Under another name when its hold is over, as queue_table_new() must not take it for new. */
static const char *lease_name(const struct queue_page *p, const struct queue_job *job)
{
	return job->is_release ? arena_printf(job->arena, "%s release", p->owner) : p->owner;
}

static int write_lease(struct db *db, const struct queue_page *p, const struct queue_job *job)
{
	const char *owner = lease_name(p, job);
	for (size_t i = 0; i < job->count; i++) {
		int rc = db_run(db,
		                "UPDATE queue_recipient SET due_ms = $3, lease_owner = $4"
		                " WHERE queue_message_id = $1 AND position = $2",
		                "iiis", job->message, job->targets[i].position,
		                p->now_ms + p->lease_ms, owner);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int write_put_off(struct db *db, const struct put_off *p)
{
	return db_run(db,
	              "UPDATE queue_recipient SET due_ms = $3, lease_owner = NULL,"
	              " last_status = CASE WHEN $4 = '' THEN last_status ELSE '' END,"
	              " last_text = CASE WHEN $4 = '' THEN last_text ELSE $4 END"
	              " WHERE queue_message_id = $1 AND position = $2",
	              "iiit", p->message, p->position, p->due_ms, p->why);
}

static int write_put_offs(struct db *db, void *arg)
{
	const struct reading *r = arg;
	int rc = 0;
	for (size_t i = 0; i < r->put_off_count && rc == 0; i++)
		rc = write_put_off(db, &r->put_off[i]);
	return rc;
}

static int write_page(struct db *db, struct reading *r)
{
	int rc = 0;
	for (size_t i = 0; i < r->job_count && rc == 0; i++)
		rc = write_lease(db, r->page, r->jobs[i]);
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

static void drop_jobs(struct reading *r)
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
	struct reading *r = arg;
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

static void begin(struct reading *r, struct queue_page *page)
{
	*r = (struct reading){ .page = page, .arena = arena_new() };
	list_init(&page->jobs);
	list_init(&page->expired);
	list_init(&page->released);
	r->put_off = ARENA_ARRAY(r->arena, page->max_rows, struct put_off);
	r->jobs = ARENA_ARRAY(r->arena, page->max_rows, struct queue_job *);
}

static int end(struct reading *r, int rc)
{
	if (rc < 0)
		drop_jobs(r);
	r->page->full = r->rows == r->page->max_rows;
	arena_free(r->arena);
	return rc;
}

int queue_table_page(struct store *store, struct queue_page *page)
{
	struct reading r;
	begin(&r, page);
	int rc = store_commit(store, NULL, 0, page_commit, &r);
	for (size_t i = 0; i < page->domain_count; i++) {
		const struct queue_page_domain *d = &page->domains[i];
		queue_agenda_note(page->agenda, d->name, rc < 0 ? page->now_ms : d->next_due_ms);
	}
	return end(&r, rc);
}

int queue_table_new(struct store *store, struct queue_page *page)
{
	struct reading r;
	begin(&r, page);
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
	const struct envelope_options options = options_of(rows);
	return options.hold_until_ms <= p->now_ms &&
	       queue_tls_need(&options, db_text(rows, COL_REVERSE_PATH)) != QUEUE_TLS_NEEDED;
}

static int read_turn(struct db *db, struct reading *r)
{
	struct queue_page *p = r->page;
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT " ROW_COLUMNS ROW_TABLES
	                  " WHERE (r.queue_message_id, r.position) > ($1, $2)"
	                  " AND r.domain = $3 AND r.lease_owner IS NULL AND r.held = 0"
	                  " ORDER BY r.queue_message_id, r.position LIMIT $4",
	                  "iiti", r->from_message, r->from_position, r->domain,
	                  (int64_t)p->max_rows);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		r->rows++;
		if (may_be_turned(p, &rows))
			lease(r, &rows, r->domain, NULL);
		p->seen_message = db_int(&rows, COL_MESSAGE);
		p->seen_position = db_int(&rows, COL_POSITION);
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

static int turn_commit(struct db *db, void *arg)
{
	struct reading *r = arg;
	drop_jobs(r);
	int rc = read_turn(db, r);
	return rc < 0 ? rc : write_page(db, r);
}

int queue_table_turn(struct store *store, struct slice domain, struct queue_page *page)
{
	struct reading r;
	begin(&r, page);
	r.domain = domain;
	r.from_message = page->seen_message;
	r.from_position = page->seen_position;
	return end(&r, store_commit(store, NULL, 0, turn_commit, &r));
}

int queue_table_take_over(struct db *db, int64_t now_ms, int64_t *newest_out)
{
	int rc = db_run(db,
	                "UPDATE queue_recipient SET lease_owner = NULL,"
	                " due_ms = CASE held WHEN 1 THEN $2 ELSE $1 END"
	                " WHERE lease_owner > ''",
	                "ii", now_ms, QUEUE_NEVER_MS);
	if (rc < 0)
		return rc;
	return db_get_int(db, newest_out, "SELECT coalesce(max(id), 0) FROM queue_message", "");
}

/* --- recording ------------------------------------------------------------------------ */

static int note_event(struct db *db, const struct queue_job *job, size_t i, enum journey_kind kind)
{
	const struct smtp_outcome *o = &job->wire[i].outcome;
	struct slice detail = o->text;
	if (kind == JOURNEY_RELAYED && (job->tls.len > 0 || job->from.len > 0))
		detail = slice_from_str(arena_printf(job->arena, "%.*s (%.*s%s%.*s)",
		                                     SLICE_ARG(o->text), SLICE_ARG(job->tls),
		                                     job->from.len == 0 ? ""
		                                     : job->tls.len > 0 ? ", from "
		                                                        : "from ",
		                                     SLICE_ARG(job->from)));
	struct journey_event event = {
		.at_ms = job->ended_ms,
		.queue_id = slice_from_str(job->queue_id),
		.kind = kind,
		.address = job->wire[i].path,
		.peer = job->peer,
		.detail = detail,
	};
	return journey_note(db, &event);
}

/* A report that can't be delivered is no news of its recipient. */
static int note_bounce(struct db *db, const struct queue_job *job, size_t i)
{
	const struct smtp_outcome *o = &job->wire[i].outcome;
	char status[SMTP_ENHANCED_TEXT_MAX] = "";
	if (job->reverse_path.len == 0)
		return 0;
	if (o->enhanced.class != 0)
		smtp_enhanced_text(o->enhanced, status);
	struct bounce_row row = { .at_ms = job->ended_ms,
		                  .queue_id = slice_from_str(job->queue_id),
		                  .sender = job->reverse_path,
		                  .account = job->account,
		                  .recipient = job->wire[i].path,
		                  .source = BOUNCE_SOURCE_REPLY,
		                  .status = slice_from_str(status),
		                  .reporter = job->peer,
		                  .text = o->text };
	row.class = bounce_class_of(row.status, row.text);
	int rc = bounce_row_add(db, &row);
	return rc == 0 ? suppression_note(db, job->suppression, &row) : rc;
}

static int record_gone(struct db *db, const struct queue_job *job, size_t i,
                       struct queue_recorded *out)
{
	int64_t changed;
	int rc = db_change(db, &changed,
	                   "DELETE FROM queue_recipient"
	                   " WHERE queue_message_id = $1 AND position = $2",
	                   "ii", job->message, job->targets[i].position);
	if (rc < 0)
		return rc;
	out->gone += (size_t)changed;
	/* What becomes of it now is said by the post office. */
	if (job->targets[i].end == QUEUE_END_RELEASED)
		return 0;
	bool relayed = job->targets[i].end == QUEUE_END_RELAYED;
	int noted = note_event(db, job, i, relayed ? JOURNEY_RELAYED : JOURNEY_BOUNCED);
	return noted < 0 || relayed ? noted : note_bounce(db, job, i);
}

/* When a row is due again, but for what the operator wished meanwhile. $4 is never. */
#define DUE_AGAIN " due_ms = CASE held WHEN 1 THEN $4 ELSE $3 END,"

static const char *status_text(struct smtp_enhanced e, char out[static SMTP_ENHANCED_TEXT_MAX])
{
	return e.class == 0 ? "" : smtp_enhanced_text(e, out);
}

/* It was on its way when the operator wanted it back. */
static int record_wish(struct db *db, const struct queue_job *job, size_t i,
                       struct queue_recorded *out)
{
	int64_t changed;
	int rc = db_change(db, &changed,
	                   "UPDATE queue_recipient SET due_ms = $3"
	                   " WHERE queue_message_id = $1 AND position = $2 AND asked = 2",
	                   "iii", job->message, job->targets[i].position, job->ended_ms);
	out->due_now |= rc == 0 && changed > 0;
	return rc;
}

static int record_deferred(struct db *db, const struct queue_job *job, size_t i,
                           struct queue_recorded *out)
{
	const struct queue_target *t = &job->targets[i];
	char status[SMTP_ENHANCED_TEXT_MAX];
	int rc = db_run(db,
	                "UPDATE queue_recipient SET lease_owner = NULL," DUE_AGAIN
	                " asked = CASE asked WHEN 2 THEN 2 ELSE 0 END, attempts = $5,"
	                " last_ms = $6, last_text = $7, delay_told = $8, last_status = $9,"
	                " last_peer = $10 WHERE queue_message_id = $1 AND position = $2",
	                "iiiiiitist", job->message, t->position, t->due_ms, QUEUE_NEVER_MS,
	                (int64_t)t->attempts + 1, job->ended_ms, job->wire[i].outcome.text,
	                (int64_t)(t->delay_told || t->tell_delay),
	                status_text(job->wire[i].outcome.enhanced, status), job->peer);
	if (rc == 0)
		rc = record_wish(db, job, i, out);
	return rc < 0 ? rc : note_event(db, job, i, JOURNEY_DEFERRED);
}

static int record_returned(struct db *db, const struct queue_job *job, size_t i)
{
	const struct queue_target *t = &job->targets[i];
	char status[SMTP_ENHANCED_TEXT_MAX];
	return db_run(db,
	              "UPDATE queue_recipient SET lease_owner = NULL," DUE_AGAIN
	              " last_status = CASE WHEN $5 = '' THEN last_status ELSE $6 END,"
	              " last_text = CASE WHEN $5 = '' THEN last_text ELSE $5 END"
	              " WHERE queue_message_id = $1 AND position = $2",
	              "iiiits", job->message, t->position, t->due_ms, QUEUE_NEVER_MS,
	              job->wire[i].outcome.text,
	              status_text(job->wire[i].outcome.enhanced, status));
}

static int record_one(struct db *db, const struct queue_job *job, size_t i,
                      struct queue_recorded *out)
{
	switch (job->targets[i].end) {
	case QUEUE_END_RELAYED:
	case QUEUE_END_FAILED:
	case QUEUE_END_EXPIRED:
	case QUEUE_END_RELEASED:
		return record_gone(db, job, i, out);
	case QUEUE_END_DEFERRED:
		return record_deferred(db, job, i, out);
	default:
		return record_returned(db, job, i);
	}
}

int queue_table_clean(struct db *db, int64_t message)
{
	int64_t blob_id;
	int rc = db_get_int(db, &blob_id,
	                    "SELECT blob_id FROM queue_message WHERE id = $1 AND NOT EXISTS"
	                    " (SELECT 1 FROM queue_recipient WHERE queue_message_id = $1)",
	                    "i", message);
	if (rc < 0)
		return rc == -ENODATA ? 0 : rc;
	rc = db_run(db, "DELETE FROM queue_message WHERE id = $1", "i", message);
	return rc < 0 ? rc : blob_release(db, blob_id, 1);
}

int queue_table_record(struct db *db, const struct queue_job *job, struct queue_recorded *out)
{
	*out = (struct queue_recorded){ 0 };
	for (size_t i = 0; i < job->count; i++) {
		int rc = record_one(db, job, i, out);
		if (rc < 0)
			return rc;
	}
	return out->gone > 0 ? queue_table_clean(db, job->message) : 0;
}
