/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hooks.h - the operator's command for every change of a virtual router's state, run by the runner: in order for each
 * router, bounded in number and time, never waited for. Control thread.
 *
 * Its environment, all of it our own text:
 *   TANDEM_NODE        name of this node            TANDEM_OLD, TANDEM_NEW   Initialize, Backup or Active
 *   TANDEM_INTERFACE   of the virtual router        TANDEM_EVENT             what was acted on, as in "history"
 *   TANDEM_VRID        its number                   TANDEM_CAUSE             in words
 *   TANDEM_FAMILY      ipv4 or ipv6                 TANDEM_BECAUSE           the conditions behind a fault; else empty
 *   TANDEM_ADDRESSES   divided by blanks            TANDEM_TIME              of the change, UTC
 */
#ifndef NODE_HOOKS_H
#define NODE_HOOKS_H

struct config;
struct hooks;
struct node_vrrp_event;
struct runner;
struct vrrp_conf;

/* NULL without memory. */
struct hooks *hooks_new(struct runner *runner, const struct config *config);
void hooks_free(struct hooks *hooks);		/* after the runner has stopped; accepts NULL */

/* After a reload. config stays valid until the next call. */
void hooks_adopt(struct hooks *hooks, const struct config *config);

/* A router has changed its state. */
void hooks_run(struct hooks *hooks, const struct vrrp_conf *router, const struct node_vrrp_event *event);

#endif
