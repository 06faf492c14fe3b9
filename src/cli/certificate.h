/* A certificate that signs itself, to start with. */
#ifndef VEREDUS_CLI_CERTIFICATE_H
#define VEREDUS_CLI_CERTIFICATE_H

#include "base/slice.h"

/* Writes an ECDSA P-256 key and a certificate for hostname, localhost, 127.0.0.1 and ::1, good for
 * ten years. Existing files are left alone: -EEXIST. */
int certificate_make(const char *chain_path, const char *key_path, const char *hostname);

#endif
