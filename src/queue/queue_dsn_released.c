#include "base/clock.h"
#include "config/config.h"
#include "queue/queue_dsn.h"
#include "route/quarantine.h"

struct slice queue_dsn_released(struct arena *arena, const struct config *config,
                                const struct quarantine_row *row, struct slice message,
                                bool *is_8bit_out)
{
	/* As the sender knows it: whose mailbox an alias leads to is nobody's business. */
	const struct queue_dsn_recipient recipient = {
		.address = row->asked.len > 0 ? row->asked : row->address,
		.orcpt = row->orcpt,
		.status = { 2, 1, 5 },
		.text = SLICE("It is in the mailbox."),
	};
	const struct queue_dsn dsn = {
		.action = DSN_DELIVERED,
		.hostname = config->hostname,
		.reverse_path = row->reverse_path,
		.queue_id = row->queue_id,
		.envid = row->envid,
		.message = message,
		.smtputf8 = row->smtputf8,
		.ret = row->ret,
		.arrived_ms = row->at_ms,
		.now_ms = clock_wall_ms(),
		.recipients = &recipient,
		.recipient_count = 1,
	};
	return queue_dsn_compose(arena, &dsn, is_8bit_out);
}
