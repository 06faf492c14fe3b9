/* Which things are events, which flags changed, and that accounts take turns. */
#include "mailbox/mail_event.h"

#include <errno.h>

#include "mailbox/annotation.h"
#include "mailbox/mailbox_testing.h"
#include "sieve/sieve_rows.h"

struct doing {
	struct step step;
	struct fixture *f;
	uint64_t room;
	struct mail_event_noted noted;
	struct mail_event event;
	int64_t after;
	const char *script; /* of an annotation; NULL: it goes */
};

static int do_script(struct db *db, void *arg)
{
	struct doing *d = arg;
	return sieve_put_script(db, d->step.account, SLICE("events"), SLICE("keep;"), 1, 10);
}

static int do_annotate(struct db *db, void *arg)
{
	struct doing *d = arg;
	struct slice value = slice_from_str(d->script ? d->script : "");
	return annotation_set(db, d->step.mailbox, 0, SLICE(MAIL_EVENT_SCRIPT),
	                      d->script ? &value : NULL);
}

static int do_note(struct db *db, void *arg)
{
	struct doing *d = arg;
	const struct mail_event event = { .actor_id = d->step.account,
		                          .mailbox_id = d->step.mailbox,
		                          .cause = MAIL_EVENT_APPEND,
		                          .uids = d->step.uids };
	return mail_event_note(db, d->step.arena, &event, d->room, &d->noted);
}

static int do_store(struct db *db, void *arg)
{
	struct doing *d = arg;
	struct step *s = &d->step;
	struct mail_event_flags flags = { .arena = s->arena,
		                          .actor_id = s->account,
		                          .mailbox_id = s->mailbox,
		                          .max_waiting = d->room };
	int rc = mail_event_flags_before(db, &flags, &s->uids);
	if (rc == 0)
		rc = mailbox_change_flags(db, s->mailbox, &s->uids, s->how, s->flags, NULL);
	return rc == 0 ? mail_event_flags_after(db, &flags, &d->noted) : rc;
}

static int do_next(struct db *db, void *arg)
{
	struct doing *d = arg;
	return mail_event_next(db, d->step.arena, d->after, &d->event);
}

static int do_rest(struct db *db, void *arg)
{
	struct doing *d = arg;
	return mail_event_rest(db, d->event.id, &d->step.uids);
}

static struct doing doing_new(struct fixture *f, uint32_t first, uint32_t last)
{
	struct doing d = { .f = f, .room = 10 };
	d.step.account = f->account;
	d.step.arena = f->arena;
	d.step.mailbox = testing_find_mailbox(f, SLICE("INBOX")).id;
	d.step.uids = testing_range(f, first, last);
	return d;
}

static void commit(struct doing *d, store_fn fn)
{
	assert_int_equal(store_commit(d->f->store, NULL, 0, fn, d), 0);
}

static void annotate(struct doing *d, int64_t mailbox, const char *script)
{
	int64_t inbox = d->step.mailbox;
	d->step.mailbox = mailbox;
	d->script = script;
	commit(d, do_annotate);
	d->step.mailbox = inbox;
}

static bool is_noted(struct doing *d)
{
	d->noted = (struct mail_event_noted){ .noted = false };
	commit(d, do_note);
	return d->noted.noted;
}

static void only_where_a_script_is_named(void **state)
{
	struct doing d = doing_new(*state, 1, 2);
	assert_false(is_noted(&d));
	annotate(&d, d.step.mailbox, "events");
	assert_false(is_noted(&d)); /* it is not there yet */
	commit(&d, do_script);
	assert_true(is_noted(&d));
	annotate(&d, ANNOTATION_SERVER, "events");
	annotate(&d, d.step.mailbox, "");
	assert_false(is_noted(&d));
	annotate(&d, d.step.mailbox, NULL);
	assert_true(is_noted(&d));
	annotate(&d, ANNOTATION_SERVER, "another");
	assert_false(is_noted(&d));
}

static void some_wait_and_are_done(void **state)
{
	struct doing d = doing_new(*state, 1, 6);
	commit(&d, do_script);
	annotate(&d, d.step.mailbox, "events");
	assert_true(is_noted(&d));
	assert_false(is_noted(&d));
	assert_int_equal(d.noted.lost, 6);
	assert_int_equal(store_read(d.f->store, do_next, &d), 0);
	assert_int_equal(d.event.account_id, d.f->account);
	assert_int_equal(uid_set_size(&d.event.uids), 6);
	d.step.uids = testing_range(d.f, 5, 6);
	commit(&d, do_rest);
	assert_int_equal(store_read(d.f->store, do_next, &d), 0);
	assert_int_equal(d.event.uids.ranges[0].first, 5);
	assert_true(is_noted(&d)); /* there is room again */
	d.after = d.f->account;
	assert_int_equal(store_read(d.f->store, do_next, &d), -ENODATA);
	d.after = 0;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(store_read(d.f->store, do_next, &d), 0);
		d.step.uids = (struct uid_set){ 0 };
		commit(&d, do_rest);
	}
	assert_int_equal(store_read(d.f->store, do_next, &d), -ENODATA);
}

static void flags_that_change(void **state)
{
	struct doing d = doing_new(*state, 1, 3);
	commit(&d, do_script);
	annotate(&d, d.step.mailbox, "events");
	testing_append(d.f, d.step.mailbox, FLAG_SEEN, 2);
	testing_append(d.f, d.step.mailbox, FLAG_FLAGGED, 1);
	d.step.flags = FLAG_SEEN;
	d.step.how = FLAGS_ADD;
	commit(&d, do_store);
	assert_int_equal(store_read(d.f->store, do_next, &d), 0);
	assert_int_equal(d.event.cause, MAIL_EVENT_FLAG);
	assert_true(slice_equal(d.event.flags, SLICE("\\Seen")));
	assert_int_equal(uid_set_size(&d.event.uids), 1);
	assert_true(uid_set_has(&d.event.uids, 3));
	d.noted = (struct mail_event_noted){ .noted = false };
	commit(&d, do_store);
	assert_false(d.noted.noted);
	/* Two kinds: 1 and 2 lose \Seen, 3 \Flagged as well. */
	d.step.how = FLAGS_SET;
	d.step.flags = 0;
	commit(&d, do_store);
	assert_int_equal(testing_rows(d.f, "SELECT count(*) FROM mail_event"), 3);
	assert_int_equal(testing_rows(d.f, "SELECT count FROM mail_event"
	                                   " WHERE flags = '\\Seen \\Flagged'"),
	                 1);
}

#define ON_A_STORE(test)                                                                           \
	cmocka_unit_test_setup_teardown(test, mailbox_testing_setup, mailbox_testing_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON_A_STORE(only_where_a_script_is_named),
		ON_A_STORE(some_wait_and_are_done),
		ON_A_STORE(flags_that_change),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
