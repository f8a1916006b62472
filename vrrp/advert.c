/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * advert.c - VRRPv3 advertisements: IP header, message, checksums, timer arithmetic (RFC 9568, 5 and 6.1).
 * Pure functions of octets and numbers; any thread. Contract in advert.h.
 */
#include "vrrp/advert.h"

#include <string.h>

#include "vrrp/octets.h"

enum {
	ETH_LEN = 14,
	ETH_TYPE_IPV4 = 0x0800, ETH_TYPE_IPV6 = 0x86dd,

	IPV4_LEN = 20,
	IPV4_TRAFFIC_CLASS = 1, IPV4_TOTAL_LEN = 2, IPV4_FRAGMENT = 6, IPV4_TTL = 8, IPV4_PROTOCOL = 9,
	IPV4_CHECKSUM = 10, IPV4_SOURCE = 12, IPV4_DESTINATION = 16,
	IPV4_VERSION_LEN = 0x45,	/* version 4, no options */
	IPV4_DF = 0x4000,
	IPV4_IS_FRAGMENT = 0x3fff,	/* MF or an offset */

	IPV6_LEN = 40,
	IPV6_PAYLOAD_LEN = 4, IPV6_NEXT_HEADER = 6, IPV6_HOP_LIMIT = 7, IPV6_SOURCE = 8,
	IPV6_DESTINATION = 24,

	DSCP_CS6 = 48,			/* network control; two ECN bits follow it */

	VERSION = 3, TYPE_ADVERTISEMENT = 1,
	MESSAGE_LEN = 8,		/* without addresses */
	MESSAGE_VRID = 1, MESSAGE_PRIORITY = 2, MESSAGE_COUNT = 3, MESSAGE_INTERVAL = 4,
	MESSAGE_CHECKSUM = 6,
	INTERVAL_MASK = 0x0fff,		/* the four bits above it are reserved */

	EUI64_UNIVERSAL = 0x02,		/* RFC 4291, appendix A */

	NS_PER_CS = 10 * 1000 * 1000,
};

const char *vrrp_checksum_name(enum vrrp_checksum mode)
{
	static const char *const names[] = {
		[VRRP_CHECKSUM_RFC9568] = "rfc9568",
		[VRRP_CHECKSUM_RFC5798] = "rfc5798",
		[VRRP_CHECKSUM_BOTH] = "both",
	};

	return names[mode];
}

const char *vrrp_reject_name(enum vrrp_reject reject)
{
	static const char *const names[VRRP_REJECTS] = {
		[VRRP_ACCEPTED] = "accepted",
		[VRRP_REJECT_TTL] = "ttl",
		[VRRP_REJECT_OPTIONS] = "options",
		[VRRP_REJECT_VERSION] = "version",
		[VRRP_REJECT_TYPE] = "type",
		[VRRP_REJECT_LENGTH] = "length",
		[VRRP_REJECT_CHECKSUM] = "checksum",
		[VRRP_REJECT_VRID] = "vrid",
		[VRRP_REJECT_COUNT] = "count",
		[VRRP_REJECT_INTERVAL] = "interval",
		[VRRP_REJECT_FIRST_ADDRESS] = "first-address",
		[VRRP_REJECT_OWN] = "own",
		[VRRP_REJECT_PEER] = "peer",
	};

	return names[reject];
}

/* RFC 9568, 5.2.8: IPv4 is summed without a pseudo-header; RFC 5798 was read as demanding one. */
static uint16_t message_checksum(const uint8_t *message, size_t len, const struct vrrp_path *path,
				 enum vrrp_checksum mode)
{
	bool pseudo = mode == VRRP_CHECKSUM_RFC5798 || !addr_is_v4(&path->source);

	return finish_sum(sum_words(pseudo ? sum_pseudo_header(&path->source, &path->destination, VRRP_PROTOCOL, len)
					  : 0, message, len));
}

size_t vrrp_advert_encode(const struct vrrp_advert *advert, const struct vrrp_path *path,
			  enum vrrp_checksum mode, uint8_t *out)
{
	size_t address_len = addr_is_v4(&path->source) ? 4 : 16;
	size_t len = MESSAGE_LEN + advert->count * address_len;

	out[0] = VERSION << 4 | TYPE_ADVERTISEMENT;
	out[MESSAGE_VRID] = advert->vrid;
	out[MESSAGE_PRIORITY] = advert->priority;
	out[MESSAGE_COUNT] = advert->count;
	put16(out + MESSAGE_INTERVAL, advert->interval_cs & INTERVAL_MASK);
	put16(out + MESSAGE_CHECKSUM, 0);
	for (unsigned i = 0; i < advert->count; i++)	/* an IPv4 address is the last four octets */
		memcpy(out + MESSAGE_LEN + i * address_len, advert->addresses[i].bytes + 16 - address_len,
		       address_len);
	put16(out + MESSAGE_CHECKSUM, message_checksum(out, len, path, mode));
	return len;
}

/* The header's checks; leaves the message as the link delivered it, without padding. */
static enum vrrp_reject read_ipv4(const uint8_t *ip, size_t len, uint8_t max_hops, struct vrrp_path *path,
				  size_t *end)
{
	uint32_t source_be, destination_be;

	if (len < IPV4_LEN)
		return VRRP_REJECT_LENGTH;
	memcpy(&source_be, ip + IPV4_SOURCE, sizeof(source_be));
	memcpy(&destination_be, ip + IPV4_DESTINATION, sizeof(destination_be));
	path->source = addr_from_v4(source_be);
	path->destination = addr_from_v4(destination_be);

	if (ip[IPV4_TTL] < VRRP_TTL - max_hops)
		return VRRP_REJECT_TTL;
	if (ip[0] != IPV4_VERSION_LEN || ip[IPV4_PROTOCOL] != VRRP_PROTOCOL ||
	    get16(ip + IPV4_FRAGMENT) & IPV4_IS_FRAGMENT)
		return VRRP_REJECT_OPTIONS;
	*end = get16(ip + IPV4_TOTAL_LEN);
	if (*end < IPV4_LEN || *end > len)
		return VRRP_REJECT_LENGTH;
	/* A packet socket sees the frame before the kernel has looked at this sum. */
	return finish_sum(sum_words(0, ip, IPV4_LEN)) ? VRRP_REJECT_CHECKSUM : VRRP_ACCEPTED;
}

static enum vrrp_reject read_ipv6(const uint8_t *ip, size_t len, uint8_t max_hops, struct vrrp_path *path,
				  size_t *end)
{
	if (len < IPV6_LEN)
		return VRRP_REJECT_LENGTH;
	memcpy(path->source.bytes, ip + IPV6_SOURCE, sizeof(path->source.bytes));
	memcpy(path->destination.bytes, ip + IPV6_DESTINATION, sizeof(path->destination.bytes));

	if (ip[IPV6_HOP_LIMIT] < VRRP_TTL - max_hops)
		return VRRP_REJECT_TTL;
	/* An IPv4-mapped address would pass for the other family behind this function. */
	if (ip[IPV6_NEXT_HEADER] != VRRP_PROTOCOL || addr_is_v4(&path->source) ||
	    addr_is_v4(&path->destination))
		return VRRP_REJECT_OPTIONS;
	*end = IPV6_LEN + (size_t)get16(ip + IPV6_PAYLOAD_LEN);
	return *end > len ? VRRP_REJECT_LENGTH : VRRP_ACCEPTED;
}

static bool checksum_matches(const uint8_t *message, size_t len, const struct vrrp_path *path,
			     enum vrrp_checksum accepted, enum vrrp_checksum *used)
{
	static const enum vrrp_checksum modes[] = { VRRP_CHECKSUM_RFC9568, VRRP_CHECKSUM_RFC5798 };

	for (unsigned i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		if (accepted != modes[i] && accepted != VRRP_CHECKSUM_BOTH)
			continue;
		*used = modes[i];
		if (!message_checksum(message, len, path, modes[i]))
			return true;
	}
	return false;
}

static void read_fields(const uint8_t *message, size_t address_len, struct vrrp_advert *advert)
{
	unsigned kept = message[MESSAGE_COUNT];

	if (kept > VRRP_ADDRESSES_MAX)
		kept = VRRP_ADDRESSES_MAX;
	advert->vrid = message[MESSAGE_VRID];
	advert->priority = message[MESSAGE_PRIORITY];
	advert->count = message[MESSAGE_COUNT];
	advert->interval_cs = get16(message + MESSAGE_INTERVAL) & INTERVAL_MASK;
	for (unsigned i = 0; i < kept; i++) {
		advert->addresses[i] = addr_from_v4(0);	/* the mapped form; all 16 octets are IPv6's */
		memcpy(advert->addresses[i].bytes + 16 - address_len,
		       message + MESSAGE_LEN + i * address_len, address_len);
	}
}

/* RFC 9568, 7.1, with errata 8299, 8300 and 8301. */
static enum vrrp_reject read_message(const uint8_t *message, size_t len, const struct vrrp_path *path,
				     enum vrrp_checksum accepted, struct vrrp_advert *advert,
				     enum vrrp_checksum *used)
{
	bool v4 = addr_is_v4(&path->source);
	size_t address_len = v4 ? 4 : 16;

	if (!len)
		return VRRP_REJECT_LENGTH;
	if (message[0] >> 4 != VERSION)
		return VRRP_REJECT_VERSION;
	if ((message[0] & 0x0f) != TYPE_ADVERTISEMENT)
		return VRRP_REJECT_TYPE;
	if (len < MESSAGE_LEN || len != MESSAGE_LEN + message[MESSAGE_COUNT] * address_len)
		return VRRP_REJECT_LENGTH;
	if (!checksum_matches(message, len, path, accepted, used))
		return VRRP_REJECT_CHECKSUM;

	read_fields(message, address_len, advert);
	if (!advert->count)
		return VRRP_REJECT_COUNT;
	if (!advert->interval_cs)
		return VRRP_REJECT_INTERVAL;
	if (!v4 && !addr_is_link_local(&advert->addresses[0]))
		return VRRP_REJECT_FIRST_ADDRESS;
	return VRRP_ACCEPTED;
}

enum vrrp_reject vrrp_advert_decode_far(const uint8_t *packet, size_t len, enum vrrp_checksum accepted,
					uint8_t max_hops, struct vrrp_advert *advert, struct vrrp_path *path,
					enum vrrp_checksum *used)
{
	enum vrrp_reject reject;
	size_t start, end;

	memset(advert, 0, sizeof(*advert));
	memset(path, 0, sizeof(*path));
	if (!len)
		return VRRP_REJECT_LENGTH;
	if (packet[0] >> 4 == 6) {
		start = IPV6_LEN;
		reject = read_ipv6(packet, len, max_hops, path, &end);
	} else {
		start = IPV4_LEN;	/* whatever is neither fails as "not plain IPv4" */
		reject = read_ipv4(packet, len, max_hops, path, &end);
	}
	if (reject)
		return reject;
	return read_message(packet + start, end - start, path, accepted, advert, used);
}

enum vrrp_reject vrrp_advert_decode(const uint8_t *packet, size_t len, enum vrrp_checksum accepted,
				    struct vrrp_advert *advert, struct vrrp_path *path,
				    enum vrrp_checksum *used)
{
	return vrrp_advert_decode_far(packet, len, accepted, 0, advert, path, used);
}

/* Returns the header's length. */
static size_t write_ipv4(uint8_t *ip, const struct vrrp_path *path, size_t message_len)
{
	memset(ip, 0, IPV4_LEN);
	ip[0] = IPV4_VERSION_LEN;
	ip[IPV4_TRAFFIC_CLASS] = DSCP_CS6 << 2;
	put16(ip + IPV4_TOTAL_LEN, (uint16_t)(IPV4_LEN + message_len));
	put16(ip + IPV4_FRAGMENT, IPV4_DF);
	ip[IPV4_TTL] = VRRP_TTL;
	ip[IPV4_PROTOCOL] = VRRP_PROTOCOL;
	memcpy(ip + IPV4_SOURCE, path->source.bytes + 12, 4);
	memcpy(ip + IPV4_DESTINATION, path->destination.bytes + 12, 4);
	put16(ip + IPV4_CHECKSUM, finish_sum(sum_words(0, ip, IPV4_LEN)));
	return IPV4_LEN;
}

static size_t write_ipv6(uint8_t *ip, const struct vrrp_path *path, size_t message_len)
{
	memset(ip, 0, IPV6_LEN);
	put16(ip, 6 << 12 | DSCP_CS6 << 6);
	put16(ip + IPV6_PAYLOAD_LEN, (uint16_t)message_len);
	ip[IPV6_NEXT_HEADER] = VRRP_PROTOCOL;
	ip[IPV6_HOP_LIMIT] = VRRP_TTL;
	memcpy(ip + IPV6_SOURCE, path->source.bytes, 16);
	memcpy(ip + IPV6_DESTINATION, path->destination.bytes, 16);
	return IPV6_LEN;
}

size_t vrrp_advert_frame(const struct vrrp_advert *advert, const struct vrrp_path *path,
			 enum vrrp_checksum mode, const uint8_t source_mac[6], uint8_t *out)
{
	static const uint8_t group_v4[] = { 0x01, 0x00, 0x5e, 0x00, 0x00, 0x12 };
	static const uint8_t group_v6[] = { 0x33, 0x33, 0x00, 0x00, 0x00, 0x12 };
	bool v4 = addr_is_v4(&path->source);
	uint8_t message[VRRP_MESSAGE_MAX];
	size_t len = vrrp_advert_encode(advert, path, mode, message);
	size_t at = ETH_LEN;

	memcpy(out, v4 ? group_v4 : group_v6, 6);
	memcpy(out + 6, source_mac, 6);
	put16(out + 12, v4 ? ETH_TYPE_IPV4 : ETH_TYPE_IPV6);
	at += v4 ? write_ipv4(out + at, path, len) : write_ipv6(out + at, path, len);
	memcpy(out + at, message, len);
	return at + len;
}

void vrrp_virtual_mac(uint8_t vrid, bool ipv6, uint8_t mac[6])
{
	const uint8_t virtual[] = { 0x00, 0x00, 0x5e, 0x00, ipv6 ? 0x02 : 0x01, vrid };

	memcpy(mac, virtual, sizeof(virtual));
}

struct addr vrrp_group(bool ipv6)
{
	static const struct addr v4 = { .bytes = { [10] = 0xff, [11] = 0xff, [12] = 224, [15] = 18 } };
	static const struct addr v6 = { .bytes = { 0xff, 0x02, [15] = 0x12 } };

	return ipv6 ? v6 : v4;
}

struct addr vrrp_link_local(uint8_t vrid)
{
	struct addr address = { .bytes = { 0xfe, 0x80, [11] = 0xff, [12] = 0xfe } };
	uint8_t mac[6];

	vrrp_virtual_mac(vrid, true, mac);
	memcpy(address.bytes + 8, mac, 3);
	address.bytes[8] ^= EUI64_UNIVERSAL;
	memcpy(address.bytes + 13, mac + 3, 3);
	return address;
}

uint64_t vrrp_interval_ns(uint16_t interval_cs)
{
	return (uint64_t)interval_cs * NS_PER_CS;
}

uint64_t vrrp_skew_ns(uint8_t priority, uint16_t interval_cs)
{
	return (256 - priority) * vrrp_interval_ns(interval_cs) / 256;
}

uint64_t vrrp_down_ns(uint8_t priority, uint16_t interval_cs)
{
	return 3 * vrrp_interval_ns(interval_cs) + vrrp_skew_ns(priority, interval_cs);
}
