/* What a file is, by its first bytes: only what matters for deciding whether it should be let in.
 * Our own small table, as this is done to everything that strangers send. Pure. */
#ifndef VEREDUS_GUARD_SNIFF_H
#define VEREDUS_GUARD_SNIFF_H

#include "base/slice.h"

enum sniff_kind {
	SNIFF_UNKNOWN,
	/* Programs. */
	SNIFF_PE,
	SNIFF_DOS,
	SNIFF_ELF,
	SNIFF_MACHO,
	SNIFF_JAVA,
	SNIFF_DEX,
	SNIFF_SWF,
	SNIFF_HTA,
	SNIFF_SCRIPT, /* "#!" */
	SNIFF_LINK,   /* of Windows, which may run anything */
	SNIFF_HELP,   /* likewise: CHM */
	/* What may have something in it. */
	SNIFF_OLE,
	SNIFF_ZIP,
	SNIFF_7Z,
	SNIFF_RAR,
	SNIFF_TAR,
	SNIFF_CAB,
	SNIFF_ISO,
	SNIFF_GZIP,
	SNIFF_BZIP2,
	SNIFF_XZ,
	SNIFF_ZSTD,
	SNIFF_PDF,
	SNIFF_RTF,
	SNIFF_HTML,
	SNIFF_ONENOTE,
	/* What is just looked at or listened to. */
	SNIFF_IMAGE,
	SNIFF_MEDIA,
	SNIFF_KINDS
};

enum sniff_kind sniff(struct slice bytes);
/* "PE program", "ZIP archive" */
const char *sniff_name(enum sniff_kind kind);
bool sniff_is_program(enum sniff_kind kind);
/* Can libarchive look into it? */
bool sniff_is_archive(enum sniff_kind kind);

/* Something else begins elsewhere in a file of this kind, so that another program takes it for
 * another file: an archive at its end, a PDF or HTML behind its beginning. SNIFF_UNKNOWN: no. */
enum sniff_kind sniff_second(struct slice bytes, enum sniff_kind kind);

#endif
