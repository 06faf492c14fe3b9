/* What VRFY, EXPN and ETRN may ask. */
#include <errno.h>

#include "base/log.h"
#include "route/post_internal.h"
#include "store/store.h"

struct expansion {
	struct post *post;
	struct arena *arena;
	struct address address;
	struct route_resolution found;
};

static int post_expand_in_read(struct db *db, void *arg)
{
	struct expansion *e = arg;
	return route_resolve(db, e->arena, &e->post->limits, &e->address, 0, &e->found);
}

enum post_verdict post_expand(struct post *p, const struct post_client *client, struct slice local,
                              struct slice domain, struct arena *arena, struct post_members *out)
{
	struct expansion e = { .post = p,
		               .arena = arena,
		               .address = { .local = local, .domain = domain } };
	enum post_verdict verdict = post_check_recipient(p, client, local, domain, 0);
	*out = (struct post_members){ .count = 0 };
	if (verdict != POST_LOCAL && verdict != POST_FORWARDED && verdict != POST_LIST)
		return verdict;
	int rc = store_read(p->config.store, post_expand_in_read, &e);
	if (rc < 0) {
		log_error("route.recipient.failed", kv_error(rc));
		return POST_TEMPORARY;
	}
	out->addresses = ARENA_ARRAY(arena, e.found.count, struct slice);
	for (const struct route_target *t = e.found.targets; t; t = t->next)
		out->addresses[out->count++] = t->address;
	return verdict;
}

int post_run_queue(struct post *p, struct slice domain, int64_t *count_out)
{
	if (!p->config.run_queue)
		return -EOPNOTSUPP;
	return p->config.run_queue(p->config.queued_arg, domain, count_out);
}
