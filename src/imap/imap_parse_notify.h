/* Arguments of NOTIFY (RFC 5465), from bytes to structs; like imap_parse.h. */
#ifndef VEREDUS_IMAP_IMAP_PARSE_NOTIFY_H
#define VEREDUS_IMAP_IMAP_PARSE_NOTIFY_H

#include "imap/imap_filter.h"

enum { IMAP_NOTIFY_GROUPS_MAX = 50 };

enum imap_event {
	EVENT_MESSAGE_NEW = 1,
	EVENT_MESSAGE_EXPUNGE = 2,
	EVENT_FLAG_CHANGE = 4,
	EVENT_MAILBOX_NAME = 8,
	EVENT_SUBSCRIPTION_CHANGE = 16,
	EVENT_MAILBOX_METADATA = 32,
	EVENT_SERVER_METADATA = 64,
	EVENTS_MESSAGE = EVENT_MESSAGE_NEW | EVENT_MESSAGE_EXPUNGE | EVENT_FLAG_CHANGE,
};
/* Their names, for BADEVENT. */
#define IMAP_EVENT_NAMES                                                                           \
	"MessageNew MessageExpunge FlagChange MailboxName SubscriptionChange "                     \
	"MailboxMetadataChange ServerMetadataChange"

struct imap_event_group {
	struct imap_filter filter;
	unsigned events;          /* enum imap_event */
	struct imap_fetch *fetch; /* of new messages in the selected mailbox; NULL: nothing */
};

struct imap_notify_request {
	bool set;     /* else NONE */
	bool status;  /* STATUS is wanted first */
	bool unknown; /* some event is none that we have: NO [BADEVENT] */
	struct imap_event_group *groups;
	size_t count;
	const struct imap_event_group *selected; /* that of the selected mailbox; NULL: none */
};

/* notify = "SET" ["STATUS" SP] event-groups / "NONE", with what section 5 and 6.1 say may stand
 * together */
bool imap_take_notify(struct cursor *c, struct arena *arena, struct imap_notify_request *out);

#endif
