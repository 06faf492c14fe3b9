/* Tables of what judges mail and those who send it. */
#include "store/schema.h"

/* guard/guard_grey.h, guard/guard_refusal.h */
const char *const schema_greylist[] = {
	"CREATE TABLE greylist ("
	"  key      TEXT NOT NULL PRIMARY KEY,"
	"  kind     INTEGER NOT NULL,"
	"  first_ms INTEGER NOT NULL,"
	"  last_ms  INTEGER NOT NULL,"
	"  until_ms INTEGER NOT NULL,"
	"  count    INTEGER NOT NULL"
	") WITHOUT ROWID",
	"CREATE INDEX greylist_until ON greylist (until_ms)",
	"CREATE TABLE guard_refusal ("
	"  code      TEXT NOT NULL PRIMARY KEY,"
	"  at_ms     INTEGER NOT NULL,"
	"  stage     TEXT,"
	"  by_what   TEXT,"
	"  client    TEXT,"
	"  helo      TEXT,"
	"  account   TEXT,"
	"  sender    TEXT,"
	"  recipient TEXT,"
	"  reply     TEXT"
	") WITHOUT ROWID",
	"CREATE INDEX guard_refusal_at ON guard_refusal (at_ms)",
	NULL,
};

/* guard/bayes_rows.h; account 0 is everybody's */
const char *const schema_bayes[] = {
	"CREATE TABLE bayes_corpus ("
	"  account_id INTEGER PRIMARY KEY,"
	"  spam       INTEGER NOT NULL," /* messages learned */
	"  ham        INTEGER NOT NULL,"
	"  tokens     INTEGER NOT NULL,"
	"  clock      INTEGER NOT NULL" /* messages learned ever */
	")",
	"CREATE TABLE bayes_token ("
	"  account_id INTEGER NOT NULL,"
	"  hash       INTEGER NOT NULL,"
	"  spam       INTEGER NOT NULL,"
	"  ham        INTEGER NOT NULL,"
	"  touched    INTEGER NOT NULL," /* the clock when it was learned last */
	"  PRIMARY KEY (account_id, hash)"
	") WITHOUT ROWID",
	"CREATE TABLE bayes_message ("
	"  account_id INTEGER NOT NULL,"
	"  digest     BLOB NOT NULL,"
	"  spam       INTEGER NOT NULL,"
	"  learned    INTEGER NOT NULL," /* the clock */
	"  PRIMARY KEY (account_id, digest)"
	") WITHOUT ROWID",
	"CREATE INDEX bayes_message_learned ON bayes_message (account_id, learned)",
	NULL,
};

/* mailbox/lesson.h */
const char *const schema_lesson[] = {
	"CREATE TABLE lesson ("
	"  id         INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  account_id INTEGER NOT NULL,"
	"  mailbox_id INTEGER NOT NULL,"
	"  uids       TEXT NOT NULL,"    /* "1:3,7" */
	"  count      INTEGER NOT NULL," /* of them */
	"  spam       INTEGER NOT NULL"
	")",
	"CREATE INDEX lesson_account ON lesson (account_id, count)",
	NULL,
};

/* mailbox/key_row.h. The id is as that of flag_chunk. */
const char *const schema_key_chunk[] = {
	"CREATE TABLE key_chunk ("
	"  id      INTEGER PRIMARY KEY,"
	"  numbers BLOB NOT NULL," /* imap/imap_keys.h has the encoding */
	"  threads BLOB NOT NULL"
	")",
	NULL,
};

/* They are made again. */
const char *const schema_key_texts[] = {
	"DELETE FROM key_chunk",
	"ALTER TABLE key_chunk ADD COLUMN texts BLOB NOT NULL DEFAULT ''",
	NULL,
};

/* mailbox/mail_event.h */
const char *const schema_mail_event[] = {
	"CREATE TABLE mail_event ("
	"  id         INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  account_id INTEGER NOT NULL," /* whose script runs */
	"  actor_id   INTEGER NOT NULL," /* who did it */
	"  mailbox_id INTEGER NOT NULL,"
	"  cause      INTEGER NOT NULL,"
	"  flags      TEXT NOT NULL,"   /* that were changed */
	"  uids       TEXT NOT NULL,"   /* "1:3,7" */
	"  count      INTEGER NOT NULL" /* of them */
	")",
	"CREATE INDEX mail_event_account ON mail_event (account_id, id, count)",
	NULL,
};

/* guard/guard_account.h */
const char *const schema_account[] = {
	"CREATE TABLE account_sent ("
	"  account_id INTEGER NOT NULL,"
	"  slot       INTEGER NOT NULL," /* of ten minutes */
	"  recipients INTEGER NOT NULL,"
	"  slowed     INTEGER NOT NULL," /* of these, while it was not free */
	"  PRIMARY KEY (account_id, slot)"
	") WITHOUT ROWID",
	"CREATE TABLE account_network ("
	"  account_id INTEGER NOT NULL,"
	"  network    TEXT NOT NULL,"
	"  last_ms    INTEGER NOT NULL,"
	"  PRIMARY KEY (account_id, network)"
	") WITHOUT ROWID",
	"CREATE TABLE account_standing ("
	"  account_id  INTEGER PRIMARY KEY,"
	"  standing    INTEGER NOT NULL," /* enum account_standing */
	"  since_ms    INTEGER NOT NULL,"
	"  why         TEXT NOT NULL,"
	"  told_ms     INTEGER NOT NULL,"
	"  released_ms INTEGER NOT NULL,"
	"  refused     INTEGER NOT NULL"
	")",
	"CREATE INDEX bounce_account ON bounce (account, at_ms)",
	NULL,
};

/* route/sender_keys.h; in the place of srs_key */
const char *const schema_sender_key[] = {
	"CREATE TABLE sender_key ("
	"  purpose INTEGER NOT NULL," /* enum sender_key_purpose */
	"  made_ms INTEGER NOT NULL,"
	"  secret  BLOB NOT NULL,"
	"  PRIMARY KEY (purpose, made_ms)"
	")",
	"INSERT INTO sender_key (purpose, made_ms, secret) SELECT 0, made_ms, secret FROM srs_key",
	"DROP TABLE srs_key",
	NULL,
};

const char *const schema_country[] = {
	"ALTER TABLE account_network ADD COLUMN country TEXT NOT NULL DEFAULT ''",
	NULL,
};

/* directory/pop3_terms.h: accounts that POP3 terms have been applied to. */
const char *const schema_pop3_login[] = {
	"CREATE TABLE pop3_login ("
	"  account_id INTEGER PRIMARY KEY,"
	"  at_ms      INTEGER NOT NULL" /* a login; the last one where there is a delay */
	")",
	NULL,
};

/* guard/guard_refusal.h */
const char *const schema_refusal_why[] = {
	"ALTER TABLE guard_refusal ADD COLUMN checked TEXT",
	"ALTER TABLE guard_refusal ADD COLUMN scored TEXT",
	NULL,
};
