#include <sys/resource.h>

#include "cli/bench.h"

/* Values below 64 have a bucket each; above, each power of two has 64 buckets. */
static unsigned bucket_of(uint64_t ns)
{
	if (ns < BENCH_SUB_BUCKETS)
		return (unsigned)ns;
	unsigned shift = 63U - (unsigned)__builtin_clzll(ns) - 6;
	return (shift + 1) * BENCH_SUB_BUCKETS + (unsigned)((ns >> shift) - BENCH_SUB_BUCKETS);
}

static uint64_t bucket_end(unsigned bucket)
{
	if (bucket < BENCH_SUB_BUCKETS)
		return bucket;
	unsigned shift = bucket / BENCH_SUB_BUCKETS - 1;
	uint64_t base = BENCH_SUB_BUCKETS + bucket % BENCH_SUB_BUCKETS;
	return ((base + 1) << shift) - 1;
}

void bench_histogram_add(struct bench_histogram *h, uint64_t ns)
{
	unsigned bucket = bucket_of(ns);
	h->counts[bucket < BENCH_BUCKETS ? bucket : BENCH_BUCKETS - 1]++;
	h->count++;
	if (ns > h->max_ns)
		h->max_ns = ns;
}

void bench_histogram_merge(struct bench_histogram *into, const struct bench_histogram *from)
{
	for (size_t i = 0; i < BENCH_BUCKETS; i++)
		into->counts[i] += from->counts[i];
	into->count += from->count;
	if (from->max_ns > into->max_ns)
		into->max_ns = from->max_ns;
}

double bench_histogram_ms(const struct bench_histogram *h, double part)
{
	uint64_t wanted = (uint64_t)(part * (double)h->count + 0.5);
	uint64_t seen = 0;
	for (unsigned i = 0; i < BENCH_BUCKETS; i++) {
		seen += h->counts[i];
		if (seen < wanted || seen == 0)
			continue;
		uint64_t ns = bucket_end(i);
		return (double)(ns < h->max_ns ? ns : h->max_ns) / 1e6;
	}
	return 0;
}

int64_t bench_cpu_us(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000LL + u.ru_utime.tv_usec +
	       u.ru_stime.tv_usec;
}
