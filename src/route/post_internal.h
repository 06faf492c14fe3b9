/* What the files of the post office share. */
#ifndef VEREDUS_ROUTE_POST_INTERNAL_H
#define VEREDUS_ROUTE_POST_INTERNAL_H

#include "route/batv.h"
#include "route/post.h"
#include "route/queue_id.h"
#include "route/resolve.h"

enum { POST_OWNER_LEN = 16 };

struct post {
	struct post_config config;
	struct srs *srs;                  /* NULL: senders are not rewritten */
	struct batv *batv;                /* NULL: they get no tags */
	struct post_sieve *_Atomic sieve; /* NULL: scripts are not run */
	struct queue_id_source ids;
	char owner[POST_OWNER_LEN + 1];
	_Atomic int64_t searched_ms,
		unsought_ms; /* what reports are about: see post_bounce_find.c */
	_Atomic uint64_t results[POST_FAILED + 1]; /* of post_deliver() */
	_Atomic uint64_t bytes, mailboxes, queued, held, released;
	_Atomic uint64_t events, event_errors, events_lost; /* messages, of post_event.h */
};

/* As the configuration has them now. */
struct route_limits post_limits(const struct post *p);

/* Which of those that the recipients lead to. */
enum post_scope { POST_ALL, POST_MAILBOXES, POST_ELSEWHERE };
enum post_result post_deliver_to(struct post *p, const struct post_client *client,
                                 const struct post_envelope *envelope, struct slice trace,
                                 struct slice message, enum post_scope scope,
                                 char queue_id_out[static 17]);
/* As post_parcel_new(); -ENODATA: nobody is within the scope. */
int post_parcel_to(struct post *p, const struct post_client *client,
                   const struct post_envelope *envelope, struct slice trace, struct slice message,
                   enum post_scope scope, struct post_parcel **out);

/* post_feedback.c: if it is for an address for reports, somebody reads it. */
void post_tell_report(const struct post *p, const struct post_envelope *envelope,
                      struct slice trace, struct slice message);

/* post_binary.c: as post_deliver(), for a message with body_binary. */
enum post_result post_deliver_binary(struct post *p, const struct post_client *client,
                                     const struct post_envelope *envelope, struct slice trace,
                                     struct slice message, char queue_id_out[static 17]);

/* post_part.c: is some of the recipients' mail to be held, and not that of others? */
bool post_is_parted(const struct post_envelope *envelope);
/* As post_deliver(), for such a message. */
enum post_result post_deliver_parted(struct post *p, const struct post_client *client,
                                     const struct post_envelope *envelope, struct slice trace,
                                     struct slice message, char queue_id_out[static 17]);

/* post_unix.c: false if a transport has the mail that writes files of Unix users, and this is none
 * of them. Parks the fiber. */
bool post_unix_user_is_known(const struct post *p, struct arena *arena,
                             const struct address *address);

#endif
