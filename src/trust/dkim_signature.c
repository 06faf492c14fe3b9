#include "trust/dkim_signature.h"

#include "base/codec.h"
#include "message/address.h"
#include "trust/dkim_tag.h"

enum {
	LENGTH_DIGITS_MAX = 76, /* RFC 6376 section 3.5, l= */
	HASH_BYTES_MAX = 32,
};

struct reading {
	struct arena *arena;
	struct dkim_tags tags;
	struct dkim_signature *out;
};
typedef const char *reader(struct reading *r, struct slice value);

static const char *read_version(struct reading *r, struct slice value)
{
	(void)r;
	return slice_equal(value, SLICE("1")) ? NULL : "its version is not 1";
}

static const char *read_algorithm(struct reading *r, struct slice value)
{
	for (int a = DKIM_RSA_SHA1; a <= DKIM_ED25519_SHA256; a++) {
		if (slice_equal_nocase(value, slice_from_str(dkim_algorithm_name(a)))) {
			r->out->algorithm = a;
			return NULL;
		}
	}
	return "its algorithm (a=) is unknown";
}

static bool read_base64(struct reading *r, struct slice value, size_t max, struct slice *out)
{
	struct slice text = dkim_strip(r->arena, value);
	return text.len / 4 * 3 <= max + 2 && base64_decode(r->arena, text, out) && out->len > 0;
}

static const char *read_bytes(struct reading *r, struct slice value)
{
	return read_base64(r, value, DKIM_SIGNATURE_BYTES_MAX, &r->out->bytes)
	               ? NULL
	               : "its signature (b=) is no base64";
}

static const char *read_body_hash(struct reading *r, struct slice value)
{
	return read_base64(r, value, HASH_BYTES_MAX, &r->out->body_hash)
	               ? NULL
	               : "its body hash (bh=) is no base64 of a hash";
}

static bool find_canon(struct slice word, enum dkim_canon *out)
{
	for (int c = DKIM_SIMPLE; c <= DKIM_RELAXED; c++) {
		if (slice_equal_nocase(word, slice_from_str(dkim_canon_name(c)))) {
			*out = c;
			return true;
		}
	}
	return false;
}

static const char *read_canon(struct reading *r, struct slice value)
{
	struct slice body = value, header = slice_trim(slice_split(&body, '/'));
	body = slice_trim(body);
	bool known = find_canon(header, &r->out->header_canon) &&
	             (body.len == 0 || find_canon(body, &r->out->body_canon));
	return known ? NULL : "its canonical form (c=) is unknown";
}

static const char *read_nofws(struct reading *r, struct slice value)
{
	if (slice_equal_nocase(value, SLICE("nofws")))
		r->out->header_canon = r->out->body_canon = DKIM_NOFWS;
	else if (!slice_equal_nocase(value, SLICE("simple")))
		return "its canonical form (c=) is unknown";
	return NULL;
}

static const char *read_domain(struct reading *r, struct slice value)
{
	return domain_canonical(r->arena, value, &r->out->domain) ? NULL
	                                                          : "its domain (d=) is none";
}

static const char *read_selector(struct reading *r, struct slice value)
{
	return domain_canonical(r->arena, value, &r->out->selector) ? NULL
	                                                            : "its selector (s=) is none";
}

static const char *read_names(struct reading *r, struct slice value)
{
	struct dkim_signature *s = r->out;
	struct slice rest = value, item;
	size_t count = 1;
	for (size_t i = 0; i < value.len; i++)
		count += value.data[i] == ':';
	if (count > DKIM_NAMES_MAX)
		return "it names too many fields (h=)";
	s->names = ARENA_ARRAY(r->arena, count, struct slice);
	while (dkim_list_next(&rest, ':', &item)) {
		if (item.len == 0)
			return "a name in its list of fields (h=) is empty";
		s->names[s->name_count++] = item;
	}
	return NULL;
}

static const char *read_length(struct reading *r, struct slice value)
{
	r->out->has_length = true;
	if (value.len > 0 && value.len <= LENGTH_DIGITS_MAX && slice_to_u64(value, &r->out->length))
		return NULL;
	return "its length (l=) is no number";
}

static bool read_time(struct slice value, int64_t *out)
{
	uint64_t seconds;
	if (!slice_to_u64(value, &seconds) || seconds > INT64_MAX / 1000)
		return false;
	*out = (int64_t)seconds;
	return true;
}

static const char *read_signed(struct reading *r, struct slice value)
{
	return read_time(value, &r->out->signed_s) ? NULL : "its time (t=) is no number";
}

static const char *read_expires(struct reading *r, struct slice value)
{
	return read_time(value, &r->out->expires_s) ? NULL : "its expiration (x=) is no number";
}

static const char *read_query(struct reading *r, struct slice value)
{
	(void)r;
	return dkim_list_has(value, SLICE("dns/txt")) || dkim_list_has(value, SLICE("dns"))
	               ? NULL
	               : "its key is to be asked for in an unknown way (q=)";
}

/* RFC 6376 section 3.5: the domain of i= is that of d=, or below it. */
static const char *read_identity(struct reading *r, struct slice value)
{
	struct slice domain, own = r->out->domain;
	ptrdiff_t at = slice_find_last_byte(value, '@');
	if (at < 0 || !domain_canonical(r->arena, slice_from(value, (size_t)at + 1), &domain))
		return "its identity (i=) is none";
	r->out->identity = value;
	if (slice_equal(domain, own))
		return NULL;
	r->out->identity_below = domain.len > own.len && slice_ends_with(domain, own) &&
	                         domain.data[domain.len - own.len - 1] == '.';
	return r->out->identity_below ? NULL : "its identity (i=) is not in its domain (d=)";
}

static const char *read_instance(struct reading *r, struct slice value)
{
	uint64_t instance;
	if (!slice_to_u64(value, &instance) || instance == 0 || instance > ARC_INSTANCE_MAX)
		return "its instance (i=) is not 1 to 50";
	r->out->instance = (unsigned)instance;
	return NULL;
}

static const char *read_chain(struct reading *r, struct slice value)
{
	r->out->chain = value;
	return NULL;
}

#define OF(kind) (1U << (kind))
#define DKIM     OF(DKIM_KIND_SIGNATURE)
#define AMS      OF(DKIM_KIND_ARC_MESSAGE)
#define SEAL     OF(DKIM_KIND_ARC_SEAL)
#define OLD      OF(DKIM_KIND_DOMAINKEY)

/* In the order in which they are read: i= looks at d=. What is wrong with a later one does not hide
 * whose signature it is. */
static const struct {
	const char *name;
	reader *read;
	unsigned of, needed_by;
	const char *missing;
} readers[] = {
	{ "d", read_domain, DKIM | AMS | SEAL | OLD, DKIM | AMS | SEAL | OLD,
	  "it has no domain (d=)" },
	{ "s", read_selector, DKIM | AMS | SEAL | OLD, DKIM | AMS | SEAL | OLD,
	  "it has no selector (s=)" },
	{ "i", read_instance, AMS | SEAL, AMS | SEAL, "it has no instance (i=)" },
	{ "v", read_version, DKIM, DKIM, "it has no version (v=)" },
	{ "a", read_algorithm, DKIM | AMS | SEAL | OLD, DKIM | AMS | SEAL,
	  "it has no algorithm (a=)" },
	{ "b", read_bytes, DKIM | AMS | SEAL | OLD, DKIM | AMS | SEAL | OLD,
	  "it has no signature (b=)" },
	{ "bh", read_body_hash, DKIM | AMS, DKIM | AMS, "it has no body hash (bh=)" },
	{ "h", read_names, DKIM | AMS | OLD, DKIM | AMS, "it has no list of fields (h=)" },
	{ "c", read_canon, DKIM | AMS, 0, NULL },
	{ "c", read_nofws, OLD, 0, NULL },
	{ "i", read_identity, DKIM, 0, NULL },
	{ "l", read_length, DKIM | AMS, 0, NULL },
	{ "q", read_query, DKIM | AMS | OLD, 0, NULL },
	{ "t", read_signed, DKIM | AMS | SEAL, 0, NULL },
	{ "x", read_expires, DKIM | AMS, 0, NULL },
	{ "cv", read_chain, SEAL, SEAL, "it does not say what the chain was (cv=)" },
};

static bool signs_from(const struct dkim_signature *s)
{
	for (size_t i = 0; i < s->name_count; i++) {
		if (slice_equal_nocase(s->names[i], SLICE("From")))
			return true;
	}
	return false;
}

static const char *read_all(struct reading *r)
{
	struct dkim_signature *s = r->out;
	for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
		const struct dkim_tag *tag = dkim_tags_find(&r->tags, readers[i].name);
		const char *wrong = NULL;
		if (tag && (readers[i].of & OF(s->kind)))
			wrong = readers[i].read(r, tag->value);
		else if (!tag && (readers[i].needed_by & OF(s->kind)))
			wrong = readers[i].missing;
		if (wrong)
			return wrong;
	}
	if (s->kind == DKIM_KIND_SIGNATURE && !signs_from(s))
		return "it does not sign From";
	if (s->signed_s >= 0 && s->expires_s >= 0 && s->expires_s <= s->signed_s)
		return "it expires (x=) before it was made (t=)";
	/* RFC 8617 section 4.1.3. */
	if (s->kind == DKIM_KIND_ARC_SEAL && dkim_tags_find(&r->tags, "h"))
		return "a seal has no list of fields (h=)";
	return NULL;
}

const char *dkim_signature_parse(struct arena *arena, enum dkim_kind kind, struct slice field,
                                 struct dkim_signature *out)
{
	struct reading r = { .arena = arena, .out = out };
	*out = (struct dkim_signature){
		.kind = kind,
		.algorithm = kind == DKIM_KIND_DOMAINKEY ? DKIM_RSA_SHA1 : DKIM_RSA_SHA256,
		.domain = SLICE_EMPTY,
		.selector = SLICE_EMPTY,
		.identity = SLICE_EMPTY,
		.body_hash = SLICE_EMPTY,
		.bytes = SLICE_EMPTY,
		.chain = SLICE_EMPTY,
		.signed_s = -1,
		.expires_s = -1,
	};
	if (field.len > DKIM_FIELD_MAX)
		return "it is too long";
	ptrdiff_t colon = slice_find_byte(field, ':');
	struct slice value = slice_from(field, (size_t)(colon + 1));
	if (colon < 0 || !dkim_tags_parse(value, &r.tags))
		return "it is no list of tags";
	const struct dkim_tag *bytes = dkim_tags_find(&r.tags, "b");
	if (bytes) {
		out->bytes_at = (size_t)(bytes->raw.data - field.data);
		out->bytes_len = bytes->raw.len;
	}
	const char *wrong = read_all(&r);
	if (out->identity.len == 0 && out->domain.len > 0)
		out->identity = arena_concat(arena, (struct slice[]){ SLICE("@"), out->domain }, 2);
	return wrong;
}

const char *dkim_algorithm_name(enum dkim_algorithm algorithm)
{
	static const char *const names[] = {
		[DKIM_RSA_SHA1] = "rsa-sha1",
		[DKIM_RSA_SHA256] = "rsa-sha256",
		[DKIM_ED25519_SHA256] = "ed25519-sha256",
	};
	return names[algorithm];
}

const char *dkim_canon_name(enum dkim_canon canon)
{
	static const char *const names[] = {
		[DKIM_SIMPLE] = "simple",
		[DKIM_RELAXED] = "relaxed",
		[DKIM_NOFWS] = "nofws",
	};
	return names[canon];
}

const char *dkim_key_name(struct arena *arena, const struct dkim_signature *s)
{
	return arena_printf(arena, "%.*s._domainkey.%.*s", SLICE_ARG(s->selector),
	                    SLICE_ARG(s->domain));
}
