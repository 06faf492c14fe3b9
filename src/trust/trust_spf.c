#include "trust/trust_spf.h"

#include "base/clock.h"
#include "message/header.h"
#include "trust/authres.h"
#include "trust/trust_internal.h"
#include "trust/trust_job.h"

enum { FIELD_BYTES_MAX = 4096 };

struct check {
	struct trust_job *job; /* NULL: this identity is not checked */
	struct spf_question question;
	struct net_address client;
	struct arena *arena; /* the job's */
	struct spf_answer answer;
};

struct trust_spf {
	int64_t deadline;
	struct slice receiver;
	struct slice helo;
	struct check *checks[SPF_IDENTITIES];
	struct arena *arena;
};

static const struct spf_answer too_late = {
	.result = TRUST_TEMPERROR,
	.reason = "the DNS does not answer in time",
	.term = { "", 0 },
	.owner = { "", 0 },
	.record = { "", 0 },
	.explanation = { "", 0 },
};

/* --- asking ------------------------------------------------------------------------------ */

static void run(void *arg)
{
	struct check *c = arg;
	spf_check(c->arena, &c->question, &c->answer);
}

/* Everything in the job's own arena: who asked may be gone before it ends. */
static struct check *begin(struct trust *t, const struct trust_spf *s,
                           const struct net_address *client, struct slice local,
                           struct slice domain)
{
	const struct config_trust *config = &t->config->trust;
	struct arena *arena = arena_new();
	struct check *c = ARENA_NEW(arena, struct check);
	c->arena = arena;
	c->client = *client;
	c->question = (struct spf_question){
		.dns = t->dns,
		.client = &c->client,
		.helo = arena_copy(arena, s->helo),
		.local = arena_copy(arena, local),
		.domain = arena_copy(arena, domain),
		.receiver = arena_copy(arena, slice_from_str(t->config->hostname)),
		.max_lookups = config->spf_lookups,
		.max_void = config->spf_void_lookups,
		.deadline = s->deadline,
	};
	c->job = trust_job_begin("trust.spf", arena, run, c);
	return c;
}

/* What is no domain, or an address literal, has no record. */
static bool domain_of(struct arena *arena, struct slice text, struct slice *out)
{
	return text.len > 0 && text.data[0] != '[' && domain_canonical(arena, text, out) &&
	       domain_is_valid(*out);
}

/* RFC 7208 section 2.4: a null reverse-path is the postmaster of the host. */
static void begin_all(struct trust *t, struct trust_spf *s, const struct trust_question *q)
{
	struct slice helo, domain;
	bool has_helo = domain_of(s->arena, s->helo, &helo);
	if (has_helo && (address_is_null(q->sender) || t->config->trust.spf_helo))
		s->checks[SPF_HELO] = begin(t, s, q->client, SLICE("postmaster"), helo);
	if (domain_of(s->arena, q->sender->domain, &domain))
		s->checks[SPF_MAIL_FROM] = begin(
			t, s, q->client,
			q->sender->local.len > 0 ? q->sender->local : SLICE("postmaster"), domain);
}

struct trust_spf *trust_spf_begin(struct trust *t, const struct trust_question *q)
{
	if (!t->dns || !t->config->trust.spf || !q->client || !q->sender ||
	    q->client->any.sa_family == AF_UNIX)
		return NULL;
	struct arena *arena = arena_new();
	struct trust_spf *s = ARENA_NEW(arena, struct trust_spf);
	s->arena = arena;
	s->deadline = deadline_in(t->config->trust.timeout_ms);
	s->receiver = slice_from_str(t->config->hostname);
	s->helo = arena_copy(arena, slice_from_str(q->helo));
	begin_all(t, s, q);
	return s;
}

const struct spf_answer *trust_spf_wait(struct trust_spf *s, enum trust_spf_identity identity)
{
	struct check *c = s ? s->checks[identity] : NULL;
	if (!c)
		return NULL;
	return trust_job_wait(c->job, s->deadline) ? &c->answer : &too_late;
}

struct slice trust_spf_domain(const struct trust_spf *s, enum trust_spf_identity identity)
{
	return s->checks[identity] ? s->checks[identity]->question.domain : SLICE_EMPTY;
}

void trust_spf_end(struct trust_spf *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < SPF_IDENTITIES; i++) {
		if (s->checks[i])
			trust_job_end(s->checks[i]->job);
	}
	arena_free(s->arena);
}

/* --- telling ----------------------------------------------------------------------------- */

/* The answer may go before the results do. */
static struct slice kept(struct arena *arena, struct slice s) { return arena_copy(arena, s); }

static void add_evidence(struct trust_verdict *v, struct arena *arena, const struct spf_answer *a,
                         const char *client)
{
	trust_evidence(v, "client", slice_from_str(arena_str(arena, slice_from_str(client))));
	trust_evidence(v, "record", kept(arena, a->record));
	trust_evidence(v, "term", kept(arena, a->term));
	trust_evidence(v, "term of", kept(arena, a->owner));
	trust_evidence(v, "explanation", kept(arena, a->explanation));
	if (a->lookups > 0)
		trust_evidence(v, "terms that asked",
		               slice_from_str(arena_printf(arena, "%u", a->lookups)));
	if (a->voids > 0)
		trust_evidence(v, "empty answers",
		               slice_from_str(arena_printf(arena, "%u", a->voids)));
}

/* RFC 8601 section 2.7.2. */
static void add_one(struct trust_results *r, struct arena *arena, struct trust_spf *s,
                    enum trust_spf_identity identity)
{
	char client[NET_ADDRESS_TEXT_MAX];
	const struct check *c = s->checks[identity];
	const struct spf_answer *a = trust_spf_wait(s, identity);
	/* Few hosts have a record of their own: that there is none is no news. */
	if (!a || (identity == SPF_HELO && s->checks[SPF_MAIL_FROM] && a->result == TRUST_NONE))
		return;
	struct trust_verdict *v = trust_add(r, arena, "spf", a->result,
	                                    arena_str(arena, slice_from_str(a->reason)));
	trust_property(v, "smtp", identity == SPF_HELO ? "helo" : "mailfrom",
	               kept(arena, c->question.domain));
	add_evidence(v, arena, a, net_address_ip(&c->client, client));
}

void trust_add_spf(struct trust_results *r, struct arena *arena, struct trust_spf *s)
{
	if (!s)
		return;
	add_one(r, arena, s, SPF_MAIL_FROM);
	add_one(r, arena, s, SPF_HELO);
	if (!s->checks[SPF_MAIL_FROM] && !s->checks[SPF_HELO])
		trust_add(r, arena, "spf", TRUST_NONE, "");
}

/* --- Received-SPF ------------------------------------------------------------------------ */

static const char *comment_of(enum trust_result result)
{
	switch (result) {
	case TRUST_PASS:
		return "designates this client as permitted sender";
	case TRUST_FAIL:
		return "does not designate this client as permitted sender";
	case TRUST_SOFTFAIL:
		return "probably does not designate this client as permitted sender";
	case TRUST_NEUTRAL:
		return "says nothing of this client";
	case TRUST_NONE:
		return "has no SPF record";
	default:
		return "could not be asked";
	}
}

/* value = dot-atom / quoted-string */
static void put_pair(struct buf *out, const char *key, struct slice value)
{
	buf_printf(out, "; %s=\"", key);
	for (size_t i = 0; i < value.len; i++) {
		char c = value.data[i];
		if (c == '"' || c == '\\')
			buf_append_byte(out, '\\');
		buf_append_byte(out, c < ' ' || c == 0x7F ? ' ' : c);
	}
	buf_append_byte(out, '"');
}

static void put_received(struct buf *out, const struct trust_spf *s,
                         enum trust_spf_identity identity, const struct spf_answer *a)
{
	char client[NET_ADDRESS_TEXT_MAX];
	const struct check *c = s->checks[identity];
	buf_printf(out, "%s (%.*s: domain of %.*s %s) client-ip=%s", trust_result_name(a->result),
	           SLICE_ARG(s->receiver), SLICE_ARG(c->question.domain), comment_of(a->result),
	           net_address_ip(&c->client, client));
	const struct slice parts[] = { c->question.local, SLICE("@"), c->question.domain };
	put_pair(out, "envelope-from", arena_concat(s->arena, parts, 3));
	put_pair(out, "helo", s->helo);
	buf_printf(out, "; identity=%s", identity == SPF_HELO ? "helo" : "mailfrom");
	put_pair(out, "receiver", s->receiver);
	if (a->term.len > 0 && a->reason[0] == '\0')
		put_pair(out, "mechanism", a->term);
	if (a->reason[0])
		put_pair(out, "problem", slice_from_str(a->reason));
}

struct slice trust_received_spf(struct trust_spf *s, struct arena *arena)
{
	enum trust_spf_identity identity = SPF_MAIL_FROM;
	if (!s || (!s->checks[SPF_MAIL_FROM] && !s->checks[SPF_HELO]))
		return SLICE_EMPTY;
	if (!s->checks[SPF_MAIL_FROM])
		identity = SPF_HELO;
	struct buf value = buf_make(FIELD_BYTES_MAX), field = buf_make(2 * FIELD_BYTES_MAX);
	put_received(&value, s, identity, trust_spf_wait(s, identity));
	header_put_raw(&field, "Received-SPF", buf_slice(&value));
	struct slice out = arena_copy(arena, buf_slice(&field));
	buf_free(&value);
	buf_free(&field);
	return out;
}
