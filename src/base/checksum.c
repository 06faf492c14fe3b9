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

#define HAS_INSTRUCTION     1
#define WITH_INSTRUCTION    __attribute__((target("sse4.2")))
#define ADD_BYTE(crc, byte) __builtin_ia32_crc32qi((crc), (byte))
#define ADD_WORD(crc, word) ((uint32_t)__builtin_ia32_crc32di((crc), (word)))

static bool has_instruction(void) { return __builtin_cpu_supports("sse4.2"); }

#elif defined(__aarch64__)

#define HAS_INSTRUCTION     1
#define WITH_INSTRUCTION    __attribute__((target("+crc")))
#define ADD_BYTE(crc, byte) __crc32cb((crc), (byte))
#define ADD_WORD(crc, word) __crc32cd((crc), (word))

static bool has_instruction(void) { return getauxval(AT_HWCAP) & HWCAP_CRC32; }

#else

#define HAS_INSTRUCTION 0

static bool has_instruction(void) { return false; }

#endif

#if HAS_INSTRUCTION

/* The instruction takes three cycles but can be begun in each, so three blocks are summed up side
 * by side, and their sums joined. */
#define BLOCK_BYTES 1024

/* What the bits of a sum become when BLOCK_BYTES zeros follow. */
static const uint32_t after_block[32] = {
	0xfe314258, 0xf98ef241, 0xf6f19273, 0xe80f5217, 0xd5f2d2df, 0xae09d34f, 0x59ffd06f,
	0xb3ffa0de, 0x6213374d, 0xc4266e9a, 0x8da0abc5, 0x1ead217b, 0x3d5a42f6, 0x7ab485ec,
	0xf5690bd8, 0xef3e6141, 0xdb90b473, 0xb2cd1e17, 0x60764adf, 0xc0ec95be, 0x84355d8d,
	0x0d86cdeb, 0x1b0d9bd6, 0x361b37ac, 0x6c366f58, 0xd86cdeb0, 0xb535cb91, 0x6f87e1d3,
	0xdf0fc3a6, 0xbbf3f1bd, 0x720b958b, 0xe4172b16,
};

static uint32_t skip_block(uint32_t crc)
{
	uint32_t out = 0;
	for (int i = 0; i < 32; i++)
		out ^= after_block[i] & -(crc >> i & 1);
	return out;
}

static uint64_t word_at(const char *at)
{
	uint64_t word;
	memcpy(&word, at, sizeof(word));
	return word;
}

WITH_INSTRUCTION static uint32_t add_three_blocks(uint32_t crc, const char *at)
{
	uint32_t second = 0, third = 0;
	for (const char *end = at + BLOCK_BYTES; at < end; at += 8) {
		crc = ADD_WORD(crc, word_at(at));
		second = ADD_WORD(second, word_at(at + BLOCK_BYTES));
		third = ADD_WORD(third, word_at(at + (ptrdiff_t)2 * BLOCK_BYTES));
	}
	return skip_block(skip_block(crc) ^ second) ^ third;
}

WITH_INSTRUCTION static uint32_t add_by_instruction(uint32_t checksum, struct slice s)
{
	uint32_t crc = ~checksum;
	const char *at = s.data;
	const char *end = s.data + s.len;
	for (; end - at >= (ptrdiff_t)3 * BLOCK_BYTES; at += (ptrdiff_t)3 * BLOCK_BYTES)
		crc = add_three_blocks(crc, at);
	for (; end - at >= 8; at += 8)
		crc = ADD_WORD(crc, word_at(at));
	for (; at < end; at++)
		crc = ADD_BYTE(crc, (unsigned char)*at);
	return ~crc;
}

#else

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
