/* A file of names and hashes, as Dovecot's passwd-file:
 *
 *     # user:{SCHEME}hash:anything else is for others
 *     alice@example.test:{SHA512-CRYPT}$6$...
 *     bob:$y$j9T$...
 *
 * A name without a domain is one of the domain in the configuration. The file is read again when it
 * has changed. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth/passdb.h"
#include "auth/password_scheme.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"

enum { FILE_MAX_BYTES = 64 << 20, SETTLED_MS = 3000 };

struct passwd_file {
	const struct config_passdb *config;
	pthread_mutex_t lock;
	struct hash *hashes; /* name, in lower case -> malloc'ed text */
	const char *sample;  /* one of the values: names that are not there cost as much as it */
	struct stat read;    /* what it was when it was read */
	bool is_read;
};

static void free_hashes(struct hash *hashes)
{
	size_t position = 0;
	struct slice key;
	void *value;
	while (hash_next(hashes, &position, &key, &value)) {
		explicit_bzero(value, strlen(value));
		free(value);
	}
	hash_free(hashes);
}

static bool is_unchanged(const struct stat *a, const struct stat *b)
{
	return a->st_ino == b->st_ino && a->st_dev == b->st_dev && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* What was written a moment ago may be written again at what the file system calls the same time.
 */
static bool is_settled(const struct stat *st)
{
	return clock_wall_ms() - st->st_mtim.tv_sec * 1000LL > SETTLED_MS;
}

static void parse_line(struct passwd_file *f, struct arena *scratch, struct slice line, int number)
{
	line = slice_trim(line);
	if (line.len == 0 || line.data[0] == '#')
		return;
	struct slice rest = line, name = arena_lower(scratch, slice_split(&rest, ':'));
	struct slice stored = slice_split(&rest, ':');
	if (name.len == 0 || !password_scheme_is_known(stored)) {
		log_warn("auth.passwd_file", kv_str("file", f->config->file),
		         kv_int("line", number),
		         kv_str("why", name.len == 0 ? "there is no name" : "unknown scheme"));
		return;
	}
	char *value = mem_str(stored);
	free(hash_put(f->hashes, name, value));
	f->sample = value;
}

static void parse(struct passwd_file *f, struct slice text)
{
	struct arena *scratch = arena_new();
	free_hashes(f->hashes);
	f->hashes = hash_new();
	f->sample = NULL;
	for (int number = 1; text.len > 0; number++) {
		parse_line(f, scratch, slice_split(&text, '\n'), number);
		arena_reset(scratch);
	}
	arena_free(scratch);
	/* A line of the same name may have freed it. */
	size_t position = 0;
	struct slice key;
	void *value;
	if (hash_next(f->hashes, &position, &key, &value))
		f->sample = value;
}

static int read_open(struct passwd_file *f, int fd, const struct stat *st)
{
	if (st->st_size > FILE_MAX_BYTES)
		return -EFBIG;
	size_t size = (size_t)st->st_size, got = 0;
	char *text = mem_alloc(size + 1);
	ssize_t n = 1;
	while (got < size && n > 0) {
		n = read(fd, text + got, size - got);
		if (n > 0)
			got += (size_t)n;
	}
	int rc = n < 0 ? -errno : 0;
	if (rc == 0)
		parse(f, slice_of(text, got));
	explicit_bzero(text, size);
	free(text);
	return rc;
}

/* Reads it if it has changed. Under the lock. */
static int refresh(struct passwd_file *f)
{
	struct stat st;
	int fd = open(f->config->file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int rc = fstat(fd, &st) < 0 ? -errno : 0;
	if (rc == 0 && (!f->is_read || !is_unchanged(&st, &f->read))) {
		rc = read_open(f, fd, &st);
		f->is_read = rc == 0 && is_settled(&st);
		f->read = st;
	}
	close(fd);
	return rc;
}

/* A copy of the hash of the name, or of a sample. NULL: there are none at all. */
static char *find(struct passwd_file *f, const struct passdb_question *q, bool *found_out)
{
	const char *domain = f->config->domain;
	const char *value = hash_find(f->hashes, slice_from_str(q->address));
	if (!value && domain && slice_equal(slice_from_str(domain), slice_from_str(q->domain)))
		value = hash_find(f->hashes, slice_from_str(q->local));
	*found_out = value != NULL;
	if (!value)
		value = f->sample;
	return value ? mem_str(slice_from_str(value)) : NULL;
}

static enum passdb_verdict file_check(void *self, const struct passdb_question *q,
                                      char address_out[static PASSDB_ADDRESS_MAX])
{
	struct passwd_file *f = self;
	bool found = false;
	(void)address_out;
	pthread_mutex_lock(&f->lock);
	int rc = refresh(f);
	char *stored = rc == 0 ? find(f, q, &found) : NULL;
	pthread_mutex_unlock(&f->lock);
	if (rc < 0) {
		log_error("auth.passwd_file", kv_str("file", f->config->file), kv_error(rc));
		return PASSDB_UNAVAILABLE;
	}
	if (!stored)
		return PASSDB_REFUSED;
	bool right = password_scheme_is_right(slice_from_str(stored), q->password);
	explicit_bzero(stored, strlen(stored));
	free(stored);
	return right && found ? PASSDB_ACCEPTED : PASSDB_REFUSED;
}

static int file_open(const struct config_passdb *config, void **self_out)
{
	struct passwd_file *f = mem_zero(1, sizeof(*f));
	f->config = config;
	f->hashes = hash_new();
	pthread_mutex_init(&f->lock, NULL);
	*self_out = f;
	return 0;
}

static void file_close(void *self)
{
	struct passwd_file *f = self;
	free_hashes(f->hashes);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

const struct passdb_driver passdb_file_driver = {
	.open = file_open,
	.check = file_check,
	.close = file_close,
};
