#include "trust/domainkeys.h"

#include "message/address.h"
#include "message/address_list.h"
#include "trust/dkim_tag.h"

/* Addresses of From that are looked at: the first one counts. */
enum { AUTHORS_MAX = 4 };

static void decide(struct domainkeys_check *c, enum trust_result result, const char *reason)
{
	c->verdict.result = result;
	c->verdict.reason = reason;
	c->verdict.is_open = false;
}

static bool is_named(const struct dkim_field *field, const char *name)
{
	return slice_equal_nocase(field->name, slice_from_str(name));
}

/* --- who has sent it --------------------------------------------------------------------- */

static bool names_field(const struct dkim_signature *s, const char *name)
{
	bool found = s->name_count == 0;
	for (size_t i = 0; i < s->name_count && !found; i++)
		found = slice_equal_nocase(s->names[i], slice_from_str(name));
	return found;
}

/* The first of that name below the signature. */
static const struct dkim_field *field_below(const struct domainkeys_check *c, const char *name)
{
	for (size_t i = c->at + 1; i < c->header->count; i++) {
		if (is_named(&c->header->fields[i], name))
			return &c->header->fields[i];
	}
	return NULL;
}

static bool read_sender(struct domainkeys_check *c, const char *name, struct slice *domain_out)
{
	const struct dkim_field *field = field_below(c, name);
	if (!field)
		return false;
	struct slice value = field->whole;
	slice_split(&value, ':');
	struct address_list list = address_list_parse(c->arena, value, AUTHORS_MAX);
	for (size_t i = 0; i < list.count; i++) {
		const struct address_entry *e = &list.entries[i];
		if (e->domain.len == 0 || !domain_canonical(c->arena, e->domain, domain_out))
			continue;
		const struct slice parts[] = { e->local, SLICE("@"), *domain_out };
		c->sender_field = name;
		c->local = e->local;
		c->sender = arena_concat(c->arena, parts, 3);
		return true;
	}
	return false;
}

static bool is_in(struct slice name, struct slice domain)
{
	return slice_equal(name, domain) ||
	       (name.len > domain.len + 1 && slice_ends_with(name, domain) &&
	        name.data[name.len - domain.len - 1] == '.');
}

/* Section 3.3, d= and h=: a domain signs for its own senders, and signs who they are. */
static const char *check_sender(struct domainkeys_check *c)
{
	const struct dkim_signature *s = &c->verdict.signature;
	struct slice domain;
	if (!read_sender(c, "sender", &domain) && !read_sender(c, "from", &domain))
		return "nobody below it says who has sent the message";
	if (!is_in(domain, s->domain))
		return "the sender is not of its domain (d=)";
	if (!names_field(s, c->sender_field))
		return "it does not sign the sender";
	return s->algorithm == DKIM_RSA_SHA1 ? NULL : "its algorithm (a=) is unknown";
}

/* People may be shown that one. */
static bool has_author_above(const struct domainkeys_check *c)
{
	for (size_t i = 0; i < c->at; i++) {
		if (is_named(&c->header->fields[i], "From") ||
		    is_named(&c->header->fields[i], "Sender"))
			return true;
	}
	return false;
}

static const struct dkim_field *find_signature(struct domainkeys_check *c)
{
	for (c->at = 0; c->at < c->header->count; c->at++) {
		if (is_named(&c->header->fields[c->at], "DomainKey-Signature"))
			return &c->header->fields[c->at];
	}
	return NULL;
}

void domainkeys_begin(struct domainkeys_check *c, struct arena *arena, struct dkim_header *header)
{
	*c = (struct domainkeys_check){ .arena = arena,
		                        .header = header,
		                        .sender = SLICE_EMPTY,
		                        .local = SLICE_EMPTY,
		                        .policy = SLICE_EMPTY };
	const struct dkim_field *field = find_signature(c);
	struct dkim_verdict *v = &c->verdict;
	c->present = field != NULL;
	if (!field)
		return;
	*v = (struct dkim_verdict){ .reason = "",
		                    .field = field->whole,
		                    .body = -1,
		                    .body_hash = SLICE_EMPTY,
		                    .key_record = SLICE_EMPTY,
		                    .is_open = true };
	const char *wrong = dkim_signature_parse(arena, DKIM_KIND_DOMAINKEY, field->whole,
	                                         &v->signature);
	if (!wrong)
		wrong = check_sender(c);
	if (header->cut)
		decide(c, TRUST_PERMERROR, "the header is too long to be checked");
	else if (wrong)
		decide(c, TRUST_NEUTRAL, wrong);
	else if (has_author_above(c))
		decide(c, TRUST_FAIL, "there is another sender, who is not signed");
	if (!v->is_open)
		return;
	v->key_name = dkim_key_name(arena, &v->signature);
	c->policy_name = arena_printf(arena, "_domainkey.%.*s", SLICE_ARG(v->signature.domain));
}

/* --- what is signed ---------------------------------------------------------------------- */

static void add_field(struct domainkeys_check *c, struct dkim_hash *hash, size_t i)
{
	dkim_canon_field(c->verdict.signature.header_canon, c->header->fields[i].whole,
	                 dkim_hash_add, hash);
	dkim_hash_add(hash, SLICE("\r\n"));
}

/* Does the name stand in h= before that place, too? */
static bool is_named_before(const struct dkim_signature *s, size_t place)
{
	for (size_t i = 0; i < place; i++) {
		if (slice_equal_nocase(s->names[i], s->names[place]))
			return true;
	}
	return false;
}

/* Section 3.3, h=: a name means all of its fields below the signature. If it is there several times
 * each place but the first means one of them, the last place the lowest. So both lists are walked
 * from their ends. */
static void add_named(struct domainkeys_check *c, struct dkim_hash *hash)
{
	const struct dkim_signature *s = &c->verdict.signature;
	size_t *chosen = ARENA_ARRAY(c->arena, c->header->count + 1, size_t), count = 0;
	dkim_header_rewind(c->header);
	for (size_t place = s->name_count; place > 0; place--) {
		bool one = is_named_before(s, place - 1);
		const struct dkim_field *f;
		do {
			f = dkim_header_take(c->header, s->names[place - 1]);
			if (f && (size_t)(f - c->header->fields) > c->at)
				chosen[count++] = (size_t)(f - c->header->fields);
		} while (f && !one);
	}
	while (count > 0)
		add_field(c, hash, chosen[--count]);
}

static void add_header(struct domainkeys_check *c, struct dkim_hash *hash)
{
	if (c->verdict.signature.name_count > 0) {
		add_named(c, hash);
		return;
	}
	for (size_t i = c->at + 1; i < c->header->count; i++)
		add_field(c, hash, i);
}

/* Empty lines at the end don't count, and if there are no others neither does the line between
 * header and body. */
static bool is_empty(struct slice body, enum dkim_canon canon)
{
	for (size_t i = 0; i < body.len; i++) {
		char b = body.data[i];
		if (b != '\r' && b != '\n' && !(canon == DKIM_NOFWS && byte_is_space(b)))
			return false;
	}
	return true;
}

static void add_body(struct domainkeys_check *c, struct dkim_hash *hash)
{
	enum dkim_canon canon = c->verdict.signature.body_canon;
	struct dkim_body *body = ARENA_NEW(c->arena, struct dkim_body);
	if (is_empty(c->header->body, canon))
		return;
	dkim_hash_add(hash, SLICE("\r\n"));
	dkim_body_begin(body, canon, dkim_hash_add, hash);
	dkim_body_add(body, c->header->body);
	dkim_body_end(body);
}

void domainkeys_hash(struct domainkeys_check *c)
{
	struct dkim_hash hash;
	if (!c->present || !c->verdict.is_open)
		return;
	dkim_hash_begin(&hash, DKIM_RSA_SHA1);
	add_header(c, &hash);
	add_body(c, &hash);
	dkim_hash_end(&hash, &c->digest);
}

/* --- the key ----------------------------------------------------------------------------- */

/* Section 3.2.3, g=: for which local parts the key is; "*" is from the time of both standards. */
static bool is_for_sender(struct slice record, struct slice local)
{
	struct dkim_tags tags;
	struct slice wanted = dkim_tags_parse(record, &tags) ? dkim_tags_value(&tags, "g")
	                                                     : SLICE_EMPTY;
	ptrdiff_t star = slice_find_byte(wanted, '*');
	if (wanted.len == 0 || star < 0)
		return wanted.len == 0 || slice_equal(wanted, local);
	return local.len + 1 >= wanted.len &&
	       slice_starts_with(local, slice_sub(wanted, 0, (size_t)star)) &&
	       slice_ends_with(local, slice_from(wanted, (size_t)star + 1));
}

void domainkeys_answer(struct domainkeys_check *c, struct dkim_keys *keys, int result,
                       const struct slice *texts, size_t count)
{
	struct dkim_verdict *v = &c->verdict;
	struct dkim_key key;
	if (!dkim_verdict_key(c->arena, keys, result, texts, count, v, &key))
		return;
	if (is_for_sender(v->key_record, c->local))
		dkim_verdict_decide(&key, dkim_digest_slice(&c->digest), v);
	else
		decide(c, TRUST_PERMERROR, "the key is not for this sender (g=)");
	dkim_key_end(&key);
}

/* Section 3.6: "o=-" signs all of its mail, "o=~" some; "t=y" only tests. */
void domainkeys_policy(struct domainkeys_check *c, const struct slice *texts, size_t count)
{
	for (size_t i = 0; i < count && i < DKIM_RECORDS_MAX && c->policy.len == 0; i++) {
		struct dkim_tags tags;
		if (dkim_tags_parse(texts[i], &tags) &&
		    (dkim_tags_find(&tags, "o") || dkim_tags_find(&tags, "t")))
			c->policy = texts[i];
	}
}
