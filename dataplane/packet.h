/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet.h - L2 to L4: a frame becomes a flow and a payload, and back. Both families and the VLAN tag end
 * in one struct dp_flow; nothing behind this file branches on them. Pure functions of octets.
 */
#ifndef DATAPLANE_PACKET_H
#define DATAPLANE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"

/* One direction-free path: "peer" is the other side, "own" is us. 64 octets. */
struct dp_flow {
	struct addr peer, own;
	uint16_t peer_port, own_port;	/* host order */
	uint8_t peer_mac[6], own_mac[6];
	uint16_t vlan;			/* TCI as received, 0 = untagged */
	uint8_t port;			/* index of the port */
	uint8_t traffic_class;		/* DSCP and ECN as received */
	uint8_t spare[8];
};
_Static_assert(sizeof(struct dp_flow) == 64, "one cache line");

enum dp_parse {
	DP_PARSE_OK,
	DP_PARSE_UNFINISHED,		/* OK, but the UDP checksum is only the pseudo-header's sum: an offload
					 * that a neighbour on the same host left undone; counted apart */
	DP_PARSE_NOT_UDP,		/* not IPv4/UDP as the filter promises */
	DP_PARSE_LENGTH,		/* lengths contradict each other, or too short */
	DP_PARSE_IP_CHECKSUM,
	DP_PARSE_UDP_CHECKSUM,
	DP_PARSE_SOURCE,		/* port 0, special address, our own, or IPv4-mapped in IPv6 (D022) */
};

enum {
	DP_ETHERNET_MAX = 14 + 4,		/* with a VLAN tag; what the MTU does not count */
	DP_IP_UDP_MAX = 40 + 8,
	/* what dp_packet_write() may need in front of the payload */
	DP_HEADERS_MAX = DP_ETHERNET_MAX + DP_IP_UDP_MAX,
	DP_REPLY_TTL = 64,
};

/* Reads a received frame (peer = source). *payload points into frame; its length is the UDP length's, so
 * padding is never read. Every length is checked here; later code trusts payload_len. verify: the UDP checksum too,
 * which some cards have done already. flow->port is the caller's. */
enum dp_parse dp_packet_parse(uint8_t *frame, size_t len, bool verify, struct dp_flow *flow, uint8_t **payload,
			      uint16_t *payload_len);

/*
 * Writes Ethernet, VLAN, IP and UDP headers in front of payload (DP_HEADERS_MAX octets must be there), from own
 * to peer: TTL 64, DF, IP id 0, given traffic class, flow label 0, all checksums computed (0 is sent as 0xffff).
 * Returns the first octet of the frame; the frame's length is (payload - frame) + payload_len.
 */
uint8_t *dp_packet_write(uint8_t *payload, uint16_t payload_len, const struct dp_flow *flow);

/* Internet checksum (RFC 1071) of len octets added to sum, not folded; and the folding complement. The result uses
 * all 64 bits. Only the last piece of a sum may be of odd length. */
uint64_t dp_checksum_add(uint64_t sum, const void *data, size_t len);
uint16_t dp_checksum_finish(uint64_t sum);	/* as it stands in the header, network order */

#endif
