/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * accept.bpf.h - what a packet is that goes to the kernel for a virtual address: protocol, port, ICMP type, through
 * IPv4 options, IPv6 extension headers and fragments. Everybody on the network can send to such an address, and
 * whatever the host happens to listen on answers there too, if it is let.
 */
#ifndef DATAPLANE_ACCEPT_BPF_H
#define DATAPLANE_ACCEPT_BPF_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/icmpv6.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum {
	ACCEPT_EXTENSIONS_MAX = 6,	/* headers in front of the transport's; with more it is not let in */
	ACCEPT_OFFSET_MASK = 0x1fff,	/* IPv4, units of 8 octets */
	ACCEPT_OFFSET_MASK_V6 = 0xfff8,
	/* ICMP, whose header of the kernel is not for programs in it */
	ACCEPT_ICMP_UNREACHABLE = 3, ACCEPT_ICMP_ECHO = 8, ACCEPT_ICMP_TIME_EXCEEDED = 11, ACCEPT_ICMP_PARAMETER = 12,
};

/* A packet as far as it decides. */
struct accept_packet {
	__u8 protocol;			/* of the transport */
	__u8 type;			/* ICMP */
	bool later_fragment;		/* not the first: it says no more, and is nothing without the first */
	bool has_port;
	__be16 port;			/* destination; TCP and UDP */
};

struct accept_option {			/* RFC 8200, 4.2: what the skippable ones have in common */
	__u8 next, length;
	__u8 rest[6];
};

struct accept_fragment {
	__u8 next, reserved;
	__be16 offset;
	__be32 id;
};

static __always_inline void accept_transport(void *at, void *end, struct accept_packet *a)
{
	__be16 *words = at;

	if ((void *)(words + 2) > end)
		return;
	a->type = *(__u8 *)at;
	a->port = words[1];
	a->has_port = a->protocol == IPPROTO_TCP || a->protocol == IPPROTO_UDP;
}

/* at: the IPv4 header. */
static __always_inline void accept_read_v4(void *at, void *end, struct accept_packet *a)
{
	struct iphdr *ip = at;

	if ((void *)(ip + 1) > end || ip->ihl < 5)
		return;
	a->protocol = ip->protocol;
	a->later_fragment = ip->frag_off & bpf_htons(ACCEPT_OFFSET_MASK);
	if (!a->later_fragment)
		accept_transport(at + ip->ihl * 4, end, a);
}

/* at: the IPv6 header. */
static __always_inline void accept_read_v6(void *at, void *end, struct accept_packet *a)
{
	struct ipv6hdr *ip = at;
	__u8 next;

	if ((void *)(ip + 1) > end)
		return;
	next = ip->nexthdr;
	at = ip + 1;
#pragma unroll
	for (int i = 0; i < ACCEPT_EXTENSIONS_MAX; i++) {
		struct accept_option *option = at;
		struct accept_fragment *fragment = at;

		if (next != IPPROTO_HOPOPTS && next != IPPROTO_ROUTING && next != IPPROTO_DSTOPTS &&
		    next != IPPROTO_FRAGMENT)
			break;
		if ((void *)(option + 1) > end)
			return;
		a->later_fragment = next == IPPROTO_FRAGMENT && fragment->offset & bpf_htons(ACCEPT_OFFSET_MASK_V6);
		at += next == IPPROTO_FRAGMENT ? sizeof(*fragment) : ((__u32)option->length + 1) * 8;
		next = option->next;
		if (a->later_fragment)
			return;
	}
	a->protocol = next;
	accept_transport(at, end, a);
}

/* Echo requests, and the errors without which a path's MTU stays unknown and a dead one unnoticed. */
static __always_inline bool accept_icmp(const struct accept_packet *a)
{
	if (a->protocol == IPPROTO_ICMP)
		return a->type == ACCEPT_ICMP_ECHO || a->type == ACCEPT_ICMP_UNREACHABLE ||
		       a->type == ACCEPT_ICMP_TIME_EXCEEDED || a->type == ACCEPT_ICMP_PARAMETER;
	return a->protocol == IPPROTO_ICMPV6 && (a->type == ICMPV6_ECHO_REQUEST ||
						 (a->type >= ICMPV6_DEST_UNREACH && a->type <= ICMPV6_PARAMPROB));
}

#endif
