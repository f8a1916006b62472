/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_policy.c - who takes the query: spread, ties, members that are down, avoided or unusable.
 */
#include <string.h>
#include "pools/policy.h"
#include "pools/pool.h"
#include "tests/tap.h"

enum { MEMBERS = 5, DRAWS = 1000000 };

/* Five servers up, without load, at indices that are not their places in the pool. */
struct bench {
	struct pool_server servers[MEMBERS];
	struct pool pool;
	struct pool_load loads[2 * MEMBERS];
	uint32_t cursor;
};

static struct bench bench_of(enum pool_policy policy)
{
	struct bench bench;

	memset(&bench, 0, sizeof(bench));
	bench.pool.policy = policy;
	bench.pool.members = MEMBERS;
	for (unsigned i = 0; i < MEMBERS; i++) {
		bench.servers[i].up = 1;
		bench.servers[i].index = 2 * MEMBERS - 1 - i;
	}
	return bench;
}

static struct pool_load *load_of(struct bench *bench, unsigned i)
{
	return &bench->loads[bench->servers[i].index];
}

/* Place of the member chosen, or -1. */
static int choose(struct bench *bench, const struct pool_server *avoid,
		  bool (*usable)(const struct pool_server *server, void *context), void *context)
{
	struct pool_server *chosen;

	for (unsigned i = 0; i < MEMBERS; i++)
		bench->pool.member[i] = &bench->servers[i];
	chosen = policy_choose(&bench->pool, bench->loads, &bench->cursor, avoid, UINT32_MAX, usable, context);
	return chosen ? chosen - bench->servers : -1;
}

static void draw(struct bench *bench, unsigned taken[MEMBERS])
{
	memset(taken, 0, MEMBERS * sizeof(*taken));
	for (unsigned i = 0; i < DRAWS; i++) {
		int chosen = choose(bench, NULL, NULL, NULL);

		assert_in_range(chosen, 0, MEMBERS - 1);
		taken[chosen]++;
	}
}

static void assert_even(struct bench *bench)
{
	unsigned taken[MEMBERS], up = 0;

	for (unsigned i = 0; i < MEMBERS; i++)
		up += bench->servers[i].up;
	draw(bench, taken);
	for (unsigned i = 0; i < MEMBERS; i++) {
		if (bench->servers[i].up)
			assert_in_range(taken[i], DRAWS / up, DRAWS / up + 1);
		else
			assert_int_equal(taken[i], 0);
	}
}

static void test_even_spread(void **state)
{
	(void)state;
	for (int policy = POOL_LEAST_OUTSTANDING; policy <= POOL_ROUND_ROBIN; policy++) {
		struct bench bench = bench_of(policy);

		assert_even(&bench);
		bench.servers[1].up = 0;
		assert_even(&bench);
		bench.servers[2].up = bench.servers[4].up = 0;
		assert_even(&bench);
	}
}

static void test_in_turn(void **state)
{
	static const int order[] = { 0, 1, 3, 4, 0, 1, 3, 4 };
	struct bench bench = bench_of(POOL_ROUND_ROBIN);

	(void)state;
	bench.servers[2].up = 0;
	for (unsigned i = 0; i < sizeof(order) / sizeof(*order); i++)
		assert_int_equal(choose(&bench, NULL, NULL, NULL), order[i]);
	load_of(&bench, 0)->outstanding = 1000;
	assert_int_equal(choose(&bench, NULL, NULL, NULL), 0);
}

static void test_least(void **state)
{
	static const struct {
		unsigned outstanding[MEMBERS], latency_us[MEMBERS];
		int chosen[3];
	} cases[] = {
		{ { 3, 2, 1, 2, 3 }, { 9, 9, 9, 9, 9 }, { 2, 2, 2 } },
		{ { 1, 1, 1, 1, 1 }, { 5, 4, 3, 4, 5 }, { 2, 2, 2 } },
		{ { 1, 1, 2, 1, 1 }, { 5, 4, 3, 4, 5 }, { 1, 3, 1 } },
		{ { 1, 1, 1, 1, 1 }, { 5, 4, 3, 0, 5 }, { 3, 3, 3 } },
		{ { 0, 1, 1, 1, 0 }, { 7, 1, 1, 1, 7 }, { 0, 4, 0 } },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct bench bench = bench_of(POOL_LEAST_OUTSTANDING);

		for (unsigned m = 0; m < MEMBERS; m++) {
			load_of(&bench, m)->outstanding = cases[i].outstanding[m];
			load_of(&bench, m)->latency_us = cases[i].latency_us[m];
		}
		for (unsigned n = 0; n < 3; n++)
			assert_int_equal(choose(&bench, NULL, NULL, NULL), cases[i].chosen[n]);
	}
}

/* Queries that end at different speeds: each server has its share of what waits, not of what is asked. */
static void test_least_follows_speed(void **state)
{
	static const unsigned ticks[MEMBERS] = { 10, 10, 20, 40, 40 };	/* a query takes */
	struct bench bench = bench_of(POOL_LEAST_OUTSTANDING);
	unsigned taken[MEMBERS] = { 0 }, ends_at[MEMBERS][64];

	(void)state;
	memset(ends_at, 0, sizeof(ends_at));
	for (unsigned now = 1; now <= 100000; now++) {
		int chosen = choose(&bench, NULL, NULL, NULL);
		unsigned slot = 0;

		while (ends_at[chosen][slot])
			assert_true(++slot < 64);
		ends_at[chosen][slot] = now + ticks[chosen];
		load_of(&bench, chosen)->outstanding++;
		taken[chosen]++;
		for (unsigned i = 0; i < MEMBERS; i++) {
			for (slot = 0; slot < 64; slot++) {
				if (ends_at[i][slot] != now)
					continue;
				ends_at[i][slot] = 0;
				load_of(&bench, i)->outstanding--;
			}
		}
	}
	assert_true(taken[0] > taken[2] && taken[1] > taken[2] && taken[2] > taken[3] && taken[2] > taken[4]);
	assert_in_range(taken[0], 3 * taken[3], 5 * taken[3]);
}

static void test_none_up(void **state)
{
	(void)state;
	for (int policy = POOL_LEAST_OUTSTANDING; policy <= POOL_ROUND_ROBIN; policy++) {
		struct bench bench = bench_of(policy);

		for (unsigned i = 0; i < MEMBERS; i++)
			bench.servers[i].up = 0;
		assert_int_equal(choose(&bench, NULL, NULL, NULL), -1);
		assert_int_equal(choose(&bench, &bench.servers[0], NULL, NULL), -1);
		bench.pool.members = 0;
		bench.cursor = 3;
		assert_int_equal(choose(&bench, NULL, NULL, NULL), -1);
	}
}

static void test_avoid(void **state)
{
	(void)state;
	for (int policy = POOL_LEAST_OUTSTANDING; policy <= POOL_ROUND_ROBIN; policy++) {
		struct bench bench = bench_of(policy);

		for (unsigned i = 1; i < MEMBERS; i++)
			load_of(&bench, i)->outstanding = 100;
		for (int i = 0; i < 20; i++)
			assert_int_not_equal(choose(&bench, &bench.servers[0], NULL, NULL), 0);
		for (unsigned i = 1; i < MEMBERS; i++)
			bench.servers[i].up = 0;
		assert_int_equal(choose(&bench, &bench.servers[0], NULL, NULL), 0);
	}
}

static bool has_next_hop(const struct pool_server *server, void *context)
{
	const bool *reachable = context;

	return reachable[server->index];
}

static void test_usable(void **state)
{
	(void)state;
	for (int policy = POOL_LEAST_OUTSTANDING; policy <= POOL_ROUND_ROBIN; policy++) {
		struct bench bench = bench_of(policy);
		bool reachable[2 * MEMBERS] = { false };

		assert_int_equal(choose(&bench, NULL, has_next_hop, reachable), -1);
		reachable[bench.servers[3].index] = true;
		for (int i = 0; i < 5; i++)
			assert_int_equal(choose(&bench, NULL, has_next_hop, reachable), 3);
		assert_int_equal(choose(&bench, &bench.servers[2], has_next_hop, reachable), 3);
		assert_int_equal(choose(&bench, &bench.servers[3], has_next_hop, reachable), 3);
		bench.servers[3].up = 0;
		assert_int_equal(choose(&bench, &bench.servers[3], has_next_hop, reachable), -1);
	}
}

static void test_cursor_beyond(void **state)
{
	struct bench bench = bench_of(POOL_ROUND_ROBIN);

	(void)state;
	bench.cursor = 4000000000;	/* of a pool that was larger before the reload */
	assert_int_equal(choose(&bench, NULL, NULL, NULL), 0);
	assert_int_equal(choose(&bench, NULL, NULL, NULL), 1);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("D220 a million draws spread evenly over what is up, down servers get none", test_even_spread),
		CASE("D220 round robin goes in turn, whatever the load", test_in_turn),
		CASE("D220 least outstanding, then lower latency, unknown first, then in turn", test_least),
		CASE("D220 least outstanding gives a faster server more", test_least_follows_speed),
		CASE("D220 no member is chosen when none is up", test_none_up),
		CASE("the avoided member is taken only when it is the last", test_avoid),
		CASE("a member without next hop is not chosen", test_usable),
		CASE("a cursor of a larger pool is harmless", test_cursor_beyond),
	};

	return RUN(cases);
}
