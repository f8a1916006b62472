/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * probe.c - asks one server, again and again, and decides whether it is up. Contract in probe.h.
 * Control thread.
 *
 * One timer serves both states: while a query waits it is the deadline, otherwise it is the next query's
 * time. Every query has a socket of its own, so a random source port besides the random id, the route of
 * today, and no answer or error left over from the query before.
 */
#include "pools/probe.h"

#include <errno.h>
#include <stdbool.h>	/* before ldns, which has a bool of its own otherwise */
#include <ldns/ldns.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "base/loop.h"
#include "pools/pool.h"

enum {
	PROBE_EDNS_SIZE = 1232,
	PROBE_QUERY_MAX = 512,
	PROBE_ANSWER_MAX = 4096,	/* a server may ignore the size we offer */
};

#define SHORTAGE_LOG_NS (UINT64_C(60) * CLOCK_NS_PER_S)

struct probe {
	struct loop *loop;
	struct pool_server *server;
	struct pool_probe conf;
	void (*on_change)(void *context, struct pool_server *server);
	void *context;
	struct loop_timer timer;
	struct loop_fd socket;
	ldns_pkt *query;		/* in flight; NULL while none is */
	uint64_t sent_ns;
	unsigned streak;		/* results in a row against the present state */
	bool judged;			/* there was a result before */
	struct log_limit shortage_log;
};

/* NULL if the name is none, or without memory. */
static ldns_pkt *build_query(const struct pool_probe *conf, uint16_t id)
{
	ldns_rdf *name = ldns_dname_new_frm_str(conf->name);
	ldns_pkt *query;

	if (!name)
		return NULL;
	query = ldns_pkt_query_new(name, conf->type, LDNS_RR_CLASS_IN, LDNS_RD);
	if (!query) {
		ldns_rdf_deep_free(name);
		return NULL;
	}
	ldns_pkt_set_id(query, id);
	ldns_pkt_set_edns_udp_size(query, PROBE_EDNS_SIZE);
	return query;
}

static int write_query(const ldns_pkt *query, uint8_t *wire, unsigned size)
{
	uint8_t *made = NULL;
	size_t len = 0;
	int result = -EINVAL;

	if (ldns_pkt2wire(&made, query, &len) == LDNS_STATUS_OK && len <= size) {
		memcpy(wire, made, len);
		result = len;
	}
	free(made);
	return result;
}

int probe_query_wire(const struct pool_probe *conf, uint16_t id, uint8_t *wire, unsigned size)
{
	ldns_pkt *query = build_query(conf, id);
	int len;

	if (!query)
		return -EINVAL;
	len = write_query(query, wire, size);
	ldns_pkt_free(query);
	return len;
}

static void stop_waiting(struct probe *probe)
{
	if (!probe->query)
		return;
	ldns_pkt_free(probe->query);
	probe->query = NULL;
	if (probe->socket.fd < 0)
		return;
	loop_fd_remove(probe->loop, &probe->socket);
	close(probe->socket.fd);
	probe->socket.fd = -1;
}

/* Writes the verdict, logs a change and passes it on. */
static void set_up(struct probe *probe, bool up, const char *cause)
{
	struct pool_server *server = probe->server;
	char text[ENDPOINT_TEXT_MAX];

	if (!pool_server_set_up(server, up, cause, probe->loop->now_ns))
		return;
	endpoint_format(&server->endpoint, text, sizeof(text));
	if (up)
		log_info("server %s of pool %s is up", text, server->pool_name);
	else
		log_warning("server %s of pool %s is down: %s", text, server->pool_name, cause);
	if (probe->on_change)
		probe->on_change(probe->context, server);
}

/* The state after this result. The first result decides alone, later ones by fall and rise. */
static bool judge(struct probe *probe, bool good)
{
	bool up = pool_server_is_up(probe->server);

	if (good == up) {
		probe->streak = 0;
	} else if (!probe->judged || ++probe->streak >= (good ? probe->conf.rise : probe->conf.fall)) {
		probe->streak = 0;
		up = good;
	}
	probe->judged = true;
	return up;
}

/*
 * One interval after the last query; but the second query comes anywhere in the first interval, so that
 * the probes of many servers, all started together, spread out.
 */
static void schedule_next(struct probe *probe)
{
	uint64_t interval_ns = (uint64_t)probe->conf.interval_ms * CLOCK_NS_PER_MS;
	uint64_t due_ns;

	if (!probe->judged)
		interval_ns = interval_ns * arc4random_uniform(1000) / 1000;
	due_ns = probe->sent_ns + interval_ns;
	if (due_ns < probe->loop->now_ns)
		due_ns = probe->loop->now_ns;
	loop_timer_start(probe->loop, &probe->timer, due_ns);
}

/* Ends the query in flight; cause is NULL when its answer was good. */
static void finish(struct probe *probe, const char *cause)
{
	struct pool_server *server = probe->server;

	stop_waiting(probe);
	schedule_next(probe);
	if (cause)
		server->probes_failed++;
	else
		server->probe_latency_us = (probe->loop->now_ns - probe->sent_ns) / CLOCK_NS_PER_US;
	set_up(probe, judge(probe, !cause), cause);
}

static void finish_with_errno(struct probe *probe, int err)
{
	char cause[POOL_CAUSE_MAX];

	snprintf(cause, sizeof(cause), "%s", strerror(err));
	finish(probe, cause);
}

/* Is packet the answer to query? Anything may arrive: a late answer of before, or a forgery. */
static bool is_answer_to(const ldns_pkt *packet, const ldns_pkt *query)
{
	const ldns_rr_list *questions = ldns_pkt_question(packet);
	const ldns_rr *asked = ldns_rr_list_rr(ldns_pkt_question(query), 0);
	const ldns_rr *echoed;

	if (!ldns_pkt_qr(packet) || ldns_pkt_id(packet) != ldns_pkt_id(query) ||
	    ldns_rr_list_rr_count(questions) != 1)
		return false;
	echoed = ldns_rr_list_rr(questions, 0);
	return ldns_rr_get_type(echoed) == ldns_rr_get_type(asked) &&
	       ldns_rr_get_class(echoed) == ldns_rr_get_class(asked) &&
	       ldns_dname_compare(ldns_rr_owner(echoed), ldns_rr_owner(asked)) == 0;
}

/* Does the server, to judge by the code and by what it left out, not know EDNS? Such ones leave out the question,
 * too. */
static bool blames_edns(const ldns_pkt *packet, const ldns_pkt *query)
{
	ldns_pkt_rcode rcode = ldns_pkt_get_rcode(packet);

	if (!ldns_pkt_edns(query) || ldns_pkt_edns(packet) ||
	    (rcode != LDNS_RCODE_FORMERR && rcode != LDNS_RCODE_NOTIMPL))
		return false;
	return is_answer_to(packet, query) || (ldns_pkt_qr(packet) && ldns_pkt_id(packet) == ldns_pkt_id(query) &&
					       ldns_pkt_qdcount(packet) == 0);
}

/* The same probe without EDNS; its deadline stays. */
static void ask_plain(struct probe *probe)
{
	uint8_t wire[PROBE_QUERY_MAX];
	int len;

	ldns_pkt_set_id(probe->query, arc4random());
	ldns_pkt_set_edns_udp_size(probe->query, 0);
	len = write_query(probe->query, wire, sizeof(wire));
	if (len < 0)
		finish_with_errno(probe, -len);
	else if (send(probe->socket.fd, wire, len, MSG_NOSIGNAL) < 0)
		finish_with_errno(probe, errno);
}

static void judge_rcode(struct probe *probe, int rcode)
{
	char cause[POOL_CAUSE_MAX];

	if (rcode == probe->conf.rcode) {
		finish(probe, NULL);
		return;
	}
	snprintf(cause, sizeof(cause), "rcode %d where %d is expected", rcode, probe->conf.rcode);
	finish(probe, cause);
}

static void on_socket(struct loop_fd *self, uint32_t events)
{
	struct probe *probe = (struct probe *)((char *)self - offsetof(struct probe, socket));
	uint8_t wire[PROBE_ANSWER_MAX];
	ssize_t len = recv(self->fd, wire, sizeof(wire), 0);
	ldns_pkt *packet = NULL;
	bool again;
	int rcode = -1;

	(void)events;	/* an error is met by recv() */
	if (len < 0) {
		if (errno != EAGAIN && errno != EINTR)
			finish_with_errno(probe, errno);
		return;
	}
	if (ldns_wire2pkt(&packet, wire, len) != LDNS_STATUS_OK)
		return;
	again = blames_edns(packet, probe->query);
	if (is_answer_to(packet, probe->query))
		rcode = ldns_pkt_edns_extended_rcode(packet) << 4 | ldns_pkt_get_rcode(packet);
	ldns_pkt_free(packet);
	if (again)
		ask_plain(probe);
	else if (rcode >= 0)
		judge_rcode(probe, rcode);
}

/* A socket that has only this server to talk to, and hears of every ICMP error at once. -errno. */
static int open_socket(const struct endpoint *server)
{
	struct sockaddr_storage address;
	socklen_t len = endpoint_to_sockaddr(server, &address);
	bool is_v4 = address.ss_family == AF_INET;
	int on = 1, err;
	int fd = socket(address.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (setsockopt(fd, is_v4 ? IPPROTO_IP : IPPROTO_IPV6, is_v4 ? IP_RECVERR : IPV6_RECVERR, &on,
		       sizeof(on)) < 0 ||
	    connect(fd, (struct sockaddr *)&address, len) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

/* Opens the socket, sends, starts to wait. 0 or -errno. */
static int send_query(struct probe *probe)
{
	uint8_t wire[PROBE_QUERY_MAX];
	int len, err;

	probe->query = build_query(&probe->conf, arc4random());
	if (!probe->query)
		return -ENOMEM;		/* the name was checked when it came in */
	len = write_query(probe->query, wire, sizeof(wire));
	if (len < 0)
		return len;
	probe->socket.fd = open_socket(&probe->server->endpoint);
	if (probe->socket.fd < 0)
		return probe->socket.fd;
	err = loop_fd_add(probe->loop, &probe->socket, EPOLLIN);
	if (err)
		return err;
	return send(probe->socket.fd, wire, len, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static bool is_own_shortage(int err)
{
	return err == -ENOMEM || err == -ENOBUFS || err == -EMFILE || err == -ENFILE || err == -ENOSPC ||
	       err == -EAGAIN;
}

/* A query that could not be sent for reasons of our own says nothing about the server: next time. */
static void skip_query(struct probe *probe, int err)
{
	char text[ENDPOINT_TEXT_MAX];
	uint32_t held_back;

	stop_waiting(probe);
	schedule_next(probe);
	if (log_limit_pass(&probe->shortage_log, probe->sent_ns, SHORTAGE_LOG_NS, &held_back))
		log_warning("server %s of pool %s is not probed: %s (%u times before)",
			    endpoint_format(&probe->server->endpoint, text, sizeof(text)),
			    probe->server->pool_name, strerror(-err), held_back);
}

static void on_timer(struct loop_timer *self, uint64_t now_ns)
{
	struct probe *probe = (struct probe *)((char *)self - offsetof(struct probe, timer));
	char cause[POOL_CAUSE_MAX];
	int err;

	if (probe->query) {
		snprintf(cause, sizeof(cause), "no answer within %u ms", probe->conf.timeout_ms);
		finish(probe, cause);
		return;
	}
	probe->sent_ns = now_ns;
	err = send_query(probe);
	if (is_own_shortage(err)) {
		skip_query(probe, err);
		return;
	}
	probe->server->probes_sent++;
	if (err)
		finish_with_errno(probe, -err);
	else
		loop_timer_start(probe->loop, self,
				 now_ns + (uint64_t)probe->conf.timeout_ms * CLOCK_NS_PER_MS);
}

/* Settings are good when a query can be made of them. */
static int check_conf(const struct pool_probe *conf)
{
	uint8_t wire[PROBE_QUERY_MAX];
	int len;

	if (!conf->name[0])
		return 0;
	len = probe_query_wire(conf, 0, wire, sizeof(wire));
	return len < 0 ? len : 0;
}

/* Begins with probe->conf as it is now: a query at once, or none ever. */
static void begin(struct probe *probe)
{
	if (probe->conf.name[0]) {
		loop_timer_start(probe->loop, &probe->timer, probe->loop->now_ns);
		return;
	}
	loop_timer_stop(probe->loop, &probe->timer);
	set_up(probe, true, NULL);
}

struct probe *probe_start(struct loop *loop, struct pool_server *server, const struct pool_probe *conf,
			  void (*on_change)(void *context, struct pool_server *server), void *context,
			  const char **error)
{
	struct probe *probe;

	if (check_conf(conf)) {
		*error = "no query can be made of the probe's name";
		return NULL;
	}
	probe = calloc(1, sizeof(*probe));
	if (!probe) {
		*error = "out of memory";
		return NULL;
	}
	probe->loop = loop;
	probe->server = server;
	probe->conf = *conf;
	probe->on_change = on_change;
	probe->context = context;
	probe->timer.on_due = on_timer;
	probe->socket.fd = -1;
	probe->socket.on_ready = on_socket;
	begin(probe);
	return probe;
}

static bool is_same_conf(const struct pool_probe *a, const struct pool_probe *b)
{
	return strcmp(a->name, b->name) == 0 && a->type == b->type && a->interval_ms == b->interval_ms &&
	       a->timeout_ms == b->timeout_ms && a->fall == b->fall && a->rise == b->rise &&
	       a->rcode == b->rcode;
}

int probe_change(struct probe *probe, const struct pool_probe *conf)
{
	int err = check_conf(conf);

	if (err || is_same_conf(&probe->conf, conf))
		return err;
	stop_waiting(probe);
	probe->conf = *conf;
	begin(probe);
	return 0;
}

void probe_stop(struct probe *probe)
{
	if (!probe)
		return;
	stop_waiting(probe);
	loop_timer_stop(probe->loop, &probe->timer);
	free(probe);
}
