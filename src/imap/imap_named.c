#include "imap/imap_named.h"

#include <errno.h>

#include "base/cursor.h"
#include "imap/imap_handlers.h"
#include "mailbox/annotation.h"

static const struct slice places[] = { { "/private/filters/values/", 24 },
	                               { "/shared/filters/values/", 23 } };

/* ["CHARSET" SP charset SP] search-key *(SP search-key): the value of such an annotation. */
static bool take_value(struct arena *arena, struct slice value, struct imap_search *out)
{
	struct cursor at = cursor_of(value);
	return imap_take_search(&at, arena, out) && !out->extended && cursor_at_end(&at);
}

bool imap_named_may_be(struct arena *arena, struct slice annotation, struct slice value)
{
	struct imap_search search;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (slice_starts_with(annotation, places[i]))
			return take_value(arena, value, &search);
	}
	return true;
}

/* --- reading ------------------------------------------------------------------------- */

struct named {
	struct imap_command *c;
	struct arena *arena;
	struct imap_search *request;
	unsigned count;
};

struct read_step {
	struct named *n;
	struct slice name, value;
	bool found;
};

static int keep_value(struct slice name, struct slice value, void *arg)
{
	struct read_step *step = arg;
	(void)name;
	step->value = arena_copy(step->n->arena, value);
	step->found = true;
	return 0;
}

static int read_step(struct db *db, void *arg)
{
	struct read_step *step = arg;
	int rc = 0;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]) && !step->found && rc == 0; i++) {
		struct slice parts[] = { places[i], step->name }, path;
		if (!annotation_name(step->n->arena, arena_concat(step->n->arena, parts, 2), &path))
			return -ENOENT;
		rc = annotation_each(db, ANNOTATION_SERVER, step->n->c->s->account_id, path,
		                     ANNOTATION_SELF, keep_value, step);
	}
	return rc == 0 && !step->found ? -ENOENT : rc;
}

static bool resolve(struct named *n, struct imap_search_key *key, unsigned depth);

/* What one name stands for becomes its child. */
static bool put_in(struct named *n, struct imap_search_key *key, unsigned depth)
{
	struct imap_command *c = n->c;
	struct read_step step = { .n = n, .name = key->text };
	struct imap_search search;
	if (depth == IMAP_NAMED_DEPTH_MAX || ++n->count > IMAP_NAMED_MAX) {
		imap_no(c, "LIMIT", "Too many named searches in one.");
		return false;
	}
	int rc = store_read(imap_context(c->s)->store, read_step, &step);
	if (rc < 0 && rc != -ENOENT) {
		imap_failed(c, rc);
		return false;
	}
	if (rc < 0 || !take_value(n->arena, step.value, &search)) {
		imap_no(c, arena_printf(c->arena, "UNDEFINED-FILTER %.*s", SLICE_ARG(key->text)),
		        "There is no search of that name.");
		return false;
	}
	key->first = search.root;
	n->request->mod_seq |= search.mod_seq;
	n->request->has_seqs |= search.has_seqs;
	n->request->fuzzy |= search.fuzzy;
	return resolve(n, key->first, depth + 1);
}

static bool resolve(struct named *n, struct imap_search_key *key, unsigned depth)
{
	for (; key; key = key->next) {
		bool ok = key->kind == SEARCH_FILTER ? put_in(n, key, depth)
		                                     : resolve(n, key->first, depth);
		if (!ok)
			return false;
	}
	return true;
}

bool imap_named_resolve(struct imap_command *c, struct arena *arena, struct imap_search *request)
{
	struct named n = { .c = c, .arena = arena, .request = request };
	return !request->named || resolve(&n, request->root, 0);
}
