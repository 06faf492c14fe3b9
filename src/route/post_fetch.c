/* Which mail is fetched, and by whom: ATRN and TURN. */
#include <errno.h>

#include "base/log.h"
#include "directory/certificate.h"
#include "directory/fetch.h"
#include "route/post_internal.h"
#include "store/store.h"

enum { DOMAINS_MAX = 1000 };

struct search {
	const struct post_fetcher *who;
	struct arena *arena;
	struct post_members *out;
};

static int add_domain(struct slice domain, struct slice address, void *arg)
{
	struct search *s = arg;
	(void)address;
	if (s->out->count == DOMAINS_MAX)
		return 1;
	s->out->addresses[s->out->count++] = arena_copy(s->arena, domain);
	return 0;
}

/* The account that logged in, or that the certificate stands for; 0 for nobody. */
static int find_account(struct db *db, const struct search *s, int64_t *id_out)
{
	struct account account;
	*id_out = s->who->account_id;
	if (*id_out != 0 || s->who->fingerprint.len == 0)
		return 0;
	int rc = directory_find_certificate(db, s->arena, s->who->fingerprint, &account);
	if (rc == 0 && account.enabled)
		*id_out = account.id;
	return rc == -ENOENT ? 0 : rc;
}

/* A certificate that others vouch for may name the domain itself. */
static int add_named(struct db *db, struct search *s)
{
	int rc = 0;
	for (size_t i = 0; i < s->who->name_count && rc >= 0; i++) {
		struct slice domain;
		if (directory_canonical_domain(s->arena, s->who->names[i], &domain) < 0)
			continue;
		rc = directory_find_fetch(db, domain);
		if (rc == 0)
			rc = add_domain(domain, SLICE_EMPTY, s);
		else if (rc == -ENOENT)
			rc = 0;
	}
	return rc < 0 ? rc : 0;
}

static int search(struct db *db, void *arg)
{
	struct search *s = arg;
	int64_t account_id;
	s->out->count = 0;
	int rc = find_account(db, s, &account_id);
	if (rc == 0 && account_id != 0)
		rc = directory_each_fetch_of(db, account_id, add_domain, s);
	else if (rc == 0)
		rc = add_named(db, s);
	return rc < 0 ? rc : 0;
}

int post_find_fetched(struct post *p, const struct post_fetcher *who, struct arena *arena,
                      struct post_members *out)
{
	*out = (struct post_members){ .addresses = ARENA_ARRAY(arena, DOMAINS_MAX, struct slice) };
	struct search s = { .who = who, .arena = arena, .out = out };
	return store_read(p->config.store, search, &s);
}
