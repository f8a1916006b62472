/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker.h - the worker: what it owns, what workers share, and the passes a batch goes through.
 *
 *   passes.h   parse, route, admit, look, answer, choose, forward; and for answers decode, validate, adopt.
 *              Five files that know payloads and flows, no rings and no headers.
 *   worker.c   the packet worker's thread: AF_XDP receive and transmit around the passes.
 *   stream.c   the stream worker's thread, and the socket workers': kernel UDP and TCP around the same passes.
 *
 * An origin's receive and transmit are five functions, struct dp_io.
 */
#ifndef DATAPLANE_WORKER_H
#define DATAPLANE_WORKER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include "base/epoch.h"
#include "dataplane/conf.h"
#include "dataplane/inflight.h"
#include "dataplane/latency.h"
#include "dataplane/limit.h"
#include "dataplane/outcome.h"
#include "dataplane/packet.h"
#include "dataplane/query.h"
#include "pools/pool.h"

struct dp_acl;
struct dp_cache;
struct dp_cache_entry;
struct dp_handover;
struct dp_next_hops;
struct dp_offenders;
struct dp_port;
struct dp_rings;
struct dp_trace;
struct dp_trace_ring;
struct lease_page;
struct local_answer;

enum {
	DP_BATCH_MAX = 64,
	DP_WORKERS_MAX = 64,
	DP_STREAM = DP_WORKERS_MAX,	/* the stream worker's index in dp_shared.worker */
	DP_CONTROL,			/* the control thread's among the epoch's readers, while it walks the cache */
	DP_PORTS_MAX = 16,
	DP_RETRY_CREDIT_MAX = 1000 * 100,	/* a thousand second attempts saved up; see attempts.c */
};

enum dp_verdict {
	DP_PASS,		/* not decided yet */
	DP_REPLY,		/* payload is the answer: send it back */
	DP_FORWARD,		/* payload is the query for attempt's server */
	DP_DROP,		/* counted already: recycle */
	DP_HELD,		/* the buffer was taken over (joined, handed on) */
};

/* What our own answer is. */
enum dp_own_answer {
	DP_OWN_RCODE,		/* rcode and ede, or the text of local */
	DP_OWN_TRUNCATED,	/* TC, nothing else */
	DP_OWN_HINFO,		/* the minimal answer to ANY */
};

/* One message in a batch. */
struct dp_packet {
	uint8_t *payload;		/* DNS message */
	uint32_t payload_len;
	uint32_t payload_room;		/* octets from payload to the end of the buffer */
	uint8_t verdict;		/* enum dp_verdict */
	uint8_t query_verdict;		/* enum dp_query_verdict */
	bool traced;
	bool cache_only;		/* a miss is not forwarded but ends as cache_only_outcome */
	uint8_t cache_only_outcome;	/* enum dp_counter */
	uint8_t own_answer;		/* enum dp_own_answer */
	uint8_t lease;			/* of the listen address it came to */
	uint8_t outcome;		/* enum dp_counter; of DP_REPLY and DP_DROP */
	int8_t ede;			/* Extended DNS Error of our own answer, -1 = none */
	uint16_t rcode;			/* of our own answer */
	uint16_t nsid_max;		/* the client asked for NSID: octets it takes; else 0 */
	const struct local_answer *local;	/* our own answer, if it is more than an rcode */
	const struct pool *pool;
	uint64_t hash;			/* of the key, once there is a pool */
	const struct dp_cache_entry *entry;	/* the answer, if it is the cache's */
	struct dp_inflight *inflight;
	struct dp_attempt *attempt;
	void *buffer;			/* the origin's own (frame, datagram, connection's message) */
	struct dp_return back;
	struct dp_query query;
};

struct dp_worker;

#define DP_COUNT_LATER DP_COUNTERS		/* no outcome yet */

/* What an origin does for the passes; every function runs on the worker's thread. */
struct dp_io {
	/* Sends p->payload to p->back; takes the buffer. Counts a full ring or a gone client itself by returning
	 * false; the outcome of the query is then DROP_TRANSMIT or CLIENT_GONE, which *why receives. *why comes
	 * in as the outcome of an answer that is sent; where that shows later only, it goes out as
	 * DP_COUNT_LATER, and dp_passes_settled() is called then. */
	bool (*reply)(struct dp_worker *worker, struct dp_packet *p, enum dp_counter *why);
	/* Sends p->payload to attempt->server from attempt->own_port; takes the buffer. Fills attempt->own. False:
	 * not sent, the buffer is still p's. */
	bool (*forward)(struct dp_worker *worker, struct dp_packet *p, struct dp_attempt *attempt);
	/* An empty buffer for an answer of up to room octets to back: p->payload, payload_room, buffer. */
	bool (*take)(struct dp_worker *worker, struct dp_packet *p, uint32_t room);
	/* Recycles p's buffer. */
	void (*give)(struct dp_worker *worker, struct dp_packet *p);
	/* May this server be used from here (next hop known)? */
	bool (*usable)(const struct pool_server *server, void *worker);
	/* Where attempt leaves from, for captures: flow->own and own_port, whose peer is the server. NULL: the next
	 * hop's address, and own_port beyond worker->source_port. */
	void (*source)(const struct dp_worker *worker, const struct dp_attempt *attempt, struct dp_flow *flow);
};

/* Orders from the control thread, answers from the worker; see selfquery.c. */
struct dp_self {
	_Atomic uint32_t canary_asked, canary_answered;		/* equal = answered right */
	struct {
		_Atomic uint32_t server_plus_1;	/* fast-path check wanted: server index + 1; worker clears */
		_Atomic uint32_t asked, answered;
	} port[DP_PORTS_MAX];
};

/* What all workers share. Everything else is a worker's own. */
struct dp_shared {
	_Atomic(struct dp_conf *) conf;
	_Atomic(struct dp_next_hops *) next_hops;
	_Atomic(struct dp_trace *) trace;	/* NULL = no capture under way */
	/* clients blocked for a time; see is_denied() in admit.c. NULL = nobody */
	_Atomic(struct dp_acl *) blocked;
	struct dp_limit *limit;			/* the buckets; NULL = no limits */
	struct epoch epoch;
	struct lease_page *leases;
	struct dp_cache *cache;			/* NULL = none */
	_Atomic uint64_t purged_ns;		/* answers to what was asked before are not kept; read seq_cst */
	struct pool_registry *registry;
	struct dp_port *port[DP_PORTS_MAX];
	unsigned ports;
	unsigned workers;			/* packet workers, or socket workers with io = socket */
	bool trust_checksums;			/* UDP's, of received frames: the card has verified them */
	uint16_t source_port_base;		/* AF_XDP; host order */
	unsigned source_ports_log2;		/* per worker */
	struct dp_worker *worker[DP_WORKERS_MAX + 1];
	struct dp_handover *handover[DP_WORKERS_MAX][DP_WORKERS_MAX];	/* [from][to] */
	void (*on_thread_start)(void);		/* drops privileges; NULL = nothing */
};

struct dp_worker {
	/* read and written every batch */
	struct dp_shared *shared;
	const struct dp_io *io;
	void *io_state;				/* struct dp_rings, struct dp_stream */
	struct dp_conf *conf;			/* of this batch */
	const struct dp_next_hops *next_hops;	/* of this batch */
	struct dp_trace *trace;			/* of this batch */
	const struct dp_acl *blocked;		/* of this batch */
	struct dp_inflight_table *inflight;
	_Atomic uint64_t *counters;		/* DP_COUNTERS */
	_Atomic uint64_t *pool_counters;	/* DP_POOL_COUNTERS of each pool id; dp_pool_counter() */
	struct pool_load *loads;		/* POOL_SERVERS_MAX */
	uint32_t cursor[DP_POOLS_MAX];
	uint16_t source_port;			/* its first port toward servers; 0 = the kernel's choice */
	uint64_t now_ns;
	uint32_t cache_now;			/* the same in the cache's ticks */
	uint32_t retry_credit;			/* percent of a second attempt; see attempts.c */
	uint64_t held_leases;			/* bit per lease held in this batch; LEASE_NONE needs none */
	uint64_t lingering;			/* of them, those that answer from the port's own MAC */
	struct epoch_reader *reader;
	struct dp_trace_ring *trace_ring;
	struct dp_offenders *offenders;		/* who asks most */
	uint32_t until_sample;			/* queries before the next one that is looked at for it */
	uint32_t random;			/* that chooses it; nothing depends on it */
	uint32_t denied;			/* queries of clients of whom every n-th is let through */
	struct dp_limit_slips slips;
	struct dp_packet *batch;		/* DP_BATCH_MAX, and one more: the scratch of the passes */
	uint16_t batch_len;
	struct dp_latency latency;
	/* cold below */
	unsigned index;
	unsigned writer;			/* its number among those that write into the cache */
	int wake_fd;				/* eventfd: hand-over, self-check, new snapshot, stop */
	_Atomic bool stopping;
	_Atomic bool running;
	pthread_t thread;
	_Atomic int tid;
	_Atomic uint32_t inflight_now;		/* who waits for an answer; for status */
	int cpu;				/* to pin to, -1 = not pinned */
	struct dp_self self;
};

/* The worker's counter of the pool with this id. */
static inline _Atomic uint64_t *dp_pool_counter(const struct dp_worker *worker, uint16_t pool_id,
						enum dp_pool_counter counter)
{
	return &worker->pool_counters[pool_id * DP_POOL_COUNTERS + counter];
}

/* ---- the passes (passes.h); worker's thread ---- */

/* Boundary of a batch: epoch, clock, snapshot, next hops, leases, trace. */
void dp_passes_begin(struct dp_worker *worker, uint64_t now_ns);

/* Bits of the leases that have ended since the batch began. Asked before its frames leave: rings and sockets hold what
 * a frozen process prepared long ago. */
uint64_t dp_passes_leases_lost(const struct dp_worker *worker);

/* A query in packet p (payload, back, buffer set). Runs parse .. forward over worker->batch[0 .. batch_len) and
 * transmits; afterwards every buffer has been taken or given and batch_len is 0. */
void dp_passes_queries(struct dp_worker *worker);

/* A message from a server: own_port as offset from the worker's first port. Takes or gives p's buffer. peer and
 * own of p->back.flow are the server and our source address. tcp: came over TCP, complete. */
void dp_passes_answer(struct dp_worker *worker, struct dp_packet *p, uint16_t own_port, bool tcp);

/* Server unreachable for this attempt (ICMP error, refused or broken connection): fails the query now. */
void dp_passes_unreachable(struct dp_worker *worker, uint16_t own_port, uint16_t id);

/* Timeouts (SERVFAIL), canary and fast-path checks. Once per batch, cheap when nothing is due. */
void dp_passes_housekeeping(struct dp_worker *worker);

/* What became of an answer that io->reply kept (DP_COUNT_LATER): the outcome it came with when it was sent, else why
 * it was not. */
void dp_passes_settled(struct dp_worker *worker, enum dp_counter outcome, bool sent);

/* The answer to a query of the node itself (origin SELF). io->reply of every origin calls it. */
void dp_passes_self(struct dp_worker *worker, struct dp_packet *p);

/* Milliseconds the worker may sleep: 0..max_ms. */
int dp_passes_sleep_ms(const struct dp_worker *worker, int max_ms);

/* ---- worker.c ---- */

/* Allocates a worker with its tables; ports_log2 source ports. NULL with errno. Control thread. */
struct dp_worker *dp_worker_new(struct dp_shared *shared, unsigned index, unsigned slots_log2,
				unsigned ports_log2);
void dp_worker_free(struct dp_worker *worker);

/* Starts the packet worker's thread on rings. 0 or -errno. */
int dp_worker_start(struct dp_worker *worker, struct dp_rings *rings);
/* Asks, wakes, joins. Any worker, stream too. */
void dp_worker_stop(struct dp_worker *worker);
/* Wakes it if it sleeps. Any thread. */
void dp_worker_wake(struct dp_worker *worker);

/* The first and the last that the thread of any worker does. */
void dp_worker_enter(struct dp_worker *worker);
void dp_worker_leave(struct dp_worker *worker);

/* ---- stream.c ---- */

/* What a worker of kernel sockets serves. With AF_XDP the stream worker has both; without, each socket worker has one
 * of a listener's UDP sockets, and the stream worker has TCP. */
struct dp_stream_share {
	int udp;			/* position of the UDP socket in every listener, -1 = none */
	bool tcp;			/* clients' connections */
};

/* Starts the thread of the stream worker (index DP_STREAM) or of a socket worker. 0 or -errno. */
int dp_stream_start(struct dp_worker *worker, struct dp_stream_share share);
/* After dp_worker_stop(). */
void dp_stream_free(struct dp_worker *worker);
/* Client connections open now. Any thread. */
unsigned dp_stream_connections(const struct dp_worker *worker);

#endif
