/* The server's side: a request to the helper, and waiting for its answer. */
#include "final/final.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cursor.h"
#include "base/log.h"
#include "fiber/fiber.h"
#include "final/final_internal.h"
#include "net/fd_pass.h"

/* A message that is larger is copied on the thread pool. */
#define OFFLOAD_BYTES (256 * 1024)
#define SEND_AGAIN_MS 10
#define SEND_MS       30000
/* The minder has its own clock, and needs a moment to end a command that does not want to. */
#define ANSWER_GRACE_MS 15000

struct final {
	const struct config *config;
	int socket;
};

static bool is_needed(const struct config *c)
{
	for (size_t i = 0; i < c->smarthost_count; i++) {
		if (c->smarthosts[i].final != FINAL_NONE)
			return true;
	}
	return false;
}

int final_start(const struct config *config, struct final **out)
{
	int pair[2];
	*out = NULL;
	if (!is_needed(config))
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid_t pid = fork();
	if (pid == 0) {
		close(pair[0]);
		prctl(PR_SET_NAME, "veredus-final");
		final_helper_run(pair[1], config);
	}
	int rc = pid < 0 ? -errno : 0;
	close(pair[1]);
	if (rc < 0 || fcntl(pair[0], F_SETFL, O_NONBLOCK) < 0) {
		close(pair[0]);
		return rc < 0 ? rc : -EIO;
	}
	*out = mem_zero(1, sizeof(**out));
	**out = (struct final){ .config = config, .socket = pair[0] };
	return 0;
}

void final_stop(struct final *f)
{
	if (!f)
		return;
	close(f->socket);
	free(f);
}

/* --- the message in memory -------------------------------------------------------------- */

struct copy {
	const struct final_mail *mail;
	int fd; /* or -errno */
};

static int put(int fd, struct buf *out, struct slice s)
{
	if (out->len + s.len > out->max) {
		int rc = final_write(fd, buf_slice(out));
		if (rc < 0)
			return rc;
		buf_clear(out);
	}
	return s.len > out->max ? final_write(fd, s) : buf_append(out, s);
}

/* Lines end in LF for programs and files of Unix. */
static int put_lines(int fd, struct buf *out, struct slice rest)
{
	int rc = 0;
	while (rest.len > 0 && rc == 0) {
		ptrdiff_t end = slice_find(rest, SLICE("\r\n"));
		rc = put(fd, out, end < 0 ? rest : slice_sub(rest, 0, (size_t)end));
		if (end >= 0 && rc == 0)
			rc = put(fd, out, SLICE("\n"));
		rest = end < 0 ? SLICE_EMPTY : slice_from(rest, (size_t)end + 2);
	}
	return rc;
}

static int put_message(int fd, const struct final_mail *m)
{
	struct buf out = buf_make(64 * 1024);
	const struct slice head[] = { SLICE("Return-Path: <"), m->sender,
		                      SLICE(">\nDelivered-To: "), m->recipient, SLICE("\n") };
	int rc = 0;
	for (size_t i = 0; i < 5 && rc == 0; i++)
		rc = put(fd, &out, head[i]);
	if (rc == 0)
		rc = put_lines(fd, &out, m->prefix);
	if (rc == 0)
		rc = put_lines(fd, &out, m->message);
	if (rc == 0)
		rc = final_write(fd, buf_slice(&out));
	buf_free(&out);
	return rc;
}

static void copy_message(void *arg)
{
	struct copy *c = arg;
	c->fd = memfd_create("message", MFD_CLOEXEC);
	if (c->fd < 0) {
		c->fd = -errno;
		return;
	}
	int rc = put_message(c->fd, c->mail);
	if (rc == 0 && lseek(c->fd, 0, SEEK_SET) == 0)
		return;
	close(c->fd);
	c->fd = rc < 0 ? rc : -EIO;
}

/* --- asking ----------------------------------------------------------------------------- */

/* All workers share the socket, so that none can wait for it. */
static int send_request(const struct final *f, struct slice request, const int *fds)
{
	int64_t deadline = deadline_in(SEND_MS);
	int rc;
	while ((rc = fd_pass_send(f->socket, request, fds, FINAL_FDS)) == -EAGAIN &&
	       clock_monotonic_ms() < deadline) {
		rc = fiber_sleep(deadline_in(SEND_AGAIN_MS));
		if (rc == -ECANCELED)
			break;
	}
	return rc;
}

static int read_answer(int fd, struct buf *out, int64_t deadline)
{
	bool cancelled = false;
	for (;;) {
		char *room = buf_reserve(out, FINAL_REPLY_MAX - out->len);
		ssize_t got = room ? read(fd, room, FINAL_REPLY_MAX - out->len) : 0;
		if (got > 0)
			buf_commit(out, (size_t)got);
		if (got == 0)
			return 0;
		if (got > 0 || errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		int rc = fiber_wait_fd(fd, FIBER_READ, deadline);
		/* A server that stops still hears of what was begun, as long as the grace lasts. */
		if (rc < 0 && (rc != -ECANCELED || cancelled))
			return rc;
		cancelled |= rc == -ECANCELED;
	}
}

static struct slice make_request(const struct final *f, const struct final_mail *m,
                                 struct arena *arena)
{
	const char *number = arena_printf(arena, "%td", m->way - f->config->smarthosts);
	const struct slice nul = slice_of("", 1);
	const struct slice parts[] = {
		slice_from_str(number), nul, m->recipient, nul, m->sender, nul, m->queue_id, nul
	};
	return arena_concat(arena, parts, sizeof(parts) / sizeof(parts[0]));
}

static int ask_with(const struct final *f, const struct final_mail *m, int message_fd,
                    struct arena *arena, struct buf *answer)
{
	int ends[2];
	struct slice request = make_request(f, m, arena);
	if (request.len > FINAL_REQUEST_MAX)
		return -EMSGSIZE;
	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	const int fds[FINAL_FDS] = { message_fd, ends[1] };
	int rc = fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0 ? -errno : 0;
	if (rc == 0)
		rc = send_request(f, request, fds);
	close(ends[1]);
	if (rc == 0)
		rc = read_answer(ends[0], answer,
		                 deadline_in(m->way->time_limit_ms + ANSWER_GRACE_MS));
	close(ends[0]);
	return rc;
}

static int ask(const struct final *f, const struct final_mail *m, struct arena *arena,
               struct buf *answer)
{
	struct copy copy = { .mail = m };
	if (m->message.len > OFFLOAD_BYTES)
		fiber_offload(copy_message, &copy);
	else
		copy_message(&copy);
	if (copy.fd < 0)
		return copy.fd;
	int rc = ask_with(f, m, copy.fd, arena, answer);
	close(copy.fd);
	return rc;
}

/* --- the answer ------------------------------------------------------------------------- */

/* answer = ( "ok" / "later" / "never" ) SP status SP text */
static bool parse_answer(struct slice answer, struct arena *arena, struct smtp_outcome *out)
{
	static const struct slice words[] = { [SMTP_OK] = SLICE("ok"),
		                              [SMTP_TEMPORARY] = SLICE("later"),
		                              [SMTP_PERMANENT] = SLICE("never") };
	struct slice text = answer;
	struct slice word = slice_split(&text, ' ');
	struct slice status = slice_split(&text, ' ');
	for (int i = SMTP_OK; i <= SMTP_PERMANENT; i++) {
		if (!slice_equal(word, words[i]))
			continue;
		*out = (struct smtp_outcome){ .verdict = (enum smtp_verdict)i,
			                      .stage = SMTP_STAGE_MESSAGE,
			                      .text = arena_copy(arena, text) };
		return smtp_enhanced_parse(status, &out->enhanced);
	}
	return false;
}

int final_deliver(struct final *f, const struct final_mail *mail, struct arena *arena,
                  struct smtp_outcome *outcome)
{
	struct buf answer = buf_make(FINAL_REPLY_MAX);
	int rc = f ? ask(f, mail, arena, &answer) : -EPIPE;
	if (rc == 0 && !parse_answer(buf_slice(&answer), arena, outcome))
		rc = -EPIPE;
	buf_free(&answer);
	if (rc == 0)
		return outcome->verdict == SMTP_OK ? 0 : -EREMOTEIO;
	if (rc == -EPIPE || rc == -ECONNRESET)
		log_error("final.helper.lost", kv_slice("recipient", mail->recipient),
		          kv_str("remedy", "restart the server"));
	*outcome = smtp_outcome_trouble(arena, SMTP_STAGE_MESSAGE, rc, "4.3.0", mail->way->title);
	outcome->host = false;
	return rc;
}
