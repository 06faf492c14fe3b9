#include "pop3/pop3_maildrop.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "mailbox/mailbox_view.h"
#include "pop3/pop3_locks.h"

/* --- opening -------------------------------------------------------------------------- */

static int keep_message(const struct mailbox_message *message, void *arg)
{
	struct pop3_maildrop *d = arg;
	if (d->count == d->capacity) {
		d->capacity = d->capacity > 0 ? d->capacity * 2 : 16;
		d->messages = mem_grow(d->messages, d->capacity * sizeof(struct pop3_message));
	}
	d->messages[d->count++] = (struct pop3_message){
		.size_bytes = message->size_bytes,
		.uid = message->uid,
		.came_ms = message->saved_ms > 0 ? message->saved_ms : message->internal_ms,
	};
	return 0;
}

static int read_maildrop(struct db *db, void *arg)
{
	struct pop3_maildrop *d = arg;
	struct arena *scratch = arena_new();
	struct mailbox_info inbox;
	const struct uid_set all = UID_SET_ALL;
	d->count = 0;
	int rc = mailbox_find(db, scratch, d->account_id, SLICE("INBOX"), &inbox);
	if (rc == 0) {
		d->mailbox_id = inbox.id;
		d->uid_validity = inbox.uid_validity;
		rc = pop3_terms_get(db, d->account_id, &d->terms);
	}
	if (rc == 0)
		rc = pop3_login_is_known(db, d->account_id, &d->is_noted);
	/* Only who has mail that expires needs to know when it came. */
	if (rc == 0)
		rc = mailbox_each_message(db, inbox.id, &all,
		                          d->terms.expire_days > 0 ? READ_KEYS : 0, keep_message,
		                          d);
	arena_free(scratch);
	return rc;
}

struct pop3_terms pop3_terms_of(const struct config *config)
{
	return (struct pop3_terms){ .expire_days = config->pop3.expire_days,
		                    .delay_ms = config->pop3.login_delay_ms };
}

static int note(struct db *db, void *arg)
{
	const struct pop3_maildrop *d = arg;
	return pop3_login_note(db, d->account_id, d->terms.delay_ms, clock_wall_ms());
}

/* Whom no terms ask anything of logs in without a commit, and so does everybody while there can be
 * none: whose disk is full must be able to make room. */
static int note_login(struct pop3_maildrop *d, const struct pop3_context *context)
{
	if (d->terms.delay_ms == 0 && (d->terms.expire_days <= 0 || d->is_noted))
		return 0;
	return store_commit(context->store, NULL, 0, note, d) == -EAGAIN ? -EAGAIN : 0;
}

int pop3_maildrop_visit(struct pop3_maildrop *d, const struct pop3_context *context,
                        int64_t account_id)
{
	if (!pop3_lock(context->locks, account_id))
		return -EBUSY;
	*d = (struct pop3_maildrop){ .account_id = account_id,
		                     .opened = true,
		                     .terms = pop3_terms_of(context->config) };
	int rc = store_read(context->store, read_maildrop, d);
	if (rc < 0)
		pop3_maildrop_close(d, context);
	else
		pop3_maildrop_reset(d);
	return rc;
}

static int make_inbox(struct db *db, void *arg)
{
	int64_t mailbox_id;
	return mailbox_get_inbox(db, *(int64_t *)arg, &mailbox_id);
}

int pop3_maildrop_open(struct pop3_maildrop *d, const struct pop3_context *context,
                       int64_t account_id)
{
	int rc = pop3_maildrop_visit(d, context, account_id);
	if (rc == -ENOENT) {
		rc = store_commit(context->store, NULL, 0, make_inbox, &account_id);
		if (rc == 0)
			rc = pop3_maildrop_visit(d, context, account_id);
	}
	if (rc == 0 && (rc = note_login(d, context)) < 0)
		pop3_maildrop_close(d, context);
	return rc;
}

void pop3_maildrop_close(struct pop3_maildrop *d, const struct pop3_context *context)
{
	if (!d->opened)
		return;
	pop3_unlock(context->locks, d->account_id);
	free(d->messages);
	free(d->ahead);
	*d = (struct pop3_maildrop){ 0 };
}

/* --- messages ------------------------------------------------------------------------- */

struct pop3_message *pop3_maildrop_find(struct pop3_maildrop *d, uint32_t number)
{
	if (number == 0 || number > d->count || d->messages[number - 1].deleted)
		return NULL;
	return &d->messages[number - 1];
}

void pop3_maildrop_delete(struct pop3_maildrop *d, struct pop3_message *message)
{
	message->deleted = true;
	d->left_count--;
	d->left_bytes -= message->size_bytes;
}

void pop3_maildrop_reset(struct pop3_maildrop *d)
{
	d->left_count = d->count;
	d->left_bytes = 0;
	for (uint32_t i = 0; i < d->count; i++) {
		d->messages[i].deleted = false;
		d->left_bytes += d->messages[i].size_bytes;
	}
}

/* --- bytes ---------------------------------------------------------------------------- */

static const struct pop3_message *ahead_message(const struct pop3_maildrop *d, uint32_t i)
{
	return &d->messages[d->ahead->first - 1 + i];
}

struct look_ahead {
	struct pop3_maildrop *d;
	uint32_t at; /* before this all are looked up */
};

static int keep_place(const struct mailbox_message *message, void *arg)
{
	struct look_ahead *look = arg;
	struct pop3_ahead *ahead = look->d->ahead;
	/* Both ascend. */
	while (look->at < ahead->count && ahead_message(look->d, look->at)->uid < message->uid)
		look->at++;
	if (look->at < ahead->count && ahead_message(look->d, look->at)->uid == message->uid)
		ahead->places[look->at] = (struct pop3_place){ .blob_id = message->blob_id,
			                                       .place = message->place };
	return 0;
}

static int find_places(struct db *db, void *arg)
{
	struct pop3_maildrop *d = arg;
	struct pop3_ahead *ahead = d->ahead;
	struct look_ahead look = { .d = d };
	struct uid_range range = { ahead_message(d, 0)->uid,
		                   ahead_message(d, ahead->count - 1)->uid };
	struct uid_set uids = { .ranges = &range, .count = 1 };
	memset(ahead->places, 0, ahead->count * sizeof(ahead->places[0]));
	return mailbox_each_message(db, d->mailbox_id, &uids, READ_PLACE, keep_place, &look);
}

/* Looks a message up, and of those that follow it in the direction the client goes the more, the
 * longer it has kept to it. */
static int look_ahead(struct pop3_maildrop *d, const struct pop3_context *context, uint32_t number)
{
	if (!d->ahead)
		d->ahead = mem_zero(1, sizeof(*d->ahead));
	struct pop3_ahead *ahead = d->ahead;
	bool goes_down = number + 1 == ahead->first;
	bool goes_on = goes_down || number == ahead->first + ahead->count;
	uint32_t left = goes_down ? number : d->count - number + 1;
	ahead->count = goes_on ? ahead->count * 4 + 1 : 1;
	if (ahead->count > POP3_AHEAD_MAX)
		ahead->count = POP3_AHEAD_MAX;
	if (ahead->count > left)
		ahead->count = left;
	ahead->first = goes_down ? number - ahead->count + 1 : number;
	int rc = store_read(context->store, find_places, d);
	if (rc < 0)
		ahead->count = 0;
	return rc;
}

int pop3_maildrop_read(struct pop3_maildrop *d, const struct pop3_context *context,
                       const struct pop3_message *message, struct blob_view *out)
{
	uint32_t number = (uint32_t)(message - d->messages) + 1;
	bool is_known = d->ahead && number >= d->ahead->first &&
	                number - d->ahead->first < d->ahead->count;
	int rc = is_known ? 0 : look_ahead(d, context, number);
	if (rc < 0)
		return rc;
	const struct pop3_place *found = &d->ahead->places[number - d->ahead->first];
	if (found->blob_id == 0)
		return -ENOENT;
	return blob_open_at(context->store, found->blob_id, &found->place, out);
}

/* --- the end -------------------------------------------------------------------------- */

/* Read, but not flagged: that is mail which somebody has not done with. */
static bool may_expire(const struct mailbox_view *view, const struct pop3_message *message)
{
	struct mailbox_item item;
	if (!view || !mailbox_view_by_uid(view, message->uid, &item) || item.flags & FLAG_FLAGGED)
		return false;
	return message->retrieved || item.flags & FLAG_SEEN;
}

/* Mail that was read, and has been left here for longer than it may (RFC 2449 section 6.7), goes
 * as if by DELE. What is not read, or is flagged, stays, however old it is. */
static void expire(struct pop3_maildrop *d, const struct pop3_context *context)
{
	int days = d->terms.expire_days;
	struct mailbox_view *view = NULL;
	if (days == CONFIG_NEVER)
		return;
	int64_t before_ms = clock_wall_ms() - days * (int64_t)86400000;
	/* 0 days are for what this session has fetched alone. */
	if (days > 0 && mailbox_view_get(context->mailboxes, d->mailbox_id, &view) < 0)
		view = NULL;
	for (uint32_t i = 0; i < d->count; i++) {
		struct pop3_message *message = &d->messages[i];
		if (message->deleted || (days > 0 && message->came_ms > before_ms))
			continue;
		if (days > 0 ? may_expire(view, message) : message->retrieved)
			pop3_maildrop_delete(d, message);
	}
	mailbox_view_release(view);
}

struct update {
	int64_t mailbox_id;
	struct uid_set deleted, seen;
};

static int update(struct db *db, void *arg)
{
	struct update *u = arg;
	int rc = 0;
	if (u->seen.count > 0)
		rc = mailbox_change_flags(db, u->mailbox_id, &u->seen, FLAGS_ADD, FLAG_SEEN, NULL);
	if (rc == 0 && u->deleted.count > 0)
		rc = mailbox_expunge(db, u->mailbox_id, &u->deleted, false, NULL);
	return rc;
}

int pop3_maildrop_update(struct pop3_maildrop *d, const struct pop3_context *context)
{
	struct arena *arena = arena_new();
	struct update u = { .mailbox_id = d->mailbox_id };
	expire(d, context);
	for (uint32_t i = 0; i < d->count; i++) {
		const struct pop3_message *message = &d->messages[i];
		if (message->deleted)
			uid_set_add(arena, &u.deleted, message->uid, message->uid);
		else if (message->retrieved)
			uid_set_add(arena, &u.seen, message->uid, message->uid);
	}
	int rc = 0;
	if (u.deleted.count + u.seen.count > 0) {
		rc = store_commit(context->store, NULL, 0, update, &u);
		if (rc == 0)
			mailboxes_changed(context->mailboxes, d->mailbox_id);
	}
	arena_free(arena);
	return rc;
}
