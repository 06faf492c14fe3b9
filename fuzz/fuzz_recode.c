/* Messages made fit to be sent: lines end up legal and in ASCII, parts decode to what they did, and
 * what was made needs nothing more. The first byte chooses. */
#include "fuzz.h"

#include <errno.h>

#include "message/fixup.h"
#include "message/header_mend.h"
#include "message/recode.h"
#include "message/surrogate.h"

static struct slice normalised(struct slice bytes, struct buf *out)
{
	struct dot_stuffer s = dot_stuffer_make();
	dot_stuff(&s, bytes, dot_sink_buf, out);
	return buf_slice(out);
}

/* A message that claims to be encoded is no message that could be looked into. */
static bool is_leaf(const struct mime_part *p)
{
	return !p->first || (p->kind == MIME_MESSAGE && p->encoding > MIME_BINARY);
}

static const struct mime_part *after(const struct mime_part *p)
{
	if (!is_leaf(p))
		return p->first;
	while (p && !p->next)
		p = p->parent;
	return p ? p->next : NULL;
}

static void compare(struct arena *arena, struct slice in, struct slice out)
{
	const struct mime_part *p = mime_parse(arena, in, &MESSAGE_LIMITS_DEFAULT);
	const struct mime_part *q = mime_parse(arena, out, &MESSAGE_LIMITS_DEFAULT);
	for (; p && q; p = after(p), q = after(q)) {
		FUZZ_CHECK(p->kind == q->kind);
		if (!is_leaf(p)) {
			FUZZ_CHECK(p->child_count == q->child_count);
			continue;
		}
		FUZZ_CHECK(slice_equal(
			mime_decode_all(arena, p->encoding, mime_body(p, in), SIZE_MAX),
			mime_decode_all(arena, q->encoding, mime_body(q, out), SIZE_MAX)));
	}
	FUZZ_CHECK(!p && !q);
}

static bool lines_are_legal(struct slice text)
{
	while (text.len > 0) {
		struct slice line = slice_split(&text, '\n');
		if (slice_ends_with(line, SLICE("\r")))
			line.len--;
		if (line.len > MESSAGE_LINE_MAX)
			return false;
	}
	return true;
}

static void check_fields(struct arena *arena, struct slice bytes, bool utf8)
{
	const struct header_mending how = { .utf8 = utf8, .domain = SLICE("x.test") };
	struct header_walk walk = { .rest = bytes };
	struct header_field field;
	while (header_next(&walk, &field)) {
		struct buf made = buf_make(1 << 26);
		struct outlet out;
		outlet_create(&out, dot_sink_buf, &made);
		int rc = header_mend(arena, &field, &how, &out);
		FUZZ_CHECK(outlet_end(&out) == 0);
		if (rc == 0) {
			FUZZ_CHECK(utf8 || slice_is_ascii(buf_slice(&made)));
			FUZZ_CHECK(lines_are_legal(buf_slice(&made)));
		}
		buf_free(&made);
	}
}

/* What was mended is right: mending it again changes nothing. (But in lists of addresses that make
 * no sense, a domain that was added may make another one; and a boundary beyond ASCII is none.) */
static void check_fixup(struct arena *arena, struct slice bytes, bool utf8, bool complete)
{
	static const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
	const struct fixup fixup = { .hostname = SLICE("mx.test"),
		                     .domain = complete ? SLICE("x.test") : SLICE_EMPTY,
		                     .author = SLICE("a@x.test"),
		                     .smtputf8 = utf8,
		                     .limits = &limits };
	struct buf once = buf_make(1 << 26), twice = buf_make(1 << 26);
	struct fixup_claim claim;
	fixup_claim(arena, bytes, &claim);
	int rc = fixup_write(arena, bytes, &fixup, NULL, dot_sink_buf, &once);
	FUZZ_CHECK(rc == 0 || rc == -EILSEQ || rc == -EMSGSIZE || rc == -EOPNOTSUPP);
	if (rc == 0) {
		FUZZ_CHECK(lines_are_legal(buf_slice(&once)));
		rc = fixup_write(arena, buf_slice(&once), &fixup, NULL, dot_sink_buf, &twice);
		bool simple = !complete && mime_parse(arena, bytes, &limits)->kind == MIME_LEAF;
		FUZZ_CHECK(!simple || rc == 0);
		FUZZ_CHECK(!simple || slice_equal(buf_slice(&once), buf_slice(&twice)));
	}
	buf_free(&once);
	buf_free(&twice);
}

/* Whatever the header was, it is ASCII then. */
static void check_surrogate(struct arena *arena, struct slice bytes)
{
	struct surrogate *s = surrogate_plan(arena, bytes, &MESSAGE_LIMITS_DEFAULT);
	struct buf made = buf_make(1 << 26);
	if (s) {
		FUZZ_CHECK(surrogate_write(s, dot_sink_buf, &made) == 0);
		size_t header = header_length(buf_slice(&made));
		FUZZ_CHECK(slice_is_ascii(slice_sub(buf_slice(&made), 0, header)));
	}
	buf_free(&made);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(), *scratch = arena_new();
	struct buf text = buf_make(1 << 26), out = buf_make(1 << 26);
	struct slice bytes = fuzz_input(data, size);
	unsigned goals = size > 0 ? data[0] & 7 : 0;
	struct recode *r;
	bytes = normalised(slice_from(bytes, 1), &text);
	check_fields(scratch, bytes, size > 0 && data[0] & 8);
	check_fixup(arena, bytes, size > 0 && data[0] & 8, size > 0 && data[0] & 16);
	check_surrogate(arena, bytes);
	int rc = recode_plan(arena, bytes, &MESSAGE_LIMITS_DEFAULT, goals, &r);
	FUZZ_CHECK(rc >= 0 || rc == -EOPNOTSUPP);
	if (rc > 0) {
		FUZZ_CHECK(recode_write(r, NULL, NULL, dot_sink_buf, &out) == 0);
		compare(arena, bytes, buf_slice(&out));
		FUZZ_CHECK(recode_plan(arena, buf_slice(&out), &MESSAGE_LIMITS_DEFAULT, goals,
		                       &r) == 0);
	}
	buf_free(&out);
	buf_free(&text);
	arena_free(scratch);
	arena_free(arena);
	return 0;
}
