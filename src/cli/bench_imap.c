/* veredus bench imap: storms of logins, sessions that idle, and mixes of what clients ask. Each
 * answer is looked at: as many FETCH responses as messages were asked for, with what was asked for
 * in them, bodies as long as their RFC822.SIZE. */
#include <errno.h>

#include "base/codec.h"
#include "cli/bench_mail.h"
#include "cli/imap_answer.h"
#include "cli/imap_client.h"

enum {
	FLAGS_MESSAGES = 100,
	ENVELOPE_MESSAGES = 20,
	NOTICE_EVERY_MS = 200,
	RESPONSE_BYTES = 101 << 20,
	LINE_BYTES = 76,
};

struct session {
	struct bench_load *load;
	struct bench_stats *stats;
	struct imap_client *client;
	struct arena *arena;
	const char *folder;
	struct slice message; /* that is appended */
	uint32_t exists;
	/* Of the request at hand. */
	uint32_t first, last, seen;
	enum bench_op op;
	bool wrong;
	int64_t noticed_ns; /* which APPEND was heard of */
};

/* --- answers ---------------------------------------------------------------------------- */

static int take_exists(void *arg, struct slice response)
{
	struct session *s = arg;
	imap_read_count(response, SLICE("EXISTS"), &s->exists);
	return 0;
}

static int take_fetched(void *arg, struct slice response)
{
	struct session *s = arg;
	struct imap_fetched f;
	arena_reset(s->arena);
	if (!imap_read_fetch(response, s->arena, &f))
		return take_exists(arg, response);
	if (f.seq < s->first || f.seq > s->last) /* what others changed */
		return 0;
	/* Others may have changed flags meanwhile, of which we are told, too. */
	if (s->op == BENCH_BODY       ? !f.has_body
	    : s->op == BENCH_ENVELOPE ? !f.has_envelope
	                              : !f.has_flags)
		return 0;
	s->seen++;
	if (s->op == BENCH_BODY) {
		s->wrong |= !f.has_size || f.body.len != f.size;
		s->stats->bytes += f.body.len;
	} else if (s->op == BENCH_ENVELOPE) {
		s->wrong |= !f.has_size || !f.has_date;
	}
	return 0;
}

/* --- requests --------------------------------------------------------------------------- */

static bool judge(struct session *s, enum bench_op op, int64_t began, int rc)
{
	static const char *const names[BENCH_OPS] = {
		[BENCH_LOGIN] = "login",       [BENCH_SELECT] = "SELECT",
		[BENCH_FLAGS] = "FETCH FLAGS", [BENCH_ENVELOPE] = "FETCH ENVELOPE",
		[BENCH_BODY] = "FETCH BODY[]", [BENCH_STORE] = "STORE",
		[BENCH_APPEND] = "APPEND",     [BENCH_NOTICE] = "IDLE",
	};
	if (rc != 0)
		bench_fail(s->stats, names[op], imap_client_why(s->client));
	else
		bench_note(s->stats, op, began);
	return rc >= 0;
}

static bool fetch(struct session *s, enum bench_op op, uint32_t count, const char *items)
{
	if (count > s->exists)
		count = s->exists;
	s->op = op;
	s->first = 1 + (uint32_t)random_below(s->exists - count + 1);
	s->last = s->first + count - 1;
	s->seen = 0;
	s->wrong = false;
	int64_t began = clock_monotonic_ns();
	int rc = imap_client_run(s->client, take_fetched, s, "FETCH %u:%u %s", s->first, s->last,
	                         items);
	if (rc == 0 && (s->wrong || s->seen < count)) {
		bench_fail(s->stats, items, "the answer is wrong");
		return true;
	}
	return judge(s, op, began, rc);
}

static bool store(struct session *s)
{
	s->op = BENCH_STORE;
	s->first = s->last = 1 + (uint32_t)random_below(s->exists);
	s->seen = 0;
	int64_t began = clock_monotonic_ns();
	int rc = imap_client_run(s->client, take_fetched, s, "STORE %u %cFLAGS (\\Flagged)",
	                         s->first, random_below(2) ? '+' : '-');
	if (rc == 0 && s->seen == 0) {
		bench_fail(s->stats, "STORE", "no flags were told");
		return true;
	}
	return judge(s, BENCH_STORE, began, rc);
}

static bool append(struct session *s)
{
	int64_t began = clock_monotonic_ns();
	int rc = imap_client_run_literal(s->client, s->message, take_exists, s, "APPEND %s",
	                                 s->folder);
	return judge(s, BENCH_APPEND, began, rc);
}

static bool select_folder(struct session *s)
{
	int64_t began = clock_monotonic_ns();
	s->exists = 0;
	return judge(s, BENCH_SELECT, began,
	             imap_client_run(s->client, take_exists, s, "SELECT %s", s->folder));
}

static bool open_session(struct session *s, const struct imap_client_config *config)
{
	const struct remote *r = &s->load->remote;
	int rc = -ENOENT;
	int64_t began = clock_monotonic_ns();
	for (size_t i = 0; i < r->hop_count && rc < 0; i++) {
		imap_client_close(s->client);
		rc = imap_client_open(config, &r->hops[i], &s->client);
	}
	judge(s, BENCH_LOGIN, began, rc);
	return rc == 0;
}

/* --- modes ------------------------------------------------------------------------------ */

/* What a client does all day; where the folder is empty, the first thing is to fill it. */
static bool ask_something(struct session *s)
{
	uint64_t what = s->exists == 0 ? 99 : random_below(100);
	if (what < 40)
		return fetch(s, BENCH_FLAGS, FLAGS_MESSAGES, "(UID FLAGS)");
	if (what < 60)
		return fetch(s, BENCH_ENVELOPE, ENVELOPE_MESSAGES,
		             "(UID ENVELOPE RFC822.SIZE INTERNALDATE)");
	if (what < 80)
		return fetch(s, BENCH_BODY, 1, "(RFC822.SIZE BODY.PEEK[])");
	return what < 90 ? store(s) : append(s);
}

static int take_notice(void *arg, struct slice response)
{
	struct session *s = arg;
	uint32_t before = s->exists;
	imap_read_count(response, SLICE("EXISTS"), &s->exists);
	int64_t sent = atomic_load(&s->load->sent_ns);
	if (s->exists > before && sent > s->noticed_ns) {
		s->noticed_ns = sent;
		bench_note(s->stats, BENCH_NOTICE, sent);
	}
	return 0;
}

static bool is_over(void *arg) { return bench_is_over(((struct session *)arg)->load); }

/* All sessions but the first listen; that one appends, and what passes until the others hear of it
 * is measured. */
static void idle(struct session *s, bool appends)
{
	struct bench_load *l = s->load;
	if (!appends) {
		atomic_fetch_add(&l->idling, 1);
		int64_t left_ms = (l->end_ns - clock_monotonic_ns()) / 1000000;
		int rc = imap_client_idle(s->client, take_notice, s, is_over,
		                          deadline_in(left_ms > 0 ? left_ms : 0));
		if (rc != 0)
			bench_fail(s->stats, "IDLE", imap_client_why(s->client));
		return;
	}
	while (!bench_is_over(l) && atomic_load(&l->idling) < l->sessions - 1)
		fiber_sleep(deadline_in(10));
	while (!bench_is_over(l)) {
		fiber_sleep(deadline_in(NOTICE_EVERY_MS));
		atomic_store(&l->sent_ns, clock_monotonic_ns());
		if (!append(s))
			break;
	}
}

static bool is_mode(const struct session *s, const char *mode)
{
	return slice_equal(slice_from_str(s->load->mode), slice_from_str(mode));
}

static void run_mode(struct session *s, int64_t number)
{
	if (is_mode(s, "login") || !select_folder(s))
		return;
	if (is_mode(s, "idle")) {
		idle(s, number == 0);
		return;
	}
	while (!bench_is_over(s->load)) {
		bool alive = is_mode(s, "append") ? append(s) : ask_something(s);
		if (!alive)
			break;
	}
}

/* Lines of letters up to the size. */
static struct slice make_message(struct arena *arena, int64_t size)
{
	static const char head[] = "Subject: bench\r\nFrom: bench <bench@client.test>\r\n"
				   "Date: Thu, 01 Jan 2026 00:00:00 +0000\r\n\r\n";
	char *out = arena_alloc(arena, (size_t)size + sizeof(head) + LINE_BYTES + 2);
	size_t len = sizeof(head) - 1;
	memcpy(out, head, len);
	while (len < (size_t)size) {
		for (size_t i = 0; i < LINE_BYTES; i++)
			out[len + i] = (char)('a' + (len * 7 + i) % 26);
		memcpy(out + len + LINE_BYTES, "\r\n", 2);
		len += LINE_BYTES + 2;
	}
	return slice_of(out, len);
}

static void run_session(struct bench_load *load, int64_t number, struct bench_stats *stats)
{
	struct arena *own = arena_new();
	const char *folder = cli_text(load->cli, "folder");
	struct session s = { .load = load, .stats = stats, .arena = arena_new() };
	const struct imap_client_config config = { .tls = load->remote.tls,
		                                   .tls_client = load->remote.tls_client,
		                                   .user = bench_user(load, own, number),
		                                   .password = load->password,
		                                   .timeout_ms = BENCH_TIMEOUT_MS,
		                                   .response_bytes = RESPONSE_BYTES };
	s.message = make_message(own, load->size);
	s.folder = imap_client_quoted(own, folder ? slice_from_str(folder) : SLICE("INBOX"));
	do {
		if (open_session(&s, &config))
			run_mode(&s, number);
		else
			fiber_sleep(deadline_in(100)); /* who refuses us is not to be stormed */
		imap_client_close(s.client);
		s.client = NULL;
	} while (!bench_is_over(load));
	arena_free(s.arena);
	arena_free(own);
}

int bench_imap(struct cli *cli)
{
	static const char *const modes[] = { "mix", "login", "idle", "append", NULL };
	return bench_mail(cli, 143, 993, modes, run_session);
}
