/* Who has which maildrop: RFC 1939 section 4 gives it to one session at a time. [any thread] */
#ifndef VEREDUS_POP3_POP3_LOCKS_H
#define VEREDUS_POP3_POP3_LOCKS_H

#include <stdbool.h>
#include <stdint.h>

struct pop3_locks;

/* False if another session has the maildrop of this account. */
bool pop3_lock(struct pop3_locks *locks, int64_t account_id);
void pop3_unlock(struct pop3_locks *locks, int64_t account_id);

#endif
