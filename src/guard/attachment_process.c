#include "guard/attachment_process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "fiber/fiber.h"
#include "guard/attachment_internal.h"
#include "net/fd_pass.h"

enum {
	FDS = 2, /* the message, and the pipe for the facts */
	HELPER_FD = 3,
	CHILDREN_MAX = 4, /* others wait */
	FACTS_BYTES = 64 * 1024,
	OWN_BYTES = 256 * 1024 * 1024, /* what unpacking may take beside what comes out of it */
	SEND_AGAIN_MS = 10,
	HELP_AGAIN_MS = 1000, /* after the helper's end */
	WAIT_MS = 60000,      /* for a place, and for the child, whose limit is of its CPU time */
};
/* A message that is larger is copied on the thread pool. */
#define OFFLOAD_BYTES (256 * 1024)

struct attachment_helper {
	int socket;
};

/* To the helper. What comes back is a fact a line, and an empty line if that is all. */
struct request {
	struct config_attachments config;
	struct message_limits limits;
};

/* --- the child ---------------------------------------------------------------------------- */

static void limit(int resource, uint64_t most)
{
	const struct rlimit r = { .rlim_cur = most, .rlim_max = most };
	(void)setrlimit((__rlimit_resource_t)resource, &r);
}

/* What it has mapped already is not its own. */
static uint64_t mapped_bytes(void)
{
	char text[100];
	uint64_t pages = 0;
	int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text));
	struct slice rest = slice_of(text, got > 0 ? (size_t)got : 0);
	if (fd >= 0)
		close(fd);
	if (!slice_to_u64(slice_split(&rest, ' '), &pages))
		return 0;
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void limit_all(const struct request *r, size_t message_bytes)
{
	uint64_t mapped = mapped_bytes();
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_FSIZE, 0);
	limit(RLIMIT_CPU, (uint64_t)(r->config.max_ms + 999) / 1000);
	if (mapped > 0)
		limit(RLIMIT_AS, mapped + OWN_BYTES + 2 * (uint64_t)message_bytes +
		                         3 * r->config.max_unpacked_bytes);
}

/* Should the host run out of memory, this goes before the server does. */
static void be_first_to_go(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)!write(fd, "1000", 4);
	close(fd);
}

static void write_line(void *arg, struct slice line)
{
	int fd = *(const int *)arg;
	char text[ATTACHMENT_FACT_BYTES + 1];
	size_t len = line.len < ATTACHMENT_FACT_BYTES ? line.len : ATTACHMENT_FACT_BYTES;
	memcpy(text, line.data, len);
	text[len] = '\n';
	/* A pipe has room for all of them. */
	if (write(fd, text, len + 1) < 0)
		_exit(1);
}

static void child_run(const struct request *r, const int *fds)
{
	struct stat st;
	void *bytes = MAP_FAILED;
	if (fstat(fds[0], &st) == 0 && st.st_size > 0)
		bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fds[0], 0);
	if (bytes == MAP_FAILED)
		_exit(1);
	be_first_to_go();
	limit_all(r, (size_t)st.st_size);
	int answer = fds[1];
	attachment_look_here(slice_of(bytes, (size_t)st.st_size), &r->config, &r->limits,
	                     write_line, &answer);
	write_line(&answer, SLICE_EMPTY);
	_exit(0);
}

/* --- the helper --------------------------------------------------------------------------- */

static void wait_for_place(int *children)
{
	while (*children > 0 && waitpid(-1, NULL, *children < CHILDREN_MAX ? WNOHANG : 0) > 0)
		--*children;
}

/* Nobody reads from the pipe any more: who asked has waited for a place for too long. In a flood
 * those that still wait would else wait for the answers to all before them. */
static bool is_given_up(int answer)
{
	struct pollfd reader = { .fd = answer };
	return poll(&reader, 1, 0) != 0;
}

static void helper_run(void)
{
	struct request request;
	int fds[FDS], children = 0;
	while (fd_pass_receive(HELPER_FD, (char *)&request, sizeof(request), fds, FDS) ==
	       (ssize_t)sizeof(request)) {
		wait_for_place(&children);
		pid_t pid = is_given_up(fds[1]) ? -1 : fork();
		if (pid == 0) {
			close(HELPER_FD);
			child_run(&request, fds);
		}
		children += pid > 0;
		close(fds[0]);
		close(fds[1]);
	}
	_exit(0);
}

/* The helper has a parent that does nothing but start it again, should somebody kill it: the server
 * itself has threads by then, and sockets and keys that are none of its business. What is asked
 * meanwhile waits in the socket. */
static void keeper_run(int socket)
{
	struct pollfd server = { .fd = HELPER_FD };
	int status;
	prctl(PR_SET_NAME, "veredus-files");
	/* Nothing of the server's but its standard error. */
	if (socket != HELPER_FD && dup2(socket, HELPER_FD) < 0)
		_exit(1);
	close_range(HELPER_FD + 1, ~0U, 0);
	signal(SIGCHLD, SIG_DFL);
	/* Ended by the server's end alone: its signals are blocked, those of a terminal too. */
	do {
		pid_t pid = fork();
		if (pid == 0)
			helper_run();
		if (pid > 0 && waitpid(pid, &status, 0) == pid && WIFSIGNALED(status))
			log_warn("guard.files.again", kv_int("signal", WTERMSIG(status)));
	} while (poll(&server, 1, HELP_AGAIN_MS) == 0);
	_exit(0);
}

int attachment_helper_start(struct attachment_helper **out)
{
	int pair[2];
	*out = NULL;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid_t pid = fork();
	if (pid == 0) {
		close(pair[0]);
		keeper_run(pair[1]);
	}
	int rc = pid < 0 || fcntl(pair[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
	close(pair[1]);
	if (rc < 0) {
		close(pair[0]);
		return rc;
	}
	*out = mem_zero(1, sizeof(**out));
	(*out)->socket = pair[0];
	return 0;
}

void attachment_helper_stop(struct attachment_helper *h)
{
	if (!h)
		return;
	close(h->socket);
	free(h);
}

/* --- the server's side -------------------------------------------------------------------- */

struct copy {
	struct slice message;
	int fd; /* or -errno */
};

static void copy_message(void *arg)
{
	struct copy *c = arg;
	struct slice rest = c->message;
	c->fd = memfd_create("message", MFD_CLOEXEC);
	if (c->fd < 0) {
		c->fd = -errno;
		return;
	}
	while (rest.len > 0) {
		ssize_t put = write(c->fd, rest.data, rest.len);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0) {
			int error = put < 0 ? errno : EIO;
			close(c->fd);
			c->fd = -error;
			return;
		}
		rest = slice_from(rest, (size_t)put);
	}
}

/* All workers share the socket, so that none can wait for it. */
static int send_request(const struct attachment_helper *h, const struct request *r, const int *fds,
                        int64_t deadline)
{
	for (;;) {
		int rc = fd_pass_send(h->socket, slice_of((const char *)r, sizeof(*r)), fds, FDS);
		if (rc != -EAGAIN)
			return rc;
		rc = fiber_sleep(deadline_in(SEND_AGAIN_MS));
		if (rc == -ECANCELED || clock_monotonic_ms() >= deadline)
			return rc == -ECANCELED ? rc : -ETIMEDOUT;
	}
}

static int read_facts(int fd, struct buf *out, int64_t deadline)
{
	for (;;) {
		char *room = buf_reserve(out, ATTACHMENT_FACT_BYTES);
		ssize_t got = room ? read(fd, room, ATTACHMENT_FACT_BYTES) : 0;
		if (got > 0)
			buf_commit(out, (size_t)got);
		if (got == 0)
			return 0;
		if (got > 0 || errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		int rc = fiber_wait_fd(fd, FIBER_READ, deadline);
		if (rc < 0)
			return rc;
	}
}

static int ask_with(const struct attachment_helper *h, const struct request *r, int message_fd,
                    struct buf *facts)
{
	int ends[2];
	int64_t deadline = deadline_in(WAIT_MS);
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	const int fds[FDS] = { message_fd, ends[1] };
	int rc = fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
	if (rc == 0)
		rc = send_request(h, r, fds, deadline);
	close(ends[1]);
	if (rc == 0)
		rc = read_facts(ends[0], facts, deadline);
	close(ends[0]);
	return rc;
}

/* What the child says is no more to be believed than the message. */
static bool is_fact(struct slice line)
{
	for (size_t i = 0; i < line.len; i++)
		if (line.data[i] < ' ' || line.data[i] > '~')
			return false;
	return slice_starts_with(line, SLICE("attachment="));
}

/* Was that all? */
static bool take_facts(struct arena *arena, struct slice lines, struct attachment_facts *out)
{
	while (lines.len > 0) {
		struct slice line = slice_split(&lines, '\n');
		if (line.len == 0)
			return true;
		if (out->count < ATTACHMENT_FACTS_MAX && is_fact(line))
			out->items[out->count++] = arena_copy(arena, line);
	}
	return false;
}

static void note_failure(struct attachment_facts *out, int rc)
{
	/* The last is worth less than to know that there may be more. */
	size_t at = out->count < ATTACHMENT_FACTS_MAX ? out->count++ : ATTACHMENT_FACTS_MAX - 1;
	out->items[at] = SLICE("attachment=unchecked (message): beyond what looking may take");
	if (rc < 0)
		log_error("guard.files.failed", kv_error(rc));
	else
		log_warn("guard.files.ended", kv_int("facts", (int64_t)out->count));
}

int attachment_process_look(struct attachment_helper *h, struct arena *arena, struct slice message,
                            const struct config *config, struct attachment_facts *out)
{
	const struct request request = { .config = config->attachments, .limits = config->message };
	struct buf facts = buf_make(FACTS_BYTES);
	struct copy copy = { .message = message };
	if (message.len > OFFLOAD_BYTES)
		fiber_offload(copy_message, &copy);
	else
		copy_message(&copy);
	int rc = copy.fd < 0 ? copy.fd : ask_with(h, &request, copy.fd, &facts);
	if (copy.fd >= 0)
		close(copy.fd);
	bool is_all = take_facts(arena, buf_slice(&facts), out);
	buf_free(&facts);
	if (!is_all && rc != -ECANCELED)
		note_failure(out, rc);
	return rc == -ECANCELED ? rc : 0;
}
