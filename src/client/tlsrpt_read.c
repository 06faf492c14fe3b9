/* Reports: packing, unpacking, reading. */
#include <errno.h>
#include <zlib.h>

#include "base/buf.h"
#include "client/tlsrpt.h"
#include "message/date.h"

enum { GZIP = 16, STEP = 4 * 1024 }; /* GZIP: added to the window's bits */

int tlsrpt_pack(struct arena *arena, struct slice json, struct slice *out)
{
	z_stream z = { .next_in = (unsigned char *)json.data, .avail_in = (unsigned)json.len };
	if (json.len > UINT32_MAX || deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED,
	                                          MAX_WBITS + GZIP, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	size_t room = deflateBound(&z, (unsigned long)json.len);
	unsigned char *bytes = arena_alloc(arena, room);
	z.next_out = bytes;
	z.avail_out = (unsigned)room;
	int rc = deflate(&z, Z_FINISH);
	*out = slice_of(bytes, room - z.avail_out);
	deflateEnd(&z);
	return rc == Z_STREAM_END ? 0 : -EIO;
}

static int inflate_all(z_stream *z, struct buf *out)
{
	unsigned char step[STEP];
	int rc = Z_OK;
	while (rc == Z_OK) {
		z->next_out = step;
		z->avail_out = sizeof(step);
		rc = inflate(z, Z_NO_FLUSH);
		if (rc != Z_OK && rc != Z_STREAM_END)
			return -EINVAL;
		if (buf_append(out, slice_of(step, sizeof(step) - z->avail_out)) < 0)
			return -ENOBUFS;
	}
	return 0;
}

int tlsrpt_unpack(struct arena *arena, struct slice bytes, size_t max, struct slice *out)
{
	z_stream z = { .next_in = (unsigned char *)bytes.data, .avail_in = (unsigned)bytes.len };
	struct buf text = buf_make(max);
	if (bytes.len > UINT32_MAX || inflateInit2(&z, MAX_WBITS + GZIP) != Z_OK)
		return -EINVAL;
	int rc = inflate_all(&z, &text);
	inflateEnd(&z);
	if (rc == 0)
		*out = arena_copy(arena, buf_slice(&text));
	buf_free(&text);
	return rc;
}

/* --- reading -------------------------------------------------------------------------- */

/* What strangers write is shown on terminals: one line of printable ASCII, not too long. */
static struct slice shown(struct arena *arena, const json_t *json)
{
	struct slice text = slice_of(json_string_value(json), json_string_length(json));
	if (!json_is_string(json))
		return SLICE_EMPTY;
	text = slice_sub(text, 0, text.len < TLSRPT_TEXT_MAX ? text.len : TLSRPT_TEXT_MAX);
	char *out = arena_alloc(arena, text.len + 1);
	for (size_t i = 0; i < text.len; i++)
		out[i] = text.data[i] >= ' ' && text.data[i] < 0x7f ? text.data[i] : '?';
	return slice_of(out, text.len);
}

static bool read_date(const json_t *json, int64_t *ms_out)
{
	struct date date;
	if (!json_is_string(json) ||
	    !date_parse_internet(slice_of(json_string_value(json), json_string_length(json)),
	                         &date))
		return false;
	*ms_out = date.unix_s * 1000;
	return true;
}

static int64_t count_of(const json_t *summary, const char *name)
{
	json_int_t value = json_integer_value(json_object_get(summary, name));
	return value > 0 && value < INT32_MAX ? value : 0;
}

static int read_policies(struct arena *arena, const json_t *policies, struct tlsrpt_summary *out)
{
	size_t i;
	json_t *one;
	if (!json_is_array(policies) || json_array_size(policies) > TLSRPT_POLICIES_MAX)
		return -EINVAL;
	json_array_foreach(policies, i, one)
	{
		const json_t *policy = json_object_get(one, "policy");
		const json_t *summary = json_object_get(one, "summary");
		if (!json_is_object(policy) || !json_is_object(summary))
			return -EINVAL;
		if (out->domain.len == 0)
			out->domain = shown(arena, json_object_get(policy, "policy-domain"));
		out->successes += count_of(summary, "total-successful-session-count");
		out->failures += count_of(summary, "total-failure-session-count");
	}
	return 0;
}

int tlsrpt_read(struct arena *arena, struct slice json, struct tlsrpt_summary *out)
{
	struct tlsrpt_summary s = { .domain = SLICE_EMPTY };
	json_t *report = json.len > TLSRPT_JSON_BYTES_MAX
	                         ? NULL
	                         : json_loadb(json.data, json.len, JSON_REJECT_DUPLICATES, NULL);
	const json_t *range = json_object_get(report, "date-range");
	s.organization = shown(arena, json_object_get(report, "organization-name"));
	s.contact = shown(arena, json_object_get(report, "contact-info"));
	s.report_id = shown(arena, json_object_get(report, "report-id"));
	int rc = -EINVAL;
	if (s.report_id.len > 0 &&
	    read_date(json_object_get(range, "start-datetime"), &s.begins_ms) &&
	    read_date(json_object_get(range, "end-datetime"), &s.ends_ms))
		rc = read_policies(arena, json_object_get(report, "policies"), &s);
	json_decref(report);
	if (rc == 0)
		*out = s;
	return rc;
}
