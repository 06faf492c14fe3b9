#include "store/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fiber/fiber.h"

enum { SPOOL_PATH_MAX = 2048 };

void spool_create(struct spool *spool, const char *dir, size_t memory_bytes, uint64_t max_bytes,
                  uint64_t expected_bytes)
{
	*spool = (struct spool){
		.memory = buf_make(memory_bytes),
		.max_bytes = max_bytes,
		.dir = dir,
		.fd = -1,
	};
	if (expected_bytes > 0 && expected_bytes <= memory_bytes)
		buf_reserve(&spool->memory, (size_t)expected_bytes);
}

void spool_destroy(struct spool *spool)
{
	if (spool->map)
		munmap(spool->map, (size_t)spool->file_bytes);
	if (spool->fd >= 0)
		close(spool->fd);
	buf_free(&spool->memory);
}

/* A file system that can't make files without a name gets one whose name is taken away. */
static int spool_open_named(const char *dir)
{
	char path[SPOOL_PATH_MAX];
	if (snprintf(path, sizeof(path), "%s/tmp/spool-XXXXXX", dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	int fd = mkostemp(path, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	unlink(path);
	return fd;
}

static int spool_open(const char *dir)
{
	char path[SPOOL_PATH_MAX];
	if (snprintf(path, sizeof(path), "%s/tmp", dir) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return -errno;
	int fd = open(path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0)
		return fd;
	return errno == EOPNOTSUPP || errno == EISDIR ? spool_open_named(dir) : -errno;
}

static int spool_write(int fd, struct slice bytes)
{
	while (bytes.len > 0) {
		ssize_t n = write(fd, bytes.data, bytes.len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		bytes = slice_from(bytes, (size_t)n);
	}
	return 0;
}

/* On the thread pool: what is in memory goes to the file. */
static void spool_flush(void *arg)
{
	struct spool *spool = arg;
	if (spool->fd < 0) {
		spool->fd = spool_open(spool->dir);
		spool->error = spool->fd < 0 ? spool->fd : 0;
	}
	if (spool->error == 0)
		spool->error = spool_write(spool->fd, buf_slice(&spool->memory));
	if (spool->error == 0)
		spool->file_bytes += spool->memory.len;
	buf_clear(&spool->memory);
}

int spool_add(void *arg, struct slice run)
{
	struct spool *spool = arg;
	spool->size_bytes += run.len;
	while (run.len > 0 && spool->error == 0 && !spool_is_over(spool)) {
		size_t room = spool->memory.max - spool->memory.len;
		struct slice part = slice_sub(run, 0, room);
		buf_append(&spool->memory, part);
		run = slice_from(run, part.len);
		if (run.len > 0)
			fiber_offload(spool_flush, spool);
	}
	return 0;
}

static void spool_map(void *arg)
{
	struct spool *spool = arg;
	spool_flush(spool);
	if (spool->error < 0)
		return;
	void *map = mmap(NULL, (size_t)spool->file_bytes, PROT_READ, MAP_PRIVATE | MAP_POPULATE,
	                 spool->fd, 0);
	if (map == MAP_FAILED)
		spool->error = -errno;
	else
		spool->map = map;
}

int spool_view(struct spool *spool, struct slice *out)
{
	/* A part of it is never to be taken for the whole. */
	if (spool_is_over(spool))
		return -EFBIG;
	if (spool->fd >= 0 && spool->error == 0 && !spool->map)
		fiber_offload(spool_map, spool);
	if (spool->error < 0)
		return spool->error;
	*out = spool->map ? slice_of(spool->map, (size_t)spool->file_bytes)
	                  : buf_slice(&spool->memory);
	return 0;
}
