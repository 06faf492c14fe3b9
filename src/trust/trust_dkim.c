/* Verdicts on DKIM signatures, with what speaks for them. */
#include "base/codec.h"
#include "message/header.h"
#include "trust/dkim_tag.h"
#include "trust/trust.h"

/* RFC 6008: so much of a signature that two of a domain can be told from each other. */
enum { SHOWN_CHARACTERS = 8 };
enum { PARAMETERS_MAX = 8 };

/* RFC 8460 section 5.3: multipart/report; report-type=tlsrpt, and TLS-Report-Domain beside it. */
bool trust_is_tls_report(struct arena *arena, struct dkim_header *header)
{
	struct header_param *params;
	struct slice type, kind;
	dkim_header_rewind(header);
	const struct dkim_field *field = dkim_header_take(header, SLICE("TLS-Report-Domain"));
	field = field ? dkim_header_take(header, SLICE("Content-Type")) : NULL;
	if (!field)
		return false;
	struct slice value = field->whole;
	slice_split(&value, ':');
	size_t count = header_params(arena, value, PARAMETERS_MAX, &type, &params);
	return slice_equal_nocase(slice_trim(type), SLICE("multipart/report")) &&
	       header_param_find(arena, params, count, SLICE("report-type"), &kind) &&
	       slice_equal_nocase(kind, SLICE("tlsrpt"));
}

static struct slice base64_text(struct arena *arena, struct slice bytes)
{
	return base64_encode_arena(arena, bytes);
}

static void add_properties(struct trust_verdict *v, struct arena *arena,
                           const struct dkim_verdict *d)
{
	const struct dkim_signature *s = &d->signature;
	trust_property(v, "header", "d", s->domain);
	if (s->identity.len > s->domain.len + 1)
		trust_property(v, "header", "i", s->identity);
	trust_property(v, "header", "s", s->selector);
	if (s->bytes.len == 0)
		return;
	trust_property(v, "header", "a", slice_from_str(dkim_algorithm_name(s->algorithm)));
	trust_property(v, "header", "b",
	               slice_sub(base64_text(arena, s->bytes), 0, SHOWN_CHARACTERS));
}

static struct slice form_text(struct arena *arena, const struct dkim_verdict *d)
{
	const struct dkim_signature *s = &d->signature;
	return slice_from_str(arena_printf(
		arena, "%s, %s/%s, %zu fields", dkim_algorithm_name(s->algorithm),
		dkim_canon_name(s->header_canon), dkim_canon_name(s->body_canon), s->name_count));
}

static void add_body(struct trust_verdict *v, struct arena *arena, const struct dkim_verdict *d)
{
	if (d->body_hash.len == 0)
		return;
	trust_evidence(v, "body hash found", base64_text(arena, d->body_hash));
	trust_evidence(v, "body hash signed", base64_text(arena, d->signature.body_hash));
	trust_evidence(v, "body signed",
	               slice_from_str(arena_printf(arena, "%llu of %llu bytes",
	                                           (unsigned long long)d->signed_bytes,
	                                           (unsigned long long)d->body_bytes)));
}

static void add_evidence(struct trust_verdict *v, struct arena *arena, const struct dkim_verdict *d)
{
	if (d->signature.bytes.len > 0)
		trust_evidence(v, "signature", form_text(arena, d));
	add_body(v, arena, d);
	trust_evidence(v, "key", slice_from_str(d->key_name));
	trust_evidence(v, "key record", d->key_record);
	if (d->key_bits > 0)
		trust_evidence(v, "key bits",
		               slice_from_str(arena_printf(arena, "%u", d->key_bits)));
}

void trust_add_dkim(struct trust_results *r, struct arena *arena, const struct dkim_check *check)
{
	r->dkim = check;
	for (size_t i = 0; i < check->count; i++) {
		const struct dkim_verdict *d = &check->verdicts[i];
		struct trust_verdict *v = trust_add(r, arena, "dkim", d->result, d->reason);
		add_properties(v, arena, d);
		add_evidence(v, arena, d);
	}
	if (check->count == 0 && check->header->cut)
		trust_add(r, arena, "dkim", TRUST_PERMERROR,
		          "the header is too long to be checked");
	else if (check->count == 0)
		trust_add(r, arena, "dkim", TRUST_NONE, "");
}
