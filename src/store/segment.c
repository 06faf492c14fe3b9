#include "store/segment.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/checksum.h"
#include "base/log.h"
#include "store/store.h"

enum {
	RECORD_CHECKED_FROM = 8,
	RECORD_MARK = 3,
	SEGMENT_CHECKED = 56,
};

static const char segment_magic[8] = "VRDSSEG1";
/* The last byte is the mark: 'r', or 'x' when the record was disowned. */
static const char record_magic[4] = "VRDr";
static const char disowned = 'x';

static void put32(char *at, uint32_t value)
{
	value = htole32(value);
	memcpy(at, &value, sizeof(value));
}

static void put64(char *at, uint64_t value)
{
	value = htole64(value);
	memcpy(at, &value, sizeof(value));
}

static uint32_t get32(const char *at)
{
	uint32_t value;
	memcpy(&value, at, sizeof(value));
	return le32toh(value);
}

static uint64_t get64(const char *at)
{
	uint64_t value;
	memcpy(&value, at, sizeof(value));
	return le64toh(value);
}

void segment_header_encode(const struct segment_header *h, char out[static SEGMENT_HEADER_LEN])
{
	memset(out, 0, SEGMENT_HEADER_LEN);
	memcpy(out, segment_magic, sizeof(segment_magic));
	put32(out + 8, h->number);
	put64(out + 16, h->salt);
	put64(out + 24, h->next_blob_id);
	put64(out + 32, (uint64_t)h->created_ms);
	put32(out + SEGMENT_CHECKED, checksum_add(0, slice_of(out, SEGMENT_CHECKED)));
}

bool segment_header_decode(struct slice bytes, struct segment_header *out)
{
	if (bytes.len < SEGMENT_HEADER_LEN ||
	    memcmp(bytes.data, segment_magic, sizeof(segment_magic)) != 0 ||
	    get32(bytes.data + SEGMENT_CHECKED) !=
	            checksum_add(0, slice_of(bytes.data, SEGMENT_CHECKED)))
		return false;
	out->number = get32(bytes.data + 8);
	out->salt = get64(bytes.data + 16);
	out->next_blob_id = get64(bytes.data + 24);
	out->created_ms = (int64_t)get64(bytes.data + 32);
	return true;
}

void record_header_encode(const struct record_header *h, char out[static RECORD_HEADER_LEN])
{
	memset(out, 0, RECORD_HEADER_LEN);
	memcpy(out, record_magic, sizeof(record_magic));
	put64(out + 8, h->salt);
	put64(out + 16, h->blob_id);
	put64(out + 24, h->length);
	put32(out + 32, h->note_length);
	put32(out + 36, h->bytes_checksum);
	put32(out + 40, h->note_checksum);
	put32(out + 44, (uint32_t)h->form);
	put32(out + 4, checksum_add(0, slice_of(out + RECORD_CHECKED_FROM,
	                                        RECORD_HEADER_LEN - RECORD_CHECKED_FROM)));
}

bool record_header_decode(struct slice bytes, uint64_t salt, struct record_header *out)
{
	if (bytes.len < RECORD_HEADER_LEN || memcmp(bytes.data, record_magic, RECORD_MARK) != 0 ||
	    (bytes.data[RECORD_MARK] != record_magic[RECORD_MARK] &&
	     bytes.data[RECORD_MARK] != disowned) ||
	    get64(bytes.data + 8) != salt ||
	    get32(bytes.data + 4) !=
	            checksum_add(0, slice_of(bytes.data + RECORD_CHECKED_FROM,
	                                     RECORD_HEADER_LEN - RECORD_CHECKED_FROM)))
		return false;
	out->salt = salt;
	out->blob_id = get64(bytes.data + 16);
	out->length = get64(bytes.data + 24);
	out->note_length = get32(bytes.data + 32);
	out->bytes_checksum = get32(bytes.data + 36);
	out->note_checksum = get32(bytes.data + 40);
	out->form = (enum record_form)get32(bytes.data + 44);
	out->disowned = bytes.data[RECORD_MARK] == disowned;
	return out->length <= SEGMENT_RECORD_MAX && out->note_length <= STORE_NOTE_MAX &&
	       out->form < RECORD_FORMS;
}

bool record_header_decode_any(struct slice bytes, struct record_header *out)
{
	return bytes.len >= RECORD_HEADER_LEN &&
	       record_header_decode(bytes, get64(bytes.data + 8), out);
}

uint64_t record_size(uint64_t length, uint64_t note_length)
{
	uint64_t size = RECORD_HEADER_LEN + length + note_length;
	return (size + RECORD_ALIGN - 1) / RECORD_ALIGN * RECORD_ALIGN;
}

/* --- files --------------------------------------------------------------------------- */

void segment_name(uint32_t number, char out[static SEGMENT_NAME_LEN])
{
	snprintf(out, SEGMENT_NAME_LEN, "%08u.seg", number);
}

uint32_t segment_number(const char *name)
{
	struct slice rest = slice_from_str(name);
	uint64_t number;
	char again[SEGMENT_NAME_LEN];
	if (!slice_to_u64(slice_split(&rest, '.'), &number) || number > UINT32_MAX)
		return 0;
	segment_name((uint32_t)number, again);
	return strcmp(name, again) == 0 ? (uint32_t)number : 0;
}

static int compare_numbers(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

int segment_list(int dir_fd, uint32_t **numbers_out, size_t *count_out)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	DIR *dir = fdopendir(fd);
	if (!dir) {
		close(fd);
		return -ENOMEM;
	}
	uint32_t *numbers = NULL;
	size_t count = 0, capacity = 0;
	for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
		uint32_t number = segment_number(entry->d_name);
		if (!number)
			continue;
		if (count == capacity) {
			capacity = capacity ? capacity * 2 : 16;
			numbers = mem_grow(numbers, capacity * sizeof(*numbers));
		}
		numbers[count++] = number;
	}
	closedir(dir);
	if (count)
		qsort(numbers, count, sizeof(*numbers), compare_numbers);
	*numbers_out = numbers;
	*count_out = count;
	return 0;
}

void record_disown(int dir_fd, const struct store_io *io, uint32_t segment, uint64_t position)
{
	char name[SEGMENT_NAME_LEN];
	segment_name(segment, name);
	int fd = io->openat(dir_fd, name, O_WRONLY, 0);
	if (fd < 0)
		return;
	struct iovec mark = { (void *)(uintptr_t)&disowned, 1 };
	if (io->pwritev(fd, &mark, 1, (off_t)position + RECORD_MARK) != 1)
		log_info("store.disown", kv_int("segment", segment),
		         kv_int("position", (int64_t)position));
	close(fd);
}
