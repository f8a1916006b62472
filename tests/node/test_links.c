/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_links.c - an interface as the kernel tells of it, and the word that something changed. Needs root: a veth
 * pair in namespaces of its own.
 */
#include "tests/tap.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

#include "base/clock.h"
#include "base/loop.h"
#include "node/links.h"
#include "tests/dataplane/netns.h"

static struct netns ns;
static struct loop loop;
static struct links *links;
static unsigned changes;

static void on_change(void *context)
{
	(void)context;
	changes++;
}

static struct addr addr(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static int open_world(void **state)
{
	(void)state;
	return !netns_veth(&ns, "e0", "p0", 1) || !run("ip link set e0 address 02:00:00:00:00:01") ||
	       loop_init(&loop) || links_open(&links, &loop, on_change, NULL);
}

static int close_world(void **state)
{
	(void)state;
	links_close(links);
	loop_fini(&loop);
	return 0;
}

static bool changed_within(unsigned ms)
{
	uint64_t end_ns = clock_mono_ns() + ms * (uint64_t)CLOCK_NS_PER_MS;
	unsigned before = changes;

	while (changes == before && clock_mono_ns() < end_ns)
		loop_turn(&loop, 5);
	return changes != before;
}

static void settle(void)
{
	while (changed_within(50))
		;
}

static void reads_an_interface(void **state)
{
	static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 1 };
	struct link_state link;

	(void)state;
	assert_int_equal(link_read("e7", &link), -ENODEV);
	assert_int_equal(link_read("e0", &link), 0);
	assert_int_equal(link.ifindex, if_nametoindex("e0"));
	assert_memory_equal(link.mac, mac, 6);
	for (unsigned i = 0; i < link.addresses; i++)		/* the kernel makes one by itself */
		assert_true(addr_is_link_local(&link.address[i].addr));
	assert_true(run("ip address add 192.0.2.1/24 dev e0 && ip address add 192.0.2.9/24 dev e0 && "
			"ip address add 198.51.100.1/25 dev e0 label e0:more && ip address add 2001:db8::1/64 dev e0"));
	assert_int_equal(link_read("e0", &link), 0);
	assert_true(addr_equal(&link.address[0].addr, &(struct addr[]){ addr("192.0.2.1") }[0]));
	assert_int_equal(link.address[0].len, 120);
	assert_true(addr_is_v4(&link.address[1].addr) && addr_is_v4(&link.address[2].addr));
	assert_int_equal(link.address[1].len, 121);
	assert_int_equal(link_read("e", &link), -ENODEV);	/* a prefix of the name is not the name */
}

static const struct link_address *find(const struct link_state *link, const char *text)
{
	struct addr wanted = addr(text);

	for (unsigned i = 0; i < link->addresses; i++)
		if (addr_equal(&link->address[i].addr, &wanted))
			return &link->address[i];
	return NULL;
}

static void reads_ipv6(void **state)
{
	struct link_state link;

	(void)state;
	assert_true(run("sysctl -qw net.ipv6.conf.e0.dad_transmits=20 && ip address add 2001:db8:2::7/48 dev e0 && "
			"ip address add fe80::7/64 dev e0 nodad"));
	assert_int_equal(link_read("e0", &link), 0);
	assert_non_null(find(&link, "fe80::7"));
	assert_int_equal(find(&link, "fe80::7")->len, 64);
	assert_false(find(&link, "fe80::7")->tentative);
	assert_non_null(find(&link, "2001:db8:2::7"));
	assert_int_equal(find(&link, "2001:db8:2::7")->len, 48);
	assert_true(find(&link, "2001:db8:2::7")->tentative);
	assert_non_null(find(&link, "192.0.2.1"));
	assert_true(run("ip address del 2001:db8:2::7/48 dev e0"));
}

static void knows_its_subnets(void **state)
{
	static const struct {
		const char *text;
		bool reached;
	} cases[] = {
		{ "192.0.2.0", true }, { "192.0.2.255", true }, { "192.0.3.0", false }, { "192.0.1.255", false },
		{ "198.51.100.127", true }, { "198.51.100.128", false }, { "203.0.113.7", false },
		{ "2001:db8::2", true },
		{ "2001:db8::ffff:ffff:ffff:ffff", true }, { "2001:db8:0:1::2", false },
	};
	struct link_state link;

	(void)state;
	assert_true(run("ip address add 203.0.113.7/32 dev e0"));	/* of its own, and no subnet */
	assert_int_equal(link_read("e0", &link), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct addr a = addr(cases[i].text);

		assert_int_equal(link_reaches(&link, &a), cases[i].reached);
	}
}

static void hears_of_changes(void **state)
{
	struct link_state link;

	(void)state;
	settle();
	assert_false(changed_within(50));
	assert_true(netns_run_peer(&ns, "ip link set p0 down"));
	assert_true(changed_within(1000));
	assert_int_equal(link_read("e0", &link), 0);
	assert_false(link.up);
	assert_true(netns_run_peer(&ns, "ip link set p0 up"));
	assert_true(changed_within(1000));
	settle();
	assert_int_equal(link_read("e0", &link), 0);
	assert_true(link.up);
	assert_true(run("ip address del 192.0.2.9/24 dev e0"));
	assert_true(changed_within(1000));
	settle();
	assert_true(run("ip address add fe80::8/64 dev e0 nodad"));
	assert_true(changed_within(1000));
	settle();
	assert_true(run("ip link del e0"));
	assert_true(changed_within(1000));
	assert_int_equal(link_read("e0", &link), -ENODEV);
	assert_false(link.up);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("link, MAC and addresses of one interface, labels included", reads_an_interface),
		CASE("V035 IPv6 addresses, and which of them are still checked for duplicates", reads_ipv6),
		CASE("which addresses lie in its subnets", knows_its_subnets),
		CASE("V035 V036 V171 every change of link and address is heard of", hears_of_changes),
	};

	if (!netns_open(&ns)) {
		puts("1..0 # SKIP needs root and network namespaces");
		return 0;
	}
	return cmocka_run_group_tests(cases, open_world, close_world);
}
