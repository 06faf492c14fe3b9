/* The message: composed from the options, or a file as it is. */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/send.h"
#include "message/build.h"
#include "message/summary.h"

#define COPY_BYTES (64 * 1024)
/* Of a text given by --text or --html, which is held in memory. */
#define TEXT_MAX ((size_t)256 * 1024 * 1024)

/* A file that goes away by itself. */
static int open_spool(void)
{
	const char *dir = getenv("TMPDIR");
	int fd = open(dir && *dir ? dir : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		fd = memfd_create("veredus send", MFD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

static int spool_write(void *arg, struct slice piece)
{
	int fd = *(int *)arg;
	while (piece.len > 0) {
		ssize_t put = write(fd, piece.data, piece.len);
		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		piece = slice_from(piece, (size_t)put);
	}
	return 0;
}

/* Maps the spool file until the process ends, and closes it. */
static int map_spool(int fd, struct slice *out)
{
	struct stat st;
	int rc = fstat(fd, &st) < 0 ? -errno : 0;
	*out = SLICE_EMPTY;
	if (rc == 0 && st.st_size > 0) {
		size_t size = (size_t)st.st_size;
		void *at = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (at == MAP_FAILED)
			rc = -errno;
		else
			*out = slice_of(at, size);
	}
	close(fd);
	return rc;
}

/* Hands each chunk of a file ("-": standard input) to write, until it returns other than 0. */
static int copy_file(const char *path, message_write *write_chunk, void *arg)
{
	bool standard = strcmp(path, "-") == 0;
	int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	char *chunk = mem_alloc(COPY_BYTES);
	int rc = 0;
	while (rc == 0) {
		ssize_t got = read(fd, chunk, COPY_BYTES);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			rc = -errno;
		if (got <= 0)
			break;
		rc = write_chunk(arg, slice_of(chunk, (size_t)got));
	}
	free(chunk);
	if (!standard)
		close(fd);
	return rc;
}

static int to_buf(void *arg, struct slice piece) { return buf_append(arg, piece); }

/* "-" is standard input, "@FILE" a file, all else the text itself. */
static int text_option(struct send *s, const char *option, struct slice *out)
{
	const char *text = cli_text(s->cli, option);
	struct buf read = buf_make(TEXT_MAX);
	*out = slice_from_str(text);
	if (!text || (text[0] != '@' && strcmp(text, "-") != 0))
		return CLI_OK;
	const char *path = text[0] == '@' ? text + 1 : text;
	int rc = copy_file(path, to_buf, &read);
	*out = arena_copy(s->arena, buf_slice(&read));
	buf_free(&read);
	return rc < 0 ? cli_fail("%s: %s", path, strerrordesc_np(-rc)) : CLI_OK;
}

/* All uses of the option as one list. */
static struct slice joined(struct send *s, const char *option)
{
	struct buf list = buf_make(TEXT_MAX);
	size_t position = 0;
	const char *text;
	while ((text = cli_next_text(s->cli, option, &position)))
		buf_printf(&list, "%s%s", list.len > 0 ? ", " : "", text);
	struct slice all = arena_copy(s->arena, buf_slice(&list));
	buf_free(&list);
	return all;
}

static int64_t read_file(void *arg, uint64_t offset, void *into, size_t len)
{
	ssize_t got = pread(*(int *)arg, into, len, (off_t)offset);
	return got < 0 ? -errno : got;
}

static int open_attachments(struct send *s, struct draft *draft)
{
	size_t count = 0, position = 0;
	while (cli_next_text(s->cli, "attach", &position))
		count++;
	struct draft_attachment *list = ARENA_ARRAY(s->arena, count, struct draft_attachment);
	int *fds = ARENA_ARRAY(s->arena, count, int);
	position = 0;
	for (size_t i = 0; i < count; i++) {
		const char *path = cli_next_text(s->cli, "attach", &position);
		struct stat st;
		fds[i] = open(path, O_RDONLY | O_CLOEXEC);
		if (fds[i] < 0 || fstat(fds[i], &st) < 0)
			return cli_fail("%s: %s", path, strerrordesc_np(errno));
		if (!S_ISREG(st.st_mode))
			return cli_fail("%s: only a regular file can be attached", path);
		struct slice name = slice_from_str(path);
		name = slice_from(name, (size_t)(slice_find_last_byte(name, '/') + 1));
		list[i] = (struct draft_attachment){
			.name = name, .type = SLICE_EMPTY, .read = read_file, .arg = &fds[i]
		};
	}
	draft->attachments = list;
	draft->attachment_count = count;
	return CLI_OK;
}

/* "Name: value" of --header */
static int add_headers(struct send *s, struct draft *draft)
{
	size_t count = 0, position = 0;
	while (cli_next_text(s->cli, "header", &position))
		count++;
	struct draft_header *list = ARENA_ARRAY(s->arena, count, struct draft_header);
	position = 0;
	for (size_t i = 0; i < count; i++) {
		const char *text = cli_next_text(s->cli, "header", &position);
		struct header_walk walk = { .rest = slice_from_str(text) };
		struct header_field f;
		if (!header_next(&walk, &f) || f.name.len == 0 || walk.rest.len > 0)
			return cli_usage(s->cli, "--header takes \"Name: value\", not \"%s\"",
			                 text);
		list[i].name = arena_str(s->arena, f.name);
		list[i].value = slice_trim(f.value);
	}
	draft->headers = list;
	draft->header_count = count;
	return CLI_OK;
}

/* The host in a Message-ID: the sender's domain, which is as unique as they come. */
static struct slice id_host(struct send *s)
{
	ptrdiff_t at = slice_find_last_byte(s->reverse_path, '@');
	return at < 0 ? SLICE("localhost") : slice_from(s->reverse_path, (size_t)at + 1);
}

static int fill_draft(struct send *s, struct draft *draft)
{
	*draft = (struct draft){
		.from = slice_from_str(cli_text(s->cli, "from")),
		.to = joined(s, "to"),
		.cc = joined(s, "cc"),
		.reply_to = joined(s, "reply-to"),
		.subject = slice_from_str(cli_text(s->cli, "subject")),
		.date = date_local(clock_wall_ms() / 1000),
		.message_id = draft_message_id(s->arena, id_host(s)),
		.in_reply_to = SLICE_EMPTY,
		.references = SLICE_EMPTY,
	};
	int status = text_option(s, "text", &draft->text);
	if (status == CLI_OK)
		status = text_option(s, "html", &draft->html);
	if (status == CLI_OK)
		status = add_headers(s, draft);
	return status == CLI_OK ? open_attachments(s, draft) : status;
}

int send_compose(struct send *s)
{
	struct draft draft;
	int status = fill_draft(s, &draft);
	if (status != CLI_OK)
		return status;
	int fd = open_spool();
	if (fd < 0)
		return cli_fail("no temporary file: %s", strerrordesc_np(-fd));
	int rc = draft_write(&draft, s->arena, spool_write, &fd);
	if (rc == 0)
		return map_spool(fd, &s->body) < 0 ? cli_fail("the message can't be read back")
		                                   : CLI_OK;
	close(fd);
	if (rc == -EINVAL)
		return cli_fail("an address, the subject or the text is not right: they must be "
		                "mail addresses, and UTF-8");
	return cli_fail("the message can't be composed: %s", strerrordesc_np(-rc));
}

void send_hide_bcc(struct send *s)
{
	struct slice bcc = SLICE("Bcc"), found;
	struct message_section no_bcc = { .kind = SECTION_HEADER_FIELDS_NOT,
		                          .fields = &bcc,
		                          .field_count = 1 };
	if (header_find(s->head, bcc, &found))
		message_section(s->head, s->head.len, &MESSAGE_LIMITS_DEFAULT, s->arena, &no_bcc,
		                &s->head);
}

/* Where a line of a dot alone ends what is read. */
struct until_dot {
	int fd;
	off_t total, line; /* bytes so far, and before this line */
	enum { AT_START, BEHIND_DOT, BEHIND_CR, NO_DOT } state;
};

static int spool_until_dot(void *arg, struct slice piece)
{
	struct until_dot *d = arg;
	bool ended = false;
	for (size_t i = 0; i < piece.len && !ended; i++) {
		char c = piece.data[i];
		d->total++;
		ended = c == '\n' && (d->state == BEHIND_DOT || d->state == BEHIND_CR);
		if (c == '\n' && !ended) {
			d->line = d->total;
			d->state = AT_START;
		} else if (c == '.' && d->state == AT_START) {
			d->state = BEHIND_DOT;
		} else {
			d->state = c == '\r' && d->state == BEHIND_DOT ? BEHIND_CR : NO_DOT;
		}
	}
	int rc = spool_write(&d->fd, piece);
	if (rc == 0 && ended && ftruncate(d->fd, d->line) < 0)
		rc = -errno;
	return rc < 0 ? rc : ended;
}

static int read_message(struct send *s, const char *path, bool dot_ends)
{
	struct slice message = SLICE_EMPTY;
	int fd = open_spool();
	if (fd < 0)
		return cli_fail("no temporary file: %s", strerrordesc_np(-fd));
	struct until_dot dot = { .fd = fd };
	int rc = dot_ends ? copy_file(path, spool_until_dot, &dot)
	                  : copy_file(path, spool_write, &fd);
	if (rc >= 0)
		rc = map_spool(fd, &message);
	else
		close(fd);
	if (rc < 0)
		return cli_fail("%s: %s", path, strerrordesc_np(-rc));
	s->head = slice_sub(message, 0, header_length(message));
	s->body = slice_from(message, s->head.len);
	s->has_8bit = !slice_is_ascii(message);
	s->smtputf8 = !slice_is_ascii(s->head) && slice_is_utf8(s->head);
	return CLI_OK;
}

int send_read_file(struct send *s, const char *path)
{
	int status = read_message(s, path, false);
	if (status == CLI_OK && s->head.len + s->body.len == 0)
		return cli_fail("%s: there is no message in it", path);
	return status;
}

int send_read_input(struct send *s, bool dot_ends) { return read_message(s, "-", dot_ends); }
