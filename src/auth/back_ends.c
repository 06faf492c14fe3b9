#include "auth/back_ends.h"

#include <errno.h>

#include "auth/passdb.h"
#include "auth/password.h"
#include "base/log.h"
#include "store/store.h"

struct back_ends {
	struct passdb **list; /* NULL: the internal directory */
	size_t count;
	bool internal, others;
	directory_account_hook made;
	const struct config *config;
};

int back_ends_open(const struct config *config, struct back_ends **out)
{
	size_t count = config ? config->passdb_count : 0;
	struct back_ends *b = mem_zero(1, sizeof(*b));
	b->config = config;
	b->list = mem_zero(count + 1, sizeof(struct passdb *));
	int rc = 0;
	for (size_t i = 0; i < count && rc == 0; i++) {
		const struct config_passdb *c = &config->passdbs[i];
		if (c->driver == PASSDB_INTERNAL)
			b->internal = true;
		else
			rc = passdb_open(c, &b->list[i]);
		b->others = b->others || c->driver != PASSDB_INTERNAL;
		b->count += rc == 0;
	}
	if (count == 0) {
		b->internal = true;
		b->count = 1;
	}
	if (rc < 0)
		back_ends_close(b);
	else
		*out = b;
	return rc;
}

void back_ends_close(struct back_ends *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->count; i++)
		passdb_close(b->list[i]);
	free(b->list);
	free(b);
}

void back_ends_set_accounts(struct back_ends *b, directory_account_hook made) { b->made = made; }

size_t back_ends_count(const struct back_ends *b) { return b->count; }

bool back_ends_is_internal(const struct back_ends *b, size_t place) { return !b->list[place]; }

bool back_ends_have_internal(const struct back_ends *b) { return b->internal; }

bool back_ends_have_others(const struct back_ends *b) { return b->others; }

/* --- the account of an address ------------------------------------------------------------ */

struct mapping {
	const struct back_ends *back_ends;
	const struct back_end_login *login;
	struct slice address;
	struct account *account;
};

static int find_account(struct db *db, void *arg)
{
	struct mapping *m = arg;
	return directory_find_account(db, m->login->arena, m->address, m->account);
}

static int add_account(struct db *db, void *arg)
{
	struct mapping *m = arg;
	const struct config *config = m->back_ends->config;
	const struct account_new account = {
		.address = m->address,
		.quota_bytes = config->local.default_quota_bytes,
		.quota_messages = config->quota.default_messages,
		.quota_mailboxes = config->quota.default_mailboxes,
		.made = m->back_ends->made,
	};
	int rc = find_account(db, arg); /* another connection may have been first */
	if (rc == -ENOENT)
		rc = directory_add_account(db, &account, NULL);
	return rc < 0 ? rc : find_account(db, arg);
}

static int create(struct mapping *m, const struct config_passdb *config)
{
	int rc = store_commit(m->login->store, NULL, 0, add_account, m);
	if (rc == 0)
		log_info("auth.account_made", kv_slice("account", m->address),
		         kv_str("passdb", config->name));
	return rc;
}

static enum auth_result map_account(const struct back_ends *b, const struct config_passdb *config,
                                    const struct back_end_login *login, const char *address,
                                    struct account *account_out)
{
	struct mapping m = { .back_ends = b, .login = login, .account = account_out };
	if (directory_canonical_address(login->arena, slice_from_str(address), &m.address) < 0)
		return AUTH_REFUSED;
	int rc = store_read(login->store, find_account, &m);
	if (rc == -ENOENT && config->create)
		rc = create(&m, config);
	/* No such account, no such domain, or the address is an alias. */
	if (rc == -ENOENT || rc == -EEXIST) {
		log_warn("auth.no_account", kv_slice("account", m.address),
		         kv_str("passdb", config->name));
		return AUTH_REFUSED;
	}
	if (rc < 0)
		return AUTH_UNAVAILABLE;
	return account_out->enabled ? AUTH_OK : AUTH_REFUSED;
}

/* --- asking ------------------------------------------------------------------------------- */

/* The address that a back end is asked about. False: this name is not for it. */
static bool address_for(const struct config_passdb *config, const struct back_end_login *login,
                        struct slice *out)
{
	struct slice name = login->name;
	if (slice_find_byte(name, '@') < 0) {
		if (!config->domain)
			return false;
		name = slice_from_str(
			arena_printf(login->arena, "%.*s@%s", SLICE_ARG(name), config->domain));
	}
	if (slice_find_byte(name, '\0') >= 0 ||
	    directory_canonical_address(login->arena, name, out) < 0)
		return false;
	struct slice domain = slice_from(*out, (size_t)slice_find_last_byte(*out, '@') + 1);
	return !config->domain || slice_equal(domain, slice_from_str(config->domain));
}

static bool is_possible(struct slice password)
{
	/* An LDAP server takes an empty one for no password at all, and says yes (RFC 4513 section
	 * 5.1.2). */
	return password.len > 0 && password.len <= PASSWORD_MAX &&
	       slice_find_byte(password, '\0') < 0;
}

static enum auth_result result_of(enum passdb_verdict verdict)
{
	switch (verdict) {
	case PASSDB_ACCEPTED:
		return AUTH_OK;
	case PASSDB_REFUSED:
		return AUTH_REFUSED;
	case PASSDB_EXPIRED:
		return AUTH_EXPIRED;
	case PASSDB_UNAVAILABLE:
		break;
	}
	return AUTH_UNAVAILABLE;
}

enum auth_result back_ends_check(struct back_ends *b, size_t place,
                                 const struct back_end_login *login, struct account *account_out)
{
	struct passdb *p = b->list[place];
	const struct config_passdb *config = passdb_config(p);
	char client[NET_ADDRESS_TEXT_MAX] = "";
	struct slice asked;
	if (!is_possible(login->password) || !address_for(config, login, &asked))
		return AUTH_REFUSED;
	const char *address = arena_str(login->arena, asked);
	const char *key = arena_printf(login->arena, "passdb %s\n%s", config->name, address);
	if (config->remember_ms > 0 &&
	    auth_cache_has(login->cache, key, login->password, clock_monotonic_ms()))
		return map_account(b, config, login, address, account_out);
	if (login->client->conn)
		net_address_ip(conn_peer(login->client->conn), client);
	enum auth_result result = result_of(passdb_ask(p, login->arena, asked, login->password,
	                                               client, login->service, &address));
	if (result != AUTH_OK)
		return result;
	/* What is remembered has the name for its address. */
	if (config->remember_ms > 0 && slice_equal(asked, slice_from_str(address)))
		auth_cache_add(login->cache, key, login->password,
		               deadline_in(config->remember_ms));
	return map_account(b, config, login, address, account_out);
}
