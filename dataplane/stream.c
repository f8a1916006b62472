/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stream.c - workers on kernel sockets: UDP and TCP around the passes.
 *
 * With AF_XDP there is one, the stream worker. It answers what the filter leaves to the kernel (TCP,
 * fragments, IP options, a queue without a socket). Without, socket workers share the UDP queries,
 * each by a socket of its own (the kernel keeps to one for one client's port), and the stream worker
 * has the TCP connections, so that their limits are counted in one place.
 *
 * Each is one thread with one epoll set. Up to three origins share its loop:
 *
 *   here         a UDP socket per listen address: batches in by recvmmsg, answers out by sendmmsg
 *   clients.c    TCP connections of clients
 *   upstream.c   UDP sockets and TCP connections to servers
 *
 * A turn is: wait, begin (epoch, clock, snapshot), what is ready, housekeeping, timeouts, then
 * everything that was queued goes out. Passes only queue, so no connection is freed under them. The
 * longer a turn takes, the more the next wait finds: batches grow with the load, and nothing waits
 * for one to become full.
 *
 * What becomes of an answer shows when the kernel takes it or refuses it, so UDP queries are settled
 * when their answers are sent. Before that the leases are looked at once more.
 *
 * Buffers come from two fixed pools, small ones for datagrams and queries, a few large ones for
 * answers over TCP; a UDP answer keeps its buffer until it is sent at the end of the turn, or when
 * the queue is full. Nothing is allocated for a datagram.
 *
 * Listen entries are watched anew after every change of snapshot, not compared with the old ones:
 * while this thread slept the old snapshot may have been freed, and its descriptors closed and
 * their numbers used again.
 */
#include "dataplane/worker.h"

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/counters.h"
#include "base/lease.h"
#include "base/log.h"
#include "base/loop.h"
#include "dataplane/clients.h"
#include "dataplane/framed.h"
#include "dataplane/sockio.h"
#include "dataplane/upstream.h"

enum {
	SLEEP_MAX_MS = 200,
	ACCEPT_REST_MS = 100,		/* after accept() found no descriptor or memory left */
	REPLIES_MAX = 64,		/* UDP answers queued */
	SMALL_BUFFERS = 256,		/* over REPLIES_MAX + DP_BATCH_MAX + what is being received */
	LARGE_BUFFERS = 8,
	LARGE_ROOM = DP_FRAMED_MESSAGE_MAX + 128,	/* a message and what its OPT may grow by */
};

struct buffer {
	struct buffer *next;
	struct buffer_pool *pool;
	uint8_t data[];
};

struct buffer_pool {
	struct buffer *free;
	uint32_t room;
	void *memory;
};

/* A UDP answer on its way out, beside its datagram. */
struct outgoing {
	struct buffer *buffer;
	int fd;				/* -1: not to be sent any more, the lease has ended */
	uint8_t lease;
	uint8_t outcome;		/* enum dp_counter, if it is sent */
};

/* What epoll watches of one listen entry. */
struct entrance {
	struct loop_fd udp, tcp;
	struct stream *stream;
	uint32_t position;		/* in the snapshot */
};

struct stream {
	struct dp_worker *worker;
	struct dp_stream_share share;
	struct loop loop;
	struct loop_fd wake;
	struct loop_timer accept_again;
	struct dp_clients *clients;	/* NULL without share.tcp */
	struct dp_upstream *upstream;
	uint64_t conf_generation;	/* of the snapshot the entrances are from */
	uint64_t released;		/* leases whose connections were told to end */
	unsigned entrances;
	struct entrance entrance[DP_LISTENS_MAX];
	struct buffer_pool small, large;
	unsigned replies;
	struct dp_datagram reply[REPLIES_MAX];
	struct outgoing outgoing[REPLIES_MAX];
};

/* ---- buffers ---- */

static int fill_pool(struct buffer_pool *pool, unsigned n, uint32_t room)
{
	size_t step = (sizeof(struct buffer) + room + 63) & ~(size_t)63;
	uint8_t *memory = aligned_alloc(64, n * step);

	if (!memory)
		return -ENOMEM;
	pool->memory = memory;
	pool->room = room;
	for (unsigned i = 0; i < n; i++) {
		struct buffer *b = (struct buffer *)(memory + i * step);

		b->pool = pool;
		b->next = pool->free;
		pool->free = b;
	}
	return 0;
}

static void give_buffer(struct buffer *b)
{
	b->next = b->pool->free;
	b->pool->free = b;
}

/* ---- UDP answers ---- */

static void settle(struct stream *s, unsigned i, bool sent)
{
	const struct outgoing *o = &s->outgoing[i];
	unsigned otherwise = o->fd < 0 ? DP_COUNT_DROP_LEASE : DP_COUNT_DROP_TRANSMIT;

	dp_passes_settled(s->worker, sent ? o->outcome : otherwise, sent);
	give_buffer(o->buffer);
}

/* Sends the answers from..end, all of one socket. One that cannot be sent is given up, not waited
 * for: UDP clients ask again, and a socket that is full stays so for longer than a turn. */
static void send_run(struct stream *s, unsigned from, unsigned end)
{
	int fd = s->outgoing[from].fd;

	while (from < end) {
		int sent = fd < 0 ? -EAGAIN : dp_sockio_send(fd, &s->reply[from], end - from);
		unsigned refused = sent == -EAGAIN ? end - from : sent <= 0;	/* else the first of them */

		for (; sent > 0; sent--)
			settle(s, from++, true);
		for (; refused; refused--)
			settle(s, from++, false);
	}
}

/* Takes back the answers whose leases have ended. */
static void cancel_replies(struct stream *s, uint64_t lost)
{
	for (unsigned i = 0; i < s->replies; i++) {
		struct outgoing *o = &s->outgoing[i];

		if (o->lease == LEASE_NONE || !(lost >> o->lease & 1))
			continue;
		o->fd = -1;
		counters_add(&s->worker->counters[DP_COUNT_LEASE_CANCELLED], 1);
	}
}

static void send_replies(struct stream *s)
{
	uint64_t lost = s->replies ? dp_passes_leases_lost(s->worker) : 0;

	if (lost)
		cancel_replies(s, lost);
	for (unsigned i = 0, end; i < s->replies; i = end) {
		for (end = i + 1; end < s->replies && s->outgoing[end].fd == s->outgoing[i].fd; end++)
			;
		send_run(s, i, end);
	}
	s->replies = 0;
}

/* An entry whose socket can send from an address that is listened to no more, or -1. */
static int find_sibling(const struct dp_conf *conf, const struct dp_flow *flow)
{
	for (unsigned i = 0; i < conf->listens; i++) {
		const struct endpoint *e = &conf->listen[i].endpoint;

		if (e->port == flow->own_port && addr_is_v4(&e->addr) == addr_is_v4(&flow->own))
			return (int)i;
	}
	return -1;
}

/* The socket the query came in by; after a reload the entry may stand elsewhere, or another one has
 * to do. -1 when there is none. */
static int socket_back(const struct stream *s, const struct dp_return *back)
{
	const struct dp_conf *conf = s->worker->conf;
	int position = (int)back->socket;

	if (back->generation != (uint32_t)conf->generation)
		position = dp_conf_listen(conf, &back->flow.own, back->flow.own_port);
	if (position < 0)
		position = find_sibling(conf, &back->flow);
	return position < 0 ? -1 : conf->listen[position].listener->udp_fd[s->share.udp];
}

/* Queues p's payload and takes its buffer; send_replies() settles the query. */
static bool reply_udp(struct stream *s, struct dp_packet *p, enum dp_counter *why)
{
	int fd = socket_back(s, &p->back);

	if (fd < 0) {
		*why = DP_COUNT_DROP_LEASE;
		give_buffer(p->buffer);
		return false;
	}
	if (s->replies == REPLIES_MAX)
		send_replies(s);
	s->outgoing[s->replies] = (struct outgoing){
		.buffer = p->buffer,
		.fd = fd,
		.lease = p->lease,
		.outcome = (uint8_t)*why,
	};
	s->reply[s->replies] = (struct dp_datagram){
		.data = p->payload,
		.len = p->payload_len,
		.flow = p->back.flow,
	};
	s->replies++;
	*why = DP_COUNT_LATER;
	return false;
}

/* The smallest that has the room; NULL when there is none. */
static struct buffer *take_buffer(struct stream *s, uint32_t room)
{
	struct buffer_pool *pool = room <= s->small.room ? &s->small : &s->large;
	struct buffer *b;

	if (!pool->free)
		send_replies(s);
	b = pool->free;
	if (!b || room > pool->room)
		return NULL;
	pool->free = b->next;
	return b;
}

/* ---- struct dp_io ---- */

static bool take(struct dp_worker *worker, struct dp_packet *p, uint32_t room)
{
	struct buffer *b = take_buffer(worker->io_state, room);

	if (!b)
		return false;
	p->buffer = b;
	p->payload = b->data;
	p->payload_room = b->pool->room;
	return true;
}

static void give(struct dp_worker *worker, struct dp_packet *p)
{
	(void)worker;
	give_buffer(p->buffer);
}

static bool reply(struct dp_worker *worker, struct dp_packet *p, enum dp_counter *why)
{
	struct stream *s = worker->io_state;
	bool sent = false;

	if (p->back.origin == DP_ORIGIN_UDP)
		return reply_udp(s, p, why);
	if (p->back.origin == DP_ORIGIN_TCP)
		sent = dp_clients_reply(s->clients, p, why);
	else
		dp_passes_self(worker, p);
	give_buffer(p->buffer);
	return sent;
}

static bool forward(struct dp_worker *worker, struct dp_packet *p, struct dp_attempt *attempt)
{
	struct stream *s = worker->io_state;

	if (!dp_upstream_forward(s->upstream, p, attempt))
		return false;
	give_buffer(p->buffer);
	return true;
}

static bool usable(const struct pool_server *server, void *context)
{
	const struct dp_worker *worker = context;
	const struct stream *s = worker->io_state;

	return dp_upstream_reaches(s->upstream, server);
}

static void source(const struct dp_worker *worker, const struct dp_attempt *attempt, struct dp_flow *flow)
{
	const struct stream *s = worker->io_state;

	dp_upstream_source(s->upstream, attempt, flow);
}

static const struct dp_io stream_io = {
	.reply = reply,
	.forward = forward,
	.take = take,
	.give = give,
	.usable = usable,
	.source = source,
};

/* ---- UDP queries ---- */

/* A source nobody can be answered at; loopback may ask loopback. */
static bool is_impossible(const struct dp_flow *flow)
{
	if (flow->peer_port == 0)
		return true;
	if (addr_is_loopback(&flow->peer) && addr_is_loopback(&flow->own))
		return false;
	return addr_is_special(&flow->peer);
}

/* Puts one datagram into the batch. False: refused, counted. */
static bool add_to_batch(struct dp_worker *worker, const struct dp_datagram *datagram, struct buffer *b,
			 uint32_t position)
{
	struct dp_packet *p = &worker->batch[worker->batch_len];

	if (is_impossible(&datagram->flow)) {
		counters_add(&worker->counters[DP_COUNT_QUERIES], 1);
		counters_add(&worker->counters[DP_COUNT_DROP_SOURCE], 1);
		return false;
	}
	p->payload = b->data;
	p->payload_len = datagram->len;
	p->payload_room = b->pool->room;
	p->buffer = b;
	p->lease = worker->conf->listen[position].lease;
	p->back = (struct dp_return){
		.flow = datagram->flow,
		.socket = position,
		.generation = (uint32_t)worker->conf->generation,
		.origin = DP_ORIGIN_UDP,
	};
	worker->batch_len++;
	return true;
}

static struct entrance *entrance_of_udp(struct loop_fd *udp)
{
	return (struct entrance *)((char *)udp - offsetof(struct entrance, udp));
}

static void on_datagrams(struct loop_fd *udp, uint32_t events)
{
	struct entrance *e = entrance_of_udp(udp);
	struct stream *s = e->stream;
	struct dp_worker *worker = s->worker;
	struct dp_datagram datagrams[DP_SOCKIO_BATCH];
	struct buffer *buffers[DP_SOCKIO_BATCH];
	int taken, n;

	(void)events;
	for (taken = 0; taken < DP_SOCKIO_BATCH; taken++) {
		buffers[taken] = take_buffer(s, DP_SOCKIO_BUFFER);
		if (!buffers[taken])
			break;
		datagrams[taken].data = buffers[taken]->data;
		datagrams[taken].room = s->small.room;
	}
	n = dp_sockio_receive(udp->fd, worker->conf->listen[e->position].endpoint.port, datagrams,
			      (unsigned)taken);
	for (int i = 0; i < taken; i++) {
		if (i >= n || !add_to_batch(worker, &datagrams[i], buffers[i], e->position))
			give_buffer(buffers[i]);
	}
	if (worker->batch_len)
		dp_passes_queries(worker);
}

/* ---- listen entries ---- */

static struct entrance *entrance_of_tcp(struct loop_fd *tcp)
{
	return (struct entrance *)((char *)tcp - offsetof(struct entrance, tcp));
}

/* A listener that cannot be served would keep the loop spinning: it rests. */
static void on_connections(struct loop_fd *tcp, uint32_t events)
{
	struct entrance *e = entrance_of_tcp(tcp);
	struct stream *s = e->stream;

	(void)events;
	if (!dp_clients_accept(s->clients, &s->worker->conf->listen[e->position]))
		return;
	loop_fd_remove(&s->loop, tcp);
	loop_timer_start(&s->loop, &s->accept_again,
			 s->worker->now_ns + (uint64_t)ACCEPT_REST_MS * CLOCK_NS_PER_MS);
}

static void watch(struct stream *s, struct loop_fd *fd)
{
	int err = fd->added ? 0 : loop_fd_add(&s->loop, fd, EPOLLIN);

	if (err)
		log_error("stream worker: cannot watch a listen socket: %s", strerror(-err));
}

static void on_accept_again(struct loop_timer *timer, uint64_t now_ns)
{
	struct stream *s = (struct stream *)((char *)timer - offsetof(struct stream, accept_again));

	(void)now_ns;
	for (unsigned i = 0; i < s->entrances; i++)
		watch(s, &s->entrance[i].tcp);
}

static void open_entrance(struct stream *s, unsigned position)
{
	const struct dp_listener *listener = s->worker->conf->listen[position].listener;
	struct entrance *e = &s->entrance[position];

	*e = (struct entrance){
		.udp.on_ready = on_datagrams,
		.tcp.on_ready = on_connections,
		.stream = s,
		.position = position,
	};
	if (s->share.udp >= 0) {
		e->udp.fd = listener->udp_fd[s->share.udp];
		watch(s, &e->udp);
	}
	if (s->share.tcp) {
		e->tcp.fd = listener->tcp_fd;
		watch(s, &e->tcp);
	}
}

/* A new snapshot: its listen entries take the place of the old ones. */
static void follow_conf(struct stream *s)
{
	const struct dp_conf *conf = s->worker->conf;

	if (conf->generation == s->conf_generation)
		return;
	for (unsigned i = 0; i < s->entrances; i++) {
		loop_fd_remove(&s->loop, &s->entrance[i].udp);
		loop_fd_remove(&s->loop, &s->entrance[i].tcp);
	}
	for (unsigned i = 0; i < conf->listens; i++)
		open_entrance(s, i);
	s->entrances = conf->listens;
	s->conf_generation = conf->generation;
	if (s->clients)
		dp_clients_follow(s->clients);
}

/* ---- the loop ---- */

static void on_wake(struct loop_fd *wake, uint32_t events)
{
	uint64_t rung;

	(void)events;
	if (read(wake->fd, &rung, sizeof(rung)) < 0)
		return;		/* the turn is what matters */
}

/* Writes out what this turn queued. Writing may bring further queries and failures to light, but
 * no further reading from sockets happens here, so that comes to an end. */
static void send_queued(struct stream *s)
{
	bool more;

	do {
		more = dp_upstream_flush(s->upstream);
		more |= s->clients && dp_clients_flush(s->clients);
	} while (more);
	send_replies(s);
}

static void release_connections(struct stream *s)
{
	uint64_t lingering = s->worker->lingering;

	if (s->clients && (lingering & ~s->released))
		dp_clients_release(s->clients, lingering & ~s->released);
	s->released = lingering;
}

/* The passes begin between waking up and handling what is ready. */
static void turn(struct stream *s, int max_wait_ms)
{
	struct dp_worker *worker = s->worker;

	epoch_sleep(worker->reader);
	loop_wait(&s->loop, max_wait_ms);
	dp_passes_begin(worker, s->loop.now_ns);
	follow_conf(s);
	release_connections(s);
	loop_dispatch(&s->loop);
	dp_passes_housekeeping(worker);
	if (s->clients)
		dp_clients_expire(s->clients);
	send_queued(s);
}

static void *run(void *context)
{
	struct dp_worker *worker = context;

	dp_worker_enter(worker);
	turn(worker->io_state, 0);
	while (!atomic_load_explicit(&worker->stopping, memory_order_acquire))
		turn(worker->io_state, dp_passes_sleep_ms(worker, SLEEP_MAX_MS));
	dp_worker_leave(worker);
	return NULL;
}

/* ---- life ---- */

/* Only answers over TCP are large. */
static int open_clients(struct stream *s)
{
	int err = fill_pool(&s->large, LARGE_BUFFERS, LARGE_ROOM);

	if (err)
		return err;
	s->clients = dp_clients_new(s->worker, &s->loop);
	if (s->clients)
		return 0;
	free(s->large.memory);
	return -ENOMEM;
}

static int open_stream(struct stream *s, struct dp_worker *worker, struct dp_stream_share share)
{
	int err;

	s->worker = worker;
	s->share = share;
	s->accept_again.on_due = on_accept_again;
	s->wake = (struct loop_fd){ .fd = worker->wake_fd, .on_ready = on_wake };
	err = loop_init(&s->loop);
	if (err)
		return err;
	err = loop_fd_add(&s->loop, &s->wake, EPOLLIN);
	if (err)
		goto err_loop;
	err = fill_pool(&s->small, SMALL_BUFFERS, DP_SOCKIO_BUFFER);
	if (err)
		goto err_loop;
	if (s->share.tcp)
		err = open_clients(s);
	if (err)
		goto err_small;
	err = dp_upstream_open(&s->upstream, worker, &s->loop);
	if (err)
		goto err_clients;
	return 0;

err_clients:
	dp_clients_free(s->clients);
	free(s->large.memory);
err_small:
	free(s->small.memory);
err_loop:
	loop_fini(&s->loop);
	return err;
}

static void close_stream(struct stream *s)
{
	dp_upstream_close(s->upstream);
	dp_clients_free(s->clients);
	free(s->large.memory);
	free(s->small.memory);
	loop_fini(&s->loop);
}

int dp_stream_start(struct dp_worker *worker, struct dp_stream_share share)
{
	struct stream *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	err = open_stream(s, worker, share);
	if (err)
		goto err_free;
	worker->io = &stream_io;
	worker->io_state = s;
	err = -pthread_create(&worker->thread, NULL, run, worker);
	if (err)
		goto err_close;
	return 0;

err_close:
	worker->io_state = NULL;
	close_stream(s);
err_free:
	free(s);
	return err;
}

void dp_stream_free(struct dp_worker *worker)
{
	struct stream *s = worker->io_state;

	if (!s)
		return;
	worker->io_state = NULL;
	close_stream(s);
	free(s);
}

unsigned dp_stream_connections(const struct dp_worker *worker)
{
	const struct stream *s = worker->io_state;

	return s && s->clients ? dp_clients_count(s->clients) : 0;
}
