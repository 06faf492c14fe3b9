/* What the server says it takes at most: RFC 9422. */
#include "base/cursor.h"
#include "base/hash.h"
#include "client/smtp_client_internal.h"

#define LIMIT_MAX 999999 /* six digits */

static bool take_limit(struct slice word, struct slice name, unsigned *out)
{
	struct cursor c = cursor_of(word);
	uint64_t value;
	if (!take_text_nocase(&c, name) || !take_byte(&c, '=') ||
	    !take_number(&c, LIMIT_MAX, &value) || !cursor_at_end(&c))
		return false;
	*out = (unsigned)value;
	return true;
}

/* limits = "LIMITS" *( SP limit-name [ "=" limit-value ] ); what is not known is left out, and so
 * is what makes no sense (section 3). */
void smtp_client_note_limits(struct smtp_client *c, struct slice words)
{
	c->limits.mails = c->limits.recipients = c->limits.domains = 0;
	while (words.len > 0) {
		struct slice word = slice_split(&words, ' ');
		if (!take_limit(word, SLICE("MAILMAX"), &c->limits.mails) &&
		    !take_limit(word, SLICE("RCPTMAX"), &c->limits.recipients))
			take_limit(word, SLICE("RCPTDOMAINMAX"), &c->limits.domains);
	}
}

/* RFC 5321 section 4.5.3.1.10, RFC 3463 section 3.6 (X.5.3). Without an enhanced code 452 may mean
 * a full disk as well; what it means then shows in the next transaction, where it is the first. */
static bool means_too_many(const struct smtp_outcome *o)
{
	if (o->enhanced.subject == 5 && o->enhanced.detail == 3)
		return true;
	return (o->code == 452 || o->code == 552) && o->enhanced.subject == 0;
}

void smtp_client_note_too_many(struct smtp_client *c, size_t taken, struct smtp_outcome *outcome)
{
	if (taken == 0 || outcome->verdict != SMTP_TEMPORARY || !means_too_many(outcome))
		return;
	outcome->too_many = true;
	if (c->limits.recipients == 0 || c->limits.recipients > taken)
		c->limits.recipients = (unsigned)taken;
}

bool smtp_client_is_full(const struct smtp_client *c)
{
	return c->limits.mails > 0 && c->mails >= c->limits.mails;
}

/* A domain that there is room for in this session is one of it from now on. */
static bool admit_domain(struct smtp_client *c, struct slice path)
{
	ptrdiff_t at = slice_find_last_byte(path, '@');
	struct slice domain = slice_from(path, (size_t)(at + 1));
	if (!c->domains)
		c->domains = hash_new();
	if (hash_find(c->domains, domain))
		return true;
	if (hash_count(c->domains) >= c->limits.domains)
		return false;
	hash_put(c->domains, domain, c);
	return true;
}

size_t smtp_client_fit(struct smtp_client *c, const struct smtp_client_recipient *recipients,
                       size_t count)
{
	if (smtp_client_is_full(c))
		return 0;
	if (c->limits.recipients > 0 && count > c->limits.recipients)
		count = c->limits.recipients;
	if (c->limits.domains == 0)
		return count;
	size_t fit = 0;
	while (fit < count && admit_domain(c, recipients[fit].path))
		fit++;
	return fit;
}
