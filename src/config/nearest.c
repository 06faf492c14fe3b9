#include "config/nearest.h"

enum { WORD_MAX = 48 };

static unsigned min3(unsigned a, unsigned b, unsigned c)
{
	unsigned least = a < b ? a : b;
	return least < c ? least : c;
}

/* Edits (insert, delete, replace, swap of neighbours) that turn a into b; rows[0] is two behind
 * the current one, as the swap needs. */
static unsigned distance(struct slice a, struct slice b)
{
	unsigned rows[3][WORD_MAX + 1] = { 0 };
	for (size_t j = 0; j <= b.len; j++)
		rows[1][j] = (unsigned)j;
	for (size_t i = 1; i <= a.len; i++) {
		rows[2][0] = (unsigned)i;
		for (size_t j = 1; j <= b.len; j++) {
			bool same = byte_lower(a.data[i - 1]) == byte_lower(b.data[j - 1]);
			rows[2][j] = min3(rows[1][j] + 1, rows[2][j - 1] + 1,
			                  rows[1][j - 1] + (same ? 0 : 1));
			if (i > 1 && j > 1 && a.data[i - 1] == b.data[j - 2] &&
			    a.data[i - 2] == b.data[j - 1] && rows[0][j - 2] + 1 < rows[2][j])
				rows[2][j] = rows[0][j - 2] + 1;
		}
		memcpy(rows[0], rows[1], sizeof(rows[0]));
		memcpy(rows[1], rows[2], sizeof(rows[1]));
	}
	return rows[1][b.len];
}

struct nearest nearest_begin(struct slice word)
{
	unsigned most = (unsigned)(word.len / 3 + 1);
	return (struct nearest){ .word = word, .distance = (most > 3 ? 3 : most) + 1 };
}

bool nearest_offer(struct nearest *n, const char *name)
{
	struct slice other = slice_from_str(name);
	if (n->word.len > WORD_MAX || other.len > WORD_MAX)
		return false;
	unsigned d = distance(n->word, other);
	if (d >= n->distance)
		return false;
	n->distance = d;
	return true;
}
