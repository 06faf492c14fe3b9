/* What accounts have sent, over hours and days, and what follows. */
#include "guard/guard_account.h"

#include <errno.h>

#include "store/store_testing.h"

#define MINUTE_MS (60 * 1000LL)
#define HOUR_MS   (60 * MINUTE_MS)
#define DAY_MS    (24 * HOUR_MS)
#define BEGIN_MS  (1000 * DAY_MS)

enum { ACCOUNT = 7 };

static const struct config_account limits = {
	.enabled = true,
	.hour_recipients = 100,
	.day_recipients = 300,
	.networks = 2,
	.networks_ms = HOUR_MS,
	.network_bits_v4 = 16,
	.network_bits_v6 = 32,
	.countries = 2,
	.countries_ms = 6 * HOUR_MS,
	.bounce_percent = 50,
	.bounce_min = 3,
	.slow_recipients = 10,
};

struct event {
	const char *ip, *country;
	size_t recipients;
	int64_t now_ms;
	struct account_use use;
};

static int do_send(struct db *db, void *arg)
{
	const struct event *e = arg;
	struct net_address client;
	assert_int_equal(net_address_parse(slice_from_str(e->ip), 0, &client), 0);
	const struct account_place place = { &client, e->country ? e->country : "" };
	return account_note_sent(db, &limits, ACCOUNT, &place, e->recipients, e->now_ms);
}

static int do_read(struct db *db, void *arg)
{
	struct event *e = arg;
	return account_read_use(db, &limits, ACCOUNT, SLICE("alice@example.test"), NULL, e->now_ms,
	                        &e->use);
}

static int do_release(struct db *db, void *arg)
{
	const struct event *e = arg;
	return account_release(db, ACCOUNT, e->now_ms);
}

static struct account_use sent(struct store *store, const char *ip, size_t recipients,
                               int64_t now_ms)
{
	struct event e = { .ip = ip, .recipients = recipients, .now_ms = now_ms };
	if (recipients > 0)
		assert_int_equal(store_commit(store, NULL, 0, do_send, &e), 0);
	assert_int_equal(store_read(store, do_read, &e), 0);
	return e.use;
}

static void windows(void **state)
{
	void *dir;
	testing_make_dir(&dir);
	struct store *store = testing_open(dir);
	struct account_use use = sent(store, "192.0.2.1", 40, BEGIN_MS);
	(void)state;
	assert_int_equal(use.hour, 40);
	assert_int_equal(account_room(&limits, &use), 60);
	use = sent(store, "192.0.2.200", 59, BEGIN_MS + 40 * MINUTE_MS);
	assert_int_equal(use.hour, 99);
	assert_int_equal(use.networks, 1);
	use = sent(store, "192.0.2.1", 0, BEGIN_MS + 65 * MINUTE_MS);
	assert_int_equal(use.hour, 59);
	assert_int_equal(use.day, 99);
	/* A restart forgets nothing. */
	store_close(store);
	store = testing_open(dir);
	for (int hour = 2; hour < 4; hour++)
		use = sent(store, "198.51.100.1", 99, BEGIN_MS + hour * HOUR_MS);
	assert_int_equal(use.day, 297);
	assert_int_equal(account_room(&limits, &use), 1);
	use = sent(store, "192.0.2.1", 0, BEGIN_MS + DAY_MS + HOUR_MS);
	assert_int_equal(use.day, 198);
	assert_int_equal(use.two_days, 297);
	use = sent(store, "192.0.2.1", 1, BEGIN_MS + 5 * DAY_MS);
	assert_int_equal(use.two_days, 1);
	store_close(store);
	testing_remove_dir(&dir);
}

static void networks(void **state)
{
	void *dir;
	char why[ACCOUNT_WHY_MAX];
	testing_make_dir(&dir);
	struct store *store = testing_open(dir);
	struct account_use use;
	(void)state;
	sent(store, "192.0.2.1", 1, BEGIN_MS);
	use = sent(store, "2001:db8::1", 1, BEGIN_MS + 10 * MINUTE_MS);
	assert_null(account_beyond(&limits, &use, why));
	use = sent(store, "198.51.100.1", 1, BEGIN_MS + 20 * MINUTE_MS);
	assert_string_equal(account_beyond(&limits, &use, why), "3 networks within 60 minutes");
	use = sent(store, "192.0.2.1", 0, BEGIN_MS + 75 * MINUTE_MS);
	assert_int_equal(use.networks, 1);
	store_close(store);
	testing_remove_dir(&dir);
}

static void countries(void **state)
{
	static const char *const codes[] = { "DE", "", "DE", "FR", "NL" };
	void *dir;
	char why[ACCOUNT_WHY_MAX];
	testing_make_dir(&dir);
	struct store *store = testing_open(dir);
	(void)state;
	for (int i = 0; i < 5; i++) {
		char ip[32];
		snprintf(ip, sizeof(ip), "10.%d.0.1", i);
		struct event e = { .ip = ip,
			           .country = codes[i],
			           .recipients = 1,
			           .now_ms = BEGIN_MS + i * HOUR_MS };
		assert_int_equal(store_commit(store, NULL, 0, do_send, &e), 0);
		assert_int_equal(store_read(store, do_read, &e), 0);
		assert_int_equal(e.use.countries, i < 3 ? 1 : i - 1);
		if (i < 4)
			assert_null(account_beyond(&limits, &e.use, why));
		else
			assert_string_equal(account_beyond(&limits, &e.use, why),
			                    "3 countries within 6 hours");
	}
	store_close(store);
	testing_remove_dir(&dir);
}

static void what_is_beyond(void **state)
{
	char why[ACCOUNT_WHY_MAX];
	struct account_use use = { .hour = 99, .day = 299, .networks = 2, .two_days = 10 };
	struct config_account none = { .enabled = true };
	(void)state;
	assert_null(account_beyond(&limits, &use, why));
	use.bounces = 2;
	assert_null(account_beyond(&limits, &use, why));
	use.bounces = 5;
	assert_string_equal(account_beyond(&limits, &use, why),
	                    "5 recipients that do not exist, of 10");
	use.day = 300;
	assert_string_equal(account_beyond(&limits, &use, why), "300 recipients within a day");
	use.hour = 100;
	assert_string_equal(account_beyond(&limits, &use, why), "100 recipients within an hour");
	assert_null(account_beyond(&none, &use, why));
	assert_int_equal(account_room(&none, &use), INT64_MAX);
	use.standing = ACCOUNT_SLOWED;
	use.slow_hour = 7;
	assert_int_equal(account_room(&limits, &use), 3);
	use.standing = ACCOUNT_HELD;
	assert_int_equal(account_room(&limits, &use), 93);
}

static int do_slow(struct db *db, void *arg)
{
	(void)arg;
	return db_run(db,
	              "INSERT INTO account_standing (account_id, standing, since_ms, why, told_ms,"
	              " released_ms, refused) VALUES ($1, 1, 0, 'x', 0, 0, 0)",
	              "i", (int64_t)ACCOUNT);
}

static void released(void **state)
{
	void *dir;
	testing_make_dir(&dir);
	struct store *store = testing_open(dir);
	struct event e = { .now_ms = BEGIN_MS };
	(void)state;
	assert_int_equal(store_commit(store, NULL, 0, do_release, &e), -ENOENT);
	assert_int_equal(store_commit(store, NULL, 0, do_slow, NULL), 0);
	struct account_use use = sent(store, "192.0.2.1", 4, BEGIN_MS);
	assert_int_equal(use.standing, ACCOUNT_SLOWED);
	assert_int_equal(use.slow_hour, 4);
	assert_int_equal(store_commit(store, NULL, 0, do_release, &e), 0);
	use = sent(store, "192.0.2.1", 0, BEGIN_MS);
	assert_int_equal(use.standing, ACCOUNT_FREE);
	assert_int_equal(use.hour, 0);
	assert_int_equal(use.released_ms, BEGIN_MS);
	store_close(store);
	testing_remove_dir(&dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(windows),   cmocka_unit_test(networks),
		cmocka_unit_test(countries), cmocka_unit_test(what_is_beyond),
		cmocka_unit_test(released),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
