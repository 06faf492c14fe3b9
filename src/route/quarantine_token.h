/* Links by which a user has one held message delivered, or thrown away, without logging in.
 *
 * A token names a row of the quarantine, the account whose mail it is, and until when it is good.
 * It is signed with a key of this store, so nobody makes one, or turns one into that of another
 * message.
 *
 *     token = hex( id account until-s mac )     64 bits each; mac: 128 bits of HMAC-SHA-256
 *
 * Whoever has the mail with the link can use it: it opens nothing but that one message. */
#ifndef VEREDUS_ROUTE_QUARANTINE_TOKEN_H
#define VEREDUS_ROUTE_QUARANTINE_TOKEN_H

#include "base/arena.h"
#include "base/slice.h"

struct store;

enum { QUARANTINE_KEY_BYTES = 32, QUARANTINE_TOKEN_LEN = 80 };

struct quarantine_key {
	char secret[QUARANTINE_KEY_BYTES];
};
/* That of the store; made when there is none. */
int quarantine_key_get(struct store *store, struct quarantine_key *out);

struct quarantine_token {
	int64_t id, account_id;
	int64_t until_s; /* wall clock */
};
/* QUARANTINE_TOKEN_LEN characters, in the arena. */
struct slice quarantine_token_text(struct arena *arena, const struct quarantine_key *key,
                                   const struct quarantine_token *token);
/* 0; -EINVAL: it is none of ours; -ETIME: it was good until some time ago. */
int quarantine_token_read(const struct quarantine_key *key, struct slice text, int64_t now_s,
                          struct quarantine_token *out);

#endif
