/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * instructions.c - what one query costs in user-space instructions and cycles: frames of a recorded batch through
 * parse, the passes, and headers written anew.
 *
 *      instructions miss       forwarded and its answer relayed; there is no cache
 *      instructions stored     the same with names that are new in every batch; the cache is asked and gets the answers
 *      instructions hit        answered from the cache
 *
 * Under callgrind only queries_in() and answers_in() are counted (--toggle-collect); tests/system/test_instructions
 * does that. The hash keys are fixed, so the count repeats. Prints how many queries were counted, and the median of the
 * cycles (time stamp counter) of a batch of 64.
 */
#include <stdio.h>
#include <x86intrin.h>

#include "tests/dataplane/fixture.h"

enum { BATCH = 64, ROUNDS = 256, HEAD = 256, FRAME = 2048, CACHE_MEMORY = 64 << 20 };

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

static const struct dp_io bench_io = { bench_reply, bench_forward, bench_take, bench_give, fx_usable, NULL };

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

static void take_queries(struct dp_worker *worker)
{
	dp_passes_begin(worker, fx.now_ns);
	for (unsigned i = 0; i < BATCH; i++)
		read_frame(frames[i] + HEAD, recorded_len[i], &worker->batch[worker->batch_len++]);
	dp_passes_queries(worker);
	dp_passes_housekeeping(worker);
}

static void take_answers(struct dp_worker *worker)
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

void queries_in(struct dp_worker *worker)
{
	take_queries(worker);
}

void answers_in(struct dp_worker *worker)
{
	take_answers(worker);
}

/* 64 queries: names of three labels and different lengths and cases, half of them with EDNS. */
static void record(unsigned first)
{
	struct dp_flow flow = { .peer = fx.conf.listen[0].endpoint.addr, .peer_port = 53 };
	uint8_t *payload;
	char name[64];

	for (unsigned i = 0; i < BATCH; i++) {
		snprintf(name, sizeof(name), "Host%u.some-Domain%u.%s", (first + i) * 977, i,
			 i % 8 ? "com" : "example.net");
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

/* Fills the cache with what is recorded, uncounted. */
static void warm_up(void)
{
	memcpy(frames, recorded, sizeof(frames));
	take_queries(fx.worker);
	serve();
	take_answers(fx.worker);
	n_sent = 0;
}

static uint64_t measure_round(void)
{
	uint64_t begin, spent;

	memcpy(frames, recorded, sizeof(frames));
	fx.now_ns += CLOCK_NS_PER_MS;
	begin = __rdtsc();
	queries_in(fx.worker);
	spent = __rdtsc() - begin;
	if (fx_count(DP_COUNT_HIT) == 0) {
		serve();
		begin = __rdtsc();
		answers_in(fx.worker);
		spent += __rdtsc() - begin;
	}
	n_sent = 0;
	return spent;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static uint64_t cycles[ROUNDS];
	const char *what = argc == 2 ? argv[1] : "";
	bool hit = !strcmp(what, "hit"), stored = !strcmp(what, "stored");
	enum dp_counter outcome = hit ? DP_COUNT_HIT : DP_COUNT_FORWARDED_ANSWERED;

	if (!hit && !stored && strcmp(what, "miss")) {
		fprintf(stderr, "instructions miss | stored | hit\n");
		return 2;
	}
	fx_up(10);
	fx.worker->io = &bench_io;
	if (hit || stored)
		fx_cache(CACHE_MEMORY);
	record(0);
	if (hit)
		warm_up();
	for (unsigned round = 0; round < ROUNDS; round++) {
		if (stored)
			record(round * BATCH);
		cycles[round] = measure_round();
	}
	if (fx_count(outcome) != (uint64_t)BATCH * ROUNDS) {
		fprintf(stderr, "instructions: only %llu of %u queries were answered as they should be\n",
			(unsigned long long)fx_count(outcome), BATCH * ROUNDS);
		return 1;
	}
	qsort(cycles, ROUNDS, sizeof(*cycles), compare);
	printf("%u %llu\n", BATCH * ROUNDS, (unsigned long long)cycles[ROUNDS / 2]);
	fx_down();
	return 0;
}
