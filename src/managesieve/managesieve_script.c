/* All that is about scripts: RFC 5804 sections 2.5 to 2.12. */
#include <errno.h>

#include "base/buf.h"
#include "base/log.h"
#include "fiber/fiber.h"
#include "managesieve/managesieve_session.h"
#include "sieve/sieve_config.h"
#include "sieve/sieve_rows.h"

/* What is asked of the store. */
struct errand {
	struct managesieve_session *s;
	struct slice name, other, content;
	bool exists;
	int64_t count;
};

static struct errand errand_of(struct managesieve_session *s, const struct managesieve_command *c)
{
	return (struct errand){ .s = s,
		                .name = c->arguments[0].text,
		                .other = c->arguments[1].text };
}

/* What an error of the rows means. */
static void answer(struct managesieve_session *s, int rc)
{
	switch (rc) {
	case 0:
		managesieve_ok(s, NULL, "Done.");
		break;
	case -EINVAL:
		managesieve_no(s, NULL, "A script can't have this name.");
		break;
	case -ENOENT:
		managesieve_no(s, "NONEXISTENT", "There is no such script.");
		break;
	case -EEXIST:
		managesieve_no(s, "ALREADYEXISTS", "There is a script of this name.");
		break;
	case -EBUSY:
		managesieve_no(s, "ACTIVE", "The script is active.");
		break;
	case -EDQUOT:
		managesieve_no(s, "QUOTA/MAXSCRIPTS", "There are as many scripts as may be.");
		break;
	default:
		log_error("managesieve.store", kv_str("account", s->account), kv_error(rc));
		managesieve_no(s, "TRYLATER", "The store does not answer.");
	}
}

static int commit(struct errand *e, store_fn run)
{
	return store_commit(e->s->context->store, NULL, 0, run, e);
}

/* --- compiling --------------------------------------------------------------------------- */

struct compiling {
	struct slice script;
	struct sieve_limits limits;
	struct arena *arena;
	struct sieve_errors errors;
	int rc;
};

static void compile(void *arg)
{
	struct compiling *c = arg;
	struct sieve_program *program;
	c->rc = sieve_compile(c->script, &c->limits, c->arena, &program, &c->errors);
}

/* The errors, a line each; NULL: there are none, not even warnings. */
static const char *errors_text(struct arena *arena, const struct sieve_errors *errors)
{
	struct buf out = buf_make(16 * 1024);
	for (size_t i = 0; i < errors->count; i++) {
		const struct sieve_error *e = &errors->items[i];
		buf_printf(&out, "%sline %u, column %u: %s%s", i > 0 ? "\r\n" : "", e->line,
		           e->column, e->warning ? "warning: " : "", e->text);
	}
	const char *text = errors->count > 0 ? arena_str(arena, buf_slice(&out)) : NULL;
	buf_free(&out);
	return text;
}

/* False: it has errors, and the client has heard them. *warnings_out may be NULL. */
static bool compiles(struct managesieve_session *s, struct slice script, const char **warnings_out)
{
	struct compiling c = { .script = script,
		               .limits = sieve_limits_of(&s->context->config->sieve),
		               .arena = s->arena };
	fiber_offload(compile, &c);
	*warnings_out = errors_text(s->arena, &c.errors);
	if (c.rc < 0)
		managesieve_no(s, NULL, *warnings_out ? *warnings_out : "It does not compile.");
	return c.rc == 0;
}

static void say_taken(struct managesieve_session *s, const char *warnings)
{
	managesieve_ok(s, warnings ? "WARNINGS" : NULL, warnings ? warnings : "Done.");
}

void managesieve_check_script(struct managesieve_session *s, const struct managesieve_command *c)
{
	const char *warnings;
	if (compiles(s, c->arguments[0].text, &warnings))
		say_taken(s, warnings);
}

static int put(struct db *db, void *arg)
{
	struct errand *e = arg;
	return sieve_put_script(db, e->s->account_id, e->name, e->content, clock_wall_ms(),
	                        e->s->context->config->sieve.max_scripts);
}

void managesieve_put_script(struct managesieve_session *s, const struct managesieve_command *c)
{
	struct errand e = errand_of(s, c);
	const char *warnings;
	e.content = c->arguments[1].text;
	if (!sieve_name_is_valid(e.name)) {
		answer(s, -EINVAL);
		return;
	}
	if (!compiles(s, e.content, &warnings))
		return;
	int rc = commit(&e, put);
	if (rc == 0)
		say_taken(s, warnings);
	else
		answer(s, rc);
}

/* --- room -------------------------------------------------------------------------------- */

static int look(struct db *db, void *arg)
{
	struct errand *e = arg;
	int rc = sieve_get_script(db, e->s->arena, e->s->account_id, e->name, &e->content);
	e->exists = rc == 0;
	return rc == 0 || rc == -ENOENT ? sieve_count_scripts(db, e->s->account_id, &e->count) : rc;
}

void managesieve_have_space(struct managesieve_session *s, const struct managesieve_command *c)
{
	const struct config_sieve *limits = &s->context->config->sieve;
	struct errand e = errand_of(s, c);
	int rc = sieve_name_is_valid(e.name) ? store_read(s->context->store, look, &e) : -EINVAL;
	if (rc == 0 && c->arguments[1].number > limits->max_script_bytes)
		managesieve_no(s, "QUOTA/MAXSIZE",
		               arena_printf(s->arena, "A script has at most %llu bytes.",
		                            (unsigned long long)limits->max_script_bytes));
	else
		answer(s, rc == 0 && !e.exists && e.count >= limits->max_scripts ? -EDQUOT : rc);
}

/* --- looking ----------------------------------------------------------------------------- */

struct listing {
	struct managesieve_session *s;
	struct buf text;
};

static int add_row(const struct sieve_script_row *row, void *arg)
{
	struct listing *l = arg;
	buf_append(&l->text, SLICE("\""));
	for (size_t i = 0; i < row->name.len; i++) {
		if (row->name.data[i] == '"' || row->name.data[i] == '\\')
			buf_append(&l->text, SLICE("\\"));
		buf_append(&l->text, slice_sub(row->name, i, 1));
	}
	return buf_append(&l->text, row->active ? SLICE("\" ACTIVE\r\n") : SLICE("\"\r\n"));
}

static int list(struct db *db, void *arg)
{
	struct listing *l = arg;
	buf_clear(&l->text);
	return sieve_each_script(db, l->s->account_id, add_row, l);
}

void managesieve_list_scripts(struct managesieve_session *s, const struct managesieve_command *c)
{
	struct listing l = { .s = s, .text = buf_make(4 << 20) };
	(void)c;
	int rc = store_read(s->context->store, list, &l);
	if (rc == 0)
		managesieve_write(s, buf_slice(&l.text));
	buf_free(&l.text);
	answer(s, rc);
}

static int get(struct db *db, void *arg)
{
	struct errand *e = arg;
	return sieve_get_script(db, e->s->arena, e->s->account_id, e->name, &e->content);
}

void managesieve_get_script(struct managesieve_session *s, const struct managesieve_command *c)
{
	struct errand e = errand_of(s, c);
	int rc = store_read(s->context->store, get, &e);
	if (rc == 0) {
		const char *head = arena_printf(s->arena, "{%zu}\r\n", e.content.len);
		managesieve_write(s, slice_from_str(head));
		managesieve_write(s, e.content);
		managesieve_write(s, SLICE("\r\n"));
	}
	answer(s, rc);
}

/* --- changing ---------------------------------------------------------------------------- */

static int activate(struct db *db, void *arg)
{
	const struct errand *e = arg;
	return sieve_activate_script(db, e->s->account_id, e->name);
}

static int remove_script(struct db *db, void *arg)
{
	const struct errand *e = arg;
	return sieve_delete_script(db, e->s->account_id, e->name);
}

static int rename_script(struct db *db, void *arg)
{
	const struct errand *e = arg;
	return sieve_rename_script(db, e->s->account_id, e->name, e->other);
}

void managesieve_set_active(struct managesieve_session *s, const struct managesieve_command *c)
{
	struct errand e = errand_of(s, c);
	answer(s, commit(&e, activate));
}

void managesieve_delete_script(struct managesieve_session *s, const struct managesieve_command *c)
{
	struct errand e = errand_of(s, c);
	answer(s, commit(&e, remove_script));
}

void managesieve_rename_script(struct managesieve_session *s, const struct managesieve_command *c)
{
	struct errand e = errand_of(s, c);
	answer(s, commit(&e, rename_script));
}
