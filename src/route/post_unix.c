/* Users of files that belong to Unix users: who is none is refused at RCPT, and not reported to a
 * sender who may be forged. */
#include <errno.h>
#include <pwd.h>
#include <unistd.h>

#include "config/config_template.h"
#include "config/config_way.h"
#include "fiber/fiber.h"
#include "route/post_internal.h"

enum { PASSWD_BYTES_MAX = 16 * 1024 };

struct user_question {
	const char *name;
	bool known;
};

/* On the thread pool, as it may be LDAP that is asked. What can't be asked now is left to the
 * delivery, which is tried again. */
static void post_ask_user(void *arg)
{
	struct user_question *q = arg;
	struct passwd entry, *found = NULL;
	char *room = mem_alloc(PASSWD_BYTES_MAX);
	int error = getpwnam_r(q->name, &entry, room, PASSWD_BYTES_MAX, &found);
	if (found)
		q->known = entry.pw_uid != 0;
	else
		q->known = error != 0 && error != ENOENT && error != ESRCH;
	free(room);
}

/* Where it is the same for all senders. */
static const struct config_smarthost *post_file_way(const struct config *c, struct slice domain)
{
	for (size_t i = 0; i < c->smarthost_count; i++) {
		const struct config_smarthost *way = &c->smarthosts[i];
		if (!config_way_names(way, domain))
			continue;
		bool is_file = way->final == FINAL_MAILDIR || way->final == FINAL_MBOX;
		return is_file && !config_way_has_conditions(way) ? way : NULL;
	}
	return NULL;
}

bool post_unix_user_is_known(const struct post *p, struct arena *arena,
                             const struct address *address)
{
	struct address a;
	if (!address_canonical(arena, address, &a))
		return true;
	const struct config *c = p->config.config;
	const struct config_smarthost *way = post_file_way(c, a.domain);
	if (!way || (way->unix_user && !config_template_has_any(way->unix_user)))
		return true;
	struct config_template_values values = { .local = a.local, .domain = a.domain };
	char separator = c->local.plus_separator;
	ptrdiff_t at = separator ? slice_find_byte(a.local, separator) : -1;
	if (at > 0) {
		values.local = slice_sub(a.local, 0, (size_t)at);
		values.extension = slice_from(a.local, (size_t)at + 1);
	}
	struct user_question q = { .known = false };
	q.name = config_template_expand(arena, way->unix_user ? way->unix_user : "${local}",
	                                TEMPLATE_PATH, &values);
	if (q.name)
		fiber_offload(post_ask_user, &q);
	return q.known;
}
