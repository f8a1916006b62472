/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_handover.c - the ring between two workers: order, limits, and two threads at once (also under TSAN=1).
 */
#include "tests/tap.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/handover.h"

static bool push_number(struct dp_handover *ring, uint32_t number, uint16_t len)
{
	uint8_t payload[DP_HANDOVER_PAYLOAD_MAX];
	struct dp_flow flow = { .peer_port = (uint16_t)number };

	memset(payload, (int)(number & 0xff), sizeof(payload));
	memcpy(payload, &number, sizeof(number));
	return dp_handover_push(ring, &flow, payload, len);
}

/* Length of what was popped, after checking that it is the whole message and only one; 0 = empty. */
static uint16_t pop_number(struct dp_handover *ring, uint32_t *number)
{
	uint8_t payload[DP_HANDOVER_PAYLOAD_MAX];
	struct dp_flow flow;
	uint16_t len = dp_handover_pop(ring, &flow, payload, sizeof(payload));

	if (len == 0)
		return 0;
	memcpy(number, payload, sizeof(*number));
	assert_int_equal(flow.peer_port, (uint16_t)*number);
	for (unsigned i = sizeof(*number); i < len; i++)
		assert_int_equal(payload[i], *number & 0xff);
	return len;
}

static void test_order_and_wrap(void **state)
{
	struct dp_handover *ring = dp_handover_new(4);
	uint32_t pushed = 0, popped = 0, number;

	(void)state;
	assert_non_null(ring);
	for (int round = 0; round < 1000; round++) {
		for (int i = 0; i <= round % 4; i++)
			assert_true(push_number(ring, pushed++, 40));
		while (pop_number(ring, &number))
			assert_int_equal(number, popped++);
		assert_int_equal(popped, pushed);
	}
	dp_handover_free(ring);
}

static void test_full(void **state)
{
	struct dp_handover *ring = dp_handover_new(8);
	uint32_t number;

	(void)state;
	assert_true(dp_handover_empty(ring));
	for (uint32_t i = 0; i < 8; i++)
		assert_true(push_number(ring, i, 12));
	assert_false(push_number(ring, 8, 12));
	assert_false(dp_handover_empty(ring));
	assert_int_equal(pop_number(ring, &number), 12);
	assert_int_equal(number, 0);
	assert_true(push_number(ring, 9, 12));
	assert_false(push_number(ring, 10, 12));
	for (uint32_t i = 0; i < 8; i++)
		assert_int_equal(pop_number(ring, &number), 12);
	assert_int_equal(number, 9);
	assert_int_equal(pop_number(ring, &number), 0);
	assert_true(dp_handover_empty(ring));
	dp_handover_free(ring);
}

static void test_lengths(void **state)
{
	static const struct { uint16_t len; bool taken; } table[] = {
		{ 0, false }, { 4, true }, { 1232, true }, { DP_HANDOVER_PAYLOAD_MAX, true },
		{ DP_HANDOVER_PAYLOAD_MAX + 1, false }, { UINT16_MAX, false },
	};
	static const uint8_t zeros[UINT16_MAX];
	struct dp_handover *ring = dp_handover_new(2);
	struct dp_flow flow = { .own_port = 53 };
	uint8_t out[DP_HANDOVER_PAYLOAD_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		assert_int_equal(dp_handover_push(ring, &flow, zeros, table[i].len), table[i].taken);
		assert_int_equal(dp_handover_pop(ring, &flow, out, sizeof(out)),
				 table[i].taken ? table[i].len : 0);
	}
	dp_handover_free(ring);
}

static void test_too_long_for_consumer(void **state)
{
	struct dp_handover *ring = dp_handover_new(4);
	struct dp_flow flow;
	uint8_t out[64];
	uint32_t number;

	(void)state;
	push_number(ring, 1, 65);
	push_number(ring, 2, 64);
	assert_int_equal(dp_handover_pop(ring, &flow, out, sizeof(out)), 64);
	memcpy(&number, out, sizeof(number));
	assert_int_equal(number, 2);
	push_number(ring, 3, 65);
	assert_int_equal(dp_handover_pop(ring, &flow, out, sizeof(out)), 0);
	assert_true(dp_handover_empty(ring));
	dp_handover_free(ring);
}

enum { MESSAGES = 200000 };

static void *produce(void *context)
{
	struct dp_handover *ring = context;

	for (uint32_t i = 0; i < MESSAGES; ) {
		if (push_number(ring, i, (uint16_t)(4 + i % 100)))
			i++;
		else
			sched_yield();
	}
	return NULL;
}

static void test_two_threads(void **state)
{
	struct dp_handover *ring = dp_handover_new(64);
	uint32_t expected = 0, number;
	pthread_t thread;

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, produce, ring), 0);
	while (expected < MESSAGES) {
		uint16_t len = pop_number(ring, &number);

		if (len == 0) {
			sched_yield();
			continue;
		}
		assert_int_equal(number, expected);
		assert_int_equal(len, 4 + expected % 100);
		expected++;
	}
	pthread_join(thread, NULL);
	assert_true(dp_handover_empty(ring));
	dp_handover_free(ring);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("messages come out in order, round and round", test_order_and_wrap),
		CASE("a full ring refuses and keeps what it has", test_full),
		CASE("lengths from 1 to the maximum are taken, others refused", test_lengths),
		CASE("a message too long for the consumer is discarded", test_too_long_for_consumer),
		CASE("two threads at once lose and mix up nothing", test_two_threads),
	};

	return RUN(cases);
}
