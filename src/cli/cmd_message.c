/* veredus message: a message as the server sees it. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli_commands.h"
#include "message/summary.h"

/* Of a header value that is shown. */
#define SHOWN_MAX 2000

static const struct cli_option options[] = {
	{ "imap", 0, NULL, "show ENVELOPE and BODYSTRUCTURE (show)" },
	{ 0 },
};

/* Mapped until the process ends. */
static int map_file(const char *path, struct slice *out)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return cli_fail("%s: %s", path, strerrordesc_np(errno));
	*out = SLICE_EMPTY;
	void *at = st.st_size > 0 ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)
	                          : NULL;
	int error = errno;
	close(fd);
	if (at == MAP_FAILED)
		return cli_fail("%s: %s", path, strerrordesc_np(error));
	if (at)
		*out = slice_of(at, (size_t)st.st_size);
	return CLI_OK;
}

static void show_field(struct cli *cli, struct slice header, const char *name)
{
	struct slice value;
	if (!header_find(header, slice_from_str(name), &value))
		return;
	value = header_decode(cli->arena, value, SHOWN_MAX);
	printf("%-12s %.*s\n", name, SLICE_ARG(value));
}

static void show_summary(struct cli *cli, struct slice bytes, const struct message_summary *s)
{
	static const char *const names[] = { "From", "To", "Cc", "Subject", "Date", "Message-ID" };
	struct slice header = slice_sub(bytes, 0, s->header_size);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		show_field(cli, header, names[i]);
	printf("%-12s %zu bytes, %zu of them header\n", "Size", s->size_bytes, s->header_size);
	printf("%-12s %zu\n", "Received", s->received_count);
	if (s->has_8bit_header || s->has_8bit_body || s->has_nul)
		printf("%-12s%s%s%s\n", "Needs", s->has_8bit_header ? " SMTPUTF8" : "",
		       s->has_8bit_body ? " 8BITMIME" : "", s->has_nul ? " BINARYMIME" : "");
}

/* "1.2.3" as IMAP counts; depth of at most MESSAGE_DEPTH_MAX. */
struct number {
	unsigned path[MESSAGE_DEPTH_MAX];
	size_t depth;
};

static void print_number(const struct number *n)
{
	int width = 0;
	for (size_t i = 0; i < n->depth; i++)
		width += printf(i == 0 ? "%u" : ".%u", n->path[i]);
	printf("%*s", width < 10 ? 10 - width : 1, "");
}

static void show_part(struct cli *cli, const struct mime_part *part, const struct number *n)
{
	struct slice name;
	print_number(n);
	printf("%.*s/%.*s", SLICE_ARG(part->type), SLICE_ARG(part->subtype));
	if (slice_equal_nocase(part->type, SLICE("text")))
		printf(", %.*s", SLICE_ARG(mime_charset(part)));
	printf(", %.*s, %zu bytes", SLICE_ARG(part->encoding_text), part->body_size);
	if (mime_filename(cli->arena, part, &name))
		printf(", \"%.*s\"", SLICE_ARG(name));
	putchar('\n');
}

/* A message that is no multipart has its body as part 1; a multipart's children continue the
 * number of the multipart, or of the message that it is. */
static void show_tree(struct cli *cli, const struct mime_part *part, struct number n, bool counted)
{
	if (part->kind != MIME_MULTIPART && !counted)
		n.path[n.depth++] = 1;
	show_part(cli, part, &n);
	if (part->kind == MIME_MESSAGE && n.depth < MESSAGE_DEPTH_MAX)
		show_tree(cli, part->first, n, false);
	if (part->kind != MIME_MULTIPART || n.depth == MESSAGE_DEPTH_MAX)
		return;
	n.depth++;
	n.path[n.depth - 1] = 1;
	for (const struct mime_part *c = part->first; c; c = c->next, n.path[n.depth - 1]++)
		show_tree(cli, c, n, true);
}

static int show(struct cli *cli)
{
	struct slice bytes = SLICE_EMPTY;
	struct message_summary s;
	int status = map_file(cli->words[0], &bytes);
	if (status != CLI_OK)
		return status;
	message_summarise(bytes, &MESSAGE_LIMITS_DEFAULT, cli->arena, &s);
	if (cli_has(cli, "imap")) {
		printf("ENVELOPE %.*s\nBODYSTRUCTURE %.*s\n", SLICE_ARG(s.envelope),
		       SLICE_ARG(s.body_structure));
		return CLI_OK;
	}
	show_summary(cli, bytes, &s);
	show_tree(cli, mime_parse(cli->arena, bytes, &MESSAGE_LIMITS_DEFAULT),
	          (struct number){ .depth = 0 }, false);
	return CLI_OK;
}

static bool parse_number(struct slice text, struct message_section *section)
{
	while (text.len > 0) {
		uint64_t value;
		if (section->depth == MESSAGE_DEPTH_MAX ||
		    !slice_to_u64(slice_split(&text, '.'), &value) || value > UINT32_MAX)
			return false;
		section->path[section->depth++] = (unsigned)value;
	}
	return section->depth > 0;
}

static int part(struct cli *cli)
{
	struct slice bytes = SLICE_EMPTY, body = SLICE_EMPTY;
	struct message_section section = { .kind = SECTION_ALL };
	if (!parse_number(slice_from_str(cli->words[1]), &section))
		return cli_usage(cli, "\"%s\" is no part number: write 1 or 2.1", cli->words[1]);
	int status = map_file(cli->words[0], &bytes);
	if (status != CLI_OK)
		return status;
	int rc = message_section_decoded(bytes, &MESSAGE_LIMITS_DEFAULT, cli->arena, &section,
	                                 SIZE_MAX, &body);
	if (rc < 0)
		return cli_fail("part %s: %s", cli->words[1],
		                rc == -ENOENT ? "there is none" : "it can't be decoded");
	fwrite(body.data, 1, body.len, stdout);
	return CLI_OK;
}

static const struct cli_verb verbs[] = {
	{ "show", "FILE", "Show what is in a message.", 1, 1, show },
	{ "part", "FILE NUMBER", "Write a part to standard output, decoded.", 2, 2, part },
	{ 0 },
};

const struct cli_command cmd_message = {
	.name = "message",
	.summary = "Look into a message file.",
	.text = "Parts are numbered as IMAP numbers them.\n",
	.options = options,
	.verbs = verbs,
};
