/* What is handed over at the counter (post.h): a message's sender, recipients, and all that was
 * found out about it before. */
#ifndef VEREDUS_ROUTE_POST_ENVELOPE_H
#define VEREDUS_ROUTE_POST_ENVELOPE_H

#include "base/slice.h"
#include "message/envelope.h"

struct post_hold;
struct post_parcel;
struct trust_results;

struct post_recipient {
	struct slice local, domain;   /* as received */
	unsigned notify;              /* DSN: bits of enum post_notify; 0: not given */
	struct slice orcpt;           /* "rfc822;bob@example.test" in xtext, or empty */
	const struct post_hold *hold; /* for this one alone into the quarantine; NULL: no */
};
enum post_notify { NOTIFY_NEVER = 1, NOTIFY_SUCCESS = 2, NOTIFY_FAILURE = 4, NOTIFY_DELAY = 8 };

/* What was said about the message before it came, for its journey. */
struct post_note {
	enum {
		POST_NOTE_REFUSED,
		POST_NOTE_TAGGED,
		POST_NOTE_CHECKED,
		POST_NOTE_SCORED,
		POST_NOTE_FILTERED
	} kind;
	struct slice address; /* of the recipient that was refused; else empty */
	struct slice detail;
};

/* What the script of the only recipient has to say to the sender; one line of ASCII. */
struct post_refusal {
	char text[400];
};

struct post_envelope {
	/* Of post_new_id(), for a trace that names it; NULL: one is made. */
	const char *queue_id;
	struct slice reverse_path; /* without <>; empty for the null one */
	struct post_recipient *recipients;
	size_t recipient_count;
	bool smtputf8; /* asked for; handed on where the message needs it */
	bool body_8bit;
	bool body_binary;   /* RFC 3030: its lines need be none, and it may have NULs */
	struct slice envid; /* xtext, or empty */
	char ret;           /* 'F', 'H' or 0 */
	/* With hold_until_ms ahead, the queue keeps the message for all recipients until then;
	 * nobody is looked up before. */
	struct envelope_options options;
	/* It was here before, under queue_id: its journey goes on. */
	bool continues;
	bool file_sent;   /* a submission: who logged in gets a copy in Sent, if they want it */
	struct slice bcc; /* Bcc fields that were taken out, for that copy; or empty */
	/* What the sender is told of it, in the same commit; they stay the caller's, who ends
	 * them afterwards. */
	struct post_parcel *const *reports;
	size_t report_count;
	const struct post_note *notes;
	size_t note_count;
	const struct trust_results *checked; /* for its seal; NULL: it was not */
	bool junk;                           /* into the folder Junk */
	const struct post_hold *hold;        /* into the quarantine (post_quarantine.h); NULL: no */
	struct slice only; /* of those whom the recipients lead to, this one; empty: all */
	struct {
		bool known;
		int total, junk; /* hundredths: what was added up, and from where on it is junk */
	} score;
	struct post_refusal *refusal; /* who hands it in can still say no to the sender; or NULL */
	struct slice sent_on_by;      /* the account whose script does, for its seal; or empty */
	unsigned sent_on; /* by scripts, one after another, in the commit that this is part of */
};

#endif
