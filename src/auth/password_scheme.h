/* Hashes of passwords as other programs write them: "{SCHEME}hash", or what crypt(3) and Argon2
 * write by themselves ("$6$...", "$argon2id$..."). Slow; by any thread. */
#ifndef VEREDUS_AUTH_PASSWORD_SCHEME_H
#define VEREDUS_AUTH_PASSWORD_SCHEME_H

#include "base/slice.h"

/* True if the hash is in a form that is understood: no scheme, or one of ARGON2I, ARGON2ID, CRYPT,
 * DES-CRYPT, MD5-CRYPT, BLF-CRYPT, SHA256-CRYPT, SHA512-CRYPT, SMD5, (S)SHA, (S)SHA256, (S)SHA512,
 * PLAIN, CLEARTEXT. */
bool password_scheme_is_known(struct slice stored);
/* Of an unknown scheme nothing is right. */
bool password_scheme_is_right(struct slice stored, const char *password);

#endif
