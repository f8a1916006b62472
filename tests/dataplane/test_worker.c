/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_worker.c - the packet worker on real rings, the passes' fixture around it: which frame it makes of a query for a
 * server and of the server's answer for a client, above all behind a VLAN tag, for which this kernel may have no
 * device that a route could name. Needs root.
 *
 *      own namespace              peer namespace
 *      worker 0: e0     e0 ---- p0   a packet socket: client and server
 */
#include "tests/tap.h"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include "base/clock.h"
#include "base/counters.h"
#include "dataplane/packet.h"
#include "dataplane/port.h"
#include "dataplane/steer.h"
#include "dataplane/steer_shared.h"
#include "dataplane/wire.h"
#include "dataplane/xsk.h"
#include "tests/dataplane/fixture.h"
#include "tests/dataplane/netns.h"

enum { VLAN = 100, PRIORITY = 5 << 13, BASE = 16384, COUNT = 16384, DEADLINE_MS = 3000 };

static const uint8_t client_mac[6] = { 2, 0, 0, 0, 0, 0x0c }, server_mac[6] = { 2, 0, 0, 0, 0, 0x05 };

static struct netns ns;
static struct steer *steer;
static struct dp_umem *umem;
static struct dp_port port;
static int wire_fd;
static char error[256];

static int open_wire(void)
{
	struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int one = 1, fd;

	netns_enter(ns.peer_fd);
	fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
	at.sll_ifindex = (int)if_nametoindex("p0");
	if (fd < 0 || setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) ||
	    bind(fd, (struct sockaddr *)&at, sizeof(at)))
		fd = -1;
	netns_enter(ns.own_fd);
	return fd;
}

/* The tag that the receiving kernel took off; 0 = none. */
static uint16_t tag_of(struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		struct tpacket_auxdata aux;

		if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
			continue;
		memcpy(&aux, CMSG_DATA(c), sizeof(aux));
		return aux.tp_status & TP_STATUS_VLAN_VALID ? aux.tp_vlan_tci : 0;
	}
	return 0;
}

/* The next UDP frame to port; its flow as the receiver sees it, *payload into frame. */
static struct dp_flow receive(uint16_t to_port, uint8_t frame[FX_ROOM], uint8_t **payload, uint16_t *len)
{
	struct pollfd fds = { wire_fd, POLLIN, 0 };
	_Alignas(struct cmsghdr) uint8_t control[256];
	struct dp_flow flow;

	while (poll(&fds, 1, DEADLINE_MS) > 0) {
		struct iovec iov = { frame, FX_ROOM };
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
				      .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(wire_fd, &msg, 0);

		if (n <= 0 || dp_packet_parse(frame, (size_t)n, true, &flow, payload, len) != DP_PARSE_OK ||
		    flow.own_port != to_port)
			continue;
		flow.vlan = tag_of(&msg);
		return flow;
	}
	fail_msg("no frame for port %u", to_port);
	return flow;
}

/* Returns the checksum that stands in it. */
static uint16_t send_to_node(const struct dp_flow *flow, const uint8_t *payload, uint16_t len)
{
	uint8_t room[DP_HEADERS_MAX + FX_ROOM], *at = room + DP_HEADERS_MAX, *frame;

	memcpy(at, payload, len);
	frame = dp_packet_write(at, len, flow);
	assert_true(send(wire_fd, frame, (size_t)(at - frame) + len, 0) > 0);
	return wire_get16(at - sizeof(uint16_t));
}

static void open_node(uint16_t vlan, const char *listen, const char *server)
{
	const struct dp_xsk_conf conf = { .frame_size = 2048, .ring_size = 64 };
	struct steer_listen listens = { { fx_addr(listen), 53 }, LEASE_NONE };
	struct endpoint servers = { fx_addr(server), 53 };
	struct dp_port *ports = &port;

	fx_up(10);
	fx.conf.listen[0].endpoint.addr = listens.endpoint.addr;
	fx.auth.member[0]->endpoint = servers;
	fx.hops.server[0].own = listens.endpoint.addr;
	memcpy(fx.hops.server[0].peer_mac, server_mac, sizeof(server_mac));
	port = (struct dp_port){ .vlan = vlan };
	if (dp_port_probe(&port, "e0", DP_SIDE_BOTH, 1, error, sizeof(error)) ||
	    steer_open(&steer, error, sizeof(error)))
		fail_msg("%s", error);
	steer_set_vlan(steer, 0, vlan);
	assert_int_equal(steer_configure(steer, &listens, 1, &servers, 1, BASE, COUNT), 0);
	if (steer_attach(steer, 0, port.ifindex, STEER_AUTO, &port.mode, error, sizeof(error)) ||
	    dp_umem_open(&umem, steer, &ports, 1, 1, &conf, error, sizeof(error)))
		fail_msg("%s", error);
	fx.shared.port[0] = &port;
	fx.shared.workers = 1;
	fx.shared.source_port_base = fx.worker->source_port = BASE;
	fx.shared.source_ports_log2 = 14;
	assert_int_equal(dp_worker_start(fx.worker, dp_umem_rings(umem, 0)), 0);
}

static void close_node(void)
{
	dp_worker_stop(fx.worker);
	dp_umem_close(umem);
	steer_close(steer);
	fx_down();
}

/* A query in, the server's query out, its answer in, the client's out; every header looked at. */
static void exchange(const char *client, const char *listen, const char *server, uint16_t vlan, uint16_t tci)
{
	struct dp_flow ask = { .own = fx_addr(client), .peer = fx_addr(listen), .own_port = 4000, .peer_port = 53,
			       .vlan = tci };
	uint8_t query[300], frame[FX_ROOM], *payload;
	struct dp_flow flow, back;
	uint16_t len;

	open_node(vlan, listen, server);
	memcpy(ask.own_mac, client_mac, sizeof(client_mac));
	dp_port_mac(&port, ask.peer_mac);
	send_to_node(&ask, query, (uint16_t)fx_query(query, 7, 0, "www.example.net", 1, 1, 1232));

	flow = receive(53, frame, &payload, &len);
	assert_memory_equal(flow.own_mac, server_mac, 6);
	assert_memory_equal(flow.peer_mac, ask.peer_mac, 6);
	assert_true(addr_equal(&flow.own, &fx.auth.member[0]->endpoint.addr) && addr_equal(&flow.peer, &ask.peer));
	assert_in_range(flow.peer_port, BASE, BASE + COUNT - 1);
	assert_int_equal(flow.vlan, vlan);		/* no priority bits of the client's */

	back = (struct dp_flow){ .own = flow.own, .peer = flow.peer, .own_port = 53, .peer_port = flow.peer_port,
				 .vlan = vlan };
	memcpy(back.own_mac, server_mac, sizeof(server_mac));
	memcpy(back.peer_mac, ask.peer_mac, sizeof(back.peer_mac));
	payload[2] |= DNS_QR >> 8;
	send_to_node(&back, payload, len);

	flow = receive(4000, frame, &payload, &len);
	assert_memory_equal(flow.own_mac, client_mac, 6);
	assert_memory_equal(flow.peer_mac, ask.peer_mac, 6);
	assert_true(addr_equal(&flow.own, &ask.own) && addr_equal(&flow.peer, &ask.peer));
	assert_int_equal(flow.vlan, tci);
	assert_int_equal(wire_get16(payload), 7);
	assert_true(payload[2] & DNS_QR >> 8);
	close_node();
}

static void test_untagged(void **state)
{
	(void)state;
	exchange("10.0.0.99", "10.0.0.53", "10.1.0.1", 0, 0);
	exchange("2001:db8::99", "2001:db8::53", "2001:db8:1::1", 0, 0);
}

static void test_vlan(void **state)
{
	(void)state;
	exchange("10.0.0.99", "10.0.0.53", "10.1.0.1", VLAN, VLAN);
	exchange("10.0.0.99", "10.0.0.53", "10.1.0.1", VLAN, PRIORITY | VLAN);
	exchange("2001:db8::99", "2001:db8::53", "2001:db8:1::1", VLAN, PRIORITY | VLAN);
}

/* How many were timed, within a patience: they are counted after they were sent. */
static uint64_t timed(enum dp_latency_kind kind, uint64_t expected)
{
	uint64_t give_up_ns = clock_mono_ns() + (uint64_t)DEADLINE_MS * CLOCK_NS_PER_MS, sum;

	do {
		uint64_t counts[DP_LATENCY_COUNTERS] = { 0 };

		counters_sum(counts, fx.worker->latency.counters + kind * DP_LATENCY_COUNTERS, DP_LATENCY_COUNTERS);
		sum = 0;
		for (unsigned i = 0; i < DP_LATENCY_BUCKETS; i++)
			sum += counts[i];
	} while (sum < expected && clock_mono_ns() < give_up_ns);
	return sum;
}

/* One of 64, by the checksum: whoever can count them from outside knows what the filter and the worker must see. */
static void test_timed(void **state)
{
	struct dp_flow ask = { .own = fx_addr("10.0.0.99"), .peer = fx_addr("10.0.0.53"), .own_port = 4000,
			       .peer_port = 53 };
	uint8_t query[300], frame[FX_ROOM], *payload;
	uint16_t len, checksum;
	unsigned expected = 0, forwarded = 0;

	(void)state;
	open_node(0, "10.0.0.53", "10.1.0.1");
	memcpy(ask.own_mac, client_mac, sizeof(client_mac));
	dp_port_mac(&port, ask.peer_mac);
	for (uint16_t id = 0; id < 300; id++) {
		len = (uint16_t)fx_query(query, id, 0, "www.example.net", 1, 1, 1232);
		query[2] |= 0x18;	/* no opcode that we know: answered at once */
		expected += steer_is_stamped(send_to_node(&ask, query, len)) != 0;
		receive(4000, frame, &payload, &len);
	}
	assert_in_range(expected, 1, 30);
	assert_int_equal(timed(DP_LATENCY_AT_ONCE, expected), expected);

	for (uint16_t id = 0; !forwarded; id++) {
		char name[32];

		snprintf(name, sizeof(name), "w%u.example.net", id);	/* none joins another */
		len = (uint16_t)fx_query(query, id, 0, name, 1, 1, 1232);
		checksum = send_to_node(&ask, query, len);
		receive(53, frame, &payload, &len);
		if (steer_is_stamped(checksum)) {
			struct dp_flow flow, back;

			assert_int_equal(dp_packet_parse(frame, FX_ROOM, true, &flow, &payload, &len), DP_PARSE_OK);
			back = (struct dp_flow){ .own = flow.own, .peer = flow.peer, .own_port = 53,
						 .peer_port = flow.peer_port };
			memcpy(back.own_mac, server_mac, sizeof(server_mac));
			memcpy(back.peer_mac, ask.peer_mac, sizeof(back.peer_mac));
			payload[2] |= DNS_QR >> 8;
			send_to_node(&back, payload, len);
			receive(4000, frame, &payload, &len);
			forwarded++;
		}
	}
	assert_int_equal(timed(DP_LATENCY_BY_SERVER, forwarded), forwarded);
	assert_int_equal(timed(DP_LATENCY_AT_ONCE, expected), expected);
	close_node();
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("D001 a query and its answer through the worker, of both families", test_untagged),
		CASE("D005 behind a tag: servers get the port's VLAN, clients their own tag back", test_vlan),
		CASE("one query in 64 is timed from the filter to the send call, by who answers", test_timed),
	};

	if (!netns_open(&ns) || !netns_veth(&ns, "e0", "p0", 1) ||
	    !run("ethtool -K e0 rxvlan off txvlan off >/dev/null") || (wire_fd = open_wire()) < 0) {
		printf("1..0 # SKIP needs root, network namespaces and veth\n");
		return 0;
	}
	return RUN(cases);
}
