#include "store/store_testing.h"

#include <fcntl.h>
#include <ftw.h>
#include <unistd.h>

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void testing_remove_tree(const char *path) { nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

int testing_make_dir(void **state)
{
	char *path = mem_str(SLICE("/tmp/veredus-store-XXXXXX"));
	*state = path;
	return mkdtemp(path) ? 0 : -1;
}

int testing_remove_dir(void **state)
{
	testing_remove_tree(*state);
	free(*state);
	return 0;
}

struct store *testing_open(const char *dir)
{
	struct store *s = NULL;
	struct store_config config = {
		.dir = dir, .create = true, .segment_bytes = 64 << 10, .fresh_bytes = 1
	};
	assert_int_equal(store_open(&config, &s), 0);
	return s;
}

struct putting {
	int64_t message_id;
	struct store_blob *blob;
};

static int put(struct db *db, void *arg)
{
	struct putting *p = arg;
	int rc = db_run(db,
	                "INSERT INTO message (id, blob_id, size_bytes, internal_ms, envelope,"
	                " body_structure) VALUES ($1, $2, $3, 0, '', '')",
	                "iii", p->message_id, p->blob->id, (int64_t)p->blob->parts[0].len);
	return rc == 0 ? blob_retain(db, p->blob->id, 1) : rc;
}

int testing_put(struct store *s, int64_t message_id, struct slice bytes, int64_t *blob_id_out)
{
	struct store_blob blob = { .parts = &bytes, .part_count = 1, .note = SLICE("a note") };
	struct putting p = { message_id, &blob };
	int rc = store_commit(s, &blob, 1, put, &p);
	if (rc == 0)
		*blob_id_out = blob.id;
	return rc;
}

struct removing {
	int64_t message_id, blob_id;
};

static int take_away(struct db *db, void *arg)
{
	struct removing *r = arg;
	int64_t changed;
	int rc = db_change(db, &changed, "DELETE FROM message WHERE id = $1", "i", r->message_id);
	return rc == 0 && changed == 1 ? blob_release(db, r->blob_id, 1) : rc;
}

int testing_remove(struct store *s, int64_t message_id, int64_t blob_id)
{
	struct removing r = { message_id, blob_id };
	return store_commit(s, NULL, 0, take_away, &r);
}

bool testing_blob_is(struct store *s, int64_t blob_id, struct slice bytes)
{
	struct blob_view view;
	if (blob_open(s, blob_id, &view) != 0)
		return false;
	bool same = slice_equal(view.bytes, bytes);
	blob_close(&view);
	return same;
}

struct counting {
	const char *sql;
	int64_t value;
};

static int count(struct db *db, void *arg)
{
	struct counting *c = arg;
	return db_get_int(db, &c->value, c->sql, "");
}

int64_t testing_count(struct store *s, const char *sql)
{
	struct counting c = { .sql = sql };
	assert_int_equal(store_read(s, count, &c), 0);
	return c.value;
}
