/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_engine.c - whole VRRP engines against each other and against forged frames, judged by what is on the wire.
 * Topology in enginelab.h. Skips without root.
 *
 * Limits are for a busy machine: what the engine itself takes is a small part of them.
 */
#include "tests/tap.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include "tests/vrrp/enginelab.h"

/* The better one first, so that it is soon heard. */
static void pair_up(struct node *better, struct node *other)
{
	wire_skip(wire);
	assert_true(node_up(better));
	assert_true(node_up(other));
	assert_true(wait_until(node_is(better, VRRP_ACTIVE), 2000) != UINT32_MAX);
	assert_true(node_is(other, VRRP_BACKUP));
}

/* ---- election, taking, releasing ---- */

static void elects_one(void **state)
{
	struct vrrp_status sa, sb;
	struct vrrp_transition seen[8];
	uint64_t lost;

	(void)state;
	NEED_LAB();
	node_init(&a, SIDE_A, 200);
	node_init(&b, SIDE_B, 100);
	pair_up(&a, &b);
	sleep_ms(500);
	sa = node_status(&a);
	sb = node_status(&b);
	assert_int_equal(sa.state, VRRP_ACTIVE);
	assert_int_equal(sb.state, VRRP_BACKUP);
	assert_int_equal(sa.two_actives + sb.two_actives, 0);
	assert_int_equal(sb.peer.priority, 200);
	assert_string_equal(addr_format(&sb.peer.address, (char[ADDR_TEXT_MAX]){ 0 }, ADDR_TEXT_MAX), "192.0.2.1");
	assert_true(lease_holds(&a.leases, 0, clock_boot_ns()));
	assert_false(lease_holds(&b.leases, 0, clock_boot_ns()));
	assert_int_equal(vrrp_engine_transitions(a.engine, seen, 8, &lost), 2);
	assert_int_equal(seen[0].to, VRRP_BACKUP);
	assert_int_equal(seen[1].to, VRRP_ACTIVE);
}

/* Both wait equally long, so both may become Active in the same instant; the greater address keeps it. */
static void equals_end_with_one(void **state)
{
	struct seen seen;

	(void)state;
	NEED_LAB();
	for (unsigned i = 0; i < 5; i++) {
		node_init(&a, SIDE_A, 100);
		node_init(&b, SIDE_B, 100);
		assert_true(node_open(&a) && node_open(&b));
		wire_skip(wire);
		node_link(&a, true, true);
		node_link(&b, true, true);
		assert_true(wire_find(wire, &seen, is_advert(&seen), 1000));
		/* the first that may contradict it, and two intervals from then */
		sleep_ms(100 + 2 * 100);
		assert_int_equal(node_is(&a, VRRP_ACTIVE) + node_is(&b, VRRP_ACTIVE), 1);
		assert_int_equal(node_is(&a, VRRP_BACKUP) + node_is(&b, VRRP_BACKUP), 1);
		assert_true(!node_status(&a).two_actives || node_is(&b, VRRP_ACTIVE));
		lab_clean_up(NULL);
	}
}

/* Milliseconds of A's announcements after the first of them, for limit_ms. */
static unsigned announcements(unsigned at_ms[], unsigned max, unsigned limit_ms)
{
	uint64_t first_ns = 0, until_ns = clock_mono_ns() + (uint64_t)limit_ms * CLOCK_NS_PER_MS;
	unsigned n = 0;
	struct seen seen;

	while (clock_mono_ns() < until_ns && n < max) {
		if (!wire_next(wire, &seen, 10) || !seen.from_a || !is_announcement(&seen))
			continue;
		if (!first_ns)
			first_ns = seen.at_ns;
		at_ms[n++] = (unsigned)((seen.at_ns - first_ns) / CLOCK_NS_PER_MS);
	}
	return n;
}

static void announces_again(void **state)
{
	unsigned at_ms[32], n;

	(void)state;
	NEED_LAB();
	node_init(&a, SIDE_A, 200);
	a.conf[0].burst = 3;
	a.conf[0].burst_gap_ms = 30;
	a.conf[0].burst_again_ms = 400;
	a.conf[0].refresh_ms = 300;
	wire_skip(wire);
	assert_true(node_up(&a));
	n = announcements(at_ms, 32, 2000);
	assert_true(n >= 8);
	assert_in_range(at_ms[1], 29, 50);
	assert_in_range(at_ms[2], 59, 90);
	assert_in_range(at_ms[3], 250, 480);		/* the refresh, or the second burst */
	for (unsigned i = 3; i < n; i++)
		assert_in_range(at_ms[i] - at_ms[i - 1], 10, 340);
	lab_clean_up(NULL);
	a.conf[0].refresh_ms = a.conf[0].burst_again_ms = 0;
	wire_skip(wire);
	assert_true(node_up(&a));
	assert_int_equal(announcements(at_ms, 32, 1500), 3);
}

/* What leaves first when the address is taken, and how it looks. */
static void takes_in_order(void **state)
{
	static const uint8_t group_mac[6] = { 1, 0, 0x5e, 0, 0, 0x12 };
	struct seen seen;
	struct addr vip = address("192.0.2.53"), source = address("192.0.2.1"), group = address("224.0.0.18");

	(void)state;
	NEED_LAB();
	node_init(&a, SIDE_A, 200);
	single_up();
	assert_true(wire_find(wire, &seen, seen.from_a && (is_advert(&seen) || is_announcement(&seen)), 1000));
	assert_true(is_advert(&seen));
	assert_memory_equal(seen.frame, group_mac, 6);
	assert_memory_equal(seen.frame + 6, virtual_mac_51, 6);
	assert_int_equal(seen.frame[15] >> 2, 48);
	assert_int_equal(seen.frame[22], 255);
	assert_memory_equal(seen.frame + 26, source.bytes + 12, 4);
	assert_memory_equal(seen.frame + 30, group.bytes + 12, 4);
	assert_int_equal(seen.frame[34], 0x31);

	assert_true(wire_find(wire, &seen, seen.from_a && (is_advert(&seen) || is_arp(&seen, 1)), 1000));
	assert_true(is_arp(&seen, 1));
	assert_memory_equal(seen.frame + 6, virtual_mac_51, 6);
	assert_memory_equal(seen.frame + 22, virtual_mac_51, 6);
	assert_memory_equal(seen.frame + 28, vip.bytes + 12, 4);
	assert_memory_equal(seen.frame + 38, vip.bytes + 12, 4);
	assert_true(wait_until(node_status(&a).announcements == 3, 1000) != UINT32_MAX);
}

static void interface_mac_mode(void **state)
{
	struct seen seen;

	(void)state;
	NEED_LAB();
	node_init(&a, SIDE_A, 200);
	a.conf[0].virtual_mac = false;
	single_up();
	assert_true(wire_find(wire, &seen, seen.from_a && is_advert(&seen), 1000));
	assert_memory_equal(seen.frame + 6, side_mac[SIDE_A], 6);
	assert_true(wire_find(wire, &seen, seen.from_a && is_announcement(&seen), 1000));
	assert_memory_equal(seen.frame + 22, side_mac[SIDE_A], 6);
}

static void releases_with_linger(void **state)
{
	struct seen seen;
	uint32_t took, ended;
	uint64_t released_ns;

	(void)state;
	NEED_LAB();
	node_init(&a, SIDE_A, 200);
	node_init(&b, SIDE_B, 100);
	pair_up(&a, &b);
	wire_skip(wire);
	vrrp_engine_release(a.engine, VRRP_ROUTERS_MAX);
	assert_true(wire_find(wire, &seen, is_advert(&seen) && advert_priority(&seen) == 0, 1000));
	released_ns = seen.at_ns;
	assert_int_equal(lease_mode(&a.leases, 0), LEASE_LINGER);
	assert_int_equal(atomic_load(&a.words[0].active), 0);
	/* Skew_Time at priority 100 is 61 ms */
	assert_true(wire_find(wire, &seen, !seen.from_a && is_advert(&seen), 1000));
	took = (uint32_t)((seen.at_ns - released_ns) / CLOCK_NS_PER_MS);
	assert_in_range(took, 60, 60 + 40);
	ended = wait_until(lease_mode(&a.leases, 0) == LEASE_RELEASED, 1000);
	assert_in_range(ended, 100, 400);
	assert_true(node_status(&a).released);
	assert_int_equal(node_status(&a).state, VRRP_INITIALIZE);

	vrrp_engine_resume(a.engine, 0);
	assert_true(wait_until(node_is(&a, VRRP_ACTIVE) && node_is(&b, VRRP_BACKUP), 1000) != UINT32_MAX);
}

static void clean_stop_releases(void **state)
{
	struct seen seen;

	(void)state;
	NEED_LAB();
	node_init(&a, SIDE_A, 200);
	single_up();
	assert_int_equal(atomic_load(&a.words[0].active), 1);
	assert_int_equal(a.words[0].n, 1);
	assert_int_equal(a.words[0].frames[0][36], 0);
	node_down(&a);
	assert_true(wire_find(wire, &seen, is_advert(&seen) && advert_priority(&seen) == 0, 200));
	assert_false(wire_find(wire, &seen, seen.from_a && (is_advert(&seen) || is_arp(&seen, 1)), 200));
	assert_int_equal(a.leases.entries[0].until_ns, 0);
}

static void replaces_a_silent_peer(void **state)
{
	uint8_t frame[VRRP_FRAME_MAX];
	size_t len = forge_advert(frame, "192.0.2.9", 51, 200);
	struct seen seen;
	uint64_t last_ns = 0;
	uint32_t took;

	(void)state;
	NEED_LAB();
	wire_skip(wire);
	node_init(&a, SIDE_A, 100);
	assert_true(node_up(&a));
	for (unsigned i = 0; i < 8; i++) {
		send_frame(frame, len);
		sleep_ms(100);
		assert_true(node_is(&a, VRRP_BACKUP));
	}
	do {
		assert_true(wire_find(wire, &seen, is_advert(&seen), 2000));
		last_ns = seen.from_a ? last_ns : seen.at_ns;
	} while (!seen.from_a);
	took = (uint32_t)((seen.at_ns - last_ns) / CLOCK_NS_PER_MS);
	/* 3 x 100 ms and a skew of 61 ms from the last one */
	assert_in_range(took, 360, 360 + 50);
	node_down(&b);
}

/* ---- unicast peers ---- */

static const uint8_t broadcast_mac[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t third_mac[6] = { 2, 0, 0, 0, 0, 3 };

static void set_peers(struct node *node, bool unicast, const char *first, const char *second)
{
	node->conf[0].unicast = unicast;
	node->conf[0].peers[0] = address(first);
	node->conf[0].peers[1] = address(second);
	node->conf[0].n_peers = 2;
}

static void set_hops(struct node *node, const uint8_t first[6], const uint8_t second[6])
{
	struct vrrp_hops hops;

	memset(&hops, 0xff, sizeof(hops));
	memcpy(hops.mac[0], first, 6);
	memcpy(hops.mac[1], second, 6);
	vrrp_engine_hops(node->engine, 0, &hops);
}

static bool is_to(const uint8_t *frame, const uint8_t mac[6], const char *text)
{
	struct addr to = address(text);

	return !memcmp(frame, mac, 6) && !memcmp(frame + 30, to.bytes + 12, 4);
}

static void advertises_to_each_peer(void **state)
{
	struct seen seen;

	(void)state;
	NEED_LAB();
	node_init(&a, SIDE_A, 200);
	set_peers(&a, true, "192.0.2.2", "192.0.2.3");
	a.conf[0].checksum = VRRP_CHECKSUM_RFC5798;
	single_up();
	/* nobody's MAC is known: everybody's */
	assert_true(wire_find(wire, &seen, seen.from_a && is_advert(&seen), 500));
	assert_true(is_to(seen.frame, broadcast_mac, "192.0.2.2"));
	assert_memory_equal(seen.frame + 6, virtual_mac_51, 6);
	assert_true(wire_next(wire, &seen, 5) && is_to(seen.frame, broadcast_mac, "192.0.2.3"));
	assert_int_equal(a.words[0].n, 2);

	set_hops(&a, side_mac[SIDE_B], third_mac);
	assert_true(wait_until(is_to(a.words[0].frames[1], third_mac, "192.0.2.3"), 200) != UINT32_MAX);
	assert_true(is_to(a.words[0].frames[0], side_mac[SIDE_B], "192.0.2.2"));
	assert_int_equal(a.words[0].frames[1][36], 0);
	assert_int_equal(atomic_load(&a.words[0].active), 1);
	wire_skip(wire);
	for (unsigned i = 0; i < 5; i++) {
		struct vrrp_advert advert;
		struct vrrp_path path;
		enum vrrp_checksum used;

		assert_true(wire_find(wire, &seen, seen.from_a && is_advert(&seen), 500));
		assert_true(is_to(seen.frame, side_mac[SIDE_B], "192.0.2.2"));
		assert_memory_equal(seen.frame + 6, virtual_mac_51, 6);
		assert_int_equal(vrrp_advert_decode(seen.frame + 14, seen.len - 14, VRRP_CHECKSUM_RFC5798,
						    &advert, &path,
						    &used), VRRP_ACCEPTED);
		assert_true(wire_find(wire, &seen, seen.from_a && is_advert(&seen), 5));
		assert_true(is_to(seen.frame, third_mac, "192.0.2.3"));
	}
	node_down(&a);
	assert_true(wire_find(wire, &seen, is_advert(&seen) && !advert_priority(&seen), 200));
	assert_true(is_to(seen.frame, side_mac[SIDE_B], "192.0.2.2"));
	assert_true(wire_find(wire, &seen, is_advert(&seen) && !advert_priority(&seen), 200));
	assert_true(is_to(seen.frame, third_mac, "192.0.2.3"));
}

static void elects_by_unicast(void **state)
{
	(void)state;
	NEED_LAB();
	node_init(&a, SIDE_A, 200);
	node_init(&b, SIDE_B, 100);
	set_peers(&a, true, "192.0.2.2", "192.0.2.3");
	set_peers(&b, true, "192.0.2.1", "192.0.2.3");
	pair_up(&a, &b);
	set_hops(&a, side_mac[SIDE_B], third_mac);
	set_hops(&b, side_mac[SIDE_A], third_mac);
	sleep_ms(300);
	assert_true(node_is(&a, VRRP_ACTIVE) && node_is(&b, VRRP_BACKUP));
	vrrp_engine_release(a.engine, 0);
	assert_true(wait_until(node_is(&b, VRRP_ACTIVE), 500) != UINT32_MAX);
	vrrp_engine_resume(a.engine, 0);
	assert_true(wait_until(node_is(&a, VRRP_ACTIVE) && node_is(&b, VRRP_BACKUP), 1000) != UINT32_MAX);
	assert_int_equal(node_status(&a).rejected[VRRP_REJECT_PEER] + node_status(&b).rejected[VRRP_REJECT_PEER], 0);
}

/* To the group or to each other: who is not listed is not heard, whatever the priority, 0 too. */
static void hears_its_peers_only(void **state)
{
	uint8_t frame[VRRP_FRAME_MAX];
	size_t len;

	(void)state;
	NEED_LAB();
	for (unsigned unicast = 0; unicast < 2; unicast++) {
		node_init(&a, SIDE_A, 200);
		set_peers(&a, unicast, "192.0.2.2", "192.0.2.3");
		single_up();
		len = forge_advert(frame, "192.0.2.9", 51, 255);
		send_frame(frame, len);
		len = forge_advert(frame, "192.0.2.4", 51, 0);
		send_frame(frame, len);
		assert_true(wait_until(node_status(&a).rejected[VRRP_REJECT_PEER] == 2, 500) != UINT32_MAX);
		assert_true(wait_until(node_status(&a).stranger[0], 500) != UINT32_MAX);
		assert_string_equal(node_status(&a).stranger, "192.0.2.9, not a peer, VRID 51");
		assert_int_equal(node_status(&a).heard, 0);
		assert_true(node_is(&a, VRRP_ACTIVE));
		len = forge_advert(frame, "192.0.2.3", 51, 255);
		send_frame(frame, len);
		assert_true(wait_until(node_is(&a, VRRP_BACKUP), 500) != UINT32_MAX);
		lab_clean_up(NULL);
	}
}

static void hears_as_far_as_it_is_told(void **state)
{
	uint8_t frame[VRRP_FRAME_MAX];
	size_t len = forge_advert(frame, "192.0.2.2", 51, 255);

	(void)state;
	NEED_LAB();
	node_init(&a, SIDE_A, 200);
	set_peers(&a, true, "192.0.2.2", "192.0.2.3");
	a.conf[0].max_hops = 2;
	a.n = 2;
	a.conf[1] = plain_conf(SIDE_A, 200);	/* the other router on the interface keeps to 255 */
	a.conf[1].vrid = 52;
	a.conf[1].lease = 1;
	a.conf[1].addresses[0] = address("192.0.2.54");
	single_up();
	forge_ttl(frame, 252);
	send_frame(frame, len);
	assert_true(wait_until(node_status(&a).rejected[VRRP_REJECT_TTL] == 1, 500) != UINT32_MAX);
	assert_true(node_is(&a, VRRP_ACTIVE));
	forge_ttl(frame, 253);
	send_frame(frame, len);
	assert_true(wait_until(node_is(&a, VRRP_BACKUP), 500) != UINT32_MAX);

	len = forge_advert(frame, "192.0.2.2", 52, 255);
	forge_ttl(frame, 254);
	send_frame(frame, len);
	assert_true(wait_until(({ struct vrrp_status other; vrrp_engine_status(a.engine, 1, &other);
				  other.rejected[VRRP_REJECT_TTL] == 1; }), 500) != UINT32_MAX);
}

/* ---- ARP ---- */

static void only_the_active_answers(void **state)
{
	uint8_t frame[64];
	struct seen seen;
	struct addr vip = address("192.0.2.53");
	uint64_t asked;

	(void)state;
	NEED_LAB();
	node_init(&a, SIDE_A, 200);
	node_init(&b, SIDE_B, 100);
	pair_up(&a, &b);
	forge_arp(frame, 1, stranger_mac, "192.0.2.9", "192.0.2.53");
	send_frame(frame, 42);
	assert_true(wire_find(wire, &seen, is_arp(&seen, 2), 500));
	assert_true(seen.from_a);
	assert_memory_equal(seen.frame, stranger_mac, 6);
	assert_memory_equal(seen.frame + 6, virtual_mac_51, 6);
	assert_memory_equal(seen.frame + 22, virtual_mac_51, 6);
	assert_memory_equal(seen.frame + 28, vip.bytes + 12, 4);

	vrrp_engine_release(a.engine, 0);
	assert_true(wait_until(node_is(&b, VRRP_ACTIVE), 1000) != UINT32_MAX);
	wire_skip(wire);
	asked = node_status(&a).arp_requests;
	send_frame(frame, 42);
	assert_false(wire_find(wire, &seen, is_arp(&seen, 2) && seen.from_a, 200));
	assert_true(wait_until(node_status(&a).arp_requests > asked, 500) != UINT32_MAX);
}

static void names_a_conflict(void **state)
{
	uint8_t frame[64];
	struct vrrp_status status;

	(void)state;
	NEED_LAB();
	node_init(&a, SIDE_A, 200);
	single_up();
	forge_arp(frame, 1, virtual_mac_51, "192.0.2.53", "192.0.2.53");
	send_frame(frame, 42);
	sleep_ms(200);
	assert_string_equal(node_status(&a).conflict, "");
	assert_true(node_status(&a).two_actives > 0);
	forge_arp(frame, 2, stranger_mac, "192.0.2.53", "192.0.2.1");
	send_frame(frame, 42);
	assert_true(wait_until(node_status(&a).conflict[0], 500) != UINT32_MAX);
	status = node_status(&a);
	assert_string_equal(status.conflict, "192.0.2.53 is also at 02:00:00:00:00:0c");
	assert_int_equal(status.state, VRRP_ACTIVE);
}

/* ---- what is not for us ---- */

static void names_strangers(void **state)
{
	uint8_t frame[VRRP_FRAME_MAX];
	size_t len;
	struct vrrp_status status;

	(void)state;
	NEED_LAB();
	node_init(&a, SIDE_A, 100);
	single_up();

	len = forge_advert(frame, "192.0.2.9", 77, 255);
	send_frame(frame, len);
	assert_true(wait_until(node_status(&a).rejected[VRRP_REJECT_VRID] == 1, 500) != UINT32_MAX);
	assert_string_equal(node_status(&a).stranger, "192.0.2.9, another router, VRID 77");

	len = forge_advert(frame, "192.0.2.9", 51, 255);
	frame[34] = 0x21;
	send_frame(frame, len);
	assert_true(wait_until(node_status(&a).rejected[VRRP_REJECT_VERSION] == 1, 500) != UINT32_MAX);
	assert_string_equal(node_status(&a).stranger, "192.0.2.9, VRRPv2, VRID 51");

	len = forge_advert(frame, "192.0.2.9", 51, 255);
	forge_ttl(frame, 254);
	send_frame(frame, len);
	assert_true(wait_until(node_status(&a).rejected[VRRP_REJECT_TTL] == 1, 500) != UINT32_MAX);

	len = forge_advert(frame, "192.0.2.1", 51, 255);
	send_frame(frame, len);
	assert_true(wait_until(node_status(&a).rejected[VRRP_REJECT_OWN] == 1, 500) != UINT32_MAX);

	status = node_status(&a);
	assert_int_equal(status.foreign, 3);
	assert_int_equal(status.heard, 0);
	assert_int_equal(status.state, VRRP_ACTIVE);
}

/* Cuts a right advertisement at every length, short of the IP header too. */
static void short_frames(void **state)
{
	uint8_t frame[VRRP_FRAME_MAX];
	size_t len = forge_advert(frame, "192.0.2.9", 51, 255);
	struct vrrp_status status;

	(void)state;
	NEED_LAB();
	node_init(&a, SIDE_A, 100);
	single_up();
	for (size_t cut = ETH_HLEN; cut < len; cut++)
		send_frame(frame, cut);
	assert_true(wait_until(node_status(&a).rejected[VRRP_REJECT_LENGTH] >= len - 36, 1000) != UINT32_MAX);
	status = node_status(&a);
	assert_int_equal(status.heard, 0);
	assert_int_equal(status.state, VRRP_ACTIVE);
}

/* CPU time of the engines: the test's own thread is the only other one. */
static double engine_ms(void)
{
	struct timespec all, own;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &all);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &own);
	return (double)(all.tv_sec - own.tv_sec) * 1e3 + (double)(all.tv_nsec - own.tv_nsec) / 1e6;
}

/* How the Active fared while something was thrown at it for a second. */
static void fares_well(const struct vrrp_status *before, double cpu_ms)
{
	struct vrrp_status after = node_status(&a);

	print_message("# CPU time of the engine: %.0f ms\n", engine_ms() - cpu_ms);

	assert_int_equal(after.state, VRRP_ACTIVE);
	assert_int_equal(after.transitions, before->transitions);
	assert_in_range(after.sent - before->sent, 9, 12);
	print_message("# worst gap between advertisements: %.1f ms of 100\n", (double)after.cadence_worst_ns / 1e6);
	assert_in_range(after.cadence_worst_ns, 1, 120 * CLOCK_NS_PER_MS);
}

static void bears_forged_adverts(void **state)
{
	uint8_t frame[VRRP_FRAME_MAX];
	size_t len = forge_advert(frame, "192.0.2.9", 51, 255);
	struct vrrp_status before;
	double cpu_ms;
	unsigned sent;

	(void)state;
	NEED_LAB();
	node_init(&a, SIDE_A, 200);
	single_up();
	frame[40] ^= 1;
	before = node_status(&a);
	cpu_ms = engine_ms();
	sent = flood(forger, frame, len, 100000);
	fares_well(&before, cpu_ms);
	print_message("# wrong checksum: %u sent, %llu counted\n", sent,
		      (unsigned long long)node_status(&a).rejected[VRRP_REJECT_CHECKSUM]);

	forge_ttl(frame, 64);
	before = node_status(&a);
	cpu_ms = engine_ms();
	sent = flood(forger, frame, len, 100000);
	fares_well(&before, cpu_ms);
	print_message("# wrong TTL: %u sent, %llu counted\n", sent,
		      (unsigned long long)node_status(&a).foreign);
}

/* The Backup's side of it: the peer's advertisements are not lost among the forged ones. */
static void backup_bears_forged_adverts(void **state)
{
	uint8_t frame[VRRP_FRAME_MAX];
	size_t len = forge_advert(frame, "192.0.2.9", 51, 255);
	struct vrrp_status status;

	(void)state;
	NEED_LAB();
	node_init(&a, SIDE_A, 100);
	node_init(&b, SIDE_B, 200);
	pair_up(&b, &a);
	frame[40] ^= 1;
	flood(forger, frame, len, 100000);
	status = node_status(&a);
	assert_int_equal(status.state, VRRP_BACKUP);
	print_message("# missed: %llu\n", (unsigned long long)status.missed);
	assert_in_range(status.missed, 0, 1);
}

static void bears_arp_requests(void **state)
{
	uint8_t frame[64];
	struct vrrp_status before, after;
	double cpu_ms;

	(void)state;
	NEED_LAB();
	node_init(&a, SIDE_A, 200);
	single_up();
	forge_arp(frame, 1, stranger_mac, "192.0.2.9", "192.0.2.53");
	before = node_status(&a);
	cpu_ms = engine_ms();
	flood(forger, frame, 42, 50000);
	fares_well(&before, cpu_ms);
	after = node_status(&a);
	print_message("# %llu heard, %llu answered\n", (unsigned long long)after.arp_requests,
		      (unsigned long long)after.arp_replies);
	assert_in_range(after.arp_replies, 500, 1300);
}

/* ---- health ---- */

static void fault_releases_at_once(void **state)
{
	struct health_condition *filter;
	struct seen seen;
	uint64_t told_ns, worst_ns = 0;

	(void)state;
	NEED_LAB();
	node_init(&a, SIDE_A, 200);
	node_init(&b, SIDE_B, 100);
	pair_up(&a, &b);
	filter = health_add(&a.health, "filter:va", HEALTH_FAULT, 1, 1, false, clock_mono_ns());
	for (unsigned i = 0; i < 3; i++) {
		assert_true(wait_until(node_is(&a, VRRP_ACTIVE), 2000) != UINT32_MAX);
		wire_skip(wire);
		told_ns = clock_wall_ns();
		health_report(&a.health, filter, false, "gone", clock_mono_ns());
		assert_true(wire_find(wire, &seen, seen.from_a && is_advert(&seen) && !advert_priority(&seen), 500));
		if (seen.at_ns - told_ns > worst_ns)
			worst_ns = seen.at_ns - told_ns;
		assert_int_equal(a.leases.entries[0].until_ns, 0);
		assert_true(wait_until(node_is(&a, VRRP_INITIALIZE), 500) != UINT32_MAX);
		assert_string_equal(node_status(&a).missing, "condition filter:va");
		assert_string_equal(node_status(&a).cause, "condition filter:va");
		assert_true(node_status(&a).waiting);
		assert_true(wait_until(node_is(&b, VRRP_ACTIVE), 500) != UINT32_MAX);
		health_report(&a.health, filter, true, NULL, clock_mono_ns());
	}
	print_message("# fault to priority 0: at worst %.2f ms\n", (double)worst_ns / 1e6);
	assert_true(worst_ns < 5 * CLOCK_NS_PER_MS);

	/* Three failures in ten minutes: not again while the peer is there. */
	assert_true(wait_until(node_is(&a, VRRP_BACKUP) && node_status(&a).holding, 500) != UINT32_MAX);
	assert_true(node_status(&a).preempt_from_ns > clock_mono_ns() + 590ULL * CLOCK_NS_PER_S);
	sleep_ms(600);
	assert_true(node_is(&a, VRRP_BACKUP));
	node_down(&b);
	assert_true(wait_until(node_is(&a, VRRP_ACTIVE), 1000) != UINT32_MAX);
}

static void recovery_waits(void **state)
{
	struct health_condition *filter;
	uint32_t took;

	(void)state;
	NEED_LAB();
	node_init(&a, SIDE_A, 200);
	node_init(&b, SIDE_B, 100);
	a.conf[0].preempt_delay_ms = 1500;
	wire_skip(wire);
	assert_true(node_up(&a));
	assert_true(wait_until(node_is(&a, VRRP_ACTIVE), 2000) != UINT32_MAX);
	assert_true(node_up(&b));
	filter = health_add(&a.health, "filter:va", HEALTH_FAULT, 1, 1, false, clock_mono_ns());
	health_report(&a.health, filter, false, "gone", clock_mono_ns());
	assert_true(wait_until(node_is(&b, VRRP_ACTIVE), 1000) != UINT32_MAX);
	health_report(&a.health, filter, true, NULL, clock_mono_ns());
	took = wait_until(node_is(&a, VRRP_ACTIVE), 4000);
	assert_in_range(took, 1450, 2100);
}

static void weights_lower_the_priority(void **state)
{
	struct health_condition *pool;

	(void)state;
	NEED_LAB();
	node_init(&a, SIDE_A, 200);
	node_init(&b, SIDE_B, 150);
	pair_up(&a, &b);
	pool = health_add(&a.health, "pool:auth", HEALTH_WEIGHT, 1, 1, false, clock_mono_ns());
	pool->weight = 100;
	health_report(&a.health, pool, false, "no usable member", clock_mono_ns());
	assert_true(wait_until(node_is(&b, VRRP_ACTIVE) && node_is(&a, VRRP_BACKUP), 2000) != UINT32_MAX);
	assert_int_equal(node_status(&a).effective_priority, 100);
	health_report(&a.health, pool, true, NULL, clock_mono_ns());
	assert_true(wait_until(node_is(&a, VRRP_ACTIVE) && node_is(&b, VRRP_BACKUP), 2000) != UINT32_MAX);
	assert_int_equal(node_status(&a).effective_priority, 200);
}

/* Both lose the same pool, A first: B would be the better one until its own probes see it. */
static void what_both_lose_moves_nothing(void **state)
{
	struct health_condition *pool[SIDES];
	struct vrrp_transition seen[8];
	struct node *node[SIDES] = { &a, &b };
	uint64_t lost;

	(void)state;
	NEED_LAB();
	node_init(&a, SIDE_A, 200);
	node_init(&b, SIDE_B, 150);
	a.conf[0].weight_settle_ms = b.conf[0].weight_settle_ms = 600;
	pair_up(&a, &b);
	for (unsigned side = 0; side < SIDES; side++) {
		pool[side] = health_add(&node[side]->health, "pool:auth", HEALTH_WEIGHT, 1, 1, false, clock_mono_ns());
		pool[side]->weight = 100;
		health_report(&node[side]->health, pool[side], false, "no usable member", clock_mono_ns());
		sleep_ms(400);
	}
	sleep_ms(900);
	assert_int_equal(node_status(&a).effective_priority, 100);
	assert_int_equal(node_status(&b).effective_priority, 50);
	for (unsigned side = 0; side < SIDES; side++)
		health_report(&node[side]->health, pool[side], true, NULL, clock_mono_ns());
	sleep_ms(200);
	/* A alone: now it must go, but not at once */
	assert_int_equal(vrrp_engine_transitions(b.engine, seen, 8, &lost), 1);
	health_report(&a.health, pool[SIDE_A], false, "no usable member", clock_mono_ns());
	assert_in_range(wait_until(node_is(&b, VRRP_ACTIVE), 3000), 550, 1600);
}

/* The other node cannot see it, so there is nothing to wait for; what both may see goes on waiting beside it. */
static void what_is_of_one_node_counts_at_once(void **state)
{
	struct health_condition *shared, *own;

	(void)state;
	NEED_LAB();
	node_init(&a, SIDE_A, 200);
	node_init(&b, SIDE_B, 150);
	a.conf[0].weight_settle_ms = 60000;
	pair_up(&a, &b);
	shared = health_add(&a.health, "pool:auth", HEALTH_WEIGHT, 1, 1, false, clock_mono_ns());
	own = health_add(&a.health, "track:uplink", HEALTH_WEIGHT, 1, 1, false, clock_mono_ns());
	shared->weight = 100;
	own->weight = 20;
	own->own = true;
	health_report(&a.health, shared, false, "no usable member", clock_mono_ns());
	health_report(&a.health, own, false, "no carrier", clock_mono_ns());
	assert_true(wait_until(node_status(&a).effective_priority == 180, 500) != UINT32_MAX);
	health_set_weight(&a.health, own, 253);
	assert_true(wait_until(node_is(&b, VRRP_ACTIVE) && node_is(&a, VRRP_BACKUP), 1000) != UINT32_MAX);
	assert_int_equal(node_status(&a).effective_priority, 1);	/* both together, and never less */
}

static void last_resort_stays(void **state)
{
	struct health_condition *filter_a, *filter_b;

	(void)state;
	NEED_LAB();
	node_init(&a, SIDE_A, 200);
	node_init(&b, SIDE_B, 100);
	a.conf[0].last_resort = b.conf[0].last_resort = true;
	a.conf[0].preempt_delay_ms = b.conf[0].preempt_delay_ms = 60000;
	assert_true(node_up(&a));
	assert_true(wait_until(node_is(&a, VRRP_ACTIVE), 2000) != UINT32_MAX);
	assert_true(node_up(&b));
	filter_a = health_add(&a.health, "filter:va", HEALTH_FAULT, 1, 1, false, clock_mono_ns());
	filter_b = health_add(&b.health, "filter:vb", HEALTH_FAULT, 1, 1, false, clock_mono_ns());
	assert_true(wait_until(node_is(&b, VRRP_BACKUP), 1000) != UINT32_MAX);
	health_report(&b.health, filter_b, false, "gone", clock_mono_ns());
	health_report(&a.health, filter_a, false, "gone", clock_mono_ns());
	assert_true(wait_until(node_is(&a, VRRP_ACTIVE) != node_is(&b, VRRP_ACTIVE) &&
			       node_status(&a).demoted && node_status(&b).demoted, 2000) != UINT32_MAX);
	assert_true(wait_until(node_is(&a, VRRP_ACTIVE) || node_is(&b, VRRP_ACTIVE), 2000) != UINT32_MAX);
	assert_int_equal(node_status(&a).effective_priority, 1);
	assert_int_equal(node_status(&b).effective_priority, 1);

	/* The first to recover is Active within Active_Down_Interval, in spite of the delay. */
	health_report(&a.health, filter_a, true, NULL, clock_mono_ns());
	assert_true(wait_until(node_is(&a, VRRP_ACTIVE), 800) != UINT32_MAX);
}

/* ---- start and links ---- */

static void lists_what_is_missing(void **state)
{
	struct vrrp_link link = { .up = false };

	(void)state;
	NEED_LAB();
	node_init(&a, SIDE_A, 200);
	assert_true(node_open(&a));
	assert_true(wait_until(node_status(&a).waiting, 500) != UINT32_MAX);
	assert_string_equal(node_status(&a).missing,
			    "link down, no IPv4 address of its own, data plane not ready");
	link.up = link.ready = true;
	vrrp_engine_link(a.engine, 0, &link);
	assert_true(wait_until(!strcmp(node_status(&a).missing, "no IPv4 address of its own"), 500) != UINT32_MAX);
	link.source = address("192.0.2.53");	/* a virtual address is nobody's own */
	vrrp_engine_link(a.engine, 0, &link);
	sleep_ms(250);
	assert_int_equal(node_status(&a).state, VRRP_INITIALIZE);
	node_link(&a, true, true);
	assert_true(wait_until(node_is(&a, VRRP_ACTIVE), 2000) != UINT32_MAX);
	assert_string_equal(node_status(&a).missing, "");

	link.source = (struct addr){ 0 };
	vrrp_engine_link(a.engine, 0, &link);
	assert_true(wait_until(node_is(&a, VRRP_INITIALIZE), 100) != UINT32_MAX);
	assert_int_equal(a.leases.entries[0].until_ns, 0);
}

/* The device is down and nobody has said so: what cannot be sent does not extend the lease. */
static void unsent_adverts_end_the_lease(void **state)
{
	double cpu_ms;

	(void)state;
	NEED_LAB();
	node_init(&a, SIDE_A, 200);
	single_up();
	assert_true(run("ip link set va down"));
	assert_true(wait_until(node_is(&a, VRRP_BACKUP), 1000) != UINT32_MAX);
	assert_int_equal(node_status(&a).lapsed, 1);
	assert_true(node_status(&a).send_errors > 0);
	cpu_ms = engine_ms();
	sleep_ms(600);
	assert_true(engine_ms() - cpu_ms < 100);	/* a dead socket must not keep the loop awake */
	assert_true(node_is(&a, VRRP_BACKUP));
	assert_false(lease_holds(&a.leases, 0, clock_boot_ns()));
	assert_true(run("ip link set va up"));
	assert_true(wait_until(node_is(&a, VRRP_ACTIVE), 1500) != UINT32_MAX);
}

static void several_routers(void **state)
{
	struct vrrp_status status;

	(void)state;
	NEED_LAB();
	node_init(&a, SIDE_A, 200);
	node_init(&b, SIDE_B, 100);
	a.n = b.n = 2;
	a.conf[1] = plain_conf(SIDE_A, 100);
	b.conf[1] = plain_conf(SIDE_B, 200);
	a.conf[1].vrid = b.conf[1].vrid = 52;
	a.conf[1].lease = b.conf[1].lease = 1;
	a.conf[1].addresses[0] = b.conf[1].addresses[0] = address("192.0.2.54");
	assert_true(node_up(&a));
	assert_true(node_up(&b));
	assert_true(wait_until(lease_holds(&a.leases, 0, clock_boot_ns()) &&
			       lease_holds(&b.leases, 1, clock_boot_ns()), 2000) != UINT32_MAX);
	sleep_ms(400);
	assert_false(lease_holds(&a.leases, 1, clock_boot_ns()));
	assert_false(lease_holds(&b.leases, 0, clock_boot_ns()));
	vrrp_engine_release(a.engine, 0);
	assert_true(wait_until(lease_holds(&b.leases, 0, clock_boot_ns()), 1000) != UINT32_MAX);
	vrrp_engine_status(a.engine, 1, &status);
	assert_int_equal(status.state, VRRP_BACKUP);
	assert_false(status.released);
}

/* ---- a process that stands still ---- */

/* An engine in a process of its own at vb; it ends with its parent. */
static pid_t fork_node(uint8_t priority)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	node_init(&b, SIDE_B, priority);
	b.conf[0].preempt_delay_ms = 60000;
	if (!node_up(&b))
		_exit(1);
	while (true)
		pause();
}

static void frozen_and_thawed(void **state)
{
	struct seen seen;
	uint8_t frame[64];
	unsigned spoke = 0, replies = 0;

	(void)state;
	NEED_LAB();
	wire_skip(wire);
	child = fork_node(200);
	assert_true(child > 0);
	assert_true(wire_find(wire, &seen, !seen.from_a && is_advert(&seen), 3000));
	node_init(&a, SIDE_A, 100);
	assert_true(node_up(&a));
	assert_true(wait_until(node_is(&a, VRRP_BACKUP), 500) != UINT32_MAX);
	sleep_ms(300);
	assert_true(node_is(&a, VRRP_BACKUP));

	kill(child, SIGSTOP);
	assert_true(wait_until(node_is(&a, VRRP_ACTIVE), 1000) != UINT32_MAX);
	/* It asks itself, from va: the socket of the frozen one holds the request. */
	forge_arp(frame, 1, stranger_mac, "192.0.2.9", "192.0.2.53");
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(send(wire, frame, 42, 0), 42);
	sleep_ms(300);
	wire_skip(wire);
	kill(child, SIGCONT);
	while (wire_next(wire, &seen, 700) && spoke < 20) {
		spoke += !seen.from_a && is_advert(&seen);
		replies += !seen.from_a && is_arp(&seen, 2);
		if (node_status(&a).sent > 15)
			break;
	}
	assert_int_equal(spoke, 0);
	assert_int_equal(replies, 0);
	assert_true(node_is(&a, VRRP_ACTIVE));
	assert_int_equal(node_status(&a).two_actives, 0);
}

/* ... and with nobody there to take over, it listens before it speaks again. */
static void frozen_alone(void **state)
{
	struct seen seen;
	uint64_t thawed_ns;

	(void)state;
	NEED_LAB();
	wire_skip(wire);
	child = fork_node(200);
	assert_true(child > 0);
	assert_true(wire_find(wire, &seen, !seen.from_a && is_advert(&seen), 3000));
	kill(child, SIGSTOP);
	sleep_ms(500);
	wire_skip(wire);
	thawed_ns = clock_wall_ns();
	kill(child, SIGCONT);
	assert_true(wire_find(wire, &seen, !seen.from_a && (is_advert(&seen) || is_arp(&seen, 1)), 2000));
	/* Active_Down_Interval at priority 200 is 322 ms */
	assert_true(seen.at_ns - thawed_ns > 300ULL * CLOCK_NS_PER_MS);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		LAB_CASE("V106 of two engines the better one is Active, the other stays Backup", elects_one),
		LAB_CASE("V129 of two equal ones started at the same instant one is Active within two intervals",
			 equals_end_with_one),
		LAB_CASE("V147 announcements: a burst, a second one, a slow refresh, each as set", announces_again),
		LAB_CASE("V010 V030 V032 V033 V140 V163 taking: advertisement first, then ARP, both from the virtual MAC",
		     takes_in_order),
		LAB_CASE("V034 interface-MAC mode: adverts and ARP from the interface's own MAC", interface_mac_mode),
		LAB_CASE("V127 V130 V173 V178 a release: priority 0, the peer after Skew_Time, lease lingers, resume",
		     releases_with_linger),
		LAB_CASE("V127 a clean stop says priority 0 and nothing after it", clean_stop_releases),
		LAB_CASE("V071 V080 a silent peer is replaced after Active_Down_Interval", replaces_a_silent_peer),
		LAB_CASE("V040 V033 unicast: each peer its own frame from the virtual MAC, last words and priority 0 too",
			 advertises_to_each_peer),
		LAB_CASE("V040 two engines elect, release and preempt by unicast", elects_by_unicast),
		LAB_CASE("V040 who is no configured peer is not heard, but counted and named; to the group as well",
			 hears_its_peers_only),
		LAB_CASE("V040 V050 a smaller TTL is heard from peers said to be that far, and by no other router",
			 hears_as_far_as_it_is_told),
		LAB_CASE("V100 V142 ARP is answered by the Active alone, with the virtual MAC",
			 only_the_active_answers),
		LAB_CASE("V180 another host that claims the address is named; one with the virtual MAC is a second Active",
			 names_a_conflict),
		LAB_CASE("V050 V051 V057 V063 V204 other TTLs, versions, VRIDs and our own address: counted and named",
		     names_strangers),
		LAB_CASE("V053 frames cut at every length change nothing", short_frames),
		LAB_CASE("V065 100,000 forged advertisements a second cost the Active nothing", bears_forged_adverts),
		LAB_CASE("V065 nor the Backup: no peer's advertisement lost among them", backup_bears_forged_adverts),
		LAB_CASE("50,000 ARP requests a second: answers limited, cadence kept", bears_arp_requests),
		LAB_CASE("V160 V162 a fault: lease gone and priority 0 within 5 ms; the third time it stays Backup",
		     fault_releases_at_once),
		LAB_CASE("V164 after a fault, preempt_delay before the address is taken back", recovery_waits),
		LAB_CASE("V165 a weight lowers the priority and the better peer takes over",
			 weights_lower_the_priority),
		LAB_CASE("V165 V166 what both nodes lose moves nothing, whoever sees it first",
			 what_both_lose_moves_nothing),
		LAB_CASE("V165 what is of one node alone counts at once, and never below priority 1",
			 what_is_of_one_node_counts_at_once),
		LAB_CASE("V166 both unhealthy: one stays Active at priority 1; who recovers takes over",
			 last_resort_stays),
		LAB_CASE("V035 V036 V093 Initialize lists what is missing; losing the source address releases",
		     lists_what_is_missing),
		LAB_CASE("V159 advertisements that cannot be sent do not extend the lease",
			 unsent_adverts_end_the_lease),
		LAB_CASE("several virtual routers in one engine move apart from each other", several_routers),
		LAB_CASE("V079 V168 frozen and thawed: not one frame while the peer is Active", frozen_and_thawed),
		LAB_CASE("V079 V168 frozen alone: listens for Active_Down_Interval before it speaks", frozen_alone),
	};

	return cmocka_run_group_tests(cases, lab_setup, lab_teardown);
}
