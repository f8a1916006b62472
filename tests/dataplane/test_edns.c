/* SPDX-License-Identifier: BSD-2-Clause */
/* test_edns.c - the OPT record, read and written. */
#include <stdbool.h>
#include "tests/tap.h"
#include "tests/dataplane/message.h"
#include "dataplane/edns.h"

/* Reads an OPT with these options, in memory of exactly its length behind some octets of message. */
static bool read_with(const void *options, size_t len, struct dp_opt *opt)
{
	static struct message m;
	uint8_t *exact;
	bool good;

	m.len = 0;
	put_octets(&m, "message", 7);
	put_opt(&m, 4096, 0x01028000, options, len);
	exact = exact_copy(m.octets, m.len);
	good = dp_opt_read(exact, 7, m.len, opt);
	free(exact);
	return good;
}

static void reads_the_fixed_part(void **state)
{
	struct dp_opt opt;

	(void)state;
	assert_true(read_with("", 0, &opt));
	assert_int_equal(opt.udp_size, 4096);
	assert_int_equal(opt.rcode_high, 1);
	assert_int_equal(opt.version, 2);
	assert_true(opt.dnssec_ok);
	assert_int_equal(opt.options_at, 7 + 11);
	assert_int_equal(opt.options_len, 0);
}

static void options_fill_the_record(void **state)
{
	static const struct {
		const char *what;
		size_t len;
		uint8_t octets[20];
		bool good;
	} cases[] = {
		{ "no option", 0, { 0 }, true },
		{ "empty option (NSID)", 4, { 0, 3, 0, 0 }, true },
		{ "two options, the first empty", 12, { 0, 3, 0, 0, 0, 10, 0, 4, 1, 2, 3, 4 }, true },
		{ "unknown option", 6, { 0xff, 0xfe, 0, 2, 9, 9 }, true },
		{ "option one octet over", 7, { 0, 10, 0, 4, 1, 2, 3 }, false },
		{ "second option over", 9, { 0, 3, 0, 0, 0, 10, 0, 2, 1 }, false },
		{ "length 65535", 4, { 0, 3, 0xff, 0xff }, false },
		{ "one octet left", 5, { 0, 3, 0, 0, 0 }, false },
		{ "three octets left", 3, { 0, 3, 0 }, false },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dp_opt opt;

		if (read_with(cases[i].octets, cases[i].len, &opt) != cases[i].good)
			fail_msg("%s", cases[i].what);
		assert_int_equal(opt.options_len, cases[i].len);
	}
}

static void writes_our_own(void **state)
{
	static const uint8_t plain[11] = { 0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0 };
	static const uint8_t badvers[11] = { 0, 0, 41, 0x04, 0xd0, 1, 0, 0x80, 0, 0, 0 };
	static const uint8_t ede[17] = { 0, 0, 41, 0x02, 0, 0, 0, 0, 0, 0, 6, 0, 15, 0, 2, 0, 22 };
	uint8_t out[17];

	(void)state;
	assert_int_equal(dp_opt_write(out, 1232, false, DNS_RCODE_REFUSED, -1), sizeof(plain));
	assert_memory_equal(out, plain, sizeof(plain));
	assert_int_equal(dp_opt_write(out, 1232, true, DNS_RCODE_BADVERS, -1), sizeof(badvers));
	assert_memory_equal(out, badvers, sizeof(badvers));
	assert_int_equal(dp_opt_write(out, 512, false, DNS_RCODE_SERVFAIL, 22), sizeof(ede));
	assert_memory_equal(out, ede, sizeof(ede));
}

static void reads_what_it_writes(void **state)
{
	(void)state;
	for (unsigned rcode = 0; rcode < 4096; rcode += 15) {
		struct dp_opt opt;
		uint8_t out[17];
		size_t len = dp_opt_write(out, (uint16_t)(rcode * 16), rcode & 1, (uint16_t)rcode,
					  rcode % 3 ? (int)rcode : -1);

		assert_true(dp_opt_read(out, 0, len, &opt));
		assert_int_equal(opt.udp_size, rcode * 16);
		assert_int_equal(opt.rcode_high, rcode >> 4);
		assert_int_equal(opt.version, 0);
		assert_int_equal(opt.dnssec_ok, rcode & 1);
		assert_int_equal(opt.options_len, rcode % 3 ? 6 : 0);
	}
}

static const struct CMUnitTest cases[] = {
	CASE("the fixed part of an OPT is read", reads_the_fixed_part),
	CASE("D032 D047 options must fill the OPT exactly; empty and unknown ones are legal",
	     options_fill_the_record),
	CASE("D044 D254 our OPT: own size, version 0, DO, extended rcode, EDE", writes_our_own),
	CASE("D049 what is written is read back by the same parser", reads_what_it_writes),
};

int main(void)
{
	return RUN(cases);
}
