/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vmac.h - the kernel's IP stack receives for a virtual MAC while its lease is held: a tcx program (Linux 6.6 and
 * later) on the virtual router's interface. TCP, ICMP and, with io = socket, UDP need it; what goes through AF_XDP
 * does not. Attached by bpf_link, never pinned: it leaves with the process. Every descriptor is close-on-exec.
 * Control thread.
 */
#ifndef DATAPLANE_VMAC_H
#define DATAPLANE_VMAC_H

#include <stddef.h>
#include <stdint.h>
#include "dataplane/vmac_shared.h"

struct addr;
struct lease_page;
struct vmac;

/* Loads program and maps. lease_fd: the map whose leases count (steer_lease_fd()), the caller's; -1: a page of
 * its own, for a node without the XDP filter. 0 or -errno with error. */
int vmac_open(struct vmac **vmac, int lease_fd, char *error, size_t size);
/* Detaches everything. Accepts NULL. */
void vmac_close(struct vmac *vmac);

/* The page of its own and its map, valid until vmac_close(); NULL and -1 when lease_fd was given. */
struct lease_page *vmac_leases(struct vmac *vmac);
int vmac_lease_fd(const struct vmac *vmac);

/* Lets the interface receive for mac under the lease; attaches the program to an interface that is new. Again for
 * the same mac: the lease is replaced. 0; -EOPNOTSUPP: no tcx here (before Linux 6.6); or -errno; with error. */
int vmac_add(struct vmac *vmac, unsigned ifindex, const uint8_t mac[6], uint8_t lease, char *error,
	     size_t size);

/* No more, and without the last one the program leaves the interface. Nothing when it was not there. */
void vmac_remove(struct vmac *vmac, unsigned ifindex, const uint8_t mac[6]);

/* Of what comes in for such a MAC, the address is received, under the lease of the MAC; nothing is without one. Again
 * for the same address: the lease is replaced. 0 or -errno with error. */
int vmac_add_address(struct vmac *vmac, unsigned ifindex, const struct addr *address, uint8_t lease, char *error,
		     size_t size);
/* No more. Nothing when it was not there. */
void vmac_remove_address(struct vmac *vmac, unsigned ifindex, const struct addr *address);

/* For a condition: does our program still sit on every interface it was attached to? 0, or -errno with cause. */
int vmac_check(const struct vmac *vmac, char *cause, size_t size);

void vmac_counters(const struct vmac *vmac, uint64_t counts[VMAC_COUNTERS]);
const char *vmac_counter_name(enum vmac_counter counter);

#endif
