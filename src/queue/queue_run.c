/* ETRN (RFC 1985): what waits for a domain is due now, and goes over a new connection, as who asks
 * may have another address than the host that an open one leads to. */
#include <errno.h>

#include "base/hash.h"
#include "client/client_choose.h"
#include "queue/queue_internal.h"
#include "queue/queue_tls.h"

/* A domain that mail waits for. */
struct waiting {
	struct waiting *next;
	struct slice domain;
};

struct run {
	struct queue *queue;
	struct post_run *asked;
	struct queue_lease_name taken;
	struct arena *arena;
	struct waiting *waiting;
	struct hash *seen; /* domains */
};

/* A queue has the name of the smarthost that it leads to; "all" is every one. */
static bool is_all(struct slice name) { return slice_equal_nocase(name, SLICE("all")); }

static bool has_queue(const struct config *c, struct slice name)
{
	for (size_t i = 0; i < c->smarthost_count; i++) {
		const char *host = c->smarthosts[i].host;
		if (host && slice_equal_nocase(slice_from_str(host), name))
			return true;
	}
	return is_all(name);
}

static bool is_below(struct slice domain, struct slice parent)
{
	return domain.len > parent.len && slice_ends_with(domain, parent) &&
	       domain.data[domain.len - parent.len - 1] == '.';
}

/* Some of its mail may go there, which is tried then with the rest. */
static bool may_go_to(const struct config *c, struct slice domain, struct slice host)
{
	const struct config_smarthost *way = NULL;
	while ((way = client_choose_next(c, domain, way))) {
		if (way->host && slice_equal_nocase(slice_from_str(way->host), host))
			return true;
	}
	return false;
}

static bool is_wanted(const struct run *r, struct slice domain)
{
	struct slice name = r->asked->name;
	switch (r->asked->kind) {
	case POST_RUN_DOMAIN:
		return slice_equal(domain, name);
	case POST_RUN_SUBDOMAINS:
		return slice_equal(domain, name) || is_below(domain, name);
	case POST_RUN_QUEUE:
		return is_all(name) || may_go_to(r->queue->config.config, domain, name);
	}
	return false;
}

/* What waits to be fetched has nowhere to be sent to. */
static int note_waiting(struct db *db, struct run *r, struct slice domain)
{
	int64_t one;
	if (!is_wanted(r, domain) || hash_put(r->seen, domain, r))
		return 0;
	int rc = db_get_int(db, &one, "SELECT 1 FROM fetch_domain WHERE domain = $1 LIMIT 1", "t",
	                    domain);
	const struct client_errand errand = { .domain = domain };
	if (rc == 0 && !queue_table_has_way(r->queue->config.config, &errand))
		return 0;
	struct waiting *w = ARENA_NEW(r->arena, struct waiting);
	*w = (struct waiting){ .next = r->waiting, .domain = domain };
	r->waiting = w;
	return rc == -ENODATA ? 0 : rc;
}

/* The next domain in the index, behind this one; lease NULL: of what waits. */
static int next_domain(struct db *db, struct run *r, const char *lease, struct slice *domain)
{
	struct db_rows rows;
	int rc = lease ? db_query(db, &rows,
	                          "SELECT domain FROM queue_recipient WHERE lease_owner = $1"
	                          " AND domain > $2 ORDER BY domain LIMIT 1",
	                          "st", lease, *domain)
	               : db_query(db, &rows,
	                          "SELECT domain FROM queue_recipient WHERE lease_owner IS NULL"
	                          " AND domain > $1 ORDER BY domain LIMIT 1",
	                          "t", *domain);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0)
		*domain = arena_copy(r->arena, db_text(&rows, 0));
	db_end(&rows);
	return rc;
}

static int walk_domains(struct db *db, struct run *r, const char *lease)
{
	struct slice domain = SLICE_EMPTY;
	int rc;
	while ((rc = next_domain(db, r, lease, &domain)) == 0) {
		rc = note_waiting(db, r, domain);
		if (rc < 0)
			return rc;
	}
	return rc == -ENODATA ? 0 : rc;
}

/* Some rows of a domain may be leased, and others not. */
static int find_waiting(struct db *db, void *arg)
{
	struct run *r = arg;
	if (r->asked->kind == POST_RUN_DOMAIN)
		return note_waiting(db, r, r->asked->name);
	int rc = walk_domains(db, r, r->queue->leases.owner);
	if (rc == 0)
		rc = walk_domains(db, r, r->taken.text);
	return rc < 0 ? rc : walk_domains(db, r, NULL);
}

static int run_domain(struct db *db, const struct run *r, struct slice domain)
{
	int64_t started, working;
	int rc = db_change(db, &started,
	                   "UPDATE queue_recipient SET due_ms = $2,"
	                   " asked = CASE asked WHEN 2 THEN 2 ELSE 1 END"
	                   " WHERE lease_owner IS NULL AND domain = $1 AND held = 0",
	                   "ti", domain, clock_wall_ms());
	if (rc < 0)
		return rc;
	/* What is leased is in our hands already: should that fail, it is tried again. */
	rc = db_change(db, &working,
	               "UPDATE queue_recipient SET asked = CASE asked WHEN 2 THEN 2 ELSE 3 END"
	               " WHERE lease_owner IN ($2, $3) AND domain = $1 AND held = 0",
	               "tss", domain, r->queue->leases.owner, r->taken.text);
	if (rc < 0)
		return rc;
	r->asked->started += started;
	r->asked->working += working;
	return 0;
}

static int run_commit(struct db *db, void *arg)
{
	struct run *r = arg;
	int rc = 0;
	r->asked->started = r->asked->working = 0;
	for (const struct waiting *w = r->waiting; w && rc == 0; w = w->next)
		rc = run_domain(db, r, w->domain);
	return rc;
}

static void renew_key(struct run *r, struct slice key)
{
	queue_ready_renew(r->queue->ready, queue_groups_find(r->queue->groups, r->arena, key));
	for (int need = QUEUE_TLS_USUAL; need <= QUEUE_TLS_OPTIONAL; need++)
		queue_ready_renew(r->queue->ready,
		                  queue_tls_key(r->arena, key, (enum queue_tls_need)need));
}

static void renew(struct run *r)
{
	const struct config *c = r->queue->config.config;
	for (const struct waiting *w = r->waiting; w; w = w->next) {
		const struct config_smarthost *way = NULL;
		while ((way = client_choose_next(c, w->domain, way)))
			renew_key(r, client_choose_key(c, r->arena, way, w->domain));
		renew_key(r, w->domain);
	}
}

int queue_run(struct queue *q, struct post_run *asked)
{
	if (asked->kind == POST_RUN_QUEUE && !has_queue(q->config.config, asked->name))
		return -ENOENT;
	struct run r = { .queue = q,
		         .asked = asked,
		         .taken = queue_lease_name(&q->leases),
		         .arena = arena_new(),
		         .seen = hash_new() };
	int rc = store_read(q->config.store, find_waiting, &r);
	if (rc == 0)
		rc = store_commit(q->config.store, NULL, 0, run_commit, &r);
	if (rc == 0)
		renew(&r);
	for (const struct waiting *w = r.waiting; w && rc == 0; w = w->next)
		queue_note_domain(q, w->domain, clock_wall_ms());
	hash_free(r.seen);
	arena_free(r.arena);
	return rc;
}
