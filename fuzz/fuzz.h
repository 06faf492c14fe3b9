/* What a fuzz target is: this one function, and no main(). It is linked with libFuzzer
 * (scripts/fuzz-run), or with replay.c, which runs the corpus through it as a test. */
#ifndef VEREDUS_FUZZ_FUZZ_H
#define VEREDUS_FUZZ_FUZZ_H

#include <stdint.h>
#include <stdlib.h>

#include "base/slice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libFuzzer's empty input is a NULL pointer. */
static inline struct slice fuzz_input(const uint8_t *data, size_t size)
{
	return size > 0 ? slice_of(data, size) : SLICE_EMPTY;
}

/* What must hold for every input. */
#define FUZZ_CHECK(condition)                                                                      \
	do {                                                                                       \
		if (!(condition))                                                                  \
			abort();                                                                   \
	} while (0)

#endif
