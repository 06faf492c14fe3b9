/* What the files of MTA-STS share. */
#ifndef VEREDUS_CLIENT_STS_INTERNAL_H
#define VEREDUS_CLIENT_STS_INTERNAL_H

#include "client/sts.h"
#include "store/db.h"
#include "store/store.h"

/* sts_fetch.c: the policy of a domain from its web server, whatever the TXT record says; row's id
 * is left alone. 0; -ENODATA and out->trouble; -ECANCELED. */
int sts_fetch(struct dns *dns, const struct config *config, struct arena *arena,
              struct slice domain, int64_t deadline, struct sts_found *out);

/* sts_rows.c, inside commits. */
int sts_row_put(struct db *db, struct slice domain, const struct sts_row *row);
int sts_row_touch(struct db *db, struct slice domain, int64_t used_ms, int64_t tried_ms);
int sts_row_expire(struct db *db, int64_t now_ms);
/* Inside a read: one that is to be fetched anew; -ENODATA if there is none. */
struct sts_due {
	int64_t now_ms, refresh_ms, retry_ms;
	struct arena *arena;
	struct slice domain; /* out */
	struct sts_row row;  /* out */
};
int sts_row_due(struct db *db, struct sts_due *due);

#endif
