#include "route/srs.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/cursor.h"

enum {
	HASH_LEN = 8,
	DAY_LEN = 2,
	DAYS = 1024, /* what two digits of base32 can tell */
	DAY_MS = 24 * 60 * 60 * 1000,
	SLACK_DAYS = 1, /* clocks that differ */
	TAG_LEN = 5,    /* "SRS0=" */
};

static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";

static int digit_value(char c)
{
	c = byte_lower(c);
	if (c >= 'a' && c <= 'z')
		return c - 'a';
	return c >= '2' && c <= '7' ? c - '2' + 26 : -1;
}

static unsigned day_of(int64_t ms) { return (unsigned)(ms / DAY_MS % DAYS); }

static struct slice day_text(struct arena *arena, unsigned day)
{
	return slice_from_str(arena_printf(arena, "%c%c", digits[day / 32], digits[day % 32]));
}

/* Of the text in lower case, as the case of an address gets lost on some ways. */
static struct slice hash_of(struct arena *arena, const struct sender_key *key, struct slice text)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	char *lower = arena_alloc(arena, text.len + 1);
	char *out = arena_alloc(arena, HASH_LEN);
	for (size_t i = 0; i < text.len; i++)
		lower[i] = byte_lower(text.data[i]);
	if (!HMAC(EVP_sha256(), key->secret, SENDER_KEY_BYTES, (const unsigned char *)lower,
	          text.len, mac, &len))
		abort();
	uint64_t bits = 0;
	for (size_t i = 0; i < 5; i++)
		bits = bits << 8 | mac[i];
	for (size_t i = 0; i < HASH_LEN; i++)
		out[i] = digits[bits >> 5 * (HASH_LEN - 1 - i) & 31];
	return slice_of(out, HASH_LEN);
}

static bool hash_is_good(struct arena *arena, const struct sender_keys *keys, struct slice hash,
                         struct slice text)
{
	bool good = false;
	for (size_t i = 0; i < keys->count; i++)
		good |= slice_equal_nocase(hash, hash_of(arena, &keys->keys[i], text));
	return good;
}

/* "SRS0" or "SRS1" and one of the separators that are in use. */
static bool has_tag(struct slice local, char number)
{
	return local.len > TAG_LEN && slice_starts_with_nocase(local, SLICE("SRS")) &&
	       local.data[3] == number &&
	       (local.data[4] == '=' || local.data[4] == '+' || local.data[4] == '-');
}

bool srs_is_form(struct slice local) { return has_tag(local, '0') || has_tag(local, '1'); }

/* --- forth ---------------------------------------------------------------------------- */

static struct slice join(struct arena *arena, struct slice a, struct slice b)
{
	return arena_concat(arena, (struct slice[]){ a, SLICE("="), b }, 3);
}

/* What stands behind "SRS1=HASH=": who rewrote first, and what that made behind its "SRS0". */
static bool second_of(struct arena *arena, const struct address *sender, struct slice *out)
{
	if (has_tag(sender->local, '0')) {
		*out = join(arena, sender->domain, slice_from(sender->local, TAG_LEN - 1));
		return true;
	}
	/* Its hash is not ours to keep. */
	struct slice rest = slice_from(sender->local, TAG_LEN);
	ptrdiff_t at = slice_find_byte(rest, '=');
	if (at < 0)
		return false;
	*out = slice_from(rest, (size_t)at + 1);
	return true;
}

bool srs_rewrite(struct arena *arena, const struct sender_keys *keys, const struct address *sender,
                 struct slice domain, int64_t now_ms, struct address *out)
{
	struct slice text, tag = SLICE("SRS0");
	if (keys->count == 0 || slice_find_byte(sender->domain, '=') >= 0)
		return false;
	if (srs_is_form(sender->local)) {
		tag = SLICE("SRS1");
		if (!second_of(arena, sender, &text))
			return false;
	} else {
		text = join(arena, day_text(arena, day_of(now_ms)),
		            join(arena, sender->domain, sender->local));
	}
	struct slice hash = hash_of(arena, &keys->keys[0], text);
	*out = *sender;
	out->is_literal = false;
	out->domain = domain;
	out->local = join(arena, tag, join(arena, hash, text));
	return out->local.len <= ADDRESS_LOCAL_MAX;
}

/* --- back ----------------------------------------------------------------------------- */

static bool split(struct slice *rest, struct slice *out)
{
	ptrdiff_t at = slice_find_byte(*rest, '=');
	if (at <= 0)
		return false;
	*out = slice_sub(*rest, 0, (size_t)at);
	*rest = slice_from(*rest, (size_t)at + 1);
	return true;
}

static enum srs_result judge_day(struct slice day, int64_t now_ms, int64_t max_age_ms)
{
	int high = day.len == DAY_LEN ? digit_value(day.data[0]) : -1;
	int low = day.len == DAY_LEN ? digit_value(day.data[1]) : -1;
	if (high < 0 || low < 0)
		return SRS_FORGED;
	unsigned age = (day_of(now_ms) + DAYS + SLACK_DAYS - (unsigned)(high * 32 + low)) % DAYS;
	return age <= (unsigned)(max_age_ms / DAY_MS) + SLACK_DAYS + 1 ? SRS_GOOD : SRS_OLD;
}

static bool is_address(struct arena *arena, struct address *a)
{
	struct slice text = address_text(arena, a);
	return address_parse(arena, text, ADDRESS_ALLOW_UTF8, a);
}

enum srs_result srs_reverse(struct arena *arena, const struct sender_keys *keys, struct slice local,
                            int64_t now_ms, int64_t max_age_ms, struct address *out)
{
	struct slice hash, day;
	bool is_first = has_tag(local, '0');
	if (!srs_is_form(local))
		return SRS_NONE;
	struct slice rest = slice_from(local, TAG_LEN);
	struct address found = { .local = SLICE_EMPTY };
	if (!split(&rest, &hash) || !hash_is_good(arena, keys, hash, rest))
		return SRS_FORGED;
	enum srs_result result = SRS_GOOD;
	if (is_first) {
		if (!split(&rest, &day))
			return SRS_FORGED;
		result = judge_day(day, now_ms, max_age_ms);
	}
	if (!split(&rest, &found.domain))
		return SRS_FORGED;
	/* How old it is the host knows that it goes back to. */
	found.local = is_first ? rest
	                       : arena_concat(arena, (struct slice[]){ SLICE("SRS0"), rest }, 2);
	if (!is_address(arena, &found))
		return SRS_FORGED;
	*out = found;
	return result;
}
