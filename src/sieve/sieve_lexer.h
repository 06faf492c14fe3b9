/* Words of a script (RFC 5228 section 8.1), one at a time. */
#ifndef VEREDUS_SIEVE_SIEVE_LEXER_H
#define VEREDUS_SIEVE_SIEVE_LEXER_H

#include "base/arena.h"
#include "base/cursor.h"

enum sieve_token_kind {
	TOKEN_END,
	TOKEN_IDENTIFIER,
	TOKEN_TAG, /* without its colon */
	TOKEN_NUMBER,
	TOKEN_STRING, /* what it means, in the script or in the arena */
	TOKEN_MARK,   /* one of ; , ( ) [ ] { } */
	TOKEN_WRONG,  /* .text says what is the matter; the lexer goes no further */
};

struct sieve_token {
	enum sieve_token_kind kind;
	unsigned line, column;
	struct slice text;
	uint64_t number;
	char mark;
};

struct sieve_lexer {
	struct cursor at;
	const char *line_start;
	unsigned line;
	struct arena *arena;
};

void sieve_lexer_create(struct sieve_lexer *l, struct arena *arena, struct slice script);
void sieve_lexer_next(struct sieve_lexer *l, struct sieve_token *out);

#endif
