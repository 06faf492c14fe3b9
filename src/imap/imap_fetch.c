/* FETCH (RFC 3501 section 6.4.5). Flags and UIDs come from the view, the rest from the messages'
 * rows, some at a time; only sections open a message. */
#include <errno.h>

#include "base/log.h"
#include "imap/imap_limit.h"
#include "imap/imap_reply.h"
#include "imap/imap_share.h"
#include "mailbox/mailbox_seen.h"
#include "message/preview.h"
#include "route/post_event.h"

/* A message with more bytes is taken apart on the thread pool. */
enum { SECTION_OFFLOAD_BYTES = 256 << 10 };

/* A message of the batch. */
struct fetch_entry {
	struct mailbox_item item;
	struct mailbox_set_walk after; /* where to go on behind it */
	bool found;                    /* its row was there */
	struct mailbox_message row;
};

struct fetch {
	struct imap_command *c;
	struct imap_session *s;
	const struct imap_fetch *request;
	bool needs_rows, needs_bytes;
	bool has_flags; /* FLAGS is asked for */
	bool sets_seen;
	unsigned what;         /* enum mailbox_read */
	struct arena *arena;   /* of a batch */
	struct arena *scratch; /* of an item */
	struct uid_set uids;
	struct uid_set seen; /* now \Seen; in the command's arena */
	unsigned missing;    /* messages that were not there any more */
	unsigned unreadable;
	unsigned undecodable;
	uint64_t told;
};

/* --- what is asked for --------------------------------------------------------------- */

static void fetch_plan(struct fetch *f)
{
	for (size_t i = 0; i < f->request->count; i++) {
		const struct imap_fetch_item *item = &f->request->items[i];
		switch (item->kind) {
		case FETCH_FLAGS:
			f->has_flags = true;
			continue;
		case FETCH_UID:
		case FETCH_MODSEQ:
		case FETCH_GM_LABELS:
			continue;
		case FETCH_ENVELOPE:
			f->what |= READ_ENVELOPE;
			break;
		case FETCH_BODY:
		case FETCH_BODYSTRUCTURE:
			f->what |= READ_BODYSTRUCTURE;
			break;
		case FETCH_SAVEDATE:
			f->what |= READ_KEYS;
			break;
		case FETCH_THREADID:
		case FETCH_GM_THRID:
			f->what |= READ_KEYS | READ_ENVELOPE;
			break;
		case FETCH_SECTION:
		case FETCH_BINARY:
		case FETCH_BINARY_SIZE:
		case FETCH_PREVIEW:
			f->needs_bytes = true;
			f->what |= READ_PLACE;
			f->sets_seen |= !item->peek && !f->s->selected->read_only &&
			                (f->s->selected->rights & ACL_SEEN);
			break;
		case FETCH_INTERNALDATE:
		case FETCH_SIZE:
		case FETCH_EMAILID:
		case FETCH_GM_MSGID:
			break;
		}
		f->needs_rows = true;
	}
}

static bool asks_for(const struct imap_fetch *request, enum imap_fetch_kind kind)
{
	for (size_t i = 0; i < request->count; i++) {
		if (request->items[i].kind == kind)
			return true;
	}
	return false;
}

/* --- sections ------------------------------------------------------------------------ */

struct section_job {
	const struct message_limits *limits;
	struct slice bytes;
	struct arena *arena;
	const struct imap_fetch_item *item;
	struct slice out;
	int rc; /* -ENOENT: there is no such part; -EOPNOTSUPP: it can't be decoded */
};

static void find_section(void *arg)
{
	struct section_job *job = arg;
	const struct message_section *section = &job->item->section;
	if (job->item->kind == FETCH_PREVIEW)
		job->out = message_preview(job->bytes, job->limits, job->arena);
	else if (job->item->kind != FETCH_SECTION)
		job->rc = message_section_decoded(job->bytes, job->limits, job->arena, section,
		                                  job->bytes.len, &job->out);
	else if (!message_section(job->bytes, 0, job->limits, job->arena, section, &job->out))
		job->rc = -ENOENT;
}

static void write_found(struct fetch *f, const struct imap_fetch_item *item, struct slice found)
{
	if (item->kind == FETCH_BINARY_SIZE) {
		imap_write_number(f->s, SLICE(" "), found.len);
		return;
	}
	if (item->has_partial)
		found = slice_sub(found, item->offset, item->length);
	imap_write(f->s, SLICE(" "));
	if (item->kind == FETCH_PREVIEW)
		imap_write_string(f->s, found);
	else if (item->kind == FETCH_BINARY)
		imap_write_literal8(f->s, found);
	else
		imap_write_literal(f->s, found);
}

static void write_section(struct fetch *f, const struct imap_fetch_item *item, struct slice bytes)
{
	struct section_job job = { .limits = &imap_context(f->c->s)->config->message,
		                   .bytes = bytes,
		                   .arena = f->scratch,
		                   .item = item };
	if (bytes.len > SECTION_OFFLOAD_BYTES &&
	    (item->section.depth > 0 || item->kind == FETCH_PREVIEW))
		fiber_offload(find_section, &job);
	else
		find_section(&job);
	imap_write(f->s, item->kind == FETCH_PREVIEW ? SLICE("PREVIEW") : item->label);
	if (job.rc == -EOPNOTSUPP)
		f->undecodable++;
	if (job.rc == 0)
		write_found(f, item, job.out);
	else
		imap_write(f->s, item->kind == FETCH_BINARY_SIZE ? SLICE(" 0") : SLICE(" NIL"));
}

/* --- items --------------------------------------------------------------------------- */

static void write_date(struct imap_session *s, const char *name, int64_t at_ms)
{
	char text[DATE_TEXT_MAX];
	struct slice date = date_format_imap(date_local(at_ms / 1000), text);
	imap_printf(s, "%s \"%.*s\"", name, SLICE_ARG(date));
}

/* What older rows do not know is NIL (RFC 8514 section 4.2 has that for mailboxes). */
static void write_save_date(struct imap_session *s, int64_t saved_ms)
{
	if (saved_ms)
		write_date(s, "SAVEDATE", saved_ms);
	else
		imap_write(s, SLICE("SAVEDATE NIL"));
}

static void write_thread_id(struct fetch *f, const struct mailbox_message *row)
{
	struct slice id = imap_thread_id(f->scratch, row);
	imap_write(f->s, id.len ? SLICE("THREADID (") : SLICE("THREADID NIL"));
	imap_write(f->s, id);
	imap_write(f->s, id.len ? SLICE(")") : SLICE_EMPTY);
}

static void write_email_id(struct fetch *f, const struct mailbox_message *row)
{
	imap_write(f->s, SLICE("EMAILID ("));
	imap_write(f->s, imap_email_id(f->scratch, row));
	imap_write(f->s, SLICE(")"));
}

static void write_body(struct fetch *f, struct slice structure)
{
	struct slice body;
	imap_write(f->s, SLICE("BODY "));
	if (message_body_from_structure(f->scratch, structure, &body))
		imap_write(f->s, body);
	else
		imap_write(f->s, SLICE("NIL"));
}

static void write_item(struct fetch *f, const struct imap_fetch_item *item,
                       const struct fetch_entry *e, struct slice bytes)
{
	struct imap_session *s = f->s;
	switch (item->kind) {
	case FETCH_FLAGS:
		imap_write(s, SLICE("FLAGS "));
		imap_write_flags(s, &e->item);
		break;
	case FETCH_UID:
		imap_write_number(s, SLICE("UID "), e->item.uid);
		break;
	case FETCH_MODSEQ:
		imap_write_mod_seq(s, &e->item);
		break;
	case FETCH_INTERNALDATE:
		write_date(s, "INTERNALDATE", e->row.internal_ms);
		break;
	case FETCH_SAVEDATE:
		write_save_date(s, e->row.saved_ms);
		break;
	case FETCH_EMAILID:
		write_email_id(f, &e->row);
		break;
	case FETCH_THREADID:
		write_thread_id(f, &e->row);
		break;
	case FETCH_GM_MSGID:
		imap_write_number(s, SLICE("X-GM-MSGID "), imap_gmail_message(f->scratch, &e->row));
		break;
	case FETCH_GM_THRID:
		imap_write_number(s, SLICE("X-GM-THRID "), imap_gmail_thread(f->scratch, &e->row));
		break;
	case FETCH_GM_LABELS:
		imap_write_labels(s, &e->item);
		break;
	case FETCH_SIZE:
		imap_write_number(s, SLICE("RFC822.SIZE "), e->row.size_bytes);
		break;
	case FETCH_ENVELOPE:
		imap_write(s, SLICE("ENVELOPE "));
		imap_write(s, e->row.envelope);
		break;
	case FETCH_BODYSTRUCTURE:
		imap_write(s, SLICE("BODYSTRUCTURE "));
		imap_write(s, e->row.bodystructure);
		break;
	case FETCH_BODY:
		write_body(f, e->row.bodystructure);
		break;
	case FETCH_SECTION:
	case FETCH_BINARY:
	case FETCH_BINARY_SIZE:
	case FETCH_PREVIEW:
		write_section(f, item, bytes);
		break;
	}
}

/* The disk lost the message under us, and what went out of it is not the message: the response does
 * not come to its end. */
static void break_off(const struct fetch *f, const struct fetch_entry *e)
{
	log_error("imap.message.unreadable", kv_str("account", f->s->address),
	          kv_int("uid", e->item.uid), kv_error(-EIO));
	f->s->write_error = -EIO;
}

static void write_items(struct fetch *f, struct fetch_entry *e, const struct blob_view *blob)
{
	struct imap_session *s = f->s;
	struct slice bytes = blob->bytes;
	bool becomes_seen = f->sets_seen && !(e->item.flags & FLAG_SEEN);
	if (becomes_seen) {
		e->item.flags |= FLAG_SEEN;
		uid_set_add(f->c->arena, &f->seen, e->item.uid, e->item.uid);
	}
	imap_begin_fetch(s, &e->item);
	for (size_t i = 0; i < f->request->count; i++) {
		if (i > 0)
			imap_write(s, SLICE(" "));
		write_item(f, &f->request->items[i], e, bytes);
		if (f->scratch)
			arena_reset(f->scratch);
	}
	if (!blob_is_whole(blob)) {
		break_off(f, e);
		return;
	}
	/* With CONDSTORE the MODSEQ that it gets is told, too: after the commit. */
	if (becomes_seen && !f->has_flags && !(s->enabled & ENABLED_CONDSTORE)) {
		imap_write(s, SLICE(" FLAGS "));
		imap_write_flags(s, &e->item);
	}
	imap_write(s, SLICE(")\r\n"));
}

static void write_entry(struct fetch *f, struct fetch_entry *e)
{
	struct blob_view blob = { .bytes = SLICE_EMPTY };
	if (f->needs_rows && !e->found) {
		f->missing++;
		return;
	}
	if (f->needs_bytes) {
		int rc = blob_open_at(imap_context(f->s)->store, e->row.blob_id, &e->row.place,
		                      &blob);
		if (rc < 0) {
			log_error("imap.message.unreadable", kv_str("account", f->s->address),
			          kv_int("uid", e->item.uid), kv_error(rc));
			f->unreadable++;
			return;
		}
	}
	write_items(f, e, &blob);
	if (f->needs_bytes)
		blob_close(&blob);
}

/* --- batches ------------------------------------------------------------------------- */

struct batch {
	struct fetch *f;
	struct fetch_entry entries[IMAP_FETCH_BATCH];
	size_t count;
	size_t read; /* entries whose rows have been looked for */
};

static int batch_row(const struct mailbox_message *row, void *arg)
{
	struct batch *b = arg;
	while (b->read < b->count && b->entries[b->read].item.uid < row->uid)
		b->read++;
	if (b->read == b->count || b->entries[b->read].item.uid != row->uid)
		return 0;
	struct fetch_entry *e = &b->entries[b->read++];
	e->found = true;
	e->row = *row;
	e->row.envelope = arena_copy(b->f->arena, row->envelope);
	e->row.bodystructure = arena_copy(b->f->arena, row->bodystructure);
	e->row.references = arena_copy(b->f->arena, row->references);
	return arena_used(b->f->arena) > IMAP_FETCH_BATCH_BYTES;
}

static int batch_rows(struct db *db, void *arg)
{
	struct batch *b = arg;
	struct uid_set uids = { 0 };
	for (size_t i = 0; i < b->count; i++)
		uid_set_add(b->f->arena, &uids, b->entries[i].item.uid, b->entries[i].item.uid);
	return mailbox_each_message(db, b->f->s->selected->view->mailbox_id, &uids, b->f->what,
	                            batch_row, b);
}

/* The next message that is asked for. */
static bool fetch_next(const struct fetch *f, struct mailbox_set_walk *walk,
                       struct mailbox_item *out)
{
	while (mailbox_view_next_of(f->s->selected->view, walk, out)) {
		if (!f->request->has_changed_since || out->mod_seq > f->request->changed_since)
			return true;
	}
	return false;
}

static void batch_fill(struct batch *b, struct mailbox_set_walk *walk)
{
	for (b->count = 0; b->count < IMAP_FETCH_BATCH; b->count++) {
		struct fetch_entry *e = &b->entries[b->count];
		if (!fetch_next(b->f, walk, &e->item))
			return;
		e->after = *walk;
		e->found = false;
	}
}

/* Reads rows until enough is in memory; the walk goes on behind the last that was read. */
static int batch_read(struct batch *b, struct mailbox_set_walk *walk)
{
	b->read = 0;
	int rc = store_read(imap_context(b->f->s)->store, batch_rows, b);
	if (rc == 1)
		b->count = b->read;
	if (b->count > 0)
		*walk = b->entries[b->count - 1].after;
	return rc < 0 ? rc : 0;
}

static int fetch_rows(struct fetch *f)
{
	struct mailbox_set_walk walk = { .uids = &f->uids };
	struct batch *b = arena_alloc(f->c->arena, sizeof(*b));
	int rc = 0;

	b->f = f;
	f->arena = arena_new();
	f->scratch = arena_new();
	for (;;) {
		batch_fill(b, &walk);
		if (b->count == 0 || (rc = batch_read(b, &walk)) < 0 || f->s->write_error)
			break;
		for (size_t i = 0; i < b->count; i++)
			write_entry(f, &b->entries[i]);
		arena_reset(f->arena);
		imap_extend(f->s);
		fiber_yield();
	}
	arena_free(f->scratch);
	arena_free(f->arena);
	return rc;
}

/* What the view alone answers. */
static void fetch_from_view(struct fetch *f)
{
	struct mailbox_set_walk walk = { .uids = &f->uids };
	struct fetch_entry e = { .found = true };
	while (fetch_next(f, &walk, &e.item) && !f->s->write_error) {
		write_items(f, &e, &(struct blob_view){ .bytes = SLICE_EMPTY });
		if (++f->told % IMAP_SLICE_MESSAGES == 0) {
			imap_extend(f->s);
			fiber_yield();
		}
	}
}

/* --- \Seen --------------------------------------------------------------------------- */

struct seen_step {
	struct flag_request request;
	struct mail_event_flags changed; /* for scripts */
	struct mail_event_noted event;
};

static int set_seen(struct db *db, void *arg)
{
	struct seen_step *step = arg;
	step->event = (struct mail_event_noted){ .noted = false };
	int rc = mail_event_flags_before(db, &step->changed, step->request.uids);
	if (rc == 0)
		rc = mailbox_request_flags(db, &step->request, NULL, NULL);
	return rc == 0 ? mail_event_flags_after(db, &step->changed, &step->event) : rc;
}

/* After the messages were sent, so that one which never arrived stays unseen. */
static int keep_seen(struct fetch *f)
{
	const struct imap_context *context = imap_context(f->s);
	const struct mailbox_view *view = f->s->selected->view;
	struct seen_step step = { .request = { .mailbox_id = view->mailbox_id,
		                               .viewer = view->viewer,
		                               .uids = &f->seen,
		                               .how = FLAGS_ADD,
		                               .flags = FLAG_SEEN,
		                               .mask = FLAG_SEEN },
		                  .changed = { .arena = f->c->arena,
		                               .actor_id = f->s->account_id,
		                               .mailbox_id = view->mailbox_id,
		                               .max_waiting = post_events_room(context->events) } };
	struct imap_expected expected = { &f->seen, FLAGS_ADD, FLAG_SEEN, FLAG_SEEN };
	if (f->seen.count == 0 || f->s->write_error)
		return 0;
	int rc = store_commit(context->store, NULL, 0, set_seen, &step);
	if (rc < 0)
		return rc;
	mailboxes_changed(context->mailboxes, view->mailbox_id);
	post_events_tell(context->events, &step.event);
	bool tell = f->s->enabled & ENABLED_CONDSTORE;
	(void)imap_sync(f->s, f->c->hold_expunges, tell ? NULL : &expected);
	return 0;
}

/* --- the command --------------------------------------------------------------------- */

/* fetch = "FETCH" SP sequence-set SP (macro / fetch-att / "(" fetch-att *(SP fetch-att) ")")
 *         [SP "(" fetch-modifier *(SP fetch-modifier) ")"] */
static bool take_arguments(struct imap_command *c, struct imap_set *set, struct imap_fetch *request)
{
	if (!imap_take_space(&c->args) || !imap_take_set(&c->args, c->arena, set) ||
	    !imap_take_space(&c->args) || !imap_take_fetch(&c->args, c->arena, request) ||
	    !imap_take_fetch_modifiers(&c->args, request)) {
		imap_bad(c, "FETCH needs messages and what is wanted of them.");
		return false;
	}
	if (request->partial.given && !c->by_uid) {
		imap_bad(c, "PARTIAL is for UID FETCH.");
		return false;
	}
	/* RFC 7162 section 3.2.6 */
	if (request->vanished &&
	    (!c->by_uid || !request->has_changed_since || !(c->s->enabled & ENABLED_QRESYNC))) {
		imap_bad(c, "VANISHED is for UID FETCH with CHANGEDSINCE, with QRESYNC enabled.");
		return false;
	}
	return imap_at_end(c);
}

/* What is answered, asked for or not: the UID by UID FETCH, the MODSEQ by CHANGEDSINCE, and beside
 * flags with CONDSTORE. */
static void add_items(struct imap_command *c, struct imap_fetch *request)
{
	struct imap_fetch_item *items = arena_alloc(c->arena,
	                                            (request->count + 2) * sizeof(*items));
	bool mod_seq = asks_for(request, FETCH_MODSEQ);
	size_t count = 0;
	if (mod_seq || request->has_changed_since)
		imap_enable_condstore(c->s);
	if (c->by_uid && !asks_for(request, FETCH_UID) && !(c->s->enabled & ENABLED_UIDONLY))
		items[count++] = (struct imap_fetch_item){ .kind = FETCH_UID };
	memcpy(items + count, request->items, request->count * sizeof(*items));
	count += request->count;
	if (!mod_seq && (request->has_changed_since ||
	                 (asks_for(request, FETCH_FLAGS) && (c->s->enabled & ENABLED_CONDSTORE))))
		items[count++] = (struct imap_fetch_item){ .kind = FETCH_MODSEQ };
	request->items = items;
	request->count = count;
}

static int fetch_vanished(struct fetch *f)
{
	struct uid_set gone;
	int rc = imap_find_vanished(f->c, &f->uids, f->request->changed_since, &gone);
	if (rc == 0)
		imap_tell_vanished(f->s, &gone, true);
	return rc;
}

/* Of the messages that are asked for those at some places (RFC 9394 section 3.2). */
static void fetch_narrow(struct fetch *f)
{
	struct mailbox_set_walk walk = { .uids = &f->uids }, again = walk;
	struct uid_set some = { 0 };
	struct mailbox_item item;
	uint64_t total = 0, first, count;
	while (fetch_next(f, &walk, &item))
		total++;
	imap_partial_resolve(&f->request->partial, total, &first, &count);
	for (uint64_t i = 0; i < first + count && fetch_next(f, &again, &item); i++) {
		if (i >= first)
			uid_set_add(f->c->arena, &some, item.uid, item.uid);
	}
	f->uids = some;
}

static int fetch_all(struct fetch *f)
{
	int rc = f->request->vanished ? fetch_vanished(f) : 0;
	if (rc < 0)
		return rc;
	if (f->request->partial.given)
		fetch_narrow(f);
	else
		(void)imap_limit(f->c, &f->uids, 0, imap_message_limit(f->s));
	if (f->needs_rows)
		rc = fetch_rows(f);
	else
		fetch_from_view(f);
	return rc == 0 ? keep_seen(f) : rc;
}

void imap_fetch(struct imap_command *c)
{
	struct imap_fetch request;
	struct imap_set set;
	struct fetch f = { .c = c, .s = c->s, .request = &request };

	if (!take_arguments(c, &set, &request) || !imap_resolve(c, &set, &f.uids))
		return;
	uint32_t limit = imap_message_limit(c->s);
	if (limit && request.partial.given &&
	    request.partial.last - request.partial.first >= limit) {
		imap_limit_refuse(c, limit);
		return;
	}
	add_items(c, &request);
	fetch_plan(&f);
	int rc = fetch_all(&f);
	if (rc < 0)
		imap_failed(c, rc);
	else if (f.undecodable)
		imap_no(c, "UNKNOWN-CTE", "Some parts can't be decoded.");
	else if (f.unreadable)
		imap_no(c, "CORRUPTION", "Some messages can't be read.");
	else if (f.missing)
		imap_no(c, "EXPUNGEISSUED", "Some messages are there no more.");
}

void imap_fetch_unasked(struct imap_session *s, struct arena *arena,
                        const struct imap_fetch *wanted, const struct uid_set *uids)
{
	struct imap_command c = { .s = s, .arena = arena };
	struct imap_fetch request = *wanted;
	struct fetch f = { .c = &c, .s = s, .request = &request, .uids = *uids };
	add_items(&c, &request);
	fetch_plan(&f);
	f.sets_seen = false;
	if (!f.needs_rows) {
		fetch_from_view(&f);
		return;
	}
	int rc = fetch_rows(&f);
	if (rc < 0)
		log_warn("imap.sync.failed", kv_str("account", s->address), kv_error(rc));
}
