/* What was written in a configuration, option by option, and where two of them differ. */
#include <confuse.h>

#include "base/buf.h"
#include "base/hash.h"
#include "config/config_check.h"
#include "config/config_options.h"
#include "config/config_reload.h"
#include "config/config_text.h"

/* --- collecting --------------------------------------------------------------------------- */

struct collector {
	struct config *config;
	size_t room;
};

static void add(struct collector *c, const struct config_setting *setting)
{
	struct config *config = c->config;
	if (config->setting_count == c->room) {
		size_t room = c->room * 2 + 64;
		struct config_setting *grown = ARENA_ARRAY(config->arena, room,
		                                           struct config_setting);
		if (c->room > 0)
			memcpy(grown, config->settings, c->room * sizeof(*grown));
		config->settings = grown;
		c->room = room;
	}
	config->settings[config->setting_count++] = *setting;
}

static const char *value_of(struct arena *arena, cfg_opt_t *opt)
{
	struct buf text = buf_make(CONFIG_BYTES_MAX);
	for (unsigned i = 0; i < cfg_opt_size(opt); i++)
		buf_printf(&text, "%s%s", i > 0 ? "\n" : "", cfg_opt_getnstr(opt, i));
	const char *out = arena_str(arena, buf_slice(&text));
	buf_free(&text);
	return out;
}

/* A file with a password counts as changed when the password has. */
static const char *with_secret(const struct config *c, const char *path)
{
	const char *whole = path[0] == '/' ? path : arena_printf(c->arena, "%s/%s", c->dir, path);
	const char *secret = config_read_secret(c->arena, whole);
	return arena_printf(c->arena, "%s\n%llx", path,
	                    (unsigned long long)hash_bytes(slice_from_str(secret)));
}

static bool is_secret(const struct config_option *o)
{
	return o->kind == CONFIG_PATH && slice_ends_with(slice_from_str(o->name), SLICE("-file"));
}

static void collect_options(struct collector *c, const char *section, const char *title, cfg_t *cfg)
{
	const struct config_option *o;
	for (size_t i = 0; (o = config_option_at(i)); i++) {
		if (!slice_equal(slice_from_str(o->section), slice_from_str(section)))
			continue;
		cfg_opt_t *given = cfg_getopt(cfg, o->name);
		if (!given || cfg_opt_size(given) == 0)
			continue;
		const char *value = value_of(c->config->arena, given);
		if (is_secret(o))
			value = with_secret(c->config, value);
		const struct config_setting s = { section, title, o->name, value };
		add(c, &s);
	}
}

static void collect_titled(struct collector *c, const char *section, cfg_t *cfg)
{
	struct arena *arena = c->config->arena;
	struct buf titles = buf_make(CONFIG_BYTES_MAX);
	for (unsigned i = 0; i < cfg_size(cfg, section); i++) {
		cfg_t *one = cfg_getnsec(cfg, section, i);
		const char *title = arena_str(arena, slice_from_str(cfg_title(one)));
		buf_printf(&titles, "%s\n", title);
		collect_options(c, section, title, one);
	}
	const struct config_setting order = { section, "", "",
		                              arena_str(arena, buf_slice(&titles)) };
	if (titles.len > 0)
		add(c, &order);
	buf_free(&titles);
}

void config_settings_collect(struct config *config, struct cfg_t *cfg)
{
	struct collector c = { .config = config };
	collect_options(&c, "", "", cfg);
	for (size_t i = 0; i < config_section_count; i++) {
		const struct config_section *s = &config_sections[i];
		if (s->titled)
			collect_titled(&c, s->name, cfg);
		else
			collect_options(&c, s->name, "", cfg_getsec(cfg, s->name));
	}
}

/* --- comparing ---------------------------------------------------------------------------- */

struct comparison {
	struct arena *arena;   /* of what is told, which lives as long as the configuration */
	struct arena *scratch; /* of keys */
	struct config_changes *out;
	struct hash *told; /* names of changes */
	bool at_start;     /* these options, or the others */
	size_t room;
};

static bool is_at_start(const struct config_setting *s)
{
	const struct config_section *section = config_section_find(slice_from_str(s->section));
	const struct config_option *o = config_option_find(slice_from_str(s->section),
	                                                   slice_from_str(s->option));
	return (section && section->at_start) || (o && o->at_start);
}

static bool has_title(const struct config *c, const char *section, const char *title)
{
	for (size_t i = 0; i < c->setting_count; i++) {
		const struct config_setting *s = &c->settings[i];
		if (slice_equal(slice_from_str(s->section), slice_from_str(section)) &&
		    slice_equal(slice_from_str(s->title), slice_from_str(title)))
			return true;
	}
	return false;
}

/* A listener comes and goes with the server, whatever it says. */
static bool is_of_one_only(const struct config_setting *s, const struct config *other)
{
	return slice_equal(slice_from_str(s->section), SLICE("listen")) &&
	       (!s->option[0] || !has_title(other, s->section, s->title));
}

static const char *name_of(struct arena *arena, const struct config_setting *s)
{
	bool both = slice_equal(slice_from_str(s->section), SLICE("listen"));
	if (s->title[0])
		return arena_printf(arena, "%s \"%s\"%s%s", s->section, s->title, both ? "." : "",
		                    both ? s->option : "");
	if (!s->option[0] || !s->section[0])
		return s->option[0] ? s->option : s->section;
	return arena_printf(arena, "%s.%s", s->section, s->option);
}

static void tell(struct comparison *c, const struct config_setting *s)
{
	struct config_changes *out = c->out;
	const char *name = name_of(c->scratch, s);
	const char *key = arena_printf(c->scratch, "%s\n%d", name, c->at_start);
	if (hash_find(c->told, slice_from_str(key)))
		return;
	if (out->count == c->room) {
		struct config_change *grown = ARENA_ARRAY(c->arena, c->room * 2 + 16,
		                                          struct config_change);
		if (c->room > 0)
			memcpy(grown, out->items, c->room * sizeof(*grown));
		out->items = grown;
		c->room = c->room * 2 + 16;
	}
	name = arena_str(c->arena, slice_from_str(name));
	out->items[out->count++] = (struct config_change){ name, c->at_start };
	out->at_start += c->at_start;
	hash_put(c->told, slice_from_str(key), (void *)name);
}

static struct slice key_of(struct arena *arena, const struct config_setting *s)
{
	return slice_from_str(arena_printf(arena, "%s\n%s\n%s", s->section, s->title, s->option));
}

static struct hash *settings_by_key(struct arena *arena, const struct config *c)
{
	struct hash *by_key = hash_new();
	for (size_t i = 0; i < c->setting_count; i++)
		hash_put(by_key, key_of(arena, &c->settings[i]), &c->settings[i]);
	return by_key;
}

/* What holds where it is not written. */
static const char *otherwise(const struct config_setting *s)
{
	const struct config_option *o = config_option_find(slice_from_str(s->section),
	                                                   slice_from_str(s->option));
	return o && o->fallback ? o->fallback : "";
}

/* Options of a that b has otherwise, or not at all. Options come before the order of their
 * sections, which is told if nothing else is of them. */
static void compare(struct comparison *c, const struct config *a, const struct config *b)
{
	struct hash *others = settings_by_key(c->scratch, b);
	for (size_t i = 0; i < a->setting_count; i++) {
		const struct config_setting *s = &a->settings[i];
		if ((is_at_start(s) || is_of_one_only(s, b)) != c->at_start)
			continue;
		const struct config_setting *other = hash_find(others, key_of(c->scratch, s));
		const char *value = other ? other->value : otherwise(s);
		if (!slice_equal(slice_from_str(s->value), slice_from_str(value)))
			tell(c, s);
	}
	hash_free(others);
}

static void compare_both_ways(const struct config *old, const struct config *fresh, bool at_start,
                              struct comparison *c)
{
	c->at_start = at_start;
	compare(c, fresh, old);
	compare(c, old, fresh);
}

void config_settings_compare(const struct config *old, const struct config *fresh,
                             struct arena *arena, struct config_changes *out)
{
	struct comparison c = {
		.arena = arena, .scratch = arena_new(), .out = out, .told = hash_new()
	};
	const struct config *first = old;
	*out = (struct config_changes){ .count = 0 };
	while (first->older)
		first = first->older;
	compare_both_ways(old, fresh, false, &c);
	compare_both_ways(first, fresh, true, &c);
	hash_free(c.told);
	arena_free(c.scratch);
}
