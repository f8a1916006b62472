/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * wire.h - numbers as they stand in packets: network order, at any address.
 */
#ifndef DATAPLANE_WIRE_H
#define DATAPLANE_WIRE_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t wire_get16(const uint8_t *at)
{
	uint16_t value_be;

	memcpy(&value_be, at, sizeof(value_be));
	return be16toh(value_be);
}

static inline void wire_put16(uint8_t *at, uint16_t value)
{
	uint16_t value_be = htobe16(value);

	memcpy(at, &value_be, sizeof(value_be));
}

static inline uint32_t wire_get32(const uint8_t *at)
{
	uint32_t value_be;

	memcpy(&value_be, at, sizeof(value_be));
	return be32toh(value_be);
}

static inline void wire_put32(uint8_t *at, uint32_t value)
{
	uint32_t value_be = htobe32(value);

	memcpy(at, &value_be, sizeof(value_be));
}

#endif
