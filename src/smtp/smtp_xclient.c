/* XCLIENT and XFORWARD: who a trusted host speaks for. Postfix's XCLIENT_README and
 * XFORWARD_README.
 *
 * After XCLIENT the session is one of the client that was named: limits, rules, trace and journey
 * see nobody else. XFORWARD changes nothing but the record of the next message: a filter that
 * stands between two servers uses it to say where the message had come from. */
#include "base/log.h"
#include "smtp/smtp_attribute.h"
#include "smtp/smtp_session.h"

struct smtp_forward {
	struct arena *arena; /* owns it */
	struct slice values[SMTP_ATTRIBUTE_COUNT];
};

bool smtp_is_trusted_proxy(const struct session *base)
{
	const struct config_listener *l = service_config(base->service)->listener;
	for (size_t i = 0; l && i < l->xclient_network_count; i++) {
		if (net_network_contains(&l->xclient_networks[i], conn_peer(base->conn)))
			return true;
	}
	return false;
}

/* --- XCLIENT ------------------------------------------------------------------------- */

/* The address (0.0.0.0 when it is not known: that is nobody's network) and port that were told. */
static void set_end(struct net_address *end, const struct smtp_attributes *a,
                    enum smtp_attribute addr, enum smtp_attribute port)
{
	uint16_t number = net_address_port(end);
	uint64_t told;
	struct slice ip = a->values[addr].len > 0 ? a->values[addr] : SLICE("0.0.0.0");
	if (smtp_attribute_is_given(a, addr)) {
		(void)net_address_parse(ip, 0, end);
		net_address_set_port(end, number);
	}
	if (smtp_attribute_is_given(a, port))
		net_address_set_port(end,
		                     slice_to_u64(a->values[port], &told) ? (uint16_t)told : 0);
}

static void xclient_set_ends(struct smtp_session *s, const struct smtp_attributes *a)
{
	struct conn *conn = s->base.conn;
	struct net_address peer = *conn_peer(conn), local = *conn_local(conn);
	set_end(&peer, a, SMTP_ATTRIBUTE_ADDR, SMTP_ATTRIBUTE_PORT);
	set_end(&local, a, SMTP_ATTRIBUTE_DESTADDR, SMTP_ATTRIBUTE_DESTPORT);
	conn_set_ends(conn, &peer, &local);
	s->client.address = peer;
	if (smtp_attribute_is_given(a, SMTP_ATTRIBUTE_NAME)) {
		struct slice name = a->values[SMTP_ATTRIBUTE_NAME];
		s->client.name = name.len > 0 ? arena_str(s->told, name) : NULL;
	} else if (smtp_attribute_is_given(a, SMTP_ATTRIBUTE_ADDR)) {
		s->client.name = NULL;
	}
}

/* False if there is no account of that name. */
static bool xclient_set_login(struct smtp_session *s, const struct smtp_attributes *a)
{
	struct slice name = a->values[SMTP_ATTRIBUTE_LOGIN];
	struct auth_identity identity = { 0 };
	if (!smtp_attribute_is_given(a, SMTP_ATTRIBUTE_LOGIN))
		return true;
	if (name.len > 0 && (!s->context->auth || auth_find_account(s->context->auth, s->base.arena,
	                                                            name, &identity) < 0))
		return false;
	s->client.account = identity.address;
	s->client.account_id = identity.account_id;
	s->told_login = name.len > 0;
	return true;
}

static void xclient_log(const struct smtp_session *s)
{
	char peer[NET_ADDRESS_TEXT_MAX];
	log_info("smtp.xclient", kv_int("session", (int64_t)s->base.id),
	         kv_str("client", net_address_ip(&s->client.address, peer)),
	         kv_str("name", s->client.name ? s->client.name : ""),
	         kv_str("account", s->client.account ? s->client.account : ""));
}

/* What the peer itself has said is forgotten; what it says of the client stays until it says
 * something else. */
static void xclient_begin(struct smtp_session *s)
{
	struct arena *before = s->told;
	const char *name = s->client.name, *account = s->told_login ? s->client.account : NULL;
	int64_t account_id = s->client.account_id;
	s->told = arena_new();
	smtp_forget(s);
	s->client.name = name ? arena_str(s->told, slice_from_str(name)) : NULL;
	if (account) {
		s->client.account = arena_str(s->told, slice_from_str(account));
		s->client.account_id = account_id;
	}
	s->told_login = account;
	if (before)
		arena_free(before);
}

static void xclient_apply(struct smtp_session *s, const struct smtp_attributes *a)
{
	struct slice helo = a->values[SMTP_ATTRIBUTE_HELO];
	xclient_begin(s);
	if (!xclient_set_login(s, a)) {
		s->client.account = NULL;
		s->client.account_id = 0;
		s->told_login = false;
		smtp_update_client(s);
		smtp_say(s, SMTP_ANSWER_NO_SUCH_LOGIN);
		return;
	}
	xclient_set_ends(s, a);
	if (helo.len > 0) {
		s->helo = mem_str(helo);
		s->esmtp = !slice_equal(a->values[SMTP_ATTRIBUTE_PROTO], SLICE("SMTP"));
	}
	smtp_update_client(s);
	xclient_log(s);
	if (smtp_guard_again(s))
		smtp_say_greeting(s);
}

void smtp_xclient(struct smtp_session *s, struct slice argument)
{
	struct arena *scratch = arena_new();
	struct smtp_attributes attributes;
	if (smtp_parse_attributes(scratch, argument, SMTP_XCLIENT_ATTRIBUTES, &attributes))
		xclient_apply(s, &attributes);
	else
		smtp_say(s, SMTP_ANSWER_BAD_PARAMETER);
	arena_free(scratch);
}

/* --- XFORWARD ------------------------------------------------------------------------ */

void smtp_forward_free(struct smtp_forward *f)
{
	if (f)
		arena_free(f->arena);
}

/* Several commands may tell one part each. */
void smtp_xforward(struct smtp_session *s, struct slice argument)
{
	struct arena *scratch = arena_new();
	struct smtp_attributes a;
	bool taken = smtp_parse_attributes(scratch, argument, SMTP_XFORWARD_ATTRIBUTES, &a);
	if (taken && !s->forward) {
		struct arena *arena = arena_new();
		s->forward = ARENA_NEW(arena, struct smtp_forward);
		s->forward->arena = arena;
	}
	for (size_t i = 0; taken && i < SMTP_ATTRIBUTE_COUNT; i++) {
		/* Once each: a client that says it again and again must not fill the memory. */
		if (a.values[i].len > 0 && s->forward->values[i].len == 0)
			s->forward->values[i] = arena_copy(s->forward->arena, a.values[i]);
	}
	arena_free(scratch);
	smtp_say(s, taken ? SMTP_ANSWER_OK : SMTP_ANSWER_BAD_PARAMETER);
}

const char *smtp_forward_text(const struct smtp_session *s, struct arena *arena)
{
	static const char *const words[SMTP_ATTRIBUTE_COUNT] = {
		[SMTP_ATTRIBUTE_NAME] = "name",     [SMTP_ATTRIBUTE_ADDR] = "addr",
		[SMTP_ATTRIBUTE_PORT] = "port",     [SMTP_ATTRIBUTE_PROTO] = "proto",
		[SMTP_ATTRIBUTE_HELO] = "helo",     [SMTP_ATTRIBUTE_IDENT] = "ident",
		[SMTP_ATTRIBUTE_SOURCE] = "source",
	};
	const char *text = NULL;
	for (size_t i = 0; s->forward && i < SMTP_ATTRIBUTE_COUNT; i++) {
		struct slice value = s->forward->values[i];
		if (value.len > 0 && words[i])
			text = arena_printf(arena, "%s%s%s=%.*s", text ? text : "", text ? " " : "",
			                    words[i], SLICE_ARG(value));
	}
	return text;
}
