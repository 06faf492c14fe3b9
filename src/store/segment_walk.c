#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/log.h"
#include "store/checksum.h"
#include "store/segment.h"
#include "store/store.h"

static struct segment_record record_at(const struct segment_map *map, uint64_t at,
                                       const struct record_header *h)
{
	struct slice bytes = slice_sub(map->bytes, at + RECORD_HEADER_LEN, h->length);
	struct slice note = slice_sub(map->bytes, at + RECORD_HEADER_LEN + h->length,
	                              h->note_length);
	return (struct segment_record){
		.blob_id = (int64_t)h->blob_id,
		.segment = map->number,
		.offset = at,
		.note = note,
		.bytes = bytes,
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

static int walk_number(int dir_fd, uint32_t number, segment_visit_fn visit, void *arg)
{
	struct segment_map map;
	int rc = segment_map(dir_fd, number, &map);
	if (rc != 0)
		return rc;
	rc = segment_walk(&map, visit, arg);
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
	int rc = segment_list(dir_fd, &numbers, &count);
	for (size_t i = 0; rc == 0 && i < count; i++)
		rc = walk_number(dir_fd, numbers[i], visit, arg);
	free(numbers);
	close(dir_fd);
	return rc;
}
