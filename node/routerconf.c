/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * routerconf.c - virtual routers against the interfaces, the addresses listened to, and each other. Contract in
 * routerconf.h.
 */
#include "node/routerconf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/config.h"
#include "node/mistake.h"
#include "node/settings.h"
#include "vrrp/engine.h"

/* The filter sits on the interfaces of the fast path only. */
static void check_router_interface(struct settings *s, const struct config *config, size_t i)
{
	const char *name = config->vrrp[i].interface;

	if (config->io == CONFIG_IO_SOCKET)
		return;
	for (size_t j = 0; j < config->n_interfaces; j++) {
		if (strcmp(config->interfaces[j].name, name) != 0)
			continue;
		if (!(config->interfaces[j].side & DP_SIDE_CLIENT))
			MISTAKE_IN(s, i, "vrrp", "interface", "\"%s\" has side \"server\" in interfaces[%zu], must "
				   "be \"client\" or \"both\"", name, j);
		if (config->interfaces[j].vlan)
			MISTAKE_IN(s, i, "vrrp", "interface",
				   "\"%s\" has vlan = %u in interfaces[%zu]: a virtual router "
				   "needs an interface without", name, config->interfaces[j].vlan, j);
		return;
	}
	MISTAKE_IN(s, i, "vrrp", "interface", "\"%s\" is none of the interfaces with side \"client\" or \"both\"",
		   name);
}

static bool is_listened_to(const struct config *config, const struct addr *address)
{
	for (size_t i = 0; i < config->n_listens; i++) {
		if (addr_equal(&config->listens[i].address, address))
			return true;
	}
	return false;
}

/* What a virtual router's address at position j must not be; NULL when it is well. */
static const char *router_address_fault(const struct config_vrrp *router, size_t j)
{
	const struct addr *address = &router->addresses.item[j];

	if (j == 0 && addr_is_link_local(address))
		return NULL;
	if (addr_is_link_local(address))
		return "a link-local address must be the first one, and the only one of its kind";
	if (addr_is_loopback(address))
		return "must not be a loopback address";
	if (addr_is_v4(address) != addr_is_v4(&router->addresses.item[0]))
		return "the first one is of the other family; a virtual router has one, so make another vrrp with the "
		       "same vrid";
	return config_address_fault(address);
}

static void check_router_address(struct settings *s, const struct config *config, size_t i, size_t j)
{
	const struct addr *address = &config->vrrp[i].addresses.item[j];
	const char *fault = router_address_fault(&config->vrrp[i], j);
	char list[SETTINGS_PATH_MAX], text[ADDR_TEXT_MAX];

	key_of("vrrp", i, "addresses", list);
	addr_format(address, text, sizeof(text));
	if (fault) {
		MISTAKE_IN(s, j, list, "", "%s: %s", text, fault);
		return;
	}
	for (size_t k = 0; k < j; k++) {
		if (addr_equal(address, &config->vrrp[i].addresses.item[k]))
			MISTAKE_IN(s, j, list, "", "%s is given twice", text);
	}
	if (addr_is_link_local(address))
		return;			/* nobody is served there */
	if (!is_listened_to(config, address))
		MISTAKE_IN(s, j, list, "", "%s has no entry in listen: clients would get no answer", text);
	if (config_router(config, address) != (int)i)
		MISTAKE_IN(s, j, list, "", "%s belongs to vrrp[%d] already", text, config_router(config, address));
}

static bool is_router_ipv6(const struct config_vrrp *router)
{
	return !addr_is_v4(&router->addresses.item[0]);
}

static bool are_neighbours(const struct config_vrrp *a, const struct config_vrrp *b)
{
	return strcmp(a->interface, b->interface) == 0 && is_router_ipv6(a) == is_router_ipv6(b);
}

/* The same virtual router, in one configuration or two. */
static bool is_same_router(const struct config_vrrp *a, const struct config_vrrp *b)
{
	return a->vrid == b->vrid && are_neighbours(a, b);
}

static void check_router_vrid(struct settings *s, const struct config *config, size_t i)
{
	const struct config_vrrp *router = &config->vrrp[i];

	for (size_t j = 0; j < i; j++) {
		if (is_same_router(router, &config->vrrp[j]))
			MISTAKE_IN(s, i, "vrrp", "vrid",
				   "%u is the number of vrrp[%zu] on %s too, must be another one of "
				   "1-255", router->vrid, j, router->interface);
	}
}

static void check_router_link_local(struct settings *s, const struct config *config, size_t i)
{
	const struct config_vrrp *router = &config->vrrp[i];

	for (size_t j = 0; j < i; j++) {
		if (are_neighbours(router, &config->vrrp[j]) &&
		    addr_equal(&router->addresses.item[0], &config->vrrp[j].addresses.item[0]))
			MISTAKE_IN(s, i, "vrrp", "addresses", "the link-local address is that of vrrp[%zu] too", j);
	}
}

/* RFC 9568, 5.2.9: the first address is link-local. One that is not given follows from the VRID, so both nodes make the
 * same. */
static void put_link_local(struct settings *s, struct config_vrrp *router, size_t i)
{
	struct config_addrs *addresses = &router->addresses;
	struct addr *item;

	if (addresses->n == 1 && addr_is_link_local(&addresses->item[0]))
		MISTAKE_IN(s, i, "vrrp", "addresses",
			   "nobody is served at a link-local address: name another one behind it");
	if (!is_router_ipv6(router) || addr_is_link_local(&addresses->item[0]))
		return;
	if (addresses->n == VRRP_ADDRESSES_MAX) {
		MISTAKE_IN(s, i, "vrrp", "addresses",
			   "%d leave no room for the link-local address that virtual router %u needs "
			   "as its first: name at most %d others", VRRP_ADDRESSES_MAX, router->vrid,
			   VRRP_ADDRESSES_MAX - 1);
		return;
	}
	item = reallocarray(addresses->item, addresses->n + 1, sizeof(*item));
	if (!item) {
		MISTAKE_IN(s, i, "vrrp", "addresses", "out of memory");
		return;
	}
	memmove(item + 1, item, addresses->n * sizeof(*item));
	item[0] = vrrp_link_local((uint8_t)router->vrid);
	*addresses = (struct config_addrs){ item, addresses->n + 1 };
	router->link_local_derived = true;
}

/* The members of a group decide as one, so what they decide by must be one. */
static void check_group(struct settings *s, const struct config *config, size_t i, size_t j)
{
	const struct config_vrrp *a = &config->vrrp[i], *b = &config->vrrp[j];
	const char *key = a->priority != b->priority ? "priority"
			: a->interval_cs != b->interval_cs ? "interval_cs"
			: a->preempt != b->preempt ? "preempt"
			: a->preempt_delay_s != b->preempt_delay_s ? "preempt_delay_s"
			: a->last_resort != b->last_resort ? "last_resort" : NULL;

	if (key)
		MISTAKE_IN(s, i, "vrrp", key, "differs from vrrp[%zu], must be the same in group \"%s\"", j, a->group);
}

/* The first one before it in its group; i when there is none. */
static size_t find_group(const struct config *config, size_t i)
{
	size_t j = 0;

	while (j < i && strcmp(config->vrrp[j].group, config->vrrp[i].group) != 0)
		j++;
	return config->vrrp[i].group[0] ? j : i;
}

/* Why a peer of vrrp[i] cannot have this address; NULL when it can. */
static const char *peer_fault(const struct config *config, size_t i, const struct addr *peer, char *text, size_t size)
{
	const struct config_addrs *addresses = &config->vrrp[i].addresses;
	int router = config_router(config, peer);

	if (addr_is_special(peer))
		return "must be the address of one other host";
	if (router >= 0) {
		snprintf(text, size, "is a virtual address of vrrp[%d], must be the other node's own", router);
		return text;
	}
	if (is_listened_to(config, peer))
		return "is an address of this node in listen, must be the other node's own";
	if (addresses->n && addr_is_v4(peer) != addr_is_v4(&addresses->item[0]))
		return addr_is_v4(peer) ? "is IPv4, must be IPv6 like the virtual addresses"
					: "is IPv6, must be IPv4 like the virtual addresses";
	if (!addr_is_v4(peer) && !addr_is_link_local(peer))
		return "must be link-local: advertisements over IPv6 come from such";
	return NULL;
}

static void check_peer_list(struct settings *s, const struct config *config, size_t i, const char *key,
			    const struct config_addrs *peers)
{
	char list[SETTINGS_PATH_MAX], text[ADDR_TEXT_MAX], room[96];

	key_of("vrrp", i, key, list);
	for (size_t j = 0; j < peers->n; j++) {
		const char *fault = peer_fault(config, i, &peers->item[j], room, sizeof(room));

		for (size_t k = 0; k < j && !fault; k++)
			if (addr_equal(&peers->item[j], &peers->item[k]))
				fault = "is given twice";
		if (fault)
			MISTAKE_IN(s, j, list, "", "%s: %s", addr_format(&peers->item[j], text, sizeof(text)), fault);
	}
}

static void check_peers(struct settings *s, const struct config *config, size_t i)
{
	const struct config_vrrp *router = &config->vrrp[i];

	check_peer_list(s, config, i, "peers", &router->peers);
	check_peer_list(s, config, i, "accept_from", &router->accept_from);
	if (router->peers.n && router->accept_from.n)
		MISTAKE_IN(s, i, "vrrp", "accept_from", "must not stand beside peers, who are the only ones heard");
	if (router->max_hops && !router->peers.n)
		MISTAKE_IN(s, i, "vrrp", "max_hops", "%u needs peers: the group is never routed", router->max_hops);
}

void routerconf_check(struct settings *s, struct config *config)
{
	for (size_t i = 0; i < config->n_vrrp; i++) {
		struct config_vrrp *router = &config->vrrp[i];
		char path[SETTINGS_PATH_MAX], where[CONFIG_WHERE_MAX - SETTINGS_PATH_MAX];

		check_router_interface(s, config, i);
		check_router_vrid(s, config, i);
		for (size_t j = 0; j < router->addresses.n; j++)
			check_router_address(s, config, i, j);
		if (find_group(config, i) < i)
			check_group(s, config, i, find_group(config, i));
		key_of("vrrp", i, "", path);
		snprintf(router->where, sizeof(router->where), "%s: %s",
			 settings_where(s, path, where, sizeof(where)), path);
	}
	if (settings_mistakes(s))
		return;			/* from here on the lists have addresses that the file has not */
	for (size_t i = 0; i < config->n_vrrp; i++) {
		put_link_local(s, &config->vrrp[i], i);
		if (is_router_ipv6(&config->vrrp[i]))
			check_router_link_local(s, config, i);
	}
	for (size_t i = 0; i < config->n_vrrp; i++)
		check_peers(s, config, i);
}

/* ---- virtual routers across a reload ---- */

const struct config_vrrp *routerconf_find(const struct config *config, const struct config_vrrp *router)
{
	for (size_t i = 0; i < config->n_vrrp; i++) {
		if (is_same_router(&config->vrrp[i], router))
			return &config->vrrp[i];
	}
	return NULL;
}

static bool keeps_addresses_apart(const struct config *old, const struct config_vrrp *router, char *error, size_t size)
{
	char text[ADDR_TEXT_MAX];

	for (size_t j = 0; j < router->addresses.n; j++) {
		int owner = config_router(old, &router->addresses.item[j]);

		if (owner < 0 || routerconf_find(old, router) == &old->vrrp[owner])
			continue;
		snprintf(error, size, "%s: %s is another virtual router's until a reload has taken it from there",
			 router->where, addr_format(&router->addresses.item[j], text, sizeof(text)));
		return false;
	}
	return true;
}

bool routerconf_place(const struct config *old, struct config *new, uint32_t taken, char *error, size_t size)
{
	for (size_t i = 0; i < old->n_vrrp; i++)
		taken |= 1u << old->vrrp[i].place;
	for (size_t i = 0; i < new->n_vrrp; i++) {
		struct config_vrrp *router = &new->vrrp[i];
		const struct config_vrrp *same = routerconf_find(old, router);

		if (!keeps_addresses_apart(old, router, error, size))
			return false;
		router->place = same ? same->place : 0;
		while (!same && taken & 1u << router->place) {
			if (++router->place < VRRP_ROUTERS_MAX)
				continue;
			snprintf(error, size, "%s: too many virtual routers while others are being taken out",
				 router->where);
			return false;
		}
		taken |= 1u << router->place;
	}
	return true;
}
