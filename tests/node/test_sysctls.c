/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_sysctls.c - the kernel's ARP settings, judged in a namespace of its own. Needs root.
 */
#include "node/sysctls.h"

#include <string.h>
#include "tests/dataplane/netns.h"
#include "tests/tap.h"

static struct netns ns;
static char text[160];			/* as long as a condition's cause */

static void set(const char *interface, const char *key, int value)
{
	assert_true(run("echo %d > /proc/sys/net/ipv4/conf/%s/%s", value, interface, key));
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
		assert_int_equal(sysctls_check("e0.7", text, sizeof(text)), !table[i].text[0]);
		assert_string_equal(text, table[i].text);
	}
}

static void test_gone(void **state)
{
	char short_text[20];

	(void)state;
	assert_false(sysctls_check("e1", text, sizeof(text)));
	assert_string_equal(text, "arp_ignore of e1 cannot be read; arp_announce of e1 cannot be read");
	assert_false(sysctls_check("e1", short_text, sizeof(short_text)));
	assert_string_equal(short_text, "arp_ignore of e1 ca");
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		CASE("arp_ignore and arp_announce: what is wrong, and the line that mends it", test_verdicts),
		CASE("an interface that is not there; a short text", test_gone),
	};

	if (!netns_open(&ns) || !netns_veth(&ns, "e0.7", "p0", 1)) {
		printf("1..0 # SKIP needs root and network namespaces\n");
		return 0;
	}
	return RUN(cases);
}
