/* The messages that we write for scripts. */
#include "base/codec.h"
#include "message/build.h"
#include "message/mime.h"
#include "route/post_sieve.h"

enum { WRITTEN_MAX = 4 * 1024 * 1024, SUBJECT_MAX = 500, RETURNED_MAX = 64 * 1024 };

static struct slice find_field(const struct sorting *s, struct slice name)
{
	struct slice value;
	return header_find(s->header, name, &value) ? header_unfold(s->arena, value) : SLICE_EMPTY;
}

static struct slice postmaster(const struct sorting *s)
{
	return slice_from_str(arena_printf(s->arena, "Mail System <postmaster@%s>",
	                                   s->d->post->config.config->hostname));
}

/* One address for a header, the name encoded. */
static void put_address(struct sorting *s, struct buf *out, const char *field, struct slice text)
{
	struct address_list list = address_list_parse(s->arena, text, 1);
	struct buf value = buf_make(4096);
	if (list.count == 1)
		address_list_format(s->arena, list.entries[0].name, list.entries[0].local,
		                    list.entries[0].domain, &value);
	header_put_raw(out, field, buf_slice(&value));
	buf_free(&value);
}

/* The fields that all of them have. */
static void put_begin(struct sorting *s, struct buf *out, struct slice from, struct slice to,
                      const char *automatic)
{
	char date[DATE_TEXT_MAX];
	put_address(s, out, "From", from);
	put_address(s, out, "To", to);
	header_put_raw(out, "Date", date_format(date_local(s->d->now_ms / 1000), date));
	header_put_raw(
		out, "Message-ID",
		draft_message_id(s->arena, slice_from_str(s->d->post->config.config->hostname)));
	header_put_raw(out, "Auto-Submitted", slice_from_str(automatic));
	buf_append(out, SLICE("MIME-Version: 1.0\r\n"));
}

/* RFC 5230 section 5.8: so that clients show it beside what it answers. */
static void put_references(struct sorting *s, struct buf *out)
{
	struct slice id = find_field(s, SLICE("Message-ID"));
	struct slice references = find_field(s, SLICE("References"));
	if (id.len == 0 || !slice_is_ascii(id) || !slice_is_ascii(references))
		return;
	header_put_raw(out, "In-Reply-To", id);
	const struct slice all[] = { references, references.len > 0 ? SLICE(" ") : SLICE_EMPTY,
		                     id };
	header_put_raw(out, "References", arena_concat(s->arena, all, 3));
}

static struct slice finish(struct sorting *s, struct buf *out)
{
	struct slice text = arena_copy(s->arena, buf_slice(out));
	buf_free(out);
	return text;
}

static void put_lines(struct buf *out, struct slice text)
{
	struct buf lines = draft_lines(text);
	buf_append(out, buf_slice(&lines));
	buf_free(&lines);
}

static void put_text(struct buf *out, struct slice text)
{
	enum mime_encoding encoding = mime_encoding_for(text);
	buf_append(out, SLICE("Content-Type: text/plain; charset=utf-8\r\n"));
	if (encoding == MIME_7BIT) {
		buf_append(out, SLICE("\r\n"));
		put_lines(out, text);
	} else {
		buf_append(out, SLICE("Content-Transfer-Encoding: quoted-printable\r\n\r\n"));
		mime_encode_quoted_printable(text, out);
	}
	if (!slice_ends_with(buf_slice(out), SLICE("\n")))
		buf_append(out, SLICE("\r\n"));
}

static struct slice own_or(const struct sorting *s, struct slice given)
{
	return given.len > 0 ? given : s->drop->target->address;
}

/* --- vacation -------------------------------------------------------------------------------- */

struct slice post_sieve_answer(struct sorting *s, const struct sieve_action *a)
{
	struct buf out = buf_make(WRITTEN_MAX);
	struct slice subject = a->subject;
	if (subject.len == 0) {
		struct slice theirs = header_decode(s->arena, find_field(s, SLICE("Subject")),
		                                    SUBJECT_MAX);
		const struct slice parts[] = { SLICE("Auto: "), theirs };
		subject = theirs.len > 0 ? arena_concat(s->arena, parts, 2)
		                         : SLICE("Automated reply");
	}
	put_begin(s, &out, own_or(s, a->from), a->address, "auto-replied (vacation)");
	header_put_text(&out, "Subject", subject);
	put_references(s, &out);
	/* With :mime the script says the fields of the entity itself. */
	if (a->mime)
		put_lines(&out, a->reason);
	else
		put_text(&out, a->reason);
	return finish(s, &out);
}

/* --- notify ---------------------------------------------------------------------------------- */

static void put_extra(struct sorting *s, struct buf *out, const struct sieve_text_list *extra)
{
	for (size_t i = 0; i < extra->count; i++) {
		struct slice value = extra->items[i];
		struct slice name = slice_split(&value, ':');
		header_put_text(out, arena_str(s->arena, name), slice_trim(value));
	}
}

struct slice post_sieve_notice(struct sorting *s, const struct sieve_action *a)
{
	static const char *const importances[] = { "", "1 (High)", "3 (Normal)", "5 (Low)" };
	struct buf out = buf_make(WRITTEN_MAX);
	struct slice from = header_decode(s->arena, find_field(s, SLICE("From")), SUBJECT_MAX);
	struct slice subject = header_decode(s->arena, find_field(s, SLICE("Subject")),
	                                     SUBJECT_MAX);
	const char *text = arena_printf(s->arena, "New mail from %.*s\r\nSubject: %.*s\r\n",
	                                SLICE_ARG(from), SLICE_ARG(subject));
	const struct slice about[] = { SLICE("New mail: "), subject };
	struct slice owner = s->drop->target->address;
	/* RFC 5436 section 2.7.1: whose script it was. */
	put_begin(s, &out, own_or(s, a->from), a->address,
	          arena_printf(s->arena, "auto-notified; owner-email=\"%.*s\"", SLICE_ARG(owner)));
	header_put_text(&out, "Subject",
	                a->subject.len > 0 ? a->subject : arena_concat(s->arena, about, 2));
	header_put_raw(&out, "X-Priority", slice_from_str(importances[a->importance]));
	put_extra(s, &out, &a->extra);
	put_text(&out, a->message.len > 0 ? a->message : slice_from_str(text));
	return finish(s, &out);
}

/* --- reject ---------------------------------------------------------------------------------- */

static void put_report(struct sorting *s, struct buf *out, const struct sieve_action *a,
                       const char *boundary)
{
	const char *host = s->d->post->config.config->hostname;
	struct slice asked = s->drop->asked, id = find_field(s, SLICE("Message-ID"));
	/* RFC 5429: of reject a disposition notification (RFC 8098), of ereject a delivery status
	 * notification (RFC 3464). */
	if (a->ereject) {
		buf_printf(
			out,
			"--%s\r\nContent-Type: message/delivery-status\r\n\r\n"
			"Reporting-MTA: dns; %s\r\n\r\n"
			"Final-Recipient: rfc822; %.*s\r\nAction: failed\r\nStatus: 5.7.1\r\n\r\n",
			boundary, host, SLICE_ARG(asked));
		return;
	}
	buf_printf(out,
	           "--%s\r\nContent-Type: message/disposition-notification\r\n\r\n"
	           "Reporting-UA: %s; Veredus\r\nFinal-Recipient: rfc822; %.*s\r\n",
	           boundary, host, SLICE_ARG(asked));
	if (id.len > 0)
		buf_printf(out, "Original-Message-ID: %.*s\r\n", SLICE_ARG(id));
	buf_append(out, SLICE("Disposition: automatic-action/MDN-sent-automatically; "
	                      "deleted\r\n\r\n"));
}

struct slice post_sieve_refusal(struct sorting *s, const struct sieve_action *a)
{
	struct buf out = buf_make(WRITTEN_MAX);
	unsigned char bytes[12];
	random_bytes(bytes, sizeof(bytes));
	const char *boundary = arena_printf(
		s->arena, "report-%.*s",
		SLICE_ARG(hex_encode(s->arena, slice_of(bytes, sizeof(bytes)))));
	struct slice subject = header_decode(s->arena, find_field(s, SLICE("Subject")),
	                                     SUBJECT_MAX);
	const struct slice about[] = { SLICE("Rejected: "), subject };
	const char *text = arena_printf(
		s->arena, "Your message to %.*s was refused by its recipient:\r\n\r\n%.*s\r\n",
		SLICE_ARG(s->drop->asked), SLICE_ARG(a->reason));
	put_begin(s, &out, postmaster(s), s->d->envelope->reverse_path, "auto-replied (rejected)");
	header_put_text(&out, "Subject", arena_concat(s->arena, about, 2));
	put_references(s, &out);
	buf_printf(&out,
	           "Content-Type: multipart/report; report-type=%s;\r\n\tboundary=\"%s\"\r\n\r\n"
	           "--%s\r\n",
	           a->ereject ? "delivery-status" : "disposition-notification", boundary, boundary);
	put_text(&out, slice_from_str(text));
	put_report(s, &out, a, boundary);
	buf_printf(&out, "--%s\r\nContent-Type: text/rfc822-headers\r\n\r\n", boundary);
	buf_append(&out, slice_sub(s->header, 0, RETURNED_MAX));
	buf_printf(&out, "\r\n--%s--\r\n", boundary);
	return finish(s, &out);
}

/* --- errors ---------------------------------------------------------------------------------- */

struct slice post_sieve_complaint(struct sorting *s, const char *script, unsigned line,
                                  const char *text)
{
	struct buf out = buf_make(WRITTEN_MAX);
	const char *body = arena_printf(
		s->arena,
		s->of_event
			? "Your script \"%s\" is run for what is done with your mail over IMAP. It "
			  "failed\r\nin line %u:\r\n\r\n    %s\r\n\r\n"
			  "The message is as it was, as all others will be for which the script "
			  "fails.\r\n"
			  "This error is told once a day.\r\n"
			: "Your script \"%s\" sorts your mail. For a message that has just come it "
			  "failed"
			  "\r\nin line %u:\r\n\r\n    %s\r\n\r\n"
			  "The message is in your inbox, as all others will be for which the "
			  "script "
			  "fails.\r\n"
			  "This error is told once a day.\r\n",
		script, line, text);
	put_begin(s, &out, postmaster(s), s->drop->target->address, "auto-generated");
	header_put_text(&out, "Subject", SLICE("Your mail script has an error"));
	put_text(&out, slice_from_str(body));
	return finish(s, &out);
}
