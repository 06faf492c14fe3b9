#include "guard/attachment.h"

#include "guard/attachment_internal.h"
#include "guard/attachment_name.h"
#include "guard/attachment_process.h"
#include "message/mime.h"

enum {
	PATH_MAX_BYTES = 160,
	BOMB_RATIO = 100,         /* what is packed well is a tenth */
	PART_MAX = 512 * 1048576, /* of one file, decoded: messages are smaller */
};

/* --- facts -------------------------------------------------------------------------------- */

void attachment_add(struct attachment_looking *l, const char *kind, struct slice path,
                    const char *evidence)
{
	struct attachment_facts *f = l->facts;
	if (f->count == ATTACHMENT_FACTS_MAX)
		return;
	struct slice fact = slice_from_str(
		arena_printf(l->arena, "attachment=%s %.*s: %s", kind, SLICE_ARG(path), evidence));
	for (size_t i = 0; i < f->count; i++)
		if (slice_equal(f->items[i], fact))
			return;
	f->items[f->count++] = fact;
	if (l->tell)
		l->tell(l->tell_arg, fact);
}

size_t attachment_join(struct arena *arena, const struct slice *found, size_t count,
                       const struct attachment_facts *files, struct slice **out)
{
	size_t more = files ? files->count : 0;
	*out = ARENA_ARRAY(arena, count + more + 1, struct slice);
	if (count > 0)
		memcpy(*out, found, count * sizeof(**out));
	if (more > 0)
		memcpy(*out + count, files->items, more * sizeof(**out));
	return count + more;
}

/* It stands in fields, logs and on terminals. */
static struct slice path_of(struct arena *arena, struct slice outer, struct slice name)
{
	struct slice shown = name.len > 0 ? name : SLICE("(no name)");
	const struct slice parts[] = { outer, outer.len > 0 ? SLICE("/") : SLICE_EMPTY, shown };
	struct slice path = arena_concat(arena, parts, 3);
	char *out = arena_str(arena, slice_sub(path, 0, PATH_MAX_BYTES));
	for (char *c = out; *c; c++)
		if (*c < ' ' || *c > '~' || *c == ',' || *c == ';')
			*c = '?';
	return slice_from_str(out);
}

/* --- names and types ---------------------------------------------------------------------- */

static const char *const class_facts[] = { [NAME_PROGRAM] = "executable",
	                                   [NAME_SCRIPT] = "script",
	                                   [NAME_SHORTCUT] = "shortcut",
	                                   [NAME_MARKUP] = "html",
	                                   [NAME_HARMLESS] = NULL };

static void look_at_name(struct attachment_looking *l, const struct attachment_file *f)
{
	uint32_t accepted;
	enum name_class class = attachment_name_class(f->name, &accepted);
	if (class_facts[class])
		attachment_add(l, class_facts[class], f->path, "by its name");
	if (attachment_name_is_double(f->name))
		attachment_add(l, "double-extension", f->path, "not what it looks like");
	if (attachment_name_is_hidden(f->name))
		attachment_add(l, "hidden-name", f->path, "letters that hide its end");
	if (f->kind != SNIFF_UNKNOWN && accepted != 0 && !(accepted >> f->kind & 1))
		attachment_add(l, "mismatch", f->path, sniff_name(f->kind));
}

/* Only where a type says that it is nothing to be afraid of. */
static void look_at_type(struct attachment_looking *l, const struct attachment_file *f)
{
	bool is_image = f->kind == SNIFF_IMAGE, is_media = f->kind == SNIFF_MEDIA;
	struct slice type = f->type;
	if (f->kind == SNIFF_UNKNOWN)
		return;
	if ((slice_starts_with_nocase(type, SLICE("image/")) && !is_image &&
	     !slice_starts_with_nocase(type, SLICE("image/svg"))) ||
	    (slice_starts_with_nocase(type, SLICE("audio/")) && !is_media) ||
	    (slice_starts_with_nocase(type, SLICE("video/")) && !is_media) ||
	    (slice_equal_nocase(type, SLICE("application/pdf")) && f->kind != SNIFF_PDF) ||
	    (slice_equal_nocase(type, SLICE("text/plain")) && f->kind != SNIFF_HTML &&
	     f->kind != SNIFF_SCRIPT))
		attachment_add(l, "mismatch", f->path, sniff_name(f->kind));
}

/* --- archives ----------------------------------------------------------------------------- */

static void look_at(struct attachment_looking *l, struct attachment_file *f);

struct unpacking {
	struct attachment_looking *l;
	const struct attachment_file *archive;
	bool is_document;
};

/* "report.js" in "report.js.gz". */
static struct slice name_inside(const struct attachment_file *f)
{
	ptrdiff_t dot = slice_find_last_byte(f->name, '.');
	return dot > 0 ? slice_sub(f->name, 0, (size_t)dot) : f->name;
}

static struct slice last_part(struct slice path)
{
	struct slice name = path;
	for (size_t i = 0; i < path.len; i++)
		if (path.data[i] == '/' || path.data[i] == '\\')
			name = slice_from(path, i + 1);
	return name;
}

/* Office Open XML and OpenDocument are archives with such members. */
static void look_at_member_name(struct unpacking *u, struct slice name)
{
	u->is_document |= slice_equal(name, SLICE("[Content_Types].xml")) ||
	                  slice_equal(name, SLICE("mimetype"));
	if (slice_ends_with_nocase(name, SLICE("vbaProject.bin")))
		attachment_add(u->l, "macro", u->archive->path, "VBA");
	if (slice_starts_with_nocase(name, SLICE("xl/macrosheets/")))
		attachment_add(u->l, "macro", u->archive->path, "Excel 4 sheet");
	if (slice_starts_with(name, SLICE("Basic/")) && slice_ends_with(name, SLICE(".xml")))
		attachment_add(u->l, "macro", u->archive->path, "Basic");
}

static void look_at_member(void *arg, const struct unpack_member *member)
{
	struct unpacking *u = arg;
	const struct attachment_file *outer = u->archive;
	struct arena *arena = u->l->arena;
	struct slice name = member->name.len > 0 ? last_part(member->name) : name_inside(outer);
	struct attachment_file f = {
		.name = arena_copy(arena, name),
		.type = SLICE_EMPTY,
		.bytes = member->bytes,
		.depth = outer->depth + 1,
	};
	f.path = path_of(arena, outer->path, f.name);
	look_at_member_name(u, member->name);
	look_at(u->l, &f);
}

static void tell_end(struct attachment_looking *l, const struct attachment_file *f,
                     const struct unpack_result *r)
{
	if (r->beyond && r->bytes / BOMB_RATIO > f->bytes.len)
		attachment_add(l, "bomb", f->path, "it becomes far larger than it is");
	else if (r->beyond)
		attachment_add(l, "unchecked", f->path, "too large");
	if (r->encrypted)
		attachment_add(l, "encrypted", f->path, "password");
	if (r->damaged)
		attachment_add(l, "unchecked", f->path, "damaged");
}

static void look_at_archive(struct attachment_looking *l, const struct attachment_file *f,
                            enum sniff_kind kind)
{
	struct unpacking u = { .l = l, .archive = f };
	struct unpack_result result;
	if (f->depth >= l->config->max_depth) {
		attachment_add(l, "unchecked", f->path, "too deep");
		return;
	}
	unpack_each(f->bytes, kind, &l->budget, look_at_member, &u, &result);
	if (!u.is_document)
		attachment_add(l, "archive", f->path, sniff_name(kind));
	tell_end(l, f, &result);
}

/* --- files -------------------------------------------------------------------------------- */

static void look_at(struct attachment_looking *l, struct attachment_file *f)
{
	f->kind = sniff(f->bytes);
	look_at_name(l, f);
	look_at_type(l, f);
	if (sniff_is_program(f->kind))
		attachment_add(l,
		               f->kind == SNIFF_SCRIPT ? "script"
		               : f->kind == SNIFF_LINK ? "shortcut"
		                                       : "executable",
		               f->path, sniff_name(f->kind));
	attachment_look_inside(l, f);
	enum sniff_kind second = sniff_second(f->bytes, f->kind);
	if (second != SNIFF_UNKNOWN)
		attachment_add(l, "polyglot", f->path, sniff_name(second));
	if (sniff_is_archive(f->kind) || second == SNIFF_ZIP)
		look_at_archive(l, f, second == SNIFF_ZIP ? SNIFF_ZIP : f->kind);
}

static struct attachment_looking begin(struct arena *arena, const struct config_attachments *c,
                                       struct attachment_facts *out)
{
	out->count = 0;
	return (struct attachment_looking){
		.arena = arena,
		.config = c,
		.facts = out,
		.budget = { .bytes = c->max_unpacked_bytes, .members = c->max_members },
	};
}

void attachment_look_at(struct arena *arena, const struct config_attachments *config,
                        struct slice name, struct slice type, struct slice bytes,
                        struct attachment_facts *out)
{
	struct attachment_looking l = begin(arena, config, out);
	struct attachment_file f = { .path = path_of(arena, SLICE_EMPTY, name),
		                     .name = name,
		                     .type = type,
		                     .bytes = bytes };
	look_at(&l, &f);
}

/* --- who wants to know -------------------------------------------------------------------- */

/* Could a fact that begins with "attachment=" match it? */
static bool is_about_files(const struct config_pattern *pattern)
{
	struct slice beginning = SLICE("attachment="), text = pattern->text;
	size_t len = 0;
	while (len < text.len && text.data[len] != '*' && text.data[len] != '?')
		len++;
	text = slice_sub(text, 0, len);
	return slice_starts_with(text, beginning) || slice_starts_with(beginning, text);
}

bool attachment_is_wanted(const struct config *config)
{
	const struct config_score *score = &config->score;
	for (size_t i = 0; i < score->weight_count; i++)
		if (is_about_files(&score->weights[i].pattern))
			return true;
	for (size_t r = 0; r < config->rules.count; r++) {
		const struct config_patterns *found = &config->rules.items[r].found;
		for (size_t i = 0; i < found->count; i++)
			if (is_about_files(&found->items[i]))
				return true;
	}
	return false;
}

/* --- messages ----------------------------------------------------------------------------- */

/* What people read in the message itself is none. */
static bool is_file(struct arena *arena, const struct mime_part *part, struct slice *name_out)
{
	*name_out = SLICE_EMPTY;
	if (part->kind != MIME_LEAF)
		return false;
	if (mime_filename(arena, part, name_out))
		return true;
	return !slice_equal_nocase(part->type, SLICE("text")) ||
	       slice_starts_with_nocase(slice_trim(part->disposition), SLICE("attachment"));
}

static void look_at_parts(struct attachment_looking *l, struct slice message,
                          const struct mime_part *parts)
{
	for (const struct mime_part *p = parts; p; p = mime_next(p)) {
		struct attachment_file f = { .depth = 0 };
		if (!is_file(l->arena, p, &f.name))
			continue;
		struct arena *decoded = arena_new();
		const struct slice type[] = { p->type, SLICE("/"), p->subtype };
		f.path = path_of(l->arena, SLICE_EMPTY, f.name);
		f.type = arena_concat(decoded, type, 3);
		f.bytes = mime_decode_all(decoded, p->encoding, mime_body(p, message), PART_MAX);
		look_at(l, &f);
		arena_free(decoded);
	}
}

void attachment_look_here(struct slice message, const struct config_attachments *config,
                          const struct message_limits *limits, attachment_tell *tell, void *arg)
{
	struct arena *arena = arena_new();
	struct attachment_facts facts;
	struct attachment_looking l = begin(arena, config, &facts);
	l.tell = tell;
	l.tell_arg = arg;
	look_at_parts(&l, message, mime_parse(arena, message, limits));
	arena_free(arena);
}

static bool has_files(struct arena *arena, struct slice message, const struct config *config)
{
	struct slice name;
	for (const struct mime_part *p = mime_parse(arena, message, &config->message); p;
	     p = mime_next(p))
		if (is_file(arena, p, &name))
			return true;
	return false;
}

int attachment_look(struct attachment_helper *helper, struct arena *arena, struct slice message,
                    const struct config *config, struct attachment_facts *out)
{
	out->count = 0;
	if (!config->attachments.look || !has_files(arena, message, config))
		return 0;
	if (helper)
		return attachment_process_look(helper, arena, message, config, out);
	struct attachment_looking l = begin(arena, &config->attachments, out);
	look_at_parts(&l, message, mime_parse(arena, message, &config->message));
	return 0;
}
