/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hellostatus.c - what is known of the other node, as JSON. Contract in hellostatus.h.
 */
#include "node/hellostatus.h"

#include "base/clock.h"
#include "base/counters.h"
#include "base/health.h"
#include "dataplane/cache.h"
#include "node/document.h"
#include "node/hello.h"
#include "node/node.h"
#include "node/vrrp.h"

static const char *const kinds[] = {
	[HEALTH_FAULT] = "fault",
	[HEALTH_WEIGHT] = "weight",
	[HEALTH_NOTICE] = "notice",
};

static const char *const reaches[] = {
	[HELLO_REACH_UNKNOWN] = "unknown",
	[HELLO_REACH_ARRIVES] = "arrives",
	[HELLO_REACH_DEAF] = "deaf",
};

void hellostatus_figures(void *context, struct hello_figures *figures)
{
	const struct node *node = context;
	struct dp_cache_stats cache = { 0 };

	for (unsigned i = 0; i <= DP_STREAM; i++)
		if (node->shared.worker[i])
			figures->queries += counters_read(&node->shared.worker[i]->counters[DP_COUNT_QUERIES]);
	if (node->shared.cache)
		dp_cache_stats(node->shared.cache, &cache);
	figures->uptime_ms = (clock_mono_ns() - node->started_ns) / CLOCK_NS_PER_MS;
	figures->cache_entries = cache.entries;
	figures->cache_octets = cache.memory;
}

static uint64_t ms_since(uint64_t then_ns, uint64_t now_ns)
{
	return now_ns > then_ns ? (now_ns - then_ns) / CLOCK_NS_PER_MS : 0;
}

static json_t *rejected_object(const uint64_t *counts)
{
	json_t *object = json_object();

	for (unsigned i = HELLO_ACCEPTED + 1; i < HELLO_VERDICT_COUNT; i++)
		document_count(object, hello_verdict_name((enum hello_verdict)i), counts[i]);
	return object;
}

static json_t *path_object(const struct hello_path_status *path, uint64_t now_ns)
{
	json_t *object = json_object();
	char text[ENDPOINT_TEXT_MAX];

	document_text(object, "path", path->name);
	document_text(object, "peer", endpoint_format(&path->peer, text, sizeof(text)));
	document_text(object, "interface", path->interface);
	document_flag(object, "alive", path->alive);
	document_text(object, "trouble", path->trouble);
	if (path->heard_ns)
		document_count(object, "heard_ms", ms_since(path->heard_ns, now_ns));
	document_count(object, "sent", path->sent);
	document_count(object, "send_errors", path->send_errors);
	document_count(object, "accepted", path->counts[HELLO_ACCEPTED]);
	document_count(object, "sessions", path->sessions);
	json_object_set_new(object, "rejected", rejected_object(path->counts));
	return object;
}

static void put_counterpart(json_t *object, const struct hello_router *r)
{
	document_text(object, "state", vrrp_state_name((enum vrrp_state)r->state));
	document_flag(object, "released", r->released);
	document_count(object, "priority", r->priority);
	document_count(object, "effective_priority", r->effective);
	document_count(object, "interval_cs", r->interval_cs);
	document_flag(object, "virtual_mac", r->virtual_mac);
	document_text(object, "group", r->group);
	if (r->advert_age_ms != HELLO_NEVER)
		document_count(object, "advert_age_ms", r->advert_age_ms);
}

/* One of our virtual routers: what we are in it, and the peer. */
static json_t *router_object(const struct node *node, unsigned i)
{
	const struct vrrp_conf *conf = node_vrrp_conf(node->vrrp, i);
	json_t *object = json_object(), *peer = json_null(), *own = json_object();
	struct hello_router_status known;
	struct vrrp_status status;

	node_vrrp_status(node->vrrp, i, &status);
	hello_router_status(node->hello, i, &known);
	document_text(object, "interface", conf->interface);
	document_count(object, "vrid", conf->vrid);
	document_text(object, "family", vrrp_is_ipv6(conf) ? "ipv6" : "ipv4");
	document_text(own, "state", vrrp_state_name(status.state));
	document_count(own, "priority", conf->priority);
	document_count(own, "effective_priority", status.effective_priority);
	json_object_set_new(object, "own", own);
	if (known.peer) {
		peer = json_object();
		put_counterpart(peer, known.peer);
	}
	json_object_set_new(object, "peer", peer);
	document_flag(object, "held", status.held);
	document_count(object, "holds", status.holds);
	document_text(object, "own_virtual_mac", reaches[known.reach]);
	document_count(object, "probes_sent", known.probes_sent);
	document_count(object, "probes_seen", known.probes_seen);
	document_count(object, "probes_missed", known.probes_missed);
	return object;
}

static json_t *differing_list(const struct hello_status *s)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < CONFHASH_COUNT; i++)
		if (s->differ & 1u << i)
			json_array_append_new(list, json_string(confhash_name((enum confhash_part)i)));
	return list;
}

static json_t *conditions_list(const struct hello_message *m)
{
	json_t *list = json_array(), *object;

	for (unsigned i = 0; i < m->n_conditions; i++) {
		object = json_object();
		document_text(object, "name", m->condition[i].name);
		document_text(object, "kind", kinds[m->condition[i].kind]);
		json_array_append_new(list, object);
	}
	return list;
}

static void put_message(json_t *object, const struct hello_message *m)
{
	char utc[32];

	clock_format_utc(m->wall_ns, utc, sizeof(utc));
	document_text(object, "name", m->name);
	document_text(object, "program", m->prelude.program);
	document_count(object, "hello_version", m->prelude.version);
	document_text(object, "time", utc);
	document_count(object, "uptime_ms", m->uptime_ms);
	document_count(object, "queries", m->queries);
	document_count(object, "cache_entries", m->cache_entries);
	document_count(object, "cache_octets", m->cache_octets);
	document_flag(object, "faulty", m->faulty);
	document_count(object, "failed", m->failed);
	json_object_set_new(object, "conditions", conditions_list(m));
}

static void put_unpaired(json_t *object, const struct hello_prelude *p)
{
	document_text(object, "program", p->program);
	document_count(object, "hello_version", p->version);
}

json_t *hellostatus_peer(const struct node *node)
{
	json_t *object = json_object(), *paths = json_array(), *routers = json_array();
	uint64_t now_ns = clock_mono_ns();
	struct hello_status s;

	document_flag(object, "configured", node->hello);
	if (!node->hello)
		goto out;
	hello_status(node->hello, &s);
	document_flag(object, "alive", s.alive);
	document_count(object, "since_ms", ms_since(s.since_ns, now_ns));
	if (s.heard_ns)
		document_count(object, "heard_ms", ms_since(s.heard_ns, now_ns));
	document_flag(object, "paired", s.alive && !s.unpaired);
	if (s.message) {
		put_message(object, s.message);
		json_object_set_new(object, "skew_ms", json_integer(s.skew_ns / CLOCK_NS_PER_MS));
	}
	if (s.unpaired)
		put_unpaired(object, s.unpaired);
	document_flag(object, "compared", s.compared);
	json_object_set_new(object, "differs", differing_list(&s));
	for (unsigned i = 0; i < s.paths; i++)
		json_array_append_new(paths, path_object(&s.path[i], now_ns));
	for (unsigned i = 0; node->vrrp && i < node_vrrp_count(node->vrrp); i++)
		if (node_vrrp_conf(node->vrrp, i))
			json_array_append_new(routers, router_object(node, i));
out:
	json_object_set_new(object, "paths", paths);
	json_object_set_new(object, "routers", routers);
	return object;
}
