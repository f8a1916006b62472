/* SPDX-License-Identifier: BSD-2-Clause */
/* test_query.c - what a client asks and what a server answered, in wire form. */
#include <stdbool.h>
#include <stdio.h>
#include "tests/tap.h"
#include "tests/dataplane/message.h"

enum { OUR_SIZE = 1232 };

static enum dp_query_verdict parse(const struct message *m, bool tcp, struct dp_query *query)
{
	uint8_t *exact = exact_copy(m->octets, m->len);
	enum dp_query_verdict verdict = dp_query_parse(exact, m->len, tcp, OUR_SIZE, query);

	free(exact);
	return verdict;
}

static enum dp_answer_verdict parse_answer(const struct message *m, struct dp_answer *answer)
{
	uint8_t *exact = exact_copy(m->octets, m->len);
	enum dp_answer_verdict verdict = dp_answer_parse(exact, m->len, answer);

	free(exact);
	return verdict;
}

/* A query with counts as given and nothing behind the question. */
static void begin_query(struct message *m, unsigned flags, unsigned additionals)
{
	put_header(m, flags, 1, 0, 0, additionals);
	put_question(m, "www.Example.NET", DNS_TYPE_A);
}

static void reads_a_plain_query(void **state)
{
	static const uint8_t folded[] = "\3www\7example\3net";
	static struct message m;
	struct dp_query query;

	(void)state;
	begin_query(&m, DNS_RD | DNS_Z | DNS_CD, 0);
	assert_int_equal(parse(&m, false, &query), DP_QUERY_OK);
	assert_int_equal(query.asker.id, MESSAGE_ID);
	assert_int_equal(query.asker.opcode, DNS_OPCODE_QUERY);
	assert_true(query.asker.rd && query.asker.cd);
	assert_false(query.asker.ad || query.asker.edns || query.asker.dnssec_ok || query.asker.tcp);
	assert_int_equal(query.asker.reply_max, 512);
	assert_int_equal(query.type, DNS_TYPE_A);
	assert_int_equal(query.class, DNS_CLASS_IN);
	assert_int_equal(query.question_end, m.len);
	assert_int_equal(query.name.len, sizeof(folded));
	assert_memory_equal(query.name.wire, folded, sizeof(folded));
	/* E of Example is octet 5, NET are octets 13 to 15 */
	assert_int_equal(query.asker.case_bits[0], 1 << 5);
	assert_int_equal(query.asker.case_bits[1], 7 << 5);
	for (unsigned i = 2; i < NAME_CASE_OCTETS; i++)
		assert_int_equal(query.asker.case_bits[i], 0);
}

static void drops_in_silence(void **state)
{
	static struct message m;
	struct dp_query query;

	(void)state;
	begin_query(&m, 0, 0);
	for (m.len = 0; m.len < DNS_HEADER_LEN; m.len++)
		assert_int_equal(parse(&m, false, &query), DP_QUERY_SHORT);
	begin_query(&m, DNS_QR | DNS_RD, 0);
	assert_int_equal(parse(&m, false, &query), DP_QUERY_RESPONSE);
	m.len = DNS_HEADER_LEN;
	assert_int_equal(parse(&m, false, &query), DP_QUERY_RESPONSE);
}

static void counts_of_the_header(void **state)
{
	static const struct {
		unsigned questions, answers, authorities, additionals;
		enum dp_query_verdict expected;
		bool echoes;
	} cases[] = {
		{ 1, 0, 0, 0, DP_QUERY_OK, true },
		{ 0, 0, 0, 0, DP_QUERY_QDCOUNT, false },
		{ 2, 0, 0, 0, DP_QUERY_QDCOUNT, false },
		{ 65535, 65535, 65535, 65535, DP_QUERY_QDCOUNT, false },
		{ 1, 1, 0, 0, DP_QUERY_COUNTS, true },
		{ 1, 0, 1, 0, DP_QUERY_COUNTS, true },
		{ 1, 256, 256, 0, DP_QUERY_COUNTS, true },
		{ 1, 0, 0, 1, DP_QUERY_TRUNCATED, true },
		{ 1, 0, 0, 65535, DP_QUERY_TRUNCATED, true },
	};
	static struct message m;

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dp_query query;

		put_header(&m, 0, cases[i].questions, cases[i].answers, cases[i].authorities,
			   cases[i].additionals);
		put_question(&m, "a", DNS_TYPE_A);
		assert_int_equal(parse(&m, false, &query), cases[i].expected);
		assert_int_equal(query.question_end, cases[i].echoes ? m.len : 0);
	}
}

static void no_question_but_an_opt(void **state)
{
	static const uint8_t cookie[12] = { 0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8 };
	static struct message m;
	struct dp_query query;

	(void)state;
	put_header(&m, 0, 0, 0, 0, 1);
	put_opt(&m, 1232, 0, cookie, sizeof(cookie));
	assert_int_equal(parse(&m, false, &query), DP_QUERY_QDCOUNT);
	assert_true(query.asker.edns);
	assert_int_equal(query.question_end, 0);
}

static void names_that_are_none(void **state)
{
	static const struct {
		const char *what;
		size_t len;
		const char *octets;
		enum dp_query_verdict expected;
	} cases[] = {
		{ "nothing", 0, "", DP_QUERY_TRUNCATED },
		{ "no end", 4, "\3www", DP_QUERY_NAME },
		{ "label past the end", 3, "\3ww", DP_QUERY_NAME },
		{ "label type 01", 6, "\x41" "a\0\0\1\0", DP_QUERY_NAME },
		{ "label type 10", 6, "\x81" "a\0\0\1\0", DP_QUERY_NAME },
		{ "pointer to the header", 6, "\xc0\0\0\1\0\1", DP_QUERY_NAME },
		{ "pointer to itself", 6, "\xc0\x0c\0\1\0\1", DP_QUERY_NAME },
		{ "pointer behind a label", 8, "\1a\xc0\x0c\0\1\0\1", DP_QUERY_NAME },
		{ "half a pointer", 1, "\xc0", DP_QUERY_NAME },
		{ "root, no type", 1, "\0", DP_QUERY_TRUNCATED },
		{ "root, half a class", 4, "\0\0\1\0", DP_QUERY_TRUNCATED },
		{ "root", 5, "\0\0\1\0\1", DP_QUERY_OK },
	};
	static struct message m;

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum dp_query_verdict verdict;
		struct dp_query query;

		put_header(&m, 0, 1, 0, 0, 0);
		put_octets(&m, cases[i].octets, cases[i].len);
		verdict = parse(&m, false, &query);
		if (verdict != cases[i].expected)
			fail_msg("%s: %d", cases[i].what, verdict);
		assert_int_equal(query.question_end, verdict == DP_QUERY_OK ? m.len : 0);
	}
}

/* A name of 127 one-octet labels (255 octets), or with one octet more. */
static void longest_names(void **state)
{
	static struct message m;
	struct dp_query query;

	(void)state;
	for (unsigned over = 0; over < 2; over++) {
		put_header(&m, 0, 1, 0, 0, 0);
		if (over)
			put_labels(&m, "ab");
		for (unsigned i = over; i < 127; i++)
			put_labels(&m, "x");
		put_octets(&m, "\0\0\1\0\1", 5);
		assert_int_equal(parse(&m, false, &query), over ? DP_QUERY_NAME : DP_QUERY_OK);
	}
}

static void any_octet_in_a_label(void **state)
{
	static struct message m;
	struct dp_query query;

	(void)state;
	for (unsigned octet = 0; octet < 256; octet++) {
		uint8_t label[4] = { 3, (uint8_t)octet, '.', (uint8_t)octet };
		uint8_t folded = octet >= 'A' && octet <= 'Z' ? octet + 32 : octet;

		put_header(&m, 0, 1, 0, 0, 0);
		put_octets(&m, label, 4);
		put_octets(&m, "\0\xff\xfe\xff\xfd", 5);
		assert_int_equal(parse(&m, false, &query), DP_QUERY_OK);
		assert_int_equal(query.name.labels, 1);
		assert_int_equal(query.name.wire[1], folded);
		assert_int_equal(query.name.wire[3], folded);
		assert_int_equal(query.type, 0xfffe);
		assert_int_equal(query.class, 0xfffd);
	}
}

static void octets_behind_the_end(void **state)
{
	static struct message m;
	struct dp_query query;

	(void)state;
	begin_query(&m, 0, 0);
	put8(&m, 0);
	assert_int_equal(parse(&m, false, &query), DP_QUERY_TRAILING);
	assert_int_equal(query.if_trailing_ignored, DP_QUERY_OK);
	assert_false(query.asker.edns);
	begin_query(&m, 0, 1);
	put_opt(&m, 1232, 0x10000, "", 0);	/* what else is wrong with it is told as well */
	put8(&m, 0);
	assert_int_equal(parse(&m, false, &query), DP_QUERY_TRAILING);
	assert_int_equal(query.if_trailing_ignored, DP_QUERY_BADVERS);
	begin_query(&m, 0, 1);
	put_name(&m, "key");
	put_data(&m, DNS_TYPE_TSIG, "", 0);
	put8(&m, 0);
	assert_int_equal(parse(&m, false, &query), DP_QUERY_TRAILING);
	assert_int_equal(query.if_trailing_ignored, DP_QUERY_SIGNED);

	begin_query(&m, 0, 1);
	put_opt(&m, 1400, 0x8000, "", 0);
	put_opt(&m, 1400, 0, "", 0);	/* one more than the header says */
	assert_int_equal(parse(&m, false, &query), DP_QUERY_TRAILING);
	assert_true(query.asker.edns && query.asker.dnssec_ok);
	assert_int_equal(query.question_end, DNS_HEADER_LEN + 17 + 4);
}

static void every_truncation(void **state)
{
	static const uint8_t options[12] = { 0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8 };
	static struct message m;
	struct dp_query query;
	size_t whole;

	(void)state;
	begin_query(&m, 0, 2);
	put_pointer(&m, DNS_HEADER_LEN);
	put_address(&m, 1);
	put_opt(&m, 1232, 0, options, sizeof(options));
	whole = m.len;
	assert_int_equal(parse(&m, false, &query), DP_QUERY_OK);
	for (m.len = DNS_HEADER_LEN; m.len < whole; m.len++) {
		enum dp_query_verdict verdict = parse(&m, false, &query);

		assert_true(verdict == DP_QUERY_TRUNCATED || verdict == DP_QUERY_NAME);
	}
}

static void other_opcodes(void **state)
{
	static struct message m;
	struct dp_query query;

	(void)state;
	for (unsigned opcode = 1; opcode < 16; opcode++) {
		bool known = opcode == DNS_OPCODE_NOTIFY || opcode == DNS_OPCODE_UPDATE;

		begin_query(&m, opcode << 11 | DNS_RD, 1);
		put_opt(&m, 1232, 0x8000, "", 0);
		assert_int_equal(parse(&m, false, &query), known ? DP_QUERY_UPDATE : DP_QUERY_NOTIMP);
		assert_int_equal(query.asker.id, MESSAGE_ID);
		assert_int_equal(query.asker.opcode, opcode);
		assert_true(query.asker.rd && query.asker.edns && query.asker.dnssec_ok);
		assert_int_equal(query.type, DNS_TYPE_A);
		assert_int_equal(query.question_end, DNS_HEADER_LEN + 17 + 4);
	}
	/* NOTIFY with the new SOA in its answer section: the OPT is found behind it */
	put_header(&m, DNS_OPCODE_NOTIFY << 11, 1, 1, 0, 1);
	put_question(&m, "example.net", DNS_TYPE_SOA);
	put_pointer(&m, DNS_HEADER_LEN);
	put_data(&m, DNS_TYPE_SOA, "\0\0\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1", 22);
	put_opt(&m, 1232, 0, "", 0);
	assert_int_equal(parse(&m, false, &query), DP_QUERY_UPDATE);
	assert_true(query.asker.edns);
	assert_int_equal(query.type, DNS_TYPE_SOA);
	/* their question is checked like any other */
	put_header(&m, DNS_OPCODE_UPDATE << 11, 0, 0, 1, 0);
	assert_int_equal(parse(&m, false, &query), DP_QUERY_QDCOUNT);
	put_header(&m, DNS_OPCODE_UPDATE << 11, 1, 0, 0, 0);
	put_octets(&m, "\3exa", 4);
	assert_int_equal(parse(&m, false, &query), DP_QUERY_NAME);
	/* nothing but a header */
	put_header(&m, 6 << 11, 0, 0, 0, 0);
	assert_int_equal(parse(&m, false, &query), DP_QUERY_NOTIMP);
	assert_int_equal(query.question_end, 0);
}

static void what_an_opt_says(void **state)
{
	static const struct {
		bool tcp;
		unsigned size;
		uint32_t ttl;
		enum dp_query_verdict verdict;
		bool dnssec_ok;
		unsigned reply_max;
	} cases[] = {
		{ false, 1232, 0, DP_QUERY_OK, false, 1232 },
		{ false, 4096, 0x8000, DP_QUERY_OK, true, OUR_SIZE },
		{ false, 1000, 0x8000, DP_QUERY_OK, true, 1000 },
		{ false, 512, 0, DP_QUERY_OK, false, 512 },
		{ false, 511, 0, DP_QUERY_OK, false, 512 },
		{ false, 0, 0, DP_QUERY_OK, false, 512 },
		{ true, 0, 0, DP_QUERY_OK, false, 65535 },
		{ true, 4096, 0, DP_QUERY_OK, false, 65535 },
		{ false, 1232, 0x7fff, DP_QUERY_OK, false, 1232 },		/* unknown flags */
		{ false, 1232, 0xff000000, DP_QUERY_OK, false, 1232 },		/* rcode bits in a query */
		{ false, 1232, 0x00018000, DP_QUERY_BADVERS, true, 1232 },
		{ false, 1232, 0x00ff0000, DP_QUERY_BADVERS, false, 1232 },
	};
	static struct message m;

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dp_query query;

		begin_query(&m, 0, 1);
		put_opt(&m, cases[i].size, cases[i].ttl, "", 0);
		assert_int_equal(parse(&m, cases[i].tcp, &query), cases[i].verdict);
		assert_true(query.asker.edns);
		assert_int_equal(query.asker.tcp, cases[i].tcp);
		assert_int_equal(query.asker.dnssec_ok, cases[i].dnssec_ok);
		assert_int_equal(query.asker.reply_max, cases[i].reply_max);
	}
}

/* NSID is asked for by an option, not by octets that look like one inside another; in an OPT that is wrong, not at
 * all. */
static void who_asks_for_nsid(void **state)
{
	static const struct {
		const char *what, *options;
		size_t len;
		bool nsid;
	} cases[] = {
		{ "no option", "", 0, false },
		{ "NSID", "\0\3\0\0", 4, true },
		{ "with data, which it must not have", "\0\3\0\1x", 5, true },
		{ "behind a cookie", "\0\12\0\10abcdefgh\0\3\0\0", 16, true },
		{ "inside a cookie", "\0\12\0\10abcd\0\3\0\0", 12, false },
		{ "in front of an option that overruns", "\0\3\0\0\0\12\0\10a", 9, false },
	};
	static struct message m;

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dp_query query;

		begin_query(&m, 0, 1);
		put_opt(&m, 1232, 0, cases[i].options, cases[i].len);
		parse(&m, false, &query);
		if (query.asker.nsid != cases[i].nsid)
			fail_msg("%s", cases[i].what);
	}
}

static void opts_that_are_wrong(void **state)
{
	static struct message m;
	struct dp_query query;

	(void)state;
	begin_query(&m, 0, 2);
	put_opt(&m, 1232, 0, "", 0);
	put_opt(&m, 1232, 0, "", 0);
	assert_int_equal(parse(&m, false, &query), DP_QUERY_OPT);
	assert_true(query.asker.edns);

	begin_query(&m, 0, 1);
	put_name(&m, "a");
	put_data(&m, DNS_TYPE_OPT, "", 0);
	assert_int_equal(parse(&m, false, &query), DP_QUERY_OPT);

	begin_query(&m, 0, 1);
	put_pointer(&m, DNS_HEADER_LEN + 16);	/* the root, but not as RFC 6891 writes it */
	put_data(&m, DNS_TYPE_OPT, "", 0);
	assert_int_equal(parse(&m, false, &query), DP_QUERY_OPT);

	begin_query(&m, 0, 1);
	put_opt(&m, 1232, 0, "\0\12\0\10cookie", 10);
	assert_int_equal(parse(&m, false, &query), DP_QUERY_OPT);
	assert_true(query.asker.edns);

	put_header(&m, 0, 1, 0, 1, 0);		/* in the authority section */
	put_question(&m, "a", DNS_TYPE_A);
	put_opt(&m, 1232, 0, "", 0);
	assert_int_equal(parse(&m, false, &query), DP_QUERY_COUNTS);
}

static void signatures(void **state)
{
	static const struct {
		unsigned type;
		const char *data;
		size_t len;
		enum dp_query_verdict expected;
	} cases[] = {
		{ DNS_TYPE_TSIG, "", 0, DP_QUERY_SIGNED },
		{ DNS_TYPE_SIG, "\0\0\5\0", 4, DP_QUERY_SIGNED },
		{ DNS_TYPE_SIG, "\0\1\5\0", 4, DP_QUERY_OK },
		{ DNS_TYPE_SIG, "\0", 1, DP_QUERY_OK },
		{ DNS_TYPE_A, "\0\0\0\0", 4, DP_QUERY_OK },
		{ 65280, "\0\0\0\0", 4, DP_QUERY_OK },
	};
	static struct message m;

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (unsigned opt_first = 0; opt_first < 2; opt_first++) {
			struct dp_query query;

			begin_query(&m, 0, 2);
			if (opt_first)
				put_opt(&m, 1232, 0, "", 0);
			put_name(&m, "key");
			put_data(&m, cases[i].type, cases[i].data, cases[i].len);
			if (!opt_first)
				put_opt(&m, 1232, 0, "", 0);
			assert_int_equal(parse(&m, false, &query), cases[i].expected);
			assert_true(query.asker.edns);
		}
	}
}

/* 65535 octets of records as small as they get, and of the same pointer over and over. */
static void largest_messages(void **state)
{
	static struct message m;
	struct dp_query query;
	struct dp_answer answer;
	unsigned records;

	(void)state;
	for (unsigned pointers = 0; pointers < 2; pointers++) {
		begin_query(&m, 0, 0);
		for (records = 0; m.len + 12 <= MESSAGE_MAX; records++) {
			if (pointers)
				put_pointer(&m, DNS_HEADER_LEN);
			else
				put8(&m, 0);
			put_data(&m, DNS_TYPE_TXT, "", 0);
		}
		m.octets[DNS_AT_ARCOUNT] = (uint8_t)(records >> 8);
		m.octets[DNS_AT_ARCOUNT + 1] = (uint8_t)records;
		assert_int_equal(parse(&m, true, &query), DP_QUERY_OK);
		m.octets[DNS_AT_FLAGS] = DNS_QR >> 8;
		assert_int_equal(parse_answer(&m, &answer), DP_ANSWER_OK);
		assert_int_equal(answer.additionals, records);
	}
}

static void answers_match_the_question(void **state)
{
	static const uint8_t wire[] = "\3www\7example\3net";
	static struct message m;
	uint8_t *exact;

	(void)state;
	put_header(&m, DNS_QR, 1, 0, 0, 0);
	put_question(&m, "wWw.Example.NET", DNS_TYPE_A);
	exact = exact_copy(m.octets, m.len);
	assert_true(dp_answer_matches(exact, m.len, wire, sizeof(wire), DNS_TYPE_A, DNS_CLASS_IN));
	assert_false(dp_answer_matches(exact, m.len, wire, sizeof(wire), DNS_TYPE_AAAA, DNS_CLASS_IN));
	assert_false(dp_answer_matches(exact, m.len, wire, sizeof(wire), DNS_TYPE_A, DNS_CLASS_CH));
	assert_false(dp_answer_matches(exact, m.len, wire + 4, sizeof(wire) - 4, DNS_TYPE_A, DNS_CLASS_IN));
	for (size_t len = 0; len < m.len; len++)
		assert_false(dp_answer_matches(exact, len, wire, sizeof(wire), DNS_TYPE_A, DNS_CLASS_IN));
	for (size_t i = 0; i < sizeof(wire); i++) {
		exact[DNS_HEADER_LEN + i] ^= 1;
		assert_false(dp_answer_matches(exact, m.len, wire, sizeof(wire), DNS_TYPE_A, DNS_CLASS_IN));
		exact[DNS_HEADER_LEN + i] ^= 1;
	}
	exact[DNS_AT_QDCOUNT + 1] = 2;
	assert_false(dp_answer_matches(exact, m.len, wire, sizeof(wire), DNS_TYPE_A, DNS_CLASS_IN));
	free(exact);
}

/* Case is folded in A-Z only: '[' and '{' differ in the same bit as 'A' and 'a'. */
static void answers_match_by_ascii_case_only(void **state)
{
	static struct message m;

	(void)state;
	for (unsigned octet = 0; octet < 256; octet++) {
		bool letter = octet >= 'A' && octet <= 'Z';
		uint8_t wire[3] = { 1, (uint8_t)(octet | 0x20), 0 };

		put_header(&m, DNS_QR, 1, 0, 0, 0);
		put8(&m, 1);
		put8(&m, octet);
		put_octets(&m, "\0\0\1\0\1", 5);
		assert_int_equal(dp_answer_matches(m.octets, m.len, wire, 3, DNS_TYPE_A, DNS_CLASS_IN),
				 letter || octet == wire[1]);
	}
}

/* Two answers, one authority, one additional record and an OPT. */
static void build_answer(struct message *m)
{
	put_header(m, DNS_QR | DNS_AA | DNS_RD | DNS_RCODE_NXDOMAIN, 1, 2, 1, 2);
	put_question(m, "www.example.net", DNS_TYPE_A);
	put_pointer(m, DNS_HEADER_LEN);
	put_address(m, 1);
	put_pointer(m, DNS_HEADER_LEN);
	put_address(m, 2);
	put_pointer(m, DNS_HEADER_LEN + 4);
	put_data(m, 2, "\2ns\xc0\x10", 5);
	put_labels(m, "ns");
	put_pointer(m, DNS_HEADER_LEN + 4);
	put_address(m, 3);
	put_opt(m, 1232, 0x01008000, "\0\3\0\2me", 6);
}

static void finds_its_way_in_an_answer(void **state)
{
	enum { QUESTION_END = 12 + 17 + 4, ANSWER_END = QUESTION_END + 32, AUTHORITY_END = ANSWER_END + 17 };
	static struct message m;
	struct dp_answer answer;

	(void)state;
	build_answer(&m);
	assert_int_equal(parse_answer(&m, &answer), DP_ANSWER_OK);
	assert_int_equal(answer.id, MESSAGE_ID);
	assert_int_equal(answer.flags, DNS_QR | DNS_AA | DNS_RD | DNS_RCODE_NXDOMAIN);
	assert_int_equal(answer.rcode_low, DNS_RCODE_NXDOMAIN);
	assert_int_equal(answer.rcode, 16 + DNS_RCODE_NXDOMAIN);
	assert_int_equal(answer.type, DNS_TYPE_A);
	assert_int_equal(answer.class, DNS_CLASS_IN);
	assert_int_equal(answer.question_end, QUESTION_END);
	assert_int_equal(answer.answers, 2);
	assert_int_equal(answer.authorities, 1);
	assert_int_equal(answer.additionals, 2);
	assert_int_equal(answer.answer_end, QUESTION_END + 32);
	assert_int_equal(answer.authority_end, AUTHORITY_END);
	assert_int_equal(answer.opt_at, AUTHORITY_END + 19);
	assert_int_equal(answer.opt_len, 17);
	assert_true(answer.opt_last);
	assert_int_equal(answer.opt_at + answer.opt_len, m.len);

	put_header(&m, DNS_QR, 1, 0, 0, 2);		/* OPT first */
	put_question(&m, "a", DNS_TYPE_A);
	put_opt(&m, 1232, 0, "", 0);
	put_pointer(&m, DNS_HEADER_LEN);
	put_address(&m, 1);
	assert_int_equal(parse_answer(&m, &answer), DP_ANSWER_OK);
	assert_int_equal(answer.opt_at, answer.question_end);
	assert_false(answer.opt_last);

	put_header(&m, DNS_QR, 1, 0, 0, 0);		/* none at all */
	put_question(&m, "a", DNS_TYPE_A);
	assert_int_equal(parse_answer(&m, &answer), DP_ANSWER_OK);
	assert_int_equal(answer.opt_at, 0);
	assert_int_equal(answer.opt_len, 0);
	assert_false(answer.opt_last);
}

static void answers_that_are_none(void **state)
{
	static struct message m;
	struct dp_answer answer;
	size_t whole;

	(void)state;
	build_answer(&m);
	whole = m.len;
	for (m.len = 0; m.len < DNS_HEADER_LEN; m.len++)
		assert_int_equal(parse_answer(&m, &answer), DP_ANSWER_SHORT);
	for (; m.len < whole; m.len++)
		assert_int_equal(parse_answer(&m, &answer), DP_ANSWER_MALFORMED);
	assert_int_equal(parse_answer(&m, &answer), DP_ANSWER_OK);
	put8(&m, 0);
	assert_int_equal(parse_answer(&m, &answer), DP_ANSWER_MALFORMED);

	put_header(&m, 0, 1, 0, 0, 0);
	put_question(&m, "a", DNS_TYPE_A);
	assert_int_equal(parse_answer(&m, &answer), DP_ANSWER_NOT_RESPONSE);
	put_header(&m, DNS_QR | DNS_OPCODE_NOTIFY << 11, 1, 0, 0, 0);
	put_question(&m, "a", DNS_TYPE_A);
	assert_int_equal(parse_answer(&m, &answer), DP_ANSWER_OPCODE);
	put_header(&m, DNS_QR | DNS_RCODE_FORMERR, 0, 0, 0, 0);
	assert_int_equal(parse_answer(&m, &answer), DP_ANSWER_NO_QUESTION);
	assert_int_equal(answer.question_end, 0);
	put_header(&m, DNS_QR, 2, 0, 0, 0);
	put_question(&m, "a", DNS_TYPE_A);
	put_question(&m, "b", DNS_TYPE_A);
	assert_int_equal(parse_answer(&m, &answer), DP_ANSWER_MALFORMED);
}

static void owners_that_point_astray(void **state)
{
	static const struct {
		const char *what;
		unsigned pointer;
		bool good;
	} cases[] = {
		{ "the question", 12, true }, { "inside the question", 14, true },
		{ "the octet in front of it", 18, true }, { "itself", 19, false }, { "forward", 21, false },
		{ "far away", 0x3fff, false }, { "the header", 11, false }, { "the id", 0, false },
	};
	static struct message m;
	struct dp_answer answer;

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put_header(&m, DNS_QR, 1, 1, 0, 0);
		put_question(&m, "a", DNS_TYPE_A);
		assert_int_equal(m.len, 19);
		put_pointer(&m, cases[i].pointer);
		put_address(&m, 1);
		if (parse_answer(&m, &answer) != (cases[i].good ? DP_ANSWER_OK : DP_ANSWER_MALFORMED))
			fail_msg("%s", cases[i].what);
	}
	put_header(&m, DNS_QR, 1, 1, 0, 0);	/* a label and a pointer back to it: an endless name */
	put_question(&m, "a", DNS_TYPE_A);
	put_labels(&m, "b");
	put_pointer(&m, 19);
	put_address(&m, 1);
	assert_int_equal(parse_answer(&m, &answer), DP_ANSWER_MALFORMED);
}

static void opts_of_servers(void **state)
{
	static struct message m;
	struct dp_answer answer;

	(void)state;
	for (unsigned section = 0; section < 3; section++) {
		put_header(&m, DNS_QR, 1, section == 0, section == 1, section == 2);
		put_question(&m, "a", DNS_TYPE_A);
		put_opt(&m, 1232, 0, "", 0);
		assert_int_equal(parse_answer(&m, &answer), section == 2 ? DP_ANSWER_OK : DP_ANSWER_MALFORMED);
	}
	put_header(&m, DNS_QR, 1, 0, 0, 2);
	put_question(&m, "a", DNS_TYPE_A);
	put_opt(&m, 1232, 0, "", 0);
	put_opt(&m, 1232, 0, "", 0);
	assert_int_equal(parse_answer(&m, &answer), DP_ANSWER_MALFORMED);
	put_header(&m, DNS_QR, 1, 0, 0, 1);
	put_question(&m, "a", DNS_TYPE_A);
	put_opt(&m, 1232, 0, "\0\3\0\11x", 5);
	assert_int_equal(parse_answer(&m, &answer), DP_ANSWER_MALFORMED);
}

static void queries_for_servers(void **state)
{
	static const uint8_t wire[] = "\3www\7example\3net";
	static const uint8_t tail[] = "\0\x1c\0\1\0\0\x29\x04\xd0\0\0\x80\0\0\0";
	uint8_t expected[DNS_HEADER_LEN + sizeof(wire) + 4 + DNS_OPT_LEN] = { 0xab, 0xcd, 0x01, 0x30, 0, 1, [11] = 1 };
	uint8_t *out = malloc(sizeof(expected));
	struct dp_query query;

	(void)state;
	memcpy(expected + DNS_HEADER_LEN, wire, sizeof(wire));
	memcpy(expected + DNS_HEADER_LEN + sizeof(wire), tail, 4 + DNS_OPT_LEN);
	assert_int_equal(dp_query_write(out, 0xabcd, true, true, true, wire, sizeof(wire), DNS_TYPE_AAAA,
					DNS_CLASS_IN, 1232), sizeof(expected));
	assert_memory_equal(out, expected, sizeof(expected));

	dp_query_write(out, 1, false, false, false, wire, sizeof(wire), DNS_TYPE_DS, DNS_CLASS_IN, 1400);
	assert_int_equal(dp_query_parse(out, sizeof(expected), false, 4096, &query), DP_QUERY_OK);
	assert_false(query.asker.rd || query.asker.cd || query.asker.dnssec_ok);
	assert_true(query.asker.ad && query.asker.edns);
	assert_int_equal(query.asker.reply_max, 1400);
	assert_int_equal(query.type, DNS_TYPE_DS);

	/* for servers that do not know EDNS */
	assert_int_equal(dp_query_write(out, 0xabcd, true, true, true, wire, sizeof(wire), DNS_TYPE_AAAA,
					DNS_CLASS_IN, 0), sizeof(expected) - DNS_OPT_LEN);
	expected[DNS_AT_ARCOUNT + 1] = 0;
	assert_memory_equal(out, expected, sizeof(expected) - DNS_OPT_LEN);
	free(out);
}

static const struct CMUnitTest cases[] = {
	CASE("D030 D131 a plain query: flags, Z ignored, name folded, its case kept", reads_a_plain_query),
	CASE("D020 D021 short messages and responses are for the bin", drops_in_silence),
	CASE("D023 D025 D028 one question, no answer or authority records, no more than there is",
	     counts_of_the_header),
	CASE("D024 no question is FORMERR, also with an OPT, which is seen", no_question_but_an_opt),
	CASE("D026 names that are none", names_that_are_none),
	CASE("D026 D034 127 labels are a name, 256 octets are not", longest_names),
	CASE("D031 D033 any octet in a label, any type and class", any_octet_in_a_label),
	CASE("D027 octets behind the last record, and what the query is without them", octets_behind_the_end),
	CASE("D028 every truncation of a query is seen", every_truncation),
	CASE("D029 D043 D112 other opcodes: NOTIMP, NOTIFY and UPDATE apart, question and OPT are read for the answer",
	     other_opcodes),
	CASE("D032 D041 D042 version, sizes, DO and unknown flags of an OPT", what_an_opt_says),
	CASE("D040 D047 OPTs that are wrong", opts_that_are_wrong),
	CASE("D049 D051 NSID is asked for by an option that others would see too", who_asks_for_nsid),
	CASE("D113 TSIG and SIG(0) are told from other additional records", signatures),
	CASE("D034 65535 octets of tiny records", largest_messages),
	CASE("D080 an answer's question is compared in full", answers_match_the_question),
	CASE("D101 letter case of A-Z only does not matter", answers_match_by_ascii_case_only),
	CASE("an answer's sections and OPT are found", finds_its_way_in_an_answer),
	CASE("D082 D027 what is no answer to a query", answers_that_are_none),
	CASE("D034 owners may point backwards only", owners_that_point_astray),
	CASE("D040 an OPT counts in the additional section only, once, and whole", opts_of_servers),
	CASE("D130 D045 D046 the query for a server is written from the key, with an OPT or without",
	     queries_for_servers),
};

int main(void)
{
	return RUN(cases);
}
