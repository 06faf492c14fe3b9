/* The MIME tree, in one pass over the bytes.
 *
 * The pass stands at a line start at all times. Open parts are on a stack; a line that is the
 * boundary of one of them ends every part inside it. What a line costs is bounded: only lines
 * that begin with "--" are compared, with at most `depth` boundaries. */
#include "message/mime.h"

#include "message/mime_header.h"

struct open_part {
	struct mime_part *part;
	struct mime_part *last; /* child */
	struct slice boundary;  /* empty: none is looked for (no multipart, or closed) */
	size_t first_line;      /* line ends before the body */
};

struct pass {
	struct arena *arena;
	const struct message_limits *limits;
	struct slice bytes;
	size_t at;    /* a line start */
	size_t lines; /* line ends before it, those of the message's own header left out */
	size_t parts;
	size_t depth; /* of open[]; the innermost is open[depth - 1] */
	struct open_part open[MESSAGE_DEPTH_MAX + 1];
};

static inline size_t line_after(const struct pass *p, size_t at)
{
	const char *lf = memchr(p->bytes.data + at, '\n', p->bytes.len - at);
	return lf ? (size_t)(lf - p->bytes.data) + 1 : p->bytes.len;
}

static inline void skip_line(struct pass *p)
{
	p->at = line_after(p, p->at);
	p->lines += p->bytes.data[p->at - 1] == '\n';
}

static inline bool is_dashes(const struct pass *p, size_t at)
{
	return p->bytes.len - at > 2 && p->bytes.data[at] == '-' && p->bytes.data[at + 1] == '-';
}

static ptrdiff_t find_open(const struct pass *p, struct slice boundary)
{
	for (size_t i = p->depth; i-- > 0;)
		if (p->open[i].boundary.len == boundary.len && boundary.len > 0 &&
		    memcmp(p->open[i].boundary.data, boundary.data, boundary.len) == 0)
			return (ptrdiff_t)i;
	return -1;
}

/* Index of the open multipart whose boundary stands on the line at `at`, or -1. The whole line
 * has to match, for one boundary may be the beginning of another. */
static ptrdiff_t match_boundary(const struct pass *p, size_t at, bool *closes_out)
{
	if (!is_dashes(p, at))
		return -1;
	struct slice line = slice_sub(p->bytes, at + 2, line_after(p, at) - at - 2);
	line = slice_trim(line);
	ptrdiff_t found = find_open(p, line);
	*closes_out = false;
	if (found >= 0 || !slice_ends_with(line, SLICE("--")))
		return found;
	line.len -= 2;
	*closes_out = true;
	return find_open(p, line);
}

static struct mime_part *new_part(struct pass *p)
{
	struct mime_part *part = ARENA_NEW(p->arena, struct mime_part);
	part->header_offset = p->at;
	part->type = part->subtype = part->id = part->description = SLICE_EMPTY;
	part->encoding_text = part->disposition = part->language = SLICE_EMPTY;
	part->location = part->md5 = SLICE_EMPTY;
	p->parts++;
	return part;
}

static void add_child(struct open_part *parent, struct mime_part *child)
{
	child->parent = parent->part;
	if (parent->last)
		parent->last->next = child;
	else
		parent->part->first = child;
	parent->last = child;
	parent->part->child_count++;
}

/* The part's body ends in front of `at`; if a boundary is there, the line end before it belongs
 * to the boundary, unless it is the end of a header. */
static void end_body(struct pass *p, struct open_part *o, bool boundary)
{
	size_t start = o->part->body_offset, end = p->at;
	if (o->last)
		start = o->last->body_offset + o->last->body_size;
	o->part->body_lines = p->lines - o->first_line;
	if (boundary && end > start && p->bytes.data[end - 1] == '\n') {
		end--;
		o->part->body_lines--;
		if (end > start && p->bytes.data[end - 1] == '\r')
			end--;
	}
	o->part->body_size = end - o->part->body_offset;
}

/* A multipart in which no boundary was found still gets a child, as IMAP's grammar wants one:
 * all that it holds, as text. */
static void add_whole_child(struct pass *p, struct open_part *o)
{
	struct mime_part *child = new_part(p);
	child->header_offset = child->body_offset = o->part->body_offset;
	child->body_size = o->part->body_size;
	child->body_lines = o->part->body_lines;
	child->opaque = o->part->opaque = true;
	mime_header_finish(p->arena, child, false);
	add_child(o, child);
}

/* Closes the open parts from that level inwards. */
static void close_parts(struct pass *p, size_t level, bool boundary)
{
	while (p->depth > level) {
		struct open_part *o = &p->open[--p->depth];
		end_body(p, o, boundary);
		if (o->part->kind == MIME_MULTIPART && !o->part->first)
			add_whole_child(p, o);
	}
}

static struct slice boundary_of(struct arena *arena, const struct mime_part *part)
{
	struct slice value = SLICE_EMPTY;
	for (size_t i = 0; i < part->param_count && value.len == 0; i++)
		if (slice_equal_nocase(part->params[i].name, SLICE("boundary")))
			value = part->params[i].value;
	/* Some spell even this by RFC 2231. */
	if (value.len == 0)
		header_param_find(arena, part->params, part->param_count, SLICE("boundary"),
		                  &value);
	value = slice_trim(value);
	return value.len <= MIME_BOUNDARY_MAX ? value : SLICE_EMPTY;
}

/* Beyond the limits a container is a leaf, and looks like one. */
static void set_kind(struct pass *p, struct mime_part *part)
{
	if (slice_equal_nocase(part->type, SLICE("multipart")))
		part->kind = MIME_MULTIPART;
	else if (mime_is(part, "message", "rfc822") || mime_is(part, "message", "global"))
		part->kind = MIME_MESSAGE;
	if (part->kind == MIME_LEAF ||
	    (p->depth < p->limits->depth && p->depth < MESSAGE_DEPTH_MAX &&
	     p->parts < p->limits->parts))
		return;
	part->kind = MIME_LEAF;
	part->opaque = true;
	part->type = SLICE("application");
	part->subtype = SLICE("octet-stream");
	part->param_count = 0;
}

static void read_header(struct pass *p, struct mime_part *part)
{
	struct header_walk walk = { .rest = slice_from(p->bytes, p->at) };
	struct header_field field;
	size_t end = p->at;
	bool nested = p->depth > 0, closes;
	while (end < p->bytes.len && !(nested && match_boundary(p, end, &closes) >= 0)) {
		bool is_field = header_next(&walk, &field);
		if (is_field && end - part->header_offset < p->limits->header_bytes)
			mime_header_field(p->arena, p->limits, part, &field);
		end = p->bytes.len - walk.rest.len;
		if (!is_field)
			break;
	}
	while (nested && p->at < end)
		skip_line(p);
	p->at = end;
	part->header_size = end - part->header_offset;
	part->body_offset = end;
}

/* Reads the header at the current line; the part is the innermost open one then. */
static struct mime_part *begin_part(struct pass *p)
{
	struct open_part *parent = p->depth > 0 ? &p->open[p->depth - 1] : NULL;
	struct mime_part *part = new_part(p);
	if (parent)
		add_child(parent, part);
	if (!parent || parent->part->kind == MIME_MESSAGE)
		part->fields = ARENA_NEW(p->arena, struct mime_fields);
	read_header(p, part);
	mime_header_finish(p->arena, part,
	                   parent && slice_equal_nocase(parent->part->subtype, SLICE("digest")));
	set_kind(p, part);
	p->open[p->depth++] = (struct open_part){
		.part = part,
		.boundary = part->kind == MIME_MULTIPART ? boundary_of(p->arena, part)
		                                         : SLICE_EMPTY,
		.first_line = p->lines,
	};
	return part;
}

/* Goes on to a boundary; false at the end of the bytes. */
static bool skip_to_boundary(struct pass *p, size_t *level_out, bool *closes_out)
{
	while (p->at < p->bytes.len) {
		ptrdiff_t level = match_boundary(p, p->at, closes_out);
		if (level >= 0) {
			*level_out = (size_t)level;
			return true;
		}
		skip_line(p);
	}
	return false;
}

struct mime_part *mime_parse(struct arena *arena, struct slice bytes,
                             const struct message_limits *limits)
{
	struct pass p = { .arena = arena, .limits = limits, .bytes = bytes };
	struct mime_part *message = begin_part(&p), *innermost = message;
	size_t level;
	bool closes;
	for (;;) {
		while (innermost->kind == MIME_MESSAGE)
			innermost = begin_part(&p);
		if (!skip_to_boundary(&p, &level, &closes))
			break;
		close_parts(&p, level + 1, true);
		skip_line(&p);
		innermost = p.open[level].part;
		if (!closes && p.parts < limits->parts) {
			innermost = begin_part(&p);
			continue;
		}
		p.open[level].boundary = SLICE_EMPTY;
		innermost->closed = closes;
		innermost->opaque |= !closes;
	}
	close_parts(&p, 0, false);
	return message;
}

static const struct mime_part *child_number(const struct mime_part *part, unsigned number)
{
	const struct mime_part *child = part->first;
	while (child && --number > 0)
		child = child->next;
	return child;
}

/* Part 1 of a message that is not multipart is the message's body. */
static const struct mime_part *number_in(const struct mime_part *message, unsigned number)
{
	if (message->kind == MIME_MULTIPART)
		return child_number(message, number);
	return number == 1 ? message : NULL;
}

const struct mime_part *mime_find(const struct mime_part *message, const unsigned *path,
                                  size_t depth)
{
	const struct mime_part *part = message;
	for (size_t i = 0; i < depth && part; i++) {
		if (path[i] == 0)
			return NULL;
		if (i == 0)
			part = number_in(message, path[i]);
		else if (part->kind == MIME_MESSAGE)
			part = number_in(part->first, path[i]);
		else
			part = part->kind == MIME_MULTIPART ? child_number(part, path[i]) : NULL;
	}
	return part;
}

struct slice mime_header(const struct mime_part *part, struct slice bytes)
{
	return slice_sub(bytes, part->header_offset, part->header_size);
}

const struct mime_part *mime_next(const struct mime_part *part)
{
	if (part->first)
		return part->first;
	while (part && !part->next)
		part = part->parent;
	return part ? part->next : NULL;
}

struct slice mime_body(const struct mime_part *part, struct slice bytes)
{
	return slice_sub(bytes, part->body_offset, part->body_size);
}

bool mime_is(const struct mime_part *part, const char *type, const char *subtype)
{
	return slice_equal_nocase(part->type, slice_from_str(type)) &&
	       slice_equal_nocase(part->subtype, slice_from_str(subtype));
}

struct slice mime_charset(const struct mime_part *part)
{
	for (size_t i = 0; i < part->param_count; i++)
		if (slice_equal_nocase(part->params[i].name, SLICE("charset")))
			return part->params[i].value;
	return SLICE("us-ascii");
}

bool mime_filename(struct arena *arena, const struct mime_part *part, struct slice *out)
{
	return header_param_find(arena, part->disposition_params, part->disposition_param_count,
	                         SLICE("filename"), out) ||
	       header_param_find(arena, part->params, part->param_count, SLICE("name"), out);
}
