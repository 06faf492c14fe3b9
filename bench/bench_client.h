/* What the measuring clients share: arguments, blocking and watched sockets, and what the kernel
 * tells about another process. Plain system calls, so that nothing of the server's own code stands
 * between the clock and the socket. */
#ifndef VEREDUS_BENCH_CLIENT_H
#define VEREDUS_BENCH_CLIENT_H

#include "net/address.h"

/* Ends the program with a message. */
_Noreturn void bench_die(const char *what);
/* The value of "--name=value" among the arguments, or fallback; "--name" alone gives "". */
const char *bench_option(int argc, char **argv, const char *name, const char *fallback);
uint64_t bench_number(const char *text);
/* The i-th argument that is no option, counted from 0. */
const char *bench_argument(int argc, char **argv, int i, const char *usage);
struct net_address bench_address(const char *text);
/* A connected socket, blocking; it gives up waiting for data after 30 seconds. */
int bench_connect(const struct net_address *to);

double bench_now(void); /* seconds, monotonic */
/* The proportional share of memory of a process, in KiB (smaps_rollup). */
uint64_t bench_pss_kib(uint64_t pid);
/* CPU time that a process has used, in seconds. */
double bench_cpu_s(uint64_t pid);

#endif
