/* Queue rows: how a message enters the queue. The queue itself (schedule, leases, delivery) lies
 * above; the receiving commit writes rows through this. */
#ifndef VEREDUS_ROUTE_QUEUE_ROWS_H
#define VEREDUS_ROUTE_QUEUE_ROWS_H

#include "store/db.h"

struct queue_new_recipient {
	struct slice forward_path; /* local@domain */
	struct slice domain;       /* canonical */
	unsigned notify;           /* enum post_notify */
	struct slice orcpt;
	struct slice prefix; /* header fields to put before the message for this recipient,
	                        such as Delivered-To of the alias that sent it out; or empty */
};

/* What the next host must know to take it as it is; kept in column body_8bit by number. */
enum queue_body { QUEUE_BODY_7BIT, QUEUE_BODY_8BIT, QUEUE_BODY_BINARY };

struct queue_new_message {
	struct slice queue_id; /* 16 characters */
	struct slice message_id;
	struct slice reverse_path;
	struct slice account;    /* canonical address of who handed it in; empty: nobody */
	int64_t blob_id;         /* retained once by queue_add_message() */
	uint64_t skip_bytes;     /* at the front of the blob that are not sent on: the Return-Path
	                            field, which only final delivery adds (RFC 5321 4.4) */
	uint64_t size_bytes;     /* of the blob */
	int64_t now_ms;          /* wall clock */
	int64_t due_ms;          /* first attempt */
	bool held;               /* until due_ms, as the sender wanted it */
	bool on_hold;            /* until the operator releases it */
	const char *lease_owner; /* who has it from the start; NULL: nobody */
	int64_t expires_ms;
	bool smtputf8;
	enum queue_body body;
	struct slice envid;
	char ret;
	struct slice options; /* envelope_options_text() */
	const struct queue_new_recipient *recipients;
	size_t recipient_count;
};

/* Inside a commit. */
int queue_add_message(struct db *db, const struct queue_new_message *message);

#endif
