#include "guard/attachment_name.h"

enum { SPACES_MAX = 8, BIT_ANY = 0 };

#define BIT(kind) (UINT32_C(1) << (kind))
#define ARCHIVES                                                                                   \
	(BIT(SNIFF_ZIP) | BIT(SNIFF_7Z) | BIT(SNIFF_RAR) | BIT(SNIFF_TAR) | BIT(SNIFF_CAB) |       \
	 BIT(SNIFF_ISO) | BIT(SNIFF_GZIP) | BIT(SNIFF_BZIP2) | BIT(SNIFF_XZ) | BIT(SNIFF_ZSTD))
/* Office programs open all of these, whatever they are called. */
#define OFFICE (BIT(SNIFF_OLE) | BIT(SNIFF_ZIP) | BIT(SNIFF_RTF) | BIT(SNIFF_HTML))

static const struct extension {
	const char *names; /* separated by spaces */
	enum name_class class;
	uint32_t accepted;
} extensions[] = {
	{ "exe com scr pif cpl dll sys ocx msi msp mst msix appx msc jar apk xll gadget "
	  "application vhd "
	  "vhdx dmg pkg deb rpm run ade adp mde reg inf chm hlp",
	  NAME_PROGRAM, BIT_ANY },
	{ "bat cmd ps1 psm1 psd1 js jse mjs vbs vbe vb ws wsf wsh wsc sct hta sh bash command py "
	  "pl rb",
	  NAME_SCRIPT, BIT_ANY },
	{ "lnk url website scf jnlp desktop library-ms search-ms settingcontent-ms appref-ms iqy "
	  "slk "
	  "diagcab theme webloc",
	  NAME_SHORTCUT, BIT_ANY },
	{ "html htm shtml xhtml mht mhtml svg", NAME_MARKUP, BIT(SNIFF_HTML) },
	{ "pdf", NAME_HARMLESS, BIT(SNIFF_PDF) },
	{ "doc docx docm dot dotx dotm xls xlsx xlsm xlsb xlt xltm ppt pptx pptm pps ppsx odt ods "
	  "odp",
	  NAME_HARMLESS, OFFICE },
	{ "rtf", NAME_HARMLESS, OFFICE },
	{ "jpg jpeg png gif bmp tif tiff webp ico", NAME_HARMLESS, BIT(SNIFF_IMAGE) },
	{ "mp3 mp4 m4a mov avi wav ogg flac mkv webm mpg mpeg", NAME_HARMLESS, BIT(SNIFF_MEDIA) },
	{ "txt csv log md ics vcf", NAME_HARMLESS, BIT(SNIFF_HTML) },
	{ "zip rar 7z gz tgz bz2 xz zst tar cab iso img", NAME_OTHER, ARCHIVES },
};

static bool has_word(const char *words, struct slice word)
{
	struct slice rest = slice_from_str(words);
	while (rest.len > 0)
		if (slice_equal_nocase(slice_split(&rest, ' '), word))
			return true;
	return false;
}

/* Windows does not see dots and spaces at the end. */
static struct slice without_end(struct slice name)
{
	while (name.len > 0 && (name.data[name.len - 1] == '.' || name.data[name.len - 1] == ' '))
		name.len--;
	return name;
}

/* *rest is what stands in front of it; empty: there is none. */
static struct slice last_extension(struct slice *rest)
{
	struct slice name = without_end(*rest);
	ptrdiff_t dot = slice_find_last_byte(name, '.');
	*rest = dot < 0 ? SLICE_EMPTY : slice_sub(name, 0, (size_t)dot);
	return dot < 0 ? SLICE_EMPTY : slice_from(name, (size_t)dot + 1);
}

static const struct extension *find(struct slice text)
{
	for (size_t i = 0; text.len > 0 && i < sizeof(extensions) / sizeof(extensions[0]); i++)
		if (has_word(extensions[i].names, text))
			return &extensions[i];
	return NULL;
}

enum name_class attachment_name_class(struct slice name, uint32_t *accepted_out)
{
	const struct extension *e = find(last_extension(&name));
	*accepted_out = e ? e->accepted : BIT_ANY;
	return e ? e->class : NAME_OTHER;
}

bool attachment_name_is_double(struct slice name)
{
	const struct extension *last = find(last_extension(&name));
	const struct extension *before = find(slice_trim(last_extension(&name)));
	return last && before && last->class != NAME_OTHER && last->class != NAME_HARMLESS &&
	       before->class == NAME_HARMLESS;
}

/* U+202A to U+202E and U+2066 to U+2069 change the direction of what follows, U+200B can't be seen.
 */
static bool is_turning(struct slice rest)
{
	unsigned char last = rest.len >= 3 ? (unsigned char)rest.data[2] : 0;
	if (slice_starts_with(rest, SLICE("\xE2\x80")))
		return (last >= 0xAA && last <= 0xAE) || last == 0x8B;
	return slice_starts_with(rest, SLICE("\xE2\x81")) && last >= 0xA6 && last <= 0xA9;
}

bool attachment_name_is_hidden(struct slice name)
{
	size_t spaces = 0;
	for (size_t i = 0; i < name.len; i++) {
		unsigned char c = (unsigned char)name.data[i];
		spaces = c == ' ' ? spaces + 1 : 0;
		if (c < ' ' || c == 0x7F || spaces > SPACES_MAX || is_turning(slice_from(name, i)))
			return true;
	}
	return false;
}
