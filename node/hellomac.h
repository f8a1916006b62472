/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hellomac.h - does our virtual MAC hear? An Active asks its peer for a frame to it with a number of its choice
 * (macprobe.h); a Backup that is asked sends that. One struct for each virtual router. Control thread.
 */
#ifndef NODE_HELLOMAC_H
#define NODE_HELLOMAC_H

#include <stdbool.h>
#include <stdint.h>

struct health;
struct health_condition;
struct hello_router;
struct macprobe;

enum hello_reach { HELLO_REACH_UNKNOWN, HELLO_REACH_ARRIVES, HELLO_REACH_DEAF };

struct hello_mac {
	struct macprobe *probe;		/* of its interface, shared; NULL: no virtual MAC, or no socket */
	uint64_t wanted, wanted_ns;	/* number asked for as Active; 0 = none */
	bool came, peer_sent;
	uint64_t probed;		/* number sent as Backup */
	unsigned tries;
	enum hello_reach reach;
	uint64_t probes_sent, probes_seen, probes_missed;
	struct health_condition *deaf;	/* NULL: no probe, or no room for it */
};

/* The peer spoke: what it wants is sent, and that it sent what we want is noted. peer: its counterpart of the router,
 * or NULL. */
void hello_mac_hear(struct hello_mac *mac, const struct hello_router *peer, bool is_active);

/* A number came in by the interface of some router. */
void hello_mac_note(struct hello_mac *mac, uint64_t number);

/* Every beat. asks: we are Active, and know the peer. */
void hello_mac_judge(struct hello_mac *mac, struct health *health, bool asks, uint64_t now_ns);

#endif
