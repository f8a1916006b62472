/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_trace.c - the filter of a capture, its bounds, and that tshark reads what comes out.
 */
#include "tests/tap.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/clock.h"
#include "dataplane/trace.h"

enum { RECORD = 16, OUT_SIZE = 4096, RING = 256 };

static struct addr parse_addr(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(text, &addr), 0);
	return addr;
}

static struct name parse_name(const char *text)
{
	struct name name;

	assert_int_equal(name_from_text(text, &name), 0);
	return name;
}

static struct endpoint dns_at(const char *text)
{
	return (struct endpoint){ .addr = parse_addr(text), .port = 53 };
}

static struct dp_flow make_flow(const char *own, const char *peer)
{
	return (struct dp_flow){
		.own = parse_addr(own), .own_port = 53, .own_mac = { 2, 0, 0, 0, 0, 1 },
		.peer = parse_addr(peer), .peer_port = 40000, .peer_mac = { 2, 0, 0, 0, 0, 2 },
	};
}

static void test_match(void **state)
{
	static const struct {
		const char *client, *name, *server;		/* filter; NULL = any */
		const char *by_client, *by_name, *by_server;	/* query; server NULL = not known yet */
		bool match;
	} table[] = {
		{ NULL, NULL, NULL, "10.1.1.1", "a.example.", NULL, true },
		{ "10.1.0.0/16", NULL, NULL, "10.1.1.1", "a.example.", NULL, true },
		{ "10.1.0.0/16", NULL, NULL, "10.2.1.1", "a.example.", NULL, false },
		{ "fd00::/64", NULL, NULL, "10.2.1.1", "a.example.", NULL, false },
		{ "fd00::/64", NULL, NULL, "fd00::7", "a.example.", NULL, true },
		{ NULL, "example.", NULL, "10.1.1.1", "example.", NULL, true },
		{ NULL, "example.", NULL, "10.1.1.1", "a.b.EXAMPLE.", NULL, true },
		{ NULL, "example.", NULL, "10.1.1.1", "anexample.", NULL, false },
		{ NULL, "example.", NULL, "10.1.1.1", "example.com.", NULL, false },
		{ NULL, "a.example.", NULL, "10.1.1.1", "example.", NULL, false },
		{ NULL, "a.example.", NULL, "10.1.1.1", "b.example.", NULL, false },
		{ NULL, ".", NULL, "10.1.1.1", "b.example.", NULL, true },
		{ NULL, ".", NULL, "10.1.1.1", ".", NULL, true },
		{ NULL, NULL, "10.9.9.9", "10.1.1.1", "example.", NULL, true },
		{ NULL, NULL, "10.9.9.9", "10.1.1.1", "example.", "10.9.9.9", true },
		{ NULL, NULL, "10.9.9.9", "10.1.1.1", "example.", "10.9.9.8", false },
		{ NULL, NULL, NULL, "10.1.1.1", "example.", "10.9.9.8", true },
		{ "10.1.1.1", "example.", "10.9.9.9", "10.1.1.1", "x.example.", "10.9.9.9", true },
		{ "10.1.1.1", "example.", "10.9.9.9", "10.1.1.2", "x.example.", "10.9.9.9", false },
		{ "10.1.1.1", "example.", "10.9.9.9", "10.1.1.1", "x.example.", "10.9.9.8", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct dp_trace trace = {
			.by_client = table[i].client, .by_name = table[i].name, .by_server = table[i].server,
		};
		struct addr client = parse_addr(table[i].by_client);
		struct name name = parse_name(table[i].by_name);
		struct endpoint server;

		if (table[i].client)
			assert_int_equal(prefix_parse(table[i].client, &trace.client), 0);
		if (table[i].name)
			trace.name = parse_name(table[i].name);
		if (table[i].server)
			trace.server = dns_at(table[i].server);
		if (table[i].by_server)
			server = dns_at(table[i].by_server);
		if (dp_trace_match(&trace, &client, &name, table[i].by_server ? &server : NULL) != table[i].match)
			fail_msg("row %zu", i);
	}
}

/* Reads one record back through the packet parser. */
static size_t pop(struct dp_trace_ring *ring, struct dp_flow *flow, uint8_t *payload, uint32_t header[4])
{
	uint8_t out[OUT_SIZE], *found;
	size_t n = dp_trace_pop(ring, out, sizeof(out));
	uint16_t len;

	if (n == 0)
		return 0;
	memcpy(header, out, RECORD);
	assert_int_equal(header[2], n - RECORD);
	assert_int_equal(dp_packet_parse(out + RECORD, n - RECORD, true, flow, &found, &len), DP_PARSE_OK);
	memcpy(payload, found, len);
	return len;
}

static void test_directions(void **state)
{
	static const uint8_t message[] = "twelve octets and some";
	struct dp_trace_ring *ring = dp_trace_ring_new();
	struct dp_flow flow = make_flow("10.0.0.1", "10.0.0.2"), seen;
	struct dp_trace trace = { .left = 2 };
	uint8_t payload[OUT_SIZE];
	uint32_t header[4];
	uint64_t now_s = clock_wall_ns() / CLOCK_NS_PER_S;

	(void)state;
	dp_trace_put(&trace, ring, &flow, true, message, sizeof(message));
	dp_trace_put(&trace, ring, &flow, false, message, sizeof(message));
	/* sent: who parses the frame has us as its peer */
	assert_int_equal(pop(ring, &seen, payload, header), sizeof(message));
	assert_memory_equal(payload, message, sizeof(message));
	assert_true(addr_equal(&seen.peer, &flow.own) && addr_equal(&seen.own, &flow.peer));
	assert_int_equal(seen.peer_port, 53);
	assert_int_equal(seen.own_port, 40000);
	assert_memory_equal(seen.peer_mac, flow.own_mac, 6);
	assert_in_range(header[0], now_s, now_s + 2);
	assert_in_range(header[1], 0, CLOCK_NS_PER_S - 1);
	assert_int_equal(header[2], header[3]);
	/* received: the frame as it came */
	assert_int_equal(pop(ring, &seen, payload, header), sizeof(message));
	assert_true(addr_equal(&seen.peer, &flow.peer) && addr_equal(&seen.own, &flow.own));
	assert_int_equal(seen.peer_port, 40000);
	assert_memory_equal(seen.peer_mac, flow.peer_mac, 6);
	assert_int_equal(pop(ring, &seen, payload, header), 0);
	dp_trace_ring_free(ring);
}

/* Kernel sockets: no MACs, perhaps no own address. */
static void test_unknown_own_address(void **state)
{
	struct dp_trace_ring *ring = dp_trace_ring_new();
	struct dp_trace trace = { .left = 2 };
	struct dp_flow flow = { .peer = parse_addr("192.0.2.7"), .peer_port = 53, .own_port = 4000 }, seen;
	uint8_t payload[OUT_SIZE] = { 0 };
	uint32_t header[4];

	(void)state;
	dp_trace_put(&trace, ring, &flow, false, payload, 12);
	assert_int_equal(pop(ring, &seen, payload, header), 12);
	assert_true(addr_equal(&seen.peer, &flow.peer));
	assert_int_equal(addr_v4_be(&seen.own), 0);
	assert_true(addr_is_v4(&seen.own));
	dp_trace_ring_free(ring);
}

static void test_bounds(void **state)
{
	struct dp_trace_ring *ring = dp_trace_ring_new();
	struct dp_flow flow = make_flow("10.0.0.1", "10.0.0.2"), seen;
	struct dp_trace trace = { .left = 3 };
	uint8_t payload[OUT_SIZE] = { 0 };
	uint32_t header[4];
	unsigned n = 0;

	(void)state;
	for (int i = 0; i < 10; i++)
		dp_trace_put(&trace, ring, &flow, true, payload, 12);
	while (pop(ring, &seen, payload, header))
		n++;
	assert_int_equal(n, 3);
	assert_int_equal(atomic_load(&trace.left), 0);
	assert_int_equal(dp_trace_lost(ring), 0);

	/* a full ring loses and counts, and does not use up what is wanted */
	atomic_store(&trace.left, 1000);
	for (int i = 0; i < RING + 5; i++)
		dp_trace_put(&trace, ring, &flow, true, payload, 12);
	assert_int_equal(dp_trace_lost(ring), 5);
	assert_int_equal(atomic_load(&trace.left), 1000 - RING);
	for (n = 0; pop(ring, &seen, payload, header); n++)
		;
	assert_int_equal(n, RING);
	dp_trace_ring_free(ring);
}

static void test_lengths(void **state)
{
	static const uint16_t table[] = { 0, 1, 12, 512, 1232, 4000, 4014, 4015, 20000, 65535 };
	static uint8_t message[65535];
	struct dp_trace_ring *ring = dp_trace_ring_new();
	struct dp_flow flow = make_flow("10.0.0.1", "10.0.0.2");
	struct dp_trace trace = { .left = 1000 };
	uint8_t small[100], enough[1000];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		uint8_t *out = malloc(OUT_SIZE);	/* so that a sanitizer sees its end */
		uint32_t header[4];
		size_t n;

		dp_trace_put(&trace, ring, &flow, true, message, table[i]);
		n = dp_trace_pop(ring, out, OUT_SIZE);
		memcpy(header, out, sizeof(header));
		assert_int_equal(header[2], n - RECORD);
		assert_int_equal(header[3], 42 + table[i]);
		assert_true(header[2] == header[3] || table[i] > 4000);
		free(out);
	}
	/* no room: it stays */
	dp_trace_put(&trace, ring, &flow, true, message, 512);
	assert_int_equal(dp_trace_pop(ring, small, sizeof(small)), 0);
	assert_int_equal(dp_trace_pop(ring, enough, sizeof(enough)), RECORD + 42 + 512);
	dp_trace_ring_free(ring);
}

enum { THREADS = 2, WANTED = 20000 };

struct writer {
	struct dp_trace *trace;
	struct dp_trace_ring *ring;
	pthread_t thread;
};

static void *write_messages(void *context)
{
	struct writer *w = context;
	struct dp_flow flow = make_flow("10.0.0.1", "10.0.0.2");
	uint32_t number = 0;
	uint8_t payload[64] = { 0 };

	while (atomic_load(&w->trace->left) > 0) {
		memcpy(payload, &number, sizeof(number));
		dp_trace_put(w->trace, w->ring, &flow, true, payload, sizeof(payload));
		number++;
		if (number % 64 == 0)
			sched_yield();
	}
	return NULL;
}

/* Two workers, one capture: exactly as many frames as wanted, in order for each. */
static void test_two_workers(void **state)
{
	struct dp_trace trace = { .left = WANTED };
	struct writer writers[THREADS];
	uint32_t last[THREADS] = { 0 }, header[4];
	unsigned total = 0;

	(void)state;
	for (int i = 0; i < THREADS; i++) {
		writers[i].trace = &trace;
		writers[i].ring = dp_trace_ring_new();
		assert_int_equal(pthread_create(&writers[i].thread, NULL, write_messages, &writers[i]), 0);
	}
	while (total < WANTED) {
		for (int i = 0; i < THREADS; i++) {
			uint8_t payload[OUT_SIZE];
			struct dp_flow seen;
			uint32_t number;

			while (pop(writers[i].ring, &seen, payload, header)) {
				memcpy(&number, payload, sizeof(number));
				assert_true(number >= last[i]);
				last[i] = number;
				total++;
			}
		}
		sched_yield();
	}
	for (int i = 0; i < THREADS; i++) {
		uint8_t out[OUT_SIZE];

		pthread_join(writers[i].thread, NULL);
		assert_int_equal(dp_trace_pop(writers[i].ring, out, sizeof(out)), 0);
		dp_trace_ring_free(writers[i].ring);
	}
	assert_int_equal(total, WANTED);
}

/* Another reader than ours: tshark finds DNS over UDP, good checksums, both directions. */
static void test_tshark(void **state)
{
	static const uint8_t query[] = {
		0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0,
		4, 'z', 'o', 'n', 'e', 3, 'l', 'a', 'b', 0, 0, 1, 0, 1,
	};
	struct dp_trace_ring *ring = dp_trace_ring_new();
	struct dp_flow flow = make_flow("10.0.0.1", "10.0.0.2");
	struct dp_trace trace = { .left = 10 };
	char path[] = "/tmp/tandem-trace-XXXXXX", command[400], line[200] = "";
	uint8_t out[OUT_SIZE];
	FILE *file, *tshark;

	(void)state;
	if (system("command -v tshark >/dev/null") != 0)
		skip();
	file = fdopen(mkstemp(path), "wb");
	assert_non_null(file);
	fwrite(out, dp_trace_pcap_header(out), 1, file);
	dp_trace_put(&trace, ring, &flow, false, query, sizeof(query));
	fwrite(out, dp_trace_pop(ring, out, sizeof(out)), 1, file);
	fclose(file);
	snprintf(command, sizeof(command), "tshark -r %s -o udp.check_checksum:TRUE -o ip.check_checksum:TRUE"
		 " -T fields -E separator=/s -e ip.src -e udp.dstport -e udp.checksum.status"
		 " -e ip.checksum.status -e dns.id -e dns.qry.name 2>/dev/null", path);
	tshark = popen(command, "r");
	assert_non_null(tshark);
	assert_non_null(fgets(line, sizeof(line), tshark));
	pclose(tshark);
	unlink(path);
	assert_string_equal(line, "10.0.0.2 53 1 1 0x1234 zone.lab\n");
	dp_trace_ring_free(ring);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("client, name and everything below it, server: every given part must match", test_match),
		CASE("sent and received messages become frames of their direction", test_directions),
		CASE("an own address that is not known is 0.0.0.0", test_unknown_own_address),
		CASE("never more frames than wanted; a full ring loses and counts", test_bounds),
		CASE("messages of all lengths fit 4096 octets, long ones cut", test_lengths),
		CASE("two workers share the number of frames wanted", test_two_workers),
		CASE("tshark reads it", test_tshark),
	};

	name_hash_init_fixed();
	return RUN(cases);
}
