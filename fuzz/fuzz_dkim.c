/* A message with signatures, verified with a key that is in the DNS: none may be taken for valid,
 * and the canonical body is the same in whatever pieces it comes. */
#include "fuzz.h"

#include "trust/arc.h"

#define RECORD "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="

static void hash_body(struct arena *arena, struct dkim_bodies *b, struct slice body, size_t step)
{
	dkim_bodies_begin(b, arena);
	for (size_t at = 0; at < body.len; at += step)
		dkim_bodies_add(b, slice_sub(body, at, step));
	dkim_bodies_end(b);
}

static void check_message(struct arena *arena, struct slice message)
{
	const struct dkim_rules rules = { .max_signatures = 10, .now_s = 1700000000 };
	struct dkim_header *header = ARENA_NEW(arena, struct dkim_header);
	struct dkim_bodies *bodies = ARENA_NEW(arena, struct dkim_bodies),
			   *again = ARENA_NEW(arena, struct dkim_bodies);
	struct slice record = SLICE(RECORD);
	struct dkim_check check;
	dkim_header_index(arena, message, 65536, header);
	dkim_check_begin(&check, arena, header, &rules, bodies);
	*again = *bodies;
	hash_body(arena, bodies, header->body, message.len + 1);
	hash_body(arena, again, header->body, 3);
	for (size_t i = 0; i < bodies->count; i++)
		FUZZ_CHECK(slice_equal(dkim_digest_slice(&bodies->items[i].digest),
		                       dkim_digest_slice(&again->items[i].digest)));
	dkim_check_compare(&check, bodies);
	for (size_t i = 0; i < check.count; i++) {
		dkim_check_answer(&check, NULL, i, 0, &record, 1);
		FUZZ_CHECK(!check.verdicts[i].is_open && check.verdicts[i].reason);
		FUZZ_CHECK(check.verdicts[i].result != TRUST_NONE);
	}
}

static void check_chain(struct arena *arena, struct slice message)
{
	const struct dkim_rules rules = { .max_signatures = 10, .now_s = 1700000000 };
	struct dkim_header *header = ARENA_NEW(arena, struct dkim_header);
	struct dkim_bodies *bodies = ARENA_NEW(arena, struct dkim_bodies);
	struct slice record = SLICE(RECORD);
	struct arc_check check;
	struct authres results;
	dkim_header_index(arena, message, 65536, header);
	arc_check_begin(&check, arena, header, &rules, bodies);
	hash_body(arena, bodies, header->body, message.len + 1);
	arc_check_compare(&check, bodies);
	for (size_t i = 0; i < arc_check_keys(&check); i++) {
		if (arc_check_key(&check, i))
			arc_check_answer(&check, NULL, i, 0, &record, 1);
	}
	arc_check_end(&check);
	FUZZ_CHECK(check.result == TRUST_NONE || check.result == TRUST_FAIL);
	for (size_t i = 0; i < check.count; i++)
		arc_results(arena, &check.sets[i], &results);
}

static void check_key(struct arena *arena, struct slice record)
{
	struct dkim_key key;
	if (dkim_key_parse(arena, record, &key))
		return;
	FUZZ_CHECK(key.pkey && key.bits >= 256);
	dkim_key_end(&key);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice input = fuzz_input(data, size);
	struct arena *arena = arena_new();
	check_message(arena, input);
	check_chain(arena, input);
	check_key(arena, input);
	arena_free(arena);
	return 0;
}
