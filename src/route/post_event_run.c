/* One message of an event: reading, the script, the commit. */
#include <errno.h>

#include "base/log.h"
#include "fiber/fiber.h"
#include "mailbox/mailbox_seen.h"
#include "mailbox/mailbox_state.h"
#include "mailbox/mailbox_view.h"
#include "message/header.h"
#include "route/post_event.h"
#include "route/post_kept.h"
#include "route/post_sieve.h"

/* In place of an inbox: what has no folder is not filed. */
#define NOWHERE INT64_C(-1)

enum { EVENT_TEXT_MAX = 4096 };

struct event_run {
	struct post *post;
	struct arena *arena;
	int64_t after; /* the account whose turn was before */
	struct mail_event event;
	struct uid_set rest; /* of the event, without this message and those that have gone */
	struct uid_set uids; /* this message; empty: there is none */
	struct mailbox_info mailbox;
	int64_t blob_id;
	uint64_t flags;
	struct slice keywords[MAILBOX_KEYWORD_MAX];
	struct slice script_name, script, owner, actor;
	struct blob_view blob;
	struct slice journey; /* its id; empty: it has none */
	int rc;               /* of opening it */

	struct post_client client;
	struct post_envelope envelope;
	struct route_target target;
	struct post_recipient recipient;
	struct drop drop;
	struct delivery delivery;
	struct sorting sorting;
	bool failed;  /* nothing is done but telling so */
	bool kept;    /* the message stays */
	bool flagged; /* and the script says with which flags: */
	struct sieve_text_list kept_flags;
};

/* --- reading ------------------------------------------------------------------------------ */

static int visit_first(const struct mailbox_message *message, void *arg)
{
	struct event_run *r = arg;
	r->blob_id = message->blob_id;
	uid_set_add(r->arena, &r->uids, message->uid, message->uid);
	return 1;
}

static int visit_flags(uint32_t uid, uint64_t flags, void *arg)
{
	struct event_run *r = arg;
	(void)uid;
	r->flags = flags;
	return 1;
}

static int read_address(struct db *db, struct arena *arena, int64_t account_id, struct slice *out)
{
	struct db_rows rows;
	int rc = db_query(db, &rows, "SELECT address FROM account WHERE id = $1", "i", account_id);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0)
		*out = arena_copy(arena, db_text(&rows, 0));
	db_end(&rows);
	return rc == -ENODATA ? -ENOENT : rc;
}

static int read_message(struct db *db, struct event_run *r)
{
	const struct uid_set all = r->event.uids;
	int rc = mailbox_each_message(db, r->event.mailbox_id, &all, 0, visit_first, r);
	if (rc < 0 || r->uids.count == 0)
		return rc < 0 ? rc : -ENOENT;
	struct uid_set before = { 0 };
	uid_set_add(r->arena, &before, 1, r->uids.ranges[0].first);
	r->rest = uid_set_without(r->arena, &all, &before);
	rc = mailbox_each_flags(db, r->event.mailbox_id, &r->uids, visit_flags, r);
	return rc < 0 ? rc : mailbox_read_keywords(db, r->arena, r->event.mailbox_id, r->keywords);
}

/* r->uids stays empty if there is nothing to do, as something has gone. */
static int read_step(struct db *db, void *arg)
{
	struct event_run *r = arg;
	int64_t account, owner;
	r->uids = r->rest = (struct uid_set){ 0 };
	int rc = mail_event_next(db, r->arena, r->after, &r->event);
	if (rc < 0)
		return rc;
	owner = r->event.account_id;
	rc = mailbox_get(db, r->arena, r->event.mailbox_id, &r->mailbox);
	if (rc == 0)
		rc = mail_event_script(db, r->arena, r->event.mailbox_id, &r->script_name,
		                       &account);
	if (rc == 0 && account != owner)
		rc = -ENOENT;
	if (rc == 0)
		rc = sieve_get_script(db, r->arena, owner, r->script_name, &r->script);
	if (rc == 0)
		rc = read_address(db, r->arena, owner, &r->owner);
	if (rc == 0)
		rc = read_address(db, r->arena, r->event.actor_id, &r->actor);
	if (rc == 0)
		rc = read_message(db, r);
	return rc == -ENOENT ? 0 : rc;
}

/* On the thread pool. */
static void open_message(void *arg)
{
	struct event_run *r = arg;
	struct delivery *d = &r->delivery;
	r->rc = blob_open(r->post->config.store, r->blob_id, &r->blob);
	if (r->rc < 0)
		return;
	d->message = r->blob.bytes;
	/* What the server wrote before what came is no part of the message. */
	if (slice_starts_with(d->message, SLICE("Return-Path: "))) {
		ptrdiff_t end = slice_find_byte(d->message, '\n');
		d->parts[0] = slice_sub(d->message, 0, end < 0 ? 0 : (size_t)end + 1);
		d->message = slice_from(d->message, d->parts[0].len);
	}
	r->journey = post_kept_id(r->arena, r->post->config.config->hostname, d->message);
	message_summarise(d->message, &r->post->config.config->message, r->arena, &d->summary);
}

/* --- running ------------------------------------------------------------------------------ */

/* The flags that the message has, by name. */
static struct sieve_text_list flag_list(const struct event_run *r)
{
	static const char *const system[] = { "\\Seen", "\\Answered", "\\Flagged", "\\Deleted",
		                              "\\Draft" };
	enum { SYSTEM = sizeof(system) / sizeof(*system) };
	struct sieve_text_list list = { .items = ARENA_ARRAY(r->arena, SYSTEM + MAILBOX_KEYWORD_MAX,
		                                             struct slice) };
	for (size_t i = 0; i < SYSTEM; i++) {
		if (r->flags & (UINT64_C(1) << i))
			list.items[list.count++] = slice_from_str(system[i]);
	}
	for (unsigned i = 0; i < MAILBOX_KEYWORD_MAX; i++) {
		if ((r->flags & FLAG_KEYWORD(i)) && r->keywords[i].len > 0)
			list.items[list.count++] = r->keywords[i];
	}
	return list;
}

/* The message as if it came for the owner, from the owner. */
static void prepare(struct event_run *r)
{
	struct delivery *d = &r->delivery;
	r->client = (struct post_client){ .helo = "" };
	r->envelope = (struct post_envelope){
		.reverse_path = r->owner,
		.smtputf8 = !slice_is_ascii(slice_sub(d->message, 0, header_length(d->message))),
		.body_8bit = !slice_is_ascii(d->message),
	};
	r->target = (struct route_target){ .account_id = r->event.account_id, .address = r->owner };
	r->drop = (struct drop){ .target = &r->target,
		                 .recipient = &r->recipient,
		                 .asked = r->owner,
		                 .folder = r->mailbox.name,
		                 .script_name = r->script_name,
		                 .sorted = ARENA_NEW(r->arena, struct post_sorted) };
	d->post = r->post;
	d->arena = r->arena;
	d->client = &r->client;
	d->envelope = &r->envelope;
	d->now_ms = clock_wall_ms();
	d->drops = &r->drop;
	d->drop_count = 1;
	r->sorting =
		(struct sorting){ .d = d, .drop = &r->drop, .arena = r->arena, .of_event = true };
}

static struct sieve_job job_of(struct event_run *r, const struct sieve_script *script)
{
	static const char *const causes[] = { [MAIL_EVENT_APPEND] = "APPEND",
		                              [MAIL_EVENT_COPY] = "COPY",
		                              [MAIL_EVENT_FLAG] = "FLAG" };
	struct sieve_job job = sorting_job(&r->sorting);
	job.scripts = script;
	job.script_count = 1;
	job.is_event = true;
	job.environment.location = SLICE("MS");
	job.environment.phase = SLICE("post");
	job.environment.remote_host = job.environment.remote_ip = (struct slice){ .data = NULL };
	job.environment.imap_user = job.environment.imap_email = r->actor;
	job.environment.imap_cause = slice_from_str(causes[r->event.cause]);
	job.environment.imap_mailbox = r->mailbox.name;
	if (r->event.cause == MAIL_EVENT_FLAG)
		job.environment.imap_changed_flags = r->event.flags;
	job.flags = flag_list(r);
	return job;
}

static int fail(struct event_run *r, unsigned line, const char *text)
{
	const char *name = arena_str(r->arena, r->script_name);
	log_info("sieve.event.error", kv_slice("account", r->owner),
	         kv_slice("mailbox", r->mailbox.name), kv_str("script", name), kv_int("line", line),
	         kv_str("error", text));
	r->failed = r->kept = true;
	return sorting_complain(&r->sorting, name, line, text);
}

/* Keeps mean something else here (RFC 6785 section 3.1: what has changed is not kept), the other
 * actions what they do at delivery. */
static int apply(struct event_run *r, const struct sieve_result *result)
{
	struct sieve_result others = *result;
	others.actions = ARENA_ARRAY(r->arena, result->action_count, struct sieve_action);
	others.action_count = 0;
	for (size_t i = 0; i < result->action_count; i++) {
		const struct sieve_action *a = &result->actions[i];
		if (a->kind != SIEVE_KEEP) {
			others.actions[others.action_count++] = *a;
			continue;
		}
		r->kept = r->flagged = true;
		r->kept_flags = a->flags;
	}
	return sorting_apply(&r->sorting, &others);
}

static int run_script(struct event_run *r)
{
	struct sieve_program *program = NULL;
	struct sieve_errors errors;
	struct sieve_result result;
	if (sieve_compile(r->script, &r->post->sieve->limits, r->arena, &program, &errors) < 0)
		return fail(r, errors.items[0].line, errors.items[0].text);
	const struct sieve_script script = { arena_str(r->arena, r->script_name), program };
	const struct sieve_job job = job_of(r, &script);
	int rc = sieve_run(&job, r->arena, &result);
	if (r->sorting.rc < 0)
		return r->sorting.rc;
	if (rc < 0)
		return fail(r, result.error.line, result.error.text);
	return apply(r, &result);
}

/* --- the commit --------------------------------------------------------------------------- */

/* A copy of what is there, with the flags that the script gives it. */
static int copy_to(struct db *db, struct event_run *r, const struct post_filing *f,
                   int64_t mailbox_id)
{
	struct mailbox_copied copied;
	struct uid_set uids = { 0 };
	uint64_t flags;
	int rc = mailbox_copy(db, r->arena, r->mailbox.id, &r->uids, mailbox_id, &copied);
	if (rc < 0 || copied.count == 0)
		return rc;
	uid_set_add(r->arena, &uids, copied.first_uid, copied.first_uid);
	rc = delivery_filing_flags(db, f, mailbox_id, &flags);
	return rc < 0 ? rc : mailbox_change_flags(db, mailbox_id, &uids, FLAGS_SET, flags, NULL);
}

static int file_at(struct db *db, struct event_run *r, struct post_filing *f)
{
	struct mailbox_info place = { .id = 0 };
	int rc = delivery_filing_place(db, &r->delivery, &r->drop, f, &place);
	if (rc < 0)
		return rc;
	/* It is there already, as it is. */
	if (place.id == NOWHERE || (place.id == r->mailbox.id && !f->edition)) {
		r->kept = true;
		return 0;
	}
	if (f->edition)
		rc = mailbox_check_quota(db, r->target.account_id, f->edition->size_bytes);
	if (rc == 0)
		rc = f->edition ? delivery_commit_filing(db, &r->delivery, &r->drop, f, 0)
		                : copy_to(db, r, f, place.id);
	if (rc == -EDQUOT)
		r->kept = true;
	f->filed_id = place.id;
	f->filed_name = place.name;
	return rc == -EDQUOT ? 0 : rc;
}

static int commit_filing(struct db *db, struct event_run *r, struct post_filing *f)
{
	/* What we have written goes to the inbox rather than nowhere. */
	bool written = f->edition && f->edition->written;
	r->drop.inbox_id = written ? 0 : NOWHERE;
	if (written)
		return delivery_commit_filing(db, &r->delivery, &r->drop, f, 0);
	/* What could not be sent on stays. */
	if (f->folder.len > 0 || f->mailbox_id.len > 0 || f->special_use.len > 0)
		return file_at(db, r, f);
	r->kept = true;
	return 0;
}

static int commit_flags(struct db *db, struct event_run *r)
{
	uint64_t flags;
	const struct post_filing said = { .flags = r->kept_flags };
	if (!r->kept)
		return mailbox_change_flags(db, r->mailbox.id, &r->uids, FLAGS_ADD, FLAG_DELETED,
		                            NULL);
	if (!r->flagged)
		return 0;
	int rc = delivery_filing_flags(db, &said, r->mailbox.id, &flags);
	/* Those that the script has changed, not what others have changed since. */
	if (rc == 0 && (flags & ~r->flags))
		rc = mailbox_change_flags(db, r->mailbox.id, &r->uids, FLAGS_ADD, flags & ~r->flags,
		                          NULL);
	if (rc == 0 && (r->flags & ~flags))
		rc = mailbox_change_flags(db, r->mailbox.id, &r->uids, FLAGS_REMOVE,
		                          r->flags & ~flags, NULL);
	return rc;
}

/* "COPY into work: filed into work2, marked as deleted" */
static struct slice event_text(const struct event_run *r)
{
	static const char *const causes[] = { [MAIL_EVENT_APPEND] = "APPEND into",
		                              [MAIL_EVENT_COPY] = "COPY into",
		                              [MAIL_EVENT_FLAG] = "flags in" };
	struct buf text = buf_make(EVENT_TEXT_MAX);
	buf_printf(&text, "%s %.*s:", causes[r->event.cause], SLICE_ARG(r->mailbox.name));
	size_t begun = text.len;
	for (const struct post_filing *f = r->drop.sorted->filings; f; f = f->next) {
		if (f->filed_id != 0 && f->filed_id != r->mailbox.id)
			buf_printf(&text, " filed into %.*s,", SLICE_ARG(f->filed_name));
	}
	for (const struct post_word *w = r->drop.sorted->words; w; w = w->next)
		buf_printf(&text, " %.*s,", SLICE_ARG(w->text));
	if (r->failed)
		buf_append(&text, SLICE(" the script failed,"));
	else if (!r->kept)
		buf_append(&text, SLICE(" marked as deleted,"));
	struct slice out = arena_copy(r->arena, buf_slice(&text));
	bool any = text.len > begun;
	buf_free(&text);
	return any ? slice_sub(out, 0, out.len - 1) : SLICE_EMPTY;
}

/* What has changed nothing but flags is no news. */
static int commit_journey(struct db *db, struct event_run *r)
{
	const struct journey_event event = {
		.at_ms = r->delivery.now_ms,
		.queue_id = r->journey,
		.message_id = SLICE_EMPTY,
		.kind = JOURNEY_SORTED,
		.address = r->owner,
		.peer = SLICE_EMPTY,
		.detail = event_text(r),
	};
	return event.detail.len > 0 ? post_kept_note(db, &event) : 0;
}

static int commit_step(struct db *db, void *arg)
{
	struct event_run *r = arg;
	struct delivery *d = &r->delivery;
	bool kept = r->kept;
	int rc = mail_event_rest(db, r->event.id, &r->rest);
	if (r->uids.count == 0 || r->rc < 0)
		return rc;
	for (struct post_filing *f = r->drop.sorted->filings; f && rc == 0; f = f->next)
		rc = commit_filing(db, r, f);
	if (rc == 0)
		rc = commit_flags(db, r);
	if (rc == 0)
		rc = delivery_commit_memories(db, d, &r->drop);
	if (rc == 0)
		rc = delivery_commit_sorted(db, d, d->blobs);
	if (rc == 0)
		rc = commit_journey(db, r);
	/* The store may run this again. */
	r->kept = rc == 0 ? r->kept : kept;
	return rc;
}

static int commit(struct event_run *r)
{
	struct delivery *d = &r->delivery;
	d->blob_count = delivery_sorted_blobs(d);
	d->blobs = ARENA_ARRAY(r->arena, d->blob_count, struct store_blob);
	delivery_sorted_fill(d, d->blobs);
	int rc = store_commit(r->post->config.store, d->blobs, d->blob_count, commit_step, r);
	delivery_sorted_end(d, rc == 0);
	if (rc < 0 || r->uids.count == 0 || r->rc < 0)
		return rc;
	mailboxes_changed(r->post->config.mailboxes, r->mailbox.id);
	for (const struct post_filing *f = r->drop.sorted->filings; f; f = f->next) {
		if (f->filed_id != 0 && f->filed_id != r->mailbox.id)
			mailboxes_changed(r->post->config.mailboxes, f->filed_id);
		if (f->made_folder)
			mailboxes_names_changed(r->post->config.mailboxes, r->target.account_id);
	}
	return 0;
}

static void tell(const struct event_run *r)
{
	for (const struct post_word *w = r->drop.sorted->words; w; w = w->next)
		log_debug("sieve.event", kv_slice("account", r->owner),
		          kv_slice("mailbox", r->mailbox.name),
		          kv_int("uid", r->uids.ranges[0].first), kv_slice("did", w->text));
}

static int run_message(struct event_run *r)
{
	fiber_offload(open_message, r);
	/* What can't be read is passed over. */
	if (r->rc < 0)
		return commit(r);
	prepare(r);
	int rc = run_script(r);
	if (rc == 0)
		rc = commit(r);
	else
		delivery_sorted_end(&r->delivery, false);
	if (rc == 0)
		tell(r);
	if (rc == 0)
		(*(r->failed ? &r->post->event_errors : &r->post->events))++;
	blob_close(&r->blob);
	return rc;
}

int post_event_run(struct post *p, int64_t *account_id)
{
	struct arena *arena = arena_new();
	struct event_run *r = ARENA_NEW(arena, struct event_run);
	r->post = p;
	r->arena = arena;
	r->after = *account_id;
	int rc = store_read(p->config.store, read_step, r);
	if (rc == 0) {
		*account_id = r->event.account_id;
		rc = r->uids.count > 0 ? run_message(r) : commit(r);
	}
	arena_free(arena);
	return rc;
}
