/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * latency.c - the histogram of times inside the node. Contract in latency.h.
 *
 * Below DP_LATENCY_STEPS microseconds a bucket is one microsecond; above, the two bits behind the leading one choose
 * among the four buckets of a power of two.
 */
#include "dataplane/latency.h"

#include "base/clock.h"
#include "base/counters.h"

enum { STEPS_LOG2 = 2 };

_Static_assert(DP_LATENCY_STEPS == 1 << STEPS_LOG2, "buckets to a power of two");

const char *dp_latency_name(enum dp_latency_kind kind)
{
	static const char *const names[DP_LATENCY_KINDS] = {
		[DP_LATENCY_AT_ONCE] = "at_once",
		[DP_LATENCY_BY_SERVER] = "by_server",
	};
	return names[kind];
}

unsigned dp_latency_bucket(uint64_t us)
{
	unsigned leading, bucket;

	if (us < DP_LATENCY_STEPS)
		return (unsigned)us;
	leading = 63 - (unsigned)__builtin_clzll(us);
	bucket = (leading - STEPS_LOG2 + 1) * DP_LATENCY_STEPS +
		 (us >> (leading - STEPS_LOG2) & (DP_LATENCY_STEPS - 1));
	return bucket < DP_LATENCY_BUCKETS ? bucket : DP_LATENCY_BUCKETS - 1;
}

uint64_t dp_latency_end_us(unsigned bucket)
{
	uint64_t step = bucket % DP_LATENCY_STEPS + 1;

	if (bucket < DP_LATENCY_STEPS)
		return step;
	return (DP_LATENCY_STEPS + step) << (bucket / DP_LATENCY_STEPS - 1);
}

uint64_t dp_latency_quantile_us(const uint64_t buckets[DP_LATENCY_BUCKETS], double share)
{
	uint64_t total = 0, below = 0;

	for (unsigned i = 0; i < DP_LATENCY_BUCKETS; i++)
		total += buckets[i];
	for (unsigned i = 0; total && i < DP_LATENCY_BUCKETS; i++) {
		below += buckets[i];
		if (below >= share * total)
			return dp_latency_end_us(i);
	}
	return 0;
}

void dp_latency_sent(struct dp_latency *latency, uint64_t now_ns)
{
	for (unsigned i = 0; i < latency->waiting; i++) {
		_Atomic uint64_t *counters = latency->counters + latency->answer[i].kind * DP_LATENCY_COUNTERS;
		uint64_t us = (now_ns - latency->answer[i].received_ns) / CLOCK_NS_PER_US;

		counters_add(&counters[dp_latency_bucket(us)], 1);
		counters_add(&counters[DP_LATENCY_SUM], us);
	}
	latency->waiting = 0;
}
