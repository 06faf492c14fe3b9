#include "store/segment_files.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/checksum.h"
#include "base/list.h"
#include "fiber/fiber.h"
#include "fiber/mapping.h"

enum {
	OPEN_MAX = 64,              /* descriptors kept when nobody reads from them */
	MAP_FROM_BYTES = 256 << 10, /* larger blobs are mapped, not copied */
	CHUNK_BYTES = 256 << 10,
};

struct segment_file {
	struct list link; /* most recently used first */
	uint32_t number;
	int fd;
	int users;
	bool forgotten;
};

struct segment_files {
	int dir_fd;
	struct squeezer *squeezer;
	pthread_mutex_t lock;
	struct list files;
	int count;
};

struct segment_files *segment_files_new(int dir_fd, struct squeezer *squeezer)
{
	struct segment_files *f = mem_zero(1, sizeof(*f));
	f->dir_fd = dir_fd;
	f->squeezer = squeezer;
	pthread_mutex_init(&f->lock, NULL);
	list_init(&f->files);
	return f;
}

/* --- open files ---------------------------------------------------------------------- */

static void drop(struct segment_files *f, struct segment_file *file)
{
	list_remove(&file->link);
	f->count--;
	close(file->fd);
	free(file);
}

void segment_files_free(struct segment_files *f)
{
	if (!f)
		return;
	LIST_EACH (&f->files, link, next)
		drop(f, LIST_ENTRY(link, struct segment_file, link));
	pthread_mutex_destroy(&f->lock);
	free(f);
}

static struct segment_file *find(struct segment_files *f, uint32_t number)
{
	LIST_EACH (&f->files, link, next) {
		struct segment_file *file = LIST_ENTRY(link, struct segment_file, link);
		if (file->number == number && !file->forgotten)
			return file;
	}
	return NULL;
}

static void drop_oldest_idle(struct segment_files *f)
{
	struct list *link = f->files.prev;
	while (f->count > OPEN_MAX && link != &f->files) {
		struct segment_file *file = LIST_ENTRY(link, struct segment_file, link);
		link = link->prev;
		if (file->users == 0)
			drop(f, file);
	}
}

static struct segment_file *open_locked(struct segment_files *f, uint32_t number, int *rc_out)
{
	char name[SEGMENT_NAME_LEN];
	segment_name(number, name);
	int fd = openat(f->dir_fd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		*rc_out = -errno;
		return NULL;
	}
	struct segment_file *file = mem_zero(1, sizeof(*file));
	file->number = number;
	file->fd = fd;
	list_init(&file->link);
	f->count++;
	return file;
}

/* NULL, and *rc_out says why. */
static struct segment_file *take(struct segment_files *f, uint32_t number, int *rc_out)
{
	pthread_mutex_lock(&f->lock);
	struct segment_file *file = find(f, number);
	if (!file)
		file = open_locked(f, number, rc_out);
	if (file) {
		list_remove(&file->link);
		list_insert_before(f->files.next, &file->link);
		file->users++;
		drop_oldest_idle(f);
	}
	pthread_mutex_unlock(&f->lock);
	return file;
}

static void give(struct segment_files *f, struct segment_file *file)
{
	pthread_mutex_lock(&f->lock);
	file->users--;
	if (file->users == 0 && file->forgotten)
		drop(f, file);
	pthread_mutex_unlock(&f->lock);
}

void segment_files_forget(struct segment_files *f, uint32_t number)
{
	pthread_mutex_lock(&f->lock);
	struct segment_file *file = find(f, number);
	if (file) {
		file->forgotten = true;
		if (file->users == 0)
			drop(f, file);
	}
	pthread_mutex_unlock(&f->lock);
}

/* --- views --------------------------------------------------------------------------- */

/* Either the record lies behind this struct, or it is mapped. */
struct view {
	struct mapping *mapping;
	char record[];
};

void blob_close(struct blob_view *v)
{
	struct view *view = v->owner;
	if (view)
		mapping_free(view->mapping);
	free(view);
	*v = (struct blob_view){ .bytes = SLICE_EMPTY };
}

struct blob_view blob_view_copy(struct slice bytes)
{
	struct view *view = mem_alloc(sizeof(*view) + bytes.len);
	view->mapping = NULL;
	if (bytes.len > 0)
		memcpy(view->record, bytes.data, bytes.len);
	return (struct blob_view){ .bytes = slice_of(view->record, bytes.len), .owner = view };
}

bool blob_is_whole(const struct blob_view *v)
{
	const struct view *view = v->owner;
	return !view || !view->mapping || mapping_is_whole(view->mapping);
}

struct reading {
	int fd;
	uint64_t position;
	char *into;
	size_t want, done;
	int rc;
};

static void read_rest(void *arg)
{
	struct reading *r = arg;
	while (r->done < r->want) {
		ssize_t got = pread(r->fd, r->into + r->done, r->want - r->done,
		                    (off_t)(r->position + r->done));
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0) {
			r->rc = got == 0 ? -EBADMSG : -errno;
			return;
		}
		r->done += (size_t)got;
	}
}

/* What is in the page cache is read here and now; the rest by a thread that may wait. */
static int read_at(struct reading r)
{
	if (fiber_self() != 0) {
		struct iovec iov = { r.into, r.want };
		ssize_t got = preadv2(r.fd, &iov, 1, (off_t)r.position, RWF_NOWAIT);
		r.done = got > 0 ? (size_t)got : 0;
	}
	if (r.done < r.want)
		fiber_offload(read_rest, &r);
	return r.rc;
}

/* Without the salt of the segment: the row and the checksums say whose record it is. */
static bool is_record_of(const char *bytes, uint64_t blob_id, uint64_t length,
                         struct record_header *header_out)
{
	return record_header_decode_any(slice_of(bytes, RECORD_HEADER_LEN), header_out) &&
	       header_out->blob_id == blob_id && header_out->length == length;
}

static int read_copy(int fd, uint64_t position, uint64_t blob_id, uint64_t length,
                     struct blob_view *out, enum record_form *form_out)
{
	size_t size = RECORD_HEADER_LEN + (size_t)length;
	struct view *view = mem_alloc(sizeof(*view) + size);
	struct record_header header;
	view->mapping = NULL;
	int rc = read_at((struct reading){
		.fd = fd, .position = position, .into = view->record, .want = size });
	struct slice bytes = slice_of(view->record + RECORD_HEADER_LEN, (size_t)length);
	if (rc == 0 && (!is_record_of(view->record, blob_id, length, &header) ||
	                checksum_add(0, bytes) != header.bytes_checksum))
		rc = -EBADMSG;
	if (rc != 0) {
		free(view);
		return rc;
	}
	*out = (struct blob_view){ .bytes = bytes, .owner = view };
	*form_out = header.form;
	return 0;
}

struct verifying {
	int fd;
	uint64_t position, length;
	uint32_t checksum;
	int rc;
};

/* Reads what will be mapped, so that a disk error is an error here and not a surprise later. */
static void sum_up(void *arg)
{
	struct verifying *v = arg;
	char *chunk = mem_alloc(CHUNK_BYTES);
	for (uint64_t at = 0; v->rc == 0 && at < v->length;) {
		uint64_t left = v->length - at;
		struct reading r = { .fd = v->fd,
			             .position = v->position + at,
			             .into = chunk,
			             .want = left < CHUNK_BYTES ? left : CHUNK_BYTES };
		read_rest(&r);
		v->rc = r.rc;
		v->checksum = checksum_add(v->checksum, slice_of(chunk, r.want));
		at += r.want;
	}
	free(chunk);
}

static int map_bytes(int fd, uint64_t position, uint64_t length, struct blob_view *out)
{
	struct mapping *mapping;
	int rc = mapping_new(fd, position, (size_t)length, &mapping);
	if (rc < 0)
		return rc;
	struct view *view = mem_alloc(sizeof(*view));
	view->mapping = mapping;
	*out = (struct blob_view){ .bytes = mapping_bytes(mapping), .owner = view };
	return 0;
}

static int read_mapped(int fd, uint64_t position, uint64_t blob_id, uint64_t length,
                       struct blob_view *out, enum record_form *form_out)
{
	char bytes[RECORD_HEADER_LEN];
	struct record_header header;
	int rc = read_at((struct reading){
		.fd = fd, .position = position, .into = bytes, .want = sizeof(bytes) });
	if (rc != 0)
		return rc;
	if (!is_record_of(bytes, blob_id, length, &header))
		return -EBADMSG;
	struct verifying v = { .fd = fd,
		               .position = position + RECORD_HEADER_LEN,
		               .length = length };
	fiber_offload(sum_up, &v);
	if (v.rc == 0 && v.checksum != header.bytes_checksum)
		v.rc = -EBADMSG;
	*form_out = header.form;
	return v.rc == 0 ? map_bytes(fd, v.position, length, out) : v.rc;
}

struct unpacking {
	struct squeezer *squeezer;
	struct slice frame;
	struct view *into;
	uint64_t length;
	int rc;
};

static void run_unpacking(void *arg)
{
	struct unpacking *u = arg;
	u->rc = unsqueeze(u->squeezer, u->frame, u->into->record, u->length);
}

/* Replaces a view of a frame by one of what is in it. */
static int unpack(struct segment_files *f, struct blob_view *view)
{
	struct unpacking u = { .squeezer = f->squeezer, .frame = view->bytes };
	u.rc = squeeze_length(u.frame, &u.length);
	if (u.rc == 0) {
		u.into = mem_alloc(sizeof(*u.into) + u.length);
		u.into->mapping = NULL;
		if (u.length < MAP_FROM_BYTES)
			run_unpacking(&u);
		else
			fiber_offload(run_unpacking, &u);
	}
	if (u.rc == 0 && !blob_is_whole(view))
		u.rc = -EIO;
	blob_close(view);
	if (u.rc != 0) {
		free(u.into);
		return u.rc;
	}
	*view = (struct blob_view){ .bytes = slice_of(u.into->record, u.length), .owner = u.into };
	return 0;
}

int segment_files_read(struct segment_files *f, struct segment_place place, uint64_t blob_id,
                       uint64_t length, struct blob_view *out)
{
	int rc = 0;
	struct segment_file *file = take(f, place.segment, &rc);
	if (!file)
		return rc;
	enum record_form form = RECORD_PLAIN;
	struct blob_view view = { .bytes = SLICE_EMPTY };
	rc = length < MAP_FROM_BYTES
	             ? -ENOTSUP
	             : read_mapped(file->fd, place.position, blob_id, length, &view, &form);
	/* The command line works without the runtime, and on one message at a time. */
	if (rc == -ENOTSUP || rc == -EMFILE)
		rc = read_copy(file->fd, place.position, blob_id, length, &view, &form);
	give(f, file);
	if (rc == 0 && form == RECORD_ZSTD)
		rc = unpack(f, &view);
	if (rc == 0)
		*out = view;
	return rc;
}
