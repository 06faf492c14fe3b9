/* The key of this installation: what must stay the same from start to start, and what nobody
 * outside may know. It has a file in the data directory. [any thread] */
#ifndef VEREDUS_AUTH_AUTH_KEY_H
#define VEREDUS_AUTH_AUTH_KEY_H

#include "base/slice.h"

enum { AUTH_KEY_BYTES = 32 };
#define AUTH_KEY_FILE "auth.key"

/* Reads the file, or makes it with a random key, readable by its owner alone. 0; -EINVAL: it is
 * there, but no key is in it; or what the system said. */
int auth_key_load(const char *path, uint8_t key_out[static AUTH_KEY_BYTES]);
/* Another key, for one purpose and one subject: the HMAC-SHA-256 of both. */
void auth_key_derive(const uint8_t key[static AUTH_KEY_BYTES], const char *purpose,
                     struct slice subject, uint8_t out[static AUTH_KEY_BYTES]);

#endif
