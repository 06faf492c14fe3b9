#include "guard/sniff.h"

#include <stdint.h>

enum {
	TEXT_LOOKED_AT = 1024, /* for what markup begins with */
	MARKUP_LOOKED_AT = 256 * 1024,
	END_MAX = 22 + 65535,         /* of a ZIP archive: its last record and a comment */
	SECOND_LOOKED_AT = 16 * 1024, /* at both ends */
};

static const struct magic {
	size_t offset;
	struct slice bytes;
	enum sniff_kind kind;
} magics[] = {
#define MAGIC(offset, bytes, kind)                                                                 \
	{                                                                                          \
		offset, { bytes, sizeof(bytes) - 1 }, kind                                         \
	}
	MAGIC(0,
	      "\x7F"
	      "ELF",
	      SNIFF_ELF),
	MAGIC(0, "\xFE\xED\xFA\xCE", SNIFF_MACHO),
	MAGIC(0, "\xFE\xED\xFA\xCF", SNIFF_MACHO),
	MAGIC(0, "\xCE\xFA\xED\xFE", SNIFF_MACHO),
	MAGIC(0, "\xCF\xFA\xED\xFE", SNIFF_MACHO),
	MAGIC(0, "dex\n03", SNIFF_DEX),
	MAGIC(0, "#!", SNIFF_SCRIPT),
	MAGIC(0, "L\0\0\0\x01\x14\x02\0\0\0\0\0\xC0\0\0\0\0\0\0\x46", SNIFF_LINK),
	MAGIC(0, "ITSF", SNIFF_HELP),
	MAGIC(0, "\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", SNIFF_OLE),
	MAGIC(0, "PK\x03\x04", SNIFF_ZIP),
	MAGIC(0, "PK\x05\x06", SNIFF_ZIP),
	MAGIC(0, "PK00PK\x03\x04", SNIFF_ZIP),
	MAGIC(0, "7z\xBC\xAF\x27\x1C", SNIFF_7Z),
	MAGIC(0, "Rar!\x1A\x07", SNIFF_RAR),
	MAGIC(257, "ustar", SNIFF_TAR),
	MAGIC(0, "MSCF\0\0\0\0", SNIFF_CAB),
	MAGIC(32769, "CD001", SNIFF_ISO),
	MAGIC(0, "\x1F\x8B\x08", SNIFF_GZIP),
	MAGIC(0, "BZh", SNIFF_BZIP2),
	MAGIC(0,
	      "\xFD"
	      "7zXZ",
	      SNIFF_XZ),
	MAGIC(0, "\x28\xB5\x2F\xFD", SNIFF_ZSTD),
	MAGIC(0, "%PDF-", SNIFF_PDF),
	MAGIC(0, "{\\rt", SNIFF_RTF),
	MAGIC(0, "\xE4\x52\x5C\x7B\x8C\xD8\xA7\x4D\xAE\xB1\x53\x78\xD0\x29\x96\xD3", SNIFF_ONENOTE),
	MAGIC(0, "\x89PNG\r\n\x1A\n", SNIFF_IMAGE),
	MAGIC(0, "\xFF\xD8\xFF", SNIFF_IMAGE),
	MAGIC(0, "GIF87a", SNIFF_IMAGE),
	MAGIC(0, "GIF89a", SNIFF_IMAGE),
	MAGIC(0, "II*\0", SNIFF_IMAGE),
	MAGIC(0, "MM\0*", SNIFF_IMAGE),
	MAGIC(8, "WEBP", SNIFF_IMAGE),
	MAGIC(4, "ftyp", SNIFF_MEDIA),
	MAGIC(0, "ID3", SNIFF_MEDIA),
	MAGIC(0, "OggS", SNIFF_MEDIA),
	MAGIC(0, "fLaC", SNIFF_MEDIA),
	MAGIC(0, "\x1A\x45\xDF\xA3", SNIFF_MEDIA),
	MAGIC(8, "WAVE", SNIFF_MEDIA),
	MAGIC(8, "AVI ", SNIFF_MEDIA),
#undef MAGIC
};

static const char *const names[SNIFF_KINDS] = {
	[SNIFF_UNKNOWN] = "unknown",
	[SNIFF_PE] = "PE program",
	[SNIFF_DOS] = "DOS program",
	[SNIFF_ELF] = "ELF program",
	[SNIFF_MACHO] = "Mach-O program",
	[SNIFF_JAVA] = "Java class",
	[SNIFF_DEX] = "Android program",
	[SNIFF_SWF] = "Flash program",
	[SNIFF_HTA] = "HTML application",
	[SNIFF_SCRIPT] = "script",
	[SNIFF_LINK] = "Windows link",
	[SNIFF_HELP] = "Windows help",
	[SNIFF_OLE] = "OLE file",
	[SNIFF_ZIP] = "ZIP archive",
	[SNIFF_7Z] = "7z archive",
	[SNIFF_RAR] = "RAR archive",
	[SNIFF_TAR] = "tar archive",
	[SNIFF_CAB] = "CAB archive",
	[SNIFF_ISO] = "disk image",
	[SNIFF_GZIP] = "gzip",
	[SNIFF_BZIP2] = "bzip2",
	[SNIFF_XZ] = "xz",
	[SNIFF_ZSTD] = "zstd",
	[SNIFF_PDF] = "PDF",
	[SNIFF_RTF] = "RTF",
	[SNIFF_HTML] = "HTML",
	[SNIFF_ONENOTE] = "OneNote",
	[SNIFF_IMAGE] = "image",
	[SNIFF_MEDIA] = "sound or film",
};

const char *sniff_name(enum sniff_kind kind) { return names[kind < SNIFF_KINDS ? kind : 0]; }

bool sniff_is_program(enum sniff_kind kind) { return kind >= SNIFF_PE && kind <= SNIFF_HELP; }

bool sniff_is_archive(enum sniff_kind kind) { return kind >= SNIFF_ZIP && kind <= SNIFF_ZSTD; }

/* --- the beginning ------------------------------------------------------------------------ */

static uint32_t u32_at(struct slice bytes, size_t at)
{
	uint32_t value = 0;
	for (size_t i = 4; i > 0 && at + 4 <= bytes.len; i--)
		value = value << 8 | (unsigned char)bytes.data[at + i - 1];
	return value;
}

/* "MZ" may be the beginning of a word. */
static enum sniff_kind sniff_mz(struct slice bytes)
{
	if (slice_starts_with(slice_from(bytes, u32_at(bytes, 60)), SLICE("PE\0\0")))
		return SNIFF_PE;
	return bytes.len >= 64 && slice_find_byte(slice_sub(bytes, 0, 64), '\0') >= 0
	               ? SNIFF_DOS
	               : SNIFF_UNKNOWN;
}

/* Mach-O for several machines says how many, a Java class of which version it is. */
static enum sniff_kind sniff_cafebabe(struct slice bytes)
{
	struct slice count = slice_sub(bytes, 4, 4);
	if (!slice_starts_with(count, SLICE("\0\0\0")) || count.len < 4)
		return count.len == 4 ? SNIFF_JAVA : SNIFF_UNKNOWN;
	return (unsigned char)count.data[3] < 45 ? SNIFF_MACHO : SNIFF_JAVA;
}

/* "FWS", "CWS" or "ZWS", a version and a length, whose last byte is 0: three letters may be words.
 */
static bool is_flash(struct slice bytes)
{
	return bytes.len > 8 && slice_equal(slice_sub(bytes, 1, 2), SLICE("WS")) &&
	       (bytes.data[0] == 'F' || bytes.data[0] == 'C' || bytes.data[0] == 'Z') &&
	       (unsigned char)bytes.data[3] < 64 && bytes.data[7] == '\0';
}

static bool has_tag(struct slice text, struct slice tag)
{
	return slice_find_nocase(text, tag) >= 0;
}

static struct slice without_mark(struct slice bytes)
{
	struct slice text = slice_trim(bytes);
	return slice_starts_with(text, SLICE("\xEF\xBB\xBF")) ? slice_trim(slice_from(text, 3))
	                                                      : text;
}

static enum sniff_kind sniff_markup(struct slice bytes)
{
	static const char *const tags[] = { "<!doctype html", "<html", "<head", "<body",
		                            "<script",        "<svg",  "<meta" };
	struct slice text = without_mark(slice_sub(bytes, 0, TEXT_LOOKED_AT));
	if (text.len == 0 || text.data[0] != '<')
		return SNIFF_UNKNOWN;
	if (has_tag(slice_sub(bytes, 0, MARKUP_LOOKED_AT), SLICE("<hta:application")))
		return SNIFF_HTA;
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++)
		if (has_tag(text, slice_from_str(tags[i])))
			return SNIFF_HTML;
	return SNIFF_UNKNOWN;
}

enum sniff_kind sniff(struct slice bytes)
{
	if (slice_starts_with(bytes, SLICE("MZ")))
		return sniff_mz(bytes);
	if (slice_starts_with(bytes, SLICE("\xCA\xFE\xBA\xBE")))
		return sniff_cafebabe(bytes);
	if (is_flash(bytes))
		return SNIFF_SWF;
	for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
		if (slice_starts_with(slice_from(bytes, magics[i].offset), magics[i].bytes))
			return magics[i].kind;
	/* A bitmap says how long it is. */
	if (slice_starts_with(bytes, SLICE("BM")) && bytes.len > 26 && u32_at(bytes, 6) == 0)
		return SNIFF_IMAGE;
	return sniff_markup(bytes);
}

/* --- elsewhere ---------------------------------------------------------------------------- */

/* The last record of a ZIP archive, which readers look for from the end:
 *     "PK\5\6" 8*OCTET size offset comment-length comment */
static bool ends_with_zip(struct slice bytes)
{
	size_t skipped = bytes.len > END_MAX ? bytes.len - END_MAX : 0;
	struct slice tail = slice_from(bytes, skipped);
	for (size_t at = tail.len; at > 0; at--) {
		struct slice record = slice_from(tail, at - 1);
		if (record.data[0] != 'P' || record.len < 22 ||
		    !slice_starts_with(record, SLICE("PK\x05\x06")))
			continue;
		uint64_t end = (uint64_t)u32_at(record, 12) + u32_at(record, 16);
		return u32_at(record, 12) > 0 && end <= skipped + at - 1;
	}
	return false;
}

static bool has_markup(struct slice bytes)
{
	size_t behind = bytes.len > SECOND_LOOKED_AT ? bytes.len - SECOND_LOOKED_AT : 0;
	const struct slice ends[] = { slice_sub(bytes, 0, SECOND_LOOKED_AT),
		                      slice_from(bytes, behind) };
	for (size_t i = 0; i < 2; i++)
		if (has_tag(ends[i], SLICE("<script")) || has_tag(ends[i], SLICE("<html")) ||
		    has_tag(ends[i], SLICE("<hta:application")))
			return true;
	return false;
}

enum sniff_kind sniff_second(struct slice bytes, enum sniff_kind kind)
{
	/* A program with an archive behind it is one that unpacks itself. */
	bool is_held = kind == SNIFF_PDF || kind == SNIFF_IMAGE || kind == SNIFF_MEDIA ||
	               kind == SNIFF_HTML || kind == SNIFF_RTF || kind == SNIFF_GZIP;
	if (is_held && ends_with_zip(bytes))
		return SNIFF_ZIP;
	bool takes_pdf = kind != SNIFF_PDF && kind != SNIFF_TAR && kind != SNIFF_UNKNOWN;
	if (takes_pdf && kind != SNIFF_ZIP &&
	    slice_find(slice_sub(bytes, 0, TEXT_LOOKED_AT), SLICE("%PDF-")) >= 0)
		return SNIFF_PDF;
	if ((kind == SNIFF_IMAGE || kind == SNIFF_MEDIA) && has_markup(bytes))
		return SNIFF_HTML;
	return SNIFF_UNKNOWN;
}
