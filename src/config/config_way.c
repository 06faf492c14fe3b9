#include "config/config_way.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include "base/cursor.h"
#include "config/config_template.h"
#include "message/address.h"

enum { LMTP_PORT = 24 };

/* --- domains ---------------------------------------------------------------------------- */

bool config_way_names(const struct config_smarthost *way, struct slice domain)
{
	if (slice_equal_nocase(slice_from_str(way->domain), domain))
		return true;
	for (size_t i = 0; i < way->domain_count; i++) {
		if (slice_equal_nocase(slice_from_str(way->domains[i]), domain))
			return true;
	}
	return false;
}

bool config_way_is_for_all(const struct config_smarthost *way)
{
	return config_way_names(way, SLICE("*"));
}

bool config_way_has_conditions(const struct config_smarthost *way)
{
	return way->sender.count > 0 || way->account.count > 0;
}

static const char *parse_domain(const struct config_place *p, const char *text)
{
	struct arena *arena = p->config->arena;
	struct slice domain;
	if (slice_equal(slice_from_str(text), SLICE("*")))
		return "*";
	if (domain_canonical(arena, slice_from_str(text), &domain))
		return arena_str(arena, domain);
	return NULL;
}

/* Those of the list; without one the title is the domain. */
static void set_domains(const struct config_place *p, const struct config_list *list,
                        struct config_smarthost *way)
{
	if (list->count == 0) {
		way->domain = parse_domain(p, p->title);
		if (!way->domain)
			config_wrong(p, "the title is no domain: write a domain, or \"*\" for all, "
			                "or add domain = { DOMAIN, ... }");
	}
	way->domains = ARENA_ARRAY(p->config->arena, list->count + 1, const char *);
	for (size_t i = 0; i < list->count; i++) {
		const char *domain = parse_domain(p, list->items[i]);
		if (!domain)
			config_wrong(p, "domain: '%s' is none: write a domain, or \"*\" for all",
			             list->items[i]);
		else if (!way->domain)
			way->domain = domain;
		else
			way->domains[way->domain_count++] = domain;
	}
	if (!way->domain)
		way->domain = "";
}

/* --- conditions ------------------------------------------------------------------------- */

static void set_patterns(const struct config_place *p, const char *option,
                         const struct config_list *list, struct config_patterns *out)
{
	struct arena *arena = p->config->arena;
	out->items = ARENA_ARRAY(arena, list->count + 1, struct config_pattern);
	for (size_t i = 0; i < list->count; i++) {
		if (config_parse_address_pattern(arena, list->items[i], &out->items[out->count]))
			out->count++;
		else
			config_wrong(p,
			             "%s: '%s' is no pattern: write an address or a domain, with * "
			             "and ? in it",
			             option, list->items[i]);
	}
}

static bool shares_domain(const struct config_smarthost *a, const struct config_smarthost *b)
{
	if (config_way_names(a, slice_from_str(b->domain)))
		return true;
	for (size_t i = 0; i < b->domain_count; i++) {
		if (config_way_names(a, slice_from_str(b->domains[i])))
			return true;
	}
	return false;
}

/* What stands behind a section that takes all mail of a domain would never be asked. */
static void check_others(const struct config_place *p, const struct config_smarthost *way)
{
	const struct config *c = p->config;
	for (size_t i = 0; i < c->smarthost_count; i++) {
		const struct config_smarthost *other = &c->smarthosts[i];
		if (!config_way_has_conditions(other) && shares_domain(other, way)) {
			config_wrong(p,
			             "section %s \"%s\" above has the mail of this domain already: "
			             "put this one before it, or take the domain out of one",
			             other->section, other->title);
			return;
		}
	}
}

/* --- addresses to connect from ---------------------------------------------------------- */

/* 0, or why not: -EADDRNOTAVAIL. */
static int try_to_bind(const struct net_address *a)
{
	int fd = socket(a->any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	int rc = bind(fd, &a->any, a->len) < 0 ? -errno : 0;
	close(fd);
	return rc;
}

/* source = address [ SP name ] */
static bool parse_source(struct arena *arena, const char *text, struct config_source *out)
{
	struct slice name = slice_trim(slice_from_str(text));
	struct slice address = slice_split(&name, ' ');
	name = slice_trim(name);
	*out = (struct config_source){ .helo = NULL };
	if (net_address_parse(address, 0, &out->address) < 0 ||
	    net_address_port(&out->address) != 0 ||
	    (out->address.any.sa_family != AF_INET && out->address.any.sa_family != AF_INET6))
		return false;
	struct slice canonical;
	if (name.len == 0)
		return true;
	if (!domain_canonical(arena, name, &canonical))
		return false;
	out->helo = arena_str(arena, canonical);
	return true;
}

void config_add_sources(const struct config_place *p, const struct config_list *list,
                        struct config_sources *out)
{
	struct arena *arena = p->config->arena;
	if (list->count == 0)
		return;
	out->items = ARENA_ARRAY(arena, list->count, struct config_source);
	for (size_t i = 0; i < list->count; i++) {
		struct config_source *source = &out->items[out->count];
		if (!parse_source(arena, list->items[i], source)) {
			config_wrong(p,
			             "source: '%s' is none: write an address, and behind it the "
			             "name for EHLO if it has one of its own",
			             list->items[i]);
			continue;
		}
		if (try_to_bind(&source->address) < 0)
			config_warn(p,
			            "source: this host can't send from %s: it is left out until "
			            "the address is there and the server starts again",
			            list->items[i]);
		else
			out->count++;
	}
	if (out->count == 0)
		config_wrong(p,
		             "source: none of the addresses is there: correct them, or leave the "
		             "option out");
}

/* --- the sections ----------------------------------------------------------------------- */

static void set_helo(const struct config_place *p, struct config_smarthost *way)
{
	struct slice name;
	if (!way->helo)
		return;
	if (domain_canonical(p->config->arena, slice_from_str(way->helo), &name))
		way->helo = arena_str(p->config->arena, name);
	else
		config_wrong(p, "helo: '%s' is no host name: write one such as out.example.org",
		             way->helo);
}

static void check_times(const struct config_place *p, const struct config_times *own)
{
	const struct config_times *usual = &p->config->queue.times;
	int64_t first_ms = own->retry_first_ms ? own->retry_first_ms : usual->retry_first_ms;
	int64_t max_ms = own->retry_max_ms ? own->retry_max_ms : usual->retry_max_ms;
	if (first_ms > max_ms)
		config_wrong(p,
		             "retry-first is longer than retry-max, which may be that of section "
		             "queue: set both");
}

void config_add_way(const struct config_place *p, struct config_smarthost *way,
                    const struct config_way_lists *lists)
{
	struct config *c = p->config;
	way->section = p->section;
	way->title = arena_str(c->arena, slice_from_str(p->title));
	set_domains(p, &lists->domain, way);
	set_patterns(p, "sender", &lists->sender, &way->sender);
	set_patterns(p, "account", &lists->account, &way->account);
	config_add_sources(p, &lists->source, &way->sources);
	set_helo(p, way);
	check_times(p, &way->times);
	check_others(p, way);
	c->smarthosts[c->smarthost_count++] = *way;
}

/* host [ ":" port ] / "[" IPv6 "]" [ ":" port ] / "unix:" path */
static bool set_listener(const struct config_place *p, const char *text,
                         struct config_smarthost *way)
{
	struct slice host = slice_from_str(text);
	struct net_address address;
	uint64_t port = LMTP_PORT;
	if (slice_starts_with(host, SLICE("unix:"))) {
		way->host = config_absolute(p, text);
		way->tls = TLS_RULE_NONE;
		return net_address_parse(slice_from_str(way->host), 0, &address) == 0;
	}
	ptrdiff_t colon = slice_find_last_byte(host, ':');
	bool is_v6 = slice_starts_with(host, SLICE("["));
	if (colon >= 0 && (!is_v6 || host.data[colon - 1] == ']')) {
		if (!slice_to_u64(slice_from(host, (size_t)colon + 1), &port) || port == 0 ||
		    port > UINT16_MAX)
			return false;
		host.len = (size_t)colon;
	}
	if (is_v6 && host.len > 2)
		host = slice_sub(host, 1, host.len - 2);
	way->host = arena_str(p->config->arena, host);
	way->port = (uint16_t)port;
	return net_address_parse(host, 0, &address) == 0 || domain_is_valid(host);
}

static void set_lmtp(const struct config_place *p, const char *text, struct config_smarthost *way)
{
	way->lmtp = true;
	if (!set_listener(p, text, way))
		config_wrong(p, "lmtp is '%s': write \"unix:PATH\" or \"HOST:PORT\"", text);
}

/* --- final destinations ------------------------------------------------------------------ */

static void check_template(const struct config_place *p, const char *option, const char *text)
{
	if (text && !config_template_is_good(text))
		config_wrong(p, "%s: '%s' has a placeholder that there is not: these are: %s",
		             option, text, CONFIG_TEMPLATE_NAMES);
}

static void set_command(const struct config_place *p, const struct config_list *list,
                        struct config_smarthost *way)
{
	const char *program = list->items[0];
	way->final = FINAL_PIPE;
	way->command = ARENA_ARRAY(p->config->arena, list->count + 1, const char *);
	for (size_t i = 0; i < list->count; i++) {
		way->command[i] = list->items[i];
		check_template(p, "pipe", list->items[i]);
	}
	if (program[0] != '/' || config_template_has_any(program))
		config_wrong(p, "pipe: '%s' must be the absolute path of a command", program);
	else if (access(program, F_OK) < 0)
		config_warn(p, "pipe: there is no command %s: mail waits until there is", program);
}

static void set_path(const struct config_place *p, const char *option, const char *path,
                     enum config_final final, struct config_smarthost *way)
{
	way->final = final;
	way->path = path;
	check_template(p, option, path);
	if (path[0] != '/' && !slice_starts_with(slice_from_str(path), SLICE("${home}/")))
		config_wrong(p, "%s: '%s' must begin with / or with ${home}/", option, path);
}

static void check_owner(const struct config_place *p, const struct config_smarthost *way)
{
	const char *user = way->unix_user;
	check_template(p, "user", user);
	const struct passwd *known = user ? getpwnam(user) : NULL;
	if (user && !known && !config_template_has_any(user))
		config_wrong(p, "user: there is no Unix user '%s'", user);
	if (known && known->pw_uid == 0)
		config_wrong(p, "user: root gets no mail and runs no command: name another");
	if (way->unix_group && !getgrnam(way->unix_group))
		config_wrong(p, "group: there is no Unix group '%s'", way->unix_group);
	if (geteuid() == 0 && !user && !p->config->user && way->final == FINAL_PIPE)
		config_wrong(p, "pipe: the command would run as root: add user = NAME");
}

static void set_final(const struct config_place *p, const struct config_transport *transport,
                      const struct config_way_lists *lists, struct config_smarthost *way)
{
	if (lists->pipe.count > 0)
		set_command(p, &lists->pipe, way);
	else if (transport->maildir)
		set_path(p, "maildir", transport->maildir, FINAL_MAILDIR, way);
	else
		set_path(p, "mbox", transport->mbox, FINAL_MBOX, way);
	check_owner(p, way);
}

void config_add_transport(const struct config_place *p, struct config_transport *transport,
                          const struct config_way_lists *lists)
{
	struct config_smarthost *way = &transport->way;
	int leads = (transport->lmtp != NULL) + (transport->maildir != NULL) +
	            (transport->mbox != NULL) + (lists->pipe.count > 0);
	way->everybody = transport->accept_from == TRANSPORT_FROM_EVERYBODY;
	if (leads == 0)
		config_wrong(p, "it leads nowhere: add lmtp = \"unix:PATH\" or \"HOST:PORT\", or "
		                "pipe, maildir or mbox");
	else if (leads > 1)
		config_wrong(p, "it may have one of lmtp, pipe, maildir and mbox: leave the others "
		                "out");
	else if (transport->lmtp)
		set_lmtp(p, transport->lmtp, way);
	else
		set_final(p, transport, lists, way);
	config_add_way(p, way, lists);
	if (way->everybody && config_way_is_for_all(way))
		config_wrong(p, "accept-from = everybody would let strangers send anywhere: name "
		                "the domain");
}
