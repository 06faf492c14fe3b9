/* STAT, LIST, UIDL and CAPA. */
#include "fiber/fiber.h"
#include "pop3/pop3_parse.h"
#include "pop3/pop3_session.h"

/* Lines of a list before other sessions have a turn. */
#define LIST_SLICE 4096

/* stat = "STAT"                                               RFC 1939, section 5 */
void pop3_stat(struct pop3_session *s, struct slice argument)
{
	(void)argument;
	pop3_printf(s, "+OK %u %llu\r\n", s->maildrop.left_count,
	            (unsigned long long)s->maildrop.left_bytes);
}

typedef void (*list_line)(struct pop3_session *s, const char *before, uint32_t number,
                          const struct pop3_message *message);

static void size_line(struct pop3_session *s, const char *before, uint32_t number,
                      const struct pop3_message *message)
{
	pop3_printf(s, "%s%u %llu\r\n", before, number, (unsigned long long)message->size_bytes);
}

/* UIDVALIDITY and UID: the same as long as the message is there, and never given again. */
static void uid_line(struct pop3_session *s, const char *before, uint32_t number,
                     const struct pop3_message *message)
{
	pop3_printf(s, "%s%u %u.%u\r\n", before, number, s->maildrop.uid_validity, message->uid);
}

static void list_all(struct pop3_session *s, list_line line)
{
	for (uint32_t number = 1; number <= s->maildrop.count && !s->end; number++) {
		const struct pop3_message *message = pop3_maildrop_find(&s->maildrop, number);
		if (message)
			line(s, "", number, message);
		if (number % LIST_SLICE == 0)
			fiber_yield();
	}
	pop3_say_end(s);
}

static void list_one(struct pop3_session *s, list_line line, struct slice argument)
{
	uint32_t number;
	const struct pop3_message *message = NULL;
	if (pop3_parse_message(argument, &number))
		message = pop3_maildrop_find(&s->maildrop, number);
	if (message)
		line(s, "+OK ", number, message);
	else
		pop3_say(s, POP3_ERR_NO_MESSAGE);
}

/* list = "LIST" [SP message]                                  RFC 1939, section 5 */
void pop3_list(struct pop3_session *s, struct slice argument)
{
	if (slice_trim(argument).len > 0) {
		list_one(s, size_line, argument);
		return;
	}
	pop3_printf(s, "+OK %u messages (%llu octets)\r\n", s->maildrop.left_count,
	            (unsigned long long)s->maildrop.left_bytes);
	list_all(s, size_line);
}

/* uidl = "UIDL" [SP message]                                  RFC 1939, section 7 */
void pop3_uidl(struct pop3_session *s, struct slice argument)
{
	if (slice_trim(argument).len > 0) {
		list_one(s, uid_line, argument);
		return;
	}
	pop3_say(s, POP3_OK);
	list_all(s, uid_line);
}

struct strictest {
	struct pop3_terms terms;
	bool expire_varies, delay_varies;
};

static int find_strictest(struct db *db, void *arg)
{
	struct strictest *st = arg;
	return pop3_terms_strictest(db, &st->terms, &st->expire_varies, &st->delay_varies);
}

/* EXPIRE and LOGIN-DELAY: the account's own, or before login what no account is held to more
 * strictly, with USER if it depends on who that is (RFC 2449 sections 6.5 and 6.7). */
static void capa_terms(struct pop3_session *s)
{
	struct strictest st = { .terms = pop3_terms_of(s->context->config) };
	if (s->account)
		st.terms = s->maildrop.terms;
	else if (store_read(s->context->store, find_strictest, &st) < 0)
		st = (struct strictest){ .terms = pop3_terms_of(s->context->config) };
	const char *user = st.expire_varies ? " USER" : "";
	if (st.terms.expire_days == CONFIG_NEVER)
		pop3_printf(s, "EXPIRE NEVER\r\n");
	else
		pop3_printf(s, "EXPIRE %d%s\r\n", st.terms.expire_days, user);
	if (st.terms.delay_ms > 0)
		pop3_printf(s, "LOGIN-DELAY %lld%s\r\n",
		            (long long)(st.terms.delay_ms + 999) / 1000,
		            st.delay_varies ? " USER" : "");
}

/* capa = "CAPA"                                               RFC 2449, section 5
 * What depends on TLS is announced as it would be answered now. */
void pop3_capa(struct pop3_session *s, struct slice argument)
{
	struct conn *conn = s->base.conn;
	struct auth_client client = pop3_auth_client(s);
	const char *mechanisms = auth_mechanisms(s->context->auth, &client);
	(void)argument;
	pop3_say(s, POP3_OK_CAPA);
	pop3_printf(s, "TOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\n");
	pop3_printf(s, "UTF8 USER\r\nLANG\r\n");
	capa_terms(s);
	if (pop3_clear_allowed(s))
		pop3_printf(s, "USER\r\n");
	if (mechanisms[0] != '\0')
		pop3_printf(s, "SASL %s\r\n", mechanisms);
	if (!conn_is_tls(conn) && !s->account && service_config(s->base.service)->tls)
		pop3_printf(s, "STLS\r\n");
	pop3_printf(s, "IMPLEMENTATION Veredus\r\n");
	pop3_say_end(s);
}
