/* The log: one event a line on standard error, `key=value` or JSON.
 *
 *     log_info("smtp.session.end", kv_str("client", ip), kv_int("mail", 3));
 *     2026-03-01T10:00:00.123Z info smtp.session.end client=192.0.2.1 mail=3
 *
 * Values are quoted when they hold anything but plain characters, and control characters are
 * escaped, so that nobody outside can forge a line. A line is cut at LOG_LINE_MAX bytes. Any
 * thread may log. Log what an operator can act on. */
#ifndef VEREDUS_BASE_LOG_H
#define VEREDUS_BASE_LOG_H

#include "base/slice.h"

#define LOG_LINE_MAX 4096

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

struct log_kv {
	const char *key;
	struct slice text; /* used if text.data is not NULL */
	int64_t number;
};

static inline struct log_kv kv_slice(const char *key, struct slice value)
{
	return (struct log_kv){ .key = key, .text = value.data ? value : SLICE_EMPTY };
}

static inline struct log_kv kv_str(const char *key, const char *value)
{
	return (struct log_kv){ .key = key, .text = slice_from_str(value) };
}

static inline struct log_kv kv_int(const char *key, int64_t value)
{
	return (struct log_kv){ .key = key, .number = value };
}

/* error=text for a negative errno. */
struct log_kv kv_error(int error);

void log_write(enum log_level level, const char *event, const struct log_kv *kv, size_t count);

#define LOG_AT(level, event, ...)                                                                  \
	log_write((level), (event), (struct log_kv[]){ __VA_ARGS__ },                              \
	          sizeof((struct log_kv[]){ __VA_ARGS__ }) / sizeof(struct log_kv))
#define log_error(event, ...) LOG_AT(LOG_ERROR, event, __VA_ARGS__)
#define log_warn(event, ...)  LOG_AT(LOG_WARN, event, __VA_ARGS__)
#define log_info(event, ...)  LOG_AT(LOG_INFO, event, __VA_ARGS__)
#define log_debug(event, ...) LOG_AT(LOG_DEBUG, event, __VA_ARGS__)

/* Set once before threads start: the least severe level that is written (LOG_INFO), whether
 * lines are JSON, and the file descriptor (2). */
void log_setup(enum log_level level, bool json, int fd);
/* [any thread] */
void log_set_level(enum log_level level);

#endif
