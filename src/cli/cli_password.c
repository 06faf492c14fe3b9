/* Reading a password. */
#include <errno.h>
#include <termios.h>
#include <unistd.h>

#include "cli/cli_admin.h"

static void wipe(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

/* One line without its end; NULL at the end of the input. */
static char *read_line(FILE *in)
{
	char *line = NULL;
	size_t size = 0;
	ssize_t len = getline(&line, &size, in);
	if (len < 0) {
		free(line);
		return NULL;
	}
	while (len > 0 && (line[len - 1] == '\n' || line[len - 1] == '\r'))
		line[--len] = '\0';
	return line;
}

static char *ask(FILE *terminal, const char *prompt)
{
	struct termios before, silent;
	int fd = fileno(terminal);
	if (tcgetattr(fd, &before) < 0)
		return NULL;
	silent = before;
	silent.c_lflag &= ~(tcflag_t)(ECHO | ECHONL);
	fprintf(terminal, "%s: ", prompt);
	fflush(terminal);
	tcsetattr(fd, TCSAFLUSH, &silent);
	char *line = read_line(terminal);
	tcsetattr(fd, TCSAFLUSH, &before);
	fputc('\n', terminal);
	return line;
}

static char *ask_twice(FILE *terminal, const char *prompt)
{
	char *first = ask(terminal, prompt);
	char *second = first && first[0] ? ask(terminal, "Once more") : NULL;
	bool same = second && slice_equal(slice_from_str(first), slice_from_str(second));
	wipe(second);
	if (same)
		return first;
	cli_fail(first && first[0] ? "the two were not the same" : "no password was given");
	wipe(first);
	return NULL;
}

static char *with_terminal(char *(*asking)(FILE *, const char *), const char *prompt)
{
	FILE *terminal = fopen("/dev/tty", "r+e");
	if (!terminal) {
		cli_fail("there is no terminal to ask for the password on: see the help of the "
		         "command for other ways");
		return NULL;
	}
	char *password = asking(terminal, prompt);
	fclose(terminal);
	return password;
}

char *cli_read_password(const char *prompt)
{
	if (!isatty(STDIN_FILENO)) {
		char *line = read_line(stdin);
		if (line && line[0])
			return line;
		cli_fail("no password was given on standard input");
		wipe(line);
		return NULL;
	}
	return with_terminal(ask_twice, prompt);
}

char *cli_ask_password(const char *prompt) { return with_terminal(ask, prompt); }
