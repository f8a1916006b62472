/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * passes.h - what the files of the passes share; everybody else includes worker.h. Everything runs on the worker's
 * thread, within a batch.
 *
 *   passes.c     the batch: parse, route, look, answer, choose, forward, transmit
 *   admit.c      who may ask, and how much
 *   attempts.c   a query's way to servers: sent, sent again, given up
 *   answers.c    what servers answer
 *   selfquery.c  what the node asks itself
 */
#ifndef DATAPLANE_PASSES_H
#define DATAPLANE_PASSES_H

#include "base/counters.h"
#include "dataplane/worker.h"

enum {					/* Extended DNS Errors (RFC 8914, 4) */
	EDE_NONE = -1,
	EDE_OTHER = 0,
	EDE_PROHIBITED = 18,
	EDE_NOT_AUTHORITATIVE = 20,
	EDE_NOT_SUPPORTED = 21,
	EDE_NO_REACHABLE_AUTHORITY = 22,
	EDE_NETWORK_ERROR = 23,
};

static inline void dp_count(struct dp_worker *worker, enum dp_counter counter)
{
	counters_add(&worker->counters[counter], 1);
}

static inline void dp_count_pool(struct dp_worker *worker, uint16_t pool_id, enum dp_pool_counter counter)
{
	counters_add(dp_pool_counter(worker, pool_id, counter), 1);
}

static inline void dp_load_add(_Atomic uint64_t *counter)
{
	counters_add(counter, 1);
}

/* The one outcome of a query; the node's own are in no count. */
static inline void dp_settle(struct dp_worker *worker, uint8_t origin, enum dp_counter outcome)
{
	if (origin != DP_ORIGIN_SELF && outcome != DP_COUNT_LATER)
		dp_count(worker, outcome);
}

/* For dp_packet.nsid_max. */
static inline uint16_t dp_nsid_max(const struct dp_asker *asker)
{
	return asker->nsid ? asker->reply_max : 0;
}

/* ---- passes.c ---- */

/* p's answer will be this rcode; outcome is the query's, ede an EDE_. */
void dp_refuse(struct dp_packet *p, enum dp_counter outcome, uint16_t rcode, int8_t ede);

/* Writes the answer that p has by now (an entry, a local name, an rcode) over its query. */
void dp_write_reply(struct dp_worker *worker, struct dp_packet *p);

/* Sends p's answer where the query came from, and settles the query. Takes the buffer. */
void dp_transmit_reply(struct dp_worker *worker, struct dp_packet *p);

/* Picks p for a capture, as soon as everything the filter asks for is known, and copies it as it came. server may be
 * NULL. */
void dp_trace_received(struct dp_worker *worker, struct dp_packet *p, const struct endpoint *server);

/* ---- admit.c; over the batch ---- */

void dp_admit(struct dp_worker *worker);
void dp_limit_clients(struct dp_worker *worker);

/* ---- attempts.c ---- */

/* A usable member, or NULL; *overload says whether all that are usable have what they may have. avoid (may be NULL) is
 * taken only if there is no other. */
struct pool_server *dp_server_choose(struct dp_worker *worker, const struct pool *pool,
				     const struct pool_server *avoid, bool *overload);

/* Writes the query of attempt into p and sends it. False: nothing was sent, the buffer is p's, the attempt is over. */
bool dp_attempt_send(struct dp_worker *worker, struct dp_packet *p, const struct dp_inflight *query,
		     struct dp_attempt *attempt);

/* Lets the wheel call when the server is later than it usually is. */
void dp_attempt_plan(struct dp_worker *worker, const struct pool *pool, struct dp_inflight *query,
		     const struct pool_server *server);

/* Nothing more is expected of the attempt: its server has one query fewer outstanding. */
void dp_attempt_over(struct dp_worker *worker, struct dp_attempt *attempt);

/* No answer will come of this attempt: another member is asked, or the other attempt is waited for, or that was it. */
void dp_attempt_failed(struct dp_worker *worker, struct dp_inflight *query, struct dp_attempt *attempt, int ede);

/* The server is late, or the query's time is over; for dp_inflight_expire(). */
void dp_query_due(void *worker, struct dp_inflight *query);

/* No server has an answer that is one: counts for the name above it (limit.h). */
void dp_query_has_failed(struct dp_worker *worker, const struct dp_inflight *query);

/* SERVFAIL to all who wait, and the end of the query. */
void dp_query_fail(struct dp_worker *worker, struct dp_inflight *query, int ede);
void dp_query_end(struct dp_worker *worker, struct dp_inflight *query);

/* p will be the answer to this waiter. */
void dp_address_to(struct dp_packet *p, const struct dp_waiter *waiter);

/* ---- selfquery.c ---- */

/* Sends the canary and the fast-path checks that the control thread has ordered. */
void dp_self_ask(struct dp_worker *worker);

#endif
