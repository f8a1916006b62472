/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/tap.h"

#include <arpa/inet.h>
#include <errno.h>
#include <string.h>

#include "base/addr.h"

static void parses_and_formats(void **state)
{
	static const char *const same[] = { "192.0.2.1", "2001:db8::1", "::1", "0.0.0.0", "fe80::53" };
	struct addr addr;
	char text[ADDR_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		assert_int_equal(addr_parse(same[i], &addr), 0);
		assert_string_equal(addr_format(&addr, text, sizeof(text)), same[i]);
	}
	assert_int_equal(addr_parse("192.0.2", &addr), -EINVAL);
	assert_int_equal(addr_parse("192.0.2.1 ", &addr), -EINVAL);
	assert_int_equal(addr_parse("", &addr), -EINVAL);
}

static void parses_prefixes(void **state)
{
	static const struct {
		const char *text;
		int err;
		const char *back;
	} cases[] = {
		{ "192.0.2.0/24", 0, "192.0.2.0/24" },
		{ "0.0.0.0/0", 0, "0.0.0.0/0" },
		{ "192.0.2.7", 0, "192.0.2.7/32" },
		{ "::/0", 0, "::/0" },
		{ "2001:db8::/32", 0, "2001:db8::/32" },
		{ "2001:db8::1", 0, "2001:db8::1/128" },
		{ "192.0.2.1/24", -ERANGE, NULL },
		{ "192.0.2.0/33", -EINVAL, NULL },
		{ "2001:db8::/129", -EINVAL, NULL },
		{ "192.0.2.0/", -EINVAL, NULL },
		{ "192.0.2.0/-1", -EINVAL, NULL },
		{ "192.0.2.0/24x", -EINVAL, NULL },
		{ "/24", -EINVAL, NULL },
	};
	struct prefix prefix;
	char text[PREFIX_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(prefix_parse(cases[i].text, &prefix), cases[i].err);
		if (cases[i].back)
			assert_string_equal(prefix_format(&prefix, text, sizeof(text)), cases[i].back);
	}
}

static void contains_on_the_bit(void **state)
{
	struct prefix p24, all4, p33;
	struct addr in, out, v6in, v6out;

	(void)state;
	prefix_parse("192.0.2.0/25", &p24);
	prefix_parse("0.0.0.0/0", &all4);
	prefix_parse("2001:db8:8000::/33", &p33);
	addr_parse("192.0.2.127", &in);
	addr_parse("192.0.2.128", &out);
	addr_parse("2001:db8:8000::1", &v6in);
	addr_parse("2001:db8:7fff::1", &v6out);
	assert_true(prefix_contains(&p24, &in));
	assert_false(prefix_contains(&p24, &out));
	assert_true(prefix_contains(&all4, &out));
	assert_false(prefix_contains(&all4, &v6in));	/* IPv4's everything is not IPv6's */
	assert_true(prefix_contains(&p33, &v6in));
	assert_false(prefix_contains(&p33, &v6out));
}

static void compares_unsigned(void **state)
{
	static const char *const ascending[] = { "10.0.0.1", "10.0.0.100", "10.0.0.200", "192.0.2.1" };
	struct addr a, b;

	(void)state;
	for (size_t i = 1; i < sizeof(ascending) / sizeof(ascending[0]); i++) {
		addr_parse(ascending[i - 1], &a);
		addr_parse(ascending[i], &b);
		assert_true(addr_compare(&a, &b) < 0);
		assert_true(addr_compare(&b, &a) > 0);
	}
	addr_parse("fe80::1", &a);
	addr_parse("fe80::8000:0:0:1", &b);
	assert_true(addr_compare(&b, &a) > 0);
}

static void knows_special_addresses(void **state)
{
	static const struct {
		const char *text;
		bool special;
	} cases[] = {
		{ "0.0.0.0", true }, { "0.1.2.3", true }, { "127.0.0.1", true }, { "224.0.0.18", true },
		{ "255.255.255.255", true }, { "240.0.0.1", true }, { "10.0.0.1", false },
		{ "223.255.255.255", false }, { "::", true }, { "::1", true }, { "ff02::1", true },
		{ "fe80::1", false }, { "2001:db8::1", false },
	};
	struct addr addr;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		addr_parse(cases[i].text, &addr);
		assert_int_equal(addr_is_special(&addr), cases[i].special);
		assert_int_equal(addr_is_loopback(&addr), strncmp(cases[i].text, "127.", 4) == 0 ||
				 strcmp(cases[i].text, "::1") == 0);
	}
}

static void goes_through_sockaddr(void **state)
{
	struct endpoint in = { .port = 53 }, out;
	struct sockaddr_storage ss;
	char text[ENDPOINT_TEXT_MAX];

	(void)state;
	addr_parse("192.0.2.53", &in.addr);
	assert_int_equal(endpoint_to_sockaddr(&in, &ss), sizeof(struct sockaddr_in));
	assert_int_equal(endpoint_from_sockaddr((struct sockaddr *)&ss, &out), 0);
	assert_true(endpoint_equal(&in, &out));
	assert_string_equal(endpoint_format(&out, text, sizeof(text)), "192.0.2.53:53");
	addr_parse("2001:db8::53", &in.addr);
	assert_int_equal(endpoint_to_sockaddr(&in, &ss), sizeof(struct sockaddr_in6));
	assert_int_equal(endpoint_from_sockaddr((struct sockaddr *)&ss, &out), 0);
	assert_true(endpoint_equal(&in, &out));
	assert_string_equal(endpoint_format(&out, text, sizeof(text)), "[2001:db8::53]:53");
	ss.ss_family = AF_UNIX;
	assert_int_equal(endpoint_from_sockaddr((struct sockaddr *)&ss, &out), -EAFNOSUPPORT);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("addresses parse and format back, bad ones are refused", parses_and_formats),
		CASE("prefixes: forms, ranges, stray host bits", parses_prefixes),
		CASE("a prefix contains to the bit and keeps the families apart", contains_on_the_bit),
		CASE("V125 addresses compare unsigned, in network order, all 128 bits", compares_unsigned),
		CASE("special addresses are known in both families", knows_special_addresses),
		CASE("endpoints go through sockaddr and back", goes_through_sockaddr),
	};

	return RUN(cases);
}
