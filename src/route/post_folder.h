/* Where a message goes among the folders of who gets it. */
#ifndef VEREDUS_ROUTE_POST_FOLDER_H
#define VEREDUS_ROUTE_POST_FOLDER_H

#include "base/arena.h"

struct db;
struct post_client;

/* INBOX, or for junk the folder Junk if there is one; id 0: it is not there yet. 0, or an error of
 * the store. Inside a closure. */
int post_find_folder(struct db *db, struct arena *arena, int64_t account_id, bool junk,
                     struct slice *folder_out, int64_t *id_out);

/* A folder of the account that mail is posted to: bob+team@example.test is bob's folder Team if its
 * list gives the sender the right p. Who sends is the account that logged in; others have what
 * anyone has. The same as above; id 0: there is no such folder, or no right. */
int post_find_posting(struct db *db, struct arena *arena, int64_t owner_id, struct slice detail,
                      const struct post_client *client, struct slice *folder_out, int64_t *id_out);

#endif
