/* EXPIRE for accounts whose clients do not come any more. */
#include <errno.h>

#include "base/log.h"
#include "fiber/fiber.h"
#include "pop3/pop3_maildrop.h"

struct expiring {
	struct pop3_terms all;
	int64_t after;
	int64_t ids[POP3_EXPIRING_MAX];
	int count;
};

static int find_expiring(struct db *db, void *arg)
{
	struct expiring *e = arg;
	e->count = pop3_terms_expiring(db, &e->all, e->after, e->ids);
	return e->count < 0 ? e->count : 0;
}

/* How many messages went. Who is logged in does it at QUIT. */
static int expire_one(const struct pop3_context *context, int64_t account_id, uint64_t *gone)
{
	struct pop3_maildrop d;
	int rc = pop3_maildrop_visit(&d, context, account_id);
	if (rc < 0)
		return rc == -EBUSY || rc == -ENOENT ? 0 : rc;
	rc = pop3_maildrop_update(&d, context);
	if (rc == 0)
		*gone += d.count - d.left_count;
	pop3_maildrop_close(&d, context);
	return rc;
}

int pop3_expire(const struct pop3_context *context)
{
	struct expiring e = { .all = pop3_terms_of(context->config) };
	uint64_t gone = 0;
	int first = 0; /* error; others are not to suffer from it */
	int rc;
	do {
		rc = store_read(context->store, find_expiring, &e);
		for (int i = 0; rc == 0 && i < e.count; i++) {
			e.after = e.ids[i];
			int error = expire_one(context, e.after, &gone);
			first = first < 0 ? first : error;
			fiber_yield();
		}
	} while (rc == 0 && e.count == POP3_EXPIRING_MAX);
	if (gone > 0)
		log_info("pop3.expired", kv_int("messages", (int64_t)gone));
	return rc < 0 ? rc : first;
}
