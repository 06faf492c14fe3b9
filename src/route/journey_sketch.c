#include "route/journey_sketch.h"

#include <errno.h>

#include "base/hash.h"
#include "fiber/fiber.h"
#include "route/queue_id.h"

/* Rows of a sketch, and of a read: what takes a millisecond or two. */
#define SKETCH_ROWS 4096
#define PAGE_ROWS   1024

/* Six bits of twelve a key: one answer in 280 is wrong. */
#define BITS_A_KEY 12
#define HASHES     6

/* --- keys ----------------------------------------------------------------------------- */

enum { TEXT_MAX = 2048 };

/* Not secret: who makes keys collide makes searches read some rows more. */
static const uint64_t hash_key[2] = { 0x7665726564757321, 0x6a6f75726e657973 };

/* kind: 'm' a Message-ID, 'e' an envelope id, 's' a sender, 'r' a recipient, 'p' both addresses. */
static uint64_t key_of(char kind, struct slice a, struct slice b)
{
	char text[TEXT_MAX];
	size_t len = 0;
	bool exact = kind == 'm' || kind == 'e';
	text[len++] = kind;
	for (size_t i = 0; i < a.len && len < sizeof(text) - 1; i++)
		text[len++] = exact ? a.data[i] : byte_lower(a.data[i]);
	text[len++] = '\0';
	for (size_t i = 0; i < b.len && len < sizeof(text); i++)
		text[len++] = byte_lower(b.data[i]);
	return hash_bytes_keyed(hash_key, slice_of(text, len));
}

static struct slice without_brackets(struct slice id)
{
	if (slice_starts_with(id, SLICE("<")) && slice_ends_with(id, SLICE(">")))
		return slice_sub(id, 1, id.len - 2);
	return id;
}

static size_t bit_of(uint64_t key, unsigned i, size_t bits)
{
	uint64_t step = key >> 32 | 1;
	return (size_t)((key + i * step) % bits);
}

static bool may_have_key(struct slice sketch, uint64_t key)
{
	for (unsigned i = 0; i < HASHES; i++) {
		size_t bit = bit_of(key, i, sketch.len * 8);
		if (!((unsigned char)sketch.data[bit / 8] & 1U << bit % 8))
			return false;
	}
	return true;
}

bool journey_sketch_may_have(struct slice sketch, const struct journey_filter *f)
{
	if (sketch.len == 0)
		return true;
	if (f->message_id.len > 0 &&
	    !may_have_key(sketch, key_of('m', without_brackets(f->message_id), SLICE_EMPTY)))
		return false;
	if (f->envid.len > 0 && !may_have_key(sketch, key_of('e', f->envid, SLICE_EMPTY)))
		return false;
	if (f->from.len > 0 && f->to.len > 0)
		return may_have_key(sketch, key_of('p', f->from, f->to));
	if (f->from.len > 0 && !may_have_key(sketch, key_of('s', f->from, SLICE_EMPTY)))
		return false;
	return f->to.len == 0 || may_have_key(sketch, key_of('r', f->to, SLICE_EMPTY));
}

/* --- reading -------------------------------------------------------------------------- */

struct sketcher {
	char limit[QUEUE_ID_LEN + 1]; /* no journey from here on */
	char begin[64];               /* behind this one */
	char at[64];                  /* the row that was read last */
	int64_t position;
	size_t rows;
	bool whole, more; /* the sketch is whole; the page was full */
	uint64_t *keys;
	size_t key_count, key_capacity;
	char sender[TEXT_MAX];
	size_t sender_len;
};

static void add_key(struct sketcher *s, uint64_t key)
{
	if (s->key_count == s->key_capacity) {
		s->key_capacity = s->key_capacity > 0 ? s->key_capacity * 2 : SKETCH_ROWS;
		s->keys = mem_grow(s->keys, s->key_capacity * sizeof(*s->keys));
	}
	s->keys[s->key_count++] = key;
}

static void add_recipient(struct sketcher *s, struct slice address)
{
	if (address.len == 0)
		return;
	add_key(s, key_of('r', address, SLICE_EMPTY));
	if (s->sender_len > 0)
		add_key(s, key_of('p', slice_of(s->sender, s->sender_len), address));
}

/* "INBOX, for sales@example.test": the address as it was asked for. */
static struct slice asked_address(struct slice detail)
{
	const struct slice mark = SLICE(", for ");
	ptrdiff_t at = -1, next;
	while ((next = slice_find(slice_from(detail, (size_t)(at + 1)), mark)) >= 0)
		at += next + 1;
	return at < 0 ? SLICE_EMPTY : slice_from(detail, (size_t)at + mark.len);
}

static void add_row(struct sketcher *s, enum journey_kind kind, struct slice message_id,
                    struct slice address, struct slice detail)
{
	if (kind != JOURNEY_RECEIVED) {
		add_recipient(s, address);
		add_recipient(s, asked_address(detail));
		return;
	}
	s->sender_len = address.len < sizeof(s->sender) ? address.len : sizeof(s->sender);
	memcpy(s->sender, address.data, s->sender_len);
	if (address.len > 0)
		add_key(s, key_of('s', address, SLICE_EMPTY));
	if (message_id.len > 0)
		add_key(s, key_of('m', without_brackets(message_id), SLICE_EMPTY));
	ptrdiff_t envid = slice_find(detail, SLICE(JOURNEY_ENVID));
	if (envid >= 0)
		add_key(s, key_of('e', slice_from(detail, (size_t)envid + strlen(JOURNEY_ENVID)),
		                  SLICE_EMPTY));
}

static int read_page(struct db *db, void *arg)
{
	struct sketcher *s = arg;
	struct db_rows rows;
	size_t count = 0;
	int rc = db_query(db, &rows,
	                  "SELECT queue_id, position, kind, message_id, address, detail"
	                  " FROM journey WHERE (queue_id, position) > ($1, $2) AND queue_id < $3"
	                  " ORDER BY queue_id, position LIMIT $4",
	                  "sisi", s->at, s->position, s->limit, (int64_t)PAGE_ROWS);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		struct slice id = db_text(&rows, 0);
		bool same = slice_equal(id, slice_from_str(s->at));
		if (s->rows >= SKETCH_ROWS && !same) {
			s->whole = true;
			break;
		}
		if (!same)
			snprintf(s->at, sizeof(s->at), "%.*s", SLICE_ARG(id));
		s->position = db_int(&rows, 1);
		s->rows++;
		count++;
		add_row(s, (enum journey_kind)db_int(&rows, 2), db_text(&rows, 3),
		        db_text(&rows, 4), db_text(&rows, 5));
	}
	db_end(&rows);
	s->more = count == PAGE_ROWS;
	return rc == -ENODATA ? 0 : rc;
}

/* --- writing -------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

static size_t drop_doubles(uint64_t *keys, size_t count)
{
	size_t kept = 0;
	qsort(keys, count, sizeof(*keys), by_value);
	for (size_t i = 0; i < count; i++) {
		if (kept == 0 || keys[i] != keys[kept - 1])
			keys[kept++] = keys[i];
	}
	return kept;
}

static char *make_bits(struct sketcher *s, size_t *len_out)
{
	size_t count = drop_doubles(s->keys, s->key_count);
	size_t len = count * BITS_A_KEY / 8 + 1;
	char *bits = mem_zero(len, 1);
	for (size_t i = 0; i < count; i++) {
		for (unsigned h = 0; h < HASHES; h++) {
			size_t bit = bit_of(s->keys[i], h, len * 8);
			bits[bit / 8] = (char)(bits[bit / 8] | 1 << bit % 8);
		}
	}
	*len_out = len;
	return bits;
}

struct sketch {
	const char *last_id;
	struct slice bits;
};

static int write_sketch(struct db *db, void *arg)
{
	const struct sketch *s = arg;
	return db_run(db, "INSERT INTO journey_sketch (last_id, bits) VALUES ($1, $2)", "sb",
	              s->last_id, s->bits);
}

static int save(struct store *store, struct sketcher *s)
{
	size_t len;
	char *bits = make_bits(s, &len);
	struct sketch sketch = { s->at, slice_of(bits, len) };
	int rc = store_commit(store, NULL, 0, write_sketch, &sketch);
	free(bits);
	return rc;
}

/* --- all of it ------------------------------------------------------------------------ */

/* A clock that was set back gives ids below those that have sketches: these are made again. */
static int forget_future(struct db *db, void *arg)
{
	return db_run(db, "DELETE FROM journey_sketch WHERE last_id >= $1", "s", (const char *)arg);
}

static int find_future(struct db *db, void *arg)
{
	struct sketcher *s = arg;
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT last_id FROM journey_sketch ORDER BY last_id DESC LIMIT 1", "");
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0)
		snprintf(s->begin, sizeof(s->begin), "%.*s", SLICE_ARG(db_text(&rows, 0)));
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

static int begin(struct store *store, struct sketcher *s)
{
	int rc = store_read(store, find_future, s);
	if (rc == 0 && slice_compare(slice_from_str(s->begin), slice_from_str(s->limit)) >= 0) {
		rc = store_commit(store, NULL, 0, forget_future, s->limit);
		s->begin[0] = '\0';
		if (rc == 0)
			rc = store_read(store, find_future, s);
	}
	snprintf(s->at, sizeof(s->at), "%s", s->begin);
	return rc;
}

static int make_one(struct store *store, struct sketcher *s)
{
	s->key_count = s->rows = s->sender_len = 0;
	s->position = INT64_MAX;
	s->whole = false;
	int rc;
	do {
		rc = store_read(store, read_page, s);
		if (fiber_self())
			fiber_yield();
	} while (rc == 0 && s->more && !s->whole);
	return rc == 0 && s->whole ? save(store, s) : rc;
}

int journey_sketch_all(struct store *store, int64_t now_ms, uint64_t *count_out)
{
	struct sketcher *s = mem_zero(1, sizeof(*s));
	*count_out = 0;
	queue_id_least(now_ms - JOURNEY_SETTLE_MS, s->limit);
	int rc = begin(store, s);
	s->whole = true;
	while (rc == 0 && s->whole) {
		rc = make_one(store, s);
		*count_out += rc == 0 && s->whole;
	}
	free(s->keys);
	free(s);
	return rc;
}

int journey_sketch_expire(struct db *db, const char *id)
{
	int rc = db_run(db, "DELETE FROM journey_sketch WHERE last_id < $1", "s", id);
	return rc < 0 ? rc : db_run(db, "DELETE FROM journey_late WHERE queue_id < $1", "s", id);
}
