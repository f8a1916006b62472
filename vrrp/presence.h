/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * presence.h - where the addresses of one virtual router are, as the network is told: announcements, answers to ARP
 * and neighbour solicitations, and who else claims to have them. VRRP thread only. Whether we may speak is the caller's
 * to know.
 */
#ifndef VRRP_PRESENCE_H
#define VRRP_PRESENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/log.h"
#include "vrrp/announce.h"
#include "vrrp/engine.h"

struct vrrp_sockets;

/* Answers of one address in the present window. */
struct vrrp_answers {
	uint64_t window_ns;
	uint32_t sent;
};

struct vrrp_presence {
	const struct vrrp_conf *conf;
	const struct vrrp_sockets *sockets;
	uint8_t mac[6];			/* where the addresses are when they are ours */
	uint8_t peer_mac[6];		/* source of the advertisements last heard; 0 = none yet */
	bool asked;			/* it has probed: by then an Active would have been heard */
	uint64_t due_ns;		/* next announcement; 0 = none */
	uint64_t again_ns;		/* when the second burst starts; 0 = it has */
	uint8_t rounds, address;	/* rounds left of this burst; next address of this round */
	uint32_t only;			/* addresses that this burst is of, as bits */
	struct vrrp_answers answers[VRRP_ADDRESSES_MAX];
	uint64_t announcements, requests, replies, limited, conflicts;
	uint64_t rival_ns;		/* last time that another Active claimed an address of ours; 0 = never */
	uint64_t conflict_ns;		/* last seen */
	char conflict[VRRP_CONFLICT_TEXT];	/* "" = none */
	struct log_limit conflict_log;
};

void vrrp_presence_init(struct vrrp_presence *presence, const struct vrrp_conf *conf,
			const struct vrrp_sockets *sockets);
/* Of the interface; used where the router has no virtual MAC. */
void vrrp_presence_set_mac(struct vrrp_presence *presence, const uint8_t interface_mac[6]);

/* Other addresses. With owns those that are new are announced, the others are not again. */
void vrrp_presence_change(struct vrrp_presence *presence, const struct vrrp_conf *conf, bool owns, uint64_t now_ns);

/* Asks the network for the addresses, as a host with interface_mac that has none yet: who has one and should not is a
 * conflict. */
void vrrp_presence_probe(struct vrrp_presence *presence, const uint8_t interface_mac[6]);

/* Starts the bursts afresh and sends what is due at once. */
void vrrp_presence_announce(struct vrrp_presence *presence, uint64_t now_ns);
void vrrp_presence_stop(struct vrrp_presence *presence);
/* Sends the announcements that are due. */
void vrrp_presence_timers(struct vrrp_presence *presence, uint64_t now_ns);
uint64_t vrrp_presence_due(const struct vrrp_presence *presence);	/* UINT64_MAX = none */

/* A request for one of the addresses is answered if we may; another host's claim is noted: a stranger's as a conflict,
 * one with the MAC of an Active, if we are that, as a rival. */
void vrrp_presence_hear(struct vrrp_presence *presence, const struct vrrp_inquiry *inquiry, bool may_answer,
			uint64_t now_ns);
/* Forgets a conflict that was not seen again for a minute. */
void vrrp_presence_expire(struct vrrp_presence *presence, uint64_t now_ns);

#endif
