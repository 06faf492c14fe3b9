#include <errno.h>
#include <sys/stat.h>

#include "store/store_internal.h"

enum { ROWS_AT_ONCE = 5000 };

struct sum {
	struct store_space space;
	int64_t after;
	int rows;
};

static int add_up_some(struct db *db, void *arg)
{
	struct sum *s = arg;
	struct db_rows rows;
	s->rows = 0;
	int rc = db_query(db, &rows,
	                  "SELECT id, length, coalesce(plain_length, length), plain_length IS NULL"
	                  " FROM blob WHERE id > $1 ORDER BY id LIMIT $2",
	                  "ii", s->after, (int64_t)ROWS_AT_ONCE);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		s->space.blobs++;
		s->space.stored_bytes += (uint64_t)db_int(&rows, 1);
		s->space.plain_bytes += (uint64_t)db_int(&rows, 2);
		s->space.waiting_blobs += (uint64_t)db_int(&rows, 3);
		s->space.waiting_bytes += db_int(&rows, 3) ? (uint64_t)db_int(&rows, 1) : 0;
		s->after = db_int(&rows, 0);
		s->rows++;
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

static int add_up_files(struct store *s, struct store_space *space)
{
	char name[SEGMENT_NAME_LEN];
	uint32_t *numbers;
	size_t count;
	struct stat st;
	int rc = segment_list(s->segments_fd, &numbers, &count);
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < count; i++) {
		segment_name(numbers[i], name);
		if (fstatat(s->segments_fd, name, &st, 0) != 0)
			continue;
		space->segments++;
		space->segment_bytes += (uint64_t)st.st_size;
	}
	free(numbers);
	return 0;
}

int store_space(struct store *s, struct store_space *out)
{
	struct sum sum = { .after = INT64_MIN };
	int rc;
	do {
		rc = store_read(s, add_up_some, &sum);
		if (fiber_self() != 0)
			fiber_yield();
	} while (rc == 0 && sum.rows > 0);
	if (rc == 0)
		rc = add_up_files(s, &sum.space);
	if (rc == 0)
		*out = sum.space;
	return rc;
}
