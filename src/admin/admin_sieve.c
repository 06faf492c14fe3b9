/* sieve.put, sieve.get, sieve.list, sieve.activate, sieve.delete: the scripts of a user.
 *
 *     {"command":"sieve.put", "address":"alice@example.test", "name":"sort", "body_bytes":123}
 *
 * and the script, which is compiled before it is taken. A name that is empty activates none. */
#include <errno.h>

#include "admin/admin_commands.h"
#include "base/buf.h"
#include "base/clock.h"
#include "directory/directory.h"
#include "sieve/sieve_config.h"
#include "sieve/sieve_rows.h"
#include "store/store.h"

struct errand {
	struct admin *admin;
	struct arena *arena;
	struct slice address, name, content;
	json_t *items;
};

static int find_owner(struct db *db, const struct errand *e, int64_t *id_out)
{
	struct account account;
	int rc = directory_find_account(db, e->arena, e->address, &account);
	*id_out = account.id;
	return rc == -ENOENT ? -EADDRNOTAVAIL : rc;
}

static int explain(const struct errand *e, struct admin_reply *reply, int rc)
{
	switch (rc) {
	case -EADDRNOTAVAIL:
		return admin_fail(reply, -ENOENT, "there is no user %.*s", SLICE_ARG(e->address));
	case -ENOENT:
		return admin_fail(reply, rc, "%.*s has no script '%.*s'", SLICE_ARG(e->address),
		                  SLICE_ARG(e->name));
	case -EBUSY:
		return admin_fail(reply, rc, "'%.*s' is active: activate another one first",
		                  SLICE_ARG(e->name));
	case -EINVAL:
		return admin_fail(reply, rc, "a script can't be called '%.*s'", SLICE_ARG(e->name));
	case -EDQUOT:
		return admin_fail(reply, rc, "there are as many scripts as may be: %u",
		                  e->admin->config->sieve.max_scripts);
	default:
		return rc;
	}
}

/* Who it is about, and of which script. */
static int read_request(struct errand *e, const json_t *request, struct admin_reply *reply)
{
	const char *address = admin_need(request, "address", reply);
	const char *name = admin_text(request, "name");
	if (!address)
		return -EINVAL;
	e->name = slice_from_str(name ? name : "");
	int rc = directory_canonical_address(e->arena, slice_from_str(address), &e->address);
	return rc < 0 ? admin_fail(reply, rc, "'%s' is no address", address) : 0;
}

/* --- put --------------------------------------------------------------------------------- */

static int put(struct db *db, void *arg)
{
	const struct errand *e = arg;
	int64_t owner;
	int rc = find_owner(db, e, &owner);
	return rc == 0 ? sieve_put_script(db, owner, e->name, e->content, clock_wall_ms(),
	                                  e->admin->config->sieve.max_scripts)
	               : rc;
}

static int compile(const struct errand *e, struct admin_reply *reply)
{
	const struct sieve_limits limits = sieve_limits_of(&e->admin->config->sieve);
	struct sieve_program *program;
	struct sieve_errors errors;
	if (sieve_compile(e->content, &limits, e->arena, &program, &errors) == 0)
		return 0;
	return admin_fail(reply, -EINVAL, "line %u, column %u: %s", errors.items[0].line,
	                  errors.items[0].column, errors.items[0].text);
}

static int take(void *arg, struct slice piece) { return buf_append(arg, piece); }

static int put_script(struct errand *e, struct admin_reply *reply)
{
	struct buf script = buf_make((size_t)e->admin->config->sieve.max_script_bytes);
	int rc = admin_body(reply, reply->body_left, take, &script);
	e->content = buf_slice(&script);
	if (rc == -ENOBUFS)
		rc = admin_fail(reply, rc, "a script has at most %llu bytes",
		                (unsigned long long)e->admin->config->sieve.max_script_bytes);
	else if (rc == 0)
		rc = compile(e, reply);
	if (rc == 0)
		rc = explain(e, reply, store_commit(e->admin->store, NULL, 0, put, e));
	buf_free(&script);
	return rc;
}

/* --- looking ----------------------------------------------------------------------------- */

static int get(struct db *db, void *arg)
{
	struct errand *e = arg;
	int64_t owner;
	int rc = find_owner(db, e, &owner);
	return rc == 0 ? sieve_get_script(db, e->arena, owner, e->name, &e->content) : rc;
}

static int get_script(struct errand *e, struct admin_reply *reply)
{
	int rc = explain(e, reply, store_read(e->admin->store, get, e));
	if (rc == 0)
		rc = admin_item(reply,
		                json_pack("{s:I}", "body_bytes", (json_int_t)e->content.len));
	return rc == 0 ? reply->bytes(reply->arg, e->content) : rc;
}

static int add_row(const struct sieve_script_row *row, void *arg)
{
	const struct errand *e = arg;
	return json_array_append_new(
		e->items, json_pack("{s:o, s:b, s:I, s:I}", "name", admin_json_text(row->name),
	                            "active", row->active, "bytes", (json_int_t)row->size_bytes,
	                            "changed_ms", (json_int_t)row->changed_ms));
}

static int list(struct db *db, void *arg)
{
	struct errand *e = arg;
	int64_t owner;
	int rc = find_owner(db, e, &owner);
	json_array_clear(e->items);
	return rc == 0 ? sieve_each_script(db, owner, add_row, e) : rc;
}

static int list_scripts(struct errand *e, struct admin_reply *reply)
{
	e->items = json_array();
	int rc = explain(e, reply, store_read(e->admin->store, list, e));
	if (rc == 0)
		return admin_items(reply, e->items);
	json_decref(e->items);
	return rc;
}

/* --- changing ---------------------------------------------------------------------------- */

static int activate(struct db *db, void *arg)
{
	const struct errand *e = arg;
	int64_t owner;
	int rc = find_owner(db, e, &owner);
	return rc == 0 ? sieve_activate_script(db, owner, e->name) : rc;
}

static int activate_script(struct errand *e, struct admin_reply *reply)
{
	return explain(e, reply, store_commit(e->admin->store, NULL, 0, activate, e));
}

static int remove_one(struct db *db, void *arg)
{
	const struct errand *e = arg;
	int64_t owner;
	int rc = find_owner(db, e, &owner);
	return rc == 0 ? sieve_delete_script(db, owner, e->name) : rc;
}

static int delete_script(struct errand *e, struct admin_reply *reply)
{
	return explain(e, reply, store_commit(e->admin->store, NULL, 0, remove_one, e));
}

/* --- the commands ------------------------------------------------------------------------ */

static int run(struct admin *admin, const json_t *request, struct admin_reply *reply,
               int (*fn)(struct errand *, struct admin_reply *))
{
	struct errand e = { .admin = admin, .arena = arena_new() };
	int rc = read_request(&e, request, reply);
	if (rc == 0)
		rc = fn(&e, reply);
	arena_free(e.arena);
	return rc;
}

static int sieve_put(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	return run(admin, request, reply, put_script);
}

static int sieve_get(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	return run(admin, request, reply, get_script);
}

static int sieve_list(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	return run(admin, request, reply, list_scripts);
}

static int sieve_activate(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	return run(admin, request, reply, activate_script);
}

static int sieve_delete(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	return run(admin, request, reply, delete_script);
}

const struct admin_command admin_sieve_commands[] = {
	{ "sieve.put", sieve_put },       { "sieve.get", sieve_get },
	{ "sieve.list", sieve_list },     { "sieve.activate", sieve_activate },
	{ "sieve.delete", sieve_delete }, { 0 },
};
