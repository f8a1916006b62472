/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_inquiry.c - libFuzzer: a frame read as ARP and as neighbour discovery, with the ICMPv6 checksum set right first
 * when the first octet says so (or few inputs would get past it). A request that is accepted can be answered, and the
 * answer is read as what it says.
 */
#include "tests/fuzz/exercise.h"

#include "vrrp/announce.h"

enum { SET_ICMPV6_SUM = 0x80, ICMPV6_AT = 54 };

static void set_icmpv6_sum(uint8_t *frame, size_t len)
{
	size_t message_len = len < ICMPV6_AT + 4 ? 0 : (size_t)(frame[18] << 8 | frame[19]);
	uint32_t sum = 58 + (uint32_t)message_len;

	if (message_len < 4 || message_len > len - ICMPV6_AT)
		return;
	frame[56] = frame[57] = 0;
	for (size_t i = 22; i < ICMPV6_AT + message_len; i++)
		sum += (uint32_t)frame[i] << (i % 2 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	frame[56] = (uint8_t)(~sum >> 8);
	frame[57] = (uint8_t)~sum;
}

static void answer_and_read(const struct vrrp_inquiry *request, bool ipv6)
{
	static const uint8_t mac[6] = { 0x02, 0, 0, 0, 0, 1 };
	uint8_t *frame = malloc(VRRP_ANNOUNCE_MAX);
	struct vrrp_inquiry reply;
	size_t len = ipv6 ? vrrp_nd_reply(request, mac, frame) : vrrp_arp_reply(request, mac, frame);

	PROMISE(len == (ipv6 ? (size_t)VRRP_NA_FRAME : (size_t)VRRP_ARP_FRAME));
	PROMISE(ipv6 ? vrrp_nd_read(frame, len, &reply) : vrrp_arp_read(frame, len, &reply));
	PROMISE(!reply.request && addr_equal(&reply.sender, &request->target) && !memcmp(reply.sender_mac, mac, 6));
	free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vrrp_inquiry inquiry;
	uint8_t *frame;

	if (!size || size - 1 > UINT16_MAX)
		return -1;
	frame = exercise_copy(data + 1, size - 1);
	if (data[0] & SET_ICMPV6_SUM)
		set_icmpv6_sum(frame, size - 1);
	if (vrrp_arp_read(frame, size - 1, &inquiry) && inquiry.request)
		answer_and_read(&inquiry, false);
	if (vrrp_nd_read(frame, size - 1, &inquiry) && inquiry.request)
		answer_and_read(&inquiry, true);
	free(frame);
	return 0;
}
