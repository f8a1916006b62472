/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe.h - health of servers: a query built and read with ldns, over a connected kernel UDP socket,
 * on the control thread's loop. Kernel sockets on purpose: they keep the neighbour entries alive, and
 * they tell "server dead" from "fast path dead".
 * A probe fails by timeout, ICMP error, wrong rcode, or an answer that does not match id and question
 * (a mismatch is ignored and the wait goes on). FORMERR or NOTIMP without an OPT asks the same once more without EDNS:
 * a server that does not know it is not down (RFC 6891, 7). First probe at once, spread over the interval afterwards.
 * After start the first result counts alone: a dead server is known after one timeout, not after fall.
 * Every change of a server is logged here, with its cause.
 */
#ifndef POOLS_PROBE_H
#define POOLS_PROBE_H

#include <stdint.h>

struct loop;
struct pool_probe;
struct pool_server;
struct probe;

/* Starts probing server as conf (copied) says; NULL with *error (static text) set on failure.
 * on_change(context, server) is called after server->up changed. Control thread. */
struct probe *probe_start(struct loop *loop, struct pool_server *server, const struct pool_probe *conf,
			  void (*on_change)(void *context, struct pool_server *server), void *context,
			  const char **error);
/* Takes new settings over without forgetting the server's state. 0 or -errno. */
int probe_change(struct probe *probe, const struct pool_probe *conf);
void probe_stop(struct probe *probe);

/* Builds the probe's query (RD set for recursive pools is harmless: always set; CD clear; EDNS 1232) into
 * wire; length, or -EINVAL. Used also for the fast-path health query. */
int probe_query_wire(const struct pool_probe *conf, uint16_t id, uint8_t *wire, unsigned size);

#endif
