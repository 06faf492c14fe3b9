/* veredus check, veredus config */
#include <sys/stat.h>

#include "base/clock.h"
#include "cli/certificate.h"
#include "cli/cli_admin.h"
#include "cli/cli_commands.h"
#include "cli/cli_dns.h"
#include "cli/cli_file.h"
#include "dns/dns.h"
#include "guard/geoip.h"
#include "net/tls.h"
#include "sieve/sieve_config.h"

enum { ENDS_SOON_S = 14 * 86400 };

/* Loads it as the server will. */
static int check_certificate(const struct config_certificate *certificate)
{
	const struct tls_certificate_files files = { .chain_path = certificate->chain_path,
		                                     .key_path = certificate->key_path };
	struct tls_server *tls;
	char *why = NULL;
	if (tls_server_new(&files, 1, &tls, &why) == 0) {
		tls_server_free(tls);
		return CLI_OK;
	}
	fprintf(stderr, "%s: %s: " CERTIFICATE_REMEDY "\n", certificate->place, why ? why : "");
	free(why);
	return CLI_FOUND;
}

/* A key that root can read is of no use to a server that is not root any more, at the next reload
 * if not before. */
static void look_at_key(const struct config *config, const struct config_certificate *certificate)
{
	struct stat dir, key;
	if (stat(config->dir, &dir) < 0 || stat(certificate->key_path, &key) < 0)
		return;
	bool is_read = dir.st_uid == 0 || key.st_uid == dir.st_uid ||
	               (key.st_gid == dir.st_gid && (key.st_mode & S_IRGRP));
	if (key.st_mode & S_IROTH)
		fprintf(stderr, "%s: everybody may read %s: chmod 600 it\n", certificate->place,
		        certificate->key_path);
	else if (!is_read)
		fprintf(stderr,
		        "%s: the owner of %s may not read %s: give it to them, or the server "
		        "can't load it again\n",
		        certificate->place, config->dir, certificate->key_path);
}

/* What keeps no server from starting, but mail programs from believing it. */
static void look_at_certificates(const struct config *config)
{
	bool has_name = config->certificate_count == 0;
	for (size_t i = 0; i < config->certificate_count; i++) {
		const struct config_certificate *c = &config->certificates[i];
		struct certificate_facts facts;
		char when[32];
		if (certificate_look(c->chain_path, config->hostname, &facts) < 0)
			continue;
		int64_t left_s = facts.ends_s - clock_wall_ms() / 1000;
		has_name |= facts.has_name;
		if (left_s < ENDS_SOON_S)
			fprintf(stderr, "%s: %s %s %s: renew it, then send the server SIGHUP\n",
			        c->place, c->chain_path,
			        left_s < 0 ? "has expired on" : "expires on",
			        cli_date(facts.ends_s * 1000, when));
		look_at_key(config, c);
	}
	if (!has_name)
		fprintf(stderr,
		        "%s/veredus.conf: no certificate is for the hostname %s: clients that "
		        "look for it will refuse\n",
		        config->dir, config->hostname);
}

static int check_resolver(const struct config *config)
{
	const struct dns_config dns_config = cli_dns_config(config);
	struct dns *dns;
	int rc = dns_open(&dns_config, &dns);
	if (rc == 0)
		dns_close(dns);
	if (rc < 0)
		fprintf(stderr,
		        "%s/veredus.conf: dns: forwarder or trust-anchor can't be used: write an "
		        "address such as 127.0.0.1 or 127.0.0.1@5353, and a file that is there\n",
		        config->dir);
	return rc < 0 ? CLI_FOUND : CLI_OK;
}

static int check_client_ca(const struct config *config)
{
	const struct tls_certificate_files files = { config->certificates[0].chain_path,
		                                     config->certificates[0].key_path };
	struct tls_server *tls = NULL;
	char *why = NULL;
	int rc = tls_server_new(&files, 1, &tls, &why);
	if (rc == 0)
		rc = tls_server_ask(tls, config->auth.client_ca, &why);
	tls_server_free(tls);
	if (rc < 0)
		fprintf(stderr,
		        "%s/veredus.conf: client-ca: %s: must be a PEM file with the "
		        "certificates of CAs\n",
		        config->dir, why ? why : "");
	free(why);
	return rc < 0 ? CLI_FOUND : CLI_OK;
}

/* A script for everybody, as the server compiles it. */
static int check_script(const struct cli *cli, const struct config *config, const char *path)
{
	const struct sieve_limits limits = sieve_limits_of(&config->sieve);
	struct sieve_program *program;
	struct sieve_errors errors;
	struct slice script = SLICE_EMPTY;
	if (!path)
		return CLI_OK;
	if (cli_map_file(path, &script) != CLI_OK)
		return CLI_FOUND;
	if (sieve_compile(script, &limits, cli->arena, &program, &errors) == 0)
		return CLI_OK;
	for (size_t i = 0; i < errors.count; i++)
		fprintf(stderr, "%s:%u:%u: %s\n", path, errors.items[i].line,
		        errors.items[i].column, errors.items[i].text);
	return CLI_FOUND;
}

static int check_countries(const char *path)
{
	struct geoip *countries = NULL;
	int rc = path ? geoip_open(path, &countries) : 0;
	geoip_close(countries);
	if (rc == 0)
		return CLI_OK;
	fprintf(stderr, "%s: can't be read as a database of countries: %s\n", path,
	        strerrordesc_np(-rc));
	return CLI_FOUND;
}

static int check(struct cli *cli)
{
	struct config *config = cli_load_config(cli);
	if (!config)
		return CLI_FOUND;
	int status = CLI_OK;
	for (size_t i = 0; i < config->certificate_count; i++) {
		if (check_certificate(&config->certificates[i]) != CLI_OK)
			status = CLI_FOUND;
	}
	look_at_certificates(config);
	if (status == CLI_OK && config->auth.client_ca && config->certificate_count > 0)
		status = check_client_ca(config);
	if (status == CLI_OK)
		status = check_resolver(config);
	if (status == CLI_OK)
		status = check_script(cli, config, config->sieve.before);
	if (status == CLI_OK)
		status = check_script(cli, config, config->sieve.after);
	if (status == CLI_OK)
		status = check_countries(config->account.country_database);
	if (status == CLI_OK)
		printf("%s/veredus.conf is good: %zu listeners, %zu certificates\n", config->dir,
		       config->listener_count, config->certificate_count);
	config_free(config);
	return status;
}

const struct cli_command cmd_check = {
	.name = "check",
	.summary = "Look for mistakes in the configuration.",
	.usage = "",
	.text = "Each is printed with its file and line, and with what to do. The exit status is 3 "
		"if there\nare any that would keep the server from starting.\n",
	.run = check,
};

static int reference(struct cli *cli)
{
	(void)cli;
	config_print_reference(stdout);
	return CLI_OK;
}

static const struct cli_verb verbs[] = {
	{ "reference", "", "All options, with their defaults, as mdoc.", 0, 0, reference },
	{ 0 },
};

const struct cli_command cmd_config = {
	.name = "config",
	.summary = "Print the reference of the configuration.",
	.text = "To read it: veredus config reference | mandoc -mdoc | less\n",
	.verbs = verbs,
};
