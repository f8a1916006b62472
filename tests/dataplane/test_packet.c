/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_packet.c - frames in, flows out, and back. Frames are built and summed here by other code than the one
 * under test.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "tests/tap.h"
#include "dataplane/packet.h"

enum {
	FRAME_MAX = 2048, PAYLOAD_LEN = 29,
	VLAN_TCI = 0x6064,		/* priority 3, id 100 */
};

struct frame {
	bool v6, tagged;
	size_t l3, l4, len;
	uint8_t octets[FRAME_MAX];
};

static const uint8_t peer_mac[6] = { 2, 0, 0, 0, 0, 0x11 }, own_mac[6] = { 2, 0, 0, 0, 0, 0x22 };
static const uint8_t peer_v4[4] = { 10, 10, 2, 166 }, own_v4[4] = { 10, 10, 2, 161 };
static const uint8_t peer_v6[16] = { 0xfd, 0, 0, 0x10, [15] = 0x66 }, own_v6[16] = { 0xfd, 0, 0, 0x10, [15] = 0x61 };

static void put16(uint8_t *at, unsigned value)
{
	at[0] = value >> 8;
	at[1] = value & 0xff;
}

/* RFC 1071 as it is written there: 16 bits at a time, big-endian. */
static uint32_t plain_sum(uint32_t sum, const uint8_t *at, size_t len)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? at[i] : (uint32_t)at[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

static uint32_t plain_pseudo(const struct frame *frame, unsigned udp_len)
{
	const uint8_t *ip = frame->octets + frame->l3;
	uint32_t sum = frame->v6 ? plain_sum(0, ip + 8, 32) : plain_sum(0, ip + 12, 8);

	return plain_sum(sum + 17 + udp_len, NULL, 0);
}

static void finish_ip(struct frame *frame)
{
	uint8_t *ip = frame->octets + frame->l3;

	if (frame->v6)
		return;
	put16(ip + 10, 0);
	put16(ip + 10, ~plain_sum(0, ip, 20) & 0xffff);
}

static void finish_udp(struct frame *frame)
{
	uint8_t *udp = frame->octets + frame->l4;
	unsigned udp_len = udp[4] << 8 | udp[5];
	unsigned sum;

	put16(udp + 6, 0);
	sum = ~plain_sum(plain_pseudo(frame, udp_len), udp, udp_len) & 0xffff;
	put16(udp + 6, sum ? sum : 0xffff);
}

static void finish(struct frame *frame)
{
	finish_ip(frame);
	finish_udp(frame);
}

static void build(struct frame *frame, bool v6, bool tagged, const uint8_t *payload, size_t payload_len)
{
	uint8_t *at = frame->octets;

	memset(frame, 0, sizeof(*frame));
	frame->v6 = v6;
	frame->tagged = tagged;
	memcpy(at, own_mac, 6);
	memcpy(at + 6, peer_mac, 6);
	at += 12;
	if (tagged) {
		put16(at, 0x8100);
		put16(at + 2, VLAN_TCI);
		at += 4;
	}
	put16(at, v6 ? 0x86dd : 0x0800);
	at += 2;
	frame->l3 = at - frame->octets;
	if (v6) {
		at[0] = 0x6b;		/* traffic class 0xb8, flow label 0x12345 */
		at[1] = 0x81;
		put16(at + 2, 0x2345);
		put16(at + 4, 8 + payload_len);
		at[6] = 17;
		at[7] = 61;
		memcpy(at + 8, peer_v6, 16);
		memcpy(at + 24, own_v6, 16);
		at += 40;
	} else {
		at[0] = 0x45;
		at[1] = 0xb8;
		put16(at + 2, 28 + payload_len);
		put16(at + 4, 0x1234);
		at[8] = 61;
		at[9] = 17;
		memcpy(at + 12, peer_v4, 4);
		memcpy(at + 16, own_v4, 4);
		at += 20;
	}
	frame->l4 = at - frame->octets;
	put16(at, 40000);
	put16(at + 2, 53);
	put16(at + 4, 8 + payload_len);
	memcpy(at + 8, payload, payload_len);
	frame->len = frame->l4 + 8 + payload_len;
	finish(frame);
}

static void build_plain(struct frame *frame, bool v6, bool tagged)
{
	uint8_t payload[PAYLOAD_LEN];

	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 37 + 1);
	build(frame, v6, tagged, payload, sizeof(payload));
}

static bool verify = true;

static enum dp_parse parse(struct frame *frame, struct dp_flow *flow, uint8_t **payload, uint16_t *len)
{
	uint8_t *exact = malloc(frame->len ? frame->len : 1);
	enum dp_parse verdict;

	memcpy(exact, frame->octets, frame->len);
	verdict = dp_packet_parse(exact, frame->len, verify, flow, payload, len);
	if (verdict == DP_PARSE_OK || verdict == DP_PARSE_UNFINISHED)
		*payload = frame->octets + (*payload - exact);
	free(exact);
	return verdict;
}

static enum dp_parse verdict_of(struct frame *frame)
{
	struct dp_flow flow;
	uint8_t *payload;
	uint16_t len;

	return parse(frame, &flow, &payload, &len);
}

static void reads_every_kind(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		bool v6 = kind & 1, tagged = kind & 2;
		struct addr peer, own;
		struct frame frame;
		struct dp_flow flow;
		uint8_t *payload;
		uint16_t len;

		assert_int_equal(addr_parse(v6 ? "fd00:10::66" : "10.10.2.166", &peer), 0);
		assert_int_equal(addr_parse(v6 ? "fd00:10::61" : "10.10.2.161", &own), 0);
		build_plain(&frame, v6, tagged);
		assert_int_equal(parse(&frame, &flow, &payload, &len), DP_PARSE_OK);
		assert_true(addr_equal(&flow.peer, &peer));
		assert_true(addr_equal(&flow.own, &own));
		assert_int_equal(flow.peer_port, 40000);
		assert_int_equal(flow.own_port, 53);
		assert_memory_equal(flow.peer_mac, peer_mac, 6);
		assert_memory_equal(flow.own_mac, own_mac, 6);
		assert_int_equal(flow.vlan, tagged ? VLAN_TCI : 0);
		assert_int_equal(flow.traffic_class, 0xb8);
		assert_int_equal(len, PAYLOAD_LEN);
		assert_ptr_equal(payload, frame.octets + frame.l4 + 8);
	}
}

static void every_truncation_is_refused(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < 4; kind++) {
		struct frame frame;
		size_t whole;

		build_plain(&frame, kind & 1, kind & 2);
		whole = frame.len;
		for (frame.len = 0; frame.len < whole; frame.len++)
			assert_int_equal(verdict_of(&frame), DP_PARSE_LENGTH);
		assert_int_equal(verdict_of(&frame), DP_PARSE_OK);
	}
}

struct change {
	const char *what;
	char layer;			/* '2', '3', '4': offset counts from there */
	int v6;				/* 0, 1, -1 = both */
	size_t offset;
	uint16_t value;			/* written as 16 bits */
	bool finish;			/* sums made right again */
	enum dp_parse expected;
};

static void apply(struct frame *frame, const struct change *change)
{
	size_t base = change->layer == '2' ? frame->l3 - 2 : change->layer == '3' ? frame->l3 : frame->l4;

	put16(frame->octets + base + change->offset, change->value);
	if (change->finish)
		finish(frame);
}

static void check_changes(const struct change *changes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (int kind = 0; kind < 4; kind++) {
			struct frame frame;
			enum dp_parse verdict;

			if (changes[i].v6 >= 0 && changes[i].v6 != (kind & 1))
				continue;
			build_plain(&frame, kind & 1, kind & 2);
			apply(&frame, &changes[i]);
			verdict = verdict_of(&frame);
			if (verdict != changes[i].expected)
				print_error("%s, kind %d: %d\n", changes[i].what, kind, verdict);
			assert_int_equal(verdict, changes[i].expected);
		}
	}
}

#define CHECK(changes) check_changes(changes, sizeof(changes) / sizeof(changes[0]))

static void what_is_not_plain_udp(void **state)
{
	static const struct change changes[] = {
		{ "ARP", '2', -1, 0, 0x0806, false, DP_PARSE_NOT_UDP },
		{ "tag in front of no IP", '2', -1, 0, 0x8100, false, DP_PARSE_NOT_UDP },
		{ "service tag", '2', -1, 0, 0x88a8, false, DP_PARSE_NOT_UDP },
		{ "IPv4 says 6", '3', 0, 0, 0x65b8, true, DP_PARSE_NOT_UDP },
		{ "options", '3', 0, 0, 0x46b8, true, DP_PARSE_NOT_UDP },
		{ "header length 4", '3', 0, 0, 0x44b8, true, DP_PARSE_NOT_UDP },
		{ "first fragment", '3', 0, 6, 0x2000, true, DP_PARSE_NOT_UDP },
		{ "last fragment", '3', 0, 6, 0x0001, true, DP_PARSE_NOT_UDP },
		{ "TCP", '3', 0, 8, 0x4006, true, DP_PARSE_NOT_UDP },
		{ "DF", '3', 0, 6, 0x4000, true, DP_PARSE_OK },
		{ "IPv6 says 4", '3', 1, 0, 0x4b81, true, DP_PARSE_NOT_UDP },
		{ "fragment header", '3', 1, 6, 0x2c40, true, DP_PARSE_NOT_UDP },
		{ "hop-by-hop header", '3', 1, 6, 0x0040, true, DP_PARSE_NOT_UDP },
	};

	(void)state;
	CHECK(changes);
}

static void lengths_that_contradict(void **state)
{
	static const struct change changes[] = {
		{ "IP longer than the frame", '3', 0, 2, 28 + PAYLOAD_LEN + 1, true, DP_PARSE_LENGTH },
		{ "IP without UDP", '3', 0, 2, 27, true, DP_PARSE_LENGTH },
		{ "IP shorter than itself", '3', 0, 2, 19, true, DP_PARSE_LENGTH },
		{ "IP shorter than UDP", '3', 0, 2, 28 + PAYLOAD_LEN - 1, true, DP_PARSE_LENGTH },
		{ "IPv6 longer than the frame", '3', 1, 4, 8 + PAYLOAD_LEN + 1, true, DP_PARSE_LENGTH },
		{ "IPv6 without UDP", '3', 1, 4, 7, true, DP_PARSE_LENGTH },
		{ "jumbo", '3', 1, 4, 0, true, DP_PARSE_LENGTH },
		{ "UDP longer than IP", '4', -1, 4, 8 + PAYLOAD_LEN + 1, true, DP_PARSE_LENGTH },
		{ "UDP shorter than itself", '4', -1, 4, 7, false, DP_PARSE_LENGTH },
		{ "UDP length 0", '4', -1, 4, 0, false, DP_PARSE_LENGTH },
		{ "UDP shorter than IP", '4', -1, 4, 8 + PAYLOAD_LEN - 4, true, DP_PARSE_OK },
		{ "UDP empty", '4', -1, 4, 8, true, DP_PARSE_OK },
	};

	(void)state;
	CHECK(changes);
}

static void padding_is_never_payload(void **state)
{
	(void)state;
	for (int kind = 0; kind < 4; kind++) {
		struct frame frame;
		struct dp_flow flow;
		uint8_t *payload;
		uint16_t len;

		build_plain(&frame, kind & 1, kind & 2);
		memset(frame.octets + frame.len, 0xee, 20);
		frame.len += 20;
		assert_int_equal(parse(&frame, &flow, &payload, &len), DP_PARSE_OK);
		assert_int_equal(len, PAYLOAD_LEN);
	}
}

static void wrong_sums(void **state)
{
	static const struct change changes[] = {
		{ "IP sum", '3', 0, 10, 0x1234, false, DP_PARSE_IP_CHECKSUM },
		{ "TTL changed under way", '3', 0, 8, 0x0111, false, DP_PARSE_IP_CHECKSUM },
		{ "UDP sum", '4', -1, 6, 0x1234, false, DP_PARSE_UDP_CHECKSUM },
		{ "payload", '4', -1, 20, 0x1234, false, DP_PARSE_UDP_CHECKSUM },
		{ "no sum over IPv4", '4', 0, 6, 0, false, DP_PARSE_OK },
		{ "no sum over IPv6", '4', 1, 6, 0, false, DP_PARSE_UDP_CHECKSUM },
	};

	(void)state;
	CHECK(changes);
}

static void trusted_sums(void **state)
{
	static const struct change changes[] = {
		{ "IP sum", '3', 0, 10, 0x1234, false, DP_PARSE_IP_CHECKSUM },
		{ "UDP sum", '4', -1, 6, 0x1234, false, DP_PARSE_OK },
		{ "payload", '4', -1, 20, 0x1234, false, DP_PARSE_OK },
		{ "no sum over IPv4", '4', 0, 6, 0, false, DP_PARSE_OK },
		{ "no sum over IPv6", '4', 1, 6, 0, false, DP_PARSE_UDP_CHECKSUM },
		{ "UDP longer than IP", '4', -1, 4, 8 + PAYLOAD_LEN + 1, true, DP_PARSE_LENGTH },
		{ "source port 0", '4', -1, 0, 0, true, DP_PARSE_SOURCE },
	};

	(void)state;
	verify = false;
	CHECK(changes);
	verify = true;
}

static void unfinished_offload(void **state)
{
	(void)state;
	for (int kind = 0; kind < 4; kind++) {
		struct frame frame;

		build_plain(&frame, kind & 1, kind & 2);
		put16(frame.octets + frame.l4 + 6, plain_pseudo(&frame, 8 + PAYLOAD_LEN));
		assert_int_equal(verdict_of(&frame), DP_PARSE_UNFINISHED);
	}
}

static void impossible_sources(void **state)
{
	static const char *const v4[] = { "0.0.0.0", "127.0.0.1", "224.0.0.18", "255.255.255.255", "10.10.2.161" };
	static const char *const v6[] = { "::", "::1", "ff02::1", "fd00:10::61", "::ffff:10.10.2.7" };
	struct frame frame;
	struct addr source;

	(void)state;
	for (unsigned i = 0; i < sizeof(v4) / sizeof(v4[0]); i++) {
		assert_int_equal(addr_parse(v4[i], &source), 0);
		build_plain(&frame, false, false);
		memcpy(frame.octets + frame.l3 + 12, source.bytes + 12, 4);
		finish(&frame);
		assert_int_equal(verdict_of(&frame), DP_PARSE_SOURCE);
	}
	for (unsigned i = 0; i < sizeof(v6) / sizeof(v6[0]); i++) {
		assert_int_equal(addr_parse(v6[i], &source), 0);
		build_plain(&frame, true, false);
		memcpy(frame.octets + frame.l3 + 8, source.bytes, 16);
		finish(&frame);
		assert_int_equal(verdict_of(&frame), DP_PARSE_SOURCE);
	}
	for (int is_v6 = 0; is_v6 < 2; is_v6++) {
		build_plain(&frame, is_v6, false);
		put16(frame.octets + frame.l4, 0);
		finish(&frame);
		assert_int_equal(verdict_of(&frame), DP_PARSE_SOURCE);
	}
}

/* Writes the answer to a parsed frame behind exactly DP_HEADERS_MAX octets, and takes it for a frame again. */
static void write_back(struct frame *sent, const struct dp_flow *flow, const uint8_t *payload,
		       uint16_t payload_len)
{
	uint8_t *exact = malloc(DP_HEADERS_MAX + payload_len);
	uint8_t *start;

	memcpy(exact + DP_HEADERS_MAX, payload, payload_len);
	start = dp_packet_write(exact + DP_HEADERS_MAX, payload_len, flow);
	assert_true(start >= exact);
	sent->len = exact + DP_HEADERS_MAX - start + payload_len;
	memcpy(sent->octets, start, sent->len);
	free(exact);
}

static void check_sums(const struct frame *frame, size_t payload_len)
{
	const uint8_t *udp = frame->octets + frame->l4;

	if (!frame->v6)
		assert_int_equal(plain_sum(0, frame->octets + frame->l3, 20), 0xffff);
	assert_int_not_equal(udp[6] << 8 | udp[7], 0);
	assert_int_equal(plain_sum(plain_pseudo(frame, 8 + payload_len), udp, 8 + payload_len), 0xffff);
}

static void answers_the_way_it_came(void **state)
{
	(void)state;
	for (int kind = 0; kind < 4; kind++) {
		struct frame frame, sent;
		const uint8_t *ip;
		struct dp_flow flow;
		uint8_t *payload;
		uint16_t len;

		build_plain(&frame, kind & 1, kind & 2);
		assert_int_equal(parse(&frame, &flow, &payload, &len), DP_PARSE_OK);
		sent = frame;
		write_back(&sent, &flow, payload, len);
		assert_int_equal(sent.len, frame.len);
		assert_memory_equal(sent.octets, peer_mac, 6);
		assert_memory_equal(sent.octets + 6, own_mac, 6);
		assert_memory_equal(sent.octets + 12, frame.octets + 12, frame.l3 - 12);
		ip = sent.octets + sent.l3;
		if (frame.v6) {
			static const uint8_t start[8] = { 0x6b, 0x80, 0, 0, 0, 8 + PAYLOAD_LEN, 17, 64 };

			assert_memory_equal(ip, start, 8);
			assert_memory_equal(ip + 8, own_v6, 16);
			assert_memory_equal(ip + 24, peer_v6, 16);
		} else {
			static const uint8_t start[10] = { 0x45, 0xb8, 0, 28 + PAYLOAD_LEN, 0, 0, 0x40, 0, 64, 17 };

			assert_memory_equal(ip, start, 10);
			assert_memory_equal(ip + 12, own_v4, 4);
			assert_memory_equal(ip + 16, peer_v4, 4);
		}
		assert_int_equal(sent.octets[sent.l4] << 8 | sent.octets[sent.l4 + 1], 53);
		assert_int_equal(sent.octets[sent.l4 + 2] << 8 | sent.octets[sent.l4 + 3], 40000);
		assert_int_equal(sent.octets[sent.l4 + 5], 8 + PAYLOAD_LEN);
		assert_memory_equal(sent.octets + sent.l4 + 8, payload, len);
		check_sums(&sent, len);
	}
}

static void sums_of_random_packets(void **state)
{
	(void)state;
	srandom(1);
	for (unsigned round = 0; round < 4000; round++) {
		size_t len = (size_t)random() % 1400;
		struct frame frame, sent;
		struct dp_flow flow;
		uint8_t payload[1400];
		uint8_t *at;
		uint16_t got;

		for (size_t i = 0; i < len; i++)
			payload[i] = (uint8_t)(round % 3 ? random() : 0xff);
		build(&frame, round & 1, round & 2, payload, len);
		assert_int_equal(parse(&frame, &flow, &at, &got), DP_PARSE_OK);
		assert_int_equal(got, len);
		sent = frame;
		write_back(&sent, &flow, payload, (uint16_t)len);
		check_sums(&sent, len);
		assert_int_equal(verdict_of(&sent), DP_PARSE_OK);
	}
}

static void sum_zero_is_sent_as_ffff(void **state)
{
	(void)state;
	for (int v6 = 0; v6 < 2; v6++) {
		static const uint8_t nothing[2];
		struct frame frame, sent;
		struct dp_flow flow;
		uint8_t *payload;
		uint16_t len;
		unsigned hits = 0;

		build(&frame, v6, false, nothing, sizeof(nothing));
		assert_int_equal(parse(&frame, &flow, &payload, &len), DP_PARSE_OK);
		sent = frame;
		for (unsigned value = 0; value <= 0xffff; value++) {
			const uint8_t *sum = sent.octets + sent.l4 + 6;

			put16(payload, value);
			write_back(&sent, &flow, payload, len);
			assert_false(sum[0] == 0 && sum[1] == 0);
			hits += sum[0] == 0xff && sum[1] == 0xff;
		}
		assert_int_equal(hits, 1);
	}
}

static void checksum_is_rfc_1071(void **state)
{
	uint8_t octets[600];

	(void)state;
	srandom(2);
	for (size_t i = 0; i < sizeof(octets); i++)
		octets[i] = (uint8_t)random();
	for (size_t len = 0; len < 300; len++) {
		for (size_t start = 0; start < 9; start++) {
			size_t half = len / 4 * 2;
			uint64_t pieces = dp_checksum_add(0, octets + start, half);
			uint16_t whole = dp_checksum_finish(dp_checksum_add(0, octets + start, len));
			uint8_t wire[2];

			pieces = dp_checksum_add(pieces, octets + start + half, len - half);
			assert_int_equal(dp_checksum_finish(pieces), whole);
			memcpy(wire, &whole, 2);
			assert_int_equal(wire[0] << 8 | wire[1], ~plain_sum(0, octets + start, len) & 0xffff);
		}
	}
	memset(octets, 0xff, sizeof(octets));	/* every add carries */
	assert_int_equal(dp_checksum_finish(dp_checksum_add(UINT64_MAX, octets, 599 / 2 * 2)), 0);
}

/* RFC 1624: changing one word of a summed packet changes the sum by the difference alone. */
static void incremental_sum_agrees(void **state)
{
	uint8_t octets[64];

	(void)state;
	srandom(3);
	for (unsigned round = 0; round < 2000; round++) {
		size_t at = (size_t)random() % 32 * 2;
		uint16_t before, after, old, new;
		uint64_t sum;

		for (size_t i = 0; i < sizeof(octets); i++)
			octets[i] = (uint8_t)random();
		before = dp_checksum_finish(dp_checksum_add(0, octets, sizeof(octets)));
		memcpy(&old, octets + at, 2);
		new = (uint16_t)random();
		memcpy(octets + at, &new, 2);
		after = dp_checksum_finish(dp_checksum_add(0, octets, sizeof(octets)));
		sum = (uint64_t)(uint16_t)~before + (uint16_t)~old + new;
		assert_int_equal(dp_checksum_finish(sum), after);
	}
}

static const struct CMUnitTest cases[] = {
	CASE("D005 IPv4 and IPv6, tagged and untagged, end in one flow", reads_every_kind),
	CASE("D006 a frame cut anywhere is refused", every_truncation_is_refused),
	CASE("D003 D004 fragments, options, extension headers and foreign types are not taken",
	     what_is_not_plain_udp),
	CASE("D006 lengths that contradict each other are refused", lengths_that_contradict),
	CASE("D006 Ethernet padding is never payload", padding_is_never_payload),
	CASE("D007 wrong checksums are told apart; none is fine over IPv4 only", wrong_sums),
	CASE("D007 with trusted checksums UDP's are not looked at, all else is", trusted_sums),
	CASE("D007 a sum left to an offload is accepted and told apart", unfinished_offload),
	CASE("D022 source port 0 and impossible source addresses", impossible_sources),
	CASE("D001 D005 D009 the answer goes back swapped, same tag and class, TTL 64, DF",
	     answers_the_way_it_came),
	CASE("D008 checksums of random packets are right", sums_of_random_packets),
	CASE("D008 a sum of 0 is sent as 0xffff", sum_zero_is_sent_as_ffff),
	CASE("D008 the checksum is that of RFC 1071 for every length and alignment", checksum_is_rfc_1071),
	CASE("D008 full and incremental computation agree", incremental_sum_agrees),
};

int main(void)
{
	return RUN(cases);
}
