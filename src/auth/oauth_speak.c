/* The exchange: one message with the token; and for one that is not good, a reason in JSON, which
 * the client acknowledges before it hears the refusal (RFC 7628 section 3.2.3). */
#include <errno.h>

#include "auth/oauth.h"
#include "auth/oauth_message.h"
#include "base/log.h"
#include "directory/directory.h"
#include "store/store.h"

struct lookup {
	struct arena *arena;
	struct slice name, wanted; /* of the token, and as the client wrote it, or empty */
	struct account account;
	bool found;
};

static int look_up(struct db *db, void *arg)
{
	struct lookup *l = arg;
	struct account other;
	int rc = directory_find_login(db, l->arena, l->name, &l->account);
	l->found = rc == 0 && l->account.enabled;
	if (l->found && l->wanted.len > 0) {
		rc = directory_find_login(db, l->arena, l->wanted, &other);
		l->found = rc == 0 && other.id == l->account.id;
	}
	return rc == -ENOENT ? 0 : rc;
}

static enum auth_result find_account(struct auth_exchange *e, const struct oauth_message *m,
                                     struct oauth_finding *found)
{
	struct lookup l = { .arena = e->arena,
		            .name = slice_from_str(found->name),
		            .wanted = m->identity };
	if (store_read(auth_store(e->auth), look_up, &l) < 0)
		return AUTH_UNAVAILABLE;
	if (!l.found) {
		found->status = "invalid_token";
		found->why = "no account of that name, or the client asked for another";
		return AUTH_REFUSED;
	}
	e->identity = (struct auth_identity){ l.account.id, l.account.address };
	return AUTH_OK;
}

static enum auth_result check(struct auth_exchange *e, const struct oauth_message *m,
                              struct oauth_finding *found)
{
	const struct net_address *from = e->client.conn ? conn_peer(e->client.conn) : NULL;
	*found = (struct oauth_finding){ "invalid_token", "", "there is none" };
	e->claim.name = m->identity;
	if (m->token.len == 0)
		return AUTH_REFUSED;
	if (oauth_check(auth_oauth(e->auth), e->arena, from, m->token, found) < 0)
		return AUTH_UNAVAILABLE;
	if (found->name[0])
		e->claim.name = slice_from_str(found->name);
	return found->status ? AUTH_REFUSED : find_account(e, m, found);
}

/* The refusal is concluded now, so that who hangs up instead of acknowledging has failed too. */
static enum auth_result tell_why(struct auth_exchange *e, const struct oauth_finding *found,
                                 struct slice error, struct slice *challenge_out)
{
	log_info("auth.oauth", kv_slice("name", e->claim.name), kv_str("why", found->why));
	enum auth_result result = auth_conclude(e->auth, &e->client, e->mechanism->name,
	                                        e->claim.name, AUTH_REFUSED);
	e->concluded = true;
	if (result != AUTH_REFUSED)
		return result;
	*challenge_out = error;
	return AUTH_CONTINUE;
}

enum auth_result oauth_speak_bearer(struct auth_exchange *e, struct slice said,
                                    struct slice *challenge_out)
{
	const struct oauth_rules *rules = oauth_rules(auth_oauth(e->auth));
	struct oauth_finding found;
	struct oauth_message m;
	*challenge_out = SLICE_EMPTY;
	if (e->concluded)
		return AUTH_REFUSED; /* whatever it says: ^A, by the book */
	if (!oauth_parse_bearer(e->arena, said, &m))
		return AUTH_BAD_SYNTAX;
	enum auth_result result = check(e, &m, &found);
	if (result != AUTH_REFUSED)
		return result;
	return tell_why(e, &found,
	                oauth_bearer_error(e->arena, found.status, rules->scope, rules->issuer),
	                challenge_out);
}

enum auth_result oauth_speak_xoauth2(struct auth_exchange *e, struct slice said,
                                     struct slice *challenge_out)
{
	struct oauth_finding found;
	struct oauth_message m;
	*challenge_out = SLICE_EMPTY;
	if (e->concluded)
		return AUTH_REFUSED;
	if (!oauth_parse_xoauth2(said, &m))
		return AUTH_BAD_SYNTAX;
	enum auth_result result = check(e, &m, &found);
	if (result != AUTH_REFUSED)
		return result;
	return tell_why(e, &found,
	                oauth_xoauth2_error(e->arena, oauth_rules(auth_oauth(e->auth))->scope),
	                challenge_out);
}
