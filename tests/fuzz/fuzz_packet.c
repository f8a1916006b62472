/* SPDX-License-Identifier: BSD-2-Clause */
/* fuzz_packet.c - libFuzzer: octets are a frame. */
#include "tests/fuzz/exercise.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	exercise_frame(data, size);
	return 0;
}
