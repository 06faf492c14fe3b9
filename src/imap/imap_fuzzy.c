#include "imap/imap_fuzzy.h"

#include "base/cursor.h"

enum {
	WORDS_MAX = 16,  /* of what is searched */
	WORD_MAX = 48,   /* bytes of one; longer ones are not misspelt */
	SCORE_WORD = 90, /* a word that is there */
	SCORE_PART = 75, /* inside of another */
	SCORE_NEAR = 60, /* misspelt by one letter */
	SCORE_FAR = 40,  /* by two */
	BYTES_EXACT = 3, /* words up to here have no misspellings */
	BYTES_ONE = 7,   /* up to here, of one letter */
};

static bool is_word_byte(char c) { return (c & 0x80) || byte_is_alpha(c) || byte_is_digit(c); }

static bool next_word(struct slice *rest, struct slice *word)
{
	size_t start = 0, end;
	while (start < rest->len && !is_word_byte(rest->data[start]))
		start++;
	for (end = start; end < rest->len && is_word_byte(rest->data[end]); end++)
		;
	*word = slice_sub(*rest, start, end - start);
	*rest = slice_from(*rest, end);
	return word->len > 0;
}

/* Letters to change, add, leave out or swap with the next; more than most: most + 1. */
static unsigned distance(struct slice a, struct slice b, unsigned most)
{
	unsigned rows[3][WORD_MAX + 1] = { { 0 } };
	if (a.len > WORD_MAX || b.len > WORD_MAX || a.len > b.len + most || b.len > a.len + most)
		return most + 1;
	for (unsigned j = 0; j <= b.len; j++)
		rows[0][j] = j;
	for (unsigned i = 1; i <= a.len; i++) {
		unsigned *now = rows[i % 3], *up = rows[(i + 2) % 3], *above = rows[(i + 1) % 3];
		unsigned least = now[0] = i;
		for (unsigned j = 1; j <= b.len; j++) {
			unsigned best = up[j - 1] + (a.data[i - 1] != b.data[j - 1]);
			best = up[j] + 1 < best ? up[j] + 1 : best;
			best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
			if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] &&
			    a.data[i - 2] == b.data[j - 1] && above[j - 2] + 1 < best)
				best = above[j - 2] + 1;
			now[j] = best;
			least = best < least ? best : least;
		}
		if (least > most)
			return most + 1;
	}
	return rows[a.len % 3][b.len];
}

static unsigned word_score(struct slice text, struct slice wanted)
{
	unsigned most = wanted.len <= BYTES_EXACT ? 0 : wanted.len <= BYTES_ONE ? 1 : 2;
	unsigned best = slice_find(text, wanted) >= 0 ? SCORE_PART : 0;
	struct slice word;
	while (best < SCORE_WORD && next_word(&text, &word)) {
		unsigned off = distance(word, wanted, most);
		unsigned score = off > most ? 0
		                 : off == 0 ? SCORE_WORD
		                 : off == 1 ? SCORE_NEAR
		                            : SCORE_FAR;
		best = score > best ? score : best;
	}
	return best;
}

unsigned imap_fuzzy(struct slice text, struct slice wanted)
{
	unsigned sum = 0, count = 0, found = 0;
	struct slice word;
	if (slice_find(text, wanted) >= 0)
		return IMAP_FUZZY_EXACT;
	while (count < WORDS_MAX && next_word(&wanted, &word)) {
		unsigned score = word_score(text, word);
		sum += score;
		found += score > 0;
		count++;
	}
	return count == 0 || found * 2 < count || found == 0 ? 0 : sum / count;
}
