#include "guard/spamd.h"

#include <errno.h>
#include <stdlib.h>

#include "base/cursor.h"
#include "config/config_score.h"
#include "message/header.h"

enum {
	HEAD_MAX = 4096,
	NUMBER_MAX = 20,
	RULE_MAX = 80,
	INDENT_MAX = 3,      /* what is indented more goes on with the line above */
	ROUNDED_OFF_MAX = 5, /* hundredths: reports have one decimal */
};

/* --- the answer --------------------------------------------------------------------------- */

static bool is_of_number(char c) { return byte_is_digit(c) || c == '.' || c == '-'; }

static bool is_of_rule(char c) { return byte_is_alnum(c) || c == '_'; }

static bool take_points(struct cursor *c, int *out)
{
	struct slice text;
	return take_while(c, is_of_number, NUMBER_MAX, &text) && config_parse_weight(text, out);
}

/* verdict = ( "True" / "False" ) SP ";" SP points SP "/" SP points */
static bool parse_verdict(struct slice text, bool *spam_out, int *points_out, int *needed_out)
{
	struct cursor c = cursor_of(slice_trim(text));
	*spam_out = take_text_nocase(&c, SLICE("True")) || take_text_nocase(&c, SLICE("Yes"));
	if (!*spam_out && !take_text_nocase(&c, SLICE("False")) &&
	    !take_text_nocase(&c, SLICE("No")))
		return false;
	return take_text(&c, SLICE(" ; ")) && take_points(&c, points_out) &&
	       take_text(&c, SLICE(" / ")) && take_points(&c, needed_out) && cursor_at_end(&c);
}

/* line = *SP points SP rule *SP description */
static bool parse_line(struct slice line, int *points_out, struct slice *rule_out,
                       struct slice *about_out)
{
	struct cursor c = cursor_of(line);
	skip_space(&c);
	if ((size_t)(c.at - line.data) > INDENT_MAX || !take_points(&c, points_out) ||
	    !take_byte(&c, ' '))
		return false;
	skip_space(&c);
	if (!take_while(&c, is_of_rule, RULE_MAX, rule_out))
		return false;
	*about_out = slice_trim(cursor_rest(&c));
	return true;
}

/* Before the table there may be words of the message itself. */
static struct slice find_table(struct slice report)
{
	struct slice rest = report, table = SLICE_EMPTY;
	while (rest.len > 0) {
		struct slice line = slice_split(&rest, '\n');
		if (slice_starts_with(line, SLICE("---- ---")))
			table = rest;
	}
	return table;
}

/* Whatever a message makes a report look like, what the lines come to is the total. */
static void read_report(const struct config_filter *filter, struct slice report, int64_t left,
                        struct filter_answer *out)
{
	struct slice rest = find_table(report), rule, about;
	int points;
	while (rest.len > 0) {
		if (!parse_line(slice_split(&rest, '\n'), &points, &rule, &about))
			continue;
		filter_want_line(out, filter, rule, about, filter_weight(filter, points / 100.0));
		left -= points;
	}
	if (llabs(left) > ROUNDED_OFF_MAX * ((int64_t)out->line_count + 1))
		filter_want_line(out, filter, SLICE("rest"), SLICE_EMPTY,
		                 filter_weight(filter, (double)left / 100));
}

int spamd_parse(const struct config_filter *filter, const struct scanner_reply *reply,
                struct filter_answer *out)
{
	struct slice line = reply->line, version = slice_split(&line, ' '), verdict;
	bool spam;
	int points, needed;
	if (!slice_starts_with(version, SLICE("SPAMD/")) ||
	    !slice_equal(slice_split(&line, ' '), SLICE("0")) ||
	    !header_find(reply->fields, SLICE("Spam"), &verdict) ||
	    !parse_verdict(verdict, &spam, &points, &needed))
		return -EPROTO;
	out->opinion = arena_printf(out->arena, "%s, %.2f of %.2f", spam ? "spam" : "ham",
	                            points / 100.0, needed / 100.0);
	read_report(filter, reply->text, points, out);
	if (spam)
		filter_found_spam(filter, out, out->opinion);
	return 0;
}

/* --- asking ------------------------------------------------------------------------------- */

int spamd_ask(const struct config_filter *filter, const struct filter_question *question,
              int64_t deadline, struct filter_answer *out)
{
	const struct slice fields[] = { question->results, question->received };
	struct slice top = arena_concat(out->arena, fields, 2);
	struct buf head = buf_make(HEAD_MAX), in = buf_make(SCANNER_ANSWER_MAX);
	struct scanner_reply reply;
	/* It finds the client in the field Received, and what we have checked above it. */
	buf_printf(&head, "REPORT SPAMC/1.5\r\nContent-length: %zu\r\n",
	           top.len + question->message.len);
	if (filter->user)
		scanner_put_field(&head, "User", slice_from_str(filter->user));
	buf_append(&head, SLICE("\r\n"));
	int rc = scanner_exchange(filter, buf_slice(&head), top, question->message, deadline, &in,
	                          &reply);
	if (rc == 0)
		rc = spamd_parse(filter, &reply, out);
	buf_free(&head);
	buf_free(&in);
	return rc;
}
