#include "message/bounce_class.h"

static const char *const names[] = {
	[BOUNCE_CLASS_HARD] = "hard",           [BOUNCE_CLASS_SOFT] = "soft",
	[BOUNCE_CLASS_BLOCK] = "block",         [BOUNCE_CLASS_POLICY] = "policy",
	[BOUNCE_CLASS_COMPLAINT] = "complaint",
};

const char *bounce_class_name(enum bounce_class c)
{
	return (size_t)c < sizeof(names) / sizeof(names[0]) ? names[c] : "unknown";
}

bool bounce_class_find(struct slice name, enum bounce_class *out)
{
	for (int c = 0; c < BOUNCE_CLASS_COUNT; c++) {
		if (slice_equal(name, slice_from_str(names[c]))) {
			*out = (enum bounce_class)c;
			return true;
		}
	}
	return false;
}

static bool has_any(struct slice text, const char *const *words)
{
	while (*words && slice_find_nocase(text, slice_from_str(*words)) < 0)
		words++;
	return *words;
}

static bool is_blocked(struct slice text)
{
	static const char *const words[] = {
		"spamhaus", "blacklist", "black list", "blocklist",  "block list", "blocked",
		"dnsbl",    "rbl",       "spamcop",    "barracuda",  "sorbs",      "reputation",
		"banned",   "listed at", "listed in",  "suspicious", "spam",       "junk mail",
		"abuse",    "poor repu", NULL,
	};
	return has_any(text, words);
}

static bool is_unknown(struct slice text)
{
	static const char *const words[] = {
		"user unknown",
		"unknown user",
		"no such user",
		"no such recipient",
		"no such mailbox",
		"unknown recipient",
		"no mailbox here",
		"does not exist",
		"doesn't exist",
		"invalid recipient",
		"not found",
		"recipient unknown",
		"unknown local",
		"no such address",
		"unknown address",
		"mailbox unavailable",
		"account is disabled",
		"account disabled",
		"unrouteable",
		"no longer",
		"host not found",
		"mailbox disabled",
		NULL,
	};
	return has_any(text, words);
}

static bool is_full(struct slice text)
{
	static const char *const words[] = { "quota",
		                             "mailbox full",
		                             "mailbox is full",
		                             "over its storage",
		                             "insufficient storage",
		                             NULL };
	return has_any(text, words);
}

/* class.subject.detail, checked by who found it. */
static void split(struct slice status, char *class, uint64_t *subject, uint64_t *detail)
{
	struct slice rest = status;
	struct slice first = slice_split(&rest, '.');
	*class = first.len == 1 ? first.data[0] : '\0';
	if (!slice_to_u64(slice_split(&rest, '.'), subject) || !slice_to_u64(rest, detail))
		*subject = *detail = 0;
}

/* Without a status that tells: the reply code, then the words. */
static enum bounce_class class_by_text(char class, struct slice text)
{
	if (class == '\0' && text.len > 0)
		class = text.data[0];
	if (is_full(text))
		return BOUNCE_CLASS_SOFT;
	if (is_unknown(text))
		return class == '4' ? BOUNCE_CLASS_SOFT : BOUNCE_CLASS_HARD;
	if (is_blocked(text))
		return BOUNCE_CLASS_BLOCK;
	/* What nobody explains must not cost a recipient for good. */
	return class == '5' ? BOUNCE_CLASS_POLICY : BOUNCE_CLASS_SOFT;
}

/* 5.1.x are about addresses, but for those of the sender (RFC 3463 section 3.2, RFC 7505 has
 * 5.1.10); 5.4.4 is a domain that leads nowhere. */
static bool is_hard(uint64_t subject, uint64_t detail)
{
	if (subject == 1)
		return detail != 0 && detail != 7 && detail != 8;
	return (subject == 2 && detail == 1) || (subject == 4 && detail == 4);
}

enum bounce_class bounce_class_of(struct slice status, struct slice text)
{
	char class;
	uint64_t subject, detail;
	split(status, &class, &subject, &detail);
	if (class == '4')
		return is_blocked(text) ? BOUNCE_CLASS_BLOCK : BOUNCE_CLASS_SOFT;
	if (class != '5' || subject == 0 || subject == 5)
		return class_by_text(class, text);
	if (is_hard(subject, detail))
		/* Some tell spammers that nobody is there. */
		return is_blocked(text) && !is_unknown(text) ? BOUNCE_CLASS_BLOCK
		                                             : BOUNCE_CLASS_HARD;
	if ((subject == 2 && (detail == 0 || detail == 2)) || (subject == 4 && detail != 6))
		return is_unknown(text) && subject == 4 && detail == 1 ? BOUNCE_CLASS_HARD
		                                                       : BOUNCE_CLASS_SOFT;
	if (subject == 7 && is_blocked(text))
		return BOUNCE_CLASS_BLOCK;
	return BOUNCE_CLASS_POLICY;
}
