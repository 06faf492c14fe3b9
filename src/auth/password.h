/* Passwords are not kept: what is kept can tell whether a password is right.
 *
 * Three verifiers are made of each: Argon2id (RFC 9106) in PHC string format, for mechanisms that
 * show us the password, and SCRAM (RFC 5802) with SHA-256 (RFC 7677) and with SHA-1, for those that
 * don't. Passwords are normalised by SASLprep (RFC 4013) where that applies, so that it does not
 * matter how a keyboard composed an accent. Both functions take tens of milliseconds of processor
 * time: call them through fiber_offload(). [any thread] */
#ifndef VEREDUS_AUTH_PASSWORD_H
#define VEREDUS_AUTH_PASSWORD_H

#include "base/arena.h"
#include "directory/directory.h"

enum {
	PASSWORD_MAX = 1024, /* bytes */
	PASSWORD_VERIFIERS = 3,
	/* What OWASP recommends for machines with little memory: 19 MiB, two passes. */
	PASSWORD_ARGON2_KIB = 19456,
	PASSWORD_ARGON2_PASSES = 2,
	PASSWORD_SCRAM_ITERATIONS = 65536, /* the most that clients with Cyrus SASL accept */
	PASSWORD_SALT_BYTES = 16,
};

#define PASSWORD_KIND_ARGON2     "argon2id"
#define PASSWORD_KIND_SCRAM      "scram-sha-256"
#define PASSWORD_KIND_SCRAM_SHA1 "scram-sha-1"

/* The verifiers of a password, into the arena. -EINVAL: empty, too long, or has a NUL. */
int password_make(struct arena *arena, struct slice password,
                  struct directory_verifier out[static PASSWORD_VERIFIERS]);

/* The password as all mechanisms take it: normalised. To be wiped and freed by password_wipe().
 * NULL: empty, too long, or has a NUL. */
char *password_prepare(struct slice password);
void password_wipe(char *prepared);

/* Compares with an Argon2id verifier. A NULL verifier takes the same time as one, and is never
 * right: so nobody learns by the clock which accounts there are. */
bool password_is_right(const char *verifier, struct slice password);

#endif
