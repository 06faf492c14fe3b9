/* What the next host can't take as it is, is made anew: RFC 6152 section 3, RFC 3030 section 3. */
#ifndef VEREDUS_QUEUE_QUEUE_CONVERT_H
#define VEREDUS_QUEUE_QUEUE_CONVERT_H

#include "queue/queue_job.h"
#include "store/spool.h"

struct queue_message_form {
	struct slice bytes; /* as they came, or in the spool */
	bool body_8bit, body_binary;
	struct spool spool;
};

/* extensions: of the next host. bytes: what is to be sent, which must stay until the end. 0; or
 * -EOPNOTSUPP: it would have to be changed, and is signed, or not in a shape that we understand; or
 * the trouble with the spool. Without queue_message_form_end() only when it failed. Parks the fiber
 * for a large message. */
int queue_message_form(const struct config *config, const struct queue_job *job,
                       unsigned extensions, struct slice bytes, struct queue_message_form *out);
void queue_message_form_end(struct queue_message_form *form);

#endif
