/* When to look at which domain: for each that mail waits for in the table, the date of its first
 * row. So the table is asked for one domain at a time, by its index, and what waits for a domain
 * that can take nothing costs no look at its rows.
 *
 * A domain whose destination has enough in memory is parked under that destination's key, until
 * there is room again. About 150 bytes a domain. [any thread] */
#ifndef VEREDUS_QUEUE_QUEUE_AGENDA_H
#define VEREDUS_QUEUE_QUEUE_AGENDA_H

#include "base/arena.h"

struct queue_agenda;

#define QUEUE_NEVER_MS INT64_MAX

struct queue_agenda *queue_agenda_new(void);
void queue_agenda_free(struct queue_agenda *a);

/* A row of the domain is due then (wall clock). True if nothing was due before. What is parked
 * stays so: its destination is full. */
bool queue_agenda_note(struct queue_agenda *a, struct slice domain, int64_t due_ms);
/* When the first domain is due; QUEUE_NEVER_MS: none is. */
int64_t queue_agenda_next_ms(struct queue_agenda *a);
/* Takes the first domain that is due; its name is copied to the arena. Whoever takes it notes when
 * it is due again. */
bool queue_agenda_take(struct queue_agenda *a, int64_t now_ms, struct arena *arena,
                       struct slice *domain_out);

/* Lays a domain that was taken aside. */
void queue_agenda_park(struct queue_agenda *a, struct slice key, struct slice domain);
/* At most so many domains that were parked first under the key are due now. True if others still
 * wait there. */
bool queue_agenda_unpark(struct queue_agenda *a, struct slice key, size_t most);

struct queue_agenda_counts {
	size_t waiting, parked; /* domains */
};
struct queue_agenda_counts queue_agenda_counts(struct queue_agenda *a);

#endif
