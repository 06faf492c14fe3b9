/* EXTERNAL (RFC 4422 appendix A): a client that has shown a certificate in the TLS handshake is the
 * account that this stands for.
 *
 * That is the account for which the certificate's fingerprint is listed (directory/certificate.h),
 * whoever has signed it; or else, if it was signed by the CA of ours, the account whose address is
 * a rfc822Name in it. Of several, the client names the one; without a name it is the first. */
#ifndef VEREDUS_AUTH_EXTERNAL_H
#define VEREDUS_AUTH_EXTERNAL_H

#include "auth/sasl.h"

/* said: the identity to act as, or nothing. */
enum auth_result external_speak(struct auth_exchange *e, struct slice said,
                                struct slice *challenge_out);

#endif
