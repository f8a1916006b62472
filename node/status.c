/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * status.c - the documents. Contract in status.h.
 * Workers go on counting while they are read: sums of several counters may be off by what is on its way.
 */
#include "node/status.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/counters.h"
#include "base/log.h"
#include "dataplane/neigh.h"
#include "dataplane/steer.h"
#include "dataplane/vmac.h"
#include "dataplane/xsk.h"
#include "node/cachectl.h"
#include "node/config.h"
#include "node/control.h"
#include "node/document.h"
#include "node/hellostatus.h"
#include "node/node.h"
#include "node/thread.h"
#include "node/trackstatus.h"
#include "node/vrrp.h"
#include "node/vrrpstatus.h"

static const char *const kind_names[] = {
	[HEALTH_FAULT] = "fault",
	[HEALTH_WEIGHT] = "weight",
	[HEALTH_NOTICE] = "notice",
};

static uint64_t ms_since(const struct node *node, uint64_t then_ns)
{
	return node->loop.now_ns > then_ns ? (node->loop.now_ns - then_ns) / CLOCK_NS_PER_MS : 0;
}

static void worker_name(const struct dp_worker *worker, char *name, size_t size)
{
	if (worker->index == DP_STREAM)
		snprintf(name, size, "stream");
	else
		snprintf(name, size, "%u", worker->index);
}

/* ---- counters ---- */

/* Adds what every worker counted; returns how many queries are in flight. */
static uint64_t sum_counters(const struct node *node, uint64_t sum[DP_COUNTERS])
{
	uint64_t inflight = 0;

	memset(sum, 0, DP_COUNTERS * sizeof(*sum));
	for (unsigned i = 0; i <= DP_STREAM; i++) {
		const struct dp_worker *worker = node->shared.worker[i];

		if (!worker)
			continue;
		counters_sum(sum, worker->counters, DP_COUNTERS);
		inflight += atomic_load_explicit(&worker->inflight_now, memory_order_relaxed);
	}
	return inflight;
}

/* Queries received that are neither answered for nor in flight: 0 but for what moves while we count. */
static int64_t unaccounted(const uint64_t sum[DP_COUNTERS], uint64_t inflight)
{
	int64_t rest = (int64_t)(sum[DP_COUNT_QUERIES] - inflight);

	for (unsigned i = 0; i < DP_OUTCOME_END; i++)
		rest -= (int64_t)sum[i];
	return rest;
}

static json_t *counters_object(const uint64_t counts[DP_COUNTERS])
{
	json_t *object = json_object();

	for (unsigned i = 0; i < DP_COUNTERS; i++)
		document_count(object, dp_counter_name((enum dp_counter)i), counts[i]);
	return object;
}

static json_t *worker_counters(const struct node *node)
{
	json_t *object = json_object();

	for (unsigned i = 0; i <= DP_STREAM; i++) {
		const struct dp_worker *worker = node->shared.worker[i];
		uint64_t counts[DP_COUNTERS] = { 0 };
		char name[16];

		if (!worker)
			continue;
		counters_sum(counts, worker->counters, DP_COUNTERS);
		worker_name(worker, name, sizeof(name));
		json_object_set_new(object, name, counters_object(counts));
	}
	return object;
}

static json_t *filter_counters(struct steer *steer)
{
	json_t *object = json_object();
	uint64_t counts[STEER_COUNTERS];

	steer_counters(steer, counts);
	for (unsigned i = 0; i < STEER_COUNTERS; i++)
		document_count(object, steer_counter_name((enum steer_counter)i), counts[i]);
	return object;
}

static json_t *socket_statistics(const struct node *node)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < dp_umem_sockets(node->umem); i++) {
		struct dp_xsk_stats stats;
		json_t *object;

		if (dp_umem_stats(node->umem, i, &stats))
			continue;
		object = json_object();
		document_text(object, "port", node->port[stats.port].name);
		document_count(object, "queue", stats.queue);
		document_count(object, "rx_dropped", stats.rx_dropped);
		document_count(object, "rx_ring_full", stats.rx_ring_full);
		document_count(object, "rx_fill_empty", stats.rx_fill_empty);
		document_count(object, "rx_invalid", stats.rx_invalid);
		document_count(object, "tx_invalid", stats.tx_invalid);
		document_count(object, "tx_ring_empty", stats.tx_ring_empty);
		json_array_append_new(list, object);
	}
	return list;
}

static json_t *virtual_mac_counters(const struct node *node)
{
	json_t *object = json_object();
	uint64_t counts[VMAC_COUNTERS];

	node_vrrp_counters(node->vrrp, counts);
	for (unsigned i = 0; i < VMAC_COUNTERS; i++)
		document_count(object, vmac_counter_name((enum vmac_counter)i), counts[i]);
	return object;
}

static json_t *latency_object(const struct node *node, enum dp_latency_kind kind)
{
	uint64_t sum[DP_LATENCY_COUNTERS] = { 0 }, count = 0;
	json_t *object = json_object(), *buckets = json_array();

	for (unsigned i = 0; i < DP_WORKERS_MAX; i++)
		if (node->shared.worker[i])
			counters_sum(sum, node->shared.worker[i]->latency.counters + kind * DP_LATENCY_COUNTERS,
				     DP_LATENCY_COUNTERS);
	for (unsigned i = 0; i < DP_LATENCY_BUCKETS; i++) {
		count += sum[i];
		json_array_append_new(buckets, json_integer((json_int_t)sum[i]));
	}
	document_count(object, "timed", count);
	document_count(object, "sum_us", sum[DP_LATENCY_SUM]);
	document_count(object, "p50_us", dp_latency_quantile_us(sum, 0.5));
	document_count(object, "p99_us", dp_latency_quantile_us(sum, 0.99));
	document_count(object, "p999_us", dp_latency_quantile_us(sum, 0.999));
	json_object_set_new(object, "buckets", buckets);
	return object;
}

/* Only what came by a ring is timed. */
static json_t *latencies(const struct node *node)
{
	json_t *object = json_object();

	for (unsigned kind = 0; kind < DP_LATENCY_KINDS; kind++)
		json_object_set_new(object, dp_latency_name(kind), latency_object(node, kind));
	return object;
}

json_t *status_counters(const struct node *node, bool per_worker)
{
	uint64_t sum[DP_COUNTERS];
	uint64_t inflight = sum_counters(node, sum);
	json_t *object = json_object();

	json_object_set_new(object, "counters", counters_object(sum));
	document_count(object, "inflight", inflight);
	json_object_set_new(object, "unaccounted", json_integer(unaccounted(sum, inflight)));
	json_object_set_new(object, "pools", cachectl_pools(node));
	if (node->shared.cache)
		json_object_set_new(object, "cache", cachectl_figures(node));
	if (per_worker)
		json_object_set_new(object, "workers", worker_counters(node));
	if (node->steer)
		json_object_set_new(object, "filter", filter_counters(node->steer));
	if (node->vrrp)
		json_object_set_new(object, "virtual_mac", virtual_mac_counters(node));
	if (node->umem) {
		json_object_set_new(object, "sockets", socket_statistics(node));
		json_object_set_new(object, "latency", latencies(node));
	}
	return object;
}

/* ---- conditions ---- */

static json_t *condition_object(const struct node *node, const struct health_condition *c)
{
	json_t *object = json_object();
	bool failed = health_failed(c);

	document_text(object, "name", c->name);
	document_text(object, "kind", kind_names[c->kind]);
	document_flag(object, "failed", failed);
	document_count(object, "since_ms", ms_since(node, c->since_ns));
	document_count(object, "changes", c->changes);
	document_text(object, "cause", failed ? c->cause : "");
	if (c->kind == HEALTH_WEIGHT)
		document_count(object, "weight", c->weight);
	return object;
}

static json_t *conditions(const struct node *node, bool only_failed)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < HEALTH_MAX; i++) {
		const struct health_condition *c = &node->health.conditions[i];

		if (c->in_use && (!only_failed || health_failed(c)))
			json_array_append_new(list, condition_object(node, c));
	}
	return list;
}

/* Notices move nothing, so they do not count. */
static bool is_good(const struct node *node)
{
	for (unsigned i = 0; i < HEALTH_MAX; i++) {
		const struct health_condition *c = &node->health.conditions[i];

		if (c->in_use && c->kind != HEALTH_NOTICE && health_failed(c))
			return false;
	}
	return true;
}

json_t *status_check(const struct node *node)
{
	json_t *object = json_object();

	document_flag(object, "good", is_good(node));
	json_object_set_new(object, "conditions", conditions(node, true));
	return object;
}

/* ---- the node ---- */

static json_t *port_object(const struct node *node, const struct dp_port *port)
{
	const struct config *config = node->config;
	json_t *object = json_object();
	uint8_t mac[6];
	char text[18];

	dp_port_mac(port, mac);
	snprintf(text, sizeof(text), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
		 mac[4], mac[5]);
	document_text(object, "name", port->name);
	document_text(object, "side", dp_side_name(port->side));
	document_text(object, "mode", steer_mode_name(port->mode));
	document_text(object, "mode_wanted", steer_mode_name((enum steer_mode)config->xdp_mode));
	document_flag(object, "zero_copy", port->zero_copy);
	document_count(object, "queues", port->queues);
	document_count(object, "ring_size", config->ring_size);
	document_count(object, "frame_size", config->frame_size);
	document_count(object, "busy_poll_us", port->busy_poll ? config->busy_poll_us : 0);
	document_count(object, "vlan", port->vlan);
	document_count(object, "mtu", port->mtu);
	document_flag(object, "carrier", port->carrier);
	document_text(object, "mac", text);
	return object;
}

static const char *worker_state(const struct dp_worker *worker)
{
	if (!atomic_load(&worker->running))
		return "ended";
	return epoch_asleep(worker->reader) ? "asleep" : "running";
}

static json_t *worker_object(const struct dp_worker *worker)
{
	json_t *object = json_object();
	char name[16];

	worker_name(worker, name, sizeof(name));
	document_text(object, "name", name);
	document_text(object, "state", worker_state(worker));
	document_count(object, "inflight",
		       atomic_load_explicit(&worker->inflight_now, memory_order_relaxed));
	document_count(object, "cpu_ms", thread_cpu_ns(worker->thread) / CLOCK_NS_PER_MS);
	if (worker->cpu >= 0)
		document_count(object, "pinned_to", (uint64_t)worker->cpu);
	return object;
}

static json_t *ports_list(const struct node *node)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < node->shared.ports; i++)
		json_array_append_new(list, port_object(node, node->shared.port[i]));
	return list;
}

static json_t *workers_list(const struct node *node)
{
	json_t *list = json_array();

	for (unsigned i = 0; i <= DP_STREAM; i++)
		if (node->shared.worker[i])
			json_array_append_new(list, worker_object(node->shared.worker[i]));
	return list;
}

static json_t *listen_list(const struct node *node)
{
	const struct dp_conf *conf = node_conf(node);
	json_t *list = json_array();
	char text[ENDPOINT_TEXT_MAX];

	for (unsigned i = 0; i < conf->listens; i++) {
		endpoint_format(&conf->listen[i].endpoint, text, sizeof(text));
		json_array_append_new(list, document_string(text));
	}
	return list;
}

static json_t *control_object(const struct node *node)
{
	const struct control_counts *counts = control_counts(node->control);
	json_t *object = json_object();

#define PUT(field, help) document_count(object, #field, counts->field);
	CONTROL_COUNTS(PUT)
#undef PUT
	return object;
}

static json_t *memory_object(const struct node *node)
{
	json_t *object = json_object();

	document_flag(object, "huge_pages", dp_umem_huge(node->umem));
	document_count(object, "octets", dp_umem_size(node->umem));
	return object;
}

json_t *status_node(const struct node *node)
{
	uint64_t sum[DP_COUNTERS];
	uint64_t inflight = sum_counters(node, sum);
	json_t *object = json_object();

	document_text(object, "version", TANDEM_VERSION);
	document_text(object, "node", node->config->node_name);
	document_count(object, "uptime_ms", ms_since(node, node->started_ns));
	document_text(object, "io", node->config->io == CONFIG_IO_SOCKET ? "socket" : "xdp");
	document_count(object, "generation", node_conf(node)->generation);
	document_flag(object, "good", is_good(node));
	json_object_set_new(object, "listen", listen_list(node));
	json_object_set_new(object, "ports", ports_list(node));
	if (node->umem)
		json_object_set_new(object, "memory", memory_object(node));
	json_object_set_new(object, "workers", workers_list(node));
	if (node->vrrp)
		json_object_set_new(object, "vrrp", vrrpstatus_summary(node));
	if (node->tracks) {
		json_object_set_new(object, "tracks", trackstatus_list(node));
		json_object_set_new(object, "runner", trackstatus_runner(node));
	}
	if (node->hello)
		json_object_set_new(object, "peer", hellostatus_peer(node));
	document_count(object, "tcp_connections",
		       dp_stream_connections(node->shared.worker[DP_STREAM]));
	document_count(object, "queries", sum[DP_COUNT_QUERIES]);
	document_count(object, "inflight", inflight);
	json_object_set_new(object, "unaccounted", json_integer(unaccounted(sum, inflight)));
	json_object_set_new(object, "conditions", conditions(node, false));
	document_count(object, "log_lines_lost", log_lost());
	json_object_set_new(object, "control", control_object(node));
	return object;
}

/* ---- pools and servers ---- */

static json_t *probe_object(const struct pool_probe *probe)
{
	json_t *object = json_object();

	document_text(object, "name", probe->name);
	document_count(object, "type", probe->type);
	document_count(object, "interval_ms", probe->interval_ms);
	document_count(object, "timeout_ms", probe->timeout_ms);
	document_count(object, "fall", probe->fall);
	document_count(object, "rise", probe->rise);
	return object;
}

static json_t *pool_object(const struct pool *pool)
{
	json_t *object = json_object();

	document_text(object, "name", pool->name);
	document_text(object, "kind", pool_kind_name(pool->kind));
	document_text(object, "policy", pool_policy_name(pool->policy));
	document_count(object, "members", pool->members);
	document_count(object, "up", pool_members_up(pool));
	document_count(object, "timeout_ms", pool->timeout_ms);
	if (pool->probe.name[0])
		json_object_set_new(object, "probe", probe_object(&pool->probe));
	return object;
}

json_t *status_pools(const struct node *node)
{
	const struct dp_conf *conf = node_conf(node);
	json_t *list = json_array();

	for (unsigned i = 0; i < conf->n_pools; i++)
		json_array_append_new(list, pool_object(conf->pools[i]));
	return json_pack("{s:o}", "pools", list);
}

/* What all workers know of a server. */
struct load_sum {
	uint64_t outstanding, sent, answered, timeouts, errors;
	uint32_t latency_us;		/* the slowest worker's view */
};

static uint64_t relaxed(const _Atomic uint64_t *counter)
{
	return atomic_load_explicit((_Atomic uint64_t *)counter, memory_order_relaxed);
}

static void add_load(struct load_sum *sum, const struct pool_load *load)
{
	uint32_t latency_us = atomic_load_explicit(&load->latency_us, memory_order_relaxed);

	sum->outstanding += atomic_load_explicit(&load->outstanding, memory_order_relaxed);
	sum->sent += relaxed(&load->sent);
	sum->answered += relaxed(&load->answered);
	sum->timeouts += relaxed(&load->timeouts);
	sum->errors += relaxed(&load->errors);
	if (latency_us > sum->latency_us)
		sum->latency_us = latency_us;
}

static void put_load(json_t *object, const struct node *node, const struct pool_server *server)
{
	struct load_sum sum = { 0 };

	for (unsigned i = 0; i <= DP_STREAM; i++)
		if (node->shared.worker[i])
			add_load(&sum, &node->shared.worker[i]->loads[server->index]);
	document_count(object, "outstanding", sum.outstanding);
	document_count(object, "latency_us", sum.latency_us);
	document_count(object, "sent", sum.sent);
	document_count(object, "answered", sum.answered);
	document_count(object, "timeouts", sum.timeouts);
	document_count(object, "errors", sum.errors);
}

static json_t *server_object(const struct node *node, const struct pool_server *server)
{
	json_t *object = json_object();
	char text[ENDPOINT_TEXT_MAX];

	document_text(object, "pool", server->pool_name);
	document_text(object, "server", endpoint_format(&server->endpoint, text, sizeof(text)));
	document_flag(object, "up", pool_server_is_up(server));
	document_count(object, "since_ms", ms_since(node, server->since_ns));
	document_count(object, "changes", server->changes);
	document_count(object, "probes_sent", server->probes_sent);
	document_count(object, "probes_failed", server->probes_failed);
	document_count(object, "probe_latency_us", server->probe_latency_us);
	document_text(object, "cause", server->last_cause);
	put_load(object, node, server);
	if (node->neigh) {
		document_text(object, "via", neigh_via(node->neigh, server));
		document_text(object, "no_fast_path", neigh_reason(node->neigh, server));
	}
	return object;
}

json_t *status_servers(const struct node *node)
{
	const struct dp_conf *conf = node_conf(node);
	json_t *list = json_array();

	for (unsigned p = 0; p < conf->n_pools; p++)
		for (unsigned m = 0; m < conf->pools[p]->members; m++)
			json_array_append_new(list, server_object(node, conf->pools[p]->member[m]));
	return json_pack("{s:o}", "servers", list);
}

json_t *status_metrics(const struct node *node)
{
	json_t *object = status_counters(node, true);
	json_t *servers = status_servers(node), *routers = vrrpstatus_routers(node, NULL);

	json_object_set_new(object, "status", status_node(node));
	json_object_set(object, "servers", json_object_get(servers, "servers"));
	json_object_set(object, "routers", json_object_get(routers, "routers"));
	json_decref(servers);
	json_decref(routers);
	return object;
}
