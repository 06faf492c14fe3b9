/* A server that never answers: waits end by the deadline, by the resolver's own limit, or by
 * cancelling. Answers are tested against a real server, in tests/test_dns.py. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "dns/dns.h"
#include "fiber/fiber.h"

struct silence {
	int fd;
	char forwarder[32];
	struct dns *dns;
	int rc[3];
};

static void setup_silence(struct silence *s)
{
	struct net_address here;

	assert_int_equal(net_address_parse(SLICE("127.0.0.1:0"), 0, &here), 0);
	s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->fd, &here.any, here.len), 0);
	assert_int_equal(getsockname(s->fd, &here.any, &here.len), 0);
	snprintf(s->forwarder, sizeof(s->forwarder), "127.0.0.1@%u", net_address_port(&here));
}

static void asks_until_cancelled(void *arg)
{
	struct silence *s = arg;
	struct arena *a = arena_new();
	struct dns_answer answer;

	s->rc[2] = dns_mx(s->dns, a, "example.test", DEADLINE_NEVER, &answer);
	arena_free(a);
}

static void silence_body(void *arg)
{
	struct silence *s = arg;
	struct dns_config patient = { .forwarder = s->forwarder, .trust_anchor = "" };
	struct dns_config hasty = patient;
	struct arena *a = arena_new();
	struct dns_answer answer;
	fiber_id asker;

	hasty.timeout_ms = 20;
	if (dns_open(&patient, &s->dns) < 0)
		abort();
	s->rc[0] = dns_addresses(s->dns, a, "example.test", deadline_in(20), &answer);
	asker = fiber_start(-1, "asker", asks_until_cancelled, s);
	(void)fiber_sleep(deadline_in(20));
	fiber_cancel(asker);
	(void)fiber_join(asker, DEADLINE_NEVER);
	dns_close(s->dns);
	if (dns_open(&hasty, &s->dns) < 0)
		abort();
	s->rc[1] = dns_addresses(s->dns, a, "example.test", DEADLINE_NEVER, &answer);
	dns_close(s->dns);
	arena_free(a);
	runtime_stop(0);
}

static void waits_end(void **state)
{
	struct runtime_config config = { .workers = 1 };
	struct silence s = { 0 };

	(void)state;
	setup_silence(&s);
	assert_int_equal(runtime_run(&config, silence_body, &s), 0);
	assert_int_equal(s.rc[0], -ETIMEDOUT);
	assert_int_equal(s.rc[1], -EAGAIN);
	assert_int_equal(s.rc[2], -ECANCELED);
	close(s.fd);
}

/* --- equal questions -------------------------------------------------------------------- */

struct pair {
	struct silence silence;
	int64_t patience_ms[2];
	int rc[2];
	size_t turn;
	struct dns_counts counts;
};

static void asks_alike(void *arg)
{
	struct pair *p = arg;
	size_t i = p->turn++;
	struct arena *a = arena_new();
	struct dns_answer answer;

	p->rc[i] = dns_txt(p->silence.dns, a, i ? "Example.test." : "example.test",
	                   deadline_in(p->patience_ms[i]), &answer);
	arena_free(a);
}

static void pair_body(void *arg)
{
	struct pair *p = arg;
	struct dns_config config = { .forwarder = p->silence.forwarder, .trust_anchor = "" };
	fiber_id askers[2];

	if (dns_open(&config, &p->silence.dns) < 0)
		abort();
	for (size_t i = 0; i < 2; i++)
		askers[i] = fiber_start(-1, "asker", asks_alike, p);
	for (size_t i = 0; i < 2; i++)
		(void)fiber_join(askers[i], DEADLINE_NEVER);
	p->counts = dns_counts(p->silence.dns);
	dns_close(p->silence.dns);
	runtime_stop(0);
}

static void equal_questions_are_asked_once(void **state)
{
	struct runtime_config config = { .workers = 1 };

	(void)state;
	/* The one that has asked gives up first, or the one that joined. */
	for (size_t i = 0; i < 2; i++) {
		struct pair p = { .patience_ms = { i ? 60 : 20, i ? 20 : 60 } };

		setup_silence(&p.silence);
		assert_int_equal(runtime_run(&config, pair_body, &p), 0);
		assert_int_equal(p.rc[0], -ETIMEDOUT);
		assert_int_equal(p.rc[1], -ETIMEDOUT);
		assert_int_equal(p.counts.asked, 1);
		assert_int_equal(p.counts.shared, 1);
		assert_int_equal(p.counts.cached, 0);
		close(p.silence.fd);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_end),
		cmocka_unit_test(equal_questions_are_asked_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
