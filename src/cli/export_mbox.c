/* veredus export mbox: a file a folder, "Work" and, for what is below it, the directory "Work.sbd".
 * A file gets its name only when it is whole. */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/export.h"
#include "mailbox/mailbox.h"
#include "message/mbox.h"

struct writer {
	FILE *file;
	const char *path, *unfinished; /* in the folder's arena */
	struct buf entry;
};

enum { FIELDS_MAX = 8192 };

/* A level is never taken for "..", nor hidden; and no two become one: "_.a" is "__.a". */
static const char *level_name(struct arena *arena, struct slice level)
{
	size_t marks = 0;
	while (marks < level.len && level.data[marks] == '_')
		marks++;
	bool is_marked = marks < level.len && level.data[marks] == '.';
	return arena_printf(arena, "%s%.*s", is_marked ? "_" : "", SLICE_ARG(level));
}

/* What an import would take off the end of a file's name, where it is a directory's or one that
 * files often have, stands before something that it takes off. */
static const char *file_ending(struct slice level)
{
	return slice_ends_with(level, SLICE(".sbd")) || slice_ends_with(level, SLICE(".mbox"))
	               ? ".mbox"
	               : "";
}

/* Directories on the way to the file are made. */
static int make_path(struct export *ex, const char *folder, struct writer *w)
{
	struct slice rest = slice_from_str(folder);
	const char *path = ex->path;
	for (;;) {
		struct slice level = slice_split(&rest, '/');
		const char *name = level_name(ex->arena, level);
		if (rest.len == 0) {
			const char *ending = file_ending(level);
			w->path = arena_printf(ex->arena, "%s/%s%s", path, name, ending);
			/* No folder's file is hidden. */
			w->unfinished = arena_printf(ex->arena, "%s/.%s%s.unfinished", path, name,
			                             ending);
			return 0;
		}
		path = arena_printf(ex->arena, "%s/%s.sbd", path, name);
		if (mkdir(path, 0700) < 0 && errno != EEXIST)
			return -errno;
	}
}

static int begin(struct export *ex, const struct export_folder *folder)
{
	struct writer *w = ex->context;
	int rc = make_path(ex, folder->name, w);
	if (rc < 0)
		return rc;
	if (access(w->path, F_OK) == 0)
		return -EEXIST;
	int fd = open(w->unfinished, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	w->file = fdopen(fd, "we");
	return 0;
}

static void add_fields(const struct export_message *m, struct buf *out)
{
	static const struct {
		unsigned flag;
		char letter;
	} letters[] = { { FLAG_ANSWERED, 'A' },
		        { FLAG_FLAGGED, 'F' },
		        { FLAG_DRAFT, 'T' },
		        { FLAG_DELETED, 'D' } };
	size_t index;
	json_t *keyword;
	buf_printf(out, "Status: %sO\nX-Status: ", m->flags & FLAG_SEEN ? "R" : "");
	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++) {
		if (m->flags & letters[i].flag)
			buf_append_byte(out, letters[i].letter);
	}
	buf_append(out, SLICE("\nX-Keywords:"));
	json_array_foreach(m->keywords, index, keyword)
		buf_printf(out, " %s", json_string_value(keyword));
	buf_append_byte(out, '\n');
}

/* Of a message that came by mail the first field. */
static struct slice sender_of(struct slice bytes)
{
	struct slice line = slice_split(&bytes, '\n');
	if (!slice_starts_with_nocase(line, SLICE("Return-Path:")))
		return SLICE_EMPTY;
	line = slice_trim(slice_from(line, 12));
	if (line.len < 2 || line.data[0] != '<' || line.data[line.len - 1] != '>')
		return SLICE_EMPTY;
	return slice_sub(line, 1, line.len - 2);
}

static int write_message(struct export *ex, const struct export_message *m)
{
	struct writer *w = ex->context;
	struct buf fields = buf_make(FIELDS_MAX);
	add_fields(m, &fields);
	buf_clear(&w->entry);
	int rc = mbox_add_entry(sender_of(m->bytes), m->at_ms / 1000, buf_slice(&fields), m->bytes,
	                        &w->entry);
	buf_free(&fields);
	if (rc == 0 && fwrite(w->entry.data, 1, w->entry.len, w->file) < w->entry.len)
		rc = errno ? -errno : -EIO;
	return rc;
}

static int end(struct export *ex, const struct export_folder *folder)
{
	struct writer *w = ex->context;
	int rc = 0;
	(void)folder;
	if (!w->file)
		return 0;
	if (fflush(w->file) != 0 || fsync(fileno(w->file)) != 0)
		rc = -errno;
	fclose(w->file);
	w->file = NULL;
	if (rc == 0 && ex->rc == 0 && rename(w->unfinished, w->path) < 0)
		rc = -errno;
	else if (ex->rc < 0 || rc < 0)
		unlink(w->unfinished);
	return rc;
}

int export_mbox(struct cli *cli)
{
	static const struct export_writer writer = { begin, write_message, end };
	struct writer w = { .entry = buf_make((size_t)8 << 30) };
	int status = export_run(cli, &writer, &w);
	buf_free(&w.entry);
	return status;
}
