#include "imap/imap_match.h"

#include "imap/imap_fuzzy.h"
#include "imap/imap_searched.h"
#include "imap/imap_session.h"

enum { DAY_SECONDS = 24 * 60 * 60 };

/* --- text ---------------------------------------------------------------------------- */

/* What is looked for, and how well it was found so far. */
struct needle {
	struct slice folded;
	bool fuzzy;
	unsigned best; /* 0: not; IMAP_FUZZY_EXACT: it need not be looked for any further */
};

/* True if it is found and looking on is of no use. */
static bool look_for(struct slice text, void *arg)
{
	struct needle *n = arg;
	unsigned score = slice_find(text, n->folded) >= 0 ? IMAP_FUZZY_EXACT : 0;
	if (score == 0 && n->fuzzy)
		score = imap_fuzzy(text, n->folded);
	n->best = score > n->best ? score : n->best;
	return n->best == IMAP_FUZZY_EXACT;
}

static void look_in_body(struct arena *scratch, struct slice bytes, struct needle *n)
{
	if (n->folded.len == 0)
		n->best = IMAP_FUZZY_EXACT;
	else
		(void)imap_each_body_text(scratch, bytes, look_for, n);
}

static enum imap_verdict found(const struct imap_match *m, const struct needle *n)
{
	if (n->fuzzy && n->best && m->relevance) {
		m->relevance->sum += n->best;
		m->relevance->count++;
	}
	return n->best ? MATCH_YES : MATCH_NO;
}

static struct needle needle_of(const struct imap_search_key *key)
{
	return (struct needle){ .folded = key->text, .fuzzy = key->fuzzy };
}

/* --- dates --------------------------------------------------------------------------- */

static int64_t day_of(int64_t seconds)
{
	return seconds / DAY_SECONDS - (seconds % DAY_SECONDS < 0);
}

/* RFC 3501 section 6.4.4: disregarding time and zone: the day as it was where it is written. */
static int64_t local_day(struct date date)
{
	return day_of(date.unix_s + date.offset_minutes * 60);
}

static bool day_matches(enum imap_search_kind kind, int64_t day, int64_t wanted)
{
	switch (kind) {
	case SEARCH_BEFORE:
	case SEARCH_SENTBEFORE:
	case SEARCH_SAVEDBEFORE:
		return day < wanted;
	case SEARCH_ON:
	case SEARCH_SENTON:
	case SEARCH_SAVEDON:
		return day == wanted;
	default:
		return day >= wanted;
	}
}

static bool sent_matches(const struct imap_search_key *key, const struct imap_match *m)
{
	struct date date;
	struct slice text = imap_envelope_field(m->scratch, m->row->envelope, ENVELOPE_DATE);
	return date_parse(text, &date) && day_matches(key->kind, local_day(date), key->day);
}

/* --- keys ---------------------------------------------------------------------------- */

static enum imap_verdict verdict(bool yes) { return yes ? MATCH_YES : MATCH_NO; }

static enum imap_verdict match_envelope(const struct imap_search_key *key,
                                        const struct imap_match *m, enum imap_envelope_field field)
{
	struct needle n = needle_of(key);
	struct slice text = imap_envelope_field(m->scratch, m->row->envelope, field);
	(void)look_for(imap_fold(m->scratch, text), &n);
	return found(m, &n);
}

static enum imap_verdict match_row(const struct imap_search_key *key, const struct imap_match *m)
{
	switch (key->kind) {
	case SEARCH_LARGER:
		return verdict(m->row->size_bytes > key->number);
	case SEARCH_SMALLER:
		return verdict(m->row->size_bytes < key->number);
	case SEARCH_BEFORE:
	case SEARCH_ON:
	case SEARCH_SINCE:
		return verdict(day_matches(
			key->kind, local_day(date_local(m->row->internal_ms / 1000)), key->day));
	case SEARCH_SAVEDBEFORE:
	case SEARCH_SAVEDON:
	case SEARCH_SAVEDSINCE:
		return verdict(m->row->saved_ms &&
		               day_matches(key->kind,
		                           local_day(date_local(m->row->saved_ms / 1000)),
		                           key->day));
	case SEARCH_OLDER:
		return verdict(m->row->internal_ms <= key->at_ms);
	case SEARCH_YOUNGER:
		return verdict(m->row->internal_ms >= key->at_ms);
	case SEARCH_THREADID:
		return verdict(slice_equal(imap_thread_id(m->scratch, m->row), key->text));
	case SEARCH_EMAILID:
		return verdict(slice_equal(imap_email_id(m->scratch, m->row), key->text));
	case SEARCH_GM_MSGID:
		return verdict(imap_gmail_message(m->scratch, m->row) == key->id);
	case SEARCH_GM_THRID:
		return verdict(imap_gmail_thread(m->scratch, m->row) == key->id);
	case SEARCH_FROM:
		return match_envelope(key, m, ENVELOPE_FROM);
	case SEARCH_TO:
		return match_envelope(key, m, ENVELOPE_TO);
	case SEARCH_CC:
		return match_envelope(key, m, ENVELOPE_CC);
	case SEARCH_BCC:
		return match_envelope(key, m, ENVELOPE_BCC);
	case SEARCH_SUBJECT:
		return match_envelope(key, m, ENVELOPE_SUBJECT);
	default:
		return verdict(sent_matches(key, m));
	}
}

static enum imap_verdict match_bytes(const struct imap_search_key *key, const struct imap_match *m)
{
	struct slice bytes = *m->bytes;
	struct slice header = slice_sub(bytes, 0, header_length(bytes));
	struct needle n = needle_of(key);
	if (key->kind == SEARCH_HEADER)
		(void)imap_each_header_text(header, key->field, look_for, &n);
	else if (key->kind == SEARCH_BODY ||
	         !imap_each_header_text(header, SLICE_EMPTY, look_for, &n))
		look_in_body(m->scratch, bytes, &n);
	return found(m, &n);
}

/* All children must match (or, stop_at being MATCH_YES, one); what is not known yet may still
 * decide it. */
static enum imap_verdict match_children(const struct imap_search_key *key,
                                        const struct imap_match *m, enum imap_verdict stop_at)
{
	enum imap_verdict all = stop_at == MATCH_NO ? MATCH_YES : MATCH_NO;
	for (const struct imap_search_key *child = key->first; child; child = child->next) {
		enum imap_verdict one = imap_match(child, m);
		if (one == stop_at)
			return stop_at;
		if (one == MATCH_UNKNOWN)
			all = MATCH_UNKNOWN;
	}
	return all;
}

static enum imap_verdict match_not(const struct imap_search_key *key, const struct imap_match *m)
{
	enum imap_verdict one = imap_match(key->first, m);
	return one == MATCH_UNKNOWN ? one : verdict(one == MATCH_NO);
}

/* A thousand keys need no more memory than one. */
static enum imap_verdict emptied(const struct imap_match *m, enum imap_verdict v)
{
	arena_reset(m->scratch);
	return v;
}

/* By what the index of words says: it does not hold the text of the key. */
static enum imap_verdict match_index(const struct imap_search_key *key, uint32_t uid)
{
	bool out = uid <= key->indexed_uid && !uid_set_has(&key->candidates, uid);
	return out ? MATCH_NO : MATCH_UNKNOWN;
}

enum imap_verdict imap_match(const struct imap_search_key *key, const struct imap_match *m)
{
	switch (key->kind) {
	case SEARCH_AND:
	case SEARCH_FILTER:
		return match_children(key, m, MATCH_NO);
	case SEARCH_OR:
		return match_children(key, m, MATCH_YES);
	case SEARCH_NOT:
		return match_not(key, m);
	case SEARCH_SEQ:
	case SEARCH_UID:
	case SEARCH_UIDAFTER:
	case SEARCH_UIDBEFORE:
		return verdict(uid_set_has(&key->resolved, m->item->uid));
	case SEARCH_FLAG:
	case SEARCH_KEYWORD:
		return verdict(((m->item->flags & key->flag) != 0) == key->has);
	case SEARCH_MODSEQ:
		return verdict(m->item->mod_seq >= key->mod_seq);
	case SEARCH_RECENT:
		return verdict((m->item->uid >= m->recent_uid) == key->has);
	case SEARCH_HEADER:
	case SEARCH_BODY:
	case SEARCH_TEXT:
		return m->bytes ? emptied(m, match_bytes(key, m)) : match_index(key, m->item->uid);
	default:
		return m->row ? emptied(m, match_row(key, m)) : match_index(key, m->item->uid);
	}
}
