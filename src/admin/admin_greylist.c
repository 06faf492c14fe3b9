/* greylist.list, greylist.release; and refusals by their code */
#include <errno.h>

#include "admin/admin_commands.h"
#include "admin/admin_trace.h"
#include "base/clock.h"
#include "guard/guard.h"
#include "guard/guard_grey.h"
#include "guard/guard_refusal.h"
#include "store/store.h"

/* --- greylisting -------------------------------------------------------------------------- */

struct listing {
	json_t *items;
	struct slice text; /* empty: all */
	int64_t ready_ms;  /* who came before that may come in */
};

static void list_entry(void *arg, const struct guard_grey_entry *e)
{
	static const char *const kinds[] = {
		[GREY_WAITS] = "waits", [GREY_KNOWN] = "known", [GREY_NETWORK] = "network"
	};
	struct listing *l = arg;
	struct slice rest = e->key, network = slice_split(&rest, ' ');
	if (l->text.len > 0 && !guard_grey_means(e, l->text))
		return;
	struct slice sender = slice_split(&rest, ' ');
	bool ready = e->kind == GREY_WAITS && e->first_ms <= l->ready_ms;
	json_array_append_new(
		l->items,
		json_pack("{s:s, s:o, s:o, s:o, s:I, s:I, s:I, s:i}", "state",
	                  ready ? "ready" : kinds[e->kind], "network", admin_json_text(network),
	                  "from", admin_json_text(sender), "to", admin_json_text(rest), "first_ms",
	                  (json_int_t)e->first_ms, "last_ms", (json_int_t)e->last_ms, "until_ms",
	                  (json_int_t)e->until_ms, "count", (int)e->count));
}

/* Without a server what was saved is known. */
static int with_guard(struct admin *admin, struct guard **out, struct guard **own)
{
	const struct guard_config parts = { .config = admin->config, .store = admin->store };
	*out = admin->guard;
	*own = NULL;
	if (admin->guard)
		return 0;
	int rc = guard_open(&parts, own);
	*out = *own;
	return rc;
}

static int greylist_list(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct listing l = { .text = slice_from_str(admin_text(request, "text")),
		             .ready_ms = clock_wall_ms() - admin->config->greylist.delay_ms };
	struct guard *guard, *own;
	int rc = with_guard(admin, &guard, &own);
	if (rc < 0)
		return rc;
	l.items = json_array();
	guard_grey_each(guard_greylist(guard), clock_wall_ms(), list_entry, &l);
	guard_close(own);
	return admin_items(reply, l.items);
}

static int greylist_release(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	const char *text = admin_need(request, "text", reply);
	struct guard *guard, *own;
	if (!text)
		return -EINVAL;
	int rc = with_guard(admin, &guard, &own);
	if (rc < 0)
		return rc;
	size_t count = guard_grey_release(guard_greylist(guard), slice_from_str(text),
	                                  clock_wall_ms());
	guard_close(own);
	if (count == 0)
		return admin_fail(reply, -ENOENT, "nobody waits whom '%s' means", text);
	return admin_item(reply, json_pack("{s:I}", "released", (json_int_t)count));
}

/* --- refusals ----------------------------------------------------------------------------- */

struct wanted {
	struct arena *arena;
	struct slice code;
	struct guard_refusal refusal;
};

static int read_refusal(struct db *db, void *arg)
{
	struct wanted *w = arg;
	return guard_refusal_read(db, w->arena, w->code, &w->refusal);
}

static json_t *text_or_empty(const char *text) { return admin_json_text(slice_from_str(text)); }

int admin_send_refusal(struct admin *admin, struct admin_reply *reply, struct slice code)
{
	struct wanted w = { .arena = arena_new(), .code = code };
	int rc = 0;
	if (!admin->guard ||
	    !guard_refusals_find(guard_refusals_of(admin->guard), w.arena, code, &w.refusal))
		rc = store_read(admin->store, read_refusal, &w);
	const struct guard_refusal *r = &w.refusal;
	if (rc == 0)
		rc = admin_item(
			reply,
			json_pack(
				"{s:I, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
				"at_ms", (json_int_t)r->at_ms, "code", admin_json_text(code),
				"event", "refused", "stage", text_or_empty(r->stage), "by",
				text_or_empty(r->by), "client", text_or_empty(r->client), "helo",
				text_or_empty(r->helo), "account", text_or_empty(r->account),
				"from", text_or_empty(r->sender), "to", text_or_empty(r->recipient),
				"reply", text_or_empty(r->reply), "checked",
				text_or_empty(r->checked), "scored", text_or_empty(r->scored)));
	arena_free(w.arena);
	return rc;
}

const struct admin_command admin_greylist_commands[] = {
	{ "greylist.list", greylist_list },
	{ "greylist.release", greylist_release },
	{ 0 },
};
