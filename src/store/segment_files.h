/* Reading records: segments that are open, and views of the bytes in them. Any thread. */
#ifndef VEREDUS_STORE_SEGMENT_FILES_H
#define VEREDUS_STORE_SEGMENT_FILES_H

#include "store/segment_log.h"
#include "store/squeeze.h"
#include "store/store.h"

struct segment_files;

/* dir_fd and squeezer stay the caller's. */
struct segment_files *segment_files_new(int dir_fd, struct squeezer *squeezer);
/* Views outlive it. */
void segment_files_free(struct segment_files *files);
/* The segment was removed: forget its descriptor. */
void segment_files_forget(struct segment_files *files, uint32_t number);

/* The bytes of the record at a place, unpacked, after their checksum was verified; length is that
 * of the bytes as they lie there; closed by blob_close(). A fiber is parked if they have to come
 * from the disk. -ENOENT: no such segment (any more). -EBADMSG: not this blob's record, or damaged.
 * -EIO. */
int segment_files_read(struct segment_files *files, struct segment_place place, uint64_t blob_id,
                       uint64_t length, struct blob_view *out);

/* A view of a copy. */
struct blob_view blob_view_copy(struct slice bytes);

#endif
