/* Parts of dates, by name (RFC 5260 section 4.2). */
#ifndef VEREDUS_SIEVE_SIEVE_DATE_H
#define VEREDUS_SIEVE_SIEVE_DATE_H

#include "message/date.h"

bool sieve_date_part_is_known(struct slice part);
/* In the zone of the date; in the arena. False if there is no such part. */
bool sieve_date_part(struct arena *arena, struct slice part, struct date date, struct slice *out);
/* "+0100" or "-0330" as minutes. */
bool sieve_date_zone(struct slice zone, int *minutes_out);

#endif
