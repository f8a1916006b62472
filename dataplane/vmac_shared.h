/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * vmac_shared.h - what the tcx program and the daemon both know. Fixed widths, explicit padding.
 */
#ifndef DATAPLANE_VMAC_SHARED_H
#define DATAPLANE_VMAC_SHARED_H

#include <linux/types.h>
#include "base/lease.h"

enum { VMAC_MAX = LEASE_MAX };		/* one a virtual router */

/* The same virtual MAC may be in use on several interfaces, by different virtual routers. */
struct vmac_key {
	__u32 ifindex;
	__u8 mac[6];
	__u16 pad;
};

/* Counters of the program; names in vmac.c in the same order. */
enum vmac_counter {
	VMAC_RECEIVED,			/* for a virtual MAC whose lease is held: to the kernel's IP stack */
	VMAC_NO_LEASE,			/* not held: dropped */
	VMAC_COUNTERS
};

_Static_assert(sizeof(struct vmac_key) == 12, "no hidden padding");

#endif
