/* route: what would become of mail for an address, as far as it is known here. Where hosts
 * elsewhere are is for the command line to find out: it asks the DNS itself. */
#include <errno.h>

#include "admin/admin_commands.h"
#include "base/clock.h"
#include "client/sts.h"
#include "directory/fetch.h"
#include "queue/call_ahead.h"
#include "queue/queue_table.h"
#include "route/post.h"
#include "route/resolve.h"
#include "route/suppression.h"
#include "smtp/smtp_session.h"
#include "store/store.h"

static const char *const step_names[] = {
	[ROUTE_STEP_ACCOUNT] = "mailbox",       [ROUTE_STEP_DISABLED] = "disabled",
	[ROUTE_STEP_ALIAS] = "alias",           [ROUTE_STEP_HIDDEN] = "hidden-alias",
	[ROUTE_STEP_MOVED] = "moved",           [ROUTE_STEP_CATCH_ALL] = "catch-all",
	[ROUTE_STEP_POSTMASTER] = "postmaster", [ROUTE_STEP_ELSEWHERE] = "elsewhere",
	[ROUTE_STEP_UNKNOWN] = "unknown",       [ROUTE_STEP_LOOP] = "loop",
	[ROUTE_STEP_LIMIT] = "limit",           [ROUTE_STEP_SRS] = "srs",
};

static const char *const verdict_names[] = {
	[POST_LOCAL] = "local",
	[POST_FORWARDED] = "forwarded",
	[POST_LIST] = "list",
	[POST_REMOTE] = "remote",
	[POST_NO_USER] = "no-user",
	[POST_NO_RELAY] = "no-relay",
	[POST_OVER_QUOTA] = "over-quota",
	[POST_DISABLED] = "disabled",
	[POST_MOVED] = "moved",
	[POST_ALIAS_LOOP] = "alias-loop",
	[POST_UNVERIFIED] = "unverified",
	[POST_TEMPORARY] = "temporary",
};

struct question {
	struct arena *arena;
	const struct config *config;
	struct route_limits limits;
	struct address address, sender;
	bool has_sender;
	const char *given_account; /* or NULL */
	const char *client;        /* the host that hands it in; or NULL: a user does */
	bool may_relay;            /* that host, by its address */
	/* out */
	struct slice sender_text, account;
	json_t *tree, *queued, *relay;
	bool refused;    /* by what the next host said before */
	bool own_sender; /* it leads to somebody here, who logs in before sending */
	bool trusted;
	const char *suppressed; /* what RCPT says of the one recipient; or NULL */
	struct route_resolution found;
};

/* Where a step of that depth goes: among the members of the last one above it. */
static json_t *siblings(json_t *tree, unsigned depth)
{
	while (depth-- > 0 && json_array_size(tree) > 0)
		tree = json_object_get(json_array_get(tree, json_array_size(tree) - 1), "members");
	return tree;
}

static void watch(const struct route_step *step, void *arg)
{
	struct question *q = arg;
	json_t *node = json_pack("{s:o, s:s, s:o, s:b, s:[]}", "address",
	                         admin_json_text(step->address), "kind", step_names[step->kind],
	                         "found", admin_json_text(step->found), "again", (int)step->again,
	                         "members");
	json_array_append_new(siblings(q->tree, step->depth), node);
}

/* Who is meant to have handed it in: who was named, or whom the sender leads to. Somebody who has
 * logged in sends in their own name, if nothing else was said. */
static void find_account(struct question *q, const struct route_resolution *sender)
{
	q->account = slice_from_str(q->given_account);
	if (!q->given_account && !q->client && q->own_sender && sender->count == 1)
		q->account = sender->targets->address;
	q->sender_text = SLICE_EMPTY;
	if (!q->has_sender)
		q->sender_text = q->account;
	else if (q->sender.domain.len > 0)
		q->sender_text = address_text(q->arena, &q->sender);
}

/* The policy that is kept of the domain, or null. */
static int sts_json(struct db *db, const struct question *q, struct slice domain, json_t **out)
{
	struct sts_row row;
	int rc = sts_row_get(db, q->arena, domain, &row);
	*out = json_null();
	if (rc == 0)
		*out = json_pack("{s:o, s:o, s:I, s:I}", "id", admin_json_text(row.id), "policy",
		                 admin_json_text(row.text), "fetched_ms",
		                 (json_int_t)row.fetched_ms, "expires_ms",
		                 (json_int_t)row.expires_ms);
	return rc == -ENODATA ? 0 : rc;
}

/* Why mail of the sender does not go to the target any more; or NULL. As RCPT and the queue see it:
 * who uses the name of somebody of ours through an alias is nobody of ours. */
static int find_suppressed(struct db *db, const struct question *q, const struct route_target *t,
                           const char **out)
{
	struct suppression found;
	*out = NULL;
	if (!q->trusted || q->sender_text.len == 0 || (q->account.len == 0 && t->alias.len > 0))
		return 0;
	const struct config_suppression *section = config_suppression_find(
		q->config, q->arena, q->account, q->sender_text);
	if (!section)
		return 0;
	int rc = suppression_find(db, q->arena, slice_from_str(section->scope), t->address,
	                          clock_wall_ms(), &found);
	if (rc == 0)
		*out = suppression_text(q->arena, &found);
	return rc == -ENOENT ? 0 : rc;
}

/* Those that get into the queue. */
static int add_queued(struct db *db, struct question *q)
{
	for (const struct route_target *t = q->found.targets; t; t = t->next) {
		if (t->account_id != 0)
			continue;
		const struct client_errand errand = { .domain = t->domain,
			                              .sender = q->sender_text,
			                              .account = q->account };
		int rc = directory_find_fetch(db, t->domain);
		if (rc < 0 && rc != -ENOENT)
			return rc;
		bool is_fetched = rc == 0 && !queue_table_has_way(q->config, &errand);
		rc = find_suppressed(db, q, t, &q->suppressed);
		if (rc < 0)
			return rc;
		json_t *sts;
		rc = sts_json(db, q, t->domain, &sts);
		json_array_append_new(q->queued,
		                      json_pack("{s:o, s:o, s:b, s:s?, s:o}", "address",
		                                admin_json_text(t->address), "domain",
		                                admin_json_text(t->domain), "fetched", is_fetched,
		                                "suppressed", q->suppressed, "sts", sts));
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* Of a relay domain: how its recipients are known, and what is known of this one. */
static int add_relay(struct db *db, struct question *q)
{
	static const char *const names[] = { "list", "call-ahead", "none" };
	const struct config_relay *relay = q->found.relay;
	struct call_ahead_row row;
	struct address a;
	json_decref(q->relay);
	q->relay = json_null();
	if (!relay)
		return 0;
	q->relay = json_pack("{s:s, s:s, s:b}", "domain", relay->domain, "verify",
	                     names[relay->verify], "listed", (int)q->found.listed);
	if (relay->verify != RELAY_VERIFY_CALL_AHEAD ||
	    !address_canonical(q->arena, &q->address, &a))
		return 0;
	int rc = call_ahead_find(db, q->arena, address_text(q->arena, &a), &row);
	if (rc < 0)
		return rc == -ENOENT ? 0 : rc;
	int64_t for_ms = row.known ? relay->known_for_ms : relay->unknown_for_ms;
	json_object_set_new(q->relay, "known", json_boolean(row.known));
	json_object_set_new(q->relay, "reply", admin_json_text(row.reply));
	json_object_set_new(q->relay, "until_ms", json_integer(row.asked_ms + for_ms));
	q->refused = !row.known && clock_wall_ms() < row.asked_ms + for_ms;
	return 0;
}

static int ask(struct db *db, void *arg)
{
	struct question *q = arg;
	struct route_resolution sender = { 0 };
	struct route_limits quiet = q->limits;
	quiet.watch = NULL;
	int rc = 0;
	if (q->has_sender)
		rc = route_resolve(db, q->arena, &quiet, &q->sender, 0, &sender);
	q->own_sender = sender.local && sender.count > 0;
	bool is_user = q->given_account || (!q->client && (!q->has_sender || q->own_sender));
	q->trusted = is_user || q->may_relay;
	find_account(q, &sender);
	json_array_clear(q->tree);
	json_array_clear(q->queued);
	if (rc == 0)
		rc = route_resolve(db, q->arena, &q->limits, &q->address, 0, &q->found);
	if (rc == 0)
		rc = add_relay(db, q);
	return rc == 0 ? add_queued(db, q) : rc;
}

/* The same judge as in SMTP, whether the server runs or not. */
static int judge(const struct admin *admin, const struct question *q, enum post_verdict *out)
{
	const struct post_config config = { .store = admin->store, .config = admin->config };
	const struct post_client client = { .may_relay = q->trusted, .account = q->given_account };
	struct post *post = NULL;
	int rc = post_open(&config, &post);
	if (rc < 0)
		return rc;
	*out = post_check_recipient(post, &client, q->address.local, q->address.domain, 0);
	post_close(post);
	return 0;
}

static bool is_accepted(enum post_verdict verdict)
{
	return verdict == POST_LOCAL || verdict == POST_FORWARDED || verdict == POST_LIST ||
	       verdict == POST_REMOTE;
}

static int answer(struct admin *admin, struct question *q, struct admin_reply *reply)
{
	enum post_verdict verdict = POST_TEMPORARY;
	int rc = store_read(admin->store, ask, q);
	if (rc == 0)
		rc = judge(admin, q, &verdict);
	if (verdict == POST_REMOTE && q->refused)
		verdict = POST_NO_USER;
	if (rc < 0)
		return rc;
	struct slice line = slice_trim(
		smtp_answer_line(smtp_verdict_answer(admin->config, verdict)));
	bool suppressed = verdict == POST_REMOTE && q->suppressed;
	if (suppressed)
		line = slice_from_str(arena_printf(q->arena, "550 5.1.1 %s", q->suppressed));
	bool accepted = is_accepted(verdict) && !suppressed;
	if (!accepted)
		json_array_clear(q->queued);
	struct slice address = address_text(q->arena, &q->address);
	return admin_item(
		reply,
		json_pack("{s:o, s:b, s:s?, s:s, s:b, s:o, s:O, s:O, s:O, s:o, s:o}", "address",
	                  admin_json_text(address), "trusted", (int)q->trusted, "client", q->client,
	                  "verdict", suppressed ? "suppressed" : verdict_names[verdict], "accepted",
	                  (int)accepted, "reply", admin_json_text(line), "tree", q->tree, "queued",
	                  q->queued, "relay", q->relay, "sender", admin_json_text(q->sender_text),
	                  "account", admin_json_text(q->account)));
}

static bool parse(struct question *q, const char *text, unsigned allow, struct address *out)
{
	return address_parse(q->arena, slice_from_str(text), ADDRESS_ALLOW_UTF8 | allow, out);
}

/* The host that hands it in without a login, as SMTP has it. */
static int find_client(struct question *q, const char *text, struct admin_reply *reply)
{
	struct net_address client;
	if (!text)
		return 0;
	if (net_address_parse(slice_from_str(text), 0, &client) < 0)
		return admin_fail(reply, -EINVAL, "'%s' is no address of a host", text);
	q->client = text;
	for (size_t i = 0; i < q->config->relay_network_count && !q->may_relay; i++)
		q->may_relay = net_network_contains(&q->config->relay_networks[i], &client);
	return 0;
}

static int route(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct question q = { .arena = arena_new(),
		              .tree = json_array(),
		              .queued = json_array(),
		              .relay = json_null() };
	const char *address = admin_need(request, "address", reply);
	const char *sender = admin_text(request, "sender");
	struct address account, canonical;
	bool has_path = sender && sender[0];
	int rc = address ? 0 : -EINVAL;
	q.config = admin->config;
	q.limits = route_limits_of(admin->config);
	q.limits.watch = watch;
	q.limits.watch_arg = &q;
	if (rc == 0 && !parse(&q, address, ADDRESS_ALLOW_POSTMASTER, &q.address))
		rc = admin_fail(reply, -EINVAL, "'%s' is no address", address);
	if (rc == 0 && has_path && !parse(&q, sender, 0, &q.sender))
		rc = admin_fail(reply, -EINVAL, "'%s' is no address", sender);
	q.has_sender = sender != NULL;
	if (rc == 0)
		rc = find_client(&q, admin_text(request, "client"), reply);
	const char *name = admin_text(request, "account");
	if (rc == 0 && name &&
	    (!parse(&q, name, 0, &account) || !address_canonical(q.arena, &account, &canonical)))
		rc = admin_fail(reply, -EINVAL, "'%s' is no address", name);
	else if (rc == 0 && name)
		q.given_account = arena_str(q.arena, address_text(q.arena, &canonical));
	if (rc == 0)
		rc = srs_open(admin->store, admin->config, &q.limits.srs);
	if (rc == 0)
		rc = answer(admin, &q, reply);
	srs_close(q.limits.srs);
	json_decref(q.tree);
	json_decref(q.queued);
	json_decref(q.relay);
	arena_free(q.arena);
	return rc;
}

const struct admin_command admin_route_commands[] = {
	{ "route", route },
	{ 0 },
};
