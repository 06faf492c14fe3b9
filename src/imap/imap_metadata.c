/* GETMETADATA and SETMETADATA (RFC 5464). */
#include "imap/imap_metadata.h"

#include <errno.h>

#include "directory/directory.h"
#include "imap/imap_handlers.h"
#include "imap/imap_named.h"
#include "imap/imap_notify_metadata.h"
#include "imap/imap_reply.h"
#include "imap/imap_share.h"

/* --- telling ------------------------------------------------------------------------- */

struct metadata_found {
	struct slice name, value;
	bool is_nil;
	struct metadata_found *next;
};

struct metadata_read {
	struct imap_command *c;
	int64_t mailbox_id;
	const struct imap_metadata *request;
	struct metadata_found *first, **tail;
	uint64_t longest;
	bool found; /* something of the entry that is looked for */
};

static void note(struct metadata_read *r, struct slice name, struct slice value, bool is_nil)
{
	struct metadata_found *found = ARENA_NEW(r->c->arena, struct metadata_found);
	*found = (struct metadata_found){ .name = arena_copy(r->c->arena, name),
		                          .value = arena_copy(r->c->arena, value),
		                          .is_nil = is_nil };
	*r->tail = found;
	r->tail = &found->next;
}

static int visit(struct slice name, struct slice value, void *arg)
{
	struct metadata_read *r = arg;
	r->found = true;
	if (r->request->has_max_size && value.len > r->request->max_size) {
		r->longest = value.len > r->longest ? value.len : r->longest;
		return 0;
	}
	note(r, name, value, false);
	return 0;
}

static int read_step(struct db *db, void *arg)
{
	struct metadata_read *r = arg;
	const struct imap_metadata *request = r->request;
	int rc = 0;
	for (size_t i = 0; i < request->count && rc == 0; i++) {
		r->found = false;
		rc = annotation_each(db, r->mailbox_id, r->c->s->account_id, request->names[i],
		                     request->depth, visit, r);
		if (rc == 0 && !r->found && request->depth == ANNOTATION_SELF)
			note(r, request->names[i], SLICE_EMPTY, true);
	}
	return rc;
}

static void write_value(struct imap_session *s, const struct metadata_found *found)
{
	if (found->is_nil)
		imap_write(s, SLICE("NIL"));
	else if (slice_find_byte(found->value, '\0') >= 0)
		imap_write_literal8(s, found->value);
	else
		imap_write_string(s, found->value);
}

int imap_write_metadata(struct imap_command *c, struct slice name, int64_t mailbox_id,
                        const struct imap_metadata *request, uint64_t *longest_out)
{
	struct metadata_read r = { .c = c, .mailbox_id = mailbox_id, .request = request };
	struct imap_session *s = c->s;
	r.tail = &r.first;
	int rc = store_read(imap_context(s)->store, read_step, &r);
	if (rc < 0)
		return rc;
	if (longest_out)
		*longest_out = r.longest;
	if (!r.first)
		return 0;
	imap_write(s, SLICE("* METADATA "));
	imap_write_mailbox(s, c->arena, name);
	for (const struct metadata_found *found = r.first; found; found = found->next) {
		imap_write(s, found == r.first ? SLICE(" (") : SLICE(" "));
		imap_write_astring(s, found->name);
		imap_write(s, SLICE(" "));
		write_value(s, found);
	}
	imap_write(s, SLICE(")\r\n"));
	return 0;
}

/* --- the commands -------------------------------------------------------------------- */

/* The mailbox that is meant: name "" and ANNOTATION_SERVER for the server. */
static bool find_place(struct imap_command *c, struct slice wire, struct slice *name,
                       int64_t *mailbox_id)
{
	struct share share;
	*name = SLICE_EMPTY;
	*mailbox_id = ANNOTATION_SERVER;
	if (wire.len == 0)
		return true;
	if (!imap_decode_name(c, wire, name) || mailbox_name(c->arena, *name, name) < 0) {
		imap_no(c, "CANNOT", "That is no name for a mailbox.");
		return false;
	}
	if (!imap_find_mailbox(c, *name, "NONEXISTENT", ACL_LOOKUP, &share))
		return false;
	if (!(share.rights & IMAP_METADATA_RIGHTS))
		imap_refuse_share(c, share.rights, "NONEXISTENT");
	*mailbox_id = share.info.id;
	return c->status == IMAP_OK;
}

/* getmetadata = "GETMETADATA" [SP getmetadata-options] SP mailbox SP entries */
void imap_getmetadata(struct imap_command *c)
{
	struct imap_metadata request;
	uint64_t longest = 0;
	struct slice name;
	int64_t mailbox_id;
	if (!imap_take_getmetadata(&c->args, c->arena, &request)) {
		imap_bad(c, "GETMETADATA needs a mailbox, or \"\", and entries.");
		return;
	}
	if (!imap_at_end(c) || !find_place(c, request.mailbox, &name, &mailbox_id))
		return;
	int rc = imap_write_metadata(c, name, mailbox_id, &request, &longest);
	if (rc < 0)
		imap_failed(c, rc);
	else if (longest > 0)
		imap_ok(c,
		        arena_printf(c->arena, "METADATA LONGENTRIES %llu",
		                     (unsigned long long)longest),
		        "Longer values are left out.");
}

struct metadata_write {
	int64_t mailbox_id, account_id;
	const struct imap_metadata *request;
};

/* -EACCES: what the server says to everybody is for administrators. */
static int check_write(struct db *db, const struct metadata_write *w, struct slice name)
{
	bool administrator;
	if (w->mailbox_id != ANNOTATION_SERVER || annotation_is_private(name))
		return 0;
	int rc = directory_is_administrator(db, w->account_id, &administrator);
	return rc == 0 && !administrator ? -EACCES : rc;
}

static int write_step(struct db *db, void *arg)
{
	const struct metadata_write *w = arg;
	const struct imap_metadata *r = w->request;
	int rc = 0;
	for (size_t i = 0; i < r->count && rc == 0; i++) {
		rc = check_write(db, w, r->names[i]);
		if (rc == 0)
			rc = annotation_set(db, w->mailbox_id, w->account_id, r->names[i],
			                    r->is_nil[i] ? NULL : &r->values[i]);
	}
	return rc;
}

static bool values_are_good(struct imap_command *c, const struct imap_metadata *request)
{
	for (size_t i = 0; i < request->count; i++) {
		if (!request->is_nil[i] &&
		    !imap_named_may_be(c->arena, request->names[i], request->values[i])) {
			imap_no(c, "CANNOT", "That is no search.");
			return false;
		}
		if (request->values[i].len <= ANNOTATION_BYTES_MAX)
			continue;
		imap_no(c, arena_printf(c->arena, "METADATA MAXSIZE %d", ANNOTATION_BYTES_MAX),
		        "That value is too long.");
		return false;
	}
	return true;
}

/* setmetadata = "SETMETADATA" SP mailbox SP entry-values: all or none. */
void imap_setmetadata(struct imap_command *c)
{
	struct imap_metadata request;
	struct metadata_write w = { .account_id = c->s->account_id, .request = &request };
	struct slice name;
	if (!imap_take_setmetadata(&c->args, c->arena, &request)) {
		imap_bad(c, "SETMETADATA needs a mailbox, or \"\", and entries with values.");
		return;
	}
	if (!imap_at_end(c) || !values_are_good(c, &request) ||
	    !find_place(c, request.mailbox, &name, &w.mailbox_id))
		return;
	int rc = store_commit(imap_context(c->s)->store, NULL, 0, write_step, &w);
	if (rc == -EACCES)
		imap_no(c, "NOPERM", "That is not for you.");
	else if (rc == -ENOSPC)
		imap_no(c, "METADATA TOOMANY", "There are too many entries already.");
	else if (rc < 0)
		imap_failed(c, rc);
	else
		imap_notify_metadata_changed(c->s, w.mailbox_id, &request);
}
