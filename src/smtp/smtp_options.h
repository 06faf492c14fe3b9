/* Extensions that say how a message is to go on: RFC 8689, 2852, 4865, 6710,
 * 3865, 9422. */
#ifndef VEREDUS_SMTP_SMTP_OPTIONS_H
#define VEREDUS_SMTP_SMTP_OPTIONS_H

#include "message/date.h"
#include "message/header.h"
#include "smtp/smtp_parse.h"
#include "smtp/smtp_session.h"

/* What is made of the parameters of MAIL, in the arena; SMTP_ANSWER_SENDER_OK, or why not. */
enum smtp_answer smtp_options_judge(const struct smtp_session *s, struct arena *arena,
                                    const struct smtp_mail_command *mail,
                                    struct envelope_options *out);
/* Does the message's own header name one? */
bool smtp_options_refuse_header(struct smtp_session *s, struct slice message);

/* For EHLO: are they offered, and what stands behind the keyword. */
bool smtp_options_offer_requiretls(const struct smtp_session *s);
void smtp_options_deliver_by(const struct smtp_session *s, struct buf *out);
bool smtp_options_offer_future_release(const struct smtp_session *s);
void smtp_options_future_release(const struct smtp_session *s, struct buf *out);
bool smtp_options_offer_no_soliciting(const struct smtp_session *s);
void smtp_options_no_soliciting(const struct smtp_session *s, struct buf *out);
void smtp_options_limits(const struct smtp_session *s, struct buf *out);

#endif
