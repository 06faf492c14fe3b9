/* Giving space back: segments that hold mostly garbage, or what may shrink, are rewritten.
 *
 * A blob that lives is copied to the end of the newest segment, then its row names the new place,
 * and only then the old segment goes away. Readers that have it open keep it; one that has just
 * looked up the old place looks again. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/store_internal.h"

enum {
	ROWS_AT_ONCE = 5000,
	MOVE_BLOBS = 64,
	MOVE_BYTES = 1 << 20,
	LIVE_PERCENT_MAX = 50,    /* of a segment that is rewritten */
	WAITING_PERCENT_MIN = 50, /* of what lives, that is worth to be rewritten compressed */
	REST_US = 5000,           /* between two commits of what is moved */
};

struct usage {
	uint32_t number;
	uint64_t rows, live;     /* live: bytes */
	uint64_t waiting, moved; /* bytes that may shrink; that were written anew */
};

struct collection {
	struct store *store;
	struct usage *segments; /* ascending by number; all but the newest */
	size_t segment_count;
	int64_t after; /* blob id up to which rows have been added up */
	int rows;
	bool compress;
	int64_t compress_before_ms; /* segments that were begun before */
};

/* --- what is garbage ----------------------------------------------------------------- */

static int forget_garbage(struct db *db, void *arg)
{
	return db_change(db, arg,
	                 "DELETE FROM blob WHERE id IN"
	                 " (SELECT id FROM blob WHERE refs = 0 AND segment > 0"
	                 "  ORDER BY id LIMIT 5000)",
	                 "");
}

static struct usage *find_usage(struct collection *c, uint32_t number)
{
	size_t low = 0, high = c->segment_count;
	while (low < high) {
		size_t middle = (low + high) / 2;
		if (c->segments[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low < c->segment_count && c->segments[low].number == number ? &c->segments[low]
	                                                                   : NULL;
}

/* Some rows at a time, since a long read keeps the write-ahead log from starting over. */
static int add_up_some(struct db *db, void *arg)
{
	struct collection *c = arg;
	struct db_rows rows;
	c->rows = 0;
	int rc = db_query(db, &rows,
	                  "SELECT id, segment, length, plain_length IS NULL FROM blob"
	                  " WHERE id > $1 ORDER BY id LIMIT $2",
	                  "ii", c->after, (int64_t)ROWS_AT_ONCE);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		struct usage *u = find_usage(c, (uint32_t)db_int(&rows, 1));
		if (u) {
			u->rows++;
			u->live += record_size((uint64_t)db_int(&rows, 2), 0);
			u->waiting += db_int(&rows, 3) ? (uint64_t)db_int(&rows, 2) : 0;
		}
		c->after = db_int(&rows, 0);
		c->rows++;
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

/* Segments that were full before every commit that this one waited for. Without it a segment
 * whose rows are about to be committed would look like garbage. */
static int list_full_segments(struct collection *c)
{
	uint32_t newest = segment_log_number(c->store->log);
	uint32_t *numbers;
	size_t count;
	int rc = store_commit(c->store, NULL, 0, NULL, NULL);
	if (rc == 0)
		rc = segment_list(c->store->segments_fd, &numbers, &count);
	if (rc != 0)
		return rc;
	c->segments = mem_zero(count + 1, sizeof(*c->segments));
	for (size_t i = 0; i < count; i++) {
		if (numbers[i] < newest)
			c->segments[c->segment_count++].number = numbers[i];
	}
	free(numbers);
	return 0;
}

/* --- moving what lives --------------------------------------------------------------- */

struct move {
	struct collection *collection;
	struct arena *arena; /* of what is gathered */
	struct segment_record records[MOVE_BLOBS];
	struct store_blob blobs[MOVE_BLOBS];
	int count;      /* gathered */
	uint64_t bytes; /* of them */
	uint64_t found; /* records whose row names them */
	uint64_t moved; /* bytes written */
	bool live;      /* the one that was just looked up */
};

static int look_up(struct db *db, void *arg)
{
	struct move *m = arg;
	const struct segment_record *r = &m->records[m->count];
	int64_t found;
	int rc = db_get_int(db, &found,
	                    "SELECT count(*) FROM blob WHERE id = $1 AND segment = $2"
	                    " AND position = $3",
	                    "iii", r->blob_id, (int64_t)r->segment, (int64_t)r->offset);
	m->live = rc == 0 && found == 1;
	return rc;
}

/* With its bytes as they are to lie in the segment. Those that do not shrink are not tried again.
 */
static void prepare(struct move *m, struct store_blob *blob, struct segment_record *record)
{
	const struct collection *c = m->collection;
	uint64_t plain = record->form == RECORD_PLAIN ? record->bytes.len : 0;
	if (c->compress && plain > 0 &&
	    squeeze(c->store->squeezer, m->arena, record->bytes, &record->bytes))
		record->form = RECORD_ZSTD;
	*blob = (struct store_blob){ .parts = &record->bytes,
		                     .part_count = 1,
		                     .note = record->note,
		                     .id = record->blob_id,
		                     .own = { .form = record->form,
		                              .plain_length = c->compress ? plain : 0 } };
	m->moved += record_size(record->bytes.len, record->note.len);
}

static int move_gathered(struct move *m)
{
	for (int i = 0; i < m->count; i++)
		prepare(m, &m->blobs[i], &m->records[i]);
	int rc = m->count == 0 ? 0
	                       : store_commit_moved(m->collection->store, m->blobs,
	                                            (size_t)m->count, NULL, NULL);
	m->count = 0;
	m->bytes = 0;
	arena_reset(m->arena);
	if (m->collection->compress)
		usleep(REST_US);
	return rc;
}

static int gather_live(const struct segment_record *record, void *arg)
{
	struct move *m = arg;
	m->records[m->count] = *record;
	int rc = store_read(m->collection->store, look_up, m);
	if (rc != 0 || !m->live)
		return rc;
	if (record->bad)
		return -EBADMSG;
	struct segment_record *kept = &m->records[m->count];
	m->found++;
	m->count++;
	m->bytes += record->bytes.len;
	if (m->count == MOVE_BLOBS || m->bytes >= MOVE_BYTES)
		return move_gathered(m);
	kept->bytes = arena_copy(m->arena, record->bytes);
	kept->note = arena_copy(m->arena, record->note);
	return 0;
}

/* -EBADMSG: not every row has its record. */
static int rewrite(struct collection *c, struct usage *u)
{
	struct segment_map map;
	int rc = segment_map(c->store->segments_fd, c->store->io, u->number, &map);
	if (rc != 0)
		return rc;
	struct move *m = mem_zero(1, sizeof(*m));
	m->collection = c;
	m->arena = arena_new();
	rc = segment_walk(&map, gather_live, m);
	if (rc == 0)
		rc = move_gathered(m);
	if (rc == 0 && m->found < u->rows)
		rc = -EBADMSG;
	u->moved = m->moved;
	arena_free(m->arena);
	free(m);
	segment_unmap(&map);
	return rc;
}

static uint64_t file_size(const struct store *s, uint32_t number)
{
	char name[SEGMENT_NAME_LEN];
	struct stat st;
	segment_name(number, name);
	return fstatat(s->segments_fd, name, &st, 0) == 0 ? (uint64_t)st.st_size : 0;
}

static int remove_segment(struct store *s, uint32_t number)
{
	char name[SEGMENT_NAME_LEN];
	segment_name(number, name);
	if (s->io->unlinkat(s->segments_fd, name) != 0)
		return -errno;
	segment_files_forget(s->files, number);
	return 0;
}

/* Mail that has just come is read the most: it stays as it is for a while. */
static bool is_to_be_compressed(const struct collection *c, const struct usage *u)
{
	struct segment_map map;
	if (!c->compress || u->waiting * 100 < u->live * WAITING_PERCENT_MIN || u->waiting == 0)
		return false;
	if (segment_map(c->store->segments_fd, c->store->io, u->number, &map) != 0)
		return false;
	bool old = map.header_good && map.header.created_ms <= c->compress_before_ms;
	segment_unmap(&map);
	return old;
}

/* A damaged blob keeps its segment, for whoever may want to mend it. */
static int collect_segment(struct collection *c, struct usage *u, uint64_t *freed)
{
	uint64_t size = file_size(c->store, u->number);
	if (u->live * 100 > size * LIVE_PERCENT_MAX && !is_to_be_compressed(c, u))
		return 0;
	int rc = rewrite(c, u);
	if (rc == 0)
		rc = remove_segment(c->store, u->number);
	if (rc == 0)
		*freed += size > u->moved ? size - u->moved : 0;
	else
		log_warn("store.collect", kv_int("segment", u->number), kv_error(rc));
	return rc == -EBADMSG ? 0 : rc;
}

static int collect(struct collection *c, uint64_t *freed)
{
	int64_t forgotten;
	int rc;
	do {
		rc = store_commit(c->store, NULL, 0, forget_garbage, &forgotten);
	} while (rc == 0 && forgotten > 0);
	if (rc == 0)
		rc = list_full_segments(c);
	do {
		if (rc == 0)
			rc = store_read(c->store, add_up_some, c);
	} while (rc == 0 && c->rows > 0);
	for (size_t i = 0; rc == 0 && i < c->segment_count; i++)
		rc = collect_segment(c, &c->segments[i], freed);
	return rc;
}

struct collecting {
	struct store *store;
	bool at_once; /* segments need not be old to be compressed */
	uint64_t freed;
	int rc;
};

static void run(void *arg)
{
	struct collecting *g = arg;
	int64_t age_ms = g->at_once ? 0 : g->store->compress_after_ms;
	struct collection c = { .store = g->store,
		                .compress = g->store->compress || g->at_once,
		                .compress_before_ms = clock_wall_ms() - age_ms };
	g->rc = collect(&c, &g->freed);
	free(c.segments);
}

static int collect_now(struct store *s, bool at_once, uint64_t *freed_out)
{
	struct collecting g = { .store = s, .at_once = at_once };
	if (atomic_exchange(&s->collecting, true))
		return -EALREADY;
	fiber_offload(run, &g);
	atomic_store(&s->collecting, false);
	*freed_out = g.freed;
	return g.rc;
}

int store_collect(struct store *s, uint64_t *freed_out) { return collect_now(s, false, freed_out); }

int store_compress(struct store *s, uint64_t *freed_out) { return collect_now(s, true, freed_out); }
