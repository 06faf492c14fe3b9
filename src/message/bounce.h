/* Messages that say what became of another one: delivery status notifications (RFC 3464, 6533),
 * complaints (ARF, RFC 5965), and what hosts wrote before there was a form for it.
 *
 * What a report says is what a stranger says. It is bounded here; whether to believe it is for who
 * finds the message that it is about (route/post_bounce.c). */
#ifndef VEREDUS_MESSAGE_BOUNCE_H
#define VEREDUS_MESSAGE_BOUNCE_H

#include "base/arena.h"
#include "message/limits.h"

enum bounce_form {
	BOUNCE_NONE,
	BOUNCE_DSN,       /* multipart/report with a message/delivery-status */
	BOUNCE_COMPLAINT, /* multipart/report with a message/feedback-report */
	BOUNCE_QMAIL,     /* QSBMF: "Hi. This is the ..." */
	BOUNCE_EXIM,      /* X-Failed-Recipients */
	BOUNCE_PLAIN,     /* addresses with a reason each, then a copy of the message */
};

enum bounce_action {
	BOUNCE_FAILED,
	BOUNCE_DELAYED,
	BOUNCE_GOOD, /* delivered, relayed, expanded */
	BOUNCE_COMPLAINED,
};

/* More are not looked at. */
enum { BOUNCE_RECIPIENTS_MAX = 100, BOUNCE_IDS_MAX = 32, BOUNCE_TEXT_MAX = 500 };

struct bounce_recipient {
	struct slice address;  /* that it was for in the end; local@domain */
	struct slice original; /* that it was sent to, if the report says so; or empty */
	enum bounce_action action;
	struct slice status;     /* "5.1.1", or empty */
	struct slice diagnostic; /* one line, as the other host wrote it; or empty */
};

struct bounce {
	enum bounce_form form;
	struct slice reporter;   /* the host that reports, or empty */
	struct slice envid;      /* Original-Envelope-Id, or empty */
	struct slice complaint;  /* Feedback-Type: "abuse"; or empty */
	struct slice message_id; /* of the message in question, with <>; or empty */
	/* What stands behind "id" in its Received fields, the newest first. One of them may be what
	 * it was called here. */
	struct slice ids[BOUNCE_IDS_MAX];
	size_t id_count;
	struct bounce_recipient recipients[BOUNCE_RECIPIENTS_MAX];
	size_t count;
};

/* Cheap: may it be one? Without a sender any message may; with one only a multipart/report. */
bool bounce_may_be(struct slice message, bool has_sender);
/* True if it is one: *out lies in the message and in the arena. */
bool bounce_parse(struct arena *arena, struct slice message, const struct message_limits *limits,
                  struct bounce *out);

#endif
