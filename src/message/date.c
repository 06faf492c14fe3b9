#include "message/date.h"

#include <stdio.h>

#include "base/cursor.h"

#define DAY_S 86400

static const char month_names[12][4] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
	                                 "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
static const char day_names[7][4] = { "Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat" };

/* Counted in years that begin in March, so that the leap day is the last. */
int64_t date_days(int64_t year, int month, int day)
{
	year -= month <= 2;
	int64_t era = (year >= 0 ? year : year - 399) / 400;
	int64_t in_era = year - era * 400;
	int64_t in_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + in_era * 365 + in_era / 4 - in_era / 100 + in_year - 719468;
}

static int days_in_month(int64_t year, int month)
{
	static const char days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	return month == 2 && leap ? 29 : days[month - 1];
}

/* The reverse of date_days(). */
static void civil_of(int64_t days, int64_t *year_out, int *month_out, int *day_out)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	int64_t of_era = days - era * 146097;
	int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
	int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
	int64_t march = (5 * of_year + 2) / 153;
	*day_out = (int)(of_year - (153 * march + 2) / 5 + 1);
	*month_out = (int)(march < 10 ? march + 3 : march - 9);
	*year_out = year + era * 400 + (*month_out <= 2);
}

/* Folding white space and comments between tokens; an open comment reaches to the end. */
static void skip_cfws(struct cursor *c)
{
	size_t depth = 0;
	for (; !cursor_at_end(c); c->at++) {
		char b = *c->at;
		if (b == '(')
			depth++;
		else if (depth == 0 && !byte_is_space(b) && b != '\r' && b != '\n')
			return;
		else if (depth > 0 && b == ')')
			depth--;
		else if (depth > 0 && b == '\\' && c->at + 1 < c->end)
			c->at++;
	}
}

static bool take_digits(struct cursor *c, size_t least, size_t most, int *out, size_t *count_out)
{
	struct cursor at = *c;
	int value = 0;
	size_t count = 0;
	while (count < most && !cursor_at_end(&at) && byte_is_digit(*at.at)) {
		value = value * 10 + (*at.at - '0');
		at.at++;
		count++;
	}
	if (count < least || (!cursor_at_end(&at) && byte_is_digit(*at.at)))
		return false;
	*out = value;
	if (count_out)
		*count_out = count;
	*c = at;
	return true;
}

static bool is_letter(char c) { return byte_is_alpha(c); }

/* Months are also written out in full. */
static bool take_month(struct cursor *c, int *out)
{
	struct cursor at = *c;
	struct slice word;
	if (!take_while(&at, is_letter, 16, &word) || word.len < 3)
		return false;
	for (int i = 0; i < 12; i++) {
		if (!slice_equal_nocase(slice_sub(word, 0, 3), slice_from_str(month_names[i])))
			continue;
		*out = i + 1;
		*c = at;
		return true;
	}
	return false;
}

static bool take_colon(struct cursor *c)
{
	struct cursor at = *c;
	skip_cfws(&at);
	if (!take_byte(&at, ':'))
		return false;
	skip_cfws(&at);
	*c = at;
	return true;
}

/* hh:mm[:ss] in seconds */
static bool take_time(struct cursor *c, int *seconds_out)
{
	struct cursor at = *c;
	int hour, minute, second = 0;
	if (!take_digits(&at, 1, 2, &hour, NULL) || !take_colon(&at) ||
	    !take_digits(&at, 1, 2, &minute, NULL))
		return false;
	if (take_colon(&at) && !take_digits(&at, 1, 2, &second, NULL))
		return false;
	if (hour > 23 || minute > 59 || second > 60)
		return false;
	*seconds_out = hour * 3600 + minute * 60 + second;
	*c = at;
	return true;
}

/* ("+" / "-") 4DIGIT; minutes east of Greenwich */
static bool take_numeric_zone(struct cursor *c, int *minutes_out)
{
	struct cursor at = *c;
	int value;
	bool west = cursor_peek(&at) == '-';
	if (!(take_byte(&at, '+') || take_byte(&at, '-')) || !take_digits(&at, 4, 4, &value, NULL))
		return false;
	if (value / 100 > 23 || value % 100 > 59)
		return false;
	int minutes = value / 100 * 60 + value % 100;
	*minutes_out = west ? -minutes : minutes;
	*c = at;
	return true;
}

/* RFC 5322 section 4.3: the American names mean something, all others count as -0000. */
static int named_zone(struct slice name)
{
	static const struct {
		char name[4];
		int hours;
	} zones[] = { { "EST", -5 }, { "EDT", -4 }, { "CST", -6 }, { "CDT", -5 },
		      { "MST", -7 }, { "MDT", -6 }, { "PST", -8 }, { "PDT", -7 } };
	for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++)
		if (slice_equal_nocase(name, slice_from_str(zones[i].name)))
			return zones[i].hours * 60;
	return 0;
}

static int take_zone(struct cursor *c)
{
	int minutes;
	struct slice name;
	skip_cfws(c);
	if (take_numeric_zone(c, &minutes))
		return minutes;
	return take_while(c, is_letter, 16, &name) ? named_zone(name) : 0;
}

/* RFC 5322 section 4.3, year = 2*DIGIT */
static int full_year(int year, size_t digits)
{
	if (digits == 2)
		return year < 50 ? year + 2000 : year + 1900;
	return digits == 3 ? year + 1900 : year;
}

static bool date_make(int year, int month, int day, int seconds, int offset, struct date *out)
{
	if (year < 1900 || day < 1 || day > days_in_month(year, month))
		return false;
	out->unix_s = date_days(year, month, day) * DAY_S + seconds - offset * 60;
	out->offset_minutes = offset;
	return true;
}

bool date_parse(struct slice text, struct date *out)
{
	struct cursor c = cursor_of(text);
	struct slice name;
	int day, month, year, seconds;
	size_t digits;
	skip_cfws(&c);
	if (take_while(&c, is_letter, 16, &name)) {
		skip_cfws(&c);
		take_byte(&c, ',');
		skip_cfws(&c);
	}
	if (!take_digits(&c, 1, 2, &day, NULL))
		return false;
	skip_cfws(&c);
	take_byte(&c, '-');
	if (!take_month(&c, &month))
		return false;
	take_byte(&c, '-');
	skip_cfws(&c);
	if (!take_digits(&c, 2, 4, &year, &digits))
		return false;
	skip_cfws(&c);
	if (!take_time(&c, &seconds))
		return false;
	return date_make(full_year(year, digits), month, day, seconds, take_zone(&c), out);
}

/* date-day "-" date-month "-" date-year, all of it. */
static bool take_imap_day(struct cursor *c, int *year_out, int *month_out, int *day_out)
{
	struct cursor at = *c;
	take_byte(&at, ' ');
	if (!take_digits(&at, 1, 2, day_out, NULL) || !take_byte(&at, '-') ||
	    !take_month(&at, month_out) || !take_byte(&at, '-') ||
	    !take_digits(&at, 4, 4, year_out, NULL))
		return false;
	*c = at;
	return true;
}

bool date_parse_imap(struct slice text, struct date *out)
{
	struct cursor c = cursor_of(text);
	int year, month, day, seconds, offset;
	return take_imap_day(&c, &year, &month, &day) && take_byte(&c, ' ') &&
	       take_time(&c, &seconds) && take_byte(&c, ' ') && take_numeric_zone(&c, &offset) &&
	       cursor_at_end(&c) && date_make(year, month, day, seconds, offset, out);
}

bool date_parse_imap_day(struct slice text, struct date *out)
{
	struct cursor c = cursor_of(text);
	int year, month, day;
	return take_imap_day(&c, &year, &month, &day) && cursor_at_end(&c) &&
	       date_make(year, month, day, 0, 0, out);
}

/* full-time without its zone, of which a part of a second is left out. */
static bool take_internet_time(struct cursor *c, int *seconds_out)
{
	int hour, minute, second;
	struct slice fraction;
	if (!take_digits(c, 2, 2, &hour, NULL) || !take_byte(c, ':') ||
	    !take_digits(c, 2, 2, &minute, NULL) || !take_byte(c, ':') ||
	    !take_digits(c, 2, 2, &second, NULL))
		return false;
	if (take_byte(c, '.') && !take_while(c, byte_is_digit, 9, &fraction))
		return false;
	*seconds_out = hour * 3600 + minute * 60 + second;
	return hour < 24 && minute < 60 && second <= 60;
}

/* time-offset = "Z" / ( "+" / "-" ) 2DIGIT ":" 2DIGIT, in minutes */
static bool take_internet_zone(struct cursor *c, int *offset_out)
{
	int hour, minute;
	*offset_out = 0;
	if (take_byte_nocase(c, 'Z'))
		return true;
	bool west = take_byte(c, '-');
	if ((!west && !take_byte(c, '+')) || !take_digits(c, 2, 2, &hour, NULL) ||
	    !take_byte(c, ':') || !take_digits(c, 2, 2, &minute, NULL) || hour > 23 || minute > 59)
		return false;
	*offset_out = (west ? -1 : 1) * (hour * 60 + minute);
	return true;
}

bool date_parse_internet(struct slice text, struct date *out)
{
	struct cursor c = cursor_of(text);
	int year, month, day, seconds, offset;
	return take_digits(&c, 4, 4, &year, NULL) && take_byte(&c, '-') &&
	       take_digits(&c, 2, 2, &month, NULL) && take_byte(&c, '-') &&
	       take_digits(&c, 2, 2, &day, NULL) && take_byte_nocase(&c, 'T') && month >= 1 &&
	       month <= 12 && take_internet_time(&c, &seconds) && take_internet_zone(&c, &offset) &&
	       cursor_at_end(&c) && date_make(year, month, day, seconds, offset, out);
}

struct civil {
	int64_t days;
	int64_t year;
	int month, day, hour, minute, second;
	char sign;
	int zone; /* hhmm */
};

static struct civil civil_at(struct date date)
{
	struct civil c = { 0 };
	int64_t local = date.unix_s + date.offset_minutes * 60;
	c.days = local >= 0 ? local / DAY_S : -((-local + DAY_S - 1) / DAY_S);
	int in_day = (int)(local - c.days * DAY_S);
	civil_of(c.days, &c.year, &c.month, &c.day);
	c.hour = in_day / 3600;
	c.minute = in_day / 60 % 60;
	c.second = in_day % 60;
	int offset = date.offset_minutes < 0 ? -date.offset_minutes : date.offset_minutes;
	c.sign = date.offset_minutes < 0 ? '-' : '+';
	c.zone = offset / 60 * 100 + offset % 60;
	return c;
}

static struct slice written(const char *text, int len)
{
	return slice_of(text, len < 0 ? 0 : len < DATE_TEXT_MAX ? (size_t)len : DATE_TEXT_MAX - 1);
}

struct slice date_format(struct date date, char out[static DATE_TEXT_MAX])
{
	struct civil c = civil_at(date);
	int64_t weekday = ((c.days + 4) % 7 + 7) % 7;
	return written(out,
	               snprintf(out, DATE_TEXT_MAX, "%s, %d %s %04lld %02d:%02d:%02d %c%04d",
	                        day_names[weekday], c.day, month_names[c.month - 1],
	                        (long long)c.year, c.hour, c.minute, c.second, c.sign, c.zone));
}

struct slice date_format_imap(struct date date, char out[static DATE_TEXT_MAX])
{
	struct civil c = civil_at(date);
	return written(out, snprintf(out, DATE_TEXT_MAX, "%2d-%s-%04lld %02d:%02d:%02d %c%04d",
	                             c.day, month_names[c.month - 1], (long long)c.year, c.hour,
	                             c.minute, c.second, c.sign, c.zone));
}

struct slice date_format_internet(int64_t unix_s, char out[static DATE_TEXT_MAX])
{
	struct civil c = civil_at((struct date){ .unix_s = unix_s });
	return written(out,
	               snprintf(out, DATE_TEXT_MAX, "%04lld-%02d-%02dT%02d:%02d:%02dZ",
	                        (long long)c.year, c.month, c.day, c.hour, c.minute, c.second));
}

struct date date_local(int64_t unix_s)
{
	time_t now = (time_t)unix_s;
	struct tm local = { 0 };
	localtime_r(&now, &local);
	return (struct date){ .unix_s = unix_s, .offset_minutes = (int)(local.tm_gmtoff / 60) };
}
