/* Doubly linked lists whose links lie inside their members.
 *
 * A list is a ring with a head that is no member. Ownership stays with whoever allocated the
 * members. */
#ifndef VEREDUS_BASE_LIST_H
#define VEREDUS_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next;
	struct list *prev;
};

static inline void list_init(struct list *l) { l->next = l->prev = l; }

static inline bool list_is_empty(const struct list *l) { return l->next == l; }

static inline void list_insert_before(struct list *position, struct list *link)
{
	link->prev = position->prev;
	link->next = position;
	position->prev->next = link;
	position->prev = link;
}

static inline void list_append(struct list *head, struct list *link)
{
	list_insert_before(head, link);
}

/* The link is left pointing at itself, so removing it again does nothing. */
static inline void list_remove(struct list *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	list_init(link);
}

#define LIST_ENTRY(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

/* The member at the front, or NULL. */
#define LIST_FIRST(head, type, member)                                                             \
	(list_is_empty(head) ? NULL : LIST_ENTRY((head)->next, type, member))

/* The current member may be removed inside the loop. */
#define LIST_EACH(head, link, following)                                                           \
	for (struct list *link = (head)->next, *following = link->next; link != (head);            \
	     link = following, following = link->next)

#endif
