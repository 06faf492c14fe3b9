#include "queue/queue_failure.h"

#include <errno.h>

#include "base/codec.h"
#include "base/hash.h"
#include "base/log.h"
#include "message/build.h"
#include "queue/queue_feedback_internal.h"
#include "route/post_parcel.h"
#include "trust/dmarc_failure.h"
#include "trust/trust_spf.h"

/* At once: each waits for the DNS. Of a day: what is beyond is not told. */
enum { RUNNING_MAX = 4, PATHS_MAX = 2000 };

struct queue_failures {
	pthread_mutex_t lock;
	struct hash *paths; /* that were told of on that day */
	int64_t day;
	int running;
};

struct failure_job {
	struct queue *queue;
	struct arena *arena;
	struct slice domain, author, fields, header;
	int64_t at_ms;
	/* One report: */
	struct report_row row;
	struct post_parcel *parcel;
	struct store_blob *blobs;
};

struct queue_failures *queue_failures_new(void)
{
	struct queue_failures *f = mem_zero(1, sizeof(*f));
	f->paths = hash_new();
	pthread_mutex_init(&f->lock, NULL);
	return f;
}

void queue_failures_free(struct queue_failures *f)
{
	if (!f)
		return;
	hash_free(f->paths);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

/* --- one mail ------------------------------------------------------------------------- */

static struct slice compose(struct failure_job *j, const char *from, struct slice to)
{
	const char *host = j->queue->config.config->hostname;
	char date[DATE_TEXT_MAX];
	struct slice now = date_format(date_local(j->at_ms / 1000), date);
	struct slice id = draft_message_id(j->arena, slice_from_str(host));
	const char *boundary = arena_printf(j->arena, "=_%016llx%016llx",
	                                    (unsigned long long)random_u64(),
	                                    (unsigned long long)random_u64());
	const char *top = arena_printf(
		j->arena,
		"Date: %.*s\r\nFrom: <%s>\r\nTo: <%.*s>\r\nSubject: DMARC failure report: %.*s\r\n"
		"Message-ID: %.*s\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
		"Content-Type: multipart/report; report-type=feedback-report;\r\n"
		"\tboundary=\"%s\"\r\n\r\n--%s\r\nContent-Type: text/plain; charset=us-ascii\r\n"
		"\r\nThis is a report of %s on a message in the name of %.*s\r\nthat failed DMARC "
		"(RFC 9991).\r\n\r\n",
		SLICE_ARG(now), from, SLICE_ARG(to), SLICE_ARG(j->author), SLICE_ARG(id), boundary,
		boundary, host, SLICE_ARG(j->author));
	const struct slice line = slice_from_str(arena_printf(j->arena, "\r\n--%s", boundary));
	const struct slice parts[] = {
		slice_from_str(top),
		slice_from(line, 2),
		SLICE("\r\nContent-Type: message/feedback-report\r\n\r\n"),
		j->fields,
		line,
		SLICE("\r\nContent-Type: text/rfc822-headers\r\n\r\n"),
		j->header,
		line,
		SLICE("--\r\n"),
	};
	return arena_concat(j->arena, parts, sizeof(parts) / sizeof(parts[0]));
}

static int record(struct db *db, void *arg)
{
	struct failure_job *j = arg;
	int64_t since_ms = j->at_ms - j->at_ms % FEEDBACK_DAY_MS, count = 0;
	int rc = report_row_count(db, REPORT_DMARC_FAILURE, j->row.peer, since_ms, &count);
	if (rc == 0 && count >= j->queue->config.config->dmarc_failure.per_day)
		return -EDQUOT;
	if (rc == 0)
		rc = post_parcel_commit(db, j->parcel, j->blobs);
	return rc == 0 ? report_row_put(db, &j->row) : rc;
}

static int submit(struct failure_job *j, const struct post_envelope *envelope, struct slice text)
{
	const struct post_client client = { .helo = "", .may_relay = true };
	int rc = post_parcel_new(j->queue->config.post, &client, envelope, text, &j->parcel);
	if (rc < 0)
		return rc;
	size_t count = post_parcel_blob_count(j->parcel);
	j->blobs = ARENA_ARRAY(j->arena, count, struct store_blob);
	post_parcel_blobs(j->parcel, j->blobs);
	rc = store_commit(j->queue->config.store, j->blobs, count, record, j);
	post_parcel_end(j->parcel, rc == 0);
	return rc;
}

static void fill_row(struct failure_job *j, const char *from, struct slice uri,
                     const char *queue_id)
{
	const struct config *c = j->queue->config.config;
	const char *name = c->dmarc_report.organization;
	j->row = (struct report_row){
		.kind = REPORT_DMARC_FAILURE,
		.sent = true,
		.at_ms = j->at_ms,
		.peer = uri,
		.state = slice_from_str(arena_printf(j->arena, "in the queue as %s", queue_id)),
		.body = j->fields,
		.summary = { .organization = slice_from_str(name ? name : c->hostname),
		             .contact = slice_from_str(from),
		             .report_id = slice_from_str(queue_id),
		             .domain = j->domain,
		             .begins_ms = j->at_ms,
		             .ends_ms = j->at_ms,
		             .failures = 1 },
	};
}

static void send_to(struct failure_job *j, struct slice uri)
{
	struct address address;
	struct slice to;
	char queue_id[17];
	const char *from = feedback_from(j->queue, j->arena, &feedback_kind_failure);
	if (!tlsrpt_mail_address(j->arena, uri, &to) || !address_parse(j->arena, to, 0, &address))
		return;
	struct post_recipient recipient = { .local = address.local, .domain = address.domain };
	post_new_id(j->queue->config.post, queue_id);
	const struct post_envelope envelope = { .queue_id = queue_id,
		                                .reverse_path = slice_from_str(from),
		                                .recipients = &recipient,
		                                .recipient_count = 1 };
	fill_row(j, from, uri, queue_id);
	int rc = submit(j, &envelope, compose(j, from, to));
	if (rc == 0)
		log_info("report.sent", kv_str("kind", feedback_kind_failure.name),
		         kv_slice("domain", j->domain), kv_slice("to", uri),
		         kv_slice("state", j->row.state));
	else if (rc != -ECANCELED)
		log_info("report.left.out", kv_slice("domain", j->domain), kv_slice("to", uri),
		         rc == -EDQUOT ? kv_str("why", "enough for today") : kv_error(rc));
}

/* --- when one fails ------------------------------------------------------------------- */

static void run(void *arg)
{
	struct failure_job *j = arg;
	struct queue_failures *f = j->queue->failures;
	struct feedback_making m = { .queue = j->queue,
		                     .arena = j->arena,
		                     .kind = &feedback_kind_failure,
		                     .domain = j->domain };
	if (feedback_dmarc_uris(&m, true) == 0) {
		for (size_t i = 0; i < m.uri_count; i++)
			send_to(j, m.uris[i]);
	}
	arena_free(j->arena);
	pthread_mutex_lock(&f->lock);
	f->running--;
	pthread_mutex_unlock(&f->lock);
}

/* Takes a place if the failure is a new one, today. */
static bool is_new(struct queue_failures *f, struct slice path)
{
	int64_t day = clock_wall_ms() / FEEDBACK_DAY_MS;
	pthread_mutex_lock(&f->lock);
	if (f->day != day) {
		hash_free(f->paths);
		f->paths = hash_new();
		f->day = day;
	}
	bool fits = f->running < RUNNING_MAX && hash_count(f->paths) < PATHS_MAX &&
	            !hash_find(f->paths, path);
	if (fits) {
		hash_put(f->paths, path, f);
		f->running++;
	}
	pthread_mutex_unlock(&f->lock);
	return fits;
}

static void start(struct queue *q, struct arena *arena, const struct dmarc_failure *failure)
{
	struct failure_job *j = ARENA_NEW(arena, struct failure_job);
	*j = (struct failure_job){
		.queue = q,
		.arena = arena,
		.domain = arena_copy(arena, failure->finding->policy_domain),
		.author = arena_copy(arena, failure->finding->author),
		.fields = dmarc_failure_fields(arena, failure),
		.header = dmarc_failure_header(arena, failure),
		.at_ms = failure->at_s * 1000,
	};
	if (fiber_start(-1, "report.failure", run, j))
		return;
	arena_free(arena);
	pthread_mutex_lock(&q->failures->lock);
	q->failures->running--;
	pthread_mutex_unlock(&q->failures->lock);
}

void queue_failure_note(struct queue *q, const struct trust_results *results,
                        const struct trust_question *question, enum dmarc_policy done)
{
	const struct config_dmarc_failure *c = &q->config.config->dmarc_failure;
	if (!c->enabled)
		return;
	for (size_t i = 0; i < results->finding_count; i++) {
		struct dmarc_failure failure = { .finding = &results->findings[i],
			                         .results = results,
			                         .question = question,
			                         .done = done,
			                         .at_s = clock_wall_ms() / 1000,
			                         .redact = c->redact };
		if (!dmarc_failure_is_wanted(&failure))
			continue;
		failure.spf = feedback_spf(question->spf, &failure.spf_domain);
		struct arena *arena = arena_new();
		if (is_new(q->failures, dmarc_failure_path(arena, &failure)))
			start(q, arena, &failure);
		else
			arena_free(arena);
	}
}
