#include "route/post_folder.h"

#include <errno.h>

#include "mailbox/acl.h"
#include "route/post.h"

int post_find_folder(struct db *db, struct arena *arena, int64_t account_id, bool junk,
                     struct slice *folder_out, int64_t *id_out)
{
	struct mailbox_info info = { .id = 0 };
	struct slice folder = junk ? SLICE("Junk") : SLICE("INBOX");
	int rc = mailbox_find(db, arena, account_id, folder, &info);
	if (rc == -ENOENT && junk) {
		folder = SLICE("INBOX");
		rc = mailbox_find(db, arena, account_id, folder, &info);
	}
	if (rc < 0 && rc != -ENOENT)
		return rc;
	*folder_out = folder;
	*id_out = rc == 0 ? info.id : 0;
	return 0;
}

struct posting {
	struct arena *arena;
	struct slice detail, folder;
	int64_t id;
};

static int visit_folder(const struct mailbox_info *info, void *arg)
{
	struct posting *p = arg;
	/* Local parts are lower case by now; names that differ by that alone: the first. */
	if (!slice_equal_nocase(info->name, p->detail))
		return 0;
	p->folder = arena_copy(p->arena, info->name);
	p->id = info->id;
	return 1;
}

int post_find_posting(struct db *db, struct arena *arena, int64_t owner_id, struct slice detail,
                      const struct post_client *client, struct slice *folder_out, int64_t *id_out)
{
	struct posting p = { .arena = arena, .detail = detail };
	struct slice sender = client->account ? slice_from_str(client->account) : SLICE_EMPTY;
	unsigned rights = 0;
	*id_out = 0;
	int rc = acl_has_posting(db, owner_id);
	if (rc > 0)
		rc = mailbox_each(db, owner_id, visit_folder, &p);
	if (rc > 0)
		rc = acl_rights(db, owner_id, p.id, client->account_id, sender, &rights);
	if (rc < 0 || !(rights & ACL_POST))
		return rc < 0 ? rc : 0;
	*folder_out = p.folder;
	*id_out = p.id;
	return 0;
}
