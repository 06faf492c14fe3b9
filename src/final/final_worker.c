/* The worker: gives up root, then writes the file or becomes the command. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "final/final_internal.h"

enum {
	FIRST_NOT_OURS = 3,
	NOT_RUNNABLE = 126,
	NO_COMMAND = 127,
	SIGNALS_FROM = 1,
	SIGNALS_TO = 64
};

static void say(const char *status, const char *what, const char *path, const char *why)
{
	char line[FINAL_REPLY_MAX];
	int len = snprintf(line, sizeof(line), "%s%s%s %s: %s", status, status[0] ? " " : "", what,
	                   path, why);
	if (len > (int)sizeof(line) - 1)
		len = (int)sizeof(line) - 1;
	(void)!write(1, line, (size_t)len);
}

int final_failed(const char *what, const char *path, int error)
{
	const char *status = "";
	if (error < 0)
		error = -error;
	if (error == ENOSPC || error == EFBIG)
		status = "4.3.1";
	else if (error == EDQUOT)
		status = "4.2.2";
	else if (error == EACCES || error == EPERM || error == ENOENT || error == ENOTDIR ||
	         error == EROFS || error == ELOOP)
		status = "4.3.5";
	say(status, what, path, strerrordesc_np(error));
	return EX_TEMPFAIL;
}

int final_write(int fd, struct slice s)
{
	while (s.len > 0) {
		ssize_t wrote = write(fd, s.data, s.len);
		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0)
			return wrote < 0 ? -errno : -EIO;
		s = slice_from(s, (size_t)wrote);
	}
	return 0;
}

int final_sync_directory(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int rc = fsync(fd) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

/* --- becoming the user ------------------------------------------------------------------ */

/* The signals that the server has for itself are for a command what they are for any. */
static void reset_signals(void)
{
	sigset_t none;
	sigemptyset(&none);
	for (int i = SIGNALS_FROM; i <= SIGNALS_TO; i++)
		signal(i, SIG_DFL);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Whole and for good: real, effective and saved ids, and no group that is not the user's. */
static int become(const struct final_errand *e)
{
	char *user = arena_str(e->arena, e->values.user);
	if (geteuid() != 0)
		return geteuid() == e->uid ? 0 : -EPERM;
	if (initgroups(user, e->gid) < 0 || setresgid(e->gid, e->gid, e->gid) < 0 ||
	    setresuid(e->uid, e->uid, e->uid) < 0)
		return -errno;
	/* Whoever could come back has not gone. */
	return setuid(0) == 0 || geteuid() != e->uid || getegid() != e->gid ? -EPERM : 0;
}

/* --- commands --------------------------------------------------------------------------- */

static char *variable(const struct final_errand *e, const char *name, struct slice value)
{
	return arena_printf(e->arena, "%s=%.*s", name, SLICE_ARG(value));
}

static void run_command(const struct final_errand *e)
{
	size_t count = 0;
	while (e->way->command[count])
		count++;
	char **argv = ARENA_ARRAY(e->arena, count + 1, char *);
	for (size_t i = 0; i < count; i++) {
		const char *text = config_template_expand(e->arena, e->way->command[i],
		                                          TEMPLATE_ARGUMENT, &e->values);
		if (!text) {
			say("5.1.3", "the address", arena_str(e->arena, e->values.recipient),
			    "can't be told to the command");
			_exit(EX_NOUSER);
		}
		argv[i] = (char *)(uintptr_t)text;
	}
	char *const environment[] = { variable(e, "HOME", e->values.home),
		                      variable(e, "USER", e->values.user),
		                      variable(e, "LOGNAME", e->values.user),
		                      variable(e, "PATH", SLICE("/usr/local/bin:/usr/bin:/bin")),
		                      variable(e, "SHELL", SLICE("/bin/sh")),
		                      variable(e, "LANG", SLICE("C")),
		                      NULL };
	if (chdir(arena_str(e->arena, e->values.home)) < 0 && chdir("/") < 0)
		_exit(EX_OSERR);
	execve(argv[0], argv, environment);
	int error = errno;
	say("4.3.5", "the command", argv[0], strerrordesc_np(error));
	_exit(error == ENOENT ? NO_COMMAND : NOT_RUNNABLE);
}

/* --- files ------------------------------------------------------------------------------ */

static int map_message(struct final_errand *e)
{
	struct stat st;
	if (fstat(0, &st) < 0)
		return -errno;
	e->message = SLICE_EMPTY;
	if (st.st_size == 0)
		return 0;
	void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, 0, 0);
	if (bytes == MAP_FAILED)
		return -errno;
	e->message = slice_of(bytes, (size_t)st.st_size);
	return 0;
}

static int write_file(struct final_errand *e)
{
	const char *path = config_template_expand(e->arena, e->way->path, TEMPLATE_PATH,
	                                          &e->values);
	if (!path || path[0] != '/') {
		say("5.1.3", "the address", arena_str(e->arena, e->values.recipient),
		    "can't be part of a path");
		return EX_NOUSER;
	}
	int rc = map_message(e);
	if (rc < 0)
		return final_failed("reading", "the message", rc);
	/* A limit of the system is an error of write(), and not our end. */
	signal(SIGXFSZ, SIG_IGN);
	return e->way->final == FINAL_MBOX ? final_mbox(e, path) : final_maildir(e, path);
}

void final_worker_run(struct final_errand *e)
{
	reset_signals();
	umask(077);
	int rc = become(e);
	close_range(FIRST_NOT_OURS, ~0U, 0);
	if (rc < 0) {
		say("4.3.5", "user", arena_str(e->arena, e->values.user),
		    "the server must be started by root to become that user");
		_exit(EX_TEMPFAIL);
	}
	if (e->way->final == FINAL_PIPE)
		run_command(e);
	_exit(write_file(e));
}
