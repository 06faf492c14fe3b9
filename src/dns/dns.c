#include "dns/dns.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/eventfd.h>
#include <unbound.h>
#include <unistd.h>

#include "base/log.h"
#include "dns/dns_record.h"
#include "fiber/fiber.h"

/* Queries that may be on the way at the same time, each on a port of its own. */
#define OUTGOING_PORTS "256"

enum { CLASS_IN = 1 };
enum { RCODE_OK = 0, RCODE_NXDOMAIN = 3 }; /* RFC 1035 section 4.1.1 */

struct dns {
	struct ub_ctx *ub;
	int64_t timeout_ms;
	pthread_t thread; /* hands out the answers */
	int stop_fd;      /* an eventfd that ends it */
};

/* A question under way. The fiber that asks and the thread that answers have a reference each;
 * a fiber that gives up leaves the question to the thread. */
struct dns_query {
	atomic_int references;
	fiber_id waiter;
	int async_id;
	atomic_bool done;
	int error;                /* of libunbound, valid when done */
	struct ub_result *result; /* valid when done, or NULL */
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
	ub_ctx_delete(d->ub);
	free(d);
}

/* --- questions ----------------------------------------------------------------------- */

static void query_release(struct dns_query *q, int references)
{
	if (atomic_fetch_sub(&q->references, references) > references)
		return;
	ub_resolve_free(q->result);
	free(q);
}

/* In the thread of the resolver. */
static void on_answer(void *arg, int error, struct ub_result *result)
{
	struct dns_query *q = arg;
	fiber_id waiter;

	/* libunbound's locks order this after query_start(); the sanitizer, which can't see them,
	 * sees this. */
	(void)atomic_load(&q->references);
	waiter = q->waiter;
	q->error = error;
	q->result = result;
	atomic_store(&q->done, true);
	query_release(q, 1);
	fiber_wake(waiter);
}

static int query_start(struct dns *d, const char *name, enum dns_type type, struct dns_query **out)
{
	struct dns_query *q = mem_zero(1, sizeof(*q));
	int rc;

	q->waiter = fiber_self();
	atomic_store(&q->references, 2);
	rc = ub_resolve_async(d->ub, name, type, CLASS_IN, q, on_answer, &q->async_id);
	if (rc != UB_NOERROR) {
		query_release(q, 2);
		return rc == UB_SYNTAX ? -EINVAL : -EAGAIN;
	}
	*out = q;
	return 0;
}

/* Gives up. Once libunbound has agreed it will not call back; if it can't, it does or has. */
static void query_end(struct dns *d, struct dns_query *q)
{
	if (!atomic_load(&q->done) && ub_cancel(d->ub, q->async_id) == UB_NOERROR)
		query_release(q, 2);
	else
		query_release(q, 1);
}

static int query_wait(struct dns_query *q, int64_t deadline)
{
	while (!atomic_load(&q->done)) {
		int rc = fiber_park("dns", deadline);

		if (rc < 0 && !atomic_load(&q->done))
			return rc;
	}
	return 0;
}

/* What a finished question came to; see dns.h. */
static int query_verdict(const struct dns_query *q)
{
	const struct ub_result *r = q->result;

	if (q->error || !r)
		return -EAGAIN;
	if (r->bogus)
		return -EBADMSG;
	if (r->rcode == RCODE_NXDOMAIN || r->nxdomain)
		return -ENOENT;
	if (r->rcode != RCODE_OK)
		return -EAGAIN;
	return r->havedata ? 0 : -ENODATA;
}

static int query_answer(const struct dns_query *q, enum dns_type type, struct arena *a,
                        struct dns_answer *out)
{
	const struct ub_result *r = q->result;
	int rc = query_verdict(q);
	size_t count = 0;

	if (rc != 0 && rc != -ENOENT && rc != -ENODATA)
		return rc;
	*out = (struct dns_answer){
		.security = r->secure ? DNS_SECURE : DNS_INSECURE,
		.ttl = r->ttl > 0 ? (uint32_t)r->ttl : 0,
		.canonical_name = dns_name_normal(
			a, slice_from_str(r->canonname ? r->canonname : r->qname)),
	};
	if (rc < 0)
		return rc;
	while (r->data[count])
		count++;
	struct slice *data = ARENA_ARRAY(a, count, struct slice);
	for (size_t i = 0; i < count; i++)
		data[i] = slice_of(r->data[i], r->len[i] > 0 ? (size_t)r->len[i] : 0);
	dns_records_parse(a, type, data, count, out);
	/* Records of which none can be read are no answer. */
	return out->count > 0 ? 0 : -EAGAIN;
}

/* Asks for all types at once and waits for all answers; results[i] is what lookups return.
 * A negative result if the wait ended, or if nothing could be asked. */
static int ask(struct dns *d, struct arena *a, const char *name, const enum dns_type *types,
               size_t count, int64_t deadline, struct dns_answer *answers, int *results)
{
	int64_t limit = deadline_in(d->timeout_ms);
	struct dns_query *queries[2] = { NULL };
	int rc = 0;

	if (!dns_name_is_valid(slice_from_str(name)))
		return -EINVAL;
	for (size_t i = 0; i < count && rc == 0; i++)
		rc = query_start(d, name, types[i], &queries[i]);
	for (size_t i = 0; i < count && rc == 0; i++) {
		rc = query_wait(queries[i], limit < deadline ? limit : deadline);
		if (rc == 0)
			results[i] = query_answer(queries[i], types[i], a, &answers[i]);
		else if (rc == -ETIMEDOUT && limit < deadline)
			results[i] = -EAGAIN, rc = 0;
	}
	for (size_t i = 0; i < count; i++)
		if (queries[i])
			query_end(d, queries[i]);
	return rc;
}

static int lookup(struct dns *d, struct arena *a, const char *name, enum dns_type type,
                  int64_t deadline, struct dns_answer *out)
{
	struct dns_answer answer;
	int result = -EAGAIN;
	int rc;

	rc = ask(d, a, name, &type, 1, deadline, &answer, &result);
	if (rc < 0)
		return rc;
	if (result == 0 || result == -ENOENT || result == -ENODATA)
		*out = answer;
	return result;
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

static int name_start(struct dns *d, const char *name, struct dns_query **out)
{
	if (!dns_name_is_valid(slice_from_str(name)))
		return -EINVAL;
	return query_start(d, name, DNS_TYPE_TXT, out);
}

int dns_txt_each(struct dns *d, struct arena *a, const char *const *names, size_t count,
                 int64_t deadline, struct dns_answer *answers, int *results)
{
	int64_t limit = deadline_in(d->timeout_ms);
	struct dns_query *queries[DNS_NAMES_MAX] = { NULL };
	int rc = 0;

	if (count > DNS_NAMES_MAX)
		return -EINVAL;
	for (size_t i = 0; i < count; i++)
		results[i] = name_start(d, names[i], &queries[i]);
	for (size_t i = 0; i < count && rc == 0; i++) {
		if (!queries[i])
			continue;
		int waited = query_wait(queries[i], limit < deadline ? limit : deadline);
		results[i] = waited == 0 ? query_answer(queries[i], DNS_TYPE_TXT, a, &answers[i])
		                         : waited;
		rc = waited == -ETIMEDOUT ? 0 : waited;
	}
	for (size_t i = 0; i < count; i++)
		if (queries[i])
			query_end(d, queries[i]);
	return rc;
}

int dns_tlsa(struct dns *d, struct arena *a, const char *name, int64_t deadline,
             struct dns_answer *out)
{
	return lookup(d, a, name, DNS_TYPE_TLSA, deadline, out);
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
	static const int order[] = { -EBADMSG, -EAGAIN, -ENODATA, -ENOENT };

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
	static const enum dns_type types[2] = { DNS_TYPE_AAAA, DNS_TYPE_A };
	struct dns_answer answers[2];
	int results[2] = { -EAGAIN, -EAGAIN };
	int rc;

	rc = ask(d, a, name, types, 2, deadline, answers, results);
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
