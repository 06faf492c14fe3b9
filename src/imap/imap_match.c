#include "imap/imap_match.h"

#include "imap/imap_session.h"

enum {
	FIELD_TEXT_MAX = IMAP_ENVELOPE_TEXT_MAX,
	DAY_SECONDS = 24 * 60 * 60,
};

/* --- text ---------------------------------------------------------------------------- */

static bool text_has(struct arena *arena, struct slice utf8, struct slice folded)
{
	return slice_find(imap_fold(arena, utf8), folded) >= 0;
}

static bool field_has(struct arena *scratch, const struct header_field *field, struct slice name,
                      struct slice folded)
{
	if (name.len > 0)
		return slice_equal_nocase(field->name, name) &&
		       text_has(scratch, header_decode(scratch, field->value, FIELD_TEXT_MAX),
		                folded);
	return text_has(scratch, field->name, folded) ||
	       text_has(scratch, header_decode(scratch, field->value, FIELD_TEXT_MAX), folded);
}

/* All fields of a name, or with an empty name all fields. */
static bool header_has(struct slice header, struct slice name, struct slice folded)
{
	struct header_walk walk = { .rest = header };
	struct header_field field;
	struct arena *scratch = arena_new();
	bool has = false;
	while (!has && header_next(&walk, &field)) {
		has = field_has(scratch, &field, name, folded);
		arena_reset(scratch);
	}
	arena_free(scratch);
	return has;
}

static bool leaf_has(const struct mime_part *part, struct slice bytes, struct slice folded)
{
	if (part->type.len > 0 && !slice_equal_nocase(part->type, SLICE("text")))
		return false;
	struct arena *scratch = arena_new();
	struct slice raw = mime_decode_all(scratch, part->encoding, mime_body(part, bytes),
	                                   IMAP_SEARCH_TEXT_MAX);
	struct slice text = charset_to_utf8(scratch, mime_charset(part), raw);
	bool has = text_has(scratch, text, folded);
	arena_free(scratch);
	return has;
}

/* The texts of a message, and the headers of messages inside it. */
static bool parts_have(const struct mime_part *part, struct slice bytes, struct slice folded)
{
	for (const struct mime_part *child = part->first; child; child = child->next) {
		if (part->kind == MIME_MESSAGE &&
		    header_has(mime_header(child, bytes), SLICE_EMPTY, folded))
			return true;
		if (parts_have(child, bytes, folded))
			return true;
	}
	return part->kind == MIME_LEAF && leaf_has(part, bytes, folded);
}

static bool body_has(struct arena *scratch, struct slice bytes, struct slice folded)
{
	return folded.len == 0 ||
	       parts_have(mime_parse(scratch, bytes, &MESSAGE_LIMITS_DEFAULT), bytes, folded);
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
	struct slice text = imap_envelope_field(m->scratch, m->row->envelope, field);
	return verdict(text_has(m->scratch, text, key->text));
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
	switch (key->kind) {
	case SEARCH_HEADER:
		return verdict(header_has(header, key->field, key->text));
	case SEARCH_TEXT:
		return verdict(header_has(header, SLICE_EMPTY, key->text) ||
		               body_has(m->scratch, bytes, key->text));
	default:
		return verdict(body_has(m->scratch, bytes, key->text));
	}
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
