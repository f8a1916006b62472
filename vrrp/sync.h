/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sync.h - sync groups: virtual routers of one node that are Active together and Backup together, whichever of them
 * something happens to. VRRP thread only, except for joining.
 *
 * A group takes when the down timers of all its members have run out: who is heard for one of them is there. So what
 * one member does not hear moves nothing, whichever way it is lost, and no lease is granted earlier than without a
 * group. It gives up as soon as one member does. What a member lacks in order to serve (a link, an address), and
 * releases, reach the others before they come here: see instance.c.
 *
 * The members of a group share interval, priority, preempt, preempt_delay and last_resort (config.c).
 */
#ifndef VRRP_SYNC_H
#define VRRP_SYNC_H

#include <stdbool.h>
#include <stdint.h>
#include "vrrp/engine.h"

struct vrrp_sync {
	unsigned n;
	struct vrrp_router *member[VRRP_ROUTERS_MAX];	/* by VRID, IPv4 first: in the same order on both nodes */
};

void vrrp_sync_join(struct vrrp_sync *sync, struct vrrp_router *router);

/* May router join? Who is in another state than the members would take them down, or be taken with them. */
bool vrrp_sync_fits(const struct vrrp_sync *sync, const struct vrrp_router *router);

/*
 * Two Actives of equal priority, and router hears source: must we go? The two nodes have to agree, although an IPv4
 * and an IPv6 member may have the greater address on different sides. So the first member that ever heard of a peer
 * decides for all. Pure.
 */
bool vrrp_sync_loses_tie(const struct vrrp_sync *sync, const struct vrrp_router *router, const struct addr *source);

/* Takes, or gives up, so that all members are in the same state. After everything that may have changed one. */
void vrrp_sync_settle(struct vrrp_sync *sync, uint64_t now_ns);

#endif
