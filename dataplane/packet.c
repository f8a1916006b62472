/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * packet.c - Ethernet, one 802.1Q tag, IPv4 or IPv6, UDP: a frame to a flow and a payload, and back.
 * An L2 and an L3 step fill one struct of offsets, the UDP step works on that. Pure functions of octets.
 *
 * Both families are summed alike: an IPv4 address as ::ffff:a.b.c.d adds 0xffff to the ones' complement
 * sum, which is zero there (RFC 1071, 1), so the pseudo-headers need no branch.
 */
#include "dataplane/packet.h"

#include <netinet/in.h>
#include <string.h>
#include <linux/if_ether.h>
#include "dataplane/wire.h"

enum {
	VLAN_LEN = 4,

	IPV4_LEN = 20,
	IPV4_TRAFFIC_CLASS = 1, IPV4_TOTAL_LEN = 2, IPV4_ID = 4, IPV4_FRAGMENT = 6, IPV4_TTL = 8,
	IPV4_PROTOCOL = 9, IPV4_CHECKSUM = 10, IPV4_SOURCE = 12, IPV4_DESTINATION = 16,
	IPV4_VERSION_LEN = 0x45,	/* version 4, no options */
	IPV4_DF = 0x4000,
	IPV4_IS_FRAGMENT = 0x3fff,	/* MF or an offset */

	IPV6_LEN = 40,
	IPV6_PAYLOAD_LEN = 4, IPV6_NEXT_HEADER = 6, IPV6_HOP_LIMIT = 7, IPV6_SOURCE = 8,
	IPV6_DESTINATION = 24,

	UDP_LEN = 8,
	UDP_SOURCE = 0, UDP_DESTINATION = 2, UDP_LENGTH = 4, UDP_CHECKSUM = 6,
};

/* What the steps have found so far: offsets into the frame. */
struct layers {
	uint16_t eth_type;
	size_t l3, l4;
	size_t end;	/* of the octets that count: the frame's, then the IP packet's */
};

uint64_t dp_checksum_add(uint64_t sum, const void *data, size_t len)
{
	const uint8_t *at = data;
	unsigned __int128 wide = sum;	/* the upper half counts the carries */
	uint64_t octets8, folded;
	uint32_t octets4;
	uint16_t octets2;

	for (; len >= 8; len -= 8, at += 8) {
		memcpy(&octets8, at, 8);
		wide += octets8;
	}
	if (len & 4) {
		memcpy(&octets4, at, 4);
		wide += octets4;
		at += 4;
	}
	if (len & 2) {
		memcpy(&octets2, at, 2);
		wide += octets2;
		at += 2;
	}
	if (len & 1)
		wide += htobe16((uint16_t)(*at << 8));	/* padded with a zero octet */
	folded = (uint64_t)wide + (uint64_t)(wide >> 64);
	return folded + (folded < (uint64_t)wide);
}

uint16_t dp_checksum_finish(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Sum of the pseudo-header and of more, which is small: dp_checksum_add() fills all 64 bits. */
static uint64_t pseudo_header_sum(const struct dp_flow *flow, uint16_t udp_len, uint32_t more)
{
	uint64_t sum = (uint64_t)htobe16(IPPROTO_UDP) + htobe16(udp_len) + more;

	sum = dp_checksum_add(sum, &flow->own, sizeof(flow->own));
	return dp_checksum_add(sum, &flow->peer, sizeof(flow->peer));
}

static enum dp_parse parse_ethernet(const uint8_t *frame, struct layers *at, struct dp_flow *flow)
{
	if (at->end < ETH_HLEN)
		return DP_PARSE_LENGTH;
	memcpy(flow->own_mac, frame, ETH_ALEN);
	memcpy(flow->peer_mac, frame + ETH_ALEN, ETH_ALEN);
	at->eth_type = wire_get16(frame + 2 * ETH_ALEN);
	at->l3 = ETH_HLEN;
	flow->vlan = 0;
	if (at->eth_type != ETH_P_8021Q)
		return DP_PARSE_OK;

	if (at->end < ETH_HLEN + VLAN_LEN)
		return DP_PARSE_LENGTH;
	flow->vlan = wire_get16(frame + ETH_HLEN);
	at->eth_type = wire_get16(frame + ETH_HLEN + 2);
	at->l3 += VLAN_LEN;
	return DP_PARSE_OK;
}

static enum dp_parse parse_ipv4(const uint8_t *frame, struct layers *at, struct dp_flow *flow)
{
	const uint8_t *ip = frame + at->l3;
	uint32_t source_be, destination_be;
	size_t total;

	if (at->end - at->l3 < IPV4_LEN)
		return DP_PARSE_LENGTH;
	if (ip[0] != IPV4_VERSION_LEN || ip[IPV4_PROTOCOL] != IPPROTO_UDP ||
	    wire_get16(ip + IPV4_FRAGMENT) & IPV4_IS_FRAGMENT)
		return DP_PARSE_NOT_UDP;
	total = wire_get16(ip + IPV4_TOTAL_LEN);
	if (total < IPV4_LEN || total > at->end - at->l3)
		return DP_PARSE_LENGTH;
	if (dp_checksum_finish(dp_checksum_add(0, ip, IPV4_LEN)))
		return DP_PARSE_IP_CHECKSUM;

	at->l4 = at->l3 + IPV4_LEN;
	at->end = at->l3 + total;
	flow->traffic_class = ip[IPV4_TRAFFIC_CLASS];
	memcpy(&source_be, ip + IPV4_SOURCE, sizeof(source_be));
	memcpy(&destination_be, ip + IPV4_DESTINATION, sizeof(destination_be));
	flow->peer = addr_from_v4(source_be);
	flow->own = addr_from_v4(destination_be);
	return DP_PARSE_OK;
}

static enum dp_parse parse_ipv6(const uint8_t *frame, struct layers *at, struct dp_flow *flow)
{
	const uint8_t *ip = frame + at->l3;
	size_t payload_len;

	if (at->end - at->l3 < IPV6_LEN)
		return DP_PARSE_LENGTH;
	if (ip[0] >> 4 != 6 || ip[IPV6_NEXT_HEADER] != IPPROTO_UDP)
		return DP_PARSE_NOT_UDP;
	payload_len = wire_get16(ip + IPV6_PAYLOAD_LEN);
	if (payload_len > at->end - at->l3 - IPV6_LEN)
		return DP_PARSE_LENGTH;

	at->l4 = at->l3 + IPV6_LEN;
	at->end = at->l4 + payload_len;
	flow->traffic_class = (uint8_t)(wire_get16(ip) >> 4);
	memcpy(&flow->peer, ip + IPV6_SOURCE, sizeof(flow->peer));
	memcpy(&flow->own, ip + IPV6_DESTINATION, sizeof(flow->own));
	if (addr_is_v4(&flow->peer) || addr_is_v4(&flow->own))
		return DP_PARSE_SOURCE;	/* behind this file it would pass for IPv4 */
	return DP_PARSE_OK;
}

static enum dp_parse check_udp_sum(const uint8_t *udp, uint16_t udp_len, bool verify, const struct dp_flow *flow)
{
	uint64_t pseudo;
	uint16_t stored;

	memcpy(&stored, udp + UDP_CHECKSUM, sizeof(stored));
	if (!stored)	/* "none", which only IPv4 has (RFC 768; RFC 8200, 8.1) */
		return addr_is_v4(&flow->own) ? DP_PARSE_OK : DP_PARSE_UDP_CHECKSUM;
	if (!verify)
		return DP_PARSE_OK;
	pseudo = pseudo_header_sum(flow, udp_len, 0);
	if (!dp_checksum_finish(dp_checksum_add(pseudo, udp, udp_len)))
		return DP_PARSE_OK;
	if ((stored ^ dp_checksum_finish(pseudo)) == 0xffff)
		return DP_PARSE_UNFINISHED;
	return DP_PARSE_UDP_CHECKSUM;
}

/* A source that no answer may go to; our own address as source would make us answer ourselves. */
static bool impossible_source(const struct dp_flow *flow)
{
	return !flow->peer_port || addr_is_special(&flow->peer) || addr_equal(&flow->peer, &flow->own);
}

enum dp_parse dp_packet_parse(uint8_t *frame, size_t len, bool verify, struct dp_flow *flow, uint8_t **payload,
			      uint16_t *payload_len)
{
	struct layers at = { .end = len };
	enum dp_parse verdict;
	uint16_t udp_len;
	uint8_t *udp;

	verdict = parse_ethernet(frame, &at, flow);
	if (verdict != DP_PARSE_OK)
		return verdict;
	if (at.eth_type == ETH_P_IP)
		verdict = parse_ipv4(frame, &at, flow);
	else if (at.eth_type == ETH_P_IPV6)
		verdict = parse_ipv6(frame, &at, flow);
	else
		verdict = DP_PARSE_NOT_UDP;
	if (verdict != DP_PARSE_OK)
		return verdict;

	if (at.end - at.l4 < UDP_LEN)
		return DP_PARSE_LENGTH;
	udp = frame + at.l4;
	udp_len = wire_get16(udp + UDP_LENGTH);
	if (udp_len < UDP_LEN || udp_len > at.end - at.l4)
		return DP_PARSE_LENGTH;
	flow->peer_port = wire_get16(udp + UDP_SOURCE);
	flow->own_port = wire_get16(udp + UDP_DESTINATION);
	*payload = udp + UDP_LEN;
	*payload_len = udp_len - UDP_LEN;

	verdict = check_udp_sum(udp, udp_len, verify, flow);
	if (verdict != DP_PARSE_UDP_CHECKSUM && impossible_source(flow))
		return DP_PARSE_SOURCE;
	return verdict;
}

/* Sums what it writes, not what it wrote: reading the fresh octets back in wider words would stall. */
static uint8_t *write_ipv4(uint8_t *udp, uint16_t udp_len, const struct dp_flow *flow)
{
	uint8_t *ip = udp - IPV4_LEN;
	uint16_t total = IPV4_LEN + udp_len;
	uint32_t own_be = addr_v4_be(&flow->own), peer_be = addr_v4_be(&flow->peer);
	uint64_t sum = (uint64_t)own_be + peer_be +
		       htobe16(IPV4_VERSION_LEN << 8 | flow->traffic_class) + htobe16(total) +
		       htobe16(IPV4_DF) + htobe16(DP_REPLY_TTL << 8 | IPPROTO_UDP);
	uint16_t checksum = dp_checksum_finish(sum);

	ip[0] = IPV4_VERSION_LEN;
	ip[IPV4_TRAFFIC_CLASS] = flow->traffic_class;
	wire_put16(ip + IPV4_TOTAL_LEN, total);
	wire_put16(ip + IPV4_ID, 0);	/* DF set, so it identifies nothing (RFC 6864, 4.1) */
	wire_put16(ip + IPV4_FRAGMENT, IPV4_DF);
	ip[IPV4_TTL] = DP_REPLY_TTL;
	ip[IPV4_PROTOCOL] = IPPROTO_UDP;
	memcpy(ip + IPV4_CHECKSUM, &checksum, sizeof(checksum));
	memcpy(ip + IPV4_SOURCE, &own_be, sizeof(own_be));
	memcpy(ip + IPV4_DESTINATION, &peer_be, sizeof(peer_be));
	return ip;
}

/* Flow label 0 says "not labelled" (RFC 6437, 2): no two of our datagrams need to stay together. */
static uint8_t *write_ipv6(uint8_t *udp, uint16_t udp_len, const struct dp_flow *flow)
{
	uint8_t *ip = udp - IPV6_LEN;

	wire_put32(ip, 6u << 28 | (uint32_t)flow->traffic_class << 20);
	wire_put16(ip + IPV6_PAYLOAD_LEN, udp_len);
	ip[IPV6_NEXT_HEADER] = IPPROTO_UDP;
	ip[IPV6_HOP_LIMIT] = DP_REPLY_TTL;
	memcpy(ip + IPV6_SOURCE, &flow->own, sizeof(flow->own));
	memcpy(ip + IPV6_DESTINATION, &flow->peer, sizeof(flow->peer));
	return ip;
}

static void write_udp(uint8_t *udp, uint16_t udp_len, const struct dp_flow *flow)
{
	uint32_t header = htobe16(flow->own_port) + htobe16(flow->peer_port) + htobe16(udp_len);
	uint64_t sum = pseudo_header_sum(flow, udp_len, header);
	uint16_t checksum;

	checksum = dp_checksum_finish(dp_checksum_add(sum, udp + UDP_LEN, udp_len - UDP_LEN));
	if (!checksum)
		checksum = 0xffff;	/* 0 would say "none" (RFC 768) */

	wire_put16(udp + UDP_SOURCE, flow->own_port);
	wire_put16(udp + UDP_DESTINATION, flow->peer_port);
	wire_put16(udp + UDP_LENGTH, udp_len);
	memcpy(udp + UDP_CHECKSUM, &checksum, sizeof(checksum));
}

static uint8_t *write_ethernet(uint8_t *ip, uint16_t eth_type, const struct dp_flow *flow)
{
	uint8_t *frame;

	wire_put16(ip - 2, eth_type);
	frame = ip - ETH_HLEN;
	if (flow->vlan) {
		frame -= VLAN_LEN;
		wire_put16(frame + 2 * ETH_ALEN, ETH_P_8021Q);
		wire_put16(frame + ETH_HLEN, flow->vlan);
	}
	memcpy(frame, flow->peer_mac, ETH_ALEN);
	memcpy(frame + ETH_ALEN, flow->own_mac, ETH_ALEN);
	return frame;
}

uint8_t *dp_packet_write(uint8_t *payload, uint16_t payload_len, const struct dp_flow *flow)
{
	uint8_t *udp = payload - UDP_LEN;
	uint16_t udp_len = UDP_LEN + payload_len;
	bool v4 = addr_is_v4(&flow->peer);
	uint8_t *ip;

	write_udp(udp, udp_len, flow);
	ip = v4 ? write_ipv4(udp, udp_len, flow) : write_ipv6(udp, udp_len, flow);
	return write_ethernet(ip, v4 ? ETH_P_IP : ETH_P_IPV6, flow);
}
