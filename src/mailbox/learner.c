#include "mailbox/learner.h"

#include <errno.h>
#include <stdatomic.h>

#include "base/clock.h"
#include "base/log.h"
#include "fiber/fiber.h"
#include "guard/bayes_rows.h"
#include "mailbox/lesson.h"

enum { RETRY_MS = 30000, LOOK_MS = 600000 };
/* Of a message, to see where it came from. */
enum { HEADER_BYTES_MAX = 16 * 1024 };

struct learner {
	struct store *store;
	const struct config *_Atomic config; /* in force: config_reload.h */
	learner_note note;
	void *note_arg;
	_Atomic(fiber_id) fiber;
	atomic_uint_fast64_t spam, ham, known, lost;
};

/* A message, from its bytes to its place in the corpora. */
struct pupil {
	struct learner *learner;
	const struct lesson *lesson;
	struct arena *arena;
	int64_t blob_id;
	struct bayes_tokens tokens;
	struct slice header;
	enum bayes_learned learned;
	int rc; /* of take_apart() */
};

struct plan {
	struct arena *arena;
	struct lesson lesson;
	int64_t *blobs; /* one a message that is still there */
	size_t count;
};

struct tally {
	int64_t messages, fresh, changed;
};

/* --- what there is to do ------------------------------------------------------------------ */

static int keep_blob(const struct mailbox_message *message, void *arg)
{
	struct plan *p = arg;
	p->blobs[p->count++] = message->blob_id;
	return 0;
}

static int read_plan(struct db *db, void *arg)
{
	struct plan *p = arg;
	p->count = 0;
	int rc = lesson_next(db, p->arena, &p->lesson);
	if (rc < 0)
		return rc;
	p->blobs = ARENA_ARRAY(p->arena, uid_set_size(&p->lesson.uids), int64_t);
	return mailbox_each_message(db, p->lesson.mailbox_id, &p->lesson.uids, 0, keep_blob, p);
}

static int end_lesson(struct db *db, void *arg)
{
	const struct plan *p = arg;
	return lesson_end(db, p->lesson.id);
}

/* --- a message ---------------------------------------------------------------------------- */

/* On the thread pool. */
static void take_apart(void *arg)
{
	struct pupil *p = arg;
	struct blob_view blob;
	p->rc = blob_open(p->learner->store, p->blob_id, &blob);
	if (p->rc < 0)
		return;
	p->header = arena_copy(p->arena, slice_sub(blob.bytes, 0, HEADER_BYTES_MAX));
	bayes_tokens_of(p->arena, blob.bytes, &p->learner->config->message, &p->tokens);
	blob_close(&blob);
}

/* That it was learned, if that is news. */
static int note_learned(struct db *db, const struct pupil *p)
{
	struct db_rows rows;
	if (p->learned == BAYES_KNOWN)
		return 0;
	int rc = db_query(db, &rows, "SELECT address FROM account WHERE id = $1", "i",
	                  p->lesson->account_id);
	if (rc == 0)
		rc = db_next(&rows);
	struct slice account = rc == 0 ? arena_copy(p->arena, db_text(&rows, 0)) : SLICE_EMPTY;
	db_end(&rows);
	if (rc < 0)
		return rc == -ENODATA ? 0 : rc;
	return p->learner->note(db, p->learner->note_arg, account, p->header, p->lesson->is_spam);
}

/* What the lesson is about may have gone since: nothing is learned for an account that has. */
static int learn(struct db *db, void *arg)
{
	struct pupil *p = arg;
	const struct config_classifier *c = &p->learner->config->classifier;
	const struct bayes_bounds bounds = { c->max_tokens, c->max_messages };
	enum bayes_learned shared;
	int64_t id;
	int rc = db_get_int(db, &id, "SELECT id FROM account WHERE id = $1", "i",
	                    p->lesson->account_id);
	p->learned = BAYES_KNOWN;
	if (rc < 0)
		return rc == -ENODATA ? 0 : rc;
	rc = bayes_learn(db, id, &p->tokens, p->lesson->is_spam, &bounds, &p->learned);
	if (rc == 0 && c->learn_shared)
		rc = bayes_learn(db, BAYES_SHARED, &p->tokens, p->lesson->is_spam, &bounds,
		                 &shared);
	return rc == 0 ? note_learned(db, p) : rc;
}

static void count(struct learner *l, const struct pupil *p, struct tally *tally)
{
	tally->messages++;
	tally->fresh += p->learned == BAYES_NEW;
	tally->changed += p->learned == BAYES_CHANGED;
	atomic_fetch_add(p->learned == BAYES_KNOWN ? &l->known
	                 : p->lesson->is_spam      ? &l->spam
	                                           : &l->ham,
	                 1);
}

/* One that can't be read is passed over. */
static int learn_one(struct learner *l, const struct lesson *lesson, int64_t blob_id,
                     struct tally *tally)
{
	int64_t began_ms = clock_monotonic_ms();
	struct pupil p = {
		.learner = l, .lesson = lesson, .blob_id = blob_id, .arena = arena_new()
	};
	fiber_offload(take_apart, &p);
	int rc = p.rc < 0 ? 0 : store_commit(l->store, NULL, 0, learn, &p);
	if (rc == 0 && p.rc == 0)
		count(l, &p, tally);
	arena_free(p.arena);
	int slept = fiber_sleep(deadline_in(clock_monotonic_ms() - began_ms));
	return rc < 0 ? rc : slept;
}

/* --- a lesson ----------------------------------------------------------------------------- */

static void tell_learned(const struct lesson *lesson, const struct tally *tally)
{
	log_info("classifier.learned", kv_int("account", lesson->account_id),
	         kv_str("as", lesson->is_spam ? "spam" : "ham"),
	         kv_int("messages", tally->messages), kv_int("new", tally->fresh),
	         kv_int("changed", tally->changed));
}

/* -ENODATA: there is none. */
static int learn_next(struct learner *l)
{
	struct plan p = { .arena = arena_new() };
	struct tally tally = { 0 };
	int rc = store_read(l->store, read_plan, &p);
	for (size_t i = 0; i < p.count && rc == 0; i++)
		rc = learn_one(l, &p.lesson, p.blobs[i], &tally);
	if (rc == 0)
		rc = store_commit(l->store, NULL, 0, end_lesson, &p);
	if (rc == 0)
		tell_learned(&p.lesson, &tally);
	arena_free(p.arena);
	return rc;
}

static void run(void *arg)
{
	struct learner *l = arg;
	int rc = 0;
	while (rc != -ECANCELED) {
		rc = learn_next(l);
		if (rc == 0 || rc == -ECANCELED)
			continue;
		if (rc == -ENODATA) {
			rc = fiber_park("lesson", deadline_in(LOOK_MS));
			continue;
		}
		log_warn("classifier.learn.failed", kv_error(rc));
		rc = fiber_sleep(deadline_in(RETRY_MS));
	}
}

void learner_start(struct learner *l)
{
	if (l)
		atomic_store(&l->fiber, fiber_start(-1, "classifier.learner", run, l));
}

void learner_tell(struct learner *l, const struct lesson_noted *noted)
{
	if (!l)
		return;
	atomic_fetch_add(&l->lost, noted->lost);
	if (noted->lost > 0)
		log_info("classifier.learn.full", kv_int("messages", (int64_t)noted->lost));
	if (noted->noted)
		fiber_wake(atomic_load(&l->fiber));
}

uint64_t learner_room(const struct learner *l) { return l ? l->config->classifier.max_waiting : 0; }

struct learner_counts learner_counts(const struct learner *l)
{
	return (struct learner_counts){ .spam = atomic_load(&l->spam),
		                        .ham = atomic_load(&l->ham),
		                        .known = atomic_load(&l->known),
		                        .lost = atomic_load(&l->lost) };
}

struct learner *learner_new(struct store *store, const struct config *config, learner_note note,
                            void *arg)
{
	struct learner *l = mem_zero(1, sizeof(*l));
	l->note = note;
	l->note_arg = arg;
	l->store = store;
	l->config = config;
	return l;
}

void learner_free(struct learner *l) { free(l); }

void learner_use(struct learner *l, const struct config *config)
{
	if (l)
		l->config = config;
}
