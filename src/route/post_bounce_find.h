/* Which message of ours a report is about, and which of its recipients.
 *
 * Anybody can write a report. It is believed as far as it shows that its author has seen the
 * message, by what is found first of:
 *
 *     1. the id that the message had here, which stands in our Received field: proof, as nobody
 *        else knows it
 *     2. its Message-ID, in the header that came back
 *     3. its ENVID (RFC 3461), in Original-Envelope-Id
 *     4. a reverse-path that has a recipient in it (VERP): list+bob=far.test@ours.example
 *
 * By 2 to 4 it is only found if the report comes to the reverse-path of the message: then whoever
 * sent it knew both, which all do who got the message. And it must be about a recipient that the
 * message was sent to. 2 to 4 are searches (journey_sketch.h): of the last weeks, and only
 * so many in a minute, as each costs more than the report has cost its author. */
#ifndef VEREDUS_ROUTE_POST_BOUNCE_FIND_H
#define VEREDUS_ROUTE_POST_BOUNCE_FIND_H

#include "message/bounce.h"
#include "route/post_internal.h"

/* One recipient of the report and of the message. */
struct bounce_match {
	const struct bounce_recipient *said;
	struct slice recipient; /* as the message was sent to it */
};

struct bounce_origin {
	struct slice queue_id, sender, account; /* of the message */
	bool proven;                            /* found by its id */
	struct bounce_match *matches;
	size_t count; /* 0: nothing was found */
};

/* 0, or an error of the store. The report must outlive *out, which lies in the arena. Parks the
 * fiber. */
int post_bounce_find(struct post *p, struct arena *arena, const struct post_envelope *envelope,
                     const struct bounce *report, struct bounce_origin *out);

/* The address in a reverse-path of the form local SEP ... local "=" domain "@" ours: that
 * reading which begins behind the separator and `skip` more of "-", "+" and "=", in the arena.
 * False: there is none. */
bool post_verp_decode(struct arena *arena, struct slice local, char separator, size_t skip,
                      struct slice *out);

#endif
