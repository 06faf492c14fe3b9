#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/log.h"
#include "config/config.h"
#include "config/config_options.h"
#include "config/config_testing.h"

struct fixture {
	struct config_place place;
	struct config *config;
	char *errors;
};

static int setup(void **state)
{
	struct fixture *f = mem_zero(1, sizeof(*f));
	*state = f;
	return config_place_make(&f->place);
}

static void forget(struct fixture *f)
{
	config_free(f->config);
	f->config = NULL;
	free(f->errors);
	f->errors = NULL;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	static const char *const names[] = { "veredus.conf", "more.conf", "c.pem", "c.key",
		                             "password" };
	forget(f);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char path[128];
		snprintf(path, sizeof(path), "%s/%s", f->place.dir, names[i]);
		unlink(path);
	}
	rmdir(f->place.dir);
	free(f);
	return 0;
}

static int load(struct fixture *f, const char *text)
{
	forget(f);
	config_place_write(&f->place, "veredus.conf", text);
	return config_load(f->place.dir, &f->config, &f->errors);
}

/* Loading fails, and one line of the errors is the path and this. */
static void assert_error(struct fixture *f, const char *text, const char *expected)
{
	assert_int_equal(load(f, text), -EINVAL);
	assert_non_null(f->errors);
	char line[512];
	snprintf(line, sizeof(line), "%s%s\n", f->place.path, expected);
	if (!strstr(f->errors, line))
		fail_msg("expected: %sfound: %s", line, f->errors);
}

static void sizes_and_durations(void **state)
{
	(void)state;
	uint64_t bytes;
	int64_t ms;
	assert_true(config_parse_size(SLICE("50M"), &bytes) && bytes == 50 << 20);
	assert_true(config_parse_size(SLICE("256k"), &bytes) && bytes == 256 << 10);
	assert_true(config_parse_size(SLICE("17"), &bytes) && bytes == 17);
	assert_true(config_parse_size(SLICE("1T"), &bytes) && bytes == 1ull << 40);
	assert_false(config_parse_size(SLICE(""), &bytes));
	assert_false(config_parse_size(SLICE("M"), &bytes));
	assert_false(config_parse_size(SLICE("5X"), &bytes));
	assert_false(config_parse_size(SLICE("5 M"), &bytes));
	assert_false(config_parse_size(SLICE("-5"), &bytes));
	assert_false(config_parse_size(SLICE("99999999999T"), &bytes));
	assert_true(config_parse_duration(SLICE("5m"), &ms) && ms == 300000);
	assert_true(config_parse_duration(SLICE("250ms"), &ms) && ms == 250);
	assert_true(config_parse_duration(SLICE("10"), &ms) && ms == 10000);
	assert_true(config_parse_duration(SLICE("5d"), &ms) && ms == 5 * 86400000ll);
	assert_false(config_parse_duration(SLICE("5y"), &ms));
	assert_false(config_parse_duration(SLICE("99999999999999999w"), &ms));
}

/* Every default is good for its own option and fits where it is stored. */
static void table_is_sound(void **state)
{
	(void)state;
	struct arena *arena = arena_new();
	const struct config_option *o;
	for (size_t i = 0; (o = config_option_at(i)); i++) {
		const char *why = NULL;
		if (o->fallback &&
		    config_value_set(o, arena, "/", slice_from_str(o->fallback), NULL, &why) < 0)
			fail_msg("%s %s: default %s", o->section, o->name, o->fallback);
		switch (o->kind) {
		case CONFIG_TEXT:
		case CONFIG_PATH:
			assert_int_equal(o->size, sizeof(char *));
			break;
		case CONFIG_NUMBER:
		case CONFIG_CHOICE:
		case CONFIG_DAYS:
			assert_int_equal(o->size, 4);
			break;
		case CONFIG_PORT:
			assert_int_equal(o->size, 2);
			break;
		case CONFIG_SIZE:
			assert_true(o->size == 8 || (o->max > 0 && o->max <= UINT32_MAX));
			break;
		case CONFIG_DURATION:
			assert_int_equal(o->size, 8);
			break;
		case CONFIG_FLAG:
		case CONFIG_LETTER:
			assert_int_equal(o->size, 1);
			break;
		case CONFIG_LIST:
			break;
		}
	}
	arena_free(arena);
}

/* -1: the protocol's section decides. */
static void listener_overrides_protocol(void **state)
{
	static const int expected[] = { -1, 0, 1 };
	struct fixture *f = *state;
	assert_int_equal(load(f,
	                      "listen smtp { address = { \"*\" } }\n"
	                      "listen submission { address = { \"*\" } auth-without-tls = no }\n"
	                      "listen imap { address = { \"*\" } auth-without-tls = yes }\n"
	                      "listen pop3 { address = { \"*\" } auth-without-tls = perhaps }\n"),
	                 -EINVAL);
	assert_non_null(strstr(f->errors, "must be no or yes"));
	assert_int_equal(load(f, "listen smtp { address = { \"*\" } }\n"
	                         "listen submission { address = { \"*\" } auth-without-tls = no }\n"
	                         "listen imap { address = { \"*\" } auth-without-tls = yes }\n"),
	                 0);
	for (size_t i = 0; i < 3; i++) {
		const struct config_listener *l = &f->config->listeners[i];
		assert_int_equal(l->auth_without_tls, expected[i]);
		assert_int_equal(config_auth_without_tls(l, true), expected[i] != 0);
		assert_int_equal(config_auth_without_tls(l, false), expected[i] == 1);
	}
	assert_true(config_auth_without_tls(NULL, true));
}

static void empty_file_gives_defaults(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(load(f, ""), 0);
	const struct config *c = f->config;
	assert_string_equal(c->dir, f->place.dir);
	assert_non_null(c->hostname);
	assert_int_equal(c->smtp.max_message_bytes, 50 << 20);
	assert_int_equal(c->smtp.max_recipients, 1000);
	assert_int_equal(c->smtp.max_errors, 20);
	assert_int_equal(c->smtp.max_command_bytes, 2048);
	assert_int_equal(c->smtp.command_timeout_ms, 300000);
	assert_int_equal(c->smtp.bare_newline, BARE_NEWLINE_REFUSE);
	assert_int_equal(c->imap.idle_ms, 1800000);
	assert_int_equal(c->imap.max_command_bytes, 65536);
	assert_int_equal(c->pop3.idle_ms, 600000);
	assert_int_equal(c->queue.times.retry_first_ms, 300000);
	assert_int_equal(c->queue.times.expire_ms, 432000000);
	assert_int_equal(c->queue.smtp_port, 25);
	assert_true(c->queue.tls);
	assert_false(c->smtp.auth_without_tls);
	assert_int_equal(c->local.plus_separator, '+');
	assert_int_equal(c->log.level, LOG_INFO);
	assert_null(c->user);
	assert_null(c->dns.forwarder);
	struct config *defaults = config_defaults("/x");
	assert_memory_equal(&defaults->smtp, &c->smtp, sizeof(c->smtp));
	assert_memory_equal(&defaults->queue, &c->queue, sizeof(c->queue));
	config_free(defaults);
}

static void reads_everything(void **state)
{
	struct fixture *f = *state;
	config_place_write(&f->place, "c.pem", "x");
	config_place_write(&f->place, "c.key", "x");
	config_place_write(&f->place, "password", "secret\n");
	config_place_write(&f->place, "more.conf", "pop3 { idle = 11m }\n");
	char text[2048];
	snprintf(text, sizeof(text),
	         "hostname = \"MX.Example.TEST\"\nworkers = 3\n"
	         "relay-networks = { \"10.0.0.0/8\", \"::1\" }\n"
	         "listen smtp { address = { \"127.0.0.1:2025\", \"[::1]:2025\" } max-sessions = 5 "
	         "}\n"
	         "listen extra { protocol = submissions address = \"*\" }\n"
	         "certificate a { chain = c.pem key = \"%s/c.key\" }\n"
	         "smarthost \"Example.ORG\" { host = h.example user = u password-file = password\n"
	         "  tls = implicit port = 465 }\n"
	         "smtp { max-message = 10M bare-newline = normalise vrfy = everybody }\n"
	         "dns { forwarder = \"127.0.0.1@5353\" }\n"
	         "local { plus-separator = \"\" }\n"
	         "log { level = debug }\n"
	         "include(\"%s/more.conf\")\n",
	         f->place.dir, f->place.dir);
	if (load(f, text) != 0)
		fail_msg("%s", f->errors);
	assert_null(f->errors);
	const struct config *c = f->config;
	assert_string_equal(c->hostname, "mx.example.test");
	assert_int_equal(c->workers, 3);
	assert_int_equal(c->relay_network_count, 2);
	assert_int_equal(c->listener_count, 3);
	assert_string_equal(c->listeners[1].name, "smtp");
	assert_int_equal(c->listeners[1].kind, LISTENER_SMTP);
	assert_int_equal(net_address_port(&c->listeners[1].address), 2025);
	assert_int_equal(c->listeners[1].max_sessions, 5);
	assert_int_equal(c->listeners[1].max_sessions_per_address, 200);
	assert_int_equal(c->listeners[2].kind, LISTENER_SUBMISSIONS);
	assert_int_equal(net_address_port(&c->listeners[2].address), 465);
	assert_int_equal(c->certificates[0].chain_path[0], '/');
	assert_string_equal(c->smarthosts[0].domain, "example.org");
	assert_string_equal(c->smarthosts[0].password, "secret");
	assert_int_equal(c->smarthosts[0].tls, TLS_RULE_IMPLICIT);
	assert_int_equal(c->smarthosts[0].port, 465);
	assert_int_equal(c->smtp.max_message_bytes, 10 << 20);
	assert_int_equal(c->smtp.bare_newline, BARE_NEWLINE_NORMALISE);
	assert_int_equal(c->smtp.vrfy, CONFIG_WHO_EVERYBODY);
	assert_string_equal(c->dns.forwarder, "127.0.0.1@5353");
	assert_int_equal(c->local.plus_separator, 0);
	assert_int_equal(c->log.level, LOG_DEBUG);
	assert_int_equal(c->pop3.idle_ms, 660000);
}

static void wrong_names_suggest(void **state)
{
	struct fixture *f = *state;
	assert_error(f, "\nsmtp {\n\tmax-mesage = 5M\n}\n",
	             ":3: there is no option 'max-mesage' in section smtp: did you mean "
	             "'max-message'?");
	assert_error(f, "hostnam = x\n",
	             ":1: there is no option 'hostnam': did you mean 'hostname'?");
	assert_error(f, "smpt { }\n", ":1: there is no option 'smpt': did you mean 'smtp'?");
	assert_error(f, "max-message = 5M\n",
	             ":1: there is no option 'max-message': it belongs into section smtp");
	assert_error(f, "colour = blue\n",
	             ":1: there is no option 'colour': see veredus.conf(5) or `veredus config "
	             "reference`");
}

static void wrong_values_say_what_is_right(void **state)
{
	struct fixture *f = *state;
	assert_error(f, "smtp {\n\tmax-message = lots\n}\n",
	             ":2: max-message is 'lots': it must be a size such as 256K, 50M or 2G from "
	             "64K to 2G");
	assert_error(f, "smtp { auth-without-tls = perhaps }\n",
	             ":1: auth-without-tls is 'perhaps': it must be yes or no");
	assert_error(f, "log { level = loud }\n",
	             ":1: level is 'loud': it must be error, warn, info or debug");
	assert_error(f, "smtp { max-recipients = 5 }\n",
	             ":1: max-recipients is '5': it must be a number from 100 to 100000");
	assert_error(f, "queue { smtp-port = 0 }\n",
	             ":1: smtp-port is '0': it must be a port, 1 to 65535");
	assert_error(f, "local { plus-separator = \"--\" }\n",
	             ":1: plus-separator is '--': it must be one character, or \"\"");
}

static void sections_are_checked(void **state)
{
	struct fixture *f = *state;
	assert_error(
		f, "listen x {\n address = \"*:25\"\n}\n",
		":3: listen \"x\": the title is no protocol: add protocol = smtp (or another)");
	assert_error(f, "listen imap { }\n",
	             ":1: listen \"imap\": there is no address: add address = { \"*:143\" }");
	assert_error(f, "listen smtp { address = \"here\" }\n",
	             ":1: listen \"smtp\": 'here' is no address: write \"*:25\", \"192.0.2.1:25\", "
	             "\"[2001:db8::1]:25\" or \"unix:PATH\"");
	assert_error(f,
	             "listen smtp {\n address = \"*\"\n proxy-networks = { \"10.0.0.0/33\" }\n}\n",
	             ":4: listen \"smtp\": proxy-networks: '10.0.0.0/33' is no network: write "
	             "\"10.0.0.0/8\" or \"2001:db8::/32\"");
	assert_error(f, "listen smtp {\n address = \"*\"\n xclient-networks = { \"proxy\" }\n}\n",
	             ":4: listen \"smtp\": xclient-networks: 'proxy' is no network: write "
	             "\"10.0.0.0/8\" or \"2001:db8::/32\"");
	assert_error(f, "listen lmtp {\n address = \"unix:s\"\n socket-mode = \"888\"\n}\n",
	             ":4: listen \"lmtp\": socket-mode is '888': write octal digits such as 0660");
	assert_error(f, "listen imaps { address = \"*\" }\n",
	             ": listen \"imaps\" needs a certificate: add a certificate section");
	assert_error(f, "smarthost \"*\" { user = x }\n",
	             ":1: smarthost \"*\": there is no host: add host = NAME");
	assert_error(f, "relay-networks = { \"all\" }\n",
	             ": relay-networks: 'all' is no network: write \"10.0.0.0/8\" or "
	             "\"2001:db8::/32\"");
	assert_error(f, "user = no-such-user-here\n",
	             ": there is no user 'no-such-user-here': make it, or leave the option user "
	             "out");
	assert_error(f, "smtp { no-soliciting = \"net example\" }\n",
	             ": smtp: no-soliciting is 'net example': write keywords such as "
	             "net.example:ADV with commas between them, or *");
	assert_error(f, "queue { retry-first = 5h }\n",
	             ": queue: retry-first is longer than retry-max: swap them");
}

static void bad_syntax_has_a_line(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(load(f, "\n\nsmtp {\n"), -EINVAL);
	assert_non_null(strstr(f->errors, "veredus.conf:3: section smtp is not closed: add a }"));
	assert_error(f, "\nhostname = \"x\nsmtp { }\n# it's\n",
	             ":2: a quote is not closed: add one in this line");
	assert_error(f, "smtp { }\n\"", ":2: a quote is not closed: add one in this line");
	assert_error(f, "listen smtp { address = \"*:25\" }\nlisten smtp { address = \"*:26\" }\n",
	             ":2: there is a section with the title 'smtp' already: write both as one, or "
	             "give this one another title (a section listen then says protocol = ...)");
	assert_int_equal(load(f, "#\n##\nhostname = \n"), -EINVAL);
	assert_int_equal(load(f, "hostname \"x\"\n"), -EINVAL);
	assert_non_null(strstr(f->errors, "veredus.conf:1: missing equal sign"));
}

static void lines_are_counted_right(void **state)
{
	struct fixture *f = *state;
	assert_error(f, "# one\n# two\nlog { # three\n\tjson = yes # \"four\"\n}\nlgo { }\n",
	             ":6: there is no option 'lgo': did you mean 'log'?");
	assert_error(f, "hostname = \"a#b\"\nlgo { }\n",
	             ":2: there is no option 'lgo': did you mean 'log'?");
	config_place_write(&f->place, "more.conf", "# a comment\nlog {\n\tjsno = yes\n}\n");
	char more[128];
	snprintf(more, sizeof(more), "%s/more.conf:3: there is no option 'jsno' in section log",
	         f->place.dir);
	assert_int_equal(load(f, "\ninclude(more.conf)\n"), -EINVAL);
	assert_non_null(strstr(f->errors, more));
	config_place_write(&f->place, "more.conf", "# a comment\n");
	assert_error(f, "\ninclude(more.conf)\nlgo { }\n",
	             ":3: there is no option 'lgo': did you mean 'log'?");
	assert_int_equal(load(f, "\ninclude(none.conf)\n"), -EINVAL);
	assert_non_null(strstr(f->errors, "veredus.conf:2: include: "));
	/* One that includes itself ends too. */
	config_place_write(&f->place, "more.conf", "include(more.conf)\n");
	assert_int_equal(load(f, "include(more.conf)\n"), -EINVAL);
}

static void sections_add_up(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(
		load(f, "smtp { vrfy = trusted max-errors = 5 }\nsmtp { max-errors = 7 }\n"), 0);
	assert_int_equal(f->config->smtp.vrfy, CONFIG_WHO_TRUSTED);
	assert_int_equal(f->config->smtp.max_errors, 7);
}

static void missing_file_says_init(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(config_load(f->place.dir, &f->config, &f->errors), -ENOENT);
	assert_non_null(strstr(f->errors, "`veredus init` makes one"));
	assert_int_equal(load(f, "#"), 0);
	assert_int_equal(load(f, "#\n"), 0);
}

static void warnings_do_not_fail(void **state)
{
	struct fixture *f = *state;
	assert_int_equal(load(f, "relay-networks = { \"0.0.0.0/0\" }\n"), 0);
	assert_non_null(strstr(f->errors, "open relay"));
	assert_non_null(strstr(f->errors, "nothing listens"));
}

static void initial_file_loads(void **state)
{
	struct fixture *f = *state;
	struct config_init init = { .dir = f->place.dir,
		                    .domain = "example.test",
		                    .hostname = "mx.example.test",
		                    .port_offset = 2000 };
	config_place_write(&f->place, "c.pem", "x");
	assert_int_equal(config_write_initial(&init), 0);
	assert_int_equal(config_write_initial(&init), -EEXIST);
	struct stat st;
	assert_int_equal(stat(f->place.path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	/* The certificate is not there yet, and that is all there is to say. */
	assert_int_equal(config_load(f->place.dir, &f->config, &f->errors), -EINVAL);
	struct slice rest = slice_from_str(f->errors);
	while (rest.len > 0)
		assert_true(slice_find(slice_split(&rest, '\n'), SLICE("certificate \"main\"")) >
		            0);
	char from[160], to[160];
	for (int i = 0; i < 2; i++) {
		snprintf(from, sizeof(from), "%s/c.pem", f->place.dir);
		snprintf(to, sizeof(to), "%s/certificate.%s", f->place.dir, i ? "key" : "pem");
		assert_int_equal(link(from, to), 0);
	}
	forget(f);
	int rc = config_load(f->place.dir, &f->config, &f->errors);
	for (int i = 0; i < 2; i++) {
		snprintf(to, sizeof(to), "%s/certificate.%s", f->place.dir, i ? "key" : "pem");
		unlink(to);
	}
	if (rc != 0)
		fail_msg("%s", f->errors);
	static const uint16_t ports[] = { 2025, 2025, 4525, 4525, 2587, 2587, 2465, 2465, 2110,
		                          2110, 2995, 2995, 2143, 2143, 2993, 2993, 6190, 6190 };
	assert_int_equal(f->config->listener_count, sizeof(ports) / sizeof(ports[0]));
	for (size_t i = 0; i < f->config->listener_count; i++) {
		assert_int_equal(net_address_port(&f->config->listeners[i].address), ports[i]);
		assert_true(net_address_is_loopback(&f->config->listeners[i].address));
	}
}

static void reference_names_every_option(void **state)
{
	(void)state;
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	config_print_reference(out);
	fclose(out);
	const struct config_option *o;
	for (size_t i = 0; (o = config_option_at(i)); i++) {
		char line[128];
		snprintf(line, sizeof(line), ".It Ic %s = ", o->name);
		assert_non_null(strstr(text, line));
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_and_durations),
		cmocka_unit_test(table_is_sound),
		cmocka_unit_test_setup_teardown(listener_overrides_protocol, setup, teardown),
		cmocka_unit_test_setup_teardown(empty_file_gives_defaults, setup, teardown),
		cmocka_unit_test_setup_teardown(reads_everything, setup, teardown),
		cmocka_unit_test_setup_teardown(wrong_names_suggest, setup, teardown),
		cmocka_unit_test_setup_teardown(wrong_values_say_what_is_right, setup, teardown),
		cmocka_unit_test_setup_teardown(sections_are_checked, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_syntax_has_a_line, setup, teardown),
		cmocka_unit_test_setup_teardown(lines_are_counted_right, setup, teardown),
		cmocka_unit_test_setup_teardown(sections_add_up, setup, teardown),
		cmocka_unit_test_setup_teardown(missing_file_says_init, setup, teardown),
		cmocka_unit_test_setup_teardown(warnings_do_not_fail, setup, teardown),
		cmocka_unit_test_setup_teardown(initial_file_loads, setup, teardown),
		cmocka_unit_test(reference_names_every_option),
	};
	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
