/* Looking at attachments in a process of its own.
 *
 * Archives are made by strangers, and unpacked by a library that believes what they say: 60 bytes
 * of 7z announce a hundred million members, of which each has its memory at once. So the work is
 * done by a child that may take so much memory and time and no more, and that has nothing which is
 * worth to be taken: no sockets, no keys, no mail but the one message.
 *
 * The children are those of a helper, which is made before the server has threads, sockets and
 * keys, and ends with it. It is handed the message, and a pipe for the facts. Its own parent, made
 * then too, starts it again if it is killed. */
#ifndef VEREDUS_GUARD_ATTACHMENT_PROCESS_H
#define VEREDUS_GUARD_ATTACHMENT_PROCESS_H

#include "guard/attachment.h"

struct attachment_helper;

/* While there is one thread only. 0 or -errno. */
int attachment_helper_start(struct attachment_helper **out);
/* Takes NULL, too. */
void attachment_helper_stop(struct attachment_helper *h);

/* On a fiber, which parks. A child that ended before its time leaves what it has found, and the
 * fact "attachment=unchecked". 0, or -ECANCELED. */
int attachment_process_look(struct attachment_helper *h, struct arena *arena, struct slice message,
                            const struct config *config, struct attachment_facts *out);

#endif
