/* UIDBATCHES (RFC 10022): ranges of UIDs with so many messages each, from the latest down. */
#include "imap/imap_reply.h"

enum {
	BATCH_SIZE_MIN = 500,         /* section 3.1.3.1 */
	BATCH_MESSAGES_MAX = 5000000, /* that one answer may span */
};

struct batches {
	uint32_t size;        /* messages of each */
	uint32_t first, last; /* which of them are wanted, from 1 */
};

/* uidbatches = "UIDBATCHES" SP nz-number [SP nz-number ":" nz-number] */
static bool take_arguments(struct imap_command *c, struct batches *out)
{
	*out = (struct batches){ .first = 1, .last = UINT32_MAX };
	if (!imap_take_space(&c->args) || !imap_take_number(&c->args, &out->size)) {
		imap_bad(c, "UIDBATCHES needs a number of messages.");
		return false;
	}
	if (imap_take_space(&c->args) &&
	    (!imap_take_number(&c->args, &out->first) || !take_byte(&c->args, ':') ||
	     !imap_take_number(&c->args, &out->last) || out->first == 0)) {
		imap_bad(c, "That is no range of batches.");
		return false;
	}
	return imap_at_end(c);
}

static bool may_answer(struct imap_command *c, const struct batches *b)
{
	if (b->first > b->last) {
		imap_bad(c, "The range goes backwards.");
		c->code = "CLIENTBUG";
		return false;
	}
	if (b->size < BATCH_SIZE_MIN) {
		imap_no(c, "TOOFEW", "A batch has 500 messages at least.");
		return false;
	}
	if (c->s->selected->view->count > BATCH_MESSAGES_MAX && b->last == UINT32_MAX) {
		imap_no(c, "TOOMANY", "Please ask for some batches of them.");
		return false;
	}
	return true;
}

/* The batch's greatest UID is that of its last message, or of nothing that came after the latest;
 * its lowest leaves no UID between it and the next. */
static bool write_batch(struct imap_session *s, const struct batches *b, uint64_t number)
{
	const struct mailbox_view *view = s->selected->view;
	uint64_t above = (number - 1) * b->size;
	struct mailbox_item high, low;
	if (above >= view->count)
		return false;
	uint32_t high_seq = view->count - (uint32_t)above;
	uint32_t low_uid = 1;
	if (!mailbox_view_by_seq(view, high_seq, &high))
		return false;
	if (high_seq > b->size && mailbox_view_by_seq(view, high_seq - b->size, &low))
		low_uid = low.uid + 1;
	imap_printf(s, "%s%u:%u", number == b->first ? " " : ",", high.uid, low_uid);
	return true;
}

void imap_uidbatches(struct imap_command *c)
{
	struct batches b;
	if (!take_arguments(c, &b) || !may_answer(c, &b))
		return;
	imap_write(c->s, SLICE("* UIDBATCHES (TAG \""));
	imap_write(c->s, c->tag);
	imap_write(c->s, SLICE("\")"));
	for (uint64_t n = b.first; n <= b.last && write_batch(c->s, &b, n); n++)
		;
	imap_write(c->s, SLICE("\r\n"));
}
