/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * attempts.c - a query's way to servers: which one is asked, when another, and what its waiters get when none answers.
 * Contract in passes.h.
 *
 * A server that is slower than it usually is, or unreachable, is not waited for to the end: the query goes once more
 * to another member, the first answer wins. Every query earns its pool's retry_percent, a second attempt costs 100, and
 * no more than DP_RETRY_CREDIT_MAX is saved up: enough for a server that dies, no doubling of the load on slow ones.
 */
#include "dataplane/passes.h"

#include "base/clock.h"
#include "dataplane/neigh.h"
#include "dataplane/reply.h"
#include "dataplane/trace.h"
#include "dataplane/wire.h"
#include "pools/policy.h"

enum { RETRY_COST = 100 };		/* percent */

static void attempt_began(struct dp_worker *worker, const struct dp_attempt *attempt)
{
	struct pool_load *load = &worker->loads[attempt->server->index];
	uint32_t outstanding = atomic_load_explicit(&load->outstanding, memory_order_relaxed);

	atomic_store_explicit(&load->outstanding, outstanding + 1, memory_order_relaxed);
	dp_load_add(&load->sent);
}

/* Nothing more is expected of the attempt: its server has one query fewer outstanding. */
void dp_attempt_over(struct dp_worker *worker, struct dp_attempt *attempt)
{
	struct pool_load *load = &worker->loads[attempt->server->index];
	uint32_t outstanding = atomic_load_explicit(&load->outstanding, memory_order_relaxed);

	if (outstanding)
		atomic_store_explicit(&load->outstanding, outstanding - 1, memory_order_relaxed);
	attempt->server = NULL;
}

void dp_query_end(struct dp_worker *worker, struct dp_inflight *query)
{
	for (unsigned i = 0; i < DP_ATTEMPTS_MAX; i++) {
		if (query->attempt[i].server)
			dp_attempt_over(worker, &query->attempt[i]);
	}
	dp_inflight_end(worker->inflight, query);
}

static void trace_attempt(struct dp_worker *worker, const struct dp_packet *p,
			  const struct dp_attempt *attempt)
{
	struct dp_flow flow = {
		.peer = attempt->server->endpoint.addr,
		.peer_port = attempt->server->endpoint.port,
		.own_port = (uint16_t)(worker->source_port + attempt->own_port),
	};

	if (worker->io->source)
		worker->io->source(worker, attempt, &flow);
	else if (worker->next_hops)
		flow.own = worker->next_hops->server[attempt->server->index].own;
	dp_trace_put(worker->trace, worker->trace_ring, &flow, true, p->payload,
		     (uint16_t)p->payload_len);
}

static void write_attempt(struct dp_worker *worker, struct dp_packet *p, const struct dp_inflight *query,
			  struct dp_attempt *attempt)
{
	if (query->exact) {
		wire_put16(p->payload, attempt->id);
		return;
	}
	attempt->plain |= worker->loads[attempt->server->index].plain_until_ns > worker->now_ns;
	p->payload_len = (uint32_t)dp_query_write(p->payload, attempt->id, query->recursive, query->cd,
						  query->dnssec_ok, query->name, query->name_len,
						  query->type, query->class,
						  attempt->plain ? 0 : worker->conf->edns_size);
}

/* Writes the query of attempt into p and sends it. False: nothing was sent, the buffer is p's, the attempt is over. */
bool dp_attempt_send(struct dp_worker *worker, struct dp_packet *p,
		     const struct dp_inflight *query, struct dp_attempt *attempt)
{
	write_attempt(worker, p, query, attempt);
	if (worker->trace && query->first.traced)
		trace_attempt(worker, p, attempt);
	if (!worker->io->forward(worker, p, attempt)) {
		attempt->server = NULL;
		return false;
	}
	attempt_began(worker, attempt);
	dp_count(worker, DP_COUNT_FRAMES_OUT);
	if (attempt->tcp)
		dp_count(worker, DP_COUNT_TCP_TO_SERVER);
	return true;
}

/* A usable member, or NULL; *overload says whether all that are usable have what they may have. The cap holds for
 * all workers together, and each takes its share. */
struct pool_server *dp_server_choose(struct dp_worker *worker, const struct pool *pool,
				     const struct pool_server *avoid, bool *overload)
{
	unsigned workers = worker->shared->workers ? worker->shared->workers : 1;
	uint32_t share = (pool->max_outstanding + workers - 1) / workers;
	uint32_t *cursor = &worker->cursor[pool->index];
	struct pool_server *server = policy_choose(pool, worker->loads, cursor, avoid, share, worker->io->usable,
						   worker);

	*overload = !server && policy_choose(pool, worker->loads, cursor, avoid, UINT32_MAX, worker->io->usable,
					     worker);
	return server;
}

/* Lets the wheel call when the server is later than it usually is. */
void dp_attempt_plan(struct dp_worker *worker, const struct pool *pool, struct dp_inflight *query,
		     const struct pool_server *server)
{
	uint64_t patience_ns = (uint64_t)pool_load_patience_us(&worker->loads[server->index]) * CLOCK_NS_PER_US;

	if (pool->members > 1 && pool->retry_percent && worker->now_ns + patience_ns < query->deadline_ns)
		dp_inflight_due(worker->inflight, query, worker->now_ns + patience_ns);
	worker->retry_credit += pool->retry_percent;
	if (worker->retry_credit > DP_RETRY_CREDIT_MAX)
		worker->retry_credit = DP_RETRY_CREDIT_MAX;
}

/* ---- no answer ---- */

void dp_address_to(struct dp_packet *p, const struct dp_waiter *waiter)
{
	p->back = waiter->back;
	p->traced = waiter->traced;
	p->lease = waiter->lease;
	p->nsid_max = dp_nsid_max(&waiter->asker);
}

/* SERVFAIL to a waiter, from an empty buffer. */
static void fail_waiter(struct dp_worker *worker, const struct dp_inflight *query, const struct dp_waiter *waiter,
			int ede)
{
	struct dp_question question = { query->name, query->name_len, query->type, query->class };
	struct dp_packet *p = &worker->batch[DP_BATCH_MAX];

	if (waiter->back.origin == DP_ORIGIN_SELF)
		return;
	dp_address_to(p, waiter);
	if (!worker->io->take(worker, p, DP_REPLY_ERROR_MAX)) {
		dp_settle(worker, waiter->back.origin, DP_COUNT_DROP_TRANSMIT);
		return;
	}
	p->payload_len = (uint32_t)dp_reply_error(p->payload, &waiter->asker, &question, DNS_RCODE_SERVFAIL,
						  query->recursive, ede, worker->conf->edns_size);
	p->outcome = DP_COUNT_FORWARDED_TIMEOUT;
	dp_transmit_reply(worker, p);
}

void dp_query_has_failed(struct dp_worker *worker, const struct dp_inflight *query)
{
	dp_limit_failed(worker->shared->limit, worker->conf->limit, query->parent, worker->now_ns);
}

void dp_query_fail(struct dp_worker *worker, struct dp_inflight *query, int ede)
{
	dp_query_has_failed(worker, query);
	for (const struct dp_waiter *waiter = &query->first; waiter; waiter = waiter->next)
		fail_waiter(worker, query, waiter, ede);
	dp_query_end(worker, query);
}

/* Sends the query to a member other than avoid. False: there is none, or no right to. */
static bool retry(struct dp_worker *worker, struct dp_inflight *query, const struct pool_server *avoid)
{
	const struct pool *pool = dp_conf_pool(worker->conf, query->pool);
	struct dp_packet *p = &worker->batch[DP_BATCH_MAX];
	struct dp_attempt *attempt;
	struct pool_server *server;
	bool overload;

	if (!pool || !pool->retry_percent || query->exact || query->attempt[1].sent_ns ||
	    query->first.back.origin == DP_ORIGIN_SELF)
		return false;
	server = dp_server_choose(worker, pool, avoid, &overload);
	if (!server || server == avoid)
		return false;
	if (worker->retry_credit < RETRY_COST) {
		dp_count(worker, DP_COUNT_RETRIES_CAPPED);
		return false;
	}
	if (!worker->io->take(worker, p, DP_REPLY_ERROR_MAX))
		return false;
	attempt = dp_inflight_attempt(worker->inflight, query, server, worker->now_ns);
	if (!dp_attempt_send(worker, p, query, attempt)) {
		worker->io->give(worker, p);
		return false;
	}
	worker->retry_credit -= RETRY_COST;
	dp_count(worker, DP_COUNT_RETRIES);
	return true;
}

/* No answer will come of this attempt: another member is asked, or the other attempt is waited for, or that was it. */
void dp_attempt_failed(struct dp_worker *worker, struct dp_inflight *query, struct dp_attempt *attempt, int ede)
{
	const struct pool_server *server = attempt->server;

	dp_load_add(&worker->loads[server->index].errors);
	dp_attempt_over(worker, attempt);
	if (retry(worker, query, server))
		dp_inflight_due(worker->inflight, query, query->deadline_ns);
	else if (!query->attempt[0].server && !query->attempt[1].server)
		dp_query_fail(worker, query, ede);
}

void dp_passes_unreachable(struct dp_worker *worker, uint16_t own_port, uint16_t id)
{
	struct dp_attempt *attempt;
	struct dp_inflight *query = dp_inflight_find(worker->inflight, own_port, id, &attempt);

	dp_count(worker, DP_COUNT_SERVER_UNREACHABLE);
	if (!query)
		return;
	dp_attempt_failed(worker, query, attempt, EDE_NETWORK_ERROR);
}

/* ---- time is over ---- */

/* Who joined late has time left: the query begins anew for them. */
static void begin_anew(struct dp_worker *worker, struct dp_inflight *old)
{
	const struct pool *pool = dp_conf_pool(worker->conf, old->pool);
	struct dp_packet *p = &worker->batch[DP_BATCH_MAX];
	struct pool_server *server;
	struct dp_inflight *query;
	bool overload;

	if (!pool || !dp_inflight_has_later(old, worker->now_ns))
		return;
	server = dp_server_choose(worker, pool, old->attempt[0].server, &overload);
	query = server ? dp_inflight_start(worker->inflight, worker->now_ns,
					   worker->now_ns + (uint64_t)pool->timeout_ms * CLOCK_NS_PER_MS) : NULL;
	if (!query)
		return;
	if (!worker->io->take(worker, p, DP_REPLY_ERROR_MAX)) {
		dp_inflight_end(worker->inflight, query);
		return;
	}
	dp_inflight_move_later(worker->inflight, old, query, worker->now_ns);
	query->deadline_ns = query->first.deadline_ns;
	dp_inflight_due(worker->inflight, query, query->deadline_ns);
	dp_inflight_list(worker->inflight, query);
	if (dp_attempt_send(worker, p, query,
			    dp_inflight_attempt(worker->inflight, query, server, worker->now_ns)))
		return;
	worker->io->give(worker, p);
	dp_query_fail(worker, query, EDE_NO_REACHABLE_AUTHORITY);
}

/* The server is late, or the query's time is over. */
void dp_query_due(void *context, struct dp_inflight *query)
{
	struct dp_worker *worker = context;

	if (worker->now_ns < query->deadline_ns) {
		retry(worker, query, query->attempt[0].server);
		dp_inflight_due(worker->inflight, query, query->deadline_ns);
		return;
	}
	for (unsigned i = 0; i < DP_ATTEMPTS_MAX; i++) {
		if (query->attempt[i].server)
			dp_load_add(&worker->loads[query->attempt[i].server->index].timeouts);
	}
	begin_anew(worker, query);
	dp_query_fail(worker, query, EDE_NO_REACHABLE_AUTHORITY);
}
