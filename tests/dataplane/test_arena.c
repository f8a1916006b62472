/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_arena.c - segments: filled, queued, emptied, resting until readers have passed, and none ever lost.
 */
#include "tests/tap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "base/epoch.h"
#include "dataplane/arena.h"

enum { KIB = 1 << 10, MIB = 1 << 20, PIECE = 8 * KIB, WRITERS = 2 };

static struct epoch epoch;
static struct epoch_reader *own = &epoch.readers[0], *other = &epoch.readers[1];

static struct dp_arena *open_arena(void)
{
	struct dp_arena_conf conf = { .memory = MIB, .front = 5000, .epoch = &epoch, .writers = WRITERS };
	struct dp_arena *arena = NULL;

	epoch_init(&epoch);
	epoch_enter(&epoch, own);
	assert_int_equal(dp_arena_open(&arena, &conf), 0);
	return arena;
}

static struct dp_arena_stats stats_of(const struct dp_arena *arena)
{
	struct dp_arena_stats s;

	dp_arena_stats(arena, &s);
	assert_int_equal(s.open + s.full[DP_ROOM_PROBATION] + s.full[DP_ROOM_MAIN] + s.emptying + s.resting,
			 s.segments);
	return s;
}

/* Takes pieces until none is given; returns how many there were. */
static unsigned fill(struct dp_arena *arena, unsigned writer, enum dp_room room)
{
	unsigned n = 0;
	void *piece;

	while ((piece = dp_arena_take(arena, writer, room, PIECE)) != NULL) {
		memset(piece, (int)n++, PIECE);
		stats_of(arena);
	}
	return n;
}

static bool empty_one(struct dp_arena *arena, unsigned writer, enum dp_room *room)
{
	struct dp_victim *victim = dp_arena_victim(arena, writer);

	if (!victim)
		return false;
	*room = victim->room;
	victim->at = victim->end;
	dp_arena_rest(arena, writer);
	return true;
}

static void test_all_is_given(void **state)
{
	struct dp_arena *arena = open_arena();
	struct dp_arena_stats s = stats_of(arena);
	uint8_t *base = dp_arena_base(arena), *last = NULL;

	(void)state;
	assert_int_equal((uintptr_t)base % (2 * MIB), 0);
	assert_int_equal(s.resting, s.segments);
	assert_true(s.segments * (uint64_t)s.segment_size > MIB - MIB / 16 - s.segment_size);
	for (unsigned i = 0; i < s.segments * (s.segment_size / PIECE); i++) {
		uint8_t *piece = dp_arena_take(arena, i % WRITERS, DP_ROOM_PROBATION, PIECE);

		if (!piece)
			break;
		assert_true(piece >= base + 5000 && piece + PIECE <= base + MIB && piece != last);
		memset(piece, 1, PIECE);
		last = piece;
	}
	s = stats_of(arena);
	assert_int_equal(s.resting, 0);
	assert_int_equal(s.open, WRITERS);
	assert_int_equal(dp_arena_pressure(arena), 2);
	assert_null(dp_arena_take(arena, 0, DP_ROOM_MAIN, s.segment_size + 8));
	dp_arena_close(arena);
	dp_arena_close(NULL);
}

static void test_give_back(void **state)
{
	struct dp_arena *arena = open_arena();
	void *first = dp_arena_take(arena, 0, DP_ROOM_MAIN, 64), *second = dp_arena_take(arena, 0, DP_ROOM_MAIN, 64);

	(void)state;
	assert_ptr_equal(second, (uint8_t *)first + 64);
	dp_arena_give_back(arena, 0, DP_ROOM_MAIN, 64);
	assert_ptr_equal(dp_arena_take(arena, 0, DP_ROOM_MAIN, 128), second);
	assert_ptr_not_equal(dp_arena_take(arena, 1, DP_ROOM_MAIN, 8), (uint8_t *)second + 128);
	dp_arena_close(arena);
}

/* An emptied segment is given again only when every reader that was awake has passed. */
static void test_rests(void **state)
{
	struct dp_arena *arena = open_arena();
	enum dp_room room;

	(void)state;
	epoch_enter(&epoch, other);
	fill(arena, 0, DP_ROOM_PROBATION);
	assert_true(empty_one(arena, 0, &room));
	assert_int_equal(room, DP_ROOM_PROBATION);
	assert_null(dp_arena_take(arena, 0, DP_ROOM_PROBATION, PIECE));
	epoch_enter(&epoch, own);
	assert_null(dp_arena_take(arena, 0, DP_ROOM_PROBATION, PIECE));
	epoch_sleep(other);
	assert_non_null(dp_arena_take(arena, 0, DP_ROOM_PROBATION, PIECE));
	stats_of(arena);
	dp_arena_close(arena);
}

/* Oldest first; from probation while it is large, then from main; no victim when enough rest. */
static void test_order(void **state)
{
	struct dp_arena *arena = open_arena();
	uint32_t segments = stats_of(arena).segments;
	unsigned per_segment = stats_of(arena).segment_size / PIECE, from_main = 0;
	const uint8_t *first = NULL;
	enum dp_room room;

	(void)state;
	assert_null(dp_arena_victim(arena, 0));
	for (unsigned i = 0; i < (segments / 2) * per_segment; i++) {
		const uint8_t *piece = dp_arena_take(arena, 0, DP_ROOM_MAIN, PIECE);

		first = first ? first : piece;
	}
	fill(arena, 1, DP_ROOM_PROBATION);
	while (stats_of(arena).full[DP_ROOM_PROBATION] > segments / 10) {
		epoch_enter(&epoch, own);
		if (!dp_arena_victim(arena, 0)) {	/* enough rest: fill them as main */
			fill(arena, 0, DP_ROOM_MAIN);
			continue;
		}
		assert_true(empty_one(arena, 0, &room));
		assert_int_equal(room, DP_ROOM_PROBATION);
	}
	epoch_enter(&epoch, own);
	fill(arena, 0, DP_ROOM_MAIN);
	assert_ptr_equal(dp_arena_victim(arena, 0)->at, first);
	assert_int_equal(stats_of(arena).emptying, 1);
	while (empty_one(arena, 0, &room))
		from_main += room == DP_ROOM_MAIN;
	assert_true(from_main > 0);
	assert_int_equal(dp_arena_pressure(arena), 0);
	stats_of(arena);
	dp_arena_close(arena);
}

static void test_sizes(void **state)
{
	struct dp_arena_conf conf = { .memory = 64 * KIB, .epoch = &epoch, .writers = 1 };
	struct dp_arena *arena = NULL;

	(void)state;
	assert_int_equal(dp_arena_open(&arena, &conf), -EINVAL);
	conf.memory = conf.front = MIB;
	assert_int_equal(dp_arena_open(&arena, &conf), -EINVAL);
	conf.front = 0;
	for (uint64_t memory = MIB; memory <= 1024 * (uint64_t)MIB; memory += memory / 3) {
		for (unsigned writers = 1; writers <= 64; writers *= 2) {
			struct dp_arena_stats s;

			conf.memory = memory;
			conf.writers = writers;
			if (dp_arena_open(&arena, &conf)) {
				assert_true(memory < 8 * MIB && writers > 1);
				continue;
			}
			s = stats_of(arena);
			assert_true(s.memory <= memory && s.memory > memory - 4096);
			assert_true(s.segments * (uint64_t)s.segment_size > memory - memory / 8);
			assert_true(s.segments > 3 * writers);
			dp_arena_close(arena);
		}
	}
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("all memory behind the front is given, and every segment is counted", test_all_is_given),
		CASE("what was taken last can be given back; writers share no segment", test_give_back),
		CASE("an emptied segment rests until its readers have passed", test_rests),
		CASE("victims: oldest first, probation while it is large, none without need", test_order),
		CASE("8 MiB do for 64 writers, 64 KiB not for one", test_sizes),
	};

	return RUN(cases);
}
