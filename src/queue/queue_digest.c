#include "queue/queue_digest.h"

#include <errno.h>

#include "base/log.h"
#include "message/build.h"
#include "queue/queue_internal.h"
#include "route/post_parcel.h"

#define TICK_MAX_MS (60 * 1000)
#define TEXT_SHOWN  200

/* --- noting ----------------------------------------------------------------------------- */

static int note_line(struct db *db, const struct queue_job *job, size_t i)
{
	const struct smtp_outcome *o = &job->wire[i].outcome;
	return db_run(db,
	              "INSERT INTO report_withheld (sender, queue_id, recipient, at_ms, text)"
	              " VALUES ($1, $2, $3, $4, $5)"
	              " ON CONFLICT (sender, queue_id, recipient) DO NOTHING",
	              "tstit", job->reverse_path, job->queue_id, job->wire[i].path, job->ended_ms,
	              slice_sub(o->text, 0, TEXT_SHOWN));
}

static int count_one(struct db *db, const struct queue_job *job, int64_t *count_out)
{
	int rc = db_run(db,
	                "INSERT INTO report_digest (sender, since_ms, count) VALUES ($1, $2, 1)"
	                " ON CONFLICT (sender) DO UPDATE SET count = report_digest.count + 1",
	                "ti", job->reverse_path, job->ended_ms);
	if (rc < 0)
		return rc;
	return db_get_int(db, count_out, "SELECT count FROM report_digest WHERE sender = $1", "t",
	                  job->reverse_path);
}

int queue_digest_note(struct db *db, const struct queue_job *job)
{
	int rc = 0;
	for (size_t i = 0; i < job->count && rc == 0; i++) {
		int64_t count;
		if (!job->targets[i].withheld)
			continue;
		rc = count_one(db, job, &count);
		if (rc == 0 && count <= DIGEST_LINES_MAX)
			rc = note_line(db, job, i);
	}
	return rc;
}

/* --- reading ---------------------------------------------------------------------------- */

struct digest {
	struct queue *queue;
	struct arena *arena;
	struct buf lines;
	struct slice sender;
	int64_t since_ms, count;
	struct post_parcel *parcel; /* NULL: nobody can be told */
	struct store_blob *blobs;
};

static int find_due(struct db *db, struct digest *d)
{
	struct db_rows rows;
	int64_t due_ms = clock_wall_ms() - d->queue->config.config->queue.report_digest_ms;
	int rc = db_query(db, &rows,
	                  "SELECT sender, since_ms, count FROM report_digest"
	                  " WHERE since_ms <= $1 ORDER BY since_ms LIMIT 1",
	                  "i", due_ms);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0) {
		d->sender = arena_copy(d->arena, db_text(&rows, 0));
		d->since_ms = db_int(&rows, 1);
		d->count = db_int(&rows, 2);
	}
	db_end(&rows);
	return rc;
}

/* In a message for people nothing but text goes. */
static struct slice shown(struct arena *arena, struct slice text)
{
	char *out = arena_alloc(arena, text.len + 1);
	bool utf8 = slice_is_utf8(text);
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];
		out[i] = c < 0x20 || c == 0x7f ? ' ' : c >= 0x80 && !utf8 ? '?' : text.data[i];
	}
	return slice_of(out, text.len);
}

static int read_digest(struct db *db, void *arg)
{
	struct digest *d = arg;
	struct db_rows rows;
	int rc = find_due(db, d);
	if (rc < 0)
		return rc;
	d->lines.len = 0;
	rc = db_query(db, &rows,
	              "SELECT queue_id, recipient, text FROM report_withheld WHERE sender = $1"
	              " ORDER BY at_ms, queue_id, recipient LIMIT $2",
	              "ti", d->sender, (int64_t)DIGEST_LINES_MAX);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		struct slice to = shown(d->arena, db_text(&rows, 1));
		struct slice text = shown(d->arena, db_text(&rows, 2));
		buf_printf(&d->lines, "<%.*s> (%.*s)\r\n    %.*s\r\n", SLICE_ARG(to),
		           SLICE_ARG(db_text(&rows, 0)), SLICE_ARG(text));
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

/* --- sending ---------------------------------------------------------------------------- */

static int put_piece(void *arg, struct slice piece) { return buf_append(arg, piece); }

static struct slice words(struct digest *d)
{
	char date[DATE_TEXT_MAX];
	struct slice since = date_format(date_local(d->since_ms / 1000), date);
	return slice_from_str(arena_printf(
		d->arena,
		"So many of your messages could not be delivered that not each had a report of its "
		"own.\r\n"
		"Since %.*s these were %lld recipients more, to whom nobody\r\n"
		"will try again%s:\r\n\r\n%.*s\r\n"
		"The last lines are what the other hosts said, or what went wrong. If you have "
		"not sent\r\n"
		"this mail, somebody uses your address or your password.\r\n",
		SLICE_ARG(since), (long long)d->count,
		d->count > DIGEST_LINES_MAX ? ". The first are" : "",
		SLICE_ARG(buf_slice(&d->lines))));
}

static int compose(struct digest *d, struct buf *out)
{
	const char *host = d->queue->config.config->hostname;
	const struct draft_header automatic = { "Auto-Submitted", SLICE("auto-replied") };
	const struct draft draft = {
		.from = slice_from_str(
			arena_printf(d->arena, "Mail Delivery System <MAILER-DAEMON@%s>", host)),
		.to = arena_concat(d->arena, (struct slice[]){ SLICE("<"), d->sender, SLICE(">") },
		                   3),
		.subject = slice_from_str(
			arena_printf(d->arena, "%lld undelivered messages", (long long)d->count)),
		.text = words(d),
		.date = date_local(clock_wall_ms() / 1000),
		.message_id = draft_message_id(d->arena, slice_from_str(host)),
		.headers = &automatic,
		.header_count = 1,
	};
	return draft_write(&draft, d->arena, put_piece, out);
}

/* -EEXIST: another server on this store has done it. What came while this was written is for the
 * next. */
static int end_digest(struct db *db, void *arg)
{
	struct digest *d = arg;
	int64_t count;
	int rc = db_get_int(db, &count,
	                    "SELECT count FROM report_digest WHERE sender = $1 AND since_ms = $2",
	                    "ti", d->sender, d->since_ms);
	if (rc < 0)
		return rc == -ENODATA ? -EEXIST : rc;
	if (d->parcel)
		rc = post_parcel_commit(db, d->parcel, d->blobs);
	if (rc == 0)
		rc = db_run(db, "DELETE FROM report_withheld WHERE sender = $1", "t", d->sender);
	if (rc < 0)
		return rc;
	if (count <= d->count)
		return db_run(db, "DELETE FROM report_digest WHERE sender = $1", "t", d->sender);
	return db_run(db, "UPDATE report_digest SET since_ms = $2, count = $3 WHERE sender = $1",
	              "tii", d->sender, clock_wall_ms(), count - d->count);
}

static int submit(struct digest *d, const struct post_client *client,
                  const struct post_envelope *envelope, struct slice message)
{
	struct store *store = d->queue->config.store;
	int rc = post_parcel_new(d->queue->config.post, client, envelope, message, &d->parcel);
	if (rc == -ENOENT || rc == -ELOOP) {
		log_warn("queue.dsn.undeliverable", kv_slice("to", d->sender), kv_error(rc));
		return store_commit(store, NULL, 0, end_digest, d);
	}
	if (rc < 0)
		return rc;
	size_t count = post_parcel_blob_count(d->parcel);
	d->blobs = ARENA_ARRAY(d->arena, count, struct store_blob);
	post_parcel_blobs(d->parcel, d->blobs);
	rc = store_commit(store, d->blobs, count, end_digest, d);
	post_parcel_end(d->parcel, rc == 0);
	d->parcel = NULL;
	return rc;
}

static int send_digest(struct digest *d)
{
	struct buf message = buf_make(DIGEST_LINES_MAX * 4096 + 65536);
	struct address to = { 0 };
	unsigned allow = ADDRESS_ALLOW_UTF8 | ADDRESS_ALLOW_LOCAL;
	int rc = address_parse(d->arena, d->sender, allow, &to) ? compose(d, &message) : -EINVAL;
	struct post_recipient recipient = { .local = to.local,
		                            .domain = to.domain,
		                            .notify = NOTIFY_NEVER };
	const struct post_client client = { .helo = "", .may_relay = true };
	const struct post_envelope envelope = { .reverse_path = SLICE_EMPTY,
		                                .recipients = &recipient,
		                                .recipient_count = 1,
		                                .smtputf8 = !slice_is_ascii(d->sender) };
	/* An address that can't be written has nobody who reads. */
	if (rc < 0)
		rc = store_commit(d->queue->config.store, NULL, 0, end_digest, d);
	else
		rc = submit(d, &client, &envelope, buf_slice(&message));
	buf_free(&message);
	if (rc == 0)
		log_info("queue.dsn.digest", kv_slice("to", d->sender),
		         kv_int("recipients", d->count));
	return rc;
}

static int send_due(struct queue *q)
{
	int rc = 0;
	while (rc == 0) {
		struct digest d = { .queue = q,
			            .arena = arena_new(),
			            .lines = buf_make(DIGEST_LINES_MAX * 4096) };
		rc = store_read(q->config.store, read_digest, &d);
		if (rc == 0)
			rc = send_digest(&d);
		rc = rc == -EEXIST ? 0 : rc;
		buf_free(&d.lines);
		arena_free(d.arena);
	}
	return rc == -ENODATA ? 0 : rc;
}

static void run(void *arg)
{
	struct queue *q = arg;
	int64_t tick_ms = q->config.config->queue.report_digest_ms;
	tick_ms = tick_ms < TICK_MAX_MS ? tick_ms : TICK_MAX_MS;
	while (fiber_sleep(deadline_in(tick_ms)) == 0) {
		int rc = send_due(q);
		if (rc < 0 && rc != -ECANCELED)
			log_error("queue.dsn.digest.failed", kv_error(rc));
	}
}

void queue_digest_start(struct queue *q) { fiber_start(-1, "queue digests", run, q); }
