/* veredus import mbox: a file, or a directory of files, each of which becomes a folder. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "cli/import.h"
#include "mailbox/mailbox.h"
#include "message/date.h"
#include "message/mbox.h"
#include "message/summary.h"

enum { READ_BYTES = 1 << 20, HEAD_BYTES = 4096, DEPTH_MAX = MAILBOX_DEPTH_MAX };

struct mbox_file {
	struct import *im;
	const char *path;
	enum mbox_quoting quoting;
	int fd;
	struct buf window; /* what was read */
	size_t taken;      /* of it */
	uint64_t offset;   /* in the file, of what is not taken */
	size_t scanned;    /* of that: no message begins up to there */
	struct buf message;
	struct arena *arena; /* of one message */
	bool skipping;       /* the rest of a message that is too large */
	bool at_end;
	uint64_t head; /* a digest of the first bytes, by which the file is known again */
	int64_t mtime_ms;
};

/* --- one message ----------------------------------------------------------------------------- */

static unsigned flags_of(const struct mbox_entry *e)
{
	return (e->seen ? FLAG_SEEN : 0) | (e->answered ? FLAG_ANSWERED : 0) |
	       (e->flagged ? FLAG_FLAGGED : 0) | (e->deleted ? FLAG_DELETED : 0) |
	       (e->draft ? FLAG_DRAFT : 0);
}

static json_t *keywords_of(struct slice text)
{
	json_t *list = json_array();
	while (text.len > 0) {
		struct slice word = slice_trim(slice_split(&text, ' '));
		if (word.len > 0)
			json_array_append_new(list, json_stringn(word.data, word.len));
	}
	return list;
}

/* Of its From_ line; without one of its Date, else of the file. */
static int64_t date_of(struct mbox_file *f, const struct mbox_entry *e)
{
	struct message_summary summary;
	if (e->has_date)
		return e->unix_s * 1000;
	message_summarise(buf_slice(&f->message), &MESSAGE_LIMITS_DEFAULT, f->arena, &summary);
	return summary.has_date ? summary.date.unix_s * 1000 : f->mtime_ms;
}

static int add_message(struct mbox_file *f, struct slice entry)
{
	struct mbox_entry e;
	buf_clear(&f->message);
	arena_reset(f->arena);
	const char *where = arena_printf(f->arena, "%s, byte %llu", f->path,
	                                 (unsigned long long)f->offset);
	int rc = mbox_decode(entry, f->quoting, &f->message, &e);
	if (rc < 0) {
		import_note_failure(f->im, where,
		                    rc == -ENOBUFS ? "the message is too large"
		                                   : "no message begins here");
		return CLI_OK;
	}
	if (e.internal)
		return CLI_OK;
	const struct import_message message = { .bytes = buf_slice(&f->message),
		                                .at_ms = date_of(f, &e),
		                                .flags = flags_of(&e),
		                                .keywords = keywords_of(e.keywords) };
	return import_add(f->im, &message);
}

/* --- the window --------------------------------------------------------------------------- */

static struct slice left(const struct mbox_file *f)
{
	return slice_from(buf_slice(&f->window), f->taken);
}

static int read_more(struct mbox_file *f)
{
	buf_consume(&f->window, f->taken);
	f->taken = 0;
	char *room = buf_reserve(&f->window, READ_BYTES);
	if (!room)
		return -ENOBUFS;
	ssize_t got;
	do {
		got = pread(f->fd, room, READ_BYTES, (off_t)(f->offset + f->window.len));
	} while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	f->at_end = got == 0;
	buf_commit(&f->window, (size_t)got);
	f->im->read_bytes += (uint64_t)got;
	return 0;
}

static void consume(struct mbox_file *f, size_t len)
{
	f->taken += len;
	f->offset += len;
	f->scanned = 0;
}

/* How far the file was read, and how it is known again: a file that was written anew, and not
 * only at its end, begins in another way. */
static void note_state(struct mbox_file *f)
{
	char text[80];
	snprintf(text, sizeof(text), "%llu %016llx", (unsigned long long)f->offset,
	         (unsigned long long)f->head);
	import_keep_state(f->im, text);
}

static int take_entry(struct mbox_file *f, size_t len)
{
	int status = CLI_OK;
	if (!f->skipping)
		status = add_message(f, slice_sub(left(f), 0, len));
	f->skipping = false;
	consume(f, len);
	note_state(f);
	return status;
}

/* No end of it within the largest message that is taken. */
static void skip_entry(struct mbox_file *f)
{
	if (!f->skipping)
		import_note_failure(f->im, f->path, "a message is too large");
	f->skipping = true;
	/* The beginning of the next From_ line stays, with the empty line before it. */
	consume(f, f->scanned > 4 ? f->scanned - 4 : 0);
}

static int read_messages(struct mbox_file *f)
{
	int status = CLI_OK, rc = 0;
	size_t at;
	while (status == CLI_OK && rc == 0) {
		if (mbox_find_next(left(f), &f->scanned, &at))
			status = take_entry(f, at);
		else if (f->at_end)
			break;
		else if (left(f).len > f->im->message_bytes)
			skip_entry(f);
		else
			rc = read_more(f);
	}
	if (rc < 0)
		return cli_fail("%s: %s", f->path, strerrordesc_np(-rc));
	return status == CLI_OK && left(f).len > 0 ? take_entry(f, left(f).len) : status;
}

/* --- one file ----------------------------------------------------------------------------- */

static uint64_t digest_head(int fd)
{
	static const uint64_t secret[2] = { 1, 2 };
	char head[HEAD_BYTES];
	ssize_t got = pread(fd, head, sizeof(head), 0);
	/* Files grow: their first line is what stays for certain. */
	struct slice rest = slice_of(head, got > 0 ? (size_t)got : 0);
	return hash_bytes_keyed(secret, slice_split(&rest, '\n'));
}

/* Where a message begins at the offset, or behind an empty line there, which was not yet when the
 * file ended there; UINT64_MAX: nowhere. */
static uint64_t message_at(int fd, uint64_t offset, uint64_t size)
{
	char bytes[8];
	ssize_t got = pread(fd, bytes, sizeof(bytes), (off_t)offset);
	struct slice s = slice_of(bytes, got > 0 ? (size_t)got : 0);
	if (offset == size)
		return offset;
	if (slice_starts_with(s, SLICE("\r")))
		s = slice_from(s, 1);
	if (slice_starts_with(s, SLICE("\n")))
		s = slice_from(s, 1);
	return slice_starts_with(s, SLICE("From ")) ? offset + (size_t)(s.data - bytes)
	                                            : UINT64_MAX;
}

/* Goes on where the last run stopped, if the file begins as it did then and has a message there. */
static int find_start(struct mbox_file *f, uint64_t size)
{
	const char *state;
	int status = import_load_state(f->im, &state);
	struct slice rest = slice_from_str(state);
	uint64_t offset;
	f->head = digest_head(f->fd);
	if (status != CLI_OK || !slice_to_u64(slice_split(&rest, ' '), &offset) || offset > size)
		return status;
	const char *head = arena_printf(f->im->arena, "%016llx", (unsigned long long)f->head);
	offset = message_at(f->fd, offset, size);
	if (offset != UINT64_MAX && slice_equal(slice_from_str(head), rest)) {
		f->offset = offset;
		f->im->read_bytes += offset;
	}
	return CLI_OK;
}

static int read_file(struct import *im, const char *path, const char *folder)
{
	struct mbox_file f = { .im = im,
		               .path = path,
		               .quoting = cli_has(im->cli, "mboxo") ? MBOX_O : MBOX_RD,
		               .window = buf_make(im->message_bytes + 2 * READ_BYTES),
		               .message = buf_make(im->message_bytes),
		               .arena = arena_new() };
	struct stat st = { 0 };
	f.fd = open(path, O_RDONLY | O_CLOEXEC);
	int status = f.fd < 0 || fstat(f.fd, &st) < 0
	                     ? cli_fail("%s: %s", path, strerrordesc_np(errno))
	                     : CLI_OK;
	if (status == CLI_OK) {
		f.mtime_ms = (int64_t)st.st_mtim.tv_sec * 1000;
		status = import_folder(im, folder,
		                       arena_printf(f.arena, "mbox:%s into %s", path, folder));
	}
	if (status == CLI_OK)
		status = find_start(&f, (uint64_t)st.st_size);
	if (status == CLI_OK)
		status = read_messages(&f);
	if (f.fd >= 0)
		close(f.fd);
	buf_free(&f.window);
	buf_free(&f.message);
	arena_free(f.arena);
	return status;
}

/* --- files and directories ---------------------------------------------------------------- */

struct walk {
	struct import *im;
	struct arena *arena;
	int (*file)(struct import *im, const char *path, const char *folder);
	bool counting;
};

static bool begins_as_mbox(const char *path)
{
	char from[5];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool does = fd >= 0 && read(fd, from, 5) == 5 && memcmp(from, "From ", 5) == 0;
	if (fd >= 0)
		close(fd);
	return does;
}

/* "Work.sbd" holds the folders below "Work" (Thunderbird); "work.mbox" is a usual name. */
static const char *folder_name(struct walk *w, const char *above, const char *name)
{
	struct slice s = slice_from_str(name);
	if (slice_ends_with(s, SLICE(".sbd")))
		s = slice_sub(s, 0, s.len - 4);
	else if (slice_ends_with(s, SLICE(".mbox")))
		s = slice_sub(s, 0, s.len - 5);
	char *clean = arena_str(w->arena, s);
	import_clean_name(clean);
	return arena_printf(w->arena, "%s%s%s", above, above[0] ? "/" : "", clean);
}

static int walk_path(struct walk *w, const char *path, const char *folder, int depth);

static int walk_directory(struct walk *w, const char *path, const char *folder, int depth)
{
	struct dirent **names;
	int status = CLI_OK;
	int count = scandir(path, &names, NULL, alphasort);
	if (count < 0)
		return cli_fail("%s: %s", path, strerrordesc_np(errno));
	for (int i = 0; i < count; i++) {
		const char *name = names[i]->d_name;
		if (status == CLI_OK && name[0] != '.')
			status = walk_path(w, arena_printf(w->arena, "%s/%s", path, name),
			                   folder_name(w, folder, name), depth + 1);
		free(names[i]);
	}
	free(names);
	return status;
}

static int walk_path(struct walk *w, const char *path, const char *folder, int depth)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return cli_fail("%s: %s", path, strerrordesc_np(errno));
	if (S_ISDIR(st.st_mode))
		return depth < DEPTH_MAX ? walk_directory(w, path, folder, depth) : CLI_OK;
	/* Beside mailboxes lie indexes and the like; who names a file means it. */
	if (!S_ISREG(st.st_mode) || (depth > 0 && !begins_as_mbox(path)))
		return CLI_OK;
	if (w->counting) {
		w->im->expected_bytes += (uint64_t)st.st_size;
		return CLI_OK;
	}
	return read_file(w->im, path, folder[0] ? folder : "INBOX");
}

int import_mbox(struct cli *cli)
{
	struct import im;
	char *path = realpath(cli->words[1], NULL);
	const char *folder = cli_text(cli, "folder") ? cli_text(cli, "folder") : "";
	if (!path)
		return cli_fail("%s: %s", cli->words[1], strerrordesc_np(errno));
	int status = import_begin(cli, &im);
	if (status == CLI_OK) {
		struct walk w = { .im = &im, .arena = cli->arena, .counting = true };
		status = walk_path(&w, path, folder, 0);
		w.counting = false;
		if (status == CLI_OK)
			status = walk_path(&w, path, folder, 0);
		status = import_end(&im, status);
	}
	free(path);
	return status;
}
