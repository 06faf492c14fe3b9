/* From the file to struct config, by libConfuse.
 *
 * All options are strings (or lists of strings) for libConfuse; what they must be is checked as
 * each is read, so that errors have the line, and stored when the whole file has been read. */
#include <confuse.h>
#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

#include "base/buf.h"
#include "config/config.h"
#include "config/config_check.h"
#include "config/config_lists.h"
#include "config/config_reload.h"
#include "config/config_rules.h"
#include "config/config_text.h"
#include "config/config_way.h"
#include "config/nearest.h"

/* An option in each section, by a name that can't be written, through which libConfuse's
 * callbacks find the load that they belong to: they have no argument of their own. */
#define LOAD_OPTION " "
/* Put behind the file's last line. libConfuse takes the end of the file for the end of every open
 * section; this option, known only outside of sections, shows that one was not closed. */
#define END_OPTION "end-of-configuration"

enum { OPTIONS_MAX = 128, TEXT_MAX = 64 * 1024 };

struct load {
	struct config *config;
	struct arena *arena; /* of the config */
	const char *path;
	struct config_text source;
	struct buf text; /* errors and warnings */
	bool failed;
};

/* --- what went wrong -------------------------------------------------------------------- */

static struct load *find_load(cfg_t *cfg)
{
	cfg_opt_t *o = cfg->opts;
	while (!slice_equal(slice_from_str(o->name), SLICE(LOAD_OPTION)))
		o++;
	return (struct load *)(void *)o->simple_value.string;
}

static struct slice section_of(const cfg_t *cfg)
{
	struct slice name = slice_from_str(cfg->name);
	return slice_equal(name, SLICE("root")) ? SLICE_EMPTY : name;
}

/* The nearest option or section by name; NULL if none is near. Sections stand outside only. */
static const char *nearest_name(struct slice section, struct slice word)
{
	const char *name = NULL;
	struct nearest best = nearest_begin(word);
	const struct config_option *o;
	for (size_t i = 0; (o = config_option_at(i)); i++) {
		if (slice_equal(section, slice_from_str(o->section)) &&
		    nearest_offer(&best, o->name))
			name = o->name;
	}
	for (size_t i = 0; section.len == 0 && i < config_section_count; i++) {
		if (nearest_offer(&best, config_sections[i].name))
			name = config_sections[i].name;
	}
	return name;
}

/* In which section an option of this name is known, when it stands in the wrong one. */
static const struct config_option *elsewhere(struct slice word)
{
	const struct config_option *o;
	for (size_t i = 0; (o = config_option_at(i)); i++) {
		if (slice_equal(word, slice_from_str(o->name)))
			break;
	}
	return o;
}

static void report_unknown(struct load *l, cfg_t *cfg, const char *name)
{
	struct slice section = section_of(cfg), word = slice_from_str(name);
	if (slice_equal(word, SLICE(END_OPTION))) {
		buf_printf(&l->text, "section %.*s is not closed: add a }\n", SLICE_ARG(section));
		return;
	}
	buf_printf(&l->text, "there is no option '%s'", name);
	if (section.len > 0)
		buf_printf(&l->text, " in section %.*s", SLICE_ARG(section));
	const char *near = nearest_name(section, word);
	const struct config_option *other = elsewhere(word);
	if (near)
		buf_printf(&l->text, ": did you mean '%s'?\n", near);
	else if (other && other->section[0])
		buf_printf(&l->text, ": it belongs into section %s\n", other->section);
	else if (other)
		buf_printf(&l->text, ": it belongs outside of sections\n");
	else
		buf_printf(&l->text, ": see veredus.conf(5) or `veredus config reference`\n");
}

__attribute__((format(printf, 2, 0))) static void report(cfg_t *cfg, const char *format,
                                                         va_list args)
{
	struct load *l = find_load(cfg);
	char text[1024];
	int line = cfg->line;
	if (line > l->source.lines) /* END_OPTION, behind the last */
		line = l->source.lines;
	const char *path = config_text_where(&l->source, line, &line);
	l->failed = true;
	buf_printf(&l->text, "%s:%d: ", path, line);
	if (slice_starts_with(slice_from_str(format), SLICE("no such option"))) {
		report_unknown(l, cfg, va_arg(args, const char *));
		return;
	}
	if (slice_starts_with(slice_from_str(format), SLICE("found duplicate title"))) {
		buf_printf(
			&l->text,
			"there is a section with the title '%s' already: write both as one, or "
			"give this one another title (a section listen then says protocol = ...)\n",
			va_arg(args, const char *));
		return;
	}
	vsnprintf(text, sizeof(text), format, args);
	buf_printf(&l->text, "%s\n", text);
}

/* --- while reading ---------------------------------------------------------------------- */

static int check_value(cfg_t *cfg, cfg_opt_t *opt)
{
	struct load *l = find_load(cfg);
	const struct config_option *o = config_option_find(section_of(cfg),
	                                                   slice_from_str(opt->name));
	unsigned count = cfg_opt_size(opt);
	if (!o || count == 0)
		return 0;
	const char *text = cfg_opt_getnstr(opt, count - 1), *why;
	if (config_value_set(o, l->arena, l->config->dir, slice_from_str(text), NULL, &why) == 0)
		return 0;
	cfg_error(cfg, "%s is '%s': it %s", opt->name, text, why);
	return -1;
}

static void add_options(cfg_opt_t *out, const char *section, struct load *l)
{
	size_t n = 0;
	const struct config_option *o;
	for (size_t i = 0; (o = config_option_at(i)) && n < OPTIONS_MAX - 4; i++) {
		if (!slice_equal(slice_from_str(o->section), slice_from_str(section)))
			continue;
		cfg_opt_t plain = CFG_STR(o->name, NULL, CFGF_NODEFAULT);
		cfg_opt_t list = CFG_STR_LIST(o->name, NULL, CFGF_NODEFAULT);
		out[n] = o->kind == CONFIG_LIST ? list : plain;
		out[n++].validcb = check_value;
	}
	cfg_opt_t load = CFG_SIMPLE_STR(LOAD_OPTION, (char **)(void *)l);
	cfg_opt_t last = CFG_STR(END_OPTION, NULL, CFGF_NODEFAULT);
	cfg_opt_t end = CFG_END();
	out[n++] = load;
	if (!section[0])
		out[n++] = last;
	out[n] = end;
}

/* Sections behind the options of the outermost level. cfg_init() copies it all. */
static cfg_t *make_parser(struct load *l, struct arena *scratch)
{
	size_t n = 0;
	cfg_opt_t *root = ARENA_ARRAY(scratch, OPTIONS_MAX + config_section_count, cfg_opt_t);
	add_options(root, "", l);
	while (root[n].name)
		n++;
	for (size_t i = 0; i < config_section_count; i++) {
		const struct config_section *s = &config_sections[i];
		cfg_opt_t *options = ARENA_ARRAY(scratch, OPTIONS_MAX, cfg_opt_t);
		add_options(options, s->name, l);
		cfg_opt_t titled = CFG_SEC(s->name, options,
		                           CFGF_MULTI | CFGF_TITLE | CFGF_NO_TITLE_DUPES);
		cfg_opt_t single = CFG_SEC(s->name, options, CFGF_NONE);
		root[n++] = s->titled ? titled : single;
	}
	cfg_opt_t end = CFG_END();
	root[n] = end;
	cfg_t *cfg = cfg_init(root, CFGF_NONE);
	cfg_set_error_function(cfg, report);
	return cfg;
}

/* --- after reading ---------------------------------------------------------------------- */

static void store_option(struct load *l, const struct config_option *o, cfg_opt_t *given,
                         void *base)
{
	const char *why;
	if (o->kind == CONFIG_LIST)
		return;
	const char *text = given && cfg_opt_size(given) ? cfg_opt_getnstr(given, 0) : o->fallback;
	if (text)
		config_value_set(o, l->arena, l->config->dir, slice_from_str(text), base, &why);
}

/* The options of one section, defaults where nothing was given. cfg NULL: all defaults. */
static void store_section(struct load *l, const char *section, cfg_t *cfg, void *base)
{
	const struct config_option *o;
	for (size_t i = 0; (o = config_option_at(i)); i++) {
		if (slice_equal(slice_from_str(o->section), slice_from_str(section)))
			store_option(l, o, cfg ? cfg_getopt(cfg, o->name) : NULL, base);
	}
}

static struct config_list get_list(struct load *l, cfg_t *cfg, const char *name)
{
	cfg_opt_t *opt = cfg_getopt(cfg, name);
	struct config_list list = { .count = cfg_opt_size(opt) };
	list.items = ARENA_ARRAY(l->arena, list.count + 1, const char *);
	for (size_t i = 0; i < list.count; i++)
		list.items[i] = arena_str(l->arena,
		                          slice_from_str(cfg_opt_getnstr(opt, (unsigned)i)));
	return list;
}

static void store_single_sections(struct load *l, cfg_t *cfg)
{
	store_section(l, "", cfg, l->config);
	for (size_t i = 0; i < config_section_count; i++) {
		const struct config_section *s = &config_sections[i];
		if (!s->titled)
			store_section(l, s->name, cfg ? cfg_getsec(cfg, s->name) : NULL, l->config);
	}
}

static struct config_place place_of(struct load *l, const char *section, cfg_t *cfg)
{
	struct config_place place = { .config = l->config,
		                      .text = &l->text,
		                      .failed = &l->failed,
		                      .path = l->path,
		                      .section = section };
	if (cfg) {
		place.title = cfg->title;
		place.path = config_text_where(&l->source, cfg->line, &place.line);
	}
	return place;
}

static void store_listeners(struct load *l, cfg_t *cfg)
{
	for (unsigned i = 0; i < cfg_size(cfg, "listen"); i++) {
		cfg_t *section = cfg_getnsec(cfg, "listen", i);
		struct config_listen listen = { .kind = -1, .auth_without_tls = -1 };
		store_section(l, "listen", section, &listen);
		listen.addresses = get_list(l, section, "address");
		listen.proxy_networks = get_list(l, section, "proxy-networks");
		listen.xclient_networks = get_list(l, section, "xclient-networks");
		struct config_place place = place_of(l, "listen", section);
		config_add_listen(&place, &listen);
	}
}

static void store_certificates(struct load *l, cfg_t *cfg)
{
	struct config *c = l->config;
	c->certificate_count = cfg_size(cfg, "certificate");
	c->certificates = ARENA_ARRAY(l->arena, c->certificate_count + 1,
	                              struct config_certificate);
	for (unsigned i = 0; i < c->certificate_count; i++) {
		cfg_t *section = cfg_getnsec(cfg, "certificate", i);
		store_section(l, "certificate", section, &c->certificates[i]);
		struct config_place place = place_of(l, "certificate", section);
		c->certificates[i].place = arena_printf(l->arena, "%s:%d: certificate \"%s\"",
		                                        place.path, place.line, place.title);
		config_check_certificate(&place, &c->certificates[i]);
	}
}

/* Kinds of ways; they stand in the order of the file, whatever they are. */
enum way_kind { WAY_SMARTHOST, WAY_TRANSPORT, WAY_ROUTE, WAY_KINDS };
static const char *const way_kinds[] = { "smarthost", "transport", "route" };

struct way_section {
	enum way_kind kind;
	cfg_t *section;
};

static int by_line(const void *a, const void *b)
{
	const struct way_section *one = a, *other = b;
	return one->section->line - other->section->line;
}

static struct way_section *sort_ways(struct load *l, cfg_t *cfg, size_t *count_out)
{
	size_t count = 0, room = 1;
	for (int k = 0; k < WAY_KINDS; k++)
		room += cfg_size(cfg, way_kinds[k]);
	struct way_section *ways = ARENA_ARRAY(l->arena, room, struct way_section);
	for (int k = 0; k < WAY_KINDS; k++) {
		for (unsigned i = 0; i < cfg_size(cfg, way_kinds[k]); i++)
			ways[count++] = (struct way_section){ (enum way_kind)k,
				                              cfg_getnsec(cfg, way_kinds[k], i) };
	}
	qsort(ways, count, sizeof(*ways), by_line);
	*count_out = count;
	return ways;
}

static void store_way(struct load *l, const struct way_section *w)
{
	const char *kind = way_kinds[w->kind];
	struct config_place place = place_of(l, kind, w->section);
	struct config_way_lists lists = { .domain = get_list(l, w->section, "domain"),
		                          .sender = get_list(l, w->section, "sender"),
		                          .account = get_list(l, w->section, "account"),
		                          .source = get_list(l, w->section, "source") };
	struct config_transport transport = { .lmtp = NULL };
	struct config_smarthost way = { .direct = w->kind == WAY_ROUTE };
	if (w->kind == WAY_TRANSPORT) {
		lists.pipe = get_list(l, w->section, "pipe");
		store_section(l, kind, w->section, &transport);
		config_add_transport(&place, &transport, &lists);
		return;
	}
	store_section(l, kind, w->section, &way);
	if (w->kind == WAY_SMARTHOST)
		config_check_smarthost(&place, &way);
	config_add_way(&place, &way, &lists);
}

static void store_ways(struct load *l, cfg_t *cfg)
{
	size_t count;
	const struct way_section *ways = sort_ways(l, cfg, &count);
	l->config->smarthosts = ARENA_ARRAY(l->arena, count + 1, struct config_smarthost);
	for (size_t i = 0; i < count; i++)
		store_way(l, &ways[i]);
	struct config_place place = place_of(l, "queue", NULL);
	struct config_list sources = get_list(l, cfg_getsec(cfg, "queue"), "source");
	config_add_sources(&place, &sources, &l->config->queue.sources);
}

static void store_relays(struct load *l, cfg_t *cfg)
{
	struct config *c = l->config;
	unsigned count = cfg_size(cfg, "relay");
	c->relays = ARENA_ARRAY(l->arena, count + 1, struct config_relay);
	for (unsigned i = 0; i < count; i++) {
		cfg_t *section = cfg_getnsec(cfg, "relay", i);
		struct config_relay *relay = &c->relays[c->relay_count];
		store_section(l, "relay", section, relay);
		struct config_place place = place_of(l, "relay", section);
		config_check_relay(&place, relay);
	}
}

static void store_tls(struct load *l, cfg_t *cfg)
{
	struct config *c = l->config;
	c->tls_minimum_count = cfg_size(cfg, "tls");
	c->tls_minimums = ARENA_ARRAY(l->arena, c->tls_minimum_count + 1, struct config_tls);
	for (unsigned i = 0; i < c->tls_minimum_count; i++) {
		cfg_t *section = cfg_getnsec(cfg, "tls", i);
		store_section(l, "tls", section, &c->tls_minimums[i]);
		struct config_place place = place_of(l, "tls", section);
		config_check_tls(&place, &c->tls_minimums[i]);
	}
}

static void store_suppressions(struct load *l, cfg_t *cfg)
{
	struct config *c = l->config;
	unsigned count = cfg_size(cfg, "suppression");
	c->suppressions = ARENA_ARRAY(l->arena, count + 1, struct config_suppression);
	for (unsigned i = 0; i < count; i++) {
		cfg_t *section = cfg_getnsec(cfg, "suppression", i);
		struct config_suppression *s = &c->suppressions[c->suppression_count];
		store_section(l, "suppression", section, s);
		struct config_place place = place_of(l, "suppression", section);
		config_check_suppression(&place, s);
	}
}

static void store_rules(struct load *l, cfg_t *cfg)
{
	struct config *c = l->config;
	unsigned count = cfg_size(cfg, "rule");
	c->rules.items = ARENA_ARRAY(l->arena, count + 1, struct config_rule);
	for (unsigned i = 0; i < count; i++) {
		cfg_t *section = cfg_getnsec(cfg, "rule", i);
		struct config_rule_text text = {
			.stage = -1, .tls = -1, .authenticated = -1, .verdict = -1, .delay_ms = -1
		};
		store_section(l, "rule", section, &text);
		text.client = get_list(l, section, "client");
		text.listener = get_list(l, section, "listener");
		text.account = get_list(l, section, "account");
		text.helo = get_list(l, section, "helo");
		text.helo_is = get_list(l, section, "helo-is");
		text.rdns = get_list(l, section, "rdns");
		text.sender = get_list(l, section, "sender");
		text.sender_is = get_list(l, section, "sender-is");
		text.recipient = get_list(l, section, "recipient");
		text.found = get_list(l, section, "found");
		text.listed = get_list(l, section, "listed");
		struct config_place place = place_of(l, "rule", section);
		config_add_rule(&place, &text);
	}
}

static void store_guard(struct load *l, cfg_t *cfg)
{
	cfg_t *section = cfg_getsec(cfg, "guard");
	struct config_place place = place_of(l, "guard", NULL);
	struct config_list exempt = get_list(l, section, "exempt-networks");
	config_set_exempt_networks(&place, &exempt);
}

static struct config_texts get_texts(struct load *l, cfg_t *cfg, const char *section,
                                     const char *name)
{
	struct config_list list = get_list(l, cfg_getsec(cfg, section), name);
	struct config_texts texts = { .items = ARENA_ARRAY(l->arena, list.count + 1,
		                                           const char *) };
	for (size_t i = 0; i < list.count; i++)
		texts.items[texts.count++] = arena_str(
			l->arena, arena_lower(l->arena, slice_from_str(list.items[i])));
	return texts;
}

static void store_bounces(struct load *l, cfg_t *cfg)
{
	struct config_place place = place_of(l, "bounces", NULL);
	struct config_bounces *b = &l->config->bounces;
	b->sign = get_texts(l, cfg, "bounces", "sign");
	b->except = get_texts(l, cfg, "bounces", "except");
	b->plain_for = get_texts(l, cfg, "bounces", "plain-for");
	config_set_bounces(&place);
}

static void store_account_limits(struct load *l, cfg_t *cfg)
{
	struct config_list exempt = get_list(l, cfg_getsec(cfg, "account-limits"),
	                                     "exempt-accounts");
	struct config_account *a = &l->config->account;
	a->exempt = ARENA_ARRAY(l->arena, exempt.count + 1, const char *);
	for (size_t i = 0; i < exempt.count; i++)
		a->exempt[a->exempt_count++] = arena_str(
			l->arena, arena_lower(l->arena, slice_from_str(exempt.items[i])));
}

static void store_dns_lists(struct load *l, cfg_t *cfg)
{
	struct config *c = l->config;
	unsigned count = cfg_size(cfg, "dns-list");
	c->dns_lists.items = ARENA_ARRAY(l->arena, count + 1, struct config_dns_list);
	for (unsigned i = 0; i < count; i++) {
		cfg_t *section = cfg_getnsec(cfg, "dns-list", i);
		struct config_dns_list_text text = { .zone = NULL };
		store_section(l, "dns-list", section, &text);
		text.ask = get_list(l, section, "ask");
		text.answers = get_list(l, section, "answers");
		struct config_place place = place_of(l, "dns-list", section);
		config_add_dns_list(&place, &text);
	}
	struct config_place place = place_of(l, "score", NULL);
	struct config_list weights = get_list(l, cfg_getsec(cfg, "score"), "weights");
	config_set_score(&place, &weights);
	struct config_place classifier = place_of(l, "classifier", NULL);
	config_set_classifier(&classifier);
}

static void store_filters(struct load *l, cfg_t *cfg)
{
	unsigned count = cfg_size(cfg, "filter");
	l->config->filters.items = ARENA_ARRAY(l->arena, count + 1, struct config_filter);
	for (unsigned i = 0; i < count; i++) {
		cfg_t *section = cfg_getnsec(cfg, "filter", i);
		struct config_filter filter = { .name = NULL };
		store_section(l, "filter", section, &filter);
		struct config_place place = place_of(l, "filter", section);
		config_add_filter(&place, &filter);
	}
}

static void store_trust(struct load *l, cfg_t *cfg)
{
	struct config_list sealers = get_list(l, cfg_getsec(cfg, "trust"), "trusted-sealers");
	struct config_trust *t = &l->config->trust;
	t->trusted_sealers = sealers.items;
	t->trusted_sealer_count = sealers.count;
	for (size_t i = 0; i < sealers.count; i++)
		t->trusted_sealers[i] = arena_str(
			l->arena, arena_lower(l->arena, slice_from_str(sealers.items[i])));
}

static void store_passdbs(struct load *l, cfg_t *cfg)
{
	struct config *c = l->config;
	c->passdb_count = cfg_size(cfg, "passdb");
	c->passdbs = ARENA_ARRAY(l->arena, c->passdb_count + 1, struct config_passdb);
	for (unsigned i = 0; i < c->passdb_count; i++) {
		cfg_t *section = cfg_getnsec(cfg, "passdb", i);
		store_section(l, "passdb", section, &c->passdbs[i]);
		struct config_place place = place_of(l, "passdb", section);
		config_check_passdb(&place, &c->passdbs[i]);
	}
}

static void store_all(struct load *l, cfg_t *cfg)
{
	store_single_sections(l, cfg);
	store_listeners(l, cfg);
	store_certificates(l, cfg);
	store_ways(l, cfg);
	store_relays(l, cfg);
	store_suppressions(l, cfg);
	store_tls(l, cfg);
	store_dns_lists(l, cfg);
	store_filters(l, cfg);
	store_rules(l, cfg);
	store_guard(l, cfg);
	store_account_limits(l, cfg);
	store_bounces(l, cfg);
	store_trust(l, cfg);
	store_passdbs(l, cfg);
	struct config_place forward = place_of(l, "forward", NULL);
	config_check_forward(&forward);
	struct config_place place = place_of(l, "", NULL);
	struct config_list networks = get_list(l, cfg, "relay-networks");
	config_add_relay_networks(&place, &networks);
	struct config_list certificates = get_list(l, cfg, "relay-certificates");
	config_add_relay_certificates(&place, &certificates);
	config_check_rules(&place);
	config_check_whole(&place);
}

static struct config *new_config(const char *dir)
{
	struct arena *arena = arena_new();
	struct config *c = ARENA_NEW(arena, struct config);
	c->arena = arena;
	c->dir = arena_str(arena, slice_from_str(dir));
	return c;
}

static void set_hostname(struct config *c)
{
	char name[256] = "";
	if (c->hostname)
		return;
	gethostname(name, sizeof(name) - 1);
	c->hostname = name[0] ? arena_str(c->arena, slice_from_str(name)) : "localhost";
}

static int parse_text(struct load *l)
{
	struct arena *scratch = arena_new();
	struct buf *text = &l->source.text;
	buf_append(text, SLICE(END_OPTION " = 1\n"));
	cfg_t *cfg = make_parser(l, scratch);
	FILE *file = fmemopen(text->data, text->len, "r");
	cfg->filename = mem_str(slice_from_str(l->path));
	if (file && cfg_parse_fp(cfg, file) == CFG_SUCCESS) {
		store_all(l, cfg);
		config_settings_collect(l->config, cfg);
	} else {
		l->failed = true;
	}
	if (file)
		fclose(file);
	cfg_free(cfg);
	arena_free(scratch);
	return l->failed ? -EINVAL : 0;
}

static int read_file(struct load *l)
{
	const char *why;
	int rc = config_text_read(&l->source, l->path, &why);
	if (rc < 0)
		buf_append(&l->text, slice_from_str(why));
	else
		rc = parse_text(l);
	config_text_free(&l->source);
	return rc;
}

int config_load(const char *dir, struct config **out, char **errors_out)
{
	struct config *c = new_config(dir);
	struct load l = { .config = c,
		          .arena = c->arena,
		          .source = { .arena = c->arena, .dir = c->dir },
		          .text = buf_make(TEXT_MAX) };
	l.path = arena_printf(c->arena, "%s/veredus.conf", dir);
	int rc = read_file(&l);
	set_hostname(c);
	*errors_out = l.text.len > 0 || rc < 0 ? mem_str(buf_slice(&l.text)) : NULL;
	buf_free(&l.text);
	if (rc < 0)
		config_free(c);
	else
		*out = c;
	return rc;
}

struct config *config_defaults(const char *dir)
{
	struct config *c = new_config(dir);
	struct load l = { .config = c, .arena = c->arena };
	store_single_sections(&l, NULL);
	c->hostname = "localhost";
	return c;
}

void config_free(struct config *c)
{
	if (c)
		arena_free(c->arena);
}
