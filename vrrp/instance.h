/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * instance.h - one virtual router at work: the machine of fsm.h, its lease, its last words, its presence on the
 * network, and what control wants of it. VRRP thread only, except for what is marked.
 */
#ifndef VRRP_INSTANCE_H
#define VRRP_INSTANCE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/log.h"
#include "vrrp/engine.h"
#include "vrrp/presence.h"
#include "vrrp/publish.h"

struct lease_page;
struct vrrp_sockets;

enum { VRRP_FAILURES_KEPT = 3 };

/* What the virtual routers of an engine share. */
struct vrrp_common {
	struct lease_page *leases;
	const char *fault;		/* name of a condition that has failed; NULL = none */
	uint8_t weights;		/* sum of those that have failed, and that the other node may see too */
	uint8_t own_weights;		/* sum of those that are of this node alone */
	bool stopping;			/* everything is given up, for good */
	bool realtime, locked;		/* priority and memory of the thread */
	bool news;			/* ring control's bell at the end of the turn */
	struct vrrp_ring ring;
};

struct vrrp_instance {
	struct vrrp_router router;
	struct vrrp_common *common;
	const struct vrrp_sockets *sockets;
	const char *stranger;		/* of its interface, for the status */
	unsigned index;
	struct vrrp_presence presence;
	struct vrrp_last_words *last_words;
	struct vrrp_link link;		/* as control last said */
	struct vrrp_hops hops;		/* likewise; unicast peers only */
	uint64_t probe_ns;		/* when it asks who has the addresses; 0 = it has */
	uint64_t linger_until_ns;	/* 0 = not lingering */
	uint8_t settled_weights;	/* of those that the other node may see too: what the priority shows */
	uint64_t heavier_since_ns;	/* more of them than that; 0 = not */
	uint64_t failures_ns[VRRP_FAILURES_KEPT];	/* oldest first */
	uint64_t last_sent_ns, cadence_worst_ns;
	uint64_t foreign;
	uint64_t rival_ns, two_actives;	/* of presence and router, as last looked at */
	struct log_limit rival_log;
	bool released;			/* by command, until resume */
	bool leaving;			/* for good */
	bool serviceable;		/* the last review found nothing missing */
	struct log_limit reject_log[VRRP_REJECTS], differences_log;
	struct addr owner;		/* who last advertised priority 255 */
	uint64_t owner_ns, owners_ns;	/* when, and when another one had before */
	struct log_limit owners_log;
	char owners[VRRP_OWNERS_TEXT];
	uint8_t differences;		/* of the peer's configuration and ours, as last logged; segment.c */
	struct vrrp_status status;	/* as last published */

	/* orders: control writes */
	_Atomic bool release_wanted, leave_wanted;	/* the second: it is being taken away */
	_Atomic(const struct vrrp_conf *) conf_wanted, conf_in_use;	/* the second: VRRP thread writes */
	struct vrrp_cell link_cell;
	_Atomic uint64_t link_words[VRRP_CELL_WORDS(struct vrrp_link)];
	struct vrrp_cell second_cell;
	_Atomic uint64_t second_words[VRRP_CELL_WORDS(struct vrrp_second)];
	struct vrrp_cell hops_cell;
	_Atomic uint64_t hops_words[VRRP_CELL_WORDS(struct vrrp_hops)];
	/* control reads */
	_Atomic uint64_t sent_word;	/* last_sent_ns */
	struct vrrp_cell status_cell;
	_Atomic uint64_t status_words[VRRP_CELL_WORDS(struct vrrp_status)];
};

/* The instance is all zero, and nobody's yet: no status is published. Control thread. */
void vrrp_instance_init(struct vrrp_instance *it, unsigned index, const struct vrrp_conf *conf,
			struct vrrp_common *common, struct vrrp_last_words *last_words,
			const struct vrrp_sockets *sockets, const char *stranger, uint64_t now_ns);

/* Active, and on a lease that holds now: may speak for the addresses. */
bool vrrp_instance_owns(struct vrrp_instance *it);

/* The machine's timers, announcements, the end of a linger. */
void vrrp_instance_timers(struct vrrp_instance *it, uint64_t now_ns);
/* Takes up what control has ordered. */
void vrrp_instance_orders(struct vrrp_instance *it, uint64_t now_ns);
/* Raises the events that follow from health, link and orders. */
void vrrp_instance_review(struct vrrp_instance *it, uint64_t now_ns);
/* Forgets conflicts that are over. Now and then. */
void vrrp_instance_expire(struct vrrp_instance *it, uint64_t now_ns);
/* When vrrp_instance_timers() has something to do; UINT64_MAX = not. */
uint64_t vrrp_instance_due(const struct vrrp_instance *it);
/* In Initialize, and nobody is answered any more. */
bool vrrp_instance_is_idle(const struct vrrp_instance *it);

/* Writes the status if something of note has changed, or always. */
void vrrp_instance_publish(struct vrrp_instance *it, bool always, uint64_t now_ns);

#endif
