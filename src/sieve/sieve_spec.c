/* Every command and test: what it may have, and who does it. */
#include "sieve/sieve_machine.h"

/* clang-format off */
static const struct sieve_tag match_tags[] = {
	{ "comparator", SLOT_COMPARATOR, 0, ARG_STRING, EXT_NONE, true },
	{ "is", SLOT_MATCH, MATCH_IS, ARG_ALONE, EXT_NONE, false },
	{ "contains", SLOT_MATCH, MATCH_CONTAINS, ARG_ALONE, EXT_NONE, false },
	{ "matches", SLOT_MATCH, MATCH_MATCHES, ARG_ALONE, EXT_NONE, false },
	{ "value", SLOT_MATCH, MATCH_VALUE, ARG_STRING, EXT_RELATIONAL, true },
	{ "count", SLOT_MATCH, MATCH_COUNT, ARG_STRING, EXT_RELATIONAL, true },
	{ "list", SLOT_MATCH, MATCH_LIST, ARG_ALONE, EXT_EXTLISTS, false },
	{ .name = NULL },
};
static const struct sieve_tag address_tags[] = {
	{ "all", SLOT_ADDRESS_PART, PART_ALL, ARG_ALONE, EXT_NONE, false },
	{ "localpart", SLOT_ADDRESS_PART, PART_LOCAL, ARG_ALONE, EXT_NONE, false },
	{ "domain", SLOT_ADDRESS_PART, PART_DOMAIN, ARG_ALONE, EXT_NONE, false },
	{ "user", SLOT_ADDRESS_PART, PART_USER, ARG_ALONE, EXT_SUBADDRESS, false },
	{ "detail", SLOT_ADDRESS_PART, PART_DETAIL, ARG_ALONE, EXT_SUBADDRESS, false },
	{ .name = NULL },
};
static const struct sieve_tag index_tags[] = {
	{ "index", SLOT_INDEX, 0, ARG_NUMBER, EXT_INDEX, false },
	{ "last", SLOT_LAST, 0, ARG_ALONE, EXT_INDEX, false },
	{ .name = NULL },
};
static const struct sieve_tag mime_tags[] = {
	{ "mime", SLOT_MIME, 0, ARG_ALONE, EXT_MIME, false },
	{ "anychild", SLOT_ANYCHILD, 0, ARG_ALONE, EXT_MIME, false },
	{ .name = NULL },
};
static const struct sieve_tag mime_option_tags[] = {
	{ "type", SLOT_MIME_OPTION, MIME_TYPE, ARG_ALONE, EXT_MIME, false },
	{ "subtype", SLOT_MIME_OPTION, MIME_SUBTYPE, ARG_ALONE, EXT_MIME, false },
	{ "contenttype", SLOT_MIME_OPTION, MIME_CONTENTTYPE, ARG_ALONE, EXT_MIME, false },
	{ "param", SLOT_MIME_OPTION, MIME_PARAM, ARG_LIST, EXT_MIME, false },
	{ .name = NULL },
};
static const struct sieve_tag body_tags[] = {
	{ "raw", SLOT_BODY, BODY_RAW, ARG_ALONE, EXT_NONE, false },
	{ "text", SLOT_BODY, BODY_TEXT, ARG_ALONE, EXT_NONE, false },
	{ "content", SLOT_BODY, BODY_CONTENT, ARG_LIST, EXT_NONE, false },
	{ .name = NULL },
};
static const struct sieve_tag size_tags[] = {
	{ "over", SLOT_SIZE, 0, ARG_ALONE, EXT_NONE, false },
	{ "under", SLOT_SIZE, 1, ARG_ALONE, EXT_NONE, false },
	{ .name = NULL },
};
static const struct sieve_tag zone_tags[] = {
	{ "zone", SLOT_ZONE, 0, ARG_STRING, EXT_NONE, false },
	{ "originalzone", SLOT_ZONE, 1, ARG_ALONE, EXT_NONE, false },
	{ .name = NULL },
};
static const struct sieve_tag currentzone_tags[] = {
	{ "zone", SLOT_ZONE, 0, ARG_STRING, EXT_NONE, false },
	{ .name = NULL },
};
static const struct sieve_tag copy_tags[] = {
	{ "copy", SLOT_COPY, 0, ARG_ALONE, EXT_COPY, false },
	{ .name = NULL },
};
static const struct sieve_tag flags_tags[] = {
	{ "flags", SLOT_FLAGS, 0, ARG_LIST, EXT_IMAP4FLAGS, false },
	{ .name = NULL },
};
static const struct sieve_tag folder_tags[] = {
	{ "create", SLOT_CREATE, 0, ARG_ALONE, EXT_MAILBOX, false },
	{ "mailboxid", SLOT_MAILBOX_ID, 0, ARG_STRING, EXT_MAILBOXID, false },
	{ "specialuse", SLOT_SPECIAL_USE, 0, ARG_STRING, EXT_SPECIAL_USE, false },
	{ .name = NULL },
};
static const struct sieve_tag redirect_tags[] = {
	{ "list", SLOT_LIST, 0, ARG_ALONE, EXT_EXTLISTS, false },
	{ "notify", SLOT_DSN_NOTIFY, 0, ARG_STRING, EXT_REDIRECT_DSN, false },
	{ "ret", SLOT_DSN_RET, 0, ARG_STRING, EXT_REDIRECT_DSN, false },
	{ .name = NULL },
};
static const struct sieve_tag fcc_tags[] = {
	{ "fcc", SLOT_FCC, 0, ARG_STRING, EXT_FCC, false },
	{ .name = NULL },
};
static const struct sieve_tag vacation_tags[] = {
	{ "days", SLOT_DAYS, 0, ARG_NUMBER, EXT_NONE, false },
	{ "seconds", SLOT_DAYS, 1, ARG_NUMBER, EXT_VACATION_SECONDS, false },
	{ "subject", SLOT_SUBJECT, 0, ARG_STRING, EXT_NONE, false },
	{ "from", SLOT_FROM, 0, ARG_STRING, EXT_NONE, false },
	{ "addresses", SLOT_ADDRESSES, 0, ARG_LIST, EXT_NONE, false },
	{ "mime", SLOT_MIME, 0, ARG_ALONE, EXT_NONE, false },
	{ "handle", SLOT_HANDLE, 0, ARG_STRING, EXT_NONE, false },
	{ .name = NULL },
};
static const struct sieve_tag notify_tags[] = {
	{ "from", SLOT_FROM, 0, ARG_STRING, EXT_NONE, false },
	{ "importance", SLOT_IMPORTANCE, 0, ARG_STRING, EXT_NONE, false },
	{ "options", SLOT_OPTIONS, 0, ARG_LIST, EXT_NONE, false },
	{ "message", SLOT_MESSAGE, 0, ARG_STRING, EXT_NONE, false },
	{ .name = NULL },
};
static const struct sieve_tag set_tags[] = {
	{ "lower", SLOT_CASE, 0, ARG_ALONE, EXT_NONE, false },
	{ "upper", SLOT_CASE, 1, ARG_ALONE, EXT_NONE, false },
	{ "lowerfirst", SLOT_CASE_FIRST, 0, ARG_ALONE, EXT_NONE, false },
	{ "upperfirst", SLOT_CASE_FIRST, 1, ARG_ALONE, EXT_NONE, false },
	{ "quotewildcard", SLOT_QUOTE, 0, ARG_ALONE, EXT_NONE, false },
	{ "encodeurl", SLOT_ENCODE, 0, ARG_ALONE, EXT_ENOTIFY, false },
	{ "length", SLOT_LENGTH, 0, ARG_ALONE, EXT_NONE, false },
	{ .name = NULL },
};
static const struct sieve_tag addheader_tags[] = {
	{ "last", SLOT_LAST, 0, ARG_ALONE, EXT_NONE, false },
	{ .name = NULL },
};
static const struct sieve_tag deleteheader_tags[] = {
	{ "index", SLOT_INDEX, 0, ARG_NUMBER, EXT_NONE, false },
	{ "last", SLOT_LAST, 0, ARG_ALONE, EXT_NONE, false },
	{ .name = NULL },
};
static const struct sieve_tag include_tags[] = {
	{ "personal", SLOT_LOCATION, SIEVE_PERSONAL, ARG_ALONE, EXT_NONE, false },
	{ "global", SLOT_LOCATION, SIEVE_GLOBAL, ARG_ALONE, EXT_NONE, false },
	{ "once", SLOT_ONCE, 0, ARG_ALONE, EXT_NONE, false },
	{ "optional", SLOT_OPTIONAL, 0, ARG_ALONE, EXT_NONE, false },
	{ .name = NULL },
};
static const struct sieve_tag duplicate_tags[] = {
	{ "handle", SLOT_HANDLE, 0, ARG_STRING, EXT_NONE, false },
	{ "header", SLOT_ID, 0, ARG_STRING, EXT_NONE, false },
	{ "uniqueid", SLOT_ID, 1, ARG_STRING, EXT_NONE, false },
	{ "seconds", SLOT_DAYS, 1, ARG_NUMBER, EXT_NONE, false },
	{ "last", SLOT_LAST, 0, ARG_ALONE, EXT_NONE, false },
	{ .name = NULL },
};
static const struct sieve_tag name_tags[] = {
	{ "name", SLOT_NAME, 0, ARG_STRING, EXT_NONE, true },
	{ .name = NULL },
};
static const struct sieve_tag first_tags[] = {
	{ "first", SLOT_FIRST, 0, ARG_NUMBER, EXT_NONE, false },
	{ .name = NULL },
};
static const struct sieve_tag percent_tags[] = {
	{ "percent", SLOT_PERCENT, 0, ARG_ALONE, EXT_SPAMTESTPLUS, false },
	{ .name = NULL },
};
static const struct sieve_tag replace_tags[] = {
	{ "mime", SLOT_MIME, 0, ARG_ALONE, EXT_NONE, false },
	{ "subject", SLOT_SUBJECT, 0, ARG_STRING, EXT_NONE, false },
	{ "from", SLOT_FROM, 0, ARG_STRING, EXT_NONE, false },
	{ .name = NULL },
};
static const struct sieve_tag enclose_tags[] = {
	{ "subject", SLOT_SUBJECT, 0, ARG_STRING, EXT_NONE, false },
	{ "headers", SLOT_HEADERS, 0, ARG_LIST, EXT_NONE, false },
	{ .name = NULL },
};

#define COMMAND(name_, ext_, positions_, act_)                                                     \
	.name = (name_), .kind = SPEC_COMMAND, .extension = (ext_), .positions = (positions_),     \
	.act = (act_)
#define TEST(name_, ext_, positions_, test_)                                                       \
	.name = (name_), .kind = SPEC_TEST, .extension = (ext_), .positions = (positions_),        \
	.test = (test_)
#define FLOW(name_, kind_, flow_, ext_)                                                            \
	.name = (name_), .kind = (kind_), .flow = (flow_), .extension = (ext_), .positions = ""

static const struct sieve_spec specs[] = {
	/* RFC 5228, control */
	{ FLOW("require", SPEC_COMMAND, FLOW_REQUIRE, EXT_NONE) },
	{ FLOW("if", SPEC_COMMAND, FLOW_IF, EXT_NONE) },
	{ FLOW("elsif", SPEC_COMMAND, FLOW_ELSIF, EXT_NONE) },
	{ FLOW("else", SPEC_COMMAND, FLOW_ELSE, EXT_NONE) },
	{ FLOW("stop", SPEC_COMMAND, FLOW_STOP, EXT_NONE) },
	{ FLOW("not", SPEC_TEST, FLOW_NOT, EXT_NONE) },
	{ FLOW("anyof", SPEC_TEST, FLOW_ANY, EXT_NONE) },
	{ FLOW("allof", SPEC_TEST, FLOW_ALL, EXT_NONE) },
	{ FLOW("true", SPEC_TEST, FLOW_TRUE, EXT_NONE) },
	{ FLOW("false", SPEC_TEST, FLOW_FALSE, EXT_NONE) },
	/* RFC 5228, actions */
	{ COMMAND("keep", EXT_NONE, "", sieve_do_keep), .tags = { flags_tags },
	  .check = sieve_check_flags },
	{ COMMAND("discard", EXT_NONE, "", sieve_do_discard) },
	{ COMMAND("fileinto", EXT_FILEINTO, "S", sieve_do_fileinto),
	  .tags = { copy_tags, flags_tags, folder_tags }, .check = sieve_check_fileinto },
	{ COMMAND("redirect", EXT_NONE, "S", sieve_do_redirect),
	  .tags = { copy_tags, redirect_tags }, .check = sieve_check_redirect },
	/* RFC 5228, tests */
	{ TEST("header", EXT_NONE, "LL", sieve_test_header),
	  .tags = { match_tags, index_tags, mime_tags, mime_option_tags },
	  .check = sieve_check_match },
	{ TEST("address", EXT_NONE, "LL", sieve_test_address),
	  .tags = { match_tags, address_tags, index_tags, mime_tags }, .check = sieve_check_match },
	{ TEST("envelope", EXT_ENVELOPE, "LL", sieve_test_envelope),
	  .tags = { match_tags, address_tags }, .check = sieve_check_envelope },
	{ TEST("exists", EXT_NONE, "L", sieve_test_exists), .tags = { mime_tags },
	  .check = sieve_check_match },
	{ TEST("size", EXT_NONE, "N", sieve_test_size), .tags = { size_tags },
	  .check = sieve_check_size },
	/* RFC 5173 */
	{ TEST("body", EXT_BODY, "L", sieve_test_body), .tags = { match_tags, body_tags },
	  .check = sieve_check_match },
	/* RFC 5229 */
	{ COMMAND("set", EXT_VARIABLES, "sS", sieve_do_set), .tags = { set_tags },
	  .check = sieve_check_set },
	{ TEST("string", EXT_VARIABLES, "LL", sieve_test_string), .tags = { match_tags },
	  .check = sieve_check_match },
	/* RFC 5230, 6131 */
	{ COMMAND("vacation", EXT_VACATION, "S", sieve_do_vacation),
	  .tags = { vacation_tags, fcc_tags, flags_tags, folder_tags },
	  .check = sieve_check_vacation },
	/* RFC 5232 */
	{ COMMAND("setflag", EXT_IMAP4FLAGS, "?sL", sieve_do_setflag), .check = sieve_check_flags },
	{ COMMAND("addflag", EXT_IMAP4FLAGS, "?sL", sieve_do_addflag), .check = sieve_check_flags },
	{ COMMAND("removeflag", EXT_IMAP4FLAGS, "?sL", sieve_do_removeflag),
	  .check = sieve_check_flags },
	{ TEST("hasflag", EXT_IMAP4FLAGS, "?lL", sieve_test_hasflag), .tags = { match_tags },
	  .check = sieve_check_flags },
	/* RFC 5235 */
	{ TEST("spamtest", EXT_SPAMTEST, "S", sieve_test_spamtest),
	  .or_extension = EXT_SPAMTESTPLUS, .tags = { match_tags, percent_tags },
	  .check = sieve_check_match },
	{ TEST("virustest", EXT_VIRUSTEST, "S", sieve_test_virustest), .tags = { match_tags },
	  .check = sieve_check_match },
	/* RFC 5260 */
	{ TEST("date", EXT_DATE, "SSL", sieve_test_date),
	  .tags = { match_tags, zone_tags, index_tags }, .check = sieve_check_date },
	{ TEST("currentdate", EXT_DATE, "SL", sieve_test_currentdate),
	  .tags = { match_tags, currentzone_tags }, .check = sieve_check_currentdate },
	/* RFC 5293 */
	{ COMMAND("addheader", EXT_EDITHEADER, "SS", sieve_do_addheader),
	  .tags = { addheader_tags }, .check = sieve_check_edit },
	{ COMMAND("deleteheader", EXT_EDITHEADER, "S+L", sieve_do_deleteheader),
	  .tags = { match_tags, deleteheader_tags }, .check = sieve_check_edit },
	/* RFC 5429 */
	{ COMMAND("reject", EXT_REJECT, "S", sieve_do_reject) },
	{ COMMAND("ereject", EXT_EREJECT, "S", sieve_do_ereject) },
	/* RFC 5435 */
	{ COMMAND("notify", EXT_ENOTIFY, "S", sieve_do_notify),
	  .tags = { notify_tags, fcc_tags, flags_tags, folder_tags },
	  .check = sieve_check_notify },
	{ TEST("valid_notify_method", EXT_ENOTIFY, "L", sieve_test_valid_method) },
	{ TEST("notify_method_capability", EXT_ENOTIFY, "SSL", sieve_test_method_capability),
	  .tags = { match_tags }, .check = sieve_check_match },
	/* RFC 5463 */
	{ FLOW("ihave", SPEC_TEST, FLOW_HAVE, EXT_IHAVE) },
	{ COMMAND("error", EXT_IHAVE, "S", sieve_do_error) },
	/* RFC 5183 */
	{ TEST("environment", EXT_ENVIRONMENT, "SL", sieve_test_environment),
	  .tags = { match_tags }, .check = sieve_check_match },
	/* RFC 5490, 9042, 8579 */
	{ TEST("mailboxexists", EXT_MAILBOX, "L", sieve_test_mailboxexists) },
	{ TEST("mailboxidexists", EXT_MAILBOXID, "L", sieve_test_mailboxidexists) },
	{ TEST("specialuse_exists", EXT_SPECIAL_USE, "?SL", sieve_test_specialuse) },
	/* RFC 5703 */
	{ FLOW("foreverypart", SPEC_COMMAND, FLOW_EACH_PART, EXT_FOREVERYPART),
	  .act = sieve_do_each_part, .tags = { name_tags } },
	{ FLOW("break", SPEC_COMMAND, FLOW_BREAK, EXT_FOREVERYPART), .tags = { name_tags } },
	{ COMMAND("extracttext", EXT_EXTRACTTEXT, "s", sieve_do_extracttext),
	  .tags = { first_tags, set_tags }, .check = sieve_check_set },
	{ COMMAND("replace", EXT_REPLACE, "S", sieve_do_replace), .tags = { replace_tags },
	  .check = sieve_check_replace },
	{ COMMAND("enclose", EXT_ENCLOSE, "S", sieve_do_enclose), .tags = { enclose_tags } },
	/* RFC 6134 */
	{ TEST("valid_ext_list", EXT_EXTLISTS, "L", sieve_test_valid_list) },
	/* RFC 6609 */
	{ COMMAND("include", EXT_INCLUDE, "s", sieve_do_include), .tags = { include_tags },
	  .check = sieve_check_include },
	{ FLOW("return", SPEC_COMMAND, FLOW_RETURN, EXT_INCLUDE) },
	{ COMMAND("global", EXT_INCLUDE, "l", sieve_do_global), .check = sieve_check_global },
	/* RFC 7352 */
	{ TEST("duplicate", EXT_DUPLICATE, "", sieve_test_duplicate),
	  .tags = { duplicate_tags } },
};
/* clang-format on */

const struct sieve_spec *sieve_spec_find(enum sieve_spec_kind kind, struct slice name)
{
	for (size_t i = 0; i < sizeof(specs) / sizeof(*specs); i++) {
		if (specs[i].kind == kind &&
		    slice_equal_nocase(name, slice_from_str(specs[i].name)))
			return &specs[i];
	}
	return NULL;
}
