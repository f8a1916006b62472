/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzz_answer.c - libFuzzer: the first octet picks the client, the others are a server's message. */
#include "tests/fuzz/exercise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size || size - 1 > UINT16_MAX)
		return -1;
	exercise_answer(data + 1, size - 1, data[0]);
	return 0;
}
