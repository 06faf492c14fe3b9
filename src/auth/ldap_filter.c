#include "auth/ldap_filter.h"

#include "base/buf.h"

enum { FILTER_MAX_BYTES = 16 * 1024 };

/* valueencoding = 0*(normal / escaped)                                RFC 4515, section 3
 * normal is any UTF-8 but NUL, "(", ")", "*" and "\"; here also no control characters, and no bytes
 * beyond ASCII, which need not be UTF-8. */
static void put_value(struct buf *out, struct slice value)
{
	for (size_t i = 0; i < value.len; i++) {
		unsigned char c = (unsigned char)value.data[i];
		if (c < ' ' || c > '~' || c == '(' || c == ')' || c == '*' || c == '\\')
			buf_printf(out, "\\%02x", c);
		else
			buf_append_byte(out, (char)c);
	}
}

static bool put_field(struct buf *out, char letter, struct slice local, struct slice domain)
{
	switch (letter) {
	case 'u':
		put_value(out, local);
		buf_append_byte(out, '@');
		put_value(out, domain);
		return true;
	case 'n':
		put_value(out, local);
		return true;
	case 'd':
		put_value(out, domain);
		return true;
	case '%':
		buf_append_byte(out, '%');
		return true;
	default:
		return false;
	}
}

/* False at a % that stands for nothing. */
static bool expand(struct buf *out, struct slice template, struct slice local, struct slice domain)
{
	for (size_t i = 0; i < template.len; i++) {
		if (template.data[i] != '%')
			buf_append_byte(out, template.data[i]);
		else if (++i == template.len || !put_field(out, template.data[i], local, domain))
			return false;
	}
	return !buf_failed(out);
}

const char *ldap_filter(struct arena *arena, struct slice template, struct slice local,
                        struct slice domain)
{
	struct buf text = buf_make(FILTER_MAX_BYTES);
	const char *filter = expand(&text, template, local, domain)
	                             ? arena_str(arena, buf_slice(&text))
	                             : NULL;
	buf_free(&text);
	return filter;
}
