/* learn.put, learn.judge, learn.status, learn.forget: the classifier's school.
 *
 *     {"command":"learn.put", "kind":"spam", "address":"alice@example.test", "body_bytes":1234}
 *
 * and the message. The kind is spam, ham, or forget, which takes it back; without an address it is
 * the shared corpus. */
#include <errno.h>

#include "admin/admin_commands.h"
#include "directory/directory.h"
#include "fiber/fiber.h"
#include "guard/bayes_rows.h"
#include "guard/guard_classify.h"
#include "store/spool.h"
#include "store/store.h"

enum { LEARN_MEMORY_BYTES = 1 << 20, LEARN_BYTES_MAX = 128 << 20 };
enum kind { LEARN_HAM, LEARN_SPAM, LEARN_FORGET };

struct lesson {
	struct admin *admin;
	struct arena *arena;
	struct slice address; /* empty: the shared corpus */
	enum kind kind;
	struct spool spool;
	struct bayes_tokens tokens;
	struct bayes_status status;
	enum bayes_learned learned;
	bool unknown; /* there was nothing to forget */
	int rc;       /* of tokenise() */
};

static int find_corpus(struct db *db, const struct lesson *l, int64_t *id_out)
{
	struct account account;
	*id_out = BAYES_SHARED;
	if (l->address.len == 0)
		return 0;
	int rc = directory_find_account(db, l->arena, l->address, &account);
	if (rc == 0)
		*id_out = account.id;
	return rc;
}

static int read_address(struct lesson *l, const json_t *request, struct admin_reply *reply)
{
	const char *address = admin_text(request, "address");
	if (!address)
		return 0;
	int rc = directory_canonical_address(l->arena, slice_from_str(address), &l->address);
	return rc < 0 ? admin_fail(reply, rc, "'%s' is no address", address) : 0;
}

static int no_such_user(struct lesson *l, struct admin_reply *reply, int rc)
{
	return rc == -ENOENT ? admin_fail(reply, rc, "there is no user %.*s", SLICE_ARG(l->address))
	                     : rc;
}

/* --- one message -------------------------------------------------------------------------- */

/* On the thread pool. */
static void tokenise(void *arg)
{
	struct lesson *l = arg;
	struct slice message;
	l->rc = spool_view(&l->spool, &message);
	if (l->rc == 0)
		bayes_tokens_of(l->arena, message, &l->admin->config->message, &l->tokens);
}

static int learn(struct db *db, void *arg)
{
	struct lesson *l = arg;
	const struct config_classifier *c = &l->admin->config->classifier;
	const struct bayes_bounds bounds = { c->max_tokens, c->max_messages };
	int64_t id;
	int rc = find_corpus(db, l, &id);
	if (rc < 0)
		return rc;
	if (l->kind != LEARN_FORGET)
		return bayes_learn(db, id, &l->tokens, l->kind == LEARN_SPAM, &bounds, &l->learned);
	rc = bayes_unlearn(db, id, &l->tokens);
	l->unknown = rc == -ENOENT;
	return l->unknown ? 0 : rc;
}

static const char *result_of(const struct lesson *l)
{
	if (l->kind == LEARN_FORGET)
		return l->unknown ? "unknown" : "forgotten";
	return l->learned == BAYES_NEW ? "new" : l->learned == BAYES_KNOWN ? "known" : "changed";
}

static bool read_kind(const char *text, enum kind *out)
{
	static const char *const names[] = { "ham", "spam", "forget" };
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (!slice_equal(slice_from_str(text), slice_from_str(names[i])))
			continue;
		*out = (enum kind)i;
		return true;
	}
	return false;
}

static int put(struct lesson *l, const json_t *request, struct admin_reply *reply)
{
	if (!read_kind(admin_text(request, "kind"), &l->kind))
		return admin_fail(reply, -EINVAL, "kind is spam, ham or forget");
	int rc = read_address(l, request, reply);
	if (rc == 0)
		rc = admin_body(reply, reply->body_left, spool_add, &l->spool);
	if (rc < 0)
		return rc;
	fiber_offload(tokenise, l);
	rc = l->rc == 0 ? store_commit(l->admin->store, NULL, 0, learn, l) : l->rc;
	return rc == 0 ? admin_item(reply, json_pack("{s:s}", "result", result_of(l)))
	               : no_such_user(l, reply, rc);
}

/* What it says about a message for that address: an item, or none. */
static int say(struct lesson *l, const json_t *request, struct admin_reply *reply)
{
	struct slice message = SLICE_EMPTY;
	int rc = read_address(l, request, reply);
	if (rc == 0)
		rc = admin_body(reply, reply->body_left, spool_add, &l->spool);
	if (rc == 0)
		rc = spool_view(&l->spool, &message);
	if (rc < 0)
		return rc;
	struct guard_opinion opinion = guard_classify(l->admin->store, l->admin->config, l->arena,
	                                              message, l->address);
	return opinion.given ? admin_item(reply, json_pack("{s:i, s:s}", "weight", opinion.weight,
	                                                   "evidence", opinion.evidence))
	                     : 0;
}

static int with_message(struct admin *admin, const json_t *request, struct admin_reply *reply,
                        int (*fn)(struct lesson *, const json_t *, struct admin_reply *))
{
	struct lesson l = { .admin = admin, .arena = arena_new(), .address = SLICE_EMPTY };
	spool_create(&l.spool, admin->config->dir, LEARN_MEMORY_BYTES, LEARN_BYTES_MAX,
	             reply->body_left);
	int rc = fn(&l, request, reply);
	spool_destroy(&l.spool);
	arena_free(l.arena);
	return rc;
}

static int learn_put(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	return with_message(admin, request, reply, put);
}

static int learn_judge(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	return with_message(admin, request, reply, say);
}

/* --- the corpus --------------------------------------------------------------------------- */

static int get_status(struct db *db, void *arg)
{
	struct lesson *l = arg;
	int64_t id;
	int rc = find_corpus(db, l, &id);
	return rc == 0 ? bayes_get_status(db, id, &l->status) : rc;
}

static int learn_status(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct lesson l = { .admin = admin, .arena = arena_new(), .address = SLICE_EMPTY };
	int rc = read_address(&l, request, reply);
	if (rc == 0)
		rc = no_such_user(&l, reply, store_read(admin->store, get_status, &l));
	if (rc == 0)
		rc = admin_item(reply, json_pack("{s:o, s:I, s:I, s:I}", "address",
		                                 admin_json_text(l.address), "spam",
		                                 (json_int_t)l.status.messages.spam, "ham",
		                                 (json_int_t)l.status.messages.ham, "tokens",
		                                 (json_int_t)l.status.tokens));
	arena_free(l.arena);
	return rc;
}

static int forget(struct db *db, void *arg)
{
	const struct lesson *l = arg;
	int64_t id;
	int rc = find_corpus(db, l, &id);
	return rc == 0 ? bayes_forget(db, id) : rc;
}

static int learn_forget(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct lesson l = { .admin = admin, .arena = arena_new(), .address = SLICE_EMPTY };
	int rc = read_address(&l, request, reply);
	if (rc == 0)
		rc = no_such_user(&l, reply, store_commit(admin->store, NULL, 0, forget, &l));
	arena_free(l.arena);
	return rc;
}

const struct admin_command admin_learn_commands[] = {
	{ "learn.put", learn_put },
	{ "learn.judge", learn_judge },
	{ "learn.status", learn_status },
	{ "learn.forget", learn_forget },
	{ 0 },
};
