/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * conf.h - the snapshot the data plane works from. Built by node/config.c on the control thread, published by one
 * atomic pointer, never modified, retired by epoch. It owns everything it points to but the servers
 * (registry) and the listeners (reference counted, so sockets survive a reload).
 */
#ifndef DATAPLANE_CONF_H
#define DATAPLANE_CONF_H

#include <stdbool.h>
#include <stdint.h>
#include "base/addr.h"
#include "dataplane/query.h"
#include "pools/name.h"
#include "pools/pool.h"

struct dp_acl;
struct dp_limit_rules;
struct dp_listener;
struct local_table;
struct suffix_table;

enum { DP_LISTENS_MAX = 32, DP_POOLS_MAX = 64 };

/* What ANY over UDP is answered with (D117); over TCP it is forwarded. */
enum dp_any {
	DP_ANY_TRUNCATE,		/* TC: ask over TCP */
	DP_ANY_HINFO,			/* one synthesized record (RFC 8482, 4.2), or TC to those that want DNSSEC */
	DP_ANY_FORWARD,
};

/* Choices that the RFCs leave. */
struct dp_rules {
	uint8_t any[POOL_KINDS];	/* enum dp_any */
	bool rd0_from_cache;		/* RD = 0 to a recursive pool: what the cache has, not REFUSED at once */
	bool ignore_trailing;		/* octets behind a query's last record: not FORMERR */
	bool edns_fallback;		/* FORMERR or NOTIMP from a server: once more without EDNS */
};

struct dp_listen {
	struct endpoint endpoint;
	uint8_t lease;				/* LEASE_NONE for the node's own addresses */
	bool only_dns;				/* the filter keeps everything else away from the kernel */
	struct dp_listener *listener;		/* kernel UDP socket and TCP listener; sockio.h */
};

struct dp_conf {
	unsigned listens;
	struct dp_listen listen[DP_LISTENS_MAX];
	struct suffix_table *suffixes;		/* value = index into pools */
	unsigned n_pools;
	struct pool *pools[DP_POOLS_MAX];
	uint8_t pool_of_id[POOL_IDS_MAX];	/* 1 + position in pools; 0 = not in this snapshot */
	struct name *probe_name[DP_POOLS_MAX];	/* of the fast-path check; NULL without probe */
	struct dp_acl *acl[POOL_KINDS];
	struct dp_acl *deny;			/* whom a rule matches is not answered; NULL = nobody */
	struct dp_limit_rules *limit;		/* NULL = no limits */
	struct dp_acl *update_acl;		/* who may send NOTIFY and UPDATE */
	struct local_table *local;
	struct dp_rules rules;
	uint8_t nsid_len;			/* 0 = none is given */
	char nsid[DNS_NSID_MAX];
	uint16_t edns_size;			/* toward clients and servers */
	uint32_t tcp_idle_ms;
	uint32_t tcp_connections;		/* cap, all clients */
	uint64_t generation;			/* counts reloads, from 1 */
};

/* Frees the snapshot and drops its listeners; accepts NULL. Control thread. */
void dp_conf_free(struct dp_conf *conf);

/* The pool with this id, or NULL when the snapshot has none. */
static inline const struct pool *dp_conf_pool(const struct dp_conf *conf, uint16_t id)
{
	return conf->pool_of_id[id] ? conf->pools[conf->pool_of_id[id] - 1] : NULL;
}

/* Position of the listen entry for (addr, port), or -1. */
int dp_conf_listen(const struct dp_conf *conf, const struct addr *addr, uint16_t port);

#endif
