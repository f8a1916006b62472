/* SPDX-License-Identifier: BSD-2-Clause */
/* The passes with a cache: what is answered from it, and what is not. */
#include "tests/tap.h"

#include <stdio.h>

#include "tests/dataplane/fixture.h"

enum { MEMORY = 8 << 20, QUESTION_END = 33, RECORD = 16, TTL = 300, RCODE_MASK = 0x0f };

static int set_up(void **state)
{
	(void)state;
	fx_up(6);
	fx_cache(MEMORY);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	fx_pass_ms(1100);
	assert_true(fx_balanced());
	fx_down();
	return 0;
}

static const struct fx_message *last(void)
{
	return &fx.reply[fx.replies - 1];
}

static unsigned ttl_of_first(void)
{
	const uint8_t *ttl = last()->octets + QUESTION_END + 6;

	return (unsigned)ttl[0] << 24 | ttl[1] << 16 | ttl[2] << 8 | ttl[3];
}

/* Asks, and has it answered once: "www.example.com", A, by UDP. */
static void warm(uint16_t flags)
{
	fx_ask("10.0.0.1", false, 1, "www.example.com", 1, 0);
	fx_answer(&fx.forward[fx.forwards - 1], flags, NULL);
}

static void ask_flags(uint16_t flags, bool dnssec_ok, const char *name)
{
	uint8_t octets[300];
	uint32_t len = fx_query(octets, 9, flags, name, 1, DNS_CLASS_IN, 1232);

	octets[len - 4] = dnssec_ok ? 0x80 : 0;
	fx_ask_wire("10.0.0.1", false, octets, len);
	dp_passes_queries(fx.worker);
}

static void second_one_is_a_hit(void **state)
{
	(void)state;
	warm(DNS_RA);
	fx_ask("10.9.9.9", false, 0x4711, "wWw.eXample.com", 1, 0);
	assert_int_equal(fx.forwards, 1);
	assert_int_equal(fx_count(DP_COUNT_HIT), 1);
	assert_int_equal(last()->len, QUESTION_END + RECORD);
	assert_memory_equal(last()->octets, "\x47\x11\x81\x80\0\1\0\1\0\0\0\0", 12);
	assert_memory_equal(last()->octets + 12, "\3wWw\7eXample\3com\0\0\1\0\1", 21);
	assert_memory_equal(last()->octets + QUESTION_END, "\xc0\x0c\0\1\0\1\0\0\1\x2c\0\4\xc0\0\2\1", 16);
	assert_memory_equal(&last()->back.flow.peer.bytes[12], "\x0a\x09\x09\x09", 4);
}

static void ttl_is_lowered_by_whole_seconds(void **state)
{
	(void)state;
	warm(DNS_RA);
	fx_pass_ms(990);
	fx_ask("10.0.0.1", false, 2, "www.example.com", 1, 0);
	assert_int_equal(ttl_of_first(), TTL);
	fx_pass_ms(20);
	fx_ask("10.0.0.1", false, 3, "www.example.com", 1, 0);
	assert_int_equal(ttl_of_first(), TTL - 1);
	fx_pass_ms(298 * 1000);
	fx_ask("10.0.0.1", false, 4, "www.example.com", 1, 0);
	assert_int_equal(ttl_of_first(), 1);
	assert_int_equal(fx.forwards, 1);
	fx_pass_ms(1100);
	fx_ask("10.0.0.1", false, 5, "www.example.com", 1, 0);
	assert_int_equal(fx.forwards, 2);			/* its time was over */
	fx_answer(&fx.forward[1], DNS_RA, NULL);
	fx_ask("10.0.0.1", false, 6, "www.example.com", 1, 0);
	assert_int_equal(ttl_of_first(), TTL);
}

static void no_age_shows_what_was_sent(void **state)
{
	(void)state;
	fx.auth.cache.no_age = true;
	fx_ask("10.0.0.1", false, 1, "www.example.net", 1, 0);
	fx_answer(&fx.forward[0], DNS_AA, NULL);
	fx_pass_ms(100 * 1000);
	fx_ask("10.0.0.1", false, 2, "www.example.net", 1, 0);
	assert_int_equal(fx.forwards, 1);
	assert_int_equal(ttl_of_first(), TTL);
}

static void one_opt_for_who_sent_one(void **state)
{
	(void)state;
	warm(DNS_RA);
	fx_ask("10.0.0.1", false, 2, "www.example.com", 1, 4096);
	assert_int_equal(last()->len, QUESTION_END + RECORD + 11);
	assert_memory_equal(last()->octets + QUESTION_END + RECORD, "\0\0\x29\4\xd0\0\0\0\0\0\0", 11);
	assert_int_equal(last()->octets[11], 1);
	fx_ask("10.0.0.1", false, 3, "www.example.com", 1, 0);
	assert_int_equal(last()->len, QUESTION_END + RECORD);
	assert_int_equal(fx.forwards, 1);
}

static void flags_are_each_clients(void **state)
{
	(void)state;
	warm(DNS_RA | DNS_AA | DNS_AD);
	ask_flags(DNS_RD, false, "www.example.com");
	assert_int_equal(last()->octets[2], (DNS_QR | DNS_RD) >> 8);	/* no AA from a recursive pool */
	assert_int_equal(last()->octets[3], DNS_RA);			/* no AD unasked */
	ask_flags(DNS_RD | DNS_AD, false, "www.example.com");
	assert_int_equal(last()->octets[3], DNS_RA | DNS_AD);
	assert_int_equal(fx.forwards, 1);
	fx_ask("10.0.0.1", false, 1, "www.example.net", 1, 0);
	fx_answer(&fx.forward[1], DNS_AA, NULL);
	fx_ask("10.0.0.1", false, 1, "www.example.net", 1, 0);
	assert_int_equal(last()->octets[2], (DNS_QR | DNS_AA | DNS_RD) >> 8);
	assert_int_equal(fx.forwards, 2);
}

static void cd_and_do_go_apart(void **state)
{
	(void)state;
	warm(DNS_RA);
	ask_flags(DNS_RD | DNS_CD, false, "www.example.com");
	assert_int_equal(fx.forwards, 2);
	ask_flags(DNS_RD, true, "www.example.com");
	assert_int_equal(fx.forwards, 3);
	ask_flags(DNS_RD | DNS_CD, true, "www.example.com");
	assert_int_equal(fx.forwards, 4);
	for (unsigned i = 1; i < 4; i++)
		fx_answer(&fx.forward[i], DNS_RA | (i == 2 ? 0 : DNS_CD), NULL);
	ask_flags(DNS_RD, true, "www.example.com");
	ask_flags(DNS_RD | DNS_CD, false, "www.example.com");
	assert_int_equal(fx.forwards, 4);
	assert_true(last()->octets[3] & DNS_CD);
	assert_int_equal(fx_count(DP_COUNT_HIT), 2);
}

/* The A record eighty times over. */
static void make_large(struct dp_packet *p)
{
	memmove(p->payload + QUESTION_END + 80 * RECORD, p->payload + QUESTION_END + RECORD,
		p->payload_len - QUESTION_END - RECORD);
	for (unsigned i = 1; i < 80; i++)
		memcpy(p->payload + QUESTION_END + i * RECORD, p->payload + QUESTION_END, RECORD);
	p->payload[7] = 80;
	p->payload_len += 79 * RECORD;
}

static void large_ones_are_cut_for_udp_only(void **state)
{
	(void)state;
	fx_ask("10.0.0.1", true, 1, "www.example.com", 1, 0);
	fx_answer(&fx.forward[0], DNS_RA, make_large);
	assert_int_equal(last()->len, QUESTION_END + 80 * RECORD);
	fx_ask("10.0.0.1", false, 2, "www.example.com", 1, 1232);
	assert_int_equal(last()->len, QUESTION_END + 11);
	assert_true(last()->octets[2] & DNS_TC >> 8);
	assert_memory_equal(last()->octets + 6, "\0\0\0\0\0\1", 6);
	fx_ask("10.0.0.1", true, 3, "www.example.com", 1, 1232);
	assert_int_equal(last()->len, QUESTION_END + 80 * RECORD + 11);
	assert_int_equal(last()->octets[7], 80);
	assert_int_equal(fx.forwards, 1);
}

static void make_nxdomain(struct dp_packet *p)
{
	p->payload[3] |= DNS_RCODE_NXDOMAIN;
}

/* NXDOMAIN whose record is a SOA of authority: owner, type, class, TTL 60, names, five numbers, the last of them 30. */
static void make_negative(struct dp_packet *p)
{
	static const uint8_t soa[] = { 0xc0, 16, 0, 6, 0, 1, 0, 0, 0, 60, 0, 22, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0,
				       0, 0, 1,
				       0, 0, 0, 1, 0, 0, 0, 30 };
	uint32_t behind = p->payload_len - QUESTION_END - RECORD;

	memmove(p->payload + QUESTION_END + sizeof(soa), p->payload + QUESTION_END + RECORD, behind);
	memcpy(p->payload + QUESTION_END, soa, sizeof(soa));
	p->payload_len = QUESTION_END + (uint32_t)sizeof(soa) + behind;
	p->payload[7] = 0;
	p->payload[9] = 1;
	make_nxdomain(p);
}

static void negative_answers(void **state)
{
	(void)state;
	fx_ask("10.0.0.1", false, 1, "www.example.com", 1, 0);
	fx_answer(&fx.forward[0], DNS_RA, make_nxdomain);	/* no SOA */
	fx_ask("10.0.0.1", false, 2, "www.example.com", 1, 0);
	assert_int_equal(fx.forwards, 2);
	fx_answer(&fx.forward[1], DNS_RA, make_negative);
	fx_pass_ms(29 * 1000);
	fx_ask("10.0.0.1", false, 3, "www.example.com", 1, 0);
	assert_int_equal(fx.forwards, 2);
	assert_int_equal(last()->octets[3] & RCODE_MASK, DNS_RCODE_NXDOMAIN);
	assert_int_equal(last()->octets[9], 1);
	assert_in_range(ttl_of_first(), 1, 31);
	fx_pass_ms(1100);
	fx_ask("10.0.0.1", false, 4, "www.example.com", 1, 0);
	assert_int_equal(fx.forwards, 3);
}

static void set_servfail(struct dp_packet *p)
{
	p->payload[3] |= DNS_RCODE_SERVFAIL;
}

static void failures_are_kept_shortly(void **state)
{
	(void)state;
	fx_ask("10.0.0.1", false, 1, "www.example.com", 1, 0);
	fx_answer(&fx.forward[0], DNS_RA, set_servfail);
	fx_pass_ms(4900);
	fx_ask("10.0.0.1", false, 2, "www.example.com", 1, 0);
	assert_int_equal(fx.forwards, 1);
	assert_int_equal(last()->octets[3] & RCODE_MASK, DNS_RCODE_SERVFAIL);
	fx_pass_ms(200);
	fx_ask("10.0.0.1", false, 3, "www.example.com", 1, 0);
	assert_int_equal(fx.forwards, 2);
}

static void what_is_not_kept(void **state)
{
	uint8_t octets[300];

	(void)state;
	for (unsigned i = 0; i < 2; i++) {			/* another class, and ANY */
		fx_ask_wire("10.0.0.1", false, octets, fx_query(octets, 3, DNS_RD, "www.example.com", 1, 4, 0));
		dp_passes_queries(fx.worker);
		assert_int_equal(fx.forwards, i + 1);
		fx_answer(&fx.forward[i], DNS_RA, NULL);
	}
	fx_ask("10.0.0.1", false, 1, "www.example.com", 1, 0);
	fx_answer(&fx.forward[2], DNS_RA | DNS_TC, NULL);
	fx_ask("10.0.0.1", false, 1, "www.example.com", 1, 0);
	assert_int_equal(fx.forwards, 4);
	fx.rec.cache.enabled = false;
	fx_answer(&fx.forward[3], DNS_RA, NULL);
	fx.rec.cache.enabled = true;
	fx_ask("10.0.0.1", false, 1, "www.example.com", 1, 0);
	assert_int_equal(fx.forwards, 5);
	atomic_store(&fx.shared.purged_ns, fx.now_ns);		/* while it is on its way */
	fx_answer(&fx.forward[4], DNS_RA, NULL);
	fx_ask("10.0.0.1", false, 1, "www.example.com", 1, 0);
	assert_int_equal(fx.forwards, 6);
	assert_int_equal(fx_count(DP_COUNT_HIT), 0);
}

static void pools_go_apart(void **state)
{
	struct pool other;

	(void)state;
	warm(DNS_RA);
	other = fx.rec;						/* the name's route moves to another pool */
	other.id = 7;
	fx.conf.pools[1] = &other;
	fx.conf.pool_of_id[7] = 2;
	fx_ask("10.0.0.1", false, 2, "www.example.com", 1, 0);
	assert_int_equal(fx.forwards, 2);
	fx.conf.pools[1] = &fx.rec;
}

#define IN_FIXTURE(description, function) { description, function, set_up, tear_down, NULL }

int main(void)
{
	const struct CMUnitTest cases[] = {
		IN_FIXTURE("D087 D131 D132 the second client gets a hit with its own id and case", second_one_is_a_hit),
		IN_FIXTURE("D138 D140 TTLs fall by whole seconds, and end", ttl_is_lowered_by_whole_seconds),
		IN_FIXTURE("D141 no_age shows TTLs as sent", no_age_shows_what_was_sent),
		IN_FIXTURE("D043 D136 OPT is made for each client", one_opt_for_who_sent_one),
		IN_FIXTURE("D035 D107 D108 RD, CD, AD are the client's, AA the pool's", flags_are_each_clients),
		IN_FIXTURE("D133 D134 CD and DO have entries of their own", cd_and_do_go_apart),
		IN_FIXTURE("D060 D063 a large entry is cut for UDP, whole over TCP", large_ones_are_cut_for_udp_only),
		IN_FIXTURE("D160 D161 D162 NXDOMAIN for the SOA's minimum, without SOA not", negative_answers),
		IN_FIXTURE("D164 SERVFAIL for failure_ttl", failures_are_kept_shortly),
		IN_FIXTURE("D063 D137 D234 class, TC, pool switched off, purged meanwhile: not kept", what_is_not_kept),
		IN_FIXTURE("D130 entries of another pool are not taken", pools_go_apart),
	};

	return RUN(cases);
}
