/* Answers: RFC 5804 section 1.3, and the capabilities of section 1.7. */
#include "base/buf.h"
#include "managesieve/managesieve_session.h"
#include "sieve/sieve.h"

enum { QUOTED_MAX = 1000 }; /* RFC 5804 section 4 has 1024 */

void managesieve_write(struct managesieve_session *s, struct slice bytes)
{
	if (conn_write(s->base.conn, bytes, managesieve_deadline(s)) < 0)
		managesieve_end(s, "lost");
}

static bool can_be_quoted(struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		if (text.data[i] == '\r' || text.data[i] == '\n' || text.data[i] == '\0')
			return false;
	}
	return text.len <= QUOTED_MAX;
}

void managesieve_write_string(struct managesieve_session *s, struct slice text)
{
	struct buf out = buf_make(2 * text.len + 32);
	if (can_be_quoted(text)) {
		buf_append(&out, SLICE("\""));
		for (size_t i = 0; i < text.len; i++) {
			if (text.data[i] == '"' || text.data[i] == '\\')
				buf_append(&out, SLICE("\\"));
			buf_append(&out, slice_sub(text, i, 1));
		}
		buf_append(&out, SLICE("\""));
	} else {
		buf_printf(&out, "{%zu}\r\n", text.len);
		buf_append(&out, text);
	}
	managesieve_write(s, buf_slice(&out));
	buf_free(&out);
}

static void say(struct managesieve_session *s, const char *word, const char *code, const char *text)
{
	struct buf out = buf_make(1000);
	buf_printf(&out, "%s ", word);
	if (code)
		buf_printf(&out, "(%s) ", code);
	managesieve_write(s, buf_slice(&out));
	buf_free(&out);
	managesieve_write_string(s, slice_from_str(text));
	managesieve_write(s, SLICE("\r\n"));
}

void managesieve_ok(struct managesieve_session *s, const char *code, const char *text)
{
	say(s, "OK", code, text);
}

void managesieve_bye(struct managesieve_session *s, const char *code, const char *text)
{
	say(s, "BYE", code, text);
}

void managesieve_no(struct managesieve_session *s, const char *code, const char *text)
{
	if (++s->errors >= s->context->config->managesieve.max_errors) {
		managesieve_bye(s, NULL, "Too many errors.");
		managesieve_end(s, "errors");
		return;
	}
	say(s, "NO", code, text);
}

/* --- capabilities ------------------------------------------------------------------------ */

static void say_capability(struct managesieve_session *s, const char *name, const char *value)
{
	managesieve_write_string(s, slice_from_str(name));
	if (value) {
		managesieve_write(s, SLICE(" "));
		managesieve_write_string(s, slice_from_str(value));
	}
	managesieve_write(s, SLICE("\r\n"));
}

static const char *mechanisms(struct managesieve_session *s)
{
	const struct auth_client client = managesieve_auth_client(s);
	struct slice rest = slice_from_str(auth_mechanisms(s->context->auth, &client));
	struct buf out = buf_make(1000);
	while (rest.len > 0) {
		struct slice name = slice_split(&rest, ' ');
		if (!slice_starts_with(name, SLICE("GSSAPI")))
			buf_printf(&out, "%s%.*s", buf_slice(&out).len > 0 ? " " : "",
			           SLICE_ARG(name));
	}
	const char *text = arena_str(s->arena, buf_slice(&out));
	buf_free(&out);
	return text;
}

static const char *extensions(struct managesieve_session *s)
{
	struct buf out = buf_make(4000);
	const char *name;
	for (size_t i = 0; (name = sieve_extension_name(i)); i++)
		buf_printf(&out, "%s%s", i > 0 ? " " : "", name);
	const char *text = arena_str(s->arena, buf_slice(&out));
	buf_free(&out);
	return text;
}

void managesieve_say_capabilities(struct managesieve_session *s)
{
	const struct config *c = s->context->config;
	say_capability(s, "IMPLEMENTATION", "Veredus " VEREDUS_VERSION);
	say_capability(s, "SIEVE", extensions(s));
	say_capability(s, "NOTIFY", SIEVE_NOTIFY_METHODS);
	say_capability(s, "MAXREDIRECTS", arena_printf(s->arena, "%u", c->sieve.max_redirects));
	if (!s->account)
		say_capability(s, "SASL", mechanisms(s));
	if (!conn_is_tls(s->base.conn) && service_config(s->base.service)->tls)
		say_capability(s, "STARTTLS", NULL);
	if (s->account)
		say_capability(s, "OWNER", s->account);
	say_capability(s, "UNAUTHENTICATE", NULL);
	say_capability(s, "VERSION", "1.0");
	managesieve_ok(s, NULL, "Veredus ManageSieve ready.");
}
