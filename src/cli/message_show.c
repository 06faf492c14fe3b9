#include "cli/message_show.h"

#include <inttypes.h>
#include <jansson.h>

#include "message/oddity.h"

enum {
	SHOWN_MAX = 2000,  /* bytes of a value that are shown */
	FIELDS_MAX = 1000, /* fields of the header that are */
};

/* "1.2.3" as IMAP counts; depth of at most MESSAGE_DEPTH_MAX. */
struct number {
	unsigned path[MESSAGE_DEPTH_MAX];
	size_t depth;
};

struct show {
	struct cli *cli;
	struct slice bytes;
	const struct message_limits *limits;
	json_t *fields, *parts, *odd; /* NULL: as text */
	const char *number;           /* of the part that is looked at */
	struct buf found;             /* lines of what is odd, for the end */
};

/* For a terminal, and for JSON: UTF-8 without control characters. */
static char *clean(struct show *s, struct slice raw)
{
	return arena_str(s->cli->arena, header_decode(s->cli->arena, raw, SHOWN_MAX));
}

/* --- header -------------------------------------------------------------------------- */

static void show_field(struct show *s, const struct header_field *field)
{
	const char *name = clean(s, field->name), *value = clean(s, field->value);
	if (s->fields)
		json_array_append_new(s->fields,
		                      json_pack("{s:s, s:s}", "name", name, "value", value));
	else
		printf("%-12s %s\n", name, value);
}

static void show_header(struct show *s, struct slice header)
{
	struct header_walk walk = { .rest = header };
	struct header_field field;
	uint64_t more = 0;
	for (uint64_t i = 0; header_next(&walk, &field); i++) {
		if (i < FIELDS_MAX)
			show_field(s, &field);
		else
			more++;
	}
	if (more > 0 && !s->fields)
		printf("(%" PRIu64 " more fields)\n", more);
}

static void show_sizes(const struct message_summary *s)
{
	printf("%-12s %zu bytes, %zu of them header\n", "Size", s->size_bytes, s->header_size);
	printf("%-12s %zu\n", "Received", s->received_count);
	if (s->has_8bit_header || s->has_8bit_body || s->has_nul)
		printf("%-12s%s%s%s\n", "Needs", s->has_8bit_header ? " SMTPUTF8" : "",
		       s->has_8bit_body ? " 8BITMIME" : "", s->has_nul ? " BINARYMIME" : "");
}

/* --- what is odd --------------------------------------------------------------------- */

static void show_oddity(void *arg, const struct oddity_found *found)
{
	struct show *s = arg;
	const char *about = clean(s, found->about);
	if (s->odd) {
		json_array_append_new(s->odd, json_pack("{s:s, s:s, s:s, s:s, s:I, s:I}", "part",
		                                        s->number, "what", oddity_name(found->what),
		                                        "text", oddity_text(found->what), "about",
		                                        about, "count", (json_int_t)found->count,
		                                        "offset", (json_int_t)found->offset));
		return;
	}
	buf_printf(&s->found, "%-9s %s: %s%s%s%s", s->number, oddity_name(found->what),
	           oddity_text(found->what), *about ? " (" : "", about, *about ? ")" : "");
	if (found->count > 1)
		buf_printf(&s->found, ", %" PRIu64 " times", found->count);
	buf_printf(&s->found, ", at byte %zu\n", found->offset);
}

/* --- parts --------------------------------------------------------------------------- */

static const char *number_text(struct show *s, const struct number *n)
{
	struct buf text = buf_make(MESSAGE_DEPTH_MAX * 12);
	for (size_t i = 0; i < n->depth; i++)
		buf_printf(&text, i == 0 ? "%u" : ".%u", n->path[i]);
	const char *made = arena_str(s->cli->arena, buf_slice(&text));
	buf_free(&text);
	return made;
}

static void show_part(struct show *s, const struct mime_part *part, const struct number *n)
{
	struct slice name = SLICE_EMPTY;
	const char *type = clean(s, part->type), *subtype = clean(s, part->subtype);
	const char *encoding = clean(s, part->encoding_text);
	const char *charset = slice_equal_nocase(part->type, SLICE("text"))
	                              ? clean(s, mime_charset(part))
	                              : "";
	bool has_name = mime_filename(s->cli->arena, part, &name);
	s->number = number_text(s, n);
	if (s->parts) {
		json_array_append_new(
			s->parts,
			json_pack("{s:s, s:s+++, s:s, s:s, s:I, s:I, s:s}", "number", s->number,
		                  "type", type, "/", subtype, "", "charset", charset, "encoding",
		                  encoding, "size", (json_int_t)part->body_size, "lines",
		                  (json_int_t)part->body_lines, "name", clean(s, name)));
	} else {
		printf("%-9s %s/%s", s->number, type, subtype);
		printf("%s%s, %s, %zu bytes", *charset ? ", " : "", charset, encoding,
		       part->body_size);
		if (has_name)
			printf(", \"%s\"", clean(s, name));
		putchar('\n');
	}
	oddity_part(s->bytes, part, s->limits, show_oddity, s);
}

/* A message that is no multipart has its body as part 1; a multipart's children continue the
 * number of the multipart, or of the message that it is. */
static void show_tree(struct show *s, const struct mime_part *part, struct number n, bool counted)
{
	if (part->kind != MIME_MULTIPART && !counted)
		n.path[n.depth++] = 1;
	show_part(s, part, &n);
	if (part->kind == MIME_MESSAGE && n.depth < MESSAGE_DEPTH_MAX)
		show_tree(s, part->first, n, false);
	if (part->kind != MIME_MULTIPART || n.depth == MESSAGE_DEPTH_MAX)
		return;
	n.depth++;
	n.path[n.depth - 1] = 1;
	for (const struct mime_part *c = part->first; c; c = c->next, n.path[n.depth - 1]++)
		show_tree(s, c, n, true);
}

/* --- the whole of it ----------------------------------------------------------------- */

static void print_json(struct show *s, const struct message_summary *summary)
{
	json_t *all = json_pack("{s:I, s:I, s:I, s:o, s:o, s:o}", "size",
	                        (json_int_t)summary->size_bytes, "header_size",
	                        (json_int_t)summary->header_size, "received",
	                        (json_int_t)summary->received_count, "fields", s->fields, "parts",
	                        s->parts, "odd", s->odd);
	json_dumpf(all, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(all);
}

void message_show(struct cli *cli, struct slice bytes, const struct message_summary *summary,
                  const struct message_limits *limits, bool json)
{
	struct show s = { .cli = cli, .bytes = bytes, .limits = limits, .number = "" };
	const struct mime_part *message = mime_parse(cli->arena, bytes, limits);
	s.found = buf_make(limits->parts * ODDITY_COUNT * 256);
	if (json) {
		s.fields = json_array();
		s.parts = json_array();
		s.odd = json_array();
	}
	show_header(&s, mime_header(message, bytes));
	if (!json)
		show_sizes(summary);
	oddity_lines(bytes, show_oddity, &s);
	show_tree(&s, message, (struct number){ .depth = 0 }, false);
	if (json) {
		print_json(&s, summary);
	} else if (s.found.len > 0) {
		printf("\nOdd:\n");
		fwrite(s.found.data, 1, s.found.len, stdout);
	}
	buf_free(&s.found);
}
