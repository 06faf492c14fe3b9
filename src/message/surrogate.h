/* A message for readers that can't take UTF-8 in headers: one like it, with headers in ASCII.
 *
 *     Subject: gr\xC3\xBC\xC3\x9Fe         =?utf-8?B?Z3LDvMOfZQ==?=
 *     From: j\xC3\xB6rg@example.test       =?utf-8?B?...?=
 * <invalid@internationalized-address.invalid> Received: for <j\xC3\xB6rg@...>      with '?' for
 * each byte that can't stand there
 *
 * RFC 6858, more or less: headers of parts too; bodies, and fields that are ASCII, stay byte for
 * byte. What signatures say of it is wrong, so it is for reading alone. The bytes are read piece by
 * piece and may be a mapped file; memory is in proportion to the number of parts. */
#ifndef VEREDUS_MESSAGE_SURROGATE_H
#define VEREDUS_MESSAGE_SURROGATE_H

#include "base/arena.h"
#include "message/dotstuff.h"
#include "message/limits.h"

struct surrogate;

/* NULL: the message needs none. In the arena. */
struct surrogate *surrogate_plan(struct arena *arena, struct slice message,
                                 const struct message_limits *limits);
/* 0, or what sink returned. */
int surrogate_write(struct surrogate *s, dot_sink *sink, void *arg);

#endif
