/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_limit.c - token buckets on a clock of the test's own, by one thread and by several, and what the passes make
 * of the verdicts.
 */
#include "tests/tap.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/limit.h"
#include "dataplane/offender.h"
#include "tests/dataplane/fixture.h"

enum { SEED = 2463534242, MEMORY = 16 << 20 };

#define MS ((uint64_t)CLOCK_NS_PER_MS)
#define S ((uint64_t)CLOCK_NS_PER_S)

static struct dp_limit_wider wider[] = { { 24, 48, 8 }, { 20, 32, 64 } };

/* 200 queries a second for a /32 or /56, 8 times that for a /24 or /48, 64 times for a /20 or /32. */
static struct dp_limit_conf conf_with_wider(void)
{
	return (struct dp_limit_conf){
		.kind = { [POOL_RECURSIVE] = { 200, 400, DP_OVER_DROP },
			  [POOL_AUTHORITATIVE] = { 50, 100, DP_OVER_DROP } },
		.hit_qps = 2000, .slip = 2, .ipv4_prefix = 32, .ipv6_prefix = 56,
		.wider = wider, .n_wider = 2, .tcp_factor = 4,
	};
}

/* The client's own limit alone. */
static struct dp_limit_conf conf_narrow(void)
{
	struct dp_limit_conf conf = conf_with_wider();

	conf.n_wider = 0;
	return conf;
}

struct bench {
	struct dp_limit *limit;
	struct dp_limit_rules *rules;
	struct dp_limit_slips slips;
	struct prefix over;
	uint64_t now_ns;
};

static struct bench bench_open(const struct dp_limit_conf *conf)
{
	struct bench b = { .now_ns = 1000 * S, .rules = dp_limit_rules_new(conf) };

	assert_non_null(b.rules);
	assert_int_equal(dp_limit_open(&b.limit, MEMORY), 0);
	return b;
}

static void bench_close(struct bench *b)
{
	dp_limit_close(b->limit);
	dp_limit_rules_free(b->rules);
}

static enum dp_limit_verdict ask_addr(struct bench *b, const struct addr *client, enum pool_kind kind, bool tcp)
{
	struct dp_limit_ask ask;

	if (!dp_limit_prepare(b->limit, b->rules, client, kind, tcp, &ask))
		return DP_LIMIT_PASS;
	return dp_limit_judge(b->limit, b->rules, &ask, b->now_ns, &b->slips, &b->over);
}

static enum dp_limit_verdict ask(struct bench *b, const char *client)
{
	struct addr addr = fx_addr(client);

	return ask_addr(b, &addr, POOL_RECURSIVE, false);
}

/* How many of n queries at once pass. */
static unsigned ask_times(struct bench *b, const char *client, unsigned n)
{
	unsigned passed = 0;

	for (unsigned i = 0; i < n; i++)
		passed += ask(b, client) == DP_LIMIT_PASS;
	return passed;
}

/* Of per_s queries a second, evenly over so many seconds. */
static unsigned ask_for(struct bench *b, const char *client, unsigned per_s, unsigned seconds)
{
	unsigned passed = 0;
	uint64_t begin_ns = b->now_ns;

	for (unsigned i = 0; i < per_s * seconds; i++) {
		b->now_ns = begin_ns + i * S / per_s;
		passed += ask(b, client) == DP_LIMIT_PASS;
	}
	return passed;
}

static uint32_t random32(void)
{
	static uint32_t x = SEED;

	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return x;
}

static void assert_within_5_percent(uint64_t got, uint64_t want)
{
	if (got * 100 < want * 95 || got * 100 > want * 105)
		fail_msg("%llu is not %llu", (unsigned long long)got, (unsigned long long)want);
}

/* ---- rate and burst ---- */

static void rate_and_burst_hold(void **state)
{
	static const char *const clients[] = { "192.0.2.1", "2001:db8::1" };
	struct dp_limit_conf conf = conf_narrow();
	struct bench b = bench_open(&conf);

	(void)state;
	for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++)
		assert_within_5_percent(ask_for(&b, clients[i], 2000, 60), 60 * 200 + 400);
	b.now_ns += 10 * S;
	assert_int_equal(ask_times(&b, "192.0.2.1", 1000), 400);
	b.now_ns += S / 2;
	assert_in_range(ask_times(&b, "192.0.2.1", 1000), 99, 101);
	assert_int_equal(ask_for(&b, "192.0.2.2", 199, 60), 199 * 60);	/* who stays within loses nothing */
	bench_close(&b);
}

static void any_rate_holds(void **state)
{
	static const uint32_t rates[] = { 1, 7, 50, 999, 20000, 1000000 };

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct dp_limit_conf conf = conf_narrow();
		unsigned seconds = rates[i] < 20000 ? 60 : 1;
		struct bench b;

		conf.kind[POOL_RECURSIVE].qps = rates[i];
		conf.kind[POOL_RECURSIVE].burst = rates[i];
		b = bench_open(&conf);
		assert_within_5_percent(ask_for(&b, "192.0.2.1", 10 * rates[i], seconds), rates[i] * (seconds + 1ull));
		bench_close(&b);
	}
}

static void burst_is_twice_the_rate_by_default(void **state)
{
	struct dp_limit_conf conf = conf_narrow();
	struct bench b;

	(void)state;
	conf.kind[POOL_RECURSIVE].burst = 0;
	b = bench_open(&conf);
	assert_int_equal(ask_times(&b, "192.0.2.1", 1000), 400);
	bench_close(&b);
}

/* ---- several threads ---- */

enum { THREADS = 4, STEPS = 60 * 100 };	/* of 10 ms */

struct crowd {
	struct bench b;
	pthread_barrier_t step;
	_Atomic uint64_t passed;
};

/* Each asks a quarter of 2000 queries a second, on a clock that moves on when all have. */
static void *ask_in_crowd(void *context)
{
	struct crowd *c = context;
	struct bench b = c->b;
	struct addr client = fx_addr("192.0.2.1");
	uint64_t passed = 0;

	for (unsigned i = 0; i < STEPS; i++) {
		for (unsigned q = 0; q < 2000 / 100 / THREADS; q++)
			passed += ask_addr(&b, &client, POOL_RECURSIVE, false) == DP_LIMIT_PASS;
		b.now_ns += 10 * MS;
		if (i % 10 == 0)
			pthread_barrier_wait(&c->step);
	}
	atomic_fetch_add(&c->passed, passed);
	return NULL;
}

static void threads_share_one_bucket(void **state)
{
	struct dp_limit_conf conf = conf_narrow();
	struct crowd c = { .b = bench_open(&conf) };
	pthread_t threads[THREADS];

	(void)state;
	pthread_barrier_init(&c.step, NULL, THREADS);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, ask_in_crowd, &c), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&c.step);
	assert_within_5_percent(c.passed, 60 * 200 + 400);
	bench_close(&c.b);
}

/* ---- wider prefixes ---- */

static void loud_host_does_not_silence_neighbours(void **state)
{
	struct dp_limit_conf conf = conf_with_wider();
	struct bench b = bench_open(&conf);
	unsigned passed = 0;

	(void)state;
	for (unsigned ms = 0; ms < 10000; ms++) {
		b.now_ns += MS;
		ask_times(&b, "192.0.2.1", 20);		/* 100 times its limit */
		if (ms % 10 == 0)
			passed += ask(&b, "192.0.2.2") == DP_LIMIT_PASS;
	}
	assert_int_equal(passed, 1000);
	assert_int_equal(b.over.len, 128);
	bench_close(&b);
}

/* count sources from first on, one after the other, 100 queries a second each, for 20 s: how many pass. */
static unsigned spread(struct bench *b, uint32_t first, uint32_t step, unsigned count)
{
	unsigned passed = 0;

	for (unsigned i = 0; i < 20 * 100 * count; i++) {
		struct addr client = addr_from_v4(htobe32(first + i % count * step));

		b->now_ns += S / 100 / count;
		passed += ask_addr(b, &client, POOL_RECURSIVE, false) == DP_LIMIT_PASS;
	}
	return passed;
}

static void spread_sources_are_held(void **state)
{
	struct dp_limit_conf conf = conf_with_wider();
	struct bench b = bench_open(&conf);

	(void)state;
	/* 100 hosts of one /24, each at half its own limit: 1600 a second together */
	assert_within_5_percent(spread(&b, 0xc0000200, 1, 100), 20 * 1600 + 3200);
	assert_int_equal(b.over.len, 120);
	/* 240 hosts, 15 in each of the 16 /24 of a /20: the /20 has 12800 */
	b.now_ns += 60 * S;
	assert_within_5_percent(spread(&b, 0x0a000000, 17, 240), 20 * 12800 + 25600);
	assert_int_equal(b.over.len, 116);
	bench_close(&b);
}

static void ipv6_hosts_count_by_their_prefix(void **state)
{
	struct dp_limit_conf conf = conf_with_wider();
	struct bench b = bench_open(&conf);

	(void)state;
	assert_int_equal(ask_times(&b, "2001:db8:0:ff::1", 400), 400);
	assert_int_equal(ask_times(&b, "2001:db8:0:1::2", 1), 0);	/* the same /56 */
	assert_int_equal(b.over.len, 56);
	assert_int_equal(ask_times(&b, "2001:db8:0:100::1", 400), 400);
	for (unsigned i = 2; i < 8; i++) {
		char text[ADDR_TEXT_MAX];

		snprintf(text, sizeof(text), "2001:db8:0:%x::1", i << 8);
		assert_int_equal(ask_times(&b, text, 400), 400);
	}
	assert_int_equal(ask_times(&b, "2001:db8:0:900::1", 1), 0);	/* the /48 has no more than 8 of them */
	assert_int_equal(b.over.len, 48);
	assert_int_equal(ask_times(&b, "2001:db8:1::1", 1), 1);
	bench_close(&b);
}

/* ---- what becomes of it ---- */

static void cache_only_up_to_a_ceiling(void **state)
{
	struct dp_limit_conf conf = conf_narrow();
	unsigned count[5] = { 0 };
	struct bench b;

	(void)state;
	conf.kind[POOL_RECURSIVE].over = DP_OVER_CACHE_ONLY;
	b = bench_open(&conf);
	for (unsigned i = 0; i < 60 * 10000; i++) {
		b.now_ns += S / 10000;
		count[ask(&b, "192.0.2.1")]++;
	}
	assert_within_5_percent(count[DP_LIMIT_PASS], 60 * 200 + 400);
	assert_within_5_percent(count[DP_LIMIT_CACHE_ONLY], 60 * 2000 + 2000);
	assert_int_equal(count[DP_LIMIT_PASS] + count[DP_LIMIT_CACHE_ONLY] + count[DP_LIMIT_DROP], 600000);
	bench_close(&b);
}

static void every_nth_slips(void **state)
{
	struct addr a = fx_addr("192.0.2.1"), c = fx_addr("192.0.2.2");
	struct dp_limit_conf conf = conf_narrow();
	unsigned slipped[2] = { 0 };
	struct bench b;

	(void)state;
	conf.kind[POOL_AUTHORITATIVE].over = DP_OVER_SLIP;
	b = bench_open(&conf);
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(ask_addr(&b, &a, POOL_AUTHORITATIVE, false), DP_LIMIT_PASS);
		assert_int_equal(ask_addr(&b, &c, POOL_AUTHORITATIVE, false), DP_LIMIT_PASS);
	}
	for (unsigned i = 0; i < 1000; i++) {	/* in turns: neither gets the other's share */
		slipped[0] += ask_addr(&b, &a, POOL_AUTHORITATIVE, false) == DP_LIMIT_SLIP;
		slipped[1] += ask_addr(&b, &c, POOL_AUTHORITATIVE, false) == DP_LIMIT_SLIP;
	}
	assert_int_equal(slipped[0] + slipped[1], 1000);
	assert_in_range(slipped[0], 400, 600);
	bench_close(&b);
}

static void actions_by_kind(void **state)
{
	static const struct { int over; enum dp_limit_verdict udp, tcp; } cases[] = {
		{ DP_OVER_DROP, DP_LIMIT_DROP, DP_LIMIT_REFUSE },
		{ DP_OVER_REFUSE, DP_LIMIT_REFUSE, DP_LIMIT_REFUSE },
		{ DP_OVER_SLIP, DP_LIMIT_SLIP, DP_LIMIT_REFUSE },
		{ DP_OVER_CACHE_ONLY, DP_LIMIT_CACHE_ONLY, DP_LIMIT_CACHE_ONLY },
	};
	struct addr client = fx_addr("192.0.2.1");

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dp_limit_conf conf = conf_narrow();
		struct bench b;

		conf.slip = 1;
		conf.kind[POOL_AUTHORITATIVE] = (struct dp_limit_kind){ 1, 1, cases[i].over };
		conf.tcp_factor = 1;
		b = bench_open(&conf);
		for (int tcp = 0; tcp < 2; tcp++) {
			assert_int_equal(ask_addr(&b, &client, POOL_AUTHORITATIVE, tcp), DP_LIMIT_PASS);
			assert_int_equal(ask_addr(&b, &client, POOL_AUTHORITATIVE, tcp),
					 tcp ? cases[i].tcp : cases[i].udp);
		}
		assert_int_equal(ask_addr(&b, &client, POOL_RECURSIVE, false), DP_LIMIT_PASS);	/* another bucket */
		bench_close(&b);
	}
}

static void tcp_has_its_own_higher_limit(void **state)
{
	struct addr client = fx_addr("192.0.2.1");
	struct dp_limit_conf conf = conf_narrow();
	struct bench b = bench_open(&conf);
	unsigned passed = 0;

	(void)state;
	ask_times(&b, "192.0.2.1", 10000);	/* by someone who says it is this client */
	for (unsigned i = 0; i < 10000; i++)
		passed += ask_addr(&b, &client, POOL_RECURSIVE, true) == DP_LIMIT_PASS;
	assert_int_equal(passed, 1600);
	bench_close(&b);
}

/* ---- who is special ---- */

static void exempt_prefixes_count_nowhere(void **state)
{
	struct dp_acl_rule exempt[] = { { .allow = true } };
	struct dp_limit_conf conf = conf_with_wider();
	struct bench b;

	(void)state;
	prefix_parse("192.0.2.128/25", &exempt[0].prefix);
	conf.exempt = exempt;
	conf.n_exempt = 1;
	b = bench_open(&conf);
	assert_int_equal(ask_times(&b, "192.0.2.200", 100000), 100000);
	for (unsigned i = 1; i <= 8; i++) {	/* all of the /24's 3200 are there */
		char text[ADDR_TEXT_MAX];

		snprintf(text, sizeof(text), "192.0.2.%u", i);
		assert_int_equal(ask_times(&b, text, 400), 400);
	}
	assert_int_equal(ask_times(&b, "192.0.2.9", 1), 0);
	assert_int_equal(ask_times(&b, "192.0.2.200", 1000), 1000);
	bench_close(&b);
}

static void overrides_have_their_own_rates(void **state)
{
	struct dp_limit_override overrides[] = { { .factor = 50 }, { .factor = 2 } };
	struct addr pool = fx_addr("100.64.1.1"), none = fx_addr("192.0.2.1");
	struct dp_limit_conf conf = conf_with_wider();
	struct prefix prefix;
	struct bench b;

	(void)state;
	prefix_parse("100.64.0.0/10", &overrides[0].prefix);
	prefix_parse("100.64.9.0/24", &overrides[1].prefix);	/* the longer one decides */
	conf.overrides = overrides;
	conf.n_overrides = 2;
	b = bench_open(&conf);
	assert_within_5_percent(ask_for(&b, "100.64.1.1", 40000, 10), 10 * 10000 + 20000);
	assert_within_5_percent(ask_for(&b, "100.64.9.1", 4000, 10), 10 * 400 + 800);
	assert_int_equal(dp_limit_qps(b.rules, &pool, POOL_RECURSIVE), 10000);
	assert_int_equal(dp_limit_qps(b.rules, &none, POOL_AUTHORITATIVE), 50);
	prefix_parse("100.64.9.1", &prefix);
	assert_true(dp_limit_is_special(b.rules, &prefix));
	prefix_parse("100.0.0.0/8", &prefix);
	assert_true(dp_limit_is_special(b.rules, &prefix));
	prefix_parse("192.0.2.0/24", &prefix);
	assert_false(dp_limit_is_special(b.rules, &prefix));
	bench_close(&b);
}

static void nothing_is_limited_by_default(void **state)
{
	struct dp_limit_conf conf = conf_with_wider();
	struct bench b;

	(void)state;
	conf.kind[POOL_RECURSIVE].qps = 0;
	b = bench_open(&conf);
	assert_true(dp_limit_rules_active(b.rules));
	assert_int_equal(ask_times(&b, "192.0.2.1", 100000), 100000);
	bench_close(&b);
	conf.kind[POOL_AUTHORITATIVE].qps = 0;
	b = bench_open(&conf);
	assert_false(dp_limit_rules_active(b.rules));
	bench_close(&b);
}

/* ---- floods, takeovers, time ---- */

/* Sources without end at a million queries a second, while offenders go on at ten times their limits and honest
 * clients at half of theirs. */
static void flood_frees_no_offender(uint64_t sources, bool ipv6)
{
	enum { OFFENDERS = 64, HONEST = 64, PER_S = 1000000 };
	struct dp_limit_conf conf = conf_narrow();
	struct bench b = bench_open(&conf);
	uint64_t passed = 0, honest = 0, asked = 0, floods = 0;
	double seconds = (double)sources / PER_S;

	for (uint64_t i = 0; i < sources; i++) {
		struct addr source = addr_from_v4(htobe32((uint32_t)(i * 2654435761u)));

		if (ipv6) {
			source.halves_be[0] = htobe64(i * UINT64_C(0x9e3779b97f4a7c15));
			source.halves_be[1] = 1;
		}
		b.now_ns += S / PER_S;
		floods += ask_addr(&b, &source, POOL_RECURSIVE, false) == DP_LIMIT_PASS;
		if (i % (PER_S / 2000 / OFFENDERS) == 0) {	/* each 2000 a second */
			struct addr client = addr_from_v4(htobe32(0xc6336400u + (uint32_t)(i / 7) % OFFENDERS));

			passed += ask_addr(&b, &client, POOL_RECURSIVE, false) == DP_LIMIT_PASS;
		}
		if (i % (PER_S / 100 / HONEST) == 0) {		/* each 100 a second */
			struct addr client = addr_from_v4(htobe32(0xcb007100u + (uint32_t)asked++ % HONEST));

			honest += ask_addr(&b, &client, POOL_RECURSIVE, false) == DP_LIMIT_PASS;
		}
	}
	assert_int_equal(dp_limit_memory(b.limit), MEMORY);
	assert_within_5_percent(passed, (uint64_t)(OFFENDERS * (200 * seconds + 400)));
	assert_int_equal(honest, asked);
	assert_true(floods > sources - sources / 1000);		/* a few share a bucket with an offender */
	bench_close(&b);
}

static void spoofed_ipv4_flood(void **state)
{
	(void)state;
	flood_frees_no_offender(20 * 1000 * 1000, false);
}

static void spoofed_ipv6_flood(void **state)
{
	(void)state;
	flood_frees_no_offender(20 * 1000 * 1000, true);
}

static void new_active_starts_with_full_buckets(void **state)
{
	struct dp_limit_conf conf = conf_with_wider();
	struct bench before = bench_open(&conf), after = bench_open(&conf);

	(void)state;
	ask_for(&before, "192.0.2.1", 2000, 5);
	after.now_ns = before.now_ns;
	assert_int_equal(ask_times(&before, "192.0.2.1", 1000), 0);
	assert_int_equal(ask_times(&after, "192.0.2.1", 1000), 400);
	assert_within_5_percent(ask_for(&after, "192.0.2.1", 2000, 60), 60 * 200);
	bench_close(&before);
	bench_close(&after);
}

/* The table outlives its rules: what was taken is taken, and new limits hold at once. */
static void rules_change_buckets_stay(void **state)
{
	struct dp_limit_conf conf = conf_narrow();
	struct bench b = bench_open(&conf);

	(void)state;
	assert_int_equal(ask_times(&b, "192.0.2.1", 1000), 400);
	dp_limit_rules_free(b.rules);
	b.rules = dp_limit_rules_new(&conf);
	assert_int_equal(ask_times(&b, "192.0.2.1", 1000), 0);
	dp_limit_rules_free(b.rules);
	conf.kind[POOL_RECURSIVE] = (struct dp_limit_kind){ 20, 20, DP_OVER_DROP };
	b.rules = dp_limit_rules_new(&conf);
	/* a second to come down from the greater burst */
	assert_in_range(ask_for(&b, "192.0.2.1", 2000, 3), 38, 42);
	bench_close(&b);
}

static void time_comes_round(void **state)
{
	static const uint64_t ages_s[] = { 1, 100, 3600, 86400, 365 * 86400ull, 144115188 / 2, 144115188 - 100 };
	struct dp_limit_conf conf = conf_narrow();
	struct bench b = bench_open(&conf);

	(void)state;
	for (size_t i = 0; i < sizeof(ages_s) / sizeof(ages_s[0]); i++) {
		char client[ADDR_TEXT_MAX];

		snprintf(client, sizeof(client), "192.0.2.%u", (unsigned)i + 1);
		b.now_ns = 1000 * S;
		assert_int_equal(ask_times(&b, client, 1000), 400);
		b.now_ns += ages_s[i] * S;
		assert_in_range(ask_times(&b, client, 1000), ages_s[i] < 2 ? 199 : 400, ages_s[i] < 2 ? 201 : 400);
	}
	b.now_ns = (UINT64_C(1) << 57) - S;	/* a second before the words' 52 bits of 32 ns are over */
	assert_within_5_percent(ask_for(&b, "192.0.2.77", 2000, 60), 60 * 200 + 400);
	bench_close(&b);
}

static void answers_to_strangers_are_bounded(void **state)
{
	static const struct { uint32_t ratio; size_t len; uint16_t max, want; } cases[] = {
		{ 0, 30, 1232, 1232 }, { 8, 30, 1232, 512 }, { 8, 64, 1232, 512 }, { 8, 100, 1232, 800 },
		{ 8, 154, 1232, 1232 }, { 8, 300, 1232, 1232 }, { 20, 50, 1232, 1000 }, { 8, 30, 512, 512 },
		{ 1, 600, 1232, 600 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dp_limit_conf conf = conf_narrow();
		struct dp_limit_rules *rules;

		conf.amplification = cases[i].ratio;
		rules = dp_limit_rules_new(&conf);
		assert_int_equal(dp_limit_reply_max(rules, cases[i].len, cases[i].max), cases[i].want);
		dp_limit_rules_free(rules);
	}
}

/* ---- who asks most ---- */

static struct dp_offender rows[2 * DP_OFFENDERS_MAX];

static struct prefix prefix_of(uint32_t v4, uint8_t len)
{
	return (struct prefix){ addr_from_v4(htobe32(v4)), len };
}

static void offenders_are_listed(void **state)
{
	struct dp_offenders *a = dp_offenders_new(), *b = dp_offenders_new();
	struct prefix loud = prefix_of(0xc0000201, 128), quiet = prefix_of(0xc0000202, 128);
	struct prefix net = prefix_of(0xc0000200, 120);
	uint64_t now_ns = 5000 * S;
	size_t n;

	(void)state;
	for (unsigned i = 0; i < 10 * 100; i++, now_ns += S / 100) {
		dp_offenders_count(a, &loud, 1, 1, now_ns);
		dp_offenders_count(b, &loud, 1, 0, now_ns);
		if (i % 10 == 0)
			dp_offenders_count(b, &quiet, 1, 0, now_ns);
		if (i < 100)
			dp_offenders_count(a, &net, 1, 1, now_ns);
	}
	n = dp_offenders_read(a, rows, now_ns);
	assert_int_equal(n, 2);
	n += dp_offenders_read(b, rows + n, now_ns);
	n = dp_offenders_merge(rows, n);
	assert_int_equal(n, 3);
	assert_memory_equal(&rows[0].prefix, &loud, 17);
	assert_int_equal(rows[0].queries, 2000);
	assert_int_equal(rows[0].limited, 1000);
	assert_int_equal(rows[0].rate, 200);
	assert_int_equal(rows[0].limited_rate, 100);
	assert_int_equal(rows[0].first_s, 5000);
	assert_int_equal(rows[0].last_s, 5009);
	assert_int_equal(rows[1].rate, 10);
	assert_int_equal(rows[2].prefix.len, 120);
	assert_int_equal(rows[2].rate, 0);
	assert_int_equal(rows[2].limited, 100);
	n = dp_offenders_read(a, rows, now_ns + 10 * S);
	assert_int_equal(rows[0].rate + rows[1].rate, 0);
	dp_offenders_free(a);
	dp_offenders_free(b);
}

static void flood_moves_no_offender(void **state)
{
	struct dp_offenders *o = dp_offenders_new();
	uint64_t now_ns = 5000 * S;
	unsigned found = 0;
	size_t n;

	(void)state;
	for (unsigned i = 0; i < 3 * 1000 * 1000; i++, now_ns += 2000) {
		struct prefix source = prefix_of(random32(), 128), loud = prefix_of(0xc6336400 + i / 100 % 100, 128);

		dp_offenders_count(o, &source, 16, 0, now_ns);
		if (i % 100 == 0)
			dp_offenders_count(o, &loud, 1, 1, now_ns);	/* each 50 a second over its limit */
	}
	n = dp_offenders_merge(rows, dp_offenders_read(o, rows, now_ns));
	assert_true(n <= DP_OFFENDERS_MAX);
	for (size_t i = 0; i < n; i++)
		found += rows[i].limited > 200;
	assert_int_equal(found, 100);
	dp_offenders_free(o);
}

static void *count_on(void *context)
{
	struct prefix prefix[2] = { prefix_of(0xc0000201, 128), prefix_of(0xc6336401, 120) };

	for (unsigned i = 0; i < 300000; i++)
		dp_offenders_count(context, &prefix[i % 2], 1 + i % 2 * 2, i % 2, 5000 * S + i * 10000ull);
	return NULL;
}

static void rows_are_read_whole(void **state)
{
	struct dp_offenders *o = dp_offenders_new();
	pthread_t writer;

	(void)state;
	assert_int_equal(pthread_create(&writer, NULL, count_on, o), 0);
	for (unsigned i = 0; i < 300; i++) {
		size_t n = dp_offenders_read(o, rows, 5001 * S);

		for (size_t r = 0; r < n; r++)
			assert_int_equal(rows[r].queries,
					 rows[r].prefix.len == 120 ? 3 * rows[r].limited : rows[r].queries);
	}
	pthread_join(writer, NULL);
	dp_offenders_free(o);
}

/* ---- in the passes ---- */

static struct dp_limit_conf pass_conf(void)
{
	struct dp_limit_conf conf = conf_narrow();

	conf.kind[POOL_RECURSIVE] = (struct dp_limit_kind){ 10, 10, DP_OVER_CACHE_ONLY };
	conf.kind[POOL_AUTHORITATIVE] = (struct dp_limit_kind){ 5, 5, DP_OVER_SLIP };
	conf.hit_qps = 20;
	conf.amplification = 8;
	conf.tcp_factor = 1;
	return conf;
}

static int set_up(void **state)
{
	struct dp_limit_conf conf = pass_conf();

	(void)state;
	fx_up(8);
	fx.conf.limit = dp_limit_rules_new(&conf);
	return dp_limit_open(&fx.shared.limit, MEMORY);
}

static int tear_down(void **state)
{
	(void)state;
	assert_int_equal(fx.buffers, 0);
	dp_acl_free(fx.conf.deny);
	dp_acl_free(atomic_load(&fx.shared.blocked));
	dp_limit_rules_free(fx.conf.limit);
	dp_limit_close(fx.shared.limit);
	fx_down();
	return 0;
}

static uint64_t outcomes(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < DP_OUTCOME_END; i++)
		sum += fx_count((enum dp_counter)i);
	return sum;
}

static void answer_all(void)
{
	for (unsigned i = 0; i < fx.forwards; i++)
		fx_answer(&fx.forward[i], DNS_RA, NULL);
}

/* Each asks for a name of its own, so that none joins another. */
static void ask_times_in_passes(const char *client, bool tcp, const char *zone, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		char name[32];

		snprintf(name, sizeof(name), "W%02u.%s", i, zone);
		fx_ask(client, tcp, (uint16_t)i, name, 1, i % 2 ? 1232 : 0);
	}
}

static void slips_are_short_and_truncated(void **state)
{
	unsigned slipped = 0;

	(void)state;
	ask_times_in_passes("192.0.2.1", false, "example.net", 25);
	assert_int_equal(fx.forwards, 5);
	for (unsigned i = 0; i < fx.replies; i++) {
		const struct fx_message *m = &fx.reply[i];
		bool edns = m->octets[11];

		if (!(m->octets[2] & DNS_TC >> 8))
			continue;
		slipped++;
		assert_int_equal(m->octets[3] & 0x0f, DNS_RCODE_NOERROR);
		assert_int_equal(m->len, 12 + 17 + 4 + (edns ? 11 : 0));	/* as long as the query */
		assert_memory_equal(m->octets + 4, edns ? "\0\1\0\0\0\0\0\1" : "\0\1\0\0\0\0\0\0", 8);
		assert_memory_equal(m->octets + 12, "\3W", 2);
		assert_memory_equal(m->octets + 16, "\7example\3net\0\0\1\0\1", 17);
	}
	assert_int_equal(slipped, 10);
	assert_int_equal(fx_count(DP_COUNT_LIMITED_SLIP), 10);
	assert_int_equal(fx_count(DP_COUNT_LIMITED_DROP), 10);
	answer_all();
	assert_int_equal(outcomes(), fx_count(DP_COUNT_QUERIES));
}

static void misses_over_the_limit_are_not_forwarded(void **state)
{
	(void)state;
	ask_times_in_passes("10.0.0.1", false, "example.com", 100);
	fx_ask("10.0.0.2", false, 1, "www.example.com", 1, 0);
	assert_int_equal(fx.forwards, 11);
	assert_int_equal(fx_count(DP_COUNT_LIMITED_CACHE_ONLY), 20);
	assert_int_equal(fx_count(DP_COUNT_LIMITED_DROP), 70);
	answer_all();
	assert_int_equal(outcomes(), fx_count(DP_COUNT_QUERIES));
}

/* REFUSED, FORMERR and the node's own names, to clients who may be somebody else. */
static void own_answers_are_limited(void **state)
{
	uint8_t octets[300];

	(void)state;
	for (uint16_t i = 0; i < 45; i++) {
		uint32_t len = i % 3 == 0 ? fx_query(octets, i, DNS_RD, "www.example.com", 1, DNS_CLASS_IN, 0) :
			       fx_query(octets, i, 0, "id.server", DNS_TYPE_TXT, DNS_CLASS_CH, 0);

		octets[5] = i % 3 == 1 ? 2 : 1;		/* questions */
		fx_ask_wire("192.0.2.1", false, octets, len);
		dp_passes_queries(fx.worker);
	}
	assert_int_equal(fx_count(DP_COUNT_REFUSED_ACL) + fx_count(DP_COUNT_FORMERR_QDCOUNT) +
			 fx_count(DP_COUNT_LOCAL), 5);
	assert_int_equal(fx_count(DP_COUNT_LIMITED_SLIP), 20);
	assert_int_equal(fx_count(DP_COUNT_LIMITED_DROP), 20);
	assert_int_equal(fx.replies, 25);
}

static void tcp_clients_hear_of_it(void **state)
{
	(void)state;
	ask_times_in_passes("10.0.0.1", true, "example.com", 40);
	assert_int_equal(fx.replies, 30);
	assert_int_equal(fx_count(DP_COUNT_LIMITED_REFUSED), 30);
	assert_int_equal(fx.reply[29].octets[3] & 0x0f, DNS_RCODE_REFUSED);
	answer_all();
}

/* The answer to an address query with so many records, by server and query alike. */
static void long_answer(struct dp_packet *p)
{
	uint32_t records = 50, at = p->payload_len;

	for (uint32_t i = 1; i < records; i++, at += 16)
		memcpy(p->payload + at, "\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4\xc0\0\2\1", 16);
	p->payload[7] = (uint8_t)records;
	p->payload[11] = 0;				/* no OPT: it would stand in their midst */
	memmove(p->payload + p->payload_len - 11, p->payload + p->payload_len, 16 * (records - 1));
	p->payload_len = at - 11;
}

static void strangers_get_no_amplifier(void **state)
{
	static const struct { const char *client; bool tcp; bool cut; } cases[] = {
		{ "192.0.2.1", false, true }, { "192.0.2.2", true, false }, { "10.0.0.1", false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fx_ask(cases[i].client, cases[i].tcp, 7, "www.example.net", 1, 1232);
		assert_int_equal(fx.forwards, i + 1);
		fx_answer(&fx.forward[i], DNS_AA, long_answer);
		assert_int_equal(fx.replies, i + 1);
		assert_int_equal(!!(fx.reply[i].octets[2] & DNS_TC >> 8), cases[i].cut);
		assert_true(cases[i].cut ? fx.reply[i].len <= 512 : fx.reply[i].len > 800);
	}
}

static struct dp_acl *list_of(const char *text, bool in_filter, uint16_t let_through)
{
	struct dp_acl_rule rule = { .allow = in_filter, .value = let_through };

	prefix_parse(text, &rule.prefix);
	return dp_acl_new(&rule, 1);
}

static void denied_clients_hear_nothing(void **state)
{
	uint8_t octets[300];

	(void)state;
	fx.conf.deny = list_of("192.0.2.0/24", true, 0);
	fx_ask("192.0.2.9", false, 1, "www.example.net", 1, 0);
	fx_ask("192.0.2.9", true, 1, "www.example.net", 1, 0);
	fx_ask("192.0.2.9", false, 1, "www.example.com", 1, 0);		/* would be REFUSED */
	fx_ask_wire("192.0.2.9", false, octets, fx_query(octets, 1, DNS_OPCODE_NOTIFY << 11, "a.b", 1, 1, 0));
	fx_ask_wire("192.0.2.9", false, octets, fx_query(octets, 1, 0, "id.server", DNS_TYPE_TXT, DNS_CLASS_CH, 0));
	dp_passes_queries(fx.worker);
	assert_int_equal(fx.replies, 0);
	assert_int_equal(fx.forwards, 0);
	assert_int_equal(fx_count(DP_COUNT_DROP_DENIED), 5);
	fx_ask("192.0.3.9", false, 1, "www.example.net", 1, 0);
	assert_int_equal(fx.forwards, 1);
	fx.worker->self.canary_asked = 1;	/* the node's own query has no address to be blocked */
	dp_passes_housekeeping(fx.worker);
	assert_int_equal(fx.worker->self.canary_answered, 1);
	answer_all();
}

static void blocked_clients_are_let_through_now_and_then(void **state)
{
	(void)state;
	atomic_store(&fx.shared.blocked, list_of("192.0.2.0/24", false, 10));
	dp_passes_begin(fx.worker, fx.now_ns);
	ask_times_in_passes("192.0.2.9", false, "example.net", 40);
	assert_int_equal(fx.forwards, 4);
	assert_int_equal(fx_count(DP_COUNT_DROP_DENIED), 36);
	dp_acl_free(atomic_exchange(&fx.shared.blocked, list_of("192.0.2.0/24", true, 10)));
	fx_pass_ms(10);
	fx_ask("192.0.2.9", false, 1, "www.example.net", 1, 0);		/* the filter's choice already */
	assert_int_equal(fx.forwards, 5);
	answer_all();
}

static void busy_clients_are_known(void **state)
{
	struct dp_limit_conf conf = pass_conf();
	uint8_t octets[300];
	size_t n;

	(void)state;
	conf.kind[POOL_AUTHORITATIVE].qps = 0;
	dp_limit_rules_free(fx.conf.limit);
	fx.conf.limit = dp_limit_rules_new(&conf);
	for (unsigned i = 0; i < 4000; i++) {	/* 2000 a second */
		fx_ask_wire("10.0.0.2", false, octets, fx_query(octets, 1, 0, "id.server", DNS_TYPE_TXT,
								DNS_CLASS_CH, 0));
		dp_passes_queries(fx.worker);
		fx_ask("10.0.0.1", false, 1, "www.example.com", 1, 0);
		if (i % 20 == 0) {
			answer_all();
			fx.forwards = fx.replies = 0;
			fx_pass_ms(10);
		}
	}
	answer_all();
	n = dp_offenders_merge(rows, dp_offenders_read(fx.worker->offenders, rows, fx.now_ns));
	assert_int_equal(n, 2);
	for (size_t i = 0; i < n; i++) {
		bool is_limited = rows[i].prefix.addr.bytes[15] == 1;

		assert_int_equal(rows[i].prefix.len, 128);
		assert_in_range(rows[i].queries, 3000, 5000);	/* some by sample */
		assert_int_equal(rows[i].limited, is_limited ? fx_count(DP_COUNT_LIMITED_DROP) +
				 fx_count(DP_COUNT_LIMITED_CACHE_ONLY) : 0);
	}
}

/* Random names below one domain, from clients that each ask once: what fails is the domain's, and nobody else's. */
static void failing_names_spare_their_servers(void **state)
{
	struct dp_limit_conf conf = conf_narrow();
	char name[64], client[32];
	unsigned forwards = 0;

	(void)state;
	conf.failures_qps = 10;
	dp_limit_rules_free(fx.conf.limit);
	fx.conf.limit = dp_limit_rules_new(&conf);
	for (unsigned i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "r%u.victim.com", i);
		snprintf(client, sizeof(client), "10.1.%u.1", i);
		fx_ask(client, false, (uint16_t)i, name, 1, 0);
		if (fx.forwards > forwards)
			fx_answer(&fx.forward[forwards++ % FX_MESSAGES],
				  i % 2 ? DNS_RCODE_NXDOMAIN : DNS_RCODE_SERVFAIL,
				  NULL);
	}
	assert_int_equal(fx.forwards, 20);
	assert_int_equal(fx_count(DP_COUNT_LIMITED_NAME), 40);
	assert_int_equal(fx.reply[59].octets[3] & 0x0f, DNS_RCODE_SERVFAIL);
	assert_int_equal(outcomes(), fx_count(DP_COUNT_QUERIES));

	/* neither the domain itself, nor its neighbours, nor the same client elsewhere */
	fx_ask("10.1.59.1", false, 1, "victim.com", 1, 0);
	fx_ask("10.1.59.1", false, 1, "www.elsewhere.com", 1, 0);
	fx_ask("10.1.59.1", false, 1, "a.b.victim.com", 1, 0);
	assert_int_equal(fx.forwards, 23);
	for (; forwards < fx.forwards; forwards++)
		fx_answer(&fx.forward[forwards], DNS_RCODE_NXDOMAIN, NULL);

	/* a tenth of a second allows one more; silence counts as well */
	fx_pass_ms(100);
	fx_ask("10.1.0.1", false, 1, "once.victim.com", 1, 0);
	assert_int_equal(fx.forwards, 24);
	fx_pass_ms(3000);
	assert_int_equal(fx_count(DP_COUNT_FORWARDED_TIMEOUT), 1);
	for (unsigned i = 0; i < 19; i++) {
		snprintf(name, sizeof(name), "s%u.victim.com", i);
		fx_ask("10.1.0.2", false, (uint16_t)i, name, 1, 0);
	}
	fx_pass_ms(3000);
	assert_int_equal(fx_count(DP_COUNT_FORWARDED_TIMEOUT), 20);
	/* what succeeds counts for nothing */
	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "t%u.sound.com", i);
		snprintf(client, sizeof(client), "10.2.%u.1", i);
		forwards = fx.forwards;
		fx_ask(client, false, (uint16_t)i, name, 1, 0);
		fx_answer(&fx.forward[forwards % FX_MESSAGES], 0, NULL);
	}
	assert_int_equal(fx_count(DP_COUNT_LIMITED_NAME), 40);
	assert_true(fx_balanced());
}

/* Everything below "com." would be one name. */
static void tlds_are_not_failing(void **state)
{
	struct dp_limit_conf conf = conf_narrow();
	char name[64], client[32];

	(void)state;
	conf.failures_qps = 1;
	dp_limit_rules_free(fx.conf.limit);
	fx.conf.limit = dp_limit_rules_new(&conf);
	for (unsigned i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "r%u.com", i);
		snprintf(client, sizeof(client), "10.1.%u.1", i);
		fx_ask(client, false, (uint16_t)i, name, 1, 0);
		fx_answer(&fx.forward[i], DNS_RCODE_NXDOMAIN, NULL);
	}
	assert_int_equal(fx.forwards, 50);
}

#define IN_PASSES(description, function) { description, function, set_up, tear_down, NULL }

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("D180 rate and burst hold within 5 % over 60 s at ten times the limit", rate_and_burst_hold),
		CASE("D180 from one query a second to a million", any_rate_holds),
		CASE("a burst is two seconds' worth by default", burst_is_twice_the_rate_by_default),
		CASE("D180 four threads share one bucket", threads_share_one_bucket),
		CASE("D181 a loud host does not silence its neighbours", loud_host_does_not_silence_neighbours),
		CASE("D181 sources spread over a /24 and a /20 are held", spread_sources_are_held),
		CASE("D180 D181 IPv6 clients are a /56, with a /48 around them", ipv6_hosts_count_by_their_prefix),
		CASE("D182 over the limit answers come from the cache alone, up to a ceiling",
		     cache_only_up_to_a_ceiling),
		CASE("D182 every nth slips, for each client", every_nth_slips),
		CASE("D182 the action is that of the pool's kind", actions_by_kind),
		CASE("D184 TCP has buckets of its own, and more in them", tcp_has_its_own_higher_limit),
		CASE("D185 exempt prefixes are not limited and count toward no wider one",
		     exempt_prefixes_count_nowhere),
		CASE("D185 prefixes with rates of their own", overrides_have_their_own_rates),
		CASE("without a rate nothing is limited", nothing_is_limited_by_default),
		CASE("D186 a flood of 20 million spoofed IPv4 sources frees no offender", spoofed_ipv4_flood),
		CASE("D186 a flood of 20 million spoofed IPv6 sources frees no offender", spoofed_ipv6_flood),
		CASE("D189 a new Active starts with full buckets, one burst wide", new_active_starts_with_full_buckets),
		CASE("a reload changes rules and keeps buckets", rules_change_buckets_stay),
		CASE("buckets are right after years", time_comes_round),
		CASE("D187 answers to strangers have a bound", answers_to_strangers_are_bounded),
		CASE("D188 offenders by prefix, with rates, first and last seen", offenders_are_listed),
		CASE("D188 a flood moves no offender off the list", flood_moves_no_offender),
		CASE("a row is read whole while it changes", rows_are_read_whole),
		IN_PASSES("D183 slip: TC = 1, question and OPT only, no longer than the query",
			  slips_are_short_and_truncated),
		IN_PASSES("D182 over the limit a miss is not forwarded", misses_over_the_limit_are_not_forwarded),
		IN_PASSES("D182 what the node answers itself is limited as well", own_answers_are_limited),
		IN_PASSES("D184 over TCP it is REFUSED, not silence", tcp_clients_hear_of_it),
		IN_PASSES("D187 a stranger's long answer over UDP is cut", strangers_get_no_amplifier),
		IN_PASSES("denied clients hear nothing, whatever they ask", denied_clients_hear_nothing),
		IN_PASSES("of a blocked client every nth query passes", blocked_clients_are_let_through_now_and_then),
		IN_PASSES("D190 random names below a domain: its servers are spared, nothing else is",
			  failing_names_spare_their_servers),
		IN_PASSES("D190 what fails below a TLD holds back nobody", tlds_are_not_failing),
		IN_PASSES("D188 who asks within the limit is known by sample", busy_clients_are_known),
	};

	return RUN(cases);
}
