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
 * Answers come one at a time: find the attempt by (port, id), check that server, addresses and question are
 * those of the attempt (RFC 5452, 9.1), keep it, turn the message into each waiter's, send.
 *
 * A server that is slower than it usually is, or unreachable, is not waited for to the end: the query goes once more
 * to another member, the first answer wins. Every query earns its pool's retry_percent, a second attempt costs
 * 100, and no more than DP_RETRY_CREDIT_MAX is saved up: enough for a server that dies, no doubling of the load on slow ones.
 *
 * Nothing here knows rings, sockets or headers; struct dp_io does. Every query that is not the node's own ends
 * in exactly one outcome, counted by settle(). Everything runs on the worker's thread; nothing allocates.
 */
#include <string.h>

#include "base/clock.h"
#include "base/counters.h"
#include "base/lease.h"
#include "dataplane/acl.h"
#include "dataplane/cache.h"
#include "dataplane/limit.h"
#include "dataplane/neigh.h"
#include "dataplane/offender.h"
#include "dataplane/reply.h"
#include "dataplane/trace.h"
#include "dataplane/ttl.h"
#include "dataplane/wire.h"
#include "dataplane/worker.h"
#include "pools/local.h"
#include "pools/policy.h"
#include "pools/suffix.h"

enum {
	EDE_NONE = -1,			/* RFC 8914, 4 */
	EDE_OTHER = 0,
	EDE_PROHIBITED = 18,
	EDE_NOT_AUTHORITATIVE = 20,
	EDE_NOT_SUPPORTED = 21,
	EDE_NO_REACHABLE_AUTHORITY = 22,
	EDE_NETWORK_ERROR = 23,

	TYPE_TKEY = 249,
	SELF_TIMEOUT_MS = 800,		/* of a fast-path check; asked once a second */
	SELF_CANARY = 0,		/* back.socket of origin SELF: the canary, or 1 + port */
	EXPIRE_MAX = 256,		/* timeouts a batch, so that a dead pool does not stop the live one */
	SLEEP_IN_FLIGHT_MS = 4,		/* timeouts are at most that late */
	RETRY_COST = 100,		/* percent */
	ANSWER_ROOM = DNS_OPT_LEN + DP_REPLY_NSID_MAX,	/* behind an answer, for the client's OPT */
	SAMPLE = 16,			/* of so many queries within their limits one is looked at */
	V4_CLIENT = 128, V6_CLIENT = 56,	/* what counts as a client where no rules say it */
	PLAIN_S = 60,			/* how long it is believed that a server does not know EDNS */
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

static void count(struct dp_worker *worker, enum dp_counter counter)
{
	counters_add(&worker->counters[counter], 1);
}

static void count_pool(struct dp_worker *worker, uint16_t pool_id, enum dp_pool_counter counter)
{
	counters_add(dp_pool_counter(worker, pool_id, counter), 1);
}

/* The one outcome of a query; the node's own are in no count. */
static void settle(struct dp_worker *worker, uint8_t origin, enum dp_counter outcome)
{
	if (origin != DP_ORIGIN_SELF && outcome != DP_COUNT_LATER)
		count(worker, outcome);
}

void dp_passes_settled(struct dp_worker *worker, enum dp_counter outcome, bool sent)
{
	if (sent)
		count(worker, DP_COUNT_FRAMES_OUT);
	count(worker, outcome);
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
	count(worker, DP_COUNT_BATCHES);
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

/* Picks p for a capture, as soon as everything the filter asks for is known, and copies it as it came. */
static void trace_received(struct dp_worker *worker, struct dp_packet *p,
			   const struct endpoint *server)
{
	p->traced = p->query.question_end &&
		    dp_trace_match(worker->trace, &p->back.flow.peer, &p->query.name, server);
	if (p->traced)
		dp_trace_put(worker->trace, worker->trace_ring, &p->back.flow, false, p->payload,
			     (uint16_t)p->payload_len);
}

/* For dp_packet.nsid_max. */
static uint16_t nsid_max(const struct dp_asker *asker)
{
	return asker->nsid ? asker->reply_max : 0;
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
static void transmit_reply(struct dp_worker *worker, struct dp_packet *p)
{
	enum dp_counter outcome = p->outcome;
	uint8_t origin = p->back.origin;

	if (!lease_held(worker, p->lease)) {
		settle(worker, origin, DP_COUNT_DROP_LEASE);
		worker->io->give(worker, p);
		return;
	}
	add_nsid(worker, p);
	if (worker->trace && p->traced)
		dp_trace_put(worker->trace, worker->trace_ring, &p->back.flow, true, p->payload,
			     (uint16_t)p->payload_len);
	if (worker->io->reply(worker, p, &outcome))
		count(worker, DP_COUNT_FRAMES_OUT);
	settle(worker, origin, outcome);
}

/* ---- attempts ---- */

static void load_add(_Atomic uint64_t *counter)
{
	counters_add(counter, 1);
}

static void attempt_began(struct dp_worker *worker, const struct dp_attempt *attempt)
{
	struct pool_load *load = &worker->loads[attempt->server->index];
	uint32_t outstanding = atomic_load_explicit(&load->outstanding, memory_order_relaxed);

	atomic_store_explicit(&load->outstanding, outstanding + 1, memory_order_relaxed);
	load_add(&load->sent);
}

/* Nothing more is expected of the attempt: its server has one query fewer outstanding. */
static void attempt_over(struct dp_worker *worker, struct dp_attempt *attempt)
{
	struct pool_load *load = &worker->loads[attempt->server->index];
	uint32_t outstanding = atomic_load_explicit(&load->outstanding, memory_order_relaxed);

	if (outstanding)
		atomic_store_explicit(&load->outstanding, outstanding - 1, memory_order_relaxed);
	attempt->server = NULL;
}

static void end(struct dp_worker *worker, struct dp_inflight *query)
{
	for (unsigned i = 0; i < DP_ATTEMPTS_MAX; i++) {
		if (query->attempt[i].server)
			attempt_over(worker, &query->attempt[i]);
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

	if (worker->next_hops)
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
static bool send_attempt(struct dp_worker *worker, struct dp_packet *p,
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
	count(worker, DP_COUNT_FRAMES_OUT);
	if (attempt->tcp)
		count(worker, DP_COUNT_TCP_TO_SERVER);
	return true;
}

/* ---- the passes over a batch of queries ---- */

static void refuse(struct dp_packet *p, enum dp_counter outcome, uint16_t rcode, int8_t ede)
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

		count(worker, p->back.origin == DP_ORIGIN_SELF ? DP_COUNT_SELF_QUERIES : DP_COUNT_QUERIES);
		if (tcp)
			count(worker, DP_COUNT_QUERIES_TCP);
		v = parse_one(worker->conf, p, tcp);
		p->verdict = DP_PASS;
		p->query_verdict = (uint8_t)v;
		p->traced = false;
		p->cache_only = false;
		p->pool = NULL;
		p->entry = NULL;
		if (v == DP_QUERY_OK || v == DP_QUERY_UPDATE)
			continue;
		refuse(p, refusals[v].outcome, refusals[v].rcode, EDE_NONE);
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
			refuse(p, DP_COUNT_LOCAL, DNS_RCODE_NOERROR, EDE_NONE);
			p->local = local_find(conf->local, &p->query.name, p->query.type);
			continue;
		}
		/* DS lives above the cut: the parent's route has it (RFC 4035, 3.1.4.1) */
		pool = suffix_find(conf->suffixes, &p->query.name, p->query.type == DNS_TYPE_DS, NULL);
		if (pool == SUFFIX_NOT_FOUND)
			refuse(p, DP_COUNT_REFUSED_ROUTE, DNS_RCODE_REFUSED, EDE_NOT_AUTHORITATIVE);
		else
			route_to(worker, p, conf->pools[pool]);
	}
}

/* Types that are no data to look up: OPT, TKEY, TSIG and zone transfers. */
static bool is_meta_type(uint16_t type)
{
	return type == DNS_TYPE_OPT || (type >= TYPE_TKEY && type <= DNS_TYPE_AXFR);
}

/* Is the client on this list, and not the one in .value that is let through? The filter, where it knows the prefix
 * (.allow), has chosen those from what comes by AF_XDP already. */
static bool is_denied(struct dp_worker *worker, const struct dp_acl *list, const struct dp_return *back)
{
	const struct dp_acl_rule *rule = list ? dp_acl_match(list, &back->flow.peer) : NULL;

	if (!rule)
		return false;
	if (!rule->value)
		return true;
	if (rule->allow && back->origin == DP_ORIGIN_XSK)
		return false;
	return ++worker->denied % rule->value != 0;
}

/* The node's own queries come from no client. */
static void deny(struct dp_worker *worker)
{
	const struct dp_acl *list = worker->conf->deny, *blocked = worker->blocked;

	if (!list && !blocked)
		return;
	for (unsigned i = 0; i < worker->batch_len; i++) {
		struct dp_packet *p = &worker->batch[i];

		if (p->verdict == DP_DROP || p->back.origin == DP_ORIGIN_SELF ||
		    (!is_denied(worker, list, &p->back) && !is_denied(worker, blocked, &p->back)))
			continue;
		p->verdict = DP_DROP;
		p->outcome = DP_COUNT_DROP_DENIED;
	}
}

/* What a stranger asks over UDP may be asked in the name of another. */
static void bound_reply(const struct dp_conf *conf, struct dp_packet *p)
{
	struct dp_asker *asker = &p->query.asker;
	uint16_t bound;

	if (!conf->limit || asker->tcp)
		return;
	bound = dp_limit_reply_max(conf->limit, p->payload_len, asker->reply_max);
	if (bound < asker->reply_max && !dp_acl_allows(conf->acl[POOL_RECURSIVE], &p->back.flow.peer))
		asker->reply_max = bound;
}

/* NOTIFY and UPDATE: to authoritative pools, from those listed for it (D112). */
static void admit_update(const struct dp_conf *conf, struct dp_packet *p)
{
	if (p->pool->kind != POOL_AUTHORITATIVE || !dp_acl_allows(conf->update_acl, &p->back.flow.peer))
		refuse(p, DP_COUNT_REFUSED_UPDATE, DNS_RCODE_REFUSED, EDE_PROHIBITED);
}

/* RD = 0 asks what others have asked (RFC 5358, 4): by default nothing is said. */
static void admit_rd0(const struct dp_conf *conf, struct dp_packet *p)
{
	p->cache_only = conf->rules.rd0_from_cache;
	p->cache_only_outcome = DP_COUNT_REFUSED_RD;
	if (!p->cache_only)
		refuse(p, DP_COUNT_REFUSED_RD, DNS_RCODE_REFUSED, EDE_PROHIBITED);
}

/* ANY over UDP would amplify (D117). The HINFO cannot be signed, so who wants DNSSEC is sent to TCP, too. */
static void admit_any(const struct dp_conf *conf, struct dp_packet *p)
{
	unsigned rule = conf->rules.any[p->pool->kind];

	if (rule == DP_ANY_FORWARD)
		return;
	refuse(p, DP_COUNT_LOCAL_ANY, DNS_RCODE_NOERROR, EDE_NONE);
	p->own_answer = rule == DP_ANY_HINFO && !p->query.asker.dnssec_ok && p->query.class == DNS_CLASS_IN ?
			DP_OWN_HINFO : DP_OWN_TRUNCATED;
}

static void admit_one(const struct dp_conf *conf, struct dp_packet *p)
{
	if (!dp_acl_allows(conf->acl[p->pool->kind], &p->back.flow.peer))
		refuse(p, DP_COUNT_REFUSED_ACL, DNS_RCODE_REFUSED, EDE_PROHIBITED);
	else if (p->query_verdict == DP_QUERY_UPDATE)
		admit_update(conf, p);
	else if (is_meta_type(p->query.type))
		refuse(p, DP_COUNT_REFUSED_TYPE, DNS_RCODE_NOTIMP, EDE_NOT_SUPPORTED);
	else if (p->query.type == DNS_TYPE_ANY && !p->query.asker.tcp)
		admit_any(conf, p);
	if (p->verdict != DP_PASS)
		return;
	if (p->pool->kind == POOL_AUTHORITATIVE)
		bound_reply(conf, p);
	else if (!p->query.asker.rd)
		admit_rd0(conf, p);
}

static void admit(struct dp_worker *worker)
{
	deny(worker);
	for (unsigned i = 0; i < worker->batch_len; i++) {
		if (worker->batch[i].verdict == DP_PASS)
			admit_one(worker->conf, &worker->batch[i]);
	}
}

static void note_client(struct dp_worker *worker, const struct addr *client)
{
	const struct dp_limit_rules *rules = worker->conf->limit;
	struct prefix prefix = { *client, V4_CLIENT };

	if (rules) {
		prefix = dp_limit_client(rules, client);
	} else if (!addr_is_v4(client)) {
		prefix.len = V6_CLIENT;
		prefix.addr.bytes[7] = 0;
		prefix.addr.halves_be[1] = 0;
	}
	dp_offenders_count(worker->offenders, &prefix, SAMPLE, 0, worker->now_ns);
}

/* Looks at one query in SAMPLE, at uneven distances, so that no client falls into step with them. Those over a limit
 * (a bit each) are counted as they are. */
static void sample_clients(struct dp_worker *worker, uint64_t limited)
{
	while (worker->until_sample < worker->batch_len) {
		const struct dp_packet *p = &worker->batch[worker->until_sample];

		if (p->back.origin != DP_ORIGIN_SELF && !(limited >> worker->until_sample & 1))
			note_client(worker, &p->back.flow.peer);
		worker->random = worker->random * 1664525 + 1013904223;
		worker->until_sample += 1 + (worker->random >> 16) % (2 * SAMPLE - 1);
	}
	worker->until_sample -= worker->batch_len;
}

static void obey(struct dp_packet *p, enum dp_limit_verdict verdict)
{
	switch (verdict) {
	case DP_LIMIT_PASS:
		break;
	case DP_LIMIT_CACHE_ONLY:
		p->cache_only = true;
		p->cache_only_outcome = p->query.asker.tcp ? DP_COUNT_LIMITED_REFUSED : DP_COUNT_LIMITED_CACHE_ONLY;
		break;
	case DP_LIMIT_SLIP:
		refuse(p, DP_COUNT_LIMITED_SLIP, DNS_RCODE_NOERROR, EDE_NONE);
		p->own_answer = DP_OWN_TRUNCATED;
		break;
	case DP_LIMIT_REFUSE:
		refuse(p, DP_COUNT_LIMITED_REFUSED, DNS_RCODE_REFUSED, EDE_NONE);
		break;
	case DP_LIMIT_DROP:
		p->verdict = DP_DROP;
		p->outcome = DP_COUNT_LIMITED_DROP;
		break;
	}
}

/* Whose buckets a query is charged to: everybody's, too, where the node answers itself, refusals among it. */
static enum pool_kind charged_kind(const struct dp_packet *p)
{
	return p->verdict == DP_PASS ? p->pool->kind : POOL_AUTHORITATIVE;
}

/* Two loops, so that the buckets come from memory while other queries are looked at. Which ones are over a limit. */
static uint64_t judge(struct dp_worker *worker)
{
	const struct dp_limit_rules *rules = worker->conf->limit;
	struct dp_limit *table = worker->shared->limit;
	struct dp_limit_ask ask[DP_BATCH_MAX];
	uint16_t asked[DP_BATCH_MAX];
	uint64_t limited = 0;
	unsigned n = 0;

	if (!rules || !table || !dp_limit_rules_active(rules))
		return 0;
	for (unsigned i = 0; i < worker->batch_len; i++) {
		const struct dp_packet *p = &worker->batch[i];

		if (p->verdict != DP_DROP && p->back.origin != DP_ORIGIN_SELF &&
		    dp_limit_prepare(table, rules, &p->back.flow.peer, charged_kind(p), p->query.asker.tcp, &ask[n]))
			asked[n++] = (uint16_t)i;
	}
	for (unsigned i = 0; i < n; i++) {
		struct prefix over;
		enum dp_limit_verdict verdict = dp_limit_judge(table, rules, &ask[i], worker->now_ns, &worker->slips,
							       &over);

		if (verdict == DP_LIMIT_PASS)
			continue;
		obey(&worker->batch[asked[i]], verdict);
		dp_offenders_count(worker->offenders, &over, 1, 1, worker->now_ns);
		limited |= 1ull << asked[i];
	}
	return limited;
}

static void limit(struct dp_worker *worker)
{
	sample_clients(worker, judge(worker));
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
		count_pool(worker, p->pool->id, DP_POOL_HITS + p->entry->kind);
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

static void write_reply(struct dp_worker *worker, struct dp_packet *p)
{
	struct dp_question question = question_of(&p->query);
	bool recursive = p->pool && p->pool->kind == POOL_RECURSIVE;

	p->nsid_max = nsid_max(&p->query.asker);
	if (worker->trace && !worker->trace->by_server)
		trace_received(worker, p, NULL);
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
			write_reply(worker, p);
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

/* A usable member, or NULL; *overload says whether all that are usable have what they may have. The cap holds for
 * all workers together, and each takes its share. */
static struct pool_server *choose_server(struct dp_worker *worker, const struct pool *pool,
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

/* Another query for the same thing is under way: its answer will do. False: there is none, or no room. */
static bool join(struct dp_worker *worker, struct dp_packet *p, uint64_t deadline_ns)
{
	struct dp_inflight *query = dp_inflight_same(worker->inflight, p->hash, p->pool->id, &p->query);
	struct dp_waiter *waiter = query ? dp_inflight_join(worker->inflight, query) : NULL;

	if (!waiter)
		return false;
	if (worker->trace)
		trace_received(worker, p, query->attempt[0].server ? &query->attempt[0].server->endpoint : NULL);
	fill_waiter(waiter, p, deadline_ns);
	count_pool(worker, p->pool->id, DP_POOL_JOINED);
	p->verdict = DP_HELD;
	worker->io->give(worker, p);
	return true;
}

/* Lets the wheel call when the server is later than it usually is. */
static void plan_retry(struct dp_worker *worker, const struct pool *pool, struct dp_inflight *query,
		       const struct pool_server *server)
{
	uint64_t patience_ns = (uint64_t)pool_load_patience_us(&worker->loads[server->index]) * CLOCK_NS_PER_US;

	if (pool->members > 1 && pool->retry_percent && worker->now_ns + patience_ns < query->deadline_ns)
		dp_inflight_due(worker->inflight, query, worker->now_ns + patience_ns);
	worker->retry_credit += pool->retry_percent;
	if (worker->retry_credit > DP_RETRY_CREDIT_MAX)
		worker->retry_credit = DP_RETRY_CREDIT_MAX;
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
		trace_received(worker, p, &server->endpoint);
	fill_key(p->inflight, p);
	fill_waiter(&p->inflight->first, p, deadline_ns);
	if (!p->inflight->exact) {
		dp_inflight_list(worker->inflight, p->inflight);
		plan_retry(worker, p->pool, p->inflight, server);
	}
	count_pool(worker, p->pool->id, DP_POOL_MISSES);
	p->attempt = dp_inflight_attempt(worker->inflight, p->inflight, server, worker->now_ns);
	p->attempt->tcp = p->inflight->exact && p->query.asker.tcp;	/* it could not be asked for again */
	p->verdict = DP_FORWARD;
}

static void choose_one(struct dp_worker *worker, struct dp_packet *p)
{
	uint64_t deadline_ns = worker->now_ns + (uint64_t)p->pool->timeout_ms * CLOCK_NS_PER_MS;
	struct pool_server *server;
	bool overload;

	if (p->query_verdict != DP_QUERY_UPDATE && join(worker, p, deadline_ns))
		return;
	server = choose_server(worker, p->pool, NULL, &overload);
	if (server) {
		start(worker, p, server, deadline_ns);
		return;
	}
	refuse(p, overload ? DP_COUNT_OVERLOAD : DP_COUNT_NO_SERVER, DNS_RCODE_SERVFAIL,
	       overload ? EDE_OTHER : EDE_NO_REACHABLE_AUTHORITY);
	write_reply(worker, p);
}

/* Over TCP, where silence would hold up the connection, it is refused. */
static void miss_cache_only(struct dp_worker *worker, struct dp_packet *p)
{
	if (p->cache_only_outcome != DP_COUNT_LIMITED_CACHE_ONLY) {
		refuse(p, p->cache_only_outcome, DNS_RCODE_REFUSED, EDE_NONE);
		write_reply(worker, p);
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
		settle(worker, joined->back.origin, DP_COUNT_DROP_TRANSMIT);
	end(worker, p->inflight);
	p->verdict = DP_DROP;
	p->outcome = DP_COUNT_DROP_TRANSMIT;
}

static void forward(struct dp_worker *worker)
{
	for (unsigned i = 0; i < worker->batch_len; i++) {
		struct dp_packet *p = &worker->batch[i];

		if (p->verdict != DP_FORWARD)
			continue;
		if (send_attempt(worker, p, p->inflight, p->attempt))
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
			transmit_reply(worker, p);
		} else if (p->verdict == DP_DROP) {
			settle(worker, p->back.origin, p->outcome);
			worker->io->give(worker, p);
		}
	}
}

void dp_passes_queries(struct dp_worker *worker)
{
	parse(worker);
	route(worker);
	admit(worker);
	limit(worker);
	look(worker);
	answer(worker);
	choose(worker);
	forward(worker);
	transmit(worker);
	worker->batch_len = 0;
}

/* ---- answers ---- */

/* Does the message come from where the attempt went, and the way it went? */
static bool from_attempt(const struct dp_attempt *attempt, const struct dp_flow *flow, bool tcp)
{
	return attempt->tcp == tcp && flow->peer_port == attempt->server->endpoint.port &&
	       addr_equal(&flow->peer, &attempt->server->endpoint.addr) &&
	       addr_equal(&flow->own, &attempt->own);
}

static void address_to(struct dp_packet *p, const struct dp_waiter *waiter)
{
	p->back = waiter->back;
	p->traced = waiter->traced;
	p->lease = waiter->lease;
	p->nsid_max = nsid_max(&waiter->asker);
}

/* The answered attempt is over; the query goes to its server again over TCP. */
static bool fetch_by_tcp(struct dp_worker *worker, struct dp_packet *p, struct dp_inflight *query,
			 struct dp_attempt *truncated)
{
	struct pool_server *server = truncated->server;
	struct dp_attempt *attempt;

	attempt_over(worker, truncated);
	attempt = dp_inflight_attempt(worker->inflight, query, server, worker->now_ns);
	attempt->tcp = true;
	return send_attempt(worker, p, query, attempt);
}

/* SERVFAIL to a waiter, from an empty buffer. */
static void fail_waiter(struct dp_worker *worker, const struct dp_inflight *query, const struct dp_waiter *waiter,
			int ede)
{
	struct dp_question question = { query->name, query->name_len, query->type, query->class };
	struct dp_packet *p = &worker->batch[DP_BATCH_MAX];

	if (waiter->back.origin == DP_ORIGIN_SELF)
		return;
	address_to(p, waiter);
	if (!worker->io->take(worker, p, DP_REPLY_ERROR_MAX)) {
		settle(worker, waiter->back.origin, DP_COUNT_DROP_TRANSMIT);
		return;
	}
	p->payload_len = (uint32_t)dp_reply_error(p->payload, &waiter->asker, &question, DNS_RCODE_SERVFAIL,
						  query->recursive, ede, worker->conf->edns_size);
	p->outcome = DP_COUNT_FORWARDED_TIMEOUT;
	transmit_reply(worker, p);
}

static void fail(struct dp_worker *worker, struct dp_inflight *query, int ede)
{
	for (const struct dp_waiter *waiter = &query->first; waiter; waiter = waiter->next)
		fail_waiter(worker, query, waiter, ede);
	end(worker, query);
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
	server = choose_server(worker, pool, avoid, &overload);
	if (!server || server == avoid)
		return false;
	if (worker->retry_credit < RETRY_COST) {
		count(worker, DP_COUNT_RETRIES_CAPPED);
		return false;
	}
	if (!worker->io->take(worker, p, DP_REPLY_ERROR_MAX))
		return false;
	attempt = dp_inflight_attempt(worker->inflight, query, server, worker->now_ns);
	if (!send_attempt(worker, p, query, attempt)) {
		worker->io->give(worker, p);
		return false;
	}
	worker->retry_credit -= RETRY_COST;
	count(worker, DP_COUNT_RETRIES);
	return true;
}

/* No answer will come of this attempt: another member is asked, or the other attempt is waited for, or that was it. */
static void attempt_failed(struct dp_worker *worker, struct dp_inflight *query, struct dp_attempt *attempt, int ede)
{
	const struct pool_server *server = attempt->server;

	load_add(&worker->loads[server->index].errors);
	attempt_over(worker, attempt);
	if (retry(worker, query, server))
		dp_inflight_due(worker->inflight, query, query->deadline_ns);
	else if (!query->attempt[0].server && !query->attempt[1].server)
		fail(worker, query, ede);
}

/* The waiter's own copy of the answer, before it is made the first waiter's. */
static void copy_to_waiter(struct dp_worker *worker, const struct dp_packet *from, const struct dp_inflight *query,
			   const struct dp_waiter *waiter, const struct dp_answer *message)
{
	struct dp_packet *p = &worker->batch[DP_BATCH_MAX];
	uint32_t room = waiter->asker.tcp ? from->payload_len + ANSWER_ROOM : DP_REPLY_ERROR_MAX;

	address_to(p, waiter);
	if (!worker->io->take(worker, p, room)) {
		settle(worker, waiter->back.origin, DP_COUNT_DROP_TRANSMIT);
		return;
	}
	p->payload_len = (uint32_t)dp_reply_copy(p->payload, p->payload_room, from->payload, from->payload_len,
						 message, &waiter->asker, query->recursive,
						 worker->conf->edns_size);
	if (!(message->flags & DNS_TC) && (p->payload[2] & DNS_TC >> 8))
		count(worker, DP_COUNT_REPLY_TRUNCATED);
	p->outcome = DP_COUNT_JOINED;
	transmit_reply(worker, p);
}

static void finish(struct dp_worker *worker, struct dp_packet *p, struct dp_inflight *query,
		   const struct dp_answer *message)
{
	const struct dp_waiter *waiter = &query->first;

	for (const struct dp_waiter *joined = waiter->next; joined; joined = joined->next)
		copy_to_waiter(worker, p, query, joined, message);
	p->payload_len = (uint32_t)dp_reply_adopt(p->payload, p->payload_len, p->payload_room, message,
						  &waiter->asker, query->recursive,
						  worker->conf->edns_size);
	if (!(message->flags & DNS_TC) && (p->payload[2] & DNS_TC >> 8))
		count(worker, DP_COUNT_REPLY_TRUNCATED);
	address_to(p, waiter);
	p->outcome = DP_COUNT_FORWARDED_ANSWERED;
	end(worker, query);
	transmit_reply(worker, p);
}

/* Into the cache, if the pool, its policy and the answer are for it. An answer to what was asked before a purge is not:
 * it may be what was purged; nor is one without the DNSSEC records that were asked for (D134). */
static void keep(struct dp_worker *worker, struct dp_packet *p, const struct dp_inflight *query,
		 const struct dp_attempt *attempt, const struct dp_answer *message)
{
	struct dp_shared *shared = worker->shared;
	const struct pool *pool = dp_conf_pool(worker->conf, query->pool);
	const struct dp_cache_key key = {
		.hash = query->hash,
		.name = query->name,
		.name_len = query->name_len,
		.type = query->type,
		.pool = query->pool,
		.cd = query->cd,
		.dnssec_ok = query->dnssec_ok,
	};
	struct dp_ttls ttls;
	bool kept;

	if (!shared->cache || !pool || !pool->cache.enabled || query->first.back.origin == DP_ORIGIN_SELF ||
	    attempt->sent_ns <= atomic_load(&shared->purged_ns) || (attempt->plain && query->dnssec_ok))
		return;
	kept = dp_ttl_read(p->payload, p->payload_len, message, &pool->cache, &ttls) == DP_TTL_KEEP &&
	       dp_cache_store(shared->cache, worker->writer, &key, p->payload, p->payload_len, message, &ttls,
			      worker->cache_now);
	count_pool(worker, pool->id, kept ? DP_POOL_STORED : DP_POOL_NOT_KEPT);
}

/* Does this rcode, from a server that left out the OPT, say that it does not know EDNS (RFC 6891, 7)? */
static bool blames_edns(const struct dp_worker *worker, const struct dp_attempt *attempt, unsigned rcode)
{
	return worker->conf->rules.edns_fallback && !attempt->plain &&
	       (rcode == DNS_RCODE_FORMERR || rcode == DNS_RCODE_NOTIMP);
}

/* The refused attempt is over; the query goes to its server again the same way, without an OPT. Takes the buffer. */
static void ask_plain(struct dp_worker *worker, struct dp_packet *p, struct dp_inflight *query,
		      struct dp_attempt *refused)
{
	struct pool_server *server = refused->server;
	bool tcp = refused->tcp;
	struct dp_attempt *attempt;

	attempt_over(worker, refused);
	attempt = dp_inflight_attempt(worker->inflight, query, server, worker->now_ns);
	attempt->tcp = tcp;
	attempt->plain = true;
	count(worker, DP_COUNT_EDNS_RETRIED);
	if (send_attempt(worker, p, query, attempt))
		return;
	worker->io->give(worker, p);
	fail(worker, query, EDE_NETWORK_ERROR);
}

static void learn(struct dp_worker *worker, const struct dp_attempt *attempt)
{
	struct pool_load *load = &worker->loads[attempt->server->index];

	load_add(&load->answered);
	pool_load_latency(load, (uint32_t)((worker->now_ns - attempt->sent_ns) / CLOCK_NS_PER_US));
}

/* A server that answers the second time, without EDNS, is asked like that from now on for a while. */
static void learn_plain(struct dp_worker *worker, const struct dp_attempt *attempt, unsigned rcode)
{
	struct pool_load *load = &worker->loads[attempt->server->index];

	if (attempt->plain && load->plain_until_ns <= worker->now_ns && rcode != DNS_RCODE_FORMERR &&
	    rcode != DNS_RCODE_NOTIMP)
		load->plain_until_ns = worker->now_ns + (uint64_t)PLAIN_S * CLOCK_NS_PER_S;
}

/* Some servers refuse what they cannot read with a header alone. It says nothing but that no answer will come. */
static bool is_bare_error(const struct dp_packet *p)
{
	return (p->payload[2] & DNS_QR >> 8) && !p->payload[4] && !p->payload[5] &&
	       (p->payload[3] & 0x0f) != DNS_RCODE_NOERROR;
}

/* Is it the answer to this query, by what of the question must come back? */
static bool answers_query(const struct dp_packet *p, const struct dp_inflight *query)
{
	if (query->exact)
		return p->payload_len >= DNS_HEADER_LEN && (p->payload[2] & DNS_QR >> 8) &&
		       (p->payload[2] >> 3 & 0xf) == query->first.asker.opcode;
	return is_bare_error(p) || dp_answer_matches(p->payload, p->payload_len, query->name, query->name_len,
						     query->type, query->class);
}

/* The query and attempt that the message answers; else NULL, counted by reason. */
static struct dp_inflight *decode(struct dp_worker *worker, const struct dp_packet *p,
				  uint16_t own_port, bool tcp, struct dp_attempt **attempt)
{
	struct dp_inflight *query;

	count(worker, DP_COUNT_ANSWERS);
	if (p->payload_len < DNS_HEADER_LEN) {
		count(worker, DP_COUNT_ANSWER_MALFORMED);
		return NULL;
	}
	query = dp_inflight_find(worker->inflight, own_port,
				 (uint16_t)(p->payload[0] << 8 | p->payload[1]), attempt);
	if (!query) {
		count(worker, DP_COUNT_ANSWER_LATE);
		return NULL;
	}
	if (!from_attempt(*attempt, &p->back.flow, tcp) || !answers_query(p, query)) {
		count(worker, DP_COUNT_ANSWER_MISMATCH);
		return NULL;
	}
	return query;
}

static void take_bare_error(struct dp_worker *worker, struct dp_packet *p, struct dp_inflight *query,
			    struct dp_attempt *attempt)
{
	count(worker, DP_COUNT_ANSWER_NO_QUESTION);
	if (blames_edns(worker, attempt, p->payload[3] & 0x0f)) {
		ask_plain(worker, p, query, attempt);
		return;
	}
	worker->io->give(worker, p);
	attempt_failed(worker, query, attempt, EDE_OTHER);
}

/* The answer to a NOTIFY or UPDATE is passed on as it is: it may be signed. */
static void pass_on(struct dp_worker *worker, struct dp_packet *p, struct dp_inflight *query,
		    const struct dp_attempt *attempt)
{
	learn(worker, attempt);
	address_to(p, &query->first);
	p->nsid_max = 0;
	p->outcome = DP_COUNT_FORWARDED_ANSWERED;
	wire_put16(p->payload, query->first.asker.id);
	end(worker, query);
	transmit_reply(worker, p);
}

void dp_passes_answer(struct dp_worker *worker, struct dp_packet *p, uint16_t own_port, bool tcp)
{
	struct dp_attempt *attempt;
	struct dp_inflight *query = decode(worker, p, own_port, tcp, &attempt);
	struct dp_answer message;

	if (!query) {
		worker->io->give(worker, p);
		return;
	}
	if (worker->trace && query->first.traced)
		dp_trace_put(worker->trace, worker->trace_ring, &p->back.flow, false, p->payload,
			     (uint16_t)p->payload_len);
	if (query->exact) {
		pass_on(worker, p, query, attempt);
		return;
	}
	if (is_bare_error(p)) {
		take_bare_error(worker, p, query, attempt);
		return;
	}
	if (dp_answer_parse(p->payload, p->payload_len, &message) != DP_ANSWER_OK) {
		count(worker, DP_COUNT_ANSWER_MALFORMED);
		worker->io->give(worker, p);
		return;
	}
	learn(worker, attempt);
	if (!message.opt_len && blames_edns(worker, attempt, message.rcode)) {
		ask_plain(worker, p, query, attempt);
		return;
	}
	learn_plain(worker, attempt, message.rcode);
	if (message.flags & DNS_TC) {
		count(worker, DP_COUNT_ANSWER_TRUNCATED);
		if (query->first.asker.tcp && !tcp) {
			if (fetch_by_tcp(worker, p, query, attempt))
				return;
			worker->io->give(worker, p);
			fail(worker, query, EDE_NETWORK_ERROR);
			return;
		}
	}
	keep(worker, p, query, attempt, &message);
	finish(worker, p, query, &message);
}

void dp_passes_unreachable(struct dp_worker *worker, uint16_t own_port, uint16_t id)
{
	struct dp_attempt *attempt;
	struct dp_inflight *query = dp_inflight_find(worker->inflight, own_port, id, &attempt);

	count(worker, DP_COUNT_SERVER_UNREACHABLE);
	if (!query)
		return;
	attempt_failed(worker, query, attempt, EDE_NETWORK_ERROR);
}

/* ---- housekeeping ---- */

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
	server = choose_server(worker, pool, old->attempt[0].server, &overload);
	query = server ? dp_inflight_start(worker->inflight, worker->now_ns,
					   worker->now_ns + (uint64_t)pool->timeout_ms * CLOCK_NS_PER_MS) : NULL;
	if (!query)
		return;
	if (!worker->io->take(worker, p, DP_REPLY_ERROR_MAX)) {
		dp_inflight_end(worker->inflight, query);
		return;
	}
	query->hash = old->hash;
	query->pool = old->pool;
	query->type = old->type;
	query->class = old->class;
	query->name_len = old->name_len;
	memcpy(query->name, old->name, old->name_len);
	query->cd = old->cd;
	query->dnssec_ok = old->dnssec_ok;
	query->recursive = old->recursive;
	query->exact = false;
	dp_inflight_move_later(worker->inflight, old, query, worker->now_ns);
	query->deadline_ns = query->first.deadline_ns;
	dp_inflight_due(worker->inflight, query, query->deadline_ns);
	dp_inflight_list(worker->inflight, query);
	if (send_attempt(worker, p, query,
			 dp_inflight_attempt(worker->inflight, query, server, worker->now_ns)))
		return;
	worker->io->give(worker, p);
	fail(worker, query, EDE_NO_REACHABLE_AUTHORITY);
}

/* The server is late, or the query's time is over. */
static void on_due(void *context, struct dp_inflight *query)
{
	struct dp_worker *worker = context;

	if (worker->now_ns < query->deadline_ns) {
		retry(worker, query, query->attempt[0].server);
		dp_inflight_due(worker->inflight, query, query->deadline_ns);
		return;
	}
	for (unsigned i = 0; i < DP_ATTEMPTS_MAX; i++) {
		if (query->attempt[i].server)
			load_add(&worker->loads[query->attempt[i].server->index].timeouts);
	}
	begin_anew(worker, query);
	fail(worker, query, EDE_NO_REACHABLE_AUTHORITY);
}

/* The canary: a query of our own for a name of our own, through every pass. */
static void send_canary(struct dp_worker *worker, uint32_t tag)
{
	static const uint8_t name[] = "\6canary\6tandem";	/* with the root: the literal's NUL */
	struct dp_packet *p = &worker->batch[0];

	p->back = (struct dp_return){ .origin = DP_ORIGIN_SELF, .socket = SELF_CANARY, .generation = tag };
	p->lease = LEASE_NONE;
	if (!worker->io->take(worker, p, DP_REPLY_ERROR_MAX + LOCAL_TEXT_MAX + 16))
		return;
	p->payload_len = (uint32_t)dp_query_write(p->payload, (uint16_t)tag, false, false, false, name,
						  sizeof(name), DNS_TYPE_TXT, DNS_CLASS_CH,
						  worker->conf->edns_size);
	worker->batch_len = 1;
	dp_passes_queries(worker);
}

static struct pool *pool_of(const struct dp_conf *conf, const struct pool_server *server)
{
	for (unsigned i = 0; i < conf->n_pools; i++) {
		for (unsigned m = 0; m < conf->pools[i]->members; m++) {
			if (conf->pools[i]->member[m] == server)
				return conf->pools[i];
		}
	}
	return NULL;
}

/* The fast-path check: the pool's probe question to one server, as a query in flight like any other. */
static void send_check(struct dp_worker *worker, unsigned port, unsigned server_index)
{
	struct pool_server *server = &worker->shared->registry->servers[server_index];
	const struct pool *pool = pool_of(worker->conf, server);
	const struct name *name = pool ? worker->conf->probe_name[pool->index] : NULL;
	struct dp_packet *p = &worker->batch[DP_BATCH_MAX];
	uint32_t tag = atomic_fetch_add(&worker->self.port[port].asked, 1) + 1;
	struct dp_inflight *query;

	if (!name || !worker->io->usable(server, worker))
		return;
	p->back = (struct dp_return){ .origin = DP_ORIGIN_SELF, .socket = 1 + port, .generation = tag };
	query = dp_inflight_start(worker->inflight, worker->now_ns,
				  worker->now_ns + (uint64_t)SELF_TIMEOUT_MS * CLOCK_NS_PER_MS);
	if (!query)
		return;
	if (!worker->io->take(worker, p, DNS_UDP_MIN)) {
		end(worker, query);
		return;
	}
	count(worker, DP_COUNT_SELF_QUERIES);
	query->recursive = pool->kind == POOL_RECURSIVE;
	query->pool = pool->id;
	query->name_len = name->len;
	memcpy(query->name, name->wire, name->len);
	query->type = pool->probe.type;
	query->class = DNS_CLASS_IN;
	query->cd = query->dnssec_ok = query->exact = false;
	query->first = (struct dp_waiter){ .back = p->back, .lease = LEASE_NONE,
					   .deadline_ns = query->deadline_ns,
					   .asker = { .reply_max = worker->conf->edns_size } };
	p->attempt = dp_inflight_attempt(worker->inflight, query, server, worker->now_ns);
	if (!send_attempt(worker, p, query, p->attempt)) {
		end(worker, query);
		worker->io->give(worker, p);
	}
}

void dp_passes_self(struct dp_worker *worker, struct dp_packet *p)
{
	bool answered = p->payload_len > DNS_HEADER_LEN && (p->payload[2] & DNS_QR >> 8);

	if (p->back.socket != SELF_CANARY) {
		if (answered)
			atomic_store(&worker->self.port[p->back.socket - 1].answered, p->back.generation);
		return;
	}
	/* one TXT in the answer section, no error */
	if (answered && (p->payload[3] & 0x0f) == DNS_RCODE_NOERROR && p->payload[7] == 1)
		atomic_store(&worker->self.canary_answered, p->back.generation);
}

void dp_passes_housekeeping(struct dp_worker *worker)
{
	uint32_t asked = atomic_load_explicit(&worker->self.canary_asked, memory_order_relaxed);

	dp_inflight_expire(worker->inflight, worker->now_ns, EXPIRE_MAX, on_due, worker);
	if (asked != atomic_load_explicit(&worker->self.canary_answered, memory_order_relaxed))
		send_canary(worker, asked);
	for (unsigned i = 0; i < worker->shared->ports; i++) {
		uint32_t wanted = atomic_exchange(&worker->self.port[i].server_plus_1, 0);

		if (wanted)
			send_check(worker, i, wanted - 1);
	}
	atomic_store_explicit(&worker->inflight_now, dp_inflight_waiting(worker->inflight),
			      memory_order_relaxed);
}

int dp_passes_sleep_ms(const struct dp_worker *worker, int max_ms)
{
	if (dp_inflight_count(worker->inflight) && max_ms > SLEEP_IN_FLIGHT_MS)
		return SLEEP_IN_FLIGHT_MS;
	return max_ms;
}
