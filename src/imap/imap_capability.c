/* CAPABILITY, ENABLE, and the small commands that need no mailbox: what is offered to whom. */
#include "imap/imap_limit.h"
#include "imap/imap_reply.h"
#include "mailbox/share.h"

enum { CAPABILITIES_BYTES_MAX = 4000, MANAGESIEVE_PORT = 4190 };

/* --- who may log in how -------------------------------------------------------------- */

bool imap_may_start_tls(const struct imap_session *s)
{
	return service_config(s->session.service)->tls && !conn_is_tls(s->session.conn) &&
	       !conn_is_compressed(s->session.conn);
}

struct auth_client imap_auth_client(const struct imap_session *s)
{
	const struct config_listener *listener = service_config(s->session.service)->listener;
	bool otherwise = imap_context(s)->config->imap.auth_without_tls;
	return (struct auth_client){
		.conn = s->session.conn,
		.service = AUTH_IMAP,
		.clear_allowed = config_auth_without_tls(listener, otherwise),
	};
}

bool imap_may_login(const struct imap_session *s)
{
	return conn_is_tls(s->session.conn) || imap_auth_client(s).clear_allowed;
}

/* --- capabilities -------------------------------------------------------------------- */

struct capability {
	struct slice keyword;
	unsigned states; /* in which it is told */
	/* NULL: always. */
	bool (*offered)(const struct imap_session *s);
	/* What stands behind the keyword; NULL: nothing. */
	void (*argument)(const struct imap_session *s, struct buf *out);
};

enum { ALWAYS = IMAP_STRANGER | IMAP_USER | IMAP_SELECTED, USER = IMAP_USER | IMAP_SELECTED };

static bool may_not_login(const struct imap_session *s) { return !imap_may_login(s); }

static void append_limit(const struct imap_session *s, struct buf *out)
{
	buf_printf(out, "=%llu",
	           (unsigned long long)imap_context(s)->config->smtp.max_message_bytes);
}

static bool has_message_limit(const struct imap_session *s) { return imap_message_limit(s) > 0; }

static bool has_save_limit(const struct imap_session *s)
{
	return imap_save_limit(s) > 0 && imap_message_limit(s) == 0;
}

static void limit(const struct imap_session *s, struct buf *out)
{
	buf_printf(out, "=%u", imap_save_limit(s));
}

static bool takes_big_literals(const struct imap_session *s)
{
	return imap_context(s)->config->imap.big_literals;
}

static bool plays_gmail(const struct imap_session *s)
{
	return imap_context(s)->config->imap.gmail_extensions;
}

static const struct config_listener *script_listener(const struct imap_session *s)
{
	const struct config *config = imap_context(s)->config;
	for (size_t i = 0; i < config->listener_count; i++) {
		if (config->listeners[i].kind == LISTENER_MANAGESIEVE)
			return &config->listeners[i];
	}
	return NULL;
}

/* Who has them must be able to keep them (RFC 6785 section 2.3.1). */
static bool runs_scripts(const struct imap_session *s)
{
	return imap_context(s)->events && script_listener(s);
}

static void script_url(const struct imap_session *s, struct buf *out)
{
	unsigned port = net_address_port(&script_listener(s)->address);
	buf_printf(out, "=sieve://%s", imap_context(s)->config->hostname);
	if (port != MANAGESIEVE_PORT)
		buf_printf(out, ":%u", port);
}

static bool takes_small_literals(const struct imap_session *s) { return !takes_big_literals(s); }

#define KEYWORD(text)                                                                              \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}

/* clang-format off */
static const struct capability capabilities[] = {
	{ KEYWORD("IMAP4rev1"), ALWAYS, NULL, NULL },
	{ KEYWORD("IMAP4rev2"), ALWAYS, NULL, NULL },
	{ KEYWORD("LITERAL+"), ALWAYS, takes_big_literals, NULL },
	{ KEYWORD("LITERAL-"), ALWAYS, takes_small_literals, NULL },
	{ KEYWORD("SASL-IR"), ALWAYS, NULL, NULL },
	{ KEYWORD("ID"), ALWAYS, NULL, NULL },
	{ KEYWORD("ENABLE"), ALWAYS, NULL, NULL },
	{ KEYWORD("STARTTLS"), IMAP_STRANGER, imap_may_start_tls, NULL },
	{ KEYWORD("LOGINDISABLED"), IMAP_STRANGER, may_not_login, NULL },
	{ KEYWORD("NAMESPACE"), USER, NULL, NULL },
	{ KEYWORD("IDLE"), USER, NULL, NULL },
	{ KEYWORD("NOTIFY"), USER, NULL, NULL },
	{ KEYWORD("UNSELECT"), USER, NULL, NULL },
	{ KEYWORD("UIDPLUS"), USER, NULL, NULL },
	{ KEYWORD("MOVE"), USER, NULL, NULL },
	{ KEYWORD("CHILDREN"), USER, NULL, NULL },
	{ KEYWORD("SPECIAL-USE"), USER, NULL, NULL },
	{ KEYWORD("CREATE-SPECIAL-USE"), USER, NULL, NULL },
	{ KEYWORD("LIST-EXTENDED"), USER, NULL, NULL },
	{ KEYWORD("LIST-STATUS"), USER, NULL, NULL },
	{ KEYWORD("STATUS=SIZE"), USER, NULL, NULL },
	{ KEYWORD("ACL"), USER, NULL, NULL },
	{ KEYWORD("RIGHTS=kxte"), USER, NULL, NULL },
	{ KEYWORD("LIST-MYRIGHTS"), USER, NULL, NULL },
	{ KEYWORD("METADATA"), USER, NULL, NULL },
	{ KEYWORD("LIST-METADATA"), USER, NULL, NULL },
	{ KEYWORD("IMAPSIEVE"), USER, runs_scripts, script_url },
	{ KEYWORD("QUOTA"), USER, NULL, NULL },
	{ KEYWORD("QUOTA=RES-STORAGE"), USER, NULL, NULL },
	{ KEYWORD("QUOTA=RES-MESSAGE"), USER, NULL, NULL },
	{ KEYWORD("QUOTA=RES-MAILBOX"), USER, NULL, NULL },
	{ KEYWORD("QUOTASET"), USER, NULL, NULL },
	{ KEYWORD("ESEARCH"), USER, NULL, NULL },
	{ KEYWORD("MULTIAPPEND"), USER, NULL, NULL },
	{ KEYWORD("REPLACE"), USER, NULL, NULL },
	{ KEYWORD("CATENATE"), USER, NULL, NULL },
	{ KEYWORD("URLAUTH"), USER, NULL, NULL },
	{ KEYWORD("URLAUTH=BINARY"), USER, NULL, NULL },
	{ KEYWORD("URL-PARTIAL"), USER, NULL, NULL },
	{ KEYWORD("SORT"), USER, NULL, NULL },
	{ KEYWORD("SORT=DISPLAY"), USER, NULL, NULL },
	{ KEYWORD("ESORT"), USER, NULL, NULL },
	{ KEYWORD("THREAD=ORDEREDSUBJECT"), USER, NULL, NULL },
	{ KEYWORD("THREAD=REFERENCES"), USER, NULL, NULL },
	{ KEYWORD("THREAD=REFS"), USER, NULL, NULL },
	{ KEYWORD("SEARCHRES"), USER, NULL, NULL },
	{ KEYWORD("MULTISEARCH"), USER, NULL, NULL },
	{ KEYWORD("CONTEXT=SEARCH"), USER, NULL, NULL },
	{ KEYWORD("CONTEXT=SORT"), USER, NULL, NULL },
	{ KEYWORD("WITHIN"), USER, NULL, NULL },
	{ KEYWORD("SEARCH=FUZZY"), USER, NULL, NULL },
	{ KEYWORD("FILTERS"), USER, NULL, NULL },
	{ KEYWORD("PARTIAL"), USER, NULL, NULL },
	{ KEYWORD("UIDBATCHES"), USER, NULL, NULL },
	{ KEYWORD("UIDONLY"), USER, NULL, NULL },
	{ KEYWORD("INPROGRESS"), USER, NULL, NULL },
	{ KEYWORD("LANGUAGE"), USER, NULL, NULL },
	{ KEYWORD("I18NLEVEL=1"), USER, NULL, NULL },
	{ KEYWORD("BINARY"), USER, NULL, NULL },
	{ KEYWORD("PREVIEW"), USER, NULL, NULL },
	{ KEYWORD("SAVEDATE"), USER, NULL, NULL },
	{ KEYWORD("OBJECTID"), USER, NULL, NULL },
	{ KEYWORD("UTF8=ACCEPT"), USER, NULL, NULL },
	{ KEYWORD("XLIST"), USER, NULL, NULL },
	{ KEYWORD("X-GM-EXT-1"), USER, plays_gmail, NULL },
	{ KEYWORD("UNAUTHENTICATE"), USER, NULL, NULL },
	{ KEYWORD("COMPRESS=DEFLATE"), USER, imap_may_compress, NULL },
	{ KEYWORD("CONDSTORE"), USER, NULL, NULL },
	{ KEYWORD("QRESYNC"), USER, NULL, NULL },
	{ KEYWORD("APPENDLIMIT"), USER, NULL, append_limit },
	{ KEYWORD("MESSAGELIMIT"), USER, has_message_limit, limit },
	{ KEYWORD("SAVELIMIT"), USER, has_save_limit, limit },
};
/* clang-format on */

static void add_mechanisms(const struct imap_session *s, struct buf *out)
{
	struct auth_client client = imap_auth_client(s);
	struct slice rest = slice_from_str(auth_mechanisms(imap_context(s)->auth, &client));
	while (rest.len > 0) {
		struct slice name = slice_split(&rest, ' ');
		buf_printf(out, " AUTH=%.*s", SLICE_ARG(name));
	}
}

const char *imap_capabilities(struct imap_session *s, struct arena *arena)
{
	struct buf text = buf_make(CAPABILITIES_BYTES_MAX);
	for (size_t i = 0; i < sizeof(capabilities) / sizeof(capabilities[0]); i++) {
		const struct capability *c = &capabilities[i];
		if (!(c->states & s->state) || (c->offered && !c->offered(s)))
			continue;
		buf_append(&text, text.len ? SLICE(" ") : SLICE_EMPTY);
		buf_append(&text, c->keyword);
		if (c->argument)
			c->argument(s, &text);
	}
	if (s->state == IMAP_STRANGER)
		add_mechanisms(s, &text);
	const char *out = arena_str(arena, buf_slice(&text));
	buf_free(&text);
	return out;
}

void imap_capability(struct imap_command *c)
{
	imap_printf(c->s, "* CAPABILITY %s\r\n", imap_capabilities(c->s, c->arena));
}

/* --- ENABLE -------------------------------------------------------------------------- */

static const struct {
	struct slice name;
	unsigned enables; /* enum imap_enabled; what it implies too */
} enable_words[] = {
	{ KEYWORD("CONDSTORE"), ENABLED_CONDSTORE },
	{ KEYWORD("QRESYNC"), ENABLED_CONDSTORE | ENABLED_QRESYNC },
	{ KEYWORD("IMAP4rev2"), ENABLED_REV2 },
	{ KEYWORD("UTF8=ACCEPT"), ENABLED_UTF8 },
	{ KEYWORD("UIDONLY"), ENABLED_UIDONLY },
};

/* Turns it on if there is such a thing, and says so if it was off. */
static void enable(struct imap_command *c, struct slice name, struct buf *told)
{
	for (size_t i = 0; i < sizeof(enable_words) / sizeof(enable_words[0]); i++) {
		unsigned enables = enable_words[i].enables;
		if (!slice_equal_nocase(enable_words[i].name, name) ||
		    (c->s->enabled & enables) == enables)
			continue;
		c->s->enabled |= enables;
		buf_append_byte(told, ' ');
		buf_append(told, enable_words[i].name);
	}
}

/* enable = "ENABLE" 1*(SP capability) (RFC 5161) */
void imap_enable(struct imap_command *c)
{
	struct buf told = buf_make(CAPABILITIES_BYTES_MAX);
	struct cursor at = c->args;
	struct slice name;
	unsigned count = 0;
	while (imap_take_space(&at) && imap_take_atom(&at, &name))
		count++;
	if (count == 0 || !cursor_at_end(&at)) {
		imap_bad(c, "ENABLE needs names of extensions.");
		return;
	}
	while (imap_take_space(&c->args) && imap_take_atom(&c->args, &name))
		enable(c, name, &told);
	imap_printf(c->s, "* ENABLED%.*s\r\n", SLICE_ARG(buf_slice(&told)));
	buf_free(&told);
}

/* --- small commands ------------------------------------------------------------------ */

void imap_noop(struct imap_command *c) { (void)c; }

void imap_logout(struct imap_command *c) { imap_bye(c->s, "Good-bye."); }

/* RFC 2971. What the client says is for nobody here. */
void imap_id(struct imap_command *c)
{
	imap_write(c->s,
	           SLICE("* ID (\"name\" \"Veredus\" \"version\" \"" VEREDUS_VERSION "\")\r\n"));
}

/* RFC 2342: one's own mailboxes, those of other users, and public ones. */
void imap_namespace(struct imap_command *c)
{
	imap_write(c->s, SLICE("* NAMESPACE ((\"\" \"/\")) ((\"" SHARE_USERS "/\" \"/\"))"
	                       " ((\"" SHARE_PUBLIC "/\" \"/\"))\r\n"));
}

/* language = "LANGUAGE" *(SP lang-range) (RFC 5255 section 3): what is said for people is English.
 */
void imap_language(struct imap_command *c)
{
	static const struct slice standard = SLICE("i-default"), english = SLICE("en");
	const struct slice *found = NULL;
	struct slice range;
	bool any = false;
	while (imap_take_space(&c->args)) {
		if (!imap_take_astring(&c->args, c->arena, &range)) {
			imap_bad(c, "LANGUAGE needs names of languages.");
			return;
		}
		any = true;
		if (found)
			continue;
		if (slice_equal_nocase(range, SLICE("default")) ||
		    slice_equal_nocase(range, standard))
			found = &standard;
		else if (slice_equal_nocase(range, english) ||
		         slice_equal_nocase(slice_sub(range, 0, 3), SLICE("en-")))
			found = &english;
	}
	if (!imap_at_end(c))
		return;
	if (!any)
		imap_write(c->s, SLICE("* LANGUAGE (i-default en)\r\n"));
	else if (found)
		imap_printf(c->s, "* LANGUAGE (%.*s)\r\n", SLICE_ARG(*found));
	else
		imap_no(c, "CANNOT", "Only English is spoken here.");
}
