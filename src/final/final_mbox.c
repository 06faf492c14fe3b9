/* mbox: messages one behind the other (message/mbox.h). */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "final/final_internal.h"
#include "message/mbox.h"

enum { AGAIN_US = 50 * 1000, OWN_MODE = 0600, GROUP_MODE = 0660 };

/* --- what is written -------------------------------------------------------------------- */

struct slice final_mbox_entry(struct arena *arena, struct slice sender, int64_t unix_s,
                              struct slice message)
{
	size_t lines = 1;
	for (size_t i = 0; i < message.len; i++)
		lines += message.data[i] == '\n';
	struct buf out = buf_make(message.len + lines + MBOX_FROM_MAX);
	mbox_add_entry(sender, unix_s, SLICE_EMPTY, message, &out);
	struct slice entry = arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return entry;
}

/* --- the file --------------------------------------------------------------------------- */

/* A file of its own, of the user's own: what it may lead to otherwise, somebody else has chosen. */
static int check_file(const struct final_errand *e, int fd, const char *path)
{
	struct stat open_st, st;
	if (fstat(fd, &open_st) < 0 || lstat(path, &st) < 0)
		return -errno;
	if (!S_ISREG(open_st.st_mode) || open_st.st_nlink != 1)
		return -ELOOP;
	if (open_st.st_uid != e->uid)
		return -EPERM;
	/* Another program has put a new file in its place. */
	return st.st_ino == open_st.st_ino && st.st_dev == open_st.st_dev ? 0 : -ESTALE;
}

static int lock_file(int fd, int64_t deadline)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	while (fcntl(fd, F_SETLK, &whole) < 0) {
		if (errno != EAGAIN && errno != EACCES && errno != EINTR)
			return -errno;
		if (clock_monotonic_ms() >= deadline)
			return -EBUSY;
		usleep(AGAIN_US);
	}
	return 0;
}

/* The bytes that are missing to the empty line before a From_ line: a program that was killed may
 * have left a piece of a message. */
static int read_gap(int fd, off_t size, struct slice *out)
{
	char last[2] = { '\n', '\n' };
	*out = SLICE_EMPTY;
	if (size == 0)
		return 0;
	size_t len = size < 2 ? (size_t)size : 2;
	if (pread(fd, last + 2 - len, len, size - (off_t)len) != (ssize_t)len)
		return errno ? -errno : -EIO;
	if (last[1] != '\n')
		*out = SLICE("\n\n");
	else if (last[0] != '\n')
		*out = SLICE("\n");
	return 0;
}

/* All of it, or nothing: what is there in part when the disk is full is taken away again. */
static int append(const struct final_errand *e, int fd)
{
	struct stat st;
	struct slice gap;
	if (fstat(fd, &st) < 0)
		return -errno;
	int rc = read_gap(fd, st.st_size, &gap);
	if (rc < 0)
		return rc;
	const struct slice parts[] = { gap, final_mbox_entry(e->arena, e->values.sender,
		                                             clock_wall_ms() / 1000, e->message) };
	struct slice bytes = arena_concat(e->arena, parts, 2);
	if (lseek(fd, st.st_size, SEEK_SET) < 0)
		return -errno;
	rc = final_write(fd, bytes);
	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	if (rc < 0 && (ftruncate(fd, st.st_size) < 0 || fsync(fd) < 0))
		final_failed("cutting back", e->way->path, errno);
	return rc;
}

static int open_and_append(const struct final_errand *e, const char *path)
{
	mode_t mode = e->gid_is_ours ? GROUP_MODE : OWN_MODE;
	/* O_NONBLOCK: a pipe in its place would hold us up. */
	int fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, mode);
	if (fd < 0)
		return -errno;
	int rc = lock_file(fd, e->deadline);
	if (rc == 0)
		rc = check_file(e, fd, path);
	if (rc == 0)
		rc = append(e, fd);
	close(fd);
	return rc;
}

static const char *directory_of(struct arena *arena, const char *path)
{
	struct slice s = slice_from_str(path);
	ptrdiff_t end = slice_find_last_byte(s, '/');
	return end > 0 ? arena_str(arena, slice_sub(s, 0, (size_t)end)) : "/";
}

int final_mbox(const struct final_errand *e, const char *path)
{
	struct stat st;
	umask(e->gid_is_ours ? 007 : 077);
	bool is_new = lstat(path, &st) < 0 && errno == ENOENT;
	int rc = final_lock(path, e->deadline);
	if (rc < 0)
		return final_failed("locking", path, rc);
	do {
		rc = open_and_append(e, path);
	} while (rc == -ESTALE && clock_monotonic_ms() < e->deadline);
	if (rc == 0 && is_new)
		rc = final_sync_directory(directory_of(e->arena, path));
	final_unlock(path);
	return rc < 0 ? final_failed("mbox", path, rc) : 0;
}
