/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_gateway.c - a neighbour asked by ARP and Neighbour Discovery: a real one, and what is no answer. Needs root: a
 * veth pair in namespaces of its own.
 */
#include "node/gateway.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/loop.h"
#include "tests/dataplane/netns.h"
#include "tests/tap.h"

enum { SOON_MS = 1000, BRIEFLY_MS = 60, FRAME_MAX = 128 };

static struct netns ns;
static struct loop loop;
static struct gateway *gateway;
static unsigned answers;

static void on_answer(void *context)
{
	assert_ptr_equal(context, &answers);
	answers++;
}

static struct addr addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

/* Own end: two subnets and a host's address. The peer is the gateway. */
static int open_world(void **state)
{
	(void)state;
	return !netns_veth(&ns, "e0", "p0", 1) || loop_init(&loop) ||
	       !run("ip link set e0 address 02:00:00:00:00:01; sysctl -qw net.ipv6.conf.e0.accept_dad=0; "
		    "ip address add 198.51.100.7/32 dev e0; ip address add 192.0.2.1/24 dev e0; "
		    "ip address add 203.0.113.1/25 dev e0 label e0:more; ip address add 2001:db8:1::1/64 dev e0 nodad") ||
	       !netns_run_peer(&ns, "ip link set p0 address 02:00:00:00:00:02; "
			       "ip address add 192.0.2.2/24 dev p0; ip address add 203.0.113.2/25 dev p0; "
			       "ip address add 2001:db8:1::2/64 dev p0 nodad; ip address add fe80::2/64 dev p0 nodad");
}

static int close_world(void **state)
{
	(void)state;
	loop_fini(&loop);
	return 0;
}

static void look_at(const char *target)
{
	struct addr a = addr(target);

	answers = 0;
	gateway = gateway_new(&loop, "e0", &a, on_answer, &answers);
	assert_non_null(gateway);
}

static bool answered_within(unsigned ms)
{
	uint64_t end_ns = clock_mono_ns() + ms * (uint64_t)CLOCK_NS_PER_MS;
	unsigned before = answers;

	while (answers == before && clock_mono_ns() < end_ns)
		loop_turn(&loop, 5);
	return answers != before;
}

static void where_from(void **state)
{
	static const struct {
		const char *interface, *target, *source;
		int err;
	} cases[] = {
		{ "e0", "192.0.2.254", "192.0.2.1", 0 },
		{ "e0", "203.0.113.100", "203.0.113.1", 0 },
		{ "e0", "203.0.113.200", NULL, -EADDRNOTAVAIL },
		{ "e0", "198.51.100.7", NULL, -EADDRNOTAVAIL },		/* of its own, and no subnet */
		{ "e0", "2001:db8:1::99", "2001:db8:1::1", 0 },
		{ "e0", "2001:db8:2::99", NULL, -EADDRNOTAVAIL },
		{ "lo", "192.0.2.254", NULL, -EADDRNOTAVAIL },
		{ "e1", "192.0.2.254", NULL, -ENODEV },
		{ "e", "192.0.2.254", NULL, -ENODEV },
		{ "e00", "192.0.2.254", NULL, -ENODEV },
	};
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct addr target = addr(cases[i].target);
		struct gateway_place place;
		char text[ADDR_TEXT_MAX];

		assert_int_equal(gateway_find_place(cases[i].interface, &target, &place), cases[i].err);
		if (cases[i].err)
			continue;
		assert_string_equal(addr_format(&place.source, text, sizeof(text)), cases[i].source);
		assert_int_equal(place.ifindex, if_nametoindex("e0"));
		assert_memory_equal(place.mac, mac, sizeof(mac));
	}
}

static void answers_come(void **state)
{
	static const char *const targets[] = { "192.0.2.2", "203.0.113.2", "2001:db8:1::2", "fe80::2" };

	(void)state;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		look_at(targets[i]);
		for (unsigned n = 0; n < 3; n++) {
			assert_int_equal(gateway_ask(gateway), 0);
			if (!answered_within(SOON_MS))
				fail_msg("%s does not answer", targets[i]);
		}
		gateway_free(gateway);
	}
}

static void silence(void **state)
{
	static const char *const targets[] = { "192.0.2.3", "2001:db8:1::3" };

	(void)state;
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		look_at(targets[i]);
		assert_int_equal(gateway_ask(gateway), 0);
		assert_false(answered_within(BRIEFLY_MS));
		gateway_free(gateway);
	}
}

/* The kernel's own tables have no part in it. */
static void no_entry_is_made(void **state)
{
	(void)state;
	assert_true(run("ip neigh flush dev e0"));
	look_at("192.0.2.2");
	assert_int_equal(gateway_ask(gateway), 0);
	assert_true(answered_within(SOON_MS));
	assert_false(run("ip neigh show dev e0 to 192.0.2.2 | grep -q lladdr"));
	gateway_free(gateway);
}

/* ---- the wire, at the peer ---- */

static int open_wire(void)
{
	int fd = netns_wire(&ns, "p0", ETH_P_ALL);

	assert_true(fd >= 0);
	return fd;
}

/* The next frame from the own end with this Ethernet type. */
static ssize_t next_frame(int fd, uint16_t type, uint8_t frame[FRAME_MAX])
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	while (poll(&p, 1, SOON_MS) == 1) {
		ssize_t n = recv(fd, frame, FRAME_MAX, 0);

		if (n > 14 && frame[11] == 1 && frame[12] == type >> 8 && frame[13] == (type & 0xff))
			return n;
	}
	return -1;
}

static const uint8_t request[42] = {
	0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 1, 8, 6,
	0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 1, 192, 0, 2, 1, 0, 0, 0, 0, 0, 0, 192, 0, 2, 3,
};

static void an_arp_request(void **state)
{
	uint8_t frame[FRAME_MAX];
	int wire = open_wire();

	(void)state;
	look_at("192.0.2.3");
	assert_int_equal(gateway_ask(gateway), 0);
	assert_true(next_frame(wire, ETH_P_ARP, frame) >= (ssize_t)sizeof(request));
	assert_memory_equal(frame, request, sizeof(request));
	gateway_free(gateway);
	close(wire);
}

static uint32_t add_words(const uint8_t *data, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)(data[i] << 8 | data[i + 1]);
	return sum;
}

/* RFC 4861, 4.3 and 7.2.2. */
static void a_solicitation(void **state)
{
	static const uint8_t to[6] = { 0x33, 0x33, 0xff, 0, 0, 3 }, option[8] = { 1, 1, 2, 0, 0, 0, 0, 1 };
	uint8_t frame[FRAME_MAX];
	struct addr source = addr("2001:db8:1::1"), group = addr("ff02::1:ff00:3"), target = addr("2001:db8:1::3");
	int wire = open_wire();
	uint32_t sum;

	(void)state;
	look_at("2001:db8:1::3");
	assert_int_equal(gateway_ask(gateway), 0);
	do
		assert_true(next_frame(wire, ETH_P_IPV6, frame) > 0);
	while (frame[54] != 135);
	assert_memory_equal(frame, to, sizeof(to));
	assert_int_equal(frame[14] >> 4, 6);
	assert_int_equal(frame[18] << 8 | frame[19], 32);
	assert_int_equal(frame[20], 58);
	assert_int_equal(frame[21], 255);
	assert_memory_equal(frame + 22, source.bytes, 16);
	assert_memory_equal(frame + 38, group.bytes, 16);
	assert_memory_equal(frame + 62, target.bytes, 16);
	assert_memory_equal(frame + 78, option, sizeof(option));
	sum = add_words(frame + 22, 32) + 32 + 58 + add_words(frame + 54, 32);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	assert_int_equal(sum, 0xffff);
	gateway_free(gateway);
	close(wire);
}

/* Answers of others, to others, of another kind. */
static void what_is_no_answer(void **state)
{
	static const struct { unsigned at; uint8_t value; } changes[] = {
		{ 21, 1 },		/* a request */
		{ 31, 4 },		/* from .4 */
		{ 41, 9 },		/* to .9 */
	};
	uint8_t reply[42] = {
		2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 3, 8, 6,
		0, 1, 8, 0, 6, 4, 0, 2, 2, 0, 0, 0, 0, 3, 192, 0, 2, 3, 2, 0, 0, 0, 0, 1, 192, 0, 2, 1,
	};
	int wire = open_wire();

	(void)state;
	look_at("192.0.2.3");
	assert_int_equal(gateway_ask(gateway), 0);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		uint8_t other[sizeof(reply)];

		memcpy(other, reply, sizeof(other));
		other[changes[i].at] = changes[i].value;
		assert_int_equal(send(wire, other, sizeof(other), 0), sizeof(other));
		assert_false(answered_within(BRIEFLY_MS));
	}
	assert_int_equal(send(wire, reply, 30, 0), 30);
	assert_false(answered_within(BRIEFLY_MS));
	assert_int_equal(send(wire, reply, sizeof(reply), 0), sizeof(reply));
	assert_true(answered_within(SOON_MS));
	gateway_free(gateway);
	close(wire);
}

static void the_interface_goes_and_comes(void **state)
{
	(void)state;
	look_at("192.0.2.2");
	assert_int_equal(gateway_ask(gateway), 0);
	assert_true(answered_within(SOON_MS));
	assert_true(run("ip link set e0 down"));
	assert_int_equal(gateway_ask(gateway), -ENETDOWN);
	assert_true(run("ip link del e0"));
	assert_int_equal(gateway_ask(gateway), -ENODEV);
	assert_string_equal(gateway_error(-ENODEV), "no such interface");
	assert_true(netns_veth(&ns, "e0", "p0", 1));
	assert_int_equal(gateway_ask(gateway), -ENOENT);
	assert_true(run("ip address add 192.0.2.1/24 dev e0") &&
		    netns_run_peer(&ns, "ip address add 192.0.2.2/24 dev p0"));
	assert_int_equal(gateway_ask(gateway), 0);
	assert_true(answered_within(SOON_MS));
	gateway_free(gateway);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("the address to ask from: the one with the target in its subnet", where_from),
		CASE("a neighbour answers, over IPv4 and IPv6", answers_come),
		CASE("one that is not there does not", silence),
		CASE("the kernel makes no entry for it", no_entry_is_made),
		CASE("the ARP request on the wire", an_arp_request),
		CASE("the Neighbour Solicitation on the wire", a_solicitation),
		CASE("answers of others, to others and of other kinds are none", what_is_no_answer),
		CASE("an interface that goes down, goes away and comes back", the_interface_goes_and_comes),
	};

	if (!netns_open(&ns)) {
		puts("1..0 # SKIP needs root");
		return 0;
	}
	return cmocka_run_group_tests(cases, open_world, close_world);
}
