/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * publish.c - cells and the ring between the VRRP thread and control. Contract in publish.h.
 * The octets of a cell are moved as relaxed atomic words, so a torn read is noticed and never undefined.
 */
#include "vrrp/publish.h"

#include <string.h>

static size_t part(size_t size, size_t done)
{
	return size - done < sizeof(uint64_t) ? size - done : sizeof(uint64_t);
}

void vrrp_cell_write(struct vrrp_cell *cell, _Atomic uint64_t *words, const void *value, size_t size)
{
	uint32_t sequence = atomic_load_explicit(&cell->sequence, memory_order_relaxed);

	atomic_store_explicit(&cell->sequence, sequence + 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
	for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
		uint64_t word = 0;

		memcpy(&word, (const char *)value + at, part(size, at));
		atomic_store_explicit(&words[at / sizeof(uint64_t)], word, memory_order_relaxed);
	}
	atomic_store_explicit(&cell->sequence, sequence + 2, memory_order_release);
}

bool vrrp_cell_read(struct vrrp_cell *cell, const _Atomic uint64_t *words, void *value, size_t size)
{
	uint32_t sequence = atomic_load_explicit(&cell->sequence, memory_order_acquire);

	if (sequence & 1)
		return false;
	for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
		uint64_t word = atomic_load_explicit(&words[at / sizeof(uint64_t)], memory_order_relaxed);

		memcpy((char *)value + at, &word, part(size, at));
	}
	atomic_thread_fence(memory_order_acquire);
	return atomic_load_explicit(&cell->sequence, memory_order_relaxed) == sequence;
}

void vrrp_ring_put(struct vrrp_ring *ring, const struct vrrp_transition *transition)
{
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

	if (head - atomic_load_explicit(&ring->tail, memory_order_acquire) == VRRP_RING) {
		atomic_fetch_add_explicit(&ring->lost, 1, memory_order_relaxed);
		return;
	}
	ring->entries[head % VRRP_RING] = *transition;
	atomic_store_explicit(&ring->head, head + 1, memory_order_release);
}

unsigned vrrp_ring_take(struct vrrp_ring *ring, struct vrrp_transition *out, unsigned max,
			uint64_t *lost)
{
	uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
	uint64_t all_lost = atomic_load_explicit(&ring->lost, memory_order_relaxed);
	unsigned n = 0;

	while (n < max && tail != head)
		out[n++] = ring->entries[tail++ % VRRP_RING];
	atomic_store_explicit(&ring->tail, tail, memory_order_release);
	*lost = all_lost - ring->lost_told;
	ring->lost_told = all_lost;
	return n;
}
