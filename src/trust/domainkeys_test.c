/* Messages signed by Mail::DKIM, which still signs so, and what happens to them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "trust/domainkeys.h"

#define KEY                                                                                        \
	"MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQCxEbsP/JSUcrlpooRZ1T6KW3S1zOOAI/IUwmxZYK71g3xk"     \
	"JMCGYspiM7/yFm1y/LVbeUMH73evUWDQ3PP/D3gbh7Bksz5QIFMtXav7Ju2MueVGBYcZng8Jmwotl7BxX6ZV"     \
	"kzlVpX+JdlLO8WORFU1FTe15WXd77z85NvAJR+lYqQIDAQAB"

#define HEADER                                                                                     \
	"Received: by a.test;\r\n Sun, 1 Mar 2026\r\n"                                             \
	"Received: by b.test; Sun\r\n"                                                             \
	"From: Ann <ann@signed.test>\r\n"                                                          \
	"To: alice@example.test\r\n"                                                               \
	"Subject: Hello  there\r\n\tAlice \r\n"                                                    \
	"Message-ID: <1@signed.test>\r\n"
#define BODY  "\r\nHello,  Alice. \t\r\n\r\n \r\nAnn\r\n \r\n\r\n"
#define EMPTY "From: Ann <ann@signed.test>\r\nSubject: x\r\n\r\n\r\n\r\n"

enum {
	SIMPLE,
	SIMPLE_LIST,
	SIMPLE_ODD,
	SIMPLE_TWICE,
	NOFWS,
	NOFWS_LIST,
	NOFWS_ODD,
	NOFWS_TWICE,
	SIMPLE_EMPTY,
	NOFWS_EMPTY
};
static const char *const signatures[] = {
	"DomainKey-Signature: a=rsa-sha1; c=simple; d=signed.test; q=dns; s=old; b=BaF6k/vBsw"
	"/vJok//ErijTYC3oDtIhLmFKOwiGObhJOD0IHkBOtWa6rSAN7Y6+CrpMFdqOwE2y9zVHMny/uosRlN1oIuSq"
	"E52yawLAxVihb1DeiuqCyW/vFTNKB4Yn7KXhNdDiGrfSl65VoCp7k+lnmnpy/Zstu4EnLGlrRMw8M=\r\n",
	"DomainKey-Signature: a=rsa-sha1; c=simple; d=signed.test; h=from:to:subject:message-"
	"id; q=dns; s=old; b=IZ96Ua1rifKmtcW8LU03yU6xB2+/31kavfE0uISjcmrhlYTST4Y7O9MHM+p+HcIl"
	"7KcLytk7nOaE4v196jAB6at6lkHZb9x5gmmVg9UoXFwEpqFfMnbyDkIVuS9mF7Iiwit55NQmUi9d++4gAQ5q"
	"ksIDq3DM7Q/+esuoTq5ChHU=\r\n",
	"DomainKey-Signature: a=rsa-sha1; c=simple; d=signed.test; h=from:subject:received:fr"
	"om; q=dns; s=old; b=PVGU0nkCCQCC2atxie1NXVFRiaJ18yIVruClV8LzwbupLaSoobVh0t3dBwPldh4o"
	"dDIUDzkOoU4buknINkMXawKEuovmwq2jvuLCVPXu+qXnLn+LUqc/FUBoO0TpJTW11QIyCZC9IPOWQXGeFkOc"
	"f6I+4M/f4NtMXYSor7w7750=\r\n",
	"DomainKey-Signature: a=rsa-sha1; c=simple; d=signed.test; h=Received:From:Subject:Re"
	"ceived; q=dns; s=old; b=eK8fZcMd3LPcJrYYJVPUj9DvEQCDyW8xPNpKaYA1TUrxI06sug20bWEykPhg"
	"Wnr/Ju4eLe3eJRupVmQRBLL0RKfn+CWLYbh9WA/matsLCvEG7LwAATjPvxsYhNqaUD3+jtoGroMOmEWqlLz2"
	"rKH8MoTBhR77Oqcs4YIIuUTHg+A=\r\n",
	"DomainKey-Signature: a=rsa-sha1; c=nofws; d=signed.test; q=dns; s=old; b=k3iBG8Y7WHc"
	"fwvkWUaVqbC49su/XpdBG+JIhnrkikt/E70tDxrffmSSedgrUtEC4/Hvq7HA1lKjgJ8WxHSEy8IdFnEyUfBj"
	"AKQojRSLmHY6TYRRSUeJtXxRKKsbaYMQyaSMTFjkGEMIgKN5FLz7YlExZu2/sl7AIwvNw2//zSCo=\r\n",
	"DomainKey-Signature: a=rsa-sha1; c=nofws; d=signed.test; h=from:to:subject:message-i"
	"d; q=dns; s=old; b=nlSC5wgIoG501PQmhlUIdPMhJNF6OkzH/G+P52v4ScFFwLlWazVM7CJFLY0OkjDwM"
	"sOLswbku0pLR2hdQsTakj5teBVxHotVQocVKTV/VouyaS/DGUNIrF2OXraFdgsM9h0VU6qZIYfkbaLLxr4ck"
	"quY9/m1Op8J5A/NifjZusc=\r\n",
	"DomainKey-Signature: a=rsa-sha1; c=nofws; d=signed.test; h=from:subject:received:fro"
	"m; q=dns; s=old; b=mGgN3DA4iHz3Yrtlfwol2TYdIFiiVt8ZqxwhaFsCtieUEBzFDkUoJ0CW9ha3sGjmk"
	"igaY60F7ZFC6tSkvyRuyQhD+JlP2HA0uZNPPaxV1POzlAsOwXIjW4Kdfj5BE/myvdmIK8t2r2cYpKnQ08cgt"
	"ILqlWpPQJ5+fEopvY4ljp4=\r\n",
	"DomainKey-Signature: a=rsa-sha1; c=nofws; d=signed.test; h=Received:From:Subject:Rec"
	"eived; q=dns; s=old; b=NqrTXEeWhGnpBITytztz/F78nTmOss2g70zRQCQmyhvANsdp/0juF95YJlp+9"
	"u9Fd4dkXklm5Y3OiZg05rE2QF39StrzYi1oxeHOIS5gqPeryDMe92EXOEBLLKyicie/wOCkTXW45xh9uCkqy"
	"2vQROGApKkeuLsy79nfvbF4Zxg=\r\n",
	"DomainKey-Signature: a=rsa-sha1; c=simple; d=signed.test; q=dns; s=old; b=HH5+T/L9xG"
	"IyM95vZIpU/nOFotPOw4pyEDRlVhiapGrPBxtwHyl+DkNgFiSN+ry9ZcKYKWsCll4NID+LWGpcDNMgJuzu+v"
	"EUFOZ62BhubvFrbXCD2WHt3Jo9tG4tzk4UEnslpgOc4N7SCljxHTjTa6lb3tgywRzx2GTn4JMus3k=\r\n",
	"DomainKey-Signature: a=rsa-sha1; c=nofws; d=signed.test; q=dns; s=old; b=Wn96J62I1xX"
	"djAwFOv6qQs+vSd3JKjjZhi34Yd4tysvB7pWWKPgugAM3JBDJCLmx6z41uYs64W+PoCMDElMwbOdD1h4G6yN"
	"BeiTJuLH/5NJdpf9Vos9aTRA1YnXNw1G9oXqjJ1Sexva+eMsOIQ7/zJ/pDfJhEhkNf1ijj9iPA+Y=\r\n"
};

struct fixture {
	struct arena *arena;
	struct dkim_header header;
	struct domainkeys_check check;
};

static int setup(void **state)
{
	struct fixture *f = mem_zero(1, sizeof(*f));
	f->arena = arena_new();
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	arena_free(f->arena);
	free(f);
	return 0;
}

static enum trust_result run(struct fixture *f, const char *above, const char *signature,
                             const char *message, const char *record)
{
	const char *whole = arena_printf(f->arena, "%s%s%s", above, signature, message);
	struct slice text = slice_from_str(record);
	dkim_header_index(f->arena, slice_from_str(whole), 65536, &f->header);
	domainkeys_begin(&f->check, f->arena, &f->header);
	assert_true(f->check.present);
	domainkeys_hash(&f->check);
	if (f->check.verdict.is_open)
		domainkeys_answer(&f->check, NULL, record[0] ? 0 : -ENOENT, &text, 1);
	assert_false(f->check.verdict.is_open);
	return f->check.verdict.result;
}

#define RECORD "k=rsa; p=" KEY

static void good_ones(void **state)
{
	struct fixture *f = *state;
	for (int i = SIMPLE; i <= NOFWS_TWICE; i++) {
		assert_int_equal(run(f, "", signatures[i], HEADER BODY, RECORD), TRUST_PASS);
		assert_string_equal(f->check.verdict.key_name, "old._domainkey.signed.test");
		assert_string_equal(f->check.policy_name, "_domainkey.signed.test");
		assert_string_equal(f->check.sender_field, "from");
		assert_true(slice_equal(f->check.sender, SLICE("ann@signed.test")));
	}
	assert_int_equal(run(f, "", signatures[SIMPLE_EMPTY], EMPTY, RECORD), TRUST_PASS);
	assert_int_equal(run(f, "", signatures[NOFWS_EMPTY], EMPTY, RECORD), TRUST_PASS);
}

/* What is above the signature came later; empty lines at the end don't count. */
static void passed_on(void **state)
{
	struct fixture *f = *state;
	for (int i = SIMPLE; i <= NOFWS_TWICE; i++)
		assert_int_equal(run(f, "Received: by c.test; Mon\r\n", signatures[i],
		                     HEADER BODY "\r\n\r\n", RECORD),
		                 TRUST_PASS);
	/* White space, lines that are folded elsewhere: only nofws passes that over. */
	static const char other[] =
		"Received: by a.test; Sun, 1 Mar 2026\r\n"
		"Received: by b.test;\r\n\tSun\r\n"
		"From:  Ann <ann@signed.test>\r\n"
		"To: alice@example.test\r\n"
		"Subject: Hello there Alice\r\n"
		"Message-ID: <1@signed.test>\r\n\r\nHello, Alice.\r\n\r\n\r\nAnn\r\n";
	for (int i = SIMPLE; i <= SIMPLE_TWICE; i++)
		assert_int_equal(run(f, "", signatures[i], other, RECORD), TRUST_FAIL);
	for (int i = NOFWS; i <= NOFWS_TWICE; i++)
		assert_int_equal(run(f, "", signatures[i], other, RECORD), TRUST_PASS);
}

static void changed(void **state)
{
	struct fixture *f = *state;
	static const char more[] = "X-More: y\r\n" HEADER BODY;
	static const char body[] = HEADER "\r\nHello, Malice.\r\n";
	static const char twice[] = HEADER "Subject: No\r\n" BODY;
	for (int i = SIMPLE; i <= NOFWS_TWICE; i++) {
		bool list = i != SIMPLE && i != NOFWS;
		assert_int_equal(run(f, "", signatures[i], more, RECORD),
		                 list ? TRUST_PASS : TRUST_FAIL);
		assert_int_equal(run(f, "", signatures[i], body, RECORD), TRUST_FAIL);
		assert_int_equal(run(f, "", signatures[i], twice, RECORD), TRUST_FAIL);
		assert_int_equal(
			run(f, "From: eve@evil.test\r\n", signatures[i], HEADER BODY, RECORD),
			TRUST_FAIL);
	}
}

static void keys(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *record;
		enum trust_result wanted;
	} cases[] = {
		{ "p=" KEY, TRUST_PASS },
		{ "g=; k=rsa; t=y; n=a note; p=" KEY, TRUST_PASS },
		{ "g=ann; p=" KEY, TRUST_PASS },
		{ "g=*; p=" KEY, TRUST_PASS },
		{ "g=a*n; p=" KEY, TRUST_PASS },
		{ "g=an*nn; p=" KEY, TRUST_PERMERROR },
		{ "g=bob; p=" KEY, TRUST_PERMERROR },
		{ "g=Ann; p=" KEY, TRUST_PERMERROR },
		{ "v=DKIM1; h=sha256; p=" KEY, TRUST_PERMERROR },
		{ "p=", TRUST_PERMERROR },
		{ "", TRUST_PERMERROR },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(run(f, "", signatures[NOFWS], HEADER BODY, cases[i].record),
		                 cases[i].wanted);
	assert_int_equal(run(f, "", signatures[NOFWS], HEADER "\r\nNo.\r\n", "t=y; p=" KEY),
	                 TRUST_NEUTRAL);
}

static void nobody_to_speak_for(void **state)
{
	struct fixture *f = *state;
	static const struct {
		const char *signature, *message, *reason;
	} cases[] = {
		{ "a=rsa-sha1; d=signed.test; s=old; b=YWJj", "Subject: x\r\n\r\n",
		  "nobody below it says who has sent the message" },
		{ "a=rsa-sha1; d=other.test; s=old; b=YWJj", HEADER BODY,
		  "the sender is not of its domain (d=)" },
		{ "a=rsa-sha1; d=signed.test; s=old; b=YWJj",
		  "Sender: list@other.test\r\n" HEADER BODY,
		  "the sender is not of its domain (d=)" },
		{ "a=rsa-sha1; d=signed.test; h=To:Subject; s=old; b=YWJj", HEADER BODY,
		  "it does not sign the sender" },
		{ "a=rsa-sha256; d=signed.test; s=old; b=YWJj", HEADER BODY,
		  "its algorithm (a=) is unknown" },
		{ "c=relaxed; d=signed.test; s=old; b=YWJj", HEADER BODY,
		  "its canonical form (c=) is unknown" },
		{ "d=signed.test; s=old", HEADER BODY, "it has no signature (b=)" },
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *field = arena_printf(f->arena, "DomainKey-Signature: %s\r\n",
		                                 cases[i].signature);
		assert_int_equal(run(f, "", field, cases[i].message, RECORD), TRUST_NEUTRAL);
		assert_string_equal(f->check.verdict.reason, cases[i].reason);
	}
	assert_int_equal(
		run(f, "", "DomainKey-Signature: d=test; s=old; b=YWJj\r\n", HEADER BODY, RECORD),
		TRUST_FAIL);
}

static void policies(void **state)
{
	struct fixture *f = *state;
	const struct slice texts[] = { SLICE("v=spf1 -all"), SLICE("o=-; t=y; n=all of it") };
	run(f, "", signatures[NOFWS], HEADER BODY, RECORD);
	domainkeys_policy(&f->check, texts, 1);
	assert_int_equal(f->check.policy.len, 0);
	domainkeys_policy(&f->check, texts, 2);
	assert_true(slice_equal(f->check.policy, texts[1]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(good_ones, setup, teardown),
		cmocka_unit_test_setup_teardown(passed_on, setup, teardown),
		cmocka_unit_test_setup_teardown(changed, setup, teardown),
		cmocka_unit_test_setup_teardown(keys, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_to_speak_for, setup, teardown),
		cmocka_unit_test_setup_teardown(policies, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
