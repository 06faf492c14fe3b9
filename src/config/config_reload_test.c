#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "config/config_options.h"
#include "config/config_reload.h"
#include "config/config_testing.h"

struct fixture {
	struct config_place place;
	struct config *config; /* in force */
	struct config *fresh;
	struct config_changes changes;
	char *errors;
};

static int setup(void **state)
{
	struct fixture *f = mem_zero(1, sizeof(*f));
	*state = f;
	return config_place_make(&f->place);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	config_free_all(f->config);
	free(f->errors);
	unlink(f->place.path);
	snprintf(f->place.path, sizeof(f->place.path), "%s/password", f->place.dir);
	unlink(f->place.path);
	rmdir(f->place.dir);
	free(f);
	return 0;
}

static void begin(struct fixture *f, const char *text)
{
	char *errors;
	config_place_write(&f->place, "veredus.conf", text);
	assert_int_equal(config_load(f->place.dir, &f->config, &errors), 0);
	free(errors);
}

static int load_again(struct fixture *f, const char *text)
{
	config_place_write(&f->place, "veredus.conf", text);
	free(f->errors);
	return config_reload(f->config, &f->fresh, &f->changes, &f->errors);
}

/* Loads it, takes it, and compares the changes: names with spaces between, with "!" before those
 * that need a restart. */
static void assert_changes(struct fixture *f, const char *text, const char *expected)
{
	struct buf told = buf_make(4096);
	assert_int_equal(load_again(f, text), 0);
	for (size_t i = 0; i < f->changes.count; i++)
		buf_printf(&told, "%s%s%s", i > 0 ? " " : "",
		           f->changes.items[i].at_start ? "!" : "", f->changes.items[i].option);
	buf_append_byte(&told, '\0');
	assert_string_equal(told.data, expected);
	buf_free(&told);
	if (f->changes.count > f->changes.at_start)
		f->config = f->fresh;
	else
		config_free(f->fresh);
}

#define RULE(name, sender)                                                                         \
	"rule " name " { sender = { \"" sender "\" } verdict = reject reply = \"550 No\" }\n"

static void what_has_changed_is_told(void **state)
{
	struct fixture *f = *state;
	begin(f, "smtp { max-message = 10M }\n");
	assert_changes(f, "smtp { max-message = 10M }\n", "");
	assert_changes(f, "smtp { max-message = 20M }\nimap { max-errors = 5 }\n",
	               "smtp.max-message imap.max-errors");
	assert_int_equal(f->config->smtp.max_message_bytes, 20 << 20);
	assert_int_equal(f->config->imap.max_errors, 5);
	/* A default that is written down is no change; one that comes back is. */
	assert_changes(f, "smtp { max-recipients = 1000 max-message = 20M }\n", "imap.max-errors");
	assert_int_equal(f->config->imap.max_errors, 20);
	assert_changes(f, "relay-networks = { \"10.0.0.0/8\" }\n",
	               "relay-networks smtp.max-message");
	assert_int_equal(f->config->relay_network_count, 1);
}

static void of_sections_with_titles_the_title_is_told(void **state)
{
	struct fixture *f = *state;
	begin(f, RULE("a", "x@*") RULE("b", "y@*"));
	assert_changes(f, RULE("b", "y@*") RULE("a", "x@*"), "rule");
	assert_string_equal(f->config->rules.items[0].name, "b");
	assert_changes(f, RULE("b", "z@*") RULE("a", "x@*"), "rule \"b\"");
	assert_changes(f, RULE("b", "z@*") RULE("a", "x@*") RULE("c", "x@*"), "rule \"c\" rule");
	assert_changes(f, RULE("a", "x@*"), "rule rule \"b\" rule \"c\"");
	assert_int_equal(f->config->rules.count, 1);
}

static void what_is_made_at_the_start_stays(void **state)
{
	struct fixture *f = *state;
	static const char *const then = "workers = 2\nqueue { max-connections = 7 source = { "
					"\"127.0.0.1\" } }\n"
					"smarthost \"*\" { host = a.test }\nimap { index = no }\n";
	static const char *const now =
		"workers = 3\nqueue { max-connections = 8 dane = no source = { \"127.0.0.2\" } }\n"
		"smarthost \"*\" { host = b.test }\nimap { index = no max-urls = 7 }\n";
	static const char *const needs = "!workers !smarthost \"*\" !queue.source "
					 "!queue.max-connections";
	char expected[256];
	begin(f, then);
	snprintf(expected, sizeof(expected), "imap.max-urls queue.dane %s", needs);
	assert_changes(f, now, expected);
	const struct config *c = f->config;
	assert_int_equal(c->workers, 2);
	assert_int_equal(c->queue.max_connections, 7);
	assert_false(c->queue.dane);
	assert_ptr_equal(c->smarthosts, c->older->smarthosts);
	assert_string_equal(c->smarthosts[0].host, "a.test");
	assert_int_equal(c->queue.sources.count, 1);
	assert_ptr_equal(c->queue.sources.items, c->older->queue.sources.items);
	assert_int_equal(c->imap.max_urls, 7);
	assert_false(c->imap.index);
	/* It is told until it is done. */
	assert_changes(f, now, needs);
	assert_changes(f, then, "imap.max-urls queue.dane");
}

#define CERTIFICATE(name)                                                                          \
	"certificate " name " { chain = \"veredus.conf\" key = \"veredus.conf\" }\n"

static void certificates_come_and_go_but_not_all(void **state)
{
	struct fixture *f = *state;
	begin(f, CERTIFICATE("a"));
	assert_changes(f, CERTIFICATE("a") CERTIFICATE("b"), "certificate \"b\" certificate");
	assert_int_equal(f->config->certificate_count, 2);
	assert_changes(f, "", "!certificate \"a\" !certificate \"b\" !certificate");
	assert_int_equal(f->config->certificate_count, 2);
	assert_changes(f, "smtp { max-message = 1M }",
	               "smtp.max-message !certificate \"a\" !certificate \"b\" !certificate");
	assert_int_equal(f->config->certificate_count, 2);
}

static void write_password(const struct fixture *f, const char *text)
{
	char path[96];
	snprintf(path, sizeof(path), "%s/password", f->place.dir);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	fclose(file);
}

static void another_password_is_a_change(void **state)
{
	struct fixture *f = *state;
	static const char *const text =
		"smarthost \"*\" { host = a.test user = u password-file = password }\n"
		"filter f { address = \"127.0.0.1:1\" kind = rspamd password-file = password "
		"}\n";
	write_password(f, "one\n");
	begin(f, text);
	assert_changes(f, text, "");
	write_password(f, "two\n");
	assert_changes(f, text, "filter \"f\" !smarthost \"*\"");
	assert_string_equal(f->config->filters.items[0].password, "two");
	assert_string_equal(f->config->smarthosts[0].password, "one");
}

static void a_wrong_one_is_refused(void **state)
{
	struct fixture *f = *state;
	char expected[192];
	begin(f, "smtp { max-message = 10M }\n");
	assert_int_equal(load_again(f, "smtp { max-message = 20M }\nsmtp {\nmax-mesage = 1M\n}\n"),
	                 -EINVAL);
	snprintf(expected, sizeof(expected), "%s:3: there is no option 'max-mesage'",
	         f->place.path);
	assert_non_null(strstr(f->errors, expected));
	assert_int_equal(
		load_again(f, "rule a { sender = { \"x\" } verdict = reject reply = 7 }\n"),
		-EINVAL);
	assert_non_null(strstr(f->errors, ":1: rule \"a\":"));
	unlink(f->place.path);
	free(f->errors);
	assert_int_equal(config_reload(f->config, &f->fresh, &f->changes, &f->errors), -ENOENT);
	assert_changes(f, "smtp { max-message = 10M }\n", "");
}

/* Each option that needs a restart and has a place in struct config keeps its value there. */
static void all_of_them_stay(void **state)
{
	struct fixture *f = *state;
	const struct config_option *o;
	begin(f, "");
	for (size_t i = 0; (o = config_option_at(i)); i++) {
		const struct config_section *s = config_section_find(slice_from_str(o->section));
		if (o->kind != CONFIG_LIST && !(s && s->titled) &&
		    (o->at_start || (s && s->at_start)))
			memset((char *)f->config + o->offset, 0x55, o->size);
	}
	assert_int_equal(load_again(f, ""), 0);
	for (size_t i = 0; (o = config_option_at(i)); i++) {
		const struct config_section *s = config_section_find(slice_from_str(o->section));
		if (o->kind == CONFIG_LIST || (s && s->titled))
			continue;
		const void *old = (char *)f->config + o->offset,
			   *new = (char *)f->fresh + o->offset;
		if (o->at_start || (s && s->at_start))
			assert_memory_equal(old, new, o->size);
	}
	f->config = f->fresh;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_has_changed_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(of_sections_with_titles_the_title_is_told, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(what_is_made_at_the_start_stays, setup, teardown),
		cmocka_unit_test_setup_teardown(certificates_come_and_go_but_not_all, setup,
		                                teardown),
		cmocka_unit_test_setup_teardown(another_password_is_a_change, setup, teardown),
		cmocka_unit_test_setup_teardown(a_wrong_one_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(all_of_them_stay, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
