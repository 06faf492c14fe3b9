/* Is there such a recipient? MAIL FROM:<> and RCPT, and no message. */
#include <errno.h>

#include "client/smtp_client_internal.h"

enum { LINE_MAX_BYTES = 600 };

static int say(struct smtp_client *c, enum smtp_stage stage, struct slice line, struct arena *arena,
               struct smtp_outcome *outcome)
{
	int rc = smtp_client_command(c, line, SLICE_EMPTY);
	if (rc < 0)
		return smtp_client_broken(c, stage, rc, arena, outcome);
	return smtp_client_replied(c, 2) ? 0 : smtp_client_refused(c, stage, arena, outcome);
}

static bool is_sendable(const struct smtp_client *c, struct slice path)
{
	for (size_t i = 0; i < path.len; i++) {
		if ((unsigned char)path.data[i] < 0x20 || path.data[i] == 0x7f)
			return false;
	}
	return path.len < LINE_MAX_BYTES - 16 &&
	       (slice_is_ascii(path) || (c->extensions & SMTP_EXT_SMTPUTF8));
}

int smtp_client_verify(struct smtp_client *c, struct slice path, struct arena *arena,
                       struct smtp_outcome *outcome)
{
	char line[LINE_MAX_BYTES];
	*outcome = (struct smtp_outcome){ .verdict = SMTP_TEMPORARY,
		                          .stage = SMTP_STAGE_MAIL,
		                          .text = SLICE("the address can't be sent") };
	if (!is_sendable(c, path))
		return -EINVAL;
	struct slice mail = slice_is_ascii(path) ? SLICE("MAIL FROM:<>")
	                                         : SLICE("MAIL FROM:<> SMTPUTF8");
	int rc = say(c, SMTP_STAGE_MAIL, mail, arena, outcome);
	if (rc < 0)
		return rc;
	c->needs_rset = true;
	int len = snprintf(line, sizeof(line), "RCPT TO:<%.*s>", SLICE_ARG(path));
	rc = say(c, SMTP_STAGE_RCPT, slice_of(line, (size_t)len), arena, outcome);
	if (rc == 0)
		*outcome = (struct smtp_outcome){ .verdict = SMTP_OK,
			                          .stage = SMTP_STAGE_RCPT,
			                          .code = c->reply.code };
	return rc;
}
