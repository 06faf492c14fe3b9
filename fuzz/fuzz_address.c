/* Envelope addresses, domains and address lists. What is accepted must survive being written and
 * read again. */
#include "fuzz.h"

#include "message/address.h"
#include "message/address_list.h"

static void check_path(struct arena *arena, struct slice text)
{
	for (unsigned allow = 0; allow < 16; allow++) {
		struct address a, b, canonical;
		if (!address_parse(arena, text, allow, &a))
			continue;
		FUZZ_CHECK(allow & ADDRESS_ALLOW_UTF8 || !a.is_utf8);
		FUZZ_CHECK(a.domain.len > 0 || allow & ~(unsigned)ADDRESS_ALLOW_UTF8);
		struct slice path = address_path(arena, &a);
		FUZZ_CHECK(slice_find_byte(path, '\r') < 0 && slice_find_byte(path, '\n') < 0);
		FUZZ_CHECK(address_parse(arena, path, allow, &b));
		FUZZ_CHECK(slice_equal(a.local, b.local) && slice_equal(a.domain, b.domain));
		FUZZ_CHECK(address_canonical(arena, &a, &canonical));
		FUZZ_CHECK(address_canonical(arena, &canonical, &b));
		FUZZ_CHECK(slice_equal(canonical.domain, b.domain));
	}
}

static void check_domain(struct arena *arena, struct slice text)
{
	struct slice canonical, again;
	(void)domain_to_unicode(arena, text);
	if (!domain_canonical(arena, text, &canonical))
		return;
	FUZZ_CHECK(domain_is_valid(canonical) || domain_is_literal(canonical));
	FUZZ_CHECK(domain_canonical(arena, canonical, &again) && slice_equal(canonical, again));
}

static void check_list(struct arena *arena, struct slice text)
{
	struct address_list list = address_list_parse(arena, text, 1000);
	struct buf out = buf_make(text.len * 16 + 4096);
	size_t groups = 0;
	for (size_t i = 0; i < list.count; i++) {
		const struct address_entry *e = &list.entries[i];
		groups += e->kind == ADDRESS_ENTRY_GROUP;
		groups -= e->kind == ADDRESS_ENTRY_GROUP_END;
		FUZZ_CHECK(groups <= 1);
		buf_clear(&out);
		(void)address_list_format(arena, e->name, e->local, e->domain, &out);
	}
	FUZZ_CHECK(groups == 0 || list.truncated);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new();
	struct slice text = fuzz_input(data, size);
	check_path(arena, text);
	check_domain(arena, text);
	check_list(arena, text);
	arena_free(arena);
	return 0;
}
