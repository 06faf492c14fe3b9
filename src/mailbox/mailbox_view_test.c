#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "mailbox/mailbox_chunk.h"

/* A mailbox as a test keeps it: the flags of each UID, or GONE. */
enum { UIDS = 1200 };
#define GONE UINT64_MAX

struct model {
	uint64_t flags[UIDS + 1], changes[UIDS + 1];
	uint64_t mod_seqs[UIDS / PACK_UIDS + 1]; /* of each chunk */
};

static void model_fill(struct model *m, uint32_t step)
{
	for (uint32_t uid = 0; uid <= UIDS; uid++)
		m->flags[uid] = uid % step == 0 && uid ? FLAG_SEEN * (uid % 2) : GONE;
	for (size_t i = 0; i <= UIDS / PACK_UIDS; i++)
		m->mod_seqs[i] = 1;
}

static void model_set(struct model *m, uint32_t uid, uint64_t flags)
{
	m->flags[uid] = flags;
	m->changes[uid]++;
	m->mod_seqs[pack_number(uid)]++;
}

static struct mailbox_chunk *reuse(const struct mailbox_view *old, uint32_t number,
                                   uint64_t mod_seq)
{
	for (size_t i = 0; old && i < old->chunk_count; i++) {
		struct mailbox_chunk *c = old->chunks[i].chunk;
		if (c->number == number && c->mod_seq == mod_seq)
			return chunk_retain(c);
	}
	return NULL;
}

static struct mailbox_view *model_view(const struct model *m, const struct mailbox_view *old)
{
	struct view_builder b = { 0 };
	struct mailbox_view fields = { .uid_next = UIDS + 1 };
	for (uint32_t number = 0; number <= UIDS / PACK_UIDS; number++) {
		struct flag_pack pack = { .number = number };
		for (uint32_t i = 0; i < PACK_UIDS; i++) {
			uint32_t uid = number * PACK_UIDS + i + 1;
			if (uid > UIDS || m->flags[uid] == GONE)
				continue;
			pack.offsets[pack.count] = (uint8_t)i;
			pack.flags[pack.count] = m->flags[uid];
			pack.mod_seqs[pack.count++] = 1 + m->changes[uid];
		}
		if (pack.count == 0)
			continue;
		struct mailbox_chunk *c = reuse(old, number, m->mod_seqs[number]);
		view_builder_add(&b, c ? c : chunk_new(&pack, m->mod_seqs[number]));
	}
	return view_builder_end(&b, &fields);
}

/* --- finding ------------------------------------------------------------------------- */

static void test_find_by_number_and_by_uid(void **state)
{
	static struct model m;
	struct mailbox_item item;
	struct mailbox_walk walk = { 0 };
	uint32_t seq = 0;
	(void)state;
	model_fill(&m, 3);
	struct mailbox_view *v = model_view(&m, NULL);
	assert_int_equal(v->count, UIDS / 3);
	while (mailbox_view_next(v, &walk, &item)) {
		struct mailbox_item by_seq, by_uid;
		seq++;
		assert_int_equal(item.seq, seq);
		assert_int_equal(item.uid, 3 * seq);
		assert_true(mailbox_view_by_seq(v, seq, &by_seq));
		assert_true(mailbox_view_by_uid(v, 3 * seq, &by_uid));
		assert_memory_equal(&item, &by_seq, sizeof(item));
		assert_memory_equal(&item, &by_uid, sizeof(item));
		assert_false(mailbox_view_by_uid(v, 3 * seq + 1, &by_uid));
	}
	assert_int_equal(seq, v->count);
	assert_false(mailbox_view_by_seq(v, 0, &item));
	assert_false(mailbox_view_by_seq(v, seq + 1, &item));
	walk = mailbox_view_walk_from(v, 514);
	assert_true(mailbox_view_next(v, &walk, &item));
	assert_int_equal(item.uid, 516);
	mailbox_view_release(v);
}

static void test_empty_view(void **state)
{
	static struct model m;
	struct mailbox_item item;
	struct mailbox_set_walk walk = { .uids = &UID_SET_ALL };
	(void)state;
	model_fill(&m, UIDS + 1);
	struct mailbox_view *v = model_view(&m, NULL);
	assert_int_equal(v->count, 0);
	assert_false(mailbox_view_by_seq(v, 1, &item));
	assert_false(mailbox_view_by_uid(v, 1, &item));
	assert_false(mailbox_view_next_of(v, &walk, &item));
	mailbox_view_release(v);
}

static void test_walk_over_a_set(void **state)
{
	static struct model m;
	struct arena *arena = arena_new();
	struct uid_set set = { 0 }, seqs = { 0 };
	struct mailbox_item item;
	uint32_t expected[] = { 255, 258, 600, 1200 }, n = 0;
	(void)state;
	model_fill(&m, 3);
	struct mailbox_view *v = model_view(&m, NULL);
	uid_set_add(arena, &set, 253, 259);
	uid_set_add(arena, &set, 598, 602);
	uid_set_add(arena, &set, 1198, UINT32_MAX);
	struct mailbox_set_walk walk = { .uids = &set };
	while (mailbox_view_next_of(v, &walk, &item))
		assert_int_equal(item.uid, expected[n++]);
	assert_int_equal(n, 4);

	uid_set_add(arena, &seqs, 2, 3);
	uid_set_add(arena, &seqs, 399, 1000);
	uid_set_add(arena, &seqs, 2000, 2001);
	struct uid_set uids = mailbox_view_uids(v, arena, &seqs);
	assert_int_equal(uids.count, 2);
	assert_int_equal(uids.ranges[0].first, 6);
	assert_int_equal(uids.ranges[0].last, 9);
	assert_int_equal(uids.ranges[1].first, 1197);
	assert_int_equal(uids.ranges[1].last, 1200);
	mailbox_view_release(v);
	arena_free(arena);
}

/* --- comparing: a client that is told the difference ---------------------------------- */

struct client {
	uint32_t count;
	uint32_t uids[UIDS + 1]; /* by sequence number, from 1; 0: not known yet */
	uint64_t flags[UIDS + 1];
	unsigned expunged, exists, changed;
};

static int client_expunged(const struct mailbox_item *item, void *arg)
{
	struct client *c = arg;
	assert_in_range(item->seq, 1, c->count);
	assert_int_equal(c->uids[item->seq], item->uid);
	assert_int_equal(c->exists + c->changed, 0);
	size_t behind = c->count - item->seq;
	memmove(&c->uids[item->seq], &c->uids[item->seq + 1], behind * sizeof(c->uids[0]));
	memmove(&c->flags[item->seq], &c->flags[item->seq + 1], behind * sizeof(c->flags[0]));
	c->count--;
	c->expunged++;
	return 0;
}

static int client_exists(uint32_t count, void *arg)
{
	struct client *c = arg;
	assert_true(count > c->count);
	assert_int_equal(c->changed, 0);
	for (uint32_t seq = c->count + 1; seq <= count; seq++)
		c->uids[seq] = 0;
	c->count = count;
	c->exists++;
	return 0;
}

static int client_flags(const struct mailbox_item *item, uint64_t old_flags, void *arg)
{
	struct client *c = arg;
	assert_int_equal(c->uids[item->seq], item->uid);
	assert_true(c->flags[item->seq] == old_flags);
	c->flags[item->seq] = item->flags;
	c->changed++;
	return 0;
}

/* What a client fetches of messages that it does not know. */
static void client_fetch(struct client *c, const struct mailbox_view *v)
{
	struct mailbox_walk walk = { 0 };
	struct mailbox_item item;
	assert_int_equal(c->count, v->count);
	while (mailbox_view_next(v, &walk, &item)) {
		if (c->uids[item.seq] == 0) {
			c->uids[item.seq] = item.uid;
			c->flags[item.seq] = item.flags;
		}
		assert_int_equal(c->uids[item.seq], item.uid);
		assert_true(c->flags[item.seq] == item.flags);
	}
}

static void client_step(struct client *c, const struct mailbox_view *old,
                        const struct mailbox_view *now)
{
	struct mailbox_diff diff = { client_expunged, client_exists, client_flags, c };
	c->expunged = c->exists = c->changed = 0;
	assert_int_equal(mailbox_view_diff(old, now, &diff), 0);
	client_fetch(c, now);
}

static struct client *client_new(const struct mailbox_view *v)
{
	struct client *c = mem_zero(1, sizeof(*c));
	c->count = v->count;
	client_fetch(c, v);
	return c;
}

static void test_diff_tells_all_in_order(void **state)
{
	static struct model m;
	(void)state;
	model_fill(&m, 2);
	struct mailbox_view *old = model_view(&m, NULL);
	struct client *c = client_new(old);
	for (uint32_t uid = 2; uid <= 700; uid += 10)
		model_set(&m, uid, GONE);
	for (uint32_t uid = 4; uid <= 1000; uid += 100)
		model_set(&m, uid, FLAG_FLAGGED);
	for (uint32_t uid = 257; uid < 513; uid++)
		model_set(&m, uid, GONE);
	struct mailbox_view *now = model_view(&m, old);
	client_step(c, old, now);
	assert_int_equal(c->exists, 0);
	assert_true(c->expunged > 170);
	assert_true(c->changed > 5);
	mailbox_view_release(old);
	mailbox_view_release(now);
	free(c);
}

static void test_diff_of_the_same_says_nothing(void **state)
{
	static struct model m;
	(void)state;
	model_fill(&m, 1);
	struct mailbox_view *old = model_view(&m, NULL), *now = model_view(&m, old);
	struct client *c = client_new(old);
	client_step(c, old, now);
	assert_int_equal(c->expunged + c->exists + c->changed, 0);
	assert_ptr_equal(old->chunks[2].chunk, now->chunks[2].chunk);
	mailbox_view_release(old);
	mailbox_view_release(now);
	free(c);
}

/* Who has changed flags without being told of it would not know that they were changed back. */
static void test_what_is_again_as_it_was_is_told(void **state)
{
	static struct model m;
	(void)state;
	model_fill(&m, 1);
	struct mailbox_view *old = model_view(&m, NULL);
	struct client *c = client_new(old);
	uint64_t flags = m.flags[300];
	model_set(&m, 300, flags | FLAG_FLAGGED);
	model_set(&m, 300, flags);
	struct mailbox_view *now = model_view(&m, old);
	client_step(c, old, now);
	assert_int_equal(c->changed, 1);
	mailbox_view_release(old);
	mailbox_view_release(now);
	free(c);
}

static void test_arrival_and_expunge_at_once(void **state)
{
	static struct model m;
	(void)state;
	model_fill(&m, 1);
	for (uint32_t uid = 501; uid <= UIDS; uid++)
		m.flags[uid] = GONE;
	struct mailbox_view *old = model_view(&m, NULL);
	struct client *c = client_new(old);
	model_set(&m, 1, GONE);
	model_set(&m, 501, 0);
	struct mailbox_view *now = model_view(&m, old);
	client_step(c, old, now);
	assert_int_equal(c->expunged, 1);
	assert_int_equal(c->exists, 1);
	assert_int_equal(c->changed, 0);
	mailbox_view_release(old);
	mailbox_view_release(now);
	free(c);
}

static void test_keep_holds_expunges_back(void **state)
{
	static struct model m;
	(void)state;
	model_fill(&m, 2);
	for (uint32_t uid = 1001; uid <= UIDS; uid++)
		m.flags[uid] = GONE;
	struct mailbox_view *old = model_view(&m, NULL);
	struct client *c = client_new(old);
	model_set(&m, 10, GONE);
	model_set(&m, 1002, FLAG_SEEN);
	model_set(&m, 12, FLAG_DRAFT);
	for (uint32_t uid = 257; uid < 513; uid++)
		model_set(&m, uid, GONE);
	struct mailbox_view *now = model_view(&m, old), *kept = mailbox_view_keep(old, now);
	assert_int_equal(kept->count, old->count + 1);
	client_step(c, old, kept);
	assert_int_equal(c->expunged, 0);
	assert_int_equal(c->exists, 1);
	assert_int_equal(c->changed, 1);
	model_set(&m, 12, 0);
	struct mailbox_view *later = model_view(&m, now);
	client_step(c, kept, later);
	assert_int_equal(c->expunged, 129);
	mailbox_view_release(old);
	mailbox_view_release(now);
	mailbox_view_release(kept);
	mailbox_view_release(later);
	free(c);
}

static void test_keep_of_nothing_expunged_is_the_view(void **state)
{
	static struct model m;
	(void)state;
	model_fill(&m, 2);
	struct mailbox_view *old = model_view(&m, NULL);
	model_set(&m, 11, FLAG_SEEN);
	struct mailbox_view *now = model_view(&m, old), *kept = mailbox_view_keep(old, now);
	assert_ptr_equal(kept, now);
	mailbox_view_release(old);
	mailbox_view_release(now);
	mailbox_view_release(kept);
}

/* Random changes, told sometimes in full and sometimes without the expunges. */
static void test_random_changes(void **state)
{
	static struct model m;
	uint64_t seed = 42;
	(void)state;
	model_fill(&m, 1);
	for (uint32_t uid = 301; uid <= UIDS; uid++)
		m.flags[uid] = GONE;
	uint32_t next = 301;
	struct mailbox_view *told = model_view(&m, NULL);
	struct client *c = client_new(told);
	for (int round = 0; round < 300; round++) {
		for (int i = 0; i < 5; i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			uint32_t uid = (uint32_t)(seed >> 33) % next;
			if (uid < 3 && next <= UIDS)
				model_set(&m, next++, 0);
			else if (uid > 0 && m.flags[uid] != GONE)
				model_set(&m, uid, seed >> 60 < 4 ? GONE : (seed >> 58) & 31);
		}
		if (next <= UIDS)
			model_set(&m, next++, FLAG_ANSWERED);
		struct mailbox_view *now = model_view(&m, told);
		if (round % 3) {
			struct mailbox_view *kept = mailbox_view_keep(told, now);
			mailbox_view_release(now);
			now = kept;
		}
		client_step(c, told, now);
		assert_true(round % 3 == 0 || c->expunged == 0);
		mailbox_view_release(told);
		told = now;
	}
	mailbox_view_release(told);
	free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find_by_number_and_by_uid),
		cmocka_unit_test(test_empty_view),
		cmocka_unit_test(test_walk_over_a_set),
		cmocka_unit_test(test_diff_tells_all_in_order),
		cmocka_unit_test(test_diff_of_the_same_says_nothing),
		cmocka_unit_test(test_what_is_again_as_it_was_is_told),
		cmocka_unit_test(test_arrival_and_expunge_at_once),
		cmocka_unit_test(test_keep_holds_expunges_back),
		cmocka_unit_test(test_keep_of_nothing_expunged_is_the_view),
		cmocka_unit_test(test_random_changes),
	};
	return cmocka_run_group_tests_name("mailbox_view", tests, NULL, NULL);
}
