/* What accounts have sent, as rows. */
#include <errno.h>
#include <stdio.h>

#include "guard/guard_account.h"
#include "message/bounce_class.h"
#include "store/db.h"

#define SLOT_MS   (10 * 60 * 1000LL)
#define HOUR_MS   (6 * SLOT_MS)
#define DAY_MS    (24 * HOUR_MS)
#define KEPT_DAYS 2

static int64_t slot_of(int64_t ms) { return ms / SLOT_MS; }

const char *account_standing_name(enum account_standing standing)
{
	static const char *const names[] = { "free", "slowed", "held" };
	return names[standing];
}

/* --- limits ------------------------------------------------------------------------------- */

const char *account_beyond(const struct config_account *c, const struct account_use *u,
                           char why[static ACCOUNT_WHY_MAX])
{
	int64_t percent = u->bounces * 100 / (u->two_days > 0 ? u->two_days : 1);
	why[0] = '\0';
	if (c->hour_recipients > 0 && u->hour >= c->hour_recipients)
		snprintf(why, ACCOUNT_WHY_MAX, "%lld recipients within an hour",
		         (long long)u->hour);
	else if (c->day_recipients > 0 && u->day >= c->day_recipients)
		snprintf(why, ACCOUNT_WHY_MAX, "%lld recipients within a day", (long long)u->day);
	else if (c->networks > 0 && u->networks > c->networks)
		snprintf(why, ACCOUNT_WHY_MAX, "%lld networks within %lld minutes",
		         (long long)u->networks, (long long)(c->networks_ms / 60000));
	else if (c->countries > 0 && u->countries > c->countries)
		snprintf(why, ACCOUNT_WHY_MAX, "%lld countries within %lld hours",
		         (long long)u->countries, (long long)(c->countries_ms / 3600000));
	else if (c->bounce_percent > 0 && u->bounces >= c->bounce_min &&
	         percent >= c->bounce_percent)
		snprintf(why, ACCOUNT_WHY_MAX, "%lld recipients that do not exist, of %lld",
		         (long long)u->bounces, (long long)u->two_days);
	return why[0] ? why : NULL;
}

static int64_t least(int64_t room, unsigned limit, int64_t used)
{
	int64_t left = limit > used ? limit - used : 0;
	return limit > 0 && left < room ? left : room;
}

int64_t account_room(const struct config_account *c, const struct account_use *u)
{
	if (u->standing == ACCOUNT_SLOWED)
		return c->slow_recipients > u->slow_hour ? c->slow_recipients - u->slow_hour : 0;
	/* What is held takes room all the same. */
	if (u->standing == ACCOUNT_HELD)
		return least(INT64_MAX, c->hour_recipients, u->slow_hour);
	return least(least(INT64_MAX, c->hour_recipients, u->hour), c->day_recipients, u->day);
}

/* --- reading ------------------------------------------------------------------------------ */

static int read_standing(struct db *db, int64_t account_id, struct account_use *out)
{
	struct db_rows rows;
	int rc = db_query(db, &rows,
	                  "SELECT standing, since_ms, why, told_ms, released_ms, refused"
	                  " FROM account_standing WHERE account_id = $1",
	                  "i", account_id);
	if (rc == 0)
		rc = db_next(&rows);
	if (rc == 0) {
		out->standing = (enum account_standing)db_int(&rows, 0);
		out->since_ms = db_int(&rows, 1);
		snprintf(out->why, sizeof(out->why), "%.*s", SLICE_ARG(db_text(&rows, 2)));
		out->told_ms = db_int(&rows, 3);
		out->released_ms = db_int(&rows, 4);
		out->refused = db_int(&rows, 5);
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

static int read_sent(struct db *db, int64_t account_id, int64_t now_ms, struct account_use *out)
{
	struct db_rows rows;
	int64_t hour = slot_of(now_ms - HOUR_MS), day = slot_of(now_ms - DAY_MS);
	int rc = db_query(db, &rows,
	                  "SELECT slot, recipients, slowed FROM account_sent"
	                  " WHERE account_id = $1 AND slot > $2",
	                  "ii", account_id, slot_of(now_ms - KEPT_DAYS * DAY_MS));
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		int64_t slot = db_int(&rows, 0), count = db_int(&rows, 1);
		out->two_days += count;
		out->day += slot > day ? count : 0;
		out->hour += slot > hour ? count : 0;
		out->slow_hour += slot > hour ? db_int(&rows, 2) : 0;
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

/* "192.0.0.0/16"; "local" for a client without an address of its own. */
static const char *network_text(const struct config_account *c, const struct net_address *client,
                                char out[static NET_ADDRESS_TEXT_MAX])
{
	struct net_network network;
	if (!net_network_of(client, c->network_bits_v4, c->network_bits_v6, &network))
		return "local";
	return net_network_text(&network, out);
}

static int read_networks(struct db *db, const struct config_account *c, int64_t account_id,
                         const struct account_place *place, int64_t now_ms, int64_t *count_out)
{
	char text[NET_ADDRESS_TEXT_MAX];
	int rc = db_get_int(db, count_out,
	                    "SELECT count(*) FROM account_network WHERE account_id = $1"
	                    " AND last_ms > $2 AND network <> $3",
	                    "iis", account_id, now_ms - c->networks_ms,
	                    place ? network_text(c, place->client, text) : "");
	*count_out += place != NULL;
	return rc;
}

static int read_countries(struct db *db, const struct config_account *c, int64_t account_id,
                          const struct account_place *place, int64_t now_ms, int64_t *count_out)
{
	bool known = place && place->country[0];
	int rc = db_get_int(db, count_out,
	                    "SELECT count(DISTINCT country) FROM account_network"
	                    " WHERE account_id = $1 AND last_ms > $2 AND country <> ''"
	                    " AND country <> $3",
	                    "iis", account_id, now_ms - c->countries_ms,
	                    known ? place->country : "");
	*count_out += known;
	return rc;
}

int account_read_use(struct db *db, const struct config_account *c, int64_t account_id,
                     struct slice address, const struct account_place *place, int64_t now_ms,
                     struct account_use *out)
{
	*out = (struct account_use){ .standing = ACCOUNT_FREE };
	int rc = read_standing(db, account_id, out);
	if (rc == 0)
		rc = read_sent(db, account_id, now_ms, out);
	if (rc == 0)
		rc = read_networks(db, c, account_id, place, now_ms, &out->networks);
	if (rc == 0)
		rc = read_countries(db, c, account_id, place, now_ms, &out->countries);
	if (rc < 0)
		return rc;
	int64_t since_ms = now_ms - DAY_MS;
	return db_get_int(db, &out->bounces,
	                  "SELECT count(*) FROM bounce WHERE account = $1 AND at_ms > $2"
	                  " AND class = $3",
	                  "tii", address, since_ms > out->released_ms ? since_ms : out->released_ms,
	                  (int64_t)BOUNCE_CLASS_HARD);
}

int account_find_standing(struct db *db, int64_t account_id, enum account_standing *out)
{
	int64_t standing = ACCOUNT_FREE;
	int rc = db_get_int(db, &standing,
	                    "SELECT standing FROM account_standing WHERE account_id = $1", "i",
	                    account_id);
	*out = (enum account_standing)standing;
	return rc == -ENODATA ? 0 : rc;
}

/* --- changes ------------------------------------------------------------------------------ */

static int forget_old(struct db *db, int64_t account_id, int64_t now_ms)
{
	int rc = db_run(db, "DELETE FROM account_sent WHERE account_id = $1 AND slot <= $2", "ii",
	                account_id, slot_of(now_ms - KEPT_DAYS * DAY_MS));
	return rc < 0 ? rc
	              : db_run(db,
	                       "DELETE FROM account_network WHERE account_id = $1"
	                       " AND last_ms <= $2",
	                       "ii", account_id, now_ms - DAY_MS);
}

int account_note_sent(struct db *db, const struct config_account *c, int64_t account_id,
                      const struct account_place *place, size_t recipients, int64_t now_ms)
{
	char text[NET_ADDRESS_TEXT_MAX];
	enum account_standing standing;
	int rc = account_find_standing(db, account_id, &standing);
	if (rc == 0)
		rc = forget_old(db, account_id, now_ms);
	if (rc == 0)
		rc = db_run(db,
		            "INSERT INTO account_sent (account_id, slot, recipients, slowed)"
		            " VALUES ($1, $2, $3, $4) ON CONFLICT (account_id, slot) DO UPDATE SET"
		            " recipients = account_sent.recipients + excluded.recipients,"
		            " slowed = account_sent.slowed + excluded.slowed",
		            "iiii", account_id, slot_of(now_ms), (int64_t)recipients,
		            standing == ACCOUNT_FREE ? 0 : (int64_t)recipients);
	if (rc == 0)
		rc = db_run(
			db,
			"INSERT INTO account_network (account_id, network, last_ms, country)"
			" VALUES ($1, $2, $3, $4) ON CONFLICT (account_id, network) DO UPDATE SET"
			" last_ms = excluded.last_ms, country = excluded.country",
			"isis", account_id, network_text(c, place->client, text), now_ms,
			place->country);
	return rc;
}

int account_forget(struct db *db, int64_t account_id)
{
	int rc = db_run(db, "DELETE FROM account_sent WHERE account_id = $1", "i", account_id);
	if (rc == 0)
		rc = db_run(db, "DELETE FROM account_network WHERE account_id = $1", "i",
		            account_id);
	if (rc == 0)
		rc = db_run(db, "DELETE FROM account_standing WHERE account_id = $1", "i",
		            account_id);
	return rc;
}

int account_release(struct db *db, int64_t account_id, int64_t now_ms)
{
	enum account_standing standing;
	int rc = account_find_standing(db, account_id, &standing);
	if (rc < 0 || standing == ACCOUNT_FREE)
		return rc < 0 ? rc : -ENOENT;
	rc = account_forget(db, account_id);
	return rc < 0 ? rc
	              : db_run(db,
	                       "INSERT INTO account_standing (account_id, standing, since_ms, why,"
	                       " told_ms, released_ms, refused) VALUES ($1, 0, $2, '', 0, $2, 0)",
	                       "ii", account_id, now_ms);
}
