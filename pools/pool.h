/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * pool.h - pools of name servers. Two lives:
 *   struct pool         part of a configuration snapshot, immutable, dies with it;
 *   struct pool_server  state of one server (up, since, probe figures); lives in a registry outside the
 *                       snapshots, found again by (pool name, endpoint) and so survives a reload.
 * Load (outstanding, latency) is per worker: struct pool_load, an array indexed by server->index that
 * belongs to the worker; nothing is shared.
 */
#ifndef POOLS_POOL_H
#define POOLS_POOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/addr.h"

enum {
	POOL_NAME_MAX = 32,		/* with the NUL */
	POOL_MEMBERS_MAX = 32,
	POOL_SERVERS_MAX = 256,		/* all pools together */
	POOL_CAUSE_MAX = 128,
	POOL_IDS_MAX = 1024,		/* different pool names in a process's life */
};

enum pool_kind { POOL_AUTHORITATIVE, POOL_RECURSIVE, POOL_KINDS };
enum pool_policy { POOL_LEAST_OUTSTANDING, POOL_ROUND_ROBIN };

const char *pool_kind_name(enum pool_kind kind);
const char *pool_policy_name(enum pool_policy policy);

struct pool_server {
	_Atomic uint32_t up;		/* 1 = usable; workers read, control writes */
	uint16_t index;			/* 0 .. POOL_SERVERS_MAX-1, stable for the server's life */
	struct endpoint endpoint;
	char pool_name[POOL_NAME_MAX];
	/* control thread only below */
	bool in_use;
	uint64_t since_ns;		/* of the last change of up */
	uint64_t changes;
	uint64_t probes_sent, probes_failed;
	uint32_t probe_latency_us;	/* last good one */
	char last_cause[POOL_CAUSE_MAX];/* why the last probe failed, or "" */
};

struct pool_registry {
	struct pool_server servers[POOL_SERVERS_MAX];
	unsigned n_ids;
	char id_name[POOL_IDS_MAX][POOL_NAME_MAX];	/* by id; a name keeps its id for good */
};

/* What one worker knows of one server. Writer: that worker. 64 octets, so that no line is shared. */
struct pool_load {
	_Alignas(64) _Atomic uint32_t outstanding;
	_Atomic uint32_t latency_us;	/* smoothed, 0 = not known yet */
	_Atomic uint64_t sent, answered, timeouts, errors;
	_Atomic uint32_t slow_us;	/* about one answer in a hundred takes longer; 0 = not known yet */
	uint64_t plain_until_ns;	/* asked without EDNS until then; the worker's own */
};

struct pool_probe {			/* how the members of a pool are probed; see probe.h */
	char name[256];			/* presentation form; "" = no probe, always up */
	uint16_t type;
	uint32_t interval_ms, timeout_ms;
	uint16_t fall, rise;
	int16_t rcode;			/* the only good one */
};

struct pool_cache {			/* what is kept of a pool's answers; seconds */
	bool enabled;
	bool no_age;			/* TTLs are shown as received (authoritative pools) */
	uint32_t min_ttl, max_ttl, max_negative_ttl, failure_ttl;
};

struct pool {
	char name[POOL_NAME_MAX];
	uint16_t id;			/* the name's, the same in every snapshot: part of cache keys */
	enum pool_kind kind;
	enum pool_policy policy;
	uint32_t timeout_ms;		/* a query's deadline toward the client */
	uint32_t retry_percent;		/* of its queries, that may be asked of a second server; 0 = none */
	uint32_t max_outstanding;	/* queries under way to one server, all workers together */
	struct pool_cache cache;
	struct pool_probe probe;
	unsigned index;			/* in the snapshot's array of pools */
	unsigned members;
	struct pool_server *member[POOL_MEMBERS_MAX];
};

/* The registry's entry for (pool_name, endpoint): an old one or a new one that starts up = 1 (so that
 * the first queries are not refused while the first probe is on its way). NULL when full. Control. */
struct pool_server *pool_registry_get(struct pool_registry *registry, const char *pool_name,
				      const struct endpoint *endpoint, uint64_t now_ns);
/* Frees an entry whose readers are gone (call from an epoch release). Control. */
void pool_registry_put(struct pool_server *server);

/* The id of a pool name, an old one or the next; -1 when POOL_IDS_MAX are gone. Control. */
int pool_registry_id(struct pool_registry *registry, const char *pool_name);

/* Sets up and since, counts the change. Returns true if it changed. Control thread. */
bool pool_server_set_up(struct pool_server *server, bool up, const char *cause, uint64_t now_ns);

static inline bool pool_server_is_up(const struct pool_server *server)
{
	return atomic_load_explicit((_Atomic uint32_t *)&server->up, memory_order_relaxed) != 0;
}

/* Members that are up. Any thread. */
unsigned pool_members_up(const struct pool *pool);

/* When to ask another server too, in microseconds after this one was asked: twice what all but one in a hundred of its
 * answers take, 20 ms to 500 ms. Any thread. */
uint32_t pool_load_patience_us(const struct pool_load *load);

/* Smooths a measured latency in (1/8 new), and follows the slow ones. Worker. */
void pool_load_latency(struct pool_load *load, uint32_t sample_us);

#endif
