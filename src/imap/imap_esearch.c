/* The ESEARCH response (RFC 4731): what a search found, as the client wants it told. */
#include "imap/imap_reply.h"
#include "imap/imap_search.h"

struct found {
	struct imap_session *s;
	const struct imap_search *request;
	struct imap_seek *seek;
	const struct mailbox_info *mailbox; /* NULL: the selected one, which is not told */
};

/* The greatest MODSEQ of what the answer names (RFC 7162 section 3.1.5): of all that was found, or
 * of the first or last if only these are told. */
static uint64_t greatest_mod_seq(struct found *f, const struct uid_set *numbers)
{
	const struct mailbox_view *view = f->seek->view;
	struct uid_set uids = f->seek->by_uid ? *numbers
	                                      : mailbox_view_uids(view, f->seek->arena, numbers);
	struct mailbox_set_walk walk = { .uids = &uids };
	struct mailbox_item item;
	uint64_t greatest = 0;
	while (mailbox_view_next_of(view, &walk, &item))
		greatest = item.mod_seq > greatest ? item.mod_seq : greatest;
	return greatest;
}

static uint64_t told_mod_seq(struct found *f)
{
	const struct uid_set *n = &f->seek->numbers;
	unsigned returns = f->request->returns;
	struct uid_set ends = { 0 };
	if (!f->request->extended || (returns & (RETURN_ALL | RETURN_COUNT)) ||
	    !(returns & (RETURN_MIN | RETURN_MAX)))
		return greatest_mod_seq(f, n);
	if (returns & RETURN_MIN)
		uid_set_add(f->seek->arena, &ends, n->ranges[0].first, n->ranges[0].first);
	if (returns & RETURN_MAX)
		uid_set_add(f->seek->arena, &ends, n->ranges[n->count - 1].last,
		            n->ranges[n->count - 1].last);
	return greatest_mod_seq(f, &ends);
}

/* " PARTIAL (-1:-100 2:4,8)": those at some places among what was found (RFC 9394 section 3.1). */
static void answer_partial(struct found *f)
{
	const struct imap_partial *p = &f->request->partial;
	const char *minus = p->from_end ? "-" : "";
	struct uid_set some = { 0 };
	uint64_t first, count;
	imap_partial_resolve(p, uid_set_size(&f->seek->numbers), &first, &count);
	for (size_t i = 0; i < f->seek->numbers.count && count > 0; i++) {
		struct uid_range r = f->seek->numbers.ranges[i];
		uint64_t size = (uint64_t)r.last - r.first + 1, taken;
		if (first >= size) {
			first -= size;
			continue;
		}
		taken = size - first < count ? size - first : count;
		uid_set_add(f->seek->arena, &some, r.first + (uint32_t)first,
		            r.first + (uint32_t)(first + taken - 1));
		count -= taken;
		first = 0;
	}
	imap_printf(f->s, " PARTIAL (%s%u:%s%u ", minus, p->first, minus, p->last);
	if (some.count == 0)
		imap_write(f->s, SLICE("NIL"));
	imap_write_set(f->s, &some);
	imap_write(f->s, SLICE(")"));
}

/* In the order of what is told (RFC 6203 section 4). */
static void answer_relevancy(struct found *f)
{
	uint64_t first = 0, count = f->seek->score_count;
	if (f->request->returns & RETURN_PARTIAL)
		imap_partial_resolve(&f->request->partial, count, &first, &count);
	if (count == 0)
		return;
	imap_write(f->s, SLICE(" RELEVANCY ("));
	for (uint64_t i = first; i < first + count && !f->s->write_error; i++)
		imap_write_number(f->s, i == first ? SLICE_EMPTY : SLICE(" "),
		                  f->seek->scores[i].score);
	imap_write(f->s, SLICE(")"));
}

/* search-correlator = SP "(" "TAG" SP tag-string ["MAILBOX" ... "UIDVALIDITY" ...] ")" */
static void write_correlator(struct found *f, struct slice tag)
{
	imap_write(f->s, SLICE("* ESEARCH (TAG \""));
	imap_write(f->s, tag);
	imap_write(f->s, SLICE("\""));
	if (f->mailbox) {
		imap_write(f->s, SLICE(" MAILBOX "));
		imap_write_mailbox(f->s, f->seek->arena, f->mailbox->name);
		imap_write_number(f->s, SLICE(" UIDVALIDITY "), f->seek->view->uid_validity);
	}
	imap_write(f->s, f->seek->by_uid ? SLICE(") UID") : SLICE(")"));
}

/* RFC 4731 section 3.1: nothing but the count when nothing was found. */
void imap_esearch_tell(struct imap_command *c, const struct imap_search *request,
                       struct imap_seek *seek, const struct mailbox_info *mailbox)
{
	struct found f = { c->s, request, seek, mailbox };
	const struct uid_set *n = &seek->numbers;
	unsigned returns = request->returns;

	write_correlator(&f, c->tag);
	if ((returns & RETURN_MIN) && n->count)
		imap_write_number(c->s, SLICE(" MIN "), n->ranges[0].first);
	if ((returns & RETURN_MAX) && n->count)
		imap_write_number(c->s, SLICE(" MAX "), n->ranges[n->count - 1].last);
	if (returns & RETURN_COUNT)
		imap_write_number(c->s, SLICE(" COUNT "), uid_set_size(n));
	if ((returns & RETURN_ALL) && n->count) {
		imap_write(c->s, SLICE(" ALL "));
		imap_write_set(c->s, n);
	}
	if (returns & RETURN_PARTIAL)
		answer_partial(&f);
	if (returns & RETURN_RELEVANCY)
		answer_relevancy(&f);
	if (request->mod_seq && n->count)
		imap_write_number(c->s, SLICE(" MODSEQ "), told_mod_seq(&f));
	imap_write(c->s, SLICE("\r\n"));
}

uint64_t imap_told_mod_seq(const struct imap_search *request, struct imap_seek *seek)
{
	struct found f = { seek->s, request, seek, NULL };
	return told_mod_seq(&f);
}
