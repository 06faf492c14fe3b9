#include "message/address.h"

#include <stdlib.h>
#include <unicase.h>
#include <uninorm.h>

/* A U-label in UTF-8 takes up to four octets where the A-label has one. */
#define DOMAIN_UNICODE_MAX (4 * ADDRESS_DOMAIN_MAX)

static bool is_atext(char c)
{
	return byte_is_alnum(c) || (c > ' ' && c < 0x7F && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

static bool is_atext_utf8(char c) { return is_atext(c) || (c & 0x80); }
static bool is_dot_atext(char c) { return is_atext(c) || c == '.'; }
static bool is_dot_atext_utf8(char c) { return is_atext_utf8(c) || c == '.'; }
static bool is_domain_byte(char c) { return byte_is_alnum(c) || c == '-' || c == '.' || c == '_'; }
static bool is_domain_byte_utf8(char c) { return is_domain_byte(c) || (c & 0x80); }

/* atom *("." atom): no dot at either end, no two in a row. */
static bool is_dot_string(struct slice s)
{
	return s.len > 0 && s.data[0] != '.' && s.data[s.len - 1] != '.' &&
	       slice_find(s, SLICE("..")) < 0;
}

/* Quoted-string = DQUOTE *( qtextSMTP / "\" %d32-126 ) DQUOTE; here behind the first DQUOTE */
static bool take_quoted(struct cursor *c, struct arena *arena, bool utf8, struct slice *out)
{
	struct cursor at = *c;
	char local[ADDRESS_LOCAL_MAX];
	size_t len = 0;
	char b;
	for (;;) {
		if (!take_any(&at, &b))
			return false;
		if (b == '"')
			break;
		if (b == '\\' && (!take_any(&at, &b) || (b & 0x80)))
			return false;
		bool allowed = (b >= ' ' && b < 0x7F) || (utf8 && (b & 0x80));
		if (!allowed || len == sizeof(local))
			return false;
		local[len++] = b;
	}
	*out = arena_copy(arena, slice_of(local, len));
	*c = at;
	return true;
}

static bool take_local(struct cursor *c, struct arena *arena, bool utf8, struct slice *out)
{
	struct cursor at = *c;
	if (take_byte(&at, '"')) {
		if (!take_quoted(&at, arena, utf8, out))
			return false;
	} else if (!take_while(&at, utf8 ? is_dot_atext_utf8 : is_dot_atext, ADDRESS_LOCAL_MAX,
	                       out) ||
	           !is_dot_string(*out)) {
		return false;
	}
	if (utf8 && !slice_is_utf8(*out))
		return false;
	*c = at;
	return true;
}

static bool take_literal(struct cursor *c, struct slice *out)
{
	struct cursor at = *c;
	struct slice inner;
	if (!take_until(&at, ']', ADDRESS_DOMAIN_MAX, &inner) || !take_byte(&at, ']'))
		return false;
	*out = slice_of(c->at, (size_t)(at.at - c->at));
	if (!domain_is_literal(*out))
		return false;
	*c = at;
	return true;
}

static bool take_domain(struct cursor *c, struct arena *arena, bool utf8, struct slice *out)
{
	struct cursor at = *c;
	struct slice ascii;
	if (cursor_peek(c) == '[')
		return take_literal(c, out);
	if (!take_while(&at, utf8 ? is_domain_byte_utf8 : is_domain_byte, DOMAIN_UNICODE_MAX, out))
		return false;
	if (slice_is_ascii(*out) ? !domain_is_valid(*out) : !domain_canonical(arena, *out, &ascii))
		return false;
	*c = at;
	return true;
}

bool take_mailbox(struct cursor *c, struct arena *arena, unsigned allow, struct address *out)
{
	struct cursor at = *c;
	struct address a = { .domain = SLICE_EMPTY };
	bool utf8 = allow & ADDRESS_ALLOW_UTF8;
	if (!take_local(&at, arena, utf8, &a.local))
		return false;
	if (take_byte(&at, '@')) {
		if (!take_domain(&at, arena, utf8, &a.domain))
			return false;
	} else if (a.local.len == 0 || !(allow & ADDRESS_ALLOW_LOCAL ||
	                                 (allow & ADDRESS_ALLOW_POSTMASTER &&
	                                  slice_equal_nocase(a.local, SLICE("postmaster"))))) {
		return false;
	}
	a.is_literal = a.domain.len > 0 && a.domain.data[0] == '[';
	a.is_utf8 = !slice_is_ascii(a.local) || !slice_is_ascii(a.domain);
	*out = a;
	*c = at;
	return true;
}

/* A-d-l = At-domain *( "," At-domain ) ":" */
static bool skip_source_route(struct cursor *c, struct arena *arena, bool utf8)
{
	struct cursor at = *c;
	struct slice domain;
	do {
		if (!take_byte(&at, '@') || !take_domain(&at, arena, utf8, &domain))
			return false;
	} while (take_byte(&at, ','));
	if (!take_byte(&at, ':'))
		return false;
	*c = at;
	return true;
}

bool take_path(struct cursor *c, struct arena *arena, unsigned allow, struct address *out)
{
	struct cursor at = *c;
	if (!take_byte(&at, '<'))
		return false;
	if (allow & ADDRESS_ALLOW_NULL && take_byte(&at, '>')) {
		*out = (struct address){ .local = SLICE_EMPTY, .domain = SLICE_EMPTY };
		*c = at;
		return true;
	}
	/* A longer one can't be right, and must not be searched for its end. */
	if (cursor_left(&at) > ADDRESS_PATH_MAX)
		at.end = at.at + ADDRESS_PATH_MAX;
	if (cursor_peek(&at) == '@' && !skip_source_route(&at, arena, allow & ADDRESS_ALLOW_UTF8))
		return false;
	struct address a;
	if (!take_mailbox(&at, arena, allow, &a) || !take_byte(&at, '>'))
		return false;
	*out = a;
	c->at = at.at;
	return true;
}

bool address_parse(struct arena *arena, struct slice text, unsigned allow, struct address *out)
{
	struct cursor c = cursor_of(text);
	struct address a;
	bool taken = cursor_peek(&c) == '<' ? take_path(&c, arena, allow, &a)
	                                    : take_mailbox(&c, arena, allow, &a);
	if (!taken || !cursor_at_end(&c))
		return false;
	*out = a;
	return true;
}

static bool needs_quotes(struct slice local)
{
	for (size_t i = 0; i < local.len; i++)
		if (!is_dot_atext_utf8(local.data[i]))
			return true;
	return !is_dot_string(local);
}

static char *quote_local(char *at, struct slice local)
{
	*at++ = '"';
	for (size_t i = 0; i < local.len; i++) {
		if (local.data[i] == '"' || local.data[i] == '\\')
			*at++ = '\\';
		*at++ = local.data[i];
	}
	*at++ = '"';
	return at;
}

static struct slice format(struct arena *arena, const struct address *a, bool brackets)
{
	char *text = arena_alloc(arena, 2 * a->local.len + a->domain.len + 5), *at = text;
	if (brackets)
		*at++ = '<';
	if (address_is_null(a)) {
		/* nothing stands between the brackets */
	} else if (needs_quotes(a->local)) {
		at = quote_local(at, a->local);
	} else {
		memcpy(at, a->local.data, a->local.len);
		at += a->local.len;
	}
	if (a->domain.len > 0) {
		*at++ = '@';
		memcpy(at, a->domain.data, a->domain.len);
		at += a->domain.len;
	}
	if (brackets)
		*at++ = '>';
	return slice_of(text, (size_t)(at - text));
}

struct slice address_text(struct arena *arena, const struct address *a)
{
	return format(arena, a, false);
}

struct slice address_path(struct arena *arena, const struct address *a)
{
	return format(arena, a, true);
}

/* Whether an umlaut was typed as one character or as two, and in which case, is nothing that its
 * owner knows: RFC 6532 section 3.1 wants it composed. What is no UTF-8 stays as it is. */
static struct slice canonical_local(struct arena *arena, struct slice local)
{
	if (slice_is_ascii(local))
		return arena_lower(arena, local);
	size_t len = 0;
	uint8_t *lower = u8_tolower((const uint8_t *)local.data, local.len, NULL, UNINORM_NFC, NULL,
	                            &len);
	struct slice out = lower ? arena_copy(arena, slice_of(lower, len)) : local;
	free(lower);
	return out;
}

bool address_canonical(struct arena *arena, const struct address *a, struct address *out)
{
	struct address lower = *a;
	if (a->domain.len > 0 && !domain_canonical(arena, a->domain, &lower.domain))
		return false;
	lower.local = canonical_local(arena, a->local);
	lower.is_utf8 = !slice_is_ascii(lower.local);
	*out = lower;
	return true;
}
