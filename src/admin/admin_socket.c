/* The control socket: lines of JSON, and HTTP's GET /metrics. */
#include <errno.h>

#include "admin/admin.h"
#include "base/log.h"

enum {
	WRITE_MS = 30000,
	BODY_MS = 60000,
	METRICS_MAX = 1 << 20,
	HTTP_HEADERS_MAX = 100,
	HTTP_LINE_MAX = 8192
};

struct admin_session {
	struct session base;
	struct admin_visit visit;
};

static enum session_verdict admin_open(struct session *s)
{
	(void)s;
	return SESSION_CONTINUE;
}

static int send_line(struct conn *c, const json_t *json)
{
	char *text = json_dumps(json, JSON_COMPACT | JSON_ENSURE_ASCII);
	int rc = text ? conn_write(c, slice_from_str(text), deadline_in(WRITE_MS)) : -ENOMEM;
	if (rc == 0)
		rc = conn_write(c, SLICE("\n"), deadline_in(WRITE_MS));
	free(text);
	return rc;
}

static int send_item(void *arg, json_t *item)
{
	json_t *line = json_pack("{s:o}", "item", item);
	int rc = send_line(arg, line);
	json_decref(line);
	return rc;
}

static int send_bytes(void *arg, struct slice bytes)
{
	return conn_write(arg, bytes, deadline_in(WRITE_MS));
}

static int read_body(void *arg, uint64_t len, int (*take)(void *, struct slice), void *take_arg)
{
	struct conn *c = arg;
	int rc = 0;
	while (len > 0 && rc == 0) {
		struct slice some = conn_buffered(c);
		if (some.len == 0) {
			rc = conn_fill(c, deadline_in(BODY_MS));
			rc = rc == 0 ? -ECONNRESET : rc < 0 ? rc : 0;
			continue;
		}
		some = slice_sub(some, 0, len < some.len ? (size_t)len : some.len);
		rc = take(take_arg, some);
		conn_consume(c, some.len);
		len -= some.len;
	}
	return rc;
}

static int skip(void *unused, struct slice bytes)
{
	(void)unused;
	(void)bytes;
	return 0;
}

static int send_end(struct conn *c, int rc, const struct admin_reply *reply)
{
	json_t *line = rc < 0 ? json_pack("{s:b, s:o}", "ok", 0, "error",
	                                  admin_json_text(slice_from_str(reply->error)))
	                      : json_pack("{s:b}", "ok", 1);
	int sent = send_line(c, line);
	json_decref(line);
	return sent == 0 ? conn_flush(c, deadline_in(WRITE_MS)) : sent;
}

static int answer(struct session *s, struct slice line)
{
	struct admin *admin = service_context(s->service);
	struct admin_session *session = (struct admin_session *)s;
	struct admin_reply reply = { .item = send_item,
		                     .bytes = send_bytes,
		                     .body = read_body,
		                     .arg = s->conn,
		                     .visit = &session->visit };
	json_error_t why;
	json_t *request = json_loadb(line.data, line.len, JSON_REJECT_DUPLICATES, &why);
	int64_t body = admin_number(request, "body_bytes", 0);
	int rc;
	reply.body_left = body > 0 ? (uint64_t)body : 0;
	if (!request)
		rc = admin_fail(&reply, -EINVAL, "this is no JSON: %s", why.text);
	else
		rc = admin_call(admin, request, &reply);
	if (rc < 0)
		log_warn("admin.failed", kv_str("command", admin_text(request, "command")),
		         kv_str("why", reply.error));
	json_decref(request);
	/* What follows it is not to be taken for a request. */
	if (admin_body(&reply, reply.body_left, skip, NULL) < 0)
		return -ECONNRESET;
	return send_end(s->conn, rc, &reply);
}

/* --- HTTP: as little as curl and Prometheus need ---------------------------------------- */

static int skip_headers(struct conn *c, int64_t deadline)
{
	struct slice line = SLICE("x");
	for (int i = 0; i < HTTP_HEADERS_MAX && line.len > 0; i++) {
		int rc = conn_read_line(c, HTTP_LINE_MAX, &line, NULL, deadline);
		if (rc <= 0)
			return rc < 0 ? rc : -ECONNRESET;
	}
	return line.len == 0 ? 0 : -EMSGSIZE;
}

static int send_http(struct conn *c, const char *status, struct slice body)
{
	int64_t deadline = deadline_in(WRITE_MS);
	int rc = conn_printf(c, deadline,
	                     "HTTP/1.1 %s\r\nContent-Type: text/plain; version=0.0.4\r\n"
	                     "Content-Length: %zu\r\nConnection: close\r\n\r\n",
	                     status, body.len);
	if (rc == 0)
		rc = conn_write(c, body, deadline);
	return rc == 0 ? conn_flush(c, deadline) : rc;
}

static void answer_http(struct session *s, bool metrics)
{
	struct buf body = buf_make(METRICS_MAX);
	if (skip_headers(s->conn, deadline_in(WRITE_MS)) == 0) {
		if (metrics)
			admin_print_metrics(service_context(s->service), &body);
		else
			buf_append(&body, SLICE("Only /metrics is here.\n"));
		send_http(s->conn, metrics ? "200 OK" : "404 Not Found", buf_slice(&body));
	}
	buf_free(&body);
}

static enum session_verdict admin_step(struct session *s, enum session_event event)
{
	struct slice line;
	if (event != SESSION_INPUT)
		return SESSION_END;
	int rc = conn_read_line(s->conn, ADMIN_LINE_MAX, &line, NULL, deadline_in(s->idle_ms));
	if (rc <= 0)
		return SESSION_END;
	if (slice_starts_with(line, SLICE("GET "))) {
		answer_http(s, slice_starts_with(line, SLICE("GET /metrics ")));
		return SESSION_END;
	}
	/* What a handler reads from the socket would overwrite the line. */
	struct arena *arena = arena_new();
	rc = answer(s, arena_copy(arena, line));
	arena_free(arena);
	return rc < 0 ? SESSION_END : SESSION_CONTINUE;
}

static void admin_close(struct session *s) { admin_visit_end(&((struct admin_session *)s)->visit); }

const struct protocol admin_protocol = {
	.name = "admin",
	.session_size = sizeof(struct admin_session),
	.open = admin_open,
	.step = admin_step,
	.close = admin_close,
};
