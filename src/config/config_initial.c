/* The file that `veredus init` writes. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/buf.h"
#include "config/config.h"

enum { FILE_MAX = 32 * 1024 };

struct initial_listener {
	const char *name;
	unsigned ports[2];
	const char *comment;
};

static const struct initial_listener listeners[] = {
	{ "smtp", { 25, 2525 }, "mail from other hosts, for our users" },
	{ "submission", { 587 }, "our users send mail: they log in, after STARTTLS" },
	{ "submissions", { 465 }, "the same with TLS from the start" },
	{ "pop3", { 110 }, NULL },
	{ "pop3s", { 995 }, NULL },
	{ "imap", { 143 }, NULL },
	{ "imaps", { 993 }, NULL },
	{ "managesieve", { 4190 }, "users keep the scripts that sort their mail" },
};

static void print_address(struct buf *b, const char *separator, const char *host, unsigned port)
{
	buf_printf(b, "%s\"%s:%u\"", separator, host, port);
}

static void print_listener(struct buf *b, const struct config_init *init,
                           const struct initial_listener *l)
{
	const char *separator = "";
	if (l->comment)
		buf_printf(b, "# %s: %s\n", l->name, l->comment);
	buf_printf(b, "listen %s {\n\taddress = { ", l->name);
	for (size_t i = 0; i < 2 && l->ports[i]; i++) {
		unsigned port = l->ports[i] + (unsigned)init->port_offset;
		print_address(b, separator, init->port_offset ? "127.0.0.1" : "*", port);
		separator = ", ";
		if (init->port_offset)
			print_address(b, separator, "[::1]", port);
	}
	buf_printf(b, " }\n");
	if (init->port_offset)
		buf_printf(b, "\tmax-sessions-per-address = 0  # all clients are on this host\n");
	buf_printf(b, "}\n");
}

static void print_file(struct buf *b, const struct config_init *init)
{
	buf_printf(b,
	           "# The configuration of Veredus. Every option is explained in veredus.conf(5),\n"
	           "# which `veredus config reference` prints too; `veredus check` looks for\n"
	           "# mistakes. What is left out has its default.\n\n"
	           "# What this host calls itself. Its address should resolve to this name.\n"
	           "hostname = \"%s\"\n\n",
	           init->hostname);
	if (init->user)
		buf_printf(b,
		           "# Started as root, the server becomes this user once the ports are "
		           "bound.\nuser = \"%s\"\n\n",
		           init->user);
	buf_printf(b,
	           "# Networks that may send mail anywhere without logging in.\n"
	           "# relay-networks = { \"10.0.0.0/8\" }\n\n"
	           "# Relative paths begin at the data directory. This certificate signs itself:\n"
	           "# replace it, and have it loaded by `veredus reload`.\n"
	           "certificate main {\n"
	           "\tchain = \"certificate.pem\"\n"
	           "\tkey = \"certificate.key\"\n"
	           "}\n\n");
	if (init->port_offset)
		buf_printf(b, "# Standard ports plus %d, on this host only.\n", init->port_offset);
	for (size_t i = 0; i < sizeof(listeners) / sizeof(listeners[0]); i++)
		print_listener(b, init, &listeners[i]);
	if (!init->port_offset)
		buf_printf(b, "# local: programs of this host send mail, by the command sendmail\n"
		              "listen local {\n"
		              "\taddress = { \"unix:" CONFIG_LOCAL_SOCKET "\" }\n"
		              "\tsocket-mode = \"0666\"\n"
		              "}\n");
	buf_printf(b, "\n# Where mail goes instead of to the MX of its domain.\n"
	              "# smarthost \"*\" {\n"
	              "#\thost = \"smtp.example.net\"\n"
	              "#\tuser = \"me\"\n"
	              "#\tpassword-file = \"smarthost.password\"\n"
	              "# }\n\n"
	              "smtp {\n"
	              "\t# max-message = 50M\n"
	              "}\n\n"
	              "queue {\n"
	              "\t# retry-first = 5m\n"
	              "\t# expire = 5d\n"
	              "}\n");
}

static int write_all(int fd, struct slice s)
{
	while (s.len > 0) {
		ssize_t n = write(fd, s.data, s.len);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			s = slice_from(s, (size_t)n);
	}
	return fsync(fd) < 0 ? -errno : 0;
}

int config_write_initial(const struct config_init *init)
{
	struct arena *arena = arena_new();
	struct buf text = buf_make(FILE_MAX);
	print_file(&text, init);
	const char *path = arena_printf(arena, "%s/veredus.conf", init->dir);
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	int rc = fd < 0 ? -errno : write_all(fd, buf_slice(&text));
	if (fd >= 0)
		close(fd);
	if (fd >= 0 && rc < 0)
		unlink(path);
	buf_free(&text);
	arena_free(arena);
	return rc;
}
