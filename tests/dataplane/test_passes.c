/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/tap.h"

#include <stdio.h>

#include "tests/dataplane/fixture.h"

enum { RCODE_MASK = 0x0f };

static int set_up(void **state)
{
	(void)state;
	fx_up(6);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	assert_true(fx_balanced());
	fx_down();
	return 0;
}

static const uint8_t *last_reply(void)
{
	return fx.reply[fx.replies - 1].octets;
}

static unsigned reply_rcode(void)
{
	return last_reply()[3] & RCODE_MASK;
}

static unsigned reply_id(void)
{
	return last_reply()[0] << 8 | last_reply()[1];
}

static void routes_by_suffix(void **state)
{
	static const struct { const char *name; uint16_t type; int pool; } cases[] = {
		{ "www.example.net", 1, 0 }, { "EXAMPLE.net", 1, 0 }, { "badexample.net", 1, 1 },
		{ "net", 1, 1 }, { "example.net", DNS_TYPE_DS, 1 }, { "a.example.net", DNS_TYPE_DS, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fx_ask("10.0.0.1", false, 1, cases[i].name, cases[i].type, 0);
		assert_int_equal(fx.forwards, i + 1);
		assert_string_equal(fx.forward[i].server->pool_name, cases[i].pool ? "rec" : "auth");
	}
}

static void query_is_written_from_the_key(void **state)
{
	const uint8_t *q;

	(void)state;
	fx_ask("10.0.0.1", false, 0x1234, "WwW.Example.COM", 1, 4096);
	q = fx.forward[0].octets;
	assert_memory_equal(q + 12, "\3www\7example\3com\0\0\1\0\1", 21);
	assert_int_equal(q[2], DNS_RD >> 8);
	assert_int_equal(q[3], DNS_AD);
	assert_memory_equal(q + 10, "\0\1", 2);
	assert_memory_equal(q + 33, "\0\0\x29\4\xd0\0\0\0\0\0\0", 11);	/* 1232, whatever the client said */
	assert_int_equal(fx.forward[0].len, 44);
	fx_ask("10.0.0.1", false, 0x1234, "example.net", 1, 0);
	assert_int_equal(fx.forward[1].octets[2], 0);			/* no RD to authoritative servers */
}

static void answer_becomes_the_clients(void **state)
{
	const uint8_t *r;

	(void)state;
	fx_ask("10.0.0.1", false, 0x1234, "WwW.Example.COM", 1, 0);
	fx_answer(&fx.forward[0], DNS_RA, NULL);
	r = last_reply();
	assert_int_equal(reply_id(), 0x1234);
	assert_memory_equal(r + 12, "\3WwW\7Example\3COM", 16);
	assert_int_equal(r[11], 0);					/* no OPT asked, none given */
	assert_int_equal(fx.reply[0].len, 33 + 16);
	assert_int_equal(fx_count(DP_COUNT_FORWARDED_ANSWERED), 1);
}

static void edns_is_per_hop(void **state)
{
	(void)state;
	fx_ask("10.0.0.1", false, 7, "www.example.com", 1, 4096);
	fx_answer(&fx.forward[0], DNS_RA, NULL);
	assert_int_equal(last_reply()[11], 1);
	assert_int_equal(fx.reply[0].len, 33 + 16 + 11);
	assert_memory_equal(last_reply() + 33 + 16, "\0\0\x29\4\xd0", 5);
}

static void aa_and_ra_follow_the_pool(void **state)
{
	(void)state;
	fx_ask("10.0.0.1", false, 1, "www.example.net", 1, 0);
	fx_answer(&fx.forward[0], DNS_AA, NULL);
	assert_true(last_reply()[2] & DNS_AA >> 8);
	fx_ask("10.0.0.1", false, 1, "www.example.com", 1, 0);
	fx_answer(&fx.forward[1], DNS_AA | DNS_RA, NULL);
	assert_false(last_reply()[2] & DNS_AA >> 8);
	assert_true(last_reply()[3] & DNS_RA);
}

static void wrong_id(struct dp_packet *p) { p->payload[1] ^= 1; }
static void wrong_server(struct dp_packet *p) { p->back.flow.peer.bytes[15] ^= 0x40; }
static void wrong_server_port(struct dp_packet *p) { p->back.flow.peer_port = 5353; }
static void wrong_own(struct dp_packet *p) { p->back.flow.own.bytes[15] ^= 1; }
static void wrong_name(struct dp_packet *p) { p->payload[13] ^= 1; }
static void wrong_type(struct dp_packet *p) { p->payload[30] ^= 1; }
static void is_query(struct dp_packet *p) { p->payload[2] &= 0x7f; }
static void wrong_opcode(struct dp_packet *p) { p->payload[2] |= 0x20; }
static void no_question(struct dp_packet *p) { p->payload[5] = 0; }	/* and no error */
static void cut_short(struct dp_packet *p) { p->payload_len = 40; }
static void only_id(struct dp_packet *p) { p->payload_len = 2; }

static void wrong_answers_are_ignored(void **state)
{
	static void (*const edits[])(struct dp_packet *) = {
		wrong_id, wrong_server, wrong_server_port, wrong_own, wrong_name, wrong_type, is_query,
		wrong_opcode, no_question, cut_short, only_id,
	};
	uint64_t refused;

	(void)state;
	fx_ask("10.0.0.1", false, 9, "www.example.com", 1, 0);
	for (size_t i = 0; i < sizeof(edits) / sizeof(edits[0]); i++)
		fx_answer(&fx.forward[0], DNS_RA, edits[i]);
	assert_int_equal(fx.replies, 0);
	refused = fx_count(DP_COUNT_ANSWER_LATE) + fx_count(DP_COUNT_ANSWER_MISMATCH) +
		  fx_count(DP_COUNT_ANSWER_MALFORMED);
	assert_int_equal(refused, sizeof(edits) / sizeof(edits[0]));
	fx_answer(&fx.forward[0], DNS_RA, NULL);
	assert_int_equal(fx.replies, 1);
	fx_answer(&fx.forward[0], DNS_RA, NULL);		/* the second one is late */
	assert_int_equal(fx.replies, 1);
	assert_int_equal(fx_count(DP_COUNT_ANSWER_LATE), 2);
}

static void bare_refusal(struct dp_packet *p)
{
	p->payload_len = 12;
	p->payload[3] = DNS_RCODE_REFUSED;
	memset(p->payload + 4, 0, 8);
}

static void bare_error_ends_the_wait(void **state)
{
	(void)state;
	fx_ask("10.0.0.1", false, 12, "www.example.com", 1, 0);
	fx_answer(&fx.forward[0], 0, bare_refusal);
	assert_int_equal(fx.replies, 1);
	assert_int_equal(reply_rcode(), DNS_RCODE_SERVFAIL);
	assert_int_equal(reply_id(), 12);
	assert_int_equal(fx_count(DP_COUNT_ANSWER_NO_QUESTION), 1);
	assert_int_equal(fx.worker->loads[fx.forward[0].server->index].outstanding, 0);
}

static void timeout_gives_servfail(void **state)
{
	(void)state;
	fx_ask("10.0.0.1", false, 77, "www.example.com", 1, 1232);
	fx_pass_ms(900);
	assert_int_equal(fx.replies, 0);
	fx_pass_ms(120);
	assert_int_equal(fx.replies, 1);
	assert_int_equal(reply_rcode(), DNS_RCODE_SERVFAIL);
	assert_int_equal(reply_id(), 77);
	assert_memory_equal(last_reply() + fx.reply[0].len - 6, "\0\x0f\0\2\0\x16", 6);	/* EDE 22 */
	assert_int_equal(fx_count(DP_COUNT_FORWARDED_TIMEOUT), 1);
	fx_answer(&fx.forward[0], DNS_RA, NULL);		/* too late now */
	assert_int_equal(fx.replies, 1);
}

static uint32_t outstanding(void)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < POOL_SERVERS_MAX; i++)
		sum += fx.worker->loads[i].outstanding;
	return sum;
}

/* Asks for a name that nobody else asks for. */
static void ask_another(uint16_t id)
{
	char name[32];

	snprintf(name, sizeof(name), "n%u.example.com", id);
	fx_ask("10.0.0.1", false, id, name, 1, 0);
}

static void outstanding_returns_to_zero(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 40; i++)
		ask_another(i);
	assert_int_equal(outstanding(), 40);
	assert_int_equal(fx.worker->loads[1].outstanding, 20);	/* least-outstanding shares evenly */
	for (unsigned i = 0; i < 10; i++)
		fx_answer(&fx.forward[i], DNS_RA, NULL);
	dp_passes_unreachable(fx.worker, fx.forward[10].own_port,
			      (uint16_t)(fx.forward[10].octets[0] << 8 | fx.forward[10].octets[1]));
	assert_int_equal(reply_rcode(), DNS_RCODE_SERVFAIL);
	fx.refuse_take = true;
	fx_pass_ms(2000);
	assert_int_equal(outstanding(), 0);
	fx.refuse_take = false;
	fx.refuse_forward = true;
	fx_ask("10.0.0.1", false, 1, "www.example.com", 1, 0);
	assert_int_equal(outstanding(), 0);
}

static void no_server_no_silence(void **state)
{
	(void)state;
	pool_server_set_up(fx.auth.member[0], false, "test", 2);
	fx_ask("10.0.0.1", false, 5, "www.example.net", 1, 1232);
	assert_int_equal(reply_rcode(), DNS_RCODE_SERVFAIL);
	assert_memory_equal(last_reply() + fx.reply[0].len - 2, "\0\x16", 2);
	fx.hops.server[1].usable = false;			/* rec goes on with the other one */
	fx_ask("10.0.0.1", false, 5, "www.example.com", 1, 0);
	assert_int_equal(fx.forward[0].server->index, 2);
	fx.hops.server[2].usable = false;
	fx_ask("10.0.0.1", false, 6, "www3.example.com", 1, 0);
	assert_int_equal(reply_rcode(), DNS_RCODE_SERVFAIL);
	assert_int_equal(fx_count(DP_COUNT_NO_SERVER), 2);
}

static void strangers_get_no_recursion(void **state)
{
	(void)state;
	fx_ask("192.0.2.1", false, 5, "www.example.com", 1, 0);
	assert_int_equal(fx.forwards, 0);
	assert_int_equal(reply_rcode(), DNS_RCODE_REFUSED);
	fx_ask("192.0.2.1", false, 5, "www.example.net", 1, 0);
	assert_int_equal(fx.forwards, 1);
}

static void refusals_by_rule(void **state)
{
	static const struct { uint16_t flags, type, class; int rcode; enum dp_counter counter; } cases[] = {
		{ DNS_QR, 1, 1, -1, DP_COUNT_DROP_RESPONSE },
		{ DNS_OPCODE_NOTIFY << 11, 1, 1, DNS_RCODE_REFUSED, DP_COUNT_REFUSED_UPDATE },
		{ 15 << 11, 1, 1, DNS_RCODE_NOTIMP, DP_COUNT_NOTIMP },
		{ 0, DNS_TYPE_AXFR, 1, DNS_RCODE_NOTIMP, DP_COUNT_REFUSED_TYPE },
		{ 0, DNS_TYPE_TSIG, 1, DNS_RCODE_NOTIMP, DP_COUNT_REFUSED_TYPE },
		{ 0, 1, DNS_CLASS_CH, DNS_RCODE_REFUSED, DP_COUNT_LOCAL },
		{ 0, 1, 1, DNS_RCODE_REFUSED, DP_COUNT_REFUSED_RD },
	};
	uint8_t octets[300];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		unsigned before = fx.replies;
		uint64_t counted = fx_count(cases[i].counter);

		fx_ask_wire("10.0.0.1", false, octets,
			    fx_query(octets, 3, cases[i].flags, "a.test", cases[i].type, cases[i].class, 0));
		dp_passes_queries(fx.worker);
		assert_int_equal(fx_count(cases[i].counter), counted + 1);
		assert_int_equal(fx.replies - before, cases[i].rcode >= 0);
		if (cases[i].rcode >= 0)
			assert_int_equal(reply_rcode(), cases[i].rcode);
	}
	assert_int_equal(fx.forwards, 0);
	fx_ask_wire("10.0.0.1", false, octets, 11);
	dp_passes_queries(fx.worker);
	assert_int_equal(fx_count(DP_COUNT_DROP_SHORT), 1);
}

static void unknown_types_and_classes_pass(void **state)
{
	uint8_t octets[300];

	(void)state;
	fx_ask("10.0.0.1", false, 3, "a.test", 65280, 0);
	fx_ask_wire("10.0.0.1", false, octets, fx_query(octets, 3, DNS_RD, "a.test", 1, 4, 0));
	dp_passes_queries(fx.worker);
	assert_int_equal(fx.forwards, 2);
}

static void full_table_drops_and_recovers(void **state)
{
	(void)state;
	for (uint16_t i = 0; i < 70; i++)
		ask_another(i);
	assert_int_equal(fx.forwards, 64);
	assert_int_equal(fx_count(DP_COUNT_DROP_FULL), 6);
	fx_answer(&fx.forward[3], DNS_RA, NULL);
	ask_another(99);
	assert_int_equal(fx.forwards, 65);
}

static void nothing_leaves_without_the_lease(void **state)
{
	struct dp_packet *p = fx.worker->batch;
	uint8_t octets[300];

	(void)state;
	fx.conf.listen[0].lease = 2;
	fx_ask_wire("10.0.0.1", false, octets, fx_query(octets, 1, 0, "x.", 1, DNS_CLASS_CH, 0));
	p->lease = 2;
	dp_passes_queries(fx.worker);
	assert_int_equal(fx.replies, 0);
	assert_int_equal(fx_count(DP_COUNT_DROP_LEASE), 1);
	lease_grant(&fx.leases, 2, LEASE_ACTIVE, UINT64_MAX);
	dp_passes_begin(fx.worker, fx.now_ns);
	fx_ask_wire("10.0.0.1", false, octets, fx_query(octets, 1, DNS_RD, "www.example.com.", 1, 1, 0));
	p->lease = 2;
	dp_passes_queries(fx.worker);
	lease_revoke(&fx.leases, 2);				/* lost while the query was away */
	dp_passes_begin(fx.worker, fx.now_ns);
	fx_answer(&fx.forward[0], DNS_RA, NULL);
	assert_int_equal(fx.replies, 0);
	assert_int_equal(fx_count(DP_COUNT_DROP_LEASE), 2);
}

static void truncated_is_fetched_by_tcp(void **state)
{
	(void)state;
	fx_ask("10.0.0.1", true, 8, "big.example.com", 1, 0);
	fx_answer(&fx.forward[0], DNS_TC | DNS_RA, NULL);
	assert_int_equal(fx.replies, 0);
	assert_int_equal(fx.forwards, 2);
	assert_true(fx.forward[1].tcp);
	assert_ptr_equal(fx.forward[1].server, fx.forward[0].server);
	fx_answer(&fx.forward[1], DNS_RA, NULL);
	assert_int_equal(reply_id(), 8);
	assert_false(last_reply()[2] & DNS_TC >> 8);
	fx_ask("10.0.0.1", false, 9, "big.example.com", 1, 0);
	fx_answer(&fx.forward[2], DNS_TC | DNS_RA, NULL);
	assert_true(last_reply()[2] & DNS_TC >> 8);		/* UDP clients see TC and come back */
	assert_int_equal(outstanding(), 0);
}

static void canary_goes_through_every_pass(void **state)
{
	(void)state;
	atomic_store(&fx.worker->self.canary_asked, 5);
	fx_pass_ms(1);
	assert_int_equal(atomic_load(&fx.worker->self.canary_answered), 5);
	assert_int_equal(fx_count(DP_COUNT_SELF_QUERIES), 1);
	assert_int_equal(fx_count(DP_COUNT_QUERIES), 0);
	local_table_free(fx.conf.local);
	fx.conf.local = local_table_new(NULL, NULL);
	atomic_store(&fx.worker->self.canary_asked, 6);
	fx.refuse_take = true;					/* no buffers: the canary shows it */
	fx_pass_ms(1);
	assert_int_equal(atomic_load(&fx.worker->self.canary_answered), 5);
}

static void check_query_goes_to_its_server(void **state)
{
	(void)state;
	atomic_store(&fx.worker->self.port[0].server_plus_1, 2 + 1);
	fx_pass_ms(1);
	assert_int_equal(fx.forwards, 1);
	assert_int_equal(fx.forward[0].server->index, 2);
	assert_int_equal(atomic_load(&fx.worker->self.port[0].answered), 0);
	fx_answer(&fx.forward[0], DNS_RA, NULL);
	assert_int_equal(atomic_load(&fx.worker->self.port[0].answered),
			 atomic_load(&fx.worker->self.port[0].asked));
	atomic_store(&fx.worker->self.port[0].server_plus_1, 2 + 1);
	fx_pass_ms(1);
	fx_pass_ms(1000);					/* no answer: nobody is told, it shows */
	assert_int_not_equal(atomic_load(&fx.worker->self.port[0].answered),
			     atomic_load(&fx.worker->self.port[0].asked));
	assert_int_equal(fx.replies, 0);
}

static void failed_reply_is_an_outcome(void **state)
{
	(void)state;
	fx_ask("10.0.0.1", false, 1, "www.example.com", 1, 0);
	fx.refuse_reply = true;
	fx_answer(&fx.forward[0], DNS_RA, NULL);
	assert_int_equal(fx_count(DP_COUNT_DROP_TRANSMIT), 1);
	assert_int_equal(fx_count(DP_COUNT_FORWARDED_ANSWERED), 0);
}

#define IN_FIXTURE(description, function) { description, function, set_up, tear_down, NULL }

int main(void)
{
	const struct CMUnitTest cases[] = {
		IN_FIXTURE("D100 D104 routes by whole labels, longest first, DS to the parent", routes_by_suffix),
		IN_FIXTURE("D105 D108 D130 the server's query is written from the key", query_is_written_from_the_key),
		IN_FIXTURE("D043 D087 id and letter case are the client's, no OPT unasked", answer_becomes_the_clients),
		IN_FIXTURE("D043 D045 D050 one OPT of our own on each hop", edns_is_per_hop),
		IN_FIXTURE("D106 D107 AA and RA follow the pool's kind", aa_and_ra_follow_the_pool),
		IN_FIXTURE("D080 D082 D086 only the right answer counts, and once", wrong_answers_are_ignored),
		IN_FIXTURE("D082 an error without a question ends the wait with SERVFAIL", bare_error_ends_the_wait),
		IN_FIXTURE("D089 timeout gives SERVFAIL with EDE 22", timeout_gives_servfail),
		IN_FIXTURE("D091 D227 outstanding returns to 0 after every path", outstanding_returns_to_zero),
		IN_FIXTURE("D118 no usable server gives SERVFAIL, not silence", no_server_no_silence),
		IN_FIXTURE("D115 strangers: no recursion, authoritative names yes", strangers_get_no_recursion),
		IN_FIXTURE("D020 D021 D029 D114 refusals, each counted by its reason", refusals_by_rule),
		IN_FIXTURE("D031 unknown types and classes are forwarded", unknown_types_and_classes_pass),
		IN_FIXTURE("a full table drops, and takes queries again", full_table_drops_and_recovers),
		IN_FIXTURE("nothing leaves for an address whose lease is not held", nothing_leaves_without_the_lease),
		IN_FIXTURE("D062 D064 TC: fetched by TCP for TCP clients, passed to UDP ones",
			   truncated_is_fetched_by_tcp),
		IN_FIXTURE("the canary goes through every pass", canary_goes_through_every_pass),
		IN_FIXTURE("the fast-path check goes to its server and is in no outcome",
			   check_query_goes_to_its_server),
		IN_FIXTURE("D250 a reply that cannot leave is an outcome too", failed_reply_is_an_outcome),
	};

	return RUN(cases);
}
