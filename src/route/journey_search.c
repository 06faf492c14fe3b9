/* Searching journeys: sketch by sketch, newest first. */
#include <errno.h>

#include "route/journey_sketch.h"
#include "route/queue_id.h"

/* In one read: sketches that are asked, or rows that are looked at. */
#define SKETCHES_A_READ 128
#define ROWS_A_READ     4096
/* Behind all ids. */
#define NEWEST "~"

/* A range of journeys, from behind `after` to `upto`. */
struct stretch {
	char after[24], upto[24];
	bool has_rows; /* the rows must be looked at, and not only those that are late */
};

static void keep(char out[static 24], struct slice id) { snprintf(out, 24, "%.*s", SLICE_ARG(id)); }

/* The first text of the first row, or nothing. */
static int get_text(struct db_rows *rows, int rc, char out[static 24])
{
	out[0] = '\0';
	if (rc == 0)
		rc = db_next(rows);
	if (rc == 0)
		keep(out, db_text(rows, 0));
	db_end(rows);
	return rc == -ENODATA ? 0 : rc;
}

/* --- which stretch is next ------------------------------------------------------------ */

/* What lies behind the newest sketch may be long: a part of it. */
static int cut_stretch(struct db *db, struct stretch *s)
{
	struct db_rows rows;
	char cut[24];
	int rc = get_text(&rows,
	                  db_query(db, &rows,
	                           "SELECT queue_id FROM journey WHERE queue_id > $1"
	                           " AND queue_id < $2 ORDER BY queue_id DESC LIMIT 1 OFFSET $3",
	                           "ssi", s->after, s->upto, (int64_t)ROWS_A_READ),
	                  cut);
	if (rc == 0 && cut[0])
		keep(s->after, slice_from_str(cut));
	return rc;
}

static int next_stretch(struct db *db, const struct journey_filter *filter, struct stretch *s)
{
	struct db_rows rows;
	bool sketched = false;
	int rc = get_text(&rows,
	                  db_query(db, &rows,
	                           "SELECT last_id FROM journey_sketch WHERE last_id < $1"
	                           " ORDER BY last_id DESC LIMIT 1",
	                           "s", s->upto),
	                  s->after);
	if (rc < 0)
		return rc;
	s->has_rows = true;
	rc = db_query(
		db, &rows,
		"SELECT bits FROM journey_sketch WHERE last_id >= $1 ORDER BY last_id LIMIT 1", "s",
		s->upto);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0) {
		sketched = true;
		s->has_rows = journey_sketch_may_have(db_bytes(&rows, 0), filter);
	}
	db_end(&rows);
	if (rc < 0 && rc != -ENODATA)
		return rc;
	return sketched ? 0 : cut_stretch(db, s);
}

/* --- looking at rows ------------------------------------------------------------------ */

#define COLUMNS "SELECT at_ms, queue_id, message_id, kind, address, peer, detail, position"
#define MEANT                                                                                      \
	" AND kind = 0 AND ($3 = '' OR lower(address) = lower($3))"                                \
	" AND ($4 = '' OR EXISTS (SELECT 1 FROM journey AS d"                                      \
	" WHERE d.queue_id = r.queue_id AND d.kind <> 0"                                           \
	" AND (lower(d.address) = lower($4) OR lower(d.detail) LIKE '%, for ' || lower($4))))"     \
	" AND ($5 = '' OR message_id IN ($5, '<' || $5 || '>'))"                                   \
	" AND ($6 = '' OR '" JOURNEY_ENVID "' || $6 ="                                             \
	" substr(detail, length(detail) - length($6) - 7))"                                        \
	" ORDER BY queue_id DESC, position DESC"

static int look(struct db *db, const struct journey_filter *f, const struct stretch *s,
                journey_visit visit, void *arg)
{
	static const char all[] = COLUMNS " FROM journey AS r"
					  " WHERE queue_id > $1 AND queue_id <= $2" MEANT;
	static const char late[] = COLUMNS " FROM journey AS r WHERE queue_id IN"
					   " (SELECT l.queue_id FROM journey_late l"
					   " WHERE l.queue_id > $1 AND l.queue_id <= $2)" MEANT;
	struct db_rows rows;
	int rc = db_query(db, &rows, s->has_rows ? all : late, "sstttt", s->after, s->upto, f->from,
	                  f->to, f->message_id, f->envid);
	if (rc == 0)
		rc = journey_visit_rows(&rows, visit, arg);
	db_end(&rows);
	return rc;
}

/* --- the search ----------------------------------------------------------------------- */

static void begin(const struct journey_filter *f, struct journey_search *search)
{
	search->begun = true;
	keep(search->upto, slice_from_str(NEWEST));
	if (f->until_ms > 0)
		queue_id_least(f->until_ms + 1, search->upto);
}

/* No further than what is meant. True if that is the end of it. */
static bool end_stretch(const struct journey_filter *f, struct stretch *s)
{
	char least[QUEUE_ID_LEN + 1];
	queue_id_least(f->since_ms, least);
	if (f->since_ms > 0 && slice_compare(slice_from_str(s->after), slice_from_str(least)) < 0) {
		keep(s->after, slice_from_str(least));
		return true;
	}
	return !s->after[0];
}

int journey_search(struct db *db, const struct journey_filter *filter,
                   struct journey_search *search, journey_visit visit, void *arg)
{
	if (!search->begun)
		begin(filter, search);
	for (int sketches = 0; sketches < SKETCHES_A_READ; sketches++) {
		struct stretch s;
		keep(s.upto, slice_from_str(search->upto));
		int rc = next_stretch(db, filter, &s);
		if (rc < 0)
			return rc;
		bool last = end_stretch(filter, &s);
		rc = look(db, filter, &s, visit, arg);
		if (rc != 0 || last)
			return rc;
		keep(search->upto, slice_from_str(s.after));
		if (s.has_rows)
			return 1;
	}
	return 1;
}
