/* PATH.lock: who has made it has the mbox. All programs that write mboxes on a host agree on that,
 * and on fcntl() locks of the file itself; so both are taken. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/cursor.h"
#include "final/final_internal.h"

enum {
	AGAIN_US = 100 * 1000,
	/* Nobody needs an mbox for so long: its maker has died. */
	STALE_S = 10 * 60,
	/* One that has written its process id has died if there is none such; not at once, as it
	 * may have been made on another host. */
	DEAD_S = 30,
	LOCK_MODE = 0444,
};

static const char *lock_name(char *out, size_t size, const char *path)
{
	return snprintf(out, size, "%s.lock", path) < (int)size ? out : NULL;
}

/* pid = 1*DIGIT [ LF ] */
static pid_t read_pid(int fd)
{
	char text[32];
	uint64_t pid;
	ssize_t got = read(fd, text, sizeof(text));
	struct slice s = slice_trim(slice_of(text, got > 0 ? (size_t)got : 0));
	return slice_to_u64(s, &pid) && pid <= INT32_MAX ? (pid_t)pid : 0;
}

static bool is_dead(int fd, const struct stat *st)
{
	int64_t age_s = (int64_t)clock_wall_ms() / 1000 - st->st_mtime;
	if (age_s > STALE_S)
		return true;
	pid_t pid = age_s > DEAD_S ? read_pid(fd) : 0;
	return pid > 0 && kill(pid, 0) < 0 && errno == ESRCH;
}

/* Takes away one whose maker has died, if it is still the one that was looked at. */
static void remove_stale(const char *name)
{
	struct stat seen, now;
	int fd = open(name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return;
	if (fstat(fd, &seen) == 0 && is_dead(fd, &seen) && lstat(name, &now) == 0 &&
	    now.st_ino == seen.st_ino && now.st_dev == seen.st_dev)
		unlink(name);
	close(fd);
}

static int make(const char *name)
{
	char text[32];
	int fd = open(name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, LOCK_MODE);
	if (fd < 0)
		return -errno;
	int len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	/* An empty one locks as well. */
	(void)!write(fd, text, (size_t)len);
	close(fd);
	return 0;
}

int final_lock(const char *path, int64_t deadline)
{
	char room[4096];
	const char *name = lock_name(room, sizeof(room), path);
	if (!name)
		return -ENAMETOOLONG;
	int rc;
	while ((rc = make(name)) == -EEXIST) {
		remove_stale(name);
		if (clock_monotonic_ms() >= deadline)
			return -EBUSY;
		usleep(AGAIN_US);
	}
	return rc;
}

void final_unlock(const char *path)
{
	char room[4096];
	const char *name = lock_name(room, sizeof(room), path);
	if (name)
		unlink(name);
}
