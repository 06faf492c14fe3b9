#include "guard/guard_listed.h"

#include <errno.h>

#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"
#include "dns/dns.h"
#include "guard/guard_internal.h"
#include "guard/guard_links.h"
#include "guard/guard_list.h"
#include "trust/trust_job.h"

enum {
	TEXT_MAX = 200,                  /* of what a list says about who is listed */
	JOBS_MAX = 1000,                 /* a flood of connections must not become one of fibers */
	FAILURES_MAX = 5,                /* in a row, then a list rests */
	REST_MS = 60 * 1000,             /* one that does not answer */
	REFUSED_REST_MS = 5 * 60 * 1000, /* one that does not want to be asked */
};

/* One list, asked about some names. It lies in its own arena. */
struct asking {
	struct list link;
	struct trust_job *job;
	struct guard *guard;
	struct arena *arena;
	const struct config_dns_list *list;
	unsigned max_questions;
	enum dns_list_ask kind;
	int64_t deadline;
	struct dns_question questions[GUARD_LINKS_MAX];
	const char *about[GUARD_LINKS_MAX];
	size_t count;
	struct guard_listing found[GUARD_LINKS_MAX];
	size_t found_count;
};

struct guard_listed {
	struct guard *guard;
	const struct config *config;
	struct list askings;
	struct guard_listing *all; /* owned */
};

struct guard_listed *guard_listed_new(struct guard *g, const struct config *config)
{
	struct guard_listed *l = mem_zero(1, sizeof(*l));
	l->guard = g;
	l->config = config;
	list_init(&l->askings);
	return l;
}

void guard_listed_forget(struct guard_listed *l, enum dns_list_ask kind)
{
	LIST_EACH (&l->askings, link, following) {
		struct asking *a = LIST_ENTRY(link, struct asking, link);
		if (a->kind != kind)
			continue;
		list_remove(&a->link);
		trust_job_end(a->job);
	}
}

void guard_listed_end(struct guard_listed *l)
{
	if (!l)
		return;
	for (unsigned i = 0; i < LIST_ASK_KINDS; i++)
		guard_listed_forget(l, (enum dns_list_ask)(1u << i));
	free(l->all);
	free(l);
}

/* --- how a list does ---------------------------------------------------------------------- */

static void note_failure(struct guard *g, const struct config_dns_list *list, const char *why,
                         bool is_refusal)
{
	struct guard_list_state *s = guard_state_of(g, list);
	unsigned failures = atomic_fetch_add(&s->failures, 1) + 1;
	atomic_fetch_add(&s->failed, 1);
	if (failures < FAILURES_MAX && !is_refusal)
		return;
	atomic_store(&s->rests_until,
	             clock_monotonic_ms() + (is_refusal ? REFUSED_REST_MS : REST_MS));
	/* Once in a row of failures, which ends with an answer. */
	if (failures == FAILURES_MAX || (is_refusal && failures == 1))
		log_warn("guard.list.failed", kv_str("list", list->name),
		         kv_str("zone", list->zone), kv_str("why", why));
}

static void note_answer(struct guard *g, const struct config_dns_list *list, bool listed)
{
	struct guard_list_state *s = guard_state_of(g, list);
	unsigned failures = atomic_exchange(&s->failures, 0);
	atomic_fetch_add(listed ? &s->listed : &s->clear, 1);
	if (failures >= FAILURES_MAX)
		log_info("guard.list.works", kv_str("list", list->name));
}

/* --- on fibers of their own --------------------------------------------------------------- */

/* What a list says goes into replies and logs: printable, and no more than a line. */
static const char *reason_of(struct asking *a, const char *name)
{
	struct dns_answer answer;
	if (!a->list->reason || dns_txt(a->guard->dns, a->arena, name, a->deadline, &answer) < 0)
		return "";
	size_t len = answer.texts[0].len < TEXT_MAX ? answer.texts[0].len : TEXT_MAX;
	char *text = arena_str(a->arena, slice_sub(answer.texts[0], 0, len));
	for (size_t i = 0; i < len; i++) {
		if (text[i] < ' ' || text[i] > '~')
			text[i] = ' ';
	}
	return text;
}

static void add_found(struct asking *a, size_t i, const struct net_address *answer, int weight)
{
	char *text = arena_alloc(a->arena, NET_ADDRESS_TEXT_MAX);
	struct guard_listing *found = &a->found[a->found_count++];
	*found = (struct guard_listing){ .list = a->list,
		                         .about = a->about[i],
		                         .answer = net_address_ip(answer, text),
		                         .reason = reason_of(a, a->questions[i].name),
		                         .weight = weight };
}

/* Of several answers the heaviest counts; one error spoils all. */
static void read_answer(struct asking *a, size_t i, const struct dns_answer *answer)
{
	const struct net_address *heaviest = NULL;
	int best = 0;
	for (size_t k = 0; k < answer->count; k++) {
		int weight = 0;
		char text[NET_ADDRESS_TEXT_MAX];
		enum guard_list_meaning meaning = guard_list_read(a->list, &answer->addresses[k],
		                                                  &weight);
		if (meaning == LIST_FAILED) {
			note_failure(a->guard, a->list, net_address_ip(&answer->addresses[k], text),
			             true);
			return;
		}
		if (meaning == LIST_LISTED && (!heaviest || abs(weight) > abs(best))) {
			heaviest = &answer->addresses[k];
			best = weight;
		}
	}
	note_answer(a->guard, a->list, heaviest);
	if (heaviest)
		add_found(a, i, heaviest, best);
}

static void run(void *arg)
{
	struct asking *a = arg;
	struct dns_answer *answers = ARENA_ARRAY(a->arena, a->count, struct dns_answer);
	int results[GUARD_LINKS_MAX];
	int rc = dns_each(a->guard->dns, a->arena, a->questions, a->count, a->deadline, answers,
	                  results);
	for (size_t i = 0; i < a->count && rc == 0; i++) {
		if (results[i] == 0)
			read_answer(a, i, &answers[i]);
		else if (results[i] == -ENOENT || results[i] == -ENODATA)
			note_answer(a->guard, a->list, false);
		else
			note_failure(a->guard, a->list,
			             results[i] == -EBADMSG ? "its answers are forged"
			                                    : "it does not answer",
			             false);
	}
	atomic_fetch_sub(&a->guard->lists_asked_now, 1);
}

/* --- asking ------------------------------------------------------------------------------- */

/* What will be asked of a list; NULL: nothing. */
static struct asking *prepare(struct guard_listed *l, const struct config_dns_list *list,
                              enum dns_list_ask kind)
{
	int64_t now_ms = clock_monotonic_ms();
	if (!(list->ask & kind) ||
	    atomic_load(&guard_state_of(l->guard, list)->rests_until) > now_ms)
		return NULL;
	struct arena *arena = arena_new();
	struct asking *a = ARENA_NEW(arena, struct asking);
	a->guard = l->guard;
	a->arena = arena;
	a->list = list;
	a->max_questions = l->config->score.max_links;
	a->kind = kind;
	a->deadline = now_ms + list->timeout_ms;
	return a;
}

static void want(struct asking *a, const char *name, const char *about)
{
	if (!name || a->count == GUARD_LINKS_MAX || a->count == a->max_questions)
		return;
	for (size_t i = 0; i < a->count; i++) {
		if (slice_equal(slice_from_str(a->questions[i].name), slice_from_str(name)))
			return;
	}
	a->about[a->count] = about;
	a->questions[a->count++] = (struct dns_question){ name, DNS_TYPE_A };
}

static void begin(struct guard_listed *l, struct asking *a)
{
	bool fits = atomic_fetch_add(&l->guard->lists_asked_now, 1) < JOBS_MAX;
	if (a->count == 0 || !fits) {
		atomic_fetch_sub(&l->guard->lists_asked_now, 1);
		arena_free(a->arena);
		return;
	}
	list_append(&l->askings, &a->link);
	a->job = trust_job_begin("guard.list", a->arena, run, a);
}

void guard_listed_address(struct guard_listed *l, enum dns_list_ask kind,
                          const struct net_address *address)
{
	const struct config_dns_lists *lists = &l->config->dns_lists;
	char ip[NET_ADDRESS_TEXT_MAX];
	guard_listed_forget(l, kind);
	for (size_t i = 0; i < lists->count; i++) {
		struct asking *a = prepare(l, &lists->items[i], kind);
		if (!a)
			continue;
		want(a, guard_list_address_name(a->arena, a->list, address),
		     arena_str(a->arena, slice_from_str(net_address_ip(address, ip))));
		begin(l, a);
	}
}

static void want_domain(struct asking *a, struct slice domain)
{
	want(a, guard_list_domain_name(a->arena, a->list, domain), arena_str(a->arena, domain));
}

void guard_listed_domain(struct guard_listed *l, enum dns_list_ask kind, struct slice domain)
{
	const struct config_dns_lists *lists = &l->config->dns_lists;
	guard_listed_forget(l, kind);
	for (size_t i = 0; i < lists->count; i++) {
		struct asking *a = prepare(l, &lists->items[i], kind);
		if (!a)
			continue;
		want_domain(a, domain);
		begin(l, a);
	}
}

void guard_listed_links(struct guard_listed *l, struct slice message)
{
	const struct config *c = l->config;
	struct arena *arena = arena_new();
	struct guard_links links;
	guard_listed_forget(l, LIST_ASK_LINKS);
	guard_listed_forget(l, LIST_ASK_LINK_ADDRESSES);
	guard_links_find(arena, message, &c->message, &links);
	for (size_t i = 0; i < c->dns_lists.count; i++) {
		const struct config_dns_list *list = &c->dns_lists.items[i];
		struct asking *names = prepare(l, list, LIST_ASK_LINKS);
		struct asking *hosts = prepare(l, list, LIST_ASK_LINK_ADDRESSES);
		for (size_t k = 0; names && k < links.domain_count; k++)
			want_domain(names, links.domains[k]);
		for (size_t k = 0; hosts && k < links.address_count; k++) {
			char *ip = arena_alloc(hosts->arena, NET_ADDRESS_TEXT_MAX);
			want(hosts,
			     guard_list_address_name(hosts->arena, list, &links.addresses[k]),
			     net_address_ip(&links.addresses[k], ip));
		}
		if (names)
			begin(l, names);
		if (hosts)
			begin(l, hosts);
	}
	arena_free(arena);
}

const struct guard_listing *guard_listed_all(struct guard_listed *l, size_t *count_out)
{
	size_t count = 0;
	LIST_EACH (&l->askings, link, following) {
		struct asking *a = LIST_ENTRY(link, struct asking, link);
		if (!trust_job_wait(a->job, a->deadline))
			continue;
		l->all = mem_grow(l->all, (count + a->found_count + 1) * sizeof(*l->all));
		for (size_t i = 0; i < a->found_count; i++)
			l->all[count++] = a->found[i];
	}
	*count_out = count;
	return l->all;
}
