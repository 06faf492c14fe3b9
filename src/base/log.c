#include "base/log.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

/* Bytes kept free behind values for what must follow them: a quote, a brace, a line feed. */
#define LOG_TAIL 8

/* Set by log_setup() before threads start, and read-only afterwards but for the level. */
static struct {
	_Atomic enum log_level level;
	bool json;
	int fd;
} log_config = { .level = LOG_INFO, .fd = STDERR_FILENO };

struct line {
	char data[LOG_LINE_MAX];
	size_t len;
};

static const char *const level_names[] = { "error", "warn", "info", "debug" };

void log_setup(enum log_level level, bool json, int fd)
{
	log_config.level = level;
	log_config.json = json;
	log_config.fd = fd;
}

void log_set_level(enum log_level level) { log_config.level = level; }

struct log_kv kv_error(int error)
{
	const char *text = strerrordesc_np(-error);
	return kv_str("error", text ? text : "unknown error");
}

static size_t line_room(const struct line *line)
{
	size_t used = line->len + LOG_TAIL;
	return used < sizeof(line->data) ? sizeof(line->data) - used : 0;
}

/* False, and nothing written, if the text would reach into the tail. */
static bool line_add(struct line *line, struct slice s)
{
	if (s.len > line_room(line))
		return false;
	memcpy(line->data + line->len, s.data, s.len);
	line->len += s.len;
	return true;
}

static void line_end(struct line *line, struct slice s)
{
	if (s.len > sizeof(line->data) - line->len)
		return;
	memcpy(line->data + line->len, s.data, s.len);
	line->len += s.len;
}

static bool is_plain(char c) { return c > ' ' && c < 0x7f && c != '"' && c != '\\' && c != '='; }

static bool is_all_plain(struct slice s)
{
	for (size_t i = 0; i < s.len; i++) {
		if (!is_plain(s.data[i]))
			return false;
	}
	return s.len > 0;
}

/* How the byte at i stands between quotes: itself, or escaped into out. Control characters are
 * escaped, those that UTF-8 writes as C2 80 to C2 9F too, and bytes that are no UTF-8. */
static struct slice quoted_byte(struct slice s, size_t i, bool utf8, char out[static 8])
{
	unsigned char c = (unsigned char)s.data[i];
	bool control = c < ' ' || c == 0x7f || (c >= 0x80 && !utf8) ||
	               (c == 0xc2 && i + 1 < s.len && (unsigned char)s.data[i + 1] < 0xa0);
	if (!control && c != '"' && c != '\\')
		return slice_of(s.data + i, 1);
	int len;
	if (!control)
		len = snprintf(out, 8, "\\%c", c);
	else if (utf8 && c == 0xc2)
		len = snprintf(out, 8, "\\u%04x", (unsigned char)s.data[i + 1]);
	else if (log_config.json)
		len = snprintf(out, 8, "\\u%04x", c);
	else
		len = snprintf(out, 8, "\\x%02x", c);
	return slice_of(out, (size_t)len);
}

static void line_add_quoted(struct line *line, struct slice s)
{
	char escape[8];
	bool utf8 = slice_is_utf8(s);
	if (!line_add(line, SLICE("\"")))
		return;
	for (size_t i = 0; i < s.len; i++) {
		struct slice shown = quoted_byte(s, i, utf8, escape);
		if (!line_add(line, shown))
			break;
		if (utf8 && (unsigned char)s.data[i] == 0xc2 && shown.len > 1)
			i++;
	}
	line_end(line, SLICE("\""));
}

static void line_add_value(struct line *line, const struct log_kv *kv)
{
	if (!kv->text.data) {
		char digits[24];
		int len = snprintf(digits, sizeof(digits), "%lld", (long long)kv->number);
		line_add(line, slice_of(digits, (size_t)len));
	} else if (!log_config.json && is_all_plain(kv->text)) {
		if (!line_add(line, kv->text))
			line_add(line, slice_sub(kv->text, 0, line_room(line)));
	} else {
		line_add_quoted(line, kv->text);
	}
}

static void line_add_kv(struct line *line, const struct log_kv *kv)
{
	struct slice key = slice_from_str(kv->key);
	/* A key is written only with room for a number behind it. */
	if (key.len + 32 > line_room(line))
		return;
	if (log_config.json) {
		line_add(line, SLICE(",\""));
		line_add(line, key);
		line_add(line, SLICE("\":"));
	} else {
		line_add(line, SLICE(" "));
		line_add(line, key);
		line_add(line, SLICE("="));
	}
	line_add_value(line, kv);
}

static void line_begin(struct line *line, enum log_level level, const char *event)
{
	int64_t now_ms = clock_wall_ms();
	time_t seconds = (time_t)(now_ms / 1000);
	struct tm utc;
	char date[32];
	gmtime_r(&seconds, &utc);
	size_t date_len = strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
	int millis = (int)(now_ms % 1000);
	int len;
	if (log_config.json)
		len = snprintf(line->data, sizeof(line->data),
		               "{\"time\":\"%.*s.%03dZ\",\"level\":\"%s\",\"event\":\"%.256s\"",
		               (int)date_len, date, millis, level_names[level], event);
	else
		len = snprintf(line->data, sizeof(line->data), "%.*s.%03dZ %s %.256s",
		               (int)date_len, date, millis, level_names[level], event);
	line->len = len > 0 ? (size_t)len : 0;
}

void log_write(enum log_level level, const char *event, const struct log_kv *kv, size_t count)
{
	if (level > log_config.level)
		return;
	int saved_errno = errno;
	struct line line;
	line_begin(&line, level, event);
	for (size_t i = 0; i < count; i++)
		line_add_kv(&line, &kv[i]);
	line_end(&line, log_config.json ? SLICE("}\n") : SLICE("\n"));
	/* One write a line, so that lines of several threads do not mix. A log that can't be
	 * written can't be reported anywhere. */
	ssize_t written = write(log_config.fd, line.data, line.len);
	(void)written;
	errno = saved_errno;
}
