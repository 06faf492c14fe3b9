#include "message/address_list.h"

#include "base/cursor.h"
#include "message/address.h"
#include "message/charset.h"

struct parser {
	struct cursor c;
	const char *value; /* its start */
	struct arena *arena;
	struct address_list list;
	size_t room; /* entries allocated */
	size_t max;
	/* Texts without their quotes are made here. Each byte of them comes from another byte of
	 * the value, so this has the value's length. */
	char *text;
	size_t text_len;
	const char *word_end; /* of the last phrase or local part */
	size_t words;         /* in it */
	struct slice comment; /* the last one of this entry, as written, without parentheses */
	bool in_group;
};

static inline bool is_blank(char c) { return byte_is_space(c) || c == '\r' || c == '\n'; }

/* Brackets, backslashes and stray ">" are found in display names. */
static inline bool ends_word(char c)
{
	return is_blank(c) || c == '(' || c == '<' || c == ',' || c == ';' || c == ':' ||
	       c == '@' || c == '"';
}

static inline void put(struct parser *p, char c) { p->text[p->text_len++] = c; }

static struct slice text_since(const struct parser *p, size_t start)
{
	return slice_of(p->text + start, p->text_len - start);
}

/* Behind "(": up to the ")" that closes it. */
static void take_comment(struct parser *p)
{
	const char *start = p->c.at;
	size_t depth = 1;
	for (; p->c.at < p->c.end; p->c.at++) {
		if (*p->c.at == '(')
			depth++;
		else if (*p->c.at == ')' && --depth == 0)
			break;
		else if (*p->c.at == '\\' && p->c.at + 1 < p->c.end)
			p->c.at++;
	}
	p->comment = slice_of(start, (size_t)(p->c.at - start));
	take_byte(&p->c, ')');
}

/* True if there was anything to skip. */
static bool skip_cfws(struct parser *p)
{
	const char *start = p->c.at;
	while (p->c.at < p->c.end) {
		if (is_blank(*p->c.at))
			p->c.at++;
		else if (take_byte(&p->c, '('))
			take_comment(p);
		else
			break;
	}
	return p->c.at > start;
}

/* Behind the opening quote. */
static void take_quoted(struct parser *p)
{
	while (p->c.at < p->c.end) {
		char b = *p->c.at++;
		if (b == '"')
			return;
		if (b == '\r' || b == '\n')
			continue;
		if (b == '\\' && p->c.at < p->c.end)
			b = *p->c.at++;
		put(p, b);
	}
}

/* Encoded words stay whole, whatever senders let stand in them. */
static void take_word(struct parser *p)
{
	size_t encoded = *p->c.at == '=' ? encoded_word_length(cursor_rest(&p->c)) : 0;
	for (; p->c.at < p->c.end && (encoded > 0 || !ends_word(*p->c.at)); p->c.at++) {
		if (encoded > 0)
			encoded--;
		if (*p->c.at != '\r' && *p->c.at != '\n')
			put(p, *p->c.at);
	}
}

/* Words up to a byte that means something, with one space where there was any. */
static struct slice take_phrase(struct parser *p)
{
	bool space = skip_cfws(p);
	size_t start = p->text_len;
	p->words = 0;
	while (p->c.at < p->c.end && (*p->c.at == '"' || !ends_word(*p->c.at))) {
		if (space && p->text_len > start)
			put(p, ' ');
		if (take_byte(&p->c, '"'))
			take_quoted(p);
		else
			take_word(p);
		p->words++;
		p->word_end = p->c.at;
		space = skip_cfws(p);
	}
	return text_since(p, start);
}

/* Domain or domain literal, spaces and comments inside dropped: obs-domain. */
static struct slice take_domain(struct parser *p)
{
	size_t start = p->text_len;
	skip_cfws(p);
	while (p->c.at < p->c.end) {
		char b = *p->c.at;
		if (b == '>' || ends_word(b))
			break;
		bool literal = b == '[';
		do {
			b = *p->c.at;
			if (!is_blank(b))
				put(p, b);
			p->c.at++;
			literal = literal && b != ']' && b != ',';
		} while (p->c.at < p->c.end &&
		         (literal || (*p->c.at != '>' && *p->c.at != '.' && *p->c.at != '[' &&
		                      !ends_word(*p->c.at))));
		/* Over a space only to or from a dot: what else follows is no domain. */
		const char *behind = p->c.at;
		if (skip_cfws(p) && b != '.' && cursor_peek(&p->c) != '.') {
			if (cursor_peek(&p->c) == '<' || cursor_at_end(&p->c))
				continue;
			p->c.at = behind;
			break;
		}
	}
	return text_since(p, start);
}

static inline struct slice not_null(struct slice s) { return s.data ? s : SLICE_EMPTY; }

static void emit(struct parser *p, struct address_entry entry)
{
	if (p->list.count == p->max) {
		p->list.truncated = true;
		p->c.at = p->c.end;
		return;
	}
	if (p->list.count == p->room) {
		size_t room = p->room ? p->room * 2 : 2;
		struct address_entry *grown = ARENA_ARRAY(p->arena, room, struct address_entry);
		if (p->list.count > 0)
			memcpy(grown, p->list.entries, p->list.count * sizeof(*grown));
		p->list.entries = grown;
		p->room = room;
	}
	p->list.entries[p->list.count++] = (struct address_entry){
		.kind = entry.kind,
		.name = not_null(entry.name),
		.route = not_null(entry.route),
		.local = not_null(entry.local),
		.domain = not_null(entry.domain),
		.is_loose = entry.is_loose,
		.bare_end = entry.bare_end,
	};
}

/* A comment's text without backslashes and folds. */
static struct slice comment_text(struct parser *p)
{
	struct slice raw = slice_trim(p->comment);
	char *text = arena_alloc(p->arena, raw.len);
	size_t len = 0;
	for (size_t i = 0; i < raw.len; i++) {
		if (raw.data[i] == '\r' || raw.data[i] == '\n')
			continue;
		if (raw.data[i] == '\\' && i + 1 < raw.len)
			i++;
		text[len++] = raw.data[i];
	}
	return slice_of(text, len);
}

static void emit_mailbox(struct parser *p, struct address_entry entry)
{
	entry.kind = ADDRESS_ENTRY_MAILBOX;
	if (entry.name.len == 0 && p->comment.len > 0)
		entry.name = comment_text(p);
	p->comment = SLICE_EMPTY;
	emit(p, entry);
}

/* local-part of obs-local-part: spaces next to dots mean nothing. */
static struct slice join_dots(struct slice local)
{
	char *data = (char *)(uintptr_t)local.data; /* lies in parser.text */
	size_t len = 0;
	for (size_t i = 0; i < local.len; i++) {
		bool by_dot = (i > 0 && data[i - 1] == '.') ||
		              (i + 1 < local.len && data[i + 1] == '.');
		if (data[i] != ' ' || !by_dot)
			data[len++] = data[i];
	}
	return slice_of(data, len);
}

/* Behind "<": [route ":"] addr-spec ">"; a missing ">" is the end of the list's entry. */
static void take_angle(struct parser *p, struct address_entry *entry)
{
	size_t start = p->text_len;
	skip_cfws(p);
	while (cursor_peek(&p->c) == '@' || cursor_peek(&p->c) == ',') {
		put(p, *p->c.at++);
		take_domain(p);
		skip_cfws(p);
	}
	if (p->text_len > start && take_byte(&p->c, ':'))
		entry->route = text_since(p, start);
	start = p->text_len;
	bool space = false, broken = false;
	while (p->c.at < p->c.end && *p->c.at != '@' && *p->c.at != '>' && *p->c.at != ',') {
		if (skip_cfws(p)) {
			space = true;
			continue;
		}
		broken = broken || (space && p->text_len > start);
		space = false;
		if (take_byte(&p->c, '"'))
			take_quoted(p);
		else
			put(p, *p->c.at++);
		p->word_end = p->c.at;
	}
	entry->local = text_since(p, start);
	if (take_byte(&p->c, '@'))
		entry->domain = take_domain(p);
	else if (entry->local.len > 0 && !broken)
		entry->bare_end = (size_t)(p->word_end - p->value);
	while (p->c.at < p->c.end && *p->c.at != '>' && *p->c.at != ',')
		p->c.at++;
	take_byte(&p->c, '>');
	skip_cfws(p);
}

/* addr-spec without brackets, at its "@"; with words before it that make a name ("Joe joe@x"). */
static void take_bare(struct parser *p, const char *start, struct slice phrase)
{
	struct address_entry entry = { 0 };
	take_byte(&p->c, '@');
	phrase = join_dots(phrase);
	ptrdiff_t space = slice_find_last_byte(phrase, ' ');
	/* A quoted local part may hold spaces. */
	if (space >= 0 && *start != '"') {
		entry.name = slice_sub(phrase, 0, (size_t)space);
		entry.local = slice_from(phrase, (size_t)space + 1);
		entry.is_loose = true;
	} else {
		entry.local = phrase;
	}
	entry.domain = take_domain(p);
	skip_cfws(p);
	if (cursor_peek(&p->c) == '<') {
		/* joe@example.test <joe@example.test>: the first was meant to be a name. */
		struct slice name = slice_of(start, (size_t)(p->c.at - start));
		entry = (struct address_entry){ .name = header_unfold(p->arena, name) };
		p->c.at++;
		take_angle(p, &entry);
	}
	emit_mailbox(p, entry);
}

/* Of the phrase that was taken: several words are no local part. */
static size_t bare_end(const struct parser *p)
{
	return p->words == 1 ? (size_t)(p->word_end - p->value) : 0;
}

static void take_entry(struct parser *p)
{
	skip_cfws(p);
	const char *start = p->c.at;
	struct slice phrase = take_phrase(p);
	struct address_entry entry = { .name = phrase };
	switch (cursor_peek(&p->c)) {
	case '<':
		p->c.at++;
		take_angle(p, &entry);
		emit_mailbox(p, entry);
		break;
	case '@':
		take_bare(p, start, phrase);
		break;
	case ':':
		p->c.at++;
		if (p->in_group)
			emit(p, (struct address_entry){ .kind = ADDRESS_ENTRY_GROUP_END });
		entry.kind = ADDRESS_ENTRY_GROUP;
		p->in_group = true;
		p->comment = SLICE_EMPTY;
		emit(p, entry);
		break;
	default:
		if (phrase.len > 0)
			emit_mailbox(p, (struct address_entry){ .local = phrase,
			                                        .bare_end = bare_end(p) });
		break;
	}
}

struct address_list address_list_parse(struct arena *arena, struct slice value, size_t max_entries)
{
	struct parser p = { .c = cursor_of(value), .arena = arena, .max = max_entries };
	p.value = p.c.at;
	p.text = arena_alloc(arena, value.len + 1);
	while (!cursor_at_end(&p.c)) {
		if (take_byte(&p.c, ',')) {
			p.comment = SLICE_EMPTY;
		} else if (take_byte(&p.c, ';')) {
			if (p.in_group)
				emit(&p, (struct address_entry){ .kind = ADDRESS_ENTRY_GROUP_END });
			p.in_group = false;
		} else {
			take_entry(&p);
		}
	}
	if (p.in_group)
		emit(&p, (struct address_entry){ .kind = ADDRESS_ENTRY_GROUP_END });
	return p.list;
}

static int put_name(struct buf *out, struct slice name)
{
	bool plain = true, special = false;
	for (size_t i = 0; i < name.len; i++) {
		char c = name.data[i];
		special = special || !(byte_is_alnum(c) || memchr(" !#$%&'*+-/=?^_`{|}~", c, 20));
		plain = plain && c >= ' ' && c < 0x7F;
	}
	/* What looks like an encoded word, or is long, must not be taken literally or folded. */
	if (!plain || name.len > 60 || slice_find(name, SLICE("=?")) >= 0)
		return header_put_words(out, name);
	if (!special)
		return buf_append(out, name);
	buf_append_byte(out, '"');
	for (size_t i = 0; i < name.len; i++) {
		if (name.data[i] == '"' || name.data[i] == '\\')
			buf_append_byte(out, '\\');
		buf_append_byte(out, name.data[i]);
	}
	return buf_append_byte(out, '"');
}

int address_list_format(struct arena *arena, struct slice name, struct slice local,
                        struct slice domain, struct buf *out)
{
	struct address a = { .local = local, .domain = domain };
	if (slice_is_ascii(local) && !slice_is_ascii(domain))
		(void)domain_canonical(arena, domain, &a.domain);
	if (name.len == 0)
		return buf_append(out, address_text(arena, &a));
	put_name(out, name);
	buf_append_byte(out, ' ');
	return buf_append(out, address_path(arena, &a));
}
