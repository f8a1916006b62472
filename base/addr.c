/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * addr.c - addresses, endpoints, prefixes. Contract in addr.h.
 */
#include "base/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

enum { V4_OFFSET = 96 };	/* bits in front of the IPv4 address in its mapped form */

struct addr addr_from_v4(uint32_t v4_be)
{
	struct addr addr = { .words_be = { 0, 0, htonl(0xffff), v4_be } };

	return addr;
}

int addr_compare(const struct addr *a, const struct addr *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

bool addr_is_loopback(const struct addr *a)
{
	static const struct addr loopback = { .bytes = { [15] = 1 } };

	return addr_is_v4(a) ? ntohl(addr_v4_be(a)) >> 24 == 127 : addr_equal(a, &loopback);
}

bool addr_is_special(const struct addr *a)
{
	static const struct addr zero;

	if (addr_is_loopback(a))
		return true;
	if (addr_is_v4(a)) {
		uint32_t v4 = ntohl(addr_v4_be(a));

		/* this network, multicast, and everything above it with the broadcast */
		return v4 >> 24 == 0 || v4 >= 0xe0000000u;
	}
	return a->bytes[0] == 0xff || addr_equal(a, &zero);
}

int addr_parse(const char *text, struct addr *addr)
{
	struct in_addr v4;

	if (inet_pton(AF_INET, text, &v4) == 1) {
		*addr = addr_from_v4(v4.s_addr);
		return 0;
	}
	return inet_pton(AF_INET6, text, addr->bytes) == 1 ? 0 : -EINVAL;
}

static struct addr mask_of(unsigned len)
{
	struct addr mask = { 0 };

	for (unsigned i = 0; i < 16 && i * 8 < len; i++)
		mask.bytes[i] = len - i * 8 >= 8 ? 0xff : (uint8_t)(0xff << (8 - (len - i * 8)));
	return mask;
}

bool prefix_contains(const struct prefix *prefix, const struct addr *addr)
{
	struct addr mask = mask_of(prefix->len);

	return ((addr->halves_be[0] ^ prefix->addr.halves_be[0]) & mask.halves_be[0]) == 0 &&
	       ((addr->halves_be[1] ^ prefix->addr.halves_be[1]) & mask.halves_be[1]) == 0;
}

int prefix_parse(const char *text, struct prefix *prefix)
{
	char host[ADDR_TEXT_MAX], *end;
	const char *slash = strchr(text, '/');
	size_t n = slash ? (size_t)(slash - text) : strlen(text);
	unsigned long len, max;

	if (n >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, n);
	host[n] = '\0';
	if (addr_parse(host, &prefix->addr))
		return -EINVAL;
	max = strchr(host, ':') ? 128 : 32;
	len = max;
	if (slash) {
		if (slash[1] < '0' || slash[1] > '9')
			return -EINVAL;
		len = strtoul(slash + 1, &end, 10);
		if (*end || len > max)
			return -EINVAL;
	}
	prefix->len = (uint8_t)(max == 32 ? len + V4_OFFSET : len);

	struct addr mask = mask_of(prefix->len);

	if ((prefix->addr.halves_be[0] & ~mask.halves_be[0]) ||
	    (prefix->addr.halves_be[1] & ~mask.halves_be[1]))
		return -ERANGE;
	return 0;
}

const char *addr_format(const struct addr *addr, char *text, size_t size)
{
	bool v4 = addr_is_v4(addr);

	if (!inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? addr->bytes + 12 : addr->bytes, text,
		       (socklen_t)size) && size)
		text[0] = '\0';
	return text;
}

const char *endpoint_format(const struct endpoint *endpoint, char *text, size_t size)
{
	char host[ADDR_TEXT_MAX];

	addr_format(&endpoint->addr, host, sizeof(host));
	snprintf(text, size, addr_is_v4(&endpoint->addr) ? "%s:%u" : "[%s]:%u", host, endpoint->port);
	return text;
}

const char *prefix_format(const struct prefix *prefix, char *text, size_t size)
{
	bool v4 = addr_is_v4(&prefix->addr) && prefix->len >= V4_OFFSET;
	char host[ADDR_TEXT_MAX];

	addr_format(&prefix->addr, host, sizeof(host));
	snprintf(text, size, "%s/%u", host, v4 ? prefix->len - V4_OFFSET : prefix->len);
	return text;
}

socklen_t endpoint_to_sockaddr(const struct endpoint *endpoint, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (addr_is_v4(&endpoint->addr)) {
		struct sockaddr_in *in = (struct sockaddr_in *)out;

		in->sin_family = AF_INET;
		in->sin_port = htons(endpoint->port);
		in->sin_addr.s_addr = addr_v4_be(&endpoint->addr);
		return sizeof(*in);
	}

	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(endpoint->port);
	memcpy(&in6->sin6_addr, endpoint->addr.bytes, 16);
	return sizeof(*in6);
}

int endpoint_from_sockaddr(const struct sockaddr *in, struct endpoint *endpoint)
{
	if (in->sa_family == AF_INET) {
		const struct sockaddr_in *v4 = (const struct sockaddr_in *)in;

		endpoint->addr = addr_from_v4(v4->sin_addr.s_addr);
		endpoint->port = ntohs(v4->sin_port);
		return 0;
	}
	if (in->sa_family == AF_INET6) {
		const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)in;

		memcpy(endpoint->addr.bytes, &v6->sin6_addr, 16);
		endpoint->port = ntohs(v6->sin6_port);
		return 0;
	}
	return -EAFNOSUPPORT;
}
