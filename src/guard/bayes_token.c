#include "guard/bayes_token.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/evp.h>
#include <unicase.h>

#include "base/cursor.h"
#include "base/hash.h"
#include "guard/guard_links.h"
#include "message/mime.h"

enum {
	SLOTS = 8192, /* a power of two, more than twice BAYES_TOKENS_MAX */
	WORD_MIN = 3,
	TEXT_MAX = BAYES_WORD_MAX * 4, /* small letters may be longer than capital ones */
	NAME_MAX_BYTES = 12,           /* of a tag */
	PARTS_MAX = 200,
	FIELDS_MAX = 500,
	VALUE_MAX = 2000,
};

struct maker {
	struct arena *arena;
	struct bayes_token *slots;
	size_t count;
	size_t text_left;
};

/* --- the set ------------------------------------------------------------------------------ */

/* Counters are kept by these numbers: the key never changes. */
static uint64_t hash_of(struct slice text)
{
	static const uint64_t key[2] = { 0x7665726564757362, 0x61796573746f6b65 };
	uint64_t hash = hash_bytes_keyed(key, text);
	return hash ? hash : 1; /* 0 is an empty slot */
}

static void add(struct maker *m, const char *kind, struct slice text)
{
	char whole[TEXT_MAX + 20];
	int len = snprintf(whole, sizeof(whole), "%s%.*s", kind, SLICE_ARG(text));
	struct slice token = slice_of(whole, (size_t)len < sizeof(whole) ? (size_t)len
	                                                                 : sizeof(whole) - 1);
	uint64_t hash = hash_of(token);
	size_t at = hash & (SLOTS - 1);
	if (m->count == BAYES_TOKENS_MAX)
		return;
	while (m->slots[at].hash != 0 && m->slots[at].hash != hash)
		at = (at + 1) & (SLOTS - 1);
	if (m->slots[at].hash == hash)
		return;
	m->slots[at] = (struct bayes_token){ hash, arena_copy(m->arena, token) };
	m->count++;
}

/* --- words -------------------------------------------------------------------------------- */

static bool is_letter(char c) { return byte_is_alnum(c) || (unsigned char)c >= 0x80; }

/* Does this byte belong to the word? Some do between letters only: "3.50", "example.org". */
static bool is_inside(const struct cursor *c, char before)
{
	char here = *c->at;
	if (is_letter(here) || here == '$' || here == '!' || here == '\'' || here == '-')
		return true;
	return (here == '.' || here == '_') && is_letter(before) && cursor_left(c) > 1 &&
	       is_letter(c->at[1]);
}

static size_t character_len(struct slice s)
{
	size_t len = 1;
	while (len < s.len && ((unsigned char)s.data[len] & 0xC0) == 0x80)
		len++;
	return len;
}

/* Kana, CJK and Hangul have their lead bytes here. */
static bool has_no_spaces(struct slice word)
{
	unsigned char lead = (unsigned char)word.data[0];
	return lead >= 0xE3 && lead <= 0xED;
}

static void add_pairs(struct maker *m, const char *kind, struct slice word)
{
	while (word.len > 0 && m->count < BAYES_TOKENS_MAX) {
		size_t one = character_len(word);
		struct slice rest = slice_from(word, one);
		if (rest.len > 0)
			add(m, kind, slice_sub(word, 0, one + character_len(rest)));
		word = rest;
	}
}

static void add_lower(struct maker *m, const char *kind, struct slice word)
{
	char ascii[BAYES_WORD_MAX];
	uint8_t folded[TEXT_MAX];
	size_t len = sizeof(folded);
	if (!slice_is_ascii(word)) {
		uint8_t *made = u8_tolower((const uint8_t *)word.data, word.len, NULL, NULL, folded,
		                           &len);
		add(m, kind, made ? slice_of(made, len) : word);
		if (made && made != folded)
			free(made);
		return;
	}
	for (size_t i = 0; i < word.len; i++)
		ascii[i] = byte_lower(word.data[i]);
	add(m, kind, slice_of(ascii, word.len));
}

static void add_word(struct maker *m, const char *kind, struct slice word)
{
	char text[24];
	while (word.len > 0 && (word.data[0] == '-' || word.data[0] == '\''))
		word = slice_from(word, 1);
	while (word.len > 0 && (word.data[word.len - 1] == '-' || word.data[word.len - 1] == '\''))
		word.len--;
	if (word.len < WORD_MIN)
		return;
	if (has_no_spaces(word)) {
		add_pairs(m, kind, word);
	} else if (word.len <= BAYES_WORD_MAX) {
		add_lower(m, kind, word);
	} else if (!slice_is_ascii(word)) {
		add_pairs(m, kind, word);
	} else {
		/* Encoded matter: that it is there counts, and about how long it is. */
		snprintf(text, sizeof(text), "%c%zu", byte_lower(word.data[0]),
		         word.len < 1000 ? word.len / 10 * 10 : 1000);
		add(m, "long:", slice_from_str(text));
	}
}

static void add_words(struct maker *m, const char *kind, struct slice text)
{
	struct cursor c = cursor_of(text);
	while (!cursor_at_end(&c) && m->count < BAYES_TOKENS_MAX) {
		const char *begin = c.at;
		char before = ' ';
		while (!cursor_at_end(&c) && is_inside(&c, before))
			before = *c.at++;
		if (c.at > begin)
			add_word(m, kind, slice_of(begin, (size_t)(c.at - begin)));
		else
			c.at++;
	}
}

/* --- HTML --------------------------------------------------------------------------------- */

/* Does it leave words whole? "V<b>ia</b>gra" is read as one. */
static bool is_inline(struct slice name)
{
	static const char *const names[] = { "b",    "i",    "u",      "em",  "s",
		                             "font", "span", "strong", "big", "small" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (slice_equal_nocase(name, slice_from_str(names[i])))
			return true;
	}
	return false;
}

/* Behind the text, or at the end. */
static void skip_past(struct cursor *c, struct slice text)
{
	ptrdiff_t at = slice_find_nocase(cursor_rest(c), text);
	c->at = at < 0 ? c->end : c->at + at + text.len;
}

/* Behind "<". True if a word may not go on. */
static bool take_tag(struct maker *m, struct cursor *c)
{
	struct slice name = SLICE_EMPTY;
	if (take_text(c, SLICE("!--"))) {
		skip_past(c, SLICE("-->"));
		return false;
	}
	bool is_end = take_byte(c, '/');
	if (!take_while(c, byte_is_alnum, NAME_MAX_BYTES, &name))
		name = SLICE_EMPTY;
	if (!is_end && name.len > 0)
		add_lower(m, "tag:", name);
	skip_past(c, SLICE(">"));
	if (!is_end && slice_equal_nocase(name, SLICE("style")))
		skip_past(c, SLICE("</style"));
	if (!is_end && slice_equal_nocase(name, SLICE("script")))
		skip_past(c, SLICE("</script"));
	return !is_inline(name);
}

/* Never longer than it was: what a tag becomes is one space. */
static struct slice text_of_html(struct maker *m, struct slice html)
{
	struct cursor c = cursor_of(html);
	char *out = arena_alloc(m->arena, html.len + 1);
	size_t len = 0;
	while (!cursor_at_end(&c)) {
		if (take_byte(&c, '<')) {
			if (take_tag(m, &c))
				out[len++] = ' ';
		} else if (guard_links_take_reference(&c, &out[len]) || take_any(&c, &out[len])) {
			len++;
		}
	}
	return slice_of(out, len);
}

/* --- parts -------------------------------------------------------------------------------- */

static void add_text_part(struct maker *m, const struct mime_part *p, struct slice message)
{
	struct slice text = mime_decode_all(m->arena, p->encoding, mime_body(p, message),
	                                    m->text_left);
	text = slice_sub(text, 0, m->text_left);
	m->text_left -= text.len;
	text = charset_to_utf8(m->arena, mime_charset(p), text);
	add_words(m, "", mime_is(p, "text", "html") ? text_of_html(m, text) : text);
}

static void add_part(struct maker *m, const struct mime_part *p, struct slice message)
{
	struct slice name;
	char *type = arena_printf(m->arena, "%.*s/%.*s", SLICE_ARG(p->type), SLICE_ARG(p->subtype));
	add_lower(m, "type:", slice_sub(slice_from_str(type), 0, BAYES_WORD_MAX));
	if (p->kind != MIME_LEAF)
		return;
	if (mime_filename(m->arena, p, &name)) {
		ptrdiff_t dot = slice_find_last_byte(name, '.');
		add_words(m, "file:", slice_sub(name, 0, VALUE_MAX));
		if (dot >= 0 && name.len - (size_t)dot <= NAME_MAX_BYTES)
			add_lower(m, "file:", slice_from(name, (size_t)dot + 1));
	}
	if (!slice_equal_nocase(p->type, SLICE("text")))
		return;
	add_lower(m, "charset:", slice_sub(mime_charset(p), 0, BAYES_WORD_MAX));
	if (m->text_left > 0)
		add_text_part(m, p, message);
}

/* --- header ------------------------------------------------------------------------------- */

static const struct {
	const char *field, *kind; /* NULL: only that it is there counts */
} known_fields[] = {
	{ "Subject", "subject:" },
	{ "From", "from:" },
	{ "Reply-To", "reply:" },
	{ "Organization", "organization:" },
	{ "X-Mailer", "mailer:" },
	{ "User-Agent", "mailer:" },
	{ "In-Reply-To", NULL },
	{ "References", NULL },
	{ "List-Id", NULL },
	{ "List-Unsubscribe", NULL },
	{ "List-Unsubscribe-Post", NULL },
	{ "Precedence", "precedence:" },
	{ "X-Priority", "priority:" },
	{ "Sender", "sender:" },
};

static void add_field(struct maker *m, const struct header_field *f)
{
	for (size_t i = 0; i < sizeof(known_fields) / sizeof(known_fields[0]); i++) {
		if (!slice_equal_nocase(f->name, slice_from_str(known_fields[i].field)))
			continue;
		if (known_fields[i].kind)
			add_words(m, known_fields[i].kind,
			          header_decode(m->arena, f->value, VALUE_MAX));
		else
			add_lower(m, "field:", f->name);
		return;
	}
}

static void add_header(struct maker *m, struct slice header, const struct mime_fields *fields)
{
	struct header_walk walk = { .rest = header };
	struct header_field f;
	for (int i = 0; i < FIELDS_MAX && header_next(&walk, &f); i++)
		add_field(m, &f);
	ptrdiff_t at = slice_find_last_byte(fields->message_id, '@');
	if (at < 0)
		return;
	struct slice domain = slice_from(fields->message_id, (size_t)at + 1);
	add_words(m, "id:", slice_trim(slice_split(&domain, '>')));
}

static void add_links(struct maker *m, struct slice message, const struct message_limits *limits)
{
	struct guard_links links;
	guard_links_find(m->arena, message, limits, &links);
	for (size_t i = 0; i < links.domain_count; i++)
		add(m, "link:", slice_sub(links.domains[i], 0, TEXT_MAX));
	if (links.address_count > 0)
		add(m, "link:", SLICE("address"));
}

/* --- the whole ---------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	uint64_t x = ((const struct bayes_token *)a)->hash;
	uint64_t y = ((const struct bayes_token *)b)->hash;
	return x < y ? -1 : x > y;
}

static void finish(struct maker *m, const struct mime_fields *fields, struct bayes_tokens *out)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	uint64_t *hashes = ARENA_ARRAY(m->arena, m->count, uint64_t);
	*out = (struct bayes_tokens){ .items = ARENA_ARRAY(m->arena, m->count,
		                                           struct bayes_token) };
	for (size_t i = 0; i < SLOTS; i++) {
		if (m->slots[i].hash != 0)
			out->items[out->count++] = m->slots[i];
	}
	qsort(out->items, out->count, sizeof(*out->items), compare);
	for (size_t i = 0; i < out->count; i++)
		hashes[i] = out->items[i].hash;
	const struct slice parts[] = { slice_trim(fields->message_id), SLICE("\n"),
		                       slice_trim(fields->date), SLICE("\n"),
		                       slice_of(hashes, out->count * sizeof(*hashes)) };
	struct slice whole = arena_concat(m->arena, parts, sizeof(parts) / sizeof(parts[0]));
	EVP_Digest(whole.data, whole.len, digest, NULL, EVP_sha256(), NULL);
	memcpy(out->digest, digest, sizeof(out->digest));
}

void bayes_tokens_of(struct arena *arena, struct slice message, const struct message_limits *limits,
                     struct bayes_tokens *out)
{
	struct maker m = { .arena = arena,
		           .slots = ARENA_ARRAY(arena, SLOTS, struct bayes_token),
		           .text_left = BAYES_TEXT_BYTES };
	const struct mime_part *root = mime_parse(arena, message, limits), *p = root;
	/* Facts first: a long text may use up the rest. */
	add_header(&m, slice_sub(mime_header(root, message), 0, limits->header_bytes),
	           root->fields);
	add_links(&m, message, limits);
	for (int i = 0; p && i < PARTS_MAX; p = mime_next(p), i++)
		add_part(&m, p, message);
	finish(&m, root->fields, out);
}
