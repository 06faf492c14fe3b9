/* SEND, SOML and SAML (RFC 821 section 3.4): messages for the terminals of who is logged in here.
 */
#ifndef VEREDUS_SMTP_SMTP_TERMINAL_H
#define VEREDUS_SMTP_SMTP_TERMINAL_H

#include "base/arena.h"

struct smtp_session;
struct address;

/* How a transaction began. */
enum smtp_terminal_kind {
	SMTP_MAIL, /* by MAIL: terminals have no part in it */
	SMTP_SEND, /* to a terminal, or not at all */
	SMTP_SOML, /* to a terminal or the mailbox */
	SMTP_SAML, /* to a terminal and the mailbox */
};

/* Is this recipient, who is ours, at a terminal that takes messages? Parks the fiber. */
bool smtp_terminal_is_there(struct smtp_session *s, const struct address *recipient);
/* Brings the message of a transaction that did not begin by MAIL where it belongs, and answers. */
void smtp_terminal_finish(struct smtp_session *s, struct slice message);

enum { SMTP_TERMINAL_TEXT_MAX = 8192 };
/* What is written on the terminal: who sends it, and the message without its control characters
 * (but line ends and tabs), so that it can do nothing there but be read; cut at so many bytes.
 * Pure. */
struct slice smtp_terminal_text(struct arena *arena, struct slice sender, struct slice message);

#endif
