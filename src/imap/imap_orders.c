#include "imap/imap_orders.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/list.h"

enum { FEW_OF_MANY = 8 }; /* so many times more than are asked for */

struct order {
	struct list link; /* the latest asked for first */
	int64_t mailbox_id;
	uint32_t uid_validity;
	char request[IMAP_ORDERS_REQUEST_MAX];
	size_t request_len;
	struct uid_set uids; /* its ranges lie behind the numbers */
	size_t count;
	uint32_t numbers[];
};

struct imap_orders {
	pthread_mutex_t lock;
	struct list orders;
	uint64_t bytes, bytes_max;
};

struct imap_orders *imap_orders_new(uint64_t bytes_max)
{
	struct imap_orders *o = mem_zero(1, sizeof(*o));
	pthread_mutex_init(&o->lock, NULL);
	list_init(&o->orders);
	o->bytes_max = bytes_max;
	return o;
}

static uint64_t order_bytes(size_t numbers, size_t ranges)
{
	return sizeof(struct order) + numbers * sizeof(uint32_t) +
	       ranges * sizeof(struct uid_range);
}

static void put_in(struct imap_orders *o, struct order *order)
{
	o->bytes += order_bytes(order->count, order->uids.count);
	list_insert_before(o->orders.next, &order->link);
}

static void take_out(struct imap_orders *o, struct order *order)
{
	o->bytes -= order_bytes(order->count, order->uids.count);
	list_remove(&order->link);
}

static void drop(struct imap_orders *o, struct order *order)
{
	take_out(o, order);
	free(order);
}

void imap_orders_free(struct imap_orders *o)
{
	if (!o)
		return;
	LIST_EACH (&o->orders, link, next)
		drop(o, LIST_ENTRY(link, struct order, link));
	pthread_mutex_destroy(&o->lock);
	free(o);
}

static void make_room(struct imap_orders *o, uint64_t bytes)
{
	struct list *link = o->orders.prev, *before;
	for (; link != &o->orders && o->bytes + bytes > o->bytes_max; link = before) {
		before = link->prev;
		drop(o, LIST_ENTRY(link, struct order, link));
	}
}

static struct order *find(struct imap_orders *o, const struct imap_order_key *key)
{
	LIST_EACH (&o->orders, link, next) {
		struct order *order = LIST_ENTRY(link, struct order, link);
		if (order->mailbox_id == key->mailbox_id &&
		    order->uid_validity == key->uid_validity &&
		    slice_equal(slice_of(order->request, order->request_len), key->request))
			return order;
	}
	return NULL;
}

static bool are_the_same(const struct uid_set *a, const struct uid_set *b)
{
	return a->count == b->count &&
	       memcmp(a->ranges, b->ranges, a->count * sizeof(*a->ranges)) == 0;
}

/* A run of UIDs is in the other set if it is in one of its ranges: these are merged. */
static bool has_all(const struct uid_set *set, const struct uid_set *uids)
{
	for (size_t i = 0; i < uids->count; i++) {
		size_t at = uid_set_find(set, uids->ranges[i].first);
		if (at == set->count || set->ranges[at].first > uids->ranges[i].first ||
		    set->ranges[at].last < uids->ranges[i].last)
			return false;
	}
	return true;
}

static bool holds_for(const struct order *order, const struct imap_order_key *key,
                      const struct uid_set *uids)
{
	return key->exact ? are_the_same(&order->uids, uids) : has_all(&order->uids, uids);
}

/* Is it of use for these? With those that it lacks. */
static bool serves(const struct order *order, const struct imap_order_key *key,
                   const struct uid_set *uids, struct arena *arena, struct uid_set *lacking_out)
{
	if (order->count / FEW_OF_MANY > uid_set_size(uids))
		return false;
	*lacking_out = (struct uid_set){ 0 };
	if (holds_for(order, key, uids))
		return true;
	*lacking_out = uid_set_without(arena, uids, &order->uids);
	return !key->exact && uid_set_size(lacking_out) <= order->count / IMAP_ORDERS_PLACE_ROWS;
}

bool imap_orders_find(struct imap_orders *o, const struct imap_order_key *key,
                      const struct uid_set *uids, struct arena *arena, struct imap_order *out)
{
	if (!o || key->request.len == 0)
		return false;
	pthread_mutex_lock(&o->lock);
	struct order *order = find(o, key);
	bool found = order && serves(order, key, uids, arena, &out->lacking);
	if (found) {
		take_out(o, order);
		put_in(o, order);
		out->count = order->count;
		out->numbers = ARENA_ARRAY(arena, order->count + uid_set_size(&out->lacking),
		                           uint32_t);
		memcpy(out->numbers, order->numbers, order->count * sizeof(uint32_t));
	}
	pthread_mutex_unlock(&o->lock);
	return found;
}

static struct order *order_new(const struct imap_order_key *key, const struct uid_set *uids,
                               const uint32_t *numbers, size_t count)
{
	struct order *order = mem_alloc(order_bytes(count, uids->count));
	*order = (struct order){ .mailbox_id = key->mailbox_id,
		                 .uid_validity = key->uid_validity,
		                 .request_len = key->request.len,
		                 .count = count };
	list_init(&order->link);
	memcpy(order->request, key->request.data, key->request.len);
	memcpy(order->numbers, numbers, count * sizeof(*numbers));
	order->uids.ranges = (struct uid_range *)(void *)&order->numbers[count];
	order->uids.count = uids->count;
	memcpy(order->uids.ranges, uids->ranges, uids->count * sizeof(*uids->ranges));
	return order;
}

void imap_orders_keep(struct imap_orders *o, const struct imap_order_key *key,
                      const struct uid_set *uids, const uint32_t *numbers, size_t count)
{
	uint64_t bytes = order_bytes(count, uids->count);
	if (!o || count < IMAP_ORDERS_LEAST || bytes > o->bytes_max / 4 || key->request.len == 0 ||
	    key->request.len > IMAP_ORDERS_REQUEST_MAX)
		return;
	pthread_mutex_lock(&o->lock);
	struct order *old = find(o, key);
	/* One that a part of the mailbox was asked of is not to push out that of the whole. */
	bool holds = old && holds_for(old, key, uids);
	if (old && !holds)
		take_out(o, old);
	if (!holds) {
		make_room(o, bytes);
		put_in(o, order_new(key, uids, numbers, count));
	}
	pthread_mutex_unlock(&o->lock);
	if (!holds)
		free(old);
}
