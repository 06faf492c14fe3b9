#include "guard/rspamd.h"

#include <errno.h>

#include <jansson.h>

#include "fiber/fiber.h"
#include "guard/scanner.h"
#include "message/header.h"

enum { HEAD_MAX = 512 * 1024, OPTIONS_MAX = 200, TEXT_MAX = 200 };

/* --- the answer --------------------------------------------------------------------------- */

struct reading {
	const struct config_filter *filter;
	struct slice message;
	struct filter_answer *answer;
	int rc; /* the first thing that went wrong */
};

static struct slice text_of(const json_t *json)
{
	return json_is_string(json) ? slice_of(json_string_value(json), json_string_length(json))
	                            : SLICE_EMPTY;
}

/* Of what may be one or many. */
typedef void (*visit)(struct reading *r, struct slice name, const json_t *item);
static void each(struct reading *r, struct slice name, const json_t *json, visit fn)
{
	size_t i;
	const json_t *item;
	if (!json_is_array(json)) {
		if (json)
			fn(r, name, json);
		return;
	}
	json_array_foreach(json, i, item) fn(r, name, item);
}

static void note(struct reading *r, int rc)
{
	if (r->rc == 0)
		r->rc = rc;
}

static void read_symbol(struct reading *r, const char *name, const json_t *symbol)
{
	struct buf options = buf_make(OPTIONS_MAX);
	size_t i;
	const json_t *option;
	json_array_foreach(json_object_get(symbol, "options"), i, option)
		buf_printf(&options, "%s%.*s", i > 0 ? " " : "", SLICE_ARG(text_of(option)));
	filter_want_line(
		r->answer, r->filter, slice_from_str(name), buf_slice(&options),
		filter_weight(r->filter, json_number_value(json_object_get(symbol, "score"))));
	buf_free(&options);
}

static void read_symbols(struct reading *r, json_t *symbols)
{
	const char *name;
	json_t *symbol;
	json_object_foreach(symbols, name, symbol) read_symbol(r, name, symbol);
}

/* --- changes ------------------------------------------------------------------------------ */

static void add_field(struct reading *r, struct slice name, const json_t *item)
{
	const json_t *value = json_is_object(item) ? json_object_get(item, "value") : item;
	const json_t *order = json_object_get(item, "order");
	json_int_t at = json_integer_value(order);
	bool inserted = json_is_integer(order) && at >= 0 && at <= UINT32_MAX;
	if (text_of(value).len > 0)
		note(r,
		     filter_want_field(r->answer, inserted ? FILTER_INSERT_FIELD : FILTER_ADD_FIELD,
		                       inserted ? (uint32_t)at : 0, name, text_of(value), false));
}

static uint32_t count_named(struct slice message, struct slice name)
{
	struct header_walk walk = { .rest = message };
	struct header_field f;
	uint32_t count = 0;
	while (header_next(&walk, &f))
		count += slice_equal_nocase(f.name, name);
	return count;
}

static void remove_one(struct reading *r, struct slice name, uint32_t index)
{
	note(r, filter_want_field(r->answer, FILTER_CHANGE_FIELD, index, name, SLICE_EMPTY, false));
}

/* The how many-th; from the last, if it is negative; 0: all of that name. */
static void remove_field(struct reading *r, struct slice name, const json_t *item)
{
	json_int_t which = json_integer_value(item);
	uint32_t count = count_named(r->message, name);
	if (!json_is_integer(item) || which > count || which < -(json_int_t)count)
		return;
	for (uint32_t i = 1; which == 0 && i <= count && r->rc == 0; i++)
		remove_one(r, name, i);
	if (which != 0)
		remove_one(r, name, (uint32_t)(which > 0 ? which : count + 1 + which));
}

static void add_recipient(struct reading *r, struct slice name, const json_t *item)
{
	note(r, filter_want_recipient(r->answer, name.len > 0, text_of(item)));
}

static void read_changes(struct reading *r, json_t *milter)
{
	const char *name;
	json_t *value;
	json_object_foreach(json_object_get(milter, "remove_headers"), name, value)
		each(r, slice_from_str(name), value, remove_field);
	json_object_foreach(json_object_get(milter, "add_headers"), name, value)
		each(r, slice_from_str(name), value, add_field);
	each(r, SLICE_EMPTY, json_object_get(milter, "add_rcpt"), add_recipient);
	each(r, SLICE("removed"), json_object_get(milter, "del_rcpt"), add_recipient);
	struct slice sender = text_of(json_object_get(milter, "change_from"));
	if (sender.len > 0)
		note(r, filter_want_sender(r->answer, sender));
}

static void add_signature(struct reading *r, struct slice name, const json_t *item)
{
	note(r, filter_want_field(r->answer, FILTER_INSERT_FIELD, 0, name, text_of(item), false));
}

/* --- actions ------------------------------------------------------------------------------ */

static void refuse(struct reading *r, int code, const char *enhanced, const char *text)
{
	r->answer->fate = FILTER_REFUSE;
	r->answer->reply = (struct config_reply){ code, enhanced, text };
}

/* What it wants the client to hear, or the usual. */
static const char *reply_text(struct reading *r, const json_t *root, const char *usual)
{
	struct slice text = text_of(
		json_object_get(json_object_get(root, "messages"), "smtp_message"));
	char *out = arena_str(r->answer->arena, slice_sub(text, 0, TEXT_MAX));
	for (char *c = out; *c; c++)
		if (*c < ' ' || *c > '~')
			*c = ' ';
	return out[0] ? out : usual;
}

static void rewrite_subject(struct reading *r, const json_t *root)
{
	struct slice subject = text_of(json_object_get(root, "subject"));
	if (subject.len > 0)
		note(r, filter_want_field(r->answer, FILTER_CHANGE_FIELD, 1, SLICE("Subject"),
		                          subject, false));
}

static void obey(struct reading *r, const json_t *root, struct slice action)
{
	if (slice_equal(action, SLICE("reject"))) {
		refuse(r, 550, "5.7.1",
		       reply_text(r, root, "This message looks too much like what nobody wants"));
	} else if (slice_equal(action, SLICE("soft reject"))) {
		refuse(r, 451, "4.7.1", reply_text(r, root, "Try again later"));
	} else if (slice_equal(action, SLICE("greylist"))) {
		r->answer->greylist = true;
	} else if (slice_equal(action, SLICE("rewrite subject"))) {
		rewrite_subject(r, root);
		filter_found_spam(r->filter, r->answer, r->answer->opinion);
	} else if (slice_equal(action, SLICE("add header"))) {
		filter_found_spam(r->filter, r->answer, r->answer->opinion);
	} else if (slice_equal(action, SLICE("discard"))) {
		r->answer->fate = FILTER_DISCARD;
	} else if (slice_equal(action, SLICE("quarantine"))) {
		r->answer->quarantine = r->answer->opinion;
	} else if (!slice_equal(action, SLICE("no action")) &&
	           !slice_equal(action, SLICE("accept"))) {
		note(r, -EPROTO);
	}
}

static void read_root(struct reading *r, json_t *root)
{
	struct slice action = text_of(json_object_get(root, "action"));
	r->answer->opinion = arena_printf(
		r->answer->arena, "%.*s, %.2f of %.2f", SLICE_ARG(slice_sub(action, 0, 20)),
		json_number_value(json_object_get(root, "score")),
		json_number_value(json_object_get(root, "required_score")));
	read_symbols(r, json_object_get(root, "symbols"));
	read_changes(r, json_object_get(root, "milter"));
	each(r, SLICE("DKIM-Signature"), json_object_get(root, "dkim-signature"), add_signature);
	obey(r, root, action);
}

int rspamd_parse(const struct config_filter *filter, struct slice message, struct slice json,
                 struct filter_answer *out)
{
	struct reading r = { .filter = filter, .message = message, .answer = out };
	json_t *root = json_loadb(json.data, json.len, 0, NULL);
	if (!json_is_object(root)) {
		json_decref(root);
		return -EPROTO;
	}
	read_root(&r, root);
	json_decref(root);
	return r.rc;
}

/* --- asking ------------------------------------------------------------------------------- */

static void put_known(struct buf *head, const char *name, const char *value)
{
	if (value && value[0])
		scanner_put_field(head, name, slice_from_str(value));
}

static void put_head(struct buf *head, const struct config_filter *filter,
                     const struct filter_question *q)
{
	char ip[NET_ADDRESS_TEXT_MAX];
	buf_printf(head, "POST /checkv2 HTTP/1.0\r\nContent-Length: %zu\r\n", q->message.len);
	put_known(head, "Password", filter->password);
	put_known(head, "Queue-Id", q->queue_id);
	put_known(head, "MTA-Name", q->hostname);
	put_known(head, "IP",
	          q->client->any.sa_family == AF_UNIX ? "127.0.0.1"
	                                              : net_address_ip(q->client, ip));
	put_known(head, "Hostname", q->client_name);
	put_known(head, "Helo", q->helo);
	put_known(head, "User", q->account);
	put_known(head, "TLS-Version", q->tls_protocol);
	put_known(head, "TLS-Cipher", q->tls_cipher);
	scanner_put_field(head, "From", q->sender);
	for (size_t i = 0; i < q->recipient_count; i++)
		scanner_put_field(head, "Rcpt", q->recipients[i]);
	/* It then tells what it would change. */
	buf_append(head, SLICE("Milter: Yes\r\n\r\n"));
}

struct parsing {
	const struct config_filter *filter;
	const struct filter_question *question;
	struct slice json;
	struct filter_answer *out;
	int rc;
};

static void parse(void *arg)
{
	struct parsing *p = arg;
	p->rc = rspamd_parse(p->filter, p->question->message, p->json, p->out);
}

static int obey_reply(const struct config_filter *filter, const struct filter_question *question,
                      const struct scanner_reply *reply, struct filter_answer *out)
{
	struct parsing p = { filter, question, reply->text, out, 0 };
	struct slice rest = reply->line, version = slice_split(&rest, ' ');
	struct slice status = slice_split(&rest, ' ');
	if (slice_equal(status, SLICE("401")) || slice_equal(status, SLICE("403")))
		return -EACCES;
	if (!slice_starts_with(version, SLICE("HTTP/1.")) || !slice_equal(status, SLICE("200")))
		return -EPROTO;
	fiber_offload(parse, &p);
	return p.rc;
}

int rspamd_ask(const struct config_filter *filter, const struct filter_question *question,
               int64_t deadline, struct filter_answer *out)
{
	struct buf head = buf_make(HEAD_MAX), in = buf_make(SCANNER_ANSWER_MAX);
	struct scanner_reply reply;
	put_head(&head, filter, question);
	int rc = buf_failed(&head) ? -E2BIG
	                           : scanner_exchange(filter, buf_slice(&head), SLICE_EMPTY,
	                                              question->message, deadline, &in, &reply);
	if (rc == 0)
		rc = obey_reply(filter, question, &reply, out);
	buf_free(&head);
	buf_free(&in);
	return rc;
}
