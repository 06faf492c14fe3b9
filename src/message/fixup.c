/* What is added to a message on its way in, and what is taken out. */
#include "message/fixup.h"

#include <errno.h>

#include "message/build.h"
#include "message/header_mend.h"

/* Names in h= of DKIM-Signature fields. */
enum { SIGNED_MAX = 500 };

struct work {
	const struct fixup *f;
	struct arena *arena, *scratch;
	struct buf *bcc;
	bool headless; /* there is no header, not even an empty line */
	bool resent;
	bool has_date, has_id, has_from, has_sender;          /* that are right */
	bool has_resent_date, has_resent_id, has_resent_from; /* in the block at the top */
	bool dkim;
	struct slice *covered; /* by signatures */
	size_t covered_count;
};

static bool is(struct slice name, const char *what)
{
	return slice_equal_nocase(name, slice_from_str(what));
}

/* --- reading ------------------------------------------------------------------------- */

/* What files that hold mail begin with: "From alice@example.test Sat Nov 21 ..." */
static bool is_file_mark(struct slice whole)
{
	return slice_starts_with(whole, SLICE("From ")) ||
	       slice_starts_with(whole, SLICE(">From "));
}

/* What begins with such a line has no header. */
static bool is_text(const struct header_field *field)
{
	return field->name.len == 0 && !is_file_mark(field->whole);
}

static bool is_message_id(struct slice value)
{
	value = slice_trim(value);
	return value.len > 2 && value.data[0] == '<' && value.data[value.len - 1] == '>';
}

/* The tag h= of a signature (RFC 6376 section 3.5): "h=from:to : subject" */
static void note_covered(struct work *w, struct slice value)
{
	value = header_unfold(w->arena, value);
	while (value.len > 0) {
		struct slice tag = slice_trim(slice_split(&value, ';'));
		struct slice name = slice_trim(slice_split(&tag, '='));
		if (!is(name, "h"))
			continue;
		while (tag.len > 0 && w->covered_count < SIGNED_MAX)
			w->covered[w->covered_count++] = slice_trim(slice_split(&tag, ':'));
	}
}

static bool is_covered(const struct work *w, struct slice name)
{
	for (size_t i = 0; i < w->covered_count; i++) {
		if (slice_equal_nocase(w->covered[i], name))
			return true;
	}
	return false;
}

static void note_resent(struct work *w, struct slice name)
{
	w->resent = true;
	w->has_resent_date |= is(name, "Resent-Date");
	w->has_resent_id |= is(name, "Resent-Message-ID");
	w->has_resent_from |= is(name, "Resent-From");
}

static void note_field(struct work *w, const struct header_field *field)
{
	struct date date;
	w->has_date |= is(field->name, "Date") && date_parse(field->value, &date);
	w->has_id |= is(field->name, "Message-ID") && is_message_id(field->value);
	w->has_from |= is(field->name, "From");
	if (!is(field->name, "DKIM-Signature"))
		return;
	w->dkim = true;
	if (!w->covered)
		w->covered = ARENA_ARRAY(w->arena, SIGNED_MAX, struct slice);
	note_covered(w, slice_sub(field->value, 0, w->f->limits->value_bytes));
}

/* RFC 5322 section 3.6.6: the fields of one sending stand together, and in front. Trace fields may
 * come before them. */
static bool in_top_block(struct slice name, bool *begun)
{
	bool resent = slice_starts_with_nocase(name, SLICE("Resent-"));
	*begun |= resent;
	return resent || (!*begun && (is(name, "Received") || is(name, "Return-Path") ||
	                              is(name, "DKIM-Signature")));
}

static void read_header(struct work *w, struct slice message)
{
	struct header_walk walk = { .rest = message };
	struct header_field field;
	bool first = true, in_top = true, begun = false;
	while (header_next(&walk, &field)) {
		w->headless = first && is_text(&field);
		if (w->headless)
			return;
		first = false;
		in_top = in_top && (field.name.len == 0 || in_top_block(field.name, &begun));
		if (in_top && begun)
			note_resent(w, field.name);
		note_field(w, &field);
	}
}

void fixup_claim(struct arena *arena, struct slice message, struct fixup_claim *out)
{
	struct header_walk walk = { .rest = message };
	struct header_field field;
	bool in_top = true, begun = false;
	*out = (struct fixup_claim){ 0 };
	while (header_next(&walk, &field)) {
		struct slice name = field.name;
		if (field.whole.data == message.data && is_text(&field))
			break;
		in_top = in_top && (name.len == 0 || in_top_block(name, &begun));
		if (begun && !in_top)
			break;
		out->resent = begun;
		if (begun)
			name = slice_from(name, strlen("Resent-"));
		bool from = is(name, "From") && !out->has_from;
		bool sender = is(name, "Sender") && !out->has_sender;
		if (!from && !sender)
			continue;
		out->has_from |= from;
		out->has_sender |= sender;
		*(from ? &out->from : &out->sender) = address_list_parse(
			arena, slice_sub(field.value, 0, MESSAGE_LIMITS_DEFAULT.value_bytes),
			FIXUP_AUTHORS_MAX);
	}
}

/* --- writing ------------------------------------------------------------------------- */

static void put_field(struct outlet *out, const char *name, struct slice value)
{
	buf_append(&out->made, slice_from_str(name));
	buf_append(&out->made, SLICE(": "));
	buf_append(&out->made, value);
	buf_append(&out->made, SLICE("\r\n"));
}

static void put_date_and_id(struct work *w, struct outlet *out, const char *prefix, bool has_date,
                            bool has_id)
{
	char date[DATE_TEXT_MAX];
	if (!has_date)
		put_field(out, arena_printf(w->arena, "%sDate", prefix),
		          date_format(w->f->now, date));
	if (!has_id)
		put_field(out, arena_printf(w->arena, "%sMessage-ID", prefix),
		          draft_message_id(w->arena, w->f->hostname));
}

/* What is missing goes to the top, before what came. */
static void put_missing(struct work *w, struct outlet *out)
{
	const struct fixup *f = w->f;
	if (w->resent) {
		put_date_and_id(w, out, "Resent-", w->has_resent_date, w->has_resent_id);
		if (!w->has_resent_from && f->author.len > 0)
			put_field(out, "Resent-From", f->author);
		if (f->sender.len > 0)
			put_field(out, "Resent-Sender", f->sender);
		return;
	}
	put_date_and_id(w, out, "", w->has_date || is_covered(w, SLICE("Date")),
	                w->has_id || is_covered(w, SLICE("Message-ID")));
	if (!w->has_from && f->author.len > 0)
		put_field(out, "From", f->author);
	if (f->sender.len > 0 && !is_covered(w, SLICE("Sender")))
		put_field(out, "Sender", f->sender);
}

/* RFC 8601 section 5: nobody but us speaks in our name. */
static bool is_our_result(const struct work *w, const struct header_field *field)
{
	struct slice value = slice_trim(field->value);
	size_t len = 0;
	if (!is(field->name, "Authentication-Results"))
		return false;
	while (len < value.len && !byte_is_space(value.data[len]) &&
	       !strchr(";\r\n", value.data[len]))
		len++;
	return slice_equal_nocase(slice_sub(value, 0, len), w->f->hostname);
}

static bool is_replaced(const struct work *w, struct slice name)
{
	if (w->resent || is_covered(w, name))
		return false;
	return (is(name, "Date") && !w->has_date) || (is(name, "Message-ID") && !w->has_id) ||
	       (is(name, "Sender") && w->f->sender.len > 0);
}

/* True for a field that goes no further. */
static bool is_taken_out(struct work *w, const struct header_field *field, bool in_top)
{
	if (is(field->name, "Bcc") || is(field->name, "Resent-Bcc")) {
		if (w->bcc)
			buf_append(w->bcc, field->whole);
		return true;
	}
	if (w->resent && in_top && is(field->name, "Resent-Sender") && w->f->sender.len > 0)
		return true;
	return is(field->name, "Return-Path") || is_our_result(w, field) ||
	       is_replaced(w, field->name);
}

static bool is_legal(struct slice bytes)
{
	while (bytes.len > 0) {
		const char *lf = memchr(bytes.data, '\n', bytes.len);
		size_t len = lf ? (size_t)(lf - bytes.data) + 1 : bytes.len;
		if (len > MESSAGE_LINE_MAX + (lf ? 2 : 0))
			return false;
		bytes = slice_from(bytes, len);
	}
	return true;
}

static int put_untouched(struct outlet *out, struct slice bytes)
{
	if (!is_legal(bytes))
		return -EOPNOTSUPP;
	outlet_put(out, bytes);
	return out->error;
}

static bool is_within(const struct mime_part *part, bool (*what)(const struct mime_part *part))
{
	for (part = part->parent; part; part = part->parent) {
		if (what(part))
			return true;
	}
	return false;
}

static bool is_sealing(const struct mime_part *part)
{
	return mime_is(part, "multipart", "signed") || mime_is(part, "multipart", "encrypted");
}

static bool is_message(const struct mime_part *part) { return part->kind == MIME_MESSAGE; }

/* The walk over one header. */
struct pass {
	bool top;   /* the message's own */
	bool inner; /* of a message in the message */
	bool in_top_block, block_begun;
	bool keeps_type;      /* its boundary is beyond ASCII, and stands so in the body */
	const char *encoding; /* new, or NULL */
	bool has_encoding, has_version;
};

static int pass_field(struct work *w, struct pass *p, const struct header_field *field,
                      struct outlet *out)
{
	p->has_version |= is(field->name, "MIME-Version");
	p->in_top_block = p->in_top_block && in_top_block(field->name, &p->block_begun);
	if (p->top && is_taken_out(w, field, p->in_top_block))
		return 0;
	if (p->encoding && is(field->name, "Content-Transfer-Encoding")) {
		if (!p->has_encoding)
			put_field(out, "Content-Transfer-Encoding", slice_from_str(p->encoding));
		p->has_encoding = true;
		return 0;
	}
	if (p->top && is_covered(w, field->name))
		return put_untouched(out, field->whole);
	bool keep = p->keeps_type && is(field->name, "Content-Type");
	const struct header_mending how = { .utf8 = w->f->smtputf8 || p->inner || keep,
		                            .domain = p->inner ? SLICE_EMPTY : w->f->domain };
	return header_mend(w->scratch, field, &how, out);
}

static int pass_header(struct work *w, struct pass *p, struct slice header, struct outlet *out)
{
	struct header_walk walk = { .rest = header };
	struct header_field field;
	size_t used = 0;
	int rc = 0;
	while (rc == 0 && header_next(&walk, &field)) {
		bool mark = p->top && used == 0 && field.name.len == 0;
		used += field.whole.len;
		if (!mark)
			rc = pass_field(w, p, &field, out);
	}
	if (p->encoding && !p->has_version)
		put_field(out, "MIME-Version", SLICE("1.0"));
	if (p->encoding && !p->has_encoding)
		put_field(out, "Content-Transfer-Encoding", slice_from_str(p->encoding));
	outlet_put(out, slice_from(header, used));
	return rc < 0 ? rc : out->error;
}

static bool has_odd_boundary(const struct mime_part *part)
{
	for (size_t i = 0; i < part->param_count; i++) {
		if (is(part->params[i].name, "boundary"))
			return !slice_is_ascii(part->params[i].value);
	}
	return false;
}

static int write_header(void *arg, const struct mime_part *part, struct slice header,
                        const char *encoding, struct outlet *out)
{
	struct work *w = arg;
	struct pass p = {
		.top = !part->parent,
		.inner = is_within(part, is_message),
		.in_top_block = true,
		.keeps_type = part->kind == MIME_MULTIPART && has_odd_boundary(part),
		.encoding = encoding,
		.has_version = !part->fields,
	};
	if (p.top)
		put_missing(w, out);
	else if (w->dkim || is_within(part, is_sealing))
		return put_untouched(out, header);
	return pass_header(w, &p, header, out);
}

/* A message without a header has its whole text as body. */
static int write_headless(struct work *w, struct slice message, dot_sink *sink, void *arg)
{
	struct outlet out;
	outlet_create(&out, sink, arg);
	put_missing(w, &out);
	outlet_put(&out, SLICE("\r\n"));
	int rc = put_untouched(&out, message);
	int end = outlet_end(&out);
	return rc < 0 ? rc : end;
}

static int write_recoded(struct work *w, struct slice message, dot_sink *sink, void *arg)
{
	struct recode *r;
	unsigned goals = w->f->any_line ? 0 : RECODE_LINES;
	int changes = recode_plan(w->arena, message, w->f->limits, goals, &r);
	if (changes > 0 && w->dkim)
		changes = -EOPNOTSUPP;
	if (changes < 0)
		return changes;
	return recode_write(r, write_header, w, sink, arg);
}

int fixup_write(struct arena *arena, struct slice message, const struct fixup *fixup,
                struct buf *bcc_out, dot_sink *sink, void *arg)
{
	struct work w = { .f = fixup, .arena = arena, .scratch = arena_new(), .bcc = bcc_out };
	read_header(&w, message);
	int rc = w.headless ? write_headless(&w, message, sink, arg)
	                    : write_recoded(&w, message, sink, arg);
	arena_free(w.scratch);
	return rc;
}
