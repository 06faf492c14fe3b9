/* Media types by file name. */
#include "message/build.h"

struct slice draft_type_of(struct slice name)
{
	static const struct {
		char ending[6];
		const char *type;
	} types[] = {
		{ "7z", "application/x-7z-compressed" },
		{ "csv", "text/csv" },
		{ "css", "text/css" },
		{ "doc", "application/msword" },
		{ "docx",
		  "application/vnd.openxmlformats-officedocument.wordprocessingml.document" },
		{ "eml", "message/rfc822" },
		{ "gif", "image/gif" },
		{ "gz", "application/gzip" },
		{ "htm", "text/html" },
		{ "html", "text/html" },
		{ "ics", "text/calendar" },
		{ "jpeg", "image/jpeg" },
		{ "jpg", "image/jpeg" },
		{ "json", "application/json" },
		{ "log", "text/plain" },
		{ "md", "text/markdown" },
		{ "mov", "video/quicktime" },
		{ "mp3", "audio/mpeg" },
		{ "mp4", "video/mp4" },
		{ "odp", "application/vnd.oasis.opendocument.presentation" },
		{ "ods", "application/vnd.oasis.opendocument.spreadsheet" },
		{ "odt", "application/vnd.oasis.opendocument.text" },
		{ "ogg", "audio/ogg" },
		{ "patch", "text/x-diff" },
		{ "pdf", "application/pdf" },
		{ "png", "image/png" },
		{ "ppt", "application/vnd.ms-powerpoint" },
		{ "pptx",
		  "application/vnd.openxmlformats-officedocument.presentationml.presentation" },
		{ "ps", "application/postscript" },
		{ "rtf", "application/rtf" },
		{ "svg", "image/svg+xml" },
		{ "tar", "application/x-tar" },
		{ "tgz", "application/gzip" },
		{ "txt", "text/plain" },
		{ "vcf", "text/vcard" },
		{ "wav", "audio/wav" },
		{ "webm", "video/webm" },
		{ "webp", "image/webp" },
		{ "xls", "application/vnd.ms-excel" },
		{ "xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet" },
		{ "xml", "application/xml" },
		{ "zip", "application/zip" },
	};
	ptrdiff_t dot = slice_find_last_byte(name, '.');
	struct slice ending = dot < 0 ? SLICE_EMPTY : slice_from(name, (size_t)dot + 1);
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (slice_equal_nocase(ending, slice_from_str(types[i].ending)))
			return slice_from_str(types[i].type);
	return SLICE("application/octet-stream");
}
