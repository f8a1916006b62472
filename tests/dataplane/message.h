/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * message.h - DNS messages for tests, put together piece by piece. Nothing is checked, so that broken ones
 * are as easy to make as good ones.
 */
#ifndef TESTS_DATAPLANE_MESSAGE_H
#define TESTS_DATAPLANE_MESSAGE_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/query.h"

enum { MESSAGE_MAX = 65535, MESSAGE_ID = 0x1d2c };

struct message {
	size_t len;
	uint8_t octets[MESSAGE_MAX];
};

static inline void put8(struct message *m, unsigned value)
{
	m->octets[m->len++] = (uint8_t)value;
}

static inline void put16(struct message *m, unsigned value)
{
	put8(m, value >> 8);
	put8(m, value & 0xff);
}

static inline void put_octets(struct message *m, const void *octets, size_t len)
{
	memcpy(m->octets + m->len, octets, len);
	m->len += len;
}

static inline void put_labels(struct message *m, const char *text)
{
	while (*text) {
		size_t len = strcspn(text, ".");

		put8(m, (unsigned)len);
		put_octets(m, text, len);
		text += len + (text[len] == '.');
	}
}

/* "a.b" as labels and the root; no escapes. */
static inline void put_name(struct message *m, const char *text)
{
	put_labels(m, text);
	put8(m, 0);
}

static inline void put_pointer(struct message *m, size_t target)
{
	put16(m, 0xc000 | (unsigned)target);
}

/* Begins a message. */
static inline void put_header(struct message *m, unsigned flags, unsigned questions, unsigned answers,
			      unsigned authorities, unsigned additionals)
{
	m->len = 0;
	put16(m, MESSAGE_ID);
	put16(m, flags);
	put16(m, questions);
	put16(m, answers);
	put16(m, authorities);
	put16(m, additionals);
}

static inline void put_question(struct message *m, const char *name, unsigned type)
{
	put_name(m, name);
	put16(m, type);
	put16(m, DNS_CLASS_IN);
}

/* Type to data of a record; the owner goes before. */
static inline void put_data(struct message *m, unsigned type, const void *data, size_t len)
{
	put16(m, type);
	put16(m, DNS_CLASS_IN);
	put16(m, 0);
	put16(m, 300);
	put16(m, (unsigned)len);
	put_octets(m, data, len);
}

static inline void put_address(struct message *m, unsigned last_octet)
{
	uint8_t address[4] = { 192, 0, 2, (uint8_t)last_octet };

	put_data(m, DNS_TYPE_A, address, sizeof(address));
}

/* A whole OPT; ttl holds the upper rcode bits, the version and the flags. */
static inline void put_opt(struct message *m, unsigned udp_size, uint32_t ttl, const void *options, size_t len)
{
	put8(m, 0);
	put16(m, DNS_TYPE_OPT);
	put16(m, udp_size);
	put16(m, ttl >> 16);
	put16(m, ttl & 0xffff);
	put16(m, (unsigned)len);
	put_octets(m, options, len);
}

/* A copy in memory of exactly its length, so that ASan sees every octet read too much. */
static inline uint8_t *exact_copy(const uint8_t *octets, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1);

	if (len)
		memcpy(copy, octets, len);
	return copy;
}

static inline unsigned flags_of(const uint8_t *msg)
{
	return (unsigned)msg[2] << 8 | msg[3];
}

static inline unsigned count_of(const uint8_t *msg, unsigned at)
{
	return (unsigned)msg[at] << 8 | msg[at + 1];
}

#endif
