/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_hello.c - libFuzzer: the octets are what one node tells the other, opened. What is accepted is sane and can be
 * shown to people, and what is written from it is read as the same.
 */
#include "tests/fuzz/exercise.h"

#include "base/health.h"
#include "node/hellowire.h"
#include "vrrp/fsm.h"

static void expect_text(const char *text, size_t size)
{
	PROMISE(memchr(text, '\0', size));
	for (; *text; text++)
		PROMISE(*text >= ' ' && *text <= '~');
}

static void expect_sane(const struct hello_message *m)
{
	PROMISE(m->n_parts <= HELLO_PARTS_MAX && m->n_routers <= HELLO_ROUTERS_MAX);
	PROMISE(m->n_conditions <= HELLO_CONDITIONS_MAX && m->n_conditions <= m->failed);
	expect_text(m->name, sizeof(m->name));
	expect_text(m->prelude.program, sizeof(m->prelude.program));
	for (unsigned i = 0; i < m->n_routers; i++) {
		PROMISE(m->router[i].state >= VRRP_INITIALIZE && m->router[i].state < VRRP_STATES);
		PROMISE(m->router[i].family == 4 || m->router[i].family == 6);
		expect_text(m->router[i].group, sizeof(m->router[i].group));
	}
	for (unsigned i = 0; i < m->n_conditions; i++) {
		PROMISE(m->condition[i].kind <= HEALTH_NOTICE);
		expect_text(m->condition[i].name, sizeof(m->condition[i].name));
	}
}

static void write_hello_again(const struct hello_message *m)
{
	uint8_t *octets = malloc(HELLO_PLAIN_MAX);
	size_t len = hello_encode(m, octets);
	struct hello_message again;

	PROMISE(len <= HELLO_PLAIN_MAX);
	PROMISE(hello_decode(octets, len, &again));
	PROMISE(!memcmp(&again, m, sizeof(again)));
	free(octets);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *octets = exercise_copy(data, size);
	struct hello_prelude prelude;
	struct hello_message message;
	size_t at;
	bool has_prelude = hello_decode_prelude(octets, size, &prelude, &at);

	PROMISE(at <= size);
	if (hello_decode(octets, size, &message)) {
		PROMISE(has_prelude);
		PROMISE(!memcmp(&prelude, &message.prelude, sizeof(prelude)));
		expect_sane(&message);
		write_hello_again(&message);
	}
	free(octets);
	return 0;
}
