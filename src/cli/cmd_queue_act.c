/* veredus queue retry, hold, release, drop, bounce, reroute */
#include <unistd.h>

#include "cli/queue_words.h"

struct action {
	const char *name;  /* queue.NAME */
	const char *done;  /* "dropped" */
	const char *means; /* the question: "Drop 3 recipients ..." */
	bool is_final;     /* nobody can take it back: without a terminal --yes is asked for */
};

const char *queue_count_text(const json_t *item, char out[static 96])
{
	long long recipients = cli_item_number(item, "recipients");
	long long messages = cli_item_number(item, "messages");
	if (recipients == 0)
		snprintf(out, 96, "no recipient");
	else
		snprintf(out, 96, "%lld recipient%s of %lld message%s", recipients,
		         recipients == 1 ? "" : "s", messages, messages == 1 ? "" : "s");
	return out;
}

struct found {
	long long recipients;
	char text[96];
};

static void take_count(const json_t *item, void *arg)
{
	struct found *f = arg;
	f->recipients = cli_item_number(item, "recipients");
	queue_count_text(item, f->text);
}

static int count(const struct cli *cli, const struct action *a, const json_t *which,
                 struct found *out)
{
	json_t *request = json_deep_copy(which);
	json_object_set_new(request, "action", json_string(a->name));
	return cli_request(cli, "queue.count", request, take_count, out);
}

static bool says_yes(void)
{
	char answer[16];
	return fgets(answer, sizeof(answer), stdin) && (answer[0] == 'y' || answer[0] == 'Y');
}

/* CLI_OK: go on. */
static int confirm(const struct cli *cli, const struct action *a, const json_t *which)
{
	struct found found = { 0 };
	bool terminal = isatty(STDIN_FILENO);
	if (cli_has(cli, "yes") || (!terminal && !a->is_final))
		return CLI_OK;
	int status = count(cli, a, which, &found);
	if (status != CLI_OK || found.recipients == 0)
		return status;
	if (!terminal)
		return cli_fail("%s %s: not done without --yes", a->means, found.text);
	fprintf(stderr, "%s %s? [y/N] ", a->means, found.text);
	return says_yes() ? CLI_OK : cli_fail("nothing was changed");
}

static void print_would(const json_t *item, void *arg)
{
	char text[96];
	printf("would be %s: %s\n", (const char *)arg, queue_count_text(item, text));
}

/* request is freed. */
static int only_count(struct cli *cli, const struct action *a, json_t *request)
{
	json_object_set_new(request, "action", json_string(a->name));
	return cli_list(cli, "queue.count", request, print_would, (void *)(uintptr_t)a->done);
}

static void print_count(const json_t *item, void *arg)
{
	long long count = cli_item_number(item, "recipients");
	printf("%s: %lld recipient%s\n", (const char *)arg, count, count == 1 ? "" : "s");
}

/* request is freed. */
static int act(struct cli *cli, const struct action *a, json_t *request)
{
	char command[32];
	if (!request)
		return CLI_USAGE;
	if (cli_has(cli, "dry-run"))
		return only_count(cli, a, request);
	int status = confirm(cli, a, request);
	if (status != CLI_OK) {
		json_decref(request);
		return status;
	}
	snprintf(command, sizeof(command), "queue.%s", a->name);
	return cli_list(cli, command, request, print_count, (void *)(uintptr_t)a->done);
}

int queue_retry(struct cli *cli)
{
	static const struct action a = { "retry", "due now", "Try now", false };
	return act(cli, &a, queue_words(cli, 0));
}

int queue_hold(struct cli *cli)
{
	static const struct action a = { "hold", "held", "Hold", false };
	return act(cli, &a, queue_words(cli, 0));
}

int queue_release(struct cli *cli)
{
	static const struct action a = { "release", "released", "Release", false };
	return act(cli, &a, queue_words(cli, 0));
}

int queue_drop(struct cli *cli)
{
	static const struct action a = { "drop", "dropped", "Drop", true };
	return act(cli, &a, queue_words(cli, 0));
}

int queue_bounce(struct cli *cli)
{
	static const struct action a = { "bounce", "returned", "Return to the senders", true };
	return act(cli, &a, queue_words(cli, 0));
}

/* The first word is the way; "-" is the usual one. */
int queue_reroute(struct cli *cli)
{
	static const struct action a = { "reroute", "rerouted", "Reroute", true };
	json_t *request = queue_words(cli, 1);
	const char *way = cli->words[0];
	if (request)
		json_object_set_new(request, "way",
		                    json_string(way[0] == '-' && !way[1] ? "" : way));
	return act(cli, &a, request);
}
