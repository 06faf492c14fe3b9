#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "mailbox/mailbox.h"
#include "mailbox/mailbox_pack.h"

static void assert_same(const struct flag_pack *a, const struct flag_pack *b)
{
	assert_int_equal(a->count, b->count);
	for (uint32_t i = 0; i < a->count; i++) {
		assert_int_equal(a->offsets[i], b->offsets[i]);
		assert_true(a->flags[i] == b->flags[i]);
		assert_true(a->mod_seqs[i] == b->mod_seqs[i]);
	}
}

static void test_round_trip_of_the_extremes(void **state)
{
	static char bytes[PACK_BYTES_MAX];
	static struct flag_pack in, out;
	(void)state;
	in.count = 4;
	in.offsets[0] = 0;
	in.offsets[1] = 1;
	in.offsets[2] = 200;
	in.offsets[3] = 255;
	in.flags[0] = 0;
	in.flags[1] = FLAG_SEEN | FLAG_DRAFT | FLAG_KEYWORD(0);
	in.flags[2] = FLAG_KEYWORD(55) | FLAG_DELETED;
	in.flags[3] = ~UINT64_C(0xe0);
	in.mod_seqs[0] = 1;
	in.mod_seqs[1] = INT64_MAX;
	in.mod_seqs[2] = 7;
	in.mod_seqs[3] = 7;
	assert_int_equal(pack_decode(pack_encode(&in, bytes), &out), 0);
	assert_same(&in, &out);
}

static void test_a_delivered_message_takes_three_bytes(void **state)
{
	static char bytes[PACK_BYTES_MAX];
	static struct flag_pack in, out;
	(void)state;
	in.count = PACK_UIDS;
	for (unsigned i = 0; i < PACK_UIDS; i++) {
		in.offsets[i] = (uint8_t)i;
		in.flags[i] = 0;
		in.mod_seqs[i] = 1000000 + i;
	}
	struct slice packed = pack_encode(&in, bytes);
	assert_in_range(packed.len, 3 * PACK_UIDS, 3 * PACK_UIDS + 3);
	assert_int_equal(pack_decode(packed, &out), 0);
	assert_same(&in, &out);
}

static void test_the_longest_record_fits(void **state)
{
	static char bytes[PACK_BYTES_MAX];
	static struct flag_pack in, out;
	(void)state;
	in.count = PACK_UIDS;
	for (unsigned i = 0; i < PACK_UIDS; i++) {
		in.offsets[i] = (uint8_t)i;
		in.flags[i] = ~UINT64_C(0xe0);
		in.mod_seqs[i] = i % 2 ? INT64_MAX : 0;
	}
	struct slice packed = pack_encode(&in, bytes);
	assert_true(packed.len <= sizeof(bytes));
	assert_int_equal(pack_decode(packed, &out), 0);
	assert_same(&in, &out);
}

static void test_damage_is_told(void **state)
{
	static struct flag_pack out;
	char full[3 * (PACK_UIDS + 1)];
	(void)state;
	assert_int_equal(pack_decode(SLICE_EMPTY, &out), 0);
	assert_int_equal(out.count, 0);
	assert_int_equal(pack_decode(SLICE("\x01"), &out), -EBADMSG);
	assert_int_equal(pack_decode(SLICE("\x01\x80"), &out), -EBADMSG);
	assert_int_equal(pack_decode(SLICE("\x01\x00"), &out), -EBADMSG);
	assert_int_equal(pack_decode(SLICE("\x01\x00\x02\x01\x00\x02"), &out), -EBADMSG);
	assert_int_equal(pack_decode(SLICE("\x05\x00\x02\x01\x00\x02"), &out), -EBADMSG);
	assert_int_equal(
		pack_decode(SLICE("\x01\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), &out),
		-EBADMSG);
	for (unsigned i = 0; i < sizeof(full); i += 3) {
		full[i] = (char)(i / 3);
		full[i + 1] = full[i + 2] = 0;
	}
	assert_int_equal(pack_decode(slice_of(full, sizeof(full)), &out), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip_of_the_extremes),
		cmocka_unit_test(test_a_delivered_message_takes_three_bytes),
		cmocka_unit_test(test_the_longest_record_fits),
		cmocka_unit_test(test_damage_is_told),
	};
	return cmocka_run_group_tests_name("mailbox_pack", tests, NULL, NULL);
}
