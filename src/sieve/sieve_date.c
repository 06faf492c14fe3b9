#include "sieve/sieve_date.h"

#include "sieve/sieve_machine.h"

struct civil {
	int64_t days; /* since 1970-01-01 */
	int64_t year;
	int month, day, hour, minute, second;
};

/* The proleptic Gregorian calendar, in eras of 400 years that begin in March. */
static struct civil civil_of(struct date date)
{
	int64_t local = date.unix_s + date.offset_minutes * 60LL;
	int64_t days = local / 86400 - (local % 86400 < 0);
	int rest = (int)(local - days * 86400);
	int64_t z = days + 719468, era = z / 146097 - (z % 146097 < 0);
	int64_t in_era = z - era * 146097;
	int64_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
	int64_t in_year = in_era - (365 * year + year / 4 - year / 100);
	int month = (int)((5 * in_year + 2) / 153);
	struct civil c = { .days = days,
		           .day = (int)(in_year - (153 * month + 2) / 5 + 1),
		           .month = month < 10 ? month + 3 : month - 9,
		           .hour = rest / 3600,
		           .minute = rest / 60 % 60,
		           .second = rest % 60 };
	c.year = year + era * 400 + (c.month <= 2);
	return c;
}

enum date_part {
	DATE_YEAR,
	DATE_MONTH,
	DATE_DAY,
	DATE_DATE,
	DATE_JULIAN,
	DATE_HOUR,
	DATE_MINUTE,
	DATE_SECOND,
	DATE_TIME,
	DATE_ISO8601,
	DATE_STD11,
	DATE_ZONE,
	DATE_WEEKDAY,
	DATE_PARTS,
};
static const char *const part_names[DATE_PARTS] = {
	"year",   "month", "day",     "date",  "julian", "hour",    "minute",
	"second", "time",  "iso8601", "std11", "zone",   "weekday",
};

static enum date_part find_part(struct slice part)
{
	int i = 0;
	while (i < DATE_PARTS && !slice_equal_nocase(part, slice_from_str(part_names[i])))
		i++;
	return (enum date_part)i;
}

bool sieve_date_part_is_known(struct slice part) { return find_part(part) != DATE_PARTS; }

/* In the zone of the date; in the arena. False if there is no such part. */
static bool sieve_date_part(struct arena *arena, struct slice part, struct date date,
                            struct slice *out)
{
	struct civil c = civil_of(date);
	int offset = date.offset_minutes < 0 ? -date.offset_minutes : date.offset_minutes;
	char sign = date.offset_minutes < 0 ? '-' : '+', text[DATE_TEXT_MAX];
	enum date_part which = find_part(part);
	/* Days since 1858-11-17, the Modified Julian Day. */
	static const int julian_of_1970 = 40587;
	const int numbers[DATE_PARTS] = {
		[DATE_MONTH] = c.month,   [DATE_DAY] = c.day,       [DATE_HOUR] = c.hour,
		[DATE_MINUTE] = c.minute, [DATE_SECOND] = c.second,
	};
	switch (which) {
	case DATE_PARTS:
		return false;
	case DATE_YEAR:
		*out = slice_from_str(arena_printf(arena, "%04lld", (long long)c.year));
		return true;
	case DATE_DATE:
		*out = slice_from_str(
			arena_printf(arena, "%04lld-%02d-%02d", (long long)c.year, c.month, c.day));
		return true;
	case DATE_JULIAN:
		*out = slice_from_str(
			arena_printf(arena, "%lld", (long long)c.days + julian_of_1970));
		return true;
	case DATE_TIME:
		*out = slice_from_str(
			arena_printf(arena, "%02d:%02d:%02d", c.hour, c.minute, c.second));
		return true;
	case DATE_ISO8601:
		*out = slice_from_str(
			arena_printf(arena, "%04lld-%02d-%02dT%02d:%02d:%02d%c%02d:%02d",
		                     (long long)c.year, c.month, c.day, c.hour, c.minute, c.second,
		                     sign, offset / 60, offset % 60));
		return true;
	case DATE_STD11:
		*out = arena_copy(arena, date_format(date, text));
		return true;
	case DATE_ZONE:
		*out = slice_from_str(
			arena_printf(arena, "%c%02d%02d", sign, offset / 60, offset % 60));
		return true;
	case DATE_WEEKDAY:
		*out = slice_from_str(arena_printf(arena, "%d", (int)(((c.days + 4) % 7 + 7) % 7)));
		return true;
	default:
		*out = slice_from_str(arena_printf(arena, "%02d", numbers[which]));
		return true;
	}
}

bool sieve_date_zone(struct slice zone, int *minutes_out)
{
	uint64_t number;
	if (zone.len != 5 || (zone.data[0] != '+' && zone.data[0] != '-') ||
	    !slice_to_u64(slice_from(zone, 1), &number) || number % 100 > 59 || number > 2359)
		return false;
	int minutes = (int)(number / 100 * 60 + number % 100);
	*minutes_out = zone.data[0] == '-' ? -minutes : minutes;
	return true;
}

/* --- the tests ------------------------------------------------------------------------- */

struct date_look {
	struct slice part;
	const struct sieve_arg *zone; /* NULL: the local one */
	struct matcher *match;
};

/* RFC 5260 section 4: in the zone asked for, that of the writer, or that of this host. */
static struct date in_zone(struct machine *m, const struct sieve_arg *zone, struct date date)
{
	int minutes;
	if (zone && zone->choice == 1)
		return date;
	if (!zone)
		return date_local(date.unix_s);
	if (sieve_date_zone(machine_string(m, &zone->items[0]), &minutes))
		date.offset_minutes = minutes;
	return date;
}

static bool look_at_date(struct machine *m, struct slice value, void *arg)
{
	struct date_look *look = arg;
	struct date date;
	struct slice text;
	/* The date of a Received field stands behind its last semicolon. */
	ptrdiff_t semicolon = slice_find_last_byte(value, ';');
	if (semicolon >= 0)
		value = slice_from(value, (size_t)semicolon + 1);
	if (!date_parse(slice_trim(value), &date))
		return false;
	date = in_zone(m, look->zone, date);
	return sieve_date_part(m->scratch, look->part, date, &text) &&
	       matcher_try(look->match, text);
}

int sieve_test_date(struct machine *m, const struct sieve_call *call, bool *out)
{
	struct matcher match;
	int rc = matcher_begin(&match, m, call, SLOT_POSITION + 2);
	if (rc < 0)
		return rc;
	const struct sieve_arg *index = sieve_arg(call, SLOT_INDEX);
	/* Of several fields the first counts (section 4.1), unless :index says another. */
	struct date_look look = { .part = machine_text(m, call, SLOT_POSITION + 1),
		                  .zone = sieve_arg(call, SLOT_ZONE),
		                  .match = &match };
	machine_each_field(m, machine_header_of(m, NULL), machine_text(m, call, SLOT_POSITION),
	                   index ? index->number : 1, sieve_arg(call, SLOT_LAST) != NULL,
	                   look_at_date, &look);
	return matcher_end(&match, out);
}

int sieve_test_currentdate(struct machine *m, const struct sieve_call *call, bool *out)
{
	struct matcher match;
	int rc = matcher_begin(&match, m, call, SLOT_POSITION + 1);
	if (rc < 0)
		return rc;
	struct date date = { .unix_s = m->job->now_ms / 1000 };
	struct slice text, part = machine_text(m, call, SLOT_POSITION);
	date = in_zone(m, sieve_arg(call, SLOT_ZONE), date);
	if (sieve_date_part(m->scratch, part, date, &text))
		matcher_try(&match, text);
	return matcher_end(&match, out);
}
