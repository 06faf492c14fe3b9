/* The parts of a server that are neither ports nor sessions. */
#include <errno.h>
#include <unistd.h>

#include "auth/kerberos.h"
#include "auth/oauth.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli/cli_dns.h"
#include "cli/server.h"
#include "fiber/sync.h"
#include "guard/attachment_process.h"
#include "imap/imap_index.h"
#include "imap/imap_orders.h"
#include "mailbox/learner.h"
#include "queue/queue_dsn.h"
#include "queue/queue_feedback.h"
#include "route/post_event.h"
#include "route/post_kept.h"

enum { LOCK_WAIT_MS = 15000, LOCK_AGAIN_US = 20000 };

static int failed(const char *part, int rc, const char *remedy)
{
	log_error("server.open", kv_str("part", part), kv_error(rc), kv_str("remedy", remedy));
	return rc;
}

static int open_store(struct server *s)
{
	const struct store_config config = {
		.dir = s->config->dir,
		.compress = s->config->local.compress,
		.compress_after_ms = s->config->local.compress_after_ms
	};
	int64_t deadline = deadline_in(LOCK_WAIT_MS);
	int rc = store_open(&config, &s->store);
	/* A command may be at work on the store: it has it for a moment. */
	while (rc == -EWOULDBLOCK && clock_monotonic_ms() < deadline) {
		usleep(LOCK_AGAIN_US);
		rc = store_open(&config, &s->store);
	}
	switch (rc) {
	case 0:
		return 0;
	case -ENOENT:
		return failed("store", rc, "run `veredus init`");
	case -EWOULDBLOCK:
		return failed("store", rc, "another process has it open: end that");
	case -EPROTO:
		return failed("store", rc, "a newer version wrote it: run that");
	case -EACCES:
		return failed("store", rc, "the data directory must belong to the user");
	default:
		return failed("store", rc, "see what is logged before this");
	}
}

static int open_kerberos(struct server *s)
{
	const struct config *c = s->config;
	struct kerberos *kerberos;
	char *why = NULL;
	if (!c->kerberos.keytab)
		return 0;
	const struct kerberos_config config = {
		.keytab = c->kerberos.keytab,
		.realm = c->kerberos.realm,
		.domain = c->kerberos.domain,
		.hostname = c->hostname,
		.replay_cache = arena_printf(s->arena, "file2:%s/kerberos.replay", c->dir),
	};
	int rc = kerberos_open(&config, &kerberos, &why);
	if (rc == 0)
		auth_set_kerberos(s->auth, kerberos);
	free(why);
	return rc < 0 ? failed("kerberos", rc, "see section kerberos of veredus.conf") : 0;
}

static void open_oauth(struct server *s)
{
	const struct config *c = s->config;
	const struct oauth_config config = {
		.keys = c->oauth.keys,
		.introspection = c->oauth.introspection,
		.client_id = c->oauth.client_id,
		.client_secret = c->oauth.client_secret,
		.ca_path = c->oauth.ca,
		.rules = { .issuer = c->oauth.issuer,
		           .audience = c->oauth.audience,
		           .scope = c->oauth.scope,
		           .account_claim = c->oauth.account_claim,
		           .leeway_s = c->oauth.leeway_ms / 1000,
		           .must_expire = c->oauth.keys != NULL,
		           .must_name_issuer = c->oauth.keys != NULL },
		.timeout_ms = c->oauth.timeout_ms,
		.refresh_ms = c->oauth.refresh_ms,
	};
	if (config.keys || config.introspection)
		auth_set_oauth(s->auth, oauth_new(&config));
}

void server_set_auth(struct server *s, const struct config *c)
{
	auth_set_refusal_pause(s->auth, c->auth.refusal_pause_ms);
	auth_set_toll(s->auth, c->auth.toll_max_ms, c->auth.toll_half_ms);
	auth_set_remember(s->auth, c->auth.remember_ms);
	auth_set_binding(s->auth, c->auth.channel_binding);
}

static int open_auth(struct server *s)
{
	char *key = NULL;
	int rc = auth_open(s->store, &s->auth);
	if (rc < 0)
		return failed("auth", rc, "");
	if (asprintf(&key, "%s/auth.key", s->config->dir) < 0)
		return -ENOMEM;
	rc = auth_use_key_file(s->auth, key);
	free(key);
	if (rc < 0)
		return failed("auth", rc, "auth.key in the data directory must be readable");
	server_set_auth(s, s->config);
	open_oauth(s);
	rc = auth_set_back_ends(s->auth, s->config, mailbox_make_folders);
	if (rc < 0)
		return failed("passdb", rc, "see sections passdb of veredus.conf");
	return open_kerberos(s);
}

static int open_dns(struct server *s)
{
	const struct config *c = s->config;
	const struct dns_config config = cli_dns_config(c);
	int rc = dns_open(&config, &s->dns);
	return rc < 0 ? failed("dns", rc, "see section dns of veredus.conf") : 0;
}

static int open_guard(struct server *s)
{
	const struct guard_config config = {
		.config = s->config, .store = s->store, .dns = s->dns, .files = s->files
	};
	int rc = guard_open(&config, &s->guard);
	return rc < 0 ? failed("guard", rc, "") : 0;
}

static int open_trust(struct server *s)
{
	const struct trust_config config = { .config = s->config,
		                             .dns = s->dns,
		                             .store = s->store };
	int rc = trust_open(&config, &s->trust);
	return rc < 0 ? failed("trust", rc, "") : 0;
}

static void kick_queue(void *arg)
{
	const struct server *s = arg;
	queue_added(s->queue);
}

static void wake_queue(void *arg, int64_t due_ms)
{
	const struct server *s = arg;
	queue_note_due(s->queue, due_ms);
}

static int run_queue(void *arg, struct post_run *run)
{
	const struct server *s = arg;
	return queue_run(s->queue, run);
}

static enum post_known call_ahead(void *arg, const struct config_relay *relay,
                                  const struct address *recipient)
{
	const struct server *s = arg;
	return queue_verify(s->queue, relay, recipient);
}

static void read_report(void *arg, struct slice from, struct slice trace, struct slice message)
{
	const struct server *s = arg;
	queue_feedback_receive(s->queue, from, trace, message);
}

static int open_post(struct server *s)
{
	const struct post_config config = { .store = s->store,
		                            .mailboxes = s->mailboxes,
		                            .config = s->config,
		                            .trust = s->trust,
		                            .queued = kick_queue,
		                            .queued_until = wake_queue,
		                            .queued_arg = s,
		                            .run_queue = run_queue,
		                            .call_ahead = call_ahead,
		                            .report = read_report,
		                            .released = queue_dsn_released };
	int rc = post_open(&config, &s->post);
	return rc < 0 ? failed("post", rc, "") : 0;
}

static int open_queue(struct server *s)
{
	const struct queue_config config = { .store = s->store,
		                             .post = s->post,
		                             .dns = s->dns,
		                             .config = s->config,
		                             .final = s->final };
	int rc = queue_open(&config, &s->queue);
	return rc < 0 ? failed("queue", rc, "") : 0;
}

static int open_index(struct server *s)
{
	const struct config *c = s->config;
	const struct imap_index_config config = {
		.dir = c->dir,
		.store = s->store,
		.mailboxes = s->mailboxes,
		.max_message_bytes = c->imap.index_max_message_bytes,
		.share = c->imap.index_share,
		.delay_ms = c->imap.index_delay_ms
	};
	int rc = c->imap.index ? imap_index_open(&config, &s->index) : 0;
	return rc < 0 ? failed("index", rc, "see directory index in the data directory") : 0;
}

static int note_learned(struct db *db, void *arg, struct slice account, struct slice header,
                        bool is_spam)
{
	const struct server *s = arg;
	struct arena *arena = arena_new();
	const struct journey_event event = {
		.at_ms = clock_wall_ms(),
		.queue_id = post_kept_id(arena, s->config->hostname, header),
		.message_id = SLICE_EMPTY,
		.kind = JOURNEY_LEARNED,
		.address = account,
		.peer = SLICE_EMPTY,
		.detail = is_spam ? SLICE("as spam, by its user") : SLICE("as ham, by its user"),
	};
	int rc = post_kept_note(db, &event);
	arena_free(arena);
	return rc;
}

static void open_learner(struct server *s)
{
	const struct config_classifier *c = &s->config->classifier;
	if (c->enabled && c->learn_from_moves)
		s->learner = learner_new(s->store, s->config, note_learned, s);
	s->events = post_events_new(s->post);
}

static void set_contexts(struct server *s)
{
	for (size_t i = 0; i < sizeof(s->smtp) / sizeof(s->smtp[0]); i++)
		s->smtp[i] = (struct smtp_context){ .post = s->post,
			                            .queue = s->queue,
			                            .auth = s->auth,
			                            .guard = s->guard,
			                            .trust = s->trust,
			                            .config = s->config,
			                            .kind = (enum listener_kind)i };
	s->pop3 = (struct pop3_context){ .store = s->store,
		                         .auth = s->auth,
		                         .guard = s->guard,
		                         .mailboxes = s->mailboxes,
		                         .locks = pop3_locks_new(),
		                         .config = s->config };
	s->managesieve = (struct managesieve_context){
		.store = s->store, .auth = s->auth, .guard = s->guard, .config = s->config
	};
	s->orders = imap_orders_new(s->config->imap.sort_cache_bytes);
	s->imap = (struct imap_context){
		.store = s->store,
		.mailboxes = s->mailboxes,
		.auth = s->auth,
		.guard = s->guard,
		.index = s->index,
		.orders = s->orders,
		.learner = s->learner,
		.events = s->events,
		.config = s->config,
	};
	s->admin = (struct admin){ .config = s->config,
		                   .store = s->store,
		                   .mailboxes = s->mailboxes,
		                   .auth = s->auth,
		                   .dns = s->dns,
		                   .guard = s->guard,
		                   .index = s->index,
		                   .learner = s->learner,
		                   .trust = s->trust,
		                   .post = s->post,
		                   .queue = s->queue,
		                   .services = s->services,
		                   .service_count = s->service_count,
		                   .started_ms = clock_wall_ms(),
		                   .reload = server_reload,
		                   .reload_arg = s };
	s->reloading = fiber_mutex_new();
	s->web = (struct web){ .admin = &s->admin, .buckets = guard_buckets_new(WEB_BUCKETS_MAX) };
}

int server_open(struct server *s)
{
	int rc = open_store(s);
	if (rc == 0 && (rc = mailboxes_open(s->store, &s->mailboxes)) < 0)
		failed("mailboxes", rc, "");
	if (rc == 0) {
		mailboxes_keep(s->mailboxes, s->config->local.keep_expunged_ms);
		mailboxes_keep_at_most(s->mailboxes, s->config->local.keep_expunged_bytes);
	}
	if (rc == 0)
		rc = open_auth(s);
	if (rc == 0)
		rc = open_dns(s);
	if (rc == 0)
		rc = open_guard(s);
	if (rc == 0)
		rc = open_trust(s);
	if (rc == 0)
		rc = open_post(s);
	if (rc == 0)
		rc = open_queue(s);
	if (rc == 0)
		rc = open_index(s);
	if (rc == 0)
		open_learner(s);
	if (rc == 0)
		set_contexts(s);
	return rc;
}

void server_close(struct server *s)
{
	for (size_t i = 0; i < s->service_count; i++)
		service_free(s->services[i]);
	pop3_locks_free(s->pop3.locks);
	if (s->queue)
		queue_close(s->queue);
	final_stop(s->final);
	post_events_free(s->events);
	if (s->post)
		post_close(s->post);
	guard_buckets_free(s->web.buckets);
	guard_close(s->guard);
	attachment_helper_stop(s->files);
	trust_close(s->trust);
	dns_close(s->dns);
	auth_close(s->auth);
	imap_index_close(s->index);
	imap_orders_free(s->orders);
	learner_free(s->learner);
	if (s->mailboxes)
		mailboxes_close(s->mailboxes);
	if (s->store)
		store_close(s->store);
	tls_server_free(s->tls);
	fiber_mutex_free(s->reloading);
	if (s->control_dir_fd >= 0)
		close(s->control_dir_fd);
	if (s->signal_fd >= 0)
		close(s->signal_fd);
}
