#include "auth/auth_key.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/codec.h"

enum { TEXT_BYTES = 2 * AUTH_KEY_BYTES + 1 }; /* hexadecimal, and a line's end */

static int parse(struct slice text, uint8_t key_out[static AUTH_KEY_BYTES])
{
	struct arena *a = arena_new();
	struct slice bytes;
	bool good = hex_decode(a, slice_trim(text), &bytes) && bytes.len == AUTH_KEY_BYTES;
	if (good)
		memcpy(key_out, bytes.data, AUTH_KEY_BYTES);
	arena_free(a);
	return good ? 0 : -EINVAL;
}

static int read_key(int fd, uint8_t key_out[static AUTH_KEY_BYTES])
{
	char text[TEXT_BYTES];
	ssize_t got = read(fd, text, sizeof(text));
	if (got < 0)
		return -errno;
	int rc = parse(slice_of(text, (size_t)got), key_out);
	explicit_bzero(text, sizeof(text));
	return rc;
}

static int write_key(int fd, const uint8_t key[static AUTH_KEY_BYTES])
{
	struct arena *a = arena_new();
	struct slice text = hex_encode(a, slice_of((const char *)key, AUTH_KEY_BYTES));
	const char *line = arena_printf(a, "%.*s\n", SLICE_ARG(text));
	int rc = 0;
	if (write(fd, line, TEXT_BYTES) != TEXT_BYTES)
		rc = -EIO;
	else if (fsync(fd) < 0)
		rc = -errno;
	arena_free(a);
	return rc;
}

static int make_key(const char *path, uint8_t key_out[static AUTH_KEY_BYTES])
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	random_bytes(key_out, AUTH_KEY_BYTES);
	int rc = write_key(fd, key_out);
	close(fd);
	if (rc < 0)
		unlink(path);
	return rc;
}

int auth_key_load(const char *path, uint8_t key_out[static AUTH_KEY_BYTES])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? make_key(path, key_out) : -errno;
	int rc = read_key(fd, key_out);
	close(fd);
	return rc;
}

void auth_key_derive(const uint8_t key[static AUTH_KEY_BYTES], const char *purpose,
                     struct slice subject, uint8_t out[static AUTH_KEY_BYTES])
{
	unsigned len = AUTH_KEY_BYTES;
	struct arena *a = arena_new();
	/* The line's end parts them: no purpose has one. */
	struct slice text = slice_from_str(
		arena_printf(a, "%s\n%.*s", purpose, SLICE_ARG(subject)));
	if (!HMAC(EVP_sha256(), key, AUTH_KEY_BYTES, (const uint8_t *)text.data, text.len, out,
	          &len))
		abort();
	arena_free(a);
}
