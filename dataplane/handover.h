/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * handover.h - a ring by which one worker gives another a copy of an answer that came in on the wrong
 * queue. Single producer, single consumer, fixed slots, no lock, never waits: full = dropped and
 * counted by the caller.
 */
#ifndef DATAPLANE_HANDOVER_H
#define DATAPLANE_HANDOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "dataplane/packet.h"

struct dp_handover;

enum { DP_HANDOVER_PAYLOAD_MAX = 1952 };

/* slots: a power of two. NULL without memory. */
struct dp_handover *dp_handover_new(unsigned slots);
void dp_handover_free(struct dp_handover *ring);

/* Producer's thread. False when full, or payload_len is 0 or over DP_HANDOVER_PAYLOAD_MAX. */
bool dp_handover_push(struct dp_handover *ring, const struct dp_flow *flow, const uint8_t *payload,
		      uint16_t payload_len);

/* Consumer's thread. Copies the oldest that fits payload (size octets) into it and flow, and discards those
 * before it; its length, 0 when empty. */
uint16_t dp_handover_pop(struct dp_handover *ring, struct dp_flow *flow, uint8_t *payload,
			 size_t size);
bool dp_handover_empty(const struct dp_handover *ring);

#endif
