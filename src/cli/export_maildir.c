/* veredus export maildir: Maildir++, as Dovecot and Courier have it.
 *
 * A message's name is made of its date, UIDVALIDITY and UID, so a second run finds what is there,
 * brings what is new, and gives what is there the flags that it has now. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "cli/export.h"
#include "imap/imap_utf7.h"
#include "mailbox/mailbox.h"

enum { LETTERS = 26, FLAG_TEXT = 40 };

struct writer {
	const char *path;              /* of the folder, in its arena */
	struct hash *there;            /* base name -> name, in the folder's arena */
	const char *keywords[LETTERS]; /* in the folder's arena */
	struct buf file;
};

/* "Work/2026.5" becomes ".Work.2026\2e5" in modified UTF-7. */
static const char *directory_name(struct arena *arena, const char *folder)
{
	struct slice rest = imap_utf7_encode(arena, slice_from_str(folder));
	struct buf name = buf_make(16 * MAILBOX_NAME_MAX);
	if (slice_equal(rest, SLICE("INBOX")))
		return "";
	for (size_t i = 0; i < rest.len; i++) {
		char c = rest.data[i];
		if (i == 0)
			buf_append(&name, SLICE("/."));
		if (c == '.')
			buf_append(&name, SLICE("\\2e"));
		else
			buf_append_byte(&name, c == '/' ? '.' : c);
	}
	const char *text = arena_str(arena, buf_slice(&name));
	buf_free(&name);
	return text;
}

static int make_directories(struct export *ex, const char *path)
{
	static const char *const parts[] = { "", "/tmp", "/new", "/cur" };
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const char *part = arena_printf(ex->arena, "%s%s", path, parts[i]);
		if (mkdir(part, 0700) < 0 && errno != EEXIST)
			return -errno;
	}
	return 0;
}

/* Names without their flags lead to names. */
static int list_there(struct export *ex, struct writer *w, const char *part)
{
	struct dirent *e;
	DIR *dir = opendir(arena_printf(ex->arena, "%s/%s", w->path, part));
	if (!dir)
		return -errno;
	while ((e = readdir(dir))) {
		struct slice name = slice_from_str(e->d_name);
		ptrdiff_t flags = slice_find(name, SLICE(":2,"));
		struct slice base = flags < 0 ? name : slice_sub(name, 0, (size_t)flags);
		/* The sizes behind it are not of its name. */
		base = slice_split(&base, ',');
		hash_put(w->there, base, arena_printf(ex->arena, "%s/%s", part, e->d_name));
	}
	closedir(dir);
	return 0;
}

/* What the letters meant so far: messages that are not here any more still have them. */
static void read_keywords(struct export *ex, struct writer *w)
{
	char line[MAILBOX_KEYWORD_LENGTH + 20];
	FILE *file = fopen(arena_printf(ex->arena, "%s/dovecot-keywords", w->path), "re");
	while (file && fgets(line, sizeof(line), file)) {
		struct slice name = slice_trim(slice_from_str(line));
		uint64_t number;
		if (slice_to_u64(slice_split(&name, ' '), &number) && number < LETTERS &&
		    name.len > 0)
			w->keywords[number] = arena_str(ex->arena, name);
	}
	if (file)
		fclose(file);
}

static int begin(struct export *ex, const struct export_folder *folder)
{
	struct writer *w = ex->context;
	w->path = arena_printf(ex->arena, "%s%s", ex->path,
	                       directory_name(ex->arena, folder->name));
	hash_free(w->there);
	w->there = hash_new();
	for (int i = 0; i < LETTERS; i++)
		w->keywords[i] = NULL;
	int rc = make_directories(ex, w->path);
	read_keywords(ex, w);
	if (rc == 0 && w->path[strlen(ex->path)] != '\0') {
		const char *mark = arena_printf(ex->arena, "%s/maildirfolder", w->path);
		int fd = open(mark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		if (fd < 0)
			return -errno;
		close(fd);
	}
	if (rc == 0)
		rc = list_there(ex, w, "new");
	return rc == 0 ? list_there(ex, w, "cur") : rc;
}

/* The letter of a keyword, in the order of their coming; 0 when there are no more. */
static char letter_of(struct export *ex, struct writer *w, const char *keyword)
{
	int unused = LETTERS;
	for (int i = LETTERS - 1; i >= 0; i--) {
		if (!w->keywords[i])
			unused = i;
		else if (slice_equal_nocase(slice_from_str(w->keywords[i]),
		                            slice_from_str(keyword)))
			return (char)('a' + i);
	}
	if (unused == LETTERS)
		return 0;
	w->keywords[unused] = arena_str(ex->arena, slice_from_str(keyword));
	return (char)('a' + unused);
}

static int compare_letters(const void *a, const void *b)
{
	return *(const char *)a - *(const char *)b;
}

/* Letters in the order of ASCII. */
static void flag_text(struct export *ex, struct writer *w, const struct export_message *m,
                      char out[static FLAG_TEXT])
{
	static const struct {
		unsigned flag;
		char letter;
	} letters[] = { { FLAG_DRAFT, 'D' },
		        { FLAG_FLAGGED, 'F' },
		        { FLAG_ANSWERED, 'R' },
		        { FLAG_SEEN, 'S' },
		        { FLAG_DELETED, 'T' } };
	size_t len = 0, index;
	json_t *keyword;
	for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++) {
		if (m->flags & letters[i].flag)
			out[len++] = letters[i].letter;
	}
	json_array_foreach(m->keywords, index, keyword)
	{
		const char *name = json_string_value(keyword);
		bool passed = slice_equal_nocase(slice_from_str(name), SLICE("$Forwarded"));
		char letter = passed ? 'P' : letter_of(ex, w, name);
		if (letter && len < FLAG_TEXT - 1)
			out[len++] = letter;
	}
	qsort(out, len, 1, compare_letters);
	out[len] = '\0';
}

static int write_file(const char *path, struct slice bytes, int64_t at_ms)
{
	const struct timespec times[2] = { { .tv_sec = at_ms / 1000 }, { .tv_sec = at_ms / 1000 } };
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int rc = fd < 0 ? -errno : 0;
	while (rc == 0 && bytes.len > 0) {
		ssize_t n = write(fd, bytes.data, bytes.len);
		if (n < 0 && errno != EINTR)
			rc = -errno;
		bytes = slice_from(bytes, n > 0 ? (size_t)n : 0);
	}
	if (rc == 0 && futimens(fd, times) < 0)
		rc = -errno;
	if (fd >= 0 && close(fd) < 0 && rc == 0)
		rc = -errno;
	if (rc < 0)
		unlink(path);
	return rc;
}

/* It is there: with these flags, or it gets them. 1, or a negative errno. */
static int update_flags(struct export *ex, struct writer *w, const char *there, const char *flags)
{
	struct slice name = slice_from_str(there);
	ptrdiff_t end = slice_find(name, SLICE(":2,"));
	struct slice base = slice_from(end < 0 ? name : slice_sub(name, 0, (size_t)end), 4);
	const char *now = arena_printf(ex->scratch, "cur/%.*s:2,%s", SLICE_ARG(base), flags);
	if (slice_equal(slice_from_str(now), name))
		return 1;
	return rename(arena_printf(ex->scratch, "%s/%s", w->path, there),
	              arena_printf(ex->scratch, "%s/%s", w->path, now)) < 0
	               ? -errno
	               : 1;
}

static int write_message(struct export *ex, const struct export_message *m)
{
	struct writer *w = ex->context;
	char flags[FLAG_TEXT];
	flag_text(ex, w, m, flags);
	const char *base = arena_printf(ex->scratch, "%lld.V%uU%u.veredus",
	                                (long long)(m->at_ms / 1000), m->folder->uid_validity,
	                                m->uid);
	const char *there = hash_find(w->there, slice_from_str(base));
	if (there)
		return update_flags(ex, w, there, flags);
	buf_clear(&w->file);
	int rc = export_add_lf(m->bytes, &w->file);
	const char *unfinished = arena_printf(ex->scratch, "%s/tmp/%s", w->path, base);
	const char *path = arena_printf(ex->scratch, "%s/cur/%s,S=%zu,W=%zu:2,%s", w->path, base,
	                                w->file.len, m->bytes.len, flags);
	if (rc == 0)
		rc = write_file(unfinished, buf_slice(&w->file), m->at_ms);
	if (rc == 0 && rename(unfinished, path) < 0)
		rc = -errno;
	return rc;
}

/* Files that Dovecot reads: one a folder, and one for all. */
static int write_keywords(struct export *ex, struct writer *w)
{
	FILE *file = w->keywords[0]
	                     ? fopen(arena_printf(ex->arena, "%s/dovecot-keywords", w->path), "we")
	                     : NULL;
	if (!w->keywords[0])
		return 0;
	if (!file)
		return -errno;
	for (int i = 0; i < LETTERS; i++) {
		if (w->keywords[i])
			fprintf(file, "%d %s\n", i, w->keywords[i]);
	}
	return fclose(file) == 0 ? 0 : -errno;
}

static int end(struct export *ex, const struct export_folder *folder)
{
	struct writer *w = ex->context;
	int rc = w->path ? write_keywords(ex, w) : 0;
	if (rc < 0 || !folder->subscribed)
		return rc;
	FILE *file = fopen(arena_printf(ex->arena, "%s/subscriptions", ex->path),
	                   ex->folder_count == 1 ? "we" : "ae");
	if (!file)
		return -errno;
	struct slice name = imap_utf7_encode(ex->arena, slice_from_str(folder->name));
	fprintf(file, "%.*s\n", SLICE_ARG(name));
	return fclose(file) == 0 ? 0 : -errno;
}

int export_maildir(struct cli *cli)
{
	static const struct export_writer writer = { begin, write_message, end };
	struct writer w = { .file = buf_make((size_t)4 << 30) };
	int status = export_run(cli, &writer, &w);
	hash_free(w.there);
	buf_free(&w.file);
	return status;
}
