/* From a request to a filter. */
#include <errno.h>

#include "admin/admin_queue.h"
#include "base/clock.h"

static void add_word(struct queue_filter *f, struct arena *arena, const char *word)
{
	if (!word || !*word)
		return;
	if (!f->words)
		f->words = hash_new();
	hash_put(f->words, arena_lower(arena, admin_bare(word)), f);
}

static void add_words(struct queue_filter *f, const json_t *request)
{
	struct arena *arena = arena_new();
	size_t i;
	json_t *word;
	add_word(f, arena, admin_text(request, "id"));
	add_word(f, arena, admin_text(request, "to"));
	json_array_foreach(json_object_get(request, "which"), i, word)
		add_word(f, arena, json_string_value(word));
	arena_free(arena);
}

static int take_state(struct queue_filter *f, const json_t *request, struct admin_reply *reply)
{
	const char *state = admin_text(request, "state");
	f->has_state = state != NULL;
	if (!state || queue_state_parse(slice_from_str(state), &f->state))
		return 0;
	return admin_fail(reply, -EINVAL,
	                  "a recipient is waiting, active, held or scheduled; not '%s'", state);
}

static bool is_empty(const char *text) { return text && !*text; }

/* What a script's variable without a value leaves must not mean everything. */
static int check_empty(const json_t *request, struct admin_reply *reply)
{
	static const char *const keys[] = { "domain", "from", "reason" };
	size_t i;
	json_t *word;
	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (is_empty(admin_text(request, keys[i])))
			return admin_fail(reply, -EINVAL, "--%s is empty%s", keys[i],
			                  i == 1 ? "; the sender of reports is <>" : "");
	}
	json_array_foreach(json_object_get(request, "which"), i, word)
	{
		if (is_empty(json_string_value(word)))
			return admin_fail(reply, -EINVAL, "a word is empty: it means nothing");
	}
	return 0;
}

int admin_queue_filter(const json_t *request, struct queue_filter *out, bool *all_out,
                       struct admin_reply *reply)
{
	int64_t now_ms = clock_wall_ms();
	int64_t older_ms = admin_number(request, "older_ms", 0);
	int64_t newer_ms = admin_number(request, "newer_ms", 0);
	*out = (struct queue_filter){
		.domain = slice_from_str(admin_text(request, "domain")),
		.sender = admin_bare(admin_text(request, "from")),
		.reason = slice_from_str(admin_text(request, "reason")),
		.arrived_before_ms = older_ms > 0 ? now_ms - older_ms : 0,
		.arrived_after_ms = newer_ms > 0 ? now_ms - newer_ms : 0,
	};
	if (slice_starts_with(out->domain, SLICE("@")))
		out->domain = slice_from(out->domain, 1);
	int rc = check_empty(request, reply);
	if (rc == 0)
		rc = take_state(out, request, reply);
	if (rc < 0)
		return rc;
	add_words(out, request);
	*all_out = !out->words && !out->has_state && older_ms <= 0 && newer_ms <= 0 &&
	           out->domain.len + out->sender.len + out->reason.len == 0;
	return 0;
}

void admin_queue_filter_end(struct queue_filter *filter)
{
	hash_free(filter->words);
	filter->words = NULL;
}
