/* What runs in documents, and what can't be looked at. */
#include "guard/attachment_internal.h"
#include "guard/cfb.h"

enum {
	WORKBOOK_MAX = 256 * 1024, /* sheets are told at its beginning */
	WORD_HEAD_MAX = 512,
	BIFF_FILEPASS = 0x2F,
	BIFF_SHEET = 0x85,
	SHEET_OF_MACROS = 1,
	WORD_ENCRYPTED = 1, /* of the second byte of flags: [MS-DOC] 2.5.2 */
};

struct looking_in {
	struct attachment_looking *l;
	const struct attachment_file *file;
	struct cfb cfb;
};

/* --- compound files ----------------------------------------------------------------------- */

static unsigned number_at(struct slice s, size_t at)
{
	return at + 2 <= s.len ? (unsigned)(unsigned char)s.data[at] |
	                                 (unsigned)(unsigned char)s.data[at + 1] << 8
	                       : 0;
}

/* Of old Excel ([MS-XLS] 2.4): records of a kind and a length each. Sheets of macros are older than
 * VBA, and are run all the same. */
static void look_at_workbook(struct looking_in *in, const struct cfb_entry *entry)
{
	struct buf head = buf_make(WORKBOOK_MAX);
	cfb_read(&in->cfb, entry, &head);
	struct slice rest = buf_slice(&head);
	while (rest.len >= 4) {
		unsigned kind = number_at(rest, 0), len = number_at(rest, 2);
		struct slice data = slice_sub(rest, 4, len);
		if (kind == BIFF_FILEPASS)
			attachment_add(in->l, "encrypted", in->file->path, "Excel password");
		if (kind == BIFF_SHEET && data.len > 5 && data.data[5] == SHEET_OF_MACROS)
			attachment_add(in->l, "macro", in->file->path, "Excel 4 sheet");
		rest = slice_from(rest, 4 + (size_t)len);
	}
	buf_free(&head);
}

static void look_at_word(struct looking_in *in, const struct cfb_entry *entry)
{
	struct buf head = buf_make(WORD_HEAD_MAX);
	cfb_read(&in->cfb, entry, &head);
	if (head.len > 11 && (unsigned char)head.data[11] & WORD_ENCRYPTED)
		attachment_add(in->l, "encrypted", in->file->path, "Word password");
	buf_free(&head);
}

static bool is_named(const struct cfb_entry *entry, const char *name)
{
	return slice_equal_nocase(slice_from_str(entry->name), slice_from_str(name));
}

static bool look_at_entry(void *arg, const struct cfb_entry *entry)
{
	static const struct slice installer = { "\x84\x10\x0C\0\0\0\0\0\xC0\0\0\0\0\0\0\x46", 16 };
	static const struct {
		const char *name, *kind, *evidence;
	} known[] = {
		{ "VBA", "macro", "VBA" },
		{ "_VBA_PROJECT", "macro", "VBA" },
		{ "_VBA_PROJECT_CUR", "macro", "VBA" },
		{ "EncryptedPackage", "encrypted", "Office password" },
		{ "EncryptedSummary", "encrypted", "PowerPoint password" },
		{ "?Ole10Native", "active", "embedded file" },
	};
	struct looking_in *in = arg;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (is_named(entry, known[i].name))
			attachment_add(in->l, known[i].kind, in->file->path, known[i].evidence);
	if (slice_equal(entry->class_id, installer))
		attachment_add(in->l, "executable", in->file->path, "Windows installer");
	if (is_named(entry, "Workbook") || is_named(entry, "Book"))
		look_at_workbook(in, entry);
	if (is_named(entry, "WordDocument"))
		look_at_word(in, entry);
	return true;
}

static void look_at_ole(struct attachment_looking *l, const struct attachment_file *f)
{
	struct looking_in in = { .l = l, .file = f };
	if (cfb_open(f->bytes, &in.cfb))
		cfb_each(&in.cfb, look_at_entry, &in);
}

/* --- others ------------------------------------------------------------------------------- */

/* By words in what is not packed. */
struct sign {
	enum sniff_kind kind;
	struct slice word;
	const char *fact, *evidence;
};

#define SIGN(kind, word, fact, evidence)                                                           \
	{                                                                                          \
		kind, { word, sizeof(word) - 1 }, fact, evidence                                   \
	}
static const struct sign signs[] = {
	SIGN(SNIFF_PDF, "/Encrypt", "encrypted", "PDF password"),
	SIGN(SNIFF_PDF, "/JavaScript", "active", "JavaScript"),
	SIGN(SNIFF_PDF, "/JS", "active", "JavaScript"),
	SIGN(SNIFF_PDF, "/Launch", "active", "starts a program"),
	SIGN(SNIFF_PDF, "/EmbeddedFile", "active", "embedded file"),
	SIGN(SNIFF_RTF, "\\objdata", "active", "embedded object"),
	SIGN(SNIFF_RTF, "\\objupdate", "active", "object that loads itself"),
	/* FileDataStoreObject, [MS-ONESTORE] 2.6.13 */
	SIGN(SNIFF_ONENOTE, "\xE7\x16\xE3\xBD\x65\x26\x11\x45\xA4\xC4\x8D\x4D\x0B\x7A\x9E\xAC",
	     "active", "embedded file"),
};

/* "/JS" is no part of "/JSON". */
static bool has_sign(struct slice bytes, struct slice word)
{
	for (;;) {
		ptrdiff_t at = slice_find(bytes, word);
		if (at < 0)
			return false;
		bytes = slice_from(bytes, (size_t)at + word.len);
		if (bytes.len == 0 || !byte_is_alpha(bytes.data[0]) || word.data[0] != '/')
			return true;
	}
}

void attachment_look_inside(struct attachment_looking *l, const struct attachment_file *f)
{
	if (f->kind == SNIFF_OLE)
		look_at_ole(l, f);
	for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
		if (f->kind == signs[i].kind && has_sign(f->bytes, signs[i].word))
			attachment_add(l, signs[i].fact, f->path, signs[i].evidence);
}
