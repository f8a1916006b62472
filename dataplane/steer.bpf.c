// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * steer.bpf.c - the XDP filter: sorts ours from not ours, and keeps silent about addresses whose lease is
 * not held. Runs in the kernel for every frame of every port.
 *
 *   query   UDP to a listen endpoint: to the AF_XDP socket of (port, queue), else to the kernel
 *   answer  UDP from a server to one of our ports: to the socket, else dropped (the kernel knows no such
 *           port and would answer port unreachable)
 *   leased  anything else for a listen address, ARP requests and neighbour solicitations too: dropped while its
 *           lease is not held
 *   other   anything else for a virtual address but the DNS, echo requests and ICMP errors: dropped (accept.bpf.h)
 *   blocked from a prefix that the daemon holds back, for a listen address: dropped
 *   rest    to the kernel
 *
 * Three steps: the frame (Ethernet, at most one 802.1Q tag), the packet (IPv4, ARP, IPv6), then one decision on
 * 16-octet addresses that does not know the family. A port has the frames of one VLAN, or the untagged ones; those
 * of others are the kernel's and its VLAN devices', whatever is in them.
 * Contract with the daemon in steer_shared.h.
 */
#include <stdbool.h>
#include <stddef.h>
#include <linux/bpf.h>
#include <linux/icmpv6.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "dataplane/accept.bpf.h"
#include "dataplane/leases.bpf.h"
#include "dataplane/steer_shared.h"

enum {
	ARP_REQUEST = 1,
	IP_FRAGMENT_MASK = 0x3fff,	/* more fragments, offset */
	VLAN_ID_MASK = 0x0fff,
	ND_SOLICITATION = 135,		/* RFC 4861, 4 */
	ND_FIRST = 133, ND_LAST = 137,
};

struct vlan_tag {
	__be16 tci, type;
};

/* RFC 4861, 4.3, up to what we read. */
struct nd_solicitation {
	__u8 type, code;
	__be16 checksum;
	__be32 reserved;
	__be32 target[4];
};

/* RFC 826 for Ethernet and IPv4. */
struct arp {
	__be16 hardware, protocol;
	__u8 hardware_len, protocol_len;
	__be16 operation;
	__u8 sender_mac[ETH_ALEN];
	__u8 sender[4];
	__u8 target_mac[ETH_ALEN];
	__u8 target[4];
} __attribute__((packed));

/* What a frame is, as far as the parser could tell. */
enum shape {
	SHAPE_FOREIGN,		/* nothing we look at; no address is set */
	SHAPE_ADDRESSED,	/* src and dst are set: not UDP */
	SHAPE_RESOLVE,		/* the same of ARP and neighbour discovery; dst is whom it asks for */
	SHAPE_OTHER_VLAN,	/* not this port's, nothing is set */
	SHAPE_UDP,		/* plain UDP: ports are set as well */
	/* UDP that only the kernel can take; addresses are set */
	SHAPE_FRAGMENT,
	SHAPE_OPTIONS,
	SHAPE_EXTENSION,	/* of IPv6, whatever is behind it */
	SHAPE_OVERSIZE,
	SHAPE_MALFORMED,
};

struct packet {
	__be32 src[4], dst[4];
	__be16 src_port, dst_port, checksum;
};

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, STEER_PORTS_MAX * STEER_QUEUES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, LEASE_MAX);
	__type(key, __u32);
	__type(value, struct steer_rewrite);
} rewrites SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, STEER_COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, STEER_BLOCKS_MAX + 1);	/* older kernels need a place more to replace one */
	__type(key, struct steer_block_key);
	__type(value, struct steer_block_entry);
} blocked SEC(".maps");

struct steer_conf confs[2];
__u32 conf_in_use;		/* index into confs */
__u32 blocks;			/* prefixes in blocked; without any it is not looked at */
__u32 frame_limit;		/* octets of the longest frame that a socket takes */

static __always_inline int count(enum steer_counter counter, int action)
{
	__u32 key = counter;
	__u64 *n = bpf_map_lookup_elem(&counters, &key);

	if (n)
		(*n)++;
	return action;
}

static __always_inline void set_mapped(__be32 addr[4], __be32 v4)
{
	addr[0] = 0;
	addr[1] = 0;
	addr[2] = bpf_htonl(0xffff);
	addr[3] = v4;
}

static __always_inline enum shape parse_arp(void *at, void *end, struct packet *p)
{
	struct arp *arp = at;
	__be32 sender, target;

	if ((void *)(arp + 1) > end || arp->protocol != bpf_htons(ETH_P_IP) ||
	    arp->operation != bpf_htons(ARP_REQUEST))
		return SHAPE_FOREIGN;
	__builtin_memcpy(&sender, arp->sender, sizeof(sender));
	__builtin_memcpy(&target, arp->target, sizeof(target));
	if (sender == target)
		return SHAPE_FOREIGN;	/* an announcement: nobody answers it, and the kernel should learn */
	set_mapped(p->src, sender);
	set_mapped(p->dst, target);
	return SHAPE_RESOLVE;
}

/* UDP at at, of which the IP header promises left octets. */
static __always_inline enum shape parse_udp(void *at, void *end, __u32 left, struct packet *p)
{
	struct udphdr *udp = at;

	if ((void *)(udp + 1) > end || bpf_ntohs(udp->len) < sizeof(*udp) || bpf_ntohs(udp->len) > left)
		return SHAPE_MALFORMED;
	p->src_port = udp->source;
	p->dst_port = udp->dest;
	p->checksum = udp->check;
	return SHAPE_UDP;
}

/*
 * A length of 16 bits, to be added to a pointer. Up to Linux 6.1 the verifier forgets all it knows of a number whose
 * octets are swapped; the mask tells it again, in assembler because the compiler sees that nothing is masked.
 */
static __always_inline __u64 length_of(__be16 field)
{
	__u64 length = bpf_ntohs(field);

	asm volatile("%0 &= 0xffff" : "+r"(length));
	return length;
}

/* Octets up to stop, where the IP header says that the packet ends: are they all here, and do they fit a frame? */
static __always_inline enum shape check_extent(struct xdp_md *ctx, void *stop, void *end)
{
	__u32 linear = ctx->data_end - ctx->data;

	if (linear > frame_limit)
		return SHAPE_OVERSIZE;
	/* A frame in several buffers shows only the first one here. */
	if (stop > end)
		return bpf_xdp_get_buff_len(ctx) > linear ? SHAPE_OVERSIZE : SHAPE_MALFORMED;
	return SHAPE_UDP;
}

static __always_inline enum shape parse_ipv4(struct xdp_md *ctx, void *at, void *end, struct packet *p)
{
	struct iphdr *ip = at;
	enum shape shape;
	__u32 total;

	if ((void *)(ip + 1) > end || ip->version != 4)
		return SHAPE_FOREIGN;
	set_mapped(p->src, ip->saddr);
	set_mapped(p->dst, ip->daddr);
	if (ip->protocol != IPPROTO_UDP)
		return SHAPE_ADDRESSED;
	if (ip->frag_off & bpf_htons(IP_FRAGMENT_MASK))
		return SHAPE_FRAGMENT;
	if (ip->ihl != 5)
		return ip->ihl > 5 ? SHAPE_OPTIONS : SHAPE_MALFORMED;
	total = length_of(ip->tot_len);
	if (total < sizeof(*ip))
		return SHAPE_MALFORMED;
	shape = check_extent(ctx, at + total, end);
	return shape == SHAPE_UDP ? parse_udp(ip + 1, end, total - sizeof(*ip), p) : shape;
}

/* A solicitation is mostly sent to a group; whom it is for stands inside. */
static __always_inline enum shape parse_icmpv6(void *at, void *end, struct packet *p)
{
	struct nd_solicitation *icmp = at;

	if (at + sizeof(struct icmp6hdr) > end || icmp->type < ND_FIRST || icmp->type > ND_LAST)
		return SHAPE_ADDRESSED;
	if (icmp->type == ND_SOLICITATION && (void *)(icmp + 1) <= end)
		__builtin_memcpy(p->dst, icmp->target, sizeof(p->dst));
	return SHAPE_RESOLVE;
}

static __always_inline enum shape parse_ipv6(struct xdp_md *ctx, void *at, void *end, struct packet *p)
{
	struct ipv6hdr *ip = at;
	enum shape shape;

	if ((void *)(ip + 1) > end || ip->version != 6)
		return SHAPE_FOREIGN;
	__builtin_memcpy(p->src, &ip->saddr, sizeof(p->src));
	__builtin_memcpy(p->dst, &ip->daddr, sizeof(p->dst));
	switch (ip->nexthdr) {
	case IPPROTO_UDP:
		shape = check_extent(ctx, (void *)(ip + 1) + length_of(ip->payload_len), end);
		return shape == SHAPE_UDP ? parse_udp(ip + 1, end, bpf_ntohs(ip->payload_len), p) : shape;
	case IPPROTO_ICMPV6:
		return parse_icmpv6(ip + 1, end, p);
	case IPPROTO_FRAGMENT:
		return SHAPE_FRAGMENT;
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_DSTOPTS:
	case IPPROTO_AH:
	case IPPROTO_ESP:
	case IPPROTO_MH:
		return SHAPE_EXTENSION;
	default:
		return SHAPE_ADDRESSED;
	}
}

static __always_inline enum shape parse(struct xdp_md *ctx, __u32 vlan, struct packet *p)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	void *at = eth + 1;
	__be16 type;

	if (at > end)
		return SHAPE_FOREIGN;
	type = eth->h_proto;
	if (vlan) {
		struct vlan_tag *tag = at;

		if (type != bpf_htons(ETH_P_8021Q) || (void *)(tag + 1) > end ||
		    (bpf_ntohs(tag->tci) & VLAN_ID_MASK) != vlan)
			return SHAPE_OTHER_VLAN;
		type = tag->type;
		at = tag + 1;
	}
	switch (type) {
	case bpf_htons(ETH_P_IP):
		return parse_ipv4(ctx, at, end, p);
	case bpf_htons(ETH_P_IPV6):
		return parse_ipv6(ctx, at, end, p);
	case bpf_htons(ETH_P_ARP):
		return parse_arp(at, end, p);
	case bpf_htons(ETH_P_8021Q):
	case bpf_htons(ETH_P_8021AD):
		return SHAPE_OTHER_VLAN;
	default:
		return SHAPE_FOREIGN;
	}
}

/* slots is a power of two and a constant: the verifier needs to see that the index stays inside. */
static __always_inline const struct steer_endpoint *find(const struct steer_endpoint *table, __u32 slots,
							 __u32 salt, const __be32 *addr, __be16 port)
{
	__u32 at = steer_hash(salt, addr, port);

#pragma unroll
	for (int i = 0; i < STEER_PROBES; i++, at++) {
		const struct steer_endpoint *entry = &table[at & (slots - 1)];

		if (!entry->used)
			return NULL;
		if (entry->port == port && entry->addr[3] == addr[3] && entry->addr[2] == addr[2] &&
		    entry->addr[1] == addr[1] && entry->addr[0] == addr[0])
			return entry;
	}
	return NULL;
}

/* The port that the frame came in by; STEER_PORTS_MAX for a device that is none. */
static __always_inline __u32 find_port(const struct xdp_md *ctx, const struct steer_conf *conf)
{
	__u32 ifindex = ctx->ingress_ifindex, port;

	for (port = 0; port < STEER_PORTS_MAX; port++)
		if (conf->port[port].ifindex == ifindex)
			break;
	return port;
}

/* Key of the frame's socket; one past the map's end, which holds nothing, for a port or queue unknown. */
static __always_inline __u32 socket_key(const struct xdp_md *ctx, __u32 port)
{
	__u32 queue = ctx->rx_queue_index;

	return queue < STEER_QUEUES_MAX ? port * STEER_QUEUES_MAX + queue
					: STEER_PORTS_MAX * STEER_QUEUES_MAX;
}

static __always_inline int take_answer(const struct xdp_md *ctx, __u32 port)
{
	int action = bpf_redirect_map(&sockets, socket_key(ctx, port), XDP_DROP);

	return count(action == XDP_REDIRECT ? STEER_ANSWER : STEER_ANSWER_NO_SOCKET, action);
}

static __always_inline bool same_mac(const __be16 *a, const __be16 *b)
{
	return a[0] == b[0] && a[1] == b[1] && a[2] == b[2];
}

/* A frame for the kernel: the IP stack takes what is addressed to the device's own MAC. What goes to a socket keeps the
 * virtual MAC. */
static __always_inline void rewrite_mac(struct xdp_md *ctx, __u32 lease)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	const struct steer_rewrite *rewrite = bpf_map_lookup_elem(&rewrites, &lease);

	if (rewrite && rewrite->used && (void *)(eth + 1) <= end &&
	    same_mac((__be16 *)eth->h_dest, rewrite->virtual_mac))
		__builtin_memcpy(eth->h_dest, rewrite->own_mac, ETH_ALEN);
}

/* See struct steer_stamp. */
static __always_inline void stamp(struct xdp_md *ctx)
{
	struct steer_stamp *at;

	if (bpf_xdp_adjust_meta(ctx, -(int)sizeof(*at)))
		return;
	at = (void *)(long)ctx->data_meta;
	if ((void *)(at + 1) > (void *)(long)ctx->data)
		return;
	at->magic = STEER_STAMP_MAGIC;
	at->seen_ns = bpf_ktime_get_ns();
}

static __always_inline int take_query(struct xdp_md *ctx, const struct packet *p, __u32 port, __u32 lease)
{
	int action = bpf_redirect_map(&sockets, socket_key(ctx, port), XDP_PASS);

	if (action == XDP_PASS)
		rewrite_mac(ctx, lease);
	else if (steer_is_stamped(bpf_ntohs(p->checksum)))
		stamp(ctx);
	return count(action == XDP_REDIRECT ? STEER_QUERY : STEER_QUERY_KERNEL, action);
}

static __always_inline bool is_answer(const struct steer_conf *conf, const struct packet *p)
{
	__u32 offset = bpf_ntohs(p->dst_port) - (__u32)conf->source_port_base;

	return offset < conf->source_port_count &&
	       find(conf->server, STEER_SERVER_SLOTS, conf->salt, p->src, p->src_port);
}

/* From a prefix that is held back, and not one of those that are let through. */
static __always_inline bool is_blocked(const struct packet *p)
{
	struct steer_block_key key = { .len = 128 };
	struct steer_block_entry *block;

	if (!ONCE(blocks))
		return false;
	__builtin_memcpy(key.addr, p->src, sizeof(key.addr));
	block = bpf_map_lookup_elem(&blocked, &key);
	if (!block || (block->until_ns && bpf_ktime_get_boot_ns() >= block->until_ns))
		return false;
	return !block->let_through || (__sync_fetch_and_add(&block->seen, 1) + 1) % block->let_through;
}

/*
 * May the kernel have this for a virtual address? A function of its own, so that a query's way is no longer for it; and
 * a global one, which the verifier looks at once by itself: as a static one, for every way that leads here, it took 90
 * ms of every start. Neighbour discovery was seen to before; a later fragment of something that was not let in is never
 * put together. 1 or 0.
 */
__attribute__((noinline)) int is_accepted(struct xdp_md *ctx, const struct steer_conf *conf, __u32 vlan,
					  const struct packet *p)
{
	void *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)(long)ctx->data;
	void *at = (void *)(eth + 1) + (vlan ? sizeof(struct vlan_tag) : 0);
	struct accept_packet a = { 0 };

	if (at > end || !conf || !p)	/* a global function's pointers are asked */
		return 0;
	if (p->dst[0] == 0 && p->dst[1] == 0 && p->dst[2] == bpf_htonl(0xffff))
		accept_read_v4(at, end, &a);
	else
		accept_read_v6(at, end, &a);
	if (a.later_fragment || accept_icmp(&a))
		return 1;
	return a.has_port && find(conf->listen, STEER_LISTEN_SLOTS, conf->salt, p->dst, a.port);
}

static __always_inline enum steer_counter counter_of(enum shape shape, bool is_ours)
{
	switch (shape) {
	case SHAPE_FRAGMENT:
		return STEER_FRAGMENT;
	case SHAPE_OPTIONS:
		return STEER_OPTIONS;
	case SHAPE_EXTENSION:
		return STEER_EXTENSION;
	case SHAPE_OVERSIZE:
		return STEER_OVERSIZE;
	case SHAPE_MALFORMED:
		return is_ours ? STEER_MALFORMED : STEER_OTHER;
	default:
		return STEER_OTHER;
	}
}

/* xdp.frags: attaches at any MTU; what comes in several buffers goes to the kernel. */
SEC("xdp.frags")
int tandem_steer(struct xdp_md *ctx)
{
	const struct steer_conf *conf = &confs[ONCE(conf_in_use) & 1];
	const struct steer_endpoint *ours;
	__u32 port = find_port(ctx, conf);
	struct packet p;
	__u32 vlan = port < STEER_PORTS_MAX ? conf->port[port].vlan : 0;
	enum shape shape = parse(ctx, vlan, &p);

	if (shape == SHAPE_FOREIGN)
		return count(STEER_OTHER, XDP_PASS);
	if (shape == SHAPE_OTHER_VLAN)
		return count(STEER_OTHER_VLAN, XDP_PASS);
	if (shape == SHAPE_UDP) {
		if (is_answer(conf, &p))
			return take_answer(ctx, port);
		ours = find(conf->listen, STEER_LISTEN_SLOTS, conf->salt, p.dst, p.dst_port);
		if (ours && !lease_is_held(ours->lease))
			return count(STEER_NO_LEASE, XDP_DROP);
		if (ours)
			return is_blocked(&p) ? count(STEER_BLOCKED, XDP_DROP) : take_query(ctx, &p, port, ours->lease);
	}
	ours = find(conf->address, STEER_LISTEN_SLOTS, conf->salt, p.dst, 0);
	if (ours && !lease_is_held(ours->lease))
		return count(STEER_NO_LEASE, XDP_DROP);
	if (ours && shape != SHAPE_RESOLVE && is_blocked(&p))
		return count(STEER_BLOCKED, XDP_DROP);
	if (ours && ours->only_dns && shape != SHAPE_RESOLVE && !is_accepted(ctx, conf, vlan, &p))
		return count(STEER_NOT_ACCEPTED, XDP_DROP);
	if (ours)
		rewrite_mac(ctx, ours->lease);
	return count(counter_of(shape, ours), XDP_PASS);
}

char program_license[] SEC("license") = "Dual BSD/GPL";
