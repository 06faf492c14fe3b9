#include "mailbox/mailbox_chunk.h"

/* --- life ---------------------------------------------------------------------------- */

struct mailbox_view *mailbox_view_retain(struct mailbox_view *v)
{
	atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed);
	return v;
}

void mailbox_view_release(struct mailbox_view *v)
{
	if (!v || atomic_fetch_sub_explicit(&v->refs, 1, memory_order_acq_rel) != 1)
		return;
	for (size_t i = 0; i < v->chunk_count; i++)
		chunk_release(v->chunks[i].chunk);
	keywords_release(v->keywords);
	free(v->chunks);
	free(v);
}

/* --- finding ------------------------------------------------------------------------- */

static void item_fill(const struct mailbox_view *v, size_t chunk, uint32_t index,
                      struct mailbox_item *out)
{
	const struct mailbox_view_chunk *vc = &v->chunks[chunk];
	out->seq = vc->before + index + 1;
	out->uid = chunk_uid(vc->chunk, index);
	out->flags = chunk_flags(vc->chunk, index);
	out->mod_seq = chunk_mod_seq(vc->chunk, index);
}

bool mailbox_view_by_seq(const struct mailbox_view *v, uint32_t seq, struct mailbox_item *out)
{
	size_t low = 0, high = v->chunk_count;
	if (seq == 0 || seq > v->count)
		return false;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (v->chunks[middle].before < seq)
			low = middle;
		else
			high = middle;
	}
	item_fill(v, low, seq - 1 - v->chunks[low].before, out);
	return true;
}

struct mailbox_walk mailbox_view_walk_from(const struct mailbox_view *v, uint32_t uid)
{
	uint32_t number = uid ? pack_number(uid) : 0;
	size_t low = 0, high = v->chunk_count;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (v->chunks[middle].chunk->number < number)
			low = middle + 1;
		else
			high = middle;
	}
	struct mailbox_walk walk = { .chunk = low };
	if (uid && low < v->chunk_count && v->chunks[low].chunk->number == number)
		walk.index = chunk_find(v->chunks[low].chunk, (uid - 1) % PACK_UIDS);
	return walk;
}

bool mailbox_view_next(const struct mailbox_view *v, struct mailbox_walk *walk,
                       struct mailbox_item *out)
{
	while (walk->chunk < v->chunk_count) {
		if (walk->index < v->chunks[walk->chunk].chunk->count) {
			item_fill(v, walk->chunk, walk->index++, out);
			return true;
		}
		walk->chunk++;
		walk->index = 0;
	}
	return false;
}

bool mailbox_view_by_uid(const struct mailbox_view *v, uint32_t uid, struct mailbox_item *out)
{
	struct mailbox_walk walk = mailbox_view_walk_from(v, uid);
	struct mailbox_item item;
	if (!mailbox_view_next(v, &walk, &item) || item.uid != uid)
		return false;
	*out = item;
	return true;
}

bool mailbox_view_next_of(const struct mailbox_view *v, struct mailbox_set_walk *walk,
                          struct mailbox_item *out)
{
	while (walk->range < walk->uids->count) {
		const struct uid_range *r = &walk->uids->ranges[walk->range];
		if (!walk->inside)
			walk->walk = mailbox_view_walk_from(v, r->first);
		walk->inside = mailbox_view_next(v, &walk->walk, out) && out->uid <= r->last;
		if (walk->inside)
			return true;
		walk->range++;
	}
	return false;
}

struct uid_set mailbox_view_uids(const struct mailbox_view *v, struct arena *arena,
                                 const struct uid_set *seqs)
{
	struct uid_set uids = { 0 };
	for (size_t i = 0; i < seqs->count; i++) {
		const struct uid_range *r = &seqs->ranges[i];
		struct mailbox_item first, last;
		if (mailbox_view_by_seq(v, r->first, &first) &&
		    mailbox_view_by_seq(v, r->last < v->count ? r->last : v->count, &last))
			uid_set_add(arena, &uids, first.uid, last.uid);
	}
	return uids;
}

struct uid_set mailbox_view_missing(const struct mailbox_view *v, struct arena *arena,
                                    const struct uid_set *uids)
{
	struct mailbox_set_walk walk = { .uids = uids };
	struct uid_set given = { 0 }, there = { 0 };
	struct mailbox_item item;
	if (v->uid_next > 1)
		uid_set_add(arena, &given, 1, v->uid_next - 1);
	while (mailbox_view_next_of(v, &walk, &item))
		uid_set_add(arena, &there, item.uid, item.uid);
	given = uid_set_common(arena, uids, &given);
	return uid_set_without(arena, &given, &there);
}

/* --- comparing ----------------------------------------------------------------------- */

/* Chunks of one number in two views; NULL where a view has none. */
struct chunk_pair {
	const struct mailbox_view_chunk *old, *now;
};

/* Steps over both from the front; false at the end. */
static bool pair_next(const struct mailbox_view *old, const struct mailbox_view *now, size_t *i,
                      size_t *j, struct chunk_pair *out)
{
	const struct mailbox_view_chunk *a = *i < old->chunk_count ? &old->chunks[*i] : NULL;
	const struct mailbox_view_chunk *b = *j < now->chunk_count ? &now->chunks[*j] : NULL;
	if (!a && !b)
		return false;
	*out = (struct chunk_pair){ a, b };
	if (a && b && a->chunk->number != b->chunk->number) {
		if (a->chunk->number < b->chunk->number)
			out->now = NULL;
		else
			out->old = NULL;
	}
	*i += out->old != NULL;
	*j += out->now != NULL;
	return true;
}

static bool pair_is_same(const struct chunk_pair *p)
{
	if (!p->old || !p->now)
		return false;
	return p->old->chunk == p->now->chunk ||
	       (p->old->chunk->mod_seq != 0 && p->old->chunk->mod_seq == p->now->chunk->mod_seq);
}

static bool chunk_has(const struct mailbox_chunk *c, uint8_t offset, uint32_t *index_out)
{
	uint32_t index = chunk_find(c, offset);
	if (index == c->count || c->offsets[index] != offset)
		return false;
	*index_out = index;
	return true;
}

/* The messages of old's chunk that are not in now's, from the last to the first. */
static int diff_expunged(const struct mailbox_view *old, size_t i, const struct mailbox_chunk *now,
                         const struct mailbox_diff *diff)
{
	const struct mailbox_chunk *c = old->chunks[i].chunk;
	struct mailbox_item item;
	uint32_t index;
	int rc = 0;
	for (uint32_t k = c->count; k > 0 && rc == 0; k--) {
		if (now && chunk_has(now, c->offsets[k - 1], &index))
			continue;
		item_fill(old, i, k - 1, &item);
		rc = diff->expunged(&item, diff->arg);
	}
	return rc;
}

/* Chunks from the last to the first, as each EXPUNGE shifts the numbers behind it. */
static int diff_all_expunged(const struct mailbox_view *old, const struct mailbox_view *now,
                             const struct mailbox_diff *diff)
{
	size_t j = now->chunk_count;
	int rc = 0;
	for (size_t i = old->chunk_count; i > 0 && rc == 0; i--) {
		struct chunk_pair pair = { &old->chunks[i - 1], NULL };
		uint32_t number = pair.old->chunk->number;
		while (j > 0 && now->chunks[j - 1].chunk->number > number)
			j--;
		if (j > 0 && now->chunks[j - 1].chunk->number == number)
			pair.now = &now->chunks[j - 1];
		if (!pair_is_same(&pair))
			rc = diff_expunged(old, i - 1, pair.now ? pair.now->chunk : NULL, diff);
	}
	return rc;
}

static int diff_flags(const struct mailbox_view *now, const struct chunk_pair *pair,
                      const struct mailbox_diff *diff)
{
	const struct mailbox_chunk *a = pair->old->chunk, *b = pair->now->chunk;
	struct mailbox_item item;
	uint32_t index;
	int rc = 0;
	for (uint32_t k = 0; k < b->count && rc == 0; k++) {
		if (!chunk_has(a, b->offsets[k], &index) ||
		    (chunk_flags(a, index) == chunk_flags(b, k) &&
		     chunk_mod_seq(a, index) == chunk_mod_seq(b, k)))
			continue;
		item_fill(now, (size_t)(pair->now - now->chunks), k, &item);
		rc = diff->flags(&item, chunk_flags(a, index), diff->arg);
	}
	return rc;
}

/* How many messages of old are in now. */
static uint32_t count_kept(const struct mailbox_view *old, const struct mailbox_view *now)
{
	struct chunk_pair pair;
	uint32_t kept = 0, index;
	size_t i = 0, j = 0;
	while (pair_next(old, now, &i, &j, &pair)) {
		if (pair_is_same(&pair)) {
			kept += pair.old->chunk->count;
			continue;
		}
		for (uint32_t k = 0; pair.old && pair.now && k < pair.old->chunk->count; k++)
			kept += chunk_has(pair.now->chunk, pair.old->chunk->offsets[k], &index);
	}
	return kept;
}

int mailbox_view_diff(const struct mailbox_view *old, const struct mailbox_view *now,
                      const struct mailbox_diff *diff)
{
	struct chunk_pair pair;
	size_t i = 0, j = 0;
	if (old == now)
		return 0;
	int rc = diff_all_expunged(old, now, diff);
	if (rc == 0 && now->count > count_kept(old, now))
		rc = diff->exists(now->count, diff->arg);
	while (rc == 0 && pair_next(old, now, &i, &j, &pair)) {
		if (pair.old && pair.now && !pair_is_same(&pair))
			rc = diff_flags(now, &pair, diff);
	}
	return rc;
}

/* --- keeping what is expunged -------------------------------------------------------- */

static void pack_add(struct flag_pack *p, const struct mailbox_chunk *c, uint32_t index)
{
	p->offsets[p->count] = c->offsets[index];
	p->flags[p->count] = chunk_flags(c, index);
	p->mod_seqs[p->count] = chunk_mod_seq(c, index);
	p->count++;
}

/* All messages of both, those of now where both have them. NULL if that is now itself. */
static struct mailbox_chunk *chunk_union(const struct mailbox_chunk *old,
                                         const struct mailbox_chunk *now)
{
	struct flag_pack pack = { .number = old->number };
	uint32_t i = 0, j = 0, extra = 0;
	while (i < old->count || j < now->count) {
		if (j == now->count || (i < old->count && old->offsets[i] < now->offsets[j])) {
			pack_add(&pack, old, i++);
			extra++;
			continue;
		}
		i += i < old->count && old->offsets[i] == now->offsets[j];
		pack_add(&pack, now, j++);
	}
	return extra ? chunk_new(&pack, 0) : NULL;
}

struct mailbox_view *mailbox_view_keep(const struct mailbox_view *old, struct mailbox_view *now)
{
	struct view_builder b = { 0 };
	struct mailbox_view fields = { .keywords = NULL };
	struct chunk_pair pair;
	size_t i = 0, j = 0;

	if (count_kept(old, now) == old->count)
		return mailbox_view_retain(now);
	while (pair_next(old, now, &i, &j, &pair)) {
		struct mailbox_chunk *joined = NULL;
		if (pair.old && pair.now && !pair_is_same(&pair))
			joined = chunk_union(pair.old->chunk, pair.now->chunk);
		if (!joined && pair.now)
			joined = chunk_retain(pair.now->chunk);
		else if (!joined && pair.old)
			joined = chunk_retain(pair.old->chunk);
		view_builder_add(&b, joined);
	}
	fields.mailbox_id = now->mailbox_id;
	fields.uid_validity = now->uid_validity;
	fields.uid_next = now->uid_next;
	fields.recent_uid = now->recent_uid;
	fields.mod_seq = now->mod_seq;
	fields.keywords = keywords_retain(now->keywords);
	return view_builder_end(&b, &fields);
}
