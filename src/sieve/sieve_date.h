/* Parts of dates, by name (RFC 5260 section 4.2). */
#ifndef VEREDUS_SIEVE_SIEVE_DATE_H
#define VEREDUS_SIEVE_SIEVE_DATE_H

#include "message/date.h"

bool sieve_date_part_is_known(struct slice part);
/* "+0100" or "-0330" as minutes. */
bool sieve_date_zone(struct slice zone, int *minutes_out);

#endif
