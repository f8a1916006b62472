/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_sync.c - sync groups: cases by hand, and a model of two nodes with a group of two routers each, the real state
 * machines and groups, and a wire that loses.
 *
 *      node 0: member 0 ----- wire 0 ----- member 0 :node 1	each direction of each wire may be blocked
 *              member 1 ----- wire 1 ----- member 1		for good, or lose some
 *
 * The address of node 0 is the greater one on wire 0 and the smaller one on wire 1. Random schedules stop the nodes,
 * let sends fail, and command them. After every turn the members of a node must agree, and in the end, with whatever is
 * blocked then, exactly one node is Active and nothing moves any more.
 */
#include "tests/tap.h"

#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "vrrp/sync.h"

enum { MEMBERS = 2, SIDES = 2, FRAMES = 1024, TURNS = 300, SCHEDULES = 6000 };
enum { WIRE_MAX_NS = 2 * CLOCK_NS_PER_MS };

struct frame {
	uint64_t sent, arrives;
	uint8_t priority;
};

struct side;

struct member {
	struct side *side;
	struct member *peer;
	unsigned index;
	struct vrrp_conf conf;
	struct vrrp_router router;
	struct frame frames[FRAMES];	/* in the socket, or on the wire to it; a ring */
	unsigned first, n;
	uint64_t lease_until, heard_sent, refused_until;
	unsigned said;			/* advertisements with priority 0 */
};

struct model;

struct side {
	struct model *model;
	struct member member[MEMBERS];
	struct vrrp_sync sync;
	uint64_t now, stopped_until, command_at, jitter;
	bool in_turn;			/* stopped between sockets and timers */
};

struct model {
	struct side side[SIDES];
	uint64_t clock, random;
	unsigned lost;			/* per 100 frames */
	bool calm, blocked[SIDES][MEMBERS];	/* from that side */
	bool may_overlap;		/* with preemption, which takes from a living Active */
};

static struct {
	uint64_t takes, overlaps, lapsed, refused, lost, releases, transitions;
} seen;

static uint64_t below(struct model *m, uint64_t bound)
{
	m->random ^= m->random << 13;
	m->random ^= m->random >> 7;
	m->random ^= m->random << 17;
	return (m->random >> 16) % bound;
}

static bool chance(struct model *m, unsigned percent)
{
	return !m->calm && below(m, 100) < percent;
}

static uint64_t interval_of(const struct side *side)
{
	return vrrp_interval_ns(side->member[0].conf.interval_cs);
}

/* ---- what the engine does ---- */

static void deliver(struct member *from, uint8_t priority)
{
	struct model *m = from->side->model;
	struct member *to = from->peer;
	struct frame *frame = &to->frames[(to->first + to->n) % FRAMES];
	uint64_t last = to->n ? to->frames[(to->first + to->n - 1) % FRAMES].arrives : 0;

	if (m->blocked[from->side - m->side][from->index] || chance(m, m->lost)) {
		seen.lost++;
		return;
	}
	assert_true(to->n < FRAMES);
	to->n++;
	*frame = (struct frame){ m->clock, m->clock + below(m, WIRE_MAX_NS), priority };
	if (frame->arrives < last)
		frame->arrives = last;
}

static bool do_advertise(struct vrrp_router *router, uint8_t priority, bool take, uint64_t now_ns)
{
	struct member *member = router->context;
	struct model *m = member->side->model;

	if (m->clock < member->refused_until) {
		seen.refused++;
		return false;
	}
	if (priority && m->clock - now_ns > interval_of(member->side))
		return false;
	if (take && m->clock < member->peer->lease_until) {
		seen.overlaps++;	/* what was heard had lapsed: no group may change that */
		assert_true(m->may_overlap || member->heard_sent + 3 * interval_of(member->side) <= m->clock);
	}
	seen.takes += take;
	member->said += !priority;
	if (priority)
		member->lease_until = m->clock + 3 * interval_of(member->side);
	deliver(member, priority);
	return true;
}

static bool do_hold(struct vrrp_router *router)
{
	const struct member *member = router->context;

	return member->side->model->clock < member->lease_until;
}

static void do_announce(struct vrrp_router *router, uint64_t now_ns)
{
	(void)router;
	(void)now_ns;
}

static void do_revoke(struct vrrp_router *router)
{
	((struct member *)router->context)->lease_until = 0;
}

static void do_linger(struct vrrp_router *router, uint64_t now_ns)
{
	(void)now_ns;
	do_revoke(router);
}

static void do_change(struct vrrp_router *router, enum vrrp_state from, enum vrrp_event event, const char *cause,
		      uint64_t now_ns)
{
	(void)from;
	(void)event;
	(void)cause;
	(void)now_ns;
	(void)router;
	seen.transitions++;
}

static const struct vrrp_actions actions = {
	.advertise = do_advertise,
	.holds = do_hold,
	.announce = do_announce,
	.revoke = do_revoke,
	.linger = do_linger,
	.changed = do_change,
};

static void model_init(struct model *m, uint64_t number)
{
	memset(m, 0, sizeof(*m));
	m->random = number * 0x9e3779b97f4a7c15u + 1;
	m->clock = 1000 * (uint64_t)CLOCK_NS_PER_S;
	for (unsigned s = 0; s < SIDES; s++) {
		struct side *side = &m->side[s];

		side->model = m;
		for (unsigned i = 0; i < MEMBERS; i++) {
			struct member *member = &side->member[i];

			member->side = side;
			member->peer = &m->side[!s].member[i];
			member->index = i;
			member->conf = (struct vrrp_conf){
				.interface = "eth0", .vrid = 51, .interval_cs = 10, .priority = 100, .preempt = true,
				.virtual_mac = true, .count = 1, .addresses = { { .bytes = { 0xfe, 0x80, [15] = 53 } } },
			};
			if (!i)
				member->conf.addresses[0] = addr_from_v4(0x350200c0);
			vrrp_router_init(&member->router, &member->conf, &actions, member, m->clock);
			member->router.source = (struct addr){ .bytes = { 0xfe, 0x80, [15] = s == i ? 2 : 1 } };
		}
		for (unsigned i = MEMBERS; i-- > 0;)	/* in whatever order the file has them */
			vrrp_sync_join(&side->sync, &side->member[i].router);
	}
}

/* ---- a turn ---- */

static bool is_active(const struct member *member)
{
	return member->router.state == VRRP_ACTIVE;
}

static bool side_is(const struct side *side, enum vrrp_state state)
{
	return side->member[0].router.state == state && side->member[1].router.state == state;
}

static void drain_member(struct member *member, uint64_t now)
{
	while (member->n && member->frames[member->first].arrives <= now) {
		const struct frame *frame = &member->frames[member->first];
		struct vrrp_advert advert = {
			.vrid = member->conf.vrid, .priority = frame->priority, .interval_cs = member->conf.interval_cs,
		};

		member->heard_sent = frame->priority ? frame->sent : 0;
		member->first = (member->first + 1) % FRAMES;
		member->n--;
		vrrp_router_heard(&member->router, &advert, &member->peer->router.source, VRRP_CHECKSUM_RFC9568,
				  frame->arrives, now);
	}
}

static void drain(struct side *side)
{
	side->now = side->model->clock;
	for (unsigned i = 0; i < MEMBERS; i++)
		drain_member(&side->member[i], side->now);
	vrrp_sync_settle(&side->sync, side->now);
}

static void raise_all(struct side *side, enum vrrp_event event)
{
	for (unsigned i = 0; i < MEMBERS; i++)
		vrrp_router_event(&side->member[i].router, event, "test", side->now);
}

/* As instance.c does: what one lacks takes the others out. */
static void take_down(struct side *side, unsigned which)
{
	vrrp_router_event(&side->member[which].router, VRRP_EV_FAULT, "test", side->now);
	vrrp_router_event(&side->member[!which].router, VRRP_EV_GROUP_DOWN, "test", side->now);
}

static void command(struct side *side)
{
	struct model *m = side->model;
	uint8_t weights = (uint8_t)below(m, 254);

	side->command_at = m->clock + below(m, 40 * interval_of(side));
	if (m->calm || side_is(side, VRRP_INITIALIZE)) {
		for (unsigned i = 0; i < MEMBERS; i++)
			vrrp_router_recovered(&side->member[i].router, side->now);
		raise_all(side, VRRP_EV_STARTUP);
		return;
	}
	switch (below(m, 5)) {
	case 0:
		raise_all(side, VRRP_EV_RELEASE);
		break;
	case 1:
		take_down(side, (unsigned)below(m, MEMBERS));
		break;
	case 2:
		raise_all(side, VRRP_EV_DEMOTE);
		break;
	default:
		for (unsigned i = 0; i < MEMBERS; i++)
			vrrp_router_weights(&side->member[i].router, weights, side->now);
	}
}

/* Nobody is Active alone, not even until the next turn. */
static void judge(const struct side *side)
{
	assert_int_equal(is_active(&side->member[0]), is_active(&side->member[1]));
}

static void act(struct side *side)
{
	struct model *m = side->model;

	for (unsigned i = 0; i < MEMBERS; i++)
		vrrp_router_timers(&side->member[i].router, side->now);
	vrrp_sync_settle(&side->sync, side->now);
	if (m->clock >= side->command_at)
		command(side);
	vrrp_sync_settle(&side->sync, side->now);
	judge(side);
	side->in_turn = false;
	side->jitter = below(m, chance(m, 5) ? 2 * interval_of(side) : CLOCK_NS_PER_MS / 5);
	if (chance(m, 3))
		side->member[below(m, MEMBERS)].refused_until = m->clock + below(m, 6 * interval_of(side));
	if (chance(m, 4))
		side->stopped_until = m->clock + below(m, 10 * interval_of(side));
}

static void turn(struct side *side)
{
	if (!side->in_turn) {
		drain(side);
		side->in_turn = true;
		if (chance(side->model, 2)) {
			side->stopped_until = side->model->clock + below(side->model, 8 * interval_of(side));
			return;
		}
	}
	act(side);
}

static uint64_t wakes_at(const struct side *side)
{
	uint64_t at = side->command_at;

	if (side->in_turn)
		return side->stopped_until;
	for (unsigned i = 0; i < MEMBERS; i++) {
		const struct member *member = &side->member[i];
		uint64_t due = vrrp_router_due(&member->router);

		if (due < at)
			at = due;
		if (member->n && member->frames[member->first].arrives < at)
			at = member->frames[member->first].arrives;
	}
	if (at != UINT64_MAX)
		at += side->jitter;
	return at > side->stopped_until ? at : side->stopped_until;
}

static void run_turns(struct model *m, unsigned turns, uint64_t until)
{
	for (unsigned i = 0; i < turns; i++) {
		uint64_t a = wakes_at(&m->side[0]), b = wakes_at(&m->side[1]), at = b < a ? b : a;

		if (at > until)
			break;
		if (at > m->clock)
			m->clock = at;
		turn(&m->side[b < a]);
	}
	if (until != UINT64_MAX && m->clock < until)
		m->clock = until;
}

/* ---- random schedules ---- */

static void be_calm(struct model *m)
{
	m->calm = true;
	for (unsigned s = 0; s < SIDES; s++) {
		struct side *side = &m->side[s];

		side->command_at = m->clock;
		side->jitter = below(m, CLOCK_NS_PER_MS / 5);
		for (unsigned i = 0; i < MEMBERS; i++)
			side->member[i].refused_until = 0;
		if (side->stopped_until > m->clock + 10 * interval_of(side))
			side->stopped_until = m->clock;
	}
}

/* Left alone, with wires that are blocked or not, they agree and stay so. */
static void settle(struct model *m)
{
	uint64_t interval = interval_of(&m->side[0]), transitions;

	be_calm(m);
	run_turns(m, 100000, m->clock + 30 * interval);
	transitions = seen.transitions;
	run_turns(m, 100000, m->clock + 50 * interval);
	assert_int_equal(seen.transitions, transitions);
	assert_int_equal(side_is(&m->side[0], VRRP_ACTIVE) + side_is(&m->side[1], VRRP_ACTIVE), 1);
	assert_int_equal(side_is(&m->side[0], VRRP_BACKUP) + side_is(&m->side[1], VRRP_BACKUP), 1);
}

/* From which side and on which wire, a bit each; at least one wire stays open in each direction. */
static void block(struct model *m, unsigned mask)
{
	for (unsigned i = 0; i < SIDES * MEMBERS; i++)
		m->blocked[i / MEMBERS][i % MEMBERS] = mask >> i & 1;
}

static bool is_open(unsigned mask)
{
	return (mask & 3) != 3 && (mask >> 2 & 3) != 3;
}

static unsigned open_mask(struct model *m)
{
	unsigned mask;

	do
		mask = (unsigned)below(m, 16);
	while (!is_open(mask));
	return mask;
}

struct rules {
	bool preempt, equal;
	bool blocked_at_first;		/* before anything was heard on it */
};

static void run_schedules(const struct rules *rules)
{
	static struct model m;

	memset(&seen, 0, sizeof(seen));
	for (unsigned number = 1; number <= SCHEDULES; number++) {
		model_init(&m, number);
		m.lost = 20;
		m.may_overlap = rules->preempt;
		if (rules->blocked_at_first)
			block(&m, open_mask(&m));
		for (unsigned s = 0; s < SIDES; s++) {
			m.side[s].command_at = m.clock + below(&m, 10 * interval_of(&m.side[s]));
			for (unsigned i = 0; i < MEMBERS; i++) {
				m.side[s].member[i].conf.preempt = rules->preempt;
				m.side[s].member[i].conf.priority = s && !rules->equal ? 200 : 250;
			}
		}
		run_turns(&m, TURNS, UINT64_MAX);
		for (unsigned s = 0; s < SIDES; s++)
			for (unsigned i = 0; i < MEMBERS; i++) {
				vrrp_router_weights(&m.side[s].member[i].router, 0, m.clock);
				seen.lapsed += m.side[s].member[i].router.lapsed;
				seen.releases += m.side[s].member[i].said;
			}
		if (!rules->blocked_at_first)
			block(&m, open_mask(&m));
		settle(&m);
	}
	printf("# %u schedules: %ju takes, %ju transitions, %ju releases, %ju lapses, %ju sends refused, %ju lost, "
	       "%ju overlaps\n", SCHEDULES, seen.takes, seen.transitions, seen.releases, seen.lapsed, seen.refused,
	       seen.lost, seen.overlaps);
	assert_true(seen.takes > SCHEDULES && seen.lapsed > SCHEDULES / 10 && seen.refused > SCHEDULES / 10);
}

static void test_random(void **state)
{
	(void)state;
	run_schedules(&(struct rules){ .preempt = false });
}

static void test_random_preempt(void **state)
{
	(void)state;
	run_schedules(&(struct rules){ .preempt = true, .blocked_at_first = true });
}

static void test_random_equal(void **state)
{
	(void)state;
	run_schedules(&(struct rules){ .preempt = true, .equal = true });
}

/* ---- cases ---- */

static struct model m;

/* Both sides started, and side 0, which has the greater priority, Active. */
static void begin(void)
{
	model_init(&m, 1);
	m.may_overlap = true;
	for (unsigned i = 0; i < MEMBERS; i++)
		m.side[0].member[i].conf.priority = 250;
	be_calm(&m);
	for (unsigned s = 0; s < SIDES; s++) {
		m.side[s].now = m.clock;
		m.side[s].command_at = UINT64_MAX;
		raise_all(&m.side[s], VRRP_EV_STARTUP);
	}
	run_turns(&m, 10000, m.clock + 10 * interval_of(&m.side[0]));
	assert_true(side_is(&m.side[0], VRRP_ACTIVE) && side_is(&m.side[1], VRRP_BACKUP));
	memset(&seen, 0, sizeof(seen));
}

static void run_intervals(unsigned n)
{
	run_turns(&m, 10000, m.clock + n * interval_of(&m.side[0]));
}

static void stop(unsigned side)
{
	m.side[side].stopped_until = UINT64_MAX;
}

static void test_one_wire_blocked(void **state)
{
	(void)state;
	for (unsigned mask = 0; mask < 16; mask++) {
		begin();
		block(&m, mask);
		run_intervals(200);
		if (is_open(mask))
			assert_int_equal(seen.transitions, 0);
		else if ((mask & 3) == 3)	/* side 1 hears nothing: two Actives, whole groups both */
			assert_true(side_is(&m.side[0], VRRP_ACTIVE) && side_is(&m.side[1], VRRP_ACTIVE));
		block(&m, 0);
		run_intervals(20);
		assert_true(side_is(&m.side[0], VRRP_ACTIVE) && side_is(&m.side[1], VRRP_BACKUP));
	}
}

/* A peer that dies is replaced when the last member has missed it, not later than a router without a group would. */
static void test_peer_dies(void **state)
{
	uint64_t died, sent = 0, down = vrrp_down_ns(100, 10);

	(void)state;
	begin();
	m.blocked[0][1] = true;
	run_intervals(20);
	died = m.clock;
	stop(0);
	for (unsigned i = 0; i < MEMBERS; i++)
		if (m.side[0].member[i].router.sent_ns > sent)
			sent = m.side[0].member[i].router.sent_ns;
	while (!side_is(&m.side[1], VRRP_ACTIVE)) {
		assert_true(m.clock < died + down);
		run_turns(&m, 1, m.clock + CLOCK_NS_PER_MS);
		judge(&m.side[1]);
	}
	assert_in_range(m.clock - sent, down - CLOCK_NS_PER_MS, down + 4 * CLOCK_NS_PER_MS);
}

static void test_release(void **state)
{
	(void)state;
	begin();
	m.side[0].now = m.clock;
	take_down(&m.side[0], 1);
	assert_true(side_is(&m.side[0], VRRP_INITIALIZE));
	assert_int_equal(m.side[0].member[0].said, 1);
	assert_int_equal(m.side[0].member[1].said, 1);
	run_intervals(1);	/* Skew_Time is 0.6 of it */
	assert_true(side_is(&m.side[1], VRRP_ACTIVE));

	/* with the word for one member lost, the other one waits for the whole interval, and both take */
	begin();
	m.side[0].now = m.clock;
	m.blocked[0][0] = true;
	raise_all(&m.side[0], VRRP_EV_RELEASE);
	run_intervals(4);
	assert_true(side_is(&m.side[1], VRRP_ACTIVE));
}

/* Heard by one member only: a better peer ends both, and nothing is said, because the peer has taken both. */
static void test_loses_together(void **state)
{
	struct side *side = &m.side[0];
	struct addr peer = m.side[1].member[1].router.source;
	struct vrrp_advert advert = { .vrid = 51, .priority = 254, .interval_cs = 10 };

	(void)state;
	begin();
	m.clock += 1;
	vrrp_router_heard(&side->member[1].router, &advert, &peer, VRRP_CHECKSUM_RFC9568, m.clock, m.clock);
	assert_true(is_active(&side->member[0]));
	vrrp_sync_settle(&side->sync, m.clock);
	assert_true(side_is(side, VRRP_BACKUP));
	assert_int_equal(side->member[0].said + side->member[1].said, 0);
	assert_int_equal(side->member[0].router.left_by, VRRP_EV_GROUP_LOST);
	assert_non_null(strstr(side->member[0].router.cause, "eth0/51v6 of the group: "));
}

/* One member cannot speak: the group gives up, the peer takes, and alone nobody comes and goes. */
static void test_cannot_speak(void **state)
{
	(void)state;
	begin();
	m.side[0].member[1].refused_until = UINT64_MAX;
	run_intervals(8);
	assert_true(side_is(&m.side[0], VRRP_BACKUP) && side_is(&m.side[1], VRRP_ACTIVE));
	assert_int_equal(m.side[0].member[0].said, 1);
	assert_int_equal(m.side[0].member[0].router.left_by, VRRP_EV_GROUP_FAILED);

	stop(1);
	run_intervals(10);	/* at its first try the one that can speak was first; not again */
	memset(&seen, 0, sizeof(seen));
	run_intervals(50);
	assert_int_equal(seen.transitions, 0);
	assert_true(side_is(&m.side[0], VRRP_BACKUP));
	m.side[0].member[1].refused_until = 0;
	run_intervals(2);
	assert_true(side_is(&m.side[0], VRRP_ACTIVE));
}

/* Both Active with equal priorities: wire 0 decides, where side 0 has the greater address, although on wire 1 it has
 * not. */
static void test_tie(void **state)
{
	(void)state;
	for (unsigned heard = 0; heard < 2; heard++) {
		model_init(&m, 3);
		be_calm(&m);
		block(&m, 15);
		for (unsigned s = 0; s < SIDES; s++) {
			m.side[s].now = m.clock;
			m.side[s].command_at = UINT64_MAX;
			raise_all(&m.side[s], VRRP_EV_STARTUP);
		}
		run_intervals(10);
		assert_true(side_is(&m.side[0], VRRP_ACTIVE) && side_is(&m.side[1], VRRP_ACTIVE));
		memset(&seen, 0, sizeof(seen));
		block(&m, heard ? 0 : 5);	/* 5: wire 0 is dead, so wire 1 decides */
		run_intervals(20);
		assert_true(side_is(&m.side[!heard], VRRP_ACTIVE) && side_is(&m.side[heard], VRRP_BACKUP));
		assert_int_equal(seen.transitions, 2);
	}
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("V174 adverts of one member blocked, whichever way: nothing moves; of all: whole groups",
		     test_one_wire_blocked),
		CASE("V174 a dead peer is replaced by the whole group in one turn, in Active_Down_Interval",
		     test_peer_dies),
		CASE("V174 one member's fault releases all; the peer's group takes as one", test_release),
		CASE("V174 a better peer, heard by one member, ends all without a word", test_loses_together),
		CASE("V174 one that cannot advertise: the group gives up, and does not come and go", test_cannot_speak),
		CASE("V174 equal priorities: one member's addresses decide for all", test_tie),
		CASE("V174 random schedules: never one alone, no lease granted early, one node in the end",
		     test_random),
		CASE("V174 random schedules with preemption and wires blocked from the start", test_random_preempt),
		CASE("V174 random schedules with equal priorities", test_random_equal),
	};

	return RUN(cases);
}
