/* How fast a server answers a line, beside a bare epoll loop that echoes it.
 *
 *     roundtrip [--say=LINE] [--seconds=S] [--rounds=R] [--threads=T] CONCURRENCY HOST:PORT PID
 *
 * CONCURRENCY connections each send LINE (NOOP) and wait for a line of reply, again and again, for
 * S seconds (2): first to an echo server that this program starts for itself, then to HOST:PORT; R
 * rounds (5) of both in turn, so that both see the same machine. T threads (one a core) ask, and as
 * many echo. Printed are the medians: round trips a second, CPU time of the serving process for
 * each, and the ratio of the rates. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/sysinfo.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench_client.h"

#define USAGE                                                                                      \
	"roundtrip [--say=LINE] [--seconds=S] [--rounds=R] [--threads=T] CONCURRENCY HOST:PORT "   \
	"PID"

enum { EVENTS = 256, BUFFER = 2048, THREADS_MAX = 64, ROUNDS_MAX = 64 };

/* --- the bare echo server ------------------------------------------------------------- */

static void watch_input(int epoll, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		bench_die("epoll_ctl");
}

static void echo_accept(int epoll, int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0)
		watch_input(epoll, fd);
}

static void echo_once(int fd)
{
	char text[BUFFER];
	ssize_t got = recv(fd, text, sizeof(text), 0);

	if (got <= 0 || send(fd, text, (size_t)got, MSG_NOSIGNAL) != got)
		close(fd);
}

static void *echo_loop(void *arg)
{
	int listener = *(int *)arg;
	int epoll = epoll_create1(EPOLL_CLOEXEC);

	watch_input(epoll, listener);
	for (;;) {
		struct epoll_event events[EVENTS];
		int count = epoll_wait(epoll, events, EVENTS, -1);

		for (int i = 0; i < count; i++) {
			if (events[i].data.fd == listener)
				echo_accept(epoll, listener);
			else
				echo_once(events[i].data.fd);
		}
	}
	return NULL;
}

static int echo_listen(struct net_address *address)
{
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (bind(fd, &address->any, address->len) < 0 || listen(fd, SOMAXCONN) < 0 ||
	    getsockname(fd, &address->any, &address->len) < 0)
		bench_die("listen");
	return fd;
}

/* Starts the server as a process of its own, which ends with this one. */
static pid_t echo_start(unsigned threads, struct net_address *address_out)
{
	static int listeners[THREADS_MAX];
	pthread_t thread;
	pid_t pid;

	*address_out = bench_address("127.0.0.1:0");
	for (unsigned i = 0; i < threads; i++)
		listeners[i] = echo_listen(address_out);
	pid = fork();
	if (pid < 0)
		bench_die("fork");
	if (pid > 0) {
		for (unsigned i = 0; i < threads; i++)
			close(listeners[i]);
		return pid;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (unsigned i = 1; i < threads; i++)
		if (pthread_create(&thread, NULL, echo_loop, &listeners[i]) != 0)
			bench_die("pthread_create");
	echo_loop(&listeners[0]);
	_exit(0);
}

/* --- the client ---------------------------------------------------------------------- */

struct asker {
	const char *say;
	size_t say_len;
	int epoll;
	int *fds;
	unsigned count;
	double until;
	uint64_t done;
};

static void ask(const struct asker *a, int fd)
{
	if (send(fd, a->say, a->say_len, MSG_NOSIGNAL) != (ssize_t)a->say_len)
		bench_die("send");
}

static void *ask_loop(void *arg)
{
	struct asker *a = arg;
	char text[BUFFER];

	for (unsigned i = 0; i < a->count; i++)
		ask(a, a->fds[i]);
	while (bench_now() < a->until) {
		struct epoll_event events[EVENTS];
		int count = epoll_wait(a->epoll, events, EVENTS, 100);

		for (int i = 0; i < count; i++) {
			int fd = events[i].data.fd;
			ssize_t got = recv(fd, text, sizeof(text), 0);

			if (got <= 0)
				bench_die("recv");
			if (text[got - 1] != '\n')
				continue;
			a->done++;
			ask(a, fd);
		}
	}
	return NULL;
}

static void asker_open(struct asker *a, const struct net_address *to, bool greets)
{
	char text[BUFFER];

	a->epoll = epoll_create1(EPOLL_CLOEXEC);
	a->fds = mem_zero(a->count, sizeof(int));
	for (unsigned i = 0; i < a->count; i++) {
		a->fds[i] = bench_connect(to);
		if (greets && recv(a->fds[i], text, sizeof(text), 0) <= 0)
			bench_die("greeting");
		watch_input(a->epoll, a->fds[i]);
	}
}

static void asker_close(struct asker *a)
{
	for (unsigned i = 0; i < a->count; i++)
		close(a->fds[i]);
	close(a->epoll);
	free(a->fds);
}

/* --- measuring ----------------------------------------------------------------------- */

struct setting {
	unsigned concurrency;
	unsigned threads;
	unsigned seconds;
	const char *say;
};

struct result {
	double rate;   /* round trips a second */
	double cpu_us; /* of the server for each */
};

static struct result measure(const struct setting *s, const struct net_address *to, uint64_t pid,
                             bool greets)
{
	struct asker askers[THREADS_MAX] = { 0 };
	pthread_t threads[THREADS_MAX];
	double cpu;
	double started;
	uint64_t done = 0;

	for (unsigned i = 0; i < s->threads; i++) {
		askers[i].say = s->say;
		askers[i].say_len = strlen(s->say);
		askers[i].count = s->concurrency / s->threads +
		                  (i < s->concurrency % s->threads ? 1 : 0);
		asker_open(&askers[i], to, greets);
	}
	cpu = bench_cpu_s(pid);
	started = bench_now();
	for (unsigned i = 0; i < s->threads; i++) {
		askers[i].until = started + s->seconds;
		if (pthread_create(&threads[i], NULL, ask_loop, &askers[i]) != 0)
			bench_die("pthread_create");
	}
	for (unsigned i = 0; i < s->threads; i++) {
		pthread_join(threads[i], NULL);
		done += askers[i].done;
	}
	double took = bench_now() - started;
	cpu = bench_cpu_s(pid) - cpu;
	for (unsigned i = 0; i < s->threads; i++)
		asker_close(&askers[i]);
	return (struct result){ (double)done / took, cpu * 1e6 / (double)(done ? done : 1) };
}

static int compare(const void *a, const void *b)
{
	double left = ((const struct result *)a)->rate;
	double right = ((const struct result *)b)->rate;

	return (left > right) - (left < right);
}

static struct result median(struct result *results, unsigned count)
{
	qsort(results, count, sizeof(*results), compare);
	return results[count / 2];
}

static unsigned small_number(int argc, char **argv, const char *name, const char *fallback,
                             unsigned max)
{
	uint64_t value = bench_number(bench_option(argc, argv, name, fallback));

	return value < 1 ? 1 : value > max ? max : (unsigned)value;
}

int main(int argc, char **argv)
{
	const char *concurrency = bench_argument(argc, argv, 0, USAGE);
	struct net_address server = bench_address(bench_argument(argc, argv, 1, USAGE));
	uint64_t pid = bench_number(bench_argument(argc, argv, 2, USAGE));
	unsigned rounds = small_number(argc, argv, "rounds", "5", ROUNDS_MAX);
	struct result ours[ROUNDS_MAX];
	struct result bare[ROUNDS_MAX];
	struct net_address echo;
	char cores[16];
	char say[BUFFER];

	snprintf(cores, sizeof(cores), "%d", get_nprocs());
	snprintf(say, sizeof(say), "%s\r\n", bench_option(argc, argv, "say", "NOOP"));
	struct setting setting = {
		.concurrency = (unsigned)bench_number(concurrency),
		.threads = small_number(argc, argv, "threads", cores, THREADS_MAX),
		.seconds = small_number(argc, argv, "seconds", "2", 3600),
		.say = say,
	};
	pid_t echo_pid = echo_start(setting.threads, &echo);
	for (unsigned i = 0; i < rounds; i++) {
		bare[i] = measure(&setting, &echo, (uint64_t)echo_pid, false);
		ours[i] = measure(&setting, &server, pid, true);
	}
	kill(echo_pid, SIGKILL);
	waitpid(echo_pid, NULL, 0);
	struct result mine = median(ours, rounds);
	struct result theirs = median(bare, rounds);
	printf("roundtrip concurrency=%u rounds=%u echo_per_s=%.0f echo_cpu_us=%.1f "
	       "server_per_s=%.0f server_cpu_us=%.1f ratio=%.2f\n",
	       setting.concurrency, rounds, theirs.rate, theirs.cpu_us, mine.rate, mine.cpu_us,
	       mine.rate / theirs.rate);
	return 0;
}
