/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * portrange.c - our source ports and the kernel's. Contract in portrange.h.
 */
#include "node/portrange.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RANGE_FILE "/proc/sys/net/ipv4/ip_local_port_range"
#define RESERVED_FILE "/proc/sys/net/ipv4/ip_local_reserved_ports"

enum { SETTING_MAX = 16384 };	/* reserved ports one by one make a long line */

/* The first port at or behind port that the kernel's list does not reserve. Its entries are sorted, disjoint. */
static unsigned long skip_reserved(const char *reserved, unsigned long port)
{
	const char *at = reserved;

	while (*at >= '0' && *at <= '9') {
		char *end;
		unsigned long low = strtoul(at, &end, 10), high = low;

		if (*end == '-')
			high = strtoul(end + 1, &end, 10);
		if (port >= low && port <= high)
			port = high + 1;
		at = *end == ',' ? end + 1 : end;
	}
	return port;
}

bool portrange_is_free(const char *range, const char *reserved, uint32_t first, uint32_t count)
{
	char *end;
	unsigned long low = strtoul(range, &end, 10), high = strtoul(end, NULL, 10);
	unsigned long from = first > low ? first : low;
	unsigned long to = first + count - 1 < high ? first + count - 1 : high;

	return from > to || skip_reserved(reserved, from) > to;
}

static int read_setting(const char *path, char *text, size_t size)
{
	FILE *f = fopen(path, "re");

	if (!f)
		return -errno;
	size_t n = fread(text, 1, size - 1, f);

	fclose(f);
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return 0;
}

int portrange_check(uint32_t first, uint32_t count, char *error, size_t size)
{
	static char range[SETTING_MAX], reserved[SETTING_MAX];
	int err = read_setting(RANGE_FILE, range, sizeof(range));

	if (!err)
		err = read_setting(RESERVED_FILE, reserved, sizeof(reserved));
	if (err) {
		snprintf(error, size, "source_ports: kernel's port settings: %s", strerror(-err));
		return err;
	}
	if (portrange_is_free(range, reserved, first, count))
		return 0;
	range[strcspn(range, "\t ")] = '-';
	snprintf(error, size, "source_ports: %u-%u overlap the kernel's own %s; run: "
		 "sysctl -w net.ipv4.ip_local_reserved_ports=%s%s%u-%u",
		 first, first + count - 1, range, reserved, reserved[0] ? "," : "", first,
		 first + count - 1);
	return -EADDRINUSE;
}
