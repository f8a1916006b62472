/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_port.c - what dp_port_probe() and dp_port_refresh() say about devices. Needs root: devices of its own
 * in a namespace.
 */
#include "dataplane/port.h"

#include <errno.h>
#include <string.h>
#include "tests/dataplane/netns.h"
#include "tests/tap.h"

static struct netns ns;
static char error[256];

static void test_good(void **state)
{
	static const uint8_t expected[6] = { 2, 0, 0, 0, 0xab, 0x10 };
	struct dp_port port = { .index = 7 };
	uint8_t mac[6];

	(void)state;
	assert_true(run("ip link set e0 address 02:00:00:00:ab:10"));
	assert_int_equal(dp_port_probe(&port, "e0", DP_SIDE_SERVER, 2, error, sizeof(error)), 0);
	assert_string_equal(port.name, "e0");
	assert_int_equal(port.ifindex, if_nametoindex("e0"));
	assert_int_equal(port.index, 7);
	assert_int_equal(port.side, DP_SIDE_SERVER);
	assert_int_equal(port.queues, 2);
	assert_int_equal(port.mtu, 1500);
	assert_true(port.carrier);
	dp_port_mac(&port, mac);
	assert_memory_equal(mac, expected, 6);
}

static void test_bad(void **state)
{
	static const struct {
		const char *name;
		unsigned workers;
		int err;
		const char *error;
	} table[] = {
		{ "eth7", 1, -ENODEV, "no interface eth7" },
		{ "a-name-beyond-all-limits", 1, -ENODEV,
		  "no interface a-name-beyond-all-limits: the name is too long" },
		{ "lo", 1, -EPROTOTYPE, "lo is not an Ethernet device" },
		{ "e0", 3, -ERANGE, "e0 has 2 queues, 3 workers need 3: ethtool -L e0 rx 3 tx 3" },
		{ "e1", 2, -ERANGE, "e1 has 1 queue, 2 workers need 2: ethtool -L e1 rx 2 tx 2" },
		{ "small", 1, -ERANGE,
		  "small has MTU 1200, at least 1280 is needed: ip link set small mtu 1280" },
	};
	struct dp_port port = { .index = 0 };

	(void)state;
	assert_true(run("ip link add small mtu 1200 type veth peer name other"));
	for (unsigned i = 0; i < sizeof(table) / sizeof(*table); i++) {
		assert_int_equal(dp_port_probe(&port, table[i].name, DP_SIDE_BOTH, table[i].workers, error,
					       sizeof(error)), table[i].err);
		assert_string_equal(error, table[i].error);
	}
}

static void test_vlan_offload(void **state)
{
	struct dp_port port = { .vlan = 100 };

	(void)state;
	assert_true(run("ethtool -K e0 rxvlan on >/dev/null"));
	assert_int_equal(dp_port_probe(&port, "e0", DP_SIDE_BOTH, 1, error, sizeof(error)), -EINVAL);
	assert_string_equal(error, "e0 takes VLAN tags off before the filter sees them: ethtool -K e0 rxvlan off");
	assert_true(run("ethtool -K e0 rxvlan off >/dev/null"));
	assert_int_equal(dp_port_probe(&port, "e0", DP_SIDE_BOTH, 1, error, sizeof(error)), 0);
	assert_int_equal(port.vlan, 100);
	assert_true(run("ethtool -K e0 rxvlan on >/dev/null"));
	port.vlan = 0;
	assert_int_equal(dp_port_probe(&port, "e0", DP_SIDE_BOTH, 1, error, sizeof(error)), 0);
}

/* virtio_net does so by itself when a filter is attached. */
static void test_more_queues(void **state)
{
	struct dp_port port = { .index = 0 };

	(void)state;
	if (!run("ethtool -L e0 rx 1 tx 1 2>/dev/null")) {
		print_message("# not shown: the number of queues cannot be changed here\n");
		return;
	}
	assert_int_equal(dp_port_probe(&port, "e0", DP_SIDE_BOTH, 1, error, sizeof(error)), 0);
	assert_int_equal(port.queues, 1);
	assert_true(run("ethtool -L e0 rx 2 tx 2"));
	assert_int_equal(dp_port_count_queues(&port, 1, error, sizeof(error)), 0);
	assert_int_equal(port.queues, 2);
	assert_true(run("ethtool -L e0 rx 1 tx 1"));
	assert_int_equal(dp_port_count_queues(&port, 1, error, sizeof(error)), 0);
	assert_int_equal(port.queues, 2);	/* a socket of a queue that is not used does no harm */
	assert_true(run("ethtool -L e0 rx 2 tx 2"));
	port.name[0] = 'x';
	assert_int_equal(dp_port_count_queues(&port, 1, error, sizeof(error)), -ENODEV);
	assert_string_equal(error, "x0: No such device");
}

static void test_no_channels(void **state)
{
	struct dp_port port = { .index = 0 };

	(void)state;
	if (!run("ip link add br7 type bridge 2>/dev/null")) {
		print_message("# not shown: no bridges here\n");
		return;
	}
	assert_int_equal(dp_port_probe(&port, "br7", DP_SIDE_BOTH, 1, error, sizeof(error)), 0);
	assert_int_equal(port.queues, 1);
	assert_false(port.carrier);
}

static void test_bond(void **state)
{
	struct dp_port port = { .index = 0 };

	(void)state;
	if (!run("ip link add bond7 type bond 2>/dev/null")) {
		print_message("# not shown: no bonding here\n");
		return;
	}
	assert_int_equal(dp_port_probe(&port, "bond7", DP_SIDE_BOTH, 1, error, sizeof(error)), -EINVAL);
	assert_string_equal(error, "bond7 is a bond: name its members instead");
}

/* Carrier follows a little after the command. */
static bool carrier_becomes(struct dp_port *port, bool expected)
{
	for (unsigned i = 0; i < 200; i++) {
		if (!dp_port_refresh(port) && port->carrier == expected)
			return true;
		usleep(10 * 1000);
	}
	return false;
}

static void test_changes(void **state)
{
	static const uint8_t expected[6] = { 2, 0, 0, 0, 0xab, 0x11 };
	struct dp_port port = { .index = 0 };
	uint8_t mac[6];

	(void)state;
	assert_int_equal(dp_port_probe(&port, "e1", DP_SIDE_BOTH, 1, error, sizeof(error)), 0);
	assert_true(run("ip link set e1 address 02:00:00:00:ab:11 mtu 1400"));
	assert_int_equal(dp_port_refresh(&port), 0);
	dp_port_mac(&port, mac);
	assert_memory_equal(mac, expected, 6);
	assert_int_equal(port.mtu, 1400);
	assert_true(netns_run_peer(&ns, "ip link set p1 down"));
	assert_true(carrier_becomes(&port, false));
	assert_true(netns_run_peer(&ns, "ip link set p1 up"));
	assert_true(carrier_becomes(&port, true));
	assert_true(run("ip link set e1 down"));
	assert_true(carrier_becomes(&port, false));
	assert_true(run("ip link del e1"));
	assert_int_equal(dp_port_refresh(&port), -ENODEV);
	assert_false(port.carrier);
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(dp_side_name(DP_SIDE_CLIENT), "client");
	assert_string_equal(dp_side_name(DP_SIDE_SERVER), "server");
	assert_string_equal(dp_side_name(DP_SIDE_BOTH), "both");
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("a good device: index, MAC, MTU, queues, carrier", test_good),
		CASE("unusable devices, and what mends them", test_bad),
		CASE("D005 a VLAN on a device that takes tags off is refused, with the remedy", test_vlan_offload),
		CASE("queues that come with the filter are counted", test_more_queues),
		CASE("a device without channels has one queue", test_no_channels),
		CASE("a bond is refused", test_bond),
		CASE("MAC, MTU and carrier are followed; a device may go", test_changes),
		CASE("names of sides", test_names),
	};

	if (!netns_open(&ns) || !netns_veth(&ns, "e0", "p0", 2) || !netns_veth(&ns, "e1", "p1", 1)) {
		printf("1..0 # SKIP needs root, network namespaces and veth\n");
		return 0;
	}
	return RUN(cases);
}
