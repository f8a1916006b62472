/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_lease.c - a model of two routers, each with the real state machine, a socket that stamps what arrives, and a
 * lease. Random schedules stop them (between turns, and inside one between draining the socket and acting on
 * timers), starve them, refuse their frames, and command them. The question at every grant: does the other one's
 * lease hold as well?
 *
 * A lease cannot exclude that an advertisement was accepted by the kernel and not heard when the peer decided: still on
 * its way, come in while a turn was under way, or lost. Tests of their own show that nothing else leads to
 * an overlap: what the taker did hear had lapsed. Preemption is off: it takes the address from a living Active, on
 * purpose. Reading the clock, writing the lease and sending are one instant here.
 */
#include "tests/tap.h"

#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "vrrp/fsm.h"

enum { FRAMES = 2048, TURNS = 300, SCHEDULES = 20000 };
enum { WIRE_MAX_NS = 2 * CLOCK_NS_PER_MS };

struct frame {
	uint64_t sent, arrives;
	uint8_t priority;
	uint16_t interval_cs;
};

struct model;

struct node {
	struct model *model;
	struct node *peer;
	struct vrrp_conf conf;
	struct vrrp_router router;
	struct frame frames[FRAMES];	/* in the socket, or on the wire to it; a ring */
	unsigned first, n;
	uint64_t lease_until;		/* as owner; a lingering one does not own */
	uint64_t heard_sent;		/* when the peer sent what was heard last; 0: it released */
	uint64_t now;			/* the clock as read at the start of the turn */
	bool in_turn;			/* stopped between socket and timers */
	uint64_t stopped_until, refused_until, command_at, jitter;
};

/* What a schedule may contain. */
struct rules {
	bool wire_delay, slow_turns;	/* a turn may take up to an interval, unnoticed */
	bool mixed_intervals;
	unsigned lost;			/* per 100 frames */
};

struct model {
	const struct rules *rules;
	struct node nodes[2];
	uint64_t clock, random;
	bool calm;			/* nothing bad happens any more */
};

static struct {
	uint64_t takes, extended, overlaps, lapsed, late, stops, stale, refused, lost;
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

static uint64_t interval_of(const struct node *node)
{
	return vrrp_interval_ns(node->conf.interval_cs);
}

/* ---- what the engine does ---- */

static void deliver(struct node *node, uint8_t priority)
{
	struct model *m = node->model;
	struct node *to = node->peer;
	struct frame *frame = &to->frames[(to->first + to->n) % FRAMES];
	uint64_t last = to->n ? to->frames[(to->first + to->n - 1) % FRAMES].arrives : 0;

	if (m->rules->lost && chance(m, m->rules->lost)) {
		seen.lost++;
		return;
	}
	assert_true(to->n < FRAMES);
	to->n++;
	frame->sent = m->clock;
	frame->arrives = m->clock + (m->rules->wire_delay ? below(m, WIRE_MAX_NS) : 0);
	if (frame->arrives < last)
		frame->arrives = last;	/* a wire keeps the order */
	frame->priority = priority;
	frame->interval_cs = node->conf.interval_cs;
}

/* Both leases hold now: node has just taken. */
static void judge_overlap(const struct node *node)
{
	const struct rules *rules = node->model->rules;

	seen.overlaps++;
	assert_true(node->heard_sent + 3 * interval_of(node->peer) <= node->model->clock);
	assert_true(node->n > 0 || rules->lost);	/* the other's advert is on its way */
}

static bool do_advertise(struct vrrp_router *router, uint8_t priority, bool take, uint64_t now_ns)
{
	struct node *node = router->context;
	struct model *m = node->model;

	if (m->clock < node->refused_until) {
		seen.refused++;
		return false;
	}
	if (priority) {
		if (m->clock - now_ns > interval_of(node)) {
			seen.stale++;
			return false;
		}
		assert_true(take || m->clock < node->lease_until);
		node->lease_until = m->clock + 3 * interval_of(node);
		seen.extended += !take;
	}
	if (take) {
		seen.takes++;
		if (m->clock < node->peer->lease_until)
			judge_overlap(node);
	}
	deliver(node, priority);
	return true;
}

static bool do_hold(struct vrrp_router *router)
{
	const struct node *node = router->context;

	return node->model->clock < node->lease_until;
}

static void do_announce(struct vrrp_router *router, uint64_t now_ns)
{
	(void)router;
	(void)now_ns;
}

static void do_revoke(struct vrrp_router *router)
{
	((struct node *)router->context)->lease_until = 0;
}

static void do_linger(struct vrrp_router *router, uint64_t now_ns)
{
	(void)now_ns;
	do_revoke(router);
}

static void do_change(struct vrrp_router *router, enum vrrp_state from, enum vrrp_event event,
		      const char *cause, uint64_t now_ns)
{
	const struct node *node = router->context;

	(void)event;
	(void)cause;
	(void)now_ns;
	assert_int_not_equal(from, router->state);
	if (router->state != VRRP_ACTIVE)
		assert_int_equal(node->lease_until, 0);
}

static const struct vrrp_actions actions = {
	.advertise = do_advertise,
	.holds = do_hold,
	.announce = do_announce,
	.revoke = do_revoke,
	.linger = do_linger,
	.changed = do_change,
};

/* ---- a turn, in two halves ---- */

static void drain(struct node *node)
{
	node->now = node->model->clock;
	while (node->n && node->frames[node->first].arrives <= node->now) {
		const struct frame *frame = &node->frames[node->first];
		struct vrrp_advert advert = {
			.vrid = 51, .priority = frame->priority, .interval_cs = frame->interval_cs,
		};

		node->heard_sent = frame->priority ? frame->sent : 0;
		node->first = (node->first + 1) % FRAMES;
		node->n--;
		vrrp_router_heard(&node->router, &advert, &node->peer->router.source,
				  VRRP_CHECKSUM_RFC9568, frame->arrives, node->now);
	}
}

static void command(struct node *node)
{
	struct vrrp_router *router = &node->router;
	struct model *m = node->model;

	node->command_at = m->clock + below(m, 40 * interval_of(node));
	if (m->calm || router->state == VRRP_INITIALIZE) {
		vrrp_router_recovered(router, node->now);
		vrrp_router_event(router, VRRP_EV_STARTUP, "", node->now);
		return;
	}
	switch (below(m, 5)) {
	case 0:
		vrrp_router_event(router, VRRP_EV_RELEASE, "", node->now);
		break;
	case 1:
		vrrp_router_event(router, VRRP_EV_FAULT, "", node->now);
		break;
	case 2:
		vrrp_router_event(router, VRRP_EV_DEMOTE, "", node->now);
		break;
	case 3:
		vrrp_router_recovered(router, node->now);
		break;
	default:
		vrrp_router_weights(router, (uint8_t)below(m, 254), node->now);
	}
}

static void act(struct node *node)
{
	struct model *m = node->model;

	vrrp_router_timers(&node->router, node->now);
	if (m->clock >= node->command_at)
		command(node);
	node->in_turn = false;
	node->jitter = below(m, chance(m, 5) ? 2 * interval_of(node) : CLOCK_NS_PER_MS / 5);
	if (chance(m, 3))
		node->refused_until = m->clock + below(m, 6 * interval_of(node));
	if (chance(m, 4)) {
		node->stopped_until = m->clock + below(m, 10 * interval_of(node));
		seen.stops++;
	}
}

static void turn(struct node *node)
{
	struct model *m = node->model;

	if (!node->in_turn) {
		drain(node);
		node->in_turn = true;
		if (chance(m, 2)) {
			node->stopped_until = m->clock + interval_of(node) + 1 + below(m, 8 * interval_of(node));
			seen.stops++;
			return;
		}
		if (m->rules->slow_turns && chance(m, 20)) {
			node->stopped_until = m->clock + below(m, interval_of(node));
			return;
		}
	}
	act(node);
}

static uint64_t wakes_at(const struct node *node)
{
	uint64_t at = vrrp_router_due(&node->router);

	if (node->in_turn)
		return node->stopped_until;
	if (node->n && node->frames[node->first].arrives < at)
		at = node->frames[node->first].arrives;
	if (node->command_at < at)
		at = node->command_at;
	at += node->jitter;
	return at > node->stopped_until ? at : node->stopped_until;
}

static void run_turns(struct model *m, unsigned turns, uint64_t until)
{
	for (unsigned i = 0; i < turns; i++) {
		uint64_t a = wakes_at(&m->nodes[0]), b = wakes_at(&m->nodes[1]);
		struct node *next = &m->nodes[b < a];
		uint64_t at = b < a ? b : a;

		if (at > until)
			return;
		if (at > m->clock)
			m->clock = at;
		turn(next);
	}
}

/* ---- a schedule ---- */

static void model_init(struct model *m, const struct rules *rules, uint64_t number)
{
	static const uint8_t priorities[] = { 1, 100, 200, 254 };
	static const uint16_t intervals_cs[] = { 1, 10, 40, 100 };
	uint16_t interval_cs;

	memset(m, 0, sizeof(*m));
	m->rules = rules;
	m->random = number * 0x9e3779b97f4a7c15u + 1;
	m->clock = 1000 * (uint64_t)CLOCK_NS_PER_S;
	interval_cs = intervals_cs[below(m, 4)];
	for (unsigned i = 0; i < 2; i++) {
		struct node *node = &m->nodes[i];

		if (rules->mixed_intervals)
			interval_cs = intervals_cs[below(m, 4)];
		node->model = m;
		node->peer = &m->nodes[!i];
		node->conf = (struct vrrp_conf){
			.vrid = 51, .priority = priorities[below(m, 4)], .interval_cs = interval_cs,
		};
		vrrp_router_init(&node->router, &node->conf, &actions, node, m->clock);
		node->router.source = (struct addr){ .bytes = { 0xfe, 0x80, [15] = (uint8_t)(i + 1) } };
		node->command_at = m->clock + below(m, 10 * interval_of(node));
	}
	for (unsigned i = 0; i < 2; i++)	/* as after some time together */
		m->nodes[i].router.peer.interval_cs = m->nodes[!i].conf.interval_cs;
}

static unsigned actives(const struct model *m)
{
	return (m->nodes[0].router.state == VRRP_ACTIVE) + (m->nodes[1].router.state == VRRP_ACTIVE);
}

/* Left alone, they agree: one Active, and its lease alone holds. */
static void settle(struct model *m)
{
	uint64_t longest = 0, quiet = m->clock;

	m->calm = true;
	for (unsigned i = 0; i < 2; i++) {
		struct node *node = &m->nodes[i];

		if (interval_of(node) > longest)
			longest = interval_of(node);
		node->refused_until = 0;
		if (node->stopped_until > quiet)
			quiet = node->stopped_until;
		node->jitter = below(m, CLOCK_NS_PER_MS / 5);
		node->command_at = m->clock;
	}
	run_turns(m, 100000, quiet + 15 * longest);
	assert_int_equal(actives(m), 1);
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(m->clock < m->nodes[i].lease_until,
				 m->nodes[i].router.state == VRRP_ACTIVE);
}

static void run_schedules(const struct rules *rules, unsigned schedules)
{
	static struct model m;

	memset(&seen, 0, sizeof(seen));
	for (unsigned number = 1; number <= schedules; number++) {
		model_init(&m, rules, number);
		run_turns(&m, TURNS, UINT64_MAX);
		settle(&m);
		for (unsigned i = 0; i < 2; i++) {
			seen.lapsed += m.nodes[i].router.lapsed;
			seen.late += m.nodes[i].router.late;
		}
	}
	printf("# %u schedules: %ju takes, %ju extensions, %ju stops, %ju late timers, %ju lapses, %ju sends "
	       "refused, %ju in stale turns, %ju lost, %ju overlaps\n", schedules, seen.takes, seen.extended,
	       seen.stops, seen.late, seen.lapsed, seen.refused, seen.stale, seen.lost, seen.overlaps);
	assert_true(seen.takes > schedules && seen.extended > schedules && seen.stops > schedules);
	assert_true(seen.lapsed > schedules / 10 && seen.late > schedules / 10);
	assert_true(seen.refused > schedules / 10);
}

static void test_never_overlap(void **state)
{
	static const struct rules rules = { 0 };

	(void)state;
	run_schedules(&rules, SCHEDULES);
	assert_int_equal(seen.overlaps, 0);
	assert_true(seen.stale > 0);
}

static void test_mixed_intervals(void **state)
{
	static const struct rules rules = { .mixed_intervals = true };

	(void)state;
	run_schedules(&rules, SCHEDULES / 2);
	assert_int_equal(seen.overlaps, 0);
}

static void test_races(void **state)
{
	static const struct rules rules = { .wire_delay = true, .slow_turns = true };

	(void)state;
	run_schedules(&rules, SCHEDULES / 2);
}

static void test_lost(void **state)
{
	static const struct rules rules = { .lost = 20 };

	(void)state;
	run_schedules(&rules, SCHEDULES / 2);
	assert_true(seen.lost > 0);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("V159 leases never overlap: stopped, starved, refused", test_never_overlap),
		CASE("V159 nor where the two advertise at different intervals", test_mixed_intervals),
		CASE("leases overlap while an advert is on its way: what was heard had lapsed", test_races),
		CASE("leases overlap by adverts that are lost: what was heard had lapsed", test_lost),
	};

	return RUN(cases);
}
