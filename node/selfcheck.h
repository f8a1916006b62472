/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * selfcheck.h - does this node still do its work? Turns what can be seen of workers, filter, ports, addresses and
 * pools into the conditions of base/health.h. Control thread.
 *
 *   worker:N            fault   hung: finishes no batch though it could (N = index, or "stream")
 *   canary:N            fault   batches go by, but a query of our own is not answered right
 *   filter:PORT         fault   a canned frame is not sorted as it should be, or the filter is off
 *   carrier:PORT        fault   no carrier
 *   fastpath:PORT:N     fault   a server that answers probes does not answer through AF_XDP
 *   listen:ADDRESS      fault   no interface has the address, which is not a virtual one
 *   routes:POOL         weight  no usable member
 *   starved:N           notice  late, and without CPU
 *   bypass              notice  the fast path has carried nothing since the start: queries go through the kernel
 *   nexthop:POOL/SERVER notice  not reached through the fast path, and why
 */
#ifndef NODE_SELFCHECK_H
#define NODE_SELFCHECK_H

#include <stdbool.h>

#include "dataplane/steer.h"

struct config;
struct dp_shared;
struct health;
struct loop;
struct neigh;
struct selfcheck;

/* An address that is nobody's, with a lease that is never granted: belongs into the filter's table, and every check
 * sees frames for it dropped. */
extern const struct steer_listen selfcheck_never_listen;

struct selfcheck_parts {
	struct loop *loop;
	struct health *health;
	struct dp_shared *shared;	/* with a snapshot, and workers that run */
	struct steer *steer;		/* NULL with io = socket */
	struct neigh *neigh;		/* NULL with io = socket */
	const struct dp_umem *umem;	/* likewise */
};

enum {
	/* More than the 50 that lie between two nodes' usual priorities. */
	SELFCHECK_POOL_WEIGHT = 60,
};

/* Adds the conditions and starts the timers. Limits are copied from config. 0 or -errno. */
int selfcheck_start(struct selfcheck **check, const struct selfcheck_parts *parts,
		    const struct config *config);
/* Accepts NULL. */
void selfcheck_stop(struct selfcheck *check);

/* Takes over the limits and the snapshot in shared->conf after a reload; conditions that stay keep their state. */
void selfcheck_adopt(struct selfcheck *check, const struct config *config);

/* A link or an address changed: ports have been refreshed. */
void selfcheck_link_changed(struct selfcheck *check);

/* Every worker has answered its own query, the filter was right on every queue, and a server has answered through
 * every fast path where one does over kernel sockets, at least once, or that path is bypassed; and there is no fault
 * now. */
bool selfcheck_proved(const struct selfcheck *check);

/* No worker hangs: the process may tell its watchdog that it lives. */
bool selfcheck_workers_move(const struct selfcheck *check);

#endif
