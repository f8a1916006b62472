/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vrrpstatus.h - the virtual routers as JSON documents for tandemctl and the agent. Every function returns a new
 * document (NULL without memory). Control thread.
 */
#ifndef NODE_VRRPSTATUS_H
#define NODE_VRRPSTATUS_H

#include <jansson.h>
#include <stdbool.h>

struct node;
struct vrrp_conf;

/* name: "51" (of both families), "eth0/51" or "eth0/51v6", or a group; NULL = all. */
bool vrrpstatus_is_called(const struct vrrp_conf *conf, const char *name);

/* {"routers": [ ... ]}: all there is to know of each that is called so. */
json_t *vrrpstatus_routers(const struct node *node, const char *name);

/* {"transitions": [ ... ]}: so many of the last ones, newest last. */
json_t *vrrpstatus_history(const struct node *node, unsigned last);

/* What "tandemctl status" says of them: guard, dead-man, real time, and a few words a router. */
json_t *vrrpstatus_summary(const struct node *node);

#endif
