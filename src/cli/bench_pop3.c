/* veredus bench pop3: storms of logins, and maildrops that are looked through. Sizes are compared
 * with what LIST said. */
#include <errno.h>

#include "base/codec.h"
#include "cli/bench_mail.h"
#include "net/conn.h"

enum { LINE_MAX_BYTES = 60 * 1024, REPLY_MAX = 100 };

struct session {
	struct bench_load *load;
	struct bench_stats *stats;
	struct conn *conn;
	char why[REPLY_MAX];
	uint32_t *sizes; /* of the messages, as LIST said */
	size_t count, capacity;
};

static int64_t deadline(void) { return deadline_in(BENCH_TIMEOUT_MS); }

/* 0 and the reply; -EPROTO for "-ERR". */
static int read_reply(struct session *s, struct slice *out)
{
	struct slice line;
	int rc = conn_read_line(s->conn, LINE_MAX_BYTES, &line, NULL, deadline());
	if (rc <= 0) {
		rc = rc < 0 ? rc : -ECONNRESET;
		snprintf(s->why, sizeof(s->why), "%s", strerrordesc_np(-rc));
		return rc;
	}
	if (out)
		*out = line;
	if (slice_starts_with(line, SLICE("+")))
		return 0;
	snprintf(s->why, sizeof(s->why), "%.*s", (int)(line.len < 90 ? line.len : 90), line.data);
	return -EPROTO;
}

static int command(struct session *s, const char *verb, const char *argument)
{
	int rc = conn_printf(s->conn, deadline(), "%s%s%s\r\n", verb, argument[0] ? " " : "",
	                     argument);
	if (rc == 0)
		rc = conn_flush(s->conn, deadline());
	if (rc < 0)
		snprintf(s->why, sizeof(s->why), "%s", strerrordesc_np(-rc));
	return rc == 0 ? read_reply(s, NULL) : rc;
}

/* Lines up to ".", without the dots that were put in front. take may be NULL. */
static int read_lines(struct session *s, uint64_t *bytes_out,
                      void (*take)(struct session *s, struct slice line))
{
	struct slice line;
	uint64_t bytes = 0;
	for (;;) {
		int rc = conn_read_line(s->conn, LINE_MAX_BYTES, &line, NULL, deadline());
		if (rc <= 0)
			return rc < 0 ? rc : -ECONNRESET;
		if (slice_starts_with(line, SLICE(".")))
			line = slice_from(line, 1);
		else
			rc = 2;
		if (rc == 1 && line.len == 0)
			break;
		bytes += line.len + 2;
		if (take)
			take(s, line);
	}
	*bytes_out = bytes;
	return 0;
}

static void take_size(struct session *s, struct slice line)
{
	uint64_t size;
	slice_split(&line, ' ');
	if (!slice_to_u64(line, &size) || size > UINT32_MAX)
		size = 0;
	if (s->count == s->capacity) {
		s->capacity = s->capacity ? s->capacity * 2 : 64;
		s->sizes = mem_grow(s->sizes, s->capacity * sizeof(*s->sizes));
	}
	s->sizes[s->count++] = (uint32_t)size;
}

/* --- a session -------------------------------------------------------------------------------- */

static int start_tls(struct session *s, const struct client_hop *hop)
{
	const char *why = NULL;
	conn_discard(s->conn);
	int rc = conn_tls_connect(s->conn, s->load->remote.tls_client, hop->host, deadline(), &why);
	if (rc < 0)
		snprintf(s->why, sizeof(s->why), "TLS: %s", why ? why : strerrordesc_np(-rc));
	return rc;
}

static int open_session(struct session *s, const char *user)
{
	const struct remote *r = &s->load->remote;
	int rc = -ENOENT;
	size_t i = 0;
	for (; i < r->hop_count; i++) {
		rc = conn_connect(&r->hops[i].address, NULL, deadline(), &s->conn);
		if (rc == 0)
			break;
	}
	if (rc < 0) {
		snprintf(s->why, sizeof(s->why), "%s", strerrordesc_np(-rc));
		return rc;
	}
	if (r->tls == TLS_RULE_IMPLICIT)
		rc = start_tls(s, &r->hops[i]);
	if (rc == 0)
		rc = read_reply(s, NULL);
	if (rc == 0 && r->tls == TLS_RULE_REQUIRED) {
		rc = command(s, "STLS", "");
		rc = rc == 0 ? start_tls(s, &r->hops[i]) : rc;
	}
	if (rc == 0)
		rc = command(s, "USER", user);
	return rc == 0 ? command(s, "PASS", s->load->password) : rc;
}

static int list(struct session *s)
{
	uint64_t unused = 0;
	int64_t began = clock_monotonic_ns();
	s->count = 0;
	int rc = command(s, "LIST", "");
	if (rc == 0)
		rc = read_lines(s, &unused, take_size);
	if (rc == 0)
		bench_note(s->stats, BENCH_LIST, began);
	return rc;
}

static int retrieve(struct session *s)
{
	char number[24];
	uint64_t bytes = 0;
	size_t index = (size_t)random_below(s->count);
	int64_t began = clock_monotonic_ns();
	snprintf(number, sizeof(number), "%zu", index + 1);
	int rc = command(s, "RETR", number);
	if (rc == 0)
		rc = read_lines(s, &bytes, NULL);
	if (rc < 0)
		return rc;
	if (bytes != s->sizes[index])
		bench_fail(s->stats, "RETR", "the message is not as long as LIST said");
	else
		bench_note(s->stats, BENCH_BODY, began);
	s->stats->bytes += bytes;
	return 0;
}

static void use_session(struct session *s)
{
	int rc = 0;
	if (!slice_equal(slice_from_str(s->load->mode), SLICE("login")))
		rc = list(s);
	for (int64_t i = 0; rc == 0 && i < s->load->count && s->count > 0; i++)
		rc = retrieve(s);
	if (rc == 0)
		rc = command(s, "QUIT", "");
	if (rc < 0)
		bench_fail(s->stats, "session", s->why);
}

static void run_session(struct bench_load *load, int64_t number, struct bench_stats *stats)
{
	struct arena *arena = arena_new();
	struct session s = { .load = load, .stats = stats };
	const char *user = bench_user(load, arena, number);
	do {
		int64_t began = clock_monotonic_ns();
		if (open_session(&s, user) == 0) {
			bench_note(stats, BENCH_LOGIN, began);
			use_session(&s);
		} else {
			bench_fail(stats, "login", s.why);
			fiber_sleep(deadline_in(100));
		}
		conn_close(s.conn);
		s.conn = NULL;
		s.count = 0;
	} while (!bench_is_over(load));
	free(s.sizes);
	arena_free(arena);
}

int bench_pop3(struct cli *cli)
{
	static const char *const modes[] = { "retrieve", "login", NULL };
	return bench_mail(cli, 110, 995, modes, run_session);
}
