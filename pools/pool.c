/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool.c - the registry of servers and what is noted about one. Contract and threads in pool.h.
 */
#include "pools/pool.h"

#include <stdio.h>
#include <string.h>

const char *pool_kind_name(enum pool_kind kind)
{
	return kind == POOL_RECURSIVE ? "recursive" : "authoritative";
}

const char *pool_policy_name(enum pool_policy policy)
{
	return policy == POOL_ROUND_ROBIN ? "round-robin" : "least-outstanding";
}

static bool is_same(const struct pool_server *server, const char *pool_name,
		    const struct endpoint *endpoint)
{
	return endpoint_equal(&server->endpoint, endpoint) && strcmp(server->pool_name, pool_name) == 0;
}

struct pool_server *pool_registry_get(struct pool_registry *registry, const char *pool_name,
				      const struct endpoint *endpoint, uint64_t now_ns)
{
	struct pool_server *unused = NULL;

	for (unsigned i = 0; i < POOL_SERVERS_MAX; i++) {
		struct pool_server *server = &registry->servers[i];

		if (!server->in_use) {
			if (!unused) {
				unused = server;
				unused->index = i;
			}
		} else if (is_same(server, pool_name, endpoint)) {
			return server;
		}
	}
	if (!unused)
		return NULL;
	unused->in_use = true;
	unused->endpoint = *endpoint;
	snprintf(unused->pool_name, sizeof(unused->pool_name), "%s", pool_name);
	unused->since_ns = now_ns;
	atomic_store_explicit(&unused->up, 1, memory_order_relaxed);
	return unused;
}

void pool_registry_put(struct pool_server *server)
{
	memset(server, 0, sizeof(*server));
}

int pool_registry_id(struct pool_registry *registry, const char *pool_name)
{
	for (unsigned i = 0; i < registry->n_ids; i++) {
		if (strcmp(registry->id_name[i], pool_name) == 0)
			return (int)i;
	}
	if (registry->n_ids == POOL_IDS_MAX)
		return -1;
	snprintf(registry->id_name[registry->n_ids], POOL_NAME_MAX, "%s", pool_name);
	return (int)registry->n_ids++;
}

bool pool_server_set_up(struct pool_server *server, bool up, const char *cause, uint64_t now_ns)
{
	snprintf(server->last_cause, sizeof(server->last_cause), "%s", cause ? cause : "");
	if (pool_server_is_up(server) == up)
		return false;
	atomic_store_explicit(&server->up, up, memory_order_relaxed);
	server->since_ns = now_ns;
	server->changes++;
	return true;
}

unsigned pool_members_up(const struct pool *pool)
{
	unsigned up = 0;

	for (unsigned i = 0; i < pool->members; i++)
		up += pool_server_is_up(pool->member[i]);
	return up;
}

enum {
	SLOW_FIRST_US = 50000,		/* until a server has answered */
	SLOW_MIN_US = 10000, SLOW_MAX_US = 250000,
	SLOW_UP = 8,			/* an answer that took longer moves the mark up by an eighth, */
	SLOW_DOWN = SLOW_UP * 99,	/* any other down by so little that they balance at one in a hundred */
};

uint32_t pool_load_patience_us(const struct pool_load *load)
{
	uint32_t slow = atomic_load_explicit((_Atomic uint32_t *)&load->slow_us, memory_order_relaxed);

	return 2 * (slow ? slow : SLOW_FIRST_US);
}

static void follow_slow(struct pool_load *load, uint32_t sample_us)
{
	uint32_t slow = atomic_load_explicit(&load->slow_us, memory_order_relaxed);

	if (!slow)
		slow = SLOW_FIRST_US;
	if (sample_us > slow)
		slow += slow / SLOW_UP;
	else
		slow -= slow / SLOW_DOWN;
	if (slow < SLOW_MIN_US)
		slow = SLOW_MIN_US;
	if (slow > SLOW_MAX_US)
		slow = SLOW_MAX_US;
	atomic_store_explicit(&load->slow_us, slow, memory_order_relaxed);
}

void pool_load_latency(struct pool_load *load, uint32_t sample_us)
{
	uint64_t old = atomic_load_explicit(&load->latency_us, memory_order_relaxed);
	uint64_t smoothed = old ? (7 * old + sample_us) / 8 : sample_us;

	if (smoothed == 0)
		smoothed = 1;	/* 0 says "not known yet" */
	atomic_store_explicit(&load->latency_us, smoothed, memory_order_relaxed);
	follow_slow(load, sample_us);
}
