/* veredus certificate */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/codec.h"
#include "cli/cli_admin.h"
#include "cli/cli_commands.h"

/* PEM or DER. NULL: there is no certificate in it. */
static X509 *read_certificate(FILE *file)
{
	X509 *certificate = PEM_read_X509(file, NULL, NULL, NULL);
	if (certificate)
		return certificate;
	rewind(file);
	ERR_clear_error();
	return d2i_X509_fp(file, NULL);
}

/* Of the certificate in a file; what names no file is taken for the fingerprint itself. NULL after
 * a message. */
static const char *fingerprint_of(struct cli *cli, const char *word)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	FILE *file = fopen(word, "re");
	if (!file)
		return word;
	X509 *certificate = read_certificate(file);
	fclose(file);
	if (certificate)
		X509_digest(certificate, EVP_sha256(), digest, &len);
	X509_free(certificate);
	if (len == 0) {
		cli_fail("%s holds no certificate: it must be PEM or DER", word);
		return NULL;
	}
	return arena_str(cli->arena, hex_encode(cli->arena, slice_of(digest, len)));
}

static int certificate_add(struct cli *cli)
{
	const char *fingerprint = fingerprint_of(cli, cli->words[1]);
	const char *note = cli_text(cli, "note");
	if (!fingerprint)
		return CLI_FAILED;
	json_t *request = json_pack("{s:s, s:s, s:s}", "address", cli->words[0], "fingerprint",
	                            fingerprint, "note", note ? note : "");
	return cli_request(cli, "certificate.add", request, NULL, NULL);
}

static int certificate_remove(struct cli *cli)
{
	const char *fingerprint = fingerprint_of(cli, cli->words[0]);
	if (!fingerprint)
		return CLI_FAILED;
	return cli_request(cli, "certificate.remove",
	                   json_pack("{s:s}", "fingerprint", fingerprint), NULL, NULL);
}

static void print_certificate(const json_t *item, void *unused)
{
	char date[32];
	(void)unused;
	printf("%s  %s  %s  %s\n", cli_item_text(item, "fingerprint"),
	       cli_date(cli_item_number(item, "added_ms"), date), cli_item_text(item, "address"),
	       cli_item_text(item, "note"));
}

static int certificate_list(struct cli *cli)
{
	return cli_list(cli, "certificate.list", json_object(), print_certificate, NULL);
}

static const struct cli_option options[] = {
	{ "note", 0, "TEXT", "with add: what to know it by, such as \"laptop\"" },
	{ "json", 0, NULL, "with list: as JSON" },
	{ 0 },
};

static const struct cli_verb verbs[] = {
	{ "add", "ADDRESS FILE|FINGERPRINT", "Let its owner log in as a user.", 2, 2,
	  certificate_add },
	{ "remove", "FILE|FINGERPRINT", "No longer.", 1, 1, certificate_remove },
	{ "list", "", "List all, with whom they stand for.", 0, 0, certificate_list },
	{ 0 },
};

const struct cli_command cmd_certificate = {
	.name = "certificate",
	.summary = "TLS certificates that stand for users: add, remove, list.",
	.text = "A client that shows such a certificate in the TLS handshake logs in by it (SASL "
		"EXTERNAL).\nThe fingerprint is the SHA-256 of the certificate; nobody needs to "
		"have signed it. Clients\nare asked for one with client-certificates in section "
		"auth of veredus.conf.\n",
	.options = options,
	.verbs = verbs,
};
