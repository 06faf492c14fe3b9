/* Packed records of flags: what can be read is written as the same messages. */
#include "fuzz.h"
#include "mailbox/mailbox_pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct flag_pack pack, again;
	static char bytes[PACK_BYTES_MAX];

	if (pack_decode(fuzz_input(data, size), &pack) != 0)
		return 0;
	if (pack_decode(pack_encode(&pack, bytes), &again) != 0 || pack.count != again.count)
		abort();
	for (uint32_t i = 0; i < pack.count; i++) {
		if (pack.offsets[i] != again.offsets[i] || pack.flags[i] != again.flags[i] ||
		    pack.mod_seqs[i] != again.mod_seqs[i])
			abort();
	}
	return 0;
}
