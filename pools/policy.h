/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * policy.h - which member takes the query. Pure functions of the pool, the worker's own loads and a
 * cursor; worker's thread.
 */
#ifndef POOLS_POLICY_H
#define POOLS_POLICY_H

#include <stdint.h>

struct pool;
struct pool_load;
struct pool_server;

/*
 * A usable member by the pool's policy, or NULL when none is up.
 *   least-outstanding: fewest outstanding; ties by lower latency (unknown counts as 0, so that a new
 *                      member is tried); further ties in turn.
 *   round-robin:       in turn over those that are up.
 * loads is indexed by server->index; *cursor is the worker's own per pool. avoid (may be NULL) is taken
 * only if it is the one member left: the server that an earlier attempt went to. usable(server, context) may
 * refuse a member (no next hop); NULL accepts all. Members with outstanding_max queries of this worker under way are
 * passed over.
 */
struct pool_server *policy_choose(const struct pool *pool, const struct pool_load *loads,
				  uint32_t *cursor, const struct pool_server *avoid, uint32_t outstanding_max,
				  _Bool (*usable)(const struct pool_server *server, void *context),
				  void *context);

#endif
