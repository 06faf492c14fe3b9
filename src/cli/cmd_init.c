/* veredus init: a data directory from nothing. What is there already is kept. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/certificate.h"
#include "cli/cli_admin.h"
#include "cli/cli_commands.h"
#include "directory/directory.h"
#include "message/address.h"
#include "store/store.h"

enum { PORT_OFFSET_MAX = 60000 };

static void say(const char *what, const char *path, bool made)
{
	printf("%-12s %s%s\n", what, path, made ? "" : " (was there, kept)");
}

static int make_directory(struct cli *cli)
{
	struct stat st;
	if (mkdir(cli->dir, 0700) == 0) {
		say("directory", cli->dir, true);
		return CLI_OK;
	}
	if (errno != EEXIST)
		return cli_fail("%s: %s", cli->dir,
		                errno == ENOENT ? "the directory above it does not exist: make it"
		                                : strerrordesc_np(errno));
	if (stat(cli->dir, &st) < 0 || !S_ISDIR(st.st_mode))
		return cli_fail("%s is no directory", cli->dir);
	if (st.st_mode & 077)
		fprintf(stderr, "veredus: others may look into %s: chmod 700 it\n", cli->dir);
	say("directory", cli->dir, false);
	return CLI_OK;
}

/* Started by root for another user: the directory is given to that user, whom we become. */
static int become_user(struct cli *cli, const char *user)
{
	if (!user)
		return cli_become_owner(cli);
	const struct passwd *entry = getpwnam(user);
	if (!entry || chown(cli->dir, entry->pw_uid, entry->pw_gid) < 0)
		return cli_fail("%s: %s", cli->dir,
		                entry ? strerrordesc_np(errno) : "its user is gone");
	return cli_become_owner(cli);
}

static int make_config(struct cli *cli, const struct config_init *init)
{
	const char *path = arena_printf(cli->arena, "%s/veredus.conf", cli->dir);
	int rc = config_write_initial(init);
	if (rc < 0 && rc != -EEXIST)
		return cli_fail("%s: %s", path, strerrordesc_np(-rc));
	say("config", path, rc == 0);
	return CLI_OK;
}

static int make_certificate(struct cli *cli, const char *hostname)
{
	const char *chain = arena_printf(cli->arena, "%s/certificate.pem", cli->dir);
	const char *key = arena_printf(cli->arena, "%s/certificate.key", cli->dir);
	int rc = certificate_make(chain, key, hostname);
	if (rc < 0 && rc != -EEXIST)
		return cli_fail("%s: %s", chain, strerrordesc_np(-rc));
	say("certificate", chain, rc == 0);
	return CLI_OK;
}

static int make_store(struct cli *cli)
{
	struct store *store;
	struct store_config config = { .dir = cli->dir };
	int rc = store_open(&config, &store);
	bool missing = rc == -ENOENT;
	if (missing) {
		config.create = true;
		rc = store_open(&config, &store);
	}
	if (rc < 0 && rc != -EWOULDBLOCK) /* that is a server which runs, so there is one */
		return cli_fail("%s: the store can't be made: %s", cli->dir, strerrordesc_np(-rc));
	if (rc == 0)
		store_close(store);
	say("store", cli->dir, missing);
	return CLI_OK;
}

struct domains {
	const char *wanted;
	bool found;
	size_t others;
};

static void look_at_domain(const json_t *item, void *arg)
{
	struct domains *d = arg;
	if (slice_equal(slice_from_str(cli_item_text(item, "domain")), slice_from_str(d->wanted)))
		d->found = true;
	else
		d->others++;
}

/* A second run with another domain is more likely a mistake than a wish. */
static int make_domain(struct cli *cli, const char *domain)
{
	struct domains d = { .wanted = domain };
	int status = cli_request(cli, "domain.list", json_object(), look_at_domain, &d);
	if (status == CLI_OK && !d.found && d.others > 0)
		return cli_fail(
			"%s is a mail system already, without %s: `veredus -d %s domain add "
			"%s` adds it",
			cli->dir, domain, cli->dir, domain);
	if (status == CLI_OK && !d.found)
		status = cli_request(cli, "domain.add", json_pack("{s:s}", "domain", domain), NULL,
		                     NULL);
	if (status == CLI_OK)
		say("domain", domain, !d.found);
	return status;
}

/* The name of this machine if it is a whole one, else one in the domain. */
static const char *default_hostname(struct cli *cli, const char *domain)
{
	char name[256] = "";
	gethostname(name, sizeof(name) - 1);
	if (slice_find_byte(slice_from_str(name), '.') > 0 && domain_is_valid(slice_from_str(name)))
		return arena_str(cli->arena, slice_from_str(name));
	return arena_printf(cli->arena, "mx.%s", domain);
}

/* The canonical form of a name that was given, or NULL after a message. */
static const char *check_name(struct cli *cli, const char *option, const char *given)
{
	struct slice name;
	if (directory_canonical_domain(cli->arena, slice_from_str(given), &name) == 0)
		return arena_str(cli->arena, name);
	cli_usage(cli, "--%s: '%s' is no domain name", option, given);
	return NULL;
}

/* Before anything is made. */
static int check_user(const char *user)
{
	if (user && !getpwnam(user))
		return cli_fail("there is no user '%s': adduser --system --group %s", user, user);
	if (user && geteuid() != 0)
		return cli_fail("--user needs to be started by root");
	return CLI_OK;
}

static int read_options(struct cli *cli, struct config_init *out)
{
	int64_t offset = 0;
	const char *domain = cli_text(cli, "domain"), *hostname = cli_text(cli, "hostname");
	if (!domain)
		return cli_usage(cli, "whose mail is it? Give --domain");
	domain = check_name(cli, "domain", domain);
	if (!domain || !cli_number(cli, "port-offset", 0, PORT_OFFSET_MAX, 0, &offset))
		return CLI_USAGE;
	hostname = check_name(cli, "hostname", hostname ? hostname : default_hostname(cli, domain));
	if (!hostname)
		return CLI_USAGE;
	*out = (struct config_init){ .dir = cli->dir,
		                     .domain = domain,
		                     .hostname = hostname,
		                     .user = cli_text(cli, "user"),
		                     .port_offset = (int)offset };
	return check_user(out->user);
}

static int init(struct cli *cli)
{
	struct config_init init = { 0 };
	int status = read_options(cli, &init);
	if (status == CLI_OK)
		status = make_directory(cli);
	if (status == CLI_OK)
		status = become_user(cli, init.user);
	if (status == CLI_OK)
		status = make_config(cli, &init);
	if (status == CLI_OK)
		status = make_certificate(cli, init.hostname);
	if (status == CLI_OK)
		status = make_store(cli);
	if (status == CLI_OK)
		status = make_domain(cli, init.domain);
	if (status == CLI_OK)
		printf("\nNext: veredus -d %s user add SOMEBODY@%s\n      veredus -d %s serve\n"
		       "      veredus -d %s dns show\n",
		       cli->dir, init.domain, cli->dir, cli->dir);
	return status;
}

static const struct cli_option options[] = {
	{ "domain", 0, "DOMAIN", "the first domain to take mail for" },
	{ "hostname", 0, "NAME", "what this host calls itself (its own name, or mx.DOMAIN)" },
	{ "port-offset", 0, "N", "listen on 127.0.0.1 and [::1] only, on standard ports plus N" },
	{ "user", 0, "NAME", "the user that the server runs as; it gets the directory" },
	{ 0 },
};

const struct cli_command cmd_init = {
	.name = "init",
	.summary = "Make a data directory: configuration, certificate, store.",
	.usage = "--domain DOMAIN [--hostname NAME] [--port-offset N] [--user NAME]",
	.text = "What is there already is kept, so it can be run again. postmaster@DOMAIN\n"
		"goes to the first account of the domain until there is a user or an alias\n"
		"of this name.\n",
	.options = options,
	.run = init,
};
