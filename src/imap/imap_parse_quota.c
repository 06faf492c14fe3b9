/* Limits of SETQUOTA (RFC 9208 section 7). */
#include "imap/imap_parse_quota.h"

/* STORAGE in units of 1,024 bytes must fit 63 bits of bytes. */
#define QUOTA_LIMIT_MAX (INT64_MAX / 1024)

bool imap_take_quota_list(struct cursor *c, uint64_t limit_out[static QUOTA_RESOURCES])
{
	static const struct slice names[QUOTA_RESOURCES] = {
		[QUOTA_STORAGE] = { "STORAGE", 7 },
		[QUOTA_MESSAGE] = { "MESSAGE", 7 },
		[QUOTA_MAILBOX] = { "MAILBOX", 7 },
	};
	uint64_t limit[QUOTA_RESOURCES] = { 0 };
	if (!take_byte(c, '('))
		return false;
	while (!take_byte(c, ')')) {
		int i = 0;
		while (i < QUOTA_RESOURCES && !imap_take_word(c, names[i]))
			i++;
		if (i == QUOTA_RESOURCES || !imap_take_space(c) ||
		    !take_number(c, QUOTA_LIMIT_MAX, &limit[i]))
			return false;
		(void)imap_take_space(c);
	}
	memcpy(limit_out, limit, sizeof(limit));
	return true;
}
