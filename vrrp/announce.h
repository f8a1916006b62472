/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * announce.h - telling the network where a virtual address is: gratuitous ARP and answers to ARP requests.
 * Frames only; when to send them is the engine's. Pure functions.
 */
#ifndef VRRP_ANNOUNCE_H
#define VRRP_ANNOUNCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"

enum { VRRP_ARP_FRAME = 42 };

/* Broadcast gratuitous ARP request for address at mac, Ethernet source mac (RFC 5227; V140). 42 octets. */
size_t vrrp_announce_arp(const struct addr *address, const uint8_t mac[6], uint8_t *out);

struct vrrp_arp {
	bool request;			/* else reply */
	struct addr sender, target;
	uint8_t sender_mac[6];		/* of the ARP body */
	uint8_t source_mac[6];		/* of the Ethernet header */
};

/* Reads an Ethernet frame; false unless it is ARP for IPv4 over Ethernet, complete and sane. */
bool vrrp_arp_read(const uint8_t *frame, size_t len, struct vrrp_arp *arp);

/* The reply to request: target is at mac; unicast to the asker, Ethernet source mac. 42 octets. */
size_t vrrp_arp_reply(const struct vrrp_arp *request, const uint8_t mac[6], uint8_t *out);

#endif
