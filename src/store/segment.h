/* Segments: the files that hold the bytes of messages (docs/format.md has the layout).
 *
 * A segment is a header and then records one after another. A record is found again by segment
 * number and position, and tells its own length and checksums, so that segments can be walked
 * without a database. Segments are written at their end only.
 *
 * A file is filled with zeros before it becomes a segment: overwriting blocks that were written
 * once syncs about twice as fast as appending, and a disk that is full is found out early. */
#ifndef VEREDUS_STORE_SEGMENT_H
#define VEREDUS_STORE_SEGMENT_H

#include <pthread.h>

#include "base/slice.h"
#include "store/store.h"
#include "store/store_io.h"

#define SEGMENT_DIR        "segments"
#define SEGMENT_BYTES      (64u << 20) /* of a segment, by default */
#define SEGMENT_FIRST      (4u << 20)  /* of the first; each next is twice as large */
#define SEGMENT_PAGE       4096u
#define SEGMENT_RECORD_MAX ((uint64_t)4 << 30)

enum {
	SEGMENT_HEADER_LEN = 64,
	RECORD_HEADER_LEN = 48,
	RECORD_ALIGN = 8,
	SEGMENT_NAME_LEN = 16,
};

/* At the front of a segment. */
struct segment_header {
	uint32_t number;
	uint64_t salt;         /* random: nobody outside can make bytes that look like a record */
	uint64_t next_blob_id; /* larger than any id given out before this segment began */
	int64_t created_ms;
};

/* How the bytes of a blob lie in its record. */
enum record_form {
	RECORD_PLAIN,
	RECORD_ZSTD, /* squeeze.h */
	RECORD_FORMS,
};

struct record_header {
	uint64_t salt;
	uint64_t blob_id;
	uint64_t length;
	uint32_t note_length;
	uint32_t bytes_checksum;
	uint32_t note_checksum;
	enum record_form form;
	bool disowned; /* out, of decoding: see record_disown() */
};

void segment_header_encode(const struct segment_header *h, char out[static SEGMENT_HEADER_LEN]);
bool segment_header_decode(struct slice bytes, struct segment_header *out);
void record_header_encode(const struct record_header *h, char out[static RECORD_HEADER_LEN]);
/* Checks all that can be checked without the bytes that follow. */
bool record_header_decode(struct slice bytes, uint64_t salt, struct record_header *out);
/* The same under whatever salt it has itself. */
bool record_header_decode_any(struct slice bytes, struct record_header *out);
/* What a record takes up in its segment. */
uint64_t record_size(uint64_t length, uint64_t note_length);

/* "00000001.seg"; 0 if the name is not one of a segment. */
void segment_name(uint32_t number, char out[static SEGMENT_NAME_LEN]);
uint32_t segment_number(const char *name);
/* The numbers of the segments that are there, ascending; free() them. */
int segment_list(int dir_fd, uint32_t **numbers_out, size_t *count_out);

/* Marks a record as one that belongs to nobody: its commit was refused, so whoever brought it was
 * told so and may bring it again. The mark lies outside the checksums and is not synced; without
 * it nothing breaks but that `veredus recover` brings the message back. */
void record_disown(int dir_fd, const struct store_io *io, uint32_t segment, uint64_t position);

/* One segment in memory, for walking. It is read, and not mapped: where the disk can't give its
 * bytes there are zeros, which is an error in the log and not a signal. */
struct segment_map {
	uint32_t number;
	struct slice bytes; /* as long as the file; only a part of it is there at a time */
	struct segment_header header;
	bool header_good;    /* else the salt was taken from the first record that has one */
	uint64_t unreadable; /* bytes that could not be read so far */
	const struct store_io *io;
	int fd;
	uint64_t dropped; /* up to here memory was given back */
	uint64_t filled;  /* up to here it was read */
};
/* -ENOENT, -EIO. io must stay as long as the map. */
int segment_map(int dir_fd, const struct store_io *io, uint32_t number, struct segment_map *out);
void segment_unmap(struct segment_map *map);
/* The first good record header at or behind *position, which becomes where it stands; false when
 * there is no more. */
bool segment_next(struct segment_map *map, uint64_t *position, struct record_header *out);
/* Visits the records of one segment, as store_walk_segments() does those of all. What is visited
 * is there during the visit only. */
int segment_walk(struct segment_map *map, segment_visit_fn visit, void *arg);

#endif
