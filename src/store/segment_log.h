/* The end of the newest segment: where records are written.
 *
 *     segment_log_begin()                 a group begins
 *       segment_log_add() ...             records, gathered and written in few large writes
 *     segment_log_end()                   written and synced: durable
 *
 * Used by one thread at a time, but for segment_log_prepare(). After any error but -ENOSPC the
 * log must not be used again: what a failed sync left behind is not known (a second fdatasync
 * would report success for pages that never reached the disk). */
#ifndef VEREDUS_STORE_SEGMENT_LOG_H
#define VEREDUS_STORE_SEGMENT_LOG_H

#include "store/segment.h"

struct segment_log;

struct segment_place {
	uint32_t segment;
	uint64_t position;
};

/* dir_fd stays the caller's. *next_blob_id is raised above every id that the newest segment
 * knows of. */
int segment_log_open(int dir_fd, const struct store_io *io, uint64_t segment_bytes,
                     uint64_t *next_blob_id, struct segment_log **out);
void segment_log_close(struct segment_log *log);
/* The number of the segment that is being written; 0: none yet. [any thread] */
uint32_t segment_log_number(const struct segment_log *log);

void segment_log_begin(struct segment_log *log);
/* Parts and note must stay where they are until segment_log_end(). next_blob_id goes into the
 * header if a new segment has to be begun; the header's salt is filled in. -ENOSPC: not added;
 * of what was added before segment_log_end() tells. */
int segment_log_add(struct segment_log *log, struct record_header header, const struct slice *parts,
                    size_t part_count, struct slice note, uint64_t next_blob_id,
                    struct segment_place *place_out);
/* -ENOSPC: nothing since segment_log_begin() is there. */
int segment_log_end(struct segment_log *log);

/* Fills the file that becomes the next segment; nothing to do if it is there. [any thread] */
int segment_log_prepare(struct segment_log *log);
/* True once the last prepared file was taken. [any thread] */
bool segment_log_wants_file(struct segment_log *log);

#endif
