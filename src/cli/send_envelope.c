/* Who it is from and who it goes to. */
#include "cli/send.h"
#include "message/address.h"
#include "message/address_list.h"
#include "message/header.h"

/* An address as the wire wants it, or false after a message. U-labels become A-labels where the
 * local part is ASCII, so that servers without SMTPUTF8 can take it. */
static bool make_path(struct send *s, const struct address_entry *e, struct slice *path_out)
{
	struct address a = { .local = e->local, .domain = e->domain }, checked;
	if (slice_is_ascii(a.local) && !slice_is_ascii(a.domain))
		domain_canonical(s->arena, a.domain, &a.domain);
	struct slice path = address_text(s->arena, &a);
	unsigned allow = ADDRESS_ALLOW_UTF8 | (s->bare ? ADDRESS_ALLOW_LOCAL : 0);
	if (!address_parse(s->arena, path, allow, &checked)) {
		cli_fail("\"%.*s\" is no mail address", SLICE_ARG(path));
		return false;
	}
	s->smtputf8 = s->smtputf8 || checked.is_utf8;
	*path_out = path;
	return true;
}

static bool is_known(const struct send *s, struct slice path)
{
	for (size_t i = 0; i < s->recipient_count; i++)
		if (slice_equal(s->recipients[i].path, path))
			return true;
	return false;
}

static void add_recipient(struct send *s, struct slice path)
{
	size_t count = s->recipient_count;
	if ((count & (count - 1)) == 0) {
		struct smtp_client_recipient *grown = ARENA_ARRAY(s->arena, count ? count * 2 : 1,
		                                                  struct smtp_client_recipient);
		if (count > 0)
			memcpy(grown, s->recipients, count * sizeof(*grown));
		s->recipients = grown;
	}
	s->recipients[count] = (struct smtp_client_recipient){ .path = path, .orcpt = SLICE_EMPTY };
	s->recipient_count++;
}

/* An address to display may be guessed, but mail goes to whom its sender means and to nobody else.
 */
static bool is_clear(const struct address_entry *e)
{
	if (e->is_loose)
		cli_fail("\"%.*s %.*s@%.*s\" is no mail address (a name wants it in <>)",
		         SLICE_ARG(e->name), SLICE_ARG(e->local), SLICE_ARG(e->domain));
	return !e->is_loose;
}

int send_add_list(struct send *s, struct slice text)
{
	struct address_list list = address_list_parse(s->arena, text, SIZE_MAX);
	for (size_t i = 0; i < list.count; i++) {
		struct slice path;
		if (list.entries[i].kind != ADDRESS_ENTRY_MAILBOX)
			continue;
		if (!is_clear(&list.entries[i]) || !make_path(s, &list.entries[i], &path))
			return CLI_FAILED;
		if (!is_known(s, path))
			add_recipient(s, path);
	}
	return CLI_OK;
}

static int add_options(struct send *s)
{
	static const char *const options[] = { "to", "cc", "bcc" };
	int status = CLI_OK;
	for (size_t i = 0; i < 3 && status == CLI_OK; i++) {
		size_t position = 0;
		const char *text;
		while (status == CLI_OK && (text = cli_next_text(s->cli, options[i], &position)))
			status = send_add_list(s, slice_from_str(text));
	}
	return status;
}

static bool is_destination(struct slice name)
{
	return slice_equal_nocase(name, SLICE("To")) || slice_equal_nocase(name, SLICE("Cc")) ||
	       slice_equal_nocase(name, SLICE("Bcc"));
}

/* RFC 5322 section 3.6.6: who sends a message again names recipients of their own. */
static bool is_resent(const struct send *s)
{
	struct slice unused;
	return header_find(s->head, SLICE("Resent-To"), &unused) ||
	       header_find(s->head, SLICE("Resent-Cc"), &unused) ||
	       header_find(s->head, SLICE("Resent-Bcc"), &unused);
}

int send_add_fields(struct send *s)
{
	struct slice prefix = is_resent(s) ? SLICE("Resent-") : SLICE_EMPTY;
	struct header_walk walk = { .rest = s->head };
	struct header_field f;
	int status = CLI_OK;
	while (status == CLI_OK && header_next(&walk, &f)) {
		if (slice_starts_with_nocase(f.name, prefix) &&
		    is_destination(slice_from(f.name, prefix.len)))
			status = send_add_list(s, f.value);
	}
	return status;
}

int send_set_sender(struct send *s, struct slice text)
{
	if (text.len == 0 || slice_equal(text, SLICE("<>"))) {
		s->reverse_path = SLICE_EMPTY;
		return CLI_OK;
	}
	struct address_list list = address_list_parse(s->arena, text, 1);
	if (list.count == 0 || list.entries[0].kind != ADDRESS_ENTRY_MAILBOX)
		return cli_fail("\"%.*s\" is no mail address", SLICE_ARG(slice_trim(text)));
	return is_clear(&list.entries[0]) && make_path(s, &list.entries[0], &s->reverse_path)
	               ? CLI_OK
	               : CLI_FAILED;
}

static int set_sender(struct send *s)
{
	struct slice value = slice_from_str(cli_text(s->cli, "from"));
	if (!cli_has(s->cli, "from") && !header_find(s->head, SLICE("From"), &value))
		return cli_usage(s->cli, "who is it from? Give --from");
	return send_set_sender(s, value);
}

int send_make_envelope(struct send *s)
{
	int status = set_sender(s);
	if (status == CLI_OK)
		status = add_options(s);
	if (status == CLI_OK && s->recipient_count == 0)
		status = send_add_fields(s);
	if (status == CLI_OK && s->recipient_count == 0)
		status = cli_usage(s->cli, "who is it for? Give --to");
	return status;
}
