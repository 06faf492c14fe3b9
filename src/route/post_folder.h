/* Where a message goes among the folders of who gets it. */
#ifndef VEREDUS_ROUTE_POST_FOLDER_H
#define VEREDUS_ROUTE_POST_FOLDER_H

#include "base/arena.h"

struct db;

/* INBOX, or for junk the folder Junk if there is one; id 0: it is not there yet. 0, or an error of
 * the store. Inside a closure. */
int post_find_folder(struct db *db, struct arena *arena, int64_t account_id, bool junk,
                     struct slice *folder_out, int64_t *id_out);

#endif
