/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fsm.h - the decisions of one virtual router (RFC 9568, 6.4): a table of (state, event) to (state, actions), and one
 * function that changes the state. No socket, no clock, no memory but its own: time comes in, actions go out
 * through struct vrrp_actions. VRRP thread only (tests: any).
 */
#ifndef VRRP_FSM_H
#define VRRP_FSM_H

#include <net/if.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "vrrp/advert.h"

/* Numbered as in RFC 6527. 0 is no state: in the table it says "stay". */
enum vrrp_state { VRRP_STAY, VRRP_INITIALIZE, VRRP_BACKUP, VRRP_ACTIVE, VRRP_STATES };
const char *vrrp_state_name(enum vrrp_state state);	/* "Initialize" ... */

enum vrrp_event {
	VRRP_EV_STARTUP,		/* everything that is needed is there */
	VRRP_EV_RELEASE,		/* planned: command, clean stop; linger */
	VRRP_EV_FAULT,			/* this box cannot serve (or no last resort): no linger */
	VRRP_EV_DEMOTE,			/* fault, but as a last resort we stay in the election at priority 1 */
	VRRP_EV_ADVERT_DUE,		/* Adver_Timer */
	VRRP_EV_PEER_SILENT,		/* Active_Down_Timer */
	VRRP_EV_PEER_RELEASES,		/* priority 0 heard */
	VRRP_EV_PEER_BETTER,		/* an advertisement that we follow */
	VRRP_EV_PEER_WORSE,		/* one that we do not */
	VRRP_EV_LAPSED,			/* the lease ran out before it was extended */
	VRRP_EV_LATE,			/* a timer was found far too late (see vrrp_router_timers): listen first */
	/* of sync.h: another member of the group ... */
	VRRP_EV_GROUP_LOST,		/* follows a better peer */
	VRRP_EV_GROUP_FAILED,		/* lapsed, or cannot speak */
	VRRP_EV_GROUP_DOWN,		/* lacks something that it needs */
	VRRP_EV_PEER_ELSEWHERE,		/* Active_Down_Timer, but the peer is Active by the second path: this LAN is faulty */
	VRRP_EVENTS
};
const char *vrrp_event_name(enum vrrp_event event);

/* What a step does, in this order. */
enum vrrp_action {
	VRRP_ACT_REVOKE = 1 << 0,	/* lease zeroed */
	VRRP_ACT_LINGER = 1 << 1,	/* lease to linger mode, own MAC, before anything is said */
	VRRP_ACT_STOP_TIMERS = 1 << 2,
	VRRP_ACT_SAY_RELEASE = 1 << 3,	/* advertisement with priority 0 */
	VRRP_ACT_TAKE = 1 << 4,		/* the advertisement grants the lease; not sent: nothing of the step happens */
	VRRP_ACT_ADVERTISE = 1 << 5,	/* send; extends the lease */
	VRRP_ACT_ANNOUNCE = 1 << 6,	/* burst of gratuitous ARP, or of neighbour advertisements */
	VRRP_ACT_ADVER_TIMER = 1 << 7,	/* own interval from now; when it had fired, from when it was due */
	VRRP_ACT_WATCH_PEER = 1 << 8,	/* Active_Down_Timer = Active_Down_Interval of the interval heard */
	VRRP_ACT_WATCH_BRIEFLY = 1 << 9,/* Active_Down_Timer = Skew_Time */
	VRRP_ACT_HOLD_OFF = 1 << 10,	/* no preemption for preempt_delay_ms, except after a planned release */
	VRRP_ACT_WAIT = 1 << 11,	/* Active_Down_Timer fires again soon */
	VRRP_ACT_SAY_LOST = 1 << 12,	/* SAY_RELEASE where there is no virtual MAC; in its place */
};

struct vrrp_step {
	uint8_t next;			/* enum vrrp_state; a zeroed cell does nothing */
	uint16_t actions;
};
/* The table, for the test that walks it. */
const struct vrrp_step *vrrp_fsm_step(enum vrrp_state state, enum vrrp_event event);

enum { VRRP_GROUP_MAX = 32, VRRP_PEERS_MAX = 8 };

/* Fixed for the life of a configuration. */
struct vrrp_conf {
	char interface[IF_NAMESIZE];
	char group[VRRP_GROUP_MAX];		/* "" = none */
	/* a reload changes these while the engine runs; it reads each the next time it needs it */
	_Atomic uint8_t priority;		/* 1-254 */
	_Atomic bool preempt;
	_Atomic uint32_t preempt_delay_ms;	/* after start, crash or fault */
	_Atomic uint32_t linger_ms;
	_Atomic uint32_t weight_settle_ms;	/* an Active is so long with more weights before its priority falls */
	/* and none of these */
	uint8_t vrid;
	uint16_t interval_cs;
	bool virtual_mac, last_resort;
	uint8_t checksum, checksum_rx;		/* enum vrrp_checksum */
	uint8_t burst;				/* announcements after a take; gap and second burst below */
	uint32_t burst_gap_ms, burst_again_ms, refresh_ms;	/* refresh 0 = off */
	uint32_t burst_pace_ms;			/* after every few addresses of a round */
	uint8_t lease;				/* index in the lease page */
	uint8_t count;
	struct addr addresses[VRRP_ADDRESSES_MAX];	/* at least one */
	/* peers (RFC 9568 knows the group only) */
	bool unicast;				/* advertisements go to each of them instead of to the group */
	uint8_t max_hops;			/* routers on the way from them */
	uint8_t n_peers;			/* 0: everybody is heard */
	struct addr peers[VRRP_PEERS_MAX];	/* else only they are; of the addresses' family */
};

/* The addresses of one virtual router are of one family; the first of IPv6 is link-local (RFC 9568, 5.2.9). */
static inline bool vrrp_is_ipv6(const struct vrrp_conf *conf)
{
	return !addr_is_v4(&conf->addresses[0]);
}

/* How logs and documents name a virtual router: "eth0/51", of IPv6 "eth0/51v6". A format and its arguments. */
#define VRRP_NAME "%s/%u%s"
#define VRRP_NAME_MAX (IF_NAMESIZE + 8)		/* with its end */
#define VRRP_NAME_OF(conf) (conf)->interface, (conf)->vrid, vrrp_is_ipv6(conf) ? "v6" : ""

enum { VRRP_WEIGHTS_MAX = VRRP_PRIORITY_OWNER - 2 };

struct vrrp_router;
struct vrrp_sync;

/* What the engine does for the machine; none may raise an event. The machine counts, except for rejected[]. */
struct vrrp_actions {
	/*
	 * Sends an advertisement with this priority. Priority 0 leaves the lease alone. Any other grants it (take) or
	 * extends it, just before the send, to 3 intervals after a reading of the clock taken before that, and puts
	 * back what was there if the kernel refuses. False, with nothing sent and the lease as it was: refused; the
	 * lease has lapsed (not take); or the clock is more than an interval past now_ns: the process stood still
	 * inside this turn, and what was drained from the socket is no longer all there is.
	 * Taking, state is still Backup.
	 */
	bool (*advertise)(struct vrrp_router *router, uint8_t priority, bool take, uint64_t now_ns);
	/* Does our lease hold, by the clock it runs on? Asked before everything an Active does. */
	bool (*holds)(struct vrrp_router *router);
	/* Starts the burst of announcements afresh. A losing peer causes this up to once per 10 ms. */
	void (*announce)(struct vrrp_router *router, uint64_t now_ns);
	void (*revoke)(struct vrrp_router *router);
	void (*linger)(struct vrrp_router *router, uint64_t now_ns);
	/* After every change of state and its actions. cause is router->cause. */
	void (*changed)(struct vrrp_router *router, enum vrrp_state from, enum vrrp_event event,
			const char *cause, uint64_t now_ns);
};

/* The peer as last heard. */
struct vrrp_peer {
	struct addr address;
	uint8_t priority;
	uint16_t interval_cs;
	uint8_t checksum;			/* enum vrrp_checksum it used */
	uint64_t heard_ns;			/* by the kernel's receive stamp; 0 = never */
	bool addresses_differ, interval_differs, priority_equal;
};

/* What the peer says of this virtual router by another way than this LAN. All zero: nothing. */
struct vrrp_second {
	uint64_t sent_ns;			/* when, by our clock, it sent its last advertisement as a healthy Active */
	uint64_t until_ns;			/* nothing of this counts any more from here on */
	uint64_t hold_ms;			/* a Backup stays one for this reason so long at most */
};

struct vrrp_router {
	const struct vrrp_conf *conf;
	const struct vrrp_actions *actions;
	void *context;				/* the engine's */
	struct vrrp_sync *sync;			/* its group; NULL = none */
	enum vrrp_state state;
	struct addr source;			/* our primary or link-local address on the interface; unspecified = none */
	uint8_t weights;			/* sum of the weights of failed conditions, at most 253 */
	bool demoted;				/* fault, last resort: priority 1 */
	bool planned;				/* in Initialize by VRRP_EV_RELEASE: may preempt at once when back */
	uint16_t active_interval_cs;		/* heard from the Active */
	uint64_t adver_due_ns, down_due_ns;	/* 0 = stopped; never both running */
	uint64_t down_from_ns;			/* what the down timer counts from */
	bool down_brief;			/* it is Skew_Time, not Active_Down_Interval */
	bool down_rearmed;			/* it was late once already */
	bool silent;				/* it has run out, and the group decides */
	bool refused;				/* the last advertisement was not sent */
	enum vrrp_event left_by;		/* what ended the last time as Active */
	struct vrrp_second second;
	uint64_t held_from_ns;			/* Backup, and would be Active but for second; 0 = not */
	bool held;				/* still: hold_ms are not over */
	uint64_t preempt_from_ns;		/* no preemption before */
	uint64_t answered_ns;			/* last immediate answer to a peer */
	uint64_t conflict_ns;			/* last sign of two Actives */
	uint64_t turn_ns;			/* of the last vrrp_router_timers() */
	uint64_t sent_ns;			/* last advertisement of ours that was sent */
	uint64_t since_ns;
	struct vrrp_peer peer, other;		/* other: who was heard before peer, if another */
	/* counters (RFC 6527 and ours) */
	uint64_t transitions, became_active, sent, sent_release, send_errors, heard, heard_release,
		 interval_errors, address_list_errors, late, lapsed;
	uint64_t two_actives;			/* times it began: a loser heard while Active, or two in turn */
	uint64_t missed;			/* advertisements of the Active that did not come, while Backup */
	uint64_t holds;				/* times that second began to keep it Backup */
	uint64_t rejected[VRRP_REJECTS];	/* the engine's */
	char cause[128];			/* of the last transition */
	uint8_t last_event;			/* enum vrrp_event, likewise */
};

void vrrp_router_init(struct vrrp_router *router, const struct vrrp_conf *conf,
		      const struct vrrp_actions *actions, void *context, uint64_t now_ns);

/* Configured priority less the weights, 1-254; 1 when demoted. There is no owner (255): a virtual address is never
 * one of an interface's own here. */
uint8_t vrrp_router_priority(const struct vrrp_router *router);

/* Would we follow this advertisement? Backup: priority >= ours, or we do not preempt (now). Active: higher, or equal
 * from a greater address (V122-V125); in a group one member's addresses speak for all. Pure. */
bool vrrp_peer_is_better(const struct vrrp_router *router, const struct vrrp_advert *advert,
			 const struct addr *source, uint64_t now_ns);

/* The one door: changes the state, runs the actions, reports. An Active whose lease has lapsed becomes Backup first
 * (VRRP_EV_LAPSED) and meets the event there: nothing is said and nothing lingers on a lapsed lease. */
void vrrp_router_event(struct vrrp_router *router, enum vrrp_event event, const char *cause,
		       uint64_t now_ns);

/*
 * A valid advertisement for this router, heard at heard_ns: notes the peer and raises the right event. Silence
 * is counted from heard_ns, which is kept between the last turn and now: a wall clock that was stepped between the
 * kernel's stamp and its reading moves no timer.
 */
void vrrp_router_heard(struct vrrp_router *router, const struct vrrp_advert *advert,
		       const struct addr *source, enum vrrp_checksum used, uint64_t heard_ns,
		       uint64_t now_ns);

/* Somebody claims the addresses as an Active does, whether its advertisements are heard or not: counted while
 * Active. */
void vrrp_router_rival(struct vrrp_router *router, uint64_t now_ns);

/*
 * Acts on timers that are due at now_ns. Once in every turn, after the socket was drained. Lateness (VRRP_EV_LATE): a
 * Backup more than one interval late listens for Skew_Time more, once; an Active late by its down interval listens
 * like one that has lapsed. A Backup whose peer is silent here, but has sent advertisements that were not heard, as the
 * second path says, waits (VRRP_EV_PEER_ELSEWHERE) until it hears one, second says so no more, or hold_ms are over.
 */
void vrrp_router_timers(struct vrrp_router *router, uint64_t now_ns);
/* When vrrp_router_timers() is due next; UINT64_MAX = not. */
uint64_t vrrp_router_due(const struct vrrp_router *router);
/* For its group: raises VRRP_EV_PEER_SILENT with what is known of the peer as the cause. */
void vrrp_router_take(struct vrrp_router *router, uint64_t now_ns);

/* News of the second path; the timers act on it. */
void vrrp_router_second(struct vrrp_router *router, const struct vrrp_second *second);

/* Sum of weights changed: skew follows; a running down timer is shortened, never extended. A priority that rises
 * is not used to preempt for preempt_delay_ms. */
void vrrp_router_weights(struct vrrp_router *router, uint8_t weights, uint64_t now_ns);
/* The fault behind VRRP_EV_DEMOTE is over: the same for the priority that comes back. Nothing if not demoted. */
void vrrp_router_recovered(struct vrrp_router *router, uint64_t now_ns);

#endif
