/* UTF8 and LANG: RFC 6856. */
#include "pop3/pop3_session.h"

/* utf8 = "UTF8"                                               RFC 6856, section 2.1 */
void pop3_utf8(struct pop3_session *s, struct slice argument)
{
	(void)argument;
	s->utf8 = true;
	pop3_say(s, POP3_OK_UTF8);
}

/* The first is what "*" asks for. */
static const struct {
	const char *tag, *name;
} languages[] = {
	{ "en", "English" },
	{ "i-default", "English, for everybody" },
};
enum { LANGUAGES = sizeof(languages) / sizeof(languages[0]) };

/* A basic language range (RFC 4647 section 3.3.1): the tag, or the subtags at its front. */
static bool is_in_range(const char *tag, struct slice range)
{
	struct slice all = slice_from_str(tag);
	return slice_equal(range, SLICE("*")) || slice_equal_nocase(range, all) ||
	       (slice_starts_with_nocase(all, range) && range.len < all.len &&
	        all.data[range.len] == '-');
}

/* lang = "LANG" [SP language-range]                           RFC 6856, section 3.2 */
void pop3_lang(struct pop3_session *s, struct slice argument)
{
	struct slice range = slice_trim(argument);
	for (size_t i = 0; range.len > 0 && i < LANGUAGES; i++) {
		if (is_in_range(languages[i].tag, range)) {
			pop3_printf(s, "+OK %s it is\r\n", languages[i].tag);
			return;
		}
	}
	if (range.len > 0) {
		pop3_say(s, POP3_ERR_LANGUAGE);
		return;
	}
	pop3_say(s, POP3_OK_LANGUAGES);
	for (size_t i = 0; i < LANGUAGES; i++)
		pop3_printf(s, "%s %s\r\n", languages[i].tag, languages[i].name);
	pop3_say_end(s);
}
