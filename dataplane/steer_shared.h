/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * steer_shared.h - what the XDP program and the daemon both know. Fixed widths, explicit padding.
 * The program only sorts ours from not ours; everything it needs stands in struct steer_conf, of which
 * there are two: the daemon (control thread) writes the one not in use and switches by one store.
 *
 * Tables are open addressing with a bounded number of probes: the daemon sizes and salts them so that
 * every key is found within STEER_PROBES, or refuses the configuration.
 */
#ifndef DATAPLANE_STEER_SHARED_H
#define DATAPLANE_STEER_SHARED_H

#include <linux/types.h>
#include "base/lease.h"

enum {
	STEER_PORTS_MAX = 16,
	STEER_QUEUES_MAX = 64,		/* per port; XSKMAP key = port * STEER_QUEUES_MAX + queue */
	STEER_LISTEN_SLOTS = 128,	/* power of two; of the address table too */
	STEER_SERVER_SLOTS = 1024,	/* power of two */
	STEER_PROBES = 4,
	STEER_BLOCKS_MAX = 4096,
};

/* A UDP endpoint that is ours, or a server's. Addresses as in base/addr.h (IPv4 mapped). */
struct steer_endpoint {
	__be32 addr[4];
	__be16 port;
	__u8 used;
	__u8 lease;			/* index into the lease page, or LEASE_NONE */
	__u32 only_dns;			/* address: the kernel gets nothing for it but what the DNS needs */
};

struct steer_port_conf {
	__u32 ifindex;			/* 0 = unused */
	__u32 vlan;			/* 802.1Q id of its frames; 0 = untagged */
};

struct steer_conf {
	__u32 salt;			/* of all tables */
	__u16 source_port_base;		/* host order; our ports toward servers: */
	__u16 source_port_count;	/* base .. base + count - 1; 0 = none (io = socket) */
	struct steer_port_conf port[STEER_PORTS_MAX];	/* port number = position */
	struct steer_endpoint listen[STEER_LISTEN_SLOTS];	/* clients ask it */
	struct steer_endpoint address[STEER_LISTEN_SLOTS];	/* each listen address once, port 0 */
	struct steer_endpoint server[STEER_SERVER_SLOTS];
};

/* What a frame for a virtual router's address that goes to the kernel is rewritten to, by lease index. */
struct steer_rewrite {
	__u32 used;
	__be16 virtual_mac[3], own_mac[3];	/* the frame is aligned for 16 bits */
};

/* Key and value of the map of blocked prefixes, a longest prefix match. */
struct steer_block_key {
	__u32 len;			/* 0-128; an IPv4 /24 is 120 */
	__be32 addr[4];
};

struct steer_block_entry {
	__u64 until_ns;			/* CLOCK_BOOTTIME; 0 = for good */
	__u32 let_through;		/* every so many-th frame passes; 0 = none */
	__u32 seen;			/* frames so far, where some pass */
	__u32 len;			/* the key's: a look-up in the map finds shorter prefixes too */
	__u32 pad;
};

/*
 * In front of some of the queries that go to a socket, in the frame's headroom (XDP's metadata): when the filter saw
 * them. Of which ones both sides see by the UDP checksum, which is as good as random. Some drivers have no room
 * for it, hence the magic; the daemon wipes it, because the frame comes again.
 */
enum { STEER_STAMP_ONE_OF = 64 };	/* a power of two */

struct steer_stamp {
	__u64 magic;
	__u64 seen_ns;			/* CLOCK_MONOTONIC */
};

static const __u64 STEER_STAMP_MAGIC = 0x5a1d7c93e6b4082full;

/* Host order: the octet that changes most is the last one. */
static inline int steer_is_stamped(__u16 udp_checksum)
{
	return !(udp_checksum & (STEER_STAMP_ONE_OF - 1));
}

/* The slot where the search for (addr, port) begins; the same function on both sides. */
static inline __u32 steer_hash(__u32 salt, const __be32 *addr, __be16 port)
{
	__u32 h = addr[0] ^ salt;

	h = (h ^ addr[1]) * 0x9e3779b1u;
	h = (h ^ addr[2]) * 0x85ebca6bu;
	h = (h ^ (h >> 15) ^ addr[3]) * 0xc2b2ae35u;
	h = (h ^ (h >> 13) ^ port) * 0x9e3779b1u;
	return h ^ (h >> 16);
}

/* Counters of the program, one per-CPU array map; names in steer.c in the same order. */
enum steer_counter {
	STEER_QUERY,			/* redirected: for a listen endpoint */
	STEER_ANSWER,			/* redirected: from a server to our ports */
	STEER_QUERY_KERNEL,		/* query on a queue without a socket: to the kernel */
	STEER_ANSWER_NO_SOCKET,		/* answer on a queue without a socket: dropped */
	STEER_NO_LEASE,			/* for an address whose lease is not held: dropped */
	STEER_NOT_ACCEPTED,		/* for a virtual address, neither DNS nor an ICMP message it needs: dropped */
	STEER_BLOCKED,			/* for a listen address, from a blocked prefix: dropped */
	STEER_FRAGMENT,			/* to the kernel */
	STEER_OPTIONS,			/* IPv4 options: to the kernel */
	STEER_EXTENSION,		/* IPv6 extension headers, UDP behind them or not: to the kernel */
	STEER_OTHER_VLAN,		/* two tags, or not the port's one: to the kernel */
	STEER_OVERSIZE,			/* longer than a frame takes (super-frame): to the kernel */
	STEER_MALFORMED,		/* lengths that contradict each other, for ours: to the kernel */
	STEER_OTHER,			/* not ours: to the kernel */
	STEER_COUNTERS
};

_Static_assert(sizeof(struct steer_endpoint) == 24, "no hidden padding");
_Static_assert(sizeof(struct steer_block_key) == 20, "no hidden padding");
_Static_assert(sizeof(struct steer_block_entry) == 24, "no hidden padding");
_Static_assert(sizeof(struct steer_rewrite) == 16, "no hidden padding");
_Static_assert(sizeof(struct steer_stamp) == 16, "no hidden padding, and what metadata may have");

#endif
