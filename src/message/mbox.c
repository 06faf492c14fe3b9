#include "message/mbox.h"

#include <errno.h>

#include "message/date.h"

/* --- the From_ line --------------------------------------------------------------------- */

static const char day_names[] = "SunMonTueWedThuFriSat";
static const char month_names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* The index of a name of three letters, or -1. */
static int name_index(struct slice word, const char *names)
{
	for (int i = 0; names[i * 3]; i++) {
		if (slice_equal_nocase(word, slice_of(names + (size_t)i * 3, 3)))
			return i;
	}
	return -1;
}

static struct slice next_word(struct slice *rest)
{
	*rest = slice_trim(*rest);
	return slice_split(rest, ' ');
}

static bool take_small(struct slice text, uint64_t max, int *out)
{
	uint64_t value;
	if (!slice_to_u64(text, &value) || value > max)
		return false;
	*out = (int)value;
	return true;
}

/* time = hh ":" mm [ ":" ss ] */
static bool take_time(struct slice word, int *seconds_out)
{
	int hour, minute, second = 0;
	if (!take_small(slice_split(&word, ':'), 23, &hour) ||
	    !take_small(slice_split(&word, ':'), 59, &minute) ||
	    (word.len > 0 && !take_small(word, 60, &second)))
		return false;
	*seconds_out = hour * 3600 + minute * 60 + second;
	return true;
}

/* "+0200": seconds east; names of zones are taken for UTC. */
static int zone_seconds(struct slice word)
{
	int value;
	bool has_sign = word.len == 5 && (word.data[0] == '+' || word.data[0] == '-');
	if (!has_sign || !take_small(slice_from(word, 1), 9999, &value))
		return 0;
	int seconds = value / 100 * 3600 + value % 100 * 60;
	return word.data[0] == '-' ? -seconds : seconds;
}

static bool take_year(struct slice word, int *year_out)
{
	if (!take_small(word, 9999, year_out))
		return false;
	if (word.len == 2)
		*year_out += *year_out < 70 ? 2000 : 1900;
	return *year_out >= 1900;
}

/* asctime = month SP day SP time [SP zone] SP year [SP zone], behind the name of the day */
static bool take_asctime(struct slice rest, int64_t *unix_s_out)
{
	int day, seconds, year;
	int month = name_index(next_word(&rest), month_names);
	if (month < 0 || !take_small(next_word(&rest), 31, &day) || day == 0 ||
	    !take_time(next_word(&rest), &seconds))
		return false;
	struct slice word = next_word(&rest);
	int zone = 0;
	if (!take_year(word, &year)) {
		zone = zone_seconds(word);
		if (!take_year(next_word(&rest), &year))
			return false;
	}
	word = next_word(&rest);
	if (word.len > 0)
		zone = zone_seconds(word);
	*unix_s_out = date_days(year, month + 1, day) * 86400 + seconds - zone;
	return true;
}

/* A sender may have spaces in it, so the date is looked for, from its name of a day on. */
bool mbox_is_from(struct slice line, int64_t *unix_s_out)
{
	if (line.len > MBOX_FROM_MAX || !slice_starts_with(line, SLICE("From ")))
		return false;
	struct slice rest = slice_from(line, 5);
	while (rest.len > 0) {
		struct slice date = slice_trim(rest);
		struct slice word = next_word(&rest);
		struct date parsed;
		if (word.len == 3 && name_index(word, day_names) >= 0 &&
		    take_asctime(rest, unix_s_out))
			return true;
		if (word.len != 4 || word.data[3] != ',' || !date_parse(date, &parsed))
			continue;
		*unix_s_out = parsed.unix_s;
		return true;
	}
	return false;
}

/* --- where messages begin ----------------------------------------------------------------- */

/* Is what ends before `at` an empty line? */
static bool is_behind_empty_line(struct slice bytes, size_t at)
{
	struct slice before = slice_sub(bytes, 0, at);
	return slice_ends_with(before, SLICE("\n\n")) || slice_ends_with(before, SLICE("\n\r\n"));
}

bool mbox_find_next(struct slice bytes, size_t *scanned_inout, size_t *at_out)
{
	size_t from = *scanned_inout;
	int64_t unix_s;
	for (;;) {
		ptrdiff_t found = slice_find(slice_from(bytes, from), SLICE("\nFrom "));
		if (found < 0) {
			/* Its beginning may be at the end. */
			*scanned_inout = bytes.len < from + 5 ? from : bytes.len - 5;
			return false;
		}
		size_t at = from + (size_t)found + 1;
		struct slice rest = slice_sub(bytes, at, MBOX_FROM_MAX + 2);
		ptrdiff_t end = slice_find_byte(rest, '\n');
		if (end < 0 && rest.len < MBOX_FROM_MAX + 2) { /* more of the line is needed */
			*scanned_inout = at - 1;
			return false;
		}
		struct slice line = slice_sub(rest, 0, end < 0 ? rest.len : (size_t)end);
		if (is_behind_empty_line(bytes, at) && mbox_is_from(slice_trim(line), &unix_s)) {
			*at_out = at;
			return true;
		}
		from = at;
	}
}

/* --- what is in it ------------------------------------------------------------------------ */

static bool is_field(struct slice line, struct slice name, struct slice *value_out)
{
	if (!slice_starts_with_nocase(line, name) || line.len <= name.len ||
	    line.data[name.len] != ':')
		return false;
	*value_out = slice_trim(slice_from(line, name.len + 1));
	return true;
}

static void take_letters(struct slice letters, struct mbox_entry *e)
{
	for (size_t i = 0; i < letters.len; i++) {
		char c = letters.data[i];
		e->seen |= c == 'R';
		e->answered |= c == 'A';
		e->flagged |= c == 'F';
		e->deleted |= c == 'D';
		e->draft |= c == 'T';
	}
}

/* Fields that say how the message is kept, and are not of it. */
static bool take_field(struct slice line, struct mbox_entry *e)
{
	struct slice value;
	if (is_field(line, SLICE("Status"), &value) || is_field(line, SLICE("X-Status"), &value)) {
		take_letters(value, e);
		return true;
	}
	if (is_field(line, SLICE("X-Keywords"), &value)) {
		e->keywords = value;
		return true;
	}
	if (is_field(line, SLICE("X-IMAP"), &value)) {
		e->internal = true;
		return true;
	}
	return is_field(line, SLICE("X-UID"), &value) ||
	       is_field(line, SLICE("X-IMAPbase"), &value);
}

static struct slice unquoted(struct slice line, enum mbox_quoting quoting)
{
	size_t quotes = 0;
	while (quotes < line.len && line.data[quotes] == '>')
		quotes++;
	if (quotes == 0 || (quoting == MBOX_O && quotes > 1) ||
	    !slice_starts_with(slice_from(line, quotes), SLICE("From ")))
		return line;
	return slice_from(line, 1);
}

/* Of "x\r", "x" and the like: the line without what is left of its end. */
static struct slice without_cr(struct slice line)
{
	return line.len > 0 && line.data[line.len - 1] == '\r' ? slice_sub(line, 0, line.len - 1)
	                                                       : line;
}

static int add_line(struct buf *out, struct slice line)
{
	buf_append(out, line);
	return buf_append(out, SLICE("\r\n"));
}

static int decode_header(struct slice *rest, struct buf *out, struct mbox_entry *e)
{
	bool dropping = false;
	int rc = 0;
	while (rest->len > 0 && rc == 0) {
		struct slice line = without_cr(slice_split(rest, '\n'));
		bool folded = line.len > 0 && byte_is_space(line.data[0]);
		if (!folded)
			dropping = take_field(line, e);
		if (!dropping)
			rc = add_line(out, line);
		if (line.len == 0)
			break;
	}
	return rc;
}

/* The empty line at its end stands before the next From_ line and is not of the message. */
static struct slice without_gap(struct slice entry)
{
	if (slice_ends_with(entry, SLICE("\n\r\n")))
		return slice_sub(entry, 0, entry.len - 2);
	return slice_ends_with(entry, SLICE("\n\n")) ? slice_sub(entry, 0, entry.len - 1) : entry;
}

int mbox_decode(struct slice entry, enum mbox_quoting quoting, struct buf *out,
                struct mbox_entry *entry_out)
{
	struct mbox_entry e = { .keywords = SLICE_EMPTY };
	struct slice rest = without_gap(entry);
	struct slice first = without_cr(slice_split(&rest, '\n'));
	if (!slice_starts_with(first, SLICE("From ")))
		return -EBADMSG;
	e.has_date = mbox_is_from(slice_trim(first), &e.unix_s);
	int rc = decode_header(&rest, out, &e);
	while (rest.len > 0 && rc == 0)
		rc = add_line(out, unquoted(without_cr(slice_split(&rest, '\n')), quoting));
	if (rc == 0)
		*entry_out = e;
	return rc;
}

int mbox_add_crlf(struct slice text, struct buf *out)
{
	int rc = 0;
	while (text.len > 0 && rc == 0) {
		ptrdiff_t end = slice_find_byte(text, '\n');
		if (end < 0)
			return buf_append(out, text);
		rc = add_line(out, without_cr(slice_sub(text, 0, (size_t)end)));
		text = slice_from(text, (size_t)end + 1);
	}
	return rc;
}
