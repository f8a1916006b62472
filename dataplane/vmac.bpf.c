// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0
/*
 * vmac.bpf.c - lets the kernel's IP stack receive for a virtual MAC, for as long as its lease is held. Runs on
 * tcx ingress of the virtual router's interface, behind the XDP filter where that one is attached.
 *
 * The kernel takes a frame for its own when the destination is the device's own MAC; one for a virtual MAC is
 * "for another host" and IP drops it. So: ours, leased and for an address of the lease, it becomes a frame for this
 * host; for another address it stays what it was, or a host that forwards would be a gateway by this MAC; ours and not
 * leased, it is dropped, whatever the XDP filter thought of it or if there is none. ARP is left as it is: the virtual
 * router answers it from a packet socket, and the kernel, which would use its own MAC, must not.
 *
 * A frame with a VLAN tag belongs to the VLAN's device, which has a link of its own.
 */
#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "dataplane/leases.bpf.h"
#include "dataplane/vmac_shared.h"

/* TCX_NEXT and TCX_DROP, which older headers do not have. */
enum { VERDICT_NEXT = -1, VERDICT_DROP = 2 };

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, VMAC_MAX);
	__type(key, struct vmac_key);
	__type(value, __u8);		/* index of its lease */
} table SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, VMAC_ADDRESSES_MAX);
	__type(key, struct vmac_address_key);
	__type(value, __u8);		/* index of its lease */
} addresses SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, VMAC_COUNTERS);
	__type(key, __u32);
	__type(value, __u64);
} counters SEC(".maps");

static __always_inline int count(enum vmac_counter counter, int verdict)
{
	__u32 key = counter;
	__u64 *n = bpf_map_lookup_elem(&counters, &key);

	if (n)
		(*n)++;
	return verdict;
}

/* Is the packet for an address of the lease? By offsets from the Ethernet header, which has no tag here. */
static __always_inline bool is_for(struct __sk_buff *skb, __u8 lease)
{
	struct vmac_address_key key = { .ifindex = skb->ifindex };
	const __u8 *found;
	int err;

	if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		err = bpf_skb_load_bytes_relative(skb, ETH_HLEN + offsetof(struct ipv6hdr, daddr), key.addr,
						  sizeof(key.addr), BPF_HDR_START_MAC);
	} else {
		key.addr[2] = bpf_htonl(0xffff);
		err = skb->protocol != bpf_htons(ETH_P_IP) ||
		      bpf_skb_load_bytes_relative(skb, ETH_HLEN + offsetof(struct iphdr, daddr), &key.addr[3],
						  sizeof(key.addr[3]), BPF_HDR_START_MAC);
	}
	found = err ? NULL : bpf_map_lookup_elem(&addresses, &key);
	return found && *found == lease;
}

SEC("tc")
int tandem_vmac(struct __sk_buff *skb)
{
	struct vmac_key key = { .ifindex = skb->ifindex };
	__u8 *lease;

	if (skb->pkt_type != PACKET_OTHERHOST || skb->vlan_present || skb->protocol == bpf_htons(ETH_P_ARP))
		return VERDICT_NEXT;
	/* Not by skb->data: behind generic XDP that may begin at the IP header (seen with Linux 6.18 on veth). */
	if (bpf_skb_load_bytes_relative(skb, offsetof(struct ethhdr, h_dest), key.mac, sizeof(key.mac),
					BPF_HDR_START_MAC))
		return VERDICT_NEXT;
	lease = bpf_map_lookup_elem(&table, &key);
	if (!lease)
		return VERDICT_NEXT;
	if (!lease_is_held(*lease))
		return count(VMAC_NO_LEASE, VERDICT_DROP);
	if (!is_for(skb, *lease))
		return count(VMAC_NO_ADDRESS, VERDICT_NEXT);
	bpf_skb_change_type(skb, PACKET_HOST);
	return count(VMAC_RECEIVED, VERDICT_NEXT);
}

char program_license[] SEC("license") = "Dual BSD/GPL";
