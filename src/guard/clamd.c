#include "guard/clamd.h"

#include <errno.h>

#include "net/conn.h"

enum { PIECE_BYTES = 64 * 1024, ANSWER_MAX = 1000, NAME_MAX_BYTES = 100 };

/* --- the answer --------------------------------------------------------------------------- */

static bool is_printable(struct slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (text.data[i] <= ' ' || text.data[i] > '~')
			return false;
	return text.len > 0;
}

int clamd_parse(struct slice answer, enum clamd_result *out, struct slice *name_out)
{
	*name_out = SLICE_EMPTY;
	*out = CLAMD_CLEAN;
	if (slice_equal(answer, SLICE("stream: OK")))
		return 0;
	if (!slice_starts_with(answer, SLICE("stream: ")) ||
	    !slice_ends_with(answer, SLICE(" FOUND")) || answer.len < 8 + 6)
		return -EPROTO;
	*out = CLAMD_FOUND;
	*name_out = slice_sub(answer, 8, answer.len - 8 - 6);
	return is_printable(*name_out) ? 0 : -EPROTO;
}

static int obey(const struct config_filter *filter, struct slice answer, struct filter_answer *out)
{
	enum clamd_result result;
	struct slice name;
	int rc = clamd_parse(answer, &result, &name);
	if (rc < 0 || result == CLAMD_CLEAN)
		return rc;
	const char *why = arena_printf(out->arena, "%.*s",
	                               SLICE_ARG(slice_sub(name, 0, NAME_MAX_BYTES)));
	if (filter->on_found == FILTER_FOUND_JUNK || filter->on_found == FILTER_FOUND_QUARANTINE)
		out->quarantine = why;
	else if (filter->on_found == FILTER_FOUND_DISCARD)
		out->fate = FILTER_DISCARD;
	else
		out->fate = FILTER_REFUSE;
	out->reply = (struct config_reply){ 550, "5.7.1",
		                            arena_printf(out->arena, "Malware found: %s", why) };
	return 0;
}

/* --- asking ------------------------------------------------------------------------------- */

static int send_piece(struct conn *conn, struct slice piece, int64_t deadline)
{
	uint32_t len = (uint32_t)piece.len;
	const char length[4] = { (char)(len >> 24), (char)(len >> 16 & 0xFF),
		                 (char)(len >> 8 & 0xFF), (char)(len & 0xFF) };
	int rc = conn_write(conn, slice_of(length, sizeof(length)), deadline);
	return rc == 0 ? conn_write(conn, piece, deadline) : rc;
}

static int show(const struct config_filter *filter, struct conn *conn, struct slice message,
                int64_t deadline)
{
	int rc = conn_write(conn, SLICE("zINSTREAM\0"),
	                    filter_sooner(filter->command_timeout_ms, deadline));
	while (rc == 0 && message.len > 0) {
		struct slice piece = slice_sub(message, 0, PIECE_BYTES);
		rc = send_piece(conn, piece, filter_sooner(filter->command_timeout_ms, deadline));
		message = slice_from(message, piece.len);
	}
	if (rc == 0)
		rc = send_piece(conn, SLICE_EMPTY,
		                filter_sooner(filter->command_timeout_ms, deadline));
	return rc == 0 ? conn_flush(conn, filter_sooner(filter->command_timeout_ms, deadline)) : rc;
}

static int hear(const struct config_filter *filter, struct conn *conn, int64_t deadline,
                struct filter_answer *out)
{
	int64_t last = filter_sooner(filter->message_timeout_ms, deadline);
	for (;;) {
		struct slice rest = conn_buffered(conn);
		if (slice_find_byte(rest, '\0') >= 0)
			return obey(filter, slice_split(&rest, '\0'), out);
		if (rest.len > ANSWER_MAX)
			return -EPROTO;
		int rc = conn_fill(conn, last);
		if (rc <= 0)
			return rc == 0 ? -ECONNRESET : rc;
	}
}

int clamd_ask(const struct config_filter *filter, const struct filter_question *question,
              int64_t deadline, struct filter_answer *out)
{
	struct conn *conn;
	int rc = conn_connect(&filter->address, NULL,
	                      filter_sooner(filter->connect_timeout_ms, deadline), &conn);
	if (rc < 0)
		return rc;
	rc = show(filter, conn, question->message, deadline);
	if (rc == 0)
		rc = hear(filter, conn, deadline, out);
	conn_close(conn);
	return rc;
}
