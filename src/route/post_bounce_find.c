#include "route/post_bounce_find.h"

#include <errno.h>

#include "base/clock.h"
#include "base/codec.h"
#include "base/log.h"
#include "fiber/fiber.h"
#include "route/journey.h"
#include "store/store.h"

/* Hosts give up after five days, as a rule. */
#define SEARCH_BACK_MS (14LL * 24 * 60 * 60 * 1000)
/* Parts of a search (journey_search()), each a millisecond or two. */
#define SEARCH_PARTS 64
/* Readings of a VERP address. */
#define VERP_READINGS 4

struct finder {
	struct post *post;
	struct arena *arena;
	const struct post_envelope *envelope;
	const struct bounce *report;
	struct bounce_origin *out;
	struct slice to;         /* the reverse-path that the report was sent to; empty: several */
	struct slice verp_local; /* its local part, if it may be VERP; or empty */
	struct journey_filter filter;
	struct journey_search search;
};

/* --- by its id ---------------------------------------------------------------------------- */

static int note_received(const struct journey_event *event, void *arg)
{
	struct finder *f = arg;
	if (event->kind != JOURNEY_RECEIVED)
		return 1;
	f->out->sender = arena_copy(f->arena, event->address);
	f->out->account = arena_copy(f->arena, journey_account(event));
	f->out->queue_id = arena_copy(f->arena, event->queue_id);
	return 2;
}

static bool is_queue_id(struct slice id)
{
	bool good = id.len == QUEUE_ID_LEN;
	for (size_t i = 0; i < id.len && good; i++)
		good = byte_is_alnum(id.data[i]);
	return good;
}

/* To whom the report was sent; a rewritten sender (SRS) stands for who it was, a
 * tag (BATV) for nothing. */
static void note_to(struct db *db, struct finder *f)
{
	if (f->envelope->recipient_count != 1)
		return;
	const struct post_recipient *r = &f->envelope->recipients[0];
	struct address to = { .local = r->local, .domain = r->domain };
	struct address canonical;
	struct slice local;
	struct srs *srs = f->post->srs;
	if (srs && srs_is_form(r->local))
		srs_find(srs, db, f->arena, r->local, &to);
	if (f->post->batv && address_canonical(f->arena, &to, &canonical) &&
	    batv_find(f->post->batv, db, f->arena, &canonical, &local) == BATV_GOOD)
		to.local = local;
	f->to = address_text(f->arena, &to);
	struct slice decoded;
	char separator = f->post->config.config->local.plus_separator;
	if (separator && post_verp_decode(f->arena, to.local, separator, 0, &decoded))
		f->verp_local = to.local;
}

static int find_by_ids(struct db *db, void *arg)
{
	struct finder *f = arg;
	int rc = 0;
	note_to(db, f);
	f->out->queue_id = SLICE_EMPTY;
	for (size_t i = 0; i < f->report->id_count && f->out->queue_id.len == 0 && rc >= 0; i++) {
		if (is_queue_id(f->report->ids[i]))
			rc = journey_find(db, f->report->ids[i], -1, 1, note_received, f);
	}
	return rc < 0 ? rc : 0;
}

/* --- by a search -------------------------------------------------------------------------- */

/* A storm of them is one line a minute. */
static void tell_unsought(struct post *p, int64_t now)
{
	int64_t told = p->unsought_ms;
	if ((told == 0 || now - told >= 60000) &&
	    atomic_compare_exchange_strong(&p->unsought_ms, &told, now))
		log_warn("route.report.unsought",
		         kv_int("limit", p->config.config->queue.max_bounce_searches));
}

/* A clock of what has been searched, which may be some ahead of the time. */
static bool may_search(struct post *p)
{
	unsigned a_minute = p->config.config->queue.max_bounce_searches;
	int64_t now = clock_monotonic_ms(), at = p->searched_ms, next;
	if (a_minute == 0)
		return false;
	do {
		next = (at > now - 60000 ? at : now - 60000) + 60000 / a_minute;
		if (next > now) {
			tell_unsought(p, now);
			return false;
		}
	} while (!atomic_compare_exchange_weak(&p->searched_ms, &at, next));
	return true;
}

static int search_in_read(struct db *db, void *arg)
{
	struct finder *f = arg;
	return journey_search(db, &f->filter, &f->search, note_received, f);
}

/* The newest message that is meant. */
static int search(struct finder *f, struct slice message_id, struct slice envid)
{
	if (!may_search(f->post))
		return 0;
	f->search = (struct journey_search){ 0 };
	f->filter = (struct journey_filter){ .message_id = message_id,
		                             .envid = envid,
		                             .from = f->to,
		                             .since_ms = clock_wall_ms() - SEARCH_BACK_MS };
	int rc = 1;
	for (int part = 0; part < SEARCH_PARTS && rc == 1; part++) {
		rc = store_read(f->post->config.store, search_in_read, f);
		if (rc == 1 && fiber_self())
			fiber_yield();
	}
	return rc < 0 ? rc : 0;
}

static int find_by_search(struct finder *f)
{
	int rc = 0;
	if (f->to.len == 0 || f->report->form == BOUNCE_COMPLAINT)
		return 0;
	if (f->report->message_id.len > 0)
		rc = search(f, f->report->message_id, SLICE_EMPTY);
	if (rc == 0 && f->out->queue_id.len == 0 && f->report->envid.len > 0)
		rc = search(f, SLICE_EMPTY, xtext_encode(f->arena, f->report->envid));
	if (rc == 0 && f->out->queue_id.len == 0 && f->verp_local.len > 0)
		rc = search(f, SLICE_EMPTY, SLICE_EMPTY);
	return rc;
}

/* --- its recipients ----------------------------------------------------------------------- */

/* Was it sent on to that address? As it was spelt then. */
static int find_sent(struct db *db, const struct finder *f, struct slice address, struct slice *out)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT address FROM journey WHERE queue_id = $1 AND kind = $2"
	                  " AND lower(address) = lower($3) LIMIT 1",
	                  "tit", f->out->queue_id, (int64_t)JOURNEY_QUEUED, address);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0)
		*out = arena_copy(f->arena, db_text(&rows, 0));
	db_end(&rows);
	return rc == -ENODATA ? -ENOENT : rc;
}

/* The one recipient elsewhere, if there is one: hosts behind that one may have sent it on, and
 * complaints often leave out whose they are. */
static int find_only(struct db *db, const struct finder *f, struct slice *out)
{
	struct db_rows rows;
	size_t count = 0;
	int rc = db_query(db, &rows,
	                  "SELECT DISTINCT lower(address) FROM journey"
	                  " WHERE queue_id = $1 AND kind = $2 LIMIT 2",
	                  "ti", f->out->queue_id, (int64_t)JOURNEY_QUEUED);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		count++;
		*out = arena_copy(f->arena, db_text(&rows, 0));
	}
	db_end(&rows);
	if (rc != -ENODATA)
		return rc;
	return count == 1 ? 0 : -ENOENT;
}

bool post_verp_decode(struct arena *arena, struct slice local, char separator, size_t skip,
                      struct slice *out)
{
	ptrdiff_t plus = slice_find_byte(local, separator);
	ptrdiff_t equals = slice_find_last_byte(local, '=');
	if (plus < 0 || equals <= plus + 1 || (size_t)equals + 1 == local.len)
		return false;
	size_t from = (size_t)plus + 1;
	for (; skip > 0 && from < (size_t)equals; from++) {
		char c = local.data[from];
		skip -= c == '-' || c == '+' || c == '=';
	}
	struct slice name = slice_sub(local, from, (size_t)equals - from);
	if (skip > 0 || name.len == 0)
		return false;
	*out = arena_concat(
		arena, (struct slice[]){ name, SLICE("@"), slice_from(local, (size_t)equals + 1) },
		3);
	return true;
}

/* Any of the readings that names a recipient: "news-bob=far.test", "verp=bob=far.test". */
static int find_verp(struct db *db, const struct finder *f, struct slice *out)
{
	char separator = f->post->config.config->local.plus_separator;
	struct slice address;
	int rc = -ENOENT;
	for (size_t i = 0; i < VERP_READINGS && rc == -ENOENT; i++) {
		if (!post_verp_decode(f->arena, f->verp_local, separator, i, &address))
			break;
		rc = find_sent(db, f, address, out);
	}
	return rc;
}

static int match_one(struct db *db, struct finder *f, const struct bounce_recipient *r)
{
	struct slice recipient;
	int rc = -ENOENT;
	if (r->original.len > 0)
		rc = find_sent(db, f, r->original, &recipient);
	if (rc == -ENOENT && r->address.len > 0)
		rc = find_sent(db, f, r->address, &recipient);
	if (rc == -ENOENT && f->report->count <= 1 && f->verp_local.len > 0)
		rc = find_verp(db, f, &recipient);
	if (rc == -ENOENT && f->report->count <= 1)
		rc = find_only(db, f, &recipient);
	if (rc == 0)
		f->out->matches[f->out->count++] = (struct bounce_match){ r, recipient };
	return rc == -ENOENT ? 0 : rc;
}

static int match_all(struct db *db, void *arg)
{
	static const struct bounce_recipient complained = { .action = BOUNCE_COMPLAINED,
		                                            .address = SLICE_EMPTY };
	struct finder *f = arg;
	int rc = 0;
	f->out->count = 0;
	for (size_t i = 0; i < f->report->count && rc == 0; i++)
		rc = match_one(db, f, &f->report->recipients[i]);
	if (rc == 0 && f->report->form == BOUNCE_COMPLAINT && f->report->count == 0)
		rc = match_one(db, f, &complained);
	return rc;
}

/* --- all of it ---------------------------------------------------------------------------- */

int post_bounce_find(struct post *p, struct arena *arena, const struct post_envelope *envelope,
                     const struct bounce *report, struct bounce_origin *out)
{
	struct finder f = {
		.post = p, .arena = arena, .envelope = envelope, .report = report, .out = out
	};
	*out = (struct bounce_origin){ 0 };
	out->matches = ARENA_ARRAY(arena, report->count + 1, struct bounce_match);
	int rc = store_read(p->config.store, find_by_ids, &f);
	out->proven = out->queue_id.len > 0;
	if (rc == 0 && !out->proven)
		rc = find_by_search(&f);
	return rc == 0 && out->queue_id.len > 0 ? store_read(p->config.store, match_all, &f) : rc;
}
