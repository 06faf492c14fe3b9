/* reload: the configuration anew. */
#include <errno.h>

#include "admin/admin_commands.h"

static int reload(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	json_t *result;
	(void)request;
	if (!admin->reload)
		return -ENOTSUP;
	int rc = admin->reload(admin->reload_arg, &result);
	return rc < 0 ? rc : admin_item(reply, result);
}

const struct admin_command admin_reload_commands[] = {
	{ "reload", reload },
	{ 0 },
};
