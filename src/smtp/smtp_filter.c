#include "smtp/smtp_filter.h"

#include <errno.h>

#include "base/log.h"
#include "guard/guard_filter.h"
#include "smtp/smtp_score.h"
#include "smtp/smtp_trust.h"

struct smtp_filtering {
	char queue_id[17];  /* "" once it was used */
	const char **texts; /* one a filter that was asked */
	size_t count;
	bool quarantined;
	const char *held; /* in quarantine: by which, and why; or NULL */
};

/* --- who is asked ------------------------------------------------------------------------- */

static bool is_outgoing(const struct smtp_session *s)
{
	return s->client.account || s->client.may_relay || smtp_is_local(s);
}

/* Who speaks LMTP has had it filtered. */
static bool is_wanted(const struct smtp_session *s, const struct config_filter *filter)
{
	bool outgoing = is_outgoing(s);
	return !smtp_is_lmtp(s) && (outgoing || s->context->kind == LISTENER_SMTP) &&
	       filter_is_for(filter, outgoing);
}

static struct filter_question question_of(struct smtp_session *s, struct slice message)
{
	struct smtp_transaction *t = s->transaction;
	struct slice *recipients = ARENA_ARRAY(t->arena, t->recipient_count + 1, struct slice);
	const char *name = NULL;
	for (size_t i = 0; i < t->recipient_count; i++) {
		const struct address a = { .local = t->recipients[i].local,
			                   .domain = t->recipients[i].domain };
		recipients[i] = address_path(t->arena, &a);
	}
	(void)guard_visit_rdns(s->visit, &name);
	return (struct filter_question){
		.hostname = s->config->hostname,
		.listener = service_config(s->base.service)->name,
		.client = &s->client.address,
		.client_name = s->client.name ? s->client.name : name,
		.helo = s->helo,
		.account = s->client.account,
		.tls_protocol = s->client.tls_protocol,
		.tls_cipher = s->client.tls_cipher,
		.queue_id = t->filtering->queue_id,
		.sender = address_path(t->arena, &t->sender),
		.recipients = recipients,
		.recipient_count = t->recipient_count,
		.message = message,
		.results = smtp_trust_field(s),
		.received = smtp_data_received(s, &s->client, t->filtering->queue_id),
		.dir = s->config->dir,
		.memory_bytes = (size_t)s->config->smtp.memory_bytes,
		.max_bytes = s->config->smtp.max_message_bytes,
	};
}

/* --- the envelope ------------------------------------------------------------------------- */

static bool is_same(const struct post_recipient *r, const struct address *a)
{
	return slice_equal(r->local, a->local) && slice_equal_nocase(r->domain, a->domain);
}

static void remove_recipient(struct smtp_transaction *t, const struct address *a)
{
	size_t kept = 0;
	for (size_t i = 0; i < t->recipient_count; i++)
		if (!is_same(&t->recipients[i], a))
			t->recipients[kept++] = t->recipients[i];
	t->recipient_count = kept;
}

/* It is the operator's filter: it may send to everybody, but to nobody who does not exist. */
static bool can_be_sent_to(struct smtp_session *s, const struct address *a)
{
	struct post_client client = s->client;
	client.may_relay = true;
	enum post_verdict verdict = post_check_recipient(s->context->post, &client, a->local,
	                                                 a->domain, 0);
	return verdict == POST_LOCAL || verdict == POST_FORWARDED || verdict == POST_LIST ||
	       verdict == POST_REMOTE;
}

static void add_recipient(struct smtp_session *s, const struct address *a)
{
	struct smtp_transaction *t = s->transaction;
	for (size_t i = 0; i < t->recipient_count; i++)
		if (is_same(&t->recipients[i], a))
			return;
	struct post_recipient *r = smtp_new_recipient(t);
	*r = (struct post_recipient){ .local = a->local,
		                      .domain = a->domain,
		                      .orcpt = SLICE_EMPTY };
}

static bool read_address(struct smtp_session *s, struct slice text, struct address *out)
{
	struct slice kept = arena_copy(s->transaction->arena, slice_trim(text));
	return address_parse(s->transaction->arena, kept, smtp_local_allow(s), out);
}

static void change_envelope(struct smtp_session *s, const struct config_filter *filter,
                            const struct filter_answer *answer)
{
	struct smtp_transaction *t = s->transaction;
	struct address a;
	for (size_t i = 0; i < answer->recipient_count; i++) {
		const struct filter_recipient *r = &answer->recipients[i];
		bool is_one = read_address(s, r->address, &a);
		if (is_one && r->removed)
			remove_recipient(t, &a);
		else if (is_one && can_be_sent_to(s, &a))
			add_recipient(s, &a);
		else
			log_warn("filter.recipient", kv_str("filter", filter->name),
			         kv_slice("to", r->address));
	}
	if (!answer->has_sender)
		return;
	struct slice sender = slice_trim(answer->sender);
	if (sender.len == 0 || slice_equal(sender, SLICE("<>")))
		t->sender = (struct address){ .local = SLICE_EMPTY, .domain = SLICE_EMPTY };
	else if (read_address(s, sender, &a))
		t->sender = a;
	else
		log_warn("filter.sender", kv_str("filter", filter->name), kv_slice("from", sender));
}

/* --- verdicts ----------------------------------------------------------------------------- */

static bool drop(struct smtp_session *s, const struct config_filter *filter, size_t size)
{
	char queue_id[17];
	smtp_filter_id(s, queue_id);
	log_info("filter.discarded", kv_int("session", (int64_t)s->base.id),
	         kv_str("queue_id", queue_id), kv_str("filter", filter->name));
	smtp_count_message(s, size);
	smtp_say_accepted(s, queue_id);
	return false;
}

static bool refuse(struct smtp_session *s, const struct config_filter *filter,
                   const struct config_reply *reply)
{
	smtp_refuse(s, arena_printf(s->transaction->arena, "filter %s", filter->name), reply->code,
	            reply->enhanced, reply->text);
	if (reply->code == 421)
		smtp_end(s, "filter");
	return false;
}

/* Who comes for the first time hears that it should come again. */
static bool is_too_early(struct smtp_session *s, const struct config_filter *filter)
{
	const struct config_reply reply = { 451, "4.7.1", "Come again in a few minutes" };
	if ((s->config->greylist.skip_spf && smtp_guard_is_proven(s)) ||
	    guard_greylist_wait(s->context->guard, &s->client.address, &s->transaction->sender) ==
	            0)
		return false;
	return !refuse(s, filter, &reply);
}

/* There is no folder Junk for mail of our users to others. */
static bool put_aside(struct smtp_session *s, const struct config_filter *filter, const char *why)
{
	struct smtp_transaction *t = s->transaction;
	bool hold = filter->kind == FILTER_KIND_CLAMD
	                    ? filter->on_found == FILTER_FOUND_QUARANTINE
	                    : filter->on_quarantine == FILTER_HOLD_QUARANTINE;
	if (hold) {
		t->filtering->held = arena_printf(t->arena, "%s: %s", filter->name, why);
		return true;
	}
	const struct config_reply reply = { 550, "5.7.1", "A filter does not let this pass" };
	if (is_outgoing(s))
		return refuse(s, filter, &reply);
	t->filtering->quarantined = true;
	return true;
}

static bool change_message(struct smtp_session *s, const struct filter_answer *answer,
                           struct smtp_filtered *out)
{
	struct spool changed;
	struct slice message;
	spool_create(&changed, s->config->dir, (size_t)s->config->smtp.memory_bytes,
	             s->config->smtp.max_message_bytes + FILTER_CHANGE_BYTES_MAX, out->message.len);
	int rc = filter_apply(answer, out->message, &changed);
	if (rc == 0)
		rc = spool_view(&changed, &message);
	if (rc == 0) {
		smtp_filtered_end(out);
		*out = (struct smtp_filtered){ message, true, changed };
		return true;
	}
	spool_destroy(&changed);
	log_error("filter.spool", kv_error(rc));
	smtp_say_outcome(s, rc == -ENOSPC ? SMTP_ANSWER_DISK_FULL : SMTP_ANSWER_TEMPORARY);
	return false;
}

static bool obey(struct smtp_session *s, const struct config_filter *filter,
                 const struct filter_answer *answer, struct smtp_filtered *out)
{
	if (answer->fate == FILTER_REFUSE)
		return refuse(s, filter, &answer->reply);
	if (answer->fate == FILTER_DISCARD)
		return drop(s, filter, out->message.len);
	smtp_score_add(s, answer->lines, answer->line_count);
	/* Our users are no strangers: their mail has no thresholds. */
	if (!is_outgoing(s) && answer->line_count > 0 && !smtp_score_decide(s))
		return false;
	if (answer->greylist && !is_outgoing(s) && is_too_early(s, filter))
		return false;
	if (answer->quarantine && !put_aside(s, filter, answer->quarantine))
		return false;
	change_envelope(s, filter, answer);
	if (s->transaction->recipient_count == 0)
		return drop(s, filter, out->message.len);
	return !filter_has_changes(answer) || change_message(s, answer, out);
}

static void begin(struct smtp_session *s)
{
	struct smtp_transaction *t = s->transaction;
	if (t->filtering)
		return;
	t->filtering = ARENA_NEW(t->arena, struct smtp_filtering);
	t->filtering->texts = ARENA_ARRAY(t->arena, s->config->filters.count + 1, const char *);
	post_new_id(s->context->post, t->filtering->queue_id);
}

bool smtp_filter(struct smtp_session *s, struct slice message, struct smtp_filtered *out)
{
	const struct config_filters *filters = &s->config->filters;
	bool goes_on = true;
	*out = (struct smtp_filtered){ .message = message };
	for (size_t i = 0; i < filters->count && goes_on && s->context->guard; i++) {
		const struct config_filter *filter = &filters->items[i];
		if (!is_wanted(s, filter))
			continue;
		begin(s);
		struct smtp_filtering *f = s->transaction->filtering;
		const struct filter_question question = question_of(s, out->message);
		struct filter_answer answer = { .arena = s->transaction->arena };
		guard_filter_ask(s->context->guard, filter, &question, &answer);
		f->texts[f->count++] = answer.text;
		goes_on = obey(s, filter, &answer, out);
		filter_answer_end(&answer);
	}
	return goes_on;
}

void smtp_filtered_end(struct smtp_filtered *filtered)
{
	if (filtered->made)
		spool_destroy(&filtered->spool);
	filtered->made = false;
}

void smtp_filter_id(struct smtp_session *s, char out[static 17])
{
	struct smtp_filtering *f = s->transaction->filtering;
	if (!f || !f->queue_id[0]) {
		post_new_id(s->context->post, out);
		return;
	}
	memcpy(out, f->queue_id, sizeof(f->queue_id));
	f->queue_id[0] = '\0';
}

bool smtp_filter_is_junk(const struct smtp_session *s)
{
	return s->transaction->filtering && s->transaction->filtering->quarantined;
}

const char *smtp_filter_held(const struct smtp_session *s)
{
	const struct smtp_filtering *f = s->transaction->filtering;
	return f ? f->held : NULL;
}

void smtp_filter_note(const struct smtp_session *s, const struct post_note **notes, size_t *count)
{
	const struct smtp_transaction *t = s->transaction;
	const struct smtp_filtering *f = t->filtering;
	if (!f)
		return;
	struct post_note *all = ARENA_ARRAY(t->arena, *count + f->count, struct post_note);
	if (*count > 0)
		memcpy(all, *notes, *count * sizeof(*all));
	for (size_t i = 0; i < f->count; i++)
		all[(*count)++] = (struct post_note){ .kind = POST_NOTE_FILTERED,
			                              .address = SLICE_EMPTY,
			                              .detail = slice_from_str(f->texts[i]) };
	*notes = all;
}
