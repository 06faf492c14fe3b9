#include "mailbox/share.h"

#include <errno.h>

#include "directory/directory.h"

bool share_is_reserved(struct slice name)
{
	struct slice first = slice_split(&name, '/');
	return slice_equal(first, SLICE(SHARE_USERS)) || slice_equal(first, SLICE(SHARE_PUBLIC));
}

/* "bob@example.test/INBOX" */
static int place_of_user(struct db *db, struct arena *arena, struct slice rest,
                         struct share_place *out)
{
	struct slice user = slice_split(&rest, '/'), name, address;
	struct account account;
	if (rest.len == 0 || mailbox_name(arena, rest, &name) < 0 ||
	    directory_canonical_address(arena, user, &address) < 0)
		return -ENOENT;
	int rc = directory_find_account(db, arena, address, &account);
	if (rc == 0)
		*out = (struct share_place){ account.id, slice_from_str(account.address), name };
	return rc;
}

int share_place(struct db *db, struct arena *arena, const struct share_user *user,
                struct slice name, struct share_place *out)
{
	struct slice rest = name, first = slice_split(&rest, '/');
	if (!share_is_reserved(name)) {
		*out = (struct share_place){ user->account_id, user->address, name };
		return 0;
	}
	if (rest.len == 0)
		return -ENOENT;
	if (slice_equal(first, SLICE(SHARE_USERS)))
		return place_of_user(db, arena, rest, out);
	*out = (struct share_place){ MAILBOX_PUBLIC, SLICE_EMPTY, rest };
	return 0;
}

static int find_own(struct db *db, struct arena *arena, const struct share_user *user,
                    struct slice name, struct share *out)
{
	int rc = mailbox_find(db, arena, user->account_id, name, &out->info);
	out->rights = ACL_ALL;
	out->viewer = 0;
	out->owner = user->address;
	out->own_name = name;
	return rc;
}

int share_find(struct db *db, struct arena *arena, const struct share_user *user, struct slice name,
               struct share *out)
{
	struct share_place place;
	int rc = find_own(db, arena, user, name, out);
	if (rc != -ENOENT || !share_is_reserved(name))
		return rc;
	rc = share_place(db, arena, user, name, &place);
	if (rc == 0)
		rc = mailbox_find(db, arena, place.owner_id, place.name, &out->info);
	if (rc == 0)
		rc = acl_rights(db, place.owner_id, out->info.id, user->account_id, user->address,
		                &out->rights);
	if (rc != 0)
		return rc;
	out->viewer = place.owner_id == user->account_id ? 0 : user->account_id;
	out->owner = place.owner;
	out->own_name = place.name;
	out->info.name = name;
	return 0;
}

int share_find_above(struct db *db, struct arena *arena, const struct share_place *place,
                     struct mailbox_info *out)
{
	struct slice name = place->name;
	for (;;) {
		int rc = mailbox_find(db, arena, place->owner_id, name, out);
		ptrdiff_t at = slice_find_last_byte(name, '/');
		if (rc != -ENOENT || at < 0)
			return rc;
		name = slice_sub(name, 0, (size_t)at);
	}
}

struct slice share_name(struct arena *arena, struct slice owner, struct slice own_name)
{
	struct slice users[] = { SLICE(SHARE_USERS "/"), owner, SLICE("/"), own_name };
	struct slice all[] = { SLICE(SHARE_PUBLIC "/"), own_name };
	return owner.len > 0 ? arena_concat(arena, users, 4) : arena_concat(arena, all, 2);
}
