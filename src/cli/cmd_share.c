/* veredus share, veredus public */
#include "cli/cli_admin.h"
#include "cli/cli_commands.h"

/* What `public add` gives to everybody: to see it, to read it, and to keep what was seen. */
#define PUBLIC_RIGHTS "lrs"

static void print_entry(const json_t *item, void *unused)
{
	(void)unused;
	printf("%-40s  %s\n", cli_item_text(item, "identifier"), cli_item_text(item, "rights"));
}

static int share_list(struct cli *cli)
{
	return cli_list(cli, "share.list", json_pack("{s:s}", "place", cli->words[0]), print_entry,
	                NULL);
}

static int share_set(struct cli *cli)
{
	const char *rights = cli->word_count > 2 ? cli->words[2] : "";
	return cli_request(cli, "share.set",
	                   json_pack("{s:s, s:s, s:s}", "place", cli->words[0], "identifier",
	                             cli->words[1], "rights", rights),
	                   NULL, NULL);
}

static int share_remove(struct cli *cli) { return share_set(cli); }

static const struct cli_option share_options[] = {
	{ "json", 0, NULL, "with list: as JSON" },
	{ 0 },
};

static const struct cli_verb share_verbs[] = {
	{ "set", "PLACE WHO RIGHTS", "Let somebody use mailboxes of somebody else's.", 3, 3,
	  share_set },
	{ "remove", "PLACE WHO", "Take that back.", 2, 2, share_remove },
	{ "list", "PLACE", "Who may do what there.", 1, 1, share_list },
	{ 0 },
};

const struct cli_command cmd_share = {
	.name = "share",
	.summary = "Who may use mailboxes of others: set, remove, list.",
	.text = "PLACE is ADDRESS/FOLDER, or ADDRESS alone for all folders of that account, those "
		"that\n"
		"are made later too; Public/FOLDER, or Public for all public ones. WHO is an "
		"address,\n"
		"or anyone, which is every account; with \"-\" before it (behind \"--\") the "
		"rights are\n"
		"taken away instead. RIGHTS are letters of RFC 4314:\n"
		"  l see it   r read   s keep what was seen   w other flags   i add messages\n"
		"  p send to its address   k make folders below   x remove it   t mark as deleted\n"
		"  e expunge   a change this list\n",
	.options = share_options,
	.verbs = share_verbs,
};

/* --- public folders ------------------------------------------------------------------ */

static int public_add(struct cli *cli)
{
	const char *rights = cli_text(cli, "anyone");
	return cli_request(cli, "public.add",
	                   json_pack("{s:s, s:s}", "name", cli->words[0], "rights",
	                             rights ? rights : PUBLIC_RIGHTS),
	                   NULL, NULL);
}

static int public_remove(struct cli *cli)
{
	return cli_request(cli, "public.remove", json_pack("{s:s}", "name", cli->words[0]), NULL,
	                   NULL);
}

static void print_public(const json_t *item, void *unused)
{
	char bytes[32];
	(void)unused;
	printf("%-40s  %lld messages, %s\n", cli_item_text(item, "name"),
	       cli_item_number(item, "messages"), cli_bytes(cli_item_number(item, "bytes"), bytes));
}

static int public_list(struct cli *cli)
{
	return cli_list(cli, "public.list", json_object(), print_public, NULL);
}

static const struct cli_option public_options[] = {
	{ "anyone", 0, "RIGHTS",
	  "with add: what every account may do; " PUBLIC_RIGHTS
	  " unless said otherwise, \"\" for nothing" },
	{ "json", 0, NULL, "with list: as JSON" },
	{ 0 },
};

static const struct cli_verb public_verbs[] = {
	{ "add", "FOLDER", "Make a public folder, which clients see as Public/FOLDER.", 1, 1,
	  public_add },
	{ "remove", "FOLDER", "Remove it with all its messages.", 1, 1, public_remove },
	{ "list", "", "List them.", 0, 0, public_list },
	{ 0 },
};

const struct cli_command cmd_public = {
	.name = "public",
	.summary = "Folders that belong to nobody: add, remove, list.",
	.text = "Who may do what there is said by `veredus share set Public/FOLDER WHO RIGHTS`.\n",
	.options = public_options,
	.verbs = public_verbs,
};
