/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_neigh.c - next hops of servers, followed in a real kernel. Skips without root.
 *
 *      this process's namespace                 child's namespace ("peer")
 *      srv0 10.77.0.1/24 fd77::1/64  -- veth -- peer0 10.77.0.3/24 fd77::3/64   server
 *      out0 10.88.0.1/24 (veth, no port)              10.77.0.254/24            router to 10.99.0.0/16
 *                                                     fe80::77/64               router to 2001:db8:99::/48
 *
 * Both namespaces are nameless and go away with their processes.
 */
#include "tests/tap.h"

#include <fcntl.h>
#include <linux/if_link.h>
#include <netlink/msg.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/loop.h"
#include "dataplane/neigh.h"
#include "dataplane/port.h"

enum { SERVERS = 7, DEADLINE_S = 8 };

static const char *const server_text[SERVERS] = {
	"10.77.0.3",		/* on the link */
	"10.99.1.2",		/* behind the router */
	"10.88.0.9",		/* out of a device that is no port */
	"172.31.0.1",		/* no route */
	"10.77.0.1",		/* ourselves */
	"fd77::3",		/* on the link */
	"2001:db8:99::1",	/* behind the router, which is known by its link-local address */
};

struct lab {
	pid_t peer;
	struct loop loop;
	struct dp_port port;
	struct dp_port *ports[1];
	struct neigh *neigh;
	struct pool_server server[SERVERS];
	struct dp_next_hops *table;	/* the last published */
	unsigned changes, links;
	unsigned changes_seen;
};

__attribute__((format(printf, 1, 2)))
static void run(const char *format, ...)
{
	char command[512];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	if (system(command) != 0)
		fail_msg("failed: %s", command);
}

__attribute__((format(printf, 2, 3)))
static void run_peer(const struct lab *lab, const char *format, ...)
{
	char command[256];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	run("nsenter -t %d -n %s", (int)lab->peer, command);
}

/* A process in a network namespace of its own, until it is killed or we are gone. */
static pid_t start_peer(void)
{
	int ready[2];
	char octet;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(CLONE_NEWNET) || write(ready[1], "", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &octet, 1), 1);
	close(ready[0]);
	return pid;
}

static void on_change(void *context, struct dp_next_hops *table)
{
	struct lab *lab = context;

	free(lab->table);
	lab->table = table;
	lab->changes++;
}

static void on_link(void *context)
{
	struct lab *lab = context;

	dp_port_refresh(&lab->port);
	lab->links++;
}

static void build_topology(struct lab *lab)
{
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	lab->peer = start_peer();
	run("ip link set lo up && ip link add srv0 type veth peer name peer0 &&"
	    " ip link set peer0 netns %d && ip link add out0 type veth peer name out1", (int)lab->peer);
	run("for d in srv0 out0 out1; do ethtool -K $d tx off >/dev/null; done");
	run_peer(lab, "ethtool -K peer0 tx off >/dev/null");
	/* no waiting for duplicate address detection of the link-local addresses */
	run("for d in srv0 out0 out1; do echo 0 > /proc/sys/net/ipv6/conf/$d/accept_dad; done");
	run_peer(lab, "sh -c 'echo 0 > /proc/sys/net/ipv6/conf/peer0/accept_dad'");
	run_peer(lab, "ip addr add 10.77.0.3/24 dev peer0");
	run_peer(lab, "ip addr add 10.77.0.254/24 dev peer0");
	run_peer(lab, "ip addr add fd77::3/64 dev peer0 nodad");
	run_peer(lab, "ip addr add fe80::77/64 dev peer0 nodad");
	run_peer(lab, "ip link set peer0 up");
	run("ip addr add 10.77.0.1/24 dev srv0 && ip addr add fd77::1/64 dev srv0 nodad &&"
	    " ip addr add 10.88.0.1/24 dev out0 && ip link set srv0 up && ip link set out0 up && ip link set out1 up &&"
	    " ip route add 10.99.0.0/16 via 10.77.0.254 && ip route add 2001:db8:99::/48 via fe80::77 dev srv0");
}

static void close_lab(struct lab *lab)
{
	neigh_close(lab->neigh);
	loop_fini(&lab->loop);
	free(lab->table);
	kill(lab->peer, SIGKILL);
	waitpid(lab->peer, NULL, 0);
}

static bool wait_within(struct lab *lab, bool (*done)(struct lab *lab), unsigned seconds)
{
	uint64_t end_ns = clock_mono_ns() + seconds * (uint64_t)CLOCK_NS_PER_S;

	while (!done(lab)) {
		if (clock_mono_ns() > end_ns)
			return false;
		assert_int_equal(loop_turn(&lab->loop, 50), 0);
	}
	return true;
}

static bool wait_for(struct lab *lab, bool (*done)(struct lab *lab))
{
	return wait_within(lab, done, DEADLINE_S);
}

static void follow(struct lab *lab)
{
	struct pool_server *servers[SERVERS];

	for (unsigned i = 0; i < SERVERS; i++) {
		lab->server[i].index = (uint16_t)(i * 42);	/* up to 252: the whole range is used */
		lab->server[i].endpoint.port = 53;
		assert_int_equal(addr_parse(server_text[i], &lab->server[i].endpoint.addr), 0);
		servers[i] = &lab->server[i];
	}
	assert_int_equal(neigh_follow(lab->neigh, servers, SERVERS), 0);
}

static bool has_carrier(struct lab *lab)
{
	return dp_port_refresh(&lab->port) == 0 && lab->port.carrier;
}

static void open_lab(struct lab *lab, enum dp_side side)
{
	char error[256];

	if (geteuid() != 0)
		skip();
	memset(lab, 0, sizeof(*lab));
	build_topology(lab);
	assert_int_equal(loop_init(&lab->loop), 0);
	lab->port.index = 7;
	assert_int_equal(dp_port_probe(&lab->port, "srv0", side, 1, error, sizeof(error)), 0);
	assert_true(wait_for(lab, has_carrier));
	lab->ports[0] = &lab->port;
	assert_int_equal(neigh_open(&lab->neigh, &lab->loop, lab->ports, 1, on_change, on_link, lab), 0);
	follow(lab);
	assert_non_null(lab->table);
}

static const struct dp_next_hop *hop(const struct lab *lab, unsigned server)
{
	return &lab->table->server[lab->server[server].index];
}

static const char *reason(const struct lab *lab, unsigned server)
{
	return neigh_reason(lab->neigh, &lab->server[server]);
}

static bool all_usable(struct lab *lab)
{
	return hop(lab, 0)->usable && hop(lab, 1)->usable && hop(lab, 5)->usable;
}

static bool table_changed(struct lab *lab)
{
	return lab->changes != lab->changes_seen;
}

static bool none_usable(struct lab *lab)
{
	return !hop(lab, 0)->usable && !hop(lab, 1)->usable && !hop(lab, 5)->usable;
}

static void read_peer_mac(const struct lab *lab, uint8_t mac[6])
{
	char command[128], line[64] = "";
	FILE *out;

	snprintf(command, sizeof(command), "nsenter -t %d -n ip -br link show peer0 | awk '{print $3}'",
		 (int)lab->peer);
	out = popen(command, "r");
	assert_non_null(out);
	assert_non_null(fgets(line, sizeof(line), out));
	pclose(out);
	assert_int_equal(sscanf(line, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3],
				&mac[4], &mac[5]), 6);
}

static bool all_usable_and_far(struct lab *lab)
{
	return all_usable(lab) && hop(lab, 6)->usable;
}

static void test_resolves(void **state)
{
	struct lab lab;
	struct addr own4, own6;
	uint8_t mac[6];

	(void)state;
	open_lab(&lab, DP_SIDE_BOTH);
	/* nothing was ever sent to them: the kernel is made to ask */
	assert_true(wait_for(&lab, all_usable_and_far));
	addr_parse("10.77.0.1", &own4);
	addr_parse("fd77::1", &own6);
	read_peer_mac(&lab, mac);
	for (unsigned i = 0; i < SERVERS; i++) {
		if (!hop(&lab, i)->usable)
			continue;
		assert_memory_equal(hop(&lab, i)->peer_mac, mac, 6);
		assert_int_equal(hop(&lab, i)->port, 7);
		assert_true(addr_equal(&hop(&lab, i)->own, i >= 5 ? &own6 : &own4));
		assert_string_equal(reason(&lab, i), "");
	}
	assert_string_equal(neigh_via(lab.neigh, &lab.server[0]), "10.77.0.3");
	assert_string_equal(neigh_via(lab.neigh, &lab.server[1]), "10.77.0.254");
	assert_string_equal(neigh_via(lab.neigh, &lab.server[5]), "fd77::3");
	assert_string_equal(neigh_via(lab.neigh, &lab.server[6]), "fe80::77");
	close_lab(&lab);
}

static void test_reasons(void **state)
{
	static const struct { unsigned server; const char *reason; } table[] = {
		{ 2, "route leaves by out0, which is no port" },
		{ 3, "no route to 172.31.0.1" },
		{ 4, "10.77.0.1 is an address of this node" },
	};
	struct pool_server stranger = { .index = 3 };
	struct lab lab;

	(void)state;
	open_lab(&lab, DP_SIDE_BOTH);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_false(hop(&lab, table[i].server)->usable);
		assert_string_equal(reason(&lab, table[i].server), table[i].reason);
	}
	assert_string_equal(neigh_reason(lab.neigh, &stranger), "not followed");
	assert_string_equal(neigh_via(lab.neigh, &stranger), "");
	close_lab(&lab);
}

/* This kernel may have no VLAN devices: the message it would send about one. */
static bool parse_vlan(unsigned lower, const char *kind, const uint16_t *id, uint16_t protocol, struct neigh_vlan *vlan)
{
	const struct ifinfomsg header = { .ifi_family = AF_UNSPEC, .ifi_index = 9 };
	struct nl_msg *msg = nlmsg_alloc_simple(RTM_NEWLINK, 0);
	struct nlattr *info, *data;
	bool found;

	assert_non_null(msg);
	nlmsg_append(msg, (void *)&header, sizeof(header), NLMSG_ALIGNTO);
	nla_put_string(msg, IFLA_IFNAME, "eth0.100");
	if (lower)
		nla_put_u32(msg, IFLA_LINK, lower);
	info = nla_nest_start(msg, IFLA_LINKINFO);
	nla_put_string(msg, IFLA_INFO_KIND, kind);
	data = nla_nest_start(msg, IFLA_INFO_DATA);
	if (id)
		nla_put_u16(msg, IFLA_VLAN_ID, *id);
	nla_put_u16(msg, IFLA_VLAN_PROTOCOL, htobe16(protocol));
	nla_nest_end(msg, data);
	nla_nest_end(msg, info);
	found = neigh_vlan_parse(nlmsg_hdr(msg), vlan);
	nlmsg_free(msg);
	return found;
}

static void test_vlan_device(void **state)
{
	const uint16_t id = 100;
	struct neigh_vlan vlan;

	(void)state;
	assert_true(parse_vlan(7, "vlan", &id, 0x8100, &vlan));
	assert_int_equal(vlan.lower, 7);
	assert_int_equal(vlan.id, 100);
	assert_false(parse_vlan(7, "macvlan", &id, 0x8100, &vlan));
	assert_false(parse_vlan(7, "vlan", &id, 0x88a8, &vlan));
	assert_false(parse_vlan(7, "vlan", NULL, 0x8100, &vlan));
	assert_false(parse_vlan(0, "vlan", &id, 0x8100, &vlan));
}

static void test_vlan_route(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab, DP_SIDE_BOTH);
	assert_true(wait_for(&lab, all_usable));
	lab.port.vlan = 100;
	follow(&lab);
	assert_true(none_usable(&lab));
	assert_string_equal(reason(&lab, 0), "route leaves by srv0 with VLAN 0, port srv0 has VLAN 100");
	close_lab(&lab);
	open_lab(&lab, DP_SIDE_BOTH);
	if (system("ip link add link srv0 name srv0.100 type vlan id 100 2>/dev/null") != 0) {
		print_message("# not shown: no 802.1Q devices here\n");
		close_lab(&lab);
		return;
	}
	lab.port.vlan = 100;
	run("ip addr add 10.66.0.1/24 dev srv0.100 && ip link set srv0.100 up && "
	    "ip neigh replace 10.66.0.2 lladdr 02:aa:00:00:00:01 nud permanent dev srv0.100 && "
	    "ip route replace 10.99.0.0/16 via 10.66.0.2");
	follow(&lab);
	assert_true(hop(&lab, 1)->usable);
	assert_int_equal(hop(&lab, 1)->port, 7);
	close_lab(&lab);
}

static void test_client_side(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab, DP_SIDE_CLIENT);
	assert_true(none_usable(&lab));
	assert_string_equal(reason(&lab, 0), "route leaves by srv0, which is a client port");
	close_lab(&lab);
}

static const uint8_t new_mac[6] = { 0x02, 0x77, 0, 0, 0, 0x42 };

/* The peer asks for us now and then, as any host would; the kernel believes it after a second (locktime). */
static bool mac_followed(struct lab *lab)
{
	run_peer(lab, "ip neigh flush dev peer0");
	run_peer(lab, "ping -c 1 -W 1 10.77.0.1 >/dev/null 2>&1 || true");
	run_peer(lab, "ping -c 1 -W 1 -I 10.77.0.254 10.77.0.1 >/dev/null 2>&1 || true");
	run_peer(lab, "ping -c 1 -W 1 fd77::1 >/dev/null 2>&1 || true");
	return hop(lab, 0)->usable && memcmp(hop(lab, 0)->peer_mac, new_mac, 6) == 0 &&
	       hop(lab, 5)->usable && memcmp(hop(lab, 5)->peer_mac, new_mac, 6) == 0;
}

static void test_mac_change(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab, DP_SIDE_BOTH);
	assert_true(wait_for(&lab, all_usable));
	run_peer(&lab, "ip link set peer0 address 02:77:00:00:00:42");
	assert_true(wait_for(&lab, mac_followed));
	close_lab(&lab);
}

static bool router_followed(struct lab *lab)
{
	return hop(lab, 1)->usable && memcmp(hop(lab, 1)->peer_mac, new_mac, 6) == 0;
}

/* The new router says nothing: the old entry ages, is verified because we "use" it, fails, and is asked for anew. */
static void test_silent_mac_change(void **state)
{
	static const char settings[] = "for f in delay_first_probe_time=1 ucast_solicit=1 retrans_time_ms=100; do"
		" echo ${f#*=} > /proc/sys/net/ipv4/neigh/srv0/${f%=*}; done";
	struct lab lab;

	(void)state;
	open_lab(&lab, DP_SIDE_BOTH);
	assert_true(wait_for(&lab, all_usable));
	run("%s", settings);
	run_peer(&lab, "ip link set peer0 address 02:77:00:00:00:42");
	run("ip neigh change 10.77.0.254 dev srv0 nud stale");	/* as after half a minute */
	/* the next refresh may be 10 s away */
	assert_true(wait_for(&lab, router_followed) || wait_for(&lab, router_followed));
	close_lab(&lab);
}

static bool router_moved(struct lab *lab)
{
	return strcmp(neigh_via(lab->neigh, &lab->server[1]), "10.77.0.3") == 0 && hop(lab, 1)->usable;
}

static bool router_off_port(struct lab *lab)
{
	return !hop(lab, 1)->usable && strcmp(reason(lab, 1), "route leaves by out0, which is no port") == 0;
}

static bool router_gone(struct lab *lab)
{
	return !hop(lab, 1)->usable && strcmp(reason(lab, 1), "no route to 10.99.1.2") == 0;
}

static void test_route_change(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab, DP_SIDE_BOTH);
	assert_true(wait_for(&lab, all_usable));
	run("ip route replace 10.99.0.0/16 via 10.77.0.3");
	assert_true(wait_for(&lab, router_moved));
	run("ip route replace 10.99.0.0/16 via 10.88.0.77");
	assert_true(wait_for(&lab, router_off_port));
	run("ip route del 10.99.0.0/16");
	assert_true(wait_for(&lab, router_gone));
	run("ip route add 10.99.0.0/16 via inet6 fd77::3");
	assert_true(wait_for(&lab, all_usable));
	assert_string_equal(neigh_via(lab.neigh, &lab.server[1]), "fd77::3");
	close_lab(&lab);
}

static bool server_missing(struct lab *lab)
{
	return !hop(lab, 0)->usable && strcmp(reason(lab, 0), "neighbour 10.77.0.3 not resolved") == 0;
}

static void test_neighbour_removed(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab, DP_SIDE_BOTH);
	assert_true(wait_for(&lab, all_usable));
	/* removed while it answers: asked for again within moments */
	lab.changes_seen = lab.changes;
	run("ip neigh del 10.77.0.3 dev srv0");
	assert_true(wait_for(&lab, table_changed));
	assert_true(wait_for(&lab, all_usable));
	/* removed while it is silent: missing; back as soon as it is. The router's address goes along with the
	 * first. */
	run_peer(&lab, "ip addr del 10.77.0.3/24 dev peer0");
	run_peer(&lab, "ip addr add 10.77.0.254/24 dev peer0");
	run("ip neigh del 10.77.0.3 dev srv0");
	assert_true(wait_for(&lab, server_missing));
	run_peer(&lab, "ip addr add 10.77.0.3/24 dev peer0");
	assert_true(wait_for(&lab, all_usable));
	close_lab(&lab);
}

static void test_permanent(void **state)
{
	static const uint8_t mac[6] = { 0x02, 0xaa, 0, 0, 0, 1 };
	struct lab lab;

	(void)state;
	open_lab(&lab, DP_SIDE_BOTH);
	assert_true(wait_for(&lab, all_usable));
	lab.changes_seen = lab.changes;
	run("ip neigh replace 10.77.0.3 lladdr 02:aa:00:00:00:01 nud permanent dev srv0");
	assert_true(wait_for(&lab, table_changed));
	assert_true(hop(&lab, 0)->usable);
	assert_memory_equal(hop(&lab, 0)->peer_mac, mac, 6);
	close_lab(&lab);
}

static void test_link_down(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab, DP_SIDE_BOTH);
	assert_true(wait_for(&lab, all_usable));
	/* carrier lost: the route stays */
	run_peer(&lab, "ip link set peer0 down");
	assert_true(wait_for(&lab, none_usable));
	assert_true(lab.links > 0);
	assert_string_equal(reason(&lab, 0), "port srv0 has no carrier");
	run_peer(&lab, "ip link set peer0 up");
	run_peer(&lab, "ip addr replace fd77::3/64 dev peer0 nodad");	/* went with the link */
	assert_true(wait_for(&lab, all_usable));
	/* our end down: the routes go */
	run("ip link set srv0 down");
	assert_true(wait_for(&lab, none_usable));
	assert_string_equal(reason(&lab, 0), "no route to 10.77.0.3");
	close_lab(&lab);
}

/* The next round by the clock is far away: what is seen till then comes from events. */
static bool clock_is_far(struct lab *lab)
{
	return lab->loop.timers && lab->loop.timers->due_ns > clock_mono_ns() + 5ULL * CLOCK_NS_PER_S;
}

/* Far more events of strangers than the socket holds; the one that matters is lost, and asked for all the same. */
static void test_event_flood(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab, DP_SIDE_BOTH);
	assert_true(wait_for(&lab, all_usable));
	assert_true(wait_for(&lab, clock_is_far));
	run("for i in $(seq 1000 9999); do echo \"neigh replace 10.88.0.77 lladdr 02:00:00:00:${i%%??}:${i#??}"
	    " nud permanent dev out0\"; done | ip -b -");
	run("ip route replace 10.99.0.0/16 via 10.77.0.3");
	assert_true(wait_within(&lab, router_moved, 2));
	close_lab(&lab);
}

/* Nothing to do with our servers: no table, no questions beyond the first. */
static void test_strangers_are_ignored(void **state)
{
	uint64_t end_ns;
	unsigned changes;
	struct lab lab;

	(void)state;
	open_lab(&lab, DP_SIDE_BOTH);
	assert_true(wait_for(&lab, all_usable));
	changes = lab.changes;
	run("ip neigh replace 10.77.0.99 lladdr 02:aa:00:00:00:01 dev srv0");
	end_ns = clock_mono_ns() + CLOCK_NS_PER_S / 10;
	while (clock_mono_ns() < end_ns)
		assert_int_equal(loop_turn(&lab.loop, 10), 0);
	assert_int_equal(lab.changes, changes);
	close_lab(&lab);
}

static void test_follow_again(void **state)
{
	struct pool_server *one;
	struct lab lab;
	unsigned changes;

	(void)state;
	open_lab(&lab, DP_SIDE_BOTH);
	assert_true(wait_for(&lab, all_usable));
	changes = lab.changes;
	one = &lab.server[1];
	assert_int_equal(neigh_follow(lab.neigh, &one, 1), 0);
	assert_int_equal(lab.changes, changes + 1);
	assert_true(hop(&lab, 1)->usable);
	assert_false(hop(&lab, 0)->usable);
	assert_string_equal(reason(&lab, 0), "not followed");
	close_lab(&lab);
}

static void test_close_on_exec(void **state)
{
	struct lab lab;

	(void)state;
	open_lab(&lab, DP_SIDE_BOTH);
	for (int fd = 3; fd < 64; fd++) {
		char path[32], target[64] = "";

		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (readlink(path, target, sizeof(target) - 1) > 0 && strncmp(target, "socket:", 7) == 0)
			assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	}
	close_lab(&lab);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("on the link, by a router, over IPv6, by a link-local gateway: asked for, resolved, published",
		     test_resolves),
		CASE("what the fast path cannot reach has a reason", test_reasons),
		CASE("D005 the kernel's VLAN devices are recognised", test_vlan_device),
		CASE("D005 a port with a VLAN is reached by that VLAN's device only", test_vlan_route),
		CASE("a client port is no way to a server", test_client_side),
		CASE("D014 a server's new MAC is followed, over IPv4 and IPv6", test_mac_change),
		CASE("D014 a router replaced in silence is followed", test_silent_mac_change),
		CASE("a route that changes is followed, also off the ports and to an IPv6 gateway",
		     test_route_change),
		CASE("a neighbour that is removed is asked for until it answers", test_neighbour_removed),
		CASE("a permanent neighbour is used as it is", test_permanent),
		CASE("carrier lost and link down make servers unusable, and back", test_link_down),
		CASE("lost events are caught up with", test_event_flood),
		CASE("neighbours that are no servers cause nothing", test_strangers_are_ignored),
		CASE("servers no longer followed go from the table", test_follow_again),
		CASE("no descriptor is inherited", test_close_on_exec),
	};

	return RUN(cases);
}
