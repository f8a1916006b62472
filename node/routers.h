/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * routers.h - what the files of the virtual routers share; everybody else includes vrrp.h. Control thread.
 *
 *   vrrp.c            from start to end: the engine, what rings, commands and documents
 *   vrrpconf.c        a router as configured, against its interface
 *   vrrphistory.c     its transitions, and what was behind them
 *   vrrpkernel.c      the kernel's addresses and groups follow its state
 *   vrrpconditions.c  what is wrong with it
 *   vrrplinks.c       what the kernel says of its link and of the way to its peers
 *   vrrpreload.c      what a reload brings and takes
 */
#ifndef NODE_ROUTERS_H
#define NODE_ROUTERS_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/health.h"
#include "base/log.h"
#include "base/loop.h"
#include "node/groups.h"
#include "node/links.h"
#include "node/vrrp.h"

struct config;
struct config_vrrp;
struct holds;
struct peers;
struct resign;
struct silence;
struct standby;
struct vip;

enum {
	ROUTERS_LOG_MS = 10000,		/* between complaints about one thing */
};

struct router {
	struct link_state seen;		/* of its interface, as last read */
	struct vrrp_link link;		/* as the engine was told */
	bool told;
	bool present[VRRP_ADDRESSES_MAX];	/* the kernel was given the address */
	uint64_t wrong_ns[VRRP_ADDRESSES_MAX];	/* since when it contradicts the state; 0 = it does not */
	struct health_condition *address[VRRP_ADDRESSES_MAX], *conflict;
	struct health_condition *peers;	/* unicast only */
	struct health_condition *sysctl;	/* on the first router of an interface */
	struct groups groups;
	struct log_limit move_log, groups_log;
};

/* A conf that the engine was given, until it works with another one. */
struct given {
	struct vrrp_conf conf;		/* first: in_force points to it */
	unsigned router;
	struct given *next;		/* of those that were replaced */
};

struct node_vrrp {
	struct node_vrrp_parts parts;
	struct silence *silence;
	bool virtual_macs;		/* some router had one at the start */
	unsigned n;			/* places up to the last router */
	struct vrrp_conf conf[VRRP_ROUTERS_MAX];	/* by place; without addresses: nobody's */
	uint32_t leaving;		/* bits: taken out, but not yet gone */
	uint8_t at[VRRP_ROUTERS_MAX];	/* places, in the order of the configuration */
	unsigned positions;
	uint32_t start_delay_s[VRRP_ROUTERS_MAX], link_up_delay_s[VRRP_ROUTERS_MAX];
	struct vrrp_conf *first;	/* copies that the engine was opened with */
	struct vrrp_conf *in_force[VRRP_ROUTERS_MAX];	/* what it has now: one of first, or of a struct given */
	struct given *replaced;
	struct holds *holds;
	struct log_limit links_log;
	struct standby *standby;
	struct router router[VRRP_ROUTERS_MAX];
	struct vrrp_engine *engine;
	struct vip *vip;
	struct links *links;
	struct peers *peers;		/* NULL: no router has unicast peers */
	struct resign *resign;
	struct selfcheck *selfcheck;
	struct tracks *tracks;
	struct loop_fd notify, guard_end;
	struct loop_timer ready, beat;
	bool is_ready, runs, guard_died;
	uint64_t started_ns;
	struct health_condition *guard, *virtual_mac;
	struct node_vrrp_event event[VRRP_HISTORY];
	unsigned first_event, events;
};

static inline bool router_is_used(const struct node_vrrp *v, unsigned i)
{
	return v->conf[i].count;
}

static inline bool router_is_leaving(const struct node_vrrp *v, unsigned i)
{
	return v->leaving & 1u << i;
}

static inline const char *router_name(const struct node_vrrp *v, unsigned i, char name[VRRP_NAME_MAX])
{
	snprintf(name, VRRP_NAME_MAX, VRRP_NAME, VRRP_NAME_OF(&v->conf[i]));
	return name;
}

/* ---- vrrpconf.c ---- */

/* By then the other node's probes and checks, which begin at another moment and may all time out, have seen what ours
 * have. */
uint32_t router_settle_ms(const struct config *config);
void router_fill_conf(struct vrrp_conf *conf, const struct config *config, const struct config_vrrp *from);
/* Reads the link, and compares the addresses with those that it has. 0 or -errno with error. */
int router_check(const struct config_vrrp *from, struct link_state *link, char *error, size_t size);
/* -EADDRINUSE, with error. */
int router_say_own(const char *where, const struct addr *address, char *error, size_t size);
void router_tell_link_local(const struct vrrp_conf *conf, const struct config_vrrp *from);

/* ---- vrrphistory.c ---- */

/* Those that the engine has made since. */
void routers_read_transitions(struct node_vrrp *v);

/* ---- vrrpkernel.c ---- */

/* Has the kernel a copy while it is ours? Of the link-local one it has none: on the TAP device that would not be the
 * one of the interface, and on the interface the kernel would answer for it from its own MAC. It is the engine's
 * alone. */
bool routers_is_copied(const struct addr *address);
bool routers_wants_copy(const struct vrrp_status *status);
void router_move_address(struct node_vrrp *v, unsigned i, unsigned j, bool wanted);
void router_move_groups(struct node_vrrp *v, unsigned i, bool wanted);
/* And the groups, of all routers after their state. */
void routers_move_addresses(struct node_vrrp *v);

/* ---- vrrpconditions.c ---- */

struct health_condition *routers_watch(struct node_vrrp *v, enum health_kind kind, const char *name);
/* NULL when the kernel has no copy. */
struct health_condition *routers_watch_address(struct node_vrrp *v, const struct addr *address);
void router_add_conditions(struct node_vrrp *v, unsigned i);
/* At the first router of each interface, as they are now. */
void routers_place_sysctls(struct node_vrrp *v);
void routers_drop_condition(struct node_vrrp *v, struct health_condition *condition);	/* accepts NULL, as the next */
void routers_judge(struct node_vrrp *v, struct health_condition *condition, bool good, const char *cause,
		   uint64_t now_ns);
void router_judge(struct node_vrrp *v, unsigned i, uint64_t now_ns);

/* ---- vrrplinks.c ---- */

/* Tells the engine what is new. */
void routers_follow_links(void *context);
/* So that a successor knows which links were up all the time. */
void routers_note_links(struct node_vrrp *v, uint64_t now_ns);
/* Once a router has unicast peers. 0 or -errno with error. */
int routers_open_peers(struct node_vrrp *v, char *error, size_t size);

/* ---- vrrpreload.c ---- */

void routers_adopt_order(struct node_vrrp *v, const struct config *config);
/* What the engine has of router i is about to be replaced. */
void router_retire(struct node_vrrp *v, unsigned i);
/* What the engine works with no more; all at the end. */
void routers_free_replaced(struct node_vrrp *v, bool all);
/* One that a reload has taken out, and that the engine is done with: its place is free. */
void router_forget(struct node_vrrp *v, unsigned i);

#endif
