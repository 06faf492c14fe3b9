/* Domain names: validity, the canonical form, IDNA. */
#include <arpa/inet.h>

#include <idn2.h>

#include "message/address.h"

/* A U-label in UTF-8 takes up to four octets where the A-label has one. */
#define DOMAIN_UNICODE_MAX (4 * ADDRESS_DOMAIN_MAX)

static inline bool is_label_byte(char c) { return byte_is_alnum(c) || c == '-' || c == '_'; }

bool domain_is_valid(struct slice domain)
{
	size_t label = 0;
	if (domain.len == 0 || domain.len > ADDRESS_DOMAIN_MAX)
		return false;
	for (size_t i = 0; i < domain.len; i++) {
		char c = domain.data[i];
		if (c == '.') {
			if (label == 0 || domain.data[i - 1] == '-')
				return false;
			label = 0;
		} else if (!is_label_byte(c) || (label == 0 && c == '-') ||
		           ++label > DOMAIN_LABEL_MAX) {
			return false;
		}
	}
	return label > 0 && domain.data[domain.len - 1] != '-';
}

static bool is_ip(int family, struct slice text)
{
	char copy[INET6_ADDRSTRLEN + 1];
	struct in6_addr parsed;
	if (text.len >= sizeof(copy) || slice_find_byte(text, '\0') >= 0)
		return false;
	memcpy(copy, text.data, text.len);
	copy[text.len] = '\0';
	return inet_pton(family, copy, &parsed) == 1;
}

/* General-address-literal = Standardized-tag ":" 1*dcontent */
static bool is_general_literal(struct slice inner)
{
	struct slice text = inner;
	struct slice tag = slice_split(&text, ':');
	if (tag.len == 0 || tag.data[tag.len - 1] == '-' || text.len == 0)
		return false;
	for (size_t i = 0; i < tag.len; i++)
		if (!byte_is_alnum(tag.data[i]) && tag.data[i] != '-')
			return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];
		if (c < '!' || c > '~' || (c >= '[' && c <= ']'))
			return false;
	}
	return true;
}

bool domain_is_literal(struct slice domain)
{
	if (domain.len < 3 || domain.len > ADDRESS_DOMAIN_MAX || domain.data[0] != '[' ||
	    domain.data[domain.len - 1] != ']')
		return false;
	struct slice inner = slice_sub(domain, 1, domain.len - 2);
	if (slice_starts_with_nocase(inner, SLICE("IPv6:")))
		return is_ip(AF_INET6, slice_from(inner, 5));
	return is_ip(AF_INET, inner) || is_general_literal(inner);
}

static bool to_ascii(struct arena *arena, struct slice domain, struct slice *out)
{
	char *result = NULL;
	if (domain.len > DOMAIN_UNICODE_MAX || !slice_is_utf8(domain) ||
	    slice_find_byte(domain, '\0') >= 0)
		return false;
	const char *text = arena_str(arena, domain);
	int rc = idn2_to_ascii_8z(text, &result, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
	if (rc != IDN2_OK)
		return false;
	*out = arena_lower(arena, slice_from_str(result));
	idn2_free(result);
	return domain_is_valid(*out);
}

bool domain_canonical(struct arena *arena, struct slice domain, struct slice *out)
{
	if (domain.len > 1 && domain.data[domain.len - 1] == '.')
		domain.len--;
	if (domain_is_valid(domain) || domain_is_literal(domain)) {
		*out = arena_lower(arena, domain);
		return true;
	}
	return !slice_is_ascii(domain) && to_ascii(arena, domain, out);
}

struct slice domain_to_unicode(struct arena *arena, struct slice domain)
{
	char *result = NULL;
	struct slice back;
	if (slice_find_nocase(domain, SLICE("xn--")) < 0 || !domain_is_valid(domain))
		return domain;
	if (idn2_to_unicode_8z8z(arena_str(arena, domain), &result, 0) != IDN2_OK)
		return domain;
	struct slice shown = slice_of(arena_str(arena, slice_from_str(result)), strlen(result));
	idn2_free(result);
	/* What doesn't lead back to the same name is a fake that could look like another. */
	if (!domain_canonical(arena, shown, &back) || !slice_equal_nocase(back, domain))
		return domain;
	return shown;
}
