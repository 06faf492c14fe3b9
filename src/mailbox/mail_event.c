#include "mailbox/mail_event.h"

#include <errno.h>

#include "mailbox/annotation.h"
#include "mailbox/mailbox_state.h"
#include "sieve/sieve_rows.h"

enum { SET_BYTES_MAX = 1 << 20, FLAGS_BYTES_MAX = 8192 };

/* Kinds of changes that one command may come to: the rest count as one. */
enum { KINDS_MAX = 32 };

/* --- which script ------------------------------------------------------------------------- */

struct named {
	struct arena *arena;
	struct slice name;
	bool found;
};

static int visit_name(struct slice name, struct slice value, void *arg)
{
	struct named *n = arg;
	(void)name;
	n->name = arena_copy(n->arena, value);
	n->found = true;
	return 0;
}

static int find_name(struct db *db, int64_t mailbox_id, struct named *n)
{
	return annotation_each(db, mailbox_id, 0, SLICE(MAIL_EVENT_SCRIPT), ANNOTATION_SELF,
	                       visit_name, n);
}

int mail_event_script(struct db *db, struct arena *arena, int64_t mailbox_id,
                      struct slice *name_out, int64_t *account_out)
{
	struct named named = { .arena = arena };
	int64_t account;
	int rc = find_name(db, mailbox_id, &named);
	if (rc == 0 && !named.found)
		rc = find_name(db, ANNOTATION_SERVER, &named);
	if (rc < 0)
		return rc;
	/* An empty name is that of a mailbox for which the server's is not to run. */
	if (named.name.len == 0)
		return -ENOENT;
	rc = db_get_int(db, &account, "SELECT account_id FROM mailbox WHERE id = $1", "i",
	                mailbox_id);
	if (rc < 0)
		return rc == -ENODATA ? -ENOENT : rc;
	if (account == 0 || !sieve_name_is_valid(named.name))
		return -ENOENT;
	rc = sieve_has_script(db, account, named.name);
	if (rc <= 0)
		return rc < 0 ? rc : -ENOENT;
	*name_out = named.name;
	*account_out = account;
	return 0;
}

/* --- rows --------------------------------------------------------------------------------- */

static int count_waiting(struct db *db, int64_t account_id, uint64_t *count_out)
{
	int64_t count = 0;
	int rc = db_get_int(db, &count,
	                    "SELECT coalesce(sum(count), 0) FROM mail_event WHERE account_id = $1",
	                    "i", account_id);
	*count_out = (uint64_t)count;
	return rc;
}

static int insert(struct db *db, const struct mail_event *e, uint64_t count)
{
	struct buf text = buf_make(SET_BYTES_MAX);
	int rc = uid_set_write(&e->uids, &text);
	if (rc == 0)
		rc = db_run(
			db,
			"INSERT INTO mail_event (account_id, actor_id, mailbox_id, cause, flags,"
			" uids, count) VALUES ($1, $2, $3, $4, $5, $6, $7)",
			"iiiitti", e->account_id, e->actor_id, e->mailbox_id, (int64_t)e->cause,
			e->flags, buf_slice(&text), (int64_t)count);
	buf_free(&text);
	return rc;
}

static int put(struct db *db, const struct mail_event *e, uint64_t max_waiting,
               struct mail_event_noted *out)
{
	uint64_t waiting, count = uid_set_size(&e->uids);
	if (count == 0)
		return 0;
	int rc = count_waiting(db, e->account_id, &waiting);
	if (rc < 0)
		return rc;
	if (waiting + count > max_waiting) {
		out->lost += count;
		return 0;
	}
	out->noted = true;
	return insert(db, e, count);
}

int mail_event_note(struct db *db, struct arena *arena, const struct mail_event *event,
                    uint64_t max_waiting, struct mail_event_noted *out)
{
	struct mail_event e = *event;
	struct slice name;
	if (max_waiting == 0 || e.uids.count == 0)
		return 0;
	if (!e.flags.data)
		e.flags = SLICE_EMPTY;
	int rc = mail_event_script(db, arena, e.mailbox_id, &name, &e.account_id);
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	return put(db, &e, max_waiting, out);
}

int mail_event_next(struct db *db, struct arena *arena, int64_t after_account,
                    struct mail_event *out)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT id, account_id, actor_id, mailbox_id, cause, flags, uids"
	                  " FROM mail_event WHERE account_id > $1 ORDER BY account_id, id LIMIT 1",
	                  "i", after_account);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0) {
		*out = (struct mail_event){ .id = db_int(&rows, 0),
			                    .account_id = db_int(&rows, 1),
			                    .actor_id = db_int(&rows, 2),
			                    .mailbox_id = db_int(&rows, 3),
			                    .cause = (enum mail_event_cause)db_int(&rows, 4),
			                    .flags = arena_copy(arena, db_text(&rows, 5)) };
		rc = uid_set_read(arena, &out->uids, db_text(&rows, 6));
	}
	db_end(&rows);
	return rc;
}

int mail_event_rest(struct db *db, int64_t id, const struct uid_set *uids)
{
	struct buf text = buf_make(SET_BYTES_MAX);
	if (uids->count == 0)
		return db_run(db, "DELETE FROM mail_event WHERE id = $1", "i", id);
	int rc = uid_set_write(uids, &text);
	if (rc == 0)
		rc = db_run(db, "UPDATE mail_event SET uids = $1, count = $2 WHERE id = $3", "tii",
		            buf_slice(&text), (int64_t)uid_set_size(uids), id);
	buf_free(&text);
	return rc;
}

int mail_event_remove_account(struct db *db, int64_t account_id)
{
	return db_run(db, "DELETE FROM mail_event WHERE account_id = $1 OR actor_id = $1", "i",
	              account_id);
}

/* --- flags -------------------------------------------------------------------------------- */

static int visit_before(uint32_t uid, uint64_t flags, void *arg)
{
	struct mail_event_flags *f = arg;
	if (f->count == f->most)
		return 1;
	f->messages[f->count].uid = uid;
	f->messages[f->count++].flags = flags;
	return 0;
}

int mail_event_flags_before(struct db *db, struct mail_event_flags *f, const struct uid_set *uids)
{
	struct slice name;
	f->wanted = false;
	f->count = f->at = 0;
	if (f->max_waiting == 0 || uids->count == 0)
		return 0;
	int rc = mail_event_script(db, f->arena, f->mailbox_id, &name, &f->account_id);
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	/* Of "1:*" there may be few. */
	int64_t there;
	rc = db_get_int(db, &there, "SELECT message_count FROM mailbox WHERE id = $1", "i",
	                f->mailbox_id);
	if (rc < 0)
		return rc;
	uint64_t most = uid_set_size(uids);
	most = most < (uint64_t)there ? most : (uint64_t)there;
	f->wanted = most > 0;
	f->messages = arena_alloc(f->arena, (most + 1) * sizeof(*f->messages));
	f->most = most;
	rc = f->wanted ? mailbox_each_flags(db, f->mailbox_id, uids, visit_before, f) : 0;
	return rc < 0 ? rc : 0;
}

static int visit_after(uint32_t uid, uint64_t flags, void *arg)
{
	struct mail_event_flags *f = arg;
	while (f->at < f->count && f->messages[f->at].uid < uid)
		f->messages[f->at++].flags = 0;
	if (f->at < f->count && f->messages[f->at].uid == uid)
		f->messages[f->at++].flags ^= flags;
	return f->at == f->count;
}

static struct slice flag_names(struct arena *arena, uint64_t flags, const struct slice *keywords)
{
	static const char *const system[] = { "\\Seen", "\\Answered", "\\Flagged", "\\Deleted",
		                              "\\Draft" };
	struct buf text = buf_make(FLAGS_BYTES_MAX);
	for (size_t i = 0; i < sizeof(system) / sizeof(*system); i++) {
		if (flags & (UINT64_C(1) << i))
			buf_printf(&text, "%s%s", text.len > 0 ? " " : "", system[i]);
	}
	for (unsigned i = 0; i < MAILBOX_KEYWORD_MAX; i++) {
		if (flags & FLAG_KEYWORD(i))
			buf_printf(&text, "%s%.*s", text.len > 0 ? " " : "",
			           SLICE_ARG(keywords[i]));
	}
	struct slice names = arena_copy(arena, buf_slice(&text));
	buf_free(&text);
	return names;
}

/* Takes those whose change is that of the first one, or all that are left; which flags these are.
 */
static uint64_t take_kind(struct mail_event_flags *f, size_t first, bool all, struct uid_set *out)
{
	uint64_t kind = f->messages[first].flags, changed = 0;
	for (size_t i = first; i < f->count; i++) {
		uint64_t flags = f->messages[i].flags;
		if (flags == 0 || (flags != kind && !all))
			continue;
		uid_set_add(f->arena, out, f->messages[i].uid, f->messages[i].uid);
		changed |= flags;
		f->messages[i].flags = 0;
	}
	return changed;
}

/* An event for each kind of change. */
int mail_event_flags_after(struct db *db, struct mail_event_flags *f, struct mail_event_noted *out)
{
	struct slice keywords[MAILBOX_KEYWORD_MAX];
	struct uid_set all = { 0 };
	if (!f->wanted || f->count == 0)
		return 0;
	for (size_t i = 0; i < f->count; i++)
		uid_set_add(f->arena, &all, f->messages[i].uid, f->messages[i].uid);
	int rc = mailbox_read_keywords(db, f->arena, f->mailbox_id, keywords);
	if (rc == 0)
		rc = mailbox_each_flags(db, f->mailbox_id, &all, visit_after, f);
	if (rc < 0)
		return rc;
	unsigned kinds = 0;
	for (size_t first = 0; first < f->count && rc >= 0; first++) {
		if (f->messages[first].flags == 0)
			continue;
		struct mail_event e = { .account_id = f->account_id,
			                .actor_id = f->actor_id,
			                .mailbox_id = f->mailbox_id,
			                .cause = MAIL_EVENT_FLAG };
		uint64_t changed = take_kind(f, first, ++kinds == KINDS_MAX, &e.uids);
		e.flags = flag_names(f->arena, changed, keywords);
		rc = put(db, &e, f->max_waiting, out);
	}
	return rc < 0 ? rc : 0;
}
