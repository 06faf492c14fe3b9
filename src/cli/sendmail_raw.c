/* The socket as it is: a session for programs that speak SMTP themselves, and a question. */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "cli/sendmail.h"

enum { PIECE_BYTES = 4096, REPLY_LINE_MAX = 2048 };

/* A connected socket, or -1 after a message. */
static int open_socket(const struct sendmail *m)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = -1;
	if (strlen(m->socket) < sizeof(name.sun_path)) {
		snprintf(name.sun_path, sizeof(name.sun_path), "%s", m->socket);
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	}
	if (fd >= 0 && connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0)
		return fd;
	cli_fail("nobody takes mail at %s: does the server run? (%s)", m->socket,
	         strerrordesc_np(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* --- -bs ----------------------------------------------------------------------------------- */

static bool put_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t put = write(fd, data, len);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return false;
		data += put;
		len -= (size_t)put;
	}
	return true;
}

/* 1, 0 at the end, -1 when it can't go on. */
static int hand_on(int from, int to)
{
	char piece[PIECE_BYTES];
	ssize_t got = read(from, piece, sizeof(piece));
	if (got < 0 && errno == EINTR)
		return 1;
	if (got <= 0)
		return got < 0 ? -1 : 0;
	return put_all(to, piece, (size_t)got) ? 1 : -1;
}

int sendmail_smtp(const struct sendmail *m)
{
	int fd = open_socket(m);
	if (fd < 0)
		return EX_TEMPFAIL;
	struct pollfd both[] = { { .fd = fd, .events = POLLIN },
		                 { .fd = STDIN_FILENO, .events = POLLIN } };
	int state = 1;
	while (state > 0) {
		if (poll(both, 2, -1) < 0 && errno != EINTR)
			break;
		if (both[0].revents)
			state = hand_on(fd, STDOUT_FILENO);
		if (state > 0 && both[1].revents && hand_on(STDIN_FILENO, fd) <= 0) {
			shutdown(fd, SHUT_WR); /* what is on its way is still answered */
			both[1].fd = -1;
		}
	}
	close(fd);
	return state == 0 ? EX_OK : EX_IOERR;
}

/* --- -bv ----------------------------------------------------------------------------------- */

/* The last line of a reply and its code; 0 if there is none. */
static int read_reply(FILE *stream, char line[static REPLY_LINE_MAX])
{
	int code = 0;
	do {
		if (!fgets(line, REPLY_LINE_MAX, stream) || strlen(line) < 4)
			return 0;
		line[strcspn(line, "\r\n")] = 0;
		code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + (line[2] - '0');
	} while (line[3] == '-');
	return code;
}

static int ask(FILE *stream, char line[static REPLY_LINE_MAX], const char *command)
{
	line[0] = 0;
	fprintf(stream, "%s\r\n", command);
	return fflush(stream) == 0 ? read_reply(stream, line) : 0;
}

/* One recipient; an exit code. */
static int verify_one(struct arena *arena, FILE *stream, const char *recipient)
{
	char line[REPLY_LINE_MAX];
	if (strpbrk(recipient, "\r\n<>")) {
		cli_fail("\"%s\" is no mail address", recipient);
		return EX_NOUSER;
	}
	int code = ask(stream, line, arena_printf(arena, "RCPT TO:<%s>", recipient));
	if (code / 100 == 2) {
		printf("%s... deliverable\n", recipient);
		return EX_OK;
	}
	for (char *at = line; *at; at++)
		*at = (unsigned char)*at < ' ' || *at == 0x7F ? '?' : *at;
	printf("%s... %s\n", recipient, code ? line : "no answer");
	return code / 100 == 5 ? EX_NOUSER : EX_TEMPFAIL;
}

int sendmail_verify(const struct sendmail *m)
{
	char line[REPLY_LINE_MAX];
	int fd = open_socket(m);
	if (fd < 0)
		return EX_TEMPFAIL;
	FILE *stream = fdopen(fd, "r+e");
	int status = EX_OK;
	if (read_reply(stream, line) / 100 != 2 || ask(stream, line, "EHLO localhost") / 100 != 2 ||
	    ask(stream, line, "MAIL FROM:<>") / 100 != 2) {
		cli_fail("the server does not take mail now");
		status = EX_TEMPFAIL;
	}
	for (size_t i = 0; i < m->recipient_count && status != EX_TEMPFAIL; i++) {
		int one = verify_one(m->cli->arena, stream, m->recipients[i]);
		status = one == EX_OK ? status : one;
	}
	ask(stream, line, "QUIT");
	fclose(stream);
	return status;
}
