/* dkim.create, dkim.list, dkim.rotate, dkim.check, dkim.activate, dkim.remove */
#include <errno.h>
#include <openssl/evp.h>

#include "admin/admin_commands.h"
#include "base/clock.h"
#include "directory/directory.h"
#include "fiber/fiber.h"
#include "message/date.h"
#include "store/store.h"
#include "trust/dkim_private.h"
#include "trust/trust_keys.h"

enum { KINDS = 2, NAMES_TRIED = 26 };

static const enum dkim_algorithm kinds[KINDS] = { DKIM_RSA_SHA256, DKIM_ED25519_SHA256 };

struct change {
	struct arena *arena;
	struct admin *admin;
	struct slice domain, selector;
	struct dkim_row rows[KINDS];
	size_t count;
	bool is_rotation, has_any;
	struct slice waits; /* the selector of one that does, of a kind that is made; empty: none */
	int64_t until_ms;
};

static struct change begin(struct admin *admin)
{
	return (struct change){ .arena = arena_new(),
		                .admin = admin,
		                .domain = SLICE_EMPTY,
		                .selector = SLICE_EMPTY,
		                .waits = SLICE_EMPTY,
		                .until_ms = clock_wall_ms() +
		                            admin->config->trust.keep_old_keys_ms };
}

/* The domain and, if it is given, the selector of a request. */
static int take_names(struct change *c, const json_t *request, struct admin_reply *reply)
{
	const char *domain = admin_need(request, "domain", reply);
	const char *selector = admin_text(request, "selector");
	if (!domain)
		return -EINVAL;
	if (directory_canonical_domain(c->arena, slice_from_str(domain), &c->domain) < 0)
		return admin_fail(reply, -EINVAL, "'%s' is no domain", domain);
	if (selector && !domain_canonical(c->arena, slice_from_str(selector), &c->selector))
		return admin_fail(reply, -EINVAL,
		                  "'%s' is no selector: write letters, digits and hyphens",
		                  selector);
	return 0;
}

/* Signers are read anew by the server; without one there are none. */
static int finish(struct change *c, int rc)
{
	if (rc == 0 && c->admin->trust)
		rc = trust_keys_changed(c->admin->trust);
	arena_free(c->arena);
	return rc;
}

/* --- telling ----------------------------------------------------------------------------- */

static json_t *describe(struct arena *arena, const struct dkim_row *row)
{
	const struct dkim_signature where = { .domain = row->domain, .selector = row->selector };
	EVP_PKEY *key = dkim_private_read(row->algorithm, row->private_key);
	struct slice record = key ? dkim_private_record(arena, row->algorithm, key) : SLICE_EMPTY;
	json_t *item = json_pack(
		"{s:s%, s:s%, s:s, s:s, s:I, s:i, s:s, s:s%}", "domain", row->domain.data,
		row->domain.len, "selector", row->selector.data, row->selector.len, "algorithm",
		dkim_algorithm_name(row->algorithm), "state", dkim_state_name(row->state),
		"created_ms", (json_int_t)row->created_ms, "bits", key ? EVP_PKEY_get_bits(key) : 0,
		"name", dkim_key_name(arena, &where), "record", record.data, record.len);
	if (row->state == DKIM_OLD)
		json_object_set_new(item, "until_ms", json_integer(row->until_ms));
	EVP_PKEY_free(key);
	return item;
}

struct listing {
	struct arena *arena;
	struct slice domain, selector;
	json_t *items;
};

static int list_row(const struct dkim_row *row, void *arg)
{
	struct listing *l = arg;
	if (l->selector.len == 0 || slice_equal(l->selector, row->selector))
		json_array_append_new(l->items, describe(l->arena, row));
	return 0;
}

static int list_in_read(struct db *db, void *arg)
{
	struct listing *l = arg;
	json_array_clear(l->items);
	return dkim_row_each(db, l->domain, list_row, l);
}

static int list_keys(struct change *c, struct admin_reply *reply)
{
	struct listing l = { c->arena, c->domain, c->selector, json_array() };
	int rc = store_read(c->admin->store, list_in_read, &l);
	if (rc == 0 && c->domain.len > 0 && json_array_size(l.items) == 0)
		rc = admin_fail(reply, -ENOENT,
		                "%.*s has no such key: make some with veredus dkim create",
		                SLICE_ARG(c->domain));
	int sent = admin_items(reply, l.items);
	return rc < 0 ? rc : sent;
}

static int dkim_list(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct change c = begin(admin);
	int rc = admin_text(request, "domain") ? take_names(&c, request, reply) : 0;
	if (rc == 0)
		rc = list_keys(&c, reply);
	arena_free(c.arena);
	return rc;
}

/* --- making ------------------------------------------------------------------------------ */

struct making {
	struct arena *arena;
	enum dkim_algorithm algorithm;
	unsigned bits;
	struct slice key;
};

static void make(void *arg)
{
	struct making *m = arg;
	m->key = dkim_private_make(m->arena, m->algorithm, m->bits);
}

static int make_rows(struct change *c, const json_t *request, struct admin_reply *reply)
{
	const char *which = admin_text(request, "algorithm");
	int64_t bits = admin_number(request, "bits", DKIM_OUR_BITS);
	if (bits < DKIM_OUR_BITS || bits > DKIM_OUR_BITS_MAX)
		return admin_fail(reply, -EINVAL, "a key for signing has %d to %d bits",
		                  DKIM_OUR_BITS, DKIM_OUR_BITS_MAX);
	for (size_t i = 0; i < KINDS; i++) {
		struct slice name = slice_from_str(dkim_algorithm_name(kinds[i]));
		if (which && !slice_starts_with(name, slice_from_str(which)))
			continue;
		struct making m = { c->arena, kinds[i], (unsigned)bits, SLICE_EMPTY };
		fiber_offload(make, &m);
		if (m.key.len == 0)
			return admin_fail(reply, -EIO, "no key could be made");
		c->rows[c->count++] = (struct dkim_row){
			.domain = c->domain,
			.algorithm = kinds[i],
			.state = json_is_true(json_object_get(request, "now")) ? DKIM_ACTIVE
			                                                       : DKIM_WAITS,
			.created_ms = clock_wall_ms(),
			.private_key = m.key,
		};
	}
	if (c->count == 0)
		return admin_fail(reply, -EINVAL, "'%s' is no algorithm: write rsa or ed25519",
		                  which);
	return 0;
}

/* "rsa20260301", then "rsa20260301b": a selector says of what kind it is, and when it was made. */
static struct slice selector_of(struct change *c, const struct dkim_row *row, int tried)
{
	char day[DATE_TEXT_MAX];
	struct slice date = date_format_internet(row->created_ms / 1000, day);
	const char *kind = row->algorithm == DKIM_RSA_SHA256 ? "rsa" : "ed";
	if (c->selector.len > 0 && c->count == 1)
		return c->selector;
	const char *letter = tried == 0 ? "" : arena_printf(c->arena, "%c", 'a' + tried);
	const char *text = c->selector.len > 0
	                           ? arena_printf(c->arena, "%.*s-%s", SLICE_ARG(c->selector), kind)
	                           : arena_printf(c->arena, "%s%.*s%.*s%.*s%s", kind,
	                                          SLICE_ARG(slice_sub(date, 0, 4)),
	                                          SLICE_ARG(slice_sub(date, 5, 2)),
	                                          SLICE_ARG(slice_sub(date, 8, 2)), letter);
	return slice_from_str(text);
}

static int add_row(struct db *db, struct change *c, struct dkim_row *row)
{
	enum dkim_state state = row->state;
	int rc = -EEXIST;
	row->state = DKIM_WAITS;
	for (int tried = 0; tried < NAMES_TRIED && rc == -EEXIST; tried++) {
		row->selector = selector_of(c, row, tried);
		rc = dkim_row_add(db, row);
		if (c->selector.len > 0)
			break;
	}
	if (rc == 0 && state == DKIM_ACTIVE)
		rc = dkim_row_activate(db, c->domain, row->selector, c->until_ms);
	row->state = state;
	return rc;
}

static int note_row(const struct dkim_row *row, void *arg)
{
	struct change *c = arg;
	c->has_any = true;
	for (size_t i = 0; i < c->count; i++)
		if (row->state == DKIM_WAITS && row->algorithm == c->rows[i].algorithm)
			c->waits = arena_copy(c->arena, row->selector);
	return 0;
}

static int add_in_commit(struct db *db, void *arg)
{
	struct change *c = arg;
	c->has_any = false;
	c->waits = SLICE_EMPTY;
	int rc = dkim_row_each(db, c->domain, note_row, c);
	if (rc == 0 && c->is_rotation != c->has_any)
		rc = c->is_rotation ? -ENOENT : -EALREADY;
	/* Of two that wait the one would push the other aside as soon as it signs. */
	if (rc == 0 && c->waits.len > 0)
		rc = -EBUSY;
	for (size_t i = 0; i < c->count && rc == 0; i++)
		rc = add_row(db, c, &c->rows[i]);
	return rc;
}

static int explain(struct change *c, struct admin_reply *reply, int rc)
{
	switch (rc) {
	case -EALREADY:
		return admin_fail(reply, rc,
		                  "%.*s has keys: make new ones with veredus dkim rotate",
		                  SLICE_ARG(c->domain));
	case -ENOENT:
		return admin_fail(reply, rc,
		                  c->is_rotation
		                          ? "%.*s has no keys: make some with veredus dkim create"
		                          : "%.*s has no such key",
		                  SLICE_ARG(c->domain));
	case -EBUSY:
		return admin_fail(reply, rc,
		                  "the key %.*s of %.*s waits for its record in the DNS: publish "
		                  "it (veredus dkim show), or remove it",
		                  SLICE_ARG(c->waits), SLICE_ARG(c->domain));
	case -EEXIST:
		return admin_fail(reply, rc,
		                  "there is a key of that name: choose another selector");
	default:
		return rc;
	}
}

static int add_keys(struct admin *admin, const json_t *request, struct admin_reply *reply,
                    bool is_rotation)
{
	struct change c = begin(admin);
	c.is_rotation = is_rotation;
	int rc = take_names(&c, request, reply);
	if (rc == 0)
		rc = make_rows(&c, request, reply);
	if (rc == 0)
		rc = explain(&c, reply, store_commit(admin->store, NULL, 0, add_in_commit, &c));
	for (size_t i = 0; i < c.count && rc == 0; i++)
		rc = admin_item(reply, describe(c.arena, &c.rows[i]));
	return finish(&c, rc);
}

static int dkim_create(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	return add_keys(admin, request, reply, false);
}

static int dkim_rotate(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	return add_keys(admin, request, reply, true);
}

/* --- changing ---------------------------------------------------------------------------- */

static int activate_in_commit(struct db *db, void *arg)
{
	const struct change *c = arg;
	return dkim_row_activate(db, c->domain, c->selector, c->until_ms);
}

static int remove_in_commit(struct db *db, void *arg)
{
	const struct change *c = arg;
	return dkim_row_remove(db, c->domain, c->selector);
}

static int change_rows(struct admin *admin, const json_t *request, struct admin_reply *reply,
                       store_fn fn)
{
	struct change c = begin(admin);
	int rc = take_names(&c, request, reply);
	if (rc == 0)
		rc = explain(&c, reply, store_commit(admin->store, NULL, 0, fn, &c));
	return finish(&c, rc);
}

static int dkim_activate(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	if (!admin_need(request, "selector", reply))
		return -EINVAL;
	return change_rows(admin, request, reply, activate_in_commit);
}

static int dkim_remove(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	return change_rows(admin, request, reply, remove_in_commit);
}

/* --- asking the DNS ---------------------------------------------------------------------- */

static void note_found(const struct trust_key_state *s, void *arg)
{
	static const char *const words[TRUST_RESULTS] = {
		[TRUST_PASS] = "published",
		[TRUST_NONE] = "missing",
		[TRUST_FAIL] = "different",
		[TRUST_TEMPERROR] = "unknown",
	};
	enum dkim_state state = s->activated ? DKIM_ACTIVE : s->row->state;
	json_t *item = json_pack("{s:s%, s:s%, s:s, s:s, s:s, s:s%, s:b}", "domain",
	                         s->row->domain.data, s->row->domain.len, "selector",
	                         s->row->selector.data, s->row->selector.len, "name", s->name,
	                         "state", dkim_state_name(state), "dns", words[s->found], "record",
	                         s->record.data, s->record.len, "activated", (int)s->activated);
	if (s->text.len > 0)
		json_object_set_new(item, "found", admin_json_text(s->text));
	json_array_append_new(arg, item);
}

static int dkim_check(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct change c = begin(admin);
	json_t *items = json_array();
	int rc = admin->trust ? 0 : -ENOTSUP;
	if (rc == 0 && admin_text(request, "domain"))
		rc = take_names(&c, request, reply);
	if (rc == 0)
		rc = trust_keys_check(admin->trust, c.domain, note_found, items);
	if (rc == 0 && c.domain.len > 0 && json_array_size(items) == 0)
		rc = admin_fail(reply, -ENOENT, "%.*s has no keys", SLICE_ARG(c.domain));
	int sent = admin_items(reply, items);
	arena_free(c.arena);
	return rc < 0 ? rc : sent;
}

const struct admin_command admin_dkim_commands[] = {
	{ "dkim.create", dkim_create },
	{ "dkim.list", dkim_list },
	{ "dkim.rotate", dkim_rotate },
	{ "dkim.check", dkim_check },
	{ "dkim.activate", dkim_activate },
	{ "dkim.remove", dkim_remove },
	{ 0 },
};
