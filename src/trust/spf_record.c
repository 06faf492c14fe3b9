#include "trust/spf_record.h"

#include "base/cursor.h"

enum { VERSION_LEN = 6, V4_BITS = 32, V6_BITS = 128, V4_MAPPED_BITS = 96 };

/* --- macros ------------------------------------------------------------------------------ */

static bool is_delimiter(char c) { return c != '\0' && strchr(".-+,/_=", c) != NULL; }

static bool is_literal(char c) { return c > ' ' && c < 0x7F && c != '%'; }

static bool is_spaced_literal(char c) { return c == ' ' || is_literal(c); }

/* transformers = *DIGIT [ "r" ] */
static bool take_transformers(struct cursor *c, struct spf_macro *m)
{
	struct slice digits;
	uint64_t parts = 0;
	if (take_while(c, byte_is_digit, SPF_MACRO_DIGITS_MAX, &digits)) {
		/* Of zero parts nothing would be left: section 7.1. */
		if (!slice_to_u64(digits, &parts) || parts == 0)
			return false;
	} else if (byte_is_digit((char)cursor_peek(c))) {
		return false;
	}
	m->parts = (unsigned)parts;
	m->reverse = take_byte_nocase(c, 'r');
	return true;
}

/* macro-expand = "%{" macro-letter transformers *delimiter "}" */
static bool take_macro(struct cursor *c, bool explanation, struct spf_macro *m)
{
	struct cursor at = *c;
	char letter;
	*m = (struct spf_macro){ .delimiters = SLICE(".") };
	if (!take_text(&at, SLICE("%{")) || !take_any(&at, &letter))
		return false;
	m->letter = byte_lower(letter);
	m->escape = letter != m->letter;
	if (letter == '\0' || !strchr(explanation ? "slodiphcrtv" : "slodiphv", m->letter) ||
	    !take_transformers(&at, m))
		return false;
	(void)take_while(&at, is_delimiter, cursor_left(&at), &m->delimiters);
	if (!take_byte(&at, '}'))
		return false;
	*c = at;
	return true;
}

static bool take_escaped(struct cursor *c, struct slice *literal)
{
	if (take_text(c, SLICE("%%")))
		*literal = SLICE("%");
	else if (take_text(c, SLICE("%_")))
		*literal = SLICE(" ");
	else if (take_text(c, SLICE("%-")))
		*literal = SLICE("%20");
	else
		return false;
	return true;
}

bool spf_take_piece(struct cursor *c, bool explanation, struct slice *literal_out,
                    struct spf_macro *macro_out)
{
	*macro_out = (struct spf_macro){ .letter = '\0' };
	*literal_out = SLICE_EMPTY;
	return take_while(c, explanation ? is_spaced_literal : is_literal, cursor_left(c),
	                  literal_out) ||
	       take_escaped(c, literal_out) || take_macro(c, explanation, macro_out);
}

static bool is_macro_string(struct slice text, bool *ends_with_macro)
{
	struct cursor c = cursor_of(text);
	struct slice literal;
	struct spf_macro macro = { .letter = '\0' };
	*ends_with_macro = false;
	while (!cursor_at_end(&c)) {
		const char *at = c.at;
		if (!spf_take_piece(&c, false, &literal, &macro))
			return false;
		/* "%%" and its like are a macro-expand, too. */
		*ends_with_macro = *at == '%';
	}
	return true;
}

/* toplabel: letters, digits and inner hyphens, and not digits alone. */
static bool is_toplabel(struct slice label)
{
	bool digits_only = true;
	for (size_t i = 0; i < label.len; i++) {
		if (!byte_is_alnum(label.data[i]) && label.data[i] != '-')
			return false;
		digits_only &= byte_is_digit(label.data[i]);
	}
	return label.len > 0 && !digits_only && label.data[0] != '-' &&
	       label.data[label.len - 1] != '-';
}

/* domain-spec = macro-string ( "." toplabel [ "." ] / macro-expand ) */
static bool is_domain_spec(struct slice text)
{
	bool ends_with_macro;
	if (text.len == 0 || !is_macro_string(text, &ends_with_macro))
		return false;
	if (ends_with_macro)
		return true;
	if (slice_ends_with(text, SLICE(".")))
		text.len--;
	ptrdiff_t dot = slice_find_last_byte(text, '.');
	return dot >= 0 && is_toplabel(slice_from(text, (size_t)dot + 1));
}

/* --- mechanisms -------------------------------------------------------------------------- */

/* A number behind the last '/' of *rest, if there is one; it is then taken off. */
static bool take_bits(struct slice *rest, const char *slashes, unsigned max, unsigned *bits)
{
	ptrdiff_t slash = slice_find_last_byte(*rest, '/');
	uint64_t value;
	if (slash < 0)
		return false;
	struct slice digits = slice_from(*rest, (size_t)slash + 1);
	struct slice before = slice_sub(*rest, 0, (size_t)slash + 1);
	if (digits.len == 0 || digits.len > 3 || !byte_is_digit(digits.data[0]) ||
	    (digits.len > 1 && digits.data[0] == '0') || !slice_to_u64(digits, &value) ||
	    value > max || !slice_ends_with(before, slice_from_str(slashes)))
		return false;
	*bits = (unsigned)value;
	*rest = slice_sub(before, 0, before.len - strlen(slashes));
	return true;
}

/* [ ":" domain-spec ], of which a domain-spec must be there if needed. */
static const char *set_domain(struct spf_term *t, struct slice argument, bool needed)
{
	if (argument.len == 0 && !needed)
		return NULL;
	if (argument.len == 0 || argument.data[0] != ':' ||
	    !is_domain_spec(slice_from(argument, 1)))
		return "a mechanism whose domain is none";
	t->domain = slice_from(argument, 1);
	return NULL;
}

static const char *read_all(struct spf_term *t, struct slice argument)
{
	(void)t;
	return argument.len > 0 ? "\"all\" with something behind it" : NULL;
}

static const char *read_needed(struct spf_term *t, struct slice argument)
{
	return set_domain(t, argument, true);
}

static const char *read_ptr(struct spf_term *t, struct slice argument)
{
	return set_domain(t, argument, false);
}

/* dual-cidr-length = [ "/" 0..32 ] [ "//" 0..128 ] */
static const char *read_hosts(struct spf_term *t, struct slice argument)
{
	(void)take_bits(&argument, "//", V6_BITS, &t->bits_v6);
	(void)take_bits(&argument, "/", V4_BITS, &t->bits_v4);
	return set_domain(t, argument, false);
}

static const char *read_network(struct spf_term *t, struct slice argument, bool v6)
{
	unsigned bits;
	struct slice text = slice_from(argument, 1);
	if (argument.len < 2 || argument.data[0] != ':')
		return "ip4 or ip6 without a network";
	struct slice ip = text;
	bool given = take_bits(&ip, "/", v6 ? V6_BITS : V4_BITS, &bits);
	bool has_colon = slice_find_byte(ip, ':') >= 0;
	if (has_colon != v6 || (!given && slice_find_byte(text, '/') >= 0) ||
	    net_network_parse(ip, &t->network) < 0)
		return "ip4 or ip6 with what is no network";
	if (given)
		t->network.bits = v6 ? bits : V4_MAPPED_BITS + bits;
	net_network_trim(&t->network);
	return NULL;
}

static const char *read_ip4(struct spf_term *t, struct slice argument)
{
	return read_network(t, argument, false);
}

static const char *read_ip6(struct spf_term *t, struct slice argument)
{
	return read_network(t, argument, true);
}

static const struct mechanism {
	const char *name;
	enum spf_kind kind;
	const char *(*read)(struct spf_term *t, struct slice argument);
} mechanisms[] = {
	{ "all", SPF_ALL, read_all }, { "include", SPF_INCLUDE, read_needed },
	{ "a", SPF_A, read_hosts },   { "mx", SPF_MX, read_hosts },
	{ "ptr", SPF_PTR, read_ptr }, { "ip4", SPF_IP4, read_ip4 },
	{ "ip6", SPF_IP6, read_ip6 }, { "exists", SPF_EXISTS, read_needed },
};

static bool is_of_name(char c) { return byte_is_alnum(c) || c == '-' || c == '_' || c == '.'; }

static enum trust_result take_qualifier(struct cursor *c)
{
	if (take_byte(c, '-'))
		return TRUST_FAIL;
	if (take_byte(c, '~'))
		return TRUST_SOFTFAIL;
	if (take_byte(c, '?'))
		return TRUST_NEUTRAL;
	(void)take_byte(c, '+');
	return TRUST_PASS;
}

static const char *add_mechanism(struct spf_record *r, struct slice text)
{
	struct cursor c = cursor_of(text);
	struct slice name;
	struct spf_term *t = &r->terms[r->count];
	*t = (struct spf_term){ .text = text, .bits_v4 = V4_BITS, .bits_v6 = V6_BITS };
	t->result = take_qualifier(&c);
	t->domain = SLICE_EMPTY;
	if (!take_while(&c, is_of_name, cursor_left(&c), &name))
		return "a term that is none";
	for (size_t i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++) {
		if (!slice_equal_nocase(name, slice_from_str(mechanisms[i].name)))
			continue;
		t->kind = mechanisms[i].kind;
		r->count++;
		return mechanisms[i].read(t, cursor_rest(&c));
	}
	return "an unknown mechanism";
}

/* --- modifiers --------------------------------------------------------------------------- */

/* modifier = name "=" ...; NULL data: it is no modifier. */
static struct slice modifier_name(struct slice text)
{
	struct cursor c = cursor_of(text);
	struct slice name;
	if (text.len == 0 || !byte_is_alpha(text.data[0]) ||
	    !take_while(&c, is_of_name, text.len, &name) || !take_byte(&c, '='))
		return (struct slice){ NULL, 0 };
	return name;
}

static const char *set_once(struct slice *where, struct slice value)
{
	if (where->len > 0)
		return "redirect or exp twice";
	if (!is_domain_spec(value))
		return "redirect or exp with what is no domain";
	*where = value;
	return NULL;
}

static const char *add_modifier(struct spf_record *r, struct slice name, struct slice text)
{
	struct slice value = slice_from(text, name.len + 1);
	bool ends_with_macro;
	if (slice_equal_nocase(name, SLICE("redirect")))
		return set_once(&r->redirect, value);
	if (slice_equal_nocase(name, SLICE("exp")))
		return set_once(&r->explanation, value);
	return is_macro_string(value, &ends_with_macro) ? NULL : "a modifier with wrong macros";
}

/* --- records ----------------------------------------------------------------------------- */

bool spf_is_record(struct slice text)
{
	return slice_starts_with_nocase(text, SLICE("v=spf1")) &&
	       (text.len == VERSION_LEN || text.data[VERSION_LEN] == ' ');
}

static size_t count_terms(struct slice text)
{
	size_t count = 0;
	while (text.len > 0)
		count += slice_split(&text, ' ').len > 0;
	return count;
}

const char *spf_record_parse(struct arena *arena, struct slice text, struct spf_record *out,
                             struct slice *where_out)
{
	const char *wrong = NULL;
	struct slice rest = slice_from(text, VERSION_LEN);
	*out = (struct spf_record){ .redirect = SLICE_EMPTY, .explanation = SLICE_EMPTY };
	*where_out = SLICE_EMPTY;
	if (!spf_is_record(text))
		return "no SPF record";
	size_t max = count_terms(rest);
	if (max > SPF_TERMS_MAX)
		return "a record of too many terms";
	out->terms = ARENA_ARRAY(arena, max + 1, struct spf_term);
	while (rest.len > 0 && !wrong) {
		struct slice term = slice_split(&rest, ' ');
		if (term.len == 0)
			continue;
		struct slice name = modifier_name(term);
		wrong = name.data ? add_modifier(out, name, term) : add_mechanism(out, term);
		*where_out = term;
	}
	return wrong;
}
