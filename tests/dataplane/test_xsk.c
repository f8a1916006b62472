/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_xsk.c - UMEM and sockets under traffic. Needs root.
 *
 *      own namespace                        peer namespace
 *      worker 0: queue 0 of e0, e1   e0 ---- p0   packet sockets that send
 *      worker 1: queue 1 of e0, e1   e1 ---- p1   queries and receive them back
 *
 * The workers send what comes for port CROSS out of the other device, and what comes for port BACK out of
 * the one it came in on. Each frame carries a number, so loss, duplicates and damage show.
 */
#include "dataplane/xsk.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <linux/close_range.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include "base/clock.h"
#include "dataplane/port.h"
#include "dataplane/steer.h"
#include "tests/dataplane/netns.h"
#include "tests/tap.h"

enum {
	PORTS = 2, WORKERS = 2,
	RING = 256,
	CROSS = 53, BACK = 54,
	WINDOW = 64,			/* frames under way: fits every ring of a veth */
	NUMBERS = 6000,
	DEADLINE_S = 10,
};

static const char *const own_names[PORTS] = { "e0", "e1" }, *const peer_names[PORTS] = { "p0", "p1" };

static struct netns ns;
static int wire_fd[PORTS];		/* packet sockets on p0, p1 */
static char error[256];

/* ---- the node's side ---- */

struct node {
	struct steer *steer;
	struct dp_port port[PORTS];
	struct dp_port *ports[PORTS];
	struct dp_umem *umem;
	pthread_t thread[WORKERS];
	unsigned running;
	_Atomic bool stopping;
	_Atomic uint64_t received[WORKERS], refused[WORKERS];
};

static struct node node;

static uint16_t udp_port_of(const uint8_t *frame)
{
	return (uint16_t)(frame[36] << 8 | frame[37]);
}

static void reflect(unsigned worker, struct dp_rings *rings, unsigned socket)
{
	struct dp_frame frames[64];
	unsigned n = dp_rings_receive(rings, socket, frames, 64);

	for (unsigned i = 0; i < n; i++) {
		unsigned out = udp_port_of(frames[i].data) == CROSS ? !frames[i].port : frames[i].port;

		if (!dp_rings_send(rings, out, frames[i].data, frames[i].len)) {
			dp_rings_give(rings, frames[i].data);
			atomic_fetch_add(&node.refused[worker], 1);
		}
	}
	atomic_fetch_add(&node.received[worker], n);
}

static void *reflect_all(void *context)
{
	unsigned worker = (uintptr_t)context;
	struct dp_rings *rings = dp_umem_rings(node.umem, worker);
	unsigned n = dp_rings_sockets(rings);
	struct pollfd fds[8];

	for (unsigned s = 0; s < n; s++)
		fds[s] = (struct pollfd) { dp_rings_fd(rings, s), POLLIN, 0 };
	while (!atomic_load(&node.stopping)) {
		for (unsigned s = 0; s < n; s++)
			reflect(worker, rings, s);
		if (!dp_rings_flush(rings))
			poll(fds, n, 5);
	}
	return NULL;
}

static void start(void)
{
	atomic_store(&node.stopping, false);
	for (unsigned w = 0; w < WORKERS; w++) {
		assert_int_equal(pthread_create(&node.thread[w], NULL, reflect_all, (void *)(uintptr_t)w), 0);
		node.running++;
	}
}

static void stop(void)
{
	atomic_store(&node.stopping, true);
	while (node.running)
		pthread_join(node.thread[--node.running], NULL);
}

static int try_open_umem(enum dp_copy copy)
{
	struct dp_xsk_conf conf = { .frame_size = 2048, .ring_size = RING, .copy = copy };

	return dp_umem_open(&node.umem, node.steer, node.ports, PORTS, WORKERS, &conf, error, sizeof(error));
}

/* The filter on both ports, both test ports of UDP ours. */
static void open_filter(enum steer_mode mode)
{
	struct steer_listen listens[] = { { { .port = CROSS }, LEASE_NONE }, { { .port = BACK }, LEASE_NONE } };

	;
	assert_int_equal(steer_open(&node.steer, error, sizeof(error)), 0);
	for (unsigned i = 0; i < 2; i++)
		addr_parse("10.0.0.11", &listens[i].endpoint.addr);
	assert_int_equal(steer_configure(node.steer, listens, 2, NULL, 0, 0, 0), 0);
	for (unsigned i = 0; i < PORTS; i++) {
		struct dp_port *port = node.ports[i] = &node.port[i];

		port->index = i;
		if (dp_port_probe(port, own_names[i], DP_SIDE_BOTH, WORKERS, error, sizeof(error)) ||
		    steer_attach(node.steer, i, port->ifindex, mode, &port->mode, error, sizeof(error)))
			fail_msg("%s", error);
	}
}

static void open_node(enum steer_mode mode)
{
	open_filter(mode);
	if (try_open_umem(DP_COPY_AUTO))
		fail_msg("%s", error);
}

static void close_node(void)
{
	stop();
	dp_umem_close(node.umem);
	steer_close(node.steer);
	memset(&node, 0, sizeof(node));
}

/* After a case that failed half-way, too. */
static int teardown(void **state)
{
	(void)state;
	close_node();
	return 0;
}

/* ---- the peer's side ---- */

static int open_wire(const char *device)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_IP) };
	int one = 1, room = 4 << 20, fd;

	netns_enter(ns.peer_fd);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	at.sll_ifindex = if_nametoindex(device);
	setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	if (bind(fd, (struct sockaddr *)&at, sizeof(at))) {
		close(fd);
		fd = -1;
	}
	netns_enter(ns.own_fd);
	return fd;
}

struct query {
	struct ethhdr eth;
	struct iphdr ip;
	struct udphdr udp;
	uint32_t number;
	uint8_t rest[40];
} __attribute__((packed));

/* The source port varies so that both queues see frames. */
static struct query make_query(uint32_t number, uint16_t udp_port)
{
	struct query q = {
		.eth.h_proto = htons(ETH_P_IP),
		.ip = {
			.version = 4,
			.ihl = 5,
			.tot_len = htons(sizeof(q) - sizeof(q.eth)),
			.ttl = 64,
			.protocol = IPPROTO_UDP,
			.saddr = inet_addr("10.0.0.99"),
			.daddr = inet_addr("10.0.0.11"),
		},
		.udp = {
			.source = htons(1024 + number % 512),
			.dest = htons(udp_port),
			.len = htons(sizeof(q) - sizeof(q.eth) - sizeof(q.ip)),
		},
		.number = number,
	};

	memset(q.rest, number, sizeof(q.rest));
	return q;
}

static unsigned seen[NUMBERS];

/* Takes what has come back on side; counts whole frames by number. */
static unsigned collect(unsigned side)
{
	struct query q, expected;
	unsigned n = 0;

	while (recv(wire_fd[side], &q, sizeof(q), MSG_TRUNC) == sizeof(q)) {
		if (q.number >= NUMBERS)
			fail_msg("a frame was damaged: number %u", q.number);
		expected = make_query(q.number, ntohs(q.udp.dest));
		assert_memory_equal(&q, &expected, sizeof(q));
		seen[q.number]++;
		n++;
	}
	return n;
}

/* Sends numbers 0 .. n - 1 in on side in, and waits for them on side out. Returns how many came back once. */
static unsigned exchange(unsigned in, unsigned out, uint16_t udp_port, unsigned n)
{
	uint64_t end_ns = clock_mono_ns() + (uint64_t)DEADLINE_S * CLOCK_NS_PER_S;
	struct pollfd wire = { wire_fd[out], POLLIN, 0 };
	unsigned sent = 0, back = 0, once = 0;

	memset(seen, 0, sizeof(seen));
	while (back < n && clock_mono_ns() < end_ns) {
		for (; sent < n && sent - back < WINDOW; sent++) {
			struct query q = make_query(sent, udp_port);

			if (send(wire_fd[in], &q, sizeof(q), 0) != sizeof(q))
				break;
		}
		poll(&wire, 1, 10);
		back += collect(out);
	}
	for (unsigned i = 0; i < n; i++)
		once += seen[i] == 1;
	return once;
}

/* Sends without expecting anything back. */
static void send_only(unsigned in, uint16_t udp_port, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct query q = make_query(i, udp_port);

		assert_int_equal(send(wire_fd[in], &q, sizeof(q), 0), sizeof(q));
		if (i % WINDOW == WINDOW - 1)
			usleep(2000);
	}
}

/* ---- tests ---- */

/* All frames are accounted for, but one a socket that the kernel may keep in its own list. */
static void expect_no_leak(void)
{
	for (unsigned w = 0; w < WORKERS; w++) {
		struct dp_rings *rings = dp_umem_rings(node.umem, w);
		uint64_t end_ns = clock_mono_ns() + 2ull * CLOCK_NS_PER_S;
		struct dp_rings_account a;

		do {
			dp_rings_flush(rings);
			dp_rings_account(rings, &a);
		} while (a.tx && clock_mono_ns() < end_ns);
		assert_int_equal(a.tx, 0);
		assert_in_range(a.total - a.free - a.fill, 0, dp_rings_sockets(rings));
	}
}

static void check_traffic(enum steer_mode mode)
{
	uint64_t counts[STEER_COUNTERS];

	open_node(mode);
	assert_int_equal(node.port[0].mode, mode);
	start();
	assert_int_equal(exchange(0, 1, CROSS, NUMBERS), NUMBERS);
	assert_int_equal(exchange(1, 0, CROSS, NUMBERS), NUMBERS);
	assert_int_equal(exchange(0, 0, BACK, NUMBERS), NUMBERS);
	stop();
	assert_int_equal(node.received[0] + node.received[1], 3 * NUMBERS);
	/* A veth without NAPI, as under generic XDP, knows only queue 0. */
	assert_true(node.received[0] > 0 && (node.received[1] > 0 || mode == STEER_GENERIC));
	assert_int_equal(node.refused[0] + node.refused[1], 0);
	expect_no_leak();
	steer_counters(node.steer, counts);
	assert_int_equal(counts[STEER_QUERY], 3 * NUMBERS);
	for (unsigned i = 0; i < dp_umem_sockets(node.umem); i++) {
		struct dp_xsk_stats stats;

		assert_int_equal(dp_umem_stats(node.umem, i, &stats), 0);
		assert_int_equal(stats.queue, i / PORTS);
		assert_int_equal(stats.port, i % PORTS);
		assert_int_equal(stats.rx_dropped + stats.rx_invalid + stats.tx_invalid, 0);
	}
}

static void test_native(void **state)
{
	(void)state;
	check_traffic(STEER_NATIVE);
}

static void test_generic(void **state)
{
	(void)state;
	check_traffic(STEER_GENERIC);
}

/* A port that cannot send: first its peer has no carrier, then it is down itself. */
static void test_link_down(void **state)
{
	static const struct { bool in_peer; const char *down, *up; } table[] = {
		{ true, "ip link set p1 down", "ip link set p1 up" },
		{ false, "ip link set e1 down", "ip link set e1 up" },
	};

	(void)state;
	open_node(STEER_NATIVE);
	start();
	for (unsigned i = 0; i < 2; i++) {
		assert_true(table[i].in_peer ? netns_run_peer(&ns, "%s", table[i].down) : run("%s", table[i].down));
		send_only(0, CROSS, 4 * RING);
		assert_int_equal(exchange(0, 0, BACK, NUMBERS), NUMBERS);
		assert_true(table[i].in_peer ? netns_run_peer(&ns, "%s", table[i].up) : run("%s", table[i].up));
		send_only(0, BACK, 1);
		usleep(50 * 1000);
		collect(0);
		collect(1);
		assert_int_equal(exchange(0, 1, CROSS, NUMBERS), NUMBERS);
	}
	stop();
	expect_no_leak();
}

static void test_tx_full(void **state)
{
	struct dp_rings_account a;
	struct dp_rings *rings;
	unsigned sent = 0;
	uint8_t *data;

	(void)state;
	open_node(STEER_NATIVE);
	rings = dp_umem_rings(node.umem, 0);
	assert_true(run("ip link set e1 down"));
	while ((data = dp_rings_take(rings)) && dp_rings_send(rings, 1, data, 100)) {
		sent++;
		if (sent % 50 == 0)
			assert_false(dp_rings_flush(rings));
	}
	assert_non_null(data);
	dp_rings_give(rings, data);
	assert_int_equal(sent, RING);
	dp_rings_account(rings, &a);
	assert_int_equal(a.tx, RING);
	assert_int_equal(a.total, a.free + a.fill + a.tx);
	data = dp_rings_take(rings);
	assert_true(dp_rings_send(rings, 0, data, 100));
	assert_true(run("ip link set e1 up"));
	expect_no_leak();
}

static void test_frames(void **state)
{
	struct dp_rings_account before, after;
	static uint8_t *frames[8192];
	struct dp_rings *rings;
	unsigned n = 0;

	(void)state;
	open_node(STEER_NATIVE);
	assert_int_equal(dp_umem_sockets(node.umem), PORTS * WORKERS);
	assert_true(dp_umem_size(node.umem) >= 2u * (2 * 2 * RING + 256) * 2048);
	rings = dp_umem_rings(node.umem, 1);
	dp_rings_account(rings, &before);
	assert_int_equal(before.fill, 2 * RING);
	while (n < 8192 && (frames[n] = dp_rings_take(rings)))
		n++;
	assert_int_equal(n, before.free);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(dp_rings_room(rings, frames[i]), 2048 - DP_XSK_HEADROOM);
		memset(frames[i] - DP_XSK_HEADROOM, i, 2048);
	}
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(frames[i][0], i & 0xff);
		dp_rings_give(rings, frames[i] + i % 1000);
	}
	dp_rings_account(rings, &after);
	assert_memory_equal(&before, &after, sizeof(before));
	assert_int_equal(dp_rings_room(rings, frames[0] + 1791), 1);
}

static void test_zero_copy(void **state)
{

	(void)state;
	open_filter(STEER_NATIVE);
	assert_int_equal(try_open_umem(DP_COPY_ZERO), -EOPNOTSUPP);
	assert_non_null(strstr(error, "e0 queue 0 (zero-copy)"));
	assert_int_equal(try_open_umem(DP_COPY_AUTO), 0);
	assert_false(node.port[0].zero_copy || node.port[1].zero_copy);
	close_node();

	open_filter(STEER_GENERIC);
	assert_int_equal(try_open_umem(DP_COPY_ZERO), -EOPNOTSUPP);
	assert_string_equal(error, "zero-copy needs the filter in native mode on every port");
}

/* Another process has the queues; then it is killed and its rings take a moment to go. */
static void test_busy(void **state)
{
	uint64_t begin_ns;
	int said[2];
	pid_t pid;
	char c;

	(void)state;
	open_filter(STEER_NATIVE);
	assert_int_equal(pipe(said), 0);
	pid = fork();
	if (pid == 0) {
		c = try_open_umem(DP_COPY_COPY) != 0;
		if (write(said[1], &c, 1) == 1)
			pause();
		_exit(1);
	}
	assert_int_equal(read(said[0], &c, 1), 1);
	assert_int_equal(c, 0);
	begin_ns = clock_mono_ns();
	assert_int_equal(try_open_umem(DP_COPY_COPY), -EBUSY);
	assert_true(clock_mono_ns() - begin_ns >= 900ull * CLOCK_NS_PER_MS);
	assert_string_equal(error, "AF_XDP socket on e0 queue 0 (copy mode): another program has it");
	kill(pid, SIGKILL);
	if (try_open_umem(DP_COPY_AUTO))
		fail_msg("%s", error);
	waitpid(pid, NULL, 0);
	start();
	assert_int_equal(exchange(0, 1, CROSS, 1000), 1000);
	close_node();
	close(said[0]);
	close(said[1]);
}

static unsigned count_descriptors(bool expect_cloexec)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *entry;
	unsigned n = 0;

	while ((entry = readdir(dir))) {
		int fd = atoi(entry->d_name);

		if (fd > 2 && expect_cloexec && !(fcntl(fd, F_GETFD) & FD_CLOEXEC)) {
			closedir(dir);
			fail_msg("descriptor %d would be inherited", fd);
		}
		n++;
	}
	closedir(dir);
	return n;
}

/* main() has marked what the process inherited itself. */
static void test_descriptors(void **state)
{
	unsigned before;

	(void)state;
	before = count_descriptors(false);
	for (unsigned i = 0; i < 3; i++) {
		open_node(STEER_NATIVE);
		assert_true(count_descriptors(true) > before);
		close_node();
		assert_int_equal(count_descriptors(false), before);
	}
	dp_umem_close(NULL);
}

/* Is flag among the "VmFlags:" of the mapping around at? */
static bool mapping_has(const void *at, const char *flag)
{
	FILE *smaps = fopen("/proc/self/smaps", "re");
	unsigned long from, to, address = (unsigned long)at;
	bool inside = false, found = false;
	char line[512];

	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%lx-%lx ", &from, &to) == 2)
			inside = from <= address && address < to;
		if (inside && !strncmp(line, "VmFlags:", 8))
			found = strstr(line, flag);
	}
	fclose(smaps);
	return found;
}

static void test_memory(void **state)
{
	uint8_t *data;

	(void)state;
	open_node(STEER_NATIVE);
	data = dp_rings_take(dp_umem_rings(node.umem, 0));
	assert_non_null(data);
	assert_true(mapping_has(data, " dc"));
	assert_true(mapping_has(data, " dd"));
	if (dp_umem_huge(node.umem))
		assert_true(mapping_has(data, " hg") || mapping_has(data, " ht"));
}

#define NODE_CASE(description, function) { description, function, NULL, teardown, NULL }

int main(void)
{
	const struct CMUnitTest cases[] = {
		NODE_CASE("native: 2 ports, 2 queues, 2 workers; every frame once, none leaked", test_native),
		NODE_CASE("generic: the same", test_generic),
		NODE_CASE("a port that cannot send starves nobody, and recovers", test_link_down),
		NODE_CASE("TX budget: used up, the frame stays the caller's", test_tx_full),
		NODE_CASE("frames: take, give, room", test_frames),
		NODE_CASE("zero-copy where there is none: refused, or copy mode", test_zero_copy),
		NODE_CASE("queues held by another, and by one that was killed", test_busy),
		NODE_CASE("every descriptor is close-on-exec and closed again", test_descriptors),
		NODE_CASE("the UMEM is kept out of forks and core dumps", test_memory),
	};

	close_range(3, ~0u, CLOSE_RANGE_CLOEXEC);
	if (!netns_open(&ns) || !netns_veth(&ns, "e0", "p0", 2) || !netns_veth(&ns, "e1", "p1", 2)) {
		printf("1..0 # SKIP needs root, network namespaces and veth\n");
		return 0;
	}
	for (unsigned i = 0; i < PORTS; i++)
		wire_fd[i] = open_wire(peer_names[i]);
	return RUN(cases);
}
