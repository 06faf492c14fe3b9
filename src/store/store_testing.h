/* What the tests of the store share: a data directory of their own. */
#ifndef VEREDUS_STORE_STORE_TESTING_H
#define VEREDUS_STORE_STORE_TESTING_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/db.h"
#include "store/store.h"

/* For cmocka_unit_test_setup_teardown: *state is the directory's path. */
int testing_make_dir(void **state);
int testing_remove_dir(void **state);
void testing_remove_tree(const char *path);

/* Blobs go into segments at once. */
struct store *testing_open(const char *dir);
/* Commits one blob with a message row that holds it; returns what store_commit
 * does. */
int testing_put(struct store *s, int64_t message_id, struct slice bytes, int64_t *blob_id_out);
/* Takes the row away again. */
int testing_remove(struct store *s, int64_t message_id, int64_t blob_id);
bool testing_blob_is(struct store *s, int64_t blob_id, struct slice bytes);
int64_t testing_count(struct store *s, const char *sql);

#endif
