/* Records of the DNS as they came over the network. The first byte chooses their type; each begins
 * with its length in two. What is made of them keeps the promises of dns.h. */
#include "fuzz.h"

#include "base/cursor.h"
#include "dns/dns_record.h"

enum { RECORDS_MAX = 64 };

static size_t split(struct slice bytes, struct slice records[static RECORDS_MAX])
{
	struct cursor c = cursor_of(bytes);
	struct slice length;
	size_t count = 0;
	while (count < RECORDS_MAX && take_bytes(&c, 2, &length)) {
		size_t len = (size_t)((unsigned char)length.data[0] << 8 |
		                      (unsigned char)length.data[1]);
		len = len < cursor_left(&c) ? len : cursor_left(&c);
		take_bytes(&c, len, &records[count++]);
	}
	return count;
}

/* Lower case, no final dot; what could not be asked for again has an escape in it. */
static void check_name(struct arena *arena, const char *name)
{
	struct slice text = slice_from_str(name);
	FUZZ_CHECK(slice_equal(slice_from_str(dns_name_normal(arena, text)), text));
	for (size_t i = 0; i < text.len; i++)
		FUZZ_CHECK(text.data[i] > ' ' && text.data[i] < 0x7f);
	FUZZ_CHECK(dns_name_is_valid(text) == (text.len > 0 && slice_find_byte(text, '\\') < 0));
}

static void check_answer(struct arena *arena, enum dns_type type, const struct dns_answer *answer,
                         size_t size)
{
	for (size_t i = 0; i < answer->count; i++) {
		switch (type) {
		case DNS_TYPE_A:
			FUZZ_CHECK(answer->addresses[i].any.sa_family == AF_INET);
			check_name(arena, dns_reverse_name(arena, &answer->addresses[i]));
			break;
		case DNS_TYPE_AAAA:
			FUZZ_CHECK(answer->addresses[i].any.sa_family == AF_INET6);
			check_name(arena, dns_reverse_name(arena, &answer->addresses[i]));
			break;
		case DNS_TYPE_MX:
			check_name(arena, answer->mx[i].host);
			FUZZ_CHECK(i == 0 ||
			           answer->mx[i - 1].preference <= answer->mx[i].preference);
			break;
		case DNS_TYPE_SRV:
			check_name(arena, answer->srv[i].host);
			break;
		case DNS_TYPE_TXT:
			FUZZ_CHECK(answer->texts[i].len <= size);
			break;
		case DNS_TYPE_TLSA:
			FUZZ_CHECK(answer->tlsa[i].data.len > 0 && answer->tlsa[i].data.len < size);
			break;
		case DNS_TYPE_CNAME:
		case DNS_TYPE_PTR:
			check_name(arena, answer->names[i]);
			break;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const enum dns_type types[] = { DNS_TYPE_A,    DNS_TYPE_CNAME, DNS_TYPE_PTR,
		                               DNS_TYPE_MX,   DNS_TYPE_TXT,   DNS_TYPE_AAAA,
		                               DNS_TYPE_TLSA, DNS_TYPE_SRV };
	struct slice records[RECORDS_MAX];
	struct arena *arena = arena_new();
	struct dns_answer answer = { 0 };
	enum dns_type type = types[size > 0 ? data[0] % (sizeof(types) / sizeof(types[0])) : 0];
	size_t count = split(slice_from(fuzz_input(data, size), 1), records);
	dns_records_parse(arena, type, records, count, &answer);
	FUZZ_CHECK(answer.count <= count);
	check_answer(arena, type, &answer, size);
	arena_free(arena);
	return 0;
}
