/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fixture.h - a worker around the real passes with an origin made of memory: what it replies and forwards is kept
 * for the test to look at. Pools: "auth" for example.net. (server 0), "rec" for . (servers 1 and 2); recursion for
 * 10.0.0.0/8 only. Used by test_passes.c and by the instruction benchmark.
 */
#ifndef TESTS_DATAPLANE_FIXTURE_H
#define TESTS_DATAPLANE_FIXTURE_H

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/counters.h"
#include "base/lease.h"
#include "dataplane/acl.h"
#include "dataplane/cache.h"
#include "dataplane/neigh.h"
#include "dataplane/worker.h"
#include "pools/local.h"
#include "pools/suffix.h"

#define FX_UNUSED __attribute__((unused))	/* the benchmark does without some */

enum { FX_MESSAGES = 256, FX_ROOM = 2048, FX_HEADROOM = 128 };

/* One message that left: to a client (attempt NULL) or to a server. */
struct fx_message {
	uint8_t octets[FX_ROOM];
	uint32_t len;
	struct dp_return back;
	const struct pool_server *server;
	uint16_t own_port;
	bool tcp;
};

struct fx {
	struct dp_shared shared;
	struct dp_conf conf;
	struct dp_next_hops hops;
	struct pool_registry registry;
	struct pool auth, rec;
	struct lease_page leases;
	struct dp_worker *worker;
	uint64_t now_ns;
	bool refuse_reply, refuse_forward, refuse_take;
	int buffers;				/* out at present */
	unsigned replies, forwards;
	struct fx_message reply[FX_MESSAGES], forward[FX_MESSAGES];
	bool keep;				/* false: leave messages uncopied (benchmark) */
	struct fx_message self;
};

static struct fx fx;

static bool fx_reply(struct dp_worker *worker, struct dp_packet *p, enum dp_counter *why)
{
	bool self = p->back.origin == DP_ORIGIN_SELF;
	struct fx_message *m = self ? &fx.self : &fx.reply[fx.replies % FX_MESSAGES];

	if (self)
		dp_passes_self(worker, p);
	fx.buffers--;
	if (fx.refuse_reply) {
		*why = DP_COUNT_DROP_TRANSMIT;
		free(fx.keep ? p->buffer : NULL);
		return false;
	}
	m->len = p->payload_len;
	m->back = p->back;
	if (fx.keep) {
		memcpy(m->octets, p->payload, p->payload_len);
		free(p->buffer);
	}
	if (!self)
		fx.replies++;
	return !self;
}

static bool fx_forward(struct dp_worker *worker, struct dp_packet *p, struct dp_attempt *attempt)
{
	struct fx_message *m = &fx.forward[fx.forwards % FX_MESSAGES];

	(void)worker;
	if (fx.refuse_forward)
		return false;
	attempt->own = fx.hops.server[attempt->server->index].own;
	m->len = p->payload_len;
	m->server = attempt->server;
	m->own_port = attempt->own_port;
	m->tcp = attempt->tcp;
	if (fx.keep) {
		memcpy(m->octets, p->payload, p->payload_len);
		free(p->buffer);
	} else {
		memcpy(m->octets, p->payload, 2);	/* the id, for the answer */
	}
	fx.buffers--;
	fx.forwards++;
	return true;
}

static bool fx_take(struct dp_worker *worker, struct dp_packet *p, uint32_t room)
{
	(void)worker;
	if (fx.refuse_take || room > FX_ROOM)
		return false;
	p->buffer = malloc(FX_ROOM);
	p->payload = p->buffer;
	p->payload_room = FX_ROOM;
	fx.buffers++;
	return true;
}

static void fx_give(struct dp_worker *worker, struct dp_packet *p)
{
	(void)worker;
	fx.buffers--;
	if (fx.keep)
		free(p->buffer);
}

static bool fx_usable(const struct pool_server *server, void *worker)
{
	(void)worker;
	return fx.hops.server[server->index].usable;
}

static const struct dp_io fx_io = { fx_reply, fx_forward, fx_take, fx_give, fx_usable, NULL };

static struct addr fx_addr(const char *text)
{
	struct addr addr;

	addr_parse(text, &addr);
	return addr;
}

static void fx_pool(struct pool *pool, const char *name, enum pool_kind kind, unsigned first, unsigned n)
{
	*pool = (struct pool){ .kind = kind, .timeout_ms = 1000, .index = fx.conf.n_pools,
			       .id = fx.conf.n_pools, .max_outstanding = 1000,
			       .probe = { .name = "probe.test.", .type = 1 } };
	strcpy(pool->name, name);
	for (unsigned i = 0; i < n; i++) {
		struct endpoint endpoint = { fx_addr("10.1.0.1"), 53 };

		endpoint.addr.bytes[15] = (uint8_t)(1 + first + i);
		pool->member[pool->members++] = pool_registry_get(&fx.registry, name, &endpoint, 1);
		fx.hops.server[first + i] = (struct dp_next_hop){ .usable = true, .own = fx_addr("10.1.0.100") };
	}
	fx.conf.probe_name[fx.conf.n_pools] = calloc(1, sizeof(struct name));
	name_from_text(pool->probe.name, fx.conf.probe_name[fx.conf.n_pools]);
	fx.conf.pools[fx.conf.n_pools++] = pool;
	fx.conf.pool_of_id[pool->id] = (uint8_t)fx.conf.n_pools;
}

static void fx_up(unsigned slots_log2)
{
	struct suffix_builder *suffixes = suffix_builder_new();
	struct dp_acl_rule all[2], ten;
	struct name name;

	memset(&fx, 0, sizeof(fx));
	fx.keep = true;
	fx.now_ns = 1000ull * CLOCK_NS_PER_S;
	name_hash_init_fixed();
	fx_pool(&fx.auth, "auth", POOL_AUTHORITATIVE, 0, 1);
	fx_pool(&fx.rec, "rec", POOL_RECURSIVE, 1, 2);
	name_from_text("example.net", &name);
	suffix_builder_add(suffixes, &name, 0, NULL);
	name_from_text(".", &name);
	suffix_builder_add(suffixes, &name, 1, NULL);
	fx.conf.suffixes = suffix_builder_finish(suffixes);
	suffix_builder_free(suffixes);
	prefix_parse("0.0.0.0/0", &all[0].prefix);
	prefix_parse("::/0", &all[1].prefix);
	prefix_parse("10.0.0.0/8", &ten.prefix);
	all[0].allow = all[1].allow = ten.allow = true;
	fx.conf.acl[POOL_AUTHORITATIVE] = dp_acl_new(all, 2);
	fx.conf.acl[POOL_RECURSIVE] = dp_acl_new(&ten, 1);
	fx.conf.update_acl = dp_acl_new(NULL, 0);
	fx.conf.local = local_table_new("dd1", "");
	fx.conf.edns_size = DNS_EDNS_SIZE;
	fx.conf.listens = 1;
	fx.conf.listen[0] = (struct dp_listen){ .endpoint = { fx_addr("10.0.0.53"), 53 }, .lease = LEASE_NONE };
	epoch_init(&fx.shared.epoch);
	atomic_store(&fx.shared.conf, &fx.conf);
	atomic_store(&fx.shared.next_hops, &fx.hops);
	fx.shared.leases = &fx.leases;
	fx.shared.registry = &fx.registry;
	fx.shared.ports = 1;
	fx.worker = dp_worker_new(&fx.shared, 0, slots_log2, 14);
	fx.worker->io = &fx_io;
	dp_passes_begin(fx.worker, fx.now_ns);
}

/* Gives the worker a cache that both pools use. */
FX_UNUSED static void fx_cache(uint64_t memory)
{
	const struct dp_cache_conf conf = { .memory = memory, .epoch = &fx.shared.epoch, .writers = 2 };
	char error[256];

	if (dp_cache_open(&fx.shared.cache, &conf, error, sizeof(error)))
		abort();
	fx.auth.cache = fx.rec.cache = (struct pool_cache){ .enabled = true, .max_ttl = 86400,
							    .max_negative_ttl = 3600, .failure_ttl = 5 };
}

static void fx_down(void)
{
	dp_cache_close(fx.shared.cache);
	dp_worker_free(fx.worker);
	suffix_table_free(fx.conf.suffixes);
	local_table_free(fx.conf.local);
	for (unsigned i = 0; i < POOL_KINDS; i++)
		dp_acl_free(fx.conf.acl[i]);
	dp_acl_free(fx.conf.update_acl);
	for (unsigned i = 0; i < fx.conf.n_pools; i++)
		free(fx.conf.probe_name[i]);
	epoch_fini(&fx.shared.epoch);
}

/* Puts octets into the batch as a query of client. */
static void fx_ask_wire(const char *client, bool tcp, const uint8_t *octets, uint32_t len)
{
	struct dp_packet *p = &fx.worker->batch[fx.worker->batch_len++];

	fx_take(fx.worker, p, FX_ROOM);
	memcpy(p->payload, octets, len);
	p->payload_len = len;
	p->lease = LEASE_NONE;
	p->back = (struct dp_return){ .origin = tcp ? DP_ORIGIN_TCP : DP_ORIGIN_XSK };
	p->back.flow.peer = fx_addr(client);
	p->back.flow.peer_port = 4242;
	p->back.flow.own = fx.conf.listen[0].endpoint.addr;
	p->back.flow.own_port = 53;
}

/* A query's octets: flags word, name as text with its letter case, type, class; EDNS when size is not 0. */
static uint32_t fx_query(uint8_t *out, uint16_t id, uint16_t flags, const char *text, uint16_t type,
			 uint16_t class, uint16_t size)
{
	uint8_t header[12] = { (uint8_t)(id >> 8), (uint8_t)id, (uint8_t)(flags >> 8), (uint8_t)flags,
			       0, 1, 0, 0, 0, 0, 0, size != 0 };
	uint32_t n = sizeof(header);

	memcpy(out, header, sizeof(header));
	while (*text) {
		uint8_t label = (uint8_t)strcspn(text, ".");

		out[n++] = label;
		memcpy(out + n, text, label);
		n += label;
		text += label + (text[label] == '.');
	}
	out[n++] = 0;
	out[n++] = (uint8_t)(type >> 8);
	out[n++] = (uint8_t)type;
	out[n++] = (uint8_t)(class >> 8);
	out[n++] = (uint8_t)class;
	if (size) {
		uint8_t opt[11] = { 0, 0, 41, (uint8_t)(size >> 8), (uint8_t)size };

		memcpy(out + n, opt, sizeof(opt));
		n += sizeof(opt);
	}
	return n;
}

FX_UNUSED static void fx_ask(const char *client, bool tcp, uint16_t id, const char *text, uint16_t type, uint16_t size)
{
	uint8_t octets[300];

	fx_ask_wire(client, tcp, octets, fx_query(octets, id, DNS_RD, text, type, DNS_CLASS_IN, size));
	dp_passes_queries(fx.worker);
}

/* Gives the passes an answer to forwarded message m: flags and rcode, one A record; edit (may be NULL) changes
 * packet and octets before they go in. */
FX_UNUSED static void fx_answer(const struct fx_message *m, uint16_t flags, void (*edit)(struct dp_packet *p))
{
	static const uint8_t a[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, 1 };
	struct dp_packet *p = &fx.worker->batch[0];
	uint32_t n = 12;

	fx_take(fx.worker, p, FX_ROOM);
	memcpy(p->payload, m->octets, m->len);
	while (p->payload[n])
		n += p->payload[n] + 1u;
	n += 5;
	/* question, answer, and the OPT moved behind it */
	memmove(p->payload + n + sizeof(a), p->payload + n, m->len - n);
	memcpy(p->payload + n, a, sizeof(a));
	p->payload[2] = (uint8_t)((flags | DNS_QR | (p->payload[2] << 8 & DNS_RD)) >> 8);
	p->payload[3] = (uint8_t)flags;
	p->payload[7] = 1;
	p->payload_len = m->len + (uint32_t)sizeof(a);
	p->back = (struct dp_return){ .origin = DP_ORIGIN_XSK };
	p->back.flow.peer = m->server->endpoint.addr;
	p->back.flow.peer_port = m->server->endpoint.port;
	p->back.flow.own = fx.hops.server[m->server->index].own;
	if (edit)
		edit(p);
	dp_passes_answer(fx.worker, p, m->own_port, m->tcp);
}

FX_UNUSED static void fx_pass_ms(unsigned ms)
{
	fx.now_ns += (uint64_t)ms * CLOCK_NS_PER_MS;
	dp_passes_begin(fx.worker, fx.now_ns);
	dp_passes_housekeeping(fx.worker);
}

static uint64_t fx_count(enum dp_counter counter)
{
	return counters_read(&fx.worker->counters[counter]);
}

/* Every query has ended in one outcome or is in flight (D250). */
FX_UNUSED static bool fx_balanced(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < DP_OUTCOME_END; i++)
		sum += fx_count(i);
	return fx_count(DP_COUNT_QUERIES) == sum + dp_inflight_waiting(fx.worker->inflight) && fx.buffers == 0;
}

#endif
