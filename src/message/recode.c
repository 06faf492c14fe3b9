/* Two walks over the tree of parts: what must be changed, and the writing. Between the parts lie
 * boundaries, preambles and epilogues. */
#include "message/recode.h"

#include <errno.h>

#include "message/recode_body.h"

enum treatment {
	KEEP,
	RELABEL, /* declared to be more than it is */
	TO_QUOTED_PRINTABLE,
	TO_BASE64,
	MEND_QUOTED_PRINTABLE,
	MEND_BASE64,
};

struct recode {
	struct slice bytes;
	unsigned goals;
	const struct mime_part *message;
	unsigned char *treatments; /* of the parts, in the order of the bytes */
};

/* --- what a body holds --------------------------------------------------------------- */

struct findings {
	bool long_line, binary;
	size_t bytes_8bit;
};

static void look_at_line(struct findings *f, struct slice line)
{
	f->long_line |= line.len > MESSAGE_LINE_MAX;
	for (size_t i = 0; i < line.len; i++) {
		char c = line.data[i];
		f->bytes_8bit += (c & 0x80) != 0;
		f->binary |= c == '\0' || c == '\r';
	}
}

static struct findings look_at(struct slice body)
{
	struct findings f = { 0 };
	while (body.len > 0) {
		const char *lf = memchr(body.data, '\n', body.len);
		struct slice line = lf ? slice_sub(body, 0, (size_t)(lf - body.data)) : body;
		body = slice_from(body, line.len + (lf ? 1 : 0));
		if (lf && slice_ends_with(line, SLICE("\r")))
			line.len--;
		else if (lf)
			f.binary = true;
		look_at_line(&f, line);
	}
	return f;
}

static bool is_bad(unsigned goals, const struct findings *f)
{
	return ((goals & RECODE_LINES) && f->long_line) ||
	       ((goals & RECODE_7BIT) && f->bytes_8bit > 0) ||
	       ((goals & RECODE_BINARY) && f->binary);
}

static bool is_declared_too_much(unsigned goals, const struct mime_part *part)
{
	return ((goals & RECODE_7BIT) && part->encoding == MIME_8BIT) ||
	       ((goals & (RECODE_7BIT | RECODE_BINARY)) && part->encoding == MIME_BINARY);
}

/* --- the walk ------------------------------------------------------------------------ */

struct visitor {
	int (*part)(void *arg, const struct mime_part *part, size_t index);
	/* Bytes of a container that are in none of its parts. */
	int (*gap)(void *arg, const struct mime_part *container, struct slice bytes);
	void *arg;
};

/* Not into a multipart in which no boundary was found: its child is made up. Nor into a message
 * that claims to be encoded, which RFC 2046 section 5.2.1 forbids. */
static bool has_parts(const struct mime_part *part)
{
	if (part->kind == MIME_MESSAGE)
		return part->encoding <= MIME_BINARY;
	return part->kind == MIME_MULTIPART && part->first->header_offset > part->body_offset;
}

static size_t part_end(const struct mime_part *part) { return part->body_offset + part->body_size; }

static int visit_gap(const struct visitor *v, const struct recode *r,
                     const struct mime_part *container, size_t *at, size_t end)
{
	struct slice gap = slice_sub(r->bytes, *at, end - *at);
	*at = end;
	return gap.len > 0 ? v->gap(v->arg, container, gap) : 0;
}

static int walk(const struct recode *r, const struct visitor *v)
{
	const struct mime_part *part = r->message;
	size_t at = 0;
	for (size_t index = 0;; index++) {
		int rc = 0;
		if (part->parent)
			rc = visit_gap(v, r, part->parent, &at, part->header_offset);
		if (rc == 0)
			rc = v->part(v->arg, part, index);
		at = part->body_offset;
		if (rc == 0 && has_parts(part)) {
			part = part->first;
			continue;
		}
		at = part_end(part);
		while (rc == 0 && part != r->message && !part->next) {
			part = part->parent;
			rc = visit_gap(v, r, part, &at, part_end(part));
		}
		if (rc < 0 || part == r->message)
			return rc;
		part = part->next;
	}
}

/* --- the plan ------------------------------------------------------------------------ */

/* Changed bytes would make the signature wrong. */
static bool is_sealed(const struct mime_part *part)
{
	for (; part; part = part->parent) {
		if (mime_is(part, "multipart", "signed") || mime_is(part, "multipart", "encrypted"))
			return true;
	}
	return false;
}

static int treatment_of(const struct mime_part *part, const struct findings *f)
{
	bool text = slice_equal_nocase(part->type, SLICE("text"));
	if (part->opaque || is_sealed(part))
		return -EOPNOTSUPP;
	switch (part->encoding) {
	case MIME_7BIT:
	case MIME_8BIT:
	case MIME_BINARY:
		/* RFC 2046 section 5.2: partial, external-body and reports are 7bit. */
		if (slice_equal_nocase(part->type, SLICE("message")))
			return -EOPNOTSUPP;
		return text && !f->binary && f->bytes_8bit <= part->body_size / 6
		               ? TO_QUOTED_PRINTABLE
		               : TO_BASE64;
	case MIME_QUOTED_PRINTABLE:
		return MEND_QUOTED_PRINTABLE;
	case MIME_BASE64:
		return MEND_BASE64;
	default:
		return -EOPNOTSUPP;
	}
}

struct planning {
	struct recode *r;
	int changes;
};

static int plan_part(void *arg, const struct mime_part *part, size_t index)
{
	struct planning *p = arg;
	struct recode *r = p->r;
	struct findings f = { 0 };
	int treatment = KEEP;
	if (!has_parts(part))
		f = look_at(mime_body(part, r->bytes));
	if (is_bad(r->goals, &f))
		treatment = treatment_of(part, &f);
	else if (is_declared_too_much(r->goals, part))
		treatment = is_sealed(part->parent) ? KEEP : RELABEL;
	if (treatment < 0)
		return treatment;
	r->treatments[index] = (unsigned char)treatment;
	p->changes += treatment != KEEP;
	return 0;
}

/* Line ends between parts are what they are. */
static struct findings look_at_gap(struct slice gap)
{
	struct findings f = look_at(gap);
	f.binary = slice_find_byte(gap, '\0') >= 0;
	return f;
}

/* No reader sees these bytes, but a boundary must stay one, and beyond the limits parts lie here.
 */
static int plan_gap(void *arg, const struct mime_part *container, struct slice gap)
{
	struct planning *p = arg;
	struct findings f = look_at_gap(gap);
	if (!is_bad(p->r->goals, &f))
		return 0;
	if (container->opaque || is_sealed(container))
		return -EOPNOTSUPP;
	while (gap.len > 0) {
		struct slice line = slice_split(&gap, '\n');
		f = look_at_gap(slice_trim(line));
		if (slice_starts_with(line, SLICE("--")) && is_bad(p->r->goals, &f))
			return -EOPNOTSUPP;
	}
	p->changes++;
	return 0;
}

static int count_part(void *arg, const struct mime_part *part, size_t index)
{
	(void)part;
	*(size_t *)arg = index + 1;
	return 0;
}

static int count_gap(void *arg, const struct mime_part *container, struct slice gap)
{
	(void)arg;
	(void)container;
	(void)gap;
	return 0;
}

int recode_plan(struct arena *arena, struct slice bytes, const struct message_limits *limits,
                unsigned goals, struct recode **out)
{
	struct recode *r = ARENA_NEW(arena, struct recode);
	size_t count = 0;
	*r = (struct recode){ .bytes = bytes,
		              .goals = goals,
		              .message = mime_parse(arena, bytes, limits) };
	walk(r, &(struct visitor){ .part = count_part, .gap = count_gap, .arg = &count });
	r->treatments = arena_zero(arena, count, sizeof(*r->treatments));
	struct planning p = { .r = r };
	int rc = walk(r, &(struct visitor){ .part = plan_part, .gap = plan_gap, .arg = &p });
	*out = r;
	return rc < 0 ? rc : p.changes;
}

/* --- headers ------------------------------------------------------------------------- */

static int recode_header_plain(void *unused, const struct mime_part *part, struct slice header,
                               const char *encoding, struct outlet *out)
{
	struct header_walk walk = { .rest = header };
	struct header_field field;
	bool has_version = !part->fields, has_encoding = false;
	size_t used = 0;
	(void)unused;
	while (encoding && header_next(&walk, &field)) {
		used += field.whole.len;
		has_version |= slice_equal_nocase(field.name, SLICE("MIME-Version"));
		if (!slice_equal_nocase(field.name, SLICE("Content-Transfer-Encoding"))) {
			outlet_put(out, field.whole);
		} else if (!has_encoding) {
			buf_printf(&out->made, "Content-Transfer-Encoding: %s\r\n", encoding);
			has_encoding = true;
		}
	}
	if (encoding && !has_version)
		outlet_put(out, SLICE("MIME-Version: 1.0\r\n"));
	if (encoding && !has_encoding)
		buf_printf(&out->made, "Content-Transfer-Encoding: %s\r\n", encoding);
	outlet_put(out, slice_from(header, used));
	return out->error;
}

static const char *new_encoding(const struct recode *r, size_t index)
{
	switch (r->treatments[index]) {
	case TO_QUOTED_PRINTABLE:
		return "quoted-printable";
	case TO_BASE64:
		return "base64";
	case RELABEL:
		if (r->goals & RECODE_7BIT)
			return "7bit";
		return "8bit";
	default:
		return NULL;
	}
}

/* --- the writing --------------------------------------------------------------------- */

struct writing {
	const struct recode *r;
	recode_header *header;
	void *header_arg;
	struct outlet out;
};

static void write_body(struct outlet *out, struct slice body, int treatment)
{
	switch (treatment) {
	case TO_QUOTED_PRINTABLE:
		recode_to_quoted_printable(out, body);
		break;
	case MEND_QUOTED_PRINTABLE:
		recode_mend_quoted_printable(out, body);
		break;
	case TO_BASE64:
		recode_to_base64(out, body, MIME_BINARY);
		break;
	case MEND_BASE64:
		recode_to_base64(out, body, MIME_BASE64);
		break;
	default:
		outlet_put(out, body);
		break;
	}
}

static int write_part(void *arg, const struct mime_part *part, size_t index)
{
	struct writing *w = arg;
	int rc = w->header(w->header_arg, part, mime_header(part, w->r->bytes),
	                   new_encoding(w->r, index), &w->out);
	if (rc < 0)
		return rc;
	if (!has_parts(part))
		write_body(&w->out, mime_body(part, w->r->bytes), w->r->treatments[index]);
	return w->out.error;
}

static int write_gap(void *arg, const struct mime_part *container, struct slice gap)
{
	struct writing *w = arg;
	struct findings f = look_at_gap(gap);
	(void)container;
	if (is_bad(w->r->goals, &f))
		recode_gap(&w->out, gap, w->r->goals);
	else
		outlet_put(&w->out, gap);
	return w->out.error;
}

int recode_write(const struct recode *r, recode_header *header, void *header_arg, dot_sink *sink,
                 void *sink_arg)
{
	struct writing w = { .r = r,
		             .header = header ? header : recode_header_plain,
		             .header_arg = header_arg };
	outlet_create(&w.out, sink, sink_arg);
	int rc = walk(r, &(struct visitor){ .part = write_part, .gap = write_gap, .arg = &w });
	int end = outlet_end(&w.out);
	return rc < 0 ? rc : end;
}
