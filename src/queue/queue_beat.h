/* Whose beat stands still. Every owner of leases counts a number up; who looks on keeps here what
 * he saw, and by his own clock for how long it has not changed: dates of other machines are
 * compared with nothing. Pure; times are monotonic. */
#ifndef VEREDUS_QUEUE_QUEUE_BEAT_H
#define VEREDUS_QUEUE_QUEUE_BEAT_H

#include <stdint.h>

#include "base/arena.h"

struct queue_beats;

/* between_ms: from one look to the next. One that comes later counts as if it had not: who was
 * stopped himself meanwhile has not watched. */
struct queue_beats *queue_beats_new(int64_t between_ms);
void queue_beats_free(struct queue_beats *b);

/* Begins to look at all of them. Who is not seen by the next one is forgotten. */
void queue_beats_look(struct queue_beats *b, int64_t now_ms);
/* Of one of them: for how long its beat has stood still, 0 at the first sight. */
int64_t queue_beats_see(struct queue_beats *b, struct slice owner, int64_t beat);

#endif
