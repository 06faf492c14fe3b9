/* Dates of messages (RFC 5322 section 3.3, obsolete forms of 4.3 too) and of IMAP. */
#ifndef VEREDUS_MESSAGE_DATE_H
#define VEREDUS_MESSAGE_DATE_H

#include "base/arena.h"
#include "base/slice.h"

struct date {
	int64_t unix_s;     /* seconds since 1970-01-01 00:00 UTC */
	int offset_minutes; /* the writer's zone, east positive */
};

/* Room for any formatted date with its NUL: "Wed, 17 Jul 1996 02:44:25 -0700". */
#define DATE_TEXT_MAX 40

/* Reads a Date field's body: day name optional, two- and three-digit years, comments, zone names
 * (unknown ones are +0000), a missing zone, seconds that are missing or 60. False if it is no
 * date between the years 1900 and 9999. */
bool date_parse(struct slice text, struct date *out);
/* "17-Jul-1996 02:44:25 -0700" (RFC 3501 date-time), a leading space for the day allowed. */
bool date_parse_imap(struct slice text, struct date *out);
/* "17-Jul-1996" (RFC 3501 date, as in SEARCH SINCE): midnight UTC of that day. */
bool date_parse_imap_day(struct slice text, struct date *out);
/* "1996-07-17T02:44:25.5-07:00" (RFC 3339 date-time); parts of a second are left out. */
bool date_parse_internet(struct slice text, struct date *out);

/* "Wed, 17 Jul 1996 02:44:25 -0700". Returns the text in out. */
struct slice date_format(struct date date, char out[static DATE_TEXT_MAX]);
/* "17-Jul-1996 02:44:25 -0700", the day padded with a space. */
struct slice date_format_imap(struct date date, char out[static DATE_TEXT_MAX]);
/* "1996-07-17T09:44:25Z". */
struct slice date_format_internet(int64_t unix_s, char out[static DATE_TEXT_MAX]);
/* The moment with the offset that this machine's zone (TZ) has then. */
struct date date_local(int64_t unix_s);

/* Days since 1970-01-01 of a day of the proleptic Gregorian calendar; month 1 to 12. */
int64_t date_days(int64_t year, int month, int day);

#endif
