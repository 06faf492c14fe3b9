#include "store/schema.h"

/* route/quarantine.h */
const char *const schema_quarantine[] = {
	"CREATE TABLE quarantine ("
	"  id           INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  account_id   INTEGER NOT NULL," /* 0: of another host */
	"  address      TEXT NOT NULL,"
	"  asked        TEXT NOT NULL," /* as the recipient was named */
	"  blob_id      INTEGER NOT NULL,"
	"  skip_bytes   INTEGER NOT NULL," /* of it: the Return-Path field */
	"  size_bytes   INTEGER NOT NULL,"
	"  at_ms        INTEGER NOT NULL,"
	"  until_ms     INTEGER NOT NULL,"
	"  reason       INTEGER NOT NULL," /* enum quarantine_reason */
	"  why          TEXT NOT NULL,"
	"  score        INTEGER," /* hundredths; NULL: it was not weighed */
	"  score_text   TEXT NOT NULL,"
	"  queue_id     TEXT NOT NULL,"
	"  reverse_path TEXT NOT NULL,"
	"  client       TEXT NOT NULL,"
	"  header_from  TEXT NOT NULL," /* for people, as subject is */
	"  subject      TEXT NOT NULL,"
	/* The rest is as of the tables of the queue. */
	"  account      TEXT NOT NULL,"
	"  smtputf8     INTEGER NOT NULL,"
	"  body_8bit    INTEGER NOT NULL,"
	"  notify       INTEGER NOT NULL,"
	"  orcpt        TEXT NOT NULL,"
	"  envid        TEXT NOT NULL,"
	"  ret          TEXT NOT NULL,"
	"  options      TEXT NOT NULL"
	")",
	"CREATE INDEX quarantine_address ON quarantine (address, id, size_bytes)",
	"CREATE INDEX quarantine_account ON quarantine (account_id, id)",
	"CREATE INDEX quarantine_until ON quarantine (until_ms)",
	/* Up to which row an account was told. */
	"CREATE TABLE quarantine_digest ("
	"  account_id INTEGER PRIMARY KEY,"
	"  told_id    INTEGER NOT NULL"
	")",
	/* With which links in these mails are signed. */
	"CREATE TABLE quarantine_key ("
	"  id     INTEGER PRIMARY KEY,"
	"  secret BLOB NOT NULL"
	")",
	"DROP VIEW blob_reference",
	"CREATE VIEW blob_reference AS"
	"  SELECT blob_id FROM message"
	"  UNION ALL SELECT blob_id FROM queue_message"
	"  UNION ALL SELECT blob_id FROM quarantine",
	NULL,
};
