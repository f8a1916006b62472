/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * upstream.c - the kernel path to servers. Contract in upstream.h.
 *
 * UDP: DP_UPSTREAM_PORTS sockets a family, each bound to a port the kernel picked at random, none
 * connected: one socket talks to every server. What ICMP says about a datagram comes back on the
 * socket's error queue with the destination and the first octets of what was sent (IP_RECVERR,
 * ip(7)); that names the attempt, and the socket lives on.
 *
 * TCP: one connection a server, opened when a query needs it, shared by all (RFC 7766, 6.2.1),
 * closed when nothing happened for a while. Ids on a connection are its own: the place of the query
 * in the connection's table and how often that place was used; two attempts with one id can so
 * share a connection. A place whose attempt has timed out is free again, and a late answer to it
 * finds the id changed.
 *
 * While passes run, connections are only queued to. A broken one is given up in
 * dp_upstream_flush(), on its own event or by its timer, never further up the stack of something
 * that still uses it; every query that waits on it fails at once.
 */
#include "dataplane/upstream.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/counters.h"
#include "base/loop.h"
#include "dataplane/framed.h"
#include "dataplane/sockio.h"
#include "dataplane/wire.h"

enum {
	FAMILIES = 2,			/* IPv4, IPv6 */
	RECEIVE_BUFFER = 512 * 1024,
	ANSWERS_MAX = 16,		/* from one socket in one turn */
	ERRORS_MAX = 16,
	ADOPT_ROOM = 96,		/* free behind an answer, for our own OPT */
	ASKED_LOG2 = 8,			/* queries outstanding on a connection */
	ASKED_MAX = 1 << ASKED_LOG2,
	OUT_MAX = 128 * 1024,
	IDLE_MS = 10000,		/* a connection nobody uses */
	STALLED_MS = 5000,		/* one that is asked and does not answer; also a connect */
	CHECK_MS = 1000,
};

struct udp_socket {
	struct loop_fd ready;
	struct dp_upstream *upstream;
	uint16_t position, port;
};

/* A query outstanding on a connection: the attempt it belongs to. */
struct asked {
	uint16_t own_port, id;		/* of the attempt */
	uint8_t uses;			/* upper half of the id on this connection */
	bool waiting;
};

struct connection {
	struct dp_framed framed;
	struct loop_fd ready;
	struct loop_timer check;
	struct dp_upstream *upstream;
	struct connection *next_touched;
	struct endpoint server;
	uint16_t server_index;
	uint32_t events;		/* that epoll reports */
	uint64_t used_ns;		/* last query or answer */
	uint64_t waiting_since_ns;	/* first query after the last answer; 0 = none */
	bool connecting, touched, broken;
	uint8_t next_place;
	struct asked asked[ASKED_MAX];
};

struct dp_upstream {
	struct dp_worker *worker;
	struct loop *loop;
	struct udp_socket sockets[FAMILIES][DP_UPSTREAM_PORTS];
	struct connection *connections[POOL_SERVERS_MAX];	/* by server->index */
	struct connection *touched;
	struct dp_packet answers[ANSWERS_MAX];
};

static void count(struct dp_upstream *up, enum dp_counter counter)
{
	counters_add(&up->worker->counters[counter], 1);
}

static unsigned family_of(const struct endpoint *endpoint)
{
	return addr_is_v4(&endpoint->addr) ? 0 : 1;
}

/* ---- UDP: answers and errors ---- */

static struct udp_socket *udp_socket_of(struct loop_fd *ready)
{
	return (struct udp_socket *)((char *)ready - offsetof(struct udp_socket, ready));
}

static const struct sock_extended_err *find_icmp_error(struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		const struct sock_extended_err *error = (const void *)CMSG_DATA(c);
		bool v4 = c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR;
		bool v6 = c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR;

		if ((v4 && error->ee_origin == SO_EE_ORIGIN_ICMP) ||
		    (v6 && error->ee_origin == SO_EE_ORIGIN_ICMP6))
			return error;
	}
	return NULL;
}

/* Takes one error from the queue. False when there is none. The attempt fails if the quoted
 * datagram is indeed what was sent for it; "fragmentation needed" is no failure. */
static bool receive_error(struct udp_socket *socket)
{
	_Alignas(struct cmsghdr) uint8_t control[256];
	struct dp_worker *worker = socket->upstream->worker;
	const struct sock_extended_err *error;
	struct sockaddr_storage name;
	struct dp_attempt *attempt;
	struct endpoint server;
	uint8_t quoted[2];		/* the id; the rest of the quote is let go */
	struct iovec iov = { quoted, sizeof(quoted) };
	struct msghdr msg = {
		.msg_name = &name,
		.msg_namelen = sizeof(name),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(socket->ready.fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT);

	if (n < 0)
		return false;
	error = find_icmp_error(&msg);
	if (!error || error->ee_errno == EMSGSIZE || n < (ssize_t)sizeof(quoted) ||
	    endpoint_from_sockaddr((struct sockaddr *)&name, &server))
		return true;
	if (dp_inflight_find(worker->inflight, socket->position, wire_get16(quoted), &attempt) &&
	    !attempt->tcp && endpoint_equal(&attempt->server->endpoint, &server))
		dp_passes_unreachable(worker, socket->position, wire_get16(quoted));
	return true;
}

/* Buffers for up to ANSWERS_MAX answers. How many there are. */
static unsigned take_buffers(struct dp_upstream *up, struct dp_datagram *datagrams)
{
	struct dp_worker *worker = up->worker;
	unsigned n;

	for (n = 0; n < ANSWERS_MAX; n++) {
		struct dp_packet *p = &up->answers[n];

		if (!worker->io->take(worker, p, DP_SOCKIO_BUFFER))
			break;
		datagrams[n].data = p->payload;
		datagrams[n].room = p->payload_room - ADOPT_ROOM;
	}
	return n;
}

static void receive_answers(struct udp_socket *socket)
{
	struct dp_upstream *up = socket->upstream;
	struct dp_worker *worker = up->worker;
	struct dp_datagram datagrams[ANSWERS_MAX];
	unsigned taken = take_buffers(up, datagrams);
	int n = dp_sockio_receive(socket->ready.fd, socket->port, datagrams, taken);

	for (int i = 0; i < n; i++) {
		struct dp_packet *p = &up->answers[i];

		p->payload_len = datagrams[i].len;
		p->back = (struct dp_return){ .flow = datagrams[i].flow, .origin = DP_ORIGIN_UDP };
		dp_passes_answer(worker, p, socket->position, false);
	}
	for (unsigned i = n > 0 ? (unsigned)n : 0; i < taken; i++)
		worker->io->give(worker, &up->answers[i]);
}

static void on_udp_ready(struct loop_fd *ready, uint32_t events)
{
	struct udp_socket *socket = udp_socket_of(ready);

	for (unsigned i = 0; (events & EPOLLERR) && i < ERRORS_MAX; i++) {
		if (!receive_error(socket))
			break;
	}
	if (events & EPOLLIN)
		receive_answers(socket);
}

static bool forward_udp(struct dp_upstream *up, const struct dp_packet *p,
			const struct dp_attempt *attempt)
{
	const struct endpoint *server = &attempt->server->endpoint;
	struct sockaddr_storage name;
	socklen_t name_len = endpoint_to_sockaddr(server, &name);
	int fd = up->sockets[family_of(server)][attempt->own_port].ready.fd;

	/* The first try may only report an error about something sent before, and so clear it. */
	for (unsigned try = 0; try < 2; try++) {
		if (sendto(fd, p->payload, p->payload_len, MSG_DONTWAIT | MSG_NOSIGNAL,
			   (struct sockaddr *)&name, name_len) >= 0)
			return true;
	}
	return false;
}

/* ---- TCP: the table of a connection ---- */

static bool still_wanted(struct dp_upstream *up, const struct asked *asked)
{
	struct dp_attempt *attempt;

	return asked->waiting &&
	       dp_inflight_find(up->worker->inflight, asked->own_port, asked->id, &attempt);
}

/* A place for the attempt, with a new id; NULL when all are taken. */
static struct asked *take_place(struct connection *c, const struct dp_attempt *attempt)
{
	for (unsigned i = 0; i < ASKED_MAX; i++) {
		struct asked *asked = &c->asked[c->next_place++];

		if (still_wanted(c->upstream, asked))
			continue;
		asked->waiting = true;
		asked->uses++;
		asked->own_port = attempt->own_port;
		asked->id = attempt->id;
		return asked;
	}
	return NULL;
}

static uint16_t place_id(const struct connection *c, const struct asked *asked)
{
	return (uint16_t)(asked->uses << ASKED_LOG2 | (asked - c->asked));
}

/* The query that an answer with this id belongs to, or NULL. Its place becomes free. */
static struct asked *find_place(struct connection *c, uint16_t id)
{
	struct asked *asked = &c->asked[id & (ASKED_MAX - 1)];

	if (!asked->waiting || place_id(c, asked) != id)
		return NULL;
	asked->waiting = false;
	return asked;
}

/* ---- TCP: life of a connection ---- */

static void touch(struct connection *c)
{
	if (c->touched)
		return;
	c->touched = true;
	c->next_touched = c->upstream->touched;
	c->upstream->touched = c;
}

static void untouch(struct connection *c)
{
	struct connection **at = &c->upstream->touched;

	while (*at && *at != c)
		at = &(*at)->next_touched;
	if (*at)
		*at = c->next_touched;
}

static void forget(struct connection *c)
{
	struct dp_upstream *up = c->upstream;

	if (up->connections[c->server_index] == c)
		up->connections[c->server_index] = NULL;
}

static void free_connection(struct connection *c)
{
	struct dp_upstream *up = c->upstream;

	forget(c);
	untouch(c);
	loop_timer_stop(up->loop, &c->check);
	loop_fd_remove(up->loop, &c->ready);
	close(c->ready.fd);
	dp_framed_fini(&c->framed);
	free(c);
}

/* Ends the connection; what waits on it fails, and may be sent again on a new one by the passes. */
static void give_up(struct connection *c)
{
	struct dp_upstream *up = c->upstream;

	forget(c);
	for (unsigned i = 0; i < ASKED_MAX; i++) {
		if (still_wanted(up, &c->asked[i]))
			dp_passes_unreachable(up->worker, c->asked[i].own_port, c->asked[i].id);
	}
	free_connection(c);
}

static void watch(struct connection *c)
{
	uint32_t events = c->connecting || dp_framed_unsent(&c->framed) ? EPOLLIN | EPOLLOUT : EPOLLIN;

	if (events == c->events)
		return;
	c->events = events;
	loop_fd_modify(c->upstream->loop, &c->ready, events);
}

static void on_check(struct loop_timer *timer, uint64_t now_ns)
{
	struct connection *c = (struct connection *)((char *)timer - offsetof(struct connection, check));

	if ((c->waiting_since_ns &&
	     now_ns - c->waiting_since_ns >= (uint64_t)STALLED_MS * CLOCK_NS_PER_MS) ||
	    now_ns - c->used_ns >= (uint64_t)IDLE_MS * CLOCK_NS_PER_MS)
		give_up(c);
	else
		loop_timer_start(c->upstream->loop, timer, now_ns + (uint64_t)CHECK_MS * CLOCK_NS_PER_MS);
}

/* ---- TCP: answers ---- */

/* Hands one message to the passes as the answer to the attempt it belongs to. */
static void take_answer(struct connection *c, const uint8_t *message, uint16_t len)
{
	struct dp_upstream *up = c->upstream;
	struct dp_worker *worker = up->worker;
	struct dp_packet *p = &up->answers[0];
	struct asked *asked = find_place(c, wire_get16(message));

	c->used_ns = worker->now_ns;
	c->waiting_since_ns = 0;
	if (!asked) {
		count(up, DP_COUNT_ANSWERS);
		count(up, DP_COUNT_ANSWER_LATE);
		return;
	}
	if (!worker->io->take(worker, p, (uint32_t)len + ADOPT_ROOM))
		return;			/* as if lost on the way: it times out */
	memcpy(p->payload, message, len);
	wire_put16(p->payload, asked->id);
	p->payload_len = len;
	p->back = (struct dp_return){
		.flow = {
			.peer = c->server.addr,
			.peer_port = c->server.port,
			.own = dp_sockio_unspecified(&c->server.addr),
		},
		.origin = DP_ORIGIN_TCP,
	};
	dp_passes_answer(worker, p, asked->own_port, true);
}

/* Reads once and takes what has become whole. False when the connection is over. */
static bool receive_messages(struct connection *c)
{
	uint8_t *message;
	uint16_t len;
	int err;

	if (!dp_framed_receive(&c->framed, &err))
		return false;
	while (dp_framed_next(&c->framed, &message, &len)) {
		if (len < DNS_HEADER_LEN) {
			count(c->upstream, DP_COUNT_ANSWERS);
			count(c->upstream, DP_COUNT_ANSWER_MALFORMED);
			return false;
		}
		take_answer(c, message, len);
	}
	return true;
}

static bool finish_connect(struct connection *c)
{
	int error = 0;
	socklen_t len = sizeof(error);

	if (getsockopt(c->ready.fd, SOL_SOCKET, SO_ERROR, &error, &len) || error)
		return false;
	c->connecting = false;
	return true;
}

static void on_tcp_ready(struct loop_fd *ready, uint32_t events)
{
	struct connection *c = (struct connection *)((char *)ready - offsetof(struct connection, ready));

	if (c->connecting) {
		if (!finish_connect(c)) {
			give_up(c);
			return;
		}
	} else if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) && !receive_messages(c)) {
		give_up(c);
		return;
	}
	touch(c);
}

/* ---- TCP: queries ---- */

/* A socket that is being connected, or -errno. */
static int start_connect(const struct endpoint *server)
{
	struct sockaddr_storage name;
	socklen_t name_len = endpoint_to_sockaddr(server, &name);
	int fd = socket(name.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, err;

	if (fd < 0)
		return -errno;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));	/* queries are written whole */
	if (connect(fd, (struct sockaddr *)&name, name_len) && errno != EINPROGRESS) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

static struct connection *open_connection(struct dp_upstream *up, const struct pool_server *server)
{
	uint64_t now_ns = up->worker->now_ns;
	struct connection *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->upstream = up;
	c->server = server->endpoint;
	c->server_index = server->index;
	c->connecting = true;
	c->used_ns = now_ns;
	c->events = EPOLLIN | EPOLLOUT;
	c->check.on_due = on_check;
	c->ready.on_ready = on_tcp_ready;
	c->ready.fd = start_connect(&server->endpoint);
	if (c->ready.fd < 0)
		goto err_free;
	if (dp_framed_init(&c->framed, c->ready.fd, DP_FRAMED_MESSAGE_MAX, OUT_MAX))
		goto err_close;
	if (loop_fd_add(up->loop, &c->ready, c->events))
		goto err_fini;
	loop_timer_start(up->loop, &c->check, now_ns + (uint64_t)CHECK_MS * CLOCK_NS_PER_MS);
	up->connections[server->index] = c;
	return c;

err_fini:
	dp_framed_fini(&c->framed);
err_close:
	close(c->ready.fd);
err_free:
	free(c);
	return NULL;
}

/* The connection to this server, a new one if need be. An index may have passed to another
 * server at a reload. */
static struct connection *connection_to(struct dp_upstream *up, const struct pool_server *server)
{
	struct connection *c = up->connections[server->index];

	if (c && (c->broken || !endpoint_equal(&c->server, &server->endpoint))) {
		c->broken = true;
		touch(c);
		forget(c);
		c = NULL;
	}
	return c ? c : open_connection(up, server);
}

static bool forward_tcp(struct dp_upstream *up, const struct dp_packet *p,
			const struct dp_attempt *attempt)
{
	struct connection *c = connection_to(up, attempt->server);
	struct asked *asked = c ? take_place(c, attempt) : NULL;
	int err;

	if (!asked)
		return false;
	wire_put16(p->payload, place_id(c, asked));
	err = dp_framed_put(&c->framed, p->payload, (uint16_t)p->payload_len);
	touch(c);
	if (err) {
		asked->waiting = false;
		c->broken = err != -ENOBUFS && err != -ENOMEM;
		return false;
	}
	c->used_ns = up->worker->now_ns;
	if (!c->waiting_since_ns)
		c->waiting_since_ns = c->used_ns;
	return true;
}

void dp_upstream_source(const struct dp_upstream *upstream, const struct dp_attempt *attempt, struct dp_flow *flow)
{
	const struct endpoint *server = &attempt->server->endpoint;

	flow->own = dp_sockio_unspecified(&server->addr);
	flow->own_port = attempt->tcp ? 0 : upstream->sockets[family_of(server)][attempt->own_port].port;
}

bool dp_upstream_forward(struct dp_upstream *upstream, const struct dp_packet *p,
			 struct dp_attempt *attempt)
{
	attempt->own = dp_sockio_unspecified(&attempt->server->endpoint.addr);
	return attempt->tcp ? forward_tcp(upstream, p, attempt) : forward_udp(upstream, p, attempt);
}

bool dp_upstream_flush(struct dp_upstream *upstream)
{
	bool any = upstream->touched != NULL;
	struct connection *c;

	while ((c = upstream->touched)) {
		upstream->touched = c->next_touched;
		c->touched = false;
		if (c->broken || (!c->connecting && dp_framed_flush(&c->framed)))
			give_up(c);
		else
			watch(c);
	}
	return any;
}

bool dp_upstream_reaches(const struct dp_upstream *upstream, const struct pool_server *server)
{
	return upstream->sockets[family_of(&server->endpoint)][0].ready.added;
}

/* ---- life ---- */

/* A socket bound to a port of the kernel's choice, or -errno. */
static int open_udp(int family, uint16_t *port)
{
	struct sockaddr_storage name = { .ss_family = (sa_family_t)family };	/* any address, port 0 */
	socklen_t len = sizeof(name);
	struct endpoint own;
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, err;

	if (fd < 0)
		return -errno;
	if (family == AF_INET)
		err = setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
	else
		err = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) ||
		      setsockopt(fd, IPPROTO_IPV6, IPV6_RECVERR, &on, sizeof(on));
	if (err || bind(fd, (struct sockaddr *)&name, len) ||
	    getsockname(fd, (struct sockaddr *)&name, &len)) {
		err = -errno;
		close(fd);
		return err;
	}
	endpoint_from_sockaddr((struct sockaddr *)&name, &own);
	*port = own.port;
	dp_sockio_receive_buffer(fd, RECEIVE_BUFFER);
	return fd;
}

static int open_family(struct dp_upstream *up, unsigned family)
{
	for (unsigned i = 0; i < DP_UPSTREAM_PORTS; i++) {
		struct udp_socket *socket = &up->sockets[family][i];
		int fd = open_udp(family == 0 ? AF_INET : AF_INET6, &socket->port);
		int err;

		if (fd < 0)
			return fd;
		socket->upstream = up;
		socket->position = (uint16_t)i;
		socket->ready = (struct loop_fd){ .fd = fd, .on_ready = on_udp_ready };
		err = loop_fd_add(up->loop, &socket->ready, EPOLLIN);
		if (err) {
			close(fd);
			return err;
		}
	}
	return 0;
}

int dp_upstream_open(struct dp_upstream **upstream, struct dp_worker *worker, struct loop *loop)
{
	struct dp_upstream *up = calloc(1, sizeof(*up));

	if (!up)
		return -ENOMEM;
	up->worker = worker;
	up->loop = loop;
	for (unsigned family = 0; family < FAMILIES; family++) {
		int err = open_family(up, family);

		if (err && err != -EAFNOSUPPORT) {
			dp_upstream_close(up);
			return err;
		}
	}
	*upstream = up;
	return 0;
}

static void close_udp(struct dp_upstream *up, struct udp_socket *socket)
{
	if (!socket->ready.added)
		return;
	loop_fd_remove(up->loop, &socket->ready);
	close(socket->ready.fd);
}

void dp_upstream_close(struct dp_upstream *upstream)
{
	if (!upstream)
		return;
	for (unsigned i = 0; i < POOL_SERVERS_MAX; i++) {
		if (upstream->connections[i])
			free_connection(upstream->connections[i]);
	}
	while (upstream->touched)
		free_connection(upstream->touched);	/* given up already, not yet flushed */
	for (unsigned family = 0; family < FAMILIES; family++) {
		for (unsigned i = 0; i < DP_UPSTREAM_PORTS; i++)
			close_udp(upstream, &upstream->sockets[family][i]);
	}
	free(upstream);
}
