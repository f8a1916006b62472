/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_groups.c - solicited-node groups as the kernel lists them (igmp6). Needs root: a veth pair in namespaces of its
 * own.
 */
#include "node/groups.h"

#include <errno.h>
#include <string.h>

#include "tests/dataplane/netns.h"
#include "tests/tap.h"
#include "vrrp/fsm.h"

static struct netns ns;

static struct vrrp_conf conf_of(const char *const *texts, unsigned n)
{
	struct vrrp_conf conf = { .interface = "e0", .vrid = 51, .count = (uint8_t)n };

	for (unsigned i = 0; i < n; i++)
		assert_int_equal(addr_parse(texts[i], &conf.addresses[i]), 0);
	return conf;
}

static bool is_member(const char *last_octets)
{
	return run("grep -q 'e0 .*ff0200000000000000000001ff%s' /proc/thread-self/net/igmp6", last_octets);
}

static void joins_and_leaves(void **state)
{
	static const char *const texts[] = { "fe80::1:53", "2001:db8::1:53", "2001:db8::2:53" };
	struct vrrp_conf conf = conf_of(texts, 3);
	struct groups groups = { -1 };

	(void)state;
	assert_int_equal(groups_follow(&groups, &conf, false), 0);
	assert_false(is_member("010053"));
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(groups_follow(&groups, &conf, true), 0);	/* twice is once */
		assert_true(is_member("010053") && is_member("020053"));
	}
	assert_int_equal(groups_follow(&groups, &conf, false), 0);
	assert_false(is_member("010053") || is_member("020053"));
}

/* The kernel forgets nothing while the link is away; joined again, it reports again. */
static void survives_the_link(void **state)
{
	static const char *const texts[] = { "fe80::3:53" };
	struct vrrp_conf conf = conf_of(texts, 1);
	struct groups groups = { -1 };

	(void)state;
	assert_int_equal(groups_follow(&groups, &conf, true), 0);
	assert_true(run("ip link set e0 down && ip link set e0 up"));
	assert_true(is_member("030053"));
	assert_int_equal(groups_follow(&groups, &conf, false), 0);
	assert_false(is_member("030053"));
}

static void says_what_fails(void **state)
{
	static const char *const texts[] = { "fe80::4:53" };
	static const char *const v4[] = { "192.0.2.53" };
	struct vrrp_conf conf = conf_of(texts, 1), of_v4 = conf_of(v4, 1);
	struct groups groups = { -1 };

	(void)state;
	strcpy(conf.interface, "e7");
	assert_int_equal(groups_follow(&groups, &conf, true), -ENODEV);
	assert_int_equal(groups.fd, -1);
	assert_int_equal(groups_follow(&groups, &of_v4, true), 0);
	assert_int_equal(groups.fd, -1);
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("V101 V141 in the groups of all addresses, or in none", joins_and_leaves),
		CASE("V038 a group outlives the link's absence", survives_the_link),
		CASE("an interface that is not there; IPv4 has none", says_what_fails),
	};

	if (!netns_open(&ns) || !netns_veth(&ns, "e0", "p0", 1)) {
		puts("1..0 # SKIP needs root and network namespaces");
		return 0;
	}
	return RUN(cases);
}
