/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * passes.c - the life of a query between receive and transmit.
 *
 * A batch of queries goes through one loop per pass, each touching one structure:
 *
 *   parse     the message: question and OPT, name hashed label by label
 *   route     class CH to the local names, everything else by longest suffix to a pool
 *   admit     who is blocked, the access list of the pool's kind, meta types, NOTIFY and UPDATE, RD = 0, ANY
 *   limit     what a client and the prefixes around it may ask (limit.h)
 *   look      the packet cache: index, entry, comparison, each for the whole batch
 *   answer    what the node answers itself and what the cache has, written in place
 *   choose    a query for the same thing that is under way, or a new one and a member of the pool
 *   forward   the member's query, written from the key and never from the client's octets; but NOTIFY and UPDATE,
 *             which may be signed, go through octet for octet, both ways
 *
 * Answers come one at a time (answers.c): find the attempt by (port, id), check that server, addresses and question are
 * those of the attempt (RFC 5452, 9.1), keep it, turn the message into each waiter's, send.
 *
 * Nothing here knows rings, sockets or headers; struct dp_io does. Every query that is not the node's own ends
 * in exactly one outcome, counted by settle(). Everything runs on the worker's thread; nothing allocates.
 */
#include "dataplane/passes.h"

#include <string.h>

#include "base/clock.h"
#include "base/lease.h"
#include "dataplane/cache.h"
#include "dataplane/limit.h"
#include "dataplane/reply.h"
#include "dataplane/trace.h"
#include "pools/local.h"
#include "pools/suffix.h"

enum {
	EXPIRE_MAX = 256,		/* timeouts a batch, so that a dead pool does not stop the live one */
	SLEEP_IN_FLIGHT_MS = 4,		/* timeouts are at most that late */
};

/* What an unacceptable query is answered with, by the parser's verdict. */
static const struct {
	uint8_t verdict, outcome;
	uint16_t rcode;
} refusals[DP_QUERY_VERDICTS] = {
	[DP_QUERY_SHORT] = { DP_DROP, DP_COUNT_DROP_SHORT, 0 },
	[DP_QUERY_RESPONSE] = { DP_DROP, DP_COUNT_DROP_RESPONSE, 0 },
	[DP_QUERY_NOTIMP] = { DP_REPLY, DP_COUNT_NOTIMP, DNS_RCODE_NOTIMP },
	[DP_QUERY_QDCOUNT] = { DP_REPLY, DP_COUNT_FORMERR_QDCOUNT, DNS_RCODE_FORMERR },
	[DP_QUERY_COUNTS] = { DP_REPLY, DP_COUNT_FORMERR_COUNTS, DNS_RCODE_FORMERR },
	[DP_QUERY_NAME] = { DP_REPLY, DP_COUNT_FORMERR_NAME, DNS_RCODE_FORMERR },
	[DP_QUERY_TRUNCATED] = { DP_REPLY, DP_COUNT_FORMERR_TRUNCATED, DNS_RCODE_FORMERR },
	[DP_QUERY_TRAILING] = { DP_REPLY, DP_COUNT_FORMERR_TRAILING, DNS_RCODE_FORMERR },
	[DP_QUERY_OPT] = { DP_REPLY, DP_COUNT_FORMERR_OPT, DNS_RCODE_FORMERR },
	[DP_QUERY_BADVERS] = { DP_REPLY, DP_COUNT_BADVERS, DNS_RCODE_BADVERS },
	[DP_QUERY_SIGNED] = { DP_REPLY, DP_COUNT_REFUSED_SIGNED, DNS_RCODE_REFUSED },
};

void dp_passes_settled(struct dp_worker *worker, enum dp_counter outcome, bool sent)
{
	if (sent)
		dp_count(worker, DP_COUNT_FRAMES_OUT);
	dp_count(worker, outcome);
}

static bool lease_held(const struct dp_worker *worker, uint8_t lease)
{
	return lease == LEASE_NONE || (worker->held_leases >> lease & 1);
}

/* ---- batch boundary ---- */

/* Bits of the leases that the listen addresses need and that hold now; *lingering, those of a planned release. */
static uint64_t held_leases(const struct dp_worker *worker, uint64_t *lingering)
{
	const struct lease_page *leases = worker->shared->leases;
	uint64_t held = 0, boot_ns = 0;

	*lingering = 0;
	for (unsigned i = 0; i < worker->conf->listens; i++) {
		uint8_t lease = worker->conf->listen[i].lease;

		if (lease == LEASE_NONE)
			continue;
		if (!boot_ns)
			boot_ns = clock_boot_ns();
		if (!lease_holds(leases, lease, boot_ns))
			continue;
		held |= 1ull << lease;
		if (lease_mode(leases, lease) == LEASE_LINGER)
			*lingering |= 1ull << lease;
	}
	return held;
}

uint64_t dp_passes_leases_lost(const struct dp_worker *worker)
{
	uint64_t lingering;

	return worker->held_leases ? worker->held_leases & ~held_leases(worker, &lingering) : 0;
}

void dp_passes_begin(struct dp_worker *worker, uint64_t now_ns)
{
	struct dp_shared *shared = worker->shared;

	/* Nothing of an earlier snapshot is touched from here on, not even by queries in flight. */
	epoch_enter(&shared->epoch, worker->reader);
	worker->now_ns = now_ns;
	worker->cache_now = dp_cache_ticks(now_ns);
	worker->conf = atomic_load(&shared->conf);
	worker->next_hops = atomic_load(&shared->next_hops);
	worker->trace = atomic_load(&shared->trace);
	worker->blocked = atomic_load(&shared->blocked);
	worker->held_leases = held_leases(worker, &worker->lingering);
	dp_count(worker, DP_COUNT_BATCHES);
}

/* ---- sending ---- */

static struct dp_question question_of(const struct dp_query *query)
{
	struct dp_question question = {
		.wire = query->question_end ? query->name.wire : NULL,
		.wire_len = query->name.len,
		.type = query->type,
		.class = query->class,
	};
	return question;
}

/* The node's own queries are not what anybody looks for. */
void dp_trace_received(struct dp_worker *worker, struct dp_packet *p,
		       const struct endpoint *server)
{
	p->traced = p->query.question_end && p->back.origin != DP_ORIGIN_SELF &&
		    dp_trace_match(worker->trace, &p->back.flow.peer, &p->query.name, server);
	if (p->traced)
		dp_trace_put(worker->trace, worker->trace_ring, &p->back.flow, false, p->payload,
			     (uint16_t)p->payload_len);
}

/* The id of this node, for those who ask: the one place that every answer of ours leaves through (D051). */
static void add_nsid(struct dp_worker *worker, struct dp_packet *p)
{
	uint32_t max = p->nsid_max < p->payload_room ? p->nsid_max : p->payload_room;

	if (max && worker->conf->nsid_len)
		p->payload_len = (uint32_t)dp_reply_add_nsid(p->payload, p->payload_len, max,
							     worker->conf->nsid, worker->conf->nsid_len);
}

/* Sends p's answer where the query came from, and settles the query. */
void dp_transmit_reply(struct dp_worker *worker, struct dp_packet *p)
{
	enum dp_counter outcome = p->outcome;
	uint8_t origin = p->back.origin;

	if (!lease_held(worker, p->lease)) {
		dp_settle(worker, origin, DP_COUNT_DROP_LEASE);
		worker->io->give(worker, p);
		return;
	}
	add_nsid(worker, p);
	if (worker->trace && p->traced)
		dp_trace_put(worker->trace, worker->trace_ring, &p->back.flow, true, p->payload,
			     (uint16_t)p->payload_len);
	if (worker->io->reply(worker, p, &outcome))
		dp_count(worker, DP_COUNT_FRAMES_OUT);
	dp_settle(worker, origin, outcome);
}

/* ---- the passes over a batch of queries ---- */

void dp_refuse(struct dp_packet *p, enum dp_counter outcome, uint16_t rcode, int8_t ede)
{
	p->verdict = DP_REPLY;
	p->outcome = (uint8_t)outcome;
	p->rcode = rcode;
	p->ede = ede;
	p->local = NULL;
	p->own_answer = DP_OWN_RCODE;
}

/* The parser's verdict, as the settings have it. */
static unsigned parse_one(const struct dp_conf *conf, struct dp_packet *p, bool tcp)
{
	unsigned v = dp_query_parse(p->payload, p->payload_len, tcp, conf->edns_size, &p->query);

	return v == DP_QUERY_TRAILING && conf->rules.ignore_trailing ? p->query.if_trailing_ignored : v;
}

static void parse(struct dp_worker *worker)
{
	for (unsigned i = 0; i < worker->batch_len; i++) {
		struct dp_packet *p = &worker->batch[i];
		bool tcp = p->back.origin == DP_ORIGIN_TCP;
		unsigned v;

		dp_count(worker, p->back.origin == DP_ORIGIN_SELF ? DP_COUNT_SELF_QUERIES : DP_COUNT_QUERIES);
		if (tcp)
			dp_count(worker, DP_COUNT_QUERIES_TCP);
		v = parse_one(worker->conf, p, tcp);
		p->verdict = DP_PASS;
		p->query_verdict = (uint8_t)v;
		p->traced = false;
		p->cache_only = false;
		p->pool = NULL;
		p->entry = NULL;
		if (v == DP_QUERY_OK || v == DP_QUERY_UPDATE)
			continue;
		dp_refuse(p, refusals[v].outcome, refusals[v].rcode, EDE_NONE);
		p->verdict = refusals[v].verdict;
	}
}

/* Where the query goes, and what makes it the same as another (D130). */
static void route_to(struct dp_worker *worker, struct dp_packet *p, const struct pool *pool)
{
	p->pool = pool;
	p->hash = dp_cache_hash(name_hash(&p->query.name), p->query.type, pool->id, p->query.asker.cd,
				p->query.asker.dnssec_ok);
	if (worker->shared->cache)
		dp_cache_prefetch_index(worker->shared->cache, p->hash);
}

static void route(struct dp_worker *worker)
{
	const struct dp_conf *conf = worker->conf;

	for (unsigned i = 0; i < worker->batch_len; i++) {
		struct dp_packet *p = &worker->batch[i];

		if (p->verdict == DP_PASS && p->query.class != DNS_CLASS_CH)
			suffix_prefetch(conf->suffixes, &p->query.name);
	}
	for (unsigned i = 0; i < worker->batch_len; i++) {
		struct dp_packet *p = &worker->batch[i];
		uint32_t pool;

		if (p->verdict != DP_PASS)
			continue;
		if (p->query.class == DNS_CLASS_CH && p->query_verdict != DP_QUERY_UPDATE) {
			dp_refuse(p, DP_COUNT_LOCAL, DNS_RCODE_NOERROR, EDE_NONE);
			p->local = local_find(conf->local, &p->query.name, p->query.type);
			continue;
		}
		/* DS lives above the cut: the parent's route has it (RFC 4035, 3.1.4.1) */
		pool = suffix_find(conf->suffixes, &p->query.name, p->query.type == DNS_TYPE_DS, NULL);
		if (pool == SUFFIX_NOT_FOUND)
			dp_refuse(p, DP_COUNT_REFUSED_ROUTE, DNS_RCODE_REFUSED, EDE_NOT_AUTHORITATIVE);
		else
			route_to(worker, p, conf->pools[pool]);
	}
}

static bool is_kept(const struct dp_packet *p)
{
	return p->verdict == DP_PASS && p->query_verdict != DP_QUERY_UPDATE && p->pool->cache.enabled &&
	       p->query.class == DNS_CLASS_IN;
}

static const struct dp_cache_entry *find_entry(struct dp_worker *worker, const struct dp_packet *p)
{
	const struct dp_cache_key key = {
		.hash = p->hash,
		.name = p->query.name.wire,
		.name_len = p->query.name.len,
		.type = p->query.type,
		.pool = p->pool->id,
		.cd = p->query.asker.cd,
		.dnssec_ok = p->query.asker.dnssec_ok,
	};

	return dp_cache_find(worker->shared->cache, &key, worker->cache_now);
}

/* The packet cache, in steps so that memory comes while other packets are worked on. */
static void look(struct dp_worker *worker)
{
	struct dp_cache *cache = worker->shared->cache;

	if (!cache)
		return;
	for (unsigned i = 0; i < worker->batch_len; i++) {
		if (is_kept(&worker->batch[i]))
			dp_cache_prefetch_entry(cache, worker->batch[i].hash);
	}
	for (unsigned i = 0; i < worker->batch_len; i++) {
		struct dp_packet *p = &worker->batch[i];

		if (!is_kept(p))
			continue;
		p->entry = find_entry(worker, p);
		if (!p->entry)
			continue;
		p->verdict = DP_REPLY;
		p->outcome = DP_COUNT_HIT;
		dp_count_pool(worker, p->pool->id, DP_POOL_HITS + p->entry->kind);
	}
}

static size_t write_cached(struct dp_worker *worker, const struct dp_packet *p, const struct dp_question *question)
{
	uint32_t age_s = p->pool->cache.no_age ? 0 :
			 (worker->cache_now - p->entry->stored) / DP_CACHE_TICKS;

	return dp_reply_cached(p->payload, p->payload_room, &p->query.asker, question, p->entry, age_s,
			       p->pool->kind == POOL_RECURSIVE, worker->conf->edns_size);
}

/* Another buffer where the query's does not hold what a TCP client is to have: TC would be of no use to it. False when
 * there is none. */
static bool enlarge(struct dp_worker *worker, struct dp_packet *p)
{
	uint32_t room = DP_REPLY_ERROR_MAX + p->entry->body_len;
	struct dp_packet larger;

	if (!p->query.asker.tcp || p->payload_room >= room)
		return true;
	if (!worker->io->take(worker, &larger, room))
		return false;
	worker->io->give(worker, p);
	p->payload = larger.payload;
	p->payload_room = larger.payload_room;
	p->buffer = larger.buffer;
	return true;
}

void dp_write_reply(struct dp_worker *worker, struct dp_packet *p)
{
	struct dp_question question = question_of(&p->query);
	bool recursive = p->pool && p->pool->kind == POOL_RECURSIVE;

	p->nsid_max = dp_nsid_max(&p->query.asker);
	if (worker->trace && !worker->trace->by_server)
		dp_trace_received(worker, p, NULL);
	if (p->entry && !enlarge(worker, p)) {
		p->verdict = DP_DROP;
		p->outcome = DP_COUNT_DROP_TRANSMIT;
		return;
	}
	if (p->entry)
		p->payload_len = (uint32_t)write_cached(worker, p, &question);
	else if (p->local)
		p->payload_len = (uint32_t)dp_reply_local(p->payload, &p->query.asker, &question,
							  p->local, worker->conf->edns_size);
	else if (p->own_answer == DP_OWN_HINFO)
		p->payload_len = (uint32_t)dp_reply_any(p->payload, &p->query.asker, &question,
							!recursive, worker->conf->edns_size);
	else if (p->own_answer == DP_OWN_TRUNCATED)
		p->payload_len = (uint32_t)dp_reply_truncated(p->payload, &p->query.asker, &question,
							      recursive, worker->conf->edns_size);
	else
		p->payload_len = (uint32_t)dp_reply_error(p->payload, &p->query.asker, &question,
							  p->rcode, recursive, p->ede,
							  worker->conf->edns_size);
}

static void answer(struct dp_worker *worker)
{
	for (unsigned i = 0; i < worker->batch_len; i++) {
		struct dp_packet *p = &worker->batch[i];

		if (p->verdict == DP_REPLY)
			dp_write_reply(worker, p);
	}
}

static void fill_key(struct dp_inflight *query, const struct dp_packet *p)
{
	query->hash = p->hash;
	query->pool = p->pool->id;
	query->type = p->query.type;
	query->class = p->query.class;
	query->name_len = p->query.name.len;
	memcpy(query->name, p->query.name.wire, p->query.name.len);
	query->cd = p->query.asker.cd;
	query->dnssec_ok = p->query.asker.dnssec_ok;
	query->recursive = p->pool->kind == POOL_RECURSIVE;
	query->parent = dp_limit_parent(&p->query.name, p->pool->kind);
	query->exact = p->query_verdict == DP_QUERY_UPDATE;
}

/* All but the list it is in. */
static void fill_waiter(struct dp_waiter *waiter, const struct dp_packet *p, uint64_t deadline_ns)
{
	waiter->asker = p->query.asker;
	waiter->back = p->back;
	waiter->deadline_ns = deadline_ns;
	waiter->traced = p->traced;
	waiter->lease = p->lease;
}

/* Another query for the same thing is under way: its answer will do. False: there is none, or no room. */
static bool join(struct dp_worker *worker, struct dp_packet *p, uint64_t deadline_ns)
{
	struct dp_inflight *query = dp_inflight_same(worker->inflight, p->hash, p->pool->id, &p->query);
	struct dp_waiter *waiter = query ? dp_inflight_join(worker->inflight, query) : NULL;

	if (!waiter)
		return false;
	if (worker->trace)
		dp_trace_received(worker, p, query->attempt[0].server ? &query->attempt[0].server->endpoint : NULL);
	fill_waiter(waiter, p, deadline_ns);
	dp_count_pool(worker, p->pool->id, DP_POOL_JOINED);
	p->verdict = DP_HELD;
	worker->io->give(worker, p);
	return true;
}

static void start(struct dp_worker *worker, struct dp_packet *p, struct pool_server *server, uint64_t deadline_ns)
{
	p->inflight = dp_inflight_start(worker->inflight, worker->now_ns, deadline_ns);
	if (!p->inflight) {
		p->verdict = DP_DROP;
		p->outcome = DP_COUNT_DROP_FULL;
		return;
	}
	if (worker->trace)
		dp_trace_received(worker, p, &server->endpoint);
	fill_key(p->inflight, p);
	fill_waiter(&p->inflight->first, p, deadline_ns);
	if (!p->inflight->exact) {
		dp_inflight_list(worker->inflight, p->inflight);
		dp_attempt_plan(worker, p->pool, p->inflight, server);
	}
	dp_count_pool(worker, p->pool->id, DP_POOL_MISSES);
	p->attempt = dp_inflight_attempt(worker->inflight, p->inflight, server, worker->now_ns);
	p->attempt->tcp = p->inflight->exact && p->query.asker.tcp;	/* it could not be asked for again */
	p->verdict = DP_FORWARD;
}

/* So much has failed below the same name that its servers are spared. */
static bool is_failing(const struct dp_worker *worker, const struct dp_packet *p)
{
	return p->back.origin != DP_ORIGIN_SELF &&
	       dp_limit_is_failing(worker->shared->limit, worker->conf->limit,
				   dp_limit_parent(&p->query.name, p->pool->kind), worker->now_ns);
}

static void choose_one(struct dp_worker *worker, struct dp_packet *p)
{
	uint64_t deadline_ns = worker->now_ns + (uint64_t)p->pool->timeout_ms * CLOCK_NS_PER_MS;
	struct pool_server *server;
	bool overload;

	if (p->query_verdict != DP_QUERY_UPDATE && join(worker, p, deadline_ns))
		return;
	if (is_failing(worker, p)) {
		dp_refuse(p, DP_COUNT_LIMITED_NAME, DNS_RCODE_SERVFAIL, EDE_OTHER);
		dp_write_reply(worker, p);
		return;
	}
	server = dp_server_choose(worker, p->pool, NULL, &overload);
	if (server) {
		start(worker, p, server, deadline_ns);
		return;
	}
	dp_refuse(p, overload ? DP_COUNT_OVERLOAD : DP_COUNT_NO_SERVER, DNS_RCODE_SERVFAIL,
		  overload ? EDE_OTHER : EDE_NO_REACHABLE_AUTHORITY);
	dp_write_reply(worker, p);
}

/* Over TCP, where silence would hold up the connection, it is refused. */
static void miss_cache_only(struct dp_worker *worker, struct dp_packet *p)
{
	if (p->cache_only_outcome != DP_COUNT_LIMITED_CACHE_ONLY) {
		dp_refuse(p, p->cache_only_outcome, DNS_RCODE_REFUSED, EDE_NONE);
		dp_write_reply(worker, p);
		return;
	}
	p->verdict = DP_DROP;
	p->outcome = DP_COUNT_LIMITED_CACHE_ONLY;
}

static void choose(struct dp_worker *worker)
{
	for (unsigned i = 0; i < worker->batch_len; i++) {
		struct dp_packet *p = &worker->batch[i];

		if (p->verdict != DP_PASS)
			continue;
		if (p->cache_only)
			miss_cache_only(worker, p);
		else
			choose_one(worker, p);
	}
}

/* Nothing was sent. Who joined in this batch shares the lot of the first. */
static void drop_forward(struct dp_worker *worker, struct dp_packet *p)
{
	for (const struct dp_waiter *joined = p->inflight->first.next; joined; joined = joined->next)
		dp_settle(worker, joined->back.origin, DP_COUNT_DROP_TRANSMIT);
	dp_query_end(worker, p->inflight);
	p->verdict = DP_DROP;
	p->outcome = DP_COUNT_DROP_TRANSMIT;
}

static void forward(struct dp_worker *worker)
{
	for (unsigned i = 0; i < worker->batch_len; i++) {
		struct dp_packet *p = &worker->batch[i];

		if (p->verdict != DP_FORWARD)
			continue;
		if (dp_attempt_send(worker, p, p->inflight, p->attempt))
			p->verdict = DP_HELD;
		else
			drop_forward(worker, p);
	}
}

/* Everything that was not forwarded leaves here: one place that drops, one that replies. */
static void transmit(struct dp_worker *worker)
{
	for (unsigned i = 0; i < worker->batch_len; i++) {
		struct dp_packet *p = &worker->batch[i];

		if (p->verdict == DP_REPLY) {
			dp_transmit_reply(worker, p);
		} else if (p->verdict == DP_DROP) {
			dp_settle(worker, p->back.origin, p->outcome);
			worker->io->give(worker, p);
		}
	}
}

void dp_passes_queries(struct dp_worker *worker)
{
	parse(worker);
	route(worker);
	dp_admit(worker);
	dp_limit_clients(worker);
	look(worker);
	answer(worker);
	choose(worker);
	forward(worker);
	transmit(worker);
	worker->batch_len = 0;
}

/* ---- housekeeping ---- */

void dp_passes_housekeeping(struct dp_worker *worker)
{
	dp_inflight_expire(worker->inflight, worker->now_ns, EXPIRE_MAX, dp_query_due, worker);
	dp_self_ask(worker);
	atomic_store_explicit(&worker->inflight_now, dp_inflight_waiting(worker->inflight),
			      memory_order_relaxed);
}

int dp_passes_sleep_ms(const struct dp_worker *worker, int max_ms)
{
	if (dp_inflight_count(worker->inflight) && max_ms > SLEEP_IN_FLIGHT_MS)
		return SLEEP_IN_FLIGHT_MS;
	return max_ms;
}
