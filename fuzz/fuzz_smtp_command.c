/* Command lines of SMTP: every parser gets every line. */
#include "smtp/smtp_attribute.h"
#include "smtp/smtp_parse.h"

static void check_inside(struct slice whole, struct slice part)
{
	if (part.len > 0 &&
	    (part.data < whole.data || part.data + part.len > whole.data + whole.len))
		abort();
}

static void check_path(struct arena *arena, const struct address *a, unsigned allow)
{
	/* What was read can be written and read again, and means the same. */
	struct address again;
	if (!address_parse(arena, address_path(arena, a), allow, &again) ||
	    !slice_equal(a->local, again.local) || !slice_equal(a->domain, again.domain))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = slice_of(data, size);
	struct smtp_line line;
	if (!smtp_parse_line(input, &line))
		return 0;
	check_inside(input, line.verb);
	check_inside(input, line.argument);
	struct arena *arena = arena_new();
	struct smtp_mail_command mail;
	if (smtp_parse_mail(arena, line.argument, 0, &mail) == SMTP_PARSED)
		check_path(arena, &mail.sender, ADDRESS_ALLOW_NULL | ADDRESS_ALLOW_UTF8);
	struct smtp_rcpt_command rcpt;
	if (smtp_parse_rcpt(arena, line.argument, 0, &rcpt) == SMTP_PARSED)
		check_path(arena, &rcpt.recipient, ADDRESS_ALLOW_POSTMASTER | ADDRESS_ALLOW_UTF8);
	struct smtp_vrfy_command vrfy;
	if (smtp_parse_vrfy(arena, line.argument, &vrfy) == SMTP_PARSED)
		check_path(arena, &vrfy.address,
		           ADDRESS_ALLOW_POSTMASTER | ADDRESS_ALLOW_LOCAL | ADDRESS_ALLOW_UTF8);
	struct smtp_auth_command auth;
	if (smtp_parse_auth(line.argument, &auth))
		check_inside(line.argument, auth.initial);
	struct smtp_etrn_command etrn;
	smtp_parse_etrn(arena, line.argument, &etrn);
	struct smtp_atrn_command atrn;
	smtp_parse_atrn(arena, line.argument, &atrn);
	struct smtp_bdat_command bdat;
	struct smtp_burl_command burl;
	smtp_parse_bdat(line.argument, &bdat);
	smtp_parse_burl(line.argument, &burl);
	struct smtp_attributes attributes;
	if (smtp_parse_attributes(arena, line.argument, SMTP_XCLIENT_ATTRIBUTES, &attributes) &&
	    attributes.given & ~SMTP_XCLIENT_ATTRIBUTES)
		abort();
	smtp_parse_attributes(arena, line.argument, SMTP_XFORWARD_ATTRIBUTES, &attributes);
	struct slice host;
	if (smtp_parse_hello(line.argument, &host))
		check_inside(line.argument, host);
	smtp_hello_is_valid(line.argument);
	arena_free(arena);
	return 0;
}
