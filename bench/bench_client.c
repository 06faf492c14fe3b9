#include "bench_client.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/clock.h"

_Noreturn void bench_die(const char *what)
{
	fprintf(stderr, "%s%s%s\n", what, errno ? ": " : "", errno ? strerrordesc_np(errno) : "");
	exit(1);
}

const char *bench_option(int argc, char **argv, const char *name, const char *fallback)
{
	for (int i = 1; i < argc; i++) {
		struct slice value = slice_from_str(argv[i]);
		struct slice key;

		if (!slice_starts_with(value, SLICE("--")))
			continue;
		value = slice_from(value, 2);
		key = slice_split(&value, '=');
		if (slice_equal(key, slice_from_str(name)))
			return value.data;
	}
	return fallback;
}

uint64_t bench_number(const char *text)
{
	uint64_t value;

	errno = 0;
	if (!slice_to_u64(slice_from_str(text), &value))
		bench_die(text);
	return value;
}

const char *bench_argument(int argc, char **argv, int i, const char *usage)
{
	for (int at = 1; at < argc; at++)
		if (!slice_starts_with(slice_from_str(argv[at]), SLICE("--")) && i-- == 0)
			return argv[at];
	errno = 0;
	bench_die(usage);
}

struct net_address bench_address(const char *text)
{
	struct net_address a;

	errno = 0;
	if (net_address_parse(slice_from_str(text), 0, &a) < 0)
		bench_die(text);
	return a;
}

int bench_connect(const struct net_address *to)
{
	struct timeval patience = { .tv_sec = 30 };
	int one = 1;
	int fd = socket(to->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, &to->any, to->len) < 0)
		bench_die("connect");
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	return fd;
}

double bench_now(void) { return (double)clock_monotonic_ns() / 1e9; }

static FILE *proc_open(uint64_t pid, const char *name)
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%llu/%s", (unsigned long long)pid, name);
	file = fopen(path, "re");
	if (!file)
		bench_die(path);
	return file;
}

uint64_t bench_pss_kib(uint64_t pid)
{
	FILE *file = proc_open(pid, "smaps_rollup");
	unsigned long long kib = 0;
	char line[256];

	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "Pss: %llu kB", &kib) == 1)
			break;
	fclose(file);
	return kib;
}

double bench_cpu_s(uint64_t pid)
{
	FILE *file = proc_open(pid, "stat");
	unsigned long user = 0;
	unsigned long system = 0;

	/* The name of the program, in parentheses, has no blanks in ours. */
	if (fscanf(file, "%*d %*s %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
	           &system) != 2)
		bench_die("stat");
	fclose(file);
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}
