#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/checksum.h"
#include "base/log.h"
#include "store/segment.h"
#include "store/squeeze.h"
#include "store/store.h"

enum {
	CHUNK_BYTES = 256 << 10,
	DROP_BYTES = 1 << 20,
};

/* --- the bytes ------------------------------------------------------------------------ */

static char *place(const struct segment_map *map, uint64_t at)
{
	return (char *)(uintptr_t)map->bytes.data + at;
}

/* A page of zeros for one that can't be read. Returns how long it is. */
static uint64_t leave_hole(struct segment_map *map, uint64_t at, uint64_t end, int error)
{
	uint64_t next = (at / SEGMENT_PAGE + 1) * SEGMENT_PAGE;
	uint64_t len = (next < end ? next : end) - at;
	if (map->unreadable == 0)
		log_error("store.unreadable", kv_int("segment", map->number),
		          kv_int("position", (int64_t)at), kv_error(error));
	memset(place(map, at), 0, len);
	map->unreadable += len;
	return len;
}

static void read_chunk(struct segment_map *map)
{
	uint64_t left = map->bytes.len - map->filled;
	uint64_t end = map->filled + (left < CHUNK_BYTES ? left : CHUNK_BYTES);
	while (map->filled < end) {
		uint64_t at = map->filled;
		ssize_t got = map->io->pread(map->fd, place(map, at), end - at, (off_t)at);
		if (got > 0)
			map->filled += (uint64_t)got;
		else if (got == 0 || errno != EINTR)
			map->filled += leave_hole(map, at, end, got == 0 ? -ENODATA : -errno);
	}
}

static void fill(struct segment_map *map, uint64_t from, uint64_t to)
{
	if (map->filled < from) /* nobody looked at what is between */
		map->filled = from / SEGMENT_PAGE * SEGMENT_PAGE;
	while (map->filled < to)
		read_chunk(map);
}

/* So that a walk through gigabytes takes little memory. */
static void drop_behind(struct segment_map *map, uint64_t position)
{
	uint64_t until = position / SEGMENT_PAGE * SEGMENT_PAGE;
	if (until < map->dropped + DROP_BYTES)
		return;
	madvise(place(map, map->dropped), until - map->dropped, MADV_DONTNEED);
	map->dropped = until;
}

/* Moves on to where a record header can be; false at the end. */
static bool reach(struct segment_map *map, uint64_t at)
{
	if (at + RECORD_HEADER_LEN > map->bytes.len)
		return false;
	drop_behind(map, at);
	fill(map, at, at + RECORD_HEADER_LEN);
	return true;
}

/* When the header is damaged: the salt of the first thing that is a record under its own. */
static void find_salt(struct segment_map *map)
{
	struct record_header found;
	for (uint64_t at = SEGMENT_HEADER_LEN; reach(map, at); at += RECORD_ALIGN) {
		if (record_header_decode_any(slice_from(map->bytes, at), &found)) {
			map->header.salt = found.salt;
			break;
		}
	}
	map->dropped = map->filled = 0;
}

static void read_header(struct segment_map *map)
{
	uint64_t len = map->bytes.len < SEGMENT_HEADER_LEN ? map->bytes.len : SEGMENT_HEADER_LEN;
	fill(map, 0, len);
	map->header_good = segment_header_decode(slice_sub(map->bytes, 0, len), &map->header);
	if (map->header_good)
		return;
	map->header = (struct segment_header){ .number = map->number };
	find_salt(map);
}

static int make_room(struct segment_map *map)
{
	struct stat st;
	if (fstat(map->fd, &st) != 0)
		return -errno;
	if (st.st_size == 0)
		return 0;
	void *room = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE,
	                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (room == MAP_FAILED)
		return -errno;
	map->bytes = slice_of(room, (size_t)st.st_size);
	return 0;
}

int segment_map(int dir_fd, const struct store_io *io, uint32_t number, struct segment_map *out)
{
	char name[SEGMENT_NAME_LEN];
	struct segment_map map = { .number = number, .bytes = SLICE_EMPTY, .io = io };
	segment_name(number, name);
	map.fd = io->openat(dir_fd, name, O_RDONLY, 0);
	if (map.fd < 0)
		return -errno;
	int rc = make_room(&map);
	if (rc != 0) {
		close(map.fd);
		return rc;
	}
	read_header(&map);
	*out = map;
	return 0;
}

void segment_unmap(struct segment_map *map)
{
	if (map->bytes.len)
		munmap(place(map, 0), map->bytes.len);
	map->bytes = SLICE_EMPTY;
	close(map->fd);
}

/* --- the records ---------------------------------------------------------------------- */

bool segment_next(struct segment_map *map, uint64_t *position, struct record_header *out)
{
	for (uint64_t at = *position; reach(map, at); at += RECORD_ALIGN) {
		if (!record_header_decode(slice_from(map->bytes, at), map->header.salt, out) ||
		    record_size(out->length, out->note_length) > map->bytes.len - at)
			continue;
		*position = at;
		return true;
	}
	return false;
}

static struct segment_record record_at(struct segment_map *map, uint64_t at,
                                       const struct record_header *h)
{
	fill(map, at, at + record_size(h->length, h->note_length));
	struct slice bytes = slice_sub(map->bytes, at + RECORD_HEADER_LEN, h->length);
	struct slice note = slice_sub(map->bytes, at + RECORD_HEADER_LEN + h->length,
	                              h->note_length);
	return (struct segment_record){
		.blob_id = (int64_t)h->blob_id,
		.segment = map->number,
		.offset = at,
		.note = note,
		.disowned = h->disowned,
		.bytes = bytes,
		.stored_bytes = bytes.len,
		.form = (int)h->form,
		.bad = checksum_add(0, bytes) != h->bytes_checksum ||
		       checksum_add(0, note) != h->note_checksum,
	};
}

int segment_walk(struct segment_map *map, segment_visit_fn visit, void *arg)
{
	struct record_header header;
	uint64_t at = SEGMENT_HEADER_LEN;
	int rc = 0;
	while (rc == 0 && segment_next(map, &at, &header)) {
		struct segment_record record = record_at(map, at, &header);
		rc = visit(&record, arg);
		/* A record that a crash tore may lie over good ones of a group before it for
		 * which the disk was full, so none is skipped. */
		at += record.bad ? RECORD_HEADER_LEN
		                 : record_size(header.length, header.note_length);
	}
	return rc;
}

/* Hands records on as they were given to the store. */
struct walk {
	segment_visit_fn visit;
	void *arg;
	struct squeezer *squeezer;
	struct arena *arena; /* of a record */
};

static int visit_plain(const struct segment_record *stored, void *arg)
{
	struct walk *w = arg;
	struct segment_record record = *stored;
	uint64_t length;
	if (!record.bad && record.form == RECORD_ZSTD) {
		char *into = NULL;
		int rc = squeeze_length(stored->bytes, &length);
		if (rc == 0) {
			into = arena_alloc(w->arena, length);
			rc = unsqueeze(w->squeezer, stored->bytes, into, length);
		}
		record.bad = rc != 0;
		if (rc == 0)
			record.bytes = slice_of(into, length);
	}
	int rc = w->visit(&record, w->arg);
	arena_reset(w->arena);
	return rc;
}

static int walk_number(int dir_fd, uint32_t number, struct walk *w)
{
	struct segment_map map = { .fd = -1 };
	int rc = segment_map(dir_fd, &store_io_system, number, &map);
	if (rc != 0)
		return rc;
	rc = segment_walk(&map, visit_plain, w);
	segment_unmap(&map);
	return rc;
}

int store_walk_segments(const char *dir, segment_visit_fn visit, void *arg)
{
	uint32_t *numbers = NULL;
	size_t count = 0;
	struct arena *arena = arena_new();
	int dir_fd = open(arena_printf(arena, "%s/" SEGMENT_DIR, dir),
	                  O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	arena_free(arena);
	if (dir_fd < 0)
		return -errno;
	struct walk w = {
		.visit = visit, .arg = arg, .squeezer = squeezer_new(), .arena = arena_new()
	};
	int rc = segment_list(dir_fd, &numbers, &count);
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = walk_number(dir_fd, numbers[i], &w);
	squeezer_free(w.squeezer);
	arena_free(w.arena);
	free(numbers);
	close(dir_fd);
	return rc;
}
