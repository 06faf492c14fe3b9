#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>

#include "store/store_internal.h"

struct checking {
	struct store *store;
	struct store_check *check;
	int rc;
};

__attribute__((format(printf, 2, 3))) static void report(struct store_check *check,
                                                         const char *format, ...)
{
	char text[256];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (check->report)
		check->report(text, check->arg);
}

/* --- the database itself -------------------------------------------------------------- */

static int check_database(struct db *db, void *arg)
{
	struct checking *c = arg;
	struct db_rows rows;
	int rc = db_query(db, &rows, "PRAGMA integrity_check", "");
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		struct slice line = db_text(&rows, 0);
		if (slice_equal(line, SLICE("ok")))
			continue;
		c->check->damaged++;
		report(c->check, "database: %.*s", SLICE_ARG(line));
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

/* --- references ----------------------------------------------------------------------- */

static void compare_counts(struct store_check *check, int64_t id, int64_t counted, int64_t found)
{
	if (counted == found)
		return;
	check->wrong_count++;
	report(check, "blob %" PRId64 ": %" PRId64 " references counted, %" PRId64 " found", id,
	       counted, found);
}

static void report_missing(struct store_check *check, int64_t id, int64_t found)
{
	check->missing++;
	report(check, "blob %" PRId64 ": %" PRId64 " references to it, but no row", id, found);
}

/* A row (blob id, number), or an id larger than any when there are no more. */
struct stream {
	struct db_rows rows;
	int64_t id, number;
};

static int advance(struct stream *s)
{
	int rc = db_next(&s->rows);
	s->id = rc == 0 ? db_int(&s->rows, 0) : INT64_MAX;
	s->number = rc == 0 ? db_int(&s->rows, 1) : 0;
	return rc == -ENODATA ? 0 : rc;
}

/* Both are in the order of ids, so one pass over each does. */
static int merge(struct store_check *check, struct stream *counted, struct stream *found)
{
	int rc = advance(counted);
	if (rc == 0)
		rc = advance(found);
	while (rc == 0 && (counted->id != INT64_MAX || found->id != INT64_MAX)) {
		if (found->id < counted->id) {
			report_missing(check, found->id, found->number);
			check->rows += (uint64_t)found->number;
			rc = advance(found);
			continue;
		}
		bool same = found->id == counted->id;
		check->rows += same ? (uint64_t)found->number : 0;
		compare_counts(check, counted->id, counted->number, same ? found->number : 0);
		rc = same ? advance(found) : 0;
		if (rc == 0)
			rc = advance(counted);
	}
	return rc;
}

static int check_references(struct db *db, void *arg)
{
	struct checking *c = arg;
	struct stream counted = { 0 }, found = { 0 };
	int rc = db_query(db, &counted.rows, "SELECT id, refs FROM blob ORDER BY id", "");
	if (rc == 0)
		rc = db_query(db, &found.rows,
		              "SELECT blob_id, count(*) FROM blob_reference"
		              " GROUP BY blob_id ORDER BY blob_id",
		              "");
	if (rc == 0)
		rc = merge(c->check, &counted, &found);
	db_end(&counted.rows);
	db_end(&found.rows);
	return rc;
}

/* --- bytes ---------------------------------------------------------------------------- */

struct ids {
	int64_t after;
	int64_t ids[256];
	size_t count;
};

static int some_ids(struct db *db, void *arg)
{
	struct ids *i = arg;
	struct db_rows rows;
	i->count = 0;
	int rc = db_query(db, &rows, "SELECT id FROM blob WHERE id > $1 ORDER BY id LIMIT 256", "i",
	                  i->after);
	while (rc == 0 && (rc = db_next(&rows)) == 0)
		i->after = i->ids[i->count++] = db_int(&rows, 0);
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

static void check_blob(struct store *s, struct store_check *check, int64_t id)
{
	struct blob_view view;
	int rc = blob_open(s, id, &view);
	if (rc == -ENOENT) /* collected meanwhile */
		return;
	check->blobs++;
	if (rc == 0) {
		blob_close(&view);
		return;
	}
	check->damaged++;
	report(check, "blob %" PRId64 ": %s", id,
	       rc == -EBADMSG ? "its record is damaged or missing" : "it can't be read");
}

static int check_blobs(struct checking *c)
{
	struct ids ids = { .after = INT64_MIN };
	int rc;
	do {
		rc = store_read(c->store, some_ids, &ids);
		for (size_t i = 0; rc == 0 && i < ids.count; i++)
			check_blob(c->store, c->check, ids.ids[i]);
	} while (rc == 0 && ids.count > 0);
	return rc;
}

static void run(void *arg)
{
	struct checking *c = arg;
	c->rc = store_read(c->store, check_database, c);
	if (c->rc == 0)
		c->rc = store_read(c->store, check_references, c);
	if (c->rc == 0)
		c->rc = check_blobs(c);
}

int store_check(struct store *s, struct store_check *check)
{
	struct checking c = { .store = s, .check = check };
	check->blobs = check->rows = check->damaged = check->missing = check->wrong_count = 0;
	fiber_offload(run, &c);
	return c.rc;
}
