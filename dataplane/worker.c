/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * worker.c - the packet worker: AF_XDP receive and transmit around the passes.
 *
 * One thread per worker. A turn of its loop is: begin (epoch, clock, snapshot), one batch from every socket, what
 * other workers handed over, housekeeping, one flush of the rings. It goes to poll() when a turn found
 * less than a batch and no TX ring waits.
 *
 * A received frame is read into a flow and a payload; the flow says what it is: for a listen address, a query; to
 * our source ports, an answer, perhaps another worker's. Frames are rewritten where they lie: a query becomes the
 * member's query, its answer becomes the client's answer; headers are always written anew in front of the payload.
 */
#include "dataplane/worker.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/counters.h"
#include "base/lease.h"
#include "dataplane/handover.h"
#include "dataplane/neigh.h"
#include "dataplane/offender.h"
#include "dataplane/port.h"
#include "dataplane/sockio.h"
#include "dataplane/steer_shared.h"
#include "dataplane/trace.h"
#include "dataplane/wire.h"
#include "dataplane/xsk.h"

enum {
	CACHE_LINE = 64,
	SLEEP_MAX_MS = 200,
	POLL_MAX = 256,
	DSCP_MASK = 0xfc,	/* the answer keeps the query's DSCP; ECN is not ours to echo (RFC 3168) */
};

#define STAMP_AGE_MAX_NS (8LL * CLOCK_NS_PER_S)	/* what is older was not stamped but found */

/* ---- struct dp_io of AF_XDP ---- */

/* Headers in front of p's payload, and out through flow->port. */
static bool send_frame(struct dp_worker *worker, const struct dp_packet *p, const struct dp_flow *flow)
{
	struct dp_rings *rings = worker->io_state;
	uint8_t *frame = dp_packet_write(p->payload, (uint16_t)p->payload_len, flow);

	return dp_rings_send(rings, flow->port, frame,
			     (uint32_t)(p->payload - frame) + p->payload_len);
}

static void give(struct dp_worker *worker, struct dp_packet *p)
{
	dp_rings_give(worker->io_state, p->buffer);
}

/* The MTU may be lowered while we run, by less than dp_port_probe() insists on. */
static bool is_too_long(const struct dp_worker *worker, const struct dp_packet *p)
{
	const struct dp_port *port = worker->shared->port[p->back.flow.port];

	return p->payload_len + DP_IP_UDP_MAX > atomic_load_explicit(&port->mtu, memory_order_relaxed);
}

/* By the listen address's own socket: the kernel cuts it into fragments. */
static bool reply_by_kernel(struct dp_worker *worker, struct dp_packet *p)
{
	const struct dp_flow *flow = &p->back.flow;
	const struct dp_datagram datagram = { .flow = *flow, .data = p->payload, .len = p->payload_len };
	int listen = dp_conf_listen(worker->conf, &flow->own, flow->own_port);

	if (listen < 0 || dp_sockio_send(worker->conf->listen[listen].listener->udp_fd[0], &datagram, 1) != 1)
		return false;
	counters_add(&worker->counters[DP_COUNT_REPLY_KERNEL], 1);
	give(worker, p);
	return true;
}

static enum dp_latency_kind kind_of(enum dp_counter outcome)
{
	return outcome == DP_COUNT_FORWARDED_ANSWERED || outcome == DP_COUNT_JOINED ||
	       outcome == DP_COUNT_FORWARDED_TIMEOUT ? DP_LATENCY_BY_SERVER : DP_LATENCY_AT_ONCE;
}

static bool reply(struct dp_worker *worker, struct dp_packet *p, enum dp_counter *why)
{
	if (p->back.origin == DP_ORIGIN_SELF) {
		dp_passes_self(worker, p);
		give(worker, p);
		return false;
	}
	/* A switch must not learn the virtual MAC back from a node that lets it go. */
	if (p->lease != LEASE_NONE && (worker->lingering >> p->lease & 1))
		dp_port_mac(worker->shared->port[p->back.flow.port], p->back.flow.own_mac);
	if (is_too_long(worker, p) ? reply_by_kernel(worker, p) : send_frame(worker, p, &p->back.flow)) {
		if (p->back.received_ns)
			dp_latency_queued(&worker->latency, p->back.received_ns, kind_of(*why));
		return true;
	}
	*why = DP_COUNT_DROP_TRANSMIT;
	give(worker, p);
	return false;
}

static bool usable(const struct pool_server *server, void *context)
{
	const struct dp_worker *worker = context;

	return worker->next_hops && worker->next_hops->server[server->index].usable;
}

static bool forward(struct dp_worker *worker, struct dp_packet *p, struct dp_attempt *attempt)
{
	const struct dp_next_hop *hop = &worker->next_hops->server[attempt->server->index];
	struct dp_flow flow = {
		.peer = attempt->server->endpoint.addr,
		.peer_port = attempt->server->endpoint.port,
		.own = hop->own,
		.own_port = (uint16_t)(worker->source_port + attempt->own_port),
		.port = hop->port,
		.vlan = worker->shared->port[hop->port]->vlan,
	};

	memcpy(flow.peer_mac, hop->peer_mac, sizeof(flow.peer_mac));
	dp_port_mac(worker->shared->port[hop->port], flow.own_mac);
	attempt->own = hop->own;
	return send_frame(worker, p, &flow);
}

static bool take(struct dp_worker *worker, struct dp_packet *p, uint32_t room)
{
	uint8_t *data = dp_rings_take(worker->io_state);

	if (!data)
		return false;
	p->buffer = data;
	p->payload = data;
	p->payload_room = dp_rings_room(worker->io_state, data);
	if (p->payload_room >= room)
		return true;
	give(worker, p);
	return false;
}

static const struct dp_io xsk_io = {
	.reply = reply,
	.forward = forward,
	.take = take,
	.give = give,
	.usable = usable,
};

/* ---- receive ---- */

static void count(struct dp_worker *worker, enum dp_counter counter)
{
	counters_add(&worker->counters[counter], 1);
}

static enum dp_counter reason_of(enum dp_parse parse)
{
	static const enum dp_counter reasons[] = {
		[DP_PARSE_UNFINISHED] = DP_COUNT_FRAME_UNFINISHED,
		[DP_PARSE_NOT_UDP] = DP_COUNT_FRAME_NOT_UDP,
		[DP_PARSE_LENGTH] = DP_COUNT_FRAME_LENGTH,
		[DP_PARSE_IP_CHECKSUM] = DP_COUNT_FRAME_IP_CHECKSUM,
		[DP_PARSE_UDP_CHECKSUM] = DP_COUNT_FRAME_UDP_CHECKSUM,
		[DP_PARSE_SOURCE] = DP_COUNT_DROP_SOURCE,
	};
	return reasons[parse];
}

/* When the filter saw the frame, if it has said so; else 0. */
static uint64_t read_stamp(uint8_t *frame, const uint8_t *payload, uint64_t now_ns)
{
	struct steer_stamp stamp;
	int64_t age_ns;

	if (!steer_is_stamped(wire_get16(payload - sizeof(uint16_t))))
		return 0;
	memcpy(&stamp, frame - sizeof(stamp), sizeof(stamp));
	memset(frame - sizeof(stamp), 0, sizeof(stamp));
	/* the filter may have seen it after this turn began */
	age_ns = (int64_t)(now_ns - stamp.seen_ns);
	return stamp.magic == STEER_STAMP_MAGIC && age_ns > -STAMP_AGE_MAX_NS && age_ns < STAMP_AGE_MAX_NS ?
		       stamp.seen_ns : 0;
}

/* Frame to packet. False: not to be worked on, counted, the frame is still the caller's. */
static bool read_frame(struct dp_worker *worker, const struct dp_frame *frame, struct dp_packet *p)
{
	uint16_t payload_len;
	enum dp_parse parse;

	p->back.origin = DP_ORIGIN_XSK;
	p->back.flow.port = frame->port;
	parse = dp_packet_parse(frame->data, frame->len, !worker->shared->trust_checksums, &p->back.flow, &p->payload,
				&payload_len);
	if (parse != DP_PARSE_OK)
		count(worker, reason_of(parse));
	if (parse == DP_PARSE_SOURCE)
		count(worker, DP_COUNT_QUERIES);	/* DROP_SOURCE is an outcome */
	if (parse != DP_PARSE_OK && parse != DP_PARSE_UNFINISHED)
		return false;
	p->back.flow.traffic_class &= DSCP_MASK;
	p->back.received_ns = read_stamp(frame->data, p->payload, worker->now_ns);
	p->payload_len = payload_len;
	p->payload_room = dp_rings_room(worker->io_state, p->payload);
	p->buffer = frame->data;
	return true;
}

/* A message from a server, for this worker or for the one whose port it came to. */
static void receive_answer(struct dp_worker *worker, struct dp_packet *p, unsigned offset,
			   uint64_t *handed)
{
	unsigned owner = offset >> worker->shared->source_ports_log2;

	if (owner == worker->index) {
		dp_passes_answer(worker, p, (uint16_t)(p->back.flow.own_port - worker->source_port), false);
		return;
	}
	if (dp_handover_push(worker->shared->handover[worker->index][owner], &p->back.flow, p->payload,
			     (uint16_t)p->payload_len)) {
		count(worker, DP_COUNT_HANDED_OVER);
		*handed |= 1ull << owner;
	} else {
		count(worker, DP_COUNT_HANDOVER_FULL);
	}
	give(worker, p);
}

/* Takes one frame in; queries join the batch, everything else is dealt with at once. */
static void receive_one(struct dp_worker *worker, const struct dp_frame *frame, uint64_t *handed)
{
	struct dp_packet *p = &worker->batch[worker->batch_len];
	const struct dp_shared *shared = worker->shared;
	unsigned offset;
	int listen;

	if (!read_frame(worker, frame, p)) {
		dp_rings_give(worker->io_state, frame->data);
		return;
	}
	listen = dp_conf_listen(worker->conf, &p->back.flow.own, p->back.flow.own_port);
	if (listen >= 0) {
		p->lease = worker->conf->listen[listen].lease;
		worker->batch_len++;
		return;
	}
	offset = (unsigned)p->back.flow.own_port - shared->source_port_base;
	if (offset >> shared->source_ports_log2 < shared->workers) {
		receive_answer(worker, p, offset, handed);
		return;
	}
	count(worker, DP_COUNT_FRAME_STRANGER);
	give(worker, p);
}

static unsigned receive_batch(struct dp_worker *worker, unsigned socket, uint64_t *handed)
{
	struct dp_frame frames[DP_BATCH_MAX];
	unsigned n = dp_rings_receive(worker->io_state, socket, frames, DP_BATCH_MAX);

	for (unsigned i = 0; i < n; i++) {	/* headers, and the question behind them */
		__builtin_prefetch(frames[i].data);
		__builtin_prefetch(frames[i].data + CACHE_LINE);
	}
	for (unsigned i = 0; i < n; i++)
		receive_one(worker, &frames[i], handed);
	if (worker->batch_len)
		dp_passes_queries(worker);
	return n;
}

/* Answers that other workers took from their queues for us. */
static unsigned receive_handed(struct dp_worker *worker)
{
	struct dp_packet *p = &worker->batch[0];
	unsigned taken = 0;

	for (unsigned from = 0; from < worker->shared->workers; from++) {
		struct dp_handover *ring = worker->shared->handover[from][worker->index];

		while (ring && taken < DP_BATCH_MAX && !dp_handover_empty(ring) &&
		       take(worker, p, DP_HANDOVER_PAYLOAD_MAX / 2)) {
			p->back.origin = DP_ORIGIN_XSK;
			p->payload_len = dp_handover_pop(ring, &p->back.flow, p->payload,
							 p->payload_room);
			taken++;
			if (!p->payload_len) {	/* longer than a frame has room */
				give(worker, p);
				break;
			}
			dp_passes_answer(worker, p,
					 (uint16_t)(p->back.flow.own_port - worker->source_port), false);
		}
	}
	return taken;
}

static bool handed_waiting(const struct dp_worker *worker)
{
	for (unsigned from = 0; from < worker->shared->workers; from++) {
		const struct dp_handover *ring = worker->shared->handover[from][worker->index];

		if (ring && !dp_handover_empty(ring))
			return true;
	}
	return false;
}

static void wake_receivers(struct dp_worker *worker, uint64_t handed)
{
	for (; handed; handed &= handed - 1) {
		struct dp_worker *other = worker->shared->worker[__builtin_ctzll(handed)];

		if (epoch_asleep(other->reader))
			dp_worker_wake(other);
	}
}

/* ---- the loop ---- */

/* A snapshot pointer, an order of the self-check or the end may come with the wake-up; the turn looks. */
static void sleep_until_something(struct dp_worker *worker, struct pollfd *fds, unsigned n)
{
	uint64_t rung;

	epoch_sleep(worker->reader);
	if (handed_waiting(worker))
		return;
	if (poll(fds, n, dp_passes_sleep_ms(worker, SLEEP_MAX_MS)) <= 0)
		return;
	if (fds[0].revents && read(worker->wake_fd, &rung, sizeof(rung)) < 0)
		return;		/* another turn is due all the same */
}

/* One turn; true when there is or soon will be more to do. After a batch that was not full poll() is the cheaper way to
 * look for the next one than another turn. */
static bool turn(struct dp_worker *worker, unsigned sockets)
{
	unsigned done = 0;
	uint64_t handed = 0;
	bool unsent;

	dp_passes_begin(worker, clock_mono_ns());
	for (unsigned s = 0; s < sockets; s++)
		done += receive_batch(worker, s, &handed);
	done += receive_handed(worker);
	dp_passes_housekeeping(worker);
	if (dp_passes_leases_lost(worker))
		counters_add(&worker->counters[DP_COUNT_LEASE_CANCELLED], dp_rings_cancel(worker->io_state));
	unsent = dp_rings_flush(worker->io_state);
	if (worker->latency.waiting)
		dp_latency_sent(&worker->latency, clock_mono_ns());
	wake_receivers(worker, handed);
	return done >= DP_BATCH_MAX || unsent;
}

static void *run(void *context)
{
	struct dp_worker *worker = context;
	struct pollfd fds[POLL_MAX] = { { .fd = worker->wake_fd, .events = POLLIN } };
	unsigned sockets = dp_rings_sockets(worker->io_state);
	unsigned n = 1;

	for (unsigned s = 0; s < sockets && n < POLL_MAX; s++)
		fds[n++] = (struct pollfd){ dp_rings_fd(worker->io_state, s), POLLIN, 0 };
	dp_worker_enter(worker);
	while (!atomic_load_explicit(&worker->stopping, memory_order_acquire)) {
		if (!turn(worker, sockets))
			sleep_until_something(worker, fds, n);
	}
	dp_worker_leave(worker);
	return NULL;
}

/* ---- life ---- */

struct dp_worker *dp_worker_new(struct dp_shared *shared, unsigned index, unsigned slots_log2,
				unsigned ports_log2)
{
	struct dp_inflight_conf conf = { .slots_log2 = slots_log2, .ports_log2 = ports_log2 };
	size_t loads_size = POOL_SERVERS_MAX * sizeof(struct pool_load);
	struct dp_worker *worker = calloc(1, sizeof(*worker));

	if (!worker)
		return NULL;
	worker->shared = shared;
	worker->index = index;
	worker->reader = &shared->epoch.readers[index];
	worker->writer = index < DP_WORKERS_MAX ? index : shared->workers;
	worker->retry_credit = DP_RETRY_CREDIT_MAX;
	worker->cpu = -1;
	worker->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	worker->batch = calloc(DP_BATCH_MAX + 1, sizeof(*worker->batch));
	worker->counters = counters_new(DP_COUNTERS);
	worker->pool_counters = counters_new(POOL_IDS_MAX * DP_POOL_COUNTERS);
	worker->loads = aligned_alloc(_Alignof(struct pool_load), loads_size);
	worker->inflight = dp_inflight_table_new(&conf);
	worker->trace_ring = dp_trace_ring_new();
	worker->offenders = dp_offenders_new();
	worker->latency.counters = counters_new(DP_LATENCY_KINDS * DP_LATENCY_COUNTERS);
	if (worker->wake_fd < 0 || !worker->batch || !worker->counters || !worker->pool_counters ||
	    !worker->loads || !worker->inflight || !worker->trace_ring || !worker->offenders ||
	    !worker->latency.counters) {
		dp_worker_free(worker);
		errno = ENOMEM;
		return NULL;
	}
	memset(worker->loads, 0, loads_size);
	if (index < DP_WORKERS_MAX && shared->source_port_base)
		worker->source_port = (uint16_t)(shared->source_port_base + (index << ports_log2));
	return worker;
}

void dp_worker_free(struct dp_worker *worker)
{
	if (!worker)
		return;
	if (worker->wake_fd >= 0)
		close(worker->wake_fd);
	counters_free(worker->latency.counters);
	dp_offenders_free(worker->offenders);
	dp_trace_ring_free(worker->trace_ring);
	dp_inflight_table_free(worker->inflight);
	free(worker->loads);
	counters_free(worker->pool_counters);
	counters_free(worker->counters);
	free(worker->batch);
	free(worker);
}

static void name_and_pin(const struct dp_worker *worker)
{
	char name[16] = "stream";
	cpu_set_t set;

	if (worker->index != DP_STREAM)
		snprintf(name, sizeof(name), "worker %u", worker->index % DP_WORKERS_MAX);
	pthread_setname_np(pthread_self(), name);
	if (worker->cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET(worker->cpu, &set);
	pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

void dp_worker_enter(struct dp_worker *worker)
{
	name_and_pin(worker);
	atomic_store(&worker->tid, gettid());
	if (worker->shared->on_thread_start)
		worker->shared->on_thread_start();
	atomic_store(&worker->running, true);
}

void dp_worker_leave(struct dp_worker *worker)
{
	epoch_sleep(worker->reader);
	atomic_store(&worker->running, false);
}

int dp_worker_start(struct dp_worker *worker, struct dp_rings *rings)
{
	worker->io = &xsk_io;
	worker->io_state = rings;
	return -pthread_create(&worker->thread, NULL, run, worker);
}

void dp_worker_wake(struct dp_worker *worker)
{
	uint64_t one = 1;

	if (write(worker->wake_fd, &one, sizeof(one)) < 0)
		return;		/* full means it is readable already */
}

void dp_worker_stop(struct dp_worker *worker)
{
	atomic_store_explicit(&worker->stopping, true, memory_order_release);
	dp_worker_wake(worker);
	pthread_join(worker->thread, NULL);
}
