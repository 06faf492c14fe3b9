/* Connecting to one of several addresses of a host, as RFC 8305 section 5 has it: the first is
 * tried; each other follows when the one before has failed, or has been silent for a moment; the
 * first to answer is it, and the others are closed. So an address that is dead costs a moment and
 * not a time-out. */
#ifndef VEREDUS_NET_CONN_RACE_H
#define VEREDUS_NET_CONN_RACE_H

#include "net/conn.h"

enum { CONN_RACE_MAX = 64 };

/* Connects to the address `which`, as conn_connect() does. Runs on a fiber of its own, which is
 * cancelled when another has won: it returns at once on -ECANCELED. */
typedef int (*conn_race_fn)(void *arg, size_t which, struct conn **out);

/* count: at most CONN_RACE_MAX addresses, the best first. stagger_ms: the moment. 0 with the
 * connection and whose it is; -ECANCELED; or what the last one that failed came to. No call of
 * connect runs any more when it returns. */
int conn_race(size_t count, conn_race_fn connect, void *arg, int64_t stagger_ms, struct conn **out,
              size_t *which_out);

#endif
