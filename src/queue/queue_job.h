/* Jobs: what is leased and lies in memory.
 *
 * A job is a message with those of its recipients that can go in one transaction: the same
 * destination, the same header fields put before. It is made when its lease is taken, waits in
 * its destination's ready list, is carried by a delivery fiber, and ends with the recorder. It
 * has one owner at a time, and with it all that its arena holds. */
#ifndef VEREDUS_QUEUE_QUEUE_JOB_H
#define VEREDUS_QUEUE_QUEUE_JOB_H

#include "base/list.h"
#include "client/smtp_client.h"
#include "queue/queue_schedule.h"
#include "queue/queue_tls.h"
#include "route/post.h"
#include "store/store.h"

/* What is to be recorded of a recipient. */
enum queue_end {
	QUEUE_END_RETURNED, /* not tried: due again at due_ms, nothing else changes */
	QUEUE_END_RELAYED,  /* the remote has it */
	QUEUE_END_DEFERRED, /* tried, due again at due_ms */
	QUEUE_END_FAILED,   /* tried, never again: a DSN */
	QUEUE_END_EXPIRED,  /* its time is over: a DSN */
	QUEUE_END_RELEASED, /* its hold is over: it goes through the post office again */
};

/* What a recipient has besides what goes over the wire. */
struct queue_target {
	int64_t position; /* of its row */
	struct slice domain;
	struct slice
		way; /* the domain whose way it goes: where the operator sends it, or its own */
	unsigned attempts; /* before this one */
	bool asked;        /* the operator wants it now */
	bool delay_told;   /* of a delay, before */
	bool tell_delay;   /* a report about it goes with this record */
	bool withheld;     /* its sender had too many reports: queue_digest.h */
	enum queue_end end;
	enum post_verdict verdict; /* with RELEASED */
	int64_t due_ms;
};

struct queue_job {
	struct list link;
	struct arena *arena;

	int64_t message;   /* queue_message.id */
	const char *lease; /* the name that it is leased to */
	unsigned era;      /* queue_lease_name() */
	char queue_id[17];
	struct slice message_id;
	struct slice reverse_path;
	int64_t blob_id;
	struct blob_place place;
	uint64_t skip_bytes, size_bytes;
	int64_t arrived_ms, expires_ms;
	struct queue_schedule schedule; /* of its way */
	bool dates_are_doubtful;        /* the clock was set just now: it does not expire */
	bool smtputf8, body_8bit, body_binary;
	char ret;
	struct slice envid;
	struct envelope_options options;
	struct slice prefix;
	struct slice domain;                          /* of the recipients, for finding the MX */
	const struct config_suppression *suppression; /* of its sender; or NULL */
	struct slice account;                         /* that handed it in, or empty */
	const struct config_smarthost *way;           /* client_choose() */
	struct slice key; /* of the destination: queue_tls_key() of client_choose_key() */
	enum queue_tls_need tls_need;
	bool is_release;   /* the hold is over: it is not carried, see queue_release.c */
	bool is_sent_back; /* not to be tried: the operator returns it */
	bool is_expired;   /* not to be tried: its destination pauses, and its time is over */

	struct smtp_client_recipient *wire; /* one a recipient */
	struct queue_target *targets;       /* likewise */
	size_t count, capacity;

	unsigned moves; /* to another destination, as its domain's hosts were found to be others */

	size_t suppressed;            /* so many at the front are not sent: queue_suppress() */
	size_t part_from, part_count; /* recipients in the transaction that is being made */

	/* Of the attempt. */
	int64_t ended_ms;
	struct slice peer;                    /* "mx.example.test (192.0.2.1:25)", or empty */
	struct slice tls;                     /* "TLSv1.3 TLS_AES_256_GCM_SHA384", or empty */
	struct slice from;                    /* our address, if it was chosen; or empty */
	bool remote_does_dsn, remote_does_by; /* it knows these extensions */
	/* Its part of a rate is used: of its way's, and of the destination's that it is in. */
	bool is_counted, is_counted_there;
	bool retried; /* on a second connection, since the first was stale */
};

/* An empty job with its arena. */
struct queue_job *queue_job_new(void);
void queue_job_free(struct queue_job *job);
/* Room for one more recipient; wire and target are cleared. Returns its index. */
size_t queue_job_add(struct queue_job *job);

/* As if nothing had been tried. */
void queue_job_begin_anew(struct queue_job *job);

/* Of the first `end` recipients those that have the message, in a job of their own; NULL: there are
 * none. Those stay of whom the sender wants to hear, so that one report tells of all. */
struct queue_job *queue_job_take_relayed(struct queue_job *job, size_t end);

/* Sets the ends of all recipients from their outcomes. Those that failed for a while are due by
 * their own schedule (pause_ms of how often it was tried), or at host_due_ms if that is not 0. */
void queue_job_judge(struct queue_job *job, int64_t now_ms, int64_t host_due_ms);
/* The operator returns it: failed. Or its time is over before it was tried: expired, or, where the
 * sender only wants to hear that it is late (BY=...;N), deferred once more. */
void queue_job_end_untried(struct queue_job *job, int64_t now_ms);
/* It is to be returned now: BY=...;R. */
bool queue_job_is_late(const struct queue_job *job, int64_t now_ms);
/* What decides when a recipient is to be looked at, at the latest. */
struct queue_job_dates {
	const struct envelope_options *options;
	const struct queue_schedule *schedule;
	unsigned notify;
	bool delay_told;
	int64_t arrived_ms, expires_ms;
};
/* Of recipient i. */
struct queue_job_dates queue_job_dates(const struct queue_job *job, size_t i);
/* When its sender is to be told of a delay; INT64_MAX: never. */
int64_t queue_job_delay_at(const struct queue_job_dates *dates);
/* Until when something happens to a recipient of the job, which need not be added yet: it expires,
 * or its sender is to be told that it is late. */
int64_t queue_job_limit(const struct queue_job_dates *dates);
/* None was tried: all are due at due_ms, or expired if their time is over. */
void queue_job_return(struct queue_job *job, int64_t now_ms, int64_t due_ms,
                      const struct smtp_outcome *why);

#endif
