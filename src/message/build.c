#include "message/build.h"

#include <errno.h>

#include "base/clock.h"
#include "base/codec.h"
#include "message/address.h"
#include "message/fields.h"
#include "message/mime.h"

/* Pieces are handed out when this much has been made. */
#define PIECE_BYTES (64 * 1024)
/* Of one text part, one header field and the like: what the caller has in memory anyway. */
#define BUILD_MAX       ((size_t)1 << 30)
#define LINE_MAX_OCTETS 998

struct builder {
	const struct draft *draft;
	struct arena *arena;
	message_write *write;
	void *arg;
	struct buf out;
	int rc;      /* the first error; nothing is written after it */
	char *mixed; /* boundaries, NULL where there is no such multipart */
	char *alternative;
};

static void keep_error(struct builder *b, int rc)
{
	if (b->rc == 0 && rc < 0)
		b->rc = rc;
}

static void flush(struct builder *b)
{
	if (b->rc == 0 && buf_failed(&b->out))
		b->rc = -ENOBUFS;
	if (b->rc == 0 && b->out.len > 0)
		keep_error(b, b->write(b->arg, buf_slice(&b->out)));
	buf_clear(&b->out);
}

static void flush_if_full(struct builder *b)
{
	if (b->out.len >= PIECE_BYTES)
		flush(b);
}

struct slice draft_message_id(struct arena *arena, struct slice host)
{
	struct slice domain = SLICE("localhost");
	(void)domain_canonical(arena, host, &domain);
	return slice_from_str(arena_printf(arena, "<%llx.%016llx@%.*s>",
	                                   (unsigned long long)clock_wall_ms(),
	                                   (unsigned long long)random_u64(), SLICE_ARG(domain)));
}

/* "=_" occurs in neither base64 nor quoted-printable. */
static char *make_boundary(struct builder *b)
{
	for (;;) {
		char *boundary = arena_printf(b->arena, "=_%016llx%016llx",
		                              (unsigned long long)random_u64(),
		                              (unsigned long long)random_u64());
		if (slice_find(b->draft->text, slice_from_str(boundary)) < 0 &&
		    slice_find(b->draft->html, slice_from_str(boundary)) < 0)
			return boundary;
	}
}

static void put_field(struct builder *b, const char *name, struct slice text)
{
	keep_error(b, field_put(b->arena, &b->out, name, text));
}

static void put_raw_field(struct builder *b, const char *name, struct slice value)
{
	if (value.len > 0)
		header_put_raw(&b->out, name, value);
}

static void put_header(struct builder *b)
{
	const struct draft *d = b->draft;
	char date[DATE_TEXT_MAX];
	header_put_raw(&b->out, "Date", date_format(d->date, date));
	if (d->from.len > 0)
		put_field(b, "From", d->from);
	if (d->reply_to.len > 0)
		put_field(b, "Reply-To", d->reply_to);
	if (d->to.len > 0)
		put_field(b, "To", d->to);
	if (d->cc.len > 0)
		put_field(b, "Cc", d->cc);
	if (d->subject.len > 0)
		put_field(b, "Subject", d->subject);
	put_raw_field(b, "Message-ID", d->message_id);
	put_raw_field(b, "In-Reply-To", d->in_reply_to);
	put_raw_field(b, "References", d->references);
	for (size_t i = 0; i < d->header_count; i++)
		put_field(b, d->headers[i].name, d->headers[i].value);
	buf_append(&b->out, SLICE("MIME-Version: 1.0\r\n"));
}

static void put_multipart(struct builder *b, const char *subtype, const char *boundary)
{
	buf_printf(&b->out, "Content-Type: multipart/%s;\r\n boundary=\"%s\"\r\n\r\n", subtype,
	           boundary);
}

static void put_delimiter(struct builder *b, const char *boundary, bool last)
{
	/* The line end before it belongs to it. */
	if (boundary)
		buf_printf(&b->out, "\r\n--%s%s\r\n", boundary, last ? "--" : "");
}

struct buf draft_lines(struct slice text)
{
	struct buf out = buf_make(BUILD_MAX);
	while (text.len > 0) {
		size_t len = 0;
		while (len < text.len && text.data[len] != '\r' && text.data[len] != '\n')
			len++;
		buf_append(&out, slice_sub(text, 0, len));
		if (len == text.len)
			break;
		buf_append(&out, SLICE("\r\n"));
		text = slice_from(text, len);
		text = slice_from(text, slice_starts_with(text, SLICE("\r\n")) ? 2 : 1);
	}
	return out;
}

static void put_encoded(struct builder *b, struct slice text, enum mime_encoding encoding)
{
	struct mime_base64_encoder base64 = { .held_count = 0 };
	if (encoding == MIME_BASE64) {
		mime_encode_base64(&base64, text, &b->out);
		mime_encode_base64_end(&base64, &b->out);
	} else if (encoding == MIME_QUOTED_PRINTABLE) {
		mime_encode_quoted_printable(text, &b->out);
	} else {
		buf_append(&b->out, text);
	}
}

static void put_text_part(struct builder *b, const char *subtype, struct slice text)
{
	struct buf lines = draft_lines(text);
	enum mime_encoding encoding = mime_encoding_for(buf_slice(&lines));
	if (!slice_is_utf8(text) || buf_failed(&lines))
		keep_error(b, -EINVAL);
	buf_printf(&b->out, "Content-Type: text/%s; charset=%s\r\n", subtype,
	           slice_is_ascii(text) ? "us-ascii" : "utf-8");
	buf_printf(&b->out, "Content-Transfer-Encoding: %s\r\n\r\n",
	           encoding == MIME_BASE64             ? "base64"
	           : encoding == MIME_QUOTED_PRINTABLE ? "quoted-printable"
	                                               : "7bit");
	put_encoded(b, buf_slice(&lines), encoding);
	buf_free(&lines);
	flush_if_full(b);
}

static void put_texts(struct builder *b)
{
	const struct draft *d = b->draft;
	if (!b->alternative) {
		if (d->html.len > 0)
			put_text_part(b, "html", d->html);
		else
			put_text_part(b, "plain", d->text);
		return;
	}
	put_multipart(b, "alternative", b->alternative);
	put_delimiter(b, b->alternative, false);
	put_text_part(b, "plain", d->text);
	put_delimiter(b, b->alternative, false);
	put_text_part(b, "html", d->html);
	put_delimiter(b, b->alternative, true);
}

/* What a pass over an attachment does with each chunk of it. */
typedef int each_chunk(void *arg, struct slice chunk);

static int read_attachment(const struct draft_attachment *a, each_chunk *each, void *arg)
{
	char *chunk = mem_alloc(PIECE_BYTES);
	uint64_t offset = 0;
	int rc = 0;
	while (rc == 0) {
		int64_t got = a->read(a->arg, offset, chunk, PIECE_BYTES);
		if (got <= 0) {
			rc = (int)got;
			break;
		}
		offset += (uint64_t)got;
		rc = each(arg, slice_of(chunk, (size_t)got));
	}
	free(chunk);
	return rc;
}

/* A message that is attached may not be encoded (RFC 2046 section 5.2.1), so it is attached as
 * a message only if it can go as it is. */
struct seven_bit {
	size_t line;
	char last;
	bool broken;
};

static int check_seven_bit(void *arg, struct slice chunk)
{
	struct seven_bit *s = arg;
	for (size_t i = 0; i < chunk.len; i++) {
		char c = chunk.data[i];
		s->line = c == '\n' ? 0 : s->line + 1;
		if (c & 0x80 || c == '\0' || s->line > LINE_MAX_OCTETS ||
		    (s->last == '\r' && c != '\n'))
			s->broken = true;
		s->last = c;
	}
	return 0;
}

struct attaching {
	struct builder *b;
	struct mime_base64_encoder base64;
	char last;
};

static int attach_base64(void *arg, struct slice chunk)
{
	struct attaching *a = arg;
	keep_error(a->b, mime_encode_base64(&a->base64, chunk, &a->b->out));
	flush(a->b);
	return a->b->rc;
}

static int attach_lines(void *arg, struct slice chunk)
{
	struct attaching *a = arg;
	for (size_t i = 0; i < chunk.len; i++) {
		if (chunk.data[i] == '\n' && a->last != '\r')
			buf_append_byte(&a->b->out, '\r');
		buf_append_byte(&a->b->out, chunk.data[i]);
		a->last = chunk.data[i];
	}
	flush(a->b);
	return a->b->rc;
}

static bool is_type(struct slice type)
{
	size_t slashes = 0;
	for (size_t i = 0; i < type.len; i++) {
		if (type.data[i] == '/')
			slashes++;
		else if (!byte_is_alnum(type.data[i]) && !memchr("-.+_", type.data[i], 4))
			return false;
	}
	return slashes == 1 && type.data[0] != '/' && type.data[type.len - 1] != '/';
}

/* Also tells by *lines_out whether it goes as lines, not as base64. */
static struct slice attachment_type(struct builder *b, const struct draft_attachment *a,
                                    bool *lines_out)
{
	struct seven_bit check = { .line = 0 };
	struct slice type = a->type.len > 0 ? a->type : draft_type_of(a->name);
	*lines_out = false;
	if (!is_type(type))
		return SLICE("application/octet-stream");
	if (!slice_equal_nocase(type, SLICE("message/rfc822")))
		return type;
	keep_error(b, read_attachment(a, check_seven_bit, &check));
	*lines_out = !check.broken && check.last != '\r';
	return *lines_out ? type : SLICE("application/octet-stream");
}

static void put_attachment(struct builder *b, const struct draft_attachment *a)
{
	struct attaching attaching = { .b = b };
	bool lines;
	struct slice type = attachment_type(b, a, &lines);
	buf_printf(&b->out, "Content-Type: %.*s", SLICE_ARG(type));
	if (a->name.len > 0)
		header_put_param(&b->out, "name", a->name);
	buf_printf(&b->out, "\r\nContent-Transfer-Encoding: %s\r\nContent-Disposition: attachment",
	           lines ? "7bit" : "base64");
	if (a->name.len > 0)
		header_put_param(&b->out, "filename", a->name);
	buf_append(&b->out, SLICE("\r\n\r\n"));
	flush(b);
	if (b->rc < 0)
		return;
	keep_error(b, read_attachment(a, lines ? attach_lines : attach_base64, &attaching));
	keep_error(b, mime_encode_base64_end(&attaching.base64, &b->out));
}

int draft_write(const struct draft *draft, struct arena *arena, message_write *write, void *arg)
{
	struct builder b = { .draft = draft,
		             .arena = arena,
		             .write = write,
		             .arg = arg,
		             .out = buf_make(BUILD_MAX) };
	if (draft->attachment_count > 0)
		b.mixed = make_boundary(&b);
	if (draft->html.len > 0 && draft->text.len > 0)
		b.alternative = make_boundary(&b);
	put_header(&b);
	if (b.mixed) {
		put_multipart(&b, "mixed", b.mixed);
		put_delimiter(&b, b.mixed, false);
	}
	put_texts(&b);
	for (size_t i = 0; i < draft->attachment_count && b.rc == 0; i++) {
		put_delimiter(&b, b.mixed, false);
		put_attachment(&b, &draft->attachments[i]);
	}
	put_delimiter(&b, b.mixed, true);
	flush(&b);
	buf_free(&b.out);
	return b.rc;
}
