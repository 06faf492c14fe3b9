#include "admin/web.h"

#include <errno.h>

#include "admin/quarantine_digest.h"
#include "admin/web_html.h"
#include "admin/web_request.h"
#include "base/clock.h"
#include "base/log.h"
#include "guard/guard.h"
#include "message/date.h"
#include "message/shown.h"
#include "route/post_quarantine.h"
#include "route/quarantine_token.h"
#include "store/store.h"

enum { REQUEST_MS = 10000, WRITE_MS = 10000, PAGE_MAX = 16 * 1024, RATE_US = 60 * 1000 * 1000 };

struct web_session {
	struct session base;
	struct web *web;
};

/* One request and its answer. */
struct exchange {
	struct web_session *session;
	struct arena *arena;
	struct web_request request;
	struct quarantine_token token;
	struct slice token_text;
	struct quarantine_row row;
	struct buf page;
	const char *status;
	const char *allow; /* of 405 */
};

/* --- answers ------------------------------------------------------------------------------ */

/* A page with nothing but a sentence. Returns false, for who has nothing else to say. */
static bool say(struct exchange *x, const char *status, const char *title, const char *text)
{
	x->status = status;
	buf_clear(&x->page);
	html_begin(&x->page, title);
	buf_printf(&x->page, "<p>%s</p>\r\n", text);
	html_end(&x->page);
	return false;
}

static bool say_gone(struct exchange *x)
{
	return say(x, "404 Not Found", "Not held any more",
	           "This message is not held any more: it was delivered or thrown away, by you or "
	           "by the administrator, or its time was over.");
}

static bool say_bad_link(struct exchange *x)
{
	return say(x, "404 Not Found", "Nothing here",
	           "There is nothing at this address. If you have followed a link in a mail, see "
	           "that it is whole.");
}

static int send_answer(struct exchange *x)
{
	struct conn *c = x->session->base.conn;
	int64_t deadline = deadline_in(WRITE_MS);
	int rc = conn_printf(c, deadline,
	                     "HTTP/1.1 %s\r\n"
	                     "Content-Type: text/html; charset=utf-8\r\n"
	                     "Content-Length: %zu\r\n"
	                     "Connection: close\r\n"
	                     "Cache-Control: no-store\r\n"
	                     "Content-Security-Policy: default-src 'none'; form-action 'self'; "
	                     "frame-ancestors 'none'; base-uri 'none'\r\n"
	                     "X-Content-Type-Options: nosniff\r\n"
	                     "X-Frame-Options: DENY\r\n"
	                     "Referrer-Policy: no-referrer\r\n"
	                     "X-Robots-Tag: noindex\r\n"
	                     "%s%s%s\r\n",
	                     x->status, x->page.len, x->allow ? "Allow: " : "",
	                     x->allow ? x->allow : "", x->allow ? "\r\n" : "");
	if (rc == 0 && x->request.method != WEB_HEAD)
		rc = conn_write(c, buf_slice(&x->page), deadline);
	return rc == 0 ? conn_flush(c, deadline) : rc;
}

/* --- a held message ----------------------------------------------------------------------- */

static int read_row(struct db *db, void *arg)
{
	struct exchange *x = arg;
	return quarantine_get(db, x->arena, x->token.id, &x->row);
}

/* What is wrong with a token is worth a guess of a password. */
static bool find_message(struct exchange *x)
{
	struct admin *admin = x->session->web->admin;
	struct quarantine_key key;
	int rc = quarantine_key_get(admin->store, &key);
	if (rc == 0)
		rc = quarantine_token_read(&key, x->token_text, clock_wall_ms() / 1000, &x->token);
	if (rc == -EINVAL) {
		(void)guard_weigh(admin->guard, conn_peer(x->session->base.conn),
		                  GUARD_FAILED_LOGIN);
		return say_bad_link(x);
	}
	if (rc == -ETIME)
		return say(x, "410 Gone", "This link is too old",
		           "The message may still be held: ask the administrator for it.");
	if (rc == 0)
		rc = store_read(admin->store, read_row, x);
	if (rc == 0 && x->row.account_id == x->token.account_id &&
	    quarantine_is_for_user(admin->config, &x->row))
		return true;
	return rc < 0 && rc != -ENOENT
	               ? say(x, "503 Service Unavailable", "Not now", "Try again later.")
	               : say_gone(x);
}

static void put_button(struct exchange *x, const char *action, const char *label)
{
	buf_printf(&x->page, "<form method=\"post\" action=\"%.*s/%s\">", SLICE_ARG(x->token_text),
	           action);
	buf_printf(&x->page, "<p><button type=\"submit\">%s</button></p></form>\r\n", label);
}

static void show_message(struct exchange *x)
{
	const struct quarantine_row *row = &x->row;
	char date[DATE_TEXT_MAX];
	x->status = "200 OK";
	html_begin(&x->page, "A message is held for you");
	buf_append(&x->page, SLICE("<table>\r\n"));
	html_put_row(&x->page, "To", shown_text(x->arena, row->asked, false));
	html_put_row(&x->page, "From", shown_text(x->arena, row->header_from, false));
	html_put_row(&x->page, "Sender", shown_text(x->arena, row->reverse_path, false));
	html_put_row(&x->page, "Subject", shown_text(x->arena, row->subject, false));
	html_put_row(&x->page, "Came", date_format(date_local(row->at_ms / 1000), date));
	html_put_row(&x->page, "Held by", quarantine_reason_text(x->arena, row));
	buf_append(&x->page, SLICE("</table>\r\n"));
	put_button(x, "release", "Deliver it to my mailbox");
	put_button(x, "drop", "Throw it away");
	html_end(&x->page);
}

static void release(struct exchange *x)
{
	const char *by = arena_printf(x->arena, "by %.*s, over a link", SLICE_ARG(x->row.address));
	int rc = post_release(x->session->web->admin->post, x->row.id, by);
	if (rc == 0)
		say(x, "200 OK", "Delivered", "You find the message in your mailbox.");
	else if (rc == -ENOENT)
		say_gone(x);
	else if (rc == -EDQUOT)
		say(x, "409 Conflict", "Your mailbox is full",
		    "Make room in it, then follow the link again.");
	else
		say(x, "503 Service Unavailable", "Not now",
		    "The message could not be delivered. It is still held: try again later, or ask "
		    "the administrator.");
}

struct drop {
	const struct exchange *exchange;
	struct slice detail;
};

static int drop_in_commit(struct db *db, void *arg)
{
	const struct drop *d = arg;
	return quarantine_remove(db, &d->exchange->row, JOURNEY_DROPPED, d->detail,
	                         clock_wall_ms());
}

static void drop(struct exchange *x)
{
	struct drop d = { .exchange = x };
	d.detail = slice_from_str(
		arena_printf(x->arena, "by %.*s, over a link", SLICE_ARG(x->row.address)));
	int rc = store_commit(x->session->web->admin->store, NULL, 0, drop_in_commit, &d);
	if (rc == 0)
		say(x, "200 OK", "Thrown away", "The message is gone.");
	else if (rc == -ENOENT)
		say_gone(x);
	else
		say(x, "503 Service Unavailable", "Not now", "Try again later.");
}

/* --- the paths ---------------------------------------------------------------------------- */

static void only(struct exchange *x, const char *methods)
{
	x->allow = methods;
	say(x, "405 Method Not Allowed", "Not so", "This address is asked in another way.");
}

static void route(struct exchange *x)
{
	struct slice rest = x->request.path;
	bool reads = x->request.method == WEB_GET || x->request.method == WEB_HEAD;
	if (!slice_starts_with(rest, SLICE("/quarantine/"))) {
		say_bad_link(x);
		return;
	}
	rest = slice_from(rest, 12);
	x->token_text = slice_split(&rest, '/');
	bool is_release = slice_equal(rest, SLICE("release"));
	bool is_drop = slice_equal(rest, SLICE("drop"));
	if (rest.len > 0 && !is_release && !is_drop)
		say_bad_link(x);
	else if (rest.len == 0 && !reads)
		only(x, "GET, HEAD");
	else if (rest.len > 0 && x->request.method != WEB_POST)
		only(x, "POST");
	else if (!find_message(x))
		return;
	else if (is_release)
		release(x);
	else if (is_drop)
		drop(x);
	else
		show_message(x);
}

/* A token a request; so many a minute, all at once if need be. */
static bool is_within_rate(struct exchange *x)
{
	const struct admin *admin = x->session->web->admin;
	const struct config_guard *guard = &admin->config->guard;
	unsigned count = admin->config->quarantine.max_requests;
	struct net_network network;
	char text[NET_ADDRESS_TEXT_MAX] = "local";
	if (net_network_of(conn_peer(x->session->base.conn), guard->network_bits_v4,
	                   guard->network_bits_v6, &network))
		net_network_text(&network, text);
	if (guard_buckets_take(x->session->web->buckets, slice_from_str(text), count, count,
	                       RATE_US, clock_monotonic_ms() * 1000))
		return true;
	return say(x, "429 Too Many Requests", "Too many requests", "Try again in a minute.");
}

/* --- the session -------------------------------------------------------------------------- */

static int skip_body(struct conn *c, uint64_t len, int64_t deadline)
{
	int rc = 1;
	while (len > 0 && rc > 0) {
		struct slice some = conn_buffered(c);
		size_t take = some.len < len ? some.len : (size_t)len;
		conn_consume(c, take);
		len -= take;
		if (len > 0)
			rc = conn_fill(c, deadline);
	}
	return rc > 0 ? 0 : -ECONNRESET;
}

/* 0: answer it; 1: it is no good, and the answer says so; or the connection is lost. */
static int read_request(struct exchange *x)
{
	struct conn *c = x->session->base.conn;
	int64_t deadline = deadline_in(REQUEST_MS);
	struct slice line;
	int rc = conn_read_line(c, WEB_LINE_MAX, &line, NULL, deadline);
	/* What is read next takes the line's place. */
	bool good = rc == 1 && web_request_line(arena_copy(x->arena, line), &x->request);
	for (int i = 0; rc == 1 && good; i++) {
		rc = conn_read_line(c, WEB_LINE_MAX, &line, NULL, deadline);
		if (rc == 1 && line.len == 0)
			break;
		good = rc == 1 && i < WEB_FIELDS_MAX && web_request_field(line, &x->request);
	}
	if (rc == -EMSGSIZE || (rc == 1 && !good) || x->request.body_bytes > WEB_BODY_MAX) {
		say(x, "400 Bad Request", "Bad request", "This is no request that is understood.");
		return 1;
	}
	if (rc <= 0)
		return rc < 0 ? rc : -ECONNRESET;
	return skip_body(c, x->request.body_bytes, deadline);
}

static void answer(struct web_session *s)
{
	struct exchange x = { .session = s, .arena = arena_new(), .page = buf_make(PAGE_MAX) };
	int rc = read_request(&x);
	if (rc == 0 && is_within_rate(&x))
		route(&x);
	if (rc >= 0 && send_answer(&x) == 0)
		log_debug("web.answered", kv_int("session", (int64_t)s->base.id),
		          kv_str("status", x.status));
	buf_free(&x.page);
	arena_free(x.arena);
}

static enum session_verdict web_open(struct session *base)
{
	struct web_session *s = (struct web_session *)base;
	struct guard_decision d;
	s->web = service_context(base->service);
	return guard_admits(s->web->admin->guard, conn_peer(base->conn),
	                    service_config(base->service)->name, &d)
	               ? SESSION_CONTINUE
	               : SESSION_END;
}

static enum session_verdict web_step(struct session *base, enum session_event event)
{
	if (event == SESSION_INPUT)
		answer((struct web_session *)base);
	return SESSION_END;
}

static void web_close(struct session *base) { (void)base; }

const struct protocol web_protocol = {
	.name = "web",
	.session_size = sizeof(struct web_session),
	.open = web_open,
	.step = web_step,
	.close = web_close,
};
