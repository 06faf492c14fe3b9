/* THREAD (RFC 5256): ORDEREDSUBJECT, REFERENCES, and REFS, which is REFERENCES without looking at
 * subjects and with threads in the order of their latest message. From the messages' rows; only a
 * row that was made before they had References costs a look into the message, once. */
#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "imap/imap_envelope.h"
#include "imap/imap_orders.h"
#include "imap/imap_reply.h"
#include "imap/imap_search.h"
#include "imap/imap_thread_tree.h"
#include "message/header.h"

enum { THREAD_BYTES_MAX = 256 << 20, UNKNOWN_BATCH = 500 };

/* A message whose row has no references. */
struct unknown {
	size_t index;
	uint32_t uid;
	int64_t blob_id;
};

struct thread {
	struct imap_command *c;
	struct arena *scratch;
	bool wants_references;
	struct thread_message *messages;
	size_t count;
	struct unknown unknown[UNKNOWN_BATCH];
	size_t unknown_count;
};

/* --- reading ------------------------------------------------------------------------- */

/* RFC 5256 section 3: without References the first id of In-Reply-To. */
static struct slice parents_of(struct thread *t, const struct mailbox_message *row,
                               struct imap_envelope_walk *envelope)
{
	if (imap_first_id(row->references).len > 0)
		return row->references;
	return imap_first_id(imap_envelope_next(t->scratch, envelope, ENVELOPE_IN_REPLY_TO));
}

static int add_row(const struct mailbox_item *item, const struct mailbox_message *row, void *arg)
{
	struct thread *t = arg;
	struct arena *arena = t->c->arena;
	struct thread_message *m = &t->messages[t->count];
	struct imap_envelope_walk envelope = imap_envelope_walk(row->envelope);
	struct slice date = imap_envelope_next(t->scratch, &envelope, ENVELOPE_DATE);
	struct slice subject = imap_envelope_next(t->scratch, &envelope, ENVELOPE_SUBJECT);
	struct slice parents = parents_of(t, row, &envelope);
	struct slice id = imap_envelope_next(t->scratch, &envelope, ENVELOPE_MESSAGE_ID);
	*m = (struct thread_message){
		.uid = item->uid,
		.date = imap_sent_date(date, row),
		.id = arena_copy(arena, imap_first_id(id)),
		.references = arena_copy(arena, parents),
	};
	m->subject = arena_copy(arena, imap_sort_subject(t->scratch, subject, &m->is_reply));
	arena_reset(t->scratch);
	if (t->wants_references && !row->knows_references && t->unknown_count < UNKNOWN_BATCH)
		t->unknown[t->unknown_count++] = (struct unknown){ t->count, item->uid,
			                                           row->blob_id };
	t->count++;
	return arena_used(arena) > THREAD_BYTES_MAX ? -E2BIG : 0;
}

/* --- older rows ---------------------------------------------------------------------- */

/* On the thread pool. */
static void look_up_references(void *arg)
{
	struct thread *t = arg;
	for (size_t i = 0; i < t->unknown_count; i++) {
		struct thread_message *m = &t->messages[t->unknown[i].index];
		struct blob_view blob;
		struct slice value;
		if (blob_open(imap_context(t->c->s)->store, t->unknown[i].blob_id, &blob) < 0)
			continue;
		struct slice header = slice_sub(blob.bytes, 0, header_length(blob.bytes));
		if (header_find(header, SLICE("References"), &value) &&
		    imap_first_id(value).len > 0)
			m->references = arena_copy(t->c->arena, header_unfold(t->scratch, value));
		blob_close(&blob);
		arena_reset(t->scratch);
	}
}

static int keep_references(struct db *db, void *arg)
{
	struct thread *t = arg;
	int64_t mailbox_id = t->c->s->selected->view->mailbox_id;
	int rc = 0;
	for (size_t i = 0; i < t->unknown_count && rc == 0; i++)
		rc = mailbox_set_references(db, mailbox_id, t->unknown[i].uid,
		                            t->messages[t->unknown[i].index].references);
	return rc;
}

/* The next time the row knows. Nobody is told when that fails: it will be looked up again. */
static void learn_references(struct thread *t)
{
	if (t->unknown_count == 0)
		return;
	fiber_offload(look_up_references, t);
	int rc = store_commit(imap_context(t->c->s)->store, NULL, 0, keep_references, t);
	if (rc < 0)
		log_debug("imap.references.failed", kv_error(rc));
}

/* All rows, as many unknown ones at a time as there is room for. */
static int read_rows(struct thread *t, const struct uid_set *uids)
{
	struct imap_command *c = t->c;
	unsigned what = READ_ENVELOPE | (t->wants_references ? READ_KEYS : 0);
	t->messages = ARENA_ARRAY(c->arena, c->s->selected->view->count + 1, struct thread_message);
	t->scratch = arena_new();
	int rc;
	do {
		t->count = 0;
		t->unknown_count = 0;
		rc = imap_each_row(c, uids, what, add_row, t);
		if (rc == 0)
			learn_references(t);
	} while (rc == 0 && t->unknown_count == UNKNOWN_BATCH);
	arena_free(t->scratch);
	return rc;
}

/* --- the command --------------------------------------------------------------------- */

struct build_job {
	enum imap_thread_kind kind;
	const struct thread *t;
	uint32_t *list; /* of thread_tree_list() */
	size_t count;
	int rc;
};

static void build(void *arg)
{
	struct build_job *job = arg;
	struct thread_tree tree;
	job->rc = thread_tree_build(&tree, job->kind, job->t->messages, job->t->count);
	if (job->rc == 0)
		job->count = thread_tree_list(&tree, &job->list);
	thread_tree_destroy(&tree);
}

static uint32_t number_of(const struct imap_command *c, uint32_t uid)
{
	struct mailbox_item item = { 0 };
	if (c->by_uid)
		return uid;
	(void)mailbox_view_by_uid(c->s->selected->view, uid, &item);
	return item.seq;
}

/* A space follows a number unless the list ends with it. */
static void answer(const struct imap_command *c, const uint32_t *list, size_t count)
{
	struct slice before = count ? SLICE(" ") : SLICE_EMPTY;
	imap_write(c->s, SLICE("* THREAD"));
	for (size_t i = 0; i < count && !c->s->write_error; i++) {
		bool is_number = list[i] != THREAD_OPEN && list[i] != THREAD_CLOSE;
		if (is_number) {
			imap_write_number(c->s, before, number_of(c, list[i]));
		} else if (list[i] == THREAD_CLOSE) {
			imap_write(c->s, SLICE(")"));
		} else {
			imap_write(c->s, before);
			imap_write(c->s, SLICE("("));
		}
		before = is_number ? SLICE(" ") : SLICE_EMPTY;
	}
	imap_write(c->s, SLICE("\r\n"));
}

static int find_threads(struct thread *t, enum imap_thread_kind kind, const struct uid_set *uids)
{
	struct imap_orders *orders = imap_context(t->c->s)->orders;
	const struct mailbox_view *view = t->c->s->selected->view;
	const char request[] = { 'T', (char)kind };
	const struct imap_order_key key = { .mailbox_id = view->mailbox_id,
		                            .uid_validity = view->uid_validity,
		                            .request = slice_of(request, sizeof(request)),
		                            .exact = true };
	struct build_job job = { .kind = kind, .t = t };
	struct imap_order kept;
	if (imap_orders_find(orders, &key, uids, t->c->arena, &kept)) {
		answer(t->c, kept.numbers, kept.count);
		return 0;
	}
	int rc = read_rows(t, uids);
	if (rc < 0)
		return rc;
	fiber_offload(build, &job);
	if (job.rc == 0)
		answer(t->c, job.list, job.count);
	/* Not without those that somebody has removed meanwhile. */
	if (job.rc == 0 && t->count == uid_set_size(uids))
		imap_orders_keep(orders, &key, uids, job.list, job.count);
	free(job.list);
	return job.rc;
}

void imap_thread(struct imap_command *c)
{
	struct thread *t = ARENA_NEW(c->arena, struct thread);
	enum imap_thread_kind kind;
	struct imap_search search;
	struct uid_set uids;
	unsigned unreadable;
	if (!imap_take_space(&c->args) || !imap_take_thread(&c->args, c->arena, &kind, &search)) {
		imap_bad(c, "THREAD needs an algorithm, a charset and keys.");
		return;
	}
	if (!imap_at_end(c) || !imap_search_may_run(c, &search))
		return;
	t->c = c;
	t->wants_references = kind != THREAD_ORDEREDSUBJECT;
	int rc = imap_search_run(c, &search, &uids, &unreadable);
	if (rc == 0)
		rc = find_threads(t, kind, &uids);
	if (rc == -E2BIG)
		imap_no(c, "LIMIT", "Too many messages for that.");
	else if (rc < 0)
		imap_failed(c, rc);
	else if (unreadable)
		imap_no(c, "CORRUPTION", "Some messages can't be read.");
}
