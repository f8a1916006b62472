/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_rules.c - what the passes make of queries by the rules for messages and EDNS, on the octets that leave: toward
 * the client and toward the server.
 */
#include "tests/tap.h"

#include <stdio.h>

#include "tests/dataplane/fixture.h"
#include "tests/dataplane/message.h"
#include "dataplane/reply.h"

#define CLIENT "10.0.0.1"
#define STRANGER "203.0.113.7"

static struct message m;

static int set_up(void **state)
{
	(void)state;
	fx_up(6);
	fx.conf.rules.edns_fallback = true;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	assert_true(fx_balanced());
	for (unsigned i = 0; i < POOL_SERVERS_MAX; i++)
		assert_int_equal(fx.worker->loads[i].outstanding, 0);
	fx_down();
	return 0;
}

static void ask_from(const char *client, bool tcp)
{
	fx_ask_wire(client, tcp, m.octets, (uint32_t)m.len);
	dp_passes_queries(fx.worker);
}

static const struct fx_message *last_reply(void)
{
	assert_int_not_equal(fx.replies, 0);
	return &fx.reply[fx.replies - 1];
}

static const struct fx_message *last_forward(void)
{
	assert_int_not_equal(fx.forwards, 0);
	return &fx.forward[fx.forwards - 1];
}

static void expect_octets(const struct fx_message *got, const void *octets, size_t len)
{
	assert_int_equal(got->len, len);
	assert_memory_equal(got->octets, octets, len);
}

/* The reply is these octets, and no server was asked. */
#define EXPECT_REPLY(literal) \
	do { \
		expect_octets(last_reply(), literal, sizeof(literal) - 1); \
		assert_int_equal(fx.forwards, 0); \
	} while (0)

static void begin(unsigned flags, const char *name, unsigned type, unsigned additionals)
{
	put_header(&m, flags, 1, 0, 0, additionals);
	put_question(&m, name, type);
}

/* ---- the header and the question ---- */

#define QUESTION "\3Www\7Example\3cOm\0\0\1\0\1"

static void z_is_ignored_and_clear(void **state)
{
	(void)state;
	begin(DNS_RD | DNS_Z | DNS_CD, "Www.Example.cOm", DNS_TYPE_A, 0);
	ask_from(CLIENT, false);
	assert_memory_equal(last_forward()->octets + 2, "\1\x30\0\1\0\0\0\0\0\1\3www\7example\3com\0\0\1\0\1"
			    "\0\0\x29\4\xd0\0\0\0\0\0\0", 42);
	assert_int_equal(last_forward()->len, 44);
	fx_answer(last_forward(), DNS_RA | DNS_Z, NULL);
	expect_octets(last_reply(), "\x1d\x2c\x81\x90\0\1\0\1\0\0\0\0" QUESTION
		      "\xc0\14\0\1\0\1\0\0\1\x2c\0\4\xc0\0\2\1", 12 + 21 + 16);
}

static void an_error_octet_by_octet(void **state)
{
	(void)state;
	begin(DNS_RD | DNS_Z | DNS_CD | DNS_AD | DNS_AA | DNS_TC | DNS_RA, "Www.Example.cOm", DNS_TYPE_A, 1);
	put_opt(&m, 4096, 0x8000, "", 0);
	ask_from(STRANGER, false);
	EXPECT_REPLY("\x1d\x2c\x81\x95\0\1\0\0\0\0\0\1" QUESTION
		     "\0\0\x29\4\xd0\0\0\x80\0\0\6\0\17\0\2\0\x12");		/* EDE 18 */
	begin(0, "Www.Example.cOm", DNS_TYPE_A, 0);
	ask_from(STRANGER, false);
	EXPECT_REPLY("\x1d\x2c\x80\x85\0\1\0\0\0\0\0\0" QUESTION);
	assert_int_equal(fx_count(DP_COUNT_REFUSED_ACL), 2);
}

static void all_opcodes(void **state)
{
	(void)state;
	for (unsigned opcode = 1; opcode < 16; opcode++) {
		bool update = opcode == DNS_OPCODE_NOTIFY || opcode == DNS_OPCODE_UPDATE;
		uint8_t expected[] = "\x1d\x2c\1\x14\0\1\0\0\0\0\0\0" QUESTION;

		expected[2] |= (uint8_t)(0x80 | opcode << 3);
		expected[3] = (uint8_t)(0x10 | (update ? DNS_RCODE_REFUSED : DNS_RCODE_NOTIMP));
		if (update)
			expected[3] |= 0x80;		/* the route is known: RA as the pool's kind says */
		begin(opcode << 11 | DNS_RD | DNS_CD, "Www.Example.cOm", DNS_TYPE_A, 0);
		ask_from(CLIENT, false);
		expect_octets(last_reply(), expected, sizeof(expected) - 1);
		m.len = DNS_HEADER_LEN;			/* the question is not there: none is echoed */
		ask_from(CLIENT, false);
		assert_int_equal(last_reply()->len, DNS_HEADER_LEN);
		assert_int_equal(last_reply()->octets[2], 0x81 | opcode << 3);
		assert_int_equal(count_of(last_reply()->octets, DNS_AT_QDCOUNT), 0);
	}
	assert_int_equal(fx_count(DP_COUNT_NOTIMP), 2 * 13);
	assert_int_equal(fx_count(DP_COUNT_REFUSED_UPDATE), 2);
	assert_int_equal(fx_count(DP_COUNT_FORMERR_TRUNCATED), 2);
	assert_int_equal(fx.forwards, 0);
}

static void malformed_is_formerr(void **state)
{
	static const uint8_t cookie[12] = { 0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8 };

	(void)state;
	put_header(&m, DNS_RD, 0, 0, 0, 1);	/* no question but a cookie; cookies are not offered */
	put_opt(&m, 1232, 0, cookie, sizeof(cookie));
	ask_from(CLIENT, false);
	EXPECT_REPLY("\x1d\x2c\x81\x01\0\0\0\0\0\0\0\1\0\0\x29\4\xd0\0\0\0\0\0\0");
	put_header(&m, DNS_RD, 2, 0, 0, 0);
	put_question(&m, "Www.Example.cOm", DNS_TYPE_A);
	put_question(&m, "Www.Example.cOm", 28);
	ask_from(CLIENT, false);
	EXPECT_REPLY("\x1d\x2c\x81\x01\0\0\0\0\0\0\0\0");
	assert_int_equal(fx_count(DP_COUNT_FORMERR_QDCOUNT), 2);

	put_header(&m, DNS_RD, 1, 1, 0, 0);	/* an answer in a query */
	put_question(&m, "Www.Example.cOm", DNS_TYPE_A);
	put_pointer(&m, DNS_HEADER_LEN);
	put_address(&m, 1);
	ask_from(CLIENT, false);
	EXPECT_REPLY("\x1d\x2c\x81\x01\0\1\0\0\0\0\0\0" QUESTION);
	assert_int_equal(fx_count(DP_COUNT_FORMERR_COUNTS), 1);

	begin(DNS_RD, "Www.Example.cOm", DNS_TYPE_A, 1);	/* an additional record that is not there */
	ask_from(CLIENT, false);
	EXPECT_REPLY("\x1d\x2c\x81\x01\0\1\0\0\0\0\0\0" QUESTION);
	assert_int_equal(fx_count(DP_COUNT_FORMERR_TRUNCATED), 1);

	put_header(&m, DNS_RD, 1, 0, 0, 0);
	put_octets(&m, "\3www\xc0\14\0\1\0\1", 10);
	ask_from(CLIENT, false);
	EXPECT_REPLY("\x1d\x2c\x81\x01\0\0\0\0\0\0\0\0");
	assert_int_equal(fx_count(DP_COUNT_FORMERR_NAME), 1);
}

static void any_octet_is_a_name(void **state)
{
	/* one label "example.net", one "exa\0mple": neither is under example.net. */
	static const char dotted[] = "\013example.net\0\0\1\0\1", nul[] = "\1\0\010exa\0mple\3net\0\0\1\0\1";
	static const struct { const char *octets; size_t len; const char *pool; } cases[] = {
		{ dotted, sizeof(dotted) - 1, "rec" },
		{ nul, sizeof(nul) - 1, "rec" },
		{ "\2\0.\7EXAMPLE\3net\0\0\1\0\1", 20, "auth" },
		{ "\3\xc1\xe1\xff\7example\3net\0\0\1\0\1", 21, "auth" },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		put_header(&m, DNS_RD, 1, 0, 0, 0);
		put_octets(&m, cases[i].octets, cases[i].len);
		ask_from(CLIENT, false);
		assert_int_equal(fx.forwards, i + 1);
		assert_string_equal(last_forward()->server->pool_name, cases[i].pool);
		fx_answer(last_forward(), 0, NULL);
		assert_memory_equal(last_reply()->octets + 12, cases[i].octets, cases[i].len);
	}
}

static void trailing_octets(void **state)
{
	(void)state;
	begin(DNS_RD, "Www.Example.cOm", DNS_TYPE_A, 0);
	put_octets(&m, "\0\0\x29\4\xd0\0\0\0\0\0\0", 11);	/* an OPT that the count does not know */
	ask_from(CLIENT, false);
	EXPECT_REPLY("\x1d\x2c\x81\x01\0\1\0\0\0\0\0\0" QUESTION);
	assert_int_equal(fx_count(DP_COUNT_FORMERR_TRAILING), 1);

	fx.conf.rules.ignore_trailing = true;
	ask_from(CLIENT, false);
	assert_int_equal(fx_count(DP_COUNT_FORMERR_TRAILING), 1);
	assert_int_equal(last_forward()->len, 12 + 21 + 11);	/* question and our OPT, nothing of theirs */
	fx_answer(last_forward(), DNS_RA, NULL);
	assert_int_equal(last_reply()->octets[11], 0);		/* what is behind the end is no OPT */

	begin(DNS_RD, "Www.Example.cOm", DNS_TYPE_A, 1);
	put_opt(&m, 1232, 0x10000, "", 0);
	put8(&m, 0);
	ask_from(CLIENT, false);
	assert_int_equal(fx_count(DP_COUNT_BADVERS), 1);
}

/* ---- EDNS ---- */

static void opts_of_clients(void **state)
{
	static const uint8_t odd[] = "\xff\xfe\0\3abc\0\0\0\0";	/* an unknown option, and one of length 0 */

	(void)state;
	begin(DNS_RD, "Www.Example.cOm", DNS_TYPE_A, 1);
	put_opt(&m, 1232, 0xff7fff, "", 0);
	ask_from(CLIENT, false);
	EXPECT_REPLY("\x1d\x2c\x81\0\0\1\0\0\0\0\0\1" QUESTION "\0\0\x29\4\xd0\1\0\0\0\0\0");	/* BADVERS */

	begin(DNS_RD, "Www.Example.cOm", DNS_TYPE_A, 2);
	put_opt(&m, 1232, 0, "", 0);
	put_opt(&m, 1232, 0, "", 0);
	ask_from(CLIENT, false);
	EXPECT_REPLY("\x1d\x2c\x81\1\0\1\0\0\0\0\0\1" QUESTION "\0\0\x29\4\xd0\0\0\0\0\0\0");
	begin(DNS_RD, "Www.Example.cOm", DNS_TYPE_A, 1);
	put_opt(&m, 1232, 0, "\0\3\0\1", 4);
	ask_from(CLIENT, false);
	EXPECT_REPLY("\x1d\x2c\x81\1\0\1\0\0\0\0\0\1" QUESTION "\0\0\x29\4\xd0\0\0\0\0\0\0");
	assert_int_equal(fx_count(DP_COUNT_FORMERR_OPT), 2);

	begin(DNS_RD, "Www.Example.cOm", DNS_TYPE_A, 1);
	put_opt(&m, 1232, 0x7fff, odd, sizeof(odd) - 1);
	ask_from(CLIENT, false);
	assert_int_equal(last_forward()->len, 12 + 21 + 11);
	fx_answer(last_forward(), DNS_RA, NULL);
	assert_memory_equal(last_reply()->octets + last_reply()->len - 11, "\0\0\x29\4\xd0\0\0\0\0\0\0", 11);
}

static void server_has_options(struct dp_packet *p)
{
	static const uint8_t options[] = "\0\12\0\10abcdefgh\0\13\0\2\0\1\0\14\0\2\0\0\0\3\0\2me";

	memcpy(p->payload + p->payload_len, options, sizeof(options) - 1);
	p->payload[p->payload_len - 1] = sizeof(options) - 1;
	p->payload_len += sizeof(options) - 1;
}

static void options_stay_on_their_hop(void **state)
{
	static const uint8_t options[] = "\0\12\0\10abcdefgh\0\13\0\0\0\14\0\2\0\0";	/* cookie, keepalive, padding */

	(void)state;
	begin(DNS_RD, "Www.Example.cOm", DNS_TYPE_A, 1);
	put_opt(&m, 4096, 0, options, sizeof(options) - 1);
	ask_from(CLIENT, true);
	assert_memory_equal(last_forward()->octets + 12 + 21, "\0\0\x29\4\xd0\0\0\0\0\0\0", 11);
	assert_int_equal(last_forward()->len, 12 + 21 + 11);
	fx_answer(last_forward(), DNS_RA, server_has_options);
	assert_memory_equal(last_reply()->octets + last_reply()->len - 11, "\0\0\x29\4\xd0\0\0\0\0\0\0", 11);
	assert_int_equal(last_reply()->len, 12 + 21 + 16 + 11);
}

/* ---- NSID ---- */

static void want_nsid(const char *id)
{
	fx.conf.nsid_len = (uint8_t)strlen(id);
	memcpy(fx.conf.nsid, id, fx.conf.nsid_len);
}

static void ask_nsid(unsigned flags, const char *name, unsigned type, uint32_t ttl)
{
	begin(flags, name, type, 1);
	put_opt(&m, 1232, ttl, "\0\3\0\0", 4);
	ask_from(CLIENT, false);
}

/* The last octets of the reply, and of its OPT before: rdata length and the option. */
static bool reply_has_nsid(void)
{
	const struct fx_message *r = last_reply();

	return memcmp(r->octets + r->len - 9, "\0\x07\0\3\0\3dd1", 9) == 0;
}

static void nsid_in_every_answer(void **state)
{
	(void)state;
	want_nsid("dd1");
	ask_nsid(DNS_RD, "www.example.com", DNS_TYPE_A, 0);
	assert_int_equal(last_forward()->len, 12 + 21 + 11);		/* servers are not asked for theirs */
	fx_answer(last_forward(), DNS_RA, NULL);
	assert_true(reply_has_nsid());
	assert_int_equal(last_reply()->len, 12 + 21 + 16 + 11 + 7);
	ask_nsid(DNS_RD, "www.example.com", DNS_TYPE_A, 0);
	fx_answer(last_forward(), DNS_RCODE_NXDOMAIN, NULL);
	assert_true(reply_has_nsid());
	ask_nsid(DNS_OPCODE_NOTIFY << 11, "www.example.com", DNS_TYPE_SOA, 0);
	assert_int_equal(last_reply()->octets[3], 0x80 | DNS_RCODE_REFUSED);
	assert_memory_equal(last_reply()->octets + last_reply()->len - 15, "\0\x0d\0\17\0\2\0\x12\0\3\0\3dd1", 15);
	ask_nsid(DNS_RD, "www.example.com", DNS_TYPE_A, 0x10000);	/* BADVERS */
	assert_true(reply_has_nsid());
	begin(DNS_RD, "id.server", DNS_TYPE_TXT, 1);
	m.octets[m.len - 1] = DNS_CLASS_CH;
	put_opt(&m, 512, 0, "\0\3\0\0", 4);
	ask_from(CLIENT, false);
	assert_true(reply_has_nsid());
	ask_nsid(DNS_RD, "www.example.com", DNS_TYPE_A, 0);
	fx_pass_ms(1500);						/* SERVFAIL, EDE */
	assert_memory_equal(last_reply()->octets + last_reply()->len - 7, "\0\3\0\3dd1", 7);
}

static void nsid_only_where_asked_and_fitting(void **state)
{
	(void)state;
	ask_nsid(0, "x", DNS_TYPE_A, 0);				/* no id is given here */
	assert_int_equal(last_reply()->len, 12 + 7 + 17);
	want_nsid("dd1");
	begin(0, "x", DNS_TYPE_A, 1);
	put_opt(&m, 1232, 0, "", 0);
	ask_from(CLIENT, false);
	assert_int_equal(last_reply()->len, 12 + 7 + 17);
	begin(0, "x", DNS_TYPE_A, 0);
	ask_from(CLIENT, false);
	assert_int_equal(last_reply()->len, 12 + 7);
	ask_nsid(DNS_RD, "x", DNS_TYPE_ANY, 0);				/* TC says to ask again: nothing is added */
	assert_int_equal(last_reply()->len, 12 + 7 + 11);
}

/* An answer of len octets with its OPT: the id comes as long as all of it fits. */
static void nsid_fits_or_is_left_out(void **state)
{
	static const unsigned room[] = { 512, 1000, 1232 };
	static const uint8_t text[1232];

	(void)state;
	for (unsigned i = 0; i < sizeof(room) / sizeof(room[0]); i++) {
		for (int over = -2; over <= 2; over++) {
			static struct message reply;
			size_t text_len = (size_t)((int)room[i] + over) - 12 - 7 - 12 - 11 - 7;

			put_header(&reply, DNS_QR, 1, 1, 0, 1);
			put_question(&reply, "x", DNS_TYPE_TXT);
			put_pointer(&reply, DNS_HEADER_LEN);
			put_data(&reply, DNS_TYPE_TXT, text, text_len);
			put_opt(&reply, 1232, 0, "", 0);
			assert_int_equal(dp_reply_add_nsid(reply.octets, reply.len, room[i], "dd1", 3),
					 over > 0 ? reply.len : reply.len + 7);
		}
	}
}

/* ---- ANY ---- */

static void any_is_tc(void **state)
{
	(void)state;
	begin(DNS_RD, "Www.Example.cOm", DNS_TYPE_ANY, 1);
	put_opt(&m, 4096, 0, "", 0);
	ask_from(CLIENT, false);
	EXPECT_REPLY("\x1d\x2c\x83\x80\0\1\0\0\0\0\0\1\3Www\7Example\3cOm\0\0\xff\0\1\0\0\x29\4\xd0\0\0\0\0\0\0");
	assert_int_equal(last_reply()->len, m.len);
	begin(0, "a.example.net", DNS_TYPE_ANY, 0);
	ask_from(CLIENT, false);
	EXPECT_REPLY("\x1d\x2c\x82\0\0\1\0\0\0\0\0\0\1a\7example\3net\0\0\xff\0\1");
	assert_int_equal(fx_count(DP_COUNT_LOCAL_ANY), 2);
	ask_from(CLIENT, true);					/* over TCP it is a query like any other */
	assert_memory_equal(last_forward()->octets + 12 + 15, "\0\xff\0\1", 4);
	fx_answer(last_forward(), DNS_AA, NULL);
	begin(DNS_RD, "Www.Example.cOm", DNS_TYPE_ANY, 0);	/* strangers learn nothing here either */
	ask_from(STRANGER, false);
	assert_int_equal(last_reply()->octets[3] & 0xf, DNS_RCODE_REFUSED);
}

static void any_is_hinfo(void **state)
{
	(void)state;
	fx.conf.rules.any[POOL_RECURSIVE] = fx.conf.rules.any[POOL_AUTHORITATIVE] = DP_ANY_HINFO;
	begin(DNS_RD, "Www.Example.cOm", DNS_TYPE_ANY, 1);
	put_opt(&m, 4096, 0, "", 0);
	ask_from(CLIENT, false);
	EXPECT_REPLY("\x1d\x2c\x81\x80\0\1\0\1\0\0\0\1\3Www\7Example\3cOm\0\0\xff\0\1"
		     "\xc0\14\0\15\0\1\0\0\x0e\x10\0\11\7RFC8482\0"
		     "\0\0\x29\4\xd0\0\0\0\0\0\0");
	begin(0, "a.example.net", DNS_TYPE_ANY, 0);
	ask_from(CLIENT, false);
	EXPECT_REPLY("\x1d\x2c\x84\0\0\1\0\1\0\0\0\0\1a\7example\3net\0\0\xff\0\1"
		     "\xc0\14\0\15\0\1\0\0\x0e\x10\0\11\7RFC8482\0");
	begin(0, "a.example.net", DNS_TYPE_ANY, 1);		/* nobody could sign it */
	put_opt(&m, 4096, 0x8000, "", 0);
	ask_from(CLIENT, false);
	EXPECT_REPLY("\x1d\x2c\x82\0\0\1\0\0\0\0\0\1\1a\7example\3net\0\0\xff\0\1\0\0\x29\4\xd0\0\0\x80\0\0\0");
	assert_int_equal(fx_count(DP_COUNT_LOCAL_ANY), 3);
	ask_from(CLIENT, true);
	assert_int_equal(fx.forwards, 1);
	fx_answer(last_forward(), DNS_AA, NULL);
}

static void any_is_forwarded(void **state)
{
	(void)state;
	fx.conf.rules.any[POOL_AUTHORITATIVE] = DP_ANY_FORWARD;
	begin(0, "a.example.net", DNS_TYPE_ANY, 0);
	ask_from(CLIENT, false);
	assert_int_equal(fx.forwards, 1);
	fx_answer(last_forward(), DNS_AA, NULL);
	fx.conf.rules.any[POOL_AUTHORITATIVE] = DP_ANY_HINFO;
	begin(0, "a.example.net", DNS_TYPE_ANY, 0);
	m.octets[m.len - 1] = DNS_CLASS_ANY;			/* no record has this class */
	ask_from(CLIENT, false);
	assert_int_equal(last_reply()->octets[2], 0x82);
	begin(DNS_RD, "a.example.com", DNS_TYPE_ANY, 0);	/* the other kind has its own rule */
	ask_from(CLIENT, false);
	assert_int_equal(fx.forwards, 1);
}

/* ---- RD = 0 ---- */

static void rd0_asks_nobody(void **state)
{
	(void)state;
	for (unsigned from_cache = 0; from_cache < 2; from_cache++) {
		fx.conf.rules.rd0_from_cache = from_cache;
		begin(0, "Www.Example.cOm", DNS_TYPE_A, 0);
		ask_from(CLIENT, false);
		EXPECT_REPLY("\x1d\x2c\x80\x85\0\1\0\0\0\0\0\0" QUESTION);
		ask_from(CLIENT, true);
		EXPECT_REPLY("\x1d\x2c\x80\x85\0\1\0\0\0\0\0\0" QUESTION);
		assert_int_equal(fx_count(DP_COUNT_REFUSED_RD), 2 + 2 * from_cache);
	}
	begin(0, "www.example.net", DNS_TYPE_A, 0);		/* authoritative pools do not care */
	ask_from(CLIENT, false);
	assert_int_equal(fx.forwards, 1);
	fx_answer(last_forward(), DNS_AA, NULL);
}

/* What another has asked is shown where that is allowed, and RD comes back as it was sent. */
static void rd0_from_the_cache(void **state)
{
	(void)state;
	fx_cache(8 << 20);
	begin(DNS_RD, "Www.Example.cOm", DNS_TYPE_A, 0);
	ask_from(CLIENT, false);
	fx_answer(last_forward(), DNS_RA, NULL);
	begin(0, "Www.Example.cOm", DNS_TYPE_A, 0);
	ask_from(CLIENT, false);
	assert_int_equal(last_reply()->octets[3], 0x80 | DNS_RCODE_REFUSED);
	assert_int_equal(fx_count(DP_COUNT_HIT), 0);
	fx.conf.rules.rd0_from_cache = true;
	ask_from(CLIENT, false);
	assert_int_equal(fx_count(DP_COUNT_HIT), 1);
	assert_memory_equal(last_reply()->octets + 2, "\x80\x80\0\1\0\1\0\0\0\0" QUESTION, 10 + 21);
	begin(0, "other.example.com", DNS_TYPE_A, 0);
	ask_from(CLIENT, false);
	assert_int_equal(last_reply()->octets[3], 0x80 | DNS_RCODE_REFUSED);
	assert_int_equal(fx_count(DP_COUNT_REFUSED_RD), 2);
	assert_int_equal(fx.forwards, 1);
}

/* ---- NOTIFY and UPDATE ---- */

static void allow_updates(void)
{
	struct dp_acl_rule rule = { .allow = true };

	prefix_parse("10.0.0.1/32", &rule.prefix);
	dp_acl_free(fx.conf.update_acl);
	fx.conf.update_acl = dp_acl_new(&rule, 1);
}

/* A zone, an addition, an OPT with a cookie, TSIG, octets behind: all of which must arrive. */
static void make_update(const char *zone, unsigned opcode)
{
	put_header(&m, opcode << 11 | DNS_Z, 1, 0, 1, 2);
	put_question(&m, zone, DNS_TYPE_SOA);
	put_labels(&m, "NeW");
	put_pointer(&m, DNS_HEADER_LEN);
	put_address(&m, 9);
	put_opt(&m, 1232, 0, "\0\12\0\10abcdefgh\0\3\0\0", 16);
	put_name(&m, "key");
	put_data(&m, DNS_TYPE_TSIG, "\4hmac\0 and so on", 16);
	put8(&m, 77);
}

/* Answers message f with these octets behind the id. */
static void answer_octets(const struct fx_message *f, const void *octets, size_t len)
{
	struct dp_packet *p = &fx.worker->batch[0];

	fx_take(fx.worker, p, FX_ROOM);
	memcpy(p->payload, f->octets, 2);
	memcpy(p->payload + 2, octets, len);
	p->payload_len = (uint32_t)len + 2;
	p->back = (struct dp_return){ .origin = DP_ORIGIN_XSK };
	p->back.flow.peer = f->server->endpoint.addr;
	p->back.flow.peer_port = f->server->endpoint.port;
	p->back.flow.own = fx.hops.server[f->server->index].own;
	dp_passes_answer(fx.worker, p, f->own_port, f->tcp);
}

static void updates_pass_octet_for_octet(void **state)
{
	static const uint8_t reply[] = "\xa8\x45\0\1\0\0\0\0\0\1 whatever is in it \0\xff";

	(void)state;
	allow_updates();
	want_nsid("dd1");
	for (unsigned tcp = 0; tcp < 2; tcp++) {
		make_update("Example.NET", DNS_OPCODE_UPDATE);
		ask_from(CLIENT, tcp);
		assert_int_equal(fx.forwards, tcp + 1);
		assert_string_equal(last_forward()->server->pool_name, "auth");
		assert_int_equal(last_forward()->tcp, tcp);
		assert_int_equal(last_forward()->len, m.len);
		assert_memory_equal(last_forward()->octets + 2, m.octets + 2, m.len - 2);
		answer_octets(last_forward(), "\x28\x45\0\0\0\0\0\0\0\0", 10);		/* no response */
		answer_octets(last_forward(), "\x80\0\0\0\0\0\0\0\0\0", 10);		/* of another opcode */
		assert_int_equal(fx.replies, tcp);
		answer_octets(last_forward(), reply, sizeof(reply) - 1);
		assert_int_equal(fx.replies, tcp + 1);
		assert_int_equal(last_reply()->len, sizeof(reply) + 1);
		assert_memory_equal(last_reply()->octets, "\x1d\x2c", 2);
		assert_memory_equal(last_reply()->octets + 2, reply, sizeof(reply) - 1);
	}
	assert_int_equal(fx_count(DP_COUNT_FORWARDED_ANSWERED), 2);
	assert_int_equal(fx_count(DP_COUNT_ANSWER_MISMATCH), 4);
}

static void updates_are_for_few(void **state)
{
	static const unsigned opcodes[] = { DNS_OPCODE_NOTIFY, DNS_OPCODE_UPDATE };

	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		make_update("example.net", opcodes[i]);			/* nobody, by default */
		ask_from(CLIENT, false);
		assert_int_equal(last_reply()->octets[2], 0x80 | opcodes[i] << 3);
		assert_int_equal(last_reply()->octets[3] & 0xf, DNS_RCODE_REFUSED);
		assert_int_equal(last_reply()->octets[11], 1);
	}
	allow_updates();
	for (unsigned i = 0; i < 2; i++) {
		make_update("example.net", opcodes[i]);
		ask_from(STRANGER, false);
		make_update("example.com", opcodes[i]);			/* never to recursive servers */
		ask_from(CLIENT, false);
		assert_int_equal(last_reply()->octets[3] & 0xf, DNS_RCODE_REFUSED);
	}
	assert_int_equal(fx_count(DP_COUNT_REFUSED_UPDATE), 6);
	assert_int_equal(fx.forwards, 0);
}

static void update_without_an_answer(void **state)
{
	(void)state;
	allow_updates();
	make_update("Example.net", DNS_OPCODE_NOTIFY);
	ask_from(CLIENT, false);
	/* FORMERR: its own, not a reason to ask again */
	answer_octets(last_forward(), "\xa0\1\0\0\0\0\0\0\0\0", 10);
	assert_int_equal(fx.forwards, 1);
	assert_int_equal(fx.replies, 1);
	make_update("Example.net", DNS_OPCODE_NOTIFY);
	ask_from(CLIENT, false);
	fx_pass_ms(1500);
	assert_int_equal(last_reply()->octets[2], 0xa0);
	assert_int_equal(last_reply()->octets[3], DNS_RCODE_SERVFAIL);
	assert_int_equal(fx_count(DP_COUNT_FORWARDED_TIMEOUT), 1);
}

/* Nothing of an UPDATE is looked up or kept, though its question is one that is. */
static void updates_bypass_the_cache(void **state)
{
	(void)state;
	fx_cache(8 << 20);
	allow_updates();
	begin(0, "example.net", DNS_TYPE_SOA, 0);
	ask_from(CLIENT, false);
	fx_answer(last_forward(), DNS_AA, NULL);
	begin(0, "example.net", DNS_TYPE_SOA, 0);
	ask_from(CLIENT, false);
	for (unsigned i = 0; i < 2; i++) {
		make_update("example.net", DNS_OPCODE_UPDATE);
		ask_from(CLIENT, false);
	}
	assert_int_equal(fx_count(DP_COUNT_HIT), 1);
	assert_int_equal(fx.forwards, 3);			/* the UPDATEs did not join either */
	assert_int_equal(dp_inflight_waiting(fx.worker->inflight), 2);
	fx_pass_ms(1500);
}

/* ---- servers that fail on EDNS ---- */

static void drop_opt(struct dp_packet *p)
{
	p->payload[11] = 0;
	p->payload_len -= 11;
}

static void bare_error(struct dp_packet *p)
{
	p->payload_len = 12;
	memset(p->payload + 4, 0, 8);
}

static bool is_plain(const struct fx_message *f)
{
	return !f->octets[11] && f->len == 12 + 21;
}

static void ask_auth(bool tcp)
{
	begin(0, "www.example.net", DNS_TYPE_A, 1);
	put_opt(&m, 1232, 0x8000, "", 0);
	ask_from(CLIENT, tcp);
}

static void asked_again_without_edns(void **state)
{
	static const struct { unsigned rcode; void (*edit)(struct dp_packet *p); bool tcp; } cases[] = {
		{ DNS_RCODE_FORMERR, drop_opt, false }, { DNS_RCODE_NOTIMP, drop_opt, true },
		{ DNS_RCODE_FORMERR, bare_error, true }, { DNS_RCODE_NOTIMP, bare_error, false },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		ask_auth(cases[i].tcp);
		assert_false(is_plain(last_forward()));
		fx_answer(last_forward(), (uint16_t)cases[i].rcode, cases[i].edit);
		assert_int_equal(fx.replies, 2 * i);
		assert_int_equal(fx_count(DP_COUNT_EDNS_RETRIED), i + 1);
		assert_true(is_plain(last_forward()));
		fx_answer(last_forward(), DNS_AA, NULL);
		assert_int_equal(last_reply()->octets[3], 0);
		assert_memory_equal(last_reply()->octets + last_reply()->len - 11, "\0\0\x29\4\xd0\0\0\x80\0\0\0", 11);
		ask_auth(false);				/* it has been learned */
		assert_true(is_plain(last_forward()));
		fx_answer(last_forward(), DNS_AA, NULL);
		fx_pass_ms(61 * 1000);				/* and is forgotten */
	}
	assert_true(pool_server_is_up(fx.auth.member[0]));
	assert_int_equal(fx.worker->loads[0].errors, 0);
}

/* It lacks the DNSSEC records that DO asked for, and would be given to others who ask for them. */
static void plain_answers_to_do_are_not_kept(void **state)
{
	(void)state;
	fx_cache(8 << 20);
	for (unsigned i = 0; i < 2; i++) {
		ask_auth(false);
		if (i == 0)
			fx_answer(last_forward(), DNS_RCODE_FORMERR, drop_opt);
		assert_true(is_plain(last_forward()));
		fx_answer(last_forward(), DNS_AA, NULL);
	}
	assert_int_equal(fx_count(DP_COUNT_HIT), 0);
	begin(0, "www.example.net", DNS_TYPE_A, 0);
	ask_from(CLIENT, false);
	fx_answer(last_forward(), DNS_AA, NULL);
	ask_from(CLIENT, false);
	assert_int_equal(fx_count(DP_COUNT_HIT), 1);
}

static void not_every_formerr_blames_edns(void **state)
{
	(void)state;
	ask_auth(false);
	fx_answer(last_forward(), DNS_RCODE_FORMERR, NULL);	/* with an OPT: it knows EDNS */
	assert_int_equal(last_reply()->octets[3], DNS_RCODE_FORMERR);
	ask_auth(false);
	fx_answer(last_forward(), DNS_RCODE_REFUSED, drop_opt);
	assert_int_equal(last_reply()->octets[3], DNS_RCODE_REFUSED);
	ask_auth(false);
	fx_answer(last_forward(), DNS_RCODE_FORMERR, drop_opt);	/* the same answer the second time is the answer */
	fx_answer(last_forward(), DNS_RCODE_FORMERR, NULL);
	assert_int_equal(last_reply()->octets[3], DNS_RCODE_FORMERR);
	assert_int_equal(fx_count(DP_COUNT_EDNS_RETRIED), 1);
	ask_auth(false);					/* nothing was learned from that */
	assert_false(is_plain(last_forward()));
	fx.conf.rules.edns_fallback = false;
	fx_answer(last_forward(), DNS_RCODE_NOTIMP, drop_opt);
	assert_int_equal(last_reply()->octets[3], DNS_RCODE_NOTIMP);
	ask_auth(false);
	fx_answer(last_forward(), DNS_RCODE_FORMERR, bare_error);
	assert_int_equal(last_reply()->octets[3], DNS_RCODE_SERVFAIL);
	assert_int_equal(fx_count(DP_COUNT_EDNS_RETRIED), 1);
	fx.conf.rules.edns_fallback = true;
	ask_auth(false);
	fx.refuse_forward = true;				/* it cannot leave */
	fx_answer(last_forward(), DNS_RCODE_NOTIMP, drop_opt);
	assert_int_equal(last_reply()->octets[3], DNS_RCODE_SERVFAIL);
}

#define IN_FIXTURE(description, function) { description, function, set_up, tear_down, NULL }

int main(void)
{
	const struct CMUnitTest cases[] = {
		IN_FIXTURE("D030 D035 D130 Z is ignored, not passed on, and clear in the answer",
			   z_is_ignored_and_clear),
		IN_FIXTURE("D030 D035 an error, octet by octet: only id, opcode, RD, CD and case are the client's",
			   an_error_octet_by_octet),
		IN_FIXTURE("D029 D035 D112 all other opcodes: NOTIMP, or REFUSED for NOTIFY and UPDATE", all_opcodes),
		IN_FIXTURE("D023 D024 D025 D026 D028 FORMERR, octet by octet, and nothing is forwarded",
			   malformed_is_formerr),
		IN_FIXTURE("D033 D101 NUL, dots and octets over 127 in labels route and come back as they are",
			   any_octet_is_a_name),
		IN_FIXTURE("D027 octets behind the last record: FORMERR or ignored, never passed on", trailing_octets),
		IN_FIXTURE("D032 D040 D041 D043 D044 D047 OPTs of clients, octet by octet", opts_of_clients),
		IN_FIXTURE("D045 cookie, keepalive and padding stay on their hop, both ways",
			   options_stay_on_their_hop),
		IN_FIXTURE("D051 NSID in answers of servers, of our own, and in errors", nsid_in_every_answer),
		IN_FIXTURE("D051 no NSID unasked, unset, or with TC", nsid_only_where_asked_and_fitting),
		{ "D050 D051 NSID only if all of it fits", nsid_fits_or_is_left_out, NULL, NULL, NULL },
		IN_FIXTURE("D117 ANY over UDP is TC and no longer than the query; over TCP forwarded", any_is_tc),
		IN_FIXTURE("D117 ANY as HINFO; TC for clients that want DNSSEC", any_is_hinfo),
		IN_FIXTURE("D117 ANY forwarded by kind of pool", any_is_forwarded),
		IN_FIXTURE("D114 RD = 0 never asks a recursive server", rd0_asks_nobody),
		IN_FIXTURE("D114 RD = 0 is answered from the cache only where that is set", rd0_from_the_cache),
		IN_FIXTURE("D048 D112 D113 NOTIFY and UPDATE pass octet for octet but for the id, both ways",
			   updates_pass_octet_for_octet),
		IN_FIXTURE("D112 from listed addresses to authoritative pools only", updates_are_for_few),
		IN_FIXTURE("D112 an UPDATE is neither answered from the cache nor joined", updates_bypass_the_cache),
		IN_FIXTURE("D112 an UPDATE is asked once; silence gives SERVFAIL", update_without_an_answer),
		IN_FIXTURE("D046 FORMERR or NOTIMP without OPT: asked again without EDNS, and learned",
			   asked_again_without_edns),
		IN_FIXTURE("D046 D134 what such a server says to DO is not kept", plain_answers_to_do_are_not_kept),
		IN_FIXTURE("D046 other errors are no reason to, and nothing counts against the server",
			   not_every_formerr_blames_edns),
	};

	return RUN(cases);
}
