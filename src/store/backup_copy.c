#include "store/backup_copy.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { COPY_BYTES = 1 << 20, FRESH_S = 2 };

/* For file systems that can't copy by themselves. */
static int copy_by_hand(int from, int to, uint64_t *bytes)
{
	char *piece = mem_alloc(COPY_BYTES);
	int rc = 0;
	for (;;) {
		ssize_t got = read(from, piece, COPY_BYTES);
		if (got <= 0) {
			rc = got < 0 ? -errno : 0;
			break;
		}
		for (ssize_t at = 0; at < got && rc == 0;) {
			ssize_t n = write(to, piece + at, (size_t)(got - at));
			if (n < 0 && errno != EINTR)
				rc = -errno;
			at += n > 0 ? n : 0;
		}
		if (rc < 0)
			break;
		*bytes += (uint64_t)got;
	}
	free(piece);
	return rc;
}

static int copy_bytes(int from, int to, uint64_t *bytes)
{
	for (;;) {
		ssize_t n = copy_file_range(from, NULL, to, NULL, 1 << 30, 0);
		if (n == 0)
			return 0;
		if (n > 0)
			*bytes += (uint64_t)n;
		else if (errno == EXDEV || errno == EOPNOTSUPP || errno == EINVAL ||
		         errno == ENOSYS)
			return copy_by_hand(from, to, bytes);
		else if (errno != EINTR)
			return -errno;
	}
}

/* What is written within one tick of the file system's clock changes no time. So a file that was
 * written just now gets a time that its original never has, and is copied again by the next. */
static int copy_times(int to, const struct stat *st)
{
	struct timespec now;
	struct timespec times[2] = { st->st_atim, st->st_mtim };
	clock_gettime(CLOCK_REALTIME, &now);
	if (st->st_mtim.tv_sec > now.tv_sec - FRESH_S)
		times[1] = (struct timespec){ 0 };
	return futimens(to, times) < 0 ? -errno : 0;
}

int copy_file(struct arena *arena, const char *from, const char *to, uint64_t *bytes_out)
{
	struct stat st = { 0 };
	const char *unfinished = arena_printf(arena, "%s.tmp", to);
	int in = open(from, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return -errno;
	int out = open(unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int rc = out < 0 || fstat(in, &st) < 0 ? -errno : 0;
	if (rc == 0)
		rc = copy_bytes(in, out, bytes_out);
	if (rc == 0 && fchmod(out, st.st_mode & 0777) < 0)
		rc = -errno;
	if (rc == 0 && geteuid() == 0 && fchown(out, st.st_uid, st.st_gid) < 0)
		rc = -errno;
	if (rc == 0)
		rc = copy_times(out, &st);
	close(in);
	if (out >= 0 && close(out) < 0 && rc == 0)
		rc = -errno;
	if (rc == 0 && rename(unfinished, to) < 0)
		rc = -errno;
	if (rc < 0)
		unlink(unfinished);
	return rc;
}

bool copy_is_current(const char *from, const char *to)
{
	struct stat a, b;
	return stat(from, &a) == 0 && stat(to, &b) == 0 && a.st_size == b.st_size &&
	       a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

int copy_each(const char *path, int (*visit)(const char *name, void *arg), void *arg)
{
	struct dirent **names;
	int rc = 0, count = scandir(path, &names, NULL, alphasort);
	if (count < 0)
		return -errno;
	for (int i = 0; i < count; i++) {
		struct slice name = slice_from_str(names[i]->d_name);
		if (rc == 0 && !slice_equal(name, SLICE(".")) && !slice_equal(name, SLICE("..")))
			rc = visit(names[i]->d_name, arg);
		free(names[i]);
	}
	free(names);
	return rc;
}

struct removal {
	struct arena *arena;
	const char *path;
};

static int remove_entry(const char *name, void *arg)
{
	const struct removal *r = arg;
	return copy_remove_tree(r->arena, arena_printf(r->arena, "%s/%s", r->path, name));
}

int copy_remove_tree(struct arena *arena, const char *path)
{
	struct stat st;
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISDIR(st.st_mode))
		return unlink(path) < 0 ? -errno : 0;
	int rc = copy_each(path, remove_entry, &(struct removal){ arena, path });
	return rc == 0 && rmdir(path) < 0 ? -errno : rc;
}

int copy_sync(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int rc = syncfs(fd) < 0 ? -errno : 0;
	close(fd);
	return rc;
}
