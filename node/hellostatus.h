/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hellostatus.h - documents about the other node, and the figures that it is told of this one. Control thread.
 */
#ifndef NODE_HELLOSTATUS_H
#define NODE_HELLOSTATUS_H

#include <jansson.h>

struct hello_figures;
struct node;

/* Everything known of the peer; {"configured": false} without one. */
json_t *hellostatus_peer(const struct node *node);

/* For struct hello_parts; context is the node. */
void hellostatus_figures(void *context, struct hello_figures *figures);

#endif
