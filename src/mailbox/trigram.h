/* The trigrams of texts: every three bytes that stand side by side.
 *
 * A text that holds a needle holds all trigrams of the needle. So an index from trigrams to
 * messages tells which messages need not be looked at. Of bytes and not of characters: it then
 * holds for whatever a message is made of, broken UTF-8 and NULs too, and one Chinese character
 * or two Cyrillic ones are enough to look for. Pure. */
#ifndef VEREDUS_MAILBOX_TRIGRAM_H
#define VEREDUS_MAILBOX_TRIGRAM_H

#include "base/buf.h"

enum {
	TRIGRAM_BYTES = 3,      /* a needle has as many at least */
	TRIGRAM_WORD_BYTES = 5, /* that trigrams_write() takes for each */
};

struct trigrams;

/* 2 MiB, and 4 bytes for each that is in it. */
struct trigrams *trigrams_new(void);
void trigrams_free(struct trigrams *t);
void trigrams_clear(struct trigrams *t);
/* Adds those of a text. Nothing joins the end of one text and the start of the next. */
void trigrams_add(struct trigrams *t, struct slice text);
size_t trigrams_count(const struct trigrams *t);
/* Appends each once, as a word of four bytes of 0x80 to 0xBF and a space: what the tokenizer
 * "ascii" of SQLite's FTS5 takes for words, and an FTS5 query for words that must all be there.
 * At most max of them. 0 or -ENOBUFS. */
int trigrams_write(const struct trigrams *t, size_t max, struct buf *out);
/* The same for a needle, at most max of its trigrams. -ENODATA: it is too short. */
int trigrams_of_needle(struct slice needle, size_t max, struct buf *out);

#endif
