/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_peers.c - next hops of unicast peers, resolved by a real kernel. Skips without root.
 *
 *      "own" e0 10.9.0.1, fe80::1  -----  p0 10.9.0.2, 10.9.0.254 (router), fe80::2  "peer"
 */
#include "tests/tap.h"

#include <net/if.h>
#include <string.h>
#include "base/clock.h"
#include "base/loop.h"
#include "node/peers.h"
#include "tests/dataplane/netns.h"

enum { DEADLINE_MS = 5000 };

static const char *const peer_text[] = { "10.9.0.2", "10.99.0.2", "10.9.0.3", "172.31.0.1", "fe80::2" };
enum { ON_LINK, BEHIND_ROUTER, DOWN, NO_ROUTE, IPV6, PEERS };

static const uint8_t unknown_mac[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
static const uint8_t peer_mac[6] = { 2, 0, 0, 0, 0, 0x22 }, other_mac[6] = { 2, 0, 0, 0, 0, 0x23 };
static struct netns ns;
static struct loop loop;
static struct vrrp_conf conf[2];
static struct peers *peers;
static struct vrrp_hops told;
static unsigned tellings;

static void on_change(void *context, unsigned router, const struct vrrp_hops *hops)
{
	assert_ptr_equal(context, &loop);
	assert_int_equal(router, 1);
	told = *hops;
	tellings++;
}

static bool has(unsigned peer, const uint8_t mac[6])
{
	return !memcmp(told.mac[peer], mac, 6) && !memcmp(peers_hops(peers, 1)->mac[peer], mac, 6);
}

/* Milliseconds until the condition held, with or without looks; a deadline passed fails. */
#define within(condition, looks) ({								\
	uint64_t start_ = clock_mono_ns(), look_ = start_;					\
	while (!(condition)) {									\
		if (clock_mono_ns() - start_ > DEADLINE_MS * (uint64_t)CLOCK_NS_PER_MS)		\
			fail_msg("%s", #condition);						\
		loop_turn(&loop, 5);								\
		if ((looks) && clock_mono_ns() - look_ > 200 * (uint64_t)CLOCK_NS_PER_MS) {	\
			peers_look(peers);							\
			look_ = clock_mono_ns();						\
		}										\
	}											\
	(unsigned)((clock_mono_ns() - start_) / CLOCK_NS_PER_MS);				\
})

static int set_up(void **state)
{
	(void)state;
	memset(conf, 0, sizeof(conf));
	strcpy(conf[0].interface, "e0");
	strcpy(conf[1].interface, "e0");
	conf[1].unicast = true;
	conf[1].n_peers = PEERS;
	for (unsigned i = 0; i < PEERS; i++)
		assert_int_equal(addr_parse(peer_text[i], &conf[1].peers[i]), 0);
	memset(&told, 0xff, sizeof(told));
	tellings = 0;
	run("ip neigh flush dev e0");
	netns_run_peer(&ns, "ip link set p0 address 02:00:00:00:00:22");
	assert_int_equal(loop_init(&loop), 0);
	assert_int_equal(peers_open(&peers, &loop, conf, 2, on_change, &loop), 0);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	peers_close(peers);
	peers_close(NULL);
	loop_fini(&loop);
	return 0;
}

static void resolves(void **state)
{
	(void)state;
	assert_memory_equal(peers_hops(peers, 1)->mac[ON_LINK], unknown_mac, 6);
	peers_look(peers);
	/* an event says when the kernel is done: nobody looks again */
	print_message("# resolved after %u ms\n", within(has(ON_LINK, peer_mac) && has(BEHIND_ROUTER, peer_mac) &&
							has(IPV6, peer_mac), false));
	assert_memory_equal(told.mac[DOWN], unknown_mac, 6);
	assert_memory_equal(told.mac[NO_ROUTE], unknown_mac, 6);
	within(peers_fault(peers, 1, DOWN)[0] && peers_fault(peers, 1, NO_ROUTE)[0], true);
	assert_string_equal(peers_fault(peers, 1, ON_LINK), "");
	assert_string_equal(peers_fault(peers, 1, BEHIND_ROUTER), "");
	assert_string_equal(peers_fault(peers, 1, DOWN), "peer 10.9.0.3: neighbour 10.9.0.3 not resolved");
	assert_string_equal(peers_fault(peers, 1, NO_ROUTE), "no route to 172.31.0.1 by e0");
}

static void follows(void **state)
{
	unsigned before;

	(void)state;
	peers_look(peers);
	within(has(ON_LINK, peer_mac) && has(BEHIND_ROUTER, peer_mac) && has(IPV6, peer_mac), false);
	before = tellings;
	for (unsigned i = 0; i < 5; i++)
		peers_look(peers);
	assert_int_equal(tellings, before);
	/* another card: it announces itself, as a host does that comes up */
	netns_run_peer(&ns, "ip link set p0 address 02:00:00:00:00:23; arping -q -A -c 1 -I p0 10.9.0.2");
	print_message("# followed after %u ms\n", within(has(ON_LINK, other_mac), false));
}

/* What was known stays, and is tried again. */
static void keeps(void **state)
{
	(void)state;
	peers_look(peers);
	within(has(ON_LINK, peer_mac), false);
	run("ip neigh del 10.9.0.2 dev e0");
	netns_run_peer(&ns, "ip addr del 10.9.0.2/24 dev p0");
	within(peers_fault(peers, 1, ON_LINK)[0], true);
	assert_true(has(ON_LINK, peer_mac));
	netns_run_peer(&ns, "ip link set p0 address 02:00:00:00:00:23; ip addr add 10.9.0.2/24 dev p0");
	within(has(ON_LINK, other_mac), true);
	within(!peers_fault(peers, 1, ON_LINK)[0], true);
}

static void interface_goes(void **state)
{
	(void)state;
	peers_look(peers);
	within(has(ON_LINK, peer_mac), false);
	strcpy(conf[1].interface, "e7");
	within(peers_fault(peers, 1, ON_LINK)[0], true);
	assert_string_equal(peers_fault(peers, 1, ON_LINK), "no route to 10.9.0.2 by e7");
	assert_true(has(ON_LINK, peer_mac));
}

#define IN_LAB(description, function) { description, function, set_up, tear_down, NULL }

int main(void)
{
	const struct CMUnitTest cases[] = {
		IN_LAB("V040 peers on the link and behind a router are resolved, and it is said why others are not",
		       resolves),
		IN_LAB("V040 another MAC is followed; nothing new is not told", follows),
		IN_LAB("V040 a peer that is down keeps its MAC, and is found again", keeps),
		IN_LAB("an interface that is gone", interface_goes),
	};

	if (!netns_open(&ns) || !netns_veth(&ns, "e0", "p0", 1) ||
	    !run("sysctl -qw net.ipv6.conf.e0.accept_dad=0; ip addr add 10.9.0.1/24 dev e0; ip addr add fe80::1/64 dev e0 nodad;"
		 "ip route add 10.99.0.0/24 via 10.9.0.254 dev e0") ||
	    !netns_run_peer(&ns, "sysctl -qw net.ipv6.conf.p0.accept_dad=0; ip addr add 10.9.0.254/24 dev p0;"
			    "ip addr add 10.9.0.2/24 dev p0; ip addr add fe80::2/64 dev p0 nodad")) {
		printf("1..0 # SKIP needs root, network namespaces and veth\n");
		return 0;
	}
	return RUN(cases);
}
