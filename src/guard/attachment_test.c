#include "guard/attachment.h"

#include <setjmp.h>
#include <stdarg.h>

#include <archive.h>
#include <archive_entry.h>
#include <cmocka.h>

#include "guard/attachment_name.h"
#include "guard/cfb.h"
#include "guard/sniff.h"

static const struct config_attachments limits = {
	.look = true, .max_depth = 3, .max_members = 20, .max_unpacked_bytes = 1048576
};

/* All facts, a line each. */
static const char *look(struct arena *arena, const char *name, const char *type, struct slice bytes)
{
	struct attachment_facts facts;
	struct buf all = buf_make(100000);
	attachment_look_at(arena, &limits, slice_from_str(name), slice_from_str(type), bytes,
	                   &facts);
	for (size_t i = 0; i < facts.count; i++) {
		assert_true(slice_starts_with(facts.items[i], SLICE("attachment=")));
		buf_printf(&all, "%.*s\n", SLICE_ARG(slice_from(facts.items[i], 11)));
	}
	const char *text = arena_str(arena, buf_slice(&all));
	buf_free(&all);
	return text;
}

#define PE                                                                                         \
	"MZ\x90\0\3\0\0\0\4\0\0\0\xFF\xFF\0\0\xB8\0\0\0\0\0\0\0\x40\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0" \
	"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x40\0\0\0PE\0\0"

/* --- what it is --------------------------------------------------------------------------- */

static void kinds(void **state)
{
	(void)state;
	assert_int_equal(sniff(SLICE(PE)), SNIFF_PE);
	assert_int_equal(sniff(SLICE("MZ stands for Mark Zbikowski, who is no program at all, and "
	                             "so this is a text")),
	                 SNIFF_UNKNOWN);
	assert_int_equal(sniff(SLICE("\xCA\xFE\xBA\xBE\0\0\0\x02")), SNIFF_MACHO);
	assert_int_equal(sniff(SLICE("\xCA\xFE\xBA\xBE\0\0\0\x41")), SNIFF_JAVA);
	assert_int_equal(sniff(SLICE("\xEF\xBB\xBF \n<!-- x --><HTML>")), SNIFF_HTML);
	assert_int_equal(sniff(SLICE("<head><HTA:Application id=x>")), SNIFF_HTA);
	assert_int_equal(sniff(SLICE("<p>Hello")), SNIFF_UNKNOWN);
	assert_int_equal(sniff(SLICE("#!/bin/sh\n")), SNIFF_SCRIPT);
	assert_int_equal(sniff(SLICE("FWS\x0A\x10\x20\0\0\x70")), SNIFF_SWF);
	assert_int_equal(sniff(SLICE("FWS is an abbreviation")), SNIFF_UNKNOWN);
	assert_int_equal(sniff(SLICE("")), SNIFF_UNKNOWN);
	assert_int_equal(sniff(SLICE("MZ")), SNIFF_UNKNOWN);
	for (int kind = 0; kind < SNIFF_KINDS; kind++)
		assert_non_null(sniff_name((enum sniff_kind)kind));
}

static void names(void **state)
{
	(void)state;
	uint32_t accepted;
	assert_int_equal(attachment_name_class(SLICE("a.EXE"), &accepted), NAME_PROGRAM);
	assert_int_equal(attachment_name_class(SLICE("a.js. . "), &accepted), NAME_SCRIPT);
	assert_int_equal(attachment_name_class(SLICE("exe"), &accepted), NAME_OTHER);
	assert_int_equal(attachment_name_class(SLICE("a.pdf"), &accepted), NAME_HARMLESS);
	assert_int_equal(accepted, 1u << SNIFF_PDF);
	assert_true(attachment_name_is_double(SLICE("invoice.pdf.exe")));
	assert_true(attachment_name_is_double(SLICE("invoice.PDF   .js")));
	assert_true(attachment_name_is_double(SLICE("a.doc.html")));
	assert_false(attachment_name_is_double(SLICE("a.tar.gz")));
	assert_false(attachment_name_is_double(SLICE("setup.1.exe")));
	assert_false(attachment_name_is_double(SLICE("a.pdf")));
	assert_true(attachment_name_is_hidden(SLICE("ann\xE2\x80\xAE"
	                                            "fdp.exe")));
	assert_true(attachment_name_is_hidden(SLICE("a.pdf                    .exe")));
	assert_true(attachment_name_is_hidden(SLICE("a\n.exe")));
	assert_false(attachment_name_is_hidden(SLICE("R\xC3\xA9sum\xC3\xA9 of Ann.pdf")));
}

static void claims(void **state)
{
	(void)state;
	struct arena *a = arena_new();
	assert_string_equal(look(a, "a.pdf", "application/pdf", SLICE("%PDF-1.4 x")), "");
	assert_string_equal(look(a, "photo.jpg", "image/jpeg", SLICE(PE)),
	                    "mismatch photo.jpg: PE program\nexecutable photo.jpg: PE program\n");
	assert_string_equal(look(a, "", "image/png", SLICE("%PDF-1.4 x")),
	                    "mismatch (no name): PDF\n");
	assert_string_equal(look(a, "a.png", "image/png", SLICE("\xFF\xD8\xFF really JPEG")), "");
	assert_string_equal(look(a, "a.pdf.scr", "", SLICE("x")),
	                    "executable a.pdf.scr: by its name\n"
	                    "double-extension a.pdf.scr: not what it looks like\n");
	assert_string_equal(look(a, "a\xE2\x80\xAE.lnk", "", SLICE("x")),
	                    "shortcut a???.lnk: by its name\n"
	                    "hidden-name a???.lnk: letters that hide its end\n");
	assert_string_equal(look(a, "a.svg", "image/svg+xml", SLICE("<svg><script>")),
	                    "html a.svg: by its name\n");
	arena_free(a);
}

static void signs(void **state)
{
	(void)state;
	struct arena *a = arena_new();
	assert_string_equal(look(a, "a.pdf", "", SLICE("%PDF-1.4 << /JSON /JavaScripts /Launcher")),
	                    "");
	assert_string_equal(look(a, "a.pdf", "", SLICE("%PDF-1.4 << /JSON /JS(x) /Encrypt 4 0 R")),
	                    "encrypted a.pdf: PDF password\nactive a.pdf: JavaScript\n");
	assert_string_equal(look(a, "a.doc", "", SLICE("{\\rtf1 {\\object\\objdata 01}}")),
	                    "active a.doc: embedded object\n");
	arena_free(a);
}

/* --- compound files ----------------------------------------------------------------------- */

enum { SECTOR = 512 };

static void put_number(char *at, uint32_t value, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		at[i] = (char)(value >> 8 * i & 0xFF);
}

static void put_entry(char *at, const char *name, char kind, uint32_t first, uint32_t len)
{
	size_t letters = strlen(name);
	for (size_t i = 0; i < letters; i++)
		at[2 * i] = name[i];
	put_number(at + 64, (uint32_t)(2 * letters + 2), 2);
	at[66] = kind;
	put_number(at + 116, first, 4);
	put_number(at + 120, len, 4);
}

/* Header, FAT (sector 0), directory (sector 1), and a stream of 4096 bytes in sectors 2 to 9. */
static struct slice make_cfb(struct arena *arena, const char *storage, const char *stream,
                             struct slice content)
{
	char *file = arena_zero(arena, 11, SECTOR);
	const struct slice magic = SLICE("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1");
	memcpy(file, magic.data, magic.len);
	put_number(file + 30, 9, 2);
	put_number(file + 44, 1, 4);
	put_number(file + 48, 1, 4);
	put_number(file + 56, 4096, 4);
	put_number(file + 68, UINT32_MAX - 1, 4);
	char *fat = file + SECTOR, *directory = file + 2 * SECTOR;
	put_number(fat + 4, UINT32_MAX - 1, 4);
	for (uint32_t i = 2; i < 9; i++)
		put_number(fat + 4 * i, i + 1, 4);
	put_number(fat + 36, UINT32_MAX - 1, 4);
	put_entry(directory, "Root Entry", 5, 0, 0);
	put_entry(directory + 128, storage, 1, 0, 0);
	put_entry(directory + 256, stream, 2, 2, 4096);
	memcpy(file + 3 * SECTOR, content.data, content.len);
	return slice_of(file, (size_t)11 * SECTOR);
}

static void compound_files(void **state)
{
	(void)state;
	struct arena *a = arena_new();
	assert_string_equal(look(a, "a.doc", "", make_cfb(a, "x", "y", SLICE_EMPTY)), "");
	assert_string_equal(look(a, "a.doc", "", make_cfb(a, "VBA", "y", SLICE_EMPTY)),
	                    "macro a.doc: VBA\n");
	assert_string_equal(
		look(a, "a.docx", "", make_cfb(a, "x", "EncryptedPackage", SLICE_EMPTY)),
		"encrypted a.docx: Office password\n");
	assert_string_equal(look(a, "a.doc", "", make_cfb(a, "x", "\1Ole10Native", SLICE_EMPTY)),
	                    "active a.doc: embedded file\n");
	assert_string_equal(look(a, "a.xls", "",
	                         make_cfb(a, "x", "Workbook",
	                                  SLICE("\x85\0\x09\0\0\0\0\0\0\1\1\0A\x2F\0\2\0\0\0"))),
	                    "macro a.xls: Excel 4 sheet\nencrypted a.xls: Excel password\n");
	assert_string_equal(
		look(a, "a.doc", "",
	             make_cfb(a, "x", "WordDocument", SLICE("\xEC\xA5\0\0\0\0\0\0\0\0\0\x1F"))),
		"encrypted a.doc: Word password\n");
	arena_free(a);
}

static bool count(void *arg, const struct cfb_entry *entry)
{
	(void)entry;
	*(size_t *)arg += 1;
	return true;
}

/* A directory that goes round, sectors that are not there: it ends, and nothing is found. */
static void compound_files_that_lie(void **state)
{
	(void)state;
	struct arena *a = arena_new();
	struct slice file = make_cfb(a, "VBA", "y", SLICE_EMPTY);
	char *bytes = (char *)file.data;
	struct cfb cfb;
	size_t entries = 0;
	put_number(bytes + SECTOR + 4, 1, 4);
	assert_true(cfb_open(file, &cfb));
	cfb_each(&cfb, count, &entries);
	assert_int_equal(entries, 3 * CFB_ENTRIES_MAX / 4);
	put_number(bytes + 48, 77, 4);
	entries = 0;
	assert_true(cfb_open(file, &cfb));
	cfb_each(&cfb, count, &entries);
	assert_int_equal(entries, 0);
	put_number(bytes + 30, 40, 2);
	assert_false(cfb_open(file, &cfb));
	assert_false(cfb_open(slice_sub(file, 0, 511), &cfb));
	arena_free(a);
}

/* --- archives ----------------------------------------------------------------------------- */

struct member {
	const char *name;
	struct slice bytes;
};

static struct slice pack(struct arena *arena, const char *format, const char *filter,
                         const char *password, const struct member *members, size_t n)
{
	struct archive *a = archive_write_new();
	size_t room = 1048576, used;
	for (size_t i = 0; i < n; i++)
		room += members[i].bytes.len + 2000;
	char *out = arena_alloc(arena, room);
	assert_int_equal(archive_write_set_format_by_name(a, format), ARCHIVE_OK);
	if (filter)
		assert_int_equal(archive_write_add_filter_by_name(a, filter), ARCHIVE_OK);
	if (password) {
		archive_write_set_options(a, "zip:encryption=aes256");
		archive_write_set_passphrase(a, password);
	}
	assert_int_equal(archive_write_open_memory(a, out, room, &used), ARCHIVE_OK);
	for (size_t i = 0; i < n; i++) {
		struct archive_entry *e = archive_entry_new();
		archive_entry_set_pathname(e, members[i].name);
		archive_entry_set_size(e, (la_int64_t)members[i].bytes.len);
		archive_entry_set_filetype(e, AE_IFREG);
		archive_entry_set_perm(e, 0644);
		assert_int_equal(archive_write_header(a, e), ARCHIVE_OK);
		archive_write_data(a, members[i].bytes.data, members[i].bytes.len);
		archive_entry_free(e);
	}
	archive_write_close(a);
	archive_write_free(a);
	return slice_of(out, used);
}

static void archives(void **state)
{
	(void)state;
	struct arena *a = arena_new();
	const struct member program = { "dir/setup.bin", SLICE(PE) };
	static const struct {
		const char *format, *filter, *name, *shown;
	} kinds_of[] = { { "zip", NULL, "a.zip", "ZIP archive" },
		         { "7zip", NULL, "a.7z", "7z archive" },
		         { "ustar", NULL, "a.tar", "tar archive" },
		         { "ustar", "gzip", "a.tgz", "gzip" },
		         { "ustar", "xz", "a.tar.xz", "xz" },
		         { "iso9660", NULL, "a.iso", "disk image" } };
	for (size_t i = 0; i < sizeof(kinds_of) / sizeof(kinds_of[0]); i++) {
		struct slice file = pack(a, kinds_of[i].format, kinds_of[i].filter, NULL, &program,
		                         1);
		const char *found = look(a, kinds_of[i].name, "", file);
		const char *name = kinds_of[i].name;
		assert_string_equal(found, arena_printf(a,
		                                        "executable %s/setup.bin: PE program\n"
		                                        "archive %s: %s\n",
		                                        name, name, kinds_of[i].shown));
	}
	struct slice raw = pack(a, "raw", "gzip", NULL, &(struct member){ "x", SLICE("x") }, 1);
	assert_string_equal(look(a, "a.js.gz", "", raw),
	                    "script a.js.gz/a.js: by its name\narchive a.js.gz: gzip\n");
	arena_free(a);
}

static void documents(void **state)
{
	(void)state;
	struct arena *a = arena_new();
	const struct member members[] = { { "[Content_Types].xml", SLICE("<?xml?>") },
		                          { "xl/vbaProject.bin", SLICE("x") },
		                          { "xl/macrosheets/sheet1.xml", SLICE("x") } };
	assert_string_equal(look(a, "a.xlsx", "", pack(a, "zip", NULL, NULL, members, 1)), "");
	assert_string_equal(look(a, "a.xlsx", "", pack(a, "zip", NULL, NULL, members, 2)),
	                    "macro a.xlsx: VBA\n");
	arena_free(a);
}

static void archives_that_hide(void **state)
{
	(void)state;
	struct arena *a = arena_new();
	const struct member text = { "a.txt", SLICE("Hello") };
	assert_string_equal(look(a, "a.zip", "", pack(a, "zip", NULL, "secret", &text, 1)),
	                    "archive a.zip: ZIP archive\nencrypted a.zip: password\n");
	struct slice whole = pack(a, "zip", NULL, NULL, &text, 1);
	assert_string_equal(look(a, "a.zip", "", slice_sub(whole, 0, 35)),
	                    "archive a.zip: ZIP archive\nunchecked a.zip: damaged\n");
	const struct slice no_tar[] = { slice_of(arena_zero(a, 1, 257), 257),
		                        SLICE("ustar is none") };
	assert_string_equal(look(a, "a.tar", "", arena_concat(a, no_tar, 2)),
	                    "archive a.tar: tar archive\nunchecked a.tar: damaged\n");
	/* It grows. */
	char *zeros = arena_zero(a, 2, 1048576);
	const struct member large = { "a.txt", slice_of(zeros, (size_t)2 * 1048576) };
	assert_string_equal(look(a, "a.zip", "", pack(a, "zip", NULL, NULL, &large, 1)),
	                    "archive a.zip: ZIP archive\n"
	                    "bomb a.zip: it becomes far larger than it is\n");
	/* Many. */
	struct member many[30];
	for (size_t i = 0; i < 30; i++)
		many[i] = (struct member){ arena_printf(a, "%zu.txt", i), SLICE("x") };
	assert_string_equal(look(a, "a.zip", "", pack(a, "zip", NULL, NULL, many, 30)),
	                    "archive a.zip: ZIP archive\nunchecked a.zip: too large\n");
	/* Deep. */
	struct slice inner = pack(a, "zip", NULL, NULL, &text, 1);
	for (int i = 0; i < 3; i++) {
		const struct member m = { "b.zip", inner };
		inner = pack(a, "zip", NULL, NULL, &m, 1);
	}
	assert_non_null(strstr(look(a, "a.zip", "", inner),
	                       "unchecked a.zip/b.zip/b.zip/b.zip: too deep\n"));
	arena_free(a);
}

/* A tar of one entry of another type than a file, which has bytes all the same: "D" of GNU tar. */
static struct slice tar_of_directory(struct arena *a, size_t size)
{
	char *tar = arena_zero(a, 512 + size, 1);
	unsigned sum = 0;
	memcpy(tar, "dir", 3);
	memcpy(tar + 100, "0000755", 7);
	memcpy(tar + 124, arena_printf(a, "%011zo", size), 11);
	memcpy(tar + 136, "00000000000", 11);
	memcpy(tar + 148, "        ", 8);
	tar[156] = 'D';
	memcpy(tar + 257, "ustar  ", 8);
	for (size_t i = 0; i < 512; i++)
		sum += (unsigned char)tar[i];
	memcpy(tar + 148, arena_printf(a, "%06o", sum), 7);
	return slice_of(tar, 512 + size);
}

static void what_is_no_file_counts(void **state)
{
	(void)state;
	struct arena *a = arena_new();
	const struct member tar = { "x", tar_of_directory(a, (size_t)2 * 1048576) };
	const struct member small = { "x", tar_of_directory(a, 512) };
	assert_string_equal(look(a, "a.tgz", "", pack(a, "raw", "gzip", NULL, &tar, 1)),
	                    "archive a.tgz: gzip\n"
	                    "bomb a.tgz: it becomes far larger than it is\n");
	assert_string_equal(look(a, "a.tgz", "", pack(a, "raw", "gzip", NULL, &small, 1)),
	                    "archive a.tgz: gzip\n");
	arena_free(a);
}

static void polyglots(void **state)
{
	(void)state;
	struct arena *a = arena_new();
	const struct member program = { "a.js", SLICE("x") };
	const struct slice zip[] = { SLICE("%PDF-1.4 and so on\n"),
		                     pack(a, "zip", NULL, NULL, &program, 1) };
	assert_string_equal(look(a, "a.pdf", "", arena_concat(a, zip, 2)),
	                    "polyglot a.pdf: ZIP archive\nscript a.pdf/a.js: by its name\n"
	                    "archive a.pdf: ZIP archive\n");
	assert_string_equal(look(a, "a.gif", "", SLICE("GIF89a=1;<script>alert()</script>")),
	                    "polyglot a.gif: HTML\n");
	assert_string_equal(look(a, "a.jpg", "", SLICE("\xFF\xD8\xFF\xE0 %PDF-1.4")),
	                    "polyglot a.jpg: PDF\n");
	/* A program that unpacks itself is one, and no more. */
	const struct slice sfx[] = { SLICE(PE), zip[1] };
	assert_string_equal(look(a, "a", "", arena_concat(a, sfx, 2)),
	                    "executable a: PE program\n");
	arena_free(a);
}

/* Also in a message inside; what people read in it is none. */
static void messages(void **state)
{
	(void)state;
	struct arena *a = arena_new();
	const struct config config = { .attachments = limits, .message = MESSAGE_LIMITS_DEFAULT };
	struct attachment_facts facts;
	attachment_look(NULL, a,
	                SLICE("Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	                      "--b\r\nContent-Type: text/html\r\n\r\n<html><script>\r\n"
	                      "--b\r\nContent-Type: message/rfc822\r\n\r\n"
	                      "Content-Type: image/png; name=\"=?utf-8?q?a=2Epng?=\"\r\n"
	                      "Content-Transfer-Encoding: base64\r\n\r\nJVBERi0xLjQ=\r\n"
	                      "--b--\r\n"),
	                &config, &facts);
	assert_int_equal(facts.count, 1);
	assert_true(slice_equal(facts.items[0], SLICE("attachment=mismatch a.png: PDF")));
	attachment_look(NULL, a, SLICE("Subject: x\r\n\r\n#!/bin/sh\r\n"), &config, &facts);
	assert_int_equal(facts.count, 0);
	arena_free(a);
}

static void who_wants_to_know(void **state)
{
	(void)state;
	struct config_weight weight = { .weight = 1 };
	struct config config = { .score = { .weights = &weight, .weight_count = 1 } };
	static const struct {
		struct slice text;
		bool wanted;
	} cases[] = { { SLICE("spf=fail*"), false }, { SLICE("attachment=macro*"), true },
		      { SLICE("*"), true },          { SLICE("a*"), true },
		      { SLICE("arc=*"), false },     { SLICE("attachment=?acro *"), true } };
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		weight.pattern.text = cases[i].text;
		assert_int_equal(attachment_is_wanted(&config), cases[i].wanted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(kinds),
		cmocka_unit_test(names),
		cmocka_unit_test(claims),
		cmocka_unit_test(signs),
		cmocka_unit_test(compound_files),
		cmocka_unit_test(compound_files_that_lie),
		cmocka_unit_test(archives),
		cmocka_unit_test(documents),
		cmocka_unit_test(archives_that_hide),
		cmocka_unit_test(what_is_no_file_counts),
		cmocka_unit_test(polyglots),
		cmocka_unit_test(messages),
		cmocka_unit_test(who_wants_to_know),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
