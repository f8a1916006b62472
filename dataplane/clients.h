/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clients.h - TCP connections of clients (RFC 7766): accept, queries in, answers out in any order,
 * idle timeout, half-close. Stream worker's thread unless said otherwise.
 */
#ifndef DATAPLANE_CLIENTS_H
#define DATAPLANE_CLIENTS_H

#include <stdbool.h>
#include "dataplane/worker.h"

struct dp_clients;
struct loop;

/* NULL without memory. Any thread, before the worker runs and after it has stopped. */
struct dp_clients *dp_clients_new(struct dp_worker *worker, struct loop *loop);
void dp_clients_free(struct dp_clients *clients);

/* Accepts a few of the connections that wait at a listen entry. 0, or -errno when the process or
 * the kernel has no room for more: the caller lets the listener rest for a while. */
int dp_clients_accept(struct dp_clients *clients, const struct dp_listen *listen);

/* Queues p's payload on the connection p->back names. False with *why = CLIENT_GONE when it has
 * gone or goes because the client does not read. The buffer stays p's. */
bool dp_clients_reply(struct dp_clients *clients, const struct dp_packet *p, enum dp_counter *why);

/* Writes what replies have queued, goes on with what they held up, frees what was closed. True
 * if there was anything to do; the passes may have run then. */
bool dp_clients_flush(struct dp_clients *clients);

/* Closes who has been idle too long. */
void dp_clients_expire(struct dp_clients *clients);

/* The addresses with these leases (a bit each) are being released: no more queries on their connections, pending ones
 * are answered, then FIN. Their clients connect again, to the new Active. Connections accepted later live on. */
void dp_clients_release(struct dp_clients *clients, uint64_t leases);

/* A new snapshot: leases may have other indices, listen addresses may be gone. */
void dp_clients_follow(struct dp_clients *clients);

/* Connections open. Any thread. */
unsigned dp_clients_count(const struct dp_clients *clients);

#endif
