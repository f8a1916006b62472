/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * responder.h - a name server for tests: one thread, UDP and TCP on one loopback address. The first
 * label of the name says what it does:
 *
 *   tc      over UDP an empty answer with TC; over TCP one with as many octets as the second label says
 *   slow    answers after RESPONDER_SLOW_MS
 *   silent  never answers
 *   close   over UDP as tc; over TCP it closes the connection
 *   else    one A record, 192.0.2.1
 */
#ifndef TESTS_DATAPLANE_RESPONDER_H
#define TESTS_DATAPLANE_RESPONDER_H

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "dataplane/query.h"

enum {
	RESPONDER_SLOW_MS = 250,
	RESPONDER_CONNECTIONS = 8,
	RESPONDER_DELAYED = 64,
	RESPONDER_MESSAGE_MAX = 65535,
};

struct responder_delayed {
	uint64_t due_ns;		/* 0 = unused */
	int fd;
	bool tcp;
	struct sockaddr_storage peer;
	socklen_t peer_len;
	uint8_t octets[600];
	size_t len;
};

struct responder {
	struct endpoint endpoint;
	int udp_fd, listen_fd;
	int connection[RESPONDER_CONNECTIONS];		/* -1 = unused */
	struct responder_delayed delayed[RESPONDER_DELAYED];
	pthread_t thread;
	_Atomic bool stopping;
	_Atomic unsigned accepted, over_udp, over_tcp;
	_Atomic uint16_t last_port;			/* source of the last datagram */
};

static size_t responder_question_end(const uint8_t *msg)
{
	size_t at = DNS_HEADER_LEN;

	while (msg[at])
		at += msg[at] + 1u;
	return at + 5;
}

/* Appends a TXT record of about octets octets to an answer that has its question. */
static size_t responder_fat(uint8_t *out, size_t at, size_t octets)
{
	static const uint8_t head[] = { 0xc0, 12, 0, 16, 0, 1, 0, 0, 0, 60 };
	size_t data = octets > at + 12 ? octets - at - 12 : 1;

	memcpy(out + at, head, sizeof(head));
	out[at + 10] = (uint8_t)(data >> 8);
	out[at + 11] = (uint8_t)data;
	for (size_t i = 0; i < data; i += 256) {
		size_t part = data - i > 256 ? 255 : data - i - 1;

		out[at + 12 + i] = (uint8_t)part;
		memset(out + at + 13 + i, 'x', part);
	}
	return at + 12 + data;
}

static bool responder_is(const uint8_t *msg, const char *label)
{
	return msg[12] == strlen(label) && memcmp(msg + 13, label, msg[12]) == 0;
}

/* The answer's octets behind out; its length. */
static size_t responder_answer(const uint8_t *msg, bool tcp, uint8_t *out)
{
	static const uint8_t a[] = { 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 1 };
	size_t end = responder_question_end(msg);
	bool truncated = responder_is(msg, "tc") || responder_is(msg, "close");

	memcpy(out, msg, end);
	memset(out + 6, 0, 6);
	out[2] |= DNS_QR >> 8;
	out[3] = DNS_RA;
	if (truncated && !tcp) {
		out[2] |= DNS_TC >> 8;
		return end;
	}
	out[7] = 1;
	if (truncated)
		return responder_fat(out, end, strtoul((const char *)msg + 13 + msg[12] + 1, NULL, 10));
	memcpy(out + end, a, sizeof(a));
	return end + sizeof(a);
}

static void responder_send(int fd, bool tcp, const struct sockaddr_storage *peer, socklen_t peer_len,
			   const uint8_t *octets, size_t len)
{
	uint8_t *framed;

	if (!tcp) {
		sendto(fd, octets, len, 0, (const struct sockaddr *)peer, peer_len);
		return;
	}
	framed = malloc(len + 2);
	framed[0] = (uint8_t)(len >> 8);
	framed[1] = (uint8_t)len;
	memcpy(framed + 2, octets, len);
	send(fd, framed, len + 2, MSG_NOSIGNAL);
	free(framed);
}

static void responder_delay(struct responder *r, int fd, bool tcp, const struct sockaddr_storage *peer,
			    socklen_t peer_len, const uint8_t *octets, size_t len)
{
	for (unsigned i = 0; i < RESPONDER_DELAYED; i++) {
		struct responder_delayed *d = &r->delayed[i];

		if (d->due_ns)
			continue;
		d->due_ns = clock_mono_ns() + (uint64_t)RESPONDER_SLOW_MS * CLOCK_NS_PER_MS;
		d->fd = fd;
		d->tcp = tcp;
		if (peer)
			d->peer = *peer;
		d->peer_len = peer_len;
		memcpy(d->octets, octets, len);
		d->len = len;
		return;
	}
}

/* False: close the connection. */
static bool responder_serve(struct responder *r, int fd, bool tcp, const struct sockaddr_storage *peer,
			    socklen_t peer_len, const uint8_t *msg)
{
	static uint8_t out[RESPONDER_MESSAGE_MAX + 512];	/* one thread */
	size_t len;

	atomic_fetch_add(tcp ? &r->over_tcp : &r->over_udp, 1);
	if (responder_is(msg, "silent"))
		return true;
	if (tcp && responder_is(msg, "close"))
		return false;
	len = responder_answer(msg, tcp, out);
	if (responder_is(msg, "slow"))
		responder_delay(r, fd, tcp, peer, peer_len, out, len);
	else
		responder_send(fd, tcp, peer, peer_len, out, len);
	return true;
}

static void responder_datagram(struct responder *r)
{
	struct sockaddr_storage peer;
	socklen_t peer_len = sizeof(peer);
	struct endpoint from;
	uint8_t msg[4096];
	ssize_t n = recvfrom(r->udp_fd, msg, sizeof(msg), MSG_DONTWAIT, (struct sockaddr *)&peer, &peer_len);

	if (n <= DNS_HEADER_LEN)
		return;
	endpoint_from_sockaddr((struct sockaddr *)&peer, &from);
	atomic_store(&r->last_port, from.port);
	responder_serve(r, r->udp_fd, false, &peer, peer_len, msg);
}

/* Queries come whole from the worker under test, so each is read with a blocking loop. */
static bool responder_stream(struct responder *r, int fd)
{
	uint8_t head[2], msg[65536];

	if (recv(fd, head, 2, MSG_WAITALL) != 2)
		return false;
	if (recv(fd, msg, (size_t)(head[0] << 8 | head[1]), MSG_WAITALL) != (head[0] << 8 | head[1]))
		return false;
	return responder_serve(r, fd, true, NULL, 0, msg);
}

static void responder_accept(struct responder *r)
{
	int fd = accept(r->listen_fd, NULL, NULL);

	atomic_fetch_add(&r->accepted, 1);
	for (unsigned i = 0; i < RESPONDER_CONNECTIONS; i++) {
		if (r->connection[i] < 0) {
			r->connection[i] = fd;
			return;
		}
	}
	close(fd);
}

static void responder_send_due(struct responder *r)
{
	uint64_t now_ns = clock_mono_ns();

	for (unsigned i = 0; i < RESPONDER_DELAYED; i++) {
		struct responder_delayed *d = &r->delayed[i];

		if (!d->due_ns || d->due_ns > now_ns)
			continue;
		responder_send(d->fd, d->tcp, &d->peer, d->peer_len, d->octets, d->len);
		d->due_ns = 0;
	}
}

static void *responder_run(void *context)
{
	struct responder *r = context;

	while (!atomic_load(&r->stopping)) {
		struct pollfd fds[2 + RESPONDER_CONNECTIONS] = {
			{ .fd = r->udp_fd, .events = POLLIN },
			{ .fd = r->listen_fd, .events = POLLIN },
		};

		for (unsigned i = 0; i < RESPONDER_CONNECTIONS; i++)
			fds[2 + i] = (struct pollfd){ .fd = r->connection[i], .events = POLLIN };
		poll(fds, 2 + RESPONDER_CONNECTIONS, 20);
		if (fds[0].revents)
			responder_datagram(r);
		for (unsigned i = 0; i < RESPONDER_CONNECTIONS; i++) {
			if (fds[2 + i].revents && !responder_stream(r, r->connection[i])) {
				close(r->connection[i]);
				r->connection[i] = -1;
			}
		}
		if (fds[1].revents)
			responder_accept(r);
		responder_send_due(r);
	}
	return NULL;
}

/* Binds UDP and TCP to the same free port of address. False when the port is taken on TCP: try
 * again. */
static bool responder_bind(struct responder *r, const char *address)
{
	struct sockaddr_storage name;
	socklen_t len;

	r->endpoint = (struct endpoint){ .port = 0 };
	addr_parse(address, &r->endpoint.addr);
	len = endpoint_to_sockaddr(&r->endpoint, &name);
	r->udp_fd = socket(name.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	r->listen_fd = socket(name.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(r->udp_fd, (struct sockaddr *)&name, len) == 0 &&
	    getsockname(r->udp_fd, (struct sockaddr *)&name, &len) == 0 &&
	    bind(r->listen_fd, (struct sockaddr *)&name, len) == 0 && listen(r->listen_fd, 16) == 0) {
		endpoint_from_sockaddr((struct sockaddr *)&name, &r->endpoint);
		return true;
	}
	close(r->udp_fd);
	close(r->listen_fd);
	return false;
}

static bool responder_start(struct responder *r, const char *address)
{
	bool bound = false;

	memset(r, 0, sizeof(*r));
	for (unsigned i = 0; i < 20 && !bound; i++)
		bound = responder_bind(r, address);
	for (unsigned i = 0; i < RESPONDER_CONNECTIONS; i++)
		r->connection[i] = -1;
	return bound && pthread_create(&r->thread, NULL, responder_run, r) == 0;
}

static void responder_stop(struct responder *r)
{
	atomic_store(&r->stopping, true);
	pthread_join(r->thread, NULL);
	for (unsigned i = 0; i < RESPONDER_CONNECTIONS; i++) {
		if (r->connection[i] >= 0)
			close(r->connection[i]);
	}
	close(r->udp_fd);
	close(r->listen_fd);
}

#endif
