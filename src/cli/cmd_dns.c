/* veredus dns */
#include "cli/cli_admin.h"
#include "cli/cli_commands.h"
#include "cli/cli_dns.h"
#include "cli/dns_wish.h"
#include "fiber/fiber.h"

enum { INDENT = 8 };

/* By enum dns_wish_state. */
static const char *const state_names[] = {
	[DNS_WISH_UNASKED] = "",    [DNS_WISH_GOOD] = "good",   [DNS_WISH_MISSING] = "missing",
	[DNS_WISH_ABSENT] = "none", [DNS_WISH_WRONG] = "wrong", [DNS_WISH_UNKNOWN] = "unknown",
};

/* --- what there should be ------------------------------------------------------------------ */

static void keep(const json_t *item, void *arg)
{
	json_array_append_new(arg, json_deep_copy(item));
}

/* The keys of the domain, or of the nearest one above it that has some, as in signing. */
static json_t *keys_of(const json_t *keys, const char *domain)
{
	struct slice rest = slice_from_str(domain);
	json_t *found = json_array();
	while (rest.len > 0 && json_array_size(found) == 0) {
		size_t i;
		json_t *key;
		json_array_foreach(keys, i, key)
		{
			if (slice_equal_nocase(slice_from_str(cli_item_text(key, "domain")), rest))
				json_array_append(found, key);
		}
		slice_split(&rest, '.');
	}
	return found;
}

static int collect(struct cli *cli, struct dns_wishes *w, const json_t *domains,
                   const json_t *all_keys, json_t *held)
{
	const char *wanted = cli->word_count > 0 ? cli->words[0] : NULL;
	size_t i, count = 0;
	const json_t *item;
	dns_wishes_add_host(w);
	json_array_foreach(domains, i, item)
	{
		const char *domain = cli_item_text(item, "domain");
		if (wanted && !slice_equal_nocase(slice_from_str(domain), slice_from_str(wanted)))
			continue;
		json_t *keys = keys_of(all_keys, domain);
		dns_wishes_add_domain(w, domain, keys);
		json_array_append_new(held, keys);
		count++;
	}
	if (count == 0 && wanted)
		return cli_fail("the domain %s is not ours: veredus domain add %s", wanted, wanted);
	return count == 0 ? cli_fail("there is no domain yet: veredus domain add DOMAIN") : CLI_OK;
}

/* --- asking -------------------------------------------------------------------------------- */

struct asking {
	struct dns_wishes *wishes;
	int rc;
};

static void ask(void *arg)
{
	struct asking *a = arg;
	const struct config *c = a->wishes->config;
	const struct dns_config dns_config = cli_dns_config(c);
	struct dns *dns = NULL;
	a->rc = dns_open(&dns_config, &dns);
	if (a->rc == 0)
		dns_wishes_check(a->wishes, dns);
	dns_close(dns);
	runtime_stop(0);
}

static int ask_all(struct dns_wishes *w)
{
	struct asking a = { .wishes = w };
	const struct runtime_config runtime = { .workers = 1 };
	int rc = runtime_run(&runtime, ask, &a);
	rc = rc == 0 ? a.rc : rc;
	return rc < 0 ? cli_fail("the DNS can't be asked: %s: see section dns of veredus.conf",
	                         strerrordesc_np(-rc))
	              : CLI_OK;
}

/* --- telling ------------------------------------------------------------------------------- */

static json_t *wish_json(const struct dns_wish *wish)
{
	json_t *item = json_pack("{s:s, s:s, s:s, s:s?, s:s, s:b}", "domain", wish->domain, "name",
	                         wish->name, "type", wish->type, "value", wish->value, "why",
	                         wish->why, "needed", (int)wish->is_needed);
	if (wish->state == DNS_WISH_UNASKED)
		return item;
	json_object_set_new(item, "state", json_string(state_names[wish->state]));
	json_object_set_new(item, "found", wish->found ? json_string(wish->found) : json_null());
	json_object_set_new(item, "text", wish->text ? json_string(wish->text) : json_null());
	return item;
}

/* What does harm unless more is done than to publish it is a comment, too. */
static void print_wish(const struct dns_wish *wish)
{
	printf("; %s%s\n", wish->is_needed ? "" : "optional. ", wish->why);
	if (!wish->value)
		return;
	if (wish->kind == DNS_WISH_TLSA || wish->kind == DNS_WISH_STS)
		fputs("; ", stdout);
	dns_wish_print_record(wish->name, wish->type, wish->value);
}

static void print_checked(const struct dns_wish *wish)
{
	bool is_good = wish->state == DNS_WISH_GOOD;
	printf("%-8s %s %s%s%s\n", state_names[wish->state], wish->name, wish->type,
	       wish->found ? "  " : "", wish->found ? wish->found : "");
	if (wish->text)
		printf("%*s%s\n", INDENT + 1, "", wish->text);
	if (is_good || wish->state == DNS_WISH_UNKNOWN)
		return;
	printf("%*s%s\n", INDENT + 1, "", wish->why);
	if (wish->value) {
		printf("%*s", INDENT + 1, "");
		dns_wish_print_record(wish->name, wish->type, wish->value);
	}
}

/* Those of the host first, then domain by domain. */
static json_t *tell(const struct dns_wishes *w, bool is_check, bool as_json)
{
	json_t *items = json_array();
	for (int of_domains = 0; of_domains < 2; of_domains++) {
		for (const struct dns_wish *wish = w->first; wish; wish = wish->next) {
			bool of_host = wish->domain == w->config->hostname;
			if (of_host == (of_domains == 1) ||
			    (is_check && wish->state == DNS_WISH_UNASKED))
				continue;
			json_array_append_new(items, wish_json(wish));
			if (as_json)
				continue;
			if (is_check)
				print_checked(wish);
			else
				print_wish(wish);
		}
	}
	return items;
}

static int judge(const struct dns_wishes *w, bool as_json)
{
	size_t bad = 0, unknown = 0;
	for (const struct dns_wish *wish = w->first; wish; wish = wish->next) {
		bad += wish->state == DNS_WISH_MISSING || wish->state == DNS_WISH_WRONG;
		unknown += wish->state == DNS_WISH_UNKNOWN;
	}
	if (!as_json && bad + unknown > 0)
		printf("\n%zu missing or wrong, %zu not known\n", bad, unknown);
	return bad > 0 ? CLI_FOUND : unknown > 0 ? CLI_TRY_LATER : CLI_OK;
}

static int run(struct cli *cli, bool is_check)
{
	struct config *config = cli_load_config(cli);
	struct dns_wishes wishes;
	json_t *domains = json_array(), *keys = json_array(), *held = json_array();
	bool as_json = cli_has(cli, "json");
	int status = config ? CLI_OK : CLI_FAILED;
	if (status == CLI_OK)
		status = cli_request(cli, "domain.list", json_object(), keep, domains);
	if (status == CLI_OK)
		status = cli_request(cli, "dkim.list", json_object(), keep, keys);
	if (status == CLI_OK) {
		dns_wishes_begin(cli->arena, config, &wishes);
		status = collect(cli, &wishes, domains, keys, held);
	}
	if (status == CLI_OK && is_check)
		status = ask_all(&wishes);
	if (status == CLI_OK) {
		json_t *items = tell(&wishes, is_check, as_json);
		if (as_json)
			cli_print_json(items, NULL);
		json_decref(items);
		status = is_check ? judge(&wishes, as_json) : CLI_OK;
	}
	json_decref(domains);
	json_decref(keys);
	json_decref(held);
	if (config)
		config_free(config);
	return status;
}

static int show(struct cli *cli) { return run(cli, false); }
static int check(struct cli *cli) { return run(cli, true); }

static const struct cli_option options[] = {
	{ "json", 0, NULL, "as JSON" },
	{ 0 },
};

static const struct cli_verb verbs[] = {
	{ "show", "[DOMAIN]", "Print them, as lines of a zone file.", 0, 1, show },
	{ "check", "[DOMAIN]", "Ask for each, and say what is missing or wrong.", 0, 1, check },
	{ 0 },
};

const struct cli_command cmd_dns = {
	.name = "dns",
	.summary = "The records that this host and its domains need in the DNS: show, check.",
	.text = "Addresses, PTR, MX, SPF, DKIM, DMARC; and, as far as you want them, TLS-RPT, "
		"MTA-STS,"
		"\nTLSA (DANE) and SRV. The check evaluates SPF for this host's addresses, "
		"compares "
		"keys of\nDKIM and TLSA with ours, and fetches the policy of MTA-STS. It asks what "
		"section dns of\nthe configuration says.\nExit status of check: 3 if something is "
		"missing or wrong, 75 if the DNS does not answer.\n",
	.options = options,
	.verbs = verbs,
};
