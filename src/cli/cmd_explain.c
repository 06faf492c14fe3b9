/* veredus explain: who has sent this message, and how is that known? */
#include <errno.h>
#include <unistd.h>

#include "cli/cli_admin.h"
#include "cli/cli_commands.h"
#include "cli/cli_dns.h"
#include "cli/cli_file.h"
#include "cli/cli_link.h"
#include "dns/dns.h"
#include "fiber/fiber.h"
#include "guard/attachment_process.h"
#include "guard/guard.h"
#include "guard/guard_classify.h"
#include "trust/trust.h"

struct explaining {
	struct cli *cli;
	const struct config *config;
	struct slice message;
	/* The envelope, as far as it was told. */
	struct net_address client;
	bool has_client;
	struct address sender;
	bool has_sender;
	struct trust_results results;
	struct guard_opinion opinion; /* of the classifier */
	struct attachment_helper *files_helper;
	struct attachment_facts files;
	struct guard_score score;
	enum guard_fate fate, dmarc_fate; /* by the score; by DMARC */
	/* Open until no fiber is left: one may still ask the DNS, for a message that is done. */
	struct dns *dns;
	struct trust *trust;
	int rc;
};

/* --- the envelope ------------------------------------------------------------------------ */

static int read_envelope(struct explaining *e)
{
	const char *ip = cli_text(e->cli, "ip"), *from = cli_text(e->cli, "from");
	struct address sender;
	if (ip && net_address_parse(slice_from_str(ip), 0, &e->client) < 0)
		return cli_fail("--ip %s: no address", ip);
	e->has_client = ip != NULL;
	if (!from)
		return CLI_OK;
	if (slice_equal(slice_from_str(from), SLICE("<>")))
		from = "";
	e->sender = (struct address){ .local = SLICE_EMPTY, .domain = SLICE_EMPTY };
	if (from[0] &&
	    (!address_parse(e->cli->arena, slice_from_str(from), ADDRESS_ALLOW_UTF8, &sender) ||
	     !address_canonical(e->cli->arena, &sender, &e->sender)))
		return cli_fail("--from %s: no address", from);
	/* As the server has it: SPF may show it. */
	if (from[0])
		e->sender.local = sender.local;
	e->has_sender = true;
	return CLI_OK;
}

/* --- asking ------------------------------------------------------------------------------ */

static void add_iprev(struct explaining *e, struct dns *dns)
{
	const char *name = NULL;
	int64_t deadline = deadline_in(e->config->guard.rdns_timeout_ms);
	if (!e->has_client || !e->config->guard.rdns)
		return;
	enum guard_rdns found = guard_lookup_now(dns, e->cli->arena, &e->client, deadline, &name);
	guard_add_iprev(&e->results, e->cli->arena, &e->client, found, name);
}

static void weigh(struct explaining *e, struct dns *dns)
{
	const struct guard_config parts = { .config = e->config, .dns = dns };
	const struct guard_question question = {
		.client = e->has_client ? &e->client : NULL,
		.speaker = { .helo = cli_text(e->cli, "helo"),
		             .sender = e->has_sender ? &e->sender : NULL },
	};
	struct guard *guard = NULL;
	struct slice *found;
	e->rc = guard_open(&parts, &guard);
	if (e->rc == 0 && e->has_client)
		guard_ask_dnswl(guard, &e->results, e->cli->arena, &e->client);
	size_t count = trust_found(&e->results, e->cli->arena, &found);
	(void)attachment_look(e->files_helper, e->cli->arena, e->message, e->config, &e->files);
	count = attachment_join(e->cli->arena, found, count, &e->files, &found);
	guard_score_opinion(&e->score, &e->opinion);
	e->dmarc_fate = guard_dmarc_fate(&e->results, &e->config->trust);
	if (e->rc == 0)
		e->fate = guard_ask_score(guard, &question, e->cli->arena, e->message, found, count,
		                          &e->score);
	guard_close(guard);
}

static void ask(void *arg)
{
	struct explaining *e = arg;
	const struct config *c = e->config;
	const struct dns_config dns_config = cli_dns_config(c);
	const struct trust_question question = { .message = e->message,
		                                 .client = e->has_client ? &e->client : NULL,
		                                 .helo = cli_text(e->cli, "helo"),
		                                 .sender = e->has_sender ? &e->sender : NULL };
	e->rc = dns_open(&dns_config, &e->dns);
	const struct trust_config trust_config = { .config = c, .dns = e->dns };
	if (e->rc == 0)
		e->rc = trust_open(&trust_config, &e->trust);
	if (e->rc == 0)
		e->rc = trust_check(e->trust, e->cli->arena, &question, &e->results);
	if (e->rc == 0) {
		add_iprev(e, e->dns);
		weigh(e, e->dns);
	}
	runtime_stop(0);
}

/* --- the classifier ---------------------------------------------------------------------- */

static void take_opinion(const json_t *item, void *arg)
{
	struct explaining *e = arg;
	const char *evidence = cli_item_text(item, "evidence");
	e->opinion = (struct guard_opinion){
		.given = true,
		.weight = (int)cli_item_number(item, "weight"),
		.evidence = arena_str(e->cli->arena, slice_from_str(evidence)),
	};
}

/* What was learned is in the store, which the server has while it runs. Without one there is
 * nothing to ask. */
static int ask_classifier(struct explaining *e)
{
	const struct cli_answer answer = { .item = take_opinion, .arg = e };
	const char *to = cli_text(e->cli, "to");
	struct cli_link *link;
	json_t *request;
	if (!e->config->classifier.enabled ||
	    access(arena_printf(e->cli->arena, "%s/veredus.db", e->cli->dir), F_OK) < 0)
		return CLI_OK;
	int status = cli_link_open(e->cli, &link);
	if (status != CLI_OK)
		return status;
	request = json_object();
	if (to)
		json_object_set_new(request, "address", json_string(to));
	status = cli_link_call(link, "learn.judge", request, &e->message, 1, &answer);
	cli_link_close(link);
	return status;
}

/* --- printing ---------------------------------------------------------------------------- */

static json_t *text_json(struct slice text)
{
	json_t *json = json_stringn(text.data, text.len);
	return json ? json : json_string("(not UTF-8)");
}

static json_t *verdict_json(const struct trust_verdict *v)
{
	json_t *properties = json_object(), *evidence = json_object();
	for (size_t i = 0; i < v->property_count; i++) {
		const struct trust_property *p = &v->properties[i];
		char name[64];
		snprintf(name, sizeof(name), "%s.%s", p->type, p->name);
		json_object_set_new(properties, name, text_json(p->value));
	}
	for (size_t i = 0; i < v->evidence_count; i++)
		json_object_set_new(evidence, v->evidence[i].name, text_json(v->evidence[i].value));
	return json_pack("{s:s, s:s, s:s, s:o, s:o}", "method", v->method, "result",
	                 trust_result_name(v->result), "reason", v->reason, "properties",
	                 properties, "evidence", evidence);
}

/* What strangers wrote goes to a terminal: nothing in it may move the cursor. */
static void print_safely(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.data[i];
		putchar(c < ' ' || c == 0x7F ? ' ' : c);
	}
}

/* dkim   pass
 *            header.d=example.org header.s=sel
 *            body hash found   ... */
static void print_verdict(const struct trust_verdict *v)
{
	printf("%-6s  %s%s%s\n", v->method, trust_result_name(v->result), v->reason[0] ? ": " : "",
	       v->reason);
	for (size_t i = 0; i < v->property_count; i++) {
		printf("%s%s.%s=", i > 0 ? " " : "        ", v->properties[i].type,
		       v->properties[i].name);
		print_safely(v->properties[i].value);
	}
	if (v->property_count > 0)
		putchar('\n');
	for (size_t i = 0; i < v->evidence_count; i++) {
		printf("        %-16s  ", v->evidence[i].name);
		print_safely(v->evidence[i].value);
		putchar('\n');
	}
}

static void print_threshold(const char *name, int threshold, const char **between)
{
	char number[GUARD_WEIGHT_TEXT_MAX];
	if (threshold <= 0)
		return;
	printf("%s%s from %s", *between, name, guard_weight_text(threshold, number));
	*between = ", ";
}

/* The worse of the two, as far as rules, filters and scripts let it. */
static enum guard_fate fate_of(const struct explaining *e)
{
	return e->dmarc_fate > e->fate ? e->dmarc_fate : e->fate;
}

/* What section score says about the total, and DMARC. */
static void print_fate(const struct explaining *e)
{
	const struct config_score *c = &e->config->score;
	const char *between = ": ";
	if (e->dmarc_fate > e->fate) {
		printf("        then    %s, as DMARC asks for\n", guard_fate_name(e->dmarc_fate));
		return;
	}
	printf("        then    %s", guard_fate_name(e->fate));
	print_threshold("tag", c->tag, &between);
	print_threshold("junk", c->junk, &between);
	print_threshold("quarantine", c->quarantine, &between);
	print_threshold("reject", c->reject, &between);
	putchar('\n');
}

/* score   6.50
 *           4.00  list.zen  192.0.2.1: 127.0.0.2
 *         then    junk: tag from 3.00, junk from 6.00 */
static void print_score(const struct explaining *e)
{
	const struct guard_score *s = &e->score;
	char number[GUARD_WEIGHT_TEXT_MAX];
	if (s->count == 0 && fate_of(e) == GUARD_DELIVER)
		return;
	printf("score   %s\n", guard_weight_text(s->total, number));
	for (size_t i = 0; i < s->count; i++) {
		const struct guard_score_line *l = &s->lines[i];
		printf("        %6s  %s  ", guard_weight_text(l->weight, number), l->name);
		print_safely(slice_from_str(l->evidence));
		putchar('\n');
	}
	print_fate(e);
}

static json_t *score_json(const struct explaining *e)
{
	const struct guard_score *s = &e->score;
	json_t *lines = json_array();
	for (size_t i = 0; i < s->count; i++) {
		const struct guard_score_line *l = &s->lines[i];
		json_array_append_new(lines, json_pack("{s:s, s:f, s:o}", "name", l->name, "weight",
		                                       l->weight / 100.0, "evidence",
		                                       text_json(slice_from_str(l->evidence))));
	}
	return json_pack("{s:s, s:f, s:s, s:o}", "method", "score", "total", s->total / 100.0,
	                 "then", guard_fate_name(fate_of(e)), "lines", lines);
}

static void print_files(const struct attachment_facts *files)
{
	for (size_t i = 0; i < files->count; i++)
		printf("%.*s\n", SLICE_ARG(files->items[i]));
}

static json_t *files_json(const struct attachment_facts *files)
{
	json_t *found = json_array();
	for (size_t i = 0; i < files->count; i++)
		json_array_append_new(found, text_json(files->items[i]));
	return json_pack("{s:s, s:o}", "method", "attachment", "found", found);
}

/* They may act on what they are shown, so they are not. */
static json_t *filters_json(const struct explaining *e)
{
	const struct config_filters *filters = &e->config->filters;
	json_t *names = json_array();
	for (size_t i = 0; i < filters->count; i++) {
		if (filters->items[i].mail != FILTER_OUTGOING)
			json_array_append_new(names, json_string(filters->items[i].name));
	}
	return names;
}

/* filters unasked: virus, rspamd */
static void print_filters(const json_t *names)
{
	size_t i;
	const json_t *name;
	json_array_foreach(names, i, name)
		printf("%s%s", i > 0 ? ", " : "filters unasked: ", json_string_value(name));
	if (json_array_size(names) > 0)
		putchar('\n');
}

static void print_results(const struct explaining *e)
{
	json_t *unasked = filters_json(e);
	const struct trust_results *r = &e->results;
	if (!cli_has(e->cli, "json")) {
		/* So DMARC may fail for that alone. */
		if (e->config->trust.spf && (!e->has_client || !e->has_sender))
			puts("spf     unasked: it takes --ip and --from");
		for (size_t i = 0; i < r->count; i++)
			print_verdict(&r->verdicts[i]);
		print_files(&e->files);
		print_score(e);
		print_filters(unasked);
		json_decref(unasked);
		return;
	}
	json_t *all = json_array();
	for (size_t i = 0; i < r->count; i++)
		json_array_append_new(all, verdict_json(&r->verdicts[i]));
	if (e->files.count > 0)
		json_array_append_new(all, files_json(&e->files));
	if (e->score.count > 0 || fate_of(e) != GUARD_DELIVER)
		json_array_append_new(all, score_json(e));
	if (json_array_size(unasked) > 0)
		json_array_append_new(
			all, json_pack("{s:s, s:O}", "method", "filters", "unasked", unasked));
	json_decref(unasked);
	json_dumpf(all, stdout, JSON_INDENT(1));
	putchar('\n');
	json_decref(all);
}

static int explain_with(struct explaining *e)
{
	const struct runtime_config runtime = { .workers = 1 };
	int status = ask_classifier(e);
	if (status != CLI_OK)
		return status;
	int rc = runtime_run(&runtime, ask, e);
	trust_close(e->trust);
	dns_close(e->dns);
	if (rc == 0)
		rc = e->rc;
	if (rc < 0)
		return cli_fail("it could not be checked: %s", strerrordesc_np(-rc));
	print_results(e);
	return CLI_OK;
}

static int explain(struct cli *cli)
{
	struct explaining e = { .cli = cli };
	int status = cli_read_message(cli->arena, cli->words[0], &e.message);
	if (status == CLI_OK)
		status = read_envelope(&e);
	struct config *config = status == CLI_OK ? cli_load_config(cli) : NULL;
	if (!config)
		return CLI_FAILED;
	e.config = config;
	/* Before there are threads. */
	int rc = attachment_helper_start(&e.files_helper);
	status = rc < 0 ? cli_fail("there can be no more processes: %s", strerrordesc_np(-rc))
	                : explain_with(&e);
	attachment_helper_stop(e.files_helper);
	config_free(config);
	return status;
}

static const struct cli_option options[] = {
	{ "from", 0, "ADDRESS", "the sender of the envelope; <> for a report" },
	{ "helo", 0, "NAME", "what the client called itself" },
	{ "ip", 0, "ADDRESS", "where it came from; SPF is asked if this and --from are given" },
	{ "json", 0, NULL, "as JSON" },
	{ "to", 0, "ADDRESS", "who it is for: what this user taught the classifier counts, too" },
	{ 0 },
};

const struct cli_command cmd_explain = {
	.name = "explain",
	.summary = "Who has sent a message, with all evidence.",
	.usage = "[--ip ADDRESS] [--helo NAME] [--from ADDRESS] [--to ADDRESS] [--json] FILE",
	.text = "Checks a message from a file as the server checks one that a stranger brings, "
		"now, "
		"and\nprints each verdict with what it was made from. The DNS is asked as the "
		"configuration says.\nFilters are not shown the message: the last line names those "
		"that would be.\n",
	.options = options,
	.min_words = 1,
	.max_words = 1,
	.run = explain,
};
