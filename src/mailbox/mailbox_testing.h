/* What the tests of mailboxes share: an account on a store of its own, and steps inside commits. */
#ifndef VEREDUS_MAILBOX_MAILBOX_TESTING_H
#define VEREDUS_MAILBOX_MAILBOX_TESTING_H

#include "store/store_testing.h"

#include "mailbox/mailbox_view.h"

struct fixture {
	void *dir;
	struct store *store;
	struct mailboxes *m;
	struct arena *arena;
	int64_t account;
};

/* A step inside a commit, with what it needs and gives. */
struct step {
	int64_t account, mailbox, to;
	struct slice name, to_name;
	struct uid_set uids;
	uint64_t flags, count;
	uint32_t uid;
	enum flag_change how;
	struct arena *arena;
	struct mailbox_copied copied;
	struct mailbox_info info;
	struct store_blob blob;
	bool yes;
};

/* For cmocka_unit_test_setup_teardown: *state is the fixture. */
int mailbox_testing_setup(void **state);
int mailbox_testing_teardown(void **state);

/* A commit by the account. */
int testing_run(struct fixture *f, store_fn fn, struct step *s);
struct mailbox_info testing_find_mailbox(struct fixture *f, struct slice name);
/* A closure that adds s->count messages of ten bytes that share s->blob. */
int testing_do_append(struct db *db, void *arg);
/* Does so; the UID of the last. */
uint32_t testing_append(struct fixture *f, int64_t mailbox, uint64_t flags, uint64_t count);
struct uid_set testing_range(struct fixture *f, uint32_t first, uint32_t last);
struct mailbox_view *testing_view(struct fixture *f, int64_t mailbox);
int64_t testing_rows(struct fixture *f, const char *sql);
/* What tests end with: counters, references and rows agree. */
void testing_check(struct fixture *f);

#endif
