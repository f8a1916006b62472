/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzz_query.c - libFuzzer: octets are a client's message, taken as UDP and as TCP. */
#include "tests/fuzz/exercise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > UINT16_MAX)
		return -1;
	exercise_query(data, size, false);
	exercise_query(data, size, true);
	return 0;
}
