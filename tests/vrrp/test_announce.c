/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_announce.c - ARP and neighbour discovery frames octet by octet, and what is none. Frames lie in blocks of
 * exactly their length.
 */
#include "tests/tap.h"

#include <stdlib.h>
#include <string.h>
#include "vrrp/announce.h"

static const uint8_t virtual_mac[6] = { 0x00, 0x00, 0x5e, 0x00, 0x01, 0x33 };

/* 10.0.0.9 asks for 192.0.2.53, from a MAC that is not its frame's. */
static const uint8_t request[VRRP_ARP_FRAME] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0, 0, 0, 0, 0x99, 0x08, 0x06,
	0x00, 0x01, 0x08, 0x00, 6, 4, 0x00, 0x01,
	0x02, 0, 0, 0, 0, 0x09, 10, 0, 0, 9,
	0, 0, 0, 0, 0, 0, 192, 0, 2, 53,
};

static bool read_exact(const uint8_t *frame, size_t len, struct vrrp_inquiry *arp)
{
	uint8_t *exact = malloc(len ? len : 1);
	bool sane;

	assert_non_null(exact);
	memcpy(exact, frame, len);
	sane = vrrp_arp_read(exact, len, arp);
	free(exact);
	return sane;
}

static struct addr address_of(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static void test_gratuitous(void **state)
{
	static const uint8_t expected[VRRP_ARP_FRAME] = {
		0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x5e, 0x00, 0x01, 0x33, 0x08, 0x06,
		0x00, 0x01, 0x08, 0x00, 6, 4, 0x00, 0x01,
		0x00, 0x00, 0x5e, 0x00, 0x01, 0x33, 192, 0, 2, 53,
		0x00, 0x00, 0x5e, 0x00, 0x01, 0x33, 192, 0, 2, 53,
	};
	struct addr address = address_of("192.0.2.53");
	uint8_t *out = malloc(VRRP_ARP_FRAME);

	(void)state;
	assert_non_null(out);
	assert_int_equal(vrrp_announce_arp(&address, virtual_mac, out), VRRP_ARP_FRAME);
	assert_memory_equal(out, expected, sizeof(expected));
	free(out);
}

static void test_read(void **state)
{
	uint8_t padded[60] = { 0 };
	struct addr target = address_of("192.0.2.53"), sender = address_of("10.0.0.9");
	struct vrrp_inquiry arp;

	(void)state;
	memcpy(padded, request, sizeof(request));
	for (int i = 0; i < 2; i++) {
		memset(&arp, 0, sizeof(arp));
		assert_true(i ? read_exact(padded, sizeof(padded), &arp)
			      : read_exact(request, sizeof(request), &arp));
		assert_true(arp.request);
		assert_true(addr_equal(&arp.target, &target) && addr_equal(&arp.sender, &sender));
		assert_memory_equal(arp.sender_mac, request + 22, 6);
		assert_memory_equal(arp.source_mac, request + 6, 6);
	}
	padded[21] = 2;
	assert_true(read_exact(padded, sizeof(padded), &arp));
	assert_false(arp.request);
}

static void test_reply(void **state)
{
	static const uint8_t expected[VRRP_ARP_FRAME] = {
		0x02, 0, 0, 0, 0, 0x09, 0x00, 0x00, 0x5e, 0x00, 0x01, 0x33, 0x08, 0x06,
		0x00, 0x01, 0x08, 0x00, 6, 4, 0x00, 0x02,
		0x00, 0x00, 0x5e, 0x00, 0x01, 0x33, 192, 0, 2, 53,
		0x02, 0, 0, 0, 0, 0x09, 10, 0, 0, 9,
	};
	struct vrrp_inquiry arp;
	uint8_t *out = malloc(VRRP_ARP_FRAME);

	(void)state;
	assert_non_null(out);
	assert_true(read_exact(request, sizeof(request), &arp));
	assert_int_equal(vrrp_arp_reply(&arp, virtual_mac, out), VRRP_ARP_FRAME);
	assert_memory_equal(out, expected, sizeof(expected));
	assert_true(read_exact(out, VRRP_ARP_FRAME, &arp));
	assert_false(arp.request);
	free(out);
}

static void test_probe(void **state)
{
	uint8_t probe[VRRP_ARP_FRAME];
	struct vrrp_inquiry arp;

	(void)state;
	memcpy(probe, request, sizeof(probe));
	memset(probe + 28, 0, 4);	/* RFC 5227: a probe has no sender yet */
	assert_true(read_exact(probe, sizeof(probe), &arp));
}

static void test_refused(void **state)
{
	static const struct {
		unsigned at;
		uint8_t value;
	} cases[] = {
		{ 12, 0x86 }, { 13, 0x00 },		/* another protocol in the frame */
		{ 14, 1 }, { 15, 6 }, { 16, 0x86 }, { 17, 1 }, { 18, 8 }, { 19, 16 },
		{ 20, 1 }, { 21, 0 }, { 21, 3 }, { 21, 8 },
		{ 6, 0x01 }, { 22, 0xff }, { 22, 0x03 },	/* a group cannot ask */
	};
	uint8_t frame[VRRP_ARP_FRAME];
	struct vrrp_inquiry arp;

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memcpy(frame, request, sizeof(frame));
		frame[cases[i].at] = cases[i].value;
		assert_false(read_exact(frame, sizeof(frame), &arp));
	}
	memcpy(frame, request, sizeof(frame));
	memset(frame + 22, 0, 6);
	assert_false(read_exact(frame, sizeof(frame), &arp));
	for (size_t len = 0; len < sizeof(request); len++)
		assert_false(read_exact(request, len, &arp));
}

/* ---- neighbour discovery; checksums were computed by another program ---- */

static const uint8_t virtual_mac_6[6] = { 0x00, 0x00, 0x5e, 0x00, 0x02, 0x33 };

/* fe80::9 asks for 2001:db8::53, with its MAC in an option that is not its frame's. */
static const uint8_t solicitation[86] = {
	0x33, 0x33, 0xff, 0x00, 0x00, 0x53, 0x02, 0, 0, 0, 0, 0x99, 0x86, 0xdd,
	0x60, 0, 0, 0, 0, 32, 58, 255,
	0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9,
	0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 0x53,
	135, 0, 0x4a, 0xad, 0, 0, 0, 0,
	0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53,
	1, 1, 0x02, 0, 0, 0, 0, 0x09,
};

/* The same of a host that has no address yet: duplicate address detection. */
static const uint8_t dad_probe[78] = {
	0x33, 0x33, 0xff, 0x00, 0x00, 0x53, 0x02, 0, 0, 0, 0, 0x99, 0x86, 0xdd,
	0x60, 0, 0, 0, 0, 24, 58, 255,
	0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
	0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff, 0, 0, 0x53,
	135, 0, 0x4c, 0x49, 0, 0, 0, 0,
	0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53,
};

static bool nd_read_exact(const uint8_t *frame, size_t len, struct vrrp_inquiry *nd)
{
	uint8_t *exact = malloc(len ? len : 1);
	bool sane;

	assert_non_null(exact);
	memcpy(exact, frame, len);
	sane = vrrp_nd_read(exact, len, nd);
	free(exact);
	return sane;
}

/* Sets the checksum right again after a change. */
static void mend_sum(uint8_t *frame, size_t len)
{
	uint32_t sum = 58 + (uint32_t)(len - 54);

	frame[56] = frame[57] = 0;
	for (size_t i = 22; i < len; i++)
		sum += (uint32_t)frame[i] << (i % 2 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	frame[56] = (uint8_t)(~sum >> 8);
	frame[57] = (uint8_t)~sum;
}

static void test_unsolicited(void **state)
{
	static const uint8_t expected[VRRP_NA_FRAME] = {
		0x33, 0x33, 0, 0, 0, 1, 0x00, 0x00, 0x5e, 0x00, 0x02, 0x33, 0x86, 0xdd,
		0x60, 0, 0, 0, 0, 32, 58, 255,
		0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0x02, 0x00, 0x5e, 0xff, 0xfe, 0x00, 0x02, 0x33,
		0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1,
		136, 0, 0xe8, 0xab, 0xa0, 0, 0, 0,
		0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53,
		2, 1, 0x00, 0x00, 0x5e, 0x00, 0x02, 0x33,
	};
	struct addr address = address_of("2001:db8::53"), source = address_of("fe80::200:5eff:fe00:233");
	uint8_t *out = malloc(VRRP_NA_FRAME);
	struct vrrp_inquiry nd;

	(void)state;
	assert_non_null(out);
	assert_int_equal(vrrp_announce_na(&address, &source, virtual_mac_6, out), VRRP_NA_FRAME);
	assert_memory_equal(out, expected, sizeof(expected));
	assert_true(nd_read_exact(out, VRRP_NA_FRAME, &nd));
	assert_false(nd.request);
	assert_true(addr_equal(&nd.sender, &address));		/* what it claims */
	assert_memory_equal(nd.sender_mac, virtual_mac_6, 6);
	free(out);
}

static void test_nd_reply(void **state)
{
	static const uint8_t expected[VRRP_NA_FRAME] = {
		0x02, 0, 0, 0, 0, 0x09, 0x00, 0x00, 0x5e, 0x00, 0x02, 0x33, 0x86, 0xdd,
		0x60, 0, 0, 0, 0, 32, 58, 255,
		0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53,
		0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9,
		136, 0, 0xda, 0xcd, 0xe0, 0, 0, 0,
		0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53,
		2, 1, 0x00, 0x00, 0x5e, 0x00, 0x02, 0x33,
	};
	struct addr sender = address_of("fe80::9"), target = address_of("2001:db8::53");
	uint8_t *out = malloc(VRRP_NA_FRAME), unicast[sizeof(solicitation)];
	struct vrrp_inquiry nd;

	(void)state;
	assert_non_null(out);
	assert_true(nd_read_exact(solicitation, sizeof(solicitation), &nd));
	assert_true(nd.request && addr_equal(&nd.sender, &sender) && addr_equal(&nd.target, &target));
	assert_memory_equal(nd.sender_mac, solicitation + 80, 6);
	assert_memory_equal(nd.source_mac, solicitation + 6, 6);
	assert_int_equal(vrrp_nd_reply(&nd, virtual_mac_6, out), VRRP_NA_FRAME);
	assert_memory_equal(out, expected, sizeof(expected));

	/* a neighbour that verifies what it knows says no MAC: the frame does */
	memcpy(unicast, solicitation, sizeof(unicast));
	unicast[19] = 24;
	memcpy(unicast + 38, target.bytes, 16);
	mend_sum(unicast, 78);
	assert_true(nd_read_exact(unicast, 78, &nd));
	assert_memory_equal(nd.sender_mac, solicitation + 6, 6);
	free(out);
}

static void test_dad(void **state)
{
	static const uint8_t to_all[] = { 0x33, 0x33, 0, 0, 0, 1 };
	struct addr all_nodes = address_of("ff02::1"), target = address_of("2001:db8::53");
	uint8_t out[VRRP_NA_FRAME], probe[VRRP_NS_FRAME], changed[sizeof(solicitation)];
	struct vrrp_inquiry nd;

	(void)state;
	assert_int_equal(vrrp_nd_probe(&target, dad_probe + 6, probe), sizeof(dad_probe));
	assert_memory_equal(probe, dad_probe, sizeof(dad_probe));	/* we ask in the same way */
	assert_true(nd_read_exact(dad_probe, sizeof(dad_probe), &nd));
	assert_true(nd.request);
	assert_int_equal(vrrp_nd_reply(&nd, virtual_mac_6, out), VRRP_NA_FRAME);
	assert_memory_equal(out, to_all, 6);
	assert_memory_equal(out + 38, all_nodes.bytes, 16);
	assert_int_equal(out[58], 0xa0);			/* not solicited: nobody could be meant */

	memcpy(changed, dad_probe, sizeof(dad_probe));
	changed[53] = 0x54;					/* not the group of its target */
	mend_sum(changed, sizeof(dad_probe));
	assert_false(nd_read_exact(changed, sizeof(dad_probe), &nd));
	memcpy(changed, solicitation, sizeof(changed));
	memset(changed + 22, 0, 16);				/* no address, but a MAC */
	mend_sum(changed, sizeof(changed));
	assert_false(nd_read_exact(changed, sizeof(changed), &nd));
}

static void test_nd_refused(void **state)
{
	static const struct {
		unsigned at;
		uint8_t value;
	} cases[] = {
		{ 12, 0x08 }, { 13, 0x00 }, { 14, 0x50 },	/* no IPv6 */
		{ 20, 0 }, { 20, 17 },				/* something in front, something else */
		{ 21, 254 }, { 21, 64 },			/* has passed a router */
		{ 54, 133 }, { 54, 134 }, { 54, 137 }, { 54, 128 }, { 55, 1 },
		{ 62, 0xff },					/* a group's address */
		{ 79, 0 }, { 79, 2 }, { 79, 255 },		/* length of the option */
		{ 6, 0x01 }, { 80, 0xff }, { 80, 0x03 },	/* a group cannot ask */
	};
	uint8_t frame[sizeof(solicitation)];
	struct vrrp_inquiry nd;

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memcpy(frame, solicitation, sizeof(frame));
		frame[cases[i].at] = cases[i].value;
		mend_sum(frame, sizeof(frame));
		assert_false(nd_read_exact(frame, sizeof(frame), &nd));
	}
	for (unsigned at = 54; at < sizeof(frame); at++) {	/* one bit wrong */
		memcpy(frame, solicitation, sizeof(frame));
		frame[at] ^= 0x10;
		assert_false(nd_read_exact(frame, sizeof(frame), &nd));
	}
	for (size_t len = 0; len < sizeof(solicitation); len++)
		assert_false(nd_read_exact(solicitation, len, &nd));
	memcpy(frame, solicitation, sizeof(frame));
	frame[54] = 136;
	frame[58] = 0x40;					/* "solicited", but sent to a group */
	frame[78] = 2;
	mend_sum(frame, sizeof(frame));
	assert_false(nd_read_exact(frame, sizeof(frame), &nd));
	frame[58] = 0;
	mend_sum(frame, sizeof(frame));
	assert_true(nd_read_exact(frame, sizeof(frame), &nd));
	assert_false(nd.request);
}

static void test_addresses(void **state)
{
	static const uint8_t expected_mac[6] = { 0x33, 0x33, 0xff, 0x34, 0x56, 0x78 };
	struct addr address = address_of("2001:db8::1234:5678"), group = vrrp_solicited_node(&address);
	uint8_t mac[6];

	(void)state;
	assert_true(addr_equal(&group, &(struct addr[]){ address_of("ff02::1:ff34:5678") }[0]));
	vrrp_multicast_mac(&group, mac);
	assert_memory_equal(mac, expected_mac, 6);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("V140 gratuitous ARP, octet by octet", test_gratuitous),
		CASE("a request and a reply are read, padded or not", test_read),
		CASE("V142 the reply says the virtual MAC, in the frame and in its body", test_reply),
		CASE("an address probe without sender is a request", test_probe),
		CASE("what is not ARP for IPv4 over Ethernet is refused, and every truncation", test_refused),
		CASE("V141 unsolicited neighbour advertisement, octet by octet: R and O, not S", test_unsolicited),
		CASE("V143 the answer to a solicitation says the virtual MAC, R, S and O", test_nd_reply),
		CASE("a host that checks its address for duplicates is answered to all nodes", test_dad),
		CASE("what RFC 4861, 7.1 refuses is refused, every truncation and every wrong bit", test_nd_refused),
		CASE("V141 the solicited-node group and its MAC", test_addresses),
	};

	return RUN(cases);
}
