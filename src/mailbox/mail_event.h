/* Mail events: what users did with messages over IMAP, for which a script is still to run
 * (RFC 6785), as rows.
 *
 * A mailbox names its script by the annotation /shared/imapsieve/script; one that has no such
 * annotation goes by that of the server. Whose mailbox it is, theirs is the script: of another's
 * none runs. The commit that changes the mailbox also notes the event, so that a crash loses none;
 * route/post_event.h runs the scripts behind the reply.
 *
 *   1. What a script does is no event.
 *   2. Events name messages by mailbox and UID. One that has gone meanwhile is passed over.
 *   3. At most max_waiting messages of an account wait; for what is more no script runs.
 *
 * Inside a closure. */
#ifndef VEREDUS_MAILBOX_MAIL_EVENT_H
#define VEREDUS_MAILBOX_MAIL_EVENT_H

#include "mailbox/mailbox.h"

#define MAIL_EVENT_SCRIPT "/shared/imapsieve/script"

enum mail_event_cause { MAIL_EVENT_APPEND, MAIL_EVENT_COPY, MAIL_EVENT_FLAG };

struct mail_event {
	int64_t id;
	int64_t account_id; /* whose mailbox and script it is */
	int64_t actor_id;   /* who did it */
	int64_t mailbox_id;
	enum mail_event_cause cause;
	struct slice flags; /* FLAG: that were changed, with spaces between */
	struct uid_set uids;
};

/* What became of something that may be an event. */
struct mail_event_noted {
	bool noted;    /* who runs scripts is to be woken */
	uint64_t lost; /* messages for which there was no room */
};

/* Reading: which script runs for what happens there, and whose it is; in the arena. -ENOENT: none.
 */
int mail_event_script(struct db *db, struct arena *arena, int64_t mailbox_id,
                      struct slice *name_out, int64_t *account_out);

/* Changes: account actor_id did this with messages of that mailbox. max_waiting 0: nothing is
 * noted. Adds to *out. */
int mail_event_note(struct db *db, struct arena *arena, const struct mail_event *event,
                    uint64_t max_waiting, struct mail_event_noted *out);

/* The same for flags, which are looked at before and after they are changed: messages whose flags
 * stay are no event. */
struct mail_event_flags {
	struct arena *arena;
	int64_t actor_id, mailbox_id;
	uint64_t max_waiting;
	/* its own */
	bool wanted;
	int64_t account_id;
	struct {
		uint32_t uid;
		uint64_t flags; /* before; then those that were changed */
	} * messages;
	size_t count, at, most;
};
int mail_event_flags_before(struct db *db, struct mail_event_flags *f, const struct uid_set *uids);
int mail_event_flags_after(struct db *db, struct mail_event_flags *f, struct mail_event_noted *out);

/* Reading: the first of the account that comes next behind that one, so that all have their turn;
 * -ENODATA: there is none behind it. */
int mail_event_next(struct db *db, struct arena *arena, int64_t after_account,
                    struct mail_event *out);
/* Changes: these are still to be done; none: the event goes. */
int mail_event_rest(struct db *db, int64_t id, const struct uid_set *uids);
int mail_event_remove_account(struct db *db, int64_t account_id);

#endif
