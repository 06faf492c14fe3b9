#include "dns/dns_record.h"

#include "base/cursor.h"

/* RFC 1035 section 2.3.4, as text without the final dot. */
enum { NAME_MAX_TEXT = 253, LABEL_MAX = 63 };
/* A byte of a name takes at most "\DDD". */
enum { ESCAPED_MAX = 4 * 255 + 1 };

/* --- names --------------------------------------------------------------------------- */

static bool byte_is_of_name(char c) { return c > ' ' && c < 0x7f && c != '\\' && c != '.'; }

/* A name that SPF puts together may have spaces in it (RFC 7208 section 7.1). */
static bool may_be_asked(char c) { return c == ' ' || byte_is_of_name(c); }

bool dns_name_is_valid(struct slice name)
{
	struct cursor c;
	struct slice label;

	if (slice_ends_with(name, SLICE(".")))
		name.len--;
	if (name.len == 0 || name.len > NAME_MAX_TEXT)
		return false;
	c = cursor_of(name);
	do {
		if (!take_while(&c, may_be_asked, LABEL_MAX, &label))
			return false;
	} while (take_byte(&c, '.'));
	return cursor_at_end(&c);
}

const char *dns_name_normal(struct arena *a, struct slice text)
{
	if (slice_ends_with(text, SLICE(".")))
		text.len--;
	return arena_str(a, arena_lower(a, text));
}

/* Appends a label's bytes to text, of which len bytes are used; returns the new length. */
static size_t append_label(char text[static ESCAPED_MAX], size_t len, struct slice label)
{
	for (size_t i = 0; i < label.len; i++) {
		char byte = label.data[i];

		if (byte_is_of_name(byte))
			text[len++] = byte_lower(byte);
		else
			len += (size_t)snprintf(text + len, ESCAPED_MAX - len, "\\%03u",
			                        (unsigned char)byte);
	}
	return len;
}

/* name = *( length label ) zero        never compressed here: libunbound has unpacked it */
static const char *take_name(struct cursor *c, struct arena *a)
{
	char text[ESCAPED_MAX];
	size_t len = 0;
	size_t wire_len = 1;
	struct slice label;
	char size;

	for (;;) {
		if (!take_any(c, &size) || (unsigned char)size > LABEL_MAX)
			return NULL;
		if (size == 0)
			return arena_str(a, slice_of(text, len));
		wire_len += 1 + (size_t)size;
		if (wire_len > 255 || !take_bytes(c, (size_t)size, &label))
			return NULL;
		if (len > 0)
			text[len++] = '.';
		len = append_label(text, len, label);
	}
}

const char *dns_reverse_name(struct arena *a, const struct net_address *address)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *ip = address->v6.sin6_addr.s6_addr;
	char text[64];

	if (address->any.sa_family == AF_INET) {
		ip = (const unsigned char *)&address->v4.sin_addr;
	} else if (address->any.sa_family != AF_INET6) {
		return NULL;
	} else if (!IN6_IS_ADDR_V4MAPPED(&address->v6.sin6_addr)) {
		for (size_t i = 0; i < 16; i++) {
			text[4 * i] = digits[ip[15 - i] & 15];
			text[4 * i + 2] = digits[ip[15 - i] >> 4];
			text[4 * i + 1] = text[4 * i + 3] = '.';
		}
		return arena_printf(a, "%.*sip6.arpa", (int)sizeof(text), text);
	} else {
		ip += 12;
	}
	return arena_printf(a, "%u.%u.%u.%u.in-addr.arpa", ip[3], ip[2], ip[1], ip[0]);
}

/* --- records ------------------------------------------------------------------------- */

/* The take_ functions below read one record into place `at` of the answer; false: malformed. */

static bool take_u16(struct cursor *c, uint16_t *out)
{
	struct slice bytes;

	if (!take_bytes(c, 2, &bytes))
		return false;
	*out = (uint16_t)((unsigned char)bytes.data[0] << 8 | (unsigned char)bytes.data[1]);
	return true;
}

static bool take_mx(struct cursor *c, struct arena *a, struct dns_answer *out, size_t at)
{
	struct dns_mx mx;

	if (!take_u16(c, &mx.preference))
		return false;
	mx.host = take_name(c, a);
	if (!mx.host)
		return false;
	/* Sorted as they come; equal ones keep their order. */
	while (at > 0 && out->mx[at - 1].preference > mx.preference) {
		out->mx[at] = out->mx[at - 1];
		at--;
	}
	out->mx[at] = mx;
	return true;
}

static bool take_a(struct cursor *c, struct arena *a, struct dns_answer *out, size_t at)
{
	struct net_address *address = &out->addresses[at];
	struct slice ip;

	(void)a;
	if (!take_bytes(c, 4, &ip))
		return false;
	address->len = sizeof(address->v4);
	address->v4 = (struct sockaddr_in){ .sin_family = AF_INET };
	memcpy(&address->v4.sin_addr, ip.data, ip.len);
	return true;
}

static bool take_aaaa(struct cursor *c, struct arena *a, struct dns_answer *out, size_t at)
{
	struct net_address *address = &out->addresses[at];
	struct slice ip;

	(void)a;
	if (!take_bytes(c, 16, &ip))
		return false;
	address->len = sizeof(address->v6);
	address->v6 = (struct sockaddr_in6){ .sin6_family = AF_INET6 };
	memcpy(&address->v6.sin6_addr, ip.data, ip.len);
	return true;
}

/* txt = 1*( length string )        a reader joins the strings (RFC 7208 section 3.3) */
static bool take_txt(struct cursor *c, struct arena *a, struct dns_answer *out, size_t at)
{
	char *joined = arena_alloc(a, cursor_left(c) + 1);
	struct slice part;
	size_t len = 0;
	char size;

	while (take_any(c, &size)) {
		if (!take_bytes(c, (unsigned char)size, &part))
			return false;
		memcpy(joined + len, part.data, part.len);
		len += part.len;
	}
	out->texts[at] = slice_of(joined, len);
	return true;
}

static bool take_name_alone(struct cursor *c, struct arena *a, struct dns_answer *out, size_t at)
{
	out->names[at] = take_name(c, a);
	return out->names[at] != NULL;
}

/* RFC 6698 section 2.1 */
static bool take_tlsa(struct cursor *c, struct arena *a, struct dns_answer *out, size_t at)
{
	struct slice head;

	if (!take_bytes(c, 3, &head) || cursor_at_end(c))
		return false;
	out->tlsa[at] = (struct dns_tlsa){
		.usage = (uint8_t)head.data[0],
		.selector = (uint8_t)head.data[1],
		.matching = (uint8_t)head.data[2],
		.data = arena_copy(a, cursor_rest(c)),
	};
	c->at = c->end;
	return true;
}

/* RFC 2782 */
static bool take_srv(struct cursor *c, struct arena *a, struct dns_answer *out, size_t at)
{
	struct dns_srv *srv = &out->srv[at];

	if (!take_u16(c, &srv->priority) || !take_u16(c, &srv->weight) || !take_u16(c, &srv->port))
		return false;
	srv->host = take_name(c, a);
	return srv->host != NULL;
}

static const struct record_kind {
	enum dns_type type;
	size_t size; /* of what it becomes */
	bool (*take)(struct cursor *c, struct arena *a, struct dns_answer *out, size_t at);
} kinds[] = {
	{ .type = DNS_TYPE_A, .size = sizeof(struct net_address), .take = take_a },
	{ .type = DNS_TYPE_AAAA, .size = sizeof(struct net_address), .take = take_aaaa },
	{ .type = DNS_TYPE_MX, .size = sizeof(struct dns_mx), .take = take_mx },
	{ .type = DNS_TYPE_TXT, .size = sizeof(struct slice), .take = take_txt },
	{ .type = DNS_TYPE_CNAME, .size = sizeof(const char *), .take = take_name_alone },
	{ .type = DNS_TYPE_PTR, .size = sizeof(const char *), .take = take_name_alone },
	{ .type = DNS_TYPE_SRV, .size = sizeof(struct dns_srv), .take = take_srv },
	{ .type = DNS_TYPE_TLSA, .size = sizeof(struct dns_tlsa), .take = take_tlsa },
};

void dns_records_parse(struct arena *a, enum dns_type type, const struct slice *data, size_t count,
                       struct dns_answer *out)
{
	const struct record_kind *kind = kinds;

	while (kind->type != type)
		kind++;
	out->count = 0;
	/* The members of the union are pointers all. */
	out->mx = arena_zero(a, count + 1, kind->size);
	for (size_t i = 0; i < count; i++) {
		struct cursor c = cursor_of(data[i]);

		if (kind->take(&c, a, out, out->count) && cursor_at_end(&c))
			out->count++;
	}
}
