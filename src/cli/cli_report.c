#include "cli/cli_report.h"

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

int cli_report_list(struct cli *cli, const char *about)
{
	return cli_list(cli, "report.list", json_pack("{s:s}", "about", about), print_row, NULL);
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

static void print_report(const json_t *item, void *arg)
{
	cli_report_print print_body = *(cli_report_print *)arg;
	char begins[32], ends[32];
	json_t *report = json_object_get(item, "report");
	clean(report);
	printf("report %lld, %s, %s\n", cli_item_number(item, "id"), cli_item_text(item, "kind"),
	       cli_item_text(item, "report_id"));
	printf("  by     %s, %s\n", cli_item_text(item, "organization"),
	       cli_item_text(item, "contact"));
	printf("  of     %s to %s\n", cli_date(cli_item_number(item, "begins_ms"), begins),
	       cli_date(cli_item_number(item, "ends_ms"), ends));
	if (cli_item_text(item, "to")[0])
		printf("  to     %s\n", cli_item_text(item, "to"));
	if (cli_item_text(item, "from")[0])
		printf("  from   %s\n", cli_item_text(item, "from"));
	printf("  state  %s\n", cli_item_text(item, "state"));
	print_body(report);
}

int cli_report_show(struct cli *cli, const char *about, const char *word,
                    cli_report_print print_body)
{
	int64_t id;
	if (!slice_to_i64(slice_from_str(word), &id))
		return cli_usage(cli, "'%s' is no number of a report", word);
	return cli_list(cli, "report.show",
	                json_pack("{s:s, s:I}", "about", about, "id", (json_int_t)id), print_report,
	                &print_body);
}

int cli_report_send(struct cli *cli, const char *about)
{
	return cli_request(cli, "report.send", json_pack("{s:s}", "about", about), NULL, NULL);
}
