/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * node.h - the daemon: everything it owns, in the order in which it is started. One per process, in static memory.
 * Control thread only, but for what dp_shared hands to the workers.
 *
 *   node.c       start, loop, stop               selfcheck.c  conditions
 *   snapshot.c   publishing and retiring         control.c    the Unix socket
 *   reload.c     reading the file again          commands.c   what can be asked over it
 *   vrrp.c       the virtual routers             guard.c      what speaks when nothing else can
 *   clients.c    who asks most, who is blocked   track.c      what else speaks for or against this node
 *   runner.c     external commands               hooks.c      one for every change of a virtual router
 *   hello.c      what the two nodes of a pair tell each other
 */
#ifndef NODE_NODE_H
#define NODE_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/health.h"
#include "base/lease.h"
#include "base/loop.h"
#include "dataplane/port.h"
#include "dataplane/worker.h"
#include "pools/pool.h"

struct cachectl_job;
struct capture;
struct clients;
struct config;
struct control;
struct guard;
struct hooks;
struct hello;
struct dp_umem;
struct neigh;
struct node_vrrp;
struct probe;
struct reload;
struct runner;
struct selfcheck;
struct snapshot_fading;
struct steer;
struct tracks;

struct node {
	struct config *config;
	struct loop loop;
	struct health health;
	uint64_t started_ns;
	int lost;			/* -errno: a device that cannot come back; the end */

	/* data plane */
	struct dp_shared shared;
	struct pool_registry registry;
	struct dp_port port[DP_PORTS_MAX];
	struct steer *steer;			/* NULL with io = socket, like umem and neigh */
	struct dp_umem *umem;
	struct neigh *neigh;
	struct lease_page no_leases;		/* stands in for the filter's page with io = socket, if vrrp has none */
	unsigned workers_started;		/* packet or socket workers whose thread runs */
	bool stream_started;

	/* servers, by pool_server.index */
	uint16_t server_refs[POOL_SERVERS_MAX];	/* snapshots, retired ones too, that know the server */
	struct probe *probe[POOL_SERVERS_MAX];
	struct snapshot_fading *fading;		/* snapshots that queries in flight still point into */

	struct guard *guard;			/* all five NULL without virtual routers */
	struct runner *runner;
	struct tracks *tracks;
	struct hooks *hooks;
	struct node_vrrp *vrrp;
	struct hello *hello;			/* NULL without a peer */
	struct selfcheck *selfcheck;
	struct control *control;
	struct capture *capture;
	struct cachectl_job *cachectl;		/* walks through the cache under way */
	struct clients *clients;
	struct reload *reload;
	struct loop_fd signals, log;
	struct loop_timer reclaim, watchdog;
	uint64_t watchdog_ns;			/* 0 = nobody watches */
};

enum { NODE_ERROR_MAX = 1024 };

/* Starts everything; config becomes the node's, also on failure. 0, or -errno with error saying which object and
 * why; then everything is stopped again. */
int node_start(struct node *node, struct config *config, char *error, size_t size);
/* Turns the loop until SIGTERM or SIGINT: 0. -ENODEV when an interface was taken away, other -errno. */
int node_run(struct node *node);
/* Stops what was started, in reverse order; a half-started node too. */
void node_stop(struct node *node);

/* The snapshot in force. */
static inline const struct dp_conf *node_conf(const struct node *node)
{
	return atomic_load_explicit((_Atomic(struct dp_conf *) *)&node->shared.conf,
				    memory_order_acquire);
}

#endif
