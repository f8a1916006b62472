/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * silence.h - where the leases of virtual routers are, and which program in the kernel keeps an address silent without
 * one. The same programs decide whether the kernel receives for a virtual MAC. Control thread.
 *
 *   the XDP filter    with io = xdp, for whichever MAC
 *   the tcx program   with io = socket, for virtual MACs; with io = xdp it lets the kernel receive for them
 *   nobody            with io = socket and the interface's own MAC, or before Linux 6.6
 */
#ifndef NODE_SILENCE_H
#define NODE_SILENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "dataplane/vmac_shared.h"

struct lease_page;
struct silence;
struct steer;
struct vrrp_conf;

/* steer: NULL with io = socket. wants_virtual_mac: some router has one. 0 or -ENOMEM; a kernel that has no tcx is no
 * failure. */
int silence_open(struct silence **silence, struct steer *steer, bool wants_virtual_mac);
void silence_close(struct silence *silence);		/* accepts NULL */

/* What engine and workers share; valid until silence_close(). */
struct lease_page *silence_leases(struct silence *silence);
/* Its map, for the guard; -1: no program reads it. */
int silence_lease_fd(const struct silence *silence);

/* Lets the kernel receive for the virtual MAC of conf, whose interface has ifindex. Where there is no way to, it says
 * so and conf goes on with the interface's own MAC. */
void silence_receive(struct silence *silence, struct vrrp_conf *conf, unsigned ifindex);
/* The router has another list of addresses: the kernel receives for the new ones and no more for those that are
 * gone. */
void silence_change_addresses(struct silence *silence, const struct vrrp_conf *before, const struct vrrp_conf *conf,
			      unsigned ifindex);
/* The router is no more. */
void silence_forget(struct silence *silence, const struct vrrp_conf *conf, unsigned ifindex);
/* The interface's own MAC, first and after every change: for the rewriting that stands in for a missing tcx. */
void silence_set_mac(struct silence *silence, const struct vrrp_conf *conf, const uint8_t own_mac[6]);

/* Does the address of conf fall silent by itself when this process stands still? */
bool silence_is_kept(const struct silence *silence, const struct vrrp_conf *conf);

/* For a condition: is there a tcx program, and does it still sit where it was attached? 0, or -errno with cause. */
bool silence_has_program(const struct silence *silence);
int silence_check(const struct silence *silence, char *cause, size_t size);
/* All 0 without the program. */
void silence_counters(const struct silence *silence, uint64_t counts[VMAC_COUNTERS]);

#endif
