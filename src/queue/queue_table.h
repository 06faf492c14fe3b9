/* The queue's rows: taking leases and recording ends. All functions run inside a commit, but
 * queue_table_page(), which makes one. Invariants: queue.h. */
#ifndef VEREDUS_QUEUE_QUEUE_TABLE_H
#define VEREDUS_QUEUE_QUEUE_TABLE_H

#include "client/client_choose.h"
#include "queue/queue_agenda.h"
#include "queue/queue_group.h"
#include "queue/queue_lease.h"
#include "queue/queue_ready.h"
#include "store/db.h"
#include "store/store.h"

/* Values of queue_recipient.asked: what the operator wishes. */
enum queue_asked {
	QUEUE_ASKED_NOW = 1,  /* tried now, whatever its destination's pause */
	QUEUE_ASKED_BACK = 2, /* returned to its sender */
	/* As NOW, but it was being tried already, and who asks may know better than that attempt:
	 * should it fail there is another one at once. */
	QUEUE_ASKED_AGAIN = 3,
};

/* A domain whose rows are looked at. */
struct queue_page_domain {
	struct slice name;
	size_t max_rows;
	size_t rows, leased; /* out */
	int64_t next_due_ms; /* out: of its next row; QUEUE_NEVER_MS: there is none */
};

/* One page of rows that are due. */
struct queue_page {
	/* in */
	struct queue_ready *ready;
	struct queue_groups *groups;
	struct queue_agenda *agenda;       /* hears when domains are due again */
	struct queue_page_domain *domains; /* for queue_table_page() */
	size_t domain_count;
	const struct config *config;   /* for client_choose() */
	const char *owner;             /* of leases on what was added */
	struct queue_lease_name taken; /* of those on what waited */
	int64_t now_ms;
	int64_t latest_due_ms;   /* the latest date that a row can be due at */
	bool dates_are_doubtful; /* nothing expires */
	unsigned max_rows;
	/* in and out, for queue_table_new() and queue_table_turn(): the last row that was seen */
	int64_t seen_message, seen_position;
	/* out */
	struct list jobs;     /* leased; the key of their destination is job->key */
	struct list expired;  /* leased; to be recorded as QUEUE_END_EXPIRED */
	struct list released; /* leased; their hold is over */
	bool full;            /* there may be more at once */
};

/* Takes leases on what is due for its domains, as far as the destinations admit it; puts off the
 * rest. Makes a commit. On failure nothing was leased and all lists are empty; the domains are due
 * still. */
int queue_table_page(struct store *store, struct queue_page *page);
/* The same for rows that were added since, which are leased to us already: mostly a read only. On
 * failure they will be read again. */
int queue_table_new(struct store *store, struct queue_page *page);

/* In a commit: rows of the domain that are due later than any can be, as a clock was ahead that
 * wrote them, are due now; then so is *due_ms. */
int queue_table_correct(struct db *db, struct slice domain, int64_t latest_ms, int64_t now_ms,
                        int64_t *due_ms);

/* Is there a way to a domain whose mail may be fetched, so that it need not wait? */
bool queue_table_has_way(const struct config *config, const struct client_errand *errand);
/* A row if any of domain $1 is not held: one that waits, or has a lease of the names $2 and $3.
 * What names no lease is not found by the index. */
#define QUEUE_TABLE_WAITS                                                                          \
	"SELECT 1 FROM queue_recipient WHERE domain = $1 AND held = 0"                             \
	" AND (lease_owner IS NULL OR lease_owner IN ($2, $3)) LIMIT 1"
/* Takes leases on what waits for a domain behind the row that was seen last, due or not, for a
 * connection that the domain's host opened. As queue_table_page(), but in the order of rows. */
int queue_table_turn(struct store *store, struct slice domain, struct queue_page *page);

/* Records the ends of a job's recipients: rows, the message row and blob with the last of them
 * (invariants 1 and 2), journeys. The DSN is the caller's. */
struct queue_recorded {
	size_t gone;  /* rows of recipients that end; one that the operator dropped isn't there */
	bool due_now; /* as the operator wishes: one that was put off is due at once */
};
int queue_table_record(struct db *db, const struct queue_job *job, struct queue_recorded *out);

/* Deletes a message without recipients and gives up its blob. */
int queue_table_clean(struct db *db, int64_t message);

#endif
