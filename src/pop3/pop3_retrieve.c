/* RETR and TOP. */
#include <errno.h>

#include "base/log.h"
#include "fiber/fiber.h"
#include "message/dotstuff.h"
#include "message/surrogate.h"
#include "pop3/pop3_parse.h"
#include "pop3/pop3_session.h"

struct sending {
	struct pop3_session *session;
	struct dot_stuffer stuffer;
	int64_t end; /* of all of it; each write has a deadline of its own besides */
};

static int send_run(void *arg, struct slice run)
{
	const struct sending *sending = arg;
	int64_t deadline = pop3_deadline(sending->session);
	return conn_write(sending->session->base.conn, run,
	                  deadline < sending->end ? deadline : sending->end);
}

static int stuff_run(void *arg, struct slice run)
{
	struct sending *sending = arg;
	return dot_stuff(&sending->stuffer, run, send_run, sending);
}

/* The message lies in the store's file cache, and only a slice of it at a time in buffers of
 * ours, however slowly the client takes it. */
static int send_slices(struct sending *sending, struct slice bytes)
{
	int rc = 0;
	while (rc == 0 && bytes.len > 0) {
		rc = stuff_run(sending, slice_sub(bytes, 0, POP3_SEND_SLICE));
		bytes = slice_from(bytes, POP3_SEND_SLICE);
		if (bytes.len > 0)
			fiber_yield();
	}
	return rc;
}

/* made: what is sent in place of bytes, which are of the view; or NULL. One that the disk lost
 * under us does not come to its end. */
static void send_message(struct pop3_session *s, const struct blob_view *view, struct slice bytes,
                         struct surrogate *made)
{
	int64_t longest_ms = (int64_t)(bytes.len / POP3_SEND_RATE_MIN) * 1000;
	struct sending sending = { .session = s,
		                   .stuffer = dot_stuffer_make(),
		                   .end = deadline_in(2 * s->base.idle_ms + longest_ms) };
	int rc = made ? surrogate_write(made, stuff_run, &sending) : send_slices(&sending, bytes);
	if (rc == 0 && !blob_is_whole(view)) {
		log_error("pop3.message", kv_str("account", s->account), kv_error(-EIO));
		rc = -EIO;
	}
	if (rc == 0)
		rc = dot_stuff_end(&sending.stuffer, send_run, &sending);
	if (rc < 0)
		pop3_end_on_error(s, rc);
}

/* Who has not said UTF8 can't take a header that is not ASCII (RFC 6856 section 2.1). Bodies stay
 * 8-bit, as they always were. */
static struct surrogate *surrogate_for(const struct pop3_session *s, struct arena *scratch,
                                       struct slice bytes)
{
	return s->utf8 ? NULL : surrogate_plan(scratch, bytes, &s->context->config->message);
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
	struct arena *scratch = arena_new();
	struct surrogate *made = surrogate_for(s, scratch, view.bytes);
	if (made)
		pop3_say(s, POP3_OK);
	else
		pop3_printf(s, "+OK %llu octets\r\n", (unsigned long long)message->size_bytes);
	send_message(s, &view, view.bytes, made);
	if (!s->end) {
		message->retrieved = true;
		s->retrieved++;
		s->retrieved_bytes += view.bytes.len;
	}
	arena_free(scratch);
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
	struct arena *scratch = arena_new();
	struct slice top = slice_sub(view.bytes, 0, pop3_top_length(view.bytes, lines));
	send_message(s, &view, top, surrogate_for(s, scratch, top));
	arena_free(scratch);
	blob_close(&view);
}
