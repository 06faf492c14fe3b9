#include "route/resolve.h"

#include <errno.h>

#include "config/config_way.h"
#include "directory/fetch.h"
#include "directory/relay.h"

/* An alias on the way to where we are, innermost first. */
struct step {
	const struct step *from;
	struct slice key;   /* what must not come again: the alias, or "@domain" of a catch-all */
	struct slice alias; /* the address that Delivered-To will name */
	unsigned depth;
};

struct resolver {
	struct db *db;
	struct arena *arena;
	const struct route_limits *limits;
	uint64_t size_bytes;
	unsigned expanded;   /* targets looked at */
	struct slice detail; /* of the address that is looked at */
	struct route_target **tail;
	struct route_resolution *result;
	struct slice text; /* what is looked at, for who watches */
};

struct route_limits route_limits_of(const struct config *config)
{
	return (struct route_limits){
		.config = config,
		.hostname = config->hostname,
		.plus_separator = config->local.plus_separator,
		.max_depth = config->local.max_alias_depth,
		.max_targets = config->local.max_alias_targets,
	};
}

static void resolve_tell(const struct resolver *r, enum route_step_kind kind,
                         const struct step *from, struct slice found, bool again)
{
	const struct route_step step = {
		.kind = kind,
		.depth = from ? from->depth : 0,
		.address = r->text,
		.found = found,
		.again = again,
	};
	if (r->limits->watch)
		r->limits->watch(&step, r->limits->watch_arg);
}

static int resolve_address(struct resolver *r, const struct address *given,
                           const struct step *from);

static struct slice resolve_key(struct resolver *r, struct slice local, struct slice domain)
{
	struct address a = { .local = local, .domain = domain };
	return address_text(r->arena, &a);
}

static bool step_has(const struct step *from, struct slice key)
{
	for (; from; from = from->from) {
		if (slice_equal(from->key, key))
			return true;
	}
	return false;
}

/* False if it is one of them already. */
static bool resolve_add(struct resolver *r, const struct route_target *target)
{
	for (struct route_target *t = r->result->targets; t; t = t->next) {
		if (t->account_id == target->account_id &&
		    (t->account_id != 0 || slice_equal(t->address, target->address)))
			return false;
	}
	struct route_target *copy = ARENA_NEW(r->arena, struct route_target);
	*copy = *target;
	*r->tail = copy;
	r->tail = &copy->next;
	r->result->count++;
	return true;
}

static void resolve_add_account(struct resolver *r, const struct account *account,
                                struct slice domain, const struct step *from)
{
	struct slice address = slice_from_str(account->address);
	if (!account->enabled) {
		r->result->disabled++;
		resolve_tell(r, ROUTE_STEP_DISABLED, from, address, false);
		return;
	}
	uint64_t quota = account->quota_bytes, messages = account->quota_messages;
	struct route_target target = {
		.account_id = account->id,
		.address = address,
		.domain = domain,
		.detail = r->detail,
		.limited = quota > 0 || messages > 0,
		.full = (quota > 0 && (account->used_bytes >= quota ||
		                       r->size_bytes > quota - account->used_bytes)) ||
		        (messages > 0 && account->used_messages >= messages),
	};
	bool added = resolve_add(r, &target);
	resolve_tell(r, ROUTE_STEP_ACCOUNT, from, address, !added);
}

/* The local part keeps its spelling: only the host that it belongs to may judge it. */
static void resolve_add_remote(struct resolver *r, const struct address *given, struct slice domain,
                               const struct step *from)
{
	struct address a = { .local = given->local, .domain = domain };
	struct route_target target = {
		.address = address_text(r->arena, &a),
		.domain = domain,
		.alias = from ? from->alias : SLICE_EMPTY,
	};
	bool added = resolve_add(r, &target);
	resolve_tell(r, ROUTE_STEP_ELSEWHERE, from, SLICE_EMPTY, !added);
}

static int resolve_text(struct resolver *r, const char *text, const struct step *from)
{
	r->text = slice_from_str(text);
	if (++r->expanded > r->limits->max_targets || from->depth > r->limits->max_depth) {
		r->result->loop = true;
		resolve_tell(r, ROUTE_STEP_LIMIT, from, SLICE_EMPTY, false);
		return 0;
	}
	struct address target;
	if (!address_parse(r->arena, slice_from_str(text), ADDRESS_ALLOW_UTF8, &target)) {
		r->result->dead++;
		resolve_tell(r, ROUTE_STEP_UNKNOWN, from, SLICE_EMPTY, false);
		return 0;
	}
	return resolve_address(r, &target, from);
}

static int resolve_targets(struct resolver *r, const char **targets, size_t count, struct slice key,
                           const struct step *from)
{
	const struct step step = {
		.from = from, .key = key, .alias = key, .depth = from ? from->depth + 1 : 1
	};
	for (size_t i = 0; i < count && !r->result->loop; i++) {
		int rc = resolve_text(r, targets[i], &step);
		if (rc < 0)
			return rc;
	}
	return 0;
}

/* -ENOENT if there is no such account. */
static int resolve_account(struct resolver *r, struct slice local, struct slice domain,
                           const struct step *from)
{
	struct account account;
	int rc = directory_find_account(r->db, r->arena, resolve_key(r, local, domain), &account);
	if (rc == 0)
		resolve_add_account(r, &account, domain, from);
	return rc;
}

/* Not looked up: where it went is no business of ours, nor is a hidden list to be opened. */
static void resolve_add_as_is(struct resolver *r, struct slice address)
{
	struct route_target target = { .address = address };
	resolve_add(r, &target);
}

static int resolve_found_alias(struct resolver *r, const struct alias *alias, struct slice key,
                               const struct step *from)
{
	bool moved = alias->kind == ALIAS_MOVED, hidden = alias->kind == ALIAS_HIDDEN;
	resolve_tell(r,
	             moved    ? ROUTE_STEP_MOVED
	             : hidden ? ROUTE_STEP_HIDDEN
	                      : ROUTE_STEP_ALIAS,
	             from, moved ? slice_from_str(alias->targets[0]) : key, false);
	if (moved && from) {
		r->result->dead++;
		return 0;
	}
	if (hidden && from && r->limits->for_show) {
		resolve_add_as_is(r, key);
		return 0;
	}
	if (!from) {
		r->result->moved = moved;
		r->result->hidden = hidden;
	}
	if (moved) {
		resolve_add_as_is(r, slice_from_str(alias->targets[0]));
		return 0;
	}
	return resolve_targets(r, alias->targets, alias->count, key, from);
}

/* -ENOENT if there is no such alias. */
static int resolve_alias(struct resolver *r, struct slice local, struct slice domain,
                         const struct step *from)
{
	struct slice key = resolve_key(r, local, domain);
	if (step_has(from, key)) {
		r->result->loop = true;
		resolve_tell(r, ROUTE_STEP_LOOP, from, key, false);
		return 0;
	}
	struct alias alias;
	int rc = directory_find_alias(r->db, r->arena, key, &alias);
	return rc == 0 ? resolve_found_alias(r, &alias, key, from) : rc;
}

struct first_account {
	struct resolver *resolver;
	struct slice domain; /* empty: any */
	bool found;
};

static int resolve_visit_account(const struct account *account, void *arg)
{
	struct first_account *first = arg;
	struct slice address = slice_from_str(account->address);
	ptrdiff_t at = slice_find_last_byte(address, '@');
	struct slice domain = slice_from(address, (size_t)(at + 1));
	if (!account->enabled || (first->domain.len > 0 && !slice_equal(domain, first->domain)))
		return 0;
	struct account kept = *account;
	kept.address = arena_str(first->resolver->arena, address);
	kept.quota_bytes = kept.quota_messages = 0; /* postmaster works even then */
	const struct step step = { .depth = 1 };
	first->resolver->text = slice_from_str(kept.address);
	resolve_add_account(first->resolver, &kept, arena_copy(first->resolver->arena, domain),
	                    &step);
	first->found = true;
	return 1;
}

/* Nobody set a postmaster up: the first account of the domain has the honour, or any. */
static int resolve_postmaster(struct resolver *r, struct slice domain)
{
	struct first_account first = { .resolver = r, .domain = domain };
	r->text = resolve_key(r, SLICE("postmaster"), domain);
	resolve_tell(r, ROUTE_STEP_POSTMASTER, NULL, SLICE_EMPTY, false);
	int rc = directory_each_account(r->db, resolve_visit_account, &first);
	if (rc < 0 || first.found)
		return rc < 0 ? rc : 0;
	first.domain = SLICE_EMPTY;
	rc = directory_each_account(r->db, resolve_visit_account, &first);
	if (rc < 0)
		return rc;
	return first.found ? 0 : -ENOENT;
}

static int resolve_catch_all(struct resolver *r, struct slice local, struct slice domain,
                             const char *catch_all, const struct step *from)
{
	struct slice key = arena_concat(r->arena, (struct slice[]){ SLICE("@"), domain }, 2);
	if (step_has(from, key)) {
		r->result->loop = true;
		resolve_tell(r, ROUTE_STEP_LOOP, from, key, false);
		return 0;
	}
	resolve_tell(r, ROUTE_STEP_CATCH_ALL, from, key, false);
	const struct step step = {
		.from = from,
		.key = key,
		.alias = resolve_key(r, local, domain),
		.depth = from ? from->depth + 1 : 1,
	};
	return resolve_text(r, catch_all, &step);
}

/* A name in a domain of ours that is no account as it is. -ENOENT if it is nothing else either;
 * local and domain are canonical. */
static int resolve_local(struct resolver *r, struct slice local, struct slice domain,
                         const char *catch_all, const struct step *from)
{
	int rc = resolve_alias(r, local, domain, from);
	char separator = r->limits->plus_separator;
	ptrdiff_t plus = separator ? slice_find_byte(local, separator) : -1;
	if (rc == -ENOENT && plus > 0) {
		struct slice base = slice_sub(local, 0, (size_t)plus);
		r->detail = slice_from(local, (size_t)plus + 1);
		rc = resolve_account(r, base, domain, from);
		r->detail = SLICE_EMPTY;
		if (rc == -ENOENT)
			rc = resolve_alias(r, base, domain, from);
	}
	if (rc == -ENOENT && catch_all)
		rc = resolve_catch_all(r, local, domain, catch_all, from);
	return rc;
}

/* A rewritten sender, whom bounces of forwarded mail come back to. -ENOENT if it is none, or one
 * that we did not make, or too long ago. */
static int resolve_srs(struct resolver *r, const struct address *given, struct slice domain,
                       const struct step *from)
{
	struct address sender;
	if (!r->limits->srs || from ||
	    srs_find(r->limits->srs, r->db, r->arena, given->local, &sender) != SRS_GOOD)
		return -ENOENT;
	struct slice key = resolve_key(r, given->local, domain);
	resolve_tell(r, ROUTE_STEP_SRS, NULL, key, false);
	const struct step step = { .key = key, .alias = key, .depth = 1 };
	r->text = address_text(r->arena, &sender);
	return resolve_address(r, &sender, &step);
}

/* Its own domain need not be one with mailboxes. */
static bool resolve_is_srs(const struct resolver *r, const struct address *a)
{
	return r->limits->srs && srs_is_form(a->local) &&
	       slice_equal(a->domain, srs_domain(r->limits->srs));
}

static bool resolve_is_postmaster(struct slice local)
{
	return slice_equal(local, SLICE("postmaster"));
}

/* given is what was asked for, a its canonical form, which is no account. */
static int resolve_domain(struct resolver *r, const struct address *given, const struct address *a,
                          const struct step *from, bool *ours)
{
	const char *catch_all = NULL;
	int rc = directory_find_domain(r->db, r->arena, a->domain, &catch_all);
	bool own_host = rc == -ENOENT && resolve_is_postmaster(a->local) &&
	                slice_equal_nocase(a->domain, slice_from_str(r->limits->hostname));
	own_host |= rc == -ENOENT && resolve_is_srs(r, a);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	*ours = rc == 0 || own_host;
	if (!*ours) {
		resolve_add_remote(r, given, a->domain, from);
		return 0;
	}
	rc = resolve_srs(r, given, a->domain, from);
	if (rc == -ENOENT)
		rc = resolve_local(r, a->local, a->domain, catch_all, from);
	if (rc != -ENOENT)
		return rc;
	r->result->dead++;
	/* Somebody will stand in for a postmaster. */
	if (from || !resolve_is_postmaster(a->local))
		resolve_tell(r, ROUTE_STEP_UNKNOWN, from, SLICE_EMPTY, false);
	return 0;
}

static bool has_open_transport(const struct config *c, struct slice domain)
{
	for (size_t i = 0; i < c->smarthost_count; i++) {
		const struct config_smarthost *s = &c->smarthosts[i];
		if (s->everybody && config_way_names(s, domain))
			return true;
	}
	return false;
}

/* Its postmaster is always there (RFC 5321 section 4.5.1). */
static int note_relay(struct resolver *r, const struct address *a)
{
	if (r->result->relay->verify != RELAY_VERIFY_LIST || resolve_is_postmaster(a->local)) {
		r->result->listed = true;
		return 0;
	}
	int rc = directory_find_relay(r->db, r->arena, a->local, a->domain,
	                              r->limits->plus_separator);
	r->result->listed = rc == 0;
	return rc == -ENOENT ? 0 : rc;
}

static int note_fetch(struct resolver *r, const struct address *a)
{
	r->result->relay = config_relay_find(r->limits->config, a->domain);
	r->result->fetched = r->result->relay || has_open_transport(r->limits->config, a->domain);
	if (r->result->relay)
		return note_relay(r, a);
	if (r->result->fetched)
		return 0;
	int rc = directory_find_fetch(r->db, a->domain);
	r->result->fetched = rc == 0;
	return rc == -ENOENT ? 0 : rc;
}

static int resolve_address(struct resolver *r, const struct address *given, const struct step *from)
{
	struct address a;
	if (!address_canonical(r->arena, given, &a)) {
		r->result->dead++;
		resolve_tell(r, ROUTE_STEP_UNKNOWN, from, SLICE_EMPTY, false);
		return 0;
	}
	/* Nearly all that comes is for an account, whose domain is ours then: one look-up. */
	int rc = resolve_account(r, a.local, a.domain, from);
	bool ours = rc == 0;
	if (rc == -ENOENT)
		rc = resolve_domain(r, given, &a, from, &ours);
	if (rc < 0 || from)
		return rc;
	r->result->local = ours;
	if (!ours)
		return note_fetch(r, &a);
	if (r->result->count > 0 || !resolve_is_postmaster(a.local))
		return 0;
	r->result->loop = false;
	rc = resolve_postmaster(r, a.domain);
	return rc == -ENOENT ? 0 : rc;
}

/* A report comes back to the address with its tag. One that is forged or old is nobody's. */
static void resolve_tag(struct resolver *r, struct address *given)
{
	struct address canonical;
	struct slice local;
	if (!r->limits->batv || !address_canonical(r->arena, given, &canonical) ||
	    batv_find(r->limits->batv, r->db, r->arena, &canonical, &local) != BATV_GOOD)
		return;
	given->local = local;
}

struct copy_domain {
	struct arena *arena;
	struct slice domain;
};

static int resolve_copy_domain(const char *domain, const char *catch_all, void *arg)
{
	struct copy_domain *copy = arg;
	(void)catch_all;
	copy->domain = arena_copy(copy->arena, slice_from_str(domain));
	return 1;
}

int route_first_domain(struct db *db, struct arena *arena, const struct route_limits *limits,
                       struct slice *out)
{
	struct copy_domain first = { .arena = arena };
	int rc = directory_each_domain(db, resolve_copy_domain, &first);
	if (rc < 0)
		return rc;
	*out = first.domain.len > 0 ? first.domain : slice_from_str(limits->hostname);
	return 0;
}

int route_resolve(struct db *db, struct arena *arena, const struct route_limits *limits,
                  const struct address *address, uint64_t size_bytes, struct route_resolution *out)
{
	*out = (struct route_resolution){ 0 };
	struct resolver r = {
		.db = db,
		.arena = arena,
		.limits = limits,
		.size_bytes = size_bytes,
		.tail = &out->targets,
		.result = out,
	};
	struct address given = *address;
	if (given.domain.len == 0) {
		int rc = route_first_domain(db, arena, limits, &given.domain);
		if (rc < 0)
			return rc;
	}
	resolve_tag(&r, &given);
	if (limits->watch)
		r.text = address_text(arena, &given);
	return resolve_address(&r, &given, NULL);
}
