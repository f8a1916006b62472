/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * snapshot.c - snapshots in and out of force. Contract in snapshot.h.
 */
#include "node/snapshot.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "dataplane/conf.h"
#include "dataplane/neigh.h"
#include "dataplane/sockio.h"
#include "dataplane/steer.h"
#include "node/node.h"
#include "node/selfcheck.h"
#include "pools/probe.h"

enum {
	FADE_SLACK_MS = 1000,	/* beyond the longest deadline of a query in flight */
};

struct snapshot_fading {
	struct node *node;
	struct dp_conf *conf;
	struct loop_timer timer;
	struct snapshot_fading *next;
};

/* ---- servers and the filter ---- */

static void hold_servers(struct node *node, const struct dp_conf *conf)
{
	for (unsigned p = 0; p < conf->n_pools; p++)
		for (unsigned m = 0; m < conf->pools[p]->members; m++)
			node->server_refs[conf->pools[p]->member[m]->index]++;
}

static void unhold_servers(struct node *node, const struct dp_conf *conf)
{
	for (unsigned p = 0; p < conf->n_pools; p++)
		for (unsigned m = 0; m < conf->pools[p]->members; m++)
			node->server_refs[conf->pools[p]->member[m]->index]--;
}

/* Takes servers that no snapshot knows out of the registry. Never while a reload is preparing. */
static void sweep_registry(struct node *node)
{
	for (unsigned i = 0; i < POOL_SERVERS_MAX; i++)
		if (node->registry.servers[i].in_use && !node->server_refs[i])
			pool_registry_put(&node->registry.servers[i]);
}

static bool is_listed(const struct endpoint *list, unsigned n, const struct endpoint *endpoint)
{
	for (unsigned i = 0; i < n; i++)
		if (endpoint_equal(&list[i], endpoint))
			return true;
	return false;
}

/* Servers of every snapshot that lives: answers to queries in flight are still let in. */
static unsigned list_servers(const struct node *node, struct endpoint *list)
{
	unsigned n = 0;

	for (unsigned i = 0; i < POOL_SERVERS_MAX; i++) {
		const struct endpoint *endpoint = &node->registry.servers[i].endpoint;

		if (node->server_refs[i] && !is_listed(list, n, endpoint))
			list[n++] = *endpoint;
	}
	return n;
}

static int configure_filter(struct node *node, const struct dp_conf *conf)
{
	struct steer_listen listens[DP_LISTENS_MAX + 1] = { selfcheck_never_listen };
	struct endpoint servers[POOL_SERVERS_MAX];
	uint64_t only_dns = 0;

	if (!node->steer)
		return 0;
	for (unsigned i = 0; i < conf->listens; i++)
		listens[i + 1] = (struct steer_listen){ conf->listen[i].endpoint,
							conf->listen[i].lease };
	for (unsigned i = 0; i < conf->listens; i++)
		if (conf->listen[i].only_dns)
			only_dns |= 1ull << conf->listen[i].lease;
	steer_set_only_dns(node->steer, only_dns);
	return steer_configure(node->steer, listens, conf->listens + 1, servers,
			       list_servers(node, servers), node->shared.source_port_base,
			       (uint16_t)(node->shared.workers << node->shared.source_ports_log2));
}

/* ---- out of force ---- */

static void unlink_fading(struct snapshot_fading *f)
{
	struct snapshot_fading **at = &f->node->fading;

	while (*at != f)
		at = &(*at)->next;
	*at = f->next;
}

/* Third step: nothing points into it any more. */
static void release(void *object)
{
	struct snapshot_fading *f = object;
	struct node *node = f->node;
	const struct dp_conf *now = node_conf(node);

	unlink_fading(f);
	unhold_servers(node, f->conf);
	sweep_registry(node);
	dp_conf_free(f->conf);
	free(f);
	if (now && configure_filter(node, now))
		log_warning("filter: servers that are gone could not be taken out");
}

static void on_faded(struct loop_timer *timer, uint64_t now_ns)
{
	struct snapshot_fading *f = (struct snapshot_fading *)
		((char *)timer - offsetof(struct snapshot_fading, timer));

	(void)now_ns;
	if (epoch_retire(&f->node->shared.epoch, release, f))
		log_error("no memory: a retired snapshot is never freed");
}

static uint64_t longest_deadline_ms(const struct dp_conf *conf)
{
	uint64_t longest = 0;

	for (unsigned p = 0; p < conf->n_pools; p++)
		if (conf->pools[p]->timeout_ms > longest)
			longest = conf->pools[p]->timeout_ms;
	return longest;
}

/* First step: no worker polls its listeners any more. */
static void close_listeners(void *object)
{
	struct snapshot_fading *f = object;
	uint64_t fade_ms = longest_deadline_ms(f->conf) + FADE_SLACK_MS;

	for (unsigned i = 0; i < f->conf->listens; i++)
		dp_listener_unref(f->conf->listen[i].listener);
	f->conf->listens = 0;
	f->timer.on_due = on_faded;
	loop_timer_start(&f->node->loop, &f->timer, clock_mono_ns() + fade_ms * CLOCK_NS_PER_MS);
}

static void retire(struct node *node, struct dp_conf *conf)
{
	struct snapshot_fading *f = calloc(1, sizeof(*f));

	if (f) {
		*f = (struct snapshot_fading){ .node = node, .conf = conf, .next = node->fading };
		node->fading = f;
	}
	if (!f || epoch_retire(&node->shared.epoch, close_listeners, f))
		log_error("no memory: a retired snapshot is never freed");
}

/* ---- into force ---- */

static void wake_workers(struct node *node)
{
	for (unsigned i = 0; i <= DP_STREAM; i++)
		if (node->shared.worker[i])
			dp_worker_wake(node->shared.worker[i]);
}

int snapshot_commit(struct node *node, struct dp_conf *conf, char *error, size_t size)
{
	struct dp_conf *old;
	int err;

	hold_servers(node, conf);
	err = configure_filter(node, conf);
	if (err) {
		snprintf(error, size, "filter: listen addresses and servers do not fit: %s",
			 strerror(-err));
		unhold_servers(node, conf);
		return err;
	}
	old = atomic_exchange(&node->shared.conf, conf);
	wake_workers(node);
	if (old)
		retire(node, old);
	return 0;
}

void snapshot_discard(struct node *node, struct dp_conf *conf)
{
	dp_conf_free(conf);
	sweep_registry(node);
}

static void stop_probe(struct node *node, unsigned index)
{
	if (node->probe[index])
		probe_stop(node->probe[index]);
	node->probe[index] = NULL;
}

/* A server without a probe counts as up. */
static void follow_probe(struct node *node, struct pool_server *server, const struct pool_probe *conf)
{
	struct probe **probe = &node->probe[server->index];
	const char *error = "";

	if (!conf->name[0]) {
		stop_probe(node, server->index);
		pool_server_set_up(server, true, "", node->loop.now_ns);
		return;
	}
	if (*probe && probe_change(*probe, conf) == 0)
		return;
	stop_probe(node, server->index);
	*probe = probe_start(&node->loop, server, conf, NULL, NULL, &error);
	if (!*probe)
		log_error("pool %s: a server is not probed: %s", server->pool_name, error);
}

void snapshot_follow_servers(struct node *node)
{
	const struct dp_conf *conf = node_conf(node);
	struct pool_server *servers[POOL_SERVERS_MAX];
	bool wanted[POOL_SERVERS_MAX] = { false };
	unsigned n = 0;

	for (unsigned p = 0; p < conf->n_pools; p++) {
		for (unsigned m = 0; m < conf->pools[p]->members; m++) {
			struct pool_server *server = conf->pools[p]->member[m];

			if (wanted[server->index])
				continue;
			wanted[server->index] = true;
			servers[n++] = server;
			follow_probe(node, server, &conf->pools[p]->probe);
		}
	}
	for (unsigned i = 0; i < POOL_SERVERS_MAX; i++)
		if (!wanted[i])
			stop_probe(node, i);
	if (node->neigh && neigh_follow(node->neigh, servers, n))
		log_error("next hops of the servers cannot be followed");
}

/* ---- the end ---- */

void snapshot_stop_probes(struct node *node)
{
	for (unsigned i = 0; i < POOL_SERVERS_MAX; i++)
		stop_probe(node, i);
}

void snapshot_free_all(struct node *node)
{
	struct dp_conf *conf = atomic_exchange(&node->shared.conf, NULL);

	/* What waits for an epoch is handed on: listeners to the fade, the rest to release(). */
	epoch_fini(&node->shared.epoch);
	while (node->fading) {
		loop_timer_stop(&node->loop, &node->fading->timer);
		release(node->fading);
	}
	dp_conf_free(conf);
}
