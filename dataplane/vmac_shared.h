/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * vmac_shared.h - what the tcx program and the daemon both know. Fixed widths, explicit padding.
 */
#ifndef DATAPLANE_VMAC_SHARED_H
#define DATAPLANE_VMAC_SHARED_H

#include <linux/types.h>
#include "base/lease.h"

enum {
	VMAC_MAX = LEASE_MAX,		/* one a virtual router */
	VMAC_ADDRESSES_MAX = 16 * VMAC_MAX,
};

/* The same virtual MAC may be in use on several interfaces, by different virtual routers. */
struct vmac_key {
	__u32 ifindex;
	__u8 mac[6];
	__u16 pad;
};

/* An address that is received at an interface's virtual MACs; as in base/addr.h (IPv4 mapped). */
struct vmac_address_key {
	__u32 ifindex;
	__be32 addr[4];
};

/* Counters of the program; names in vmac.c in the same order. */
enum vmac_counter {
	VMAC_RECEIVED,			/* for a virtual MAC whose lease is held: to the kernel's IP stack */
	VMAC_NO_LEASE,			/* not held: dropped */
	VMAC_NO_ADDRESS,		/* held, but for none of the router's addresses: not received */
	VMAC_COUNTERS
};

_Static_assert(sizeof(struct vmac_key) == 12, "no hidden padding");
_Static_assert(sizeof(struct vmac_address_key) == 20, "no hidden padding");

#endif
