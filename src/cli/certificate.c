#include "cli/certificate.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <unistd.h>

#include "base/codec.h"

enum { SERIAL_BITS = 127, VALID_SECONDS = 10 * 365 * 86400 };

static bool add_extension(X509 *x, int nid, const char *value)
{
	X509V3_CTX context;
	X509V3_set_ctx_nodb(&context);
	X509V3_set_ctx(&context, x, x, NULL, NULL, 0);
	X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
	bool good = extension && X509_add_ext(x, extension, -1) == 1;
	X509_EXTENSION_free(extension);
	return good;
}

static bool set_serial(X509 *x)
{
	BIGNUM *number = BN_new();
	bool good = number && BN_rand(number, SERIAL_BITS, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) &&
	            BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x));
	BN_free(number);
	return good;
}

static bool set_name(X509 *x, const char *hostname)
{
	/* A common name has 64 characters at most (RFC 5280, ub-common-name); clients look at the
	 * alternative names. */
	struct slice shown = slice_sub(slice_from_str(hostname), 0, 64);
	X509_NAME *name = X509_get_subject_name(x);
	return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
	                                  (const unsigned char *)shown.data, (int)shown.len, -1,
	                                  0) == 1 &&
	       X509_set_issuer_name(x, name) == 1;
}

static bool set_names(X509 *x, const char *hostname)
{
	char names[512];
	bool local = slice_equal(slice_from_str(hostname), SLICE("localhost"));
	snprintf(names, sizeof(names), "DNS:%s%sIP:127.0.0.1,IP:::1",
	         local ? "localhost" : hostname, local ? "," : ",DNS:localhost,");
	return add_extension(x, NID_subject_alt_name, names);
}

static X509 *make_certificate(EVP_PKEY *key, const char *hostname)
{
	X509 *x = X509_new();
	bool good = x && X509_set_version(x, X509_VERSION_3) == 1 && set_serial(x) &&
	            X509_gmtime_adj(X509_getm_notBefore(x), -3600) &&
	            X509_gmtime_adj(X509_getm_notAfter(x), VALID_SECONDS) &&
	            X509_set_pubkey(x, key) == 1 && set_name(x, hostname) &&
	            set_names(x, hostname) &&
	            add_extension(x, NID_basic_constraints, "critical,CA:FALSE") &&
	            add_extension(x, NID_key_usage, "critical,digitalSignature") &&
	            add_extension(x, NID_ext_key_usage, "serverAuth") &&
	            add_extension(x, NID_subject_key_identifier, "hash") &&
	            X509_sign(x, key, EVP_sha256()) > 0;
	if (good)
		return x;
	X509_free(x);
	return NULL;
}

static FILE *create(const char *path, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	return fd < 0 ? NULL : fdopen(fd, "w");
}

static int finish(FILE *file, bool good)
{
	good = fflush(file) == 0 && fsync(fileno(file)) == 0 && good;
	int rc = good ? 0 : -EIO;
	fclose(file);
	return rc;
}

static int write_files(const char *chain_path, const char *key_path, EVP_PKEY *key, X509 *x)
{
	FILE *file = create(key_path, 0600);
	if (!file)
		return -errno;
	int rc = finish(file, PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1);
	if (rc < 0)
		return rc;
	file = create(chain_path, 0644);
	if (!file)
		return -errno;
	return finish(file, PEM_write_X509(file, x) == 1);
}

int certificate_make(const char *chain_path, const char *key_path, const char *hostname)
{
	if (access(chain_path, F_OK) == 0 || access(key_path, F_OK) == 0)
		return -EEXIST;
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	X509 *x = key ? make_certificate(key, hostname) : NULL;
	int rc = x ? write_files(chain_path, key_path, key, x) : -EINVAL;
	X509_free(x);
	EVP_PKEY_free(key);
	return rc;
}

static bool digest_key(X509 *x, char out[static 65])
{
	unsigned char *der = NULL, digest[EVP_MAX_MD_SIZE];
	unsigned len = 0;
	int der_len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x), &der);
	bool good = der_len > 0 &&
	            EVP_Digest(der, (size_t)der_len, digest, &len, EVP_sha256(), NULL) == 1;
	for (unsigned i = 0; good && i < len && i < 32; i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
	OPENSSL_free(der);
	return good;
}

static bool look(X509 *x, const char *hostname, struct certificate_facts *out)
{
	struct tm ends;
	*out = (struct certificate_facts){ .signs_itself = X509_self_signed(x, 0) == 1 };
	out->has_name = X509_check_host(x, hostname, 0, 0, NULL) == 1;
	if (ASN1_TIME_to_tm(X509_get0_notAfter(x), &ends) != 1)
		return false;
	out->ends_s = timegm(&ends);
	return digest_key(x, out->spki);
}

int certificate_look(const char *chain_path, const char *hostname, struct certificate_facts *out)
{
	FILE *file = fopen(chain_path, "re");
	if (!file)
		return -errno;
	X509 *x = PEM_read_X509(file, NULL, NULL, NULL);
	int rc = x && look(x, hostname, out) ? 0 : -EINVAL;
	X509_free(x);
	fclose(file);
	return rc;
}
