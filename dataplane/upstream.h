/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * upstream.h - the kernel path to servers: UDP sockets on random ports, and TCP connections that
 * are kept and pipelined. On the worker's thread unless said otherwise.
 */
#ifndef DATAPLANE_UPSTREAM_H
#define DATAPLANE_UPSTREAM_H

#include <stdbool.h>
#include "dataplane/worker.h"

struct dp_upstream;
struct loop;

/* UDP sockets a family; an attempt's own_port is the position of one. */
enum { DP_UPSTREAM_PORTS_LOG2 = 6, DP_UPSTREAM_PORTS = 1 << DP_UPSTREAM_PORTS_LOG2 };

/* Opens the UDP sockets; a family the kernel does not have is left out. 0 or -errno. Before the
 * worker runs, and after it has stopped. */
int dp_upstream_open(struct dp_upstream **upstream, struct dp_worker *worker, struct loop *loop);
void dp_upstream_close(struct dp_upstream *upstream);

/* Is there a socket of the server's family? */
bool dp_upstream_reaches(const struct dp_upstream *upstream, const struct pool_server *server);

/* Where an attempt leaves from, as far as it is known: not the address, and of TCP, whose connection may not be there
 * yet, not the port either. */
void dp_upstream_source(const struct dp_upstream *upstream, const struct dp_attempt *attempt, struct dp_flow *flow);

/* Sends p's payload, whose first two octets are the id, by UDP or TCP as the attempt says, and
 * fills attempt->own. False: not sent. The buffer stays p's. */
bool dp_upstream_forward(struct dp_upstream *upstream, const struct dp_packet *p,
			 struct dp_attempt *attempt);

/* Writes what is queued on connections, fails the queries of those that broke. True if there was
 * anything to do. */
bool dp_upstream_flush(struct dp_upstream *upstream);

#endif
