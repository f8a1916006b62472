/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * latency.h - how long queries of the fast path are inside the node: from the filter, which stamps one frame of
 * STEER_STAMP_ONE_OF, to the moment the kernel was told to send the answer. A histogram per kind and worker; its
 * buckets are a quarter of a power of two of microseconds wide.
 */
#ifndef DATAPLANE_LATENCY_H
#define DATAPLANE_LATENCY_H

#include <stdatomic.h>
#include <stdint.h>

enum dp_latency_kind {
	DP_LATENCY_AT_ONCE,	/* answered by the cache or by the node itself */
	DP_LATENCY_BY_SERVER,	/* the server's time is in it */
	DP_LATENCY_KINDS
};

enum {
	DP_LATENCY_BUCKETS = 88,	/* to 8 s; the last one has what is longer as well */
	DP_LATENCY_STEPS = 4,		/* buckets to a power of two */
	DP_LATENCY_SUM = DP_LATENCY_BUCKETS,	/* in a block of counters, behind the buckets: microseconds in all */
	DP_LATENCY_COUNTERS,
	DP_LATENCY_WAITING_MAX = 64,	/* frames of one turn that a worker times; others are not */
};

/* "at_once", "by_server". */
const char *dp_latency_name(enum dp_latency_kind kind);

/* The bucket that this many microseconds belong to, and the microseconds that are too many for a bucket. */
unsigned dp_latency_bucket(uint64_t us);
uint64_t dp_latency_end_us(unsigned bucket);

/* Microseconds that share (0 to 1) of what is in buckets did not exceed, as the end of a bucket; 0 of none. */
uint64_t dp_latency_quantile_us(const uint64_t buckets[DP_LATENCY_BUCKETS], double share);

/* What a worker keeps: the answers of this turn that are timed, until they are sent, and the counters. */
struct dp_latency {
	_Atomic uint64_t *counters;	/* DP_LATENCY_KINDS blocks of DP_LATENCY_COUNTERS */
	unsigned waiting;
	struct {
		uint64_t received_ns;
		uint8_t kind;
	} answer[DP_LATENCY_WAITING_MAX];
};

/* The frame with the answer to what was received then is queued. Worker's thread. */
static inline void dp_latency_queued(struct dp_latency *latency, uint64_t received_ns, enum dp_latency_kind kind)
{
	if (latency->waiting == DP_LATENCY_WAITING_MAX)
		return;
	latency->answer[latency->waiting].received_ns = received_ns;
	latency->answer[latency->waiting++].kind = (uint8_t)kind;
}

/* All that is queued has been sent by now_ns (monotonic). Worker's thread. */
void dp_latency_sent(struct dp_latency *latency, uint64_t now_ns);

#endif
