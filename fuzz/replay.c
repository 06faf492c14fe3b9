/* Runs files, and all files in directories, through a fuzz target: `replay PATH...`. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "fuzz.h"

/* Bytes of a corpus file. */
#define INPUT_MAX (16 * 1024 * 1024)

static int fail(const char *path)
{
	fprintf(stderr, "error fuzz.replay path=%s errno=%d\n", path, errno);
	return 1;
}

static int replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	struct stat st;
	if (!f)
		return fail(path);
	if (fstat(fileno(f), &st) < 0 || st.st_size > INPUT_MAX) {
		fclose(f);
		return fail(path);
	}
	/* A block of the exact size, so that reading past its end is seen. */
	size_t size = (size_t)st.st_size;
	uint8_t *data = malloc(size > 0 ? size : 1);
	bool whole = data && fread(data, 1, size, f) == size;
	fclose(f);
	if (whole)
		LLVMFuzzerTestOneInput(data, size);
	free(data);
	return whole ? 0 : fail(path);
}

static int replay_directory(const char *path, size_t *count)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	int rc = 0;
	if (!dir)
		return fail(path);
	while (rc == 0 && (entry = readdir(dir))) {
		char name[4096];
		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		rc = replay_file(name);
		++*count;
	}
	closedir(dir);
	return rc;
}

int main(int argc, char **argv)
{
	size_t count = 0;
	for (int i = 1; i < argc; i++) {
		struct stat st;
		if (stat(argv[i], &st) < 0)
			return fail(argv[i]);
		if (S_ISDIR(st.st_mode) ? replay_directory(argv[i], &count) : replay_file(argv[i]))
			return 1;
	}
	/* A corpus that went missing must not look like a success. */
	printf("replayed %zu\n", count);
	return count > 0 || argc < 2 ? 0 : 1;
}
