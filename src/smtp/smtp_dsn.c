/* Reports of success for recipients whose way ends here: RFC 3461 section 5.2.
 *
 * Into a mailbox of ours is "delivered". An alias to several is "expanded", once: its members are
 * nobody's business (section 5.2.7.3), so no report of success names them. One that leads to a
 * single address elsewhere, like any other recipient elsewhere, takes its NOTIFY along: the next
 * host tells, or the queue does. Both name the recipient as the sender knows it. */
#include <errno.h>

#include "base/log.h"
#include "queue/queue_dsn.h"
#include "route/post_parcel.h"
#include "smtp/smtp_session.h"

struct smtp_told {
	struct smtp_told *next;
	enum queue_dsn_action action;
	struct slice address, orcpt;
	size_t at;    /* of the transaction's recipients */
	bool is_held; /* it is in quarantine for that one */
};

void smtp_dsn_note(struct smtp_transaction *t, struct post_recipient *r, enum post_verdict verdict)
{
	if (verdict != POST_LOCAL && verdict != POST_LIST)
		return;
	struct smtp_told *told = ARENA_NEW(t->arena, struct smtp_told);
	const struct address a = { .local = r->local, .domain = r->domain };
	told->action = verdict == POST_LIST ? DSN_EXPANDED : DSN_DELIVERED;
	told->address = address_text(t->arena, &a);
	told->orcpt = r->orcpt;
	told->at = (size_t)(r - t->recipients);
	told->next = t->told;
	t->told = told;
	t->told_count++;
	r->notify &= ~(unsigned)NOTIFY_SUCCESS;
	if (r->notify == 0)
		r->notify = NOTIFY_NEVER;
}

void smtp_dsn_narrow(struct smtp_transaction *t, const struct post_recipient *only)
{
	const struct address a = { .local = only->local, .domain = only->domain };
	struct slice address = address_text(t->arena, &a);
	const struct smtp_told *told = t->told;
	while (told && !slice_equal(told->address, address))
		told = told->next;
	t->told = NULL;
	t->told_count = 0;
	if (!told)
		return;
	t->told = ARENA_NEW(t->arena, struct smtp_told);
	*t->told = *told;
	t->told->at = 0;
	t->told->next = NULL;
	t->told_count = 1;
}

void smtp_dsn_hold(struct smtp_transaction *t, const struct post_hold *hold)
{
	for (struct smtp_told *told = t->told; told; told = told->next) {
		struct post_recipient *r = &t->recipients[told->at];
		told->is_held = hold || r->hold;
		if (told->is_held && told->action == DSN_DELIVERED)
			r->notify = (r->notify & ~(unsigned)NOTIFY_NEVER) | NOTIFY_SUCCESS;
	}
}

static struct slice smtp_dsn_compose(const struct smtp_session *s, enum queue_dsn_action action,
                                     const char *queue_id, struct slice message, bool *is_8bit)
{
	const struct smtp_transaction *t = s->transaction;
	struct queue_dsn_recipient *recipients = ARENA_ARRAY(t->arena, t->told_count,
	                                                     struct queue_dsn_recipient);
	int64_t now_ms = clock_wall_ms();
	struct queue_dsn dsn = {
		.action = action,
		.hostname = s->config->hostname,
		.reverse_path = address_text(t->arena, &t->sender),
		.queue_id = slice_from_str(queue_id),
		.envid = t->envid,
		.message = message,
		.smtputf8 = t->smtputf8,
		.ret = t->ret,
		.arrived_ms = now_ms,
		.now_ms = now_ms,
		.recipients = recipients,
	};
	for (const struct smtp_told *told = t->told; told; told = told->next) {
		if (told->action != action || told->is_held)
			continue;
		recipients[dsn.recipient_count++] = (struct queue_dsn_recipient){
			.address = told->address,
			.orcpt = told->orcpt,
			.status = { 2, 1, 5 },
			.text = action == DSN_EXPANDED ? SLICE("It stands for several addresses.")
			                               : SLICE("It is in the mailbox."),
		};
	}
	return dsn.recipient_count > 0 ? queue_dsn_compose(t->arena, &dsn, is_8bit) : SLICE_EMPTY;
}

static int smtp_dsn_add(struct smtp_session *s, enum queue_dsn_action action, const char *queue_id,
                        struct slice message, struct smtp_dsn *dsn)
{
	bool is_8bit = false;
	struct slice text = smtp_dsn_compose(s, action, queue_id, message, &is_8bit);
	if (text.len == 0)
		return 0;
	struct post_envelope *envelope = &dsn->envelopes[dsn->count];
	*envelope = (struct post_envelope){ .recipients = &dsn->recipient,
		                            .recipient_count = 1,
		                            .smtputf8 = s->transaction->smtputf8,
		                            .options = envelope_options_of_report(
						    &s->transaction->options),
		                            .body_8bit = is_8bit };
	int rc = post_parcel_new(s->context->post, &dsn->client, envelope, text,
	                         &dsn->parcels[dsn->count]);
	if (rc == 0) {
		dsn->count++;
		return 0;
	}
	if (rc == -EAGAIN)
		return rc;
	/* The message is as welcome from somebody who can't be told. */
	log_info("smtp.dsn.undeliverable", kv_str("queue_id", queue_id),
	         kv_slice("to", address_text(s->transaction->arena, &s->transaction->sender)),
	         kv_error(rc));
	return 0;
}

int smtp_dsn_prepare(struct smtp_session *s, const char *queue_id, struct slice message,
                     struct smtp_dsn *out)
{
	const struct address *sender = &s->transaction->sender;
	*out = (struct smtp_dsn){
		.client = { .helo = "", .may_relay = true },
		.recipient = { .local = sender->local,
		               .domain = sender->domain,
		               .notify = NOTIFY_NEVER },
	};
	/* RFC 3461 section 5.2: nobody is told of a message without a sender. */
	if (address_is_null(sender))
		return 0;
	int rc = smtp_dsn_add(s, DSN_DELIVERED, queue_id, message, out);
	if (rc == 0)
		rc = smtp_dsn_add(s, DSN_EXPANDED, queue_id, message, out);
	if (rc < 0)
		smtp_dsn_end(out, false);
	return rc;
}

void smtp_dsn_end(struct smtp_dsn *dsn, bool committed)
{
	for (size_t i = 0; i < dsn->count; i++)
		post_parcel_end(dsn->parcels[i], committed);
	dsn->count = 0;
}
