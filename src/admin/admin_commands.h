/* The tables of handlers, by what they are about. Each ends with a cleared row, stands in its own
 * admin_NAME.c, and is listed in admin.c. */
#ifndef VEREDUS_ADMIN_ADMIN_COMMANDS_H
#define VEREDUS_ADMIN_ADMIN_COMMANDS_H

#include "admin/admin.h"

extern const struct admin_command admin_user_commands[];
extern const struct admin_command admin_app_commands[];
extern const struct admin_command admin_domain_commands[];
extern const struct admin_command admin_dkim_commands[];
extern const struct admin_command admin_alias_commands[];
extern const struct admin_command admin_alias_import_commands[];
extern const struct admin_command admin_certificate_commands[];
extern const struct admin_command admin_guard_commands[];
extern const struct admin_command admin_greylist_commands[];
extern const struct admin_command admin_fetch_commands[];
extern const struct admin_command admin_bounce_commands[];
extern const struct admin_command admin_suppression_commands[];
extern const struct admin_command admin_export_commands[];
extern const struct admin_command admin_import_commands[];
extern const struct admin_command admin_index_commands[];
extern const struct admin_command admin_store_commands[];
extern const struct admin_command admin_undelete_commands[];
extern const struct admin_command admin_learn_commands[];
extern const struct admin_command admin_limits_commands[];
extern const struct admin_command admin_relay_commands[];
extern const struct admin_command admin_reload_commands[];
extern const struct admin_command admin_restore_commands[];
extern const struct admin_command admin_route_commands[];
extern const struct admin_command admin_server_commands[];
extern const struct admin_command admin_queue_commands[];
extern const struct admin_command admin_queue_act_commands[];
extern const struct admin_command admin_queue_summary_commands[];
extern const struct admin_command admin_quarantine_commands[];
extern const struct admin_command admin_quota_commands[];
extern const struct admin_command admin_report_commands[];
extern const struct admin_command admin_settings_commands[];
extern const struct admin_command admin_share_commands[];
extern const struct admin_command admin_sieve_commands[];
extern const struct admin_command admin_trace_commands[];

/* Of admin_settings_commands[]. */
int settings_put(struct admin *admin, const json_t *request, struct admin_reply *reply);

#endif
