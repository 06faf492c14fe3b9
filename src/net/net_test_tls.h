/* Certificates made for a test: an authority, and certificates that it signs. */
#ifndef VEREDUS_NET_NET_TEST_TLS_H
#define VEREDUS_NET_NET_TEST_TLS_H

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/tls.h"

struct test_authority {
	char directory[64];
	char path[96]; /* of its certificate */
	EVP_PKEY *key;
	X509 *certificate;
	long serial;
};

struct test_certificate {
	char chain[96];
	char key[96];
};

static void test_extension(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX context;
	X509_EXTENSION *extension;

	X509V3_set_ctx(&context, issuer, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_nconf_nid(NULL, &context, nid, value);
	assert_non_null(extension);
	X509_add_ext(certificate, extension, -1);
	X509_EXTENSION_free(extension);
}

static X509 *test_sign(struct test_authority *a, EVP_PKEY *key, const char *common_name,
                       const char *names)
{
	X509 *certificate = X509_new();
	X509 *issuer = a->certificate ? a->certificate : certificate;

	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++a->serial);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
	X509_set_pubkey(certificate, key);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
	                           (const unsigned char *)common_name, -1, -1, 0);
	X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
	if (!a->certificate)
		test_extension(certificate, issuer, NID_basic_constraints, "critical,CA:TRUE");
	if (names)
		test_extension(certificate, issuer, NID_subject_alt_name, names);
	assert_true(X509_sign(certificate, a->certificate ? a->key : key, EVP_sha256()) > 0);
	return certificate;
}

static void test_authority_make(struct test_authority *a)
{
	FILE *file;

	*a = (struct test_authority){ .directory = "/tmp/veredus-tls-XXXXXX" };
	assert_non_null(mkdtemp(a->directory));
	a->key = EVP_EC_gen("P-256");
	a->certificate = test_sign(a, a->key, "Test Authority", NULL);
	snprintf(a->path, sizeof(a->path), "%s/ca.pem", a->directory);
	file = fopen(a->path, "we");
	assert_true(PEM_write_X509(file, a->certificate));
	fclose(file);
}

static void test_authority_remove(struct test_authority *a)
{
	unlink(a->path);
	assert_int_equal(rmdir(a->directory), 0);
	EVP_PKEY_free(a->key);
	X509_free(a->certificate);
}

/* Writes a certificate for names ("DNS:a.test,DNS:*.b.test") to files called after label;
 * password NULL: the key is not encrypted. */
static struct test_certificate test_certificate_make(struct test_authority *a, const char *label,
                                                     const char *names, const char *password)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *certificate = test_sign(a, key, label, names);
	struct test_certificate made;
	FILE *file;

	snprintf(made.chain, sizeof(made.chain), "%s/%.20s.crt", a->directory, label);
	snprintf(made.key, sizeof(made.key), "%s/%.20s.key", a->directory, label);
	file = fopen(made.chain, "we");
	assert_true(PEM_write_X509(file, certificate));
	fclose(file);
	file = fopen(made.key, "we");
	assert_true(PEM_write_PrivateKey(file, key, password ? EVP_aes_128_cbc() : NULL,
	                                 (const unsigned char *)password,
	                                 password ? (int)strlen(password) : 0, NULL, NULL));
	fclose(file);
	X509_free(certificate);
	EVP_PKEY_free(key);
	return made;
}

static void test_certificate_remove(const struct test_certificate *c)
{
	unlink(c->chain);
	unlink(c->key);
}

static struct tls_certificate_files test_files(const struct test_certificate *c)
{
	return (struct tls_certificate_files){ .chain_path = c->chain, .key_path = c->key };
}

#endif
