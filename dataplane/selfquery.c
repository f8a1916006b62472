/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * selfquery.c - queries of the node's own: the canary through every pass of a worker, and the check that AF_XDP carries
 * frames to a server and back. The control thread orders them in struct dp_self and reads there what came of it.
 */
#include "dataplane/passes.h"

#include <string.h>

#include "base/clock.h"
#include "base/lease.h"
#include "dataplane/reply.h"
#include "pools/local.h"

enum {
	SELF_TIMEOUT_MS = 800,		/* of a fast-path check; asked once a second */
	SELF_CANARY = 0,		/* back.socket of origin SELF: the canary, or 1 + port */
};

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
		dp_query_end(worker, query);
		return;
	}
	dp_count(worker, DP_COUNT_SELF_QUERIES);
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
	if (!dp_attempt_send(worker, p, query, p->attempt)) {
		dp_query_end(worker, query);
		worker->io->give(worker, p);
	}
}

void dp_self_ask(struct dp_worker *worker)
{
	uint32_t asked = atomic_load_explicit(&worker->self.canary_asked, memory_order_relaxed);

	if (asked != atomic_load_explicit(&worker->self.canary_answered, memory_order_relaxed))
		send_canary(worker, asked);
	for (unsigned i = 0; i < worker->shared->ports; i++) {
		uint32_t wanted = atomic_exchange(&worker->self.port[i].server_plus_1, 0);

		if (wanted)
			send_check(worker, i, wanted - 1);
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
