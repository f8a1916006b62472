/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * handover.c - single producer, single consumer ring of messages, by copy.
 * Both positions only grow and wrap at 2^32; their difference is what waits. Each side has a cache line of its own
 * with a copy of the other's position, read again only when the copy says full or empty.
 */
#include "dataplane/handover.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct slot {
	struct dp_flow flow;
	uint16_t len;
	uint8_t payload[DP_HANDOVER_PAYLOAD_MAX];
};

struct dp_handover {
	/* producer's line */
	_Alignas(64) _Atomic uint32_t head;
	uint32_t tail_seen;
	/* consumer's line */
	_Alignas(64) _Atomic uint32_t tail;
	uint32_t head_seen;
	/* never written after start */
	_Alignas(64) uint32_t mask;
	struct slot *slots;
};

struct dp_handover *dp_handover_new(unsigned slots)
{
	struct dp_handover *ring;

	assert(slots > 0 && (slots & (slots - 1)) == 0);
	ring = aligned_alloc(_Alignof(struct dp_handover), sizeof(*ring));
	if (!ring)
		return NULL;
	memset(ring, 0, sizeof(*ring));
	ring->mask = slots - 1;
	ring->slots = malloc(slots * sizeof(*ring->slots));
	if (!ring->slots) {
		free(ring);
		return NULL;
	}
	return ring;
}

void dp_handover_free(struct dp_handover *ring)
{
	if (!ring)
		return;
	free(ring->slots);
	free(ring);
}

bool dp_handover_push(struct dp_handover *ring, const struct dp_flow *flow, const uint8_t *payload,
		      uint16_t payload_len)
{
	uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);
	struct slot *slot = &ring->slots[head & ring->mask];

	if (payload_len == 0 || payload_len > DP_HANDOVER_PAYLOAD_MAX)
		return false;
	if (head - ring->tail_seen > ring->mask) {
		/* acquire: the consumer has copied what it took before we write over it */
		ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
		if (head - ring->tail_seen > ring->mask)
			return false;
	}
	slot->flow = *flow;
	slot->len = payload_len;
	memcpy(slot->payload, payload, payload_len);
	atomic_store_explicit(&ring->head, head + 1, memory_order_release);
	return true;
}

uint16_t dp_handover_pop(struct dp_handover *ring, struct dp_flow *flow, uint8_t *payload,
			 size_t size)
{
	uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	uint16_t len = 0;

	while (len == 0) {
		const struct slot *slot = &ring->slots[tail & ring->mask];

		if (ring->head_seen == tail) {
			ring->head_seen = atomic_load_explicit(&ring->head, memory_order_acquire);
			if (ring->head_seen == tail)
				break;
		}
		if (slot->len <= size) {
			len = slot->len;
			*flow = slot->flow;
			memcpy(payload, slot->payload, len);
		}
		atomic_store_explicit(&ring->tail, ++tail, memory_order_release);
	}
	return len;
}

bool dp_handover_empty(const struct dp_handover *ring)
{
	return atomic_load_explicit((_Atomic uint32_t *)&ring->head, memory_order_acquire) ==
	       atomic_load_explicit((_Atomic uint32_t *)&ring->tail, memory_order_relaxed);
}
