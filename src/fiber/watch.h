/* Watches: a file descriptor that a session keeps, and sessions that hold no stack while idle.
 *
 * A watch belongs to the worker that made it. While a fiber works on the session it waits with
 * watch_wait(). Between commands the session calls watch_idle() and lets its fiber end; when the
 * descriptor becomes readable, somebody kicks the watch, the deadline passes or the runtime
 * stops, a pooled fiber is started with the reason.
 *
 *     void session_step(void *arg, enum watch_reason why)   // runs on a fiber
 *     {
 *             ... read, answer, maybe watch_wait() ...
 *             watch_idle(session->watch, "smtp", session_step, session, deadline);
 *     }                                                      // the fiber ends here
 */
#ifndef VEREDUS_FIBER_WATCH_H
#define VEREDUS_FIBER_WATCH_H

#include "fiber/fiber.h"

enum watch_reason {
	WATCH_READY,    /* the descriptor is readable (or has failed: reading tells) */
	WATCH_KICK,     /* watch_kick() was called since the last step */
	WATCH_DEADLINE, /* the deadline passed */
	WATCH_STOP,     /* the runtime is stopping: say good-bye */
};

struct watch;
typedef void (*watch_fn)(void *arg, enum watch_reason why);

/* Names a watch across threads, as fiber_id does a fiber; 0 is none. */
typedef uint64_t watch_id;

/* For a non-blocking descriptor, which stays the caller's. NULL if the loop refuses it. */
struct watch *watch_new(int fd);
/* Ends it. The descriptor may be closed right after. */
void watch_free(struct watch *w);
watch_id watch_name(const struct watch *w);

/* Parks the running fiber until the descriptor is ready for FIBER_READ and/or FIBER_WRITE. */
int watch_wait(struct watch *w, int events, int64_t deadline);

/* Gives the session back to the loop: fn(arg, why) will run once, on a new fiber of this worker.
 * The caller must touch neither the watch nor the session afterwards. A kick that came since
 * the last step is not lost: fn runs soon. */
void watch_idle(struct watch *w, const char *name, watch_fn fn, void *arg, int64_t deadline);

/* [any thread] Wakes the session if idle, or as soon as it will be. */
void watch_kick(watch_id id);

#endif
