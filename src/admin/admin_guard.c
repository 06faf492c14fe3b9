/* ban.add, ban.list, ban.remove, policy.test */
#include <errno.h>

#include "admin/admin_commands.h"
#include "admin/policy_message.h"
#include "base/clock.h"
#include "guard/guard.h"
#include "store/store.h"

/* --- bans ------------------------------------------------------------------------------- */

static int take_network(const json_t *request, struct admin_reply *reply, struct net_network *out)
{
	const char *text = admin_need(request, "network", reply);
	if (!text)
		return -EINVAL;
	if (net_network_parse(slice_from_str(text), out) < 0)
		return admin_fail(reply, -EINVAL,
		                  "'%s' is no network: write 192.0.2.1, 192.0.2.0/24 or "
		                  "2001:db8::/64",
		                  text);
	net_network_trim(out);
	return 0;
}

static int put_in_commit(struct db *db, void *arg) { return guard_row_put(db, arg); }

static int ban_add(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	int64_t for_ms = admin_number(request, "for_ms", 0);
	const char *reason = admin_text(request, "reason");
	struct guard_ban ban = { .left_ms = for_ms > 0 ? for_ms : GUARD_BAN_FOR_EVER,
		                 .begun_wall_ms = clock_wall_ms(),
		                 .by_hand = true };
	int rc = take_network(request, reply, &ban.network);
	if (rc < 0)
		return rc;
	snprintf(ban.reason, sizeof(ban.reason), "%s", reason ? reason : "");
	if (!admin->guard)
		return store_commit(admin->store, NULL, 0, put_in_commit, &ban);
	rc = guard_ban_add(admin->guard, &ban);
	return rc == -ENOSPC ? admin_fail(reply, rc,
	                                  "there are too many bans by hand: see max-tracked in "
	                                  "section guard")
	                     : rc;
}

static int remove_in_commit(struct db *db, void *arg) { return guard_row_remove(db, arg); }

static int ban_remove(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct net_network network;
	int rc = take_network(request, reply, &network);
	if (rc < 0)
		return rc;
	rc = admin->guard ? guard_ban_remove(admin->guard, &network)
	                  : store_commit(admin->store, NULL, 0, remove_in_commit, &network);
	return rc == -ENOENT
	               ? admin_fail(reply, rc, "%s is not banned: `veredus ban list` shows who is",
	                            admin_text(request, "network"))
	               : rc;
}

static void list_ban(void *arg, const struct guard_ban *ban)
{
	char network[NET_ADDRESS_TEXT_MAX];
	if (ban->left_ms == 0)
		return;
	json_t *item = json_pack("{s:s, s:I, s:i, s:b}", "network",
	                         net_network_text(&ban->network, network), "begun_ms",
	                         (json_int_t)ban->begun_wall_ms, "count", (int)ban->count,
	                         "by_hand", (int)ban->by_hand);
	json_object_set_new(item, "left_ms",
	                    ban->left_ms == GUARD_BAN_FOR_EVER
	                            ? json_null()
	                            : json_integer((json_int_t)ban->left_ms));
	json_object_set_new(item, "reason", admin_json_text(slice_from_str(ban->reason)));
	json_array_append_new(arg, item);
}

static int list_in_read(struct db *db, void *arg) { return guard_row_each(db, list_ban, arg); }

static int ban_list(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	json_t *items = json_array();
	int rc = 0;
	(void)request;
	if (admin->guard)
		guard_ban_each(admin->guard, list_ban, items);
	else
		rc = store_read(admin->store, list_in_read, items);
	int sent = admin_items(reply, items);
	return rc < 0 ? rc : sent;
}

/* --- policy test ------------------------------------------------------------------------ */

/* What is asked, one stage after the other. */
struct test {
	struct guard *guard;
	struct admin_reply *reply;
	struct arena *arena;
	struct net_address client;
	struct guard_question question;
	const char *to;                 /* at stage rcpt */
	unsigned accepted, held_for;    /* recipients; those that alone a rule holds it for */
	const char *held_by;            /* the first rule that wants it in quarantine for all */
	struct policy_message *message; /* NULL: there is none */
	json_t *held;                   /* rules that held at this stage, in order */
};

static void note_rule(void *arg, const struct config_rule *rule, const char *why)
{
	struct test *t = arg;
	json_array_append_new(t->held, json_pack("{s:s, s:s, s:s}", "rule", rule->name, "verdict",
	                                         rule_verdict_name(rule->verdict), "why", why));
}

static json_t *tags_of(const struct guard *g, uint64_t tags)
{
	json_t *out = json_array();
	for (unsigned i = 0; i < RULE_TAGS_MAX; i++) {
		if (tags >> i & 1)
			json_array_append_new(out, json_string(guard_rules(g)->tags[i]));
	}
	return out;
}

/* *refused_out: no more stages. */
static int ask_stage(struct test *t, enum rule_stage stage, bool *refused_out)
{
	struct guard_decision d;
	t->held = json_array();
	guard_ask(t->guard, &t->question, stage, note_rule, t, &d);
	json_t *last = json_array_get(t->held, json_array_size(t->held) - (d.rule ? 1 : 0));
	json_t *item = json_pack(
		"{s:s, s:s, s:s?, s:s?, s:s?, s:I, s:o}", "stage", rule_stage_name(stage),
		"verdict", rule_verdict_name(d.verdict), "rule", d.rule ? d.rule->name : NULL,
		"why", d.rule ? json_string_value(json_object_get(last, "why")) : NULL, "to", t->to,
		"delay_ms", (json_int_t)d.delay_ms, "tags", tags_of(t->guard, d.tags));
	*refused_out = d.verdict != RULE_ALLOW;
	if (d.held_by) {
		if (stage == RULE_RCPT && d.held_by->recipient.count > 0)
			t->held_for += d.verdict == RULE_ALLOW;
		else if (!t->held_by)
			t->held_by = d.held_by->name;
		json_object_set_new(item, "quarantine", json_string(d.held_by->name));
	}
	if (*refused_out)
		json_object_set_new(
			item, "reply",
			json_sprintf("%d %s %s", d.reply.code, d.reply.enhanced, d.reply.text));
	json_object_set_new(item, "held", t->held);
	return admin_item(t->reply, item);
}

struct banned_search {
	const struct net_address *client;
	json_t *item;
};

static void find_banned(void *arg, const struct guard_ban *ban)
{
	struct banned_search *s = arg;
	char network[NET_ADDRESS_TEXT_MAX];
	if (!s->item && net_network_contains(&ban->network, s->client))
		s->item = json_pack("{s:s, s:s, s:n, s:o}", "stage", "connect", "verdict", "banned",
		                    "rule", "why",
		                    json_sprintf("%s: %s", net_network_text(&ban->network, network),
		                                 ban->reason));
}

static int parse_addresses(struct test *t, const char *text, unsigned allow, struct address *out)
{
	if (!text[0] && (allow & ADDRESS_ALLOW_NULL)) {
		*out = (struct address){ .local = SLICE_EMPTY, .domain = SLICE_EMPTY };
		return 0;
	}
	if (address_parse(t->arena, slice_from_str(text), allow | ADDRESS_ALLOW_UTF8, out))
		return 0;
	return admin_fail(t->reply, -EINVAL, "'%s' is no address", text);
}

static int ask_recipients(struct test *t, const json_t *recipients)
{
	struct address recipient;
	size_t index;
	json_t *value;
	int rc = 0;
	json_array_foreach(recipients, index, value)
	{
		bool refused;
		t->to = json_string_value(value);
		rc = t->to ? parse_addresses(t, t->to, ADDRESS_ALLOW_POSTMASTER, &recipient)
		           : -EINVAL;
		if (rc < 0)
			break;
		t->question.speaker.recipient = &recipient;
		rc = ask_stage(t, RULE_RCPT, &refused);
		if (rc < 0)
			break;
		t->accepted += !refused;
		if (t->message && !refused)
			policy_message_for(t->message, &recipient);
	}
	return rc;
}

/* As the session does when the last byte is there. */
static int ask_message(struct test *t)
{
	bool refused = false;
	int rc = policy_message_check(t->message, &t->question);
	t->to = NULL;
	t->question.speaker.recipient = NULL;
	if (rc > 0)
		rc = ask_stage(t, RULE_MESSAGE, &refused);
	bool held = t->held_by || (t->held_for > 0 && t->held_for == t->accepted);
	return rc == 0 && !refused ? policy_message_tell(t->message, t->reply, held) : rc;
}

static int ask_all(struct test *t, const json_t *request)
{
	const char *helo = admin_text(request, "helo"), *from = admin_text(request, "from");
	struct banned_search banned = { .client = &t->client };
	struct address sender;
	bool refused = false;
	if (!guard_is_exempt(t->guard, &t->client))
		guard_ban_each(t->guard, find_banned, &banned);
	if (banned.item)
		return admin_item(t->reply, banned.item);
	int rc = from ? parse_addresses(t, from, ADDRESS_ALLOW_NULL, &sender) : 0;
	if (rc == 0)
		rc = ask_stage(t, RULE_CONNECT, &refused);
	if (rc == 0 && !refused && (helo || from)) {
		t->question.speaker.helo = helo;
		rc = ask_stage(t, RULE_HELO, &refused);
	}
	if (rc == 0 && !refused && from) {
		t->question.speaker.tls = json_is_true(json_object_get(request, "tls"));
		t->question.speaker.account = admin_text(request, "user");
		t->question.speaker.sender = &sender;
		rc = ask_stage(t, RULE_MAIL, &refused);
	}
	if (rc == 0 && !refused && from)
		rc = ask_recipients(t, json_object_get(request, "to"));
	if (rc == 0 && !refused && t->message &&
	    (t->accepted > 0 || json_array_size(json_object_get(request, "to")) == 0))
		rc = ask_message(t);
	return rc;
}

static void set_rdns(struct guard_question *q, const char *rdns)
{
	static const struct {
		const char *word;
		enum guard_rdns state;
	} words[] = { { RULE_RDNS_NONE, GUARD_RDNS_NONE },
		      { RULE_RDNS_UNCONFIRMED, GUARD_RDNS_UNCONFIRMED },
		      { RULE_RDNS_UNKNOWN, GUARD_RDNS_UNKNOWN } };
	if (!rdns)
		return;
	q->rdns = GUARD_RDNS_CONFIRMED;
	q->rdns_name = rdns;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (slice_equal(slice_from_str(rdns), slice_from_str(words[i].word)))
			q->rdns = words[i].state;
	}
}

static bool has_listener(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->listener_count; i++) {
		if (slice_equal(slice_from_str(c->listeners[i].name), slice_from_str(name)))
			return true;
	}
	return false;
}

static int ask(struct admin *admin, struct guard *guard, const json_t *request,
               struct admin_reply *reply)
{
	const char *client = admin_need(request, "client", reply);
	const char *listener = admin_text(request, "listener");
	struct test t = { .guard = guard, .reply = reply };
	struct policy_message message = { .admin = admin, .guard = guard };
	if (!client)
		return -EINVAL;
	if (net_address_parse(slice_from_str(client), 0, &t.client) < 0 ||
	    t.client.any.sa_family == AF_UNSPEC)
		return admin_fail(reply, -EINVAL, "'%s' is no address", client);
	if (listener && !has_listener(admin->config, listener))
		return admin_fail(reply, -ENOENT, "there is no section listen \"%s\"", listener);
	t.arena = arena_new();
	t.question = (struct guard_question){ .client = &t.client,
		                              .listener = listener ? listener : "smtp" };
	set_rdns(&t.question, admin_text(request, "rdns"));
	int rc = 0;
	message.arena = t.arena;
	if (reply->body_left > 0) {
		t.message = &message;
		rc = policy_message_begin(&message, request, reply);
	}
	if (rc == 0)
		rc = ask_all(&t, request);
	if (t.message)
		policy_message_end(t.message);
	arena_free(t.arena);
	return rc;
}

/* Without a server there is no DNS, and of rates only what was saved is known. */
static int policy_test(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	const struct guard_config parts = { .config = admin->config, .store = admin->store };
	struct guard *guard = NULL;
	if (admin->guard)
		return ask(admin, admin->guard, request, reply);
	int rc = guard_open(&parts, &guard);
	if (rc == 0)
		rc = ask(admin, guard, request, reply);
	guard_close(guard);
	return rc;
}

const struct admin_command admin_guard_commands[] = {
	{ "ban.add", ban_add },
	{ "ban.list", ban_list },
	{ "ban.remove", ban_remove },
	{ "policy.test", policy_test },
	{ 0 },
};
