/* SPDX-License-Identifier: BSD-2-Clause */
/* A server that is slow or gone: the query goes once more to another one. */
#include "tests/tap.h"

#include <stdio.h>

#include "tests/dataplane/fixture.h"

enum { RCODE_MASK = 0x0f };

static int set_up(void **state)
{
	(void)state;
	fx_up(10);
	fx.rec.retry_percent = fx.auth.retry_percent = 10;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fx_pass_ms(1100);
	for (unsigned i = 0; i < POOL_SERVERS_MAX; i++)
		assert_int_equal(fx.worker->loads[i].outstanding, 0);
	assert_true(fx_balanced());
	fx_down();
	return 0;
}

static void ask(uint16_t id)
{
	char name[32];

	snprintf(name, sizeof(name), "n%u.example.com", id);
	fx_ask("10.0.0.1", false, id, name, 1, 0);
}

static void unreachable(const struct fx_message *m)
{
	dp_passes_unreachable(fx.worker, m->own_port, (uint16_t)(m->octets[0] << 8 | m->octets[1]));
}

static unsigned reply_rcode(void)
{
	return fx.reply[fx.replies - 1].octets[3] & RCODE_MASK;
}

static void slow_server_is_not_waited_for(void **state)
{
	(void)state;
	ask(1);
	fx_pass_ms(90);
	assert_int_equal(fx.forwards, 1);
	fx_pass_ms(15);						/* 100 ms, as long as nothing was learned */
	assert_int_equal(fx.forwards, 2);
	assert_ptr_not_equal(fx.forward[1].server, fx.forward[0].server);
	fx_answer(&fx.forward[1], DNS_RA, NULL);
	assert_int_equal(fx.replies, 1);
	assert_int_equal(reply_rcode(), DNS_RCODE_NOERROR);
	fx_answer(&fx.forward[0], DNS_RA, NULL);
	assert_int_equal(fx.replies, 1);
	assert_int_equal(fx_count(DP_COUNT_ANSWER_LATE), 1);
	assert_int_equal(fx_count(DP_COUNT_RETRIES), 1);
}

static void first_server_may_still_win(void **state)
{
	(void)state;
	ask(1);
	fx_pass_ms(105);
	fx_answer(&fx.forward[0], DNS_RA, NULL);
	assert_int_equal(fx.replies, 1);
	fx_answer(&fx.forward[1], DNS_RA, NULL);
	assert_int_equal(fx.replies, 1);
}

static void once_and_no_more(void **state)
{
	(void)state;
	ask(1);
	for (unsigned i = 0; i < 95; i++)
		fx_pass_ms(10);
	assert_int_equal(fx.forwards, 2);
	assert_int_equal(fx.replies, 0);
	fx_pass_ms(60);
	assert_int_equal(reply_rcode(), DNS_RCODE_SERVFAIL);
	assert_int_equal(fx.worker->loads[1].timeouts + fx.worker->loads[2].timeouts, 2);
}

static void patience_is_learned(void **state)
{
	struct pool_load load = { 0 };
	uint32_t patience;

	(void)state;
	assert_int_equal(pool_load_patience_us(&load), 100000);
	for (unsigned i = 0; i < 20000; i++)
		pool_load_latency(&load, 400);
	assert_int_equal(pool_load_patience_us(&load), 20000);
	for (unsigned i = 0; i < 1000; i++)
		pool_load_latency(&load, 3000000);
	assert_int_equal(pool_load_patience_us(&load), 500000);
	/* two in a hundred at 100 ms, the others at 1 ms: the mark stays near the slow ones */
	for (unsigned i = 0; i < 100000; i++)
		pool_load_latency(&load, i % 50 ? 1000 : 100000);
	patience = pool_load_patience_us(&load);
	assert_in_range(patience, 2 * 80000, 2 * 130000);
}

static void unreachable_server_is_left_at_once(void **state)
{
	(void)state;
	ask(1);
	unreachable(&fx.forward[0]);
	assert_int_equal(fx.forwards, 2);
	assert_ptr_not_equal(fx.forward[1].server, fx.forward[0].server);
	unreachable(&fx.forward[0]);				/* that attempt is over */
	assert_int_equal(fx.forwards, 2);
	unreachable(&fx.forward[1]);				/* and twice is enough */
	assert_int_equal(fx.forwards, 2);
	assert_int_equal(reply_rcode(), DNS_RCODE_SERVFAIL);
}

static void pool_of_one_has_nobody_else(void **state)
{
	(void)state;
	fx_ask("10.0.0.1", false, 1, "www.example.net", 1, 0);
	fx_pass_ms(500);
	assert_int_equal(fx.forwards, 1);
	unreachable(&fx.forward[0]);
	assert_int_equal(reply_rcode(), DNS_RCODE_SERVFAIL);
}

static void share_of_retries_is_capped(void **state)
{
	(void)state;
	fx.worker->retry_credit = 0;
	for (uint16_t i = 0; i < 200; i++)
		ask(i);
	fx_pass_ms(105);
	assert_int_equal(fx_count(DP_COUNT_RETRIES), 20);
	assert_int_equal(fx_count(DP_COUNT_RETRIES_CAPPED), 180);
	assert_int_equal(fx.forwards, 220);
}

static void none_when_switched_off(void **state)
{
	(void)state;
	fx.rec.retry_percent = 0;
	ask(1);
	fx_pass_ms(600);
	assert_int_equal(fx.forwards, 1);
	unreachable(&fx.forward[0]);
	assert_int_equal(reply_rcode(), DNS_RCODE_SERVFAIL);
}

static void outstanding_is_capped(void **state)
{
	(void)state;
	fx.rec.max_outstanding = 16;
	fx.worker->retry_credit = 0;
	for (uint16_t i = 0; i < 40; i++)
		ask(i);
	assert_int_equal(fx.forwards, 32);
	assert_int_equal(fx.worker->loads[1].outstanding, 16);
	assert_int_equal(fx_count(DP_COUNT_OVERLOAD), 8);
	assert_int_equal(reply_rcode(), DNS_RCODE_SERVFAIL);
	fx_answer(&fx.forward[0], DNS_RA, NULL);
	ask(50);
	assert_int_equal(fx.forwards, 33);
}

static void truncated_after_retry_is_fetched(void **state)
{
	(void)state;
	fx_ask("10.0.0.1", true, 8, "big.example.com", 1, 0);
	fx_pass_ms(105);
	assert_int_equal(fx.forwards, 2);
	fx_answer(&fx.forward[1], DNS_TC | DNS_RA, NULL);
	assert_int_equal(fx.forwards, 3);
	assert_true(fx.forward[2].tcp);
	assert_ptr_equal(fx.forward[2].server, fx.forward[1].server);
	fx_answer(&fx.forward[2], DNS_RA, NULL);
	assert_int_equal(fx.replies, 1);
}

#define IN_FIXTURE(description, function) { description, function, set_up, tear_down, NULL }

int main(void)
{
	const struct CMUnitTest cases[] = {
		IN_FIXTURE("D090 a slow server: another is asked, one reply", slow_server_is_not_waited_for),
		IN_FIXTURE("D090 D086 the first answer wins, the other is counted", first_server_may_still_win),
		IN_FIXTURE("D090 once, then SERVFAIL at the deadline", once_and_no_more),
		IN_FIXTURE("D090 patience is twice the 99th percentile, 20 ms to 500 ms", patience_is_learned),
		IN_FIXTURE("D091 an unreachable server is left at once", unreachable_server_is_left_at_once),
		IN_FIXTURE("D090 a pool of one has nobody else to ask", pool_of_one_has_nobody_else),
		IN_FIXTURE("D090 retries are at most their share of the queries", share_of_retries_is_capped),
		IN_FIXTURE("D090 none with retry_percent = 0", none_when_switched_off),
		IN_FIXTURE("D227 D233 a server has no more outstanding than its cap", outstanding_is_capped),
		IN_FIXTURE("D064 D090 TC after a retry is still fetched by TCP", truncated_after_retry_is_fetched),
	};

	return RUN(cases);
}
