/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * advert.h - VRRPv3 advertisements (RFC 9568, 5): octets to values and back, with all checks that need no
 * state. Decoded once, to host order. Pure functions.
 */
#ifndef VRRP_ADVERT_H
#define VRRP_ADVERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"

enum {
	VRRP_PROTOCOL = 112,
	VRRP_TTL = 255,
	VRRP_ADDRESSES_MAX = 16,		/* of one virtual router */
	VRRP_PRIORITY_RELEASE = 0,		/* the Active goes */
	VRRP_PRIORITY_OWNER = 255,
	VRRP_INTERVAL_MAX_CS = 4095,
	VRRP_MESSAGE_MAX = 8 + 16 * VRRP_ADDRESSES_MAX,
	VRRP_FRAME_MAX = 14 + 40 + VRRP_MESSAGE_MAX,
};

/* IPv4 only; IPv6 always has the pseudo-header. BOTH is for receiving. */
enum vrrp_checksum { VRRP_CHECKSUM_RFC9568, VRRP_CHECKSUM_RFC5798, VRRP_CHECKSUM_BOTH };
const char *vrrp_checksum_name(enum vrrp_checksum mode);

struct vrrp_advert {
	uint8_t vrid, priority;
	uint16_t interval_cs;			/* 1-4095 */
	uint8_t count;				/* as sent; the first VRRP_ADDRESSES_MAX are kept */
	struct addr addresses[VRRP_ADDRESSES_MAX];	/* in the order of the message */
};

/* Family of an advertisement is that of the addresses it travels between. */
struct vrrp_path {
	struct addr source, destination;
};

/* Checks in this order (each failure one counter): what arrived first decides. */
enum vrrp_reject {
	VRRP_ACCEPTED,
	VRRP_REJECT_TTL,		/* TTL or hop limit not 255, or not what max_hops leaves of it */
	VRRP_REJECT_OPTIONS,		/* IPv4 options, IPv6 extension headers, a fragment: no plain header */
	VRRP_REJECT_VERSION,
	VRRP_REJECT_TYPE,
	VRRP_REJECT_LENGTH,		/* under 8 octets, or fewer than the count of addresses needs, or more */
	VRRP_REJECT_CHECKSUM,		/* of the message, or of the IPv4 header */
	VRRP_REJECT_VRID,		/* no such virtual router here; found by the caller */
	VRRP_REJECT_COUNT,		/* no address */
	VRRP_REJECT_INTERVAL,		/* 0 */
	VRRP_REJECT_FIRST_ADDRESS,	/* IPv6: not link-local */
	VRRP_REJECT_OWN,		/* from our own address: a loop, or a duplicate; found by the caller */
	VRRP_REJECT_PEER,		/* from none of the configured peers; found by the caller */
	VRRP_REJECTS
};
const char *vrrp_reject_name(enum vrrp_reject reject);	/* "ttl", "version", ... */

/* Writes the message (not the IP header). out has VRRP_MESSAGE_MAX octets. Returns the length. */
size_t vrrp_advert_encode(const struct vrrp_advert *advert, const struct vrrp_path *path,
			  enum vrrp_checksum mode, uint8_t *out);

/*
 * Reads an IP packet (header first, len octets as the link delivered them, padding allowed behind the IP total
 * length) that carries protocol 112. Octets inside the IP payload behind the message are rejected as a wrong
 * length. accepted: modes that pass; *used, the mode that matched. *path is filled once the IP header is there,
 * *advert once the checksum is right (so from VRRP_REJECT_VRID on its vrid can be looked at); else both are zero.
 */
enum vrrp_reject vrrp_advert_decode(const uint8_t *packet, size_t len, enum vrrp_checksum accepted,
				    struct vrrp_advert *advert, struct vrrp_path *path,
				    enum vrrp_checksum *used);
/* The same from a peer that may be max_hops routers away, each of which took one off the TTL (V040). */
enum vrrp_reject vrrp_advert_decode_far(const uint8_t *packet, size_t len, enum vrrp_checksum accepted,
					uint8_t max_hops, struct vrrp_advert *advert, struct vrrp_path *path,
					enum vrrp_checksum *used);

/* A whole frame: Ethernet (destination 01:00:5e:00:00:12 or 33:33:00:00:00:12), IP (TTL 255, DSCP CS6), message.
 * Returns its length (VRRP_FRAME_MAX octets are enough). For unicast the caller puts the next hop's MAC in front. */
size_t vrrp_advert_frame(const struct vrrp_advert *advert, const struct vrrp_path *path,
			 enum vrrp_checksum mode, const uint8_t source_mac[6], uint8_t *out);

/* 00:00:5e:00:01:VRID, for IPv6 00:00:5e:00:02:VRID. */
void vrrp_virtual_mac(uint8_t vrid, bool ipv6, uint8_t mac[6]);

/* Whom advertisements are sent to: 224.0.0.18, ff02::12. */
struct addr vrrp_group(bool ipv6);

/* The link-local address of an IPv6 virtual router that was given none: the same on all of its nodes, because it is
 * made of the virtual MAC, as RFC 2464 makes a host's: fe80::200:5eff:fe00:2VV. */
struct addr vrrp_link_local(uint8_t vrid);

/* Interval in nanoseconds; Skew_Time and Active_Down_Interval (RFC 9568, 6.1), exact to the nanosecond. */
uint64_t vrrp_interval_ns(uint16_t interval_cs);
uint64_t vrrp_skew_ns(uint8_t priority, uint16_t interval_cs);
uint64_t vrrp_down_ns(uint8_t priority, uint16_t interval_cs);

#endif
