/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_pool.c - the registry of servers, their state, and the smoothed latency.
 */
#include <endian.h>
#include <string.h>
#include "pools/pool.h"
#include "tests/tap.h"

static struct pool_registry registry;

static struct endpoint endpoint_of(unsigned last, uint16_t port)
{
	return (struct endpoint){ addr_from_v4(htobe32(0x0a000000 | last)), port };
}

static struct pool_server *get(const char *pool_name, unsigned last, uint16_t port)
{
	struct endpoint endpoint = endpoint_of(last, port);

	return pool_registry_get(&registry, pool_name, &endpoint, 100);
}

static void test_found_again(void **state)
{
	struct pool_server *server = get("rec", 1, 53);

	(void)state;
	assert_non_null(server);
	assert_true(pool_server_is_up(server));
	assert_string_equal(server->pool_name, "rec");
	assert_int_equal(server->since_ns, 100);
	assert_ptr_equal(get("rec", 1, 53), server);
	assert_ptr_not_equal(get("rec", 2, 53), server);
	assert_ptr_not_equal(get("rec", 1, 5353), server);
	assert_ptr_not_equal(get("auth", 1, 53), server);
	memset(&registry, 0, sizeof(registry));
}

static void test_full(void **state)
{
	struct pool_server *middle;

	(void)state;
	for (unsigned i = 0; i < POOL_SERVERS_MAX; i++) {
		assert_non_null(get("rec", i, 53));
		assert_int_equal(get("rec", i, 53)->index, i);
	}
	assert_null(get("rec", POOL_SERVERS_MAX, 53));

	middle = get("rec", 100, 53);
	pool_server_set_up(middle, false, "timeout", 200);
	pool_registry_put(middle);
	assert_ptr_equal(get("rec", POOL_SERVERS_MAX, 53), middle);
	assert_int_equal(middle->index, 100);
	assert_true(pool_server_is_up(middle));
	assert_int_equal(middle->changes, 0);
	assert_string_equal(middle->last_cause, "");
	memset(&registry, 0, sizeof(registry));
}

static void test_set_up(void **state)
{
	struct pool_server *server = get("rec", 1, 53);
	char long_cause[2 * POOL_CAUSE_MAX];

	(void)state;
	assert_false(pool_server_set_up(server, true, NULL, 200));
	assert_int_equal(server->since_ns, 100);
	assert_true(pool_server_set_up(server, false, "no answer", 300));
	assert_int_equal(server->since_ns, 300);
	assert_string_equal(server->last_cause, "no answer");
	assert_false(pool_server_set_up(server, false, "refused", 400));
	assert_int_equal(server->since_ns, 300);
	assert_string_equal(server->last_cause, "refused");
	assert_int_equal(server->changes, 1);
	assert_true(pool_server_set_up(server, true, NULL, 500));
	assert_int_equal(server->changes, 2);
	assert_string_equal(server->last_cause, "");

	memset(long_cause, 'x', sizeof(long_cause));
	long_cause[sizeof(long_cause) - 1] = '\0';
	pool_server_set_up(server, false, long_cause, 600);
	assert_int_equal(strlen(server->last_cause), POOL_CAUSE_MAX - 1);
	memset(&registry, 0, sizeof(registry));
}

static void test_members_up(void **state)
{
	struct pool pool = { .members = 3 };

	(void)state;
	assert_int_equal(pool_members_up(&(struct pool){ .members = 0 }), 0);
	for (unsigned i = 0; i < pool.members; i++)
		pool.member[i] = get("rec", i, 53);
	assert_int_equal(pool_members_up(&pool), 3);
	pool_server_set_up(pool.member[1], false, "x", 1);
	assert_int_equal(pool_members_up(&pool), 2);
	memset(&registry, 0, sizeof(registry));
}

static void test_latency(void **state)
{
	struct pool_load load = { .latency_us = 0 };

	(void)state;
	pool_load_latency(&load, 8000);
	assert_int_equal(load.latency_us, 8000);
	pool_load_latency(&load, 16000);
	assert_int_equal(load.latency_us, 9000);
	for (int i = 0; i < 200; i++)
		pool_load_latency(&load, 0);
	assert_int_equal(load.latency_us, 1);
	for (int i = 0; i < 300; i++)
		pool_load_latency(&load, UINT32_MAX);
	assert_true(load.latency_us > UINT32_MAX - 10);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(pool_kind_name(POOL_AUTHORITATIVE), "authoritative");
	assert_string_equal(pool_kind_name(POOL_RECURSIVE), "recursive");
	assert_string_equal(pool_policy_name(POOL_LEAST_OUTSTANDING), "least-outstanding");
	assert_string_equal(pool_policy_name(POOL_ROUND_ROBIN), "round-robin");
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("a server is found again by pool, address and port", test_found_again),
		CASE("a full registry says so, a freed entry starts anew", test_full),
		CASE("changes of state are counted and timed, the cause is kept", test_set_up),
		CASE("members that are up are counted", test_members_up),
		CASE("latency is smoothed by an eighth and never becomes unknown again", test_latency),
		CASE("kinds and policies have names", test_names),
	};

	return RUN(cases);
}
