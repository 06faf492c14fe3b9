/* Commands of IMAP: the arguments of a command go to every parser, whatever its name, and what
 * SEARCH understood is asked of a message. */
#include "fuzz.h"
#include "imap/imap_match.h"
#include "imap/imap_parse_notify.h"
#include "imap/imap_parse_quota.h"
#include "imap/imap_parse_sort.h"
#include "imap/imap_parse_url.h"
#include "imap/imap_utf7.h"
#include "mailbox/acl.h"

static void check_inside(struct slice whole, struct slice part)
{
	if (part.len > 0 &&
	    (part.data < whole.data || part.data + part.len > whole.data + whole.len))
		abort();
}

static void check_set(struct arena *arena, const struct imap_set *set)
{
	struct uid_set uids = imap_set_resolve(set, arena, 77);
	uint32_t greatest = imap_set_greatest(set);
	if (greatest > 77 && uids.count > 0 && uids.ranges[uids.count - 1].last < greatest)
		abort();
	for (size_t i = 0; i < uids.count; i++) {
		const struct uid_range *r = &uids.ranges[i];
		if (r->first == 0 || r->first > r->last ||
		    (i > 0 && uids.ranges[i - 1].last >= r->first))
			abort();
	}
}

static void check_partial(const struct imap_partial *partial)
{
	uint64_t first, count;
	if (!partial->given)
		return;
	imap_partial_resolve(partial, 77, &first, &count);
	if (count > 77 || (count > 0 && first > 77 - count))
		abort();
}

static void resolve_keys(struct arena *arena, struct imap_search_key *key)
{
	for (; key; key = key->next) {
		if (key->kind == SEARCH_SEQ || key->kind == SEARCH_UID)
			check_set(arena, &key->set);
		resolve_keys(arena, key->first);
	}
}

static void search(struct arena *arena, struct cursor c)
{
	static const char message[] =
		"Subject: =?utf-8?q?=C3=84?=\r\nContent-Type: multipart/mixed;"
		" boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b--\r\n";
	struct slice bytes = slice_of(message, sizeof(message) - 1);
	struct mailbox_item item = { .seq = 1, .uid = 1 };
	struct mailbox_message row = {
		.envelope = SLICE(
			"(\"Wed, 17 Jul 1996 23:30:00 -0700\" \"s\" ((NIL NIL \"a\" \"b\"))"
			" NIL NIL NIL NIL NIL NIL NIL)")
	};
	struct imap_relevance relevance = { 0 };
	struct imap_match m = {
		.item = &item, .row = &row, .bytes = &bytes, .relevance = &relevance
	};
	struct imap_search request;
	if (!imap_take_search(&c, arena, &request))
		return;
	resolve_keys(arena, request.root);
	check_partial(&request.partial);
	m.scratch = arena_new();
	if (imap_match(request.root, &m) == MATCH_UNKNOWN)
		abort();
	if (relevance.sum > relevance.count * 100)
		abort();
	arena_free(m.scratch);
}

static void names(struct arena *arena, struct slice input)
{
	struct slice utf8, again;
	if (imap_utf7_decode(arena, input, &utf8) == 0 &&
	    (imap_utf7_decode(arena, imap_utf7_encode(arena, utf8), &again) != 0 ||
	     !slice_equal(utf8, again)))
		abort();
	if (input.len < 1000)
		(void)imap_name_matches(slice_sub(input, 0, input.len / 2),
		                        slice_from(input, input.len / 2));
	(void)imap_fold(arena, input);
	check_inside(input, imap_first_id(input));
	for (unsigned field = ENVELOPE_DATE; field <= ENVELOPE_MESSAGE_ID; field++) {
		(void)imap_envelope_field(arena, input, (enum imap_envelope_field)field);
		(void)imap_envelope_address(arena, input, (enum imap_envelope_field)field,
		                            field & 1);
	}
}

static void rights(struct slice letters)
{
	char text[ACL_TEXT_MAX];
	unsigned rights, again;
	if (acl_parse(letters, &rights) &&
	    (!acl_parse(slice_from_str(acl_text(rights, true, text)), &again) ||
	     (rights & ~again) != 0))
		abort();
}

static void urls(struct arena *arena, struct cursor c)
{
	struct imap_url_argument url;
	struct cursor at = c;
	(void)imap_take_genurlauth(&at, arena, &url);
	at = c;
	if (imap_take_urlfetch(&at, arena, &url) && (url.what & URLFETCH_BODY) &&
	    (url.what & URLFETCH_BINARY))
		abort();
}

static void check_names(const struct imap_metadata *m)
{
	for (size_t i = 0; i < m->count; i++) {
		if (m->names[i].len == 0 || m->names[i].len > ANNOTATION_NAME_MAX)
			abort();
	}
}

static void metadata(struct arena *arena, struct cursor c)
{
	struct imap_metadata m;
	struct cursor at = c;
	if (imap_take_getmetadata(&at, arena, &m))
		check_names(&m);
	at = c;
	if (imap_take_setmetadata(&at, arena, &m))
		check_names(&m);
}

/* What begins with the space behind a mailbox, or a command: c is behind it. */
static void with_space(struct arena *arena, struct cursor c)
{
	struct slice parts[] = { SLICE(" "), slice_of(c.at, cursor_left(&c)) };
	struct cursor spaced = cursor_of(arena_concat(arena, parts, 2)), at = spaced;
	struct imap_select select;
	struct imap_append append;
	struct imap_fetch fetch = { 0 };
	if (imap_take_select(&at, arena, &select))
		check_set(arena, &select.known);
	at = spaced;
	(void)imap_take_append(&at, arena, &append);
	at = spaced;
	if (imap_take_fetch_modifiers(&at, &fetch))
		check_partial(&fetch.partial);
	metadata(arena, spaced);
	urls(arena, spaced);
}

static void arguments(struct arena *arena, struct slice whole, struct cursor c)
{
	struct cursor at;
	struct imap_fetch fetch;
	struct imap_store store;
	struct imap_list list;
	struct imap_search keys;
	struct imap_sort sort;
	enum imap_thread_kind thread;
	struct imap_notify_request notify;
	struct imap_filter filter;
	struct imap_set set;
	struct slice string;
	uint64_t limit[QUOTA_RESOURCES];
	unsigned items;
	bool is_nil;

	at = c;
	if (imap_take_set(&at, arena, &set)) {
		check_set(arena, &set);
		(void)imap_take_space(&at);
		c = at;
	}
	at = c;
	if (imap_take_fetch(&at, arena, &fetch)) {
		if (fetch.count == 0)
			abort();
		(void)imap_take_fetch_modifiers(&at, &fetch);
	}
	at = c;
	if (imap_take_sort(&at, arena, &sort) && (sort.count == 0 || !sort.search.root))
		abort();
	at = c;
	if (imap_take_thread(&at, arena, &thread, &keys) && !keys.root)
		abort();
	at = c;
	if (imap_take_notify(&at, arena, &notify) && notify.set && notify.count == 0)
		abort();
	at = c;
	if (imap_take_filter(&at, arena, &filter) && filter.count > IMAP_FILTER_NAMES_MAX)
		abort();
	at = c;
	(void)imap_take_store(&at, arena, &store);
	at = c;
	if (imap_take_list(&at, arena, &list) && list.pattern_count == 0)
		abort();
	at = c;
	(void)imap_take_status_items(&at, &items);
	at = c;
	(void)imap_take_quota_list(&at, limit);
	rights(cursor_rest(&c));
	with_space(arena, c);
	at = c;
	while (imap_take_nstring(&at, arena, &string, &is_nil) && imap_take_space(&at))
		;
	if (at.at < whole.data || at.at > whole.data + whole.len)
		abort();
	search(arena, c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = fuzz_input(data, size), tag, name, prefix;
	struct cursor c = cursor_of(input);
	struct arena *arena = arena_new();
	uint64_t literal;
	bool at_once;

	if (imap_line_literal(input, &literal, &at_once, &prefix)) {
		check_inside(input, prefix);
		(void)imap_is_append_message(prefix, arena);
	}
	if (imap_take_tag(&c, &tag) && imap_take_space(&c) && imap_take_atom(&c, &name)) {
		check_inside(input, tag);
		check_inside(input, name);
		(void)imap_take_space(&c);
		arguments(arena, input, c);
	}
	names(arena, input);
	arena_free(arena);
	return 0;
}
