#include "base/checksum.h"

#if defined(__aarch64__)
#include <arm_acle.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

/* The remainders of the 16 values of four bits, polynomial 0x82f63b78 (reflected). */
static const uint32_t remainders[16] = {
	0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
	0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
	0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
};

uint32_t checksum_add_portable(uint32_t checksum, struct slice s)
{
	uint32_t crc = ~checksum;
	for (size_t i = 0; i < s.len; i++) {
		crc ^= (unsigned char)s.data[i];
		crc = crc >> 4 ^ remainders[crc & 15];
		crc = crc >> 4 ^ remainders[crc & 15];
	}
	return ~crc;
}

#if defined(__x86_64__)

static bool has_instruction(void) { return __builtin_cpu_supports("sse4.2"); }

__attribute__((target("sse4.2"))) static uint32_t add_by_instruction(uint32_t checksum,
                                                                     struct slice s)
{
	uint64_t crc = ~checksum;
	const char *at = s.data;
	const char *end = s.data + s.len;
	for (; end - at >= 8; at += 8) {
		uint64_t word;
		memcpy(&word, at, sizeof(word));
		crc = __builtin_ia32_crc32di(crc, word);
	}
	for (; at < end; at++)
		crc = __builtin_ia32_crc32qi((uint32_t)crc, (unsigned char)*at);
	return ~(uint32_t)crc;
}

#elif defined(__aarch64__)

static bool has_instruction(void) { return getauxval(AT_HWCAP) & HWCAP_CRC32; }

__attribute__((target("+crc"))) static uint32_t add_by_instruction(uint32_t checksum,
                                                                   struct slice s)
{
	uint32_t crc = ~checksum;
	const char *at = s.data;
	const char *end = s.data + s.len;
	for (; end - at >= 8; at += 8) {
		uint64_t word;
		memcpy(&word, at, sizeof(word));
		crc = __crc32cd(crc, word);
	}
	for (; at < end; at++)
		crc = __crc32cb(crc, (unsigned char)*at);
	return ~crc;
}

#else

static bool has_instruction(void) { return false; }

static uint32_t add_by_instruction(uint32_t checksum, struct slice s)
{
	return checksum_add_portable(checksum, s);
}

#endif

uint32_t checksum_add(uint32_t checksum, struct slice s)
{
	return has_instruction() ? add_by_instruction(checksum, s)
	                         : checksum_add_portable(checksum, s);
}
