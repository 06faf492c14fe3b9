/* What becomes of a row that is due: it is leased, put off, or at its end. */
#include "base/cursor.h"
#include "config/config_way.h"
#include "queue/queue_row.h"

/* What would expire if the date were right is looked at again after this. */
#define DOUBT_MS (60 * 1000)

/* One of the jobs of this page that the row's recipient can go with. */
static struct queue_job *find_job(const struct queue_reading *r, const struct db_rows *rows,
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

struct queue_job *queue_row_lease(struct queue_reading *r, const struct db_rows *rows,
                                  struct slice key, const struct slice *expired_why)
{
	struct queue_job *job = find_job(r, rows, key, expired_why != NULL);
	if (!job) {
		job = queue_row_job(rows, r, key);
		job->is_expired = expired_why != NULL;
		job->dates_are_doubtful = r->page->dates_are_doubtful;
		r->jobs[r->job_count++] = job;
		list_append(expired_why ? &r->page->expired : &r->page->jobs, &job->link);
	}
	queue_row_add(job, rows);
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
static void lease_release(struct queue_reading *r, const struct db_rows *rows)
{
	struct queue_job *job = r->job_count > 0 ? r->jobs[r->job_count - 1] : NULL;
	if (!job || !job->is_release || job->message != db_int(rows, COL_MESSAGE)) {
		job = queue_row_job(rows, r, SLICE_EMPTY);
		job->is_release = true;
		job->dates_are_doubtful = r->page->dates_are_doubtful;
		r->jobs[r->job_count++] = job;
		list_append(&r->page->released, &job->link);
	}
	queue_row_add(job, rows);
}

static void put_off(struct queue_reading *r, const struct db_rows *rows, struct queue_put_off p)
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
	const struct client_errand errand = queue_row_errand(rows);
	return db_int(rows, COL_FETCHED) != 0 && db_text(rows, COL_REROUTE).len == 0 &&
	       !queue_table_has_way(p->config, &errand);
}

static void wait_to_be_fetched(struct queue_reading *r, const struct db_rows *rows,
                               int64_t expires_ms)
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
		put_off(r, rows, (struct queue_put_off){ .due_ms = due_ms, .why.text = why });
	else
		queue_row_lease(r, rows, SLICE("fetched"), &why);
}

/* The operator wants it returned to its sender. */
static void send_back(struct queue_reading *r, const struct db_rows *rows)
{
	const struct slice why = SLICE("the operator of this mail system returned it");
	struct queue_job *job = queue_row_lease(r, rows, SLICE("returned"), &why);
	job->is_sent_back = true;
	job->wire[job->count - 1].outcome.verdict = SMTP_PERMANENT;
	job->wire[job->count - 1].outcome.enhanced = (struct smtp_enhanced){ 5, 3, 0 };
}

/* What the operator wishes for a row, which may have been new or leased when it was said. */
static bool obey_operator(struct queue_reading *r, const struct db_rows *rows)
{
	if (db_int(rows, COL_HELD) == 1)
		put_off(r, rows, (struct queue_put_off){ .due_ms = QUEUE_NEVER_MS });
	else if (db_int(rows, COL_ASKED) == QUEUE_ASKED_BACK)
		send_back(r, rows);
	else
		return false;
	return true;
}

void queue_row_judge(struct queue_reading *r, const struct db_rows *rows)
{
	struct queue_page *p = r->page;
	if (obey_operator(r, rows))
		return;
	const struct client_errand errand = queue_row_errand(rows);
	const struct config_smarthost *way = client_choose(p->config, &errand);
	struct slice base = client_choose_key(p->config, r->arena, way, errand.domain);
	const struct envelope_options options = queue_row_options(rows);
	if (options.hold_until_ms != 0) {
		lease_release(r, rows);
		return;
	}
	enum queue_tls_need need = queue_tls_need(&options, db_text(rows, COL_REVERSE_PATH));
	struct slice key = need == QUEUE_TLS_USUAL ? queue_groups_find(p->groups, r->arena, base)
	                                           : queue_tls_key(r->arena, base, need);
	struct queue_trouble why;
	int64_t due_ms = 0;
	int64_t expires_ms = queue_row_limit(rows, p, way, &options);
	if (is_fetched(p, rows)) {
		wait_to_be_fetched(r, rows, expires_ms);
		return;
	}
	switch (queue_ready_admit(p->ready, r->arena, key, db_int(rows, COL_ASKED) != 0, p->now_ms,
	                          expires_ms, &due_ms, &why)) {
	case QUEUE_ADMIT:
		queue_row_lease(r, rows, key, NULL);
		break;
	case QUEUE_REFUSE:
		queue_row_lease(r, rows, key, &why.text);
		break;
	case QUEUE_LATER:
		put_off(r, rows, (struct queue_put_off){ .due_ms = due_ms, .why = why });
		break;
	}
}
