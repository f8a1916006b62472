/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_stream.c - the stream worker alone, with UDP and TCP: the node of streamnode.h.
 */
#include "tests/dataplane/streamnode.h"

#include <fcntl.h>
#include <netinet/udp.h>
#include <sys/resource.h>

/* ---- both ways ---- */

static void test_served(void **state)
{
	(void)state;
	check_served(listener_v4, SOCK_DGRAM);
	check_served(listener_v4, SOCK_STREAM);
	check_served(listener_v6, SOCK_DGRAM);
	check_served(listener_v6, SOCK_STREAM);
}

static void test_many_datagrams(void **state)
{
	enum { QUERIES = 200 };
	int fd = connect_to(listener_v4, SOCK_DGRAM);
	bool seen[QUERIES] = { false };
	bool port_seen[65536] = { false };
	unsigned ports = 0;
	uint16_t port;

	(void)state;
	for (unsigned i = 0; i < QUERIES; i++) {
		uint8_t answer[1500];

		udp_ask(fd, (uint16_t)i, "www.example");
		assert_true(recv(fd, answer, sizeof(answer), 0) > DNS_HEADER_LEN);
		assert_true(id_of(answer) < QUERIES);
		assert_false(seen[id_of(answer)]);
		seen[id_of(answer)] = true;
		port = atomic_load(&responder.last_port);
		ports += !port_seen[port];
		port_seen[port] = true;
	}
	/* 64 ports; 200 throws leave more than 40 of them unused never in practice */
	assert_in_range(ports, 40, DP_UPSTREAM_PORTS);
	close(fd);
}

static void test_port_zero(void **state)
{
	uint64_t before = counter(DP_COUNT_DROP_SOURCE);
	uint8_t packet[8 + 600], query[600];
	size_t len = make_query(query, 1, "www.example") - 2;
	struct udphdr udp = {
		.source = 0,
		.dest = htons(listener_v4->endpoint.port),
		.len = htons((uint16_t)(8 + len)),
	};
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int fd = socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_UDP);

	(void)state;
	if (fd < 0)
		skip();
	memcpy(packet, &udp, 8);
	memcpy(packet + 8, query + 2, len);
	assert_int_equal(sendto(fd, packet, 8 + len, 0, (struct sockaddr *)&to, sizeof(to)), 8 + len);
	wait_counter(DP_COUNT_DROP_SOURCE, before, 1);
	close(fd);
}

static void test_truncated(void **state)
{
	static const unsigned sizes[] = { 600, 1300, 30000, 65000 };
	uint8_t answer[65536];
	int udp = connect_to(listener_v4, SOCK_DGRAM), tcp = connect_to(listener_v4, SOCK_STREAM);
	unsigned accepted = responder.accepted;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		char name[64];

		snprintf(name, sizeof(name), "tc.%u.example", sizes[i]);
		udp_ask(udp, 1, name);
		assert_true(recv(udp, answer, sizeof(answer), 0) > DNS_HEADER_LEN);
		assert_true(flags_of(answer) & DNS_TC);
		tcp_ask(tcp, 2, name);
		assert_int_equal(tcp_read(tcp, answer), sizes[i] + DNS_OPT_LEN);
		assert_int_equal(id_of(answer), 2);
		assert_false(flags_of(answer) & DNS_TC);
		assert_int_equal(count_of(answer, 6), 1);
	}
	assert_int_equal(responder.accepted, accepted + 1);	/* one connection to the server for all */
	close(udp);
	close(tcp);
}

static void test_pipelined_to_server(void **state)
{
	enum { QUERIES = 60 };
	int fd = connect_to(listener_v4, SOCK_STREAM);
	bool seen[QUERIES] = { false };
	uint8_t answer[65536];

	(void)state;
	for (uint16_t i = 0; i < QUERIES; i++) {
		char name[64];

		snprintf(name, sizeof(name), "tc.%u.example", 200 + i);
		tcp_ask(fd, i, name);
	}
	for (unsigned i = 0; i < QUERIES; i++) {
		int len = tcp_read(fd, answer);

		assert_true(id_of(answer) < QUERIES);
		assert_false(seen[id_of(answer)]);
		seen[id_of(answer)] = true;
		assert_int_equal(len, 200 + id_of(answer) + DNS_OPT_LEN);
	}
	close(fd);
}

/* ---- client TCP ---- */

static void test_out_of_order(void **state)
{
	enum { QUERIES = 12 };		/* every third is slow */
	int fd = connect_to(listener_v4, SOCK_STREAM);
	uint8_t queries[QUERIES * 100], answer[65536];
	bool seen[QUERIES] = { false };
	size_t len = 0;

	(void)state;
	for (uint16_t i = 0; i < QUERIES; i++)
		len += make_query(queries + len, i, i % 3 == 0 ? "slow.example" : "www.example");
	assert_int_equal(send(fd, queries, len, 0), len);
	for (unsigned i = 0; i < QUERIES; i++) {
		assert_true(tcp_read(fd, answer) > DNS_HEADER_LEN);
		assert_true(id_of(answer) < QUERIES);
		assert_false(seen[id_of(answer)]);
		seen[id_of(answer)] = true;
		/* the quick ones first */
		assert_int_equal(id_of(answer) % 3 == 0, i >= QUERIES - QUERIES / 3);
	}
	close(fd);
}

/* More than may be pending on one connection, in one go, and the client's FIN behind them. */
static void test_many_pipelined(void **state)
{
	enum { QUERIES = 500 };
	int fd = connect_to(listener_v4, SOCK_STREAM);
	static uint8_t queries[QUERIES * 100];
	bool seen[QUERIES] = { false };
	uint8_t answer[65536];
	size_t len = 0;

	(void)state;
	for (uint16_t i = 0; i < QUERIES; i++)
		len += make_query(queries + len, i, "www.example");
	assert_int_equal(send(fd, queries, len, 0), len);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	for (unsigned i = 0; i < QUERIES; i++) {
		assert_true(tcp_read(fd, answer) > DNS_HEADER_LEN);
		assert_true(id_of(answer) < QUERIES);
		assert_false(seen[id_of(answer)]);
		seen[id_of(answer)] = true;
	}
	assert_int_equal(tcp_read(fd, answer), -1);
	close(fd);
}

static void test_octet_by_octet(void **state)
{
	int fd = connect_to(listener_v4, SOCK_STREAM);
	uint8_t query[600], answer[65536];
	size_t len = make_query(query, 7, "www.example");

	(void)state;
	for (size_t i = 0; i < len; i++) {
		assert_int_equal(send(fd, query + i, 1, 0), 1);
		if (i % 8 == 0)
			check_served(listener_v4, SOCK_DGRAM);	/* nobody waits for the slow one */
	}
	assert_true(tcp_read(fd, answer) > DNS_HEADER_LEN);
	assert_int_equal(id_of(answer), 7);
	close(fd);
}

static void test_too_short(void **state)
{
	static const uint8_t shorts[][16] = { { 0, 0 }, { 0, 1, 'x' }, { 0, 11, 0, 1, 1, 0, 0, 1 } };
	static const size_t lens[] = { 2, 3, 13 };
	uint8_t answer[65536];

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		uint64_t closed = counter(DP_COUNT_TCP_CLOSED_BAD), dropped = counter(DP_COUNT_DROP_SHORT);
		int fd = connect_to(listener_v4, SOCK_STREAM);

		tcp_ask(fd, 9, "slow.example");		/* what came before it is still answered */
		assert_int_equal(send(fd, shorts[i], lens[i], 0), lens[i]);
		tcp_ask(fd, 10, "www.example");		/* what comes behind is not */
		assert_true(tcp_read(fd, answer) > DNS_HEADER_LEN);
		assert_int_equal(id_of(answer), 9);
		assert_int_equal(tcp_read(fd, answer), -1);
		wait_counter(DP_COUNT_TCP_CLOSED_BAD, closed, 1);
		wait_counter(DP_COUNT_DROP_SHORT, dropped, 1);
		close(fd);
	}
}

static void test_longest(void **state)
{
	static uint8_t longest[2 + 65535];
	int fd = connect_to(listener_v4, SOCK_STREAM);
	uint8_t answer[65536];

	(void)state;
	make_query(longest, 11, "www.example");
	longest[0] = longest[1] = 0xff;
	for (size_t at = 0; at < sizeof(longest);) {
		size_t step = sizeof(longest) - at > 9000 ? 9000 : sizeof(longest) - at;

		assert_int_equal(send(fd, longest + at, step, 0), step);
		at += step;
		check_served(listener_v4, SOCK_STREAM);
	}
	assert_true(tcp_read(fd, answer) >= DNS_HEADER_LEN);
	assert_int_equal(id_of(answer), 11);
	assert_int_equal(answer[3] & RCODE_MASK, DNS_RCODE_FORMERR);
	tcp_ask(fd, 12, "www.example");			/* framing has not been lost */
	assert_true(tcp_read(fd, answer) > DNS_HEADER_LEN);
	assert_int_equal(id_of(answer), 12);
	close(fd);
}

static unsigned elapsed_ms(uint64_t since_ns)
{
	return (unsigned)((clock_mono_ns() - since_ns) / CLOCK_NS_PER_MS);
}

static void test_idle(void **state)
{
	uint64_t before = counter(DP_COUNT_TCP_CLOSED_IDLE), start_ns = clock_mono_ns();
	int idle = connect_to(listener_v4, SOCK_STREAM), half = connect_to(listener_v4, SOCK_STREAM);
	uint8_t query[600], answer[65536];
	size_t len = make_query(query, 1, "www.example");

	(void)state;
	/* half a message, an octet now and then, is no activity */
	for (unsigned i = 0; i < 6; i++) {
		send(half, query + i, 1, MSG_NOSIGNAL);
		usleep(IDLE_MS * 1000 / 4);
	}
	assert_int_equal(tcp_read(idle, answer), -1);
	assert_int_equal(tcp_read(half, answer), -1);
	assert_in_range(elapsed_ms(start_ns), IDLE_MS, IDLE_MS * 2 + 500);
	wait_counter(DP_COUNT_TCP_CLOSED_IDLE, before, 2);
	close(idle);
	close(half);
	/* a query now and then is */
	idle = connect_to(listener_v4, SOCK_STREAM);
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(send(idle, query, len, 0), len);
		assert_true(tcp_read(idle, answer) > DNS_HEADER_LEN);
		usleep(IDLE_MS * 1000 / 2);
	}
	close(idle);
}

/* A query that takes longer than the idle timeout is waited for. */
static void test_pending_is_not_idle(void **state)
{
	int fd = connect_to(listener_v4, SOCK_STREAM);
	uint8_t answer[65536];

	(void)state;
	tcp_ask(fd, 5, "silent.example");
	assert_true(tcp_read(fd, answer) >= DNS_HEADER_LEN);
	assert_int_equal(answer[3] & RCODE_MASK, DNS_RCODE_SERVFAIL);
	assert_int_equal(tcp_read(fd, answer), -1);		/* and then it is idle */
	close(fd);
}

static void test_half_close(void **state)
{
	int fd = connect_to(listener_v4, SOCK_STREAM);
	uint8_t answer[65536];

	(void)state;
	tcp_ask(fd, 1, "slow.example");
	tcp_ask(fd, 2, "www.example");
	tcp_ask(fd, 3, "tc.30000.example");
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	for (unsigned i = 0; i < 3; i++)
		assert_true(tcp_read(fd, answer) > DNS_HEADER_LEN);
	assert_int_equal(id_of(answer), 1);
	assert_int_equal(tcp_read(fd, answer), -1);
	close(fd);
	wait_connections(0);
}

static void test_client_gone(void **state)
{
	uint64_t before = counter(DP_COUNT_CLIENT_GONE), queries = counter(DP_COUNT_QUERIES_TCP);
	int fd = connect_to(listener_v4, SOCK_STREAM);
	struct linger reset = { 1, 0 };

	(void)state;
	tcp_ask(fd, 1, "slow.example");
	wait_counter(DP_COUNT_QUERIES_TCP, queries, 1);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
	wait_connections(0);
	check_served(listener_v4, SOCK_STREAM);		/* takes the slot; must not get the answer */
	wait_counter(DP_COUNT_CLIENT_GONE, before, 1);
}

static void test_full(void **state)
{
	uint64_t before = counter(DP_COUNT_TCP_CLOSED_FULL);
	int fd[CONNECTIONS + 1];
	uint8_t answer[65536];

	(void)state;
	wait_connections(0);
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		fd[i] = connect_to(listener_v4, SOCK_STREAM);
		wait_connections(i + 1);
	}
	tcp_ask(fd[0], 1, "slow.example");		/* the oldest is busy, so it stays */
	tcp_ask(fd[1], 1, "www.example");
	assert_true(tcp_read(fd[1], answer) > DNS_HEADER_LEN);
	fd[CONNECTIONS] = connect_to(listener_v4, SOCK_STREAM);
	assert_int_equal(tcp_read(fd[2], answer), -1);
	wait_counter(DP_COUNT_TCP_CLOSED_FULL, before, 1);
	for (unsigned i = 0; i <= CONNECTIONS; i++) {
		if (i == 2)
			continue;
		if (i > 0)
			tcp_ask(fd[i], 2, "www.example");
		assert_true(tcp_read(fd[i], answer) > DNS_HEADER_LEN);
	}
	for (unsigned i = 0; i <= CONNECTIONS; i++)
		close(fd[i]);
	wait_connections(0);
}

static void test_slow_reader(void **state)
{
	uint64_t before = counter(DP_COUNT_TCP_CLOSED_SLOW);
	int fd = connect_to(listener_v4, SOCK_STREAM), octets = 2048;
	uint8_t query[600];
	size_t len = make_query(query, 1, "tc.60000.example");

	(void)state;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof(octets));
	for (unsigned i = 0; i < 1000 && counter(DP_COUNT_TCP_CLOSED_SLOW) == before; i++) {
		if (send(fd, query, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 && errno != EAGAIN)
			break;
		usleep(1000);
	}
	wait_counter(DP_COUNT_TCP_CLOSED_SLOW, before, 1);
	check_served(listener_v4, SOCK_STREAM);
	close(fd);
}

/* Without descriptors connections wait, nothing spins, UDP goes on; later they are served. */
static void test_no_descriptors(void **state)
{
	uint64_t batches;
	struct rlimit usual, low;
	int udp, tcp, next;
	uint8_t answer[65536];

	(void)state;
	wait_connections(0);
	udp = connect_to(listener_v4, SOCK_DGRAM);
	tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	next = dup(tcp);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
	low = usual;
	low.rlim_cur = (rlim_t)next;			/* the lowest that is free once next is closed */
	close(next);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	assert_int_equal(connect(tcp, (struct sockaddr *)&(struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(listener_v4->endpoint.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	}, sizeof(struct sockaddr_in)), 0);
	tcp_ask(tcp, 1, "www.example");
	batches = counter(DP_COUNT_BATCHES);
	usleep(300 * 1000);
	assert_true(counter(DP_COUNT_BATCHES) - batches < 50);
	udp_ask(udp, 2, "www.example");
	assert_true(recv(udp, answer, sizeof(answer), 0) > DNS_HEADER_LEN);
	assert_int_equal(dp_stream_connections(worker), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
	assert_true(tcp_read(tcp, answer) > DNS_HEADER_LEN);
	close(udp);
	close(tcp);
}

/* ---- servers that fail ---- */

static void test_server_closes(void **state)
{
	int fd = connect_to(listener_v4, SOCK_STREAM);
	uint8_t answer[65536];
	uint64_t start_ns = clock_mono_ns();

	(void)state;
	tcp_ask(fd, 1, "close.example");
	assert_true(tcp_read(fd, answer) >= DNS_HEADER_LEN);
	assert_int_equal(id_of(answer), 1);
	assert_int_equal(answer[3] & RCODE_MASK, DNS_RCODE_SERVFAIL);
	assert_true(elapsed_ms(start_ns) < TIMEOUT_MS / 2);
	tcp_ask(fd, 2, "tc.5000.example");		/* on a new connection to the server */
	assert_int_equal(tcp_read(fd, answer), 5000 + DNS_OPT_LEN);
	close(fd);
}

static void test_port_unreachable(void **state)
{
	int fd = connect_to(listener_v4, SOCK_DGRAM);
	uint8_t answer[1500];

	(void)state;
	for (uint16_t i = 0; i < 100; i++) {
		uint64_t start_ns = clock_mono_ns();

		udp_ask(fd, i, i % 2 ? "www.example" : "www.dead");
		assert_true(recv(fd, answer, sizeof(answer), 0) >= DNS_HEADER_LEN);
		assert_int_equal(id_of(answer), i);
		assert_int_equal(answer[3] & RCODE_MASK, i % 2 ? DNS_RCODE_NOERROR : DNS_RCODE_SERVFAIL);
		assert_true(elapsed_ms(start_ns) < TIMEOUT_MS / 2);
	}
	close(fd);
}

static void test_timeout(void **state)
{
	int fd = connect_to(listener_v6, SOCK_DGRAM);
	uint64_t start_ns = clock_mono_ns();
	uint8_t answer[1500];

	(void)state;
	udp_ask(fd, 3, "silent.example");
	assert_true(recv(fd, answer, sizeof(answer), 0) >= DNS_HEADER_LEN);
	assert_int_equal(answer[3] & RCODE_MASK, DNS_RCODE_SERVFAIL);
	assert_in_range(elapsed_ms(start_ns), TIMEOUT_MS, TIMEOUT_MS + 300);
	close(fd);
}

/* ---- life ---- */

static void test_canary(void **state)
{
	(void)state;
	atomic_store(&worker->self.canary_asked, 77);
	dp_worker_wake(worker);
	for (unsigned i = 0; i < DEADLINE_MS && atomic_load(&worker->self.canary_answered) != 77; i++)
		usleep(1000);
	assert_int_equal(atomic_load(&worker->self.canary_answered), 77);
}

static void test_reload(void **state)
{
	struct dp_listener *added = open_listener("127.0.0.4");
	struct dp_conf *conf = new_conf(2);
	int kept = connect_to(listener_v4, SOCK_STREAM), gone = connect_to(listener_v6, SOCK_STREAM);
	int udp = connect_to(listener_v4, SOCK_DGRAM);
	uint8_t answer[65536];

	(void)state;
	tcp_ask(kept, 1, "slow.example");
	tcp_ask(gone, 2, "slow.example");
	udp_ask(udp, 3, "slow.example");
	wait_connections(2);
	usleep(50 * 1000);
	/* the IPv6 listener leaves, another one comes, IPv4 changes its position */
	add_listener(conf, added);
	add_listener(conf, listener_v4);
	publish(conf);
	check_served(added, SOCK_DGRAM);
	check_served(added, SOCK_STREAM);
	check_served(listener_v4, SOCK_DGRAM);
	assert_true(tcp_read(kept, answer) > DNS_HEADER_LEN);
	assert_int_equal(id_of(answer), 1);
	assert_true(recv(udp, answer, sizeof(answer), 0) > DNS_HEADER_LEN);
	assert_int_equal(id_of(answer), 3);
	tcp_ask(kept, 4, "www.example");
	assert_true(tcp_read(kept, answer) > DNS_HEADER_LEN);
	/* answers still to come are delivered, then the connection to the old address closes */
	assert_true(tcp_read(gone, answer) > DNS_HEADER_LEN);
	assert_int_equal(id_of(answer), 2);
	assert_int_equal(tcp_read(gone, answer), -1);
	publish_usual(3);
	check_served(listener_v6, SOCK_DGRAM);
	close(kept);
	close(gone);
	close(udp);
	dp_listener_unref(added);
}

static void test_outcomes(void **state)
{
	(void)state;
	check_outcomes();
	assert_true(atomic_load(&worker->running));
}

static int start(void **state)
{
	(void)state;
	start_node(0);
	return 0;
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("D065 UDP and TCP are served on every address, IPv4 and IPv6", test_served),
		CASE("D083 queries leave from many source ports, every answer arrives once", test_many_datagrams),
		CASE("D022 source port 0: dropped, counted", test_port_zero),
		CASE("D062 D064 truncated over UDP, whole over TCP, one server connection", test_truncated),
		CASE("queries share a connection to the server, ids match", test_pipelined_to_server),
		CASE("D066 answers come out of order on one connection", test_out_of_order),
		CASE("D066 more queries than may be pending are all answered", test_many_pipelined),
		CASE("D067 one octet at a time, nobody else waits", test_octet_by_octet),
		CASE("D067 length under 12: counted, closed, earlier queries answered", test_too_short),
		CASE("D067 length 65535: FORMERR, framing kept, nobody else waits", test_longest),
		CASE("D068 idle connections close, half a message is no activity", test_idle),
		CASE("D068 a connection with a query pending is not idle", test_pending_is_not_idle),
		CASE("D070 after a half-close pending answers are delivered", test_half_close),
		CASE("an answer for a connection that has gone goes nowhere", test_client_gone),
		CASE("D069 when full, the oldest idle connection goes first", test_full),
		CASE("D069 a client that does not read is cut off", test_slow_reader),
		CASE("without descriptors connections wait and nothing spins", test_no_descriptors),
		CASE("D071 the server closes with a query in flight: SERVFAIL at once", test_server_closes),
		CASE("D091 port unreachable: SERVFAIL at once, sockets live on", test_port_unreachable),
		CASE("a server that is silent: SERVFAIL at the deadline", test_timeout),
		CASE("the canary is answered", test_canary),
		CASE("listeners come, go and move at a reload; connections stay", test_reload),
		CASE("D250 every query ended in one outcome", test_outcomes),
	};
	return cmocka_run_group_tests(cases, start, stop_node);
}
