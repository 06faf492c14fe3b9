/* What the files share that read the table: the rows of a page, and what becomes of them. */
#ifndef VEREDUS_QUEUE_QUEUE_ROW_H
#define VEREDUS_QUEUE_QUEUE_ROW_H

#include "queue/queue_table.h"
#include "route/queue_rows.h"

/* Columns of QUEUE_ROW_COLUMNS. */
enum queue_column {
	COL_MESSAGE,
	COL_POSITION,
	COL_PATH,
	COL_DOMAIN,
	COL_NOTIFY,
	COL_ORCPT,
	COL_PREFIX,
	COL_ATTEMPTS,
	COL_ASKED,
	COL_DELAY_TOLD,
	COL_QUEUE_ID,
	COL_MESSAGE_ID,
	COL_REVERSE_PATH,
	COL_BLOB,
	COL_SKIP,
	COL_SIZE,
	COL_ARRIVED,
	COL_EXPIRES,
	COL_UTF8,
	COL_8BIT,
	COL_RET,
	COL_ENVID,
	COL_OPTIONS,
	COL_SEGMENT,
	COL_BLOB_POSITION,
	COL_LENGTH,
	COL_FETCHED,
	COL_ACCOUNT,
	COL_HELD,
	COL_REROUTE,
};

#define QUEUE_ROW_COLUMNS                                                                          \
	"r.queue_message_id, r.position, r.forward_path, r.domain, r.notify, r.orcpt, r.prefix,"   \
	" r.attempts, r.asked, r.delay_told, m.queue_id, m.message_id, m.reverse_path, m.blob_id," \
	" m.skip_bytes, m.size_bytes, m.arrived_ms, m.expires_ms, m.smtputf8, m.body_8bit, m.ret," \
	" m.envid, m.options, b.segment, b.position, b.length,"                                    \
	" EXISTS (SELECT 1 FROM fetch_domain f WHERE f.domain = r.domain),"                        \
	" m.account, r.held, r.reroute"
#define QUEUE_ROW_TABLES                                                                           \
	" FROM queue_recipient r JOIN queue_message m ON m.id = r.queue_message_id"                \
	" LEFT JOIN blob b ON b.id = m.blob_id"

/* A due row that is not leased, as its destination does not take it now. */
struct queue_put_off {
	int64_t message, position, due_ms;
	struct slice domain;
	struct queue_trouble why;
};

/* A page that is being read. */
struct queue_reading {
	struct queue_page *page;
	const char *lease;   /* that the rows have; "": none */
	struct slice domain; /* for queue_table_turn() */
	int64_t from_message, from_position;
	struct arena *arena;
	struct queue_put_off *put_off;
	size_t put_off_count;
	struct queue_job **jobs; /* made so far, newest last */
	size_t job_count;
	unsigned rows;
};

/* --- queue_row.c: one row ------------------------------------------------------------- */

struct envelope_options queue_row_options(const struct db_rows *rows);
/* Whose way it goes. Slices lie in the row. */
struct client_errand queue_row_errand(const struct db_rows *rows);
/* When something happens to it, whatever its destination does. */
int64_t queue_row_limit(const struct db_rows *rows, const struct queue_page *p,
                        const struct config_smarthost *way, const struct envelope_options *options);
/* The row's message as a job without recipients, for that destination. */
struct queue_job *queue_row_job(const struct db_rows *rows, const struct queue_reading *r,
                                struct slice key);
/* The row's recipient goes with the job. */
void queue_row_add(struct queue_job *job, const struct db_rows *rows);
/* As the column has it: "" for none. */
const char *queue_row_status(struct smtp_enhanced e, char out[static SMTP_ENHANCED_TEXT_MAX]);

/* --- queue_judge.c: what becomes of it ------------------------------------------------ */

/* Puts it into one of the page's lists, by the operator's wish, its dates and whether its
 * destination admits it; or among those that are put off. */
void queue_row_judge(struct queue_reading *r, const struct db_rows *rows);
/* It goes with the page's jobs for that destination. expired_why: it is not to be tried, as its
 * time is over; NULL: it is. */
struct queue_job *queue_row_lease(struct queue_reading *r, const struct db_rows *rows,
                                  struct slice key, const struct slice *expired_why);

#endif
