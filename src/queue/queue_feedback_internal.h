/* What the files of reports share. */
#ifndef VEREDUS_QUEUE_QUEUE_FEEDBACK_INTERNAL_H
#define VEREDUS_QUEUE_QUEUE_FEEDBACK_INTERNAL_H

#include "message/mime.h"
#include "queue/queue_feedback.h"
#include "queue/queue_internal.h"

#define FEEDBACK_DAY_MS (86400 * 1000LL)

enum {
	FEEDBACK_URIS_MAX = TLSRPT_URIS_MAX, /* that one report goes to */
	FEEDBACK_REPORTS_MAX = 4,            /* on one domain and day */
};

/* What is known while reports on one domain and day are made. */
struct feedback_making {
	struct queue *queue;
	struct arena *arena;
	const struct feedback_kind *kind;
	int64_t before_day, due_ms, spread_ms;
	int64_t day;
	struct slice domain;
	struct report_count *counts;
	size_t count_count;
	struct slice uris[FEEDBACK_URIS_MAX];
	size_t uri_count;
	struct report_row reports[FEEDBACK_REPORTS_MAX];
	size_t report_count;
};

struct spf_answer;

struct feedback_kind {
	const char *name; /* as the command line and the log have it */
	const struct config_feedback *(*config)(const struct config *c);
	/* Of kinds that count a day; the others leave out all up to is_report. Whom to tell, by the
	 * DNS. 0, -EAGAIN: not now, -ECANCELED. */
	int (*find_uris)(struct feedback_making *m);
	/* The reports, from the counts: body, successes, failures, and other parts of a summary
	 * than feedback_begin_report() has set. */
	void (*compose)(struct feedback_making *m);
	/* What mail with one has. */
	const char *media_type, *extension; /* of the attachment */
	/* Header fields besides the usual ones; NULL: none. */
	void (*put_fields)(struct buf *out, const struct report_row *row, const char *submitter);
	const char *multipart; /* the type of the message, with its parameters but boundary */
	const char *about;     /* what people read: "This is a report of us about ... a.test" */
	/* Reports of others: the part of a message that holds one, and its reading: it may take
	 * long. 0, or -EINVAL. */
	bool (*is_report)(const struct mime_part *part);
	size_t packed_bytes_max, text_bytes_max;
	int (*read)(struct arena *arena, struct slice text, struct report_summary *out);
};
extern const struct feedback_kind feedback_kind_tls, feedback_kind_dmarc, feedback_kind_failure;
const struct feedback_kind *feedback_kind_of(enum report_kind kind);
enum report_kind feedback_kind_number(const struct feedback_kind *kind);

/* Counts one more of something, today. Any worker. */
void feedback_count(struct queue *q, const struct feedback_kind *kind, struct slice domain,
                    struct slice policy, struct slice detail);

/* queue_feedback_counts.c: writes counts (struct report_count by any key), of those that are new
 * only as many as a day and a domain may have. */
struct hash;
int feedback_put_counts(struct queue *q, struct hash *counts);
/* Has it been told today that there were more? If not, it is told now. */
bool feedback_tells_full(struct queue_feedback *f, enum report_kind kind, int64_t day);

/* queue_feedback_make.c: makes reports of the counts of days before before_day, to be sent from
 * due_ms on, by up to spread_ms later. */
int feedback_make(struct queue *q, const struct feedback_kind *kind, int64_t before_day,
                  int64_t due_ms, int64_t spread_ms);
/* Another report of the domain; NULL: there are enough. */
struct report_row *feedback_begin_report(struct feedback_making *m);

/* queue_feedback_dmarc.c: whom the domain wants told, of a day or of single messages: those of rua=
 * or ruf= that agree. As find_uris. */
int feedback_dmarc_uris(struct feedback_making *m, bool failures);
/* What SPF found for the sender; NULL: it was not asked. */
const struct spf_answer *feedback_spf(struct trust_spf *spf, struct slice *domain_out);

/* queue_feedback_send.c: sends what is due, by HTTPS as much as there is time for. */
int feedback_send_due(struct queue *q, const struct feedback_kind *kind);
/* Whom reports come from: an address of ours. Parks the fiber. */
const char *feedback_from(struct queue *q, struct arena *arena, const struct feedback_kind *kind);

#endif
