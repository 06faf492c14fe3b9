/* What failed for good, and what came back of it later, as rows: `veredus bounces`. Inside
 * closures. */
#ifndef VEREDUS_ROUTE_BOUNCE_ROWS_H
#define VEREDUS_ROUTE_BOUNCE_ROWS_H

#include "message/bounce_class.h"
#include "store/db.h"

/* Who said so. Kept in the database by number: new ones go to the end. */
enum bounce_source {
	BOUNCE_SOURCE_REPLY,     /* the next host, to our delivery; or we gave up */
	BOUNCE_SOURCE_REPORT,    /* a report that came back */
	BOUNCE_SOURCE_COMPLAINT, /* the same, of a recipient who takes it for spam */
};

struct bounce_row {
	int64_t id; /* out */
	int64_t at_ms;
	struct slice queue_id;  /* of the message that it is about */
	struct slice sender;    /* its reverse-path */
	struct slice account;   /* that handed it in, or empty */
	struct slice recipient; /* as it was sent to */
	enum bounce_class class;
	enum bounce_source source;
	struct slice status;    /* "5.1.1" or empty */
	struct slice reporter;  /* the host that said so, or empty */
	struct slice text;      /* what it said */
	struct slice report_id; /* queue id of the report, or empty */
};

/* "reply", "report", "complaint" */
const char *bounce_source_name(enum bounce_source source);

int bounce_row_add(struct db *db, const struct bounce_row *row);
/* Those that came before are forgotten, some at a time; as journey_expire(). */
int bounce_row_expire(struct db *db, int64_t before_ms, int64_t *count_out);

struct bounce_filter {
	int class;           /* enum bounce_class, or -1 */
	struct slice sender; /* an address, "@domain", or the account; empty: any */
	struct slice to;     /* an address or "@domain" */
	struct slice queue_id;
	int64_t since_ms;
	int64_t before_id; /* older than this row; 0: from the newest */
};
typedef int (*bounce_visit)(const struct bounce_row *row, void *arg);
/* The newest first; slices are valid until visit returns. Non-zero from visit stops, and is handed
 * on. */
int bounce_row_each(struct db *db, const struct bounce_filter *filter, bounce_visit visit,
                    void *arg);

#endif
