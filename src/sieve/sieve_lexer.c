#include "sieve/sieve_lexer.h"

void sieve_lexer_create(struct sieve_lexer *l, struct arena *arena, struct slice script)
{
	*l = (struct sieve_lexer){ .at = cursor_of(script), .line = 1, .arena = arena };
	/* What some editors put in front of UTF-8. */
	take_text(&l->at, SLICE("\xEF\xBB\xBF"));
	l->line_start = l->at.at;
}

static bool is_identifier_byte(char c) { return byte_is_alnum(c) || c == '_'; }

static void count_lines(struct sieve_lexer *l, const char *from)
{
	for (const char *p = from; p < l->at.at; p++) {
		if (*p == '\n') {
			l->line++;
			l->line_start = p + 1;
		}
	}
}

static void skip_line(struct sieve_lexer *l)
{
	while (!cursor_at_end(&l->at) && *l->at.at != '\n')
		l->at.at++;
}

/* bracket-comment = "/" "*" *not-star 1*STAR *(not-star-slash *not-star 1*STAR) "/" */
static bool skip_bracket_comment(struct sieve_lexer *l)
{
	const char *from = l->at.at;
	ptrdiff_t end = slice_find(slice_from(cursor_rest(&l->at), 2), SLICE("*/"));
	if (end < 0)
		return false;
	l->at.at += end + 4;
	count_lines(l, from);
	return true;
}

/* False in a comment without an end. */
static bool skip_white(struct sieve_lexer *l)
{
	for (;;) {
		int c = cursor_peek(&l->at);
		const char *from = l->at.at;
		if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
			l->at.at++;
			count_lines(l, from);
		} else if (c == '#') {
			skip_line(l);
		} else if (slice_starts_with(cursor_rest(&l->at), SLICE("/*"))) {
			if (!skip_bracket_comment(l))
				return false;
		} else {
			return true;
		}
	}
}

static void lexer_wrong(struct sieve_token *out, const char *why)
{
	out->kind = TOKEN_WRONG;
	out->text = slice_from_str(why);
}

/* number = 1*DIGIT [ "K" / "M" / "G" ]; the powers of 1024. */
static void lex_number(struct sieve_lexer *l, struct sieve_token *out)
{
	if (!take_number(&l->at, INT64_MAX, &out->number)) {
		lexer_wrong(out, "the number is too large");
		return;
	}
	static const char letters[] = "kmg";
	for (int i = 0; i < 3; i++) {
		if (!take_byte_nocase(&l->at, letters[i]))
			continue;
		int shift = 10 * (i + 1);
		if (out->number > (uint64_t)INT64_MAX >> shift)
			lexer_wrong(out, "the number is too large");
		out->number <<= shift;
		break;
	}
	if (out->kind != TOKEN_WRONG && is_identifier_byte((char)cursor_peek(&l->at)))
		lexer_wrong(out, "a number ends in K, M, G or its last digit");
}

/* A backslash stands for what follows it; line ends become CRLF. */
static struct slice lex_unescape(struct arena *arena, struct slice raw)
{
	if (slice_find_byte(raw, '\\') < 0 && slice_find_byte(raw, '\n') < 0)
		return raw;
	char *to = arena_alloc(arena, raw.len * 2);
	size_t n = 0;
	for (size_t i = 0; i < raw.len; i++) {
		char c = raw.data[i];
		if (c == '\\' && i + 1 < raw.len)
			c = raw.data[++i];
		if (c == '\n' && (n == 0 || to[n - 1] != '\r'))
			to[n++] = '\r';
		to[n++] = c;
	}
	return slice_of(to, n);
}

static void lex_quoted(struct sieve_lexer *l, struct sieve_token *out)
{
	const char *from = ++l->at.at;
	while (!cursor_at_end(&l->at) && *l->at.at != '"') {
		if (*l->at.at == '\\')
			l->at.at++;
		if (!cursor_at_end(&l->at))
			l->at.at++;
	}
	if (cursor_at_end(&l->at)) {
		lexer_wrong(out, "the string that begins here has no closing quote");
		return;
	}
	struct slice raw = slice_of(from, (size_t)(l->at.at - from));
	l->at.at++;
	count_lines(l, from);
	out->kind = TOKEN_STRING;
	out->text = lex_unescape(l->arena, raw);
}

/* The lines up to the one with a single dot, whose length is *skip_out; -1: there is none. */
static ptrdiff_t text_length(struct slice rest, size_t *skip_out)
{
	const char *begin = rest.data;
	while (rest.len > 0) {
		const char *at = rest.data;
		struct slice line = slice_split(&rest, '\n');
		*skip_out = line.len + (line.data + line.len < rest.data);
		if (slice_equal(line, SLICE(".")) || slice_equal(line, SLICE(".\r")))
			return at - begin;
	}
	return -1;
}

/* multi-line = "text:" *(SP / HTAB) (hash-comment / CRLF) *(literal / dotstart) "." CRLF */
static void lex_text(struct sieve_lexer *l, struct sieve_token *out)
{
	size_t skip = 0, n = 0;
	skip_space(&l->at);
	if (cursor_peek(&l->at) == '#')
		skip_line(l);
	take_byte(&l->at, '\r');
	const char *from = l->at.at;
	if (!take_byte(&l->at, '\n')) {
		lexer_wrong(out, "behind \"text:\" a new line must begin");
		return;
	}
	ptrdiff_t len = text_length(cursor_rest(&l->at), &skip);
	if (len < 0) {
		lexer_wrong(out,
		            "the text that begins here has no line with a single dot at its end");
		return;
	}
	struct slice raw = slice_of(l->at.at, (size_t)len);
	char *to = arena_alloc(l->arena, raw.len * 2 + 2);
	while (raw.len > 0) {
		struct slice line = slice_split(&raw, '\n');
		if (slice_ends_with(line, SLICE("\r")))
			line.len--;
		if (slice_starts_with(line, SLICE(".")))
			line = slice_from(line, 1);
		memcpy(to + n, line.data, line.len);
		memcpy(to + n + line.len, "\r\n", 2);
		n += line.len + 2;
	}
	l->at.at += (size_t)len + skip;
	count_lines(l, from);
	out->kind = TOKEN_STRING;
	out->text = slice_of(to, n);
}

static void lex_identifier(struct sieve_lexer *l, struct sieve_token *out)
{
	out->kind = TOKEN_IDENTIFIER;
	if (!take_while(&l->at, is_identifier_byte, 64, &out->text)) {
		lexer_wrong(out, "no word may be longer than 64 letters");
		return;
	}
	if (slice_equal_nocase(out->text, SLICE("text")) && take_byte(&l->at, ':'))
		lex_text(l, out);
}

static void lex_tag(struct sieve_lexer *l, struct sieve_token *out)
{
	l->at.at++;
	out->kind = TOKEN_TAG;
	if (byte_is_digit((char)cursor_peek(&l->at)) ||
	    !take_while(&l->at, is_identifier_byte, 64, &out->text))
		lexer_wrong(out, "behind a colon the name of an argument must follow at once");
}

void sieve_lexer_next(struct sieve_lexer *l, struct sieve_token *out)
{
	*out = (struct sieve_token){ .text = SLICE_EMPTY };
	bool white = skip_white(l);
	out->line = l->line;
	out->column = (unsigned)(l->at.at - l->line_start) + 1;
	int c = cursor_peek(&l->at);
	if (!white) {
		lexer_wrong(out, "the comment that begins here has no end");
	} else if (c < 0) {
		out->kind = TOKEN_END;
	} else if (byte_is_digit((char)c)) {
		out->kind = TOKEN_NUMBER;
		lex_number(l, out);
	} else if (c == '"') {
		lex_quoted(l, out);
	} else if (c == ':') {
		lex_tag(l, out);
	} else if (c < 0x80 && is_identifier_byte((char)c)) {
		lex_identifier(l, out);
	} else if (c != 0 && strchr(";,()[]{}", c)) {
		out->kind = TOKEN_MARK;
		out->mark = *l->at.at++;
	} else {
		lexer_wrong(out, "this character has no place outside of strings and comments");
	}
}
