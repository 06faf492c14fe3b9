#include "net/conn_race.h"

#include <dirent.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/net_test.h"

#define MOMENT_MS 50

/* Who listens at 127.0.0.1 and a port of its own. */
struct place {
	struct net_address address;
	int listener;
	int waiting[3];
};

struct places {
	struct place at[4];
	size_t count, tried;
	size_t order[8];
};

static void listen_at(struct place *p, int backlog)
{
	*p = (struct place){ .waiting = { -1, -1, -1 } };
	CHECK(net_address_parse(SLICE("127.0.0.1:0"), 0, &p->address) == 0);
	p->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CHECK(bind(p->listener, &p->address.any, p->address.len) == 0);
	CHECK(getsockname(p->listener, &p->address.any, &p->address.len) == 0);
	if (backlog >= 0)
		CHECK(listen(p->listener, backlog) == 0);
}

/* Its queue is full: further SYNs are not answered. */
static void fill(struct place *p)
{
	for (int i = 0; i < 3; i++) {
		p->waiting[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)connect(p->waiting[i], &p->address.any, p->address.len);
	}
}

static void places_make(struct places *s, const char *kinds)
{
	*s = (struct places){ .count = strlen(kinds) };
	for (size_t i = 0; i < s->count; i++) {
		listen_at(&s->at[i], kinds[i] == 'r' ? -1 : kinds[i] == 's' ? 0 : 8);
		if (kinds[i] == 's')
			fill(&s->at[i]);
	}
	CHECK(fiber_sleep(deadline_in(20)) == 0);
}

static void places_end(struct places *s)
{
	for (size_t i = 0; i < s->count; i++) {
		close(s->at[i].listener);
		for (int j = 0; j < 3 && s->at[i].waiting[j] >= 0; j++)
			close(s->at[i].waiting[j]);
	}
}

static int go(void *arg, size_t which, struct conn **out)
{
	struct places *s = arg;
	s->order[s->tried++] = which;
	return conn_connect(&s->at[which].address, NULL, deadline_in(1000), out);
}

static size_t open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t count = 0;
	while (readdir(dir))
		count++;
	closedir(dir);
	return count;
}

/* kinds: s silent, r refuses, l listens. */
static void race(const char *kinds, int rc, size_t winner, size_t tried, int64_t min_ms,
                 int64_t max_ms)
{
	struct places s;
	struct conn *conn = NULL;
	size_t which = 99;

	places_make(&s, kinds);
	size_t files = open_files();
	int64_t begun = clock_monotonic_ms();
	CHECK(conn_race(s.count, go, &s, MOMENT_MS, &conn, &which) == rc);
	int64_t took = clock_monotonic_ms() - begun;
	CHECK(took >= min_ms && took < max_ms);
	CHECK(s.tried == tried);
	for (size_t i = 0; i < tried; i++)
		CHECK(s.order[i] == i);
	if (rc == 0) {
		CHECK(which == winner);
		CHECK(net_address_port(conn_peer(conn)) == net_address_port(&s.at[winner].address));
	}
	conn_close(conn);
	CHECK(open_files() == files);
	places_end(&s);
}

static void races(struct net_test *t)
{
	(void)t;
	race("l", 0, 0, 1, 0, MOMENT_MS);
	race("lll", 0, 0, 1, 0, MOMENT_MS);
	/* What has failed is followed at once. */
	race("rrl", 0, 2, 3, 0, MOMENT_MS);
	race("rr", -ECONNREFUSED, 0, 2, 0, MOMENT_MS);
	race("sl", 0, 1, 2, MOMENT_MS, 900);
	race("ssl", 0, 2, 3, 2 * MOMENT_MS, 900);
	race("srl", 0, 2, 3, MOMENT_MS, 900);
	race("ss", -ETIMEDOUT, 0, 2, 1000, 3000);
	race("rs", -ETIMEDOUT, 0, 2, 1000, 3000);
}

/* Who waited is cancelled: so are those who run. */
static void stopped(void *arg)
{
	struct places *s = arg;
	struct conn *conn;
	size_t which;
	CHECK(conn_race(2, go, s, MOMENT_MS, &conn, &which) == -ECANCELED);
	s->count = 0;
}

static void is_stopped(struct net_test *t)
{
	struct places s;

	(void)t;
	places_make(&s, "ss");
	size_t count = s.count;
	fiber_id id = fiber_start(-1, "race", stopped, &s);
	fiber_sleep(deadline_in(2 * MOMENT_MS));
	fiber_cancel(id);
	CHECK(fiber_join(id, deadline_in(500)) == 0);
	CHECK(s.count == 0 && s.tried == 2);
	s.count = count;
	places_end(&s);
}

static void test_races(void **state)
{
	(void)state;
	net_test_run(1, races);
}

static void test_stop(void **state)
{
	(void)state;
	net_test_run(1, is_stopped);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_races),
		                            cmocka_unit_test(test_stop) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
