/* The helper, which makes a process for each request; and that process, the minder. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/clock.h"
#include "client/smtp_reply.h"
#include "final/final_internal.h"
#include "message/address.h"
#include "net/fd_pass.h"

enum {
	OUTPUT_MAX = 4096,     /* of a command; the rest is read, and not kept */
	TEXT_MAX = 400,        /* of that, for the sender */
	TERM_MS = 2000,        /* from SIGTERM to SIGKILL */
	LEFT_OPEN_MS = 500,    /* a child of the command may have its output still */
	LOCK_MARGIN_MS = 2000, /* a worker gives up waiting before it is killed */
	STEP_MS = 50,
	PATH_FDS_FROM = 3,
	PASSWD_BYTES_MAX = 16 * 1024,
};

/* --- the answer ------------------------------------------------------------------------- */

static void answer(int fd, const char *verdict, const char *status, const char *text)
{
	char line[FINAL_REPLY_MAX];
	int len = snprintf(line, sizeof(line), "%s %s %s", verdict, status, text);
	if (len > (int)sizeof(line) - 1)
		len = (int)sizeof(line) - 1;
	/* Nobody else can be told if the server is gone. */
	(void)!write(fd, line, (size_t)len);
}

static const struct {
	int status;
	const char *verdict, *enhanced, *text;
} exits[] = {
	{ EX_OK, "ok", "2.0.0", "delivered" },
	{ EX_USAGE, "never", "5.3.5", "the command was called wrongly" },
	{ EX_DATAERR, "never", "5.6.0", "the command can't use this message" },
	{ EX_NOINPUT, "never", "5.3.0", "the command misses a file" },
	{ EX_NOUSER, "never", "5.1.1", "there is no such user" },
	{ EX_NOHOST, "never", "5.1.2", "there is no such host" },
	{ EX_UNAVAILABLE, "never", "5.3.0", "the service is not available" },
	{ EX_SOFTWARE, "never", "5.3.0", "the command found an error in itself" },
	{ EX_OSERR, "later", "4.3.0", "the system is short of something" },
	{ EX_OSFILE, "never", "5.3.0", "the command misses a file of the system" },
	{ EX_CANTCREAT, "never", "5.2.0", "the mailbox can't be made" },
	{ EX_IOERR, "later", "4.3.0", "it could not be written" },
	{ EX_TEMPFAIL, "later", "4.3.0", "not now" },
	{ EX_PROTOCOL, "never", "5.5.0", "the command met a protocol error" },
	{ EX_NOPERM, "never", "5.7.0", "it is not permitted" },
	{ EX_CONFIG, "never", "5.3.5", "the command is configured wrongly" },
	/* What a shell says, and the worker if it can't become the command: for the operator to
	 * mend, before the mail comes back. */
	{ 126, "later", "4.3.5", "the command can't be run" },
	{ 127, "later", "4.3.5", "there is no such command" },
};

/* One printable line: what strangers may see. */
static void clean(char *text)
{
	size_t to = 0;
	for (size_t i = 0; text[i]; i++) {
		unsigned char c = (unsigned char)text[i];
		bool space = c <= ' ' || c >= 0x7f;
		if (!space || (to > 0 && text[to - 1] != ' '))
			text[to++] = space ? ' ' : (char)c;
	}
	while (to > 0 && text[to - 1] == ' ')
		to--;
	text[to] = '\0';
}

/* A command may know better: "5.2.2 Over quota", if that is of the class of its exit status. */
static const char *own_status(char *text, const char *enhanced, char out[static 16])
{
	struct slice rest = slice_from_str(text);
	struct slice word = slice_split(&rest, ' ');
	struct smtp_enhanced status;
	if (word.len >= 16 || !smtp_enhanced_parse(word, &status) || word.data[0] != enhanced[0])
		return NULL;
	snprintf(out, 16, "%.*s", SLICE_ARG(word));
	memmove(text, rest.data, rest.len + 1);
	return out;
}

static void answer_exit(int fd, int status, char *output)
{
	char own[16], text[64];
	const char *verdict = "never", *enhanced = "5.3.0", *standard = text;
	snprintf(text, sizeof(text), "the command ended with status %d", WEXITSTATUS(status));
	if (!WIFEXITED(status)) {
		verdict = "later";
		enhanced = "4.3.0";
		snprintf(text, sizeof(text), "the command ended by signal %d", WTERMSIG(status));
	}
	for (size_t i = 0; WIFEXITED(status) && i < sizeof(exits) / sizeof(exits[0]); i++) {
		if (exits[i].status != WEXITSTATUS(status))
			continue;
		verdict = exits[i].verdict;
		enhanced = exits[i].enhanced;
		standard = exits[i].text;
	}
	clean(output);
	const char *better = own_status(output, enhanced, own);
	if (strlen(output) > TEXT_MAX)
		output[TEXT_MAX] = '\0';
	answer(fd, verdict, better ? better : enhanced, output[0] ? output : standard);
}

/* --- the minder ------------------------------------------------------------------------- */

struct watch_over {
	pid_t worker;
	int output;
	char text[OUTPUT_MAX + 1];
	size_t len;
	bool ended;
	int status;
};

/* False at the end. What does not fit is read all the same, so that the command can go on. */
static bool read_output(struct watch_over *w)
{
	char more[OUTPUT_MAX];
	ssize_t got = read(w->output, more, sizeof(more));
	if (got <= 0)
		return false;
	size_t room = OUTPUT_MAX - w->len, len = (size_t)got < room ? (size_t)got : room;
	memcpy(w->text + w->len, more, len);
	w->len += len;
	return true;
}

/* Until the worker has ended, and nobody holds its output any more; or the deadline. */
static bool watch_until(struct watch_over *w, int64_t deadline)
{
	bool open = true;
	while (!w->ended || open) {
		struct pollfd fd = { .fd = open ? w->output : -1, .events = POLLIN };
		if (poll(&fd, 1, STEP_MS) > 0)
			open = read_output(w);
		if (!w->ended && waitpid(w->worker, &w->status, WNOHANG) == w->worker) {
			w->ended = true;
			int64_t left_open = clock_monotonic_ms() + LEFT_OPEN_MS;
			deadline = left_open < deadline ? left_open : deadline;
		}
		if (clock_monotonic_ms() >= deadline)
			break;
	}
	w->text[w->len] = '\0';
	for (size_t i = 0; i < w->len; i++)
		w->text[i] = w->text[i] ? w->text[i] : ' ';
	return w->ended;
}

/* With all that it has started. */
static void end_worker(struct watch_over *w)
{
	kill(-w->worker, SIGTERM);
	bool ended = watch_until(w, clock_monotonic_ms() + TERM_MS);
	kill(-w->worker, SIGKILL);
	if (!ended)
		waitpid(w->worker, &w->status, 0);
}

static void mind(struct final_errand *e, int answer_fd)
{
	int ends[2];
	struct watch_over w = { .len = 0 };
	if (pipe2(ends, O_CLOEXEC) < 0 || (w.worker = fork()) < 0) {
		answer(answer_fd, "later", "4.3.0", "there can be no more processes now");
		return;
	}
	if (w.worker == 0) {
		close(answer_fd);
		setpgid(0, 0);
		if (dup2(e->message_fd, 0) < 0 || dup2(ends[1], 1) < 0 || dup2(1, 2) < 0)
			_exit(EX_OSERR);
		final_worker_run(e);
	}
	setpgid(w.worker, w.worker);
	close(ends[1]);
	w.output = ends[0];
	int64_t limit_ms = e->way->time_limit_ms;
	if (watch_until(&w, clock_monotonic_ms() + limit_ms)) {
		answer_exit(answer_fd, w.status, w.text);
		return;
	}
	end_worker(&w);
	answer(answer_fd, "later", "4.4.7", "it took longer than it may, and was ended");
}

/* --- whose it is ------------------------------------------------------------------------ */

static bool split_recipient(struct final_errand *e, struct slice recipient)
{
	struct address parsed, a;
	if (!address_parse(e->arena, recipient, ADDRESS_ALLOW_UTF8, &parsed) ||
	    !address_canonical(e->arena, &parsed, &a))
		return false;
	e->values.recipient = recipient;
	e->values.domain = a.domain;
	e->values.local = a.local;
	e->values.extension = SLICE_EMPTY;
	char separator = e->config->local.plus_separator;
	ptrdiff_t at = separator ? slice_find_byte(a.local, separator) : -1;
	if (at > 0) {
		e->values.local = slice_sub(a.local, 0, (size_t)at);
		e->values.extension = slice_from(a.local, (size_t)at + 1);
	}
	return true;
}

/* NULL: of whoever the server is. */
static const char *user_name(const struct final_errand *e)
{
	if (e->way->unix_user)
		return config_template_expand(e->arena, e->way->unix_user, TEMPLATE_PATH,
		                              &e->values);
	if (e->way->final == FINAL_PIPE)
		return e->config->user;
	return config_template_expand(e->arena, "${local}", TEMPLATE_PATH, &e->values);
}

/* It may be LDAP that is asked, and out of reach. Of a name that is nowhere glibc says nothing,
 * ENOENT or ESRCH. */
static bool cant_tell(int error) { return error != 0 && error != ENOENT && error != ESRCH; }

static bool find_user(struct final_errand *e, int answer_fd)
{
	const char *name = user_name(e);
	char *room = arena_alloc(e->arena, PASSWD_BYTES_MAX);
	struct passwd entry, *user = NULL;
	int error = 0;
	if (name)
		error = getpwnam_r(name, &entry, room, PASSWD_BYTES_MAX, &user);
	else if (!e->way->unix_user && e->way->final == FINAL_PIPE)
		error = getpwuid_r(geteuid(), &entry, room, PASSWD_BYTES_MAX, &user);
	if (!user && cant_tell(error)) {
		answer(answer_fd, "later", "4.3.0", "the user can't be looked up now");
		return false;
	}
	if (!user) {
		answer(answer_fd, "never", "5.1.1", "there is no such user");
		return false;
	}
	if (user->pw_uid == 0) {
		answer(answer_fd, "never", "5.7.1", "root gets no mail: it needs an alias");
		return false;
	}
	e->uid = user->pw_uid;
	e->gid = user->pw_gid;
	e->values.user = arena_copy(e->arena, slice_from_str(user->pw_name));
	e->values.home = arena_copy(e->arena, slice_from_str(user->pw_dir));
	const struct group *group = e->way->unix_group ? getgrnam(e->way->unix_group) : NULL;
	if (group)
		e->gid = group->gr_gid;
	e->gid_is_ours = group != NULL;
	return true;
}

/* number NUL recipient NUL sender NUL queue-id NUL */
static bool parse_request(struct final_errand *e, struct slice rest)
{
	uint64_t way;
	struct slice number = slice_split(&rest, '\0');
	struct slice recipient = slice_split(&rest, '\0');
	e->values.sender = slice_split(&rest, '\0');
	e->values.queue_id = slice_split(&rest, '\0');
	if (!slice_to_u64(number, &way) || way >= e->config->smarthost_count)
		return false;
	e->way = &e->config->smarthosts[way];
	return e->way->final != FINAL_NONE && split_recipient(e, recipient);
}

static void minder_run(const struct config *config, struct slice request, const int *fds)
{
	struct final_errand e = { .config = config, .arena = arena_new(), .message_fd = fds[0] };
	signal(SIGCHLD, SIG_DFL);
	if (!parse_request(&e, request)) {
		answer(fds[1], "never", "5.1.3", "this is no address for it");
	} else if (find_user(&e, fds[1])) {
		e.deadline = clock_monotonic_ms() + e.way->time_limit_ms - LOCK_MARGIN_MS;
		mind(&e, fds[1]);
	}
}

/* --- the helper ------------------------------------------------------------------------- */

void final_helper_run(int socket, const struct config *config)
{
	char *request = mem_alloc(FINAL_REQUEST_MAX);
	int fds[FINAL_FDS];
	ssize_t len;
	/* Nothing of the server's but its standard error. */
	if (socket != PATH_FDS_FROM && dup2(socket, PATH_FDS_FROM) < 0)
		_exit(EX_OSERR);
	socket = PATH_FDS_FROM;
	close_range(PATH_FDS_FROM + 1, ~0U, 0);
	fcntl(socket, F_SETFD, FD_CLOEXEC);
	/* Ended by the server's end alone: its signals are blocked, those of a terminal too. */
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	while ((len = fd_pass_receive(socket, request, FINAL_REQUEST_MAX, fds, FINAL_FDS)) >= 0) {
		pid_t pid = fork();
		if (pid == 0) {
			close(socket);
			minder_run(config, slice_of(request, (size_t)len), fds);
			_exit(0);
		}
		if (pid < 0)
			answer(fds[1], "later", "4.3.0", "there can be no more processes now");
		close(fds[0]);
		close(fds[1]);
	}
	_exit(0);
}
