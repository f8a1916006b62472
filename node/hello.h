/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hello.h - the two nodes of a pair tell each other how they are, ten times a second and by up to two paths. VRRP does
 * not need it: without a peer in the configuration, or without a word from it, everything is as it was. What comes of
 * it:
 *
 *   peer                 notice  nothing was heard of the other node for a second
 *   peer-path:ADDRESS    notice  it is heard, but not by this one of two paths
 *   peer-version         notice  it runs a version that this one cannot pair with
 *   peer-config          notice  its configuration differs; in which parts (confhash.h)
 *   peer-clock           notice  its clock differs by more than clock_ms
 *   lan:IF/VRID          notice  its advertisements do not come through: a Backup waits, or both are Active
 *   virtual-mac-deaf:IF/VRID  notice  what it sends to our virtual MAC does not arrive (macprobe.h)
 *
 * By the second path, and only by that, it also keeps a Backup from taking addresses that the peer has (vrrp/fsm.h).
 * Control thread.
 */
#ifndef NODE_HELLO_H
#define NODE_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "node/confhash.h"
#include "node/hellobox.h"
#include "node/hellomac.h"

struct config;
struct health;
struct hello;
struct loop;
struct node_vrrp;

enum {
	HELLO_INTERVAL_MS = 100,
	HELLO_STALE_MS = 300,		/* what the second path said counts no longer */
	HELLO_PATHS = 2,
};

/* Of this node, for people to look at on the other. */
struct hello_figures {
	uint64_t uptime_ms, queries, cache_entries, cache_octets;
};

struct hello_parts {
	struct loop *loop;
	struct health *health;
	struct node_vrrp *vrrp;		/* NULL: no virtual routers */
	void (*figures)(void *context, struct hello_figures *figures);
	void *context;
};

/* config has a peer. The secret is read; a path that cannot be opened now is tried again. 0, or -errno with error. */
int hello_open(struct hello **hello, const struct hello_parts *parts, const struct config *config, char *error,
	       size_t size);
/* Before the virtual routers stop. Accepts NULL. */
void hello_close(struct hello *hello);

/* After a reload: what must be the same, clock_ms, hold_s. */
void hello_adopt(struct hello *hello, const struct config *config);

/* ---- for documents; all of it is hello's, until its next turn ---- */

struct hello_path_status {
	const char *name;		/* "first", "second" */
	struct endpoint peer;
	const char *interface;		/* "" = by the route */
	bool alive;
	const char *trouble;		/* why it is not open; "" */
	uint64_t heard_ns;		/* 0 = never */
	uint64_t sent, send_errors, sessions;
	const uint64_t *counts;		/* HELLO_VERDICT_COUNT of them */
};

/* What is known of one of our virtual routers by the peer. */
struct hello_router_status {
	const struct hello_router *peer;	/* NULL: it has no such one, or is silent */
	enum hello_reach reach;		/* of our virtual MAC */
	uint64_t probes_sent, probes_seen, probes_missed;
};

struct hello_status {
	bool alive;
	uint64_t heard_ns;		/* 0 = never */
	uint64_t since_ns;		/* of alive's last change */
	const struct hello_message *message;	/* the last one; NULL = none yet */
	const struct hello_prelude *unpaired;	/* of a peer that cannot pair; NULL */
	int64_t skew_ns;		/* its clock less ours */
	bool compared;			/* the configurations were: both run the same program */
	uint32_t differ;		/* bit per enum confhash_part */
	unsigned paths;
	struct hello_path_status path[HELLO_PATHS];
};
void hello_status(const struct hello *hello, struct hello_status *status);
void hello_router_status(const struct hello *hello, unsigned router, struct hello_router_status *status);

#endif
