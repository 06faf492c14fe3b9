/* import.put, import.flags, import.gone, import.known, import.state, import.forget: what the
 * readers of other programs' mail (the command line) ask for. */
#include "admin/admin_import.h"

#include <errno.h>

#include "admin/admin_commands.h"
#include "directory/directory.h"
#include "mailbox/import_rows.h"
#include "store/store.h"

static int find_place(struct db *db, void *arg)
{
	struct import_place *p = arg;
	struct account account;
	int rc = directory_find_account(db, p->arena, p->address, &account);
	if (rc < 0)
		return rc;
	p->account_id = account.id;
	rc = import_find_source(db, account.id, p->source, &p->source_id);
	if (rc == -ENOENT) {
		p->source_id = 0;
		rc = 0;
	}
	return rc;
}

int import_read_place(struct admin *admin, struct arena *arena, const json_t *request,
                      struct admin_reply *reply, struct import_place *out)
{
	const char *address = admin_need(request, "address", reply);
	if (!address)
		return -EINVAL;
	*out = (struct import_place){ .arena = arena,
		                      .source = slice_from_str(admin_text(request, "source")) };
	if (out->source.len > IMPORT_NAME_MAX)
		return admin_fail(reply, -ENAMETOOLONG, "the name of the source is too long");
	int rc = directory_canonical_address(arena, slice_from_str(address), &out->address);
	if (rc < 0)
		return admin_fail(reply, rc, "'%s' is no address", address);
	rc = store_read(admin->store, find_place, out);
	return rc == -ENOENT ? admin_fail(reply, rc, "there is no user %s", address) : rc;
}

/* --- what is remembered --------------------------------------------------------------------- */

struct known {
	const struct import_place *place;
	const json_t *keys;
	json_t *answer;
	struct slice state;
};

static int read_known(struct db *db, void *arg)
{
	struct known *k = arg;
	struct import_item item;
	size_t index;
	json_t *key;
	int rc = 0;
	json_array_foreach(k->keys, index, key)
	{
		struct slice text = slice_from_str(json_string_value(key));
		rc = import_find_item(db, k->place->source_id, text, &item);
		if (rc < 0 && rc != -ENOENT)
			return rc;
		json_array_append_new(k->answer, json_boolean(rc == 0));
	}
	return 0;
}

/* Which of these keys were imported already? */
static int import_known(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct arena *arena = arena_new();
	struct import_place place;
	struct known k = { .place = &place, .keys = json_object_get(request, "keys") };
	int rc = import_read_place(admin, arena, request, reply, &place);
	if (rc == 0) {
		k.answer = json_array();
		rc = store_read(admin->store, read_known, &k);
		json_t *item = json_pack("{s:o}", "known", k.answer);
		if (rc == 0)
			rc = admin_item(reply, item);
		else
			json_decref(item);
	}
	arena_free(arena);
	return rc;
}

static int read_state(struct db *db, void *arg)
{
	struct known *k = arg;
	k->state = SLICE_EMPTY;
	if (k->place->source_id == 0)
		return 0;
	return import_get_state(db, k->place->arena, k->place->source_id, &k->state);
}

static int import_state(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct arena *arena = arena_new();
	struct import_place place;
	struct known k = { .place = &place };
	int rc = import_read_place(admin, arena, request, reply, &place);
	if (rc == 0)
		rc = store_read(admin->store, read_state, &k);
	if (rc == 0)
		rc = admin_item(reply, json_pack("{s:o}", "state", admin_json_text(k.state)));
	arena_free(arena);
	return rc;
}

static int forget(struct db *db, void *arg)
{
	const struct import_place *p = arg;
	return p->source_id ? import_forget_source(db, p->source_id) : 0;
}

static int import_forget(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct arena *arena = arena_new();
	struct import_place place;
	int rc = import_read_place(admin, arena, request, reply, &place);
	if (rc == 0)
		rc = store_commit(admin->store, NULL, 0, forget, &place);
	arena_free(arena);
	return rc;
}

const struct admin_command admin_import_commands[] = {
	{ "import.put", import_put },
	{ "import.flags", import_flags },
	{ "import.gone", import_gone },
	{ "import.known", import_known },
	{ "import.state", import_state },
	{ "import.forget", import_forget },
	{ 0 },
};
