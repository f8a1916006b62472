/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fsm.c - the decisions of one virtual router (RFC 9568, 6.4). Contract in fsm.h; VRRP thread only.
 *
 * One table, one function that writes the state (apply). Adverts, timers, faults and commands become an event
 * and come in by vrrp_router_event(); an Active first shows that its lease still holds.
 *
 * What goes beyond the RFC, and why:
 *  - The lease. An Active owns the address for 3 intervals from its last advertisement. Its peer waits that long
 *    plus Skew_Time, counted from a later moment, so they do not own it at once. That stands on never extending a
 *    lapsed lease: who was too late to extend it (frozen, starved, unable to send) becomes Backup without a word.
 *  - Being late. Time is judged by when frames arrived, not by when we came to read them; a timer that fires far
 *    too late says more about us than about the peer, so we listen first.
 *  - After a failure of our own (start, fault, lapse) we do not preempt for a while; a silent or releasing
 *    peer is still replaced at once.
 *  - A group (sync.h). Its members' timers say that the peer is silent; the group takes, when all of them say so.
 *  - The second path. Silence here is no proof that the peer is gone if the peer says, by another way, that it has sent
 *    what we did not hear: then this LAN is faulty, and two Actives would be worse than one. It must have said so of
 *    advertisements later than the last one that came; so a peer that dies, or resigns, is never waited for.
 */
#include "vrrp/fsm.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "vrrp/sync.h"

enum {
	ANSWER_GAP_NS = 10 * CLOCK_NS_PER_MS,	/* a stranger must not make us flood */
	WAIT_NS = 100 * CLOCK_NS_PER_MS,	/* between looks at the second path, or an interval */
};

static const struct vrrp_step steps[VRRP_STATES][VRRP_EVENTS] = {
	[VRRP_INITIALIZE] = {
		[VRRP_EV_STARTUP]	= { VRRP_BACKUP, VRRP_ACT_HOLD_OFF | VRRP_ACT_WATCH_PEER },
	},
	[VRRP_BACKUP] = {
		[VRRP_EV_RELEASE]	= { VRRP_INITIALIZE, VRRP_ACT_STOP_TIMERS },
		[VRRP_EV_FAULT]		= { VRRP_INITIALIZE, VRRP_ACT_STOP_TIMERS },
		[VRRP_EV_PEER_SILENT]	= { VRRP_ACTIVE, VRRP_ACT_TAKE | VRRP_ACT_ADVERTISE |
					    VRRP_ACT_ANNOUNCE | VRRP_ACT_ADVER_TIMER },
		[VRRP_EV_PEER_RELEASES]	= { VRRP_STAY, VRRP_ACT_WATCH_BRIEFLY },
		[VRRP_EV_PEER_BETTER]	= { VRRP_STAY, VRRP_ACT_WATCH_PEER },
		[VRRP_EV_LATE]		= { VRRP_STAY, VRRP_ACT_WATCH_BRIEFLY },
		[VRRP_EV_GROUP_DOWN]	= { VRRP_INITIALIZE, VRRP_ACT_STOP_TIMERS },
		[VRRP_EV_PEER_ELSEWHERE] = { VRRP_STAY, VRRP_ACT_WAIT },
	},
	[VRRP_ACTIVE] = {
		[VRRP_EV_RELEASE]	= { VRRP_INITIALIZE, VRRP_ACT_LINGER | VRRP_ACT_STOP_TIMERS |
					    VRRP_ACT_SAY_RELEASE },
		[VRRP_EV_FAULT]		= { VRRP_INITIALIZE, VRRP_ACT_REVOKE | VRRP_ACT_STOP_TIMERS |
					    VRRP_ACT_SAY_RELEASE },
		[VRRP_EV_DEMOTE]	= { VRRP_BACKUP, VRRP_ACT_REVOKE | VRRP_ACT_SAY_RELEASE |
					    VRRP_ACT_WATCH_PEER },
		[VRRP_EV_ADVERT_DUE]	= { VRRP_STAY, VRRP_ACT_ADVERTISE | VRRP_ACT_ADVER_TIMER },
		[VRRP_EV_PEER_RELEASES]	= { VRRP_STAY, VRRP_ACT_ADVERTISE | VRRP_ACT_ANNOUNCE |
					    VRRP_ACT_ADVER_TIMER },
		[VRRP_EV_PEER_BETTER]	= { VRRP_BACKUP, VRRP_ACT_LINGER | VRRP_ACT_SAY_LOST | VRRP_ACT_WATCH_PEER },
		/* The loser may have announced: say where the address is. Adver_Timer keeps its time. */
		[VRRP_EV_PEER_WORSE]	= { VRRP_STAY, VRRP_ACT_ADVERTISE | VRRP_ACT_ANNOUNCE },
		[VRRP_EV_LAPSED]	= { VRRP_BACKUP, VRRP_ACT_REVOKE | VRRP_ACT_WATCH_PEER |
					    VRRP_ACT_HOLD_OFF },
		[VRRP_EV_LATE]		= { VRRP_BACKUP, VRRP_ACT_REVOKE | VRRP_ACT_WATCH_PEER |
					    VRRP_ACT_HOLD_OFF },
		/* Nothing is wrong here, so what still arrives is answered. A better peer has taken this one too. */
		[VRRP_EV_GROUP_LOST]	= { VRRP_BACKUP, VRRP_ACT_LINGER | VRRP_ACT_SAY_LOST | VRRP_ACT_WATCH_PEER },
		[VRRP_EV_GROUP_FAILED]	= { VRRP_BACKUP, VRRP_ACT_LINGER | VRRP_ACT_SAY_RELEASE |
					    VRRP_ACT_WATCH_PEER | VRRP_ACT_HOLD_OFF },
		[VRRP_EV_GROUP_DOWN]	= { VRRP_INITIALIZE, VRRP_ACT_LINGER | VRRP_ACT_STOP_TIMERS |
					    VRRP_ACT_SAY_RELEASE },
	},
};

const struct vrrp_step *vrrp_fsm_step(enum vrrp_state state, enum vrrp_event event)
{
	return &steps[state][event];
}

const char *vrrp_state_name(enum vrrp_state state)
{
	static const char *const names[VRRP_STATES] = {
		[VRRP_STAY] = "",
		[VRRP_INITIALIZE] = "Initialize",
		[VRRP_BACKUP] = "Backup",
		[VRRP_ACTIVE] = "Active",
	};

	return names[state];
}

const char *vrrp_event_name(enum vrrp_event event)
{
	static const char *const names[VRRP_EVENTS] = {
		[VRRP_EV_STARTUP] = "startup",
		[VRRP_EV_RELEASE] = "release",
		[VRRP_EV_FAULT] = "fault",
		[VRRP_EV_DEMOTE] = "demote",
		[VRRP_EV_ADVERT_DUE] = "advert-due",
		[VRRP_EV_PEER_SILENT] = "peer-silent",
		[VRRP_EV_PEER_RELEASES] = "peer-releases",
		[VRRP_EV_PEER_BETTER] = "peer-better",
		[VRRP_EV_PEER_WORSE] = "peer-worse",
		[VRRP_EV_LAPSED] = "lapsed",
		[VRRP_EV_LATE] = "late",
		[VRRP_EV_GROUP_LOST] = "group-lost",
		[VRRP_EV_GROUP_FAILED] = "group-failed",
		[VRRP_EV_GROUP_DOWN] = "group-down",
		[VRRP_EV_PEER_ELSEWHERE] = "peer-elsewhere",
	};

	return names[event];
}

void vrrp_router_init(struct vrrp_router *router, const struct vrrp_conf *conf,
		      const struct vrrp_actions *actions, void *context, uint64_t now_ns)
{
	memset(router, 0, sizeof(*router));
	router->conf = conf;
	router->actions = actions;
	router->context = context;
	router->state = VRRP_INITIALIZE;
	router->active_interval_cs = conf->interval_cs;
	router->since_ns = now_ns;
	router->turn_ns = now_ns;
}

uint8_t vrrp_router_priority(const struct vrrp_router *router)
{
	uint8_t priority = router->conf->priority;

	if (router->demoted || router->weights >= priority)
		return 1;
	return (uint8_t)(priority - router->weights);
}

static bool loses_tie(const struct vrrp_router *router, const struct addr *source)
{
	return router->sync ? vrrp_sync_loses_tie(router->sync, router, source)
			    : addr_compare(source, &router->source) > 0;
}

bool vrrp_peer_is_better(const struct vrrp_router *router, const struct vrrp_advert *advert,
			 const struct addr *source, uint64_t now_ns)
{
	uint8_t own = vrrp_router_priority(router);
	bool preempts = router->conf->preempt && now_ns >= router->preempt_from_ns;

	if (router->state == VRRP_ACTIVE)
		return advert->priority > own ||
		       (advert->priority == own && loses_tie(router, source));
	return advert->priority >= own || !preempts;
}

/* ---- actions ---- */

static bool advertise(struct vrrp_router *router, uint8_t priority, bool take, uint64_t now_ns)
{
	router->refused = !router->actions->advertise(router, priority, take, now_ns);
	if (router->refused) {
		router->send_errors++;
		return false;
	}
	router->sent++;
	router->sent_release += priority == VRRP_PRIORITY_RELEASE;
	router->sent_ns = now_ns;
	return true;
}

/* A timer that fired keeps its cadence, unless it is so late that the next is due as well. */
static void start_adver_timer(struct vrrp_router *router, bool fired, uint64_t now_ns)
{
	uint64_t interval = vrrp_interval_ns(router->conf->interval_cs);
	bool in_time = fired && router->adver_due_ns && now_ns - router->adver_due_ns <= interval;

	router->adver_due_ns = (in_time ? router->adver_due_ns : now_ns) + interval;
	router->down_due_ns = 0;
	router->silent = false;
}

static uint64_t down_timer_ns(const struct vrrp_router *router)
{
	uint8_t priority = vrrp_router_priority(router);

	return router->down_brief ? vrrp_skew_ns(priority, router->active_interval_cs)
				  : vrrp_down_ns(priority, router->active_interval_cs);
}

static void start_down_timer(struct vrrp_router *router, bool brief, uint64_t from_ns)
{
	router->adver_due_ns = 0;
	router->down_from_ns = from_ns;
	router->down_brief = brief;
	router->down_rearmed = false;
	router->silent = false;
	router->down_due_ns = from_ns + down_timer_ns(router);
}

/* Our priority has changed; the timer never moves away (RFC 9568 is silent). */
static void shorten_down_timer(struct vrrp_router *router)
{
	uint64_t due = router->down_from_ns + down_timer_ns(router);

	if (router->down_due_ns > due)
		router->down_due_ns = due;
}

/*
 * When no advertisement sets it, RFC 9568, 6.4.1, waits for an Active with our own interval. One that is known to
 * be slower is given its time, or we would take the address from under it.
 */
static uint16_t expected_interval_cs(const struct vrrp_router *router)
{
	uint16_t own = router->conf->interval_cs, last = router->peer.interval_cs;

	return last > own ? last : own;
}

/* Not beyond the end of what is known by the second path. */
static void start_wait(struct vrrp_router *router, uint64_t now_ns)
{
	uint64_t interval = vrrp_interval_ns(router->active_interval_cs);
	uint64_t due = now_ns + (interval < WAIT_NS ? interval : WAIT_NS);

	if (router->second.until_ns > now_ns && router->second.until_ns < due)
		due = router->second.until_ns;
	router->down_due_ns = due;
}

static void hold_off(struct vrrp_router *router, uint64_t now_ns)
{
	router->preempt_from_ns = now_ns + (uint64_t)router->conf->preempt_delay_ms * CLOCK_NS_PER_MS;
}

/* In the order of enum vrrp_action. TAKE was done by apply(). */
static void run_actions(struct vrrp_router *router, unsigned actions, enum vrrp_event event,
			uint64_t now_ns)
{
	bool by_advert = event == VRRP_EV_PEER_BETTER || event == VRRP_EV_PEER_RELEASES;

	if (actions & VRRP_ACT_REVOKE)
		router->actions->revoke(router);
	if (actions & VRRP_ACT_LINGER)
		router->actions->linger(router, now_ns);
	if (actions & VRRP_ACT_STOP_TIMERS) {
		router->adver_due_ns = router->down_due_ns = 0;
		router->silent = false;
	}
	/* With virtual MACs hosts have the right one anyway. Without, they may have ours, and the winner, who perhaps
	 * never heard us, must be made to announce: an Active that hears priority 0 does. */
	if ((actions & VRRP_ACT_SAY_RELEASE) || ((actions & VRRP_ACT_SAY_LOST) && !router->conf->virtual_mac))
		advertise(router, VRRP_PRIORITY_RELEASE, false, now_ns);
	if ((actions & VRRP_ACT_ADVERTISE) && !(actions & VRRP_ACT_TAKE))
		advertise(router, vrrp_router_priority(router), false, now_ns);
	if (actions & VRRP_ACT_ANNOUNCE)
		router->actions->announce(router, now_ns);
	if (actions & VRRP_ACT_ADVER_TIMER)
		start_adver_timer(router, event == VRRP_EV_ADVERT_DUE, now_ns);
	if (actions & VRRP_ACT_WATCH_PEER) {
		if (event != VRRP_EV_PEER_BETTER)
			router->active_interval_cs = expected_interval_cs(router);
		start_down_timer(router, false, by_advert ? router->peer.heard_ns : now_ns);
	}
	if (actions & VRRP_ACT_WATCH_BRIEFLY)
		start_down_timer(router, true, by_advert ? router->peer.heard_ns : now_ns);
	if (actions & VRRP_ACT_HOLD_OFF) {
		if (!router->planned)
			hold_off(router, now_ns);
		router->planned = false;
	}
	if (actions & VRRP_ACT_WAIT)
		start_wait(router, now_ns);
}

/* The peer is silent and we cannot speak either: no lease without an advertisement. Try again an interval later,
 * as an Active would; Skew_Time may be microseconds. */
static void retry_take(struct vrrp_router *router, uint64_t now_ns)
{
	start_down_timer(router, true, now_ns);
	router->down_due_ns = now_ns + vrrp_interval_ns(router->conf->interval_cs);
}

/* The only place that writes the state. */
static void apply(struct vrrp_router *router, enum vrrp_event event, const char *cause, uint64_t now_ns)
{
	const struct vrrp_step *step = &steps[router->state][event];
	enum vrrp_state from = router->state;

	if ((step->actions & VRRP_ACT_TAKE) &&
	    !advertise(router, vrrp_router_priority(router), true, now_ns)) {
		retry_take(router, now_ns);
		return;
	}
	if (step->next == VRRP_STAY) {
		run_actions(router, step->actions, event, now_ns);
		return;
	}
	if (from == VRRP_ACTIVE)
		router->left_by = event;
	router->state = step->next;
	router->since_ns = now_ns;
	router->held_from_ns = 0;
	router->held = false;
	router->transitions++;
	router->became_active += router->state == VRRP_ACTIVE;
	router->lapsed += event == VRRP_EV_LAPSED;
	snprintf(router->cause, sizeof(router->cause), "%s", cause);
	router->last_event = (uint8_t)event;
	run_actions(router, step->actions, event, now_ns);
	router->actions->changed(router, from, event, router->cause, now_ns);
}

/* ---- events ---- */

/* The lease is the switch: an Active without it is none any more, whatever comes next. */
static void check_lease(struct vrrp_router *router, uint64_t now_ns)
{
	char cause[sizeof(router->cause)];

	if (router->state != VRRP_ACTIVE || router->actions->holds(router))
		return;
	snprintf(cause, sizeof(cause), "lease lapsed: last advertisement sent %" PRIu64 " ms ago",
		 (now_ns - router->sent_ns) / CLOCK_NS_PER_MS);
	apply(router, VRRP_EV_LAPSED, cause, now_ns);
}

void vrrp_router_event(struct vrrp_router *router, enum vrrp_event event, const char *cause,
		       uint64_t now_ns)
{
	if (event != VRRP_EV_LAPSED && event != VRRP_EV_LATE)
		check_lease(router, now_ns);
	if (event == VRRP_EV_DEMOTE) {
		if (router->demoted)
			return;		/* one more fault changes nothing */
		router->demoted = true;
	} else if (event == VRRP_EV_RELEASE || event == VRRP_EV_FAULT || event == VRRP_EV_GROUP_DOWN) {
		router->planned = event == VRRP_EV_RELEASE;
	}
	apply(router, event, cause, now_ns);
}

static bool has_address(const struct vrrp_advert *advert, const struct addr *address)
{
	for (unsigned i = 0; i < advert->count && i < VRRP_ADDRESSES_MAX; i++) {
		if (addr_equal(&advert->addresses[i], address))
			return true;
	}
	return false;
}

static bool lists_differ(const struct vrrp_conf *conf, const struct vrrp_advert *advert)
{
	for (unsigned i = 0; i < conf->count; i++) {
		if (!has_address(advert, &conf->addresses[i]))
			return true;
	}
	return advert->count != conf->count;
}

/* How long one who was heard may still be Active. */
static uint64_t memory_ns(const struct vrrp_router *router)
{
	return vrrp_down_ns(1, expected_interval_cs(router));
}

/* Counts the beginning of it: signs that follow each other are one conflict. */
static void note_two_actives(struct vrrp_router *router, uint64_t now_ns)
{
	if (!router->conflict_ns || now_ns - router->conflict_ns > memory_ns(router))
		router->two_actives++;
	router->conflict_ns = now_ns;
}

/* A gap of more than one and a half intervals stands for advertisements that did not come. */
static void count_missed(struct vrrp_router *router, uint64_t heard_ns)
{
	const struct vrrp_peer *peer = &router->peer;
	uint64_t interval = vrrp_interval_ns(peer->interval_cs), intervals;

	if (router->state != VRRP_BACKUP || peer->priority == VRRP_PRIORITY_RELEASE ||
	    peer->heard_ns < router->since_ns)
		return;
	intervals = (heard_ns - peer->heard_ns + interval / 2 - 1) / interval;
	if (intervals > 1)
		router->missed += intervals - 1;
}

/* Someone else than before: one Active after another, or, when it is the one before that, two in turn. */
static void change_peer(struct vrrp_router *router, const struct addr *source, uint64_t heard_ns)
{
	const struct vrrp_peer *other = &router->other;

	if (other->heard_ns && addr_equal(&other->address, source) &&
	    heard_ns - other->heard_ns <= memory_ns(router))
		note_two_actives(router, heard_ns);
	router->other = router->peer;
}

static void note_peer(struct vrrp_router *router, const struct vrrp_advert *advert,
		      const struct addr *source, enum vrrp_checksum used, uint64_t heard_ns)
{
	const struct vrrp_conf *conf = router->conf;
	struct vrrp_peer *peer = &router->peer;

	if (peer->heard_ns && addr_equal(&peer->address, source))
		count_missed(router, heard_ns);
	else if (peer->heard_ns)
		change_peer(router, source, heard_ns);
	*peer = (struct vrrp_peer){
		.address = *source,
		.priority = advert->priority,
		.interval_cs = advert->interval_cs,
		.checksum = (uint8_t)used,
		.heard_ns = heard_ns,
		.addresses_differ = lists_differ(conf, advert),
		.interval_differs = advert->interval_cs != conf->interval_cs,
		.priority_equal = advert->priority == conf->priority,
	};
	router->held_from_ns = 0;
	router->held = false;
	router->heard++;
	router->heard_release += advert->priority == VRRP_PRIORITY_RELEASE;
	router->interval_errors += peer->interval_differs;
	router->address_list_errors += peer->addresses_differ;
}

/* One that we follow. Only an Active leaves its state by it, so only then the cause is told. */
static void hear_better(struct vrrp_router *router, uint64_t now_ns)
{
	const struct vrrp_peer *peer = &router->peer;
	char cause[sizeof(router->cause)] = "", address[ADDR_TEXT_MAX];

	if (router->state == VRRP_ACTIVE)
		snprintf(cause, sizeof(cause), "%s has priority %u, ours is %u",
			 addr_format(&peer->address, address, sizeof(address)), peer->priority,
			 vrrp_router_priority(router));
	router->active_interval_cs = peer->interval_cs;
	vrrp_router_event(router, VRRP_EV_PEER_BETTER, cause, now_ns);
}

/* One that goes, or that should. An Active answers it at once, but not everything a stranger sends. */
static void hear_other(struct vrrp_router *router, enum vrrp_event event, uint64_t now_ns)
{
	if (router->state == VRRP_ACTIVE) {
		if (router->answered_ns && now_ns - router->answered_ns < ANSWER_GAP_NS)
			return;
		router->answered_ns = now_ns;
	}
	vrrp_router_event(router, event, "", now_ns);
}

void vrrp_router_heard(struct vrrp_router *router, const struct vrrp_advert *advert,
		       const struct addr *source, enum vrrp_checksum used, uint64_t heard_ns,
		       uint64_t now_ns)
{
	uint64_t earliest = router->turn_ns > router->peer.heard_ns ? router->turn_ns
								     : router->peer.heard_ns;

	if (heard_ns < earliest)
		heard_ns = earliest;
	if (heard_ns > now_ns)
		heard_ns = now_ns;
	check_lease(router, now_ns);
	note_peer(router, advert, source, used, heard_ns);
	if (router->state == VRRP_INITIALIZE)
		return;

	if (advert->priority == VRRP_PRIORITY_RELEASE) {
		hear_other(router, VRRP_EV_PEER_RELEASES, now_ns);
	} else if (vrrp_peer_is_better(router, advert, source, now_ns)) {
		hear_better(router, now_ns);
	} else {
		if (router->state == VRRP_ACTIVE)
			note_two_actives(router, heard_ns);
		hear_other(router, VRRP_EV_PEER_WORSE, now_ns);
	}
}

void vrrp_router_rival(struct vrrp_router *router, uint64_t now_ns)
{
	if (router->state == VRRP_ACTIVE)
		note_two_actives(router, now_ns);
}

static void adver_timer_fired(struct vrrp_router *router, uint64_t now_ns)
{
	uint16_t interval_cs = router->conf->interval_cs;
	uint64_t late = now_ns - router->adver_due_ns;
	char cause[sizeof(router->cause)];

	router->late += late > vrrp_interval_ns(interval_cs);
	if (late < vrrp_down_ns(vrrp_router_priority(router), interval_cs)) {
		vrrp_router_event(router, VRRP_EV_ADVERT_DUE, "", now_ns);
		return;
	}
	snprintf(cause, sizeof(cause), "advertisement %" PRIu64 " ms late: the peer is heard first",
		 late / CLOCK_NS_PER_MS);
	vrrp_router_event(router, VRRP_EV_LATE, cause, now_ns);
}

/* Why the timer ran out: one that was heard while it ran, and did not restart it, is one that we preempt. */
static const char *silence(const struct vrrp_router *router)
{
	if (router->peer.priority == VRRP_PRIORITY_RELEASE)
		return "released";
	return router->peer.heard_ns > router->down_from_ns ? "is preempted" : "is silent";
}

void vrrp_router_take(struct vrrp_router *router, uint64_t now_ns)
{
	char cause[sizeof(router->cause)], address[ADDR_TEXT_MAX];

	if (!router->peer.heard_ns)
		snprintf(cause, sizeof(cause), "no peer was ever heard");
	else
		snprintf(cause, sizeof(cause), "%s %s, last heard %" PRIu64 " ms ago",
			 addr_format(&router->peer.address, address, sizeof(address)), silence(router),
			 (now_ns - router->peer.heard_ns) / CLOCK_NS_PER_MS);
	vrrp_router_event(router, VRRP_EV_PEER_SILENT, cause, now_ns);
}

/* Has the peer, as a healthy Active, sent an advertisement that should have been heard here and was not? */
static bool is_elsewhere(const struct vrrp_router *router, uint64_t now_ns)
{
	const struct vrrp_second *second = &router->second;
	uint64_t heard_ns = router->peer.heard_ns > router->since_ns ? router->peer.heard_ns : router->since_ns;

	return now_ns < second->until_ns &&
	       second->sent_ns > heard_ns + vrrp_interval_ns(router->active_interval_cs) / 2;
}

/* Counts and bounds the waiting. */
static bool must_wait(struct vrrp_router *router, uint64_t now_ns)
{
	bool elsewhere = is_elsewhere(router, now_ns);

	if (elsewhere && !router->held_from_ns) {
		router->held_from_ns = now_ns;
		router->holds++;
	}
	router->held = elsewhere &&
		       now_ns - router->held_from_ns < router->second.hold_ms * (uint64_t)CLOCK_NS_PER_MS;
	return router->held;
}

static void down_timer_fired(struct vrrp_router *router, uint64_t now_ns)
{
	uint64_t late = now_ns - router->down_due_ns;

	if (late > vrrp_interval_ns(router->active_interval_cs)) {
		router->late++;
		if (!router->down_rearmed) {
			vrrp_router_event(router, VRRP_EV_LATE, "", now_ns);
			router->down_rearmed = true;
			return;
		}
	}
	if (must_wait(router, now_ns)) {
		vrrp_router_event(router, VRRP_EV_PEER_ELSEWHERE, "", now_ns);
		return;
	}
	if (!router->sync) {
		vrrp_router_take(router, now_ns);
		return;
	}
	router->silent = true;
	router->down_due_ns = 0;
}

void vrrp_router_timers(struct vrrp_router *router, uint64_t now_ns)
{
	if (router->adver_due_ns && now_ns >= router->adver_due_ns)
		adver_timer_fired(router, now_ns);
	else if (router->down_due_ns && now_ns >= router->down_due_ns)
		down_timer_fired(router, now_ns);
	router->turn_ns = now_ns;
}

uint64_t vrrp_router_due(const struct vrrp_router *router)
{
	if (router->adver_due_ns)
		return router->adver_due_ns;
	return router->down_due_ns ? router->down_due_ns : UINT64_MAX;
}

void vrrp_router_second(struct vrrp_router *router, const struct vrrp_second *second)
{
	router->second = *second;
}

void vrrp_router_weights(struct vrrp_router *router, uint8_t weights, uint64_t now_ns)
{
	if (weights == router->weights)
		return;
	if (weights < router->weights)
		hold_off(router, now_ns);
	router->weights = weights;
	shorten_down_timer(router);
}

void vrrp_router_recovered(struct vrrp_router *router, uint64_t now_ns)
{
	if (!router->demoted)
		return;
	router->demoted = false;
	hold_off(router, now_ns);
	shorten_down_timer(router);
}
