/* veredus tlsrpt */
#include "cli/cli_commands.h"
#include "cli/cli_report.h"

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

static void print_report(const json_t *report)
{
	size_t i;
	const json_t *policy;
	json_array_foreach(json_object_get(report, "policies"), i, policy) print_policy(policy);
}

static int tlsrpt_list(struct cli *cli) { return cli_report_list(cli, "tls"); }

static int tlsrpt_show(struct cli *cli)
{
	return cli_report_show(cli, "tls", cli->words[0], print_report);
}

static int tlsrpt_send(struct cli *cli) { return cli_report_send(cli, "tls"); }

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
