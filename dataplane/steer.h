/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * steer.h - the XDP filter: load, configure, attach, check, count. Control thread (and start-up).
 * One program and one set of maps serve all ports. Attached by bpf_link, never pinned: it leaves with
 * the process. Every descriptor is close-on-exec.
 */
#ifndef DATAPLANE_STEER_H
#define DATAPLANE_STEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "dataplane/steer_shared.h"

struct steer;

enum steer_mode { STEER_AUTO, STEER_NATIVE, STEER_GENERIC };	/* wanted; AUTO = native, else generic */
const char *steer_mode_name(enum steer_mode mode);

/* Loads program and maps. 0 or -errno; error (size octets) then says what and how to mend it
 * ("missing CAP_BPF", ...). */
int steer_open(struct steer **steer, char *error, size_t size);
/* Detaches everything. Accepts NULL. */
void steer_close(struct steer *steer);

struct steer_listen {
	struct endpoint endpoint;
	uint8_t lease;			/* LEASE_NONE for the node's own addresses */
};

/* Replaces the tables. 0; -ENOSPC when they do not fit. Safe while attached: old endpoints that stay
 * never miss a frame (the new table is written beside and switched to by one store). Waits some ms for the
 * kernel to be done with the table before the last. An address with a lease on one port needs it on all. */
int steer_configure(struct steer *steer, const struct steer_listen *listens, unsigned n_listens,
		    const struct endpoint *servers, unsigned n_servers,
		    uint16_t source_port_base, uint16_t source_port_count);

/* For an address with one of these leases (a bit each) the kernel gets what is for a listen port of it and the ICMP
 * messages that a server needs; the rest is dropped. From the next steer_configure() on; at first 0. */
void steer_set_only_dns(struct steer *steer, uint64_t leases);

/* Attaches to ifindex as port number port. *obtained becomes STEER_NATIVE or STEER_GENERIC. -EBUSY and an
 * error naming the foreign program when one is there. */
int steer_attach(struct steer *steer, unsigned port, unsigned ifindex, enum steer_mode wanted,
		 enum steer_mode *obtained, char *error, size_t size);
/* The port's frames are those with this 802.1Q id, 0 (at first): those without a tag. Before steer_attach(). */
void steer_set_vlan(struct steer *steer, unsigned port, uint16_t vlan);
void steer_detach(struct steer *steer, unsigned port);

/* Puts / takes the socket of (port, queue). 0 or -errno. */
int steer_socket_set(struct steer *steer, unsigned port, unsigned queue, int xsk_fd);
int steer_socket_clear(struct steer *steer, unsigned port, unsigned queue);

/* Takes all sockets out, for good: queries go to the kernel from now on, and steer_check() expects that. */
void steer_bypass(struct steer *steer);

/*
 * The self-check (BPF_PROG_TEST_RUN): runs a canned query for listen->endpoint, of either family, as if it had come in
 * on (ifindex, queue) and compares the verdict: redirect when expect_redirect, else drop; also asks the kernel
 * whether our link still sits on the device. 0 = as expected; -errno with cause filled otherwise.
 * These runs do not show in steer_counters().
 */
int steer_check(struct steer *steer, unsigned port, unsigned queue, const struct steer_listen *listen,
		bool expect_redirect, char *cause, size_t size);

/* Nanoseconds per frame over repeat runs of frame (TEST_RUN's own figure); for the bench. -errno <0. */
int steer_measure(struct steer *steer, const void *frame, unsigned len, unsigned ifindex,
		  unsigned queue, unsigned repeat, uint32_t *verdict, uint32_t *ns);

/* The lease page, mapped from the map the program reads; valid until steer_close(). */
struct lease_page *steer_leases(struct steer *steer);
/* That map's descriptor, for others who map it: the guard, the virtual MAC's program. Stays ours. */
int steer_lease_fd(const struct steer *steer);

/*
 * Frames for an address of this lease that come in for virtual_mac and go to the kernel are rewritten to own_mac, as
 * vmac.h does it better: for kernels without tcx. Works in generic mode, and in native mode where the driver
 * looks at the destination after the filter; veth in native mode does not. own_mac NULL: no more. 0 or -errno.
 */
int steer_rewrite(struct steer *steer, uint8_t lease, const uint8_t virtual_mac[6], const uint8_t own_mac[6]);

/*
 * Prefixes whose frames for a listen address are dropped: queries to it and everything else but ARP and neighbour
 * discovery, which a whole network behind one router may need. Servers' answers are never held back. The longest
 * prefix that matches decides alone; one whose time is up drops nothing more, but keeps its place until it is
 * taken out.
 */
struct steer_block {
	struct prefix prefix;
	uint64_t until_ns;		/* CLOCK_BOOTTIME; 0 = for good */
	uint32_t let_through;		/* every so many-th frame passes; 0 = none */
};

/* Adds the block, or replaces the one of the same prefix. 0; -ENOSPC beyond STEER_BLOCKS_MAX; -EINVAL for a prefix that
 * contains a loopback address: the self-check's frames come from there. */
int steer_block(struct steer *steer, const struct steer_block *block);
/* 0 or -ENOENT. */
int steer_unblock(struct steer *steer, const struct prefix *prefix);
/* Frames dropped so far. */
uint64_t steer_blocked(struct steer *steer);

void steer_counters(struct steer *steer, uint64_t counts[STEER_COUNTERS]);
const char *steer_counter_name(enum steer_counter counter);

/* Largest frame that fits a UMEM frame of frame_size octets; longer ones go to the kernel. */
void steer_set_frame_limit(struct steer *steer, unsigned octets);

#endif
