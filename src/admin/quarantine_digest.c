#include "admin/quarantine_digest.h"

#include <errno.h>

#include "admin/web_html.h"
#include "base/clock.h"
#include "base/log.h"
#include "fiber/fiber.h"
#include "guard/guard_score.h"
#include "message/build.h"
#include "message/shown.h"
#include "route/post_parcel.h"
#include "route/quarantine_token.h"
#include "route/quarantine_told.h"
#include "store/store.h"

enum {
	LOOK_ACCOUNTS = 50,
	SHOWN_MAX = 50,        /* messages in one mail; the others are only counted */
	TEXT_MAX = 256 * 1024, /* of one of its forms */
};

struct digest {
	struct admin *admin;
	struct arena *arena;
	struct quarantine_untold untold;
	struct quarantine_key key;
	struct quarantine_row rows[SHOWN_MAX]; /* the oldest of them */
	size_t count;
	struct buf text, html;
	struct post_parcel *parcel;
	struct store_blob *blobs;
};

/* --- which -------------------------------------------------------------------------------- */

bool quarantine_is_for_user(const struct config *config, const struct quarantine_row *row)
{
	switch (config->quarantine.user_release) {
	case QUARANTINE_USER_ALL:
		return true;
	case QUARANTINE_USER_UNFILTERED:
		return row->reason != QUARANTINE_FILTER;
	default:
		return false;
	}
}

struct slice quarantine_reason_text(struct arena *arena, const struct quarantine_row *row)
{
	char score[GUARD_WEIGHT_TEXT_MAX];
	struct slice why = shown_text(arena, row->why, false);
	switch (row->reason) {
	case QUARANTINE_RULE:
		return slice_from_str(arena_printf(arena, "a rule here (%.*s)", SLICE_ARG(why)));
	case QUARANTINE_SCORE:
		return slice_from_str(
			arena_printf(arena, "its score, %s", guard_weight_text(row->score, score)));
	case QUARANTINE_DMARC:
		return slice_from_str(
			arena_printf(arena, "the wish of %.*s, from where it does not seem to come",
		                     SLICE_ARG(why)));
	default:
		return slice_from_str(arena_printf(arena, "a filter (%.*s)", SLICE_ARG(why)));
	}
}

static void keep_row(struct digest *d, const struct quarantine_row *row)
{
	struct quarantine_row *kept = &d->rows[d->count++];
	*kept = *row;
	kept->address = arena_copy(d->arena, row->address);
	kept->header_from = shown_text(d->arena, row->header_from, false);
	kept->subject = shown_text(d->arena, row->subject, false);
	kept->reverse_path = shown_text(d->arena, row->reverse_path, false);
	kept->why = arena_copy(d->arena, row->why);
}

static int visit(const struct quarantine_row *row, void *arg)
{
	struct digest *d = arg;
	if (row->id > d->untold.last_id)
		return 0;
	keep_row(d, row);
	return 0;
}

/* What came meanwhile is for the next. */
static int read_rows(struct db *db, void *arg)
{
	struct digest *d = arg;
	d->count = 0;
	int rc = quarantine_get_untold(db, d->untold.account_id, &d->untold);
	if (rc == 0)
		rc = quarantine_each(db, d->untold.account_id, d->untold.told_id, SHOWN_MAX, visit,
		                     d);
	return rc < 0 ? rc : 0;
}

/* --- words -------------------------------------------------------------------------------- */

/* Empty if there is none. */
static struct slice link_of(struct digest *d, const struct quarantine_row *row)
{
	const struct config_quarantine *c = &d->admin->config->quarantine;
	int64_t now_ms = clock_wall_ms(), until_ms = now_ms + c->link_lifetime_ms;
	const struct quarantine_token token = {
		.id = row->id,
		.account_id = row->account_id,
		.until_s = (until_ms < row->until_ms ? until_ms : row->until_ms) / 1000
	};
	if (!c->public_url || !quarantine_is_for_user(d->admin->config, row))
		return SLICE_EMPTY;
	struct slice text = quarantine_token_text(d->arena, &d->key, &token);
	return slice_from_str(
		arena_printf(d->arena, "%s/quarantine/%.*s", c->public_url, SLICE_ARG(text)));
}

static void put_entry(struct digest *d, const struct quarantine_row *row)
{
	char date[DATE_TEXT_MAX];
	struct slice link = link_of(d, row), why = quarantine_reason_text(d->arena, row);
	struct slice came = date_format(date_local(row->at_ms / 1000), date);
	buf_printf(&d->text,
	           "From:     %.*s\r\nSender:   <%.*s>\r\nSubject:  %.*s\r\nCame:     %.*s\r\n"
	           "Held by:  %.*s\r\n",
	           SLICE_ARG(row->header_from), SLICE_ARG(row->reverse_path),
	           SLICE_ARG(row->subject), SLICE_ARG(came), SLICE_ARG(why));
	buf_append(&d->html, SLICE("<table>\r\n"));
	html_put_row(&d->html, "From", row->header_from);
	html_put_row(&d->html, "Sender", row->reverse_path);
	html_put_row(&d->html, "Subject", row->subject);
	html_put_row(&d->html, "Came", came);
	html_put_row(&d->html, "Held by", why);
	buf_append(&d->html, SLICE("</table>\r\n"));
	if (link.len > 0) {
		buf_printf(&d->text, "Deliver:  %.*s\r\n", SLICE_ARG(link));
		buf_append(&d->html, SLICE("<p><a href=\""));
		html_put(&d->html, link);
		buf_append(&d->html, SLICE("\">Deliver it, or throw it away</a></p>\r\n"));
	}
	buf_append(&d->text, SLICE("\r\n"));
	buf_append(&d->html, SLICE("<hr>\r\n"));
}

static void put_both(struct digest *d, const char *text)
{
	buf_printf(&d->text, "%s\r\n\r\n", text);
	buf_printf(&d->html, "<p>%s</p>\r\n", text);
}

static void write_words(struct digest *d)
{
	html_begin(&d->html, "Mail is held for you");
	put_both(d, "These messages were not delivered, as something about them is wrong. "
	            "Who has sent them was not told. You need do nothing: what nobody asks for "
	            "is thrown away in time.");
	for (size_t i = 0; i < d->count; i++)
		put_entry(d, &d->rows[i]);
	if (d->untold.count > (int64_t)d->count)
		put_both(d, arena_printf(d->arena, "And %lld more: ask the administrator.",
		                         (long long)(d->untold.count - (int64_t)d->count)));
	put_both(d, "A message without a link can only be delivered by the administrator. Be "
	            "careful: names and subjects are as their senders wrote them.");
	html_end(&d->html);
}

/* --- the mail ----------------------------------------------------------------------------- */

static int put_piece(void *arg, struct slice piece) { return buf_append(arg, piece); }

static int compose(struct digest *d, const struct address *to, struct buf *out)
{
	const char *host = d->admin->config->hostname;
	const struct draft_header automatic = { "Auto-Submitted", SLICE("auto-generated") };
	long long count = d->untold.count;
	write_words(d);
	const struct draft draft = {
		.from = slice_from_str(arena_printf(d->arena, "Quarantine <postmaster@%.*s>",
		                                    SLICE_ARG(to->domain))),
		.to = arena_concat(d->arena,
		                   (struct slice[]){ SLICE("<"), d->rows[0].address, SLICE(">") },
		                   3),
		.subject = slice_from_str(arena_printf(d->arena, "%lld message%s held for you",
		                                       count, count == 1 ? " is" : "s are")),
		.text = buf_slice(&d->text),
		.html = buf_slice(&d->html),
		.date = date_local(clock_wall_ms() / 1000),
		.message_id = draft_message_id(d->arena, slice_from_str(host)),
		.headers = &automatic,
		.header_count = 1,
	};
	return draft_write(&draft, d->arena, put_piece, out);
}

static int commit(struct db *db, void *arg)
{
	struct digest *d = arg;
	int rc = quarantine_note_told(db, &d->untold);
	return rc == 0 ? post_parcel_commit(db, d->parcel, d->blobs) : rc;
}

static int deliver(struct digest *d, const struct address *to, struct slice message)
{
	struct post_recipient recipient = { .local = to->local,
		                            .domain = to->domain,
		                            .notify = NOTIFY_NEVER };
	const struct post_client client = { .helo = "", .may_relay = true };
	const struct post_envelope envelope = { .reverse_path = SLICE_EMPTY,
		                                .recipients = &recipient,
		                                .recipient_count = 1,
		                                .only = d->rows[0].address,
		                                .smtputf8 = !slice_is_ascii(message) };
	int rc = post_parcel_new(d->admin->post, &client, &envelope, message, &d->parcel);
	if (rc < 0)
		return rc;
	size_t count = post_parcel_blob_count(d->parcel);
	d->blobs = ARENA_ARRAY(d->arena, count + 1, struct store_blob);
	post_parcel_blobs(d->parcel, d->blobs);
	rc = store_commit(d->admin->store, d->blobs, count, commit, d);
	post_parcel_end(d->parcel, rc == 0);
	return rc;
}

static int tell(struct digest *d)
{
	struct address to;
	struct buf message = buf_make(4 * TEXT_MAX);
	int rc = quarantine_key_get(d->admin->store, &d->key);
	if (rc == 0)
		rc = store_read(d->admin->store, read_rows, d);
	if (rc == 0 && (d->count == 0 ||
	                !address_parse(d->arena, d->rows[0].address, ADDRESS_ALLOW_UTF8, &to)))
		rc = -ENOENT;
	if (rc == 0)
		rc = compose(d, &to, &message);
	if (rc == 0)
		rc = deliver(d, &to, buf_slice(&message));
	if (rc == 0)
		log_info("quarantine.told", kv_slice("to", d->rows[0].address),
		         kv_int("messages", d->untold.count));
	buf_free(&message);
	return rc;
}

/* 0, also when somebody else has told it; -ENOENT: there is nothing to tell. */
static int tell_account(struct admin *admin, int64_t account_id)
{
	struct digest *d = mem_zero(1, sizeof(*d));
	d->admin = admin;
	d->arena = arena_new();
	d->untold.account_id = account_id;
	d->text = buf_make(TEXT_MAX);
	d->html = buf_make(TEXT_MAX);
	int rc = tell(d);
	if (rc < 0 && rc != -ENOENT && rc != -EEXIST)
		log_warn("quarantine.tell_failed", kv_int("account", account_id), kv_error(rc));
	buf_free(&d->text);
	buf_free(&d->html);
	arena_free(d->arena);
	free(d);
	return rc == -EEXIST ? 0 : rc;
}

/* --- many --------------------------------------------------------------------------------- */

struct look {
	int64_t after;
	struct quarantine_untold found[LOOK_ACCOUNTS];
	int count;
};

static int look(struct db *db, void *arg)
{
	struct look *l = arg;
	l->count = quarantine_find_untold(db, l->after, l->found, LOOK_ACCOUNTS);
	return l->count < 0 ? l->count : 0;
}

static bool is_due(const struct config_quarantine *c, const struct quarantine_untold *u,
                   int64_t now_ms)
{
	int offset = date_local(now_ms / 1000).offset_minutes;
	return c->digest_ms > 0 &&
	       quarantine_slot(u->first_ms, c->digest_ms, c->digest_hour, offset) <
	               quarantine_slot(now_ms, c->digest_ms, c->digest_hour, offset);
}

static int tell_all(struct admin *admin, bool now, int64_t *count_out)
{
	struct look l = { .after = 0 };
	int64_t now_ms = clock_wall_ms();
	int rc;
	while ((rc = store_read(admin->store, look, &l)) == 0 && l.count > 0) {
		for (int i = 0; i < l.count; i++) {
			l.after = l.found[i].account_id;
			if (now || is_due(&admin->config->quarantine, &l.found[i], now_ms))
				*count_out += tell_account(admin, l.after) == 0;
		}
		fiber_yield();
	}
	return rc;
}

void quarantine_digest_due(struct admin *admin)
{
	int64_t count = 0;
	int rc = tell_all(admin, false, &count);
	if (rc < 0)
		log_warn("quarantine.tell_failed", kv_error(rc));
}

int quarantine_digest_now(struct admin *admin, int64_t account_id, int64_t *count_out)
{
	*count_out = 0;
	int rc = account_id != 0 ? tell_account(admin, account_id)
	                         : tell_all(admin, true, count_out);
	if (rc == 0 && account_id != 0)
		*count_out = 1;
	return rc == 0 && *count_out == 0 ? -ENOENT : rc;
}
