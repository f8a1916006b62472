/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_second.c - a Backup whose LAN is silent while the second path says that the peer is Active: when it waits, when
 * it does not, and that it never waits for ever.
 */
#include "tests/vrrp/bench.h"

#include "vrrp/sync.h"

enum { INTERVAL_CS = 10, HOLD_MS = 5000, STALE_MS = 300 };
#define INTERVAL (100 * MS)

/* A Backup of priority 100 at 10 cs that has just heard its peer. */
static void begin(struct bench *b)
{
	bench_init(b);
	b->conf.interval_cs = INTERVAL_CS;
	start_backup(b);
	hear_from(b, "192.0.2.2", 200, INTERVAL_CS, b->now);
	b->done[0] = '\0';
}

/* The second path says, now, that the peer advertised age_ms ago. */
static void tell(struct bench *b, uint64_t age_ms)
{
	struct vrrp_second second = { b->now - age_ms * MS, b->now + STALE_MS * MS, HOLD_MS };

	vrrp_router_second(&b->router, &second);
}

/* Turns until at, or until Active; the peer is heard by the second path every 100 ms if it speaks. */
static void run_until(struct bench *b, uint64_t at, bool speaks)
{
	uint64_t told = b->now;

	while (b->now < at && b->router.state == VRRP_BACKUP) {
		uint64_t due = vrrp_router_due(&b->router), next = told + INTERVAL;

		if (speaks && next <= due) {
			turn_at(b, next < at ? next : at);
			told = b->now;
			tell(b, 10);
		} else {
			turn_at(b, due < at ? due : at);
		}
	}
}

static uint64_t down(const struct bench *b)
{
	return vrrp_down_ns(b->conf.priority, INTERVAL_CS);
}

static void waits_while_the_peer_is_active(void **state)
{
	struct bench b;

	(void)state;
	begin(&b);
	run_until(&b, b.now + 3000 * MS, true);
	assert_int_equal(b.router.state, VRRP_BACKUP);
	assert_true(b.router.held);
	assert_int_equal(b.router.holds, 1);
	assert_done(&b, "");
	/* the LAN is well again */
	hear_from(&b, "192.0.2.2", 200, INTERVAL_CS, b.now);
	assert_false(b.router.held);
	assert_int_equal(b.router.held_from_ns, 0);
	assert_int_equal(b.router.down_due_ns, b.now + down(&b));
}

static void not_for_ever(void **state)
{
	struct bench b;
	uint64_t from;

	(void)state;
	begin(&b);
	from = b.now;
	run_until(&b, b.now + 60000 * MS, true);
	assert_int_equal(b.router.state, VRRP_ACTIVE);
	assert_in_range(b.now - from, HOLD_MS * MS + down(&b), HOLD_MS * MS + down(&b) + INTERVAL);
	assert_done(&b, "take:100 announce Backup>Active");
	assert_false(b.router.held);
}

/* A refused take must not begin another wait. */
static void once_per_silence(void **state)
{
	struct bench b;

	(void)state;
	begin(&b);
	b.refuses = true;
	run_until(&b, b.now + 6000 * MS, true);
	assert_true(strstr(b.done, "refused"));
	b.done[0] = '\0';
	b.refuses = false;
	run_until(&b, b.now + 200 * MS, true);
	assert_int_equal(b.router.state, VRRP_ACTIVE);
	assert_int_equal(b.router.holds, 1);
}

/* The peer says the last of it before it dies: it has sent nothing that was not heard. */
static void a_peer_that_dies(void **state)
{
	struct bench b;
	uint64_t from;

	(void)state;
	for (uint64_t late_ms = 0; late_ms < 100; late_ms += 9) {
		begin(&b);
		from = b.now;
		turn_at(&b, from + late_ms * MS);
		tell(&b, late_ms);
		run_until(&b, from + 1000 * MS, false);
		assert_int_equal(b.router.state, VRRP_ACTIVE);
		assert_int_equal(b.now, from + down(&b));
		assert_int_equal(b.router.holds, 0);
	}
}

/* It was heard by the second path for a while, then by no path at all. */
static void a_peer_that_dies_while_we_wait(void **state)
{
	struct bench b;
	uint64_t died;

	(void)state;
	begin(&b);
	run_until(&b, b.now + 2000 * MS, true);
	died = b.now;
	run_until(&b, b.now + 5000 * MS, false);
	assert_int_equal(b.router.state, VRRP_ACTIVE);
	assert_true(b.now - died <= STALE_MS * MS);
}

static void a_peer_that_resigns(void **state)
{
	struct bench b;

	(void)state;
	begin(&b);
	turn_at(&b, b.now + 50 * MS);
	tell(&b, 5);
	hear_from(&b, "192.0.2.2", 0, INTERVAL_CS, b.now);
	run_until(&b, b.now + 1000 * MS, false);
	assert_int_equal(b.router.state, VRRP_ACTIVE);
	assert_int_equal(b.now - b.router.peer.heard_ns, vrrp_skew_ns(100, INTERVAL_CS));
}

static void a_peer_that_is_no_longer_active(void **state)
{
	struct bench b;
	struct vrrp_second nothing = { 0 };

	(void)state;
	begin(&b);
	run_until(&b, b.now + 1000 * MS, true);
	assert_true(b.router.held);
	vrrp_router_second(&b.router, &nothing);
	run_until(&b, b.now + INTERVAL + MS, false);
	assert_int_equal(b.router.state, VRRP_ACTIVE);
}

static void a_hold_of_nothing(void **state)
{
	struct bench b;
	struct vrrp_second second;
	uint64_t from;

	(void)state;
	begin(&b);
	from = b.now;
	turn_at(&b, from + down(&b) - MS);
	second = (struct vrrp_second){ b.now, b.now + STALE_MS * MS, 0 };
	vrrp_router_second(&b.router, &second);
	run_until(&b, from + 1000 * MS, false);
	assert_int_equal(b.router.state, VRRP_ACTIVE);
	assert_int_equal(b.now, from + down(&b));
}

/* Nobody was ever heard here: the LAN was faulty from the start. */
static void never_heard(void **state)
{
	struct bench b;

	(void)state;
	bench_init(&b);
	b.conf.interval_cs = INTERVAL_CS;
	start_backup(&b);
	b.router.active_interval_cs = INTERVAL_CS;
	run_until(&b, b.now + 5000 * MS, true);
	assert_int_equal(b.router.state, VRRP_BACKUP);
	assert_true(b.router.held);
}

/* The peer is worse than we are, and heard: preemption is none of this. */
static void preemption(void **state)
{
	struct bench b;

	(void)state;
	begin(&b);
	for (unsigned i = 0; i < 4 && b.router.state == VRRP_BACKUP; i++) {
		turn_at(&b, b.now + 90 * MS);
		hear_from(&b, "192.0.2.2", 50, INTERVAL_CS, b.now);
		tell(&b, 0);
	}
	run_until(&b, b.now + 100 * MS, false);
	assert_int_equal(b.router.state, VRRP_ACTIVE);
	assert_int_equal(b.router.holds, 0);
}

/* Both members of a group hear nothing; the second path speaks of both, or of the first only. */
static void in_a_group(void **state)
{
	struct vrrp_sync sync = { 0 };
	struct bench member[2];
	uint64_t from, took = 0;

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		begin(&member[i]);
		vrrp_sync_join(&sync, &member[i].router);
	}
	from = member[0].now;
	for (uint64_t ms = 1; ms < 8000 && !took; ms++) {
		for (unsigned i = 0; i < 2; i++) {
			turn_at(&member[i], from + ms * MS);
			if (ms % 100 == 0 && (i == 0 || ms < 2000))
				tell(&member[i], 10);
		}
		vrrp_sync_settle(&sync, from + ms * MS);
		assert_int_equal(member[0].router.state, member[1].router.state);
		took = member[0].router.state == VRRP_ACTIVE ? ms : 0;
	}
	assert_in_range(took, HOLD_MS, HOLD_MS + 600);
}

static const struct CMUnitTest cases[] = {
	CASE("V182 silence here, Active by the second path: it waits, until it hears an advertisement",
	     waits_while_the_peer_is_active),
	CASE("V182 but no longer than hold_s", not_for_ever),
	CASE("V182 one silence, one wait", once_per_silence),
	CASE("V182 a peer that dies is not waited for, whenever it spoke last", a_peer_that_dies),
	CASE("V182 one that dies during the wait: until its word is stale", a_peer_that_dies_while_we_wait),
	CASE("V182 one that resigns is not waited for", a_peer_that_resigns),
	CASE("V182 nor one that says it is not Active any more", a_peer_that_is_no_longer_active),
	CASE("V182 hold_s = 0: as without a second path", a_hold_of_nothing),
	CASE("V182 a Backup that never heard anybody here waits as well", never_heard),
	CASE("V182 a worse peer is preempted all the same", preemption),
	CASE("V182 a group waits as long as one of its members", in_a_group),
};

int main(void)
{
	return RUN(cases);
}
