#include "client/sts_policy.h"

#include <errno.h>

#include "base/cursor.h"
#include "message/address.h"

const char *sts_mode_name(enum sts_mode mode)
{
	static const char *const names[] = {
		[STS_MODE_NONE] = "none",
		[STS_MODE_TESTING] = "testing",
		[STS_MODE_ENFORCE] = "enforce",
	};
	return names[mode];
}

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

static void skip_blanks(struct cursor *c)
{
	struct slice blanks;
	take_while(c, is_blank, SIZE_MAX, &blanks);
}

/* --- the record ----------------------------------------------------------------------- */

/* sts-version = %s"v=STSv1"        before the first ";"        RFC 8461 section 3.1 */
static bool take_version(struct cursor *c)
{
	if (!take_text(c, SLICE("v=STSv1")))
		return false;
	skip_blanks(c);
	return cursor_at_end(c) || take_byte(c, ';');
}

bool sts_record_is(struct slice text)
{
	struct cursor c = cursor_of(text);
	return take_version(&c);
}

bool sts_record_parse(struct slice text, struct slice *id_out)
{
	struct cursor c = cursor_of(text);
	struct slice id = SLICE_EMPTY;
	if (!take_version(&c))
		return false;
	struct slice rest = cursor_rest(&c);
	while (rest.len > 0) {
		struct slice field = slice_trim(slice_split(&rest, ';'));
		if (id.len == 0 && slice_starts_with(field, SLICE("id=")))
			id = slice_from(field, 3);
	}
	if (id.len == 0 || id.len > STS_ID_MAX)
		return false;
	for (size_t i = 0; i < id.len; i++) {
		if (!byte_is_alnum(id.data[i]))
			return false;
	}
	*id_out = id;
	return true;
}

/* --- the policy ----------------------------------------------------------------------- */

struct parse {
	struct sts_policy *out;
	const char **why_out;
	bool has_version, has_mode, has_max_age;
};

static int wrong(const struct parse *p, const char *why)
{
	*p->why_out = why;
	return -EINVAL;
}

/* Of a field that may stand once, the first counts (section 3.2). */
static int take_mode(struct parse *p, struct slice value)
{
	if (p->has_mode)
		return 0;
	p->has_mode = true;
	for (int mode = STS_MODE_NONE; mode <= STS_MODE_ENFORCE; mode++) {
		if (slice_equal(value, slice_from_str(sts_mode_name((enum sts_mode)mode)))) {
			p->out->mode = (enum sts_mode)mode;
			return 0;
		}
	}
	return wrong(p, "mode is neither none, testing nor enforce");
}

static int take_max_age(struct parse *p, struct slice value)
{
	uint64_t seconds;
	if (p->has_max_age)
		return 0;
	p->has_max_age = true;
	if (value.len == 0 || value.len > 10 || !slice_to_u64(value, &seconds))
		return wrong(p, "max_age is no number of seconds");
	p->out->max_age_s = seconds < STS_MAX_AGE_MAX_S ? (int64_t)seconds : STS_MAX_AGE_MAX_S;
	return 0;
}

static int take_mx(struct parse *p, struct slice value)
{
	struct slice name = value;
	if (slice_starts_with(name, SLICE("*.")))
		name = slice_from(name, 2);
	if (!domain_is_valid(name))
		return wrong(p, "mx is neither a name nor a name behind \"*.\"");
	if (p->out->mx_count == STS_POLICY_MX_MAX)
		return wrong(p, "there are too many mx");
	p->out->mx[p->out->mx_count++] = value;
	return 0;
}

/* field = name ":" *WSP value *WSP        names are letters, digits, "_", "-", "." */
static int take_field(struct parse *p, struct slice line)
{
	ptrdiff_t colon = slice_find_byte(line, ':');
	if (colon <= 0)
		return wrong(p, "a line is no \"name: value\"");
	struct slice name = slice_sub(line, 0, (size_t)colon);
	struct slice value = slice_trim(slice_from(line, (size_t)colon + 1));
	if (slice_equal(name, SLICE("version"))) {
		if (!p->has_version && !slice_equal(value, SLICE("STSv1")))
			return wrong(p, "version is not STSv1");
		p->has_version = true;
	} else if (slice_equal(name, SLICE("mode"))) {
		return take_mode(p, value);
	} else if (slice_equal(name, SLICE("max_age"))) {
		return take_max_age(p, value);
	} else if (slice_equal(name, SLICE("mx"))) {
		return take_mx(p, value);
	}
	return 0;
}

static int check_whole(const struct parse *p)
{
	if (!p->has_version)
		return wrong(p, "version is missing");
	if (!p->has_mode)
		return wrong(p, "mode is missing");
	if (!p->has_max_age)
		return wrong(p, "max_age is missing");
	if (p->out->mx_count == 0 && p->out->mode != STS_MODE_NONE)
		return wrong(p, "there is no mx");
	return 0;
}

int sts_policy_parse(struct arena *arena, struct slice text, struct sts_policy *out,
                     const char **why_out)
{
	struct sts_policy policy = { .mx = ARENA_ARRAY(arena, STS_POLICY_MX_MAX, struct slice) };
	struct parse p = { .out = &policy, .why_out = why_out };
	int rc = text.len > STS_POLICY_BYTES_MAX ? wrong(&p, "it is too long") : 0;
	while (text.len > 0 && rc == 0) {
		struct slice line = slice_split(&text, '\n');
		if (slice_ends_with(line, SLICE("\r")))
			line.len--;
		if (slice_find_byte(line, '\0') >= 0 || !slice_is_utf8(line))
			rc = wrong(&p, "it is no text");
		else if (slice_trim(line).len > 0)
			rc = take_field(&p, line);
	}
	if (rc == 0)
		rc = check_whole(&p);
	if (rc == 0)
		*out = policy;
	return rc;
}

bool sts_policy_has_host(const struct sts_policy *p, const char *host)
{
	struct slice name = slice_from_str(host);
	ptrdiff_t dot = slice_find_byte(name, '.');
	for (size_t i = 0; i < p->mx_count; i++) {
		struct slice mx = p->mx[i];
		if (slice_equal_nocase(mx, name))
			return true;
		if (dot > 0 && slice_starts_with(mx, SLICE("*.")) &&
		    slice_equal_nocase(slice_from(mx, 2), slice_from(name, (size_t)dot + 1)))
			return true;
	}
	return false;
}
