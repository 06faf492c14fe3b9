/* RFC 4155, form mboxrd: lines that look like a From_ line, quoted or not, get one more ">". */
#include <stdio.h>
#include <time.h>

#include "message/mbox.h"

enum { SENDER_MAX = 512 };

/* from_ = "From " sender SP asctime LF; the sender of reports is MAILER-DAEMON by tradition. */
static void add_from(struct buf *out, struct slice sender, int64_t unix_s)
{
	char date[64];
	struct tm tm = { 0 };
	time_t at = (time_t)unix_s;
	gmtime_r(&at, &tm);
	strftime(date, sizeof(date), "%a %b %e %H:%M:%S %Y", &tm);
	if (sender.len == 0 || sender.len > SENDER_MAX)
		sender = SLICE("MAILER-DAEMON");
	buf_append(out, SLICE("From "));
	for (size_t i = 0; i < sender.len; i++)
		buf_append_byte(out,
		                sender.data[i] > ' ' || sender.data[i] < 0 ? sender.data[i] : '_');
	buf_printf(out, " %s\n", date);
}

static bool looks_like_from(struct slice line)
{
	size_t quotes = 0;
	while (quotes < line.len && line.data[quotes] == '>')
		quotes++;
	return slice_starts_with(slice_from(line, quotes), SLICE("From "));
}

int mbox_add_entry(struct slice sender, int64_t unix_s, struct slice fields, struct slice message,
                   struct buf *out)
{
	add_from(out, sender, unix_s);
	while (message.len > 0) {
		struct slice line = slice_split(&message, '\n');
		if (slice_ends_with(line, SLICE("\r")))
			line.len--;
		if (line.len == 0) { /* the end of the header, the first time */
			buf_append(out, fields);
			fields = SLICE_EMPTY;
		}
		if (looks_like_from(line))
			buf_append_byte(out, '>');
		buf_append(out, line);
		buf_append_byte(out, '\n');
	}
	buf_append(out, fields);
	return buf_append_byte(out, '\n');
}
