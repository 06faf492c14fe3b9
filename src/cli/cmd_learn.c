/* veredus learn: tells the classifier what is spam and what is not. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/cli_commands.h"
#include "cli/cli_link.h"
#include "store/backup_copy.h"

enum { MESSAGE_MAX_BYTES = 128 << 20, READ_BYTES = 64 * 1024, DEPTH_MAX = 32 };
enum { RESULTS = 5 };

static const char *const result_names[RESULTS] = { "new", "changed", "known", "forgotten",
	                                           "unknown" };

struct lessons {
	const struct cli *cli;
	struct cli_link *link;
	const char *kind;
	struct buf bytes;
	uint64_t counts[RESULTS], failed;
	const char *path; /* of the directory at hand */
	int depth;
};

static json_t *new_request(const struct cli *cli)
{
	json_t *request = json_object();
	const char *user = cli_text(cli, "user");
	if (user)
		json_object_set_new(request, "address", json_string(user));
	return request;
}

/* --- messages ----------------------------------------------------------------------------- */

static void take_result(const json_t *item, void *arg)
{
	struct lessons *l = arg;
	struct slice result = slice_from_str(cli_item_text(item, "result"));
	for (size_t i = 0; i < RESULTS; i++)
		l->counts[i] += slice_equal(result, slice_from_str(result_names[i]));
}

static int read_all(int fd, struct buf *out)
{
	buf_clear(out);
	for (;;) {
		char *room = buf_reserve(out, READ_BYTES);
		ssize_t got = room ? read(fd, room, READ_BYTES) : 0;
		if (!room)
			return -EFBIG;
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got == 0)
			return 0;
		if (got > 0)
			buf_commit(out, (size_t)got);
	}
}

/* Closes fd. A file that can't be read does not end a run over a directory. */
static int learn_message(struct lessons *l, const char *name, int fd)
{
	const struct cli_answer answer = { .item = take_result, .arg = l };
	int rc = fd < 0 ? -errno : read_all(fd, &l->bytes);
	if (fd > STDIN_FILENO)
		close(fd);
	if (rc < 0) {
		l->failed++;
		fprintf(stderr, "veredus: %s: %s\n", name, strerrordesc_np(-rc));
		return CLI_OK;
	}
	struct slice message = buf_slice(&l->bytes);
	if (slice_starts_with(message, SLICE("From ")))
		slice_split(&message, '\n');
	if (message.len == 0)
		return CLI_OK;
	json_t *request = new_request(l->cli);
	json_object_set_new(request, "kind", json_string(l->kind));
	return cli_link_call(l->link, "learn.put", request, &message, 1, &answer);
}

static int learn_path(struct lessons *l, const char *path);

static int visit(const char *name, void *arg)
{
	struct lessons *l = arg;
	const char *dir = l->path;
	if (name[0] == '.')
		return 0;
	int status = learn_path(l, arena_printf(l->cli->arena, "%s/%s", dir, name));
	l->path = dir;
	return status;
}

static int learn_path(struct lessons *l, const char *path)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return cli_fail("%s: %s", path, strerrordesc_np(errno));
	if (!S_ISDIR(st.st_mode))
		return S_ISREG(st.st_mode)
		               ? learn_message(l, path, open(path, O_RDONLY | O_CLOEXEC))
		               : CLI_OK;
	if (l->depth == DEPTH_MAX)
		return CLI_OK;
	l->path = path;
	l->depth++;
	int status = copy_each(path, visit, l);
	l->depth--;
	return status < 0 ? cli_fail("%s: %s", path, strerrordesc_np(-status)) : status;
}

/* --- what came of it ---------------------------------------------------------------------- */

static void print_counts(const struct lessons *l)
{
	uint64_t total = l->failed;
	for (size_t i = 0; i < RESULTS; i++)
		total += l->counts[i];
	if (cli_has(l->cli, "json")) {
		json_t *item = json_pack("{s:I, s:I}", "messages", (json_int_t)total, "failed",
		                         (json_int_t)l->failed);
		for (size_t i = 0; i < RESULTS; i++)
			json_object_set_new(item, result_names[i],
			                    json_integer((json_int_t)l->counts[i]));
		cli_print_json(item, NULL);
		json_decref(item);
		return;
	}
	printf("%llu message%s", (unsigned long long)total, total == 1 ? "" : "s");
	for (size_t i = 0; i < RESULTS; i++) {
		if (l->counts[i] > 0)
			printf(", %llu %s", (unsigned long long)l->counts[i], result_names[i]);
	}
	putchar('\n');
}

static int learn(struct cli *cli, const char *kind)
{
	struct lessons l = { .cli = cli,
		             .kind = kind,
		             .bytes = buf_make(MESSAGE_MAX_BYTES + READ_BYTES) };
	const char *path = cli->words[0];
	int status = cli_link_open(cli, &l.link);
	if (status != CLI_OK)
		return status;
	if (slice_equal(slice_from_str(path), SLICE("-")))
		status = learn_message(&l, "standard input", STDIN_FILENO);
	else
		status = learn_path(&l, path);
	cli_link_close(l.link);
	buf_free(&l.bytes);
	if (status == CLI_OK)
		print_counts(&l);
	return status == CLI_OK && l.failed > 0 ? CLI_FOUND : status;
}

static int learn_spam(struct cli *cli) { return learn(cli, "spam"); }

static int learn_ham(struct cli *cli) { return learn(cli, "ham"); }

static int learn_forget(struct cli *cli)
{
	if (cli_has(cli, "all") != (cli->word_count == 0))
		return cli_usage(cli, "name the message, or say --all");
	if (cli->word_count > 0)
		return learn(cli, "forget");
	return cli_request(cli, "learn.forget", new_request(cli), NULL, NULL);
}

static void print_status(const json_t *item, void *unused)
{
	const char *address = cli_item_text(item, "address");
	(void)unused;
	printf("%-24s  spam %lld, ham %lld, tokens %lld\n", address[0] ? address : "shared",
	       cli_item_number(item, "spam"), cli_item_number(item, "ham"),
	       cli_item_number(item, "tokens"));
}

static int learn_status(struct cli *cli)
{
	return cli_list(cli, "learn.status", new_request(cli), print_status, NULL);
}

static const struct cli_option options[] = {
	{ "all", 0, NULL, "with forget: all that was learned" },
	{ "json", 0, NULL, "as JSON" },
	{ "user", 'u', "ADDRESS", "for this user's mail only, not for everybody's" },
	{ 0 },
};

static const struct cli_verb verbs[] = {
	{ "spam", "FILE|DIRECTORY|-", "These are messages that nobody wants.", 1, 1, learn_spam },
	{ "ham", "FILE|DIRECTORY|-", "These are wanted.", 1, 1, learn_ham },
	{ "forget", "FILE|DIRECTORY|- | --all", "Take back what was learned.", 0, 1, learn_forget },
	{ "status", "", "How much was learned.", 0, 0, learn_status },
	{ 0 },
};

const struct cli_command cmd_learn = {
	.name = "learn",
	.summary = "Teach the classifier what is spam: spam, ham, forget, status.",
	.text = "Each file is one message; of a directory all files are, and of those below it "
		"(a Maildir\nwill do). A message that was learned already does not count again, "
		"and "
		"one that was learned\nas the other kind counts as this one from now on. It works "
		"while the server runs and while it\ndoes not.\n",
	.options = options,
	.verbs = verbs,
};
