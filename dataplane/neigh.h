/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * neigh.h - how servers are reached through the fast path: the kernel's routes and neighbours, followed
 * live by libnl. The control thread owns struct neigh and publishes immutable tables; workers read them.
 */
#ifndef DATAPLANE_NEIGH_H
#define DATAPLANE_NEIGH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "pools/pool.h"

struct dp_port;
struct loop;
struct neigh;
struct nlmsghdr;

struct dp_next_hop {
	bool usable;			/* route, port with side server, and neighbour's MAC are known */
	uint8_t port;			/* index of the port */
	uint8_t peer_mac[6];
	struct addr own;		/* source address the kernel would use */
};

/* Indexed by pool_server.index. Immutable once published. */
struct dp_next_hops {
	struct dp_next_hop server[POOL_SERVERS_MAX];
};

/* Opens the netlink sockets and joins the groups (links, addresses, routes, neighbours). on_change(context,
 * table) receives a new table (ownership moves) whenever one differs from the last; on_link(context) is
 * called after any link or address change, so that ports are refreshed. 0 or -errno. Control thread. */
int neigh_open(struct neigh **neigh, struct loop *loop, struct dp_port *const *ports, unsigned n_ports,
	       void (*on_change)(void *context, struct dp_next_hops *table),
	       void (*on_link)(void *context), void *context);
void neigh_close(struct neigh *neigh);

/* The servers to follow, from now on; resolves at once (one route look-up each) and calls on_change. */
int neigh_follow(struct neigh *neigh, struct pool_server *const *servers, unsigned n);

/* Why a server is not reached through the fast path ("no route", "route leaves by eth9, which is no port",
 * "neighbour 10.0.0.3 not resolved"), or "" when it is. For status. */
const char *neigh_reason(const struct neigh *neigh, const struct pool_server *server);

/* Which VLAN a device is of: message is an RTM_NEWLINK. False: of none. */
struct neigh_vlan {
	unsigned lower;			/* ifindex of the device below */
	uint16_t id;
};
bool neigh_vlan_parse(struct nlmsghdr *message, struct neigh_vlan *vlan);

/* Gateway or the server itself, as text for status; "" when unknown. */
const char *neigh_via(const struct neigh *neigh, const struct pool_server *server);

#endif
