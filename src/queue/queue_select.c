/* Which recipients the operator means. */
#include <errno.h>

#include "queue/queue_admin.h"

static const char *const state_names[QUEUE_STATES] = { [QUEUE_WAITING] = "waiting",
	                                               [QUEUE_ACTIVE] = "active",
	                                               [QUEUE_HELD] = "held",
	                                               [QUEUE_SCHEDULED] = "scheduled" };

const char *queue_state_name(enum queue_state state) { return state_names[state]; }

bool queue_state_parse(struct slice name, enum queue_state *out)
{
	for (int state = 0; state < QUEUE_STATES; state++) {
		if (!slice_equal_nocase(name, slice_from_str(state_names[state])))
			continue;
		*out = (enum queue_state)state;
		return true;
	}
	return false;
}

/* --- the filter ----------------------------------------------------------------------- */

/* The longest key that a recipient has is its forward-path. */
enum { KEY_MAX = 1024 };

static bool has_word(const struct hash *words, struct slice text)
{
	char lower[KEY_MAX];
	if (text.len > sizeof(lower))
		return false;
	for (size_t i = 0; i < text.len; i++) {
		char c = text.data[i];
		lower[i] = (char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
	}
	return hash_find(words, slice_of(lower, text.len)) != NULL;
}

static bool has_domain_word(const struct hash *words, struct slice domain)
{
	char word[KEY_MAX];
	int len = snprintf(word, sizeof(word), "@%.*s", SLICE_ARG(domain));
	return len > 0 && (size_t)len < sizeof(word) &&
	       has_word(words, slice_of(word, (size_t)len));
}

static bool means_domain(struct slice wanted, struct slice domain)
{
	if (slice_starts_with(wanted, SLICE(".")))
		return slice_ends_with_nocase(domain, wanted);
	return slice_equal_nocase(domain, wanted);
}

static bool means_sender(struct slice wanted, struct slice reverse_path)
{
	if (slice_equal(wanted, SLICE("<>")))
		return reverse_path.len == 0;
	if (slice_starts_with(wanted, SLICE("@")))
		return slice_ends_with_nocase(reverse_path, wanted);
	return slice_equal_nocase(reverse_path, wanted);
}

static bool means_reason(struct slice wanted, const struct queue_entry *e)
{
	return slice_find_nocase(e->last_text, wanted) >= 0 ||
	       slice_find_nocase(e->last_status, wanted) >= 0;
}

static bool means_words(const struct hash *words, const struct queue_entry *e)
{
	return has_word(words, e->queue_id) || has_domain_word(words, e->domain) ||
	       has_word(words, e->forward_path);
}

static bool queue_filter_means(const struct queue_filter *f, const struct queue_entry *e)
{
	return (!f->has_state || e->state == f->state) &&
	       (f->arrived_before_ms == 0 || e->arrived_ms < f->arrived_before_ms) &&
	       (f->arrived_after_ms == 0 || e->arrived_ms > f->arrived_after_ms) &&
	       (f->domain.len == 0 || means_domain(f->domain, e->domain)) &&
	       (f->sender.len == 0 || means_sender(f->sender, e->reverse_path)) &&
	       (!f->words || means_words(f->words, e)) &&
	       (f->reason.len == 0 || means_reason(f->reason, e));
}

/* --- looking -------------------------------------------------------------------------- */

enum column {
	COL_MESSAGE,
	COL_POSITION,
	COL_QUEUE_ID,
	COL_MESSAGE_ID,
	COL_REVERSE_PATH,
	COL_PATH,
	COL_DOMAIN,
	COL_SIZE,
	COL_ARRIVED,
	COL_DUE,
	COL_HELD,
	COL_OWNER,
	COL_EXPIRES,
	COL_ATTEMPTS,
	COL_BLOB,
	COL_SKIP,
	COL_OPTIONS,
	COL_LAST_MS,
	COL_LAST_PEER,
	COL_LAST_STATUS,
	COL_LAST_TEXT,
	COL_REROUTE,
	COL_ACCOUNT,
};

static enum queue_state state_of(const struct db_rows *rows)
{
	if (db_int(rows, COL_HELD) == 1)
		return QUEUE_HELD;
	if (!db_is_null(rows, COL_OWNER))
		return QUEUE_ACTIVE;
	return db_int(rows, COL_HELD) == 2 ? QUEUE_SCHEDULED : QUEUE_WAITING;
}

static struct queue_entry entry_of(const struct db_rows *rows)
{
	return (struct queue_entry){
		.place = { db_int(rows, COL_MESSAGE), db_int(rows, COL_POSITION) },
		.queue_id = db_text(rows, COL_QUEUE_ID),
		.message_id = db_text(rows, COL_MESSAGE_ID),
		.reverse_path = db_text(rows, COL_REVERSE_PATH),
		.forward_path = db_text(rows, COL_PATH),
		.domain = db_text(rows, COL_DOMAIN),
		.size_bytes = (uint64_t)db_int(rows, COL_SIZE),
		.arrived_ms = db_int(rows, COL_ARRIVED),
		.due_ms = db_int(rows, COL_DUE),
		.expires_ms = db_int(rows, COL_EXPIRES),
		.attempts = (unsigned)db_int(rows, COL_ATTEMPTS),
		.state = state_of(rows),
		.options = db_text(rows, COL_OPTIONS),
		.blob_id = db_int(rows, COL_BLOB),
		.skip_bytes = (uint64_t)db_int(rows, COL_SKIP),
		.last_ms = db_int(rows, COL_LAST_MS),
		.last_peer = db_text(rows, COL_LAST_PEER),
		.last_status = db_text(rows, COL_LAST_STATUS),
		.last_text = db_text(rows, COL_LAST_TEXT),
		.account = db_text(rows, COL_ACCOUNT),
		.reroute = db_text(rows, COL_REROUTE),
	};
}

int queue_look(struct db *db, const struct queue_filter *filter, unsigned limit,
               struct queue_place *place, int (*visit)(const struct queue_entry *entry, void *arg),
               void *arg)
{
	struct db_rows rows;
	unsigned seen = 0;
	int rc = db_query(db, &rows,
	                  "SELECT r.queue_message_id, r.position, m.queue_id, m.message_id,"
	                  " m.reverse_path, r.forward_path, r.domain, m.size_bytes, m.arrived_ms,"
	                  " r.due_ms, r.held, r.lease_owner, m.expires_ms, r.attempts, m.blob_id,"
	                  " m.skip_bytes, m.options, r.last_ms, r.last_peer, r.last_status,"
	                  " r.last_text, r.reroute, m.account"
	                  " FROM queue_recipient r JOIN queue_message m"
	                  " ON m.id = r.queue_message_id"
	                  " WHERE (r.queue_message_id, r.position) > ($1, $2)"
	                  " ORDER BY r.queue_message_id, r.position LIMIT $3",
	                  "iii", place->message, place->position, (int64_t)limit);
	while (rc == 0 && (rc = db_next(&rows)) == 0) {
		struct queue_entry entry = entry_of(&rows);
		seen++;
		*place = entry.place;
		if (queue_filter_means(filter, &entry))
			rc = visit(&entry, arg);
	}
	db_end(&rows);
	if (rc != -ENODATA)
		return rc;
	return seen == limit;
}
