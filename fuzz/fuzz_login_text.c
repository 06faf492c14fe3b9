/* What people type where they log in, and what operators write about it. */
#include "auth/app_secret.h"
#include "auth/ldap_filter.h"
#include "auth/password_scheme.h"
#include "directory/app_password.h"
#include "directory/send_as.h"
#include "fuzz.h"

/* A value in a filter stays a value: no bracket, no asterisk and no NUL comes out of it. */
static void check_filter(struct arena *arena, struct slice input)
{
	struct slice domain = input, local = slice_split(&domain, '\n');
	struct slice template = SLICE("(&(mail=%u)(uid=%n)(o=%d))");
	const char *filter = ldap_filter(arena, template, local, domain);
	size_t opened = 0, closed = 0;
	for (; filter && *filter; filter++) {
		opened += *filter == '(';
		closed += *filter == ')';
		FUZZ_CHECK(*filter >= ' ' && *filter <= '~' && *filter != '*');
	}
	FUZZ_CHECK(opened == closed && (opened == 4 || !filter));
}

static void check_texts(struct arena *arena, struct slice input)
{
	char digest[APP_DIGEST_TEXT], scopes_text[APP_SCOPES_TEXT];
	struct send_as send_as;
	unsigned scopes, again;
	if (app_secret_digest(input, digest))
		FUZZ_CHECK(strlen(digest) == APP_DIGEST_TEXT - 1);
	if (app_scopes_parse(input, &scopes)) {
		app_scopes_text(scopes, scopes_text);
		FUZZ_CHECK(app_scopes_parse(slice_from_str(scopes_text), &again) &&
		           again == scopes);
	}
	if (send_as_parse(arena, input, &send_as) == 0) {
		for (size_t i = 0; i < send_as.count; i++)
			FUZZ_CHECK(send_as.entries[i].len > 0);
	}
	(void)password_scheme_is_known(input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = fuzz_input(data, size);
	struct arena *arena = arena_new();
	check_filter(arena, input);
	check_texts(arena, input);
	arena_free(arena);
	return 0;
}
