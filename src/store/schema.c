/* Conventions:
 *   - The dialect that SQLite and PostgreSQL share, but for types and WITHOUT ROWID.
 *   - Times are wall-clock milliseconds (_ms), sizes are bytes (_bytes), booleans are 0 or 1.
 *   - Addresses and domains are kept in lower case.
 *   - AUTOINCREMENT where an id must never be given out twice, since something outside the
 *     database (a session, a log line, a UIDVALIDITY) may remember it.
 *   - No foreign keys: they cost a look-up a row on the road of every message. Whoever deletes a
 *     parent deletes its children in the same commit.
 *   - Whoever inserts or deletes a row that names a blob calls blob_retain() or blob_release() in
 *     the same commit, and the table stands in the view blob_reference, which store_check() and
 *     the counts are compared with. */
#include "store/schema.h"

static const char *const schema_1[] = {
	"CREATE TABLE meta ("
	"  key   TEXT NOT NULL PRIMARY KEY,"
	"  value TEXT NOT NULL"
	") WITHOUT ROWID",

	/* --- store ------------------------------------------------------------------- */

	/* Where the bytes of a message are: see docs/format.md. */
	"CREATE TABLE blob ("
	"  id       INTEGER PRIMARY KEY,"
	"  segment  INTEGER NOT NULL,"
	"  position INTEGER NOT NULL," /* of the record in its segment */
	"  length   INTEGER NOT NULL," /* of the bytes, without the record's header and note */
	"  refs     INTEGER NOT NULL"
	")",
	"CREATE INDEX blob_garbage ON blob (id) WHERE refs = 0",

	/* --- directory ---------------------------------------------------------------- */

	"CREATE TABLE domain ("
	"  id         INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  name       TEXT NOT NULL UNIQUE,"
	"  kind       TEXT NOT NULL," /* 'local' or 'relay' */
	"  catch_all  TEXT,"          /* address that gets what is for nobody, or NULL */
	"  created_ms INTEGER NOT NULL"
	")",
	"CREATE TABLE account ("
	"  id            INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  address       TEXT NOT NULL UNIQUE,"
	"  domain_id     INTEGER NOT NULL,"
	"  enabled       INTEGER NOT NULL DEFAULT 1,"
	"  quota_bytes   INTEGER NOT NULL DEFAULT 0," /* 0: unlimited */
	"  used_bytes    INTEGER NOT NULL DEFAULT 0,"
	"  used_messages INTEGER NOT NULL DEFAULT 0,"
	"  created_ms    INTEGER NOT NULL"
	")",
	"CREATE INDEX account_domain ON account (domain_id)",
	"CREATE TABLE credential ("
	"  account_id INTEGER NOT NULL,"
	"  kind       TEXT NOT NULL," /* 'argon2id', 'scram-sha-256' ... */
	"  name       TEXT NOT NULL," /* '' the password, else an application's own */
	"  value      TEXT NOT NULL," /* a verifier, never the password */
	"  created_ms INTEGER NOT NULL,"
	"  PRIMARY KEY (account_id, kind, name)"
	") WITHOUT ROWID",
	"CREATE TABLE alias ("
	"  address  TEXT NOT NULL,"
	"  target   TEXT NOT NULL,"
	"  position INTEGER NOT NULL," /* targets in the order in which they were given */
	"  PRIMARY KEY (address, target)"
	") WITHOUT ROWID",

	/* --- mailbox ------------------------------------------------------------------ */

	/* Deleted mailboxes wait with account_id 0 until their messages are gone. */
	"CREATE TABLE mailbox ("
	"  id            INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  account_id    INTEGER NOT NULL,"
	"  name          TEXT NOT NULL,"              /* UTF-8, '/' between levels */
	"  special_use   INTEGER NOT NULL DEFAULT 0," /* enum mailbox_use */
	"  uid_validity  INTEGER NOT NULL,"
	"  uid_next      INTEGER NOT NULL DEFAULT 1,"
	"  recent_uid    INTEGER NOT NULL DEFAULT 1," /* from here on: not yet seen by a client */
	"  mod_seq       INTEGER NOT NULL DEFAULT 1,"
	"  expunged_since INTEGER NOT NULL DEFAULT 1," /* table expunged knows all that went
	                                                  with a higher MODSEQ */
	"  message_count INTEGER NOT NULL DEFAULT 0,"
	"  unseen_count  INTEGER NOT NULL DEFAULT 0,"
	"  deleted_count INTEGER NOT NULL DEFAULT 0,"
	"  size_bytes    INTEGER NOT NULL DEFAULT 0,"
	"  UNIQUE (account_id, name)"
	")",
	/* A name may be subscribed without there being a mailbox (RFC 3501 section 6.3.6). */
	"CREATE TABLE subscription ("
	"  account_id INTEGER NOT NULL,"
	"  name       TEXT NOT NULL,"
	"  PRIMARY KEY (account_id, name)"
	") WITHOUT ROWID",
	/* The last UIDVALIDITY that was given to a mailbox of the account. */
	"CREATE TABLE uid_validity ("
	"  account_id INTEGER PRIMARY KEY,"
	"  last       INTEGER NOT NULL"
	")",
	/* The fixed part of a message: written once, deleted once. The id is the mailbox's id
	 * times 2^32 plus the UID: one tree, a mailbox's messages side by side. */
	"CREATE TABLE message ("
	"  id             INTEGER PRIMARY KEY,"
	"  blob_id        INTEGER NOT NULL,"
	"  size_bytes     INTEGER NOT NULL,"
	"  internal_ms    INTEGER NOT NULL,"
	"  envelope       BLOB NOT NULL," /* IMAP ENVELOPE, ready to send */
	"  body_structure BLOB NOT NULL"  /* IMAP BODYSTRUCTURE, ready to send */
	")",
	/* The moving part: which UIDs exist, flags, keywords and MODSEQ, 256 UIDs a row
	 * (mailbox_pack.h has the encoding). The id is the mailbox's id times 2^24 plus
	 * (UID - 1) / 256. */
	"CREATE TABLE flag_chunk ("
	"  id      INTEGER PRIMARY KEY,"
	"  mod_seq INTEGER NOT NULL," /* the highest in it, or that of its last change */
	"  data    BLOB NOT NULL"
	")",
	/* The keyword that a bit of the flags stands for. */
	"CREATE TABLE keyword ("
	"  mailbox_id INTEGER NOT NULL,"
	"  number     INTEGER NOT NULL,"
	"  name       TEXT NOT NULL,"
	"  PRIMARY KEY (mailbox_id, number)"
	") WITHOUT ROWID",
	/* UIDs that went away, by the MODSEQ of their going; the latest of each mailbox. */
	"CREATE TABLE expunged ("
	"  mailbox_id INTEGER NOT NULL,"
	"  mod_seq    INTEGER NOT NULL,"
	"  uids       BLOB NOT NULL," /* text, a set as IMAP writes it: 1:3,7 */
	"  PRIMARY KEY (mailbox_id, mod_seq)"
	") WITHOUT ROWID",

	/* --- queue -------------------------------------------------------------------- */

	/* A message with recipients elsewhere: see src/queue/queue.h for what holds at all times.
	 */
	"CREATE TABLE queue_message ("
	"  id           INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  queue_id     TEXT NOT NULL," /* 16 characters, as in the log and the journey */
	"  message_id   TEXT NOT NULL," /* of the header; '' if it has none */
	"  reverse_path TEXT NOT NULL," /* '' is <> */
	"  blob_id      INTEGER NOT NULL,"
	"  skip_bytes   INTEGER NOT NULL," /* at the front of the blob that are not sent on */
	"  size_bytes   INTEGER NOT NULL,"
	"  arrived_ms   INTEGER NOT NULL,"
	"  expires_ms   INTEGER NOT NULL,"
	"  smtputf8     INTEGER NOT NULL DEFAULT 0,"
	"  body_8bit    INTEGER NOT NULL DEFAULT 0,"
	"  ret          TEXT NOT NULL DEFAULT ''," /* RFC 3461: 'F', 'H' or '' */
	"  envid        TEXT NOT NULL DEFAULT ''"  /* RFC 3461 */
	")",
	/* due_ms is when to look at it next. A held one is due at the end of time. A row with a
	 * lease_owner is that one's, whatever its date: queue/queue_lease.h. */
	"CREATE TABLE queue_recipient ("
	"  queue_message_id INTEGER NOT NULL,"
	"  position         INTEGER NOT NULL,"
	"  forward_path     TEXT NOT NULL,"
	"  domain           TEXT NOT NULL,"              /* canonical */
	"  notify           INTEGER NOT NULL DEFAULT 0," /* bits of enum post_notify */
	"  orcpt            TEXT NOT NULL DEFAULT '',"
	"  prefix           TEXT NOT NULL DEFAULT ''," /* header fields for this one alone */
	"  due_ms           INTEGER NOT NULL,"
	"  lease_owner      TEXT,"
	"  held             INTEGER NOT NULL DEFAULT 0,"
	"  asked            INTEGER NOT NULL DEFAULT 0," /* the operator wants it tried now */
	"  delay_told       INTEGER NOT NULL DEFAULT 0," /* NOTIFY=DELAY was obeyed */
	"  attempts         INTEGER NOT NULL DEFAULT 0,"
	"  last_ms          INTEGER NOT NULL DEFAULT 0,"
	"  last_text        TEXT NOT NULL DEFAULT '',"
	"  PRIMARY KEY (queue_message_id, position)"
	") WITHOUT ROWID",
	"CREATE INDEX queue_recipient_due ON queue_recipient (due_ms)",

	/* --- journeys ----------------------------------------------------------------- */

	/* What happened to a message, one event a row. Queue ids ascend with time, so new rows go
	 * to the end of the table and old ones go away as a range. There is no index of Message-IDs
	 * or addresses: one of either doubles what a message writes to the log of the database (9
	 * KB instead of 4), for what an operator asks now and then. See route/journey_sketch.h. */
	"CREATE TABLE journey ("
	"  queue_id   TEXT NOT NULL,"
	"  position   INTEGER NOT NULL," /* in the journey, from 0 */
	"  at_ms      INTEGER NOT NULL,"
	"  kind       INTEGER NOT NULL," /* enum journey_kind */
	"  message_id TEXT NOT NULL,"    /* '' in all but the first event */
	"  address    TEXT NOT NULL,"
	"  peer       TEXT NOT NULL,"
	"  detail     TEXT NOT NULL,"
	"  PRIMARY KEY (queue_id, position)"
	") WITHOUT ROWID",

	/* Every reference to a blob, one a row. */
	"CREATE VIEW blob_reference AS"
	"  SELECT blob_id FROM message"
	"  UNION ALL SELECT blob_id FROM queue_message",
	NULL,
};

/* Certificates of clients by which an account logs in: directory/certificate.h. */
static const char *const schema_2[] = {
	"CREATE TABLE certificate ("
	"  fingerprint TEXT PRIMARY KEY," /* SHA-256, hexadecimal */
	"  account_id  INTEGER NOT NULL,"
	"  note        TEXT NOT NULL,"
	"  created_ms  INTEGER NOT NULL"
	") WITHOUT ROWID",
	"CREATE INDEX certificate_account ON certificate (account_id)",
	NULL,
};

/* What MAIL asked for beside: envelope_options_text() of message/envelope.h. One column, as a row
 * is written for each message and nearly all of them have nothing in it. */
static const char *const schema_3[] = {
	"ALTER TABLE queue_message ADD COLUMN options TEXT NOT NULL DEFAULT ''",
	NULL,
};

static const char *const schema_4[] = {
	/* One for each program or device: see directory/app_password.h. */
	"CREATE TABLE app_password ("
	"  id         INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  account_id INTEGER NOT NULL,"
	"  name       TEXT NOT NULL,"
	"  digest     TEXT NOT NULL,"
	"  scopes     INTEGER NOT NULL," /* bits of enum app_scope */
	"  created_ms INTEGER NOT NULL,"
	"  expires_ms INTEGER NOT NULL DEFAULT 0," /* 0: never */
	"  used_ms    INTEGER NOT NULL DEFAULT 0," /* 0: never yet */
	"  used_from  TEXT NOT NULL DEFAULT '',"
	"  UNIQUE (account_id, name)"
	")",
	"ALTER TABLE account ADD COLUMN app_only INTEGER NOT NULL DEFAULT 0",
	NULL,
};

/* What is special about an alias; most have no row. */
static const char *const schema_5[] = {
	"CREATE TABLE alias_kind ("
	"  address TEXT NOT NULL PRIMARY KEY,"
	"  kind    INTEGER NOT NULL" /* enum alias_kind */
	") WITHOUT ROWID",
	NULL,
};

/* What the guard remembers: guard/guard_store.c. */
static const char *const schema_guard[] = {
	"CREATE TABLE guard_ban ("
	"  network  TEXT PRIMARY KEY," /* "192.0.2.1", "2001:db8::/64" */
	"  begun_ms INTEGER NOT NULL,"
	"  saved_ms INTEGER NOT NULL," /* when this was written */
	"  until_ms INTEGER NOT NULL,"
	"  count    INTEGER NOT NULL," /* how often in a row */
	"  by_hand  INTEGER NOT NULL,"
	"  reason   TEXT NOT NULL"
	") WITHOUT ROWID",
	/* Token buckets that are not full. */
	"CREATE TABLE guard_bucket ("
	"  key      TEXT PRIMARY KEY,"
	"  full_ms  INTEGER NOT NULL," /* when it will be */
	"  saved_ms INTEGER NOT NULL"
	") WITHOUT ROWID",
	NULL,
};

/* Copies of what was sent that were filed lately: mailbox/sent.h. */
static const char *const schema_sent[] = {
	"ALTER TABLE account ADD COLUMN sent_copy INTEGER NOT NULL DEFAULT 0",
	"CREATE TABLE sent_copy ("
	"  mailbox_id INTEGER NOT NULL,"
	"  message_id BLOB NOT NULL," /* with its brackets */
	"  uid        INTEGER NOT NULL,"
	"  by_client  INTEGER NOT NULL," /* enum sent_by */
	"  filed_ms   INTEGER NOT NULL,"
	"  PRIMARY KEY (mailbox_id, message_id)"
	") WITHOUT ROWID",
	"CREATE INDEX sent_copy_filed ON sent_copy (filed_ms)",
	NULL,
};

/* Domains elsewhere whose mail waits to be fetched, and who may: directory/fetch.h. */
static const char *const schema_fetch[] = {
	"CREATE TABLE fetch_domain ("
	"  domain     TEXT NOT NULL,"
	"  account_id INTEGER NOT NULL,"
	"  PRIMARY KEY (domain, account_id)"
	") WITHOUT ROWID",
	NULL,
};

static const char *const schema_dkim[] = {
	/* Keys with which our domains sign: trust/dkim_rows.h. */
	"CREATE TABLE dkim_key ("
	"  domain      TEXT NOT NULL,"
	"  selector    TEXT NOT NULL,"
	"  algorithm   INTEGER NOT NULL," /* enum dkim_algorithm */
	"  state       INTEGER NOT NULL," /* enum dkim_state */
	"  created_ms  INTEGER NOT NULL,"
	"  until_ms    INTEGER NOT NULL," /* of an old one: when it is forgotten */
	"  private_key BLOB NOT NULL,"    /* DER */
	"  PRIMARY KEY (domain, selector)"
	") WITHOUT ROWID",
	NULL,
};

static const char *const schema_send_as[] = {
	/* directory/send_as.h */
	"CREATE TABLE send_as ("
	"  account_id INTEGER NOT NULL,"
	"  address    TEXT NOT NULL," /* or "@domain", or "*" */
	"  PRIMARY KEY (account_id, address)"
	") WITHOUT ROWID",
	/* It is asked now and then whether anybody has one of a kind. */
	"CREATE INDEX credential_kind ON credential (kind)",
	NULL,
};

/* Domains that are not ours and whose mail is taken: docs/relay.md. */
static const char *const schema_relay[] = {
	/* directory/relay.h */
	"CREATE TABLE relay_recipient ("
	"  address TEXT NOT NULL PRIMARY KEY," /* or "@domain" */
	"  domain  TEXT NOT NULL,"
	"  stamp   INTEGER NOT NULL" /* of the import that saw it last */
	") WITHOUT ROWID",
	"CREATE INDEX relay_recipient_domain ON relay_recipient (domain, address)",
	/* queue/call_ahead.h: what next hosts said of recipients. Those with the least id are the
	 * ones that were asked for longest ago. */
	"CREATE TABLE call_ahead ("
	"  id       INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  address  TEXT NOT NULL UNIQUE,"
	"  known    INTEGER NOT NULL,"
	"  asked_ms INTEGER NOT NULL,"
	"  reply    TEXT NOT NULL"
	")",
	NULL,
};

/* Who handed a message in, for routes by account. */
static const char *const schema_queue_account[] = {
	"ALTER TABLE queue_message ADD COLUMN account TEXT NOT NULL DEFAULT ''",
	NULL,
};

static const char *const schema_srs[] = {
	/* route/srs.h */
	"CREATE TABLE srs_key ("
	"  made_ms INTEGER NOT NULL PRIMARY KEY,"
	"  secret  BLOB NOT NULL"
	")",
	NULL,
};

/* What IMAP tells of a message beside: NULL in rows that are older than this. */
static const char *const schema_message_keys[] = {
	"ALTER TABLE message ADD COLUMN saved_ms INTEGER", /* when it came into this mailbox */
	"ALTER TABLE message ADD COLUMN ref_ids BLOB",     /* of References: the last ids */
	NULL,
};

/* What the last attempt of a recipient ran into, and where the operator has it go. */
static const char *const schema_hands[] = {
	"ALTER TABLE queue_recipient ADD COLUMN last_status TEXT NOT NULL DEFAULT ''",
	"ALTER TABLE queue_recipient ADD COLUMN last_peer TEXT NOT NULL DEFAULT ''",
	"ALTER TABLE queue_recipient ADD COLUMN reroute TEXT NOT NULL DEFAULT ''",
	NULL,
};

/* The queue looks at one domain at a time: what waits for it, by its date. What is leased stands
 * under the lease's owner, so that the rows of a process that died are found without a look at all
 * others; each row has one entry. */
static const char *const schema_queue_place[] = {
	"DROP INDEX queue_recipient_due",
	"CREATE INDEX queue_recipient_place ON queue_recipient (lease_owner, domain, due_ms)",
	NULL,
};

/* Policies of other domains: client/sts.h. */
static const char *const schema_sts[] = {
	"CREATE TABLE sts_policy ("
	"  domain     TEXT PRIMARY KEY,"
	"  id         TEXT NOT NULL,"
	"  body       TEXT NOT NULL,"
	"  fetched_ms INTEGER NOT NULL,"
	"  expires_ms INTEGER NOT NULL,"
	"  used_ms    INTEGER NOT NULL,"
	"  tried_ms   INTEGER NOT NULL"
	") WITHOUT ROWID",
	NULL,
};

/* TLS reports: client/tlsrpt.h. */
static const char *const schema_tlsrpt[] = {
	"CREATE TABLE tlsrpt_count ("
	"  day     INTEGER NOT NULL," /* since 1970 */
	"  domain  TEXT NOT NULL,"
	"  policy  TEXT NOT NULL," /* JSON */
	"  failure TEXT NOT NULL," /* JSON; '': it went well */
	"  count   INTEGER NOT NULL,"
	"  PRIMARY KEY (day, domain, policy, failure)"
	") WITHOUT ROWID",
	"CREATE TABLE tlsrpt_report ("
	"  id           INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  sent         INTEGER NOT NULL," /* 0: received */
	"  organization TEXT NOT NULL,"
	"  contact      TEXT NOT NULL,"
	"  report_id    TEXT NOT NULL,"
	"  domain       TEXT NOT NULL,"
	"  begins_ms    INTEGER NOT NULL,"
	"  ends_ms      INTEGER NOT NULL,"
	"  successes    INTEGER NOT NULL,"
	"  failures     INTEGER NOT NULL,"
	"  at_ms        INTEGER NOT NULL,"
	"  due_ms       INTEGER NOT NULL," /* 0: no more to be sent */
	"  attempts     INTEGER NOT NULL,"
	"  peer         TEXT NOT NULL,"
	"  state        TEXT NOT NULL,"
	"  body         TEXT NOT NULL," /* JSON */
	"  UNIQUE (sent, report_id, peer)"
	")",
	"CREATE INDEX tlsrpt_report_due ON tlsrpt_report (due_ms)",
	NULL,
};

/* Who has leases, in a store that several may share: queue/queue_lease.h. */
static const char *const schema_queue_owner[] = {
	"CREATE TABLE queue_owner ("
	"  owner TEXT NOT NULL PRIMARY KEY," /* what leases say */
	"  node  TEXT NOT NULL," /* the directory that it runs in: its lives follow one another */
	"  beat  INTEGER NOT NULL," /* counted up as long as it lives */
	"  at_ms INTEGER NOT NULL"  /* of the last one, for people */
	") WITHOUT ROWID",
	NULL,
};

/* How journeys are searched without an index: route/journey_sketch.h. */
static const char *const schema_sketch[] = {
	/* Of the journeys behind those of the sketch before, up to last_id. */
	"CREATE TABLE journey_sketch ("
	"  last_id TEXT NOT NULL PRIMARY KEY,"
	"  bits    BLOB NOT NULL"
	")",
	"CREATE TABLE journey_late ("
	"  queue_id TEXT NOT NULL PRIMARY KEY"
	") WITHOUT ROWID",
	NULL,
};

static const char *const schema_bounce[] = {
	/* route/bounce_rows.h. Looked at from the newest on, and forgotten with the journeys. */
	"CREATE TABLE bounce ("
	"  id        INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  at_ms     INTEGER NOT NULL,"
	"  queue_id  TEXT NOT NULL,"
	"  sender    TEXT NOT NULL,"
	"  account   TEXT NOT NULL,"
	"  recipient TEXT NOT NULL,"
	"  class     INTEGER NOT NULL," /* enum bounce_class */
	"  source    INTEGER NOT NULL," /* enum bounce_source */
	"  status    TEXT NOT NULL,"
	"  reporter  TEXT NOT NULL,"
	"  text      TEXT NOT NULL,"
	"  report_id TEXT NOT NULL"
	")",
	NULL,
};

static const char *const schema_suppression[] = {
	/* route/suppression.h */
	"CREATE TABLE suppression ("
	"  scope     TEXT NOT NULL,"
	"  recipient TEXT NOT NULL,"
	"  since_ms  INTEGER NOT NULL,"
	"  until_ms  INTEGER NOT NULL," /* 0: until it is removed */
	"  reason    TEXT NOT NULL,"
	"  PRIMARY KEY (scope, recipient)"
	") WITHOUT ROWID",
	NULL,
};

static const char *const schema_import[] = {
	/* mailbox/import_rows.h */
	"CREATE TABLE import_source ("
	"  id         INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  account_id INTEGER NOT NULL,"
	"  name       TEXT NOT NULL," /* "mbox:/home/alice/mail" */
	"  state      TEXT NOT NULL," /* how far it was read */
	"  UNIQUE (account_id, name)"
	")",
	"CREATE TABLE import_item ("
	"  source_id  INTEGER NOT NULL,"
	"  key        INTEGER NOT NULL," /* a hash of what the source calls the message */
	"  mailbox_id INTEGER NOT NULL,"
	"  uid        INTEGER NOT NULL,"
	"  PRIMARY KEY (source_id, key)"
	") WITHOUT ROWID",
	NULL,
};

/* mailbox/quota.h */
static const char *const schema_quota[] = {
	"ALTER TABLE account ADD COLUMN quota_messages INTEGER NOT NULL DEFAULT 0",  /* 0: none */
	"ALTER TABLE account ADD COLUMN quota_mailboxes INTEGER NOT NULL DEFAULT 0", /* 0: none */
	/* May change quotas over IMAP. */
	"ALTER TABLE account ADD COLUMN administrator INTEGER NOT NULL DEFAULT 0",
	/* The mark, in percent, that its use was past when it was last told of. */
	"ALTER TABLE account ADD COLUMN quota_told INTEGER NOT NULL DEFAULT 0",
	NULL,
};

/* Reports are on TLS or on DMARC: client/report_rows.h. */
static const char *const schema_report[] = {
	"CREATE TABLE report_count ("
	"  kind    INTEGER NOT NULL," /* enum report_kind */
	"  day     INTEGER NOT NULL,"
	"  domain  TEXT NOT NULL,"
	"  policy  TEXT NOT NULL,"
	"  detail  TEXT NOT NULL,"
	"  count   INTEGER NOT NULL,"
	"  PRIMARY KEY (kind, day, domain, policy, detail)"
	") WITHOUT ROWID",
	"INSERT INTO report_count SELECT 0, day, domain, policy, failure, count FROM tlsrpt_count",
	"DROP TABLE tlsrpt_count",
	"DROP INDEX tlsrpt_report_due",
	"ALTER TABLE tlsrpt_report RENAME TO report",
	"ALTER TABLE report ADD COLUMN kind INTEGER NOT NULL DEFAULT 0",
	"CREATE INDEX report_due ON report (kind, due_ms)",
	NULL,
};

/* mailbox/annotation.h */
static const char *const schema_annotation[] = {
	"CREATE TABLE annotation ("
	"  mailbox_id INTEGER NOT NULL," /* 0: the server */
	"  account_id INTEGER NOT NULL," /* whose it is; 0: everybody's */
	"  name       TEXT NOT NULL,"
	"  value      BLOB NOT NULL,"
	"  PRIMARY KEY (mailbox_id, account_id, name)"
	") WITHOUT ROWID",
	"CREATE INDEX annotation_account ON annotation (account_id)",
	NULL,
};

static const char *const schema_digest[] = {
	/* queue/queue_digest.h */
	"CREATE TABLE report_digest ("
	"  sender   TEXT PRIMARY KEY,"
	"  since_ms INTEGER NOT NULL,"
	"  count    INTEGER NOT NULL"
	") WITHOUT ROWID",
	"CREATE TABLE report_withheld ("
	"  sender    TEXT NOT NULL,"
	"  queue_id  TEXT NOT NULL,"
	"  recipient TEXT NOT NULL,"
	"  at_ms     INTEGER NOT NULL,"
	"  text      TEXT NOT NULL,"
	"  PRIMARY KEY (sender, queue_id, recipient)"
	") WITHOUT ROWID",
	NULL,
};

/* sieve/sieve_rows.h */
static const char *const schema_sieve[] = {
	"CREATE TABLE sieve_script ("
	"  id         INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  account_id INTEGER NOT NULL,"
	"  name       TEXT NOT NULL,"
	"  content    BLOB NOT NULL,"
	"  active     INTEGER NOT NULL,"
	"  changed_ms INTEGER NOT NULL,"
	"  UNIQUE (account_id, name)"
	")",
	"CREATE UNIQUE INDEX sieve_script_active ON sieve_script (account_id) WHERE active = 1",
	"CREATE TABLE sieve_memory ("
	"  account_id INTEGER NOT NULL,"
	"  kind       INTEGER NOT NULL," /* enum sieve_memory */
	"  key        TEXT NOT NULL,"    /* a digest */
	"  until_ms   INTEGER NOT NULL,"
	"  PRIMARY KEY (account_id, kind, key)"
	") WITHOUT ROWID",
	"CREATE INDEX sieve_memory_until ON sieve_memory (until_ms)",
	NULL,
};

/* Who may use mailboxes of others, and what each has seen there. */
static const char *const schema_shares[] = {
	/* mailbox/acl.h */
	"CREATE TABLE acl ("
	"  account_id INTEGER NOT NULL," /* the owner; -1: public */
	"  mailbox_id INTEGER NOT NULL," /* 0: all of the owner's */
	"  identifier TEXT NOT NULL,"
	"  rights     INTEGER NOT NULL," /* bits of enum acl_right */
	"  PRIMARY KEY (account_id, mailbox_id, identifier)"
	") WITHOUT ROWID",
	"CREATE INDEX acl_identifier ON acl (identifier)",
	/* mailbox/mailbox_seen.h: as flag_chunk, for one who is not the owner. */
	"CREATE TABLE seen_chunk ("
	"  mailbox_id INTEGER NOT NULL,"
	"  account_id INTEGER NOT NULL,"
	"  number     INTEGER NOT NULL," /* (UID - 1) / 256 */
	"  mod_seq    INTEGER NOT NULL,"
	"  data       BLOB NOT NULL,"
	"  PRIMARY KEY (mailbox_id, account_id, number)"
	") WITHOUT ROWID",
	"CREATE INDEX seen_chunk_account ON seen_chunk (account_id)",
	NULL,
};

static const char *const schema_keep[] = {
	/* mailbox/mailbox_keep.h: what was expunged lately, as it lay in flag_chunk. The rows in
	 * message are still there. */
	"CREATE TABLE expunged_chunk ("
	"  id         INTEGER PRIMARY KEY AUTOINCREMENT,"
	"  mailbox_id INTEGER NOT NULL,"
	"  number     INTEGER NOT NULL," /* (UID - 1) / 256 */
	"  at_ms      INTEGER NOT NULL," /* 0: nobody wants it back */
	"  count      INTEGER NOT NULL,"
	"  bytes      INTEGER NOT NULL," /* of the messages */
	"  data       BLOB NOT NULL"     /* mailbox_pack.h */
	")",
	"CREATE INDEX expunged_chunk_at ON expunged_chunk (at_ms)",
	"CREATE INDEX expunged_chunk_mailbox ON expunged_chunk (mailbox_id)",
	/* Of a mailbox that was deleted: whose it was, and its name. */
	"ALTER TABLE mailbox ADD COLUMN gone_account INTEGER NOT NULL DEFAULT 0",
	"ALTER TABLE mailbox ADD COLUMN gone_name TEXT NOT NULL DEFAULT ''",
	/* What is left of deleted mailboxes. */
	"INSERT INTO expunged_chunk (mailbox_id, number, at_ms, count, bytes, data)"
	"  SELECT id / 16777216, id % 16777216, 0, 0, 0, data FROM flag_chunk"
	"  WHERE id / 16777216 IN (SELECT id FROM mailbox WHERE account_id = 0)",
	"DELETE FROM flag_chunk"
	"  WHERE id / 16777216 IN (SELECT id FROM mailbox WHERE account_id = 0)",
	NULL,
};

/* length is that of the bytes as they lie in the segment; plain_length what they are when they are
 * read; NULL: nobody has tried to compress them yet. */
static const char *const schema_squeeze[] = {
	"ALTER TABLE blob ADD COLUMN plain_length INTEGER",
	NULL,
};

static const char *const schema_import_uids[] = {
	/* mailbox/import_rows.h */
	"ALTER TABLE import_item ADD COLUMN source_uid INTEGER NOT NULL DEFAULT 0",
	"ALTER TABLE import_item ADD COLUMN brought INTEGER NOT NULL DEFAULT 0",
	NULL,
};

/* directory/pop3_terms.h: accounts with terms of their own. */
static const char *const schema_pop3_terms[] = {
	"CREATE TABLE pop3_terms ("
	"  account_id  INTEGER PRIMARY KEY,"
	"  expire_days INTEGER," /* -1: never; NULL: as the configuration says */
	"  delay_ms    INTEGER"  /* NULL: likewise */
	")",
	NULL,
};

static const char *const schema_url_key[] = {
	/* mailbox/url_auth.h */
	"CREATE TABLE url_key ("
	"  account_id INTEGER NOT NULL," /* who has made URLs */
	"  mailbox_id INTEGER NOT NULL,"
	"  secret     BLOB NOT NULL,"
	"  PRIMARY KEY (account_id, mailbox_id)"
	") WITHOUT ROWID",
	"CREATE INDEX url_key_mailbox ON url_key (mailbox_id)",
	NULL,
};

/* Blobs whose row names segment 0. */
static const char *const schema_fresh[] = {
	"CREATE TABLE fresh_blob ("
	"  blob_id INTEGER PRIMARY KEY,"
	"  note    BLOB NOT NULL," /* as in a record of a segment */
	"  bytes   BLOB NOT NULL"
	")",
	NULL,
};

/* So that what is kept of each account is summed up without a look at the records. */
static const char *const schema_keep_sum[] = {
	"DROP INDEX expunged_chunk_mailbox",
	"CREATE INDEX expunged_chunk_mailbox ON expunged_chunk (mailbox_id, at_ms, bytes)",
	NULL,
};

const struct schema_migration schema_migrations[] = {
	{ .version = 1, .statements = schema_1 },
	{ .version = 2, .statements = schema_2 },
	{ .version = 3, .statements = schema_3 },
	{ .version = 4, .statements = schema_4 },
	{ .version = 5, .statements = schema_5 },
	{ .version = 6, .statements = schema_guard },
	{ .version = 7, .statements = schema_sent },
	{ .version = 8, .statements = schema_fetch },
	{ .version = 9, .statements = schema_send_as },
	{ .version = 10, .statements = schema_relay },
	{ .version = 11, .statements = schema_queue_account },
	{ .version = 12, .statements = schema_srs },
	{ .version = 13, .statements = schema_message_keys },
	{ .version = 14, .statements = schema_hands },
	{ .version = 15, .statements = schema_queue_place },
	{ .version = 16, .statements = schema_sts },
	{ .version = 17, .statements = schema_sketch },
	{ .version = 18, .statements = schema_dkim },
	{ .version = 19, .statements = schema_bounce },
	{ .version = 20, .statements = schema_suppression },
	{ .version = 21, .statements = schema_tlsrpt },
	{ .version = 22, .statements = schema_import },
	{ .version = 23, .statements = schema_quota },
	{ .version = 24, .statements = schema_queue_owner },
	{ .version = 25, .statements = schema_report },
	{ .version = 26, .statements = schema_annotation },
	{ .version = 27, .statements = schema_digest },
	{ .version = 28, .statements = schema_sieve },
	{ .version = 29, .statements = schema_shares },
	{ .version = 30, .statements = schema_greylist },
	{ .version = 31, .statements = schema_keep },
	{ .version = 32, .statements = schema_squeeze },
	{ .version = 33, .statements = schema_bayes },
	{ .version = 34, .statements = schema_lesson },
	{ .version = 35, .statements = schema_import_uids },
	{ .version = 36, .statements = schema_pop3_terms },
	{ .version = 37, .statements = schema_quarantine },
	{ .version = 38, .statements = schema_url_key },
	{ .version = 39, .statements = schema_fresh },
	{ .version = 40, .statements = schema_keep_sum },
	{ .version = 41, .statements = schema_account },
	{ .version = 42, .statements = schema_sender_key },
	{ .version = 43, .statements = schema_country },
	{ .version = 44, .statements = schema_mail_event },
	{ .version = 45, .statements = schema_pop3_login },
	{ .version = 46, .statements = schema_key_chunk },
	{ .version = 47, .statements = schema_refusal_why },
	{ .version = 48, .statements = schema_key_texts },
};
const size_t schema_migration_count = sizeof(schema_migrations) / sizeof(schema_migrations[0]);
