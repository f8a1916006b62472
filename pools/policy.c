/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy.c - picks a member. Contract in policy.h.
 *
 * Every scan starts behind the member taken last. So a tie goes to the next in turn, and a member that is
 * down leaves its share to all the others, not to its neighbour alone.
 */
#include "pools/policy.h"

#include <stdbool.h>
#include <stddef.h>
#include "pools/pool.h"

static bool is_less_loaded(const struct pool_load *a, const struct pool_load *b)
{
	uint32_t a_outstanding = atomic_load_explicit(&a->outstanding, memory_order_relaxed);
	uint32_t b_outstanding = atomic_load_explicit(&b->outstanding, memory_order_relaxed);

	if (a_outstanding != b_outstanding)
		return a_outstanding < b_outstanding;
	return atomic_load_explicit(&a->latency_us, memory_order_relaxed) <
	       atomic_load_explicit(&b->latency_us, memory_order_relaxed);
}

/* May a be taken in place of b, which stands before it in turn? */
static bool is_preferred(const struct pool *pool, const struct pool_load *loads,
			 const struct pool_server *a, const struct pool_server *b)
{
	if (!b)
		return true;
	return pool->policy == POOL_LEAST_OUTSTANDING && is_less_loaded(&loads[a->index], &loads[b->index]);
}

struct pool_server *policy_choose(const struct pool *pool, const struct pool_load *loads,
				  uint32_t *cursor, const struct pool_server *avoid, uint32_t outstanding_max,
				  _Bool (*usable)(const struct pool_server *server, void *context),
				  void *context)
{
	struct pool_server *best = NULL, *last_resort = NULL;
	unsigned at = *cursor < pool->members ? *cursor : 0;
	unsigned next = at;

	for (unsigned i = 0; i < pool->members; i++) {
		struct pool_server *server = pool->member[at];

		if (++at == pool->members)
			at = 0;
		if (!pool_server_is_up(server) || (usable && !usable(server, context)) ||
		    atomic_load_explicit(&loads[server->index].outstanding, memory_order_relaxed) >=
		    outstanding_max)
			continue;
		if (server == avoid) {
			last_resort = server;
		} else if (is_preferred(pool, loads, server, best)) {
			best = server;
			next = at;
		}
	}
	if (!best)
		return last_resort;
	*cursor = next;
	return best;
}
