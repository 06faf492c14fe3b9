/* What can be wrong with a section passdb. */
#include <unistd.h>

#include "config/config_check.h"
#include "message/address.h"

static void check_file(const struct config_place *p, const struct config_passdb *passdb)
{
	if (!passdb->file)
		config_wrong(p, "there is no file: add file = FILE");
	else if (access(passdb->file, R_OK) < 0)
		config_warn(p, "file: %s can't be read: nobody in it can log in", passdb->file);
}

static void check_internal(const struct config_place *p, const struct config_passdb *passdb)
{
	unsigned before = 0;
	for (const struct config_passdb *q = p->config->passdbs; q < passdb; q++)
		before += q->driver == PASSDB_INTERNAL;
	if (passdb->create)
		config_wrong(p,
		             "create-accounts: the internal directory has no others: leave it out");
	if (passdb->domain)
		config_wrong(
			p, "domain: the internal directory is asked about all names: leave it out");
	if (before > 0)
		config_wrong(p, "the internal directory stands twice: leave one out");
}

/* alice@other.example must not get in by the password of the host's alice. */
static void check_pam(const struct config_place *p, const struct config_passdb *passdb)
{
	if (!passdb->domain && !passdb->full_names)
		config_wrong(p, "there is no domain: say whose users those of this host are");
}

static bool is_ldap(const char *url)
{
	struct slice rest = slice_from_str(url);
	bool good = rest.len > 0;
	while (rest.len > 0) {
		struct slice one = slice_split(&rest, ' ');
		good = good && (slice_starts_with(one, SLICE("ldap://")) ||
		                slice_starts_with(one, SLICE("ldaps://")) ||
		                slice_starts_with(one, SLICE("ldapi://")));
	}
	return good;
}

static bool is_here(struct slice one)
{
	return slice_starts_with(one, SLICE("ldaps://")) ||
	       slice_starts_with(one, SLICE("ldapi://")) ||
	       slice_starts_with(one, SLICE("ldap://localhost")) ||
	       slice_starts_with(one, SLICE("ldap://127.")) ||
	       slice_starts_with(one, SLICE("ldap://[::1]"));
}

static bool goes_in_clear(const char *url)
{
	struct slice rest = slice_from_str(url);
	bool clear = false;
	while (rest.len > 0)
		clear = clear || !is_here(slice_split(&rest, ' '));
	return clear;
}

/* "%u", "%n", "%d" and "%%" are all that a filter may have: auth/ldap_filter.h. */
static bool is_filter(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '%' && (++i == text.len || !strchr("und%", text.data[i])))
			return false;
	}
	return text.len > 0;
}

static void check_ldap(const struct config_place *p, struct config_passdb *passdb)
{
	if (!passdb->url)
		config_wrong(p, "there is no url: add url = \"ldaps://HOST\"");
	else if (!is_ldap(passdb->url))
		config_wrong(p, "url: '%s' is none of ldap://, ldaps://, ldapi://", passdb->url);
	else if (passdb->starttls && strstr(passdb->url, "ldaps://"))
		config_wrong(p, "starttls: ldaps:// is encrypted from the start: leave one out");
	else if (!passdb->starttls && goes_in_clear(passdb->url))
		config_warn(p, "passwords go to another host in clear: use ldaps://, or starttls");
	if (!passdb->base)
		config_wrong(p, "there is no base: add base = \"dc=example,dc=org\"");
	if (!is_filter(slice_from_str(passdb->filter)))
		config_wrong(p, "filter: '%s' has a %% that is not %%u, %%n or %%d",
		             passdb->filter);
	if (!passdb->bind_dn != !passdb->bind_password)
		config_wrong(p, "bind-dn and bind-password-file belong together: give both or "
		                "none");
	if (!passdb->bind_password)
		return;
	const char *path = passdb->bind_password;
	passdb->bind_password = config_read_secret(p->config->arena, path);
	if (!passdb->bind_password)
		config_wrong(p, "bind-password-file: %s can't be read, or is empty", path);
}

void config_check_passdb(const struct config_place *p, struct config_passdb *passdb)
{
	struct arena *arena = p->config->arena;
	struct slice domain;
	passdb->name = arena_str(arena, slice_from_str(p->title));
	if (passdb->domain && domain_canonical(arena, slice_from_str(passdb->domain), &domain))
		passdb->domain = arena_str(arena, domain);
	else if (passdb->domain)
		config_wrong(p, "domain: '%s' is none", passdb->domain);
	switch (passdb->driver) {
	case PASSDB_INTERNAL:
		check_internal(p, passdb);
		break;
	case PASSDB_PAM:
		check_pam(p, passdb);
		break;
	case PASSDB_LDAP:
		check_ldap(p, passdb);
		break;
	case PASSDB_FILE:
		check_file(p, passdb);
		break;
	}
}
