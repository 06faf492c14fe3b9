/* A message that is held for some of its recipients, by a rule about them, and delivered to the
 * others: both in one commit, so that the client's 250 holds for all, and in one journey. */
#include <errno.h>

#include "route/post_internal.h"
#include "route/post_parcel.h"

bool post_is_parted(const struct post_envelope *envelope)
{
	bool any = false;
	for (size_t i = 0; i < envelope->recipient_count && !any; i++)
		any = envelope->recipients[i].hold != NULL;
	return any && !envelope->hold;
}

/* Those that are held, or the others. *hold_out: why, by the first. */
static size_t pick(const struct post_envelope *envelope, bool held, struct post_recipient *out,
                   const struct post_hold **hold_out)
{
	size_t count = 0;
	for (size_t i = 0; i < envelope->recipient_count; i++) {
		const struct post_recipient *r = &envelope->recipients[i];
		if ((r->hold != NULL) != held)
			continue;
		if (count == 0)
			*hold_out = r->hold;
		out[count] = *r;
		out[count++].hold = NULL;
	}
	return count;
}

static enum post_result deliver(struct post *p, const struct post_client *client,
                                const struct post_envelope *held, struct post_envelope *free,
                                struct slice trace, struct slice message,
                                char queue_id_out[static 17])
{
	struct post_parcel *parcel = NULL;
	int rc = post_parcel_to(p, client, held, trace, message, POST_ALL, &parcel);
	if (rc < 0)
		return rc == -ELOOP ? POST_LOOP : POST_FAILED;
	struct arena *arena = arena_new();
	struct post_parcel **reports = ARENA_ARRAY(arena, free->report_count + 1,
	                                           struct post_parcel *);
	for (size_t i = 0; i < free->report_count; i++)
		reports[i] = free->reports[i];
	reports[free->report_count++] = parcel;
	free->reports = reports;
	enum post_result result = post_deliver(p, client, free, trace, message, queue_id_out);
	post_parcel_end(parcel, result == POST_ACCEPTED);
	arena_free(arena);
	return result;
}

enum post_result post_deliver_parted(struct post *p, const struct post_client *client,
                                     const struct post_envelope *envelope, struct slice trace,
                                     struct slice message, char queue_id_out[static 17])
{
	struct arena *arena = arena_new();
	struct post_envelope held = *envelope, free = *envelope;
	const struct post_hold *none;
	char id[17];
	held.recipients = ARENA_ARRAY(arena, envelope->recipient_count, struct post_recipient);
	free.recipients = ARENA_ARRAY(arena, envelope->recipient_count, struct post_recipient);
	held.recipient_count = pick(envelope, true, held.recipients, &held.hold);
	free.recipient_count = pick(envelope, false, free.recipients, &none);
	enum post_result result;
	/* What is binary has two forms already, one of them for the quarantine. */
	if (free.recipient_count == 0 || envelope->body_binary) {
		free = *envelope;
		free.hold = held.hold;
		result = post_deliver(p, client, &free, trace, message, queue_id_out);
	} else {
		if (!envelope->queue_id)
			post_new_id(p, id);
		free.queue_id = held.queue_id = envelope->queue_id ? envelope->queue_id : id;
		held.continues = true;
		held.file_sent = false;
		held.report_count = 0;
		/* A script can't refuse what is taken for others. */
		held.refusal = free.refusal = NULL;
		result = deliver(p, client, &held, &free, trace, message, queue_id_out);
	}
	arena_free(arena);
	return result;
}
