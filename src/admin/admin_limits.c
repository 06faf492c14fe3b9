/* limits.show, limits.release: accounts that send too much */
#include <errno.h>

#include "admin/admin_commands.h"
#include "base/clock.h"
#include "base/log.h"
#include "directory/directory.h"
#include "guard/guard_account.h"
#include "store/db.h"
#include "store/store.h"

struct limits_step {
	const struct config_account *config;
	struct arena *arena;
	struct slice address;
	struct account_use use;
	enum account_standing standing; /* before it was released */
};

static json_t *use_json(const struct config_account *c, struct slice address,
                        const struct account_use *u)
{
	return json_pack("{s:o, s:s, s:I, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
	                 "address", admin_json_text(address), "standing",
	                 account_standing_name(u->standing), "since_ms", (json_int_t)u->since_ms,
	                 "why", admin_json_text(slice_from_str(u->why)), "hour",
	                 (json_int_t)u->hour, "hour_limit", (json_int_t)c->hour_recipients, "day",
	                 (json_int_t)u->day, "day_limit", (json_int_t)c->day_recipients, "networks",
	                 (json_int_t)u->networks, "networks_limit", (json_int_t)c->networks,
	                 "countries", (json_int_t)u->countries, "countries_limit",
	                 (json_int_t)(c->country_database ? c->countries : 0), "bounces",
	                 (json_int_t)u->bounces, "refused", (json_int_t)u->refused);
}

static int show_one(struct db *db, void *arg)
{
	struct limits_step *s = arg;
	struct account account;
	int rc = directory_find_account(db, s->arena, s->address, &account);
	return rc < 0 ? rc
	              : account_read_use(db, s->config, account.id, s->address, NULL,
	                                 clock_wall_ms(), &s->use);
}

static int release_one(struct db *db, void *arg)
{
	struct limits_step *s = arg;
	struct account account;
	int rc = directory_find_account(db, s->arena, s->address, &account);
	if (rc == 0)
		rc = account_find_standing(db, account.id, &s->standing);
	if (rc < 0 || s->standing == ACCOUNT_FREE)
		return rc;
	return account_release(db, account.id, clock_wall_ms());
}

static int run_one(struct admin *admin, struct limits_step *s, const json_t *request,
                   struct admin_reply *reply, store_fn fn, bool changes)
{
	const char *given = admin_need(request, "address", reply);
	if (!given)
		return -EINVAL;
	int rc = directory_canonical_address(s->arena, slice_from_str(given), &s->address);
	if (rc < 0)
		return admin_fail(reply, rc, "'%s' is no address", given);
	rc = changes ? store_commit(admin->store, NULL, 0, fn, s) : store_read(admin->store, fn, s);
	return rc == -ENOENT ? admin_fail(reply, rc, "there is no user %s", given) : rc;
}

/* --- those that are not free -------------------------------------------------------------- */

static int find_limited(struct db *db, struct admin_page *p)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT a.address, a.id FROM account_standing s"
	                  " JOIN account a ON a.id = s.account_id"
	                  " WHERE s.standing > 0 AND a.address > $1 ORDER BY a.address LIMIT $2",
	                  "ti", p->after, (int64_t)ADMIN_PAGE_ITEMS);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		p->after = arena_copy(p->arena, db_text(&rows, 0));
		json_array_append_new(p->items,
		                      json_pack("{s:o, s:I}", "address", admin_json_text(p->after),
		                                "id", (json_int_t)db_int(&rows, 1)));
	}
	db_end(&rows);
	if (rc != -ENODATA)
		return rc;
	return json_array_size(p->items) == ADMIN_PAGE_ITEMS;
}

/* The limits stand in the items, so the page needs no more than the configuration. */
static int read_page(struct db *db, void *arg)
{
	struct admin_page *p = arg;
	size_t index;
	json_t *found, *all = json_array();
	int more = find_limited(db, p), rc = more;
	json_array_foreach(p->items, index, found)
	{
		struct account_use use;
		struct slice address = slice_from_str(admin_text(found, "address"));
		rc = account_read_use(db, &p->admin->config->account, admin_number(found, "id", 0),
		                      address, NULL, clock_wall_ms(), &use);
		if (rc < 0)
			break;
		json_array_append_new(all, use_json(&p->admin->config->account, address, &use));
	}
	json_array_clear(p->items);
	json_array_extend(p->items, all);
	json_decref(all);
	return rc < 0 ? rc : more;
}

/* --- commands ----------------------------------------------------------------------------- */

static int limits_show(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct limits_step s = { .config = &admin->config->account };
	if (!admin_text(request, "address"))
		return admin_pages(admin, reply, read_page);
	s.arena = arena_new();
	int rc = run_one(admin, &s, request, reply, show_one, false);
	if (rc == 0)
		rc = admin_item(reply, use_json(s.config, s.address, &s.use));
	arena_free(s.arena);
	return rc;
}

static int limits_release(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct limits_step s = { .config = &admin->config->account, .arena = arena_new() };
	int rc = run_one(admin, &s, request, reply, release_one, true);
	if (rc == 0 && s.standing == ACCOUNT_FREE)
		rc = admin_fail(reply, -ENOENT, "nothing holds %.*s back", SLICE_ARG(s.address));
	if (rc == 0)
		log_info("guard.account", kv_slice("account", s.address),
		         kv_str("standing", "free"), kv_str("why", "released"));
	arena_free(s.arena);
	return rc;
}

const struct admin_command admin_limits_commands[] = {
	{ "limits.show", limits_show },
	{ "limits.release", limits_release },
	{ 0 },
};
