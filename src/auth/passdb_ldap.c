/* LDAP: search for the entry, then bind as it with the password (RFC 4511, 4513).
 *
 * Each question takes a pair of connections from those that are idle: one stays bound as who may
 * search, the other is bound as whoever logs in. What is wrong with one after a pause (servers and
 * firewalls drop what is idle) is tried once more on a new one. A name that is not found costs a
 * bind, too, so that it takes as long. */
#include <errno.h>
#include <ldap.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/time.h>

#include "auth/ldap_filter.h"
#include "auth/passdb.h"
#include "base/clock.h"
#include "base/list.h"
#include "base/log.h"

struct pair {
	struct list link;
	LDAP *search, *bind; /* NULL: not connected */
};

struct directory_server {
	const struct config_passdb *config;
	pthread_mutex_t lock;
	struct list idle;
};

/* --- connections -------------------------------------------------------------------------- */

static void disconnect(LDAP **ld)
{
	if (*ld)
		ldap_unbind_ext_s(*ld, NULL, NULL);
	*ld = NULL;
}

static struct timeval time_left(const struct passdb_question *q)
{
	int64_t ms = q->deadline - clock_monotonic_ms();
	if (ms < 1)
		ms = 1;
	return (struct timeval){ .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
}

static void set_time(LDAP *ld, const struct passdb_question *q)
{
	struct timeval left = time_left(q);
	ldap_set_option(ld, LDAP_OPT_NETWORK_TIMEOUT, &left);
	ldap_set_option(ld, LDAP_OPT_TIMEOUT, &left);
}

static int set_tls(const struct config_passdb *c, LDAP *ld)
{
	int demand = LDAP_OPT_X_TLS_DEMAND, client = 0;
	int rc = ldap_set_option(ld, LDAP_OPT_X_TLS_REQUIRE_CERT, &demand);
	if (rc == LDAP_SUCCESS && c->ca)
		rc = ldap_set_option(ld, LDAP_OPT_X_TLS_CACERTFILE, c->ca);
	if (rc == LDAP_SUCCESS)
		rc = ldap_set_option(ld, LDAP_OPT_X_TLS_NEWCTX, &client);
	return rc;
}

static int bind_as(LDAP *ld, const char *dn, const char *password)
{
	struct berval credentials = { .bv_len = strlen(password),
		                      .bv_val = (char *)(uintptr_t)password };
	return ldap_sasl_bind_s(ld, dn, LDAP_SASL_SIMPLE, &credentials, NULL, NULL, NULL);
}

static int connect_to(const struct config_passdb *c, const struct passdb_question *q, LDAP **out)
{
	int version = LDAP_VERSION3;
	LDAP *ld = NULL;
	int rc = ldap_initialize(&ld, c->url);
	if (rc != LDAP_SUCCESS)
		return rc;
	set_time(ld, q);
	ldap_set_option(ld, LDAP_OPT_PROTOCOL_VERSION, &version);
	ldap_set_option(ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
	rc = set_tls(c, ld);
	if (rc == LDAP_SUCCESS && c->starttls)
		rc = ldap_start_tls_s(ld, NULL, NULL);
	if (rc == LDAP_SUCCESS)
		*out = ld;
	else
		disconnect(&ld);
	return rc;
}

static int connect_search(const struct config_passdb *c, const struct passdb_question *q,
                          LDAP **out)
{
	int rc = connect_to(c, q, out);
	if (rc == LDAP_SUCCESS && c->bind_dn) {
		rc = bind_as(*out, c->bind_dn, c->bind_password);
		if (rc != LDAP_SUCCESS)
			disconnect(out);
	}
	return rc;
}

static struct pair *take_pair(struct directory_server *s)
{
	pthread_mutex_lock(&s->lock);
	struct pair *pair = LIST_FIRST(&s->idle, struct pair, link);
	if (pair)
		list_remove(&pair->link);
	pthread_mutex_unlock(&s->lock);
	if (!pair) {
		pair = mem_zero(1, sizeof(*pair));
		list_init(&pair->link);
	}
	return pair;
}

static void give_pair(struct directory_server *s, struct pair *pair)
{
	pthread_mutex_lock(&s->lock);
	list_append(&s->idle, &pair->link);
	pthread_mutex_unlock(&s->lock);
}

/* The connection is of no use any more: the server has gone, or did not answer in time. */
static bool is_broken(int rc)
{
	return rc == LDAP_SERVER_DOWN || rc == LDAP_TIMEOUT || rc == LDAP_CONNECT_ERROR ||
	       rc == LDAP_UNAVAILABLE || rc == LDAP_BUSY || rc == LDAP_LOCAL_ERROR ||
	       rc == LDAP_ENCODING_ERROR || rc == LDAP_DECODING_ERROR;
}

/* --- searching ---------------------------------------------------------------------------- */

struct found {
	char *dn; /* ldap_memfree(); NULL: not exactly one */
	char address[PASSDB_ADDRESS_MAX];
};

static void read_address(const struct config_passdb *c, LDAP *ld, LDAPMessage *entry,
                         struct found *out)
{
	struct berval **values = c->address_attribute
	                                 ? ldap_get_values_len(ld, entry, c->address_attribute)
	                                 : NULL;
	if (values && values[0] && values[0]->bv_len < sizeof(out->address)) {
		memcpy(out->address, values[0]->bv_val, values[0]->bv_len);
		out->address[values[0]->bv_len] = '\0';
	}
	if (values)
		ldap_value_free_len(values);
}

static void read_result(const struct config_passdb *c, LDAP *ld, LDAPMessage *result,
                        const char *filter, struct found *out)
{
	int count = ldap_count_entries(ld, result);
	if (count > 1)
		log_error("auth.ldap", kv_str("passdb", c->name), kv_str("filter", filter),
		          kv_str("why", "several entries: make base or filter narrower"));
	if (count != 1)
		return;
	LDAPMessage *entry = ldap_first_entry(ld, result);
	out->dn = ldap_get_dn(ld, entry);
	read_address(c, ld, entry, out);
	if (c->address_attribute && !out->address[0]) {
		log_error("auth.ldap", kv_str("passdb", c->name), kv_str("entry", out->dn),
		          kv_str("why", "the entry has no address-attribute"));
		ldap_memfree(out->dn);
		out->dn = NULL;
	}
}

static int search(const struct config_passdb *c, LDAP *ld, const struct passdb_question *q,
                  const char *filter, struct found *out)
{
	char *attributes[] = { (char *)(uintptr_t)(c->address_attribute ? c->address_attribute
		                                                        : LDAP_NO_ATTRS),
		               NULL };
	struct timeval left = time_left(q);
	LDAPMessage *result = NULL;
	set_time(ld, q);
	int rc = ldap_search_ext_s(ld, c->base, LDAP_SCOPE_SUBTREE, filter, attributes, 0, NULL,
	                           NULL, &left, 2, &result);
	if (rc == LDAP_SUCCESS || rc == LDAP_SIZELIMIT_EXCEEDED) {
		read_result(c, ld, result, filter, out);
		rc = LDAP_SUCCESS;
	} else if (rc == LDAP_NO_SUCH_OBJECT) {
		rc = LDAP_SUCCESS;
	}
	ldap_msgfree(result);
	return rc;
}

static int find(const struct config_passdb *c, struct pair *pair, const struct passdb_question *q,
                const char *filter, struct found *out)
{
	int rc = LDAP_SERVER_DOWN;
	if (pair->search)
		rc = search(c, pair->search, q, filter, out);
	if (!is_broken(rc))
		return rc;
	disconnect(&pair->search);
	rc = connect_search(c, q, &pair->search);
	if (rc == LDAP_SUCCESS)
		rc = search(c, pair->search, q, filter, out);
	if (is_broken(rc))
		disconnect(&pair->search);
	return rc;
}

/* --- the password ------------------------------------------------------------------------- */

static int prove(const struct config_passdb *c, struct pair *pair, const struct passdb_question *q,
                 const char *dn)
{
	int rc = LDAP_SERVER_DOWN;
	if (pair->bind) {
		set_time(pair->bind, q);
		rc = bind_as(pair->bind, dn, q->password);
	}
	if (!is_broken(rc))
		return rc;
	disconnect(&pair->bind);
	rc = connect_to(c, q, &pair->bind);
	if (rc == LDAP_SUCCESS)
		rc = bind_as(pair->bind, dn, q->password);
	if (is_broken(rc))
		disconnect(&pair->bind);
	return rc;
}

static enum passdb_verdict failed(const struct config_passdb *c, const char *what, int rc)
{
	log_error("auth.ldap", kv_str("passdb", c->name), kv_str("what", what),
	          kv_str("why", ldap_err2string(rc)));
	return PASSDB_UNAVAILABLE;
}

static enum passdb_verdict verdict_of(const struct config_passdb *c, int rc)
{
	switch (rc) {
	case LDAP_SUCCESS:
		return PASSDB_ACCEPTED;
	case LDAP_INVALID_CREDENTIALS:
	case LDAP_NO_SUCH_OBJECT:
	case LDAP_INAPPROPRIATE_AUTH:
	case LDAP_INSUFFICIENT_ACCESS:
	case LDAP_UNWILLING_TO_PERFORM:
	case LDAP_CONSTRAINT_VIOLATION:
	case LDAP_INVALID_DN_SYNTAX:
		return PASSDB_REFUSED;
	default:
		return failed(c, "bind", rc);
	}
}

static enum passdb_verdict ask(const struct config_passdb *c, struct pair *pair,
                               const struct passdb_question *q, const char *filter,
                               struct found *found)
{
	int rc = find(c, pair, q, filter, found);
	if (rc != LDAP_SUCCESS)
		return failed(c, "search", rc);
	/* Nobody has the name: the base has no password either. */
	rc = prove(c, pair, q, found->dn ? found->dn : c->base);
	enum passdb_verdict verdict = verdict_of(c, rc);
	return verdict == PASSDB_ACCEPTED && !found->dn ? PASSDB_REFUSED : verdict;
}

static enum passdb_verdict server_check(void *self, const struct passdb_question *q,
                                        char address_out[static PASSDB_ADDRESS_MAX])
{
	struct directory_server *s = self;
	struct arena *arena = arena_new();
	struct found found = { 0 };
	const char *filter = ldap_filter(arena, slice_from_str(s->config->filter),
	                                 slice_from_str(q->local), slice_from_str(q->domain));
	enum passdb_verdict verdict = PASSDB_REFUSED;
	if (filter) {
		struct pair *pair = take_pair(s);
		verdict = ask(s->config, pair, q, filter, &found);
		give_pair(s, pair);
	}
	if (verdict == PASSDB_ACCEPTED)
		memcpy(address_out, found.address, sizeof(found.address));
	ldap_memfree(found.dn);
	arena_free(arena);
	return verdict;
}

static int server_open(const struct config_passdb *config, void **self_out)
{
	struct directory_server *s = mem_zero(1, sizeof(*s));
	s->config = config;
	pthread_mutex_init(&s->lock, NULL);
	list_init(&s->idle);
	*self_out = s;
	return 0;
}

static void server_close(void *self)
{
	struct directory_server *s = self;
	LIST_EACH (&s->idle, link, following) {
		struct pair *pair = LIST_ENTRY(link, struct pair, link);
		disconnect(&pair->search);
		disconnect(&pair->bind);
		free(pair);
	}
	pthread_mutex_destroy(&s->lock);
	free(s);
}

const struct passdb_driver passdb_ldap_driver = {
	.open = server_open,
	.check = server_check,
	.close = server_close,
};
