/* Who the other end of a connection is, by its certificate. */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/codec.h"
#include "net/conn_internal.h"
#include "net/tls.h"

enum { PEER_NAMES_MAX = 64, SUBJECT_MAX_BYTES = 1024 };

/* Belongs to the connection; NULL: the peer has shown none. */
static X509 *peer_certificate(const struct conn *c)
{
	const SSL *ssl = conn_tls_ssl(c);
	return ssl ? SSL_get0_peer_certificate(ssl) : NULL;
}

bool conn_tls_has_peer(const struct conn *c) { return peer_certificate(c) != NULL; }

/* A resumed session brings the verdict of its first handshake, which may be hours old. */
static bool is_verified(const struct conn *c, const X509 *certificate)
{
	return SSL_get_verify_result(conn_tls_ssl(c)) == X509_V_OK &&
	       X509_cmp_current_time(X509_get0_notAfter(certificate)) > 0;
}

static const char *copy_subject(struct arena *a, const X509 *certificate)
{
	BIO *text = BIO_new(BIO_s_mem());
	char *data = NULL;
	long len = 0;

	if (text && X509_NAME_print_ex(text, X509_get_subject_name(certificate), 0,
	                               XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0)
		len = BIO_get_mem_data(text, &data);
	if (len > SUBJECT_MAX_BYTES)
		len = SUBJECT_MAX_BYTES;
	const char *subject = arena_str(a, slice_of(data ? data : "", (size_t)len));
	BIO_free(text);
	return subject;
}

/* A NUL within a name is there to deceive. */
static bool read_name(struct arena *a, const ASN1_IA5STRING *from, struct slice *out)
{
	struct slice text = { (const char *)ASN1_STRING_get0_data(from),
		              (size_t)ASN1_STRING_length(from) };

	if (text.len == 0 || slice_find_byte(text, '\0') >= 0)
		return false;
	*out = arena_copy(a, text);
	return true;
}

static void copy_names(struct arena *a, const X509 *certificate, struct conn_tls_peer *out)
{
	GENERAL_NAMES *list = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
	int count = sk_GENERAL_NAME_num(list);

	out->emails = ARENA_ARRAY(a, PEER_NAMES_MAX, struct slice);
	out->names = ARENA_ARRAY(a, PEER_NAMES_MAX, struct slice);
	for (int i = 0; i < count && i < PEER_NAMES_MAX; i++) {
		const GENERAL_NAME *entry = sk_GENERAL_NAME_value(list, i);

		if (entry->type == GEN_EMAIL &&
		    read_name(a, entry->d.rfc822Name, &out->emails[out->email_count]))
			out->email_count++;
		if (entry->type == GEN_DNS &&
		    read_name(a, entry->d.dNSName, &out->names[out->name_count]))
			out->name_count++;
	}
	GENERAL_NAMES_free(list);
}

int conn_tls_peer(const struct conn *c, struct arena *a, struct conn_tls_peer *out)
{
	X509 *certificate = peer_certificate(c);
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned len;

	if (!certificate)
		return -ENOENT;
	ERR_clear_error();
	if (X509_digest(certificate, EVP_sha256(), digest, &len) != 1)
		return -EPROTO;
	*out = (struct conn_tls_peer){
		.verified = is_verified(c, certificate),
		.subject = copy_subject(a, certificate),
		.fingerprint = hex_encode(a, slice_of((const char *)digest, len)),
	};
	copy_names(a, certificate, out);
	ERR_clear_error();
	return 0;
}

int tls_fingerprint(struct arena *a, struct slice text, struct slice *out)
{
	enum { DIGITS = 64 };
	char *digits = arena_alloc(a, DIGITS);
	size_t count = 0;

	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == ':' && count > 0 && count % 2 == 0)
			continue;
		if (byte_hex_value(text.data[i]) < 0 || count == DIGITS)
			return -EINVAL;
		digits[count++] = byte_lower(text.data[i]);
	}
	if (count != DIGITS)
		return -EINVAL;
	*out = slice_of(digits, count);
	return 0;
}
