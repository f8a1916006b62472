/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * build.c - turns a checked configuration into the data plane's snapshot. Contract in config.h.
 * Everything here may fail without a trace: sockets are shared with the running snapshot by reference, and
 * servers that the registry did not have before are put back.
 */
#include "node/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "base/lease.h"
#include "dataplane/conf.h"
#include "dataplane/sockio.h"
#include "node/suffixes.h"
#include "pools/local.h"
#include "pools/name.h"

struct build {
	const struct config *config;
	const struct dp_conf *old;
	struct pool_registry *registry;
	uint64_t now_ns;
	struct dp_conf *conf;
	struct pool_server *fresh[POOL_SERVERS_MAX];	/* not in the registry before */
	unsigned n_fresh;
	char *error;
	size_t size;
};

static int out_of_memory(const struct build *build)
{
	snprintf(build->error, build->size, "%.256s: %s", build->config->path, strerror(ENOMEM));
	return -ENOMEM;
}

static int build_listens(struct build *build)
{
	const struct config *config = build->config;
	struct dp_conf *conf = build->conf;

	for (size_t i = 0; i < config->n_listens; i++) {
		struct endpoint endpoint = { config->listens[i].address, (uint16_t)config->listens[i].port };
		struct dp_listen *listen = &conf->listen[i];
		int at = build->old ? dp_conf_listen(build->old, &endpoint.addr, endpoint.port) : -1;
		int router = config_router(config, &endpoint.addr);
		int err = 0;

		*listen = (struct dp_listen){
			.endpoint = endpoint,
			.lease = router >= 0 ? config->vrrp[router].place : LEASE_NONE,
			.only_dns = router >= 0 && config->vrrp[router].accept == CONFIG_ACCEPT_DNS,
		};
		if (at >= 0)
			listen->listener = dp_listener_ref(build->old->listen[at].listener);
		else
			err = dp_listener_open(&listen->listener, &endpoint,
					       config->udp_sockets ? config->udp_sockets : 1, build->error,
					       build->size);
		if (err)
			return err;
		conf->listens++;
	}
	return 0;
}

static bool is_known(const struct pool_registry *registry, const char *pool_name,
		     const struct endpoint *endpoint)
{
	for (unsigned i = 0; i < POOL_SERVERS_MAX; i++) {
		const struct pool_server *server = &registry->servers[i];

		if (server->in_use && endpoint_equal(&server->endpoint, endpoint) &&
		    strcmp(server->pool_name, pool_name) == 0)
			return true;
	}
	return false;
}

static int build_member(struct build *build, struct pool *pool, const struct config_server *from)
{
	struct endpoint endpoint = { from->address, (uint16_t)from->port };
	bool known = is_known(build->registry, pool->name, &endpoint);
	struct pool_server *server;

	server = pool_registry_get(build->registry, pool->name, &endpoint, build->now_ns);
	if (!server) {
		snprintf(build->error, build->size,
			 "%.256s: pools: no place for more servers; those that the last reload removed may "
			 "still be in use, try again", build->config->path);
		return -ENOSPC;
	}
	if (!known)
		build->fresh[build->n_fresh++] = server;
	pool->member[pool->members++] = server;
	return 0;
}

/* The texts were checked by config_load(). */
static int build_probe(struct build *build, struct pool *pool, const struct config_probe *from)
{
	struct pool_probe *probe = &pool->probe;
	struct name *name;

	if (!from->name[0])
		return 0;
	name = malloc(sizeof(*name));
	if (!name)
		return out_of_memory(build);
	build->conf->probe_name[pool->index] = name;
	if (config_name(from->name, name) || config_rr_type(from->type, &probe->type) ||
	    config_rcode(from->rcode, &probe->rcode)) {
		snprintf(build->error, build->size, "%.256s: pools[%u].probe: cannot be built",
			 build->config->path, pool->index);
		return -EINVAL;
	}
	memcpy(probe->name, from->name, sizeof(probe->name));
	probe->interval_ms = from->interval_ms;
	probe->timeout_ms = from->timeout_ms;
	probe->fall = (uint16_t)from->fall;
	probe->rise = (uint16_t)from->rise;
	return 0;
}

static int build_pool(struct build *build, const struct config_pool *from)
{
	struct dp_conf *conf = build->conf;
	struct pool *pool = calloc(1, sizeof(*pool));
	int id = pool_registry_id(build->registry, from->name);
	int err = 0;

	if (!pool)
		return out_of_memory(build);
	if (id < 0) {
		snprintf(build->error, build->size,
			 "%.256s: pools: over %d different names since the start; restart to begin anew",
			 build->config->path, POOL_IDS_MAX);
		free(pool);
		return -ENOSPC;
	}
	pool->id = (uint16_t)id;
	pool->index = conf->n_pools;
	conf->pool_of_id[id] = (uint8_t)(conf->n_pools + 1);
	conf->pools[conf->n_pools++] = pool;
	memcpy(pool->name, from->name, sizeof(pool->name));
	pool->kind = from->kind;
	pool->policy = from->policy;
	pool->timeout_ms = from->timeout_ms;
	pool->retry_percent = from->retry_percent;
	pool->max_outstanding = from->max_outstanding;
	pool->cache = from->cache;
	for (size_t i = 0; i < from->n_servers && !err; i++)
		err = build_member(build, pool, &from->servers[i]);
	return err ? err : build_probe(build, pool, &from->probe);
}

static int build_pools(struct build *build)
{
	int err = 0;

	for (size_t i = 0; i < build->config->n_pools && !err; i++)
		err = build_pool(build, &build->config->pools[i]);
	return err;
}

static int build_suffixes(struct build *build)
{
	return suffixes_build(build->config, NULL, &build->conf->suffixes, build->error, build->size);
}

static void build_rules(struct build *build)
{
	const struct config *config = build->config;
	struct dp_conf *conf = build->conf;

	for (unsigned kind = 0; kind < POOL_KINDS; kind++)
		conf->rules.any[kind] = (uint8_t)config->any[kind];
	conf->rules.rd0_from_cache = config->rd0 == CONFIG_RD0_CACHE_ONLY;
	conf->rules.ignore_trailing = config->trailing == CONFIG_TRAILING_IGNORE;
	conf->rules.edns_fallback = config->edns_fallback;
	conf->edns_size = (uint16_t)config->edns_size;
	conf->nsid_len = (uint8_t)strlen(config->nsid);
	memcpy(conf->nsid, config->nsid, conf->nsid_len);
}

static int build_rest(struct build *build)
{
	const struct config *config = build->config;
	struct dp_conf *conf = build->conf;

	for (unsigned kind = 0; kind < POOL_KINDS; kind++) {
		conf->acl[kind] = dp_acl_new(config->acl[kind].item, config->acl[kind].n);
		if (!conf->acl[kind])
			return out_of_memory(build);
	}
	if (config->deny.n) {
		conf->deny = dp_acl_new(config->deny.item, config->deny.n);
		if (!conf->deny)
			return out_of_memory(build);
	}
	conf->limit = dp_limit_rules_new(&config->limit);
	if (!conf->limit)
		return out_of_memory(build);
	conf->update_acl = dp_acl_new(config->acl_update.item, config->acl_update.n);
	conf->local = local_table_new(config->node_name, config->version_text);
	if (!conf->update_acl || !conf->local)
		return out_of_memory(build);
	build_rules(build);
	conf->tcp_idle_ms = config->tcp_idle_ms;
	conf->tcp_connections = config->tcp_connections;
	conf->generation = build->old ? build->old->generation + 1 : 1;
	return 0;
}

int config_build(const struct config *config, const struct dp_conf *old,
		 struct pool_registry *registry, uint64_t now_ns, struct dp_conf **conf,
		 char *error, size_t size)
{
	static int (*const steps[])(struct build *build) = {
		build_suffixes, build_pools, build_rest, build_listens,
	};
	struct build build = {
		.config = config, .old = old, .registry = registry, .now_ns = now_ns,
		.conf = calloc(1, sizeof(*build.conf)), .error = error, .size = size,
	};
	int err = build.conf ? 0 : out_of_memory(&build);

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !err; i++)
		err = steps[i](&build);
	if (err) {
		dp_conf_free(build.conf);
		for (unsigned i = 0; i < build.n_fresh; i++)
			pool_registry_put(build.fresh[i]);
		return err;
	}
	*conf = build.conf;
	return 0;
}
