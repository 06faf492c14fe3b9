/* The rows of what scripts decided. */
#include <errno.h>

#include "mailbox/mailbox.h"
#include "mailbox/sent.h"
#include "route/post_sieve.h"

/* --- blobs ----------------------------------------------------------------------------------- */

size_t delivery_sorted_blobs(const struct delivery *d)
{
	size_t count = d->edition_count;
	for (const struct post_outgoing *o = d->outgoing; o; o = o->next)
		count += post_parcel_blob_count(o->parcel);
	return count;
}

void delivery_sorted_fill(const struct delivery *d, struct store_blob *out)
{
	for (const struct post_edition *e = d->editions; e; e = e->next)
		*out++ = (struct store_blob){ .parts = e->parts,
			                      .part_count = 3,
			                      .note = buf_slice(&e->note) };
	for (const struct post_outgoing *o = d->outgoing; o; o = o->next) {
		post_parcel_blobs(o->parcel, out);
		out += post_parcel_blob_count(o->parcel);
	}
}

int delivery_commit_sorted(struct db *db, struct delivery *d, const struct store_blob *blobs)
{
	int rc = 0;
	for (const struct post_outgoing *o = d->outgoing; o && rc == 0; o = o->next) {
		const struct store_blob *own = blobs + d->edition_count;
		for (const struct post_outgoing *p = d->outgoing; p != o; p = p->next)
			own += post_parcel_blob_count(p->parcel);
		rc = post_parcel_commit(db, o->parcel, own);
	}
	return rc;
}

void delivery_sorted_end(struct delivery *d, bool committed)
{
	for (struct post_outgoing *o = d->outgoing, *next; o; o = next) {
		next = o->next;
		post_parcel_end(o->parcel, committed);
	}
	d->outgoing = NULL;
	for (struct post_edition *e = d->editions; e; e = e->next)
		buf_free(&e->note);
	d->editions = NULL;
}

/* --- folders --------------------------------------------------------------------------------- */

struct by_use {
	enum mailbox_use use;
	struct slice name;
	int64_t id;
};

static int visit_use(const struct mailbox_info *info, void *arg)
{
	struct by_use *b = arg;
	if (info->use != b->use || (b->name.len > 0 && !slice_equal(info->name, b->name)))
		return 0;
	b->id = info->id;
	return 1;
}

static enum mailbox_use use_of(struct slice text)
{
	static const char *const names[] = {
		[USE_SENT] = "\\Sent", [USE_DRAFTS] = "\\Drafts",   [USE_TRASH] = "\\Trash",
		[USE_JUNK] = "\\Junk", [USE_ARCHIVE] = "\\Archive",
	};
	for (size_t i = USE_SENT; i < sizeof(names) / sizeof(*names); i++) {
		if (slice_equal_nocase(text, slice_from_str(names[i])))
			return (enum mailbox_use)i;
	}
	return USE_NONE;
}

static int find_by_use(struct db *db, struct arena *arena, int64_t account_id, struct slice use,
                       struct slice name, struct mailbox_info *out)
{
	struct by_use b = { .use = use_of(use), .name = name };
	if (b.use == USE_NONE)
		return -ENOENT;
	int rc = mailbox_each(db, account_id, visit_use, &b);
	if (rc < 0 || b.id == 0)
		return rc < 0 ? rc : -ENOENT;
	return mailbox_get(db, arena, b.id, out);
}

/* "F12", as OBJECTID tells it (RFC 8474). */
static int find_by_id(struct db *db, struct arena *arena, int64_t account_id, struct slice id,
                      struct mailbox_info *out)
{
	uint64_t number;
	if (!slice_starts_with(id, SLICE("F")) || !slice_to_u64(slice_from(id, 1), &number) ||
	    number > INT64_MAX)
		return -ENOENT;
	int rc = mailbox_get(db, arena, (int64_t)number, out);
	return rc == 0 && out->account_id != account_id ? -ENOENT : rc;
}

int sorting_find_mailbox(struct db *db, struct arena *arena, int64_t account_id,
                         enum sieve_mailbox_test by, struct slice key, struct slice name,
                         struct mailbox_info *out)
{
	struct slice canonical;
	switch (by) {
	case SIEVE_BY_ID:
		return find_by_id(db, arena, account_id, key, out);
	case SIEVE_BY_USE:
		return find_by_use(db, arena, account_id, key, name, out);
	case SIEVE_BY_NAME:
		break;
	}
	if (mailbox_name(arena, key, &canonical) < 0)
		return -ENOENT;
	return mailbox_find(db, arena, account_id, canonical, out);
}

static int create_folder(struct db *db, int64_t account_id, const struct post_filing *f,
                         int64_t *id_out)
{
	int rc = mailbox_create(db, account_id, f->folder, use_of(f->special_use), id_out);
	/* No room for another one, or no name: the inbox has it then. */
	if (rc == -ENFILE || rc == -EINVAL || rc == -EEXIST || rc == -EDQUOT)
		return -ENOENT;
	return rc < 0 ? rc : mailbox_subscribe(db, account_id, f->folder, true);
}

/* Where it goes: the mailbox of that id or use, that of that name, a new one, or the inbox. */
int delivery_filing_place(struct db *db, struct delivery *d, const struct drop *drop,
                          struct post_filing *f, struct mailbox_info *out)
{
	int64_t account = drop->target->account_id;
	int rc = -ENOENT;
	if (f->mailbox_id.len > 0)
		rc = find_by_id(db, d->arena, account, f->mailbox_id, out);
	if (rc == -ENOENT && f->special_use.len > 0)
		rc = find_by_use(db, d->arena, account, f->special_use, SLICE_EMPTY, out);
	if (rc == -ENOENT && f->folder.len > 0)
		rc = mailbox_find(db, d->arena, account, f->folder, out);
	if (rc == -ENOENT && f->create && f->folder.len > 0) {
		rc = create_folder(db, account, f, &out->id);
		out->name = f->folder;
		f->made_folder |= rc == 0;
	}
	if (rc != -ENOENT)
		return rc;
	out->id = drop->inbox_id;
	out->name = drop->folder;
	return out->id != 0 ? 0 : mailbox_get_inbox(db, account, &out->id);
}

/* Those that the mailbox has no room for are left out. */
int delivery_filing_flags(struct db *db, const struct post_filing *f, int64_t mailbox_id,
                          uint64_t *out)
{
	static const struct {
		const char *name;
		uint64_t flag;
	} system[] = { { "\\Seen", FLAG_SEEN },
		       { "\\Answered", FLAG_ANSWERED },
		       { "\\Flagged", FLAG_FLAGGED },
		       { "\\Deleted", FLAG_DELETED },
		       { "\\Draft", FLAG_DRAFT } };
	*out = f->mark_seen ? FLAG_SEEN : 0;
	for (size_t i = 0; i < f->flags.count; i++) {
		struct slice name = f->flags.items[i];
		uint64_t flag = 0;
		for (size_t k = 0; k < sizeof(system) / sizeof(*system); k++) {
			if (slice_equal(name, slice_from_str(system[k].name)))
				flag = system[k].flag;
		}
		if (flag == 0 && !slice_starts_with(name, SLICE("\\"))) {
			int rc = mailbox_get_keyword(db, mailbox_id, name, &flag);
			if (rc < 0 && rc != -ENFILE && rc != -EINVAL)
				return rc;
			flag = rc < 0 ? 0 : flag;
		}
		*out |= flag;
	}
	return 0;
}

static int64_t edition_blob(const struct delivery *d, const struct post_edition *wanted)
{
	size_t i = d->batch_count;
	for (const struct post_edition *e = d->editions; e != wanted; e = e->next)
		i++;
	return d->blobs[i].id;
}

int delivery_commit_filing(struct db *db, struct delivery *d, struct drop *drop,
                           struct post_filing *f, int64_t blob_id)
{
	const struct message_summary *summary = f->edition ? &f->edition->summary : &d->summary;
	struct mailbox_info place = { .id = 0 };
	uint64_t flags = 0;
	uint32_t uid;
	int rc = delivery_filing_place(db, d, drop, f, &place);
	if (rc == 0)
		rc = delivery_filing_flags(db, f, place.id, &flags);
	if (rc < 0)
		return rc;
	const struct mailbox_new_message message = {
		.blob_id = f->edition ? edition_blob(d, f->edition) : blob_id,
		.size_bytes = f->edition ? f->edition->size_bytes : d->size_bytes,
		.internal_ms = d->now_ms,
		.flags = flags,
		.envelope = summary->envelope,
		.bodystructure = summary->body_structure,
		.references = summary->references,
	};
	rc = mailbox_append(db, place.id, &message, &uid);
	f->filed_id = place.id;
	f->filed_name = arena_copy(d->arena, place.name);
	return rc;
}

int delivery_commit_memories(struct db *db, const struct delivery *d, const struct drop *drop)
{
	int rc = 0;
	for (const struct post_memory *m = drop->sorted->memories; m && rc == 0; m = m->next)
		rc = sieve_remember(db, drop->target->account_id, m->kind, m->key, d->now_ms,
		                    m->until_ms);
	return rc;
}

int delivery_check_memories(struct db *db, const struct delivery *d)
{
	int rc = 0;
	for (size_t i = 0; i < d->drop_count && rc == 0; i++) {
		const struct drop *drop = &d->drops[i];
		const struct post_memory *m = drop->sorted ? drop->sorted->memories : NULL;
		for (; m && rc == 0; m = m->next)
			rc = m->known ? 0
			              : sieve_remembers(db, drop->target->account_id, m->kind,
			                                m->key, d->now_ms);
	}
	return rc > 0 ? -ESTALE : rc;
}

int delivery_commit_filings(struct db *db, struct delivery *d, struct drop *drop, int64_t blob_id)
{
	int rc = 0;
	for (struct post_filing *f = drop->sorted->filings; f && rc == 0; f = f->next)
		rc = delivery_commit_filing(db, d, drop, f, blob_id);
	return rc < 0 ? rc : delivery_commit_memories(db, d, drop);
}
