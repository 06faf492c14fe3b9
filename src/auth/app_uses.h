/* When application passwords were last used, gathered: a commit for each login would make the disk
 * the limit of logging in. A crash loses the last minute of it. [any thread] */
#ifndef VEREDUS_AUTH_APP_USES_H
#define VEREDUS_AUTH_APP_USES_H

#include "net/address.h"

struct app_uses;
struct store;

struct app_uses *app_uses_new(void);
void app_uses_free(struct app_uses *u);
/* from may be NULL. True if it is time to write down what was gathered: once a minute, or when it
 * is much; the caller has app_uses_flush() called then. */
bool app_uses_note(struct app_uses *u, int64_t id, const struct net_address *from);
/* One commit, if there is anything. What can't be written is forgotten, and logged. */
void app_uses_flush(struct app_uses *u, struct store *store);

#endif
