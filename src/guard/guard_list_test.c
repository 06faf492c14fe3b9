#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "config/config_score.h"
#include "guard/guard_links.h"
#include "guard/guard_list.h"
#include "guard/guard_score.h"

static struct net_address ip(const char *text)
{
	struct net_address a;
	assert_int_equal(net_address_parse(slice_from_str(text), 0, &a), 0);
	return a;
}

static void names_to_ask_about(void **state)
{
	const struct config_dns_list list = { .zone = "bl.test" };
	struct config_dns_list full = list;
	struct arena *a = arena_new();
	struct net_address address = ip("192.0.2.99");

	(void)state;
	full.names = LIST_NAMES_FULL;
	/* RFC 5782 sections 2.1 and 2.4 */
	assert_string_equal(guard_list_address_name(a, &list, &address), "99.2.0.192.bl.test");
	address = ip("2001:db8:1:2:3:4:567:89ab");
	assert_string_equal(
		guard_list_address_name(a, &list, &address),
		"b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.bl.test");
	assert_string_equal(guard_list_domain_name(a, &list, SLICE("www.shop.example.co.uk")),
	                    "example.co.uk.bl.test");
	assert_string_equal(guard_list_domain_name(a, &full, SLICE("www.example.com")),
	                    "www.example.com.bl.test");
	assert_string_equal(guard_list_domain_name(a, &list, SLICE("co.uk")), "co.uk.bl.test");
	assert_null(guard_list_domain_name(a, &list, SLICE("localhost")));
	assert_null(guard_list_domain_name(a, &list, SLICE("[192.0.2.1]")));
	arena_free(a);
}

static enum guard_list_meaning meaning(const char *const *answers, const char *got, int *weight)
{
	struct arena *a = arena_new();
	struct dns_list_answer parsed[8];
	struct config_dns_list list = { .zone = "bl.test", .weight = 100, .answers = parsed };
	for (; answers[list.answer_count]; list.answer_count++)
		assert_true(config_parse_list_answer(a, answers[list.answer_count], list.weight,
		                                     &parsed[list.answer_count]));
	struct net_address address = ip(got);
	enum guard_list_meaning found = guard_list_read(&list, &address, weight);
	arena_free(a);
	return found;
}

static void answers_and_what_they_mean(void **state)
{
	const char *const all[] = { NULL };
	const char *const some[] = { "127.0.0.2", "127.0.0.4-127.0.0.7=3.5", "127.0.1.0/24=-2",
		                     "127.0.0.3 = 0.25", NULL };
	const char *const bits[] = { "&0.0.0.8=1", "&0.0.0.64=4", NULL };
	int w = 0;

	(void)state;
	assert_int_equal(meaning(all, "127.0.0.99", &w), LIST_LISTED);
	assert_int_equal(w, 100);
	assert_int_equal(meaning(some, "127.0.0.2", &w), LIST_LISTED);
	assert_int_equal(w, 100);
	assert_int_equal(meaning(some, "127.0.0.7", &w), LIST_LISTED);
	assert_int_equal(w, 350);
	assert_int_equal(meaning(some, "127.0.0.3", &w), LIST_LISTED);
	assert_int_equal(w, 25);
	assert_int_equal(meaning(some, "127.0.1.77", &w), LIST_LISTED);
	assert_int_equal(w, -200);
	assert_int_equal(meaning(some, "127.0.0.8", &w), LIST_CLEAR);
	assert_int_equal(meaning(bits, "127.0.0.72", &w), LIST_LISTED);
	assert_int_equal(w, 400);
	assert_int_equal(meaning(bits, "127.0.0.2", &w), LIST_CLEAR);
	/* What a list says that has nothing to say. */
	assert_int_equal(meaning(all, "127.255.255.254", &w), LIST_FAILED);
	assert_int_equal(meaning(all, "192.0.2.1", &w), LIST_FAILED);
}

static void answers_that_are_none(void **state)
{
	static const char *const bad[] = { "",
		                           "x",
		                           "127.0.0.2=",
		                           "127.0.0.2=x",
		                           "127.0.0.9-127.0.0.2",
		                           "127.0.0.2/33",
		                           "&0.0.0.0",
		                           "::1",
		                           "127.0.0.2-" };
	struct arena *a = arena_new();
	struct dns_list_answer answer;
	int w;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(config_parse_list_answer(a, bad[i], 100, &answer));
	assert_true(config_parse_weight(SLICE("-1.5"), &w) && w == -150);
	assert_true(config_parse_weight(SLICE("7"), &w) && w == 700);
	assert_true(config_parse_weight(SLICE("0.05"), &w) && w == 5);
	assert_false(config_parse_weight(SLICE("1.234"), &w));
	assert_false(config_parse_weight(SLICE("1."), &w));
	assert_false(config_parse_weight(SLICE(""), &w));
	arena_free(a);
}

static void links_are_found(void **state)
{
	static const struct {
		const char *text;
		bool is_html;
		const char *hosts; /* domains, then addresses */
	} cases[] = {
		{ "See http://www.Example.com/a and https://shop.example.net:8080.", false,
		  "www.example.com shop.example.net" },
		{ "www.example.org, or WWW.example.info!", false,
		  "www.example.org www.example.info" },
		{ "mail ann@www.example.com, xwww.example.com", false, "" },
		{ "<a href=\"http://user:pass@evil.example/\">", true, "evil.example" },
		{ "<a href='hTTps&colon;&#47;&#x2F;evil&period;example'>", true, "evil.example" },
		{ "<a href=\"//cdn.example.com/x.js\">", true, "cdn.example.com" },
		{ "http://good.example/?u=http%3A%2F%2Fevil%2Eexample%2F", false,
		  "good.example evil.example" },
		{ "http:\\\\evil.example\\x http:////slashes.example", false,
		  "evil.example slashes.example" },
		{ "http://192.0.2.1/ http://3221225986/ http://0xc0.0.0x203", false,
		  "192.0.2.1 192.0.2.2 192.0.2.3" },
		{ "http://[2001:db8::1]:80/ http://[unix:/x]/ http://[192.0.2.1]/", false,
		  "2001:db8::1" },
		{ "http://b\xc3\xbc"
		  "cher.example/ http://xn--bcher-kva.example/",
		  false, "xn--bcher-kva.example" },
		{ "http://trailing.example. http://localhost/ http:// ://", false,
		  "trailing.example" },
		{ "&#", true, "" },
		{ "http://a.example&amp;http://b.example", true, "a.example b.example" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct arena *a = arena_new();
		struct guard_links links = { .domain_count = 0 };
		struct buf out = buf_make(1000);
		char text[NET_ADDRESS_TEXT_MAX];
		guard_links_find_in(a, slice_from_str(cases[i].text), cases[i].is_html, &links);
		for (size_t k = 0; k < links.domain_count; k++)
			buf_printf(&out, "%s%.*s", out.len ? " " : "", SLICE_ARG(links.domains[k]));
		for (size_t k = 0; k < links.address_count; k++)
			buf_printf(&out, "%s%s", out.len ? " " : "",
			           net_address_ip(&links.addresses[k], text));
		buf_append_byte(&out, '\0');
		assert_string_equal(out.data, cases[i].hosts);
		buf_free(&out);
		arena_free(a);
	}
}

static void links_in_parts(void **state)
{
	static const char message[] =
		"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"
		"Content-Type: text/plain\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
		"http://one.ex=\r\nample/\r\n--b\r\n"
		"Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\n"
		"PGEgaHJlZj0iaHR0cDovL3R3by5leGFtcGxlLyI+\r\n--b\r\n"
		"Content-Type: image/png\r\n\r\nhttp://three.example/\r\n--b--\r\n";
	const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
	struct arena *a = arena_new();
	struct guard_links links;

	(void)state;
	guard_links_find(a, slice_from_str(message), &limits, &links);
	assert_int_equal(links.domain_count, 2);
	assert_true(slice_equal(links.domains[0], SLICE("one.example")));
	assert_true(slice_equal(links.domains[1], SLICE("two.example")));
	arena_free(a);
}

static void many_links_do_not_hide_the_last(void **state)
{
	struct arena *a = arena_new();
	struct guard_links links = { .domain_count = 0 };
	struct buf text = buf_make(100000);

	(void)state;
	for (int i = 0; i < 1000; i++)
		buf_printf(&text, "http://n%d.example/ ", i);
	guard_links_find_in(a, buf_slice(&text), false, &links);
	assert_int_equal(links.domain_count, GUARD_LINKS_MAX);
	assert_true(slice_equal(links.domains[GUARD_LINKS_MAX - 1], SLICE("n999.example")));
	buf_free(&text);
	arena_free(a);
}

static void scores_add_up(void **state)
{
	struct arena *a = arena_new();
	struct guard_score s = { .count = 0 };
	struct config_score config = { .tag = 300, .junk = 600, .reject = 1000 };
	const struct slice found[] = { SLICE("dkim=pass one.example"),
		                       SLICE("dkim=pass two.example"),
		                       SLICE("spf=fail three.example") };
	struct config_weight weights[3];

	(void)state;
	config_parse_pattern(a, "dkim=pass*", &weights[0].pattern);
	config_parse_pattern(a, "spf=*fail*", &weights[1].pattern);
	config_parse_pattern(a, "dmarc=fail*", &weights[2].pattern);
	weights[0].weight = -50;
	weights[1].weight = weights[2].weight = 250;
	config.weights = weights;
	config.weight_count = 3;
	assert_int_equal(guard_score_fate(&s, &config), GUARD_DELIVER);
	guard_score_facts(&s, a, &config, found, 3);
	assert_int_equal(s.total, 200);
	guard_score_add(&s, "list.zen", "192.0.2.1: 127.0.0.2", 100);
	assert_int_equal(guard_score_fate(&s, &config), GUARD_TAG);
	assert_string_equal(guard_score_text(&s, a),
	                    "3.00: dkim=pass -0.50 (one.example), spf=fail 2.50 (three.example), "
	                    "list.zen 1.00 (192.0.2.1: 127.0.0.2)");
	guard_score_add(&s, "more", "", 300);
	assert_int_equal(guard_score_fate(&s, &config), GUARD_JUNK);
	guard_score_add(&s, "more", "", 400);
	assert_int_equal(guard_score_fate(&s, &config), GUARD_REJECT);
	for (int i = 0; i < 2 * GUARD_SCORE_LINES_MAX; i++)
		guard_score_add(&s, "less", "", -10);
	assert_int_equal(s.count, GUARD_SCORE_LINES_MAX);
	assert_int_equal(s.total, 1000 - 20 * GUARD_SCORE_LINES_MAX);
	arena_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_to_ask_about),
		cmocka_unit_test(answers_and_what_they_mean),
		cmocka_unit_test(answers_that_are_none),
		cmocka_unit_test(links_are_found),
		cmocka_unit_test(links_in_parts),
		cmocka_unit_test(many_links_do_not_hide_the_last),
		cmocka_unit_test(scores_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
