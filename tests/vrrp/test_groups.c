/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_groups.c - whole VRRP engines under what an operator does: sync groups, holds, other addresses, other hosts that
 * are where they should not be. Topology in enginelab.h. Skips without root.
 */
#include "tests/tap.h"

#include "tests/vrrp/enginelab.h"

/* Of the group: 0 is VRID 51 of IPv4, 1 is VRID 52 of IPv4 or any of IPv6. -1: no advertisement. */
static int member_of(const struct seen *seen)
{
	if (seen->frame[12] == 0x86 && seen->frame[13] == 0xdd && seen->frame[20] == VRRP_PROTOCOL)
		return 1;
	return is_advert(seen) ? seen->frame[35] - 51 : -1;
}

static uint8_t priority_of(const struct seen *seen)
{
	return seen->frame[12] == 0x86 ? seen->frame[14 + 40 + 2] : advert_priority(seen);
}

static bool has_state(struct node *node, unsigned router, enum vrrp_state state)
{
	struct vrrp_status status;

	vrrp_engine_status(node->engine, router, &status);
	return status.state == state;
}

static bool both_are(struct node *node, enum vrrp_state state)
{
	return has_state(node, 0, state) && has_state(node, 1, state);
}

/* ---- groups ---- */

/* VRIDs 51 and 52 in a group on both sides, or 51 of both families; A is Active. */
static void groups_up(bool two_families)
{
	struct node *nodes[SIDES] = { &a, &b };

	for (unsigned side = 0; side < SIDES; side++) {
		struct node *node = nodes[side];

		node_init(node, side, side == SIDE_A ? 200 : 100);
		node->n = 2;
		node->conf[1] = plain_conf(side, side == SIDE_A ? 200 : 100);
		node->conf[1].vrid = 52;
		node->conf[1].addresses[0] = address("192.0.2.54");
		if (two_families)
			node->conf[1] = plain_conf_v6(side, side == SIDE_A ? 200 : 100);
		node->conf[1].lease = 1;
		for (unsigned i = 0; i < 2; i++)
			snprintf(node->conf[i].group, sizeof(node->conf[i].group), "pair");
		assert_true(node_up(node));
	}
	assert_true(wait_until(both_are(&a, VRRP_ACTIVE) && both_are(&b, VRRP_BACKUP), 2000) != UINT32_MAX);
}

/* When each of the two was first said, since since_ns, in microseconds. */
static void first_adverts(bool from_a, bool releases, uint64_t since_ns, unsigned at_us[2])
{
	struct seen seen;
	unsigned found = 0;

	while (found != 3) {
		unsigned i;

		assert_true(wire_find(wire, &seen, member_of(&seen) >= 0 && seen.from_a == from_a &&
				      (priority_of(&seen) == 0) == releases, 2000));
		i = (unsigned)member_of(&seen);
		if (!(found & 1u << i))
			at_us[i] = (unsigned)((seen.at_ns - since_ns) / CLOCK_NS_PER_US);
		found |= 1u << i;
	}
}

static unsigned apart(const unsigned at_us[2])
{
	return at_us[0] > at_us[1] ? at_us[0] - at_us[1] : at_us[1] - at_us[0];
}

static void released_as_one(bool two_families)
{
	unsigned said[2], taken[2];
	struct vrrp_status status;
	uint64_t since_ns;

	groups_up(two_families);
	wire_skip(wire);
	since_ns = clock_wall_ns();
	vrrp_engine_release(a.engine, 1);	/* one of them */
	first_adverts(true, true, since_ns, said);
	first_adverts(false, false, since_ns, taken);
	printf("# released: both said so %u us apart, both taken %u us apart, %u us after the last word\n", apart(said),
	       apart(taken), (taken[0] < taken[1] ? taken[0] : taken[1]) - (said[0] > said[1] ? said[0] : said[1]));
	assert_true(apart(said) < 5000);
	assert_true(apart(taken) < 5000);
	assert_in_range(taken[0] - said[0], 60000, 61000 + 30000);
	vrrp_engine_status(a.engine, 0, &status);
	assert_true(status.released);
	assert_int_equal(status.state, VRRP_INITIALIZE);
	vrrp_engine_resume(a.engine, 0);
	assert_true(wait_until(both_are(&a, VRRP_ACTIVE) && both_are(&b, VRRP_BACKUP), 1000) != UINT32_MAX);
}

static void groups_move_as_one(void **state)
{
	(void)state;
	NEED_LAB();
	released_as_one(false);
}

static void families_move_as_one(void **state)
{
	(void)state;
	NEED_LAB();
	released_as_one(true);
}

static void one_link_takes_all_down(void **state)
{
	struct vrrp_link link = { .source = address("192.0.2.1"), .ready = true };
	unsigned said[2], taken[2];
	struct vrrp_status status;
	uint64_t since_ns;

	(void)state;
	NEED_LAB();
	groups_up(false);
	memcpy(link.mac, side_mac[SIDE_A], sizeof(link.mac));
	wire_skip(wire);
	since_ns = clock_wall_ns();
	vrrp_engine_link(a.engine, 1, &link);
	first_adverts(true, true, since_ns, said);
	first_adverts(false, false, since_ns, taken);
	printf("# link of one down: both said so %u us apart, both taken %u us apart\n", apart(said), apart(taken));
	assert_true(apart(said) < 5000 && apart(taken) < 5000);
	assert_true(wait_until(both_are(&a, VRRP_INITIALIZE), 100) != UINT32_MAX);
	vrrp_engine_status(a.engine, 0, &status);
	assert_string_equal(status.missing, "va/52 of the group: link down");
	assert_int_equal(lease_mode(&a.leases, 0), LEASE_LINGER);	/* it could still answer, and does */
	assert_int_equal(lease_mode(&a.leases, 1), LEASE_RELEASED);
	assert_true(wait_until(both_are(&b, VRRP_ACTIVE), 100) != UINT32_MAX);
}

/* What B hears of one member only is enough for both; then nothing at all. */
static void one_member_is_not_heard(void **state)
{
	uint8_t frame[VRRP_FRAME_MAX];
	size_t len = forge_advert(frame, "192.0.2.9", 51, 200);
	struct vrrp_status status;
	unsigned taken[2];
	uint64_t last_ns = 0;

	(void)state;
	NEED_LAB();
	wire_skip(wire);
	node_init(&a, SIDE_A, 100);
	a.n = 2;
	a.conf[1] = plain_conf(SIDE_A, 100);
	a.conf[1].vrid = 52;
	a.conf[1].lease = 1;
	a.conf[1].addresses[0] = address("192.0.2.54");
	strcpy(a.conf[0].group, "pair");
	strcpy(a.conf[1].group, "pair");
	assert_true(node_up(&a));
	for (unsigned i = 0; i < 12; i++) {
		last_ns = clock_wall_ns();
		send_frame(frame, len);
		sleep_ms(100);
		assert_true(both_are(&a, VRRP_BACKUP));
	}
	vrrp_engine_status(a.engine, 1, &status);
	assert_true(status.group_waits);
	first_adverts(true, false, last_ns, taken);
	printf("# the last one silent: both taken %u us apart, %u us after its last advertisement\n", apart(taken),
	       taken[0]);
	assert_true(apart(taken) < 5000);
	assert_in_range(taken[0], 360000, 361000 + 50000);
	assert_true(wait_until(both_are(&a, VRRP_ACTIVE), 100) != UINT32_MAX);
	vrrp_engine_status(a.engine, 1, &status);
	assert_false(status.group_waits);
}

/* ---- holds and links ---- */

static void hold_link(struct node *node, uint64_t boot_until_ns, uint64_t link_until_ns)
{
	struct vrrp_link link = { .source = address(side_address[node->side]), .up = true, .ready = true,
				  .boot_until_ns = boot_until_ns, .link_until_ns = link_until_ns };

	memcpy(link.mac, side_mac[node->side], sizeof(link.mac));
	vrrp_engine_link(node->engine, 0, &link);
}

static void waits_for_holds(void **state)
{
	uint64_t now_ns, boot_ns;
	uint32_t waited;

	(void)state;
	NEED_LAB();
	node_init(&a, SIDE_A, 200);
	assert_true(node_open(&a));
	now_ns = clock_mono_ns();
	boot_ns = now_ns + 600 * CLOCK_NS_PER_MS;
	hold_link(&a, boot_ns, now_ns + 1200 * CLOCK_NS_PER_MS);
	assert_true(wait_until(!strcmp(node_status(&a).missing,
				       "held 1 s more after boot, held 2 s more after link-up"),
			       300) != UINT32_MAX);
	assert_true(node_status(&a).waiting);
	assert_true(wait_until(!strcmp(node_status(&a).missing, "held 1 s more after link-up"), 900) != UINT32_MAX);
	assert_true(node_is(&a, VRRP_INITIALIZE));
	waited = wait_until(node_is(&a, VRRP_BACKUP), 1500);
	assert_true(waited != UINT32_MAX);
	waited = (uint32_t)((clock_mono_ns() - now_ns) / CLOCK_NS_PER_MS);
	printf("# held for %u ms of 1200\n", waited);
	assert_in_range(waited, 1200, 1200 + 150);
	assert_true(wait_until(node_is(&a, VRRP_ACTIVE), 1000) != UINT32_MAX);
}

/* Down is acted on at once and not waited for, so a flap costs one move, and no more. */
static void flap_moves_once(void **state)
{
	struct vrrp_transition seen[16];
	unsigned n;
	uint64_t lost;

	(void)state;
	NEED_LAB();
	node_init(&a, SIDE_A, 200);
	node_init(&b, SIDE_B, 100);
	a.conf[0].preempt_delay_ms = 60000;
	assert_true(node_up(&a));
	assert_true(wait_until(node_is(&a, VRRP_ACTIVE), 2000) != UINT32_MAX);
	assert_true(node_up(&b));
	assert_true(wait_until(node_is(&b, VRRP_BACKUP), 1000) != UINT32_MAX);
	vrrp_engine_transitions(a.engine, seen, 16, &lost);
	for (unsigned i = 0; i < 3; i++) {
		node_link(&a, false, true);
		sleep_ms(20);
		node_link(&a, true, true);
		sleep_ms(500);
	}
	n = vrrp_engine_transitions(a.engine, seen, 16, &lost);
	assert_int_equal(n, 6);		/* Active, Initialize, Backup; then Initialize and Backup again, twice */
	assert_int_equal(seen[0].to, VRRP_INITIALIZE);
	assert_string_equal(seen[0].cause, "link down");
	for (unsigned i = 1; i < n; i++)
		assert_int_equal(seen[i].to, i % 2 ? VRRP_BACKUP : VRRP_INITIALIZE);
	assert_int_equal(vrrp_engine_transitions(b.engine, seen, 16, &lost), 2);
	assert_true(node_is(&b, VRRP_ACTIVE));
}

/* ---- other addresses ---- */

static bool is_announced(const struct seen *seen, const char *text)
{
	struct addr addr = address(text);

	return is_announcement(seen) && seen->from_a && !memcmp(seen->frame + 28, addr.bytes + 12, 4);
}

static void changes_addresses(void **state)
{
	static struct vrrp_conf more, fewer, other;	/* until the engines have ended */
	unsigned announced = 0, adverts = 0;
	uint64_t before_ns = 0, worst_ns = 0;
	struct seen seen;

	(void)state;
	NEED_LAB();
	node_init(&a, SIDE_A, 200);
	node_init(&b, SIDE_B, 100);
	assert_true(node_up(&a) && node_up(&b));
	assert_true(wait_until(node_is(&a, VRRP_ACTIVE) && node_status(&a).announcements == 3, 2000) != UINT32_MAX);
	assert_true(wait_until(node_is(&b, VRRP_BACKUP) && node_status(&b).heard > 1, 1000) != UINT32_MAX);
	more = a.conf[0];
	more.addresses[more.count++] = address("192.0.2.54");
	wire_skip(wire);
	assert_int_equal(vrrp_engine_configure(a.engine, 0, &more), 0);
	assert_true(wait_until(vrrp_engine_conf_in_use(a.engine, 0) == &more, 100) != UINT32_MAX);
	for (uint64_t until = clock_mono_ns() + 700 * CLOCK_NS_PER_MS; clock_mono_ns() < until;) {
		if (!wire_next(wire, &seen, 10) || !seen.from_a)
			continue;
		assert_false(is_announced(&seen, "192.0.2.53"));
		announced += is_announced(&seen, "192.0.2.54");
		if (!is_advert(&seen))
			continue;
		assert_int_equal(seen.frame[37], adverts++ ? 2 : seen.frame[37]);
		if (before_ns && seen.at_ns - before_ns > worst_ns)
			worst_ns = seen.at_ns - before_ns;
		before_ns = seen.at_ns;
	}
	printf("# an address more: announced %u times, the other one not; worst gap between advertisements %.1f ms of 100\n",
	       announced, (double)worst_ns / 1e6);
	assert_int_equal(announced, 3);
	assert_true(worst_ns < 150 * CLOCK_NS_PER_MS);
	assert_true(node_status(&b).peer.addresses_differ);
	assert_int_equal(a.words[0].frames[0][37], 2);
	assert_int_equal(node_status(&a).transitions, 2);

	/* Its ARP is answered, and a Backup takes other addresses over without a word. */
	forge_arp(seen.frame, 1, stranger_mac, "192.0.2.9", "192.0.2.54");
	send_frame(seen.frame, 42);
	assert_true(wire_find(wire, &seen, is_arp(&seen, 2) && seen.from_a, 500));
	other = b.conf[0];
	other.addresses[0] = address("192.0.2.54");
	assert_int_equal(vrrp_engine_configure(b.engine, 0, &other), 0);
	assert_true(wait_until(vrrp_engine_conf_in_use(b.engine, 0) == &other, 100) != UINT32_MAX);
	assert_false(wire_find(wire, &seen, is_announcement(&seen), 200));

	/* The first one goes: nothing is announced, and nothing answered for it any more. */
	fewer = a.conf[0];
	fewer.addresses[0] = address("192.0.2.54");
	assert_int_equal(vrrp_engine_configure(a.engine, 0, &fewer), 0);
	assert_true(wait_until(vrrp_engine_conf_in_use(a.engine, 0) == &fewer, 100) != UINT32_MAX);
	wire_skip(wire);
	forge_arp(seen.frame, 1, stranger_mac, "192.0.2.9", "192.0.2.53");
	send_frame(seen.frame, 42);
	assert_false(wire_find(wire, &seen, is_announcement(&seen) || is_arp(&seen, 2), 300));
	assert_true(wait_until(!node_status(&b).peer.addresses_differ, 500) != UINT32_MAX);
}

/* ---- other routers ---- */

static bool add(struct node *node, unsigned router, const struct vrrp_conf *conf)
{
	struct vrrp_link link = { .up = true, .ready = true };
	char error[160] = "";
	bool good;

	memcpy(link.mac, side_mac[node->side], sizeof(link.mac));
	link.source = address(vrrp_is_ipv6(conf) ? side_link_local[node->side] : side_address[node->side]);
	if (!netns_enter(side_ns(node->side)))
		return false;
	good = vrrp_engine_add(node->engine, router, conf, error, sizeof(error)) == 0;
	if (!good)
		fprintf(stderr, "# %s\n", error);
	vrrp_engine_link(node->engine, router, &link);
	return netns_enter(lab_ns.own_fd) && good;
}

/* A second router, beside the one that is Active: VRID 52, or the other family's 51. */
static struct vrrp_conf second_conf(unsigned side, bool ipv6)
{
	struct vrrp_conf conf = plain_conf(side, 200);

	conf.vrid = 52;
	conf.addresses[0] = address("192.0.2.54");
	if (ipv6)
		conf = plain_conf_v6(side, 200);
	conf.lease = 1;
	conf.linger_ms = 0;
	return conf;
}

/* Until the condition holds; the worst gap between the first router's advertisements meanwhile. */
#define watch_first(condition, limit_ms) ({							\
	uint64_t until_ = clock_mono_ns() + (limit_ms) * CLOCK_NS_PER_MS, before_ = 0, worst_ = 0;	\
	struct seen seen_;									\
	while (clock_mono_ns() < until_ && !(condition)) {					\
		if (!wire_next(wire, &seen_, 10) || !seen_.from_a || member_of(&seen_) != 0)	\
			continue;								\
		if (before_ && seen_.at_ns - before_ > worst_)					\
			worst_ = seen_.at_ns - before_;						\
		before_ = seen_.at_ns;								\
	}											\
	worst_;											\
})

static void second_comes_and_goes(bool ipv6)
{
	static struct vrrp_conf second;		/* until the engines have ended */
	struct seen seen;
	uint64_t worst_ns;
	uint8_t frame[64];

	node_init(&a, SIDE_A, 200);
	assert_true(node_up(&a));
	assert_true(wait_until(node_is(&a, VRRP_ACTIVE) && node_status(&a).announcements == 3, 2000) != UINT32_MAX);
	second = second_conf(SIDE_A, ipv6);
	for (unsigned i = 0; i < 3; i++) {	/* its number is free again each time */
		wire_skip(wire);
		assert_true(add(&a, 1, &second));
		worst_ns = watch_first(has_state(&a, 1, VRRP_ACTIVE), 1000);
		assert_true(has_state(&a, 1, VRRP_ACTIVE));
		assert_true(lease_holds(&a.leases, 1, clock_boot_ns()));
		assert_true(wire_find(wire, &seen,
				      seen.from_a && member_of(&seen) == 1 && priority_of(&seen) == 200, 500));
		if (!ipv6) {
			forge_arp(frame, 1, stranger_mac, "192.0.2.9", "192.0.2.54");
			send_frame(frame, 42);
			assert_true(wire_find(wire, &seen, is_arp(&seen, 2) && seen.from_a, 500));
		}
		wire_skip(wire);
		vrrp_engine_remove(a.engine, 1);
		assert_true(wire_find(wire, &seen, seen.from_a && member_of(&seen) == 1 && !priority_of(&seen), 500));
		assert_true(wait_until(vrrp_engine_is_gone(a.engine, 1), 500) != UINT32_MAX);
		assert_int_equal(a.words[1].active, 0);
		assert_false(lease_holds(&a.leases, 1, clock_boot_ns()));
		vrrp_engine_forget(a.engine, 1);
		wire_skip(wire);
		if (!ipv6) {
			forge_arp(frame, 1, stranger_mac, "192.0.2.9", "192.0.2.54");
			send_frame(frame, 42);
		}
		assert_false(wire_find(wire, &seen, seen.from_a && (member_of(&seen) == 1 || is_arp(&seen, 2)), 250));
		printf("# added and removed: worst gap between the first router's advertisements %.1f ms of 100\n",
		       (double)worst_ns / 1e6);
		assert_true(worst_ns < 150 * CLOCK_NS_PER_MS);
	}
	assert_int_equal(node_status(&a).transitions, 2);
	assert_int_equal(node_status(&a).announcements, 3);
}

static void routers_come_and_go(void **state)
{
	(void)state;
	NEED_LAB();
	second_comes_and_goes(false);
}

static void segments_come_and_go(void **state)
{
	(void)state;
	NEED_LAB();
	second_comes_and_goes(true);
}

/* The group stays where it is until the newcomer is there, too; then they are one. */
static void joins_an_active_group(void **state)
{
	static struct vrrp_conf second;
	struct vrrp_link link = { .source = address("192.0.2.1"), .ready = true };

	(void)state;
	NEED_LAB();
	node_init(&a, SIDE_A, 200);
	snprintf(a.conf[0].group, sizeof(a.conf[0].group), "pair");
	second = second_conf(SIDE_A, false);
	snprintf(second.group, sizeof(second.group), "pair");
	assert_true(node_up(&a));
	assert_true(wait_until(node_is(&a, VRRP_ACTIVE), 2000) != UINT32_MAX);
	assert_true(add(&a, 1, &second));
	assert_true(wait_until(has_state(&a, 1, VRRP_ACTIVE), 1000) != UINT32_MAX);
	assert_int_equal(node_status(&a).transitions, 2);
	memcpy(link.mac, side_mac[SIDE_A], sizeof(link.mac));
	vrrp_engine_link(a.engine, 1, &link);		/* down */
	assert_true(wait_until(both_are(&a, VRRP_INITIALIZE), 500) != UINT32_MAX);
	link.up = true;
	vrrp_engine_link(a.engine, 1, &link);
	assert_true(wait_until(both_are(&a, VRRP_ACTIVE), 1000) != UINT32_MAX);
	vrrp_engine_remove(a.engine, 1);
	assert_true(wait_until(vrrp_engine_is_gone(a.engine, 1), 500) != UINT32_MAX);
	vrrp_engine_forget(a.engine, 1);
	sleep_ms(300);
	assert_true(node_is(&a, VRRP_ACTIVE));
	assert_int_equal(node_status(&a).transitions, 5);
}

/* ---- who should not be there ---- */

/* Asked before the first take, from the interface's own MAC; a host that answers is named. */
static void asks_before_it_takes(void **state)
{
	uint8_t reply[64];
	struct seen seen;
	struct addr vip = address("192.0.2.53");
	static const uint8_t none[4];

	(void)state;
	NEED_LAB();
	node_init(&a, SIDE_A, 200);
	wire_skip(wire);
	assert_true(node_up(&a));
	assert_true(wire_find(wire, &seen, seen.from_a && (is_arp(&seen, 1) || is_advert(&seen)), 1000));
	assert_true(is_arp(&seen, 1));
	assert_memory_equal(seen.frame + 6, side_mac[SIDE_A], 6);
	assert_memory_equal(seen.frame + 28, none, 4);
	assert_memory_equal(seen.frame + 38, vip.bytes + 12, 4);
	forge_arp(reply, 2, stranger_mac, "192.0.2.53", "0.0.0.0");
	send_frame(reply, 42);
	assert_true(wait_until(node_status(&a).conflict[0], 200) != UINT32_MAX);
	assert_true(node_is(&a, VRRP_BACKUP));
	assert_string_equal(node_status(&a).conflict, "192.0.2.53 is also at 02:00:00:00:00:0c");
}

/* The Active answers a probe like every other host's request, and is no conflict, whichever MAC it uses. */
static void an_active_is_no_conflict(void **state)
{
	(void)state;
	NEED_LAB();
	for (unsigned i = 0; i < 2; i++) {
		node_init(&a, SIDE_A, 200);
		node_init(&b, SIDE_B, 100);
		a.conf[0].virtual_mac = b.conf[0].virtual_mac = i;
		assert_true(node_up(&a));
		assert_true(wait_until(node_is(&a, VRRP_ACTIVE), 2000) != UINT32_MAX);
		assert_true(node_up(&b));
		assert_true(wait_until(node_status(&a).arp_replies == 1, 1000) != UINT32_MAX);
		sleep_ms(200);
		assert_string_equal(node_status(&b).conflict, "");
		assert_string_equal(node_status(&a).conflict, "");
		lab_clean_up(NULL);
	}
}

static void names_two_owners(void **state)
{
	uint8_t frame[VRRP_FRAME_MAX];

	(void)state;
	NEED_LAB();
	node_init(&a, SIDE_A, 200);
	assert_true(node_up(&a));
	send_frame(frame, forge_advert(frame, "192.0.2.9", 51, 255));
	sleep_ms(150);
	assert_string_equal(node_status(&a).owners, "");
	send_frame(frame, forge_advert(frame, "192.0.2.8", 51, 255));
	assert_true(wait_until(node_status(&a).owners[0], 500) != UINT32_MAX);
	assert_string_equal(node_status(&a).owners, "192.0.2.9 and 192.0.2.8 advertise priority 255");
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		LAB_CASE("V173 V174 released by one of its members a group goes, and is taken, as one",
			 groups_move_as_one),
		LAB_CASE("V174 one of IPv4 and one of IPv6 likewise", families_move_as_one),
		LAB_CASE("V174 the link of one member takes all down; who can linger does", one_link_takes_all_down),
		LAB_CASE("V174 who is heard for one member keeps all; when he falls silent all are taken",
			 one_member_is_not_heard),
		LAB_CASE("V095 V172 held after boot and link-up, for as long as told and no longer, and says so",
			 waits_for_holds),
		LAB_CASE("V171 a link that flaps for 20 ms, three times: one move", flap_moves_once),
		LAB_CASE("V175 V176 other addresses while Active: only what is new is announced, no advert late",
			 changes_addresses),
		LAB_CASE("V175 a router more, and less, beside an Active one, which misses nothing",
			 routers_come_and_go),
		LAB_CASE("V175 likewise one of the other family, with sockets of its own", segments_come_and_go),
		LAB_CASE("V174 V175 a new member joins an Active group, and leaves it, without moving it",
			 joins_an_active_group),
		LAB_CASE("before the first take the network is asked; who has the address is named",
			 asks_before_it_takes),
		LAB_CASE("the Active that answers that is no conflict, with either MAC", an_active_is_no_conflict),
		LAB_CASE("V183 two hosts that advertise priority 255 are named", names_two_owners),
	};

	return cmocka_run_group_tests(cases, lab_setup_ipv6, lab_teardown);
}
