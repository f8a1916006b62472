/* SPDX-License-Identifier: BSD-2-Clause */
/* test_announce.c - ARP frames octet by octet, and what is no ARP. Frames lie in blocks of exactly their length. */
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

static bool read_exact(const uint8_t *frame, size_t len, struct vrrp_arp *arp)
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
	struct vrrp_arp arp;

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
	struct vrrp_arp arp;
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
	struct vrrp_arp arp;

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
	struct vrrp_arp arp;

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

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("V140 gratuitous ARP, octet by octet", test_gratuitous),
		CASE("a request and a reply are read, padded or not", test_read),
		CASE("V142 the reply says the virtual MAC, in the frame and in its body", test_reply),
		CASE("an address probe without sender is a request", test_probe),
		CASE("what is not ARP for IPv4 over Ethernet is refused, and every truncation", test_refused),
	};

	return RUN(cases);
}
