/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * answers.c - what servers answer, one message at a time: whose answer is it, is it one, and who gets it. Contract in
 * worker.h.
 */
#include "dataplane/passes.h"

#include "base/clock.h"
#include "dataplane/cache.h"
#include "dataplane/reply.h"
#include "dataplane/trace.h"
#include "dataplane/ttl.h"
#include "dataplane/wire.h"

enum {
	ANSWER_ROOM = DNS_OPT_LEN + DP_REPLY_NSID_MAX,	/* behind an answer, for the client's OPT */
	PLAIN_S = 60,			/* how long it is believed that a server does not know EDNS */
};

/* Does the message come from where the attempt went, and the way it went? */
static bool from_attempt(const struct dp_attempt *attempt, const struct dp_flow *flow, bool tcp)
{
	return attempt->tcp == tcp && flow->peer_port == attempt->server->endpoint.port &&
	       addr_equal(&flow->peer, &attempt->server->endpoint.addr) &&
	       addr_equal(&flow->own, &attempt->own);
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

	dp_count(worker, DP_COUNT_ANSWERS);
	if (p->payload_len < DNS_HEADER_LEN) {
		dp_count(worker, DP_COUNT_ANSWER_MALFORMED);
		return NULL;
	}
	query = dp_inflight_find(worker->inflight, own_port,
				 (uint16_t)(p->payload[0] << 8 | p->payload[1]), attempt);
	if (!query) {
		dp_count(worker, DP_COUNT_ANSWER_LATE);
		return NULL;
	}
	if (!from_attempt(*attempt, &p->back.flow, tcp) || !answers_query(p, query)) {
		dp_count(worker, DP_COUNT_ANSWER_MISMATCH);
		return NULL;
	}
	return query;
}

/* ---- asked again ---- */

/* The answered attempt is over; the query goes to its server again over TCP. */
static bool fetch_by_tcp(struct dp_worker *worker, struct dp_packet *p, struct dp_inflight *query,
			 struct dp_attempt *truncated)
{
	struct pool_server *server = truncated->server;
	struct dp_attempt *attempt;

	dp_attempt_over(worker, truncated);
	attempt = dp_inflight_attempt(worker->inflight, query, server, worker->now_ns);
	attempt->tcp = true;
	return dp_attempt_send(worker, p, query, attempt);
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

	dp_attempt_over(worker, refused);
	attempt = dp_inflight_attempt(worker->inflight, query, server, worker->now_ns);
	attempt->tcp = tcp;
	attempt->plain = true;
	dp_count(worker, DP_COUNT_EDNS_RETRIED);
	if (dp_attempt_send(worker, p, query, attempt))
		return;
	worker->io->give(worker, p);
	dp_query_fail(worker, query, EDE_NETWORK_ERROR);
}

/* ---- what it is good for ---- */

static void learn(struct dp_worker *worker, const struct dp_attempt *attempt)
{
	struct pool_load *load = &worker->loads[attempt->server->index];

	dp_load_add(&load->answered);
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
	dp_count_pool(worker, pool->id, kept ? DP_POOL_STORED : DP_POOL_NOT_KEPT);
}

/* The waiter's own copy of the answer, before it is made the first waiter's. */
static void copy_to_waiter(struct dp_worker *worker, const struct dp_packet *from, const struct dp_inflight *query,
			   const struct dp_waiter *waiter, const struct dp_answer *message)
{
	struct dp_packet *p = &worker->batch[DP_BATCH_MAX];
	uint32_t room = waiter->asker.tcp ? from->payload_len + ANSWER_ROOM : DP_REPLY_ERROR_MAX;

	dp_address_to(p, waiter);
	if (!worker->io->take(worker, p, room)) {
		dp_settle(worker, waiter->back.origin, DP_COUNT_DROP_TRANSMIT);
		return;
	}
	p->payload_len = (uint32_t)dp_reply_copy(p->payload, p->payload_room, from->payload, from->payload_len,
						 message, &waiter->asker, query->recursive,
						 worker->conf->edns_size);
	if (!(message->flags & DNS_TC) && (p->payload[2] & DNS_TC >> 8))
		dp_count(worker, DP_COUNT_REPLY_TRUNCATED);
	p->outcome = DP_COUNT_JOINED;
	dp_transmit_reply(worker, p);
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
		dp_count(worker, DP_COUNT_REPLY_TRUNCATED);
	dp_address_to(p, waiter);
	p->outcome = DP_COUNT_FORWARDED_ANSWERED;
	dp_query_end(worker, query);
	dp_transmit_reply(worker, p);
}

static void take_bare_error(struct dp_worker *worker, struct dp_packet *p, struct dp_inflight *query,
			    struct dp_attempt *attempt)
{
	dp_count(worker, DP_COUNT_ANSWER_NO_QUESTION);
	if (blames_edns(worker, attempt, p->payload[3] & 0x0f)) {
		ask_plain(worker, p, query, attempt);
		return;
	}
	worker->io->give(worker, p);
	dp_attempt_failed(worker, query, attempt, EDE_OTHER);
}

/* The answer to a NOTIFY or UPDATE is passed on as it is: it may be signed. */
static void pass_on(struct dp_worker *worker, struct dp_packet *p, struct dp_inflight *query,
		    const struct dp_attempt *attempt)
{
	learn(worker, attempt);
	dp_address_to(p, &query->first);
	p->nsid_max = 0;
	p->outcome = DP_COUNT_FORWARDED_ANSWERED;
	wire_put16(p->payload, query->first.asker.id);
	dp_query_end(worker, query);
	dp_transmit_reply(worker, p);
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
		dp_count(worker, DP_COUNT_ANSWER_MALFORMED);
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
		dp_count(worker, DP_COUNT_ANSWER_TRUNCATED);
		if (query->first.asker.tcp && !tcp) {
			if (fetch_by_tcp(worker, p, query, attempt))
				return;
			worker->io->give(worker, p);
			dp_query_fail(worker, query, EDE_NETWORK_ERROR);
			return;
		}
	}
	if (message.rcode == DNS_RCODE_NXDOMAIN || message.rcode == DNS_RCODE_SERVFAIL)
		dp_query_has_failed(worker, query);
	keep(worker, p, query, attempt, &message);
	finish(worker, p, query, &message);
}
