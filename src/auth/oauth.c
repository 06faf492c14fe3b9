/* Tokens: where their keys come from, and who is asked about them. */
#include "auth/oauth.h"

#include <errno.h>
#include <pthread.h>

#include "auth/auth_line.h"
#include "base/log.h"
#include "fiber/fiber.h"
#include "fiber/sync.h"
#include "net/http.h"

enum {
	ASKERS_MAX = 4,               /* at a time: each takes a thread of the pool */
	KEYS_GOOD_MS = 3600 * 1000,   /* then they are asked for again ... */
	KEYS_STALE_MS = 86400 * 1000, /* ... and if nobody answers, used as long as this */
	ANSWER_MAX_BYTES = 64 * 1024,
	TRY_AGAIN_MS = 5000, /* for keys, after a failure */
};

struct oauth {
	struct oauth_config config;
	struct auth_line *askers;
	struct fiber_mutex *fetching; /* one asks for keys at a time */
	pthread_mutex_t lock;         /* for what follows; never held across a wait */
	struct oauth_keys *keys;      /* NULL: none yet */
	int64_t fetched_ms, next_fetch_ms;
};

struct oauth *oauth_new(const struct oauth_config *config)
{
	struct oauth *o = mem_zero(1, sizeof(*o));
	o->config = *config;
	o->askers = auth_line_new(ASKERS_MAX);
	o->fetching = fiber_mutex_new();
	pthread_mutex_init(&o->lock, NULL);
	return o;
}

void oauth_free(struct oauth *o)
{
	if (!o)
		return;
	oauth_keys_release(o->keys);
	auth_line_free(o->askers);
	fiber_mutex_free(o->fetching);
	pthread_mutex_destroy(&o->lock);
	free(o);
}

const struct oauth_rules *oauth_rules(const struct oauth *o) { return &o->config.rules; }

/* --- keys --------------------------------------------------------------------------------- */

static bool is_url(const char *text) { return slice_find(slice_from_str(text), SLICE("://")) > 0; }

struct file {
	const char *path;
	struct buf text;
	int rc;
};

static void read_file(void *arg)
{
	struct file *f = arg;
	FILE *stream = fopen(f->path, "re");
	if (!stream) {
		f->rc = -errno;
		return;
	}
	char *to = buf_reserve(&f->text, OAUTH_KEYS_MAX_BYTES);
	buf_commit(&f->text, fread(to, 1, OAUTH_KEYS_MAX_BYTES, stream));
	f->rc = ferror(stream) ? -EIO : 0;
	fclose(stream);
}

static int read_keys(const struct oauth *o, struct arena *arena, struct slice *out)
{
	struct file f = { .path = o->config.keys, .text = buf_make(OAUTH_KEYS_MAX_BYTES) };
	fiber_offload(read_file, &f);
	*out = arena_copy(arena, buf_slice(&f.text));
	buf_free(&f.text);
	if (f.rc < 0)
		log_warn("auth.oauth_keys", kv_str("path", o->config.keys), kv_error(f.rc));
	return f.rc;
}

static int ask_for_keys(const struct oauth *o, struct arena *arena, struct slice *out)
{
	const struct http_request request = { .url = o->config.keys,
		                              .ca_path = o->config.ca_path,
		                              .timeout_ms = o->config.timeout_ms,
		                              .max_bytes = OAUTH_KEYS_MAX_BYTES };
	struct http_reply reply;
	int rc = http_ask(&request, arena, &reply);
	if (rc == 0 && reply.status != 200)
		rc = -EIO;
	if (rc < 0)
		log_warn("auth.oauth_keys", kv_str("url", o->config.keys),
		         kv_int("status", reply.status), kv_error(rc), kv_str("why", reply.why));
	*out = reply.body;
	return rc;
}

static struct oauth_keys *fetch(struct oauth *o)
{
	struct arena *arena = arena_new();
	struct oauth_keys *keys = NULL;
	struct slice json;
	int rc = is_url(o->config.keys) ? ask_for_keys(o, arena, &json)
	                                : read_keys(o, arena, &json);
	if (rc == 0 && oauth_keys_read(json, &keys) < 0)
		log_warn("auth.oauth_keys", kv_str("from", o->config.keys),
		         kv_str("why", "this is no JWKS with a key for signatures"));
	arena_free(arena);
	return keys;
}

static void put_keys(struct oauth *o, struct oauth_keys *fresh)
{
	int64_t now = clock_monotonic_ms();
	struct oauth_keys *old = NULL;
	pthread_mutex_lock(&o->lock);
	if (fresh) {
		old = o->keys;
		o->keys = fresh;
		o->fetched_ms = now;
		o->next_fetch_ms = now + o->config.refresh_ms;
	} else {
		o->next_fetch_ms = now + (o->config.refresh_ms < TRY_AGAIN_MS ? o->config.refresh_ms
		                                                              : TRY_AGAIN_MS);
		if (o->keys && now >= o->fetched_ms + KEYS_STALE_MS) {
			old = o->keys;
			o->keys = NULL;
		}
	}
	pthread_mutex_unlock(&o->lock);
	oauth_keys_release(old);
}

/* Those that there are; *fetch_out: whether it is time to ask for others, if they don't do. */
static struct oauth_keys *hold_keys(struct oauth *o, bool *old_out, bool *fetch_out)
{
	int64_t now = clock_monotonic_ms();
	pthread_mutex_lock(&o->lock);
	struct oauth_keys *keys = o->keys ? oauth_keys_hold(o->keys) : NULL;
	*old_out = !keys || now >= o->fetched_ms + KEYS_GOOD_MS;
	*fetch_out = now >= o->next_fetch_ms;
	pthread_mutex_unlock(&o->lock);
	return keys;
}

/* After somebody else has fetched, nobody does it again. */
static void refresh(struct oauth *o)
{
	bool old, due;
	if (fiber_mutex_lock(o->fetching, deadline_in(o->config.timeout_ms)) < 0)
		return;
	oauth_keys_release(hold_keys(o, &old, &due));
	if (due)
		put_keys(o, fetch(o));
	fiber_mutex_unlock(o->fetching);
}

/* --- signed tokens ------------------------------------------------------------------------ */

struct verification {
	struct oauth_keys *keys;
	struct slice token;
	json_t *claims;
	int rc;
};

static void verify(void *arg)
{
	struct verification *v = arg;
	v->rc = oauth_verify(v->keys, v->token, &v->claims);
}

static int verify_by(struct oauth *o, struct verification *v, bool *fetch_out)
{
	bool old;
	oauth_keys_release(v->keys);
	v->keys = hold_keys(o, &old, fetch_out);
	if (old && *fetch_out) {
		oauth_keys_release(v->keys);
		refresh(o);
		v->keys = hold_keys(o, &old, fetch_out);
	}
	if (!v->keys)
		return -EAGAIN;
	fiber_offload(verify, v);
	return v->rc;
}

static const char *verify_why(int rc)
{
	switch (rc) {
	case -ENOKEY:
		return "signed by a key that is not in the JWKS";
	case -EACCES:
		return "the signature is wrong";
	default:
		return "no JWT that we take";
	}
}

static int check_signed(struct oauth *o, struct slice token, json_t **claims_out,
                        struct oauth_finding *out)
{
	struct verification v = { .token = token };
	bool may_fetch;
	int rc = verify_by(o, &v, &may_fetch);
	if (rc == -ENOKEY && may_fetch) {
		refresh(o);
		rc = verify_by(o, &v, &may_fetch);
	}
	oauth_keys_release(v.keys);
	*claims_out = v.claims;
	if (rc == 0 || rc == -EAGAIN)
		return rc;
	*out = (struct oauth_finding){ "invalid_token", "", verify_why(rc) };
	return 0;
}

/* --- introspection ------------------------------------------------------------------------ */

struct parsing {
	struct slice text;
	json_t *object;
};

static void parse(void *arg)
{
	struct parsing *p = arg;
	p->object = json_loadb(p->text.data, p->text.len, JSON_REJECT_DUPLICATES, NULL);
}

static int ask_about(const struct oauth *o, struct arena *arena, struct slice token, json_t **out)
{
	const struct http_request request = {
		.url = o->config.introspection,
		.ca_path = o->config.ca_path,
		.user = o->config.client_id,
		.password = o->config.client_secret,
		.form = arena_printf(arena, "token=%s&token_type_hint=access_token",
		                     http_escape(arena, token)),
		.timeout_ms = o->config.timeout_ms,
		.max_bytes = ANSWER_MAX_BYTES,
	};
	struct http_reply reply;
	int rc = http_ask(&request, arena, &reply);
	struct parsing p = { .text = reply.body };
	if (rc == 0 && reply.status == 200)
		fiber_offload(parse, &p);
	if (json_is_object(p.object)) {
		*out = p.object;
		return 0;
	}
	json_decref(p.object);
	log_warn("auth.oauth_introspection", kv_str("url", request.url),
	         kv_int("status", reply.status), kv_str("why", reply.why));
	return -EAGAIN;
}

static int introspect(struct oauth *o, struct arena *arena, const struct net_address *from,
                      struct slice token, json_t **claims_out, struct oauth_finding *out)
{
	struct auth_line_client *place;
	if (auth_line_enter(o->askers, from, deadline_in(o->config.timeout_ms), &place) < 0)
		return -EAGAIN;
	int rc = ask_about(o, arena, token, claims_out);
	auth_line_leave(o->askers, place);
	if (rc < 0 || json_is_true(json_object_get(*claims_out, "active")))
		return rc;
	json_decref(*claims_out);
	*claims_out = NULL;
	*out = (struct oauth_finding){ "invalid_token", "",
		                       "who issued it says that it is not good" };
	return 0;
}

/* --- any token ---------------------------------------------------------------------------- */

int oauth_check(struct oauth *o, struct arena *arena, const struct net_address *from,
                struct slice token, struct oauth_finding *out)
{
	json_t *claims = NULL;
	int rc = o->config.keys ? check_signed(o, token, &claims, out)
	                        : introspect(o, arena, from, token, &claims, out);
	if (!claims)
		return rc;
	*out = (struct oauth_finding){ 0 };
	const char *name;
	out->status = oauth_check_claims(&o->config.rules, claims, clock_wall_ms() / 1000, &name,
	                                 &out->why);
	out->name = arena_str(arena, slice_from_str(name));
	json_decref(claims);
	return 0;
}
