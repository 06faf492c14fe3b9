#include "store/segment_log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/codec.h"

#define NEXT_NAME     "next"
#define FILLING_NAME  "next.tmp"
#define FILL_BYTES    (1u << 20)
#define GATHER_HEADER 256 /* records a write */

struct segment_log {
	const struct store_io *io;
	int dir_fd;
	uint64_t segment_bytes;
	uint64_t salt;
	_Atomic uint32_t number;
	int fd;
	uint64_t size;    /* of the file */
	uint64_t tail;    /* where the next record goes */
	uint64_t written; /* up to here everything was handed to the system */
	uint64_t start;   /* the tail when the group began */
	bool dirty;       /* written to since the last sync */
	int group_error;  /* a write of this group failed */

	/* What is gathered between `written` and `tail`. */
	struct iovec iov[IOV_MAX];
	int iov_count;
	char headers[GATHER_HEADER][RECORD_HEADER_LEN];
	int header_count;

	pthread_mutex_t prepare_lock;
	atomic_bool prepared;
};

static const char zeros[SEGMENT_PAGE];

static bool means_full(int error) { return error == ENOSPC || error == EDQUOT || error == EFBIG; }

static int system_error(void) { return means_full(errno) ? -ENOSPC : -errno; }

static uint64_t page_round(uint64_t value)
{
	return (value + SEGMENT_PAGE - 1) / SEGMENT_PAGE * SEGMENT_PAGE;
}

static int write_all(const struct store_io *io, int fd, struct iovec *iov, int count, uint64_t at)
{
	while (count > 0) {
		ssize_t done = io->pwritev(fd, iov, count, (off_t)at);
		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return done == 0 ? -EIO : system_error();
		at += (uint64_t)done;
		while (count > 0 && (size_t)done >= iov->iov_len) {
			done -= (ssize_t)iov->iov_len;
			iov++;
			count--;
		}
		if (count > 0) {
			iov->iov_base = (char *)iov->iov_base + done;
			iov->iov_len -= (size_t)done;
		}
	}
	return 0;
}

/* --- files filled ahead -------------------------------------------------------------- */

static int write_zeros(struct segment_log *log, int fd, uint64_t size)
{
	void *buffer;
	if (posix_memalign(&buffer, SEGMENT_PAGE, FILL_BYTES) != 0)
		return -ENOMEM;
	memset(buffer, 0, FILL_BYTES);
	int rc = 0;
	for (uint64_t at = 0; rc == 0 && at < size; at += FILL_BYTES) {
		uint64_t left = size - at;
		struct iovec iov = { buffer, left < FILL_BYTES ? left : FILL_BYTES };
		rc = write_all(log->io, fd, &iov, 1, at);
	}
	free(buffer);
	return rc;
}

static int fill_by(struct segment_log *log, uint64_t size, int flags)
{
	int fd = log->io->openat(log->dir_fd, FILLING_NAME, O_WRONLY | O_CREAT | O_TRUNC | flags,
	                         0600);
	if (fd < 0)
		return system_error();
	int rc = write_zeros(log, fd, size);
	if (rc == 0 && log->io->fdatasync(fd) != 0)
		rc = system_error();
	close(fd);
	return rc;
}

/* Past the page cache where the file system can: it costs a tenth. */
static int fill_file(struct segment_log *log, uint64_t size)
{
	int rc = fill_by(log, size, O_DIRECT);
	if (rc == -EINVAL)
		rc = fill_by(log, size, 0);
	if (rc == 0 && log->io->renameat(log->dir_fd, FILLING_NAME, NEXT_NAME) != 0)
		rc = system_error();
	if (rc != 0)
		log->io->unlinkat(log->dir_fd, FILLING_NAME);
	return rc;
}

/* Filling a disk to its last block would take the space from the database meanwhile. */
static bool has_room(const struct segment_log *log, uint64_t size)
{
	struct statvfs vfs;
	return fstatvfs(log->dir_fd, &vfs) != 0 ||
	       (uint64_t)vfs.f_bavail * vfs.f_frsize >= size * 2;
}

static uint64_t next_size(const struct segment_log *log)
{
	uint32_t number = atomic_load(&log->number);
	uint64_t size = number < 16 ? (uint64_t)SEGMENT_FIRST << number : log->segment_bytes;
	return size < log->segment_bytes ? size : log->segment_bytes;
}

static int prepare_locked(struct segment_log *log, uint64_t size)
{
	int rc = 0;
	if (faccessat(log->dir_fd, NEXT_NAME, F_OK, 0) != 0)
		rc = fill_file(log, size);
	atomic_store(&log->prepared, rc == 0);
	return rc;
}

int segment_log_prepare(struct segment_log *log)
{
	pthread_mutex_lock(&log->prepare_lock);
	uint64_t size = next_size(log);
	int rc = has_room(log, size) ? prepare_locked(log, size) : -ENOSPC;
	pthread_mutex_unlock(&log->prepare_lock);
	return rc;
}

bool segment_log_wants_file(struct segment_log *log) { return !atomic_load(&log->prepared); }

/* --- opening ------------------------------------------------------------------------- */

/* Goes through the newest segment for its end and the largest id in it. What a crash left of the
 * last group may have holes, so the end is behind the last record that can be found. */
static int find_tail(struct segment_log *log, uint32_t number, uint64_t *next_blob_id)
{
	struct segment_map map;
	struct record_header record;
	int rc = segment_map(log->dir_fd, log->io, number, &map);
	if (rc != 0)
		return rc;
	if (map.header_good && map.header.next_blob_id > *next_blob_id)
		*next_blob_id = map.header.next_blob_id;
	log->tail = SEGMENT_HEADER_LEN;
	while (segment_next(&map, &log->tail, &record)) {
		if (record.blob_id >= *next_blob_id)
			*next_blob_id = record.blob_id + 1;
		log->tail += record_size(record.length, record.note_length);
	}
	log->written = log->tail;
	log->salt = map.header.salt;
	log->size = map.bytes.len;
	/* Where nothing can be read there may be records that live, of any id. */
	bool usable = map.header_good && map.unreadable == 0;
	if (map.unreadable > 0)
		*next_blob_id += map.bytes.len / RECORD_HEADER_LEN;
	segment_unmap(&map);
	return usable ? 0 : -EBADMSG;
}

static int open_newest(struct segment_log *log, uint64_t *next_blob_id)
{
	uint32_t *numbers;
	size_t count;
	char name[SEGMENT_NAME_LEN];
	int rc = segment_list(log->dir_fd, &numbers, &count);
	if (rc != 0 || count == 0)
		return rc;
	uint32_t number = numbers[count - 1];
	free(numbers);
	atomic_store(&log->number, number);
	rc = find_tail(log, number, next_blob_id);
	if (rc == -EBADMSG)
		return 0; /* its header never reached the disk, or it is damaged: begin another */
	if (rc != 0)
		return rc;
	segment_name(number, name);
	log->fd = log->io->openat(log->dir_fd, name, O_RDWR, 0);
	return log->fd < 0 ? system_error() : 0;
}

int segment_log_open(int dir_fd, const struct store_io *io, uint64_t segment_bytes,
                     uint64_t *next_blob_id, struct segment_log **out)
{
	struct segment_log *log = mem_zero(1, sizeof(*log));
	log->io = io;
	log->dir_fd = dir_fd;
	log->segment_bytes = page_round(segment_bytes);
	log->fd = -1;
	pthread_mutex_init(&log->prepare_lock, NULL);
	atomic_store(&log->prepared, faccessat(dir_fd, NEXT_NAME, F_OK, 0) == 0);
	int rc = open_newest(log, next_blob_id);
	if (rc != 0) {
		segment_log_close(log);
		return rc;
	}
	*out = log;
	return 0;
}

void segment_log_close(struct segment_log *log)
{
	if (!log)
		return;
	if (log->fd >= 0)
		close(log->fd);
	pthread_mutex_destroy(&log->prepare_lock);
	free(log);
}

uint32_t segment_log_number(const struct segment_log *log) { return atomic_load(&log->number); }

/* --- writing ------------------------------------------------------------------------- */

static int flush(struct segment_log *log)
{
	if (log->iov_count == 0)
		return 0;
	log->group_error = write_all(log->io, log->fd, log->iov, log->iov_count, log->written);
	log->iov_count = 0;
	log->header_count = 0;
	log->written = log->tail;
	log->dirty = true;
	return log->group_error;
}

static int gather(struct segment_log *log, struct slice bytes)
{
	if (bytes.len == 0)
		return 0;
	if (log->iov_count == IOV_MAX) {
		int rc = flush(log);
		if (rc != 0)
			return rc;
	}
	log->iov[log->iov_count++] = (struct iovec){ (void *)(uintptr_t)bytes.data, bytes.len };
	log->tail += bytes.len;
	return 0;
}

/* Writes the rest of the last page too: a page that is written whole need not be read first. */
static int flush_pages(struct segment_log *log)
{
	uint64_t tail = log->tail;
	uint64_t end = page_round(tail);
	int rc = 0;
	if (log->iov_count > 0 && end <= log->size)
		rc = gather(log, slice_of(zeros, (size_t)(end - tail)));
	if (rc == 0)
		rc = flush(log);
	log->tail = log->written = tail;
	return rc;
}

void segment_log_begin(struct segment_log *log)
{
	log->start = log->tail;
	log->group_error = 0;
}

int segment_log_end(struct segment_log *log)
{
	if (log->group_error == 0)
		flush_pages(log);
	if (log->group_error != 0) {
		log->tail = log->written = log->start;
		log->iov_count = log->header_count = 0;
		return log->group_error;
	}
	if (log->dirty && log->io->fdatasync(log->fd) != 0)
		return -EIO;
	log->dirty = false;
	return 0;
}

/* --- a new segment ------------------------------------------------------------------- */

/* A file of the wanted size, or of what a disk that is nearly full has room for. */
static int prepare_for(struct segment_log *log, uint64_t need)
{
	uint64_t least = page_round(need + SEGMENT_HEADER_LEN);
	uint64_t wanted = next_size(log);
	while (wanted > least && !has_room(log, wanted))
		wanted = page_round(wanted / 2);
	return prepare_locked(log, wanted > least ? wanted : least);
}

/* Durable before the file has the name of a segment. */
static int write_segment_header(struct segment_log *log, int fd, const struct segment_header *h)
{
	char bytes[SEGMENT_HEADER_LEN];
	segment_header_encode(h, bytes);
	struct iovec iov = { bytes, sizeof(bytes) };
	int rc = write_all(log->io, fd, &iov, 1, 0);
	if (rc == 0 && log->io->fdatasync(fd) != 0)
		rc = -EIO;
	return rc;
}

static int name_segment(struct segment_log *log, uint32_t number)
{
	char name[SEGMENT_NAME_LEN];
	segment_name(number, name);
	if (log->io->renameat(log->dir_fd, NEXT_NAME, name) != 0)
		return system_error();
	return log->io->fsync(log->dir_fd) != 0 ? -EIO : 0;
}

static int take_prepared(struct segment_log *log, uint64_t next_blob_id)
{
	struct segment_header header = { .number = atomic_load(&log->number) + 1,
		                         .next_blob_id = next_blob_id,
		                         .created_ms = clock_wall_ms() };
	struct stat st;
	int fd = log->io->openat(log->dir_fd, NEXT_NAME, O_RDWR, 0);
	if (fd < 0)
		return system_error();
	random_bytes(&header.salt, sizeof(header.salt));
	int rc = fstat(fd, &st) != 0 ? -EIO : write_segment_header(log, fd, &header);
	if (rc == 0)
		rc = name_segment(log, header.number);
	if (rc != 0) {
		close(fd);
		return rc;
	}
	if (log->fd >= 0)
		close(log->fd);
	log->fd = fd;
	log->salt = header.salt;
	log->size = (uint64_t)st.st_size;
	log->tail = log->written = log->start = SEGMENT_HEADER_LEN;
	atomic_store(&log->number, header.number);
	atomic_store(&log->prepared, false);
	return 0;
}

static int begin_segment(struct segment_log *log, uint64_t need, uint64_t next_blob_id)
{
	int rc = segment_log_end(log);
	if (rc != 0)
		return log->group_error = rc;
	pthread_mutex_lock(&log->prepare_lock);
	rc = prepare_for(log, need);
	if (rc == 0)
		rc = take_prepared(log, next_blob_id);
	pthread_mutex_unlock(&log->prepare_lock);
	return rc;
}

static int make_room(struct segment_log *log, uint64_t need, uint64_t next_blob_id)
{
	bool empty = log->tail == SEGMENT_HEADER_LEN;
	if (log->fd < 0 || (log->tail + need > log->size && !empty))
		return begin_segment(log, need, next_blob_id);
	return log->header_count == GATHER_HEADER ? flush(log) : 0;
}

static int gather_record(struct segment_log *log, const struct record_header *header,
                         const struct slice *parts, size_t part_count, struct slice note)
{
	uint64_t end = log->tail + record_size(header->length, header->note_length);
	char *bytes = log->headers[log->header_count++];
	record_header_encode(header, bytes);
	int rc = gather(log, slice_of(bytes, RECORD_HEADER_LEN));
	for (size_t i = 0; rc == 0 && i < part_count; i++)
		rc = gather(log, parts[i]);
	if (rc == 0)
		rc = gather(log, note);
	if (rc == 0)
		rc = gather(log, slice_of(zeros, (size_t)(end - log->tail)));
	return rc;
}

int segment_log_add(struct segment_log *log, struct record_header header, const struct slice *parts,
                    size_t part_count, struct slice note, uint64_t next_blob_id,
                    struct segment_place *place_out)
{
	if (log->group_error != 0)
		return log->group_error;
	int rc = make_room(log, record_size(header.length, header.note_length), next_blob_id);
	if (rc != 0)
		return rc;
	header.salt = log->salt;
	*place_out = (struct segment_place){ atomic_load(&log->number), log->tail };
	return gather_record(log, &header, parts, part_count, note);
}
