/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_router.c - libFuzzer: the life of a virtual router, from the packet to the state. The input is a row of steps,
 * each an octet that says what it is, and what belongs to it:
 *
 *   0      wait: two octets of milliseconds, then the timers
 *   1, 2   a packet: an octet of length, and the IP packet; 2 sets its sums right first
 *   3      the kernel refuses frames from now on, or takes them again
 *   4      weights: an octet
 *   5      all is well again
 *   else   an event of those that control raises
 *
 * What is rejected changes nothing; and after every step the machine is one that its header promises.
 */
#include "tests/fuzz/exercise.h"
#include "tests/fuzz/sums.h"

#include "base/clock.h"
#include "vrrp/fsm.h"

enum { LIFE_VRID = 51 };

struct life {
	struct vrrp_conf conf;
	struct vrrp_router router;
	uint64_t now_ns, lease_until_ns;
	bool refuses;
};

static bool life_advertise(struct vrrp_router *router, uint8_t priority, bool take, uint64_t now_ns)
{
	struct life *life = router->context;

	PROMISE(now_ns == life->now_ns && priority != VRRP_PRIORITY_OWNER);
	if (life->refuses)
		return false;
	if (!priority)
		return true;
	PROMISE(take || now_ns < life->lease_until_ns);		/* a lapsed lease is never extended */
	life->lease_until_ns = now_ns + 3 * vrrp_interval_ns(life->conf.interval_cs);
	return true;
}

static bool life_holds(struct vrrp_router *router)
{
	const struct life *life = router->context;

	return life->now_ns < life->lease_until_ns;
}

static void life_announce(struct vrrp_router *router, uint64_t now_ns)
{
	(void)now_ns;
	PROMISE(life_holds(router));
}

static void life_revoke(struct vrrp_router *router)
{
	((struct life *)router->context)->lease_until_ns = 0;
}

static void life_linger(struct vrrp_router *router, uint64_t now_ns)
{
	(void)now_ns;
	PROMISE(life_holds(router));
	life_revoke(router);
}

static void life_changed(struct vrrp_router *router, enum vrrp_state from, enum vrrp_event event, const char *cause,
			 uint64_t now_ns)
{
	(void)now_ns;
	PROMISE(from != router->state && event < VRRP_EVENTS);
	PROMISE(strlen(cause) < sizeof(router->cause));
}

static void life_begin(struct life *life)
{
	static const struct vrrp_actions life_actions = {
		.advertise = life_advertise, .holds = life_holds, .announce = life_announce, .revoke = life_revoke,
		.linger = life_linger, .changed = life_changed,
	};

	memset(life, 0, sizeof(*life));
	life->conf = (struct vrrp_conf){
		.vrid = LIFE_VRID, .priority = 100, .interval_cs = 10, .preempt = true, .preempt_delay_ms = 1000,
		.linger_ms = 100, .count = 1, .addresses = { addr_from_v4(0x350200c0) },
	};
	life->now_ns = 1000ULL * CLOCK_NS_PER_S;
	vrrp_router_init(&life->router, &life->conf, &life_actions, life, life->now_ns);
	life->router.source = addr_from_v4(0x010200c0);
}

/* As segment.c does it. */
static void life_receive(struct life *life, uint8_t *packet, size_t len)
{
	struct vrrp_router before = life->router;
	struct vrrp_advert advert;
	struct vrrp_path path;
	enum vrrp_checksum used;

	if (vrrp_advert_decode(packet, len, VRRP_CHECKSUM_BOTH, &advert, &path, &used) == VRRP_ACCEPTED &&
	    advert.vrid == LIFE_VRID && !addr_equal(&path.source, &life->router.source)) {
		vrrp_router_heard(&life->router, &advert, &path.source, used, life->now_ns, life->now_ns);
		PROMISE(life->router.heard == before.heard + 1);
	} else {
		PROMISE(!memcmp(&before, &life->router, sizeof(before)));
	}
}

static void life_check(const struct life *life)
{
	const struct vrrp_router *router = &life->router;
	uint64_t longest = 4 * vrrp_interval_ns(VRRP_INTERVAL_MAX_CS);

	PROMISE(router->state >= VRRP_INITIALIZE && router->state <= VRRP_ACTIVE);
	PROMISE(!router->adver_due_ns || !router->down_due_ns);
	PROMISE((router->state == VRRP_ACTIVE) == (router->adver_due_ns != 0));
	PROMISE((router->state == VRRP_BACKUP) == (router->down_due_ns != 0));
	PROMISE(vrrp_router_due(router) == UINT64_MAX || vrrp_router_due(router) <= life->now_ns + longest);
	PROMISE(vrrp_router_priority(router) >= 1 && vrrp_router_priority(router) <= 254);
	PROMISE(router->active_interval_cs <= VRRP_INTERVAL_MAX_CS);
	PROMISE(life->lease_until_ns <= life->now_ns + 3 * vrrp_interval_ns(life->conf.interval_cs));
}

/* A step; how many octets it took. There is at least one. */
static size_t life_step(struct life *life, const uint8_t *data, size_t size)
{
	static const enum vrrp_event orders[] = { VRRP_EV_STARTUP, VRRP_EV_RELEASE, VRRP_EV_FAULT, VRRP_EV_DEMOTE };
	size_t len;
	uint8_t *packet;

	switch (data[0]) {
	case 0:
		if (size < 3)
			return size;
		life->now_ns += (uint64_t)(data[1] << 8 | data[2]) * CLOCK_NS_PER_MS;
		vrrp_router_timers(&life->router, life->now_ns);
		return 3;
	case 1:
	case 2:
		if (size < 2)
			return size;
		len = data[1] < size - 2 ? data[1] : size - 2;
		packet = exercise_copy(data + 2, len);
		if (data[0] == 2)
			sums_set(packet, len);
		life_receive(life, packet, len);
		free(packet);
		return 2 + len;
	case 3:
		life->refuses = !life->refuses;
		return 1;
	case 4:
		if (size < 2)
			return size;
		vrrp_router_weights(&life->router, data[1] < 253 ? data[1] : 253, life->now_ns);
		return 2;
	case 5:
		vrrp_router_recovered(&life->router, life->now_ns);
		return 1;
	default:
		vrrp_router_event(&life->router, orders[data[0] % (sizeof(orders) / sizeof(orders[0]))], "fuzz",
				  life->now_ns);
		return 1;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct life life;

	life_begin(&life);
	for (size_t at = 0; at < size;) {
		at += life_step(&life, data + at, size - at);
		life_check(&life);
	}
	return 0;
}
