#include "message/charset.h"

#include <errno.h>
#include <iconv.h>

#define CHARSET_NAME_MAX 40
/* U+FFFD */
#define REPLACEMENT SLICE("\xEF\xBF\xBD")

/* The well-formed UTF-8 sequence at the start of s: its length, or 0 (RFC 3629 section 4). */
static size_t utf8_sequence(struct slice s)
{
	unsigned char first = (unsigned char)s.data[0];
	size_t len = first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
	if (first > 0xF4 || len > s.len || !slice_is_utf8(slice_of(s.data, len)))
		return 0;
	return len;
}

static int append_utf8(struct buf *out, struct slice bytes)
{
	if (slice_is_utf8(bytes))
		return buf_append(out, bytes);
	while (bytes.len > 0) {
		size_t len = utf8_sequence(bytes);
		int rc = buf_append(out, len > 0 ? slice_of(bytes.data, len) : REPLACEMENT);
		if (rc < 0)
			return rc;
		bytes = slice_from(bytes, len > 0 ? len : 1);
	}
	return 0;
}

/* Only these reach iconv: its rarer converters (stateful Chinese ones above all) have a history
 * of overflows, and no mail that people write needs them. */
static bool is_known(struct slice name)
{
	static const char *const beginnings[] = {
		"iso-8859-", "iso8859-", "iso_8859-", "windows-",  "cp12",        "cp437",
		"cp85",      "cp86",     "cp874",     "cp93",      "cp949",       "cp950",
		"koi8-",     "euc-",     "euc",       "gb2312",    "gbk",         "gb18030",
		"big5",      "shift",    "sjis",      "utf-16",    "utf-32",      "utf-7",
		"mac",       "tis-620",  "viscii",    "ks_c_5601", "iso-2022-jp", "iso-2022-kr",
		"latin",     "l1",       "uhc",       "johab",
	};
	for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
		if (slice_starts_with_nocase(name, slice_from_str(beginnings[i])))
			return true;
	return false;
}

/* "//" would ask glibc for transliteration and more. */
static bool is_plain_name(struct slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!byte_is_alnum(name.data[i]) && !memchr("-_.:", name.data[i], 4))
			return false;
	return name.len > 0 && name.len <= CHARSET_NAME_MAX;
}

/* As browsers and all other mail programs do: what says Latin-1 is Windows-1252, and GB 2312 its
 * superset. */
static const char *iconv_name(struct slice name, char copy[static CHARSET_NAME_MAX + 1])
{
	if (slice_equal_nocase(name, SLICE("iso-8859-1")) ||
	    slice_equal_nocase(name, SLICE("latin1")))
		return "WINDOWS-1252";
	if (slice_equal_nocase(name, SLICE("gb2312")) || slice_equal_nocase(name, SLICE("gbk")))
		return "GB18030";
	if (slice_equal_nocase(name, SLICE("ks_c_5601-1987")))
		return "CP949";
	memcpy(copy, name.data, name.len);
	copy[name.len] = '\0';
	return copy;
}

static int convert(struct buf *out, iconv_t cd, struct slice bytes)
{
	char piece[512];
	char *in = (char *)(uintptr_t)bytes.data; /* iconv's type; it does not write there */
	size_t left = bytes.len;
	int rc = 0;
	while (left > 0 && rc == 0) {
		char *to = piece;
		size_t room = sizeof(piece);
		size_t done = iconv(cd, &in, &left, &to, &room);
		int error = done == (size_t)-1 ? errno : 0;
		rc = buf_append(out, slice_of(piece, sizeof(piece) - room));
		if (rc < 0 || error == 0 || error == E2BIG)
			continue;
		rc = buf_append(out, REPLACEMENT);
		if (error == EINVAL)
			break;
		in++;
		left--;
		iconv(cd, NULL, NULL, NULL, NULL);
	}
	return rc;
}

static int convert_named(struct buf *out, const char *name, struct slice bytes)
{
	iconv_t cd = iconv_open("UTF-8", name);
	if (cd == (iconv_t)-1)
		return append_utf8(out, bytes);
	int rc = convert(out, cd, bytes);
	iconv_close(cd);
	return rc;
}

static bool is_utf8(struct slice charset)
{
	return slice_equal_nocase(charset, SLICE("utf-8")) ||
	       slice_equal_nocase(charset, SLICE("utf8"));
}

bool charset_is_known(struct slice charset)
{
	char copy[CHARSET_NAME_MAX + 1];
	if (is_utf8(charset) || slice_equal_nocase(charset, SLICE("us-ascii")))
		return true;
	if (!is_plain_name(charset) || !is_known(charset))
		return false;
	iconv_t cd = iconv_open("UTF-8", iconv_name(charset, copy));
	if (cd == (iconv_t)-1)
		return false;
	iconv_close(cd);
	return true;
}

int charset_append(struct buf *out, struct slice charset, struct slice bytes)
{
	char copy[CHARSET_NAME_MAX + 1];
	if (is_utf8(charset))
		return append_utf8(out, bytes);
	if (is_plain_name(charset) && is_known(charset))
		return convert_named(out, iconv_name(charset, copy), bytes);
	if (slice_is_utf8(bytes))
		return buf_append(out, bytes);
	return convert_named(out, "WINDOWS-1252", bytes);
}

struct slice charset_to_utf8(struct arena *arena, struct slice charset, struct slice bytes)
{
	struct buf out = buf_make(bytes.len * 4 + 16);
	charset_append(&out, charset, bytes);
	struct slice text = arena_copy(arena, buf_slice(&out));
	buf_free(&out);
	return text;
}
