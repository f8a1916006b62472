/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * engine.h - the VRRP thread: sockets, timers, lease. Real-time, its memory locked, its own epoll set. It calls nothing
 * that can block: no netlink, no address change, no file, no allocation, no lock another thread may hold.
 * Order of a turn: clock, drain the advert sockets, timers, health, a bounded number of ARP and ND frames, commands.
 *
 * The control thread opens it, tells it what netlink said, gives orders and reads what it publishes.
 */
#ifndef VRRP_ENGINE_H
#define VRRP_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "vrrp/fsm.h"

struct health;
struct lease_page;
struct vrrp_engine;

enum {
	VRRP_ROUTERS_MAX = 32,		/* a node */
	VRRP_HISTORY = 100,
	VRRP_CONFLICT_TEXT = 64,
	VRRP_OWNERS_TEXT = 2 * ADDR_TEXT_MAX + 32,
};

/* What the guard and the fatal-signal handler need, in memory they may read at any moment. One per router;
 * written by the engine, always whole: all else is set before active is. */
struct vrrp_last_words {
	_Atomic uint32_t active;	/* 1: on death, zero the lease and send the frames */
	uint32_t len;			/* of each */
	int32_t ifindex;
	uint8_t lease;
	uint8_t n;			/* frames: one for the group, or one for each peer */
	uint8_t frames[VRRP_PEERS_MAX][VRRP_FRAME_MAX];
};

struct vrrp_engine_conf {
	const struct vrrp_conf *router;	/* n of them; the array until the engine is open, each conf as long as it is in use */
	unsigned n;
	struct lease_page *leases;
	const struct health *health;	/* words are read; its event_fd wakes the loop, its only reader */
	struct vrrp_last_words *last_words;	/* one for each router there may be, in shared memory of the guard */
	int notify_fd;			/* eventfd: rung after transitions and when status changed; control's */
	/* Called on the thread before its loop: drops privileges, takes the guard's mutex. NULL = nothing. */
	void (*on_thread_start)(void *context);
	void (*on_thread_stop)(void *context);	/* clean end: the guard must not speak */
	void *context;
};

/* Opens sockets, joins groups, adds the virtual MACs to the interfaces (PACKET_MR_UNICAST). 0 or -errno with error.
 * Control thread; nothing is sent before vrrp_engine_start(). */
int vrrp_engine_open(struct vrrp_engine **engine, const struct vrrp_engine_conf *conf, char *error,
		     size_t size);
int vrrp_engine_start(struct vrrp_engine *engine);
/* Releases what is Active (priority 0, linger), waits for the linger to end, joins the thread. */
void vrrp_engine_stop(struct vrrp_engine *engine);
void vrrp_engine_close(struct vrrp_engine *engine);

/* ---- orders of the control thread; taken up in the loop's next turn ---- */

/* The interface's state as netlink has it: primary address, of IPv6 link-local (unspecified = none), MAC, carrier,
 * ready (kernel part, TAP, data plane). Startup is raised when all is there; a lost one releases. */
struct vrrp_link {
	struct addr source;
	uint8_t mac[6];
	bool up;
	bool ready;			/* data plane is up and has been checked once */
	uint64_t boot_until_ns;		/* held until then because the machine has just started; 0 = not */
	uint64_t link_until_ns;		/* held until then because the link has just come up; 0 = not */
};
void vrrp_engine_link(struct vrrp_engine *engine, unsigned router, const struct vrrp_link *link);

/* Unicast peers: the MAC of each one's next hop. Before the first is known it is the broadcast address: what can be
 * said must be said to somebody, or the lease would lapse because the peer is down. */
struct vrrp_hops {
	uint8_t mac[VRRP_PEERS_MAX][6];
};
void vrrp_engine_hops(struct vrrp_engine *engine, unsigned router, const struct vrrp_hops *hops);

/*
 * Other addresses for a router: conf, which differs from the one before in these only, is used from the next turn on
 * and must be valid until another one is in use. Only the addresses that are new are announced. 0, or -errno when ARP
 * for the new ones will not be heard.
 */
int vrrp_engine_configure(struct vrrp_engine *engine, unsigned router, const struct vrrp_conf *conf);
/* What the router works with now. */
const struct vrrp_conf *vrrp_engine_conf_in_use(const struct vrrp_engine *engine, unsigned router);

/*
 * A router more, with a number that no other one has; the thread takes it up in its next turn, and the others miss
 * nothing. It is in no group before it is in the state of that one's members. conf->lease is its own. 0 or -errno with
 * error.
 */
int vrrp_engine_add(struct vrrp_engine *engine, unsigned router, const struct vrrp_conf *conf, char *error, size_t size);
/* A router less: it leaves its group, says priority 0 if it is Active, lingers as its conf says. */
void vrrp_engine_remove(struct vrrp_engine *engine, unsigned router);
/* Has it been removed, and does nothing any more? Control's bell is rung when it is. */
bool vrrp_engine_is_gone(const struct vrrp_engine *engine, unsigned router);
/* What is gone has no sockets any more, and its number is free. */
void vrrp_engine_forget(struct vrrp_engine *engine, unsigned router);

/* Planned release (stays in Initialize until resume) of a router and its group; all with router = VRRP_ROUTERS_MAX. */
void vrrp_engine_release(struct vrrp_engine *engine, unsigned router);
void vrrp_engine_resume(struct vrrp_engine *engine, unsigned router);

/* What the peer says of this virtual router by the second path: without a bell, the timers look when they are due. */
void vrrp_engine_second(struct vrrp_engine *engine, unsigned router, const struct vrrp_second *second);

/* ---- what it publishes; control thread reads a consistent copy ---- */

struct vrrp_status {
	enum vrrp_state state;
	bool released;			/* by command */
	bool lingering;
	bool waiting;			/* Initialize because something is missing: see missing */
	char missing[128];
	uint64_t since_ns;
	char cause[128];
	uint8_t priority, effective_priority, weights;
	bool demoted, holding;		/* last resort; preemption held off */
	bool held;			/* would be Active, but the second path says that the peer is */
	uint64_t held_from_ns;
	uint64_t preempt_from_ns;
	struct addr source;
	struct vrrp_peer peer, other;
	uint64_t transitions, became_active, sent, sent_release, send_errors, heard, heard_release, missed,
		 two_actives, holds, interval_errors, address_list_errors, late, lapsed, announcements, arp_requests,
		 arp_replies, arp_limited, conflicts;	/* of IPv6: of neighbour discovery */
	uint64_t rejected[VRRP_REJECTS];
	uint64_t foreign;		/* advertisements the socket filter kept away: other VRID or TTL */
	bool group_waits;		/* nothing is heard for it, but for another member of its group */
	char owners[VRRP_OWNERS_TEXT];	/* two hosts that advertise priority 255, or "" */
	char conflict[VRRP_CONFLICT_TEXT];	/* another MAC answers for a virtual address: which, or "" */
	char stranger[VRRP_CONFLICT_TEXT];	/* who else speaks VRRP on the interface and is ignored, or "" */
	uint64_t cadence_worst_ns;	/* longest gap between own advertisements while Active */
	bool realtime, locked;		/* SCHED_FIFO obtained; memory locked */
	uint64_t sent_ns;		/* last advertisement of ours; 0 = none */
	uint8_t last_event;		/* enum vrrp_event of the last transition; if transitions is not 0 */
};
void vrrp_engine_status(struct vrrp_engine *engine, unsigned router, struct vrrp_status *status);
/* When the last advertisement that extended the lease was sent, to the moment; 0 = none yet. */
uint64_t vrrp_engine_sent_ns(const struct vrrp_engine *engine, unsigned router);

/* Transitions since the last call, oldest first. Returns how many were written (at most max); lost ones are
 * counted in *lost. Control thread. */
struct vrrp_transition {
	uint64_t wall_ns, mono_ns;
	uint8_t router, from, to, event;
	char cause[128];
};
unsigned vrrp_engine_transitions(struct vrrp_engine *engine, struct vrrp_transition *out, unsigned max,
				 uint64_t *lost);

#endif
