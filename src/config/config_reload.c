#include "config/config_reload.h"

#include <string.h>

#include "config/config_options.h"

static bool is_kept(const struct config_option *o)
{
	const struct config_section *s = config_section_find(slice_from_str(o->section));
	return o->at_start || (s && s->at_start);
}

static bool has_title(const struct config_option *o)
{
	const struct config_section *s = config_section_find(slice_from_str(o->section));
	return s && s->titled;
}

/* Options of sections that there is one of, but lists, which have no place in the table. */
static void keep_options(const struct config *old, struct config *c)
{
	const struct config_option *o;
	for (size_t i = 0; (o = config_option_at(i)); i++) {
		if (is_kept(o) && !has_title(o) && o->kind != CONFIG_LIST)
			memcpy((char *)c + o->offset, (const char *)old + o->offset, o->size);
	}
}

/* Lists that are kept, and what is made of sections with titles. */
static void keep_lists(const struct config *old, struct config *c)
{
	c->relay_certificates = old->relay_certificates;
	c->relay_certificate_count = old->relay_certificate_count;
	c->passdbs = old->passdbs;
	c->passdb_count = old->passdb_count;
	c->smarthosts = old->smarthosts;
	c->smarthost_count = old->smarthost_count;
	c->queue.sources = old->queue.sources;
	c->bounces.sign = old->bounces.sign;
	c->bounces.except = old->bounces.except;
	c->bounces.plain_for = old->bounces.plain_for;
}

static const struct config_listener *find_listener(const struct config *c,
                                                   const struct config_listener *wanted)
{
	for (size_t i = 0; i < c->listener_count; i++) {
		if (slice_equal(slice_from_str(c->listeners[i].name), slice_from_str(wanted->name)))
			return &c->listeners[i];
	}
	return NULL;
}

/* Those that there are stay as they are, but for whom they let in. */
static void keep_listeners(const struct config *old, struct config *c)
{
	struct config_listener *all = ARENA_ARRAY(c->arena, old->listener_count + 1,
	                                          struct config_listener);
	for (size_t i = 0; i < old->listener_count; i++) {
		const struct config_listener *fresh = find_listener(c, &old->listeners[i]);
		all[i] = old->listeners[i];
		if (!fresh)
			continue;
		all[i].max_sessions = fresh->max_sessions;
		all[i].max_sessions_per_address = fresh->max_sessions_per_address;
		all[i].auth_without_tls = fresh->auth_without_tls;
		all[i].xclient_networks = fresh->xclient_networks;
		all[i].xclient_network_count = fresh->xclient_network_count;
	}
	c->listeners = all;
	c->listener_count = old->listener_count;
}

/* Whether there is TLS at all is settled at the start. */
static void keep_certificates(const struct config *old, struct config *c,
                              struct config_changes *changes)
{
	if (!old->certificate_count == !c->certificate_count)
		return;
	c->certificates = old->certificates;
	c->certificate_count = old->certificate_count;
	for (size_t i = 0; i < changes->count; i++) {
		struct config_change *change = &changes->items[i];
		if (!change->at_start &&
		    slice_starts_with(slice_from_str(change->option), SLICE("certificate"))) {
			change->at_start = true;
			changes->at_start++;
		}
	}
}

int config_reload(struct config *old, struct config **out, struct config_changes *changes_out,
                  char **errors_out)
{
	struct config *c;
	int rc = config_load(old->dir, &c, errors_out);
	if (rc < 0)
		return rc;
	c->older = old;
	config_settings_compare(old, c, c->arena, changes_out);
	keep_options(old, c);
	keep_lists(old, c);
	keep_listeners(old, c);
	keep_certificates(old, c, changes_out);
	*out = c;
	return 0;
}

void config_free_all(struct config *c)
{
	while (c) {
		struct config *older = c->older;
		config_free(c);
		c = older;
	}
}
