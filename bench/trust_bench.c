/* What it costs to say who has sent a message.
 *
 *     trust_bench [SECONDS]                   a message of 10 KiB, with keys made here: its body in
 *                                             canonical form and hashed, signed, verified
 *     trust_bench FORWARDER FILE [SECONDS [CLIENT HELO SENDER]]
 *                                             all checks of a message from a file, with the DNS of
 *                                             that resolver ("127.0.0.1@5353"), which is warm
 *                                             after the first; SPF, if it is said who has sent it
 *     trust_bench sign FILE                   writes such a message of 10 KiB from example.org, and
 *                                             prints the record of its key
 *
 * Printed is CPU time of the process for each, in microseconds: threads that answer for the DNS
 * count. */
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "dns/dns.h"
#include "fiber/fiber.h"
#include "trust/dkim_private.h"
#include "trust/key_cache.h"
#include "trust/trust.h"

enum { BODY_BYTES = 10 * 1024, ROUND = 20, FILE_MAX = 64 << 20 };

static int64_t cpu_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void measure(const char *what, void (*run)(void *arg, struct arena *scratch), void *arg,
                    int64_t seconds)
{
	struct arena *scratch = arena_new();
	int64_t end = clock_monotonic_ms() + seconds * 1000, count = 0;
	run(arg, scratch);
	int64_t began = cpu_ns();
	while (clock_monotonic_ms() < end) {
		for (int i = 0; i < ROUND; i++) {
			arena_reset(scratch);
			run(arg, scratch);
		}
		count += ROUND;
	}
	printf("%-28s %9.1f us CPU\n", what, (double)(cpu_ns() - began) / 1000 / (double)count);
	arena_free(scratch);
}

/* --- without the DNS ------------------------------------------------------------------- */

struct work {
	struct dkim_signer both, one;
	struct slice message, signed_by_rsa, signed_by_ed;
	struct slice record[2];
	struct dkim_keys *keys;
};

static struct slice make_message(struct arena *arena)
{
	struct buf b = buf_make(BODY_BYTES * 2);
	buf_append(&b, SLICE("From: Ann <ann@example.org>\r\nTo: Bob <bob@example.net>\r\n"
	                     "Subject: What it costs\r\nDate: Sun, 1 Mar 2026 10:00:00 +0000\r\n"
	                     "Message-ID: <1@example.org>\r\nMIME-Version: 1.0\r\n"
	                     "Content-Type: text/plain; charset=utf-8\r\n\r\n"));
	for (int i = 0; b.len < BODY_BYTES; i++)
		buf_printf(&b, "Line %d of a letter that says little, but in whole sentences.\r\n",
		           i);
	struct slice message = arena_copy(arena, buf_slice(&b));
	buf_free(&b);
	return message;
}

static void add_key(struct work *w, struct arena *arena, enum dkim_algorithm algorithm)
{
	struct slice der = dkim_private_make(arena, algorithm, DKIM_OUR_BITS);
	EVP_PKEY *key = dkim_private_read(algorithm, der);
	size_t i = w->both.count++;
	w->both.keys[i] = (struct dkim_signer_key){ SLICE("s"), algorithm, key };
	w->record[i] = dkim_private_record(arena, algorithm, key);
}

static void hash_body(void *arg, struct arena *scratch)
{
	const struct work *w = arg;
	dkim_sign_body(scratch, w->message);
}

static void sign_one(void *arg, struct arena *scratch)
{
	const struct work *w = arg;
	dkim_sign(scratch, &w->one, w->message, SIZE_MAX, 0);
}

static void sign_both(void *arg, struct arena *scratch)
{
	const struct work *w = arg;
	dkim_sign(scratch, &w->both, w->message, SIZE_MAX, 0);
}

static void verify(const struct work *w, struct arena *scratch, struct slice message,
                   const struct slice *record)
{
	const struct dkim_rules rules = { .max_signatures = 10 };
	struct dkim_header *header = ARENA_NEW(scratch, struct dkim_header);
	struct dkim_bodies *bodies = ARENA_NEW(scratch, struct dkim_bodies);
	struct dkim_check check;
	dkim_header_index(scratch, message, SIZE_MAX, header);
	dkim_check_begin(&check, scratch, header, &rules, bodies);
	dkim_bodies_begin(bodies, scratch);
	dkim_bodies_add(bodies, header->body);
	dkim_bodies_end(bodies);
	dkim_check_compare(&check, bodies);
	dkim_check_answer(&check, w->keys, 0, 0, record, 1);
	if (check.verdicts[0].result != TRUST_PASS)
		printf("a signature does not hold: %s\n", check.verdicts[0].reason);
}

static void verify_rsa(void *arg, struct arena *scratch)
{
	const struct work *w = arg;
	verify(w, scratch, w->signed_by_rsa, &w->record[0]);
}

static void verify_ed(void *arg, struct arena *scratch)
{
	const struct work *w = arg;
	verify(w, scratch, w->signed_by_ed, &w->record[1]);
}

static struct slice sign_with(struct arena *arena, struct work *w, size_t key)
{
	w->one.keys[0] = w->both.keys[key];
	const struct slice parts[] = {
		dkim_sign(arena, &w->one, w->message, SIZE_MAX, clock_wall_ms() / 1000), w->message
	};
	return arena_concat(arena, parts, 2);
}

static int without_dns(int64_t seconds)
{
	struct arena *arena = arena_new();
	struct work w = { .both.domain = SLICE("example.org"), .one.domain = SLICE("example.org") };
	w.one.count = 1;
	w.message = make_message(arena);
	w.keys = dkim_keys_new();
	add_key(&w, arena, DKIM_RSA_SHA256);
	add_key(&w, arena, DKIM_ED25519_SHA256);
	w.signed_by_rsa = sign_with(arena, &w, 0);
	w.signed_by_ed = sign_with(arena, &w, 1);
	measure("body, relaxed and SHA-256", hash_body, &w, seconds);
	measure("verify RSA-2048", verify_rsa, &w, seconds);
	measure("verify Ed25519", verify_ed, &w, seconds);
	measure("sign Ed25519", sign_one, &w, seconds);
	measure("sign RSA-2048 and Ed25519", sign_both, &w, seconds);
	for (size_t i = 0; i < w.both.count; i++)
		EVP_PKEY_free(w.both.keys[i].key);
	dkim_keys_free(w.keys);
	arena_free(arena);
	return 0;
}

static int sign_to_file(const char *path)
{
	struct arena *arena = arena_new();
	struct work w = { .both.domain = SLICE("example.org"), .one.domain = SLICE("example.org") };
	w.one.count = 1;
	w.message = make_message(arena);
	add_key(&w, arena, DKIM_RSA_SHA256);
	struct slice message = sign_with(arena, &w, 0);
	FILE *file = fopen(path, "we");
	bool written = file && fwrite(message.data, 1, message.len, file) == message.len;
	if (file)
		fclose(file);
	printf("%.*s\n", SLICE_ARG(w.record[0]));
	EVP_PKEY_free(w.both.keys[0].key);
	arena_free(arena);
	return !written;
}

/* --- with it --------------------------------------------------------------------------- */

struct checking {
	struct config *config;
	struct trust *trust;
	struct dns *dns;
	const char *forwarder;
	struct trust_question question;
	int64_t seconds;
	int rc;
};

static void check_once(void *arg, struct arena *scratch)
{
	struct checking *c = arg;
	struct trust_results results;
	int rc = trust_check(c->trust, scratch, &c->question, &results);
	if (rc < 0)
		c->rc = rc;
	trust_field(&results, scratch);
}

static void tell_result(struct checking *c)
{
	struct arena *arena = arena_new();
	struct trust_results results;
	c->rc = trust_check(c->trust, arena, &c->question, &results);
	if (c->rc == 0)
		printf("%.*s\n", SLICE_ARG(trust_text(&results, arena)));
	arena_free(arena);
}

static void check_all(void *arg)
{
	struct checking *c = arg;
	const struct dns_config dns_config = { .forwarder = c->forwarder, .trust_anchor = "" };
	c->rc = dns_open(&dns_config, &c->dns);
	const struct trust_config config = { .config = c->config, .dns = c->dns };
	if (c->rc == 0)
		c->rc = trust_open(&config, &c->trust);
	if (c->rc == 0)
		tell_result(c);
	if (c->rc == 0)
		measure("all checks, with the DNS", check_once, c, c->seconds);
	trust_close(c->trust);
	dns_close(c->dns);
	runtime_stop(0);
}

/* words: client, HELO and sender, or nothing. */
static int with_dns(const char *forwarder, const char *path, int64_t seconds, char **words)
{
	const struct runtime_config runtime = { .workers = 1 };
	FILE *file = fopen(path, "re");
	struct buf bytes = buf_make(FILE_MAX);
	char block[4096];
	size_t got;
	if (!file)
		return 1;
	while ((got = fread(block, 1, sizeof(block), file)) > 0)
		buf_append(&bytes, slice_of(block, got));
	fclose(file);
	struct checking c = { .config = config_defaults("."),
		              .forwarder = forwarder,
		              .question = { .message = buf_slice(&bytes) },
		              .seconds = seconds };
	struct arena *arena = arena_new();
	struct net_address client;
	struct address sender;
	if (words && net_address_parse(slice_from_str(words[0]), 0, &client) == 0 &&
	    address_parse(arena, slice_from_str(words[2]), 0, &sender)) {
		c.question.client = &client;
		c.question.helo = words[1];
		c.question.sender = &sender;
	}
	int rc = runtime_run(&runtime, check_all, &c);
	config_free(c.config);
	arena_free(arena);
	buf_free(&bytes);
	return rc < 0 || c.rc < 0;
}

static int64_t seconds_of(const char *text)
{
	int64_t seconds = 1;
	return text && slice_to_i64(slice_from_str(text), &seconds) && seconds > 0 ? seconds : 1;
}

int main(int argc, char **argv)
{
	if (argc <= 2)
		return without_dns(seconds_of(argv[1]));
	if (slice_equal(slice_from_str(argv[1]), SLICE("sign")))
		return sign_to_file(argv[2]);
	return with_dns(argv[1], argv[2], seconds_of(argv[3]), argc == 7 ? argv + 4 : NULL);
}
