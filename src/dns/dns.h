/* DNS over libunbound, with DNSSEC status. Answers are kept for their TTL (dns_cache.h), in front
 * of libunbound's own cache, which is a thread away. Equal questions at a time are asked once.
 *
 * One resolver serves all workers. A lookup parks the fiber; the answer is worked out in threads
 * of the resolver, so that validating it delays no session. */
#ifndef VEREDUS_DNS_DNS_H
#define VEREDUS_DNS_DNS_H

#include "base/arena.h"
#include "net/address.h"

struct dns;

struct dns_config {
	const char *forwarder;    /* "127.0.0.1@5353"; NULL: /etc/resolv.conf; "" : resolve from the
	                             root ourselves */
	const char *trust_anchor; /* a file with DS or DNSKEY records; NULL: the distribution's root
	                             key if it is there, else no validation; "": no validation */
	int64_t timeout_ms;       /* for one lookup, tries included; 0: DNS_TIMEOUT_MS */
	int64_t cache_bytes;      /* 0: DNS_CACHE_BYTES; negative: answers are not kept */
	uint32_t min_ttl_s;       /* an answer is kept at least so long ... */
	uint32_t max_ttl_s;       /* ... and at most; 0: DNS_TTL_MAX_S */
};

enum {
	DNS_TIMEOUT_MS = 30 * 1000,
	DNS_CACHE_BYTES = 8 << 20,
	DNS_TTL_MAX_S = 24 * 3600,
	DNS_NEGATIVE_TTL_MAX_S = 3600, /* that there is nothing is believed at most so long */
};

/* -EINVAL for a forwarder or a trust anchor that can't be understood, -ENOENT for a file that is
 * not there. [any thread] */
int dns_open(const struct dns_config *config, struct dns **out);
/* When no lookup is under way any more. NULL is allowed. */
void dns_close(struct dns *d);

struct dns_counts {
	uint64_t known;  /* questions whose answer was kept */
	uint64_t asked;  /* of libunbound */
	uint64_t shared; /* that waited for the answer to another's */
	size_t cached, cached_bytes;
};
/* [any thread] */
struct dns_counts dns_counts(struct dns *d);

/* What an answer is worth. Lookups return 0 when there are records, or:
 *   -ENOENT     the name does not exist (NXDOMAIN)
 *   -ENODATA    the name exists but has no such records
 *   -EAGAIN     no answer now (time-out, SERVFAIL): try later
 *   -EBADMSG    DNSSEC says that the answer is forged: treat like -EAGAIN, never as an answer
 *   -EINVAL     no valid name
 * Besides, the usual results of a wait. *out is written for 0, -ENOENT and -ENODATA. */
enum dns_security {
	DNS_INSECURE, /* not signed, or not validated */
	DNS_SECURE,   /* validated */
};

struct dns_answer {
	enum dns_security security; /* also set for -ENOENT and -ENODATA */
	uint32_t ttl;               /* seconds */
	const char *canonical_name; /* after CNAMEs; equals the question if there were none */
	size_t count;
	union {
		struct dns_mx {
			uint16_t preference;
			const char *host;
		} * mx;                        /* by preference */
		struct net_address *addresses; /* port 0 */
		struct slice *texts;           /* TXT, strings joined */
		const char **names;            /* PTR, CNAME */
		struct dns_tlsa {
			uint8_t usage, selector, matching;
			struct slice data;
		} * tlsa;
		struct dns_srv {
			uint16_t priority, weight, port;
			const char *host; /* "": there is no such service */
		} * srv;
	};
};

/* Everything returned lies in the arena. Names are ASCII (A-labels), with or without the final
 * dot; returned names have none ("" is the root, as in a Null MX) and are in lower case; bytes
 * that no host name has are written \DDD, which no lookup accepts. */
int dns_mx(struct dns *d, struct arena *a, const char *name, int64_t deadline,
           struct dns_answer *out);
/* A and AAAA, both asked at once; IPv6 first. If only one of both is answered, that is the answer;
 * it is secure if all that was found is. */
int dns_addresses(struct dns *d, struct arena *a, const char *name, int64_t deadline,
                  struct dns_answer *out);
/* Only AAAA, or only A. */
int dns_addresses_of(struct dns *d, struct arena *a, const char *name, bool v6, int64_t deadline,
                     struct dns_answer *out);
int dns_txt(struct dns *d, struct arena *a, const char *name, int64_t deadline,
            struct dns_answer *out);
/* What a name is another name for, one step of it. */
int dns_cname(struct dns *d, struct arena *a, const char *name, int64_t deadline,
              struct dns_answer *out);
/* Several questions at once, at most DNS_QUESTIONS_MAX; results[i] and answers[i] are what a lookup
 * would return. 0, or -ECANCELED. */
enum { DNS_QUESTIONS_MAX = 80 };
enum dns_type {
	DNS_TYPE_A = 1,
	DNS_TYPE_CNAME = 5,
	DNS_TYPE_PTR = 12,
	DNS_TYPE_MX = 15,
	DNS_TYPE_TXT = 16,
	DNS_TYPE_AAAA = 28,
	DNS_TYPE_SRV = 33,
	DNS_TYPE_TLSA = 52,
};
struct dns_question {
	const char *name;
	enum dns_type type;
};
int dns_each(struct dns *d, struct arena *a, const struct dns_question *questions, size_t count,
             int64_t deadline, struct dns_answer *answers, int *results);
int dns_tlsa(struct dns *d, struct arena *a, const char *name, int64_t deadline,
             struct dns_answer *out);
/* Where a service is (RFC 2782): "_imaps._tcp.example.org". As they come, in no order. */
int dns_srv(struct dns *d, struct arena *a, const char *name, int64_t deadline,
            struct dns_answer *out);
/* The names of an IP address; -EINVAL for a Unix socket. */
int dns_ptr(struct dns *d, struct arena *a, const struct net_address *address, int64_t deadline,
            struct dns_answer *out);

#endif
