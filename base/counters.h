/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * counters.h - blocks of counters with one writer each, read by any thread, summed on reading.
 * What the indices mean belongs to the owner of the block.
 */
#ifndef BASE_COUNTERS_H
#define BASE_COUNTERS_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum { COUNTERS_LINE = 64 };

/* A block of n counters on cache lines of its own, all zero; NULL when out of memory. */
_Atomic uint64_t *counters_new(size_t n);
void counters_free(_Atomic uint64_t *block);

/* Writer's thread only: a plain add that readers may see late but never torn. */
static inline void counters_add(_Atomic uint64_t *counter, uint64_t n)
{
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

static inline uint64_t counters_read(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit((_Atomic uint64_t *)counter, memory_order_relaxed);
}

/* sum[i] += block[i] for n counters. Any thread. */
void counters_sum(uint64_t *sum, const _Atomic uint64_t *block, size_t n);

#endif
