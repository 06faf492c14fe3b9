#include "config/config_check.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <unistd.h>

#include "message/address.h"
#include "message/envelope.h"
#include "net/tls.h"

static const uint16_t standard_ports[] = {
	[LISTENER_SMTP] = 25,   [LISTENER_SUBMISSION] = 587,   [LISTENER_SUBMISSIONS] = 465,
	[LISTENER_POP3] = 110,  [LISTENER_POP3S] = 995,        [LISTENER_IMAP] = 143,
	[LISTENER_IMAPS] = 993, [LISTENER_ODMR] = 366,         [LISTENER_LMTP] = 24,
	[LISTENER_LOCAL] = 0,   [LISTENER_MANAGESIEVE] = 4190, [LISTENER_HTTP] = 80,
	[LISTENER_HTTPS] = 443,
};

__attribute__((format(printf, 2, 0))) static void say(const struct config_place *p,
                                                      const char *format, va_list args)
{
	char text[1024];
	vsnprintf(text, sizeof(text), format, args);
	buf_printf(p->text, "%s:", p->path);
	if (p->line)
		buf_printf(p->text, "%d:", p->line);
	if (p->title)
		buf_printf(p->text, " %s \"%s\":", p->section, p->title);
	buf_printf(p->text, " %s\n", text);
}

void config_wrong(const struct config_place *p, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	say(p, format, args);
	va_end(args);
	*p->failed = true;
}

void config_warn(const struct config_place *p, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	say(p, format, args);
	va_end(args);
}

/* The networks that a list names, as many as are right. */
static size_t parse_networks(const struct config_place *p, const char *option,
                             const struct config_list *list, struct net_network **out)
{
	size_t count = 0;
	*out = ARENA_ARRAY(p->config->arena, list->count + 1, struct net_network);
	for (size_t i = 0; i < list->count; i++) {
		if (net_network_parse(slice_from_str(list->items[i]), &(*out)[count]) == 0)
			count++;
		else
			config_wrong(
				p,
				"%s: '%s' is no network: write \"10.0.0.0/8\" or \"2001:db8::/32\"",
				option, list->items[i]);
	}
	return count;
}

static bool is_everywhere(const struct net_network *n)
{
	return n->bits == 0 || (n->bits <= 96 && n->base.s6_addr[0] == 0);
}

/* The protocol is the title where nothing else is said. */
static int listener_kind(const struct config_place *p, const struct config_listen *listen)
{
	if (listen->kind >= 0)
		return listen->kind;
	const struct config_option *o = config_option_find(SLICE("listen"), SLICE("protocol"));
	for (int i = 0; o->choices[i]; i++) {
		if (slice_equal(slice_from_str(p->title), slice_from_str(o->choices[i])))
			return i;
	}
	config_wrong(p, "the title is no protocol: add protocol = smtp (or another)");
	return -1;
}

const char *config_absolute(const struct config_place *p, const char *address)
{
	const struct config *c = p->config;
	if (!slice_starts_with(slice_from_str(address), SLICE("unix:")) || address[5] == '/')
		return address;
	return arena_printf(c->arena, "unix:%s/%s", c->dir, address + 5);
}

/* mode = octal */
static unsigned socket_mode(const struct config_place *p, const char *text)
{
	unsigned mode = 0;
	for (const char *at = text; *at; at++) {
		if (*at < '0' || *at > '7' || mode > 0777 / 8) {
			config_wrong(p, "socket-mode is '%s': write octal digits such as 0660",
			             text);
			return 0;
		}
		mode = mode * 8 + (unsigned)(*at - '0');
	}
	return mode;
}

/* owner = user [ ":" group ] / ":" group */
static void socket_owner(const struct config_place *p, const char *text, int64_t *uid, int64_t *gid)
{
	struct slice group = slice_from_str(text);
	const char *user = arena_str(p->config->arena, slice_split(&group, ':'));
	const char *group_name = arena_str(p->config->arena, group);
	const struct passwd *u = *user ? getpwnam(user) : NULL;
	const struct group *g = *group_name ? getgrnam(group_name) : NULL;
	*uid = u ? (int64_t)u->pw_uid : -1;
	*gid = g ? (int64_t)g->gr_gid : -1;
	if ((*user && !u) || (*group_name && !g))
		config_wrong(p, "socket-owner is '%s': there is no such user or group", text);
}

static void add_listener(struct config *c, const struct config_listener *listener)
{
	size_t count = c->listener_count;
	/* Twice as many at each power of two: all that was too small stays in the arena. */
	if ((count & (count - 1)) == 0) {
		struct config_listener *grown = ARENA_ARRAY(c->arena, 2 * count + 1,
		                                            struct config_listener);
		if (count > 0)
			memcpy(grown, c->listeners, count * sizeof(*grown));
		c->listeners = grown;
	}
	c->listeners[c->listener_count++] = *listener;
}

void config_add_listen(const struct config_place *p, const struct config_listen *listen)
{
	int kind = listener_kind(p, listen);
	if (kind < 0)
		return;
	if (listen->addresses.count == 0 && kind == LISTENER_LOCAL)
		config_wrong(p, "there is no address: add address = { \"unix:PATH\" }");
	else if (listen->addresses.count == 0)
		config_wrong(p, "there is no address: add address = { \"*:%u\" }",
		             (unsigned)standard_ports[kind]);
	int64_t uid = -1, gid = -1;
	unsigned mode = socket_mode(p, listen->socket_mode);
	if (listen->socket_owner)
		socket_owner(p, listen->socket_owner, &uid, &gid);
	struct net_network *proxies, *trusted;
	size_t trusted_count = parse_networks(p, "xclient-networks", &listen->xclient_networks,
	                                      &trusted);
	size_t proxy_count = parse_networks(p, "proxy-networks", &listen->proxy_networks, &proxies);
	for (size_t i = 0; i < listen->addresses.count; i++) {
		const char *text = config_absolute(p, listen->addresses.items[i]);
		struct config_listener listener = {
			.name = arena_str(p->config->arena, slice_from_str(p->title)),
			.kind = (enum listener_kind)kind,
			.max_sessions = listen->max_sessions,
			.max_sessions_per_address = listen->max_sessions_per_address,
			.auth_without_tls = listen->auth_without_tls,
			.socket_mode = mode,
			.socket_uid = uid,
			.socket_gid = gid,
			.proxy_networks = proxies,
			.proxy_network_count = proxy_count,
			.proxy_timeout_ms = listen->proxy_timeout_ms,
			.xclient_networks = trusted,
			.xclient_network_count = trusted_count,
		};
		bool is_unix = slice_starts_with(slice_from_str(text), SLICE("unix:"));
		if (kind == LISTENER_LOCAL && !is_unix)
			config_wrong(p, "'%s': local is for a Unix socket: write \"unix:PATH\"",
			             text);
		else if (net_address_parse(slice_from_str(text), standard_ports[kind],
		                           &listener.address) < 0)
			config_wrong(p,
			             "'%s' is no address: write \"*:25\", \"192.0.2.1:25\", "
			             "\"[2001:db8::1]:25\" or \"unix:PATH\"",
			             text);
		else
			add_listener(p->config, &listener);
	}
}

void config_add_relay_networks(const struct config_place *p, const struct config_list *list)
{
	struct config *c = p->config;
	c->relay_network_count = parse_networks(p, "relay-networks", list, &c->relay_networks);
	for (size_t i = 0; i < c->relay_network_count; i++) {
		if (is_everywhere(&c->relay_networks[i]))
			config_warn(p,
			            "relay-networks: '%s' lets everybody send anywhere: this is an "
			            "open "
			            "relay",
			            list->items[i]);
	}
}

void config_add_relay_certificates(const struct config_place *p, const struct config_list *list)
{
	struct config *c = p->config;
	c->relay_certificates = ARENA_ARRAY(c->arena, list->count + 1, struct slice);
	for (size_t i = 0; i < list->count; i++) {
		struct slice *to = &c->relay_certificates[c->relay_certificate_count];
		if (tls_fingerprint(c->arena, slice_from_str(list->items[i]), to) == 0)
			c->relay_certificate_count++;
		else
			config_wrong(p,
			             "relay-certificates: '%s' is no fingerprint: write the 64 "
			             "digits of `openssl x509 -fingerprint -sha256`",
			             list->items[i]);
	}
}

static void check_readable(const struct config_place *p, const char *name, const char *path)
{
	if (!path)
		config_wrong(p, "there is no %s: add %s = FILE", name, name);
	else if (access(path, R_OK) < 0)
		config_wrong(p, "%s: %s %s", name, path,
		             errno == EACCES
		                     ? "may not be read by this user: see its owner and mode"
		                     : "can't be opened: write the file, or correct the path");
}

void config_check_certificate(const struct config_place *p,
                              const struct config_certificate *certificate)
{
	check_readable(p, "chain", certificate->chain_path);
	check_readable(p, "key", certificate->key_path);
}

const char *config_read_secret(struct arena *arena, const char *path)
{
	char line[1024];
	FILE *file = fopen(path, "re");
	if (!file)
		return NULL;
	const char *got = fgets(line, sizeof(line), file);
	fclose(file);
	if (!got)
		return NULL;
	const char *password = arena_str(arena, slice_trim(slice_from_str(line)));
	explicit_bzero(line, sizeof(line));
	return password;
}

void config_check_smarthost(const struct config_place *p, struct config_smarthost *smarthost)
{
	struct arena *arena = p->config->arena;
	if (!smarthost->host)
		config_wrong(p, "there is no host: add host = NAME");
	if (smarthost->auth == AUTH_MECHANISM_GSSAPI && smarthost->password)
		config_wrong(p, "auth = gssapi takes no password: leave password-file out");
	else if (smarthost->auth != AUTH_MECHANISM_GSSAPI &&
	         !smarthost->user != !smarthost->password)
		config_wrong(p, "user and password-file belong together: give both or none");
	if (!smarthost->password)
		return;
	const char *path = smarthost->password;
	smarthost->password = config_read_secret(arena, path);
	if (!smarthost->password)
		config_wrong(p, "password-file: %s can't be read, or is empty", path);
	if (smarthost->user && smarthost->tls == TLS_RULE_NONE)
		config_warn(p, "the password is sent in clear: use tls = verified");
}

static bool needs_certificate(enum listener_kind kind)
{
	return kind == LISTENER_SUBMISSIONS || kind == LISTENER_POP3S || kind == LISTENER_IMAPS ||
	       kind == LISTENER_HTTPS;
}

static void check_tls(const struct config_place *p)
{
	const struct config *c = p->config;
	if (c->auth.client_ca)
		check_readable(p, "client-ca", c->auth.client_ca);
	if (c->certificate_count > 0)
		return;
	for (size_t i = 0; i < c->listener_count; i++) {
		if (needs_certificate(c->listeners[i].kind)) {
			config_wrong(p,
			             "listen \"%s\" needs a certificate: add a certificate section",
			             c->listeners[i].name);
			return;
		}
	}
	config_warn(p,
	            "there is no certificate: nothing is encrypted, and nobody can log in unless "
	            "auth-without-tls is set");
}

static void check_kerberos(const struct config_place *p)
{
	struct config *c = p->config;
	struct slice domain;
	if (!c->kerberos.keytab && (c->kerberos.realm || c->kerberos.domain))
		config_wrong(
			p,
			"kerberos: there is no keytab: add keytab = FILE, or remove the section");
	if (!c->kerberos.keytab)
		return;
	check_readable(p, "keytab", c->kerberos.keytab);
	if (!c->kerberos.realm) {
		config_wrong(p, "kerberos: there is no realm: add realm = EXAMPLE.ORG");
		return;
	}
	const char *name = c->kerberos.domain ? c->kerberos.domain : c->kerberos.realm;
	if (domain_canonical(c->arena, slice_from_str(name), &domain))
		c->kerberos.domain = arena_str(c->arena, domain);
	else
		config_wrong(p, "kerberos: '%s' is no domain: set domain to that of the accounts",
		             name);
}

static bool is_url(const char *text)
{
	return text && slice_find(slice_from_str(text), SLICE("://")) > 0;
}

static void check_oauth_url(const struct config_place *p, const char *option, const char *url)
{
	struct slice text = slice_from_str(url);
	if (slice_starts_with(text, SLICE("http://")) &&
	    !slice_starts_with(text, SLICE("http://127.0.0.1")) &&
	    !slice_starts_with(text, SLICE("http://[::1]")))
		config_warn(p, "oauth: %s: anybody on the way can let anybody in: use https://",
		            option);
	else if (!slice_starts_with(text, SLICE("http")))
		config_wrong(p, "oauth: %s is '%s': write an https:// URL", option, url);
}

static void check_oauth_keys(const struct config_place *p)
{
	struct config *c = p->config;
	if (!c->oauth.issuer)
		config_wrong(p,
		             "oauth: jwks needs issuer, or tokens of others would do: add issuer = "
		             "what stands in the claim iss");
	if (!c->oauth.audience)
		config_wrong(
			p,
			"oauth: jwks needs audience, or tokens for others would do: add audience "
			"= what stands in the claim aud");
	if (is_url(c->oauth.keys)) {
		check_oauth_url(p, "jwks", c->oauth.keys);
		return;
	}
	if (c->oauth.keys[0] != '/')
		c->oauth.keys = arena_printf(c->arena, "%s/%s", c->dir, c->oauth.keys);
	check_readable(p, "jwks", c->oauth.keys);
}

static void check_oauth(const struct config_place *p)
{
	struct config *c = p->config;
	const char *path = c->oauth.client_secret;
	if (c->oauth.keys && c->oauth.introspection)
		config_wrong(p, "oauth: there are jwks and introspection: choose one");
	else if (c->oauth.keys)
		check_oauth_keys(p);
	else if (c->oauth.introspection)
		check_oauth_url(p, "introspection", c->oauth.introspection);
	else if (c->oauth.issuer || c->oauth.audience || c->oauth.scope || c->oauth.client_id)
		config_wrong(
			p, "oauth: nothing says which tokens are good: add jwks or introspection");
	if (c->oauth.ca)
		check_readable(p, "ca", c->oauth.ca);
	if (!c->oauth.client_id != !path)
		config_wrong(
			p, "oauth: client-id and client-secret-file belong together: give both or "
			   "none");
	if (!path)
		return;
	c->oauth.client_secret = config_read_secret(c->arena, path);
	if (!c->oauth.client_secret)
		config_wrong(p, "oauth: client-secret-file: %s can't be read, or is empty", path);
}

/* It stands in mails, and in front of paths. */
static void check_public_url(const struct config_place *p)
{
	struct config *c = p->config;
	struct slice url = slice_from_str(c->quarantine.public_url);
	if (url.len == 0)
		return;
	while (slice_ends_with(url, SLICE("/")))
		url = slice_sub(url, 0, url.len - 1);
	bool good = slice_starts_with(url, SLICE("https://")) ||
	            slice_starts_with(url, SLICE("http://"));
	for (size_t i = 0; i < url.len && good; i++)
		good = byte_is_alnum(url.data[i]) ||
		       slice_find_byte(SLICE(":/.-_~[]%"), url.data[i]) >= 0;
	if (!good)
		config_wrong(p,
		             "quarantine: public-url is '%s': write what browsers begin with, such "
		             "as https://mail.example.org:8443",
		             c->quarantine.public_url);
	else if (slice_starts_with(url, SLICE("http://")))
		config_warn(p, "quarantine: public-url: links go over the net in clear: use "
		               "https://");
	c->quarantine.public_url = arena_str(c->arena, url);
}

void config_check_whole(const struct config_place *p)
{
	struct config *c = p->config;
	if (c->hostname) {
		struct slice name;
		if (domain_canonical(c->arena, slice_from_str(c->hostname), &name))
			c->hostname = arena_str(c->arena, name);
		else
			config_wrong(
				p,
				"hostname '%s' is no host name: write one such as mx.example.org",
				c->hostname);
	}
	if (c->user && !getpwnam(c->user))
		config_wrong(p, "there is no user '%s': make it, or leave the option user out",
		             c->user);
	if (c->listener_count == 0)
		config_warn(
			p,
			"nothing listens: add a section such as listen smtp { address = { \"*:25\" "
			"} }");
	const char *unwanted = c->smtp.no_soliciting;
	if (unwanted && unwanted[0] && !slice_equal(slice_from_str(unwanted), SLICE("*")) &&
	    !envelope_solicit_is_valid(slice_from_str(unwanted)))
		config_wrong(
			p,
			"smtp: no-soliciting is '%s': write keywords such as net.example:ADV with "
			"commas between them, or *",
			unwanted);
	if (c->queue.times.retry_first_ms > c->queue.times.retry_max_ms)
		config_wrong(p, "queue: retry-first is longer than retry-max: swap them");
	if (c->queue.times.retry_max_ms > c->queue.times.expire_ms)
		config_warn(p,
		            "queue: retry-max is longer than expire: some mail is tried only once");
	check_tls(p);
	check_kerberos(p);
	check_oauth(p);
	check_public_url(p);
}
