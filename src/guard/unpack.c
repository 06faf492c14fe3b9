#include "guard/unpack.h"

#include <archive.h>
#include <archive_entry.h>

#include "base/buf.h"

enum { STEP = 4 * 1024 };

/* Only what the beginning of the file says it is: the library tries all that it was told of. */
static void support(struct archive *a, enum sniff_kind kind)
{
	switch (kind) {
	case SNIFF_ZIP:
		archive_read_support_format_zip(a);
		break;
	case SNIFF_7Z:
		archive_read_support_format_7zip(a);
		break;
	case SNIFF_RAR:
		archive_read_support_format_rar(a);
		archive_read_support_format_rar5(a);
		break;
	case SNIFF_CAB:
		archive_read_support_format_cab(a);
		break;
	case SNIFF_ISO:
		archive_read_support_format_iso9660(a);
		break;
	default:
		archive_read_support_filter_gzip(a);
		archive_read_support_filter_bzip2(a);
		archive_read_support_filter_xz(a);
		archive_read_support_filter_zstd(a);
		archive_read_support_format_tar(a);
		if (kind != SNIFF_TAR)
			archive_read_support_format_raw(a);
		break;
	}
}

/* All of it, so that nothing is unpacked that is not counted: to pass over a member of a solid
 * archive costs as much as to read it, and a directory or a link may have bytes, too. */
static bool read_member(struct archive *a, struct unpack_budget *budget, struct buf *out,
                        struct unpack_result *result)
{
	char step[STEP];
	ssize_t got;
	while ((got = archive_read_data(a, step, sizeof(step))) > 0) {
		result->bytes += (uint64_t)got;
		if ((uint64_t)got > budget->bytes) {
			result->beyond = true;
			budget->bytes = 0;
			return false;
		}
		budget->bytes -= (uint64_t)got;
		if (out && buf_append(out, slice_of(step, (size_t)got)) < 0)
			return false;
	}
	result->damaged |= got < 0;
	return true;
}

static bool look_at(struct archive *a, struct archive_entry *entry, struct unpack_budget *budget,
                    unpack_visit visit, void *arg, struct unpack_result *result)
{
	const char *name = archive_entry_pathname(entry);
	struct buf bytes = buf_make(budget->bytes);
	struct unpack_member member = {
		.name = archive_format(a) == ARCHIVE_FORMAT_RAW ? SLICE_EMPTY
		                                                : slice_from_str(name),
	};
	bool goes_on = true;
	bool is_file = archive_entry_filetype(entry) == AE_IFREG ||
	               archive_entry_filetype(entry) == 0;
	bool is_encrypted = archive_entry_is_encrypted(entry);
	result->encrypted |= is_encrypted;
	if (!is_encrypted)
		goes_on = read_member(a, budget, is_file ? &bytes : NULL, result);
	member.bytes = buf_slice(&bytes);
	if (is_file)
		visit(arg, &member);
	buf_free(&bytes);
	return goes_on;
}

void unpack_each(struct slice bytes, enum sniff_kind kind, struct unpack_budget *budget,
                 unpack_visit visit, void *arg, struct unpack_result *out)
{
	struct archive *a = archive_read_new();
	struct archive_entry *entry;
	*out = (struct unpack_result){ .bytes = 0 };
	support(a, kind);
	int rc = archive_read_open_memory(a, bytes.data, bytes.len);
	bool is_open = rc == ARCHIVE_OK;
	while (rc == ARCHIVE_OK) {
		rc = archive_read_next_header(a, &entry);
		/* A warning is a name in letters that we can't write. */
		if (rc == ARCHIVE_WARN)
			rc = ARCHIVE_OK;
		if (rc != ARCHIVE_OK)
			break;
		if (budget->members == 0) {
			out->beyond = true;
			break;
		}
		budget->members--;
		if (!look_at(a, entry, budget, visit, arg, out))
			break;
	}
	/* Of what it has not recognized the library must not be asked (3.6.2 crashes then). */
	out->encrypted |= is_open && archive_read_has_encrypted_entries(a) > 0;
	out->damaged |= rc != ARCHIVE_OK && rc != ARCHIVE_EOF && !out->encrypted;
	archive_read_free(a);
}
