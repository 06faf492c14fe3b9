/* The schema: every table of the product, and how an older one becomes this one.
 *
 * A database knows its version (table meta, key 'schema_version'). Opening it runs the
 * migrations it lacks, in order, each in a transaction of its own. A migration that has been
 * released is never edited: a change is a new entry at the end of the list. */
#ifndef VEREDUS_STORE_SCHEMA_H
#define VEREDUS_STORE_SCHEMA_H

#include <stddef.h>

struct schema_migration {
	int version;
	const char *const *statements; /* ends with NULL */
};

/* Ascending by version. */
extern const struct schema_migration schema_migrations[];
extern const size_t schema_migration_count;

#endif
