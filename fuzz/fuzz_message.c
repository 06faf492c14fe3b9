/* Whole messages: the tree stays within the bytes, every part can be fetched, and what is stored
 * for IMAP is well-formed. */
#include "fuzz.h"

#include <errno.h>

#include "message/fields.h"
#include "message/oddity.h"
#include "message/preview.h"
#include "message/summary.h"

static void check_oddity(void *arg, const struct oddity_found *found)
{
	FUZZ_CHECK(found->count > 0 && found->offset <= *(size_t *)arg);
	FUZZ_CHECK(oddity_name(found->what) && oddity_text(found->what));
}

static void check_part(struct arena *arena, const struct mime_part *part, struct slice bytes)
{
	struct slice name;
	FUZZ_CHECK(part->header_offset + part->header_size <= part->body_offset);
	FUZZ_CHECK(part->body_offset + part->body_size <= bytes.len);
	FUZZ_CHECK(part->type.len > 0 && part->subtype.len > 0);
	FUZZ_CHECK((part->kind == MIME_LEAF) == (part->child_count == 0));
	FUZZ_CHECK(part->kind != MIME_MESSAGE || part->child_count == 1);
	if (part->kind == MIME_LEAF)
		(void)mime_decode_all(arena, part->encoding, mime_body(part, bytes), 10000);
	(void)mime_filename(arena, part, &name);
	size_t size = bytes.len;
	oddity_part(bytes, part, &MESSAGE_LIMITS_DEFAULT, check_oddity, &size);
	(void)charset_to_utf8(arena, mime_charset(part),
	                      slice_sub(mime_body(part, bytes), 0, 1000));
	for (const struct mime_part *c = part->first; c; c = c->next) {
		FUZZ_CHECK(c->parent == part);
		FUZZ_CHECK(c->header_offset >= part->body_offset);
		FUZZ_CHECK(c->body_offset + c->body_size <= part->body_offset + part->body_size);
		check_part(arena, c, bytes);
	}
}

/* Strings, literals and NIL inside balanced parentheses, with nothing left over. */
static void check_imap(struct slice s)
{
	size_t depth = 0;
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] == '(') {
			depth++;
		} else if (s.data[i] == ')') {
			FUZZ_CHECK(depth-- > 0);
			FUZZ_CHECK(depth > 0 || i + 1 == s.len);
		} else if (s.data[i] == '"') {
			for (i++; i < s.len && s.data[i] != '"'; i++) {
				FUZZ_CHECK(s.data[i] > 0 && s.data[i] != '\r' && s.data[i] != '\n');
				i += s.data[i] == '\\';
			}
			FUZZ_CHECK(i < s.len);
		} else if (s.data[i] == '{') {
			struct slice rest = slice_from(s, i + 1);
			uint64_t len;
			FUZZ_CHECK(slice_to_u64(slice_split(&rest, '}'), &len));
			FUZZ_CHECK(slice_starts_with(rest, SLICE("\r\n")) && len + 2 <= rest.len);
			i = (size_t)(rest.data - s.data) + 1 + len;
		} else {
			FUZZ_CHECK(byte_is_alnum(s.data[i]) || s.data[i] == ' ');
		}
	}
	FUZZ_CHECK(depth == 0 && s.len > 0);
}

static void check_section(struct arena *arena, struct slice bytes, const struct message_section *s)
{
	struct slice out, structure;
	bool found = message_section(bytes, 0, &MESSAGE_LIMITS_DEFAULT, arena, s, &out);
	FUZZ_CHECK(found || s->depth > 0 || s->kind == SECTION_MIME);
	int rc = message_section_decoded(bytes, &MESSAGE_LIMITS_DEFAULT, arena, s, 1000, &out);
	FUZZ_CHECK(rc == 0 || rc == -ENOENT || rc == -EOPNOTSUPP);
	FUZZ_CHECK(rc < 0 || out.len <= 1000);
	if (message_section_structure(bytes, &MESSAGE_LIMITS_DEFAULT, arena, s, &structure))
		check_imap(structure);
}

static void check_sections(struct arena *arena, struct slice bytes)
{
	struct slice fields[] = { SLICE("subject"), SLICE("to") };
	static const unsigned paths[][3] = { { 0 }, { 1 }, { 2 }, { 1, 1 }, { 2, 1 }, { 1, 2, 1 } };
	for (int kind = SECTION_ALL; kind <= SECTION_MIME; kind++) {
		for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
			struct message_section s = { .kind = (enum message_section_kind)kind,
				                     .fields = fields,
				                     .field_count = 2 };
			while (s.depth < 3 && paths[i][s.depth] > 0) {
				s.path[s.depth] = paths[i][s.depth];
				s.depth++;
			}
			check_section(arena, bytes, &s);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct slice bytes = fuzz_input(data, size), body;
	struct message_limits small = { .header_bytes = 200,
		                        .value_bytes = 50,
		                        .depth = 3,
		                        .parts = 5,
		                        .addresses = 3,
		                        .parameters = 2,
		                        .summary_bytes = 300 };
	struct message_summary s;
	check_part(arena, mime_parse(arena, bytes, &MESSAGE_LIMITS_DEFAULT), bytes);
	FUZZ_CHECK(slice_is_utf8(message_preview(bytes, &MESSAGE_LIMITS_DEFAULT, arena)));
	message_summarise(bytes, &MESSAGE_LIMITS_DEFAULT, arena, &s);
	check_imap(s.envelope);
	check_imap(s.body_structure);
	FUZZ_CHECK(message_body_from_structure(arena, s.body_structure, &body));
	check_imap(body);
	FUZZ_CHECK(s.header_size == header_length(bytes));
	message_summarise(bytes, &small, arena, &s);
	check_imap(s.envelope);
	check_imap(s.body_structure);
	check_sections(arena, bytes);
	oddity_lines(bytes, check_oddity, &bytes.len);
	struct resent_block *blocks;
	FUZZ_CHECK(field_resent_blocks(arena, bytes, 3, &blocks) <= 3);
	arena_free(arena);
	return 0;
}
