/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vrrpstatus.h - the virtual routers as JSON documents for tandemctl and the agent. Every function returns a new
 * document (NULL without memory). Control thread.
 */
#ifndef NODE_VRRPSTATUS_H
#define NODE_VRRPSTATUS_H

#include <jansson.h>

struct node;

/* {"routers": [ ... ]}: all there is to know of each. */
json_t *vrrpstatus_routers(const struct node *node);

/* {"transitions": [ ... ]}: the last ones, newest last. */
json_t *vrrpstatus_history(const struct node *node);

/* What "tandemctl status" says of them: guard, dead-man, real time, and a few words a router. */
json_t *vrrpstatus_summary(const struct node *node);

#endif
