/* What needs root: private keys, ports below 1024. And giving it up. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/certificate.h"
#include "cli/server.h"

enum { FILES_WANTED = 1 << 18, CONTROL_IDLE_MS = 60000, CONTROL_SESSIONS = 100 };

static int open_tls(struct server *s)
{
	const struct config *c = s->config;
	char *why = NULL;
	if (c->certificate_count == 0)
		return 0;
	struct tls_certificate_files *files = ARENA_ARRAY(s->arena, c->certificate_count,
	                                                  struct tls_certificate_files);
	for (size_t i = 0; i < c->certificate_count; i++)
		files[i] = (struct tls_certificate_files){ c->certificates[i].chain_path,
			                                   c->certificates[i].key_path };
	int rc = tls_server_new(files, c->certificate_count, &s->tls, &why);
	if (rc == 0 &&
	    (c->auth.client_certificates || c->auth.client_ca || c->relay_certificate_count > 0))
		rc = tls_server_ask(s->tls, c->auth.client_ca, &why);
	if (rc < 0)
		log_error("server.certificate", kv_str("why", why ? why : ""), kv_error(rc),
		          kv_str("remedy", CERTIFICATE_REMEDY));
	free(why);
	return rc;
}

/* Protocol, context and patience of a kind of listener. */
static void set_protocol(struct server *s, enum listener_kind kind, struct service_config *out)
{
	const struct config *c = s->config;
	switch (kind) {
	case LISTENER_SMTP:
	case LISTENER_SUBMISSION:
	case LISTENER_SUBMISSIONS:
	case LISTENER_LMTP:
	case LISTENER_LOCAL:
	case LISTENER_ODMR:
		out->protocol = &smtp_protocol;
		out->context = &s->smtp[kind];
		out->idle_ms = c->smtp.command_timeout_ms;
		break;
	case LISTENER_POP3:
	case LISTENER_POP3S:
		out->protocol = &pop3_protocol;
		out->context = &s->pop3;
		out->idle_ms = c->pop3.idle_ms;
		break;
	case LISTENER_MANAGESIEVE:
		out->protocol = &managesieve_protocol;
		out->context = &s->managesieve;
		out->idle_ms = c->managesieve.idle_ms;
		break;
	case LISTENER_HTTP:
	case LISTENER_HTTPS:
		out->protocol = &web_protocol;
		out->context = &s->web;
		out->idle_ms = WEB_IDLE_MS;
		break;
	case LISTENER_IMAP:
	case LISTENER_IMAPS:
		out->protocol = &imap_protocol;
		out->context = &s->imap;
		out->idle_ms = c->imap.idle_ms;
		break;
	}
	out->implicit_tls = kind == LISTENER_SUBMISSIONS || kind == LISTENER_POP3S ||
	                    kind == LISTENER_IMAPS || kind == LISTENER_HTTPS;
}

static const char *bind_remedy(int rc)
{
	switch (rc) {
	case -EACCES:
		return "ports below 1024 need root, or CAP_NET_BIND_SERVICE";
	case -EADDRINUSE:
		return "another program has this port: stop it, or choose another";
	case -EADDRNOTAVAIL:
		return "this host does not have this address";
	default:
		return "";
	}
}

/* A host without IPv6 is no reason not to start. */
static bool may_be_missing(const struct net_address *a, int rc)
{
	return a->any.sa_family == AF_INET6 && (rc == -EADDRNOTAVAIL || rc == -EAFNOSUPPORT);
}

/* Sockets are as the server will be. */
static void set_owner(const struct server *s, struct service_config *out)
{
	const struct passwd *user = s->config->user ? getpwnam(s->config->user) : NULL;
	if (geteuid() != 0 || !user || out->socket_uid >= 0 || out->socket_gid >= 0)
		return;
	out->socket_uid = user->pw_uid;
	out->socket_gid = user->pw_gid;
}

static bool is_shut_out(void *arg, const struct net_address *client)
{
	const struct server *s = arg;
	return guard_is_banned(s->guard, client);
}

/* Under /run there is nothing after a start of the machine. What fails here is told by bind. */
static void make_socket_directory(const struct server *s, const struct config_listener *l)
{
	const struct passwd *user = s->config->user ? getpwnam(s->config->user) : NULL;
	struct slice path = slice_from_str(l->address.local.sun_path);
	ptrdiff_t end = slice_find_last_byte(path, '/');
	if (l->kind != LISTENER_LOCAL || end <= 0)
		return;
	const char *dir = arena_str(s->arena, slice_sub(path, 0, (size_t)end));
	if (mkdir(dir, 0700) < 0)
		return;
	if (geteuid() == 0 && user && chown(dir, user->pw_uid, user->pw_gid) < 0)
		log_warn("server.socket_directory", kv_str("path", dir), kv_error(-errno));
	chmod(dir, 0755); /* whatever the umask is */
}

static int bind_listener(struct server *s, const struct config_listener *l)
{
	char address[NET_ADDRESS_TEXT_MAX];
	struct service_config config = {
		.name = l->name,
		.address = l->address,
		.tls = s->tls,
		.max_sessions = l->max_sessions,
		.max_sessions_per_address = l->max_sessions_per_address,
		.socket_mode = l->socket_mode,
		.socket_uid = l->socket_uid,
		.socket_gid = l->socket_gid,
		.proxy_networks = l->proxy_networks,
		.proxy_network_count = l->proxy_network_count,
		.proxy_ms = l->proxy_timeout_ms,
		.workers = (unsigned)s->config->workers,
		.is_shut_out = is_shut_out,
		.is_shut_out_arg = s,
		.listener = l,
	};
	set_protocol(s, l->kind, &config);
	set_owner(s, &config);
	make_socket_directory(s, l);
	int rc = service_listen(&config, &s->services[s->service_count]);
	if (rc == 0) {
		s->service_count++;
		return 0;
	}
	net_address_text(&l->address, address);
	if (may_be_missing(&l->address, rc)) {
		log_warn("server.address_missing", kv_str("listener", l->name),
		         kv_str("address", address));
		return 0;
	}
	log_error("server.bind", kv_str("listener", l->name), kv_str("address", address),
	          kv_error(rc), kv_str("remedy", bind_remedy(rc)));
	return rc;
}

/* DIR/control.sock. Where the path is too long for a socket's name it goes through /proc. */
static int control_address(struct server *s, struct net_address *out)
{
	const char *path = arena_printf(s->arena, "unix:%s/" ADMIN_SOCKET, s->config->dir);
	if (net_address_parse(slice_from_str(path), 0, out) == 0)
		return 0;
	s->control_dir_fd = open(s->config->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (s->control_dir_fd < 0)
		return -errno;
	path = arena_printf(s->arena, "unix:/proc/self/fd/%d/" ADMIN_SOCKET, s->control_dir_fd);
	return net_address_parse(slice_from_str(path), 0, out);
}

static int bind_control(struct server *s)
{
	struct service_config config = { .protocol = &admin_protocol,
		                         .name = "control",
		                         .idle_ms = CONTROL_IDLE_MS,
		                         .max_sessions = CONTROL_SESSIONS,
		                         .socket_mode = 0600,
		                         .workers = 1,
		                         .context = &s->admin };
	int rc = control_address(s, &config.address);
	if (rc == 0)
		rc = service_listen(&config, &s->services[s->service_count]);
	if (rc < 0) {
		log_error("server.control", kv_str("path", config.address.local.sun_path),
		          kv_error(rc),
		          kv_str("remedy", rc == -EADDRINUSE ? "the server runs already" : ""));
		return rc;
	}
	s->service_count++;
	return 0;
}

/* As many descriptors as there may be. */
static void raise_files(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	if (geteuid() == 0 && limit.rlim_max < FILES_WANTED) {
		struct rlimit more = { FILES_WANTED, FILES_WANTED };
		if (setrlimit(RLIMIT_NOFILE, &more) == 0)
			return;
	}
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int server_bind(struct server *s)
{
	const struct config *c = s->config;
	umask(077);
	raise_files();
	s->services = ARENA_ARRAY(s->arena, c->listener_count + 1, struct service *);
	int rc = bind_control(s);
	if (rc == 0)
		rc = open_tls(s);
	for (size_t i = 0; i < c->listener_count && rc == 0; i++)
		rc = bind_listener(s, &c->listeners[i]);
	return rc;
}

static int become(const struct server *s, const struct passwd *user)
{
	const char *control = arena_printf(s->arena, "%s/" ADMIN_SOCKET, s->config->dir);
	if (chown(control, user->pw_uid, user->pw_gid) < 0 || setgroups(0, NULL) < 0 ||
	    setgid(user->pw_gid) < 0 || setuid(user->pw_uid) < 0)
		return -errno;
	return 0;
}

int server_drop(struct server *s)
{
	const char *name = s->config->user;
	int rc = 0;
	if (geteuid() == 0 && name) {
		const struct passwd *user = getpwnam(name);
		rc = user ? become(s, user) : -ENOENT;
	} else if (geteuid() == 0) {
		log_warn("server.root", kv_str("remedy", "set the option user in veredus.conf"));
	}
	if (rc == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		rc = -errno;
	if (rc < 0)
		log_error("server.user", kv_str("user", name ? name : ""), kv_error(rc));
	return rc;
}
