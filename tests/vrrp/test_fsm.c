/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_fsm.c - the state machine: every cell of its table, the elections, and what is noted of the peer. The lease,
 * lateness and preemption are in test_lapse.c.
 */
#include "tests/vrrp/bench.h"

#include <pthread.h>

/* ---- the table ---- */

enum timer { NONE, KEPT, INTERVAL, DOWN, SKEW, WAIT };

struct cell {
	enum vrrp_state state;
	enum vrrp_event event;
	enum vrrp_state next;
	const char *done;
	enum timer adver, down;
};

static const struct cell cells[] = {
	{ VRRP_INITIALIZE, VRRP_EV_STARTUP, VRRP_BACKUP, "Initialize>Backup", NONE, DOWN },
	{ VRRP_INITIALIZE, VRRP_EV_RELEASE, VRRP_INITIALIZE, "", NONE, NONE },
	{ VRRP_INITIALIZE, VRRP_EV_FAULT, VRRP_INITIALIZE, "", NONE, NONE },
	{ VRRP_INITIALIZE, VRRP_EV_DEMOTE, VRRP_INITIALIZE, "", NONE, NONE },
	{ VRRP_INITIALIZE, VRRP_EV_ADVERT_DUE, VRRP_INITIALIZE, "", NONE, NONE },
	{ VRRP_INITIALIZE, VRRP_EV_PEER_SILENT, VRRP_INITIALIZE, "", NONE, NONE },
	{ VRRP_INITIALIZE, VRRP_EV_PEER_RELEASES, VRRP_INITIALIZE, "", NONE, NONE },
	{ VRRP_INITIALIZE, VRRP_EV_PEER_BETTER, VRRP_INITIALIZE, "", NONE, NONE },
	{ VRRP_INITIALIZE, VRRP_EV_PEER_WORSE, VRRP_INITIALIZE, "", NONE, NONE },
	{ VRRP_INITIALIZE, VRRP_EV_LAPSED, VRRP_INITIALIZE, "", NONE, NONE },
	{ VRRP_INITIALIZE, VRRP_EV_LATE, VRRP_INITIALIZE, "", NONE, NONE },
	{ VRRP_INITIALIZE, VRRP_EV_GROUP_LOST, VRRP_INITIALIZE, "", NONE, NONE },
	{ VRRP_INITIALIZE, VRRP_EV_GROUP_FAILED, VRRP_INITIALIZE, "", NONE, NONE },
	{ VRRP_INITIALIZE, VRRP_EV_GROUP_DOWN, VRRP_INITIALIZE, "", NONE, NONE },
	{ VRRP_INITIALIZE, VRRP_EV_PEER_ELSEWHERE, VRRP_INITIALIZE, "", NONE, NONE },

	{ VRRP_BACKUP, VRRP_EV_STARTUP, VRRP_BACKUP, "", NONE, KEPT },
	{ VRRP_BACKUP, VRRP_EV_RELEASE, VRRP_INITIALIZE, "Backup>Initialize", NONE, NONE },
	{ VRRP_BACKUP, VRRP_EV_FAULT, VRRP_INITIALIZE, "Backup>Initialize", NONE, NONE },
	{ VRRP_BACKUP, VRRP_EV_DEMOTE, VRRP_BACKUP, "", NONE, KEPT },
	{ VRRP_BACKUP, VRRP_EV_ADVERT_DUE, VRRP_BACKUP, "", NONE, KEPT },
	{ VRRP_BACKUP, VRRP_EV_PEER_SILENT, VRRP_ACTIVE, "take:100 announce Backup>Active", INTERVAL, NONE },
	{ VRRP_BACKUP, VRRP_EV_PEER_RELEASES, VRRP_BACKUP, "", NONE, SKEW },
	{ VRRP_BACKUP, VRRP_EV_PEER_BETTER, VRRP_BACKUP, "", NONE, DOWN },
	{ VRRP_BACKUP, VRRP_EV_PEER_WORSE, VRRP_BACKUP, "", NONE, KEPT },
	{ VRRP_BACKUP, VRRP_EV_LAPSED, VRRP_BACKUP, "", NONE, KEPT },
	{ VRRP_BACKUP, VRRP_EV_LATE, VRRP_BACKUP, "", NONE, SKEW },
	{ VRRP_BACKUP, VRRP_EV_GROUP_LOST, VRRP_BACKUP, "", NONE, KEPT },
	{ VRRP_BACKUP, VRRP_EV_GROUP_FAILED, VRRP_BACKUP, "", NONE, KEPT },
	{ VRRP_BACKUP, VRRP_EV_GROUP_DOWN, VRRP_INITIALIZE, "Backup>Initialize", NONE, NONE },
	{ VRRP_BACKUP, VRRP_EV_PEER_ELSEWHERE, VRRP_BACKUP, "", NONE, WAIT },

	{ VRRP_ACTIVE, VRRP_EV_STARTUP, VRRP_ACTIVE, "", KEPT, NONE },
	{ VRRP_ACTIVE, VRRP_EV_RELEASE, VRRP_INITIALIZE, "linger say:0 Active>Initialize", NONE, NONE },
	{ VRRP_ACTIVE, VRRP_EV_FAULT, VRRP_INITIALIZE, "revoke say:0 Active>Initialize", NONE, NONE },
	{ VRRP_ACTIVE, VRRP_EV_DEMOTE, VRRP_BACKUP, "revoke say:0 Active>Backup", NONE, DOWN },
	{ VRRP_ACTIVE, VRRP_EV_ADVERT_DUE, VRRP_ACTIVE, "say:100", INTERVAL, NONE },
	{ VRRP_ACTIVE, VRRP_EV_PEER_SILENT, VRRP_ACTIVE, "", KEPT, NONE },
	{ VRRP_ACTIVE, VRRP_EV_PEER_RELEASES, VRRP_ACTIVE, "say:100 announce", INTERVAL, NONE },
	{ VRRP_ACTIVE, VRRP_EV_PEER_BETTER, VRRP_BACKUP, "linger Active>Backup", NONE, DOWN },
	{ VRRP_ACTIVE, VRRP_EV_PEER_WORSE, VRRP_ACTIVE, "say:100 announce", KEPT, NONE },
	{ VRRP_ACTIVE, VRRP_EV_LAPSED, VRRP_BACKUP, "revoke Active>Backup", NONE, DOWN },
	{ VRRP_ACTIVE, VRRP_EV_LATE, VRRP_BACKUP, "revoke Active>Backup", NONE, DOWN },
	{ VRRP_ACTIVE, VRRP_EV_GROUP_LOST, VRRP_BACKUP, "linger Active>Backup", NONE, DOWN },
	{ VRRP_ACTIVE, VRRP_EV_GROUP_FAILED, VRRP_BACKUP, "linger say:0 Active>Backup", NONE, DOWN },
	{ VRRP_ACTIVE, VRRP_EV_GROUP_DOWN, VRRP_INITIALIZE, "linger say:0 Active>Initialize", NONE, NONE },
	{ VRRP_ACTIVE, VRRP_EV_PEER_ELSEWHERE, VRRP_ACTIVE, "", KEPT, NONE },
};

static uint64_t timer_due(const struct bench *b, enum timer timer, uint64_t before)
{
	uint8_t priority = vrrp_router_priority(&b->router);

	switch (timer) {
	case KEPT:
		return before;
	case INTERVAL:
		return b->now + vrrp_interval_ns(100);
	case DOWN:
		return b->now + vrrp_down_ns(priority, 100);
	case SKEW:
		return b->now + vrrp_skew_ns(priority, 100);
	case WAIT:
		return b->now + 100 * MS;
	default:
		return 0;
	}
}

static void assert_cell(const struct cell *cell)
{
	struct bench b;
	uint64_t adver, down;

	bench_in(&b, cell->state);
	b.now += 30 * MS;
	b.router.peer.heard_ns = b.now;
	b.router.peer.interval_cs = 100;
	adver = b.router.adver_due_ns;
	down = b.router.down_due_ns;
	raise_event(&b, cell->event);
	assert_int_equal(b.router.state, cell->next);
	assert_done(&b, cell->done);
	assert_int_equal(b.router.adver_due_ns, timer_due(&b, cell->adver, adver));
	assert_int_equal(b.router.down_due_ns, timer_due(&b, cell->down, down));
	if (cell->next == cell->state)
		return;
	assert_int_equal(b.router.since_ns, b.now);
	assert_string_equal(b.router.cause, "test");
}

static void assert_cells(enum vrrp_state state)
{
	unsigned seen = 0;

	for (unsigned i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
		if (cells[i].state != state)
			continue;
		assert_cell(&cells[i]);
		seen |= 1u << cells[i].event;
	}
	assert_int_equal(seen, (1u << VRRP_EVENTS) - 1);
}

static void test_cells_initialize(void **state)
{
	(void)state;
	assert_cells(VRRP_INITIALIZE);
}

static void test_cells_backup(void **state)
{
	(void)state;
	assert_cells(VRRP_BACKUP);
}

static void test_cells_active(void **state)
{
	(void)state;
	assert_cells(VRRP_ACTIVE);
}

/* What no cell may do, whoever edits the table. */
static void test_table_rules(void **state)
{
	(void)state;
	for (int from = VRRP_INITIALIZE; from < VRRP_STATES; from++) {
		for (int event = 0; event < VRRP_EVENTS; event++) {
			const struct vrrp_step *step = vrrp_fsm_step(from, event);
			unsigned a = step->actions;

			if (from != VRRP_ACTIVE)
				assert_false(a & (VRRP_ACT_REVOKE | VRRP_ACT_LINGER | VRRP_ACT_SAY_RELEASE));
			if (from == VRRP_ACTIVE && step->next)
				assert_true(!(a & VRRP_ACT_REVOKE) != !(a & VRRP_ACT_LINGER));
			if (step->next == VRRP_ACTIVE)
				assert_int_equal(from, VRRP_BACKUP);
			assert_int_equal(step->next == VRRP_ACTIVE, !!(a & VRRP_ACT_TAKE));
			if (step->next == VRRP_BACKUP)
				assert_true(a & VRRP_ACT_WATCH_PEER);
			if (step->next == VRRP_INITIALIZE)
				assert_true(a & VRRP_ACT_STOP_TIMERS);
		}
	}
}

/* ---- Initialize ---- */

static void test_startup(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	assert_int_equal(vrrp_router_due(&b.router), UINT64_MAX);
	raise_event(&b, VRRP_EV_STARTUP);
	assert_done(&b, "Initialize>Backup");
	assert_int_equal(b.router.active_interval_cs, 100);
	assert_int_equal(vrrp_router_due(&b.router) - b.now, 3609375 * 1000ull);
}

static void test_startup_highest(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	b.conf.priority = 254;
	raise_event(&b, VRRP_EV_STARTUP);
	assert_done(&b, "Initialize>Backup");
	turn_at(&b, b.router.down_due_ns - 1);
	assert_done(&b, "");
	turn_at(&b, b.router.down_due_ns);
	assert_done(&b, "take:254 announce Backup>Active");
}

static void test_initialize_deaf(void **state)
{
	static const uint8_t priorities[] = { 0, 1, 100, 200, 255 };
	struct bench b;

	(void)state;
	bench_init(&b);
	for (unsigned i = 0; i < sizeof(priorities); i++) {
		b.now += 10 * MS;
		hear_from(&b, "192.0.2.2", priorities[i], 10, b.now);
		turn_at(&b, b.now + year);
	}
	assert_done(&b, "");
	assert_int_equal(b.router.state, VRRP_INITIALIZE);
	assert_int_equal(b.router.active_interval_cs, 100);
	assert_int_equal(vrrp_router_due(&b.router), UINT64_MAX);
	assert_int_equal(b.router.heard, 5);	/* but status shows who is there */
	assert_int_equal(b.router.peer.priority, 255);
}

/* ---- Backup ---- */

static void test_follow_interval(void **state)
{
	struct bench b;

	(void)state;
	bench_in(&b, VRRP_BACKUP);
	hear_from(&b, "192.0.2.2", 200, 10, b.now);
	assert_int_equal(b.router.down_due_ns - b.now, vrrp_down_ns(100, 10));
	hear_from(&b, "192.0.2.2", 200, 4095, b.now);
	assert_int_equal(b.router.down_due_ns - b.now, 147803906250);
	turn_at(&b, b.router.down_due_ns);
	assert_int_equal(b.router.state, VRRP_ACTIVE);
	assert_int_equal(b.router.adver_due_ns - b.now, vrrp_interval_ns(100));
}

static void test_released(void **state)
{
	struct bench b;

	(void)state;
	bench_in(&b, VRRP_BACKUP);
	hear_from(&b, "192.0.2.2", 200, 10, b.now);
	hear_from(&b, "192.0.2.2", 0, 10, b.now);
	assert_int_equal(b.router.down_due_ns - b.now, vrrp_skew_ns(100, 10));
	b.now += 50 * MS;	/* little is left of it, or it has passed unseen: still a whole Skew_Time */
	hear_from(&b, "192.0.2.2", 0, 10, b.now);
	assert_int_equal(b.router.down_due_ns - b.now, vrrp_skew_ns(100, 10));
	b.now += 10 * MS;	/* read late: the time since it came has passed already */
	hear_from(&b, "192.0.2.2", 0, 10, b.now - 8 * MS);
	assert_int_equal(b.router.down_due_ns - b.now, vrrp_skew_ns(100, 10) - 8 * MS);
	assert_int_equal(b.router.heard_release, 3);
	turn_at(&b, b.router.down_due_ns);
	assert_done(&b, "take:100 announce Backup>Active");
	assert_non_null(strstr(b.router.cause, "192.0.2.2 released"));
}

static void test_election_backup(void **state)
{
	static const struct {
		bool preempt;
		uint8_t priority;
		bool followed;
	} elections[] = {
		{ true, 255, true }, { true, 101, true }, { true, 100, true }, { true, 99, false },
		{ true, 1, false }, { false, 101, true }, { false, 100, true }, { false, 99, true },
		{ false, 1, true },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(elections) / sizeof(elections[0]); i++) {
		for (int greater = 0; greater < 2; greater++) {
			struct bench b;
			uint64_t due;

			bench_in(&b, VRRP_BACKUP);
			b.conf.preempt = elections[i].preempt;
			due = b.router.down_due_ns;
			b.now += 700 * MS;
			hear_from(&b, greater ? "192.0.2.200" : "10.0.0.1", elections[i].priority, 50, b.now);
			assert_int_equal(b.router.down_due_ns,
					 elections[i].followed ? b.now + vrrp_down_ns(100, 50) : due);
			assert_int_equal(b.router.active_interval_cs, elections[i].followed ? 50 : 100);
			assert_done(&b, "");
		}
	}
}

static void test_refused_take(void **state)
{
	struct bench b;

	(void)state;
	bench_in(&b, VRRP_BACKUP);
	b.refuses = true;
	for (unsigned i = 1; i <= 5; i++) {
		turn_at(&b, b.router.down_due_ns);
		assert_done(&b, "refused");
		assert_int_equal(b.router.state, VRRP_BACKUP);
		assert_int_equal(b.router.send_errors, i);
		vrrp_router_weights(&b.router, 0, b.now);	/* no change, no sooner */
		assert_int_equal(b.router.down_due_ns - b.now, vrrp_interval_ns(100));
	}
	assert_int_equal(b.router.became_active, 0);
	b.refuses = false;
	turn_at(&b, b.router.down_due_ns);
	assert_done(&b, "take:100 announce Backup>Active");
}

static void test_weights_shorten(void **state)
{
	struct bench b;
	uint64_t due;

	(void)state;
	bench_in(&b, VRRP_BACKUP);
	due = b.router.down_due_ns;
	b.now += 100 * MS;
	vrrp_router_weights(&b.router, 50, b.now);	/* a longer skew */
	assert_int_equal(b.router.down_due_ns, due);
	hear(&b, 200);
	assert_int_equal(b.router.down_due_ns - b.now, vrrp_down_ns(50, 100));
	due = b.router.down_due_ns - vrrp_down_ns(50, 100) + vrrp_down_ns(90, 100);
	b.now += 100 * MS;
	vrrp_router_weights(&b.router, 10, b.now);
	assert_int_equal(b.router.down_due_ns, due);
	vrrp_router_weights(&b.router, 99, b.now);
	assert_int_equal(b.router.down_due_ns, due);
	hear(&b, 0);
	assert_int_equal(b.router.down_due_ns - b.now, vrrp_skew_ns(1, 100));
	vrrp_router_weights(&b.router, 0, b.now);
	assert_int_equal(b.router.down_due_ns - b.now, vrrp_skew_ns(100, 100));
}

static void test_two_actives_heard(void **state)
{
	struct bench b;

	(void)state;
	bench_in(&b, VRRP_BACKUP);
	for (unsigned i = 0; i < 6; i++) {
		b.now += 500 * MS;
		hear_from(&b, i % 2 ? "192.0.2.3" : "192.0.2.2", i % 2 ? 150 : 50, 100, b.now);
		if (i % 2)	/* the lower one is no reason to wait */
			assert_int_equal(b.router.down_due_ns, b.now + vrrp_down_ns(100, 100));
		else if (i)
			assert_int_equal(b.router.down_due_ns, b.now - 500 * MS + vrrp_down_ns(100, 100));
		assert_int_equal(b.router.two_actives, i >= 2);
	}
	assert_int_equal(b.router.peer.address.bytes[15], 3);
	assert_int_equal(b.router.other.address.bytes[15], 2);

	bench_in(&b, VRRP_BACKUP);	/* one after the other is a switch, not a conflict */
	hear_from(&b, "192.0.2.2", 150, 100, b.now);
	b.now += 900 * MS;
	hear_from(&b, "192.0.2.3", 200, 100, b.now);
	b.now += 1000 * MS;
	hear_from(&b, "192.0.2.3", 200, 100, b.now);
	assert_int_equal(b.router.two_actives, 0);
}

/* ---- Active ---- */

static void test_cadence(void **state)
{
	struct bench b;
	uint64_t first;

	(void)state;
	bench_in(&b, VRRP_ACTIVE);
	first = b.router.adver_due_ns;
	for (unsigned i = 0; i < 50; i++) {
		turn_at(&b, first + i * 1000 * MS - 1);
		assert_done(&b, "");
		turn_at(&b, first + i * 1000 * MS + i * 7 * MS);	/* late, but less and less matters */
		assert_done(&b, "say:100");
		assert_int_equal(vrrp_router_due(&b.router), first + (i + 1) * 1000 * MS);
	}
	turn_at(&b, b.router.adver_due_ns + 1000 * MS + 1);	/* the next one is due as well: start anew */
	assert_done(&b, "say:100");
	assert_int_equal(b.router.adver_due_ns, b.now + 1000 * MS);
	assert_int_equal(b.router.late, 1);
}

static void test_active_hears_release(void **state)
{
	struct bench b;

	(void)state;
	bench_in(&b, VRRP_ACTIVE);
	b.now += 400 * MS;
	hear(&b, 0);
	assert_done(&b, "say:100 announce");
	assert_int_equal(b.router.adver_due_ns, b.now + 1000 * MS);
	assert_int_equal(b.router.state, VRRP_ACTIVE);
}

static void test_loser_answered(void **state)
{
	struct bench b;
	uint64_t due;

	(void)state;
	bench_in(&b, VRRP_ACTIVE);
	due = b.router.adver_due_ns;
	b.now += 400 * MS;
	hear(&b, 99);
	assert_done(&b, "say:100 announce");
	assert_int_equal(b.router.adver_due_ns, due);
	assert_int_equal(b.router.active_interval_cs, 100);
	assert_int_equal(b.router.two_actives, 1);
	turn_at(&b, due);
	assert_done(&b, "say:100");
	assert_int_equal(b.router.adver_due_ns, due + 1000 * MS);
}

static void test_answers_limited(void **state)
{
	static const uint8_t priorities[] = { 99, 0 };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct bench b;
		uint64_t sent;

		bench_in(&b, VRRP_ACTIVE);
		sent = b.router.sent;
		for (unsigned tenths = 0; tenths < 1000; tenths++) {	/* 100 ms of 10,000 a second */
			b.now += MS / 10;
			hear(&b, priorities[i]);
			b.done[0] = '\0';
		}
		assert_int_equal(b.router.sent - sent, 10);
		assert_int_equal(b.router.heard, 1000);
		assert_int_equal(b.router.two_actives, priorities[i] ? 1 : 0);
		assert_int_equal(b.router.state, VRRP_ACTIVE);
	}
}

static void test_election_active(void **state)
{
	static const struct {
		const char *own, *peer;
		uint8_t priority;
		bool followed;
	} elections[] = {
		{ "192.0.2.1", "192.0.2.2", 101, true },
		{ "192.0.2.9", "192.0.2.2", 101, true },
		{ "192.0.2.1", "192.0.2.2", 255, true },
		{ "192.0.2.1", "192.0.2.2", 99, false },
		{ "192.0.2.1", "192.0.2.2", 1, false },
		{ "192.0.2.1", "192.0.2.2", 100, true },
		{ "192.0.2.2", "192.0.2.1", 100, false },
		{ "192.0.2.1", "192.0.2.1", 100, false },
		{ "10.0.0.100", "10.0.0.200", 100, true },	/* octets are unsigned */
		{ "10.0.0.200", "10.0.0.100", 100, false },
		{ "10.0.0.1", "192.0.2.1", 100, true },
		{ "192.0.2.1", "10.0.0.1", 100, false },
		{ "1.0.0.2", "2.0.0.1", 100, true },		/* the first octet counts most */
		{ "fe80::1", "fe80::8000:0:0:1", 100, true },
		{ "fe80::8000:0:0:1", "fe80::1", 100, false },
		{ "fe80::1", "fe80::2", 100, true },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(elections) / sizeof(elections[0]); i++) {
		for (int preempt = 0; preempt < 2; preempt++) {
			struct bench b;

			bench_in(&b, VRRP_ACTIVE);
			b.conf.preempt = preempt;
			b.router.source = address_of(elections[i].own);
			b.now += 300 * MS;
			hear_from(&b, elections[i].peer, elections[i].priority, 20, b.now);
			if (elections[i].followed) {
				assert_done(&b, "linger Active>Backup");
				assert_int_equal(b.router.adver_due_ns, 0);
				assert_int_equal(b.router.down_due_ns, b.now + vrrp_down_ns(100, 20));
				assert_int_equal(b.router.active_interval_cs, 20);
			} else {
				assert_done(&b, "say:100 announce");
				assert_int_equal(b.router.state, VRRP_ACTIVE);
			}
		}
	}
}

/* Hosts may have our MAC: the winner is told, so that it announces. With the virtual one there is nothing to tell. */
static void test_loser_says_so(void **state)
{
	static const enum vrrp_event lost[] = { VRRP_EV_PEER_BETTER, VRRP_EV_GROUP_LOST };
	struct bench b;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		bench_in(&b, VRRP_ACTIVE);
		b.conf.virtual_mac = false;
		raise_event(&b, lost[i]);
		assert_done(&b, "linger say:0 Active>Backup");
		raise_event(&b, VRRP_EV_PEER_BETTER);		/* once */
		assert_done(&b, "");
	}
}

static void test_better_cause(void **state)
{
	struct bench b;

	(void)state;
	bench_in(&b, VRRP_ACTIVE);
	hear(&b, 250);
	assert_string_equal(b.router.cause, "192.0.2.2 has priority 250, ours is 100");
}

static void test_shutdown(void **state)
{
	struct bench b;

	(void)state;
	bench_in(&b, VRRP_ACTIVE);
	raise_event(&b, VRRP_EV_RELEASE);
	assert_done(&b, "linger say:0 Active>Initialize");
	assert_int_equal(b.router.sent_release, 1);
	turn_at(&b, b.now + year);
	assert_done(&b, "");
}

static void test_fault(void **state)
{
	struct bench b;

	(void)state;
	bench_in(&b, VRRP_ACTIVE);
	raise_event(&b, VRRP_EV_FAULT);
	assert_done(&b, "revoke say:0 Active>Initialize");
	assert_int_equal(b.lease_until, 0);

	bench_in(&b, VRRP_ACTIVE);	/* revoked also when nobody can be told */
	b.refuses = true;
	raise_event(&b, VRRP_EV_FAULT);
	assert_done(&b, "revoke refused Active>Initialize");
	assert_int_equal(b.router.sent_release, 0);
}

/* ---- what is noted of the peer ---- */

static void test_peer_noted(void **state)
{
	struct bench b;
	struct vrrp_advert advert = { .vrid = 51, .priority = 100, .interval_cs = 10, .count = 2 };
	struct addr source = address_of("192.0.2.2");

	(void)state;
	bench_in(&b, VRRP_BACKUP);
	advert.addresses[0] = address_of("192.0.2.53");
	advert.addresses[1] = address_of("192.0.2.54");
	vrrp_router_heard(&b.router, &advert, &source, VRRP_CHECKSUM_RFC5798, b.now, b.now);
	assert_true(b.router.peer.addresses_differ && b.router.peer.interval_differs &&
		    b.router.peer.priority_equal);
	assert_int_equal(b.router.peer.checksum, VRRP_CHECKSUM_RFC5798);
	assert_int_equal(b.router.peer.heard_ns, b.now);
	assert_int_equal(b.router.down_due_ns, b.now + vrrp_down_ns(100, 10));	/* followed all the same */
	advert.count = 1;
	advert.addresses[0] = address_of("192.0.2.54");
	vrrp_router_heard(&b.router, &advert, &source, VRRP_CHECKSUM_RFC5798, b.now, b.now);
	assert_int_equal(b.router.address_list_errors, 2);
	assert_int_equal(b.router.interval_errors, 2);
	hear(&b, 200);
	assert_false(b.router.peer.addresses_differ || b.router.peer.interval_differs ||
		     b.router.peer.priority_equal);
	assert_int_equal(b.router.address_list_errors, 2);
	assert_int_equal(b.router.interval_errors, 2);

	b.conf.count = 2;		/* another order is the same list */
	b.conf.addresses[1] = address_of("192.0.2.54");
	advert.count = 2;
	advert.addresses[1] = address_of("192.0.2.53");
	vrrp_router_heard(&b.router, &advert, &source, VRRP_CHECKSUM_RFC5798, b.now, b.now);
	assert_false(b.router.peer.addresses_differ);
	advert.count = 200;		/* more than are kept */
	vrrp_router_heard(&b.router, &advert, &source, VRRP_CHECKSUM_RFC5798, b.now, b.now);
	assert_true(b.router.peer.addresses_differ);
}

static _Atomic bool reloading;

static void *reload_again_and_again(void *context)
{
	struct vrrp_conf *conf = context;

	for (unsigned i = 0; atomic_load(&reloading); i++) {
		conf->priority = i % 2 ? 100 : 120;
		conf->preempt = i % 2;
		conf->preempt_delay_ms = i % 2 ? 0 : 1000;
		conf->linger_ms = i % 2 ? 0 : 1000;
	}
	return NULL;
}

/* ThreadSanitizer is the judge; without it, every value is one or the other. */
static void test_reload(void **state)
{
	pthread_t thread;
	struct bench b;

	(void)state;
	bench_in(&b, VRRP_BACKUP);
	atomic_store(&reloading, true);
	assert_int_equal(pthread_create(&thread, NULL, reload_again_and_again, &b.conf), 0);
	for (unsigned i = 0; i < 1000; i++) {
		uint8_t priority = vrrp_router_priority(&b.router);

		assert_true(priority == 100 || priority == 120);
		hear(&b, 110);
		hear(&b, 200);
	}
	atomic_store(&reloading, false);
	pthread_join(thread, NULL);
}

static void test_missed(void **state)
{
	static const struct {
		unsigned gap_ms, missed;
	} gaps[] = { { 1000, 0 }, { 900, 0 }, { 1500, 0 }, { 1501, 1 }, { 2000, 1 }, { 2499, 1 },
		     { 2600, 2 }, { 3000, 2 }, { 3500, 2 } };
	struct bench b;

	(void)state;
	bench_in(&b, VRRP_BACKUP);
	hear(&b, 200);
	for (unsigned i = 0; i < sizeof(gaps) / sizeof(gaps[0]); i++) {
		uint64_t before = b.router.missed;

		turn_at(&b, b.now + gaps[i].gap_ms * MS);
		hear(&b, 200);
		assert_int_equal(b.router.missed - before, gaps[i].missed);
	}
	hear(&b, 0);			/* nothing is due from one that has released */
	b.now += 20000 * MS;
	hear(&b, 200);
	assert_int_equal(b.router.missed, 9);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(vrrp_state_name(VRRP_INITIALIZE), "Initialize");
	assert_string_equal(vrrp_state_name(VRRP_BACKUP), "Backup");
	assert_string_equal(vrrp_state_name(VRRP_ACTIVE), "Active");
	assert_int_equal(VRRP_INITIALIZE, 1);	/* initialize(1), backup(2), master(3) */
	assert_int_equal(VRRP_BACKUP, 2);
	assert_int_equal(VRRP_ACTIVE, 3);
	for (int event = 0; event < VRRP_EVENTS; event++)
		assert_true(strlen(vrrp_event_name(event)) > 0);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("V092 V091 every cell of Initialize", test_cells_initialize),
		CASE("V105 V106 V107 V108 V109 every cell of Backup", test_cells_backup),
		CASE("V120 V121 V122 V124 V127 V162 V163 every cell of Active", test_cells_active),
		CASE("V149 rules that the whole table keeps", test_table_rules),
		CASE("V091 startup watches with the own interval", test_startup),
		CASE("V091 the highest priority does not start as Active either", test_startup_highest),
		CASE("V092 advertisements change nothing in Initialize", test_initialize_deaf),
		CASE("V077 V078 Backup follows the interval heard, Active has its own", test_follow_interval),
		CASE("V107 V106 priority 0 heard: Skew_Time, whatever remained", test_released),
		CASE("V108 V109 V110 V005 whom a Backup follows", test_election_backup),
		CASE("V106 no lease and no Active without an advertisement", test_refused_take),
		CASE("V112 a change of weights shortens the timer and never extends it", test_weights_shorten),
		CASE("V113 two Actives in turn: rules for each, both shown, counted once", test_two_actives_heard),
		CASE("V120 Adver_Timer keeps its cadence when it fires late", test_cadence),
		CASE("V121 priority 0 heard while Active: send at once, restart the timer", test_active_hears_release),
		CASE("V004 V124 V148 a loser is answered at once, the timer is left alone", test_loser_answered),
		CASE("V128 at most one immediate answer in 10 ms", test_answers_limited),
		CASE("V122 V123 V124 V125 V126 V005 whom an Active follows", test_election_active),
		CASE("V149 without a virtual MAC the loser makes the winner announce", test_loser_says_so),
		CASE("the cause names both priorities", test_better_cause),
		CASE("V127 V178 release: linger, priority 0 once, silence", test_shutdown),
		CASE("V160 V162 fault: lease zeroed, then priority 0", test_fault),
		CASE("V061 V062 V056 V184 what differs from ours is noted and followed", test_peer_noted),
		CASE("V175 a reload while the machine runs", test_reload),
		CASE("missed advertisements of the Active are counted", test_missed),
		CASE("V001 V190 names of the current standard, numbers of the MIB", test_names),
	};

	return RUN(cases);
}
