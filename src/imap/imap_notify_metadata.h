/* NOTIFY of annotations: the part of imap_notify.h that tells of SETMETADATA. */
#ifndef VEREDUS_IMAP_IMAP_NOTIFY_METADATA_H
#define VEREDUS_IMAP_IMAP_NOTIFY_METADATA_H

#include "imap/imap_list.h"
#include "imap/imap_parse_metadata.h"

/* What a session wants to hear of. */
struct imap_metadata_listener {
	const struct imap_list_names *known;
	bool (*wants)(const void *arg, const struct imap_list_name *name);
	const void *arg;
	bool wants_server;
};

/* Where to go on from. */
uint64_t imap_notify_metadata_now(const struct imap_session *s);
/* "* METADATA name /shared/comment" for what others have changed since *seen, which moves on.
 * False: that was too much, and nothing is told. */
bool imap_notify_metadata_tell(struct imap_session *s, const struct imap_metadata_listener *l,
                               uint64_t *seen);
/* The session has changed these; mailbox_id: or ANNOTATION_SERVER. */
void imap_notify_metadata_changed(struct imap_session *s, int64_t mailbox_id,
                                  const struct imap_metadata *request);

#endif
