/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * publish.h - what passes between the VRRP thread and the control thread without a lock: values that are replaced
 * whole, and a ring of transitions. One writer and one reader each.
 */
#ifndef VRRP_PUBLISH_H
#define VRRP_PUBLISH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "vrrp/engine.h"

enum { VRRP_RING = 128 };	/* a power of two: indices wrap */

/*
 * A value behind a sequence number that is odd while it is written. words has room for size octets, rounded up to
 * whole words. Reading gives false when a write is under way: the real-time thread must not wait for a writer
 * that it may have interrupted, so it comes back when it is rung; the control thread tries again.
 */
struct vrrp_cell {
	_Atomic uint32_t sequence;
};
#define VRRP_CELL_WORDS(type) ((sizeof(type) + sizeof(uint64_t) - 1) / sizeof(uint64_t))

void vrrp_cell_write(struct vrrp_cell *cell, _Atomic uint64_t *words, const void *value, size_t size);
bool vrrp_cell_read(struct vrrp_cell *cell, const _Atomic uint64_t *words, void *value, size_t size);

struct vrrp_ring {
	_Atomic uint32_t head, tail;		/* written up to head, read up to tail */
	_Atomic uint64_t lost;
	uint64_t lost_told;			/* reader's */
	struct vrrp_transition entries[VRRP_RING];
};

/* VRRP thread. A full ring loses the entry and counts it. */
void vrrp_ring_put(struct vrrp_ring *ring, const struct vrrp_transition *transition);
/* Control thread. */
unsigned vrrp_ring_take(struct vrrp_ring *ring, struct vrrp_transition *out, unsigned max,
			uint64_t *lost);

#endif
