/* The configuration anew, while the server runs: all of it is loaded and looked at before anything
 * is changed, so that whatever is wrong leaves what there was in force.
 *
 *     prepare   on the thread pool: the files, certificates, scripts and tables, into new objects
 *     take      they take the place of the old ones, part by part, the sessions' contexts last: who
 *               has the new configuration finds parts that know it
 *
 * What runs meanwhile ends with what it began with: see config_reload.h. */
#include <errno.h>

#include "base/log.h"
#include "cli/server.h"
#include "config/config_reload.h"
#include "fiber/fiber.h"
#include "fiber/sync.h"
#include "guard/geoip.h"
#include "mailbox/learner.h"

enum { TEXT_MAX = 256 * 1024, WAIT_MS = 60000 };

struct reload {
	struct server *server;
	struct config *fresh;
	struct config_changes changes;
	struct tls_set *certificates;
	struct post_sieve *scripts;
	struct geoip *countries;
	struct buf errors, warnings; /* lines */
};

/* --- preparing ---------------------------------------------------------------------------- */

static void load_certificates(struct reload *r)
{
	const struct config *c = r->fresh;
	char *why = NULL;
	struct tls_certificate_files *files = ARENA_ARRAY(c->arena, c->certificate_count + 1,
	                                                  struct tls_certificate_files);
	for (size_t i = 0; i < c->certificate_count; i++)
		files[i] = (struct tls_certificate_files){ c->certificates[i].chain_path,
			                                   c->certificates[i].key_path };
	struct tls_server *tls = r->server->tls;
	if (tls && tls_server_load(tls, files, c->certificate_count, &r->certificates, &why) < 0)
		buf_printf(&r->errors, "%s\n", why ? why : "a certificate can't be loaded");
	free(why);
}

static void load_countries(struct reload *r)
{
	const char *path = r->fresh->account.country_database;
	int rc = path ? geoip_open(path, &r->countries) : 0;
	if (rc < 0)
		buf_printf(&r->errors, "%s: can't be read as a database of countries: %s\n", path,
		           strerrordesc_np(-rc));
}

static void prepare(void *arg)
{
	struct reload *r = arg;
	char *text = NULL;
	int rc = config_reload(r->server->config, &r->fresh, &r->changes, &text);
	buf_append(rc < 0 ? &r->errors : &r->warnings, slice_from_str(text));
	free(text);
	if (rc < 0)
		return;
	load_certificates(r);
	load_countries(r);
	r->scripts = post_scripts(r->fresh, &r->errors);
}

/* --- taking ------------------------------------------------------------------------------- */

static void take_limits(struct server *s, const struct config *c)
{
	const struct config *old = s->config;
	for (size_t i = 0; i < s->service_count; i++) {
		const struct config_listener *l = service_config(s->services[i])->listener;
		if (!l)
			continue;
		l = &c->listeners[l - old->listeners];
		service_set_limits(s->services[i], l->max_sessions, l->max_sessions_per_address, l);
	}
}

static void take_config(struct server *s, struct config *c)
{
	take_limits(s, c);
	trust_use(s->trust, c);
	server_set_auth(s, c);
	learner_use(s->learner, c);
	mailboxes_keep(s->mailboxes, c->local.keep_expunged_ms);
	mailboxes_keep_at_most(s->mailboxes, c->local.keep_expunged_bytes);
	log_set_level((enum log_level)c->log.level);
	for (size_t i = 0; i < sizeof(s->smtp) / sizeof(s->smtp[0]); i++)
		s->smtp[i].config = c;
	s->pop3.config = c;
	s->managesieve.config = c;
	s->imap.config = c;
	s->admin.config = c;
	s->config = c;
}

/* True if the new configuration is in force: it differs in more than what needs a restart. */
static bool take(struct reload *r)
{
	struct server *s = r->server;
	bool differs = r->changes.count > r->changes.at_start;
	struct config *c = differs ? r->fresh : s->config;
	if (r->certificates)
		tls_server_take(s->tls, r->certificates);
	guard_use(s->guard, c, r->countries);
	if (differs)
		queue_use(s->queue, c);
	post_use(s->post, c, r->scripts);
	if (differs)
		take_config(s, c);
	return differs;
}

static void give_up(struct reload *r)
{
	tls_set_release(r->certificates);
	geoip_close(r->countries);
	post_scripts_free(r->scripts);
}

/* --- telling ------------------------------------------------------------------------------ */

static json_t *lines_of(const struct buf *text)
{
	json_t *lines = json_array();
	struct slice rest = buf_slice(text);
	while (rest.len > 0)
		json_array_append_new(lines, admin_json_text(slice_split(&rest, '\n')));
	return lines;
}

static json_t *changes_of(const struct config_changes *changes, bool at_start)
{
	json_t *names = json_array();
	for (size_t i = 0; i < changes->count; i++) {
		if (changes->items[i].at_start == at_start)
			json_array_append_new(
				names, admin_json_text(slice_from_str(changes->items[i].option)));
	}
	return names;
}

static void add_path(json_t *files, const char *path)
{
	if (path)
		json_array_append_new(files, admin_json_text(slice_from_str(path)));
}

static json_t *files_of(const struct config *c)
{
	json_t *files = json_array();
	for (size_t i = 0; i < c->certificate_count; i++) {
		add_path(files, c->certificates[i].chain_path);
		add_path(files, c->certificates[i].key_path);
	}
	if (c->certificate_count > 0)
		add_path(files, c->auth.client_ca);
	if (c->sieve.enabled) {
		add_path(files, c->sieve.before);
		add_path(files, c->sieve.after);
	}
	add_path(files, c->account.country_database);
	return files;
}

static const char *joined(struct arena *arena, const json_t *names)
{
	const char *text = "";
	size_t i;
	json_t *name;
	json_array_foreach(names, i, name) text = arena_printf(
		arena, "%s%s%s", text, i > 0 ? ", " : "", json_string_value(name));
	return text;
}

static void log_lines(const json_t *lines, bool errors)
{
	size_t i;
	json_t *line;
	json_array_foreach(lines, i, line)
	{
		const char *text = json_string_value(line);
		if (errors)
			log_error("server.reload", kv_str("why", text),
			          kv_str("remedy", "mend it and reload again; what was in force "
			                           "stays"));
		else
			log_warn("server.reload", kv_str("why", text));
	}
}

static void log_result(const json_t *result)
{
	struct arena *arena = arena_new();
	log_lines(json_object_get(result, "errors"), true);
	log_lines(json_object_get(result, "warnings"), false);
	if (json_array_size(json_object_get(result, "errors")) == 0)
		log_info("server.reload",
		         kv_str("taken", joined(arena, json_object_get(result, "taken"))),
		         kv_str("restart", joined(arena, json_object_get(result, "restart"))),
		         kv_str("read", joined(arena, json_object_get(result, "read"))));
	arena_free(arena);
}

/* --- all of it ---------------------------------------------------------------------------- */

static json_t *reload(struct server *s)
{
	struct reload r = { .server = s,
		            .errors = buf_make(TEXT_MAX),
		            .warnings = buf_make(TEXT_MAX) };
	fiber_offload(prepare, &r);
	bool good = r.errors.len == 0, in_force = good && take(&r);
	if (!good)
		give_up(&r);
	json_t *result = json_object();
	json_object_set_new(result, "taken", good ? changes_of(&r.changes, false) : json_array());
	json_object_set_new(result, "restart", good ? changes_of(&r.changes, true) : json_array());
	json_object_set_new(result, "read", good ? files_of(s->config) : json_array());
	json_object_set_new(result, "warnings", lines_of(&r.warnings));
	json_object_set_new(result, "errors", lines_of(&r.errors));
	if (!in_force)
		config_free(r.fresh);
	buf_free(&r.errors);
	buf_free(&r.warnings);
	return result;
}

int server_reload(void *server, json_t **result_out)
{
	struct server *s = server;
	int rc = fiber_mutex_lock(s->reloading, deadline_in(WAIT_MS));
	if (rc < 0)
		return rc;
	json_t *result = reload(s);
	fiber_mutex_unlock(s->reloading);
	log_result(result);
	*result_out = result;
	return 0;
}
