/* What the files of the queue share. */
#ifndef VEREDUS_QUEUE_QUEUE_INTERNAL_H
#define VEREDUS_QUEUE_QUEUE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "fiber/fiber.h"
#include "queue/queue.h"
#include "queue/queue_agenda.h"
#include "queue/queue_convert.h"
#include "queue/queue_dsn.h"
#include "queue/queue_group.h"
#include "queue/queue_lease.h"
#include "queue/queue_notices.h"
#include "queue/queue_ready.h"
#include "queue/queue_table.h"

/* Jobs that ended and wait to be recorded; see queue_record.c. */
struct queue_recorder {
	pthread_mutex_t lock;
	struct list jobs;
	fiber_id fiber;
	atomic_uint waiting; /* jobs not recorded yet */
	atomic_bool ended;
};

/* What the operator takes back, for the feeder: queue_withdraw.c. */
struct queue_withdrawal {
	pthread_mutex_t lock;
	struct hash *messages; /* by their id; NULL: none */
};

/* See queue_clock.c. */
struct queue_clock {
	pthread_mutex_t lock;
	struct clock_watch watch;
	bool is_set;               /* and the rows do not know yet */
	int64_t by_ms, forward_ms; /* in all; the steps forward alone */
	int64_t corrected;         /* messages up to this one know; the feeder's */
};

/* A walk over the domains that mail waits for; the feeder's. See queue_scan.c. */
struct queue_scan {
	bool active;
	bool corrects;         /* dates that can't be, at the start and when the clock was set */
	char *after;           /* the last domain that was seen */
	int64_t began_ms;      /* monotonic */
	int64_t not_before_ms; /* monotonic: of the next one */
};

struct queue {
	struct queue_config config;
	struct queue_schedule schedule; /* queue_schedule_bounds() */
	struct queue_clock clock;
	struct queue_ready *ready;
	struct queue_agenda *agenda;
	struct queue_groups *groups;
	struct queue_scan scan;
	struct queue_recorder recorder;
	struct queue_withdrawal withdrawal;
	struct tls_client *tls_any, *tls_verified;
	struct sts *sts;
	struct queue_feedback *feedback;
	struct queue_failures *failures;
	atomic_int reports_read;                  /* at the moment: queue_feedback_receive.c */
	struct queue_verifier *_Atomic verifiers; /* queue_verify.c */
	struct queue_notices *notices;            /* the recorder's */
	struct queue_leases leases;
	struct semaphore **final_places; /* one a way; NULL where it leads to another host */
	atomic_uint *source_turns;       /* of section queue, then one a way: queue_source.h */
	_Atomic fiber_id feeder;
	atomic_bool added;                   /* since the feeder began to look for new rows */
	_Atomic int64_t scan_due_ms;         /* wall clock: when to look for domains anew */
	int64_t seen_message, seen_position; /* the newest row that was taken up; the feeder's */
	atomic_uint next_worker;
	atomic_int carriers; /* delivery fibers that run */
	_Atomic uint64_t relayed, deferred, bounced, connects, records;
};

/* Starts delivery fibers for destinations that want them. Any worker. */
void queue_dispatch(struct queue *q);

/* queue_withdraw.c: gives back to the table what is in memory and the operator wants. The feeder's,
 * so that no job of these messages is between the table and the lists. */
void queue_withdraw_now(struct queue *q);

/* queue_feed.c: the fiber that takes what is due from the table into memory. */
void queue_feed(void *queue);
/* A row of the domain is due then: the feeder is to know. Any worker. */
void queue_note_domain(struct queue *q, struct slice domain, int64_t due_ms);

/* A job is in memory: its destination has it, or it goes back to the table. */
void queue_put(struct queue *q, struct queue_job *job, int64_t now_ms);

/* queue_scan.c: begins a walk over all domains, from the first one. */
void queue_scan_begin(struct queue *q);
/* Goes on with it by a page. */
int queue_scan_go_on(struct queue *q);

/* queue_clock.c: corrects the dates of rows: at the start, and by the feeder when the wall clock
 * was set. */
int queue_clock_start(struct queue *q);
/* The latest date at which a recipient that is tried can be due. */
int64_t queue_clock_latest_due(const struct queue *q);
int queue_clock_follow(struct queue *q);
/* True while nothing should end because of a date. Any worker. */
bool queue_clock_is_doubtful(struct queue *q);

/* queue_verify.c: around queue_verify(). The first again for a configuration that takes the place
 * of another, before that is in force; not by two threads at once. */
void queue_verify_open(struct queue *q, const struct config *c);
void queue_verify_close(struct queue *q);

/* queue_policy.c: what holds for all hosts of a domain. 0, or a negative errno and *outcome: it
 * must not go there (5.7.10), or the wait has ended. */
int queue_policy_find(struct queue *q, const struct client_route *route, struct slice domain,
                      enum queue_tls_need need, struct arena *arena, int64_t deadline,
                      struct tls_policy_domain *out, struct smtp_outcome *outcome);

/* queue_suppress.c: recipients that mail of this sender does not go to any more are refused, and
 * moved to the front. Returns how many; *outcome is that of the last one. Parks the fiber. */
size_t queue_suppress(struct queue *q, struct queue_job *job, struct smtp_outcome *outcome);

/* queue_final.c: to a command or a file. As sending over a connection; parks the fiber. */
void queue_final_open(struct queue *q);
void queue_final_close(struct queue *q);
int queue_final_carry(struct queue *q, struct queue_job *job, struct smtp_outcome *outcome);

/* queue_deliver.c: the fiber of a connection. */
struct queue_carrier {
	struct queue *queue;
	struct queue_destination *destination;
};
/* Takes the carrier, from mem_alloc(). */
void queue_deliver(void *carrier);

/* queue_send.c: sends one message on a connection that is open, and notes in the job over which;
 * peer and tls are for its records. As smtp_client_send(). */
int queue_deliver_one(struct queue *q, struct smtp_client *client, struct slice peer,
                      struct slice tls, struct queue_job *job, struct smtp_outcome *outcome);

/* queue_record.c: hands a job over, with its ends judged. Any worker. */
void queue_record_put(struct queue *q, struct queue_job *job);
/* The message goes on in another transaction: who of the first `end` recipients has it is handed
 * over before, so that a crash sends it to none of these again. Returns how many left the job.
 * Parks the fiber while the recorder is behind. */
size_t queue_record_part(struct queue *q, struct queue_job *job, size_t end);
/* True while so many jobs wait to be recorded that no new one should be carried: if records can't
 * be written, mail must not go out either (invariant 4). */
bool queue_record_is_behind(struct queue *q);
void queue_record_run(void *queue);

/* queue_report.c: DSNs of a job that is about to be recorded. */
struct queue_report {
	struct queue_report *next; /* of another action */
	struct arena *arena;
	struct post_client client;
	struct post_envelope envelope;
	struct post_parcel *parcel;
	const struct queue_job *about; /* a DSN about it; NULL: the message itself */
	enum queue_dsn_action action;  /* of a DSN */
	struct blob_view view;         /* of the message, if it goes on as it is */
	bool has_view;
	struct queue_message_form form; /* of that, where a mailbox can't have it so */
	bool has_form;
};
/* queue_release.c: the message itself, whose hold is over, and the ends of its recipients. 0 with
 * *out unchanged if there is nobody to get it now. -EAGAIN: not now. */
int queue_release_prepare(struct queue *q, struct queue_job *job, struct queue_report **out);
/* Prepares what the sender must be told, on a fiber; *out is NULL if nothing. -EAGAIN: not now. */
int queue_report_prepare(struct queue *q, struct queue_job *job, struct queue_report **out);
/* The blobs that it brings to the commit. */
size_t queue_report_blob_count(const struct queue_report *r);
void queue_report_blobs(const struct queue_report *r, struct store_blob *out);
/* Inside the commit, with its blobs now named. */
int queue_report_commit(struct db *db, struct queue_report *r, const struct store_blob *blobs);
/* Tells who must know, if it was committed, and frees it. */
void queue_report_end(struct queue_report *r, bool committed);

#endif
