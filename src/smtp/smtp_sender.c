/* As whom somebody who has logged in may write: From. (As whom he may send, MAIL, is judged in
 * smtp_mail.c.) */
#include "message/address_list.h"
#include "message/header.h"
#include "smtp/smtp_session.h"

enum { FROM_MAX = 100 }; /* authors of one message */

/* An author without a domain is one of the account's own: it will be completed so. */
static bool owns(struct smtp_session *s, const struct address_entry *e)
{
	struct slice domain = e->domain;
	if (domain.len == 0)
		domain = slice_from_str(strrchr(s->client.account, '@') + 1);
	return post_owns_sender(s->context->post, &s->client, e->local, domain);
}

static bool owns_all(struct smtp_session *s, struct arena *scratch, struct slice value)
{
	struct address_list list = address_list_parse(scratch, value, FROM_MAX);
	for (size_t i = 0; i < list.count; i++) {
		const struct address_entry *e = &list.entries[i];
		if (e->kind == ADDRESS_ENTRY_MAILBOX && (e->local.len == 0 || !owns(s, e)))
			return false;
	}
	return !list.truncated;
}

bool smtp_owns_from(struct smtp_session *s, struct slice message)
{
	struct header_walk walk = { .rest = message };
	struct header_field field;
	bool all = true;
	if (!s->config->smtp.check_from || !s->client.account)
		return true;
	struct arena *scratch = arena_new();
	while (all && header_next(&walk, &field)) {
		if (slice_equal_nocase(field.name, SLICE("From")))
			all = owns_all(s, scratch, field.value);
	}
	arena_free(scratch);
	return all;
}
