#include "smtp/smtp_quarantine.h"

#include "smtp/smtp_filter.h"
#include "smtp/smtp_trust.h"

static bool find_reason(const struct smtp_session *s, struct post_hold *out)
{
	const struct smtp_transaction *t = s->transaction;
	const char *filter = smtp_filter_held(s);
	struct slice domain = smtp_trust_held_for(s);
	char total[GUARD_WEIGHT_TEXT_MAX];
	if (t->held_by)
		*out = (struct post_hold){ QUARANTINE_RULE, slice_from_str(t->held_by) };
	else if (filter)
		*out = (struct post_hold){ QUARANTINE_FILTER, slice_from_str(filter) };
	else if (t->fate == GUARD_QUARANTINE)
		*out = (struct post_hold){ QUARANTINE_SCORE,
			                   arena_copy(t->arena, slice_from_str(guard_weight_text(
									t->score->total, total))) };
	else if (domain.len > 0)
		*out = (struct post_hold){ QUARANTINE_DMARC, domain };
	else
		return false;
	return true;
}

const struct post_hold *smtp_quarantine(const struct smtp_session *s)
{
	struct post_hold found, *kept;
	if (!find_reason(s, &found))
		return NULL;
	kept = ARENA_NEW(s->transaction->arena, struct post_hold);
	*kept = found;
	return kept;
}
