/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sums.h - makes the sums of a fuzzer's advertisement right, or few inputs would get past them.
 */
#ifndef TESTS_FUZZ_SUMS_H
#define TESTS_FUZZ_SUMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "vrrp/advert.h"

enum { SUMS_IPV4_LEN = 20, SUMS_IPV6_LEN = 40, SUMS_MESSAGE_LEN = 8 };

static inline uint32_t sums_add(uint32_t sum, const uint8_t *octets, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += (uint32_t)octets[i] << (i % 2 ? 0 : 8);
	return sum;
}

/* The checksum of len octets, and of what is in sum, at an offset of two octets that count as zero. */
static inline void sums_set_one(uint8_t *octets, size_t len, size_t at, uint32_t sum)
{
	octets[at] = octets[at + 1] = 0;
	sum = sums_add(sum, octets, len);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	octets[at] = (uint8_t)(~sum >> 8);
	octets[at + 1] = (uint8_t)~sum;
}

/* Of an IP packet: the header's, and the message's as RFC 9568 has it. */
static inline void sums_set(uint8_t *packet, size_t len)
{
	bool v6 = len && packet[0] >> 4 == 6;
	size_t header = v6 ? SUMS_IPV6_LEN : SUMS_IPV4_LEN;

	if (len < header + SUMS_MESSAGE_LEN)
		return;
	if (!v6)
		sums_set_one(packet, SUMS_IPV4_LEN, 10, 0);
	sums_set_one(packet + header, len - header, 6,
		     v6 ? sums_add(VRRP_PROTOCOL + (uint32_t)(len - header), packet + 8, 32) : 0);
}

#endif
