/* What the files of the helper share. */
#ifndef VEREDUS_FINAL_FINAL_INTERNAL_H
#define VEREDUS_FINAL_FINAL_INTERNAL_H

#include <pwd.h>

#include "config/config.h"
#include "config/config_template.h"

enum { FINAL_REQUEST_MAX = 16 * 1024, FINAL_REPLY_MAX = 1024, FINAL_FDS = 2 };

/* A request: the number of the section in decimal, recipient, sender and queue id, each with a NUL
 * behind it; and two descriptors, the message (lines end in LF) and the pipe for the answer.
 * An answer: "ok", "later" or "never", an enhanced status code and a text, one line without end. */

struct final_errand {
	const struct config *config;
	const struct config_smarthost *way;
	struct arena *arena;
	struct config_template_values values;
	int message_fd;
	int64_t deadline; /* monotonic: a worker that waits for a lock gives up before */
	uid_t uid;
	gid_t gid;
	bool gid_is_ours; /* a group of the configuration, not of the user */
	struct slice message;
};

/* final_helper.c: until the socket closes. Never returns. */
void final_helper_run(int socket, const struct config *config) __attribute__((noreturn));

/* final_worker.c: in a process of its own, whose output is what is told to the sender. Never
 * returns: the status is one of sysexits.h. */
void final_worker_run(struct final_errand *e) __attribute__((noreturn));

/* As the user, with the message mapped. An exit status; prints why if it isn't 0. */
int final_maildir(const struct final_errand *e, const char *path);
int final_mbox(const struct final_errand *e, const char *path);

/* For a system call that failed: prints "what path: why", with a status code if there is a better
 * one than that of the exit status, which is returned. */
int final_failed(const char *what, const char *path, int error);
/* Writes all of it. 0 or -errno. */
int final_write(int fd, struct slice s);
/* fsync of a directory. 0 or -errno. */
int final_sync_directory(const char *path);

/* final_lock.c: PATH.lock, which is made so that only one has it. 0; -EBUSY: somebody has it until
 * the deadline; or -errno. */
int final_lock(const char *path, int64_t deadline);
void final_unlock(const char *path);

/* final_mbox.c, pure: the message as it lies in an mbox, with its From_ line, in the arena. */
struct slice final_mbox_entry(struct arena *arena, struct slice sender, int64_t unix_s,
                              struct slice message);

#endif
