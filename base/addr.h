/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * addr.h - addresses, endpoints and prefixes of both families in one shape: 16 octets in network
 * order, IPv4 as ::ffff:a.b.c.d (RFC 4291, 2.5.5.2), so that nothing behind the parser branches on the
 * family. Pure functions; any thread.
 */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

struct addr {
	union {
		uint8_t bytes[16];
		uint32_t words_be[4];
		uint64_t halves_be[2];
	};
};

struct endpoint {
	struct addr addr;
	uint16_t port;		/* host order */
};

struct prefix {
	struct addr addr;	/* bits past len are zero */
	uint8_t len;		/* 0-128; an IPv4 /24 is 120 */
};

enum {
	ADDR_TEXT_MAX = 46,		/* with the NUL */
	ENDPOINT_TEXT_MAX = 56,		/* "[v6]:65535" */
	PREFIX_TEXT_MAX = 50,
};

static inline bool addr_is_v4(const struct addr *a)
{
	static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

	return memcmp(a->bytes, mapped, sizeof(mapped)) == 0;
}

static inline bool addr_equal(const struct addr *a, const struct addr *b)
{
	return a->halves_be[0] == b->halves_be[0] && a->halves_be[1] == b->halves_be[1];
}

static inline bool endpoint_equal(const struct endpoint *a, const struct endpoint *b)
{
	return a->port == b->port && addr_equal(&a->addr, &b->addr);
}

/* IPv4 address in network order, as it stands in a header. */
struct addr addr_from_v4(uint32_t v4_be);
static inline uint32_t addr_v4_be(const struct addr *a)
{
	return a->words_be[3];
}

/* Orders by octets, unsigned: <0, 0, >0. */
int addr_compare(const struct addr *a, const struct addr *b);

/* fe80::/10: says nothing without an interface. False for IPv4. */
static inline bool addr_is_link_local(const struct addr *a)
{
	return a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

/* 127.0.0.0/8, ::1. */
bool addr_is_loopback(const struct addr *a);

/* True for unspecified, loopback, multicast and broadcast (of either family): no host's own address. */
bool addr_is_special(const struct addr *a);

/* "192.0.2.1" or "2001:db8::1"; nothing before or after. 0 or -EINVAL. */
int addr_parse(const char *text, struct addr *addr);
/* "192.0.2.0/24", "2001:db8::/32", or an address alone (its full length). -EINVAL for a bad form,
 * -ERANGE where bits past the length are set. */
int prefix_parse(const char *text, struct prefix *prefix);

/* Write into text (size as the enum above says, or more) and return it. */
const char *addr_format(const struct addr *addr, char *text, size_t size);
const char *endpoint_format(const struct endpoint *endpoint, char *text, size_t size);
const char *prefix_format(const struct prefix *prefix, char *text, size_t size);

bool prefix_contains(const struct prefix *prefix, const struct addr *addr);

/* IPv4 becomes sockaddr_in, IPv6 sockaddr_in6. Returns the length. */
socklen_t endpoint_to_sockaddr(const struct endpoint *endpoint, struct sockaddr_storage *out);
/* -EAFNOSUPPORT for another family. */
int endpoint_from_sockaddr(const struct sockaddr *in, struct endpoint *endpoint);

#endif
