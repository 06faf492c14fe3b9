/* Results as fields and texts. */
#include "message/header.h"
#include "trust/authres.h"
#include "trust/trust.h"

enum { FIELD_BYTES_MAX = 16 * 1024, TEXT_BYTES_MAX = 4096, VERDICTS_FIRST = 8 };

struct trust_verdict *trust_add(struct trust_results *r, struct arena *arena, const char *method,
                                enum trust_result result, const char *reason)
{
	if (r->count == r->capacity) {
		size_t capacity = r->capacity > 0 ? 2 * r->capacity : VERDICTS_FIRST;
		struct trust_verdict *grown = ARENA_ARRAY(arena, capacity, struct trust_verdict);
		if (r->count > 0)
			memcpy(grown, r->verdicts, r->count * sizeof(*grown));
		r->verdicts = grown;
		r->capacity = capacity;
	}
	struct trust_verdict *v = &r->verdicts[r->count++];
	*v = (struct trust_verdict){ .method = method, .result = result, .reason = reason };
	return v;
}

void trust_property(struct trust_verdict *v, const char *type, const char *name, struct slice value)
{
	if (value.len > 0 && v->property_count < TRUST_PROPERTIES_MAX)
		v->properties[v->property_count++] = (struct trust_property){ type, name, value };
}

void trust_evidence(struct trust_verdict *v, const char *name, struct slice value)
{
	if (value.len > 0 && v->evidence_count < TRUST_EVIDENCE_MAX)
		v->evidence[v->evidence_count++] = (struct trust_evidence){ name, value };
}

static void put_verdict(struct buf *out, const struct trust_verdict *v)
{
	size_t before = out->len;
	authres_put_result(out, v->method, trust_result_name(v->result), v->reason);
	for (size_t i = 0; i < v->property_count; i++)
		authres_put_property(out, v->properties[i].type, v->properties[i].name,
		                     v->properties[i].value);
	/* What does not fit is left out whole. */
	if (!buf_failed(out))
		return;
	size_t max = out->max;
	out->failed = false;
	buf_truncate(out, before);
	out->max = max;
}

struct slice trust_value(const struct trust_results *r, struct arena *arena)
{
	struct buf out = buf_make(FIELD_BYTES_MAX);
	buf_reserve(&out, 512);
	buf_append(&out, r->authserv_id);
	for (size_t i = 0; i < r->count; i++)
		put_verdict(&out, &r->verdicts[i]);
	if (r->count == 0)
		buf_append(&out, SLICE("; none"));
	struct slice value = arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return value;
}

struct slice trust_field(const struct trust_results *r, struct arena *arena)
{
	const struct slice parts[] = { SLICE("Authentication-Results: "), trust_value(r, arena),
		                       SLICE("\r\n") };
	return arena_concat(arena, parts, 3);
}

static void put_text(struct buf *out, const struct trust_verdict *v)
{
	struct slice about = v->property_count > 0 ? v->properties[0].value : SLICE_EMPTY;
	buf_printf(out, "%s%s=%s", out->len > 0 ? ", " : "", v->method,
	           trust_result_name(v->result));
	if (about.len == 0 && !v->reason[0])
		return;
	buf_printf(out, " (%.*s%s%s)", SLICE_ARG(about), about.len > 0 && v->reason[0] ? ": " : "",
	           v->reason);
}

struct slice trust_text(const struct trust_results *r, struct arena *arena)
{
	struct buf out = buf_make(TEXT_BYTES_MAX);
	for (size_t i = 0; i < r->count; i++)
		put_text(&out, &r->verdicts[i]);
	struct slice text = arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return text;
}

size_t trust_found(const struct trust_results *r, struct arena *arena, struct slice **out)
{
	size_t count = 0;
	*out = ARENA_ARRAY(arena, r->count + 1, struct slice);
	for (size_t i = 0; i < r->count; i++) {
		const struct trust_verdict *v = &r->verdicts[i];
		struct slice about = v->property_count > 0 ? v->properties[0].value : SLICE_EMPTY;
		(*out)[count++] = slice_from_str(
			arena_printf(arena, "%s=%s%s%.*s", v->method, trust_result_name(v->result),
		                     about.len > 0 ? " " : "", SLICE_ARG(about)));
	}
	if (r->arc_trusted)
		(*out)[count++] = SLICE("arc=trusted");
	return count;
}

bool trust_is_forged_field(struct arena *scratch, struct slice name, struct slice value,
                           struct slice our_id)
{
	return slice_equal_nocase(name, SLICE("Authentication-Results")) &&
	       authres_is_ours(scratch, value, our_id);
}

enum dmarc_policy trust_policy(const struct trust_results *r, enum config_dmarc limit)
{
	if (!r || limit == CONFIG_DMARC_REPORT)
		return DMARC_NONE;
	return r->policy == DMARC_REJECT && limit == CONFIG_DMARC_QUARANTINE ? DMARC_QUARANTINE
	                                                                     : r->policy;
}
