/* SPDX-License-Identifier: BSD-2-Clause */
/* Identical queries in flight share one query to a server. */
#include "tests/tap.h"

#include <stdio.h>

#include "tests/dataplane/fixture.h"

enum { RCODE_MASK = 0x0f, CLIENTS = 60 };

static int set_up(void **state)
{
	(void)state;
	fx_up(10);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	assert_true(fx_balanced());
	fx_down();
	return 0;
}

static unsigned id_of(const struct fx_message *m)
{
	return m->octets[0] << 8 | m->octets[1];
}

static unsigned rcode_of(const struct fx_message *m)
{
	return m->octets[3] & RCODE_MASK;
}

/* Every other client asks in capitals, every third with EDNS. */
static void ask_as(unsigned client)
{
	fx_ask("10.0.0.1", false, (uint16_t)(1000 + client), client % 2 ? "WWW.EXAMPLE.COM" : "www.example.com", 1,
	       client % 3 ? 0 : 1232);
}

static void check_own_answer(unsigned client, const struct fx_message *m)
{
	assert_int_equal(id_of(m), 1000 + client);
	assert_memory_equal(m->octets + 12, client % 2 ? "\3WWW\7EXAMPLE\3COM" : "\3www\7example\3com", 16);
	assert_int_equal(m->octets[11], client % 3 ? 0 : 1);
	assert_int_equal(m->octets[7], 1);
	assert_int_equal(m->len, 33 + 16 + (client % 3 ? 0 : 11));
}

static void one_query_answers_all(void **state)
{
	bool seen[CLIENTS] = { false };

	(void)state;
	for (unsigned i = 0; i < CLIENTS; i++)
		ask_as(i);
	assert_int_equal(fx.forwards, 1);
	assert_int_equal(dp_inflight_waiting(fx.worker->inflight), CLIENTS);
	fx_answer(&fx.forward[0], DNS_RA, NULL);
	assert_int_equal(fx.replies, CLIENTS);
	for (unsigned i = 0; i < CLIENTS; i++) {
		unsigned client = id_of(&fx.reply[i]) - 1000;

		check_own_answer(client, &fx.reply[i]);
		assert_false(seen[client]);
		seen[client] = true;
	}
	assert_int_equal(fx_count(DP_COUNT_JOINED), CLIENTS - 1);
	assert_int_equal(fx_count(DP_COUNT_FORWARDED_ANSWERED), 1);
}

static void a_batch_joins_itself(void **state)
{
	uint8_t octets[300];

	(void)state;
	for (uint16_t i = 0; i < 8; i++)
		fx_ask_wire("10.0.0.1", false, octets,
			    fx_query(octets, i, DNS_RD, "www.example.com", 1, DNS_CLASS_IN, 0));
	dp_passes_queries(fx.worker);
	assert_int_equal(fx.forwards, 1);
	fx_answer(&fx.forward[0], DNS_RA, NULL);
	assert_int_equal(fx.replies, 8);
}

static void other_keys_go_apart(void **state)
{
	static const struct { uint16_t flags, type, class, size; const char *name; bool tcp; } others[] = {
		{ DNS_RD | DNS_CD, 1, 1, 0, "www.example.com", false },
		{ DNS_RD, 28, 1, 0, "www.example.com", false },
		{ DNS_RD, 1, 4, 0, "www.example.com", false },
		{ DNS_RD, 1, 1, 0, "ww.example.com", false },
		{ DNS_RD, 1, 1, 0, "www.example.com", true },
	};
	uint8_t octets[300];
	uint32_t len;

	(void)state;
	fx_ask("10.0.0.1", false, 1, "www.example.com", 1, 0);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		len = fx_query(octets, 2, others[i].flags, others[i].name, others[i].type, others[i].class,
			       others[i].size);
		fx_ask_wire("10.0.0.1", others[i].tcp, octets, len);
		dp_passes_queries(fx.worker);
		assert_int_equal(fx.forwards, 2 + i);
	}
	len = fx_query(octets, 3, DNS_RD, "www.example.com", 1, 1, 1232);
	octets[len - 4] = 0x80;					/* DO */
	fx_ask_wire("10.0.0.1", false, octets, len);
	dp_passes_queries(fx.worker);
	assert_int_equal(fx.forwards, 2 + sizeof(others) / sizeof(others[0]));
	fx_pass_ms(1100);
}

/* The query is 0.6 s old when the second client comes: it gets what is left of its own second, not of the first's. */
static void late_comers_keep_their_deadline(void **state)
{
	(void)state;
	ask_as(0);
	fx_pass_ms(600);
	ask_as(1);
	assert_int_equal(fx.forwards, 1);
	fx_pass_ms(410);
	assert_int_equal(fx.replies, 1);
	assert_int_equal(id_of(&fx.reply[0]), 1000);
	assert_int_equal(rcode_of(&fx.reply[0]), DNS_RCODE_SERVFAIL);
	assert_int_equal(fx.forwards, 2);			/* begun anew, with another server */
	assert_ptr_not_equal(fx.forward[1].server, fx.forward[0].server);
	fx_answer(&fx.forward[0], DNS_RA, NULL);		/* the old one is over */
	assert_int_equal(fx.replies, 1);
	fx_answer(&fx.forward[1], DNS_RA, NULL);
	assert_int_equal(fx.replies, 2);
	check_own_answer(1, &fx.reply[1]);
}

static void late_comers_end_too(void **state)
{
	(void)state;
	ask_as(0);
	fx_pass_ms(500);
	ask_as(1);
	fx_pass_ms(200);
	ask_as(2);
	fx_pass_ms(310);
	assert_int_equal(fx.replies, 1);
	fx_pass_ms(480);
	assert_int_equal(fx.replies, 1);
	fx_pass_ms(20);
	assert_int_equal(fx.replies, 2);
	assert_int_equal(id_of(&fx.reply[1]), 1001);
	fx_pass_ms(200);
	assert_int_equal(fx.replies, 3);
	assert_int_equal(rcode_of(&fx.reply[2]), DNS_RCODE_SERVFAIL);
	assert_int_equal(dp_inflight_waiting(fx.worker->inflight), 0);
}

static void failures_reach_all(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 5; i++)
		ask_as(i);
	fx_pass_ms(1100);
	assert_int_equal(fx.replies, 5);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(rcode_of(&fx.reply[i]), DNS_RCODE_SERVFAIL);
	assert_int_equal(fx_count(DP_COUNT_FORWARDED_TIMEOUT), 5);
}

static void a_waiter_without_buffer_is_counted(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++)
		ask_as(i);
	fx.refuse_take = true;
	fx_pass_ms(1100);
	assert_int_equal(fx.replies, 0);
	assert_int_equal(fx_count(DP_COUNT_DROP_TRANSMIT), 3);
}

static void more_than_places_ask_by_themselves(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 1024 + 1 + 5; i++)
		ask_as(i);
	assert_int_equal(fx.forwards, 1 + 5);
	fx_pass_ms(1100);
	assert_int_equal(fx_count(DP_COUNT_FORWARDED_TIMEOUT), 1024 + 1 + 5);
}

#define IN_FIXTURE(description, function) { description, function, set_up, tear_down, NULL }

int main(void)
{
	const struct CMUnitTest cases[] = {
		IN_FIXTURE("D149 sixty clients, one query; each gets its own id, case and EDNS", one_query_answers_all),
		IN_FIXTURE("D149 queries of one batch join too", a_batch_joins_itself),
		IN_FIXTURE("D150 other type, class, name, CD, DO or transport: not joined", other_keys_go_apart),
		IN_FIXTURE("D150 a late comer is asked for again and keeps its deadline",
			   late_comers_keep_their_deadline),
		IN_FIXTURE("D150 late comers get SERVFAIL at their own deadlines", late_comers_end_too),
		IN_FIXTURE("D150 a timeout reaches every waiter", failures_reach_all),
		IN_FIXTURE("D250 a waiter that cannot be told is an outcome", a_waiter_without_buffer_is_counted),
		IN_FIXTURE("D149 when all places are taken, queries go by themselves",
			   more_than_places_ask_by_themselves),
	};

	return RUN(cases);
}
