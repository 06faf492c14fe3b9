/* Programs of this host: cron, mail(1), whatever calls sendmail. They hand in mail without a login,
 * over a Unix socket that they may open; the kernel tells which user that was. */
#include "smtp/smtp_session.h"

bool smtp_is_local(const struct smtp_session *s) { return s->context->kind == LISTENER_LOCAL; }

const char *smtp_local_user(const struct smtp_session *s, struct arena *arena)
{
	uid_t uid;
	if (!smtp_is_local(s) || conn_peer_uid(s->base.conn, &uid) < 0)
		return NULL;
	return arena_printf(arena, "uid %u", (unsigned)uid);
}

unsigned smtp_local_allow(const struct smtp_session *s)
{
	return smtp_is_local(s) ? ADDRESS_ALLOW_LOCAL : 0;
}

struct slice smtp_local_domain(struct smtp_session *s, struct arena *arena)
{
	const char *configured = s->config->local.domain;
	struct slice domain = slice_from_str(configured);
	if (!configured && post_first_domain(s->context->post, arena, &domain) < 0)
		return SLICE_EMPTY;
	return domain;
}

bool smtp_local_complete(struct smtp_session *s, struct arena *arena, struct address *a)
{
	if (!smtp_is_local(s) || a->local.len == 0 || a->domain.len > 0)
		return true;
	a->domain = smtp_local_domain(s, arena);
	return a->domain.len > 0;
}
