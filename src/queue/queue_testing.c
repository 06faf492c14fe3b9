#include "queue/queue_testing.h"
#include "route/queue_rows.h"

#include <errno.h>
#include <unistd.h>

#include "directory/directory.h"
#include "fiber/fiber.h"
#include "message/dotstuff.h"
#include "net/conn.h"
#include "route/post.h"

#define WAIT_MS 15000
#define STEP_MS 5

/* --- the remote ------------------------------------------------------------------------- */

static const char *friendly(const char *verb)
{
	static const struct {
		const char *verb, *reply;
	} replies[] = {
		{ "CONNECT", "220 remote.test ESMTP" },
		{ "EHLO", "250-remote.test\r\n250 PIPELINING" },
		{ "DATA", "354 go on" },
		{ ".", "250 2.0.0 taken" },
		{ "QUIT", "221 2.0.0 bye" },
	};
	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
		if (slice_equal(slice_from_str(verb), slice_from_str(replies[i].verb)))
			return replies[i].reply;
	}
	return "250 2.0.0 ok";
}

static const char *reply_to(struct remote *r, const char *verb, struct slice line)
{
	bool data = slice_equal(slice_from_str(verb), SLICE("DATA"));
	for (size_t i = 0; i < 8 && r->rules[i].verb; i++) {
		struct remote_rule *rule = &r->rules[i];
		if (rule->times == 0 ||
		    !slice_equal(slice_from_str(rule->verb), slice_from_str(verb)))
			continue;
		if (rule->contains && slice_find(line, slice_from_str(rule->contains)) < 0)
			continue;
		if (rule->times > 0)
			rule->times--;
		return rule->reply;
	}
	return data && r->taken == 0 ? "503 5.5.1 nobody to send to" : friendly(verb);
}

/* False: hang up. */
static bool answer(struct remote *r, struct conn *c, const char *verb, struct slice line)
{
	const char *reply = reply_to(r, verb, line);
	if (!reply)
		return false;
	if (conn_printf(c, deadline_in(WAIT_MS), "%s\r\n", reply) < 0 ||
	    conn_flush(c, deadline_in(WAIT_MS)) < 0)
		return false;
	if (reply[0] == '2' && slice_equal(slice_from_str(verb), SLICE(".")))
		r->messages++;
	if (slice_equal(slice_from_str(verb), SLICE("MAIL"))) {
		r->mails++;
		r->taken = 0;
	}
	bool taken = reply[0] == '2' && slice_equal(slice_from_str(verb), SLICE("RCPT"));
	r->taken += taken;
	r->in_data = slice_starts_with(slice_from_str(reply), SLICE("354"));
	r->recipients += taken;
	return !slice_starts_with(slice_from_str(reply), SLICE("421"));
}

static bool read_message(struct remote *r, struct conn *c)
{
	struct dot_unstuffer u = dot_unstuffer_make(DOT_BARE_REFUSE);
	struct buf message = buf_make(1 << 20);
	int rc = 0;
	while (rc == 0) {
		size_t used;
		if (conn_buffered(c).len == 0 && conn_fill(c, deadline_in(WAIT_MS)) <= 0)
			break;
		rc = dot_unstuff(&u, conn_buffered(c), dot_sink_buf, &message, &used);
		conn_consume(c, used);
	}
	struct slice all = slice_sub(buf_slice(&message), 0, sizeof(r->last));
	memcpy(r->last, all.data, all.len);
	r->last_len = all.len;
	buf_free(&message);
	return rc == 1;
}

struct visit {
	struct remote *remote;
	int fd;
};

static void serve(void *arg)
{
	struct visit *v = arg;
	struct remote *r = v->remote;
	struct net_address peer = { .len = 0 };
	struct conn *c;
	struct slice line;
	int fd = v->fd;
	free(v);
	if (conn_new(fd, &peer, &c) < 0)
		return;
	if (r->connected)
		r->connected();
	bool on = answer(r, c, "CONNECT", SLICE_EMPTY);
	while (on && conn_read_line(c, 2000, &line, NULL, deadline_in(WAIT_MS)) == 1) {
		char verb[5] = "";
		snprintf(verb, sizeof(verb), "%.*s", SLICE_ARG(slice_sub(line, 0, 4)));
		bool data = slice_equal(slice_from_str(verb), SLICE("DATA"));
		on = answer(r, c, verb, line);
		if (on && data && r->in_data)
			on = read_message(r, c) && answer(r, c, ".", SLICE_EMPTY);
	}
	conn_close(c);
}

static void accept_all(void *arg)
{
	struct remote *r = arg;
	while (fiber_wait_fd(r->listener, FIBER_READ, DEADLINE_NEVER) == 0) {
		int fd = accept4(r->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		struct visit *v = mem_alloc(sizeof(*v));
		*v = (struct visit){ r, fd };
		r->connections++;
		fiber_start(-1, "remote", serve, v);
	}
}

static void remote_open(struct remote *r)
{
	struct sockaddr_in name = { .sin_family = AF_INET,
		                    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(name);
	r->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(r->listener, (struct sockaddr *)&name, len), 0);
	assert_int_equal(listen(r->listener, 100), 0);
	assert_int_equal(getsockname(r->listener, (struct sockaddr *)&name, &len), 0);
	r->port = ntohs(name.sin_port);
}

/* --- the office ------------------------------------------------------------------------- */

static int make_account(struct db *db, void *arg)
{
	struct account_new account = { .address = SLICE("alice@example.test"),
		                       .made = mailbox_make_folders };
	int64_t id;
	(void)arg;
	int rc = directory_add_domain(db, SLICE("example.test"));
	return rc < 0 ? rc : directory_add_account(db, &account, &id);
}

static void added(void *arg) { queue_added(((struct office *)arg)->queue); }

static void open_parts(struct office *o)
{
	const struct post_config post = { .store = o->store,
		                          .mailboxes = o->mailboxes,
		                          .config = o->config,
		                          .queued = added,
		                          .queued_arg = o };
	assert_int_equal(post_open(&post, &o->post), 0);
	const struct queue_config queue = { .store = o->store,
		                            .post = o->post,
		                            .config = o->config };
	assert_int_equal(queue_open(&queue, &o->queue), 0);
}

int office_setup(void **state)
{
	void *dir;
	if (testing_make_dir(&dir) != 0)
		return -1;
	struct office *o = mem_zero(1, sizeof(*o));
	o->arena = arena_new();
	o->dir = dir;
	o->config = config_defaults(dir);
	o->config->hostname = "mx.example.test";
	o->config->queue.times.retry_first_ms = 50;
	o->config->queue.times.retry_max_ms = 400;
	o->config->queue.times.expire_ms = 5 * 24 * 3600 * 1000LL;
	o->config->queue.tls = false;
	o->store = testing_open(dir);
	assert_int_equal(store_commit(o->store, NULL, 0, make_account, NULL), 0);
	assert_int_equal(mailboxes_open(o->store, &o->mailboxes), 0);
	remote_open(&o->remote);
	o->smarthost = (struct config_smarthost){
		.domain = "*", .host = "127.0.0.1", .port = o->remote.port, .tls = TLS_RULE_NONE
	};
	o->config->smarthosts = &o->smarthost;
	o->config->smarthost_count = 1;
	open_parts(o);
	*state = o;
	return 0;
}

void office_reopen(struct office *o)
{
	queue_close(o->queue);
	post_close(o->post);
	open_parts(o);
}

int office_teardown(void **state)
{
	struct office *o = *state;
	void *dir = o->dir;
	queue_close(o->queue);
	post_close(o->post);
	mailboxes_close(o->mailboxes);
	store_close(o->store);
	config_free(o->config);
	arena_free(o->arena);
	close(o->remote.listener);
	free(o);
	testing_remove_tree(dir);
	free(dir);
	return 0;
}

static void run_scenario(void *arg)
{
	struct office *o = arg;
	fiber_start(-1, "remote listener", accept_all, &o->remote);
	EXPECT_NUMBER(o, queue_start(o->queue), 0);
	o->scenario(o);
	runtime_stop(1000);
}

void office_run(struct office *o, void (*scenario)(struct office *o))
{
	/* Deliveries run on both; the remote and the scenario on the first alone. */
	const struct runtime_config config = { .workers = 2 };
	o->scenario = scenario;
	assert_int_equal(runtime_run(&config, run_scenario, o), 0);
	assert_string_equal(o->failure, "");
}

void office_fail(struct office *o, int line, const char *what, int64_t found, int64_t wanted)
{
	if (!o->failure[0])
		snprintf(o->failure, sizeof(o->failure), "line %d: %s is %lld, not %lld", line,
		         what, (long long)found, (long long)wanted);
}

void office_post(struct office *o, const char *from, const char *to, unsigned notify)
{
	static const struct post_client member = { .protocol = "ESMTPA", .may_relay = true };
	struct post_recipient recipients[16];
	struct post_envelope envelope = { .reverse_path = slice_from_str(from),
		                          .recipients = recipients };
	struct slice rest = slice_from_str(to);
	char id[17];
	while (rest.len > 0 && envelope.recipient_count < 16) {
		struct slice domain = slice_split(&rest, ' ');
		struct slice local = slice_split(&domain, '@');
		recipients[envelope.recipient_count++] = (struct post_recipient){
			.local = local, .domain = domain, .notify = notify
		};
	}
	EXPECT(o, post_deliver(o->post, &member, &envelope, SLICE("Received: test\r\n"),
	                       SLICE("Subject: one\r\nMessage-ID: <1@x.test>\r\n\r\n"
	                             ".dot\r\nbody\r\n"),
	                       id) == POST_ACCEPTED);
}

struct fill {
	struct office *office;
	int count, domains;
	const char *domain;
	struct store_blob blob;
};

static int fill_one(struct db *db, const struct fill *f, int i)
{
	struct arena *arena = f->office->arena;
	char id[17];
	char *name = arena_str(arena, slice_from_str(f->domain));
	char *number = strchr(name, '#');
	if (number)
		name = arena_printf(arena, "%.*s%d%s", (int)(number - name), name, i % f->domains,
		                    number + 1);
	snprintf(id, sizeof(id), "F%015d", i);
	const struct queue_new_recipient to = {
		.forward_path = slice_from_str(arena_printf(arena, "u%d@%s", i, name)),
		.domain = slice_from_str(name),
	};
	const struct queue_new_message m = {
		.queue_id = slice_from_str(id),
		.reverse_path = SLICE("alice@example.test"),
		.blob_id = f->blob.id,
		.now_ms = clock_wall_ms(),
		.due_ms = clock_wall_ms(),
		.expires_ms = clock_wall_ms() + 24 * 3600 * 1000,
		.recipients = &to,
		.recipient_count = 1,
	};
	return queue_add_message(db, &m);
}

static int fill_commit(struct db *db, void *arg)
{
	const struct fill *f = arg;
	int rc = 0;
	for (int i = 0; i < f->count && rc == 0; i++)
		rc = fill_one(db, f, i);
	return rc;
}

void office_fill(struct office *o, int count, const char *domain, int domains)
{
	const struct slice message = SLICE("Subject: filled\r\n\r\nbody\r\n");
	struct fill f = { .office = o,
		          .count = count,
		          .domain = domain,
		          .domains = domains,
		          .blob = { .parts = &message, .part_count = 1 } };
	EXPECT_NUMBER(o, store_commit(o->store, &f.blob, 1, fill_commit, &f), 0);
}

struct question {
	const char *sql;
	int64_t answer;
};

static int ask(struct db *db, void *arg)
{
	struct question *q = arg;
	return db_get_int(db, &q->answer, q->sql, "");
}

int64_t office_count(struct office *o, const char *sql)
{
	struct question q = { .sql = sql };
	EXPECT_NUMBER(o, store_read(o->store, ask, &q), 0);
	return q.answer;
}

void office_wait(struct office *o, const char *sql, int64_t wanted)
{
	int64_t deadline = deadline_in(WAIT_MS);
	int64_t found;
	while ((found = office_count(o, sql)) != wanted && clock_monotonic_ms() < deadline)
		fiber_sleep(deadline_in(STEP_MS));
	if (found != wanted)
		office_fail(o, 0, sql, found, wanted);
}

struct slice office_inbox(struct office *o)
{
	struct blob_view view;
	struct question q = { .sql = "SELECT coalesce(max(blob_id), 0) FROM message" };
	if (store_read(o->store, ask, &q) < 0 || blob_open(o->store, q.answer, &view) < 0)
		return SLICE_EMPTY;
	struct slice copy = arena_copy(o->arena, view.bytes);
	blob_close(&view);
	return copy;
}
