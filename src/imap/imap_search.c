/* SEARCH (RFC 3501 section 6.4.4) and its ESEARCH answer (RFC 4731). */
#include "imap/imap_search.h"
#include "imap/imap_limit.h"
#include "imap/imap_named.h"
#include "imap/imap_reply.h"
#include "imap/imap_seek.h"
#include "imap/imap_update.h"
#include "message/header.h"

struct search {
	struct imap_command *c;
	struct imap_session *s;
	struct imap_search *request;
	struct imap_seek seek;
};

/* RFC 9738 limits the messages that are looked at: those that the UIDs and numbers among the keys
 * leave. */
static void limit_search(struct search *f, struct uid_set *uids)
{
	*uids = UID_SET_ALL;
	for (const struct imap_search_key *key = f->request->root->first; key; key = key->next) {
		if (key->kind == SEARCH_SEQ || key->kind == SEARCH_UID ||
		    key->kind == SEARCH_UIDAFTER || key->kind == SEARCH_UIDBEFORE)
			*uids = uid_set_common(f->c->arena, uids, &key->resolved);
	}
	if (imap_limit(f->c, uids, 0, imap_message_limit(f->s)))
		f->seek.among = uids;
}

/* --- answering ----------------------------------------------------------------------- */

static void answer_search(struct search *f)
{
	imap_write(f->s, SLICE("* SEARCH"));
	for (size_t i = 0; i < f->seek.numbers.count; i++) {
		struct uid_range r = f->seek.numbers.ranges[i];
		for (uint64_t n = r.first; n <= r.last && !f->s->write_error; n++)
			imap_write_number(f->s, SLICE(" "), n);
	}
	if (f->request->mod_seq && f->seek.numbers.count)
		imap_printf(f->s, " (MODSEQ %llu)",
		            (unsigned long long)imap_told_mod_seq(f->request, &f->seek));
	imap_write(f->s, SLICE("\r\n"));
}

static void save_uids(struct imap_selected *selected, const struct uid_set *uids)
{
	free(selected->saved.ranges);
	selected->saved = (struct uid_set){ .count = uids->count };
	if (uids->count == 0)
		return;
	selected->saved.ranges = mem_alloc(uids->count * sizeof(struct uid_range));
	memcpy(selected->saved.ranges, uids->ranges, uids->count * sizeof(struct uid_range));
}

void imap_search_save(struct imap_command *c, const struct imap_search *request,
                      const struct uid_set *uids, const struct imap_search_told *told)
{
	const unsigned some = RETURN_MIN | RETURN_MAX | RETURN_PARTIAL;
	struct uid_set kept = { 0 };
	if (!(request->returns & RETURN_SAVE))
		return;
	if (uids->count && (request->returns & some) &&
	    !(request->returns & (RETURN_ALL | RETURN_COUNT))) {
		if (request->returns & RETURN_MIN)
			uid_set_add(c->arena, &kept, told->first, told->first);
		if (request->returns & RETURN_MAX)
			uid_set_add(c->arena, &kept, told->last, told->last);
		for (size_t i = 0; i < told->part.count; i++)
			uid_set_add(c->arena, &kept, told->part.ranges[i].first,
			            told->part.ranges[i].last);
		uid_set_sort(&kept);
		uids = &kept;
	}
	save_uids(c->s->selected, uids);
}

/* Those at the places that PARTIAL asks for. */
static struct uid_set part_of(struct arena *arena, const struct imap_search *request,
                              const struct uid_set *uids)
{
	struct uid_set part = { 0 };
	uint64_t skip, left;
	if (!(request->returns & RETURN_PARTIAL))
		return part;
	imap_partial_resolve(&request->partial, uid_set_size(uids), &skip, &left);
	for (size_t i = 0; i < uids->count && left > 0; i++) {
		struct uid_range r = uids->ranges[i];
		uint64_t here = (uint64_t)r.last - r.first + 1;
		uint64_t passed = skip < here ? skip : here;
		uint64_t taken = left < here - passed ? left : here - passed;
		if (taken > 0)
			uid_set_add(arena, &part, (uint32_t)(r.first + passed),
			            (uint32_t)(r.first + passed + taken - 1));
		skip -= passed;
		left -= taken;
	}
	return part;
}

void imap_search_save_found(struct imap_command *c, const struct imap_search *request,
                            const struct uid_set *uids)
{
	struct imap_search_told told = { .first = 0 };
	if (uids->count > 0)
		told = (struct imap_search_told){ uids->ranges[0].first,
			                          uids->ranges[uids->count - 1].last,
			                          part_of(c->arena, request, uids) };
	imap_search_save(c, request, uids, &told);
}

void imap_search_end(struct imap_command *c, const struct imap_search *request)
{
	if (c->status == IMAP_NO && (request->returns & RETURN_SAVE) && c->s->selected)
		save_uids(c->s->selected, &(struct uid_set){ 0 });
}

bool imap_search_may_run(struct imap_command *c, struct imap_search *request)
{
	if (!imap_named_resolve(c, c->arena, request))
		return false;
	if (request->has_seqs && (c->s->enabled & ENABLED_UIDONLY)) {
		imap_uid_required(c);
		return false;
	}
	if (request->charset.len == 0 || charset_is_known(request->charset))
		return true;
	imap_no(c, "BADCHARSET (UTF-8 US-ASCII)", "That charset is not known here.");
	return false;
}

static bool take_search(struct imap_command *c, struct imap_search *request)
{
	if (!imap_take_space(&c->args) || !imap_take_search(&c->args, c->arena, request)) {
		imap_bad(c, "SEARCH needs keys.");
		return false;
	}
	/* RFC 9755 section 3 */
	if ((c->s->enabled & ENABLED_UTF8) && request->charset.len > 0) {
		imap_bad(c, "All is UTF-8 now.");
		return false;
	}
	if (!imap_at_end(c) || !imap_search_may_run(c, request))
		return false;
	/* RFC 9051 section 6.4.4 */
	if ((c->s->enabled & ENABLED_REV2) && !request->extended) {
		request->extended = true;
		request->returns = RETURN_ALL;
	}
	return true;
}

int imap_search_run(struct imap_command *c, struct imap_search *request, struct uid_set *uids_out,
                    unsigned *unreadable_out)
{
	struct imap_seek seek = imap_seek_of(c, request->root);
	if (request->mod_seq)
		imap_enable_condstore(c->s);
	imap_seek_prepare(&seek);
	int rc = imap_seek_run(&seek);
	*uids_out = seek.numbers;
	*unreadable_out = seek.unreadable;
	return rc;
}

static int run(struct search *f)
{
	struct uid_set among;
	if (f->request->mod_seq)
		imap_enable_condstore(f->s);
	f->seek = imap_seek_of(f->c, f->request->root);
	f->seek.by_uid = f->c->by_uid;
	f->seek.scores_wanted = f->request->returns & RETURN_RELEVANCY;
	imap_seek_prepare(&f->seek);
	limit_search(f, &among);
	return imap_seek_run(&f->seek);
}

static void keep_result(struct search *f, struct cursor args)
{
	struct uid_set uids = f->seek.numbers;
	if (!(f->request->returns & (RETURN_SAVE | RETURN_UPDATE)))
		return;
	if (!f->seek.by_uid)
		uids = mailbox_view_uids(f->seek.view, f->c->arena, &f->seek.numbers);
	imap_search_save_found(f->c, f->request, &uids);
	(void)imap_take_space(&args);
	if (f->request->returns & RETURN_UPDATE)
		imap_update_search(f->c, args, &uids);
}

static void search(struct imap_command *c, struct imap_search *request)
{
	struct search f = { .c = c, .s = c->s, .request = request };
	struct cursor args = c->args;
	if (!take_search(c, request) ||
	    ((request->returns & RETURN_UPDATE) && imap_update_is_taken(c)))
		return;
	int rc = run(&f);
	if (rc < 0) {
		imap_failed(c, rc);
		return;
	}
	if (!request->extended)
		answer_search(&f);
	else if (request->returns != RETURN_SAVE)
		imap_esearch_tell(c, request, &f.seek, NULL);
	keep_result(&f, args);
	if (f.seek.unreadable)
		imap_no(c, "CORRUPTION", "Some messages can't be read.");
}

void imap_search(struct imap_command *c)
{
	struct imap_search request = { 0 };
	search(c, &request);
	imap_search_end(c, &request);
}
