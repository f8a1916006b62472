/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * status.h - what the node knows of itself, as JSON documents for tandemctl and the agent. Every function
 * returns a new document (NULL without memory). Control thread.
 */
#ifndef NODE_STATUS_H
#define NODE_STATUS_H

#include <jansson.h>
#include <stdbool.h>

struct node;

json_t *status_node(const struct node *node);
json_t *status_pools(const struct node *node);
json_t *status_servers(const struct node *node);
json_t *status_counters(const struct node *node, bool per_worker);

/* status_counters() per worker, and with it "status", "servers" and "routers": all that can be plotted. */
json_t *status_metrics(const struct node *node);

/* {"good": every fault and weight condition is good, "conditions": [those that are not, notices too]} */
json_t *status_check(const struct node *node);

#endif
