#include "route/queue_rows.h"

#include <errno.h>

#include "store/store.h"

static int queue_add_recipient(struct db *db, int64_t message, size_t position,
                               const struct queue_new_message *m)
{
	const struct queue_new_recipient *r = &m->recipients[position];
	return db_run(db,
	              "INSERT INTO queue_recipient (queue_message_id, position, forward_path,"
	              " domain, notify, orcpt, prefix, due_ms, lease_owner)"
	              " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
	              "iittittis", message, (int64_t)position, r->forward_path, r->domain,
	              (int64_t)r->notify, r->orcpt, r->prefix, m->due_ms, m->lease_owner);
}

int queue_add_message(struct db *db, const struct queue_new_message *m)
{
	int64_t id;
	int rc = db_insert(db, &id,
	                   "INSERT INTO queue_message (queue_id, message_id, reverse_path, blob_id,"
	                   " skip_bytes, size_bytes, arrived_ms, expires_ms, smtputf8, body_8bit,"
	                   " ret, envid, options, account)"
	                   " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,"
	                   " $14)",
	                   "tttiiiiiiitttt", m->queue_id, m->message_id, m->reverse_path,
	                   m->blob_id, (int64_t)m->skip_bytes, (int64_t)m->size_bytes, m->now_ms,
	                   m->expires_ms, (int64_t)m->smtputf8, (int64_t)m->body,
	                   slice_of(&m->ret, m->ret ? 1 : 0), m->envid, m->options, m->account);
	if (rc < 0)
		return rc;
	for (size_t i = 0; i < m->recipient_count; i++) {
		rc = queue_add_recipient(db, id, i, m);
		if (rc < 0)
			return rc;
	}
	/* Not in the statement above: next to none are held. */
	if (m->held) {
		rc = db_run(db, "UPDATE queue_recipient SET held = 2 WHERE queue_message_id = $1",
		            "i", id);
		if (rc < 0)
			return rc;
	}
	/* As `veredus queue hold` does it. */
	if (m->on_hold) {
		rc = db_run(db,
		            "UPDATE queue_recipient SET held = 1, due_ms = $2"
		            " WHERE queue_message_id = $1",
		            "ii", id, INT64_MAX);
		if (rc < 0)
			return rc;
	}
	return blob_retain(db, m->blob_id, 1);
}
