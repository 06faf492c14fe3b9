/* quarantine.show: what is in a message, taken apart here, so that who asks has nothing to parse.
 */
#include <errno.h>

#include "admin/admin_quarantine.h"
#include "fiber/fiber.h"
#include "guard/attachment.h"
#include "guard/guard.h"
#include "message/mime.h"
#include "message/preview.h"
#include "store/store.h"

enum {
	FIELDS_MAX = 200,
	VALUE_MAX = 1000, /* bytes of a field's value */
	PARTS_MAX = 200,
	TEXT_MAX = 16 * 1024,
};

struct showing {
	const struct config *config;
	struct guard *guard;
	const struct message_limits *limits;
	struct arena *arena;
	int64_t id;
	struct quarantine_row row;
	struct slice message;
	json_t *fields, *parts;
	struct slice text;
	bool is_cut; /* there is more text */
};

static int read_row(struct db *db, void *arg)
{
	struct showing *s = arg;
	return quarantine_get(db, s->arena, s->id, &s->row);
}

static json_t *decoded(struct showing *s, struct slice value)
{
	return admin_json_text(header_decode(s->arena, value, VALUE_MAX));
}

static void take_fields(struct showing *s)
{
	struct header_walk walk = { .rest = s->message };
	struct header_field f;
	for (int i = 0; i < FIELDS_MAX && header_next(&walk, &f); i++)
		json_array_append_new(s->fields, json_pack("{s:o, s:o}", "name", decoded(s, f.name),
		                                           "value", decoded(s, f.value)));
}

static void take_part(struct showing *s, const struct mime_part *part)
{
	struct slice name = SLICE_EMPTY;
	mime_filename(s->arena, part, &name);
	const struct slice type[] = { part->type, SLICE("/"), part->subtype };
	json_array_append_new(s->parts,
	                      json_pack("{s:o, s:o, s:I, s:o}", "type",
	                                decoded(s, arena_concat(s->arena, type, 3)), "name",
	                                decoded(s, name), "size", (json_int_t)part->body_size,
	                                "disposition", decoded(s, part->disposition)));
}

static void take_words(struct showing *s, const struct mime_part *part)
{
	struct slice bytes = mime_decode_all(s->arena, part->encoding, mime_body(part, s->message),
	                                     TEXT_MAX + 1);
	s->is_cut = bytes.len > TEXT_MAX;
	bytes = charset_to_utf8(s->arena, mime_charset(part), slice_sub(bytes, 0, TEXT_MAX));
	/* A NUL has no place in JSON's texts. */
	char *text = arena_str(s->arena, bytes);
	for (size_t i = 0; i < bytes.len; i++)
		text[i] = text[i] ? text[i] : ' ';
	s->text = slice_of(text, bytes.len);
}

/* On the thread pool. */
static void take_apart(void *arg)
{
	struct showing *s = arg;
	const struct mime_part *part = mime_parse(s->arena, s->message, s->limits);
	bool has_text = false;
	take_fields(s);
	for (int i = 0; part && i < PARTS_MAX; part = mime_next(part), i++) {
		if (part->kind == MIME_MULTIPART)
			continue;
		take_part(s, part);
		if (has_text || !mime_is(part, "text", "plain"))
			continue;
		take_words(s, part);
		has_text = true;
	}
	if (!has_text)
		s->text = message_preview(s->message, s->limits, s->arena);
}

/* What its files are, whatever they say: who releases it is to know. */
static json_t *files_of(struct showing *s)
{
	struct attachment_facts *facts = ARENA_NEW(s->arena, struct attachment_facts);
	json_t *files = json_array();
	(void)attachment_look(guard_files(s->guard), s->arena, s->message, s->config, facts);
	for (size_t i = 0; i < facts->count; i++)
		json_array_append_new(files, admin_json_text(facts->items[i]));
	return files;
}

static int send_shown(struct showing *s, struct admin_reply *reply)
{
	s->fields = json_array();
	s->parts = json_array();
	fiber_offload(take_apart, s);
	json_t *item = admin_quarantine_item(&s->row);
	json_object_set_new(item, "fields", s->fields);
	json_object_set_new(item, "parts", s->parts);
	json_object_set_new(item, "files", files_of(s));
	json_object_set_new(item, "text", admin_json_text(s->text));
	json_object_set_new(item, "more_text", json_boolean(s->is_cut));
	return admin_item(reply, item);
}

static int send_raw(struct showing *s, struct admin_reply *reply)
{
	json_t *item = admin_quarantine_item(&s->row);
	json_object_set_new(item, "body_bytes", json_integer((json_int_t)s->message.len));
	int rc = admin_item(reply, item);
	return rc == 0 ? reply->bytes(reply->arg, s->message) : rc;
}

int admin_quarantine_show(struct admin *admin, const json_t *request, struct admin_reply *reply)
{
	struct showing s = { .config = admin->config,
		             .guard = admin->guard,
		             .limits = &admin->config->message,
		             .arena = arena_new(),
		             .id = admin_number(request, "id", 0),
		             .text = SLICE_EMPTY };
	struct blob_view view;
	int rc = store_read(admin->store, read_row, &s);
	if (rc == -ENOENT)
		admin_fail(reply, rc, "%lld is not in quarantine", (long long)s.id);
	if (rc == 0 && (rc = blob_open(admin->store, s.row.blob_id, &view)) == 0) {
		s.message = slice_from(view.bytes, (size_t)s.row.skip_bytes);
		rc = json_is_true(json_object_get(request, "raw")) ? send_raw(&s, reply)
		                                                   : send_shown(&s, reply);
		blob_close(&view);
	}
	arena_free(s.arena);
	return rc;
}
