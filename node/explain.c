/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explain.c - the fate of a query. Contract in explain.h. Keep in step with the passes "route", "admit" and
 * "choose" of dataplane/passes.c and attempts.c.
 */
#include "node/explain.h"

#include <stdbool.h>	/* before ldns, which has a bool of its own otherwise */
#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "dataplane/acl.h"
#include "dataplane/limit.h"
#include "dataplane/neigh.h"
#include "dataplane/query.h"
#include "node/clients.h"
#include "node/document.h"
#include "node/node.h"
#include "pools/name.h"
#include "pools/policy.h"
#include "pools/suffix.h"

enum { TYPE_TKEY = 249, ADDR_BITS = 128 };

struct question {
	struct name name;
	uint16_t type;
	struct addr client;
	bool has_client;
};

bool explain_read_type(const char *text, uint16_t *type)
{
	char number[16];

	*type = (uint16_t)ldns_get_rr_type_by_name(text);
	snprintf(number, sizeof(number), "TYPE%u", *type);
	return *type || strcasecmp(text, number) == 0;
}

/* The member of the request that cannot be read, or NULL. */
static const char *read_question(const json_t *request, struct question *q)
{
	const char *name = json_string_value(json_object_get(request, "name"));
	const char *type = json_string_value(json_object_get(request, "type"));
	const char *client = json_string_value(json_object_get(request, "client"));

	if (!name || name_from_text(name, &q->name))
		return "name";
	if (!type || !explain_read_type(type, &q->type))
		return "type";
	if (client && addr_parse(client, &q->client))
		return "client";
	q->has_client = client;
	return NULL;
}

/* ---- access list ---- */

/* False when the client would be refused. */
static bool put_acl(json_t *object, const struct dp_acl *acl, const struct addr *client)
{
	const struct dp_acl_rule *rule = dp_acl_match(acl, client);
	char text[PREFIX_TEXT_MAX];
	bool allowed = dp_acl_allows(acl, client);

	document_text(object, "acl", allowed ? "allowed" : "refused");
	document_text(object, "acl_rule",
		      rule ? prefix_format(&rule->prefix, text, sizeof(text)) : "");
	return allowed;
}

/* ---- the member it would take ---- */

/* The worker whose view is shown: the first that takes frames, else the stream worker. */
static const struct dp_worker *viewer(const struct node *node)
{
	return node->shared.worker[node->shared.workers ? 0 : DP_STREAM];
}

static const struct dp_next_hop *next_hop(const struct node *node, const struct pool_server *server)
{
	const struct dp_next_hops *hops = atomic_load(&((struct node *)node)->shared.next_hops);

	return node->neigh && hops ? &hops->server[server->index] : NULL;
}

static _Bool is_usable(const struct pool_server *server, void *context)
{
	const struct node *node = context;
	const struct dp_next_hop *hop = next_hop(node, server);

	return !node->neigh || (hop && hop->usable);
}

static const struct pool_server *choose(const struct node *node, const struct pool *pool)
{
	const struct dp_worker *worker = viewer(node);
	uint32_t cursor = worker->cursor[pool->index];	/* a copy: nobody's turn is taken */

	return policy_choose(pool, worker->loads, &cursor, NULL, UINT32_MAX, is_usable, (void *)node);
}

static json_t *member_object(const struct node *node, const struct pool_server *server)
{
	const struct dp_next_hop *hop = next_hop(node, server);
	json_t *object = json_object();
	char text[ENDPOINT_TEXT_MAX];

	document_text(object, "server", endpoint_format(&server->endpoint, text, sizeof(text)));
	document_flag(object, "up", pool_server_is_up(server));
	document_flag(object, "usable", pool_server_is_up(server) && is_usable(server, (void *)node));
	if (node->neigh) {
		document_text(object, "via", neigh_via(node->neigh, server));
		document_text(object, "no_fast_path", neigh_reason(node->neigh, server));
	}
	if (hop && hop->usable)
		document_text(object, "port", node->port[hop->port].name);
	return object;
}

static bool put_members(json_t *object, const struct node *node, const struct pool *pool)
{
	const struct pool_server *taken = choose(node, pool);
	json_t *list = json_array();

	for (unsigned i = 0; i < pool->members; i++) {
		json_t *member = member_object(node, pool->member[i]);

		document_flag(member, "taken", pool->member[i] == taken);
		json_array_append_new(list, member);
	}
	json_object_set_new(object, "servers", list);
	return taken;
}

/* ---- route ---- */

static const struct pool *put_route(json_t *object, const struct dp_conf *conf,
				    const struct question *q)
{
	unsigned depth;
	uint32_t found = suffix_find(conf->suffixes, &q->name, q->type == DNS_TYPE_DS, &depth);
	char text[NAME_TEXT_MAX];
	unsigned at;

	if (found == SUFFIX_NOT_FOUND)
		return NULL;
	at = q->name.offset[q->name.labels - depth];
	document_text(object, "suffix", name_to_text(q->name.wire + at, q->name.len - at, text,
						     sizeof(text)));
	document_count(object, "labels", depth);
	document_text(object, "pool", conf->pools[found]->name);
	document_text(object, "kind", pool_kind_name(conf->pools[found]->kind));
	return conf->pools[found];
}

static bool is_refused_type(uint16_t type)
{
	return type == DNS_TYPE_OPT || (type >= TYPE_TKEY && type <= DNS_TYPE_AXFR);
}

/* Names the outcome by the counter it would end in. */
static const char *find_outcome(json_t *object, const struct node *node, const struct question *q)
{
	const struct dp_conf *conf = node_conf(node);
	const struct pool *pool = put_route(object, conf, q);

	if (q->has_client && clients_blocked_by(node->clients, &(struct prefix){ q->client, ADDR_BITS }))
		return "drop_denied";
	if (!pool)
		return "refused_route";
	if (q->has_client && !put_acl(object, conf->acl[pool->kind], &q->client))
		return "refused_acl";
	if (is_refused_type(q->type))
		return "refused_type";
	if (q->type == DNS_TYPE_ANY && conf->rules.any[pool->kind] != DP_ANY_FORWARD)
		return "local_any";
	if (dp_limit_is_failing(node->shared.limit, conf->limit, dp_limit_parent(&q->name, pool->kind),
				clock_mono_ns()))
		return "limited_name";
	return put_members(object, node, pool) ? "forwarded" : "no_server";
}

static void put_type(json_t *object, uint16_t type)
{
	char *text = ldns_rr_type2str((ldns_rr_type)type);

	document_text(object, "type", text ? text : "");
	free(text);
}

json_t *explain_query(const struct node *node, const json_t *request, char *error, size_t size)
{
	struct question q;
	const char *bad = read_question(request, &q);
	char text[NAME_TEXT_MAX];
	json_t *object;

	if (bad) {
		const char *given = json_string_value(json_object_get(request, bad));

		snprintf(error, size, "query: %s \"%.255s\" cannot be read", bad, given ? given : "");
		return NULL;
	}
	object = json_object();
	document_text(object, "name", name_to_text(q.name.wire, q.name.len, text, sizeof(text)));
	put_type(object, q.type);
	document_text(object, "outcome", find_outcome(object, node, &q));
	return object;
}
