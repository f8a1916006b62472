/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_outcomes.c - whatever clients and servers send, every query ends in exactly one outcome. Mutated queries of all
 * kinds go through the passes under changing rules, with cache and limits, mutated answers come back or do not, and
 * after every batch the books must balance: outcomes and queries in flight are the queries received, and no buffer is
 * lost. The same octets in every run.
 */
#include "tests/tap.h"

#include "dataplane/limit.h"
#include "tests/dataplane/fixture.h"
#include "tests/dataplane/message.h"

enum { ROUNDS = 20000, BATCH = 8, SAMPLES_MAX = 20 };

static struct message samples[SAMPLES_MAX];
static unsigned n_samples;
static uint64_t random_state = 0x9e3779b97f4a7c15;

static uint32_t random_below(uint32_t limit)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)((random_state >> 32) * limit >> 32);
}

static struct message *begin(unsigned flags, const char *name, unsigned type, unsigned additionals)
{
	struct message *m = &samples[n_samples++];

	put_header(m, flags, 1, 0, 0, additionals);
	put_question(m, name, type);
	return m;
}

static void build_samples(void)
{
	struct message *m;

	n_samples = 0;
	begin(DNS_RD, "www.example.com", DNS_TYPE_A, 0);
	begin(0, "www.example.com", DNS_TYPE_A, 0);
	begin(0, "a.b.example.net", 65280, 0);
	begin(DNS_RD, "www.example.com", DNS_TYPE_ANY, 0);
	begin(0, "example.net", DNS_TYPE_AXFR, 0);
	begin(0, "example.net", DNS_TYPE_DS, 0);
	m = begin(0, "id.server", DNS_TYPE_TXT, 0);
	m->octets[m->len - 1] = DNS_CLASS_CH;
	m = begin(DNS_RD | DNS_CD, "Www.Example.cOm", DNS_TYPE_AAAA, 1);
	put_opt(m, 1232, 0x8000, "\0\3\0\0\0\12\0\10abcdefgh", 16);
	m = begin(DNS_RD, "www.example.com", DNS_TYPE_A, 1);
	put_opt(m, 512, 0x10000, "", 0);
	m = begin(DNS_OPCODE_UPDATE << 11, "example.net", DNS_TYPE_SOA, 1);
	put_name(m, "key");
	put_data(m, DNS_TYPE_TSIG, "\4hmac\0", 6);
	begin(DNS_OPCODE_NOTIFY << 11, "example.net", DNS_TYPE_SOA, 0);
	begin(15 << 11, "example.net", DNS_TYPE_SOA, 0);
	m = begin(DNS_RD, "www.example.com", DNS_TYPE_A, 1);
	put_name(m, "key");
	put_data(m, DNS_TYPE_TSIG, "\4hmac\0", 6);
}

static void mutate(uint8_t *octets, uint32_t *len)
{
	static const uint8_t edges[] = { 0, 1, 2, 12, 41, 63, 64, 128, 192, 250, 255 };

	switch (random_below(6)) {
	case 0:
		octets[random_below(*len)] ^= 1 << random_below(8);
		break;
	case 1:
		octets[random_below(*len)] = edges[random_below(sizeof(edges))];
		break;
	case 2:		/* flags and counts */
		octets[2 + random_below(10) % *len] = edges[random_below(sizeof(edges))];
		break;
	case 3:
		*len = 1 + random_below(*len);
		break;
	case 4:
		octets[(*len)++] = (uint8_t)random_below(256);
		break;
	default:	/* left as it is */
		break;
	}
}

static void ask_some(void)
{
	static const char *const clients[] = { "10.0.0.1", "10.9.9.9", "203.0.113.7", "2001:db8::1" };

	for (unsigned i = 0; i < BATCH; i++) {
		const struct message *sample = &samples[random_below(n_samples)];
		uint8_t octets[512];
		uint32_t len = (uint32_t)sample->len;

		memcpy(octets, sample->octets, len);
		for (unsigned changes = random_below(4); changes; changes--)
			mutate(octets, &len);
		fx_ask_wire(clients[random_below(4)], random_below(4) == 0, octets, len);
	}
	dp_passes_queries(fx.worker);
}

static void spoil(struct dp_packet *p)
{
	for (unsigned changes = random_below(3); changes; changes--)
		mutate(p->payload, &p->payload_len);
	if (random_below(10) == 0 && p->payload_len >= 12) {	/* FORMERR or NOTIMP, sometimes with nothing else */
		p->payload[3] = random_below(2) ? DNS_RCODE_FORMERR : DNS_RCODE_NOTIMP;
		if (random_below(2)) {
			memset(p->payload + 4, 0, 8);
			p->payload_len = 12;
		}
	}
}

/* Answers the messages to servers from number first on; some are left to time out. */
static void answer_some(unsigned first)
{
	for (unsigned i = first; i < fx.forwards; i++) {
		const struct fx_message *m = &fx.forward[i % FX_MESSAGES];

		/* the fixture's answer is made from the question: an UPDATE that was mutated has none it could find */
		if (random_below(8) && (m->octets[2] & 0x78) == 0)
			fx_answer(m, random_below(4) ? DNS_RA : DNS_RA | DNS_TC, spoil);
	}
}

static void change_rules(void)
{
	for (unsigned kind = 0; kind < POOL_KINDS; kind++)
		fx.conf.rules.any[kind] = (uint8_t)random_below(3);
	fx.conf.rules.rd0_from_cache = random_below(2);
	fx.conf.rules.ignore_trailing = random_below(2);
	fx.conf.rules.edns_fallback = random_below(2);
	fx.conf.nsid_len = random_below(2) ? 3 : 0;
	fx.refuse_reply = random_below(16) == 0;
	fx.refuse_forward = random_below(16) == 0;
	fx.refuse_take = false;
}

/* Everything on: cache, limits, retries, updates, NSID. */
static void set_up_node(void)
{
	struct dp_limit_conf limits = {
		.ipv4_prefix = 32, .ipv6_prefix = 56, .slip = 2, .hit_qps = 8, .amplification = 8, .tcp_factor = 2,
		.kind = { [POOL_RECURSIVE] = { 5, 5, DP_OVER_CACHE_ONLY },
			  [POOL_AUTHORITATIVE] = { 2, 2, DP_OVER_SLIP } },
	};
	struct dp_acl_rule rule = { .allow = true };

	fx_up(6);
	fx_cache(8 << 20);
	fx.auth.retry_percent = fx.rec.retry_percent = 20;
	assert_int_equal(dp_limit_open(&fx.shared.limit, 1 << 20), 0);
	fx.conf.limit = dp_limit_rules_new(&limits);
	memcpy(fx.conf.nsid, "dd1", 3);
	prefix_parse("10.0.0.0/16", &rule.prefix);
	dp_acl_free(fx.conf.update_acl);
	fx.conf.update_acl = dp_acl_new(&rule, 1);
}

static void tear_down_node(void)
{
	dp_limit_rules_free(fx.conf.limit);
	dp_limit_close(fx.shared.limit);
	fx_down();
}

static void every_query_has_one_outcome(void **state)
{
	unsigned seen = 0;

	(void)state;
	set_up_node();
	build_samples();
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned first;

		change_rules();
		first = fx.forwards;
		ask_some();
		answer_some(first);
		fx.refuse_take = random_below(16) == 0;
		fx_pass_ms(random_below(100) ? 1 + random_below(200) : 70000);
		if (!fx_balanced())
			fail_msg("round %u: the books do not balance: %d buffers out", round, fx.buffers);
	}
	fx.refuse_take = fx.refuse_reply = fx.refuse_forward = false;
	fx_pass_ms(5000);
	assert_true(fx_balanced());
	assert_int_equal(dp_inflight_count(fx.worker->inflight), 0);
	for (unsigned i = 0; i < POOL_SERVERS_MAX; i++)
		assert_int_equal(fx.worker->loads[i].outstanding, 0);
	for (unsigned i = 0; i < DP_OUTCOME_END; i++)
		seen += fx_count((enum dp_counter)i) != 0;
	print_message("# %lu queries, %u of %u outcomes\n", (unsigned long)fx_count(DP_COUNT_QUERIES), seen,
		      (unsigned)DP_OUTCOME_END);
	assert_true(seen >= 24);
	assert_int_not_equal(fx_count(DP_COUNT_HIT), 0);
	assert_int_not_equal(fx_count(DP_COUNT_JOINED), 0);
	assert_int_not_equal(fx_count(DP_COUNT_LIMITED_SLIP), 0);
	tear_down_node();
}

static const struct CMUnitTest cases[] = {
	CASE("D034 D227 D250 every query of many mutated ones ends in exactly one outcome",
	     every_query_has_one_outcome),
};

int main(void)
{
	return RUN(cases);
}
