#include "admin/policy_message.h"

#include <errno.h>

#include "dns/dns.h"
#include "fiber/fiber.h"

enum { MEMORY_BYTES = 1 << 20, BYTES_MAX = 128 << 20 };

int policy_message_begin(struct policy_message *m, const json_t *request, struct admin_reply *reply)
{
	const struct admin *admin = m->admin;
	if (!admin->trust || !admin->dns)
		return admin_fail(reply, -ENOTSUP,
		                  "a message is only looked at while the server runs");
	if (!admin_text(request, "from"))
		return admin_fail(reply, -EINVAL, "a message has a sender: say --from ADDRESS");
	spool_create(&m->spool, admin->config->dir, MEMORY_BYTES, BYTES_MAX, reply->body_left);
	m->begun = true;
	int rc = admin_body(reply, reply->body_left, spool_add, &m->spool);
	return rc == 0 ? spool_view(&m->spool, &m->bytes) : rc;
}

void policy_message_end(struct policy_message *m)
{
	if (m->begun)
		spool_destroy(&m->spool);
}

void policy_message_for(struct policy_message *m, const struct address *recipient)
{
	struct address canonical;
	if (++m->recipients == 1 && address_canonical(m->arena, recipient, &canonical))
		m->recipient = address_text(m->arena, &canonical);
}

/* --- who has sent it ---------------------------------------------------------------------- */

/* As smtp/smtp_trust.c has it. */
static bool is_stranger(const struct policy_message *m)
{
	const struct config *c = m->admin->config;
	const struct guard_question *q = m->question;
	bool takes_from_strangers = true;
	for (size_t i = 0; i < c->listener_count; i++) {
		const struct config_listener *l = &c->listeners[i];
		if (slice_equal(slice_from_str(l->name), slice_from_str(q->listener)))
			takes_from_strangers = l->kind == LISTENER_SMTP;
	}
	bool may_relay = q->speaker.account != NULL;
	for (size_t i = 0; i < c->relay_network_count && !may_relay; i++)
		may_relay = net_network_contains(&c->relay_networks[i], q->client);
	return takes_from_strangers && !may_relay;
}

static void add_opinion(void *arg, struct guard_score *score)
{
	const struct policy_message *m = arg;
	guard_score_opinion(score, &m->opinion);
}

static void add_iprev(struct policy_message *m)
{
	const struct guard_question *q = m->question;
	const struct config_guard *c = &m->admin->config->guard;
	enum guard_rdns found = q->rdns;
	const char *name = q->rdns_name;
	if (found == GUARD_RDNS_UNASKED && c->rdns)
		found = guard_lookup_now(m->admin->dns, m->arena, q->client,
		                         deadline_in(c->rdns_timeout_ms), &name);
	guard_add_iprev(&m->results, m->arena, q->client, found, name);
}

int policy_message_check(struct policy_message *m, struct guard_question *q)
{
	const struct trust_question question = { .client = q->client,
		                                 .helo = q->speaker.helo,
		                                 .sender = q->speaker.sender,
		                                 .message = m->bytes };
	const struct config *c = m->admin->config;
	m->question = q;
	m->is_stranger = is_stranger(m);
	q->message = m->bytes;
	if (!m->is_stranger)
		return 0;
	int rc = attachment_is_wanted(c)
	                 ? attachment_look(guard_files(m->guard), m->arena, m->bytes, c, &m->files)
	                 : 0;
	if (rc < 0)
		return rc;
	if (c->trust.verify) {
		rc = trust_check(m->admin->trust, m->arena, &question, &m->results);
		if (rc < 0)
			return rc;
		add_iprev(m);
		guard_ask_dnswl(m->guard, &m->results, m->arena, q->client);
	}
	m->found_count = trust_found(&m->results, m->arena, &m->found);
	m->found_count = attachment_join(m->arena, m->found, m->found_count, &m->files, &m->found);
	m->opinion = guard_opinion_of(m->guard, m->arena, m->bytes,
	                              m->recipients == 1 ? m->recipient : SLICE_EMPTY);
	q->speaker.found = m->found;
	q->speaker.found_count = m->found_count;
	q->speaker.add_score = add_opinion;
	q->speaker.add_score_arg = m;
	return c->trust.verify;
}

/* --- what becomes of it ------------------------------------------------------------------- */

static json_t *stage(const char *name, enum guard_fate fate, const char *why)
{
	return json_pack("{s:s, s:s, s:o}", "stage", name, "verdict", guard_fate_name(fate), "why",
	                 admin_json_text(slice_from_str(why)));
}

static json_t *score_stage(enum guard_fate fate, const struct guard_score *score)
{
	char number[GUARD_WEIGHT_TEXT_MAX];
	json_t *lines = json_array();
	json_t *item = stage("score", fate, guard_weight_text(score->total, number));
	for (size_t i = 0; i < score->count; i++) {
		const struct guard_score_line *l = &score->lines[i];
		json_array_append_new(lines,
		                      json_pack("{s:o, s:s, s:o}", "name",
		                                admin_json_text(slice_from_str(l->name)), "weight",
		                                guard_weight_text(l->weight, number), "evidence",
		                                admin_json_text(slice_from_str(l->evidence))));
	}
	json_object_set_new(item, "lines", lines);
	return item;
}

/* Its score, if DMARC lets it come so far. */
static int tell_score(struct policy_message *m, struct admin_reply *reply, enum guard_fate *fate)
{
	struct guard_score *score = ARENA_NEW(m->arena, struct guard_score);
	guard_score_opinion(score, &m->opinion);
	enum guard_fate by_score = guard_ask_score(m->guard, m->question, m->arena, m->bytes,
	                                           m->found, m->found_count, score);
	*fate = by_score > *fate ? by_score : *fate;
	return admin_item(reply, score_stage(by_score, score));
}

/* They may act on what they are shown, so they are not. */
static int tell_filters(const struct policy_message *m, struct admin_reply *reply)
{
	const struct config_filters *filters = &m->admin->config->filters;
	int other = m->is_stranger ? FILTER_OUTGOING : FILTER_INCOMING;
	const char *names = "";
	for (size_t i = 0; i < filters->count; i++) {
		const struct config_filter *f = &filters->items[i];
		if (f->mail != other)
			names = arena_printf(m->arena, "%s%s%s", names, names[0] ? ", " : "",
			                     f->name);
	}
	return names[0] ? admin_item(reply, json_pack("{s:s, s:s, s:s}", "stage", "filters",
	                                              "verdict", "unasked", "why", names))
	                : 0;
}

int policy_message_tell(struct policy_message *m, struct admin_reply *reply, bool held)
{
	enum guard_fate fate = GUARD_DELIVER;
	const char *domain = arena_str(m->arena, m->results.policy_domain);
	int rc = 0;
	if (m->is_stranger) {
		fate = guard_dmarc_fate(&m->results, &m->admin->config->trust);
		if (fate != GUARD_DELIVER)
			rc = admin_item(reply, stage("dmarc", fate, domain));
		if (rc == 0 && fate != GUARD_REJECT)
			rc = tell_score(m, reply, &fate);
	}
	if (held && fate < GUARD_QUARANTINE)
		fate = GUARD_QUARANTINE;
	if (rc == 0)
		rc = tell_filters(m, reply);
	return rc == 0 ? admin_item(reply, stage("then", fate, "")) : rc;
}
