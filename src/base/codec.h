/* Text encodings of bytes: base64 (RFC 4648), hexadecimal and xtext, and random bytes. */
#ifndef VEREDUS_BASE_CODEC_H
#define VEREDUS_BASE_CODEC_H

#include "base/arena.h"
#include "base/buf.h"

/* Appends the base64 of s, padded, without line breaks. */
int base64_encode(struct slice s, struct buf *out);
struct slice base64_encode_arena(struct arena *arena, struct slice s);
/* Strict: the alphabet, right padding, nothing else; false otherwise. */
bool base64_decode(struct arena *arena, struct slice text, struct slice *bytes_out);
/* Lower-case hexadecimal. */
struct slice hex_encode(struct arena *arena, struct slice s);
bool hex_decode(struct arena *arena, struct slice text, struct slice *bytes_out);
/* RFC 3461 section 4: visible ASCII as it is, all else as a plus and two hexadecimal digits. */
struct slice xtext_encode(struct arena *arena, struct slice s);
/* False for what is no xtext; digits may be in lower case too. */
bool xtext_decode(struct arena *arena, struct slice text, struct slice *bytes_out);

/* From the kernel; ends the process if it has none. */
void random_bytes(void *out, size_t len);
uint64_t random_u64(void);
/* Uniform in [0, bound); bound > 0. */
uint64_t random_below(uint64_t bound);

#endif
