/* Keys by their record: reading one costs more than verifying with it. */
#ifndef VEREDUS_TRUST_KEY_CACHE_H
#define VEREDUS_TRUST_KEY_CACHE_H

#include "trust/dkim_key.h"

struct dkim_keys;

enum { DKIM_KEYS_MAX = 4096 };

struct dkim_keys *dkim_keys_new(void);
void dkim_keys_free(struct dkim_keys *keys);
/* [any thread] As dkim_key_parse(); keys may be NULL, then it is that. */
const char *dkim_keys_get(struct dkim_keys *keys, struct arena *arena, struct slice record,
                          struct dkim_key *out);

#endif
