/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_ipv6.c - IPv6 virtual routers, whole engines judged by what is on the wire. Topology in enginelab.h; the
 * link-local addresses fe80::a and fe80::b are told to the engines only. Skips without root.
 */
#include "tests/tap.h"

#include <fcntl.h>
#include "tests/vrrp/enginelab.h"
#include "vrrp/announce.h"

enum { AT_IP = 14, AT_SOURCE = 22, AT_DESTINATION = 38, AT_MESSAGE = 54, AT_TARGET = 62 };

static const uint8_t virtual_mac[6] = { 0, 0, 0x5e, 0, 2, 51 };
static const uint8_t no_option[1];

static void init_v6(struct node *node, unsigned side, uint8_t priority)
{
	node_init(node, side, priority);
	node->conf[0] = plain_conf_v6(side, priority);
}

/* ---- what frames are ---- */

static bool is_v6(const struct seen *seen, uint8_t next_header)
{
	return seen->len >= AT_MESSAGE && seen->frame[12] == 0x86 && seen->frame[13] == 0xdd &&
		seen->frame[20] == next_header;
}

static bool is_advert_v6(const struct seen *seen)
{
	return is_v6(seen, VRRP_PROTOCOL);
}

static uint8_t priority_v6(const struct seen *seen)
{
	return seen->frame[AT_MESSAGE + 2];
}

static bool is_na(const struct seen *seen)
{
	return is_v6(seen, 58) && seen->frame[AT_MESSAGE] == 136 && !memcmp(seen->frame + 6, virtual_mac, 6);
}

static bool is_at(const uint8_t *octets, const char *text)
{
	struct addr wanted = address(text);

	return !memcmp(octets, wanted.bytes, 16);
}

/* ---- forging ---- */

static size_t forge_advert_v6(uint8_t *frame, const char *source, uint8_t priority)
{
	struct vrrp_advert advert = {
		.vrid = 51, .priority = priority, .interval_cs = 10, .count = 2,
		.addresses = { address("fe80::53"), address("2001:db8::53") },
	};
	struct vrrp_path path = { address(source), address("ff02::12") };

	return vrrp_advert_frame(&advert, &path, VRRP_CHECKSUM_RFC9568, stranger_mac, frame);
}

/* A solicitation, or with type 136 an advertisement. to_mac NULL: to the group of destination. */
static size_t forge_nd(uint8_t frame[86], uint8_t type, const char *source, const char *destination, const char *target,
		       const uint8_t *option_mac)
{
	struct addr from = address(source), to = address(destination), asked = address(target);
	size_t len = option_mac == no_option ? 24 : 32;
	uint32_t sum;

	memset(frame, 0, 86);
	if (to.bytes[0] == 0xff)
		vrrp_multicast_mac(&to, frame);
	else
		memcpy(frame, virtual_mac, 6);
	memcpy(frame + 6, stranger_mac, 6);
	frame[12] = 0x86;
	frame[13] = 0xdd;
	frame[14] = 0x60;
	frame[19] = (uint8_t)len;
	frame[20] = 58;
	frame[21] = 255;
	memcpy(frame + AT_SOURCE, from.bytes, 16);
	memcpy(frame + AT_DESTINATION, to.bytes, 16);
	frame[AT_MESSAGE] = type;
	memcpy(frame + AT_TARGET, asked.bytes, 16);
	if (len == 32) {
		frame[78] = type == 135 ? 1 : 2;
		frame[79] = 1;
		memcpy(frame + 80, option_mac, 6);
	}
	sum = 58 + (uint32_t)len;
	for (size_t i = AT_SOURCE; i < AT_MESSAGE + len; i += 2)
		sum += (uint32_t)(frame[i] << 8 | frame[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	frame[56] = (uint8_t)(~sum >> 8);
	frame[57] = (uint8_t)~sum;
	return AT_MESSAGE + len;
}

static void ask(const char *source, const char *destination, const char *target, const uint8_t *option_mac)
{
	uint8_t frame[86];

	send_frame(frame, forge_nd(frame, 135, source, destination, target, option_mac));
}

/* ---- advertisements ---- */

static void advertises(void **state)
{
	static const uint8_t group_mac[6] = { 0x33, 0x33, 0, 0, 0, 0x12 };
	struct seen seen;
	struct vrrp_advert advert;
	struct vrrp_path path;
	enum vrrp_checksum used;

	(void)state;
	NEED_LAB();
	init_v6(&a, SIDE_A, 200);
	single_up();
	assert_true(wire_find(wire, &seen, is_advert_v6(&seen), 500));
	assert_memory_equal(seen.frame, group_mac, 6);
	assert_memory_equal(seen.frame + 6, virtual_mac, 6);
	assert_int_equal(seen.frame[21], 255);
	assert_int_equal(seen.frame[14] << 8 | seen.frame[15], 0x6c00);	/* CS6 */
	assert_true(is_at(seen.frame + AT_SOURCE, "fe80::a") && is_at(seen.frame + AT_DESTINATION, "ff02::12"));
	assert_int_equal(vrrp_advert_decode(seen.frame + AT_IP, seen.len - AT_IP, VRRP_CHECKSUM_RFC9568, &advert,
					    &path, &used),
			 VRRP_ACCEPTED);
	assert_int_equal(advert.priority, 200);
	assert_int_equal(advert.count, 2);
	assert_true(is_at(advert.addresses[0].bytes, "fe80::53") && is_at(advert.addresses[1].bytes, "2001:db8::53"));
	sleep_ms(300);
	assert_int_equal(node_status(&a).rejected[VRRP_REJECT_OWN], 0);
	assert_int_equal(node_status(&a).heard, 0);
}

static void elects_and_releases(void **state)
{
	struct seen seen;

	(void)state;
	NEED_LAB();
	init_v6(&a, SIDE_A, 200);
	init_v6(&b, SIDE_B, 100);
	single_up();
	assert_true(node_up(&b));
	assert_true(wait_until(node_status(&b).peer.priority == 200, 1000) != UINT32_MAX);
	sleep_ms(500);
	assert_true(node_is(&a, VRRP_ACTIVE) && node_is(&b, VRRP_BACKUP));
	assert_true(is_at(node_status(&b).peer.address.bytes, "fe80::a"));
	assert_false(node_status(&b).peer.addresses_differ);
	wire_skip(wire);
	vrrp_engine_release(a.engine, 0);
	assert_true(wire_find(wire, &seen, is_advert_v6(&seen) && !priority_v6(&seen), 500));
	assert_true(wait_until(node_is(&b, VRRP_ACTIVE), 200) != UINT32_MAX);
	assert_int_equal(lease_mode(&a.leases, 0), LEASE_LINGER);
	vrrp_engine_resume(a.engine, 0);
	assert_true(wait_until(node_is(&a, VRRP_ACTIVE), 1000) != UINT32_MAX);
	assert_true(wait_until(node_is(&b, VRRP_BACKUP), 200) != UINT32_MAX);
}

/* fe80::a is less than fe80::b in the last of 128 bits, and greater than fe7f... is in the first. */
static void breaks_ties(void **state)
{
	uint8_t frame[VRRP_FRAME_MAX];

	(void)state;
	NEED_LAB();
	init_v6(&a, SIDE_A, 100);
	single_up();
	send_frame(frame, forge_advert_v6(frame, "fe80::9", 100));
	assert_true(wait_until(node_status(&a).two_actives == 1, 500) != UINT32_MAX);
	sleep_ms(50);
	assert_true(node_is(&a, VRRP_ACTIVE));
	send_frame(frame, forge_advert_v6(frame, "fe80::8000:0:0:1", 100));
	assert_true(wait_until(node_is(&a, VRRP_BACKUP), 500) != UINT32_MAX);
}

static void keeps_strangers_out(void **state)
{
	uint8_t frame[VRRP_FRAME_MAX];
	struct vrrp_status s;

	(void)state;
	NEED_LAB();
	init_v6(&a, SIDE_A, 100);
	single_up();
	forge_advert_v6(frame, "fe80::f", 250);
	frame[21] = 254;
	send_frame(frame, 54 + 8 + 32);			/* hop limit */
	forge_advert_v6(frame, "fe80::f", 250);
	frame[AT_MESSAGE + 1] = 52;
	send_frame(frame, 54 + 8 + 32);			/* VRID */
	assert_true(wait_until(node_status(&a).foreign == 2, 1000) != UINT32_MAX);
	send_frame(frame, forge_advert_v6(frame, "fe80::a", 250));
	assert_true(wait_until(node_status(&a).rejected[VRRP_REJECT_OWN] == 1, 500) != UINT32_MAX);
	forge_advert_v6(frame, "fe80::f", 250);
	frame[AT_MESSAGE + 2] = 251;
	send_frame(frame, 54 + 8 + 32);			/* checksum, which covers the addresses of the header */
	assert_true(wait_until(node_status(&a).rejected[VRRP_REJECT_CHECKSUM] == 1, 500) != UINT32_MAX);
	s = node_status(&a);
	assert_int_equal(s.rejected[VRRP_REJECT_TTL], 1);
	assert_int_equal(s.heard, 0);
	assert_int_equal(s.state, VRRP_ACTIVE);
	assert_string_not_equal(s.stranger, "");
}

static bool link_words_are(const struct node *node)
{
	return atomic_load(&node->words[0].active) == 1 && node->words[0].len == 54 + 8 + 32 &&
	       node->words[0].frames[0][AT_MESSAGE + 2] == 0 && node->words[0].frames[0][20] == VRRP_PROTOCOL;
}

static void has_last_words(void **state)
{
	(void)state;
	NEED_LAB();
	init_v6(&a, SIDE_A, 100);
	single_up();
	assert_true(link_words_are(&a));
	assert_memory_equal(a.words[0].frames[0] + 6, virtual_mac, 6);
	vrrp_engine_release(a.engine, 0);
	assert_true(wait_until(!atomic_load(&a.words[0].active), 500) != UINT32_MAX);
}

static void waits_for_link_local(void **state)
{
	struct vrrp_link link = { .source = address("2001:db8::a"), .up = true, .ready = true };

	(void)state;
	NEED_LAB();
	init_v6(&a, SIDE_A, 100);
	assert_true(node_open(&a));
	memcpy(link.mac, side_mac[SIDE_A], 6);
	vrrp_engine_link(a.engine, 0, &link);
	sleep_ms(400);
	assert_int_equal(node_status(&a).state, VRRP_INITIALIZE);
	assert_string_equal(node_status(&a).missing, "no link-local address of its own");
	link.source = address("fe80::53");		/* one that moves is not its own */
	vrrp_engine_link(a.engine, 0, &link);
	sleep_ms(300);
	assert_int_equal(node_status(&a).state, VRRP_INITIALIZE);
	link.source = address("fe80::a");
	vrrp_engine_link(a.engine, 0, &link);
	assert_true(wait_until(node_is(&a, VRRP_ACTIVE), 1000) != UINT32_MAX);
}

/* One VRID in both families: two routers that know nothing of each other. */
static void families_are_apart(void **state)
{
	uint8_t frame[VRRP_FRAME_MAX];
	struct vrrp_status v4, v6;
	struct seen seen;

	(void)state;
	NEED_LAB();
	node_init(&a, SIDE_A, 100);
	a.conf[1] = plain_conf_v6(SIDE_A, 100);
	a.conf[1].lease = 1;
	a.n = 2;
	assert_true(node_up(&a));
	assert_true(wait_until(node_is(&a, VRRP_ACTIVE), 2000) != UINT32_MAX);
	vrrp_engine_status(a.engine, 1, &v6);
	assert_int_equal(v6.state, VRRP_ACTIVE);
	for (unsigned i = 0; i < 10; i++) {
		send_frame(frame, forge_advert(frame, "192.0.2.99", 51, 254));
		sleep_ms(50);
	}
	vrrp_engine_status(a.engine, 0, &v4);
	vrrp_engine_status(a.engine, 1, &v6);
	assert_int_equal(v4.state, VRRP_BACKUP);
	assert_int_equal(v6.state, VRRP_ACTIVE);
	assert_int_equal(v6.heard, 0);
	assert_false(lease_holds(&a.leases, 0, clock_boot_ns()));
	assert_true(lease_holds(&a.leases, 1, clock_boot_ns()));
	wire_skip(wire);
	assert_true(wire_find(wire, &seen, is_advert_v6(&seen), 500));
	assert_false(wire_find(wire, &seen, is_advert(&seen) && seen.from_a, 100));
}

/* ---- where the addresses are ---- */

static void announces(void **state)
{
	unsigned link_local = 0, global = 0, adverts = 0;
	struct seen seen;

	(void)state;
	NEED_LAB();
	init_v6(&a, SIDE_A, 100);
	a.conf[0].burst_again_ms = 300;
	single_up();
	while (wire_find(wire, &seen, is_advert_v6(&seen) || is_na(&seen), 250)) {
		if (is_advert_v6(&seen) && ++adverts > 8)
			break;
		if (!is_na(&seen))
			continue;
		assert_true(adverts > 0);		/* nothing is said of the addresses before it owns them */
		assert_true(is_at(seen.frame + AT_SOURCE, "fe80::53") && is_at(seen.frame + AT_DESTINATION, "ff02::1"));
		assert_int_equal(seen.frame[21], 255);
		assert_int_equal(seen.frame[58], 0xa0);
		assert_memory_equal(seen.frame + 80, virtual_mac, 6);
		link_local += is_at(seen.frame + AT_TARGET, "fe80::53");
		global += is_at(seen.frame + AT_TARGET, "2001:db8::53");
	}
	assert_int_equal(link_local, 6);
	assert_int_equal(global, 6);
	assert_int_equal(node_status(&a).announcements, 12);
}

static void answers(void **state)
{
	static const struct {
		const char *source, *destination, *target;
		bool names_mac;
	} cases[] = {
		{ "fe80::c", "ff02::1:ff00:53", "2001:db8::53", true },
		{ "fe80::c", "ff02::1:ff00:53", "fe80::53", true },
		{ "2001:db8::c", "2001:db8::53", "2001:db8::53", false },	/* a neighbour that verifies */
		{ "::", "ff02::1:ff00:53", "2001:db8::53", false },		/* one that wants the address */
	};
	struct seen seen;

	(void)state;
	NEED_LAB();
	init_v6(&a, SIDE_A, 100);
	a.conf[0].burst = 1;
	single_up();
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool has_source = cases[i].source[0] != ':';

		sleep_ms(20);
		wire_skip(wire);
		ask(cases[i].source, cases[i].destination, cases[i].target,
		    cases[i].names_mac ? stranger_mac : no_option);
		assert_true(wire_find(wire, &seen, is_na(&seen), 500));
		assert_true(is_at(seen.frame + AT_TARGET, cases[i].target));
		assert_true(is_at(seen.frame + AT_DESTINATION, has_source ? cases[i].source : "ff02::1"));
		assert_int_equal(seen.frame[58], has_source ? 0xe0 : 0xa0);
		assert_memory_equal(seen.frame + 80, virtual_mac, 6);
		if (has_source)
			assert_memory_equal(seen.frame, stranger_mac, 6);
		assert_false(wire_find(wire, &seen, is_na(&seen), 50));
	}
	ask("fe80::c", "ff02::1:ff00:53", "2001:db8:1::53", stranger_mac);	/* another that ends alike */
	assert_false(wire_find(wire, &seen, is_na(&seen), 50));
	assert_int_equal(node_status(&a).arp_requests, 4);
	assert_int_equal(node_status(&a).arp_replies, 4);
}

/* In none of the groups, as the kernel lists them; what the card receives is another matter. */
static bool is_in_group(const char *group)
{
	return run("grep -q '%s' /proc/thread-self/net/igmp6", group);
}

static void backup_is_silent(void **state)
{
	uint8_t frame[VRRP_FRAME_MAX];
	struct seen seen;

	(void)state;
	NEED_LAB();
	init_v6(&a, SIDE_A, 100);
	wire_skip(wire);
	assert_true(node_up(&a));
	for (unsigned i = 0; i < 6; i++) {
		send_frame(frame, forge_advert_v6(frame, "fe80::f", 250));
		ask("fe80::c", "ff02::1:ff00:53", "2001:db8::53", stranger_mac);
		ask("fe80::c", "ff02::1:ff00:53", "fe80::53", stranger_mac);
		ask("::", "ff02::1:ff00:53", "2001:db8::53", no_option);
		sleep_ms(60);
	}
	assert_true(node_is(&a, VRRP_BACKUP));
	assert_false(wire_find(wire, &seen, seen.from_a && !memcmp(seen.frame + 6, virtual_mac, 6), 50));
	assert_true(node_status(&a).arp_requests > 0);
	assert_int_equal(node_status(&a).arp_replies, 0);
	assert_true(is_in_group("ff020000000000000000000000000012"));
	assert_false(is_in_group("ff0200000000000000000001ff000053"));
}

static void names_a_conflict(void **state)
{
	uint8_t frame[86];

	(void)state;
	NEED_LAB();
	init_v6(&a, SIDE_A, 100);
	single_up();
	send_frame(frame, forge_nd(frame, 136, "fe80::c", "ff02::1", "2001:db8::53", virtual_mac));
	sleep_ms(50);
	assert_string_equal(node_status(&a).conflict, "");
	send_frame(frame, forge_nd(frame, 136, "fe80::c", "ff02::1", "2001:db8::53", stranger_mac));
	assert_true(wait_until(node_status(&a).conflict[0], 500) != UINT32_MAX);
	assert_string_equal(node_status(&a).conflict, "2001:db8::53 is also at 02:00:00:00:00:0c");
}

static bool is_probe(const struct seen *seen)
{
	return is_v6(seen, 58) && seen->frame[AT_MESSAGE] == 135 && is_at(seen->frame + AT_SOURCE, "::") &&
		seen->from_a;
}

/* Asked for before the first take, each by its group and from the interface's own MAC; a host that has one is named. */
static void asks_before_it_takes(void **state)
{
	static const uint8_t group_mac[6] = { 0x33, 0x33, 0xff, 0, 0, 0x53 };
	uint8_t frame[86];
	struct seen seen;

	(void)state;
	NEED_LAB();
	init_v6(&a, SIDE_A, 200);
	wire_skip(wire);
	assert_true(node_up(&a));
	for (unsigned i = 0; i < 2; i++) {
		assert_true(wire_find(wire, &seen, seen.from_a && (is_probe(&seen) || is_advert_v6(&seen)), 1000));
		assert_true(is_probe(&seen));
		assert_memory_equal(seen.frame, group_mac, 6);
		assert_memory_equal(seen.frame + 6, side_mac[SIDE_A], 6);
		assert_true(is_at(seen.frame + AT_DESTINATION, "ff02::1:ff00:53"));
		assert_true(is_at(seen.frame + AT_TARGET, i ? "2001:db8::53" : "fe80::53"));
		assert_int_equal(seen.frame[21], 255);
		/* no option: it has no address to say a MAC for */
		assert_int_equal(seen.frame[19], 24);
	}
	send_frame(frame, forge_nd(frame, 136, "fe80::c", "ff02::1", "2001:db8::53", stranger_mac));
	assert_true(wait_until(node_status(&a).conflict[0], 200) != UINT32_MAX);
	assert_true(node_is(&a, VRRP_BACKUP));
	assert_string_equal(node_status(&a).conflict, "2001:db8::53 is also at 02:00:00:00:00:0c");
	assert_int_equal(node_status(&a).conflicts, 1);
	assert_true(wait_until(node_is(&a, VRRP_ACTIVE), 1000) != UINT32_MAX);	/* it takes them all the same */
	send_frame(frame, forge_nd(frame, 135, "2001:db8::53", "ff02::1:ff00:9", "2001:db8::9", stranger_mac));
	/* who asks as the address claims it */
	assert_true(wait_until(node_status(&a).conflicts == 2, 500) != UINT32_MAX);
	ask("::", "ff02::1:ff00:53", "2001:db8::53", no_option);
	assert_true(wire_find(wire, &seen, is_na(&seen) && is_at(seen.frame + AT_DESTINATION, "ff02::1"), 500));
	sleep_ms(50);
	assert_int_equal(node_status(&a).conflicts, 2);			/* who looks for duplicates does not */
}

/* The Active answers that to all nodes, and is no conflict, whichever MAC it uses; the one who asks is none for it. */
static void an_active_is_no_conflict(void **state)
{
	(void)state;
	NEED_LAB();
	for (unsigned i = 0; i < 2; i++) {
		init_v6(&a, SIDE_A, 200);
		init_v6(&b, SIDE_B, 100);
		a.conf[0].virtual_mac = b.conf[0].virtual_mac = i;
		assert_true(node_up(&a));
		assert_true(wait_until(node_is(&a, VRRP_ACTIVE), 2000) != UINT32_MAX);
		assert_true(node_up(&b));
		assert_true(wait_until(node_status(&a).arp_replies == 2, 1000) != UINT32_MAX);
		sleep_ms(200);
		assert_string_equal(node_status(&b).conflict, "");
		assert_string_equal(node_status(&a).conflict, "");
		assert_int_equal(node_status(&a).conflicts + node_status(&b).conflicts, 0);
		lab_clean_up(NULL);
	}
}

static void answers_by_its_own_mac(void **state)
{
	struct seen seen;

	(void)state;
	NEED_LAB();
	init_v6(&a, SIDE_A, 100);
	a.conf[0].virtual_mac = false;
	single_up();
	assert_true(wire_find(wire, &seen, is_advert_v6(&seen), 500));
	assert_memory_equal(seen.frame + 6, side_mac[SIDE_A], 6);
	wire_skip(wire);
	ask("fe80::c", "ff02::1:ff00:53", "2001:db8::53", stranger_mac);
	assert_true(wire_find(wire, &seen, is_v6(&seen, 58) && seen.frame[58] == 0xe0, 500));
	assert_memory_equal(seen.frame + 80, side_mac[SIDE_A], 6);
}

static const struct CMUnitTest cases[] = {
	LAB_CASE("V031 V032 V033 V037 V039 IPv6 advertisement: MACs, link-local source, hop limit 255, group, sum, order",
		 advertises),
	LAB_CASE("V091 V107 V127 IPv6: one of two is Active, the other follows a release", elects_and_releases),
	LAB_CASE("V124 V125 equal priorities of IPv6: all 128 bits of the source decide", breaks_ties),
	LAB_CASE("V037 V050 V055 IPv6: another hop limit, VRID, a wrong sum, our own source are not heard",
		 keeps_strangers_out),
	LAB_CASE("V167 the last words of an IPv6 router", has_last_words),
	LAB_CASE("V035 IPv6 waits for a link-local address that does not move", waits_for_link_local),
	LAB_CASE("one VRID in both families is two virtual routers", families_are_apart),
	LAB_CASE("V141 V145 V147 unsolicited advertisements for each address, none before it is owned", announces),
	LAB_CASE("V143 solicitations are answered: to the group, to one, for the link-local address, from nobody",
		 answers),
	LAB_CASE("V101 a Backup answers no solicitation and is in no solicited-node group", backup_is_silent),
	LAB_CASE("V142 another host that claims an IPv6 address is named", names_a_conflict),
	LAB_CASE("before the first take the network is asked as by duplicate detection; who has an address is named and counted",
		 asks_before_it_takes),
	LAB_CASE("the Active that answers that is no conflict, with either MAC", an_active_is_no_conflict),
	LAB_CASE("IPv6 with the interface's own MAC", answers_by_its_own_mac),
};

int main(void)
{
	return cmocka_run_group_tests(cases, lab_setup_ipv6, lab_teardown);
}
