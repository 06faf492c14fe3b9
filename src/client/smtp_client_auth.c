/* AUTH as a client: PLAIN (RFC 4616) and LOGIN, RFC 4954. */
#include <errno.h>

#include "base/codec.h"
#include "client/smtp_client_internal.h"

static int auth_trouble(struct smtp_client *c, const char *text, struct arena *arena,
                        struct smtp_outcome *outcome)
{
	*outcome = (struct smtp_outcome){ .verdict = SMTP_TEMPORARY,
		                          .stage = SMTP_STAGE_AUTH,
		                          .error = -EACCES,
		                          .host = true,
		                          .enhanced = { 4, 7, 0 } };
	outcome->text = slice_from_str(arena_printf(arena, "%s: %s", c->host, text));
	return -EACCES;
}

/* message = [authzid] NUL authcid NUL passwd               RFC 4616, section 2 */
static int auth_plain(struct smtp_client *c, struct arena *arena)
{
	const struct slice parts[] = { slice_of("", 1), slice_from_str(c->config->user),
		                       slice_of("", 1), slice_from_str(c->config->password) };
	struct slice text = base64_encode_arena(arena, arena_concat(arena, parts, 4));
	const char *line = arena_printf(arena, "AUTH PLAIN %.*s", SLICE_ARG(text));
	return smtp_client_command(c, slice_from_str(line), SLICE("AUTH PLAIN ***"));
}

static int auth_login(struct smtp_client *c, struct arena *arena)
{
	const char *const answers[] = { c->config->user, c->config->password };
	int rc = smtp_client_command(c, SLICE("AUTH LOGIN"), SLICE_EMPTY);
	for (size_t i = 0; rc == 0 && c->reply.code == 334 && i < 2; i++) {
		struct slice text = base64_encode_arena(arena, slice_from_str(answers[i]));
		rc = smtp_client_command(c, text, SLICE("***"));
	}
	return rc;
}

int smtp_client_auth(struct smtp_client *c, struct arena *arena, struct smtp_outcome *outcome)
{
	int rc;
	if (!conn_is_tls(c->conn) && !c->config->auth_in_clear)
		return auth_trouble(c, "no TLS, and the password is not sent in clear", arena,
		                    outcome);
	if (c->extensions & SMTP_EXT_AUTH_PLAIN)
		rc = auth_plain(c, arena);
	else if (c->extensions & SMTP_EXT_AUTH_LOGIN)
		rc = auth_login(c, arena);
	else
		return auth_trouble(c, "offers no AUTH mechanism that we know", arena, outcome);
	if (rc < 0)
		return smtp_client_broken(c, SMTP_STAGE_AUTH, rc, arena, outcome);
	if (c->reply.code != 235) {
		/* 334 means that the mechanism wants more than we have. */
		if (c->reply.code == 334)
			c->usable = false;
		return smtp_client_refused(c, SMTP_STAGE_AUTH, arena, outcome);
	}
	return 0;
}
