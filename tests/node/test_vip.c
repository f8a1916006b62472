/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_vip.c - the kernel's copy of a virtual address: the device, its addresses, and, together with the virtual
 * MAC's program, a client that pings and connects. Needs root: a veth pair in namespaces of its own.
 *
 *      own: e0 10.9.0.11/24, tandem0 10.9.0.160/32 (the VIP) --- veth --- p0 10.9.0.99/24: peer
 *
 * ARP settings are those that the package ships. What must not arrive is followed by something that must, on the
 * same path.
 */
#include "node/vip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include "base/clock.h"
#include "base/lease.h"
#include "dataplane/vmac.h"
#include "node/sysctls.h"
#include "tests/dataplane/netns.h"
#include "tests/tap.h"

#define OWN	"10.9.0.11"
#define VIP	"10.9.0.160"
#define PEER	"10.9.0.99"

enum {
	LEASE = 3,
	DNS = 53,
	DEADLINE_MS = 2000,
	GONE_MS = 50,
};

static const uint8_t mac[6] = { 0x00, 0x00, 0x5e, 0x00, 0x01, 51 };
static struct netns ns;
static char error[256];

static struct addr address(const char *text)
{
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	return a;
}

static struct vip *open_vip(void)
{
	struct vip *vip;

	if (vip_open(&vip, error, sizeof(error)))
		fail_msg("%s", error);
	return vip;
}

static bool is_shown(const char *command, const char *text)
{
	return run("%s | grep -qF -- '%s'", command, text);
}

/* ---- the device ---- */

static void test_device(void **state)
{
	struct vip *first = open_vip(), *second = open_vip();
	struct ifreq request = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	(void)state;
	assert_int_not_equal(if_nametoindex("tandem1"), 0);
	snprintf(request.ifr_name, sizeof(request.ifr_name), "tandem0");
	assert_int_equal(ioctl(fd, SIOCGIFFLAGS, &request), 0);
	assert_true(request.ifr_flags & IFF_UP);
	assert_true(request.ifr_flags & IFF_NOARP);
	assert_true(is_shown("ip -d link show tandem0", "addrgenmode none"));
	assert_true(is_shown("ip -d link show tandem0", "persist off"));
	assert_false(is_shown("ip -6 addr show dev tandem0", "inet6"));
	vip_close(first);
	assert_int_equal(if_nametoindex("tandem0"), 0);
	assert_int_not_equal(if_nametoindex("tandem1"), 0);
	vip_close(second);
	vip_close(NULL);
	close(fd);
}

static void test_addresses(void **state)
{
	struct vip *vip = open_vip();
	struct addr v4 = address(VIP), v6 = address("fd09::160"), other = address("10.9.0.161");

	(void)state;
	for (unsigned round = 0; round < 2; round++) {
		assert_false(vip_has(vip, &v4));
		assert_int_equal(vip_add(vip, &v4), 0);
		assert_int_equal(vip_add(vip, &v4), 0);
		assert_int_equal(vip_add(vip, &v6), 0);
		assert_true(vip_has(vip, &v4) && vip_has(vip, &v6) && !vip_has(vip, &other));
		assert_true(is_shown("ip addr show dev tandem0", "inet " VIP "/32 scope global deprecated"));
		assert_true(is_shown("ip addr show dev tandem0", "inet6 fd09::160/128 scope global nodad deprecated"));
		assert_int_equal(vip_remove(vip, &v4), 0);
		assert_int_equal(vip_remove(vip, &v4), 0);
		assert_int_equal(vip_remove(vip, &v6), 0);
		assert_false(vip_has(vip, &v4) || vip_has(vip, &v6));
	}
	vip_close(vip);
}

/* An address that another interface has is not ours. */
static void test_elsewhere(void **state)
{
	struct vip *vip = open_vip();
	struct addr own = address(OWN);

	(void)state;
	assert_false(vip_has(vip, &own));
	assert_int_equal(vip_remove(vip, &own), 0);
	assert_true(is_shown("ip addr show dev e0", OWN "/24"));
	assert_true(run("ip link del tandem0"));
	assert_int_equal(vip_add(vip, &own), -ENODEV);
	assert_false(vip_has(vip, &own));
	vip_close(vip);
}

static void test_clean(void **state)
{
	struct addr v4 = address(VIP), v6 = address("fd09::160"), own = address(OWN);

	(void)state;
	assert_int_equal(vip_clean(&v4, "e0"), 0);
	assert_true(run("ip addr add " VIP "/32 dev lo && ip addr add " VIP "/32 dev e0"));
	assert_true(run("ip addr add fd09::160/128 dev e0 nodad"));
	assert_int_equal(vip_clean(&v4, "e0"), 0);
	assert_false(is_shown("ip addr", VIP));
	assert_int_equal(vip_clean(&v6, "e0"), 0);
	assert_false(is_shown("ip addr", "fd09::160"));

	assert_int_equal(vip_clean(&own, "e0"), -EADDRINUSE);
	assert_true(run("ip addr add " VIP "/32 dev lo && ip addr add " VIP "/24 dev e0"));
	assert_int_equal(vip_clean(&v4, "e0"), -EADDRINUSE);
	assert_true(is_shown("ip addr show dev lo", VIP "/32"));
	assert_true(run("ip addr del " VIP "/32 dev lo && ip addr del " VIP "/24 dev e0"));
}

static void test_no_tun(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (pid == 0) {
		struct vip *vip;
		int err = setresuid(65534, 65534, 65534) ? 0 : vip_open(&vip, error, sizeof(error));

		_exit(!(err < 0 && strstr(error, "making a TAP device (/dev/net/tun): ")));
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

/* ---- on the wire ---- */

struct rig {
	struct vip *vip;
	struct vmac *vmac;
};

static int rig_open(void **state)
{
	static struct rig rig;
	struct addr v4 = address(VIP);

	*state = &rig;
	rig.vip = open_vip();
	assert_int_equal(vip_add(rig.vip, &v4), 0);
	if (vmac_open(&rig.vmac, -1, error, sizeof(error)))
		fail_msg("%s", error);
	lease_grant(vmac_leases(rig.vmac), LEASE, LEASE_ACTIVE, clock_boot_ns() + 3600ull * CLOCK_NS_PER_S);
	return 0;
}

static int rig_close(void **state)
{
	struct rig *rig = *state;

	vmac_close(rig->vmac);
	vip_close(rig->vip);
	return 0;
}

static bool is_pinged(void)
{
	return netns_run_peer(&ns, "ping -q -c 1 -W 0.3 " VIP " >/dev/null");
}

static int tcp_socket(int ns_fd)
{
	const struct timeval patience = { .tv_usec = 300 * 1000 };
	int fd;

	assert_true(netns_enter(ns_fd));
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(netns_enter(ns.own_fd));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	return fd;
}

static bool is_connected(int *client)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(DNS),
				    .sin_addr.s_addr = inet_addr(VIP) };

	*client = tcp_socket(ns.peer_fd);
	return connect(*client, (struct sockaddr *)&name, sizeof(name)) == 0;
}

/* At the virtual MAC. */
static void receive(struct rig *rig)
{
	struct addr vip = address(VIP);

	assert_int_equal(vmac_add(rig->vmac, if_nametoindex("e0"), mac, LEASE, error, sizeof(error)), 0);
	assert_int_equal(vmac_add_address(rig->vmac, if_nametoindex("e0"), &vip, LEASE, error, sizeof(error)), 0);
}

static int listen_at_vip(void)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(DNS),
				    .sin_addr.s_addr = inet_addr(VIP) };
	const int on = 1;
	int fd = tcp_socket(ns.own_fd);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(listen(fd, 4), 0);
	return fd;
}

static void test_reached(void **state)
{
	struct rig *rig = *state;
	int listener = listen_at_vip(), client;

	assert_false(is_pinged());
	assert_false(is_connected(&client));
	close(client);
	receive(rig);
	assert_true(is_pinged());
	assert_true(is_connected(&client));
	close(client);

	lease_revoke(vmac_leases(rig->vmac), LEASE);
	assert_false(is_pinged());
	assert_false(is_connected(&client));
	close(client);
	close(listener);
}

/* ---- ARP ---- */

static int arp_socket(int ns_fd, const char *interface)
{
	struct sockaddr_ll name = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP) };
	int fd;

	assert_true(netns_enter(ns_fd));
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	name.sll_ifindex = (int)if_nametoindex(interface);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_true(netns_enter(ns.own_fd));
	return fd;
}

struct arp {
	uint8_t to[6], from[6];
	uint8_t fixed[8];		/* type, hardware, protocol, lengths */
	uint8_t operation[2];
	uint8_t sender_mac[6], sender[4], target_mac[6], target[4];
} __attribute__((packed));

static void ask_who_has(int fd, const char *target, const uint8_t to[6])
{
	static const uint8_t asker[6] = { 2, 0, 0, 0, 0, 9 };
	in_addr_t peer = inet_addr(PEER), wanted = inet_addr(target);
	struct arp frame = { .fixed = { 8, 6, 0, 1, 8, 0, 6, 4 }, .operation = { 0, 1 } };

	memcpy(frame.to, to, 6);
	memcpy(frame.from, asker, 6);
	memcpy(frame.sender_mac, asker, 6);
	memcpy(frame.sender, &peer, 4);
	memcpy(frame.target, &wanted, 4);
	assert_int_equal(send(fd, &frame, sizeof(frame), 0), sizeof(frame));
}

/* The sender of the next frame with this operation. */
static in_addr_t next_sender(int fd, uint8_t operation)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct arp frame;
	in_addr_t sender;

	do {
		assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
		assert_true(recv(fd, &frame, sizeof(frame), 0) >= (ssize_t)sizeof(frame));
	} while (frame.operation[1] != operation);
	memcpy(&sender, frame.sender, 4);
	return sender;
}

static void test_arp_silent(void **state)
{
	static const uint8_t everybody[6] = { 255, 255, 255, 255, 255, 255 };
	struct rig *rig = *state;
	int fd = arp_socket(ns.peer_fd, "p0");

	assert_true(sysctls_check("e0", SYSCTLS_IPV4, error, sizeof(error)));
	receive(rig);
	ask_who_has(fd, VIP, everybody);
	ask_who_has(fd, VIP, mac);
	ask_who_has(fd, OWN, everybody);
	assert_int_equal(next_sender(fd, 2), inet_addr(OWN));	/* the first answer */

	assert_true(run("echo 0 > /proc/sys/net/ipv4/conf/e0/arp_ignore"));
	assert_false(sysctls_check("e0", SYSCTLS_IPV4, error, sizeof(error)));
	ask_who_has(fd, VIP, everybody);
	assert_int_equal(next_sender(fd, 2), inet_addr(VIP));	/* why the setting is needed */
	assert_true(run("echo 1 > /proc/sys/net/ipv4/conf/e0/arp_ignore"));
	close(fd);
}

/* The kernel, which has to resolve the client to answer it, does not say "tell VIP". */
static void test_arp_asks_as_itself(void **state)
{
	static const char *const settings[] = { "2", "0" }, *const senders[] = { OWN, VIP };
	struct rig *rig = *state;
	int fd = arp_socket(ns.peer_fd, "p0");

	receive(rig);
	for (unsigned i = 0; i < 2; i++) {
		assert_true(run("echo %s > /proc/sys/net/ipv4/conf/e0/arp_announce", settings[i]));
		assert_true(run("ip neigh flush dev e0"));
		assert_true(is_pinged());
		assert_int_equal(next_sender(fd, 1), inet_addr(senders[i]));
	}
	assert_true(run("echo 2 > /proc/sys/net/ipv4/conf/e0/arp_announce"));
	assert_true(netns_run_peer(&ns, "ip neigh replace " VIP " lladdr 00:00:5e:00:01:33 dev p0"));
	close(fd);
}

/* ---- the end ---- */

/* A child has the VIP and a TCP connection, and is killed. */
static void test_killed(void **state)
{
	struct addr v4 = address(VIP);
	int said[2], client, listener;
	uint64_t killed_ns, took_ms;
	char c;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(said), 0);
	pid = fork();
	if (pid == 0) {
		struct vip *vip;

		c = vip_open(&vip, error, sizeof(error)) != 0 || vip_add(vip, &v4) != 0;
		if (write(said[1], &c, 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(said[0], &c, 1), 1);
	assert_int_equal(c, 0);
	listener = listen_at_vip();
	assert_int_not_equal(if_nametoindex("tandem0"), 0);
	killed_ns = clock_mono_ns();
	kill(pid, SIGKILL);
	while (if_nametoindex("tandem0") && clock_mono_ns() - killed_ns < CLOCK_NS_PER_S)
		usleep(500);
	took_ms = (clock_mono_ns() - killed_ns) / CLOCK_NS_PER_MS;
	print_message("# device gone after %llu ms\n", (unsigned long long)took_ms);
	assert_true(took_ms < GONE_MS);
	assert_false(is_shown("ip addr", VIP));
	assert_false(is_connected(&client));
	close(client);
	close(listener);
	waitpid(pid, NULL, 0);
	close(said[0]);
	close(said[1]);
}

#define RIGGED(description, function) { description, function, rig_open, rig_close, NULL }

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("the device: up, no ARP, no addresses of its own, a free name, not persistent", test_device),
		CASE("V146 addresses: /32, /128, no detection, deprecated; twice is once", test_addresses),
		CASE("other interfaces' addresses are left alone", test_elsewhere),
		CASE("a left-over /32 is removed, a subnet's address is not touched", test_clean),
		CASE("no right to make one: said so", test_no_tun),
		RIGGED("V103 V104 ping and TCP for the virtual MAC: with the program and the lease only", test_reached),
		RIGGED("the kernel does not answer ARP for the VIP", test_arp_silent),
		RIGGED("V034 the kernel asks from its own address", test_arp_asks_as_itself),
		CASE("after SIGKILL the address is gone within 50 ms", test_killed),
	};

	if (access("/dev/net/tun", W_OK) || !netns_open(&ns) || !netns_veth(&ns, "e0", "p0", 1) ||
	    !run("ip addr add " OWN "/24 dev e0 && echo 1 > /proc/sys/net/ipv4/conf/e0/arp_ignore && "
		 "echo 2 > /proc/sys/net/ipv4/conf/e0/arp_announce") ||
	    !netns_run_peer(&ns, "ip addr add " PEER "/24 dev p0 && "
			    "ip neigh add " VIP " lladdr 00:00:5e:00:01:33 dev p0")) {
		printf("1..0 # SKIP needs root, network namespaces, veth and /dev/net/tun\n");
		return 0;
	}
	return RUN(cases);
}
