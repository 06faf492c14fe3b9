/* IMAP URLs, as clients give them. */
#include "fuzz.h"

#include "message/imap_url.h"

static void check_names(const struct imap_url *url)
{
	const struct slice names[] = { url->user, url->mailbox, url->access_user };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		FUZZ_CHECK(!names[i].data || slice_is_utf8(names[i]));
		for (size_t j = 0; j < names[i].len; j++)
			FUZZ_CHECK(names[i].data[j] && !strchr("\r\n", names[i].data[j]));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = fuzz_input(data, size);
	struct arena *arena = arena_new();
	struct imap_url url, rump;
	if (imap_url_parse(input, arena, &url)) {
		check_names(&url);
		FUZZ_CHECK(url.uid > 0);
		FUZZ_CHECK(url.of_selected == (url.mailbox.len == 0));
		FUZZ_CHECK(url.absolute == (url.host.len > 0));
		FUZZ_CHECK((url.access == URL_ACCESS_NONE) == (url.rump.len == 0));
		FUZZ_CHECK((url.mechanism.len > 0) == (url.token.len > 0));
		/* What is authorized names the same message. */
		if (url.rump.len > 0) {
			FUZZ_CHECK(slice_starts_with(input, url.rump));
			FUZZ_CHECK(imap_url_parse(url.rump, arena, &rump));
			FUZZ_CHECK(rump.uid == url.uid && rump.token.len == 0);
			FUZZ_CHECK(slice_equal(rump.mailbox, url.mailbox));
		}
	}
	arena_free(arena);
	return 0;
}
