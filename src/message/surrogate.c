#include "message/surrogate.h"

#include "message/header_mend.h"
#include "message/recode.h"

enum { FIELD_MAX = 256 * 1024 }; /* what is longer is not mended word by word */

struct surrogate {
	struct recode *plan;
};

struct surrogate *surrogate_plan(struct arena *arena, struct slice message,
                                 const struct message_limits *limits)
{
	if (slice_is_ascii(message))
		return NULL;
	const struct mime_part *part = mime_parse(arena, message, limits);
	while (part && slice_is_ascii(mime_header(part, message)))
		part = mime_next(part);
	if (!part)
		return NULL;
	struct surrogate *s = ARENA_NEW(arena, struct surrogate);
	*s = (struct surrogate){ 0 };
	/* With no goal nothing is to be changed but headers, so it can't fail. */
	recode_plan(arena, message, limits, 0, &s->plan);
	return s;
}

static void put_ascii(struct outlet *out, struct slice bytes)
{
	for (size_t i = 0; i < bytes.len; i++) {
		buf_append_byte(&out->made, bytes.data[i] & 0x80 ? '?' : bytes.data[i]);
		outlet_turn(out);
	}
}

/* In one piece or not at all: what was written of a field can't be taken back. */
static void put_field(struct arena *scratch, const struct header_field *field, struct outlet *out)
{
	static const struct header_mending how = { .stand_in = true };
	if (field->whole.len > FIELD_MAX) {
		put_ascii(out, field->whole);
		return;
	}
	struct buf made = buf_make((size_t)FIELD_MAX * 16);
	struct outlet mended;
	outlet_create(&mended, dot_sink_buf, &made);
	int rc = header_mend(scratch, field, &how, &mended);
	int end = outlet_end(&mended);
	if (rc == 0 && end == 0 && slice_is_ascii(buf_slice(&made)))
		outlet_put(out, buf_slice(&made));
	else
		put_ascii(out, field->whole);
	buf_free(&made);
}

static int put_header(void *arg, const struct mime_part *part, struct slice header,
                      const char *encoding, struct outlet *out)
{
	struct arena *scratch = arg;
	struct header_walk walk = { .rest = header };
	struct header_field field;
	size_t used = 0;
	(void)part;
	(void)encoding;
	while (header_next(&walk, &field)) {
		used += field.whole.len;
		if (slice_is_ascii(field.whole))
			outlet_put(out, field.whole);
		else
			put_field(scratch, &field, out);
	}
	outlet_put(out, slice_from(header, used));
	return out->error;
}

int surrogate_write(struct surrogate *s, dot_sink *sink, void *arg)
{
	struct arena *scratch = arena_new();
	int rc = recode_write(s->plan, put_header, scratch, sink, arg);
	arena_free(scratch);
	return rc;
}
