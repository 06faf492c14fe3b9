/* RETR and TOP. */
#include <errno.h>

#include "base/log.h"
#include "fiber/fiber.h"
#include "message/dotstuff.h"
#include "pop3/pop3_parse.h"
#include "pop3/pop3_session.h"

struct sending {
	struct pop3_session *session;
	int64_t end; /* of all of it; each write has a deadline of its own besides */
};

static int send_run(void *arg, struct slice run)
{
	const struct sending *sending = arg;
	int64_t deadline = pop3_deadline(sending->session);
	return conn_write(sending->session->base.conn, run,
	                  deadline < sending->end ? deadline : sending->end);
}

/* The message lies in the store's file cache, and only a slice of it at a time in buffers of
 * ours, however slowly the client takes it. */
static void send_message(struct pop3_session *s, struct slice bytes)
{
	struct dot_stuffer stuffer = dot_stuffer_make();
	int64_t longest_ms = (int64_t)(bytes.len / POP3_SEND_RATE_MIN) * 1000;
	struct sending sending = { s, deadline_in(2 * s->base.idle_ms + longest_ms) };
	int rc = 0;
	while (rc == 0 && bytes.len > 0) {
		rc = dot_stuff(&stuffer, slice_sub(bytes, 0, POP3_SEND_SLICE), send_run, &sending);
		bytes = slice_from(bytes, POP3_SEND_SLICE);
		if (bytes.len > 0)
			fiber_yield();
	}
	if (rc == 0)
		rc = dot_stuff_end(&stuffer, send_run, &sending);
	if (rc < 0)
		pop3_end_on_error(s, rc);
}

static bool open_message(struct pop3_session *s, const struct pop3_message *message,
                         struct blob_view *view)
{
	int rc = pop3_maildrop_read(&s->maildrop, s->context, message, view);
	if (rc == -ENOENT)
		pop3_say(s, POP3_ERR_MESSAGE_GONE);
	else if (rc == -EBADMSG)
		pop3_say(s, POP3_ERR_DAMAGED);
	else if (rc < 0)
		pop3_say(s, POP3_ERR_UNAVAILABLE);
	if (rc < 0 && rc != -ENOENT)
		log_error("pop3.message", kv_str("account", s->account),
		          kv_int("uid", message->uid), kv_error(rc));
	return rc == 0;
}

/* retr = "RETR" SP message                                    RFC 1939, section 5 */
void pop3_retr(struct pop3_session *s, struct slice argument)
{
	uint32_t number;
	struct pop3_message *message = NULL;
	struct blob_view view;
	if (pop3_parse_message(argument, &number))
		message = pop3_maildrop_find(&s->maildrop, number);
	if (!message) {
		pop3_say(s, POP3_ERR_NO_MESSAGE);
		return;
	}
	if (!open_message(s, message, &view))
		return;
	pop3_printf(s, "+OK %llu octets\r\n", (unsigned long long)message->size_bytes);
	send_message(s, view.bytes);
	if (!s->end) {
		message->retrieved = true;
		s->retrieved++;
		s->retrieved_bytes += view.bytes.len;
	}
	blob_close(&view);
}

/* top = "TOP" SP message SP lines                             RFC 1939, section 7 */
void pop3_top(struct pop3_session *s, struct slice argument)
{
	uint32_t number;
	uint64_t lines;
	struct blob_view view;
	if (!pop3_parse_top(argument, &number, &lines)) {
		pop3_say(s, POP3_ERR_ARGUMENT);
		return;
	}
	const struct pop3_message *message = pop3_maildrop_find(&s->maildrop, number);
	if (!message) {
		pop3_say(s, POP3_ERR_NO_MESSAGE);
		return;
	}
	if (!open_message(s, message, &view))
		return;
	pop3_say(s, POP3_OK);
	send_message(s, slice_sub(view.bytes, 0, pop3_top_length(view.bytes, lines)));
	blob_close(&view);
}
