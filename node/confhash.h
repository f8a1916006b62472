/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * confhash.h - what of the configuration must be the same on both nodes of a pair, as a number for each part: compared
 * by the nodes, they tell what differs without saying what it is. What may differ is left out: names and addresses of
 * the nodes, devices, priorities, sizes and ways of memory and threads.
 */
#ifndef NODE_CONFHASH_H
#define NODE_CONFHASH_H

#include <stdint.h>

struct config;

/* X(symbol, name) */
#define CONFHASH_PARTS(X) \
	X(ROUTES, "routes")		/* suffixes, those in files too, in whatever order */ \
	X(POOLS, "pools") \
	X(VRRP, "vrrp")			/* virtual routers, their addresses and the ports on these */ \
	X(LIMITS, "limits")		/* acl, deny, limit */ \
	X(RULES, "rules")		/* rules, edns, tcp */

enum confhash_part {
#define CONFHASH_PART(symbol, name) CONFHASH_##symbol,
	CONFHASH_PARTS(CONFHASH_PART)
#undef CONFHASH_PART
	CONFHASH_COUNT
};
const char *confhash_name(enum confhash_part part);

/* The numbers of a configuration; lists of suffixes are read for it. Start-up, or the thread that prepares a reload. 0,
 * or -errno when such a list has gone meanwhile. */
int confhash_fill(const struct config *config, uint64_t part[CONFHASH_COUNT]);

#endif
