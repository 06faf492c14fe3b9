#include "route/post_folder.h"

#include <errno.h>

#include "mailbox/mailbox.h"

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
