/* SPDX-License-Identifier: BSD-2-Clause */
/* test_acl.c - longest prefix decides; the ranges agree with asking every rule. */
#include <stdlib.h>
#include <string.h>
#include "tests/tap.h"
#include "dataplane/acl.h"

static struct prefix prefix_of(const char *text)
{
	struct prefix prefix;

	if (prefix_parse(text, &prefix))
		fail_msg("%s", text);
	return prefix;
}

static void assert_same_prefix(const struct prefix *a, const struct prefix *b)
{
	assert_true(addr_equal(&a->addr, &b->addr));
	assert_int_equal(a->len, b->len);
}

static struct addr addr_of(const char *text)
{
	struct addr addr;

	if (addr_parse(text, &addr))
		fail_msg("%s", text);
	return addr;
}

/* rules: "10.0.0.0/8", or "!10.0.0.0/8" to deny; NULL ends. */
static struct dp_acl *acl_of(const char *const *rules)
{
	struct dp_acl_rule list[16];
	size_t n = 0;

	for (; rules[n]; n++) {
		list[n].allow = rules[n][0] != '!';
		list[n].prefix = prefix_of(rules[n] + !list[n].allow);
	}
	return dp_acl_new(list, n);
}

static void decides_by_longest_prefix(void **state)
{
	static const struct {
		const char *rules[8], *client;
		bool allowed;
	} cases[] = {
		{ { NULL }, "10.0.0.1", false },
		{ { NULL }, "2001:db8::1", false },
		{ { "10.0.0.0/8" }, "10.0.0.0", true },
		{ { "10.0.0.0/8" }, "10.255.255.255", true },
		{ { "10.0.0.0/8" }, "9.255.255.255", false },
		{ { "10.0.0.0/8" }, "11.0.0.0", false },
		{ { "10.0.0.0/8", "!10.1.0.0/16", "10.1.2.3" }, "10.1.2.3", true },
		{ { "10.0.0.0/8", "!10.1.0.0/16", "10.1.2.3" }, "10.1.2.2", false },
		{ { "10.0.0.0/8", "!10.1.0.0/16", "10.1.2.3" }, "10.1.2.4", false },
		{ { "10.0.0.0/8", "!10.1.0.0/16", "10.1.2.3" }, "10.2.0.0", true },
		{ { "10.1.2.3", "!10.1.0.0/16", "10.0.0.0/8" }, "10.1.2.3", true },
		{ { "0.0.0.0/0", "!255.255.255.255" }, "255.255.255.254", true },
		{ { "0.0.0.0/0", "!255.255.255.255" }, "255.255.255.255", false },
		{ { "0.0.0.0/0", "!0.0.0.0" }, "0.0.0.0", false },
		{ { "0.0.0.0/0", "!0.0.0.0" }, "0.0.0.1", true },
		{ { "10.0.0.0/8", "!10.0.0.0/8" }, "10.0.0.1", false },
		{ { "!10.0.0.0/8", "10.0.0.0/8" }, "10.0.0.1", true },
		{ { "0.0.0.0/0" }, "2001:db8::1", false },
		{ { "::/0" }, "2001:db8::1", true },
		{ { "::/0" }, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", true },
		{ { "::/0" }, "10.0.0.1", false },
		{ { "::/0", "10.0.0.0/8" }, "10.0.0.1", true },
		{ { "::/0", "0.0.0.0/0" }, "10.0.0.1", true },
		{ { "0.0.0.0/0", "::/0" }, "10.0.0.1", true },
		{ { "2001:db8::/32", "!2001:db8:1::/48" }, "2001:db8:1::7", false },
		{ { "2001:db8::/32", "!2001:db8:1::/48" }, "2001:db8:2::7", true },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dp_acl *acl = acl_of(cases[i].rules);
		struct addr client = addr_of(cases[i].client);

		if (dp_acl_allows(acl, &client) != cases[i].allowed)
			fail_msg("case %u, %s", i, cases[i].client);
		dp_acl_free(acl);
	}
}

static void names_the_rule(void **state)
{
	static const char *const rules[] = { "10.0.0.0/8", "!10.1.0.0/16", NULL };
	struct dp_acl *acl = acl_of(rules);
	struct prefix wide = prefix_of(rules[0]), narrow = prefix_of(rules[1] + 1);
	struct addr inside = addr_of("10.1.0.1"), beside = addr_of("10.2.0.1"), outside = addr_of("11.0.0.1");
	const struct dp_acl_rule *rule;

	(void)state;
	rule = dp_acl_match(acl, &inside);
	assert_non_null(rule);
	assert_false(rule->allow);
	assert_same_prefix(&rule->prefix, &narrow);
	rule = dp_acl_match(acl, &beside);
	assert_non_null(rule);
	assert_true(rule->allow);
	assert_same_prefix(&rule->prefix, &wide);
	assert_null(dp_acl_match(acl, &outside));
	dp_acl_free(acl);
	dp_acl_free(NULL);
}

enum { RULES = 48, CLIENTS = 400 };

/* Few different octets, so that prefixes nest and touch; both families. */
static struct addr random_addr(void)
{
	static const uint8_t octets[] = { 0x00, 0x01, 0x7f, 0x80, 0xff };
	struct addr addr;

	for (unsigned i = 0; i < 16; i++)
		addr.bytes[i] = octets[random() % 5];
	if (random() & 1)
		addr = addr_from_v4(addr.words_be[3]);
	return addr;
}

static struct prefix random_prefix(void)
{
	struct prefix prefix = { .addr = random_addr() };
	unsigned shortest = addr_is_v4(&prefix.addr) ? 96 : 0;

	prefix.len = (uint8_t)(shortest + (unsigned)random() % (129 - shortest));
	for (unsigned bit = prefix.len; bit < 128; bit++)
		prefix.addr.bytes[bit / 8] &= (uint8_t)~(0x80 >> bit % 8);
	return prefix;
}

/* Asks every rule, a bit at a time. */
static const struct dp_acl_rule *match_slowly(const struct dp_acl_rule *rules, size_t n, const struct addr *client)
{
	const struct dp_acl_rule *best = NULL;

	for (size_t i = 0; i < n; i++) {
		const struct prefix *prefix = &rules[i].prefix;
		bool same = true;

		for (unsigned bit = 0; bit < prefix->len; bit++)
			same &= !((prefix->addr.bytes[bit / 8] ^ client->bytes[bit / 8]) & 0x80 >> bit % 8);
		if (addr_is_v4(client) && prefix->len < 96)
			same = false;
		if (same && (!best || prefix->len >= best->prefix.len))
			best = &rules[i];
	}
	return best;
}

static void check_client(const struct dp_acl *acl, const struct dp_acl_rule *rules, size_t n,
			 const struct addr *client)
{
	const struct dp_acl_rule *expected = match_slowly(rules, n, client);
	const struct dp_acl_rule *got = dp_acl_match(acl, client);

	assert_int_equal(got != NULL, expected != NULL);
	if (got) {
		assert_same_prefix(&got->prefix, &expected->prefix);
		assert_int_equal(got->allow, expected->allow);
	}
	assert_int_equal(dp_acl_allows(acl, client), expected && expected->allow);
}

/* The first address of a prefix, its last, and the ones outside next to them. */
static void check_edges(const struct dp_acl *acl, const struct dp_acl_rule *rules, size_t n,
			const struct prefix *prefix)
{
	struct addr first = prefix->addr, last = prefix->addr;

	for (unsigned bit = prefix->len; bit < 128; bit++)
		last.bytes[bit / 8] |= 0x80 >> bit % 8;
	check_client(acl, rules, n, &first);
	check_client(acl, rules, n, &last);
	for (int i = 15; i >= 0 && --first.bytes[i] == 0xff; i--)
		;
	for (int i = 15; i >= 0 && ++last.bytes[i] == 0; i--)
		;
	check_client(acl, rules, n, &first);
	check_client(acl, rules, n, &last);
}

static void agrees_with_asking_every_rule(void **state)
{
	(void)state;
	srandom(4);
	for (unsigned round = 0; round < 150; round++) {
		size_t n = (size_t)random() % RULES;
		struct dp_acl_rule rules[RULES];
		struct dp_acl *acl;

		for (size_t i = 0; i < n; i++)
			rules[i] = (struct dp_acl_rule) { random_prefix(), random() & 1, 0 };
		if (n > 4)	/* the same prefix twice */
			rules[n - 1].prefix = rules[n / 2].prefix;
		acl = dp_acl_new(rules, n);
		assert_non_null(acl);
		for (unsigned i = 0; i < CLIENTS; i++) {
			struct addr client = random_addr();

			check_client(acl, rules, n, &client);
		}
		for (size_t i = 0; i < n; i++)
			check_edges(acl, rules, n, &rules[i].prefix);
		dp_acl_free(acl);
	}
}

/* All 129 prefixes of one address: as deep as nesting gets. */
static void nests_to_the_bottom(void **state)
{
	struct dp_acl_rule rules[129];
	struct addr all_ones;
	struct dp_acl *acl;

	(void)state;
	memset(&all_ones, 0xff, sizeof(all_ones));
	for (unsigned len = 0; len <= 128; len++) {
		rules[len] = (struct dp_acl_rule) { { all_ones, (uint8_t)len }, len & 1, 0 };
		for (unsigned bit = len; bit < 128; bit++)
			rules[len].prefix.addr.bytes[bit / 8] &= (uint8_t)~(0x80 >> bit % 8);
	}
	acl = dp_acl_new(rules, 129);
	assert_non_null(acl);
	for (unsigned len = 0; len <= 128; len++)
		check_edges(acl, rules, 129, &rules[len].prefix);
	dp_acl_free(acl);
}

static const struct CMUnitTest cases[] = {
	CASE("D115 the longest prefix decides; the families are apart; nothing listed is nobody",
	     decides_by_longest_prefix),
	CASE("the deciding rule is told", names_the_rule),
	CASE("ranges agree with asking every rule, for random rules of both families",
	     agrees_with_asking_every_rule),
	CASE("129 nested prefixes", nests_to_the_bottom),
};

int main(void)
{
	return RUN(cases);
}
