/* veredus import maildir: a Maildir with its folders, Maildir++ (".Work.2026") or directories
 * (LAYOUT=fs: "Work/2026"). */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/import.h"
#include "imap/imap_utf7.h"
#include "mailbox/mailbox.h"
#include "message/mbox.h"

enum {
	LETTERS = 26, /* keywords have one each, a to z */
	KEYWORDS_FILE_MAX = 64 * 1024,
	READ_BYTES = 64 * 1024,
};

/* A message: cur/1767225600.M1P2.host:2,FS */
struct entry {
	const char *name; /* "cur/..." */
	size_t key_len;   /* of what stands between the slash and the flags */
	uint64_t name_s;  /* the number that the name begins with: when it was delivered */
};

struct maildir {
	struct import *im;
	struct arena *arena;   /* of the folder */
	struct arena *scratch; /* of some messages */
	const char *path;
	int fd;
	struct entry *entries;
	size_t count, capacity;
	struct slice keywords[LETTERS];
	struct buf raw, message;
};

enum { KEY_AT = 4 }; /* behind "cur/" */

/* --- the folder's names ----------------------------------------------------------------------- */

static void add_entry(struct maildir *d, const char *part, const char *name)
{
	struct slice whole = slice_from_str(name);
	ptrdiff_t flags = slice_find(whole, SLICE(":2,"));
	if (flags < 0)
		flags = slice_find(whole, SLICE(";2,")); /* where a colon can't be in a name */
	if (d->count == d->capacity) {
		d->capacity = d->capacity ? d->capacity * 2 : 256;
		d->entries = mem_grow(d->entries, d->capacity * sizeof(*d->entries));
	}
	struct entry *e = &d->entries[d->count++];
	*e = (struct entry){ .name = arena_printf(d->arena, "%s/%s", part, name) };
	e->key_len = flags < 0 ? whole.len : (size_t)flags;
	struct slice seconds = slice_split(&whole, '.');
	if (!slice_to_u64(seconds, &e->name_s) || e->name_s > UINT32_MAX)
		e->name_s = 0;
}

static int list_part(struct maildir *d, const char *part)
{
	int fd = openat(d->fd, part, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *e;
	if (!dir)
		return fd < 0 && errno == ENOENT
		               ? CLI_OK
		               : cli_fail("%s/%s: %s", d->path, part, strerrordesc_np(errno));
	while ((e = readdir(dir))) {
		if (e->d_name[0] != '.')
			add_entry(d, part, e->d_name);
	}
	closedir(dir);
	return CLI_OK;
}

static int compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	if (x->name_s != y->name_s)
		return x->name_s < y->name_s ? -1 : 1;
	return slice_compare(slice_from_str(x->name + KEY_AT), slice_from_str(y->name + KEY_AT));
}

static const char *key_of(const struct maildir *d, const struct entry *e)
{
	return arena_str(d->scratch, slice_of(e->name + KEY_AT, e->key_len));
}

/* --- keywords: dovecot-keywords, lines of "0 $Forwarded" -------------------------------------- */

static void read_keywords(struct maildir *d)
{
	int fd = openat(d->fd, "dovecot-keywords", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	char *text = arena_alloc(d->arena, KEYWORDS_FILE_MAX);
	ssize_t got = read(fd, text, KEYWORDS_FILE_MAX);
	close(fd);
	struct slice rest = slice_of(text, got > 0 ? (size_t)got : 0);
	while (rest.len > 0) {
		struct slice line = slice_trim(slice_split(&rest, '\n'));
		uint64_t number;
		if (slice_to_u64(slice_split(&line, ' '), &number) && number < LETTERS)
			d->keywords[number] = line;
	}
}

static unsigned flag_of(char letter)
{
	switch (letter) {
	case 'S':
		return FLAG_SEEN;
	case 'R':
		return FLAG_ANSWERED;
	case 'F':
		return FLAG_FLAGGED;
	case 'T':
		return FLAG_DELETED;
	case 'D':
		return FLAG_DRAFT;
	default: /* P, passed, becomes a keyword */
		return 0;
	}
}

static void add_keyword(json_t *list, struct slice keyword)
{
	if (keyword.len > 0)
		json_array_append_new(list, json_stringn(keyword.data, keyword.len));
}

static void take_flags(const struct maildir *d, const struct entry *e, struct import_message *m)
{
	struct slice letters = slice_from_str(e->name + KEY_AT + e->key_len);
	m->keywords = json_array();
	if (letters.len < 3)
		return;
	letters = slice_from(letters, 3);
	for (size_t i = 0; i < letters.len; i++) {
		char c = letters.data[i];
		m->flags |= flag_of(c);
		if (c == 'P')
			add_keyword(m->keywords, SLICE("$Forwarded"));
		else if (c >= 'a' && c <= 'z')
			add_keyword(m->keywords, d->keywords[c - 'a']);
	}
}

/* --- one message ------------------------------------------------------------------------ */

/* -ENOBUFS: too large. */
static int read_file(struct maildir *d, const struct entry *e, struct stat *st)
{
	int fd = openat(d->fd, e->name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	int rc = fstat(fd, st) < 0 ? -errno : !S_ISREG(st->st_mode) ? -EINVAL : 0;
	buf_clear(&d->raw);
	while (rc == 0) {
		char *room = buf_reserve(&d->raw, READ_BYTES);
		ssize_t got = room ? read(fd, room, READ_BYTES) : 0;
		if (!room)
			rc = -ENOBUFS;
		else if (got < 0 && errno != EINTR)
			rc = -errno;
		if (got == 0)
			break;
		if (got > 0)
			buf_commit(&d->raw, (size_t)got);
	}
	close(fd);
	return rc;
}

/* INTERNALDATE is the file's time with most servers. Who copied the files without their times
 * made that later than the name says, and nothing makes it earlier but a message that was put
 * there with a date of its own; so the earlier of the two is right. */
static int64_t date_of(const struct entry *e, const struct stat *st)
{
	int64_t file_s = st->st_mtim.tv_sec;
	return (e->name_s > 0 && (int64_t)e->name_s < file_s ? (int64_t)e->name_s : file_s) * 1000;
}

static int add_message(struct maildir *d, const struct entry *e)
{
	struct stat st = { 0 };
	int rc = read_file(d, e, &st);
	if (rc == -ENOENT) /* renamed or gone meanwhile: the next run finds it */
		return CLI_OK;
	buf_clear(&d->message);
	if (rc == 0)
		rc = mbox_add_crlf(buf_slice(&d->raw), &d->message);
	if (rc < 0) {
		import_note_failure(d->im, arena_printf(d->scratch, "%s/%s", d->path, e->name),
		                    rc == -ENOBUFS ? "the message is too large"
		                                   : strerrordesc_np(-rc));
		return CLI_OK;
	}
	struct import_message m = { .bytes = buf_slice(&d->message),
		                    .at_ms = date_of(e, &st),
		                    .key = key_of(d, e) };
	take_flags(d, e, &m);
	return import_add(d->im, &m);
}

/* --- one folder ------------------------------------------------------------------------- */

static int add_some(struct maildir *d, const struct entry *entries, size_t count)
{
	const char *keys[IMPORT_KEYS_AT_ONCE];
	bool known[IMPORT_KEYS_AT_ONCE];
	arena_reset(d->scratch);
	for (size_t i = 0; i < count; i++)
		keys[i] = key_of(d, &entries[i]);
	int status = import_ask_known(d->im, keys, count, known);
	for (size_t i = 0; i < count && status == CLI_OK; i++) {
		if (known[i])
			d->im->known++;
		else
			status = add_message(d, &entries[i]);
	}
	import_show(d->im);
	return status;
}

static int add_all(struct maildir *d)
{
	int status = CLI_OK;
	for (size_t at = 0; at < d->count && status == CLI_OK; at += IMPORT_KEYS_AT_ONCE) {
		size_t left = d->count - at;
		status = add_some(d, d->entries + at,
		                  left < IMPORT_KEYS_AT_ONCE ? left : IMPORT_KEYS_AT_ONCE);
	}
	return status;
}

/* Also an empty folder is made. */
static int read_folder(struct import *im, const char *path, const char *folder)
{
	struct maildir d = { .im = im,
		             .arena = arena_new(),
		             .scratch = arena_new(),
		             .path = path,
		             .raw = buf_make(im->message_bytes + READ_BYTES),
		             .message = buf_make(im->message_bytes) };
	d.fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int status = d.fd < 0 ? cli_fail("%s: %s", path, strerrordesc_np(errno)) : CLI_OK;
	if (status == CLI_OK)
		status = import_folder(im, folder,
		                       arena_printf(d.arena, "maildir:%s into %s", path, folder));
	if (status == CLI_OK) {
		read_keywords(&d);
		status = list_part(&d, "new");
	}
	if (status == CLI_OK)
		status = list_part(&d, "cur");
	if (status == CLI_OK) {
		if (d.count > 0)
			qsort(d.entries, d.count, sizeof(*d.entries), compare_entries);
		import_keep_state(im, "maildir");
		status = add_all(&d);
	}
	if (status == CLI_OK)
		status = import_flush(im);
	if (d.fd >= 0)
		close(d.fd);
	buf_free(&d.raw);
	buf_free(&d.message);
	free(d.entries);
	arena_free(d.arena);
	arena_free(d.scratch);
	return status;
}

/* --- all folders ------------------------------------------------------------------------ */

static bool is_folder(const char *path)
{
	struct stat st;
	struct arena *arena = arena_new();
	bool is = stat(arena_printf(arena, "%s/cur", path), &st) == 0 && S_ISDIR(st.st_mode);
	arena_free(arena);
	return is;
}

/* Names are in modified UTF-7, as IMAP has them, or in UTF-8. A dot in a level of Maildir++ is
 * written "\2e" (Dovecot's listescape, and our export). */
static const char *folder_name(struct arena *arena, const char *above, struct slice name,
                               char separator)
{
	struct slice utf8;
	if (imap_utf7_decode(arena, name, &utf8) < 0)
		utf8 = name;
	char *text = arena_printf(arena, "%s%s%.*s", above, above[0] ? "/" : "", SLICE_ARG(utf8));
	char *to = text + strlen(above);
	for (const char *c = to; separator != '/' && (*to = *c) != '\0'; c++, to++) {
		if (*c == separator)
			*to = '/';
		if (c[0] == '\\' && c[1] == '2' && c[2] == 'e') {
			*to = '.';
			c += 2;
		}
	}
	import_clean_name(text + strlen(above) + (above[0] ? 1 : 0));
	return text;
}

/* A Maildir++ folder begins with a dot and stands beside cur; others are directories that have
 * folders in them. */
static int read_tree(struct import *im, const char *path, const char *above, int depth)
{
	struct dirent **names;
	int status = CLI_OK;
	struct arena *arena = im->cli->arena;
	if (is_folder(path))
		status = read_folder(im, path, above[0] ? above : "INBOX");
	int count = status == CLI_OK && depth < MAILBOX_DEPTH_MAX
	                    ? scandir(path, &names, NULL, alphasort)
	                    : -1;
	for (int i = 0; i < count; i++) {
		struct slice name = slice_from_str(names[i]->d_name);
		const char *below = arena_printf(arena, "%s/%s", path, names[i]->d_name);
		bool skip = slice_equal(name, SLICE(".")) || slice_equal(name, SLICE("..")) ||
		            slice_equal(name, SLICE("cur")) || slice_equal(name, SLICE("new")) ||
		            slice_equal(name, SLICE("tmp"));
		bool dotted = name.data[0] == '.';
		if (status == CLI_OK && !skip && dotted && is_folder(below))
			status = read_folder(im, below,
			                     folder_name(arena, above, slice_from(name, 1), '.'));
		else if (status == CLI_OK && !skip && !dotted &&
		         (names[i]->d_type == DT_DIR || names[i]->d_type == DT_UNKNOWN))
			status = read_tree(im, below, folder_name(arena, above, name, '/'),
			                   depth + 1);
		free(names[i]);
	}
	if (count >= 0)
		free(names);
	return status;
}

int import_maildir(struct cli *cli)
{
	struct import im;
	char *path = realpath(cli->words[1], NULL);
	const char *folder = cli_text(cli, "folder") ? cli_text(cli, "folder") : "";
	if (!path)
		return cli_fail("%s: %s", cli->words[1], strerrordesc_np(errno));
	int status = import_begin(cli, &im);
	if (status == CLI_OK) {
		status = read_tree(&im, path, folder, 0);
		if (status == CLI_OK && !im.folder)
			status = cli_fail("%s is no Maildir: no directory in it has a cur", path);
		status = import_end(&im, status);
	}
	free(path);
	return status;
}
