/* The secret of an application password, and what is kept of it.
 *
 * It is not chosen by people: 100 random bits, written as five groups of four letters and digits
 * ("k7mq-2xaw-..."). Nobody finds one by trying, so what is kept is a plain SHA-256: a slow hash is
 * there to make guessing at what people choose dear, and would here only make each of the many
 * logins of a program dear. The digest is looked up by equality in the rows of one account; its
 * text has nothing of the installation in it, so that a restored database goes on working without
 * auth.key. [any thread] */
#ifndef VEREDUS_AUTH_APP_SECRET_H
#define VEREDUS_AUTH_APP_SECRET_H

#include "base/slice.h"

enum {
	APP_SECRET_LETTERS = 20,                      /* of five bits */
	APP_SECRET_TEXT = APP_SECRET_LETTERS + 4 + 1, /* with dashes and a NUL */
	APP_DIGEST_TEXT = 2 * 32 + 1,                 /* hexadecimal, with a NUL */
};

void app_secret_make(char out[static APP_SECRET_TEXT]);
/* The digest of what somebody typed: in any case, with or without dashes and spaces. False if it
 * can't be such a secret. */
bool app_secret_digest(struct slice text, char out[static APP_DIGEST_TEXT]);

#endif
