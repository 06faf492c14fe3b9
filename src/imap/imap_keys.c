#include "imap/imap_keys.h"

#include "base/hash.h"
#include "imap/imap_envelope.h"
#include "imap/imap_search.h"
#include "message/header.h"

/* Known to all, as rows outlive the process: who makes ids that collide has his own mail in threads
 * where it does not belong, which he can have by a References field with less pains. */
static const uint64_t hash_key[2] = { 0x766572656475736b, 0x6579736f66696473 };

uint64_t imap_keys_hash(struct slice text)
{
	uint64_t hash = hash_bytes_keyed(hash_key, text);
	return hash ? hash : 1;
}

/* The next "<...>"; false at the end. */
static bool take_id(struct slice *rest, struct slice *id_out)
{
	ptrdiff_t open = slice_find_byte(*rest, '<');
	if (open < 0)
		return false;
	struct slice s = slice_from(*rest, (size_t)open);
	ptrdiff_t close = slice_find_byte(s, '>');
	if (close < 0)
		return false;
	*id_out = slice_sub(s, 0, (size_t)close + 1);
	*rest = slice_from(s, (size_t)close + 1);
	return true;
}

void imap_keys_ancestors(struct arena *arena, struct slice ids, struct imap_keys *keys)
{
	struct slice rest = ids, id;
	size_t count = 0;
	while (take_id(&rest, &id))
		count++;
	uint64_t *hashes = ARENA_ARRAY(arena, count, uint64_t);
	rest = ids;
	for (size_t i = 0; i < count && take_id(&rest, &id); i++)
		hashes[i] = imap_keys_hash(id);
	keys->ancestors = hashes;
	keys->ancestor_count = count;
}

/* RFC 5256 section 3: without References the first id of In-Reply-To. */
static struct slice ancestors_of(struct arena *scratch, const struct mailbox_message *row,
                                 struct imap_envelope_walk *envelope)
{
	if (imap_first_id(row->references).len > 0)
		return row->references;
	return imap_first_id(imap_envelope_next(scratch, envelope, ENVELOPE_IN_REPLY_TO));
}

static struct slice text_of(struct arena *scratch, enum imap_keys_text text, struct slice envelope)
{
	static const enum imap_envelope_field fields[] = {
		[KEYS_CC] = ENVELOPE_CC,        [KEYS_FROM] = ENVELOPE_FROM,
		[KEYS_TO] = ENVELOPE_TO,        [KEYS_DISPLAYFROM] = ENVELOPE_FROM,
		[KEYS_DISPLAYTO] = ENVELOPE_TO,
	};
	struct imap_envelope_walk walk = imap_envelope_walk(envelope);
	if (text == KEYS_SUBJECT)
		return imap_sort_subject(
			scratch, imap_envelope_next(scratch, &walk, ENVELOPE_SUBJECT), NULL);
	bool display = text == KEYS_DISPLAYFROM || text == KEYS_DISPLAYTO;
	return imap_fold(scratch, imap_envelope_address(scratch, envelope, fields[text], display));
}

static void take_texts(struct arena *arena, struct arena *scratch, struct slice envelope,
                       unsigned what, struct imap_keys *out)
{
	struct slice *texts = ARENA_ARRAY(arena, KEYS_TEXTS, struct slice);
	for (enum imap_keys_text text = 0; text < KEYS_TEXTS; text++)
		texts[text] = what & 1u << text
		                      ? arena_copy(arena, text_of(scratch, text, envelope))
		                      : SLICE_EMPTY;
	out->texts = texts;
}

static uint64_t hash_or_none(struct slice text) { return text.len ? imap_keys_hash(text) : 0; }

void imap_keys_of_row(struct arena *arena, struct arena *scratch, const struct mailbox_message *row,
                      unsigned what, struct imap_keys *out)
{
	struct imap_envelope_walk envelope = imap_envelope_walk(row->envelope);
	struct slice date = imap_envelope_next(scratch, &envelope, ENVELOPE_DATE);
	*out = (struct imap_keys){ .internal_ms = row->internal_ms,
		                   .sent_s = imap_sent_date(date, row),
		                   .size_bytes = row->size_bytes };
	if (what & ~(unsigned)KEYS_THREADS)
		take_texts(arena, scratch, row->envelope, what, out);
	if (what & KEYS_THREADS) {
		struct slice subject = imap_envelope_next(scratch, &envelope, ENVELOPE_SUBJECT);
		struct slice ids = ancestors_of(scratch, row, &envelope);
		struct slice id = imap_envelope_next(scratch, &envelope, ENVELOPE_MESSAGE_ID);
		imap_keys_ancestors(arena, ids, out);
		out->id = hash_or_none(imap_first_id(id));
		out->subject = hash_or_none(imap_sort_subject(scratch, subject, &out->is_reply));
		out->unknown_in = row->knows_references ? 0 : row->blob_id;
	}
	arena_reset(scratch);
}

struct slice imap_keys_references(struct store *store, struct arena *arena, int64_t blob_id)
{
	struct slice value, found = SLICE_EMPTY;
	struct blob_view blob;
	if (blob_open(store, blob_id, &blob) < 0)
		return SLICE_EMPTY;
	struct slice header = slice_sub(blob.bytes, 0, header_length(blob.bytes));
	if (header_find(header, SLICE("References"), &value) && imap_first_id(value).len > 0)
		found = arena_copy(arena, header_unfold(arena, value));
	blob_close(&blob);
	return found;
}
