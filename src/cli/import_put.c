#include <errno.h>
#include <unistd.h>

#include "admin/admin.h"
#include "base/clock.h"
#include "cli/import.h"
#include "config/config_options.h"

enum {
	LINE_MAX_BYTES = 40 * 1024, /* of the messages in a request; ADMIN_LINE_MAX is more */
	ITEM_BYTES = 120,           /* of one, about, without its key and keywords */
	SHOW_EVERY_NS = 1000000000,
	MESSAGE_MAX_BYTES = 128 << 20,
};

/* --- progress --------------------------------------------------------------------------------- */

static double seconds_so_far(const struct import *im)
{
	return (double)(clock_monotonic_ns() - im->began_ns) / 1e9;
}

void import_show(struct import *im)
{
	char bytes[32], rate[32];
	int64_t now = clock_monotonic_ns();
	if (!im->shows || now - im->shown_ns < SHOW_EVERY_NS)
		return;
	im->shown_ns = now;
	double seconds = seconds_so_far(im);
	uint64_t count = im->imported + im->duplicates + im->known;
	fprintf(stderr, "\r%llu messages, %s, %.0f a second, %s a second",
	        (unsigned long long)count, cli_bytes((long long)im->message_total_bytes, bytes),
	        (double)count / seconds,
	        cli_bytes((long long)((double)im->message_total_bytes / seconds), rate));
	if (im->expected_bytes > 0)
		fprintf(stderr, ", %.0f %% of the source",
		        100.0 * (double)im->read_bytes / (double)im->expected_bytes);
	fputs("   ", stderr);
}

void import_note_failure(struct import *im, const char *what, const char *why)
{
	im->failed++;
	fprintf(stderr, "%sveredus: %s: %s\n", im->shows ? "\r" : "", what, why);
}

/* --- the way into the store ---------------------------------------------------------------- */

int import_begin(struct cli *cli, struct import *out)
{
	const char *max = cli_text(cli, "max-message");
	uint64_t message_bytes = MESSAGE_MAX_BYTES;
	if (max && (!config_parse_size(slice_from_str(max), &message_bytes) ||
	            message_bytes > MESSAGE_MAX_BYTES))
		return cli_usage(cli, "--max-message is a size up to 128M");
	*out = (struct import){ .cli = cli,
		                .address = cli->words[0],
		                .again = cli_has(cli, "again"),
		                .message_bytes = message_bytes,
		                .arena = arena_new(),
		                .bytes = buf_make(IMPORT_BATCH_BYTES + message_bytes),
		                .messages = json_array(),
		                .began_ns = clock_monotonic_ns(),
		                .shows = isatty(STDERR_FILENO) };
	int status = cli_link_open(cli, &out->link);
	return status == CLI_OK ? CLI_OK : import_end(out, status);
}

static json_t *new_request(const struct import *im)
{
	return json_pack("{s:s, s:o}", "address", im->address, "source",
	                 admin_json_text(slice_from_str(im->source)));
}

static int forget(struct import *im)
{
	const struct cli_answer none = { .item = NULL };
	return cli_link_call(im->link, "import.forget", new_request(im), NULL, 0, &none);
}

void import_clean_name(char *name)
{
	bool is_utf8 = slice_is_utf8(slice_from_str(name));
	char *to = name;
	for (const char *from = name; *from != '\0'; from++) {
		unsigned char c = (unsigned char)*from;
		if (c == '/' && (to == name || to[-1] == '/'))
			continue;
		bool is_bad = c < ' ' || c == 0x7f || c == '*' || c == '%' ||
		              (c >= 0x80 && !is_utf8);
		*to++ = is_bad ? '_' : *from;
	}
	while (to > name && to[-1] == '/')
		to--;
	*to = '\0';
}

int import_folder(struct import *im, const char *folder, const char *source)
{
	int status = import_flush(im);
	if (status != CLI_OK)
		return status;
	/* Those of the folder before are not used any more. */
	arena_reset(im->arena);
	im->folder = arena_str(im->arena, slice_from_str(folder));
	im->source = arena_str(im->arena, slice_from_str(source));
	return im->again ? forget(im) : CLI_OK;
}

static void take_counts(const json_t *item, void *arg)
{
	struct import *im = arg;
	im->imported += (uint64_t)cli_item_number(item, "imported");
	im->duplicates += (uint64_t)cli_item_number(item, "duplicates");
	im->known += (uint64_t)cli_item_number(item, "known");
}

int import_flush(struct import *im)
{
	const struct cli_answer counts = { .item = take_counts, .arg = im };
	if (json_array_size(im->messages) == 0 && !im->state)
		return CLI_OK;
	json_t *request = new_request(im);
	struct slice body = buf_slice(&im->bytes);
	json_object_set_new(request, "folder", admin_json_text(slice_from_str(im->folder)));
	json_object_set_new(request, "messages", im->messages);
	if (im->state)
		json_object_set_new(request, "state", json_string(im->state));
	int status = cli_link_call(im->link, "import.put", request, &body, 1, &counts);
	im->messages = json_array();
	im->line_bytes = 0;
	free(im->state);
	im->state = NULL;
	buf_clear(&im->bytes);
	/* A large message is rare, its memory is not kept. */
	if (im->bytes.capacity > 2 * IMPORT_BATCH_BYTES)
		buf_free(&im->bytes);
	import_show(im);
	return status;
}

int import_add(struct import *im, const struct import_message *m)
{
	json_t *item = json_pack("{s:I, s:I, s:i}", "bytes", (json_int_t)m->bytes.len, "at_ms",
	                         (json_int_t)m->at_ms, "flags", (int)m->flags);
	int status = CLI_OK;
	if (im->bytes.len + m->bytes.len > IMPORT_BATCH_BYTES ||
	    json_array_size(im->messages) == IMPORT_BATCH_MESSAGES ||
	    im->line_bytes > LINE_MAX_BYTES)
		status = import_flush(im);
	if (m->keywords && json_array_size(m->keywords) > 0) {
		im->line_bytes += json_array_size(m->keywords) * ITEM_BYTES;
		json_object_set(item, "keywords", m->keywords);
	}
	json_decref(m->keywords);
	if (m->key) {
		/* In the request each byte may become six: \u00ff. */
		im->line_bytes += strlen(m->key) * 6;
		json_object_set_new(item, "key", admin_json_text(slice_from_str(m->key)));
	}
	if (m->uid)
		json_object_set_new(item, "uid", json_integer(m->uid));
	im->line_bytes += ITEM_BYTES;
	im->message_total_bytes += m->bytes.len;
	buf_append(&im->bytes, m->bytes);
	json_array_append_new(im->messages, item);
	return status;
}

void import_keep_state(struct import *im, const char *state)
{
	free(im->state);
	im->state = mem_str(slice_from_str(state));
}

/* --- what is remembered ----------------------------------------------------------------- */

static void take_state(const json_t *item, void *arg)
{
	struct import *im = arg;
	free(im->state);
	im->state = mem_str(slice_from_str(cli_item_text(item, "state")));
}

int import_load_state(struct import *im, const char **out)
{
	const struct cli_answer answer = { .item = take_state, .arg = im };
	int status = cli_link_call(im->link, "import.state", new_request(im), NULL, 0, &answer);
	*out = arena_str(im->arena, slice_from_str(im->state));
	free(im->state);
	im->state = NULL;
	return status;
}

static void take_known(const json_t *item, void *arg)
{
	size_t index;
	json_t *value;
	bool *known = arg;
	json_array_foreach(json_object_get(item, "known"), index, value)
	{
		if (index < IMPORT_KEYS_AT_ONCE)
			known[index] = json_is_true(value);
	}
}

static int ask_some(struct import *im, const char *const *keys, size_t count, bool *known_out)
{
	bool known[IMPORT_KEYS_AT_ONCE] = { false };
	const struct cli_answer answer = { .item = take_known, .arg = known };
	json_t *request = new_request(im), *list = json_array();
	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, admin_json_text(slice_from_str(keys[i])));
	json_object_set_new(request, "keys", list);
	int status = cli_link_call(im->link, "import.known", request, NULL, 0, &answer);
	memcpy(known_out, known, count * sizeof(*known));
	return status;
}

int import_ask_known(struct import *im, const char *const *keys, size_t count, bool *known_out)
{
	int status = CLI_OK;
	for (size_t at = 0; at < count && status == CLI_OK;) {
		size_t some = 0, bytes = 0;
		while (at + some < count && some < IMPORT_KEYS_AT_ONCE && bytes < LINE_MAX_BYTES)
			bytes += strlen(keys[at + some++]) * 6 + 4;
		status = ask_some(im, keys + at, some, known_out + at);
		at += some;
	}
	return status;
}

/* --- the end ---------------------------------------------------------------------------- */

static void print_result(const struct import *im)
{
	char bytes[32];
	double seconds = seconds_so_far(im);
	if (cli_has(im->cli, "json")) {
		json_t *all = json_pack(
			"{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f}", "imported",
			(json_int_t)im->imported, "duplicates", (json_int_t)im->duplicates, "known",
			(json_int_t)im->known, "failed", (json_int_t)im->failed, "flags_changed",
			(json_int_t)im->flags_changed, "removed", (json_int_t)im->removed,
			"settings", (json_int_t)im->settings, "bytes",
			(json_int_t)im->message_total_bytes, "seconds", seconds, "rate",
			(double)im->imported / seconds);
		json_dumpf(all, stdout, JSON_COMPACT | JSON_REAL_PRECISION(6));
		putchar('\n');
		json_decref(all);
		return;
	}
	if (im->flags_changed > 0)
		printf("%llu have other flags now\n", (unsigned long long)im->flags_changed);
	if (im->settings > 0)
		printf("%llu settings brought back\n", (unsigned long long)im->settings);
	if (im->removed > 0)
		printf("%llu were deleted there and are deleted here\n",
		       (unsigned long long)im->removed);
	printf("%llu imported, %llu duplicates, %llu known from before, %llu failed; %s in %.1f "
	       "s\n",
	       (unsigned long long)im->imported, (unsigned long long)im->duplicates,
	       (unsigned long long)im->known, (unsigned long long)im->failed,
	       cli_bytes((long long)im->message_total_bytes, bytes), seconds);
}

int import_end(struct import *im, int status)
{
	if (status == CLI_OK)
		status = import_flush(im);
	if (im->link) {
		if (im->shows)
			fputc('\n', stderr);
		print_result(im);
	}
	cli_link_close(im->link);
	json_decref(im->messages);
	buf_free(&im->bytes);
	free(im->state);
	arena_free(im->arena);
	return status == CLI_OK && im->failed > 0 ? CLI_FOUND : status;
}
