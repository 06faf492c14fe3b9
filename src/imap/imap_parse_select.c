/* SELECT and EXAMINE: parameters behind the mailbox. */
#include "imap/imap_parse.h"

bool imap_take_mod_seq(struct cursor *c, uint64_t *out) { return take_number(c, INT64_MAX, out); }

/* A set that names its numbers: "*" has no meaning in what a client knows. */
static bool take_known(struct cursor *c, struct arena *arena, struct imap_set *out)
{
	if (!imap_take_set(c, arena, out) || out->saved)
		return false;
	for (size_t i = 0; i < out->count; i++) {
		if (out->ranges[i].first == IMAP_STAR || out->ranges[i].last == IMAP_STAR)
			return false;
	}
	return true;
}

/* seq-match-data = "(" known-sequence-set SP known-uid-set ")" */
static bool take_seq_match(struct cursor *c, struct arena *arena, struct imap_select *out)
{
	return take_byte(c, '(') && take_known(c, arena, &out->match_seqs) && imap_take_space(c) &&
	       take_known(c, arena, &out->match_uids) && take_byte(c, ')');
}

/* "(" uidvalidity SP mod-sequence-value [SP known-uids] [SP seq-match-data] ")" */
static bool take_qresync(struct cursor *c, struct arena *arena, struct imap_select *out)
{
	out->qresync = true;
	if (!imap_take_space(c) || !take_byte(c, '(') || !imap_take_number(c, &out->uid_validity) ||
	    out->uid_validity == 0 || !imap_take_space(c) || !imap_take_mod_seq(c, &out->mod_seq))
		return false;
	if (imap_take_space(c) && cursor_peek(c) != '(') {
		out->has_known = take_known(c, arena, &out->known);
		if (!out->has_known)
			return false;
		(void)imap_take_space(c);
	}
	if (cursor_peek(c) == '(' && !take_seq_match(c, arena, out))
		return false;
	return take_byte(c, ')');
}

bool imap_take_select(struct cursor *c, struct arena *arena, struct imap_select *out)
{
	*out = (struct imap_select){ .condstore = false };
	if (!imap_take_space(c))
		return true;
	if (!take_byte(c, '('))
		return false;
	do {
		if (imap_take_word(c, SLICE("CONDSTORE")))
			out->condstore = true;
		else if (!imap_take_word(c, SLICE("QRESYNC")) || !take_qresync(c, arena, out))
			return false;
	} while (imap_take_space(c));
	return take_byte(c, ')');
}
