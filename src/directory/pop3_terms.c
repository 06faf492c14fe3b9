#include "directory/pop3_terms.h"

#include <errno.h>

#include "config/config_options.h"

enum { DELAY_MAX_MS = 86400000 };

int pop3_terms_own(struct db *db, int64_t account_id, struct pop3_terms_change *out)
{
	struct db_rows rows = { 0 };
	*out = (struct pop3_terms_change){ .has_expire = false };
	int rc = db_query(db, &rows,
	                  "SELECT expire_days, delay_ms FROM pop3_terms WHERE account_id = $1", "i",
	                  account_id);
	if (rc == 0 && (rc = db_next(&rows)) == 0) {
		out->has_expire = !db_is_null(&rows, 0);
		out->has_delay = !db_is_null(&rows, 1);
		out->terms = (struct pop3_terms){ (int)db_int(&rows, 0), db_int(&rows, 1) };
	}
	db_end(&rows);
	return rc == -ENODATA ? 0 : rc;
}

int pop3_terms_get(struct db *db, int64_t account_id, struct pop3_terms *terms)
{
	struct pop3_terms_change own;
	int rc = pop3_terms_own(db, account_id, &own);
	if (rc == 0 && own.has_expire)
		terms->expire_days = own.terms.expire_days;
	if (rc == 0 && own.has_delay)
		terms->delay_ms = own.terms.delay_ms;
	return rc;
}

static bool is_stricter(int days, int than)
{
	return days != CONFIG_NEVER && (than == CONFIG_NEVER || days < than);
}

int pop3_terms_strictest(struct db *db, struct pop3_terms *terms, bool *expire_varies_out,
                         bool *delay_varies_out)
{
	struct db_rows rows = { 0 };
	const struct pop3_terms all = *terms;
	bool expire = false, delay = false;
	int rc = db_query(db, &rows, "SELECT expire_days, delay_ms FROM pop3_terms", "");
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		int days = db_is_null(&rows, 0) ? all.expire_days : (int)db_int(&rows, 0);
		int64_t ms = db_is_null(&rows, 1) ? all.delay_ms : db_int(&rows, 1);
		expire |= days != all.expire_days;
		delay |= ms != all.delay_ms;
		if (is_stricter(days, terms->expire_days))
			terms->expire_days = days;
		if (ms > terms->delay_ms)
			terms->delay_ms = ms;
	}
	db_end(&rows);
	if (rc != -ENODATA)
		return rc;
	*expire_varies_out = expire;
	*delay_varies_out = delay;
	return 0;
}

/* --- logins --------------------------------------------------------------------------- */

/* One that lies ahead was noted by a clock that was wrong. */
int pop3_login_note(struct db *db, int64_t account_id, int64_t delay_ms, int64_t now_ms)
{
	int64_t changed;
	int rc = db_change(db, &changed,
	                   "INSERT INTO pop3_login (account_id, at_ms) VALUES ($1, $2)"
	                   " ON CONFLICT (account_id) DO UPDATE SET at_ms = $2"
	                   " WHERE at_ms <= $3 OR at_ms > $2",
	                   "iii", account_id, now_ms, now_ms - delay_ms);
	return rc == 0 && changed == 0 ? -EAGAIN : rc;
}

int pop3_login_is_known(struct db *db, int64_t account_id, bool *known_out)
{
	int64_t count;
	int rc = db_get_int(db, &count, "SELECT count(*) FROM pop3_login WHERE account_id = $1",
	                    "i", account_id);
	if (rc == 0)
		*known_out = count > 0;
	return rc;
}

int pop3_terms_expiring(struct db *db, const struct pop3_terms *all, int64_t after,
                        int64_t ids[POP3_EXPIRING_MAX])
{
	struct db_rows rows;
	int count = 0;
	int rc = db_query(db, &rows,
	                  "SELECT a.id FROM account a LEFT JOIN pop3_terms t ON t.account_id = a.id"
	                  " WHERE a.id > $1 AND coalesce(t.expire_days, $2) > 0"
	                  " AND (t.expire_days IS NOT NULL"
	                  " OR a.id IN (SELECT account_id FROM pop3_login)) ORDER BY a.id",
	                  "ii", after, (int64_t)all->expire_days);
	while (rc == 0 && count < POP3_EXPIRING_MAX && (rc = db_next(&rows)) == 0)
		ids[count++] = db_int(&rows, 0);
	db_end(&rows);
	return rc == 0 || rc == -ENODATA ? count : rc;
}

/* --- changes -------------------------------------------------------------------------- */

bool pop3_terms_parse(const char *expire, const char *delay, struct pop3_terms_change *out)
{
	struct pop3_terms_change c = { .has_expire = expire, .has_delay = delay };
	c.expire_is_default = expire && strcmp(expire, "default") == 0;
	c.delay_is_default = delay && strcmp(delay, "default") == 0;
	if (expire && !c.expire_is_default &&
	    !config_parse_days(slice_from_str(expire), &c.terms.expire_days))
		return false;
	if (delay && !c.delay_is_default &&
	    (!config_parse_duration(slice_from_str(delay), &c.terms.delay_ms) ||
	     c.terms.delay_ms > DELAY_MAX_MS))
		return false;
	*out = c;
	return true;
}

static int set_expire(struct db *db, int64_t account_id, const struct pop3_terms_change *c)
{
	if (c->expire_is_default)
		return db_run(db, "UPDATE pop3_terms SET expire_days = NULL WHERE account_id = $1",
		              "i", account_id);
	return db_run(db, "UPDATE pop3_terms SET expire_days = $2 WHERE account_id = $1", "ii",
	              account_id, (int64_t)c->terms.expire_days);
}

static int set_delay(struct db *db, int64_t account_id, const struct pop3_terms_change *c)
{
	if (c->delay_is_default)
		return db_run(db, "UPDATE pop3_terms SET delay_ms = NULL WHERE account_id = $1",
		              "i", account_id);
	return db_run(db, "UPDATE pop3_terms SET delay_ms = $2 WHERE account_id = $1", "ii",
	              account_id, c->terms.delay_ms);
}

int pop3_terms_set(struct db *db, struct slice address, const struct pop3_terms_change *change)
{
	int64_t id;
	int rc = db_get_int(db, &id, "SELECT id FROM account WHERE address = $1", "t", address);
	if (rc < 0)
		return rc == -ENODATA ? -ENOENT : rc;
	rc = db_run(db,
	            "INSERT INTO pop3_terms (account_id) VALUES ($1)"
	            " ON CONFLICT (account_id) DO NOTHING",
	            "i", id);
	if (rc == 0 && change->has_expire)
		rc = set_expire(db, id, change);
	if (rc == 0 && change->has_delay)
		rc = set_delay(db, id, change);
	if (rc == 0)
		rc = db_run(db,
		            "DELETE FROM pop3_terms WHERE account_id = $1"
		            " AND expire_days IS NULL AND delay_ms IS NULL",
		            "i", id);
	return rc;
}
