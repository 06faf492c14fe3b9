/* GENURLAUTH, RESETKEY and URLFETCH (RFC 4467, RFC 5524): URLs that carry their own authorization.
 */
#include <errno.h>

#include "base/log.h"
#include "imap/imap_parse_url.h"
#include "imap/imap_reply.h"
#include "imap/imap_share.h"
#include "mailbox/mailbox_news.h"
#include "mailbox/url_auth.h"

struct url_arguments {
	struct imap_url_argument *items;
	size_t count;
};

/* All of them, up to the end of the command. */
static bool take_urls(struct imap_command *c,
                      bool (*take)(struct cursor *c, struct arena *arena,
                                   struct imap_url_argument *out),
                      struct url_arguments *out)
{
	unsigned max = imap_context(c->s)->config->imap.max_urls;
	out->items = ARENA_ARRAY(c->arena, max, struct imap_url_argument);
	for (out->count = 0; out->count < max; out->count++) {
		if (out->count > 0 && cursor_at_end(&c->args))
			return true;
		if (!take(&c->args, c->arena, &out->items[out->count])) {
			imap_bad(c, "URLs are needed.");
			return false;
		}
	}
	if (!cursor_at_end(&c->args))
		imap_no(c, "LIMIT", "Too many URLs at once.");
	return c->status == IMAP_OK;
}

static bool is_our_mechanism(struct slice name)
{
	return slice_equal_nocase(name, SLICE(URL_MECHANISM));
}

/* RFC 4467 section 8: what is secret is not talked about where others may listen. */
static const char *mechanism_code(struct imap_command *c)
{
	return conn_is_tls(c->s->session.conn) ? "URLMECH " URL_MECHANISM : NULL;
}

/* --- GENURLAUTH ---------------------------------------------------------------------- */

struct generate {
	struct arena *arena;
	struct share_user user;
	size_t count;
	struct imap_url *urls;
	struct slice *tokens;
};

static int generate_step(struct db *db, void *arg)
{
	struct generate *g = arg;
	int rc = 0;
	for (size_t i = 0; i < g->count && rc == 0; i++)
		rc = url_auth_make(db, g->arena, &g->user, &g->urls[i], &g->tokens[i]);
	return rc;
}

/* The URLs are understood, of this server, and of our mechanism. */
static bool check_urls(struct imap_command *c, const struct url_arguments *args, struct generate *g)
{
	for (size_t i = 0; i < args->count; i++) {
		const struct imap_url_argument *item = &args->items[i];
		if (!imap_url_parse(item->url, c->arena, &g->urls[i]) || !g->urls[i].absolute ||
		    !url_is_here(imap_context(c->s)->config, &g->urls[i])) {
			imap_bad(c, "That is no URL of a message of yours.");
			return false;
		}
		if (!is_our_mechanism(item->mechanism)) {
			imap_no(c, "CANNOT", "The mechanism is " URL_MECHANISM ".");
			return false;
		}
	}
	return true;
}

static void tell_generated(struct imap_command *c, const struct generate *g)
{
	imap_write(c->s, SLICE("* GENURLAUTH"));
	for (size_t i = 0; i < g->count; i++) {
		struct slice parts[] = { g->urls[i].rump, SLICE(":" URL_MECHANISM ":"),
			                 g->tokens[i] };
		imap_write(c->s, SLICE(" "));
		imap_write_string(c->s, arena_concat(c->arena, parts, 3));
	}
	imap_write(c->s, SLICE("\r\n"));
}

/* genurlauth = "GENURLAUTH" 1*(SP url-rump SP mechanism) */
void imap_genurlauth(struct imap_command *c)
{
	struct url_arguments args;
	struct generate g = { .arena = c->arena, .user = imap_share_user(c->s) };
	if (!take_urls(c, imap_take_genurlauth, &args))
		return;
	g.count = args.count;
	g.urls = ARENA_ARRAY(c->arena, args.count, struct imap_url);
	g.tokens = ARENA_ARRAY(c->arena, args.count, struct slice);
	if (!check_urls(c, &args, &g))
		return;
	int rc = store_commit(imap_context(c->s)->store, NULL, 0, generate_step, &g);
	if (rc == -EACCES || rc == -ENOENT)
		imap_bad(c, "That is no URL of a message of yours.");
	else if (rc < 0)
		imap_failed(c, rc);
	else
		tell_generated(c, &g);
}

/* --- RESETKEY ------------------------------------------------------------------------ */

struct reset {
	struct arena *arena;
	int64_t account_id, mailbox_id;
	struct url_keys gone;
};

static int reset_step(struct db *db, void *arg)
{
	struct reset *r = arg;
	return url_auth_reset(db, r->arena, r->account_id, r->mailbox_id, &r->gone);
}

/* Behind the commit: notes it, and wakes who looks at one of the mailboxes. */
static void tell_others(const struct imap_session *s, const struct reset *r)
{
	struct mailboxes *mailboxes = imap_context(s)->mailboxes;
	const struct mailbox_news_item item = { .mailbox_id = r->mailbox_id,
		                                .account_id = r->account_id,
		                                .by = s->session.id };
	mailbox_news_note(mailboxes_key_news(mailboxes), &item);
	for (size_t i = 0; i < r->gone.count; i++)
		mailboxes_changed(mailboxes, r->gone.mailbox_ids[i]);
}

uint64_t imap_keys_now(const struct imap_session *s)
{
	return mailbox_news_count(mailboxes_key_news(imap_context(s)->mailboxes));
}

void imap_tell_keys(struct imap_session *s)
{
	struct imap_selected *selected = s->selected;
	struct mailbox_news_item *items;
	size_t count;
	if (!conn_is_tls(s->session.conn) || selected->keys_known == imap_keys_now(s))
		return;
	struct arena *arena = arena_new();
	/* Who has missed some of it is told: it takes no harm from that. */
	bool is_reset = !mailbox_news_since(mailboxes_key_news(imap_context(s)->mailboxes), arena,
	                                    &selected->keys_known, &items, &count);
	for (size_t i = 0; i < count; i++)
		is_reset |= items[i].account_id == s->account_id && items[i].by != s->session.id &&
		            (items[i].mailbox_id == 0 ||
		             items[i].mailbox_id == selected->view->mailbox_id);
	arena_free(arena);
	if (is_reset)
		imap_write(s, SLICE("* OK [URLMECH " URL_MECHANISM
		                    "] All URLs made so far are void.\r\n"));
}

/* resetkey = "RESETKEY" [SP mailbox *(SP mechanism)] */
void imap_resetkey(struct imap_command *c)
{
	struct reset r = { .arena = c->arena, .account_id = c->s->account_id };
	struct slice name, mechanism;
	struct share share;
	if (!cursor_at_end(&c->args)) {
		if (!imap_take_mailbox(c, &name))
			return;
		while (imap_take_space(&c->args) && imap_take_atom(&c->args, &mechanism)) {
			if (!is_our_mechanism(mechanism)) {
				imap_no(c, "CANNOT", "The mechanism is " URL_MECHANISM ".");
				return;
			}
		}
		if (!imap_at_end(c) || !imap_find_mailbox(c, name, "NONEXISTENT", ACL_READ, &share))
			return;
		r.mailbox_id = share.info.id;
	}
	int rc = store_commit(imap_context(c->s)->store, NULL, 0, reset_step, &r);
	if (rc < 0) {
		imap_failed(c, rc);
		return;
	}
	tell_others(c->s, &r);
	imap_ok(c, mechanism_code(c), "All URLs made so far are void.");
}

/* --- URLFETCH ------------------------------------------------------------------------ */

struct fetched {
	const struct message_limits *limits;
	struct arena *arena;
	const struct imap_url *url;
	const struct url_part *part;
	unsigned what;
	struct slice structure, binary;
	bool has_structure, has_binary;
};

static void take_apart(void *arg)
{
	struct fetched *f = arg;
	struct slice message = f->part->message;
	if (f->what & URLFETCH_STRUCTURE)
		f->has_structure = message_section_structure(message, f->limits, f->arena,
		                                             &f->url->section, &f->structure);
	if (!(f->what & URLFETCH_BINARY))
		return;
	f->has_binary = message_section_decoded(message, f->limits, f->arena, &f->url->section,
	                                        message.len, &f->binary) == 0;
	if (f->has_binary && f->url->has_partial)
		f->binary = slice_sub(f->binary, f->url->offset,
		                      f->url->length ? f->url->length : SIZE_MAX);
}

/* 1*(SP "(" url-metadata-el ")") */
static void tell_extended(struct imap_session *s, const struct fetched *f)
{
	if (f->what & URLFETCH_STRUCTURE) {
		imap_write(s, SLICE(" (BODYPARTSTRUCTURE "));
		imap_write(s, f->has_structure ? f->structure : SLICE("NIL"));
		imap_write(s, SLICE(")"));
	}
	if (f->what & URLFETCH_BINARY) {
		imap_write(s, SLICE(" (BINARY "));
		if (!f->has_binary)
			imap_write(s, SLICE("NIL"));
		else if (slice_find_byte(f->binary, '\0') >= 0)
			imap_write_literal8(s, f->binary);
		else
			imap_write_literal(s, f->binary);
		imap_write(s, SLICE(")"));
	}
	if (f->what & URLFETCH_BODY) {
		imap_write(s, SLICE(" (BODY "));
		imap_write_literal(s, f->part->bytes);
		imap_write(s, SLICE(")"));
	}
}

static void tell_part(struct imap_session *s, struct arena *arena, const struct imap_url *url,
                      const struct url_part *part, unsigned what)
{
	struct fetched f = { .limits = &imap_context(s)->config->message,
		             .arena = arena,
		             .url = url,
		             .part = part,
		             .what = what };
	if (what == 0) {
		imap_write(s, SLICE(" "));
		imap_write_literal(s, part->bytes);
		return;
	}
	if (what & (URLFETCH_STRUCTURE | URLFETCH_BINARY))
		fiber_offload(take_apart, &f);
	tell_extended(s, &f);
}

static struct url_visitor visitor_of(const struct imap_session *s)
{
	const char *submitters = imap_context(s)->config->imap.url_submitters;
	bool submits = url_is_listed(submitters, slice_from_str(s->address));
	return (struct url_visitor){ s->account_id, submits ? URL_SUBMITTER : URL_READER };
}

/* One URL, and what it names; NIL whatever is wrong with it. An error is trouble of ours. */
static int fetch_url(struct imap_command *c, struct arena *arena,
                     const struct imap_url_argument *item)
{
	const struct imap_context *context = imap_context(c->s);
	const struct url_visitor who = visitor_of(c->s);
	struct imap_url url;
	struct url_part part;
	int rc = -ENOENT;
	if (imap_url_parse(item->url, arena, &url) && url.absolute &&
	    url_is_here(context->config, &url))
		rc = url_auth_open(context->store, &context->config->message, arena, &who, &url,
		                   &part);
	imap_write(c->s, SLICE("* URLFETCH "));
	imap_write_string(c->s, item->url);
	if (rc == 0) {
		tell_part(c->s, arena, &url, &part, item->what);
		/* The disk lost it under us: the response does not come to its end. */
		if (!blob_is_whole(&part.blob))
			c->s->write_error = -EIO;
		url_close(&part);
	} else {
		imap_write(c->s, SLICE(" NIL"));
	}
	imap_write(c->s, SLICE("\r\n"));
	return rc == -ENOENT || rc == -EACCES ? 0 : rc;
}

/* urlfetch = "URLFETCH" 1*(SP url-fetch-arg) */
void imap_urlfetch(struct imap_command *c)
{
	struct url_arguments args;
	int failed = 0;
	if (!take_urls(c, imap_take_urlfetch, &args))
		return;
	struct arena *arena = arena_new();
	for (size_t i = 0; i < args.count && !c->s->write_error; i++) {
		int rc = fetch_url(c, arena, &args.items[i]);
		failed = failed ? failed : rc;
		arena_reset(arena);
		imap_extend(c->s);
		fiber_yield();
	}
	arena_free(arena);
	if (failed == -EBADMSG)
		imap_no(c, "CORRUPTION", "Some messages can't be read.");
	else if (failed)
		imap_failed(c, failed);
}
