/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * octets.h - 16-bit words as they stand in a packet, and the Internet checksum over them (RFC 1071). Pure functions.
 */
#ifndef VRRP_OCTETS_H
#define VRRP_OCTETS_H

#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"

static inline uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline void put16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* len is even: headers, addresses and messages are. */
static inline uint32_t sum_words(uint32_t sum, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i += 2)
		sum += get16(data + i);
	return sum;
}

/* Of either family: an IPv4 address lies in struct addr as ::ffff:a.b.c.d, and its twelve leading octets add 0xffff to
 * a ones' complement sum, which is zero there (RFC 1071, 1). */
static inline uint32_t sum_pseudo_header(const struct addr *source, const struct addr *destination, uint8_t protocol,
					 size_t len)
{
	uint32_t sum = protocol + (uint32_t)len;

	sum = sum_words(sum, source->bytes, sizeof(source->bytes));
	return sum_words(sum, destination->bytes, sizeof(destination->bytes));
}

/* The checksum that belongs to a sum; 0 for data that includes a right one. */
static inline uint16_t finish_sum(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

#endif
