#include <errno.h>

#include "store/store_internal.h"

/* One connection for each thread that reads at the same time, kept for the next. */
int store_take_reader(struct store *s, struct db **out)
{
	pthread_mutex_lock(&s->readers_lock);
	struct db *db = s->readers;
	if (db)
		s->readers = db->next_free;
	pthread_mutex_unlock(&s->readers_lock);
	if (!db)
		return db_open(s->database, s->read_only ? DB_LOOK : DB_READ, out);
	*out = db;
	return 0;
}

void store_give_reader(struct store *s, struct db *db)
{
	pthread_mutex_lock(&s->readers_lock);
	db->next_free = s->readers;
	s->readers = db;
	pthread_mutex_unlock(&s->readers_lock);
}

/* On the calling thread: what is in the page cache takes microseconds, which is less than
 * handing it to another thread and back. */
int store_read(struct store *s, store_fn fn, void *arg)
{
	struct db *db;
	int rc = store_take_reader(s, &db);
	if (rc != 0)
		return rc;
	db->broken = 0;
	rc = db_execute(db, "BEGIN");
	if (rc == 0) {
		rc = fn(db, arg);
		int end = db_in_transaction(db) ? db_execute(db, "COMMIT") : 0;
		if (rc == 0)
			rc = end != 0 ? end : db->broken;
	}
	store_give_reader(s, db);
	atomic_fetch_add(&s->reads, 1);
	return rc;
}
