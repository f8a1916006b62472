/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_ttl.c - which answers are kept, for how long, and with what TTLs. Answers are tables of records in a line of
 * text each: section (N answer, A authority, D additional), owner, TTL, type and what of its data matters.
 */
#include "tests/tap.h"

#include <stdio.h>
#include "dataplane/ttl.h"
#include "dataplane/wire.h"
#include "pools/pool.h"
#include "tests/dataplane/message.h"

enum {
	TYPE_NS = 2, TYPE_CNAME = 5, TYPE_NSEC = 47, TYPE_MAILB = 253, TYPE_MAILA = 254,
	RECORDS_MAX = 8,
	RA = DNS_QR | DNS_RA, AA = DNS_QR | DNS_AA,
};

/* The tables leave out what is 0. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

enum section { END, ANSWER, AUTHORITY, ADDITIONAL };

struct record {
	enum section section;
	const char *owner;		/* "" = the root, "@" = a pointer at the question */
	uint32_t ttl;
	uint16_t type;
	uint32_t number;		/* SOA: minimum; RRSIG: type covered; address: last octet */
	uint16_t class;			/* 0 = IN */
};

static const struct pool_cache plain = {
	.enabled = true, .max_ttl = 86400, .max_negative_ttl = 3600, .failure_ttl = 5,
};

static struct message m;
static struct dp_answer answer;
static struct dp_ttls ttls;

static void put32(struct message *msg, uint32_t value)
{
	put16(msg, value >> 16);
	put16(msg, value & 0xffff);
}

static void put_data_of(const struct record *r)
{
	size_t len_at = m.len;

	put16(&m, 0);
	switch (r->type) {
	case DNS_TYPE_SOA:
		put_name(&m, "ns.example.net");
		put_name(&m, "root.example.net");
		for (uint32_t i = 1; i < 5; i++)
			put32(&m, i);
		put32(&m, r->number);
		break;
	case DNS_TYPE_RRSIG:
		put16(&m, r->number);
		put16(&m, 0x0802);
		put32(&m, 99999999);	/* original TTL */
		put32(&m, 0x7fffffff);
		put32(&m, 0);
		put16(&m, 1);
		put_name(&m, "example.net");
		put_octets(&m, "signature", 9);
		break;
	case DNS_TYPE_A:
		put32(&m, 0xc0000200 | r->number);
		break;
	default:
		put_name(&m, "ns.example.net");
	}
	wire_put16(m.octets + len_at, (uint16_t)(m.len - len_at - 2));
}

static void put_record(const struct record *r)
{
	if (r->type == DNS_TYPE_OPT) {
		put_opt(&m, 1232, 0x8000, "", 0);
		return;
	}
	if (strcmp(r->owner, "@") == 0)
		put_pointer(&m, DNS_HEADER_LEN);
	else
		put_name(&m, r->owner);
	put16(&m, r->type);
	put16(&m, r->class ? r->class : DNS_CLASS_IN);
	put32(&m, r->ttl);
	put_data_of(r);
}

/* Parses what is in m. */
static void parse(void)
{
	assert_int_equal(dp_answer_parse(m.octets, m.len, &answer), DP_ANSWER_OK);
}

static void build(unsigned flags, uint16_t type, const struct record *records)
{
	unsigned counts[ADDITIONAL + 1] = { 0 };

	for (const struct record *r = records; r->section; r++)
		counts[r->section]++;
	put_header(&m, flags, 1, counts[ANSWER], counts[AUTHORITY], counts[ADDITIONAL]);
	put_question(&m, "www.example.net", type);
	for (const struct record *r = records; r->section; r++)
		put_record(r);
	parse();
}

static enum dp_ttl_verdict judge(const struct pool_cache *policy)
{
	return dp_ttl_read(m.octets, m.len, &answer, policy, &ttls);
}

/* The TTL that record i shows now. */
static uint32_t shown(unsigned i)
{
	assert_true(i < ttls.n);
	return wire_get32(m.octets + answer.question_end + ttls.at[i]);
}

struct life_case {
	const char *what;
	unsigned flags;
	uint16_t type;
	enum dp_ttl_verdict verdict;
	uint32_t life_s;
	bool negative, failure;
	struct record records[RECORDS_MAX];
};

static void run_cases(const struct life_case *cases, size_t n, const struct pool_cache *policy)
{
	for (size_t i = 0; i < n; i++) {
		const struct life_case *c = &cases[i];
		enum dp_ttl_verdict verdict;

		build(c->flags, c->type, c->records);
		verdict = judge(policy);
		if (verdict != c->verdict)
			print_error("# %s: verdict %d\n", c->what, verdict);
		assert_int_equal(verdict, c->verdict);
		if (verdict != DP_TTL_KEEP)
			continue;
		if (ttls.life_s != c->life_s || ttls.negative != c->negative)
			print_error("# %s: life %u, negative %d\n", c->what, ttls.life_s, ttls.negative);
		assert_int_equal(ttls.life_s, c->life_s);
		assert_int_equal(ttls.negative, c->negative);
		assert_int_equal(ttls.failure, c->failure);
	}
}

#define RUN_CASES(cases, policy) run_cases(cases, sizeof(cases) / sizeof((cases)[0]), policy)

static void test_not_kept(void **state)
{
#define ADDRESS { ANSWER, "@", 300, DNS_TYPE_A }
	static const struct life_case cases[] = {
		{ "AXFR", RA, DNS_TYPE_AXFR, DP_TTL_TYPE, .records = { ADDRESS } },
		{ "IXFR", RA, DNS_TYPE_IXFR, DP_TTL_TYPE, .records = { ADDRESS } },
		{ "MAILA", RA, TYPE_MAILA, DP_TTL_TYPE, .records = { ADDRESS } },
		{ "MAILB", RA, TYPE_MAILB, DP_TTL_TYPE, .records = { ADDRESS } },
		{ "ANY", RA, DNS_TYPE_ANY, DP_TTL_TYPE, .records = { ADDRESS } },
		{ "TKEY", RA, 249, DP_TTL_TYPE, .records = { ADDRESS } },
		{ "first meta type", RA, 128, DP_TTL_TYPE, .records = { ADDRESS } },
		{ "OPT asked for", RA, DNS_TYPE_OPT, DP_TTL_TYPE, .records = { ADDRESS } },
		{ "URI, first behind", RA, 256, DP_TTL_KEEP, 300, .records = { { ANSWER, "@", 300, 256 } } },
		{ "last before", RA, 127, DP_TTL_KEEP, 300, .records = { { ANSWER, "@", 300, 127 } } },
		{ "FORMERR", RA | 1, DNS_TYPE_A, DP_TTL_RCODE, .records = { ADDRESS } },
		{ "NOTIMP", RA | 4, DNS_TYPE_A, DP_TTL_RCODE, .records = { ADDRESS } },
		{ "REFUSED", RA | 5, DNS_TYPE_A, DP_TTL_RCODE, .records = { ADDRESS } },
		{ "YXDOMAIN", RA | 6, DNS_TYPE_A, DP_TTL_RCODE, .records = { ADDRESS } },
		{ "truncated", RA | DNS_TC, DNS_TYPE_A, DP_TTL_TRUNCATED, .records = { ADDRESS } },
		{ "TTL 0", RA, DNS_TYPE_A, DP_TTL_ZERO, .records = { ADDRESS, { ANSWER, "@", 0, DNS_TYPE_A } } },
		{ "TSIG", RA, DNS_TYPE_A, DP_TTL_TYPE,
		  .records = { ADDRESS, { ADDITIONAL, "key", 5, DNS_TYPE_TSIG, 0, DNS_CLASS_ANY } } },
		{ "TSIG behind the OPT", RA, DNS_TYPE_A, DP_TTL_TYPE,
		  .records = { ADDRESS, { ADDITIONAL, "", 0, DNS_TYPE_OPT },
			       { ADDITIONAL, "key", 5, DNS_TYPE_TSIG, 0, DNS_CLASS_ANY } } },
		{ "SIG(0)", RA, DNS_TYPE_A, DP_TTL_TYPE,
		  .records = { ADDRESS, { ADDITIONAL, "", 5, DNS_TYPE_SIG, 0, DNS_CLASS_ANY } } },
		{ "record of another class", RA, DNS_TYPE_A, DP_TTL_TYPE,
		  .records = { { ANSWER, "@", 300, DNS_TYPE_A, 1, DNS_CLASS_CH } } },
	};
	struct pool_cache off = plain;

	(void)state;
	RUN_CASES(cases, &plain);

	build(RA, DNS_TYPE_A, (const struct record[]){ ADDRESS, { 0 } });
	off.enabled = false;
	assert_int_equal(judge(&off), DP_TTL_OFF);
	assert_int_equal(judge(&plain), DP_TTL_KEEP);
	m.octets[answer.question_end - 1] = DNS_CLASS_CH;
	parse();
	assert_int_equal(judge(&plain), DP_TTL_TYPE);
}

static void test_rcode_of_opt(void **state)
{
	(void)state;
	put_header(&m, RA, 1, 0, 0, 1);
	put_question(&m, "www.example.net", DNS_TYPE_A);
	put_opt(&m, 1232, 1U << 24, "", 0);	/* BADVERS */
	parse();
	assert_int_equal(judge(&plain), DP_TTL_RCODE);
}

static void test_smallest(void **state)
{
	static const struct life_case cases[] = {
		{ "in the answer", RA, DNS_TYPE_A, DP_TTL_KEEP, 60, .records = {
			{ ANSWER, "@", 60, DNS_TYPE_A }, { AUTHORITY, "example.net", 300, TYPE_NS },
			{ ADDITIONAL, "ns.example.net", 900, DNS_TYPE_A } } },
		{ "in the authority section", RA, DNS_TYPE_A, DP_TTL_KEEP, 30, .records = {
			{ ANSWER, "@", 60, DNS_TYPE_A }, { AUTHORITY, "example.net", 30, TYPE_NS },
			{ ADDITIONAL, "ns.example.net", 900, DNS_TYPE_A } } },
		{ "in the additional section, OPT's flags are no TTL", RA, DNS_TYPE_A, DP_TTL_KEEP, 40000, .records = {
			{ ANSWER, "@", 60000, DNS_TYPE_A }, { AUTHORITY, "example.net", 50000, TYPE_NS },
			{ ADDITIONAL, "ns.example.net", 40000, DNS_TYPE_A }, { ADDITIONAL, "", 0, DNS_TYPE_OPT } } },
		{ "chain", RA, DNS_TYPE_A, DP_TTL_KEEP, 20, .records = {
			{ ANSWER, "@", 20, TYPE_CNAME }, { ANSWER, "ns.example.net", 60, DNS_TYPE_A } } },
		{ "referral", DNS_QR, DNS_TYPE_A, DP_TTL_KEEP, 300, .records = {
			{ AUTHORITY, "example.net", 300, TYPE_NS }, { ADDITIONAL, "ns.example.net", 900,
								      DNS_TYPE_A } } },
		{ "referral at the end of a chain", DNS_QR, DNS_TYPE_A, DP_TTL_KEEP, 100, .records = {
			{ ANSWER, "@", 100, TYPE_CNAME }, { AUTHORITY, "example.org", 300, TYPE_NS } } },
		{ "chain out of the zone", AA, DNS_TYPE_A, DP_TTL_KEEP, 100, .records = {
			{ ANSWER, "@", 100, TYPE_CNAME } } },
	};

	(void)state;
	RUN_CASES(cases, &plain);
}

static void test_top_bit(void **state)
{
	static const struct life_case cases[] = {
		{ "top bit", RA, DNS_TYPE_A, DP_TTL_KEEP, 86400,
		  .records = { { ANSWER, "@", 0x80000000, DNS_TYPE_A } } },
		{ "all bits", RA, DNS_TYPE_A, DP_TTL_KEEP, 86400,
		  .records = { { ANSWER, "@", 0xffffffff, DNS_TYPE_A } } },
		{ "beside a small one", RA, DNS_TYPE_A, DP_TTL_KEEP, 60, .records = {
			{ ANSWER, "@", 0x80000001, TYPE_CNAME }, { ANSWER, "ns.example.net", 60, DNS_TYPE_A } } },
		{ "SOA's minimum", RA | 3, DNS_TYPE_A, DP_TTL_KEEP, 3600, .negative = true, .records = {
			{ AUTHORITY, "example.net", 0x90000000, DNS_TYPE_SOA, 0x80000000 } } },
	};

	(void)state;
	RUN_CASES(cases, &plain);
	build(RA, DNS_TYPE_A, cases[2].records);
	assert_int_equal(judge(&plain), DP_TTL_KEEP);
	assert_int_equal(shown(0), 86400);
	assert_int_equal(shown(1), 60);
}

static void test_max_and_min(void **state)
{
	static const struct record records[] = {
		{ ANSWER, "@", 5000, TYPE_CNAME }, { ANSWER, "ns.example.net", 10, DNS_TYPE_A }, { 0 } };
	static const struct record zero[] = { { ANSWER, "@", 0, DNS_TYPE_A }, { 0 } };
	struct pool_cache policy = plain;

	(void)state;
	policy.max_ttl = 300;
	build(RA, DNS_TYPE_A, records);
	assert_int_equal(judge(&policy), DP_TTL_KEEP);
	assert_int_equal(ttls.life_s, 10);
	assert_int_equal(shown(0), 300);
	policy.max_ttl = 5;
	assert_int_equal(judge(&policy), DP_TTL_KEEP);
	assert_int_equal(ttls.life_s, 5);
	assert_int_equal(shown(1), 5);

	policy = plain;
	policy.min_ttl = 60;
	build(RA, DNS_TYPE_A, records);
	assert_int_equal(judge(&policy), DP_TTL_KEEP);
	assert_int_equal(ttls.life_s, 60);
	assert_int_equal(shown(1), 10);
	build(RA, DNS_TYPE_A, zero);
	assert_int_equal(judge(&policy), DP_TTL_ZERO);
}

static void test_min_and_signed(void **state)
{
	struct pool_cache policy = plain;
	struct record records[] = {
		{ ANSWER, "@", 10, DNS_TYPE_A }, { ANSWER, "@", 10, DNS_TYPE_RRSIG, DNS_TYPE_A }, { 0 } };
	struct record negative[] = {
		{ AUTHORITY, "example.net", 10, DNS_TYPE_SOA, 10 },
		{ AUTHORITY, "example.net", 10, DNS_TYPE_RRSIG, DNS_TYPE_SOA }, { 0 } };

	(void)state;
	policy.min_ttl = 60;
	build(RA, DNS_TYPE_A, records);
	assert_int_equal(judge(&policy), DP_TTL_KEEP);
	assert_int_equal(ttls.life_s, 10);
	build(RA | 3, DNS_TYPE_A, negative);
	assert_int_equal(judge(&policy), DP_TTL_KEEP);
	assert_int_equal(ttls.life_s, 10);
	records[1].section = negative[1].section = END;
	build(RA, DNS_TYPE_A, records);
	assert_int_equal(judge(&policy), DP_TTL_KEEP);
	assert_int_equal(ttls.life_s, 60);
	build(RA | 3, DNS_TYPE_A, negative);
	assert_int_equal(judge(&policy), DP_TTL_KEEP);
	assert_int_equal(ttls.life_s, 60);
}

#define SOA(ttl, minimum) { AUTHORITY, "example.net", ttl, DNS_TYPE_SOA, minimum }

static void test_negative(void **state)
{
	static const struct life_case cases[] = {
		{ "NXDOMAIN, the TTL", RA | 3, DNS_TYPE_A, DP_TTL_KEEP, 100, .negative = true,
		  .records = { SOA(100, 900) } },
		{ "NXDOMAIN, the minimum", RA | 3, DNS_TYPE_A, DP_TTL_KEEP, 90, .negative = true,
		  .records = { SOA(100, 90) } },
		{ "NODATA", RA, DNS_TYPE_A, DP_TTL_KEEP, 90, .negative = true, .records = { SOA(100, 90) } },
		{ "capped", RA | 3, DNS_TYPE_A, DP_TTL_KEEP, 3600, .negative = true, .records = { SOA(90000, 90000) } },
		{ "the smallest of two", RA | 3, DNS_TYPE_A, DP_TTL_KEEP, 70, .negative = true,
		  .records = { SOA(100, 90), { AUTHORITY, "net", 80, DNS_TYPE_SOA, 70 } } },
		{ "proof with a smaller TTL", RA | 3, DNS_TYPE_A, DP_TTL_KEEP, 40, .negative = true,
		  .records = { SOA(100, 90), { AUTHORITY, "example.net", 40, TYPE_NSEC } } },
		{ "minimum 0", RA | 3, DNS_TYPE_A, DP_TTL_ZERO, .records = { SOA(100, 0) } },
		{ "SOA asked for and there", RA, DNS_TYPE_SOA, DP_TTL_KEEP, 100,
		  .records = { { ANSWER, "@", 100, DNS_TYPE_SOA, 5 } } },
		{ "records of other types", RA, DNS_TYPE_AAAA, DP_TTL_KEEP, 50, .negative = true,
		  .records = { { ANSWER, "@", 100, DNS_TYPE_A }, SOA(50, 50) } },
	};
	struct pool_cache policy = plain;

	(void)state;
	RUN_CASES(cases, &plain);
	policy.max_negative_ttl = 0;
	build(RA | 3, DNS_TYPE_A, cases[0].records);
	assert_int_equal(judge(&policy), DP_TTL_ZERO);
}

static void test_no_soa(void **state)
{
	static const struct life_case cases[] = {
		{ "NXDOMAIN", RA | 3, DNS_TYPE_A, DP_TTL_NO_SOA },
		{ "NXDOMAIN with NS", RA | 3, DNS_TYPE_A, DP_TTL_NO_SOA,
		  .records = { { AUTHORITY, "example.net", 300, TYPE_NS } } },
		{ "NOERROR without anything", RA, DNS_TYPE_A, DP_TTL_NO_SOA },
		{ "chain without end", RA, DNS_TYPE_A, DP_TTL_NO_SOA, .records = { { ANSWER, "@", 300, TYPE_CNAME } } },
		{ "NXDOMAIN behind a chain, authoritative", AA | 3, DNS_TYPE_A, DP_TTL_NO_SOA,
		  .records = { { ANSWER, "@", 300, TYPE_CNAME } } },
		{ "SOA in the wrong section", RA | 3, DNS_TYPE_A, DP_TTL_NO_SOA,
		  .records = { { ADDITIONAL, "example.net", 300, DNS_TYPE_SOA, 300 } } },
	};

	(void)state;
	RUN_CASES(cases, &plain);

	/* an SOA whose data is too short for one */
	put_header(&m, RA | 3, 1, 0, 1, 0);
	put_question(&m, "www.example.net", DNS_TYPE_A);
	put_name(&m, "example.net");
	put_data(&m, DNS_TYPE_SOA, "0123456789012345678901", 21);
	parse();
	assert_int_equal(judge(&plain), DP_TTL_NO_SOA);
}

static void test_negative_chain(void **state)
{
	static const struct life_case cases[] = {
		{ "the chain is shorter", RA | 3, DNS_TYPE_A, DP_TTL_KEEP, 20, .negative = true,
		  .records = { { ANSWER, "@", 20, TYPE_CNAME }, SOA(100, 90) } },
		{ "the denial is shorter", RA | 3, DNS_TYPE_A, DP_TTL_KEEP, 90, .negative = true,
		  .records = { { ANSWER, "@", 2000, TYPE_CNAME }, SOA(100, 90) } },
		{ "chain to a name without the type", RA, DNS_TYPE_A, DP_TTL_KEEP, 30, .negative = true,
		  .records = { { ANSWER, "@", 30, TYPE_CNAME }, { ANSWER, "a.example.net", 40, TYPE_CNAME },
			       SOA(100, 90) } },
		{ "authoritative", AA, DNS_TYPE_A, DP_TTL_KEEP, 30, .negative = true,
		  .records = { { ANSWER, "@", 30, TYPE_CNAME }, SOA(100, 90) } },
		{ "CNAME asked for", RA, TYPE_CNAME, DP_TTL_KEEP, 30,
		  .records = { { ANSWER, "@", 30, TYPE_CNAME } } },
	};

	(void)state;
	RUN_CASES(cases, &plain);
}

static void test_failure(void **state)
{
	static const struct life_case cases[] = {
		{ "bare", RA | 2, DNS_TYPE_A, DP_TTL_KEEP, 5, .failure = true },
		{ "with OPT", RA | 2, DNS_TYPE_A, DP_TTL_KEEP, 5, .failure = true,
		  .records = { { ADDITIONAL, "", 0, DNS_TYPE_OPT } } },
		{ "with a record", RA | 2, DNS_TYPE_A, DP_TTL_KEEP, 5, .failure = true, .records = { SOA(100, 90) } },
	};

	(void)state;
	RUN_CASES(cases, &plain);
}

static void test_sets_level(void **state)
{
	static const struct record records[] = {
		{ ANSWER, "@", 300, DNS_TYPE_A, 1 },
		{ ANSWER, "other.example.net", 700, DNS_TYPE_A, 2 },
		{ ANSWER, "WWW.example.net", 100, DNS_TYPE_A, 3 },	/* the question's, written out */
		{ ANSWER, "www.example.net", 200, DNS_TYPE_A, 4 },
		{ ANSWER, "@", 800, DNS_TYPE_RRSIG, DNS_TYPE_A },
		{ ANSWER, "@", 900, DNS_TYPE_RRSIG, DNS_TYPE_AAAA },
		{ AUTHORITY, "other.example.net", 600, DNS_TYPE_A, 5 }, { 0 } };
	static const uint32_t expected[] = { 100, 600, 100, 100, 800, 900, 600 };

	(void)state;
	build(RA, DNS_TYPE_A, records);
	assert_int_equal(judge(&plain), DP_TTL_KEEP);
	assert_int_equal(ttls.life_s, 100);
	for (unsigned i = 0; i < 7; i++)
		assert_int_equal(shown(i), expected[i]);
}

/* Owners that are no names, and pointers that chase each other, make sets of their own. */
static void test_odd_owners(void **state)
{
	(void)state;
	put_header(&m, RA, 1, 3, 0, 0);
	put_question(&m, "www.example.net", DNS_TYPE_A);
	put_pointer(&m, answer.question_end - 1);	/* the class's low octet is a label that runs on */
	put_address(&m, 1);
	put_pointer(&m, m.len - 4);			/* an address is no name */
	put_address(&m, 2);
	put_pointer(&m, DNS_HEADER_LEN);
	put_address(&m, 3);
	wire_put32(m.octets + m.len - 10, 50);
	parse();
	assert_int_equal(judge(&plain), DP_TTL_KEEP);
	assert_int_equal(ttls.life_s, 50);
	assert_int_equal(shown(0), 300);
	assert_int_equal(shown(1), 300);
	assert_int_equal(shown(2), 50);
}

static void test_age(void **state)
{
	static const struct record records[] = {
		{ ANSWER, "@", 300, TYPE_CNAME }, { ANSWER, "ns.example.net", 20, DNS_TYPE_A },
		{ AUTHORITY, "example.net", 5, TYPE_NS }, { ADDITIONAL, "", 0, DNS_TYPE_OPT }, { 0 } };
	uint8_t opt[DNS_OPT_LEN];

	(void)state;
	build(RA, DNS_TYPE_A, records);
	assert_int_equal(judge(&plain), DP_TTL_KEEP);
	assert_int_equal(ttls.n, 3);
	memcpy(opt, m.octets + answer.opt_at, DNS_OPT_LEN);
	dp_ttl_age(m.octets + answer.question_end, ttls.at, ttls.n, 7);
	assert_int_equal(shown(0), 293);
	assert_int_equal(shown(1), 13);
	assert_int_equal(shown(2), 0);
	dp_ttl_age(m.octets + answer.question_end, ttls.at, ttls.n, UINT32_MAX);
	assert_int_equal(shown(0), 0);
	assert_memory_equal(opt, m.octets + answer.opt_at, DNS_OPT_LEN);
}

/* Everything but the TTL fields stays, in particular the original TTL of a signature. */
static void test_signatures_stay(void **state)
{
	static const struct record records[] = {
		{ ANSWER, "@", 0x80000000, DNS_TYPE_A }, { ANSWER, "@", 500, DNS_TYPE_A, 2 },
		{ ANSWER, "@", 0x80000000, DNS_TYPE_RRSIG, DNS_TYPE_A }, { 0 } };
	uint8_t before[512];

	(void)state;
	build(RA, DNS_TYPE_A, records);
	memcpy(before, m.octets, m.len);
	assert_int_equal(judge(&plain), DP_TTL_KEEP);
	assert_int_equal(shown(0), 500);
	dp_ttl_age(m.octets + answer.question_end, ttls.at, ttls.n, 100);
	assert_int_equal(shown(2), 86300);
	for (unsigned i = 0; i < ttls.n; i++)
		memcpy(m.octets + answer.question_end + ttls.at[i], before + answer.question_end + ttls.at[i], 4);
	assert_memory_equal(before, m.octets, m.len);
}

static void test_soa_ages(void **state)
{
	static const struct record records[] = { SOA(1000, 90), { 0 } };

	(void)state;
	build(RA | 3, DNS_TYPE_A, records);
	assert_int_equal(judge(&plain), DP_TTL_KEEP);
	assert_int_equal(ttls.n, 1);
	dp_ttl_age(m.octets + answer.question_end, ttls.at, ttls.n, 60);
	assert_int_equal(shown(0), 940);
}

static void test_size(void **state)
{
	uint8_t data[DP_TTL_BODY_MAX + 1] = { 0 };

	(void)state;
	put_header(&m, RA, 1, DP_TTLS_MAX, 0, 1);
	put_question(&m, "www.example.net", DNS_TYPE_A);
	for (unsigned i = 0; i < DP_TTLS_MAX; i++) {
		put_pointer(&m, DNS_HEADER_LEN);
		put_address(&m, i & 0xff);
	}
	put_opt(&m, 1232, 0, "", 0);
	parse();
	assert_int_equal(judge(&plain), DP_TTL_KEEP);
	assert_int_equal(ttls.n, DP_TTLS_MAX);

	put_header(&m, RA, 1, DP_TTLS_MAX + 1, 0, 0);
	put_question(&m, "www.example.net", DNS_TYPE_A);
	for (unsigned i = 0; i <= DP_TTLS_MAX; i++) {
		put_pointer(&m, DNS_HEADER_LEN);
		put_address(&m, i & 0xff);
	}
	parse();
	assert_int_equal(judge(&plain), DP_TTL_SIZE);

	for (unsigned over = 0; over <= 1; over++) {	/* owner, fixed octets and data */
		put_header(&m, RA, 1, 1, 0, 0);
		put_question(&m, "www.example.net", DNS_TYPE_TXT);
		put_pointer(&m, DNS_HEADER_LEN);
		put_data(&m, DNS_TYPE_TXT, data, DP_TTL_BODY_MAX - 12 + over);
		parse();
		assert_int_equal(judge(&plain), over ? DP_TTL_SIZE : DP_TTL_KEEP);
	}
}

static void test_behind_opt(void **state)
{
	static const struct record answered[] = {
		{ ANSWER, "@", 60, DNS_TYPE_A }, { ADDITIONAL, "", 0, DNS_TYPE_OPT },
		{ ADDITIONAL, "ns.example.net", 5, DNS_TYPE_A }, { 0 } };
	static const struct record referral[] = {
		{ AUTHORITY, "example.net", 300, TYPE_NS }, { ADDITIONAL, "", 0, DNS_TYPE_OPT },
		{ ADDITIONAL, "ns.example.net", 300, DNS_TYPE_A }, { 0 } };

	(void)state;
	build(RA, DNS_TYPE_A, answered);
	assert_int_equal(judge(&plain), DP_TTL_KEEP);
	assert_int_equal(ttls.n, 1);
	assert_int_equal(ttls.life_s, 60);
	build(DNS_QR, DNS_TYPE_A, referral);
	assert_int_equal(judge(&plain), DP_TTL_SIZE);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("D137 meta types, other classes, odd rcodes, TC, TTL 0 and signed messages are not kept",
		     test_not_kept),
		CASE("D137 the upper bits of an rcode count", test_rcode_of_opt),
		CASE("D138 life is the smallest TTL of all sections, OPT left out", test_smallest),
		CASE("D139 a TTL with its top bit set is a large one", test_top_bit),
		CASE("D139 max_ttl caps life and TTLs shown; min_ttl raises life, but not from 0", test_max_and_min),
		CASE("D144 min_ttl raises no answer with a signature", test_min_and_signed),
		CASE("D160 a negative answer lives for min(SOA TTL, SOA minimum), at most max_negative_ttl",
		     test_negative),
		CASE("D161 a negative answer without SOA is not kept", test_no_soa),
		CASE("D163 a chain that ends in nothing lives no longer than chain and denial", test_negative_chain),
		CASE("D164 SERVFAIL lives for failure_ttl", test_failure),
		CASE("D140 all records of a set get its smallest TTL, whatever case and compression", test_sets_level),
		CASE("D140 owners that are no names join no set", test_odd_owners),
		CASE("D140 age lowers every TTL, none below 0, and not the OPT", test_age),
		CASE("D143 only TTL fields change: a signature's original TTL stays", test_signatures_stay),
		CASE("D162 the SOA of a negative answer ages", test_soa_ages),
		CASE("D137 up to 512 records and 16384 octets are kept", test_size),
		CASE("records behind an OPT in their midst are not kept, nor a referral with such", test_behind_opt),
	};

	return RUN(cases);
}
