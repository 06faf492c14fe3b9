/* veredus dmarc */
#include "cli/cli_commands.h"
#include "cli/cli_report.h"

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = cli_item_text(object, key);
	return *text ? text : "-";
}

static void print_results(const char *method, const json_t *results)
{
	size_t i;
	const json_t *one;
	json_array_foreach(results, i, one)
		printf("          %s %s %s %s\n", method, text_of(one, "result"),
	               text_of(one, "domain"), cli_item_text(one, "selector"));
}

static void print_reasons(const json_t *reasons)
{
	size_t i;
	const json_t *one;
	json_array_foreach(reasons, i, one) printf(
		"          because %s %s\n", text_of(one, "type"), cli_item_text(one, "comment"));
}

static void print_record(const json_t *record)
{
	const json_t *row = json_object_get(record, "row");
	const json_t *names = json_object_get(record, "identifiers");
	const json_t *results = json_object_get(record, "auth_results");
	const json_t *evaluated = json_object_get(row, "policy_evaluated");
	printf("%8s  %s  dkim %s, spf %s: %s  from %s, envelope %s\n", text_of(row, "count"),
	       text_of(row, "source_ip"), text_of(evaluated, "dkim"), text_of(evaluated, "spf"),
	       text_of(evaluated, "disposition"), text_of(names, "header_from"),
	       text_of(names, "envelope_from"));
	print_reasons(json_object_get(evaluated, "reason"));
	print_results("dkim", json_object_get(results, "dkim"));
	print_results("spf", json_object_get(results, "spf"));
}

static void print_report(const json_t *report)
{
	size_t i;
	const json_t *record;
	const json_t *policy = json_object_get(report, "policy_published");
	printf("\npolicy of %s: p=%s sp=%s np=%s t=%s\n", text_of(policy, "domain"),
	       text_of(policy, "p"), text_of(policy, "sp"), text_of(policy, "np"),
	       text_of(policy, "testing"));
	json_array_foreach(json_object_get(report, "record"), i, record) print_record(record);
}

static int report(struct cli *cli)
{
	if (cli->word_count == 0)
		return cli_report_list(cli, "dmarc");
	return cli_report_show(cli, "dmarc", cli->words[0], print_report);
}

static void print_failure(const json_t *report)
{
	size_t i;
	const json_t *field;
	printf("\n");
	json_array_foreach(json_object_get(report, "fields"), i, field)
		printf("%s: %s\n", text_of(field, "name"), cli_item_text(field, "value"));
}

static int failure(struct cli *cli)
{
	if (cli->word_count == 0)
		return cli_report_list(cli, "failure");
	return cli_report_show(cli, "failure", cli->words[0], print_failure);
}

static int send_reports(struct cli *cli) { return cli_report_send(cli, "dmarc"); }

static const struct cli_option options[] = {
	{ "json", 0, NULL, "with report and failure: as JSON" },
	{ 0 },
};

static const struct cli_verb verbs[] = {
	{ "report", "[ID]",
	  "Show the reports that were made and that were received, or all of one.", 0, 1, report },
	{ "failure", "[ID]",
	  "Show the reports on single messages that were made and that were received, or all of "
	  "one.",
	  0, 1, failure },
	{ "send", "", "Report on all that was counted so far, and send what waits.", 0, 0,
	  send_reports },
	{ 0 },
};

const struct cli_command cmd_dmarc = {
	.name = "dmarc",
	.summary = "Reports about mail in the name of domains: report, failure, send.",
	.text = "Domains can be told once a day which hosts have sent mail in their name, and "
		"tell\n"
		"us the same of ours: see section dmarc-report of veredus.conf(5).\n",
	.options = options,
	.verbs = verbs,
};
