#include "auth/external.h"

#include <errno.h>

#include "directory/certificate.h"
#include "store/store.h"

struct lookup {
	struct arena *arena;
	const struct conn_tls_peer *peer;
	struct slice wanted; /* canonical, or empty */
	struct account account;
	bool found;
};

static bool is_wanted(struct lookup *l, const struct account *account)
{
	return account->enabled &&
	       (l->wanted.len == 0 || slice_equal(l->wanted, slice_from_str(account->address)));
}

static int look_up_by_name(struct db *db, struct lookup *l)
{
	int rc = -ENOENT;
	for (size_t i = 0; i < l->peer->email_count && !l->found; i++) {
		struct slice address;
		if (directory_canonical_address(l->arena, l->peer->emails[i], &address) < 0)
			continue;
		rc = directory_find_account(db, l->arena, address, &l->account);
		if (rc < 0 && rc != -ENOENT)
			return rc;
		l->found = rc == 0 && is_wanted(l, &l->account);
	}
	return 0;
}

static int look_up(struct db *db, void *arg)
{
	struct lookup *l = arg;
	int rc = directory_find_certificate(db, l->arena, l->peer->fingerprint, &l->account);
	if (rc == -ENOENT)
		return l->peer->verified ? look_up_by_name(db, l) : 0;
	l->found = rc == 0 && is_wanted(l, &l->account);
	return rc;
}

enum auth_result external_speak(struct auth_exchange *e, struct slice said,
                                struct slice *challenge_out)
{
	struct conn_tls_peer peer;
	struct lookup l = { .arena = e->arena, .peer = &peer };
	*challenge_out = SLICE_EMPTY;
	if (conn_tls_peer(e->client.conn, e->arena, &peer) < 0)
		return AUTH_REFUSED;
	e->claim.name = said.len > 0 ? said : slice_from_str(peer.subject);
	if (said.len > 0 && directory_canonical_address(e->arena, said, &l.wanted) < 0)
		return AUTH_REFUSED;
	if (store_read(auth_store(e->auth), look_up, &l) < 0)
		return AUTH_UNAVAILABLE;
	if (!l.found)
		return AUTH_REFUSED;
	e->identity = (struct auth_identity){ l.account.id, l.account.address };
	return AUTH_OK;
}
