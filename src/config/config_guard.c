/* The small languages in rules; pure. */
#include "config/config_guard.h"

#include "base/cursor.h"
#include "config/config_options.h"
#include "message/address.h"

enum {
	RATE_COUNT_MAX = 1000000000,
	REPLY_TEXT_MAX = 400, /* RFC 5321 section 4.5.3.1.5 has 512 for the line */
	WORD_MAX = 32,
};

static const char *const stage_names[] = { "connect", "helo", "mail", "rcpt", "message" };
static const char *const verdict_names[] = { "allow", "reject",   "defer",     "delay",
	                                     "tag",   "greylist", "quarantine" };
static const char *const of_names[] = { "connections", "messages", "recipients" };
static const char *const per_names[] = { "network", "account", "sender" };

const char *rule_stage_name(enum rule_stage stage) { return stage_names[stage]; }
const char *rule_verdict_name(enum rule_verdict verdict) { return verdict_names[verdict]; }
const char *rate_of_name(enum rate_of of) { return of_names[of]; }
const char *rate_per_name(enum rate_per per) { return per_names[per]; }

/* --- rates ------------------------------------------------------------------------------ */

static bool is_word_byte(char c) { return byte_is_alnum(c); }

/* One of three words; its place. */
static bool take_name(struct cursor *c, const char *const names[static 3], unsigned *out)
{
	struct cursor begin = *c;
	struct slice word;
	if (!take_while(c, is_word_byte, WORD_MAX, &word))
		return false;
	for (unsigned i = 0; i < 3; i++) {
		if (slice_equal(word, slice_from_str(names[i]))) {
			*out = i;
			return true;
		}
	}
	*c = begin;
	return false;
}

static bool take_period(struct cursor *c, int64_t *ms_out)
{
	struct slice word;
	return take_while(c, is_word_byte, WORD_MAX, &word) &&
	       config_parse_duration(word, ms_out) && *ms_out > 0 && *ms_out <= 7 * 86400000LL;
}

bool config_parse_rate(struct slice text, struct config_rate *out)
{
	struct cursor c = cursor_of(text);
	uint64_t count, burst;
	unsigned of, per = RATE_PER_NETWORK;
	int64_t period_ms;
	if (!take_number(&c, RATE_COUNT_MAX, &count) || count == 0 || !take_byte(&c, ' ') ||
	    !take_name(&c, of_names, &of) || !take_byte(&c, '/') || !take_period(&c, &period_ms))
		return false;
	burst = count;
	if (take_text(&c, SLICE(" per ")) && !take_name(&c, per_names, &per))
		return false;
	if (take_text(&c, SLICE(" burst ")) &&
	    (!take_number(&c, RATE_COUNT_MAX, &burst) || burst == 0))
		return false;
	if (!cursor_at_end(&c))
		return false;
	*out = (struct config_rate){ .count = (unsigned)count,
		                     .burst = (unsigned)burst,
		                     .period_ms = period_ms,
		                     .of = (enum rate_of)of,
		                     .per = (enum rate_per)per };
	return true;
}

/* --- replies ---------------------------------------------------------------------------- */

/* class "." subject "." detail of RFC 3463 section 2, the class that of the code */
static bool take_enhanced(struct cursor *c, char class, struct slice *out)
{
	const char *begin = c->at;
	struct cursor here = *c;
	uint64_t number;
	if (!take_byte(&here, class) || !take_byte(&here, '.') ||
	    !take_number(&here, 999, &number) || !take_byte(&here, '.') ||
	    !take_number(&here, 999, &number) || !take_byte(&here, ' '))
		return false;
	*out = slice_of(begin, (size_t)(here.at - begin) - 1);
	*c = here;
	return true;
}

static bool is_reply_byte(char c) { return c >= ' ' && c <= '~'; }

bool config_parse_reply(struct arena *arena, struct slice text, struct config_reply *out)
{
	struct cursor c = cursor_of(text);
	struct slice digits, words, enhanced = SLICE_EMPTY;
	uint64_t code;
	if (!take_bytes(&c, 3, &digits) || !slice_to_u64(digits, &code) || code < 400 ||
	    code > 559 || code % 100 > 59 || !take_byte(&c, ' '))
		return false;
	bool has_enhanced = take_enhanced(&c, digits.data[0], &enhanced);
	if (!take_while(&c, is_reply_byte, REPLY_TEXT_MAX, &words) || !cursor_at_end(&c))
		return false;
	out->code = (int)code;
	out->enhanced = has_enhanced ? arena_str(arena, enhanced)
	                             : (code < 500 ? "4.7.1" : "5.7.1");
	out->text = arena_str(arena, words);
	return true;
}

/* --- patterns --------------------------------------------------------------------------- */

static struct slice begin_pattern(const char *text, struct arena *arena, struct config_pattern *out)
{
	struct slice rest = slice_from_str(text);
	out->shown = arena_str(arena, rest);
	out->negated = rest.len > 0 && rest.data[0] == '!';
	return out->negated ? slice_from(rest, 1) : rest;
}

bool config_parse_pattern(struct arena *arena, const char *text, struct config_pattern *out)
{
	struct slice rest = begin_pattern(text, arena, out);
	out->text = arena_lower(arena, rest);
	return rest.len > 0;
}

/* A domain without wildcards has its canonical form, so that U-labels match. */
static struct slice pattern_domain(struct arena *arena, struct slice domain)
{
	struct slice canonical;
	if (slice_find_byte(domain, '*') < 0 && slice_find_byte(domain, '?') < 0 &&
	    domain_canonical(arena, domain, &canonical))
		return canonical;
	return arena_lower(arena, domain);
}

bool config_parse_address_pattern(struct arena *arena, const char *text, struct config_pattern *out)
{
	struct slice rest = begin_pattern(text, arena, out);
	if (rest.len == 0)
		return false;
	if (slice_equal(rest, SLICE("<>"))) {
		out->text = SLICE_EMPTY;
		return true;
	}
	ptrdiff_t at = slice_find_last_byte(rest, '@');
	struct slice local = at > 0 ? slice_sub(rest, 0, (size_t)at) : SLICE("*");
	struct slice domain = slice_from(rest, (size_t)(at + 1));
	const struct slice parts[] = { arena_lower(arena, local), SLICE("@"),
		                       pattern_domain(arena, domain) };
	out->text = arena_concat(arena, parts, 3);
	return domain.len > 0;
}
