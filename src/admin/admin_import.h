/* What the handlers of imports share. */
#ifndef VEREDUS_ADMIN_ADMIN_IMPORT_H
#define VEREDUS_ADMIN_ADMIN_IMPORT_H

#include "admin/admin.h"

/* Whose mail it is, and where from. */
struct import_place {
	struct arena *arena;
	struct slice address; /* canonical */
	struct slice source;  /* empty: nothing is to be remembered */
	int64_t account_id;
	int64_t source_id; /* 0: nothing came from it yet */
};

/* Of a request's "address" and "source". */
int import_read_place(struct admin *admin, struct arena *arena, const json_t *request,
                      struct admin_reply *reply, struct import_place *out);

/* import.put: messages for a folder. */
int import_put(struct admin *admin, const json_t *request, struct admin_reply *reply);
/* import.flags: what is known has other flags now. */
int import_flags(struct admin *admin, const json_t *request, struct admin_reply *reply);
/* import.gone: what is known is not there any more. */
int import_gone(struct admin *admin, const json_t *request, struct admin_reply *reply);

#endif
