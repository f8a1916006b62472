/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_vmac.c - frames for a virtual MAC and the kernel's IP stack: the tcx program and its lease, and the XDP
 * filter's rewriting for kernels without tcx. Needs root: a veth pair in namespaces of its own.
 *
 *      own: e0 10.9.0.11/24, lo 10.9.0.160/32 (the VIP) --- veth --- p0 10.9.0.99/24: peer
 *
 * The peer holds "VIP is at the virtual MAC". What must not arrive is followed by a datagram that must, on the
 * same path: nothing here waits for nothing.
 */
#include "dataplane/vmac.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <cap-ng.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include "base/clock.h"
#include "base/lease.h"
#include "dataplane/steer.h"
#include "tests/dataplane/netns.h"
#include "tests/tap.h"

#define OWN	"10.9.0.11"
#define VIP	"10.9.0.160"
#define PEER	"10.9.0.99"

enum {
	LEASE = 5,
	DNS = 53,
	ECHO = 7,
	DEADLINE_MS = 2000,
	TCX_INGRESS = 46,
};

static const uint8_t vmac_mac[6] = { 0x00, 0x00, 0x5e, 0x00, 0x01, 51 };
static const uint8_t other_mac[6] = { 0x00, 0x00, 0x5e, 0x00, 0x01, 52 };
static struct netns ns;
static unsigned device, device_2;	/* e0, e1 */
static char error[256];

struct rig {
	struct steer *steer;		/* NULL unless the test wants the XDP filter */
	struct vmac *vmac;
	struct lease_page *leases;
};

static void hold(struct rig *rig, enum lease_mode mode)
{
	lease_grant(rig->leases, LEASE, mode, clock_boot_ns() + 60ull * CLOCK_NS_PER_S);
}

/* ---- datagrams ---- */

static int udp_socket(const char *address, uint16_t port)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(port),
				    .sin_addr.s_addr = inet_addr(address) };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	return fd;
}

static int udp_socket_of_peer(void)
{
	int fd;

	assert_true(netns_enter(ns.peer_fd));
	fd = udp_socket("0.0.0.0", 0);
	assert_true(netns_enter(ns.own_fd));
	return fd;
}

static void say(int fd, const char *to, uint16_t port, char word)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(port),
				    .sin_addr.s_addr = inet_addr(to) };

	assert_int_equal(sendto(fd, &word, 1, 0, (struct sockaddr *)&name, sizeof(name)), 1);
}

static char hear(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char word = 0;

	assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
	assert_int_equal(recv(fd, &word, 1, 0), 1);
	return word;
}

/* Does a datagram of the peer for the VIP reach the kernel's UDP? */
static bool is_received_at(uint16_t port)
{
	int own = udp_socket("0.0.0.0", port), peer = udp_socket_of_peer();
	bool received;

	say(peer, VIP, port, 'v');
	say(peer, OWN, port, 'o');
	received = hear(own) == 'v';
	if (received)
		assert_int_equal(hear(own), 'o');
	close(own);
	close(peer);
	return received;
}

static bool is_received(void)
{
	return is_received_at(ECHO);
}

/* ---- the rig ---- */

static bool has_program(unsigned ifindex)
{
	uint32_t ids[4], n = 4;

	return bpf_prog_query((int)ifindex, (enum bpf_attach_type)TCX_INGRESS, 0, NULL, ids, &n) == 0 && n > 0;
}

static void add_address(struct rig *rig, unsigned ifindex, const char *text, uint8_t lease)
{
	struct addr address;

	assert_int_equal(addr_parse(text, &address), 0);
	assert_int_equal(vmac_add_address(rig->vmac, ifindex, &address, lease, error, sizeof(error)), 0);
}

static void add(struct rig *rig)
{
	if (vmac_add(rig->vmac, device, vmac_mac, LEASE, error, sizeof(error)))
		fail_msg("%s", error);
	add_address(rig, device, VIP, LEASE);
}

static int open_alone(void **state)
{
	static struct rig rig;

	*state = &rig;
	rig = (struct rig) { 0 };
	if (vmac_open(&rig.vmac, -1, error, sizeof(error))) {
		print_error("# %s\n", error);
		return -1;
	}
	rig.leases = vmac_leases(rig.vmac);
	return 0;
}

/* With the filter's leases, and the VIP and the node's own address in its tables. */
static int open_with_filter(void **state)
{
	static struct rig rig;
	struct steer_listen listens[2] = { { .lease = LEASE }, { .lease = LEASE_NONE } };

	*state = &rig;
	rig = (struct rig) { 0 };
	addr_parse(VIP, &listens[0].endpoint.addr);
	addr_parse(OWN, &listens[1].endpoint.addr);
	listens[0].endpoint.port = listens[1].endpoint.port = DNS;
	if (steer_open(&rig.steer, error, sizeof(error)) ||
	    steer_configure(rig.steer, listens, 2, NULL, 0, 0, 0) ||
	    vmac_open(&rig.vmac, steer_lease_fd(rig.steer), error, sizeof(error))) {
		print_error("# %s\n", error);
		return -1;
	}
	rig.leases = steer_leases(rig.steer);
	return 0;
}

static int rig_close(void **state)
{
	struct rig *rig = *state;

	vmac_close(rig->vmac);
	steer_close(rig->steer);
	return 0;
}

static void attach_filter(struct rig *rig, enum steer_mode mode)
{
	enum steer_mode obtained;

	if (steer_attach(rig->steer, 0, device, mode, &obtained, error, sizeof(error)))
		fail_msg("%s", error);
	assert_int_equal(obtained, mode);
}

/* ---- the program ---- */

static void test_lease(void **state)
{
	struct rig *rig = *state;
	uint64_t counts[VMAC_COUNTERS];

	assert_int_not_equal(vmac_lease_fd(rig->vmac), -1);
	hold(rig, LEASE_ACTIVE);
	assert_false(is_received());
	add(rig);
	assert_true(is_received());
	hold(rig, LEASE_LINGER);
	assert_true(is_received());
	lease_revoke(rig->leases, LEASE);
	assert_false(is_received());
	lease_grant(rig->leases, LEASE, LEASE_ACTIVE, clock_boot_ns());
	assert_false(is_received());
	vmac_counters(rig->vmac, counts);
	assert_int_equal(counts[VMAC_RECEIVED], 2);
	assert_int_equal(counts[VMAC_NO_LEASE], 2);
}

static void test_kernel_answers(void **state)
{
	struct rig *rig = *state;
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(DNS), .sin_addr.s_addr = inet_addr(VIP) };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), client;

	assert_int_equal(bind(listener, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_int_equal(listen(listener, 1), 0);
	add(rig);
	hold(rig, LEASE_ACTIVE);
	assert_true(netns_run_peer(&ns, "ping -q -c 1 -W 2 " VIP " >/dev/null"));
	assert_true(netns_enter(ns.peer_fd));
	client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(netns_enter(ns.own_fd));
	assert_int_equal(connect(client, (struct sockaddr *)&name, sizeof(name)), 0);
	close(client);
	close(listener);
}

/* The kernel would answer with its own MAC; a packet socket has to see ARP, leased or not. */
static void test_arp(void **state)
{
	static const uint8_t request[28] = { 0, 1, 8, 0, 6, 4, 0, 1 };
	struct sockaddr_ll name = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ARP), .sll_halen = 6 };
	struct rig *rig = *state;
	socklen_t len = sizeof(name);
	uint8_t frame[64];
	int own, peer;

	name.sll_ifindex = (int)device;
	own = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(own, (struct sockaddr *)&name, sizeof(name)), 0);
	assert_true(netns_enter(ns.peer_fd));
	peer = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	name.sll_ifindex = (int)if_nametoindex("p0");
	memcpy(name.sll_addr, vmac_mac, 6);
	assert_true(netns_enter(ns.own_fd));
	add(rig);
	for (unsigned held = 0; held < 2; held++) {
		struct pollfd p = { .fd = own, .events = POLLIN };

		if (held)
			hold(rig, LEASE_ACTIVE);
		assert_int_equal(sendto(peer, request, sizeof(request), 0, (struct sockaddr *)&name, sizeof(name)),
				 sizeof(request));
		do {		/* the kernels' own questions are for somebody else */
			struct sockaddr_ll from;

			assert_int_equal(poll(&p, 1, DEADLINE_MS), 1);
			len = sizeof(from);
			assert_true(recvfrom(own, frame, sizeof(frame), 0, (struct sockaddr *)&from, &len) >= 28);
			if (!memcmp(frame, request, sizeof(request)))
				assert_int_equal(from.sll_pkttype, PACKET_OTHERHOST);
		} while (memcmp(frame, request, sizeof(request)) != 0);
	}
	close(own);
	close(peer);
}

static void test_filters(void **state)
{
	static const enum steer_mode modes[] = { STEER_NATIVE, STEER_GENERIC };
	struct rig *rig = *state;

	add(rig);
	assert_null(vmac_leases(rig->vmac));
	assert_int_equal(vmac_lease_fd(rig->vmac), -1);
	for (unsigned i = 0; i < 2; i++) {
		attach_filter(rig, modes[i]);
		hold(rig, LEASE_ACTIVE);
		assert_true(is_received());
		assert_true(is_received_at(DNS));	/* no AF_XDP socket: it ends in the kernel */
		lease_revoke(rig->leases, LEASE);
		assert_false(is_received());
		assert_false(is_received_at(DNS));
		steer_detach(rig->steer, 0);
	}
}

/* What the router has no address for stays a frame for another host, although this host has the address. */
static void test_addresses(void **state)
{
	struct rig *rig = *state;
	uint64_t counts[VMAC_COUNTERS];
	struct addr vip;

	hold(rig, LEASE_ACTIVE);
	assert_int_equal(vmac_add(rig->vmac, device, vmac_mac, LEASE, error, sizeof(error)), 0);
	assert_false(is_received());
	add_address(rig, device, OWN, LEASE);
	assert_false(is_received());			/* another address */
	add_address(rig, device_2, VIP, LEASE);
	assert_false(is_received());			/* at another interface */
	add_address(rig, device, VIP, LEASE_NEVER);
	assert_false(is_received());			/* of another virtual router */
	add_address(rig, device, VIP, LEASE);
	assert_true(is_received());
	assert_int_equal(addr_parse(VIP, &vip), 0);
	vmac_remove_address(rig->vmac, device, &vip);
	assert_false(is_received());
	vmac_remove_address(rig->vmac, device, &vip);	/* twice is once */
	vmac_counters(rig->vmac, counts);
	assert_int_equal(counts[VMAC_NO_ADDRESS], 5);
	assert_int_equal(counts[VMAC_RECEIVED], 1);
	assert_int_equal(counts[VMAC_NO_LEASE], 0);
}

/* ---- table and links ---- */

static void test_table(void **state)
{
	struct rig *rig = *state;

	hold(rig, LEASE_ACTIVE);
	add_address(rig, device, VIP, LEASE);
	assert_int_equal(vmac_add(rig->vmac, device, other_mac, LEASE, error, sizeof(error)), 0);
	assert_false(is_received());			/* another MAC */
	assert_int_equal(vmac_add(rig->vmac, device_2, vmac_mac, LEASE, error, sizeof(error)), 0);
	assert_false(is_received());			/* another interface */
	assert_int_equal(vmac_add(rig->vmac, device, vmac_mac, LEASE_NEVER, error, sizeof(error)), 0);
	assert_false(is_received());			/* another lease */
	add(rig);
	assert_true(is_received());			/* replaced */
	assert_true(has_program(device));
	assert_true(has_program(device_2));
	assert_int_equal(vmac_check(rig->vmac, error, sizeof(error)), 0);
}

static void test_removed(void **state)
{
	struct rig *rig = *state;

	hold(rig, LEASE_ACTIVE);
	add_address(rig, device, VIP, LEASE);
	add(rig);
	assert_int_equal(vmac_add(rig->vmac, device, other_mac, LEASE, error, sizeof(error)), 0);
	assert_true(is_received());
	vmac_remove(rig->vmac, device, vmac_mac);
	assert_false(is_received());
	assert_true(has_program(device));		/* for the other one */
	vmac_remove(rig->vmac, device, other_mac);
	assert_false(has_program(device));
	vmac_remove(rig->vmac, device, other_mac);	/* twice is once */
	assert_int_equal(vmac_check(rig->vmac, error, sizeof(error)), 0);
	add(rig);
	assert_true(is_received());
}

static void test_limits(void **state)
{
	struct rig *rig = *state;
	uint8_t mac[6] = { 0x00, 0x00, 0x5e, 0x00, 0x01, 0 };

	assert_int_equal(vmac_add(rig->vmac, 9999, mac, LEASE, error, sizeof(error)), -ENODEV);
	assert_string_equal(error, "no interface with index 9999");
	for (unsigned i = 0; i < VMAC_MAX; i++, mac[5]++)
		assert_int_equal(vmac_add(rig->vmac, device, mac, LEASE, error, sizeof(error)), 0);
	assert_int_equal(vmac_add(rig->vmac, device_2, mac, LEASE, error, sizeof(error)), -E2BIG);
	assert_string_equal(error, "virtual MAC: too many");
	assert_false(has_program(device_2));
	for (unsigned i = 0; i < VMAC_COUNTERS; i++)
		assert_non_null(vmac_counter_name(i));
	vmac_close(NULL);
}

/* Links of all namespaces are listed: the program tells which is ours. */
static bool detach_by_force(void)
{
	uint32_t id = 0, program, n = 1;

	if (bpf_prog_query((int)device, (enum bpf_attach_type)TCX_INGRESS, 0, NULL, &program, &n))
		return false;
	while (!bpf_link_get_next_id(id, &id)) {
		struct bpf_link_info info = { 0 };
		uint32_t len = sizeof(info);
		int fd = bpf_link_get_fd_by_id(id);
		bool is_ours = fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len) && info.prog_id == program;

		if (is_ours)
			is_ours = !bpf_link_detach(fd);
		close(fd);
		if (is_ours)
			return true;
	}
	return false;
}

static void test_check(void **state)
{
	struct rig *rig = *state;

	add(rig);
	assert_int_equal(vmac_check(rig->vmac, error, sizeof(error)), 0);
	assert_true(detach_by_force());
	assert_int_equal(vmac_check(rig->vmac, error, sizeof(error)), -ENOLINK);
	assert_string_equal(error, "e0: the virtual MAC's program was detached");
}

static void test_killed(void **state)
{
	uint64_t give_up_ns;
	int said[2];
	char c;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(said), 0);
	pid = fork();
	if (pid == 0) {
		struct vmac *vmac;

		c = vmac_open(&vmac, -1, error, sizeof(error)) ||
		    vmac_add(vmac, device, vmac_mac, LEASE, error, sizeof(error));
		if (write(said[1], &c, 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(said[0], &c, 1), 1);
	assert_int_equal(c, 0);
	assert_true(has_program(device));
	kill(pid, SIGKILL);
	give_up_ns = clock_mono_ns() + CLOCK_NS_PER_S;
	while (has_program(device) && clock_mono_ns() < give_up_ns)
		usleep(5000);
	assert_false(has_program(device));
	waitpid(pid, NULL, 0);
	close(said[0]);
	close(said[1]);
}

static void test_capabilities(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	pid = fork();
	if (pid == 0) {
		struct vmac *vmac;

		capng_clear(CAPNG_SELECT_BOTH);
		capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_BPF, CAP_NET_ADMIN, -1);
		if (capng_apply(CAPNG_SELECT_CAPS) == 0 && vmac_open(&vmac, -1, error, sizeof(error)) == 0 &&
		    vmac_add(vmac, device, vmac_mac, LEASE, error, sizeof(error)) == 0)
			_exit(0);
		fprintf(stderr, "# %s\n", error);
		_exit(1);
	}
	waitpid(pid, &status, 0);
	assert_int_equal(status, 0);
}

/* ---- without tcx ---- */

static void own_mac_of(const char *name, uint8_t mac[6])
{
	struct ifreq request = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	assert_int_equal(ioctl(fd, SIOCGIFHWADDR, &request), 0);
	memcpy(mac, request.ifr_hwaddr.sa_data, 6);
	close(fd);
}

static void test_rewrite(void **state)
{
	struct rig *rig = *state;
	uint8_t own_mac[6];

	own_mac_of("e0", own_mac);
	attach_filter(rig, STEER_GENERIC);
	hold(rig, LEASE_ACTIVE);
	assert_false(is_received());
	steer_rewrite(rig->steer, LEASE, other_mac, own_mac);
	assert_false(is_received());
	steer_rewrite(rig->steer, LEASE, vmac_mac, own_mac);
	assert_true(is_received());
	assert_true(is_received_at(DNS));
	lease_revoke(rig->leases, LEASE);
	assert_false(is_received());
	hold(rig, LEASE_LINGER);
	assert_true(is_received());
	steer_rewrite(rig->steer, LEASE, vmac_mac, NULL);
	assert_false(is_received());
}

#define ALONE(description, function) { description, function, open_alone, rig_close, NULL }
#define FILTERED(description, function) { description, function, open_with_filter, rig_close, NULL }

int main(void)
{
	const struct CMUnitTest cases[] = {
		ALONE("V103 V104 the kernel receives for the virtual MAC with the lease only", test_lease),
		ALONE("ping and TCP to the virtual MAC", test_kernel_answers),
		ALONE("ARP for the virtual MAC is left to packet sockets", test_arp),
		FILTERED("behind the XDP filter, native and generic, one page of leases", test_filters),
		ALONE("V155 only the router's own addresses are received at its virtual MAC", test_addresses),
		ALONE("another MAC, interface or lease", test_table),
		ALONE("a virtual MAC is taken out, and with the last one the program", test_removed),
		ALONE("what does not fit, what is not there", test_limits),
		ALONE("a link taken off by force shows", test_check),
		CASE("a killed process's program goes", test_killed),
		CASE("CAP_BPF and CAP_NET_ADMIN are enough", test_capabilities),
		FILTERED("without tcx the filter in generic mode rewrites the MAC", test_rewrite),
	};
	cpu_set_t one;

	/* One CPU: what is sent in order arrives in order. */
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	sched_setaffinity(0, sizeof(one), &one);
	if (!netns_open(&ns) || !netns_veth(&ns, "e0", "p0", 1) || !netns_veth(&ns, "e1", "p1", 1) ||
	    !run("ip addr add " OWN "/24 dev e0 && ip addr add " VIP "/32 dev lo") ||
	    !netns_run_peer(&ns, "ip addr add " PEER "/24 dev p0 && "
			    "ip neigh add " VIP " lladdr 00:00:5e:00:01:33 dev p0")) {
		printf("1..0 # SKIP needs root, network namespaces and veth\n");
		return 0;
	}
	device = if_nametoindex("e0");
	device_2 = if_nametoindex("e1");
	return RUN(cases);
}
