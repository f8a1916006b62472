/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * instructions.c - what one missed query costs in user-space instructions: frames of a recorded batch through
 * parse, the passes, and headers written anew, there and back. Under callgrind only queries_in() and answers_in() are
 * counted (--toggle-collect); tests/bench/instructions does that. The hash keys are fixed, so the count repeats.
 */
#include <stdio.h>

#include "tests/dataplane/fixture.h"

enum { BATCH = 64, ROUNDS = 64, HEAD = 256, FRAME = 2048 };

static uint8_t frames[BATCH][FRAME];		/* worked on in place, as on the rings */
static uint8_t recorded[BATCH][FRAME];
static uint32_t recorded_len[BATCH];
static struct { uint8_t *frame; uint32_t len; } sent[BATCH];
static unsigned n_sent;

static bool out(struct dp_packet *p, const struct dp_flow *flow)
{
	uint8_t *frame = dp_packet_write(p->payload, (uint16_t)p->payload_len, flow);

	sent[n_sent].frame = frame;
	sent[n_sent++].len = (uint32_t)(p->payload - frame) + p->payload_len;
	return true;
}

static bool bench_reply(struct dp_worker *worker, struct dp_packet *p, enum dp_counter *why)
{
	(void)worker;
	(void)why;
	return out(p, &p->back.flow);
}

static bool bench_forward(struct dp_worker *worker, struct dp_packet *p, struct dp_attempt *attempt)
{
	struct dp_flow flow = {
		.peer = attempt->server->endpoint.addr,
		.peer_port = 53,
		.own = fx.hops.server[attempt->server->index].own,
		.own_port = (uint16_t)(16384 + attempt->own_port),
	};

	(void)worker;
	attempt->own = flow.own;
	return out(p, &flow);
}

static bool bench_take(struct dp_worker *worker, struct dp_packet *p, uint32_t room)
{
	(void)worker;
	(void)p;
	(void)room;
	return false;
}

static void bench_give(struct dp_worker *worker, struct dp_packet *p)
{
	(void)worker;
	(void)p;
}

static const struct dp_io bench_io = { bench_reply, bench_forward, bench_take, bench_give, fx_usable };

static struct dp_packet *read_frame(uint8_t *frame, uint32_t len, struct dp_packet *p)
{
	uint16_t payload_len;

	if (dp_packet_parse(frame, len, true, &p->back.flow, &p->payload, &payload_len) != DP_PARSE_OK)
		abort();
	p->payload_len = payload_len;
	p->payload_room = FRAME - HEAD - 64;
	p->back.origin = DP_ORIGIN_XSK;
	p->lease = LEASE_NONE;
	return p;
}

__attribute__((noinline)) void queries_in(struct dp_worker *worker);
__attribute__((noinline)) void answers_in(struct dp_worker *worker);

void queries_in(struct dp_worker *worker)
{
	dp_passes_begin(worker, fx.now_ns);
	for (unsigned i = 0; i < BATCH; i++)
		read_frame(frames[i] + HEAD, recorded_len[i], &worker->batch[worker->batch_len++]);
	dp_passes_queries(worker);
	dp_passes_housekeeping(worker);
}

void answers_in(struct dp_worker *worker)
{
	unsigned n = n_sent;

	n_sent = 0;
	dp_passes_begin(worker, fx.now_ns);
	for (unsigned i = 0; i < n; i++) {
		struct dp_packet *p = read_frame(sent[i].frame, sent[i].len, &worker->batch[0]);

		dp_passes_answer(worker, p, (uint16_t)(p->back.flow.own_port - 16384), false);
	}
	dp_passes_housekeeping(worker);
}

/* 64 queries: names of three labels and different lengths and cases, half of them with EDNS. */
static void record(void)
{
	struct dp_flow flow = { .peer = fx.conf.listen[0].endpoint.addr, .peer_port = 53 };
	uint8_t *payload;
	char name[64];

	for (unsigned i = 0; i < BATCH; i++) {
		snprintf(name, sizeof(name), "Host%u.some-Domain%u.%s", i * 977, i, i % 8 ? "com" : "example.net");
		payload = recorded[i] + HEAD + 42;
		flow.own = fx_addr("10.2.3.4");
		flow.own_port = (uint16_t)(2000 + i);
		recorded_len[i] = 42 + fx_query(payload, (uint16_t)i, DNS_RD, name, 1, 1, i % 2 ? 1232 : 0);
		dp_packet_write(payload, (uint16_t)(recorded_len[i] - 42), &flow);
	}
}

/* The servers' work, uncounted: every forwarded query becomes its answer with one A record. */
static void serve(void)
{
	static const uint8_t a[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, 1 };
	struct dp_flow flow, back;
	uint16_t len;
	uint8_t *payload;

	for (unsigned i = 0; i < n_sent; i++) {
		if (dp_packet_parse(sent[i].frame, sent[i].len, true, &flow, &payload, &len) != DP_PARSE_OK)
			abort();
		memmove(payload + len - 11 + sizeof(a), payload + len - 11, 11);
		memcpy(payload + len - 11, a, sizeof(a));
		payload[2] |= DNS_QR >> 8;
		payload[3] |= DNS_RA;
		payload[7] = 1;
		back = flow;
		back.own = flow.own;
		back.own_port = 53;
		sent[i].frame = dp_packet_write(payload, (uint16_t)(len + sizeof(a)), &back);
		sent[i].len = 42 + len + (uint32_t)sizeof(a);
	}
}

int main(void)
{
	fx_up(10);
	fx.worker->io = &bench_io;
	record();
	for (unsigned round = 0; round < ROUNDS; round++) {
		memcpy(frames, recorded, sizeof(frames));
		queries_in(fx.worker);
		serve();
		answers_in(fx.worker);
		n_sent = 0;
		fx.now_ns += CLOCK_NS_PER_MS;
	}
	if (fx_count(DP_COUNT_FORWARDED_ANSWERED) != (uint64_t)BATCH * ROUNDS) {
		fprintf(stderr, "instructions: only %llu of %u queries were answered\n",
			(unsigned long long)fx_count(DP_COUNT_FORWARDED_ANSWERED), BATCH * ROUNDS);
		return 1;
	}
	printf("%u\n", BATCH * ROUNDS);
	fx_down();
	return 0;
}
