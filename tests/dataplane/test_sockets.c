/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_sockets.c - socket workers that share the UDP queries, the stream worker with TCP beside them: the node of
 * streamnode.h. The boot clock is the test's: it can let a lease end between a turn's beginning and its sending.
 */
#define clock_boot_ns clock_real_boot_ns
#define clock_mono_ns clock_real_mono_ns
#include "base/clock.c"		/* instead of the library's */
#undef clock_boot_ns
#undef clock_mono_ns
uint64_t clock_boot_ns(void);
uint64_t clock_mono_ns(void);

#include "tests/dataplane/streamnode.h"

enum { WORKERS = 3, LEASE = 5 };

/* ---- the clock ---- */

static _Atomic bool leases_end;		/* for whoever looks a second time in one turn */
static _Thread_local unsigned boot_reads;	/* since the thread last woke up, which it notes the time of */

uint64_t clock_mono_ns(void)
{
	boot_reads = 0;
	return clock_real_mono_ns();
}

uint64_t clock_boot_ns(void)
{
	bool again = boot_reads++ > 0;

	return clock_real_boot_ns() + (again && atomic_load(&leases_end) ? 3600ull * CLOCK_NS_PER_S : 0);
}

/* ---- helpers ---- */

static uint64_t of_worker(unsigned index, enum dp_counter c)
{
	return counters_read(&shared.worker[index]->counters[c]);
}

/* Names of their own, so that none joins another. */
static void ask_own_name(int fd, unsigned i)
{
	char name[32];

	snprintf(name, sizeof(name), "w%u.example", i);
	udp_ask(fd, (uint16_t)i, name);
}

/* A query from each of n client ports, and its answer. */
static void ask_from_many(const struct dp_listener *listener, unsigned n)
{
	int fds[n];
	uint8_t answer[1500];

	for (unsigned i = 0; i < n; i++) {
		fds[i] = connect_to(listener, SOCK_DGRAM);
		ask_own_name(fds[i], i);
	}
	for (unsigned i = 0; i < n; i++) {
		/* connected, so it takes only what comes from the address and port that it asked */
		assert_true(recv(fds[i], answer, sizeof(answer), 0) > DNS_HEADER_LEN);
		assert_int_equal(id_of(answer), i);
		assert_int_equal(answer[3] & RCODE_MASK, DNS_RCODE_NOERROR);
		assert_int_equal(recv(fds[i], answer, sizeof(answer), MSG_DONTWAIT), -1);
		close(fds[i]);
	}
}

/* Sends n queries that get no answer, and waits until they are settled as outcome. */
static void ask_in_vain(const struct dp_listener *listener, unsigned n, enum dp_counter outcome)
{
	uint64_t before = counter(outcome), answered;
	int fds[n];
	uint8_t answer[1500];

	check_outcomes();
	answered = counter(DP_COUNT_FORWARDED_ANSWERED);
	for (unsigned i = 0; i < n; i++) {
		fds[i] = connect_to(listener, SOCK_DGRAM);
		ask_own_name(fds[i], i);
	}
	wait_counter(outcome, before, n);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(recv(fds[i], answer, sizeof(answer), MSG_DONTWAIT), -1);
		close(fds[i]);
	}
	assert_int_equal(counter(DP_COUNT_FORWARDED_ANSWERED), answered);
}

/* ---- cases ---- */

static void test_served(void **state)
{
	(void)state;
	check_served(listener_v4, SOCK_DGRAM);
	check_served(listener_v4, SOCK_STREAM);
	check_served(listener_v6, SOCK_DGRAM);
	check_served(listener_v6, SOCK_STREAM);
	assert_int_equal(counter(DP_COUNT_QUERIES), 4);
	assert_int_equal(of_worker(DP_STREAM, DP_COUNT_QUERIES_TCP), 2);
	assert_int_equal(of_worker(DP_STREAM, DP_COUNT_QUERIES), 2);
	wait_connections(0);
}

static void test_spread(void **state)
{
	enum { AT_ONCE = 50, CLIENTS = 6 * AT_ONCE };	/* what the responder's socket has room for */
	uint64_t stream = of_worker(DP_STREAM, DP_COUNT_QUERIES);

	(void)state;
	for (unsigned family = 0; family < 2; family++) {
		uint64_t before[WORKERS];

		for (unsigned i = 0; i < WORKERS; i++)
			before[i] = of_worker(i, DP_COUNT_FORWARDED_ANSWERED);
		for (unsigned i = 0; i < CLIENTS; i += AT_ONCE)
			ask_from_many(family ? listener_v6 : listener_v4, AT_ONCE);
		for (unsigned i = 0; i < WORKERS; i++)
			assert_in_range(of_worker(i, DP_COUNT_FORWARDED_ANSWERED) - before[i], CLIENTS / WORKERS / 4,
					CLIENTS);
	}
	assert_int_equal(of_worker(DP_STREAM, DP_COUNT_QUERIES), stream);
}

static void test_canaries(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WORKERS; i++) {
		struct dp_worker *w = shared.worker[i];

		atomic_store(&w->self.canary_asked, 77 + i);
		dp_worker_wake(w);
		for (unsigned ms = 0; ms < DEADLINE_MS && atomic_load(&w->self.canary_answered) != 77 + i; ms++)
			usleep(1000);
		assert_int_equal(atomic_load(&w->self.canary_answered), 77 + i);
	}
}

/* Every socket of the listener is made unable to send: an unconnected one says ENOTCONN, and is shut all the same. */
static void test_refused_by_the_kernel(void **state)
{
	struct dp_listener *mute = open_listener("127.0.0.6");
	struct dp_conf *conf = new_conf(2);
	uint64_t frames;

	(void)state;
	check_outcomes();
	frames = counter(DP_COUNT_FRAMES_OUT);
	for (unsigned i = 0; i < mute->udp_fds; i++)
		shutdown(mute->udp_fd[i], SHUT_WR);
	add_listener(conf, mute);
	add_listener(conf, listener_v4);
	add_listener(conf, listener_v6);
	publish(conf);
	ask_in_vain(mute, 100, DP_COUNT_DROP_TRANSMIT);
	assert_int_equal(counter(DP_COUNT_FRAMES_OUT), frames + 100);	/* the queries to the server */
	ask_from_many(listener_v4, 20);
	publish_usual(3);
	dp_listener_unref(mute);
}

static void test_lease_ends(void **state)
{
	uint64_t cancelled = counter(DP_COUNT_LEASE_CANCELLED);

	(void)state;
	lease_grant(&leases, LEASE, LEASE_ACTIVE, clock_real_boot_ns() + 60ull * CLOCK_NS_PER_S);
	lease_of_listens = LEASE;
	publish_usual(4);
	ask_from_many(listener_v4, 50);
	atomic_store(&leases_end, true);
	ask_in_vain(listener_v4, 50, DP_COUNT_DROP_LEASE);
	assert_int_equal(counter(DP_COUNT_LEASE_CANCELLED), cancelled + 50);
	atomic_store(&leases_end, false);
	ask_from_many(listener_v4, 50);
	lease_revoke(&leases, LEASE);
	ask_in_vain(listener_v4, 50, DP_COUNT_DROP_LEASE);
	assert_int_equal(counter(DP_COUNT_LEASE_CANCELLED), cancelled + 50);
	lease_of_listens = LEASE_NONE;
	publish_usual(5);
	ask_from_many(listener_v6, 50);
}

static void test_reload(void **state)
{
	struct dp_listener *added = open_listener("127.0.0.4");
	struct dp_conf *conf = new_conf(6);
	int udp = connect_to(listener_v4, SOCK_DGRAM);
	uint8_t answer[1500];

	(void)state;
	udp_ask(udp, 3, "slow.example");
	usleep(50 * 1000);
	/* the IPv6 listener leaves, another one comes, IPv4 changes its position */
	add_listener(conf, added);
	add_listener(conf, listener_v4);
	publish(conf);
	ask_from_many(added, 50);
	ask_from_many(listener_v4, 50);
	check_served(added, SOCK_STREAM);
	assert_true(recv(udp, answer, sizeof(answer), 0) > DNS_HEADER_LEN);
	assert_int_equal(id_of(answer), 3);
	publish_usual(7);
	ask_from_many(listener_v6, 50);
	close(udp);
	dp_listener_unref(added);
}

/* What is under way at an address that leaves is answered, from that address, by another one's socket. */
static void test_address_leaves(void **state)
{
	struct endpoint endpoint = listener_v4->endpoint;
	struct dp_listener *leaving;
	struct dp_conf *conf = new_conf(8);
	uint8_t answer[1500];
	char error[128];
	int udp;

	(void)state;
	assert_int_equal(addr_parse("127.0.0.8", &endpoint.addr), 0);
	assert_int_equal(dp_listener_open(&leaving, &endpoint, WORKERS, error, sizeof(error)), 0);
	add_listener(conf, leaving);
	add_listener(conf, listener_v4);
	publish(conf);
	udp = connect_to(leaving, SOCK_DGRAM);
	udp_ask(udp, 4, "slow.example");
	usleep(50 * 1000);
	dp_listener_unref(leaving);
	publish_usual(9);
	assert_true(recv(udp, answer, sizeof(answer), 0) > DNS_HEADER_LEN);
	assert_int_equal(id_of(answer), 4);
	close(udp);
}

static void test_outcomes(void **state)
{
	(void)state;
	check_outcomes();
}

static int start(void **state)
{
	(void)state;
	start_node(WORKERS);
	return 0;
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("D065 UDP by socket workers, TCP by the stream worker, IPv4 and IPv6", test_served),
		CASE("every socket worker has a share of the clients, of either family", test_spread),
		CASE("every socket worker answers its canary", test_canaries),
		CASE("D250 an answer that the kernel refuses is not counted as sent", test_refused_by_the_kernel),
		CASE("V162 an answer queued under a lease that has ended is not sent", test_lease_ends),
		CASE("listeners come, go and move at a reload", test_reload),
		CASE("an address leaves with a query under way: it is answered", test_address_leaves),
		CASE("D250 every query ended in one outcome", test_outcomes),
	};
	return cmocka_run_group_tests(cases, start, stop_node);
}
