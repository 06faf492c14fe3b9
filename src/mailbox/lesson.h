/* Lessons: what the classifier is still to learn from what users did with their mail, as rows.
 *
 * Who moves mail into Junk says that it is spam; who moves it from there to anywhere but Trash says
 * that it is not. The commit that does it also notes a lesson: which messages, where they are now,
 * and as what. A learner (learner.h) takes lessons in the order in which they came, so a crash
 * loses none.
 *
 *   1. Only what somebody did in mailboxes of their own is a lesson, and it is one for their mail:
 *      who may write into the Junk of another can't teach the other's classifier.
 *   2. Lessons name messages by mailbox and UID. One that was moved again is not found where the
 *      first lesson says; the second lesson knows better.
 *   3. At most max_waiting messages of an account wait; what is more is no lesson.
 *
 * Inside a closure. */
#ifndef VEREDUS_MAILBOX_LESSON_H
#define VEREDUS_MAILBOX_LESSON_H

#include "mailbox/mailbox.h"

struct lesson {
	int64_t id;
	int64_t account_id, mailbox_id;
	struct uid_set uids;
	bool is_spam;
};

/* What became of something that may be a lesson. */
struct lesson_noted {
	bool noted;    /* the learner is to be woken */
	uint64_t lost; /* messages for which there was no room */
};

/* Changes: a copy or move that account_id made. */
int lesson_of_copy(struct db *db, struct arena *arena, int64_t account_id, int64_t from_id,
                   int64_t to_id, const struct mailbox_copied *copied, uint64_t max_waiting,
                   struct lesson_noted *out);
/* The keywords $Junk and $NotJunk: 1 spam, 0 ham; -1 neither, or both. */
int lesson_keyword_kind(const struct slice *keywords, size_t count);
/* Changes: any messages of a mailbox whose owner said so. id is not read. */
int lesson_put(struct db *db, const struct lesson *lesson, uint64_t max_waiting,
               struct lesson_noted *out);
/* Reading: the one that came first; -ENODATA. uids lie in the arena. */
int lesson_next(struct db *db, struct arena *arena, struct lesson *out);
/* Changes: it is learned. */
int lesson_end(struct db *db, int64_t id);
int lesson_remove_account(struct db *db, int64_t account_id);
/* Reading: messages that wait, of all accounts. */
int lesson_count(struct db *db, int64_t *count_out);

#endif
