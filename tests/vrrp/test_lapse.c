/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_lapse.c - a state machine that came too late, cannot speak, or has failed: what it may still say, how long it
 * listens, and when it may preempt.
 */
#include "tests/vrrp/bench.h"

/* ---- the lease ---- */

static void test_sends_fail(void **state)
{
	struct bench b;
	uint64_t taken;

	(void)state;
	bench_in(&b, VRRP_ACTIVE);
	taken = b.now;
	b.refuses = true;
	turn_at(&b, taken + 1000 * MS);
	turn_at(&b, taken + 2000 * MS);
	assert_done(&b, "refused refused");
	assert_int_equal(b.lease_until, taken + 3000 * MS);
	turn_at(&b, taken + 3000 * MS);
	assert_done(&b, "revoke Active>Backup");
	assert_int_equal(b.router.send_errors, 2);
	assert_int_equal(b.router.lapsed, 1);
	assert_non_null(strstr(b.router.cause, "3000 ms ago"));
	assert_int_equal(b.router.down_due_ns, b.now + vrrp_down_ns(100, 100));

	bench_in(&b, VRRP_ACTIVE);	/* one that gets through in time is enough */
	taken = b.now;
	b.refuses = true;
	turn_at(&b, taken + 1000 * MS);
	b.refuses = false;
	turn_at(&b, taken + 2000 * MS);
	assert_done(&b, "refused say:100");
	assert_int_equal(b.lease_until, taken + 5000 * MS);
	turn_at(&b, taken + 3000 * MS);
	assert_done(&b, "say:100");
}

static void test_lapsed_first(void **state)
{
	static const struct {
		enum vrrp_event event;
		const char *done;
	} events[] = {
		{ VRRP_EV_ADVERT_DUE, "revoke Active>Backup" },
		{ VRRP_EV_RELEASE, "revoke Active>Backup Backup>Initialize" },
		{ VRRP_EV_FAULT, "revoke Active>Backup Backup>Initialize" },
		{ VRRP_EV_DEMOTE, "revoke Active>Backup" },
		{ VRRP_EV_PEER_RELEASES, "revoke Active>Backup" },
		{ VRRP_EV_PEER_BETTER, "revoke Active>Backup" },
		{ VRRP_EV_PEER_WORSE, "revoke Active>Backup" },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		struct bench b;

		bench_in(&b, VRRP_ACTIVE);
		b.now = b.lease_until;
		b.router.peer.heard_ns = b.now;
		raise_event(&b, events[i].event);
		assert_done(&b, events[i].done);
		assert_int_equal(b.router.lapsed, 1);
	}
}

/* Stopped and continued: adverts of the new Active wait in the socket, a worse or a better one. */
static void test_frozen_active(void **state)
{
	static const uint8_t priorities[] = { 50, 100, 200 };

	(void)state;
	for (unsigned i = 0; i < 6; i++) {
		struct bench b;

		bench_in(&b, VRRP_ACTIVE);
		b.conf.preempt_delay_ms = 30000;
		b.now += 7000 * MS;
		for (unsigned n = i < 3 ? 1 : 3; n-- > 0;)
			hear_from(&b, "192.0.2.2", priorities[i % 3], 100, b.now - (n * 1000 + 300) * MS);
		turn_at(&b, b.now);
		assert_done(&b, "revoke Active>Backup");
		/* it is ours no more: a box that stood still does not take it back at once either */
		assert_int_equal(b.router.down_due_ns, b.now - 300 * MS + vrrp_down_ns(100, 100));
	}
}

static void test_frozen_active_alone(void **state)
{
	struct bench b;

	(void)state;
	bench_in(&b, VRRP_ACTIVE);
	turn_at(&b, b.now + 60000 * MS);
	assert_done(&b, "revoke Active>Backup");
	assert_int_equal(b.router.late, 1);
	turn_at(&b, b.router.down_due_ns - 1);
	assert_done(&b, "");
	turn_at(&b, b.router.down_due_ns);
	assert_done(&b, "take:100 announce Backup>Active");

	bench_in(&b, VRRP_ACTIVE);	/* by elapsed time alone, whatever the lease's clock says */
	b.lease_until = UINT64_MAX;
	turn_at(&b, b.router.adver_due_ns + vrrp_down_ns(100, 100) - 1);
	assert_done(&b, "say:100");
	b.lease_until = UINT64_MAX;
	turn_at(&b, b.router.adver_due_ns + vrrp_down_ns(100, 100));
	assert_done(&b, "revoke Active>Backup");
	assert_int_equal(b.router.lapsed, 0);
	assert_int_equal(b.router.down_due_ns, b.now + vrrp_down_ns(100, 100));
}

/* A peer with a longer interval may be Active now; its next advertisement is not due for long. */
static void test_slower_peer(void **state)
{
	struct bench b;

	(void)state;
	bench_in(&b, VRRP_ACTIVE);
	hear_from(&b, "192.0.2.2", 50, 400, b.now);
	b.done[0] = '\0';
	turn_at(&b, b.now + 60000 * MS);
	assert_done(&b, "revoke Active>Backup");
	assert_int_equal(b.router.down_due_ns, b.now + vrrp_down_ns(100, 400));
}

/* ---- being late ---- */

static void test_late_backup(void **state)
{
	struct bench b;
	uint64_t due;

	(void)state;
	bench_in(&b, VRRP_BACKUP);	/* late by an interval at most: believed */
	turn_at(&b, b.router.down_due_ns + 1000 * MS);
	assert_done(&b, "take:100 announce Backup>Active");
	assert_int_equal(b.router.late, 0);

	bench_in(&b, VRRP_BACKUP);	/* later: listens for Skew_Time, once */
	turn_at(&b, b.router.down_due_ns + 1000 * MS + 1);
	assert_done(&b, "");
	assert_int_equal(b.router.late, 1);
	assert_int_equal(b.router.down_due_ns, b.now + vrrp_skew_ns(100, 100));
	turn_at(&b, b.router.down_due_ns + 5000 * MS);
	assert_done(&b, "take:100 announce Backup>Active");
	assert_int_equal(b.router.late, 2);

	bench_in(&b, VRRP_BACKUP);	/* what it hears then counts, and the next time it listens again */
	turn_at(&b, b.router.down_due_ns + 2000 * MS);
	b.now += 100 * MS;
	hear(&b, 200);
	due = b.router.down_due_ns;
	assert_int_equal(due, b.now + vrrp_down_ns(100, 100));
	turn_at(&b, due + 2000 * MS);
	assert_done(&b, "");
	assert_int_equal(b.router.down_due_ns, b.now + vrrp_skew_ns(100, 100));
}

static void test_adverts_wait(void **state)
{
	struct bench b;

	(void)state;
	bench_in(&b, VRRP_BACKUP);
	hear(&b, 200);
	b.now += 4000 * MS;		/* past the down timer; the frames lay in the socket */
	for (unsigned n = 3; n-- > 0;)
		hear_from(&b, "192.0.2.2", 200, 100, b.now - (n * 1000 + 600) * MS);
	turn_at(&b, b.now);
	assert_done(&b, "");
	assert_int_equal(b.router.state, VRRP_BACKUP);
	assert_int_equal(b.router.down_due_ns, b.now - 600 * MS + vrrp_down_ns(100, 100));
}

/* A receive stamp is wall-clock time turned into ours: a step in between makes it nonsense. */
static void test_wall_clock(void **state)
{
	struct bench b;

	(void)state;
	bench_in(&b, VRRP_BACKUP);
	for (unsigned i = 0; i < 20; i++) {
		turn_at(&b, b.now + 990 * MS);
		b.now += 10 * MS;
		hear_from(&b, "192.0.2.2", 200, 100, i % 2 ? b.now + year : 0);
		assert_in_range(b.router.down_due_ns, b.now - 10 * MS + vrrp_down_ns(100, 100),
				b.now + vrrp_down_ns(100, 100));
		turn_at(&b, b.now);
	}
	assert_done(&b, "");
	assert_int_equal(b.router.missed, 0);
}

/* ---- priority, preemption, health ---- */

static void test_priority(void **state)
{
	static const struct {
		uint8_t priority, weights, effective;
	} cases[] = {
		{ 100, 0, 100 }, { 100, 30, 70 }, { 100, 99, 1 }, { 100, 100, 1 }, { 100, 253, 1 },
		{ 254, 253, 1 }, { 254, 0, 254 }, { 1, 0, 1 }, { 1, 1, 1 },
	};
	struct bench b;

	(void)state;
	bench_init(&b);
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		b.conf.priority = cases[i].priority;
		vrrp_router_weights(&b.router, cases[i].weights, b.now);
		assert_int_equal(vrrp_router_priority(&b.router), cases[i].effective);
	}
	bench_in(&b, VRRP_ACTIVE);
	vrrp_router_weights(&b.router, 40, b.now);
	turn_at(&b, b.router.adver_due_ns);
	assert_done(&b, "say:60");
}

static void test_demoted(void **state)
{
	struct bench b;

	(void)state;
	bench_in(&b, VRRP_ACTIVE);
	b.conf.preempt_delay_ms = 30000;
	raise_event(&b, VRRP_EV_DEMOTE);
	assert_done(&b, "revoke say:0 Active>Backup");
	assert_int_equal(b.router.down_due_ns, b.now + vrrp_down_ns(1, 100));
	turn_at(&b, b.router.down_due_ns);	/* nobody else is there */
	assert_done(&b, "take:1 announce Backup>Active");
	raise_event(&b, VRRP_EV_DEMOTE);	/* one more fault is no reason to release again */
	turn_at(&b, b.router.adver_due_ns);
	assert_done(&b, "say:1");
	hear(&b, 2);
	assert_done(&b, "linger Active>Backup");

	vrrp_router_recovered(&b.router, b.now);
	assert_int_equal(vrrp_router_priority(&b.router), 100);
	b.now += 29999 * MS;
	hear(&b, 2);
	assert_int_equal(b.router.down_due_ns, b.now + vrrp_down_ns(100, 100));	/* not yet preempting */
	b.now += 1 * MS;
	hear(&b, 2);
	assert_int_equal(b.router.down_due_ns, b.now - 1 * MS + vrrp_down_ns(100, 100));
}

static void test_hold_off(void **state)
{
	struct bench b;
	uint64_t from;

	(void)state;
	bench_init(&b);
	b.conf.preempt_delay_ms = 30000;
	start_backup(&b);
	from = b.now;
	while (b.now < from + 29500 * MS) {
		b.now += 500 * MS;
		hear(&b, 50);
		turn_at(&b, b.now);
	}
	assert_done(&b, "");
	turn_at(&b, b.router.down_due_ns - vrrp_down_ns(100, 100) + 500 * MS);
	for (unsigned i = 0; b.router.state == VRRP_BACKUP; i++) {
		assert_true(i < 8);
		hear(&b, 50);
		turn_at(&b, b.now + 500 * MS);
	}
	assert_done(&b, "take:100 announce Backup>Active");
	assert_non_null(strstr(b.router.cause, "192.0.2.2 is preempted"));
	assert_true(b.now >= from + 30000 * MS && b.now <= from + 34000 * MS);
}

static void test_hold_off_bounds(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);		/* held off, yet a releasing peer is replaced after Skew_Time */
	b.conf.preempt_delay_ms = 30000;
	start_backup(&b);
	hear(&b, 50);
	hear(&b, 0);
	turn_at(&b, b.now + vrrp_skew_ns(100, 100));
	assert_done(&b, "take:100 announce Backup>Active");

	bench_init(&b);		/* and a silent one after the down interval */
	b.conf.preempt_delay_ms = 30000;
	start_backup(&b);
	hear(&b, 50);
	turn_at(&b, b.now + vrrp_down_ns(100, 100));
	assert_done(&b, "take:100 announce Backup>Active");
	assert_non_null(strstr(b.router.cause, "192.0.2.2 is silent"));
	raise_event(&b, VRRP_EV_RELEASE);
	b.now += 60000 * MS;
	b.done[0] = '\0';
	start_backup(&b);	/* back from a planned release: at once */
	assert_true(b.router.preempt_from_ns <= b.now);
	raise_event(&b, VRRP_EV_FAULT);
	start_backup(&b);	/* back from a fault: not */
	assert_int_equal(b.router.preempt_from_ns, b.now + 30000 * MS);
}

/* A condition that comes and goes every second, beside a healthy peer in between: priorities 250 - 100 and 200. */
static void test_flapping(void **state)
{
	struct bench b;
	uint64_t switches;

	(void)state;
	bench_init(&b);
	b.conf.priority = 250;
	b.conf.interval_cs = 10;
	b.conf.preempt_delay_ms = 10000;
	start_active(&b);
	switches = b.router.transitions;
	for (unsigned i = 0; i < 120; i++) {
		vrrp_router_weights(&b.router, i % 2 ? 0 : 100, b.now);
		for (unsigned n = 0; n < 10; n++) {
			turn_at(&b, b.now + 100 * MS);
			/* the peer preempts a lower Active, and advertises while it is Active */
			if (b.router.state == VRRP_BACKUP || vrrp_router_priority(&b.router) < 200)
				hear_from(&b, "192.0.2.2", 200, 10, b.now);
			b.done[0] = '\0';
		}
	}
	assert_in_range(b.router.transitions - switches, 1, 12);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("V159 sends that fail extend nothing; then it lapses without a word", test_sends_fail),
		CASE("V159 nothing is said on a lapsed lease, whatever happens first", test_lapsed_first),
		CASE("V079 V168 continued after a stop: hears the new Active, says nothing", test_frozen_active),
		CASE("V079 continued after a stop, alone: listens for the down interval", test_frozen_active_alone),
		CASE("after a lapse a slower peer is given its time", test_slower_peer),
		CASE("V081 a Backup far too late listens for Skew_Time, once", test_late_backup),
		CASE("V081 the clock jumps, three adverts wait: no promotion", test_adverts_wait),
		CASE("V074 receive stamps a year off move no timer", test_wall_clock),
		CASE("V165 weights keep the priority in 1-254", test_priority),
		CASE("V166 last resort: release, then stay in the election at priority 1", test_demoted),
		CASE("V164 after a start no preemption before preempt_delay", test_hold_off),
		CASE("V164 a silent or releasing peer is replaced at once all the same", test_hold_off_bounds),
		CASE("V164 a flapping weight switches at most once per preempt_delay", test_flapping),
	};

	return RUN(cases);
}
