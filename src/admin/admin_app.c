/* user.app.add, user.app.list, user.app.remove: application passwords. The secret does not come
 * here: the command line makes it and its digest, and shows it once. */
#include <errno.h>

#include "admin/admin_commands.h"
#include "auth/auth.h"
#include "base/clock.h"
#include "directory/directory.h"
#include "store/store.h"

struct app_change {
	struct arena *arena;
	const char *given; /* the address as the operator wrote it */
	struct app_password_new app;
	const char *name;
	json_t *items;
};

static int explain(struct admin_reply *reply, const struct app_change *c, int rc)
{
	switch (rc) {
	case -EEXIST:
		return admin_fail(reply, rc, "%s has an application password '%s' already",
		                  c->given, c->app.name);
	case -ENOENT:
		if (c->app.name && !c->app.digest)
			return admin_fail(reply, rc, "%s has no application password '%s'",
			                  c->given, c->app.name);
		return admin_fail(reply, rc, "there is no user %s", c->given);
	case -EDQUOT:
		return admin_fail(reply, rc, "%s has %d application passwords, which is the most",
		                  c->given, APP_PER_ACCOUNT);
	case -EINVAL:
		return admin_fail(reply, rc, "'%s' is no name: up to %d characters, no control",
		                  c->app.name ? c->app.name : "", APP_NAME_MAX);
	default:
		return rc;
	}
}

static int prepare(struct app_change *c, const json_t *request, struct admin_reply *reply)
{
	c->given = admin_need(request, "address", reply);
	if (!c->given)
		return -EINVAL;
	c->app.name = admin_text(request, "name");
	if (directory_canonical_address(c->arena, slice_from_str(c->given), &c->app.account) < 0)
		return admin_fail(reply, -EINVAL, "'%s' is no address", c->given);
	return 0;
}

static int add_in_commit(struct db *db, void *arg)
{
	struct app_change *c = arg;
	return directory_add_app_password(db, c->arena, &c->app, &c->name);
}

static int read_new(struct app_change *c, const json_t *request, struct admin_reply *reply)
{
	const char *scopes = admin_text(request, "scopes");
	int64_t expires_in_ms = admin_number(request, "expires_in_ms", 0);
	c->app.digest = admin_need(request, "digest", reply);
	if (!c->app.digest)
		return -EINVAL;
	c->app.scopes = APP_SCOPE_ALL;
	if (scopes && !app_scopes_parse(slice_from_str(scopes), &c->app.scopes))
		return admin_fail(reply, -EINVAL,
		                  "'%s' are no scopes: smtp, imap, pop3, with commas", scopes);
	if (expires_in_ms > 0)
		c->app.expires_ms = clock_wall_ms() + expires_in_ms;
	return 0;
}

static int user_app_add(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct app_change c = { .arena = arena_new() };
	int rc = prepare(&c, request, reply);
	if (rc == 0)
		rc = read_new(&c, request, reply);
	if (rc == 0 && (rc = store_commit(admin->store, NULL, 0, add_in_commit, &c)) < 0)
		rc = explain(reply, &c, rc);
	if (rc == 0)
		rc = admin_item(
			reply, json_pack("{s:o}", "name", admin_json_text(slice_from_str(c.name))));
	arena_free(c.arena);
	return rc;
}

static int remove_in_commit(struct db *db, void *arg)
{
	struct app_change *c = arg;
	return directory_remove_app_password(db, c->app.account, slice_from_str(c->app.name));
}

static int user_app_remove(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct app_change c = { .arena = arena_new() };
	int rc = prepare(&c, request, reply);
	if (rc == 0 && !admin_need(request, "name", reply))
		rc = -EINVAL;
	if (rc == 0 && (rc = store_commit(admin->store, NULL, 0, remove_in_commit, &c)) < 0)
		rc = explain(reply, &c, rc);
	arena_free(c.arena);
	return rc;
}

static int visit_app(const struct app_password *app, void *arg)
{
	struct app_change *c = arg;
	char scopes[APP_SCOPES_TEXT];
	json_array_append_new(c->items,
	                      json_pack("{s:o, s:s, s:I, s:I, s:I, s:s}", "name",
	                                admin_json_text(slice_from_str(app->name)), "scopes",
	                                app_scopes_text(app->scopes, scopes), "created_ms",
	                                (json_int_t)app->created_ms, "expires_ms",
	                                (json_int_t)app->expires_ms, "used_ms",
	                                (json_int_t)app->used_ms, "used_from", app->used_from));
	return 0;
}

static int list_in_read(struct db *db, void *arg)
{
	struct app_change *c = arg;
	return directory_each_app_password(db, c->app.account, visit_app, c);
}

/* An account has a hundred at most: they are one page. */
static int user_app_list(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct app_change c = { .arena = arena_new(), .items = json_array() };
	if (admin->auth)
		auth_write_uses(admin->auth);
	int rc = prepare(&c, request, reply);
	if (rc == 0 && (rc = store_read(admin->store, list_in_read, &c)) < 0)
		rc = explain(reply, &c, rc);
	if (rc == 0)
		rc = admin_items(reply, c.items);
	else
		json_decref(c.items);
	arena_free(c.arena);
	return rc;
}

const struct admin_command admin_app_commands[] = {
	{ "user.app.add", user_app_add },
	{ "user.app.list", user_app_list },
	{ "user.app.remove", user_app_remove },
	{ 0 },
};
