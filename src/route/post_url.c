#include "route/post_url.h"

#include <errno.h>

#include "base/log.h"
#include "mailbox/url_auth.h"
#include "route/post_internal.h"

struct find_user {
	struct arena *arena;
	struct slice name;
	struct share_user user;
};

static int find_user(struct db *db, void *arg)
{
	struct find_user *f = arg;
	return url_find_user(db, f->arena, f->name, &f->user);
}

/* A URL without authorization names the client itself, or nobody. */
static int open_own(struct post *p, const struct post_client *client, struct arena *arena,
                    const struct imap_url *url, struct url_part *out)
{
	const struct share_user own = { client->account_id, slice_from_str(client->account) };
	struct find_user f = { .arena = arena, .name = url->user };
	if (url->user.len > 0) {
		int rc = store_read(p->config.store, find_user, &f);
		if (rc == -ENOENT || (rc == 0 && f.user.account_id != own.account_id))
			return -EACCES;
		if (rc < 0)
			return rc;
	}
	return url_open(p->config.store, &p->config.config->message, arena, &own, 0, url, out);
}

static int open_any(struct post *p, const struct post_client *client, struct arena *arena,
                    const struct imap_url *url, struct url_part *out)
{
	const struct url_visitor who = { client->account_id, URL_SUBMISSION };
	if (!client->account || !client->account_id)
		return -EACCES;
	if (url->access == URL_ACCESS_NONE)
		return open_own(p, client, arena, url, out);
	return url_auth_open(p->config.store, &p->config.config->message, arena, &who, url, out);
}

enum post_url post_url_open(struct post *p, const struct post_client *client, struct arena *arena,
                            struct slice text, struct url_part *out)
{
	struct imap_url url;
	if (!imap_url_parse(text, arena, &url) || !url.absolute)
		return POST_URL_SYNTAX;
	if (!url_is_here(p->config.config, &url))
		return POST_URL_ELSEWHERE;
	int rc = open_any(p, client, arena, &url, out);
	if (rc == -EACCES)
		return POST_URL_REFUSED;
	if (rc == -ENOENT)
		return POST_URL_NOTHING;
	if (rc < 0)
		log_error("post.url.failed", kv_str("account", client->account), kv_error(rc));
	return rc < 0 ? POST_URL_TROUBLE : POST_URL_OPEN;
}
