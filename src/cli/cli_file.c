#include "cli/cli_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int cli_map_file(const char *path, struct slice *out)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return cli_fail("%s: %s", path, strerrordesc_np(errno));
	*out = SLICE_EMPTY;
	void *at = st.st_size > 0 ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)
	                          : NULL;
	int error = errno;
	close(fd);
	if (at == MAP_FAILED)
		return cli_fail("%s: %s", path, strerrordesc_np(error));
	if (at)
		*out = slice_of(at, (size_t)st.st_size);
	return CLI_OK;
}

static bool has_bare_lf(struct slice s)
{
	const char *at = s.data, *end = s.data + s.len;
	while ((at = memchr(at, '\n', (size_t)(end - at)))) {
		if (at == s.data || at[-1] != '\r')
			return true;
		at++;
	}
	return false;
}

/* Files mostly have bare line ends, which the message had not when it was signed. */
static struct slice with_crlf(struct arena *arena, struct slice s)
{
	if (!has_bare_lf(s))
		return s;
	size_t lines = 0, len = 0;
	for (size_t i = 0; i < s.len; i++)
		lines += s.data[i] == '\n';
	char *out = arena_alloc(arena, s.len + lines);
	for (size_t i = 0; i < s.len; i++) {
		if (s.data[i] == '\n' && (i == 0 || s.data[i - 1] != '\r'))
			out[len++] = '\r';
		out[len++] = s.data[i];
	}
	return slice_of(out, len);
}

/* Of a mailbox file only the line in front; what our store puts on top stays. */
static struct slice without_from_line(struct slice s)
{
	if (slice_starts_with(s, SLICE("From ")))
		slice_split(&s, '\n');
	return s;
}

int cli_read_message(struct arena *arena, const char *path, struct slice *out)
{
	struct slice bytes = SLICE_EMPTY;
	int status = cli_map_file(path, &bytes);
	if (status == CLI_OK && bytes.len == 0)
		status = cli_fail("%s: no message", path);
	if (status == CLI_OK)
		*out = with_crlf(arena, without_from_line(bytes));
	return status;
}
