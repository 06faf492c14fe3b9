/* A certificate that signs itself, to start with. */
#ifndef VEREDUS_CLI_CERTIFICATE_H
#define VEREDUS_CLI_CERTIFICATE_H

#include "base/slice.h"

/* What to do about files that TLS can't use. */
#define CERTIFICATE_REMEDY                                                                         \
	"chain and key must be PEM files that belong together, the key without a password, this "  \
	"host's own certificate first"

/* Writes an ECDSA P-256 key and a certificate for hostname, localhost, 127.0.0.1 and ::1, good for
 * ten years. Existing files are left alone: -EEXIST. */
int certificate_make(const char *chain_path, const char *key_path, const char *hostname);

/* The first certificate of a PEM file. */
struct certificate_facts {
	int64_t ends_s; /* notAfter, seconds of Unix time */
	bool has_name;  /* it is for the host that was asked for */
	bool signs_itself;
	char spki[65]; /* SHA-256 of its public key in hexadecimal: TLSA 3 1 1 (RFC 6698) */
};
/* -ENOENT, -EACCES ...: the file can't be opened; -EINVAL: there is none in it. */
int certificate_look(const char *chain_path, const char *hostname, struct certificate_facts *out);

#endif
