/* How well the classifier does on mail that it was not trained on.
 *
 *     bayes_eval DIRECTORY...
 *
 * Each file (but .json) is one message; directories with "ham" in their names hold wanted mail, the
 * others spam. Two of three messages, by a hash of their names, are learned into a new store; the
 * others are judged. bench/bayes_corpus gets a public corpus and runs it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "guard/bayes_rows.h"
#include "store/backup_copy.h"
#include "store/store.h"

enum { MESSAGE_MAX = 32 << 20, SETS_MAX = 20, AT_ONCE = 200, PARTS = 3 };
#define SPAM_FROM 0.9 /* as the score table takes it */
#define HAM_TO    0.1

struct set {
	const char *path;
	bool is_spam;
	uint64_t learned, judged, as_spam, as_ham;
};

struct eval {
	struct arena *names, *scratch;
	struct set *set;
	struct store *store;
	struct buf bytes;
	const char **files;
	size_t count;
	/* Of the learning commit. */
	struct bayes_tokens batch[AT_ONCE];
	size_t batched;
	/* Of the message at hand. */
	struct bayes_tokens tokens;
	struct bayes_verdict verdict;
	int64_t token_ns, judge_ns;
};

static void stop(const char *what, int rc)
{
	fprintf(stderr, "bayes_eval: %s: %s\n", what, strerrordesc_np(-rc));
	exit(1);
}

static int add_file(const char *name, void *arg)
{
	struct eval *e = arg;
	if (name[0] == '.' || slice_ends_with(slice_from_str(name), SLICE(".json")))
		return 0;
	e->files = mem_grow(e->files, (e->count + 1) * sizeof(*e->files));
	e->files[e->count++] = arena_printf(e->names, "%s/%s", e->set->path, name);
	return 0;
}

static bool is_for_learning(const char *path)
{
	static const uint64_t key[2] = { 1, 2 };
	struct slice name = slice_from_str(path);
	name = slice_from(name, (size_t)(slice_find_last_byte(name, '/') + 1));
	return hash_bytes_keyed(key, name) % PARTS != 0;
}

static void read_tokens(struct eval *e, const char *path, struct bayes_tokens *out)
{
	const struct message_limits limits = MESSAGE_LIMITS_DEFAULT;
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size > MESSAGE_MAX)
		stop(path, fd < 0 ? -errno : -EFBIG);
	buf_clear(&e->bytes);
	char *room = buf_reserve(&e->bytes, (size_t)st.st_size + 1);
	ssize_t got = read(fd, room, (size_t)st.st_size);
	close(fd);
	if (got < 0)
		stop(path, -errno);
	struct slice message = slice_of(room, (size_t)got);
	if (slice_starts_with(message, SLICE("From ")))
		slice_split(&message, '\n');
	int64_t began = clock_monotonic_ns();
	bayes_tokens_of(e->scratch, message, &limits, out);
	e->token_ns += clock_monotonic_ns() - began;
}

static int learn(struct db *db, void *arg)
{
	const struct eval *e = arg;
	const struct bayes_bounds bounds = { 200000, 20000 };
	enum bayes_learned learned;
	int rc = 0;
	for (size_t i = 0; i < e->batched && rc == 0; i++)
		rc = bayes_learn(db, BAYES_SHARED, &e->batch[i], e->set->is_spam, &bounds,
		                 &learned);
	return rc;
}

static void flush(struct eval *e)
{
	int rc = store_commit(e->store, NULL, 0, learn, e);
	if (rc < 0)
		stop("learning", rc);
	e->batched = 0;
	arena_reset(e->scratch);
}

static void learn_set(struct eval *e)
{
	e->count = 0;
	int rc = copy_each(e->set->path, add_file, e);
	if (rc < 0)
		stop(e->set->path, rc);
	for (size_t i = 0; i < e->count; i++) {
		if (!is_for_learning(e->files[i]))
			continue;
		read_tokens(e, e->files[i], &e->batch[e->batched++]);
		e->set->learned++;
		if (e->batched == AT_ONCE)
			flush(e);
	}
	flush(e);
}

static int judge(struct db *db, void *arg)
{
	struct eval *e = arg;
	struct bayes_count totals = { 0, 0 };
	struct bayes_count *counts = ARENA_ARRAY(e->scratch, e->tokens.count, struct bayes_count);
	int rc = bayes_add_counts(db, BAYES_SHARED, &e->tokens, 1, counts, &totals);
	if (rc == 0)
		bayes_judge(&e->tokens, counts, &totals, &e->verdict);
	return rc;
}

static void judge_set(struct eval *e)
{
	e->count = 0;
	int rc = copy_each(e->set->path, add_file, e);
	for (size_t i = 0; i < e->count && rc == 0; i++) {
		if (is_for_learning(e->files[i]))
			continue;
		read_tokens(e, e->files[i], &e->tokens);
		int64_t began = clock_monotonic_ns();
		rc = store_read(e->store, judge, e);
		e->judge_ns += clock_monotonic_ns() - began;
		e->set->judged++;
		e->set->as_spam += e->verdict.probability >= SPAM_FROM;
		e->set->as_ham += e->verdict.probability <= HAM_TO;
		bool wrong = e->set->is_spam ? e->verdict.probability <= HAM_TO
		                             : e->verdict.probability >= SPAM_FROM;
		if (wrong && getenv("BAYES_EVAL_WRONG"))
			printf("%s: %s\n", e->files[i], bayes_evidence(&e->verdict, e->scratch));
		arena_reset(e->scratch);
	}
	if (rc < 0)
		stop("judging", rc);
}

static double share(uint64_t part, uint64_t whole)
{
	return whole > 0 ? 100.0 * (double)part / (double)whole : 0;
}

static void report(const struct eval *e, const struct set *sets, size_t count)
{
	uint64_t spam = 0, right = 0, wrong = 0, ham = 0;
	printf("%-24s %8s %8s %8s %8s %8s\n", "", "learned", "judged", "spam", "unsure", "ham");
	for (size_t i = 0; i < count; i++) {
		const struct set *s = &sets[i];
		struct slice name = slice_from_str(s->path);
		name = slice_from(name, (size_t)(slice_find_last_byte(name, '/') + 1));
		printf("%-24.*s %8lu %8lu %8lu %8lu %8lu\n", SLICE_ARG(name), s->learned, s->judged,
		       s->as_spam, s->judged - s->as_spam - s->as_ham, s->as_ham);
		spam += s->is_spam ? s->judged : 0;
		ham += s->is_spam ? 0 : s->judged;
		right += s->is_spam ? s->as_spam : 0;
		wrong += s->is_spam ? 0 : s->as_spam;
	}
	printf("precision %.2f %%, recall %.2f %%; ham taken for spam %.2f %%\n",
	       share(right, right + wrong), share(right, spam), share(wrong, ham));
	uint64_t all = spam + ham;
	for (size_t i = 0; i < count; i++)
		all += sets[i].learned;
	printf("%.0f us a message for its tokens, %.0f us to judge it\n",
	       (double)e->token_ns / 1e3 / (double)(all ? all : 1),
	       (double)e->judge_ns / 1e3 / (double)(spam + ham ? spam + ham : 1));
}

int main(int argc, char **argv)
{
	struct set sets[SETS_MAX];
	char dir[] = "/tmp/bayes_eval.XXXXXX";
	struct store_config config = { .dir = dir, .create = true };
	struct eval *e = mem_zero(1, sizeof(*e));
	size_t count = (size_t)argc - 1;
	if (count == 0 || count > SETS_MAX || !mkdtemp(dir)) {
		fprintf(stderr, "usage: bayes_eval DIRECTORY...\n");
		return 2;
	}
	e->names = arena_new();
	e->scratch = arena_new();
	e->bytes = buf_make(MESSAGE_MAX + 1);
	int rc = store_open(&config, &e->store);
	if (rc < 0)
		stop(dir, rc);
	for (size_t i = 0; i < count; i++) {
		struct slice path = slice_from_str(argv[i + 1]);
		struct slice name = slice_from(path, (size_t)(slice_find_last_byte(path, '/') + 1));
		sets[i] = (struct set){ .path = argv[i + 1],
			                .is_spam = slice_find(name, SLICE("ham")) < 0 };
		e->set = &sets[i];
		learn_set(e);
	}
	for (size_t i = 0; i < count; i++) {
		e->set = &sets[i];
		judge_set(e);
	}
	report(e, sets, count);
	store_close(e->store);
	copy_remove_tree(e->names, dir);
	arena_free(e->names);
	arena_free(e->scratch);
	buf_free(&e->bytes);
	free(e->files);
	free(e);
	return 0;
}
