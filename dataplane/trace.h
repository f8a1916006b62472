/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * trace.h - "tandemctl capture": tcpdump sees nothing of AF_XDP, so the workers copy what a filter picks
 * into a ring each, bounded in number; the control thread drains the rings into a pcap stream. Frames are
 * written anew from flow and payload (so kernel-path and TCP messages show as UDP frames, MACs zero where
 * unknown). Costs one pointer test a batch when off.
 */
#ifndef DATAPLANE_TRACE_H
#define DATAPLANE_TRACE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "dataplane/packet.h"
#include "pools/name.h"

struct dp_trace_ring;		/* one per worker: worker writes, control reads */

/* What to pick; every given part must match. Immutable once published; retired by epoch. */
struct dp_trace {
	bool by_client, by_name, by_server;
	struct prefix client;
	struct name name;		/* this name and everything below it */
	struct endpoint server;
	_Atomic uint32_t left;		/* frames still wanted; workers count down */
};

struct dp_trace_ring *dp_trace_ring_new(void);
void dp_trace_ring_free(struct dp_trace_ring *ring);

/* Does a query of client for name match what can be known so far (everything but the server)? With
 * server != NULL the server part too. Worker. */
bool dp_trace_match(const struct dp_trace *trace, const struct addr *client, const struct name *name,
		    const struct endpoint *server);

/* Copies one message, sent (own to peer) or received (peer to own), if the trace still wants frames.
 * Full ring: lost and counted. Worker. */
void dp_trace_put(struct dp_trace *trace, struct dp_trace_ring *ring, const struct dp_flow *flow,
		  bool sent, const uint8_t *payload, uint16_t payload_len);

/* Control thread: writes the pcap file header (LINKTYPE_ETHERNET, nanoseconds), 24 octets. */
size_t dp_trace_pcap_header(uint8_t *out);
/* Takes the oldest captured frame as a pcap record (header and frame) into out (4096 octets are always
 * enough); its length, 0 when the ring is empty or size too small for it. Messages over some 4000 octets are cut,
 * which the record says. */
size_t dp_trace_pop(struct dp_trace_ring *ring, uint8_t *out, size_t size);
uint64_t dp_trace_lost(const struct dp_trace_ring *ring);

#endif
