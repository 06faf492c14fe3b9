#include "imap/imap_thread_tree.h"

#include <errno.h>
#include <stdlib.h>

#include "base/codec.h"

/* --- nodes --------------------------------------------------------------------------- */

static uint32_t node_new(struct thread_tree *t, uint32_t message)
{
	if (t->count == t->capacity) {
		t->capacity = t->capacity ? t->capacity * 2 : 64;
		t->nodes = mem_grow(t->nodes, t->capacity * sizeof(*t->nodes));
	}
	uint32_t n = (uint32_t)t->count++;
	t->nodes[n] = (struct thread_node){ message, THREAD_NONE, THREAD_NONE, THREAD_NONE, n };
	return n;
}

static bool is_dummy(const struct thread_tree *t, uint32_t n)
{
	return t->nodes[n].message == THREAD_NONE;
}

static const struct thread_message *message_of(const struct thread_tree *t, uint32_t n)
{
	return &t->messages[t->nodes[n].message];
}

static void add_child(struct thread_tree *t, uint32_t parent, uint32_t child)
{
	t->nodes[child].parent = parent;
	t->nodes[child].next = t->nodes[parent].child;
	t->nodes[parent].child = child;
}

/* Nodes that hang together are a set, named after its root; halving the way keeps it short. */
static uint32_t thread_root(struct thread_tree *t, uint32_t n)
{
	while (t->nodes[n].set != n) {
		t->nodes[n].set = t->nodes[t->nodes[n].set].set;
		n = t->nodes[n].set;
	}
	return n;
}

/* Not if it has a parent already, nor in a circle. */
static void link_nodes(struct thread_tree *t, uint32_t parent, uint32_t child)
{
	if (t->nodes[child].parent != THREAD_NONE || thread_root(t, parent) == child)
		return;
	t->nodes[child].parent = parent;
	t->nodes[child].set = thread_root(t, parent);
}

/* --- nodes by hashes ----------------------------------------------------------------- */

/* Open addresses. What is known of the hashes to who writes mail says nothing of where they are
 * put: the multiplier is the table's own. */
struct node_table {
	struct node_place {
		uint64_t hash; /* 0: free */
		uint32_t node;
	} * places;
	size_t count, capacity; /* a power of two */
	uint64_t multiplier;
};

static struct node_table node_table_make(size_t expected)
{
	struct node_table table = { .capacity = 64, .multiplier = random_u64() | 1 };
	while (table.capacity < expected * 2)
		table.capacity *= 2;
	table.places = mem_zero(table.capacity, sizeof(*table.places));
	return table;
}

/* That of the hash, or the free one where it belongs. */
static struct node_place *place_of(const struct node_table *table, uint64_t hash)
{
	size_t at = (size_t)((hash * table->multiplier) >> 32) & (table->capacity - 1);
	while (table->places[at].hash && table->places[at].hash != hash)
		at = (at + 1) & (table->capacity - 1);
	return &table->places[at];
}

static void grow(struct node_table *table)
{
	struct node_table larger = { .capacity = table->capacity * 2,
		                     .count = table->count,
		                     .multiplier = table->multiplier };
	larger.places = mem_zero(larger.capacity, sizeof(*larger.places));
	for (size_t i = 0; i < table->capacity; i++) {
		if (table->places[i].hash)
			*place_of(&larger, table->places[i].hash) = table->places[i];
	}
	free(table->places);
	*table = larger;
}

/* The place of the hash, with THREAD_NONE if it is new. */
static struct node_place *place_get(struct node_table *table, uint64_t hash)
{
	struct node_place *place = place_of(table, hash);
	if (place->hash)
		return place;
	if (table->count * 2 >= table->capacity) {
		grow(table);
		place = place_of(table, hash);
	}
	table->count++;
	*place = (struct node_place){ hash, THREAD_NONE };
	return place;
}

/* --- steps 1 and 2: who answers whom ------------------------------------------------- */

static uint32_t node_of_id(struct thread_tree *t, struct node_table *ids, uint64_t id)
{
	struct node_place *place = place_get(ids, id);
	if (place->node == THREAD_NONE)
		place->node = node_new(t, THREAD_NONE);
	return place->node;
}

/* A second message with the same id is one without. */
static void add_messages(struct thread_tree *t, struct node_table *ids)
{
	for (size_t i = 0; i < t->message_count; i++) {
		uint32_t n = node_new(t, (uint32_t)i);
		struct node_place *place = t->messages[i].id ? place_get(ids, t->messages[i].id)
		                                             : NULL;
		if (place && place->node == THREAD_NONE)
			place->node = n;
	}
}

/* What a message says of itself comes before what others say of it: first each to its parent. */
static void link_parents(struct thread_tree *t, struct node_table *ids)
{
	for (size_t i = 0; i < t->message_count; i++) {
		const struct thread_message *m = &t->messages[i];
		if (m->ancestor_count > 0)
			link_nodes(t, node_of_id(t, ids, m->ancestors[m->ancestor_count - 1]),
			           (uint32_t)i);
	}
}

static int link_chains(struct thread_tree *t, struct node_table *ids)
{
	for (size_t i = 0; i < t->message_count; i++) {
		const struct thread_message *m = &t->messages[i];
		uint32_t before = THREAD_NONE;
		for (size_t k = 0; k < m->ancestor_count; k++) {
			uint32_t n = node_of_id(t, ids, m->ancestors[k]);
			if (before != THREAD_NONE && before != n)
				link_nodes(t, before, n);
			before = n;
		}
		if (t->count > THREAD_NODES_MAX)
			return -E2BIG;
	}
	return 0;
}

static int link_all(struct thread_tree *t)
{
	struct node_table ids = node_table_make(t->message_count);
	add_messages(t, &ids);
	link_parents(t, &ids);
	int rc = link_chains(t, &ids);
	free(ids.places);
	return rc;
}

/* --- step 3: messages that nobody has ------------------------------------------------ */

/* The next above that is a message, or has nothing above it. The way is remembered in `set`, whose
 * other use is over. */
static uint32_t kept_above(struct thread_tree *t, uint32_t n)
{
	uint32_t top = n;
	while (is_dummy(t, top) && t->nodes[top].parent != THREAD_NONE) {
		uint32_t known = t->nodes[top].set;
		top = known != THREAD_NONE ? known : t->nodes[top].parent;
	}
	while (n != top && is_dummy(t, n) && t->nodes[n].set != top) {
		uint32_t above = t->nodes[n].parent;
		t->nodes[n].set = top;
		n = above;
	}
	return top;
}

static void prune(struct thread_tree *t)
{
	uint32_t *above = mem_alloc(t->count * sizeof(*above));
	for (size_t n = 0; n < t->count; n++)
		t->nodes[n].set = THREAD_NONE;
	for (uint32_t n = 0; n < t->count; n++) {
		above[n] = THREAD_NONE;
		if (!is_dummy(t, n) && t->nodes[n].parent != THREAD_NONE)
			above[n] = kept_above(t, t->nodes[n].parent);
	}
	for (uint32_t n = 0; n < t->count; n++)
		t->nodes[n].parent = THREAD_NONE;
	for (uint32_t n = 0; n < t->count; n++) {
		if (above[n] != THREAD_NONE)
			add_child(t, above[n], n);
	}
	free(above);
}

/* Roots: messages, and those not there that hold two together. */
static void find_roots(struct thread_tree *t)
{
	size_t count = t->count;
	t->roots = mem_alloc((count + t->message_count) * sizeof(*t->roots));
	t->root_count = 0;
	for (uint32_t n = 0; n < count; n++) {
		uint32_t child = t->nodes[n].child;
		if (t->nodes[n].parent != THREAD_NONE)
			continue;
		if (!is_dummy(t, n)) {
			t->roots[t->root_count++] = n;
		} else if (child != THREAD_NONE && t->nodes[child].next == THREAD_NONE) {
			t->nodes[child].parent = THREAD_NONE;
			t->nodes[n].child = THREAD_NONE;
			/* One whose turn has been is added here, a later one then. */
			if (child < n)
				t->roots[t->root_count++] = child;
		} else if (child != THREAD_NONE) {
			t->roots[t->root_count++] = n;
		}
	}
}

/* --- steps 4 and 6: order ------------------------------------------------------------ */

static int compare_messages(const struct thread_message *a, const struct thread_message *b)
{
	if (a->date != b->date)
		return a->date < b->date ? -1 : 1;
	return a->uid < b->uid ? -1 : a->uid > b->uid;
}

/* The first of its children by date stands for one that is not there. */
static const struct thread_message *first_of(const struct thread_tree *t, uint32_t n)
{
	const struct thread_message *first = NULL;
	if (!is_dummy(t, n))
		return message_of(t, n);
	for (uint32_t c = t->nodes[n].child; c != THREAD_NONE; c = t->nodes[c].next) {
		if (!is_dummy(t, c) && (!first || compare_messages(message_of(t, c), first) < 0))
			first = message_of(t, c);
	}
	return first;
}

struct ordered {
	const struct thread_message *by;
	uint32_t node, parent;
};

static int compare_ordered(const void *a, const void *b)
{
	const struct ordered *x = a, *y = b;
	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	return compare_messages(x->by, y->by);
}

static void sort_roots(struct thread_tree *t)
{
	struct ordered *o = mem_alloc(t->root_count * sizeof(*o));
	for (size_t i = 0; i < t->root_count; i++)
		o[i] = (struct ordered){ first_of(t, t->roots[i]), t->roots[i], THREAD_NONE };
	qsort(o, t->root_count, sizeof(*o), compare_ordered);
	for (size_t i = 0; i < t->root_count; i++)
		t->roots[i] = o[i].node;
	free(o);
}

static void sort_children(struct thread_tree *t)
{
	struct ordered *o = mem_alloc(t->count * sizeof(*o));
	size_t count = 0;
	for (uint32_t n = 0; n < t->count; n++) {
		uint32_t parent = t->nodes[n].parent;
		if (parent != THREAD_NONE)
			o[count++] = (struct ordered){ first_of(t, n), n, parent };
	}
	qsort(o, count, sizeof(*o), compare_ordered);
	for (size_t n = 0; n < t->count; n++)
		t->nodes[n].child = THREAD_NONE;
	while (count-- > 0)
		add_child(t, o[count].parent, o[count].node);
	free(o);
}

/* REFS: threads by their latest message. */
static void sort_roots_by_latest(struct thread_tree *t)
{
	const struct thread_message **latest = mem_zero(t->count, sizeof(*latest));
	struct ordered *o = mem_alloc(t->root_count * sizeof(*o));
	for (uint32_t n = 0; n < t->count; n++)
		t->nodes[n].set = t->nodes[n].parent == THREAD_NONE ? n : t->nodes[n].parent;
	for (uint32_t n = 0; n < t->count; n++) {
		uint32_t root = thread_root(t, n);
		if (!is_dummy(t, n) &&
		    (!latest[root] || compare_messages(message_of(t, n), latest[root]) > 0))
			latest[root] = message_of(t, n);
	}
	for (size_t i = 0; i < t->root_count; i++)
		o[i] = (struct ordered){ latest[t->roots[i]], t->roots[i], THREAD_NONE };
	qsort(o, t->root_count, sizeof(*o), compare_ordered);
	for (size_t i = 0; i < t->root_count; i++)
		t->roots[i] = o[i].node;
	free(o);
	free(latest);
}

/* --- step 5: threads of one subject -------------------------------------------------- */

static bool root_is_reply(const struct thread_tree *t, uint32_t n)
{
	return !is_dummy(t, n) && message_of(t, n)->is_reply;
}

/* 5.B: of each subject the root that others join: rather one that is not there, rather one that is
 * no answer. */
static void choose_roots(struct thread_tree *t, struct node_table *subjects)
{
	for (size_t i = 0; i < t->root_count; i++) {
		uint32_t n = t->roots[i];
		uint64_t subject = first_of(t, n)->subject;
		if (!subject)
			continue;
		struct node_place *place = place_get(subjects, subject);
		uint32_t chosen = place->node;
		if (chosen == THREAD_NONE || (is_dummy(t, n) && !is_dummy(t, chosen)) ||
		    (!is_dummy(t, chosen) && root_is_reply(t, chosen) && !root_is_reply(t, n)))
			place->node = n;
	}
}

/* 5.C: one root joins the chosen one. What then stands for that subject. */
static uint32_t join(struct thread_tree *t, uint32_t chosen, uint32_t n)
{
	if (is_dummy(t, chosen) && is_dummy(t, n)) {
		for (uint32_t c = t->nodes[n].child, next; c != THREAD_NONE; c = next) {
			next = t->nodes[c].next;
			add_child(t, chosen, c);
		}
		t->nodes[n].child = THREAD_NONE;
		return chosen;
	}
	if (is_dummy(t, chosen) || (root_is_reply(t, n) && !root_is_reply(t, chosen))) {
		add_child(t, chosen, n);
		return chosen;
	}
	uint32_t both = node_new(t, THREAD_NONE);
	add_child(t, both, chosen);
	add_child(t, both, n);
	return both;
}

static void gather_subjects(struct thread_tree *t)
{
	struct node_table subjects = node_table_make(t->root_count);
	size_t kept = 0, count = t->root_count;
	choose_roots(t, &subjects);
	for (size_t i = 0; i < count; i++) {
		uint32_t n = t->roots[i];
		if (t->nodes[n].parent != THREAD_NONE)
			continue; /* with another in one made for both */
		uint64_t subject = first_of(t, n)->subject;
		struct node_place *place = subject ? place_get(&subjects, subject) : NULL;
		if (place && place->node != n)
			place->node = join(t, place->node, n);
	}
	free(subjects.places);
	for (size_t i = 0; i < count; i++) {
		uint32_t n = t->roots[i];
		if (t->nodes[n].parent == THREAD_NONE &&
		    (!is_dummy(t, n) || t->nodes[n].child != THREAD_NONE))
			t->roots[kept++] = n;
	}
	/* Those that were made for two. */
	for (uint32_t n = 0; n < t->count; n++) {
		if (is_dummy(t, n) && t->nodes[n].set == n)
			t->roots[kept++] = n;
	}
	t->root_count = kept;
}

/* --- ORDEREDSUBJECT ------------------------------------------------------------------ */

static int compare_subjects(const void *a, const void *b, void *arg)
{
	const struct thread_message *messages = arg;
	const struct thread_message *x = &messages[*(const uint32_t *)a];
	const struct thread_message *y = &messages[*(const uint32_t *)b];
	if (x->subject != y->subject)
		return x->subject < y->subject ? -1 : 1;
	return compare_messages(x, y);
}

static void order_by_subject(struct thread_tree *t)
{
	uint32_t *sorted = mem_alloc((t->message_count + 1) * sizeof(*sorted)), first = 0;
	t->roots = mem_alloc((t->message_count + 1) * sizeof(*t->roots));
	for (uint32_t i = 0; i < t->message_count; i++)
		sorted[i] = node_new(t, i);
	qsort_r(sorted, t->message_count, sizeof(*sorted), compare_subjects,
	        (void *)(uintptr_t)t->messages);
	for (size_t i = 0; i < t->message_count; i++) {
		if (i > 0 && t->messages[sorted[i]].subject == t->messages[first].subject) {
			t->nodes[sorted[i]].parent = first;
			continue;
		}
		first = sorted[i];
		t->roots[t->root_count++] = first;
	}
	free(sorted);
}

/* --- the whole ----------------------------------------------------------------------- */

int thread_tree_build(struct thread_tree *t, enum imap_thread_kind kind,
                      const struct thread_message *messages, size_t count)
{
	*t = (struct thread_tree){ .messages = messages, .message_count = count };
	if (kind == THREAD_ORDEREDSUBJECT) {
		order_by_subject(t);
		sort_children(t);
		sort_roots(t);
		return 0;
	}
	int rc = link_all(t);
	if (rc < 0)
		return rc;
	prune(t);
	find_roots(t);
	sort_roots(t);
	if (kind == THREAD_REFERENCES)
		gather_subjects(t);
	sort_children(t);
	if (kind == THREAD_REFS)
		sort_roots_by_latest(t);
	else
		sort_roots(t);
	return 0;
}

void thread_tree_destroy(struct thread_tree *t)
{
	free(t->nodes);
	free(t->roots);
}

/* --- listing ------------------------------------------------------------------------- */

struct thread_lister {
	const struct thread_tree *t;
	uint32_t *list;
	size_t count, list_capacity;
	uint32_t *siblings; /* a stack: the next one at each fork above */
	size_t depth, capacity;
};

static void list(struct thread_lister *l, uint32_t what)
{
	if (l->count == l->list_capacity) {
		l->list_capacity *= 2;
		l->list = mem_grow(l->list, l->list_capacity * sizeof(*l->list));
	}
	l->list[l->count++] = what;
}

static void push_sibling(struct thread_lister *l, uint32_t n)
{
	if (l->depth == l->capacity) {
		l->capacity = l->capacity ? l->capacity * 2 : 16;
		l->siblings = mem_grow(l->siblings, l->capacity * sizeof(*l->siblings));
	}
	l->siblings[l->depth++] = n;
}

/* Closes what has ended; the next to be opened, THREAD_NONE at the end of the thread. */
static uint32_t close_lists(struct thread_lister *l)
{
	list(l, THREAD_CLOSE);
	while (l->depth > 0) {
		uint32_t n = l->siblings[l->depth - 1];
		if (n != THREAD_NONE) {
			l->siblings[l->depth - 1] = l->t->nodes[n].next;
			list(l, THREAD_OPEN);
			return n;
		}
		l->depth--;
		list(l, THREAD_CLOSE);
	}
	return THREAD_NONE;
}

static void list_thread(struct thread_lister *l, uint32_t root)
{
	const struct thread_node *nodes = l->t->nodes;
	list(l, THREAD_OPEN);
	for (uint32_t n = root; n != THREAD_NONE;) {
		uint32_t child = nodes[n].child;
		if (!is_dummy(l->t, n))
			list(l, message_of(l->t, n)->uid);
		if (child == THREAD_NONE) {
			n = close_lists(l);
			continue;
		}
		if (nodes[child].next != THREAD_NONE) {
			push_sibling(l, nodes[child].next);
			list(l, THREAD_OPEN);
		}
		n = child;
	}
}

size_t thread_tree_list(const struct thread_tree *t, uint32_t **list_out)
{
	struct thread_lister l = { .t = t, .list_capacity = t->message_count * 2 + 16 };
	l.list = mem_alloc(l.list_capacity * sizeof(*l.list));
	for (size_t i = 0; i < t->root_count; i++)
		list_thread(&l, t->roots[i]);
	free(l.siblings);
	*list_out = l.list;
	return l.count;
}
