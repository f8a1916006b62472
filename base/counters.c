/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counters.c - blocks of counters. Contract in counters.h.
 */
#include "base/counters.h"

#include <stdlib.h>
#include <string.h>

_Atomic uint64_t *counters_new(size_t n)
{
	size_t size = (n * sizeof(uint64_t) + COUNTERS_LINE - 1) / COUNTERS_LINE * COUNTERS_LINE;
	void *block = aligned_alloc(COUNTERS_LINE, size);

	if (block)
		memset(block, 0, size);
	return block;
}

void counters_free(_Atomic uint64_t *block)
{
	free((void *)block);
}

void counters_sum(uint64_t *sum, const _Atomic uint64_t *block, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum[i] += counters_read(&block[i]);
}
