/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * limit.h - how much one client may ask: token buckets per prefix, one table for all workers.
 *
 * The table (struct dp_limit) is of fixed size and outlives reloads. The rules (struct dp_limit_rules) belong to a
 * snapshot and are immutable. A query is charged to its client's prefix and to the wider ones around it, the
 * narrowest first; the first that has nothing left rejects it, and what is rejected is charged to nobody further
 * out, so that a loud host does not use up its neighbours' share.
 *
 * Apart from clients, the table counts which names fail: queries for random names below somebody's domain come from
 * many clients, within their limits, and what fails is the domain's (D190).
 */
#ifndef DATAPLANE_LIMIT_H
#define DATAPLANE_LIMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "base/addr.h"
#include "pools/name.h"
#include "pools/pool.h"

struct dp_acl_rule;
struct dp_limit;
struct dp_limit_rules;
struct dp_limit_scale;

enum {
	DP_LIMIT_WIDER_MAX = 3,
	DP_LIMIT_LEVELS = 1 + DP_LIMIT_WIDER_MAX,
	DP_LIMIT_OVERRIDES_MAX = 256,
	DP_LIMIT_BURST_MAX_S = 60,	/* a burst is at most what a minute allows */
	DP_LIMIT_SLIP_SLOTS = 256,
};

/* What becomes of a query over the limit. */
enum dp_over {
	DP_OVER_CACHE_ONLY,		/* answered from the cache under a ceiling of its own, else dropped */
	DP_OVER_DROP,
	DP_OVER_REFUSE,
	DP_OVER_SLIP,			/* every slip-th is answered with TC = 1, the others dropped */
};

struct dp_limit_kind {
	uint32_t qps, burst;		/* qps 0 = no limit; burst 0 = twice qps */
	int over;			/* enum dp_over */
};

struct dp_limit_wider {
	uint32_t ipv4_prefix, ipv6_prefix;
	uint32_t factor;		/* times the client's limit */
};

struct dp_limit_override {
	struct prefix prefix;
	/* times the limit, for its clients and the wider prefixes as they charge them */
	uint32_t factor;
};

/* The rules as they are configured. Each list with its count right behind it. */
struct dp_limit_conf {
	struct dp_limit_kind kind[POOL_KINDS];
	uint32_t hit_qps;		/* ceiling of CACHE_ONLY; 0 = none */
	uint32_t slip;			/* 1 = every one over the limit */
	uint32_t ipv4_prefix, ipv6_prefix;	/* what counts as one client */
	struct dp_limit_wider *wider;	/* each wider than the one before */
	size_t n_wider;
	struct dp_acl_rule *exempt;	/* charged to nobody */
	size_t n_exempt;
	struct dp_limit_override *overrides;
	size_t n_overrides;
	uint32_t tcp_factor;		/* over TCP, in buckets of its own */
	uint32_t failures_qps, failures_burst;	/* of queries below one name; qps 0 = no limit, burst 0 = twice qps */
	uint32_t amplification;		/* a stranger's answer over UDP : its query, in octets; 0 = no bound */
};

/* NULL without memory. Nothing of conf is kept. Control thread; frees accept NULL. */
struct dp_limit_rules *dp_limit_rules_new(const struct dp_limit_conf *conf);
void dp_limit_rules_free(struct dp_limit_rules *rules);

/* Does any of the rules limit anything? */
bool dp_limit_rules_active(const struct dp_limit_rules *rules);
/* What counts as one client: the prefix around it. */
struct prefix dp_limit_client(const struct dp_limit_rules *rules, const struct addr *client);
/* Queries a second that the client may ask pools of this kind over UDP; 0 = no limit, or exempt. */
uint64_t dp_limit_qps(const struct dp_limit_rules *rules, const struct addr *client, enum pool_kind kind);
/* Is some client in prefix exempt, or are its limits overridden? */
bool dp_limit_is_special(const struct dp_limit_rules *rules, const struct prefix *prefix);
/* Longest answer that a stranger's query of len octets may have over UDP: at least 512, at most max. */
uint16_t dp_limit_reply_max(const struct dp_limit_rules *rules, size_t len, uint16_t max);

/* ---- the table ---- */

/* Maps memory octets, rounded to whole huge pages. All buckets are full. 0 or -errno. Start-up. */
int dp_limit_open(struct dp_limit **limit, uint64_t memory);
/* After the workers have stopped. Accepts NULL. */
void dp_limit_close(struct dp_limit *limit);
uint64_t dp_limit_memory(const struct dp_limit *limit);

/* The name that a query's failure is counted for: the one above it, by its hash. 0: none; the pool is not recursive, or
 * it has fewer than two labels, and what fails below "com." says nothing of the next name there. */
static inline uint64_t dp_limit_parent(const struct name *name, enum pool_kind kind)
{
	return kind == POOL_RECURSIVE && name->labels >= 3 ? name->suffix_hash[name->labels - 1] : 0;
}

/* Both accept limit and rules that are NULL, and parent 0: then nothing is counted, nothing fails. */

/* A server's NXDOMAIN or SERVFAIL, or none of its answers, for a query below parent. */
void dp_limit_failed(const struct dp_limit *limit, const struct dp_limit_rules *rules, uint64_t parent,
		     uint64_t now_ns);
/* Has so much failed there that servers are asked no more for the moment? Changes nothing. Any thread, both. */
bool dp_limit_is_failing(const struct dp_limit *limit, const struct dp_limit_rules *rules, uint64_t parent,
			 uint64_t now_ns);

/* One query between the two passes. */
struct dp_limit_ask {
	struct addr client;
	const struct dp_limit_scale *scale;
	uint64_t hash[DP_LIMIT_LEVELS];
	uint8_t kind;			/* enum pool_kind */
	bool tcp;
};

/* Fills *ask and has the buckets fetched. False: nothing limits this query. Any thread. */
bool dp_limit_prepare(const struct dp_limit *limit, const struct dp_limit_rules *rules, const struct addr *client,
		      enum pool_kind kind, bool tcp, struct dp_limit_ask *ask);

enum dp_limit_verdict {
	DP_LIMIT_PASS,
	DP_LIMIT_CACHE_ONLY,		/* a hit may be answered, a miss not */
	DP_LIMIT_SLIP,			/* answer with TC = 1 */
	DP_LIMIT_DROP,			/* over TCP it is REFUSE, as for SLIP */
	DP_LIMIT_REFUSE,
};

/* What a worker keeps for itself: how long until a client's next slip. All zero at first. */
struct dp_limit_slips {
	uint8_t dropped[DP_LIMIT_SLIP_SLOTS];
};

/* Charges the query. now_ns is monotonic; workers' clocks may differ by a batch. Unless it passes, *over is the
 * prefix whose limit it is over. Any number of threads at a time. */
enum dp_limit_verdict dp_limit_judge(struct dp_limit *limit, const struct dp_limit_rules *rules,
				     const struct dp_limit_ask *ask, uint64_t now_ns, struct dp_limit_slips *slips,
				     struct prefix *over);

#endif
