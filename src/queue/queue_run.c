/* ETRN (RFC 1985): what waits for a domain is due now, and goes over a new connection, as who asks
 * may have another address than the host that an open one leads to. */
#include <errno.h>

#include "client/client_choose.h"
#include "queue/queue_internal.h"
#include "queue/queue_tls.h"

/* A domain that mail waits for. */
struct waiting {
	struct waiting *next;
	struct slice domain;
	int64_t free, leased; /* recipients */
};

struct run {
	struct queue *queue;
	struct post_run *asked;
	struct arena *arena;
	struct waiting *waiting;
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

static int find_waiting(struct db *db, struct run *r)
{
	struct db_rows rows;
	int rc = db_query(
		db, &rows,
		"SELECT domain, sum(CASE WHEN lease_owner IS NULL THEN 1 ELSE 0 END),"
		" count(*), EXISTS (SELECT 1 FROM fetch_domain f WHERE f.domain = r.domain)"
		" FROM queue_recipient r WHERE held = 0 GROUP BY domain",
		"");
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		const struct client_errand errand = { .domain = db_text(&rows, 0) };
		/* What waits to be fetched has nowhere to be sent to. */
		if (!is_wanted(r, errand.domain) ||
		    (db_int(&rows, 3) != 0 &&
		     !queue_table_has_way(r->queue->config.config, &errand)))
			continue;
		struct waiting *w = ARENA_NEW(r->arena, struct waiting);
		*w = (struct waiting){ .next = r->waiting,
			               .domain = arena_copy(r->arena, db_text(&rows, 0)),
			               .free = db_int(&rows, 1) };
		w->leased = db_int(&rows, 2) - w->free;
		r->waiting = w;
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

/* What is leased is in our hands already: it only learns what is wished. */
static int run_commit(struct db *db, void *arg)
{
	struct run *r = arg;
	r->waiting = NULL;
	r->asked->started = r->asked->working = 0;
	int rc = find_waiting(db, r);
	for (const struct waiting *w = r->waiting; w && rc == 0; w = w->next) {
		rc = db_run(db,
		            "UPDATE queue_recipient SET asked = 1,"
		            " due_ms = CASE WHEN lease_owner IS NULL THEN $2 ELSE due_ms END"
		            " WHERE domain = $1 AND held = 0",
		            "ti", w->domain, clock_wall_ms());
		r->asked->started += w->free;
		r->asked->working += w->leased;
	}
	return rc;
}

static void renew_key(struct run *r, struct slice key)
{
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
	struct run r = { .queue = q, .asked = asked, .arena = arena_new() };
	int rc = store_commit(q->config.store, NULL, 0, run_commit, &r);
	if (rc == 0)
		renew(&r);
	if (rc == 0 && asked->started > 0)
		queue_kick(q);
	arena_free(r.arena);
	return rc;
}
