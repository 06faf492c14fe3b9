/* Who gets a message: its recipients, and what they lead to. */
#include <errno.h>

#include "base/hash.h"
#include "fiber/fiber.h"
#include "route/post_delivery.h"
#include "route/post_folder.h"
#include "sieve/sieve_rows.h"

/* Addresses that recipients lead to that are looked at in one go. */
#define TURN_TARGETS 256

static bool delivery_is_seen(struct delivery *d, const struct route_target *target)
{
	if (d->drop_count == 0)
		return false;
	if (!d->seen) {
		d->seen = hash_new();
		hash_put(d->seen, d->drops[0].target->address, d);
	}
	return hash_put(d->seen, target->address, d) != NULL;
}

/* Looked up here and not by the commit, which then fails if the account is gone by that time. */
static int delivery_find_inbox(struct db *db, struct delivery *d, struct drop *drop)
{
	int64_t account = drop->target->account_id;
	drop->script_name = SLICE_EMPTY;
	/* What is posted to a folder is not the owner's own mail: no script of his sorts it. */
	if (drop->target->detail.len > 0 && !d->envelope->junk && !d->envelope->hold) {
		int rc = post_find_posting(db, d->arena, account, drop->target->detail, d->client,
		                           &drop->folder, &drop->inbox_id);
		if (rc < 0 || drop->inbox_id != 0)
			return rc;
	}
	int rc = post_find_folder(db, d->arena, account, d->envelope->junk || d->envelope->hold,
	                          &drop->folder, &drop->inbox_id);
	if (rc == 0 && d->post->sieve)
		rc = sieve_active_name(db, d->arena, account, &drop->script_name);
	return rc == -ENOENT ? 0 : rc;
}

static bool delivery_is_wanted(const struct delivery *d, const struct route_target *target)
{
	struct slice only = d->envelope->only;
	if (only.len > 0 && !slice_equal(only, target->address))
		return false;
	return d->scope == POST_ALL || (d->scope == POST_MAILBOXES) == (target->account_id != 0);
}

static int delivery_add(struct db *db, struct delivery *d, const struct drop *wanted)
{
	if (!delivery_is_wanted(d, wanted->target) || delivery_is_seen(d, wanted->target))
		return 0;
	if (d->drop_count == d->drop_capacity) {
		size_t capacity = d->drop_capacity > 0 ? d->drop_capacity * 2 : 4;
		struct drop *grown = ARENA_ARRAY(d->arena, capacity, struct drop);
		if (d->drop_count > 0)
			memcpy(grown, d->drops, d->drop_count * sizeof(*grown));
		d->drops = grown;
		d->drop_capacity = capacity;
	}
	struct drop *drop = &d->drops[d->drop_count++];
	*drop = *wanted;
	return drop->target->account_id != 0 ? delivery_find_inbox(db, d, drop) : 0;
}

/* An alias that sends out what it has sent out already is a loop through another host. */
static bool delivery_was_here(const struct delivery *d, const struct route_target *target)
{
	for (size_t i = 0; target->alias.len > 0 && i < d->summary.delivered_to_count; i++) {
		if (slice_equal_nocase(d->summary.delivered_to[i], target->alias))
			return true;
	}
	return false;
}

static int delivery_resolve_one(struct db *db, struct delivery *d, struct post_recipient *r)
{
	struct address address = { .local = r->local, .domain = r->domain };
	const struct route_limits limits = post_limits(d->post);
	struct route_resolution found;
	int rc = route_resolve(db, d->arena, &limits, &address, 0, &found);
	if (rc < 0)
		return rc;
	d->turn_targets += 1 + found.count;
	if (found.loop || found.moved || found.count == 0 ||
	    (!found.local && !found.fetched && !d->client->may_relay)) {
		d->lost = true;
		return 0;
	}
	struct slice asked = address_text(d->arena, &address);
	for (struct route_target *t = found.targets; t && rc == 0; t = t->next) {
		const struct drop wanted = {
			.target = t, .recipient = r, .asked = asked, .is_only = found.count == 1
		};
		d->loop |= delivery_was_here(d, t);
		rc = delivery_add(db, d, &wanted);
	}
	return rc;
}

/* Until it is due it stays with who it is for, as they were named. */
int delivery_hold(struct delivery *d)
{
	int rc = 0;
	for (size_t i = 0; i < d->envelope->recipient_count && rc == 0; i++) {
		struct post_recipient *r = &d->envelope->recipients[i];
		const struct address asked = { .local = r->local, .domain = r->domain };
		struct route_target *target = ARENA_NEW(d->arena, struct route_target);
		target->address = address_text(d->arena, &asked);
		if (r->domain.len == 0 || !domain_canonical(d->arena, r->domain, &target->domain))
			target->domain = r->domain;
		const struct drop wanted = { .target = target,
			                     .recipient = r,
			                     .asked = target->address };
		rc = delivery_add(NULL, d, &wanted);
	}
	return rc;
}

static bool delivery_is_resolved(const struct delivery *d)
{
	return d->lost || d->resolved == d->envelope->recipient_count;
}

static int delivery_resolve_turn(struct db *db, void *arg)
{
	struct delivery *d = arg;
	int rc = 0;
	d->turn_targets = 0;
	while (rc == 0 && !delivery_is_resolved(d) && d->turn_targets < TURN_TARGETS)
		rc = delivery_resolve_one(db, d, &d->envelope->recipients[d->resolved++]);
	return rc;
}

/* Each of a thousand recipients may be a list of a thousand: others get a turn meanwhile. */
int delivery_resolve(struct delivery *d)
{
	int rc = store_read(d->post->config.store, delivery_resolve_turn, d);
	while (rc == 0 && !delivery_is_resolved(d)) {
		if (fiber_self())
			fiber_yield();
		rc = store_read(d->post->config.store, delivery_resolve_turn, d);
	}
	return rc;
}
