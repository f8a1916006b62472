/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_sockio.c - listen sockets and datagrams, on loopback.
 */
#include "dataplane/sockio.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/tap.h"

static struct endpoint endpoint_of(const char *text, uint16_t port)
{
	struct endpoint endpoint = { .port = port };

	assert_int_equal(addr_parse(text, &endpoint.addr), 0);
	return endpoint;
}

static int open_client(const struct endpoint *from, const struct endpoint *to)
{
	struct sockaddr_storage name;
	socklen_t len = endpoint_to_sockaddr(from, &name);
	int fd = socket(name.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, len), 0);
	len = endpoint_to_sockaddr(to, &name);
	assert_int_equal(connect(fd, (struct sockaddr *)&name, len), 0);
	return fd;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_storage name;
	socklen_t len = sizeof(name);
	struct endpoint endpoint;

	assert_int_equal(getsockname(fd, (struct sockaddr *)&name, &len), 0);
	assert_int_equal(endpoint_from_sockaddr((struct sockaddr *)&name, &endpoint), 0);
	return endpoint.port;
}

/* Opens a listener on a port that was free a moment ago; another process may be quicker, so it
 * tries again. */
static struct dp_listener *open_group(const char *address, unsigned udp_fds)
{
	struct dp_listener *listener = NULL;
	char error[128];

	for (unsigned i = 0; i < 20 && !listener; i++) {
		struct endpoint endpoint = endpoint_of(address, 0);
		struct sockaddr_storage name;
		socklen_t len = endpoint_to_sockaddr(&endpoint, &name);
		int fd = socket(name.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

		assert_int_equal(bind(fd, (struct sockaddr *)&name, len), 0);
		endpoint.port = port_of(fd);
		close(fd);
		if (dp_listener_open(&listener, &endpoint, udp_fds, error, sizeof(error)))
			listener = NULL;
	}
	assert_non_null(listener);
	return listener;
}

static struct dp_listener *open_listener(const char *address)
{
	return open_group(address, 1);
}

static int receive_soon(struct dp_listener *listener, struct dp_datagram *datagrams, unsigned max)
{
	struct pollfd ready = { listener->udp_fd[0], POLLIN, 0 };

	assert_int_equal(poll(&ready, 1, 2000), 1);
	return dp_sockio_receive(listener->udp_fd[0], listener->endpoint.port, datagrams, max);
}

static void test_flags(void **state)
{
	struct dp_listener *listener = open_listener("127.0.0.1");
	int fds[] = { listener->udp_fd[0], listener->tcp_fd };
	int value;
	socklen_t len = sizeof(value);

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		assert_true(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
		assert_int_equal(port_of(fds[i]), listener->endpoint.port);
	}
	assert_int_equal(getsockopt(listener->tcp_fd, SOL_SOCKET, SO_ACCEPTCONN, &value, &len), 0);
	assert_int_equal(value, 1);
	dp_listener_unref(listener);
}

static void test_references(void **state)
{
	struct dp_listener *listener = open_listener("127.0.0.1");
	int udp_fd = listener->udp_fd[0], tcp_fd = listener->tcp_fd;

	(void)state;
	assert_ptr_equal(dp_listener_ref(listener), listener);
	dp_listener_unref(listener);
	assert_true(fcntl(udp_fd, F_GETFD) >= 0);
	dp_listener_unref(listener);
	assert_int_equal(fcntl(udp_fd, F_GETFD), -1);
	assert_int_equal(fcntl(tcp_fd, F_GETFD), -1);
	dp_listener_unref(NULL);
}

static void test_foreign_address(void **state)
{
	static const char *const addresses[] = { "192.0.2.53", "2001:db8::53" };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		struct endpoint endpoint = endpoint_of(addresses[i], 5301);
		struct dp_listener *listener;
		char error[128];

		assert_int_equal(dp_listener_open(&listener, &endpoint, 1, error, sizeof(error)), 0);
		dp_listener_unref(listener);
	}
}

static void test_in_use(void **state)
{
	struct dp_listener *listener = open_listener("127.0.0.1"), *second;
	char error[128], expected[128];

	(void)state;
	assert_int_equal(dp_listener_open(&second, &listener->endpoint, 1, error, sizeof(error)),
			 -EADDRINUSE);
	snprintf(expected, sizeof(expected), "bind 127.0.0.1:%u UDP: Address already in use",
		 listener->endpoint.port);
	assert_string_equal(error, expected);
	/* the same with TCP alone taken: the UDP socket opened before it is closed again */
	close(listener->udp_fd[0]);
	assert_int_equal(dp_listener_open(&second, &listener->endpoint, 1, error, sizeof(error)),
			 -EADDRINUSE);
	assert_non_null(strstr(error, "TCP"));
	listener->udp_fd[0] = open_client(&listener->endpoint, &listener->endpoint);
	dp_listener_unref(listener);
}

/* Each client's port is one socket's, every socket has some, and each answers from the address that was asked. */
static void check_group(const char *address)
{
	enum { FDS = 4, CLIENTS = 200 };
	struct dp_listener *listener = open_group(address, FDS);
	struct endpoint from = { listener->endpoint.addr, 0 };
	unsigned answered[FDS] = { 0 }, n = 0;

	assert_int_equal(listener->udp_fds, FDS);
	for (unsigned i = 0; i < CLIENTS; i++) {
		int fd = open_client(&from, &listener->endpoint);
		uint8_t data[64];
		struct dp_datagram datagram = { .data = data, .room = sizeof(data) };
		bool taken = false;

		assert_int_equal(send(fd, "query", 5, 0), 5);
		for (unsigned k = 0; k < FDS; k++) {
			if (dp_sockio_receive(listener->udp_fd[k], listener->endpoint.port, &datagram, 1) != 1)
				continue;
			assert_false(taken);
			taken = true;
			assert_true(addr_equal(&datagram.flow.own, &listener->endpoint.addr));
			assert_int_equal(dp_sockio_send(listener->udp_fd[k], &datagram, 1), 1);
			answered[k]++;
		}
		assert_true(taken);
		assert_int_equal(recv(fd, data, sizeof(data), MSG_DONTWAIT), 5);
		close(fd);
	}
	for (unsigned k = 0; k < FDS; k++) {
		assert_in_range(answered[k], CLIENTS / FDS / 4, CLIENTS);
		n += answered[k];
	}
	assert_int_equal(n, CLIENTS);
	dp_listener_unref(listener);
}

static void test_group(void **state)
{
	(void)state;
	check_group("127.0.0.1");
	check_group("::1");
}

/* A second process, even of the same user and with SO_REUSEPORT, does not get its share in silence. */
static void test_group_in_use(void **state)
{
	struct dp_listener *listener = open_group("127.0.0.1", 3), *second;
	struct endpoint endpoint = listener->endpoint;
	int fds[3], tcp_fd = listener->tcp_fd;
	char error[128];

	(void)state;
	for (unsigned n = 1; n <= 3; n++) {
		assert_int_equal(dp_listener_open(&second, &endpoint, n, error, sizeof(error)), -EADDRINUSE);
		assert_non_null(strstr(error, "UDP"));
	}
	memcpy(fds, listener->udp_fd, sizeof(fds));
	dp_listener_unref(listener);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(fcntl(fds[i], F_GETFD), -1);
	assert_int_equal(fcntl(tcp_fd, F_GETFD), -1);
	/* and a lone socket is no group that others could join */
	assert_int_equal(dp_listener_open(&listener, &endpoint, 1, error, sizeof(error)), 0);
	assert_int_equal(dp_listener_open(&second, &endpoint, 3, error, sizeof(error)), -EADDRINUSE);
	dp_listener_unref(listener);
}

/* A socket on the unspecified address sees which address was asked, and answers from that one. */
static void check_addresses(const char *any, const char *asked, const char *client)
{
	struct dp_listener *listener = open_listener(any);
	struct endpoint to = endpoint_of(asked, listener->endpoint.port);
	struct endpoint from = endpoint_of(client, 0);
	int fd = open_client(&from, &to);
	uint8_t data[512];
	struct dp_datagram datagram = { .data = data, .room = sizeof(data) };

	assert_int_equal(send(fd, "query", 5, 0), 5);
	assert_int_equal(receive_soon(listener, &datagram, 1), 1);
	assert_int_equal(datagram.len, 5);
	assert_memory_equal(data, "query", 5);
	assert_true(addr_equal(&datagram.flow.own, &to.addr));
	assert_true(addr_equal(&datagram.flow.peer, &from.addr));
	assert_int_equal(datagram.flow.own_port, listener->endpoint.port);
	assert_int_equal(datagram.flow.peer_port, port_of(fd));
	memcpy(data, "answer", 6);
	datagram.len = 6;
	assert_int_equal(dp_sockio_send(listener->udp_fd[0], &datagram, 1), 1);
	/* connected, so it takes only what comes from the address that was asked */
	assert_int_equal(recv(fd, data, sizeof(data), 0), 6);
	assert_memory_equal(data, "answer", 6);
	close(fd);
	dp_listener_unref(listener);
}

static void test_addresses(void **state)
{
	(void)state;
	check_addresses("0.0.0.0", "127.0.0.5", "127.0.0.9");
	check_addresses("::", "::1", "::1");
	check_addresses("127.0.0.7", "127.0.0.7", "127.0.0.1");
}

static void test_batches(void **state)
{
	enum { SENT = DP_SOCKIO_BATCH + 8 };
	static uint8_t data[SENT][64];
	struct dp_datagram datagrams[SENT];
	struct dp_listener *listener = open_listener("127.0.0.1");
	struct endpoint from = endpoint_of("127.0.0.1", 0);
	int fd = open_client(&from, &listener->endpoint);
	uint8_t answer;

	(void)state;
	for (unsigned i = 0; i < SENT; i++) {
		uint8_t octet = (uint8_t)i;

		datagrams[i] = (struct dp_datagram){ .data = data[i], .room = sizeof(data[i]) };
		assert_int_equal(send(fd, &octet, 1, 0), 1);
	}
	assert_int_equal(receive_soon(listener, datagrams, SENT), DP_SOCKIO_BATCH);
	assert_int_equal(receive_soon(listener, datagrams + DP_SOCKIO_BATCH, 8), 8);
	assert_int_equal(dp_sockio_receive(listener->udp_fd[0], 1, datagrams, SENT), -EAGAIN);
	for (unsigned i = 0; i < SENT; i++)
		assert_int_equal(data[i][0], i);
	assert_int_equal(dp_sockio_send(listener->udp_fd[0], datagrams, SENT), DP_SOCKIO_BATCH);
	assert_int_equal(dp_sockio_send(listener->udp_fd[0], datagrams + DP_SOCKIO_BATCH, 8), 8);
	for (unsigned i = 0; i < SENT; i++) {
		assert_int_equal(recv(fd, &answer, 1, 0), 1);
		assert_int_equal(answer, i);
	}
	close(fd);
	dp_listener_unref(listener);
}

static void test_longer_than_room(void **state)
{
	struct dp_listener *listener = open_listener("127.0.0.1");
	struct endpoint from = endpoint_of("127.0.0.1", 0);
	int fd = open_client(&from, &listener->endpoint);
	uint8_t data[20] = { 0 }, sent[100] = { 0 };
	struct dp_datagram datagram = { .data = data, .room = 16 };

	(void)state;
	memset(sent, 'x', sizeof(sent));
	assert_int_equal(send(fd, sent, sizeof(sent), 0), sizeof(sent));
	assert_int_equal(receive_soon(listener, &datagram, 1), 1);
	assert_int_equal(datagram.len, 16);
	assert_int_equal(data[15], 'x');
	assert_int_equal(data[16], 0);
	close(fd);
	dp_listener_unref(listener);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("listen sockets are close-on-exec, non-blocking and listening", test_flags),
		CASE("a listener closes with its last reference", test_references),
		CASE("a listener opens on an address the host does not have", test_foreign_address),
		CASE("an address in use is refused, named with its protocol", test_in_use),
		CASE("an answer leaves from the address that was asked", test_addresses),
		CASE("several sockets share an address, a client's port keeps to one", test_group),
		CASE("and nobody else gets in, nor are any left behind", test_group_in_use),
		CASE("datagrams move in batches, in order", test_batches),
		CASE("a datagram longer than its room is cut, not overrun", test_longer_than_room),
	};
	return RUN(cases);
}
