/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * announce.c - ARP (RFC 826, RFC 5227; RFC 9568, 8.1.2) and neighbour discovery (RFC 4861, 4.3, 4.4, 7.1; RFC 9568,
 * 8.2.2) for virtual addresses. Contract in announce.h.
 */
#include "vrrp/announce.h"

#include <string.h>

#include "vrrp/octets.h"

enum {
	ETH_SOURCE = 6, ETH_TYPE = 12, ETH_LEN = 14,
	ETH_TYPE_ARP = 0x0806,

	/* of the frame */
	ARP_FIXED = ETH_LEN,		/* hardware type, protocol type, both address lengths */
	ARP_OPERATION = ETH_LEN + 6, ARP_SENDER_MAC = ETH_LEN + 8, ARP_SENDER = ETH_LEN + 14,
	ARP_TARGET_MAC = ETH_LEN + 18, ARP_TARGET = ETH_LEN + 24,
	ARP_REQUEST = 1, ARP_REPLY = 2,

	IPV6_PAYLOAD_LEN = ETH_LEN + 4, IPV6_NEXT_HEADER = ETH_LEN + 6, IPV6_HOP_LIMIT = ETH_LEN + 7,
	IPV6_SOURCE = ETH_LEN + 8, IPV6_DESTINATION = ETH_LEN + 24,
	ND = ETH_LEN + 40,		/* the ICMPv6 message */
	ND_CODE = ND + 1, ND_CHECKSUM = ND + 2, ND_FLAGS = ND + 4, ND_TARGET = ND + 8, ND_OPTIONS = ND + 24,
	ND_LEN = ND_OPTIONS - ND,	/* without options */
	ND_OPTION_UNIT = 8,		/* octets that an option's length is counted in */
	ETH_TYPE_IPV6 = 0x86dd,
	ICMPV6 = 58,
	ND_HOP_LIMIT = 255,
	ND_SOLICITATION = 135, ND_ADVERTISEMENT = 136,
	OPTION_SOURCE_MAC = 1, OPTION_TARGET_MAC = 2,
	NA_ROUTER = 0x80, NA_SOLICITED = 0x40, NA_OVERRIDE = 0x20,
};

static const struct addr unspecified;
static const struct addr all_nodes = { .bytes = { 0xff, 0x02, [15] = 1 } };

/* ---- ARP ---- */

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

static const uint8_t broadcast[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

size_t vrrp_announce_arp(const struct addr *address, const uint8_t mac[6], uint8_t *out)
{
	memcpy(out + ARP_SENDER, address->bytes + 12, 4);
	memcpy(out + ARP_TARGET_MAC, mac, 6);
	memcpy(out + ARP_TARGET, address->bytes + 12, 4);
	return write_arp(out, broadcast, mac, ARP_REQUEST);
}

size_t vrrp_arp_probe(const struct addr *address, const uint8_t mac[6], uint8_t *out)
{
	memset(out + ARP_SENDER, 0, 4);
	memset(out + ARP_TARGET_MAC, 0, 6);
	memcpy(out + ARP_TARGET, address->bytes + 12, 4);
	return write_arp(out, broadcast, mac, ARP_REQUEST);
}

/* A hardware address that one host can have. */
static bool is_unicast(const uint8_t *mac)
{
	static const uint8_t none[6];

	return !(mac[0] & 1) && memcmp(mac, none, sizeof(none)) != 0;
}

bool vrrp_arp_read(const uint8_t *frame, size_t len, struct vrrp_inquiry *arp)
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

size_t vrrp_arp_reply(const struct vrrp_inquiry *request, const uint8_t mac[6], uint8_t *out)
{
	memcpy(out + ARP_SENDER, request->target.bytes + 12, 4);
	memcpy(out + ARP_TARGET_MAC, request->sender_mac, 6);
	memcpy(out + ARP_TARGET, request->sender.bytes + 12, 4);
	return write_arp(out, request->sender_mac, mac, ARP_REPLY);
}

/* ---- neighbour discovery ---- */

struct addr vrrp_solicited_node(const struct addr *address)
{
	struct addr group = { .bytes = { 0xff, 0x02, [11] = 1, [12] = 0xff } };

	memcpy(group.bytes + 13, address->bytes + 13, 3);
	return group;
}

void vrrp_multicast_mac(const struct addr *group, uint8_t mac[6])
{
	mac[0] = mac[1] = 0x33;
	memcpy(mac + 2, group->bytes + 12, 4);
}

static uint16_t icmpv6_checksum(const uint8_t *frame, size_t len)
{
	struct addr source, destination;
	uint32_t sum;

	memcpy(source.bytes, frame + IPV6_SOURCE, 16);
	memcpy(destination.bytes, frame + IPV6_DESTINATION, 16);
	sum = sum_pseudo_header(&source, &destination, ICMPV6, len);
	if (len % 2)
		sum += (uint32_t)frame[ND + len - 1] << 8;
	return finish_sum(sum_words(sum, frame + ND, len & ~(size_t)1));
}

/* A message of len octets about target, but for what is of its type alone, and its checksum. */
static void begin_nd(uint8_t *out, size_t len, uint8_t type, const uint8_t to_mac[6], const uint8_t mac[6],
		     const struct addr *source, const struct addr *destination, const struct addr *target)
{
	memset(out, 0, ND + len);
	memcpy(out, to_mac, 6);
	memcpy(out + ETH_SOURCE, mac, 6);
	put16(out + ETH_TYPE, ETH_TYPE_IPV6);
	out[ETH_LEN] = 6 << 4;
	put16(out + IPV6_PAYLOAD_LEN, (uint16_t)len);
	out[IPV6_NEXT_HEADER] = ICMPV6;
	out[IPV6_HOP_LIMIT] = ND_HOP_LIMIT;
	memcpy(out + IPV6_SOURCE, source->bytes, 16);
	memcpy(out + IPV6_DESTINATION, destination->bytes, 16);
	out[ND] = type;
	memcpy(out + ND_TARGET, target->bytes, 16);
}

static size_t write_na(uint8_t *out, const uint8_t to_mac[6], const struct addr *source, const struct addr *destination,
		       const struct addr *target, const uint8_t mac[6], uint8_t flags)
{
	begin_nd(out, VRRP_NA_FRAME - ND, ND_ADVERTISEMENT, to_mac, mac, source, destination, target);
	out[ND_FLAGS] = flags;
	out[ND_OPTIONS] = OPTION_TARGET_MAC;
	out[ND_OPTIONS + 1] = 1;
	memcpy(out + ND_OPTIONS + 2, mac, 6);
	put16(out + ND_CHECKSUM, icmpv6_checksum(out, VRRP_NA_FRAME - ND));
	return VRRP_NA_FRAME;
}

size_t vrrp_announce_na(const struct addr *address, const struct addr *source, const uint8_t mac[6], uint8_t *out)
{
	uint8_t to_mac[6];

	vrrp_multicast_mac(&all_nodes, to_mac);
	return write_na(out, to_mac, source, &all_nodes, address, mac, NA_ROUTER | NA_OVERRIDE);
}

size_t vrrp_nd_probe(const struct addr *address, const uint8_t mac[6], uint8_t *out)
{
	struct addr group = vrrp_solicited_node(address);
	uint8_t to_mac[6];

	vrrp_multicast_mac(&group, to_mac);
	begin_nd(out, ND_LEN, ND_SOLICITATION, to_mac, mac, &unspecified, &group, address);
	put16(out + ND_CHECKSUM, icmpv6_checksum(out, ND_LEN));
	return VRRP_NS_FRAME;
}

size_t vrrp_nd_reply(const struct vrrp_inquiry *request, const uint8_t mac[6], uint8_t *out)
{
	uint8_t to_mac[6];

	if (!addr_equal(&request->sender, &unspecified))
		return write_na(out, request->sender_mac, &request->target, &request->sender, &request->target, mac,
				NA_ROUTER | NA_SOLICITED | NA_OVERRIDE);
	vrrp_multicast_mac(&all_nodes, to_mac);
	return write_na(out, to_mac, &request->target, &all_nodes, &request->target, mac, NA_ROUTER | NA_OVERRIDE);
}

/* Walks the options up to end; *found is where the wanted one has its address, NULL without it. False: one has no
 * length, or more than there is. */
static bool find_option(const uint8_t *at, const uint8_t *end, uint8_t wanted, const uint8_t **found)
{
	*found = NULL;
	while (at < end) {
		size_t len = end - at < 2 ? 0 : at[1] * (size_t)ND_OPTION_UNIT;

		if (!len || len > (size_t)(end - at))
			return false;
		if (at[0] == wanted && len == ND_OPTION_UNIT)
			*found = at + 2;
		at += len;
	}
	return true;
}

/* RFC 4861, 7.1: what does not depend on the message. Its length, 0 when it is none for us. */
static size_t nd_len(const uint8_t *frame, size_t len)
{
	size_t message_len;

	if (len < ND_OPTIONS || get16(frame + ETH_TYPE) != ETH_TYPE_IPV6 || frame[ETH_LEN] >> 4 != 6 ||
	    frame[IPV6_NEXT_HEADER] != ICMPV6 || frame[IPV6_HOP_LIMIT] != ND_HOP_LIMIT)
		return 0;
	message_len = get16(frame + IPV6_PAYLOAD_LEN);
	if (message_len < ND_LEN || message_len > len - ND || frame[ND_CODE] || icmpv6_checksum(frame, message_len))
		return 0;
	return message_len;
}

/* A solicitation without source is for the group of its target, and says no MAC. */
static bool solicits_sanely(const struct vrrp_inquiry *nd, const struct addr *destination, const uint8_t *option)
{
	struct addr group = vrrp_solicited_node(&nd->target);

	return !addr_equal(&nd->sender, &unspecified) || (addr_equal(destination, &group) && !option);
}

bool vrrp_nd_read(const uint8_t *frame, size_t len, struct vrrp_inquiry *nd)
{
	size_t message_len = nd_len(frame, len);
	struct addr destination;
	const uint8_t *option;
	bool asks;

	if (!message_len || (frame[ND] != ND_SOLICITATION && frame[ND] != ND_ADVERTISEMENT))
		return false;
	asks = frame[ND] == ND_SOLICITATION;
	if (!find_option(frame + ND_OPTIONS, frame + ND + message_len, asks ? OPTION_SOURCE_MAC : OPTION_TARGET_MAC,
			 &option))
		return false;
	memcpy(destination.bytes, frame + IPV6_DESTINATION, 16);
	memcpy(nd->target.bytes, frame + ND_TARGET, 16);
	memcpy(nd->sender.bytes, frame + (asks ? IPV6_SOURCE : ND_TARGET), 16);
	memcpy(nd->source_mac, frame + ETH_SOURCE, 6);
	memcpy(nd->sender_mac, option ? option : nd->source_mac, 6);
	nd->request = asks;
	if (nd->target.bytes[0] == 0xff || nd->sender.bytes[0] == 0xff || !is_unicast(nd->source_mac) ||
	    !is_unicast(nd->sender_mac))
		return false;
	if (asks)
		return solicits_sanely(nd, &destination, option);
	return destination.bytes[0] != 0xff || !(frame[ND_FLAGS] & NA_SOLICITED);
}
