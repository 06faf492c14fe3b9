#include "trust/dkim_canon.h"

/* --- bodies -------------------------------------------------------------------------- */

static void flush(struct dkim_body *b)
{
	if (b->gathered > 0)
		b->sink(b->arg, slice_of(b->gather, b->gathered));
	b->gathered = 0;
}

static void put(struct dkim_body *b, struct slice bytes)
{
	b->len += bytes.len;
	if (bytes.len > DKIM_GATHER_BYTES - b->gathered)
		flush(b);
	if (bytes.len > DKIM_GATHER_BYTES) {
		b->sink(b->arg, bytes);
		return;
	}
	memcpy(b->gather + b->gathered, bytes.data, bytes.len);
	b->gathered += bytes.len;
}

/* What was held back has something behind it, so it counts. */
static void put_held(struct dkim_body *b)
{
	for (; b->lines > 0; b->lines--)
		put(b, SLICE("\r\n"));
	if (b->white)
		put(b, SLICE(" "));
	b->white = false;
}

static void put_line(struct dkim_body *b, struct slice bytes)
{
	put_held(b);
	put(b, bytes);
	b->any = true;
}

static void line_end(struct dkim_body *b)
{
	b->white = false;
	b->lines++;
}

static bool is_plain(const struct dkim_body *b, char c)
{
	return c != '\r' && (b->canon == DKIM_SIMPLE || !byte_is_space(c)) &&
	       (b->canon != DKIM_NOFWS || c != '\n');
}

/* Takes one CR, space or tab; with nofws an LF that ends no line, which is left out as they are. */
static void take_special(struct dkim_body *b, char c)
{
	if (c == '\r')
		b->after_cr = true;
	else if (b->canon == DKIM_RELAXED)
		b->white = true;
}

void dkim_body_begin(struct dkim_body *b, enum dkim_canon canon, dkim_sink *sink, void *arg)
{
	b->canon = canon;
	b->sink = sink;
	b->arg = arg;
	b->lines = b->len = 0;
	b->white = b->after_cr = b->any = false;
	b->gathered = 0;
}

/* The end of a run of plain bytes. A single space between them is one, as it is its own canonical
 * form: most text is handed on line by line. */
static size_t run_end(const struct dkim_body *b, struct slice piece, size_t i)
{
	if (b->canon == DKIM_SIMPLE) {
		const char *cr = memchr(piece.data + i, '\r', piece.len - i);
		return cr ? (size_t)(cr - piece.data) : piece.len;
	}
	bool keeps_space = b->canon == DKIM_RELAXED;
	while (i < piece.len) {
		char c = piece.data[i];
		if (is_plain(b, c) ||
		    (keeps_space && c == ' ' && i + 1 < piece.len && piece.data[i + 1] > ' '))
			i++;
		else
			break;
	}
	return i;
}

void dkim_body_add(struct dkim_body *b, struct slice piece)
{
	for (size_t i = 0; i < piece.len;) {
		char c = piece.data[i];
		if (b->after_cr) {
			b->after_cr = false;
			if (c == '\n') {
				line_end(b);
				i++;
			} else if (b->canon != DKIM_NOFWS) {
				put_line(b, SLICE("\r"));
			}
		} else if (is_plain(b, c)) {
			size_t end = run_end(b, piece, i);
			put_line(b, slice_sub(piece, i, end - i));
			i = end;
		} else {
			take_special(b, c);
			i++;
		}
	}
}

/* Empty lines at the end are one line end, and an empty body is one too with simple (section
 * 3.4.3), but nothing with relaxed (3.4.4). A body that ends within a line gets its end. */
void dkim_body_end(struct dkim_body *b)
{
	if (b->after_cr && b->canon != DKIM_NOFWS)
		put_line(b, SLICE("\r"));
	b->white = false;
	if (b->any || b->canon == DKIM_SIMPLE)
		put(b, SLICE("\r\n"));
	flush(b);
}

/* --- fields -------------------------------------------------------------------------- */

static bool is_white(char c) { return byte_is_space(c) || c == '\r' || c == '\n'; }

struct gather {
	dkim_sink *sink;
	void *arg;
	size_t len;
	char bytes[512];
};

static void gather_byte(struct gather *g, char c)
{
	if (g->len == sizeof(g->bytes)) {
		g->sink(g->arg, slice_of(g->bytes, g->len));
		g->len = 0;
	}
	g->bytes[g->len++] = c;
}

static void gather_end(struct gather *g)
{
	if (g->len > 0)
		g->sink(g->arg, slice_of(g->bytes, g->len));
}

static void relaxed_field(struct slice field, struct gather *g)
{
	ptrdiff_t colon = slice_find_byte(field, ':');
	size_t name = colon < 0 ? field.len : (size_t)colon;
	struct slice text = slice_trim(slice_sub(field, 0, name));
	for (size_t i = 0; i < text.len; i++)
		gather_byte(g, byte_lower(text.data[i]));
	if (colon < 0)
		return;
	gather_byte(g, ':');
	text = slice_trim(slice_from(field, name + 1));
	for (size_t i = 0; i < text.len; i++) {
		/* White space at the end was trimmed: there is always a byte behind. */
		if (!is_white(text.data[i]))
			gather_byte(g, text.data[i]);
		else if (!is_white(text.data[i + 1]))
			gather_byte(g, ' ');
	}
}

static void nofws_field(struct slice field, struct gather *g)
{
	for (size_t i = 0; i < field.len; i++) {
		if (!is_white(field.data[i]))
			gather_byte(g, field.data[i]);
	}
}

static struct slice without_line_end(struct slice field)
{
	if (slice_ends_with(field, SLICE("\r\n")))
		field.len -= 2;
	else if (slice_ends_with(field, SLICE("\n")))
		field.len--;
	return field;
}

void dkim_canon_field(enum dkim_canon canon, struct slice field, dkim_sink *sink, void *arg)
{
	struct gather g;
	g.sink = sink;
	g.arg = arg;
	g.len = 0;
	if (canon == DKIM_RELAXED)
		relaxed_field(field, &g);
	else if (canon == DKIM_NOFWS)
		nofws_field(field, &g);
	else
		sink(arg, without_line_end(field));
	gather_end(&g);
}
