#include "client/tls_policy_dane.h"

#include <errno.h>
#include <openssl/evp.h>

#include "base/codec.h"

/* How much of the data of a record is shown. */
enum { SHOWN_BYTES = 32 };

struct search {
	struct dns *dns;
	const struct client_hop *hop;
	struct arena *arena;
	int64_t deadline;
	struct tls_policy_dane *out;
	const char **why_out;
};

static int say(const struct search *s, int error, const char *why)
{
	*s->why_out = why;
	return error;
}

static int compare(const void *left, const void *right)
{
	const struct tls_association *a = left, *b = right;
	if (a->usage != b->usage)
		return a->usage < b->usage ? -1 : 1;
	if (a->selector != b->selector)
		return a->selector < b->selector ? -1 : 1;
	if (a->matching != b->matching)
		return a->matching < b->matching ? -1 : 1;
	return slice_compare(a->data, b->data);
}

/* In an order of their own, since that of an answer changes. */
static void take(const struct search *s, const char *base, uint16_t port,
                 const struct dns_answer *answer)
{
	struct tls_policy_dane *out = s->out;
	out->base = base;
	out->port = port;
	out->records = ARENA_ARRAY(s->arena, answer->count, struct tls_association);
	for (size_t i = 0; i < answer->count; i++) {
		const struct dns_tlsa *t = &answer->tlsa[i];
		out->records[i] = (struct tls_association){ .usage = t->usage,
			                                    .selector = t->selector,
			                                    .matching = t->matching,
			                                    .data = t->data };
		out->usable += tls_association_is_usable(&out->records[i]);
	}
	out->count = answer->count;
	qsort(out->records, out->count, sizeof(*out->records), compare);
}

/* At one base domain. */
static int find_at(const struct search *s, const char *base)
{
	uint16_t port = net_address_port(&s->hop->address);
	const char *name = arena_printf(s->arena, "_%u._tcp.%s", (unsigned)port, base);
	struct dns_answer answer;
	int rc = dns_tlsa(s->dns, s->arena, name, s->deadline, &answer);
	switch (rc) {
	case 0:
		if (answer.security != DNS_SECURE)
			return say(s, -ENODATA, "its TLSA records are not signed");
		take(s, base, port, &answer);
		return 0;
	case -ENOENT:
	case -ENODATA:
	case -EINVAL: /* a name too long to have any */
		return say(s, -ENODATA, "the host has no TLSA records");
	case -EBADMSG:
		return say(s, rc,
		           arena_printf(s->arena, "DNSSEC calls the answer for %s forged", name));
	default:
		return say(s, rc, arena_printf(s->arena, "the DNS does not answer for %s", name));
	}
}

static bool has_alias(const struct client_hop *hop)
{
	return !slice_equal_nocase(slice_from_str(hop->canonical), slice_from_str(hop->host));
}

/* The addresses are not signed, but the name, or the alias that it is, may lie in a zone that is.
 */
static int find_at_alias(const struct search *s)
{
	struct dns_answer answer;
	int rc = dns_cname(s->dns, s->arena, s->hop->host, s->deadline, &answer);
	if (rc == 0 && answer.security == DNS_SECURE)
		return find_at(s, s->hop->host);
	if (rc == 0 || rc == -ENODATA || rc == -ENOENT)
		return say(s, -ENODATA, "the host's addresses are not signed");
	return say(s, rc, "the DNS does not say what the host is an alias for");
}

int tls_policy_dane_find(struct dns *dns, const struct client_hop *hop, struct arena *arena,
                         int64_t deadline, struct tls_policy_dane *out, const char **why_out)
{
	const struct search s = { dns, hop, arena, deadline, out, why_out };
	if (!hop->canonical)
		return say(&s, -ENODATA, "the host is an address");
	/* Servers that can't sign often can't say either that there are no records: they are not
	 * asked. */
	if (!hop->secure && !has_alias(hop))
		return say(&s, -ENODATA, "the host's addresses are not signed");
	if (!hop->secure)
		return find_at_alias(&s);
	int rc = find_at(&s, hop->canonical);
	if (rc == -ENODATA && has_alias(hop))
		rc = find_at(&s, hop->host);
	return rc;
}

const char *tls_policy_dane_digest(struct arena *arena, const struct tls_wish *wish)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	if (wish->association_count == 0)
		return "";
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool good = context && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1;
	for (size_t i = 0; i < wish->association_count && good; i++) {
		const struct tls_association *a = &wish->associations[i];
		const uint32_t head[] = { a->usage, a->selector, a->matching,
			                  (uint32_t)a->data.len };
		good = EVP_DigestUpdate(context, head, sizeof(head)) == 1 &&
		       EVP_DigestUpdate(context, a->data.data, a->data.len) == 1;
	}
	good = good && EVP_DigestFinal_ex(context, digest, &len) == 1;
	EVP_MD_CTX_free(context);
	if (!good)
		abort();
	return arena_str(arena, hex_encode(arena, slice_of((const char *)digest, len)));
}

const char *tls_association_text(struct arena *arena, const struct tls_association *a)
{
	struct slice shown = slice_sub(a->data, 0,
	                               a->data.len < SHOWN_BYTES ? a->data.len : SHOWN_BYTES);
	struct slice hex = hex_encode(arena, shown);
	return arena_printf(arena, "%u %u %u %.*s%s", a->usage, a->selector, a->matching,
	                    SLICE_ARG(hex), shown.len < a->data.len ? "..." : "");
}
