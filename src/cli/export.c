#include "cli/export.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

enum { SHOW_EVERY_NS = 1000000000 };
#define MESSAGE_MAX_BYTES ((size_t)4 << 30)

int export_add_lf(struct slice text, struct buf *out)
{
	int rc = 0;
	while (text.len > 0 && rc == 0) {
		ptrdiff_t end = slice_find(text, SLICE("\r\n"));
		if (end < 0)
			return buf_append(out, text);
		buf_append(out, slice_sub(text, 0, (size_t)end));
		rc = buf_append_byte(out, '\n');
		text = slice_from(text, (size_t)end + 2);
	}
	return rc;
}

static double seconds_so_far(const struct export *ex)
{
	return (double)(clock_monotonic_ns() - ex->began_ns) / 1e9;
}

static void show(struct export *ex)
{
	char bytes[32];
	int64_t now = clock_monotonic_ns();
	if (!ex->shows || now - ex->shown_ns < SHOW_EVERY_NS)
		return;
	ex->shown_ns = now;
	fprintf(stderr, "\r%llu messages, %s, %.0f a second   ", (unsigned long long)ex->messages,
	        cli_bytes((long long)ex->message_bytes, bytes),
	        (double)ex->messages / seconds_so_far(ex));
}

/* --- messages --------------------------------------------------------------------------- */

static void finish_message(struct export *ex)
{
	const struct export_message m = {
		.folder = ex->folder,
		.uid = (uint32_t)cli_item_number(ex->item, "uid"),
		.at_ms = cli_item_number(ex->item, "at_ms"),
		.flags = (unsigned)cli_item_number(ex->item, "flags"),
		.keywords = json_object_get(ex->item, "keywords"),
		.bytes = buf_slice(&ex->bytes),
	};
	int rc = ex->rc < 0 ? ex->rc : ex->writer->message(ex, &m);
	if (rc == 1)
		ex->skipped++;
	if (rc == 0) {
		ex->messages++;
		ex->message_bytes += m.bytes.len;
	}
	if (rc < 0)
		ex->rc = rc;
	json_decref(ex->item);
	ex->item = NULL;
	arena_reset(ex->scratch);
	buf_clear(&ex->bytes);
	show(ex);
}

/* The bytes of a message come behind its item; one without is of no bytes, or damaged. */
static void take_item(const json_t *item, void *arg)
{
	struct export *ex = arg;
	const char *error = cli_item_text(item, "error");
	if (error[0]) {
		ex->failed++;
		fprintf(stderr, "veredus: %s, UID %lld: %s\n", ex->folder->name,
		        cli_item_number(item, "uid"), error);
		return;
	}
	ex->item = json_incref((json_t *)(uintptr_t)item);
	if (cli_item_number(item, "body_bytes") == 0)
		finish_message(ex);
}

static void take_bytes(struct slice piece, void *arg)
{
	struct export *ex = arg;
	if (buf_append(&ex->bytes, piece) < 0)
		ex->rc = -EFBIG;
	if (ex->bytes.len >= (size_t)cli_item_number(ex->item, "body_bytes"))
		finish_message(ex);
}

/* --- folders ---------------------------------------------------------------------------- */

static int export_folder(struct export *ex, const json_t *folder)
{
	const struct cli_answer answer = { .item = take_item, .bytes = take_bytes, .arg = ex };
	const struct export_folder f = {
		.name = cli_item_text(folder, "folder"),
		.uid_validity = (uint32_t)cli_item_number(folder, "uid_validity"),
		.subscribed = json_is_true(json_object_get(folder, "subscribed")),
	};
	arena_reset(ex->arena);
	ex->folder = &f;
	ex->folder_count++;
	ex->rc = ex->writer->begin(ex, &f);
	int status = CLI_OK;
	if (ex->rc == 0)
		status = cli_link_call(
			ex->link, "export.get",
			json_pack("{s:s, s:s}", "address", ex->address, "folder", f.name), NULL, 0,
			&answer);
	int rc = ex->writer->end(ex, &f);
	if (ex->rc == 0)
		ex->rc = rc;
	if (ex->rc == -ENAMETOOLONG) { /* the others can be written */
		ex->failed++;
		fprintf(stderr, "veredus: folder %s: no file can have such a name\n", f.name);
		return status;
	}
	if (ex->rc < 0)
		return cli_fail("%s: folder %s: %s", ex->path, f.name, strerrordesc_np(-ex->rc));
	return status;
}

/* Is it the one that is asked for, or below that? */
static bool is_wanted(const struct export *ex, const char *name)
{
	const char *wanted = cli_text(ex->cli, "folder");
	struct slice folder = slice_from_str(name), above = slice_from_str(wanted);
	if (!wanted || slice_equal(folder, above))
		return true;
	return slice_starts_with(folder, above) && folder.data[above.len] == '/';
}

static void take_folder(const json_t *item, void *arg)
{
	json_array_append(((struct export *)arg)->folders, (json_t *)(uintptr_t)item);
}

static int export_all(struct export *ex)
{
	const struct cli_answer answer = { .item = take_folder, .arg = ex };
	size_t index;
	json_t *folder;
	int status = cli_link_call(ex->link, "export.folders",
	                           json_pack("{s:s}", "address", ex->address), NULL, 0, &answer);
	json_array_foreach(ex->folders, index, folder)
	{
		if (status == CLI_OK && is_wanted(ex, cli_item_text(folder, "folder")))
			status = export_folder(ex, folder);
	}
	if (status == CLI_OK && ex->folder_count == 0)
		status = cli_fail("%s has no folder %s", ex->address, cli_text(ex->cli, "folder"));
	return status;
}

static void print_result(const struct export *ex)
{
	char bytes[32];
	double seconds = seconds_so_far(ex);
	if (cli_has(ex->cli, "json")) {
		json_t *all = json_pack("{s:I, s:I, s:I, s:I, s:I, s:f}", "messages",
		                        (json_int_t)ex->messages, "folders",
		                        (json_int_t)ex->folder_count, "skipped",
		                        (json_int_t)ex->skipped, "failed", (json_int_t)ex->failed,
		                        "bytes", (json_int_t)ex->message_bytes, "seconds", seconds);
		json_dumpf(all, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
		putchar('\n');
		json_decref(all);
		return;
	}
	printf("%llu messages of %llu folders written, %llu there already, %llu failed; %s in %.1f "
	       "s\n",
	       (unsigned long long)ex->messages, (unsigned long long)ex->folder_count,
	       (unsigned long long)ex->skipped, (unsigned long long)ex->failed,
	       cli_bytes((long long)ex->message_bytes, bytes), seconds);
}

int export_run(struct cli *cli, const struct export_writer *writer, void *context)
{
	struct export ex = { .cli = cli,
		             .writer = writer,
		             .context = context,
		             .address = cli->words[0],
		             .path = cli->words[1],
		             .arena = arena_new(),
		             .scratch = arena_new(),
		             .folders = json_array(),
		             .bytes = buf_make(MESSAGE_MAX_BYTES),
		             .began_ns = clock_monotonic_ns(),
		             .shows = isatty(STDERR_FILENO) };
	int status = cli_link_open(cli, &ex.link);
	/* After the link, which may have made us the user of the data directory. */
	if (status == CLI_OK && mkdir(ex.path, 0700) < 0 && errno != EEXIST)
		status = cli_fail("%s: %s", ex.path, strerrordesc_np(errno));
	if (status == CLI_OK)
		status = export_all(&ex);
	if (status == CLI_OK) {
		if (ex.shows)
			fputc('\n', stderr);
		print_result(&ex);
	}
	cli_link_close(ex.link);
	json_decref(ex.folders);
	json_decref(ex.item);
	buf_free(&ex.bytes);
	arena_free(ex.arena);
	arena_free(ex.scratch);
	return status == CLI_OK && ex.failed > 0 ? CLI_FOUND : status;
}
