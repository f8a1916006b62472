/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * sysctls.c - reading and judging the ARP settings. Contract in sysctls.h.
 */
#include "node/sysctls.h"

#include <stdio.h>
#include <stdlib.h>

enum { PATH_SIZE = 128, VALUE_SIZE = 16 };

/* More is not better: with arp_ignore at 3 the kernel answers again, at 8 not even for the node's own address, and
 * what it does not know of arp_announce it takes for 0. */
static const struct {
	const char *key;
	int wanted, most;
} needed[] = {
	{ "arp_ignore", 1, 2 },
	{ "arp_announce", 2, 2 },
};

static int read_one(const char *interface, const char *key)
{
	char path[PATH_SIZE], value[VALUE_SIZE] = "";
	FILE *f;
	bool done;

	snprintf(path, sizeof(path), "/proc/sys/net/ipv4/conf/%s/%s", interface, key);
	f = fopen(path, "re");
	if (!f)
		return -1;
	done = fgets(value, sizeof(value), f);
	fclose(f);
	return done ? (int)strtol(value, NULL, 10) : -1;
}

static int in_force(const char *interface, const char *key)
{
	int own = read_one(interface, key), all = read_one("all", key);

	if (own < 0)
		return own;
	return own > all ? own : all;
}

/* Whose value has to change: too great a value of "all" cannot be mended on the interface. */
static const char *whose(const char *interface, const char *key, int most)
{
	return read_one("all", key) > most ? "all" : interface;
}

bool sysctls_check(const char *interface, char *text, size_t size)
{
	bool good = true;
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]) && at < size; i++) {
		const char *key = needed[i].key;
		int value = in_force(interface, key);

		if (value >= needed[i].wanted && value <= needed[i].most)
			continue;
		good = false;
		if (value < 0)
			at += (size_t)snprintf(text + at, size - at, "%s%s of %s cannot be read", at ? "; " : "",
					       key, interface);
		else
			/* with slashes, because eth0.10 is a name */
			at += (size_t)snprintf(text + at, size - at, "%s%s is %d: sysctl -w net/ipv4/conf/%s/%s=%d",
					       at ? "; " : "", key, value,
					       whose(interface, key, needed[i].most), key, needed[i].wanted);
	}
	return good;
}
