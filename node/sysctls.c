/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sysctls.c - reading and judging the settings. Contract in sysctls.h.
 */
#include "node/sysctls.h"

#include <stdio.h>
#include <stdlib.h>

enum { PATH_SIZE = 128, VALUE_SIZE = 16 };

/* More is not better: with arp_ignore at 3 the kernel answers again, at 8 not even for the node's own address, and
 * what it does not know of arp_announce it takes for 0. */
static const struct needed {
	unsigned family;
	const char *key;
	int wanted, most;
	bool all_counts;		/* the value of "all" too, if it is greater */
} needed[] = {
	{ SYSCTLS_IPV4, "arp_ignore", 1, 2, true },
	{ SYSCTLS_IPV4, "arp_announce", 2, 2, true },
	{ SYSCTLS_IPV6, "disable_ipv6", 0, 0, false },
	{ SYSCTLS_IPV6, "drop_unsolicited_na", 0, 0, false },
};

static const char *directory(const struct needed *n)
{
	return n->family == SYSCTLS_IPV4 ? "ipv4" : "ipv6";
}

static int read_one(const char *interface, const struct needed *n)
{
	char path[PATH_SIZE], value[VALUE_SIZE] = "";
	FILE *f;
	bool done;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/%s", directory(n), interface, n->key);
	f = fopen(path, "re");
	if (!f)
		return -1;
	done = fgets(value, sizeof(value), f);
	fclose(f);
	return done ? (int)strtol(value, NULL, 10) : -1;
}

static int in_force(const char *interface, const struct needed *n)
{
	int own = read_one(interface, n), all = read_one("all", n);

	if (own < 0 || !n->all_counts)
		return own;
	return own > all ? own : all;
}

/* Whose value has to change: too great a value of "all" cannot be mended on the interface. */
static const char *whose(const char *interface, const struct needed *n)
{
	return n->all_counts && read_one("all", n) > n->most ? "all" : interface;
}

bool sysctls_check(const char *interface, unsigned families, char *text, size_t size)
{
	bool good = true;
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]) && at < size; i++) {
		const struct needed *n = &needed[i];
		int value = families & n->family ? in_force(interface, n) : n->wanted;

		if (value >= n->wanted && value <= n->most)
			continue;
		good = false;
		if (value < 0)
			at += (size_t)snprintf(text + at, size - at, "%s%s of %s cannot be read", at ? "; " : "",
					       n->key, interface);
		else
			/* with slashes, because eth0.10 is a name */
			at += (size_t)snprintf(text + at, size - at, "%s%s is %d: sysctl -w net/%s/conf/%s/%s=%d",
					       at ? "; " : "", n->key, value, directory(n), whose(interface, n), n->key,
					       n->wanted);
	}
	return good;
}
