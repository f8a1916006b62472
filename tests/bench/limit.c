/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * limit.c - what the limiter costs a query: batches of clients looked up and charged as the passes do it.
 *
 *      limit          prints: levels, clients, what they do, nanoseconds a query
 */
#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "dataplane/limit.h"

enum { BATCH = 64, QUERIES = 16 << 20, MEMORY = 16 << 20 };

static struct dp_limit_wider wider[] = { { 24, 48, 8 }, { 20, 32, 64 } };

/* Client i of so many, in no order that a prefetcher could guess. */
static struct addr client_of(uint32_t i, uint32_t clients)
{
	return addr_from_v4(htobe32(0x0a000000 + i * UINT32_C(2654435761) % clients * 257));
}

static double run(struct dp_limit *limit, const struct dp_limit_rules *rules, uint32_t clients)
{
	static struct dp_limit_slips slips;
	struct addr batch[BATCH];
	struct dp_limit_ask ask[BATCH];
	struct prefix over;
	uint64_t spent_ns = 0;

	for (uint32_t i = 0; i < QUERIES; i += BATCH) {
		uint64_t now_ns = clock_mono_ns();

		for (uint32_t q = 0; q < BATCH; q++)
			batch[q] = client_of(i + q, clients);
		spent_ns -= clock_mono_ns();
		for (uint32_t q = 0; q < BATCH; q++)
			dp_limit_prepare(limit, rules, &batch[q], POOL_RECURSIVE, false, &ask[q]);
		for (uint32_t q = 0; q < BATCH; q++)
			dp_limit_judge(limit, rules, &ask[q], now_ns, &slips, &over);
		spent_ns += clock_mono_ns();
	}
	return (double)spent_ns / QUERIES;
}

static void measure(size_t levels, uint32_t clients, uint32_t qps, const char *what)
{
	struct dp_limit_conf conf = {
		.kind = { [POOL_RECURSIVE] = { qps, qps, DP_OVER_DROP } }, .ipv4_prefix = 32, .ipv6_prefix = 56,
		.wider = wider, .n_wider = levels - 1, .tcp_factor = 4, .slip = 2,
	};
	struct dp_limit_rules *rules = dp_limit_rules_new(&conf);
	struct dp_limit *limit;

	if (!rules || dp_limit_open(&limit, MEMORY))
		return;
	run(limit, rules, clients);
	printf("%zu %u %s %.1f\n", levels, clients, what, run(limit, rules, clients));
	dp_limit_close(limit);
	dp_limit_rules_free(rules);
}

int main(void)
{
	for (size_t levels = 1; levels <= 3; levels++) {
		measure(levels, 1000, 1000000, "within");
		measure(levels, 1000, 1, "over");
		measure(levels, 1000000, 1000000, "within");
		measure(levels, 1000000, 1, "flood");
	}
	return 0;
}
