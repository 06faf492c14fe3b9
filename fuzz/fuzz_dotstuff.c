/* The first byte says how the rest is cut into chunks; a plain byte-by-byte reading of RFC 5321
 * says what must come out. */
#include "fuzz.h"

#include "message/dotstuff.h"

/* Line starts follow CRLF only. Returns the bytes used, 0 if the end was not found. */
static size_t reference(struct slice in, struct buf *out, bool *bare_out)
{
	size_t line = 0;
	*bare_out = false;
	for (size_t i = 0; i < in.len; i++) {
		char c = in.data[i];
		char before = i > 0 ? in.data[i - 1] : '\0';
		bool start = i == line;
		if (start && c == '.') {
			if (slice_starts_with(slice_from(in, i + 1), SLICE("\r\n")))
				return i + 3;
			continue;
		}
		if (c == '\n' && before == '\r')
			line = i + 1;
		else if (c == '\n' || (before == '\r' && i > line))
			*bare_out = true;
		buf_append_byte(out, c);
	}
	return 0;
}

static int unstuff(struct dot_unstuffer *u, struct slice in, size_t step, struct buf *out,
                   size_t *used_out)
{
	int rc = 0;
	*used_out = 0;
	while (rc == 0 && in.len > 0) {
		size_t used;
		rc = dot_unstuff(u, slice_sub(in, 0, step), dot_sink_buf, out, &used);
		FUZZ_CHECK(rc == 1 || used == slice_sub(in, 0, step).len);
		in = slice_from(in, used);
		*used_out += used;
	}
	return rc;
}

static void check_unstuff(struct slice in, size_t step)
{
	struct buf want = buf_make(in.len + 1), got = buf_make(in.len + 1);
	struct dot_unstuffer u = dot_unstuffer_make(DOT_BARE_REFUSE);
	size_t used;
	bool bare;
	size_t end = reference(in, &want, &bare);
	int rc = unstuff(&u, in, step, &got, &used);
	FUZZ_CHECK((rc == 1) == (end > 0));
	/* Without an end, a held dot or CR at the end has not come out. */
	if (end > 0) {
		FUZZ_CHECK(used == end);
		FUZZ_CHECK(u.bare_seen == bare);
		FUZZ_CHECK(slice_equal(buf_slice(&want), buf_slice(&got)));
	}
	buf_free(&want);
	buf_free(&got);
}

/* What was stuffed is whole, ends once, and comes back with right line ends. */
static void check_round_trip(struct slice in, size_t step)
{
	struct buf stuffed = buf_make(in.len * 3 + 16), back = buf_make(in.len * 3 + 16);
	struct dot_stuffer s = dot_stuffer_make();
	struct dot_unstuffer u = dot_unstuffer_make(DOT_BARE_REFUSE);
	size_t used, at = 0;
	for (size_t i = 0; i < in.len; i += step)
		FUZZ_CHECK(dot_stuff(&s, slice_sub(in, i, step), dot_sink_buf, &stuffed) == 0);
	FUZZ_CHECK(dot_stuff_end(&s, dot_sink_buf, &stuffed) == 0);
	FUZZ_CHECK(unstuff(&u, buf_slice(&stuffed), step, &back, &used) == 1);
	FUZZ_CHECK(used == stuffed.len && !u.bare_seen);
	for (size_t i = 0; i < in.len; i++) {
		if (in.data[i] == '\r' || in.data[i] == '\n') {
			FUZZ_CHECK(back.data[at] == '\r' && back.data[at + 1] == '\n');
			at += 2;
			i += in.data[i] == '\r' && i + 1 < in.len && in.data[i + 1] == '\n';
		} else {
			FUZZ_CHECK(back.data[at++] == in.data[i]);
		}
	}
	FUZZ_CHECK(back.len - at == 0 || back.len - at == 2);
	buf_free(&stuffed);
	buf_free(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1)
		return 0;
	struct slice in = slice_of(data + 1, size - 1);
	size_t step = (size_t)data[0] + 1;
	check_unstuff(in, step);
	check_round_trip(in, step);
	return 0;
}
