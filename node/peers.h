/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * peers.h - where the unicast peers of virtual routers are: the MAC of each one's next hop, as the kernel resolves and
 * verifies it. The VRRP thread is handed what comes of it and never asks. Control thread.
 *
 * A MAC that was known stays until there is another: a peer that is down answers nobody, and the first thing it should
 * find when it is back is our advertisement. Before the first one it is the broadcast address.
 */
#ifndef NODE_PEERS_H
#define NODE_PEERS_H

#include "vrrp/engine.h"

struct loop;
struct peers;

/* For those of the n routers that have unicast peers; conf must last as long. on_change: the hops of a router are not
 * what they were. 0 or -errno. */
int peers_open(struct peers **peers, struct loop *loop, const struct vrrp_conf *conf, unsigned n,
	       void (*on_change)(void *context, unsigned router, const struct vrrp_hops *hops), void *context);
void peers_close(struct peers *peers);		/* accepts NULL */

/* The router is no more, or another one: what was known of its peers is not. */
void peers_forget(struct peers *peers, unsigned router);

/* Asks the kernel for all of them. At the start, after a change of links or addresses, and now and then: it has
 * neighbours resolved and verified only in here. */
void peers_look(struct peers *peers);

/* As last given to on_change. */
const struct vrrp_hops *peers_hops(const struct peers *peers, unsigned router);
/* Why the peer's MAC is not known, or not any more ("no route to 192.0.2.2 by eth0", "neighbour 192.0.2.2 not
 * resolved"), for over a second; else "". */
const char *peers_fault(const struct peers *peers, unsigned router, unsigned peer);

#endif
