/* Compression of a connection (RFC 1951, as RFC 4978 uses it), between its buffers and the socket
 * or TLS. What comes is inflated no further than there is room in the read buffer, so a small
 * message never becomes more memory than that; the rest waits as it came. */
#define ZLIB_CONST
#include <errno.h>
#include <zlib.h>

#include "net/conn_internal.h"

enum {
	ZIP_PIECE =
		32 << 10, /* of what is sent, deflated at once: fits into a buffer at its worst */
	ZIP_LEVEL = 3,
	/* Ours is small, so that a session costs 32 KiB for it and not 256; the peer's may be the
	 * largest there is. */
	ZIP_WINDOW = 12,
	ZIP_WINDOW_PEER = 15,
	ZIP_MEMORY = 5,
};

struct conn_zip {
	z_stream inflate, deflate;
	bool ended;    /* the peer has ended its stream of compressed bytes */
	bool has_more; /* inflate() filled what it was given: there may be more */
	char *in;      /* received, not inflated yet; a buffer of the pool, or NULL */
	uint32_t in_at, in_end;
	char *out; /* deflated, not sent yet; the same */
	uint32_t out_at, out_end;
	size_t taken; /* bytes of the caller that are in out */
};

static ssize_t raw_receive(struct conn *c, char *to, size_t max)
{
	return c->tls ? conn_tls_receive(c, to, max) : conn_socket_receive(c->fd, to, max);
}

static ssize_t raw_send(struct conn *c, const char *from, size_t len)
{
	return c->tls ? conn_tls_send(c, from, len) : conn_socket_send(c->fd, from, len);
}

/* --- life ---------------------------------------------------------------------------- */

static struct conn_zip *zip_new(void)
{
	struct conn_zip *z = mem_zero(1, sizeof(*z));
	if (inflateInit2(&z->inflate, -ZIP_WINDOW_PEER) != Z_OK) {
		free(z);
		return NULL;
	}
	if (deflateInit2(&z->deflate, ZIP_LEVEL, Z_DEFLATED, -ZIP_WINDOW, ZIP_MEMORY,
	                 Z_DEFAULT_STRATEGY) != Z_OK) {
		(void)inflateEnd(&z->inflate);
		free(z);
		return NULL;
	}
	return z;
}

int conn_compress(struct conn *c, int64_t deadline)
{
	struct slice held = conn_buffered(c);
	if (c->zip)
		return -EALREADY;
	int rc = conn_flush(c, deadline);
	if (rc < 0)
		return rc;
	struct conn_zip *z = zip_new();
	if (!z)
		return -ENOMEM;
	if (held.len > 0) {
		z->in = net_buffer_take();
		memcpy(z->in, held.data, held.len);
		z->in_end = (uint32_t)held.len;
	}
	conn_discard(c);
	c->zip = z;
	return 0;
}

bool conn_is_compressed(const struct conn *c) { return c->zip; }

void conn_zip_rest(struct conn *c)
{
	struct conn_zip *z = c->zip;
	if (z->in && z->in_at == z->in_end) {
		net_buffer_give(z->in);
		z->in = NULL;
	}
	if (z->out && z->out_at == z->out_end) {
		net_buffer_give(z->out);
		z->out = NULL;
	}
}

void conn_zip_end(struct conn *c)
{
	struct conn_zip *z = c->zip;
	(void)inflateEnd(&z->inflate);
	(void)deflateEnd(&z->deflate);
	if (z->in)
		net_buffer_give(z->in);
	if (z->out)
		net_buffer_give(z->out);
	free(z);
	c->zip = NULL;
}

/* --- receiving ----------------------------------------------------------------------- */

/* Bytes inflated, 0 if there are not enough to make one. */
static ssize_t inflate_some(struct conn_zip *z, char *to, size_t max)
{
	z->inflate.next_in = (const unsigned char *)z->in + z->in_at;
	z->inflate.avail_in = z->in_end - z->in_at;
	z->inflate.next_out = (unsigned char *)to;
	z->inflate.avail_out = (uInt)max;
	int rc = inflate(&z->inflate, Z_SYNC_FLUSH);
	z->in_at = z->in_end - z->inflate.avail_in;
	z->has_more = z->inflate.avail_out == 0;
	if (rc == Z_STREAM_END)
		z->ended = true;
	else if (rc != Z_OK && rc != Z_BUF_ERROR)
		return -EPROTO;
	return (ssize_t)(max - z->inflate.avail_out);
}

static ssize_t fill_raw(struct conn *c)
{
	struct conn_zip *z = c->zip;
	if (!z->in)
		z->in = net_buffer_take();
	z->in_at = z->in_end = 0;
	ssize_t got = raw_receive(c, z->in, CONN_BUFFER_MAX);
	if (got > 0)
		z->in_end = (uint32_t)got;
	return got;
}

ssize_t conn_zip_receive(struct conn *c, char *to, size_t max)
{
	struct conn_zip *z = c->zip;
	for (;;) {
		ssize_t got;
		if (z->ended)
			return 0;
		if (z->in_at < z->in_end || z->has_more) {
			if (!z->in)
				z->in = net_buffer_take();
			got = inflate_some(z, to, max);
			if (got != 0)
				return got;
			if (z->ended)
				return 0;
		}
		got = fill_raw(c);
		if (got <= 0)
			return got;
	}
}

bool conn_zip_pending(const struct conn *c)
{
	const struct conn_zip *z = c->zip;
	return z->ended || z->in_at < z->in_end || z->has_more;
}

/* --- sending ------------------------------------------------------------------------- */

static void deflate_piece(struct conn_zip *z, const char *from, size_t len)
{
	z->taken = len < ZIP_PIECE ? len : ZIP_PIECE;
	if (!z->out)
		z->out = net_buffer_take();
	z->deflate.next_in = (const unsigned char *)from;
	z->deflate.avail_in = (uInt)z->taken;
	z->deflate.next_out = (unsigned char *)z->out;
	z->deflate.avail_out = CONN_BUFFER_MAX;
	(void)deflate(&z->deflate, Z_SYNC_FLUSH);
	z->out_at = 0;
	z->out_end = CONN_BUFFER_MAX - z->deflate.avail_out;
}

/* Tells bytes as sent when all that they became has been; after -EAGAIN the caller comes back with
 * the same bytes. */
ssize_t conn_zip_send(struct conn *c, const char *from, size_t len)
{
	struct conn_zip *z = c->zip;
	if (len == 0)
		return 0;
	if (z->taken == 0)
		deflate_piece(z, from, len);
	while (z->out_at < z->out_end) {
		ssize_t sent = raw_send(c, z->out + z->out_at, z->out_end - z->out_at);
		if (sent < 0)
			return sent;
		z->out_at += (uint32_t)sent;
	}
	size_t taken = z->taken;
	z->taken = 0;
	return (ssize_t)taken;
}
