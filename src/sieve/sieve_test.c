/* Scripts, and what they come to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <cmocka.h>

#include "base/buf.h"
#include "sieve/sieve.h"

#define MESSAGE                                                                                    \
	"Return-Path: <coyote@desert.example.org>\r\n"                                             \
	"Received: from a.example (a.example [192.0.2.1]) by mx.example.test;\r\n"                 \
	"\tTue, 1 Apr 1997 09:06:31 -0800\r\n"                                                     \
	"Date: Tue, 1 Apr 1997 09:06:31 -0800 (PST)\r\n"                                           \
	"From: \"Wile E.\" <coyote@desert.example.org>\r\n"                                        \
	"To: roadrunner@acme.example.com, Second <second+tag@example.test>\r\n"                    \
	"Subject: I have a present for you\r\n"                                                    \
	"X-Count: 10\r\n"                                                                          \
	"X-Empty:\r\n"                                                                             \
	"Message-ID: <1@desert.example.org>\r\n"                                                   \
	"\r\n"                                                                                     \
	"Look, I'm sorry about the whole anvil thing.\r\n"

#define MULTIPART                                                                                  \
	"From: a@example.test\r\nTo: b@example.test\r\nSubject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n"   \
	"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"xx\"\r\n\r\n"              \
	"prologue\r\n--xx\r\nContent-Type: text/plain; charset=iso-8859-1\r\n"                     \
	"Content-Transfer-Encoding: quoted-printable\r\n\r\nSch=F6n\r\n"                           \
	"--xx\r\nContent-Type: application/zip; name=\"a.zip\"\r\n"                                \
	"Content-Transfer-Encoding: base64\r\n\r\nUEsDBA==\r\n--xx--\r\nepilogue\r\n"

struct world {
	struct arena *arena;
	struct sieve_errors errors;
	struct sieve_result result;
	struct sieve_limits limits;
	struct buf trace;
	const char *seen; /* what was, for duplicate */
	const char *included;
	bool is_event;
};

static int has_mailbox(void *arg, enum sieve_mailbox_test by, struct slice key, struct slice name)
{
	(void)arg;
	(void)name;
	if (by == SIEVE_BY_USE)
		return slice_equal_nocase(key, SLICE("\\Junk"));
	return slice_equal(key, by == SIEVE_BY_ID ? SLICE("F1") : SLICE("Work"));
}

static int was_seen(void *arg, struct slice id)
{
	const struct world *w = arg;
	return w->seen && slice_find(id, slice_from_str(w->seen)) >= 0;
}

static int get_script(void *arg, enum sieve_location where, struct slice name, struct arena *arena,
                      struct slice *out)
{
	const struct world *w = arg;
	(void)arena;
	(void)where;
	if (!w->included || !slice_equal(name, SLICE("other")))
		return 0;
	*out = slice_from_str(w->included);
	return 1;
}

static int get_list(void *arg, struct slice list, struct arena *arena, struct slice *out)
{
	(void)arg;
	(void)arena;
	*out = SLICE("# friends\r\n\r\ncoyote@desert.example.org\r\nb@example.test");
	if (slice_equal(list, SLICE("empty")))
		*out = SLICE("#\n");
	return slice_equal(list, SLICE(":addrbook:default")) || slice_equal(list, SLICE("empty"));
}

static void note_step(void *arg, const struct sieve_step *step)
{
	struct world *w = arg;
	buf_printf(&w->trace, "%u: %.*s\n", step->line, SLICE_ARG(step->text));
}

static const char *actions_of(struct world *w)
{
	struct buf text = buf_make(1 << 20);
	for (size_t i = 0; i < w->result.action_count; i++) {
		if (i > 0)
			buf_append(&text, SLICE("; "));
		buf_append(&text, sieve_action_text(w->arena, &w->result.actions[i]));
	}
	const char *out = arena_str(w->arena, buf_slice(&text));
	buf_free(&text);
	return out;
}

/* What the script comes to with the message; or "error LINE: what". */
static const char *run_on(struct world *w, const char *script, const char *message)
{
	struct sieve_program *program;
	if (sieve_compile(slice_from_str(script), &w->limits, w->arena, &program, &w->errors) < 0)
		return arena_printf(w->arena, "%u:%u: %s", w->errors.items[0].line,
		                    w->errors.items[0].column, w->errors.items[0].text);
	const struct sieve_script scripts[] = { { "test", program } };
	struct sieve_job job = {
		.scripts = scripts,
		.script_count = 1,
		.limits = &w->limits,
		.outside = { .arg = w,
		             .mailbox = has_mailbox,
		             .seen = was_seen,
		             .script = get_script,
		             .list = get_list,
		             .trace = note_step },
		.message = slice_from_str(message),
		.envelope = { .from = SLICE("coyote@desert.example.org"),
		              .to = SLICE("second+tag@example.test") },
		.now_ms = 1700000000000,
		.detail_mark = '+',
		.owner = SLICE("second@example.test"),
		.environment = { .name = SLICE("Veredus"), .location = SLICE("MDA") },
		.spam = { .known = true, .score = 5, .full = 10 },
		.is_event = w->is_event,
	};
	struct slice flags[] = { SLICE("\\Seen"), SLICE("old") };
	if (w->is_event) {
		job.flags = (struct sieve_text_list){ flags, 2 };
		job.environment.imap_cause = SLICE("FLAG");
		job.environment.imap_changed_flags = SLICE("\\Seen \\Flagged");
	}
	buf_clear(&w->trace);
	if (sieve_run(&job, w->arena, &w->result) < 0)
		return arena_printf(w->arena, "failed in line %u: %s; %s", w->result.error.line,
		                    w->result.error.text, actions_of(w));
	return actions_of(w);
}

struct example {
	const char *script;
	const char *wants;
};

static void check_all(const struct example *examples, size_t count, const char *message)
{
	for (size_t i = 0; i < count; i++) {
		struct world w = { .arena = arena_new(),
			           .limits = SIEVE_LIMITS_DEFAULT,
			           .trace = buf_make(1 << 20) };
		const char *got = run_on(&w, examples[i].script, message);
		if (strcmp(got, examples[i].wants) != 0)
			print_message("script: %s\n%.*s", examples[i].script,
			              SLICE_ARG(buf_slice(&w.trace)));
		assert_string_equal(got, examples[i].wants);
		buf_free(&w.trace);
		arena_free(w.arena);
	}
}
#define CHECK_ALL(list, message) check_all(list, sizeof(list) / sizeof(*(list)), message)

/* The test in `if TEST { discard; }`. */
#define YES(requires, test)                                                                        \
	{                                                                                          \
		requires "if " test " { discard; }", "discard"                                     \
	}
#define NO(requires, test)                                                                         \
	{                                                                                          \
		requires "if " test " { discard; }", "keep"                                        \
	}

static void base_commands(void **state)
{
	(void)state;
	static const struct example list[] = {
		{ "", "keep" },
		{ "keep;", "keep" },
		{ "keep; keep;", "keep" },
		{ "discard;", "discard" },
		{ "discard; keep;", "discard; keep" },
		{ "stop; discard;", "keep" },
		{ "require \"fileinto\"; fileinto \"Work\";", "fileinto \"Work\"" },
		{ "require [\"fileinto\", \"copy\"]; fileinto :copy \"Work\";",
		  "fileinto \"Work\"; keep" },
		{ "require \"fileinto\"; fileinto \"A\"; fileinto \"A\"; fileinto \"B\";",
		  "fileinto \"A\"; fileinto \"B\"" },
		{ "redirect \"bart@example.edu\";", "redirect \"bart@example.edu\"" },
		{ "require \"extlists\"; redirect :list \":addrbook:default\";",
		  "redirect \"coyote@desert.example.org\"; redirect \"b@example.test\"" },
		{ "require \"extlists\"; redirect :list \"empty\";", "keep" },
		{ "require \"extlists\"; redirect :list \"none\";",
		  "failed in line 1: there is no list \"none\"; keep" },
		{ "redirect :list \":addrbook:default\";",
		  "1:10: \":list\" needs require \"extlists\"" },
		{ "redirect \"Bart <bart@example.edu>\"; keep;",
		  "redirect \"bart@example.edu\"; keep" },
		{ "if true { discard; } else { keep; }", "discard" },
		{ "if false { discard; } elsif true { keep; } else { stop; }", "keep" },
		{ "if false { keep; } elsif false { keep; } else { discard; }", "discard" },
		{ "if not anyof (false, false) { discard; }", "discard" },
		{ "if allof (true, not false, anyof (false, true)) { discard; }", "discard" },
		{ "if allof (true, false) { discard; }", "keep" },
		{ "/* a comment */ # another\r\ndiscard; /* and */", "discard" },
		{ "require [\"reject\"]; reject text: # why\r\nNo.\r\n..dot\r\n.\r\n;",
		  "reject \"No.  .dot  \"" },
		{ "if true { if true { stop; } } discard;", "keep" },
	};
	CHECK_ALL(list, MESSAGE);
}

static void errors_are_told(void **state)
{
	(void)state;
	static const struct example list[] = {
		{ "kepp;", "1:1: there is no command \"kepp\"" },
		{ "keep", "1:5: \";\" is missing behind \"keep\"" },
		{ "\n  fileinto \"x\";", "2:3: \"fileinto\" needs require \"fileinto\"" },
		{ "require \"nonesuch\";", "1:1: there is no extension \"nonesuch\"" },
		{ "keep; require \"fileinto\";",
		  "1:7: \"require\" must stand before all other commands" },
		{ "if true { keep;", "1:9: the block that begins here has no closing \"}\"" },
		{ "else { keep; }", "1:1: \"else\" follows no \"if\"" },
		{ "redirect \"no address\";", "1:1: \"no address\" is no address" },
		{ "redirect \"abc", "1:10: the string that begins here has no closing quote" },
		{ "redirect 5;", "1:10: the first argument of \"redirect\" must be a string" },
		{ "if header :is :contains \"a\" \"b\" { }",
		  "1:15: \":contains\" is here twice, or beside what excludes it" },
		{ "if header :foo \"a\" \"b\" { }", "1:11: \"header\" has no argument \":foo\"" },
		{ "if header \"a\" { }",
		  "1:4: \"header\" must have 2 arguments without a colon, not 1" },
		{ "if header :comparator \"i;none\" \"a\" \"b\" { }",
		  "1:4: there is no comparator \"i;none\"" },
		{ "if size 5 { }", "1:4: \"size\" must have \":over\" or \":under\"" },
		{ "if keep { }", "1:4: there is no test \"keep\"; that is a command" },
		{ "keep stop;", "1:1: \"keep\" has no tests; is there a \";\" missing?" },
		{ "/* no end", "1:1: the comment that begins here has no end" },
		{ "keep; 5;", "1:7: the name of a command must stand here" },
		{ "if size :over 99999999999G { }", "1:15: the number is too large" },
		{ "redirect \"\xFF\";", "1:1: the script is not written in UTF-8" },
		{ "require \"envelope\"; if envelope \"x\" \"y\" { }",
		  "1:24: an envelope has \"from\", \"to\" and \"auth\", no \"x\"" },
		{ "require \"variables\"; set \"1\" \"x\";",
		  "1:22: \"1\" is no name of a variable" },
		{ "require \"variables\"; redirect \"${foo.bar}\";",
		  "1:22: there are no variables \"foo.\"" },
	};
	CHECK_ALL(list, MESSAGE);
}

static void header_tests(void **state)
{
	(void)state;
	static const struct example list[] = {
		YES("", "header :is \"subject\" \"i HAVE a present for you\""),
		NO("",
		   "header :is :comparator \"i;octet\" \"subject\" \"i have a present for you\""),
		YES("", "header :contains [\"cc\", \"subject\"] [\"nothing\", \"PRESENT\"]"),
		YES("", "header :matches \"subject\" \"I * p?esent*\""),
		NO("", "header :matches \"subject\" \"I ? present\""),
		YES("", "header :is \"x-empty\" \"\""),
		YES("", "header :contains \"x-empty\" \"\""),
		NO("", "header :contains \"x-missing\" \"\""),
		YES("", "header :matches \"x-empty\" \"*\""),
		YES("", "exists [\"From\", \"date\"]"),
		NO("", "exists [\"From\", \"x-missing\"]"),
		YES("", "size :over 100"),
		NO("", "size :over 1M"),
		YES("", "size :under 1K"),
		YES("", "address :is \"from\" \"coyote@desert.example.org\""),
		YES("", "address :is :all \"from\" \"COYOTE@desert.example.org\""),
		YES("", "address :domain \"to\" \"acme.example.com\""),
		YES("", "address :localpart \"to\" \"roadrunner\""),
		NO("", "address \"from\" \"Wile E.\""),
		YES("require \"subaddress\";", "address :detail \"to\" \"tag\""),
		YES("require \"subaddress\";", "address :user \"to\" \"second\""),
		NO("require \"subaddress\";", "address :detail \"from\" \"\""),
		YES("require \"envelope\";", "envelope \"from\" \"coyote@desert.example.org\""),
		YES("require [\"envelope\", \"subaddress\"];", "envelope :detail \"to\" \"tag\""),
		YES("require \"envelope\";", "envelope :domain :matches \"to\" \"*.test\""),
		NO("require \"envelope\";", "envelope \"auth\" \"\""),
		YES("require [\"relational\", \"comparator-i;ascii-numeric\"];",
		    "header :value \"gt\" :comparator \"i;ascii-numeric\" \"x-count\" \"9\""),
		NO("require [\"relational\"];", "header :value \"gt\" \"x-count\" \"9\""),
		YES("require [\"relational\", \"comparator-i;ascii-numeric\"];",
		    "address :count \"eq\" :comparator \"i;ascii-numeric\" \"to\" \"2\""),
		YES("require [\"relational\", \"comparator-i;ascii-numeric\"];",
		    "header :count \"ge\" :comparator \"i;ascii-numeric\" [\"to\", \"from\"] "
		    "\"2\""),
		YES("require [\"comparator-i;ascii-numeric\"];",
		    "header :comparator \"i;ascii-numeric\" \"x-count\" \"010x\""),
		YES("require \"extlists\";", "address :list \"from\" \":addrbook:default\""),
		NO("require \"extlists\";", "address :list \"to\" \":addrbook:default\""),
		YES("require \"extlists\";", "valid_ext_list \":addrbook:default\""),
		NO("require \"extlists\";", "valid_ext_list [\"empty\", \"none\"]"),
		NO("require \"extlists\";", "header :list \"subject\" \"none\""),
		YES("require [\"index\", \"date\"];",
		    "date :index 1 :originalzone \"received\" \"hour\" \"09\""),
		YES("require \"date\";", "date :zone \"+0000\" \"date\" \"date\" \"1997-04-01\""),
		YES("require \"date\";", "date :zone \"+0100\" \"date\" \"time\" \"18:06:31\""),
		YES("require \"date\";", "date :zone \"+0000\" \"date\" \"weekday\" \"2\""),
		YES("require \"date\";", "date :zone \"+0000\" \"date\" \"julian\" \"50539\""),
		YES("require \"date\";",
		    "date :originalzone \"date\" \"iso8601\" \"1997-04-01T09:06:31-08:00\""),
		YES("require [\"date\", \"relational\"];",
		    "currentdate :value \"ge\" :zone \"+0000\" \"date\" \"2023-11-14\""),
		YES("require \"date\";",
		    "currentdate :zone \"+0000\" \"iso8601\" \"2023-11-14T22:13:20+00:00\""),
	};
	CHECK_ALL(list, MESSAGE);
}

static void variables(void **state)
{
	(void)state;
#define V "require [\"variables\", \"fileinto\"]; "
	static const struct example list[] = {
		{ V "set \"a\" \"Work\"; fileinto \"x/${A}\";", "fileinto \"x/Work\"" },
		{ V "fileinto \"x${none}\";", "fileinto \"x\"" },
		{ V "if header :matches \"subject\" \"I * a * for *\" { fileinto \"${2}-${3}\"; }",
		  "fileinto \"present-you\"" },
		{ V "if header :matches \"subject\" \"?*\" { fileinto \"${1}\"; }",
		  "fileinto \"I\"" },
		{ V "set :upper :length \"n\" \"abc\"; fileinto \"${n}\";", "fileinto \"3\"" },
		{ V "set :lower :upperfirst \"n\" \"aBC\"; fileinto \"${n}\";",
		  "fileinto \"Abc\"" },
		{ V "set :quotewildcard \"n\" \"a*b\"; fileinto \"${n}\";",
		  "fileinto \"a\\\\*b\"" },
		{ V "set \"a\" \"${\"; set \"b\" \"${a}x}\"; fileinto \"${b}\";",
		  "fileinto \"${x}\"" },
		{ V "if string :is \"${none}\" \"\" { fileinto \"empty\"; }",
		  "fileinto \"empty\"" },
		{ V "fileinto \"${unknown\";", "fileinto \"${unknown\"" },
		{ V "if header :matches \"subject\" \"*\" {} if header :matches \"subject\" "
		    "\"no\" {} fileinto \"${1}\";",
		  "fileinto \"I have a present for you\"" },
		{ "require \"fileinto\"; fileinto \"${a}\";", "fileinto \"${a}\"" },
		{ "require [\"encoded-character\", \"fileinto\"]; "
		  "fileinto \"$${hex:40 41}${unicode: 20AC}${hex:}\";",
		  "fileinto \"$@A\xE2\x82\xAC${hex:}\"" },
		{ "require [\"encoded-character\"]; redirect \"${unicode:D800}\";",
		  "1:32: \"${unicode:D800}\" is no character of Unicode" },
	};
	CHECK_ALL(list, MESSAGE);
#undef V
}

static void flags(void **state)
{
	(void)state;
#define F "require [\"imap4flags\", \"fileinto\", \"variables\", \"relational\"]; "
	static const struct example list[] = {
		{ F "addflag \"\\\\seen\"; keep;", "keep :flags [\"\\\\Seen\"]" },
		{ F "setflag [\"a b\", \"c\"]; removeflag \"b\"; fileinto \"W\";",
		  "fileinto :flags [\"a\", \"c\"] \"W\"" },
		{ F "addflag \"x\"; keep :flags \"y\";", "keep :flags [\"y\"]" },
		{ F "setflag \"v\" \"\\\\Deleted\"; keep :flags \"${v}\";",
		  "keep :flags [\"\\\\Deleted\"]" },
		{ F "addflag [\"a\", \"b\"]; if hasflag \"b\" { discard; }", "discard" },
		{ F "addflag [\"a\", \"b\"]; if hasflag :count \"eq\" \"2\" { discard; }",
		  "discard" },
		{ F "addflag \"\\\\nonsense\"; addflag \"x\";", "keep :flags [\"x\"]" },
		{ F "setflag \"v\" \"one\"; if hasflag :contains \"v\" \"n\" { discard; }",
		  "discard" },
	};
	CHECK_ALL(list, MESSAGE);
#undef F
}

static void body_and_mime(void **state)
{
	(void)state;
#define M                                                                                          \
	"require [\"body\", \"mime\", \"foreverypart\", \"variables\", \"extracttext\", "          \
	"\"fileinto\"]; "
	static const struct example list[] = {
		YES(M, "body :contains \"Sch\xC3\xB6n\""),
		NO(M, "body :raw :contains \"Sch\xC3\xB6n\""),
		YES(M, "body :raw :contains \"UEsDBA==\""),
		YES(M, "body :content \"application\" :contains \"PK\""),
		YES(M, "body :content \"multipart\" :contains \"prologue\""),
		YES(M, "body :content \"multipart/mixed\" :contains \"epilogue\""),
		NO(M, "body :content \"multipart\" :contains \"Sch\""),
		NO(M, "body :content \"audio\" :contains \"\""),
		YES(M, "header :is \"subject\" \"GR\xC3\xBC\xC3\x9F"
		       "e\""),
		YES(M, "header :mime :anychild :contenttype \"content-type\" \"application/zip\""),
		NO(M, "header :mime :contenttype \"content-type\" \"application/zip\""),
		YES(M,
		    "header :mime :anychild :param \"name\" :matches \"content-type\" \"*.zip\""),
		YES(M, "header :mime :type \"content-type\" \"multipart\""),
		YES(M, "header :mime :subtype \"content-type\" \"mixed\""),
		YES(M, "exists :mime :anychild \"content-transfer-encoding\""),
		{ M "foreverypart { if header :mime :type \"content-type\" \"text\" { "
		    "extracttext :first 4 \"t\"; break; } } fileinto \"${t}\";",
		  "fileinto \"Sch\xC3\xB6\"" },
		{ M "foreverypart :name \"x\" { foreverypart { if header :mime :subtype "
		    "\"content-type\" \"zip\" { fileinto \"zip\"; break :name \"x\"; } } }",
		  "fileinto \"zip\"" },
		YES("require [\"comparator-i;unicode-casemap\"];",
		    "header :comparator \"i;unicode-casemap\" \"subject\" \"GR\xC3\x9CSSE\""),
	};
	CHECK_ALL(list, MULTIPART);
#undef M
}

static void other_tests(void **state)
{
	(void)state;
	static const struct example list[] = {
		YES("require \"mailbox\";", "mailboxexists \"Work\""),
		NO("require \"mailbox\";", "mailboxexists [\"Work\", \"None\"]"),
		YES("require \"mailboxid\";", "mailboxidexists \"F1\""),
		YES("require \"special-use\";", "specialuse_exists \"\\\\Junk\""),
		{ "require [\"fileinto\", \"mailbox\"]; fileinto :create \"New\";",
		  "fileinto :create \"New\"" },
		{ "require [\"fileinto\", \"special-use\"]; fileinto :specialuse \"\\\\Junk\" "
		  "\"Spam\";",
		  "fileinto :specialuse \"\\\\Junk\" \"Spam\"" },
		YES("require \"environment\";", "environment \"name\" \"Veredus\""),
		NO("require \"environment\";", "environment :contains \"nonesuch\" \"\""),
		YES("require [\"spamtestplus\", \"relational\", \"comparator-i;ascii-numeric\"];",
		    "spamtest :percent :value \"eq\" :comparator \"i;ascii-numeric\" \"50\""),
		YES("require [\"spamtest\", \"relational\", \"comparator-i;ascii-numeric\"];",
		    "spamtest :value \"ge\" :comparator \"i;ascii-numeric\" \"5\""),
		YES("require \"virustest\";", "virustest \"0\""),
		YES("require \"ihave\";", "ihave [\"fileinto\", \"copy\"]"),
		NO("require \"ihave\";", "ihave \"nonesuch\""),
		{ "require \"ihave\"; if ihave \"nonesuch\" { nonesuch \"x\"; } else { discard; }",
		  "discard" },
		{ "require \"ihave\"; if ihave \"fileinto\" { fileinto \"Work\"; }",
		  "fileinto \"Work\"" },
		{ "require \"ihave\"; error \"no way\";", "failed in line 1: no way; keep" },
		YES("require \"enotify\";", "valid_notify_method \"mailto:a@example.test\""),
		NO("require \"enotify\";", "valid_notify_method \"xmpp:a@example.test\""),
		{ "require \"enotify\"; notify :message \"news\" "
		  "\"mailto:a@example.test?body=See%20it\";",
		  "notify :message \"news\" \"mailto:a@example.test\"; keep" },
		{ "require \"duplicate\"; if duplicate { discard; }", "remember; keep" },
		{ "require [\"reject\"]; keep; reject \"no\";",
		  "failed in line 1: \"reject\" can't stand beside other actions; keep" },
		{ "require [\"ereject\"]; ereject \"no\";", "ereject \"no\"" },
	};
	CHECK_ALL(list, MESSAGE);
}

static void vacation(void **state)
{
	(void)state;
	static const struct example away[] = {
		{ "require \"vacation\"; vacation \"Away\";",
		  "vacation :seconds 604800 \"Away\"; keep" },
		{ "require \"vacation\"; vacation :days 1 :subject \"Hi\" :from "
		  "\"me@example.test\" \"Away\"; discard;",
		  "vacation :seconds 86400 :subject \"Hi\" :from \"me@example.test\" \"Away\"; "
		  "discard" },
		{ "require \"vacation-seconds\"; vacation :seconds 10 \"Away\";",
		  "vacation :seconds 3600 \"Away\"; keep" },
		{ "require [\"vacation\", \"fcc\"]; vacation :fcc \"Sent\" \"Away\";",
		  "vacation :seconds 604800 :fcc \"Sent\" \"Away\"; keep" },
	};
	static const struct example silent[] = { { "require \"vacation\"; vacation \"Away\";",
		                                   "keep" } };
	CHECK_ALL(away, MESSAGE);
	CHECK_ALL(silent, "To: second@example.test\r\nList-Id: <x>\r\n\r\n");
	CHECK_ALL(silent, "To: second@example.test\r\nAuto-Submitted: auto-replied\r\n\r\n");
	CHECK_ALL(silent, "To: second@example.test\r\nPrecedence: bulk\r\n\r\n");
	CHECK_ALL(silent, "To: others@example.test\r\n\r\n");
}

static void headers_are_edited(void **state)
{
	struct world w = { .arena = arena_new(),
		           .limits = SIEVE_LIMITS_DEFAULT,
		           .trace = buf_make(1 << 20) };
	(void)state;
	run_on(&w,
	       "require [\"editheader\", \"fileinto\", \"copy\"]; fileinto :copy \"Old\";\r\n"
	       "addheader \"X-New\" \"one\"; addheader :last \"X-Last\" \"two\";\r\n"
	       "deleteheader \"Subject\"; deleteheader :contains \"X-Count\" \"1\";\r\n"
	       "deleteheader \"Received\"; deleteheader :index 2 \"To\";\r\n",
	       MESSAGE);
	assert_int_equal(w.result.action_count, 2);
	const struct sieve_action *old = &w.result.actions[0], *kept = &w.result.actions[1];
	assert_false(old->edited);
	assert_true(slice_find(old->header, SLICE("Subject: I have")) >= 0);
	assert_true(kept->edited);
	assert_true(slice_starts_with(kept->header, SLICE("X-New: one\r\nReturn-Path:")));
	assert_true(slice_ends_with(kept->header, SLICE("X-Last: two\r\n\r\n")));
	assert_true(slice_find(kept->header, SLICE("Subject")) < 0);
	assert_true(slice_find(kept->header, SLICE("X-Count")) < 0);
	assert_true(slice_find(kept->header, SLICE("Received: from a.example")) >= 0);
	assert_true(slice_find(kept->header, SLICE("To: roadrunner")) >= 0);
	buf_free(&w.trace);
	arena_free(w.arena);
}

static void parts_are_replaced(void **state)
{
	struct world w = { .arena = arena_new(),
		           .limits = SIEVE_LIMITS_DEFAULT,
		           .trace = buf_make(1 << 20) };
	(void)state;
	run_on(&w,
	       "require [\"foreverypart\", \"mime\", \"replace\"]; foreverypart {\r\n"
	       "if header :mime :type \"content-type\" \"application\" { replace \"gone\"; } }",
	       MULTIPART);
	const struct sieve_action *a = &w.result.actions[0];
	assert_true(slice_find(a->body, SLICE("Sch=F6n\r\n--xx\r\nContent-Type: text/plain; "
	                                      "charset=utf-8\r\n\r\ngone\r\n--xx--\r\n")) >= 0);
	run_on(&w, "require \"enclose\"; enclose :subject \"Careful\" \"A virus?\";", MULTIPART);
	a = &w.result.actions[0];
	assert_true(slice_find(a->header, SLICE("Subject: Careful\r\n")) >= 0);
	assert_true(slice_find(a->body, SLICE("A virus?")) >= 0);
	assert_true(slice_find(a->body, SLICE("Content-Type: message/rfc822\r\n\r\nFrom: a@")) >=
	            0);
	run_on(&w, "require \"replace\"; replace :subject \"New\" \"all of it\";", MULTIPART);
	a = &w.result.actions[0];
	assert_true(slice_find(a->header, SLICE("Original-Subject: ")) >= 0);
	assert_true(slice_equal(a->body, SLICE("all of it")));
	buf_free(&w.trace);
	arena_free(w.arena);
}

static void scripts_are_included(void **state)
{
	struct world w = { .arena = arena_new(),
		           .limits = SIEVE_LIMITS_DEFAULT,
		           .trace = buf_make(1 << 20),
		           .included = "require [\"include\", \"variables\", \"fileinto\"]; global "
		                       "\"v\"; fileinto \"${v}\"; set \"v\" \"b\"; return; "
		                       "discard;" };
	(void)state;
	assert_string_equal(run_on(&w,
	                           "require [\"include\", \"variables\", \"fileinto\"]; global "
	                           "\"v\"; set \"v\" \"a\"; include \"other\"; include :once "
	                           "\"other\"; fileinto \"${global.v}\";",
	                           MESSAGE),
	                    "fileinto \"a\"; fileinto \"b\"");
	assert_string_equal(
		run_on(&w, "require \"include\"; include :optional \"none\"; discard;", MESSAGE),
		"discard");
	assert_string_equal(run_on(&w, "require \"include\"; include \"none\";", MESSAGE),
	                    "failed in line 1: there is no personal script \"none\"; keep");
	w.included = "require \"include\"; include \"other\";";
	assert_string_equal(run_on(&w, w.included, MESSAGE),
	                    "failed in line 1: the script \"other\" includes itself; keep");
	buf_free(&w.trace);
	arena_free(w.arena);
}

static void limits_hold(void **state)
{
	struct world w = { .arena = arena_new(),
		           .limits = SIEVE_LIMITS_DEFAULT,
		           .trace = buf_make(1 << 24) };
	struct buf script = buf_make(1 << 22);
	(void)state;
	for (int i = 0; i < 100; i++)
		buf_append(&script, SLICE("if not true { "));
	assert_non_null(strstr(run_on(&w, arena_str(w.arena, buf_slice(&script)), MESSAGE),
	                       "nested too deeply"));
	buf_clear(&script);
	buf_append(&script, SLICE("require [\"variables\"]; set \"a\" \"0123456789\";"));
	for (int i = 0; i < 5000; i++)
		buf_append(&script, SLICE("set \"a\" \"${a}${a}\";"));
	assert_non_null(strstr(run_on(&w, arena_str(w.arena, buf_slice(&script)), MESSAGE),
	                       "too much memory"));
	buf_clear(&script);
	for (int i = 0; i < 10; i++)
		buf_printf(&script, "redirect \"a%d@example.test\";", i);
	assert_string_equal(run_on(&w, arena_str(w.arena, buf_slice(&script)), MESSAGE),
	                    "failed in line 1: the script sends on to too many addresses (4); "
	                    "keep");
	w.limits.instructions = 50;
	buf_clear(&script);
	for (int i = 0; i < 60; i++)
		buf_printf(&script, "if true { keep; }");
	assert_non_null(strstr(run_on(&w, arena_str(w.arena, buf_slice(&script)), MESSAGE),
	                       "too many steps"));
	buf_free(&script);
	buf_free(&w.trace);
	arena_free(w.arena);
}

/* The text of a script of one string, so many bytes long. */
static struct slice long_string(struct buf *script, const char *begin, const char *piece,
                                const char *end, size_t bytes)
{
	buf_clear(script);
	buf_append(script, slice_from_str(begin));
	while (script->len < bytes)
		buf_append(script, slice_from_str(piece));
	buf_append(script, slice_from_str(end));
	return buf_slice(script);
}

/* What takes the square of its length takes more than a minute. */
static void long_strings_are_read_once(void **state)
{
	enum { BYTES = 4 << 20, CPU_SECONDS = 20 };
	struct sieve_limits limits = SIEVE_LIMITS_DEFAULT;
	struct buf script = buf_make(2 * BYTES);
	static const struct {
		const char *begin, *piece;
	} list[] = {
		{ "require [\"encoded-character\", \"fileinto\"]; fileinto \"${hex", " a" },
		{ "require [\"encoded-character\", \"fileinto\"]; fileinto \"", "${hex:40 " },
		{ "require [\"encoded-character\", \"fileinto\"]; fileinto \"${hex:",
		  "          " },
		{ "require [\"variables\", \"fileinto\"]; fileinto \"", "${" },
	};
	(void)state;
	limits.script_bytes = 2 * (size_t)BYTES;
	clock_t begun = clock();
	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++) {
		struct arena *arena = arena_new();
		struct sieve_program *program;
		struct sieve_errors errors;
		struct slice text = long_string(&script, list[i].begin, list[i].piece, "\";",
		                                BYTES);
		assert_int_equal(sieve_compile(text, &limits, arena, &program, &errors), 0);
		arena_free(arena);
	}
	assert_true((clock() - begun) / CLOCKS_PER_SEC < CPU_SECONDS);
	buf_free(&script);
}

/* Variables that are empty cost steps, too. */
static void references_are_counted(void **state)
{
	struct world w = { .arena = arena_new(),
		           .limits = SIEVE_LIMITS_DEFAULT,
		           .trace = buf_make(1 << 24) };
	struct buf script = buf_make(1 << 20);
	(void)state;
	w.limits.instructions = 1000;
	struct slice text = long_string(&script, "require \"variables\"; if string \"", "${none}",
	                                "\" \"\" { keep; } keep;", 100000);
	assert_non_null(strstr(run_on(&w, arena_str(w.arena, text), MESSAGE), "too many steps"));
	buf_free(&script);
	buf_free(&w.trace);
	arena_free(w.arena);
}

/* RFC 6785. */
static void events(void **state)
{
	(void)state;
	static const struct example list[] = {
		{ "keep;", "keep :flags [\"\\\\Seen\", \"old\"]" },
		{ "require [\"imapsieve\", \"imap4flags\"]; removeflag \"\\\\Seen\"; addflag "
		  "\"new\";",
		  "keep :flags [\"old\", \"new\"]" },
		YES("require [\"imapsieve\", \"environment\"];",
		    "environment \"imap.cause\" \"FLAG\""),
		YES("require \"environment\";",
		    "environment :contains \"imap.changedflags\" \"Flagged\""),
		YES("require \"imap4flags\";", "hasflag \"\\\\Seen\""),
		{ "require \"envelope\";", "keep" },
		{ "require \"envelope\"; if envelope \"from\" \"\" { discard; }", "failed" },
		{ "require \"vacation\";", "failed" },
		{ "require \"reject\"; if false { reject \"no\"; }", "failed" },
		{ "require \"ereject\";", "failed" },
	};
	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++) {
		struct world w = { .arena = arena_new(),
			           .limits = SIEVE_LIMITS_DEFAULT,
			           .trace = buf_make(1 << 20),
			           .is_event = true };
		const char *got = run_on(&w, list[i].script, MESSAGE);
		if (strcmp(list[i].wants, "failed") == 0)
			assert_true(w.result.failed);
		else if (strcmp(list[i].wants, "keep") != 0)
			assert_string_equal(got, list[i].wants);
		else
			assert_false(w.result.failed);
		buf_free(&w.trace);
		arena_free(w.arena);
	}
}

static void extensions_are_sorted(void **state)
{
	(void)state;
	for (size_t i = 1; sieve_extension_name(i); i++)
		assert_true(strcmp(sieve_extension_name(i - 1), sieve_extension_name(i)) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base_commands),
		cmocka_unit_test(errors_are_told),
		cmocka_unit_test(header_tests),
		cmocka_unit_test(variables),
		cmocka_unit_test(flags),
		cmocka_unit_test(body_and_mime),
		cmocka_unit_test(other_tests),
		cmocka_unit_test(vacation),
		cmocka_unit_test(headers_are_edited),
		cmocka_unit_test(parts_are_replaced),
		cmocka_unit_test(scripts_are_included),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(long_strings_are_read_once),
		cmocka_unit_test(references_are_counted),
		cmocka_unit_test(events),
		cmocka_unit_test(extensions_are_sorted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
