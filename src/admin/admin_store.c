/* store.status, store.compress */
#include "admin/admin_commands.h"
#include "store/store.h"

static int tell(struct admin *admin, struct admin_reply *reply, uint64_t freed)
{
	struct store_space s;
	int rc = store_space(admin->store, &s);
	if (rc < 0)
		return rc;
	double ratio = s.stored_bytes > 0 ? (double)s.plain_bytes / (double)s.stored_bytes : 1;
	return admin_item(reply,
	                  json_pack("{s:I, s:I, s:I, s:f, s:I, s:I, s:I, s:I, s:I}", "messages",
	                            (json_int_t)s.blobs, "bytes", (json_int_t)s.plain_bytes,
	                            "stored_bytes", (json_int_t)s.stored_bytes, "ratio", ratio,
	                            "waiting", (json_int_t)s.waiting_blobs, "waiting_bytes",
	                            (json_int_t)s.waiting_bytes, "segments", (json_int_t)s.segments,
	                            "segment_bytes", (json_int_t)s.segment_bytes, "freed_bytes",
	                            (json_int_t)freed));
}

static int status(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	(void)request;
	return tell(admin, reply, 0);
}

static int compress(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	uint64_t freed = 0;
	(void)request;
	int rc = store_compress(admin->store, &freed);
	return rc < 0 ? rc : tell(admin, reply, freed);
}

const struct admin_command admin_store_commands[] = {
	{ "store.status", status },
	{ "store.compress", compress },
	{ 0 },
};
