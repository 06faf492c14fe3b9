/* certificate.add, certificate.list, certificate.remove */
#include <errno.h>

#include "admin/admin_commands.h"
#include "directory/certificate.h"
#include "net/tls.h"
#include "store/store.h"

enum { NOTE_MAX_BYTES = 200 };

struct change {
	struct arena *arena;
	struct slice address, fingerprint, note;
};

static int add_in_commit(struct db *db, void *arg)
{
	const struct change *c = arg;
	return directory_add_certificate(db, c->address, c->fingerprint, c->note);
}

static int remove_in_commit(struct db *db, void *arg)
{
	const struct change *c = arg;
	return directory_remove_certificate(db, c->fingerprint);
}

static int read_fingerprint(const json_t *request, struct admin_reply *reply, struct change *c)
{
	const char *text = admin_need(request, "fingerprint", reply);
	if (!text)
		return -EINVAL;
	int rc = tls_fingerprint(c->arena, slice_from_str(text), &c->fingerprint);
	return rc == 0 ? 0
	               : admin_fail(reply, rc,
	                            "'%s' is no fingerprint: SHA-256 has 64 hexadecimal digits",
	                            text);
}

static int add(struct admin *admin, const json_t *request, struct admin_reply *reply,
               struct change *c)
{
	const char *address = admin_need(request, "address", reply);
	int rc = address ? read_fingerprint(request, reply, c) : -EINVAL;
	if (rc < 0)
		return rc;
	c->note = slice_sub(slice_from_str(admin_text(request, "note")), 0, NOTE_MAX_BYTES);
	rc = directory_canonical_address(c->arena, slice_from_str(address), &c->address);
	if (rc < 0)
		return admin_fail(reply, rc, "'%s' is no address", address);
	rc = store_commit(admin->store, NULL, 0, add_in_commit, c);
	if (rc == -ENOENT)
		admin_fail(reply, rc, "there is no user %s: `veredus user add` first", address);
	if (rc == -EEXIST)
		admin_fail(reply, rc,
		           "this certificate stands for a user already: "
		           "`veredus certificate list` says for whom");
	return rc;
}

static int certificate_add(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct change c = { .arena = arena_new() };
	int rc = add(admin, request, reply, &c);
	arena_free(c.arena);
	return rc;
}

static int certificate_remove(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct change c = { .arena = arena_new() };
	int rc = read_fingerprint(request, reply, &c);
	if (rc == 0) {
		rc = store_commit(admin->store, NULL, 0, remove_in_commit, &c);
		if (rc == -ENOENT)
			admin_fail(reply, rc, "this certificate is not listed");
	}
	arena_free(c.arena);
	return rc;
}

static int visit_certificate(const struct certificate_entry *entry, void *arg)
{
	struct admin_page *p = arg;
	if (json_array_size(p->items) == ADMIN_PAGE_ITEMS)
		return 1;
	p->after = arena_copy(p->arena, entry->fingerprint);
	json_array_append_new(p->items, json_pack("{s:o, s:o, s:o, s:I}", "fingerprint",
	                                          admin_json_text(entry->fingerprint), "address",
	                                          admin_json_text(entry->address), "note",
	                                          admin_json_text(entry->note), "added_ms",
	                                          (json_int_t)entry->added_ms));
	return 0;
}

static int read_page(struct db *db, void *arg)
{
	struct admin_page *p = arg;
	return directory_each_certificate_after(db, p->after, visit_certificate, p);
}

static int certificate_list(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	(void)request;
	return admin_pages(admin, reply, read_page);
}

const struct admin_command admin_certificate_commands[] = {
	{ "certificate.add", certificate_add },
	{ "certificate.list", certificate_list },
	{ "certificate.remove", certificate_remove },
	{ 0 },
};
