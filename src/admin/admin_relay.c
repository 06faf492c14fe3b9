/* relay.add, relay.remove, relay.list, relay.import, relay.forget: recipients in relay domains */
#include <errno.h>

#include "admin/admin_commands.h"
#include "base/clock.h"
#include "directory/directory.h"
#include "directory/relay.h"
#include "queue/call_ahead.h"
#include "store/store.h"

struct change {
	struct admin *admin;
	struct arena *arena;
	struct admin_reply *reply;
	struct slice *addresses; /* canonical, or "@domain" */
	size_t count;
	struct slice domain;
	int64_t stamp;
	bool is_last;
	bool added;
	int64_t number; /* of rows */
};

/* local@domain or "@domain"; of a domain with a section, if there must be one. */
static int canonical(const struct change *c, const char *text, bool must_be_ours, struct slice *out)
{
	struct slice address = slice_from_str(text);
	bool is_all = slice_starts_with(address, SLICE("@"));
	struct slice domain;
	int rc = is_all ? directory_canonical_domain(c->arena, slice_from(address, 1), &domain)
	                : directory_canonical_address(c->arena, address, out);
	if (rc < 0)
		return admin_fail(c->reply, rc, "'%s' is no address: write local@domain or @domain",
		                  text);
	if (is_all)
		*out = arena_concat(c->arena, (struct slice[]){ SLICE("@"), domain }, 2);
	else
		domain = slice_from(*out, (size_t)(slice_find_last_byte(*out, '@') + 1));
	const struct config_relay *relay = config_relay_find(c->admin->config, domain);
	if (must_be_ours && !relay)
		return admin_fail(c->reply, -ENOENT,
		                  "there is no section relay \"%.*s\" in the configuration",
		                  SLICE_ARG(domain));
	if (c->domain.len > 0 && !slice_equal(c->domain, domain))
		return admin_fail(c->reply, -EINVAL, "%s is not in %.*s", text,
		                  SLICE_ARG(c->domain));
	return 0;
}

static struct change begin(struct admin *admin, struct admin_reply *reply)
{
	return (struct change){ .admin = admin, .arena = arena_new(), .reply = reply };
}

static int take_one(struct change *c, const json_t *request, bool must_be_ours)
{
	const char *text = admin_need(request, "address", c->reply);
	c->addresses = ARENA_NEW(c->arena, struct slice);
	c->count = 1;
	return text ? canonical(c, text, must_be_ours, c->addresses) : -EINVAL;
}

static int add_in_commit(struct db *db, void *arg)
{
	struct change *c = arg;
	return directory_put_relay(db, c->addresses[0], clock_wall_ms(), &c->added);
}

static int relay_add(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct change c = begin(admin, reply);
	int rc = take_one(&c, request, true);
	if (rc == 0)
		rc = store_commit(admin->store, NULL, 0, add_in_commit, &c);
	if (rc == 0 && !c.added)
		rc = admin_fail(reply, -EEXIST, "%.*s is there already", SLICE_ARG(c.addresses[0]));
	arena_free(c.arena);
	return rc;
}

static int remove_in_commit(struct db *db, void *arg)
{
	const struct change *c = arg;
	return directory_remove_relay(db, c->addresses[0]);
}

static int relay_remove(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct change c = begin(admin, reply);
	int rc = take_one(&c, request, false);
	if (rc == 0) {
		rc = store_commit(admin->store, NULL, 0, remove_in_commit, &c);
		if (rc == -ENOENT)
			admin_fail(reply, rc, "%.*s is not there", SLICE_ARG(c.addresses[0]));
	}
	arena_free(c.arena);
	return rc;
}

/* --- a file, in pages --------------------------------------------------------------------- */

static int import_in_commit(struct db *db, void *arg)
{
	struct change *c = arg;
	int64_t added = 0;
	int rc = 0;
	for (size_t i = 0; i < c->count && rc == 0; i++) {
		rc = directory_put_relay(db, c->addresses[i], c->stamp, &c->added);
		added += c->added;
	}
	c->number = 0;
	if (rc == 0 && c->is_last)
		rc = directory_expire_relay(db, c->domain, c->stamp, &c->number);
	c->count = (size_t)added;
	return rc;
}

static int take_all(struct change *c, const json_t *request)
{
	const char *domain = admin_need(request, "domain", c->reply);
	const json_t *texts = json_object_get(request, "addresses");
	size_t count = json_array_size(texts);
	if (!domain)
		return -EINVAL;
	struct slice named;
	if (directory_canonical_domain(c->arena, slice_from_str(domain), &named) < 0 ||
	    !config_relay_find(c->admin->config, named))
		return admin_fail(c->reply, -ENOENT,
		                  "there is no section relay \"%s\" in the configuration", domain);
	c->domain = named;
	c->addresses = ARENA_ARRAY(c->arena, count + 1, struct slice);
	for (; c->count < count; c->count++) {
		const char *text = json_string_value(json_array_get(texts, c->count));
		int rc = canonical(c, text ? text : "", true, &c->addresses[c->count]);
		if (rc < 0)
			return rc;
	}
	return 0;
}

static int relay_import(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct change c = begin(admin, reply);
	c.stamp = admin_number(request, "stamp", 0);
	c.is_last = json_is_true(json_object_get(request, "last"));
	int rc = take_all(&c, request);
	if (rc == 0)
		rc = store_commit(admin->store, NULL, 0, import_in_commit, &c);
	if (rc == 0)
		rc = admin_item(reply, json_pack("{s:I, s:I}", "added", (json_int_t)c.count,
		                                 "removed", (json_int_t)c.number));
	arena_free(c.arena);
	return rc;
}

/* --- what is there ------------------------------------------------------------------------ */

static int visit(struct slice address, void *arg)
{
	struct admin_page *p = arg;
	if (json_array_size(p->items) == ADMIN_PAGE_ITEMS)
		return 1;
	p->after = arena_copy(p->arena, address);
	json_array_append_new(p->items, json_pack("{s:o}", "address", admin_json_text(address)));
	return 0;
}

static int read_page(struct db *db, void *arg)
{
	struct admin_page *p = arg;
	return directory_each_relay(db, SLICE_EMPTY, p->after, visit, p);
}

static int relay_list(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	(void)request;
	return admin_pages(admin, reply, read_page);
}

static int forget_in_commit(struct db *db, void *arg)
{
	struct change *c = arg;
	return call_ahead_forget(db, c->domain, &c->number);
}

static int relay_forget(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct change c = begin(admin, reply);
	const char *domain = admin_text(request, "domain");
	int rc = 0;
	if (domain && directory_canonical_domain(c.arena, slice_from_str(domain), &c.domain) < 0)
		rc = admin_fail(reply, -EINVAL, "'%s' is no domain", domain);
	if (rc == 0)
		rc = store_commit(admin->store, NULL, 0, forget_in_commit, &c);
	if (rc == 0)
		rc = admin_item(reply, json_pack("{s:I}", "forgotten", (json_int_t)c.number));
	arena_free(c.arena);
	return rc;
}

const struct admin_command admin_relay_commands[] = {
	{ "relay.add", relay_add },       { "relay.remove", relay_remove },
	{ "relay.import", relay_import }, { "relay.list", relay_list },
	{ "relay.forget", relay_forget }, { 0 },
};
