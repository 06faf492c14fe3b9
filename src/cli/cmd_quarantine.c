/* veredus quarantine */
#include <unistd.h>

#include "cli/cli_admin.h"
#include "cli/cli_commands.h"
#include "cli/cli_link.h"
#include "message/shown.h"

/* --- which -------------------------------------------------------------------------------- */

static bool take_ids(const struct cli *cli, json_t *request)
{
	json_t *ids = json_array();
	json_object_set_new(request, "ids", ids);
	for (size_t i = 0; i < cli->word_count; i++) {
		struct slice word = slice_from_str(cli->words[i]);
		int64_t id;
		if (slice_equal(word, SLICE("all"))) {
			json_object_set_new(request, "all", json_true());
		} else if (slice_to_i64(word, &id) && id > 0) {
			json_array_append_new(ids, json_integer(id));
		} else {
			cli_usage(cli, "'%s' is no number of `veredus quarantine list`",
			          cli->words[i]);
			return false;
		}
	}
	return true;
}

/* NULL after a message. */
static json_t *which(const struct cli *cli)
{
	json_t *request = json_object();
	cli_put_text(cli, "user", request);
	cli_put_text(cli, "from", request);
	cli_put_text(cli, "reason", request);
	if (cli_has(cli, "all"))
		json_object_set_new(request, "all", json_true());
	if (take_ids(cli, request) && cli_put_age(cli, "older", "older_ms", request) &&
	    cli_put_age(cli, "newer", "newer_ms", request))
		return request;
	json_decref(request);
	return NULL;
}

/* --- list --------------------------------------------------------------------------------- */

struct listing {
	struct arena *arena;
	long long messages, bytes;
};

static const char *clean_of(struct arena *arena, const json_t *item, const char *key)
{
	return shown_text(arena, slice_from_str(cli_item_text(item, key)), false).data;
}

/* 12  2026-03-01 10:00:00  to alice@example.test  score: 7.50  4 KiB
 *       from <x@example.org>, "Ann" <ann@example.org>
 *       Cheap pills */
static void print_entry(const json_t *item, void *arg)
{
	struct listing *l = arg;
	struct arena *arena = arena_new();
	char date[32], bytes[32];
	const char *asked = cli_item_text(item, "for"), *to = clean_of(arena, item, "to");
	l->messages++;
	l->bytes += cli_item_number(item, "size");
	printf("%lld  %s  to %s", cli_item_number(item, "id"),
	       cli_date(cli_item_number(item, "at_ms"), date), to);
	if (!slice_equal_nocase(slice_from_str(asked), slice_from_str(to)))
		printf(", for %s", clean_of(arena, item, "for"));
	printf("  %s: %s  %s\n", cli_item_text(item, "reason"), clean_of(arena, item, "why"),
	       cli_bytes(cli_item_number(item, "size"), bytes));
	printf("      from <%s>, %s\n", clean_of(arena, item, "from"),
	       clean_of(arena, item, "header_from"));
	printf("      %s\n", clean_of(arena, item, "subject"));
	arena_free(arena);
}

static int list(struct cli *cli)
{
	struct listing l = { .arena = cli->arena };
	char bytes[32];
	json_t *request = which(cli);
	if (!request)
		return CLI_USAGE;
	int status = cli_list(cli, "quarantine.list", request, print_entry, &l);
	if (status != CLI_OK || cli_has(cli, "json"))
		return status;
	if (l.messages == 0)
		printf("Nothing is held.\n");
	else
		printf("%lld held, %s\n", l.messages, cli_bytes(l.bytes, bytes));
	return status;
}

/* --- show --------------------------------------------------------------------------------- */

/* "6.50: list.zen 4.00 (192.0.2.1: 127.0.0.2), spf=fail 2.50", a line each. */
static void print_score(const char *text)
{
	struct slice rest = slice_from_str(text);
	struct slice total = slice_split(&rest, ':');
	printf("score    %.*s\n", SLICE_ARG(total));
	while (rest.len > 0) {
		ptrdiff_t end = slice_find(rest, SLICE(", "));
		struct slice line = end < 0 ? rest : slice_sub(rest, 0, (size_t)end);
		rest = slice_from(rest, end < 0 ? rest.len : line.len + 2);
		printf("         %.*s\n", SLICE_ARG(slice_trim(line)));
	}
}

static void print_row(struct arena *arena, const json_t *item)
{
	char at[32], until[32], bytes[32];
	printf("id       %lld, of message %s\n", cli_item_number(item, "id"),
	       clean_of(arena, item, "queue_id"));
	printf("held     %s until %s, %s\n", cli_date(cli_item_number(item, "at_ms"), at),
	       cli_date(cli_item_number(item, "until_ms"), until),
	       cli_bytes(cli_item_number(item, "size"), bytes));
	const char *to = cli_item_text(item, "to"), *asked = cli_item_text(item, "for");
	printf("to       %s", clean_of(arena, item, "to"));
	if (!slice_equal_nocase(slice_from_str(to), slice_from_str(asked)))
		printf(", for %s", clean_of(arena, item, "for"));
	putchar('\n');
	printf("from     <%s>, client %s\n", clean_of(arena, item, "from"),
	       clean_of(arena, item, "client"));
	printf("reason   %s: %s\n", cli_item_text(item, "reason"), clean_of(arena, item, "why"));
	if (cli_item_text(item, "score_text")[0])
		print_score(clean_of(arena, item, "score_text"));
}

static void print_text(struct arena *arena, const json_t *item)
{
	struct slice rest = shown_text(arena, slice_from_str(cli_item_text(item, "text")), true);
	printf("\nText:\n");
	/* Set off, so that none of it looks like a line of ours. */
	while (rest.len > 0) {
		struct slice line = slice_split(&rest, '\n');
		printf("  | %.*s\n", SLICE_ARG(line));
	}
	if (json_is_true(json_object_get(item, "more_text")))
		printf("  (there is more)\n");
}

static void print_shown(const json_t *item, void *arg)
{
	struct arena *arena = arg;
	size_t i;
	const json_t *member;
	print_row(arena, item);
	printf("\nHeader:\n");
	json_array_foreach(json_object_get(item, "fields"), i, member) printf(
		"  | %s: %s\n", clean_of(arena, member, "name"), clean_of(arena, member, "value"));
	printf("\nParts:\n");
	json_array_foreach(json_object_get(item, "parts"), i, member)
	{
		const char *name = clean_of(arena, member, "name");
		printf("  | %s, %lld bytes%s%s%s\n", clean_of(arena, member, "type"),
		       cli_item_number(member, "size"), name[0] ? ", \"" : "", name,
		       name[0] ? "\"" : "");
	}
	const json_t *files = json_object_get(item, "files");
	if (json_array_size(files) > 0)
		printf("\nFiles:\n");
	json_array_foreach(files, i, member)
		printf("  | %s\n",
	               shown_text(arena, slice_from_str(json_string_value(member)), false).data);
	print_text(arena, item);
}

static void write_piece(struct slice piece, void *unused)
{
	(void)unused;
	fwrite(piece.data, 1, piece.len, stdout);
}

/* As it is, so not onto a terminal. */
static int show_raw(struct cli *cli, json_t *request)
{
	const struct cli_answer answer = { .bytes = write_piece };
	struct cli_link *link;
	if (isatty(STDOUT_FILENO)) {
		json_decref(request);
		return cli_fail("--raw writes what strangers wrote: not onto a terminal");
	}
	int status = cli_link_open(cli, &link);
	if (status != CLI_OK) {
		json_decref(request);
		return status;
	}
	json_object_set_new(request, "raw", json_true());
	status = cli_link_call(link, "quarantine.show", request, NULL, 0, &answer);
	cli_link_close(link);
	return status;
}

static int show(struct cli *cli)
{
	int64_t id;
	if (!slice_to_i64(slice_from_str(cli->words[0]), &id))
		return cli_usage(cli, "'%s' is no number of `veredus quarantine list`",
		                 cli->words[0]);
	json_t *request = json_pack("{s:I}", "id", (json_int_t)id);
	if (cli_has(cli, "raw"))
		return show_raw(cli, request);
	return cli_list(cli, "quarantine.show", request, print_shown, cli->arena);
}

/* --- release, drop ------------------------------------------------------------------------ */

struct verb {
	const char *command, *done, *means;
};

static void take_count(const json_t *item, void *arg)
{
	*(long long *)arg = cli_item_number(item, "messages");
}

static bool says_yes(void)
{
	char answer[16];
	return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

/* CLI_OK: go on. Who names numbers has said what is meant. */
static int confirm(const struct cli *cli, const struct verb *v, const json_t *request)
{
	long long count = 0;
	bool by_id = json_array_size(json_object_get(request, "ids")) > 0;
	if (cli_has(cli, "yes") || (by_id && !cli_has(cli, "dry-run")))
		return CLI_OK;
	int status = cli_request(cli, "quarantine.count", json_deep_copy(request), take_count,
	                         &count);
	if (status != CLI_OK || count == 0)
		return status;
	const char *s = count == 1 ? "" : "s";
	if (cli_has(cli, "dry-run")) {
		printf("would be %s: %lld message%s\n", v->done, count, s);
		return CLI_OK;
	}
	if (!isatty(STDIN_FILENO))
		return cli_fail("%s %lld message%s: not done without --yes", v->means, count, s);
	fprintf(stderr, "%s %lld message%s? [y/N] ", v->means, count, s);
	return says_yes() ? CLI_OK : cli_fail("nothing was changed");
}

struct result {
	const char *done;
	long long failed;
};

static void print_result(const json_t *item, void *arg)
{
	struct result *r = arg;
	const char *error = cli_item_text(item, "error");
	long long count = cli_item_number(item, "messages");
	if (error[0]) {
		cli_fail("%lld: %s", cli_item_number(item, "id"), error);
		return;
	}
	r->failed = cli_item_number(item, "failed");
	printf("%s: %lld message%s\n", r->done, count, count == 1 ? "" : "s");
}

static int act(struct cli *cli, const struct verb *v)
{
	struct result result = { .done = v->done };
	json_t *request = which(cli);
	if (!request)
		return CLI_USAGE;
	int status = confirm(cli, v, request);
	if (status != CLI_OK || cli_has(cli, "dry-run")) {
		json_decref(request);
		return status;
	}
	if (cli_has(cli, "learn"))
		json_object_set_new(request, "learn", json_true());
	status = cli_list(cli, v->command, request, print_result, &result);
	return status == CLI_OK && result.failed > 0 ? CLI_FAILED : status;
}

static int release(struct cli *cli)
{
	return act(cli, &(struct verb){ "quarantine.release", "released", "Release" });
}

static int drop(struct cli *cli)
{
	return act(cli, &(struct verb){ "quarantine.drop", "dropped", "Drop" });
}

/* --- digest ------------------------------------------------------------------------------- */

static void print_mails(const json_t *item, void *unused)
{
	long long mails = cli_item_number(item, "mails");
	(void)unused;
	printf("%lld mail%s sent\n", mails, mails == 1 ? "" : "s");
}

static int digest(struct cli *cli)
{
	json_t *request = json_object();
	if (cli->word_count > 0)
		json_object_set_new(request, "user", json_string(cli->words[0]));
	return cli_list(cli, "quarantine.digest", request, print_mails, NULL);
}

/* --- the command -------------------------------------------------------------------------- */

static const struct cli_option options[] = {
	{ "user", 0, "ADDRESS", "only mail for this recipient" },
	{ "from", 0, "TEXT", "only mail that has that in its sender or From" },
	{ "reason", 0, "WHAT", "only what is held by a rule, score, dmarc or filter" },
	{ "older", 0, "TIME", "only what came longer ago than that (30m, 4h, 7d)" },
	{ "newer", 0, "TIME", "only what came since" },
	{ "all", 0, NULL, "everything that is held; as the word all" },
	{ "learn", 0, NULL, "teach the classifier: what is released is ham, what is dropped spam" },
	{ "raw", 0, NULL, "with show: the message as it is, to a file or another program" },
	{ "yes", 'y', NULL, "do not ask" },
	{ "dry-run", 'n', NULL, "only tell how many there are" },
	{ "json", 0, NULL, "as JSON" },
	{ 0 },
};

#define WHICH "[ID|all]..."

static const struct cli_verb verbs[] = {
	{ "list", WHICH, "What is held, for whom, and why.", 0, CLI_ANY_WORDS, list },
	{ "show", "ID", "One message: why it is held, its header, parts and text.", 1, 1, show },
	{ "release", WHICH, "Deliver them as they came.", 0, CLI_ANY_WORDS, release },
	{ "drop", WHICH, "Throw them away; their senders are not told.", 0, CLI_ANY_WORDS, drop },
	{ "digest", "[ADDRESS]", "Tell users, or one, now what is new for them.", 0, 1, digest },
	{ 0 },
};

const struct cli_command cmd_quarantine = {
	.name = "quarantine",
	.summary = "Mail that is held: look at it, deliver it, or throw it away.",
	.text = "Which ones are meant is said by their numbers, or by options, which must all "
		"agree.\nWithout numbers it asks first, and without a terminal needs --yes. What "
		"is released\nis not checked again. See docs/guard.md.\n",
	.options = options,
	.verbs = verbs,
};
