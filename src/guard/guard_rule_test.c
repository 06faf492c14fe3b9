#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "guard/guard_pattern.h"
#include "guard/guard_rule.h"

/* A configuration of these rules, as a file would give it. */
static struct config *rules(const char *text)
{
	char dir[] = "/tmp/veredus-rule-XXXXXX", path[64];
	struct config *config = NULL;
	char *errors;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/veredus.conf", dir);
	FILE *file = fopen(path, "w");
	fputs(text, file);
	fclose(file);
	assert_int_equal(config_load(dir, &config, &errors), 0);
	free(errors);
	unlink(path);
	rmdir(dir);
	return config;
}

static enum guard_rdns confirmed(void *arg, const char **name_out)
{
	*name_out = "host.dyn.example";
	return arg ? *(enum guard_rdns *)arg : GUARD_RDNS_CONFIRMED;
}

static bool is_ours(void *arg, struct slice domain)
{
	(void)arg;
	return slice_equal(domain, SLICE("example.test"));
}

static enum guard_sender_dns resolves(void *arg, struct slice domain)
{
	(void)arg;
	return slice_equal(domain, SLICE("nowhere.test")) ? GUARD_SENDER_UNRESOLVABLE
	                                                  : GUARD_SENDER_RESOLVES;
}

static bool no_token(void *arg, const struct config_rule *rule, const struct guard_facts *facts)
{
	(void)arg;
	(void)rule;
	(void)facts;
	return false;
}

static struct net_address client;

static struct guard_facts facts(const char *address)
{
	net_address_parse(slice_from_str(address), 0, &client);
	return (struct guard_facts){ .client = &client,
		                     .listener = "smtp",
		                     .helo = SLICE("Mail.Dyn.Example"),
		                     .sender = SLICE("ann@example.net"),
		                     .sender_domain = SLICE("example.net"),
		                     .recipient = SLICE("bob@example.test"),
		                     .rdns = confirmed,
		                     .sender_dns = resolves,
		                     .is_ours = is_ours,
		                     .take_token = no_token };
}

/* The rule that decides, or "". */
static const char *decide(const struct config *c, enum rule_stage stage,
                          const struct guard_facts *f, struct guard_decision *out)
{
	guard_rules_walk(&c->rules, stage, f, NULL, NULL, out);
	return out->rule ? out->rule->name : "";
}

static void order_decides(void **state)
{
	struct config *c = rules("rule friend { client = { \"10.0.0.0/8\" } verdict = allow }\n"
	                         "rule foe { client = { \"10.1.0.0/16\", \"192.0.2.0/24\", "
	                         "\"!192.0.2.7\" } verdict = reject reply = \"550 No\" }\n"
	                         "rule late { recipient = { bob@example.test } verdict = defer }");
	struct guard_decision d;
	struct guard_facts f = facts("10.1.1.1");
	(void)state;
	assert_string_equal(decide(c, RULE_CONNECT, &f, &d), "friend");
	assert_string_equal(decide(c, RULE_RCPT, &f, &d), "friend");
	f = facts("192.0.2.8");
	assert_string_equal(decide(c, RULE_CONNECT, &f, &d), "foe");
	/* In place of the greeting there are two codes only. */
	assert_int_equal(d.reply.code, 554);
	assert_string_equal(d.reply.text, "No");
	assert_string_equal(decide(c, RULE_MAIL, &f, &d), "foe");
	assert_int_equal(d.reply.code, 550);
	f = facts("192.0.2.7");
	assert_string_equal(decide(c, RULE_MAIL, &f, &d), "");
	assert_int_equal(d.verdict, RULE_ALLOW);
	assert_string_equal(decide(c, RULE_RCPT, &f, &d), "late");
	assert_int_equal(d.reply.code, 450);
	config_free(c);
}

static bool holds(const char *condition, const struct guard_facts *f)
{
	char text[500];
	struct guard_decision d;
	snprintf(text, sizeof(text), "rule one { %s verdict = reject }", condition);
	struct config *c = rules(text);
	bool rc = decide(c, RULE_RCPT, f, &d)[0] != '\0';
	config_free(c);
	return rc;
}

static void conditions(void **state)
{
	struct guard_facts f = facts("2001:db8::5");
	enum guard_rdns none = GUARD_RDNS_NONE, unasked = GUARD_RDNS_UNASKED;
	(void)state;
	assert_true(holds("client = { \"2001:db8::/32\" }", &f));
	assert_false(holds("client = { \"!2001:db8::/32\" }", &f));
	assert_true(holds("client = { \"!192.0.2.0/24\" }", &f));
	assert_true(holds("listener = { smtp, submission }", &f));
	assert_false(holds("listener = { \"sub*\" }", &f));
	assert_true(holds("tls = no", &f));
	assert_false(holds("tls = yes", &f));
	assert_true(holds("authenticated = no", &f));
	assert_false(holds("account = { \"*\" }", &f));
	assert_true(holds("helo = { \"*.dyn.example\" }", &f));
	assert_false(holds("helo = { \"*.dyn.example\", \"!mail.*\" }", &f));
	assert_true(holds("sender = { example.net }", &f));
	assert_true(holds("sender = { \"ann@*\" }", &f));
	assert_false(holds("sender = { \"<>\" }", &f));
	assert_true(holds("recipient = { \"@example.test\" }", &f));
	assert_false(holds("recipient = { \"@example.test\" } tls = yes", &f));
	assert_true(holds("rdns = { confirmed }", &f));
	assert_true(holds("rdns = { none, \"*.dyn.example\" }", &f));
	assert_false(holds("rdns = { none, unconfirmed, unknown }", &f));
	assert_false(holds("sender-is = { ours, null, unresolvable, unresolved }", &f));
	assert_true(holds("rate = \"1 recipients/1m\"", &f));
	assert_true(holds("rate = \"1 recipients/1m per sender\"", &f));
	assert_false(holds("rate = \"1 recipients/1m per account\"", &f));
	f.account = "bob@example.test";
	f.tls = true;
	assert_true(holds("account = { \"*@example.test\" } tls = yes authenticated = yes", &f));
	f.sender = f.sender_domain = SLICE("");
	assert_true(holds("sender = { \"<>\" }", &f));
	assert_true(holds("sender-is = { null }", &f));
	assert_false(holds("sender-is = { unresolvable }", &f));
	assert_false(holds("sender = { \"*\" }", &f));
	f.sender = SLICE("x@nowhere.test");
	f.sender_domain = SLICE("nowhere.test");
	assert_true(holds("sender-is = { unresolvable }", &f));
	assert_false(holds("sender-is = { \"!unresolvable\" }", &f));
	f.sender_domain = SLICE("example.test");
	assert_true(holds("sender-is = { ours }", &f));
	f.arg = &none;
	assert_true(holds("rdns = { none }", &f));
	assert_false(holds("rdns = { \"*\" }", &f));
	f.arg = &unasked;
	assert_false(holds("rdns = { \"!none\" }", &f));
}

static void going_on(void **state)
{
	struct config *c = rules("rule one { client = { 192.0.2.1 } verdict = delay delay = 3s }\n"
	                         "rule two { helo = { \"*\" } verdict = tag tag = odd }\n"
	                         "rule three { verdict = tag tag = all stage = rcpt }\n"
	                         "rule four { verdict = tag tag = odd stage = mail }");
	struct guard_decision d;
	struct guard_facts f = facts("192.0.2.1");
	(void)state;
	assert_string_equal(decide(c, RULE_CONNECT, &f, &d), "");
	assert_int_equal(d.delay_ms, 3000);
	assert_string_equal(d.delayed_by->name, "one");
	assert_int_equal(d.tags, 0);
	decide(c, RULE_HELO, &f, &d);
	assert_int_equal(d.delay_ms, 0);
	assert_int_equal(d.tags, 1);
	decide(c, RULE_RCPT, &f, &d);
	assert_int_equal(d.tags, 3);
	assert_int_equal(c->rules.tag_count, 2);
	config_free(c);
}

static void patterns(void **state)
{
	(void)state;
	assert_true(guard_pattern_match(SLICE(""), SLICE("")));
	assert_true(guard_pattern_match(SLICE("*"), SLICE("")));
	assert_true(guard_pattern_match(SLICE("a*b*c"), SLICE("aXbbYc")));
	assert_true(guard_pattern_match(SLICE("*ab"), SLICE("aab")));
	assert_true(guard_pattern_match(SLICE("a?c"), SLICE("ABC")));
	assert_false(guard_pattern_match(SLICE("a?c"), SLICE("ac")));
	assert_false(guard_pattern_match(SLICE("a*b"), SLICE("abc")));
	assert_false(guard_pattern_match(SLICE("*a*a*a*a*b"), SLICE("aaaaaaaaaaaaaaaaaaaaaaaa")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(order_decides),
		cmocka_unit_test(conditions),
		cmocka_unit_test(going_on),
		cmocka_unit_test(patterns),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
