/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arena.h - the packet cache's memory: one mapping, its front the owner's own, the rest segments of one size that are
 * filled front to back. Each writer fills two at a time, one for each room; full ones queue by room, first in first
 * out; a writer empties the oldest of a room, and what it has emptied rests until no reader can see it (epoch.h).
 *
 * What lies in a segment, and what is worth keeping when one is emptied, is the owner's business. A writer is one
 * thread at a time and a reader of the epoch; nobody waits for anybody.
 */
#ifndef DATAPLANE_ARENA_H
#define DATAPLANE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dp_arena;
struct epoch;

enum dp_room { DP_ROOM_PROBATION, DP_ROOM_MAIN, DP_ROOMS };

enum { DP_ARENA_PIECE_MAX = 32 << 10 };	/* octets that always fit in a segment */

struct dp_arena_conf {
	uint64_t memory;		/* octets in all; whole pages are used */
	uint64_t front;			/* of them, the owner's */
	bool prefault;			/* touch all of it now, not just the front */
	struct epoch *epoch;
	unsigned writers;
};

/* The segment that a writer is emptying. */
struct dp_victim {
	const uint8_t *at, *end;	/* what has not been looked at; the owner moves at */
	enum dp_room room;
};

/* Maps all of it, zeroed: huge pages where possible, MADV_DONTFORK | MADV_DONTDUMP. 0 or -errno: -EINVAL when it is too
 * little for so many writers. Start-up. */
int dp_arena_open(struct dp_arena **arena, const struct dp_arena_conf *conf);
/* No reader or writer may run any more. Accepts NULL. */
void dp_arena_close(struct dp_arena *arena);

/* Where the front begins, at a huge page's boundary. Pieces lie less than conf.memory behind it. */
uint8_t *dp_arena_base(const struct dp_arena *arena);

/* ---- writers ---- */

/* size octets, a multiple of 8; NULL when no segment may be used yet. */
void *dp_arena_take(struct dp_arena *arena, unsigned writer, enum dp_room room, uint32_t size);
/* Takes back what dp_arena_take() gave last in this room and nobody has seen. */
void dp_arena_give_back(struct dp_arena *arena, unsigned writer, enum dp_room room, uint32_t size);

/* The writer's victim: the one it is at, or, if few segments rest, the next: from probation while that has over a tenth
 * of all segments, else from main. NULL when there is no need or nothing to empty. */
struct dp_victim *dp_arena_victim(struct dp_arena *arena, unsigned writer);
/* The victim has been emptied: nothing that a new reader may find points into it. May be put off to the next call. */
void dp_arena_rest(struct dp_arena *arena, unsigned writer);
/* How much room is wanted: 0 = enough segments rest or nearly so, 1 = under half of that, 2 = hardly any. */
unsigned dp_arena_pressure(const struct dp_arena *arena);

/* ---- any thread ---- */

/* Segments: all, and those being filled, full by room, being emptied, and resting. While no writer runs, the sum of
 * these is all. */
struct dp_arena_stats {
	uint64_t memory;
	uint32_t segments, segment_size;
	uint32_t open, full[DP_ROOMS], emptying, resting;
	bool huge_pages;
};
void dp_arena_stats(const struct dp_arena *arena, struct dp_arena_stats *stats);

#endif
