/* Putting in what macros stand for: RFC 7208 section 7. */
#include "base/buf.h"
#include "base/clock.h"
#include "trust/spf_internal.h"

enum { EXPANDED_MAX = 16 * 1024 };

bool spf_is_below(struct slice name, struct slice domain)
{
	if (name.len <= domain.len)
		return slice_equal_nocase(name, domain);
	return name.data[name.len - domain.len - 1] == '.' && slice_ends_with_nocase(name, domain);
}

/* --- values ------------------------------------------------------------------------------ */

/* "192.0.2.3", "2.0.0.1.0.d.b.8 ...": each digit of an IPv6 address is a part. */
static struct slice ip_value(const struct spf_run *r)
{
	static const char digits[] = "0123456789abcdef";
	const uint8_t *ip = r->client.v6.sin6_addr.s6_addr;
	char *text = arena_alloc(r->arena, NET_ADDRESS_TEXT_MAX);
	if (!r->v6)
		return slice_from_str(net_address_ip(&r->client, text));
	for (size_t i = 0; i < 16; i++) {
		text[4 * i] = digits[ip[i] >> 4];
		text[4 * i + 2] = digits[ip[i] & 15];
		text[4 * i + 1] = text[4 * i + 3] = '.';
	}
	return slice_of(text, 63);
}

static struct slice sender_value(const struct spf_run *r)
{
	const struct slice parts[] = { r->q->local, SLICE("@"), r->q->domain };
	return arena_concat(r->arena, parts, 3);
}

/* The domain itself, else one below it, else any: section 7.3. */
static struct slice name_value(const struct spf_run *r, struct slice domain)
{
	struct slice best = SLICE("unknown");
	int rank = 0;
	for (size_t i = 0; i < r->name_count; i++) {
		struct slice name = slice_from_str(r->names[i]);
		int is = slice_equal_nocase(name, domain) ? 3 : spf_is_below(name, domain) ? 2 : 1;
		if (is > rank) {
			rank = is;
			best = name;
		}
	}
	return best;
}

static struct slice readable_ip(const struct spf_run *r)
{
	char *text = arena_alloc(r->arena, NET_ADDRESS_TEXT_MAX);
	return slice_from_str(net_address_ip(&r->client, text));
}

static struct slice value_of(const struct spf_run *r, char letter, struct slice domain)
{
	switch (letter) {
	case 's':
		return sender_value(r);
	case 'l':
		return r->q->local;
	case 'o':
		return r->q->domain;
	case 'd':
		return domain;
	case 'i':
		return ip_value(r);
	case 'p':
		return name_value(r, domain);
	case 'v':
		return r->v6 ? SLICE("ip6") : SLICE("in-addr");
	case 'h':
		return r->q->helo;
	case 'c':
		return readable_ip(r);
	case 'r':
		return r->q->receiver;
	default:
		return slice_from_str(
			arena_printf(r->arena, "%lld", (long long)(clock_wall_ms() / 1000)));
	}
}

/* --- transforming ------------------------------------------------------------------------ */

static bool is_unreserved(char c) { return byte_is_alnum(c) || (c && strchr("-._~", c)); }

static void put(struct buf *out, struct slice part, bool escape)
{
	for (size_t i = 0; escape && i < part.len; i++) {
		if (is_unreserved(part.data[i]))
			buf_append_byte(out, part.data[i]);
		else
			buf_printf(out, "%%%02X", (unsigned char)part.data[i]);
	}
	if (!escape)
		buf_append(out, part);
}

static size_t split(struct slice value, struct slice delimiters, struct slice *parts)
{
	size_t count = 0, begin = 0;
	for (size_t i = 0; i <= value.len; i++) {
		if (i < value.len && slice_find_byte(delimiters, value.data[i]) < 0)
			continue;
		parts[count++] = slice_sub(value, begin, i - begin);
		begin = i + 1;
	}
	return count;
}

static void put_macro(struct spf_run *r, const struct spf_macro *m, struct slice domain,
                      struct buf *out)
{
	struct slice value = value_of(r, m->letter, domain);
	struct slice *parts = ARENA_ARRAY(r->arena, value.len + 1, struct slice);
	size_t count = split(value, m->delimiters, parts);
	size_t first = m->parts > 0 && m->parts < count ? count - m->parts : 0;
	for (size_t i = first; i < count; i++) {
		if (i > first)
			buf_append_byte(out, '.');
		put(out, parts[m->reverse ? count - 1 - i : i], m->escape);
	}
}

/* %{p} counts like a term. */
static bool may_ask_names(struct spf_run *r)
{
	if (!r->names_asked && !spf_count_lookup(r))
		return false;
	spf_ask_names(r);
	return true;
}

bool spf_expand(struct spf_run *r, struct slice text, struct slice domain, bool explanation,
                struct slice *out)
{
	struct cursor c = cursor_of(text);
	struct buf b = buf_make(EXPANDED_MAX);
	struct slice literal;
	struct spf_macro macro;
	bool ok = true;
	while (ok && !cursor_at_end(&c)) {
		ok = spf_take_piece(&c, explanation, &literal, &macro) &&
		     (macro.letter != 'p' || may_ask_names(r)) && !buf_failed(&b);
		if (ok && macro.letter)
			put_macro(r, &macro, domain, &b);
		else if (ok)
			buf_append(&b, literal);
	}
	ok = ok && !buf_failed(&b);
	if (ok)
		*out = arena_copy(r->arena, buf_slice(&b));
	buf_free(&b);
	return ok;
}
