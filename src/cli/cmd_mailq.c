/* veredus mailq: the queue as those read it who know the command from other mail systems. */
#include <time.h>

#include "cli/cli_admin.h"
#include "cli/cli_commands.h"
#include "cli/sendmail.h"

struct listing {
	long long messages, bytes;
	char last_id[32];
};

/* "*" is being sent, "!" is held: as with Postfix. */
static char mark(const char *state) { return state[0] == 'a' ? '*' : state[0] == 'h' ? '!' : ' '; }

static void print_message(const json_t *item, const char *id)
{
	char date[64];
	struct tm tm;
	time_t at = (time_t)(cli_item_number(item, "arrived_ms") / 1000);
	const char *from = cli_item_text(item, "from");
	strftime(date, sizeof(date), "%a %b %e %H:%M:%S", localtime_r(&at, &tm));
	printf("%s%c %8lld %s  %s\n", id, mark(cli_item_text(item, "state")),
	       cli_item_number(item, "size"), date, from[0] ? from : "MAILER-DAEMON");
}

static void print_item(const json_t *item, void *arg)
{
	struct listing *l = arg;
	const char *id = cli_item_text(item, "id");
	if (!slice_equal(slice_from_str(id), slice_from_str(l->last_id))) {
		puts(l->messages ? ""
		                 : "----Queue ID---- --Size-- ---Arrival Time----  "
		                   "-Sender/Recipient-------");
		l->messages++;
		l->bytes += cli_item_number(item, "size");
		snprintf(l->last_id, sizeof(l->last_id), "%s", id);
		print_message(item, id);
	}
	if (cli_item_text(item, "last")[0])
		printf("%8s(%s)\n", "", cli_item_text(item, "last"));
	printf("%48s%s\n", "", cli_item_text(item, "to"));
}

int sendmail_list_queue(const struct cli *cli)
{
	struct listing l = { 0 };
	int status = cli_request(cli, "queue.list", json_object(), print_item, &l);
	if (status == CLI_OK && l.messages == 0)
		puts("Mail queue is empty");
	else if (status == CLI_OK)
		printf("\n-- %lld Kbytes in %lld Request%s.\n", (l.bytes + 1023) / 1024, l.messages,
		       l.messages == 1 ? "" : "s");
	return status;
}

static int run(struct cli *cli) { return sendmail_list_queue(cli); }

const struct cli_command cmd_mailq = {
	.name = "mailq",
	.summary = "List the queue as other mail systems do.",
	.usage = "",
	.text = "For scripts that read such a list; `queue list` tells more. Also what the "
		"program\n"
		"does when it is called mailq.\n",
	.raw = true,
	.max_words = CLI_ANY_WORDS,
	.run = run,
};
