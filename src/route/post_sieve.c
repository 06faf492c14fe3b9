#include "route/post_sieve.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "fiber/fiber.h"
#include "mailbox/mailbox.h"
#include "message/header.h"
#include "sieve/sieve_config.h"

/* --- files -------------------------------------------------------------------------------- */

struct reading {
	const char *path;
	size_t max;
	struct buf text;
	int rc;
};

static void read_path(void *arg)
{
	struct reading *r = arg;
	struct stat st;
	int fd = open(r->path, O_RDONLY | O_CLOEXEC);
	r->rc = fd < 0 ? -errno : 0;
	if (fd < 0)
		return;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || (uint64_t)st.st_size > r->max)
		r->rc = -EFBIG;
	while (r->rc == 0) {
		char *to = buf_reserve(&r->text, 4096);
		ssize_t n = to ? read(fd, to, 4096) : 0;
		if (n < 0)
			r->rc = -errno;
		if (n <= 0)
			break;
		buf_commit(&r->text, (size_t)n);
	}
	close(fd);
}

static int read_whole(struct arena *arena, const char *path, size_t max, struct slice *out)
{
	struct reading r = { .path = path, .max = max, .text = buf_make(max + 4096) };
	if (fiber_self())
		fiber_offload(read_path, &r);
	else
		read_path(&r);
	if (r.rc == 0)
		*out = arena_copy(arena, buf_slice(&r.text));
	buf_free(&r.text);
	return r.rc;
}

/* --- scripts for everybody ------------------------------------------------------------------ */

static void tell_unreadable(struct buf *errors, const char *path, int rc)
{
	if (errors)
		buf_printf(errors, "%s: can't be read: %s\n", path, strerrordesc_np(-rc));
	else
		log_error("sieve.global.unreadable", kv_str("file", path), kv_error(rc));
}

static void tell_wrong(struct buf *errors, const char *path, const struct sieve_errors *found)
{
	for (size_t i = 0; errors && i < found->count; i++)
		buf_printf(errors, "%s:%u:%u: %s\n", path, found->items[i].line,
		           found->items[i].column, found->items[i].text);
	if (!errors)
		log_error("sieve.global.wrong", kv_str("file", path),
		          kv_int("line", found->items[0].line),
		          kv_str("error", found->items[0].text));
}

static const struct sieve_program *load_global(struct post_sieve *s, const char *path,
                                               struct buf *errors, struct slice *text_out)
{
	struct sieve_program *program = NULL;
	struct sieve_errors found;
	*text_out = SLICE_EMPTY;
	if (!path)
		return NULL;
	int rc = read_whole(s->arena, path, s->limits.script_bytes, text_out);
	if (rc < 0) {
		tell_unreadable(errors, path, rc);
		return NULL;
	}
	if (sieve_compile(*text_out, &s->limits, s->arena, &program, &found) == 0)
		return program;
	tell_wrong(errors, path, &found);
	return NULL;
}

struct post_sieve *post_sieve_open(const struct config *config, struct buf *errors)
{
	struct post_sieve *s = mem_zero(1, sizeof(*s));
	s->arena = arena_new();
	s->limits = sieve_limits_of(&config->sieve);
	s->before = load_global(s, config->sieve.before, errors, &s->before_text);
	s->after = load_global(s, config->sieve.after, errors, &s->after_text);
	return s;
}

bool post_sieve_is_same(const struct post_sieve *a, const struct post_sieve *b)
{
	return a && b && !a->before == !b->before && !a->after == !b->after &&
	       slice_equal(a->before_text, b->before_text) &&
	       slice_equal(a->after_text, b->after_text);
}

void post_sieve_close(struct post_sieve *s)
{
	while (s) {
		struct post_sieve *older = s->older;
		arena_free(s->arena);
		free(s);
		s = older;
	}
}

/* --- what scripts ask ----------------------------------------------------------------------- */

struct looking {
	struct sorting *s;
	enum sieve_mailbox_test by;
	struct slice key, name;
	bool found;
};

static int look_for_mailbox(struct db *db, void *arg)
{
	struct looking *l = arg;
	struct mailbox_info info;
	int rc = sorting_find_mailbox(db, l->s->arena, l->s->drop->target->account_id, l->by,
	                              l->key, l->name, &info);
	l->found = rc == 0;
	return rc == -ENOENT ? 0 : rc;
}

static int has_mailbox(void *arg, enum sieve_mailbox_test by, struct slice key, struct slice name)
{
	struct looking l = { .s = arg, .by = by, .key = key, .name = name };
	int rc = store_read(l.s->d->post->config.store, look_for_mailbox, &l);
	if (rc < 0)
		l.s->rc = rc;
	return rc < 0 ? rc : l.found;
}

static int was_seen(void *arg, struct slice id)
{
	struct sorting *s = arg;
	int rc = sorting_remembers(s, SIEVE_SEEN, id);
	if (rc < 0)
		s->rc = rc;
	s->seen |= rc > 0;
	return rc;
}

struct getting {
	struct sorting *s;
	struct arena *arena;
	struct slice name, content;
	bool found;
};

static int get_personal(struct db *db, void *arg)
{
	struct getting *g = arg;
	int rc = sieve_get_script(db, g->arena, g->s->drop->target->account_id, g->name,
	                          &g->content);
	g->found = rc == 0;
	return rc == -ENOENT ? 0 : rc;
}

/* A file of the global folder; 0: there is none. */
static int get_global(struct sorting *s, struct arena *arena, struct slice name, const char *ending,
                      struct slice *out)
{
	const struct post *p = s->d->post;
	const char *folder = p->config.config->sieve.global;
	if (!folder || !sieve_name_is_valid(name) || name.data[0] == '.')
		return 0;
	const char *path = arena_printf(arena, "%s/%.*s.%s", folder, SLICE_ARG(name), ending);
	int rc = read_whole(arena, path, p->sieve->limits.script_bytes, out);
	if (rc < 0 && rc != -ENOENT)
		log_warn("sieve.global.unreadable", kv_str("file", path), kv_error(rc));
	return rc == 0;
}

static int get_script(void *arg, enum sieve_location where, struct slice name, struct arena *arena,
                      struct slice *out)
{
	struct getting g = { .s = arg, .arena = arena, .name = name };
	if (where == SIEVE_GLOBAL)
		return get_global(arg, arena, name, "sieve", out);
	int rc = store_read(g.s->d->post->config.store, get_personal, &g);
	if (rc < 0)
		g.s->rc = rc;
	*out = g.content;
	return rc < 0 ? rc : g.found;
}

static int get_list(void *arg, struct slice list, struct arena *arena, struct slice *out)
{
	return get_global(arg, arena, list, "list", out);
}

static void rest(void *arg)
{
	(void)arg;
	if (fiber_self())
		fiber_yield();
}

/* --- running ---------------------------------------------------------------------------------- */

/* From 0 to what is junk; which is also what DMARC says should not be believed. */
static struct sieve_spam spam_of(const struct post_envelope *e)
{
	struct sieve_spam spam = { .known = e->score.known || e->checked != NULL || e->junk,
		                   .full = e->score.junk > 0 ? e->score.junk : 1 };
	if (e->junk)
		spam.score = spam.full;
	else if (e->score.known && e->score.junk > 0)
		spam.score = e->score.total;
	return spam;
}

struct sieve_job sorting_job(struct sorting *s)
{
	struct delivery *d = s->d;
	const struct config *c = d->post->config.config;
	struct slice host = slice_from_str(c->hostname);
	struct slice domain = host;
	slice_split(&domain, '.');
	return (struct sieve_job){
		.limits = &d->post->sieve->limits,
		.outside = { .arg = s,
		             .mailbox = has_mailbox,
		             .seen = was_seen,
		             .script = get_script,
		             .list = get_list,
		             .rest = rest },
		.message = d->message,
		.trace = d->parts[1],
		.envelope = { .from = d->envelope->reverse_path,
		              .to = s->drop->target->address,
		              .orig_to = s->drop->asked,
		              .auth = slice_from_str(d->client->account) },
		.now_ms = d->now_ms,
		.detail_mark = c->local.plus_separator,
		.owner = s->drop->target->address,
		.environment = { .host = host,
		                 .domain = domain,
		                 .name = SLICE("Veredus"),
		                 .version = SLICE(VEREDUS_VERSION),
		                 .remote_host = slice_from_str(d->client->name),
		                 .remote_ip = slice_from_str(d->peer),
		                 .location = SLICE("MDA"),
		                 .phase = SLICE("during"),
		                 /* RFC 6785 sections 4.2 and 4.5. */
		                 .imap_user = SLICE_EMPTY,
		                 .imap_email = SLICE_EMPTY,
		                 .imap_changed_flags = SLICE_EMPTY },
		.spam = spam_of(d->envelope),
	};
}

/* RFC 5429 section 2.1.1: rather by the reply to the message than by a report, if it is for nobody
 * else and the words fit in one. */
static bool refuses(const struct sorting *s, const struct sieve_result *result)
{
	struct post_refusal *refusal = s->d->envelope->refusal;
	if (!refusal || s->d->scope != POST_ALL || s->d->drop_count != 1 ||
	    result->action_count != 1 || result->actions[0].kind != SIEVE_REJECT)
		return false;
	struct slice reason = slice_trim(result->actions[0].reason);
	if (reason.len == 0 || reason.len >= sizeof(refusal->text) || !slice_is_ascii(reason))
		return false;
	for (size_t i = 0; i < reason.len; i++) {
		bool control = reason.data[i] < ' ' || reason.data[i] == 0x7F;
		refusal->text[i] = control ? ' ' : reason.data[i];
	}
	refusal->text[reason.len] = '\0';
	return true;
}

static int sorting_run(struct sorting *s, const struct sieve_program *own)
{
	const struct post_sieve *all = s->d->post->sieve;
	struct sieve_script scripts[3];
	struct sieve_result result;
	struct sieve_job job = sorting_job(s);
	if (all->before)
		scripts[job.script_count++] = (struct sieve_script){ "before", all->before };
	if (own)
		scripts[job.script_count++] =
			(struct sieve_script){ arena_str(s->arena, s->drop->script_name), own };
	if (all->after)
		scripts[job.script_count++] = (struct sieve_script){ "after", all->after };
	job.scripts = scripts;
	int rc = sieve_run(&job, s->arena, &result);
	if (s->rc < 0)
		return s->rc;
	s->drop->sorted = ARENA_NEW(s->arena, struct post_sorted);
	if (rc == 0 && refuses(s, &result))
		return -EPERM;
	if (rc < 0 && sorting_complain(s, result.script, result.error.line, result.error.text) < 0)
		return -EAGAIN;
	return sorting_apply(s, &result);
}

/* Script and program lie in the scratch. */
static int drop_sort_own(struct sorting *s, struct arena *scratch)
{
	const struct post_sieve *all = s->d->post->sieve;
	struct getting g = { .s = s, .arena = scratch, .name = s->drop->script_name };
	struct sieve_program *own = NULL;
	struct sieve_errors errors;
	int rc = store_read(s->d->post->config.store, get_personal, &g);
	if (rc < 0)
		return rc;
	/* It has gone this moment. */
	if (!g.found)
		return sorting_run(s, NULL);
	if (sieve_compile(g.content, &all->limits, scratch, &own, &errors) == 0)
		return sorting_run(s, own);
	/* It was put here before a limit or an extension went. */
	s->drop->sorted = ARENA_NEW(s->arena, struct post_sorted);
	if (sorting_complain(s, arena_str(s->arena, s->drop->script_name), errors.items[0].line,
	                     errors.items[0].text) < 0)
		return -EAGAIN;
	const struct sieve_result kept = {
		.actions = ARENA_NEW(s->arena, struct sieve_action),
		.action_count = 1,
	};
	return sorting_apply(s, &kept);
}

static int drop_sort(struct sorting *s)
{
	const struct post_sieve *all = s->d->post->sieve;
	if (s->drop->script_name.len == 0)
		return all->before || all->after ? sorting_run(s, NULL) : 0;
	struct arena *scratch = arena_new();
	int rc = drop_sort_own(s, scratch);
	arena_free(scratch);
	return rc;
}

int delivery_sort(struct delivery *d)
{
	int rc = 0;
	if (!d->post->sieve || delivery_is_held(d))
		return 0;
	for (size_t i = 0; i < d->drop_count && rc == 0; i++) {
		struct sorting s = { .d = d, .drop = &d->drops[i], .arena = d->arena };
		if (s.drop->target->account_id != 0)
			rc = drop_sort(&s);
	}
	return rc;
}
