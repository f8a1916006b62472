// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * ask.bpf.c - notes when the answers of ask.c arrive, and takes them away before the kernel sees them: UDP over IPv4
 * from port 53 to one of its ports. Everything else goes on.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "tests/bench/ask_shared.h"

struct answer {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
	__be16 id;
	__u8 flags_high, flags_low;
} __attribute__((packed));

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, ASK_STREAMS_MAX * ASK_SLOTS);
	__type(key, __u32);
	__type(value, __u64);
} slots SEC(".maps");

SEC("xdp")
int take_answer(struct xdp_md *ctx)
{
	struct answer *a = (void *)(long)ctx->data;
	__u64 *slot, sent_ns;
	__u32 port, number;

	if ((void *)(a + 1) > (void *)(long)ctx->data_end || a->eth.h_proto != bpf_htons(ETH_P_IP) ||
	    a->ip.ihl != 5 || a->ip.protocol != IPPROTO_UDP || a->udp.source != bpf_htons(53))
		return XDP_PASS;
	port = bpf_ntohs(a->udp.dest) - ASK_PORT_FIRST;
	if (port >= ASK_PORTS)
		return XDP_PASS;
	number = port << 16 | bpf_ntohs(a->id);
	slot = bpf_map_lookup_elem(&slots, &number);
	if (!slot)
		return XDP_DROP;
	sent_ns = *slot;
	if (sent_ns && !(sent_ns & ASK_ANSWERED))
		*slot = ASK_ANSWERED | (__u64)(a->flags_high >> 1 & 1) << ASK_TC_SHIFT |
			(__u64)(a->flags_low & 15) << ASK_RCODE_SHIFT |
			((bpf_ktime_get_ns() - sent_ns) & ASK_LATENCY_MASK);
	return XDP_DROP;
}

char program_license[] SEC("license") = "Dual BSD/GPL";
