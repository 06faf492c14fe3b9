/* Where a session meets the guard (guard/guard.h). Without one, and for clients that it leaves
 * alone, each of these is a look at a pointer. */
#ifndef VEREDUS_SMTP_SMTP_GUARD_H
#define VEREDUS_SMTP_SMTP_GUARD_H

#include "guard/guard.h"
#include "route/post.h"
#include "smtp/smtp_reply.h"

struct smtp_session;

/* Before the greeting: may this client speak, and does it wait to be greeted? False if it has been
 * sent away. */
bool smtp_guard_connect(struct smtp_session *s);
/* The session became one of another client (XCLIENT): may that one speak? */
bool smtp_guard_again(struct smtp_session *s);
/* At stage message the transaction has what checks came to.
 * What the rules say at a stage; sender and recipient are NULL before theirs. False if the client
 * has had its answer. The tags of a transaction are noted there. */
bool smtp_guard_allows(struct smtp_session *s, enum rule_stage stage, const struct address *sender,
                       const struct address *recipient);
/* Is the sender proven by SPF, which is known before the message is? As struct guard_speaker wants
 * it: session is a struct smtp_session with a transaction. May park the fiber. */
bool smtp_guard_is_proven(void *session);
/* Makes the answer wait. False if the session is to end. */
bool smtp_guard_wait(struct smtp_session *s, int64_t ms);
/* Refuses the message for what others than rules found, with a code that `veredus trace` finds. by:
 * what did, "dmarc". */
void smtp_refuse(struct smtp_session *s, const char *by, int code, const char *enhanced,
                 const char *text);
/* Before a command is run. ends_group: RFC 2920 lets nothing be sent behind it unasked; is_junk: it
 * brings no message nearer. False if the client has had its answer. */
bool smtp_guard_command(struct smtp_session *s, bool ends_group, bool is_junk);
/* May the session VRFY or EXPN, or has it asked too much? */
bool smtp_guard_may_ask(struct smtp_session *s);
/* Before an answer is given: what it says about the client costs it time, or the session. Returns
 * the answer to give. */
enum smtp_answer smtp_guard_weigh(struct smtp_session *s, enum smtp_answer answer);
/* The transaction keeps what rules that let it pass had to say besides: tags, quarantine. A
 * recipient that was judged (else NULL) keeps for itself what a rule about recipients said. */
void smtp_guard_keep(struct smtp_session *s, struct post_recipient *recipient);
/* For the trace: the client's confirmed name or NULL, and the fields of tags, in the arena. */
const char *smtp_guard_name(struct smtp_session *s);
struct slice smtp_guard_fields(const struct smtp_session *s, struct arena *arena);
/* For the journey: tags, and recipients that rules refused; in the arena of the transaction.
 * Returns how many. */
size_t smtp_guard_notes(const struct smtp_session *s, const struct post_note **out);
void smtp_guard_end(struct smtp_session *s);

#endif
