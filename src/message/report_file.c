#include "message/report_file.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <zlib.h>

#include "base/buf.h"

enum { GZIP = 16, STEP = 4 * 1024 }; /* GZIP: added to the window's bits */

int report_pack(struct arena *arena, struct slice text, struct slice *out)
{
	z_stream z = { .next_in = (unsigned char *)text.data, .avail_in = (unsigned)text.len };
	if (text.len > UINT32_MAX || deflateInit2(&z, Z_BEST_COMPRESSION, Z_DEFLATED,
	                                          MAX_WBITS + GZIP, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	size_t room = deflateBound(&z, (unsigned long)text.len);
	unsigned char *bytes = arena_alloc(arena, room);
	z.next_out = bytes;
	z.avail_out = (unsigned)room;
	int rc = deflate(&z, Z_FINISH);
	*out = slice_of(bytes, room - z.avail_out);
	deflateEnd(&z);
	return rc == Z_STREAM_END ? 0 : -ENOMEM;
}

static int read_file(struct archive *a, struct buf *out)
{
	char step[STEP];
	ssize_t got;
	while ((got = archive_read_data(a, step, sizeof(step))) > 0) {
		if (buf_append(out, slice_of(step, (size_t)got)) < 0)
			return -ENOBUFS;
	}
	return got == 0 ? 0 : -EINVAL;
}

/* Neither packed nor an archive: the library would take it for a file as it is. */
static bool is_bare(struct archive *a)
{
	return archive_format(a) == ARCHIVE_FORMAT_RAW && archive_filter_count(a) < 2;
}

int report_unpack(struct arena *arena, struct slice bytes, size_t max, struct slice *out)
{
	struct archive_entry *entry;
	struct archive *a = archive_read_new();
	struct buf text = buf_make(max);
	archive_read_support_filter_gzip(a);
	archive_read_support_format_zip(a);
	archive_read_support_format_raw(a);
	int rc = -EINVAL;
	if (archive_read_open_memory(a, bytes.data, bytes.len) == ARCHIVE_OK &&
	    archive_read_next_header(a, &entry) == ARCHIVE_OK && !is_bare(a))
		rc = read_file(a, &text);
	archive_read_free(a);
	if (rc == 0)
		*out = arena_copy(arena, buf_slice(&text));
	buf_free(&text);
	return rc;
}

struct slice report_shown(struct arena *arena, struct slice text)
{
	text = slice_sub(text, 0, text.len < REPORT_SHOWN_MAX ? text.len : REPORT_SHOWN_MAX);
	char *out = arena_alloc(arena, text.len + 1);
	for (size_t i = 0; i < text.len; i++)
		out[i] = text.data[i] >= ' ' && text.data[i] < 0x7f ? text.data[i] : '?';
	return slice_of(out, text.len);
}
