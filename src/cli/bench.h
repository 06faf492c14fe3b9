/* veredus bench: what its files share. */
#ifndef VEREDUS_CLI_BENCH_H
#define VEREDUS_CLI_BENCH_H

#include <stdint.h>

#include "cli/cli.h"

/* A histogram of durations: 1.6 % wide buckets, so no sample is kept. One thread at a time. */
enum { BENCH_SUB_BUCKETS = 64, BENCH_BUCKETS = 58 * BENCH_SUB_BUCKETS };
struct bench_histogram {
	uint64_t counts[BENCH_BUCKETS];
	uint64_t count;
	uint64_t max_ns;
};
void bench_histogram_add(struct bench_histogram *h, uint64_t ns);
void bench_histogram_merge(struct bench_histogram *into, const struct bench_histogram *from);
/* The duration that so much (0 to 1) of all samples do not exceed, in milliseconds. */
double bench_histogram_ms(const struct bench_histogram *h, double part);

/* Processor time of this process so far, microseconds. */
int64_t bench_cpu_us(void);

int bench_smtp(struct cli *cli);
int bench_sink(struct cli *cli);

#endif
