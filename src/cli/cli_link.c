#include "cli/cli_link.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "admin/admin.h"
#include "base/clock.h"
#include "store/store.h"

enum { TRY_MS = 10000, TRY_EVERY_US = 50000, PIECE_BYTES = 64 * 1024 };

struct cli_link {
	/* The server runs. */
	FILE *in, *out;
	char *line;
	size_t line_size;
	char *piece; /* of bytes that come */
	/* It does not. */
	struct store *store;
	struct config *config;
	struct admin admin;
	struct admin_visit visit;
};

/* --- the server runs -------------------------------------------------------------------- */

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

/* False: the server hung up. */
static bool take_bytes_behind(struct cli_link *l, const json_t *item,
                              const struct cli_answer *answer)
{
	size_t left = (size_t)cli_item_number(item, "body_bytes");
	if (left > 0 && !l->piece)
		l->piece = mem_alloc(PIECE_BYTES);
	while (left > 0) {
		size_t got = fread(l->piece, 1, left < PIECE_BYTES ? left : PIECE_BYTES, l->in);
		if (got == 0)
			return false;
		if (answer->bytes)
			answer->bytes(slice_of(l->piece, got), answer->arg);
		left -= got;
	}
	return true;
}

/* One line of the answer; true if it is the last. */
static bool take_answer(struct cli_link *l, const struct cli_answer *to, int *status)
{
	json_error_t why;
	json_t *answer = json_loads(l->line, 0, &why);
	const json_t *content = json_object_get(answer, "item");
	bool last = !content;
	if (content && to->item)
		to->item(content, to->arg);
	if (content)
		last = !take_bytes_behind(l, content, to);
	else if (json_is_true(json_object_get(answer, "ok")))
		*status = CLI_OK;
	else
		*status = cli_fail("%s", answer ? cli_item_text(answer, "error") : why.text);
	json_decref(answer);
	return last;
}

static int ask_server(struct cli_link *l, const json_t *request, const struct slice *body,
                      size_t parts, const struct cli_answer *answer)
{
	int status = -1;
	json_dumpf(request, l->out, JSON_COMPACT | JSON_ENSURE_ASCII);
	fputc('\n', l->out);
	for (size_t i = 0; i < parts; i++)
		fwrite(body[i].data, 1, body[i].len, l->out);
	if (fflush(l->out) == 0) {
		while (getline(&l->line, &l->line_size, l->in) > 0) {
			if (take_answer(l, answer, &status))
				break;
		}
	}
	return status < 0 ? cli_fail("the server hung up in the middle of its answer") : status;
}

/* --- it does not ------------------------------------------------------------------------ */

struct offline {
	const struct cli_answer *answer;
	const struct slice *body;
	size_t parts, part; /* part: the one that is next */
	size_t offset;      /* in it */
};

static int take_item(void *arg, json_t *item)
{
	const struct offline *o = arg;
	if (o->answer->item)
		o->answer->item(item, o->answer->arg);
	json_decref(item);
	return 0;
}

static int take_bytes_of_item(void *arg, struct slice bytes)
{
	const struct offline *o = arg;
	if (o->answer->bytes)
		o->answer->bytes(bytes, o->answer->arg);
	return 0;
}

static int give_body(void *arg, uint64_t len, int (*take)(void *, struct slice), void *take_arg)
{
	struct offline *o = arg;
	int rc = 0;
	while (len > 0 && rc == 0 && o->part < o->parts) {
		struct slice piece = slice_sub(o->body[o->part], o->offset, (size_t)len);
		rc = take(take_arg, piece);
		len -= piece.len;
		o->offset += piece.len;
		if (o->offset == o->body[o->part].len) {
			o->part++;
			o->offset = 0;
		}
	}
	return rc;
}

static int ask_store(struct cli_link *l, const json_t *request, const struct slice *body,
                     size_t parts, const struct cli_answer *answer)
{
	struct offline o = { .answer = answer, .body = body, .parts = parts };
	struct admin_reply reply = { .item = take_item,
		                     .bytes = take_bytes_of_item,
		                     .body = give_body,
		                     .arg = &o,
		                     .visit = &l->visit };
	reply.body_left = (uint64_t)admin_number(request, "body_bytes", 0);
	return admin_call(&l->admin, request, &reply) < 0 ? cli_fail("%s", reply.error) : CLI_OK;
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

/* --- either ----------------------------------------------------------------------------- */

/* Between the two a server may be starting or stopping, or another command may be at work: then
 * the store is locked and nobody listens, for a moment. */
static int open_either(const struct cli *cli, struct cli_link *l)
{
	const struct store_config config = { .dir = cli->dir };
	int64_t deadline = deadline_in(TRY_MS);
	int rc = -EWOULDBLOCK;
	while (rc == -EWOULDBLOCK && clock_monotonic_ms() < deadline) {
		int fd = connect_socket(cli->dir);
		if (fd >= 0) {
			l->in = fdopen(fd, "re");
			l->out = fdopen(dup(fd), "we");
			return CLI_OK;
		}
		if (fd == -EACCES)
			return cli_fail("%s/%s: permission denied: run this as root or as the user "
			                "of the server",
			                cli->dir, ADMIN_SOCKET);
		if (cli_become_owner(cli) != CLI_OK)
			return CLI_FAILED;
		rc = store_open(&config, &l->store);
		if (rc == 0)
			return CLI_OK;
		usleep(TRY_EVERY_US);
	}
	return explain_open(cli, rc);
}

int cli_link_open(const struct cli *cli, struct cli_link **out)
{
	struct cli_link *l = mem_zero(1, sizeof(*l));
	int status = open_either(cli, l);
	if (status == CLI_OK && l->store) {
		l->config = cli_load_config(cli);
		l->admin = (struct admin){ .config = l->config, .store = l->store };
		status = l->config ? CLI_OK : CLI_FAILED;
	}
	if (status == CLI_OK)
		*out = l;
	else
		cli_link_close(l);
	return status;
}

void cli_link_close(struct cli_link *l)
{
	if (!l)
		return;
	if (l->in)
		fclose(l->in);
	if (l->out)
		fclose(l->out);
	admin_visit_end(&l->visit);
	config_free(l->config);
	store_close(l->store);
	free(l->line);
	free(l->piece);
	free(l);
}

int cli_link_call(struct cli_link *l, const char *command, json_t *request,
                  const struct slice *body, size_t parts, const struct cli_answer *answer)
{
	uint64_t bytes = 0;
	for (size_t i = 0; i < parts; i++)
		bytes += body[i].len;
	json_object_set_new(request, "command", json_string(command));
	if (bytes > 0)
		json_object_set_new(request, "body_bytes", json_integer((json_int_t)bytes));
	int status = l->in ? ask_server(l, request, body, parts, answer)
	                   : ask_store(l, request, body, parts, answer);
	json_decref(request);
	return status;
}
