/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clients.c - TCP connections of clients. Contract in clients.h.
 *
 * A connection is a slot and a generation; that pair is what a query carries along, so the answer
 * to a connection that has gone finds nothing. Open connections also stand in a list by their last
 * activity (a complete query or an answer; half a query is none), oldest first: from there they
 * expire, and from there room is made.
 *
 * Nothing is freed while passes run, and answers are only queued. Whoever changes a connection
 * touches it; dp_clients_flush() then writes, takes the queries that had to wait, adjusts what epoll
 * reports, and frees it once it is dead.
 *
 *   reading      until the client's FIN, or a message too short to be one
 *   draining     answers still to come are delivered, then it is closed (RFC 7766, 6.2.4)
 *   dead         taken off slot and list; freed by the next flush
 *
 * Bounds: connections by setting; PENDING_MAX queries a connection, more are left in the socket;
 * QUERY_MAX octets a query, a longer one is cut and so answered with FORMERR; OUT_MAX octets that
 * the client has not read.
 */
#include "dataplane/clients.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/counters.h"
#include "base/lease.h"
#include "base/loop.h"
#include "dataplane/framed.h"
#include "dataplane/sockio.h"

enum {
	ACCEPT_MAX = 16,		/* a turn and listener, so that UDP keeps its share */
	PENDING_MAX = 64,
	PENDING_RESUME = PENDING_MAX / 2,
	PENDING_GRACE_MS = 30000,	/* over any query's life: a few get no answer at all */
	QUERY_MAX = 4096,
	OUT_MAX = 128 * 1024,
	SLOTS_FIRST = 64,
	ROOM_SEARCH_MAX = 64,		/* connections looked at for one without pending queries */
};

#define NO_COUNTER DP_COUNTERS

struct client {
	struct dp_framed framed;
	struct loop_fd ready;
	struct dp_clients *clients;
	struct dp_flow flow;
	struct client *older, *newer, *next_touched;
	uint64_t active_ns;	/* last complete query or answer */
	uint64_t listed_ns;	/* when it went to the end of the list */
	uint32_t slot, generation;
	uint32_t events;	/* that epoll reports */
	uint16_t pending;	/* queries without an answer yet */
	uint8_t lease;
	bool reading, held_up, dead, touched;
};

struct dp_clients {
	struct dp_worker *worker;
	struct loop *loop;
	struct client **slots;		/* NULL = free */
	uint32_t *free_slots;		/* a stack */
	uint32_t n_slots, n_free;
	uint32_t generation;
	struct client *oldest, *newest;
	struct client *touched;
	_Atomic uint32_t open;
};

static void count(struct dp_clients *cs, enum dp_counter counter)
{
	if (counter != NO_COUNTER)
		counters_add(&cs->worker->counters[counter], 1);
}

/* ---- the list by activity ---- */

static void unlist(struct client *c)
{
	struct dp_clients *cs = c->clients;

	*(c->older ? &c->older->newer : &cs->oldest) = c->newer;
	*(c->newer ? &c->newer->older : &cs->newest) = c->older;
}

static void list_newest(struct client *c)
{
	struct dp_clients *cs = c->clients;

	c->listed_ns = cs->worker->now_ns;
	c->older = cs->newest;
	c->newer = NULL;
	*(c->older ? &c->older->newer : &cs->oldest) = c;
	cs->newest = c;
}

static void active(struct client *c)
{
	c->active_ns = c->clients->worker->now_ns;
	unlist(c);
	list_newest(c);
}

/* ---- slots ---- */

static bool grow_slots(struct dp_clients *cs)
{
	uint32_t n = cs->n_slots ? cs->n_slots * 2 : SLOTS_FIRST;
	struct client **slots = realloc(cs->slots, n * sizeof(*slots));
	uint32_t *free_slots;

	if (!slots)
		return false;
	cs->slots = slots;
	free_slots = realloc(cs->free_slots, n * sizeof(*free_slots));
	if (!free_slots)
		return false;
	cs->free_slots = free_slots;
	while (cs->n_slots < n) {
		slots[cs->n_slots] = NULL;
		free_slots[cs->n_free++] = cs->n_slots++;
	}
	return true;
}

static bool take_slot(struct dp_clients *cs, struct client *c)
{
	if (!cs->n_free && !grow_slots(cs))
		return false;
	c->slot = cs->free_slots[--cs->n_free];
	c->generation = ++cs->generation;
	cs->slots[c->slot] = c;
	return true;
}

static void give_slot(struct dp_clients *cs, const struct client *c)
{
	cs->slots[c->slot] = NULL;
	cs->free_slots[cs->n_free++] = c->slot;
}

static struct client *find(const struct dp_clients *cs, uint32_t slot, uint32_t generation)
{
	struct client *c = slot < cs->n_slots ? cs->slots[slot] : NULL;

	return c && c->generation == generation ? c : NULL;
}

/* ---- closing ---- */

static void touch(struct client *c)
{
	if (c->touched)
		return;
	c->touched = true;
	c->next_touched = c->clients->touched;
	c->clients->touched = c;
}

/* Takes it out of everything but memory, which may be in use further up the stack. */
static void kill_client(struct client *c, enum dp_counter why)
{
	struct dp_clients *cs = c->clients;

	if (c->dead)
		return;
	c->dead = true;
	count(cs, why);
	loop_fd_remove(cs->loop, &c->ready);
	unlist(c);
	give_slot(cs, c);
	atomic_store_explicit(&cs->open, cs->open - 1, memory_order_relaxed);
	touch(c);
}

static void free_client(struct client *c)
{
	dp_framed_fini(&c->framed);
	close(c->ready.fd);
	free(c);
}

/* ---- queries in ---- */

/* Copies one message into the batch. False when it is not acceptable, and nothing behind it is. */
static bool add_to_batch(struct client *c, uint8_t *message, uint16_t len)
{
	struct dp_worker *worker = c->clients->worker;
	struct dp_packet *p = &worker->batch[worker->batch_len];

	if (!worker->io->take(worker, p, QUERY_MAX)) {
		kill_client(c, DP_COUNT_TCP_CLOSED_FULL);
		return false;
	}
	memcpy(p->payload, message, len);
	p->payload_len = len;
	p->lease = c->lease;
	p->back = (struct dp_return){
		.flow = c->flow,
		.socket = c->slot,
		.generation = c->generation,
		.origin = DP_ORIGIN_TCP,
	};
	worker->batch_len++;
	c->pending++;
	if (len >= DNS_HEADER_LEN)
		return true;
	count(c->clients, DP_COUNT_TCP_CLOSED_BAD);
	c->reading = false;
	dp_framed_discard(&c->framed);
	return false;
}

/* Runs the passes over the batch; a query they drop has no answer to wait for. */
static void run_passes(struct client *c)
{
	struct dp_worker *worker = c->clients->worker;
	unsigned n = worker->batch_len;

	dp_passes_queries(worker);
	for (unsigned i = 0; i < n; i++) {
		if (worker->batch[i].verdict == DP_DROP)
			c->pending--;
	}
}

/* Everything that has come in whole, as far as pending queries allow. */
static void take_queries(struct client *c)
{
	struct dp_worker *worker = c->clients->worker;
	uint8_t *message;
	uint16_t len;

	do {
		while (worker->batch_len < DP_BATCH_MAX && c->pending < PENDING_MAX &&
		       dp_framed_next(&c->framed, &message, &len)) {
			if (!add_to_batch(c, message, len))
				break;
		}
		if (!worker->batch_len)
			break;
		if (!c->dead)
			active(c);
		run_passes(c);
	} while (!c->dead);
	c->held_up = !c->dead && dp_framed_ready(&c->framed);
}

static struct client *client_of(struct loop_fd *ready)
{
	return (struct client *)((char *)ready - offsetof(struct client, ready));
}

static void on_ready(struct loop_fd *ready, uint32_t events)
{
	struct client *c = client_of(ready);
	int err;

	touch(c);
	if (events & (EPOLLERR | EPOLLHUP)) {
		kill_client(c, NO_COUNTER);
		return;
	}
	if (!(events & EPOLLIN) || !c->reading)
		return;
	if (!dp_framed_receive(&c->framed, &err)) {
		if (err)
			kill_client(c, NO_COUNTER);
		c->reading = false;
	} else {
		take_queries(c);
	}
}

/* ---- accept ---- */

/* Closes the connection that has been idle for longest. False when none of the oldest is idle. */
static bool make_room(struct dp_clients *cs)
{
	struct client *c = cs->oldest;

	for (unsigned i = 0; c && i < ROOM_SEARCH_MAX; i++, c = c->newer) {
		if (!c->pending) {
			kill_client(c, DP_COUNT_TCP_CLOSED_FULL);
			return true;
		}
	}
	return false;
}

/* Where the connection comes from and to. 0 or -errno. */
static int read_flow(int fd, const struct sockaddr_storage *peer_name, struct dp_flow *flow)
{
	struct sockaddr_storage own_name;
	socklen_t len = sizeof(own_name);
	struct endpoint peer, own;
	int err;

	if (getsockname(fd, (struct sockaddr *)&own_name, &len))
		return -errno;
	err = endpoint_from_sockaddr((const struct sockaddr *)peer_name, &peer);
	if (err)
		return err;
	err = endpoint_from_sockaddr((const struct sockaddr *)&own_name, &own);
	if (err)
		return err;
	*flow = (struct dp_flow){
		.peer = peer.addr,
		.peer_port = peer.port,
		.own = own.addr,
		.own_port = own.port,
	};
	return 0;
}

/* Takes fd. 0 or -errno; then fd is still the caller's. */
static int add_client(struct dp_clients *cs, int fd, const struct sockaddr_storage *peer, uint8_t lease)
{
	struct client *c = calloc(1, sizeof(*c));
	int err;

	if (!c)
		return -ENOMEM;
	c->clients = cs;
	c->lease = lease;
	c->reading = true;
	c->active_ns = cs->worker->now_ns;
	c->events = EPOLLIN;
	c->ready = (struct loop_fd){ .fd = fd, .on_ready = on_ready };
	err = read_flow(fd, peer, &c->flow);
	if (err)
		goto err_free;
	err = dp_framed_init(&c->framed, fd, QUERY_MAX, OUT_MAX);
	if (err)
		goto err_free;
	err = -ENOMEM;
	if (!take_slot(cs, c))
		goto err_fini;
	err = loop_fd_add(cs->loop, &c->ready, c->events);
	if (err)
		goto err_give_slot;
	list_newest(c);
	atomic_store_explicit(&cs->open, cs->open + 1, memory_order_relaxed);
	count(cs, DP_COUNT_TCP_ACCEPTED);
	return 0;

err_give_slot:
	give_slot(cs, c);
err_fini:
	dp_framed_fini(&c->framed);
err_free:
	free(c);
	return err;
}

/* Errors of accept() that concern all connections and do not pass by trying again. */
static bool is_shortage(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

int dp_clients_accept(struct dp_clients *clients, const struct dp_listen *listen)
{
	const struct dp_conf *conf = clients->worker->conf;

	for (unsigned i = 0; i < ACCEPT_MAX; i++) {
		struct sockaddr_storage peer;
		socklen_t len = sizeof(peer);
		int fd = accept4(listen->listener->tcp_fd, (struct sockaddr *)&peer, &len,
				 SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd < 0 && is_shortage(errno)) {
			int err = -errno;

			make_room(clients);
			return err;
		}
		if (fd < 0 && errno == EAGAIN)
			return 0;
		if (fd < 0)
			continue;	/* this one went while it waited */
		while (clients->open >= conf->tcp_connections && make_room(clients))
			;
		if (clients->open >= conf->tcp_connections) {
			count(clients, DP_COUNT_TCP_CLOSED_FULL);
			close(fd);
		} else if (add_client(clients, fd, &peer, listen->lease)) {
			close(fd);
		}
	}
	return 0;
}

/* ---- answers out ---- */

bool dp_clients_reply(struct dp_clients *clients, const struct dp_packet *p, enum dp_counter *why)
{
	struct client *c = find(clients, p->back.socket, p->back.generation);
	int err;

	if (!c)
		goto gone;
	if (c->pending)
		c->pending--;
	touch(c);
	err = dp_framed_put(&c->framed, p->payload, (uint16_t)p->payload_len);
	if (err) {
		kill_client(c, err == -ENOBUFS ? DP_COUNT_TCP_CLOSED_SLOW : NO_COUNTER);
		goto gone;
	}
	active(c);
	return true;

gone:
	*why = DP_COUNT_CLIENT_GONE;
	return false;
}

/* Lets epoll report what matters now. */
static void watch(struct client *c)
{
	uint32_t events = 0;

	if (c->reading && !c->held_up)
		events |= EPOLLIN;
	if (dp_framed_unsent(&c->framed))
		events |= EPOLLOUT;
	if (events == c->events)
		return;
	c->events = events;
	loop_fd_modify(c->clients->loop, &c->ready, events);
}

static void serve(struct client *c)
{
	if (c->held_up && c->pending <= PENDING_RESUME)
		take_queries(c);
	if (c->dead)
		return;
	if (dp_framed_flush(&c->framed)) {
		kill_client(c, NO_COUNTER);
		return;
	}
	if (!c->reading && !c->held_up && !c->pending && !dp_framed_unsent(&c->framed)) {
		kill_client(c, NO_COUNTER);
		return;
	}
	watch(c);
}

bool dp_clients_flush(struct dp_clients *clients)
{
	bool any = clients->touched != NULL;
	struct client *c;

	while ((c = clients->touched)) {
		clients->touched = c->next_touched;
		/* still marked as touched, so that what serve() calls does not list it again */
		if (!c->dead)
			serve(c);
		c->touched = false;
		if (c->dead)
			free_client(c);
	}
	return any;
}

/* ---- idle ---- */

void dp_clients_expire(struct dp_clients *clients)
{
	uint64_t now_ns = clients->worker->now_ns;
	uint64_t idle_ns = (uint64_t)clients->worker->conf->tcp_idle_ms * CLOCK_NS_PER_MS;
	uint64_t grace_ns = idle_ns + (uint64_t)PENDING_GRACE_MS * CLOCK_NS_PER_MS;
	struct client *c;

	while ((c = clients->oldest) && now_ns - c->listed_ns > idle_ns) {
		if (c->pending && now_ns - c->active_ns <= grace_ns) {
			unlist(c);
			list_newest(c);
		} else {
			kill_client(c, DP_COUNT_TCP_CLOSED_IDLE);
		}
	}
}

void dp_clients_release(struct dp_clients *clients, uint64_t leases)
{
	for (struct client *c = clients->oldest; c; c = c->newer) {
		if (c->lease == LEASE_NONE || !(leases >> c->lease & 1))
			continue;
		c->reading = false;
		touch(c);
	}
}

void dp_clients_follow(struct dp_clients *clients)
{
	const struct dp_conf *conf = clients->worker->conf;

	for (struct client *c = clients->oldest; c; c = c->newer) {
		int position = dp_conf_listen(conf, &c->flow.own, c->flow.own_port);

		if (position >= 0) {
			c->lease = conf->listen[position].lease;
		} else {
			c->reading = false;
			dp_framed_discard(&c->framed);
			c->held_up = false;
			touch(c);
		}
	}
}

unsigned dp_clients_count(const struct dp_clients *clients)
{
	return atomic_load_explicit((_Atomic uint32_t *)&clients->open, memory_order_relaxed);
}

/* ---- life ---- */

struct dp_clients *dp_clients_new(struct dp_worker *worker, struct loop *loop)
{
	struct dp_clients *clients = calloc(1, sizeof(*clients));

	if (clients) {
		clients->worker = worker;
		clients->loop = loop;
	}
	return clients;
}

void dp_clients_free(struct dp_clients *clients)
{
	if (!clients)
		return;
	while (clients->oldest)
		kill_client(clients->oldest, NO_COUNTER);
	dp_clients_flush(clients);
	free(clients->slots);
	free(clients->free_slots);
	free(clients);
}
