/* Maildir: a file a message, written in tmp and moved to new when it is whole. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "final/final_internal.h"

enum { DIRECTORY_MODE = 0700, FILE_MODE = 0600, HOST_MAX = 256 };

/* Makes it if it isn't there. One that is somebody else's, or only points somewhere, is not used.
 */
static int check_directory(const struct final_errand *e, const char *path)
{
	struct stat st;
	if (mkdir(path, DIRECTORY_MODE) < 0 && errno != EEXIST)
		return -errno;
	if (lstat(path, &st) < 0)
		return -errno;
	if (S_ISLNK(st.st_mode))
		return -ELOOP;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	return st.st_uid == e->uid ? 0 : -EPERM;
}

/* The name of this host as a part of a file's name: what would end it is written as \057, \072. */
static const char *host_part(struct arena *arena)
{
	char host[HOST_MAX] = "";
	gethostname(host, sizeof(host) - 1);
	const char *part = "";
	for (size_t i = 0; host[i]; i++) {
		if (host[i] == '/' || host[i] == ':')
			part = arena_printf(arena, "%s\\%03o", part, (unsigned)host[i]);
		else
			part = arena_printf(arena, "%s%c", part, host[i]);
	}
	return part[0] ? part : "localhost";
}

/* Unique: a process writes one file, and no two have the same id in the same microsecond. */
static const char *make_name(const struct final_errand *e)
{
	struct timeval now;
	gettimeofday(&now, NULL);
	return arena_printf(e->arena, "%lld.M%06ldP%ld.%s,S=%zu", (long long)now.tv_sec,
	                    (long)now.tv_usec, (long)getpid(), host_part(e->arena), e->message.len);
}

static int write_and_sync(const char *path, struct slice message)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
	if (fd < 0)
		return -errno;
	int rc = final_write(fd, message);
	if (rc == 0 && fsync(fd) < 0)
		rc = -errno;
	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	if (rc < 0)
		unlink(path);
	return rc;
}

/* link() and not rename(): what is there already is not lost, whatever made it. */
static int publish(const char *from, const char *to, const char *directory)
{
	int rc = link(from, to) < 0 ? -errno : 0;
	unlink(from);
	return rc == 0 ? final_sync_directory(directory) : rc;
}

int final_maildir(const struct final_errand *e, const char *path)
{
	static const char *const parts[] = { "", "/tmp", "/new", "/cur" };
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const char *directory = arena_printf(e->arena, "%s%s", path, parts[i]);
		int rc = check_directory(e, directory);
		if (rc < 0)
			return final_failed("Maildir", directory, rc);
	}
	const char *name = make_name(e);
	const char *from = arena_printf(e->arena, "%s/tmp/%s", path, name);
	const char *new = arena_printf(e->arena, "%s/new", path);
	int rc = write_and_sync(from, e->message);
	if (rc == 0)
		rc = publish(from, arena_printf(e->arena, "%s/%s", new, name), new);
	return rc < 0 ? final_failed("Maildir", path, rc) : 0;
}
