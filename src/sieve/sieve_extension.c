#include "sieve/sieve_internal.h"

static const char *const names[EXT_COUNT] = {
	[EXT_BODY] = "body",
	[EXT_COMPARATOR_NUMERIC] = "comparator-i;ascii-numeric",
	[EXT_COMPARATOR_UNICODE] = "comparator-i;unicode-casemap",
	[EXT_COPY] = "copy",
	[EXT_DATE] = "date",
	[EXT_DUPLICATE] = "duplicate",
	[EXT_EDITHEADER] = "editheader",
	[EXT_ENCLOSE] = "enclose",
	[EXT_ENCODED_CHARACTER] = "encoded-character",
	[EXT_ENOTIFY] = "enotify",
	[EXT_ENVELOPE] = "envelope",
	[EXT_ENVIRONMENT] = "environment",
	[EXT_EREJECT] = "ereject",
	[EXT_EXTLISTS] = "extlists",
	[EXT_EXTRACTTEXT] = "extracttext",
	[EXT_FCC] = "fcc",
	[EXT_FILEINTO] = "fileinto",
	[EXT_FOREVERYPART] = "foreverypart",
	[EXT_IHAVE] = "ihave",
	[EXT_IMAP4FLAGS] = "imap4flags",
	[EXT_IMAPSIEVE] = "imapsieve",
	[EXT_INCLUDE] = "include",
	[EXT_INDEX] = "index",
	[EXT_MAILBOX] = "mailbox",
	[EXT_MAILBOXID] = "mailboxid",
	[EXT_MIME] = "mime",
	[EXT_REDIRECT_DSN] = "redirect-dsn",
	[EXT_REJECT] = "reject",
	[EXT_RELATIONAL] = "relational",
	[EXT_REPLACE] = "replace",
	[EXT_SPAMTEST] = "spamtest",
	[EXT_SPAMTESTPLUS] = "spamtestplus",
	[EXT_SPECIAL_USE] = "special-use",
	[EXT_SUBADDRESS] = "subaddress",
	[EXT_VACATION] = "vacation",
	[EXT_VACATION_SECONDS] = "vacation-seconds",
	[EXT_VARIABLES] = "variables",
	[EXT_VIRUSTEST] = "virustest",
};

enum sieve_extension sieve_extension_find(struct slice name)
{
	for (int i = EXT_NONE + 1; i < EXT_COUNT; i++) {
		if (slice_equal(name, slice_from_str(names[i])))
			return (enum sieve_extension)i;
	}
	if (slice_equal(name, SLICE("comparator-i;octet")) ||
	    slice_equal(name, SLICE("comparator-i;ascii-casemap")))
		return EXT_COUNT;
	return EXT_NONE;
}

const char *sieve_extension_text(enum sieve_extension extension) { return names[extension]; }

const char *sieve_extension_name(size_t i) { return i + 1 < EXT_COUNT ? names[i + 1] : NULL; }
