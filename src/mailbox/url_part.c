#include "mailbox/url_part.h"

#include <errno.h>

#include "directory/directory.h"
#include "fiber/fiber.h"

/* A message with more bytes is taken apart on the thread pool. */
enum { URL_OFFLOAD_BYTES = 256 << 10 };

bool url_is_listed(const char *list, struct slice name)
{
	struct slice rest = slice_from_str(list);
	while (rest.len > 0) {
		struct slice word = slice_split(&rest, ' ');
		if (word.len > 0 && slice_equal_nocase(word, name))
			return true;
	}
	return false;
}

bool url_is_here(const struct config *config, const struct imap_url *url)
{
	return slice_equal_nocase(url->host, slice_from_str(config->hostname)) ||
	       url_is_listed(config->imap.url_hosts, url->host);
}

/* --- finding ------------------------------------------------------------------------- */

int url_find_user(struct db *db, struct arena *arena, struct slice name, struct share_user *out)
{
	struct account account;
	int rc = directory_find_login(db, arena, name, &account);
	if (rc == 0)
		*out = (struct share_user){ account.id, slice_from_str(account.address) };
	return rc == 0 && !account.enabled ? -ENOENT : rc;
}

int url_find_mailbox(struct db *db, struct arena *arena, const struct share_user *as,
                     const struct imap_url *url, struct mailbox_info *out)
{
	struct share share;
	struct slice name;
	if (mailbox_name(arena, url->mailbox, &name) < 0)
		return -ENOENT;
	int rc = share_find(db, arena, as, name, &share);
	if (rc < 0)
		return rc;
	*out = share.info;
	return (share.rights & ACL_READ) &&
	                       (!url->uid_validity || url->uid_validity == out->uid_validity)
	               ? 0
	               : -ENOENT;
}

struct url_find {
	struct arena *arena;
	const struct share_user *as;
	int64_t selected_id;
	const struct imap_url *url;
	bool found;
	int64_t blob_id;
	struct blob_place place;
};

static int find_selected(struct db *db, struct url_find *f, struct mailbox_info *out)
{
	unsigned rights;
	if (!f->selected_id)
		return -ENOENT;
	int rc = mailbox_get(db, f->arena, f->selected_id, out);
	if (rc == 0 && out->account_id != f->as->account_id) {
		rc = acl_rights(db, out->account_id, out->id, f->as->account_id, f->as->address,
		                &rights);
		if (rc == 0 && !(rights & ACL_READ))
			rc = -ENOENT;
	}
	return rc;
}

static int visit_message(const struct mailbox_message *message, void *arg)
{
	struct url_find *f = arg;
	f->found = true;
	f->blob_id = message->blob_id;
	f->place = message->place;
	return 0;
}

static int find_message(struct db *db, void *arg)
{
	struct url_find *f = arg;
	struct mailbox_info mailbox;
	struct uid_set uids = { 0 };
	f->found = false;
	int rc = f->url->of_selected ? find_selected(db, f, &mailbox)
	                             : url_find_mailbox(db, f->arena, f->as, f->url, &mailbox);
	if (rc < 0)
		return rc;
	uid_set_add(f->arena, &uids, f->url->uid, f->url->uid);
	rc = mailbox_each_message(db, mailbox.id, &uids, READ_PLACE, visit_message, f);
	return rc < 0 || f->found ? rc : -ENOENT;
}

/* --- the bytes ----------------------------------------------------------------------- */

struct section_job {
	const struct message_limits *limits;
	struct arena *arena;
	const struct imap_url *url;
	struct url_part *part;
	bool found;
};

static void find_section(void *arg)
{
	struct section_job *job = arg;
	job->found = message_section(job->part->message, 0, job->limits, job->arena,
	                             &job->url->section, &job->part->bytes);
}

int url_open(struct store *store, const struct message_limits *limits, struct arena *arena,
             const struct share_user *as, int64_t selected_id, const struct imap_url *url,
             struct url_part *out)
{
	struct url_find f = { .arena = arena, .as = as, .selected_id = selected_id, .url = url };
	struct section_job job = { limits, arena, url, out, false };
	int rc = store_read(store, find_message, &f);
	if (rc == 0)
		rc = blob_open_at(store, f.blob_id, &f.place, &out->blob);
	if (rc < 0)
		return rc;
	out->message = out->blob.bytes;
	if (out->message.len > URL_OFFLOAD_BYTES && url->section.depth > 0)
		fiber_offload(find_section, &job);
	else
		find_section(&job);
	if (!job.found) {
		url_close(out);
		return -ENOENT;
	}
	if (url->has_partial)
		out->bytes = slice_sub(out->bytes, url->offset,
		                       url->length ? url->length : SIZE_MAX);
	return 0;
}

void url_close(struct url_part *part) { blob_close(&part->blob); }
