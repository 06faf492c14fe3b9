#include "guard/scanner.h"

#include <errno.h>

#include "message/header.h"
#include "net/conn.h"

enum { VALUE_MAX = 998 };

/* --- answers ------------------------------------------------------------------------------ */

int scanner_parse(struct slice bytes, bool ended, struct scanner_reply *out)
{
	ptrdiff_t end = slice_find_byte(bytes, '\n');
	struct header_walk walk = { .rest = SLICE_EMPTY };
	struct header_field f;
	uint64_t len = UINT64_MAX;
	bool is_wrong = false;
	if (end >= 0)
		walk.rest = slice_from(bytes, (size_t)end + 1);
	struct slice behind = walk.rest;
	while (header_next(&walk, &f))
		if (slice_equal_nocase(f.name, SLICE("Content-length")))
			is_wrong = !slice_to_u64(slice_trim(f.value), &len);
	if (end < 0 || !walk.ended)
		return ended ? -EPROTO : 0;
	if (is_wrong)
		return -EPROTO;
	if (len != UINT64_MAX && walk.rest.len < len)
		return ended ? -EPROTO : 0;
	if (len == UINT64_MAX && !ended)
		return 0;
	out->line = slice_trim(slice_sub(bytes, 0, (size_t)end));
	out->fields = slice_sub(behind, 0, behind.len - walk.rest.len);
	out->text = slice_sub(walk.rest, 0, len < walk.rest.len ? (size_t)len : walk.rest.len);
	return 1;
}

/* --- asking ------------------------------------------------------------------------------- */

void scanner_put_field(struct buf *head, const char *name, struct slice value)
{
	value = slice_sub(value, 0, VALUE_MAX);
	buf_printf(head, "%s: ", name);
	for (size_t i = 0; i < value.len; i++) {
		bool is_control = (unsigned char)value.data[i] < ' ' || value.data[i] == 0x7F;
		buf_append_byte(head, is_control ? '?' : value.data[i]);
	}
	buf_append(head, SLICE("\r\n"));
}

static int hear(struct conn *conn, int64_t deadline, struct buf *in, struct scanner_reply *out)
{
	for (;;) {
		struct slice more = conn_buffered(conn);
		if (buf_append(in, more) < 0)
			return -EMSGSIZE;
		conn_consume(conn, more.len);
		int rc = scanner_parse(buf_slice(in), false, out);
		if (rc != 0)
			return rc < 0 ? rc : 0;
		rc = conn_fill(conn, deadline);
		if (rc < 0)
			return rc;
		if (rc == 0)
			return scanner_parse(buf_slice(in), true, out) == 1 ? 0 : -ECONNRESET;
	}
}

int scanner_exchange(const struct config_filter *filter, struct slice head, struct slice top,
                     struct slice message, int64_t deadline, struct buf *in,
                     struct scanner_reply *out)
{
	struct conn *conn;
	int rc = conn_connect(&filter->address, NULL,
	                      filter_sooner(filter->connect_timeout_ms, deadline), &conn);
	if (rc < 0)
		return rc;
	const struct slice parts[] = { head, top, message };
	int64_t until = filter_sooner(filter->message_timeout_ms, deadline);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]) && rc == 0; i++)
		rc = conn_write(conn, parts[i], until);
	if (rc == 0)
		rc = conn_flush(conn, until);
	if (rc == 0)
		rc = hear(conn, until, in, out);
	conn_close(conn);
	return rc;
}
