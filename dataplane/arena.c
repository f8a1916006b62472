/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * arena.c - memory in segments. Contract in arena.h.
 *
 * The mapping: the owner's front, descriptors, segments. Some segments rest always, so that one is ready when a writer
 * needs it; stamps of the epoch keep the order of the resting queue, so that only its first need be asked about.
 *
 * The queues have one lock, held for a few dozen instructions a segment (some thousand entries). Nobody waits for it:
 * who does not get it within a few tries does without a victim, or a new segment, and asks again with its next entry.
 */
#include "dataplane/arena.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/epoch.h"
#include "dataplane/hugepage.h"

enum {
	SEGMENT_MAX = 256 << 10,
	SEGMENT_MIN = DP_ARENA_PIECE_MAX,
	SEGMENTS_WANTED = 32,		/* and eight a writer, before segments get larger than they must be */
	SEGMENTS_MIN = 8,		/* and three a writer */
	NO_SEGMENT = UINT32_MAX,

	PROBATION_SHARE = 10,		/* one segment in so many */
	RESERVE_SHARE = 64,		/* that rests; two a writer and two at least, but */
	RESERVE_SHARE_MAX = 8,		/* never more than this share */

	LOCK_TRIES_MAX = 64,
	PAGE = 4096,
};

/* Its writer's, or under the lock while it is in a queue. */
struct segment {
	uint64_t stamp;			/* when it was emptied */
	uint32_t used;			/* octets */
	uint32_t next;
};

struct queue {
	uint32_t first, last;
	_Atomic uint32_t count;		/* written under the lock */
};

/* Numbers are read by others only to be counted. */
struct writer {
	_Alignas(64) _Atomic uint32_t open[DP_ROOMS];
	uint32_t used[DP_ROOMS];	/* octets of it */
	_Atomic uint32_t emptying;
	struct dp_victim victim;
};

struct dp_arena {
	uint8_t *base, *first_segment;
	struct segment *segments;
	uint32_t n_segments, segment_size, reserve, probation_max;
	uint64_t memory;
	struct epoch *epoch;
	unsigned n_writers;
	bool huge_pages;

	_Alignas(64) atomic_flag lock;
	struct queue full[DP_ROOMS], resting;
	struct writer writers[];
};

static uint32_t get(const _Atomic uint32_t *number)
{
	return atomic_load_explicit((_Atomic uint32_t *)number, memory_order_relaxed);
}

static void set(_Atomic uint32_t *number, uint32_t value)
{
	atomic_store_explicit(number, value, memory_order_relaxed);
}

static uint8_t *segment_start(const struct dp_arena *arena, uint32_t number)
{
	return arena->first_segment + (size_t)number * arena->segment_size;
}

/* ---- queues ---- */

static bool try_lock(struct dp_arena *arena)
{
	for (unsigned i = 0; i < LOCK_TRIES_MAX; i++) {
		if (!atomic_flag_test_and_set_explicit(&arena->lock, memory_order_acquire))
			return true;
	}
	return false;
}

static void unlock(struct dp_arena *arena)
{
	atomic_flag_clear_explicit(&arena->lock, memory_order_release);
}

/* Under the lock. */
static void push(struct dp_arena *arena, struct queue *queue, uint32_t number)
{
	uint32_t n = get(&queue->count);

	arena->segments[number].next = NO_SEGMENT;
	if (n)
		arena->segments[queue->last].next = number;
	else
		queue->first = number;
	queue->last = number;
	set(&queue->count, n + 1);
}

/* Under the lock; the queue is not empty. */
static uint32_t pop(struct dp_arena *arena, struct queue *queue)
{
	uint32_t number = queue->first;

	queue->first = arena->segments[number].next;
	set(&queue->count, get(&queue->count) - 1);
	return number;
}

/* ---- filling ---- */

/* Queues the writer's full segment and opens one that has rested. False when there is none. */
static bool open_next(struct dp_arena *arena, struct writer *writer, enum dp_room room)
{
	uint32_t number = get(&writer->open[room]);
	bool is_ready;

	if (!try_lock(arena))
		return false;
	is_ready = get(&arena->resting.count) &&
		   epoch_passed(arena->epoch, arena->segments[arena->resting.first].stamp);
	if (is_ready) {
		if (number != NO_SEGMENT) {
			arena->segments[number].used = writer->used[room];
			push(arena, &arena->full[room], number);
		}
		set(&writer->open[room], pop(arena, &arena->resting));
		writer->used[room] = 0;
	}
	unlock(arena);
	return is_ready;
}

void *dp_arena_take(struct dp_arena *arena, unsigned writer, enum dp_room room, uint32_t size)
{
	struct writer *w = &arena->writers[writer];
	uint8_t *at;

	if (size > arena->segment_size)
		return NULL;
	if ((get(&w->open[room]) == NO_SEGMENT || w->used[room] + size > arena->segment_size) &&
	    !open_next(arena, w, room))
		return NULL;
	at = segment_start(arena, get(&w->open[room])) + w->used[room];
	w->used[room] += size;
	return at;
}

void dp_arena_give_back(struct dp_arena *arena, unsigned writer, enum dp_room room, uint32_t size)
{
	arena->writers[writer].used[room] -= size;
}

/* ---- emptying ---- */

static void take_victim(struct dp_arena *arena, struct writer *writer)
{
	enum dp_room room = DP_ROOM_MAIN;
	uint32_t number;

	if (!try_lock(arena))
		return;
	if (get(&arena->full[DP_ROOM_PROBATION].count) > arena->probation_max || !get(&arena->full[DP_ROOM_MAIN].count))
		room = DP_ROOM_PROBATION;
	if (get(&arena->full[room].count)) {
		number = pop(arena, &arena->full[room]);
		set(&writer->emptying, number);
		writer->victim.room = room;
		writer->victim.at = segment_start(arena, number);
		writer->victim.end = writer->victim.at + arena->segments[number].used;
	}
	unlock(arena);
}

struct dp_victim *dp_arena_victim(struct dp_arena *arena, unsigned writer)
{
	struct writer *w = &arena->writers[writer];

	if (get(&w->emptying) == NO_SEGMENT && get(&arena->resting.count) < arena->reserve)
		take_victim(arena, w);
	return get(&w->emptying) == NO_SEGMENT ? NULL : &w->victim;
}

void dp_arena_rest(struct dp_arena *arena, unsigned writer)
{
	struct writer *w = &arena->writers[writer];
	uint32_t number = get(&w->emptying);

	if (!try_lock(arena))
		return;		/* it stays the victim, with nothing left to look at */
	arena->segments[number].stamp = epoch_stamp(arena->epoch);
	push(arena, &arena->resting, number);
	set(&w->emptying, NO_SEGMENT);
	unlock(arena);
}

unsigned dp_arena_pressure(const struct dp_arena *arena)
{
	uint32_t resting = get(&arena->resting.count);

	if (resting * 4 <= arena->reserve)
		return 2;
	return resting * 2 <= arena->reserve;
}

/* ---- any thread ---- */

void dp_arena_stats(const struct dp_arena *arena, struct dp_arena_stats *stats)
{
	*stats = (struct dp_arena_stats){
		.memory = arena->memory,
		.segments = arena->n_segments,
		.segment_size = arena->segment_size,
		.resting = get(&arena->resting.count),
		.huge_pages = arena->huge_pages,
	};
	for (enum dp_room room = 0; room < DP_ROOMS; room++)
		stats->full[room] = get(&arena->full[room].count);
	for (unsigned i = 0; i < arena->n_writers; i++) {
		for (enum dp_room room = 0; room < DP_ROOMS; room++)
			stats->open += get(&arena->writers[i].open[room]) != NO_SEGMENT;
		stats->emptying += get(&arena->writers[i].emptying) != NO_SEGMENT;
	}
}

/* ---- life ---- */

static uint64_t round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

static void set_reserve(struct dp_arena *arena)
{
	uint32_t least = 2 * arena->n_writers + 2, most = arena->n_segments / RESERVE_SHARE_MAX;

	arena->reserve = arena->n_segments / RESERVE_SHARE;
	if (arena->reserve < least)
		arena->reserve = least;
	if (arena->reserve > most)
		arena->reserve = most;
}

/* Divides memory. 0 or -errno. *front: octets up to the descriptors. */
static int lay_out(struct dp_arena *arena, const struct dp_arena_conf *conf, uint64_t *front)
{
	uint64_t left, n;

	arena->memory = conf->memory / PAGE * PAGE;
	*front = round_up(conf->front, PAGE);
	left = *front + round_up(arena->memory / SEGMENT_MIN * sizeof(struct segment), PAGE);
	if (left >= arena->memory)
		return -EINVAL;
	left = arena->memory - left;
	arena->segment_size = SEGMENT_MAX;
	while (arena->segment_size > SEGMENT_MIN && left / arena->segment_size < 8 * conf->writers + SEGMENTS_WANTED)
		arena->segment_size /= 2;
	n = left / arena->segment_size;
	if (n < 3 * conf->writers + SEGMENTS_MIN)
		return -EINVAL;
	if (n >= NO_SEGMENT)
		return -ENOMEM;
	arena->n_segments = (uint32_t)n;
	arena->probation_max = arena->n_segments / PROBATION_SHARE;
	set_reserve(arena);
	return 0;
}

/* madvise() takes the advice also where the administrator has ruled it out. */
static bool huge_pages_allowed(void)
{
	char line[64] = "";
	FILE *f = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "re");

	if (!f)
		return false;
	if (!fgets(line, sizeof(line), f))
		line[0] = '\0';
	fclose(f);
	return line[0] && !strstr(line, "[never]");
}

/* Takes all pages now. 0 or -errno. */
static int prefault(uint8_t *base, uint64_t size)
{
	if (!madvise(base, size, MADV_POPULATE_WRITE))
		return 0;
	if (errno != EINVAL)
		return -errno;
	for (uint64_t at = 0; at < size; at += PAGE)	/* before 5.14 */
		*(volatile uint8_t *)(base + at) = 0;
	return 0;
}

/* now: octets to take at once. */
static int map(struct dp_arena *arena, uint64_t now)
{
	int err;

	arena->base = dp_huge_map(arena->memory, &arena->huge_pages);
	if (!arena->base)
		return -ENOMEM;
	arena->huge_pages &= huge_pages_allowed();
	err = now ? prefault(arena->base, now) : 0;
	if (err)
		munmap(arena->base, arena->memory);
	return err;
}

static void begin(struct dp_arena *arena, uint64_t front)
{
	arena->segments = (struct segment *)(arena->base + front);
	arena->first_segment = arena->base + arena->memory - (uint64_t)arena->n_segments * arena->segment_size;
	atomic_flag_clear(&arena->lock);
	for (uint32_t i = 0; i < arena->n_segments; i++)
		push(arena, &arena->resting, i);
	for (unsigned i = 0; i < arena->n_writers; i++) {
		struct writer *w = &arena->writers[i];

		for (enum dp_room room = 0; room < DP_ROOMS; room++)
			set(&w->open[room], NO_SEGMENT);
		set(&w->emptying, NO_SEGMENT);
	}
}

int dp_arena_open(struct dp_arena **arena, const struct dp_arena_conf *conf)
{
	size_t own_size = sizeof(struct dp_arena) + conf->writers * sizeof(struct writer);
	struct dp_arena *a = aligned_alloc(_Alignof(struct dp_arena), own_size);
	uint64_t front;
	int err;

	if (!a)
		return -ENOMEM;
	memset(a, 0, own_size);
	a->epoch = conf->epoch;
	a->n_writers = conf->writers;
	err = lay_out(a, conf, &front);
	/* The front in any case: it is written here and there, so all of it would be taken within the first hundreds
	 * of stores, a huge page each, and a worker that clears many in one batch looks as if it hung. */
	if (!err)
		err = map(a, conf->prefault ? a->memory : front);
	if (err) {
		free(a);
		return err;
	}
	begin(a, front);
	*arena = a;
	return 0;
}

void dp_arena_close(struct dp_arena *arena)
{
	if (!arena)
		return;
	munmap(arena->base, arena->memory);
	free(arena);
}

uint8_t *dp_arena_base(const struct dp_arena *arena)
{
	return arena->base;
}
