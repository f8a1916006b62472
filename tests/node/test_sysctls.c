/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_sysctls.c - the kernel's settings for virtual addresses, judged in a namespace of its own. Needs root.
 */
#include "node/sysctls.h"

#include <string.h>
#include "tests/dataplane/netns.h"
#include "tests/tap.h"

static struct netns ns;
static char text[160];			/* as long as a condition's cause */

static void set_of(const char *family, const char *interface, const char *key, int value)
{
	assert_true(run("echo %d > /proc/sys/net/%s/conf/%s/%s", value, family, interface, key));
}

static void set(const char *interface, const char *key, int value)
{
	set_of("ipv4", interface, key, value);
}

static void test_verdicts(void **state)
{
	static const struct {
		int ignore_all, ignore, announce_all, announce;
		const char *text;
	} table[] = {
		{ 0, 1, 0, 2, "" },
		{ 1, 0, 2, 0, "" },
		{ 1, 1, 2, 2, "" },
		{ 0, 2, 0, 2, "" },
		{ 0, 0, 0, 2, "arp_ignore is 0: sysctl -w net/ipv4/conf/e0.7/arp_ignore=1" },
		{ 0, 1, 1, 0, "arp_announce is 1: sysctl -w net/ipv4/conf/e0.7/arp_announce=2" },
		{ 0, 8, 0, 2, "arp_ignore is 8: sysctl -w net/ipv4/conf/e0.7/arp_ignore=1" },
		{ 3, 1, 0, 2, "arp_ignore is 3: sysctl -w net/ipv4/conf/all/arp_ignore=1" },
		{ 0, 0, 0, 0, "arp_ignore is 0: sysctl -w net/ipv4/conf/e0.7/arp_ignore=1; "
			      "arp_announce is 0: sysctl -w net/ipv4/conf/e0.7/arp_announce=2" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		set("all", "arp_ignore", table[i].ignore_all);
		set("e0.7", "arp_ignore", table[i].ignore);
		set("all", "arp_announce", table[i].announce_all);
		set("e0.7", "arp_announce", table[i].announce);
		assert_int_equal(sysctls_check("e0.7", SYSCTLS_IPV4, text, sizeof(text)), !table[i].text[0]);
		assert_string_equal(text, table[i].text);
	}
}

/* "all" was told to each interface when it was set; its own value is what counts. */
static void test_ipv6(void **state)
{
	static const struct {
		int disable, drop_all, drop;
		const char *text;
	} table[] = {
		{ 0, 0, 0, "" },
		{ 0, 1, 0, "" },
		{ 1, 0, 0, "disable_ipv6 is 1: sysctl -w net/ipv6/conf/e0.7/disable_ipv6=0" },
		{ 0, 0, 1, "drop_unsolicited_na is 1: sysctl -w net/ipv6/conf/e0.7/drop_unsolicited_na=0" },
	};

	(void)state;
	set("e0.7", "arp_ignore", 0);
	set("all", "arp_ignore", 0);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		set_of("ipv6", "all", "drop_unsolicited_na", table[i].drop_all);
		set_of("ipv6", "e0.7", "drop_unsolicited_na", table[i].drop);
		set_of("ipv6", "e0.7", "disable_ipv6", table[i].disable);
		assert_int_equal(sysctls_check("e0.7", SYSCTLS_IPV6, text, sizeof(text)), !table[i].text[0]);
		assert_string_equal(text, table[i].text);
		set_of("ipv6", "e0.7", "disable_ipv6", 0);
	}
	assert_false(sysctls_check("e0.7", SYSCTLS_IPV4 | SYSCTLS_IPV6, text, sizeof(text)));
	assert_non_null(strstr(text, "arp_ignore"));
	assert_non_null(strstr(text, "drop_unsolicited_na"));
}

static void test_gone(void **state)
{
	char short_text[20];

	(void)state;
	assert_false(sysctls_check("e1", SYSCTLS_IPV4, text, sizeof(text)));
	assert_string_equal(text, "arp_ignore of e1 cannot be read; arp_announce of e1 cannot be read");
	assert_false(sysctls_check("e1", SYSCTLS_IPV4, short_text, sizeof(short_text)));
	assert_string_equal(short_text, "arp_ignore of e1 ca");
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("arp_ignore and arp_announce: what is wrong, and the line that mends it", test_verdicts),
		CASE("V007 IPv6: disable_ipv6 and drop_unsolicited_na, and nothing of ARP", test_ipv6),
		CASE("an interface that is not there; a short text", test_gone),
	};

	if (!netns_open(&ns) || !netns_veth(&ns, "e0.7", "p0", 1)) {
		printf("1..0 # SKIP needs root and network namespaces\n");
		return 0;
	}
	return RUN(cases);
}
