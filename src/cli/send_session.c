/* The session with the server, and what is told of it. */
#include <errno.h>
#include <unistd.h>

#include "cli/cli_admin.h"
#include "cli/send.h"
#include "fiber/fiber.h"
#include "message/dotstuff.h"

/* Smaller messages are gone before a progress line could be read. */
#define PROGRESS_MIN_BYTES (1024 * 1024)
#define PROGRESS_EVERY_MS  100

/* --- what is shown ---------------------------------------------------------------------- */

/* What a server says must not reach the terminal as control characters. */
static void print_line(FILE *out, struct slice line)
{
	for (size_t i = 0; i < line.len; i++) {
		unsigned char c = (unsigned char)line.data[i];
		fputc(c < ' ' || c == 0x7F ? '?' : c, out);
	}
	fputc('\n', out);
}

static void show_dialogue(void *arg, bool is_ours, struct slice line)
{
	(void)arg;
	fputs(is_ours ? "C: " : "S: ", stderr);
	print_line(stderr, line);
}

static bool is_verbose(const struct send *s) { return cli_has(s->cli, "verbose"); }

static bool shows_progress(const struct send *s)
{
	return !is_verbose(s) && s->body.len >= PROGRESS_MIN_BYTES && isatty(STDERR_FILENO);
}

static void show_progress(struct send *s)
{
	int64_t now = clock_monotonic_ms();
	char total[32];
	if (!shows_progress(s) || (s->shown_ms > 0 && now - s->shown_ms < PROGRESS_EVERY_MS))
		return;
	s->shown_ms = now;
	size_t done = s->body.len - s->body_left.len;
	fprintf(stderr, "\rsending: %3zu %% of %s", done / (s->body.len / 100),
	        cli_bytes((long long)s->body.len, total));
	fflush(stderr);
}

static void clear_progress(struct send *s)
{
	if (s->shown_ms > 0)
		fputs("\r\033[K", stderr);
	s->shown_ms = 0;
}

static void show_tls(const struct send *s, const struct smtp_client *client)
{
	struct conn_tls_info tls = smtp_client_tls(client);
	if (is_verbose(s) && tls.protocol)
		fprintf(stderr, "-- %s, %s, certificate %s\n", tls.protocol, tls.cipher,
		        tls.verified ? "verified" : "not verified");
}

/* --- the message ------------------------------------------------------------------------ */

static int64_t read_body(void *arg, void *into, size_t len)
{
	struct send *s = arg;
	struct slice part = slice_sub(s->body_left, 0, len);
	memcpy(into, part.data, part.len);
	s->body_left = slice_from(s->body_left, part.len);
	show_progress(s);
	return (int64_t)part.len;
}

static int count_bytes(void *arg, struct slice run)
{
	*(uint64_t *)arg += run.len;
	return 0;
}

/* As it will be on the wire, for SIZE; the doubled dots make it a little large. */
static uint64_t wire_size(const struct send *s)
{
	struct dot_stuffer stuffer = dot_stuffer_make();
	uint64_t size = 0;
	dot_stuff(&stuffer, s->head, count_bytes, &size);
	dot_stuff(&stuffer, s->body, count_bytes, &size);
	return size;
}

/* --- what is told afterwards ------------------------------------------------------------ */

static void worsen(struct send *s, enum smtp_verdict verdict)
{
	if (verdict == SMTP_PERMANENT)
		s->status = CLI_FAILED;
	else if (s->status == CLI_OK)
		s->status = CLI_TRY_LATER;
}

/* The queue would try again after a bad certificate or password; a person has to act. */
static enum smtp_verdict verdict_of(const struct smtp_outcome *o)
{
	bool ours = o->stage == SMTP_STAGE_TLS || (o->stage == SMTP_STAGE_AUTH && o->code >= 500);
	return o->verdict == SMTP_TEMPORARY && !ours ? SMTP_TEMPORARY : SMTP_PERMANENT;
}

/* The text of an outcome is one printable line. */
static void tell_failure(struct send *s, const char *what, const struct smtp_outcome *o)
{
	const char *hint = "";
	enum smtp_verdict verdict = verdict_of(o);
	worsen(s, verdict);
	s->failure = *o;
	if (verdict == SMTP_TEMPORARY)
		hint = " (trying again later may help)";
	else if (o->stage == SMTP_STAGE_TLS)
		hint = " (see --tls, --ca and --insecure)";
	cli_fail("%s: %.*s%s", what, SLICE_ARG(o->text), hint);
}

static void tell_not_sent(struct send *s, const struct smtp_outcome *o)
{
	const char *what = "not sent";
	if (o->code > 0)
		what = arena_printf(s->arena, "not sent, refused at %s", smtp_stage_name(o->stage));
	tell_failure(s, what, o);
}

static void tell_recipients(struct send *s)
{
	for (size_t i = 0; i < s->recipient_count; i++) {
		const struct smtp_client_recipient *r = &s->recipients[i];
		if (r->outcome.verdict != SMTP_OK)
			tell_failure(
				s, arena_printf(s->arena, "<%.*s> was refused", SLICE_ARG(r->path)),
				&r->outcome);
	}
}

static void tell_sent(struct send *s, const struct smtp_outcome *outcome)
{
	size_t taken = 0;
	for (size_t i = 0; i < s->recipient_count; i++)
		taken += s->recipients[i].outcome.verdict == SMTP_OK;
	printf("sent to %zu of %zu: %.*s\n", taken, s->recipient_count, SLICE_ARG(outcome->text));
}

static bool any_refused_alone(const struct send *s)
{
	for (size_t i = 0; i < s->recipient_count; i++)
		if (s->recipients[i].outcome.verdict != SMTP_OK &&
		    s->recipients[i].outcome.stage == SMTP_STAGE_RCPT)
			return true;
	return false;
}

/* --- the session ------------------------------------------------------------------------ */

static void send_mail(struct send *s, struct smtp_client *client)
{
	struct smtp_outcome outcome = { .verdict = SMTP_OK, .text = SLICE_EMPTY };
	struct smtp_client_mail mail = {
		.reverse_path = s->reverse_path,
		.recipients = s->recipients,
		.recipient_count = s->recipient_count,
		.body_8bit = s->has_8bit,
		.smtputf8 = s->smtputf8,
		.envid = s->envid,
		.ret = s->ret,
		.size_bytes = wire_size(s),
		.parts = &s->head,
		.part_count = 1,
		.read = read_body,
		.read_arg = s,
	};
	for (size_t i = 0; i < s->recipient_count; i++)
		s->recipients[i].notify = s->notify;
	s->body_left = s->body;
	int rc = smtp_client_send(client, &mail, s->arena, &outcome);
	clear_progress(s);
	if (rc == 0 || any_refused_alone(s))
		tell_recipients(s);
	else
		tell_not_sent(s, &outcome);
	if (rc == 0 && !s->quiet)
		tell_sent(s, &outcome);
}

/* One address of the server. Under an opportunistic rule a failed handshake is tried again
 * without TLS, as the rule says. */
static int open_hop(struct send *s, const struct client_hop *hop, struct smtp_client **out,
                    struct smtp_outcome *outcome)
{
	int rc = smtp_client_open(&s->client, &hop->address, hop->host, s->arena, out, outcome);
	if (rc < 0 && s->client.tls == TLS_RULE_OPPORTUNISTIC && outcome->stage == SMTP_STAGE_TLS) {
		s->client.tls = TLS_RULE_NONE;
		rc = smtp_client_open(&s->client, &hop->address, hop->host, s->arena, out, outcome);
	}
	return rc;
}

static void session(void *arg)
{
	struct send *s = arg;
	struct smtp_client *client = NULL;
	struct smtp_outcome outcome = { .text = SLICE("no address") };
	int rc = -ENOENT;
	for (size_t i = 0; rc < 0 && i < s->hop_count; i++) {
		char text[NET_ADDRESS_TEXT_MAX];
		if (is_verbose(s))
			fprintf(stderr, "-- connecting to %s (%s)\n", s->hops[i].host,
			        net_address_text(&s->hops[i].address, text));
		rc = open_hop(s, &s->hops[i], &client, &outcome);
		/* What is said after a login or a greeting would be the same elsewhere. */
		if (rc < 0 && outcome.verdict == SMTP_PERMANENT)
			break;
	}
	if (rc == 0) {
		show_tls(s, client);
		send_mail(s, client);
		smtp_client_quit(client);
	} else {
		tell_not_sent(s, &outcome);
	}
	runtime_stop(0);
}

/* --- getting ready ---------------------------------------------------------------------- */

/* Without --tls: encrypted from the start on the port made for it; never a password in clear. */
static int set_tls_rule(struct send *s)
{
	const char *text = cli_text(s->cli, "tls");
	static const struct {
		const char *name;
		enum config_tls_rule rule;
	} rules[] = {
		{ "none", TLS_RULE_NONE },
		{ "starttls", TLS_RULE_VERIFIED },
		{ "implicit", TLS_RULE_IMPLICIT },
		{ "opportunistic", TLS_RULE_OPPORTUNISTIC },
	};
	if (!text) {
		bool submissions = slice_ends_with(slice_from_str(s->server), SLICE(":465"));
		s->client.tls = submissions               ? TLS_RULE_IMPLICIT
		                : cli_has(s->cli, "user") ? TLS_RULE_VERIFIED
		                                          : TLS_RULE_OPPORTUNISTIC;
		return CLI_OK;
	}
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (slice_equal_nocase(slice_from_str(text), slice_from_str(rules[i].name))) {
			s->client.tls = rules[i].rule;
			s->client.auth_in_clear = rules[i].rule == TLS_RULE_NONE;
			return CLI_OK;
		}
	}
	return cli_usage(s->cli, "--tls is none, starttls, implicit or opportunistic");
}

static int set_tls_clients(struct send *s)
{
	char *why = NULL;
	bool insecure = cli_has(s->cli, "insecure");
	const char *roots = cli_text(s->cli, "ca");
	if (s->client.tls == TLS_RULE_NONE)
		return CLI_OK;
	int rc = tls_client_new(TLS_VERIFY_NONE, NULL, &s->client.tls_any, &why);
	if (rc == 0)
		rc = tls_client_new(insecure ? TLS_VERIFY_NONE : TLS_VERIFY_NAME, roots,
		                    &s->client.tls_verified, &why);
	if (rc < 0)
		cli_fail("TLS: %s", why ? why : strerrordesc_np(-rc));
	free(why);
	return rc < 0 ? CLI_FAILED : CLI_OK;
}

static int read_password_file(struct send *s, const char *path)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t size = 0;
	if (!f)
		return cli_fail("%s: %s", path, strerrordesc_np(errno));
	ssize_t len = getline(&line, &size, f);
	fclose(f);
	if (len > 0)
		s->client.password = arena_str(s->arena, slice_trim(slice_of(line, (size_t)len)));
	free(line);
	return len > 0 ? CLI_OK : cli_fail("%s: there is no password in it", path);
}

/* Never from the command line, where others could read it. */
static int set_login(struct send *s)
{
	const char *path = cli_text(s->cli, "password-file");
	const char *from_environment = getenv("VEREDUS_PASSWORD");
	s->client.user = cli_text(s->cli, "user");
	if (!s->client.user)
		return CLI_OK;
	if (path)
		return read_password_file(s, path);
	s->client.password = from_environment
	                             ? from_environment
	                             : cli_ask_password(arena_printf(s->arena, "Password for %s",
	                                                             s->client.user));
	return s->client.password ? CLI_OK : CLI_FAILED;
}

static int find_server(struct send *s)
{
	uint16_t port = s->client.tls == TLS_RULE_IMPLICIT ? 465 : s->client.user ? 587 : 25;
	int rc = client_resolve(s->arena, slice_from_str(s->server), port, &s->hops, &s->hop_count);
	if (rc == -EINVAL)
		return cli_usage(s->cli, "--server takes HOST:PORT, not \"%s\"", s->server);
	if (rc < 0)
		cli_fail("%s: %s", s->server,
		         rc == -EAGAIN ? "the name can't be looked up now"
		                       : "there is no such host");
	return rc == -EAGAIN ? CLI_TRY_LATER : rc < 0 ? CLI_FAILED : CLI_OK;
}

int send_prepare(struct send *s)
{
	const char *server = cli_text(s->cli, "server");
	s->server = server ? server : "localhost";
	s->client.helo = cli_text(s->cli, "helo");
	s->client.timeouts = smtp_timeouts_default();
	s->client.dialogue = is_verbose(s) ? show_dialogue : NULL;
	int status = set_tls_rule(s);
	if (status == CLI_OK)
		status = set_tls_clients(s);
	if (status == CLI_OK)
		status = set_login(s);
	return status == CLI_OK ? find_server(s) : status;
}

int send_run(struct send *s)
{
	struct runtime_config runtime = { .workers = 1 };
	int rc = runtime_run(&runtime, session, s);
	if (rc < 0)
		return cli_fail("the runtime does not start: %s", strerrordesc_np(-rc));
	tls_client_free(s->client.tls_any);
	tls_client_free(s->client.tls_verified);
	return s->status;
}
