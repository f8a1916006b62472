/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_reply.c - answers a client sees. ldns reads them as well, as a judge that shares no code with us.
 */
#include <stdbool.h>	/* before ldns.h, which else makes bool an unsigned char */
#include <stdio.h>
#include <ldns/ldns.h>
#include "tests/tap.h"
#include "tests/dataplane/message.h"
#include "dataplane/reply.h"
#include "pools/local.h"

enum { OUR_SIZE = 1232, QUESTION_END = 12 + 17 + 4, ROOM = MESSAGE_MAX + 64, CLIENT_ID = 0xbeef };

static const uint8_t folded[] = "\3www\7example\3net";
static const uint8_t mixed[] = "\3wWw\7EXAMPLE\3nET";

static const struct dp_question question = { folded, sizeof(folded), DNS_TYPE_A, DNS_CLASS_IN };

/* A client that wrote mixed; no EDNS, no flags. */
static struct dp_asker plain_asker(void)
{
	struct dp_asker asker = { .id = CLIENT_ID, .reply_max = 512 };

	for (unsigned i = 0; i < sizeof(mixed); i++) {
		if (mixed[i] != folded[i])
			asker.case_bits[i / 8] |= 1 << i % 8;
	}
	return asker;
}

static struct dp_asker edns_asker(void)
{
	struct dp_asker asker = plain_asker();

	asker.edns = true;
	asker.reply_max = OUR_SIZE;
	return asker;
}

/* What holds for every reply: ldns and our own parser can read it, it fits, the client's id and case are in it, Z is
 * clear, and it has one OPT if and only if the client had. */
static void check_reply(const uint8_t *msg, size_t len, const struct dp_asker *asker)
{
	struct dp_answer answer;
	ldns_pkt *pkt = NULL;

	assert_int_equal(dp_answer_parse(msg, len, &answer), DP_ANSWER_OK);
	assert_int_equal(ldns_wire2pkt(&pkt, msg, len), LDNS_STATUS_OK);
	assert_int_equal(ldns_pkt_edns(pkt), asker->edns);
	ldns_pkt_free(pkt);
	assert_true(len <= asker->reply_max);
	assert_int_equal(answer.id, asker->id);
	assert_int_equal(answer.flags & DNS_QR, DNS_QR);
	assert_int_equal(answer.flags & DNS_Z, 0);
	assert_int_equal(!!(answer.flags & DNS_RD), asker->rd);
	assert_int_equal(!!(answer.flags & DNS_CD), asker->cd);
	assert_memory_equal(msg + DNS_HEADER_LEN, mixed, sizeof(mixed));
	assert_int_equal(answer.opt_len, asker->edns ? DNS_OPT_LEN : 0);
	if (asker->edns) {
		assert_true(answer.opt_last);
		assert_int_equal(count_of(msg, answer.opt_at + 3), OUR_SIZE);
		assert_int_equal(msg[answer.opt_at + 6], 0);
		assert_int_equal(msg[answer.opt_at + 7], asker->dnssec_ok ? 0x80 : 0);
	}
}

/* ---- answers of our own ---- */

static void errors_in_full(void **state)
{
	uint8_t out[DP_REPLY_ERROR_MAX];
	uint8_t expected[QUESTION_END + 17] = { 0xbe, 0xef, 0x81, 0x95, 0, 1, [11] = 1 };
	struct dp_asker asker = edns_asker();
	size_t len;

	(void)state;
	memcpy(expected + DNS_HEADER_LEN, mixed, sizeof(mixed));
	memcpy(expected + QUESTION_END - 4, "\0\1\0\1", 4);
	memcpy(expected + QUESTION_END, "\0\0\x29\x04\xd0\0\0\x80\0\0\6\0\17\0\2\0\24", 17);
	asker.rd = asker.cd = asker.dnssec_ok = true;
	len = dp_reply_error(out, &asker, &question, DNS_RCODE_REFUSED, true, 20, OUR_SIZE);
	assert_int_equal(len, sizeof(expected));
	assert_memory_equal(out, expected, len);
}

static void errors_of_every_kind(void **state)
{
	static const uint16_t rcodes[] = { DNS_RCODE_FORMERR, DNS_RCODE_SERVFAIL, DNS_RCODE_NOTIMP, DNS_RCODE_REFUSED };

	(void)state;
	for (unsigned i = 0; i < sizeof(rcodes) / sizeof(rcodes[0]); i++) {
		for (unsigned bits = 0; bits < 16; bits++) {
			uint8_t out[DP_REPLY_ERROR_MAX];
			struct dp_asker asker = bits & 1 ? edns_asker() : plain_asker();
			size_t len;

			asker.rd = bits & 2;
			asker.cd = bits & 4;
			asker.ad = true;
			len = dp_reply_error(out, &asker, &question, rcodes[i], bits & 8, -1, OUR_SIZE);
			check_reply(out, len, &asker);
			assert_int_equal(flags_of(out) & 0xf, rcodes[i]);
			assert_int_equal(flags_of(out) & (DNS_AA | DNS_TC | DNS_AD), 0);
			assert_int_equal(!!(flags_of(out) & DNS_RA), !!(bits & 8));
			assert_int_equal(count_of(out, DNS_AT_ANCOUNT) + count_of(out, DNS_AT_NSCOUNT), 0);
		}
	}
}

static void errors_without_question(void **state)
{
	static const uint8_t expected[] = { 0xbe, 0xef, 0xa8, 0x04, 0, 0, 0, 0, 0, 0, 0, 0 };
	static const struct dp_question none;
	uint8_t out[DP_REPLY_ERROR_MAX];
	struct dp_asker asker = plain_asker();

	(void)state;
	asker.opcode = DNS_OPCODE_UPDATE;
	assert_int_equal(dp_reply_error(out, &asker, &none, DNS_RCODE_NOTIMP, false, 20, OUR_SIZE), sizeof(expected));
	assert_memory_equal(out, expected, sizeof(expected));
}

static void extended_rcodes(void **state)
{
	uint8_t out[DP_REPLY_ERROR_MAX];
	struct dp_asker asker = edns_asker();
	size_t len = dp_reply_error(out, &asker, &question, DNS_RCODE_BADVERS, false, -1, OUR_SIZE);

	(void)state;
	check_reply(out, len, &asker);
	assert_int_equal(flags_of(out) & 0xf, 0);
	assert_int_equal(out[QUESTION_END + 5], 1);

	asker = plain_asker();
	len = dp_reply_error(out, &asker, &question, DNS_RCODE_BADVERS, false, -1, OUR_SIZE);
	check_reply(out, len, &asker);
	assert_int_equal(flags_of(out) & 0xf, DNS_RCODE_SERVFAIL);
}

static void longest_error_fits(void **state)
{
	uint8_t name[255], *out = malloc(DP_REPLY_ERROR_MAX);
	struct dp_question longest = { name, 255, DNS_TYPE_A, DNS_CLASS_IN };
	struct dp_asker asker = edns_asker();

	(void)state;
	for (unsigned i = 0; i < 254; i += 2)
		memcpy(name + i, "\1x", 2);
	name[254] = 0;
	assert_int_equal(dp_reply_error(out, &asker, &longest, DNS_RCODE_SERVFAIL, true, 22, OUR_SIZE),
			 DP_REPLY_ERROR_MAX - DP_REPLY_NSID_MAX);
	memset(name, 'n', DNS_NSID_MAX);
	assert_int_equal(dp_reply_add_nsid(out, DP_REPLY_ERROR_MAX - DP_REPLY_NSID_MAX, asker.reply_max,
					   (const char *)name, DNS_NSID_MAX), DP_REPLY_ERROR_MAX);
	free(out);
}

static void local_answers(void **state)
{
	static const struct {
		const char *what;
		uint8_t rcode, text_len;
		bool edns;
		unsigned answers, flags;
	} cases[] = {
		{ "text", DNS_RCODE_NOERROR, 3, false, 1, DNS_QR | DNS_AA },
		{ "text, EDNS", DNS_RCODE_NOERROR, 255, true, 1, DNS_QR | DNS_AA },
		{ "no data", DNS_RCODE_NOERROR, 0, true, 0, DNS_QR | DNS_AA },
		{ "refused", DNS_RCODE_REFUSED, 0, true, 0, DNS_QR | DNS_RCODE_REFUSED },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dp_question local_question = { folded, sizeof(folded), DNS_TYPE_TXT, DNS_CLASS_CH };
		struct local_answer local = { .rcode = cases[i].rcode, .text_len = cases[i].text_len };
		struct dp_asker asker = cases[i].edns ? edns_asker() : plain_asker();
		uint8_t *out = malloc(DP_REPLY_ERROR_MAX + 270);
		size_t len;

		memset(local.text, 'x', sizeof(local.text));
		len = dp_reply_local(out, &asker, &local_question, &local, OUR_SIZE);
		check_reply(out, len, &asker);
		assert_int_equal(flags_of(out), cases[i].flags);
		assert_int_equal(count_of(out, DNS_AT_ANCOUNT), cases[i].answers);
		if (cases[i].answers) {
			static const uint8_t start[] = { 0xc0, 12, 0, 16, 0, 3, 0, 0, 0, 0 };

			assert_memory_equal(out + QUESTION_END, start, sizeof(start));
			assert_int_equal(count_of(out, QUESTION_END + 10), 1 + cases[i].text_len);
			assert_int_equal(out[QUESTION_END + 12], cases[i].text_len);
			assert_memory_equal(out + QUESTION_END + 13, local.text, cases[i].text_len);
		}
		free(out);
	}
}

static void local_answer_too_long(void **state)
{
	uint8_t name[255], out[DP_REPLY_ERROR_MAX + 270];
	struct dp_question longest = { name, 255, DNS_TYPE_TXT, DNS_CLASS_CH };
	struct local_answer local = { .rcode = DNS_RCODE_NOERROR, .text_len = 255 };
	struct dp_asker asker = plain_asker();

	(void)state;
	for (unsigned i = 0; i < 254; i += 2)
		memcpy(name + i, "\1x", 2);
	name[254] = 0;
	assert_int_equal(dp_reply_local(out, &asker, &longest, &local, OUR_SIZE), 12 + 255 + 4);
	assert_int_equal(flags_of(out) & DNS_TC, DNS_TC);
	assert_int_equal(count_of(out, DNS_AT_ANCOUNT), 0);
}

/* ---- answers of servers ---- */

struct server_says {
	unsigned flags;			/* with the rcode's lower bits */
	unsigned answers, authorities, glue;	/* numbers of 16-octet address records */
	bool opt;
	uint32_t opt_ttl;
	bool opt_first;			/* in front of the glue */
};

static void build(struct message *m, const struct server_says *says)
{
	put_header(m, DNS_QR | DNS_RD | says->flags, 1, says->answers, says->authorities, says->glue + says->opt);
	put_question(m, "www.example.net", DNS_TYPE_A);
	for (unsigned i = 0; i < says->answers + says->authorities + says->glue; i++) {
		if (says->opt_first && i == says->answers + says->authorities)
			put_opt(m, 4096, says->opt_ttl, "\0\3\0\2me", 6);
		put_pointer(m, DNS_HEADER_LEN);
		put_address(m, i);
	}
	if (says->opt && !says->opt_first)
		put_opt(m, 4096, says->opt_ttl, "\0\12\0\10serverck", 12);
}

/* Adopts in memory of exactly len + 17 octets, and as a copy, which must come out the same. */
static size_t adopt(struct message *m, const struct dp_asker *asker, bool recursive, uint8_t *reply)
{
	size_t room = m->len + 17;
	uint8_t *in_place = malloc(room), *copy = malloc(room);
	struct dp_answer answer;
	size_t len, copy_len;

	memcpy(in_place, m->octets, m->len);
	assert_int_equal(dp_answer_parse(in_place, m->len, &answer), DP_ANSWER_OK);
	copy_len = dp_reply_copy(copy, room, in_place, m->len, &answer, asker, recursive, OUR_SIZE);
	assert_memory_equal(in_place, m->octets, m->len);
	len = dp_reply_adopt(in_place, m->len, room, &answer, asker, recursive, OUR_SIZE);
	assert_int_equal(copy_len, len);
	assert_memory_equal(in_place, copy, len);
	memcpy(reply, in_place, len);
	free(in_place);
	free(copy);
	check_reply(reply, len, asker);
	return len;
}

static void flags_are_passed(void **state)
{
	static const struct {
		unsigned server;
		bool recursive, ad, dnssec_ok;
		unsigned expected;
	} cases[] = {
		{ DNS_AA, false, false, false, DNS_AA },
		{ DNS_AA, true, false, false, 0 },
		{ DNS_RA, true, false, false, DNS_RA },
		{ DNS_RA, false, false, false, DNS_RA },
		{ DNS_AD, true, false, false, 0 },
		{ DNS_AD, true, true, false, DNS_AD },
		{ DNS_AD, true, false, true, DNS_AD },
		{ DNS_TC, false, true, true, DNS_TC },
		{ DNS_CD | DNS_Z, false, false, false, 0 },
		{ DNS_RCODE_NXDOMAIN, false, false, false, DNS_RCODE_NXDOMAIN },
		{ DNS_RCODE_SERVFAIL | DNS_RA, true, false, false, DNS_RCODE_SERVFAIL | DNS_RA },
	};
	static uint8_t reply[ROOM];
	static struct message m;

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct server_says says = { .flags = cases[i].server, .answers = 1, .opt = true };
		struct dp_asker asker = edns_asker();

		asker.ad = cases[i].ad;
		asker.dnssec_ok = cases[i].dnssec_ok;
		build(&m, &says);
		adopt(&m, &asker, cases[i].recursive, reply);
		assert_int_equal(flags_of(reply), DNS_QR | cases[i].expected);
		asker.rd = asker.cd = true;
		adopt(&m, &asker, cases[i].recursive, reply);
		assert_int_equal(flags_of(reply), DNS_QR | DNS_RD | DNS_CD | cases[i].expected);
	}
}

static void id_and_case_are_restored(void **state)
{
	static const char *const echoes[] = { "www.example.net", "WWW.EXAMPLE.NET", "wWw.EXAMPLE.nET" };
	static uint8_t reply[ROOM];
	static struct message m;

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		struct dp_asker asker = plain_asker();
		ldns_pkt *pkt;
		char *owner;

		put_header(&m, DNS_QR, 1, 1, 0, 0);
		put_question(&m, echoes[i], DNS_TYPE_A);
		put_pointer(&m, DNS_HEADER_LEN);
		put_address(&m, 1);
		assert_int_equal(adopt(&m, &asker, true, reply), m.len);
		assert_memory_equal(reply + QUESTION_END, m.octets + QUESTION_END, m.len - QUESTION_END);
		/* the answer's owner is a pointer at the question */
		assert_int_equal(ldns_wire2pkt(&pkt, reply, m.len), LDNS_STATUS_OK);
		owner = ldns_rdf2str(ldns_rr_owner(ldns_rr_list_rr(ldns_pkt_answer(pkt), 0)));
		assert_string_equal(owner, "wWw.EXAMPLE.nET.");
		free(owner);
		ldns_pkt_free(pkt);
	}
}

/* Letters are A-Z; their neighbours '@', '[', '`', '{' and octets over 127 stay as they are. */
static void case_of_any_octet(void **state)
{
	static uint8_t reply[64];
	static struct message m;

	(void)state;
	for (unsigned octet = 0; octet < 256; octet++) {
		bool letter = (octet >= 'a' && octet <= 'z') || (octet >= 'A' && octet <= 'Z');
		struct dp_asker asker = { .reply_max = 512, .case_bits = { octet & 0x20 ? 0 : 2 } };
		struct dp_answer answer;

		put_header(&m, DNS_QR, 1, 0, 0, 0);
		put8(&m, 1);
		put8(&m, letter ? octet ^ 0x20 : octet);
		put_octets(&m, "\0\0\1\0\1", 5);
		memcpy(reply, m.octets, m.len);
		if (!letter)
			asker.case_bits[0] = 0;
		assert_int_equal(dp_answer_parse(reply, m.len, &answer), DP_ANSWER_OK);
		assert_int_equal(dp_reply_adopt(reply, m.len, sizeof(reply), &answer, &asker, true, OUR_SIZE), m.len);
		assert_int_equal(reply[13], octet);
	}
}

static void one_opt_or_none(void **state)
{
	static uint8_t reply[ROOM];
	static struct message m;

	(void)state;
	for (unsigned bits = 0; bits < 16; bits++) {
		struct server_says says = { .answers = 2, .glue = bits & 4 ? 2 : 0, .opt = bits & 1, .opt_ttl = 0x8000,
					    .opt_first = (bits & 9) == 9 && bits & 4 };
		struct dp_asker asker = bits & 2 ? edns_asker() : plain_asker();
		size_t records = 16 * (says.answers + says.glue);
		size_t len;

		build(&m, &says);
		len = adopt(&m, &asker, true, reply);
		assert_int_equal(len, QUESTION_END + records + (asker.edns ? DNS_OPT_LEN : 0));
		assert_int_equal(count_of(reply, DNS_AT_ANCOUNT), says.answers);
		assert_int_equal(count_of(reply, DNS_AT_ARCOUNT), says.glue + asker.edns);
		for (unsigned i = 0; i < says.answers + says.glue; i++)
			assert_int_equal(reply[QUESTION_END + 16 * i + 15], i);	/* in order, none missing */
	}
}

static void rcodes_over_15(void **state)
{
	static uint8_t reply[ROOM];
	static struct message m;
	struct server_says says = { .flags = 7, .opt = true, .opt_ttl = 0x01000000 };	/* BADCOOKIE, 23 */
	struct dp_asker asker = edns_asker();
	size_t len;

	(void)state;
	build(&m, &says);
	len = adopt(&m, &asker, true, reply);
	assert_int_equal(flags_of(reply) & 0xf, 7);
	assert_int_equal(reply[len - DNS_OPT_LEN + 5], 1);
	asker = plain_asker();
	adopt(&m, &asker, true, reply);
	assert_int_equal(flags_of(reply) & 0xf, DNS_RCODE_SERVFAIL);
}

static void cut_to_size(void **state)
{
	static const struct {
		const char *what;
		struct server_says says;
		bool edns;
		unsigned reply_max;
		bool tc;
		unsigned answers, authorities, glue;	/* that are left */
	} cases[] = {
		/* 33 octets of header and question, 16 a record, 11 for our OPT */
		{ "fits to the octet", { .answers = 29 }, false, 33 + 29 * 16, false, 29, 0, 0 },
		{ "one octet over", { .answers = 29 }, false, 33 + 29 * 16 - 1, true, 0, 0, 0 },
		{ "our OPT fits", { .answers = 29 }, true, 44 + 29 * 16, false, 29, 0, 0 },
		{ "our OPT does not", { .answers = 29 }, true, 44 + 29 * 16 - 1, true, 0, 0, 0 },
		{ "only the server's OPT is over", { .answers = 29, .opt = true }, false, 33 + 29 * 16,
		  false, 29, 0, 0 },
		{ "additional over", { .answers = 20, .authorities = 2, .glue = 10 }, false, 512, false, 20, 2, 0 },
		{ "additional over, EDNS", { .answers = 20, .authorities = 2, .glue = 10, .opt = true }, true, 512,
		  false, 20, 2, 0 },
		{ "additional over, OPT first", { .answers = 20, .glue = 10, .opt = true, .opt_first = true },
		  true, 512,
		  false, 20, 0, 0 },
		{ "additional over by one octet", { .answers = 20, .glue = 9 }, false, 33 + 29 * 16 - 1,
		  false, 20, 0, 0 },
		{ "authority over", { .answers = 20, .authorities = 12, .glue = 1 }, false, 512, true, 0, 0, 0 },
		{ "glue of a referral over", { .authorities = 4, .glue = 28 }, false, 512, true, 0, 0, 0 },
		{ "negative answer", { .flags = DNS_AA, .authorities = 1, .glue = 31 }, false, 512, false, 0, 1, 0 },
		{ "NXDOMAIN", { .flags = DNS_RCODE_NXDOMAIN, .authorities = 1, .glue = 31 }, false, 512,
		  false, 0, 1, 0 },
		{ "server cut it", { .flags = DNS_TC, .answers = 1, .opt = true }, true, 1232, true, 1, 0, 0 },
		{ "TCP", { .answers = 4000, .glue = 90 }, true, 65535, false, 4000, 0, 90 },
		{ "64 KiB, our OPT does not fit", { .answers = 4000, .glue = 93 }, true, 65531, false, 4000, 0, 0 },
	};
	static uint8_t reply[ROOM];
	static struct message m;

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dp_asker asker = cases[i].edns ? edns_asker() : plain_asker();
		unsigned records = cases[i].answers + cases[i].authorities + cases[i].glue;
		size_t len;

		asker.reply_max = (uint16_t)cases[i].reply_max;
		build(&m, &cases[i].says);
		len = adopt(&m, &asker, false, reply);
		if (!!(flags_of(reply) & DNS_TC) != cases[i].tc ||
		    len != QUESTION_END + 16 * records + (cases[i].edns ? DNS_OPT_LEN : 0))
			fail_msg("%s: %zu octets", cases[i].what, len);
		assert_int_equal(count_of(reply, DNS_AT_QDCOUNT), 1);
		assert_int_equal(count_of(reply, DNS_AT_ANCOUNT), cases[i].answers);
		assert_int_equal(count_of(reply, DNS_AT_NSCOUNT), cases[i].authorities);
		assert_int_equal(count_of(reply, DNS_AT_ARCOUNT), cases[i].glue + cases[i].edns);
	}
}

/* Of the records behind the OPT, which begin at owner, left are left: all or none. What their data says is nothing that
 * ldns could read, so it is not asked. */
static void check_moved(const struct message *m, const struct dp_asker *asker, unsigned left, size_t owner)
{
	static uint8_t reply[ROOM];
	struct dp_answer answer;
	size_t len;

	memcpy(reply, m->octets, m->len);
	assert_int_equal(dp_answer_parse(reply, m->len, &answer), DP_ANSWER_OK);
	len = dp_reply_adopt(reply, m->len, ROOM, &answer, asker, true, OUR_SIZE);
	assert_int_equal(dp_answer_parse(reply, len, &answer), DP_ANSWER_OK);
	assert_int_equal(answer.opt_len, asker->edns ? DNS_OPT_LEN : 0);
	assert_int_equal(answer.additionals, left + asker->edns);
	if (left)
		assert_memory_equal(reply + QUESTION_END + 16, m->octets + owner, m->len - owner);
}

/* The OPT in front of a record that could point, or does point, at something behind the OPT. */
static void opt_in_the_middle(void **state)
{
	static const struct {
		const char *what;
		unsigned type;
		bool owner_behind;	/* the second record's owner points at the first one's, behind the OPT */
		unsigned left;
	} cases[] = {
		{ "addresses", DNS_TYPE_A, false, 2 },
		{ "IPv6 addresses", DNS_TYPE_AAAA, false, 2 },
		{ "signatures", DNS_TYPE_RRSIG, false, 2 },
		{ "owner behind the OPT", DNS_TYPE_A, true, 0 },
		{ "name servers", 2, false, 0 },
		{ "unknown type", 65280, false, 0 },
	};
	static const uint8_t pointers[20] = { 0xc0, 0x10, 0xc0, 0x10, 0xc0, 0x10 };
	static struct message m;

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (unsigned edns = 0; edns < 2; edns++) {
			struct dp_asker asker = edns ? edns_asker() : plain_asker();
			size_t owner;

			put_header(&m, DNS_QR, 1, 1, 0, 3);
			put_question(&m, "www.example.net", DNS_TYPE_A);
			put_pointer(&m, DNS_HEADER_LEN);
			put_address(&m, 0);
			put_opt(&m, 1232, 0, "\0\3\0\2me", 6);
			owner = m.len;
			put_labels(&m, "ns");
			put_pointer(&m, DNS_HEADER_LEN + 4);
			put_data(&m, cases[i].type, pointers, sizeof(pointers));
			put_pointer(&m, cases[i].owner_behind ? owner : DNS_HEADER_LEN);
			put_address(&m, 2);
			check_moved(&m, &asker, cases[i].left, owner);
		}
	}
}

/* A CNAME chain, SVCB data that looks like a pointer, types nobody knows: every octet as it came. */
static void records_are_left_alone(void **state)
{
	static uint8_t reply[ROOM];
	static struct message m;
	struct dp_asker asker = edns_asker();
	size_t body;

	(void)state;
	put_header(&m, DNS_QR, 1, 4, 0, 1);
	put_question(&m, "www.example.net", DNS_TYPE_A);
	put_pointer(&m, DNS_HEADER_LEN);
	put_data(&m, 5, "\3Cdn\xc0\x10", 6);
	put_pointer(&m, QUESTION_END + 12);
	put_address(&m, 1);
	put_pointer(&m, DNS_HEADER_LEN);
	put_data(&m, 65, "\0\1\0", 3);
	put_pointer(&m, DNS_HEADER_LEN);
	put_data(&m, 65281, "\xc0\xff\xc0\x0c\0", 5);
	body = m.len;
	put_opt(&m, 1232, 0, "", 0);
	assert_int_equal(adopt(&m, &asker, true, reply), m.len);
	assert_memory_equal(reply + QUESTION_END, m.octets + QUESTION_END, body - QUESTION_END);
}

static void copy_into_little_room(void **state)
{
	struct server_says says = { .answers = 40, .opt = true };
	uint8_t *out = malloc(DP_REPLY_ERROR_MAX);
	struct dp_asker asker = edns_asker();
	static struct message m;
	struct dp_answer answer;
	size_t len;

	(void)state;
	build(&m, &says);
	assert_int_equal(dp_answer_parse(m.octets, m.len, &answer), DP_ANSWER_OK);
	len = dp_reply_copy(out, DP_REPLY_ERROR_MAX, m.octets, m.len, &answer, &asker, true, OUR_SIZE);
	check_reply(out, len, &asker);
	assert_int_equal(len, QUESTION_END + DNS_OPT_LEN);
	assert_int_equal(flags_of(out) & DNS_TC, DNS_TC);
	free(out);
}

static const struct CMUnitTest cases[] = {
	CASE("D035 D044 D254 an error answer, octet by octet", errors_in_full),
	CASE("D030 D035 D043 errors: id, RD, CD, RA, question in the client's case, one OPT or none",
	     errors_of_every_kind),
	CASE("D029 D035 an error answer whose question did not parse keeps id and opcode",
	     errors_without_question),
	CASE("D041 D044 extended rcodes, and SERVFAIL for clients without EDNS", extended_rcodes),
	CASE("the longest error answer takes the room it is given", longest_error_fits),
	CASE("D052 local answers", local_answers),
	CASE("D060 a local answer over the client's size is TC", local_answer_too_long),
	CASE("D030 D062 D105 D106 D107 D108 flags of a server's answer", flags_are_passed),
	CASE("D087 D131 D132 id and letter case are restored, also behind a compression pointer",
	     id_and_case_are_restored),
	CASE("D101 D087 case of any octet is restored", case_of_any_octet),
	CASE("D043 D045 D110 the server's OPT goes, ours comes, records stay", one_opt_or_none),
	CASE("D044 rcodes over 15 of a server", rcodes_over_15),
	CASE("D050 D060 D061 cut to the client's size; TC only when more than additional records is missing",
	     cut_to_size),
	CASE("an OPT in the middle goes without breaking a pointer", opt_in_the_middle),
	CASE("D088 D110 D111 records pass as opaque octets", records_are_left_alone),
	CASE("D060 a copy into too little room is TC", copy_into_little_room),
};

int main(void)
{
	return RUN(cases);
}
