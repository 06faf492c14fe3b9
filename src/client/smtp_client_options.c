/* What the sender asked of the way of a message, as far as the server knows it. */
#include "base/buf.h"
#include "client/smtp_client_internal.h"

#define BY_MAX_S 999999999 /* RFC 2852 section 4: nine digits */

/* Of the time that BY gives, rounded down. */
static int64_t seconds_left(const struct envelope_options *o)
{
	int64_t left_ms = o->by_ms - clock_wall_ms();
	return left_ms >= 0 ? left_ms / 1000 : -((999 - left_ms) / 1000);
}

/* RFC 2852: what is to be returned when it is late never goes where nobody would do so. */
const char *smtp_client_check_options(const struct smtp_client *c, const struct envelope_options *o,
                                      const char **enhanced)
{
	if (o->by_mode != 'R')
		return NULL;
	int64_t left_s = seconds_left(o);
	*enhanced = "5.4.7";
	if (left_s <= 0)
		return "the time that the sender gave for its delivery is over";
	if (!(c->extensions & SMTP_EXT_DELIVERBY))
		return "the sender gave a time for its delivery, which the other side does not "
		       "know to keep (DELIVERBY)";
	return (uint64_t)left_s < c->min_by_s
	               ? "the other side needs more time than is left of what "
	                 "the sender gave for its delivery"
	               : NULL;
}

static void put_by(struct buf *out, const struct envelope_options *o)
{
	int64_t left_s = seconds_left(o);
	if (left_s < -BY_MAX_S)
		left_s = -BY_MAX_S;
	buf_printf(out, " BY=%lld;%c%s", (long long)left_s, o->by_mode, o->by_trace ? "T" : "");
}

size_t smtp_client_put_options(const struct smtp_client *c, const struct envelope_options *o,
                               char *room, size_t size)
{
	struct buf out = buf_make(SMTP_OPTIONS_MAX);
	/* Only those to whom we have proved who we are may believe it. */
	if (c->config->user)
		buf_printf(&out, " AUTH=%.*s", SLICE_ARG(o->auth.len > 0 ? o->auth : SLICE("<>")));
	if (o->requiretls && (c->extensions & SMTP_EXT_REQUIRETLS) &&
	    conn_tls_info(c->conn).verified)
		buf_append(&out, SLICE(" REQUIRETLS"));
	if (o->by_mode && (c->extensions & SMTP_EXT_DELIVERBY))
		put_by(&out, o);
	if (o->priority != 0 && (c->extensions & SMTP_EXT_MT_PRIORITY))
		buf_printf(&out, " MT-PRIORITY=%d", o->priority);
	if (o->solicit.len > 0 && (c->extensions & SMTP_EXT_NO_SOLICITING))
		buf_printf(&out, " SOLICIT=%.*s", SLICE_ARG(o->solicit));
	size_t len = buf_failed(&out) || out.len > size ? 0 : out.len;
	if (len > 0)
		memcpy(room, out.data, len);
	buf_free(&out);
	return len;
}
