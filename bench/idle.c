/* What an idle session costs a server in memory.
 *
 *     idle [--tls] [--hello=LINE] [--say=LINE] [--settle=MS] COUNT HOST:PORT PID
 *
 * Sets up COUNT sessions one after another: connects, handshakes (--tls), reads the greeting, says
 * --hello (EHLO, say) and reads the reply. When all stand and MS milliseconds have passed (2000) it
 * compares the PSS of the process PID with what it was before the first, and in the end asks each
 * session for a sign of life with --say (NOOP). Exit status 1 if one gives none. */
#include <errno.h>
#include <openssl/ssl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bench_client.h"

#define USAGE "idle [--tls] [--hello=LINE] [--say=LINE] [--settle=MS] COUNT HOST:PORT PID"

enum { REPLY_MAX = 4096 };

struct idle_session {
	int fd;
	SSL *ssl;
};

static ssize_t idle_read(struct idle_session *s, char *to, size_t max)
{
	return s->ssl ? SSL_read(s->ssl, to, (int)max) : recv(s->fd, to, max, 0);
}

static bool idle_write(struct idle_session *s, const char *text)
{
	ssize_t len = (ssize_t)strlen(text);

	if (s->ssl)
		return SSL_write(s->ssl, text, (int)len) == len;
	return send(s->fd, text, (size_t)len, MSG_NOSIGNAL) == len;
}

/* Reads until a whole line has come that is not "250-...", which others follow. */
static bool idle_reply(struct idle_session *s)
{
	char text[REPLY_MAX];
	size_t len = 0;

	while (len < sizeof(text)) {
		ssize_t got = idle_read(s, text + len, sizeof(text) - len);
		struct slice last;

		if (got <= 0)
			return false;
		len += (size_t)got;
		if (text[len - 1] != '\n')
			continue;
		last = slice_of(text, len - 1);
		last = slice_from(last, (size_t)(slice_find_last_byte(last, '\n') + 1));
		if (last.len < 4 || last.data[3] != '-')
			return true;
	}
	return false;
}

static bool idle_ask(struct idle_session *s, const char *line)
{
	char text[REPLY_MAX];

	snprintf(text, sizeof(text), "%s\r\n", line);
	return idle_write(s, text) && idle_reply(s);
}

static bool idle_open(struct idle_session *s, const struct net_address *to, SSL_CTX *tls,
                      const char *hello)
{
	s->fd = bench_connect(to);
	if (tls) {
		s->ssl = SSL_new(tls);
		SSL_set_fd(s->ssl, s->fd);
		if (SSL_connect(s->ssl) != 1)
			return false;
	}
	return idle_reply(s) && (!hello || idle_ask(s, hello));
}

static void sleep_ms(uint64_t ms)
{
	struct timespec time = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_nsec = (long)(ms % 1000) * 1000 * 1000,
	};

	nanosleep(&time, NULL);
}

static void allow_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int main(int argc, char **argv)
{
	uint64_t count = bench_number(bench_argument(argc, argv, 0, USAGE));
	struct net_address to = bench_address(bench_argument(argc, argv, 1, USAGE));
	uint64_t pid = bench_number(bench_argument(argc, argv, 2, USAGE));
	const char *hello = bench_option(argc, argv, "hello", NULL);
	const char *say = bench_option(argc, argv, "say", "NOOP");
	bool encrypted = bench_option(argc, argv, "tls", NULL) != NULL;
	SSL_CTX *tls = encrypted ? SSL_CTX_new(TLS_client_method()) : NULL;
	struct idle_session *sessions = mem_zero(count, sizeof(*sessions));
	uint64_t before = bench_pss_kib(pid);
	double started = bench_now();
	uint64_t alive = 0;
	uint64_t after;
	double took;

	allow_descriptors();
	for (uint64_t i = 0; i < count; i++)
		if (!idle_open(&sessions[i], &to, tls, hello))
			bench_die("a session could not be set up");
	took = bench_now() - started;
	sleep_ms(bench_number(bench_option(argc, argv, "settle", "2000")));
	after = bench_pss_kib(pid);
	for (uint64_t i = 0; i < count; i++)
		alive += idle_ask(&sessions[i], say);
	printf("idle tls=%s sessions=%llu alive=%llu setup_s=%.2f pss_before_kib=%llu "
	       "pss_after_kib=%llu kib_per_session=%.2f\n",
	       encrypted ? "yes" : "no", (unsigned long long)count, (unsigned long long)alive, took,
	       (unsigned long long)before, (unsigned long long)after,
	       ((double)after - (double)before) / (double)count);
	return alive == count ? 0 : 1;
}
