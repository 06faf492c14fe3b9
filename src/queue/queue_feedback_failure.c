/* Reports on single messages (RFC 9991) that come in; what goes out is in queue_failure.c. */
#include "message/mime.h"
#include "queue/queue_feedback_internal.h"
#include "trust/dmarc_failure.h"

static const struct config_feedback *config(const struct config *c) { return &c->dmarc_report; }

static bool is_report(const struct mime_part *part)
{
	return mime_is(part, "message", "feedback-report");
}

const struct feedback_kind feedback_kind_failure = {
	.name = "dmarc-failure",
	.config = config,
	.is_report = is_report,
	.packed_bytes_max = DMARC_FAILURE_BYTES_MAX,
	.text_bytes_max = DMARC_FAILURE_BYTES_MAX,
	.read = dmarc_failure_read,
};
