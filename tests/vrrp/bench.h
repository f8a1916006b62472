/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bench.h - one state machine with a clock and a lease of our own, for the tests of vrrp/fsm.c. What the machine
 * does is written down as words in the order it was done: "take:100 announce Backup>Active".
 */
#ifndef TESTS_VRRP_BENCH_H
#define TESTS_VRRP_BENCH_H

#include "tests/tap.h"

#include <stdio.h>
#include <string.h>
#include "base/clock.h"
#include "vrrp/fsm.h"

#define MS ((uint64_t)CLOCK_NS_PER_MS)

static const uint64_t start = 1000 * (uint64_t)CLOCK_NS_PER_S;
static const uint64_t year = 31557600 * (uint64_t)CLOCK_NS_PER_S;

struct bench {
	struct vrrp_conf conf;
	struct vrrp_router router;
	uint64_t now, lease_until;
	bool refuses;			/* the kernel takes no frame */
	char done[256];			/* words */
};

static void note(struct bench *b, const char *word)
{
	size_t len = strlen(b->done);

	assert_true(len + strlen(word) + 2 < sizeof(b->done));
	snprintf(b->done + len, sizeof(b->done) - len, "%s%s", len ? " " : "", word);
}

static bool do_advertise(struct vrrp_router *router, uint8_t priority, bool take, uint64_t now_ns)
{
	struct bench *b = router->context;
	char word[16];

	assert_int_equal(now_ns, b->now);
	if (b->refuses) {
		note(b, "refused");
		return false;
	}
	snprintf(word, sizeof(word), "%s:%u", take ? "take" : "say", priority);
	note(b, word);
	if (priority) {
		assert_true(take || b->now < b->lease_until);	/* a lapsed lease is never extended */
		b->lease_until = b->now + 3 * vrrp_interval_ns(b->conf.interval_cs);
	}
	return true;
}

static bool do_hold(struct vrrp_router *router)
{
	struct bench *b = router->context;

	return b->now < b->lease_until;
}

static void do_announce(struct vrrp_router *router, uint64_t now_ns)
{
	struct bench *b = router->context;

	assert_int_equal(now_ns, b->now);
	note(b, "announce");
}

static void do_revoke(struct vrrp_router *router)
{
	struct bench *b = router->context;

	b->lease_until = 0;
	note(b, "revoke");
}

static void do_linger(struct vrrp_router *router, uint64_t now_ns)
{
	struct bench *b = router->context;

	assert_int_equal(now_ns, b->now);
	assert_true(b->now < b->lease_until);
	b->lease_until = 0;
	note(b, "linger");
}

static void do_change(struct vrrp_router *router, enum vrrp_state from, enum vrrp_event event,
		      const char *cause, uint64_t now_ns)
{
	char words[32];

	assert_int_equal(now_ns, ((struct bench *)router->context)->now);
	assert_ptr_equal(cause, router->cause);
	assert_in_range(event, 0, VRRP_EVENTS - 1);
	snprintf(words, sizeof(words), "%s>%s", vrrp_state_name(from), vrrp_state_name(router->state));
	note(router->context, words);
}

static const struct vrrp_actions actions = {
	.advertise = do_advertise,
	.holds = do_hold,
	.announce = do_announce,
	.revoke = do_revoke,
	.linger = do_linger,
	.changed = do_change,
};

static struct addr address_of(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

/* Priority 100, 100 cs, preempting at once, 192.0.2.1 for 192.0.2.53. */
static void bench_init(struct bench *b)
{
	memset(b, 0, sizeof(*b));
	b->conf = (struct vrrp_conf){
		.vrid = 51, .priority = 100, .interval_cs = 100, .preempt = true, .virtual_mac = true, .count = 1,
		.addresses = { address_of("192.0.2.53") },
	};
	b->now = start;
	vrrp_router_init(&b->router, &b->conf, &actions, b, b->now);
	b->router.source = address_of("192.0.2.1");
}

static void raise_event(struct bench *b, enum vrrp_event event)
{
	vrrp_router_event(&b->router, event, "test", b->now);
}

static void assert_done(struct bench *b, const char *words)
{
	assert_string_equal(b->done, words);
	b->done[0] = '\0';
}

/* Advances the clock and acts on timers, as a turn of the loop does. */
static void turn_at(struct bench *b, uint64_t now)
{
	assert_true(now >= b->now);
	b->now = now;
	vrrp_router_timers(&b->router, now);
}

static void start_backup(struct bench *b)
{
	raise_event(b, VRRP_EV_STARTUP);
	assert_int_equal(b->router.state, VRRP_BACKUP);
	b->done[0] = '\0';
}

static void start_active(struct bench *b)
{
	start_backup(b);
	turn_at(b, b->router.down_due_ns);
	assert_int_equal(b->router.state, VRRP_ACTIVE);
	b->done[0] = '\0';
}

static inline void bench_in(struct bench *b, enum vrrp_state state)
{
	bench_init(b);
	if (state == VRRP_BACKUP)
		start_backup(b);
	if (state == VRRP_ACTIVE)
		start_active(b);
}

static void hear_from(struct bench *b, const char *source, uint8_t priority, uint16_t interval_cs,
		      uint64_t heard)
{
	struct vrrp_advert advert = {
		.vrid = 51, .priority = priority, .interval_cs = interval_cs, .count = 1,
		.addresses = { address_of("192.0.2.53") },
	};
	struct addr address = address_of(source);

	vrrp_router_heard(&b->router, &advert, &address, VRRP_CHECKSUM_RFC9568, heard, b->now);
}

static inline void hear(struct bench *b, uint8_t priority)
{
	hear_from(b, "192.0.2.2", priority, 100, b->now);
}

#endif
