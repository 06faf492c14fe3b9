/* The messages of APPEND and REPLACE, as they come: lines, and the literals that they announce.
 *
 *     append-message = [SP flag-list] [SP date-time] SP append-data
 *     append-data    = literal / literal8 / "UTF8" SP "(" literal8 ")" /
 *                      "CATENATE" SP "(" cat-part *(SP cat-part) ")"       RFC 4466, 6855, 4469 */
#include <errno.h>

#include "imap/imap_append.h"
#include "imap/imap_input.h"
#include "imap/imap_limit.h"
#include "imap/imap_reply.h"
#include "imap/imap_share.h"
#include "imap/imap_url.h"

struct append_reader {
	struct append *a;
	struct imap_command *c;
	struct cursor at;  /* the line, up to the literal that it announces */
	size_t line_bytes; /* of all lines */
};

static bool needs_message(struct imap_command *c)
{
	imap_bad(c, "A mailbox and a message are needed.");
	return false;
}

/* --- lines and literals -------------------------------------------------------------- */

static bool begin_line(struct append_reader *r, struct slice line)
{
	struct imap_command *c = r->c;
	const struct config *config = imap_context(c->s)->config;
	struct slice announced = line;
	c->is_literal_next = imap_line_literal(line, &c->literal_bytes, &c->literal_at_once,
	                                       &announced);
	c->literal_taken = false;
	r->at = cursor_of(announced);
	r->line_bytes += line.len;
	if (r->line_bytes > config->imap.max_command_bytes) {
		imap_bad(c, "Command line too long.");
		return false;
	}
	if (c->is_literal_next && c->literal_at_once && !config->imap.big_literals &&
	    c->literal_bytes > IMAP_SMALL_LITERAL_MAX) {
		imap_no(c, "TOOBIG", "A literal of that size has to be asked for.");
		return false;
	}
	return true;
}

/* The line is used up, and the literal comes next. */
static bool at_literal(const struct append_reader *r)
{
	return r->c->is_literal_next && !r->c->literal_taken && cursor_at_end(&r->at);
}

/* Reads it, and the line behind it. */
static bool read_literal(struct append_reader *r, int (*sink)(void *arg, struct slice piece),
                         void *arg)
{
	struct imap_command *c = r->c;
	struct slice line;
	c->literal_taken = true;
	imap_extend(c->s);
	if (!c->literal_at_once)
		imap_continue(c->s, SLICE("OK"));
	if (c->s->write_error || imap_input_literal(c->s, c->literal_bytes, sink, arg) < 0 ||
	    !imap_input_line(c->s, c->arena, &line)) {
		c->status = IMAP_ANSWERED;
		c->s->ending = true;
		return false;
	}
	return begin_line(r, line);
}

/* --- the bytes ----------------------------------------------------------------------- */

static bool has_room(struct append_reader *r, const struct append_item *item, uint64_t more)
{
	uint64_t max = imap_context(r->c->s)->config->smtp.max_message_bytes;
	if (more > max || item->length + more > max)
		imap_no(r->c, "TOOBIG", "The message is too large.");
	else if (item->offset + item->length + more > max * APPEND_TOTAL_TIMES)
		imap_no(r->c, "LIMIT", "Too much at once.");
	return r->c->status == IMAP_OK;
}

/* literal / literal8, into the message. */
static bool read_text(struct append_reader *r, struct append_item *item)
{
	uint64_t bytes = r->c->literal_bytes;
	item->binary |= take_byte(&r->at, '~');
	if (!at_literal(r))
		return needs_message(r->c);
	if (!has_room(r, item, bytes) || !read_literal(r, spool_add, &r->a->spool))
		return false;
	item->length += bytes;
	return true;
}

/* "(" literal8 ")", behind "UTF8" SP: for those who have enabled it (RFC 6855 section 4). */
static bool read_utf8(struct append_reader *r, struct append_item *item)
{
	if (!take_byte(&r->at, '(') || cursor_peek(&r->at) != '~' ||
	    !(r->c->s->enabled & ENABLED_UTF8))
		return needs_message(r->c);
	if (!read_text(r, item))
		return false;
	if (!take_byte(&r->at, ')'))
		imap_bad(r->c, "A parenthesis is missing.");
	return r->c->status == IMAP_OK;
}

/* --- CATENATE ------------------------------------------------------------------------ */

static int to_buf(void *arg, struct slice piece) { return buf_append(arg, piece); }

static bool take_url(struct append_reader *r, struct slice *url_out)
{
	if (!at_literal(r)) {
		if (!imap_take_astring(&r->at, r->c->arena, url_out))
			imap_bad(r->c, "A URL is missing.");
		return r->c->status == IMAP_OK;
	}
	if (r->c->literal_bytes > IMAP_URL_MAX) {
		imap_bad(r->c, "That URL is too long.");
		return false;
	}
	struct buf text = buf_make(IMAP_URL_MAX);
	bool ok = read_literal(r, to_buf, &text);
	*url_out = arena_copy(r->c->arena, buf_slice(&text));
	buf_free(&text);
	return ok;
}

static bool read_url(struct append_reader *r, struct append_item *item)
{
	struct slice text;
	struct url_part part;
	if (!take_url(r, &text) || !imap_url_open(r->c, text, &part))
		return false;
	bool ok = has_room(r, item, part.bytes.len);
	if (ok)
		spool_add(&r->a->spool, part.bytes);
	item->length += ok ? part.bytes.len : 0;
	if (ok && !blob_is_whole(&part.blob)) {
		imap_no(r->c, "CORRUPTION", "That message can't be read.");
		ok = false;
	}
	url_close(&part);
	return ok;
}

/* cat-part = "TEXT" SP (literal / literal8) / "URL" SP astring / "UTF8" SP "(" literal8 ")" */
static bool read_part(struct append_reader *r, struct append_item *item)
{
	if (imap_take_word(&r->at, SLICE("URL")) && imap_take_space(&r->at))
		return read_url(r, item);
	if (imap_take_word(&r->at, SLICE("TEXT")) && imap_take_space(&r->at))
		return read_text(r, item);
	if (imap_take_word(&r->at, SLICE("UTF8")) && imap_take_space(&r->at))
		return read_utf8(r, item);
	imap_bad(r->c, "CATENATE joins what stands behind TEXT or URL.");
	return false;
}

/* SP "(" cat-part *(SP cat-part) ")" */
static bool read_parts(struct append_reader *r, struct append_item *item)
{
	unsigned left = imap_context(r->c->s)->config->imap.catenate_parts;
	if (!imap_take_space(&r->at) || !take_byte(&r->at, '('))
		return needs_message(r->c);
	do {
		if (left-- == 0) {
			imap_no(r->c, "LIMIT", "Too many parts.");
			return false;
		}
		if (!read_part(r, item))
			return false;
	} while (imap_take_space(&r->at));
	if (!take_byte(&r->at, ')'))
		imap_bad(r->c, "A parenthesis is missing.");
	return r->c->status == IMAP_OK;
}

/* --- messages ------------------------------------------------------------------------ */

static struct append_item *new_item(struct append_reader *r)
{
	struct append *a = r->a;
	struct append_item *item = &a->items[a->count];
	uint32_t limit = imap_save_limit(r->c->s);
	if (limit > 0 && a->count >= limit) {
		imap_limit_refuse(r->c, limit);
		return NULL;
	}
	if (a->count == APPEND_MESSAGES_MAX || (a->replaced_uid && a->count > 0)) {
		imap_no(r->c, "LIMIT", "Too many messages at once.");
		return NULL;
	}
	*item = (struct append_item){ .bytes = SLICE_EMPTY };
	if (a->count > 0)
		item->offset = item[-1].offset + item[-1].length;
	return item;
}

static bool read_data(struct append_reader *r, struct append_item *item)
{
	struct cursor at = r->at;
	if (imap_take_word(&r->at, SLICE("CATENATE")))
		return read_parts(r, item);
	if (imap_take_word(&at, SLICE("UTF8")) && take_byte(&at, ' ')) {
		r->at = at;
		return read_utf8(r, item);
	}
	/* How several are given up (RFC 3502), too: before it is asked for. */
	if (at_literal(r) && r->c->literal_bytes == 0) {
		imap_no(r->c, "CANNOT", "The message is empty.");
		return false;
	}
	return read_text(r, item);
}

static bool read_message(struct append_reader *r)
{
	struct append_item *item = new_item(r);
	if (!item)
		return false;
	if (!imap_take_append(&r->at, r->c->arena, &item->args))
		return needs_message(r->c);
	if (!read_data(r, item))
		return false;
	if (item->length == 0) {
		imap_no(r->c, "CANNOT", "The message is empty.");
		return false;
	}
	r->a->count++;
	return true;
}

bool append_is_next(const struct imap_command *c, struct slice line)
{
	return (c->is_literal_next && !c->literal_taken) ||
	       slice_find_nocase(line, SLICE("CATENATE (")) >= 0;
}

bool append_read(struct append *a)
{
	struct append_reader r = { .a = a, .c = a->c, .at = a->c->args };
	r.line_bytes = cursor_left(&r.at);
	do {
		if (!read_message(&r))
			return false;
	} while (append_is_next(a->c, cursor_rest(&r.at)));
	if (!cursor_at_end(&r.at))
		imap_bad(a->c, "Too many arguments.");
	return a->c->status == IMAP_OK;
}
