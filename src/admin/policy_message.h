/* What `veredus policy test` says about a message: what a session would ask when its last byte is
 * there.
 *
 *     policy_message_begin()   its bytes, from behind the request
 *     policy_message_for()     each recipient that was taken
 *     policy_message_check()   who has sent it, for the rules of stage message
 *     policy_message_tell()    behind those: DMARC, the score, and what would become of it
 *
 * Filters are not asked, as they may act on what they are shown. */
#ifndef VEREDUS_ADMIN_POLICY_MESSAGE_H
#define VEREDUS_ADMIN_POLICY_MESSAGE_H

#include "admin/admin.h"
#include "guard/attachment.h"
#include "guard/guard.h"
#include "guard/guard_classify.h"
#include "store/spool.h"
#include "trust/trust.h"

struct policy_message {
	struct admin *admin;
	struct guard *guard;
	struct arena *arena; /* of all that follows */
	struct spool spool;
	struct slice bytes;
	bool begun;
	struct slice recipient; /* canonical; of the only one */
	unsigned recipients;
	struct trust_results results;
	struct attachment_facts files;
	struct slice *found;
	size_t found_count;
	struct guard_opinion opinion;
	const struct guard_question *question;
	bool is_stranger; /* only mail of strangers is checked, and scored */
};

/* -ENOTSUP without a server: there is no DNS then. End it in any case. */
int policy_message_begin(struct policy_message *m, const json_t *request,
                         struct admin_reply *reply);
void policy_message_for(struct policy_message *m, const struct address *recipient);
/* Completes the question; parks the fiber. 1: the rules are asked; 0: not about this one. */
int policy_message_check(struct policy_message *m, struct guard_question *question);
/* held: rules want it in quarantine for all. */
int policy_message_tell(struct policy_message *m, struct admin_reply *reply, bool held);
void policy_message_end(struct policy_message *m);

#endif
