#include "auth/scram.h"

#include <errno.h>

#include "auth/auth_key.h"
#include "auth/password.h"
#include "base/codec.h"
#include "store/store.h"

enum { SHA1_BYTES = 20 };

struct lookup {
	struct arena *arena;
	const uint8_t *key;
	const char *kind;
	struct slice name;
	struct slice address; /* whose secret is shown */
	struct account account;
	const char *verifier; /* NULL: a decoy is shown */
	bool known;           /* the name is one that may log in */
};

/* A name without a domain that is no account's stands for an address in one of our domains, always
 * the same, as it does when it is an account's. An account may even have that address, if others
 * have the name too: then its salt is shown. All is looked up for known names as well. */
static int look_up_short_name(struct db *db, struct lookup *l)
{
	uint8_t number[AUTH_KEY_BYTES];
	struct slice local = arena_lower(l->arena, l->name);
	const char *domain = "";
	struct account other;
	auth_key_derive(l->key, "domain of a short name", local, number);
	int rc = directory_pick_domain(db, l->arena, (uint32_t)number[0] << 8 | number[1], &domain);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	struct slice address = slice_from_str(
		arena_printf(l->arena, "%.*s@%s", SLICE_ARG(local), domain));
	rc = directory_find_account(db, l->arena, address, &other);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	if (!l->known && rc == 0)
		l->account = other;
	if (!l->known)
		l->address = address;
	return 0;
}

static int look_up_address(struct db *db, struct lookup *l)
{
	int rc = directory_find_login(db, l->arena, l->name, &l->account);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	l->known = rc == 0;
	if (slice_find_byte(l->name, '@') < 0)
		rc = look_up_short_name(db, l);
	else if (directory_canonical_address(l->arena, l->name, &l->address) < 0)
		l->address = l->name;
	if (l->known)
		l->address = slice_from_str(l->account.address);
	return rc == -ENOENT ? 0 : rc;
}

static int look_up(struct db *db, void *arg)
{
	struct lookup *l = arg;
	int rc = look_up_address(db, l);
	/* Account 0 is none, but asked for all the same: it takes as long. */
	if (rc == 0)
		rc = directory_get_verifier(db, l->arena, l->account.id, l->kind, &l->verifier);
	return rc == -ENOENT ? 0 : rc;
}

/* scram = mechanism "$" iterations ":" salt "$" stored-key ":" server-key */
static bool parse(struct arena *a, const char *verifier, struct scram_secret *out)
{
	struct slice rest = slice_from_str(verifier ? verifier : "");
	(void)slice_split(&rest, '$');
	out->iterations = arena_str(a, slice_split(&rest, ':'));
	out->salt = arena_str(a, slice_split(&rest, '$'));
	out->stored_key = arena_str(a, slice_split(&rest, ':'));
	out->server_key = arena_str(a, rest);
	return rest.len > 0;
}

static const char *decoy_part(const struct lookup *l, const char *part, size_t len)
{
	uint8_t bytes[AUTH_KEY_BYTES];
	const char *purpose = arena_printf(l->arena, "decoy %s %s", l->kind, part);
	auth_key_derive(l->key, purpose, l->address, bytes);
	struct slice text = base64_encode_arena(l->arena, slice_of((const char *)bytes, len));
	return arena_str(l->arena, text);
}

static struct scram_secret make_decoy(const struct lookup *l)
{
	bool sha1 = strcmp(l->kind, PASSWORD_KIND_SCRAM_SHA1) == 0;
	size_t len = sha1 ? SHA1_BYTES : AUTH_KEY_BYTES;
	return (struct scram_secret){
		.iterations = arena_printf(l->arena, "%d", PASSWORD_SCRAM_ITERATIONS),
		.salt = decoy_part(l, "salt", PASSWORD_SALT_BYTES),
		.stored_key = decoy_part(l, "stored key", len),
		.server_key = decoy_part(l, "server key", len),
	};
}

int scram_find(struct store *store, struct arena *arena, const uint8_t *key, const char *kind,
               struct slice name, struct scram_finding *out)
{
	struct lookup l = { .arena = arena, .key = key, .kind = kind, .name = name };
	int rc = store_read(store, look_up, &l);
	if (rc < 0)
		return rc;
	struct scram_secret decoy = make_decoy(&l), own;
	bool has_own = parse(arena, l.verifier, &own);
	*out = (struct scram_finding){ .secret = has_own ? own : decoy,
		                       .identity = { l.account.id, l.account.address },
		                       .may_login = has_own && l.known && l.account.enabled &&
		                                    !l.account.app_only };
	return 0;
}
