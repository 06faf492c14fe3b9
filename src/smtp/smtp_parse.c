#include "smtp/smtp_parse_internal.h"

enum {
	KEYWORD_MAX = 64,
	VALUE_MAX = 1024,
	MECHANISM_MAX = 20, /* RFC 4422 section 3.1 */
	ENVID_MAX = 100,    /* RFC 3461 section 4.4 */
	ORCPT_MAX = 500,    /* RFC 3461 section 4.2 */
};

static bool is_control(char c) { return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7F; }

bool smtp_parse_line(struct slice line, struct smtp_line *out)
{
	for (size_t i = 0; i < line.len; i++) {
		if (is_control(line.data[i]))
			return false;
	}
	struct slice rest = slice_trim(line);
	out->verb = slice_split(&rest, ' ');
	out->argument = slice_trim(rest);
	return true;
}

/* --- parameters ---------------------------------------------------------------------- */

static bool is_keyword_byte(char c) { return byte_is_alnum(c) || c == '-'; }

/* esmtp-value = 1*(%d33-60 / %d62-126); bytes above are RFC 6531's. */
static bool is_value_byte(char c) { return (unsigned char)c > 0x20 && c != '=' && c != 0x7F; }

/* esmtp-param = esmtp-keyword ["=" esmtp-value]                      RFC 5321, section 4.1.2 */
static bool take_parameter(struct cursor *c, struct parameter *out)
{
	struct cursor ahead = *c;
	*out = (struct parameter){ 0 };
	if (!take_while(&ahead, is_keyword_byte, KEYWORD_MAX, &out->keyword))
		return false;
	out->has_value = take_byte(&ahead, '=');
	if (out->has_value && !take_while(&ahead, is_value_byte, VALUE_MAX, &out->value))
		return false;
	if (!cursor_at_end(&ahead) && cursor_peek(&ahead) != ' ')
		return false;
	*c = ahead;
	return true;
}

struct parameter_kind {
	struct slice keyword;
	parameter_fn take;
};

static enum smtp_parsed take_size(const struct parameter *p, void *command)
{
	struct smtp_mail_command *mail = command;
	mail->has_size = slice_to_u64(p->value, &mail->size_bytes) && p->value.len <= 20;
	return mail->has_size ? SMTP_PARSED : SMTP_PARSED_PARAMETER;
}

static enum smtp_parsed take_body(const struct parameter *p, void *command)
{
	struct smtp_mail_command *mail = command;
	mail->body_8bit = slice_equal_nocase(p->value, SLICE("8BITMIME"));
	mail->body_binary = slice_equal_nocase(p->value, SLICE("BINARYMIME"));
	return mail->body_8bit || mail->body_binary || slice_equal_nocase(p->value, SLICE("7BIT"))
	               ? SMTP_PARSED
	               : SMTP_PARSED_PARAMETER;
}

/* auth = "AUTH=" ( xtext / "<>" )                                    RFC 4954, section 5 */
static enum smtp_parsed take_auth(const struct parameter *p, void *command)
{
	struct smtp_mail_command *mail = command;
	mail->auth = p->value;
	return p->value.len > 0 && p->value.len <= ENVELOPE_AUTH_MAX ? SMTP_PARSED
	                                                             : SMTP_PARSED_PARAMETER;
}

static int upper_hex_value(char c)
{
	return byte_is_alnum(c) && c == byte_upper(c) ? byte_hex_value(c) : -1;
}

/* xtext = *( xchar / "+" 2(upper-case HEX) )                         RFC 3461, section 4
 * What it stands for must be printable, for it ends up as a line of a report: ASCII, or, as Postfix
 * writes an address beyond it, UTF-8. */
static bool is_xtext(struct slice text, int most)
{
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];
		if (c <= 0x20 || c >= 0x7F || c == '=')
			return false;
		if (c != '+')
			continue;
		if (text.len - i < 3)
			return false;
		int high = upper_hex_value(text.data[i + 1]),
		    low = upper_hex_value(text.data[i + 2]);
		int value = high * 16 + low;
		if (high < 0 || low < 0 || value < 0x20 || value == 0x7F || value > most)
			return false;
		i += 2;
	}
	return text.len > 0;
}

/* ret = "FULL" / "HDRS"                                              RFC 3461, section 4.3 */
static enum smtp_parsed take_ret(const struct parameter *p, void *command)
{
	struct smtp_mail_command *mail = command;
	if (slice_equal_nocase(p->value, SLICE("FULL")))
		mail->ret = 'F';
	else if (slice_equal_nocase(p->value, SLICE("HDRS")))
		mail->ret = 'H';
	return mail->ret ? SMTP_PARSED : SMTP_PARSED_PARAMETER;
}

static enum smtp_parsed take_envid(const struct parameter *p, void *command)
{
	struct smtp_mail_command *mail = command;
	mail->envid = p->value;
	return p->value.len <= ENVID_MAX && is_xtext(p->value, 0x7E) ? SMTP_PARSED
	                                                             : SMTP_PARSED_PARAMETER;
}

static unsigned notify_bit(struct slice word)
{
	if (slice_equal_nocase(word, SLICE("SUCCESS")))
		return NOTIFY_SUCCESS;
	if (slice_equal_nocase(word, SLICE("FAILURE")))
		return NOTIFY_FAILURE;
	return slice_equal_nocase(word, SLICE("DELAY")) ? NOTIFY_DELAY : 0;
}

/* notify = "NEVER" / 1#( "SUCCESS" / "FAILURE" / "DELAY" )           RFC 3461, section 4.1 */
static enum smtp_parsed take_notify(const struct parameter *p, void *command)
{
	struct smtp_rcpt_command *rcpt = command;
	if (slice_equal_nocase(p->value, SLICE("NEVER"))) {
		rcpt->notify = NOTIFY_NEVER;
		return SMTP_PARSED;
	}
	if (p->value.len == 0 || p->value.data[p->value.len - 1] == ',')
		return SMTP_PARSED_PARAMETER;
	for (struct slice rest = p->value; rest.len > 0;) {
		unsigned bit = notify_bit(slice_split(&rest, ','));
		if (bit == 0)
			return SMTP_PARSED_PARAMETER;
		rcpt->notify |= bit;
	}
	return SMTP_PARSED;
}

/* orcpt = addr-type ";" xtext                                        RFC 3461, section 4.2
 *       / "utf-8;" ( utf-8-addr-xtext / utf-8-addr-unitext )         RFC 6533, section 3 */
static enum smtp_parsed take_orcpt(const struct parameter *p, void *command)
{
	struct smtp_rcpt_command *rcpt = command;
	struct cursor c = cursor_of(p->value);
	struct slice type;
	rcpt->orcpt = p->value;
	if (p->value.len > ORCPT_MAX || !take_while(&c, is_keyword_byte, KEYWORD_MAX, &type) ||
	    !take_byte(&c, ';'))
		return SMTP_PARSED_PARAMETER;
	bool good = slice_equal_nocase(type, SLICE("utf-8"))
	                    ? envelope_utf8_address_is_valid(cursor_rest(&c))
	                    : is_xtext(cursor_rest(&c), 0xFF);
	return good ? SMTP_PARSED : SMTP_PARSED_PARAMETER;
}

static const struct parameter_kind rcpt_parameters[] = {
	{ { "NOTIFY", 6 }, take_notify },
	{ { "ORCPT", 5 }, take_orcpt },
};

/* mail-parameter =/ "SMTPUTF8"                                       RFC 6531, section 3.4 */
static enum smtp_parsed take_smtputf8(const struct parameter *p, void *command)
{
	struct smtp_mail_command *mail = command;
	mail->smtputf8 = !p->has_value;
	return mail->smtputf8 ? SMTP_PARSED : SMTP_PARSED_PARAMETER;
}

static enum smtp_parsed take_vrfy_smtputf8(const struct parameter *p, void *command)
{
	struct smtp_vrfy_command *vrfy = command;
	vrfy->smtputf8 = !p->has_value;
	return vrfy->smtputf8 ? SMTP_PARSED : SMTP_PARSED_PARAMETER;
}

static const struct parameter_kind vrfy_parameters[] = {
	{ { "SMTPUTF8", 8 }, take_vrfy_smtputf8 },
};

/* clang-format off */
static const struct parameter_kind mail_parameters[] = {
	{ { "SIZE", 4 }, take_size },
	{ { "BODY", 4 }, take_body },
	{ { "AUTH", 4 }, take_auth },
	{ { "SMTPUTF8", 8 }, take_smtputf8 },
	{ { "RET", 3 }, take_ret },
	{ { "ENVID", 5 }, take_envid },
	{ { "REQUIRETLS", 10 }, smtp_take_requiretls },
	{ { "BY", 2 }, smtp_take_by },
	{ { "HOLDFOR", 7 }, smtp_take_holdfor },
	{ { "HOLDUNTIL", 9 }, smtp_take_holduntil },
	{ { "MT-PRIORITY", 11 }, smtp_take_priority },
	{ { "SOLICIT", 7 }, smtp_take_solicit },
};
/* clang-format on */

static enum smtp_parsed parse_parameters(struct cursor *c, const struct parameter_kind *kinds,
                                         size_t count, void *command)
{
	unsigned seen = 0;
	for (;;) {
		skip_space(c);
		if (cursor_at_end(c))
			return SMTP_PARSED;
		struct parameter p;
		if (!take_parameter(c, &p))
			return SMTP_PARSED_PARAMETER;
		size_t i = 0;
		while (i < count && !slice_equal_nocase(kinds[i].keyword, p.keyword))
			i++;
		if (i == count)
			return SMTP_PARSED_UNKNOWN;
		if (seen & 1u << i)
			return SMTP_PARSED_PARAMETER;
		seen |= 1u << i;
		enum smtp_parsed parsed = kinds[i].take(&p, command);
		if (parsed != SMTP_PARSED)
			return parsed;
	}
}

/* --- commands ------------------------------------------------------------------------ */

/* A space behind the colon is not in the grammar, but many send it. */
static bool take_label(struct cursor *c, struct slice label)
{
	if (!take_text_nocase(c, label))
		return false;
	skip_space(c);
	return true;
}

/* A path must be followed by a space or nothing. */
static bool take_whole_path(struct cursor *c, struct arena *arena, unsigned allow,
                            struct address *out)
{
	return take_path(c, arena, allow, out) && (cursor_at_end(c) || cursor_peek(c) == ' ');
}

/* mail = "MAIL FROM:" Reverse-path [SP Mail-parameters] CRLF         RFC 5321, section 4.1.1.2 */
enum smtp_parsed smtp_parse_mail(struct arena *arena, struct slice argument, unsigned allow,
                                 struct smtp_mail_command *out)
{
	struct cursor c = cursor_of(argument);
	*out = (struct smtp_mail_command){ 0 };
	if (!take_label(&c, SLICE("FROM:")))
		return SMTP_PARSED_SYNTAX;
	if (!take_whole_path(&c, arena, allow | ADDRESS_ALLOW_NULL | ADDRESS_ALLOW_UTF8,
	                     &out->sender))
		return SMTP_PARSED_ADDRESS;
	return parse_parameters(&c, mail_parameters,
	                        sizeof(mail_parameters) / sizeof(mail_parameters[0]), out);
}

/* rcpt = "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path )
 *        [SP Rcpt-parameters] CRLF                                   RFC 5321, section 4.1.1.3 */
enum smtp_parsed smtp_parse_rcpt(struct arena *arena, struct slice argument, unsigned allow,
                                 struct smtp_rcpt_command *out)
{
	struct cursor c = cursor_of(argument);
	*out = (struct smtp_rcpt_command){ 0 };
	if (!take_label(&c, SLICE("TO:")))
		return SMTP_PARSED_SYNTAX;
	if (!take_whole_path(&c, arena, allow | ADDRESS_ALLOW_POSTMASTER | ADDRESS_ALLOW_UTF8,
	                     &out->recipient))
		return SMTP_PARSED_ADDRESS;
	return parse_parameters(&c, rcpt_parameters,
	                        sizeof(rcpt_parameters) / sizeof(rcpt_parameters[0]), out);
}

/* vrfy = "VRFY" SP String [SP "SMTPUTF8"] CRLF                       RFC 5321, section 4.1.1.6;
 *                                                                    RFC 6531, section 3.7.4.2 */
enum smtp_parsed smtp_parse_vrfy(struct arena *arena, struct slice argument,
                                 struct smtp_vrfy_command *out)
{
	struct cursor c = cursor_of(argument);
	unsigned allow = ADDRESS_ALLOW_POSTMASTER | ADDRESS_ALLOW_LOCAL | ADDRESS_ALLOW_UTF8;
	*out = (struct smtp_vrfy_command){ 0 };
	bool taken = cursor_peek(&c) == '<' ? take_path(&c, arena, allow, &out->address)
	                                    : take_mailbox(&c, arena, allow, &out->address);
	if (!taken || (!cursor_at_end(&c) && cursor_peek(&c) != ' '))
		return SMTP_PARSED_ADDRESS;
	return parse_parameters(&c, vrfy_parameters,
	                        sizeof(vrfy_parameters) / sizeof(vrfy_parameters[0]), out);
}

/* What a host name or an address literal may have. */
static bool is_queue_byte(char c)
{
	return byte_is_alnum(c) || c == '-' || c == '_' || c == '.' || c == ':';
}

/* etrn = "ETRN" SP ( ["@"] domain / "#" atom ) CRLF                  RFC 1985, section 5 */
bool smtp_parse_etrn(struct arena *arena, struct slice argument, struct smtp_etrn_command *out)
{
	struct cursor c = cursor_of(argument);
	*out = (struct smtp_etrn_command){ .kind = SMTP_ETRN_NODE };
	if (take_byte(&c, '#')) {
		out->kind = SMTP_ETRN_QUEUE;
		return take_while(&c, is_queue_byte, ADDRESS_DOMAIN_MAX, &out->name) &&
		       cursor_at_end(&c);
	}
	if (take_byte(&c, '@'))
		out->kind = SMTP_ETRN_SUBDOMAINS;
	return domain_canonical(arena, cursor_rest(&c), &out->name);
}

/* atrn = "ATRN" [SP domain *("," domain)] CRLF                       RFC 2645, section 5.2.1 */
bool smtp_parse_atrn(struct arena *arena, struct slice argument, struct smtp_atrn_command *out)
{
	struct slice rest = argument;
	bool comma = argument.len > 0 && argument.data[argument.len - 1] == ',';
	*out = (struct smtp_atrn_command){ 0 };
	if (argument.len > 0)
		out->domains = ARENA_ARRAY(arena, SMTP_ATRN_DOMAINS_MAX, struct slice);
	while (rest.len > 0) {
		struct slice name = slice_trim(slice_split(&rest, ','));
		if (out->count == SMTP_ATRN_DOMAINS_MAX || domain_is_literal(name) ||
		    !domain_canonical(arena, name, &out->domains[out->count++]))
			return false;
	}
	return !comma;
}

/* bdat = "BDAT" SP 1*DIGIT [SP "LAST"] CRLF                          RFC 3030, section 2 */
bool smtp_parse_bdat(struct slice argument, struct smtp_bdat_command *out)
{
	struct slice rest = argument;
	struct slice size = slice_split(&rest, ' ');
	rest = slice_trim(rest);
	out->last = slice_equal_nocase(rest, SLICE("LAST"));
	return slice_to_u64(size, &out->size_bytes) && (out->last || rest.len == 0);
}

/* burl = "BURL" SP absolute-URI [SP "LAST"] CRLF                     RFC 4468, section 3.5 */
bool smtp_parse_burl(struct slice argument, struct smtp_burl_command *out)
{
	struct slice rest = argument;
	out->url = slice_split(&rest, ' ');
	rest = slice_trim(rest);
	out->last = slice_equal_nocase(rest, SLICE("LAST"));
	return out->url.len > 0 && (out->last || rest.len == 0);
}

bool smtp_parse_hello(struct slice argument, struct slice *host_out)
{
	if (argument.len == 0 || argument.len > ADDRESS_DOMAIN_MAX)
		return false;
	for (size_t i = 0; i < argument.len; i++) {
		unsigned char u = (unsigned char)argument.data[i];
		if (u <= 0x20 || u >= 0x7F)
			return false;
	}
	*host_out = argument;
	return true;
}

/* ehlo = "EHLO" SP ( Domain / address-literal ) CRLF                 RFC 5321, section 4.1.1.1 */
bool smtp_hello_is_valid(struct slice host)
{
	return domain_is_valid(host) || domain_is_literal(host);
}

static bool is_mechanism_byte(char c) { return byte_is_alnum(c) || c == '-' || c == '_'; }

/* auth = "AUTH" SP sasl-mech [SP initial-response] *(CRLF [base64]) [CRLF cancel-response] CRLF
 *                                                                    RFC 4954, section 8 */
bool smtp_parse_auth(struct slice argument, struct smtp_auth_command *out)
{
	struct cursor c = cursor_of(argument);
	*out = (struct smtp_auth_command){ 0 };
	if (!take_while(&c, is_mechanism_byte, MECHANISM_MAX, &out->mechanism))
		return false;
	if (cursor_at_end(&c))
		return true;
	if (cursor_peek(&c) != ' ')
		return false;
	skip_space(&c);
	out->has_initial = true;
	out->initial = cursor_rest(&c);
	return slice_find_byte(out->initial, ' ') < 0;
}
