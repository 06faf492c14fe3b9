/* veredus tlsrpt */
#include "cli/cli_admin.h"
#include "cli/cli_commands.h"

static void print_row(const json_t *item, void *unused)
{
	char begins[32];
	const char *kind = cli_item_text(item, "kind");
	bool is_sent = slice_equal(slice_from_str(kind), SLICE("sent"));
	(void)unused;
	printf("%5lld  %-8s  %.10s  %-24s  %6lld good, %lld bad  %s %s%s%s\n",
	       cli_item_number(item, "id"), kind,
	       cli_date(cli_item_number(item, "begins_ms"), begins), cli_item_text(item, "domain"),
	       cli_item_number(item, "successes"), cli_item_number(item, "failures"),
	       is_sent ? "to" : "from",
	       is_sent ? cli_item_text(item, "to") : cli_item_text(item, "organization"),
	       is_sent ? ": " : "", is_sent ? cli_item_text(item, "state") : "");
}

static int tlsrpt_list(struct cli *cli)
{
	return cli_list(cli, "tlsrpt.list", json_object(), print_row, NULL);
}

/* --- show ----------------------------------------------------------------------------- */

/* What strangers wrote must not speak to the terminal. */
static void clean(json_t *json)
{
	size_t i;
	const char *key;
	json_t *member;
	if (json_is_string(json)) {
		struct slice text = slice_from_str(json_string_value(json));
		struct arena *arena = arena_new();
		char *out = arena_str(arena, text);
		for (char *at = out; *at; at++)
			*at = *at >= ' ' && *at < 0x7f ? *at : '?';
		json_string_set(json, out);
		arena_free(arena);
	}
	json_array_foreach(json, i, member) clean(member);
	json_object_foreach(json, key, member) clean(member);
}

static void print_texts(const char *label, const json_t *texts)
{
	size_t i;
	json_t *text;
	json_array_foreach(texts, i, text)
		printf("    %-10s %s\n", i == 0 ? label : "", json_string_value(text));
}

static void print_failure(const json_t *failure)
{
	static const char *const fields[][2] = {
		{ "receiving-mx-hostname", "host" },  { "receiving-ip", "address" },
		{ "sending-mta-ip", "from" },         { "failure-reason-code", "reason" },
		{ "additional-information", "more" },
	};
	printf("    %6lld  %s", cli_item_number(failure, "failed-session-count"),
	       cli_item_text(failure, "result-type"));
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		const char *text = cli_item_text(failure, fields[i][0]);
		if (text[0])
			printf("%s%s %s", i == 0 ? ": " : ", ", fields[i][1], text);
	}
	putchar('\n');
}

static void print_policy(const json_t *item)
{
	size_t i;
	json_t *failure;
	const json_t *policy = json_object_get(item, "policy");
	const json_t *summary = json_object_get(item, "summary");
	printf("\npolicy %s of %s: %lld good, %lld bad\n", cli_item_text(policy, "policy-type"),
	       cli_item_text(policy, "policy-domain"),
	       cli_item_number(summary, "total-successful-session-count"),
	       cli_item_number(summary, "total-failure-session-count"));
	print_texts("policy", json_object_get(policy, "policy-string"));
	json_array_foreach(json_object_get(item, "failure-details"), i, failure)
		print_failure(failure);
}

static void print_report(const json_t *item, void *unused)
{
	size_t i;
	json_t *policy;
	json_t *report = json_object_get(item, "report");
	clean(report);
	const json_t *range = json_object_get(report, "date-range");
	(void)unused;
	printf("report %lld, %s, %s\n", cli_item_number(item, "id"), cli_item_text(item, "kind"),
	       cli_item_text(item, "report_id"));
	printf("  by     %s, %s\n", cli_item_text(item, "organization"),
	       cli_item_text(item, "contact"));
	printf("  of     %s to %s\n", cli_item_text(range, "start-datetime"),
	       cli_item_text(range, "end-datetime"));
	if (cli_item_text(item, "to")[0])
		printf("  to     %s\n", cli_item_text(item, "to"));
	if (cli_item_text(item, "from")[0])
		printf("  from   %s\n", cli_item_text(item, "from"));
	printf("  state  %s\n", cli_item_text(item, "state"));
	json_array_foreach(json_object_get(report, "policies"), i, policy) print_policy(policy);
}

static int tlsrpt_show(struct cli *cli)
{
	int64_t id;
	if (!slice_to_i64(slice_from_str(cli->words[0]), &id))
		return cli_usage(cli, "'%s' is no number of a report", cli->words[0]);
	return cli_list(cli, "tlsrpt.show", json_pack("{s:I}", "id", (json_int_t)id), print_report,
	                NULL);
}

static int tlsrpt_send(struct cli *cli)
{
	return cli_request(cli, "tlsrpt.send", json_object(), NULL, NULL);
}

static const struct cli_option options[] = {
	{ "json", 0, NULL, "with list and show: as JSON" },
	{ 0 },
};

static const struct cli_verb verbs[] = {
	{ "list", "", "Show the reports that were made and that were received.", 0, 0,
	  tlsrpt_list },
	{ "show", "ID", "Show all of one.", 1, 1, tlsrpt_show },
	{ "send", "", "Report on all that was counted so far, and send what waits.", 0, 0,
	  tlsrpt_send },
	{ 0 },
};

const struct cli_command cmd_tlsrpt = {
	.name = "tlsrpt",
	.summary = "Reports about TLS: list, show, send.",
	.text = "Domains that ask for it are told once a day how TLS with their hosts went, and\n"
		"tell us the same of ours: see section tls-report of veredus.conf(5).\n",
	.options = options,
	.verbs = verbs,
};
