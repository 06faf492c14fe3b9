#include "guard/attachment_process.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "fiber/fiber_testing.h"

/* --- a small archive that announces much -------------------------------------------------- */

enum { MEMBERS = 8000000, SIGNATURE_BYTES = 32 };

static uint32_t crc32_of(const unsigned char *bytes, size_t len)
{
	uint32_t crc = ~0U;
	for (size_t i = 0; i < len; i++) {
		crc ^= bytes[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320U : 0);
	}
	return ~crc;
}

static void put(unsigned char *to, uint64_t number, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		to[i] = (unsigned char)(number >> 8 * i);
}

/* Members that are nothing but a bit each, and no names. Packed it would be a few hundred bytes. */
static struct slice many_members(struct arena *arena)
{
	size_t bits = MEMBERS / 8, len = 2 + 4 + 1 + 4 + bits + 2;
	unsigned char *all = arena_zero(arena, SIGNATURE_BYTES + len, 1);
	unsigned char *header = all + SIGNATURE_BYTES;
	memcpy(all, "7z\xBC\xAF\x27\x1C\0\4", 8);
	header[0] = 1; /* header */
	header[1] = 5; /* files */
	header[2] = 0xE0;
	put(header + 3, MEMBERS, 3);
	header[6] = 14; /* which have no bytes */
	header[7] = 0xE0;
	put(header + 8, bits, 3);
	memset(header + 11, 0xFF, bits);
	put(all + 20, len, 8);
	put(all + 28, crc32_of(header, len), 4);
	put(all + 8, crc32_of(all + 12, 20), 4);
	return slice_of((const char *)all, SIGNATURE_BYTES + len);
}

/* --- looking ------------------------------------------------------------------------------ */

struct looking {
	struct attachment_helper *helper;
	struct arena *arena;
	struct slice message;
	struct attachment_facts facts;
};

static void look(void *arg)
{
	struct looking *l = arg;
	const struct config config = { .attachments = { .look = true,
		                                        .max_depth = 3,
		                                        .max_members = 20,
		                                        .max_unpacked_bytes = 1048576,
		                                        .max_ms = 5000 },
		                       .message = MESSAGE_LIMITS_DEFAULT };
	CHECK(attachment_look(l->helper, l->arena, l->message, &config, &l->facts) == 0);
}

static void check_fact(const struct looking *l, size_t i, const char *expected)
{
	assert_true(i < l->facts.count);
	assert_string_equal(arena_str(l->arena, l->facts.items[i]), expected);
}

#define SCRIPT                                                                                     \
	"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"            \
	"Content-Type: application/octet-stream; name=a.pdf\r\n\r\n#!/bin/sh\r\n\r\n"

static void facts_come_back(void **state)
{
	struct looking l = { .helper = *state, .arena = arena_new() };
	l.message = SLICE(SCRIPT "--b--\r\n");
	run_on_fiber(1, look, &l);
	assert_int_equal(l.facts.count, 2);
	check_fact(&l, 0, "attachment=mismatch a.pdf: script");
	check_fact(&l, 1, "attachment=script a.pdf: script");
	arena_free(l.arena);
}

/* What was found before it is told. The helper goes on. */
static void what_takes_too_much_is_ended(void **state)
{
	struct looking l = { .helper = *state, .arena = arena_new() };
	const struct slice parts[] = { SLICE(SCRIPT "--b\r\nContent-Type: application/zip\r\n"
		                                    "Content-Transfer-Encoding: binary\r\n\r\n"),
		                       many_members(l.arena), SLICE("\r\n--b--\r\n") };
	l.message = arena_concat(l.arena, parts, 3);
	run_on_fiber(1, look, &l);
	check_fact(&l, 1, "attachment=script a.pdf: script");
	/* Without memory the child ends, or the library gives up, by how it is built. */
	assert_true(l.facts.count > 2);
	assert_true(slice_starts_with(l.facts.items[l.facts.count - 1],
	                              SLICE("attachment=unchecked (")));
	arena_free(l.arena);
	facts_come_back(state);
}

/* The first child of a process; 0: it has none. */
static pid_t child_of(pid_t parent)
{
	char path[64];
	int child = 0;
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)parent, (int)parent);
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	if (fscanf(file, "%d", &child) != 1)
		child = 0;
	(void)fclose(file);
	return child;
}

static void a_helper_that_is_killed_is_started_again(void **state)
{
	pid_t keeper = child_of(getpid());
	assert_true(keeper > 0);
	for (int i = 0; i < 2; i++) {
		facts_come_back(state);
		pid_t helper = child_of(keeper);
		assert_true(helper > 0);
		assert_int_equal(kill(helper, SIGKILL), 0);
		/* What it has in its hands while it dies is lost. */
		while (child_of(keeper) == helper)
			usleep(1000);
	}
	facts_come_back(state);
}

/* Of the children that a process has waited for. */
static unsigned long faults_of_children(pid_t parent)
{
	char path[64];
	unsigned long faults = 0;
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)parent);
	FILE *file = fopen(path, "re");
	assert_non_null(file);
	assert_int_equal(fscanf(file, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %lu", &faults),
	                 1);
	(void)fclose(file);
	return faults;
}

static void look_for_a_moment(void *arg)
{
	const struct looking *l = arg;
	const struct config config = { .attachments = { .look = true },
		                       .message = MESSAGE_LIMITS_DEFAULT };
	struct attachment_facts facts;
	CHECK(attachment_look(l->helper, l->arena, l->message, &config, &facts) == -ECANCELED);
}

static void ask_and_go(void *arg)
{
	for (int i = 0; i < 40; i++) {
		fiber_id id = fiber_start(0, "look", look_for_a_moment, arg);
		fiber_yield();
		fiber_cancel(id);
		CHECK(fiber_join(id, deadline_in(60000)) == 0);
	}
}

/* Who has asked and is gone costs no child. */
static void nobody_is_answered_who_does_not_wait(void **state)
{
	struct looking l = { .helper = *state, .arena = arena_new() };
	pid_t helper = child_of(child_of(getpid()));
	l.message = SLICE(SCRIPT "--b--\r\n");
	unsigned long before = faults_of_children(helper);
	for (int i = 0; i < 5; i++)
		facts_come_back(state);
	unsigned long of_five = faults_of_children(helper) - before;
	assert_int_equal(kill(helper, SIGSTOP), 0);
	run_on_fiber(1, ask_and_go, &l);
	assert_int_equal(kill(helper, SIGCONT), 0);
	before = faults_of_children(helper);
	facts_come_back(state);
	assert_true(faults_of_children(helper) - before < 3 * of_five);
	arena_free(l.arena);
}

static int start(void **state)
{
	return attachment_helper_start((struct attachment_helper **)state);
}

static int stop(void **state)
{
	attachment_helper_stop(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts_come_back),
		cmocka_unit_test(what_takes_too_much_is_ended),
		cmocka_unit_test(nobody_is_answered_who_does_not_wait),
		cmocka_unit_test(a_helper_that_is_killed_is_started_again),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
