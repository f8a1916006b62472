/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_latency.c - the histogram of times inside the node.
 */
#include "tests/tap.h"

#include "base/clock.h"
#include "base/counters.h"
#include "dataplane/latency.h"

static void test_buckets(void **state)
{
	(void)state;
	for (unsigned i = 1; i < DP_LATENCY_BUCKETS; i++) {
		uint64_t start = dp_latency_end_us(i - 1), end = dp_latency_end_us(i);

		assert_true(start < end);
		assert_true(end - start <= (start + 3) / 4);
		assert_int_equal(dp_latency_bucket(start), i);
		assert_int_equal(dp_latency_bucket(end - 1), i);
	}
	assert_int_equal(dp_latency_bucket(0), 0);
	assert_int_equal(dp_latency_bucket(UINT64_MAX), DP_LATENCY_BUCKETS - 1);
	assert_in_range(dp_latency_end_us(DP_LATENCY_BUCKETS - 1), 8 * 1000 * 1000, 9 * 1000 * 1000);
}

static void test_quantiles(void **state)
{
	uint64_t buckets[DP_LATENCY_BUCKETS] = { 0 };

	(void)state;
	assert_int_equal(dp_latency_quantile_us(buckets, 0.5), 0);
	buckets[dp_latency_bucket(10)] = 98;
	buckets[dp_latency_bucket(1000)] = 1;
	buckets[dp_latency_bucket(50000)] = 1;
	assert_int_equal(dp_latency_quantile_us(buckets, 0.5), dp_latency_end_us(dp_latency_bucket(10)));
	assert_int_equal(dp_latency_quantile_us(buckets, 0.99), dp_latency_end_us(dp_latency_bucket(1000)));
	assert_int_equal(dp_latency_quantile_us(buckets, 1), dp_latency_end_us(dp_latency_bucket(50000)));
}

/* What is queued beyond the room is not timed; nothing is counted before it is sent. */
static void test_counting(void **state)
{
	struct dp_latency latency = { .counters = counters_new(DP_LATENCY_KINDS * DP_LATENCY_COUNTERS) };
	const uint64_t received_ns = 5 * (uint64_t)CLOCK_NS_PER_S;
	_Atomic uint64_t *by_server = latency.counters + DP_LATENCY_BY_SERVER * DP_LATENCY_COUNTERS;

	(void)state;
	dp_latency_queued(&latency, received_ns, DP_LATENCY_BY_SERVER);
	for (unsigned i = 0; i < 2 * DP_LATENCY_WAITING_MAX; i++)
		dp_latency_queued(&latency, received_ns, DP_LATENCY_AT_ONCE);
	assert_int_equal(counters_read(&latency.counters[dp_latency_bucket(3)]), 0);
	dp_latency_sent(&latency, received_ns + 3 * CLOCK_NS_PER_US);
	assert_int_equal(counters_read(&latency.counters[dp_latency_bucket(3)]), DP_LATENCY_WAITING_MAX - 1);
	assert_int_equal(counters_read(&latency.counters[DP_LATENCY_SUM]), 3 * (DP_LATENCY_WAITING_MAX - 1));
	assert_int_equal(counters_read(&by_server[dp_latency_bucket(3)]), 1);
	dp_latency_sent(&latency, received_ns);
	assert_int_equal(counters_read(&by_server[DP_LATENCY_SUM]), 3);
	counters_free(latency.counters);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("buckets of a quarter of a power of two, without gaps", test_buckets),
		CASE("quantiles are ends of buckets", test_quantiles),
		CASE("queued answers count when they are sent", test_counting),
	};

	return RUN(cases);
}
