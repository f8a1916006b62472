/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * config.c - reads the configuration file and checks what no single key can show. Contract in config.h.
 *
 * Order: the text is parsed, every key is stored by the table (settings.c), then the checks below compare keys
 * with each other, and the suffix files are read last. A stage with mistakes is the last one, because the
 * next would only repeat them in other words.
 */
#include "node/config.h"

#include <errno.h>
#include <ldns/ldns.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "node/mistake.h"
#include "node/routerconf.h"
#include "node/schema.h"
#include "node/settings.h"
#include "node/source.h"
#include "node/suffixes.h"
#include "node/trackconf.h"
#include "pools/name.h"
#include "pools/suffix.h"

enum {
	PORTS_PER_WORKER_MIN = 64,
	CACHE_MEMORY_MIN = 8 << 20,
	V4_BITS_AT = 96,
	BLOCK_V4_LEN_MIN = 8, BLOCK_V6_LEN_MIN = 16,
};

int config_pool(const struct config *config, const char *name)
{
	for (size_t i = 0; i < config->n_pools; i++) {
		if (strcmp(config->pools[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

int config_name(const char *text, struct name *name)
{
	for (const char *c = text; *c; c++) {
		if (*c <= ' ' || *c > '~')
			return -EINVAL;
	}
	return name_from_text(text, name);
}

int config_rr_type(const char *text, uint16_t *type)
{
	ldns_rr_type found = ldns_get_rr_type_by_name(text);

	/* RFC 6895, 3.1: 128-255 are for questions and meta data, and so is OPT */
	if (found == 0 || found == LDNS_RR_TYPE_OPT || (found >= 128 && found <= 255))
		return -EINVAL;
	*type = (uint16_t)found;
	return 0;
}

int config_rcode(const char *text, int16_t *rcode)
{
	const ldns_lookup_table *found = ldns_lookup_by_name(ldns_rcodes, text);

	if (!found)
		return -EINVAL;
	*rcode = (int16_t)found->id;
	return 0;
}

const char *config_block_fault(const struct prefix *prefix)
{
	static const struct addr loopback_v4 = { .bytes = { [10] = 0xff, [11] = 0xff, [12] = 127 } };
	static const struct addr loopback_v6 = { .bytes = { [15] = 1 } };
	bool is_v4 = addr_is_v4(&prefix->addr);

	if (prefix_contains(prefix, &loopback_v4) || prefix_contains(prefix, &loopback_v6) ||
	    (is_v4 && prefix->addr.bytes[12] == loopback_v4.bytes[12]))
		return "holds a loopback address, which this node checks itself from";
	if (prefix->len < (is_v4 ? V4_BITS_AT + BLOCK_V4_LEN_MIN : BLOCK_V6_LEN_MIN))
		return "is too wide, must be a /8 or longer, a /16 for IPv6";
	return NULL;
}

static bool is_set(const struct addr *addr)
{
	static const struct addr none;

	return !addr_equal(addr, &none);
}

bool config_has_peer(const struct config *config)
{
	return is_set(&config->peer.address);
}

bool config_has_second_path(const struct config *config)
{
	return is_set(&config->peer.second_address);
}

int config_router(const struct config *config, const struct addr *address)
{
	for (size_t i = 0; i < config->n_vrrp; i++) {
		const struct config_addrs *addresses = &config->vrrp[i].addresses;

		for (size_t j = 0; j < addresses->n; j++) {
			if (addr_equal(&addresses->item[j], address))
				return (int)i;
		}
	}
	return -1;
}

static bool is_power_of_two(uint32_t n)
{
	return n && !(n & (n - 1));
}

/* Letters, digits and what else is allowed. */
static bool is_word(const char *text, const char *also)
{
	for (; *text; text++) {
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", *text) &&
		    !strchr(also, *text))
			return false;
	}
	return true;
}

static void check_cpus(struct settings *s, const struct config *config)
{
	const struct config_ints *cpus = &config->cpus;

	if (cpus->n && cpus->n != config->workers)
		settings_mistake(s, "node.cpus", "names %zu CPUs for %u workers, must be one each; set "
				 "workers = %zu", cpus->n, config->workers, cpus->n);
	for (size_t i = 0; i < cpus->n; i++) {
		for (size_t j = 0; j < i; j++) {
			if (cpus->item[i] == cpus->item[j])
				MISTAKE_IN(s, i, "node.cpus", "", "CPU %u is given twice", cpus->item[i]);
		}
	}
}

static void check_node(struct settings *s, struct config *config)
{
	if (!is_word(config->node_name, "._-"))
		settings_mistake(s, "node.name", "must be letters, digits, '.', '_' and '-'");
	if (!is_power_of_two(config->inflight))
		settings_mistake(s, "node.inflight", "%u must be a power of two", config->inflight);
	if (!is_power_of_two(config->ring_size))
		settings_mistake(s, "xdp.ring_size", "%u must be a power of two", config->ring_size);
	if (config->frame_size != 2048 && config->frame_size != 4096)
		settings_mistake(s, "xdp.frame_size", "%u must be 2048 or 4096", config->frame_size);
	if (config->control_socket[0] != '/')
		settings_mistake(s, "control.socket", "must be an absolute path");
	if (config->hang_ms < config->check_interval_ms)
		settings_mistake(s, "self_check.hang_ms", "%u must not be below interval_ms, which is %u",
				 config->hang_ms, config->check_interval_ms);
	check_cpus(s, config);
}

static void check_interfaces(struct settings *s, struct config *config)
{
	int sides = 0;

	for (size_t i = 0; i < config->n_interfaces; i++) {
		const char *name = config->interfaces[i].name;

		sides |= config->interfaces[i].side;
		if (strpbrk(name, "/ \t:") || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
			MISTAKE_IN(s, i, "interfaces", "name", "\"%s\" is no name of a network device", name);
		for (size_t j = 0; j < i; j++) {
			if (strcmp(name, config->interfaces[j].name) == 0)
				MISTAKE_IN(s, i, "interfaces", "name", "\"%s\" is given twice", name);
		}
	}
	if (config->io == CONFIG_IO_XDP && sides != DP_SIDE_BOTH)
		settings_mistake(s, "interfaces", "with io = \"xdp\" one must have side \"client\" or \"both\", "
				 "and one side \"server\" or \"both\"");
}

static void check_source_ports(struct settings *s, struct config *config)
{
	uint32_t first = config->source_port_first, count = config->source_port_count;

	if (!is_power_of_two(count))
		settings_mistake(s, "source_ports.count", "%u must be a power of two", count);
	if (first + count > 65536)
		settings_mistake(s, "source_ports.count", "%u ports from %u end at %u, must end at 65535 or "
				 "below", count, first, first + count - 1);
	if (count < config->workers * PORTS_PER_WORKER_MIN)
		settings_mistake(s, "source_ports.count", "%u are too few for %u workers, must be at least %u",
				 count, config->workers, config->workers * PORTS_PER_WORKER_MIN);
}

const char *config_address_fault(const struct addr *addr)
{
	if (addr_is_special(addr) && !addr_is_loopback(addr))
		return "must be the address of one host";
	if (addr_is_link_local(addr))
		return "must not be a link-local address";
	return NULL;
}

static void check_listens(struct settings *s, struct config *config)
{
	uint32_t first = config->source_port_first, last = first + config->source_port_count - 1;

	for (size_t i = 0; i < config->n_listens; i++) {
		const struct config_listen *listen = &config->listens[i];
		const char *fault = config_address_fault(&listen->address);

		if (fault)
			MISTAKE_IN(s, i, "listen", "address", "%s", fault);
		if (listen->port >= first && listen->port <= last)
			MISTAKE_IN(s, i, "listen", "port", "%u lies inside source_ports, %u-%u",
				   listen->port, first, last);
		for (size_t j = 0; j < i; j++) {
			if (addr_equal(&listen->address, &config->listens[j].address) &&
			    listen->port == config->listens[j].port)
				MISTAKE_IN(s, i, "listen", "address", "same address and port as listen[%zu]", j);
		}
	}
}

static void check_peer_address(struct settings *s, const struct config *config, const char *path,
			       const struct addr *address)
{
	const char *fault = config_address_fault(address);

	if (!fault && addr_is_loopback(address))
		fault = "must not be a loopback address";
	if (!fault && config_router(config, address) >= 0)
		fault = "is a shared address, must be the other node's own";
	for (size_t i = 0; i < config->n_listens && !fault; i++)
		if (addr_equal(address, &config->listens[i].address))
			fault = "is this node's own (it stands in listen), must be the other node's";
	if (fault)
		settings_mistake(s, path, "%s", fault);
}

static void check_peer_port(struct settings *s, const struct config *config)
{
	uint32_t port = config->peer.port, first = config->source_port_first;

	if (config->io == CONFIG_IO_XDP && port - first < config->source_port_count)
		settings_mistake(s, "peer.port", "%u lies inside source_ports, %u-%u", port, first,
				 first + config->source_port_count - 1);
	for (size_t i = 0; i < config->n_listens; i++) {
		if (port != config->listens[i].port)
			continue;
		settings_mistake(s, "peer.port", "%u is the port of listen[%zu], must be another", port, i);
		break;
	}
}

static void check_peer(struct settings *s, struct config *config)
{
	struct config_peer *peer = &config->peer;
	char where[CONFIG_WHERE_MAX - SETTINGS_PATH_MAX];

	if (!settings_given(s, "peer"))
		return;
	check_peer_address(s, config, "peer.address", &peer->address);
	check_peer_port(s, config);
	if (peer->secret[0] != '/')
		settings_mistake(s, "peer.secret", "must be an absolute path");
	snprintf(peer->where, sizeof(peer->where), "%s: peer", settings_where(s, "peer", where, sizeof(where)));
	if (!settings_given(s, "peer.second"))
		return;
	check_peer_address(s, config, "peer.second.address", &peer->second_address);
	if (addr_equal(&peer->address, &peer->second_address) &&
	    strcmp(peer->interface, peer->second_interface) == 0)
		settings_mistake(s, "peer.second",
				 "is the same way as the first, must have another address or interface");
}

static void check_server(struct settings *s, const struct config *config, const struct config_pool *pool,
			 const char *list, size_t i)
{
	const struct config_server *server = &pool->servers[i];
	const char *fault = config_address_fault(&server->address);

	if (fault)
		MISTAKE_IN(s, i, list, "address", "%s", fault);
	else if (config->io == CONFIG_IO_XDP && addr_is_loopback(&server->address))
		MISTAKE_IN(s, i, list, "address", "with io = \"xdp\" a server must be another host");
	for (size_t j = 0; j < config->n_listens; j++) {
		const struct config_listen *listen = &config->listens[j];

		if (!addr_equal(&server->address, &listen->address))
			continue;
		if (server->port == listen->port)
			MISTAKE_IN(s, i, list, "address", "is listen[%zu]: queries would go round in a loop", j);
		else if (config->io == CONFIG_IO_XDP && !addr_is_loopback(&server->address))
			MISTAKE_IN(s, i, list, "address", "is this node's own (listen[%zu]); with io = \"xdp\" "
				   "a server must be another host", j);
	}
	for (size_t j = 0; j < i; j++) {
		if (addr_equal(&server->address, &pool->servers[j].address) &&
		    server->port == pool->servers[j].port)
			MISTAKE_IN(s, i, list, "address", "same address and port as servers[%zu]", j);
	}
}

static void check_probe(struct settings *s, const struct config_probe *probe, size_t pool)
{
	struct name name;
	uint16_t type;
	int16_t rcode;

	if (!probe->name[0])
		return;
	if (config_name(probe->name, &name))
		MISTAKE_IN(s, pool, "pools", "probe.name", "\"%.64s\" is no domain name", probe->name);
	if (config_rr_type(probe->type, &type))
		MISTAKE_IN(s, pool, "pools", "probe.type", "\"%s\" is no type a server can be asked for, must be "
			   "a name like \"SOA\" or TYPEnnn", probe->type);
	if (config_rcode(probe->rcode, &rcode))
		MISTAKE_IN(s, pool, "pools", "probe.rcode", "\"%s\" is no response code, must be a name like "
			   "\"NOERROR\"", probe->rcode);
	if (probe->timeout_ms > probe->interval_ms)
		MISTAKE_IN(s, pool, "pools", "probe.timeout_ms", "%u must not exceed interval_ms, which is %u",
			   probe->timeout_ms, probe->interval_ms);
}

static void check_pool_cache(struct settings *s, const struct config_pool *pool, size_t i)
{
	const struct pool_cache *cache = &pool->cache;

	if (cache->min_ttl > cache->max_ttl)
		MISTAKE_IN(s, i, "pools", "cache.min_ttl", "%u must not be over max_ttl, which is %u",
			   cache->min_ttl, cache->max_ttl);
	if (cache->no_age && pool->kind != POOL_AUTHORITATIVE)
		MISTAKE_IN(s, i, "pools", "cache.no_age", "is for authoritative pools only");
}

static void check_cache(struct settings *s, struct config *config)
{
	if (config->cache_memory && config->cache_memory < CACHE_MEMORY_MIN)
		settings_mistake(s, "cache.memory", "%llu is out of range, must be 0 or at least \"8M\"",
				 (unsigned long long)config->cache_memory);
}

static void check_pools(struct settings *s, struct config *config)
{
	size_t servers = 0;

	for (size_t i = 0; i < config->n_pools; i++) {
		const struct config_pool *pool = &config->pools[i];
		char list[SETTINGS_PATH_MAX];

		if (!is_word(pool->name, "_-"))
			MISTAKE_IN(s, i, "pools", "name", "must be letters, digits, '_' and '-'");
		if (config_pool(config, pool->name) != (int)i)
			MISTAKE_IN(s, i, "pools", "name", "\"%s\" is the name of pools[%d] too", pool->name,
				   config_pool(config, pool->name));
		key_of("pools", i, "servers", list);
		for (size_t j = 0; j < pool->n_servers; j++)
			check_server(s, config, pool, list, j);
		servers += pool->n_servers;
		check_probe(s, &pool->probe, i);
		check_pool_cache(s, pool, i);
	}
	if (servers > POOL_SERVERS_MAX)
		settings_mistake(s, "pools", "have %zu servers together, must be at most %d", servers,
				 POOL_SERVERS_MAX);
}

static void check_acl_twins(struct settings *s, const struct config_prefixes *acl, const char *list)
{
	char text[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < acl->n; i++) {
		const struct prefix *prefix = &acl->item[i].prefix;

		for (size_t j = 0; j < i; j++) {
			const struct prefix *other = &acl->item[j].prefix;

			if (prefix->len == other->len && addr_equal(&prefix->addr, &other->addr))
				MISTAKE_IN(s, i, list, "", "%s is given twice",
					   prefix_format(prefix, text, sizeof(text)));
		}
	}
}

static void check_acl(struct settings *s, struct config *config)
{
	for (size_t i = 0; i < config->n_pools; i++) {
		if (config->pools[i].kind == POOL_RECURSIVE && !config->acl[POOL_RECURSIVE].n) {
			settings_mistake(s, "acl.recursive", "missing, required by the recursive pool \"%s\"; list "
					 "your clients, like [ \"10.0.0.0/8\" ]", config->pools[i].name);
			break;
		}
	}
	check_acl_twins(s, &config->acl[POOL_RECURSIVE], "acl.recursive");
	check_acl_twins(s, &config->acl[POOL_AUTHORITATIVE], "acl.authoritative");
	check_acl_twins(s, &config->acl_update, "acl.update");
}

/* Lists of clients that none is taken out of. */
static void check_clients(struct settings *s, const struct config_prefixes *clients, const char *list)
{
	for (size_t i = 0; i < clients->n; i++) {
		if (!clients->item[i].allow)
			MISTAKE_IN(s, i, list, "", "\"!\" has no meaning here, must be a prefix");
	}
	check_acl_twins(s, clients, list);
}

static void check_deny(struct settings *s, struct config *config)
{
	const struct config_prefixes *deny = &config->deny;
	char text[PREFIX_TEXT_MAX];

	check_clients(s, deny, "deny");
	for (size_t i = 0; i < deny->n; i++) {
		const char *fault = config_block_fault(&deny->item[i].prefix);

		if (fault)
			MISTAKE_IN(s, i, "deny", "", "%s %s", prefix_format(&deny->item[i].prefix, text, sizeof(text)),
				   fault);
	}
}

static void check_rate(struct settings *s, const struct dp_limit_kind *kind, const char *path)
{
	if (kind->qps && kind->burst > (uint64_t)kind->qps * DP_LIMIT_BURST_MAX_S)
		settings_mistake(s, path, "%u must be at most %d times qps, which is %u", kind->burst,
				 DP_LIMIT_BURST_MAX_S, kind->qps);
}

/* Each is wider than the one before and lets more through. */
static void check_wider(struct settings *s, const struct dp_limit_conf *limit)
{
	struct dp_limit_wider before = { limit->ipv4_prefix, limit->ipv6_prefix, 1 };

	for (size_t i = 0; i < limit->n_wider; i++) {
		const struct dp_limit_wider *wider = &limit->wider[i];

		if (wider->ipv4_prefix >= before.ipv4_prefix)
			MISTAKE_IN(s, i, "limit.wider", "ipv4_prefix", "%u must be below %u, the one before",
				   wider->ipv4_prefix, before.ipv4_prefix);
		if (wider->ipv6_prefix >= before.ipv6_prefix)
			MISTAKE_IN(s, i, "limit.wider", "ipv6_prefix", "%u must be below %u, the one before",
				   wider->ipv6_prefix, before.ipv6_prefix);
		if (wider->factor < before.factor)
			MISTAKE_IN(s, i, "limit.wider", "factor", "%u must not be below %u, the one before",
				   wider->factor, before.factor);
		before = *wider;
	}
}

static bool is_same_prefix(const struct prefix *a, const struct prefix *b)
{
	return a->len == b->len && addr_equal(&a->addr, &b->addr);
}

static void check_override(struct settings *s, const struct dp_limit_conf *limit, size_t i)
{
	const struct prefix *prefix = &limit->overrides[i].prefix;
	char text[PREFIX_TEXT_MAX];

	prefix_format(prefix, text, sizeof(text));
	for (size_t j = 0; j < i; j++) {
		if (is_same_prefix(prefix, &limit->overrides[j].prefix))
			MISTAKE_IN(s, i, "limit.override", "prefix", "%s is given twice", text);
	}
	for (size_t j = 0; j < limit->n_exempt; j++) {
		if (is_same_prefix(prefix, &limit->exempt[j].prefix))
			MISTAKE_IN(s, i, "limit.override", "prefix", "%s is in limit.exempt already", text);
	}
}

static void check_limit(struct settings *s, struct config *config)
{
	const struct dp_limit_conf *limit = &config->limit;
	const struct config_prefixes exempt = { limit->exempt, limit->n_exempt };

	check_rate(s, &limit->kind[POOL_RECURSIVE], "limit.recursive.burst");
	check_rate(s, &limit->kind[POOL_AUTHORITATIVE], "limit.authoritative.burst");
	check_wider(s, limit);
	check_clients(s, &exempt, "limit.exempt");
	for (size_t i = 0; i < limit->n_overrides; i++)
		check_override(s, limit, i);
	if (config->block.automatic && !limit->kind[POOL_RECURSIVE].qps && !limit->kind[POOL_AUTHORITATIVE].qps)
		settings_mistake(s, "limit.block.automatic", "needs a limit: set limit.recursive.qps or "
				 "limit.authoritative.qps");
}

/* From the path as written to one that can be opened from here. */
static void resolve_file(struct settings *s, struct config_route *route, size_t i)
{
	char path[SETTINGS_PATH_MAX], resolved[sizeof(route->file)];

	key_of("routes", i, "file", path);
	if (source_resolve(settings_file(s, path), route->file, resolved, sizeof(resolved)))
		settings_mistake(s, path, "the path is too long");
	else
		memcpy(route->file, resolved, sizeof(resolved));
}

static void check_routes(struct settings *s, struct config *config)
{
	for (size_t i = 0; i < config->n_routes; i++) {
		struct config_route *route = &config->routes[i];

		if (config_pool(config, route->pool) < 0)
			MISTAKE_IN(s, i, "routes", "pool", "there is no pool \"%s\"", route->pool);
		if (!route->suffixes.n && !route->file[0])
			MISTAKE_IN(s, i, "routes", "", "must have suffixes, or a file of them");
		if (route->file[0])
			resolve_file(s, route, i);
	}
}

/* Everything that is compared with something else. 0, -EINVAL or -ENOMEM. */
static int check(struct settings *s, struct config *config, char *error, size_t size)
{
	static void (*const checks[])(struct settings *s, struct config *config) = {
		check_node, check_interfaces, check_source_ports, check_listens,
		routerconf_check, trackconf_check, check_peer, check_pools, check_acl, check_deny, check_limit,
		check_routes,
		check_cache,
	};
	struct suffix_table *table;
	int err;

	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		checks[i](s, config);
	if (settings_mistakes(s))
		return -EINVAL;
	err = suffixes_build(config, s, &table, error, size);
	if (!err)
		suffix_table_free(table);
	if (!err && config_has_peer(config))
		err = confhash_fill(config, config->part);
	if (err && !error[0])
		snprintf(error, size, "%.400s: routes: a list of suffixes changed while it was read", config->path);
	return err;
}

int config_load(const char *path, struct config **config, char *error, size_t size)
{
	struct config *new = calloc(1, sizeof(*new));
	struct settings *settings = NULL;
	int err = -ENOMEM;

	if (!new)
		goto err_say;
	err = -ENAMETOOLONG;
	if ((size_t)snprintf(new->path, sizeof(new->path), "%s", path) >= sizeof(new->path))
		goto err_say;
	err = settings_open(path, &settings, error, size);
	if (err)
		goto err_free;
	err = settings_fill(settings, schema_root, new);
	if (!settings_given(settings, "edns.nsid"))
		memcpy(new->nsid, new->node_name, sizeof(new->nsid));
	if (!err)
		err = check(settings, new, error, size);
	settings_close(settings);
	for (size_t i = 0; i < new->n_vrrp; i++)
		new->vrrp[i].place = (uint8_t)i;
	if (err == -ENOMEM)
		goto err_say;
	if (err)
		goto err_free;
	*config = new;
	return 0;

err_say:
	snprintf(error, size, "%.256s: %s", path, strerror(-err));
err_free:
	config_free(new);
	return err;
}

void config_free(struct config *config)
{
	if (!config)
		return;
	schema_clear(schema_root, config);
	free(config);
}

static void list_restarts(const struct schema_key *keys, const char *prefix, const void *old, const void *new,
			  char *list, size_t size);

static bool is_routers(const struct schema_key *key)
{
	return key == schema_find(schema_root, "vrrp");
}

static bool some_need_restart(const struct schema_key *keys)
{
	for (; keys->name; keys++) {
		if (keys->restart)
			return true;
	}
	return false;
}

/* The same for the elements of a list, by their positions. */
static void list_element_restarts(const struct schema_key *key, const char *prefix, const void *old,
				  const void *new, char *list, size_t size)
{
	struct schema_array a = schema_array_get((const char *)old + key->offset);
	struct schema_array b = schema_array_get((const char *)new + key->offset);
	char path[SETTINGS_PATH_MAX];
	size_t at = strlen(list);

	if (!some_need_restart(key->children))
		return;
	if (a.n != b.n) {
		snprintf(list + at, size - at, "%s%s%s", at ? ", " : "", prefix, key->name);
		return;
	}
	for (size_t i = 0; i < a.n; i++) {
		snprintf(path, sizeof(path), "%s%s[%zu].", prefix, key->name, i);
		list_restarts(key->children, path, (const char *)a.item + i * key->size,
			      (const char *)b.item + i * key->size, list, size);
	}
}

/* Appends the keys that differ and need a restart to list. */
static void list_restarts(const struct schema_key *keys, const char *prefix, const void *old, const void *new,
			  char *list, size_t size)
{
	char path[SETTINGS_PATH_MAX];

	for (; keys->name; keys++) {
		size_t at = strlen(list);

		if (keys->restart && !schema_same(keys, old, new))
			snprintf(list + at, size - at, "%s%s%s", at ? ", " : "", prefix, keys->name);
		if (!keys->restart && keys->type == SCHEMA_GROUP) {
			snprintf(path, sizeof(path), "%s%s.", prefix, keys->name);
			list_restarts(keys->children, path, (const char *)old + keys->offset,
				      (const char *)new + keys->offset, list, size);
		}
		if (!keys->restart && keys->type == SCHEMA_LIST && !is_routers(keys))
			list_element_restarts(keys, prefix, old, new, list, size);
	}
}

/* Those that both have; others come and go. The first one needs what only a start gives, and without any it is idle. */
static void list_router_restarts(const struct schema_key *key, const struct config *old, const struct config *new,
				 char *list,
				 size_t size)
{
	char path[SETTINGS_PATH_MAX];
	size_t at = strlen(list);

	if (!old->n_vrrp != !new->n_vrrp)
		snprintf(list + at, size - at, "%s%s", at ? ", " : "", key->name);
	for (size_t i = 0; i < new->n_vrrp; i++) {
		const struct config_vrrp *same = routerconf_find(old, &new->vrrp[i]);

		snprintf(path, sizeof(path), "%s[%zu].", key->name, i);
		if (same)
			list_restarts(key->children, path, same, &new->vrrp[i], list, size);
	}
}

bool config_may_reload(const struct config *old, const struct config *new, char *error, size_t size)
{
	char list[512] = "";

	list_restarts(schema_root, "", old, new, list, sizeof(list));
	list_router_restarts(schema_find(schema_root, "vrrp"), old, new, list, sizeof(list));
	if (!list[0])
		return true;
	snprintf(error, size, "%.400s: a change of these keys needs a restart: %s", new->path, list);
	return false;
}
