/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * gateway.c - ARP requests and Neighbour Solicitations, and the answers to them. Contract in gateway.h.
 *
 * The socket is of the cooked kind (SOCK_DGRAM): frames begin behind the Ethernet header, which the kernel writes with
 * the interface's own MAC. It is opened at the first question and kept, because closing a packet socket waits for the
 * whole kernel to look away; only an interface that was made anew gets a new one.
 */
#include "node/gateway.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <linux/filter.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/if_ether.h>
#include <netinet/ip6.h>
#include <netpacket/packet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/loop.h"

enum {
	FRAMES_A_TURN = 16,
	FRAME_MAX = 256,		/* longer answers are cut, and read well so */
	HOP_LIMIT = 255,
	MAC_LEN = 6,
	V4_AT = 12,			/* of struct addr */
	OPTION_SOURCE_MAC = 1,		/* RFC 4861, 4.6.1 */
};

/* RFC 4861, 4.3, with the one option it may have, behind its IPv6 header. */
struct solicitation {
	struct ip6_hdr ip;
	struct nd_neighbor_solicit ns;
	uint8_t option[2];
	uint8_t mac[MAC_LEN];
};
_Static_assert(sizeof(struct solicitation) == 40 + 24 + 8, "as on the wire");

struct gateway {
	struct loop *loop;
	char interface[IF_NAMESIZE];
	struct addr target;
	struct gateway_place place;	/* of the last question */
	struct loop_fd fd;		/* -1 = none yet */
	unsigned bound_to;		/* ifindex */
	void (*on_answer)(void *context);
	void *context;
};

/* ---- where from ---- */

static unsigned bits_of(const struct sockaddr *mask)
{
	const uint8_t *at = mask->sa_family == AF_INET ? (const uint8_t *)&((const struct sockaddr_in *)mask)->sin_addr
						       : ((const struct sockaddr_in6 *)mask)->sin6_addr.s6_addr;
	size_t n = mask->sa_family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
	unsigned bits = 0;

	for (size_t i = 0; i < n; i++)
		bits += (unsigned)__builtin_popcount(at[i]);
	return bits;
}

static bool lies_in(const struct addr *target, const struct addr *own, unsigned len)
{
	struct prefix subnet = { *own, (uint8_t)len };

	for (unsigned bit = len; bit < 8 * sizeof(own->bytes); bit++)
		subnet.addr.bytes[bit / 8] &= (uint8_t)~(0x80u >> bit % 8);
	return prefix_contains(&subnet, target);
}

/* An address of the target's family makes -ENOENT -EADDRNOTAVAIL, one with it in its subnet 0. */
static void consider(struct gateway_place *place, const struct ifaddrs *entry, const struct addr *target, int *err)
{
	struct endpoint own;
	unsigned len;

	if (!*err || !entry->ifa_netmask || endpoint_from_sockaddr(entry->ifa_addr, &own) ||
	    addr_is_v4(&own.addr) != addr_is_v4(target))
		return;
	len = bits_of(entry->ifa_netmask) + (addr_is_v4(target) ? 8 * V4_AT : 0);
	*err = -EADDRNOTAVAIL;
	if (len == 8 * sizeof(own.addr.bytes) || !lies_in(target, &own.addr, len))
		return;
	place->source = own.addr;
	*err = 0;
}

static void take_link(struct gateway_place *place, const struct sockaddr_ll *link)
{
	place->ifindex = (unsigned)link->sll_ifindex;
	if (link->sll_halen == MAC_LEN)
		memcpy(place->mac, link->sll_addr, MAC_LEN);
}

int gateway_find_place(const char *interface, const struct addr *target, struct gateway_place *place)
{
	struct ifaddrs *list;
	int err = -ENOENT;

	memset(place, 0, sizeof(*place));
	if (getifaddrs(&list))
		return -errno;
	for (const struct ifaddrs *i = list; i; i = i->ifa_next) {
		/* An address with a label of its own is listed as "eth0:label". */
		size_t len = strcspn(i->ifa_name, ":");

		if (!i->ifa_addr || strncmp(i->ifa_name, interface, len) != 0 || interface[len])
			continue;
		if (i->ifa_addr->sa_family == AF_PACKET)
			take_link(place, (const struct sockaddr_ll *)i->ifa_addr);
		else
			consider(place, i, target, &err);
	}
	freeifaddrs(list);
	return place->ifindex ? err : -ENODEV;
}

const char *gateway_error(int err)
{
	switch (err) {
	case -ENODEV:
		return "no such interface";
	case -ENOENT:
		return "the interface has no address to ask from";
	case -EADDRNOTAVAIL:
		return "in no subnet of the interface";
	default:
		return strerror(-err);
	}
}

/* ---- answers ---- */

static bool is_arp_answer(const struct gateway *gateway, const uint8_t *frame, size_t len)
{
	const struct ether_arp *arp = (const struct ether_arp *)frame;

	return len >= sizeof(*arp) && arp->ea_hdr.ar_op == htons(ARPOP_REPLY) &&
	       memcmp(arp->arp_spa, gateway->target.bytes + V4_AT, sizeof(arp->arp_spa)) == 0 &&
	       memcmp(arp->arp_tpa, gateway->place.source.bytes + V4_AT, sizeof(arp->arp_tpa)) == 0;
}

/* Solicited ones come to the address that asked, and none has crossed a router (RFC 4861, 7.1.2). */
static bool is_advertisement(const struct gateway *gateway, const uint8_t *frame, size_t len)
{
	const struct ip6_hdr *ip = (const struct ip6_hdr *)frame;
	const struct nd_neighbor_advert *na = (const struct nd_neighbor_advert *)(ip + 1);

	return len >= sizeof(*ip) + sizeof(*na) && ip->ip6_nxt == IPPROTO_ICMPV6 && ip->ip6_hlim == HOP_LIMIT &&
	       na->nd_na_type == ND_NEIGHBOR_ADVERT && na->nd_na_code == 0 &&
	       memcmp(&na->nd_na_target, gateway->target.bytes, sizeof(na->nd_na_target)) == 0 &&
	       memcmp(&ip->ip6_dst, gateway->place.source.bytes, sizeof(ip->ip6_dst)) == 0;
}

static void on_frames(struct loop_fd *self, uint32_t events)
{
	struct gateway *gateway = (struct gateway *)((char *)self - offsetof(struct gateway, fd));
	uint8_t frame[FRAME_MAX] __attribute__((aligned(8)));
	bool is_v4 = addr_is_v4(&gateway->target), answered = false;

	(void)events;
	for (unsigned i = 0; i < FRAMES_A_TURN; i++) {
		/* An error, of a link that went down, is told once. */
		ssize_t n = recv(self->fd, frame, sizeof(frame), MSG_DONTWAIT);

		if (n < 0)
			break;
		answered |= is_v4 ? is_arp_answer(gateway, frame, (size_t)n)
				  : is_advertisement(gateway, frame, (size_t)n);
	}
	if (answered)
		gateway->on_answer(gateway->context);
}

/* ---- the socket ---- */

static int set_filter(int fd, struct sock_filter *code, size_t n)
{
	const struct sock_fprog program = { (unsigned short)n, code };

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) ? -errno : 0;
}

/* A busy network has far more ARP and IPv6 than answers to us. Offsets are those of the headers. */
static int filter_arp(int fd, const struct addr *target)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARPOP_REPLY, 0, 3),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 14),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ntohl(addr_v4_be(target)), 0, 1),
		BPF_STMT(BPF_RET | BPF_K, FRAME_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};

	return set_filter(fd, code, sizeof(code) / sizeof(code[0]));
}

static int filter_nd(int fd)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 6),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_ICMPV6, 0, 3),
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 40),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ND_NEIGHBOR_ADVERT, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, FRAME_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};

	return set_filter(fd, code, sizeof(code) / sizeof(code[0]));
}

static uint16_t ether_type(const struct gateway *gateway)
{
	return addr_is_v4(&gateway->target) ? ETHERTYPE_ARP : ETHERTYPE_IPV6;
}

static void close_socket(struct gateway *gateway)
{
	if (gateway->fd.fd < 0)
		return;
	loop_fd_remove(gateway->loop, &gateway->fd);
	close(gateway->fd.fd);
	gateway->fd.fd = -1;
}

/* The filter before the binding: not one frame unfiltered. */
static int open_socket(struct gateway *gateway)
{
	const int on = 1;
	struct sockaddr_ll name = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ether_type(gateway)),
		.sll_ifindex = (int)gateway->place.ifindex,
	};
	int fd = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err;

	if (fd < 0)
		return -errno;
	err = addr_is_v4(&gateway->target) ? filter_arp(fd, &gateway->target) : filter_nd(fd);
	if (!err && setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof(on)))
		err = -errno;
	if (!err && bind(fd, (struct sockaddr *)&name, sizeof(name)))
		err = -errno;
	gateway->fd = (struct loop_fd){ .fd = fd, .on_ready = on_frames };
	if (!err)
		err = loop_fd_add(gateway->loop, &gateway->fd, EPOLLIN);
	if (err)
		close_socket(gateway);
	else
		gateway->bound_to = gateway->place.ifindex;
	return err;
}

/* ---- questions ---- */

static size_t write_request(const struct gateway *gateway, void *frame, uint8_t to[MAC_LEN])
{
	const struct gateway_place *place = &gateway->place;
	struct ether_arp arp = {
		.ea_hdr = { htons(ARPHRD_ETHER), htons(ETHERTYPE_IP), MAC_LEN, 4, htons(ARPOP_REQUEST) },
	};

	memcpy(arp.arp_sha, place->mac, MAC_LEN);
	memcpy(arp.arp_spa, place->source.bytes + V4_AT, sizeof(arp.arp_spa));
	memcpy(arp.arp_tpa, gateway->target.bytes + V4_AT, sizeof(arp.arp_tpa));
	memset(to, 0xff, MAC_LEN);
	memcpy(frame, &arp, sizeof(arp));
	return sizeof(arp);
}

static uint32_t add_words(uint32_t sum, const void *data, size_t len)
{
	const uint8_t *at = data;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)(at[i] << 8 | at[i + 1]);
	return sum;
}

/* Over the pseudo-header of RFC 8200, 8.1, and everything behind the IPv6 header. */
static uint16_t checksum_be(const struct solicitation *s)
{
	const size_t len = sizeof(*s) - sizeof(s->ip);
	uint32_t sum = add_words(0, &s->ip.ip6_src, 2 * sizeof(s->ip.ip6_src)) + (uint32_t)len + IPPROTO_ICMPV6;

	sum = add_words(sum, (const uint8_t *)s + sizeof(s->ip), len);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* To the target's solicited-node group (RFC 4291, 2.7.1). */
static size_t write_solicitation(const struct gateway *gateway, void *frame, uint8_t to[MAC_LEN])
{
	static const uint8_t group[13] = { 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff };
	const struct gateway_place *place = &gateway->place;
	struct solicitation s = {
		.ip = { .ip6_nxt = IPPROTO_ICMPV6, .ip6_hlim = HOP_LIMIT },
		.ns = { .nd_ns_type = ND_NEIGHBOR_SOLICIT },
		.option = { OPTION_SOURCE_MAC, 1 },
	};

	s.ip.ip6_vfc = 6 << 4;
	s.ip.ip6_plen = htons(sizeof(s) - sizeof(s.ip));
	memcpy(&s.ip.ip6_src, place->source.bytes, sizeof(s.ip.ip6_src));
	memcpy(&s.ip.ip6_dst, group, sizeof(group));
	memcpy((uint8_t *)&s.ip.ip6_dst + sizeof(group), gateway->target.bytes + sizeof(group), 3);
	memcpy(&s.ns.nd_ns_target, gateway->target.bytes, sizeof(s.ns.nd_ns_target));
	memcpy(s.mac, place->mac, MAC_LEN);
	s.ns.nd_ns_cksum = checksum_be(&s);
	to[0] = to[1] = 0x33;
	memcpy(to + 2, (uint8_t *)&s.ip.ip6_dst + 12, 4);
	memcpy(frame, &s, sizeof(s));
	return sizeof(s);
}

int gateway_ask(struct gateway *gateway)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_protocol = htons(ether_type(gateway)),
				  .sll_halen = MAC_LEN };
	uint8_t frame[FRAME_MAX];
	size_t len;
	int err = gateway_find_place(gateway->interface, &gateway->target, &gateway->place);

	if (!err && gateway->fd.fd >= 0 && gateway->bound_to != gateway->place.ifindex)
		close_socket(gateway);
	if (!err && gateway->fd.fd < 0)
		err = open_socket(gateway);
	if (err)
		return err;
	to.sll_ifindex = (int)gateway->place.ifindex;
	len = addr_is_v4(&gateway->target) ? write_request(gateway, frame, to.sll_addr)
					   : write_solicitation(gateway, frame, to.sll_addr);
	return sendto(gateway->fd.fd, frame, len, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&to,
		      sizeof(to)) < 0 ? -errno : 0;
}

struct gateway *gateway_new(struct loop *loop, const char *interface, const struct addr *target,
			    void (*on_answer)(void *context), void *context)
{
	struct gateway *gateway = calloc(1, sizeof(*gateway));

	if (!gateway)
		return NULL;
	gateway->loop = loop;
	gateway->target = *target;
	gateway->fd.fd = -1;
	gateway->on_answer = on_answer;
	gateway->context = context;
	snprintf(gateway->interface, sizeof(gateway->interface), "%s", interface);
	return gateway;
}

void gateway_free(struct gateway *gateway)
{
	if (!gateway)
		return;
	close_socket(gateway);
	free(gateway);
}
