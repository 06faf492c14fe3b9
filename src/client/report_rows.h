/* Reports about a day of mail in the store: what is counted for those that we send, and all that
 * were made and received. Their kinds differ in what is counted and how it is written: client/
 * tlsrpt.h (RFC 8460) and trust/dmarc_report.h (RFC 9990). */
#ifndef VEREDUS_CLIENT_REPORT_ROWS_H
#define VEREDUS_CLIENT_REPORT_ROWS_H

#include "message/report_file.h"
#include "store/db.h"

/* Kept in the database by number. REPORT_DMARC_FAILURE: on a single message (RFC 9991). */
enum report_kind { REPORT_TLS, REPORT_DMARC, REPORT_DMARC_FAILURE, REPORT_KINDS };

enum {
	REPORT_RECEIVED_MAX = 1000, /* of a kind, that are kept */
	REPORT_ROWS_MAX = 2000,     /* counts in a report of ours */
};

/* How often something was seen on a day (UTC, since 1970). policy: of the domain then; detail: what
 * it was. Both are JSON, equal for equal things. */
struct report_count {
	enum report_kind kind;
	int64_t day, count;
	struct slice domain, policy, detail;
};

struct report_row {
	int64_t id;
	enum report_kind kind;
	bool sent; /* by us; else received */
	struct report_summary summary;
	int64_t at_ms;  /* made or received */
	int64_t due_ms; /* of ours: when it is to be sent; 0: it has been, or was given up */
	int64_t attempts;
	struct slice peer;  /* where to (a URI), or who from */
	struct slice state; /* what became of it, for people */
	struct slice body;  /* JSON or XML */
};

/* Inside commits. */
int report_count_add(struct db *db, const struct report_count *c);
/* The same if there is such a row: 1, else 0. */
int report_count_raise(struct db *db, const struct report_count *c);
/* How many rows a day has, of one domain or, if that is empty, of all; at most limit. */
int report_count_rows(struct db *db, enum report_kind kind, int64_t day, struct slice domain,
                      int64_t limit, int64_t *count_out);
int report_count_remove(struct db *db, enum report_kind kind, int64_t day, struct slice domain);
int report_row_put(struct db *db, const struct report_row *row);
int report_row_update(struct db *db, const struct report_row *row);
/* Of those received only the newest stay. */
int report_row_limit(struct db *db, enum report_kind kind);
/* Of ours to a peer, since then. */
int report_row_count(struct db *db, enum report_kind kind, struct slice peer, int64_t since_ms,
                     int64_t *count_out);
int report_expire(struct db *db, enum report_kind kind, int64_t before_ms);
/* All of ours that wait are due then. */
int report_row_hurry(struct db *db, enum report_kind kind, int64_t now_ms);

/* Inside reads. The next domain with counts, behind one (day, domain), of days before before_day;
 * -ENODATA: no more. */
int report_count_next(struct db *db, struct arena *arena, enum report_kind kind, int64_t before_day,
                      int64_t *day, struct slice *domain);
/* Its counts, at most REPORT_ROWS_MAX, those of one policy one after the other. */
typedef void (*report_count_visit)(struct slice policy, struct slice detail, int64_t count,
                                   void *arg);
int report_count_each(struct db *db, enum report_kind kind, int64_t day, struct slice domain,
                      report_count_visit visit, void *arg);
/* Visits rows behind an id, oldest first: at most limit. */
typedef int (*report_visit)(const struct report_row *row, void *arg);
int report_row_each(struct db *db, enum report_kind kind, int64_t after, int64_t limit,
                    report_visit visit, void *arg);
/* One of ours that is due by then, in the arena; only_mail: of those that go by mail. -ENODATA if
 * there is none. */
int report_row_due(struct db *db, struct arena *arena, enum report_kind kind, bool only_mail,
                   int64_t now_ms, struct report_row *out);

#endif
