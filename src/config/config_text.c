#include "config/config_text.h"

#include <errno.h>
#include <stdio.h>

#include "base/cursor.h"

enum { ORIGINS_MAX = 2 * CONFIG_FILES_MAX + 1, PATH_BYTES_MAX = 1024 };

static int read_file(const char *path, struct buf *out)
{
	FILE *file = fopen(path, "re");
	if (!file)
		return -errno;
	size_t got = 1;
	while (got > 0 && !buf_failed(out)) {
		char *room = buf_reserve(out, 4096);
		got = room ? fread(room, 1, 4096, file) : 0;
		buf_commit(out, got);
	}
	int rc = ferror(file) ? -EISDIR : 0;
	fclose(file);
	return buf_failed(out) ? -EFBIG : rc;
}

static void blank_comments(char *text, size_t len)
{
	char quote = '\0';
	for (size_t i = 0; i < len; i++) {
		if (quote && text[i] == '\\') {
			i++;
		} else if (quote) {
			quote = text[i] == quote ? '\0' : quote;
		} else if (text[i] == '"' || text[i] == '\'') {
			quote = text[i];
		} else if (text[i] == '#') {
			while (i < len && text[i] != '\n')
				text[i++] = ' ';
		}
	}
}

static bool is_path_byte(char c)
{
	return c != '"' && c != '\'' && c != ')' && c != ' ' && c != '\t';
}

/* include = "include" "(" [quote] path [quote] ")" and nothing else on the line */
static bool parse_include(struct slice line, struct slice *path_out)
{
	struct cursor c = cursor_of(slice_trim(line));
	char quote = '\0';
	if (!take_text(&c, SLICE("include")))
		return false;
	skip_space(&c);
	if (!take_byte(&c, '('))
		return false;
	skip_space(&c);
	if (cursor_peek(&c) == '"' || cursor_peek(&c) == '\'')
		take_any(&c, &quote);
	if (!take_while(&c, is_path_byte, PATH_BYTES_MAX, path_out))
		return false;
	if (quote && !take_byte(&c, quote))
		return false;
	skip_space(&c);
	return take_byte(&c, ')') && cursor_at_end(&c);
}

static const char *trouble(int rc)
{
	switch (rc) {
	case -ENOENT:
		return "there is no such file";
	case -EACCES:
		return "permission denied: run as root or as its owner";
	case -ELOOP:
		return "it includes itself, or there are too many";
	default:
		return "it is no configuration file";
	}
}

static void add_origin(struct config_text *t, const char *path, int path_line)
{
	if (t->origin_count < ORIGINS_MAX)
		t->origins[t->origin_count++] = (struct config_origin){ t->lines + 1, path,
			                                                path_line };
}

static int add_file(struct config_text *t, const char *path, unsigned depth, const char **why_out);

static int add_include(struct config_text *t, const char *path, int line, struct slice given,
                       unsigned depth, const char **why_out)
{
	const char *other = given.data[0] == '/'
	                            ? arena_str(t->arena, given)
	                            : arena_printf(t->arena, "%s/%.*s", t->dir, SLICE_ARG(given));
	int rc = add_file(t, other, depth + 1, why_out);
	if (rc < 0 && !*why_out)
		*why_out = arena_printf(t->arena, "%s:%d: include: %s can't be read: %s\n", path,
		                        line, other, trouble(rc));
	add_origin(t, path, line + 1);
	return rc < 0 ? -EINVAL : 0;
}

/* libConfuse would put variables of the environment in for "${NAME}" unless the dollar is escaped:
 * here it is a placeholder. What stands in single quotes it leaves alone. False: a quote is open
 * at the end; it would swallow what follows, and libConfuse does not mind one that is never closed.
 */
static bool append_line(struct buf *out, struct slice line)
{
	char quote = '\0';
	for (size_t i = 0; i < line.len; i++) {
		char c = line.data[i];
		if (c == '\\' && quote) {
			buf_append_byte(out, c);
			i++;
			if (i < line.len)
				buf_append_byte(out, line.data[i]);
			continue;
		}
		if (quote ? c == quote : c == '"' || c == '\'')
			quote = quote ? '\0' : c;
		if (c == '$' && quote == '"' && slice_starts_with(slice_from(line, i), SLICE("${")))
			buf_append_byte(out, '\\');
		buf_append_byte(out, c);
	}
	buf_append_byte(out, '\n');
	return !quote;
}

static int add_lines(struct config_text *t, const char *path, struct slice rest, unsigned depth,
                     const char **why_out)
{
	int rc = 0;
	for (int number = 1; rest.len > 0 && rc == 0; number++) {
		struct slice included, line = slice_split(&rest, '\n');
		if (parse_include(line, &included)) {
			rc = add_include(t, path, number, included, depth, why_out);
			continue;
		}
		t->lines++;
		if (!append_line(&t->text, line)) {
			*why_out = arena_printf(t->arena,
			                        "%s:%d: a quote is not closed: add one in this "
			                        "line\n",
			                        path, number);
			rc = -EINVAL;
		}
	}
	return rc == 0 && buf_failed(&t->text) ? -EFBIG : rc;
}

static int add_file(struct config_text *t, const char *path, unsigned depth, const char **why_out)
{
	if (depth > CONFIG_DEPTH_MAX || t->file_count == CONFIG_FILES_MAX)
		return -ELOOP;
	t->file_count++;
	struct buf text = buf_make(CONFIG_BYTES_MAX);
	int rc = read_file(path, &text);
	if (rc == 0) {
		blank_comments(text.data, text.len);
		add_origin(t, path, 1);
		rc = add_lines(t, path, buf_slice(&text), depth, why_out);
	}
	buf_free(&text);
	return rc;
}

int config_text_read(struct config_text *t, const char *path, const char **why_out)
{
	t->text = buf_make(CONFIG_BYTES_MAX);
	t->origins = ARENA_ARRAY(t->arena, ORIGINS_MAX, struct config_origin);
	*why_out = NULL;
	int rc = add_file(t, path, 0, why_out);
	if (rc < 0 && !*why_out)
		*why_out = arena_printf(t->arena, "%s: it can't be read: %s%s\n", path, trouble(rc),
		                        rc == -ENOENT ? ": `veredus init` makes one" : "");
	return rc;
}

void config_text_free(struct config_text *t) { buf_free(&t->text); }

const char *config_text_where(const struct config_text *t, int line, int *path_line_out)
{
	size_t i = t->origin_count;
	while (i > 1 && t->origins[i - 1].line > line)
		i--;
	const struct config_origin *o = &t->origins[i - 1];
	*path_line_out = o->path_line + (line - o->line);
	return o->path;
}
