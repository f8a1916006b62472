/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_hellowire.c - the codec of the channel between two nodes: there and back, cut at every octet, every octet
 * changed, and what other versions may send.
 */
#include "tests/tap.h"

#include <stdlib.h>
#include <string.h>

#include "node/hellowire.h"
#include "vrrp/fsm.h"

static struct hello_message message, again;
static uint8_t octets[HELLO_PLAIN_MAX + 64];
static size_t len;

static void fill(struct hello_message *m, unsigned routers, unsigned conditions)
{
	memset(m, 0, sizeof(*m));
	memset(m->prelude.session, 0xa1, HELLO_SESSION);
	m->prelude.counter = 0x0102030405060708;
	for (unsigned i = 0; i < HELLO_ECHOES; i++) {
		memset(m->prelude.echo[i].session, 0xb0 + (int)i, HELLO_SESSION);
		m->prelude.echo[i].counter = 1000 + i;
	}
	m->prelude.version = HELLO_VERSION;
	m->prelude.needs = HELLO_NEEDS;
	strcpy(m->prelude.program, "0.1.0");
	m->wall_ns = UINT64_MAX;
	m->uptime_ms = 1;
	m->queries = 2;
	m->cache_entries = 3;
	m->cache_octets = 4;
	strcpy(m->name, "dd1");
	m->faulty = true;
	m->n_parts = HELLO_PARTS_MAX;
	for (unsigned i = 0; i < HELLO_PARTS_MAX; i++)
		m->part[i] = UINT64_MAX - i;
	m->n_routers = (uint8_t)routers;
	for (unsigned i = 0; i < routers; i++)
		m->router[i] = (struct hello_router){
			.family = i % 2 ? 6 : 4, .vrid = (uint8_t)(i + 1), .state = VRRP_ACTIVE, .virtual_mac = i % 2,
			.released = i % 3 == 0, .priority = 250, .effective = 190, .interval_cs = 4095,
			.advert_age_ms = HELLO_NEVER, .wanted = 0x1122334455667788 + i, .probed = i, .group = "pair",
		};
	m->failed = (uint16_t)(conditions ? conditions + 3 : 0);
	m->n_conditions = (uint8_t)conditions;
	for (unsigned i = 0; i < conditions; i++) {
		m->condition[i].kind = (uint8_t)(i % 3);
		strcpy(m->condition[i].name, "pool:rec");
	}
}

static void encode(unsigned routers, unsigned conditions)
{
	fill(&message, routers, conditions);
	len = hello_encode(&message, octets);
}

/* In memory of exactly its length. */
static bool decode(size_t n)
{
	uint8_t *exact = malloc(n ? n : 1);
	bool good;

	memcpy(exact, octets, n);
	good = hello_decode(exact, n, &again);
	free(exact);
	return good;
}

static void there_and_back(void **state)
{
	static const unsigned sizes[][2] = { { 0, 0 }, { 1, 1 }, { HELLO_ROUTERS_MAX, HELLO_CONDITIONS_MAX } };

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		encode(sizes[i][0], sizes[i][1]);
		assert_true(decode(len));
		assert_memory_equal(&again, &message, sizeof(message));
	}
}

static void longest_fits(void **state)
{
	(void)state;
	fill(&message, HELLO_ROUTERS_MAX, HELLO_CONDITIONS_MAX);
	memset(message.name, 'n', HELLO_NAME_MAX - 1);
	memset(message.prelude.program, 'p', HELLO_PROGRAM_MAX - 1);
	for (unsigned i = 0; i < HELLO_ROUTERS_MAX; i++)
		memset(message.router[i].group, 'g', HELLO_GROUP_MAX - 1);
	for (unsigned i = 0; i < HELLO_CONDITIONS_MAX; i++)
		memset(message.condition[i].name, 'c', HELLO_NAME_MAX - 1);
	len = hello_encode(&message, octets);
	assert_true(len <= HELLO_PLAIN_MAX);
	assert_true(decode(len));
	assert_memory_equal(&again, &message, sizeof(message));
}

static void cut_anywhere(void **state)
{
	(void)state;
	encode(3, 3);
	for (size_t n = 0; n < len; n++)
		assert_false(decode(n));
	octets[len] = 0;
	assert_false(decode(len + 1));
}

/* Whatever it becomes, it is rejected or sane; what is accepted is written as it was read. */
static void every_octet_changed(void **state)
{
	uint8_t once[HELLO_PLAIN_MAX];

	(void)state;
	for (size_t at = 0; at < 700; at++) {
		for (unsigned flip = 1; flip < 256; flip += flip < 128 ? flip : 127) {
			encode(3, 3);
			if (at >= len)
				return;
			octets[at] ^= (uint8_t)flip;
			if (!decode(len))
				continue;
			assert_true(again.n_routers <= HELLO_ROUTERS_MAX && again.n_conditions <= HELLO_CONDITIONS_MAX);
			if (again.prelude.version <= HELLO_VERSION)
				assert_int_equal(hello_encode(&again, once), len);
		}
	}
}

static void values_that_cannot_be(void **state)
{
	(void)state;
	encode(1, 1);
	message.router[0].state = VRRP_STAY;
	assert_false(decode(hello_encode(&message, octets)));
	message.router[0].state = VRRP_STATES;
	assert_false(decode(hello_encode(&message, octets)));
	encode(1, 1);
	message.router[0].family = 5;
	assert_false(decode(hello_encode(&message, octets)));
	encode(1, 1);
	message.condition[0].kind = 3;
	assert_false(decode(hello_encode(&message, octets)));
	encode(1, 1);
	message.failed = 0;
	assert_false(decode(hello_encode(&message, octets)));
	encode(1, 1);
	strcpy(message.name, "dd\n1");
	assert_false(decode(hello_encode(&message, octets)));
	strcpy(message.name, "dd\x7f");
	assert_false(decode(hello_encode(&message, octets)));
}

static void other_versions(void **state)
{
	struct hello_prelude prelude;
	size_t at;

	(void)state;
	encode(1, 1);
	message.prelude.version = HELLO_VERSION + 1;
	len = hello_encode(&message, octets);
	memset(octets + len, 0xee, 10);
	assert_true(hello_can_pair(&message.prelude));
	assert_true(decode(len + 10));

	message.prelude.needs = HELLO_VERSION + 1;
	assert_false(hello_can_pair(&message.prelude));
	message.prelude.needs = message.prelude.version = HELLO_NEEDS - 1;
	assert_false(hello_can_pair(&message.prelude));

	len = hello_encode(&message, octets);
	assert_true(hello_decode_prelude(octets, len, &prelude, &at));
	assert_memory_equal(&prelude, &message.prelude, sizeof(prelude));
	assert_true(hello_decode_prelude(octets, at, &prelude, &at));
	assert_false(hello_decode_prelude(octets, at - 1, &prelude, &at));
}

static const struct CMUnitTest cases[] = {
	CASE("what is written is read as the same", there_and_back),
	CASE("the longest message fits", longest_fits),
	CASE("D232 cut at any octet, or with one too many: malformed", cut_anywhere),
	CASE("D232 any octet changed: malformed, or sane", every_octet_changed),
	CASE("D232 states, families, kinds and texts that cannot be: malformed", values_that_cannot_be),
	CASE("D232 a later version may add something; one that needs more than ours cannot pair, and can say so",
	     other_versions),
};

int main(void)
{
	return RUN(cases);
}
