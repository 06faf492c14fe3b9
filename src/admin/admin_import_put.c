/* import.put: some messages for one folder, in one commit.
 *
 *     {"command":"import.put", "address":"alice@example.test", "folder":"Archive/2025",
 *      "source":"maildir:/home/alice/Maildir/.Archive.2025", "state":"...",
 *      "messages":[{"bytes":1234, "at_ms":1767225600000, "flags":1, "keywords":["work"],
 *                   "key":"1767225600.M1P2.host"}], "body_bytes":1234}
 *
 * and the messages, one behind the other. The folder is made if there is none. A message whose key
 * the source has brought before is known, one that the folder has with the same bytes is a
 * duplicate; both are passed by. */
#include <errno.h>

#include "admin/admin_import.h"
#include "admin/import_index.h"
#include "fiber/fiber.h"
#include "mailbox/import_rows.h"
#include "mailbox/mailbox_view.h"
#include "mailbox/note.h"
#include "message/summary.h"
#include "store/spool.h"

enum {
	PUT_MESSAGES_MAX = 500,
	PUT_MEMORY_BYTES = 8 << 20,
	PUT_TRIES = 100, /* while others bring mail into the folder */
};
#define PUT_BYTES_MAX ((uint64_t)256 << 20)

enum put_fate { PUT_NEW, PUT_KNOWN, PUT_DUPLICATE };

struct put_item {
	uint64_t length;
	struct slice bytes;
	struct slice key; /* empty: none */
	const json_t *keywords;
	struct mailbox_new_message message;
	uint64_t digest;
	enum put_fate fate;
	uint32_t uid; /* where it is */
	uint32_t source_uid;
	size_t twin; /* the item of this request that is the same; its own: none */
	size_t blob;
	struct buf note;
};

struct put {
	struct admin *admin;
	struct admin_reply *reply;
	struct arena *arena;
	struct import_place place;
	struct slice folder;
	int64_t mailbox_id;
	bool is_new; /* the folder */
	const char *state;
	struct put_item *items;
	size_t count;
	struct store_blob *blobs;
	size_t blob_count;
	struct spool spool;
	struct import_index *index;
	int rc; /* of prepare() */
};

/* --- the request --------------------------------------------------------------------------- */

static bool read_item(const json_t *object, struct put_item *item)
{
	int64_t length = admin_number(object, "bytes", -1);
	item->length = (uint64_t)length;
	item->key = slice_from_str(admin_text(object, "key"));
	item->keywords = json_object_get(object, "keywords");
	item->source_uid = (uint32_t)admin_number(object, "uid", 0);
	item->message.internal_ms = admin_number(object, "at_ms", 0);
	item->message.flags = (uint64_t)admin_number(object, "flags", 0) &
	                      (FLAG_SEEN | FLAG_ANSWERED | FLAG_FLAGGED | FLAG_DELETED |
	                       FLAG_DRAFT);
	return length >= 0 && item->key.len <= IMPORT_KEY_MAX;
}

static int read_items(struct put *p, const json_t *request)
{
	const json_t *list = json_object_get(request, "messages");
	uint64_t sum = 0;
	if (json_array_size(list) > PUT_MESSAGES_MAX)
		return admin_fail(p->reply, -E2BIG, "too many messages at once");
	p->count = json_array_size(list);
	p->items = ARENA_ARRAY(p->arena, p->count, struct put_item);
	p->blobs = ARENA_ARRAY(p->arena, p->count, struct store_blob);
	for (size_t i = 0; i < p->count; i++) {
		if (!read_item(json_array_get(list, i), &p->items[i]) ||
		    p->items[i].length > PUT_BYTES_MAX)
			return -EINVAL;
		sum += p->items[i].length;
	}
	if (sum > PUT_BYTES_MAX || sum != p->reply->body_left)
		return admin_fail(p->reply, -EINVAL, "the messages are not as long as announced");
	return 0;
}

static int read_request(struct put *p, const json_t *request)
{
	int rc = import_read_place(p->admin, p->arena, request, p->reply, &p->place);
	const char *folder = rc == 0 ? admin_need(request, "folder", p->reply) : NULL;
	if (!folder)
		return rc < 0 ? rc : -EINVAL;
	rc = mailbox_name(p->arena, slice_from_str(folder), &p->folder);
	if (rc < 0)
		return admin_fail(p->reply, rc, "'%s' is no name for a folder", folder);
	p->state = admin_text(request, "state");
	if (p->state && strlen(p->state) > IMPORT_STATE_MAX)
		return -EINVAL;
	return read_items(p, request);
}

/* --- before the commit ----------------------------------------------------------------------- */

static int look_up(struct db *db, void *arg)
{
	struct put *p = arg;
	struct import_item item;
	for (size_t i = 0; i < p->count && p->place.source_id; i++) {
		if (p->items[i].key.len == 0)
			continue;
		int rc = import_find_item(db, p->place.source_id, p->items[i].key, &item);
		if (rc < 0 && rc != -ENOENT)
			return rc;
		if (rc == 0)
			p->items[i].fate = PUT_KNOWN;
	}
	struct mailbox_info info;
	int rc = mailbox_find(db, p->arena, p->place.account_id, p->folder, &info);
	p->is_new = rc == -ENOENT;
	if (rc == 0)
		p->mailbox_id = info.id;
	return p->is_new ? 0 : rc;
}

static int make_folder(struct db *db, void *arg)
{
	struct put *p = arg;
	int rc = mailbox_create(db, p->place.account_id, p->folder, USE_NONE, &p->mailbox_id);
	return rc == 0 ? mailbox_subscribe(db, p->place.account_id, p->folder, true) : rc;
}

static int get_folder(struct put *p)
{
	int rc = store_read(p->admin->store, look_up, p);
	if (rc == 0 && p->is_new) {
		rc = store_commit(p->admin->store, NULL, 0, make_folder, p);
		if (rc == 0 && p->admin->mailboxes)
			mailboxes_names_changed(p->admin->mailboxes, p->place.account_id);
		if (rc == -EEXIST) /* somebody else did */
			rc = store_read(p->admin->store, look_up, p);
	}
	return rc;
}

/* On the thread pool: takes the messages apart. */
static void prepare(void *arg)
{
	struct put *p = arg;
	struct message_summary summary;
	struct slice whole = SLICE_EMPTY;
	size_t at = 0;
	p->rc = p->count > 0 ? spool_view(&p->spool, &whole) : 0;
	for (size_t i = 0; i < p->count && p->rc == 0; i++) {
		struct put_item *item = &p->items[i];
		item->bytes = slice_sub(whole, at, item->length);
		at += item->length;
		if (item->fate == PUT_KNOWN)
			continue;
		message_summarise(item->bytes, &p->admin->config->message, p->arena, &summary);
		item->message.size_bytes = item->bytes.len;
		item->message.envelope = summary.envelope;
		item->message.bodystructure = summary.body_structure;
		item->message.references = summary.references;
		item->digest = import_digest(item->bytes.len, summary.envelope);
	}
}

/* --- duplicates ------------------------------------------------------------------------- */

struct row {
	int64_t mailbox_id;
	uint32_t uid;
	int64_t blob_id; /* 0: it is there no more */
};

static int visit_row(const struct mailbox_message *m, void *arg)
{
	((struct row *)arg)->blob_id = m->blob_id;
	return 0;
}

static int find_row(struct db *db, void *arg)
{
	struct row *r = arg;
	struct uid_range range = { r->uid, r->uid };
	const struct uid_set uids = { .ranges = &range, .count = 1 };
	return mailbox_each_message(db, r->mailbox_id, &uids, 0, visit_row, r);
}

/* Has that message the same bytes? */
static bool is_same(struct put *p, const struct put_item *item, uint32_t uid)
{
	struct row row = { .mailbox_id = p->mailbox_id, .uid = uid };
	struct blob_view view;
	if (store_read(p->admin->store, find_row, &row) < 0 || row.blob_id == 0 ||
	    blob_open(p->admin->store, row.blob_id, &view) < 0)
		return false;
	bool same = slice_equal(view.bytes, item->bytes);
	blob_close(&view);
	return same;
}

static bool is_in_folder(struct put *p, struct put_item *item)
{
	size_t position = 0;
	while ((item->uid = import_index_find(p->index, item->digest, &position)) != 0) {
		if (is_same(p, item, item->uid))
			return true;
	}
	return false;
}

/* The same message twice in one request. */
static bool is_before(struct put *p, size_t i)
{
	struct put_item *item = &p->items[i];
	item->twin = i;
	for (size_t k = 0; k < i; k++) {
		if (p->items[k].fate == PUT_NEW && p->items[k].digest == item->digest &&
		    slice_equal(p->items[k].bytes, item->bytes)) {
			item->twin = k;
			return true;
		}
	}
	return false;
}

static struct import_index *get_index(struct put *p)
{
	struct admin_visit *visit = p->reply->visit;
	if (visit->index && import_index_mailbox(visit->index) != p->mailbox_id)
		admin_visit_end(visit);
	if (!visit->index)
		visit->index = import_index_new(p->mailbox_id);
	return visit->index;
}

static int find_duplicates(struct put *p)
{
	p->index = get_index(p);
	int rc = import_index_refresh(p->index, p->admin->store);
	for (size_t i = 0; i < p->count && rc == 0; i++) {
		struct put_item *item = &p->items[i];
		if (item->fate == PUT_NEW && (is_before(p, i) || is_in_folder(p, item)))
			item->fate = PUT_DUPLICATE;
	}
	return rc;
}

/* --- the commit ------------------------------------------------------------------------- */

static int add_keywords(struct db *db, const struct put *p, const struct put_item *item,
                        uint64_t *flags)
{
	size_t index;
	json_t *keyword;
	json_array_foreach(item->keywords, index, keyword)
	{
		uint64_t bit;
		int rc = mailbox_get_keyword(db, p->mailbox_id,
		                             slice_from_str(json_string_value(keyword)), &bit);
		if (rc == 0)
			*flags |= bit;
		else if (rc != -ENFILE && rc != -EINVAL)
			return rc;
	}
	return 0;
}

static int append(struct db *db, struct put *p, struct put_item *item)
{
	struct mailbox_new_message message = item->message;
	message.blob_id = p->blobs[item->blob].id;
	int rc = add_keywords(db, p, item, &message.flags);
	return rc == 0 ? mailbox_append(db, p->mailbox_id, &message, &item->uid) : rc;
}

/* The folder has it since another run, whose last messages were put away meanwhile, brought it. */
static int know_duplicate(struct db *db, struct put_item *item, int64_t source_id)
{
	struct import_item known;
	if (item->fate != PUT_DUPLICATE || item->key.len == 0 || source_id == 0)
		return 0;
	int rc = import_find_item(db, source_id, item->key, &known);
	if (rc == 0)
		item->fate = PUT_KNOWN;
	return rc == -ENOENT ? 0 : rc;
}

static int keep_item(struct db *db, struct put *p, struct put_item *item, int64_t source_id)
{
	bool is_new = item->fate == PUT_NEW;
	int rc = is_new ? append(db, p, item) : know_duplicate(db, item, source_id);
	if (rc < 0 || item->fate == PUT_KNOWN || item->key.len == 0 || source_id == 0)
		return rc;
	const struct import_item note = { .mailbox_id = p->mailbox_id,
		                          .uid = p->items[item->twin].uid,
		                          .source_uid = item->source_uid,
		                          .brought = is_new };
	return import_note_item(db, source_id, item->key, &note);
}

/* -ESTALE: something came into the folder that was not compared with. */
static int put_in_commit(struct db *db, void *arg)
{
	struct put *p = arg;
	struct mailbox_info info;
	int64_t source_id = 0;
	int rc = mailbox_get(db, p->arena, p->mailbox_id, &info);
	if (rc == 0 && info.uid_next != import_index_uid_next(p->index))
		return -ESTALE;
	if (rc == 0 && p->place.source.len > 0)
		rc = import_get_source(db, p->place.account_id, p->place.source, &source_id);
	for (size_t i = 0; i < p->count && rc == 0; i++)
		rc = keep_item(db, p, &p->items[i], source_id);
	if (rc == 0 && p->state && source_id)
		rc = import_set_state(db, source_id, slice_from_str(p->state));
	return rc;
}

static void gather_blobs(struct put *p)
{
	p->blob_count = 0;
	for (size_t i = 0; i < p->count; i++) {
		struct put_item *item = &p->items[i];
		if (item->fate != PUT_NEW)
			continue;
		if (item->note.max == 0) {
			item->note = buf_make(STORE_NOTE_MAX);
			note_add_at(&item->note, item->message.internal_ms);
			note_add_to(&item->note, p->place.address, p->folder);
		}
		item->blob = p->blob_count;
		p->blobs[p->blob_count++] = (struct store_blob){ .parts = &item->bytes,
			                                         .part_count = 1,
			                                         .note = buf_slice(&item->note) };
	}
}

static int commit(struct put *p)
{
	int rc = -ESTALE;
	for (int i = 0; i < PUT_TRIES && rc == -ESTALE; i++) {
		rc = find_duplicates(p);
		if (rc < 0)
			break;
		gather_blobs(p);
		rc = store_commit(p->admin->store, p->blobs, p->blob_count, put_in_commit, p);
	}
	if (rc == 0 && p->blob_count > 0 && p->admin->mailboxes)
		mailboxes_changed(p->admin->mailboxes, p->mailbox_id);
	return rc == -ESTALE ? -EBUSY : rc;
}

static int answer(struct put *p)
{
	json_int_t counts[3] = { 0 };
	for (size_t i = 0; i < p->count; i++)
		counts[p->items[i].fate]++;
	return admin_item(p->reply,
	                  json_pack("{s:I, s:I, s:I}", "imported", counts[PUT_NEW], "known",
	                            counts[PUT_KNOWN], "duplicates", counts[PUT_DUPLICATE]));
}

static int run(struct put *p, const json_t *request)
{
	int rc = read_request(p, request);
	if (rc == 0)
		rc = admin_body(p->reply, p->reply->body_left, spool_add, &p->spool);
	if (rc == 0)
		rc = get_folder(p);
	if (rc < 0)
		return rc;
	fiber_offload(prepare, p);
	rc = p->rc == 0 ? commit(p) : p->rc;
	return rc == 0 ? answer(p) : rc;
}

int import_put(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct put p = { .admin = admin, .reply = reply, .arena = arena_new() };
	spool_create(&p.spool, admin->config->dir, PUT_MEMORY_BYTES, PUT_BYTES_MAX,
	             reply->body_left);
	int rc = run(&p, request);
	for (size_t i = 0; i < p.count; i++)
		buf_free(&p.items[i].note);
	spool_destroy(&p.spool);
	arena_free(p.arena);
	return rc;
}
