/* Finding the handler, and what handlers have in common. */
#include "admin/admin.h"

#include <errno.h>
#include <stdarg.h>

#include "admin/admin_commands.h"
#include "admin/import_index.h"
#include "store/store.h"

static const struct admin_command *const tables[] = {
	admin_user_commands,          admin_app_commands,          admin_domain_commands,
	admin_alias_commands,         admin_alias_import_commands, admin_certificate_commands,
	admin_relay_commands,         admin_dkim_commands,         admin_fetch_commands,
	admin_guard_commands,         admin_greylist_commands,     admin_route_commands,
	admin_server_commands,        admin_queue_commands,        admin_queue_act_commands,
	admin_queue_summary_commands, admin_bounce_commands,       admin_suppression_commands,
	admin_report_commands,        admin_quarantine_commands,   admin_quota_commands,
	admin_limits_commands,        admin_share_commands,        admin_sieve_commands,
	admin_trace_commands,         admin_import_commands,       admin_export_commands,
	admin_restore_commands,       admin_index_commands,        admin_undelete_commands,
	admin_store_commands,         admin_learn_commands,        admin_settings_commands,
	admin_reload_commands,
};

static const struct admin_command *find_command(const char *name)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		for (const struct admin_command *c = tables[i]; c->name; c++) {
			if (slice_equal(slice_from_str(c->name), slice_from_str(name)))
				return c;
		}
	}
	return NULL;
}

/* What an errno means where no handler said better. */
static const char *error_text(int rc)
{
	switch (rc) {
	case -ENOENT:
		return "there is no such thing";
	case -EEXIST:
		return "it is there already";
	case -EINVAL:
		return "the request is wrong";
	case -ENOSPC:
		return "the disk is full";
	case -EIO:
		return "the store has failed; see the log";
	case -ENOTSUP:
		return "only possible while the server runs";
	default:
		return strerrordesc_np(-rc);
	}
}

int admin_call(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	reply->error[0] = '\0';
	const char *name = admin_need(request, "command", reply);
	if (!name)
		return -EINVAL;
	const struct admin_command *command = find_command(name);
	if (!command)
		return admin_fail(reply, -ENOSYS, "there is no command '%s'", name);
	int rc = command->run(admin, request, reply);
	if (rc < 0 && !reply->error[0])
		admin_fail(reply, rc, "%s", error_text(rc));
	return rc;
}

int admin_fail(struct admin_reply *reply, int rc, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(reply->error, sizeof(reply->error), format, args);
	va_end(args);
	return rc;
}

const char *admin_text(const json_t *request, const char *key)
{
	return json_string_value(json_object_get(request, key));
}

struct slice admin_bare(const char *text)
{
	struct slice s = slice_from_str(text);
	bool angled = s.len > 2 && s.data[0] == '<' && s.data[s.len - 1] == '>';
	return angled ? slice_sub(s, 1, s.len - 2) : s;
}

const char *admin_need(const json_t *request, const char *key, struct admin_reply *reply)
{
	const char *text = admin_text(request, key);
	if (!text)
		admin_fail(reply, -EINVAL, "the request has no text '%s'", key);
	return text;
}

int64_t admin_number(const json_t *request, const char *key, int64_t otherwise)
{
	const json_t *value = json_object_get(request, key);
	return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

int admin_item(struct admin_reply *reply, json_t *item)
{
	if (!item)
		return -ENOMEM;
	return reply->item(reply->arg, item);
}

int admin_body(struct admin_reply *reply, uint64_t len, int (*take)(void *, struct slice),
               void *take_arg)
{
	if (len > reply->body_left)
		return -ENODATA;
	reply->body_left -= len;
	return reply->body(reply->arg, len, take, take_arg);
}

void admin_visit_end(struct admin_visit *visit)
{
	import_index_free(visit->index);
	visit->index = NULL;
}

int admin_items(struct admin_reply *reply, json_t *array)
{
	int rc = 0;
	for (size_t i = 0; i < json_array_size(array) && rc >= 0; i++)
		rc = admin_item(reply, json_incref(json_array_get(array, i)));
	json_decref(array);
	return rc < 0 ? rc : 0;
}

int admin_pages(struct admin *admin, struct admin_reply *reply,
                int (*read)(struct db *db, void *page))
{
	struct admin_page page = { .admin = admin, .arena = arena_new(), .after = SLICE_EMPTY };
	int rc = 1;
	while (rc > 0) {
		page.items = json_array();
		rc = store_read(admin->store, read, &page);
		int sent = admin_items(reply, page.items);
		if (sent < 0)
			rc = sent;
	}
	arena_free(page.arena);
	return rc;
}

json_t *admin_json_text(struct slice text)
{
	if (slice_is_utf8(text))
		return json_stringn(text.data, text.len);
	char *wide = mem_alloc(text.len * 2 + 1);
	size_t len = 0;
	for (size_t i = 0; i < text.len; i++) {
		unsigned char byte = (unsigned char)text.data[i];
		if (byte >= 0x80)
			wide[len++] = (char)(0xC0 | byte >> 6);
		wide[len++] = (char)(byte >= 0x80 ? 0x80 | (byte & 0x3F) : byte);
	}
	json_t *json = json_stringn(wide, len);
	free(wide);
	return json;
}
