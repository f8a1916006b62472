/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * announce.c - ARP frames for virtual addresses (RFC 826, RFC 5227; RFC 9568, 8.1.2). Contract in announce.h.
 */
#include "vrrp/announce.h"

#include <string.h>

enum {
	ETH_SOURCE = 6, ETH_TYPE = 12, ETH_LEN = 14,
	ETH_TYPE_ARP = 0x0806,

	/* of the frame */
	ARP_FIXED = ETH_LEN,		/* hardware type, protocol type, both address lengths */
	ARP_OPERATION = ETH_LEN + 6, ARP_SENDER_MAC = ETH_LEN + 8, ARP_SENDER = ETH_LEN + 14,
	ARP_TARGET_MAC = ETH_LEN + 18, ARP_TARGET = ETH_LEN + 24,
	ARP_REQUEST = 1, ARP_REPLY = 2,
};

/* ARP for IPv4 over Ethernet. */
static const uint8_t fixed[] = { 0x00, 0x01, 0x08, 0x00, 6, 4 };

static size_t write_arp(uint8_t *out, const uint8_t destination[6], const uint8_t source[6],
			uint8_t operation)
{
	memcpy(out, destination, 6);
	memcpy(out + ETH_SOURCE, source, 6);
	out[ETH_TYPE] = ETH_TYPE_ARP >> 8;
	out[ETH_TYPE + 1] = ETH_TYPE_ARP & 0xff;
	memcpy(out + ARP_FIXED, fixed, sizeof(fixed));
	out[ARP_OPERATION] = 0;
	out[ARP_OPERATION + 1] = operation;
	memcpy(out + ARP_SENDER_MAC, source, 6);
	return VRRP_ARP_FRAME;
}

size_t vrrp_announce_arp(const struct addr *address, const uint8_t mac[6], uint8_t *out)
{
	static const uint8_t broadcast[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

	memcpy(out + ARP_SENDER, address->bytes + 12, 4);
	memcpy(out + ARP_TARGET_MAC, mac, 6);
	memcpy(out + ARP_TARGET, address->bytes + 12, 4);
	return write_arp(out, broadcast, mac, ARP_REQUEST);
}

/* A hardware address that one host can have. */
static bool is_unicast(const uint8_t *mac)
{
	static const uint8_t none[6];

	return !(mac[0] & 1) && memcmp(mac, none, sizeof(none)) != 0;
}

bool vrrp_arp_read(const uint8_t *frame, size_t len, struct vrrp_arp *arp)
{
	uint32_t sender_be, target_be;

	if (len < VRRP_ARP_FRAME || frame[ETH_TYPE] != ETH_TYPE_ARP >> 8 ||
	    frame[ETH_TYPE + 1] != (ETH_TYPE_ARP & 0xff) ||
	    memcmp(frame + ARP_FIXED, fixed, sizeof(fixed)) != 0)
		return false;
	if (frame[ARP_OPERATION] ||
	    (frame[ARP_OPERATION + 1] != ARP_REQUEST && frame[ARP_OPERATION + 1] != ARP_REPLY))
		return false;
	if (!is_unicast(frame + ETH_SOURCE) || !is_unicast(frame + ARP_SENDER_MAC))
		return false;

	memcpy(&sender_be, frame + ARP_SENDER, sizeof(sender_be));
	memcpy(&target_be, frame + ARP_TARGET, sizeof(target_be));
	arp->request = frame[ARP_OPERATION + 1] == ARP_REQUEST;
	arp->sender = addr_from_v4(sender_be);
	arp->target = addr_from_v4(target_be);
	memcpy(arp->sender_mac, frame + ARP_SENDER_MAC, 6);
	memcpy(arp->source_mac, frame + ETH_SOURCE, 6);
	return true;
}

size_t vrrp_arp_reply(const struct vrrp_arp *request, const uint8_t mac[6], uint8_t *out)
{
	memcpy(out + ARP_SENDER, request->target.bytes + 12, 4);
	memcpy(out + ARP_TARGET_MAC, request->sender_mac, 6);
	memcpy(out + ARP_TARGET, request->sender.bytes + 12, 4);
	return write_arp(out, request->sender_mac, mac, ARP_REPLY);
}
