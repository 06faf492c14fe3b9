/* Answers that were had before, so that asking again costs no trip to the resolver's thread.
 *
 * Kept is what the DNS said, with the verdict of DNSSEC: records, that a name does not exist, that
 * it has no such records. That there was no answer, or a forged one, is not kept. Each answer lives
 * as long as its TTL says, within bounds; the one that was not asked for the longest makes room.
 * Times are monotonic milliseconds of the caller. [any thread] */
#ifndef VEREDUS_DNS_DNS_CACHE_H
#define VEREDUS_DNS_DNS_CACHE_H

#include "dns/dns.h"
#include "dns/dns_record.h"

struct dns_cache;

struct dns_cache_config {
	size_t max_bytes;            /* keys and overhead included */
	uint32_t min_ttl_s;          /* an answer lives at least so long ... */
	uint32_t max_ttl_s;          /* ... and at most */
	uint32_t max_negative_ttl_s; /* at most, if there is nothing in it (RFC 2308 section 5) */
};

/* An answer as the resolver gave it. */
struct dns_cached {
	int result; /* 0, -ENOENT or -ENODATA */
	enum dns_security security;
	uint32_t ttl;           /* seconds that are left */
	struct slice canonical; /* as dns.h promises */
	const struct slice *data;
	size_t count;
};

/* The question as bytes: a name in any case, with or without the final dot. */
enum { DNS_KEY_MAX = 256 };
struct dns_key {
	char bytes[DNS_KEY_MAX];
	size_t len;
};
/* The name is valid (dns_name_is_valid). */
void dns_key_make(struct slice name, enum dns_type type, struct dns_key *out);

struct dns_cache *dns_cache_new(const struct dns_cache_config *config);
void dns_cache_free(struct dns_cache *c);
/* True if it is known; *out lies in the arena then. */
bool dns_cache_find(struct dns_cache *c, const struct dns_key *key, struct arena *a, int64_t now_ms,
                    struct dns_cached *out);
/* Replaces what there was. One that is much too large is not kept. */
void dns_cache_put(struct dns_cache *c, const struct dns_key *key, const struct dns_cached *answer,
                   int64_t now_ms);
/* Answers that are kept, and what they take. */
void dns_cache_size(struct dns_cache *c, size_t *count_out, size_t *bytes_out);

#endif
