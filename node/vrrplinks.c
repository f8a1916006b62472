/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * vrrplinks.c - the engine learns what the kernel says of the routers' links, and of the way to unicast peers. Contract
 * in routers.h.
 */
#include "node/routers.h"

#include <string.h>

#include "base/addr.h"
#include "base/clock.h"
#include "node/holds.h"
#include "node/peers.h"
#include "node/silence.h"

static bool is_virtual(const struct node_vrrp *v, const struct addr *address)
{
	for (unsigned i = 0; i < v->n; i++)
		for (unsigned j = 0; j < v->conf[i].count; j++)
			if (addr_equal(address, &v->conf[i].addresses[j]))
				return true;
	return false;
}

static bool may_be_source(const struct node_vrrp *v, bool ipv6, const struct link_address *own)
{
	if (own->tentative || is_virtual(v, &own->addr))
		return false;
	return ipv6 ? addr_is_link_local(&own->addr) : addr_is_v4(&own->addr);
}

/* The first address that is not one of the virtual ones; of IPv6 link-local, and the one that it was before for as long
 * as the link has it, because the kernel lists those in no order. */
static struct addr primary_address(const struct node_vrrp *v, unsigned i)
{
	const struct link_state *link = &v->router[i].seen;
	bool ipv6 = vrrp_is_ipv6(&v->conf[i]);
	struct addr first = { 0 };
	bool found = false;

	for (unsigned a = 0; a < link->addresses; a++) {
		const struct link_address *own = &link->address[a];

		if (!may_be_source(v, ipv6, own))
			continue;
		if (!found || (ipv6 && addr_equal(&own->addr, &v->router[i].link.source)))
			first = own->addr;
		found = true;
	}
	return first;
}

static uint32_t longest_link_up_delay_s(const struct node_vrrp *v)
{
	uint32_t longest = 0;

	for (unsigned i = 0; i < v->n; i++)
		if (v->link_up_delay_s[i] > longest)
			longest = v->link_up_delay_s[i];
	return longest;
}

/* A delay that a reload brings does not take down what has long been up. */
static uint64_t link_until(struct node_vrrp *v, unsigned i)
{
	const struct link_state *seen = &v->router[i].seen;
	uint64_t since_ns = holds_link_since(v->holds, v->conf[i].interface, seen->ifindex, seen->up,
					     longest_link_up_delay_s(v) > 0, clock_mono_ns());

	return since_ns && v->link_up_delay_s[i] ? since_ns + v->link_up_delay_s[i] * (uint64_t)CLOCK_NS_PER_S : 0;
}

/* Tells the engine if something is new. An interface that has gone is one without address and carrier. */
static void follow_link(struct node_vrrp *v, unsigned i)
{
	struct router *router = &v->router[i];
	struct vrrp_link link = { .ready = v->is_ready };

	link.boot_until_ns = v->start_delay_s[i] ? holds_boot_until(v->holds, v->start_delay_s[i]) : 0;
	link_read(v->conf[i].interface, &router->seen);
	link.source = primary_address(v, i);
	link.up = router->seen.up;
	memcpy(link.mac, router->seen.mac, sizeof(link.mac));
	link.link_until_ns = link_until(v, i);
	if (router->told && memcmp(&link, &router->link, sizeof(link)) == 0)
		return;
	router->link = link;
	router->told = true;
	silence_set_mac(v->silence, &v->conf[i], link.mac);
	vrrp_engine_link(v->engine, i, &link);
}

void routers_follow_links(void *context)
{
	struct node_vrrp *v = context;

	for (unsigned i = 0; i < v->n; i++)
		if (router_is_used(v, i))
			follow_link(v, i);
	if (v->peers)
		peers_look(v->peers);
}

void routers_note_links(struct node_vrrp *v, uint64_t now_ns)
{
	uint32_t longest = longest_link_up_delay_s(v), held_back;
	int err;

	if (!longest)
		return;
	err = holds_note(v->holds, longest, now_ns);
	if (err && log_limit_pass(&v->links_log, now_ns, ROUTERS_LOG_MS * (uint64_t)CLOCK_NS_PER_MS, &held_back))
		log_warning("vrrp: the state of the links cannot be written down: %s; after a restart link_up_delay_s "
			    "counts anew", strerror(-err));
}

static void on_hops(void *context, unsigned router, const struct vrrp_hops *hops)
{
	struct node_vrrp *v = context;

	vrrp_engine_hops(v->engine, router, hops);
}

int routers_open_peers(struct node_vrrp *v, char *error, size_t size)
{
	int err = 0;

	for (unsigned i = 0; i < v->n && !v->peers && !err; i++)
		if (v->conf[i].unicast)
			err = peers_open(&v->peers, v->parts.loop, v->conf, VRRP_ROUTERS_MAX, on_hops, v);
	return err ? log_fail(err, error, size, "vrrp: peers cannot be followed: %s", strerror(-err)) : 0;
}
