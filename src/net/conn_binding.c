/* Channel bindings: what both ends of a TLS connection know, and nobody in the middle can have the
 * same of both sides. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "net/conn_internal.h"

static int read_exporter(SSL *ssl, uint8_t *out, size_t *len_out)
{
	static const char label[] = "EXPORTER-Channel-Binding"; /* RFC 9266 section 4 */
	enum { EXPORTER_BYTES = 32 };

	if (SSL_version(ssl) < TLS1_3_VERSION ||
	    SSL_export_keying_material(ssl, out, EXPORTER_BYTES, label, sizeof(label) - 1, NULL, 0,
	                               1) != 1)
		return -ENOTSUP;
	*len_out = EXPORTER_BYTES;
	return 0;
}

/* RFC 5929 section 4.1: the hash of the signature, but nothing weaker than SHA-256. A signature
 * with no hash of its own, or with several, has no such binding. */
static const EVP_MD *hash_of(X509 *certificate)
{
	int hash = NID_undef;

	if (X509_get_signature_info(certificate, &hash, NULL, NULL, NULL) != 1)
		return NULL;
	if (hash == NID_md5 || hash == NID_sha1)
		return EVP_sha256();
	return hash == NID_undef ? NULL : EVP_get_digestbynid(hash);
}

static int read_end_point(SSL *ssl, uint8_t *out, size_t *len_out)
{
	X509 *certificate = SSL_is_server(ssl) ? SSL_get_certificate(ssl)
	                                       : SSL_get0_peer_certificate(ssl);
	const EVP_MD *hash = certificate ? hash_of(certificate) : NULL;
	unsigned len;

	if (!hash || EVP_MD_get_size(hash) > CONN_BINDING_MAX_BYTES ||
	    X509_digest(certificate, hash, out, &len) != 1)
		return -ENOTSUP;
	*len_out = len;
	return 0;
}

int conn_tls_binding(const struct conn *c, enum conn_binding kind,
                     uint8_t out[static CONN_BINDING_MAX_BYTES], size_t *len_out)
{
	SSL *ssl = conn_tls_ssl(c);
	int rc;

	if (!ssl)
		return -ENOTSUP;
	ERR_clear_error();
	rc = kind == CONN_BINDING_EXPORTER ? read_exporter(ssl, out, len_out)
	                                   : read_end_point(ssl, out, len_out);
	ERR_clear_error();
	return rc;
}
