#include "imap/imap_match.h"

#include "imap/imap_fuzzy.h"
#include "imap/imap_session.h"

enum {
	FIELD_TEXT_MAX = IMAP_ENVELOPE_TEXT_MAX,
	DAY_SECONDS = 24 * 60 * 60,
};

/* --- text ---------------------------------------------------------------------------- */

/* What is looked for, and how well it was found so far. */
struct needle {
	struct slice folded;
	bool fuzzy;
	unsigned best; /* 0: not; IMAP_FUZZY_EXACT: it need not be looked for any further */
};

/* True if it is found and looking on is of no use. */
static bool text_has(struct arena *arena, struct slice utf8, struct needle *n)
{
	struct slice text = imap_fold(arena, utf8);
	unsigned score = slice_find(text, n->folded) >= 0 ? IMAP_FUZZY_EXACT : 0;
	if (score == 0 && n->fuzzy)
		score = imap_fuzzy(text, n->folded);
	n->best = score > n->best ? score : n->best;
	return n->best == IMAP_FUZZY_EXACT;
}

static bool field_has(struct arena *scratch, const struct header_field *field, struct slice name,
                      struct needle *n)
{
	if (name.len > 0)
		return slice_equal_nocase(field->name, name) &&
		       text_has(scratch, header_decode(scratch, field->value, FIELD_TEXT_MAX), n);
	return text_has(scratch, field->name, n) ||
	       text_has(scratch, header_decode(scratch, field->value, FIELD_TEXT_MAX), n);
}

/* All fields of a name, or with an empty name all fields. */
static bool header_has(struct slice header, struct slice name, struct needle *n)
{
	struct header_walk walk = { .rest = header };
	struct header_field field;
	struct arena *scratch = arena_new();
	bool has = false;
	while (!has && header_next(&walk, &field)) {
		has = field_has(scratch, &field, name, n);
		arena_reset(scratch);
	}
	arena_free(scratch);
	return has;
}

static bool leaf_has(const struct mime_part *part, struct slice bytes, struct needle *n)
{
	if (part->type.len > 0 && !slice_equal_nocase(part->type, SLICE("text")))
		return false;
	struct arena *scratch = arena_new();
	struct slice raw = mime_decode_all(scratch, part->encoding, mime_body(part, bytes),
	                                   IMAP_SEARCH_TEXT_MAX);
	struct slice text = charset_to_utf8(scratch, mime_charset(part), raw);
	bool has = text_has(scratch, text, n);
	arena_free(scratch);
	return has;
}

/* The texts of a message, and the headers of messages inside it. */
static bool parts_have(const struct mime_part *part, struct slice bytes, struct needle *n)
{
	for (const struct mime_part *child = part->first; child; child = child->next) {
		if (part->kind == MIME_MESSAGE &&
		    header_has(mime_header(child, bytes), SLICE_EMPTY, n))
			return true;
		if (parts_have(child, bytes, n))
			return true;
	}
	return part->kind == MIME_LEAF && leaf_has(part, bytes, n);
}

static void look_in_body(struct arena *scratch, struct slice bytes, struct needle *n)
{
	if (n->folded.len == 0)
		n->best = IMAP_FUZZY_EXACT;
	else
		(void)parts_have(mime_parse(scratch, bytes, &MESSAGE_LIMITS_DEFAULT), bytes, n);
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
	(void)text_has(m->scratch, imap_envelope_field(m->scratch, m->row->envelope, field), &n);
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
		(void)header_has(header, key->field, &n);
	else if (key->kind == SEARCH_BODY || !header_has(header, SLICE_EMPTY, &n))
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
		return m->bytes ? emptied(m, match_bytes(key, m)) : MATCH_UNKNOWN;
	default:
		return m->row ? emptied(m, match_row(key, m)) : MATCH_UNKNOWN;
	}
}
