/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0 */
/*
 * lease.h - who owns a virtual address, and until when. One page shared by the VRRP thread (the only
 * writer), the workers, and the XDP program, which includes this header too. An entry that is not
 * granted or has lapsed means: nothing for that address is received or sent.
 */
#ifndef BASE_LEASE_H
#define BASE_LEASE_H

#include <linux/types.h>

enum {
	LEASE_MAX = 64,		/* virtual routers a node */
	LEASE_NONE = 0xff,	/* index of an address that needs no lease: the node's own */
	LEASE_NEVER = 63,	/* index that is never granted; the self-check's "must drop" frames use it */
};

enum lease_mode {
	LEASE_RELEASED = 0,
	LEASE_ACTIVE = 1,	/* own it: virtual MAC, ARP, everything */
	LEASE_LINGER = 2,	/* planned release: answer what still arrives, from the own MAC */
};

struct lease {
	__u64 until_ns;		/* CLOCK_BOOTTIME; 0 = not granted */
	__u32 mode;		/* enum lease_mode */
	__u32 pad;
	__u64 spare[6];		/* one cache line an entry */
};

struct lease_page {
	struct lease entries[LEASE_MAX];
};

_Static_assert(sizeof(struct lease) == 64, "one cache line");
_Static_assert(sizeof(struct lease_page) == 4096, "one page");

#ifndef __bpf__
#include <stdbool.h>
#include <stdint.h>

/* True while entry index is granted at now_boot_ns; LEASE_NONE always holds. Any thread. */
bool lease_holds(const struct lease_page *page, uint8_t index, uint64_t now_boot_ns);
enum lease_mode lease_mode(const struct lease_page *page, uint8_t index);

/* VRRP thread only. Sets mode and end; until_ns 0 with LEASE_RELEASED revokes. */
void lease_grant(struct lease_page *page, uint8_t index, enum lease_mode mode, uint64_t until_ns);
void lease_revoke(struct lease_page *page, uint8_t index);
#endif

#endif
