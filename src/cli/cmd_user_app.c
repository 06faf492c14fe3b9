/* veredus user app-password */
#include <errno.h>

#include "auth/app_secret.h"
#include "base/clock.h"
#include "cli/cli_admin.h"
#include "cli/cmd_user.h"
#include "config/config_options.h"
#include "directory/app_password.h"

/* What is shown: the secret is nowhere else once this is gone. */
struct made {
	const struct cli *cli;
	char secret[APP_SECRET_TEXT];
};

static void print_made(const json_t *item, void *arg)
{
	const struct made *made = arg;
	if (cli_has(made->cli, "json")) {
		json_t *all = json_pack("{s:O, s:s}", "name", json_object_get(item, "name"),
		                        "password", made->secret);
		cli_print_json(all, NULL);
		json_decref(all);
		return;
	}
	printf("%s\n", made->secret);
	fprintf(stderr, "This is the password '%s'. It is not shown again.\n",
	        cli_item_text(item, "name"));
}

static bool add_options(const struct cli *cli, json_t *request)
{
	const char *scopes = cli_text(cli, "scope"), *expires = cli_text(cli, "expires");
	unsigned unused;
	int64_t ms = 0;
	if (scopes && !app_scopes_parse(slice_from_str(scopes), &unused)) {
		cli_usage(cli, "'%s' is no scope: smtp, imap, pop3, several with commas", scopes);
		return false;
	}
	if (expires && (!config_parse_duration(slice_from_str(expires), &ms) || ms == 0)) {
		cli_usage(cli, "'%s' is no time: write 90d or 12h", expires);
		return false;
	}
	if (scopes)
		json_object_set_new(request, "scopes", json_string(scopes));
	json_object_set_new(request, "expires_in_ms", json_integer(ms));
	return true;
}

static int app_add(struct cli *cli, json_t *request)
{
	struct made made = { .cli = cli };
	char digest[APP_DIGEST_TEXT];
	if (!add_options(cli, request)) {
		json_decref(request);
		return CLI_USAGE;
	}
	app_secret_make(made.secret);
	if (!app_secret_digest(slice_from_str(made.secret), digest)) {
		json_decref(request);
		return cli_fail("no digest can be made");
	}
	json_object_set_new(request, "digest", json_string(digest));
	int rc = cli_request(cli, "user.app.add", request, print_made, &made);
	explicit_bzero(made.secret, sizeof(made.secret));
	return rc;
}

static int app_remove(struct cli *cli, json_t *request)
{
	if (!cli_text(cli, "name")) {
		json_decref(request);
		return cli_usage(cli, "which one? Say --name NAME; `app-password list` has them");
	}
	return cli_request(cli, "user.app.remove", request, NULL, NULL);
}

static void print_app(const json_t *item, void *unused)
{
	char expires[32], used[32];
	long long expires_ms = cli_item_number(item, "expires_ms");
	long long used_ms = cli_item_number(item, "used_ms");
	const char *from = cli_item_text(item, "used_from");
	(void)unused;
	printf("%-24s %-14s %s %s  %s%s%s%s\n", cli_item_text(item, "name"),
	       cli_item_text(item, "scopes"),
	       expires_ms && expires_ms <= clock_wall_ms() ? "expired" : "until",
	       expires_ms ? cli_date(expires_ms, expires) : "removed",
	       used_ms ? "used " : "never used", used_ms ? cli_date(used_ms, used) : "",
	       from[0] ? " from " : "", from);
}

int cmd_user_app_password(struct cli *cli)
{
	struct slice action = slice_from_str(cli->words[0]);
	json_t *request = json_pack("{s:s}", "address", cli->words[1]);
	const char *name = cli_text(cli, "name");
	if (name && json_object_set_new(request, "name", json_string(name)) < 0) {
		json_decref(request);
		return cli_usage(cli, "the name must be UTF-8");
	}
	if (slice_equal(action, SLICE("add")))
		return app_add(cli, request);
	if (slice_equal(action, SLICE("list")))
		return cli_list(cli, "user.app.list", request, print_app, NULL);
	if (slice_equal(action, SLICE("remove")))
		return app_remove(cli, request);
	json_decref(request);
	return cli_usage(cli, "there is no 'user app-password %s': add, list or remove",
	                 cli->words[0]);
}
