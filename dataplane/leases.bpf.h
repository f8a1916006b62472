/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * leases.bpf.h - the lease page as the programs in the kernel see it. Included by each of them; all but the
 * first are loaded with the first one's map.
 */
#ifndef DATAPLANE_LEASES_BPF_H
#define DATAPLANE_LEASES_BPF_H

#include <stdbool.h>
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "base/lease.h"

#define ONCE(x) (*(volatile typeof(x) *)&(x))

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct lease_page);
} leases SEC(".maps");

/* Reads the clock only for an entry that is granted: it costs as much as the rest of a program. */
static __always_inline bool lease_is_held(__u8 index)
{
	__u32 key = 0;
	struct lease_page *page;
	__u64 until_ns;

	if (index == LEASE_NONE)
		return true;
	page = bpf_map_lookup_elem(&leases, &key);
	if (!page || index >= LEASE_MAX)
		return false;
	until_ns = ONCE(page->entries[index].until_ns);
	return until_ns != 0 && bpf_ktime_get_boot_ns() < until_ns;
}

#endif
