#include "cli/remote.h"

#include <errno.h>

#include "cli/cli_admin.h"

static int read_tls(struct cli *cli, bool believe, struct remote *r)
{
	static const struct {
		const char *name;
		enum config_tls_rule rule;
	} rules[] = { { "none", TLS_RULE_NONE },
		      { "starttls", TLS_RULE_REQUIRED },
		      { "implicit", TLS_RULE_IMPLICIT } };
	const char *text = cli_text(cli, "tls");
	char *why = NULL;
	bool known = !text;
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]) && text; i++) {
		if (!slice_equal(slice_from_str(text), slice_from_str(rules[i].name)))
			continue;
		r->tls = rules[i].rule;
		known = true;
	}
	if (!known)
		return cli_usage(cli, "--tls is none, starttls or implicit");
	if (r->tls == TLS_RULE_NONE)
		return CLI_OK;
	believe |= cli_has(cli, "insecure");
	int rc = tls_client_new(believe ? TLS_VERIFY_NONE : TLS_VERIFY_NAME, cli_text(cli, "ca"),
	                        &r->tls_client, &why);
	if (rc < 0)
		cli_fail("TLS: %s", why ? why : strerrordesc_np(-rc));
	free(why);
	return rc < 0 ? CLI_FAILED : CLI_OK;
}

int remote_read(struct cli *cli, uint16_t port, uint16_t tls_port, enum config_tls_rule otherwise,
                bool believe, struct remote *out)
{
	const char *server = cli_text(cli, "server");
	*out = (struct remote){ .tls = otherwise };
	if (!server)
		return cli_usage(cli, "--server must be given");
	int status = read_tls(cli, believe, out);
	if (status != CLI_OK)
		return status;
	int rc = client_resolve(cli->arena, slice_from_str(server),
	                        out->tls == TLS_RULE_IMPLICIT ? tls_port : port, &out->hops,
	                        &out->hop_count);
	if (rc == -EINVAL)
		return cli_usage(cli, "--server takes HOST:PORT, not \"%s\"", server);
	return rc < 0 ? cli_fail("%s: there is no such host", server) : CLI_OK;
}

void remote_free(struct remote *r) { tls_client_free(r->tls_client); }

static int read_file(struct cli *cli, const char *path, struct remote *r)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	if (!f)
		return cli_fail("%s: %s", path, strerrordesc_np(errno));
	ssize_t len = getline(&line, &size, f);
	fclose(f);
	if (len > 0)
		r->password = arena_str(cli->arena, slice_trim(slice_of(line, (size_t)len)));
	free(line);
	return len > 0 ? CLI_OK : cli_fail("%s: there is no password in it", path);
}

int remote_read_password(struct cli *cli, struct remote *r)
{
	const char *path = cli_text(cli, "password-file");
	r->user = cli_text(cli, "user");
	if (!r->user)
		return cli_usage(cli, "--user must be given");
	if (path)
		return read_file(cli, path, r);
	r->password = getenv("VEREDUS_PASSWORD");
	if (!r->password)
		r->password = cli_ask_password(
			arena_printf(cli->arena, "Password for %s", r->user));
	return r->password ? CLI_OK : CLI_FAILED;
}
