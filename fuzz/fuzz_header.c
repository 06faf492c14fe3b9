/* Header fields: walking, decoding, parameters, dates; and that no text smuggles a field in. */
#include "fuzz.h"

#include "message/date.h"
#include "message/fields.h"
#include "message/header.h"

static void check_walk(struct arena *arena, struct slice bytes)
{
	struct header_walk walk = { .rest = bytes };
	struct header_field f;
	size_t seen = 0;
	while (header_next(&walk, &f)) {
		FUZZ_CHECK(f.whole.data == bytes.data + seen && f.whole.len > 0);
		seen += f.whole.len;
		struct slice line = header_unfold(arena, f.value);
		FUZZ_CHECK(slice_find(line, SLICE("\r\n")) < 0);
	}
	FUZZ_CHECK(bytes.len - walk.rest.len == header_length(bytes));
}

static void check_values(struct arena *arena, struct slice value)
{
	struct header_param *params;
	struct slice main, text = header_decode(arena, value, 500);
	FUZZ_CHECK(text.len <= 500 && slice_is_utf8(text));
	size_t count = header_params(arena, value, 32, &main, &params);
	FUZZ_CHECK(count <= 32);
	for (size_t i = 0; i < count; i++)
		FUZZ_CHECK(params[i].name.len > 0);
	if (header_param_find(arena, params, count, SLICE("filename"), &text))
		FUZZ_CHECK(slice_is_utf8(text));
}

/* One field, whatever the text. */
static void check_written(const struct buf *out)
{
	struct header_walk walk = { .rest = buf_slice(out) };
	struct header_field f;
	FUZZ_CHECK(header_next(&walk, &f) && f.whole.len == out->len);
	FUZZ_CHECK(slice_ends_with(buf_slice(out), SLICE("\r\n")));
}

static void check_writing(struct slice text)
{
	struct buf out = buf_make(text.len * 16 + 4096);
	FUZZ_CHECK(header_put_text(&out, "Subject", text) == 0);
	check_written(&out);
	buf_clear(&out);
	FUZZ_CHECK(header_put_raw(&out, "X-Raw", text) == 0);
	check_written(&out);
	buf_clear(&out);
	buf_append(&out, SLICE("Content-Type: a/b"));
	FUZZ_CHECK(header_put_param(&out, "name", text) == 0);
	buf_append(&out, SLICE("\r\n"));
	check_written(&out);
	buf_free(&out);
}

static void check_dates(struct slice text)
{
	struct date d, again;
	char shown[DATE_TEXT_MAX];
	if (date_parse(text, &d)) {
		FUZZ_CHECK(date_parse(date_format(d, shown), &again));
		FUZZ_CHECK(again.unix_s == d.unix_s && again.offset_minutes == d.offset_minutes);
	}
	if (date_parse_imap(text, &d)) {
		FUZZ_CHECK(date_parse_imap(date_format_imap(d, shown), &again));
		FUZZ_CHECK(again.unix_s == d.unix_s && again.offset_minutes == d.offset_minutes);
	}
	(void)date_parse_imap_day(text, &d);
}

/* Values as types: within the input, and no more of them than asked for. */
static void check_fields(struct arena *arena, struct slice bytes)
{
	struct slice *list;
	struct address path;
	struct received received;
	size_t count = field_ids(arena, bytes, 5, &list);
	FUZZ_CHECK(count <= 5);
	for (size_t i = 0; i < count; i++)
		FUZZ_CHECK(list[i].data[0] == '<' && list[i].data[list[i].len - 1] == '>');
	count = field_phrases(arena, bytes, 5, &list);
	FUZZ_CHECK(count <= 5);
	for (size_t i = 0; i < count; i++)
		FUZZ_CHECK(slice_is_utf8(list[i]));
	(void)field_path(arena, bytes, &path);
	if (field_received(arena, bytes, &received))
		FUZZ_CHECK(received.from.len + received.by.len + received.id.len <= bytes.len);
	struct buf out = buf_make(1 << 20);
	if (field_put(arena, &out, "Keywords", bytes) == 0)
		FUZZ_CHECK(slice_is_ascii(buf_slice(&out)));
	buf_clear(&out);
	(void)field_put(arena, &out, "To", bytes);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct slice bytes = fuzz_input(data, size);
	check_walk(arena, bytes);
	check_values(arena, bytes);
	check_writing(bytes);
	check_dates(bytes);
	check_fields(arena, bytes);
	arena_free(arena);
	return 0;
}
