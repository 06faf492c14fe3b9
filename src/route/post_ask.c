/* What VRFY, EXPN and ETRN may ask. */
#include <errno.h>

#include "base/clock.h"
#include "base/log.h"
#include "directory/directory.h"
#include "route/post_internal.h"
#include "route/suppression.h"
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
	struct route_limits limits = post_limits(e->post);
	limits.for_show = true;
	return route_resolve(db, e->arena, &limits, &e->address, 0, &e->found);
}

static bool post_has_members(enum post_verdict verdict)
{
	return verdict == POST_LOCAL || verdict == POST_FORWARDED || verdict == POST_LIST ||
	       verdict == POST_MOVED;
}

enum post_verdict post_expand(struct post *p, const struct post_client *client, struct slice local,
                              struct slice domain, struct arena *arena, struct post_members *out)
{
	struct expansion e = { .post = p,
		               .arena = arena,
		               .address = { .local = local, .domain = domain } };
	enum post_verdict verdict = post_check_recipient(p, client, local, domain, 0);
	*out = (struct post_members){ .count = 0 };
	if (!post_has_members(verdict))
		return verdict;
	int rc = store_read(p->config.store, post_expand_in_read, &e);
	if (rc < 0) {
		log_error("route.recipient.failed", kv_error(rc));
		return POST_TEMPORARY;
	}
	out->hidden = e.found.hidden;
	out->addresses = ARENA_ARRAY(arena, e.found.count, struct slice);
	for (const struct route_target *t = e.found.targets; t; t = t->next)
		out->addresses[out->count++] = t->address;
	return verdict;
}

struct own_domain {
	struct arena *arena;
	struct slice domain;
	int found; /* 0, or -ENOENT */
};

static int post_find_own(struct db *db, void *arg)
{
	struct own_domain *o = arg;
	const char *catch_all;
	o->found = directory_find_domain(db, o->arena, o->domain, &catch_all);
	return o->found == -ENOENT ? 0 : o->found;
}

struct slice post_forward_sender(struct post *p, struct arena *arena, struct slice path)
{
	struct address sender, canonical;
	struct own_domain o = { .arena = arena };
	if (!p->srs || path.len == 0 || !address_parse(arena, path, ADDRESS_ALLOW_UTF8, &sender) ||
	    !address_canonical(arena, &sender, &canonical) ||
	    slice_equal(canonical.domain, srs_domain(p->srs)))
		return path;
	o.domain = canonical.domain;
	int rc = store_read(p->config.store, post_find_own, &o);
	/* Better as it is than not at all. */
	if (rc < 0 || o.found == 0)
		return path;
	return srs_sender(p->srs, arena, path);
}

struct suppressed {
	struct arena *arena;
	const struct config_suppression *section;
	struct slice recipient;
	struct suppression found;
	bool is;
};

static int post_find_suppressed(struct db *db, void *arg)
{
	struct suppressed *s = arg;
	int rc = suppression_find(db, s->arena, slice_from_str(s->section->scope), s->recipient,
	                          clock_wall_ms(), &s->found);
	s->is = rc == 0;
	return rc == -ENOENT ? 0 : rc;
}

bool post_is_suppressed(struct post *p, const struct post_client *client, struct arena *arena,
                        const struct address *sender, const struct address *recipient,
                        const char **why_out)
{
	struct address canonical;
	struct suppressed s = { .arena = arena };
	const struct config *c = p->config.config;
	if (c->suppression_count == 0 || !client->may_relay)
		return false;
	s.section = config_suppression_find(c, arena, slice_from_str(client->account),
	                                    address_text(arena, sender));
	if (!s.section || !address_canonical(arena, recipient, &canonical))
		return false;
	s.recipient = address_text(arena, &canonical);
	int rc = store_read(p->config.store, post_find_suppressed, &s);
	if (rc < 0)
		log_error("route.recipient.failed", kv_error(rc));
	if (rc < 0 || !s.is)
		return false;
	*why_out = suppression_text(arena, &s.found);
	return true;
}

struct first_domain {
	struct post *post;
	struct arena *arena;
	struct slice *out;
};

static int post_first_in_read(struct db *db, void *arg)
{
	struct first_domain *f = arg;
	const struct route_limits limits = post_limits(f->post);
	return route_first_domain(db, f->arena, &limits, f->out);
}

int post_first_domain(struct post *p, struct arena *arena, struct slice *out)
{
	struct first_domain f = { p, arena, out };
	return store_read(p->config.store, post_first_in_read, &f);
}

struct same_name {
	struct arena *arena;
	struct slice local;
	struct post_members *out;
};

static int post_find_in_read(struct db *db, void *arg)
{
	struct same_name *n = arg;
	return directory_find_local_part(db, n->arena, n->local, POST_SAME_NAME_MAX,
	                                 n->out->addresses, &n->out->count);
}

int post_find_local_part(struct post *p, struct slice local, struct arena *arena,
                         struct post_members *out)
{
	struct address canonical;
	const struct address given = { .local = local, .domain = SLICE("localhost") };
	*out = (struct post_members){ .addresses = ARENA_ARRAY(arena, POST_SAME_NAME_MAX,
		                                               struct slice) };
	if (!address_canonical(arena, &given, &canonical))
		return 0;
	/* As it stands before the @ of an address: quoted if it must be. */
	struct slice text = address_text(arena, &canonical);
	struct same_name n = { .arena = arena,
		               .local = slice_sub(text, 0, (size_t)slice_find_last_byte(text, '@')),
		               .out = out };
	return store_read(p->config.store, post_find_in_read, &n);
}

int post_run_queue(struct post *p, struct post_run *run)
{
	if (!p->config.run_queue)
		return -EOPNOTSUPP;
	return p->config.run_queue(p->config.queued_arg, run);
}
