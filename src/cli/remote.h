/* Options by which a command meets a server of others: --server, --tls, --ca, --insecure, --user,
 * --password-file. Functions print what is wrong and return an enum cli_exit. */
#ifndef VEREDUS_CLI_REMOTE_H
#define VEREDUS_CLI_REMOTE_H

#include "cli/cli.h"
#include "client/client_route.h"
#include "net/tls.h"

struct remote {
	struct client_hop *hops;
	size_t hop_count;
	enum config_tls_rule tls;      /* NONE, REQUIRED (STARTTLS) or IMPLICIT */
	struct tls_client *tls_client; /* NULL without TLS */
	const char *user, *password;   /* NULL: not given */
};

/* port, tls_port: without and with implicit TLS. otherwise: what --tls is if it is not given.
 * believe: any certificate is good (load generators). */
int remote_read(struct cli *cli, uint16_t port, uint16_t tls_port, enum config_tls_rule otherwise,
                bool believe, struct remote *out);
void remote_free(struct remote *r);
/* --password-file, $VEREDUS_PASSWORD, or asked for. */
int remote_read_password(struct cli *cli, struct remote *r);

#endif
