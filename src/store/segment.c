#include "store/segment.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "store/checksum.h"
#include "store/store.h"

enum {
	RECORD_ALIGN = 8,
	RECORD_CHECKED_FROM = 8,
	SEGMENT_CHECKED = 56,
	DROP_BYTES = 1 << 20,
};

static const char segment_magic[8] = "VRDSSEG1";
static const char record_magic[4] = "VRDr";

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
	put32(out + 4, checksum_add(0, slice_of(out + RECORD_CHECKED_FROM,
	                                        RECORD_HEADER_LEN - RECORD_CHECKED_FROM)));
}

bool record_header_decode(struct slice bytes, uint64_t salt, struct record_header *out)
{
	if (bytes.len < RECORD_HEADER_LEN ||
	    memcmp(bytes.data, record_magic, sizeof(record_magic)) != 0 ||
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
	return out->length <= SEGMENT_RECORD_MAX && out->note_length <= STORE_NOTE_MAX;
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

/* --- walking ------------------------------------------------------------------------- */

/* When the header is damaged: the salt of the first thing that is a record under its own. */
static void find_salt(struct segment_map *map)
{
	struct record_header ignored;
	for (uint64_t at = SEGMENT_HEADER_LEN; at + RECORD_HEADER_LEN <= map->bytes.len;
	     at += RECORD_ALIGN) {
		struct slice bytes = slice_from(map->bytes, at);
		uint64_t salt = get64(bytes.data + 8);
		if (record_header_decode(bytes, salt, &ignored)) {
			map->header.salt = salt;
			return;
		}
	}
}

int segment_map(int dir_fd, uint32_t number, struct segment_map *out)
{
	char name[SEGMENT_NAME_LEN];
	struct stat st;
	segment_name(number, name);
	int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int rc = fstat(fd, &st) != 0 ? -errno : 0;
	void *data = NULL;
	if (rc == 0 && st.st_size > 0) {
		data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
		if (data == MAP_FAILED)
			rc = -errno;
	}
	close(fd);
	if (rc != 0)
		return rc;
	*out = (struct segment_map){ .number = number,
		                     .bytes = slice_of(data, (size_t)st.st_size) };
	out->header_good = segment_header_decode(out->bytes, &out->header);
	if (!out->header_good) {
		out->header = (struct segment_header){ .number = number };
		find_salt(out);
	}
	return 0;
}

void segment_unmap(struct segment_map *map)
{
	if (map->bytes.len)
		munmap((void *)(uintptr_t)map->bytes.data, map->bytes.len);
	map->bytes = SLICE_EMPTY;
}

/* So that a walk through gigabytes takes no memory. Who looks back only finds it slower. */
static void drop_behind(struct segment_map *map, uint64_t position)
{
	uint64_t until = position / SEGMENT_PAGE * SEGMENT_PAGE;
	if (until < map->dropped + DROP_BYTES)
		return;
	madvise((char *)(uintptr_t)map->bytes.data + map->dropped, until - map->dropped,
	        MADV_DONTNEED);
	map->dropped = until;
}

bool segment_next(struct segment_map *map, uint64_t *position, struct record_header *out)
{
	uint64_t at = *position;
	for (; at + RECORD_HEADER_LEN <= map->bytes.len; at += RECORD_ALIGN) {
		drop_behind(map, at);
		if (!record_header_decode(slice_from(map->bytes, at), map->header.salt, out) ||
		    record_size(out->length, out->note_length) > map->bytes.len - at)
			continue;
		*position = at;
		return true;
	}
	return false;
}
