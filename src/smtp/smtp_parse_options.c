/* Parameters of MAIL that say what is asked of the way of the message. */
#include "message/date.h"
#include "smtp/smtp_parse_internal.h"

static enum smtp_parsed parsed(bool good) { return good ? SMTP_PARSED : SMTP_PARSED_PARAMETER; }

/* requiretls-param = "REQUIRETLS"                                    RFC 8689, section 2 */
enum smtp_parsed smtp_take_requiretls(const struct parameter *p, void *command)
{
	struct smtp_mail_command *mail = command;
	mail->requiretls = !p->has_value;
	return parsed(mail->requiretls);
}

/* by-value = by-time ";" by-mode [by-trace]                          RFC 2852, section 4
 * by-time = ["-" / "+"] 1*9DIGIT, by-mode = "N" / "R", by-trace = "T" */
enum smtp_parsed smtp_take_by(const struct parameter *p, void *command)
{
	struct smtp_mail_command *mail = command;
	struct cursor c = cursor_of(p->value);
	bool minus = take_byte(&c, '-');
	struct slice digits;
	uint64_t seconds;
	char mode;
	if (!minus)
		take_byte(&c, '+');
	if (!take_while(&c, byte_is_digit, 9, &digits) || !slice_to_u64(digits, &seconds) ||
	    !take_byte(&c, ';') || !take_any(&c, &mode))
		return SMTP_PARSED_PARAMETER;
	mail->by_mode = byte_upper(mode);
	mail->by_trace = take_byte_nocase(&c, 'T');
	mail->by_s = minus ? -(int64_t)seconds : (int64_t)seconds;
	return parsed(cursor_at_end(&c) &&
	              (mail->by_mode == 'N' || (mail->by_mode == 'R' && mail->by_s > 0)));
}

/* One of HOLDFOR and HOLDUNTIL. */
static bool take_hold(struct smtp_mail_command *mail)
{
	bool is_first = !mail->has_hold;
	mail->has_hold = true;
	return is_first;
}

/* hold-for = "HOLDFOR=" 1*9DIGIT                                     RFC 4865, section 4.2 */
enum smtp_parsed smtp_take_holdfor(const struct parameter *p, void *command)
{
	struct smtp_mail_command *mail = command;
	return parsed(take_hold(mail) && p->value.len <= 9 &&
	              slice_to_u64(p->value, &mail->hold_for_s));
}

/* hold-until = "HOLDUNTIL=" date-time                                RFC 4865, section 4.2 */
enum smtp_parsed smtp_take_holduntil(const struct parameter *p, void *command)
{
	struct smtp_mail_command *mail = command;
	struct date date;
	if (!take_hold(mail) || !date_parse_internet(p->value, &date))
		return SMTP_PARSED_PARAMETER;
	mail->hold_until_s = date.unix_s;
	return SMTP_PARSED;
}

/* priority-value = ["-"] NZDIGIT / "0"                               RFC 6710, section 7 */
enum smtp_parsed smtp_take_priority(const struct parameter *p, void *command)
{
	struct smtp_mail_command *mail = command;
	struct cursor c = cursor_of(p->value);
	bool minus = take_byte(&c, '-');
	char digit;
	if (!take_any(&c, &digit) || !byte_is_digit(digit) || !cursor_at_end(&c) ||
	    (minus && digit == '0'))
		return SMTP_PARSED_PARAMETER;
	mail->has_priority = true;
	mail->priority = (minus ? -1 : 1) * (digit - '0');
	return SMTP_PARSED;
}

enum smtp_parsed smtp_take_solicit(const struct parameter *p, void *command)
{
	struct smtp_mail_command *mail = command;
	mail->solicit = p->value;
	return parsed(envelope_solicit_is_valid(p->value));
}
