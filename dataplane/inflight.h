/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * inflight.h - queries on their way. A query is not a slot: struct dp_inflight (key, waiters, deadline, up to two
 * attempts) belongs to one worker's table. An attempt is (server, sent_at, generation); its source port and id
 * are a keyed permutation of its number = (generation, slot, which), so an answer finds it without
 * a table and a late answer, whose generation is over, finds nothing (D084).
 * Who asks what is under way already joins it: a query has any number of waiters, each with its own id, letter
 * case, EDNS and deadline (D149, D150). The table is fixed in size; slots are reused first-freed first.
 * Worker's thread only.
 */
#ifndef DATAPLANE_INFLIGHT_H
#define DATAPLANE_INFLIGHT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "dataplane/packet.h"
#include "dataplane/query.h"

struct pool_server;
struct dp_inflight_table;

enum dp_origin {
	DP_ORIGIN_XSK,		/* an AF_XDP socket: flow says all */
	DP_ORIGIN_UDP,		/* a kernel UDP socket: socket = listener's position */
	DP_ORIGIN_TCP,		/* a TCP connection: socket = slot, generation */
	DP_ORIGIN_SELF,		/* the node itself: canary or fast-path check; see worker.h */
};

/* Where a query came from and its answer goes. */
struct dp_return {
	struct dp_flow flow;
	uint32_t socket;
	uint32_t generation;
	uint64_t received_ns;		/* by the filter, of a query that is timed (latency.h); else 0 */
	uint8_t origin;			/* enum dp_origin */
};

struct dp_waiter {
	struct dp_asker asker;
	struct dp_return back;
	uint64_t deadline_ns;		/* until then it gets an answer or SERVFAIL */
	bool traced;			/* tandemctl capture wants it */
	uint8_t lease;			/* of the address it asked; LEASE_NONE for the node's own */
	struct dp_waiter *next;
};

struct dp_attempt {
	struct pool_server *server;	/* NULL = not under way */
	struct addr own;		/* address it was sent from */
	uint64_t sent_ns;		/* 0 = never used */
	uint32_t number;		/* generation, slot, which */
	uint16_t own_port, id;		/* host order; own_port as offset from the table's first port */
	bool tcp;
	bool plain;			/* without EDNS */
};

enum { DP_ATTEMPTS_MAX = 2 };

struct dp_inflight {
	/* key (D130), and the name */
	uint64_t hash;			/* dp_cache_hash() */
	uint64_t parent;		/* dp_limit_parent(); 0: its failure counts for no name */
	uint16_t type, class;
	uint16_t pool;			/* its id; the pool itself may go with a reload */
	uint8_t name_len;
	bool cd, dnssec_ok;
	bool recursive;			/* the pool's kind */
	bool exact;			/* NOTIFY or UPDATE: forwarded and answered octet for octet but for the id;
					 * nobody joins it, it is sent once, nothing of it is kept */
	/* life */
	uint64_t deadline_ns;		/* of the first waiter */
	uint64_t due_ns;		/* when the wheel calls: to try another server, or the deadline */
	struct dp_attempt attempt[DP_ATTEMPTS_MAX];
	struct dp_waiter first;		/* the waiter everyone has; first.next for joined ones */
	/* the table's own */
	uint32_t slot, generation, wheel_next, wheel_prev, wheel_at, hash_next;
	bool live, listed;
	uint64_t quiet_ns;		/* latest deadline this slot ever had */
	uint8_t name[NAME_WIRE_MAX + 1];	/* folded; cold for long names only */
};

struct dp_inflight_conf {
	unsigned slots_log2;		/* queries in flight at most 2^slots_log2 */
	unsigned ports_log2;		/* source ports of this worker: 2^ports_log2 */
};

/* Random keys. slots_log2 + 1 < ports_log2 + 16. NULL without memory or randomness. */
struct dp_inflight_table *dp_inflight_table_new(const struct dp_inflight_conf *conf);
void dp_inflight_table_free(struct dp_inflight_table *table);

/* A free entry, live, due at its deadline by the timer wheel (1 ms steps, never early), key/waiter/attempts for the
 * caller to fill (attempts cleared); NULL when the table is full. */
struct dp_inflight *dp_inflight_start(struct dp_inflight_table *table, uint64_t now_ns,
				      uint64_t deadline_ns);

/* Makes it due at another time than its deadline. Not later than that. */
void dp_inflight_due(struct dp_inflight_table *table, struct dp_inflight *query, uint64_t due_ns);

/* Lets others join it: its key and first waiter are filled. */
void dp_inflight_list(struct dp_inflight_table *table, struct dp_inflight *query);

/* The listed query for the same thing, by name, type, class, pool, CD and DO, of waiters that came by the same
 * transport (TCP wants whole answers); NULL when there is none. */
struct dp_inflight *dp_inflight_same(struct dp_inflight_table *table, uint64_t hash, uint16_t pool,
				     const struct dp_query *query);

/* A further waiter of the query, for the caller to fill (next is the table's); NULL when all are in use. */
struct dp_waiter *dp_inflight_join(struct dp_inflight_table *table, struct dp_inflight *query);

/* Has the query waiters whose deadline is later than now_ns? */
bool dp_inflight_has_later(const struct dp_inflight *query, uint64_t now_ns);
/* Moves these to another query, which has none yet and asks for the same: it gets the key. The one with the earliest
 * deadline becomes its first. There must be some. */
void dp_inflight_move_later(struct dp_inflight_table *table, struct dp_inflight *from, struct dp_inflight *to,
			    uint64_t now_ns);

/* Opens the next attempt: sets number, own_port, id, sent_ns, server; NULL when both are under way. One that is over
 * (server NULL again) is opened anew, with the same port and id, only after the other was used too. */
struct dp_attempt *dp_inflight_attempt(struct dp_inflight_table *table, struct dp_inflight *query,
				       struct pool_server *server, uint64_t now_ns);

/* The live query whose attempt has this source port (offset) and id, and that attempt; NULL when there is
 * none: late, duplicate or guessed. */
struct dp_inflight *dp_inflight_find(struct dp_inflight_table *table, uint16_t own_port, uint16_t id,
				     struct dp_attempt **attempt);

/* Ends it: off the wheel, generation over, slot to the tail of the free list. */
void dp_inflight_end(struct dp_inflight_table *table, struct dp_inflight *query);

/* Calls expired(context, query) for each live query that is due; the callback ends it or makes it due later. At most
 * max a call. Returns how many. */
unsigned dp_inflight_expire(struct dp_inflight_table *table, uint64_t now_ns, unsigned max,
			    void (*expired)(void *context, struct dp_inflight *query), void *context);

/* Live queries; and all who wait for them. */
unsigned dp_inflight_count(const struct dp_inflight_table *table);
unsigned dp_inflight_waiting(const struct dp_inflight_table *table);
/* Calls visit for every live query (worker's thread; used when a server or listener goes). */
void dp_inflight_each(struct dp_inflight_table *table,
		      void (*visit)(void *context, struct dp_inflight *query), void *context);

#endif
