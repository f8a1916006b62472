// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * reflect_xdp.bpf.c - the programs of the bench's reflectors, for UDP over IPv4 to port 53:
 *
 *   reflect     turns a query into an answer to itself and sends it back (reflect_xdp.c: a server that is
 *               never the bottleneck)
 *   answer      the same with three A records, so that it may be cached; counts queries by the first letter of
 *               their names
 *   to_socket   hands it to the AF_XDP socket of its queue (reflect_xsk.c: the floor)
 *
 * What is not that goes to the kernel.
 */
#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

enum {
	QUEUES_MAX = 64,
	FLAGS_QR_RA = 0x8080,
	RECORDS = 3,			/* in records[] */
	OPT_LEN = 11,
	MOVED_MAX = 256,
	TTL = 3600,
};

struct query {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
	__be16 id, flags;
	__be16 questions, answers, authorities, additionals;
	__u8 label_len, letter;		/* where the name begins */
} __attribute__((packed));

struct {
	__uint(type, BPF_MAP_TYPE_XSKMAP);
	__uint(max_entries, QUEUES_MAX);
	__type(key, __u32);
	__type(value, __u32);
} sockets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 256);
	__type(key, __u32);
	__type(value, __u64);
} letters SEC(".maps");

/* Name (a pointer to the question's), type A, class IN, TTL, length, 192.0.2.1 */
#define RECORD	bpf_htons(0xc00c), bpf_htons(1), bpf_htons(1), 0, bpf_htons(TTL), bpf_htons(4), bpf_htons(0xc000), \
		bpf_htons(0x0201)

const volatile __u16 records[] = { RECORD, RECORD, RECORD };

static __always_inline struct query *parse(struct xdp_md *ctx)
{
	struct query *q = (void *)(long)ctx->data;

	if ((void *)(q + 1) > (void *)(long)ctx->data_end || q->eth.h_proto != bpf_htons(ETH_P_IP) ||
	    q->ip.version != 4 || q->ip.ihl != 5 || q->ip.protocol != IPPROTO_UDP ||
	    (q->ip.frag_off & bpf_htons(0x3fff)) || q->udp.dest != bpf_htons(53))
		return NULL;
	return q;
}

/* RFC 1624, equation 3: the checksum after a 16-bit word changed from old to new. */
static __always_inline __be16 update_checksum(__be16 check, __be16 old, __be16 new)
{
	__u32 sum = (__u16)~check + (__u16)~old + (__u32)new;

	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static __always_inline void turn_round(struct query *q)
{
	__u8 mac[ETH_ALEN];
	__be32 addr;
	__be16 word;

	__builtin_memcpy(mac, q->eth.h_dest, ETH_ALEN);
	__builtin_memcpy(q->eth.h_dest, q->eth.h_source, ETH_ALEN);
	__builtin_memcpy(q->eth.h_source, mac, ETH_ALEN);
	addr = q->ip.daddr;
	q->ip.daddr = q->ip.saddr;
	q->ip.saddr = addr;
	word = q->udp.dest;
	q->udp.dest = q->udp.source;
	q->udp.source = word;
	word = q->flags | bpf_htons(FLAGS_QR_RA);
	if (q->udp.check)
		q->udp.check = update_checksum(q->udp.check, q->flags, word);
	q->flags = word;
}

SEC("xdp")
int reflect(struct xdp_md *ctx)
{
	struct query *q = parse(ctx);

	if (!q)
		return XDP_PASS;
	turn_round(q);
	return XDP_TX;
}

/* There is room in front of a frame, hardly any behind it: headers and question move forward, the records come
 * behind them, and the OPT, if there is one, stays where it is. */
SEC("xdp")
int answer(struct xdp_md *ctx)
{
	__u32 grown = sizeof(records), end, letter;
	struct query *q = parse(ctx);
	__u8 moved[MOVED_MAX];
	__be16 ip_len;
	__u64 *count;

	if (!q)
		return XDP_PASS;
	end = sizeof(q->eth) + bpf_ntohs(q->ip.tot_len) - (q->additionals ? OPT_LEN : 0);
	letter = q->letter;
	count = bpf_map_lookup_elem(&letters, &letter);
	if (count)
		__sync_fetch_and_add(count, 1);
	turn_round(q);
	q->answers = bpf_htons(RECORDS);
	ip_len = bpf_htons(bpf_ntohs(q->ip.tot_len) + grown);
	q->ip.check = update_checksum(q->ip.check, q->ip.tot_len, ip_len);
	q->ip.tot_len = ip_len;
	q->udp.len = bpf_htons(bpf_ntohs(q->udp.len) + grown);
	q->udp.check = 0;
	if (end < sizeof(*q) || end > sizeof(moved) || bpf_xdp_load_bytes(ctx, 0, moved, end) ||
	    bpf_xdp_adjust_head(ctx, -(int)grown) || bpf_xdp_store_bytes(ctx, 0, moved, end) ||
	    bpf_xdp_store_bytes(ctx, end, (void *)records, sizeof(records)))
		return XDP_DROP;
	return XDP_TX;
}

SEC("xdp")
int to_socket(struct xdp_md *ctx)
{
	return parse(ctx) ? bpf_redirect_map(&sockets, ctx->rx_queue_index, XDP_PASS) : XDP_PASS;
}

char program_license[] SEC("license") = "Dual BSD/GPL";
