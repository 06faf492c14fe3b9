/* veredus user */
#include <errno.h>

#include "auth/password.h"
#include "cli/cli_admin.h"
#include "cli/cli_commands.h"
#include "cli/cmd_user.h"
#include "config/config_options.h"

static bool read_quota(struct cli *cli, const char *text, json_t *request)
{
	uint64_t bytes;
	if (!config_parse_size(slice_from_str(text), &bytes) || bytes > INT64_MAX) {
		cli_usage(cli, "'%s' is no size: write 500M or 10G; 0 is no limit", text);
		return false;
	}
	json_object_set_new(request, "quota", json_integer((json_int_t)bytes));
	return true;
}

/* Asks for the password and puts its verifiers into the request: it goes no further, but for
 * mechanisms that need it itself. */
static bool read_verifiers(struct cli *cli, json_t *request)
{
	struct directory_verifier verifiers[PASSWORD_VERIFIERS];
	char *prompt = arena_printf(cli->arena, "Password for %s", cli->words[0]);
	char *password = cli_read_password(prompt);
	if (!password)
		return false;
	int rc = password_make(cli->arena, slice_from_str(password), verifiers);
	if (cli_has(cli, "allow-legacy-auth") &&
	    json_object_set_new(request, "legacy_password", json_string(password)) < 0)
		rc = -EILSEQ;
	explicit_bzero(password, strlen(password));
	free(password);
	if (rc == -EILSEQ) {
		cli_fail("with --allow-legacy-auth the password must be UTF-8");
		return false;
	}
	if (rc < 0) {
		cli_fail("this password can't be used: it may have %d bytes at most", PASSWORD_MAX);
		return false;
	}
	json_t *list = json_array();
	for (size_t i = 0; i < PASSWORD_VERIFIERS; i++)
		json_array_append_new(list, json_pack("{s:s, s:s}", "kind", verifiers[i].kind,
		                                      "value", verifiers[i].value));
	json_object_set_new(request, "verifiers", list);
	return true;
}

static json_t *new_request(struct cli *cli) { return json_pack("{s:s}", "address", cli->words[0]); }

static int send_request(struct cli *cli, const char *command, json_t *request)
{
	return cli_request(cli, command, request, NULL, NULL);
}

static int user_add(struct cli *cli)
{
	json_t *request = new_request(cli);
	const char *quota = cli_text(cli, "quota");
	if (slice_find_byte(slice_from_str(cli->words[0]), '@') < 0) {
		json_decref(request);
		return cli_fail("'%s' is no address: write it with its domain, as "
		                "alice@example.org",
		                cli->words[0]);
	}
	if ((quota && !read_quota(cli, quota, request)) ||
	    (!cli_has(cli, "no-password") && !read_verifiers(cli, request))) {
		json_decref(request);
		return CLI_FAILED;
	}
	return send_request(cli, "user.add", request);
}

static int user_passwd(struct cli *cli)
{
	json_t *request = new_request(cli);
	if (!read_verifiers(cli, request)) {
		json_decref(request);
		return CLI_FAILED;
	}
	return send_request(cli, "user.passwd", request);
}

static int user_quota(struct cli *cli)
{
	json_t *request = new_request(cli);
	if (!read_quota(cli, cli->words[1], request)) {
		json_decref(request);
		return CLI_USAGE;
	}
	return send_request(cli, "user.quota", request);
}

static int user_remove(struct cli *cli)
{
	return send_request(cli, "user.remove", new_request(cli));
}

static int user_disable(struct cli *cli)
{
	return send_request(cli, "user.disable", new_request(cli));
}

static int user_enable(struct cli *cli)
{
	return send_request(cli, "user.enable", new_request(cli));
}

static bool read_yes(const char *text, bool *out)
{
	*out = slice_equal(slice_from_str(text), SLICE("yes"));
	return *out || slice_equal(slice_from_str(text), SLICE("no"));
}

/* One option of `set` that is yes or no; false: it is neither. */
static bool read_setting(struct cli *cli, const char *option, const char *key, json_t *request)
{
	const char *text = cli_text(cli, option);
	bool yes;
	if (!text)
		return true;
	if (!read_yes(text, &yes)) {
		cli_usage(cli, "--%s is yes or no, not '%s'", option, text);
		return false;
	}
	json_object_set_new(request, key, json_boolean(yes));
	return true;
}

static int user_set(struct cli *cli)
{
	json_t *request = new_request(cli);
	if (!read_setting(cli, "app-passwords-only", "app_only", request) ||
	    !read_setting(cli, "sent-copy", "sent_copy", request) ||
	    !read_setting(cli, "administrator", "administrator", request)) {
		json_decref(request);
		return CLI_USAGE;
	}
	if (cli_text(cli, "send-as"))
		json_object_set_new(request, "send_as", json_string(cli_text(cli, "send-as")));
	for (size_t i = 0; i < 2; i++) {
		const char *option = i ? "pop3-login-delay" : "pop3-expire";
		const char *key = i ? "pop3_login_delay" : "pop3_expire";
		if (cli_text(cli, option))
			json_object_set_new(request, key, json_string(cli_text(cli, option)));
	}
	if (json_object_size(request) == 1) {
		json_decref(request);
		return cli_usage(cli, "what is to be set? Say --app-passwords-only, --sent-copy or "
		                      "--administrator, yes or no, or --send-as");
	}
	return send_request(cli, "user.set", request);
}

static void print_address(const json_t *item, void *unused)
{
	(void)unused;
	printf("%s\n", cli_item_text(item, "address"));
}

static int user_send_as(struct cli *cli)
{
	return cli_list(cli, "user.send_as", new_request(cli), print_address, NULL);
}

/* In seconds, as CAPA tells it. */
static void print_pop3_terms(const json_t *item)
{
	long long days = cli_item_number(item, "pop3_expire_days");
	if (json_object_get(item, "pop3_expire_days") && days < 0)
		printf("  POP3: never expires");
	else if (json_object_get(item, "pop3_expire_days"))
		printf("  POP3: expires after %lld days", days);
	if (json_object_get(item, "pop3_login_delay_ms"))
		printf("  POP3: %lld s between logins",
		       (long long)cli_item_number(item, "pop3_login_delay_ms") / 1000);
}

static void print_user(const json_t *item, void *unused)
{
	char used[32], quota[32];
	(void)unused;
	printf("%-40s %10s of %-10s%s%s", cli_item_text(item, "address"),
	       cli_bytes(cli_item_number(item, "used"), used),
	       cli_item_number(item, "quota") ? cli_bytes(cli_item_number(item, "quota"), quota)
	                                      : "no limit",
	       json_is_true(json_object_get(item, "enabled")) ? "" : "  disabled",
	       json_is_true(json_object_get(item, "app_only")) ? "  app passwords only" : "");
	print_pop3_terms(item);
	printf("\n");
}

static int user_list(struct cli *cli)
{
	return cli_list(cli, "user.list", json_object(), print_user, NULL);
}

static const struct cli_option options[] = {
	{ "quota", 0, "SIZE", "with add: what the mailboxes may hold, as 500M or 10G" },
	{ "no-password", 0, NULL, "with add: nobody can log in until `user passwd`" },
	{ "allow-legacy-auth", 0, NULL,
	  "with add and passwd: keep the password itself, sealed, for CRAM-MD5 and DIGEST-MD5" },
	{ "name", 0, "NAME", "with app-password: what it is called" },
	{ "scope", 0, "SCOPES",
	  "with app-password add: what for, of smtp,imap,pop3; all unless said otherwise" },
	{ "expires", 0, "TIME", "with app-password add: how long it is good, as 90d" },
	{ "app-passwords-only", 0, "YES|NO", "with set: refuse the account's own password" },
	{ "sent-copy", 0, "YES|NO", "with set: file what the account submits in its Sent folder" },
	{ "administrator", 0, "YES|NO",
	  "with set: may change quotas, and what the server says of itself, over IMAP" },
	{ "send-as", 0, "ADDRESSES",
	  "with set: whom it may send as besides, as \"boss@example.org, @lists.example.org\"" },
	{ "pop3-expire", 0, "DAYS|never|default",
	  "with set: how long mail that was read over POP3 may stay in INBOX" },
	{ "pop3-login-delay", 0, "TIME|default",
	  "with set: how long it waits between logins by POP3" },
	{ "json", 0, NULL, "with list and app-password add: as JSON" },
	{ 0 },
};

static const struct cli_verb verbs[] = {
	{ "add", "ADDRESS", "Make an account with its folders.", 1, 1, user_add },
	{ "passwd", "ADDRESS", "Change the password.", 1, 1, user_passwd },
	{ "quota", "ADDRESS SIZE", "Change what it may hold; 0 is no limit.", 2, 2, user_quota },
	{ "app-password", "add|list|remove ADDRESS",
	  "Passwords for one program each, made here and shown once.", 2, 2,
	  cmd_user_app_password },
	{ "set", "ADDRESS", "Change what the options say.", 1, 1, user_set },
	{ "send-as", "ADDRESS", "List whom it may send as besides.", 1, 1, user_send_as },
	{ "disable", "ADDRESS", "No logins, no mail, but nothing is lost.", 1, 1, user_disable },
	{ "enable", "ADDRESS", "Undo that.", 1, 1, user_enable },
	{ "remove", "ADDRESS", "Remove the account and all its mail.", 1, 1, user_remove },
	{ "list", "", "List all accounts.", 0, 0, user_list },
	{ 0 },
};

const struct cli_command cmd_user = {
	.name = "user",
	.summary =
		"Accounts: add, passwd, app-password, quota, set, disable, enable, remove, list.",
	.text = "The password is asked for without echo, or is one line of standard input. Only\n"
		"verifiers of it are kept (Argon2id, SCRAM).\n",
	.options = options,
	.verbs = verbs,
};
