#include "client/client_choose.h"

#include "config/config_way.h"
#include "guard/guard_pattern.h"

static bool conditions_hold(const struct config_smarthost *way, const struct client_errand *e)
{
	if (way->sender.count > 0 && !guard_patterns_hold_address(&way->sender, e->sender))
		return false;
	return way->account.count == 0 ||
	       (e->account.len > 0 && guard_patterns_hold_address(&way->account, e->account));
}

bool client_choose_host_port(struct slice text, struct slice *host_out, uint16_t *port_out)
{
	ptrdiff_t colon = slice_find_last_byte(text, ':');
	uint64_t port;
	if (colon < 1 || !slice_to_u64(slice_from(text, (size_t)colon + 1), &port) || port == 0 ||
	    port > UINT16_MAX)
		return false;
	struct slice host = slice_sub(text, 0, (size_t)colon);
	if (slice_starts_with(host, SLICE("[")) && slice_ends_with(host, SLICE("]")))
		host = slice_sub(host, 1, host.len - 2);
	else if (slice_find_byte(host, ':') >= 0)
		return false;
	*host_out = host;
	*port_out = (uint16_t)port;
	return host.len > 0;
}

const struct config_smarthost *client_choose(const struct config *config,
                                             const struct client_errand *errand)
{
	const struct config_smarthost *all = NULL;
	struct slice host;
	uint16_t port;
	bool has_host = client_choose_host_port(errand->domain, &host, &port);
	for (size_t i = 0; i < config->smarthost_count; i++) {
		const struct config_smarthost *way = &config->smarthosts[i];
		if (has_host && !way->direct)
			continue;
		bool named = config_way_names(way, errand->domain);
		if ((!named && (all || !config_way_is_for_all(way))) ||
		    !conditions_hold(way, errand))
			continue;
		if (named)
			return way;
		all = way;
	}
	return all;
}

const struct config_smarthost *client_choose_next(const struct config *config, struct slice domain,
                                                  const struct config_smarthost *last)
{
	size_t i = last ? (size_t)(last - config->smarthosts) + 1 : 0;
	for (; i < config->smarthost_count; i++) {
		const struct config_smarthost *way = &config->smarthosts[i];
		if (config_way_names(way, domain) || config_way_is_for_all(way))
			return way;
	}
	return NULL;
}

const char *client_choose_why(struct arena *arena, const struct config_smarthost *way,
                              const struct client_errand *errand)
{
	const char *sender = "", *account = "";
	const char *domain = config_way_names(way, errand->domain)
	                             ? arena_str(arena, errand->domain)
	                             : "*";
	if (way->sender.count > 0)
		sender = guard_patterns_hold_address(&way->sender, errand->sender);
	if (way->account.count > 0)
		account = guard_patterns_hold_address(&way->account, errand->account);
	return arena_printf(arena, "domain %s%s%s%s%s", domain,
	                    way->sender.count > 0 ? ", sender " : "", sender,
	                    way->account.count > 0 ? ", account " : "", account);
}

/* --- names of destinations -------------------------------------------------------------- */

static bool is_same_text(const char *a, const char *b)
{
	return (a == NULL) == (b == NULL) && slice_equal(slice_from_str(a), slice_from_str(b));
}

static bool are_same_sources(const struct config_sources *a, const struct config_sources *b)
{
	if (a->count != b->count)
		return false;
	for (size_t i = 0; i < a->count; i++) {
		if (!net_address_same_host(&a->items[i].address, &b->items[i].address) ||
		    !is_same_text(a->items[i].helo, b->items[i].helo))
			return false;
	}
	return true;
}

static bool are_same_times(const struct config_times *a, const struct config_times *b)
{
	return a->retry_first_ms == b->retry_first_ms && a->retry_max_ms == b->retry_max_ms &&
	       a->expire_ms == b->expire_ms && a->delay_notice_ms == b->delay_notice_ms;
}

static bool goes_alike(const struct config_smarthost *a, const struct config_smarthost *b)
{
	/* A final destination is like no other. */
	if (a->final != FINAL_NONE || b->final != FINAL_NONE)
		return a == b;
	return a->direct == b->direct && a->lmtp == b->lmtp && is_same_text(a->host, b->host) &&
	       a->port == b->port && a->tls == b->tls && is_same_text(a->user, b->user) &&
	       is_same_text(a->password, b->password) && a->auth == b->auth &&
	       is_same_text(a->helo, b->helo) && are_same_sources(&a->sources, &b->sources) &&
	       are_same_times(&a->times, &b->times);
}

struct slice client_choose_key(const struct config *config, struct arena *arena,
                               const struct config_smarthost *way, struct slice domain)
{
	if (!way)
		return domain;
	size_t first = 0;
	while (!goes_alike(&config->smarthosts[first], way))
		first++;
	static const char *const finals[] = {
		[FINAL_PIPE] = "pipe", [FINAL_MAILDIR] = "maildir", [FINAL_MBOX] = "mbox"
	};
	if (way->final != FINAL_NONE)
		return slice_from_str(arena_printf(arena, "%s:%zu", finals[way->final], first));
	if (way->direct)
		return slice_from_str(
			arena_printf(arena, "%.*s route:%zu", SLICE_ARG(domain), first));
	return slice_from_str(arena_printf(arena, "%s:%s:%u:%zu", way->lmtp ? "lmtp" : "smarthost",
	                                   way->host, way->port, first));
}
