/* Accounts that are nearly full are told so by a letter, and the log tells, too: once past a mark,
 * once below it again. */
#include "base/log.h"
#include "cli/server_quota_mail.h"
#include "fiber/fiber.h"
#include "mailbox/quota.h"
#include "store/store.h"

struct look {
	const unsigned *marks;
	size_t mark_count, count;
	int64_t after;
	struct arena *arena;
	struct quota_crossing *found;
	struct quota_mail *mails; /* of those that have come past a mark */
	struct store_blob *blobs;
	size_t mail_count;
};

static int look_step(struct db *db, void *arg)
{
	struct look *look = arg;
	return quota_find_crossings(db, look->arena, look->marks, look->mark_count, &look->after,
	                            look->found, &look->count);
}

static int note_step(struct db *db, void *arg)
{
	const struct look *look = arg;
	int rc = 0;
	for (size_t i = 0; i < look->count && rc == 0; i++)
		rc = quota_note_told(db, look->found[i].account_id, look->found[i].mark);
	for (size_t i = 0; i < look->mail_count && rc == 0; i++)
		rc = quota_mail_commit(db, &look->mails[i], look->blobs[i].id);
	return rc;
}

static void write_mails(const struct server *s, struct look *look)
{
	look->mails = ARENA_ARRAY(look->arena, look->count, struct quota_mail);
	look->blobs = ARENA_ARRAY(look->arena, look->count, struct store_blob);
	for (size_t i = 0; i < look->count && s->config->quota.warn_mail; i++) {
		const struct quota_crossing *c = &look->found[i];
		size_t n = look->mail_count;
		if (c->mark <= c->told)
			continue;
		if (quota_mail_write(s, look->arena, c, &look->mails[n], &look->blobs[n]) == 0)
			look->mail_count++;
		else
			quota_mail_free(&look->mails[n]);
	}
}

static int commit_page(struct server *s, struct look *look)
{
	write_mails(s, look);
	int rc = store_commit(s->store, look->blobs, look->mail_count, note_step, look);
	for (size_t i = 0; i < look->mail_count; i++) {
		if (rc == 0 && look->mails[i].mailbox_id != 0)
			mailboxes_changed(s->mailboxes, look->mails[i].mailbox_id);
		quota_mail_free(&look->mails[i]);
	}
	return rc;
}

static void tell(const struct quota_crossing *c)
{
	const struct log_kv kv[] = {
		kv_slice("account", c->address),
		kv_int("percent", c->percent),
		kv_int("mark", c->mark > c->told ? c->mark : c->told),
		kv_int("bytes", (int64_t)c->quota.used[QUOTA_STORAGE]),
		kv_int("messages", (int64_t)c->quota.used[QUOTA_MESSAGE]),
		kv_int("mailboxes", (int64_t)c->quota.used[QUOTA_MAILBOX]),
	};
	bool more = c->mark > c->told;
	if (more)
		log_write(LOG_WARN, "mailbox.quota.nearly", kv, sizeof(kv) / sizeof(kv[0]));
	else
		log_write(LOG_INFO, "mailbox.quota.below", kv, sizeof(kv) / sizeof(kv[0]));
}

/* Told behind the commit: a crash between loses a line, but none comes twice. */
static int look_page(struct server *s, struct look *look)
{
	look->arena = arena_new();
	look->found = ARENA_ARRAY(look->arena, QUOTA_LOOK, struct quota_crossing);
	look->count = look->mail_count = 0;
	int more = store_read(s->store, look_step, look), rc = more;
	if (rc >= 0 && look->count > 0)
		rc = commit_page(s, look);
	for (size_t i = 0; i < look->count && rc >= 0; i++)
		tell(&look->found[i]);
	arena_free(look->arena);
	return rc < 0 ? rc : more;
}

static void look_through(struct server *s, struct look *look)
{
	int rc;
	look->after = 0;
	while ((rc = look_page(s, look)) > 0)
		fiber_yield();
	if (rc < 0)
		log_warn("server.quotas", kv_error(rc));
}

void server_watch_quotas(void *arg)
{
	struct server *s = arg;
	unsigned marks[3], low = s->config->quota.warn_percent;
	unsigned high = s->config->quota.warn_again_percent;
	struct look look = { .marks = marks };
	if (low > 0)
		marks[look.mark_count++] = low;
	if (high > low)
		marks[look.mark_count++] = high;
	if (low > 0 && low < 100 && high < 100)
		marks[look.mark_count++] = 100;
	while (fiber_sleep(deadline_in(s->config->quota.check_ms)) == 0)
		look_through(s, &look);
}
