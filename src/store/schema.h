/* The schema: every table of the product, and how an older one becomes this one.
 *
 * A database knows its version (table meta, key 'schema_version'). Opening it runs the
 * migrations it lacks, in order, each in a transaction of its own. A migration that has been
 * released is never edited: a change is a new entry at the end of the list. */
#ifndef VEREDUS_STORE_SCHEMA_H
#define VEREDUS_STORE_SCHEMA_H

#include <stddef.h>

struct db;

struct schema_migration {
	int version;
	const char *const *statements; /* ends with NULL */
};

/* What has a file of its own. */
extern const char *const schema_quarantine[];
extern const char *const schema_greylist[];
extern const char *const schema_bayes[];
extern const char *const schema_lesson[];
extern const char *const schema_mail_event[];
extern const char *const schema_pop3_login[];
extern const char *const schema_refusal_why[];
extern const char *const schema_account[];
extern const char *const schema_sender_key[];
extern const char *const schema_country[];
extern const char *const schema_key_chunk[];
extern const char *const schema_key_texts[];

/* Ascending by version. */
extern const struct schema_migration schema_migrations[];
extern const size_t schema_migration_count;

/* Runs those that the database lacks. One that fails leaves nothing behind, and those before it
 * stay. -EPROTO when the database is newer than the list. */
int schema_migrate(struct db *db, const struct schema_migration *list, size_t count);

#endif
