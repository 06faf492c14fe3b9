#include "dns/dns.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unbound.h>
#include <unistd.h>

#include "base/log.h"
#include "dns/dns_query.h"

/* Queries that may be on the way at the same time, each on a port of its own. */
#define OUTGOING_PORTS "256"

struct dns {
	struct ub_ctx *ub;
	struct dns_queries *queries;
	int64_t timeout_ms;
	pthread_t thread; /* hands out the answers */
	int stop_fd;      /* an eventfd that ends it */
};

/* --- the resolver -------------------------------------------------------------------- */

static void *dns_thread(void *arg)
{
	struct dns *d = arg;
	struct pollfd fds[] = {
		{ .fd = ub_fd(d->ub), .events = POLLIN },
		{ .fd = d->stop_fd, .events = POLLIN },
	};

	for (;;) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents)
			return NULL;
		if (ub_process(d->ub) != UB_NOERROR)
			log_error("dns.process.failed", kv_int("fd", fds[0].fd));
	}
}

static int set_upstream(struct ub_ctx *ub, const char *forwarder)
{
	int rc;

	if (forwarder && *forwarder == '\0')
		return 0;
	rc = forwarder ? ub_ctx_set_fwd(ub, forwarder) : ub_ctx_resolvconf(ub, NULL);
	/* Without a resolv.conf the server is the one of this host (resolv.conf(5)). */
	if (rc == UB_READFILE)
		rc = ub_ctx_set_fwd(ub, "127.0.0.1");
	if (rc != UB_NOERROR)
		return -EINVAL;
	/* The server that we are told to ask knows the private networks' names. */
	if (ub_ctx_set_option(ub, "do-not-query-localhost:", "no") != UB_NOERROR ||
	    ub_ctx_set_option(ub, "unblock-lan-zones:", "yes") != UB_NOERROR ||
	    ub_ctx_set_option(ub, "insecure-lan-zones:", "yes") != UB_NOERROR)
		return -EINVAL;
	return 0;
}

static int set_trust(struct ub_ctx *ub, const char *path)
{
	static const char *const usual[] = {
		"/usr/share/dns/root.key",
		"/var/lib/unbound/root.key",
		"/etc/unbound/root.key",
	};

	for (size_t i = 0; !path && i < sizeof(usual) / sizeof(usual[0]); i++)
		if (access(usual[i], R_OK) == 0)
			path = usual[i];
	if (!path || *path == '\0')
		return 0;
	if (access(path, R_OK) < 0)
		return -errno;
	return ub_ctx_add_ta_file(ub, path) == UB_NOERROR ? 0 : -EINVAL;
}

static int configure(struct ub_ctx *ub, const struct dns_config *config)
{
	int rc;

	/* It would write to standard error on its own. */
	ub_ctx_debugout(ub, NULL);
	ub_ctx_async(ub, 1);
	rc = set_upstream(ub, config->forwarder);
	if (rc < 0)
		return rc;
	rc = set_trust(ub, config->trust_anchor);
	if (rc < 0)
		return rc;
	if (ub_ctx_set_option(ub, "outgoing-range:", OUTGOING_PORTS) != UB_NOERROR)
		return -EINVAL;
	/* libunbound answers for "test" and 127/8 itself (RFC 6761, RFC 6303), which is not for it
	 * to say where the operator runs servers for them. The first of these calls also reads the
	 * files, and fails if they are bad. */
	if (ub_ctx_zone_remove(ub, "test.") != UB_NOERROR)
		return -EINVAL;
	if (config->forwarder && *config->forwarder)
		(void)ub_ctx_zone_remove(ub, "127.in-addr.arpa.");
	return 0;
}

static struct dns_cache *make_cache(const struct dns_config *c)
{
	const struct dns_cache_config config = {
		.max_bytes = c->cache_bytes ? (size_t)c->cache_bytes : DNS_CACHE_BYTES,
		.min_ttl_s = c->min_ttl_s,
		.max_ttl_s = c->max_ttl_s ? c->max_ttl_s : DNS_TTL_MAX_S,
		.max_negative_ttl_s = DNS_NEGATIVE_TTL_MAX_S,
	};
	return c->cache_bytes < 0 ? NULL : dns_cache_new(&config);
}

static int start_thread(struct dns *d)
{
	int rc;

	d->stop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->stop_fd < 0)
		return -errno;
	rc = pthread_create(&d->thread, NULL, dns_thread, d);
	if (rc != 0)
		close(d->stop_fd);
	return -rc;
}

int dns_open(const struct dns_config *config, struct dns **out)
{
	struct dns *d = mem_zero(1, sizeof(*d));
	int rc;

	d->timeout_ms = config->timeout_ms ? config->timeout_ms : DNS_TIMEOUT_MS;
	d->ub = ub_ctx_create();
	rc = d->ub ? configure(d->ub, config) : -ENOMEM;
	if (rc == 0)
		rc = start_thread(d);
	if (rc < 0) {
		if (d->ub)
			ub_ctx_delete(d->ub);
		free(d);
		return rc;
	}
	d->queries = dns_queries_new(d->ub, make_cache(config));
	*out = d;
	return 0;
}

void dns_close(struct dns *d)
{
	uint64_t one = 1;

	if (!d)
		return;
	if (write(d->stop_fd, &one, sizeof(one)) == sizeof(one))
		pthread_join(d->thread, NULL);
	close(d->stop_fd);
	dns_queries_free(d->queries);
	ub_ctx_delete(d->ub);
	free(d);
}

struct dns_counts dns_counts(struct dns *d) { return dns_queries_count(d->queries); }

/* --- questions ----------------------------------------------------------------------- */

/* Of several questions. What is not answered by the deadline is -ETIMEDOUT, by the resolver's own
 * limit -EAGAIN. 0, or -ECANCELED. */
static int ask(struct dns *d, struct arena *a, const struct dns_question *questions, size_t count,
               int64_t deadline, struct dns_answer *answers, int *results)
{
	int64_t limit = deadline_in(d->timeout_ms);
	struct dns_asked *asked = ARENA_ARRAY(a, count, struct dns_asked);
	int rc = 0;

	for (size_t i = 0; i < count; i++)
		dns_ask_begin(d->queries, a, questions[i].name, questions[i].type, &asked[i],
		              &answers[i]);
	for (size_t i = 0; i < count && rc == 0; i++) {
		rc = dns_ask_wait(&asked[i], a, limit < deadline ? limit : deadline, &answers[i]);
		results[i] = rc == 0 ? asked[i].result : rc;
		if (rc == -ETIMEDOUT) {
			results[i] = limit < deadline ? -EAGAIN : -ETIMEDOUT;
			rc = 0;
		}
	}
	for (size_t i = 0; i < count; i++)
		dns_ask_end(&asked[i]);
	return rc;
}

static int lookup(struct dns *d, struct arena *a, const char *name, enum dns_type type,
                  int64_t deadline, struct dns_answer *out)
{
	const struct dns_question question = { name, type };
	struct dns_answer answer;
	int result = -EAGAIN;
	int rc;

	rc = ask(d, a, &question, 1, deadline, &answer, &result);
	if (rc < 0)
		return rc;
	if (result == 0 || result == -ENOENT || result == -ENODATA)
		*out = answer;
	return result;
}

int dns_each(struct dns *d, struct arena *a, const struct dns_question *questions, size_t count,
             int64_t deadline, struct dns_answer *answers, int *results)
{
	return count > DNS_QUESTIONS_MAX ? -EINVAL
	                                 : ask(d, a, questions, count, deadline, answers, results);
}

int dns_mx(struct dns *d, struct arena *a, const char *name, int64_t deadline,
           struct dns_answer *out)
{
	return lookup(d, a, name, DNS_TYPE_MX, deadline, out);
}

int dns_addresses_of(struct dns *d, struct arena *a, const char *name, bool v6, int64_t deadline,
                     struct dns_answer *out)
{
	return lookup(d, a, name, v6 ? DNS_TYPE_AAAA : DNS_TYPE_A, deadline, out);
}

int dns_txt(struct dns *d, struct arena *a, const char *name, int64_t deadline,
            struct dns_answer *out)
{
	return lookup(d, a, name, DNS_TYPE_TXT, deadline, out);
}

int dns_cname(struct dns *d, struct arena *a, const char *name, int64_t deadline,
              struct dns_answer *out)
{
	return lookup(d, a, name, DNS_TYPE_CNAME, deadline, out);
}

int dns_tlsa(struct dns *d, struct arena *a, const char *name, int64_t deadline,
             struct dns_answer *out)
{
	return lookup(d, a, name, DNS_TYPE_TLSA, deadline, out);
}

int dns_srv(struct dns *d, struct arena *a, const char *name, int64_t deadline,
            struct dns_answer *out)
{
	return lookup(d, a, name, DNS_TYPE_SRV, deadline, out);
}

int dns_ptr(struct dns *d, struct arena *a, const struct net_address *address, int64_t deadline,
            struct dns_answer *out)
{
	const char *name = dns_reverse_name(a, address);

	return name ? lookup(d, a, name, DNS_TYPE_PTR, deadline, out) : -EINVAL;
}

/* --- addresses ----------------------------------------------------------------------- */

/* Which of two failures says more: a forged or missing answer outweighs an empty one. */
static int worse(int a, int b)
{
	static const int order[] = { -EBADMSG, -EAGAIN, -ETIMEDOUT, -ENODATA, -ENOENT };

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		if (a == order[i] || b == order[i])
			return order[i];
	return a;
}

static bool is_answer(int result) { return result == 0 || result == -ENODATA || result == -ENOENT; }

static void merge_addresses(struct arena *a, const struct dns_answer *first,
                            const struct dns_answer *second, struct dns_answer *out)
{
	struct dns_answer both = *first;

	both.count = first->count + second->count;
	both.ttl = first->ttl < second->ttl ? first->ttl : second->ttl;
	if (second->security == DNS_INSECURE)
		both.security = DNS_INSECURE;
	both.addresses = ARENA_ARRAY(a, both.count + 1, struct net_address);
	if (first->count > 0)
		memcpy(both.addresses, first->addresses, first->count * sizeof(struct net_address));
	if (second->count > 0)
		memcpy(both.addresses + first->count, second->addresses,
		       second->count * sizeof(struct net_address));
	*out = both;
}

int dns_addresses(struct dns *d, struct arena *a, const char *name, int64_t deadline,
                  struct dns_answer *out)
{
	const struct dns_question questions[2] = { { name, DNS_TYPE_AAAA }, { name, DNS_TYPE_A } };
	struct dns_answer answers[2];
	int results[2] = { -EAGAIN, -EAGAIN };
	int rc;

	rc = ask(d, a, questions, 2, deadline, answers, results);
	if (rc < 0)
		return rc;
	if (is_answer(results[0]) && is_answer(results[1]))
		merge_addresses(a, &answers[0], &answers[1], out);
	else if (results[0] == 0 || results[1] == 0)
		*out = answers[results[0] == 0 ? 0 : 1];
	if (results[0] == 0 || results[1] == 0)
		return 0;
	return worse(results[0], results[1]);
}
