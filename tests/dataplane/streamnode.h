/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * streamnode.h - workers on kernel sockets end to end on loopback: their threads, the real passes, a name server of
 * our own (responder.h) behind them, and clients. The stream worker alone, or beside socket workers.
 *
 *   test's clients  --UDP, TCP-->  127.0.0.1 and ::1, free port  --UDP, TCP-->  127.0.0.2 (pool "live")
 *                                                                               127.0.0.3 (pool "dead", "dead.":
 *                                                                                          nobody listens there)
 */
#ifndef TESTS_DATAPLANE_STREAMNODE_H
#define TESTS_DATAPLANE_STREAMNODE_H

#include "dataplane/worker.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>

#include "base/counters.h"
#include "base/lease.h"
#include "dataplane/acl.h"
#include "dataplane/sockio.h"
#include "dataplane/upstream.h"
#include "pools/local.h"
#include "pools/suffix.h"
#include "tests/dataplane/message.h"
#include "tests/dataplane/responder.h"
#include "tests/tap.h"

enum {
	IDLE_MS = 400,
	CONNECTIONS = 8,
	TIMEOUT_MS = 800,		/* of a query in the pools */
	DEADLINE_MS = 3000,		/* of anything the tests wait for */
	RCODE_MASK = 15,
};

/* ThreadSanitizer: a descriptor that leaves is taken off epoll when it may have been closed already; see stream.c. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
	return "race:loop_fd_remove\n";
}

static struct dp_shared shared;
static struct pool_registry registry;
static struct lease_page leases;
static uint8_t lease_of_listens = LEASE_NONE;
static struct responder responder;
static struct dp_listener *listener_v4, *listener_v6;
static struct dp_worker *worker;			/* the stream worker */
static unsigned socket_workers;

/* ---- the node ---- */

static struct dp_listener *open_listener(const char *address)
{
	struct dp_listener *listener;
	char error[128] = "no port is free for both UDP and TCP";

	for (unsigned i = 0; i < 20; i++) {
		struct responder probe;

		if (!responder_bind(&probe, address))
			continue;
		close(probe.udp_fd);
		close(probe.listen_fd);
		if (!dp_listener_open(&listener, &probe.endpoint, socket_workers ? socket_workers : 1, error,
				      sizeof(error)))
			return listener;
	}
	fail_msg("%s", error);
	return NULL;
}

static void add_pool(struct dp_conf *conf, const char *name, const struct endpoint *server)
{
	struct pool *pool = calloc(1, sizeof(*pool));

	pool->kind = POOL_RECURSIVE;
	pool->timeout_ms = TIMEOUT_MS;
	pool->max_outstanding = 1000;
	pool->id = pool->index = conf->n_pools;
	pool->members = 1;
	pool->member[0] = pool_registry_get(&registry, name, server, 1);
	strcpy(pool->name, name);
	conf->pools[conf->n_pools++] = pool;
}

static void add_listener(struct dp_conf *conf, struct dp_listener *listener)
{
	conf->listen[conf->listens++] = (struct dp_listen){
		.endpoint = listener->endpoint,
		.lease = lease_of_listens,
		.listener = dp_listener_ref(listener),
	};
}

static struct dp_conf *new_conf(uint64_t generation)
{
	struct dp_acl_rule all[2] = { { .allow = true }, { .allow = true } };
	struct suffix_builder *suffixes = suffix_builder_new();
	struct dp_conf *conf = calloc(1, sizeof(*conf));
	struct endpoint dead = responder.endpoint;
	struct name name;

	assert_int_equal(addr_parse("127.0.0.3", &dead.addr), 0);
	add_pool(conf, "live", &responder.endpoint);
	add_pool(conf, "dead", &dead);
	name_from_text(".", &name);
	suffix_builder_add(suffixes, &name, 0, NULL);
	name_from_text("dead.", &name);
	suffix_builder_add(suffixes, &name, 1, NULL);
	conf->suffixes = suffix_builder_finish(suffixes);
	suffix_builder_free(suffixes);
	prefix_parse("0.0.0.0/0", &all[0].prefix);
	prefix_parse("::/0", &all[1].prefix);
	for (unsigned i = 0; i < POOL_KINDS; i++)
		conf->acl[i] = dp_acl_new(all, 2);
	conf->update_acl = dp_acl_new(NULL, 0);
	conf->local = local_table_new("dd1", "");
	conf->edns_size = DNS_EDNS_SIZE;
	conf->tcp_idle_ms = IDLE_MS;
	conf->tcp_connections = CONNECTIONS;
	conf->generation = generation;
	return conf;
}

static void free_conf(void *conf)
{
	dp_conf_free(conf);
}

static void for_all(void (*act)(struct dp_worker *worker))
{
	for (unsigned i = 0; i < socket_workers; i++)
		act(shared.worker[i]);
	act(worker);
}

/* A reload, as the control thread does it. */
static void publish(struct dp_conf *conf)
{
	struct dp_conf *old = atomic_exchange(&shared.conf, conf);

	assert_int_equal(epoch_retire(&shared.epoch, free_conf, old), 0);
	for_all(dp_worker_wake);
	for (unsigned i = 0; i < DEADLINE_MS && epoch_reclaim(&shared.epoch); i++)
		usleep(1000);
	assert_int_equal(epoch_reclaim(&shared.epoch), 0);
}

static void publish_usual(uint64_t generation)
{
	struct dp_conf *conf = new_conf(generation);

	add_listener(conf, listener_v4);
	add_listener(conf, listener_v6);
	publish(conf);
}

static struct dp_worker *start_worker(unsigned index, struct dp_stream_share share)
{
	struct dp_worker *w = dp_worker_new(&shared, index, 10, DP_UPSTREAM_PORTS_LOG2);

	assert_non_null(w);
	shared.worker[index] = w;
	assert_int_equal(dp_stream_start(w, share), 0);
	return w;
}

/* n socket workers, and the stream worker. */
static void start_node(unsigned n)
{
	struct dp_conf *conf;

	socket_workers = shared.workers = n;
	name_hash_init_fixed();
	assert_true(responder_start(&responder, "127.0.0.2"));
	listener_v4 = open_listener("127.0.0.1");
	listener_v6 = open_listener("::1");
	epoch_init(&shared.epoch);
	shared.leases = &leases;
	shared.registry = &registry;
	conf = new_conf(1);
	add_listener(conf, listener_v4);
	add_listener(conf, listener_v6);
	atomic_store(&shared.conf, conf);
	for (unsigned i = 0; i < n; i++)
		start_worker(i, (struct dp_stream_share){ .udp = (int)i });
	worker = start_worker(DP_STREAM, (struct dp_stream_share){ .udp = n ? -1 : 0, .tcp = true });
}

static int stop_node(void **state)
{
	(void)state;
	for_all(dp_worker_stop);
	for_all(dp_stream_free);
	for_all(dp_worker_free);
	epoch_fini(&shared.epoch);
	dp_conf_free(atomic_load(&shared.conf));
	dp_listener_unref(listener_v4);
	dp_listener_unref(listener_v6);
	responder_stop(&responder);
	return 0;
}

/* Of all workers. */
static uint64_t counter(enum dp_counter c)
{
	uint64_t sum = counters_read(&worker->counters[c]);

	for (unsigned i = 0; i < socket_workers; i++)
		sum += counters_read(&shared.worker[i]->counters[c]);
	return sum;
}

/* Waits until a counter has grown by n over before. */
static void wait_counter(enum dp_counter c, uint64_t before, uint64_t n)
{
	for (unsigned i = 0; i < DEADLINE_MS && counter(c) < before + n; i++)
		usleep(1000);
	assert_int_equal(counter(c), before + n);
}

static void wait_connections(unsigned n)
{
	for (unsigned i = 0; i < DEADLINE_MS && dp_stream_connections(worker) != n; i++)
		usleep(1000);
	assert_int_equal(dp_stream_connections(worker), n);
}

/* ---- a client ---- */

/* A query for name, A, with EDNS, as octets behind two of length. */
static size_t make_query(uint8_t *out, uint16_t id, const char *name)
{
	static struct message m;

	put_header(&m, DNS_RD, 1, 0, 0, 1);
	put_question(&m, name, DNS_TYPE_A);
	put_opt(&m, 1232, 0, "", 0);
	m.octets[0] = (uint8_t)(id >> 8);
	m.octets[1] = (uint8_t)id;
	out[0] = (uint8_t)(m.len >> 8);
	out[1] = (uint8_t)m.len;
	memcpy(out + 2, m.octets, m.len);
	return m.len + 2;
}

static int connect_to(const struct dp_listener *listener, int type)
{
	struct sockaddr_storage name;
	socklen_t len = endpoint_to_sockaddr(&listener->endpoint, &name);
	int fd = socket(name.ss_family, type | SOCK_CLOEXEC, 0);
	struct timeval deadline = { DEADLINE_MS / 1000, 0 };
	int on = 1;

	assert_true(fd >= 0);
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &deadline, sizeof(deadline));
	if (type == SOCK_STREAM)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	assert_int_equal(connect(fd, (struct sockaddr *)&name, len), 0);
	return fd;
}

static void tcp_ask(int fd, uint16_t id, const char *name)
{
	uint8_t query[600];
	size_t len = make_query(query, id, name);

	assert_int_equal(send(fd, query, len, MSG_NOSIGNAL), len);
}

/* Reads one framed message; its length, or -1 at the end of the connection. */
static int tcp_read(int fd, uint8_t *out)
{
	uint8_t head[2];
	int len;

	if (recv(fd, head, 2, MSG_WAITALL) != 2)
		return -1;
	len = head[0] << 8 | head[1];
	assert_int_equal(recv(fd, out, (size_t)len, MSG_WAITALL), len);
	return len;
}

static void udp_ask(int fd, uint16_t id, const char *name)
{
	uint8_t query[600];
	size_t len = make_query(query, id, name);

	assert_int_equal(send(fd, query + 2, len - 2, 0), len - 2);
}

static unsigned id_of(const uint8_t *msg)
{
	return (unsigned)msg[0] << 8 | msg[1];
}

/* One question and its answer over one way; the answer must be a whole one with the right id. */
static void check_served(const struct dp_listener *listener, int type)
{
	int fd = connect_to(listener, type);
	uint8_t answer[65536];
	ssize_t len;

	if (type == SOCK_DGRAM) {
		udp_ask(fd, 0x4711, "www.example");
		len = recv(fd, answer, sizeof(answer), 0);
	} else {
		tcp_ask(fd, 0x4711, "www.example");
		len = tcp_read(fd, answer);
	}
	assert_true(len > DNS_HEADER_LEN);
	assert_int_equal(id_of(answer), 0x4711);
	assert_int_equal(answer[3] & RCODE_MASK, DNS_RCODE_NOERROR);
	assert_int_equal(count_of(answer, 6), 1);
	close(fd);
}

static uint64_t sum_outcomes(void)
{
	uint64_t outcomes = 0;

	for (unsigned i = 0; i < DP_OUTCOME_END; i++)
		outcomes += counter(i);
	return outcomes;
}

/* Every query of this program so far has one, soon: an answer is counted a moment after it can be read. */
static void check_outcomes(void)
{
	for (unsigned i = 0; i < DEADLINE_MS && sum_outcomes() != counter(DP_COUNT_QUERIES); i++)
		usleep(1000);
	assert_int_equal(sum_outcomes(), counter(DP_COUNT_QUERIES));
}

#endif
