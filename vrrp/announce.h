/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * announce.h - telling the network where a virtual address is: gratuitous ARP and unsolicited neighbour advertisements,
 * and answers to ARP requests and neighbour solicitations. Frames only; when to send them is the engine's. Pure
 * functions.
 */
#ifndef VRRP_ANNOUNCE_H
#define VRRP_ANNOUNCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"

enum {
	VRRP_ARP_FRAME = 42,
	VRRP_NS_FRAME = 14 + 40 + 24,
	VRRP_NA_FRAME = VRRP_NS_FRAME + 8,	/* with the link-layer address as its one option */
	VRRP_ANNOUNCE_MAX = VRRP_NA_FRAME,
};

/* Broadcast gratuitous ARP request for address at mac, Ethernet source mac (RFC 5227; V140). 42 octets. */
size_t vrrp_announce_arp(const struct addr *address, const uint8_t mac[6], uint8_t *out);

/* Broadcast ARP probe: who has address? From mac, the interface's own, without an address (RFC 5227, 2.1.1). 42
 * octets. */
size_t vrrp_arp_probe(const struct addr *address, const uint8_t mac[6], uint8_t *out);

/* Neighbour advertisement to all nodes: address is at mac (Ethernet source too), a router, overriding what was known
 * (RFC 9568, 6.4.1; V141). source is link-local. */
size_t vrrp_announce_na(const struct addr *address, const struct addr *source, const uint8_t mac[6], uint8_t *out);

/* Neighbour solicitation without a source, to the group of address: who has it? From mac, the interface's own, as
 * duplicate address detection asks (RFC 4862, 5.4.2). VRRP_NS_FRAME octets. */
size_t vrrp_nd_probe(const struct addr *address, const uint8_t mac[6], uint8_t *out);

/* What others ask and say of addresses, by ARP or neighbour discovery. */
struct vrrp_inquiry {
	bool request;			/* asks for target, else says that sender is at sender_mac */
	struct addr sender, target;	/* sender unspecified: it has no address yet; an advertisement's target is both */
	uint8_t sender_mac[6];		/* as stated inside; of the Ethernet header where nothing is (IPv6) */
	uint8_t source_mac[6];		/* of the Ethernet header */
};

/* Reads an Ethernet frame; false unless it is ARP for IPv4 over Ethernet, complete and sane. */
bool vrrp_arp_read(const uint8_t *frame, size_t len, struct vrrp_inquiry *arp);

/* The reply to request: target is at mac; unicast to the asker, Ethernet source mac. 42 octets. */
size_t vrrp_arp_reply(const struct vrrp_inquiry *request, const uint8_t mac[6], uint8_t *out);

/* Reads an Ethernet frame; false unless it is a neighbour solicitation or advertisement that passes all of RFC 4861,
 * 7.1.1 or 7.1.2, without extension headers. */
bool vrrp_nd_read(const uint8_t *frame, size_t len, struct vrrp_inquiry *nd);

/* The advertisement in answer to a solicitation: target is at mac, from target and mac; unicast to the asker, to all
 * nodes when that one has no address yet (duplicate address detection). VRRP_NA_FRAME octets. */
size_t vrrp_nd_reply(const struct vrrp_inquiry *request, const uint8_t mac[6], uint8_t *out);

/* ff02::1:ffXX:XXXX, which solicitations for address are sent to, and its multicast MAC. */
struct addr vrrp_solicited_node(const struct addr *address);
void vrrp_multicast_mac(const struct addr *group, uint8_t mac[6]);

#endif
