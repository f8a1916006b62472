/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * track.h - what else speaks for or against this node as Active: carrier of an interface, exit status of a command, a
 * number in a file, a neighbour that answers. Each is a condition of base/health.h, and counts for all virtual routers:
 *
 *   track:NAME   weight or fault, as configured
 *
 * The first verdict after a track began counts alone; later ones are debounced by fall and rise. A check that could not
 * be made (the runner is dead, a file holds no number) is no verdict: what was judged last goes on, and is shown as
 * unknown. Interface and file are this node's own; of commands and gateways the other node is taken to see the same, so
 * that an Active waits for it (vrrp_conf.weight_settle_ms). Control thread.
 */
#ifndef NODE_TRACK_H
#define NODE_TRACK_H

#include <stdbool.h>
#include <stdint.h>

struct config;
struct health;
struct health_condition;
struct loop;
struct runner;
struct tracks;

enum track_state { TRACK_GOOD, TRACK_FAILED, TRACK_UNKNOWN };

struct track_status {
	const char *name, *type, *target;	/* what is looked at, as text */
	const struct health_condition *condition;	/* NULL = there was no room for it */
	enum track_state state;
	bool fault;			/* else a weight */
	unsigned weight;		/* 0: none at present */
	const char *result, *output;	/* of the last check; "" */
	uint64_t checks, bad_checks;
	uint64_t next_ns;		/* of the next check; 0 = one is under way */
};

/* Begins with the tracks of config. runner may be NULL when none is a command. 0 or -errno. */
int tracks_start(struct tracks **tracks, struct loop *loop, struct health *health, struct runner *runner,
		 const struct config *config);
void tracks_stop(struct tracks *tracks);	/* accepts NULL */

/* After a reload, cannot fail: tracks that look at the same in the same way keep their state. config stays valid until
 * the next call. */
void tracks_adopt(struct tracks *tracks, const struct config *config);

/* Has every track been judged, or found unknown, at least once? */
bool tracks_known(const struct tracks *tracks);

unsigned tracks_count(const struct tracks *tracks);
void tracks_status(const struct tracks *tracks, unsigned i, struct track_status *status);

/* How far apart, at most, two nodes see the same thing fail that both track; 0 without such tracks. */
uint32_t tracks_apart_ms(const struct config *config);

#endif
