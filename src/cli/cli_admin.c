#include "cli/cli_admin.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/admin.h"
#include "base/clock.h"
#include "store/store.h"

enum { TRY_MS = 10000, TRY_EVERY_US = 50000 };

struct config *cli_load_config(const struct cli *cli)
{
	struct config *config = NULL;
	char *errors = NULL;
	config_load(cli->dir, &config, &errors);
	if (errors)
		fputs(errors, stderr);
	free(errors);
	return config;
}

int cli_become_owner(const struct cli *cli)
{
	struct stat st;
	if (stat(cli->dir, &st) < 0)
		return cli_fail("%s: %s: `veredus init` makes a data directory", cli->dir,
		                strerrordesc_np(errno));
	if (geteuid() != 0 || st.st_uid == 0)
		return CLI_OK;
	if (setgroups(0, NULL) < 0 || setgid(st.st_gid) < 0 || setuid(st.st_uid) < 0)
		return cli_fail("can't become the owner of %s: %s", cli->dir,
		                strerrordesc_np(errno));
	return CLI_OK;
}

/* A connected socket, or a negative errno. The path goes through /proc, as DIR may be longer
 * than a socket's name. */
static int connect_socket(const char *dir)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return -errno;
	snprintf(name.sun_path, sizeof(name.sun_path), "/proc/self/fd/%d/" ADMIN_SOCKET, dir_fd);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int rc = fd < 0 ? -errno : 0;
	if (rc == 0 && connect(fd, (struct sockaddr *)&name, sizeof(name)) < 0)
		rc = -errno;
	close(dir_fd);
	if (rc < 0 && fd >= 0)
		close(fd);
	return rc < 0 ? rc : fd;
}

/* --- the server runs -------------------------------------------------------------------- */

/* One line of the answer; true if it is the last. */
static bool take_answer(const char *line, cli_item item, void *arg, int *status)
{
	json_error_t why;
	json_t *answer = json_loads(line, 0, &why);
	const json_t *content = json_object_get(answer, "item");
	bool last = !content;
	if (content && item)
		item(content, arg);
	if (last && json_is_true(json_object_get(answer, "ok")))
		*status = CLI_OK;
	else if (last)
		*status = cli_fail("%s", answer ? cli_item_text(answer, "error") : why.text);
	json_decref(answer);
	return last;
}

static int ask_server(int fd, const json_t *request, cli_item item, void *arg)
{
	FILE *stream = fdopen(fd, "r+e");
	char *line = NULL;
	size_t size = 0;
	int status = -1;
	json_dumpf(request, stream, JSON_COMPACT | JSON_ENSURE_ASCII);
	fputc('\n', stream);
	if (fflush(stream) == 0) {
		while (getline(&line, &size, stream) > 0) {
			if (take_answer(line, item, arg, &status))
				break;
		}
	}
	free(line);
	fclose(stream);
	return status < 0 ? cli_fail("the server hung up in the middle of its answer") : status;
}

/* --- it does not ------------------------------------------------------------------------ */

struct offline {
	cli_item item;
	void *arg;
};

static int take_item(void *arg, json_t *item)
{
	struct offline *o = arg;
	if (o->item)
		o->item(item, o->arg);
	json_decref(item);
	return 0;
}

static int ask_store(const struct config *config, struct store *store, const json_t *request,
                     cli_item item, void *arg)
{
	struct offline o = { item, arg };
	struct admin admin = { .config = config, .store = store };
	struct admin_reply reply = { .item = take_item, .arg = &o };
	return admin_call(&admin, request, &reply) < 0 ? cli_fail("%s", reply.error) : CLI_OK;
}

static int explain_open(const struct cli *cli, int rc)
{
	switch (rc) {
	case -ENOENT:
		return cli_fail("%s has no mail store: run `veredus init`", cli->dir);
	case -EWOULDBLOCK:
		return cli_fail("%s is in use by another process that does not answer at %s/%s",
		                cli->dir, cli->dir, ADMIN_SOCKET);
	case -EPROTO:
		return cli_fail("%s was written by a newer version of veredus", cli->dir);
	default:
		return cli_fail("%s: the store can't be opened: %s", cli->dir,
		                strerrordesc_np(-rc));
	}
}

static int open_and_ask(const struct cli *cli, struct store *store, const json_t *request,
                        cli_item item, void *arg)
{
	struct config *config = cli_load_config(cli);
	int status = CLI_FAILED;
	if (config)
		status = ask_store(config, store, request, item, arg);
	config_free(config);
	store_close(store);
	return status;
}

/* Between the two a server may be starting or stopping, or another command may be at work: then
 * the store is locked and nobody listens, for a moment. */
static int ask(const struct cli *cli, const json_t *request, cli_item item, void *arg)
{
	const struct store_config config = { .dir = cli->dir };
	int64_t deadline = deadline_in(TRY_MS);
	int rc = -EWOULDBLOCK;
	while (rc == -EWOULDBLOCK && clock_monotonic_ms() < deadline) {
		struct store *store;
		int fd = connect_socket(cli->dir);
		if (fd >= 0)
			return ask_server(fd, request, item, arg);
		if (fd == -EACCES)
			return cli_fail("%s/%s: permission denied: run this as root or as the user "
			                "of the server",
			                cli->dir, ADMIN_SOCKET);
		if (cli_become_owner(cli) != CLI_OK)
			return CLI_FAILED;
		rc = store_open(&config, &store);
		if (rc == 0)
			return open_and_ask(cli, store, request, item, arg);
		usleep(TRY_EVERY_US);
	}
	return explain_open(cli, rc);
}

int cli_request(const struct cli *cli, const char *command, json_t *request, cli_item item,
                void *arg)
{
	json_object_set_new(request, "command", json_string(command));
	int status = ask(cli, request, item, arg);
	json_decref(request);
	return status;
}

static void add_to_array(const json_t *item, void *arg)
{
	size_t *count = arg;
	fputs((*count)++ ? ",\n " : "[", stdout);
	json_dumpf(item, stdout, JSON_COMPACT);
}

int cli_list(const struct cli *cli, const char *command, json_t *request, cli_item item, void *arg)
{
	size_t count = 0;
	if (!cli_has(cli, "json"))
		return cli_request(cli, command, request, item, arg);
	int status = cli_request(cli, command, request, add_to_array, &count);
	if (count > 0)
		puts("]");
	else if (status == CLI_OK)
		puts("[]");
	return status;
}
