#include "route/post_batv.h"

#include <errno.h>

#include "base/log.h"
#include "route/post_internal.h"
#include "store/store.h"

struct slice post_tag_sender(struct post *p, struct arena *arena, struct slice path)
{
	return p->batv ? batv_sender(p->batv, arena, path) : path;
}

bool post_wants_plain_sender(const struct post *p, struct slice recipient)
{
	return !p->batv || batv_is_plain_for(p->batv, recipient);
}

struct report_question {
	struct post *post;
	struct arena *arena;
	const struct address *recipient;
	bool is_ours;
};

static int ask(struct db *db, void *arg)
{
	struct report_question *q = arg;
	struct slice local;
	q->is_ours = batv_find(q->post->batv, db, q->arena, q->recipient, &local) == BATV_GOOD;
	return 0;
}

bool post_is_report_for_us(struct post *p, const struct address *recipient)
{
	struct address canonical;
	struct report_question q = { .post = p, .recipient = &canonical, .arena = arena_new() };
	bool covered = p->batv && address_canonical(q.arena, recipient, &canonical) &&
	               !slice_equal(canonical.local, SLICE("postmaster")) &&
	               !srs_is_form(canonical.local) && batv_covers(p->batv, q.arena, &canonical);
	/* Who can't ask does not refuse. */
	if (covered && store_read(p->config.store, ask, &q) < 0)
		q.is_ours = true;
	arena_free(q.arena);
	return !covered || q.is_ours;
}
