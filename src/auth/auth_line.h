/* The line of logins before the few places where passwords are hashed. [fiber]
 *
 * Each client (net_address_client()) has two places in it at most, and its other logins wait
 * behind those: who guesses on a thousand connections waits for himself, not others for him. */
#ifndef VEREDUS_AUTH_AUTH_LINE_H
#define VEREDUS_AUTH_AUTH_LINE_H

#include "net/address.h"

struct auth_line;
struct auth_line_client;

struct auth_line *auth_line_new(int64_t places);
void auth_line_free(struct auth_line *line);

/* Waits for a place. from: NULL for a login that comes over no connection. *out goes to
 * auth_line_leave(). 0, -ETIMEDOUT or -ECANCELED. */
int auth_line_enter(struct auth_line *line, const struct net_address *from, int64_t deadline,
                    struct auth_line_client **out);
void auth_line_leave(struct auth_line *line, struct auth_line_client *client);

#endif
