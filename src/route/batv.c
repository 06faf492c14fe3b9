#include "route/batv.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/clock.h"
#include "base/cursor.h"
#include "guard/guard_pattern.h"
#include "route/srs.h"

enum {
	LOCAL_MAX = 64, /* RFC 5321 section 4.5.3.1.1: others need not take more */
	TAG_LEN = 10,   /* KDDDSSSSSS */
	STAMP_LEN = 4,  /* KDDD */
	HASH_BYTES = 3,
	DAYS = 1000,
	SLACK_DAYS = 1, /* clocks that differ */
};
#define DAY_MS (24 * 60 * 60 * 1000LL)

struct batv {
	const struct config_bounces *config;
	struct sender_ring *ring;
};

/* --- tags --------------------------------------------------------------------------------- */

static char key_digit(const struct sender_key *key)
{
	return (char)('0' + key->made_ms / DAY_MS % 10);
}

static int64_t days_of(int64_t ms) { return (ms + DAY_MS - 1) / DAY_MS; }

/* "3f09a1": of the stamp and the address, in lower case as hosts on the way may change that. */
static struct slice hash_of(struct arena *arena, const struct sender_key *key, struct slice stamp,
                            struct slice local, struct slice domain)
{
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	struct slice text = arena_lower(
		arena,
		arena_concat(arena, (struct slice[]){ stamp, local, SLICE("@"), domain }, 4));
	if (!HMAC(EVP_sha1(), key->secret, SENDER_KEY_BYTES, (const unsigned char *)text.data,
	          text.len, mac, &len) ||
	    len < HASH_BYTES)
		abort();
	return slice_from_str(arena_printf(arena, "%02x%02x%02x", mac[0], mac[1], mac[2]));
}

bool batv_tag(struct arena *arena, const struct sender_keys *keys, const struct address *sender,
              int64_t now_ms, int64_t valid_ms, struct address *out)
{
	if (keys->count == 0 || sender->local.len == 0 ||
	    sender->local.len + TAG_LEN + 6 > LOCAL_MAX)
		return false;
	const struct sender_key *key = &keys->keys[0];
	int day = (int)((now_ms / DAY_MS + days_of(valid_ms)) % DAYS);
	struct slice stamp = slice_from_str(arena_printf(arena, "%c%03d", key_digit(key), day));
	*out = *sender;
	out->local = arena_concat(
		arena,
		(struct slice[]){ SLICE("prvs="), stamp,
	                          hash_of(arena, key, stamp, sender->local, sender->domain),
	                          SLICE("="), sender->local },
		5);
	return true;
}

/* batv = "prvs=" DIGIT 3DIGIT 6HEX "=" local-part */
static bool take_tag(struct slice local, struct slice *stamp, struct slice *hash,
                     struct slice *rest)
{
	if (!slice_starts_with_nocase(local, SLICE("prvs=")))
		return false;
	struct slice tag = slice_from(local, 5);
	if (tag.len <= TAG_LEN + 1 || tag.data[TAG_LEN] != '=')
		return false;
	*stamp = slice_sub(tag, 0, STAMP_LEN);
	*hash = slice_sub(tag, STAMP_LEN, TAG_LEN - STAMP_LEN);
	*rest = slice_from(tag, TAG_LEN + 1);
	for (size_t i = 0; i < STAMP_LEN; i++) {
		if (!byte_is_digit(stamp->data[i]))
			return false;
	}
	return true;
}

enum batv_result batv_untag(struct arena *arena, const struct sender_keys *keys,
                            const struct address *given, int64_t now_ms, int64_t valid_ms,
                            struct slice *local_out)
{
	struct slice stamp, hash, local;
	uint64_t day;
	bool good = false;
	if (!take_tag(given->local, &stamp, &hash, &local) ||
	    !slice_to_u64(slice_from(stamp, 1), &day))
		return BATV_NONE;
	for (size_t i = 0; i < keys->count; i++)
		good |= key_digit(&keys->keys[i]) == stamp.data[0] &&
		        slice_equal_nocase(
				hash, hash_of(arena, &keys->keys[i], stamp, local, given->domain));
	if (!good)
		return BATV_FORGED;
	int64_t left = ((int64_t)day - now_ms / DAY_MS % DAYS + DAYS) % DAYS;
	*local_out = local;
	return left <= days_of(valid_ms) + SLACK_DAYS ? BATV_GOOD : BATV_OLD;
}

/* --- with its keys ------------------------------------------------------------------------ */

int batv_open(struct store *store, const struct config *config, struct batv **out)
{
	const struct config_bounces *c = &config->bounces;
	*out = NULL;
	if (c->sign.count == 0)
		return 0;
	struct batv *b = mem_zero(1, sizeof(*b));
	b->config = c;
	int rc = sender_ring_open(store, SENDER_KEY_BATV, c->rotate_ms, c->valid_ms, &b->ring);
	if (rc < 0)
		batv_close(b);
	else
		*out = b;
	return rc;
}

void batv_close(struct batv *b)
{
	if (!b)
		return;
	sender_ring_close(b->ring);
	free(b);
}

static bool matches(const struct config_texts *patterns, struct slice text)
{
	for (size_t i = 0; i < patterns->count; i++) {
		if (guard_pattern_match(slice_from_str(patterns->items[i]), text))
			return true;
	}
	return false;
}

bool batv_covers(const struct batv *b, struct arena *arena, const struct address *sender)
{
	return matches(&b->config->sign, sender->domain) &&
	       !matches(&b->config->except, address_text(arena, sender));
}

bool batv_is_plain_for(const struct batv *b, struct slice recipient)
{
	return matches(&b->config->plain_for, recipient);
}

struct slice batv_sender(struct batv *b, struct arena *arena, struct slice path)
{
	struct address sender, canonical, out;
	int64_t now_ms = clock_wall_ms();
	struct slice stamp, hash, rest;
	if (path.len == 0 || !address_parse(arena, path, ADDRESS_ALLOW_UTF8, &sender) ||
	    !address_canonical(arena, &sender, &canonical) || srs_is_form(sender.local) ||
	    take_tag(sender.local, &stamp, &hash, &rest) || !batv_covers(b, arena, &canonical))
		return path;
	struct sender_keys keys = sender_ring_fresh(b->ring, now_ms);
	sender.domain = canonical.domain;
	return batv_tag(arena, &keys, &sender, now_ms, b->config->valid_ms, &out)
	               ? address_text(arena, &out)
	               : path;
}

enum batv_result batv_find(struct batv *b, struct db *db, struct arena *arena,
                           const struct address *given, struct slice *local_out)
{
	struct sender_keys keys = sender_ring_keys(b->ring);
	int64_t now_ms = clock_wall_ms(), valid_ms = b->config->valid_ms;
	enum batv_result found = batv_untag(arena, &keys, given, now_ms, valid_ms, local_out);
	if (found == BATV_FORGED && sender_ring_look_again(b->ring, db, &keys))
		found = batv_untag(arena, &keys, given, now_ms, valid_ms, local_out);
	return found;
}
