/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vrrp.h - the control thread's side of the virtual routers: starts the engine with what the configuration says, tells
 * it what the kernel says of the links, moves the kernel's copy of the addresses after it, and keeps the history.
 * Control thread.
 *
 *   address:ADDRESS     notice  the kernel has the address and should not, or the other way round, for over a second
 *   conflict:IF/VRID    notice  a third host answers for one of the addresses
 *   peers:IF/VRID       notice  a unicast peer's MAC is not known
 *   guard               notice  the guard has died: no last words
 *   sysctl:IF           notice  a kernel setting that lets the wrong MAC be learned
 *   virtual-mac         fault   the program that lets the kernel receive for the virtual MACs is gone
 */
#ifndef NODE_VRRP_H
#define NODE_VRRP_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "dataplane/vmac_shared.h"
#include "vrrp/engine.h"

struct config;
struct guard;
struct health;
struct lease_page;
struct loop;
struct node_vrrp;
struct node_vrrp_event;
struct node_vrrp_plan;
struct selfcheck;
struct steer;
struct tracks;

struct node_vrrp_parts {
	struct loop *loop;
	struct health *health;
	struct steer *steer;		/* NULL with io = socket */
	struct guard *guard;
	/* every change of a router's state; NULL = nobody wants to know */
	void (*on_transition)(void *context, const struct vrrp_conf *router, const struct node_vrrp_event *event);
	void *context;
};

/*
 * First half, before anything is attached: compares the configuration with the addresses of the interfaces (a mistake
 * is named with file and line), hands the leases to the guard. 0 or -errno with error.
 */
int node_vrrp_open(struct node_vrrp **vrrp, const struct node_vrrp_parts *parts, const struct config *config,
		   char *error, size_t size);
/* The leases that engine and workers share. */
struct lease_page *node_vrrp_leases(struct node_vrrp *vrrp);

/* Second half, the last step of the start: removes virtual addresses that a crash left, opens the engine. The routers
 * leave Initialize once selfcheck has seen the data plane good, and everything in tracks (NULL = nothing) has been
 * judged. What "tandemd --resign" needs to know stands beside the control socket. 0 or -errno with error. */
int node_vrrp_start(struct node_vrrp *vrrp, struct selfcheck *selfcheck, struct tracks *tracks,
		    const struct config *config, char *error, size_t size);

/* Releases what is Active and waits for the end of the linger; takes the addresses off. Accepts NULL. While workers
 * still answer; node_vrrp_close() after they have stopped. */
void node_vrrp_stop(struct node_vrrp *vrrp);
void node_vrrp_close(struct node_vrrp *vrrp);

/* Places of virtual routers that are taken, as bits; also of those that a reload is taking out. */
uint32_t node_vrrp_places(const struct node_vrrp *vrrp);
/* A reload's first phase, in a thread of its own: checks new routers and other addresses against the interfaces, as the
 * start does, and changes nothing. 0 or -errno with error. */
int node_vrrp_prepare(const struct node_vrrp *vrrp, const struct config *config, struct node_vrrp_plan **plan,
		      char *error, size_t size);
void node_vrrp_discard(struct node_vrrp_plan *plan);	/* accepts NULL */
/* Its second: priority, preempt, the delays, linger_ms, addresses; routers that are new, and those that are no more.
 * After the data plane has taken the configuration over; frees the plan. */
void node_vrrp_adopt(struct node_vrrp *vrrp, const struct config *config, struct node_vrrp_plan *plan);

/* ---- for commands and documents ---- */

/* Places to look at, and the router at each of them; NULL: there is none. */
unsigned node_vrrp_count(const struct node_vrrp *vrrp);
const struct vrrp_conf *node_vrrp_conf(const struct node_vrrp *vrrp, unsigned router);
/* The place of the router that stands at a position of the configuration, from 0; -1: that has no more. */
int node_vrrp_at(const struct node_vrrp *vrrp, unsigned position);
void node_vrrp_status(const struct node_vrrp *vrrp, unsigned router, struct vrrp_status *status);
/* Why the effective priority is not the configured one; "" when it is. Returns text. */
const char *node_vrrp_why(const struct node_vrrp *vrrp, const struct vrrp_status *status, char *text, size_t size);

/* Peers as configured: the MAC that its advertisements are sent to (NULL: the group's), and why that is not known; "" =
 * it is. */
const uint8_t *node_vrrp_peer_mac(const struct node_vrrp *vrrp, unsigned router, unsigned peer);
const char *node_vrrp_peer_fault(const struct node_vrrp *vrrp, unsigned router, unsigned peer);

/* Does the router's address go silent by itself when this process stands still? */
bool node_vrrp_dead_man(const struct node_vrrp *vrrp, unsigned router);
/* Frames for the virtual MACs on their way to the kernel. */
void node_vrrp_counters(const struct node_vrrp *vrrp, uint64_t counts[VMAC_COUNTERS]);
/* 0 when it has died. */
int node_vrrp_guard_pid(const struct node_vrrp *vrrp);

/* What the peer says of the router by the second path; and when its last advertisement was sent here. */
void node_vrrp_second(struct node_vrrp *vrrp, unsigned router, const struct vrrp_second *second);
uint64_t node_vrrp_sent_ns(const struct node_vrrp *vrrp, unsigned router);

/* Standby of a router and its group; keep: it outlives the process. -errno: it is in standby, but that is not
 * written. */
int node_vrrp_release(struct node_vrrp *vrrp, unsigned router, bool keep);
int node_vrrp_resume(struct node_vrrp *vrrp, unsigned router);
/* Will it be in standby after a restart? */
bool node_vrrp_is_kept(const struct node_vrrp *vrrp, unsigned router);

struct node_vrrp_event {
	struct vrrp_transition transition;
	char interface[IF_NAMESIZE];	/* of a router that may be no more */
	uint8_t vrid;
	bool ipv6;
	char because[256];		/* faults and weights that had failed then; "" */
};
/* Events kept, and event i of them, the oldest first. */
unsigned node_vrrp_events(const struct node_vrrp *vrrp);
const struct node_vrrp_event *node_vrrp_event(const struct node_vrrp *vrrp, unsigned i);

#endif
