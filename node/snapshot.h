/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snapshot.h - putting a built configuration snapshot into force, and getting rid of the one before.
 * Control thread.
 *
 * A retired snapshot goes in three steps: its listeners once no worker can still use them; then it fades as
 * long as queries in flight may point into it; then it is freed. A server of the registry is kept as long
 * as any snapshot knows it, and so long the filter lets its answers in.
 */
#ifndef NODE_SNAPSHOT_H
#define NODE_SNAPSHOT_H

#include <stddef.h>

struct dp_conf;
struct node;

/* Filter, then pointer, then workers woken; the old snapshot is retired. 0; or -errno with error, and then
 * nothing has changed and conf is still the caller's. */
int snapshot_commit(struct node *node, struct dp_conf *conf, char *error, size_t size);

/* Next hops and probes for the servers of the snapshot in force. */
void snapshot_follow_servers(struct node *node);

/* Frees a snapshot that was never in force (NULL: its building failed), and the servers only it knew. */
void snapshot_discard(struct node *node, struct dp_conf *conf);

/* Stop: every probe; the snapshot in force and those that fade. No worker runs any more. */
void snapshot_stop_probes(struct node *node);
void snapshot_free_all(struct node *node);

#endif
