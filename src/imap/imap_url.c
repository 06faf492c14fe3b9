#include "imap/imap_url.h"

#include <errno.h>

#include "imap/imap_reply.h"
#include "imap/imap_share.h"
#include "mailbox/url_auth.h"

/* url-resp-text can't hold everything; what is no URL is not repeated whole, either. */
static void refuse(struct imap_command *c, struct slice text)
{
	char *told = arena_str(c->arena, slice_sub(text, 0, IMAP_URL_MAX));
	for (char *at = told; *at; at++) {
		if (*at <= ' ' || *at >= 0x7f || *at == '"' || *at == '\\' || *at == ']')
			*at = '?';
	}
	imap_no(c, arena_printf(c->arena, "BADURL \"%s\"", told),
	        "There is no such message or part here.");
}

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

/* A URL that names a server names this one, and nobody else than the session's user. */
static int check_server(struct imap_command *c, const struct imap_url *url)
{
	struct find_user f = { .arena = c->arena, .name = url->user };
	if (!url->absolute)
		return 0;
	if (!url_is_here(imap_context(c->s)->config, url))
		return -ENOENT;
	if (url->user.len == 0)
		return 0;
	int rc = store_read(imap_context(c->s)->store, find_user, &f);
	return rc == 0 && f.user.account_id != c->s->account_id ? -ENOENT : rc;
}

/* What is authorized by itself is for whom it says, and of whom it says. */
static int open_authorized(struct imap_command *c, const struct imap_url *url, struct url_part *out)
{
	const struct imap_context *context = imap_context(c->s);
	const struct url_visitor who = { c->s->account_id, URL_READER };
	if (!url_is_here(context->config, url))
		return -ENOENT;
	return url_auth_open(context->store, &context->config->message, c->arena, &who, url, out);
}

static int open_own(struct imap_command *c, const struct imap_url *url, struct url_part *out)
{
	const struct imap_context *context = imap_context(c->s);
	const struct share_user user = imap_share_user(c->s);
	int rc = check_server(c, url);
	if (rc < 0)
		return rc;
	return url_open(context->store, &context->config->message, c->arena, &user,
	                c->s->selected ? c->s->selected->view->mailbox_id : 0, url, out);
}

bool imap_url_open(struct imap_command *c, struct slice text, struct url_part *out)
{
	struct imap_url url;
	int rc = -ENOENT;
	if (imap_url_parse(text, c->arena, &url))
		rc = url.access == URL_ACCESS_NONE ? open_own(c, &url, out)
		                                   : open_authorized(c, &url, out);
	if (rc == -ENOENT || rc == -EACCES)
		refuse(c, text);
	else if (rc == -EBADMSG)
		imap_no(c, "CORRUPTION", "That message can't be read.");
	else if (rc < 0)
		imap_failed(c, rc);
	return rc == 0;
}
